package identities

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"bothy/api/cognitoidentity"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

// fakeIAM has the identity providers it is given, by ARN.
type fakeIAM struct {
	oidc map[string]*OIDCProvider
	saml map[string][]byte
}

func (f *fakeIAM) OIDC(_ context.Context, arn string) (*OIDCProvider, error) { return f.oidc[arn], nil }
func (f *fakeIAM) SAML(_ context.Context, arn string) ([]byte, error)        { return f.saml[arn], nil }

// fakeNet answers for the machines of login providers, by host; the others are out of reach.
type fakeNet struct {
	hosts map[string]http.HandlerFunc
	asked atomic.Int64
}

func (f *fakeNet) RoundTrip(r *http.Request) (*http.Response, error) {
	f.asked.Add(1)
	h := f.hosts[r.URL.Host]
	if h == nil {
		return nil, errors.New("no route to host")
	}
	rec := httptest.NewRecorder()
	h(rec, r)
	return rec.Result(), nil
}

func (f *fakeNet) serve(host string, h http.HandlerFunc) {
	if f.hosts == nil {
		f.hosts = map[string]http.HandlerFunc{}
	}
	f.hosts[host] = h
}

// issuer is an OpenID Connect provider on the fake network.
type issuer struct {
	url string
	key *ecdsa.PrivateKey
	w   *world
}

func newIssuer(w *world, url string) *issuer {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	i := &issuer{url, key, w}
	host, path, _ := strings.Cut(strings.TrimPrefix(url, "https://"), "/")
	if path != "" {
		path = "/" + path
	}
	w.net.serve(host, func(rw http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case path + "/.well-known/openid-configuration":
			fmt.Fprintf(rw, `{"issuer":%q,"authorization_endpoint":"%s/a","token_endpoint":"%s/t","jwks_uri":"%s/keys"}`, url, url, url, url)
		case path + "/keys":
			json.NewEncoder(rw).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k", Algorithm: "ES256", Use: "sig"}}}) //nolint:errcheck // into memory
		default:
			http.NotFound(rw, r)
		}
	})
	return i
}

// token says the claims, over those of a good token.
func (i *issuer) token(changes map[string]any) string {
	claims := map[string]any{"iss": i.url, "sub": "ann", "aud": "app", "iat": i.w.now.Unix(), "exp": i.w.now.Add(time.Hour).Unix()}
	maps.Copy(claims, changes)
	return signed(i.w, i.key, jose.ES256, claims)
}

func signed(w *world, key any, alg jose.SignatureAlgorithm, claims map[string]any) string {
	w.t.Helper()
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: jose.JSONWebKey{Key: key, KeyID: "k"}}, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	text, err := jwt.Signed(s).Claims(claims).Serialize()
	if err != nil {
		w.t.Fatal(err)
	}
	return text
}

// change updates a pool by what f does to its description.
func (w *world) change(pool string, f func(*cognitoidentity.IdentityPool)) {
	w.t.Helper()
	p := w.describe(pool)
	f(p)
	if _, err := do(w, w.root, cognitoidentity.UpdateIdentityPool, p); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) describe(pool string) *cognitoidentity.IdentityPool {
	w.t.Helper()
	return must2(do(w, w.root, cognitoidentity.DescribeIdentityPool, &cognitoidentity.DescribeIdentityPoolInput{IdentityPoolId: wire.Some(pool)}))(w.t)
}

const (
	oidcName = "login.example.com/tenant"
	oidcARN  = "arn:aws:iam::123456789012:oidc-provider/" + oidcName
)

// oidcPool is a pool with an OpenID Connect provider of IAM's, and the provider.
func (w *world) oidcPool() (string, *issuer) {
	w.t.Helper()
	pool := w.pool(false)
	w.change(pool, func(p *cognitoidentity.IdentityPool) { p.OpenIdConnectProviderARNs = []string{oidcARN} })
	w.iam.oidc = map[string]*OIDCProvider{oidcARN: {URL: "https://" + oidcName, ClientIDs: []string{"app", "app2"}}}
	return pool, newIssuer(w, "https://"+oidcName)
}

