package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentity"
	identitytypes "github.com/aws/aws-sdk-go-v2/service/cognitoidentity/types"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	idptypes "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"bothy/test/srp"
)

// clients are SDK clients with one pair of keys at one endpoint. Every request is a new connection, so behind the balancer each
// goes to another node.
type clients struct{ cfg aws.Config }

func (c *cluster) with(endpoint string, keys aws.CredentialsProvider) clients {
	return clients{aws.Config{
		Region: region, BaseEndpoint: aws.String(endpoint), Credentials: keys,
		HTTPClient: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}},
	}}
}

func (c clients) retrying(attempts int) clients {
	c.cfg.RetryMaxAttempts = attempts
	return c
}

func (c clients) users() *idp.Client                  { return idp.NewFromConfig(c.cfg) }
func (c clients) identities() *cognitoidentity.Client { return cognitoidentity.NewFromConfig(c.cfg) }
func (c clients) tables() *dynamodb.Client            { return dynamodb.NewFromConfig(c.cfg) }
func (c clients) access() *iam.Client                 { return iam.NewFromConfig(c.cfg) }
func (c clients) functions() *lambda.Client           { return lambda.NewFromConfig(c.cfg) }
func (c clients) tokens() *sts.Client                 { return sts.NewFromConfig(c.cfg) }
func (c clients) objects() *s3.Client {
	return s3.NewFromConfig(c.cfg, func(o *s3.Options) { o.UsePathStyle = true })
}

// root are the root key's clients at an endpoint.
func (c *cluster) root(endpoint string) clients {
	c.t.Helper()
	text, err := os.ReadFile(filepath.Join(c.nodes[0].data, "credentials"))
	if err != nil {
		c.t.Fatal(err)
	}
	values := map[string]string{}
	for line := range strings.Lines(string(text)) {
		k, v, _ := strings.Cut(strings.TrimSpace(line), " = ")
		values[k] = v
	}
	return c.with(endpoint, credentials.NewStaticCredentialsProvider(values["aws_access_key_id"], values["aws_secret_access_key"], ""))
}

func (c *cluster) anyone(endpoint string) clients {
	return c.with(endpoint, aws.AnonymousCredentials{})
}

// app is a backend made through the balancer: a pool, identities with a role, a table and a bucket.
type app struct {
	pool, client, identityPool string
	table, bucket              string
}

const (
	password = "Correct-horse-7"
	roleName = "app"
)

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func (c *cluster) newApp() *app {
	t, ctx, root := c.t, c.t.Context(), c.root(c.url())
	t.Helper()
	a := &app{table: "rows", bucket: "app-objects"}
	pool := must[*idp.CreateUserPoolOutput](t)(root.users().CreateUserPool(ctx, &idp.CreateUserPoolInput{PoolName: aws.String("app"), AutoVerifiedAttributes: []idptypes.VerifiedAttributeType{"email"}}))
	a.pool = *pool.UserPool.Id
	client := must[*idp.CreateUserPoolClientOutput](t)(root.users().CreateUserPoolClient(ctx, &idp.CreateUserPoolClientInput{
		UserPoolId: &a.pool, ClientName: aws.String("app"), ExplicitAuthFlows: []idptypes.ExplicitAuthFlowsType{"ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"},
	}))
	a.client = *client.UserPoolClient.ClientId
	ids := must[*cognitoidentity.CreateIdentityPoolOutput](t)(root.identities().CreateIdentityPool(ctx, identityPool(a)))
	a.identityPool = *ids.IdentityPoolId
	arn := c.role(roleName, fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"cognito-identity.amazonaws.com"},"Action":"sts:AssumeRoleWithWebIdentity",
		"Condition":{"StringEquals":{"cognito-identity.amazonaws.com:aud":%q}}}]}`, a.identityPool))
	must[*cognitoidentity.SetIdentityPoolRolesOutput](t)(root.identities().SetIdentityPoolRoles(ctx, &cognitoidentity.SetIdentityPoolRolesInput{
		IdentityPoolId: &a.identityPool, Roles: map[string]string{"authenticated": arn, "unauthenticated": arn},
	}))
	must[*dynamodb.CreateTableOutput](t)(root.tables().CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName: &a.table, BillingMode: ddbtypes.BillingModePayPerRequest,
		AttributeDefinitions: []ddbtypes.AttributeDefinition{{AttributeName: aws.String("id"), AttributeType: ddbtypes.ScalarAttributeTypeS}},
		KeySchema:            []ddbtypes.KeySchemaElement{{AttributeName: aws.String("id"), KeyType: ddbtypes.KeyTypeHash}},
	}))
	must[*s3.CreateBucketOutput](t)(root.objects().CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &a.bucket}))
	return a
}

// role makes a role that may use tables and objects.
func (c *cluster) role(name, trust string) (arn string) {
	c.t.Helper()
	root := c.root(c.url())
	out := must[*iam.CreateRoleOutput](c.t)(root.access().CreateRole(c.t.Context(), &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: &trust}))
	c.allow(c.url(), name)
	return *out.Role.Arn
}

const policyName = "data"

// allow gives the role its rights at one node; deny takes them away.
func (c *cluster) allow(endpoint, role string) {
	c.t.Helper()
	must[*iam.PutRolePolicyOutput](c.t)(c.root(endpoint).access().PutRolePolicy(c.t.Context(), &iam.PutRolePolicyInput{RoleName: &role, PolicyName: aws.String(policyName),
		PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["dynamodb:*","s3:*"],"Resource":"*"}]}`)}))
}

