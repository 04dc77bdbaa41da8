package access

import (
	"encoding/base64"
	"errors"
	"testing"
	"time"

	"bothy/api/iam"
	"bothy/api/sts"
	"bothy/policy"
	"bothy/wire"
)

func TestCallerIdentity(t *testing.T) {
	s := newStage(t)
	nobody, _ := s.user("nobody")
	out := as(s, nobody, sts.GetCallerIdentity, &sts.GetCallerIdentityInput{})
	if out.Arn.V != nobody.ARN || out.Account.V != s.account || out.UserId.V != nobody.UserID {
		t.Errorf("caller %+v", out)
	}
	fails(s, &wire.Principal{}, sts.GetCallerIdentity, &sts.GetCallerIdentityInput{}, "AccessDenied", "")
	if out := as(s, s.root, sts.GetAccessKeyInfo, &sts.GetAccessKeyInfoInput{AccessKeyId: some(s.key)}); out.Account.V != s.account {
		t.Errorf("key of %+v", out)
	}
	fails(s, s.root, sts.GetAccessKeyInfo, &sts.GetAccessKeyInfoInput{AccessKeyId: some("AKIAUNKNOWNUNKNOWN00")}, "ValidationError", "not known")
	fails(s, nobody, sts.GetAccessKeyInfo, &sts.GetAccessKeyInfoInput{AccessKeyId: some(s.key)}, "AccessDenied", "")
}

func trustAWS(principal, more string) string {
	return `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"` + principal + `"},"Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]` + more + `}}`
}

const allowAssume = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:*","Resource":"*"}}`

func TestAssumeRole(t *testing.T) {
	s := newStage(t)
	account := "arn:aws:iam::" + s.account
	able, _ := s.user("able", allowAssume)
	plain, _ := s.user("plain")
	byAccount := s.role("by-account", trustAWS(account+":root", ""), allowS3)
	byUser := s.role("by-user", trustAWS(account+":user/plain", ""), allowS3)
	external := s.role("external", trustAWS(account+":root", `,"Condition":{"StringEquals":{"sts:ExternalId":"xyz"}}`), allowS3)
	lambda := s.role("lambda", trustLambda, allowAll)
	in := func(role *iam.Role) *sts.AssumeRoleInput {
		return &sts.AssumeRoleInput{RoleArn: role.Arn, RoleSessionName: some("me")}
	}
	out := as(s, able, sts.AssumeRole, in(byAccount))
	p := s.find(out.Credentials.AccessKeyId.V, out.Credentials.SessionToken.V).Principal
	if p.ARN != out.AssumedRoleUser.Arn.V || p.Kind != wire.Session || !may(p, "s3:GetObject", "*", nil).Allowed || may(p, "iam:GetRole", "*", nil).Allowed {
		t.Errorf("principal %+v", p)
	}
	fails(s, plain, sts.AssumeRole, in(byAccount), "AccessDenied", "sts:AssumeRole on resource: "+byAccount.Arn.V)
	as(s, plain, sts.AssumeRole, in(byUser)) // named itself, the trust policy suffices
	fails(s, able, sts.AssumeRole, in(byUser), "AccessDenied", "no statement of trust policy of role by-user allows sts:AssumeRole")
	fails(s, able, sts.AssumeRole, in(lambda), "AccessDenied", "no statement of trust policy")
	fails(s, able, sts.AssumeRole, &sts.AssumeRoleInput{RoleArn: some(account + ":role/none"), RoleSessionName: some("me")}, "AccessDenied", "does not exist")
	fails(s, s.root, sts.AssumeRole, in(byAccount), "AccessDenied", "Roles may not be assumed by root accounts.")
	fails(s, able, sts.AssumeRole, in(external), "AccessDenied", "sts:ExternalId expected [xyz] got nothing")
	withID := in(external)
	withID.ExternalId = some("xyz")
	as(s, able, sts.AssumeRole, withID)
	foreign := *able
	foreign.Account, foreign.ARN = "999988887777", "arn:aws:iam::999988887777:user/able"
	fails(s, &foreign, sts.AssumeRole, in(byAccount), "AccessDenied", "needs the resource's policy too")
}

