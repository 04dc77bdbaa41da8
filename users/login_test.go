package users

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"html"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"bothy/api/cognitoidp"
)

const (
	callback  = "https://app.example/callback"
	loginHost = "http://tasks.auth.us-east-1.amazoncognito.com"
)

// hosted is a world with a pool that has a domain and a client that may sign people in there.
type hosted struct {
	*world
	pool, client string
	server, tls  *httptest.Server // of every host
}

func newHosted(t testing.TB, change ...func(*cognitoidp.CreateUserPoolClientInput)) *hosted {
	t.Helper()
	w := newWorld(t)
	w.s.cfg.Domains = []string{"localhost"}
	_, mux := w.sdkClient("AKIDROOT", map[string]bool{})
	h := &hosted{world: w, pool: w.pool()}
	all := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		switch {
		case w.s.ServesLogin(r):
			w.s.Login().ServeHTTP(rw, r)
		case strings.Contains(r.URL.Path, "/.well-known/"):
			w.s.WellKnown().ServeHTTP(rw, r)
		default:
			mux.ServeHTTP(rw, r)
		}
	})
	h.server, h.tls = httptest.NewServer(all), httptest.NewTLSServer(all)
	t.Cleanup(h.server.Close)
	t.Cleanup(h.tls.Close)
	must(w, w.s.createUserPoolDomain, &cognitoidp.CreateUserPoolDomainInput{UserPoolId: str(h.pool), Domain: str("tasks")})
	h.client = h.app(h.pool, change...)
	return h
}

// app is a client of the code flow.
func (h *hosted) app(pool string, change ...func(*cognitoidp.CreateUserPoolClientInput)) string {
	return h.world.client(pool, append([]func(*cognitoidp.CreateUserPoolClientInput){func(in *cognitoidp.CreateUserPoolClientInput) {
		in.AllowedOAuthFlowsUserPoolClient = some(true)
		in.AllowedOAuthFlows, in.AllowedOAuthScopes = []string{"code"}, []string{"openid", "email", "profile", "phone", selfScope}
		in.CallbackURLs, in.LogoutURLs = []string{callback}, []string{"https://app.example/bye"}
		in.SupportedIdentityProviders = []string{"COGNITO"}
	}}, change...)...)
}

// surfer is a browser: it keeps cookies, follows redirects within the host, and stops where an app would be reached.
type surfer struct {
	h    *hosted
	http *http.Client
	at   *url.URL
	res  *http.Response
	body string
}

// dial leads every host to the server.
func (h *hosted) transport() *http.Transport {
	return &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, h.server.Listener.Addr().String())
		},
		DialTLSContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}}).DialContext(ctx, network, h.tls.Listener.Addr().String())
		},
	}
}

func (h *hosted) surfer() *surfer {
	jar, _ := cookiejar.New(nil)
	tr := h.transport()
	h.t.Cleanup(tr.CloseIdleConnections)
	return &surfer{h: h, http: &http.Client{Jar: jar, Transport: tr, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if !strings.HasSuffix(r.URL.Hostname(), "amazoncognito.com") {
			return http.ErrUseLastResponse
		}
		return nil
	}}}
}

func (b *surfer) do(r *http.Request) *surfer {
	b.h.t.Helper()
	res, err := b.http.Do(r)
	if err != nil {
		b.h.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		b.h.t.Fatal(err)
	}
	b.res, b.body, b.at = res, string(body), res.Request.URL
	return b
}

func (b *surfer) open(address string) *surfer {
	b.h.t.Helper()
	r, err := http.NewRequest("GET", address, nil)
	if err != nil {
		b.h.t.Fatal(err)
	}
	return b.do(r)
}

var (
	pageForm   = regexp.MustCompile(`(?s)<form method="post" action="([^"]*)" id="main">(.*?)</form>`)
	pageInput  = regexp.MustCompile(`<input [^>]*name="([^"]*)"[^>]*>`)
	valueShape = regexp.MustCompile(` value="([^"]*)"`)
)

