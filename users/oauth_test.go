package users

import (
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
	"testing"

	"bothy/api/cognitoidp"
	"bothy/kv"
)

func secret(in *cognitoidp.CreateUserPoolClientInput) { in.GenerateSecret = some(true) }

func basicAuth(id, secret string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(id)+":"+url.QueryEscape(secret)))
}

// machine makes a resource server and a client of its scopes.
func (h *hosted) machine() (id, key string) {
	must(h.world, h.s.createResourceServer, &cognitoidp.CreateResourceServerInput{UserPoolId: str(h.pool), Identifier: str("https://api"), Name: str("API"), Scopes: []cognitoidp.ResourceServerScopeType{
		{ScopeName: str("read"), ScopeDescription: str("r")}, {ScopeName: str("write"), ScopeDescription: str("w")}, {ScopeName: str("admin"), ScopeDescription: str("a")},
	}})
	cl := must(h.world, h.s.createUserPoolClient, &cognitoidp.CreateUserPoolClientInput{
		UserPoolId: str(h.pool), ClientName: str("cron"), GenerateSecret: some(true), AllowedOAuthFlowsUserPoolClient: some(true), AllowedOAuthFlows: []string{"client_credentials"},
		AllowedOAuthScopes: []string{"https://api/read", "https://api/write"},
	}).UserPoolClient
	return cl.ClientId.V, cl.ClientSecret.V
}

// TestClientCredentials: a program gets a token of its own, of scopes it may have, which speaks for no user.
func TestClientCredentials(t *testing.T) {
	h := newHosted(t)
	id, key := h.machine()
	ask := func(scope string, headers ...string) (int, map[string]any) {
		status, m, _ := h.document("POST", "/oauth2/token", url.Values{"grant_type": {"client_credentials"}, "scope": {scope}}, headers...)
		return status, m
	}
	status, m := ask("https://api/read", "Authorization", basicAuth(id, key))
	if status != 200 || m["token_type"] != "Bearer" || m["expires_in"] != 3600.0 || len(m) != 3 {
		t.Fatalf("%d %v", status, m)
	}
	token := m["access_token"].(string)
	c := claimsOf(t, token)
	if c["sub"] != id || c["client_id"] != id || c["scope"] != "https://api/read" || c["token_use"] != "access" || c["version"] != 2.0 || c["username"] != nil || c["iss"] != issuer(h.pool) {
		t.Fatalf("%v", c)
	}
	if _, m := ask("", "Authorization", basicAuth(id, key)); claimsOf(t, m["access_token"].(string))["scope"] != "https://api/read https://api/write" {
		t.Errorf("%v", m)
	}
	for name, c := range map[string]struct{ scope, auth, want string }{
		"more scope":    {"https://api/admin", basicAuth(id, key), "invalid_scope"},
		"user's scope":  {selfScope, basicAuth(id, key), "invalid_scope"},
		"openid":        {"openid", basicAuth(id, key), "invalid_scope"},
		"wrong secret":  {"", basicAuth(id, key+"x"), "invalid_client"},
		"no secret":     {"", basicAuth(id, ""), "invalid_client"},
		"other client":  {"", basicAuth(h.client, ""), "unauthorized_client"},
		"not basic":     {"", "Bearer x", "invalid_request"},
		"broken base64": {"", "Basic !", "invalid_request"},
	} {
		if status, m := ask(c.scope, "Authorization", c.auth); status != 400 || m["error"] != c.want {
			t.Errorf("%s: %d %v", name, status, m)
		}
	}
	if _, err := h.s.getUser(h.call(), &cognitoidp.GetUserInput{AccessToken: str(token)}); err == nil {
		t.Error("a program's token speaks for a user")
	}
	if status, _, _ := h.document("GET", "/oauth2/userInfo", nil, "Authorization", "Bearer "+token); status != 401 {
		t.Errorf("userInfo of a program: %d", status)
	}
	verified, err := h.s.VerifyAccessToken(h.ctx, h.pool, token)
	if live, err2 := h.s.SessionLive(h.ctx, verified); err != nil || err2 != nil || !live {
		t.Errorf("%v %v %v", live, err, err2)
	}
	must(h.world, h.s.deleteResourceServer, &cognitoidp.DeleteResourceServerInput{UserPoolId: str(h.pool), Identifier: str("https://api")})
	if status, m := ask("", "Authorization", basicAuth(id, key)); status != 400 || m["error"] != "invalid_scope" {
		t.Errorf("scopes that are gone: %d %v", status, m)
	}
	must(h.world, h.s.deleteUserPoolClient, &cognitoidp.DeleteUserPoolClientInput{UserPoolId: str(h.pool), ClientId: str(id)})
	if live, err := h.s.SessionLive(h.ctx, verified); err != nil || live {
		t.Errorf("the client is gone, its token not: %v %v", live, err)
	}
}

