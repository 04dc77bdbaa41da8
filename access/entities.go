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

// entitiesOf are who a policy is attached to, or the boundary of, as index says; without an index and a policy, all.
func entitiesOf(tx *kv.Tx, account, index string, arn ...any) (e entities, err error) {
	if e.roles, err = roles().All(tx, of(account), index, arn...); err != nil {
		return e, err
	}
	if e.users, err = users().All(tx, of(account), index, arn...); err != nil {
		return e, err
	}
	e.groups, err = groups().All(tx, of(account), index, arn...)
	return e, err
}

// tally counts what every managed policy is attached to, and the boundary of: for lists of policies.
type tally struct{ attached, bounds map[string]int }

func tallyOf(tx *kv.Tx, account string) (*tally, error) {
	t := &tally{map[string]int{}, map[string]int{}}
	e, err := entitiesOf(tx, account, "")
	for _, r := range e.roles {
		t.add(&r.attachments)
	}
	for _, u := range e.users {
		t.add(&u.attachments)
	}
	for _, g := range e.groups {
		t.add(&g.attachments)
	}
	return t, err
}

func (t *tally) add(a *attachments) {
	for _, arn := range a.Attached {
		t.attached[arn]++
	}
	if a.Boundary != "" {
		t.bounds[a.Boundary]++
	}
}

// show is a policy with its counts.
func (t *tally) show(r *policyRow) *iam.Policy { return r.api(t.attached[r.ARN], t.bounds[r.ARN]) }

func (s *Service) accessListEntities(c *wire.Call, in *iam.ListEntitiesForPolicyInput) ([]wire.Access, error) {
	return s.onPolicy(c, "ListEntitiesForPolicy", in.PolicyArn.V, nil)
}

func (s *Service) listEntities(c *wire.Call, in *iam.ListEntitiesForPolicyInput) (*iam.ListEntitiesForPolicyOutput, error) {
	index := "attached"
	if in.PolicyUsageFilter.V == "PermissionsBoundary" {
		index = "boundary"
	}
	var e entities
	err := s.cfg.DB.View(c, func(tx *kv.Tx) error {
		if _, err := findPolicy(tx, c.Account, in.PolicyArn.V); err != nil {
			return or(err, noSuchEntity("Policy %s was not found.", in.PolicyArn.V))
		}
		var err error
		e, err = entitiesOf(tx, c.Account, index, in.PolicyArn.V)
		return err
	})
	if err != nil {
		return nil, err
	}
	shown := e.show(in.EntityFilter.V, in.PathPrefix.V)
	names, next, err := pageOf(sortedNames(shown), in.Marker, in.MaxItems)
	out := &iam.ListEntitiesForPolicyOutput{IsTruncated: wire.Some(next.Set), Marker: next}
	for _, name := range names {
		shown[name](out)
	}
	return out, err
}

// show are the entities of a kind ("": all) below a path, by kind and name: each adds itself to an answer.
func (e *entities) show(kind, path string) map[string]func(*iam.ListEntitiesForPolicyOutput) {
	out := map[string]func(*iam.ListEntitiesForPolicyOutput){}
	add := func(of, at, name string, f func(*iam.ListEntitiesForPolicyOutput)) {
		if (kind == "" || kind == of) && strings.HasPrefix(at, path) {
			out[of+" "+name] = f
		}
	}
	for _, r := range e.roles {
		add("Role", r.Path, r.Name, func(o *iam.ListEntitiesForPolicyOutput) {
			o.PolicyRoles = append(o.PolicyRoles, iam.PolicyRole{RoleName: wire.Some(r.Name), RoleId: wire.Some(r.ID)})
		})
	}
	for _, u := range e.users {
		add("User", u.Path, u.Name, func(o *iam.ListEntitiesForPolicyOutput) {
			o.PolicyUsers = append(o.PolicyUsers, iam.PolicyUser{UserName: wire.Some(u.Name), UserId: wire.Some(u.ID)})
		})
	}
	for _, g := range e.groups {
		add("Group", g.Path, g.Name, func(o *iam.ListEntitiesForPolicyOutput) {
			o.PolicyGroups = append(o.PolicyGroups, iam.PolicyGroup{GroupName: wire.Some(g.Name), GroupId: wire.Some(g.ID)})
		})
	}
	return out
}
