package gateway

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awscreds "github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/apigateway"
	"github.com/aws/aws-sdk-go-v2/service/apigateway/types"

	"bothy/api/apigateway"
	"bothy/kv"
	"bothy/kv/memkv"
	"bothy/policy"
	"bothy/wire"
)

const (
	account = "123456789012"
	region  = "us-east-1"
)

// fakeFunctions answers what a test says and remembers what it was sent.
type fakeFunctions struct {
	mu      sync.Mutex
	answer  string
	fails   string
	err     error
	wait    time.Duration
	events  []json.RawMessage
	sources []string
	names   []string
}

func (f *fakeFunctions) Invoke(ctx context.Context, arn string, event []byte, source, _ string) ([]byte, string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.events, f.sources, f.names = append(f.events, bytes.Clone(event)), append(f.sources, source), append(f.names, arn)
	if f.wait > 0 {
		select {
		case <-time.After(f.wait):
		case <-ctx.Done():
			return nil, "", ctx.Err()
		}
	}
	if f.answer == "echo" {
		b, err := json.Marshal(map[string]any{"statusCode": 200, "body": string(event)})
		return b, "", err
	}
	return []byte(f.answer), f.fails, f.err
}

func (f *fakeFunctions) last(t *testing.T) map[string]any {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.events) == 0 {
		t.Fatal("no function was called")
	}
	var e map[string]any
	if err := json.Unmarshal(f.events[len(f.events)-1], &e); err != nil {
		t.Fatal(err)
	}
	return e
}

// fakeTokens knows the tokens "good" and "old" of one pool.
type fakeTokens struct{}

func (fakeTokens) VerifyToken(_ context.Context, pool, token string, access bool) (map[string]any, error) {
	if pool != "us-east-1_Pool" {
		return nil, errors.New("another pool")
	}
	switch {
	case token == "good" && !access:
		return map[string]any{"sub": "u1", "email_verified": true, "exp": float64(1700000000), "cognito:groups": []any{"a", "b"}, "auth_time": float64(1700000000)}, nil
	case token == "access" && access:
		return map[string]any{"sub": "u1", "scope": "tasks/read openid"}, nil
	case token == "old":
		return nil, ErrTokenExpired
	}
	return nil, errors.New("bad token")
}

// fakeCredentials: root, a user pool member's session with a policy of its own, and an expired one.
type fakeCredentials struct{ session policy.Attached }

func (f *fakeCredentials) Find(_ context.Context, key, _ string) (*wire.Credential, error) {
	switch key {
	case "AKIAROOT":
		return &wire.Credential{Secret: "root", Principal: &wire.Principal{Kind: wire.Root, Account: account, ARN: "arn:aws:iam::" + account + ":root", UserID: account, AccessKey: key, Policies: policy.Attached{Unlimited: true}}}, nil
	case "ASIASESSION":
		return &wire.Credential{Secret: "session", Principal: &wire.Principal{
			Kind: wire.Session, Account: account, ARN: "arn:aws:sts::" + account + ":assumed-role/p_unauth/CognitoIdentityCredentials", UserID: "AROA:CognitoIdentityCredentials", AccessKey: key,
			Policies: f.session, Identity: &wire.CognitoIdentity{ID: "us-east-1:1", PoolID: "us-east-1:p", AuthType: "unauthenticated"},
		}}, nil
	case "ASIAOLD":
		return nil, wire.Fail(403, "ExpiredToken", "The security token included in the request is expired")
	}
	return nil, wire.Fail(403, "InvalidClientTokenId", "unknown key")
}

type world struct {
	*Service
	t         *testing.T
	functions *fakeFunctions
	creds     *fakeCredentials
	server    *httptest.Server
	sdk       *sdk.Client
	traces    []wire.Trace
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, functions: &fakeFunctions{answer: "echo"}, creds: &fakeCredentials{}}
	mux := wire.NewMux(wire.Config{
		Account: func() string { return account }, Region: region, Domains: []string{"localhost"}, Credentials: w.creds, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	}, apigateway.API)
	w.Service = New(Config{
		DB: kv.New(memkv.New()), Now: time.Now, Functions: w.functions, Tokens: fakeTokens{}, Auth: mux.Authenticate,
		Keep: func(tr wire.Trace) { w.traces = append(w.traces, tr) },
	})
	w.Mount(mux)
	w.server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if Serves(r) {
			w.ServeHTTP(rw, r)
			return
		}
		mux.ServeHTTP(rw, r)
	}))
	t.Cleanup(w.server.Close)
	w.sdk = sdk.New(sdk.Options{Region: region, BaseEndpoint: aws.String(w.server.URL), Credentials: awscreds.NewStaticCredentialsProvider("AKIAROOT", "root", ""), RetryMaxAttempts: 1})
	return w
}

func (w *world) allow(document string) {
	w.t.Helper()
	p, err := policy.Parse([]byte(document))
	if err != nil {
		w.t.Fatal(err)
	}
	w.creds.session = policy.Attached{Identity: []policy.Source{{Name: "role", Policy: p}}}
}