// TestConfidentialClient: pages know the secret by themselves; programs must show it, one of two.
func TestConfidentialClient(t *testing.T) {
	h := newHosted(t, secret)
	keys := []string{must(h.world, h.s.describeUserPoolClient, &cognitoidp.DescribeUserPoolClientInput{UserPoolId: str(h.pool), ClientId: str(h.client)}).UserPoolClient.ClientSecret.V}
	keys = append(keys, must(h.world, h.s.addUserPoolClientSecret, &cognitoidp.AddUserPoolClientSecretInput{UserPoolId: str(h.pool), ClientId: str(h.client)}).ClientSecretDescriptor.ClientSecretValue.V)
	b := h.surfer().open(strings.Replace(h.authorizeURL(), "/oauth2/authorize", "/signup", 1))
	b.fill("username", "ann", "requiredAttributes[email]", "ann@example.com", "password", good).fill("code", h.lastCode()).says(200, "confirmed")
	if status, m := h.exchange("code", h.code()); status != 400 || m["error"] != "invalid_client" {
		t.Errorf("without the secret: %d %v", status, m)
	}
	for _, key := range keys {
		if status, m := h.exchange("code", h.code(), "client_secret", key); status != 200 {
			t.Errorf("with a secret: %d %v", status, m)
		}
		if status, m := h.exchange("code", h.code(), "client_secret", key+"x"); status != 400 || m["error"] != "invalid_client" {
			t.Errorf("with a wrong secret: %d %v", status, m)
		}
		status, _, header := h.document("POST", "/oauth2/revoke", url.Values{"token": {"x"}}, "Authorization", basicAuth(h.client, key+"x"))
		if status != 401 || header.Get("WWW-Authenticate") == "" {
			t.Errorf("revoke with a wrong secret: %d", status)
		}
	}
	b.open(strings.Replace(h.authorizeURL(), "/oauth2/authorize", "/forgotPassword", 1)).fill("username", "ann").fill("code", h.lastCode(), "password", good+"2").says(200, "Your password is changed")
	b.fill("username", "ann", "password", good+"2").sent()
}

// TestScopes decide what tokens and userInfo say, and go on with the refresh token, wherever it is shown.
func TestScopes(t *testing.T) {
	h := newHosted(t)
	must(h.world, h.s.signUp, &cognitoidp.SignUpInput{ClientId: str(h.client), Username: str("ann"), Password: str(good), UserAttributes: attr("email", "ann@example.com", "phone_number", "+491701234567", "name", "Ann")})
	must(h.world, h.s.confirmSignUp, &cognitoidp.ConfirmSignUpInput{ClientId: str(h.client), Username: str("ann"), ConfirmationCode: str(h.lastCode())})
	for scope, want := range map[string][]string{
		"openid": {"email", "phone_number", "name"}, "openid email": {"email"}, "openid phone": {"phone_number"}, "openid phone email": {"email", "phone_number"},
		"openid profile email": {"email", "phone_number", "name"}, "openid email " + selfScope: {"email"}, selfScope: nil,
	} {
		_, m := h.exchange("code", h.code("scope", scope))
		_, renewed := h.exchange("grant_type", "refresh_token", "refresh_token", m["refresh_token"].(string))
		_, who, _ := h.document("GET", "/oauth2/userInfo", nil, "Authorization", "Bearer "+m["access_token"].(string))
		if !strings.Contains(scope, "openid") {
			if m["id_token"] != nil || renewed["id_token"] != nil || who["sub"] != nil {
				t.Errorf("%s: %v %v", scope, m, who)
			}
			continue
		}
		for place, c := range map[string]map[string]any{"id token": claimsOf(t, m["id_token"].(string)), "renewed": claimsOf(t, renewed["id_token"].(string)), "userInfo": who} {
			for _, name := range []string{"email", "phone_number", "name"} {
				if (c[name] != nil) != slices.Contains(want, name) {
					t.Errorf("%s, %s: %s is %v", scope, place, name, c[name])
				}
			}
		}
	}

	_, m := h.exchange("code", h.code("scope", "openid email"))
	refresh := m["refresh_token"].(string)
	if status, m := h.exchange("grant_type", "refresh_token", "refresh_token", refresh, "scope", "openid email "+selfScope); status != 400 || m["error"] != "invalid_scope" {
		t.Errorf("more scope by refresh: %d %v", status, m)
	}
	if _, m := h.exchange("grant_type", "refresh_token", "refresh_token", refresh, "scope", "openid"); claimsOf(t, m["access_token"].(string))["scope"] != "openid" {
		t.Errorf("less scope by refresh: %v", m)
	}
	out := must(h.world, h.s.initiateAuth, &cognitoidp.InitiateAuthInput{ClientId: str(h.client), AuthFlow: str("REFRESH_TOKEN_AUTH"), AuthParameters: map[string]string{"REFRESH_TOKEN": refresh}})
	if got := claimsOf(t, out.AuthenticationResult.AccessToken.V)["scope"]; got != "email openid" {
		t.Errorf("the API gives the scope %v", got)
	}
	if _, err := h.s.getUser(h.call(), &cognitoidp.GetUserInput{AccessToken: out.AuthenticationResult.AccessToken}); err == nil {
		t.Error("without its scope the API let somebody in")
	}
	other := h.app(h.pool)
	if status, m := h.exchange("grant_type", "refresh_token", "refresh_token", refresh, "client_id", other); status != 400 || m["error"] != "invalid_grant" {
		t.Errorf("refresh token of another client: %d %v", status, m)
	}
	own := h.signIn(h.pool, h.client, "ann")
	if status, _, _ := h.document("GET", "/oauth2/userInfo", nil, "Authorization", "Bearer "+own.AccessToken.V); status != 401 {
		t.Errorf("userInfo without openid: %d", status)
	}
}

