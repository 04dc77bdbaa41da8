package sigv4

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const target = "DynamoDB_20120810.PutItem"

// signed is a DynamoDB call signed by our own Sign, with a session token.
func signed(body string) *http.Request {
	r := request("POST", "http://dynamodb.eu-west-1.example.com/tasks/1?b=2&a=1", body)
	r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	r.Header.Set("X-Amz-Target", target)
	Sign(r, Credentials{akid, secret, "session"}, "dynamodb", "eu-west-1", signAt, []byte(body))
	return r
}

func TestSignVerify(t *testing.T) {
	a, body, err := verifyAll(at(signAt), signed("hello"))
	if err != nil || body != "hello" {
		t.Fatal(body, err)
	}
	if a.AccessKey != akid || a.Region != "eu-west-1" || a.Service != "dynamodb" || a.Token != "session" || !a.Time.Equal(signAt) || a.Presigned {
		t.Errorf("%+v", a)
	}
}

// Every change of what was signed is refused.
func TestTampered(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(r *http.Request)
		want Code
	}{
		{"method", func(r *http.Request) { r.Method = "PUT" }, Mismatch},
		{"path", func(r *http.Request) { setPath(r, "/tasks/2?b=2&a=1") }, Mismatch},
		{"path case", func(r *http.Request) { setPath(r, "/Tasks/1?b=2&a=1") }, Mismatch},
		{"path encoded", func(r *http.Request) { setPath(r, "/tasks%2F1?b=2&a=1") }, Mismatch},
		{"path slash", func(r *http.Request) { setPath(r, "/tasks/1/?b=2&a=1") }, Mismatch},
		{"query value", func(r *http.Request) { setPath(r, "/tasks/1?b=2&a=2") }, Mismatch},
		{"query added", func(r *http.Request) { setPath(r, "/tasks/1?b=2&a=1&c=3") }, Mismatch},
		{"query dropped", func(r *http.Request) { setPath(r, "/tasks/1?b=2") }, Mismatch},
		{"query doubled", func(r *http.Request) { setPath(r, "/tasks/1?b=2&a=1&a=1") }, Mismatch},
		{"host", func(r *http.Request) { r.Host = "dynamodb.eu-west-2.example.com" }, Mismatch},
		{"target", func(r *http.Request) { r.Header.Set("X-Amz-Target", "DynamoDB_20120810.DeleteTable") }, Mismatch},
		{"target dropped", func(r *http.Request) { r.Header.Del("X-Amz-Target") }, Mismatch},
		{"target doubled", func(r *http.Request) { r.Header.Add("X-Amz-Target", "x") }, Mismatch},
		{"content type", func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, Mismatch},
		{"unsigned amz header", func(r *http.Request) { r.Header.Set("X-Amz-Acl", "public-read") }, UnsignedHeader},
		{"body", func(r *http.Request) { r.Body = request("POST", "/", "hellO").Body }, PayloadMismatch},
		{"body shorter", func(r *http.Request) { r.Body = request("POST", "/", "hell").Body }, Truncated},
		{"body and hash", func(r *http.Request) {
			r.Body = request("POST", "/", "hellO").Body
			r.Header.Set("X-Amz-Content-Sha256", HashHex([]byte("hellO")))
		}, Mismatch},
		{"hash dropped, body changed", func(r *http.Request) {
			r.Body = request("POST", "/", "hellO").Body
			r.Header.Del("X-Amz-Content-Sha256")
		}, Mismatch},
		{"payload unsigned", func(r *http.Request) { r.Header.Set("X-Amz-Content-Sha256", Unsigned) }, BadPayload},
		{"payload streaming", func(r *http.Request) { r.Header.Set("X-Amz-Content-Sha256", streamUnsignedTrailer) }, BadPayload},
		{"payload empty", func(r *http.Request) { r.Header.Set("X-Amz-Content-Sha256", "") }, BadPayload},
		{"token dropped", func(r *http.Request) { r.Header.Del("X-Amz-Security-Token") }, Mismatch},
		{"date moved", func(r *http.Request) { r.Header.Set("X-Amz-Date", "20261121T071903Z") }, Mismatch},
		{"date of another day", func(r *http.Request) { r.Header.Set("X-Amz-Date", "20261122T071902Z") }, BadScope},
		{"date malformed", func(r *http.Request) { r.Header.Set("X-Amz-Date", "20261121T0719Z") }, Incomplete},
		{"date dropped", func(r *http.Request) { r.Header.Del("X-Amz-Date") }, Incomplete},
		{"date doubled", func(r *http.Request) { r.Header.Add("X-Amz-Date", "20261121T071902Z") }, Conflict},
		{"hash doubled", func(r *http.Request) { r.Header.Add("X-Amz-Content-Sha256", emptyHash) }, Conflict},
		{"token doubled", func(r *http.Request) { r.Header.Add("X-Amz-Security-Token", "session") }, Conflict},
		{"authorization doubled", func(r *http.Request) { r.Header.Add("Authorization", r.Header.Get("Authorization")) }, Conflict},
		{"signature in the query too", func(r *http.Request) { r.URL.RawQuery += "&X-Amz-Signature=" + emptyHash }, Conflict},
		{"signature in the query too, name encoded", func(r *http.Request) { r.URL.RawQuery += "&X%2DAmz-Algorithm=" + Algorithm }, Conflict},
		{"version 2 in the query too", func(r *http.Request) { r.URL.RawQuery += "&AWSAccessKeyId=A&Signature=B" }, Conflict},
		{"authorization removed", func(r *http.Request) { r.Header.Del("Authorization") }, Missing},
		{"region", auth("eu-west-1/", "eu-west-2/"), Mismatch},
		{"service", auth("dynamodb/", "s3/"), Mismatch},
		{"algorithm none", auth(Algorithm, "none"), UnknownAlgorithm},
		{"algorithm SHA1", auth(Algorithm, "AWS4-HMAC-SHA1"), UnknownAlgorithm},
		{"algorithm v4a", auth(Algorithm, "AWS4-ECDSA-P256-SHA256"), UnknownAlgorithm},
		{"algorithm lower", auth(Algorithm, strings.ToLower(Algorithm)), UnknownAlgorithm},
		{"terminator", auth("aws4_request", "aws5_request"), BadScope},
		{"scope date", auth("/20261121/", "/20261120/"), BadScope},
		{"scope short", auth("/dynamodb/", "/"), Incomplete},
		{"no access key", auth("Credential="+akid, "Credential="), Incomplete},
		{"host unsigned", auth("host;", ""), UnsignedHeader},
		{"target unsigned", auth(";x-amz-target", ""), UnsignedHeader},
		{"token unsigned", auth("x-amz-security-token;", ""), UnsignedHeader},
		{"hash not among the signed headers", auth("x-amz-content-sha256;", ""), Mismatch},
		{"signed header repeated", auth("host;", "host;host;"), Incomplete},
		{"signed header upper", auth("host;", "Host;"), Incomplete},
		{"signed headers unsorted", auth("content-type;host;", "host;content-type;"), Incomplete},
		{"signed header empty", auth("host;", "host;;"), Incomplete},
		{"signed header absent", auth("host;", "host;via;"), Mismatch},
		{"signature short", func(r *http.Request) { cut(r, 1) }, Mismatch},
		{"signature empty", func(r *http.Request) { cut(r, 64) }, Incomplete},
		{"signature flipped", func(r *http.Request) { flip(r) }, Mismatch},
		{"signature upper", func(r *http.Request) { upper(r) }, Mismatch},
		{"parameter twice", auth("SignedHeaders=", "Credential=x, SignedHeaders="), Incomplete},
		{"parameter unknown", auth("SignedHeaders=", "Algorithm=none, SignedHeaders="), Incomplete},
		{"huge header", func(r *http.Request) {
			r.Header.Set("Authorization", r.Header.Get("Authorization")+strings.Repeat(" ", maxAuthorization))
		}, Incomplete},
		{"huge credential", auth("Credential="+akid, "Credential="+strings.Repeat("A", maxCredential)), Incomplete},
		{"many signed headers", auth("host;", "host;"+strings.Repeat("i;", maxSignedHeaders)), Incomplete},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := signed("hello")
			c.edit(r)
			_, _, err := verifyAll(at(signAt), r)
			wantCode(t, err, c.want)
		})
	}
}

