package access

import (
	"bothy/api/iam"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

// maxKeys is how many access keys a user or root may have: two, so that one can be replaced without a gap.
const maxKeys = 2

// holder is the name under which keys of the user an operation means are kept: as the user's row has it, "" for the root.
// Only the root itself may leave out the name and mean the root.
func holder(tx *kv.Tx, c *wire.Call, given wire.Opt[string]) (string, error) {
	name := named(c, given)
	if name == "" {
		if c.Principal == nil || c.Principal.Kind != wire.Root {
			return "", wire.Fail(400, "ValidationError", "Must specify userName when calling with non-User credentials")
		}
		return "", nil
	}
	row, err := users().Get(tx, of(c.Account), fold(name))
	if err != nil {
		return "", or(err, noSuchUser(name))
	}
	return row.Name, nil
}

func heldKeys(tx *kv.Tx, account, user string) ([]*keyRow, error) {
	rows, _, err := keys().List(tx, node(), record.Page{Index: "user", Prefix: []any{account, user}})
	return rows, err
}

// heldKey is one key of a user; a key of somebody else is as unknown as none.
func heldKey(tx *kv.Tx, account, user, id string) (*keyRow, error) {
	row, err := keys().Get(tx, node(), id)
	missing := noSuchEntity("The Access Key with id %s cannot be found.", id)
	if err != nil {
		return nil, or(err, missing)
	}
	if row.Account != account || row.User != user {
		return nil, wire.Because(missing, "key belongs to user %q of account %s", row.User, row.Account)
	}
	return row, nil
}

func (r *keyRow) status() wire.Opt[string] {
	if r.Inactive {
		return wire.Some("Inactive")
	}
	return wire.Some("Active")
}

func (s *Service) accessCreateKey(c *wire.Call, in *iam.CreateAccessKeyInput) ([]wire.Access, error) {
	return s.onUser(c, "CreateAccessKey", named(c, in.UserName), nil)
}

func (s *Service) createKey(c *wire.Call, in *iam.CreateAccessKeyInput) (*iam.CreateAccessKeyOutput, error) {
	var made *keyRow
	var secret string
	err := s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		user, err := holder(tx, c, in.UserName)
		if err != nil {
			return err
		}
		held, err := heldKeys(tx, c.Account, user)
		if err != nil {
			return err
		}
		if len(held) >= maxKeys {
			return limitExceeded("Cannot exceed quota for AccessKeysPerUser: %d", maxKeys)
		}
		made, secret = s.newKey(c.Account, user, c.Now)
		if err := keys().Insert(tx, node(), made); err != nil {
			return err
		}
		return touch(tx)
	})
	if err != nil {
		return nil, err
	}
	return &iam.CreateAccessKeyOutput{AccessKey: &iam.AccessKey{UserName: wire.Some(made.userName()), AccessKeyId: wire.Some(made.ID),
		Status: made.status(), SecretAccessKey: wire.Some(secret), CreateDate: wire.Some(made.Created)}}, nil
}

// userName is the user as IAM shows it.
func (r *keyRow) userName() string {
	if r.User == "" {
		return "root"
	}
	return r.User
}

func (s *Service) accessListKeys(c *wire.Call, in *iam.ListAccessKeysInput) ([]wire.Access, error) {
	return s.onUser(c, "ListAccessKeys", named(c, in.UserName), nil)
}

func (s *Service) listKeys(c *wire.Call, in *iam.ListAccessKeysInput) (*iam.ListAccessKeysOutput, error) {
	out := &iam.ListAccessKeysOutput{IsTruncated: wire.Some(false)} // there are two at most
	err := s.cfg.DB.View(c, func(tx *kv.Tx) error {
		user, err := holder(tx, c, in.UserName)
		if err != nil {
			return err
		}
		rows, err := heldKeys(tx, c.Account, user)
		for _, row := range rows {
			out.AccessKeyMetadata = append(out.AccessKeyMetadata, iam.AccessKeyMetadata{UserName: wire.Some(row.userName()),
				AccessKeyId: wire.Some(row.ID), Status: row.status(), CreateDate: wire.Some(row.Created)})
		}
		return err
	})
	return out, err
}

func (s *Service) accessUpdateKey(c *wire.Call, in *iam.UpdateAccessKeyInput) ([]wire.Access, error) {
	return s.onUser(c, "UpdateAccessKey", named(c, in.UserName), nil)
}

func (s *Service) updateKey(c *wire.Call, in *iam.UpdateAccessKeyInput) (*iam.UpdateAccessKeyOutput, error) {
	if in.Status.V != "Active" && in.Status.V != "Inactive" {
		return nil, invalidInput("The status of an access key is Active or Inactive.")
	}
	return nil, s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		user, err := holder(tx, c, in.UserName)
		if err != nil {
			return err
		}
		row, err := heldKey(tx, c.Account, user, in.AccessKeyId.V)
		if err != nil {
			return err
		}
		row.Inactive = in.Status.V == "Inactive"
		if err := keys().Put(tx, node(), row); err != nil {
			return err
		}
		return touch(tx)
	})
}

func (s *Service) accessDeleteKey(c *wire.Call, in *iam.DeleteAccessKeyInput) ([]wire.Access, error) {
	return s.onUser(c, "DeleteAccessKey", named(c, in.UserName), nil)
}

func (s *Service) deleteKey(c *wire.Call, in *iam.DeleteAccessKeyInput) (*iam.DeleteAccessKeyOutput, error) {
	return nil, s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		user, err := holder(tx, c, in.UserName)
		if err != nil {
			return err
		}
		row, err := heldKey(tx, c.Account, user, in.AccessKeyId.V)
		if err != nil {
			return err
		}
		if err := keys().Delete(tx, node(), row.ID); err != nil {
			return err
		}
		if err := dropUse(tx, c.Account, row.ID); err != nil {
			return err
		}
		return touch(tx)
	})
}
