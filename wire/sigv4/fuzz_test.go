package sigv4

import (
	"bytes"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// FuzzAuthorization: no header is accepted but one that carries the one right signature, and parsing never panics.
func FuzzAuthorization(f *testing.F) {
	good := signed("hello").Header.Get("Authorization")
	f.Add(good)
	f.Add("AWS4-HMAC-SHA256 Credential=a/b/c/d/e, SignedHeaders=;;, Signature=")
	f.Add("AWS4-HMAC-SHA256")
	f.Add("AWS a:b")
	i := strings.LastIndexByte(good, '=')
	signature := good[i+1:]
	f.Fuzz(func(t *testing.T, h string) {
		r := signed("hello")
		r.Header["Authorization"] = []string{h}
		if _, _, err := verifyAll(at(signAt), r); err == nil && !strings.Contains(h, signature) {
			t.Fatalf("accepted %q", h)
		}
	})
}

// FuzzPresigned: the same for queries.
func FuzzPresigned(f *testing.F) {
	good := presigned("s3", cred, 3600e9).URL.RawQuery
	_, signature, _ := strings.Cut(good, "X-Amz-Signature=")
	f.Add(good)
	f.Add("X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=%2F%2F%2F%2F&X-Amz-Date=&X-Amz-Signature=")
	f.Add("AWSAccessKeyId=" + akid + "&Expires=99999999999&Signature=x")
	f.Fuzz(func(t *testing.T, query string) {
		r := request("GET", "http://h.example.com:4566/b/k", "")
		r.URL.RawQuery = query
		_, _, err := verifyAll(v2(signAt), r)
		if u, _ := url.QueryUnescape(query); err == nil && !strings.Contains(u, signature) {
			t.Fatalf("accepted %q", query)
		}
	})
}

// FuzzCanonicalQuery: for what the standard library can parse, we agree with it.
func FuzzCanonicalQuery(f *testing.F) {
	for _, s := range []string{"", "a=1&b=2", "b&a", "a=%zz", "x=+%20%2B", "a=1&a=0&&=", "%41=b;c", "ü=ü"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		a := &Auth{}
		got := string(a.canonicalQuery(nil, raw, false))
		if again := string(a.canonicalQuery(nil, got, false)); again != got && !strings.Contains(raw, "%") {
			t.Fatalf("%q: %q, then %q", raw, got, again)
		}
		q, err := url.ParseQuery(raw)
		if err != nil {
			return
		}
		var want []string
		for k, vs := range q {
			for _, v := range vs {
				want = append(want, reescape(k)+"\x00"+reescape(v))
			}
		}
		slices.Sort(want)
		if w := strings.ReplaceAll(strings.Join(want, "&"), "\x00", "="); got != w {
			t.Fatalf("%q: %q, want %q", raw, got, w)
		}
	})
}

// FuzzSqueeze: blanks at the ends go, blanks inside become one, and nothing else changes.
func FuzzSqueeze(f *testing.F) {
	f.Add("  a \t b  ")
	f.Add("")
	f.Fuzz(func(t *testing.T, s string) {
		blank := func(c rune) bool { return c == ' ' || c == '\t' }
		if got, want := squeeze(nil, s), strings.Join(strings.FieldsFunc(s, blank), " "); !bytes.Equal(got, []byte(want)) {
			t.Fatalf("%q: %q, want %q", s, got, want)
		}
	})
}

// FuzzPath: cleaning is idempotent and keeps the path rooted.
func FuzzPath(f *testing.F) {
	f.Add("/a/../b//c/./")
	f.Add("/..")
	f.Fuzz(func(t *testing.T, p string) {
		if !strings.HasPrefix(p, "/") {
			return
		}
		c := cleanPath(p)
		if !strings.HasPrefix(c, "/") || strings.Contains(c, "//") || cleanPath(c) != c {
			t.Fatalf("%q: %q, then %q", p, c, cleanPath(c))
		}
	})
}
