package functions

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscreds "github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"bothy/api/lambda"
	"bothy/api/logs"
	"bothy/blob"
	"bothy/blob/memblob"
	"bothy/functions/runner"
	"bothy/kv"
	"bothy/kv/memkv"
	"bothy/policy"
	"bothy/record"
	"bothy/wire"
)

const (
	account = "123456789012"
	region  = "us-east-1"
	role    = "arn:aws:iam::123456789012:role/lambda"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "__sandbox" {
		runner.SandboxMain(os.Args[2:])
	}
	os.Exit(m.Run())
}

type fakeSessions struct{}

func (fakeSessions) AssumeForFunction(_ context.Context, roleARN, _ string) (key, secret, token string, expires time.Time, err error) {
	if roleARN != role {
		return "", "", "", time.Time{}, errors.New("no such role")
	}
	return "ASIAFUNCTION", "secret", "token", time.Now().Add(time.Hour), nil
}

type fakeObjects map[string][]byte

// OpenObject refuses everybody but the root, as a bucket's policy may.
func (o fakeObjects) OpenObject(c *wire.Call, bucket, key, _ string) (io.ReadCloser, int64, error) {
	if c.Principal.Kind != wire.Root {
		return nil, 0, wire.Because(wire.Fail(403, "AccessDenied", "Access Denied"), "the bucket's policy denies it")
	}
	b, ok := o[bucket+"/"+key]
	if !ok {
		return nil, 0, wire.Fail(404, "NoSuchKey", "The specified key does not exist.")
	}
	return io.NopCloser(bytes.NewReader(b)), int64(len(b)), nil
}

// fakeCredentials know the root key and one user who may do what its policy says.
type fakeCredentials struct{ user policy.Attached }

func (f fakeCredentials) Find(_ context.Context, key, _ string) (*wire.Credential, error) {
	switch key {
	case "AKIAROOT":
		return &wire.Credential{Secret: "root", Principal: &wire.Principal{Kind: wire.Root, Account: account, ARN: "arn:aws:iam::" + account + ":root", Policies: policy.Attached{Unlimited: true}}}, nil
	case "AKIAUSER":
		return &wire.Credential{Secret: "user", Principal: &wire.Principal{Kind: wire.User, Account: account, ARN: "arn:aws:iam::" + account + ":user/u", Policies: f.user}}, nil
	}
	return nil, wire.Fail(403, "InvalidClientTokenId", "unknown key")
}

type world struct {
	*Service
	objects fakeObjects
	server  *httptest.Server
	now     time.Time
	blobs   blob.Engine
	doomed  string // a blob that is being swept
	mux     *wire.Mux
}

func newWorld(t *testing.T, userPolicy string) *world {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("no node on this machine")
	}
	sealer, err := record.NewSealer(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for d := dir; d != os.TempDir() && d != "/"; d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o711); err != nil {
			t.Fatal(err)
		}
	}
	w := &world{objects: fakeObjects{}, now: time.Now(), blobs: memblob.New()}
	w.Service = New(Config{
		DB: kv.New(memkv.New()), Blobs: w.blobs, Sealer: sealer, Objects: w.objects, Now: func() time.Time { return w.now }, Log: slog.New(slog.DiscardHandler),
		Keep: func(_ context.Context, _ *kv.Tx, id string) error {
			if id == w.doomed {
				return blob.ErrNotFound
			}
			return nil
		},
		Runner: runner.Config{Dir: filepath.Join(dir, "functions"), Node: node, Shim: []string{"/proc/self/exe", "__sandbox"}, Endpoint: "http://127.0.0.1:1", Sessions: fakeSessions{}},
	})
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	user := policy.Attached{}
	if userPolicy != "" {
		p, err := policy.Parse([]byte(userPolicy))
		if err != nil {
			t.Fatal(err)
		}
		user.Identity = []policy.Source{{Name: "user", Policy: p}}
	}
	mux := wire.NewMux(wire.Config{
		Account: func() string { return account }, Region: region, Domains: []string{"localhost"}, Credentials: fakeCredentials{user}, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	}, lambda.API, logs.API)
	w.Mount(mux)
	w.mux = mux
	w.server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, CodePath) {
			w.ServeCode(rw, r)
			return
		}
		mux.ServeHTTP(rw, r)
	}))
	t.Cleanup(w.server.Close)
	return w
}