// must fails the test on an error.
func must[T any](t *testing.T, v T, err error) T {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// built is an API under construction.
type built struct {
	w     *world
	id    string
	paths map[string]string
}

func (w *world) api(name string) *built {
	w.t.Helper()
	out, err := w.sdk.CreateRestApi(w.t.Context(), &sdk.CreateRestApiInput{Name: &name})
	a := must(w.t, out, err)
	return &built{w, *a.Id, map[string]string{"/": *a.RootResourceId}}
}

func (b *built) resource(path string) string {
	b.w.t.Helper()
	if id, ok := b.paths[path]; ok {
		return id
	}
	i := strings.LastIndex(path, "/")
	parent := path[:i]
	if parent == "" {
		parent = "/"
	}
	parentID := b.resource(parent)
	out, err := b.w.sdk.CreateResource(b.w.t.Context(), &sdk.CreateResourceInput{RestApiId: &b.id, ParentId: &parentID, PathPart: aws.String(path[i+1:])})
	b.paths[path] = *must(b.w.t, out, err).Id
	return b.paths[path]
}

func uri(function string) *string {
	return aws.String("arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:123456789012:function:" + function + "/invocations")
}

func (b *built) method(path, method, auth string, change ...func(*sdk.PutMethodInput)) *built {
	b.w.t.Helper()
	in := &sdk.PutMethodInput{RestApiId: &b.id, ResourceId: aws.String(b.resource(path)), HttpMethod: &method, AuthorizationType: &auth}
	for _, c := range change {
		c(in)
	}
	out, err := b.w.sdk.PutMethod(b.w.t.Context(), in)
	must(b.w.t, out, err)
	i, err := b.w.sdk.PutIntegration(b.w.t.Context(), &sdk.PutIntegrationInput{RestApiId: &b.id, ResourceId: in.ResourceId, HttpMethod: &method, Type: types.IntegrationTypeAwsProxy, IntegrationHttpMethod: aws.String("POST"), Uri: uri("f")})
	must(b.w.t, i, err)
	return b
}

func (b *built) preflight(path string) *built {
	b.w.t.Helper()
	ctx, id, options, status := b.w.t.Context(), aws.String(b.resource(path)), aws.String("OPTIONS"), aws.String("200")
	m, err := b.w.sdk.PutMethod(ctx, &sdk.PutMethodInput{RestApiId: &b.id, ResourceId: id, HttpMethod: options, AuthorizationType: aws.String("NONE")})
	must(b.w.t, m, err)
	mr, err := b.w.sdk.PutMethodResponse(ctx, &sdk.PutMethodResponseInput{RestApiId: &b.id, ResourceId: id, HttpMethod: options, StatusCode: status, ResponseParameters: map[string]bool{"method.response.header.Access-Control-Allow-Origin": false}})
	must(b.w.t, mr, err)
	i, err := b.w.sdk.PutIntegration(ctx, &sdk.PutIntegrationInput{RestApiId: &b.id, ResourceId: id, HttpMethod: options, Type: types.IntegrationTypeMock, RequestTemplates: map[string]string{"application/json": `{"statusCode": 200}`}})
	must(b.w.t, i, err)
	ir, err := b.w.sdk.PutIntegrationResponse(ctx, &sdk.PutIntegrationResponseInput{RestApiId: &b.id, ResourceId: id, HttpMethod: options, StatusCode: status, ResponseParameters: map[string]string{"method.response.header.Access-Control-Allow-Origin": "'*'"}})
	must(b.w.t, ir, err)
	return b
}

func (b *built) deploy(stage string) *built {
	b.w.t.Helper()
	out, err := b.w.sdk.CreateDeployment(b.w.t.Context(), &sdk.CreateDeploymentInput{RestApiId: &b.id, StageName: &stage})
	must(b.w.t, out, err)
	return b
}

// got is what a client got.
type got struct {
	status int
	header http.Header
	body   string
}

// request makes a request by host; path begins with the stage.
func (b *built) request(method, path, body string) *http.Request {
	b.w.t.Helper()
	r, err := http.NewRequestWithContext(b.w.t.Context(), method, b.w.server.URL+path, strings.NewReader(body))
	must(b.w.t, r, err)
	r.Host = b.id + ".execute-api." + region + ".amazonaws.com"
	return r
}

func (w *world) sign(r *http.Request, key, secret, token string) *http.Request {
	w.t.Helper()
	body := must(w.t, []byte(nil), nil)
	if r.GetBody != nil {
		rc, err := r.GetBody()
		body, _ = io.ReadAll(must(w.t, rc, err))
	}
	sum := sha256.Sum256(body)
	host := r.URL.Host
	r.URL.Host = r.Host // what is signed
	err := v4.NewSigner().SignHTTP(w.t.Context(), aws.Credentials{AccessKeyID: key, SecretAccessKey: secret, SessionToken: token}, r, hex.EncodeToString(sum[:]), "execute-api", region, time.Now())
	r.URL.Host = host
	must(w.t, 0, err)
	return r
}

func (w *world) send(r *http.Request) got {
	w.t.Helper()
	res, err := http.DefaultClient.Do(r)
	must(w.t, res, err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	must(w.t, b, err)
	return got{res.StatusCode, res.Header, string(b)}
}
