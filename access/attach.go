package access

import (
	"errors"
	"slices"
	"sort"
	"strings"

	"bothy/api/iam"
	"bothy/kv"
	"bothy/policy"
	"bothy/record"
	"bothy/wire"
)

// maxAttached is how many managed policies a role or user may have.
const maxAttached = 10

func policyKey(arn string) policy.Keys { return policy.Keys{"iam:policyarn": {arn}} }

// attach adds a managed policy; adding it twice is no error, as on AWS.
func (a *attachments) attach(tx *kv.Tx, account, arn, quota string) error {
	if err := checkAttachable(tx, account, arn); err != nil {
		return err
	}
	if slices.Contains(a.Attached, arn) {
		return nil
	}
	if len(a.Attached) >= maxAttached {
		return limitExceeded("Cannot exceed quota for %s: %d", quota, maxAttached)
	}
	a.Attached = append(a.Attached, arn)
	return nil
}

func checkAttachable(tx *kv.Tx, account, arn string) error {
	_, err := findPolicy(tx, account, arn)
	return or(err, noSuchEntity("Policy %s does not exist or is not attachable.", arn))
}

func (a *attachments) detach(arn string) error {
	i := slices.Index(a.Attached, arn)
	if i < 0 {
		return noSuchEntity("Policy %s was not found.", arn)
	}
	a.Attached = slices.Delete(a.Attached, i, i+1)
	return nil
}

// checkBoundary takes "" and what can be attached.
func checkBoundary(tx *kv.Tx, account, arn string) error {
	if arn == "" {
		return nil
	}
	_, err := findPolicy(tx, account, arn)
	if errors.Is(err, record.ErrNotFound) {
		return noSuchEntity("Scope ARN: %s does not exist or is not attachable.", arn)
	}
	return err
}

// listAttached is a page of what is attached, by ARN.
func (a *attachments) listAttached(prefix, marker wire.Opt[string], max wire.Opt[int32]) (out []iam.AttachedPolicy, next wire.Opt[string], err error) {
	var arns []string
	for _, arn := range a.Attached {
		if strings.HasPrefix(policyPath(arn), prefix.Or("/")) {
			arns = append(arns, arn)
		}
	}
	sort.Strings(arns)
	arns, next, err = pageOf(arns, marker, max)
	for _, arn := range arns {
		out = append(out, iam.AttachedPolicy{PolicyName: wire.Some(policyName(arn)), PolicyArn: wire.Some(arn)})
	}
	return out, next, err
}

func (s *Service) accessAttachRole(c *wire.Call, in *iam.AttachRolePolicyInput) ([]wire.Access, error) {
	return s.onRole(c, "AttachRolePolicy", in.RoleName.V, policyKey(in.PolicyArn.V))
}

func (s *Service) attachRole(c *wire.Call, in *iam.AttachRolePolicyInput) (*iam.AttachRolePolicyOutput, error) {
	return nil, s.changeRole(c, in.RoleName.V, func(tx *kv.Tx, r *roleRow) error {
		return r.attach(tx, c.Account, in.PolicyArn.V, "PoliciesPerRole")
	})
}

func (s *Service) accessDetachRole(c *wire.Call, in *iam.DetachRolePolicyInput) ([]wire.Access, error) {
	return s.onRole(c, "DetachRolePolicy", in.RoleName.V, policyKey(in.PolicyArn.V))
}

func (s *Service) detachRole(c *wire.Call, in *iam.DetachRolePolicyInput) (*iam.DetachRolePolicyOutput, error) {
	return nil, s.changeRole(c, in.RoleName.V, func(_ *kv.Tx, r *roleRow) error { return r.detach(in.PolicyArn.V) })
}

func (s *Service) accessListAttachedRole(c *wire.Call, in *iam.ListAttachedRolePoliciesInput) ([]wire.Access, error) {
	return s.onRole(c, "ListAttachedRolePolicies", in.RoleName.V, nil)
}

func (s *Service) listAttachedRole(c *wire.Call, in *iam.ListAttachedRolePoliciesInput) (*iam.ListAttachedRolePoliciesOutput, error) {
	row, err := s.readRole(c, in.RoleName.V)
	if err != nil {
		return nil, err
	}
	list, next, err := row.listAttached(in.PathPrefix, in.Marker, in.MaxItems)
	return &iam.ListAttachedRolePoliciesOutput{AttachedPolicies: list, IsTruncated: wire.Some(next.Set), Marker: next}, err
}