func TestOIDCLogin(t *testing.T) {
	w := newWorld(t)
	pool, idp := w.oidcPool()
	by := func(token string) map[string]string { return map[string]string{oidcName: token} }
	ann := w.id(pool, by(idp.token(nil)))
	if ann == w.id(pool, by(idp.token(map[string]any{"sub": "bob"}))) || ann != w.id(pool, by(idp.token(map[string]any{"aud": "app2"}))) {
		t.Fatal("identities are not those of the subjects")
	}
	if _, err := w.credentials(ann, by(idp.token(nil)), ""); err != nil {
		t.Fatal(err)
	}
	if got, want := w.sessions.last.Keys[Issuer+":amr"], []string{"authenticated", oidcName, oidcName + ":app:ann"}; !slices.Equal(got, want) {
		t.Errorf("amr %q, want %q", got, want)
	}

	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	hour := w.now.Add(time.Hour).Unix()
	good := idp.token(nil)
	parts := strings.Split(good, ".")
	public, err := json.Marshal(jose.JSONWebKey{Key: idp.key.Public()})
	if err != nil {
		t.Fatal(err)
	}
	for name, token := range map[string]string{
		"forged":       signed(w, stranger, jose.ES256, map[string]any{"iss": idp.url, "sub": "ann", "aud": "app", "iat": w.now.Unix(), "exp": hour}),
		"HMAC of key":  signed(w, public, jose.HS256, map[string]any{"iss": idp.url, "sub": "ann", "aud": "app", "iat": w.now.Unix(), "exp": hour}),
		"no algorithm": "eyJhbGciOiJub25lIn0." + parts[1] + ".",
		"other app":    idp.token(map[string]any{"aud": "elsewhere"}),
		"no app":       idp.token(map[string]any{"aud": nil}),
		"other issuer": idp.token(map[string]any{"iss": "https://login.example.com/other"}),
		"no subject":   idp.token(map[string]any{"sub": ""}),
		"not a token":  "x",
	} {
		_, err := w.getID(pool, by(token))
		t.Run(name, func(t *testing.T) { refused(t, err, "NotAuthorizedException", "Invalid login token.") })
	}
	_, err = w.getID(pool, by(idp.token(map[string]any{"exp": w.now.Add(-time.Hour).Unix()})))
	refused(t, err, "NotAuthorizedException", fmt.Sprintf("Invalid login token. Token expired: %d >= %d", w.now.Unix(), w.now.Add(-time.Hour).Unix()))
	_, err = w.credentials(ann, by(idp.token(map[string]any{"sub": "bob"})), "")
	refused(t, err, "NotAuthorizedException", "Logins don't match.")
	_, err = w.getID(w.pool(true), by(good))
	refused(t, err, "NotAuthorizedException", "Token is not from a supported provider of this identity pool.")
	w.iam.oidc = nil
	_, err = w.getID(pool, by(good))
	refused(t, err, "NotAuthorizedException", "Token is not from a supported provider of this identity pool.")
}

// What the provider writes about roles into its tokens gives none: only rules of the pool do.
func TestOIDCRoles(t *testing.T) {
	w := newWorld(t)
	pool, idp := w.oidcPool()
	const admin = "arn:aws:iam::123456789012:role/admin"
	mapping := func(kind string, rules ...cognitoidentity.MappingRule) map[string]cognitoidentity.RoleMapping {
		m := cognitoidentity.RoleMapping{Type: wire.Some(kind), AmbiguousRoleResolution: wire.Some("AuthenticatedRole")}
		if len(rules) > 0 {
			m.RulesConfiguration = &cognitoidentity.RulesConfigurationType{Rules: rules}
		}
		return map[string]cognitoidentity.RoleMapping{oidcName: m}
	}
	_, err := do(w, w.root, cognitoidentity.SetIdentityPoolRoles, &cognitoidentity.SetIdentityPoolRolesInput{
		IdentityPoolId: wire.Some(pool), Roles: map[string]string{"authenticated": auth}, RoleMappings: mapping("Token")})
	refused(t, err, "InvalidParameterException", "user pools and SAML providers only")

	logins := map[string]string{oidcName: idp.token(map[string]any{"cognito:roles": []string{admin}, "cognito:preferred_role": admin, "n": 12345678901234567, "deep": map[string]any{"a": "admin"}})}
	id := w.id(pool, logins)
	rule := func(claim, match, value string) cognitoidentity.MappingRule {
		return cognitoidentity.MappingRule{Claim: wire.Some(claim), MatchType: wire.Some(match), Value: wire.Some(value), RoleARN: wire.Some(admin)}
	}
	for name, c := range map[string]struct {
		rule cognitoidentity.MappingRule
		want string
	}{
		"number in digits":     {rule("n", "Equals", "12345678901234567"), admin},
		"a structure is none":  {rule("deep", "Contains", "admin"), auth},
		"nor is it another":    {rule("deep", "NotEqual", "admin"), admin},
		"no such claim":        {rule("absent", "NotEqual", "x"), auth},
		"issuer starts with":   {rule("iss", "StartsWith", "https://login.example.com/"), admin},
		"case is told apart":   {rule("sub", "Equals", "ANN"), auth},
		"prefix is not equal":  {rule("sub", "Equals", "an"), auth},
		"empty text in a list": {rule("aud", "Contains", "app"), admin},
	} {
		w.setRoles(pool, mapping("Rules", c.rule))
		if _, err := w.credentials(id, logins, ""); err != nil || w.sessions.last.RoleARN != c.want {
			t.Errorf("%s: %s, %v", name, w.sessions.last.RoleARN, err)
		}
	}
	_, err = w.credentials(id, logins, admin)
	refused(t, err, "NotAuthorizedException", "Access to role '"+admin+"' is forbidden.")
}

