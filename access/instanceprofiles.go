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

// profileRow is an instance profile: a name under which a role is given to machines. Nothing here assumes it.
type profileRow struct {
	Name, Path, ID, ARN string
	Role                string `json:",omitempty"` // name
	Created             time.Time
	tagSet
}

func profiles() *record.Table[profileRow] {
	return &record.Table[profileRow]{
		Name: "access.instanceprofile", Version: 1, Key: func(r *profileRow) []any { return []any{fold(r.Name)} },
		Indexes: []record.Index[profileRow]{{Name: "role", Keys: func(r *profileRow) [][]any {
			if r.Role == "" {
				return nil
			}
			return [][]any{{fold(r.Role)}}
		}}},
	}
}

func noProfile(name string) error {
	return noSuchEntity("Instance Profile %s cannot be found.", name)
}

func (s *Service) mountProfiles(m *wire.Mux) {
	wire.Handle(m, iam.CreateInstanceProfile, accessCreateProfile, s.createProfile)
	wire.Handle(m, iam.GetInstanceProfile, s.accessGetProfile, s.getProfile)
	wire.Handle(m, iam.ListInstanceProfiles, accessListProfiles, s.listProfiles)
	wire.Handle(m, iam.ListInstanceProfilesForRole, s.accessListProfilesOf, s.listProfilesOf)
	wire.Handle(m, iam.DeleteInstanceProfile, s.accessDeleteProfile, s.deleteProfile)
	wire.Handle(m, iam.AddRoleToInstanceProfile, s.accessAddRole, s.addRole)
	wire.Handle(m, iam.RemoveRoleFromInstanceProfile, s.accessRemoveRole, s.removeRole)
	wire.Handle(m, iam.TagInstanceProfile, s.accessTagProfile, s.tagProfile)
	wire.Handle(m, iam.UntagInstanceProfile, s.accessUntagProfile, s.untagProfile)
	wire.Handle(m, iam.ListInstanceProfileTags, s.accessListProfileTags, s.listProfileTags)
}

func profileARN(account, path, name string) string {
	return "arn:aws:iam::" + account + ":instance-profile" + path + name
}

// onProfile is the access of an operation on an instance profile.
func (s *Service) onProfile(c *wire.Call, action, name string, keys policy.Keys) ([]wire.Access, error) {
	arn := profileARN(c.Account, "/", name)
	var tags map[string]string
	err := s.cfg.DB.View(c, func(tx *kv.Tx) error {
		row, err := profiles().Get(tx, of(c.Account), fold(name))
		if err == nil {
			arn, tags = row.ARN, row.Tags
		}
		return or(err, nil)
	})
	return wire.One("iam:"+action, arn, withTags(keys, tags)), err
}

// api is the profile with its role as it is now.
func (r *profileRow) api(tx *kv.Tx, account string) (*iam.InstanceProfile, error) {
	out := &iam.InstanceProfile{Path: wire.Some(r.Path), InstanceProfileName: wire.Some(r.Name), InstanceProfileId: wire.Some(r.ID), Arn: wire.Some(r.ARN),
		CreateDate: wire.Some(r.Created), Roles: []iam.Role{}, Tags: apiTags(r.Tags)}
	if r.Role == "" {
		return out, nil
	}
	role, err := roles().Get(tx, of(account), fold(r.Role))
	if err == nil {
		shown := role.api()
		shown.Tags, shown.PermissionsBoundary = nil, nil
		out.Roles = append(out.Roles, *shown)
	}
	return out, or(err, nil)
}

func accessCreateProfile(c *wire.Call, in *iam.CreateInstanceProfileInput) ([]wire.Access, error) {
	return wire.One("iam:CreateInstanceProfile", profileARN(c.Account, pathOf(in.Path), in.InstanceProfileName.V), requestTags(policy.Keys{}, in.Tags)), nil
}

func (s *Service) createProfile(c *wire.Call, in *iam.CreateInstanceProfileInput) (out *iam.CreateInstanceProfileOutput, err error) {
	row := &profileRow{Name: in.InstanceProfileName.V, Path: pathOf(in.Path), ID: newID("AIPA", 17), Created: c.Now.UTC().Truncate(time.Second)}
	row.ARN = profileARN(c.Account, row.Path, row.Name)
	if err := row.tag(in.Tags); err != nil {
		return nil, err
	}
	err = s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		made, err := row.api(tx, c.Account)
		out = &iam.CreateInstanceProfileOutput{InstanceProfile: made}
		if err != nil {
			return err
		}
		return exists(profiles().Insert(tx, of(c.Account), row), alreadyExists("Instance Profile %s already exists.", row.Name))
	})
	return out, err
}

