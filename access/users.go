package access

import (
	"strings"
	"time"

	"bothy/api/iam"
	"bothy/kv"
	"bothy/policy"
	"bothy/record"
	"bothy/wire"
)

// userARN is the ARN of a user that may not exist, and what is known of it; "" is the account's root.
func (s *Service) userARN(c *wire.Call, name string) (arn string, known attachments, err error) {
	if name == "" {
		return "arn:aws:iam::" + c.Account + ":root", known, nil
	}
	arn = userARN(c.Account, "/", name)
	err = s.cfg.DB.View(c, func(tx *kv.Tx) error {
		row, err := users().Get(tx, of(c.Account), fold(name))
		if err == nil {
			arn, known = row.ARN, row.attachments
		}
		return or(err, nil)
	})
	return arn, known, err
}

func userARN(account, path, name string) string {
	return "arn:aws:iam::" + account + ":user" + path + name
}

// onUser is the access of an operation on a user.
func (s *Service) onUser(c *wire.Call, action, name string, keys policy.Keys) ([]wire.Access, error) {
	arn, known, err := s.userARN(c, name)
	if err != nil {
		return nil, err
	}
	return wire.One("iam:"+action, arn, known.keys(action, keys)), nil
}

func (s *Service) changeUser(c *wire.Call, name string, f func(*kv.Tx, *userRow) error) error {
	return change(s, c, users(), noSuchUser(name), deciding(f), fold(name))
}

func (s *Service) readUser(c *wire.Call, name string) (*userRow, error) {
	return read(s, c, users(), noSuchUser(name), fold(name))
}

func (s *Service) accessCreateUser(c *wire.Call, in *iam.CreateUserInput) ([]wire.Access, error) {
	keys := policy.Keys{}
	if in.PermissionsBoundary.Set {
		keys[boundaryKey] = []string{in.PermissionsBoundary.V}
	}
	requestTags(keys, in.Tags)
	return wire.One("iam:CreateUser", userARN(c.Account, pathOf(in.Path), in.UserName.V), keys), nil
}

func (s *Service) createUser(c *wire.Call, in *iam.CreateUserInput) (*iam.CreateUserOutput, error) {
	tags, err := addTags(nil, in.Tags)
	if err != nil {
		return nil, err
	}
	row := &userRow{Name: in.UserName.V, Path: pathOf(in.Path), ID: newID("AIDA", 17), Created: c.Now.UTC().Truncate(time.Second),
		attachments: attachments{Boundary: in.PermissionsBoundary.V, Tags: tags}}
	row.ARN = userARN(c.Account, row.Path, row.Name)
	err = s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		if err := checkBoundary(tx, c.Account, row.Boundary); err != nil {
			return err
		}
		if err := users().Insert(tx, of(c.Account), row); err != nil {
			return exists(err, alreadyExists("User with name %s already exists.", row.Name))
		}
		return touch(tx)
	})
	if err != nil {
		return nil, err
	}
	return &iam.CreateUserOutput{User: row.api()}, nil
}

func (r *userRow) api() *iam.User {
	return &iam.User{Path: wire.Some(r.Path), UserName: wire.Some(r.Name), UserId: wire.Some(r.ID), Arn: wire.Some(r.ARN),
		CreateDate: wire.Some(r.Created), PermissionsBoundary: r.boundary(), Tags: apiTags(r.Tags)}
}

// listed is the user as lists show it: AWS leaves tags and boundary out of them.
func (r *userRow) listed() *iam.User {
	user := r.api()
	user.Tags, user.PermissionsBoundary = nil, nil
	return user
}

// named is the user an operation means: the one named, else the caller; "" is the root.
func named(c *wire.Call, name wire.Opt[string]) string {
	if name.Set || c.Principal == nil || c.Principal.Kind != wire.User {
		return name.V
	}
	arn := c.Principal.ARN
	return arn[strings.LastIndexByte(arn, '/')+1:]
}

