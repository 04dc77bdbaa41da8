package access

import (
	"fmt"
	"slices"
	"strings"

	"bothy/api/iam"
	"bothy/kv"
	"bothy/policy"
	"bothy/wire"
)

func (s *Service) mountSimulate(m *wire.Mux) {
	wire.Handle(m, iam.SimulateCustomPolicy, onAccount[iam.SimulateCustomPolicyInput]("SimulateCustomPolicy"), s.simulateCustom)
	wire.Handle(m, iam.SimulatePrincipalPolicy, s.accessSimulatePrincipal, s.simulatePrincipal)
	wire.Handle(m, iam.GetContextKeysForCustomPolicy, onAccount[iam.GetContextKeysForCustomPolicyInput]("GetContextKeysForCustomPolicy"), s.customKeys)
	wire.Handle(m, iam.GetContextKeysForPrincipalPolicy, s.accessPrincipalKeys, s.principalKeys)
}

func (s *Service) simulateCustom(c *wire.Call, in *iam.SimulateCustomPolicyInput) (*iam.SimulatePolicyResponse, error) {
	sim := simulation{actions: in.ActionNames, resources: in.ResourceArns, owner: accountOf(in.ResourceOwner.V), marker: in.Marker, max: in.MaxItems}
	if in.ResourcePolicy.Set && !in.CallerArn.Set {
		return nil, invalidInput("CallerArn must be specified when a ResourcePolicy is provided.")
	}
	documents := documents{in.PolicyInputList, in.PermissionsBoundaryPolicyInputList, in.ResourcePolicy}
	if err := sim.add(documents, in.CallerArn.Or(userARN(c.Account, "/", "simulated")), in.ContextEntries); err != nil {
		return nil, err
	}
	for i, level := range in.OrderedOrganizationPolicyInputList {
		list, err := sources(fmt.Sprintf("OrderedOrganizationPolicyInputList.%d.", i+1), level.ServiceControlPolicyInputList)
		if err != nil {
			return nil, err
		}
		sim.levels = append(sim.levels, list)
	}
	return sim.run()
}

func (s *Service) accessSimulatePrincipal(_ *wire.Call, in *iam.SimulatePrincipalPolicyInput) ([]wire.Access, error) {
	return wire.One("iam:SimulatePrincipalPolicy", in.PolicySourceArn.V, nil), nil
}

func (s *Service) simulatePrincipal(c *wire.Call, in *iam.SimulatePrincipalPolicyInput) (*iam.SimulatePolicyResponse, error) {
	sim := simulation{actions: in.ActionNames, resources: in.ResourceArns, owner: accountOf(in.ResourceOwner.V), marker: in.Marker, max: in.MaxItems}
	caller := in.PolicySourceArn.V
	if strings.Contains(caller, ":group/") {
		caller = userARN(c.Account, "/", "simulated") // a group makes no calls
	}
	if in.ResourcePolicy.Set && !in.CallerArn.Set && !strings.Contains(in.PolicySourceArn.V, ":user/") {
		return nil, invalidInput("CallerArn must be specified when a ResourcePolicy is provided.")
	}
	var err error
	if sim.attached, err = s.attachedTo(c, in.PolicySourceArn.V); err != nil {
		return nil, err
	}
	for _, x := range in.PolicyExclusionList {
		sim.exclude(x)
	}
	documents := documents{in.PolicyInputList, in.PermissionsBoundaryPolicyInputList, in.ResourcePolicy}
	if err := sim.add(documents, in.CallerArn.Or(caller), in.ContextEntries); err != nil {
		return nil, err
	}
	return sim.run()
}

// attachedTo is what decides about a user, with its groups, a role, or the members of a group, by ARN. The caller may change it.
func (s *Service) attachedTo(c *wire.Call, arn string) (out policy.Attached, err error) {
	missing := noSuchEntity("The entity with ARN %s cannot be found.", arn)
	kind, rest, _ := strings.Cut(strings.TrimPrefix(arn, "arn:aws:iam::"+c.Account+":"), "/")
	name := rest[strings.LastIndexByte(rest, '/')+1:]
	err = s.cfg.DB.View(c, func(tx *kv.Tx) error {
		if kind == "group" {
			g, err := groups().Get(tx, of(c.Account), fold(name))
			if err := unless(err, func() bool { return g.ARN == arn }); err != nil {
				return or(err, missing)
			}
			out, err = s.attached(tx, c.Account, "group "+g.Name, &g.attachments)
			return err
		}
		var holder *compiled
		switch kind {
		case "role":
			holder, err = s.compiledRole(tx, c.Account, name)
		case "user":
			holder, err = s.compiledUser(tx, c.Account, name)
		}
		if err == nil && (holder == nil || holder.arn() != arn) {
			return missing
		}
		if err == nil {
			out = holder.policies
			out.Identity = slices.Clone(out.Identity)
		}
		return err
	})
	return out, err
}

func (c *compiled) arn() string {
	if c.role != nil {
		return c.role.ARN
	}
	return c.user.ARN
}

func (s *Service) customKeys(_ *wire.Call, in *iam.GetContextKeysForCustomPolicyInput) (*iam.GetContextKeysForPolicyResponse, error) {
	list, err := sources("PolicyInputList.", in.PolicyInputList)
	return contextKeys(list), err
}

func (s *Service) accessPrincipalKeys(_ *wire.Call, in *iam.GetContextKeysForPrincipalPolicyInput) ([]wire.Access, error) {
	return wire.One("iam:GetContextKeysForPrincipalPolicy", in.PolicySourceArn.V, nil), nil
}

func (s *Service) principalKeys(c *wire.Call, in *iam.GetContextKeysForPrincipalPolicyInput) (*iam.GetContextKeysForPolicyResponse, error) {
	of, err := s.attachedTo(c, in.PolicySourceArn.V)
	if err != nil {
		return nil, err
	}
	list, err := sources("PolicyInputList.", in.PolicyInputList)
	return contextKeys(append(of.Identity, list...)), err
}

func contextKeys(list []policy.Source) *iam.GetContextKeysForPolicyResponse {
	out := &iam.GetContextKeysForPolicyResponse{}
	for _, src := range list {
		if src.Policy != nil {
			out.ContextKeyNames = addNames(out.ContextKeyNames, src.Policy.ContextKeys())
		}
	}
	return out
}

// addNames adds the names that are not in a list, whatever the case of their letters.
func addNames(to, names []string) []string {
	for _, name := range names {
		if !slices.ContainsFunc(to, func(known string) bool { return strings.EqualFold(known, name) }) {
			to = append(to, name)
		}
	}
	return to
}
