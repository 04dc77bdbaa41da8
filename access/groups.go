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

// maxGroups is how many groups an account may have.
const maxGroups = 300

func (s *Service) mountGroups(m *wire.Mux) {
	wire.Handle(m, iam.CreateGroup, accessCreateGroup, s.createGroup)
	wire.Handle(m, iam.GetGroup, s.accessGetGroup, s.getGroup)
	wire.Handle(m, iam.ListGroups, accessListGroups, s.listGroups)
	wire.Handle(m, iam.UpdateGroup, s.accessUpdateGroup, s.updateGroup)
	wire.Handle(m, iam.DeleteGroup, s.accessDeleteGroup, s.deleteGroup)
	wire.Handle(m, iam.AddUserToGroup, s.accessAddUser, s.addUser)
	wire.Handle(m, iam.RemoveUserFromGroup, s.accessRemoveUser, s.removeUser)
	wire.Handle(m, iam.ListGroupsForUser, s.accessListGroupsForUser, s.listGroupsForUser)
	wire.Handle(m, iam.PutGroupPolicy, s.accessPutGroupPolicy, s.putGroupPolicy)
	wire.Handle(m, iam.GetGroupPolicy, s.accessGetGroupPolicy, s.getGroupPolicy)
	wire.Handle(m, iam.DeleteGroupPolicy, s.accessDeleteGroupPolicy, s.deleteGroupPolicy)
	wire.Handle(m, iam.ListGroupPolicies, s.accessListGroupPolicies, s.listGroupPolicies)
	wire.Handle(m, iam.AttachGroupPolicy, s.accessAttachGroup, s.attachGroup)
	wire.Handle(m, iam.DetachGroupPolicy, s.accessDetachGroup, s.detachGroup)
	wire.Handle(m, iam.ListAttachedGroupPolicies, s.accessListAttachedGroup, s.listAttachedGroup)
}

func groupARN(account, path, name string) string {
	return "arn:aws:iam::" + account + ":group" + path + name
}

// onGroup is the access of an operation on a group, which may not exist; then it has no path.
func (s *Service) onGroup(c *wire.Call, action, name string, keys policy.Keys) ([]wire.Access, error) {
	arn := groupARN(c.Account, "/", name)
	err := s.cfg.DB.View(c, func(tx *kv.Tx) error {
		row, err := groups().Get(tx, of(c.Account), fold(name))
		if err == nil {
			arn = row.ARN
		}
		return or(err, nil)
	})
	return wire.One("iam:"+action, arn, keys), err
}

func (s *Service) changeGroup(c *wire.Call, name string, f func(*kv.Tx, *groupRow) error) error {
	return change(s, c, groups(), noSuchGroup(name), deciding(f), fold(name))
}

func (s *Service) readGroup(c *wire.Call, name string) (*groupRow, error) {
	return read(s, c, groups(), noSuchGroup(name), fold(name))
}

func accessCreateGroup(c *wire.Call, in *iam.CreateGroupInput) ([]wire.Access, error) {
	return wire.One("iam:CreateGroup", groupARN(c.Account, pathOf(in.Path), in.GroupName.V), nil), nil
}

func (s *Service) createGroup(c *wire.Call, in *iam.CreateGroupInput) (*iam.CreateGroupOutput, error) {
	row := &groupRow{Name: in.GroupName.V, Path: pathOf(in.Path), ID: newID("AGPA", 17), Created: c.Now.UTC().Truncate(time.Second)}
	row.ARN = groupARN(c.Account, row.Path, row.Name)
	err := s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		all, _, err := groups().List(tx, of(c.Account), record.Page{Limit: maxGroups})
		if err != nil {
			return err
		}
		if len(all) >= maxGroups {
			return limitExceeded("Cannot exceed quota for GroupsPerAccount: %d", maxGroups)
		}
		if err := groups().Insert(tx, of(c.Account), row); err != nil {
			return exists(err, alreadyExists("Group with name %s already exists.", row.Name))
		}
		return touch(tx)
	})
	if err != nil {
		return nil, err
	}
	return &iam.CreateGroupOutput{Group: row.api()}, nil
}

func (r *groupRow) api() *iam.Group {
	return &iam.Group{Path: wire.Some(r.Path), GroupName: wire.Some(r.Name), GroupId: wire.Some(r.ID), Arn: wire.Some(r.ARN), CreateDate: wire.Some(r.Created)}
}

func (s *Service) accessGetGroup(c *wire.Call, in *iam.GetGroupInput) ([]wire.Access, error) {
	return s.onGroup(c, "GetGroup", in.GroupName.V, nil)
}

