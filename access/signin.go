package access

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"time"

	"golang.org/x/crypto/argon2"

	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

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

// maxUserName is the length of names in IAM: longer ones are nobody's, and get no row.
const maxUserName = 64

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
	if len(try.UserName) > maxUserName {
		return nil, ErrPassword
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