// TestImplicit: tokens in the fragment where the client is set up for it, none to refresh.
func TestImplicit(t *testing.T) {
	h := newHosted(t, func(in *cognitoidp.CreateUserPoolClientInput) { in.AllowedOAuthFlows = []string{"implicit"} })
	h.member(h.client, "ann")
	b := h.surfer().open(h.authorizeURL("response_type", "token", "nonce", "n1")).fill("username", "ann", "password", good)
	sent := b.sent()
	if !strings.Contains(b.res.Header.Get("Location"), callback+"#") || sent.Get("refresh_token") != "" || sent.Get("code") != "" || sent.Get("state") != "s t&te=1" || claimsOf(t, sent.Get("id_token"))["nonce"] != "n1" {
		t.Fatalf("%v", sent)
	}
	if status, who, _ := h.document("GET", "/oauth2/userInfo", nil, "Authorization", "Bearer "+sent.Get("access_token")); status != 200 || who["email"] != "ann@example.com" {
		t.Errorf("%d %v", status, who)
	}
	if e := b.open(h.authorizeURL()).sent(); e.Get("error") != "unauthorized_client" {
		t.Errorf("a code where it is not allowed: %v", e)
	}
}

// TestRevoke ends a sign-in for all its tokens.
func TestRevoke(t *testing.T) {
	h := newHosted(t)
	h.member(h.client, "ann")
	other := h.app(h.pool)
	_, m := h.exchange("code", h.code())
	revoke := func(pairs ...string) (int, any) {
		q := url.Values{"client_id": {h.client}}
		for i := 0; i < len(pairs); i += 2 {
			q.Set(pairs[i], pairs[i+1])
		}
		status, m, _ := h.document("POST", "/oauth2/revoke", q)
		return status, m["error"]
	}
	refresh, access := m["refresh_token"].(string), m["access_token"].(string)
	for _, c := range []struct {
		pairs  []string
		status int
		err    any
	}{
		{[]string{}, 400, "invalid_request"}, {[]string{"token", access}, 400, "unsupported_token_type"}, {[]string{"token", refresh, "client_id", other}, 400, "invalid_request"},
		{[]string{"token", refresh, "client_id", "nobody"}, 401, "invalid_client"}, {[]string{"token", "garbage"}, 200, nil},
	} {
		if status, err := revoke(c.pairs...); status != c.status || err != c.err {
			t.Errorf("%v: %d %v", c.pairs, status, err)
		}
	}
	if status, _, _ := h.document("GET", "/oauth2/userInfo", nil, "Authorization", "Bearer "+access); status != 200 {
		t.Fatal("revoked by somebody else")
	}
	if status, _ := revoke("token", refresh); status != 200 {
		t.Fatal(status)
	}
	if status, _, _ := h.document("GET", "/oauth2/userInfo", nil, "Authorization", "Bearer "+access); status != 401 {
		t.Errorf("userInfo with a revoked token: %d", status)
	}
	if status, _ := revoke("token", refresh); status != 200 {
		t.Errorf("twice: %d", status)
	}
}

