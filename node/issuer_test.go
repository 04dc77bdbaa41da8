package node

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	federated "github.com/aws/aws-sdk-go-v2/service/cognitoidentity"
	federatedtypes "github.com/aws/aws-sdk-go-v2/service/cognitoidentity/types"
	sdk "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
)

// TestOwnIssuer: tokens name the node's own domain, identity pools know them by it, and an address of another node's is nothing.
func TestOwnIssuer(t *testing.T) {
	const own = "id.example.com"
	ctx, n := t.Context(), run(t, Config{Issuer: "https://" + own})
	c := n.idp()
	made, err := c.CreateUserPool(ctx, &sdk.CreateUserPoolInput{PoolName: aws.String("p")})
	if err != nil {
		t.Fatal(err)
	}
	pool := made.UserPool.Id
	client, err := c.CreateUserPoolClient(ctx, &sdk.CreateUserPoolClientInput{UserPoolId: pool, ClientName: aws.String("c"), ExplicitAuthFlows: []types.ExplicitAuthFlowsType{types.ExplicitAuthFlowsTypeAllowAdminUserPasswordAuth}})
	if err != nil {
		t.Fatal(err)
	}
	const password = "Correct-horse-7"
	if _, err := c.AdminCreateUser(ctx, &sdk.AdminCreateUserInput{UserPoolId: pool, Username: aws.String("alice"), MessageAction: types.MessageActionTypeSuppress}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.AdminSetUserPassword(ctx, &sdk.AdminSetUserPasswordInput{UserPoolId: pool, Username: aws.String("alice"), Password: aws.String(password), Permanent: true}); err != nil {
		t.Fatal(err)
	}
	signed, err := c.AdminInitiateAuth(ctx, &sdk.AdminInitiateAuthInput{
		UserPoolId: pool, ClientId: client.UserPoolClient.ClientId, AuthFlow: types.AuthFlowTypeAdminUserPasswordAuth, AuthParameters: map[string]string{"USERNAME": "alice", "PASSWORD": password},
	})
	if err != nil {
		t.Fatal(err)
	}
	token := *signed.AuthenticationResult.IdToken
	claims, _ := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	if issuer := `"iss":"https://` + own + "/" + *pool + `"`; !strings.Contains(string(claims), issuer) {
		t.Errorf("%s lacks %s", claims, issuer)
	}
	if status, body := n.do("GET", "/"+*pool+"/.well-known/openid-configuration", own); status != 200 || !strings.Contains(body, `"issuer":"https://`+own+"/"+*pool+`"`) {
		t.Errorf("%d %s", status, body)
	}
	if _, err := c.GetUser(ctx, &sdk.GetUserInput{AccessToken: signed.AuthenticationResult.AccessToken}); err != nil {
		t.Error(err)
	}

	root := n.root()
	f := federated.New(federated.Options{Region: "us-east-1", BaseEndpoint: aws.String(n.URL()), Credentials: credentials.NewStaticCredentialsProvider(root.AccessKey, root.Secret, "")})
	usual := "cognito-idp.us-east-1.amazonaws.com/" + *pool
	identities, err := f.CreateIdentityPool(ctx, &federated.CreateIdentityPoolInput{
		IdentityPoolName: aws.String("i"), CognitoIdentityProviders: []federatedtypes.CognitoIdentityProvider{{ProviderName: &usual, ClientId: client.UserPoolClient.ClientId}},
	})
	if err != nil {
		t.Fatal(err)
	}
	first := ""
	for _, provider := range []string{own + "/" + *pool, usual} {
		id, err := f.GetId(ctx, &federated.GetIdInput{IdentityPoolId: identities.IdentityPoolId, Logins: map[string]string{provider: token}})
		if err != nil {
			t.Fatalf("%s: %v", provider, err)
		}
		if first == "" {
			first = *id.IdentityId
		}
		if *id.IdentityId != first {
			t.Errorf("%s leads to another identity", provider)
		}
	}
	for _, provider := range []string{"id.example.org/" + *pool, own + "/x/" + *pool, own + "/us-east-1_none"} {
		if _, err := f.GetId(ctx, &federated.GetIdInput{IdentityPoolId: identities.IdentityPoolId, Logins: map[string]string{provider: token}}); err == nil {
			t.Errorf("%s was taken", provider)
		}
	}
}
