package access

import (
	"testing"
	"time"

	"bothy/api/iam"
	"bothy/api/sts"
	"bothy/policy"
	"bothy/wire"
)

func (s *stage) session(c *sts.Credentials) *wire.Principal {
	s.Helper()
	return s.find(c.AccessKeyId.V, c.SessionToken.V).Principal
}

// TestChainedTags: transitive tags and the source identity go on from session to session and cannot be replaced; other tags stay behind.
func TestChainedTags(t *testing.T) {
	s := newStage(t)
	able, _ := s.user("able", allowAssume)
	one := s.role("one", trustAWS(s.account, ""), allowAssume)
	two := s.role("two", trustAWS(s.account, `,"Condition":{"StringEquals":{"aws:PrincipalTag/team":"red","sts:SourceIdentity":"ann"}}`), allowAssume)
	three := s.role("three", trustAWS(s.account, ""), allowAssume)
	in := func(role *iam.Role) *sts.AssumeRoleInput {
		return &sts.AssumeRoleInput{RoleArn: role.Arn, RoleSessionName: some("me")}
	}
	first := in(one)
	first.Tags = []sts.Tag{{Key: some("Team"), Value: some("red")}, {Key: some("Cost"), Value: some("7")}}
	first.TransitiveTagKeys = []string{"team"}
	first.SourceIdentity = some("ann")
	a := s.session(as(s, able, sts.AssumeRole, first).Credentials)
	if a.Keys["aws:principaltag/cost"][0] != "7" || len(a.Transitive) != 1 {
		t.Errorf("first session %+v", a)
	}
	fails(s, able, sts.AssumeRole, in(two), "AccessDenied", "")
	out := as(s, a, sts.AssumeRole, in(two))
	b := s.session(out.Credentials)
	if out.SourceIdentity.V != "ann" || b.Keys["aws:principaltag/team"][0] != "red" || b.Keys["aws:principaltag/cost"] != nil || b.Keys["aws:sourceidentity"][0] != "ann" {
		t.Errorf("second session %+v", b)
	}
	c := s.session(as(s, b, sts.AssumeRole, in(three)).Credentials)
	if c.Keys["aws:principaltag/team"][0] != "red" || c.Keys["aws:sourceidentity"][0] != "ann" {
		t.Errorf("third session %+v", c)
	}

	other := in(three)
	other.SourceIdentity = some("eve")
	fails(s, b, sts.AssumeRole, other, "AccessDenied", "cannot be changed")
	other = in(three)
	other.Tags = []sts.Tag{{Key: some("TEAM"), Value: some("blue")}}
	fails(s, b, sts.AssumeRole, other, "InvalidParameterValue", "transitive")
	other = in(three)
	other.Tags = []sts.Tag{{Key: some("a"), Value: some("1")}, {Key: some("A"), Value: some("2")}}
	fails(s, b, sts.AssumeRole, other, "InvalidParameterValue", "Duplicate")
	other.Tags = []sts.Tag{{Key: some("aws:x"), Value: some("1")}}
	fails(s, b, sts.AssumeRole, other, "InvalidParameterValue", "aws:")
	long := in(three)
	long.DurationSeconds = wire.Some(int32(3601))
	fails(s, b, sts.AssumeRole, long, "ValidationError", "role chaining")

	// What is handed on needs the consent of the next role as if it were given anew.
	plain := s.role("plain", `{"Statement":{"Effect":"Allow","Principal":{"AWS":"`+s.account+`"},"Action":"sts:AssumeRole"}}`)
	fails(s, a, sts.AssumeRole, in(plain), "AccessDenied", "sts:TagSession")
}

// TestTransitiveKeysCondition: a trust policy may limit which tags are handed on.
func TestTransitiveKeysCondition(t *testing.T) {
	s := newStage(t)
	able, _ := s.user("able", allowAssume)
	role := s.role("r", trustAWS(s.account, `,"Condition":{"ForAllValues:StringEquals":{"sts:TransitiveTagKeys":"Team"}}`))
	in := &sts.AssumeRoleInput{RoleArn: role.Arn, RoleSessionName: some("me"), Tags: []sts.Tag{{Key: some("Team"), Value: some("red")}, {Key: some("Cost"), Value: some("7")}}}
	in.TransitiveTagKeys = []string{"Team"}
	as(s, able, sts.AssumeRole, in)
	in.TransitiveTagKeys = []string{"Team", "Cost"}
	fails(s, able, sts.AssumeRole, in, "AccessDenied", "sts:TransitiveTagKeys")
}

