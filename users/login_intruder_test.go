package users

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"bothy/api/cognitoidp"
	"bothy/kv"
)

// TestCodes: a code is good once, for five minutes, for its client, address and proof. A replay ends the sign-in of the first.
func TestCodes(t *testing.T) {
	h := newHosted(t)
	h.member(h.client, "ann")
	other := h.app(h.pool)
	proof := []string{"code_challenge", challengeOf(aVerifier), "code_challenge_method", "S256"}
	for name, c := range map[string]struct {
		ask, exchange []string
		wait          time.Duration
		want          string
	}{
		"plain":                     {nil, nil, 0, ""},
		"with proof":                {proof, []string{"code_verifier", aVerifier}, 0, ""},
		"wrong verifier":            {proof, []string{"code_verifier", strings.Repeat("a", 43)}, 0, "invalid_grant"},
		"missing verifier":          {proof, nil, 0, "invalid_grant"},
		"short verifier":            {[]string{"code_challenge", challengeOf("short"), "code_challenge_method", "S256"}, []string{"code_verifier", "short"}, 0, "invalid_grant"},
		"the challenge as verifier": {proof, []string{"code_verifier", challengeOf(aVerifier)}, 0, "invalid_grant"},
		"verifier without proof":    {nil, []string{"code_verifier", aVerifier}, 0, "invalid_grant"},
		"other client":              {nil, []string{"client_id", other}, 0, "invalid_grant"},
		"no such client":            {nil, []string{"client_id", "nobody"}, 0, "invalid_client"},
		"other address":             {nil, []string{"redirect_uri", callback + "/x"}, 0, "invalid_grant"},
		"no address":                {nil, []string{"redirect_uri", ""}, 0, "invalid_grant"},
		"late":                      {nil, nil, authCodeLife, "invalid_grant"},
		"other code":                {nil, []string{"code", randomSecret()}, 0, "invalid_grant"},
		"no code":                   {nil, []string{"code", ""}, 0, "invalid_request"},
		"no grant type":             {nil, []string{"grant_type", ""}, 0, "invalid_request"},
		"other grant type":          {nil, []string{"grant_type", "password"}, 0, "unsupported_grant_type"},
	} {
		code := h.code(c.ask...)
		h.wait(c.wait)
		status, m := h.exchange(append([]string{"code", code}, c.exchange...)...)
		if c.want == "" && (status != 200 || m["id_token"] == nil) || c.want != "" && (status != 400 || m["error"] != c.want || m["access_token"] != nil) {
			t.Errorf("%s: %d %v", name, status, m)
		}
	}

	code := h.code()
	_, first := h.exchange("code", code)
	if status, m := h.exchange("code", code); status != 400 || m["error"] != "invalid_grant" {
		t.Errorf("replay: %d %v", status, m)
	}
	if status, _, header := h.document("GET", "/oauth2/userInfo", nil, "Authorization", "Bearer "+first["access_token"].(string)); status != 401 || !strings.Contains(header.Get("WWW-Authenticate"), "invalid_token") {
		t.Errorf("tokens of a code that was replayed: %d %v", status, header)
	}
	if status, m := h.exchange("grant_type", "refresh_token", "refresh_token", first["refresh_token"].(string)); status != 400 || m["error"] != "invalid_grant" {
		t.Errorf("refresh of a code that was replayed: %d %v", status, m)
	}
	code = h.code()
	h.exchange("code", code, "client_id", other) // does not use it up
	if status, _ := h.exchange("code", code); status != 200 {
		t.Error("another client used the code up")
	}
	if rows := h.rows("users.authcode"); strings.Contains(rows, code) {
		t.Error("the code is stored in the clear")
	}
}