// getGroup gives the group and a page of its members.
func (s *Service) getGroup(c *wire.Call, in *iam.GetGroupInput) (out *iam.GetGroupOutput, err error) {
	err = s.cfg.DB.View(c, func(tx *kv.Tx) error {
		row, err := groups().Get(tx, of(c.Account), fold(in.GroupName.V))
		if err != nil {
			return or(err, noSuchGroup(in.GroupName.V))
		}
		page := record.Page{Prefix: []any{row.ID}, After: in.Marker.V, Limit: int(in.MaxItems.Or(defaultItems))}
		list, next, err := members().List(tx, of(c.Account), page)
		if err != nil {
			return markerError(err)
		}
		out = &iam.GetGroupOutput{Group: row.api(), Users: []iam.User{}, IsTruncated: wire.Some(next != ""), Marker: wire.NonEmpty(next)}
		for _, m := range list {
			user, err := users().Get(tx, of(c.Account), m.User)
			if err != nil {
				return err
			}
			out.Users = append(out.Users, *user.listed())
		}
		return nil
	})
	return out, err
}

func accessListGroups(c *wire.Call, in *iam.ListGroupsInput) ([]wire.Access, error) {
	return wire.One("iam:ListGroups", groupARN(c.Account, pathOf(in.PathPrefix), ""), nil), nil
}

func (s *Service) listGroups(c *wire.Call, in *iam.ListGroupsInput) (out *iam.ListGroupsOutput, err error) {
	err = s.cfg.DB.View(c, func(tx *kv.Tx) error {
		rows, next, err := listRows(tx, groups(), of(c.Account), in.Marker.V, in.MaxItems.Or(defaultItems),
			func(r *groupRow) bool { return strings.HasPrefix(r.Path, in.PathPrefix.V) })
		out = &iam.ListGroupsOutput{Groups: []iam.Group{}, IsTruncated: wire.Some(next != ""), Marker: wire.NonEmpty(next)}
		for _, row := range rows {
			out.Groups = append(out.Groups, *row.api())
		}
		return err
	})
	return out, err
}

// accessUpdateGroup asks for the group under its old ARN and, as AWS demands, under its new one.
func (s *Service) accessUpdateGroup(c *wire.Call, in *iam.UpdateGroupInput) ([]wire.Access, error) {
	wants, err := s.onGroup(c, "UpdateGroup", in.GroupName.V, nil)
	if err != nil {
		return nil, err
	}
	return append(wants, wire.Access{Action: "iam:UpdateGroup", Resource: renamedARN(wants[0].Resource, in.NewPath, in.NewGroupName)}), nil
}

// updateGroup gives a group another name or path. Members follow it: they are kept by its id.
func (s *Service) updateGroup(c *wire.Call, in *iam.UpdateGroupInput) (*iam.UpdateGroupOutput, error) {
	return nil, s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		row, err := groups().Get(tx, of(c.Account), fold(in.GroupName.V))
		if err != nil {
			return or(err, noSuchGroup(in.GroupName.V))
		}
		if err := groups().Delete(tx, of(c.Account), fold(row.Name)); err != nil {
			return err
		}
		row.Name, row.Path = in.NewGroupName.Or(row.Name), in.NewPath.Or(row.Path)
		row.ARN = groupARN(c.Account, row.Path, row.Name)
		if err := groups().Insert(tx, of(c.Account), row); err != nil {
			return exists(err, alreadyExists("Group with name %s already exists.", row.Name))
		}
		return touch(tx)
	})
}

// renamedARN is the ARN of a user or group with another path or name.
func renamedARN(arn string, path, name wire.Opt[string]) string {
	kind, rest, _ := strings.Cut(arn, "/")
	at := strings.LastIndexByte(rest, '/') + 1
	return kind + path.Or("/"+rest[:at]) + name.Or(rest[at:])
}

func (s *Service) accessDeleteGroup(c *wire.Call, in *iam.DeleteGroupInput) ([]wire.Access, error) {
	return s.onGroup(c, "DeleteGroup", in.GroupName.V, nil)
}

func (s *Service) deleteGroup(c *wire.Call, in *iam.DeleteGroupInput) (*iam.DeleteGroupOutput, error) {
	return nil, s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		row, err := groups().Get(tx, of(c.Account), fold(in.GroupName.V))
		if err != nil {
			return or(err, noSuchGroup(in.GroupName.V))
		}
		if list, _, err := members().List(tx, of(c.Account), record.Page{Prefix: []any{row.ID}, Limit: 1}); err != nil {
			return err
		} else if len(list) > 0 {
			return errInGroup()
		}
		if err := row.deletable(); err != nil {
			return err
		}
		if err := groups().Delete(tx, of(c.Account), fold(row.Name)); err != nil {
			return err
		}
		return touch(tx)
	})
}

// errInGroup is AWS's answer when a group with members is deleted, or a user who is in a group.
func errInGroup() error {
	return deleteConflict("Cannot delete entity, must remove users from group first.")
}