func (s *Service) accessPutRoleBoundary(c *wire.Call, in *iam.PutRolePermissionsBoundaryInput) ([]wire.Access, error) {
	return s.onRole(c, "PutRolePermissionsBoundary", in.RoleName.V, policy.Keys{boundaryKey: {in.PermissionsBoundary.V}})
}

func (s *Service) putRoleBoundary(c *wire.Call, in *iam.PutRolePermissionsBoundaryInput) (*iam.PutRolePermissionsBoundaryOutput, error) {
	return nil, s.changeRole(c, in.RoleName.V, func(tx *kv.Tx, r *roleRow) error {
		r.Boundary = in.PermissionsBoundary.V
		return checkBoundary(tx, c.Account, r.Boundary)
	})
}

func (s *Service) accessDeleteRoleBoundary(c *wire.Call, in *iam.DeleteRolePermissionsBoundaryInput) ([]wire.Access, error) {
	return s.onRole(c, "DeleteRolePermissionsBoundary", in.RoleName.V, nil)
}

func (s *Service) deleteRoleBoundary(c *wire.Call, in *iam.DeleteRolePermissionsBoundaryInput) (*iam.DeleteRolePermissionsBoundaryOutput, error) {
	return nil, s.changeRole(c, in.RoleName.V, func(_ *kv.Tx, r *roleRow) error {
		r.Boundary = ""
		return nil
	})
}

func (s *Service) accessAttachUser(c *wire.Call, in *iam.AttachUserPolicyInput) ([]wire.Access, error) {
	return s.onUser(c, "AttachUserPolicy", in.UserName.V, policyKey(in.PolicyArn.V))
}

func (s *Service) attachUser(c *wire.Call, in *iam.AttachUserPolicyInput) (*iam.AttachUserPolicyOutput, error) {
	return nil, s.changeUser(c, in.UserName.V, func(tx *kv.Tx, u *userRow) error {
		return u.attach(tx, c.Account, in.PolicyArn.V, "PoliciesPerUser")
	})
}

func (s *Service) accessDetachUser(c *wire.Call, in *iam.DetachUserPolicyInput) ([]wire.Access, error) {
	return s.onUser(c, "DetachUserPolicy", in.UserName.V, policyKey(in.PolicyArn.V))
}

func (s *Service) detachUser(c *wire.Call, in *iam.DetachUserPolicyInput) (*iam.DetachUserPolicyOutput, error) {
	return nil, s.changeUser(c, in.UserName.V, func(_ *kv.Tx, u *userRow) error { return u.detach(in.PolicyArn.V) })
}

func (s *Service) accessListAttachedUser(c *wire.Call, in *iam.ListAttachedUserPoliciesInput) ([]wire.Access, error) {
	return s.onUser(c, "ListAttachedUserPolicies", in.UserName.V, nil)
}

func (s *Service) listAttachedUser(c *wire.Call, in *iam.ListAttachedUserPoliciesInput) (*iam.ListAttachedUserPoliciesOutput, error) {
	row, err := s.readUser(c, in.UserName.V)
	if err != nil {
		return nil, err
	}
	list, next, err := row.listAttached(in.PathPrefix, in.Marker, in.MaxItems)
	return &iam.ListAttachedUserPoliciesOutput{AttachedPolicies: list, IsTruncated: wire.Some(next.Set), Marker: next}, err
}

func (s *Service) accessPutUserBoundary(c *wire.Call, in *iam.PutUserPermissionsBoundaryInput) ([]wire.Access, error) {
	return s.onUser(c, "PutUserPermissionsBoundary", in.UserName.V, policy.Keys{boundaryKey: {in.PermissionsBoundary.V}})
}

func (s *Service) putUserBoundary(c *wire.Call, in *iam.PutUserPermissionsBoundaryInput) (*iam.PutUserPermissionsBoundaryOutput, error) {
	return nil, s.changeUser(c, in.UserName.V, func(tx *kv.Tx, u *userRow) error {
		u.Boundary = in.PermissionsBoundary.V
		return checkBoundary(tx, c.Account, u.Boundary)
	})
}

func (s *Service) accessDeleteUserBoundary(c *wire.Call, in *iam.DeleteUserPermissionsBoundaryInput) ([]wire.Access, error) {
	return s.onUser(c, "DeleteUserPermissionsBoundary", in.UserName.V, nil)
}

func (s *Service) deleteUserBoundary(c *wire.Call, in *iam.DeleteUserPermissionsBoundaryInput) (*iam.DeleteUserPermissionsBoundaryOutput, error) {
	return nil, s.changeUser(c, in.UserName.V, func(_ *kv.Tx, u *userRow) error {
		u.Boundary = ""
		return nil
	})
}
