package users

import (
	"slices"

	"bothy/api/cognitoidp"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

// What signed-in users do for themselves, with their access token.

func (s *Service) getUser(c *wire.Call, in *cognitoidp.GetUserInput) (*cognitoidp.GetUserOutput, error) {
	m, err := s.accessToken(c, in.AccessToken.V)
	if err != nil {
		return nil, err
	}
	out := &cognitoidp.GetUserOutput{}
	return out, s.view(c, func(tx *kv.Tx) error {
		b, err := bearerOf(tx, c.Account, m)
		if err != nil {
			return err
		}
		out.Username, out.UserAttributes = wire.Some(b.user.Name), attributesOf(b.user, b.client.mayRead)
		out.MFAOptions, out.PreferredMfaSetting, out.UserMFASettingList = b.user.mfaOptions(), wire.NonEmpty(b.user.Preferred), b.user.Factors
		return nil
	})
}

func (s *Service) updateUserAttributes(c *wire.Call, in *cognitoidp.UpdateUserAttributesInput) (*cognitoidp.UpdateUserAttributesOutput, error) {
	out := &cognitoidp.UpdateUserAttributesOutput{CodeDeliveryDetailsList: []cognitoidp.CodeDeliveryDetailsType{}}
	b, err := s.bearerNow(c, in.AccessToken.V)
	if err != nil {
		return nil, err
	}
	values, err := b.pool.valuesOf(in.UserAttributes)
	if err != nil {
		return nil, err
	}
	text := b.pool.codeTemplate()
	if len(b.pool.toVerify(b.user, values)) > 0 {
		if text, err = s.customMessage(c, b.pool, "CustomMessage_UpdateUserAttribute", b.client.ID, b.user, text, in.ClientMetadata); err != nil {
			return nil, err
		}
	}
	err = s.asBearer(c, in.AccessToken.V, func(tx *kv.Tx, b *bearer) error {
		values, err := b.pool.valuesOf(in.UserAttributes)
		if err != nil {
			return err
		}
		if err := b.client.mayWrite(sortedKeys(values)); err != nil {
			return err
		}
		to := b.pool.toVerify(b.user, values)
		b.pool.hold(b.user, values)
		if err := b.pool.change(b.user, values); err != nil {
			return err
		}
		if err := keepsFactors(b.user); err != nil {
			return err
		}
		if err := s.save(tx, c.Account, b.pool, b.user, false, c.Now); err != nil {
			return err
		}
		out.CodeDeliveryDetailsList = out.CodeDeliveryDetailsList[:0]
		for _, a := range to {
			code, err := s.newCode(tx, c.Account, b.pool, b.user, forAttribute+a.attribute, a, c.Now)
			if err != nil {
				return err
			}
			if err := s.send(tx, c.Account, b.pool, b.user, "UpdateUserAttribute", a, code, text); err != nil {
				return err
			}
			out.CodeDeliveryDetailsList = append(out.CodeDeliveryDetailsList, *a.details())
		}
		return nil
	})
	return out, err
}

// bearerNow reads whom an access token speaks for, for what must happen before the transaction.
func (s *Service) bearerNow(c *wire.Call, token string) (b *bearer, err error) {
	m, err := s.accessToken(c, token)
	if err != nil {
		return nil, err
	}
	err = s.view(c, func(tx *kv.Tx) error {
		b, err = bearerOf(tx, c.Account, m)
		return err
	})
	return b, err
}

// toVerify are the changed addresses that the pool verifies by a code.
func (p *pool) toVerify(u *user, values map[string]string) []address {
	var out []address
	for _, name := range p.Settings.AutoVerifiedAttributes {
		if v := values[name]; v != "" && v != u.Attributes[name] {
			out = append(out, address{name, v})
		}
	}
	return out
}

// hold takes those values out that, by the pool's settings, only count once they are verified.
func (p *pool) hold(u *user, values map[string]string) {
	settings := p.Settings.UserAttributeUpdateSettings
	if settings == nil {
		return
	}
	for _, name := range settings.AttributesRequireVerificationBeforeUpdate {
		v, given := values[name]
		if !given || v == u.Attributes[name] || v == "" {
			continue
		}
		if u.Pending == nil {
			u.Pending = map[string]string{}
		}
		u.Pending[name] = v
		delete(values, name)
	}
}

func (s *Service) getUserAttributeVerificationCode(c *wire.Call, in *cognitoidp.GetUserAttributeVerificationCodeInput) (*cognitoidp.GetUserAttributeVerificationCodeOutput, error) {
	name := in.AttributeName.V
	if name != "email" && name != "phone_number" {
		return nil, invalid("Invalid attribute: only email and phone_number can be verified.")
	}
	b, err := s.bearerNow(c, in.AccessToken.V)
	if err != nil {
		return nil, err
	}
	to := address{name, b.user.Attributes[name]}
	if v := b.user.Pending[name]; v != "" {
		to.value = v
	}
	if to.value == "" {
		return nil, invalid("User does not have attribute %s.", name)
	}
	a := &asked{b.client, b.pool, b.user}
	err = s.sendCode(c, a, forAttribute+name, "VerifyUserAttribute", "CustomMessage_VerifyUserAttribute", to, in.ClientMetadata)
	return &cognitoidp.GetUserAttributeVerificationCodeOutput{CodeDeliveryDetails: to.details()}, err
}

func (s *Service) verifyUserAttribute(c *wire.Call, in *cognitoidp.VerifyUserAttributeInput) (*cognitoidp.VerifyUserAttributeOutput, error) {
	return nil, s.asBearer(c, in.AccessToken.V, func(tx *kv.Tx, b *bearer) error {
		name := in.AttributeName.V
		if name != "email" && name != "phone_number" {
			return invalid("Invalid attribute: only email and phone_number can be verified.")
		}
		k, err := s.guessCode(tx, c, c.SourceIP, b.pool, b.user, forAttribute+name, in.Code.V)
		if err != nil {
			return err
		}
		switch k.Value {
		case b.user.Pending[name]:
			b.user.Attributes[name] = k.Value
			delete(b.user.Pending, name)
		case b.user.Attributes[name]:
		default: // the address changed after the code was sent
			return wire.Because(codeExpired(), "the code was sent to another %s than the user now has", name)
		}
		b.user.Attributes[name+"_verified"] = "true"
		return s.save(tx, c.Account, b.pool, b.user, false, c.Now)
	})
}

func (s *Service) deleteUserAttributes(c *wire.Call, in *cognitoidp.DeleteUserAttributesInput) (*cognitoidp.DeleteUserAttributesOutput, error) {
	return nil, s.asBearer(c, in.AccessToken.V, func(tx *kv.Tx, b *bearer) error {
		if err := b.client.mayWrite(in.UserAttributeNames); err != nil {
			return err
		}
		if err := b.pool.drop(b.user, in.UserAttributeNames); err != nil {
			return err
		}
		if err := keepsFactors(b.user); err != nil {
			return err
		}
		return s.save(tx, c.Account, b.pool, b.user, false, c.Now)
	})
}

// drop removes attributes; an address takes its mark of being verified along.
func (p *pool) drop(u *user, names []string) error {
	for _, name := range names {
		a := p.attribute(name)
		switch {
		case a == nil:
			return badSchema(name, "Attribute does not exist in the schema.")
		case name == "sub" || !a.Mutable.Or(true):
			return badSchema(name, "Attribute cannot be deleted.")
		case a.Required.V:
			return badSchema(name, "Required attribute cannot be deleted.")
		case slices.Contains(p.Settings.UsernameAttributes, name) && len(p.aliasesOf(u)) == 1 && u.Attributes[name] != "":
			return invalid("Cannot delete the only attribute the user signs in by.")
		}
		delete(u.Attributes, name)
		delete(u.Pending, name)
		if name == "email" || name == "phone_number" {
			delete(u.Attributes, name+"_verified")
		}
	}
	return nil
}

func (s *Service) changePassword(c *wire.Call, in *cognitoidp.ChangePasswordInput) (*cognitoidp.ChangePasswordOutput, error) {
	b, err := s.bearerNow(c, in.AccessToken.V)
	if err != nil {
		return nil, err
	}
	if err := b.pool.checkPolicy(in.ProposedPassword.V); err != nil {
		return nil, err
	}
	if err := s.notCommon(c, b.pool, b.client.ID, atPasswordChange, in.ProposedPassword.V); err != nil {
		return nil, err
	}
	old := b.user.Credential
	cred, err := s.credentialOf(c.Account, b.pool, b.user)
	if err != nil {
		return nil, err
	}
	right := s.matches(cred, b.pool.ID, b.user.Name, in.PreviousPassword.V)
	var compared [][]byte
	if right {
		if compared, err = s.unlikePast(c, b.pool, b.user, in.ProposedPassword.V); err != nil {
			return nil, err
		}
	}
	sealed := s.sealPassword(c.Account, b.pool.ID, b.user.Sub, b.user.Name, in.ProposedPassword.V)
	return nil, s.asBearer(c, in.AccessToken.V, func(tx *kv.Tx, b *bearer) error {
		u := b.user
		if err := mayTry(tx, c.Account, b.pool.ID, u.Sub, c.Now); err != nil {
			return err
		}
		if !right || !slices.Equal(u.Credential, old) {
			if err := countFailure(tx, c.Account, b.pool.ID, u.Sub, c.Now); err != nil {
				return err
			}
			return keep(wire.Because(wrongPassword(), "PreviousPassword is not the password of %s", u.Name))
		}
		if err := replacePassword(tx, c.Account, b.pool, u, sealed, compared); err != nil {
			return err
		}
		if err := noteOf(tx, c, b.pool, u, "PasswordChange", "Pass"); err != nil {
			return err
		}
		return s.save(tx, c.Account, b.pool, u, false, c.Now)
	})
}

func (s *Service) deleteUser(c *wire.Call, in *cognitoidp.DeleteUserInput) (*cognitoidp.DeleteUserOutput, error) {
	return nil, s.asBearer(c, in.AccessToken.V, func(tx *kv.Tx, b *bearer) error { return removeUser(tx, c.Account, b.user) })
}

// removeUser deletes a user with what hangs on them. Their sessions end with them: no user, no token.
func removeUser(tx *kv.Tx, account string, u *user) error {
	scope := inPool(account, u.Pool)
	ms, err := members.All(tx, scope, "user", u.Pool, u.Sub)
	if err != nil {
		return err
	}
	for _, m := range ms {
		if err := members.Delete(tx, scope, m.Pool, m.Group, m.Sub); err != nil {
			return err
		}
	}
	for _, remove := range []func() error{
		ofUser(tx, scope, &codes, u), ofUser(tx, scope, &events, u), ofUser(tx, scope, &rounds, u), ofUser(tx, scope, &devices, u), ofUser(tx, scope, &turns, u),
	} {
		if err := remove(); err != nil {
			return err
		}
	}
	if err := ignoreAbsent(totps.Delete(tx, scope, u.Pool, u.Sub)); err != nil {
		return err
	}
	if err := ignoreAbsent(pasts.Delete(tx, scope, u.Pool, u.Sub)); err != nil {
		return err
	}
	if err := forgetPasskeys(tx, account, u); err != nil {
		return err
	}
	return people.Delete(tx, scope, u.Pool, u.Sub)
}

// ofUser removes a user's rows from a table whose keys are the pool, the user and more.
func ofUser[T any](tx *kv.Tx, scope record.Scope, t *record.Table[T], u *user) func() error {
	return func() error {
		rows, err := t.All(tx, scope, "", u.Pool, u.Sub)
		if err != nil {
			return err
		}
		for _, r := range rows {
			if err := t.Delete(tx, scope, t.Key(r)...); err != nil {
				return err
			}
		}
		return nil
	}
}

func (s *Service) globalSignOut(c *wire.Call, in *cognitoidp.GlobalSignOutInput) (*cognitoidp.GlobalSignOutOutput, error) {
	return nil, s.asBearer(c, in.AccessToken.V, func(tx *kv.Tx, b *bearer) error { return signOut(tx, c, b.user) })
}

// signOut ends every session of the user begun until now.
func signOut(tx *kv.Tx, c *wire.Call, u *user) error {
	u.SignOuts++
	return people.Put(tx, inPool(c.Account, u.Pool), u)
}
