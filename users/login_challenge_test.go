package users

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"bothy/api/cognitoidp"
	"bothy/federation/oidc"
)

// TestSecondFactorOnPages: an authenticator app is set up on the page, and asked for the next time; a wrong code can be corrected.
func TestSecondFactorOnPages(t *testing.T) {
	h := newHosted(t)
	h.member(h.client, "ann")
	must(h.world, h.s.setUserPoolMfaConfig, &cognitoidp.SetUserPoolMfaConfigInput{
		UserPoolId: str(h.pool), MfaConfiguration: str("ON"), SoftwareTokenMfaConfiguration: &cognitoidp.SoftwareTokenMfaConfigType{Enabled: some(true)},
	})
	b := h.surfer().open(h.authorizeURL()).fill("username", "ann", "password", good).says(200, "Set up an authenticator app")
	secret := between(b.body, "<code>", "</code>")
	if !strings.Contains(b.body, "otpauth://totp/web:ann?secret="+secret) || !strings.Contains(b.body, "<svg viewBox") || len(b.body) > 20<<10 {
		t.Fatalf("%d bytes, secret %q:\n%s", len(b.body), secret, b.body)
	}
	b.fill("code", "000000").says(400, "Code mismatch")
	if again := between(b.body, "<code>", "</code>"); again != secret {
		t.Fatalf("another secret %q", again)
	}
	b.fill("code", h.world.code(secret, 0)).sent()
	b.open(h.authorizeURL("prompt", "login")).fill("username", "ann", "password", good).says(200, "Enter your code")
	b.fill("code", "000000").says(400, "Invalid code received")
	_, form := b.form()
	b.fill("code", h.world.code(secret, 1)).sent()
	to, _ := url.Parse(strings.Replace(h.authorizeURL(), "/oauth2/authorize", "/challenge", 1))
	form.Set("code", h.world.code(secret, 1))
	b.post(to.String(), form).says(400, "session can only be used once")
	form.Set("step", form.Get("step")[:40]+"AAAA"+form.Get("step")[44:])
	b.post(to.String(), form).says(403, "The page was open for too long")
	b.open(h.authorizeURL("prompt", "none")).sent()
}

// TestMailboxOnPages: where codes come by mail, who has no address adds one on the page.
func TestMailboxOnPages(t *testing.T) {
	h := newHosted(t)
	must(h.world, h.s.adminCreateUser, &cognitoidp.AdminCreateUserInput{UserPoolId: str(h.pool), Username: str("bob"), MessageAction: str("SUPPRESS")})
	must(h.world, h.s.adminSetUserPassword, &cognitoidp.AdminSetUserPasswordInput{UserPoolId: str(h.pool), Username: str("bob"), Password: str(good), Permanent: some(true)})
	must(h.world, h.s.setUserPoolMfaConfig, &cognitoidp.SetUserPoolMfaConfigInput{UserPoolId: str(h.pool), MfaConfiguration: str("ON"), EmailMfaConfiguration: &cognitoidp.EmailMfaConfigType{}})
	b := h.surfer().open(h.authorizeURL()).fill("username", "bob", "password", good).says(200, "Add your email address")
	b.fill("email", "nothing").says(400, "Invalid email address format.")
	b.fill("email", "bob@example.com").says(200, "Enter your code")
	b.fill("code", h.lastCode()).sent()
	b.open(h.authorizeURL("prompt", "login")).fill("username", "bob", "password", good).says(200, "b***@e***").fill("code", h.lastCode()).sent()
}

