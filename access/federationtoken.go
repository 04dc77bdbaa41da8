package access

import (
	"strings"
	"time"

	"bothy/api/sts"
	"bothy/policy"
	"bothy/wire"
)

// Sessions of federated users: GetFederationToken gives somebody a part of what the calling user may do.

func federatedARN(account, name string) string {
	return "arn:aws:sts::" + account + ":federated-user/" + name
}

// accessFederationToken wants the permission for the federated user of the name.
func accessFederationToken(c *wire.Call, in *sts.GetFederationTokenInput) ([]wire.Access, error) {
	keys := requestKeys(policy.Keys{}, in.Tags, nil, "")
	wants := wire.One("sts:GetFederationToken", federatedARN(c.Account, in.Name.V), keys)
	if len(in.Tags) > 0 {
		wants = append(wants, wire.Access{Action: "sts:TagSession", Resource: federatedARN(c.Account, in.Name.V), Keys: keys})
	}
	return wants, nil
}

func (s *Service) getFederationToken(c *wire.Call, in *sts.GetFederationTokenInput) (*sts.GetFederationTokenOutput, error) {
	p := c.Principal
	if strings.HasPrefix(p.AccessKey, "ASIA") || p.Kind != wire.User && p.Kind != wire.Root {
		return nil, wire.Because(wire.Fail(403, "AccessDenied", "Cannot call GetFederationToken with session credentials"), "caller is %s", p.ARN)
	}
	documents, err := s.sessionPolicies(c, p.Account, in.Policy, in.PolicyArns)
	if err != nil {
		return nil, err
	}
	brought, err := baggageOf(p, in.Tags, nil, wire.Opt[string]{})
	if err != nil {
		return nil, err
	}
	t := &session{Account: p.Account, Name: in.Name.V, Policies: documents, Keys: tagKeys(brought.Tags)}
	longest := maxTokenSession
	if p.Kind == wire.User {
		t.User, t.HolderID = named(c, wire.Opt[string]{}), p.UserID
	} else {
		longest = time.Hour
	}
	life := time.Duration(in.DurationSeconds.Or(int32(12*time.Hour/time.Second))) * time.Second
	issued, err := s.seal(t, c.Now, min(life, longest))
	if err != nil {
		return nil, err
	}
	return &sts.GetFederationTokenOutput{Credentials: issued.api(), PackedPolicySize: packedSize(documents), FederatedUser: &sts.FederatedUser{
		FederatedUserId: wire.Some(p.Account + ":" + in.Name.V), Arn: wire.Some(federatedARN(p.Account, in.Name.V))}}, nil
}

// federatedPrincipal is of a session of GetFederationToken: it may what both the user and the session's policies allow, and without such
// policies nothing but what policies of resources grant it.
func (t *session) federatedPrincipal(s *Service, c *compiled) *wire.Principal {
	p := rootPrincipal(t.Account)
	if c != nil {
		p = c.userPrincipal(t.Account)
	}
	p.Kind, p.ARN, p.UserID, p.Session = wire.Session, federatedARN(t.Account, t.Name), t.Account+":"+t.Name, t.Name
	p.Keys = t.keys(p.Keys)
	p.Policies.Session = append(t.sessionSources(s), s.source("limits of GetFederationToken", federationLimits))
	return p
}

// federationLimits are AWS's limits of GetFederationToken. They allow nothing.
const federationLimits = `{"Version":"2012-10-17","Statement":[{"Sid":"NoIAM","Effect":"Deny","Action":"iam:*","Resource":"*"},
{"Sid":"NoSTS","Effect":"Deny","Action":"sts:*","Resource":"*"}]}`
