package users

import (
	"strings"

	"bothy/api/cognitoidp"
	"bothy/kv"
	"bothy/wire"
)

// asked is whom an unsigned request is about: the client that sent it, the client's pool and the person named.
type asked struct {
	client *client
	pool   *pool
	user   *user // perhaps a ghost
}

// ask reads whom an unsigned request is about, and checks that the client knows its secret.
func (s *Service) ask(tx *kv.Tx, c *wire.Call, clientID, hash, name string) (*asked, error) {
	cl, p, err := clientByID(tx, c.Account, clientID)
	if err != nil {
		return nil, err
	}
	if err := s.checkSecretHash(c.Account, cl, hash, name); err != nil {
		return nil, err
	}
	u, err := s.person(tx, c.Account, cl, p, name)
	return &asked{cl, p, u}, err
}

// stranger reads the client, and its pool, that somebody without a token asks through, if they do not ask too fast.
func (s *Service) stranger(c *wire.Call, clientID string) (cl *client, p *pool, err error) {
	err = s.view(c, func(tx *kv.Tx) error {
		cl, p, err = clientByID(tx, c.Account, clientID)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	if err := s.mayCome(c, p, cl.ID, c.SourceIP); err != nil {
		return nil, nil, err
	}
	return cl, p, s.mayAsk(c, p.ID)
}

func (s *Service) askOnce(c *wire.Call, clientID, hash, name string) (*asked, error) {
	if _, _, err := s.stranger(c, clientID); err != nil {
		return nil, err
	}
	return s.askNow(c, clientID, hash, name)
}

// askNow is ask in a view of its own.
func (s *Service) askNow(c *wire.Call, clientID, hash, name string) (a *asked, err error) {
	err = s.view(c, func(tx *kv.Tx) error {
		a, err = s.ask(tx, c, clientID, hash, name)
		return err
	})
	return a, err
}

func (s *Service) signUp(c *wire.Call, in *cognitoidp.SignUpInput) (*cognitoidp.SignUpOutput, error) {
	var cl *client
	var p *pool
	err := s.view(c, func(tx *kv.Tx) (err error) {
		cl, p, err = clientByID(tx, c.Account, in.ClientId.V)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := s.checkSecretHash(c.Account, cl, in.SecretHash.V, in.Username.V); err != nil {
		return nil, err
	}
	if a := p.Settings.AdminCreateUserConfig; a != nil && a.AllowAdminCreateUserOnly.V {
		return nil, notAuthorized("SignUp is not permitted for this user pool")
	}
	if err := s.mayCome(c, p, cl.ID, c.SourceIP); err != nil {
		return nil, err
	}
	if err := s.maySignUp(c, p.ID); err != nil {
		return nil, err
	}
	u, err := s.candidate(c, cl, p, in)
	if err != nil {
		return nil, err
	}
	if err := s.preSignUp(c, p, "PreSignUp_SignUp", cl.ID, u, in.ValidationData, in.ClientMetadata); err != nil {
		return nil, err
	}
	if in.Password.V != "" {
		u.Credential = s.sealPassword(c.Account, p.ID, u.Sub, u.Name, in.Password.V)
	}
	out, err := s.enrol(c, cl, p, u, in.ClientMetadata)
	if err != nil || u.Status == confirmed {
		return out, err
	}
	session, err := s.signUpSession(c, cl, p, u, in.Username.V)
	out.Session = wire.NonEmpty(session)
	return out, err
}

// candidate is the user a sign-up asks for, checked against the pool's rules but not stored.
func (s *Service) candidate(c *wire.Call, cl *client, p *pool, in *cognitoidp.SignUpInput) (*user, error) {
	attribute, err := p.newName(in.Username.V)
	if err != nil {
		return nil, err
	}
	if err := p.checkPolicy(in.Password.V); err != nil && (in.Password.V != "" || !p.passwordless() || !cl.allows(userAuth)) {
		return nil, err
	}
	if err := s.notCommon(c, p, cl.ID, atSignUp, in.Password.V); err != nil {
		return nil, err
	}
	values, err := p.valuesOf(in.UserAttributes)
	if err != nil {
		return nil, err
	}
	if err := cl.mayWrite(sortedKeys(values)); err != nil {
		return nil, err
	}
	u := &user{Pool: p.ID, Sub: wire.NewUUID(), Name: p.fold(in.Username.V), Attributes: values, Status: unconfirmed, Created: c.Now}
	if attribute != "" {
		u.Name = u.Sub
		values[attribute] = in.Username.V
	}
	dropEmpty(values)
	return u, p.checkRequired(values)
}

// notOfProvider refuses the names that people from external providers get, PROVIDER_SUBJECT: whoever signed up under one would keep
// its owner out.
func notOfProvider(tx *kv.Tx, account string, p *pool, name string) error {
	all, err := providers.All(tx, inPool(account, p.ID), "", p.ID)
	for _, idp := range all {
		if strings.HasPrefix(p.fold(name), p.fold(idp.Name+"_")) {
			return invalid("Username cannot begin with the name of an identity provider.")
		}
	}
	return err
}

// enrol stores a new user and sends the code that confirms them.
func (s *Service) enrol(c *wire.Call, cl *client, p *pool, u *user, metadata map[string]string) (*cognitoidp.SignUpOutput, error) {
	out := &cognitoidp.SignUpOutput{UserConfirmed: wire.Some(u.Status == confirmed), UserSub: wire.Some(u.Sub)}
	to, verify := p.verifiable(u)
	verify = verify && u.Status == unconfirmed
	text, err := p.signUpTemplate(cl.ID), error(nil)
	if verify {
		if text, err = s.customMessage(c, p, "CustomMessage_SignUp", cl.ID, u, text, metadata); err != nil {
			return nil, err
		}
		out.CodeDeliveryDetails = to.details()
	}
	err = s.update(c, func(tx *kv.Tx) error {
		if _, err := poolByID(tx, c.Account, p.ID); err != nil {
			return err
		}
		if err := notOfProvider(tx, c.Account, p, u.Name); err != nil {
			return err
		}
		if err := s.save(tx, c.Account, p, u, false, c.Now); err != nil {
			return err
		}
		if err := noteOf(tx, c, p, u, "SignUp", "Pass"); err != nil || !verify {
			return err
		}
		code, err := s.newCode(tx, c.Account, p, u, forSignUp, to, c.Now)
		if err != nil {
			return err
		}
		return s.send(tx, c.Account, p, u, "SignUp", to, code, text)
	})
	if err != nil {
		return nil, err
	}
	if u.Status == confirmed {
		return out, s.postConfirmation(c, p, "PostConfirmation_ConfirmSignUp", cl.ID, u, metadata)
	}
	return out, nil
}

func (s *Service) confirmSignUp(c *wire.Call, in *cognitoidp.ConfirmSignUpInput) (*cognitoidp.ConfirmSignUpOutput, error) {
	if _, _, err := s.stranger(c, in.ClientId.V); err != nil {
		return nil, err
	}
	var a *asked
	var proved string
	err := s.update(c, func(tx *kv.Tx) (err error) {
		if a, err = s.ask(tx, c, in.ClientId.V, in.SecretHash.V, in.Username.V); err != nil {
			return err
		}
		if err := a.hide(s, c.Account, in.Username.V, a.user.mayConfirm()); err != nil {
			return err
		}
		proved, err = s.confirm(tx, c, a.pool, a.user, in.ConfirmationCode.V, in.ForceAliasCreation.V)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := s.postConfirmation(c, a.pool, "PostConfirmation_ConfirmSignUp", a.client.ID, a.user, in.ClientMetadata); err != nil {
		return nil, err
	}
	session, err := s.confirmedSession(c, a, in, proved)
	return &cognitoidp.ConfirmSignUpOutput{Session: wire.NonEmpty(session)}, err
}

// mayConfirm tells why a user can not be confirmed, if so.
func (u *user) mayConfirm() error {
	switch {
	case u.ghost:
		return nil
	case u.Disabled:
		return isDisabled()
	case u.Status != unconfirmed:
		return notAuthorized("User cannot be confirmed. Current status is %s", u.Status)
	}
	return nil
}

// hide keeps a refusal from telling that the user exists: where the client wants that hidden, the ghost of the name takes the
// user's place. Otherwise it returns the refusal.
func (a *asked) hide(s *Service, account, name string, refusal error) error {
	if refusal == nil || !a.client.hides() {
		return refusal
	}
	ghost, err := s.ghostOf(account, a.pool, name)
	a.user = ghost
	return err
}

func (s *Service) resendConfirmationCode(c *wire.Call, in *cognitoidp.ResendConfirmationCodeInput) (*cognitoidp.ResendConfirmationCodeOutput, error) {
	a, err := s.askOnce(c, in.ClientId.V, in.SecretHash.V, in.Username.V)
	if err != nil {
		return nil, err
	}
	if len(a.pool.Settings.AutoVerifiedAttributes) == 0 {
		return nil, invalid("Cannot resend codes. Auto verification not turned on.")
	}
	to, found := a.pool.verifiable(a.user)
	var refusal error
	switch {
	case a.user.ghost:
	case a.user.Status != unconfirmed:
		refusal = invalid("User is already confirmed.")
	case !found:
		refusal = invalid("Cannot resend codes. The user has no address to verify.")
	}
	if err := a.hide(s, c.Account, in.Username.V, refusal); err != nil {
		return nil, err
	}
	if a.user.ghost {
		if to, err = s.pretended(c.Account, a.pool, a.user, in.Username.V); err != nil {
			return nil, err
		}
	}
	err = s.sendCode(c, a, forSignUp, "ResendCode", "CustomMessage_ResendCode", to, in.ClientMetadata)
	return &cognitoidp.ResendConfirmationCodeOutput{CodeDeliveryDetails: to.details()}, err
}

// eventOf names what asking for a code is among a user's events.
var eventOf = map[string]string{forSignUp: "ResendCode", forPassword: "ForgotPassword"}

// sendCode makes a code and sends it; for a ghost it does the same and sends nothing.
func (s *Service) sendCode(c *wire.Call, a *asked, purpose, kind, source string, to address, metadata map[string]string) error {
	text := a.pool.codeTemplate()
	if purpose == forSignUp {
		text = a.pool.signUpTemplate(a.client.ID)
	}
	return s.sendText(c, a, text, purpose, kind, source, to, metadata)
}

// sendText is sendCode with a text of its own.
func (s *Service) sendText(c *wire.Call, a *asked, text template, purpose, kind, source string, to address, metadata map[string]string) (err error) {
	if !a.user.ghost {
		if text, err = s.customMessage(c, a.pool, source, a.client.ID, a.user, text, metadata); err != nil {
			return err
		}
	}
	return s.update(c, func(tx *kv.Tx) error {
		code, err := s.newCode(tx, c.Account, a.pool, a.user, purpose, to, c.Now)
		if err == nil && eventOf[purpose] != "" {
			err = noteOf(tx, c, a.pool, a.user, eventOf[purpose], "InProgress")
		}
		if err != nil || a.user.ghost {
			return err
		}
		if _, err := people.Get(tx, inPool(c.Account, a.pool.ID), a.pool.ID, a.user.Sub); err != nil {
			if absent(err) {
				return noUser()
			}
			return err
		}
		return s.send(tx, c.Account, a.pool, a.user, kind, to, code, text)
	})
}
