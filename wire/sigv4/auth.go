package sigv4

import (
	"net/http"
	"strings"
	"time"
)

// Algorithm is the one algorithm of Signature Version 4 we know.
const Algorithm = "AWS4-HMAC-SHA256"

// Limits of what is parsed before anybody is authenticated.
const (
	maxAuthorization = 16 << 10 // bytes of the Authorization header
	maxCredential    = 512      // bytes of the access key with its scope
	maxSignedHeaders = 128      // names in SignedHeaders
	maxToken         = 16 << 10 // bytes of the session token
)

// Auth is what a signature says: from Parse a claim, from Verify a proven fact.
type Auth struct {
	AccessKey     string
	Date          string // of the scope, YYYYMMDD; "" in Version 2
	Region        string // of the scope, as given: may be empty or odd
	Service       string // of the scope, as given; "s3" in Version 2. The caller checks that it suits the operation.
	Token         string // X-Amz-Security-Token, "" when absent
	SignedHeaders []string
	Signature     string // as sent: 64 hex digits, or base64 in Version 2
	Time          time.Time
	Presigned     bool          // the signature came in the query
	Expires       time.Duration // presigned: how long after Time; 0 when not said
	Payload       string        // x-amz-content-sha256, the body's own hash when absent, or UNSIGNED-PAYLOAD
	Version       int           // 4, or 2 for S3's old query form

	// Trailer holds the trailers of an aws-chunked body (names in lower case), once the body has been read to its end.
	Trailer map[string]string

	stamp    string // Time as it is signed
	signed   string // SignedHeaders joined by ;
	declared bool   // Payload came with the request
	hashed   bool   // Payload was computed from the body

	tokenInQuery bool
}

// Present says whether r carries an AWS signature at all, of whatever kind and worth, in the header or the query. POST
// policies are in the body and not seen here.
func Present(r *http.Request) bool {
	h := r.Header.Get("Authorization")
	return strings.HasPrefix(h, "AWS4-") || strings.HasPrefix(h, "AWS ") || queryKind(r.URL.RawQuery) != 0
}

// Parse reads what the signature of r claims, without proving anything: good for routing only.
func Parse(r *http.Request) (*Auth, error) {
	hs := r.Header["Authorization"]
	kind := queryKind(r.URL.RawQuery)
	switch {
	case len(hs) > 1:
		return nil, refuse(Conflict, msgConflict, "%d Authorization headers", len(hs))
	case len(hs) == 1 && kind != 0:
		return nil, refuse(Conflict, msgConflict, "signature in the Authorization header and in the query")
	case len(hs) == 1:
		return parseHeader(r, hs[0])
	case kind == 4:
		return parseQuery(r)
	case kind == 2:
		return parseV2(r)
	}
	return nil, refuse(Missing, msgMissing, "no Authorization header and no signature in the query")
}

func parseHeader(r *http.Request, h string) (*Auth, error) {
	if len(h) > maxAuthorization {
		return nil, malformed(Incomplete, "Authorization header is longer than %d bytes", maxAuthorization)
	}
	alg, rest, _ := strings.Cut(h, " ")
	if alg != Algorithm {
		return nil, refuse(UnknownAlgorithm, msgAlgorithm, "algorithm %.32q, expected %s", alg, Algorithm)
	}
	a := &Auth{Version: 4}
	cred, err := a.fields(rest)
	if err != nil {
		return nil, err
	}
	if err := a.headers(r); err != nil {
		return nil, err
	}
	return a, a.finish(cred)
}

// fields reads Credential=…, SignedHeaders=…, Signature=… in any order, each once and nothing else.
func (a *Auth) fields(s string) (cred string, err error) {
	for f := range strings.SplitSeq(s, ",") {
		k, v, _ := strings.Cut(strings.TrimSpace(f), "=")
		var to *string
		switch k {
		case "Credential":
			to = &cred
		case "SignedHeaders":
			to = &a.signed
		case "Signature":
			to = &a.Signature
		default:
			return "", malformed(Incomplete, "Authorization header holds an unknown parameter %.32q", k)
		}
		if *to != "" {
			return "", malformed(Incomplete, "Authorization header holds '%s' twice", k)
		}
		*to = v
	}
	for _, p := range [...]struct{ name, v string }{{"Credential", cred}, {"Signature", a.Signature}, {"SignedHeaders", a.signed}} {
		if p.v == "" {
			return "", malformed(Incomplete, "Authorization header requires '%s' parameter.", p.name)
		}
	}
	return cred, nil
}

