package access

import (
	"context"
	"strings"
	"time"

	"bothy/api/iam"
	"bothy/kv"
	"bothy/policy"
	"bothy/wire"
)

// maxTrust is the size of a trust policy: AWS's highest quota.
const maxTrust = 8192

const defaultMaxSession = 3600 // seconds

// pathOf is a path as given, or the default.
func pathOf(p wire.Opt[string]) string { return p.Or("/") }

// roleARN is the ARN of a role that may not exist (then it has no path), and what is known of it.
func (s *Service) roleARN(c *wire.Call, name string) (arn string, known attachments, err error) {
	arn = roleARN(c.Account, "/", name)
	err = s.cfg.DB.View(c, func(tx *kv.Tx) error {
		row, err := roles().Get(tx, of(c.Account), fold(name))
		if err == nil {
			arn, known = row.ARN, row.attachments
		}
		return or(err, nil)
	})
	return arn, known, err
}

func roleARN(account, path, name string) string {
	return "arn:aws:iam::" + account + ":role" + path + name
}

// onRole is the access of an operation on a role.
func (s *Service) onRole(c *wire.Call, action, name string, keys policy.Keys) ([]wire.Access, error) {
	arn, known, err := s.roleARN(c, name)
	if err != nil {
		return nil, err
	}
	return wire.One("iam:"+action, arn, known.keys(action, keys)), nil
}

// keys are the condition keys of an operation on a role or user: the request's, its tags, and its boundary where AWS tells it.
// By the boundary an administrator lets others hand out permissions, but only to who has one.
func (a *attachments) keys(action string, keys policy.Keys) policy.Keys {
	out := withTags(keys, a.Tags)
	if _, given := out[boundaryKey]; !given && a.Boundary != "" && tellsBoundary(action) {
		out[boundaryKey] = []string{a.Boundary}
	}
	return out
}

const boundaryKey = "iam:permissionsboundary"

// tellsBoundary says whether an action, by its name, changes what a role or user may do.
func tellsBoundary(action string) bool {
	switch action {
	case "AttachRolePolicy", "DetachRolePolicy", "PutRolePolicy", "DeleteRolePolicy", "DeleteRolePermissionsBoundary",
		"AttachUserPolicy", "DetachUserPolicy", "PutUserPolicy", "DeleteUserPolicy", "DeleteUserPermissionsBoundary":
		return true
	}
	return false
}

// withTags adds the tags of the resource to the condition keys.
func withTags(keys policy.Keys, tags map[string]string) policy.Keys {
	if keys == nil {
		keys = policy.Keys{}
	}
	for name, v := range tags {
		keys["aws:resourcetag/"+fold(name)] = []string{v}
		keys["iam:resourcetag/"+fold(name)] = []string{v}
	}
	return keys
}

// changeRole runs f on the row of a role and stores what it left there. Service-linked roles are not changed so.
func (s *Service) changeRole(c *wire.Call, name string, f func(*kv.Tx, *roleRow) error) error {
	return s.describeRole(c, name, func(tx *kv.Tx, r *roleRow) error {
		if err := r.unmodifiable(); err != nil {
			return err
		}
		return f(tx, r)
	})
}

// describeRole is changeRole also for service-linked roles: of them AWS lets the description be changed.
func (s *Service) describeRole(c *wire.Call, name string, f func(*kv.Tx, *roleRow) error) error {
	return change(s, c, roles(), noSuchRole(name), deciding(f), fold(name))
}

// readRole reads the row of a role.
func (s *Service) readRole(c *wire.Call, name string) (*roleRow, error) {
	return read(s, c, roles(), noSuchRole(name), fold(name))
}

func (s *Service) accessCreateRole(c *wire.Call, in *iam.CreateRoleInput) ([]wire.Access, error) {
	keys := policy.Keys{}
	if in.PermissionsBoundary.Set {
		keys[boundaryKey] = []string{in.PermissionsBoundary.V}
	}
	requestTags(keys, in.Tags)
	return wire.One("iam:CreateRole", roleARN(c.Account, pathOf(in.Path), in.RoleName.V), keys), nil
}

