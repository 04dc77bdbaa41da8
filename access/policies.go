package access

import (
	"fmt"
	"strings"
	"time"

	"bothy/api/iam"
	"bothy/kv"
	"bothy/policy"
	"bothy/wire"
)

const maxPolicySize = 6144 // characters of a managed policy

// version is a version of the policy; nil when there is none with the id.
func (r *policyRow) version(id string) *versionRow {
	for i := range r.Versions {
		if r.Versions[i].ID == id {
			return &r.Versions[i]
		}
	}
	return nil
}

// ownPolicy reads a policy of the account that may be changed.
func ownPolicy(tx *kv.Tx, c *wire.Call, arn string) (*policyRow, error) {
	if strings.HasPrefix(arn, awsPolicies+"/") {
		return nil, wire.Because(wire.Fail(403, "AccessDenied", "User: %s is not authorized to change resource: policy %s", c.Principal.ARN, arn), "the policy is built in")
	}
	row, err := findPolicy(tx, c.Account, arn)
	return row, or(err, noSuchEntity("Policy %s was not found.", arn))
}

func (s *Service) changePolicy(c *wire.Call, arn string, f func(*policyRow) error) error {
	return s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		row, err := ownPolicy(tx, c, arn)
		if err != nil {
			return err
		}
		if err := f(row); err != nil {
			return err
		}
		row.Updated = c.Now.UTC().Truncate(time.Second)
		if err := policies().Put(tx, of(c.Account), row); err != nil {
			return err
		}
		return touch(tx)
	})
}

func (s *Service) readPolicy(c *wire.Call, arn string) (row *policyRow, err error) {
	err = s.cfg.DB.View(c, func(tx *kv.Tx) error {
		row, err = findPolicy(tx, c.Account, arn)
		return or(err, noSuchEntity("Policy %s was not found.", arn))
	})
	return row, err
}

func (s *Service) checkManaged(document string) error {
	if len(document) > maxPolicySize {
		return limitExceeded("Cannot exceed quota for PolicySize: %d", maxPolicySize)
	}
	return s.checkDocument(document, (*policy.Policy).IdentityError)
}

// onPolicy is the access of an operation on a managed policy, which may not exist.
func (s *Service) onPolicy(c *wire.Call, action, arn string, keys policy.Keys) ([]wire.Access, error) {
	var tags map[string]string
	err := s.cfg.DB.View(c, func(tx *kv.Tx) error {
		row, err := findPolicy(tx, c.Account, arn)
		if err == nil {
			tags = row.Tags
		}
		return or(err, nil)
	})
	return wire.One("iam:"+action, arn, withTags(keys, tags)), err
}

func accessCreatePolicy(c *wire.Call, in *iam.CreatePolicyInput) ([]wire.Access, error) {
	return wire.One("iam:CreatePolicy", "arn:aws:iam::"+c.Account+":policy"+pathOf(in.Path)+in.PolicyName.V, requestTags(policy.Keys{}, in.Tags)), nil
}

func (s *Service) createPolicy(c *wire.Call, in *iam.CreatePolicyInput) (*iam.CreatePolicyOutput, error) {
	tags, err := addTags(nil, in.Tags)
	if err != nil {
		return nil, err
	}
	if err := s.checkManaged(in.PolicyDocument.V); err != nil {
		return nil, err
	}
	now := c.Now.UTC().Truncate(time.Second)
	row := &policyRow{Name: in.PolicyName.V, Path: pathOf(in.Path), ID: newID("ANPA", 17), Description: in.Description.V, Default: "v1", Last: 1,
		Versions: []versionRow{{"v1", in.PolicyDocument.V, now}}, Tags: tags, Created: now, Updated: now}
	row.ARN = "arn:aws:iam::" + c.Account + ":policy" + row.Path + row.Name
	err = s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		if err := policies().Insert(tx, of(c.Account), row); err != nil {
			return exists(err, alreadyExists("A policy called %s already exists. Duplicate names are not allowed.", row.Name))
		}
		return touch(tx)
	})
	if err != nil {
		return nil, err
	}
	return &iam.CreatePolicyOutput{Policy: row.api(0, 0)}, nil
}

func (r *policyRow) api(attached, bounds int) *iam.Policy {
	return &iam.Policy{
		PolicyName: wire.Some(r.Name), PolicyId: wire.Some(r.ID), Arn: wire.Some(r.ARN), Path: wire.Some(r.Path), DefaultVersionId: wire.Some(r.Default),
		AttachmentCount: wire.Some(int32(attached)), PermissionsBoundaryUsageCount: wire.Some(int32(bounds)), IsAttachable: wire.Some(true),
		Description: wire.NonEmpty(r.Description), CreateDate: wire.Some(r.Created), UpdateDate: wire.Some(r.Updated), Tags: apiTags(r.Tags),
	}
}

// used counts the roles, users and groups that a policy is attached to, or the boundary of.
func used(tx *kv.Tx, account, index, arn string) (int, error) {
	in, err := entitiesOf(tx, account, index, arn)
	return len(in.roles) + len(in.users) + len(in.groups), err
}

