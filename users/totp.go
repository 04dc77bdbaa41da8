package users

import (
	"encoding/json"

	"bothy/api/cognitoidp"
	"bothy/kv"
	"bothy/otp"
	"bothy/record"
	"bothy/wire"
)

// totp is a user's authenticator app. A new secret waits beside the old one until a code of it was shown.
type totp struct {
	Pool, Sub string
	Secret    []byte `json:",omitempty"` // sealed; nil: none is verified
	Fresh     []byte `json:",omitempty"` // sealed; waits to be verified
	Name      string `json:",omitempty"` // the user's, of the app
	Last      int64  `json:",omitempty"` // step of the last code shown: it and those before serve no more
}

var totps = record.Table[totp]{Name: "users.totp", Version: 1, Key: func(t *totp) []any { return []any{t.Pool, t.Sub} }}

// longestAppName is in characters.
const longestAppName = 256

func totpPlace(account, poolID, sub string) string {
	return "users.totp/" + account + "/" + poolID + "/" + sub
}

// totpRow reads a user's row, or starts one.
func totpRow(tx *kv.Tx, account string, u *user) (*totp, error) {
	t, err := totps.Get(tx, inPool(account, u.Pool), u.Pool, u.Sub)
	if absent(err) {
		return &totp{Pool: u.Pool, Sub: u.Sub}, nil
	}
	return t, err
}

// tryTOTP checks a code of the user's authenticator. A code serves once, even if the app still shows it.
func (s *Service) tryTOTP(tx *kv.Tx, a *attempt, u *user, _ *challenge, text string) error {
	t, err := totpRow(tx, a.Account, u)
	if err != nil {
		return err
	}
	if t.Secret == nil {
		return errWrongCode
	}
	secret, err := s.cfg.Sealer.Open(totpPlace(a.Account, u.Pool, u.Sub), t.Secret)
	if err != nil {
		return err
	}
	step, ok := otp.Match(secret, text, a.Now, otp.Window)
	if !ok {
		return errWrongCode
	}
	if step <= t.Last {
		spent := &cognitoidp.ExpiredCodeException{Message: wire.Some("Your software token has already been used once.")}
		return wire.Because(spent, "the code is of step %d, step %d was shown before", step, t.Last)
	}
	t.Last = step
	return totps.Put(tx, inPool(a.Account, u.Pool), t)
}

func noSoftwareTokens() error {
	return &cognitoidp.SoftwareTokenMFANotFoundException{Message: wire.Some("Software Token MFA has not been enabled by the userPool")}
}

// associateSoftwareToken makes a secret for an authenticator app: of a signed-in user, or of one who must set up a second factor to sign in.
func (s *Service) associateSoftwareToken(c *wire.Call, in *cognitoidp.AssociateSoftwareTokenInput) (*cognitoidp.AssociateSoftwareTokenOutput, error) {
	secret := otp.NewSecret()
	out := &cognitoidp.AssociateSoftwareTokenOutput{SecretCode: wire.Some(otp.Encode(secret))}
	if in.AccessToken.Set == in.Session.Set {
		return nil, invalid("Either AccessToken or Session is required, not both.")
	}
	if in.Session.Set {
		session, err := s.associateInSession(c, in.Session.V, secret)
		out.Session = wire.Some(session)
		return out, err
	}
	return out, s.asBearer(c, in.AccessToken.V, func(tx *kv.Tx, b *bearer) error {
		if !b.pool.Methods.TOTP {
			return noSoftwareTokens()
		}
		t, err := totpRow(tx, c.Account, b.user)
		if err != nil {
			return err
		}
		t.Fresh = s.cfg.Sealer.Seal(totpPlace(c.Account, t.Pool, t.Sub), secret)
		return totps.Put(tx, inPool(c.Account, t.Pool), t)
	})
}

// associateInSession puts the secret into a new session: nothing is kept until a code of it was shown.
func (s *Service) associateInSession(c *wire.Call, session string, secret []byte) (string, error) {
	a, ch, sealed, err := s.settingUp(c, session)
	if err != nil {
		return "", err
	}
	var u *user
	err = s.view(c, func(tx *kv.Tx) error {
		u, err = s.maySetUp(tx, a, ch, sealed)
		return err
	})
	if err != nil {
		return "", err
	}
	return s.sessionOf(a, &verdict{user: u, way: ch.Way, ask: mfaSetup}, challenge{Against: ch.Against, Secret: secret})
}

// settingUp opens the session of MFA_SETUP that comes without a client id: the session names the client.
func (s *Service) settingUp(c *wire.Call, session string) (*attempt, challenge, []byte, error) {
	expired := notAuthorized("Invalid session for the user, session is expired.")
	sealed, err := sealedOf(session)
	if err != nil {
		return nil, challenge{}, nil, wire.Because(expired, "the session is not base64")
	}
	claimed, err := s.unsealChallenge(c.Account, sealed)
	if err != nil {
		return nil, challenge{}, nil, wire.Because(expired, "%v", err)
	}
	cl, p, err := s.stranger(c, claimed.Client)
	if err != nil {
		return nil, challenge{}, nil, err
	}
	a := &attempt{Call: c, client: cl, pool: p, given: map[string]string{"USERNAME": claimed.Name}, from: visitorOf(c, cl, nil)}
	ch, sealed, err := s.resume(a, mfaSetup, session)
	return a, ch, sealed, err
}