// TestStepOfAnother: a step asked at one client, or domain, is not answered at another.
func TestStepOfAnother(t *testing.T) {
	h := newHosted(t)
	must(h.world, h.s.adminCreateUser, &cognitoidp.AdminCreateUserInput{UserPoolId: str(h.pool), Username: str("bob"), TemporaryPassword: str("Temp0rary!"), MessageAction: str("SUPPRESS")})
	b := h.surfer().open(h.authorizeURL()).fill("username", "bob", "password", "Temp0rary!").says(200, "Choose your password")
	_, form := b.form()
	form.Set("password", good)
	b.post(strings.Replace(h.authorizeURL("client_id", h.app(h.pool)), "/oauth2/authorize", "/challenge", 1), form).says(403, "The page was open for too long")
	b.post(strings.Replace(h.authorizeURL(), "/oauth2/authorize", "/challenge", 1), form).sent()
}

func between(text, from, to string) string {
	_, rest, _ := strings.Cut(text, from)
	found, _, _ := strings.Cut(rest, to)
	return found
}

// TestPoolAsProvider: people of one pool sign in to another, which takes it for what it is: an OpenID provider like any other.
func TestPoolAsProvider(t *testing.T) {
	h := newHosted(t)
	client := &http.Client{Transport: h.transport()}
	h.s.cfg.External, h.s.external = client, oidc.NewRegistry(client, h.world.now)
	theirs := h.world.pool()
	must(h.world, h.s.createUserPoolDomain, &cognitoidp.CreateUserPoolDomainInput{UserPoolId: str(theirs), Domain: str("works")})
	at := h.app(theirs, secret, func(in *cognitoidp.CreateUserPoolClientInput) {
		in.CallbackURLs = []string{"https://tasks.auth.us-east-1.amazoncognito.com/oauth2/idpresponse"}
	})
	shown := must(h.world, h.s.describeUserPoolClient, &cognitoidp.DescribeUserPoolClientInput{UserPoolId: str(theirs), ClientId: str(at)}).UserPoolClient
	hash := hashFor([]byte(shown.ClientSecret.V), "carl", at)
	must(h.world, h.s.signUp, &cognitoidp.SignUpInput{ClientId: str(at), Username: str("carl"), Password: str(good), SecretHash: str(hash), UserAttributes: attr("email", "carl@example.com")})
	must(h.world, h.s.adminConfirmSignUp, &cognitoidp.AdminConfirmSignUpInput{UserPoolId: str(theirs), Username: str("carl")})
	must(h.world, h.s.createIdentityProvider, &cognitoidp.CreateIdentityProviderInput{
		UserPoolId: str(h.pool), ProviderName: str("Works"), ProviderType: str("OIDC"), AttributeMapping: map[string]string{"email": "email"}, IdpIdentifiers: []string{"works.example"},
		ProviderDetails: map[string]string{"client_id": at, "client_secret": shown.ClientSecret.V, "authorize_scopes": "openid email", "oidc_issuer": issuer(theirs), "attributes_request_method": "GET"},
	})
	both := h.app(h.pool, func(in *cognitoidp.CreateUserPoolClientInput) {
		in.SupportedIdentityProviders = []string{"COGNITO", "Works"}
	})
	only := h.app(h.pool, func(in *cognitoidp.CreateUserPoolClientInput) { in.SupportedIdentityProviders = []string{"Works"} })
	https := func(address string) string { return strings.Replace(address, "http://", "https://", 1) }

	b := h.surfer().open(https(h.authorizeURL("client_id", both))).says(200, "Continue with Works")
	b.open(https(loginHost) + strings.ReplaceAll(between(b.body, `idpButton-customizable" href="`, `"`), "&amp;", "&"))
	if b.at.Host != "works.auth.us-east-1.amazoncognito.com" {
		t.Fatalf("at %s, %d %s", b.at, b.res.StatusCode, plainText(b.body))
	}
	code := b.fill("username", "carl", "password", good).sent().Get("code")
	_, m := h.exchange("code", code, "client_id", both)
	c := claimsOf(t, m["id_token"].(string))
	if c["email"] != "carl@example.com" || !strings.HasPrefix(c["cognito:username"].(string), "Works_") && !strings.HasPrefix(c["cognito:username"].(string), "works_") {
		t.Fatalf("%v", c)
	}
	for name, address := range map[string]string{
		"the only provider": h.authorizeURL("client_id", only), "by name": h.authorizeURL("client_id", both, "identity_provider", "Works"), "by identifier": h.authorizeURL("client_id", both, "idp_identifier", "works.example"),
	} {
		if b.open(https(address)).sent().Get("code") == "" { // both domains know the browser
			t.Errorf("%s: %s", name, b.res.Header.Get("Location"))
		}
	}
	if e := b.open(https(h.authorizeURL("prompt", "none"))).sent(); e.Get("error") != "login_required" {
		t.Errorf("a client without the provider: %v", e)
	}

	// What comes back belongs to the browser that left, once.
	thief := h.surfer()
	usual := thief.http.CheckRedirect
	thief.http.CheckRedirect = func(r *http.Request, via []*http.Request) error {
		if r.URL.Path == returnPath {
			return http.ErrUseLastResponse
		}
		return usual(r, via)
	}
	thief.open(https(h.authorizeURL("client_id", only))).fill("username", "carl", "password", good)
	back := thief.res.Header.Get("Location")
	if e := h.surfer().open(back); e.res.StatusCode != 403 || e.res.Header.Get("Location") != "" {
		t.Errorf("another browser: %d %s", e.res.StatusCode, e.res.Header.Get("Location"))
	}
	if e := b.open(back); e.res.StatusCode != 403 {
		t.Errorf("a browser that left otherwise: %d", e.res.StatusCode)
	}
	thief.open(back).sent()
	if sent := thief.open(back).sent(); sent.Get("code") != "" || sent.Get("error") == "" {
		t.Errorf("twice: %v", sent)
	}
	// What a provider posts comes without cookies, as from another site; the browser that left comes for it by itself.
	thief.open(https(h.authorizeURL("client_id", only, "prompt", "login")))
	to, _ := url.Parse(thief.res.Header.Get("Location"))
	poster := h.surfer()
	poster.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	poster.post("https://"+to.Host+to.Path, to.Query())
	resume := poster.res.Header.Get("Location")
	if poster.res.StatusCode != 303 || !strings.HasPrefix(resume, returnPath+"?state=") || strings.Contains(resume, "code=") {
		t.Fatalf("a posted answer: %d %s", poster.res.StatusCode, resume)
	}
	if poster.open("https://" + to.Host + resume); poster.res.StatusCode != 403 {
		t.Errorf("a posted answer in another browser: %d", poster.res.StatusCode)
	}
	if thief.open("https://"+to.Host+resume).sent().Get("code") == "" {
		t.Errorf("a posted answer: %s", thief.res.Header.Get("Location"))
	}
	for _, path := range []string{returnPath + "?state=x&code=y", returnPath, returnPathSAML + "?RelayState=x"} {
		if e := h.surfer().open(https(loginHost) + path); e.res.StatusCode != 403 {
			t.Errorf("%s: %d", path, e.res.StatusCode)
		}
	}
}

