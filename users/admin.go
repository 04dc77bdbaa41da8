package users

import (
	"time"

	"bothy/api/cognitoidp"
	"bothy/kv"
	"bothy/wire"
)

// What operators do to users. Every operation here is decided by policy on the pool's ARN.

// change reads a user, lets fn change them and stores them.
func (s *Service) change(c *wire.Call, poolID, name string, fn func(tx *kv.Tx, p *pool, u *user) error) error {
	return s.update(c, func(tx *kv.Tx) error {
		p, err := poolByID(tx, c.Account, poolID)
		if err != nil {
			return err
		}
		u, err := named(tx, c.Account, p, name)
		if err != nil {
			return err
		}
		if err := fn(tx, p, u); err != nil {
			return err
		}
		return s.save(tx, c.Account, p, u, false, c.Now)
	})
}

// read reads a user and their pool.
func (s *Service) read(c *wire.Call, poolID, name string) (p *pool, u *user, err error) {
	err = s.view(c, func(tx *kv.Tx) error {
		if p, err = poolByID(tx, c.Account, poolID); err != nil {
			return err
		}
		u, err = named(tx, c.Account, p, name)
		return err
	})
	return p, u, err
}

func (s *Service) adminGetUser(c *wire.Call, in *cognitoidp.AdminGetUserInput) (*cognitoidp.AdminGetUserOutput, error) {
	_, u, err := s.read(c, in.UserPoolId.V, in.Username.V)
	if err != nil {
		return nil, err
	}
	return &cognitoidp.AdminGetUserOutput{
		Username: wire.Some(u.Name), UserAttributes: attributesOf(u, everything), UserStatus: wire.Some(u.Status), Enabled: wire.Some(!u.Disabled),
		UserCreateDate: wire.Some(u.Created), UserLastModifiedDate: wire.Some(u.Modified),
		MFAOptions: u.mfaOptions(), PreferredMfaSetting: wire.NonEmpty(u.Preferred), UserMFASettingList: u.Factors,
	}, nil
}

func (s *Service) adminConfirmSignUp(c *wire.Call, in *cognitoidp.AdminConfirmSignUpInput) (*cognitoidp.AdminConfirmSignUpOutput, error) {
	var p *pool
	var u *user
	err := s.change(c, in.UserPoolId.V, in.Username.V, func(_ *kv.Tx, in *pool, who *user) error {
		p, u = in, who
		if u.Status != unconfirmed {
			return notAuthorized("User cannot be confirmed. Current status is %s", u.Status)
		}
		u.Status = confirmed
		return nil
	})
	if err != nil {
		return nil, err
	}
	return nil, s.postConfirmation(c, p, "PostConfirmation_ConfirmSignUp", "CLIENT_ID_NOT_APPLICABLE", u, in.ClientMetadata)
}

func (s *Service) adminSetUserPassword(c *wire.Call, in *cognitoidp.AdminSetUserPasswordInput) (*cognitoidp.AdminSetUserPasswordOutput, error) {
	p, u, err := s.read(c, in.UserPoolId.V, in.Username.V)
	if err != nil {
		return nil, err
	}
	if err := p.checkPolicy(in.Password.V); err != nil {
		return nil, err
	}
	compared, err := s.unlikePast(c, p, u, in.Password.V)
	if err != nil {
		return nil, err
	}
	sealed := s.sealPassword(c.Account, p.ID, u.Sub, u.Name, in.Password.V)
	return nil, s.change(c, in.UserPoolId.V, u.Sub, func(tx *kv.Tx, p *pool, u *user) error {
		if err := replacePassword(tx, c.Account, p, u, sealed, compared); err != nil {
			return err
		}
		u.Status, u.TempUntil = confirmed, time.Time{}
		if !in.Permanent.V {
			u.Status, u.TempUntil = forceChange, p.temporaryEnd(c.Now)
		}
		return forgetFailures(tx, c.Account, p.ID, u.Sub)
	})
}