// TestRevokeOlderSessions: the inline policy that the console puts on a role ends the sessions from before, and no other.
func TestRevokeOlderSessions(t *testing.T) {
	s := newStage(t)
	role := s.role("auth", trustPool, allowS3)
	old := s.issue(poolSpec(role, "1"))
	s.now = s.now.Add(10 * time.Second)
	as(s, s.root, iam.PutRolePolicy, &iam.PutRolePolicyInput{RoleName: some("auth"), PolicyName: some("AWSRevokeOlderSessions"),
		PolicyDocument: some(`{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":["*"],"Resource":["*"],"Condition":{"DateLessThan":{"aws:TokenIssueTime":"` + s.now.Format("2006-01-02T15:04:05.000Z") + `"}}}]}`)})
	s.now = s.now.Add(time.Second)
	fresh := s.issue(poolSpec(role, "1"))
	if d := may(s.find(old.AccessKey, old.Token).Principal, "s3:GetObject", "*", nil); d.Allowed || !d.Explicit {
		t.Errorf("a session from before: %+v", d)
	}
	if d := may(s.find(fresh.AccessKey, fresh.Token).Principal, "s3:GetObject", "*", nil); !d.Allowed {
		t.Errorf("a session from after: %+v", d)
	}
}

func TestFederationToken(t *testing.T) {
	s := newStage(t)
	ann, _ := s.user("ann", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:*","iam:*","sts:*"],"Resource":"*"}]}`)
	plain, _ := s.user("plain", allowS3)
	in := &sts.GetFederationTokenInput{Name: some("joe"), Policy: some(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["s3:Get*","dynamodb:*","iam:*","sts:*"],"Resource":"*"}}`),
		Tags: []sts.Tag{{Key: some("Team"), Value: some("red")}}}
	fails(s, plain, sts.GetFederationToken, in, "AccessDenied", "sts:GetFederationToken")
	out := as(s, ann, sts.GetFederationToken, in)
	arn := "arn:aws:sts::" + s.account + ":federated-user/joe"
	p := s.session(out.Credentials)
	if out.FederatedUser.Arn.V != arn || out.FederatedUser.FederatedUserId.V != s.account+":joe" || p.ARN != arn || p.UserID != s.account+":joe" || p.Keys["aws:principaltag/team"][0] != "red" ||
		!out.Credentials.Expiration.V.Equal(s.now.Add(12*time.Hour)) || !out.PackedPolicySize.Set {
		t.Errorf("answer %+v, principal %+v", out, p)
	}
	for action, want := range map[string]bool{"s3:GetObject": true, "s3:PutObject": false, "dynamodb:GetItem": false, "iam:GetUser": false, "sts:AssumeRole": false} {
		if may(p, action, "*", nil).Allowed != want {
			t.Errorf("%s is not %v", action, want)
		}
	}
	if who := as(s, p, sts.GetCallerIdentity, &sts.GetCallerIdentityInput{}); who.Arn.V != arn {
		t.Errorf("caller %+v", who)
	}
	fails(s, p, sts.GetFederationToken, in, "AccessDenied", "")
	fails(s, p, sts.GetSessionToken, &sts.GetSessionTokenInput{}, "AccessDenied", "session credentials")
	fails(s, p, iam.GetUser, &iam.GetUserInput{UserName: some("ann")}, "AccessDenied", "NoIAM")
	role := s.role("r", trustAWS(arn, ""))
	fails(s, p, sts.AssumeRole, &sts.AssumeRoleInput{RoleArn: role.Arn, RoleSessionName: some("me")}, "AccessDenied", "NoSTS")

	bare := s.session(as(s, ann, sts.GetFederationToken, &sts.GetFederationTokenInput{Name: some("joe")}).Credentials)
	if may(bare, "s3:GetObject", "*", nil).Allowed {
		t.Error("without a policy it may what the user may")
	}
	bucket := func(principal string) []policy.Source {
		return []policy.Source{s.source("bucket", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"`+principal+`"},"Action":"s3:*","Resource":"*"}}`)}
	}
	ask := policy.Request{Action: "s3:GetObject", Resource: "*", PrincipalARN: bare.ARN, PrincipalAccount: bare.Account, UserID: bare.UserID}
	if !policy.Decide(bare.Policies, bucket(arn), true, ask).Allowed {
		t.Error("a policy of the resource that names the federated user grants nothing")
	}
	if policy.Decide(bare.Policies, bucket(s.account), true, ask).Allowed {
		t.Error("a policy of the resource that names the account grants something to its federated user")
	}
	root := as(s, s.root, sts.GetFederationToken, &sts.GetFederationTokenInput{Name: some("joe"), Policy: some(allowS3)}).Credentials
	if r := s.session(root); !r.Expires.Equal(s.now.Add(time.Hour)) || !may(r, "s3:GetObject", "*", nil).Allowed || may(r, "dynamodb:GetItem", "*", nil).Allowed {
		t.Errorf("of the root %+v", r)
	}
	as(s, s.root, iam.DeleteUserPolicy, &iam.DeleteUserPolicyInput{UserName: some("ann"), PolicyName: some("p0")})
	if may(s.session(out.Credentials), "s3:GetObject", "*", nil).Allowed {
		t.Error("the user's change did not reach the federated user")
	}
}
