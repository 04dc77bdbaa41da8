package objects

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	api "bothy/api/s3"
	"bothy/blob"
	"bothy/blob/memblob"
	"bothy/kv"
	"bothy/kv/memkv"
	"bothy/policy"
	"bothy/wire"
)

const account = "123456789012"

// rig is a server with the S3 API over memory stores, and clients for it.
type rig struct {
	t     *testing.T
	s     *Service
	mux   *wire.Mux
	url   string
	keys  map[string]*wire.Credential
	blobs blob.Engine
	skew  time.Duration
}

func (r *rig) Find(_ context.Context, key, token string) (*wire.Credential, error) {
	if c := r.keys[key]; c != nil && token == "" {
		return c, nil
	}
	return nil, wire.Fail(403, "InvalidClientTokenId", "unknown")
}

func newRig(t *testing.T) *rig { return newRigOn(t, memblob.New()) }

func newRigOn(t *testing.T, blobs blob.Engine) *rig {
	t.Helper()
	r := &rig{t: t, keys: map[string]*wire.Credential{}, blobs: blobs}
	now := func() time.Time { return time.Now().Add(r.skew) }
	acct := func() string { return account }
	r.s = New(Config{DB: kv.New(memkv.New()), Blobs: blobs, Account: acct, Region: "us-west-2", Now: now})
	r.mux = wire.NewMux(wire.Config{
		Account: acct, Region: "us-west-2", Domains: []string{"localhost"}, Credentials: r, Now: time.Now, Log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})),
	}, api.API)
	r.s.Mount(r.mux)
	srv := httptest.NewServer(r.mux)
	t.Cleanup(srv.Close)
	r.url = srv.URL
	r.keys["AKROOT"] = &wire.Credential{Secret: "root-secret", Principal: &wire.Principal{
		Kind: wire.Root, Account: account, ARN: "arn:aws:iam::" + account + ":root", UserID: account, AccessKey: "AKROOT", Policies: policy.Attached{Unlimited: true},
	}}
	return r
}

// session adds a role session with the policy, as identity pools make them, and returns its access key.
func (r *rig) session(name, sub, doc string) string {
	r.t.Helper()
	p, err := policy.Parse([]byte(doc))
	if err != nil {
		r.t.Fatal(err)
	}
	key := "AK" + name
	r.keys[key] = &wire.Credential{Secret: name + "-secret", Principal: &wire.Principal{
		Kind: wire.Session, Account: account, ARN: "arn:aws:sts::" + account + ":assumed-role/auth/" + name, Role: "arn:aws:iam::" + account + ":role/auth",
		UserID: "AROAEXAMPLEEXAMPLE00:" + name, AccessKey: key, Session: name,
		Policies: policy.Attached{Identity: []policy.Source{{Name: "role auth", Policy: p}}},
		Keys:     policy.Keys{"cognito-identity.amazonaws.com:sub": {sub}},
	}}
	return key
}

// client is the real SDK's. Virtual-host addresses are dialled to the test server.
func (r *rig) client(key string, pathStyle bool, more ...func(*sdk.Options)) *sdk.Client {
	base := r.url
	o := sdk.Options{Region: "us-west-2", UsePathStyle: pathStyle, RetryMaxAttempts: 1}
	if key == "" {
		o.Credentials = aws.AnonymousCredentials{}
	} else {
		o.Credentials = credentials.NewStaticCredentialsProvider(key, r.keys[key].Secret, "")
	}
	if !pathStyle {
		addr := strings.TrimPrefix(r.url, "http://")
		_, port, _ := net.SplitHostPort(addr)
		base = "http://s3.us-west-2.localhost:" + port
		o.HTTPClient = &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, addr)
		}}}
	}
	o.BaseEndpoint = aws.String(base)
	return sdk.New(o, more...)
}

func (r *rig) root() *sdk.Client { return r.client("AKROOT", true) }

// tls serves the same over HTTPS, where the SDK streams its checksum in a trailer.
func (r *rig) tls(key string) *sdk.Client {
	srv := httptest.NewTLSServer(r.mux)
	r.t.Cleanup(srv.Close)
	c := srv.Client()
	c.Transport.(*http.Transport).TLSClientConfig.MinVersion = tls.VersionTLS12
	return sdk.New(sdk.Options{
		Region: "us-west-2", UsePathStyle: true, RetryMaxAttempts: 1, BaseEndpoint: aws.String(srv.URL), HTTPClient: c,
		Credentials: credentials.NewStaticCredentialsProvider(key, r.keys[key].Secret, ""),
	})
}

func (r *rig) bucket(c *sdk.Client, name string) {
	r.t.Helper()
	if _, err := c.CreateBucket(r.t.Context(), &sdk.CreateBucketInput{Bucket: &name}); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) put(c *sdk.Client, bucket, key, body string) *sdk.PutObjectOutput {
	r.t.Helper()
	out, err := c.PutObject(r.t.Context(), &sdk.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader(body)})
	if err != nil {
		r.t.Fatalf("put %q: %v", key, err)
	}
	return out
}

func (r *rig) get(c *sdk.Client, bucket, key string) (string, error) {
	out, err := c.GetObject(r.t.Context(), &sdk.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return "", err
	}
	defer out.Body.Close()
	b, err := io.ReadAll(out.Body)
	return string(b), err
}

// code is the S3 error code of err, "" for none, or the status for answers without a body.
func code(err error) string {
	var e smithy.APIError
	if errors.As(err, &e) {
		return e.ErrorCode()
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

func (r *rig) want(err error, want string) {
	r.t.Helper()
	if got := code(err); got != want {
		r.t.Errorf("error %q, want %q (%v)", got, want, err)
	}
}

func (r *rig) plain(method, path string, header http.Header) (*http.Response, string) {
	r.t.Helper()
	req, err := http.NewRequest(method, r.url+path, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	for k, v := range header {
		req.Header[k] = v
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	b, _ := io.ReadAll(res.Body)
	return res, string(b)
}

func random(n int) []byte {
	b := make([]byte, n)
	x := uint32(2463534242)
	for i := range b {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		b[i] = byte(x)
	}
	return b
}
