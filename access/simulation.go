package access

import (
	"encoding/base64"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"bothy/api/iam"
	"bothy/policy"
	"bothy/wire"
)

// simulation is what both Simulate operations come down to: every action on every resource.
type simulation struct {
	attached  policy.Attached
	resource  []policy.Source
	levels    [][]policy.Source // service control policies, from the root of the organization down
	actions   []string
	resources []string
	caller    policy.Request // principal fields and context keys
	owner     string         // account of resources whose ARN names none; "" is the caller's
	marker    wire.Opt[string]
	max       wire.Opt[int32]
}

// maxSimulated bounds actions × resources of one call.
const maxSimulated = 1000

// documents are the policies that come with a simulation.
type documents struct {
	identity, boundary []string
	resource           wire.Opt[string]
}

// add takes what the request brings. A boundary takes the place of the one that is attached.
func (sim *simulation) add(d documents, caller string, entries []iam.ContextEntry) error {
	if len(d.boundary) > 1 {
		return invalidInput("Only one permissions boundary can be given.")
	}
	identity, err := sources("PolicyInputList.", d.identity)
	if err != nil {
		return err
	}
	sim.attached.Identity = append(sim.attached.Identity, identity...)
	boundary, err := sources("PermissionsBoundaryPolicyInputList.", d.boundary)
	if err != nil {
		return err
	}
	if len(boundary) > 0 {
		sim.attached.Boundary = &boundary[0]
	}
	if d.resource.Set {
		if sim.resource, err = sources("ResourcePolicy.", []string{d.resource.V}); err != nil {
			return err
		}
		sim.resource[0].Name = "ResourcePolicy"
	}
	sim.caller, err = callerRequest(caller, entries)
	return err
}

// sources parses documents of a request, naming them as AWS does: PolicyInputList.1.
func sources(prefix string, list []string) ([]policy.Source, error) {
	var out []policy.Source
	for i, document := range list {
		name := fmt.Sprint(prefix, i+1)
		p, err := policy.Parse([]byte(document))
		if err != nil {
			return nil, invalidInput("Invalid Input " + name + ": " + err.Error())
		}
		out = append(out, policy.Source{Name: name, Policy: p})
	}
	return out, nil
}

// exclude leaves out a policy that is attached.
func (sim *simulation) exclude(x iam.PolicyIdentifier) {
	name := "policy " + x.PolicyArn.V
	if in := x.InlinePolicyIdentifier; in != nil {
		name = in.AttachmentType.V + " " + in.AttachmentName.V + "/inline " + in.PolicyName.V
	}
	sim.attached.Identity = slices.DeleteFunc(sim.attached.Identity, func(s policy.Source) bool { return strings.EqualFold(s.Name, name) })
	if x.PolicyType.V == "permission-boundary" {
		sim.attached.Boundary = nil
	}
}

// callerRequest is the caller's part of the questions. A role calls as a session of it.
func callerRequest(arn string, entries []iam.ContextEntry) (policy.Request, error) {
	r := policy.Request{PrincipalARN: arn, PrincipalAccount: accountOf(arn), Keys: policy.Keys{}}
	if account, name, ok := parseRoleARN(arn); ok {
		r.RoleARN, r.PrincipalARN = arn, sessionARN(account, name, "simulated")
	}
	for _, e := range entries {
		if err := checkEntry(&e); err != nil {
			return r, err
		}
		r.Keys[strings.ToLower(e.ContextKeyName.V)] = e.ContextKeyValues
	}
	return r, nil
}

// checkEntry refuses values that are not of the type they are said to be.
func checkEntry(e *iam.ContextEntry) error {
	kind, isList := strings.CutSuffix(e.ContextKeyType.V, "List")
	if !isList && e.ContextKeyType.Set && len(e.ContextKeyValues) != 1 {
		return invalidInput("Context key " + e.ContextKeyName.V + " of type " + kind + " must have one value.")
	}
	for _, v := range e.ContextKeyValues {
		if !isOf(kind, v) {
			return invalidInput(fmt.Sprintf("Value %q of context key %s is not of type %s.", v, e.ContextKeyName.V, kind))
		}
	}
	return nil
}

func isOf(kind, v string) bool {
	var err error
	switch kind {
	case "numeric":
		_, err = strconv.ParseFloat(v, 64)
	case "boolean":
		return strings.EqualFold(v, "true") || strings.EqualFold(v, "false")
	case "ip":
		if _, err = netip.ParseAddr(v); err != nil {
			_, err = netip.ParsePrefix(v)
		}
	case "binary":
		_, err = base64.StdEncoding.DecodeString(v)
	case "date":
		if _, err = strconv.ParseInt(v, 10, 64); err != nil {
			_, err = time.Parse(time.RFC3339, v)
		}
	}
	return err == nil
}

// run decides a page of every action on every resource; the marker is the number of answers before it.
func (sim *simulation) run() (*iam.SimulatePolicyResponse, error) {
	named := sim.resources
	if len(sim.resources) == 0 {
		sim.resources = []string{"*"}
	}
	all := len(sim.actions) * len(sim.resources)
	if all > maxSimulated {
		return nil, invalidInput("Too many actions and resources in one simulation.")
	}
	from := 0
	if sim.marker.Set {
		var err error
		if from, err = strconv.Atoi(sim.marker.V); err != nil || from < 0 || from > all {
			return nil, errMarker()
		}
	}
	to := min(from+int(sim.max.Or(defaultItems)), all)
	out := &iam.SimulatePolicyResponse{IsTruncated: wire.Some(to < all)}
	if to < all {
		out.Marker = wire.Some(fmt.Sprint(to))
	}
	for i := from; i < to; i++ {
		r := sim.caller
		r.Action, r.Resource = sim.actions[i/len(sim.resources)], sim.resources[i%len(sim.resources)]
		out.EvaluationResults = append(out.EvaluationResults, sim.evaluate(r, len(named) > 0))
	}
	return out, nil
}

