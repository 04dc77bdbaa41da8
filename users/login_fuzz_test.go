package users

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// served gives a request straight to the pages.
func (h *hosted) served(method, target, body string, headers ...string) *httptest.ResponseRecorder {
	r := &http.Request{Method: method, Host: "tasks.auth.us-east-1.amazoncognito.com", Header: http.Header{}, RemoteAddr: "192.0.2.1:1", Body: http.NoBody}
	r.URL = &url.URL{Path: target}
	r.URL.Path, r.URL.RawQuery, _ = strings.Cut(target, "?")
	r = r.WithContext(h.ctx)
	if body != "" {
		r.Body = http.MaxBytesReader(nil, nopCloser{strings.NewReader(body)}, 1<<20)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.s.Login().ServeHTTP(w, r)
	return w
}

type nopCloser struct{ *strings.Reader }

func (nopCloser) Close() error { return nil }

// FuzzAuthorize: whatever is asked, nobody is sent elsewhere than to a page here or to the client's address, and nothing fails.
func FuzzAuthorize(f *testing.F) {
	h := newHosted(f)
	for _, q := range []string{
		"client_id=CLIENT&redirect_uri=https://app.example/callback&response_type=code&state=x", "client_id=CLIENT&redirect_uri=https://app.example/callback&response_type=token&scope=openid",
		"client_id=CLIENT&redirect_uri=https://app.example/callback&response_type=code&code_challenge_method=S256&code_challenge=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU&prompt=none&nonce=%0d%0a",
		"client_id=CLIENT&redirect_uri=//evil.example&response_type=code", "client_id=CLIENT&client_id=x", "%zz", "a;b", "client_id=CLIENT&redirect_uri=https://app.example/callback&response_type=code&identity_provider=X&lang=de&login_hint=%22%3E%3Cscript%3E",
	} {
		f.Add("/oauth2/authorize", q)
		f.Add("/login", q)
		f.Add("/logout", strings.Replace(q, "redirect_uri", "logout_uri", 1))
	}
	f.Fuzz(func(t *testing.T, path, query string) {
		if !strings.HasPrefix(path, "/") || strings.ContainsAny(path, "?") {
			return
		}
		w := h.served("GET", path+"?"+strings.ReplaceAll(query, "CLIENT", h.client), "")
		to := w.Header().Get("Location")
		if w.Code >= 500 || w.Code < 300 && to != "" {
			t.Fatalf("%d %s", w.Code, to)
		}
		if to != "" && !strings.HasPrefix(to, callback+"?") && !strings.HasPrefix(to, callback+"#") && !strings.HasPrefix(to, "https://app.example/bye") && (!strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.HasPrefix(to, `/\`)) {
			t.Fatalf("sent to %q", to)
		}
		if strings.ContainsAny(to, "\r\n") || strings.Contains(w.Body.String(), "<script") {
			t.Fatalf("%q\n%s", to, w.Body)
		}
	})
}

// FuzzForms: nothing that is made up gives tokens, or fails.
func FuzzForms(f *testing.F) {
	h := newHosted(f)
	for _, form := range []string{
		"grant_type=authorization_code&client_id=CLIENT&code=x&redirect_uri=https://app.example/callback&code_verifier=y", "grant_type=refresh_token&client_id=CLIENT&refresh_token=AAAA",
		"grant_type=client_credentials&client_id=CLIENT&scope=a+b", "grant_type=x", "%", "token=a.b.c&client_id=CLIENT", "access_token=a.b.c", "RelayState=client_id%3DCLIENT%26identity_provider%3DX&SAMLResponse=PHg+",
	} {
		f.Add("/oauth2/token", form, "")
		f.Add("/oauth2/revoke", form, "Basic Og==")
		f.Add("/oauth2/userInfo", form, "Bearer e30.e30.e30")
		f.Add("/saml2/idpresponse", form, "")
		f.Add("/login", form, "")
	}
	f.Fuzz(func(t *testing.T, path, form, auth string) {
		if !strings.HasPrefix(path, "/") || strings.Contains(path, "?") {
			return
		}
		w := h.served("POST", path, strings.ReplaceAll(form, "CLIENT", h.client), "Authorization", auth)
		if w.Code >= 500 || strings.Contains(w.Body.String(), "access_token") || w.Header().Get("Location") != "" {
			t.Fatalf("%d %s %s", w.Code, w.Header().Get("Location"), w.Body)
		}
	})
}

// FuzzRedirect: an address that may be registered is absolute, has no fragment, and leads where a browser would also think.
func FuzzRedirect(f *testing.F) {
	for _, s := range []string{"https://app.example/cb", "http://localhost:3000", "myapp://x", "https://a@b", `https:\\evil`, "http://[::1]", "x:", "HTTPS://A", "http://localhost.evil", "https://a\tb"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if checkRedirect(s) != nil {
			return
		}
		u, err := url.Parse(s)
		if err != nil || u.Scheme == "" || strings.ContainsAny(s, "#\\ \t\r\n") || u.Scheme == "javascript" || u.User != nil && (u.Scheme == "http" || u.Scheme == "https") {
			t.Fatalf("%q", s)
		}
	})
}
