package users

import (
	"crypto/hmac"
	"encoding/base64"
	"math/big"
	"time"

	"bothy/kv"
	"bothy/wire"
)

const longestName = 128 // characters; the model bounds names everywhere but in AuthParameters

// mayName refuses names that are none, and clients that do not know their secret.
func (s *Service) mayName(a *attempt, name string) error {
	if len([]rune(name)) > longestName {
		return invalid("USERNAME is longer than %d characters", longestName)
	}
	return s.checkSecretHash(a.Account, a.client, a.given["SECRET_HASH"], name)
}

// entrant reads who wants in, and whether they may try now.
func (s *Service) entrant(a *attempt, name string) (u *user, err error) {
	if err := s.mayName(a, name); err != nil {
		return nil, err
	}
	err = s.view(a, func(tx *kv.Tx) error {
		if u, err = s.person(tx, a.Account, a.client, a.pool, name); err != nil {
			return err
		}
		return a.mayTry(tx, u.Sub)
	})
	if err != nil {
		return nil, err
	}
	return u, s.preAuthentication(a.Call, a.pool, a.client, u, a.validation)
}

// bySRP begins USER_SRP_AUTH.
func (s *Service) bySRP(a *attempt, way progress) (*step, error) {
	name, err := a.parameter("USERNAME")
	if err != nil {
		return nil, err
	}
	if _, err := a.srpPublic(); err != nil {
		return nil, err
	}
	u, err := s.entrant(a, name)
	if err != nil {
		return nil, err
	}
	return s.offerSRP(a, u, way)
}

// srpPublic reads the client's public value.
func (a *attempt) srpPublic() (*big.Int, error) {
	text, err := a.parameter("SRP_A")
	if err != nil {
		return nil, err
	}
	public, err := parsePublic(text)
	if err != nil {
		return nil, wire.Because(invalid("SRP_A is not a valid public value."), "SRP_A of %d characters is not hex of an integer in [1, N)", len(text))
	}
	return public, nil
}

// offerSRP asks for a proof of the password: everything needed to check it travels in the sealed SECRET_BLOCK.
func (s *Service) offerSRP(a *attempt, u *user, way progress) (*step, error) {
	public, err := a.srpPublic()
	if err != nil {
		return nil, err
	}
	cred, err := s.credentialOf(a.Account, a.pool, u)
	if err != nil {
		return nil, err
	}
	var x exchange
	var ours *big.Int
	s.cores.spend(func() { x, ours = newExchange(public, cred.verifier) })
	block, err := s.sealChallenge(a.Account, challenge{
		Kind: passwordVerifier, Pool: a.pool.ID, Client: a.client.ID, Sub: u.Sub, Name: u.Name, As: a.given["USERNAME"],
		Expires: a.Now.Add(challengeLife), Way: way, Secret: x.secret, Public: x.client.Bytes(), Scramb: x.scramb.Bytes(),
	})
	return &step{name: passwordVerifier, params: map[string]string{
		"USER_ID_FOR_SRP": u.Name, "USERNAME": u.Name, "SRP_B": ours.Text(16), "SALT": new(big.Int).SetBytes(cred.salt).Text(16),
		"SECRET_BLOCK": base64.StdEncoding.EncodeToString(block),
	}}, err
}

// timestampForm is what clients sign: English names, day without a leading zero, always UTC.
const timestampForm = "Mon Jan 2 15:04:05 UTC 2006"

// checkSRP takes the proof. Its timestamp is part of what is signed but decides nothing: phones' clocks are wrong, and the
// sealed block, with our own time in it, is answered once.
func (s *Service) checkSRP(a *attempt) (*step, error) {
	ch, block, err := s.claimed(a, passwordVerifier)
	if err != nil {
		return nil, err
	}
	pr, err := s.prove(a, ch, block)
	if err != nil {
		return nil, err
	}
	v, err := s.judge(a, pr)
	if err != nil {
		return nil, err
	}
	return s.settle(a, v)
}