func (c *cluster) deny(endpoint, role string) {
	c.t.Helper()
	must[*iam.DeleteRolePolicyOutput](c.t)(c.root(endpoint).access().DeleteRolePolicy(c.t.Context(), &iam.DeleteRolePolicyInput{RoleName: &role, PolicyName: aws.String(policyName)}))
}

// member is somebody who signed up, with the tokens of a sign-in and credentials of the role.
type member struct {
	name, id string
	tokens   *idptypes.AuthenticationResultType
	clients  // at the balancer
}

// join signs somebody up, confirms with the code that was sent, signs in by SRP and takes credentials: one step at one node,
// the next at the other.
func (c *cluster) join(a *app, name string) *member {
	t, ctx := c.t, c.t.Context()
	t.Helper()
	i := 0
	next := func() clients { i++; return c.anyone(c.nodes[i%len(c.nodes)].url()) }
	email := name + "@example.com"
	code := make(chan string, 1)
	go func() { code <- c.code(c.nodes[0], email) }() // waits at one node for what happens at the other
	must[*idp.SignUpOutput](t)(next().users().SignUp(ctx, &idp.SignUpInput{
		ClientId: &a.client, Username: &name, Password: aws.String(password), UserAttributes: []idptypes.AttributeType{{Name: aws.String("email"), Value: &email}},
	}))
	must[*idp.ConfirmSignUpOutput](t)(next().users().ConfirmSignUp(ctx, &idp.ConfirmSignUpInput{ClientId: &a.client, Username: &name, ConfirmationCode: aws.String(<-code)}))
	s := srp.Begin(a.pool)
	challenge := must[*idp.InitiateAuthOutput](t)(next().users().InitiateAuth(ctx, &idp.InitiateAuthInput{
		ClientId: &a.client, AuthFlow: "USER_SRP_AUTH", AuthParameters: map[string]string{"USERNAME": name, "SRP_A": s.Public()},
	}))
	proof := must[map[string]string](t)(s.Prove(challenge.ChallengeParameters, password, time.Now()))
	out := must[*idp.RespondToAuthChallengeOutput](t)(next().users().RespondToAuthChallenge(ctx, &idp.RespondToAuthChallengeInput{
		ClientId: &a.client, ChallengeName: "PASSWORD_VERIFIER", ChallengeResponses: proof,
	}))
	m := &member{name: name, tokens: out.AuthenticationResult}
	logins := map[string]string{"cognito-idp." + region + ".amazonaws.com/" + a.pool: *m.tokens.IdToken}
	got := must[*cognitoidentity.GetIdOutput](t)(next().identities().GetId(ctx, &cognitoidentity.GetIdInput{IdentityPoolId: &a.identityPool, Logins: logins}))
	m.id = *got.IdentityId
	creds := must[*cognitoidentity.GetCredentialsForIdentityOutput](t)(next().identities().GetCredentialsForIdentity(ctx, &cognitoidentity.GetCredentialsForIdentityInput{IdentityId: &m.id, Logins: logins}))
	m.clients = c.with(c.url(), credentials.NewStaticCredentialsProvider(*creds.Credentials.AccessKeyId, *creds.Credentials.SecretKey, *creds.Credentials.SessionToken))
	return m
}

// at are the member's clients at one endpoint.
func (m *member) at(endpoint string) clients {
	c := m.clients
	c.cfg.BaseEndpoint = &endpoint
	return c
}

// code waits at a node for the code that somebody gets.
func (c *cluster) code(n *node, email string) string {
	res, err := http.Get(n.url() + "/_bothy/test/outbox?wait=30s&to=" + url.QueryEscape(email))
	if err != nil {
		return err.Error()
	}
	defer res.Body.Close() //nolint:errcheck // only read
	var m struct{ Fields map[string]string }
	if err := json.NewDecoder(res.Body).Decode(&m); err != nil {
		return err.Error()
	}
	return m.Fields["code"]
}

func identityPool(a *app) *cognitoidentity.CreateIdentityPoolInput {
	return &cognitoidentity.CreateIdentityPoolInput{
		IdentityPoolName: aws.String("app"), AllowUnauthenticatedIdentities: true,
		CognitoIdentityProviders: []identitytypes.CognitoIdentityProvider{{ProviderName: aws.String("cognito-idp." + region + ".amazonaws.com/" + a.pool), ClientId: &a.client}},
	}
}

// put writes a row, and every few rows an object that says the same.
func (c clients) put(ctx context.Context, a *app, id string) error {
	_, err := c.tables().PutItem(ctx, &dynamodb.PutItemInput{TableName: &a.table, Item: map[string]ddbtypes.AttributeValue{"id": &ddbtypes.AttributeValueMemberS{Value: id}}})
	return err
}

func (c clients) putObject(ctx context.Context, a *app, key string, content []byte) error {
	_, err := c.objects().PutObject(ctx, &s3.PutObjectInput{Bucket: &a.bucket, Key: &key, Body: bytes.NewReader(content)})
	return err
}

// row tells whether a row is there.
func (c clients) row(ctx context.Context, a *app, id string) (map[string]ddbtypes.AttributeValue, error) {
	out, err := c.tables().GetItem(ctx, &dynamodb.GetItemInput{TableName: &a.table, Key: map[string]ddbtypes.AttributeValue{"id": &ddbtypes.AttributeValueMemberS{Value: id}}, ConsistentRead: aws.Bool(true)})
	if err != nil {
		return nil, err
	}
	return out.Item, nil
}

func (c clients) object(ctx context.Context, a *app, key string) ([]byte, error) {
	out, err := c.objects().GetObject(ctx, &s3.GetObjectInput{Bucket: &a.bucket, Key: &key})
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(out.Body)
	return b, errors.Join(err, out.Body.Close())
}
