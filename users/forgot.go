package users

import (
	"bothy/api/cognitoidp"
	"bothy/kv"
	"bothy/wire"
)

func (s *Service) forgotPassword(c *wire.Call, in *cognitoidp.ForgotPasswordInput) (*cognitoidp.ForgotPasswordOutput, error) {
	a, err := s.askMigrated(c, in)
	if err != nil {
		return nil, err
	}
	to, refusal := a.pool.mayRecover(a.user)
	if err := a.hide(s, c.Account, in.Username.V, refusal); err != nil {
		return nil, err
	}
	if a.user.ghost {
		if to, err = s.pretended(c.Account, a.pool, a.user, in.Username.V); err != nil {
			return nil, err
		}
	}
	err = s.sendCode(c, a, forPassword, "ForgotPassword", "CustomMessage_ForgotPassword", to, in.ClientMetadata)
	return &cognitoidp.ForgotPasswordOutput{CodeDeliveryDetails: to.details()}, err
}

// askMigrated is askOnce, after the pool's function has had its chance to bring the user along.
func (s *Service) askMigrated(c *wire.Call, in *cognitoidp.ForgotPasswordInput) (*asked, error) {
	cl, p, err := s.stranger(c, in.ClientId.V)
	if err != nil {
		return nil, err
	}
	if err := s.checkSecretHash(c.Account, cl, in.SecretHash.V, in.Username.V); err != nil {
		return nil, err
	}
	if err := s.migrate(&attempt{Call: c, client: cl, pool: p, data: in.ClientMetadata}, migrateForgot, in.Username.V, ""); err != nil {
		return nil, err
	}
	return s.askNow(c, in.ClientId.V, in.SecretHash.V, in.Username.V)
}

// mayRecover is where the code for a new password goes, or why none may be sent.
func (p *pool) mayRecover(u *user) (address, error) {
	to, found := p.recovery(u)
	switch {
	case u.Disabled:
		return to, isDisabled()
	case u.Status == forceChange, u.Status == external:
		return to, notAuthorized("User password cannot be reset in the current state.")
	case len(p.recoveryOrder()) == 0:
		return to, notAuthorized("Contact administrator to reset password.")
	case !found:
		return to, invalid("Cannot reset password for the user as there is no registered/verified email or phone_number")
	}
	return to, nil
}

func (s *Service) confirmForgotPassword(c *wire.Call, in *cognitoidp.ConfirmForgotPasswordInput) (*cognitoidp.ConfirmForgotPasswordOutput, error) {
	a, err := s.askOnce(c, in.ClientId.V, in.SecretHash.V, in.Username.V)
	if err != nil {
		return nil, err
	}
	if err := a.pool.checkPolicy(in.Password.V); err != nil {
		return nil, err
	}
	if err := s.notCommon(c, a.pool, a.client.ID, atPasswordChange, in.Password.V); err != nil {
		return nil, err
	}
	compared, err := s.unlikeForgotten(c, a, in)
	if err != nil {
		return nil, err
	}
	sealed := s.sealPassword(c.Account, a.pool.ID, a.user.Sub, a.user.Name, in.Password.V)
	err = s.update(c, func(tx *kv.Tx) error {
		if a, err = s.ask(tx, c, in.ClientId.V, in.SecretHash.V, in.Username.V); err != nil {
			return err
		}
		_, refusal := a.pool.mayRecover(a.user)
		if err := a.hide(s, c.Account, in.Username.V, refusal); err != nil {
			return err
		}
		k, err := s.guessCode(tx, c, c.SourceIP, a.pool, a.user, forPassword, in.ConfirmationCode.V)
		if err != nil {
			return err
		}
		if a.user.Attributes[k.Attribute] != k.Value {
			return keep(wire.Because(codeExpired(), "the code was sent to another %s than the user now has", k.Attribute))
		}
		if err := replacePassword(tx, c.Account, a.pool, a.user, sealed, compared); err != nil {
			return err
		}
		a.user.Status = confirmed
		if err := noteOf(tx, c, a.pool, a.user, "ForgotPassword", "Pass"); err != nil {
			return err
		}
		if err := forgetFailures(tx, c.Account, a.pool.ID, a.user.Sub); err != nil {
			return err
		}
		return s.save(tx, c.Account, a.pool, a.user, false, c.Now)
	})
	if err != nil {
		return nil, err
	}
	return nil, s.postConfirmation(c, a.pool, "PostConfirmation_ConfirmForgotPassword", a.client.ID, a.user, in.ClientMetadata)
}

// unlikeForgotten refuses a password the user had, when the code is right: it would tell others about their passwords. The code serves
// on.
func (s *Service) unlikeForgotten(c *wire.Call, a *asked, in *cognitoidp.ConfirmForgotPasswordInput) ([][]byte, error) {
	if a.pool.remembers() == 0 || a.user.ghost {
		return nil, nil
	}
	right := false
	err := s.view(c, func(tx *kv.Tx) (err error) {
		right, err = s.isCode(tx, c.Account, a.pool, a.user, forPassword, in.ConfirmationCode.V, c.Now)
		return err
	})
	if err != nil || !right {
		return nil, err
	}
	return s.unlikePast(c, a.pool, a.user, in.Password.V)
}
