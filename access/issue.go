package access

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"bothy/kv"
	"bothy/policy"
	"bothy/wire"
)

// ErrRole says that a role does not exist or does not trust who asks for it; every error of Issue for that reason wraps
// it.
var ErrRole = errors.New("access: role missing or not trusting the caller")

// Durations of sessions.
const (
	DefaultSession  = time.Hour
	MinSession      = 15 * time.Minute
	maxTokenSession = 36 * time.Hour // of GetSessionToken
)

// Spec is a session to make of a role. Who asks is one of Federated, Service and Caller.
type Spec struct {
	RoleARN     string
	SessionName string
	Duration    time.Duration // 0 is DefaultSession; the role's maximum caps it

	Federated string          // provider of a web identity: "cognito-identity.amazonaws.com", or the ARN of an OIDC or SAML provider
	Service   string          // "lambda.amazonaws.com"
	Caller    *wire.Principal // another principal, by AssumeRole

	Keys      policy.Keys // condition keys of the session, known to its trust policy and all its requests
	TrustKeys policy.Keys // condition keys for the trust policy only: sts:externalid, aws:sourcearn
	Identity  *wire.CognitoIdentity
	Policies  []string          // session policies: documents
	Tags      map[string]string // session tags
	Guest     bool              // limit the session to what AWS lets guests of identity pools do

	Transitive []string // keys of the tags that the session of a further role inherits
	MFA        bool     // the caller has just shown a second factor

	SourceIdentity string // who the caller says is behind the session; "" for nobody
}

// Issued is a session made.
type Issued struct {
	AccessKey, Secret, Token string
	Expires                  time.Time
	ARN                      string // of the session: arn:aws:sts::ACCOUNT:assumed-role/ROLE/NAME
	RoleID                   string // AROA…:NAME, its aws:userid
}

// Issue makes a session of a role when the role's trust policy lets the caller have one. It writes nothing.
func (s *Service) Issue(ctx context.Context, spec Spec) (*Issued, error) {
	role, err := s.trusting(ctx, spec)
	if err != nil {
		return nil, err
	}
	for _, document := range spec.Policies {
		if err := s.checkSessionPolicy(document); err != nil {
			return nil, err
		}
	}
	now := s.cfg.Now()
	life := spec.Duration
	if life == 0 {
		life = DefaultSession
	}
	life = min(life, time.Duration(role.MaxSession)*time.Second)
	account := accountOf(role.ARN)
	issued, err := s.seal(&session{Account: account, Role: role.Name, HolderID: role.ID, Name: spec.SessionName,
		Keys: spec.sessionKeys(), Transitive: spec.Transitive, MFA: spec.mfaTime(now), Policies: spec.Policies, Guest: spec.Guest,
		Identity: spec.Identity}, now, life)
	if err != nil {
		return nil, err
	}
	issued.ARN = sessionARN(account, role.Name, spec.SessionName)
	issued.RoleID = role.ID + ":" + spec.SessionName
	return issued, nil
}

// mfaTime is when the second factor was shown, 0 if none was.
func (spec *Spec) mfaTime(now time.Time) int64 {
	if spec.MFA {
		return now.Unix()
	}
	return 0
}

// sessionKeys are the condition keys that the session keeps.
func (spec *Spec) sessionKeys() policy.Keys {
	out := tagKeys(spec.Tags)
	maps.Copy(out, spec.Keys)
	if spec.SourceIdentity != "" {
		out["aws:sourceidentity"] = []string{spec.SourceIdentity}
	}
	return out
}

// trusting is the role when its trust policy accepts the caller.
func (s *Service) trusting(ctx context.Context, spec Spec) (*roleRow, error) {
	account, name, ok := parseRoleARN(spec.RoleARN)
	if !ok {
		return nil, refuseRole(&spec, "%q is not the ARN of a role", spec.RoleARN)
	}
	var c *compiled
	err := s.cfg.DB.View(ctx, func(tx *kv.Tx) (err error) {
		c, err = s.compiledRole(tx, account, name)
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case c == nil || c.role.ARN != spec.RoleARN:
		return nil, refuseRole(&spec, "role %s does not exist", spec.RoleARN)
	}
	r := spec.request(s.cfg.Now())
	for _, r.Action = range spec.actions() {
		if d := policy.Trust(s.trustSource(c.role), r); !d.Allowed {
			return nil, refuseRole(&spec, "%s", d.Reason)
		}
	}
	return c.role, nil
}

func (s *Service) trustSource(r *roleRow) policy.Source {
	return s.source("trust policy of role "+r.Name, r.Trust)
}

// request is how the trust policy sees the caller.
func (spec *Spec) request(now time.Time) policy.Request {
	r := policy.Request{
		Resource: spec.RoleARN, Federated: spec.Federated, Service: spec.Service,
		Keys: policy.Keys{
			"sts:rolesessionname": {spec.SessionName},
			"aws:currenttime":     {now.UTC().Format(time.RFC3339)},
			"aws:epochtime":       {fmt.Sprint(now.Unix())},
		},
		Context: []policy.Keys{spec.TrustKeys, spec.Keys},
	}
	if spec.Federated != "" {
		r.Keys["aws:federatedprovider"] = []string{spec.Federated}
	}
	if p := spec.Caller; p != nil {
		r.PrincipalARN, r.PrincipalAccount, r.UserID, r.RoleARN = p.ARN, p.Account, p.UserID, p.Role
		r.Context = append(r.Context, p.Keys)
	}
	return r
}

func (spec *Spec) action() string {
	switch {
	case strings.Contains(spec.Federated, ":saml-provider/"):
		return "sts:AssumeRoleWithSAML"
	case spec.Federated != "":
		return "sts:AssumeRoleWithWebIdentity"
	}
	return "sts:AssumeRole"
}

// actions are what the trust policy must allow: the session, and what it brings along.
func (spec *Spec) actions() []string {
	out := []string{spec.action()}
	if len(spec.Tags) > 0 {
		out = append(out, "sts:TagSession")
	}
	if spec.SourceIdentity != "" {
		out = append(out, "sts:SetSourceIdentity")
	}
	return out
}

// refuseRole is AWS's refusal: it does not tell a missing role from an unwilling one.
func refuseRole(spec *Spec, format string, a ...any) error {
	text := "Not authorized to perform " + spec.action()
	if spec.Caller != nil {
		text = "User: " + spec.Caller.ARN + " is not authorized to perform: sts:AssumeRole on resource: " + spec.RoleARN
	}
	return wire.Because(fmt.Errorf("%w: %w", ErrRole, wire.Fail(403, "AccessDenied", "%s", text)), format, a...)
}

func sessionARN(account, role, name string) string {
	return "arn:aws:sts::" + account + ":assumed-role/" + role + "/" + name
}

func accountOf(arn string) string {
	if part := strings.SplitN(arn, ":", 6); len(part) == 6 {
		return part[4]
	}
	return ""
}

// parseRoleARN reads arn:aws:iam::ACCOUNT:role/PATH/NAME.
func parseRoleARN(arn string) (account, name string, ok bool) {
	rest, ok := strings.CutPrefix(arn, "arn:aws:iam::")
	account, path, ok2 := strings.Cut(rest, ":role/")
	name = path[strings.LastIndexByte(path, '/')+1:]
	return account, name, ok && ok2 && len(account) == 12 && name != ""
}
