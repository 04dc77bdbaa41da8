package sigv4

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// maxExpires is how long a presigned URL may live: a week.
const maxExpires = 604800

// eachParam calls f with each parameter of a raw query: the decoded name, and the value as sent.
func eachParam(raw string, f func(name, rawValue string)) {
	for raw != "" {
		var p string
		p, raw, _ = strings.Cut(raw, "&")
		if p == "" {
			continue
		}
		k, v, _ := strings.Cut(p, "=")
		f(unescape(k), v)
	}
}

// unescape decodes a part of a query; what can not be decoded stands for itself.
func unescape(s string) string {
	if strings.IndexByte(s, '%') < 0 && strings.IndexByte(s, '+') < 0 {
		return s
	}
	if u, err := url.QueryUnescape(s); err == nil {
		return u
	}
	return s
}

// queryKind is 4 or 2 for a query signature of that version, 0 for none.
func queryKind(raw string) (kind int) {
	var v2 [2]bool
	eachParam(raw, func(name, _ string) {
		switch name {
		case "X-Amz-Algorithm", "X-Amz-Signature", "X-Amz-Credential":
			kind = 4
		case "AWSAccessKeyId":
			v2[0] = true
		case "Signature":
			v2[1] = true
		}
	})
	if kind == 0 && v2[0] && v2[1] {
		kind = 2
	}
	return kind
}

// queryAuth is the parameters of a presigned request.
type queryAuth struct {
	algorithm, credential, date, expires, signed, signature, token, payload string
}

func (q *queryAuth) field(name string) *string {
	switch name {
	case "X-Amz-Algorithm":
		return &q.algorithm
	case "X-Amz-Credential":
		return &q.credential
	case "X-Amz-Date":
		return &q.date
	case "X-Amz-Expires":
		return &q.expires
	case "X-Amz-SignedHeaders":
		return &q.signed
	case "X-Amz-Signature":
		return &q.signature
	case "X-Amz-Security-Token":
		return &q.token
	case "X-Amz-Content-Sha256":
		return &q.payload
	}
	return nil
}

func readQuery(raw string) (q queryAuth, err error) {
	eachParam(raw, func(name, v string) {
		to := q.field(name)
		if to == nil {
			return
		}
		if *to != "" {
			err = refuse(Conflict, "Duplicate query parameter "+name, "%s twice in the query", name)
		}
		*to = unescape(v)
	})
	return q, err
}

func parseQuery(r *http.Request) (*Auth, error) {
	q, err := readQuery(r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	if q.algorithm != Algorithm {
		return nil, refuse(UnknownAlgorithm, msgAlgorithm, "X-Amz-Algorithm is %.32q, expected %s", q.algorithm, Algorithm)
	}
	if q.credential == "" || q.date == "" || q.signed == "" || q.signature == "" {
		return nil, malformed(Incomplete, "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.")
	}
	a := &Auth{Version: 4, Presigned: true, Signature: q.signature, signed: q.signed, Token: q.token, tokenInQuery: q.token != ""}
	if len(q.date) != len(stampForm) {
		return nil, malformed(Incomplete, "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"")
	}
	if err := a.setTime(q.date); err != nil {
		return nil, err
	}
	if err := a.finish(q.credential); err != nil {
		return nil, err
	}
	if err := a.setExpires(q.expires); err != nil {
		return nil, err
	}
	return a, a.presignedExtras(r, q)
}

func (a *Auth) setExpires(s string) error {
	if s == "" {
		if a.Service == "s3" {
			return malformed(Incomplete, "Query-string authentication version 4 requires the X-Amz-Expires parameter.")
		}
		return nil
	}
	n, err := strconv.ParseUint(s, 10, 32)
	switch {
	case err != nil:
		return malformed(Incomplete, "X-Amz-Expires should be a number")
	case n > maxExpires:
		return malformed(Incomplete, "X-Amz-Expires must be less than a week (in seconds) that is %d", maxExpires)
	}
	a.Expires = max(time.Duration(n)*time.Second, time.Nanosecond)
	return nil
}

// presignedExtras takes token and payload hash from the query, or else from headers; from both only when they agree.
func (a *Auth) presignedExtras(r *http.Request, q queryAuth) error {
	token, err := single(r.Header, "X-Amz-Security-Token")
	if err != nil {
		return err
	}
	if token != "" && a.Token != "" && token != a.Token {
		return refuse(Conflict, msgConflict, "X-Amz-Security-Token differs between header and query")
	}
	if a.Token == "" {
		a.Token = token
	}
	sha, err := single(r.Header, "X-Amz-Content-Sha256")
	if err != nil {
		return err
	}
	if sha != "" && q.payload != "" && sha != q.payload {
		return refuse(Conflict, msgSHA, "X-Amz-Content-Sha256 differs between header and query")
	}
	if a.Payload = q.payload; a.Payload == "" {
		a.Payload = sha
	}
	a.declared = a.Payload != ""
	return nil
}
