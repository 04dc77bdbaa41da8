package intrusion

import (
	"net/url"
	"strings"
	"testing"

	"bothy/wire/sigv4"
)

// identityAttempts want an identity, or a role, that is not theirs.
func identityAttempts(t *testing.T, w *world) []attempt {
	mine := w.logins(t, w.mallory.idToken)
	ask := func(c caller, op string, in map[string]any) func(*testing.T) answer {
		return func(t *testing.T) answer { return c.federation(t, op, in) }
	}
	cred := func(id string, logins map[string]string) func(*testing.T) answer {
		return ask(w.anyone, "GetCredentialsForIdentity", map[string]any{"IdentityId": id, "Logins": logins})
	}
	pool := w.identityPool(t)
	developer := map[string]any{"IdentityPoolId": pool, "Logins": map[string]string{"login.example": "neighbour"}}
	merge := map[string]any{"IdentityPoolId": pool, "DeveloperProviderName": "login.example", "SourceUserIdentifier": "a", "DestinationUserIdentifier": "b"}
	tags := map[string]any{"IdentityPoolId": pool, "IdentityProviderName": "x", "UseDefaults": true}
	const no, denied = "NotAuthorizedException", "AccessDeniedException"
	return []attempt{
		{"the neighbour's identity with one's own login", cred(w.neighbour.id, mine), 400, no, `the logins are of identity`},
		{"the neighbour's identity as a guest", cred(w.neighbour.id, nil), 400, no, `has logins and none was given`},
		{"a token of the neighbour's identity", ask(w.anyone, "GetOpenIdToken", map[string]any{"IdentityId": w.neighbour.id, "Logins": mine}), 400, no, `the logins are of identity`},
		{"the neighbour's login unlinked", ask(w.anyone, "UnlinkIdentity", map[string]any{"IdentityId": w.neighbour.id, "Logins": mine, "LoginsToRemove": []string{"cognito-idp." + region + ".amazonaws.com/" + w.pool(t)}}), 400, no, `none of the logins`},
		{"an access token as a login", cred(w.mallory.id, w.logins(t, w.mallory.access)), 400, no, `login of cognito-idp`},
		{"a role of one's choice", ask(w.anyone, "GetCredentialsForIdentity", map[string]any{"IdentityId": w.mallory.id, "Logins": mine, "CustomRoleArn": "arn:aws:iam::" + w.account(t) + ":role/admin"}), 400, no, `CustomRoleArn`},
		{"another's login of a provider the pool has not", cred(w.mallory.id, map[string]string{"graph.facebook.com": "x"}), 400, no, `has no provider "graph.facebook.com"`},
		{"a user as the developer", ask(w.mallory.caller, "GetOpenIdTokenForDeveloperIdentity", developer), 400, denied, `GetOpenIdTokenForDeveloperIdentity`},
		{"a guest as the developer", ask(w.guest, "MergeDeveloperIdentities", merge), 400, denied, `MergeDeveloperIdentities`},
		{"a user maps tags", ask(w.mallory.caller, "SetPrincipalTagAttributeMap", tags), 400, denied, `SetPrincipalTagAttributeMap`},
		{"identities deleted by a user", ask(w.mallory.caller, "DeleteIdentities", map[string]any{"IdentityIdsToDelete": []string{w.neighbour.id}}), 400, denied, `DeleteIdentities`},
		{"the login of somebody who signed out", w.signedOut, 400, no, `ServerSideTokenCheck`},
	}
}

// signedOut uses the id token of somebody who signed out, in a pool that asks.
func (w *world) signedOut(t *testing.T) answer {
	t.Helper()
	p := w.describePool(t)
	providers, _ := p["CognitoIdentityProviders"].([]any)
	for _, each := range providers {
		each.(map[string]any)["ServerSideTokenCheck"] = true
	}
	w.root.federation(t, "UpdateIdentityPool", p).must(t, nil)
	gone := w.person(t, "gone")
	w.anyone.idp(t, "GlobalSignOut", map[string]any{"AccessToken": gone.access}).must(t, nil)
	return w.anyone.federation(t, "GetCredentialsForIdentity", map[string]any{"IdentityId": gone.id, "Logins": w.logins(t, gone.idToken)})
}

