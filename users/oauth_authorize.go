package users

import (
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"bothy/kv"
	"bothy/wire"
)

// authorization is what an app asks for when it sends somebody here (RFC 6749 4.1.1, RFC 7636, OpenID Connect Core 3.1.2.1). It
// travels in the address of every page, and is checked anew by each.
type authorization struct {
	client   *client
	redirect string // where the answer goes; one of the client's addresses, letter by letter
	given    string // redirect_uri as it came: the code is bound to it
	token    bool   // response_type is token, not code
	state    string
	nonce    string
	proof    string // code_challenge
	scopes   []string
	hint     string // who is likely to sign in
	prompt   string
	query    url.Values
}

// carried are the parameters that go on from page to page.
var carried = []string{"client_id", "redirect_uri", "response_type", "scope", "state", "nonce", "code_challenge", "code_challenge_method", "lang", "login_hint"}

// redirected is a refusal that the app is told of at its address.
type redirected struct {
	error
	ask *authorization
}

func (e *redirected) Unwrap() error { return e.error }

// asked reads what the app asks for. A refusal is *redirected once it is known where the app lives: before that nobody may be
// sent anywhere.
func (v *visit) asked() (*authorization, error) {
	q, err := parameters(v.r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	if v.r.URL.Path == "/oauth2/authorize" && v.form != nil {
		q = v.form
	}
	return v.wants(q)
}

// wants checks what an app asks for.
func (v *visit) wants(q url.Values) (a *authorization, err error) {
	a = &authorization{
		given: q.Get("redirect_uri"), token: q.Get("response_type") == "token", state: q.Get("state"), nonce: q.Get("nonce"), proof: q.Get("code_challenge"),
		hint: q.Get("login_hint"), prompt: q.Get("prompt"), query: q,
	}
	if a.client, err = v.clientHere(q.Get("client_id")); err != nil {
		return nil, err
	}
	if a.redirect = a.given; a.given == "" {
		a.redirect = a.client.Settings.DefaultRedirectURI.V
	}
	if a.redirect == "" || !slices.Contains(a.client.Settings.CallbackURLs, a.redirect) {
		return nil, wire.Because(&oauthError{code: "redirect_mismatch", status: http.StatusBadRequest}, "%.256q is no callback URL of client %s", a.redirect, a.client.ID)
	}
	if err := v.checkAuthorization(a, q); err != nil {
		return nil, &redirected{err, a}
	}
	return a, nil
}

// clientHere reads a client of this domain's pool.
func (v *visit) clientHere(id string) (cl *client, err error) {
	err = v.s.view(v, func(tx *kv.Tx) error {
		cl, _, err = clientOf(tx, v.Account, v.pool.ID, id)
		return err
	})
	if refused := (wire.Fault)(nil); errors.As(err, &refused) {
		return nil, wire.Because(&oauthError{code: "invalid_client", status: http.StatusBadRequest}, "client %.128q is not of pool %s", id, v.pool.ID)
	}
	return cl, err
}

// proofShape is a SHA-256 in base64url.
var proofShape = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)

func (v *visit) checkAuthorization(a *authorization, q url.Values) error {
	flow := map[string]string{"code": flowCode, "token": flowToken}[q.Get("response_type")]
	method := q.Get("code_challenge_method")
	switch {
	case flow == "":
		return oauthRefusal("invalid_request", "response_type is %.64q", q.Get("response_type"))
	case !a.client.mayFlow(flow):
		return oauthRefusal("unauthorized_client", "client %s may not use the flow %s", a.client.ID, flow)
	case a.proof == "" && method == "":
	case method != "S256":
		return oauthRefusal("invalid_request", "code_challenge_method is %.64q, not S256", method)
	case !proofShape.MatchString(a.proof):
		return oauthRefusal("invalid_request", "code_challenge is no SHA-256")
	case a.token:
		return oauthRefusal("invalid_request", "code_challenge goes with response_type code")
	}
	if !slices.Contains([]string{"", "none", "login", "select_account", "consent"}, a.prompt) {
		return oauthRefusal("invalid_request", "prompt is %.64q", a.prompt)
	}
	var err error
	a.scopes, err = a.client.scopesFor(q.Get("scope"))
	return err
}

// scopesFor are the scopes that a request of the client gets: those it asks for, all it may have when it asks for none. What it
// may not have is refused.
func (cl *client) scopesFor(text string) ([]string, error) {
	allowed, wanted := cl.Settings.AllowedOAuthScopes, strings.Fields(text)
	if len(wanted) == 0 {
		return allowed, nil
	}
	slices.Sort(wanted)
	wanted = slices.Compact(wanted)
	for _, scope := range wanted {
		if !slices.Contains(allowed, scope) {
			return nil, oauthRefusal("invalid_scope", "client %s may not have the scope %.128q", cl.ID, scope)
		}
	}
	for _, scope := range []string{"email", "phone", "profile"} {
		if slices.Contains(wanted, scope) && !slices.Contains(wanted, "openid") {
			return nil, oauthRefusal("invalid_scope", "%s goes with openid only", scope)
		}
	}
	return wanted, nil
}

// authorize begins a sign-in: whoever is signed in already goes on at once, all others to a page, or another provider.
func (v *visit) authorize() (*reply, error) {
	a, err := v.asked()
	if err != nil {
		return nil, err
	}
	idp, err := v.chosen(a)
	if err != nil {
		return nil, err
	}
	if a.prompt != "login" && a.prompt != "select_account" {
		rep, err := v.again(a, idp)
		if rep != nil || err != nil {
			return rep, err
		}
	}
	if a.prompt == "none" {
		return nil, &redirected{oauthRefusal("login_required", "nobody is signed in"), a}
	}
	if idp != nil {
		return v.leave(a, idp)
	}
	return &reply{status: http.StatusFound, to: a.page("/login")}, nil
}

// carry are the parameters of the request, as pages carry them on.
func (a *authorization) carry() url.Values {
	q := url.Values{}
	for _, name := range carried {
		if a.query.Has(name) {
			q.Set(name, a.query.Get(name))
		}
	}
	return q
}

// page is the address of a page that goes on with the request.
func (a *authorization) page(path string) string { return path + "?" + a.carry().Encode() }

// answer sends the browser back to the app with parameters; state goes along as it came.
func (a *authorization) answer(q url.Values) *reply {
	if a.query.Has("state") {
		q.Set("state", a.state)
	}
	to := a.redirect
	switch {
	case a.token:
		to += "#" + q.Encode()
	case strings.Contains(to, "?"):
		to += "&" + q.Encode()
	default:
		to += "?" + q.Encode()
	}
	return &reply{status: http.StatusFound, to: to}
}