// TestChoiceOnPages: who has several ways to sign in says who they are and chooses; a code can be all, from sign-up on.
func TestChoiceOnPages(t *testing.T) {
	h := newHosted(t, hiding)
	pool := h.world.pool(func(in *cognitoidp.CreateUserPoolInput) {
		in.UsernameAttributes = []string{"email"}
		in.Policies = &cognitoidp.UserPoolPolicyType{SignInPolicy: &cognitoidp.SignInPolicyType{AllowedFirstAuthFactors: []string{"PASSWORD", "EMAIL_OTP"}}}
	})
	must(h.world, h.s.createUserPoolDomain, &cognitoidp.CreateUserPoolDomainInput{UserPoolId: str(pool), Domain: str("codes")})
	client := h.app(pool, hiding, func(in *cognitoidp.CreateUserPoolClientInput) {
		in.ExplicitAuthFlows = []string{"ALLOW_USER_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"}
	})
	at := func(path string, pairs ...string) string {
		return strings.NewReplacer("tasks.auth", "codes.auth", "/oauth2/authorize", path).Replace(h.authorizeURL(append(pairs, "client_id", client)...))
	}
	b := h.surfer().open(at("/signup")).fill("username", "ann@example.com").says(200, "a***@e***")
	b.fill("code", h.lastCode()).sent() // neither password nor another code
	b.open(at("/oauth2/authorize", "prompt", "none")).sent()

	b.open(at("/oauth2/authorize", "prompt", "login")).says(200, "Email address")
	if strings.Contains(b.body, `type="password"`) {
		t.Error("a password is asked for before anybody is named")
	}
	b.fill("username", "ann@example.com").says(200, "Enter the code that was sent to a***@e***")
	b.fill("code", "00000000").says(400, "Invalid")
	b.fill("code", h.lastCode()).sent()

	must(h.world, h.s.adminSetUserPassword, &cognitoidp.AdminSetUserPasswordInput{UserPoolId: str(pool), Username: str("ann@example.com"), Password: str(good), Permanent: some(true)})
	b.open(at("/oauth2/authorize", "prompt", "login")).fill("username", "ann@example.com").says(200, "Choose how to go on")
	b.fill("answer", "PASSWORD").says(200, "Password").fill("password", "Wr0ng-one!").says(400, "Incorrect username or password.")
	b.open(at("/oauth2/authorize", "prompt", "login")).fill("username", "ann@example.com").fill("answer", "PASSWORD").fill("password", good).sent()
	b.open(at("/oauth2/authorize", "prompt", "login")).fill("username", "ann@example.com").fill("answer", "EMAIL_OTP").fill("code", h.lastCode()).sent()
	h.surfer().open(at("/oauth2/authorize")).fill("username", "nobody@example.com").says(200, "") // as if there were somebody
}

