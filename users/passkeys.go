package users

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"bothy/api/cognitoidp"
	"bothy/kv"
	"bothy/record"
	"bothy/users/passkey"
	"bothy/wire"
)

const (
	mostPasskeys    = 20 // of a user, as with AWS
	passkeyPatience = time.Minute
)

// passkeyRow is a key that a user may sign in with.
type passkeyRow struct {
	Pool, Sub string
	ID        []byte
	Site      string // relying party id
	Key       passkey.Key
	Created   time.Time
}

// ceremony is a registration that waits for the authenticator's answer: one per user, the last.
type ceremony struct {
	Pool, Sub string
	Client    string
	Site      string
	Challenge []byte
	Expires   time.Time
}

var (
	passkeys = record.Table[passkeyRow]{
		Name: "users.passkey", Version: 1, Key: func(k *passkeyRow) []any { return []any{k.Pool, k.Sub, k.ID} },
		Indexes: []record.Index[passkeyRow]{{Name: "id", Unique: true, Keys: func(k *passkeyRow) [][]any { return [][]any{{k.Pool, k.ID}} }}},
	}

	ceremonies = record.Table[ceremony]{
		Name: "users.ceremony", Version: 1, Key: func(c *ceremony) []any { return []any{c.Pool, c.Sub} },
		Expires: func(c *ceremony) time.Time { return c.Expires },
	}
)

// mountPasskeys mounts what signed-in users do with their keys.
func (s *Service) mountPasskeys(m *wire.Mux) {
	wire.HandlePublic(m, cognitoidp.GetUserAuthFactors, s.getUserAuthFactors)
	wire.HandlePublic(m, cognitoidp.StartWebAuthnRegistration, s.startWebAuthnRegistration)
	wire.HandlePublic(m, cognitoidp.CompleteWebAuthnRegistration, s.completeWebAuthnRegistration)
	wire.HandlePublic(m, cognitoidp.ListWebAuthnCredentials, s.listWebAuthnCredentials)
	wire.HandlePublic(m, cognitoidp.DeleteWebAuthnCredential, s.deleteWebAuthnCredential)
}

// relyingParty is what the pool's passkeys are made for; without an id there is none.
func (p *pool) relyingParty() cognitoidp.WebAuthnConfigurationType {
	if p.Methods.WebAuthn == nil {
		return cognitoidp.WebAuthnConfigurationType{}
	}
	return *p.Methods.WebAuthn
}

// setRelyingParty takes what SetUserPoolMfaConfig says of passkeys. What it leaves out stays as it is.
func (p *pool) setRelyingParty(in *cognitoidp.WebAuthnConfigurationType) error {
	r := p.relyingParty()
	if in.RelyingPartyId.Set {
		if err := passkey.CheckID(in.RelyingPartyId.V); err != nil {
			return wire.Because(invalid("Invalid relying party ID."), "%v", err)
		}
		r.RelyingPartyId = in.RelyingPartyId
	}
	r.UserVerification = wire.Some(in.UserVerification.Or(r.UserVerification.Or("preferred")))
	r.FactorConfiguration = wire.Some(in.FactorConfiguration.Or(r.FactorConfiguration.Or("SINGLE_FACTOR")))
	if p.Methods.WebAuthn = &r; p.passkeysAreMFA() && r.UserVerification.V != "required" {
		return invalid("FactorConfiguration MULTI_FACTOR_WITH_USER_VERIFICATION takes UserVerification required.")
	}
	return nil
}

// passkeysAreMFA tells whether the pool counts a passkey, whose authenticator has made sure who uses it, as two factors.
func (p *pool) passkeysAreMFA() bool {
	return p.relyingParty().FactorConfiguration.V == "MULTI_FACTOR_WITH_USER_VERIFICATION"
}

// site is where the pool's passkeys serve. It fails for pools that take none.
func (p *pool) site() (site passkey.Site, verification string, err error) {
	if !allowsFactor(p, webAuthn) {
		return site, "", &cognitoidp.WebAuthnNotEnabledException{Message: wire.Some("WebAuthn is not enabled for this user pool.")}
	}
	r := p.relyingParty()
	if r.RelyingPartyId.V == "" {
		err = &cognitoidp.WebAuthnConfigurationMissingException{Message: wire.Some("The user pool has no relying party ID.")}
	}
	return passkey.Site{ID: r.RelyingPartyId.V, VerifyUser: r.UserVerification.V == "required"}, r.UserVerification.Or("preferred"), err
}

// passkeysHere are a user's keys for what the pool's relying party is now.
func passkeysHere(tx *kv.Tx, account string, p *pool, u *user) ([]*passkeyRow, error) {
	r := p.relyingParty()
	if r.RelyingPartyId.V == "" {
		return nil, nil
	}
	all, err := passkeys.All(tx, inPool(account, p.ID), "", p.ID, u.Sub)
	return slices.DeleteFunc(all, func(k *passkeyRow) bool { return k.Site != r.RelyingPartyId.V }), err
}

