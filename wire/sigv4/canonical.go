package sigv4

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// variant is one of the readings of a request that real signers differ in. The zero value is the usual one.
type variant struct {
	bareHost  bool // the port left out of host, as aws4 signs it
	cleanPath bool // dot segments and empty segments removed, as botocore and JS v3 sign what is not S3
	noToken   bool // X-Amz-Security-Token added to the query after signing
}

// variants are the readings that make a difference for r, the usual one first.
func (a *Auth) variants(r *http.Request) []variant {
	vs := make([]variant, 1, 8)
	double := func(with func(*variant)) {
		for _, v := range vs[:len(vs):len(vs)] {
			with(&v)
			vs = append(vs, v)
		}
	}
	if bareHost(hostOf(r)) != hostOf(r) {
		double(func(v *variant) { v.bareHost = true })
	}
	if p := rawPath(r); a.Service != "s3" && cleanPath(p) != p {
		double(func(v *variant) { v.cleanPath = true })
	}
	if a.tokenInQuery {
		double(func(v *variant) { v.noToken = true })
	}
	return vs
}

// canonical appends the canonical request. values are those of a.SignedHeaders, by collect.
func (a *Auth) canonical(b []byte, r *http.Request, values [][]string, v variant) []byte {
	b = append(append(b, r.Method...), '\n')
	b = append(a.canonicalPath(b, r, v.cleanPath), '\n')
	b = append(a.canonicalQuery(b, r.URL.RawQuery, v.noToken), '\n')
	for i, name := range a.SignedHeaders {
		b = append(append(b, name...), ':')
		if name == "host" {
			h := hostOf(r)
			if v.bareHost {
				h = bareHost(h)
			}
			b = append(b, h...)
		} else {
			for j, s := range values[i] {
				if j > 0 {
					b = append(b, ',')
				}
				b = squeeze(b, s)
			}
		}
		b = append(b, '\n')
	}
	b = append(append(append(b, '\n'), a.signed...), '\n')
	return append(b, a.Payload...)
}

// collect finds the values of the signed headers in one pass over the request's, and the first x-amz-* header that is not
// signed ("" when all are). Go's server keeps some headers elsewhere.
func (a *Auth) collect(r *http.Request, values [][]string) (all [][]string, unsigned string) {
	values = append(values[:0], make([][]string, len(a.SignedHeaders))...)
	for name, vs := range r.Header {
		i, ok := slices.BinarySearchFunc(a.SignedHeaders, name, compareFold)
		if ok && values[i] == nil {
			values[i] = vs
		} else if ok {
			values[i] = append(slices.Clip(values[i]), vs...)
		} else if mustSign(name, a.Presigned) && (unsigned == "" || name < unsigned) {
			unsigned = name
		}
	}
	for i, name := range a.SignedHeaders {
		switch {
		case values[i] != nil:
		case name == "content-length" && r.ContentLength >= 0:
			values[i] = []string{strconv.FormatInt(r.ContentLength, 10)}
		case name == "transfer-encoding":
			values[i] = r.TransferEncoding
		}
	}
	return values, unsigned
}

// mustSign says whether the header may not stay outside the signature. Date and hash are bound by the string to sign and by
// the canonical request's last line; the other two say nothing and are added by browsers' wrappers and CDNs.
func mustSign(name string, presigned bool) bool {
	if len(name) < 6 || !strings.EqualFold(name[:6], "x-amz-") {
		return false
	}
	switch name {
	case "X-Amz-Date", "X-Amz-User-Agent", "X-Amz-Cf-Id":
		return false
	case "X-Amz-Content-Sha256":
		return presigned
	}
	return true
}

// compareFold orders a lower-case name against a header name in any case.
func compareFold(lower, name string) int {
	for i := range min(len(lower), len(name)) {
		c := name[i]
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		if lower[i] != c {
			return int(lower[i]) - int(c)
		}
	}
	return len(lower) - len(name)
}