// temporaryEnd is when a temporary password made now ends.
func (p *pool) temporaryEnd(now time.Time) time.Time {
	return now.AddDate(0, 0, int(p.policy().TemporaryPasswordValidityDays.Or(7)))
}

func (s *Service) adminResetUserPassword(c *wire.Call, in *cognitoidp.AdminResetUserPasswordInput) (*cognitoidp.AdminResetUserPasswordOutput, error) {
	p, u, err := s.read(c, in.UserPoolId.V, in.Username.V)
	if err != nil {
		return nil, err
	}
	text, err := s.customMessage(c, p, "CustomMessage_ForgotPassword", "CLIENT_ID_NOT_APPLICABLE", u, p.codeTemplate(), in.ClientMetadata)
	if err != nil {
		return nil, err
	}
	return nil, s.change(c, in.UserPoolId.V, u.Sub, func(tx *kv.Tx, p *pool, u *user) error {
		to, err := p.mayRecover(u)
		if err != nil {
			return err
		}
		u.Status = resetRequired
		code, err := s.newCode(tx, c.Account, p, u, forPassword, to, c.Now)
		if err != nil {
			return err
		}
		return s.send(tx, c.Account, p, u, "ForgotPassword", to, code, text)
	})
}

func (s *Service) adminUpdateUserAttributes(c *wire.Call, in *cognitoidp.AdminUpdateUserAttributesInput) (*cognitoidp.AdminUpdateUserAttributesOutput, error) {
	return nil, s.change(c, in.UserPoolId.V, in.Username.V, func(_ *kv.Tx, p *pool, u *user) error {
		values, err := p.valuesOf(in.UserAttributes)
		if err != nil {
			return err
		}
		for _, name := range []string{"email", "phone_number"} { // an operator's word is final
			if _, given := values[name]; given {
				delete(u.Pending, name)
			}
		}
		return p.change(u, values)
	})
}

func (s *Service) adminDeleteUserAttributes(c *wire.Call, in *cognitoidp.AdminDeleteUserAttributesInput) (*cognitoidp.AdminDeleteUserAttributesOutput, error) {
	return nil, s.change(c, in.UserPoolId.V, in.Username.V, func(_ *kv.Tx, p *pool, u *user) error { return p.drop(u, in.UserAttributeNames) })
}

func (s *Service) adminDeleteUser(c *wire.Call, in *cognitoidp.AdminDeleteUserInput) (*cognitoidp.AdminDeleteUserOutput, error) {
	return nil, s.update(c, func(tx *kv.Tx) error {
		p, err := poolByID(tx, c.Account, in.UserPoolId.V)
		if err != nil {
			return err
		}
		u, err := named(tx, c.Account, p, in.Username.V)
		if err != nil {
			return err
		}
		return removeUser(tx, c.Account, u)
	})
}

// adminDisableUser also ends the user's sessions, as AWS does.
func (s *Service) adminDisableUser(c *wire.Call, in *cognitoidp.AdminDisableUserInput) (*cognitoidp.AdminDisableUserOutput, error) {
	return nil, s.change(c, in.UserPoolId.V, in.Username.V, func(_ *kv.Tx, _ *pool, u *user) error {
		u.Disabled, u.SignOuts = true, u.SignOuts+1
		return nil
	})
}

func (s *Service) adminEnableUser(c *wire.Call, in *cognitoidp.AdminEnableUserInput) (*cognitoidp.AdminEnableUserOutput, error) {
	return nil, s.change(c, in.UserPoolId.V, in.Username.V, func(_ *kv.Tx, _ *pool, u *user) error {
		u.Disabled = false
		return nil
	})
}

func (s *Service) adminUserGlobalSignOut(c *wire.Call, in *cognitoidp.AdminUserGlobalSignOutInput) (*cognitoidp.AdminUserGlobalSignOutOutput, error) {
	return nil, s.change(c, in.UserPoolId.V, in.Username.V, func(_ *kv.Tx, _ *pool, u *user) error {
		u.SignOuts++
		return nil
	})
}