// TestRotationAtTheTokenEndpoint: with rotation the token endpoint hands out the next refresh token, and one that is used again ends the sign-in.
func TestRotationAtTheTokenEndpoint(t *testing.T) {
	h := newHosted(t, func(in *cognitoidp.CreateUserPoolClientInput) {
		in.ExplicitAuthFlows = []string{"ALLOW_USER_SRP_AUTH"}
		in.RefreshTokenRotation = &cognitoidp.RefreshTokenRotationType{Feature: str("ENABLED"), RetryGracePeriodSeconds: some[int32](0)}
	})
	h.member(h.client, "ann")
	_, m := h.exchange("code", h.code())
	_, second := h.exchange("grant_type", "refresh_token", "refresh_token", m["refresh_token"].(string))
	if second["refresh_token"] == nil || second["refresh_token"] == m["refresh_token"] {
		t.Fatalf("%v", second)
	}
	if status, m := h.exchange("grant_type", "refresh_token", "refresh_token", m["refresh_token"].(string)); status != 400 || m["error"] != "invalid_grant" {
		t.Errorf("used again: %d %v", status, m)
	}
	if status, _ := h.exchange("grant_type", "refresh_token", "refresh_token", second["refresh_token"].(string)); status != 400 {
		t.Error("the sign-in outlived a stolen token")
	}
}

// TestClientOAuthSettings are refused as AWS refuses them.
func TestClientOAuthSettings(t *testing.T) {
	w := newWorld(t)
	pool := w.pool()
	for name, c := range map[string]struct {
		change  func(*cognitoidp.CreateUserPoolClientInput)
		code    string
		message string
	}{
		"flows without scopes":  {func(in *cognitoidp.CreateUserPoolClientInput) { in.AllowedOAuthScopes = nil }, "InvalidParameterException", "AllowedOAuthScopes are required"},
		"code without callback": {func(in *cognitoidp.CreateUserPoolClientInput) { in.CallbackURLs = nil }, "InvalidOAuthFlowException", "callback"},
		"code and credentials": {func(in *cognitoidp.CreateUserPoolClientInput) {
			in.AllowedOAuthFlows = []string{"code", "client_credentials"}
		}, "InvalidOAuthFlowException", "along with"},
		"credentials, no secret": {func(in *cognitoidp.CreateUserPoolClientInput) { in.AllowedOAuthFlows = []string{"client_credentials"} }, "InvalidOAuthFlowException", "client secret"},
		"credentials for users": {func(in *cognitoidp.CreateUserPoolClientInput) {
			in.AllowedOAuthFlows, in.GenerateSecret = []string{"client_credentials"}, some(true)
		}, "InvalidOAuthFlowException", "resource servers"},
		"unknown scope":       {func(in *cognitoidp.CreateUserPoolClientInput) { in.AllowedOAuthScopes = []string{"x/y"} }, "ScopeDoesNotExistException", "x/y"},
		"unknown provider":    {func(in *cognitoidp.CreateUserPoolClientInput) { in.SupportedIdentityProviders = []string{"Google"} }, "InvalidParameterException", "Google"},
		"default not in list": {func(in *cognitoidp.CreateUserPoolClientInput) { in.DefaultRedirectURI = str("https://x.example") }, "InvalidParameterException", "DefaultRedirectURI"},
	} {
		in := &cognitoidp.CreateUserPoolClientInput{
			UserPoolId: str(pool), ClientName: str("app"), AllowedOAuthFlowsUserPoolClient: some(true), AllowedOAuthFlows: []string{"code"}, AllowedOAuthScopes: []string{"openid"}, CallbackURLs: []string{callback},
		}
		c.change(in)
		_, err := w.s.createUserPoolClient(w.call(), in)
		t.Run(name, func(t *testing.T) { wantFault(t, err, c.code, c.message) })
	}
	for address, fine := range map[string]bool{
		"https://app.example/cb": true, "https://app.example/cb?x=1": true, "http://localhost:3000/cb": true, "http://localhost": true, "http://127.0.0.1:8080/": true, "http://[::1]:3000/": true,
		"myapp://callback": true, "com.example.app:/oauth": true, "http://app.example/cb": false, "http://localhost.evil.example/": false, "https://app.example/#x": false, "https://app.example/#": false,
		"/callback": false, "app.example/cb": false, "": false, "javascript:alert(1)": false, "JavaScript:alert(1)": false, "data:text/html,x": false, "https://": false, "https://u:p@app.example/": false,
		"https://app.example/ x": false, "https://app.example\\@evil.example": false, "http://": false,
	} {
		if err := checkRedirect(address); (err == nil) != fine {
			t.Errorf("%q: %v", address, err)
		}
	}
}