func hostOf(r *http.Request) string {
	if r.Host != "" || r.URL == nil {
		return r.Host
	}
	return r.URL.Host
}

// bareHost is the host without its port.
func bareHost(h string) string {
	i := strings.LastIndexByte(h, ':')
	if i < 0 || strings.IndexByte(h[i:], ']') >= 0 {
		return h
	}
	for _, c := range h[i+1:] {
		if c < '0' || c > '9' {
			return h
		}
	}
	return h[:i]
}

// rawPath is the path as it was sent.
func rawPath(r *http.Request) string {
	if strings.HasPrefix(r.RequestURI, "/") {
		p, _, _ := strings.Cut(r.RequestURI, "?")
		return p
	}
	return r.URL.EscapedPath()
}

// canonicalPath: S3 decodes once and encodes once and never cleans; everybody else encodes what was sent again.
func (a *Auth) canonicalPath(b []byte, r *http.Request, clean bool) []byte {
	p := rawPath(r)
	switch {
	case a.Service == "s3":
		p = r.URL.Path
	case clean:
		p = cleanPath(p)
	}
	if p == "" {
		p = "/"
	}
	return escape(b, p, true)
}

// cleanPath removes empty, "." and ".." segments and keeps a final slash.
func cleanPath(p string) string {
	if !strings.Contains(p, "//") && !strings.Contains(p, "/.") {
		return p
	}
	var keep []string
	for s := range strings.SplitSeq(p, "/") {
		switch s {
		case "", ".":
		case "..":
			keep = keep[:max(len(keep)-1, 0)]
		default:
			keep = append(keep, s)
		}
	}
	if len(keep) == 0 {
		return "/"
	}
	q := "/" + strings.Join(keep, "/")
	if strings.HasSuffix(p, "/") {
		q += "/"
	}
	return q
}

type param struct{ k, v string }

// canonicalQuery decodes and encodes again AWS's way, and sorts by name, then value.
func (a *Auth) canonicalQuery(b []byte, raw string, noToken bool) []byte {
	if raw == "" {
		return b
	}
	var few [16]param
	l := few[:0]
	eachParam(raw, func(k, v string) {
		if a.Presigned && (k == "X-Amz-Signature" || noToken && k == "X-Amz-Security-Token") {
			return
		}
		l = append(l, param{reescape(k), reescape(unescape(v))})
	})
	slices.SortFunc(l, func(x, y param) int {
		if c := strings.Compare(x.k, y.k); c != 0 {
			return c
		}
		return strings.Compare(x.v, y.v)
	})
	for i, p := range l {
		if i > 0 {
			b = append(b, '&')
		}
		b = append(append(append(b, p.k...), '='), p.v...)
	}
	return b
}

func reescape(s string) string {
	for i := range len(s) {
		if !unreserved(s[i]) {
			return string(escape(make([]byte, 0, len(s)+16), s, false))
		}
	}
	return s
}

// escape appends s with all but RFC 3986's unreserved characters (and slashes, if they stay) percent-encoded.
func escape(b []byte, s string, slash bool) []byte {
	const hex = "0123456789ABCDEF"
	for i := range len(s) {
		if c := s[i]; unreserved(c) || slash && c == '/' {
			b = append(b, c)
		} else {
			b = append(b, '%', hex[c>>4], hex[c&15])
		}
	}
	return b
}

func unreserved(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_' || c == '~'
}

// squeeze appends a header's value without outer blanks, and with runs of blanks made one.
func squeeze(b []byte, v string) []byte {
	v = strings.Trim(v, " \t")
	if !strings.Contains(v, "  ") && strings.IndexByte(v, '\t') < 0 {
		return append(b, v...)
	}
	blank := false
	for i := range len(v) {
		is := v[i] == ' ' || v[i] == '\t'
		switch {
		case !is:
			b = append(b, v[i])
		case !blank:
			b = append(b, ' ')
		}
		blank = is
	}
	return b
}