func setPath(r *http.Request, target string) {
	n := request(r.Method, target, "")
	r.URL, r.RequestURI = n.URL, n.RequestURI
}

// auth edits the Authorization header.
func auth(old, new string) func(*http.Request) {
	return func(r *http.Request) {
		h := r.Header.Get("Authorization")
		if !strings.Contains(h, old) {
			panic("no " + old + " in " + h)
		}
		r.Header.Set("Authorization", strings.Replace(h, old, new, 1))
	}
}

func cut(r *http.Request, n int) {
	h := r.Header.Get("Authorization")
	r.Header.Set("Authorization", h[:len(h)-n])
}

func flip(r *http.Request) {
	h := r.Header.Get("Authorization")
	c := byte('0')
	if h[len(h)-1] == c {
		c = '1'
	}
	r.Header.Set("Authorization", h[:len(h)-1]+string(c))
}

func upper(r *http.Request) {
	h := r.Header.Get("Authorization")
	r.Header.Set("Authorization", h[:len(h)-64]+strings.ToUpper(h[len(h)-64:]))
}

func TestForeignKey(t *testing.T) {
	r := signed("hello")
	r.Header.Set("X-Amz-Security-Token", "another")
	if _, _, err := verifyAll(at(signAt), r); !errors.Is(err, errUnknownKey) {
		t.Errorf("foreign token: %v", err)
	}
	r = request("GET", "/", "")
	Sign(r, Credentials{"AKIDOTHER", secret, ""}, "sts", "us-east-1", signAt, nil)
	if _, _, err := verifyAll(at(signAt), r); !errors.Is(err, errUnknownKey) {
		t.Errorf("unknown key: %v", err)
	}
	r = request("GET", "/", "")
	Sign(r, Credentials{akid, "guessed", ""}, "sts", "us-east-1", signAt, nil)
	_, _, err := verifyAll(at(signAt), r)
	wantCode(t, err, Mismatch)
}

