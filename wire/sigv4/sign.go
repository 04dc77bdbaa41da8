package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Credentials is what a client signs with.
type Credentials struct {
	AccessKey, Secret string
	Token             string // session token; "" for long-term keys
}

// Unsigned stands for the hash of a payload that is not signed; legal for S3 only.
const Unsigned = "UNSIGNED-PAYLOAD"

// attempt is one computed signature, with the hash of the canonical request for the operator.
type attempt struct{ mac, request [32]byte }

func (a *Auth) try(buf *[]byte, h hash.Hash, r *http.Request, values [][]string, v variant) (t attempt) {
	b := a.canonical((*buf)[:0], r, values, v)
	t.request = sha256.Sum256(b)
	b = append(append(append(b[:0], Algorithm...), '\n'), a.stamp...)
	b = append(a.scope(append(b, '\n')), '\n')
	b = hex.AppendEncode(b, t.request[:])
	h.Reset()
	h.Write(b)
	b = h.Sum(b[:0])
	copy(t.mac[:], b)
	*buf = b
	return t
}

// Sign signs r with the Authorization header. body is the payload, or nil; for another payload line (Unsigned, …) set
// X-Amz-Content-Sha256 before. Host, Content-Type and every x-amz-* header are signed: set them before.
func Sign(r *http.Request, cred Credentials, service, region string, at time.Time, body []byte) {
	a := claim(cred, service, region, at)
	r.Header.Del("Authorization")
	r.Header.Set("X-Amz-Date", a.stamp)
	if cred.Token != "" {
		r.Header.Set("X-Amz-Security-Token", cred.Token)
	}
	if r.Header.Get("X-Amz-Content-Sha256") == "" {
		r.Header.Set("X-Amz-Content-Sha256", HashHex(body))
	}
	a.Payload = r.Header.Get("X-Amz-Content-Sha256")
	a.SignedHeaders = []string{"host"}
	for name := range r.Header {
		if n := strings.ToLower(name); n == "content-type" || strings.HasPrefix(n, "x-amz-") {
			a.SignedHeaders = append(a.SignedHeaders, n)
		}
	}
	slices.Sort(a.SignedHeaders)
	a.signed = strings.Join(a.SignedHeaders, ";")
	r.Header.Set("Authorization", Algorithm+" Credential="+cred.AccessKey+"/"+string(a.scope(nil))+
		", SignedHeaders="+a.signed+", Signature="+a.sign(r, cred.Secret))
}

// Presign returns the URL of r signed in the query, good for expires. Only the host is signed besides; the payload is
// unsigned for S3 and empty for all others. r stays as it is.
func Presign(r *http.Request, cred Credentials, service, region string, at time.Time, expires time.Duration) *url.URL {
	a := claim(cred, service, region, at)
	a.Presigned, a.signed, a.SignedHeaders = true, "host", []string{"host"}
	a.Payload = Unsigned
	if service != "s3" {
		a.Payload = HashHex(nil)
	}
	u := *r.URL
	q := []string{
		"X-Amz-Algorithm=" + Algorithm,
		"X-Amz-Credential=" + url.QueryEscape(cred.AccessKey+"/"+string(a.scope(nil))),
		"X-Amz-Date=" + a.stamp,
		"X-Amz-Expires=" + strconv.FormatInt(int64(expires/time.Second), 10),
		"X-Amz-SignedHeaders=host",
	}
	if cred.Token != "" {
		q = append(q, "X-Amz-Security-Token="+url.QueryEscape(cred.Token))
	}
	if u.RawQuery != "" {
		q = append([]string{u.RawQuery}, q...)
	}
	u.RawQuery = strings.Join(q, "&")
	s := &http.Request{Method: r.Method, URL: &u, Host: hostOf(r)}
	u.RawQuery += "&X-Amz-Signature=" + a.sign(s, cred.Secret)
	return &u
}

func claim(cred Credentials, service, region string, at time.Time) *Auth {
	at = at.UTC().Truncate(time.Second)
	stamp := at.Format(stampForm)
	return &Auth{Version: 4, AccessKey: cred.AccessKey, Date: stamp[:8], Region: region, Service: service, Time: at, stamp: stamp}
}

func (a *Auth) sign(r *http.Request, secret string) string {
	values, _ := a.collect(r, nil)
	var buf []byte
	h := hmac.New(sha256.New, signingKey(secret, a.Date, a.Region, a.Service))
	t := a.try(&buf, h, r, values, variant{})
	return hex.EncodeToString(t.mac[:])
}