func TestAssumeRoleOptions(t *testing.T) {
	s := newStage(t)
	able, _ := s.user("able", allowAssume)
	role := s.role("r", trustAWS(s.account, ""), allowAll)
	in := &sts.AssumeRoleInput{RoleArn: role.Arn, RoleSessionName: some("me"), Policy: some(allowS3), DurationSeconds: wire.Some(int32(900)),
		PolicyArns: []sts.PolicyDescriptorType{{Arn: some(awsPolicies + "/AmazonDynamoDBReadOnlyAccess")}},
		Tags:       []sts.Tag{{Key: some("Team"), Value: some("red")}}, SourceIdentity: some("alice")}
	out := as(s, able, sts.AssumeRole, in)
	p := s.find(out.Credentials.AccessKeyId.V, out.Credentials.SessionToken.V).Principal
	for action, want := range map[string]bool{"s3:GetObject": true, "dynamodb:GetItem": true, "dynamodb:PutItem": false, "iam:GetRole": false} {
		if may(p, action, "*", nil).Allowed != want {
			t.Errorf("%s is not %v", action, want)
		}
	}
	if !p.Expires.Equal(s.now.Add(15*time.Minute)) || p.Keys["aws:principaltag/team"][0] != "red" || p.Keys["aws:sourceidentity"][0] != "alice" || !out.PackedPolicySize.Set {
		t.Errorf("session %+v", p)
	}
	bad := *in
	bad.Policy = some("{")
	fails(s, able, sts.AssumeRole, &bad, "MalformedPolicyDocument", "Syntax errors")
	bad = *in
	bad.PolicyArns = []sts.PolicyDescriptorType{{Arn: some(awsPolicies + "/None")}}
	fails(s, able, sts.AssumeRole, &bad, "ValidationError", "does not exist")
	bad = *in
	bad.PolicyArns = make([]sts.PolicyDescriptorType, maxAttached+1)
	fails(s, able, sts.AssumeRole, &bad, "ValidationError", "Only 10")
	bad = *in
	bad.TransitiveTagKeys = []string{"Other"}
	fails(s, able, sts.AssumeRole, &bad, "ValidationError", "not among the session tags")
	bad = *in
	bad.DurationSeconds = wire.Some(int32(7200))
	fails(s, able, sts.AssumeRole, &bad, "ValidationError", "exceeds the MaxSessionDuration")
	fails(s, p, sts.AssumeRole, in, "AccessDenied", "no statement of session policy 1, session policy 2")

	plain := as(s, able, sts.AssumeRole, &sts.AssumeRoleInput{RoleArn: role.Arn, RoleSessionName: some("me")})
	chained := s.find(plain.Credentials.AccessKeyId.V, plain.Credentials.SessionToken.V).Principal
	fails(s, chained, sts.AssumeRole, &bad, "ValidationError", "role chaining")
	as(s, chained, sts.AssumeRole, &sts.AssumeRoleInput{RoleArn: role.Arn, RoleSessionName: some("again")})

	noTags := s.role("no-tags", `{"Statement":{"Effect":"Allow","Principal":{"AWS":"`+s.account+`"},"Action":"sts:AssumeRole"}}`)
	fails(s, able, sts.AssumeRole, &sts.AssumeRoleInput{RoleArn: noTags.Arn, RoleSessionName: some("me"), Tags: in.Tags}, "AccessDenied", "allows sts:TagSession")
	fails(s, able, sts.AssumeRole, &sts.AssumeRoleInput{RoleArn: noTags.Arn, RoleSessionName: some("me"), SourceIdentity: some("eve")}, "AccessDenied", "allows sts:SetSourceIdentity")
	tagger, _ := s.user("tagger", `{"Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*"}}`)
	fails(s, tagger, sts.AssumeRole, &sts.AssumeRoleInput{RoleArn: noTags.Arn, RoleSessionName: some("me"), Tags: in.Tags}, "AccessDenied", "sts:TagSession")
}