func (s *Service) createRole(c *wire.Call, in *iam.CreateRoleInput) (*iam.CreateRoleOutput, error) {
	tags, err := addTags(nil, in.Tags)
	if err != nil {
		return nil, err
	}
	if err := s.checkTrust(in.AssumeRolePolicyDocument.V); err != nil {
		return nil, err
	}
	if strings.HasPrefix(pathOf(in.Path), linkedPath) {
		return nil, invalidInput("The path " + linkedPath + " is for service-linked roles.")
	}
	row := &roleRow{
		Name: in.RoleName.V, Path: pathOf(in.Path), ID: newID("AROA", 17), Trust: in.AssumeRolePolicyDocument.V,
		Description: in.Description.V, MaxSession: in.MaxSessionDuration.Or(defaultMaxSession), Created: c.Now.UTC().Truncate(time.Second),
		attachments: attachments{Boundary: in.PermissionsBoundary.V, Tags: tags},
	}
	row.ARN = roleARN(c.Account, row.Path, row.Name)
	err = s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		if err := checkBoundary(tx, c.Account, row.Boundary); err != nil {
			return err
		}
		if err := roles().Insert(tx, of(c.Account), row); err != nil {
			return exists(err, alreadyExists("Role with name %s already exists.", row.Name))
		}
		return touch(tx)
	})
	if err != nil {
		return nil, err
	}
	return &iam.CreateRoleOutput{Role: row.api()}, nil
}

func (s *Service) checkTrust(document string) error {
	if len(document) > maxTrust {
		return limitExceeded("Cannot exceed quota for ACLSizePerRole: %d", maxTrust)
	}
	return s.checkDocument(document, (*policy.Policy).TrustError)
}

// api is the role as IAM shows it.
func (r *roleRow) api() *iam.Role {
	return &iam.Role{
		Path: wire.Some(r.Path), RoleName: wire.Some(r.Name), RoleId: wire.Some(r.ID), Arn: wire.Some(r.ARN),
		CreateDate: wire.Some(r.Created), AssumeRolePolicyDocument: encodeDocument(r.Trust), Description: wire.NonEmpty(r.Description),
		MaxSessionDuration: wire.Some(r.MaxSession), PermissionsBoundary: r.boundary(), Tags: apiTags(r.Tags),
	}
}

func (a *attachments) boundary() *iam.AttachedPermissionsBoundary {
	if a.Boundary == "" {
		return nil
	}
	return &iam.AttachedPermissionsBoundary{PermissionsBoundaryType: wire.Some("Policy"), PermissionsBoundaryArn: wire.Some(a.Boundary)}
}

func (s *Service) accessGetRole(c *wire.Call, in *iam.GetRoleInput) ([]wire.Access, error) {
	return s.onRole(c, "GetRole", in.RoleName.V, nil)
}

func (s *Service) getRole(c *wire.Call, in *iam.GetRoleInput) (out *iam.GetRoleOutput, err error) {
	err = s.cfg.DB.View(c, func(tx *kv.Tx) error {
		row, err := roles().Get(tx, of(c.Account), fold(in.RoleName.V))
		if err != nil {
			return or(err, noSuchRole(in.RoleName.V))
		}
		out = &iam.GetRoleOutput{Role: row.api()}
		out.Role.RoleLastUsed, err = roleLastUsed(tx, c, row)
		return err
	})
	return out, err
}

func accessListRoles(c *wire.Call, in *iam.ListRolesInput) ([]wire.Access, error) {
	return wire.One("iam:ListRoles", roleARN(c.Account, pathOf(in.PathPrefix), ""), nil), nil
}

func (s *Service) listRoles(c *wire.Call, in *iam.ListRolesInput) (out *iam.ListRolesOutput, err error) {
	out = &iam.ListRolesOutput{}
	err = s.cfg.DB.View(c, func(tx *kv.Tx) error {
		rows, next, err := listRows(tx, roles(), of(c.Account), in.Marker.V, in.MaxItems.Or(defaultItems),
			func(r *roleRow) bool { return strings.HasPrefix(r.Path, in.PathPrefix.V) })
		for _, row := range rows {
			role := row.api()
			role.Tags, role.PermissionsBoundary = nil, nil // as AWS: lists leave them out
			out.Roles = append(out.Roles, *role)
		}
		out.IsTruncated, out.Marker = wire.Some(next != ""), wire.NonEmpty(next)
		return err
	})
	return out, err
}

