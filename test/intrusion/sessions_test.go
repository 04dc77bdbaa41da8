package intrusion

import (
	"encoding/base64"
	"net/url"
	"strings"
	"testing"

	"bothy/otp"
	"bothy/wire/sigv4"
)

// worker makes an IAM user with a policy, and returns them with a key.
func (w *world) worker(t *testing.T, name, statements string) caller {
	t.Helper()
	w.root.iam(t, url.Values{"Action": {"CreateUser"}, "UserName": {name}}).must2xx(t)
	w.root.iam(t, url.Values{"Action": {"PutUserPolicy"}, "UserName": {name}, "PolicyName": {"p"}, "PolicyDocument": {`{"Version":"2012-10-17","Statement":` + statements + `}`}}).must2xx(t)
	made := w.root.iam(t, url.Values{"Action": {"CreateAccessKey"}, "UserName": {name}})
	made.must2xx(t)
	return w.anyone.with(sigv4.Credentials{AccessKey: element(made.body, "AccessKeyId"), Secret: element(made.body, "SecretAccessKey")})
}

// newRole makes a role that trusts by a statement and may what another says.
func (w *world) newRole(t *testing.T, name, trust, may string) (arn string) {
	t.Helper()
	made := w.root.iam(t, url.Values{"Action": {"CreateRole"}, "RoleName": {name}, "MaxSessionDuration": {"43200"}, "AssumeRolePolicyDocument": {`{"Version":"2012-10-17","Statement":` + trust + `}`}})
	made.must2xx(t)
	if may != "" {
		w.allow(t, name, may)
	}
	return element(made.body, "Arn")
}