func (s *Service) accessGetUser(c *wire.Call, in *iam.GetUserInput) ([]wire.Access, error) {
	return s.onUser(c, "GetUser", named(c, in.UserName), nil)
}

func (s *Service) getUser(c *wire.Call, in *iam.GetUserInput) (*iam.GetUserOutput, error) {
	name := named(c, in.UserName)
	if name == "" {
		return s.getRoot(c)
	}
	row, err := s.readUser(c, name)
	if err != nil {
		return nil, err
	}
	out := &iam.GetUserOutput{User: row.api()}
	out.User.PasswordLastUsed, err = s.passwordUsed(c, row)
	return out, err
}

// getRoot answers the root's question about itself; a session is no user.
func (s *Service) getRoot(c *wire.Call) (*iam.GetUserOutput, error) {
	if c.Principal == nil || c.Principal.Kind != wire.Root {
		return nil, wire.Fail(400, "ValidationError", "Must specify userName when calling with non-User credentials")
	}
	out := &iam.User{Path: wire.Some("/"), UserName: wire.Some("root"), UserId: wire.Some(c.Account), Arn: wire.Some(c.Principal.ARN)}
	err := s.cfg.DB.View(c, func(tx *kv.Tx) error {
		rows, _, err := keys().List(tx, node(), record.Page{Index: "user", Prefix: []any{c.Account, ""}, Limit: 1})
		for _, row := range rows {
			out.CreateDate = wire.Some(row.Created)
		}
		return err
	})
	return &iam.GetUserOutput{User: out}, err
}

func accessListUsers(c *wire.Call, in *iam.ListUsersInput) ([]wire.Access, error) {
	return wire.One("iam:ListUsers", userARN(c.Account, pathOf(in.PathPrefix), ""), nil), nil
}

func (s *Service) listUsers(c *wire.Call, in *iam.ListUsersInput) (out *iam.ListUsersOutput, err error) {
	out = &iam.ListUsersOutput{}
	err = s.cfg.DB.View(c, func(tx *kv.Tx) error {
		rows, next, err := listRows(tx, users(), of(c.Account), in.Marker.V, in.MaxItems.Or(defaultItems),
			func(r *userRow) bool { return strings.HasPrefix(r.Path, in.PathPrefix.V) })
		for _, row := range rows {
			out.Users = append(out.Users, *row.listed())
		}
		out.IsTruncated, out.Marker = wire.Some(next != ""), wire.NonEmpty(next)
		return err
	})
	return out, err
}

func (s *Service) accessDeleteUser(c *wire.Call, in *iam.DeleteUserInput) ([]wire.Access, error) {
	return s.onUser(c, "DeleteUser", in.UserName.V, nil)
}

func (s *Service) deleteUser(c *wire.Call, in *iam.DeleteUserInput) (*iam.DeleteUserOutput, error) {
	return nil, s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		row, err := users().Get(tx, of(c.Account), fold(in.UserName.V))
		if err != nil {
			return or(err, noSuchUser(in.UserName.V))
		}
		if err := row.deletable(); err != nil {
			return err
		}
		if in, err := memberships(tx, c.Account, row.Name); err != nil {
			return err
		} else if len(in) > 0 {
			return errInGroup()
		}
		held, _, err := keys().List(tx, node(), record.Page{Index: "user", Prefix: []any{c.Account, row.Name}, Limit: 1})
		if err != nil {
			return err
		}
		if len(held) > 0 {
			return deleteConflict("Cannot delete entity, must delete access keys first.")
		}
		if err := mustHoldNothing(tx, c.Account, row.ID); err != nil {
			return err
		}
		if err := users().Delete(tx, of(c.Account), fold(row.Name)); err != nil {
			return err
		}
		if err := dropUse(tx, c.Account, row.ID); err != nil {
			return err
		}
		return touch(tx)
	})
}
