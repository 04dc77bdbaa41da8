package access

import (
	"encoding/base64"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"bothy/api/iam"
	"bothy/policy"
	"bothy/wire"
)

func TestRoot(t *testing.T) {
	s := newStage(t)
	if len(s.account) != 12 || strings.Trim(s.account, "0123456789") != "" {
		t.Errorf("account %q", s.account)
	}
	key, secret, created, err := s.EnsureRoot(t.Context())
	if err != nil || created || key != s.key || secret != s.secret || len(secret) != 40 {
		t.Errorf("second EnsureRoot: %q %v %v", key, created, err)
	}
	c := s.find(s.key, "")
	if p := c.Principal; c.Secret != secret || p.Kind != wire.Root || p.ARN != "arn:aws:iam::"+s.account+":root" || p.AccessKey != key {
		t.Errorf("root is %+v", c.Principal)
	}
	if !may(c.Principal, "s3:DeleteBucket", "*", nil).Allowed {
		t.Error("the root may not everything")
	}
	for name, pair := range map[string][2]string{"unknown": {"AKIAUNKNOWNUNKNOWN00", ""}, "with a token": {s.key, "token"}, "empty": {"", ""},
		"session without token": {"ASIAUNKNOWNUNKNOWN00", ""}, "foreign characters": {"\x00\xff", "\x00"}} {
		_, err := s.Find(t.Context(), pair[0], pair[1])
		s.refused(name, err, "InvalidClientTokenId", "")
	}
}

func TestPoolSession(t *testing.T) {
	s := newStage(t)
	role := s.role("auth", trustPool, allowTables)
	issued := s.issue(poolSpec(role, "eu-west-1:1"))
	if !issued.Expires.Equal(s.now.Add(time.Hour)) || issued.ARN != "arn:aws:sts::"+s.account+":assumed-role/auth/CognitoIdentityCredentials" {
		t.Errorf("issued %+v", issued)
	}
	c := s.find(issued.AccessKey, issued.Token)
	p := c.Principal
	if c.Secret != issued.Secret || p.Kind != wire.Session || p.Role != role.Arn.V || p.UserID != role.RoleId.V+":CognitoIdentityCredentials" ||
		p.Session != "CognitoIdentityCredentials" || p.Identity == nil || p.Identity.ID != "eu-west-1:1" || !p.Expires.Equal(issued.Expires) {
		t.Errorf("principal %+v", p)
	}
	if d := may(p, "dynamodb:GetItem", "arn:aws:dynamodb:::table/t", policy.Keys{"dynamodb:leadingkeys": {"eu-west-1:1"}}); !d.Allowed {
		t.Error(d.Reason)
	}
	d := may(p, "dynamodb:GetItem", "arn:aws:dynamodb:::table/t", policy.Keys{"dynamodb:leadingkeys": {"eu-west-1:2"}})
	if want := "statement Own of role auth/inline p0 did not match: ForAllValues:StringEquals dynamodb:LeadingKeys expected [eu-west-1:1] got [eu-west-1:2]"; d.Allowed || !strings.Contains(d.Reason, want) {
		t.Errorf("%v %s", d.Allowed, d.Reason)
	}
}

