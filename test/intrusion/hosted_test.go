package intrusion

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"html"
	"maps"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

const callback = "https://app.example/callback"

// domain gives the pool sign-in pages, and returns their address.
func (r *realm) domain(t *testing.T, prefix string) string {
	t.Helper()
	r.admin(t, "CreateUserPoolDomain", map[string]any{"Domain": prefix}).must(t, nil)
	return "http://" + prefix + ".auth." + region + ".amazoncognito.com"
}

// hostedApp is a client that signs people in on the pages.
func (r *realm) hostedApp(t *testing.T, more map[string]any) string {
	in := map[string]any{
		"AllowedOAuthFlowsUserPoolClient": true, "AllowedOAuthFlows": []string{"code"}, "AllowedOAuthScopes": []string{"openid", "email", "profile", "aws.cognito.signin.user.admin"},
		"CallbackURLs": []string{callback}, "LogoutURLs": []string{"https://app.example/bye"}, "SupportedIdentityProviders": []string{"COGNITO"},
	}
	maps.Copy(in, more)
	return r.app(t, in)
}

// browser is somebody's browser: it keeps cookies, and shows each answer before it follows it.
type browser struct {
	w    *world
	http *http.Client
	body string
	to   string // where it is sent on
}

// browser leads every host to the node.
func (w *world) browser(t *testing.T) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	home, err := url.Parse(w.node.URL())
	if err != nil {
		t.Fatal(err)
	}
	tr := &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, home.Host)
	}}
	t.Cleanup(tr.CloseIdleConnections)
	return &browser{w: w, http: &http.Client{Jar: jar, Transport: tr, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

func (b *browser) do(t *testing.T, method, address string, form url.Values, header ...string) answer {
	t.Helper()
	a := b.raw(t, method, address, form, header...)
	if m := answeredShape.FindStringSubmatch(b.w.why(t, a.id)); m != nil { // pages have no place for it
		a.code = m[1]
	}
	return a
}

// raw is do without asking the operator.
func (b *browser) raw(t *testing.T, method, address string, form url.Values, header ...string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := b.http.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	a := read(t, res)
	b.body, b.to = string(a.body), res.Header.Get("Location")
	return a
}

var answeredShape = regexp.MustCompile(`\nanswered +\d+ (\S+)`)

func (b *browser) open(t *testing.T, address string) answer {
	return b.do(t, http.MethodGet, address, nil)
}

var (
	mainForm  = regexp.MustCompile(`(?s)<form method="post" action="([^"]*)" id="main">(.*?)</form>`)
	formInput = regexp.MustCompile(`<input [^>]*name="([^"]*)"[^>]*>`)
	formValue = regexp.MustCompile(` value="([^"]*)"`)
)

// form is the form of the page: where it goes, and what is in it.
func (b *browser) form(t *testing.T, host string) (string, url.Values) {
	t.Helper()
	m := mainForm.FindStringSubmatch(b.body)
	if m == nil {
		t.Fatalf("no form: %s %s", b.to, b.body)
	}
	q := url.Values{}
	for _, input := range formInput.FindAllStringSubmatch(m[2], -1) {
		if v := formValue.FindStringSubmatch(input[0]); v != nil {
			q.Set(html.UnescapeString(input[1]), html.UnescapeString(v[1]))
		}
	}
	return host + html.UnescapeString(m[1]), q
}

// fill posts the form of the page with values.
func (b *browser) fill(t *testing.T, host string, pairs ...string) answer {
	t.Helper()
	to, q := b.form(t, host)
	for i := 0; i+1 < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	return b.do(t, http.MethodPost, to, q)
}

// authorize is where an app sends people.
func authorize(host, client string, pairs ...string) string {
	q := url.Values{"client_id": {client}, "redirect_uri": {callback}, "response_type": {"code"}, "scope": {"openid"}, "state": {"s"}}
	for i := 0; i+1 < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	return host + "/oauth2/authorize?" + q.Encode()
}

// signIn signs somebody in on the pages as far as their password leads.
func (b *browser) signIn(t *testing.T, host, client, name string, pairs ...string) {
	t.Helper()
	b.open(t, authorize(host, client, pairs...))
	b.open(t, host+b.to)
	b.fill(t, host, "username", name, "password", password)
}

// code is the code that the app is sent.
func (b *browser) code(t *testing.T) string {
	t.Helper()
	to, err := url.Parse(b.to)
	if err != nil || !strings.HasPrefix(b.to, callback) || to.Query().Get("code") == "" {
		t.Fatalf("no code, but %q: %s", b.to, b.body)
	}
	return to.Query().Get("code")
}

// exchange asks the token endpoint.
func (b *browser) exchange(t *testing.T, host, client string, pairs ...string) answer {
	t.Helper()
	q := url.Values{"grant_type": {"authorization_code"}, "client_id": {client}, "redirect_uri": {callback}}
	for i := 0; i+1 < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	return b.do(t, http.MethodPost, host+"/oauth2/token", q)
}

type oauthTokens struct {
	Access  string `json:"access_token"`
	ID      string `json:"id_token"`
	Refresh string `json:"refresh_token"`
}

// tokens signs somebody in on the pages.
func (b *browser) tokens(t *testing.T, host, client, name string, pairs ...string) (out oauthTokens) {
	t.Helper()
	b.signIn(t, host, client, name, pairs...)
	b.exchange(t, host, client, "code", b.code(t)).must(t, &out)
	return out
}

// selfService is every operation that a user does for themselves, with what it takes besides the token.
var selfService = map[string]map[string]any{
	"GetUser": {}, "DeleteUser": {}, "GlobalSignOut": {}, "ListDevices": {}, "GetUserAuthFactors": {}, "AssociateSoftwareToken": {}, "StartWebAuthnRegistration": {}, "ListWebAuthnCredentials": {},
	"SetUserMFAPreference": {"SoftwareTokenMfaSettings": map[string]any{"Enabled": false}}, "SetUserSettings": {"MFAOptions": []any{}}, "VerifySoftwareToken": {"UserCode": "123456"},
	"UpdateUserAttributes": {"UserAttributes": []any{attribute("email", "mallory@evil.example")}}, "DeleteUserAttributes": {"UserAttributeNames": []string{"name"}},
	"GetUserAttributeVerificationCode": {"AttributeName": "email"}, "VerifyUserAttribute": {"AttributeName": "email", "Code": "123456"},
	"ChangePassword":               {"PreviousPassword": password, "ProposedPassword": "Another-pass-7"},
	"ConfirmDevice":                {"DeviceKey": region + "_01234567-0123-0123-0123-0123456789ab", "DeviceSecretVerifierConfig": map[string]any{"Salt": "AAEC", "PasswordVerifier": "AAEC"}},
	"GetDevice":                    {"DeviceKey": region + "_01234567-0123-0123-0123-0123456789ab"},
	"ForgetDevice":                 {"DeviceKey": region + "_01234567-0123-0123-0123-0123456789ab"},
	"UpdateDeviceStatus":           {"DeviceKey": region + "_01234567-0123-0123-0123-0123456789ab", "DeviceRememberedStatus": "remembered"},
	"CompleteWebAuthnRegistration": {"Credential": map[string]any{}}, "DeleteWebAuthnCredential": {"CredentialId": "x"},
}

// TestTokensForNothingElse: tokens that sign in to an app are shown to every operation of self-service.
func TestTokensForNothingElse(t *testing.T) {
	w := newWorld(t)
	r := w.realm(t, nil)
	host, client := r.domain(t, "self"), r.hostedApp(t, nil)
	r.admin(t, "SetUserPoolMfaConfig", map[string]any{"MfaConfiguration": "OFF", "WebAuthnConfiguration": map[string]any{"RelyingPartyId": "app.example", "UserVerification": "preferred"}}).must(t, nil)
	r.user(t, "ann")
	narrow := w.browser(t).tokens(t, host, client, "ann", "scope", "openid email profile")
	wide := w.browser(t).tokens(t, host, client, "ann", "scope", "openid aws.cognito.signin.user.admin")
	machine := r.machine(t, host)
	_, id, _ := r.byPassword(t, "ann", password).entered(t)
	for op, in := range selfService {
		for _, token := range []struct{ what, text, code, cause string }{
			{"openid alone", narrow.Access, "NotAuthorizedException", `scope is "email openid profile"`},
			{"a program's", machine, "NotAuthorizedException", `scope is "api/read"`},
			{"the id token", id, "NotAuthorizedException", `token_use is "id", not "access"`},
			{"the id token of the pages", wide.ID, "NotAuthorizedException", `token_use is "id", not "access"`},
			{"a refresh token", wide.Refresh, "NotAuthorizedException", `not a JWT`},
			{"nothing", "e30.e30.AAAA", "NotAuthorizedException", `not a JWT|not JSON|alg`},
		} {
			t.Run(op+" with "+token.what, func(t *testing.T) {
				given := maps.Clone(in)
				given["AccessToken"] = token.text
				w.refused(t, w.anyone.idp(t, op, given), 400, token.code, token.cause)
			})
		}
	}
	w.anyone.idp(t, "GetUser", map[string]any{"AccessToken": wide.Access}).must(t, nil) // they are good tokens
	userInfo := func(token string) func(*testing.T) answer {
		return func(t *testing.T) answer {
			return w.browser(t).do(t, http.MethodGet, host+"/oauth2/userInfo", nil, "Authorization", "Bearer "+token)
		}
	}
	userInfo(narrow.Access)(t).must(t, nil)
	access, _, _ := r.byPassword(t, "ann", password).entered(t)
	w.attempts(t, []attempt{
		{"an API's token at userInfo", userInfo(access), 401, "invalid_token", `without openid`},
		{"a program's token at userInfo", userInfo(machine), 401, "invalid_token", `without openid`},
		{"an id token at userInfo", userInfo(narrow.ID), 401, "invalid_token", `token_use is "id"`},
		{"a program's token as a login", func(t *testing.T) answer {
			return w.anyone.federation(t, "GetId", map[string]any{"IdentityPoolId": w.identityPool(t), "Logins": w.logins(t, machine)})
		}, 400, "NotAuthorizedException", `token_use is "access"|of pool`},
	})
}

// machine is a token that a program got for itself.
func (r *realm) machine(t *testing.T, host string) string {
	t.Helper()
	r.admin(t, "CreateResourceServer", map[string]any{"Identifier": "api", "Name": "api", "Scopes": []any{map[string]string{"ScopeName": "read", "ScopeDescription": "read"}}}).must(t, nil)
	var c struct {
		UserPoolClient struct{ ClientId, ClientSecret string }
	}
	r.admin(t, "CreateUserPoolClient", map[string]any{
		"ClientName": "machine", "GenerateSecret": true, "AllowedOAuthFlowsUserPoolClient": true, "AllowedOAuthFlows": []string{"client_credentials"}, "AllowedOAuthScopes": []string{"api/read"},
	}).must(t, &c)
	var out oauthTokens
	basic := base64.StdEncoding.EncodeToString([]byte(c.UserPoolClient.ClientId + ":" + c.UserPoolClient.ClientSecret))
	r.w.browser(t).do(t, http.MethodPost, host+"/oauth2/token", url.Values{"grant_type": {"client_credentials"}}, "Authorization", "Basic "+basic).must(t, &out)
	return out.Access
}

// TestPages attacks the sign-in pages of a whole node.
func TestPages(t *testing.T) {
	w := newWorld(t)
	r := w.realm(t, bothWays)
	r.secondFactors(t, "OPTIONAL")
	host, client := r.domain(t, "pages"), r.hostedApp(t, nil)
	other := r.hostedApp(t, map[string]any{"CallbackURLs": []string{callback, "https://other.example/back"}})
	far := w.realm(t, nil)
	farHost, farClient := far.domain(t, "far"), far.hostedApp(t, nil)
	for _, name := range []string{"ann", "bob"} {
		r.user(t, name)
		far.user(t, name)
	}
	access, _, _ := r.byPassword(t, "ann", password).entered(t)
	device := r.enrol(t, access)

	half := w.browser(t)
	half.signIn(t, host, client, "ann")
	if half.to != "" || strings.Contains(half.body, "code=") || !strings.Contains(half.body, `name="step"`) {
		t.Fatalf("a password alone leads to %q %s", half.to, half.body)
	}
	halfway := half.body
	onward := func(t *testing.T, b *browser, address string) {
		t.Helper()
		if a := b.open(t, address); a.status != 302 || !strings.HasPrefix(b.to, "/login?") {
			t.Errorf("%d to %q", a.status, b.to)
		}
	}
	t.Run("straight to the app, half signed in", func(t *testing.T) { onward(t, half, authorize(host, client)) })
	t.Run("silently, half signed in", func(t *testing.T) {
		half.open(t, authorize(host, client, "prompt", "none"))
		if !strings.Contains(half.to, "error=login_required") {
			t.Errorf("to %q", half.to)
		}
	})

	b := w.browser(t)
	got := b.tokens(t, host, client, "bob", "scope", "openid email")
	t.Run("the cookie of another pool", func(t *testing.T) {
		thief := w.browser(t)
		from, _ := url.Parse(host)
		to, _ := url.Parse(farHost)
		thief.http.Jar.SetCookies(to, b.http.Jar.Cookies(from))
		onward(t, thief, authorize(farHost, farClient))
	})
	t.Run("a cookie that the intruder set before", func(t *testing.T) {
		at, _ := url.Parse(host)
		victim := w.browser(t)
		victim.http.Jar.SetCookies(at, []*http.Cookie{{Name: "bothy-session", Value: strings.Repeat("x", 43), Path: "/"}})
		victim.signIn(t, host, client, "bob")
		victim.code(t)
		thief := w.browser(t)
		thief.http.Jar.SetCookies(at, []*http.Cookie{{Name: "bothy-session", Value: strings.Repeat("x", 43), Path: "/"}})
		onward(t, thief, authorize(host, client))
	})
	t.Run("the cookie after a sign-out everywhere", func(t *testing.T) {
		gone := w.browser(t)
		gone.signIn(t, host, client, "bob")
		r.admin(t, "AdminUserGlobalSignOut", map[string]any{"Username": "bob"}).must(t, nil)
		onward(t, gone, authorize(host, client))
	})

	signedIn := func(t *testing.T) *browser {
		b := w.browser(t)
		b.signIn(t, host, client, "bob", "code_challenge", proofOf(verifier), "code_challenge_method", "S256")
		return b
	}
	post := func(path string, form url.Values) func(*testing.T) answer {
		return func(t *testing.T) answer {
			b := w.browser(t)
			b.open(t, strings.Replace(authorize(host, client), "/oauth2/authorize", "/login", 1))
			return b.do(t, http.MethodPost, strings.Replace(authorize(host, client), "/oauth2/authorize", path, 1), form)
		}
	}
	const grant = "invalid_grant"
	fresh := w.browser(t).tokens(t, host, client, "bob", "scope", "openid email")
	w.attempts(t, []attempt{
		{"tokens of before the sign-out at userInfo", func(t *testing.T) answer {
			return b.do(t, http.MethodGet, host+"/oauth2/userInfo", nil, "Authorization", "Bearer "+got.Access)
		}, 401, "invalid_token", `was ended`},
		{"a refresh token of before the sign-out", func(t *testing.T) answer {
			return b.exchange(t, host, client, "grant_type", "refresh_token", "refresh_token", got.Refresh)
		}, 400, grant, `was ended`},
		{"more scopes at the refresh", func(t *testing.T) answer {
			return b.exchange(t, host, client, "grant_type", "refresh_token", "refresh_token", fresh.Refresh, "scope", "openid aws.cognito.signin.user.admin")
		}, 400, "invalid_scope", `the sign-in has no scope`},
		{"a refresh token by another client", func(t *testing.T) answer {
			return b.exchange(t, host, other, "grant_type", "refresh_token", "refresh_token", fresh.Refresh)
		}, 400, grant, `made for client`},
		{"a refresh token at another pool", func(t *testing.T) answer {
			return b.exchange(t, farHost, farClient, "grant_type", "refresh_token", "refresh_token", fresh.Refresh)
		}, 400, grant, `made for client`},
		{"a client at another pool's domain", func(t *testing.T) answer {
			return b.exchange(t, farHost, client, "grant_type", "refresh_token", "refresh_token", fresh.Refresh)
		}, 400, "invalid_client", `is not of pool`},
		{"a code without its proof", func(t *testing.T) answer { return b.exchange(t, host, client, "code", signedIn(t).code(t)) }, 400, grant, `code_verifier`},
		{"a code with another proof", func(t *testing.T) answer {
			return b.exchange(t, host, client, "code", signedIn(t).code(t), "code_verifier", strings.Repeat("b", 43))
		}, 400, grant, `code_verifier`},
		{"a code by another client", func(t *testing.T) answer {
			return b.exchange(t, host, other, "code", signedIn(t).code(t), "code_verifier", verifier)
		}, 400, grant, `made for client`},
		{"a code to another address", func(t *testing.T) answer {
			return b.exchange(t, host, client, "code", signedIn(t).code(t), "code_verifier", verifier, "redirect_uri", "https://other.example/back")
		}, 400, grant, `redirect_uri`},
		{"a code of another pool", func(t *testing.T) answer {
			return b.exchange(t, farHost, farClient, "code", signedIn(t).code(t), "code_verifier", verifier)
		}, 400, grant, `no such code`},
		{"a code a second time", func(t *testing.T) answer {
			code := signedIn(t).code(t)
			var first oauthTokens
			b.exchange(t, host, client, "code", code, "code_verifier", verifier).must(t, &first)
			again := b.exchange(t, host, client, "code", code, "code_verifier", verifier)
			if a := w.anyone.idp(t, "GetUser", map[string]any{"AccessToken": first.Access}); a.status == 200 {
				t.Error("the tokens of the first go on")
			}
			return again
		}, 400, grant, `was used before`},
		{"an address of the intruder's", func(t *testing.T) answer {
			return w.browser(t).open(t, authorize(host, client, "redirect_uri", "https://evil.example/callback"))
		}, 400, "redirect_mismatch", `is no callback URL`},
		{"an address of another client", func(t *testing.T) answer {
			return w.browser(t).open(t, authorize(host, client, "redirect_uri", "https://other.example/back"))
		}, 400, "redirect_mismatch", `is no callback URL`},
		{"a sign-out to the intruder's", func(t *testing.T) answer {
			return w.browser(t).open(t, host+"/logout?client_id="+client+"&logout_uri="+url.QueryEscape("https://evil.example/"))
		}, 400, "redirect_mismatch", `is no logout URL`},
		{"a sign-in posted from elsewhere", post("/login", url.Values{"username": {"bob"}, "password": {password}}), 403, "stale_form", `not one of this browser's`},
		{"a sign-in with the token of another form", post("/login", url.Values{"username": {"bob"}, "password": {password}, "_csrf": {strings.Repeat("A", 43)}}), 403, "stale_form", `not one of this browser's`},
		{"a step of another pool's page", func(t *testing.T) answer {
			step := stepOf(t, halfway)
			b := w.browser(t)
			b.open(t, strings.Replace(authorize(farHost, farClient), "/oauth2/authorize", "/login", 1))
			_, q := b.form(t, farHost)
			q.Set("step", step)
			q.Set("code", device.code())
			return b.do(t, http.MethodPost, strings.Replace(authorize(farHost, farClient), "/oauth2/authorize", "/challenge", 1), q)
		}, 403, "stale_form", `was not asked here`},
		{"a step of another client's", func(t *testing.T) answer {
			b := w.browser(t)
			b.open(t, strings.Replace(authorize(host, other), "/oauth2/authorize", "/login", 1))
			_, q := b.form(t, host)
			q.Set("step", stepOf(t, halfway))
			q.Set("code", device.code())
			return b.do(t, http.MethodPost, strings.Replace(authorize(host, other), "/oauth2/authorize", "/challenge", 1), q)
		}, 403, "stale_form", `was not asked here`},
		{"a provider's answer that nobody asked for", func(t *testing.T) answer {
			return w.browser(t).open(t, host+"/oauth2/idpresponse?code=x&state=y")
		}, 403, "stale_form", `nobody left with this state`},
		{"an assertion that nobody asked for", func(t *testing.T) answer {
			return w.browser(t).do(t, http.MethodPost, host+"/saml2/idpresponse", url.Values{"SAMLResponse": {"PHg+"}, "RelayState": {"y"}})
		}, 403, "stale_form", `nobody left with this state`},
	})
	t.Run("the code of the app", func(t *testing.T) {
		half.body = halfway
		half.fill(t, host, "code", device.code())
		half.code(t)
	})
}

const verifier = "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeee"

func proofOf(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func stepOf(t *testing.T, page string) string {
	t.Helper()
	m := regexp.MustCompile(`name="step" value="([^"]*)"`).FindStringSubmatch(page)
	if m == nil {
		t.Fatal("no step")
	}
	return html.UnescapeString(m[1])
}

// said is what a visitor reads of an answer, without what is random or theirs.
func said(body []byte, name string) string {
	var tree map[string]any
	if json.Unmarshal(body, &tree) == nil {
		for _, key := range []string{"Session", "ChallengeParameters"} {
			if tree[key] != nil {
				tree[key] = "…"
			}
		}
		body, _ = json.Marshal(tree)
	}
	text := regexp.MustCompile(`(?s)<style.*?</style>|<script.*?</script>|<input type="hidden"[^>]*>`).ReplaceAllString(string(body), "")
	return strings.ReplaceAll(text, name, "NAME")
}

var maskShape = regexp.MustCompile(`(?:&#43;|\+)?\w?\*+(@\w?\*+)?\d*`)

// maskless is an answer without the letters of masked addresses, and which of the two kinds they are of.
func maskless(text string) string {
	text = maskShape.ReplaceAllString(text, "MASKED")
	return strings.NewReplacer(`"SMS"`, "MEDIUM", `"EMAIL"`, "MEDIUM", `"email"`, "ADDRESS", `"phone_number"`, "ADDRESS").Replace(text)
}
