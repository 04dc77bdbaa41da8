package access

import (
	"fmt"
	"strings"

	"bothy/api/iam"
	"bothy/kv"
	"bothy/policy"
	"bothy/wire"
)

// simulation is what both Simulate operations come down to.
type simulation struct {
	attached  policy.Attached
	resource  []policy.Source
	actions   []string
	resources []string
	caller    policy.Request // principal fields and context keys
	owner     string         // account of the resource; "" is the caller's
}

// maxSimulated bounds actions × resources of one call.
const maxSimulated = 1000

func accessSimulateCustom(*wire.Call, *iam.SimulateCustomPolicyInput) ([]wire.Access, error) {
	return wire.One("iam:SimulateCustomPolicy", "*", nil), nil
}

func (s *Service) simulateCustom(c *wire.Call, in *iam.SimulateCustomPolicyInput) (*iam.SimulatePolicyResponse, error) {
	if len(in.OrderedOrganizationPolicyInputList) > 0 {
		return nil, invalidInput("Organization policies are not supported.")
	}
	sim := simulation{actions: in.ActionNames, resources: in.ResourceArns, owner: accountOf(in.ResourceOwner.V)}
	sim.caller = callerRequest(in.CallerArn.Or("arn:aws:iam::"+c.Account+":user/simulated"), in.ContextEntries)
	if err := s.addSources(&sim, in.PolicyInputList, in.PermissionsBoundaryPolicyInputList, in.ResourcePolicy); err != nil {
		return nil, err
	}
	return sim.run()
}

func (s *Service) accessSimulatePrincipal(_ *wire.Call, in *iam.SimulatePrincipalPolicyInput) ([]wire.Access, error) {
	return wire.One("iam:SimulatePrincipalPolicy", in.PolicySourceArn.V, nil), nil
}

func (s *Service) simulatePrincipal(c *wire.Call, in *iam.SimulatePrincipalPolicyInput) (*iam.SimulatePolicyResponse, error) {
	if len(in.PolicyExclusionList) > 0 {
		return nil, invalidInput("PolicyExclusionList is not supported.")
	}
	arn := in.PolicySourceArn.V
	sim := simulation{actions: in.ActionNames, resources: in.ResourceArns, owner: accountOf(in.ResourceOwner.V)}
	sim.caller = callerRequest(in.CallerArn.Or(arn), in.ContextEntries)
	err := s.cfg.DB.View(c, func(tx *kv.Tx) (err error) {
		var holder *compiled
		if account, name, ok := parseRoleARN(arn); ok && account == c.Account {
			holder, err = s.compiledRole(tx, account, name)
		} else if rest, ok := strings.CutPrefix(arn, "arn:aws:iam::"+c.Account+":user/"); ok {
			holder, err = s.compiledUser(tx, c.Account, rest[strings.LastIndexByte(rest, '/')+1:])
		}
		if err == nil && (holder == nil || holder.arn() != arn) {
			return noSuchEntity("The entity with ARN %s cannot be found.", arn)
		}
		if err == nil {
			sim.attached = holder.policies
			sim.attached.Identity = append([]policy.Source{}, holder.policies.Identity...)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := s.addSources(&sim, in.PolicyInputList, in.PermissionsBoundaryPolicyInputList, in.ResourcePolicy); err != nil {
		return nil, err
	}
	return sim.run()
}

func (c *compiled) arn() string {
	if c.role != nil {
		return c.role.ARN
	}
	return c.user.ARN
}

// addSources parses the documents of the request, naming them as AWS does.
func (s *Service) addSources(sim *simulation, identity, boundary []string, resource wire.Opt[string]) error {
	parse := func(name, document string) (policy.Source, error) {
		p, err := policy.Parse([]byte(document))
		if err != nil {
			return policy.Source{}, invalidInput(err.Error())
		}
		return policy.Source{Name: name, Policy: p}, nil
	}
	for i, document := range identity {
		src, err := parse(fmt.Sprintf("PolicyInputList.%d", i+1), document)
		if err != nil {
			return err
		}
		sim.attached.Identity = append(sim.attached.Identity, src)
	}
	if len(boundary) > 1 {
		return invalidInput("Only one permissions boundary can be given.")
	}
	for _, document := range boundary {
		src, err := parse("PermissionsBoundaryPolicyInputList.1", document)
		if err != nil {
			return err
		}
		sim.attached.Boundary = &src
	}
	if resource.Set {
		src, err := parse("ResourcePolicy", resource.V)
		if err != nil {
			return err
		}
		sim.resource = []policy.Source{src}
	}
	return nil
}

func callerRequest(arn string, entries []iam.ContextEntry) policy.Request {
	r := policy.Request{PrincipalARN: arn, PrincipalAccount: accountOf(arn), Keys: policy.Keys{}}
	if strings.Contains(arn, ":role/") {
		r.RoleARN = arn
	}
	for _, e := range entries {
		r.Keys[strings.ToLower(e.ContextKeyName.V)] = e.ContextKeyValues
	}
	return r
}

// run decides every action on every resource.
func (sim *simulation) run() (*iam.SimulatePolicyResponse, error) {
	if len(sim.resources) == 0 {
		sim.resources = []string{"*"}
	}
	if len(sim.actions)*len(sim.resources) > maxSimulated {
		return nil, invalidInput("Too many actions and resources in one simulation.")
	}
	out := &iam.SimulatePolicyResponse{IsTruncated: wire.Some(false)}
	for _, action := range sim.actions {
		for _, resource := range sim.resources {
			r := sim.caller
			r.Action, r.Resource = action, resource
			d := policy.Decide(sim.attached, sim.resource, sim.owner == "" || sim.owner == r.PrincipalAccount, r)
			out.EvaluationResults = append(out.EvaluationResults, evaluation(action, resource, d))
		}
	}
	return out, nil
}

func evaluation(action, resource string, d policy.Decision) iam.EvaluationResult {
	out := iam.EvaluationResult{EvalActionName: wire.Some(action), EvalResourceName: wire.Some(resource), EvalDecision: wire.Some("implicitDeny")}
	switch {
	case d.Allowed:
		out.EvalDecision = wire.Some("allowed")
	case d.Explicit:
		out.EvalDecision = wire.Some("explicitDeny")
	}
	if d.Source != "" {
		out.MatchedStatements = []iam.Statement{{SourcePolicyId: wire.Some(d.Source)}}
	}
	for _, f := range d.Failed {
		if len(f.Got) == 0 {
			out.MissingContextValues = append(out.MissingContextValues, f.Key)
		}
	}
	return out
}
