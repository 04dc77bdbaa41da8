package access

import (
	"strings"

	"bothy/api/iam"
	"bothy/kv"
	"bothy/policy"
	"bothy/wire"
)

// subject is a user, group, role or managed policy: which policies speak for it, and who makes requests with them.
type subject struct {
	policies []grantor
	callers  []iam.EntityInfo
}

// grantor is a policy of a subject.
type grantor struct {
	entry  iam.PolicyGrantingServiceAccess
	policy *policy.Policy
}

// subject reads who or what has an ARN; nothing else than these four has one.
func (s *Service) subject(tx *kv.Tx, account, arn string) (sub *subject, err error) {
	sub = &subject{}
	name := fold(lastPart(arn))
	kind, _, _ := strings.Cut(strings.TrimPrefix(arn, "arn:aws:iam::"+account+":"), "/")
	switch kind {
	case "user":
		err = s.userSubject(tx, account, arn, name, sub)
	case "role":
		err = s.roleSubject(tx, account, arn, name, sub)
	case "group":
		err = s.groupSubject(tx, account, arn, name, sub)
	default:
		if _, err = findPolicy(tx, account, arn); err == nil {
			err = s.policySubject(tx, account, arn, sub)
		}
	}
	return sub, or(err, noSuchEntity("The entity with ARN %s cannot be found.", arn))
}

func (s *Service) userSubject(tx *kv.Tx, account, arn, name string, to *subject) error {
	u, err := users().Get(tx, of(account), name)
	if err := unless(err, func() bool { return u.ARN == arn }); err != nil {
		return err
	}
	to.callers = []iam.EntityInfo{u.info()}
	if err := s.speakFor(tx, account, to, "USER", u.Name, &u.attachments); err != nil {
		return err
	}
	in, err := groupsOf(tx, account, u.Name)
	for _, g := range in {
		if err := s.speakFor(tx, account, to, "GROUP", g.Name, &g.attachments); err != nil {
			return err
		}
	}
	return err
}

func (s *Service) roleSubject(tx *kv.Tx, account, arn, name string, to *subject) error {
	r, err := roles().Get(tx, of(account), name)
	if err := unless(err, func() bool { return r.ARN == arn }); err != nil {
		return err
	}
	to.callers = []iam.EntityInfo{r.info()}
	return s.speakFor(tx, account, to, "ROLE", r.Name, &r.attachments)
}

func (s *Service) groupSubject(tx *kv.Tx, account, arn, name string, to *subject) error {
	g, err := groups().Get(tx, of(account), name)
	if err := unless(err, func() bool { return g.ARN == arn }); err != nil {
		return err
	}
	if to.callers, err = groupCallers(tx, account, g, nil); err != nil {
		return err
	}
	return s.speakFor(tx, account, to, "GROUP", g.Name, &g.attachments)
}

// policySubject is of a managed policy: all that it is attached to, and the members of groups among them.
func (s *Service) policySubject(tx *kv.Tx, account, arn string, out *subject) error {
	e, err := entitiesOf(tx, account, "attached", arn)
	if err != nil {
		return err
	}
	for _, r := range e.roles {
		out.callers = append(out.callers, r.info())
	}
	for _, u := range e.users {
		out.callers = append(out.callers, u.info())
	}
	for _, g := range e.groups {
		if out.callers, err = groupCallers(tx, account, g, out.callers); err != nil {
			return err
		}
	}
	return s.speakFor(tx, account, out, "", "", &attachments{Attached: []string{arn}})
}

// groupCallers adds the members of a group that are not in the list.
func groupCallers(tx *kv.Tx, account string, g *groupRow, to []iam.EntityInfo) ([]iam.EntityInfo, error) {
	known := map[string]bool{}
	for _, c := range to {
		known[c.Id.V] = true
	}
	rows, err := allMembers(tx, account, g)
	for _, u := range rows {
		if !known[u.ID] {
			to = append(to, u.info())
		}
	}
	return to, err
}

// speakFor adds the policies of a holder.
func (s *Service) speakFor(tx *kv.Tx, account string, to *subject, kind, name string, a *attachments) error {
	for _, inline := range sortedNames(a.Inline) {
		to.policies = append(to.policies, grantor{iam.PolicyGrantingServiceAccess{PolicyName: wire.Some(inline), PolicyType: wire.Some("INLINE"),
			EntityType: wire.Some(kind), EntityName: wire.Some(name)}, s.source("", a.Inline[inline]).Policy})
	}
	for _, arn := range a.Attached {
		src, err := s.managed(tx, account, arn)
		if err != nil {
			return err
		}
		to.policies = append(to.policies, grantor{iam.PolicyGrantingServiceAccess{PolicyName: wire.Some(policyName(arn)), PolicyType: wire.Some("MANAGED"),
			PolicyArn: wire.Some(arn)}, src.Policy})
	}
	return nil
}

// granting are the policies that allow something of a service.
func (sub *subject) granting(namespace string) (out []iam.PolicyGrantingServiceAccess) {
	for _, g := range sub.policies {
		if g.policy != nil && g.policy.Grants(namespace) {
			out = append(out, g.entry)
		}
	}
	return out
}

func (r *userRow) info() iam.EntityInfo {
	return iam.EntityInfo{Arn: wire.Some(r.ARN), Name: wire.Some(r.Name), Type: wire.Some("USER"), Id: wire.Some(r.ID), Path: wire.Some(r.Path)}
}

func (r *roleRow) info() iam.EntityInfo {
	return iam.EntityInfo{Arn: wire.Some(r.ARN), Name: wire.Some(r.Name), Type: wire.Some("ROLE"), Id: wire.Some(r.ID), Path: wire.Some(r.Path)}
}

func accessListGranting(_ *wire.Call, in *iam.ListPoliciesGrantingServiceAccessInput) ([]wire.Access, error) {
	return wire.One("iam:ListPoliciesGrantingServiceAccess", in.Arn.V, nil), nil
}

// listGranting gives all on one page: quotas keep it small.
func (s *Service) listGranting(c *wire.Call, in *iam.ListPoliciesGrantingServiceAccessInput) (out *iam.ListPoliciesGrantingServiceAccessOutput, err error) {
	if kind, _, _ := strings.Cut(strings.TrimPrefix(in.Arn.V, "arn:aws:iam::"+c.Account+":"), "/"); kind != "user" && kind != "role" && kind != "group" {
		return nil, invalidInput("The ARN must be that of a user, group or role.")
	}
	err = s.cfg.DB.View(c, func(tx *kv.Tx) error {
		sub, err := s.subject(tx, c.Account, in.Arn.V)
		if err != nil {
			return err
		}
		out = &iam.ListPoliciesGrantingServiceAccessOutput{IsTruncated: wire.Some(false)}
		for _, namespace := range in.ServiceNamespaces {
			out.PoliciesGrantingServiceAccess = append(out.PoliciesGrantingServiceAccess,
				iam.ListPoliciesGrantingServiceAccessEntry{ServiceNamespace: wire.Some(namespace), Policies: sub.granting(namespace)})
		}
		return nil
	})
	return out, err
}
