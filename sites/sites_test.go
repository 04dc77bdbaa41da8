package sites_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	cf "github.com/aws/aws-sdk-go-v2/service/cloudfront"
	cftypes "github.com/aws/aws-sdk-go-v2/service/cloudfront/types"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"bothy/api/cloudfront"
	"bothy/api/s3"
	"bothy/blob/memblob"
	"bothy/kv"
	"bothy/kv/memkv"
	"bothy/objects"
	"bothy/policy"
	"bothy/sites"
	"bothy/wire"
)

const account = "123456789012"

type rig struct {
	t     *testing.T
	sites *sites.Service
	s3    *sdk.Client
	cf    *cf.Client
	kept  []wire.Trace
}

func (r *rig) Find(_ context.Context, key, _ string) (*wire.Credential, error) {
	return &wire.Credential{Secret: "secret", Principal: &wire.Principal{
		Kind: wire.Root, Account: account, ARN: "arn:aws:iam::" + account + ":root", UserID: account, AccessKey: key, Policies: policy.Attached{Unlimited: true},
	}}, nil
}

func newRig(t *testing.T) *rig {
	r := &rig{t: t}
	db, acct := kv.New(memkv.New()), func() string { return account }
	o := objects.New(objects.Config{DB: db, Blobs: memblob.New(), Account: acct, Region: "us-west-2", Now: time.Now})
	r.sites = sites.New(sites.Config{DB: db, Objects: o, Account: acct, Domains: []string{"localhost"}, Now: time.Now, Keep: func(tr wire.Trace) { r.kept = append(r.kept, tr) }})
	m := wire.NewMux(wire.Config{Account: acct, Region: "us-west-2", Domains: []string{"localhost"}, Credentials: r, Now: time.Now,
		Log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError}))}, s3.API, cloudfront.API)
	o.Mount(m)
	r.sites.Mount(m)
	srv := httptest.NewServer(m)
	t.Cleanup(srv.Close)
	creds := credentials.NewStaticCredentialsProvider("AKROOT", "secret", "")
	r.s3 = sdk.New(sdk.Options{Region: "us-west-2", UsePathStyle: true, BaseEndpoint: aws.String(srv.URL), Credentials: creds})
	r.cf = cf.New(cf.Options{Region: "us-east-1", BaseEndpoint: aws.String(srv.URL), Credentials: creds})
	return r
}