func TestClock(t *testing.T) {
	for _, c := range []struct {
		service string
		age     time.Duration
		want    Code
	}{
		{"dynamodb", 0, ""}, {"dynamodb", 5 * time.Minute, ""}, {"dynamodb", -5 * time.Minute, ""},
		{"dynamodb", 5*time.Minute + time.Second, Skewed}, {"dynamodb", -5*time.Minute - time.Second, Skewed},
		{"s3", 15 * time.Minute, ""}, {"s3", -15 * time.Minute, ""},
		{"s3", 15*time.Minute + time.Second, Skewed}, {"s3", -15*time.Minute - time.Second, Skewed},
		{"s3", 48 * time.Hour, Skewed},
	} {
		r := request("GET", "/", "")
		Sign(r, cred, c.service, "us-east-1", signAt, nil)
		_, _, err := verifyAll(at(signAt.Add(c.age)), r)
		if c.want != "" {
			wantCode(t, err, c.want)
		} else if err != nil {
			t.Errorf("%s after %s: %v", c.service, c.age, err)
		}
	}
}

func presigned(service string, c Credentials, expires time.Duration) *http.Request {
	u := Presign(request("GET", "http://h.example.com:4566/b/k?versionId=7", ""), c, service, "us-east-1", signAt, expires)
	return request("GET", u.String(), "")
}