// socialPool is a pool that names all login providers itself.
func (w *world) socialPool() string {
	w.t.Helper()
	pool := w.pool(false)
	w.change(pool, func(p *cognitoidentity.IdentityPool) {
		p.SupportedLoginProviders = map[string]string{facebook: "fbapp", google: "gapp", amazon: "amzn1.application.1", twitter: "ckey;csecret", apple: "com.example.app", digits: "dkey;dsecret"}
	})
	return pool
}

func TestGoogleAndApple(t *testing.T) {
	w := newWorld(t)
	pool := w.socialPool()
	for provider, app := range map[string]string{google: "gapp", apple: "com.example.app"} {
		idp := newIssuer(w, "https://"+provider)
		by := func(app string) map[string]string {
			return map[string]string{provider: idp.token(map[string]any{"aud": app})}
		}
		id := w.id(pool, by(app))
		if _, err := w.credentials(id, by(app), ""); err != nil {
			t.Fatal(err)
		}
		if got := w.sessions.last.Identity.Provider; got != provider+","+provider+":"+app+":ann" {
			t.Errorf("provider %s", got)
		}
		_, err := w.getID(pool, by("another"))
		refused(t, err, "NotAuthorizedException", "Invalid login token. Can't verify the token.")
	}
	other := newWorld(t)
	_, err := other.getID(other.socialPool(), map[string]string{google: "a.b.c"})
	refused(t, err, "NotAuthorizedException", "Invalid login token.")
	_, err = other.getID(other.socialPool(), map[string]string{google: signed(other, []byte("01234567890123456789012345678901"), jose.HS256, map[string]any{"sub": "x"})})
	refused(t, err, "NotAuthorizedException", "Invalid login token.")
	_, err = other.getID(other.socialPool(), map[string]string{google: newIssuer(&world{t: t, net: &fakeNet{}, now: other.now}, "https://"+google).token(nil)})
	refused(t, err, "ExternalServiceException", "")
}

func TestFacebook(t *testing.T) {
	w := newWorld(t)
	pool := w.socialPool()
	tokens := map[string][2]string{"good": {"fbapp", "1001"}, "other app": {"elsewhere", "1001"}, "page": {"fbapp", ""}} // → app, user
	w.net.serve("graph.facebook.com", func(rw http.ResponseWriter, r *http.Request) {
		token := strings.ReplaceAll(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), "_", " ")
		who, ok := tokens[token]
		switch {
		case token == "down":
			rw.WriteHeader(http.StatusServiceUnavailable)
		case !ok:
			http.Error(rw, `{"error":{"code":190}}`, http.StatusBadRequest)
		case r.URL.Path == "/app":
			fmt.Fprintf(rw, `{"id":%q}`, who[0])
		case r.URL.Path == "/me":
			fmt.Fprintf(rw, `{"id":%q}`, who[1])
		}
	})
	by := func(token string) map[string]string { return map[string]string{facebook: token} }
	id := w.id(pool, by("good"))
	if _, err := w.credentials(id, by("good"), ""); err != nil {
		t.Fatal(err)
	}
	if got := w.sessions.last.Identity.Provider; got != "graph.facebook.com,graph.facebook.com:fbapp:1001" {
		t.Errorf("provider %s", got)
	}
	for token, want := range map[string]string{
		"other_app": "NotAuthorizedException", "page": "NotAuthorizedException", "unknown": "NotAuthorizedException", "down": "ExternalServiceException",
	} {
		_, err := w.getID(pool, by(token))
		refused(t, err, want, "")
	}
	asked := w.net.asked.Load()
	_, err := w.getID(pool, by("good\r\nHost: elsewhere"))
	if refused(t, err, "NotAuthorizedException", "Invalid login token."); w.net.asked.Load() != asked {
		t.Error("Facebook was asked about what is no token")
	}
	delete(w.net.hosts, "graph.facebook.com")
	_, err = w.getID(pool, by("good"))
	refused(t, err, "ExternalServiceException", "not responding")
	if strings.Contains(err.Error(), "good") {
		t.Errorf("the reason holds the token: %v", err)
	}
}