func code(err error) string {
	var e smithy.APIError
	if errors.As(err, &e) {
		return e.ErrorCode()
	}
	return fmt.Sprint(err)
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// site makes a bucket with a website and files that everyone may read, but those under private/.
func (r *rig) site(name string, w *types.WebsiteConfiguration, files map[string]string) {
	r.t.Helper()
	must(r.s3.CreateBucket(r.t.Context(), &sdk.CreateBucketInput{Bucket: &name}))(r.t)
	if w != nil {
		must(r.s3.PutBucketWebsite(r.t.Context(), &sdk.PutBucketWebsiteInput{Bucket: &name, WebsiteConfiguration: w}))(r.t)
	}
	for key, content := range files {
		kind := "text/html"
		if strings.HasSuffix(key, ".js") {
			kind = "application/javascript"
		}
		in := &sdk.PutObjectInput{Bucket: &name, Key: &key, Body: strings.NewReader(content), ContentType: &kind, CacheControl: aws.String("max-age=60")}
		if !strings.HasPrefix(key, "private/") {
			in.ACL = "public-read"
		}
		must(r.s3.PutObject(r.t.Context(), in))(r.t)
	}
}

func spa() *types.WebsiteConfiguration {
	return &types.WebsiteConfiguration{IndexDocument: &types.IndexDocument{Suffix: aws.String("index.html")}, ErrorDocument: &types.ErrorDocument{Key: aws.String("error.html")}}
}

func pages() map[string]string {
	return map[string]string{"index.html": "home", "error.html": "lost", "app.js": "0123456789", "docs/index.html": "docs", "a b/ü.html": "odd", "private/x": "secret"}
}

func (r *rig) visit(method, url string, header http.Header) *http.Response {
	r.t.Helper()
	req := httptest.NewRequest(method, url, nil)
	for k, v := range header {
		req.Header[k] = v
	}
	w := httptest.NewRecorder()
	r.sites.ServeHTTP(w, req)
	return w.Result()
}

func body(res *http.Response) string {
	b, _ := io.ReadAll(res.Body)
	return string(b)
}

func TestWebsite(t *testing.T) {
	r := newRig(t)
	r.site("my.app", spa(), pages())
	for _, host := range []string{"my.app.s3-website.us-west-2.amazonaws.com", "my.app.s3-website-us-west-2.amazonaws.com", "my.app.localhost", "my.app.s3-website.us-west-2.localhost:4566"} {
		at := "http://" + host
		if !r.sites.Serves(httptest.NewRequest("GET", at+"/", nil)) {
			t.Errorf("%s is not served", host)
			continue
		}
		for path, want := range map[string]string{"/": "200 home", "/app.js": "200 0123456789", "/docs/": "200 docs", "/a%20b/%C3%BC.html": "200 odd", "/none": "404 lost", "/private/x": "403 lost", "/../index.html": "403 lost", "//": "403 lost"} {
			res := r.visit("GET", at+path, nil)
			got := fmt.Sprint(res.StatusCode, " ", body(res))
			if want == "404 lost" || strings.HasPrefix(want, "403") && path != "/private/x" { // without permission to list, what is missing is forbidden
				want = "403 lost"
			}
			if got != want {
				t.Errorf("%s%s: %s, want %s", host, path, got, want)
			}
		}
	}
	at := "http://my.app.s3-website.us-west-2.amazonaws.com"
	res := r.visit("GET", at+"/docs", nil)
	if res.StatusCode != 302 || res.Header.Get("Location") != "/docs/" {
		t.Errorf("folder: %d %q", res.StatusCode, res.Header.Get("Location"))
	}
	res = r.visit("GET", at+"/app.js", http.Header{"Range": {"bytes=2-4"}})
	if res.StatusCode != 206 || body(res) != "234" || res.Header.Get("Content-Type") != "application/javascript" || res.Header.Get("Cache-Control") != "max-age=60" {
		t.Errorf("range: %d %v", res.StatusCode, res.Header)
	}
	res = r.visit("GET", at+"/app.js", http.Header{"If-None-Match": {res.Header.Get("Etag")}})
	if res.StatusCode != 304 {
		t.Errorf("if-none-match: %d", res.StatusCode)
	}
	res = r.visit("GET", at+"/app.js", http.Header{"If-Modified-Since": {time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)}})
	if res.StatusCode != 304 {
		t.Errorf("if-modified-since: %d", res.StatusCode)
	}
	res = r.visit("HEAD", at+"/app.js", nil)
	if res.StatusCode != 200 || res.Header.Get("Content-Length") != "10" || body(res) != "" {
		t.Errorf("head: %d %v", res.StatusCode, res.Header)
	}
	for _, m := range []string{"POST", "PUT", "DELETE", "OPTIONS"} {
		if res := r.visit(m, at+"/", nil); res.StatusCode != 405 {
			t.Errorf("%s: %d", m, res.StatusCode)
		}
	}
}

