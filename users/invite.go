package users

import (
	"slices"
	"time"

	"bothy/api/cognitoidp"
	"bothy/kv"
	"bothy/wire"
)

// adminCreateUser makes a user with a temporary password and sends it to them.
func (s *Service) adminCreateUser(c *wire.Call, in *cognitoidp.AdminCreateUserInput) (*cognitoidp.AdminCreateUserOutput, error) {
	p, err := s.pool(c, in.UserPoolId.V)
	if err != nil {
		return nil, err
	}
	again := in.MessageAction.V == "RESEND"
	password := in.TemporaryPassword.V
	none := password == "" && p.passwordless() && !again // they sign in by codes, and are told nothing to sign in with
	if password == "" {
		password = p.temporaryPassword()
	} else if err := p.checkPolicy(password); err != nil {
		return nil, err
	}
	var u *user
	if again {
		_, u, err = s.read(c, p.ID, in.Username.V)
		if err == nil && u.Status != forceChange {
			err = &cognitoidp.UnsupportedUserStateException{Message: wire.Some("User account is in an unsupported state: " + u.Status)}
		}
	} else {
		u, err = s.invited(c, p, in)
	}
	if err != nil {
		return nil, err
	}
	u.Credential = s.sealPassword(c.Account, p.ID, u.Sub, u.Name, password)
	u.TempUntil = p.temporaryEnd(c.Now)
	if none {
		u.Credential, u.Status, u.TempUntil = nil, confirmed, time.Time{}
	}
	if err := s.invite(c, p, u, in, password); err != nil {
		return nil, err
	}
	shown := userType(u, everything)
	return &cognitoidp.AdminCreateUserOutput{User: &shown}, nil
}

// invited is the user that an operator asks for, checked but not stored.
func (s *Service) invited(c *wire.Call, p *pool, in *cognitoidp.AdminCreateUserInput) (*user, error) {
	attribute, err := p.newName(in.Username.V)
	if err != nil {
		return nil, err
	}
	values, err := p.valuesOf(in.UserAttributes)
	if err != nil {
		return nil, err
	}
	u := &user{Pool: p.ID, Sub: wire.NewUUID(), Name: p.fold(in.Username.V), Attributes: values, Status: forceChange, Created: c.Now}
	if attribute != "" {
		u.Name = u.Sub
		values[attribute] = in.Username.V
	}
	dropEmpty(values)
	for _, a := range p.Settings.SchemaAttributes {
		// Required attributes may come later, with the new password; those that never change may not.
		if a.Required.V && !a.Mutable.Or(true) && a.Name.V != "sub" && values[a.Name.V] == "" {
			return nil, badSchema(a.Name.V, "The attribute is required")
		}
	}
	return u, s.preSignUp(c, p, "PreSignUp_AdminCreateUser", "CLIENT_ID_NOT_APPLICABLE", u, in.ValidationData, in.ClientMetadata)
}

// invite stores the user and sends the invitation.
func (s *Service) invite(c *wire.Call, p *pool, u *user, in *cognitoidp.AdminCreateUserInput, password string) error {
	text, err := p.invitation(), error(nil)
	to, err := inviteTo(u, in)
	if err != nil {
		return err
	}
	if len(to) > 0 {
		if text, err = s.customMessage(c, p, "CustomMessage_AdminCreateUser", "CLIENT_ID_NOT_APPLICABLE", u, text, in.ClientMetadata); err != nil {
			return err
		}
	}
	again := in.MessageAction.V == "RESEND"
	return s.update(c, func(tx *kv.Tx) error {
		if _, err := poolByID(tx, c.Account, p.ID); err != nil {
			return err
		}
		if taken, err := lookup(tx, c.Account, p, in.Username.V); err == nil && !again {
			return usernameExists("User account already exists")
		} else if again && (err != nil || taken.Status != forceChange) {
			return noUser()
		} else if err != nil && !absent(err) {
			return err
		} else if again {
			taken.Credential, taken.TempUntil = u.Credential, u.TempUntil
			u = taken
		}
		if err := s.save(tx, c.Account, p, u, in.ForceAliasCreation.V, c.Now); err != nil {
			return err
		}
		for _, a := range to {
			if err := s.send(tx, c.Account, p, u, "AdminCreateUser", a, password, text); err != nil {
				return err
			}
		}
		return nil
	})
}

// inviteTo is where the invitation goes: the media asked for, else the phone number, else the e-mail address.
func inviteTo(u *user, in *cognitoidp.AdminCreateUserInput) ([]address, error) {
	if in.MessageAction.V == "SUPPRESS" || u.Status == confirmed {
		return nil, nil
	}
	var out []address
	for _, name := range []string{"phone_number", "email"} {
		a := address{name, u.Attributes[name]}
		asked := slices.Contains(in.DesiredDeliveryMediums, a.medium())
		switch {
		case asked && a.value == "":
			return nil, invalid("The user has no %s for the delivery medium %s.", name, a.medium())
		case asked, len(in.DesiredDeliveryMediums) == 0 && a.value != "" && len(out) == 0:
			out = append(out, a)
		}
	}
	return out, nil
}

// userType is a user as lists show them.
func userType(u *user, see func(string) bool) cognitoidp.UserType {
	return cognitoidp.UserType{
		Username: wire.Some(u.Name), Attributes: attributesOf(u, see), UserStatus: wire.Some(u.Status), Enabled: wire.Some(!u.Disabled),
		UserCreateDate: wire.Some(u.Created), UserLastModifiedDate: wire.Some(u.Modified), MFAOptions: u.mfaOptions(),
	}
}
