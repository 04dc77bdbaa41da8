package users

import (
	"crypto/subtle"
	"strings"

	"bothy/api/cognitoidp"
	"bothy/wire"
)

const symbols = "^$*.[]{}()?-\"!@#%&/\\,><':;|_~`+="

// longestPassword is AWS's limit, in characters.
const longestPassword = 256

// defaultPolicy is what a pool made without one has.
func defaultPolicy() *cognitoidp.PasswordPolicyType {
	return &cognitoidp.PasswordPolicyType{
		MinimumLength: wire.Some[int32](8), RequireUppercase: wire.Some(true), RequireLowercase: wire.Some(true),
		RequireNumbers: wire.Some(true), RequireSymbols: wire.Some(true), TemporaryPasswordValidityDays: wire.Some[int32](7),
	}
}

func (p *pool) policy() *cognitoidp.PasswordPolicyType {
	if p.Settings.Policies == nil || p.Settings.Policies.PasswordPolicy == nil {
		return defaultPolicy()
	}
	return p.Settings.Policies.PasswordPolicy
}

// checkPolicy refuses a password the pool does not allow.
func (p *pool) checkPolicy(password string) error {
	rule := p.policy()
	length := len([]rune(password))
	switch {
	case length < int(rule.MinimumLength.Or(8)):
		return badPassword("Password not long enough")
	case length > longestPassword:
		return badPassword("Password too long")
	case strings.TrimSpace(password) != password:
		return badPassword("Password must not have leading or trailing spaces")
	case rule.RequireUppercase.V && !strings.ContainsFunc(password, isUpper):
		return badPassword("Password must have uppercase characters")
	case rule.RequireLowercase.V && !strings.ContainsFunc(password, isLower):
		return badPassword("Password must have lowercase characters")
	case rule.RequireNumbers.V && !strings.ContainsFunc(password, isDigit):
		return badPassword("Password must have numeric characters")
	case rule.RequireSymbols.V && !strings.ContainsAny(password, symbols+" "):
		return badPassword("Password must have symbol characters")
	}
	return nil
}

func isUpper(r rune) bool { return r >= 'A' && r <= 'Z' }
func isLower(r rune) bool { return r >= 'a' && r <= 'z' }
func isDigit(r rune) bool { return r >= '0' && r <= '9' }

// temporaryPassword is a password that the policy allows, for an invitation.
func (p *pool) temporaryPassword() string {
	n := max(int(p.policy().MinimumLength.Or(8)), 12)
	for {
		t := randomText(alphanumeric+"!#%*+-_.?@", n)
		if p.checkPolicy(t) == nil {
			return t
		}
	}
}

// sealPassword makes what is kept of a password. It takes about a millisecond: call it outside of transactions.
func (s *Service) sealPassword(account, poolID, sub, username, password string) []byte {
	var c credential
	s.cores.spend(func() { c = newCredential(realmOf(poolID), username, password) })
	return s.cfg.Sealer.Seal(verifierPlace(account, poolID, sub), c.bytes())
}

func verifierPlace(account, poolID, sub string) string {
	return "users.verifier/" + account + "/" + poolID + "/" + sub
}

// credentialOf opens what is kept of the user's password. Ghosts, and users without a password, get one nobody has.
func (s *Service) credentialOf(account string, p *pool, u *user) (credential, error) {
	nobodys, err := s.ghostCredential(account, p, u.Sub) // always made: known and unknown users take the same time
	if err != nil || u.ghost || u.Credential == nil {
		return nobodys, err
	}
	b, err := s.cfg.Sealer.Open(verifierPlace(account, p.ID, u.Sub), u.Credential)
	if err != nil {
		return credential{}, err
	}
	return parseCredential(b)
}

// matches tells whether the password is the credential's, comparing in constant time.
func (s *Service) matches(c credential, poolID, username, password string) bool {
	got := credential{salt: c.salt}
	s.cores.spend(func() { got.verifier = verifierOf(c.salt, realmOf(poolID), username, password) })
	return subtle.ConstantTimeCompare(got.bytes(), c.bytes()) == 1
}