func TestPresignTampered(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(q url.Values)
		want Code
	}{
		{"untouched", func(q url.Values) {}, ""},
		{"longer", func(q url.Values) { q.Set("X-Amz-Expires", "86400") }, Mismatch},
		{"too long", func(q url.Values) { q.Set("X-Amz-Expires", "604801") }, Incomplete},
		{"negative", func(q url.Values) { q.Set("X-Amz-Expires", "-1") }, Incomplete},
		{"for ever", func(q url.Values) { q.Del("X-Amz-Expires") }, Incomplete},
		{"later", func(q url.Values) { q.Set("X-Amz-Date", "20261121T081902Z") }, NotYetValid},
		{"version", func(q url.Values) { q.Set("versionId", "8") }, Mismatch},
		{"param", func(q url.Values) { q.Set("tagging", "") }, Mismatch},
		{"algorithm", func(q url.Values) { q.Set("X-Amz-Algorithm", "AWS4-HMAC-SHA512") }, UnknownAlgorithm},
		{"no algorithm", func(q url.Values) { q.Del("X-Amz-Algorithm") }, UnknownAlgorithm},
		{"no signature", func(q url.Values) { q.Del("X-Amz-Signature") }, Incomplete},
		{"twice", func(q url.Values) { q.Add("X-Amz-Credential", "x") }, Conflict},
		{"two signatures", func(q url.Values) { q.Add("X-Amz-Signature", emptyHash) }, Conflict},
		{"unsigned payload spelled out", func(q url.Values) { q.Set("X-Amz-Content-Sha256", Unsigned) }, Mismatch},
		{"host unsigned", func(q url.Values) { q.Set("X-Amz-SignedHeaders", "x") }, UnsignedHeader},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := presigned("s3", cred, time.Hour)
			q := r.URL.Query()
			c.edit(q)
			r.URL.RawQuery = q.Encode()
			_, _, err := verifyAll(at(signAt), r)
			if c.want != "" {
				wantCode(t, err, c.want)
			} else if err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestPresignHeaders(t *testing.T) {
	v := at(signAt)
	r := presigned("s3", cred, time.Hour)
	r.Header.Set("X-Amz-Acl", "public-read")
	_, _, err := verifyAll(v, r)
	wantCode(t, err, UnsignedHeader)
	r = presigned("s3", cred, time.Hour)
	r.Header.Set("Authorization", "Bearer x")
	_, _, err = verifyAll(v, r)
	wantCode(t, err, Conflict)
	r = presigned("s3", Credentials{akid, secret, "session"}, time.Hour)
	r.Header.Set("X-Amz-Security-Token", "another")
	_, _, err = verifyAll(v, r)
	wantCode(t, err, Conflict)
}

// A presigned call of another service signs its body, or that it has none.
func TestPresignBody(t *testing.T) {
	v := at(signAt)
	if _, _, err := verifyAll(v, presigned("sts", cred, time.Minute)); err != nil {
		t.Fatal(err)
	}
	r := presigned("sts", cred, time.Minute)
	with := request("GET", r.RequestURI, "smuggled")
	with.Host = r.Host
	_, _, err := verifyAll(v, with)
	wantCode(t, err, Mismatch)
	r = presigned("s3", cred, time.Minute)
	if _, body, err := verifyAll(v, r); err != nil || body != "" {
		t.Fatal(body, err)
	}
}

// What real signers do differently and AWS accepts.
func TestLenient(t *testing.T) {
	v := at(signAt)
	ok := func(name string, r *http.Request) {
		t.Helper()
		if _, _, err := verifyAll(v, r); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	r := request("GET", "http://127.0.0.1:4566/", "")
	r.Host = "127.0.0.1"
	Sign(r, cred, "", "us-east-1", signAt, nil)
	r.Host = "127.0.0.1:4566"
	ok("host signed without port, empty service", r)

	r = request("GET", "http://[::1]/", "")
	Sign(r, cred, "execute-api", "no where", signAt, nil)
	r.Host = "[::1]:4566"
	ok("IPv6 host, odd region", r)

	r = request("GET", "/a/c/", "")
	Sign(r, cred, "execute-api", "us-east-1", signAt, nil)
	setPath(r, "/a//b/.././c/")
	ok("path cleaned before signing", r)

	r = request("GET", "/", "")
	Sign(r, Credentials{"a/b/c", secret, ""}, "sts", "us-east-1", signAt, nil)
	if a, err := v.Verify(r, 0, func(k, _ string) (string, error) { return secret, nil }); err != nil || a.AccessKey != "a/b/c" {
		t.Errorf("access key with slashes: %v %v", a, err)
	}

	r = presigned("s3", cred, time.Hour)
	r.URL.RawQuery += "&X-Amz-Security-Token=session"
	ok("token added after signing", r)

	r = request("GET", "/", "")
	r.Header.Set("X-Amz-Meta-A", "a    b")
	Sign(r, cred, "s3", "us-east-1", signAt, nil)
	r.Header.Set("X-Amz-Meta-A", " a \t b  ")
	r.Header.Set("X-Amz-User-Agent", "unsigned")
	r.Header.Set("X-Other", "unsigned")
	ok("blanks", r)
}

// The S3 path is decoded and encoded once and never cleaned.
func TestS3Path(t *testing.T) {
	v := at(signAt)
	for _, p := range []string{"/b/a%20b", "/b/a%2Bb%3D", "//double//slash/../x", "/b/%C3%BC", "/b/us-east-1%3Auuid", "/b/quote'()!*~"} {
		r := request("GET", p, "")
		Sign(r, cred, "s3", "us-east-1", signAt, nil)
		if _, _, err := verifyAll(v, r); err != nil {
			t.Errorf("%s: %v", p, err)
		}
	}
	r := request("GET", "/b/x", "")
	Sign(r, cred, "s3", "us-east-1", signAt, nil)
	setPath(r, "/b//x")
	_, _, err := verifyAll(v, r)
	wantCode(t, err, Mismatch)
}

// Headers that Go's server may keep outside of Header.
func TestPromotedHeaders(t *testing.T) {
	r := request("POST", "/", "hello")
	a := claim(cred, "sts", "us-east-1", signAt)
	a.SignedHeaders = []string{"content-length", "host", "transfer-encoding", "x-amz-date"}
	a.signed, a.Payload = strings.Join(a.SignedHeaders, ";"), HashHex([]byte("hello"))
	r.Header.Set("X-Amz-Date", a.stamp)
	r.Header.Set("Content-Length", "5")
	r.Header.Set("Transfer-Encoding", "identity")
	r.Header.Set("Authorization", Algorithm+" Credential="+akid+"/"+string(a.scope(nil))+",SignedHeaders="+a.signed+",Signature="+a.sign(r, secret))
	r.Header.Del("Content-Length")
	r.Header.Del("Transfer-Encoding")
	r.TransferEncoding = []string{"identity"}
	if _, _, err := verifyAll(at(signAt), r); err != nil {
		t.Error(err)
	}
}

func TestDateHeader(t *testing.T) {
	for _, form := range []string{http.TimeFormat, time.RFC3339, stampForm, time.RFC1123Z} {
		r := request("GET", "/", "")
		Sign(r, cred, "sts", "us-east-1", signAt, nil)
		r.Header.Del("X-Amz-Date")
		r.Header.Set("Date", signAt.Format(form))
		a := claim(cred, "sts", "us-east-1", signAt)
		a.SignedHeaders, a.signed, a.Payload = []string{"date", "host"}, "date;host", emptyHash
		r.Header.Set("Authorization", Algorithm+" Credential="+akid+"/"+string(a.scope(nil))+",SignedHeaders=date;host,Signature="+a.sign(r, secret))
		if _, _, err := verifyAll(at(signAt), r); err != nil {
			t.Errorf("%s: %v", form, err)
		}
	}
}

func TestBodyLimit(t *testing.T) {
	v := at(signAt)
	_, err := v.Verify(signed("hello"), 4, findKey)
	wantCode(t, err, TooLarge)
	r := signed("hello")
	r.ContentLength = -1
	if _, err := v.Verify(r, 4, findKey); err != nil {
		t.Fatal(err)
	}
	wantCode(t, drain(r), TooLarge)
	r = signed("hello")
	r.ContentLength = -1
	r.Header.Del("X-Amz-Content-Sha256")
	r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "x-amz-content-sha256;", "", 1))
	_, err = v.Verify(r, 4, findKey)
	wantCode(t, err, TooLarge)
}

