package wire_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"bothy/api/s3"
	"bothy/wire"
	"bothy/wire/sigv4"
)

// TestTracesUnderLoad: the ring holds what it should and no more, with many at once.
func TestTracesUnderLoad(t *testing.T) {
	f := newFront(t)
	var all sync.WaitGroup
	first := f.serve("POST", "/", local, strings.NewReader("{}"), signUpTarget).Header().Get("x-amzn-RequestId")
	ask := func() string {
		return f.serve("POST", "/", local, strings.NewReader("{}"), signUpTarget).Header().Get("x-amzn-RequestId")
	}
	for range 8 {
		all.Go(func() {
			for range 600 {
				if _, ok := f.Explain(ask()); !ok {
					t.Error("a trace was lost at once")
				}
			}
		})
	}
	all.Wait()
	if _, ok := f.Explain(first); ok {
		t.Error("the oldest trace is still there")
	}
	last := []string{ask(), ask(), ask()}
	for _, id := range last {
		if tr, ok := f.Explain(id); !ok || tr.Operation != "SignUp" || tr.Code == "" {
			t.Errorf("%v: %+v", id, tr)
		}
	}
}

// TestExpect: who waits for leave to send a body is refused without it; over a real connection.
func TestExpect(t *testing.T) {
	f := newFront(t)
	server := httptest.NewServer(f.Mux)
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "PUT /bucket/key HTTP/1.1\r\nHost: %s\r\nContent-Length: 1000000\r\nExpect: 100-continue\r\nX-Amz-Content-Sha256: UNSIGNED-PAYLOAD\r\nX-Amz-Date: %s\r\nAuthorization: %s\r\n\r\n",
		local, time.Now().UTC().Format("20060102T150405Z"), strings.Replace(strings.Replace(badSignature, "SERVICE", "s3", 1), "20261121", time.Now().UTC().Format("20060102"), 1))
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != 403 {
		t.Errorf("answered %d before the body came", res.StatusCode)
	}
	if ran := f.took(); ran != "" {
		t.Errorf("ran %s", ran)
	}
}

// TestRealConnections: chunked bodies without length, headers that are too large, answers without a body.
func TestRealConnections(t *testing.T) {
	f := newFront(t)
	wire.Handle(f.Mux, s3.HeadObject, wire.AuthenticatedOnly[s3.HeadObjectInput], func(c *wire.Call, in *s3.HeadObjectInput) (*s3.HeadObjectOutput, error) {
		if in.Key.V == "not-modified" {
			c.Header.Set("Content-Length", "17")
			return nil, wire.Fail(304, "NotModified", "Not Modified")
		}
		return nil, wire.Fail(404, "NoSuchKey", "The specified key does not exist.")
	})
	wire.Handle(f.Mux, s3.GetObjectTagging, wire.AuthenticatedOnly[s3.GetObjectTaggingInput], func(c *wire.Call, _ *s3.GetObjectTaggingInput) (*s3.GetObjectTaggingOutput, error) {
		c.Header.Set("Content-Length", "17")
		return nil, wire.Fail(304, "NotModified", "Not Modified")
	})
	wire.Handle(f.Mux, s3.GetObjectAcl, wire.AuthenticatedOnly[s3.GetObjectAclInput], func(c *wire.Call, _ *s3.GetObjectAclInput) (*s3.GetObjectAclOutput, error) {
		c.Header.Set("Content-Length", "1")
		return nil, wire.Fail(404, "NoSuchKey", "The specified key does not exist.")
	})
	server := httptest.NewUnstartedServer(f.Mux)
	server.Config.MaxHeaderBytes = 64 << 10
	server.Start()
	defer server.Close()
	send := func(method, target string, body io.Reader, headers ...string) *http.Response {
		t.Helper()
		r, err := http.NewRequest(method, server.URL+target, body)
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range headers {
			k, v, _ := strings.Cut(h, ": ")
			r.Header.Set(k, v)
		}
		if len(headers) == 0 {
			r.Header.Set("X-Amz-Content-Sha256", sigv4.Unsigned)
			sigv4.Sign(r, sigv4.Credentials{AccessKey: "AKID", Secret: "SECRET"}, "s3", "us-east-1", time.Now(), nil)
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { res.Body.Close() })
		return res
	}
	if res := send("PUT", "/bucket/key", struct{ io.Reader }{strings.NewReader(strings.Repeat("x", 100_000))}); res.StatusCode != 200 || f.took() != "PutObject(bucket,key,100000)" {
		t.Errorf("chunked: %d", res.StatusCode)
	}
	if res := send("POST", "/", struct{ io.Reader }{strings.NewReader(signUpBody)}, signUpTarget); res.StatusCode != 200 || f.took() != "SignUp(u)" {
		t.Errorf("chunked JSON: %d", res.StatusCode)
	}
	if res := send("POST", "/", strings.NewReader(signUpBody), signUpTarget, "X-Filler: "+strings.Repeat("x", 80<<10)); res.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("large header: %d", res.StatusCode)
	}
	for _, c := range []struct {
		method, target string
		status         int
		length         string
	}{
		{"HEAD", "/bucket/gone", 404, ""}, {"HEAD", "/bucket/not-modified", 304, ""}, {"GET", "/bucket/x?tagging", 304, ""}, {"GET", "/bucket/x?acl", 404, "body"}, {"DELETE", "/bucket/x", 204, ""},
	} {
		res := send(c.method, c.target, nil)
		body, err := io.ReadAll(res.Body)
		want := c.length
		if want == "body" {
			want = fmt.Sprint(len(body))
		}
		if err != nil || res.StatusCode != c.status || res.Header.Get("Content-Length") != want || len(body) > 0 != (c.length == "body") || res.Header.Get("x-amz-request-id") == "" {
			t.Errorf("%s %s: %d, length %q, body %q, %v", c.method, c.target, res.StatusCode, res.Header.Get("Content-Length"), body, err)
		}
	}
}