func (s *Service) accessDeleteRole(c *wire.Call, in *iam.DeleteRoleInput) ([]wire.Access, error) {
	return s.onRole(c, "DeleteRole", in.RoleName.V, nil)
}

func (s *Service) deleteRole(c *wire.Call, in *iam.DeleteRoleInput) (*iam.DeleteRoleOutput, error) {
	return nil, s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		row, err := roles().Get(tx, of(c.Account), fold(in.RoleName.V))
		if err != nil {
			return or(err, noSuchRole(in.RoleName.V))
		}
		if err := row.unmodifiable(); err != nil {
			return err
		}
		if err := row.deletable(); err != nil {
			return err
		}
		if err := mustBeInNoProfile(tx, c.Account, row.Name); err != nil {
			return err
		}
		return dropRole(tx, c.Account, row)
	})
}

func dropRole(tx *kv.Tx, account string, row *roleRow) error {
	if err := roles().Delete(tx, of(account), fold(row.Name)); err != nil {
		return err
	}
	if err := dropUse(tx, account, row.ID); err != nil {
		return err
	}
	return touch(tx)
}

// deletable refuses while policies are left, as AWS does.
func (a *attachments) deletable() error {
	switch {
	case len(a.Attached) > 0:
		return deleteConflict("Cannot delete entity, must detach all policies first.")
	case len(a.Inline) > 0:
		return deleteConflict("Cannot delete entity, must delete policies first.")
	}
	return nil
}

func (s *Service) accessUpdateRole(c *wire.Call, in *iam.UpdateRoleInput) ([]wire.Access, error) {
	return s.onRole(c, "UpdateRole", in.RoleName.V, nil)
}

func (s *Service) updateRole(c *wire.Call, in *iam.UpdateRoleInput) (*iam.UpdateRoleOutput, error) {
	return nil, s.describeRole(c, in.RoleName.V, func(_ *kv.Tx, r *roleRow) error {
		if in.MaxSessionDuration.Set && r.linked() {
			return r.unmodifiable()
		}
		r.Description = in.Description.Or(r.Description)
		r.MaxSession = in.MaxSessionDuration.Or(r.MaxSession)
		return nil
	})
}

func (s *Service) accessUpdateRoleDescription(c *wire.Call, in *iam.UpdateRoleDescriptionInput) ([]wire.Access, error) {
	return s.onRole(c, "UpdateRoleDescription", in.RoleName.V, nil)
}

func (s *Service) updateRoleDescription(c *wire.Call, in *iam.UpdateRoleDescriptionInput) (*iam.UpdateRoleDescriptionOutput, error) {
	var role *iam.Role
	err := s.describeRole(c, in.RoleName.V, func(_ *kv.Tx, r *roleRow) error {
		r.Description = in.Description.V
		role = r.api()
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &iam.UpdateRoleDescriptionOutput{Role: role}, nil
}

func (s *Service) accessUpdateTrust(c *wire.Call, in *iam.UpdateAssumeRolePolicyInput) ([]wire.Access, error) {
	return s.onRole(c, "UpdateAssumeRolePolicy", in.RoleName.V, nil)
}

func (s *Service) updateTrust(c *wire.Call, in *iam.UpdateAssumeRolePolicyInput) (*iam.UpdateAssumeRolePolicyOutput, error) {
	if err := s.checkTrust(in.PolicyDocument.V); err != nil {
		return nil, err
	}
	return nil, s.changeRole(c, in.RoleName.V, func(_ *kv.Tx, r *roleRow) error {
		r.Trust = in.PolicyDocument.V
		return nil
	})
}

// Changed tells the service that its rows were changed behind its back, as by emptying an account.
func (s *Service) Changed(ctx context.Context) error { return s.cfg.DB.Update(ctx, touch) }
