package access

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"bothy/api/iam"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

// passwordPolicyRow is what the account demands of console passwords.
type passwordPolicyRow struct {
	Name                              string // "policy": there is one
	MinLength                         int32
	Symbols, Numbers, Upper, Lower    bool
	UsersMayChange, HardExpiry        bool
	MaxAge                            int32 // days; 0: for ever
	Reuse                             int32 // how many former passwords are refused
	atLeastThreeKinds, unlikeUserName bool  // of AWS's own policy, which no account can set
}

const (
	thePolicy        = "policy"
	defaultMinLength = 6 // of a policy that names no length
)

func passwordPolicies() *record.Table[passwordPolicyRow] {
	return &record.Table[passwordPolicyRow]{Name: "access.passwordpolicy", Version: 1, Key: func(r *passwordPolicyRow) []any { return []any{r.Name} }}
}

// passwordPolicy is the account's policy, or what AWS demands where there is none.
func passwordPolicy(tx *kv.Tx, account string) (*passwordPolicyRow, error) {
	row, err := passwordPolicies().Get(tx, of(account), thePolicy)
	if errors.Is(err, record.ErrNotFound) {
		return &passwordPolicyRow{MinLength: 8, atLeastThreeKinds: true, unlikeUserName: true}, nil
	}
	return row, err
}

const symbols = "!@#$%^&*()_+-=[]{}|'"

// check refuses a password that the policy does not allow.
func (p *passwordPolicyRow) check(password, userName string) error {
	kinds := map[string]bool{
		"uppercase letter": strings.ContainsAny(password, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
		"lowercase letter": strings.ContainsAny(password, "abcdefghijklmnopqrstuvwxyz"),
		"number":           strings.ContainsAny(password, "0123456789"),
		"symbol":           strings.ContainsAny(password, symbols),
	}
	have := 0
	for _, there := range kinds {
		if there {
			have++
		}
	}
	switch {
	case utf8.RuneCountInString(password) < int(p.MinLength):
		return violates("Password should have a minimum length of %d", p.MinLength)
	case p.Symbols && !kinds["symbol"]:
		return violates("Password should have at least one symbol")
	case p.Numbers && !kinds["number"]:
		return violates("Password should have at least one number")
	case p.Upper && !kinds["uppercase letter"]:
		return violates("Password should have at least one uppercase letter")
	case p.Lower && !kinds["lowercase letter"]:
		return violates("Password should have at least one lowercase letter")
	case p.atLeastThreeKinds && have < 3:
		return violates("Password should have at least three of: uppercase letters, lowercase letters, numbers, symbols")
	case p.unlikeUserName && fold(password) == fold(userName):
		return violates("Password must not be identical to the user name")
	}
	return nil
}

func violates(format string, a ...any) error {
	return &iam.PasswordPolicyViolationException{Message: wire.Some(fmt.Sprintf(format, a...))}
}

// expired tells whether a password set at a time is too old.
func (p *passwordPolicyRow) expired(set, now time.Time) bool {
	return p.MaxAge > 0 && !now.Before(set.AddDate(0, 0, int(p.MaxAge)))
}

func noPasswordPolicy(c *wire.Call) error {
	return noSuchEntity("The Password Policy with domain name %s cannot be found.", c.Account)
}

func onAccount[In any](action string) func(*wire.Call, *In) ([]wire.Access, error) {
	return func(*wire.Call, *In) ([]wire.Access, error) { return wire.One("iam:"+action, "*", nil), nil }
}

func (s *Service) mountPasswordPolicy(m *wire.Mux) {
	wire.Handle(m, iam.GetAccountPasswordPolicy, onAccount[iam.GetAccountPasswordPolicyInput]("GetAccountPasswordPolicy"), s.getPasswordPolicy)
	wire.Handle(m, iam.UpdateAccountPasswordPolicy, onAccount[iam.UpdateAccountPasswordPolicyInput]("UpdateAccountPasswordPolicy"), s.updatePasswordPolicy)
	wire.Handle(m, iam.DeleteAccountPasswordPolicy, onAccount[iam.DeleteAccountPasswordPolicyInput]("DeleteAccountPasswordPolicy"), s.deletePasswordPolicy)
}

func (s *Service) getPasswordPolicy(c *wire.Call, _ *iam.GetAccountPasswordPolicyInput) (*iam.GetAccountPasswordPolicyOutput, error) {
	p, err := read(s, c, passwordPolicies(), noPasswordPolicy(c), thePolicy)
	if err != nil {
		return nil, err
	}
	out := &iam.PasswordPolicy{
		MinimumPasswordLength: wire.Some(p.MinLength), RequireSymbols: wire.Some(p.Symbols), RequireNumbers: wire.Some(p.Numbers),
		RequireUppercaseCharacters: wire.Some(p.Upper), RequireLowercaseCharacters: wire.Some(p.Lower),
		AllowUsersToChangePassword: wire.Some(p.UsersMayChange), ExpirePasswords: wire.Some(p.MaxAge > 0),
	}
	if p.MaxAge > 0 {
		out.MaxPasswordAge, out.HardExpiry = wire.Some(p.MaxAge), wire.Some(p.HardExpiry)
	}
	if p.Reuse > 0 {
		out.PasswordReusePrevention = wire.Some(p.Reuse)
	}
	return &iam.GetAccountPasswordPolicyOutput{PasswordPolicy: out}, nil
}

// updatePasswordPolicy replaces the policy: what the input leaves out gets its default, not its former value.
func (s *Service) updatePasswordPolicy(c *wire.Call, in *iam.UpdateAccountPasswordPolicyInput) (*iam.UpdateAccountPasswordPolicyOutput, error) {
	row := &passwordPolicyRow{
		Name: thePolicy, MinLength: in.MinimumPasswordLength.Or(defaultMinLength), Symbols: in.RequireSymbols.V, Numbers: in.RequireNumbers.V,
		Upper: in.RequireUppercaseCharacters.V, Lower: in.RequireLowercaseCharacters.V, UsersMayChange: in.AllowUsersToChangePassword.V,
		HardExpiry: in.HardExpiry.V, MaxAge: in.MaxPasswordAge.V, Reuse: in.PasswordReusePrevention.V,
	}
	return nil, s.cfg.DB.Update(c, func(tx *kv.Tx) error { return passwordPolicies().Put(tx, of(c.Account), row) })
}

func (s *Service) deletePasswordPolicy(c *wire.Call, _ *iam.DeleteAccountPasswordPolicyInput) (*iam.DeleteAccountPasswordPolicyOutput, error) {
	return nil, s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		return or(passwordPolicies().Delete(tx, of(c.Account), thePolicy), noPasswordPolicy(c))
	})
}