// A body that nobody reads must not pass either.
func TestEmptyBodyWithHash(t *testing.T) {
	r := request("POST", "/", "")
	Sign(r, cred, "sqs", "us-east-1", signAt, []byte("something"))
	_, err := at(signAt).Verify(r, mega, findKey)
	wantCode(t, err, PayloadMismatch)
}

// The signature is checked before the body when its hash is declared, so no 100 Continue is sent in vain.
func TestBodyUntouchedBeforeProof(t *testing.T) {
	r := signed("hello")
	flip(r)
	r.Body = untouchable{t}
	_, err := at(signAt).Verify(r, mega, findKey)
	wantCode(t, err, Mismatch)
	r = request("PUT", "/b/k", "hello")
	Sign(r, cred, "s3", "us-east-1", signAt, nil)
	r.Header.Del("X-Amz-Content-Sha256")
	r.Body = untouchable{t}
	_, err = at(signAt).Verify(r, mega, findKey)
	wantCode(t, err, BadPayload)
}

type untouchable struct{ t *testing.T }

func (u untouchable) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, errors.New("read")
}
func (untouchable) Close() error { return nil }

// A changed secret takes effect at once, cache or not.
func TestSecretChanged(t *testing.T) {
	v := at(signAt)
	if _, _, err := verifyAll(v, signed("a")); err != nil {
		t.Fatal(err)
	}
	_, err := v.Verify(signed("a"), mega, func(string, string) (string, error) { return "rotated", nil })
	wantCode(t, err, Mismatch)
}