func (w *world) describePool(t *testing.T) (p map[string]any) {
	t.Helper()
	w.root.federation(t, "DescribeIdentityPool", map[string]any{"IdentityPoolId": w.identityPool(t)}).must(t, &p)
	return p
}

// role is the name of the project's role for users ("_auth") or guests ("_unauth").
func (w *world) role(t *testing.T, suffix string) string {
	t.Helper()
	name, _ := w.find(t, "AWS::IAM::Role", w.project.Name+suffix)
	return name
}

func (w *world) allow(t *testing.T, role, statement string) {
	t.Helper()
	w.root.iam(t, url.Values{"Action": {"PutRolePolicy"}, "RoleName": {role}, "PolicyName": {"test"}, "PolicyDocument": {`{"Version":"2012-10-17","Statement":` + statement + `}`}}).must(t, nil)
}

// classic gets credentials by the classic flow: a token, and STS.
func (w *world) classic(t *testing.T, role, id string, logins map[string]string) answer {
	t.Helper()
	var token struct{ Token string }
	w.anyone.federation(t, "GetOpenIdToken", map[string]any{"IdentityId": id, "Logins": logins}).must(t, &token)
	return w.anyone.sts(t, url.Values{"Action": {"AssumeRoleWithWebIdentity"}, "RoleArn": {"arn:aws:iam::" + w.account(t) + ":role/" + role}, "RoleSessionName": {"app"}, "WebIdentityToken": {token.Token}})
}

func (a answer) session(t *testing.T, c caller) caller {
	t.Helper()
	a.must(t, nil)
	return c.with(sigv4.Credentials{AccessKey: element(a.body, "AccessKeyId"), Secret: element(a.body, "SecretAccessKey"), Token: element(a.body, "SessionToken")})
}

// TestGuestsAreLimited: whatever their role allows, guests of the enhanced flow get no further than AWS lets them; in the classic
// flow the role decides alone.
func TestGuestsAreLimited(t *testing.T) {
	w := newWorld(t)
	role := w.role(t, "_unauth")
	w.allow(t, role, `{"Effect":"Allow","Action":"*","Resource":"*"}`)
	users := url.Values{"Action": {"ListUsers"}}
	guest := w.identity(t, nil)
	enhanced := w.anyone.with(w.credentials(t, guest, nil))
	w.refused(t, enhanced.iam(t, users), 403, "AccessDenied", `limits of guests`)
	w.refused(t, enhanced.send(t, request{service: "bothy", method: "GET", path: "/_bothy/outbox?to=x"}), 403, "AccessDeniedException", `limits of guests`)
	enhanced.dynamo(t, "DescribeTable", map[string]any{"TableName": w.table(t)}).must(t, nil)
	w.classic(t, role, guest, nil).session(t, w.anyone).iam(t, users).must2xx(t)
	user := w.role(t, "_auth")
	w.allow(t, user, `{"Effect":"Allow","Action":"iam:ListUsers","Resource":"*"}`)
	w.mallory.iam(t, users).must2xx(t)
}

func (a answer) must2xx(t *testing.T) {
	t.Helper()
	if a.status >= 300 {
		t.Errorf("%d %s %s", a.status, a.code, a.message)
	}
}

