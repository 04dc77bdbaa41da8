package users

import (
	"bytes"
	"crypto/hmac"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"strings"
	"time"

	"bothy/api/cognitoidp"
	"bothy/kv"
	"bothy/wire"
)

const longestName = 128 // characters; the model bounds names everywhere but in AuthParameters

// entrant reads who wants in, and whether they may try now.
func (s *Service) entrant(a *attempt, name string) (u *user, err error) {
	if len([]rune(name)) > longestName {
		return nil, invalid("USERNAME is longer than %d characters", longestName)
	}
	if err := s.checkSecretHash(a.Account, a.client, a.given["SECRET_HASH"], name); err != nil {
		return nil, err
	}
	err = s.view(a, func(tx *kv.Tx) error {
		if u, err = s.person(tx, a.Account, a.client, a.pool, name); err != nil {
			return err
		}
		return mayTry(tx, a.Account, a.pool.ID, u.Sub, a.Now)
	})
	if err != nil {
		return nil, err
	}
	return u, s.preAuthentication(a.Call, a.pool, a.client, u, a.data)
}

// offerSRP answers USER_SRP_AUTH: everything needed to check the proof travels in the sealed SECRET_BLOCK.
func (s *Service) offerSRP(a *attempt) (*cognitoidp.InitiateAuthOutput, error) {
	name, err := a.parameter("USERNAME")
	if err != nil {
		return nil, err
	}
	text, err := a.parameter("SRP_A")
	if err != nil {
		return nil, err
	}
	public, err := parsePublic(text)
	if err != nil {
		return nil, wire.Because(invalid("SRP_A is not a valid public value."), "SRP_A of %d characters is not hex of an integer in [1, N)", len(text))
	}
	u, err := s.entrant(a, name)
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
		Kind: "PASSWORD_VERIFIER", Pool: a.pool.ID, Client: a.client.ID, Sub: u.Sub, Name: u.Name, As: name,
		Expires: a.Now.Add(challengeLife), Secret: x.secret, Public: x.client.Bytes(), Scramb: x.scramb.Bytes(),
	})
	return &cognitoidp.InitiateAuthOutput{
		ChallengeName: wire.Some("PASSWORD_VERIFIER"),
		ChallengeParameters: map[string]string{
			"USER_ID_FOR_SRP": u.Name, "USERNAME": u.Name, "SRP_B": ours.Text(16), "SALT": new(big.Int).SetBytes(cred.salt).Text(16),
			"SECRET_BLOCK": base64.StdEncoding.EncodeToString(block),
		},
	}, err
}

// timestampForm is what clients sign: English names, day without a leading zero, always UTC.
const timestampForm = "Mon Jan 2 15:04:05 UTC 2006"