// TestTrust: who is refused a session, and that the client cannot tell a missing role from an unwilling one.
func TestTrust(t *testing.T) {
	s := newStage(t)
	role := s.role("auth", trustPool)
	wrongPool, guest, missing, otherPath, noARN := poolSpec(role, "1"), poolSpec(role, "1"), poolSpec(role, "1"), poolSpec(role, "1"), poolSpec(role, "1")
	wrongPool.Keys[cognito+":aud"] = []string{"eu-west-1:other"}
	guest.Keys[cognito+":amr"] = []string{"unauthenticated"}
	missing.RoleARN += "x"
	otherPath.RoleARN = strings.Replace(role.Arn.V, "role/", "role/path/", 1)
	noARN.RoleARN = "auth"
	service := Spec{RoleARN: role.Arn.V, SessionName: "f", Service: "lambda.amazonaws.com"}
	for reason, spec := range map[string]Spec{"expected [eu-west-1:pool] got [eu-west-1:other]": wrongPool, "got [unauthenticated]": guest,
		"does not exist": missing, "path/auth does not exist": otherPath, "is not the ARN": noARN, "for service lambda": service} {
		_, err := s.Issue(t.Context(), spec)
		s.refused(reason, err, "AccessDenied", reason)
		if !errors.Is(err, ErrRole) {
			t.Errorf("%s: %v", reason, err)
		}
	}
	fn := s.role("fn", trustLambda, allowS3)
	if _, err := s.Issue(t.Context(), Spec{RoleARN: fn.Arn.V, SessionName: "f", Service: "lambda.amazonaws.com"}); err != nil {
		t.Error(err)
	}
	if _, err := s.Issue(t.Context(), Spec{RoleARN: fn.Arn.V, SessionName: "f", Service: "apigateway.amazonaws.com"}); !errors.Is(err, ErrRole) {
		t.Errorf("another service: %v", err)
	}
}

// TestTokens: a token opens only unchanged, with its own key, in its time, while its role stands.
func TestTokens(t *testing.T) {
	s := newStage(t)
	role := s.role("auth", trustPool, allowTables)
	one, two := s.issue(poolSpec(role, "1")), s.issue(poolSpec(role, "2"))
	refuse := func(what, key, token, code, reason string) {
		t.Helper()
		_, err := s.Find(t.Context(), key, token)
		s.refused(what, err, code, reason)
	}
	refuse("another session's token", one.AccessKey, two.Token, "InvalidClientTokenId", "was not issued with this access key")
	refuse("no token", one.AccessKey, "", "InvalidClientTokenId", "without a session token")
	refuse("cut off", one.AccessKey, one.Token[:len(one.Token)-4], "InvalidClientTokenId", "")
	refuse("too long", one.AccessKey, strings.Repeat("A", maxToken+1), "InvalidClientTokenId", "too long")
	refuse("root key with a token", s.key, one.Token, "InvalidClientTokenId", "")
	raw, _ := base64.StdEncoding.DecodeString(one.Token)
	for _, i := range []int{0, 1, 20, len(raw) - 1} {
		changed := append([]byte{}, raw...)
		changed[i] ^= 1
		refuse("changed", one.AccessKey, base64.StdEncoding.EncodeToString(changed), "InvalidClientTokenId", "")
	}
	if strings.Contains(string(raw), "secret") || strings.Contains(string(raw), one.Secret) {
		t.Error("the token shows what it holds")
	}

	s.now = s.now.Add(time.Hour - time.Second)
	s.find(one.AccessKey, one.Token)
	s.now = s.now.Add(time.Second)
	refuse("expired", one.AccessKey, one.Token, "ExpiredToken", "expired at")

	four := s.issue(poolSpec(role, "4"))
	as(s, s.root, iam.DeleteRolePolicy, &iam.DeleteRolePolicyInput{RoleName: some("auth"), PolicyName: some("p0")})
	as(s, s.root, iam.DeleteRole, &iam.DeleteRoleInput{RoleName: some("auth")})
	refuse("role deleted", four.AccessKey, four.Token, "InvalidClientTokenId", "was deleted")
	s.role("auth", trustPool, allowAll)
	refuse("another role of the name", four.AccessKey, four.Token, "InvalidClientTokenId", "was deleted")
}