// TestSessionTags: the claims that a pool maps decide policies, in both flows, where the role lets sessions be tagged.
func TestSessionTags(t *testing.T) {
	w := newWorld(t)
	role, pool := w.role(t, "_auth"), w.identityPool(t)
	_, claims := open(t, w.mallory.idToken)
	sub := claims["sub"].(string)
	w.root.federation(t, "SetPrincipalTagAttributeMap", map[string]any{
		"IdentityPoolId": pool, "IdentityProviderName": "cognito-idp." + region + ".amazonaws.com/" + w.pool(t), "PrincipalTags": map[string]string{"Person": "sub"},
	}).must(t, nil)
	w.allow(t, role, `{"Effect":"Allow","Action":"iam:ListUsers","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalTag/person":"`+sub+`"}}}`)
	mine, theirs := w.logins(t, w.mallory.idToken), w.logins(t, w.neighbour.idToken)
	untrusted := w.anyone.federation(t, "GetCredentialsForIdentity", map[string]any{"IdentityId": w.mallory.id, "Logins": mine})
	w.refused(t, untrusted, 400, "InvalidIdentityPoolConfigurationException", `sts:TagSession`)
	w.refused(t, w.classic(t, role, w.mallory.id, mine), 403, "AccessDenied", `sts:TagSession`)

	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"cognito-identity.amazonaws.com"},"Action":["sts:AssumeRoleWithWebIdentity","sts:TagSession"],
"Condition":{"StringEquals":{"cognito-identity.amazonaws.com:aud":"` + pool + `"},"ForAnyValue:StringLike":{"cognito-identity.amazonaws.com:amr":"authenticated"}}}]}`
	w.root.iam(t, url.Values{"Action": {"UpdateAssumeRolePolicy"}, "RoleName": {role}, "PolicyDocument": {trust}}).must2xx(t)
	users := url.Values{"Action": {"ListUsers"}}
	w.anyone.with(w.credentials(t, w.mallory.id, mine)).iam(t, users).must2xx(t)
	w.classic(t, role, w.mallory.id, mine).session(t, w.anyone).iam(t, users).must2xx(t)
	for _, c := range []caller{w.anyone.with(w.credentials(t, w.neighbour.id, theirs)), w.classic(t, role, w.neighbour.id, theirs).session(t, w.anyone)} {
		w.refused(t, c.iam(t, users), 403, "AccessDenied", `aws:PrincipalTag/person`)
	}

	only := strings.Replace(trust, `"StringEquals":{`, `"StringEquals":{"aws:RequestTag/Person":"`+sub+`",`, 1)
	w.root.iam(t, url.Values{"Action": {"UpdateAssumeRolePolicy"}, "RoleName": {role}, "PolicyDocument": {only}}).must2xx(t)
	w.credentials(t, w.mallory.id, mine)
	w.refused(t, w.anyone.federation(t, "GetCredentialsForIdentity", map[string]any{"IdentityId": w.neighbour.id, "Logins": theirs}), 400, "InvalidIdentityPoolConfigurationException", `(?i)aws:RequestTag/person`)
}

// TestProviderOfIAM: a pool's OpenID Connect provider is the one that IAM has at the time.
func TestProviderOfIAM(t *testing.T) {
	w := newWorld(t)
	const nobody = "https://127.0.0.1:1" // where nothing listens
	made := w.root.iam(t, url.Values{"Action": {"CreateOpenIDConnectProvider"}, "Url": {nobody}, "ClientIDList.member.1": {"app"}, "ThumbprintList.member.1": {strings.Repeat("ab", 20)}})
	made.must2xx(t)
	arn := element(made.body, "OpenIDConnectProviderArn")
	p := w.describePool(t)
	p["OpenIdConnectProviderARNs"] = []string{arn}
	w.root.federation(t, "UpdateIdentityPool", p).must(t, nil)
	show := func() answer {
		return w.anyone.federation(t, "GetId", map[string]any{"IdentityPoolId": w.identityPool(t), "Logins": map[string]string{"127.0.0.1:1": w.mallory.idToken}})
	}
	w.refused(t, show(), 400, "ExternalServiceException", `127.0.0.1`)
	w.root.iam(t, url.Values{"Action": {"DeleteOpenIDConnectProvider"}, "OpenIDConnectProviderArn": {arn}}).must2xx(t)
	w.refused(t, show(), 400, "NotAuthorizedException", `IAM has no provider`)
}