// headers reads the date, token and payload hash that accompany a signature in the header.
func (a *Auth) headers(r *http.Request) (err error) {
	if a.Token, err = single(r.Header, "X-Amz-Security-Token"); err != nil {
		return err
	}
	if a.Payload, err = single(r.Header, "X-Amz-Content-Sha256"); err != nil {
		return err
	}
	a.declared = len(r.Header["X-Amz-Content-Sha256"]) > 0
	date, err := single(r.Header, "X-Amz-Date")
	if err == nil && date == "" {
		date, err = single(r.Header, "Date")
	}
	if err != nil {
		return err
	}
	if date == "" {
		return malformed(Incomplete, "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
	}
	return a.setTime(date)
}

func single(h http.Header, name string) (string, error) {
	v := h[name]
	if len(v) > 1 {
		return "", refuse(Conflict, "Duplicate header "+name, "%d %s headers", len(v), name)
	}
	if len(v) == 0 {
		return "", nil
	}
	return strings.TrimSpace(v[0]), nil
}

const stampForm = "20060102T150405Z"

// setTime takes the basic ISO form of X-Amz-Date, or the forms a Date header may have.
func (a *Auth) setTime(s string) (err error) {
	if a.Time, err = time.Parse(stampForm, s); err == nil && len(s) == len(stampForm) {
		a.stamp = s
		return nil
	}
	for _, form := range [...]string{http.TimeFormat, time.RFC1123Z, time.RFC3339, time.RFC1123, time.RFC850, time.ANSIC} {
		if t, err := time.Parse(form, s); err == nil {
			a.Time = t.UTC()
			a.stamp = a.Time.Format(stampForm)
			return nil
		}
	}
	return malformed(Incomplete, "Date must be in ISO-8601 'basic format'. Got '%.40s'. See http://en.wikipedia.org/wiki/ISO_8601", s)
}

// finish splits the credential and checks what header and query form have in common.
func (a *Auth) finish(cred string) error {
	if err := a.scopeFrom(cred); err != nil {
		return err
	}
	if len(a.Token) > maxToken {
		return malformed(Incomplete, "X-Amz-Security-Token is longer than %d bytes", maxToken)
	}
	if !isHex64(a.Signature) {
		return refuse(Mismatch, msgMismatch, "the signature is not 64 hex digits")
	}
	return a.splitSigned()
}

// scopeFrom parses from the right: access keys may hold '/'.
func (a *Auth) scopeFrom(cred string) error {
	if len(cred) > maxCredential {
		return malformed(Incomplete, "Credential is longer than %d bytes", maxCredential)
	}
	var p [4]string
	rest := cred
	for i := 3; i >= 0; i-- {
		j := strings.LastIndexByte(rest, '/')
		if j < 0 {
			return malformed(Incomplete, "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '%s'", cred)
		}
		p[i], rest = rest[j+1:], rest[:j]
	}
	switch {
	case rest == "":
		return malformed(Incomplete, "Credential holds no access key")
	case p[3] != "aws4_request":
		return malformed(BadScope, "Credential should be scoped with a valid terminator: 'aws4_request', not '%s'.", p[3])
	case len(a.stamp) < 8 || p[0] != a.stamp[:8]:
		return malformed(BadScope, "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '%s' != '%.8s', from '%s'.", p[0], a.stamp, a.stamp)
	}
	a.AccessKey, a.Date, a.Region, a.Service = rest, p[0], p[1], p[2]
	return nil
}

// splitSigned insists on ascending names, as every signer sends them: so a name can not be repeated to make the canonical
// request huge.
func (a *Auth) splitSigned() error {
	if strings.Count(a.signed, ";") >= maxSignedHeaders {
		return malformed(Incomplete, "SignedHeaders has more than %d names", maxSignedHeaders)
	}
	a.SignedHeaders = strings.Split(a.signed, ";")
	last, host := "", false
	for _, n := range a.SignedHeaders {
		if n <= last || !lowerToken(n) {
			return malformed(Incomplete, "SignedHeaders must be lower-case names in ascending order, got '%.80s'", a.signed)
		}
		last, host = n, host || n == "host"
	}
	if !host {
		return refuse(UnsignedHeader, msgHost, "host is not among the signed headers %q", a.signed)
	}
	return nil
}

func lowerToken(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || c >= 'A' && c <= 'Z' || c == ':' || c == ',' {
			return false
		}
	}
	return true
}

func isHex64(s string) bool {
	if len(s) != 64 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
