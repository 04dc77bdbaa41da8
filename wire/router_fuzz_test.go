package wire_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"bothy/api/apigateway"
	"bothy/api/cognitoidp"
	"bothy/api/dynamodb"
	"bothy/api/iam"
	"bothy/api/lambda"
	"bothy/api/s3"
	"bothy/api/sts"
	"bothy/wire"
)

func newMux() *wire.Mux {
	return wire.NewMux(wire.Config{
		Account: func() string { return "123456789012" }, Region: "us-east-1", Domains: []string{"localhost"}, Credentials: noKeys{}, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	}, apigateway.API, cognitoidp.API, dynamodb.API, iam.API, lambda.API, s3.API, sts.API)
}

// FuzzRequest sends arbitrary unsigned requests through the pipeline: every one is answered, none with success, none by a panic.
func FuzzRequest(f *testing.F) {
	f.Add("POST", "/", "cognito-idp.us-east-1.amazonaws.com", "AWSCognitoIdentityProviderService.SignUp", "application/x-amz-json-1.1", `{"ClientId":1}`)
	f.Add("POST", "/", "iam.amazonaws.com", "", "application/x-www-form-urlencoded", `Action=CreateRole&Version=2010-05-08&Tags.member.1.Key=a`)
	f.Add("PUT", "/b/..//k?acl&versionId=%zz", "s3.amazonaws.com", "", "", `<AccessControlPolicy><Owner>`)
	f.Add("GET", "/2015-03-31/functions/%2e%2e/x", "localhost", "", "", "")
	f.Add("GET", "//x//../", "b.s3-eu-west-1.amazonaws.com:443", "", "", "")
	f.Add("POST", "/", "sts.amazonaws.com", "", "application/x-www-form-urlencoded", `Action=AssumeRoleWithWebIdentity&Version=2011-06-15&a=1&a.b=2&a-b.c=3&PolicyArns.member.1.arn=x&PolicyArns.member.01.arn=y&PolicyArns.member.-1=z`)
	f.Add("POST", "/b?delete", "localhost", "", "text/xml", "\uFEFF<?xml version='1.0'?><Delete xmlns='x' a:b='c'><Object><Key>a<!-- -->b&#x41;</Key></Object></Delete> ")
	f.Add("GET", "/%ff/%00?prefix=%ff&X-Amz-Credential=a/b/c/d/e", "a..b.s3-x.localhost.", "A.B,C.D", "", "")
	m := newMux()
	wire.HandlePublic(m, cognitoidp.SignUp, func(*wire.Call, *cognitoidp.SignUpInput) (*cognitoidp.SignUpOutput, error) {
		return nil, wire.Fail(400, "Reached", "the handler")
	})
	wire.HandlePublic(m, sts.AssumeRoleWithWebIdentity, func(*wire.Call, *sts.AssumeRoleWithWebIdentityInput) (*sts.AssumeRoleWithWebIdentityOutput, error) {
		return nil, wire.Fail(400, "Reached", "the handler")
	})
	wire.Handle(m, s3.PutBucketAcl, wire.AuthenticatedOnly[s3.PutBucketAclInput], func(*wire.Call, *s3.PutBucketAclInput) (*s3.PutBucketAclOutput, error) {
		return nil, nil
	})
	f.Fuzz(func(t *testing.T, method, target, host, op, kind, body string) {
		u, err := url.ParseRequestURI(target)
		if err != nil || strings.ContainsAny(method, " \r\n\t\x00") || method == "" || method == "OPTIONS" {
			return
		}
		r := &http.Request{Method: method, URL: u, Host: host, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), RemoteAddr: "127.0.0.1:1"}
		r.Header.Set("X-Amz-Target", op)
		r.Header.Set("Content-Type", kind)
		w := httptest.NewRecorder()
		m.ServeHTTP(w, r)
		if w.Code < 300 || w.Code == 500 {
			t.Errorf("%s %s answered %d: %s", method, target, w.Code, w.Body)
		}
		if w.Header().Get("x-amzn-RequestId") == "" {
			t.Error("no request id")
		}
	})
}
