package wire_test

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"bothy/api/cognitoidp"
	"bothy/api/dynamodb"
	"bothy/api/iam"
	"bothy/api/lambda"
	"bothy/api/s3"
	"bothy/api/sts"
	"bothy/wire"
	"bothy/wire/sigv4"
)

// front is a mux over HTTP that remembers which operation ran, with what.
type front struct {
	*wire.Mux
	t   testing.TB
	mu  sync.Mutex
	ran []string // guarded by mu
}

func (f *front) note(format string, a ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ran = append(f.ran, fmt.Sprintf(format, a...))
}

// took returns what ran since, and forgets it.
func (f *front) took() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := strings.Join(f.ran, " ")
	f.ran = nil
	return s
}

func mountNoted[In, Out any](f *front, op wire.Op[In, Out], show func(*In) string) {
	wire.Handle(f.Mux, op, wire.AuthenticatedOnly[In], func(_ *wire.Call, in *In) (*Out, error) {
		f.note("%s(%s)", op.Info.Name, show(in))
		return nil, nil
	})
}

// newFront knows one key, AKID with SECRET, for which everybody is root.
func newFront(t testing.TB) *front {
	f := &front{t: t, Mux: wire.NewMux(wire.Config{
		Account: func() string { return "123456789012" }, Region: "us-east-1", Domains: []string{"localhost"}, Credentials: oneKey{}, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	}, cognitoidp.API, dynamodb.API, iam.API, lambda.API, s3.API, sts.API)}
	wire.HandlePublic(f.Mux, cognitoidp.SignUp, func(_ *wire.Call, in *cognitoidp.SignUpInput) (*cognitoidp.SignUpOutput, error) {
		f.note("SignUp(%s)", in.Username.V)
		return nil, nil
	})
	wire.HandlePublic(f.Mux, sts.AssumeRoleWithWebIdentity, func(_ *wire.Call, in *sts.AssumeRoleWithWebIdentityInput) (*sts.AssumeRoleWithWebIdentityOutput, error) {
		f.note("AssumeRoleWithWebIdentity(%s)", in.RoleSessionName.V)
		return nil, nil
	})
	mountNoted(f, dynamodb.PutItem, func(in *dynamodb.PutItemInput) string { return in.TableName.V })
	mountNoted(f, iam.GetRole, func(in *iam.GetRoleInput) string { return in.RoleName.V })
	mountNoted(f, iam.DeleteRole, func(in *iam.DeleteRoleInput) string { return in.RoleName.V })
	mountNoted(f, lambda.Invoke, func(in *lambda.InvokeInput) string { return in.FunctionName.V + "," + string(in.Payload) })
	mountNoted(f, s3.GetObject, func(in *s3.GetObjectInput) string { return in.Bucket.V + "," + in.Key.V })
	mountNoted(f, s3.DeleteObject, func(in *s3.DeleteObjectInput) string { return in.Bucket.V + "," + in.Key.V })
	mountNoted(f, s3.ListObjects, func(in *s3.ListObjectsInput) string { return in.Bucket.V + "," + in.Prefix.V })
	mountNoted(f, s3.ListBuckets, func(in *s3.ListBucketsInput) string { return "" })
	mountNoted(f, s3.DeleteObjects, func(in *s3.DeleteObjectsInput) string {
		if in.Delete == nil {
			return "nil"
		}
		return fmt.Sprint(len(in.Delete.Objects))
	})
	wire.Handle(f.Mux, s3.PutObject, wire.AuthenticatedOnly[s3.PutObjectInput], func(_ *wire.Call, in *s3.PutObjectInput) (*s3.PutObjectOutput, error) {
		n, err := io.Copy(io.Discard, in.Body)
		f.note("PutObject(%s,%s,%d)", in.Bucket.V, in.Key.V, n)
		return nil, err
	})
	return f
}

// serve sends a request made of the parts; headers are "Name: value", and may repeat.
func (f *front) serve(method, target, host string, body io.Reader, headers ...string) *httptest.ResponseRecorder {
	f.t.Helper()
	u, err := url.ParseRequestURI(target)
	if err != nil {
		f.t.Fatal(err)
	}
	if body == nil {
		body = http.NoBody
	}
	r := &http.Request{Method: method, URL: u, Host: host, Header: http.Header{}, Body: io.NopCloser(body), RemoteAddr: "192.0.2.1:1", RequestURI: target}
	if b, ok := body.(interface{ Len() int }); ok {
		r.ContentLength = int64(b.Len())
	} else if body != http.NoBody {
		r.ContentLength = -1
	}
	for _, h := range headers {
		if k, v, ok := strings.Cut(h, ": "); ok {
			r.Header.Add(k, v)
		}
	}
	w := httptest.NewRecorder()
	f.ServeHTTP(w, r)
	return w
}

// signed sends it with a good signature for the service.
func (f *front) signed(service, method, target, host, body string, headers ...string) *httptest.ResponseRecorder {
	f.t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Host = host
	for _, h := range headers {
		if k, v, ok := strings.Cut(h, ": "); ok {
			r.Header.Add(k, v)
		}
	}
	sigv4.Sign(r, sigv4.Credentials{AccessKey: "AKID", Secret: "SECRET"}, service, "us-east-1", time.Now(), []byte(body))
	w := httptest.NewRecorder()
	f.ServeHTTP(w, r)
	return w
}

const (
	signUpTarget = "X-Amz-Target: AWSCognitoIdentityProviderService.SignUp"
	putTarget    = "X-Amz-Target: DynamoDB_20120810.PutItem"
	formType     = "Content-Type: application/x-www-form-urlencoded"
	signUpBody   = `{"ClientId":"abc","Username":"u"}`
	putBody      = `{"TableName":"ttt","Item":{"k":{"S":"v"}}}`
	local        = "127.0.0.1:4566"
)