func (w *world) client(key, secret string) *sdk.Client {
	return sdk.New(sdk.Options{Region: region, BaseEndpoint: aws.String(w.server.URL), Credentials: awscreds.NewStaticCredentialsProvider(key, secret, ""), RetryMaxAttempts: 1})
}

func (w *world) root() *sdk.Client { return w.client("AKIAROOT", "root") }

func zipped(t *testing.T, index string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	f, err := z.Create("index.js")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(f, index); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func (w *world) create(t *testing.T, name, index string) *sdk.CreateFunctionOutput {
	t.Helper()
	out, err := w.root().CreateFunction(t.Context(), &sdk.CreateFunctionInput{
		FunctionName: &name, Runtime: "nodejs6.10", Role: aws.String(role), Handler: aws.String("index.handler"), Code: &types.FunctionCode{ZipFile: zipped(t, index)},
		Environment: &types.Environment{Variables: map[string]string{"TABLE": "tasks"}}, Timeout: aws.Int32(5), Tags: map[string]string{"a": "b"},
	})
	if err != nil {
		t.Fatalf("create: %v", err)
	}
	return out
}

func TestLifeOfAFunction(t *testing.T) {
	w := newWorld(t, "")
	ctx, c := t.Context(), w.root()
	made := w.create(t, "tasks", `exports.handler = (e, ctx, cb) => { console.log('seen'); cb(null, {table: process.env.TABLE, x: e.x}) }`)
	if *made.FunctionArn != "arn:aws:lambda:us-east-1:123456789012:function:tasks" || *made.Version != "$LATEST" || made.State != types.StateActive {
		t.Errorf("created %+v", made)
	}
	_, err := c.CreateFunction(ctx, &sdk.CreateFunctionInput{FunctionName: aws.String("tasks"), Runtime: "nodejs6.10", Role: aws.String(role), Handler: aws.String("index.handler"), Code: &types.FunctionCode{ZipFile: zipped(t, "")}})
	if taken := (*types.ResourceConflictException)(nil); !errors.As(err, &taken) || taken.ErrorMessage() != "Function already exist: tasks" {
		t.Errorf("second create: %v", err)
	}
	res, err := c.Invoke(ctx, &sdk.InvokeInput{FunctionName: aws.String("tasks"), Payload: []byte(`{"x":1}`), LogType: types.LogTypeTail})
	if err != nil || string(res.Payload) != `{"table":"tasks","x":1}` || res.FunctionError != nil || res.StatusCode != 200 || *res.ExecutedVersion != "$LATEST" {
		t.Fatalf("invoke: %+v %v", res, err)
	}
	if log, _ := base64.StdEncoding.DecodeString(*res.LogResult); !strings.Contains(string(log), "INFO\tseen") {
		t.Errorf("log: %s", log)
	}
	if _, err := c.UpdateFunctionCode(ctx, &sdk.UpdateFunctionCodeInput{FunctionName: aws.String(*made.FunctionArn), ZipFile: zipped(t, `exports.handler = async () => { throw new Error('now bad') }`), Publish: true}); err != nil {
		t.Fatal(err)
	}
	res, err = c.Invoke(ctx, &sdk.InvokeInput{FunctionName: aws.String("tasks")})
	if err != nil || res.FunctionError == nil || *res.FunctionError != "Unhandled" || !strings.Contains(string(res.Payload), "now bad") {
		t.Fatalf("invoke: %+v %v", res, err)
	}
	updated, err := c.UpdateFunctionConfiguration(ctx, &sdk.UpdateFunctionConfigurationInput{FunctionName: aws.String("123456789012:function:tasks"), MemorySize: aws.Int32(256), Description: aws.String("d")})
	if err != nil || *updated.MemorySize != 256 || *updated.Description != "d" || updated.Environment.Variables["TABLE"] != "tasks" {
		t.Errorf("update: %+v %v", updated, err)
	}
	list, err := c.ListFunctions(ctx, &sdk.ListFunctionsInput{})
	if err != nil || len(list.Functions) != 1 {
		t.Errorf("list: %+v %v", list, err)
	}
	versions, err := c.ListVersionsByFunction(ctx, &sdk.ListVersionsByFunctionInput{FunctionName: aws.String("tasks")})
	if err != nil || len(versions.Versions) != 2 || *versions.Versions[1].FunctionArn != *made.FunctionArn+":1" {
		t.Errorf("versions: %+v %v", versions, err)
	}
	if _, err := c.DeleteFunction(ctx, &sdk.DeleteFunctionInput{FunctionName: aws.String("tasks")}); err != nil {
		t.Fatal(err)
	}
	_, err = c.GetFunction(ctx, &sdk.GetFunctionInput{FunctionName: aws.String("tasks")})
	if gone := (*types.ResourceNotFoundException)(nil); !errors.As(err, &gone) || gone.ErrorMessage() != "Function not found: arn:aws:lambda:us-east-1:123456789012:function:tasks" {
		t.Errorf("after delete: %v", err)
	}
}

func TestDownloadLink(t *testing.T) {
	w := newWorld(t, "")
	w.create(t, "f", `exports.handler = 1`)
	got, err := w.root().GetFunction(t.Context(), &sdk.GetFunctionInput{FunctionName: aws.String("f")})
	if err != nil || got.Tags["a"] != "b" {
		t.Fatalf("%+v %v", got, err)
	}
	if !strings.HasPrefix(*got.Code.Location, "https://127.0.0.1:") {
		t.Fatalf("location %s", *got.Code.Location)
	}
	link := "http" + strings.TrimPrefix(*got.Code.Location, "https")
	id := ""
	fetch := func(link string) (int, []byte) {
		res, err := http.Get(link)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		id = res.Header.Get("X-Amzn-RequestId")
		return res.StatusCode, b
	}
	if status, b := fetch(link); status != 200 || int64(len(b)) != got.Configuration.CodeSize {
		t.Errorf("download: %d, %d bytes", status, len(b))
	}
	for _, bad := range []string{link[:len(link)-2] + "AA", w.server.URL + CodePath, w.server.URL + CodePath + "x", w.server.URL + CodePath + "../../etc"} {
		if status, _ := fetch(bad); status == 200 {
			t.Errorf("%s was served", bad)
		}
	}
	w.now = w.now.Add(codeLife + time.Second)
	if status, _ := fetch(link); status != 403 {
		t.Errorf("an expired link answered %d", status)
	}
	if tr, ok := w.mux.Explain(id); !ok || tr.Status != 403 || !strings.Contains(tr.Reason, "the link expired at") || tr.Operation != "GET "+CodePath {
		t.Errorf("the operator reads %+v", tr)
	}
}

func TestRefusedFunctions(t *testing.T) {
	w := newWorld(t, "")
	good := func() *sdk.CreateFunctionInput {
		return &sdk.CreateFunctionInput{FunctionName: aws.String("f"), Runtime: "nodejs24.x", Role: aws.String(role), Handler: aws.String("index.handler"), Code: &types.FunctionCode{ZipFile: zipped(t, "")}}
	}
	for name, c := range map[string]struct {
		change func(*sdk.CreateFunctionInput)
		want   string
	}{
		"python":       {func(in *sdk.CreateFunctionInput) { in.Runtime = "python3.9" }, "not supported by this node"},
		"no handler":   {func(in *sdk.CreateFunctionInput) { in.Handler = nil }, "Runtime and Handler are mandatory"},
		"foreign role": {func(in *sdk.CreateFunctionInput) { in.Role = aws.String("arn:aws:iam::123456789012:role/other") }, "cannot be assumed by Lambda"},
		"reserved": {func(in *sdk.CreateFunctionInput) {
			in.Environment = &types.Environment{Variables: map[string]string{"AWS_REGION": "x"}}
		}, "Reserved keys used in this request: AWS_REGION"},
		"large env": {func(in *sdk.CreateFunctionInput) {
			in.Environment = &types.Environment{Variables: map[string]string{"A1": strings.Repeat("x", 5000)}}
		}, "4KB"},
		"not a zip": {func(in *sdk.CreateFunctionInput) { in.Code = &types.FunctionCode{ZipFile: []byte("nope")} }, "Could not unzip uploaded file"},
		"no code":   {func(in *sdk.CreateFunctionInput) { in.Code = &types.FunctionCode{} }, "Please provide a source for function code."},
		"no object": {func(in *sdk.CreateFunctionInput) {
			in.Code = &types.FunctionCode{S3Bucket: aws.String("bucket"), S3Key: aws.String("k")}
		}, "NoSuchKey"},
		"layers": {func(in *sdk.CreateFunctionInput) {
			in.Layers = []string{"arn:aws:lambda:us-east-1:123456789012:layer:l:1"}
		}, "Layers"},
		"long timeout": {func(in *sdk.CreateFunctionInput) { in.Timeout = aws.Int32(901) }, "900"},
		"image":        {func(in *sdk.CreateFunctionInput) { in.PackageType = types.PackageTypeImage }, "PackageType Image"},
	} {
		t.Run(name, func(t *testing.T) {
			in := good()
			c.change(in)
			if _, err := w.root().CreateFunction(t.Context(), in); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

func TestCodeFromBucket(t *testing.T) {
	w := newWorld(t, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["lambda:*","iam:PassRole"],"Resource":"*"}]}`)
	w.objects["deployments/f.zip"] = zipped(t, `exports.handler = async () => 'from a bucket'`)
	in := &sdk.CreateFunctionInput{FunctionName: aws.String("f"), Runtime: "nodejs6.10", Role: aws.String(role), Handler: aws.String("index.handler"), Code: &types.FunctionCode{S3Bucket: aws.String("deployments"), S3Key: aws.String("f.zip")}}
	if _, err := w.client("AKIAUSER", "user").CreateFunction(t.Context(), in); err == nil || !strings.Contains(err.Error(), "s3:GetObject") {
		t.Errorf("a user without s3:GetObject: %v", err)
	}
	if _, err := w.root().CreateFunction(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	res, err := w.root().Invoke(t.Context(), &sdk.InvokeInput{FunctionName: aws.String("f")})
	if err != nil || string(res.Payload) != `"from a bucket"` {
		t.Errorf("%+v %v", res, err)
	}
}

// The right to read all objects does not help where the bucket itself denies: the archive is read as the caller.
func TestCodeFromClosedBucket(t *testing.T) {
	w := newWorld(t, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["lambda:*","iam:PassRole","s3:*"],"Resource":"*"}]}`)
	w.objects["deployments/f.zip"] = zipped(t, `exports.handler = async () => 'secret'`)
	in := &sdk.CreateFunctionInput{FunctionName: aws.String("f"), Runtime: "nodejs6.10", Role: aws.String(role), Handler: aws.String("index.handler"), Code: &types.FunctionCode{S3Bucket: aws.String("deployments"), S3Key: aws.String("f.zip")}}
	if _, err := w.client("AKIAUSER", "user").CreateFunction(t.Context(), in); err == nil || !strings.Contains(err.Error(), "S3 Error Code: AccessDenied") {
		t.Errorf("got %v", err)
	}
}

func TestPassRoleIsNeeded(t *testing.T) {
	w := newWorld(t, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"lambda:*","Resource":"*"}]}`)
	_, err := w.client("AKIAUSER", "user").CreateFunction(t.Context(), &sdk.CreateFunctionInput{FunctionName: aws.String("f"), Runtime: "nodejs6.10", Role: aws.String(role), Handler: aws.String("index.handler"), Code: &types.FunctionCode{ZipFile: zipped(t, "")}})
	if err == nil || !strings.Contains(err.Error(), "iam:PassRole") {
		t.Errorf("got %v", err)
	}
}

func TestEventsAreKeptAndTriedAgain(t *testing.T) {
	w := newWorld(t, "")
	w.create(t, "f", `exports.handler = async e => { if (e.fail) throw new Error('no'); console.log('did ' + e.id) }`)
	for _, payload := range []string{`{"id":"one"}`, `{"fail":true}`} {
		if res, err := w.root().Invoke(t.Context(), &sdk.InvokeInput{FunctionName: aws.String("f"), InvocationType: types.InvocationTypeEvent, Payload: []byte(payload)}); err != nil || res.StatusCode != 202 {
			t.Fatalf("%+v %v", res, err)
		}
	}
	worker := w.eventWorker()
	attempts := 0
	for range 10 {
		did, err := worker.RunOne(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if did {
			attempts++
		} else {
			w.now = w.now.Add(2 * time.Minute)
		}
	}
	if attempts != 1+eventAttempts {
		t.Errorf("%d attempts", attempts)
	}
	var given []record.Job
	if err := w.cfg.DB.View(t.Context(), func(tx *kv.Tx) (err error) {
		given, err = record.Failed(tx, eventQueue, 10)
		return err
	}); err != nil || len(given) != 1 {
		t.Errorf("given up: %v %v", given, err)
	}
	if _, err := w.root().Invoke(t.Context(), &sdk.InvokeInput{FunctionName: aws.String("f"), InvocationType: types.InvocationTypeEvent, Payload: []byte(`"` + strings.Repeat("x", maxEventBytes) + `"`)}); err == nil || !strings.Contains(err.Error(), "262144") {
		t.Errorf("large event: %v", err)
	}
}

func TestInvocationTypes(t *testing.T) {
	w := newWorld(t, "")
	w.create(t, "f", `exports.handler = async (e, c) => c.clientContext`)
	ctx, c := t.Context(), w.root()
	if res, err := c.Invoke(ctx, &sdk.InvokeInput{FunctionName: aws.String("f"), InvocationType: types.InvocationTypeDryRun}); err != nil || res.StatusCode != 204 {
		t.Errorf("dry run: %+v %v", res, err)
	}
	res, err := c.Invoke(ctx, &sdk.InvokeInput{FunctionName: aws.String("f"), ClientContext: aws.String(base64.StdEncoding.EncodeToString([]byte(`{"custom":{"k":"ü😀"}}`)))})
	if err != nil || string(res.Payload) != `{"custom":{"k":"ü😀"}}` {
		t.Errorf("client context: %s %v", res.Payload, err)
	}
	if _, err := c.Invoke(ctx, &sdk.InvokeInput{FunctionName: aws.String("f"), Payload: []byte(`{`)}); err == nil || !strings.Contains(err.Error(), "InvalidRequestContentException") {
		t.Errorf("bad payload: %v", err)
	}
	if _, err := c.Invoke(ctx, &sdk.InvokeInput{FunctionName: aws.String("f"), Payload: []byte(`"` + strings.Repeat("x", runner.MaxPayloadBytes) + `"`)}); err == nil {
		t.Error("a payload above the limit was taken")
	}
}

func TestPermissions(t *testing.T) {
	w := newWorld(t, "")
	w.create(t, "f", `exports.handler = async e => e`)
	ctx, c := t.Context(), w.root()
	arn := "arn:aws:lambda:us-east-1:123456789012:function:f"
	by := Caller{Service: "apigateway.amazonaws.com", SourceARN: "arn:aws:execute-api:us-east-1:123456789012:api1/dev/GET/x", SourceAccount: account}
	if _, _, err := w.InvokeFunction(ctx, arn, []byte(`1`), by); !errors.Is(err, ErrNotAllowed) {
		t.Errorf("without permission: %v", err)
	}
	if _, err := c.GetPolicy(ctx, &sdk.GetPolicyInput{FunctionName: aws.String("f")}); err == nil {
		t.Error("a policy without statements")
	}
	add := &sdk.AddPermissionInput{FunctionName: aws.String("f"), StatementId: aws.String("gw"), Action: aws.String("lambda:InvokeFunction"), Principal: aws.String("apigateway.amazonaws.com"), SourceArn: aws.String("arn:aws:execute-api:us-east-1:123456789012:api1/*")}
	if _, err := c.AddPermission(ctx, add); err != nil {
		t.Fatal(err)
	}
	if _, err := c.AddPermission(ctx, add); err == nil || !strings.Contains(err.Error(), "The statement id (gw) provided already exists") {
		t.Errorf("twice: %v", err)
	}
	if payload, _, err := w.InvokeFunction(ctx, arn, []byte(`7`), by); err != nil || string(payload) != "7" {
		t.Errorf("with permission: %s %v", payload, err)
	}
	by.SourceARN = "arn:aws:execute-api:us-east-1:123456789012:api2/dev/GET/x"
	if _, _, err := w.InvokeFunction(ctx, arn, []byte(`7`), by); !errors.Is(err, ErrNotAllowed) {
		t.Errorf("from another API: %v", err)
	}
	if got, err := c.GetPolicy(ctx, &sdk.GetPolicyInput{FunctionName: aws.String("f")}); err != nil || !strings.Contains(*got.Policy, `"Sid":"gw"`) {
		t.Errorf("policy: %v %v", got, err)
	}
	if _, err := c.RemovePermission(ctx, &sdk.RemovePermissionInput{FunctionName: aws.String("f"), StatementId: aws.String("gw")}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.RemovePermission(ctx, &sdk.RemovePermissionInput{FunctionName: aws.String("f"), StatementId: aws.String("gw")}); err == nil {
		t.Error("removed twice")
	}
	if _, _, err := w.InvokeFunction(ctx, arn+"x", nil, by); !errors.Is(err, ErrNotAllowed) && !errors.Is(err, ErrNoFunction) {
		t.Errorf("no function: %v", err)
	}
}

func TestAliases(t *testing.T) {
	w := newWorld(t, "")
	w.create(t, "f", `exports.handler = async (e, c) => [1, c.functionVersion]`)
	ctx, c := t.Context(), w.root()
	v, err := c.PublishVersion(ctx, &sdk.PublishVersionInput{FunctionName: aws.String("f")})
	if err != nil || *v.Version != "1" {
		t.Fatalf("%+v %v", v, err)
	}
	if again, err := c.PublishVersion(ctx, &sdk.PublishVersionInput{FunctionName: aws.String("f")}); err != nil || *again.Version != "1" {
		t.Errorf("published again: %+v %v", again, err)
	}
	if _, err := c.CreateAlias(ctx, &sdk.CreateAliasInput{FunctionName: aws.String("f"), Name: aws.String("Development"), FunctionVersion: aws.String("9")}); err == nil {
		t.Error("an alias of a version that is not")
	}
	a, err := c.CreateAlias(ctx, &sdk.CreateAliasInput{FunctionName: aws.String("f"), Name: aws.String("Development"), FunctionVersion: aws.String("1")})
	if err != nil || !strings.HasSuffix(*a.AliasArn, ":function:f:Development") {
		t.Fatalf("%+v %v", a, err)
	}
	if _, err := c.UpdateFunctionCode(ctx, &sdk.UpdateFunctionCodeInput{FunctionName: aws.String("f"), ZipFile: zipped(t, `exports.handler = async (e, c) => [2, c.functionVersion]`)}); err != nil {
		t.Fatal(err)
	}
	for q, want := range map[string]string{"Development": `[1,"1"]`, "1": `[1,"1"]`, "$LATEST": `[2,"$LATEST"]`} {
		if res, err := c.Invoke(ctx, &sdk.InvokeInput{FunctionName: aws.String("f"), Qualifier: aws.String(q)}); err != nil || string(res.Payload) != want {
			t.Errorf("%s: %+v %v", q, res, err)
		}
	}
	if _, err := c.DeleteFunction(ctx, &sdk.DeleteFunctionInput{FunctionName: aws.String("f"), Qualifier: aws.String("1")}); err == nil {
		t.Error("deleted a version that an alias needs")
	}
	if _, err := c.UpdateAlias(ctx, &sdk.UpdateAliasInput{FunctionName: aws.String("f"), Name: aws.String("Development"), FunctionVersion: aws.String("$LATEST")}); err != nil {
		t.Fatal(err)
	}
	if list, err := c.ListAliases(ctx, &sdk.ListAliasesInput{FunctionName: aws.String("f")}); err != nil || len(list.Aliases) != 1 || *list.Aliases[0].FunctionVersion != "$LATEST" {
		t.Errorf("%+v %v", list, err)
	}
	if _, err := c.DeleteAlias(ctx, &sdk.DeleteAliasInput{FunctionName: aws.String("f"), Name: aws.String("Development")}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.GetAlias(ctx, &sdk.GetAliasInput{FunctionName: aws.String("f"), Name: aws.String("Development")}); err == nil {
		t.Error("a deleted alias is there")
	}
}

func TestTags(t *testing.T) {
	w := newWorld(t, "")
	arn := w.create(t, "f", ``).FunctionArn
	ctx, c := t.Context(), w.root()
	if _, err := c.TagResource(ctx, &sdk.TagResourceInput{Resource: arn, Tags: map[string]string{"c": "d"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.UntagResource(ctx, &sdk.UntagResourceInput{Resource: arn, TagKeys: []string{"a"}}); err != nil {
		t.Fatal(err)
	}
	if got, err := c.ListTags(ctx, &sdk.ListTagsInput{Resource: arn}); err != nil || fmt.Sprint(got.Tags) != "map[c:d]" {
		t.Errorf("%v %v", got, err)
	}
}

func TestArchivesAreNamedWhileNeeded(t *testing.T) {
	w := newWorld(t, "")
	w.create(t, "f", `exports.handler = 1`)
	var ids []string
	if err := w.blobs.Walk(t.Context(), func(i blob.Info) error { ids = append(ids, i.ID); return nil }); err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		if named, err := w.Named(t.Context(), id); err != nil || !named {
			t.Errorf("%s is not named: %v", id, err)
		}
	}
	if _, err := w.root().DeleteFunction(t.Context(), &sdk.DeleteFunctionInput{FunctionName: aws.String("f")}); err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		if named, err := w.Named(t.Context(), id); err != nil || named {
			t.Errorf("%s is still named: %v", id, err)
		}
	}
}

// TestSweptArchive: no version names an archive that is being swept; the client is told to send it again.
func TestSweptArchive(t *testing.T) {
	w := newWorld(t, "")
	w.create(t, "f", `exports.handler = 1`)
	code := zipped(t, `exports.handler = 2`)
	w.doomed = fmt.Sprintf("%x", sha256.Sum256(code))
	_, err := w.root().UpdateFunctionCode(t.Context(), &sdk.UpdateFunctionCodeInput{FunctionName: aws.String("f"), ZipFile: code})
	if again := (*types.ServiceException)(nil); !errors.As(err, &again) {
		t.Errorf("update: %v", err)
	}
	_, err = w.root().CreateFunction(t.Context(), &sdk.CreateFunctionInput{
		FunctionName: aws.String("g"), Runtime: "nodejs6.10", Role: aws.String(role), Handler: aws.String("index.handler"), Code: &types.FunctionCode{ZipFile: code}})
	if again := (*types.ServiceException)(nil); !errors.As(err, &again) {
		t.Errorf("create: %v", err)
	}
	if named, err := w.Named(t.Context(), w.doomed); err != nil || named {
		t.Errorf("named %t, %v", named, err)
	}
}

func TestNobodyInvokesUninvited(t *testing.T) {
	w := newWorld(t, "")
	w.create(t, "f", `exports.handler = async () => 1`)
	_, err := w.client("AKIAUSER", "user").Invoke(t.Context(), &sdk.InvokeInput{FunctionName: aws.String("f")})
	if err == nil || !strings.Contains(err.Error(), "is not authorized to perform: lambda:InvokeFunction on resource: arn:aws:lambda:us-east-1:123456789012:function:f") {
		t.Errorf("got %v", err)
	}
}

func FuzzParseRef(f *testing.F) {
	for _, s := range []string{"f", "f:1", "function:f", "123456789012:function:f:a", "arn:aws:lambda:us-east-1:123456789012:function:f:$LATEST", "arn:aws:lambda", ":", "::::::::", ""} {
		f.Add(s, "")
		f.Add(s, "a")
	}
	f.Fuzz(func(t *testing.T, raw, qualifier string) {
		r, err := parseRef(account, region, raw, qualifier)
		if err != nil {
			return
		}
		if r.name == "" || strings.Contains(r.name, ":") || qualifier != "" && r.qualifier != qualifier {
			t.Errorf("%q %q became %+v", raw, qualifier, r)
		}
		if again, err := parseRef("", "", r.arn(), ""); err == nil && r.qualifier != "" && !strings.Contains(r.account+r.region+r.qualifier, ":") && again.name != r.name {
			t.Errorf("%q names %+v, its ARN %+v", raw, r, again)
		}
	})
}