// form reads the form of the page: where it goes, and what its inputs hold.
func (b *surfer) form() (*url.URL, url.Values) {
	b.h.t.Helper()
	m := pageForm.FindStringSubmatch(b.body)
	if m == nil {
		b.h.t.Fatalf("no form at %s, status %d:\n%s", b.at, b.res.StatusCode, plainText(b.body))
	}
	to, err := b.at.Parse(html.UnescapeString(m[1]))
	if err != nil {
		b.h.t.Fatal(err)
	}
	q := url.Values{}
	for _, input := range pageInput.FindAllStringSubmatch(m[2], -1) {
		if v := valueShape.FindStringSubmatch(input[0]); v != nil {
			q.Set(html.UnescapeString(input[1]), html.UnescapeString(v[1]))
		}
	}
	return to, q
}

// fill posts the form of the page with the given values.
func (b *surfer) fill(pairs ...string) *surfer {
	b.h.t.Helper()
	to, q := b.form()
	for i := 0; i < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	return b.post(to.String(), q)
}

func (b *surfer) post(to string, q url.Values) *surfer {
	b.h.t.Helper()
	r, err := http.NewRequest("POST", to, strings.NewReader(q.Encode()))
	if err != nil {
		b.h.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.do(r)
}

// says checks that the page says something.
func (b *surfer) says(status int, text string) *surfer {
	b.h.t.Helper()
	if b.res.StatusCode != status || !strings.Contains(plainText(b.body), text) {
		b.h.t.Fatalf("%s says, with status %d:\n%s\nwant %d %q", b.at, b.res.StatusCode, plainText(b.body), status, text)
	}
	return b
}

var pageTag = regexp.MustCompile(`(?s)<(style|script).*?</(style|script)>|<[^>]*>`)

func plainText(page string) string {
	return strings.Join(strings.Fields(html.UnescapeString(pageTag.ReplaceAllString(page, " "))), " ")
}

// sent is what the app is sent at its address.
func (b *surfer) sent() url.Values {
	b.h.t.Helper()
	to, err := url.Parse(b.res.Header.Get("Location"))
	if err != nil || b.res.StatusCode != 302 || !strings.HasPrefix(to.String(), callback) {
		b.h.t.Fatalf("not at the app but at %s, %d:\n%s", b.at, b.res.StatusCode, plainText(b.body))
	}
	q := to.Query()
	if to.Fragment != "" {
		q, _ = url.ParseQuery(to.EscapedFragment())
	}
	return q
}

// authorizeURL is the address an app sends people to; pairs change its parameters, "" takes one out.
func (h *hosted) authorizeURL(pairs ...string) string {
	q := url.Values{"client_id": {h.client}, "redirect_uri": {callback}, "response_type": {"code"}, "scope": {"openid email"}, "state": {"s t&te=1"}}
	for i := 0; i < len(pairs); i += 2 {
		if q.Set(pairs[i], pairs[i+1]); pairs[i+1] == "" {
			q.Del(pairs[i])
		}
	}
	return loginHost + "/oauth2/authorize?" + q.Encode()
}

const aVerifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"

func challengeOf(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// document asks an endpoint for JSON.
func (h *hosted) document(method, path string, form url.Values, headers ...string) (int, map[string]any, http.Header) {
	h.t.Helper()
	return h.json(method, loginHost+path, form, headers...)
}

// at asks any address for JSON.
func (h *hosted) at(method, address string) (int, map[string]any, http.Header) {
	h.t.Helper()
	return h.json(method, address, nil)
}

func (h *hosted) json(method, address string, form url.Values, headers ...string) (int, map[string]any, http.Header) {
	h.t.Helper()
	r, err := http.NewRequest(method, address, strings.NewReader(form.Encode()))
	if err != nil {
		h.t.Fatal(err)
	}
	if method == "POST" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	res, err := (&http.Client{Transport: h.transport()}).Do(r)
	if err != nil {
		h.t.Fatal(err)
	}
	defer res.Body.Close()
	var m map[string]any
	_ = json.NewDecoder(res.Body).Decode(&m) // an empty answer is one too
	return res.StatusCode, m, res.Header
}

func (h *hosted) exchange(pairs ...string) (int, map[string]any) {
	h.t.Helper()
	q := url.Values{"grant_type": {"authorization_code"}, "client_id": {h.client}, "redirect_uri": {callback}}
	for i := 0; i < len(pairs); i += 2 {
		if q.Set(pairs[i], pairs[i+1]); pairs[i+1] == "" {
			q.Del(pairs[i])
		}
	}
	status, m, _ := h.document("POST", "/oauth2/token", q)
	return status, m
}

// code signs ann in on the pages and returns the code.
func (h *hosted) code(pairs ...string) string {
	h.t.Helper()
	return h.surfer().open(h.authorizeURL(pairs...)).fill("username", "ann", "password", good).sent().Get("code")
}

// TestLoginPages: a person signs up, confirms, signs in and out; the app gets codes, tokens and claims.
func TestLoginPages(t *testing.T) {
	h := newHosted(t)
	b := h.surfer().open(h.authorizeURL("code_challenge", challengeOf(aVerifier), "code_challenge_method", "S256", "nonce", "n-1"))
	b.says(200, "Sign in")
	b.open(strings.Replace(b.at.String(), "/login?", "/signup?", 1)).says(200, "Create account")
	b.fill("username", "ann", "requiredAttributes[email]", "ann@example.com", "password", "short").says(400, "Password not long enough")
	b.fill("password", good).says(200, "a***@e***")
	b.fill("code", "000000").says(400, "Invalid verification code")
	b.fill("code", h.lastCode()).says(200, "Your account is confirmed")
	b.fill("username", "ann", "password", "Wr0ng-one!").says(400, "Incorrect username or password.")
	sent := b.fill("password", good).sent()
	if sent.Get("state") != "s t&te=1" || sent.Get("code") == "" || len(sent) != 2 {
		t.Fatalf("%v", sent)
	}
	status, m := h.exchange("code", sent.Get("code"), "code_verifier", aVerifier)
	if status != 200 || m["token_type"] != "Bearer" || m["expires_in"] != 3600.0 || m["refresh_token"] == "" {
		t.Fatalf("%d %v", status, m)
	}
	id, access := claimsOf(t, m["id_token"].(string)), claimsOf(t, m["access_token"].(string))
	if id["nonce"] != "n-1" || id["email"] != "ann@example.com" || id["aud"] != h.client || id["at_hash"] != halfHash(m["access_token"].(string)) || access["scope"] != "email openid" {
		t.Fatalf("%v\n%v", id, access)
	}
	status, who, _ := h.document("GET", "/oauth2/userInfo", nil, "Authorization", "Bearer "+m["access_token"].(string))
	if status != 200 || who["sub"] != id["sub"] || who["email"] != "ann@example.com" || who["email_verified"] != "true" || who["username"] != "ann" {
		t.Fatalf("%d %v", status, who)
	}

	again := b.open(h.authorizeURL("prompt", "none")).sent()
	if again.Get("code") == "" || again.Get("code") == sent.Get("code") {
		t.Fatalf("%v", again)
	}
	b.open(h.authorizeURL("prompt", "login")).says(200, "Sign in")
	b.open(loginHost + "/logout?client_id=" + h.client + "&logout_uri=https://app.example/bye")
	if to := b.res.Header.Get("Location"); to != "https://app.example/bye" {
		t.Fatalf("%d %s", b.res.StatusCode, to)
	}
	if e := b.open(h.authorizeURL("prompt", "none")).sent(); e.Get("error") != "login_required" || e.Get("state") != "s t&te=1" {
		t.Fatalf("%v", e)
	}
}
