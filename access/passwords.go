package access

import (
	"crypto/subtle"
	"time"

	"bothy/api/iam"
	"bothy/kv"
	"bothy/policy"
	"bothy/record"
	"bothy/wire"
)

// loginRow is a user's password for the console.
type loginRow struct {
	UserID     string
	Password   []byte   // salt and hash, sealed
	Former     [][]byte `json:",omitempty"` // of the passwords before, the latest first, sealed
	Changed    time.Time
	Used       time.Time // to sign in with it; zero: never
	MustChange bool      // at the next sign-in
	Created    time.Time
}

// maxFormer is how many former passwords are kept: as many as a policy can refuse.
const maxFormer = 24

func logins() *record.Table[loginRow] {
	return &record.Table[loginRow]{Name: "access.login", Version: 1, Key: func(r *loginRow) []any { return []any{r.UserID} }}
}

// set puts a new password in the place of the old one.
func (r *loginRow) set(hash []byte, mustChange bool, now time.Time) {
	if r.Password != nil {
		r.Former = append([][]byte{r.Password}, r.Former...)
		r.Former = r.Former[:min(len(r.Former), maxFormer)]
	}
	r.Password, r.MustChange, r.Changed = hash, mustChange, now.UTC().Truncate(time.Second)
}

func (s *Service) mountPasswords(m *wire.Mux) {
	wire.Handle(m, iam.CreateLoginProfile, s.accessCreateLogin, s.createLogin)
	wire.Handle(m, iam.GetLoginProfile, s.accessGetLogin, s.getLogin)
	wire.Handle(m, iam.UpdateLoginProfile, s.accessUpdateLogin, s.updateLogin)
	wire.Handle(m, iam.DeleteLoginProfile, s.accessDeleteLogin, s.deleteLogin)
	wire.Handle(m, iam.ChangePassword, s.accessChangePassword, s.changePassword)
}

func noLogin(user string) error {
	return noSuchEntity("Login Profile for User %s cannot be found.", user)
}

func (r *loginRow) api(user string) *iam.LoginProfile {
	return &iam.LoginProfile{UserName: wire.Some(user), CreateDate: wire.Some(r.Created), PasswordResetRequired: wire.Some(r.MustChange)}
}

func (s *Service) accessCreateLogin(c *wire.Call, in *iam.CreateLoginProfileInput) ([]wire.Access, error) {
	return s.onUser(c, "CreateLoginProfile", named(c, in.UserName), nil)
}

func (s *Service) createLogin(c *wire.Call, in *iam.CreateLoginProfileInput) (*iam.CreateLoginProfileOutput, error) {
	if !in.Password.Set {
		return nil, wire.Fail(400, "ValidationError", "A password must be specified.")
	}
	user, err := s.checkNewPassword(c, in.UserName, in.Password.V)
	if err != nil {
		return nil, err
	}
	row := &loginRow{UserID: user.ID, Created: c.Now.UTC().Truncate(time.Second)}
	row.set(s.hashPassword(user.ID, in.Password.V), in.PasswordResetRequired.V, c.Now)
	err = s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		if _, err := stillUser(tx, c.Account, user); err != nil {
			return err
		}
		return exists(logins().Insert(tx, of(c.Account), row), alreadyExists("Login Profile for user %s already exists.", user.Name))
	})
	if err != nil {
		return nil, err
	}
	return &iam.CreateLoginProfileOutput{LoginProfile: row.api(user.Name)}, nil
}

// checkNewPassword finds the user and refuses a password that the account's policy does not allow. Hashing is slow, so it is done between
// this and the transaction that stores the hash.
func (s *Service) checkNewPassword(c *wire.Call, name wire.Opt[string], password string) (user *userRow, err error) {
	err = s.cfg.DB.View(c, func(tx *kv.Tx) error {
		if user, err = heldUser(tx, c, name); err != nil {
			return err
		}
		p, err := passwordPolicy(tx, c.Account)
		if err != nil {
			return err
		}
		return p.check(password, user.Name)
	})
	return user, err
}

// stillUser reads a user again, in the transaction that gives it something: it may have been deleted since.
func stillUser(tx *kv.Tx, account string, user *userRow) (*userRow, error) {
	now, err := users().Get(tx, of(account), fold(user.Name))
	if err == nil && now.ID != user.ID {
		err = record.ErrNotFound
	}
	return now, or(err, noSuchUser(user.Name))
}

func (s *Service) accessGetLogin(c *wire.Call, in *iam.GetLoginProfileInput) ([]wire.Access, error) {
	return s.onUser(c, "GetLoginProfile", named(c, in.UserName), nil)
}

func (s *Service) getLogin(c *wire.Call, in *iam.GetLoginProfileInput) (out *iam.GetLoginProfileOutput, err error) {
	err = s.cfg.DB.View(c, func(tx *kv.Tx) error {
		user, err := heldUser(tx, c, in.UserName)
		if err != nil {
			return err
		}
		row, err := logins().Get(tx, of(c.Account), user.ID)
		if err != nil {
			return or(err, noLogin(user.Name))
		}
		out = &iam.GetLoginProfileOutput{LoginProfile: row.api(user.Name)}
		return nil
	})
	return out, err
}