// described are keys as options name them.
func described(keys []*passkeyRow) []map[string]any {
	out := []map[string]any{}
	for _, k := range keys {
		d := map[string]any{"type": "public-key", "id": base64.RawURLEncoding.EncodeToString(k.ID)}
		if len(k.Key.Transports) > 0 {
			d["transports"] = k.Key.Transports
		}
		out = append(out, d)
	}
	return out
}

func randomChallenge() []byte {
	b := make([]byte, 32)
	rand.Read(b) //nolint:errcheck // never fails (crypto/rand)
	return b
}

func (s *Service) startWebAuthnRegistration(c *wire.Call, in *cognitoidp.StartWebAuthnRegistrationInput) (*cognitoidp.StartWebAuthnRegistrationOutput, error) {
	var options map[string]any
	err := s.asBearer(c, in.AccessToken.V, func(tx *kv.Tx, b *bearer) error {
		site, verification, err := b.pool.site()
		if err != nil {
			return err
		}
		have, err := passkeysHere(tx, c.Account, b.pool, b.user)
		if err != nil {
			return err
		}
		cer := &ceremony{Pool: b.pool.ID, Sub: b.user.Sub, Client: b.client.ID, Site: site.ID, Challenge: randomChallenge(), Expires: c.Now.Add(passkeyPatience)}
		shown := b.user.Name
		if v := b.user.Attributes["email"]; v != "" && b.user.Name == b.user.Sub {
			shown = v
		}
		options = map[string]any{
			"challenge": passkey.Challenge(cer.Challenge), "timeout": passkeyPatience.Milliseconds(), "attestation": "none",
			"rp":                     map[string]any{"id": site.ID, "name": site.ID},
			"user":                   map[string]any{"id": base64.RawURLEncoding.EncodeToString([]byte(b.user.Sub)), "name": shown, "displayName": shown},
			"pubKeyCredParams":       passkey.Parameters(),
			"excludeCredentials":     described(have),
			"authenticatorSelection": map[string]any{"requireResidentKey": true, "residentKey": "required", "userVerification": verification},
		}
		return ceremonies.Put(tx, inPool(c.Account, b.pool.ID), cer)
	})
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(options)
	return &cognitoidp.StartWebAuthnRegistrationOutput{CredentialCreationOptions: wire.Document(text)}, err
}

// completeWebAuthnRegistration takes the authenticator's answer. Right or wrong, its challenge has served.
func (s *Service) completeWebAuthnRegistration(c *wire.Call, in *cognitoidp.CompleteWebAuthnRegistrationInput) (*cognitoidp.CompleteWebAuthnRegistrationOutput, error) {
	return nil, s.asBearer(c, in.AccessToken.V, func(tx *kv.Tx, b *bearer) error {
		scope := inPool(c.Account, b.pool.ID)
		site, _, err := b.pool.site()
		if err != nil {
			return err
		}
		cer, err := ceremonies.Get(tx, scope, b.pool.ID, b.user.Sub)
		if absent(err) || err == nil && c.Now.After(cer.Expires) {
			return &cognitoidp.WebAuthnChallengeNotFoundException{Message: wire.Some("The challenge was not found, or has expired.")}
		}
		if err == nil && cer.Client != b.client.ID {
			return &cognitoidp.WebAuthnClientMismatchException{Message: wire.Some("The registration was started by another client.")}
		}
		if err == nil {
			err = ceremonies.Delete(tx, scope, b.pool.ID, b.user.Sub)
		}
		if err != nil {
			return err
		}
		site.ID = cer.Site
		key, err := site.Register(in.Credential, passkey.Challenge(cer.Challenge))
		if err != nil {
			return keep(badPasskey(err))
		}
		return keep(addPasskey(tx, c, b, cer.Site, key))
	})
}

func addPasskey(tx *kv.Tx, c *wire.Call, b *bearer, site string, key *passkey.Key) error {
	scope := inPool(c.Account, b.pool.ID)
	have, err := passkeys.All(tx, scope, "", b.pool.ID, b.user.Sub)
	if err != nil {
		return err
	}
	if len(have) >= mostPasskeys {
		return &cognitoidp.LimitExceededException{Message: wire.Some("The user has as many passkeys as allowed.")}
	}
	_, err = passkeys.Find(tx, scope, "id", b.pool.ID, key.ID)
	if err == nil {
		return badPasskey(passkey.ErrUnsupported)
	}
	if !absent(err) {
		return err
	}
	return passkeys.Insert(tx, scope, &passkeyRow{Pool: b.pool.ID, Sub: b.user.Sub, ID: key.ID, Site: site, Key: *key, Created: c.Now})
}

