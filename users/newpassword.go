package users

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"

	"bothy/api/cognitoidp"
	"bothy/kv"
	"bothy/wire"
)

// askNewPassword tells a user who signed in with a temporary password to choose their own.
func (s *Service) askNewPassword(a *attempt, v *verdict) (*step, error) {
	u := v.user
	session, err := s.sessionOf(a, v, challenge{Against: digest(u.Credential)})
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
	return &step{name: newPasswordRequired, session: session, params: map[string]string{
		"USER_ID_FOR_SRP": u.Name, "userAttributes": string(attributes), "requiredAttributes": string(required),
	}}, err
}

// setNewPassword takes the password a user chose in place of a temporary one.
func (s *Service) setNewPassword(a *attempt, session string) (*step, error) {
	password, err := a.parameter("NEW_PASSWORD")
	if err != nil {
		return nil, err
	}
	ch, sealed, err := s.resume(a, newPasswordRequired, session)
	if err != nil {
		return nil, err
	}
	if err := a.pool.checkPolicy(password); err != nil {
		return nil, err
	}
	if err := s.notCommon(a.Call, a.pool, a.client.ID, atPasswordChange, password); err != nil {
		return nil, err
	}
	values, err := a.answered()
	if err != nil {
		return nil, err
	}
	u, err := s.challenged(a, ch)
	if err != nil {
		return nil, err
	}
	compared, err := s.unlikePast(a.Call, a.pool, u, password)
	if err != nil {
		return nil, err
	}
	v, err := s.replaceTemporary(a, ch, sealed, s.sealPassword(a.Account, a.pool.ID, ch.Sub, ch.Name, password), compared, values)
	if err != nil {
		return nil, err
	}
	return s.settle(a, v)
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

// mayAnswer refuses other values for what the user has: a required attribute, as in AWS, or an address. Who knows no more than a
// temporary password would have the codes of the second factor, and those for new passwords, sent to themselves.
func (p *pool) mayAnswer(u *user, values map[string]string) error {
	for _, name := range sortedKeys(values) {
		at := p.attribute(name)
		kept := name == "email" || name == "phone_number" || at != nil && at.Required.V
		if has := u.Attributes[name]; kept && has != "" && has != values[name] {
			return notAuthorized("Cannot modify an already provided %s", name)
		}
	}
	return nil
}

func (s *Service) replaceTemporary(a *attempt, ch challenge, sealed, credential []byte, compared [][]byte, values map[string]string) (v *verdict, err error) {
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
		if err := a.pool.mayAnswer(u, values); err != nil {
			return err
		}
		if err := a.pool.change(u, values); err != nil {
			return err
		}
		if err := replacePassword(tx, a.Account, a.pool, u, credential, compared); err != nil {
			return err
		}
		u.Status, u.TempUntil = confirmed, time.Time{}
		if err := s.save(tx, a.Account, a.pool, u, false, a.Now); err != nil {
			return err
		}
		v, err = s.pass(tx, a, u, ch.Way, newPasswordRequired)
		return err
	})
	return v, err
}