// TestAuthorizeRefuses: nobody is sent to an address that is not the client's, letter by letter; what else is wrong is told to the app.
func TestAuthorizeRefuses(t *testing.T) {
	h := newHosted(t)
	b := h.surfer()
	for _, to := range []string{
		callback + "/", callback + "/..", callback + "/../x", "https://app.example/callback/%2e%2e/x", callback + "?x=1", callback + "#x", callback + "x", "https://app.example", "http://app.example/callback",
		"https://app.example:443/callback", "https://app.example:8443/callback", "https://user@app.example/callback", "https://app.example@evil.example/callback", "https://evil.example/callback",
		"https://app.example.evil.example/callback", "https://APP.example/callback", "//app.example/callback", "javascript:alert(1)", callback + "\r\nX: y", callback + "\x00", " " + callback, callback + " ",
		`https://app.example\@evil.example/callback`, "",
	} {
		for _, path := range []string{"/oauth2/authorize", "/login", "/signup", "/forgotPassword"} {
			b.open(strings.Replace(h.authorizeURL("redirect_uri", to), "/oauth2/authorize", path, 1))
			if b.res.StatusCode != 400 || b.res.Header.Get("Location") != "" || !strings.Contains(b.body, "redirect_mismatch") {
				t.Fatalf("%s to %q: %d %s", path, to, b.res.StatusCode, b.res.Header.Get("Location"))
			}
		}
	}
	for name, c := range map[string]struct {
		pairs []string
		want  string
	}{
		"implicit where it is not allowed": {[]string{"response_type", "token"}, "unauthorized_client"},
		"no response type":                 {[]string{"response_type", ""}, "invalid_request"},
		"hybrid":                           {[]string{"response_type", "code token"}, "invalid_request"},
		"scope it may not have":            {[]string{"scope", "openid https://api/read"}, "invalid_scope"},
		"email without openid":             {[]string{"scope", "email"}, "invalid_scope"},
		"plain proof":                      {[]string{"code_challenge", aVerifier, "code_challenge_method", "plain"}, "invalid_request"},
		"proof without method":             {[]string{"code_challenge", challengeOf(aVerifier)}, "invalid_request"},
		"method without proof":             {[]string{"code_challenge_method", "S256"}, "invalid_request"},
		"proof of another form":            {[]string{"code_challenge", "x", "code_challenge_method", "S256"}, "invalid_request"},
		"nobody signed in":                 {[]string{"prompt", "none"}, "login_required"},
		"prompt it does not know":          {[]string{"prompt", "please"}, "invalid_request"},
		"a provider there is not":          {[]string{"identity_provider", "Google"}, "invalid_request"},
	} {
		sent := b.open(h.authorizeURL(c.pairs...)).sent()
		if sent.Get("error") != c.want || sent.Get("state") != "s t&te=1" || sent.Get("code") != "" {
			t.Errorf("%s: %v", name, sent)
		}
	}
	if b.open(h.authorizeURL("client_id", "nobody")); b.res.StatusCode != 400 || b.res.Header.Get("Location") != "" {
		t.Errorf("unknown client: %d", b.res.StatusCode)
	}
	for _, twice := range []string{"&redirect_uri=" + url.QueryEscape(callback), "&client_id=x", "&state=2"} {
		if b.open(h.authorizeURL() + twice); b.res.StatusCode != 400 || b.res.Header.Get("Location") != "" {
			t.Errorf("%s twice: %d", twice, b.res.StatusCode)
		}
	}
	state := "a\r\nSet-Cookie: x=1&code=stolen#\"<é"
	if sent := b.open(h.authorizeURL("state", state, "prompt", "none")).sent(); sent.Get("state") != state || sent.Get("code") != "" || b.res.Header.Get("Set-Cookie") != "" {
		t.Errorf("state: %v %v", sent, b.res.Header)
	}
}

// TestForgedPosts: each form needs the token of this browser and this domain.
func TestForgedPosts(t *testing.T) {
	h := newHosted(t)
	h.member(h.client, "ann")
	q := strings.TrimPrefix(h.authorizeURL(), loginHost+"/oauth2/authorize")
	theirs, mine := h.surfer(), h.surfer()
	_, form := theirs.open(loginHost + "/login" + q).form()
	stolen := form.Get("_csrf")
	mine.open(loginHost + "/login" + q)
	_, form = mine.form()
	own := form.Get("_csrf")
	for _, path := range []string{"/login", "/signup", "/confirmUser", "/resendcode", "/forgotPassword", "/confirmForgotPassword", "/challenge"} {
		for name, token := range map[string]string{"none": "", "another browser's": stolen, "made up": "x"} {
			mine.post(loginHost+path+q, url.Values{"_csrf": {token}, "username": {"ann"}, "password": {good}})
			if mine.res.StatusCode != 403 {
				t.Errorf("%s with token %s: %d", path, name, mine.res.StatusCode)
			}
		}
		for _, from := range []string{"cross-site", "same-site"} {
			r, _ := http.NewRequest("POST", loginHost+path+q, strings.NewReader(url.Values{"_csrf": {own}, "username": {"ann"}, "password": {good}}.Encode()))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Header.Set("Sec-Fetch-Site", from)
			if mine.do(r); mine.res.StatusCode != 403 {
				t.Errorf("%s from %s: %d", path, from, mine.res.StatusCode)
			}
		}
		if h.surfer().post(loginHost+path+q, url.Values{"_csrf": {own}, "username": {"ann"}}).res.StatusCode != 403 {
			t.Errorf("%s without a cookie", path)
		}
	}
	mine.open(loginHost+"/login"+q).fill("username", "ann", "password", good).sent()
}