func (s *Service) accessGetProfile(c *wire.Call, in *iam.GetInstanceProfileInput) ([]wire.Access, error) {
	return s.onProfile(c, "GetInstanceProfile", in.InstanceProfileName.V, nil)
}

func (s *Service) getProfile(c *wire.Call, in *iam.GetInstanceProfileInput) (*iam.GetInstanceProfileOutput, error) {
	out := &iam.GetInstanceProfileOutput{}
	err := s.cfg.DB.View(c, func(tx *kv.Tx) error {
		row, err := profiles().Get(tx, of(c.Account), fold(in.InstanceProfileName.V))
		if err != nil {
			return or(err, noProfile(in.InstanceProfileName.V))
		}
		out.InstanceProfile, err = row.api(tx, c.Account)
		return err
	})
	return out, err
}

func accessListProfiles(c *wire.Call, in *iam.ListInstanceProfilesInput) ([]wire.Access, error) {
	return wire.One("iam:ListInstanceProfiles", profileARN(c.Account, pathOf(in.PathPrefix), ""), nil), nil
}

func (s *Service) listProfiles(c *wire.Call, in *iam.ListInstanceProfilesInput) (*iam.ListInstanceProfilesOutput, error) {
	out := &iam.ListInstanceProfilesOutput{}
	err := s.cfg.DB.View(c, func(tx *kv.Tx) error {
		rows, next, err := listRows(tx, profiles(), of(c.Account), in.Marker.V, in.MaxItems.Or(defaultItems),
			func(r *profileRow) bool { return strings.HasPrefix(r.Path, in.PathPrefix.V) })
		if err != nil {
			return err
		}
		out.InstanceProfiles, err = apiProfiles(tx, c.Account, rows)
		out.IsTruncated, out.Marker = wire.Some(next != ""), wire.NonEmpty(next)
		return err
	})
	return out, err
}

// apiProfiles are profiles as lists show them.
func apiProfiles(tx *kv.Tx, account string, rows []*profileRow) ([]iam.InstanceProfile, error) {
	var out []iam.InstanceProfile
	for _, row := range rows {
		p, err := row.api(tx, account)
		if err != nil {
			return nil, err
		}
		p.Tags = nil
		out = append(out, *p)
	}
	return out, nil
}

func (s *Service) accessListProfilesOf(c *wire.Call, in *iam.ListInstanceProfilesForRoleInput) ([]wire.Access, error) {
	return s.onRole(c, "ListInstanceProfilesForRole", in.RoleName.V, nil)
}

func (s *Service) listProfilesOf(c *wire.Call, in *iam.ListInstanceProfilesForRoleInput) (*iam.ListInstanceProfilesForRoleOutput, error) {
	out := &iam.ListInstanceProfilesForRoleOutput{}
	err := s.cfg.DB.View(c, func(tx *kv.Tx) error {
		if _, err := roles().Get(tx, of(c.Account), fold(in.RoleName.V)); err != nil {
			return or(err, noSuchRole(in.RoleName.V))
		}
		rows, next, err := profiles().List(tx, of(c.Account), record.Page{Index: "role", Prefix: []any{fold(in.RoleName.V)}, After: in.Marker.V,
			Limit: int(in.MaxItems.Or(defaultItems))})
		if err != nil {
			return markerError(err)
		}
		out.InstanceProfiles, err = apiProfiles(tx, c.Account, rows)
		out.IsTruncated, out.Marker = wire.Some(next != ""), wire.NonEmpty(next)
		return err
	})
	return out, err
}

func (s *Service) accessDeleteProfile(c *wire.Call, in *iam.DeleteInstanceProfileInput) ([]wire.Access, error) {
	return s.onProfile(c, "DeleteInstanceProfile", in.InstanceProfileName.V, nil)
}

func (s *Service) deleteProfile(c *wire.Call, in *iam.DeleteInstanceProfileInput) (*iam.DeleteInstanceProfileOutput, error) {
	return nil, s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		row, err := profiles().Get(tx, of(c.Account), fold(in.InstanceProfileName.V))
		if err != nil {
			return or(err, noProfile(in.InstanceProfileName.V))
		}
		if row.Role != "" {
			return inProfile()
		}
		return profiles().Delete(tx, of(c.Account), fold(row.Name))
	})
}

// inProfile refuses to delete a profile with a role, and a role that is in a profile.
func inProfile() error {
	return deleteConflict("Cannot delete entity, must remove roles from instance profile first.")
}

