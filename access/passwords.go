package access

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"time"

	"golang.org/x/crypto/argon2"

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

// Cost of a hash: what OWASP recommends for argon2id with little memory.
const (
	hashPasses = 2
	hashMemory = 19 << 10 // KiB
	hashSize   = 32
	saltSize   = 16
)

// hashPassword is a salt and the hash, sealed: a stolen store gives nothing to guess against.
func (s *Service) hashPassword(userID, password string) []byte {
	salt := make([]byte, saltSize)
	rand.Read(salt) //nolint:errcheck // never fails (crypto/rand)
	return s.cfg.Sealer.Seal(passwordPlace(userID), append(salt, s.slowHash(password, salt)...))
}

// slowHash hashes with a few others at most at once: each takes memory.
func (s *Service) slowHash(password string, salt []byte) []byte {
	s.hashing <- struct{}{}
	defer func() { <-s.hashing }()
	return argon2.IDKey([]byte(password), salt, hashPasses, hashMemory, 1, hashSize)
}

// passwordIs tells whether a sealed hash is of the password.
func (s *Service) passwordIs(userID string, sealed []byte, password string) (bool, error) {
	plain, err := s.cfg.Sealer.Open(passwordPlace(userID), sealed)
	if err != nil || len(plain) != saltSize+hashSize {
		return false, errors.Join(err, errors.New("access: password hash is damaged"))
	}
	hash := s.slowHash(password, plain[:saltSize])
	return subtle.ConstantTimeCompare(hash, plain[saltSize:]) == 1, nil
}

func passwordPlace(userID string) string { return "access.login.password/" + userID }

// Why CheckPassword refuses. Nobody who knows no password may tell one reason from another.
var (
	ErrPassword        = errors.New("access: user or password unknown")
	ErrPasswordExpired = errors.New("access: password expired, and only an administrator may set a new one")
	ErrPasswordTries   = errors.New("access: too many failed sign-ins")
	ErrCode            = errors.New("access: a valid one-time code of the user's MFA device is wanted")
)

// SignInTry is what somebody brings to sign in to the console.
type SignInTry struct {
	Account, UserName, Password string
	Code                        string // of an MFA device; "" when none was asked for yet
	SourceIP                    string
}

// SignIn is who signed in.
type SignIn struct {
	Account, UserName, UserID, ARN string
	MustChange                     bool // nothing is allowed before a new password is set
	MFA                            bool // with a code
}

// signInsPerAddress bounds what an address may try whatever users it names: the lockout of one user does not stop who tries many.
var signInsPerAddress = record.Limit{PerSecond: 1, Burst: 100}

// CheckPassword checks the console password of a user, and the code of a user with MFA devices: ErrCode says that the password was right
// and a code is missing or wrong. An unknown user takes as long as a known one, and is locked out alike.
func (s *Service) CheckPassword(ctx context.Context, try SignInTry) (*SignIn, error) {
	ok, err := s.brake.Take(ctx, "access.password/"+wire.Household(try.SourceIP), signInsPerAddress, s.cfg.Now())
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, ErrPasswordTries
	}
	who, login, err := s.login(ctx, try.Account, try.UserName)
	if err != nil {
		return nil, err
	}
	subject := passwordSubject(try.UserName) // one name, one count, whether it exists or not
	if err := s.begin(ctx, try.Account, subject); err != nil {
		return nil, lockedAs(err, ErrPasswordTries)
	}
	if login == nil {
		s.slowHash(try.Password, make([]byte, saltSize))
		return nil, ErrPassword
	}
	if ok, err := s.passwordIs(login.UserID, login.Password, try.Password); err != nil || !ok {
		return nil, either(err, ErrPassword)
	}
	if err := s.signedIn(ctx, who, login, subject); err != nil {
		return nil, err
	}
	if who.MFA, err = s.secondFactor(ctx, who, try.Code); err != nil {
		return nil, err
	}
	return who, nil
}

func passwordSubject(userName string) string { return "password/" + fold(userName) }

// signedIn says what a right password is good for.
func (s *Service) signedIn(ctx context.Context, who *SignIn, login *loginRow, subject string) error {
	return s.cfg.DB.Update(ctx, func(tx *kv.Tx) error {
		p, err := passwordPolicy(tx, who.Account)
		if err != nil {
			return err
		}
		old := p.expired(login.Changed, s.cfg.Now())
		if old && p.HardExpiry {
			return ErrPasswordExpired
		}
		who.MustChange = old || login.MustChange
		if err := forget(tx, who.Account, subject); err != nil {
			return err
		}
		now, err := logins().Get(tx, of(who.Account), login.UserID)
		if err != nil {
			return or(err, ErrPassword) // deleted since
		}
		now.Used = s.cfg.Now().UTC().Truncate(time.Second)
		return logins().Put(tx, of(who.Account), now)
	})
}

// login is a user's password row; nil when there is no such user, or none with a password.
func (s *Service) login(ctx context.Context, account, userName string) (who *SignIn, login *loginRow, err error) {
	err = s.cfg.DB.View(ctx, func(tx *kv.Tx) error {
		user, err := users().Get(tx, of(account), fold(userName))
		if err != nil {
			return or(err, nil)
		}
		who = &SignIn{Account: account, UserName: user.Name, UserID: user.ID, ARN: user.ARN}
		login, err = logins().Get(tx, of(account), user.ID)
		return or(err, nil)
	})
	if err != nil {
		return nil, nil, err
	}
	return who, login, nil
}

// passwordUsed is when the user signed in with the password, absent when never.
func (s *Service) passwordUsed(c *wire.Call, user *userRow) (used wire.Opt[time.Time], err error) {
	err = s.cfg.DB.View(c, func(tx *kv.Tx) error {
		row, err := logins().Get(tx, of(c.Account), user.ID)
		if err == nil && !row.Used.IsZero() {
			used = wire.Some(row.Used)
		}
		return or(err, nil)
	})
	return used, err
}

// lockedAs puts an error in the place of errLocked.
func lockedAs(err, locked error) error {
	if errors.Is(err, errLocked) {
		return locked
	}
	return err
}

// either is err, or when there is none, other.
func either(err, other error) error {
	if err != nil {
		return err
	}
	return other
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
