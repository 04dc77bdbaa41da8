package access

import (
	"slices"
	"strings"

	"bothy/api/iam"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

// maxMemberships is how many groups a user may be in.
const maxMemberships = 10

// groupsOf are the groups of a user, by name.
func groupsOf(tx *kv.Tx, account, user string) ([]*groupRow, error) {
	in, err := memberships(tx, account, user)
	if err != nil {
		return nil, err
	}
	out := make([]*groupRow, len(in))
	for i, m := range in {
		if out[i], err = groups().Find(tx, of(account), "id", m.Group); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(out, func(a, b *groupRow) int { return strings.Compare(fold(a.Name), fold(b.Name)) })
	return out, nil
}

func memberships(tx *kv.Tx, account, user string) ([]*memberRow, error) {
	rows, _, err := members().List(tx, of(account), record.Page{Index: "user", Prefix: []any{fold(user)}})
	return rows, err
}

// allMembers are the users in a group, by name.
func allMembers(tx *kv.Tx, account string, g *groupRow) ([]*userRow, error) {
	in, err := members().All(tx, of(account), "", g.ID)
	if err != nil {
		return nil, err
	}
	out := make([]*userRow, len(in))
	for i, m := range in {
		if out[i], err = users().Get(tx, of(account), m.User); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// renameMember brings a user's memberships along to a new name.
func renameMember(tx *kv.Tx, account, old, now string) error {
	in, err := memberships(tx, account, old)
	if err != nil {
		return err
	}
	for _, m := range in {
		if err := members().Delete(tx, of(account), m.Group, m.User); err != nil {
			return err
		}
		m.User = fold(now)
		if err := members().Put(tx, of(account), m); err != nil {
			return err
		}
	}
	return nil
}

// member reads a group and checks that the user exists.
func member(tx *kv.Tx, c *wire.Call, group, user string) (*groupRow, error) {
	g, err := groups().Get(tx, of(c.Account), fold(group))
	if err != nil {
		return nil, or(err, noSuchGroup(group))
	}
	if _, err := users().Get(tx, of(c.Account), fold(user)); err != nil {
		return nil, or(err, noSuchUser(user))
	}
	return g, nil
}

func (s *Service) accessAddUser(c *wire.Call, in *iam.AddUserToGroupInput) ([]wire.Access, error) {
	return s.onGroup(c, "AddUserToGroup", in.GroupName.V, nil)
}

// addUser puts a user into a group; doing it twice is no error, as on AWS.
func (s *Service) addUser(c *wire.Call, in *iam.AddUserToGroupInput) (*iam.AddUserToGroupOutput, error) {
	return nil, s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		g, err := member(tx, c, in.GroupName.V, in.UserName.V)
		if err != nil {
			return err
		}
		list, err := memberships(tx, c.Account, in.UserName.V)
		switch {
		case err != nil:
			return err
		case slices.ContainsFunc(list, func(m *memberRow) bool { return m.Group == g.ID }):
			return nil
		case len(list) >= maxMemberships:
			return limitExceeded("Cannot exceed quota for GroupsPerUser: %d", maxMemberships)
		}
		if err := members().Put(tx, of(c.Account), &memberRow{g.ID, fold(in.UserName.V)}); err != nil {
			return err
		}
		return touch(tx)
	})
}

func (s *Service) accessRemoveUser(c *wire.Call, in *iam.RemoveUserFromGroupInput) ([]wire.Access, error) {
	return s.onGroup(c, "RemoveUserFromGroup", in.GroupName.V, nil)
}

// removeUser takes a user out of a group; one who is not in it stays out, and that is no error.
func (s *Service) removeUser(c *wire.Call, in *iam.RemoveUserFromGroupInput) (*iam.RemoveUserFromGroupOutput, error) {
	return nil, s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		g, err := member(tx, c, in.GroupName.V, in.UserName.V)
		if err != nil {
			return err
		}
		if err := members().Delete(tx, of(c.Account), g.ID, fold(in.UserName.V)); err != nil {
			return or(err, nil)
		}
		return touch(tx)
	})
}

func (s *Service) accessListGroupsForUser(c *wire.Call, in *iam.ListGroupsForUserInput) ([]wire.Access, error) {
	return s.onUser(c, "ListGroupsForUser", in.UserName.V, nil)
}

// listGroupsForUser gives all on one page: there are ten at most.
func (s *Service) listGroupsForUser(c *wire.Call, in *iam.ListGroupsForUserInput) (out *iam.ListGroupsForUserOutput, err error) {
	err = s.cfg.DB.View(c, func(tx *kv.Tx) error {
		row, err := users().Get(tx, of(c.Account), fold(in.UserName.V))
		if err != nil {
			return or(err, noSuchUser(in.UserName.V))
		}
		list, err := groupsOf(tx, c.Account, row.Name)
		out = &iam.ListGroupsForUserOutput{Groups: []iam.Group{}, IsTruncated: wire.Some(false)}
		for _, g := range list {
			out.Groups = append(out.Groups, *g.api())
		}
		return err
	})
	return out, err
}
