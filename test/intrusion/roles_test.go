package intrusion

import (
	"net/url"
	"strings"
	"testing"

	"bothy/wire/sigv4"
)

// apiAttempts call deployed APIs.
func apiAttempts(t *testing.T, w *world) []attempt {
	call := func(c caller, api, method, path string, tamper ...func(*request)) func(*testing.T) answer {
		r := request{service: "execute-api", method: method, path: "/Development" + path, host: w.api(t, api)}
		for _, change := range tamper {
			change(&r)
		}
		return func(t *testing.T) answer { return c.send(t, r) }
	}
	const denied, missing = "AccessDeniedException", "MissingAuthenticationTokenException"
	forS3 := func(r *request) { r.service = "s3" }
	return []attempt{
		{"a guest on a restricted API", call(w.guest, "TasksAPI", "GET", "/tasks"), 403, denied, `(?s)execute-api:Invoke on arn:aws:execute-api:us-east-1:\d+:\w+/Development/GET/tasks`},
		{"a guest on a path of it", call(w.guest, "TasksAPI", "DELETE", "/tasks/t1"), 403, denied, `Development/DELETE/tasks/t1`},
		{"nobody", call(w.anyone, "TasksAPI", "GET", "/tasks"), 403, missing, `no signature`},
		{"nobody on the guests' API", call(w.anyone, "ProjectsAPI", "GET", "/projects"), 403, missing, `no signature`},
		{"a path that is not there", call(w.mallory.caller, "TasksAPI", "GET", "/other"), 403, missing, `(?i)no (method|resource|route)|not`},
		{"a signature for another service", call(w.guest, "ProjectsAPI", "GET", "/projects", forS3), 403, "InvalidSignatureException", `scoped to service "s3"`},
	}
}

// roleAttempts use what was good once, or was never theirs.
func roleAttempts(t *testing.T, w *world) []attempt {
	guest := w.identity(t, nil)
	_, attributes := w.find(t, "AWS::Cognito::IdentityPool", "user-signin")
	sts := func(c caller, form url.Values) func(*testing.T) answer {
		return func(t *testing.T) answer { return c.sts(t, form) }
	}
	userRole, _ := w.find(t, "AWS::IAM::Role", w.project.Name+"_auth")
	arn, _, _ := strings.Cut(attributes["roleARNs"], ",")
	open := func(t *testing.T) answer {
		return w.guest.iam(t, url.Values{"Action": {"PutRolePolicy"}, "RoleName": {userRole}, "PolicyName": {"all"}, "PolicyDocument": {`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`}})
	}
	var token struct{ Token string }
	w.anyone.federation(t, "GetOpenIdToken", map[string]any{"IdentityId": guest}).must(t, &token)
	take := url.Values{"Action": {"AssumeRoleWithWebIdentity"}, "RoleArn": {arn}, "RoleSessionName": {"mallory"}, "WebIdentityToken": {token.Token}}
	forged := url.Values{"Action": {"AssumeRoleWithWebIdentity"}, "RoleArn": {arn}, "RoleSessionName": {"mallory"}, "WebIdentityToken": {token.Token[:len(token.Token)-8] + "AAAAAAAA"}}
	return []attempt{
		{"a guest takes the users' role", sts(w.guest, url.Values{"Action": {"AssumeRole"}, "RoleArn": {arn}, "RoleSessionName": {"mallory"}}), 403, "AccessDenied", `sts:AssumeRole`},
		{"a guest's token takes the users' role", sts(w.anyone, take), 403, "AccessDenied", `cognito-identity.amazonaws.com:amr expected \[authenticated\] got \[unauthenticated\]`},
		{"a forged token takes the users' role", sts(w.anyone, forged), 400, "InvalidIdentityToken", `(?i)signature`},
		{"a guest writes a policy", open, 403, "AccessDenied", `iam:PutRolePolicy`},
		{"a new guest after guests were turned off", func(t *testing.T) answer {
			w.guests(t, false)
			defer w.guests(t, true)
			return w.anyone.federation(t, "GetId", map[string]any{"IdentityPoolId": w.identityPool(t)})
		}, 400, "NotAuthorizedException", `(?i)unauthenticated|guest`},
		{"credentials of a guest after guests were turned off", func(t *testing.T) answer {
			w.guests(t, false)
			defer w.guests(t, true)
			return w.anyone.federation(t, "GetCredentialsForIdentity", map[string]any{"IdentityId": guest})
		}, 400, "NotAuthorizedException", `(?i)unauthenticated|guest`},
		{"a session after its role was deleted", w.orphan, 403, "InvalidClientTokenId", `of the session was deleted`},
	}
}

// guests opens the identity pool to guests, or closes it.
func (w *world) guests(t *testing.T, allowed bool) {
	t.Helper()
	var p map[string]any
	w.root.federation(t, "DescribeIdentityPool", map[string]any{"IdentityPoolId": w.identityPool(t)}).must(t, &p)
	p["AllowUnauthenticatedIdentities"] = allowed
	w.root.federation(t, "UpdateIdentityPool", p).must(t, nil)
}

// orphan uses a session of a role that is there no more, though another of its name is.
func (w *world) orphan(t *testing.T) answer {
	t.Helper()
	const trust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"cognito-identity.amazonaws.com"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringEquals":{"cognito-identity.amazonaws.com:aud":"POOL"}}}]}`
	role := url.Values{"Action": {"CreateRole"}, "RoleName": {"short-lived"}, "AssumeRolePolicyDocument": {strings.ReplaceAll(trust, "POOL", w.identityPool(t))}}
	w.root.iam(t, role).must(t, nil)
	var token struct{ Token string }
	w.anyone.federation(t, "GetOpenIdToken", map[string]any{"IdentityId": w.identity(t, nil)}).must(t, &token)
	taken := w.anyone.sts(t, url.Values{"Action": {"AssumeRoleWithWebIdentity"}, "RoleArn": {"arn:aws:iam::" + w.account(t) + ":role/short-lived"}, "RoleSessionName": {"guest"}, "WebIdentityToken": {token.Token}})
	taken.must(t, nil)
	session := w.anyone.with(sigv4.Credentials{AccessKey: element(taken.body, "AccessKeyId"), Secret: element(taken.body, "SecretAccessKey"), Token: element(taken.body, "SessionToken")})
	who := url.Values{"Action": {"GetCallerIdentity"}}
	session.sts(t, who).must(t, nil)
	w.root.iam(t, url.Values{"Action": {"DeleteRole"}, "RoleName": {"short-lived"}}).must(t, nil)
	w.root.iam(t, role).must(t, nil)
	return session.sts(t, who)
}

// account is the node's account number.
func (w *world) account(t *testing.T) string {
	t.Helper()
	return element(w.root.sts(t, url.Values{"Action": {"GetCallerIdentity"}}).body, "Account")
}