// TestDiscovery names the endpoints where the caller reaches them.
func TestDiscovery(t *testing.T) {
	h := newHosted(t)
	for host, want := range map[string]string{
		"cognito-idp.us-east-1.amazonaws.com": "https://tasks.auth.us-east-1.amazoncognito.com", "localhost:4566": "http://tasks.auth.localhost:4566", "127.0.0.1:4566": "http://tasks.auth.localhost:4566",
		"[::1]:4566": "http://tasks.auth.localhost:4566", "cognito-idp.localhost:4566": "http://tasks.auth.localhost:4566",
	} {
		_, m, _ := h.at("GET", "http://"+host+"/"+h.pool+"/.well-known/openid-configuration")
		if m["token_endpoint"] != want+"/oauth2/token" || m["authorization_endpoint"] != want+"/oauth2/authorize" || m["issuer"] != issuer(h.pool) {
			t.Errorf("%s: %v", host, m)
		}
	}
	for host, found := range map[string]bool{
		"tasks.auth.us-east-1.amazoncognito.com": true, "tasks.auth.localhost": true, "tasks.auth.us-east-1.localhost:4566": true, "TASKS.auth.localhost": true,
		"tasks.auth.eu-west-1.amazoncognito.com": false, "other.auth.us-east-1.amazoncognito.com": false, "x.tasks.auth.us-east-1.amazoncognito.com": false, "auth.us-east-1.amazoncognito.com": false,
		"tasks.auth.us-east-1.amazoncognito.com.evil.example": false, "tasks.localhost": false, "tasks": false, "tasks.example": false,
	} {
		d, err := h.s.domainAt(h.ctx, strings.ToLower(strings.TrimSuffix(host, ":4566")))
		if err != nil || (d != nil) != found {
			t.Errorf("%s: %v %v", host, d, err)
		}
	}
	must(h.world, h.s.createUserPoolDomain, &cognitoidp.CreateUserPoolDomainInput{UserPoolId: str(h.pool), Domain: str("auth.example.com"), CustomDomainConfig: &cognitoidp.CustomDomainConfigType{CertificateArn: str("arn:aws:acm:us-east-1:1:certificate/x")}})
	if d, err := h.s.domainAt(h.ctx, "auth.example.com"); err != nil || d == nil {
		t.Errorf("custom domain: %v %v", d, err)
	}
	if d, _ := h.s.domainAt(h.ctx, "auth.example.com.auth.localhost"); d != nil {
		t.Error("a custom domain is no prefix")
	}
	if _, m, _ := h.at("GET", "http://cognito-idp.us-east-1.amazonaws.com/"+h.pool+"/.well-known/openid-configuration"); m["token_endpoint"] != "https://auth.example.com/oauth2/token" {
		t.Errorf("%v", m)
	}
	plain := h.world.pool()
	if _, m, _ := h.at("GET", "http://localhost/"+plain+"/.well-known/openid-configuration"); m["token_endpoint"] != nil || m["jwks_uri"] == nil {
		t.Errorf("a pool without a domain: %v", m)
	}
}