func TestWebIdentity(t *testing.T) {
	s := newStage(t)
	role := s.role("auth", trustPool, allowTables)
	s.tokens["good"] = func() (string, map[string]any, error) {
		return cognito, map[string]any{"sub": "eu-west-1:1", "aud": "eu-west-1:pool", "amr": []any{"authenticated", "cognito-idp/p", "cognito-idp/p:CognitoSignIn:u"}}, nil
	}
	s.tokens["guest"] = func() (string, map[string]any, error) {
		return "https://" + cognito, map[string]any{"sub": "eu-west-1:2", "aud": []string{"eu-west-1:pool"}, "amr": []string{"unauthenticated"}}, nil
	}
	const pool = "cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Pool"
	ofPool := "e30." + base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"https://`+pool+`"}`)) + ".e30"
	s.tokens[ofPool] = func() (string, map[string]any, error) {
		return pool, map[string]any{"sub": "x", "aud": "client", "amr": "authenticated"}, nil
	}
	s.tokens["stale"] = func() (string, map[string]any, error) { return "", nil, ErrTokenExpired }
	s.tokens["broken"] = func() (string, map[string]any, error) { return "", nil, errors.New("disk on fire") }
	in := func(token string) *sts.AssumeRoleWithWebIdentityInput {
		return &sts.AssumeRoleWithWebIdentityInput{RoleArn: role.Arn, RoleSessionName: some("web"), WebIdentityToken: some(token)}
	}
	out := as(s, nil, sts.AssumeRoleWithWebIdentity, in("good"))
	p := s.find(out.Credentials.AccessKeyId.V, out.Credentials.SessionToken.V).Principal
	want := wire.CognitoIdentity{ID: "eu-west-1:1", PoolID: "eu-west-1:pool", AuthType: "authenticated", Provider: "cognito-idp/p,cognito-idp/p:CognitoSignIn:u"}
	if p.Identity == nil || *p.Identity != want || out.SubjectFromWebIdentityToken.V != "eu-west-1:1" || out.Provider.V != cognito {
		t.Errorf("identity %+v of %+v", p.Identity, out)
	}
	if !may(p, "dynamodb:GetItem", "*", policy.Keys{"dynamodb:leadingkeys": {"eu-west-1:1"}}).Allowed {
		t.Error("the session has no condition keys")
	}
	fails(s, nil, sts.AssumeRoleWithWebIdentity, in("guest"), "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity")
	fails(s, nil, sts.AssumeRoleWithWebIdentity, in(ofPool), "InvalidIdentityToken", "no provider")
	fails(s, nil, sts.AssumeRoleWithWebIdentity, in("stale"), "ExpiredTokenException", "")
	fails(s, nil, sts.AssumeRoleWithWebIdentity, in("forged"), "InvalidIdentityToken", "")
	if _, err := wire.Invoke(t.Context(), s.mux, nil, "", sts.AssumeRoleWithWebIdentity, in("broken")); err == nil || errors.As(err, new(wire.Fault)) {
		t.Errorf("an internal failure shows as %v", err)
	}
	withProvider := in("good")
	withProvider.ProviderId = some("graph.facebook.com")
	fails(s, nil, sts.AssumeRoleWithWebIdentity, withProvider, "ValidationError", "not supported")
	withPolicy := in("good")
	withPolicy.Policy = some("{")
	fails(s, nil, sts.AssumeRoleWithWebIdentity, withPolicy, "MalformedPolicyDocument", "")
	long := in("good")
	long.DurationSeconds = wire.Some(int32(7200))
	fails(s, nil, sts.AssumeRoleWithWebIdentity, long, "ValidationError", "MaxSessionDuration")

	arn := as(s, s.root, iam.CreateOpenIDConnectProvider, &iam.CreateOpenIDConnectProviderInput{Url: some("https://" + pool), ClientIDList: []string{"another"}}).OpenIDConnectProviderArn
	fails(s, nil, sts.AssumeRoleWithWebIdentity, in(ofPool), "InvalidIdentityToken", "not for audience client")
	as(s, s.root, iam.AddClientIDToOpenIDConnectProvider, &iam.AddClientIDToOpenIDConnectProviderInput{OpenIDConnectProviderArn: arn, ClientID: some("client")})
	fails(s, nil, sts.AssumeRoleWithWebIdentity, in(ofPool), "AccessDenied", "oidc-provider/"+pool)
	oidc := s.role("oidc", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Federated":"`+arn.V+`"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringEquals":{"`+pool+`:sub":"x"}}}}`)
	third := in(ofPool)
	third.RoleArn = oidc.Arn
	if out := as(s, nil, sts.AssumeRoleWithWebIdentity, third); s.find(out.Credentials.AccessKeyId.V, out.Credentials.SessionToken.V).Principal.Identity != nil {
		t.Error("a foreign identity shows as one of a pool")
	}
	// Whoever registers the issuer of identity pools gets no say about their tokens.
	as(s, s.root, iam.CreateOpenIDConnectProvider, &iam.CreateOpenIDConnectProviderInput{Url: some("https://" + cognito), ClientIDList: []string{"eu-west-1:pool"}})
	forged := in("e30." + base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"https://`+cognito+`"}`)) + ".e30")
	fails(s, nil, sts.AssumeRoleWithWebIdentity, forged, "InvalidIdentityToken", "")
	s.cfg.WebTokens = nil
	fails(s, nil, sts.AssumeRoleWithWebIdentity, in("good"), "InvalidIdentityToken", "")
	if claimList(1) != nil || first(nil) != "" {
		t.Error("odd claims")
	}
}

func TestSessionToken(t *testing.T) {
	s := newStage(t)
	ann, _ := s.user("ann", allowAll)
	out := as(s, ann, sts.GetSessionToken, &sts.GetSessionTokenInput{}).Credentials
	p := s.find(out.AccessKeyId.V, out.SessionToken.V).Principal
	if p.Kind != wire.User || p.ARN != ann.ARN || !may(p, "s3:GetObject", "*", nil).Allowed || may(p, "iam:GetUser", "*", nil).Allowed || !p.Expires.Equal(s.now.Add(12*time.Hour)) {
		t.Errorf("session of a user %+v", p)
	}
	fails(s, p, iam.GetUser, &iam.GetUserInput{}, "AccessDenied", "denied by statement NoIAM")
	fails(s, p, sts.GetSessionToken, &sts.GetSessionTokenInput{}, "AccessDenied", "Cannot call GetSessionToken with session credentials")
	fails(s, ann, sts.GetSessionToken, &sts.GetSessionTokenInput{SerialNumber: some("arn:aws:iam::mfa"), TokenCode: some("123456")}, "AccessDenied", "MFA")
	root := as(s, s.root, sts.GetSessionToken, &sts.GetSessionTokenInput{DurationSeconds: wire.Some(int32(7200))}).Credentials
	if p := s.find(root.AccessKeyId.V, root.SessionToken.V).Principal; p.Kind != wire.Root || !p.Expires.Equal(s.now.Add(time.Hour)) {
		t.Errorf("session of the root %+v", p)
	}

	as(s, s.root, iam.DeleteUserPolicy, &iam.DeleteUserPolicyInput{UserName: some("ann"), PolicyName: some("p0")})
	if p := s.find(out.AccessKeyId.V, out.SessionToken.V).Principal; may(p, "s3:GetObject", "*", nil).Allowed {
		t.Error("the user's change did not reach the session")
	}
	for _, k := range as(s, s.root, iam.ListAccessKeys, &iam.ListAccessKeysInput{UserName: some("ann")}).AccessKeyMetadata {
		as(s, s.root, iam.DeleteAccessKey, &iam.DeleteAccessKeyInput{UserName: some("ann"), AccessKeyId: k.AccessKeyId})
	}
	as(s, s.root, iam.DeleteUser, &iam.DeleteUserInput{UserName: some("ann")})
	_, err := s.Find(t.Context(), out.AccessKeyId.V, out.SessionToken.V)
	s.refused("session of a deleted user", err, "InvalidClientTokenId", "user ann")
}