// Strangers cannot make a node ask a provider as often as they like.
func TestQuestionsAreBounded(t *testing.T) {
	w := newWorld(t)
	pool := w.socialPool()
	w.net.serve("api.amazon.com", func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusBadRequest) })
	var err error
	for n := 0; n < 300 && !errors.As(err, new(*cognitoidentity.TooManyRequestsException)); n++ {
		_, err = w.getID(pool, map[string]string{amazon: "x"})
	}
	if refused(t, err, "TooManyRequestsException", "Rate exceeded"); w.net.asked.Load() > 210 {
		t.Errorf("%d questions", w.net.asked.Load())
	}
}

// A provider that does not answer holds up so many calls and no more.
func TestSlowProvider(t *testing.T) {
	w := newWorld(t)
	pool := w.socialPool()
	asked, answer := make(chan bool), make(chan bool)
	w.net.serve("api.amazon.com", func(rw http.ResponseWriter, _ *http.Request) {
		asked <- true
		<-answer
		rw.WriteHeader(http.StatusBadRequest)
	})
	var wg sync.WaitGroup
	for range maxWaiting {
		wg.Go(func() { w.getID(pool, map[string]string{amazon: "x"}) }) //nolint:errcheck // refused
		<-asked
	}
	_, err := w.getID(pool, map[string]string{amazon: "x"})
	refused(t, err, "TooManyRequestsException", "Rate exceeded")
	w.id(pool, user("ann")) // others do not wait
	close(answer)
	wg.Wait()
	wg.Go(func() { <-asked })
	_, err = w.getID(pool, map[string]string{amazon: "x"})
	refused(t, err, "NotAuthorizedException", "")
	wg.Wait()
}

func TestAmazon(t *testing.T) {
	w := newWorld(t)
	pool := w.socialPool()
	w.net.serve("api.amazon.com", func(rw http.ResponseWriter, r *http.Request) {
		answer := map[string]any{"iss": "https://www.amazon.com", "user_id": "amzn1.account.A", "aud": "amzn1.application-oa2-client.1", "app_id": "amzn1.application.1", "exp": 3000}
		switch token := r.URL.Query().Get("access_token"); token {
		case "Atza|good&exp=1":
		case "other":
			answer["aud"], answer["app_id"] = "amzn1.application-oa2-client.2", "amzn1.application.2"
		case "issuer":
			answer["iss"] = "https://example.com"
		case "expired":
			answer["exp"] = 0
		default:
			rw.WriteHeader(http.StatusBadRequest)
		}
		json.NewEncoder(rw).Encode(answer) //nolint:errcheck // into memory
	})
	by := func(token string) map[string]string { return map[string]string{amazon: token} }
	id := w.id(pool, by("Atza|good&exp=1"))
	if d := must2(do(w, w.root, cognitoidentity.DescribeIdentity, &cognitoidentity.DescribeIdentityInput{IdentityId: wire.Some(id)}))(t); !slices.Equal(d.Logins, []string{amazon}) {
		t.Errorf("logins %q", d.Logins)
	}
	for _, token := range []string{"other", "issuer", "expired", "unknown"} {
		_, err := w.getID(pool, by(token))
		refused(t, err, "NotAuthorizedException", "Invalid login token.")
	}
}

// The example of Twitter's documentation, "Creating a signature".
func TestOAuth1Vector(t *testing.T) {
	params := map[string]string{
		"status": "Hello Ladies + Gentlemen, a signed OAuth request!", "include_entities": "true", "oauth_consumer_key": "xvz1evFS4wEEPTGEFPHBog",
		"oauth_nonce": "kYjzVBB8Y0ZFabxSWbWovY3uYSQ2pTgmZeNu2VS4cg", "oauth_signature_method": "HMAC-SHA1", "oauth_timestamp": "1318622958",
		"oauth_token": "370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb", "oauth_version": "1.0",
	}
	const consumer, token = "kAcSOqF21Fu85e7zjz7ZN2U4ZRhfV3WpwPAoE3Z7kBw", "LswwdoUaIvS8ltyTt5jkRh4J50vUPVVHtR2YPi5kE"
	if got := oauth1("POST", "https://api.twitter.com/1.1/statuses/update.json", params, consumer, token); got != "hCtSmYh+iHYCEqBWrE7C7hYmtUk=" {
		t.Errorf("signature %s", got)
	}
}