func (r *policyRow) counted(tx *kv.Tx, account string) (*iam.Policy, error) {
	attached, err := used(tx, account, "attached", r.ARN)
	if err != nil {
		return nil, err
	}
	bounds, err := used(tx, account, "boundary", r.ARN)
	return r.api(attached, bounds), err
}

func (s *Service) accessGetPolicy(c *wire.Call, in *iam.GetPolicyInput) ([]wire.Access, error) {
	return s.onPolicy(c, "GetPolicy", in.PolicyArn.V, nil)
}

func (s *Service) getPolicy(c *wire.Call, in *iam.GetPolicyInput) (out *iam.GetPolicyOutput, err error) {
	out = &iam.GetPolicyOutput{}
	err = s.cfg.DB.View(c, func(tx *kv.Tx) error {
		row, err := findPolicy(tx, c.Account, in.PolicyArn.V)
		if err != nil {
			return or(err, noSuchEntity("Policy %s was not found.", in.PolicyArn.V))
		}
		out.Policy, err = row.counted(tx, c.Account)
		return err
	})
	return out, err
}

func accessListPolicies(c *wire.Call, in *iam.ListPoliciesInput) ([]wire.Access, error) {
	return wire.One("iam:ListPolicies", "arn:aws:iam::"+c.Account+":policy"+pathOf(in.PathPrefix), nil), nil
}

// listPolicies gives AWS's own first, then the account's.
func (s *Service) listPolicies(c *wire.Call, in *iam.ListPoliciesInput) (out *iam.ListPoliciesOutput, err error) {
	out = &iam.ListPoliciesOutput{}
	err = s.cfg.DB.View(c, func(tx *kv.Tx) error {
		rows, next, err := policyRows(tx, c.Account, in)
		if err != nil {
			return err
		}
		counts, err := tallyOf(tx, c.Account)
		if err != nil {
			return err
		}
		for _, row := range rows {
			p := counts.show(row)
			boundary := in.PolicyUsageFilter.V == "PermissionsBoundary"
			if in.OnlyAttached.V && (boundary && p.PermissionsBoundaryUsageCount.V == 0 || !boundary && p.AttachmentCount.V == 0) {
				continue
			}
			p.Tags, p.Description = nil, wire.Opt[string]{} // as AWS: lists leave them out
			out.Policies = append(out.Policies, *p)
		}
		out.IsTruncated, out.Marker = wire.Some(next != ""), wire.NonEmpty(next)
		return nil
	})
	return out, err
}

// policyRows is a page of AWS's policies and then of the account's own. The marker says in which of them the page before ended, and
// where.
func policyRows(tx *kv.Tx, account string, in *iam.ListPoliciesInput) (rows []*policyRow, next string, err error) {
	max := int(in.MaxItems.Or(defaultItems))
	want := func(r *policyRow) bool { return strings.HasPrefix(r.Path, in.PathPrefix.V) }
	part, token, found := strings.Cut(in.Marker.V, ".")
	if in.Marker.Set && (!found || part != "aws" && part != "own") {
		return nil, "", errMarker()
	}
	if in.Scope.V != "Local" && part != "own" {
		all, err := listAWSPolicies()
		if err != nil {
			return nil, "", err
		}
		for _, row := range all {
			if len(rows) == max {
				return rows, "aws." + rows[max-1].ARN, nil
			}
			if want(row) && row.ARN > token {
				rows = append(rows, row)
			}
		}
		token = ""
	}
	if in.Scope.V == "AWS" {
		return rows, "", nil
	}
	if len(rows) == max {
		return rows, "own.", nil
	}
	own, next, err := listRows(tx, policies(), of(account), token, int32(max-len(rows)), want)
	if next != "" {
		next = "own." + next
	}
	return append(rows, own...), next, err
}

func (s *Service) accessDeletePolicy(c *wire.Call, in *iam.DeletePolicyInput) ([]wire.Access, error) {
	return s.onPolicy(c, "DeletePolicy", in.PolicyArn.V, nil)
}

func (s *Service) deletePolicy(c *wire.Call, in *iam.DeletePolicyInput) (*iam.DeletePolicyOutput, error) {
	return nil, s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		row, err := ownPolicy(tx, c, in.PolicyArn.V)
		if err != nil {
			return err
		}
		for _, index := range []string{"attached", "boundary"} {
			if n, err := used(tx, c.Account, index, row.ARN); err != nil {
				return err
			} else if n > 0 {
				return deleteConflict("Cannot delete a policy attached to entities.")
			}
		}
		if len(row.Versions) > 1 {
			return deleteConflict("This policy has more than one version. Before you delete a policy, you must delete the policy's versions. " +
				"The default version is deleted with the policy.")
		}
		if err := policies().Delete(tx, of(c.Account), fold(row.Name)); err != nil {
			return err
		}
		return touch(tx)
	})
}

// versionID is v1, v2, …
func versionID(n int) string { return fmt.Sprintf("v%d", n) }
