package node

import (
	"encoding/json"
	"strings"
	"testing"

	"bothy/access"
	"bothy/api/cognitoidp"
	"bothy/api/iam"
	"bothy/api/sts"
	"bothy/wire"
)

// call makes a call that must succeed, as the operator of the account.
func call[In, Out any](n *testNode, op wire.Op[In, Out], in *In) *Out {
	n.t.Helper()
	out, err := wire.Invoke(n.t.Context(), n.services.mux, internal(n.account), "us-east-1", op, in)
	if err != nil {
		n.t.Fatalf("%s: %v", op.Info.Name, err)
	}
	return out
}

// TestUserPoolAsProvider: the token of a user pool is good for a role where IAM has the pool as a provider, for the clients it names, and
// nobody else is asked.
func TestUserPoolAsProvider(t *testing.T) {
	n := run(t, Config{})
	some := wire.Some[string]
	pool := call(n, cognitoidp.CreateUserPool, &cognitoidp.CreateUserPoolInput{PoolName: some("p")}).UserPool.Id
	client := call(n, cognitoidp.CreateUserPoolClient, &cognitoidp.CreateUserPoolClientInput{UserPoolId: pool, ClientName: some("c"), ExplicitAuthFlows: []string{"ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"}}).UserPoolClient.ClientId
	call(n, cognitoidp.AdminCreateUser, &cognitoidp.AdminCreateUserInput{UserPoolId: pool, Username: some("ann"), MessageAction: some("SUPPRESS")})
	call(n, cognitoidp.AdminSetUserPassword, &cognitoidp.AdminSetUserPasswordInput{UserPoolId: pool, Username: some("ann"), Password: some("Correct-Horse-1"), Permanent: wire.Some(true)})
	token := call(n, cognitoidp.AdminInitiateAuth, &cognitoidp.AdminInitiateAuthInput{UserPoolId: pool, ClientId: client, AuthFlow: some("ADMIN_USER_PASSWORD_AUTH"),
		AuthParameters: map[string]string{"USERNAME": "ann", "PASSWORD": "Correct-Horse-1"}}).AuthenticationResult.IdToken

	host := "cognito-idp.us-east-1.amazonaws.com/" + pool.V
	arn := "arn:aws:iam::" + n.account + ":oidc-provider/" + host
	role := call(n, iam.CreateRole, &iam.CreateRoleInput{RoleName: some("web"), AssumeRolePolicyDocument: some(`{"Version":"2012-10-17","Statement":{"Effect":"Allow",
		"Principal":{"Federated":"` + arn + `"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringEquals":{"` + host + `:aud":"` + client.V + `"}}}}`)}).Role
	assume := func() error {
		_, err := wire.Invoke(t.Context(), n.services.mux, nil, "us-east-1", sts.AssumeRoleWithWebIdentity,
			&sts.AssumeRoleWithWebIdentityInput{RoleArn: role.Arn, RoleSessionName: some("web"), WebIdentityToken: token})
		return err
	}
	if err := assume(); err == nil || !strings.Contains(err.Error(), "InvalidIdentityToken") {
		t.Errorf("without a provider: %v", err)
	}
	call(n, iam.CreateOpenIDConnectProvider, &iam.CreateOpenIDConnectProviderInput{Url: some("https://" + host), ClientIDList: []string{client.V}})
	if err := assume(); err != nil {
		t.Error(err)
	}
	call(n, iam.RemoveClientIDFromOpenIDConnectProvider, &iam.RemoveClientIDFromOpenIDConnectProviderInput{OpenIDConnectProviderArn: some(arn), ClientID: client})
	if err := assume(); err == nil || !strings.Contains(err.Error(), "InvalidIdentityToken") {
		t.Errorf("for a client the provider does not name: %v", err)
	}
}

// TestIssuer: the account's discovery documents are where its issuer says.
func TestIssuer(t *testing.T) {
	n := run(t, Config{})
	issuer := call(n, iam.EnableOutboundWebIdentityFederation, &iam.EnableOutboundWebIdentityFederationInput{}).IssuerIdentifier.V
	path, ok := strings.CutPrefix(issuer, "https://"+n.Addr())
	if !ok || !strings.HasPrefix(path, access.IssuerPath) {
		t.Fatalf("issuer %s", issuer)
	}
	status, body := n.do("GET", path+"/.well-known/openid-configuration", "")
	var about map[string]any
	if err := json.Unmarshal([]byte(body), &about); status != 200 || err != nil || about["issuer"] != issuer {
		t.Fatalf("%d %s: %v", status, body, err)
	}
	if status, body := n.do("GET", path+"/.well-known/jwks.json", ""); status != 200 || strings.Count(body, `"kid"`) != 2 || strings.Contains(body, `"d"`) {
		t.Errorf("keys: %d %s", status, body)
	}
	if status, _ := n.do("GET", access.IssuerPath+"other/.well-known/jwks.json", ""); status != 404 {
		t.Errorf("another issuer: %d", status)
	}
}
