package access

import (
	"bothy/api/iam"
	"bothy/kv"
	"bothy/policy"
	"bothy/wire"
)

// Sizes of all inline policies of a role, of a user and of a group together, characters.
const (
	maxRoleInline  = 10240
	maxUserInline  = 2048
	maxGroupInline = 5120
)

// putInline stores an inline policy among the others.
func (s *Service) putInline(a *attachments, holder, name, document string, limit int) error {
	if err := s.checkDocument(document, (*policy.Policy).IdentityError); err != nil {
		return err
	}
	size := len(document)
	for other, d := range a.Inline {
		if other != name {
			size += len(d)
		}
	}
	if size > limit {
		return limitExceeded("Maximum policy size of %d bytes exceeded for %s", limit, holder)
	}
	if a.Inline == nil {
		a.Inline = map[string]string{}
	}
	a.Inline[name] = document
	return nil
}

func (a *attachments) dropInline(kind, name string) error {
	if _, ok := a.Inline[name]; !ok {
		return noSuchEntity("The %s policy with name %s cannot be found.", kind, name)
	}
	delete(a.Inline, name)
	return nil
}

func (a *attachments) inline(kind, name string) (wire.Opt[string], error) {
	document, ok := a.Inline[name]
	if !ok {
		return wire.Opt[string]{}, noSuchEntity("The %s policy with name %s cannot be found.", kind, name)
	}
	return encodeDocument(document), nil
}

func (s *Service) accessPutRolePolicy(c *wire.Call, in *iam.PutRolePolicyInput) ([]wire.Access, error) {
	return s.onRole(c, "PutRolePolicy", in.RoleName.V, nil)
}

func (s *Service) putRolePolicy(c *wire.Call, in *iam.PutRolePolicyInput) (*iam.PutRolePolicyOutput, error) {
	return nil, s.changeRole(c, in.RoleName.V, func(_ *kv.Tx, r *roleRow) error {
		return s.putInline(&r.attachments, "role "+r.Name, in.PolicyName.V, in.PolicyDocument.V, maxRoleInline)
	})
}

func (s *Service) accessGetRolePolicy(c *wire.Call, in *iam.GetRolePolicyInput) ([]wire.Access, error) {
	return s.onRole(c, "GetRolePolicy", in.RoleName.V, nil)
}

func (s *Service) getRolePolicy(c *wire.Call, in *iam.GetRolePolicyInput) (*iam.GetRolePolicyOutput, error) {
	row, err := s.readRole(c, in.RoleName.V)
	if err != nil {
		return nil, err
	}
	document, err := row.inline("role", in.PolicyName.V)
	return &iam.GetRolePolicyOutput{RoleName: wire.Some(row.Name), PolicyName: in.PolicyName, PolicyDocument: document}, err
}

func (s *Service) accessDeleteRolePolicy(c *wire.Call, in *iam.DeleteRolePolicyInput) ([]wire.Access, error) {
	return s.onRole(c, "DeleteRolePolicy", in.RoleName.V, nil)
}

func (s *Service) deleteRolePolicy(c *wire.Call, in *iam.DeleteRolePolicyInput) (*iam.DeleteRolePolicyOutput, error) {
	return nil, s.changeRole(c, in.RoleName.V, func(_ *kv.Tx, r *roleRow) error { return r.dropInline("role", in.PolicyName.V) })
}

func (s *Service) accessListRolePolicies(c *wire.Call, in *iam.ListRolePoliciesInput) ([]wire.Access, error) {
	return s.onRole(c, "ListRolePolicies", in.RoleName.V, nil)
}

func (s *Service) listRolePolicies(c *wire.Call, in *iam.ListRolePoliciesInput) (*iam.ListRolePoliciesOutput, error) {
	row, err := s.readRole(c, in.RoleName.V)
	if err != nil {
		return nil, err
	}
	names, next, err := pageOf(sortedNames(row.Inline), in.Marker, in.MaxItems)
	return &iam.ListRolePoliciesOutput{PolicyNames: names, IsTruncated: wire.Some(next.Set), Marker: next}, err
}

func (s *Service) accessPutUserPolicy(c *wire.Call, in *iam.PutUserPolicyInput) ([]wire.Access, error) {
	return s.onUser(c, "PutUserPolicy", in.UserName.V, nil)
}

func (s *Service) putUserPolicy(c *wire.Call, in *iam.PutUserPolicyInput) (*iam.PutUserPolicyOutput, error) {
	return nil, s.changeUser(c, in.UserName.V, func(_ *kv.Tx, u *userRow) error {
		return s.putInline(&u.attachments, "user "+u.Name, in.PolicyName.V, in.PolicyDocument.V, maxUserInline)
	})
}

func (s *Service) accessGetUserPolicy(c *wire.Call, in *iam.GetUserPolicyInput) ([]wire.Access, error) {
	return s.onUser(c, "GetUserPolicy", in.UserName.V, nil)
}

func (s *Service) getUserPolicy(c *wire.Call, in *iam.GetUserPolicyInput) (*iam.GetUserPolicyOutput, error) {
	row, err := s.readUser(c, in.UserName.V)
	if err != nil {
		return nil, err
	}
	document, err := row.inline("user", in.PolicyName.V)
	return &iam.GetUserPolicyOutput{UserName: wire.Some(row.Name), PolicyName: in.PolicyName, PolicyDocument: document}, err
}

func (s *Service) accessDeleteUserPolicy(c *wire.Call, in *iam.DeleteUserPolicyInput) ([]wire.Access, error) {
	return s.onUser(c, "DeleteUserPolicy", in.UserName.V, nil)
}

func (s *Service) deleteUserPolicy(c *wire.Call, in *iam.DeleteUserPolicyInput) (*iam.DeleteUserPolicyOutput, error) {
	return nil, s.changeUser(c, in.UserName.V, func(_ *kv.Tx, u *userRow) error { return u.dropInline("user", in.PolicyName.V) })
}

func (s *Service) accessListUserPolicies(c *wire.Call, in *iam.ListUserPoliciesInput) ([]wire.Access, error) {
	return s.onUser(c, "ListUserPolicies", in.UserName.V, nil)
}

func (s *Service) listUserPolicies(c *wire.Call, in *iam.ListUserPoliciesInput) (*iam.ListUserPoliciesOutput, error) {
	row, err := s.readUser(c, in.UserName.V)
	if err != nil {
		return nil, err
	}
	names, next, err := pageOf(sortedNames(row.Inline), in.Marker, in.MaxItems)
	return &iam.ListUserPoliciesOutput{PolicyNames: names, IsTruncated: wire.Some(next.Set), Marker: next}, err
}