func TestTwitter(t *testing.T) {
	w := newWorld(t)
	pool := w.socialPool()
	w.net.serve("api.twitter.com", func(rw http.ResponseWriter, r *http.Request) {
		params := map[string]string{}
		for part := range strings.SplitSeq(strings.TrimPrefix(r.Header.Get("Authorization"), "OAuth "), ", ") {
			name, value, _ := strings.Cut(part, "=")
			params[name], _ = url.QueryUnescape(strings.Trim(value, `"`))
		}
		got := params["oauth_signature"]
		delete(params, "oauth_signature")
		want := oauth1("GET", "https://api.twitter.com/1.1/account/verify_credentials.json", params, "csecret", "tsecret")
		if got != want || params["oauth_token"] != "tkey" || params["oauth_consumer_key"] != "ckey" || len(params["oauth_nonce"]) < 16 {
			rw.WriteHeader(http.StatusUnauthorized)
			return
		}
		fmt.Fprint(rw, `{"id":783214,"id_str":"783214"}`)
	})
	by := func(token string) map[string]string { return map[string]string{twitter: token} }
	id := w.id(pool, by("tkey;tsecret"))
	if _, err := w.credentials(id, by("tkey;tsecret"), ""); err != nil {
		t.Fatal(err)
	}
	if got := w.sessions.last.Identity.Provider; got != "api.twitter.com,api.twitter.com:ckey:783214" {
		t.Errorf("provider %s", got)
	}
	for _, token := range []string{"tkey;wrong", "tkey", ";", "tkey;", "other;tsecret"} {
		_, err := w.getID(pool, by(token))
		refused(t, err, "NotAuthorizedException", "Invalid login token.")
	}
	_, err := w.getID(pool, map[string]string{digits: "tkey;tsecret"})
	refused(t, err, "NotAuthorizedException", "supported provider")
}

// Consumer secrets are shown to who may describe the pool, and sealed in the store.
func TestConsumerSecretsAreSealed(t *testing.T) {
	w := newWorld(t)
	pool := w.socialPool()
	if got := w.describe(pool).SupportedLoginProviders; got[twitter] != "ckey;csecret" || got[facebook] != "fbapp" || len(got) != 6 {
		t.Errorf("shown %v", got)
	}
	err := w.s.cfg.DB.View(t.Context(), func(tx *kv.Tx) error {
		raw, err := pools.Stamp(tx, record.In(account, region), pool)
		if strings.Contains(string(raw), "csecret") || strings.Contains(string(raw), "dsecret") {
			t.Error("a secret is in the row")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestProvidersAreChecked(t *testing.T) {
	w := newWorld(t)
	idp := cognitoidentity.CognitoIdentityProvider{ProviderName: wire.Some(provider), ClientId: wire.Some(client)}
	for name, in := range map[string]cognitoidentity.CreateIdentityPoolInput{
		"unknown login provider":    {SupportedLoginProviders: map[string]string{"login.example.com": "app"}},
		"twitter without a secret":  {SupportedLoginProviders: map[string]string{twitter: "ckey"}},
		"foreign OIDC provider":     {OpenIdConnectProviderARNs: []string{"arn:aws:iam::999999999999:oidc-provider/login.example.com"}},
		"SAML as OIDC":              {OpenIdConnectProviderARNs: []string{"arn:aws:iam::123456789012:saml-provider/x"}},
		"nameless SAML provider":    {SamlProviderARNs: []string{"arn:aws:iam::123456789012:saml-provider/"}},
		"user pool twice":           {CognitoIdentityProviders: []cognitoidentity.CognitoIdentityProvider{idp, idp}},
		"no user pool":              {CognitoIdentityProviders: []cognitoidentity.CognitoIdentityProvider{{ProviderName: wire.Some("login.example.com"), ClientId: wire.Some(client)}}},
		"developer like facebook":   {DeveloperProviderName: wire.Some(facebook)},
		"developer like the issuer": {DeveloperProviderName: wire.Some(Issuer)},
		"developer like OIDC": {DeveloperProviderName: wire.Some("login.example.com"),
			OpenIdConnectProviderARNs: []string{"arn:aws:iam::123456789012:oidc-provider/login.example.com"}},
		"tags of AWS": {IdentityPoolTags: map[string]string{"aws:x": "1"}},
		"bad name":    {IdentityPoolName: wire.Some("a/b")},
	} {
		if !in.IdentityPoolName.Set {
			in.IdentityPoolName = wire.Some("pool")
		}
		in.AllowUnauthenticatedIdentities = wire.Some(false)
		if _, err := do(w, w.root, cognitoidentity.CreateIdentityPool, &in); !errors.As(err, new(*cognitoidentity.InvalidParameterException)) && name != "bad name" || err == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
