package gateway

import (
	"net/http"
	"net/url"
	"path"
	"strings"
	"testing"

	"bothy/api/apigateway"
)

// FuzzPath looks for paths that mean one thing to the router and another to whoever cleans or decodes them again.
func FuzzPath(f *testing.F) {
	for _, p := range []string{"/dev/tasks/1", "/dev/a%20b", "/dev/../x", "/dev/%2e%2e/x", "/dev/a%2fb", "//x", "/a//b", "/a/", "/%", "/%zz", "/a;b", "/a%00", "/ü/%C3%BC", "/%ff"} {
		f.Add(p)
	}
	d := &definition{Root: "r", Resources: map[string]*resource{
		"r": {ID: "r", Path: "/"}, "t": {ID: "t", Parent: "r", Part: "tasks", Path: "/tasks", Methods: map[string]*apigateway.Method{"GET": {}}},
		"p": {ID: "p", Parent: "r", Part: "{proxy+}", Path: "/{proxy+}", Methods: map[string]*apigateway.Method{"ANY": {}}},
		"i": {ID: "i", Parent: "t", Part: "{id}", Path: "/tasks/{id}", Methods: map[string]*apigateway.Method{"ANY": {}}},
	}}
	root := tree(d)
	f.Fuzz(func(t *testing.T, raw string) {
		parts, slash, bad := splitPath(raw)
		if bad != "" || len(parts) == 0 {
			return
		}
		clean := "/" + strings.Join(parts, "/")
		if path.Clean(clean) != clean {
			t.Errorf("%q became %q, which cleans to %q", raw, clean, path.Clean(clean))
		}
		again, _, bad := splitPath((&url.URL{Path: clean}).EscapedPath())
		if bad != "" || strings.Join(again, "\x00") != strings.Join(parts, "\x00") {
			t.Errorf("%q became %q, then %q (%s, %v)", raw, parts, again, bad, slash)
		}
		r, vars := root.match(parts)
		if r == nil {
			t.Errorf("%q matches nothing, not even {proxy+}", raw)
			return
		}
		filled := r.Path
		for name, v := range vars {
			filled = strings.NewReplacer("{"+name+"}", v, "{"+name+"+}", v).Replace(filled)
		}
		if filled != clean {
			t.Errorf("%q matched %s with %v", clean, r.Path, vars)
		}
	})
}

// FuzzAnswer looks for function answers that crash the gateway or smuggle header lines.
func FuzzAnswer(f *testing.F) {
	for _, a := range []string{`{"statusCode":200}`, `{"statusCode":"200","headers":{"a":"b"}}`, `{"statusCode":1e2}`, `[]`, `{"statusCode":200,"isBase64Encoded":true,"body":"!"}`} {
		f.Add([]byte(a))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		x := &exchange{api: &compiled{def: &definition{Binary: []string{"*/*"}}}, r: request(t)}
		rep, err := x.proxied(payload)
		if err != nil {
			return
		}
		if rep.status < 200 || rep.status > 599 {
			t.Errorf("status %d", rep.status)
		}
		for name, values := range rep.header {
			if !validHeaderName(name) || strings.ContainsAny(strings.Join(values, ""), "\r\n\x00") {
				t.Errorf("header %q: %q", name, values)
			}
		}
	})
}

func request(t *testing.T) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://x/", nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
