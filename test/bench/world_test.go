package bench

import (
	"bufio"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bothy/node"
	"bothy/wire/sigv4"
)

const (
	dynamo     = "DynamoDB_20120810."
	idp        = "AWSCognitoIdentityProviderService."
	federation = "AWSCognitoIdentityService."
)

// world is a node with what a Mobile Hub app has: a table of everybody's own items, and guests who may use it.
type world struct {
	*process
	root     asker
	anyone   asker
	guest    asker // with temporary credentials of an identity
	identity string
	pool     string // of identities
}

func taskTable() map[string]any {
	return map[string]any{
		"TableName": "tasks", "BillingMode": "PAY_PER_REQUEST",
		"AttributeDefinitions": []any{map[string]string{"AttributeName": "userId", "AttributeType": "S"}, map[string]string{"AttributeName": "taskId", "AttributeType": "S"}},
		"KeySchema":            []any{map[string]string{"AttributeName": "userId", "KeyType": "HASH"}, map[string]string{"AttributeName": "taskId", "KeyType": "RANGE"}},
	}
}

func newWorld(tb testing.TB) *world {
	tb.Helper()
	dir := filepath.Join(tb.TempDir(), "data")
	w := &world{process: again(tb, "node", nil, dir)}
	w.root = asker{w.addr, rootKey(tb, dir)}
	w.anyone = asker{addr: w.addr}
	w.root.call(tb, "dynamodb", dynamo+"CreateTable", taskTable(), nil)
	w.admitGuests(tb)
	w.guest = asker{w.addr, w.credentials(tb)}
	return w
}

// rootKey reads the key that the node wrote for the AWS tools.
func rootKey(tb testing.TB, dir string) (c sigv4.Credentials) {
	tb.Helper()
	f, err := os.Open(filepath.Join(dir, node.CredentialsFile))
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // only read
	for lines := bufio.NewScanner(f); lines.Scan(); {
		switch k, v, _ := strings.Cut(lines.Text(), " = "); k {
		case "aws_access_key_id":
			c.AccessKey = v
		case "aws_secret_access_key":
			c.Secret = v
		}
	}
	return c
}

// admitGuests makes the identity pool and the role of its guests, with the policy Mobile Hub writes for a private table.
func (w *world) admitGuests(tb testing.TB) {
	tb.Helper()
	var pool struct{ IdentityPoolId string }
	w.root.call(tb, "cognito-identity", federation+"CreateIdentityPool", map[string]any{"IdentityPoolName": "bench", "AllowUnauthenticatedIdentities": true}, &pool)
	w.pool = pool.IdentityPoolId
	w.root.iam(tb, url.Values{"Action": {"CreateRole"}, "RoleName": {"guests"}, "AssumeRolePolicyDocument": {`{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
		"Principal":{"Federated":"cognito-identity.amazonaws.com"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{
		"StringEquals":{"cognito-identity.amazonaws.com:aud":"` + w.pool + `"},"ForAnyValue:StringLike":{"cognito-identity.amazonaws.com:amr":"unauthenticated"}}}]}`}})
	w.root.iam(tb, url.Values{"Action": {"PutRolePolicy"}, "RoleName": {"guests"}, "PolicyName": {"tasks"}, "PolicyDocument": {ownItems}})
	w.root.call(tb, "cognito-identity", federation+"SetIdentityPoolRoles", map[string]any{"IdentityPoolId": w.pool, "Roles": map[string]string{"unauthenticated": "arn:aws:iam::" + w.account(tb) + ":role/guests"}}, nil)
}

// ownItems is the policy of a private table.
const ownItems = `{"Version":"2012-10-17","Statement":[
	{"Effect":"Allow","Action":["mobileanalytics:PutEvents","cognito-sync:*"],"Resource":"*"},
	{"Effect":"Allow","Action":["dynamodb:GetItem","dynamodb:BatchGetItem","dynamodb:Query","dynamodb:PutItem","dynamodb:UpdateItem","dynamodb:DeleteItem"],
	 "Resource":["arn:aws:dynamodb:*:*:table/tasks","arn:aws:dynamodb:*:*:table/tasks/index/*"],
	 "Condition":{"ForAllValues:StringEquals":{"dynamodb:LeadingKeys":["${cognito-identity.amazonaws.com:sub}"]}}}]}`

// account is the node's account number, out of the table's ARN.
func (w *world) account(tb testing.TB) string {
	tb.Helper()
	var out struct{ Table struct{ TableArn string } }
	w.root.call(tb, "dynamodb", dynamo+"DescribeTable", map[string]string{"TableName": "tasks"}, &out)
	parts := strings.Split(out.Table.TableArn, ":")
	if len(parts) < 5 {
		tb.Fatalf("ARN %q", out.Table.TableArn)
	}
	return parts[4]
}

func (w *world) credentials(tb testing.TB) sigv4.Credentials {
	tb.Helper()
	var id struct{ IdentityId string }
	w.anyone.call(tb, "cognito-identity", federation+"GetId", map[string]string{"IdentityPoolId": w.pool}, &id)
	w.identity = id.IdentityId
	var out struct {
		Credentials struct{ AccessKeyId, SecretKey, SessionToken string }
	}
	w.anyone.call(tb, "cognito-identity", federation+"GetCredentialsForIdentity", map[string]string{"IdentityId": id.IdentityId}, &out)
	return sigv4.Credentials{AccessKey: out.Credentials.AccessKeyId, Secret: out.Credentials.SecretKey, Token: out.Credentials.SessionToken}
}
