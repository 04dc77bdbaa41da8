package access

import (
	"bothy/api/iam"
	"bothy/kv"
	"bothy/wire"
)

// accessUpdateUser asks for the user under its old ARN and, as AWS demands, under its new one.
func (s *Service) accessUpdateUser(c *wire.Call, in *iam.UpdateUserInput) ([]wire.Access, error) {
	wants, err := s.onUser(c, "UpdateUser", in.UserName.V, nil)
	if err != nil {
		return nil, err
	}
	renamed := wants[0]
	renamed.Resource = renamedARN(renamed.Resource, in.NewPath, in.NewUserName)
	return append(wants, renamed), nil
}

// updateUser gives a user another name or path. Policies, boundary and tags are part of the row; everything that is kept under
// the name comes along.
func (s *Service) updateUser(c *wire.Call, in *iam.UpdateUserInput) (*iam.UpdateUserOutput, error) {
	return nil, s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		row, err := users().Get(tx, of(c.Account), fold(in.UserName.V))
		if err != nil {
			return or(err, noSuchUser(in.UserName.V))
		}
		if err := users().Delete(tx, of(c.Account), fold(row.Name)); err != nil {
			return err
		}
		old := row.Name
		row.Name, row.Path = in.NewUserName.Or(row.Name), in.NewPath.Or(row.Path)
		row.ARN = userARN(c.Account, row.Path, row.Name)
		if err := users().Insert(tx, of(c.Account), row); err != nil {
			return exists(err, alreadyExists("User with name %s already exists.", row.Name))
		}
		for _, follow := range []func(tx *kv.Tx, account, old, now string) error{renameKeys, renameMember} {
			if err := follow(tx, c.Account, old, row.Name); err != nil {
				return err
			}
		}
		return touch(tx)
	})
}

// renameKeys brings a user's access keys along to a new name.
func renameKeys(tx *kv.Tx, account, old, now string) error {
	held, err := heldKeys(tx, account, old)
	for _, k := range held {
		k.User = now
		if err := keys().Put(tx, node(), k); err != nil {
			return err
		}
	}
	return err
}
