package access

import (
	"errors"

	"bothy/api/iam"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

// What a user holds besides policies and keys is kept under the user's id, not its name: a renamed user keeps it, and a new user of an
// old name finds nothing of the former.

// heldUser is the row of the user an operation means: the one named, else the caller. A root or session must name one.
func heldUser(tx *kv.Tx, c *wire.Call, given wire.Opt[string]) (*userRow, error) {
	name := named(c, given)
	if name == "" {
		return nil, wire.Fail(400, "ValidationError", "Must specify userName when calling with non-User credentials")
	}
	row, err := users().Get(tx, of(c.Account), fold(name))
	return row, or(err, noSuchUser(name))
}

// change runs f on a row of the account and stores what it left there; missing is the answer when there is none. Nothing that compiled
// principals are made of may be changed so.
func change[T any](s *Service, c *wire.Call, t *record.Table[T], missing error, f func(*kv.Tx, *T) error, key ...any) error {
	return s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		row, err := t.Get(tx, of(c.Account), key...)
		if err != nil {
			return or(err, missing)
		}
		if err := f(tx, row); err != nil {
			return err
		}
		return t.Put(tx, of(c.Account), row)
	})
}

// deciding is f for rows that decisions are made from: what was compiled of them is void.
func deciding[T any](f func(*kv.Tx, *T) error) func(*kv.Tx, *T) error {
	return func(tx *kv.Tx, row *T) error {
		if err := f(tx, row); err != nil {
			return err
		}
		return touch(tx)
	}
}

// read reads a row of the account; missing is the answer when there is none.
func read[T any](s *Service, c *wire.Call, t *record.Table[T], missing error, key ...any) (row *T, err error) {
	err = s.cfg.DB.View(c, func(tx *kv.Tx) error {
		row, err = t.Get(tx, of(c.Account), key...)
		return or(err, missing)
	})
	return row, err
}

// withUser runs f in a transaction on the user an operation means.
func (s *Service) withUser(c *wire.Call, name wire.Opt[string], f func(*kv.Tx, *userRow) error) error {
	return s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		user, err := heldUser(tx, c, name)
		if err != nil {
			return err
		}
		return f(tx, user)
	})
}

// changeHeld runs f on a row that a user holds and stores what it left there.
func changeHeld[T any](s *Service, c *wire.Call, name wire.Opt[string], t *record.Table[T], id string, missing error, f func(*T) error) error {
	return s.withUser(c, name, func(tx *kv.Tx, user *userRow) error {
		row, err := t.Get(tx, of(c.Account), user.ID, id)
		if err != nil {
			return or(err, missing)
		}
		if err := f(row); err != nil {
			return err
		}
		return t.Put(tx, of(c.Account), row)
	})
}

// listHeld is a page of the rows a user holds.
func listHeld[T any](s *Service, c *wire.Call, name wire.Opt[string], t *record.Table[T], f func(*userRow, *T)) error {
	return s.cfg.DB.View(c, func(tx *kv.Tx) error {
		user, err := heldUser(tx, c, name)
		if err != nil {
			return err
		}
		rows, err := t.All(tx, of(c.Account), "", user.ID)
		for _, row := range rows {
			f(user, row)
		}
		return err
	})
}

func statusOf(inactive bool) wire.Opt[string] {
	if inactive {
		return wire.Some("Inactive")
	}
	return wire.Some("Active")
}

// inactive reads a status that a caller sets.
func inactive(status string) (bool, error) {
	switch status {
	case "Active":
		return false, nil
	case "Inactive":
		return true, nil
	}
	return false, invalidInput("The status is Active or Inactive.")
}

// tagSet is the part of a row that Tag…, Untag… and List…Tags work on.
type tagSet struct {
	Tags map[string]string `json:",omitempty"`
}

func (t *tagSet) tag(tags []iam.Tag) (err error) {
	t.Tags, err = addTags(t.Tags, tags)
	return err
}

func (t *tagSet) untag(names []string) error {
	for _, name := range names {
		dropTag(t.Tags, name)
	}
	return nil
}

// mustHoldNothing refuses while a user holds something that AWS wants deleted first.
func mustHoldNothing(tx *kv.Tx, account, userID string) error {
	for _, kind := range []struct {
		text  string
		count func() (int, error)
	}{
		{"delete login profile", func() (int, error) {
			_, err := logins().Get(tx, of(account), userID)
			if errors.Is(err, record.ErrNotFound) {
				return 0, nil
			}
			return 1, err
		}},
		{"delete MFA device", held(tx, devices(), "user", account, userID)},
		{"delete SSH public keys", held(tx, sshKeys(), "", account, userID)},
		{"delete signing certificates", held(tx, signingCerts(), "", account, userID)},
		{"delete service specific credentials", held(tx, serviceCreds(), "", account, userID)},
	} {
		n, err := kind.count()
		if err != nil {
			return err
		}
		if n > 0 {
			return deleteConflict("Cannot delete entity, must " + kind.text + " first.")
		}
	}
	return nil
}

// held counts a user's rows of one table, by its key or an index that begins with the user's id.
func held[T any](tx *kv.Tx, t *record.Table[T], index, account, userID string) func() (int, error) {
	return func() (int, error) {
		rows, err := t.All(tx, of(account), index, userID)
		return len(rows), err
	}
}

// userNames are the names of all users by their ids, for lists across users.
func userNames(tx *kv.Tx, account string) (map[string]*userRow, error) {
	rows, err := users().All(tx, of(account), "")
	out := make(map[string]*userRow, len(rows))
	for _, row := range rows {
		out[row.ID] = row
	}
	return out, err
}
