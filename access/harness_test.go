package access

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"bothy/api/iam"
	"bothy/api/sts"
	"bothy/kv"
	"bothy/kv/memkv"
	"bothy/policy"
	"bothy/record"
	"bothy/wire"
)

// stage is a service on an empty store, with the root as the usual caller.
type stage struct {
	testing.TB
	*Service
	mux     *wire.Mux
	db      *kv.DB
	now     time.Time
	account string
	root    *wire.Principal
	key     string
	secret  string
	tokens  fakeTokens
}

// fakeTokens are web identity tokens that verify, by their text.
type fakeTokens map[string]func() (string, map[string]any, error)

func (f fakeTokens) Verify(_ context.Context, _, token string) (string, map[string]any, error) {
	if v := f[token]; v != nil {
		return v()
	}
	return "", nil, ErrTokenInvalid
}

func newStage(t testing.TB) *stage {
	t.Helper()
	sealer, err := record.NewSealer(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{TB: t, db: kv.New(memkv.New()), now: time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC), tokens: fakeTokens{}}
	s.Service = New(Config{DB: s.db, Sealer: sealer, Now: func() time.Time { return s.now }, WebTokens: s.tokens, BaseURL: func() string { return "https://bothy.test" }})
	if s.account, err = s.Account(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s.key, s.secret, _, err = s.EnsureRoot(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.mux = wire.NewMux(wire.Config{Account: func() string { return s.account }, Region: "eu-west-1", Credentials: s.Service, Denied: s.EncodeDenial,
		Now: func() time.Time { return s.now }, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Used: s.Used}, iam.API, sts.API)
	s.Mount(s.mux)
	s.root = s.find(s.key, "").Principal
	return s
}

func (s *stage) find(key, token string) *wire.Credential {
	s.Helper()
	c, err := s.Find(s.Context(), key, token)
	if err != nil {
		s.Fatal(err)
	}
	return c
}

// as makes a call that must succeed.
func as[In, Out any](s *stage, by *wire.Principal, op wire.Op[In, Out], in *In) *Out {
	s.Helper()
	out, err := wire.Invoke(s.Context(), s.mux, by, "eu-west-1", op, in)
	if err != nil {
		s.Fatalf("%s: %v", op.Info.Name, err)
	}
	return out
}

// fails makes a call that must fail with the code and a message that contains text.
func fails[In, Out any](s *stage, by *wire.Principal, op wire.Op[In, Out], in *In, code, text string) {
	s.Helper()
	_, err := wire.Invoke(s.Context(), s.mux, by, "eu-west-1", op, in)
	s.refused(op.Info.Name, err, code, text)
}

func (s *stage) refused(what string, err error, code, text string) {
	s.Helper()
	var f wire.Fault
	if !errors.As(err, &f) {
		s.Errorf("%s: error %v, want %s", what, err, code)
		return
	}
	if got, _, message := f.Fault(); got != code || !strings.Contains(message+" "+wire.ReasonOf(err), text) {
		s.Errorf("%s: %s: %s (%s), want %s: %s", what, got, message, wire.ReasonOf(err), code, text)
	}
}

func some(s string) wire.Opt[string] { return wire.Some(s) }

// Documents of the tests.
const (
	allowTables = `{"Version":"2012-10-17","Statement":[{"Sid":"Own","Effect":"Allow","Action":"dynamodb:*","Resource":"*","Condition":{"ForAllValues:StringEquals":{"dynamodb:LeadingKeys":"${cognito-identity.amazonaws.com:sub}"}}}]}`
	allowAll    = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
	allowS3     = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`
	denyDelete  = `{"Version":"2012-10-17","Statement":[{"Sid":"Keep","Effect":"Deny","Action":"s3:Delete*","Resource":"*"}]}`
	trustLambda = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	trustPool   = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"cognito-identity.amazonaws.com"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringEquals":{"cognito-identity.amazonaws.com:aud":"eu-west-1:pool"},"ForAnyValue:StringLike":{"cognito-identity.amazonaws.com:amr":"authenticated"}}}]}`
)

// role makes a role with inline policies p0, p1, …
func (s *stage) role(name, trust string, inline ...string) *iam.Role {
	s.Helper()
	out := as(s, s.root, iam.CreateRole, &iam.CreateRoleInput{RoleName: some(name), AssumeRolePolicyDocument: some(trust)})
	for i, document := range inline {
		as(s, s.root, iam.PutRolePolicy, &iam.PutRolePolicyInput{RoleName: some(name), PolicyName: some("p" + string(rune('0'+i))), PolicyDocument: some(document)})
	}
	return out.Role
}

// user makes a user with inline policies and a key.
func (s *stage) user(name string, inline ...string) (*wire.Principal, *iam.AccessKey) {
	s.Helper()
	as(s, s.root, iam.CreateUser, &iam.CreateUserInput{UserName: some(name)})
	for i, document := range inline {
		as(s, s.root, iam.PutUserPolicy, &iam.PutUserPolicyInput{UserName: some(name), PolicyName: some("p" + string(rune('0'+i))), PolicyDocument: some(document)})
	}
	key := as(s, s.root, iam.CreateAccessKey, &iam.CreateAccessKeyInput{UserName: some(name)}).AccessKey
	return s.find(key.AccessKeyId.V, "").Principal, key
}

// may asks policy about one action as wire does.
func may(p *wire.Principal, action, resource string, keys policy.Keys) policy.Decision {
	return policy.Decide(p.Policies, nil, true, policy.Request{Action: action, Resource: resource, Keys: keys, Context: []policy.Keys{p.Keys},
		PrincipalARN: p.ARN, PrincipalAccount: p.Account, UserID: p.UserID, RoleARN: p.Role})
}

// poolSpec is a session as identity pools ask for it.
func poolSpec(role *iam.Role, sub string) Spec {
	return Spec{RoleARN: role.Arn.V, SessionName: "CognitoIdentityCredentials", Federated: cognito,
		Identity: &wire.CognitoIdentity{ID: sub, PoolID: "eu-west-1:pool", AuthType: "authenticated"},
		Keys:     policy.Keys{cognito + ":sub": {sub}, cognito + ":aud": {"eu-west-1:pool"}, cognito + ":amr": {"authenticated"}}}
}

func (s *stage) issue(spec Spec) *Issued {
	s.Helper()
	issued, err := s.Issue(s.Context(), spec)
	if err != nil {
		s.Fatal(err)
	}
	return issued
}

// webIdentity makes the unsigned call.
func (s *stage) webIdentity(in *sts.AssumeRoleWithWebIdentityInput) (*sts.AssumeRoleWithWebIdentityOutput, error) {
	s.Helper()
	return wire.Invoke(s.Context(), s.mux, nil, "eu-west-1", sts.AssumeRoleWithWebIdentity, in)
}