func TestKeyCacheBounded(t *testing.T) {
	var k keys
	for i := range 3 * maxKeys {
		k.put(keyID{accessKey: string(rune(i + 1000))}, &signer{})
	}
	if n := len(k.now) + len(k.old); n > 2*maxKeys {
		t.Errorf("%d keys", n)
	}
	id := keyID{accessKey: string(rune(3*maxKeys + 999))}
	if k.get(id) == nil {
		t.Error("the newest key is gone")
	}
	if id = (keyID{accessKey: string(rune(maxKeys + 1000))}); k.get(id) == nil || k.now[id] == nil {
		t.Error("a key of the older generation was not renewed")
	}
	if k.get(keyID{accessKey: string(rune(1000))}) != nil {
		t.Error("the oldest key is still there")
	}
}

func TestPresent(t *testing.T) {
	r := request("GET", "/?x=1", "")
	if Present(r) {
		t.Error("plain")
	}
	r.Header.Set("Authorization", "Bearer x")
	if Present(r) {
		t.Error("bearer")
	}
	for _, h := range []string{"AWS4-HMAC-SHA256 x", "AWS4-ECDSA-P256-SHA256 x", "AWS AK:sig"} {
		if r.Header.Set("Authorization", h); !Present(r) {
			t.Error(h)
		}
	}
	for _, q := range []string{"X-Amz-Signature=", "X%2DAmz-Credential=1", "AWSAccessKeyId=1&Signature=2"} {
		if !Present(request("GET", "/?"+q, "")) {
			t.Error(q)
		}
	}
}

// Many goroutines share one verifier, good and bad requests mixed.
func TestConcurrent(t *testing.T) {
	v := at(signAt)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 50 {
				r := request("GET", "/", "")
				Sign(r, cred, "sts", "region-"+strconv.Itoa((i+j)%5), signAt, nil)
				if j%2 == 1 {
					flip(r)
				}
				if _, _, err := verifyAll(v, r); (err == nil) != (j%2 == 0) {
					t.Errorf("%d: %v", j, err)
				}
			}
		})
	}
	wg.Wait()
}
