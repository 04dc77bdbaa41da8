package users

import (
	"errors"

	"bothy/api/cognitoidp"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

func groupType(g *group) *cognitoidp.GroupType {
	t := &cognitoidp.GroupType{
		GroupName: wire.Some(g.Name), UserPoolId: wire.Some(g.Pool), CreationDate: wire.Some(g.Created), LastModifiedDate: wire.Some(g.Modified),
		Description: wire.NonEmpty(g.Description), RoleArn: wire.NonEmpty(g.Role),
	}
	if g.Precedence != nil {
		t.Precedence = wire.Some(*g.Precedence)
	}
	return t
}

func precedence(v wire.Opt[int32]) *int32 {
	if !v.Set {
		return nil
	}
	return &v.V
}

func groupByName(tx *kv.Tx, account, poolID, name string) (*group, error) {
	if _, err := poolByID(tx, account, poolID); err != nil {
		return nil, err
	}
	g, err := groups.Get(tx, inPool(account, poolID), poolID, name)
	if absent(err) {
		return nil, noGroup()
	}
	return g, err
}

func (s *Service) createGroup(c *wire.Call, in *cognitoidp.CreateGroupInput) (*cognitoidp.CreateGroupOutput, error) {
	g := &group{Pool: in.UserPoolId.V, Name: in.GroupName.V, Description: in.Description.V, Role: in.RoleArn.V, Precedence: precedence(in.Precedence), Created: c.Now, Modified: c.Now}
	err := s.update(c, func(tx *kv.Tx) error {
		if _, err := poolByID(tx, c.Account, g.Pool); err != nil {
			return err
		}
		err := groups.Insert(tx, inPool(c.Account, g.Pool), g)
		if taken := (*record.ErrExists)(nil); errors.As(err, &taken) {
			return &cognitoidp.GroupExistsException{Message: wire.Some("A group with the name already exists.")}
		}
		return err
	})
	return &cognitoidp.CreateGroupOutput{Group: groupType(g)}, err
}

func (s *Service) getGroup(c *wire.Call, in *cognitoidp.GetGroupInput) (*cognitoidp.GetGroupOutput, error) {
	out := &cognitoidp.GetGroupOutput{}
	return out, s.view(c, func(tx *kv.Tx) error {
		g, err := groupByName(tx, c.Account, in.UserPoolId.V, in.GroupName.V)
		if err == nil {
			out.Group = groupType(g)
		}
		return err
	})
}

func (s *Service) updateGroup(c *wire.Call, in *cognitoidp.UpdateGroupInput) (*cognitoidp.UpdateGroupOutput, error) {
	out := &cognitoidp.UpdateGroupOutput{}
	return out, s.update(c, func(tx *kv.Tx) error {
		g, err := groupByName(tx, c.Account, in.UserPoolId.V, in.GroupName.V)
		if err != nil {
			return err
		}
		g.Description, g.Role = in.Description.Or(g.Description), in.RoleArn.Or(g.Role)
		if in.Precedence.Set {
			g.Precedence = precedence(in.Precedence)
		}
		g.Modified = c.Now
		out.Group = groupType(g)
		return groups.Put(tx, inPool(c.Account, g.Pool), g)
	})
}

func (s *Service) listGroups(c *wire.Call, in *cognitoidp.ListGroupsInput) (*cognitoidp.ListGroupsOutput, error) {
	out := &cognitoidp.ListGroupsOutput{Groups: []cognitoidp.GroupType{}}
	return out, s.view(c, func(tx *kv.Tx) error {
		if _, err := poolByID(tx, c.Account, in.UserPoolId.V); err != nil {
			return err
		}
		pg := page(in.NextToken, in.Limit)
		pg.Prefix = []any{in.UserPoolId.V}
		rows, next, err := groups.List(tx, inPool(c.Account, in.UserPoolId.V), pg)
		for _, g := range rows {
			out.Groups = append(out.Groups, *groupType(g))
		}
		out.NextToken = wire.NonEmpty(next)
		return badToken(err)
	})
}

// deleteGroup removes the members first, in batches, so that a new group of the same name begins empty.
func (s *Service) deleteGroup(c *wire.Call, in *cognitoidp.DeleteGroupInput) (*cognitoidp.DeleteGroupOutput, error) {
	poolID, name := in.UserPoolId.V, in.GroupName.V
	scope := inPool(c.Account, poolID)
	for done := false; !done; {
		err := s.update(c, func(tx *kv.Tx) error {
			if _, err := groupByName(tx, c.Account, poolID, name); err != nil {
				return err
			}
			ms, next, err := members.List(tx, scope, record.Page{Prefix: []any{poolID, name}, Limit: sweepBatch})
			if err != nil {
				return err
			}
			for _, m := range ms {
				if err := members.Delete(tx, scope, m.Pool, m.Group, m.Sub); err != nil {
					return err
				}
			}
			if done = next == ""; done {
				return groups.Delete(tx, scope, poolID, name)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// membership finds the group and the user that a request names.
func membership(tx *kv.Tx, account, poolID, groupName, username string) (*member, error) {
	p, err := poolByID(tx, account, poolID)
	if err != nil {
		return nil, err
	}
	u, err := named(tx, account, p, username)
	if err != nil {
		return nil, err
	}
	g, err := groupByName(tx, account, poolID, groupName)
	if err != nil {
		return nil, err
	}
	return &member{poolID, g.Name, u.Sub}, nil
}

func (s *Service) adminAddUserToGroup(c *wire.Call, in *cognitoidp.AdminAddUserToGroupInput) (*cognitoidp.AdminAddUserToGroupOutput, error) {
	return nil, s.update(c, func(tx *kv.Tx) error {
		m, err := membership(tx, c.Account, in.UserPoolId.V, in.GroupName.V, in.Username.V)
		if err != nil {
			return err
		}
		return members.Put(tx, inPool(c.Account, m.Pool), m)
	})
}

func (s *Service) adminRemoveUserFromGroup(c *wire.Call, in *cognitoidp.AdminRemoveUserFromGroupInput) (*cognitoidp.AdminRemoveUserFromGroupOutput, error) {
	return nil, s.update(c, func(tx *kv.Tx) error {
		m, err := membership(tx, c.Account, in.UserPoolId.V, in.GroupName.V, in.Username.V)
		if err != nil {
			return err
		}
		return ignoreAbsent(members.Delete(tx, inPool(c.Account, m.Pool), m.Pool, m.Group, m.Sub))
	})
}

func (s *Service) adminListGroupsForUser(c *wire.Call, in *cognitoidp.AdminListGroupsForUserInput) (*cognitoidp.AdminListGroupsForUserOutput, error) {
	out := &cognitoidp.AdminListGroupsForUserOutput{Groups: []cognitoidp.GroupType{}}
	return out, s.view(c, func(tx *kv.Tx) error {
		p, err := poolByID(tx, c.Account, in.UserPoolId.V)
		if err != nil {
			return err
		}
		u, err := named(tx, c.Account, p, in.Username.V)
		if err != nil {
			return err
		}
		pg := page(in.NextToken, in.Limit)
		pg.Index, pg.Prefix = "user", []any{p.ID, u.Sub}
		ms, next, err := members.List(tx, inPool(c.Account, p.ID), pg)
		if err != nil {
			return badToken(err)
		}
		out.NextToken = wire.NonEmpty(next)
		for _, m := range ms {
			g, err := groups.Get(tx, inPool(c.Account, p.ID), p.ID, m.Group)
			if err != nil {
				return err
			}
			out.Groups = append(out.Groups, *groupType(g))
		}
		return nil
	})
}

func (s *Service) listUsersInGroup(c *wire.Call, in *cognitoidp.ListUsersInGroupInput) (*cognitoidp.ListUsersInGroupOutput, error) {
	out := &cognitoidp.ListUsersInGroupOutput{Users: []cognitoidp.UserType{}}
	return out, s.view(c, func(tx *kv.Tx) error {
		g, err := groupByName(tx, c.Account, in.UserPoolId.V, in.GroupName.V)
		if err != nil {
			return err
		}
		pg := page(in.NextToken, in.Limit)
		pg.Prefix = []any{g.Pool, g.Name}
		ms, next, err := members.List(tx, inPool(c.Account, g.Pool), pg)
		if err != nil {
			return badToken(err)
		}
		out.NextToken = wire.NonEmpty(next)
		for _, m := range ms {
			u, err := people.Get(tx, inPool(c.Account, g.Pool), g.Pool, m.Sub)
			if err != nil {
				return err
			}
			out.Users = append(out.Users, userType(u, everything))
		}
		return nil
	})
}