// TestDomainNames are refused as AWS refuses them.
func TestDomainNames(t *testing.T) {
	h := newHosted(t)
	second := h.world.pool()
	own := &cognitoidp.CustomDomainConfigType{CertificateArn: str("arn:aws:acm:us-east-1:1:certificate/x")}
	for _, c := range []struct {
		pool, name string
		custom     *cognitoidp.CustomDomainConfigType
		message    string
	}{
		{second, "tasks", nil, "Domain already associated with another user pool"}, {h.pool, "more", nil, "already has a domain"}, {second, "my-aws-shop", nil, "reserved word: aws"},
		{second, "cognito1", nil, "reserved word: cognito"}, {second, "a.b", nil, "CustomDomainConfig"}, {second, "noname", own, "not a valid subdomain"},
		{second, "x.amazonaws.com", own, "not a valid subdomain"}, {second, "x..example.com", own, "not a valid subdomain"}, {"us-east-1_nobodyxx", "free", nil, "does not exist"},
	} {
		code := "InvalidParameterException"
		if c.name == "free" {
			code = "ResourceNotFoundException"
		}
		refused(h.world, h.s.createUserPoolDomain, &cognitoidp.CreateUserPoolDomainInput{UserPoolId: str(c.pool), Domain: str(c.name), CustomDomainConfig: c.custom}, code, c.message)
	}
	refused(h.world, h.s.deleteUserPoolDomain, &cognitoidp.DeleteUserPoolDomainInput{UserPoolId: str(second), Domain: str("tasks")}, "InvalidParameterException", "No such domain")
	must(h.world, h.s.deleteUserPoolDomain, &cognitoidp.DeleteUserPoolDomainInput{UserPoolId: str(h.pool), Domain: str("tasks")})
	if b := h.surfer().open(h.authorizeURL()); b.res.StatusCode != 404 {
		t.Errorf("a domain that was deleted: %d", b.res.StatusCode)
	}
	if out := must(h.world, h.s.describeUserPoolDomain, &cognitoidp.DescribeUserPoolDomainInput{Domain: str("tasks")}); out.DomainDescription.UserPoolId.Set {
		t.Errorf("%+v", out)
	}
}

// TestSecretOfBefore: the secret of a client from before there could be two counts, is listed, and can be replaced.
func TestSecretOfBefore(t *testing.T) {
	w := newWorld(t)
	pool := w.pool()
	id := w.client(pool, secret)
	var key string
	err := w.s.update(w.ctx, func(tx *kv.Tx) error {
		cl, _, err := clientOf(tx, account, pool, id)
		if err != nil {
			return err
		}
		open, err := w.s.openSecrets(account, cl)
		key = string(open[0])
		cl.Secret, cl.Secrets = cl.Secrets[0].Sealed, nil
		if err != nil {
			return err
		}
		return clients.Put(tx, everywhere(account), cl)
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := must(w, w.s.describeUserPoolClient, &cognitoidp.DescribeUserPoolClientInput{UserPoolId: str(pool), ClientId: str(id)}).UserPoolClient.ClientSecret.V; got != key {
		t.Fatalf("%q, not %q", got, key)
	}
	must(w, w.s.addUserPoolClientSecret, &cognitoidp.AddUserPoolClientSecretInput{UserPoolId: str(pool), ClientId: str(id)})
	all := must(w, w.s.listUserPoolClientSecrets, &cognitoidp.ListUserPoolClientSecretsInput{UserPoolId: str(pool), ClientId: str(id)}).ClientSecrets
	must(w, w.s.deleteUserPoolClientSecret, &cognitoidp.DeleteUserPoolClientSecretInput{UserPoolId: str(pool), ClientId: str(id), ClientSecretId: all[0].ClientSecretId})
	if got := must(w, w.s.describeUserPoolClient, &cognitoidp.DescribeUserPoolClientInput{UserPoolId: str(pool), ClientId: str(id)}).UserPoolClient.ClientSecret.V; got == key || got == "" {
		t.Fatalf("%q", got)
	}
}

// TestOwnDomain: at a pool's own name pages work by HTTPS only, also where a proxy ends it.
func TestOwnDomain(t *testing.T) {
	h := newHosted(t)
	h.member(h.client, "ann")
	must(h.world, h.s.createUserPoolDomain, &cognitoidp.CreateUserPoolDomainInput{UserPoolId: str(h.pool), Domain: str("auth.example.com"), CustomDomainConfig: &cognitoidp.CustomDomainConfigType{CertificateArn: str("arn:aws:acm:us-east-1:1:certificate/x")}})
	b := h.surfer()
	b.open(strings.Replace(h.authorizeURL(), "tasks.auth.us-east-1.amazoncognito.com/oauth2/authorize", "auth.example.com/login", 1))
	for _, set := range b.res.Header.Values("Set-Cookie") {
		if !strings.HasPrefix(set, "__Host-") || !strings.Contains(set, "; Secure") {
			t.Errorf("cookie %s", set)
		}
	}
	b.open(strings.Replace(h.authorizeURL(), "http://tasks.auth.us-east-1.amazoncognito.com/oauth2/authorize", "https://auth.example.com/login", 1))
	b.fill("username", "ann", "password", good).sent()
}