// TestChangesTakeEffect: what IAM changes holds for the next request of sessions that exist.
func TestChangesTakeEffect(t *testing.T) {
	s := newStage(t)
	role := s.role("auth", trustPool)
	issued := s.issue(poolSpec(role, "1"))
	allowed := func(action string, want bool) {
		t.Helper()
		if d := may(s.find(issued.AccessKey, issued.Token).Principal, action, "*", nil); d.Allowed != want {
			t.Errorf("%s: allowed %v: %s", action, d.Allowed, d.Reason)
		}
	}
	allowed("s3:GetObject", false)
	as(s, s.root, iam.PutRolePolicy, &iam.PutRolePolicyInput{RoleName: some("auth"), PolicyName: some("a"), PolicyDocument: some(allowS3)})
	allowed("s3:GetObject", true)
	made := as(s, s.root, iam.CreatePolicy, &iam.CreatePolicyInput{PolicyName: some("keep"), PolicyDocument: some(allowAll)}).Policy
	as(s, s.root, iam.AttachRolePolicy, &iam.AttachRolePolicyInput{RoleName: some("auth"), PolicyArn: made.Arn})
	allowed("iam:GetRole", true)
	as(s, s.root, iam.CreatePolicyVersion, &iam.CreatePolicyVersionInput{PolicyArn: made.Arn, PolicyDocument: some(denyDelete), SetAsDefault: wire.Some(true)})
	allowed("iam:GetRole", false)
	allowed("s3:DeleteObject", false)
	as(s, s.root, iam.DetachRolePolicy, &iam.DetachRolePolicyInput{RoleName: some("auth"), PolicyArn: made.Arn})
	allowed("s3:DeleteObject", true)
	as(s, s.root, iam.PutRolePermissionsBoundary, &iam.PutRolePermissionsBoundaryInput{RoleName: some("auth"), PermissionsBoundary: some(awsPolicies + "/AmazonS3ReadOnlyAccess")})
	allowed("s3:DeleteObject", false)
	allowed("s3:GetObject", true)
	as(s, s.root, iam.DeleteRolePermissionsBoundary, &iam.DeleteRolePermissionsBoundaryInput{RoleName: some("auth")})
	allowed("s3:DeleteObject", true)
	as(s, s.root, iam.DeleteRolePolicy, &iam.DeleteRolePolicyInput{RoleName: some("auth"), PolicyName: some("a")})
	allowed("s3:GetObject", false)
}

func TestSessionPoliciesTagsAndLife(t *testing.T) {
	s := newStage(t)
	role := s.role("auth", strings.Replace(trustPool, `"sts:AssumeRoleWithWebIdentity"`, `["sts:AssumeRoleWithWebIdentity","sts:TagSession"]`, 1), allowAll)
	as(s, s.root, iam.TagRole, &iam.TagRoleInput{RoleName: some("auth"), Tags: []iam.Tag{{Key: some("Team"), Value: some("red")}, {Key: some("Stage"), Value: some("dev")}}})
	spec := poolSpec(role, "1")
	spec.Policies, spec.Tags, spec.Duration = []string{allowS3}, map[string]string{"team": "blue"}, 12*time.Hour
	issued := s.issue(spec)
	if !issued.Expires.Equal(s.now.Add(time.Hour)) {
		t.Errorf("life is not capped by the role: %s", issued.Expires)
	}
	p := s.find(issued.AccessKey, issued.Token).Principal
	if !may(p, "s3:GetObject", "*", nil).Allowed || may(p, "iam:GetRole", "*", nil).Allowed {
		t.Error("the session policy does not limit")
	}
	if p.Keys["aws:principaltag/team"][0] != "blue" || p.Keys["aws:principaltag/stage"][0] != "dev" || p.Keys["aws:tokenissuetime"][0] != "2026-05-01T12:00:00Z" {
		t.Errorf("keys %v", p.Keys)
	}
	spec.Policies = []string{`{"Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}}`}
	_, err := s.Issue(t.Context(), spec)
	s.refused("session policy with a principal", err, "MalformedPolicyDocument", "should not specify a principal")
	spec.Policies = []string{`{"Id":"` + strings.Repeat("x", maxToken) + `","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`}
	_, err = s.Issue(t.Context(), spec)
	s.refused("huge session policy", err, "PackedPolicyTooLarge", "")
}

