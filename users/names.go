package users

import (
	"errors"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/nyaruka/phonenumbers"

	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

var (
	emailShape = regexp.MustCompile(`^[^\s\x00-\x1f\x7f@,;<>"]+@[^\s\x00-\x1f\x7f@,;<>"]+$`)
	phoneShape = regexp.MustCompile(`^\+[0-9]{2,15}$`)
)

// isPhone tells whether a text is a phone number in E.164, of a country there is and of a length its numbers have.
func isPhone(text string) bool {
	if !phoneShape.MatchString(text) {
		return false
	}
	n, err := phonenumbers.Parse(text, "")
	return err == nil && phonenumbers.IsPossibleNumber(n)
}

// fold is a name as the pool compares names.
func (p *pool) fold(name string) string {
	if c := p.Settings.UsernameConfiguration; c != nil && !c.CaseSensitive.Or(true) {
		return strings.ToLower(name)
	}
	return name
}

// attributeOfName tells which attribute a name is, when people sign up by e-mail or phone number; "" when it is neither.
func attributeOfName(allowed []string, name string) string {
	switch {
	case slices.Contains(allowed, "email") && emailShape.MatchString(name):
		return "email"
	case slices.Contains(allowed, "phone_number") && isPhone(name):
		return "phone_number"
	}
	return ""
}

// newName checks the name given at sign-up. attribute is set when the pool signs people up by that attribute: the username
// is then the sub.
func (p *pool) newName(name string) (attribute string, err error) {
	ways := p.Settings.UsernameAttributes
	if len(ways) > 0 {
		if attribute = attributeOfName(ways, name); attribute != "" {
			return attribute, nil
		}
		switch {
		case len(ways) > 1:
			return "", invalid("Username should be either an email or a phone number.")
		case ways[0] == "email":
			return "", invalid("Username should be an email.")
		}
		return "", invalid("Username should be a phone number.")
	}
	switch attributeOfName(p.Settings.AliasAttributes, name) {
	case "email":
		return "", invalid("Username cannot be of email format, since user pool is configured for email alias.")
	case "phone_number":
		return "", invalid("Username cannot be of phone number format, since user pool is configured for phone number alias.")
	}
	return "", nil
}

// aliasesOf are the names besides the username that the user may sign in by now.
func (p *pool) aliasesOf(u *user) []alias {
	if u.Status == external { // signs in at the provider; the same address may be a local user's
		return nil
	}
	var out []alias
	for _, name := range p.Settings.UsernameAttributes {
		if v := u.Attributes[name]; v != "" {
			out = append(out, alias{name, p.fold(v)})
		}
	}
	if u.Status == unconfirmed {
		return out
	}
	for _, name := range p.Settings.AliasAttributes {
		v := u.Attributes[name]
		if v != "" && (name == "preferred_username" || u.Attributes[name+"_verified"] == "true") {
			out = append(out, alias{name, p.fold(v)})
		}
	}
	return out
}

// save stores the user with the names it now has. An alias that another user has is refused; with force it is taken over.
func (s *Service) save(tx *kv.Tx, account string, p *pool, u *user, force bool, now time.Time) error {
	for _, name := range []string{"email", "phone_number"} {
		if u.Attributes[name] != "" && u.Attributes[name+"_verified"] == "" {
			u.Attributes[name+"_verified"] = "false"
		}
	}
	u.loseFactors()
	u.Folded, u.Aliases, u.Modified = p.fold(u.Name), p.aliasesOf(u), now
	if err := inFront(tx, account, p, u); err != nil {
		return err
	}
	for _, a := range u.Aliases {
		if len(a.Value) > longestIndexed {
			return invalid("%s is too long to sign in by.", a.Attribute)
		}
		owner, err := people.Find(tx, inPool(account, p.ID), "alias", p.ID, a.Attribute, a.Value)
		switch {
		case absent(err) || err == nil && owner.Sub == u.Sub:
		case err != nil:
			return err
		case slices.Contains(p.Settings.UsernameAttributes, a.Attribute):
			return usernameExists("An account with the given " + a.Attribute + " already exists.")
		case !force:
			return aliasExists(a.Attribute)
		default:
			if err := yield(tx, account, p, owner, a.Attribute, now); err != nil {
				return err
			}
		}
	}
	err := people.Put(tx, inPool(account, p.ID), u)
	if taken := (*record.ErrExists)(nil); errors.As(err, &taken) {
		return usernameExists("User already exists")
	}
	return err
}

// inFront refuses names under which another is found already: whoever looked for that other would find this user. Names of one
// kind clash in the index; these are of two kinds.
func inFront(tx *kv.Tx, account string, p *pool, u *user) error {
	scope := inPool(account, p.ID)
	if err := clash(u, usernameExists("User already exists"))(people.Get(tx, scope, p.ID, u.Name)); err != nil {
		return err
	}
	if err := clash(u, usernameExists("User already exists"))(people.Find(tx, scope, "alias", p.ID, "preferred_username", u.Folded)); err != nil {
		return err
	}
	for _, a := range u.Aliases {
		if a.Attribute != "preferred_username" {
			continue
		}
		if attributeOfName(p.Settings.AliasAttributes, a.Value) != "" {
			return invalid("preferred_username cannot look like what others sign in by: an email or a phone number.")
		}
		if err := clash(u, aliasExists(a.Attribute))(people.Find(tx, scope, "name", p.ID, a.Value)); err != nil {
			return err
		}
		if err := clash(u, aliasExists(a.Attribute))(people.Get(tx, scope, p.ID, a.Value)); err != nil {
			return err
		}
	}
	return nil
}

// clash is refusal when what was looked for is another user.
func clash(u *user, refusal error) func(*user, error) error {
	return func(found *user, err error) error {
		if err != nil {
			return ignoreAbsent(err)
		}
		if found.Sub != u.Sub {
			return refusal
		}
		return nil
	}
}

// yield takes an alias from its owner: the attribute is no longer verified, so no longer a name.
func yield(tx *kv.Tx, account string, p *pool, owner *user, attribute string, now time.Time) error {
	if attribute == "preferred_username" {
		delete(owner.Attributes, attribute)
	} else {
		owner.Attributes[attribute+"_verified"] = "false"
	}
	owner.Aliases, owner.Modified = p.aliasesOf(owner), now
	return people.Put(tx, inPool(account, p.ID), owner)
}

// lookup finds a user by username, sub or alias; record.ErrNotFound when there is none.
func lookup(tx *kv.Tx, account string, p *pool, name string) (*user, error) {
	scope, folded := inPool(account, p.ID), p.fold(name)
	u, err := people.Find(tx, scope, "name", p.ID, folded)
	if !absent(err) {
		return u, err
	}
	for _, attribute := range slices.Concat(p.Settings.UsernameAttributes, p.Settings.AliasAttributes) {
		if u, err = people.Find(tx, scope, "alias", p.ID, attribute, folded); !absent(err) {
			return u, err
		}
	}
	return people.Get(tx, scope, p.ID, name)
}

// named finds a user for an operator.
func named(tx *kv.Tx, account string, p *pool, name string) (*user, error) {
	u, err := lookup(tx, account, p, name)
	if absent(err) {
		return nil, noUser()
	}
	return u, err
}

// person finds a user for an app. Where the client hides who exists, an unknown name gives a ghost: always the same one,
// with an id, a salt and a password nobody has, so that every later step does the same work and fails in the same way.
func (s *Service) person(tx *kv.Tx, account string, cl *client, p *pool, name string) (*user, error) {
	u, err := lookup(tx, account, p, name)
	if !absent(err) {
		return u, err
	}
	if !cl.hides() {
		return nil, noUser()
	}
	return s.ghostOf(account, p, name)
}

func (c *client) hides() bool { return c.Settings.PreventUserExistenceErrors.Or("LEGACY") == "ENABLED" }

func (s *Service) ghostOf(account string, p *pool, name string) (*user, error) {
	mask, err := s.mask(account, p)
	if err != nil {
		return nil, err
	}
	sub := wire.UUID([16]byte(mac(mask, []byte("sub"), []byte(p.fold(name)))[:16]))
	u := &user{Pool: p.ID, Sub: sub, Name: p.fold(name), Status: confirmed, Attributes: map[string]string{}, ghost: true}
	if len(p.Settings.UsernameAttributes) > 0 || attributeOfName(p.Settings.AliasAttributes, name) != "" {
		u.Name = sub
	}
	return u, nil
}

// ghostCredential belongs to no password: its verifier is the square of a hash, so of the same subgroup as all others.
func (s *Service) ghostCredential(account string, p *pool, sub string) (credential, error) {
	mask, err := s.mask(account, p)
	if err != nil {
		return credential{}, err
	}
	salt := mac(mask, []byte("salt"), []byte(sub))[:saltBytes]
	if salt[0] < 0x10 {
		salt[0] |= 0x10
	}
	var wide []byte
	for i := byte(0); len(wide) < primeBytes; i++ {
		wide = append(wide, mac(mask, []byte{'v', i}, []byte(sub))...)
	}
	v := new(big.Int).SetBytes(wide)
	return credential{salt, v.Mul(v, v).Mod(v, prime)}, nil
}

// mask is the pool's secret behind ghosts and code hashes.
func (s *Service) mask(account string, p *pool) ([]byte, error) {
	return s.cfg.Sealer.Open(maskPlace(account, p.ID), p.Mask)
}

func maskPlace(account, poolID string) string { return "users.mask/" + account + "/" + poolID }