// TestListable: with permission to list, what is missing is 404, and the page without an error document is S3's.
func TestListable(t *testing.T) {
	r := newRig(t)
	w := spa()
	w.ErrorDocument = nil
	r.site("open", w, map[string]string{"index.html": "home"})
	must(r.s3.PutBucketPolicy(t.Context(), &sdk.PutBucketPolicyInput{Bucket: aws.String("open"), Policy: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":["s3:GetObject","s3:ListBucket"],"Resource":["arn:aws:s3:::open","arn:aws:s3:::open/*"]}]}`)}))(t)
	res := r.visit("GET", "http://open.localhost/<b>no", nil)
	if b := body(res); res.StatusCode != 404 || !strings.Contains(b, "<li>Code: NoSuchKey</li>") || !strings.Contains(b, "<h1>404 Not Found</h1>") || !strings.Contains(b, "&lt;b&gt;no") {
		t.Errorf("%d %s", res.StatusCode, b)
	}
	if res.Header.Get("X-Amz-Error-Code") != "NoSuchKey" {
		t.Error(res.Header)
	}
}

func TestNoWebsite(t *testing.T) {
	r := newRig(t)
	r.site("plain", nil, pages())
	r.site("closed", spa(), map[string]string{"private/index.html": "secret"})
	if res := r.visit("GET", "http://plain.s3-website.us-west-2.amazonaws.com/", nil); res.StatusCode != 404 || !strings.Contains(body(res), "NoSuchWebsiteConfiguration") {
		t.Errorf("no configuration: %d", res.StatusCode)
	}
	if res := r.visit("GET", "http://none.s3-website.us-west-2.amazonaws.com/", nil); res.StatusCode != 404 || !strings.Contains(body(res), "NoSuchBucket") {
		t.Errorf("no bucket: %d", res.StatusCode)
	}
	if res := r.visit("GET", "http://closed.localhost/private/", nil); res.StatusCode != 403 || strings.Contains(body(res), "secret") {
		t.Errorf("private bucket: %d", res.StatusCode)
	} else if last := r.kept[len(r.kept)-1]; last.RequestID != res.Header.Get("X-Amz-Request-Id") || last.Code != "AccessDenied" || !strings.Contains(last.Reason, "s3:GetObject") {
		t.Errorf("kept: %+v", last)
	}
	for _, host := range []string{"plain.localhost", "none.localhost", "localhost", "s3.localhost", "plain.s3.us-west-2.amazonaws.com", "dynamodb.us-west-2.amazonaws.com", "example.com", ".s3-website.us-west-2.amazonaws.com"} {
		if r.sites.Serves(httptest.NewRequest("GET", "http://x/", nil).WithContext(t.Context())) {
			t.Error("x is served")
		}
		req := httptest.NewRequest("GET", "http://x/", nil)
		req.Host = host
		if r.sites.Serves(req) {
			t.Errorf("%s is served", host)
		}
	}
	// requests of SDKs for bucket closed at closed.localhost are for the bucket
	for name, edit := range map[string]func(*http.Request){
		"signed":    func(q *http.Request) { q.Header.Set("Authorization", "AWS4-HMAC-SHA256 …") },
		"presigned": func(q *http.Request) { q.URL.RawQuery = "X-Amz-Signature=x" },
		"anonymous": func(q *http.Request) { q.Header.Set("X-Amz-User-Agent", "aws-sdk-js") },
		"put":       func(q *http.Request) { q.Method = "PUT" },
		"preflight": func(q *http.Request) { q.Method = "OPTIONS" },
	} {
		req := httptest.NewRequest("GET", "http://closed.localhost/", nil)
		edit(req)
		if r.sites.Serves(req) {
			t.Errorf("a request that is %s is taken for a browser's", name)
		}
	}
}

func TestRedirects(t *testing.T) {
	r := newRig(t)
	w := spa()
	w.RoutingRules = []types.RoutingRule{
		{Condition: &types.Condition{KeyPrefixEquals: aws.String("old/")}, Redirect: &types.Redirect{ReplaceKeyPrefixWith: aws.String("new/"), HttpRedirectCode: aws.String("302")}},
		{Condition: &types.Condition{HttpErrorCodeReturnedEquals: aws.String("403"), KeyPrefixEquals: aws.String("app/")}, Redirect: &types.Redirect{ReplaceKeyWith: aws.String("index.html"), HostName: aws.String("example.com"), Protocol: "https"}},
	}
	r.site("redirects", w, pages())
	at := "http://redirects.localhost"
	for path, want := range map[string]string{"/old/x y": "302 http://redirects.localhost/new/x%20y", "/app/none": "301 https://example.com/index.html"} {
		res := r.visit("GET", at+strings.ReplaceAll(path, " ", "%20"), nil)
		if got := fmt.Sprint(res.StatusCode, " ", res.Header.Get("Location")); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
	must(r.s3.PutObject(t.Context(), &sdk.PutObjectInput{Bucket: aws.String("redirects"), Key: aws.String("moved"), Body: strings.NewReader(""), ACL: "public-read", WebsiteRedirectLocation: aws.String("/app.js")}))(t)
	if res := r.visit("GET", at+"/moved", nil); res.StatusCode != 301 || res.Header.Get("Location") != "/app.js" {
		t.Errorf("object redirect: %d %v", res.StatusCode, res.Header)
	}
	must(r.s3.PutObject(t.Context(), &sdk.PutObjectInput{Bucket: aws.String("redirects"), Key: aws.String("/evil.com/index.html"), Body: strings.NewReader("x"), ACL: "public-read"}))(t)
	if res := r.visit("GET", at+"//evil.com", nil); strings.HasPrefix(res.Header.Get("Location"), "//") {
		t.Errorf("a path became a host: %q", res.Header.Get("Location"))
	}
	must(r.s3.PutBucketWebsite(t.Context(), &sdk.PutBucketWebsiteInput{Bucket: aws.String("redirects"), WebsiteConfiguration: &types.WebsiteConfiguration{RedirectAllRequestsTo: &types.RedirectAllRequestsTo{HostName: aws.String("other.org")}}}))(t)
	if res := r.visit("GET", at+"/x?y=1", nil); res.StatusCode != 301 || res.Header.Get("Location") != "http://other.org/x?y=1" {
		t.Errorf("redirect all: %d %v", res.StatusCode, res.Header)
	}
}

func config(reference, bucket string) *cftypes.DistributionConfig {
	return &cftypes.DistributionConfig{
		CallerReference: &reference, Comment: aws.String("test"), Enabled: aws.Bool(true), DefaultRootObject: aws.String("index.html"),
		Origins: &cftypes.Origins{Quantity: aws.Int32(1), Items: []cftypes.Origin{{Id: aws.String("o"), DomainName: aws.String(bucket + ".s3.amazonaws.com"), S3OriginConfig: &cftypes.S3OriginConfig{OriginAccessIdentity: aws.String("")}}}},
		DefaultCacheBehavior: &cftypes.DefaultCacheBehavior{
			TargetOriginId: aws.String("o"), ViewerProtocolPolicy: "allow-all", CachePolicyId: aws.String("658327ea-f89d-4fab-a63d-7e88639e58f6"),
		},
	}
}

func TestDistribution(t *testing.T) {
	r := newRig(t)
	r.site("files", nil, pages())
	c := config("ref-1", "files")
	c.Aliases = &cftypes.Aliases{Quantity: aws.Int32(1), Items: []string{"www.Example.org"}}
	made := must(r.cf.CreateDistribution(t.Context(), &cf.CreateDistributionInput{DistributionConfig: c}))(t)
	d := made.Distribution
	if *d.Status != "Deployed" || !strings.HasSuffix(*d.DomainName, ".cloudfront.net") || made.ETag == nil {
		t.Errorf("%+v", d)
	}
	_, err := r.cf.CreateDistribution(t.Context(), &cf.CreateDistributionInput{DistributionConfig: c})
	if code(err) != "DistributionAlreadyExists" {
		t.Error(err)
	}
	again := config("ref-2", "files")
	again.Aliases = c.Aliases
	if _, err = r.cf.CreateDistribution(t.Context(), &cf.CreateDistributionInput{DistributionConfig: again}); code(err) != "CNAMEAlreadyExists" {
		t.Error(err)
	}
	list := must(r.cf.ListDistributions(t.Context(), &cf.ListDistributionsInput{}))(t)
	if len(list.DistributionList.Items) != 1 || *list.DistributionList.Items[0].Id != *d.Id || *list.DistributionList.Items[0].Comment != "test" {
		t.Errorf("%+v", list.DistributionList)
	}

	short := strings.TrimSuffix(*d.DomainName, ".cloudfront.net") + ".localhost"
	for _, host := range []string{*d.DomainName, short, "www.example.org"} {
		for path, want := range map[string]string{"/": "200 home", "/app.js": "200 0123456789", "/docs/": "403", "/none": "403", "/private/x": "403"} {
			req := httptest.NewRequest("GET", "http://"+host+path, nil)
			if !r.sites.Serves(req) {
				t.Fatalf("%s is not served", host)
			}
			res := r.visit("GET", "http://"+host+path, nil)
			if got := fmt.Sprint(res.StatusCode, " ", body(res)); !strings.HasPrefix(got, want) || strings.Contains(got, "secret") {
				t.Errorf("%s%s: %s, want %s", host, path, got, want)
			}
		}
	}
	if res := r.visit("POST", "http://"+*d.DomainName+"/", nil); res.StatusCode != 403 {
		t.Errorf("POST: %d", res.StatusCode)
	}

	// a single-page app: what is not found is the app
	c.CustomErrorResponses = &cftypes.CustomErrorResponses{Quantity: aws.Int32(1), Items: []cftypes.CustomErrorResponse{{ErrorCode: aws.Int32(403), ResponsePagePath: aws.String("/index.html"), ResponseCode: aws.String("200")}}}
	c.DefaultCacheBehavior.ViewerProtocolPolicy = "redirect-to-https"
	if _, err := r.cf.UpdateDistribution(t.Context(), &cf.UpdateDistributionInput{Id: d.Id, IfMatch: aws.String("old"), DistributionConfig: c}); code(err) != "PreconditionFailed" {
		t.Error(err)
	}
	updated := must(r.cf.UpdateDistribution(t.Context(), &cf.UpdateDistributionInput{Id: d.Id, IfMatch: made.ETag, DistributionConfig: c}))(t)
	if res := r.visit("GET", "http://"+*d.DomainName+"/route", nil); res.StatusCode != 301 || res.Header.Get("Location") != "https://"+*d.DomainName+"/route" {
		t.Errorf("to https: %d %v", res.StatusCode, res.Header)
	}
	req := httptest.NewRequest("GET", "https://"+*d.DomainName+"/route", nil)
	req.TLS = &tls.ConnectionState{}
	w := httptest.NewRecorder()
	r.sites.ServeHTTP(w, req)
	if w.Code != 200 || w.Body.String() != "home" {
		t.Errorf("app: %d %s", w.Code, w.Body)
	}

	inv := must(r.cf.CreateInvalidation(t.Context(), &cf.CreateInvalidationInput{DistributionId: d.Id, InvalidationBatch: &cftypes.InvalidationBatch{CallerReference: aws.String("i1"), Paths: &cftypes.Paths{Quantity: aws.Int32(1), Items: []string{"/*"}}}}))(t)
	if got := must(r.cf.GetInvalidation(t.Context(), &cf.GetInvalidationInput{DistributionId: d.Id, Id: inv.Invalidation.Id}))(t); *got.Invalidation.Status != "Completed" {
		t.Errorf("%+v", got.Invalidation)
	}
	if got := must(r.cf.ListInvalidations(t.Context(), &cf.ListInvalidationsInput{DistributionId: d.Id}))(t); len(got.InvalidationList.Items) != 1 {
		t.Errorf("%+v", got.InvalidationList)
	}

	if _, err := r.cf.DeleteDistribution(t.Context(), &cf.DeleteDistributionInput{Id: d.Id, IfMatch: updated.ETag}); code(err) != "DistributionNotDisabled" {
		t.Error(err)
	}
	c.Enabled = aws.Bool(false)
	updated = must(r.cf.UpdateDistribution(t.Context(), &cf.UpdateDistributionInput{Id: d.Id, IfMatch: updated.ETag, DistributionConfig: c}))(t)
	if res := r.visit("GET", "http://"+*d.DomainName+"/", nil); res.StatusCode != 403 {
		t.Errorf("disabled: %d", res.StatusCode)
	}
	must(r.cf.DeleteDistribution(t.Context(), &cf.DeleteDistributionInput{Id: d.Id, IfMatch: updated.ETag}))(t)
	if _, err := r.cf.GetDistribution(t.Context(), &cf.GetDistributionInput{Id: d.Id}); code(err) != "NoSuchDistribution" {
		t.Error(err)
	}
}

func TestRefusedConfigs(t *testing.T) {
	r := newRig(t)
	for name, edit := range map[string]func(*cftypes.DistributionConfig){
		"InvalidOrigin": func(c *cftypes.DistributionConfig) {
			c.Origins.Items[0].DomainName = aws.String("internal.example.com")
		},
		"NoSuchOrigin":           func(c *cftypes.DistributionConfig) { c.DefaultCacheBehavior.TargetOriginId = aws.String("x") },
		"InconsistentQuantities": func(c *cftypes.DistributionConfig) { c.Origins.Quantity = aws.Int32(2) },
		"InvalidArgument": func(c *cftypes.DistributionConfig) {
			c.Aliases = &cftypes.Aliases{Quantity: aws.Int32(1), Items: []string{"dynamodb.localhost"}}
		},
		"InvalidDefaultRootObject": func(c *cftypes.DistributionConfig) { c.DefaultRootObject = aws.String("/index.html") },
		"UnsupportedOperation": func(c *cftypes.DistributionConfig) {
			c.DefaultCacheBehavior.TrustedSigners = &cftypes.TrustedSigners{Enabled: aws.Bool(true), Quantity: aws.Int32(1), Items: []string{"self"}}
		},
	} {
		c := config("ref", "files")
		edit(c)
		if _, err := r.cf.CreateDistribution(t.Context(), &cf.CreateDistributionInput{DistributionConfig: c}); code(err) != name {
			t.Errorf("%s: %v", name, err)
		}
	}
}
