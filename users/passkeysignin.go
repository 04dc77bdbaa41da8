package users

import (
	"encoding/json"
	"errors"

	"bothy/kv"
	"bothy/users/passkey"
	"bothy/wire"
)

// askPasskey asks for a signature by one of the user's keys. Ghosts have one too, which nobody holds.
func (s *Service) askPasskey(a *attempt, u *user, way progress) (*step, error) {
	site, verification, err := a.pool.site()
	if err != nil {
		return nil, err
	}
	var keys []*passkeyRow
	err = s.view(a, func(tx *kv.Tx) (err error) {
		keys, err = passkeysHere(tx, a.Account, a.pool, u)
		return err
	})
	if err != nil {
		return nil, err
	}
	if u.ghost {
		mask, err := s.mask(a.Account, a.pool)
		if err != nil {
			return nil, err
		}
		keys = []*passkeyRow{{ID: mac(mask, []byte("passkey"), []byte(u.Sub)), Key: passkey.Key{Transports: []string{"hybrid", "internal"}}}}
	}
	challenge := challenge{Secret: randomChallenge()}
	options, err := json.Marshal(map[string]any{
		"challenge": passkey.Challenge(challenge.Secret), "timeout": a.client.patience().Milliseconds(), "rpId": site.ID, "allowCredentials": described(keys), "userVerification": verification,
	})
	if err != nil {
		return nil, err
	}
	session, err := s.sessionOf(a, &verdict{user: u, way: way, ask: webAuthn}, challenge)
	return &step{name: webAuthn, session: session, params: map[string]string{"USERNAME": u.Name, "CREDENTIAL_REQUEST_OPTIONS": string(options)}}, err
}

// checkPasskey takes the authenticator's answer. Right or wrong, its challenge has served.
func (s *Service) checkPasskey(a *attempt, session string) (*step, error) {
	text, err := a.parameter("CREDENTIAL")
	if err != nil {
		return nil, err
	}
	ch, sealed, err := s.resume(a, webAuthn, session)
	if err != nil {
		return nil, err
	}
	v, err := s.admit(a, ch.Sub, ch.Way, webAuthn, func(tx *kv.Tx, u *user) error {
		if err := spendSession(tx, a, ch, sealed); err != nil {
			return err
		}
		return refusedPasskey(s.checkAssertion(tx, a, u, ch, text))
	})
	if err != nil {
		return nil, err
	}
	return s.settle(a, v)
}

// checkAssertion checks a signature by one of the user's own keys, and notes its count.
func (s *Service) checkAssertion(tx *kv.Tx, a *attempt, u *user, ch challenge, text string) error {
	signed, err := passkey.ParseAssertion([]byte(text))
	if err != nil {
		return err
	}
	if len(signed.Handle) > 0 && string(signed.Handle) != u.Sub {
		return errOfAnother
	}
	site, _, err := a.pool.site()
	if err != nil {
		return err
	}
	k, err := passkeys.Get(tx, inPool(a.Account, a.pool.ID), a.pool.ID, u.Sub, signed.ID)
	if absent(err) || err == nil && k.Site != site.ID {
		return errOfAnother
	}
	if err != nil {
		return err
	}
	if k.Key.Count, err = site.Check(signed, passkey.Challenge(ch.Secret), &k.Key); err != nil {
		return err
	}
	return passkeys.Put(tx, inPool(a.Account, a.pool.ID), k)
}

var errOfAnother = errors.New("users: the passkey is none of the user's for this relying party")

// refusedPasskey says what is wrong with an answer no more exactly than of a password, and lets the challenge stay spent.
func refusedPasskey(why error) error {
	for _, kind := range []error{errOfAnother, passkey.ErrResponse, passkey.ErrOrigin, passkey.ErrRelyingParty, passkey.ErrUnsupported} {
		if errors.Is(why, kind) {
			return keep(wire.Because(wrongPassword(), "%v", why))
		}
	}
	return keep(why)
}