// TestBrowserSessions: a session has a name that nobody knew before, is of one domain, and ends with what it stands on.
func TestBrowserSessions(t *testing.T) {
	h := newHosted(t)
	h.member(h.client, "ann")
	evil := h.world.pool()
	must(h.world, h.s.createUserPoolDomain, &cognitoidp.CreateUserPoolDomainInput{UserPoolId: str(evil), Domain: str("evil")})
	evilClient := h.app(evil)

	b := h.surfer()
	here, _ := url.Parse(loginHost)
	b.http.Jar.SetCookies(here, []*http.Cookie{{Name: sessionCookie, Value: "planted"}})
	b.open(h.authorizeURL()).fill("username", "ann", "password", good).sent()
	set := b.res.Header.Get("Set-Cookie")
	if !strings.Contains(set, "HttpOnly") || !strings.Contains(set, "SameSite=Lax") || !strings.Contains(set, "Max-Age=3600") || !strings.Contains(set, "Path=/") || strings.Contains(set, "Domain") {
		t.Errorf("cookie %s", set)
	}
	cookie := jarred(b, here, sessionCookie)
	if cookie == "planted" || cookie == "" || strings.Contains(h.rows("users.browser"), cookie) {
		t.Fatalf("cookie %q", cookie)
	}
	first := cookie
	b.open(h.authorizeURL("prompt", "login")).fill("username", "ann", "password", good).sent()
	old := h.surfer()
	old.http.Jar.SetCookies(here, []*http.Cookie{{Name: sessionCookie, Value: first}})
	if e := old.open(h.authorizeURL("prompt", "none")).sent(); e.Get("error") != "login_required" {
		t.Errorf("the session of before: %v", e)
	}

	there, _ := url.Parse("http://evil.auth.us-east-1.amazoncognito.com")
	b.http.Jar.SetCookies(there, []*http.Cookie{{Name: sessionCookie, Value: jarred(b, here, sessionCookie)}})
	elsewhere := strings.Replace(h.authorizeURL("client_id", evilClient, "prompt", "none"), "tasks.auth", "evil.auth", 1)
	if e := b.open(elsewhere).sent(); e.Get("error") != "login_required" {
		t.Errorf("cookie of one pool at another: %v", e)
	}
	for _, mixed := range []string{h.authorizeURL("client_id", evilClient), strings.Replace(h.authorizeURL(), "tasks.auth", "evil.auth", 1)} {
		if b.open(mixed); b.res.StatusCode != 400 || b.res.Header.Get("Location") != "" {
			t.Errorf("client of one pool at another's domain: %d", b.res.StatusCode)
		}
	}
	code := b.open(h.authorizeURL("prompt", "none")).sent().Get("code")
	b.open(strings.Replace(h.authorizeURL("client_id", evilClient), "tasks.auth", "evil.auth", 1))
	status, m, _ := h.document("POST", "/oauth2/token", url.Values{"grant_type": {"authorization_code"}, "client_id": {evilClient}, "redirect_uri": {callback}, "code": {code}})
	if status != 400 || m["error"] != "invalid_client" {
		t.Errorf("another pool's client: %d %v", status, m)
	}
	for name, change := range map[string]func(){
		"an hour": func() { h.wait(browserLife) },
		"sign-out": func() {
			must(h.world, h.s.adminUserGlobalSignOut, &cognitoidp.AdminUserGlobalSignOutInput{UserPoolId: str(h.pool), Username: str("ann")})
		},
		"disabled": func() {
			must(h.world, h.s.adminDisableUser, &cognitoidp.AdminDisableUserInput{UserPoolId: str(h.pool), Username: str("ann")})
		},
	} {
		must(h.world, h.s.adminEnableUser, &cognitoidp.AdminEnableUserInput{UserPoolId: str(h.pool), Username: str("ann")})
		b.open(h.authorizeURL("prompt", "login")).fill("username", "ann", "password", good).sent()
		change()
		if e := b.open(h.authorizeURL("prompt", "none")).sent(); e.Get("error") != "login_required" {
			t.Errorf("after %s: %v", name, e)
		}
	}
}