// badPasskey refuses a registration.
func badPasskey(why error) error {
	var refusal error
	switch {
	case errors.Is(why, passkey.ErrOrigin):
		refusal = &cognitoidp.WebAuthnOriginNotAllowedException{Message: wire.Some("The origin is not allowed.")}
	case errors.Is(why, passkey.ErrRelyingParty):
		refusal = &cognitoidp.WebAuthnRelyingPartyMismatchException{Message: wire.Some("The relying party ID does not match.")}
	case errors.Is(why, passkey.ErrUnsupported):
		refusal = &cognitoidp.WebAuthnCredentialNotSupportedException{Message: wire.Some("The credential is not supported.")}
	default:
		refusal = invalid("Invalid credential.")
	}
	return wire.Because(refusal, "%v", why)
}

func (s *Service) listWebAuthnCredentials(c *wire.Call, in *cognitoidp.ListWebAuthnCredentialsInput) (*cognitoidp.ListWebAuthnCredentialsOutput, error) {
	m, err := s.accessToken(c, in.AccessToken.V)
	if err != nil {
		return nil, err
	}
	out := &cognitoidp.ListWebAuthnCredentialsOutput{Credentials: []cognitoidp.WebAuthnCredentialDescription{}}
	return out, s.view(c, func(tx *kv.Tx) error {
		b, err := bearerOf(tx, c.Account, m)
		if err != nil {
			return err
		}
		pg := page(in.NextToken, in.MaxResults)
		pg.Prefix, pg.Limit = []any{b.pool.ID, b.user.Sub}, min(pg.Limit, mostPasskeys)
		rows, next, err := passkeys.List(tx, inPool(c.Account, b.pool.ID), pg)
		for _, k := range rows {
			out.Credentials = append(out.Credentials, cognitoidp.WebAuthnCredentialDescription{
				CredentialId: wire.Some(base64.RawURLEncoding.EncodeToString(k.ID)), FriendlyCredentialName: wire.Some("Passkey"), RelyingPartyId: wire.Some(k.Site),
				AuthenticatorAttachment: wire.NonEmpty(k.Key.Attachment), AuthenticatorTransports: append([]string{}, k.Key.Transports...), CreatedAt: wire.Some(k.Created),
			})
		}
		out.NextToken = wire.NonEmpty(next)
		return badToken(err)
	})
}

func (s *Service) deleteWebAuthnCredential(c *wire.Call, in *cognitoidp.DeleteWebAuthnCredentialInput) (*cognitoidp.DeleteWebAuthnCredentialOutput, error) {
	return nil, s.asBearer(c, in.AccessToken.V, func(tx *kv.Tx, b *bearer) error {
		id, err := base64.RawURLEncoding.DecodeString(in.CredentialId.V)
		if err == nil {
			err = passkeys.Delete(tx, inPool(c.Account, b.pool.ID), b.pool.ID, b.user.Sub, id)
		}
		if failed := (base64.CorruptInputError)(0); absent(err) || errors.As(err, &failed) {
			return notFound("The passkey does not exist.")
		}
		return err
	})
}

// forgetPasskeys removes a user's keys.
func forgetPasskeys(tx *kv.Tx, account string, u *user) error {
	scope := inPool(account, u.Pool)
	keys, err := passkeys.All(tx, scope, "", u.Pool, u.Sub)
	if err != nil {
		return err
	}
	for _, k := range keys {
		if err := passkeys.Delete(tx, scope, k.Pool, k.Sub, k.ID); err != nil {
			return err
		}
	}
	return ignoreAbsent(ceremonies.Delete(tx, scope, u.Pool, u.Sub))
}

// portedPasskey is a key in a pool's portable form. It serves on wherever the relying party's pages are.
type portedPasskey struct {
	Site    string
	Key     passkey.Key
	Created time.Time
}

func (s *Service) exportPasskeys(tx *kv.Tx, account string, u *user) (any, error) {
	keys, err := passkeys.All(tx, inPool(account, u.Pool), "", u.Pool, u.Sub)
	if err != nil || len(keys) == 0 {
		return nil, err
	}
	var out []portedPasskey
	for _, k := range keys {
		out = append(out, portedPasskey{k.Site, k.Key, k.Created})
	}
	return out, nil
}

func (s *Service) importPasskeys(tx *kv.Tx, account string, u *user, raw json.RawMessage) error {
	var keys []portedPasskey
	if err := json.Unmarshal(raw, &keys); err != nil {
		return invalid("The user's passkeys are none.")
	}
	for _, k := range keys {
		row := &passkeyRow{Pool: u.Pool, Sub: u.Sub, ID: k.Key.ID, Site: k.Site, Key: k.Key, Created: k.Created}
		err := passkeys.Put(tx, inPool(account, u.Pool), row)
		if taken := (*record.ErrExists)(nil); errors.As(err, &taken) {
			return invalid("A passkey of the user is another's here.")
		}
		if err != nil {
			return err
		}
	}
	return nil
}