// mustBeInNoProfile refuses while a role is in an instance profile.
func mustBeInNoProfile(tx *kv.Tx, account, role string) error {
	rows, _, err := profiles().List(tx, of(account), record.Page{Index: "role", Prefix: []any{fold(role)}, Limit: 1})
	if err == nil && len(rows) > 0 {
		err = inProfile()
	}
	return err
}

// accessAddRole wants, besides the profile's change, to pass the role to machines.
func (s *Service) accessAddRole(c *wire.Call, in *iam.AddRoleToInstanceProfileInput) ([]wire.Access, error) {
	wants, err := s.onProfile(c, "AddRoleToInstanceProfile", in.InstanceProfileName.V, nil)
	if err != nil {
		return nil, err
	}
	pass, err := s.onRole(c, "PassRole", in.RoleName.V, policy.Keys{"iam:passedtoservice": {"ec2.amazonaws.com"}})
	return append(wants, pass...), err
}

func (s *Service) addRole(c *wire.Call, in *iam.AddRoleToInstanceProfileInput) (*iam.AddRoleToInstanceProfileOutput, error) {
	return nil, s.changeProfile(c, in.InstanceProfileName.V, func(tx *kv.Tx, r *profileRow) error {
		role, err := roles().Get(tx, of(c.Account), fold(in.RoleName.V))
		if err != nil {
			return or(err, noSuchRole(in.RoleName.V))
		}
		if r.Role != "" {
			return limitExceeded("Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1")
		}
		r.Role = role.Name
		return nil
	})
}

func (s *Service) changeProfile(c *wire.Call, name string, f func(*kv.Tx, *profileRow) error) error {
	return change(s, c, profiles(), noProfile(name), f, fold(name))
}

func (s *Service) accessRemoveRole(c *wire.Call, in *iam.RemoveRoleFromInstanceProfileInput) ([]wire.Access, error) {
	return s.onProfile(c, "RemoveRoleFromInstanceProfile", in.InstanceProfileName.V, nil)
}

func (s *Service) removeRole(c *wire.Call, in *iam.RemoveRoleFromInstanceProfileInput) (*iam.RemoveRoleFromInstanceProfileOutput, error) {
	return nil, s.changeProfile(c, in.InstanceProfileName.V, func(_ *kv.Tx, r *profileRow) error {
		if fold(r.Role) != fold(in.RoleName.V) {
			return noSuchRole(in.RoleName.V)
		}
		r.Role = ""
		return nil
	})
}

func (s *Service) accessTagProfile(c *wire.Call, in *iam.TagInstanceProfileInput) ([]wire.Access, error) {
	return s.onProfile(c, "TagInstanceProfile", in.InstanceProfileName.V, requestTags(policy.Keys{}, in.Tags))
}

func (s *Service) tagProfile(c *wire.Call, in *iam.TagInstanceProfileInput) (*iam.TagInstanceProfileOutput, error) {
	return nil, s.changeProfile(c, in.InstanceProfileName.V, func(_ *kv.Tx, r *profileRow) error { return r.tag(in.Tags) })
}

func (s *Service) accessUntagProfile(c *wire.Call, in *iam.UntagInstanceProfileInput) ([]wire.Access, error) {
	return s.onProfile(c, "UntagInstanceProfile", in.InstanceProfileName.V, policy.Keys{"aws:tagkeys": in.TagKeys})
}

func (s *Service) untagProfile(c *wire.Call, in *iam.UntagInstanceProfileInput) (*iam.UntagInstanceProfileOutput, error) {
	return nil, s.changeProfile(c, in.InstanceProfileName.V, func(_ *kv.Tx, r *profileRow) error { return r.untag(in.TagKeys) })
}

func (s *Service) accessListProfileTags(c *wire.Call, in *iam.ListInstanceProfileTagsInput) ([]wire.Access, error) {
	return s.onProfile(c, "ListInstanceProfileTags", in.InstanceProfileName.V, nil)
}

func (s *Service) listProfileTags(c *wire.Call, in *iam.ListInstanceProfileTagsInput) (*iam.ListInstanceProfileTagsOutput, error) {
	row, err := read(s, c, profiles(), noProfile(in.InstanceProfileName.V), fold(in.InstanceProfileName.V))
	if err != nil {
		return nil, err
	}
	tags, next, err := tagPage(row.Tags, in.Marker, in.MaxItems)
	return &iam.ListInstanceProfileTagsOutput{Tags: tags, IsTruncated: wire.Some(next.Set), Marker: next}, err
}