func jarred(b *surfer, at *url.URL, name string) string {
	for _, c := range b.http.Jar.Cookies(at) {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

// rows is everything that is stored, as text, of a table.
func (h *hosted) rows(table string) string {
	h.t.Helper()
	var b strings.Builder
	err := h.s.cfg.DB.Dump(h.ctx, func(k kv.Key, v []byte) error {
		if strings.Contains(string(k), table) {
			b.Write(v)
		}
		return nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return b.String()
}

// TestPageHeaders: no page can be framed, cached, leak where it was or run what was put into it.
func TestPageHeaders(t *testing.T) {
	h := newHosted(t, func(in *cognitoidp.CreateUserPoolClientInput) { in.ClientName = str(`Shop "x" <b>`) })
	attack := `"><script>alert(1)</script><img src=x onerror=alert(1)>'`
	b := h.surfer()
	for _, address := range []string{
		h.authorizeURL("login_hint", attack, "state", attack, "nonce", attack, "lang", attack), h.authorizeURL("redirect_uri", attack), h.authorizeURL("client_id", attack),
		loginHost + "/nothing?x=" + url.QueryEscape(attack), loginHost + "/assets/" + url.PathEscape(attack), strings.Replace(h.authorizeURL("login_hint", attack), "/oauth2/authorize", "/forgotPassword", 1),
	} {
		b.open(address)
		csp, header := b.res.Header.Get("Content-Security-Policy"), b.res.Header
		for name, want := range map[string]string{"X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Content-Type": "text/html; charset=utf-8"} {
			if header.Get(name) != want {
				t.Errorf("%s: %s is %q", address, name, header.Get(name))
			}
		}
		for _, part := range []string{"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'", "style-src 'nonce-"} {
			if !strings.Contains(csp, part) {
				t.Errorf("%s: policy %s", address, csp)
			}
		}
		if strings.Contains(csp, "script-src") || strings.Contains(csp, "unsafe") || strings.Contains(b.body, "<script") || strings.Contains(b.body, "<img src=x") || strings.Contains(b.body, "<b>") {
			t.Errorf("%s:\n%s\n%s", address, csp, b.body)
		}
		if len(b.body) > 20<<10 {
			t.Errorf("%s: %d bytes", address, len(b.body))
		}
	}
	b.open(h.authorizeURL()).fill("username", attack, "password", attack).says(400, "User does not exist.")
	if strings.Contains(b.body, "<script") {
		t.Error(b.body)
	}
}

// TestGuessingOnPages: the lockout is the one of the API, and pages do not tell who exists.
func TestGuessingOnPages(t *testing.T) {
	h := newHosted(t, hiding)
	h.member(h.client, "ann")
	says := map[string][]string{}
	for _, name := range []string{"ann", "nobody"} {
		b := h.surfer().open(h.authorizeURL())
		for range freeFailures + 2 {
			b.fill("username", name, "password", "Wr0ng-one!")
			says[name] = append(says[name], strings.ReplaceAll(plainText(b.body), name, "…"))
		}
		b.says(400, "Password attempts exceeded")
		b.fill("username", name, "password", good).says(400, "Password attempts exceeded")
		b.open(strings.Replace(h.authorizeURL(), "/oauth2/authorize", "/forgotPassword", 1)).fill("username", name).says(200, "Enter the code that was sent to")
	}
	if fmt.Sprint(says["ann"]) != fmt.Sprint(says["nobody"]) {
		t.Errorf("%v\n%v", says["ann"], says["nobody"])
	}
	if _, err := h.s.initiateAuth(h.call(), passwordAuth(h.client, "ann", good)); err == nil {
		t.Error("the API does not know of the failures on the page")
	}
}
