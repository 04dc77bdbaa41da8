package identities

import (
	"errors"
	"slices"
	"time"

	"bothy/api/cognitoidentity"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

// identity is a row. Without logins it is a guest.
type identity struct {
	ID, Pool string
	Logins   []login `json:",omitempty"`
	Merged   string  `json:",omitempty"` // disabled: the identity it became, or itself where it lost its last login
	Created  time.Time
	Modified time.Time
}

// login links a user of a provider to an identity.
type login struct{ Provider, Subject string }

var identityRows = record.Table[identity]{
	Name: "identities.identity", Version: 1,
	Key: func(i *identity) []any { return []any{i.ID} },
	Indexes: []record.Index[identity]{
		{Name: "pool", Keys: func(i *identity) [][]any { return [][]any{{i.Pool}} }},
		{Name: "login", Unique: true, Keys: func(i *identity) (keys [][]any) {
			for _, l := range i.Logins {
				keys = append(keys, []any{i.Pool, l.Provider, l.Subject})
			}
			return keys
		}},
	},
}

// maxLogins bounds the logins of one identity (AWS quota for public providers).
const maxLogins = 20

// getID answers with the identity of the logins, or a new guest.
func (s *Service) getID(c *wire.Call, in *cognitoidentity.GetIdInput) (*cognitoidentity.GetIdOutput, error) {
	p, err := s.pool(c, in.IdentityPoolId.V)
	if err != nil {
		return nil, err
	}
	logins, err := s.verify(c, p, in.Logins)
	if err != nil {
		return nil, err
	}
	var id string
	if len(logins) == 0 {
		id, err = s.newGuest(c, p)
	} else {
		id, err = s.identityOf(c, p, logins)
	}
	return &cognitoidentity.GetIdOutput{IdentityId: wire.Some(id)}, err
}

func (s *Service) newGuest(c *wire.Call, p *pool) (string, error) {
	if !p.AllowGuests {
		return "", guestsRefused(p)
	}
	if ok, err := s.mayBeGuest(c, p.ID); err != nil {
		return "", err
	} else if !ok {
		return "", wire.Because(&cognitoidentity.TooManyRequestsException{Message: wire.Some("Rate exceeded")},
			"guests of pool %s from %s are made faster than allowed", p.ID, c.SourceIP)
	}
	row := &identity{ID: newID(scopeOf("", p.ID).Region), Pool: p.ID, Created: c.Now, Modified: c.Now}
	scope := scopeOf(c.Account, p.ID)
	err := s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		if _, err := findPool(tx, scope, p.ID); err != nil {
			return err
		}
		return identityRows.Insert(tx, scope, row)
	})
	return row.ID, err
}

// identityOf finds the identity that owns the logins, links those not yet linked, or makes one.
func (s *Service) identityOf(c *wire.Call, p *pool, logins []verified) (string, error) {
	scope := scopeOf(c.Account, p.ID)
	fresh := newID(scope.Region)
	var row *identity
	read := func(tx *kv.Tx) (changed bool, err error) {
		if row, err = owner(tx, scope, p.ID, logins); err != nil {
			return false, err
		}
		if row == nil {
			row = &identity{ID: fresh, Pool: p.ID, Created: c.Now}
		}
		return row.link(logins, c.Now)
	}
	var changed bool
	err := s.cfg.DB.View(c, func(tx *kv.Tx) (err error) { changed, err = read(tx); return err })
	if err != nil || !changed {
		return id(row), err
	}
	err = s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		if _, err := findPool(tx, scope, p.ID); err != nil {
			return err
		}
		if changed, err := read(tx); err != nil || !changed {
			return err
		}
		return identityRows.Put(tx, scope, row)
	})
	return id(row), err
}

func id(i *identity) string {
	if i == nil {
		return ""
	}
	return i.ID
}

// owner is the identity the logins are linked to, nil when none is. Logins of two identities are a conflict.
func owner(tx *kv.Tx, scope record.Scope, pool string, logins []verified) (*identity, error) {
	var found *identity
	for _, l := range logins {
		row, err := identityRows.Find(tx, scope, "login", pool, l.Provider, l.Subject)
		if errors.Is(err, record.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if found != nil && found.ID != row.ID {
			return nil, conflict("Logins are already linked to different identities.")
		}
		found = row
	}
	return found, nil
}

// hasAll tells whether all logins are the identity's.
func (i *identity) hasAll(logins []verified) bool {
	return !slices.ContainsFunc(logins, func(v verified) bool { return !slices.Contains(i.Logins, v.login) })
}

// link adds the logins the identity lacks. A second user of a provider it has already is refused: an identity is one
// person.
func (i *identity) link(logins []verified, now time.Time) (changed bool, err error) {
	for _, l := range logins {
		if slices.Contains(i.Logins, l.login) {
			continue
		}
		if slices.ContainsFunc(i.Logins, func(have login) bool { return have.Provider == l.Provider }) {
			return false, wire.Because(loginsDontMatch(), "identity %s has another user of %s", i.ID, l.Provider)
		}
		i.Logins = append(i.Logins, l.login)
		i.Modified, changed = now, true
	}
	if len(i.Logins) > maxLogins {
		return false, &cognitoidentity.LimitExceededException{Message: wire.Some("Too many logins linked to the identity.")}
	}
	return changed, nil
}

func loginsDontMatch() error {
	return notAuthorized("Logins don't match. Please include at least one valid login for this identity or identity pool.")
}

func (i *identity) has(logins []verified) bool {
	return slices.ContainsFunc(logins, func(v verified) bool { return slices.Contains(i.Logins, v.login) })
}

// findIdentity reads an identity that is in use, with its pool.
func findIdentity(tx *kv.Tx, scope record.Scope, id string) (*identity, *pool, error) {
	row, err := identityRows.Get(tx, scope, id)
	if errors.Is(err, record.ErrNotFound) {
		return nil, nil, notFound("Identity", id)
	}
	if err != nil {
		return nil, nil, err
	}
	p, err := pools.Get(tx, scope, row.Pool)
	if errors.Is(err, record.ErrNotFound) {
		return nil, nil, notFound("Identity", id)
	}
	return row, p, err
}
