package sigv4

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// front is a server that verifies whatever comes, and remembers it.
type front struct {
	*httptest.Server
	mu   sync.Mutex
	seen []seen // guarded by mu
}

type seen struct {
	line, payload, body, encoding string
	auth                          *Auth
	err                           error
}

func newFront(t *testing.T, secure bool) *front {
	f := &front{}
	v := NewVerifier(time.Now)
	v.Bucket = func(string) string { return "" }
	f.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := seen{line: r.Method + " " + r.RequestURI, payload: r.Header.Get("X-Amz-Content-Sha256")}
		if isUpload(r) {
			s.auth, s.body, s.err = verifyPost(v, r)
		} else {
			s.auth, s.body, s.err = verifyAll(v, r)
		}
		if sum := r.Header.Get("X-Amz-Meta-Sum"); s.err == nil && sum != "" && sum != HashHex([]byte(s.body)) {
			s.err = fmt.Errorf("the payload arrived as %d other bytes", len(s.body))
		}
		s.encoding = r.Header.Get("Content-Encoding")
		f.mu.Lock()
		f.seen = append(f.seen, s)
		f.mu.Unlock()
		if s.err != nil {
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprintf(w, "%v\n", s.err)
			return
		}
		io.WriteString(w, answer(w, r, s.auth.Service))
	}))
	if secure {
		f.TLS = &tls.Config{NextProtos: []string{"h2", "http/1.1"}}
		f.EnableHTTP2 = true
		f.StartTLS()
	} else {
		f.Start()
	}
	t.Cleanup(f.Close)
	return f
}

// answer is something each client can parse.
func answer(w http.ResponseWriter, r *http.Request, service string) string {
	switch {
	case service == "s3" && r.Method == "GET":
		return "<ListBucketResult></ListBucketResult>"
	case service == "s3":
		return ""
	case service == "sts":
		return "<GetCallerIdentityResponse><GetCallerIdentityResult/></GetCallerIdentityResponse>"
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	return "{}"
}

// last is the latest request, which must have been accepted with that payload.
func (f *front) last(t *testing.T, step string, body string) seen {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.seen) == 0 {
		t.Fatalf("%s: no request", step)
	}
	s := f.seen[len(f.seen)-1]
	f.seen = nil
	if s.err != nil {
		t.Errorf("%s: %s (%s): %v", step, s.line, s.payload, s.err)
	} else if body != "*" && s.body != body {
		t.Errorf("%s: body of %d bytes, want %d", step, len(s.body), len(body))
	}
	if strings.Contains(s.encoding, "aws-chunked") {
		t.Errorf("%s: encoding %s", step, s.encoding)
	}
	return s
}

func TestGoSDK(t *testing.T) {
	for _, secure := range []bool{false, true} {
		t.Run(fmt.Sprintf("tls=%v", secure), func(t *testing.T) { goSDK(t, newFront(t, secure)) })
	}
}

func goSDK(t *testing.T, f *front) {
	ctx := context.Background()
	cfg := aws.Config{
		HTTPClient: f.Client(), Region: "us-east-1", BaseEndpoint: aws.String(f.URL), Retryer: func() aws.Retryer { return aws.NopRetryer{} },
		Credentials: credentials.NewStaticCredentialsProvider(akid, secret, "session"),
	}
	c := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
	for _, k := range []string{"a/b.txt", "sp ace+plus.txt", "ünï/c=1&d?.txt", "//double//slash/../x", "us-east-1:1-2", "quote'()!*~.txt"} {
		c.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String("bkt"), Key: &k, Body: strings.NewReader("hello")})
		f.last(t, "PutObject "+k, "hello")
	}
	big := strings.Repeat("x", 200_000)
	c.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String("bkt"), Key: aws.String("k"), Body: strings.NewReader(big), ChecksumAlgorithm: types.ChecksumAlgorithmCrc32c,
		ContentEncoding: aws.String("gzip"), Metadata: map[string]string{"a": "b   c"}})
	f.last(t, "PutObject crc32c", big)
	c.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: aws.String("bkt"), Prefix: aws.String("a b/ü+&=")})
	f.last(t, "ListObjectsV2", "")
	p, err := s3.NewPresignClient(c).PresignGetObject(ctx, &s3.GetObjectInput{Bucket: aws.String("bkt"), Key: aws.String("sp ace/ü.txt"), ResponseContentDisposition: aws.String(`attachment; filename="x y.txt"`)})
	if err != nil {
		t.Fatal(err)
	}
	res, err := f.Client().Get(p.URL)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	f.last(t, "presigned GET", "")

	lambda.NewFromConfig(cfg).GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: aws.String("arn:aws:lambda:us-east-1:123456789012:function:f:1")})
	f.last(t, "path with encoded colons", "")
	dynamodb.NewFromConfig(cfg).DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: aws.String("tasks")})
	s := f.last(t, "DescribeTable", `{"TableName":"tasks"}`)
	if s.auth != nil && (s.auth.Service != "dynamodb" || s.auth.Token != "session") {
		t.Errorf("%+v", s.auth)
	}
}

// Sign and Presign must agree with the SDK's signer.
func TestSignLikeSDK(t *testing.T) {
	for _, target := range []string{"/", "/a%20b/c?x=%20y&b=&a=1+2&a=0", "/arn%3Aaws%3A1/x"} {
		r := request("POST", "http://h.example.com:4566"+target, "hello")
		r.Header.Set("X-Amz-Target", "  A   b ")
		theirs := r.Clone(t.Context())
		theirs.RequestURI = ""
		theirs.Header.Set("X-Amz-Content-Sha256", HashHex([]byte("hello")))
		r.ContentLength, theirs.ContentLength = 0, 0
		if err := v4.NewSigner().SignHTTP(t.Context(), aws.Credentials{AccessKeyID: akid, SecretAccessKey: secret, SessionToken: "s"}, theirs, HashHex([]byte("hello")), "execute-api", "us-east-1", signAt); err != nil {
			t.Fatal(err)
		}
		Sign(r, Credentials{akid, secret, "s"}, "execute-api", "us-east-1", signAt, []byte("hello"))
		if a, b := r.Header.Get("Authorization"), theirs.Header.Get("Authorization"); a != b {
			t.Errorf("%s:\n%s\n%s", target, a, b)
		}
	}
}