// TestCORS: a browser can read every answer, also refusals; buckets follow their own rules.
func TestCORS(t *testing.T) {
	f := newFront(t)
	const origin = "Origin: https://app.example"
	for name, w := range map[string]*httptest.ResponseRecorder{
		"success":         f.serve("POST", "/", local, strings.NewReader(signUpBody), signUpTarget, origin),
		"bad input":       f.serve("POST", "/", local, strings.NewReader("{"), signUpTarget, origin),
		"unsigned":        f.serve("POST", "/", local, strings.NewReader(putBody), putTarget, origin),
		"unknown":         f.serve("POST", "/", local, nil, "X-Amz-Target: A.B", origin),
		"not implemented": f.serve("POST", "/", local, nil, "X-Amz-Target: DynamoDB_20120810.Scan", origin),
		"too large":       f.serve("POST", "/", local, &endless{fill: ' '}, signUpTarget, origin),
		"form":            f.serve("POST", "/", local, strings.NewReader("Action=GetRole&Version=2010-05-08"), formType, origin),
	} {
		if h := w.Header(); h.Get("Access-Control-Allow-Origin") != "*" || !strings.Contains(h.Get("Access-Control-Expose-Headers"), "x-amzn-RequestId") || h.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%s: %d %v", name, w.Code, h)
		}
	}
	var asked []string
	f.SetCORS(s3.API, func(_ context.Context, r *http.Request, bucket string) http.Header {
		asked = append(asked, r.Method+" "+bucket)
		if bucket != "open" {
			return nil
		}
		return http.Header{"Access-Control-Allow-Origin": {r.Header.Get("Origin")}, "Vary": {"Origin"}}
	})
	for _, c := range []struct {
		method, target, host string
		status               int
		allow                string
	}{
		{"OPTIONS", "/open/key", local, 200, "https://app.example"},
		{"OPTIONS", "/key", "open.s3.amazonaws.com", 200, "https://app.example"},
		{"OPTIONS", "/closed/key", local, 403, ""},
		{"OPTIONS", "/", "dynamodb.us-east-1.amazonaws.com", 200, "*"},
		{"OPTIONS", "/", "111122223333.ddb.us-east-1.amazonaws.com", 200, "*"},
		{"OPTIONS", "/", "111122223333.search-ddb.us-east-1.amazonaws.com", 200, "*"},
		{"OPTIONS", "/", "search-dynamodb.us-east-1.amazonaws.com", 200, "*"},
		{"OPTIONS", "/key", "open.ddb.localhost", 403, ""},      // a bucket
		{"GET", "/open/key", local, 403, "https://app.example"}, // nobody signed: still readable as a refusal
		{"GET", "/closed/key", local, 403, ""},
	} {
		w := f.serve(c.method, c.target, c.host, nil, origin, "Access-Control-Request-Method: GET")
		if w.Code != c.status || w.Header().Get("Access-Control-Allow-Origin") != c.allow {
			t.Errorf("%s %s%s: %d %v", c.method, c.host, c.target, w.Code, w.Header())
		}
	}
	if want := []string{"OPTIONS open", "OPTIONS open", "OPTIONS closed", "OPTIONS open.ddb", "GET open", "GET closed"}; !slices.Equal(asked, want) {
		t.Errorf("asked %q", asked)
	}
	if f.serve("GET", "/open/key", local, nil); len(asked) != 6 {
		t.Error("asked without an origin")
	}
}