// maySetUp reads the user of the session, who must still have no second factor: with one, a password alone must not replace it.
func (s *Service) maySetUp(tx *kv.Tx, a *attempt, ch challenge, sealed []byte) (*user, error) {
	u, err := s.waiting(tx, a, ch, sealed)
	if err != nil {
		return nil, err
	}
	if !a.pool.Methods.TOTP {
		return nil, noSoftwareTokens()
	}
	ask, err := s.missing(tx, a, u, ch.Way)
	if err == nil && ask != mfaSetup {
		err = wire.Because(notAuthorized("Invalid session for the user, session is expired."), "the user has set up a second factor by now")
	}
	return u, err
}

// verifySoftwareToken takes the first code of an authenticator app: with it the secret counts.
func (s *Service) verifySoftwareToken(c *wire.Call, in *cognitoidp.VerifySoftwareTokenInput) (*cognitoidp.VerifySoftwareTokenOutput, error) {
	out := &cognitoidp.VerifySoftwareTokenOutput{Status: wire.Some("SUCCESS")}
	if in.AccessToken.Set == in.Session.Set {
		return nil, invalid("Either AccessToken or Session is required, not both.")
	}
	if len([]rune(in.FriendlyDeviceName.V)) > longestAppName {
		return nil, invalid("FriendlyDeviceName is longer than %d characters", longestAppName)
	}
	if in.Session.Set {
		session, err := s.verifyInSession(c, in)
		out.Session = wire.Some(session)
		return out, err
	}
	return out, s.asBearer(c, in.AccessToken.V, func(tx *kv.Tx, b *bearer) error {
		t, err := totpRow(tx, c.Account, b.user)
		if err != nil {
			return err
		}
		if t.Fresh == nil {
			return wire.Because(noSoftwareTokens(), "no secret waits to be verified")
		}
		secret, err := s.cfg.Sealer.Open(totpPlace(c.Account, t.Pool, t.Sub), t.Fresh)
		if err != nil {
			return err
		}
		return s.confirmTOTP(tx, c, t, secret, in)
	})
}

// confirmTOTP makes the secret the user's, when the code is of it.
func (s *Service) confirmTOTP(tx *kv.Tx, c *wire.Call, t *totp, secret []byte, in *cognitoidp.VerifySoftwareTokenInput) error {
	step, ok := otp.Match(secret, in.UserCode.V, c.Now, otp.Window)
	if !ok {
		return &cognitoidp.EnableSoftwareTokenMFAException{Message: wire.Some("Code mismatch")}
	}
	t.Secret, t.Fresh, t.Name, t.Last = s.cfg.Sealer.Seal(totpPlace(c.Account, t.Pool, t.Sub), secret), nil, in.FriendlyDeviceName.V, step
	return totps.Put(tx, inPool(c.Account, t.Pool), t)
}

// verifyInSession enrols who has to have a second factor, and returns the session that lets them answer MFA_SETUP.
func (s *Service) verifyInSession(c *wire.Call, in *cognitoidp.VerifySoftwareTokenInput) (string, error) {
	a, ch, sealed, err := s.settingUp(c, in.Session.V)
	if err != nil {
		return "", err
	}
	if ch.Secret == nil {
		return "", wire.Because(noSoftwareTokens(), "the session was not returned by AssociateSoftwareToken")
	}
	var u *user
	err = s.update(c, func(tx *kv.Tx) error {
		if u, err = s.maySetUp(tx, a, ch, sealed); err != nil {
			return err
		}
		t, err := totpRow(tx, c.Account, u)
		if err != nil {
			return err
		}
		if err := s.confirmTOTP(tx, c, t, ch.Secret, in); err != nil {
			return err
		}
		if _, err := spend(tx, c.Account, a.pool.ID, sealed, ch.Expires); err != nil { // maySetUp knows that it is fresh
			return err
		}
		u.turnOn(softwareTokenMFA, true)
		return s.save(tx, c.Account, a.pool, u, false, c.Now)
	})
	if err != nil {
		return "", err
	}
	way := ch.Way
	way.Second = softwareTokenMFA
	return s.sessionOf(a, &verdict{user: u, way: way, ask: mfaSetup}, challenge{Against: ch.Against})
}

// askSoftwareToken asks for a code of the user's authenticator.
func (s *Service) askSoftwareToken(a *attempt, v *verdict) (*step, error) {
	var t *totp
	err := s.view(a, func(tx *kv.Tx) (err error) {
		t, err = totpRow(tx, a.Account, v.user)
		return err
	})
	if err != nil {
		return nil, err
	}
	params := map[string]string{}
	if t.Name != "" {
		params["FRIENDLY_DEVICE_NAME"] = t.Name
	}
	return s.question(a, v, params)
}

// portedTOTP is an authenticator as it moves with its user.
type portedTOTP struct {
	Secret []byte
	Name   string
	Last   int64
}

func (s *Service) exportTOTP(tx *kv.Tx, account string, u *user) (any, error) {
	t, err := totpRow(tx, account, u)
	if err != nil || t.Secret == nil {
		return nil, err
	}
	secret, err := s.cfg.Sealer.Open(totpPlace(account, u.Pool, u.Sub), t.Secret)
	return portedTOTP{secret, t.Name, t.Last}, err
}

func (s *Service) importTOTP(tx *kv.Tx, account string, u *user, raw json.RawMessage) error {
	var p portedTOTP
	if err := json.Unmarshal(raw, &p); err != nil {
		return invalid("The user's authenticator is none.")
	}
	row := &totp{Pool: u.Pool, Sub: u.Sub, Secret: s.cfg.Sealer.Seal(totpPlace(account, u.Pool, u.Sub), p.Secret), Name: p.Name, Last: p.Last}
	return totps.Put(tx, inPool(account, u.Pool), row)
}
