package bench

import (
	"net/url"
	"strings"
	"testing"
)

// admitUser lets users of a user pool into the identity pool, signs one in, and makes their requests for new credentials: an id
// token verified, a role assumed, its session sealed.
func (w *world) admitUser(tb testing.TB, n int) [][]byte {
	tb.Helper()
	s := newSignIn(tb, w)
	s.once(tb)
	region, _, _ := strings.Cut(s.pool, "_")
	provider := "cognito-idp." + region + ".amazonaws.com/" + s.pool
	w.root.call(tb, "cognito-identity", federation+"UpdateIdentityPool", map[string]any{
		"IdentityPoolId": w.pool, "IdentityPoolName": "bench", "AllowUnauthenticatedIdentities": true,
		"CognitoIdentityProviders": []any{map[string]any{"ProviderName": provider, "ClientId": s.client}},
	}, nil)
	w.root.iam(tb, url.Values{"Action": {"CreateRole"}, "RoleName": {"users"}, "AssumeRolePolicyDocument": {`{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
		"Principal":{"Federated":"cognito-identity.amazonaws.com"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{
		"StringEquals":{"cognito-identity.amazonaws.com:aud":"` + w.pool + `"},"ForAnyValue:StringLike":{"cognito-identity.amazonaws.com:amr":"authenticated"}}}]}`}})
	role := "arn:aws:iam::" + w.account(tb) + ":role/"
	w.root.call(tb, "cognito-identity", federation+"SetIdentityPoolRoles", map[string]any{
		"IdentityPoolId": w.pool, "Roles": map[string]string{"unauthenticated": role + "guests", "authenticated": role + "users"},
	}, nil)
	logins := map[string]string{provider: s.idToken}
	var id struct{ IdentityId string }
	w.anyone.call(tb, "cognito-identity", federation+"GetId", map[string]any{"IdentityPoolId": w.pool, "Logins": logins}, &id)
	return made(n, func(int) []byte {
		return w.anyone.render(tb, "cognito-identity", federation+"GetCredentialsForIdentity", map[string]any{"IdentityId": id.IdentityId, "Logins": logins})
	})
}

func BenchmarkGetCredentialsForUser(b *testing.B) {
	w := newWorld(b)
	compare(b, w, federation+"GetCredentialsForIdentity", w.admitUser(b, batch))
}