// TestTriggersOnPages: the pool's functions are asked as by the API, and told that the tokens come by the pages.
func TestTriggersOnPages(t *testing.T) {
	h := newHosted(t)
	f := &functions{answer: func(*event) error { return nil }}
	h.s.cfg.Invoke = f
	arn := str("arn:aws:lambda:us-east-1:123456789012:function:f")
	must(h.world, h.s.updateUserPool, &cognitoidp.UpdateUserPoolInput{UserPoolId: str(h.pool), AutoVerifiedAttributes: []string{"email"}, LambdaConfig: &cognitoidp.LambdaConfigType{
		PreSignUp: arn, PostConfirmation: arn, PreAuthentication: arn, PostAuthentication: arn, PreTokenGeneration: arn,
	}})
	b := h.surfer().open(strings.Replace(h.authorizeURL(), "/oauth2/authorize", "/signup", 1)).fill("username", "ann", "requiredAttributes[email]", "ann@example.com", "password", good)
	b.fill("code", h.lastCode()).fill("username", "ann", "password", good)
	_, m := h.exchange("code", b.sent().Get("code"))
	h.exchange("grant_type", "refresh_token", "refresh_token", m["refresh_token"].(string))
	var sources []string
	for _, e := range f.seen {
		sources = append(sources, e.TriggerSource)
	}
	want := "PreSignUp_SignUp PostConfirmation_ConfirmSignUp PreAuthentication_Authentication PostAuthentication_Authentication TokenGeneration_HostedAuth TokenGeneration_RefreshTokens"
	if strings.Join(sources, " ") != want {
		t.Errorf("%v", sources)
	}
	f.answer = func(e *event) error { return &FunctionError{"not today <b>"} }
	b.open(h.authorizeURL("prompt", "login")).fill("username", "ann", "password", good).says(400, "PreAuthentication failed with error not today <b>.")
	if strings.Contains(b.body, "<b>") {
		t.Error("what a function says is not escaped")
	}
}
