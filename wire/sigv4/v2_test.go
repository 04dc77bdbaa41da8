package sigv4

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"
)

func signSHA1(secret, text string) string {
	h := hmac.New(sha1.New, []byte(secret))
	h.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

// v2 is a verifier whose router takes buckets from the hosts under s3.example.com.
func v2(now time.Time) *Verifier {
	v := at(now)
	v.Bucket = func(host string) string {
		b, _ := strings.CutSuffix(host, "s3.example.com")
		return strings.TrimSuffix(b, ".")
	}
	return v
}

func v2Request(host, target, text string) *http.Request {
	expires := strconv.FormatInt(signAt.Add(time.Hour).Unix(), 10)
	sep := "?"
	if strings.Contains(target, "?") {
		sep = "&"
	}
	r := request("GET", target+sep+"AWSAccessKeyId="+akid+"&Expires="+expires+"&Signature="+url.QueryEscape(signSHA1(secret, strings.ReplaceAll(text, "EXPIRES", expires))), "")
	r.Host = host
	return r
}

func TestV2(t *testing.T) {
	for _, c := range []struct{ name, host, target, text string }{
		{"path style", "s3.example.com:4566", "/b/a%20k", "GET\n\n\nEXPIRES\n/b/a%20k"},
		{"virtual host", "b.s3.example.com", "/k", "GET\n\n\nEXPIRES\n/b/k"},
		{"subresources", "b.s3.example.com", "/k?response-content-type=a%2Fb&versionId=7&x-id=GetObject", "GET\n\n\nEXPIRES\n/b/k?response-content-type=a/b&versionId=7"},
		{"token", "s3.example.com", "/b/k?x-amz-security-token=session", "GET\n\n\nEXPIRES\nx-amz-security-token:session\n/b/k"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, _, err := verifyAll(v2(signAt), v2Request(c.host, c.target, c.text))
			if err != nil {
				t.Fatal(err)
			}
			if a.Version != 2 || a.Service != "s3" || !a.Presigned || a.AccessKey != akid {
				t.Errorf("%+v", a)
			}
		})
	}
}

func TestV2Refused(t *testing.T) {
	good := func() *http.Request { return v2Request("s3.example.com", "/b/k", "GET\n\n\nEXPIRES\n/b/k") }
	for _, c := range []struct {
		name string
		edit func(r *http.Request)
		now  time.Time
		want Code
	}{
		{"late", func(r *http.Request) {}, signAt.Add(time.Hour), Expired},
		{"method", func(r *http.Request) { r.Method = "DELETE" }, signAt, Mismatch},
		{"key", func(r *http.Request) { setPath(r, strings.Replace(r.RequestURI, "/b/k", "/b/l", 1)) }, signAt, Mismatch},
		{"path of one style, host of the other", func(r *http.Request) { r.Host = "other.s3.example.com" }, signAt, Mismatch},
		{"another operation", func(r *http.Request) { r.URL.RawQuery += "&acl" }, signAt, Mismatch},
		{"another operation, unknown to version 2", func(r *http.Request) { r.URL.RawQuery += "&attributes" }, signAt, UnsignedHeader},
		{"line break", func(r *http.Request) { r.URL.RawQuery += "&content-type=%0A" }, signAt, Incomplete},
		{"longer", func(r *http.Request) { r.URL.RawQuery += "0" }, signAt, Mismatch},
		{"expires twice", func(r *http.Request) { r.URL.RawQuery += "&Expires=99999999999" }, signAt, Conflict},
		{"token added", func(r *http.Request) { r.URL.RawQuery += "&x-amz-security-token=session" }, signAt, Mismatch},
		{"header added", func(r *http.Request) { r.Header.Set("X-Amz-Acl", "public-read") }, signAt, Mismatch},
		{"expires not a number", func(r *http.Request) { r.URL.RawQuery = strings.Replace(r.URL.RawQuery, "Expires=", "Expires=x", 1) }, signAt, Incomplete},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := good()
			c.edit(r)
			_, _, err := verifyAll(v2(c.now), r)
			wantCode(t, err, c.want)
		})
	}
	_, _, err := verifyAll(at(signAt), good())
	wantCode(t, err, UnknownAlgorithm)
}

func TestVerifyPolicy(t *testing.T) {
	const policy = "eyAiZXhwaXJhdGlvbiI6ICIyMDE1LTEyLTMwVDEyOjAwOjAwLjAwMFoiIH0="
	key := signingKey(secret, "20261121", "us-east-1", "s3")
	good := Form{Algorithm: Algorithm, Credential: akid + "/20261121/us-east-1/s3/aws4_request", Date: "20261121T071902Z", Signature: hexOf(mac(key, policy))}
	v := at(signAt)
	if a, err := v.VerifyPolicy(policy, good, findKey); err != nil || a.AccessKey != akid || a.Region != "us-east-1" {
		t.Fatal(a, err)
	}
	for _, c := range []struct {
		name, policy string
		edit         func(f *Form)
		want         Code
	}{
		{"policy", policy + "=", func(f *Form) {}, Mismatch},
		{"date", policy, func(f *Form) { f.Date = "20261122T071902Z" }, BadScope},
		{"region", policy, func(f *Form) { f.Credential = akid + "/20261121/us-east-2/s3/aws4_request" }, Mismatch},
		{"service", policy, func(f *Form) { f.Credential = akid + "/20261121/us-east-1/sts/aws4_request" }, BadScope},
		{"algorithm", policy, func(f *Form) { f.Algorithm = "" }, UnknownAlgorithm},
		{"signature", policy, func(f *Form) { f.Signature = emptyHash }, Mismatch},
		{"no signature", policy, func(f *Form) { f.Signature = "" }, Mismatch},
		{"downgrade", policy, func(f *Form) { f.Algorithm, f.AccessKey, f.SignatureV2 = "", akid, "x" }, UnknownAlgorithm},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := good
			c.edit(&f)
			_, err := v.VerifyPolicy(c.policy, f, findKey)
			wantCode(t, err, c.want)
		})
	}
	old := Form{AccessKey: akid, SignatureV2: signSHA1(secret, policy)}
	if _, err := v.VerifyPolicy(policy, old, findKey); err != nil {
		t.Error(err)
	}
	_, err := v.VerifyPolicy(policy+"x", old, findKey)
	wantCode(t, err, Mismatch)
}