// FuzzToken: nothing but the token itself opens.
func FuzzToken(f *testing.F) {
	s := newStage(f)
	issued := s.issue(poolSpec(s.role("auth", trustPool), "1"))
	f.Add(issued.AccessKey, issued.Token)
	f.Add(issued.AccessKey, issued.Token[4:])
	f.Add(issued.AccessKey, issued.Token+"\n")
	f.Add("ASIA", "AQ==")
	f.Add(s.key, "")
	f.Fuzz(func(t *testing.T, key, token string) {
		c, err := s.Find(t.Context(), key, token)
		good := key == issued.AccessKey && token == issued.Token || key == s.key && token == ""
		if good != (err == nil) || good != (c != nil) {
			t.Errorf("%q %q: %v", key, token, err)
		}
	})
}

// TestCaches: full caches start anew and never answer wrongly.
func TestCaches(t *testing.T) {
	s := newStage(t)
	role := s.role("auth", trustPool, allowS3)
	issued := s.issue(poolSpec(role, "1"))
	for i := range maxCachedPrincipals + 10 {
		s.principal.put(s.principal.epoch, "x"+string(rune(i)), &compiled{})
	}
	for i := range maxCachedPolicies + 10 {
		document := strings.Replace(allowS3, "s3:", "s"+strings.Repeat("3", i%40)+string(rune('a'+i%26))+":", 1)
		if src := s.source("x", document); src.Policy == nil {
			t.Fatal(src.Name)
		}
	}
	for i := range maxCachedSessions + 10 {
		s.sessions.put(tokenKey{"ASIA", string(rune(i))}, &session{})
	}
	if len(s.principal.known) > maxCachedPrincipals || len(s.policies.parsed) > maxCachedPolicies || len(s.sessions.known) > maxCachedSessions {
		t.Error("a cache outgrew its bound")
	}
	s.principal.put("old epoch", "late", &compiled{})
	if p := s.find(issued.AccessKey, issued.Token).Principal; !may(p, "s3:GetObject", "*", nil).Allowed {
		t.Error("denied after the caches started anew")
	}
	if err := s.Changed(t.Context()); err != nil {
		t.Error(err)
	}
	if src := s.source("bad", "{"); src.Policy != nil {
		t.Error("a bad document gave a policy")
	}
}

// TestRace: sessions are used while IAM changes; no answer is of a state that never was.
func TestRace(t *testing.T) {
	s := newStage(t)
	role := s.role("auth", trustPool, allowS3)
	issued := s.issue(poolSpec(role, "1"))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 200 {
				c, err := s.Find(t.Context(), issued.AccessKey, issued.Token)
				if err != nil {
					t.Error(err)
					return
				}
				// p0 allows s3 in every state, and whoever may iam sees both policies.
				p := c.Principal
				if !may(p, "s3:GetObject", "*", nil).Allowed || may(p, "iam:GetRole", "*", nil).Allowed != (len(p.Policies.Identity) == 2) {
					t.Errorf("policies %+v", p.Policies.Identity)
				}
			}
		})
	}
	for range 50 {
		as(s, s.root, iam.PutRolePolicy, &iam.PutRolePolicyInput{RoleName: some("auth"), PolicyName: some("p1"), PolicyDocument: some(allowAll)})
		if !may(s.find(issued.AccessKey, issued.Token).Principal, "iam:GetRole", "*", nil).Allowed {
			t.Error("a grant did not take effect at once")
		}
		as(s, s.root, iam.DeleteRolePolicy, &iam.DeleteRolePolicyInput{RoleName: some("auth"), PolicyName: some("p1")})
		if may(s.find(issued.AccessKey, issued.Token).Principal, "iam:GetRole", "*", nil).Allowed {
			t.Error("a withdrawal did not take effect at once")
		}
	}
	wg.Wait()
}

// BenchmarkFindSession is what authenticating an app's request costs besides the signature.
func BenchmarkFindSession(b *testing.B) {
	s := newStage(b)
	issued := s.issue(poolSpec(s.role("auth", trustPool, allowTables, allowS3), "eu-west-1:1"))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Find(b.Context(), issued.AccessKey, issued.Token); err != nil {
			b.Fatal(err)
		}
	}
}