// claimed reads what a proof by SRP is a proof for: the challenge in its block, which must be of the kind and for the user and client.
func (s *Service) claimed(a *attempt, kind string) (ch challenge, block []byte, err error) {
	for _, name := range []string{"PASSWORD_CLAIM_SECRET_BLOCK", "TIMESTAMP", "PASSWORD_CLAIM_SIGNATURE"} {
		if _, err := a.parameter(name); err != nil {
			return ch, nil, err
		}
	}
	if _, err := time.Parse(timestampForm, a.given["TIMESTAMP"]); err != nil {
		return ch, nil, invalid("TIMESTAMP format should be EEE MMM d HH:mm:ss z yyyy in english.")
	}
	block, err = base64.StdEncoding.DecodeString(a.given["PASSWORD_CLAIM_SECRET_BLOCK"])
	if err != nil {
		return ch, nil, wire.Because(wrongPassword(), "PASSWORD_CLAIM_SECRET_BLOCK is not base64")
	}
	ch, reason := s.openChallenge(a.Account, block, kind, a.client.ID, a.Now)
	if reason == "" && !ch.names(a.pool, a.given["USERNAME"]) {
		reason = "the challenge was made for another user name"
	}
	if reason != "" {
		return ch, nil, wire.Because(notAuthorized("Invalid session for the user, session is expired."), "%s", reason)
	}
	return ch, block, nil
}

// names tells whether the name is one the challenge was made for.
func (ch *challenge) names(p *pool, name string) bool {
	folded := p.fold(name)
	return folded == p.fold(ch.Name) || folded == p.fold(ch.As) || name == ch.Sub
}

// prove computes what the proof should be and compares.
func (s *Service) prove(a *attempt, ch challenge, block []byte) (proof, error) {
	u, err := s.challenged(a, ch)
	if err != nil {
		return proof{}, err
	}
	cred, err := s.credentialOf(a.Account, a.pool, u)
	if err != nil {
		return proof{}, err
	}
	x := exchange{ch.Secret, new(big.Int).SetBytes(ch.Public), new(big.Int).SetBytes(ch.Scramb)}
	var key []byte
	s.cores.spend(func() { key = x.key(cred.verifier) })
	want := claim(key, realmOf(a.pool.ID), ch.Name, block, a.given["TIMESTAMP"])
	got, err := base64.StdEncoding.DecodeString(a.given["PASSWORD_CLAIM_SIGNATURE"])
	return proof{sub: ch.Sub, right: err == nil && hmac.Equal(got, want), sealed: block, ch: ch, against: u.Credential, way: ch.Way, shown: passwordVerifier}, nil
}

// challenged reads the user of a challenge; the ghost, when it was made for one.
func (s *Service) challenged(a *attempt, ch challenge) (u *user, err error) {
	err = s.view(a, func(tx *kv.Tx) error {
		if u, err = people.Get(tx, inPool(a.Account, a.pool.ID), a.pool.ID, ch.Sub); absent(err) {
			u, err = &user{Pool: a.pool.ID, Sub: ch.Sub, Name: ch.Name, ghost: true}, nil
		}
		return err
	})
	return u, err
}

// byPassword answers the flows that show the password itself, over TLS: it is checked against the SRP verifier.
func (s *Service) byPassword(a *attempt, way progress) (*step, error) {
	name, err := a.parameter("USERNAME")
	if err != nil {
		return nil, err
	}
	password, err := a.parameter("PASSWORD")
	if err != nil {
		return nil, err
	}
	if err := s.mayName(a, name); err != nil {
		return nil, err
	}
	if err := s.migrate(a, migrateSignIn, name, password); err != nil {
		return nil, err
	}
	u, err := s.entrant(a, name)
	if err != nil {
		return nil, err
	}
	return s.checkPassword(a, u, way, password)
}

// checkPassword takes a password that is shown.
func (s *Service) checkPassword(a *attempt, u *user, way progress, password string) (*step, error) {
	cred, err := s.credentialOf(a.Account, a.pool, u)
	if err != nil {
		return nil, err
	}
	a.common = isCommon(password)
	v, err := s.judge(a, proof{sub: u.Sub, right: s.matches(cred, a.pool.ID, u.Name, password), against: u.Credential, way: way, shown: shownPassword})
	if err != nil {
		return nil, err
	}
	return s.settle(a, v)
}
