package access

import (
	"context"
	"fmt"
	"strings"
	"time"

	"bothy/api/sts"
	"bothy/kv"
	"bothy/policy"
	"bothy/wire"
)

func (s *Service) getCallerIdentity(c *wire.Call, _ *sts.GetCallerIdentityInput) (*sts.GetCallerIdentityOutput, error) {
	p := c.Principal
	return &sts.GetCallerIdentityOutput{UserId: wire.Some(p.UserID), Account: wire.Some(p.Account), Arn: wire.Some(p.ARN)}, nil
}

// accessAssumeRole asks the caller's policies and, as the role's resource policy, its trust policy. The handler asks the
// trust policy once more, alone: a role always demands its consent.
func (s *Service) accessAssumeRole(c *wire.Call, in *sts.AssumeRoleInput) ([]wire.Access, error) {
	if c.Principal != nil && c.Principal.Kind == wire.Root {
		return nil, wire.Because(wire.Fail(403, "AccessDenied", "Roles may not be assumed by root accounts."),
			"the root key called AssumeRole; AWS refuses that too: make a user for it")
	}
	account, name, _ := parseRoleARN(in.RoleArn.V)
	brought, err := baggageOf(c.Principal, in.Tags, in.TransitiveTagKeys, in.SourceIdentity)
	if err != nil {
		return nil, err
	}
	if err := s.proveMFA(c, in.SerialNumber, in.TokenCode); err != nil {
		return nil, err
	}
	want := wire.Access{Action: "sts:AssumeRole", Resource: in.RoleArn.V, Owner: account, Keys: assumeKeys(in, brought)}
	err = s.cfg.DB.View(c, func(tx *kv.Tx) error {
		role, err := s.compiledRole(tx, account, name)
		if role != nil && role.role.ARN == in.RoleArn.V {
			want.Policies = []policy.Source{s.trustSource(role.role)}
			want.Keys = withTags(want.Keys, role.role.Tags)
		}
		return err
	})
	wants := []wire.Access{want}
	if len(brought.Tags) > 0 {
		want.Action = "sts:TagSession"
		wants = append(wants, want)
	}
	if brought.Source != "" {
		want.Action = "sts:SetSourceIdentity"
		wants = append(wants, want)
	}
	return wants, err
}

// assumeKeys are the condition keys of AssumeRole itself.
func assumeKeys(in *sts.AssumeRoleInput, brought *baggage) policy.Keys {
	k := policy.Keys{"sts:rolesessionname": {in.RoleSessionName.V}}
	if in.ExternalId.Set {
		k["sts:externalid"] = []string{in.ExternalId.V}
	}
	return requestKeys(k, in.Tags, in.TransitiveTagKeys, brought.Source)
}

func (s *Service) assumeRole(c *wire.Call, in *sts.AssumeRoleInput) (*sts.AssumeRoleOutput, error) {
	documents, err := s.sessionPolicies(c, c.Principal.Account, in.Policy, in.PolicyArns)
	if err != nil {
		return nil, err
	}
	if len(in.ProvidedContexts) > 0 {
		return nil, wire.Fail(400, "ValidationError", "ProvidedContexts are not supported.")
	}
	brought, err := baggageOf(c.Principal, in.Tags, in.TransitiveTagKeys, in.SourceIdentity)
	if err != nil {
		return nil, err
	}
	spec := Spec{RoleARN: in.RoleArn.V, SessionName: in.RoleSessionName.V, Caller: c.Principal, Policies: documents, TrustKeys: assumeKeys(in, brought),
		Tags: brought.Tags, Transitive: brought.Transitive, SourceIdentity: brought.Source, MFA: in.SerialNumber.Set}
	spec.TrustKeys["aws:sourceip"] = []string{c.SourceIP}
	if spec.Duration, err = s.duration(c, in.RoleArn.V, in.DurationSeconds, c.Principal.Kind == wire.Session); err != nil {
		return nil, err
	}
	issued, err := s.Issue(c, spec)
	if err != nil {
		return nil, err
	}
	return &sts.AssumeRoleOutput{Credentials: issued.api(), AssumedRoleUser: issued.assumed(), SourceIdentity: wire.NonEmpty(brought.Source),
		PackedPolicySize: packedSize(documents)}, nil
}

