package node

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"bothy/api/logs"
	"bothy/backup"
	"bothy/cli"
	"bothy/wire"
)

// idp is a real client of the node's user pools, with the root key.
func (n *testNode) idp() *sdk.Client {
	root := n.root()
	return sdk.New(sdk.Options{Region: "us-east-1", BaseEndpoint: aws.String(n.URL()), Credentials: credentials.NewStaticCredentialsProvider(root.AccessKey, root.Secret, "")})
}

// bothy runs the command line against the node.
func (n *testNode) bothy(args ...string) (code int, out, errs string) {
	var o, e bytes.Buffer
	code = cli.Run(append([]string{"--data", n.cfg.DataDir, "--endpoint", n.URL()}, args...), &o, &e, cli.Program{})
	return code, o.String(), e.String()
}

func signsIn(ctx context.Context, c *sdk.Client, pool, client, password string) error {
	_, err := c.AdminInitiateAuth(ctx, &sdk.AdminInitiateAuthInput{
		UserPoolId: &pool, ClientId: &client, AuthFlow: types.AuthFlowTypeAdminUserPasswordAuth, AuthParameters: map[string]string{"USERNAME": "alice", "PASSWORD": password},
	})
	return err
}

// TestUsersMoveBetweenNodes by the command line: sealed on the way, and with the passwords they had.
func TestUsersMoveBetweenNodes(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	ctx, from, to := t.Context(), run(t, Config{}), run(t, Config{})
	c := from.idp()
	made, err := c.CreateUserPool(ctx, &sdk.CreateUserPoolInput{PoolName: aws.String("p")})
	if err != nil {
		t.Fatal(err)
	}
	pool := *made.UserPool.Id
	client, err := c.CreateUserPoolClient(ctx, &sdk.CreateUserPoolClientInput{UserPoolId: &pool, ClientName: aws.String("c"), ExplicitAuthFlows: []types.ExplicitAuthFlowsType{types.ExplicitAuthFlowsTypeAllowAdminUserPasswordAuth}})
	if err != nil {
		t.Fatal(err)
	}
	const password = "Correct-horse-7"
	if _, err := c.AdminCreateUser(ctx, &sdk.AdminCreateUserInput{UserPoolId: &pool, Username: aws.String("alice"), MessageAction: types.MessageActionTypeSuppress}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.AdminSetUserPassword(ctx, &sdk.AdminSetUserPasswordInput{UserPoolId: &pool, Username: aws.String("alice"), Password: aws.String(password), Permanent: true}); err != nil {
		t.Fatal(err)
	}

	private, recipient, err := backup.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file, key, wrong := filepath.Join(dir, "users.age"), filepath.Join(dir, "key"), filepath.Join(dir, "wrong")
	other, _, _ := backup.NewKey()
	for path, text := range map[string]string{key: "# created by a test\n" + private + "\n", wrong: other} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if code, out, errs := from.bothy("users", "export", pool, file, "--recipient", recipient); code != 0 || !strings.Contains(out, "sealed") {
		t.Fatalf("%d %s %s", code, out, errs)
	}
	text, err := os.ReadFile(file)
	if err != nil || !bytes.HasPrefix(text, []byte("age-encryption.org/")) || bytes.Contains(text, []byte("alice")) {
		t.Fatalf("%q %v", text[:min(len(text), 100)], err)
	}
	for name, args := range map[string][]string{
		"another key": {"users", "import", file, "--identity", wrong},
		"cut short":   {"users", "import", cutShort(t, file), "--identity", key},
		"no pool":     {"users", "export", "us-east-1_none", filepath.Join(dir, "none"), "--recipient", recipient},
		"no key":      {"users", "export", pool, filepath.Join(dir, "none"), "--recipient", "age1x"},
	} {
		if code, out, _ := to.bothy(args...); code != 1 {
			t.Errorf("%s: %d %s", name, code, out)
		}
	}
	if code, out, errs := to.bothy("users", "import", file, "--identity", key); code != 0 || !strings.Contains(out, "1 users came into "+pool) || !strings.Contains(out, "made again") {
		t.Fatalf("%d %s %s", code, out, errs)
	}
	if err := signsIn(ctx, to.idp(), pool, *client.UserPoolClient.ClientId, password); err != nil {
		t.Fatal(err)
	}
	second, err := c.CreateUserPool(ctx, &sdk.CreateUserPoolInput{PoolName: aws.String("second")})
	if err != nil {
		t.Fatal(err)
	}
	if code, out, errs := from.bothy("users", "import", file, "--identity", key, "--pool", *second.UserPool.Id); code != 0 || !strings.Contains(out, "must set a new one (RESET_REQUIRED)") {
		t.Fatalf("%d %s %s", code, out, errs)
	}
	if code, out, errs := from.bothy("users", "rotate-keys", pool); code != 0 || len(strings.Split(out, "\n")) != 4 {
		t.Fatalf("%d %s %s", code, out, errs)
	}
	if code, _, errs := from.bothy("users", "rotate-keys", pool); code != 1 || !strings.Contains(errs, "The last rotation is not over") {
		t.Fatalf("%d %s", code, errs)
	}
	weak := from.user("weak", "bothy:ListMessages")
	if status, body := from.signed(weak, "/_bothy/outbox"); status != http.StatusOK {
		t.Fatal(body)
	}
	t.Setenv("AWS_ACCESS_KEY_ID", weak.AccessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", weak.Secret)
	for _, args := range [][]string{{"users", "export", pool, filepath.Join(dir, "none"), "--recipient", recipient}, {"users", "import", file, "--identity", key}, {"users", "rotate-keys", pool}} {
		if code, out, errs := from.bothy(args...); code != 1 || !strings.Contains(errs, "AccessDenied") {
			t.Errorf("without permission: %d %s %s", code, out, errs)
		}
	}
}

func cutShort(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	short := file + ".short"
	if err := os.WriteFile(short, text[:len(text)-20], 0o600); err != nil {
		t.Fatal(err)
	}
	return short
}

// TestUsersAreImported from a file, through the node's own links, queue and logs.
func TestUsersAreImported(t *testing.T) {
	ctx, n := t.Context(), run(t, Config{})
	c := n.idp()
	made, err := c.CreateUserPool(ctx, &sdk.CreateUserPoolInput{PoolName: aws.String("people"), AutoVerifiedAttributes: []types.VerifiedAttributeType{types.VerifiedAttributeTypeEmail}})
	if err != nil {
		t.Fatal(err)
	}
	pool := made.UserPool.Id
	header, err := c.GetCSVHeader(ctx, &sdk.GetCSVHeaderInput{UserPoolId: pool})
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]string{"cognito:username": "ann", "cognito:mfa_enabled": "false", "email": "ann@example.com", "email_verified": "true"}
	row := make([]string, len(header.CSVHeader))
	for i, name := range header.CSVHeader {
		row[i] = values[name]
	}
	job, err := c.CreateUserImportJob(ctx, &sdk.CreateUserImportJobInput{UserPoolId: pool, JobName: aws.String("in"), CloudWatchLogsRoleArn: aws.String("arn:aws:iam::123456789012:role/logs")})
	if err != nil {
		t.Fatal(err)
	}
	put, err := http.NewRequest(http.MethodPut, *job.UserImportJob.PreSignedUrl, strings.NewReader(strings.Join(header.CSVHeader, ",")+"\n"+strings.Join(row, ",")+"\n"))
	if err != nil {
		t.Fatal(err)
	}
	if status, body := n.send(put); status != http.StatusOK {
		t.Fatal(status, body)
	}
	id := job.UserImportJob.JobId
	if _, err := c.StartUserImportJob(ctx, &sdk.StartUserImportJobInput{UserPoolId: pool, JobId: id}); err != nil {
		t.Fatal(err)
	}
	for status := types.UserImportJobStatusTypePending; status != types.UserImportJobStatusTypeSucceeded; time.Sleep(10 * time.Millisecond) { // until the test's own deadline
		got, err := c.DescribeUserImportJob(ctx, &sdk.DescribeUserImportJobInput{UserPoolId: pool, JobId: id})
		if err != nil || got.UserImportJob.Status == types.UserImportJobStatusTypeFailed {
			t.Fatal(got, err)
		}
		status = got.UserImportJob.Status
	}
	group := "/aws/cognito/userpools/" + *pool + "/people"
	said := invoke(n, logs.FilterLogEvents, &logs.FilterLogEventsInput{LogGroupName: wire.Some(group)})
	if len(said.Events) != 1 || said.Events[0].Message.V != "[SUCCEEDED] Line Number 2 - The import succeeded.\n" || said.Events[0].LogStreamName.V != *id+"/in" {
		t.Fatalf("%+v", said.Events)
	}
	if list := invoke(n, logs.DescribeLogGroups, &logs.DescribeLogGroupsInput{LogGroupNamePrefix: wire.Some("/aws/cognito/")}).LogGroups; len(list) != 1 || list[0].LogGroupName.V != group {
		t.Fatalf("%+v", list)
	}
}
