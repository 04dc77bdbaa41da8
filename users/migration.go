package users

import (
	"errors"
	"fmt"

	"bothy/api/cognitoidp"
	"bothy/kv"
	"bothy/wire"
)

// migration is what the pool's UserMigration function says of somebody it knows from elsewhere. It also names desiredDeliveryMediums
// and messageAction, for a welcome that is not sent: there is nothing to tell people who sign in with the password they always had.
type migration struct {
	Attributes map[string]string `json:"userAttributes"` // nil: not known there either
	Status     string            `json:"finalUserStatus"`
	Force      bool              `json:"forceAliasCreation"`
	SMSMFA     bool              `json:"enableSMSMFA"`
}

// Occasions of a migration.
const (
	migrateSignIn = "UserMigration_Authentication"
	migrateForgot = "UserMigration_ForgotPassword"
)

// migrate gives the pool's function its chance to bring along a user who is not here: with the password they show, or when they
// forgot it. No error: the user may be here now. Guesses at passwords elsewhere count, and lock, as those here do.
func (s *Service) migrate(a *attempt, source, name, password string) error {
	function := a.pool.Settings.LambdaConfig.UserMigration
	if !function.Set {
		return nil
	}
	ghost, err := s.ghostOf(a.Account, a.pool, name)
	if err != nil {
		return err
	}
	known := false
	err = s.view(a, func(tx *kv.Tx) error {
		_, err := lookup(tx, a.Account, a.pool, name)
		if known = err == nil; known || !absent(err) {
			return err
		}
		return a.mayTry(tx, ghost.Sub)
	})
	if err != nil || known {
		return err
	}
	m, err := s.askMigration(a, function, source, name, password)
	var u *user
	if err == nil {
		u, err = s.migrant(a, m, name, password)
	}
	if err == nil {
		err = s.settleIn(a, u, m.Force)
	}
	if refusal := (wire.Fault)(nil); errors.As(err, &refusal) || errors.As(err, new(*FunctionError)) {
		return s.notMigrated(a, source, ghost, err)
	}
	return err
}

func (s *Service) askMigration(a *attempt, function wire.Opt[string], source, name, password string) (*migration, error) {
	request := map[string]any{"validationData": a.validation, "clientMetadata": a.data}
	if source == migrateSignIn {
		request["password"] = password
	}
	out, err := s.fire(a.Call, a.pool, function, "UserMigration", source, a.client.ID, &user{Pool: a.pool.ID, Name: name, ghost: true}, request)
	if err != nil {
		return nil, err
	}
	m := new(migration)
	if err := readAnswer("UserMigration", out, m); err != nil {
		return nil, err
	}
	if m.Attributes == nil {
		return nil, &FunctionError{"it knows no such user"}
	}
	return m, nil
}

// migrant is the user whom the function described, checked but not stored. A password that the pool does not allow has to be
// reset.
func (s *Service) migrant(a *attempt, m *migration, name, password string) (*user, error) {
	const trigger = "UserMigration"
	username := m.Attributes["username"]
	if username == "" {
		username = name
	}
	attribute, err := a.pool.newName(username)
	if err != nil {
		return nil, badAnswer(trigger, "%v", err)
	}
	var list []cognitoidp.AttributeType
	for name, v := range m.Attributes {
		if name != "username" && name != "sub" && name != "cognito:user_status" {
			list = append(list, cognitoidp.AttributeType{Name: wire.Some(name), Value: wire.Some(v)})
		}
	}
	values, err := a.pool.valuesOf(list)
	if err != nil {
		return nil, badAnswer(trigger, "%v", err)
	}
	u := &user{Pool: a.pool.ID, Sub: wire.NewUUID(), Name: a.pool.fold(username), Attributes: values, Status: confirmed, Created: a.Now}
	if attribute != "" {
		u.Name = u.Sub
		values[attribute] = username
	}
	if err := a.pool.checkRequired(values); err != nil {
		return nil, badAnswer(trigger, "%v", err)
	}
	switch {
	case m.SMSMFA && (!a.pool.Methods.SMS || values["phone_number"] == "" || values["phone_number_verified"] != "true"):
		return nil, badAnswer(trigger, "enableSMSMFA is set for a user without a verified phone number, or in a pool without SMS as a second factor")
	case m.Status != "" && m.Status != confirmed && m.Status != resetRequired:
		return nil, badAnswer(trigger, "finalUserStatus %q is neither CONFIRMED nor RESET_REQUIRED", m.Status)
	case password == "" || m.Status == resetRequired || a.pool.checkPolicy(password) != nil:
		u.Status = resetRequired
	}
	if m.SMSMFA {
		u.turnOn(smsMFA, false)
	}
	if password != "" {
		u.Credential = s.sealPassword(a.Account, a.pool.ID, u.Sub, u.Name, password)
	}
	return u, nil
}

// settleIn stores a migrated user, unless another request has done so.
func (s *Service) settleIn(a *attempt, u *user, force bool) error {
	return s.update(a, func(tx *kv.Tx) error {
		if _, err := poolByID(tx, a.Account, a.pool.ID); err != nil {
			return err
		}
		if _, err := lookup(tx, a.Account, a.pool, u.Name); !absent(err) {
			return err
		}
		return s.save(tx, a.Account, a.pool, u, force, a.Now)
	})
}

// notMigrated refuses whom the function does not know, or whom it describes badly. Where the client hides who exists, this looks like
// a wrong password of somebody who is here, or like a code on its way to them.
func (s *Service) notMigrated(a *attempt, source string, ghost *user, why error) error {
	unknown := errors.As(why, new(*FunctionError)) || errors.As(why, new(*cognitoidp.UserLambdaValidationException))
	if source == migrateSignIn && unknown {
		if err := s.update(a, func(tx *kv.Tx) error { return a.failed(tx, ghost.Sub, true, progress{}) }); err != nil {
			return err
		}
	}
	switch {
	case a.client.hides() && source == migrateForgot:
		return nil
	case a.client.hides():
		return wire.Because(wrongPassword(), "UserMigration: %v", why)
	case unknown:
		message := fmt.Sprintf("Exception migrating user in app client %s", a.client.ID)
		return wire.Because(&cognitoidp.UserNotFoundException{Message: wire.Some(message)}, "UserMigration: %v", why)
	}
	return why
}