// duration is the life asked for: at most the role's, and an hour when a session assumes another role.
func (s *Service) duration(ctx context.Context, roleARN string, asked wire.Opt[int32], chained bool) (time.Duration, error) {
	life := time.Duration(asked.Or(int32(DefaultSession/time.Second))) * time.Second
	if chained && life > DefaultSession {
		return 0, wire.Fail(400, "ValidationError", "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining")
	}
	account, name, _ := parseRoleARN(roleARN)
	var role *compiled
	err := s.cfg.DB.View(ctx, func(tx *kv.Tx) (err error) {
		role, err = s.compiledRole(tx, account, name)
		return err
	})
	if err == nil && role != nil && life > time.Duration(role.role.MaxSession)*time.Second {
		err = wire.Fail(400, "ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	return life, err
}

func (i *Issued) api() *sts.Credentials {
	return &sts.Credentials{AccessKeyId: wire.Some(i.AccessKey), SecretAccessKey: wire.Some(i.Secret), SessionToken: wire.Some(i.Token),
		Expiration: wire.Some(i.Expires)}
}

func (i *Issued) assumed() *sts.AssumedRoleUser {
	return &sts.AssumedRoleUser{AssumedRoleId: wire.Some(i.RoleID), Arn: wire.Some(i.ARN)}
}

// maxSessionPolicy is the size of all session policies of a session together, characters.
const maxSessionPolicy = 2048

// packedSize is how much of the room for session policies is used, per cent.
func packedSize(documents []string) (out wire.Opt[int32]) {
	if n := len(strings.Join(documents, "")); n > 0 {
		out = wire.Some(int32((n*100 + maxSessionPolicy - 1) / maxSessionPolicy))
	}
	return out
}

// sessionPolicies collects the documents of session policies: the one in the request, and managed ones by ARN.
func (s *Service) sessionPolicies(ctx context.Context, account string, document wire.Opt[string], arns []sts.PolicyDescriptorType) ([]string, error) {
	var out []string
	if document.Set {
		if len(document.V) > maxSessionPolicy {
			return nil, &sts.PackedPolicyTooLargeException{Message: wire.Some(fmt.Sprintf("Packed size of session tags and policies exceeds %d.", maxSessionPolicy))}
		}
		if err := s.checkSessionPolicy(document.V); err != nil {
			return nil, err
		}
		out = append(out, document.V)
	}
	if len(arns) > maxAttached {
		return nil, wire.Fail(400, "ValidationError", "Only %d managed session policies can be given.", maxAttached)
	}
	return out, s.cfg.DB.View(ctx, func(tx *kv.Tx) error {
		for _, a := range arns {
			row, err := findPolicy(tx, account, a.Arn.V)
			if err != nil {
				return or(err, wire.Fail(400, "ValidationError", "Policy %s does not exist or is not attachable.", a.Arn.V))
			}
			out = append(out, row.version(row.Default).Document)
		}
		return nil
	})
}

// checkSessionPolicy refuses what is no session policy.
func (s *Service) checkSessionPolicy(document string) error {
	p, err := s.policies.parse(document)
	if err == nil {
		err = p.IdentityError()
	}
	if err != nil {
		return &sts.MalformedPolicyDocumentException{Message: wire.Some(err.Error())}
	}
	return nil
}

// getSessionToken makes a session of the caller itself.
func (s *Service) getSessionToken(c *wire.Call, in *sts.GetSessionTokenInput) (*sts.GetSessionTokenOutput, error) {
	p := c.Principal
	t := &session{Account: p.Account}
	longest := maxTokenSession
	switch {
	case strings.HasPrefix(p.AccessKey, "ASIA") || p.Kind != wire.User && p.Kind != wire.Root:
		return nil, wire.Because(wire.Fail(403, "AccessDenied", "Cannot call GetSessionToken with session credentials"), "caller is %s", p.ARN)
	case p.Kind == wire.User:
		t.User, t.HolderID = named(c, wire.Opt[string]{}), p.UserID
	default:
		longest = time.Hour
	}
	if err := s.proveMFA(c, in.SerialNumber, in.TokenCode); err != nil {
		return nil, err
	}
	if in.SerialNumber.Set {
		t.MFA = c.Now.Unix()
	}
	life := time.Duration(in.DurationSeconds.Or(int32(12*time.Hour/time.Second))) * time.Second
	issued, err := s.seal(t, c.Now, min(life, longest))
	if err != nil {
		return nil, err
	}
	return &sts.GetSessionTokenOutput{Credentials: issued.api()}, nil
}

func accessKeyInfo(_ *wire.Call, _ *sts.GetAccessKeyInfoInput) ([]wire.Access, error) {
	return wire.One("sts:GetAccessKeyInfo", "*", nil), nil
}

func (s *Service) getAccessKeyInfo(c *wire.Call, in *sts.GetAccessKeyInfoInput) (*sts.GetAccessKeyInfoOutput, error) {
	var k *key
	err := s.cfg.DB.View(c, func(tx *kv.Tx) (err error) {
		k, err = s.compiledKey(tx, in.AccessKeyId.V)
		return err
	})
	if err == nil && k == nil {
		err = wire.Fail(400, "ValidationError", "Access key %s is not known here.", in.AccessKeyId.V)
	}
	if err != nil {
		return nil, err
	}
	return &sts.GetAccessKeyInfoOutput{Account: wire.Some(k.row.Account)}, nil
}