func (s *Service) accessUpdateLogin(c *wire.Call, in *iam.UpdateLoginProfileInput) ([]wire.Access, error) {
	return s.onUser(c, "UpdateLoginProfile", in.UserName.V, nil)
}

func (s *Service) updateLogin(c *wire.Call, in *iam.UpdateLoginProfileInput) (*iam.UpdateLoginProfileOutput, error) {
	var hash []byte
	if in.Password.Set {
		user, err := s.checkNewPassword(c, in.UserName, in.Password.V)
		if err != nil {
			return nil, err
		}
		hash = s.hashPassword(user.ID, in.Password.V)
	}
	return nil, s.changeLogin(c, in.UserName, func(tx *kv.Tx, user *userRow, row *loginRow) error {
		if hash == nil {
			row.MustChange = in.PasswordResetRequired.Or(row.MustChange)
			return nil
		}
		row.set(hash, in.PasswordResetRequired.Or(row.MustChange), c.Now)
		return forget(tx, c.Account, passwordSubject(user.Name))
	})
}

func (s *Service) changeLogin(c *wire.Call, name wire.Opt[string], f func(*kv.Tx, *userRow, *loginRow) error) error {
	return s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		user, err := heldUser(tx, c, name)
		if err != nil {
			return err
		}
		row, err := logins().Get(tx, of(c.Account), user.ID)
		if err != nil {
			return or(err, noLogin(user.Name))
		}
		if err := f(tx, user, row); err != nil {
			return err
		}
		return logins().Put(tx, of(c.Account), row)
	})
}

func (s *Service) accessDeleteLogin(c *wire.Call, in *iam.DeleteLoginProfileInput) ([]wire.Access, error) {
	return s.onUser(c, "DeleteLoginProfile", named(c, in.UserName), nil)
}

func (s *Service) deleteLogin(c *wire.Call, in *iam.DeleteLoginProfileInput) (*iam.DeleteLoginProfileOutput, error) {
	return nil, s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		user, err := heldUser(tx, c, in.UserName)
		if err != nil {
			return err
		}
		return or(logins().Delete(tx, of(c.Account), user.ID), noLogin(user.Name))
	})
}

// accessChangePassword is of the caller's own password. A policy that lets users change theirs grants it like a policy of the resource: a
// Deny elsewhere still wins.
func (s *Service) accessChangePassword(c *wire.Call, _ *iam.ChangePasswordInput) ([]wire.Access, error) {
	if c.Principal == nil || c.Principal.Kind != wire.User {
		return nil, &iam.InvalidUserTypeException{Message: wire.Some("Only IAM Users can change their own password")}
	}
	want := wire.Access{Action: "iam:ChangePassword", Resource: c.Principal.ARN}
	err := s.cfg.DB.View(c, func(tx *kv.Tx) error {
		p, err := passwordPolicy(tx, c.Account)
		if err == nil && p.UsersMayChange {
			want.Policies = []policy.Source{s.source("account password policy", mayChangePassword)}
		}
		return err
	})
	return []wire.Access{want}, err
}

const mayChangePassword = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"iam:ChangePassword","Resource":"*"}]}`

func (s *Service) changePassword(c *wire.Call, in *iam.ChangePasswordInput) (*iam.ChangePasswordOutput, error) {
	user, err := s.checkNewPassword(c, wire.Opt[string]{}, in.NewPassword.V)
	if err != nil {
		return nil, err
	}
	subject := passwordSubject(user.Name)
	if err := s.begin(c, c.Account, subject); err != nil {
		return nil, lockedAs(err, limitExceeded("Too many attempts to change the password; try again later."))
	}
	row, err := s.provenLogin(c, user, in.OldPassword.V, in.NewPassword.V)
	if err != nil {
		return nil, err
	}
	hash := s.hashPassword(user.ID, in.NewPassword.V)
	return nil, s.changeLogin(c, wire.Opt[string]{}, func(tx *kv.Tx, _ *userRow, now *loginRow) error {
		if subtle.ConstantTimeCompare(now.Password, row.Password) != 1 { // another change came between
			return &iam.EntityTemporarilyUnmodifiableException{Message: wire.Some("The password is being changed; try again later.")}
		}
		now.set(hash, false, c.Now)
		return forget(tx, c.Account, subject)
	})
}

// provenLogin is the user's password row when old is its password, and wanted none of those that the policy refuses.
func (s *Service) provenLogin(c *wire.Call, user *userRow, old, wanted string) (*loginRow, error) {
	row, err := read(s, c, logins(), noLogin(user.Name), user.ID)
	if err != nil {
		return nil, err
	}
	if ok, err := s.passwordIs(user.ID, row.Password, old); err != nil || !ok {
		return nil, either(err, wire.Fail(403, "AccessDenied", "The old password was incorrect."))
	}
	var reuse int
	if err := s.cfg.DB.View(c, func(tx *kv.Tx) error {
		p, err := passwordPolicy(tx, c.Account)
		if err == nil {
			reuse = int(p.Reuse)
		}
		return err
	}); err != nil {
		return nil, err
	}
	used := append([][]byte{row.Password}, row.Former...)
	for _, sealed := range used[:min(reuse, len(used))] {
		if same, err := s.passwordIs(user.ID, sealed, wanted); err != nil || same {
			return nil, either(err, violates("Password has been used before"))
		}
	}
	return row, nil
}