// evaluate answers one question. With resources named, AWS repeats the answer for the resource.
func (sim *simulation) evaluate(r policy.Request, named bool) iam.EvaluationResult {
	owner := accountOf(r.Resource)
	if owner == "" {
		owner = sim.owner
	}
	if owner == "" {
		owner = r.PrincipalAccount
	}
	if _, given := r.Keys["aws:resourceaccount"]; !given {
		r.ResourceAccount = owner
	}
	same := owner == r.PrincipalAccount
	d := policy.Decide(sim.attached, sim.resource, same, r)
	out := iam.EvaluationResult{EvalActionName: wire.Some(r.Action), EvalResourceName: wire.Some(r.Resource)}
	if len(sim.levels) > 0 {
		o := sim.organization(r)
		out.OrganizationsDecisionDetail = &iam.OrganizationsDecisionDetail{AllowedByOrganizations: wire.Some(o.Allowed)}
		if !o.Allowed && !d.Explicit {
			d = o
		}
	}
	out.EvalDecision, out.MatchedStatements, out.MissingContextValues = verdict(d), sim.matched(r, d), sim.missing(r)
	if b := sim.attached.Boundary; b != nil {
		allowed := policy.Decide(policy.Attached{Identity: []policy.Source{*b}}, nil, true, r).Allowed
		out.PermissionsBoundaryDecisionDetail = &iam.PermissionsBoundaryDecisionDetail{AllowedByPermissionsBoundary: wire.Some(allowed)}
	}
	if !same {
		out.EvalDecisionDetails = map[string]string{
			"IAM Policy":      verdict(policy.Decide(sim.attached, nil, true, r)).V,
			"Resource Policy": sim.ofResource(r),
		}
	}
	if named {
		out.ResourceSpecificResults = []iam.ResourceSpecificResult{{EvalResourceName: out.EvalResourceName, EvalResourceDecision: out.EvalDecision,
			MatchedStatements: out.MatchedStatements, MissingContextValues: out.MissingContextValues, EvalDecisionDetails: out.EvalDecisionDetails,
			PermissionsBoundaryDecisionDetail: out.PermissionsBoundaryDecisionDetail}}
		out.MissingContextValues = nil
	}
	return out
}

// ofResource is what the resource's policy says by itself; to another account it can only speak so.
func (sim *simulation) ofResource(r policy.Request) string {
	out := "implicitDeny"
	for _, src := range sim.resource {
		for _, m := range policy.Matches(src, true, r) {
			if m.Deny {
				return "explicitDeny"
			}
			out = "allowed"
		}
	}
	return out
}

// organization decides by the service control policies: each level must allow.
func (sim *simulation) organization(r policy.Request) (d policy.Decision) {
	for _, level := range sim.levels {
		if d = policy.Decide(policy.Attached{Identity: level}, nil, true, r); !d.Allowed {
			break
		}
	}
	return d
}

func verdict(d policy.Decision) wire.Opt[string] {
	switch {
	case d.Allowed:
		return wire.Some("allowed")
	case d.Explicit:
		return wire.Some("explicitDeny")
	}
	return wire.Some("implicitDeny")
}

// everything are all policies of the simulation.
func (sim *simulation) everything() (own []policy.Source) {
	own = slices.Clone(sim.attached.Identity)
	if sim.attached.Boundary != nil {
		own = append(own, *sim.attached.Boundary)
	}
	for _, level := range sim.levels {
		own = append(own, level...)
	}
	return own
}

// matched are the statements that made the decision: those that deny, else those that allow. Boundaries and service control
// policies allow nothing by themselves.
func (sim *simulation) matched(r policy.Request, d policy.Decision) (out []iam.Statement) {
	own := sim.attached.Identity
	if d.Explicit {
		own = sim.everything()
	}
	add := func(list []policy.Source, ofResource bool) {
		for _, src := range list {
			for _, m := range policy.Matches(src, ofResource, r) {
				if (d.Explicit || d.Allowed) && m.Deny == d.Explicit {
					out = append(out, statement(m))
				}
			}
		}
	}
	add(own, false)
	add(sim.resource, true)
	return out
}

func statement(m policy.Match) iam.Statement {
	at := func(p policy.Position) *iam.Position {
		return &iam.Position{Line: wire.Some(int32(p.Line)), Column: wire.Some(int32(p.Column))}
	}
	return iam.Statement{SourcePolicyId: wire.Some(m.Source), SourcePolicyType: wire.Some(sourceType(m.Source)), StartPosition: at(m.From), EndPosition: at(m.To)}
}

// sourceType is AWS's word for where a policy of that name comes from.
func sourceType(source string) string {
	kind, _, _ := strings.Cut(source, " ")
	switch {
	case kind == "user" || kind == "group" || kind == "role":
		return kind
	case strings.Contains(source, awsPolicies):
		return "aws-managed"
	case kind == "policy" || kind == "permissions":
		return "user-managed"
	case kind == "ResourcePolicy":
		return "resource"
	}
	return "none"
}

// missing are the context keys that policies ask for and nobody gave.
func (sim *simulation) missing(r policy.Request) (out []string) {
	for _, src := range append(sim.everything(), sim.resource...) {
		out = addNames(out, policy.Missing(src, r))
	}
	return out
}
