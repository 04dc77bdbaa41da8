package access

import (
	"strings"

	"bothy/api/iam"
	"bothy/kv"
	"bothy/wire"
)

// entities are roles, users and groups.
type entities struct {
	roles  []*roleRow
	users  []*userRow
	groups []*groupRow
}

// entitiesOf are who a policy is attached to, or the boundary of, as index says.
func entitiesOf(tx *kv.Tx, account, index, arn string) (e entities, err error) {
	if e.roles, err = roles().All(tx, of(account), index, arn); err != nil {
		return e, err
	}
	if e.users, err = users().All(tx, of(account), index, arn); err != nil {
		return e, err
	}
	e.groups, err = groups().All(tx, of(account), index, arn)
	return e, err
}

func (s *Service) accessListEntities(c *wire.Call, in *iam.ListEntitiesForPolicyInput) ([]wire.Access, error) {
	return s.onPolicy(c, "ListEntitiesForPolicy", in.PolicyArn.V, nil)
}

// listEntities gives all on one page: the quotas of roles, users and groups keep it small.
func (s *Service) listEntities(c *wire.Call, in *iam.ListEntitiesForPolicyInput) (out *iam.ListEntitiesForPolicyOutput, err error) {
	index := "attached"
	if in.PolicyUsageFilter.V == "PermissionsBoundary" {
		index = "boundary"
	}
	var e entities
	err = s.cfg.DB.View(c, func(tx *kv.Tx) error {
		if _, err := findPolicy(tx, c.Account, in.PolicyArn.V); err != nil {
			return or(err, noSuchEntity("Policy %s was not found.", in.PolicyArn.V))
		}
		e, err = entitiesOf(tx, c.Account, index, in.PolicyArn.V)
		return err
	})
	return e.api(in.EntityFilter.V, in.PathPrefix.V), err
}

// api shows the entities of a kind ("": all) below a path.
func (e *entities) api(kind, path string) *iam.ListEntitiesForPolicyOutput {
	out := &iam.ListEntitiesForPolicyOutput{IsTruncated: wire.Some(false)}
	wanted := func(of, at string) bool { return (kind == "" || kind == of) && strings.HasPrefix(at, path) }
	for _, r := range e.roles {
		if wanted("Role", r.Path) {
			out.PolicyRoles = append(out.PolicyRoles, iam.PolicyRole{RoleName: wire.Some(r.Name), RoleId: wire.Some(r.ID)})
		}
	}
	for _, u := range e.users {
		if wanted("User", u.Path) {
			out.PolicyUsers = append(out.PolicyUsers, iam.PolicyUser{UserName: wire.Some(u.Name), UserId: wire.Some(u.ID)})
		}
	}
	for _, g := range e.groups {
		if wanted("Group", g.Path) {
			out.PolicyGroups = append(out.PolicyGroups, iam.PolicyGroup{GroupName: wire.Some(g.Name), GroupId: wire.Some(g.ID)})
		}
	}
	return out
}