// TestRolesForTheTaking: sessions of STS that their conditions should not give, and those that reach further than they may.
func TestRolesForTheTaking(t *testing.T) {
	w := newWorld(t)
	account := w.account(t)
	all := `{"Effect":"Allow","Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"],"Resource":"*"}`
	eve := w.worker(t, "eve", `[`+all+`,{"Effect":"Allow","Action":"iam:ListRoles","Resource":"*","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}}}]`)
	trusts := func(more string) string {
		return `{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + account + `:root"},"Action":"sts:AssumeRole"` + more + `}`
	}
	external := w.newRole(t, "external", trusts(`,"Condition":{"StringEquals":{"sts:ExternalId":"ours"}}`), "")
	proved := w.newRole(t, "proved", trusts(`,"Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}}`), "")
	chained := w.newRole(t, "chained", trusts(""), all)
	tagged := w.newRole(t, "tagged", trusts(""), `{"Effect":"Allow","Action":"iam:ListUsers","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalTag/team":"admin"}}}`)
	web := w.newRole(t, "web", `{"Effect":"Allow","Principal":{"Federated":"cognito-identity.amazonaws.com"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringEquals":{"cognito-identity.amazonaws.com:aud":"`+w.identityPool(t)+`"}}}`, "")
	foreign := w.newRole(t, "foreign", `{"Effect":"Allow","Principal":{"Federated":"cognito-identity.amazonaws.com"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringEquals":{"cognito-identity.amazonaws.com:aud":"us-east-1:00000000-0000-0000-0000-000000000000"}}}`, "")

	made := w.root.iam(t, url.Values{"Action": {"CreateVirtualMFADevice"}, "VirtualMFADeviceName": {"eve"}})
	made.must2xx(t)
	serial, seed := element(made.body, "SerialNumber"), element(made.body, "Base32StringSeed")
	secret := decodedSeed(t, seed)
	step := otp.StepAt(w.now())
	w.root.iam(t, url.Values{"Action": {"EnableMFADevice"}, "UserName": {"eve"}, "SerialNumber": {serial}, "AuthenticationCode1": {otp.Code(secret, step-1)}, "AuthenticationCode2": {otp.Code(secret, step)}}).must2xx(t)

	assume := func(c caller, arn string, pairs ...string) func(*testing.T) answer {
		return func(t *testing.T) answer {
			q := url.Values{"Action": {"AssumeRole"}, "RoleArn": {arn}, "RoleSessionName": {"eve"}}
			for i := 0; i+1 < len(pairs); i += 2 {
				q.Set(pairs[i], pairs[i+1])
			}
			return c.sts(t, q)
		}
	}
	identity := func(arn, token string) func(*testing.T) answer {
		return func(t *testing.T) answer {
			return w.anyone.sts(t, url.Values{"Action": {"AssumeRoleWithWebIdentity"}, "RoleArn": {arn}, "RoleSessionName": {"eve"}, "WebIdentityToken": {token}})
		}
	}
	chain := assume(eve, chained)(t).session(t, w.anyone)
	plain := assume(eve, tagged)(t).session(t, w.anyone)
	users, roles := url.Values{"Action": {"ListUsers"}}, url.Values{"Action": {"ListRoles"}}
	unproved := eve.sts(t, url.Values{"Action": {"GetSessionToken"}}).session(t, w.anyone)
	var mine struct{ Token string }
	w.anyone.federation(t, "GetOpenIdToken", map[string]any{"IdentityId": w.mallory.id, "Logins": w.logins(t, w.mallory.idToken)}).must(t, &mine)
	const denied, invalid = "AccessDenied", "ValidationError"
	w.attempts(t, []attempt{
		{"no external id", assume(eve, external), 403, denied, `(?i)sts:externalid`},
		{"another external id", assume(eve, external, "ExternalId", "theirs"), 403, denied, `(?i)sts:externalid`},
		{"no second factor", assume(eve, proved), 403, denied, `(?i)multifactorauthpresent`},
		{"a device without a code", assume(eve, proved, "SerialNumber", serial), 403, denied, `(?i)code|token|mfa|multifactor`},
		{"a wrong code", assume(eve, proved, "SerialNumber", serial, "TokenCode", "000000"), 403, denied, `(?i)code`},
		{"a code that paired the device", assume(eve, proved, "SerialNumber", serial, "TokenCode", otp.Code(secret, step)), 403, denied, `(?i)code`},
		{"a device of nobody", assume(eve, proved, "SerialNumber", serial+"x", "TokenCode", otp.Code(secret, step)), 403, denied, `(?i)code|device|mfa`},
		{"a role by a session without a second factor", assume(unproved, proved), 403, denied, `(?i)multifactorauthpresent`},
		{"a policy for a second factor, by key", func(t *testing.T) answer { return eve.iam(t, roles) }, 403, denied, `(?i)iam:ListRoles`},
		{"a policy for a second factor, by session", func(t *testing.T) answer { return unproved.iam(t, roles) }, 403, denied, `(?i)iam:ListRoles`},
		{"a chained session of two hours", assume(chain, tagged, "DurationSeconds", "7200"), 400, invalid, `role chaining`},
		{"a session longer than the role's", assume(eve, chained, "DurationSeconds", "43201"), 400, invalid, `(?i)durationseconds`},
		{"tags that the role does not trust", assume(eve, tagged, "Tags.member.1.Key", "team", "Tags.member.1.Value", "admin"), 403, denied, `(?i)sts:TagSession`},
		{"a name for oneself that the role does not trust", assume(eve, tagged, "SourceIdentity", "root"), 403, denied, `(?i)sts:SetSourceIdentity`},
		{"a tag that the session has not", func(t *testing.T) answer { return plain.iam(t, users) }, 403, denied, `(?i)aws:PrincipalTag/team`},
		{"a role for another service's word", assume(eve, web), 403, denied, `sts:AssumeRole`},
		{"a role of the root key", assume(w.root, chained), 403, denied, `root`},
		{"a role of nobody", assume(w.anyone, chained), 403, "MissingAuthenticationToken", `no signature`},
		{"a session of a session", func(t *testing.T) answer { return unproved.sts(t, url.Values{"Action": {"GetSessionToken"}}) }, 403, denied, `(?i)GetSessionToken`},
		{"a federated user of a session", func(t *testing.T) answer {
			return chain.sts(t, url.Values{"Action": {"GetFederationToken"}, "Name": {"eve"}})
		}, 403, denied, `GetFederationToken`},
		{"a user pool's token at STS", identity(web, w.mallory.idToken), 400, "InvalidIdentityToken", `(?i)issuer|token`},
		{"an access token at STS", identity(web, w.mallory.access), 400, "InvalidIdentityToken", `(?i)issuer|token`},
		{"a token of no provider", identity(web, b64.EncodeToString([]byte(`{"alg":"RS256"}`))+"."+b64.EncodeToString([]byte(`{"iss":"https://evil.example","aud":"x","sub":"x"}`))+".AAAA"), 400, "InvalidIdentityToken", `(?i)issuer|token|signature`},
		{"a token of another identity pool", identity(foreign, mine.Token), 403, denied, `(?i)cognito-identity.amazonaws.com:aud`},
		{"a token of an identity at a role that is not there", identity(strings.Replace(web, ":role/web", ":role/nobody", 1), mine.Token), 403, denied, `does not exist`},
		{"a session with another's key", func(t *testing.T) answer {
			mixed := chain.keys
			mixed.AccessKey = plain.keys.AccessKey
			return w.anyone.with(mixed).sts(t, url.Values{"Action": {"GetCallerIdentity"}})
		}, 403, "InvalidClientTokenId", `(?i)token`},
		{"a session with another's token", func(t *testing.T) answer {
			mixed := chain.keys
			mixed.Token = plain.keys.Token
			return w.anyone.with(mixed).sts(t, url.Values{"Action": {"GetCallerIdentity"}})
		}, 403, "InvalidClientTokenId", `(?i)token`},
		{"the operator's eyes by a session", func(t *testing.T) answer {
			return chain.send(t, request{service: "bothy", method: "GET", path: "/_bothy/outbox?to=neighbour%40example.com"})
		}, 403, "AccessDeniedException", `bothy:ListMessages`},
	})
	w.intact(t)
}

// decodedSeed reads the seed of a device: a blob, of base 32.
func decodedSeed(t *testing.T, seed string) []byte {
	t.Helper()
	text, err := base64.StdEncoding.DecodeString(seed)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := otp.Decode(string(text))
	if err != nil {
		t.Fatal(err)
	}
	return secret
}