// checkSRP takes the proof. Its timestamp is part of what is signed but decides nothing: phones' clocks are wrong, and the
// sealed block, with our own time in it, is answered once.
func (s *Service) checkSRP(a *attempt) (*cognitoidp.RespondToAuthChallengeOutput, error) {
	for _, name := range []string{"PASSWORD_CLAIM_SECRET_BLOCK", "TIMESTAMP", "PASSWORD_CLAIM_SIGNATURE"} {
		if _, err := a.parameter(name); err != nil {
			return nil, err
		}
	}
	if _, err := time.Parse(timestampForm, a.given["TIMESTAMP"]); err != nil {
		return nil, invalid("TIMESTAMP format should be EEE MMM d HH:mm:ss z yyyy in english.")
	}
	block, err := base64.StdEncoding.DecodeString(a.given["PASSWORD_CLAIM_SECRET_BLOCK"])
	if err != nil {
		return nil, wire.Because(wrongPassword(), "PASSWORD_CLAIM_SECRET_BLOCK is not base64")
	}
	ch, reason := s.openChallenge(a.Account, block, "PASSWORD_VERIFIER", a.client.ID, a.Now)
	if reason == "" && !ch.names(a.pool, a.given["USERNAME"]) {
		reason = "the challenge was made for another user name"
	}
	if reason != "" {
		return nil, wire.Because(notAuthorized("Invalid session for the user, session is expired."), "%s", reason)
	}
	pr, err := s.prove(a, ch, block)
	if err != nil {
		return nil, err
	}
	v, err := s.judge(a, pr)
	if err != nil {
		return nil, err
	}
	return s.finish(a, v)
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
	return proof{sub: ch.Sub, right: err == nil && hmac.Equal(got, want), sealed: block, ch: ch, against: u.Credential}, nil
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
func (s *Service) byPassword(a *attempt) (*cognitoidp.InitiateAuthOutput, error) {
	name, err := a.parameter("USERNAME")
	if err != nil {
		return nil, err
	}
	password, err := a.parameter("PASSWORD")
	if err != nil {
		return nil, err
	}
	u, err := s.entrant(a, name)
	if err != nil {
		return nil, err
	}
	cred, err := s.credentialOf(a.Account, a.pool, u)
	if err != nil {
		return nil, err
	}
	v, err := s.judge(a, proof{sub: u.Sub, right: s.matches(cred, a.pool.ID, u.Name, password), against: u.Credential})
	if err != nil {
		return nil, err
	}
	out, err := s.finish(a, v)
	if err != nil {
		return nil, err
	}
	begun := cognitoidp.InitiateAuthOutput(*out)
	return &begun, nil
}

const newPasswordRequired = "NEW_PASSWORD_REQUIRED"

// askNewPassword tells a user who signed in with a temporary password to choose their own.
func (s *Service) askNewPassword(a *attempt, u *user) (*cognitoidp.RespondToAuthChallengeOutput, error) {
	life := time.Duration(a.client.Settings.AuthSessionValidity.Or(3)) * time.Minute
	sealed, err := s.sealChallenge(a.Account, challenge{
		Kind: newPasswordRequired, Pool: a.pool.ID, Client: a.client.ID, Sub: u.Sub, Name: u.Name, As: a.given["USERNAME"], Expires: a.Now.Add(life),
		Against: digest(u.Credential),
	})
	if err != nil {
		return nil, err
	}
	shown := map[string]string{}
	for name, v := range u.Attributes {
		if a.client.mayRead(name) {
			shown[name] = v
		}
	}
	missing := []string{}
	for _, at := range a.pool.Settings.SchemaAttributes {
		if at.Required.V && at.Name.V != "sub" && u.Attributes[at.Name.V] == "" {
			missing = append(missing, "userAttributes."+at.Name.V)
		}
	}
	attributes, err := json.Marshal(shown)
	if err != nil {
		return nil, err
	}
	required, err := json.Marshal(missing)
	return &cognitoidp.RespondToAuthChallengeOutput{
		ChallengeName: wire.Some(newPasswordRequired), Session: wire.Some(base64.RawURLEncoding.EncodeToString(sealed)),
		ChallengeParameters: map[string]string{"USER_ID_FOR_SRP": u.Name, "userAttributes": string(attributes), "requiredAttributes": string(required)},
	}, err
}

// setNewPassword takes the password a user chose in place of a temporary one.
func (s *Service) setNewPassword(a *attempt, session string) (*cognitoidp.RespondToAuthChallengeOutput, error) {
	password, err := a.parameter("NEW_PASSWORD")
	if err != nil {
		return nil, err
	}
	sealed, err := base64.RawURLEncoding.DecodeString(session)
	reason := "the session is not base64"
	var ch challenge
	if err == nil {
		ch, reason = s.openChallenge(a.Account, sealed, newPasswordRequired, a.client.ID, a.Now)
	}
	if reason == "" && !ch.names(a.pool, a.given["USERNAME"]) {
		reason = "the session was made for another user name"
	}
	if reason != "" {
		return nil, wire.Because(notAuthorized("Invalid session for the user, session is expired."), "%s", reason)
	}
	if err := a.pool.checkPolicy(password); err != nil {
		return nil, err
	}
	values, err := a.answered()
	if err != nil {
		return nil, err
	}
	g, err := s.replaceTemporary(a, ch, sealed, s.sealPassword(a.Account, a.pool.ID, ch.Sub, ch.Name, password), values)
	if err != nil {
		return nil, err
	}
	return s.complete(a, g, "TokenGeneration_NewPasswordChallenge")
}

// answered are the attributes that come along with a new password.
func (a *attempt) answered() (map[string]string, error) {
	var list []cognitoidp.AttributeType
	for name, v := range a.given {
		if attribute, ok := strings.CutPrefix(name, "userAttributes."); ok {
			list = append(list, cognitoidp.AttributeType{Name: wire.Some(attribute), Value: wire.Some(v)})
		}
	}
	values, err := a.pool.valuesOf(list)
	if err != nil {
		return nil, err
	}
	return values, a.client.mayWrite(sortedKeys(values))
}

func (s *Service) replaceTemporary(a *attempt, ch challenge, sealed, credential []byte, values map[string]string) (g *grant, err error) {
	err = s.update(a, func(tx *kv.Tx) error {
		fresh, err := spend(tx, a.Account, a.pool.ID, sealed, ch.Expires)
		if err != nil {
			return err
		}
		u, err := people.Get(tx, inPool(a.Account, a.pool.ID), a.pool.ID, ch.Sub)
		if err != nil && !absent(err) {
			return err
		}
		if !fresh || err != nil || u.Status != forceChange || !bytes.Equal(digest(u.Credential), ch.Against) {
			return wire.Because(notAuthorized("Invalid session for the user, session can only be used once."), "the session was used before, or the user has another password by now")
		}
		if err := mayEnter(u, a.Now); err != nil {
			return err
		}
		if err := a.pool.change(u, values); err != nil {
			return err
		}
		u.Credential, u.Status, u.TempUntil = credential, confirmed, time.Time{}
		if err := s.save(tx, a.Account, a.pool, u, false, a.Now); err != nil {
			return err
		}
		g, err = newGrant(tx, a.Call, a.client, a.pool, u)
		return err
	})
	return g, err
}
