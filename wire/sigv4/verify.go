package sigv4

import (
	"crypto/subtle"
	"encoding/hex"
	"hash"
	"net/http"
	"sync"
	"time"
)

// Clock windows of signatures in the header, and of presigned requests that name no lifetime.
const (
	skew   = 5 * time.Minute
	skewS3 = 15 * time.Minute
)

// Find gives the secret of an access key. token is the session token sent, "" when none: it must be the very one issued with
// the key. Its errors reach Verify's caller as they are.
type Find = func(accessKey, token string) (secret string, err error)

// Verifier checks signatures. It is safe for concurrent use.
type Verifier struct {
	// Bucket names the bucket that the router takes from a host name, "" when the bucket is in the path. Signature Version 2
	// signs the bucket, so without Bucket it is refused. Set it before the first request.
	Bucket func(host string) string

	now  func() time.Time
	keys keys
	bufs sync.Pool
}

// NewVerifier returns a Verifier that reads the time from now.
func NewVerifier(now func() time.Time) *Verifier {
	return &Verifier{now: now, bufs: sync.Pool{New: func() any { b := make([]byte, 0, 4096); return &b }}}
}

// Verify proves the signature of r. Errors are *Error, or what find returned.
//
// On success r.Body delivers the decoded payload, at most maxBody bytes, and fails with an *Error when the payload is not
// what was signed: the caller must read it to its end before it acts on it. The last bytes are never delivered before the
// whole is proven. For aws-chunked bodies r.ContentLength and Content-Encoding become those of the payload.
//
// When the client declared the payload's hash, nothing of the body has been read before the signature is proven; otherwise
// the body is read (at most maxBody bytes) and hashed once the access key is known.
func (v *Verifier) Verify(r *http.Request, maxBody int64, find Find) (*Auth, error) {
	a, err := Parse(r)
	if err != nil {
		return nil, err
	}
	if a.Version == 2 {
		return v.verifyV2(r, a, maxBody, find)
	}
	if err := a.inTime(v.now()); err != nil {
		return nil, err
	}
	var few [16][]string
	values, unsigned := a.collect(r, few[:0])
	if unsigned != "" {
		return nil, refuse(UnsignedHeader, msgUnsigned, "%s is present but not among the signed headers %q", unsigned, a.signed)
	}
	if err := a.payloadAllowed(); err != nil {
		return nil, err
	}
	length, err := a.length(r, maxBody)
	if err != nil {
		return nil, err
	}
	secret, err := find(a.AccessKey, a.Token)
	if err != nil {
		return nil, err
	}
	if a.Payload == "" {
		if err := a.readBody(r, maxBody); err != nil {
			return nil, err
		}
	}
	s, err := v.prove(r, a, values, secret)
	if err != nil {
		return nil, err
	}
	if err := a.wrapBody(r, s.key, length, maxBody); err != nil {
		return nil, err
	}
	return a, nil
}

// inTime checks the clock: a window around now for header signatures, the lifetime for presigned ones.
func (a *Auth) inTime(now time.Time) error {
	window := skew
	if a.Service == "s3" {
		window = skewS3
	}
	now = now.UTC()
	age := now.Sub(a.Time)
	switch {
	case a.Expires > 0 && age < -window:
		return refuse(NotYetValid, msgNotYet, "presigned for %s, now is %s", a.stamp, now.Format(stampForm))
	case a.Expires > 0 && age >= a.Expires:
		return refuse(Expired, msgExpired, "presigned at %s for %s, now is %s", a.stamp, a.Expires, now.Format(stampForm))
	case a.Expires > 0:
		return nil
	case age > window:
		return malformed(Skewed, "Signature expired: %s is now earlier than %s (%s - %d min.)", a.stamp, now.Add(-window).Format(stampForm), now.Format(stampForm), int(window.Minutes()))
	case age < -window:
		return malformed(Skewed, "Signature not yet current: %s is still later than %s (%s + %d min.)", a.stamp, now.Add(window).Format(stampForm), now.Format(stampForm), int(window.Minutes()))
	}
	return nil
}

// prove compares the signature with ours, in each reading that makes sense, and returns the key that proved it.
func (v *Verifier) prove(r *http.Request, a *Auth, values [][]string, secret string) (*signer, error) {
	var sent [32]byte
	hex.Decode(sent[:], []byte(a.Signature)) // 64 hex digits, as finish has checked
	id := a.keyID(secret)
	s := v.keys.get(id)
	fresh := s == nil
	if fresh {
		s = newSigner(secret, a.Date, a.Region, a.Service)
	}
	h := s.macs.Get().(hash.Hash)
	defer s.macs.Put(h)
	bp := v.bufs.Get().(*[]byte)
	defer v.bufs.Put(bp)
	usual := a.try(bp, h, r, values, variant{})
	if subtle.ConstantTimeCompare(usual.mac[:], sent[:]) != 1 && !a.proveOther(bp, h, r, values, sent) {
		return nil, refuse(Mismatch, msgMismatch,
			"canonical request %x; signed: %s %s, query of %d bytes, host %s, headers %s, payload %s, at %s in scope %s",
			usual.request, r.Method, rawPath(r), len(r.URL.RawQuery), hostOf(r), a.signed, a.Payload, a.stamp, a.scope(nil))
	}
	if fresh {
		v.keys.put(id, s)
	}
	return s, nil
}

// proveOther tries the unusual readings.
func (a *Auth) proveOther(buf *[]byte, h hash.Hash, r *http.Request, values [][]string, sent [32]byte) (ok bool) {
	for _, w := range a.variants(r)[1:] {
		t := a.try(buf, h, r, values, w)
		ok = ok || subtle.ConstantTimeCompare(t.mac[:], sent[:]) == 1
	}
	return ok
}

// scope appends date/region/service/aws4_request.
func (a *Auth) scope(b []byte) []byte {
	b = append(append(b, a.Date...), '/')
	b = append(append(b, a.Region...), '/')
	b = append(append(b, a.Service...), '/')
	return append(b, "aws4_request"...)
}
