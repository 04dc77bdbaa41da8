package oidc

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// issuer is a provider in the test's process: it publishes keys, and answers as its fields say.
type issuer struct {
	*httptest.Server
	keys     []jose.JSONWebKey
	more     map[string]any // of the discovery document
	down     bool
	asked    atomic.Int32 // for keys
	token    http.HandlerFunc
	userInfo http.HandlerFunc
}

func newKey(t testing.TB, id string) (jose.JSONWebKey, *ecdsa.PrivateKey) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return jose.JSONWebKey{Key: &k.PublicKey, KeyID: id, Use: "sig"}, k
}

func newIssuer(t testing.TB) *issuer {
	i := &issuer{}
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, r *http.Request) {
		doc := map[string]any{"issuer": i.URL, "authorization_endpoint": i.URL + "/authorize", "token_endpoint": i.URL + "/token",
			"jwks_uri": i.URL + "/keys", "userinfo_endpoint": i.URL + "/me"}
		maps.Copy(doc, i.more)
		_ = json.NewEncoder(w).Encode(doc)
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, r *http.Request) {
		i.asked.Add(1)
		if i.down {
			http.Error(w, "secret of another service", http.StatusBadGateway)
			return
		}
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: i.keys})
	})
	mux.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) { i.token(w, r) })
	mux.HandleFunc("/me", func(w http.ResponseWriter, r *http.Request) { i.userInfo(w, r) })
	i.Server = httptest.NewTLSServer(mux)
	t.Cleanup(i.Close)
	return i
}

type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func signed(t testing.TB, alg jose.SignatureAlgorithm, key any, kid string, claims map[string]any) string {
	t.Helper()
	by, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: jose.JSONWebKey{Key: key, KeyID: kid}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := jwt.Signed(by).Claims(claims).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func (i *issuer) claims(change map[string]any) map[string]any {
	m := map[string]any{"iss": i.URL, "sub": "12345678901234567890", "aud": "app", "iat": start.Unix(), "exp": start.Add(time.Hour).Unix(),
		"nonce": "n1", "big": json.Number("12345678901234567890"), "email_verified": true}
	maps.Copy(m, change)
	for name, v := range m {
		if v == nil {
			delete(m, name)
		}
	}
	return m
}

func TestVerify(t *testing.T) {
	i := newIssuer(t)
	pub, key := newKey(t, "k1")
	_, stranger := newKey(t, "k1")
	i.keys = []jose.JSONWebKey{{Key: []byte("a symmetric key published by mistake"), KeyID: "oct"}, pub, {Key: &key.PublicKey, KeyID: "enc", Use: "enc"}}
	p := NewRegistry(i.Client(), (&clock{start}).now).At(Endpoints{Issuer: i.URL})
	want := Expect{Audiences: []string{"other", "app"}, Nonce: "n1", AccessToken: "at"}
	half := sha256.Sum256([]byte("at"))
	good := signed(t, jose.ES256, key, "k1", i.claims(map[string]any{"at_hash": base64.RawURLEncoding.EncodeToString(half[:16])}))

	claims, err := p.Verify(t.Context(), good, want)
	if err != nil || claims.Text("sub") != "12345678901234567890" || claims.Text("big") != "12345678901234567890" || claims.Text("email_verified") != "true" {
		t.Fatalf("%v, %v", claims, err)
	}
	if _, err := p.Verify(t.Context(), signed(t, jose.ES256, key, "k1", i.claims(map[string]any{"aud": []string{"app", "them"}, "azp": "app"})), want); err != nil {
		t.Error("for two audiences, given to ours:", err)
	}
	dot := strings.LastIndex(good, ".")
	unsigned := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + strings.Split(good, ".")[1] + "."
	der, _ := x509.MarshalPKIXPublicKey(&key.PublicKey)
	for name, token := range map[string]string{
		"empty":                 "",
		"not a token":           "a.b.c",
		"long":                  strings.Repeat("a", maxToken+1),
		"alg none":              unsigned,
		"signature dropped":     good[:dot+1],
		"signature of another":  good[:dot] + signed(t, jose.ES256, key, "k1", i.claims(nil))[dot:],
		"signed by a stranger":  signed(t, jose.ES256, stranger, "k1", i.claims(nil)),
		"unknown key":           signed(t, jose.ES256, key, "k9", i.claims(nil)),
		"key for encryption":    signed(t, jose.ES256, key, "enc", i.claims(nil)),
		"HMAC under the public": signed(t, jose.HS256, der, "k1", i.claims(nil)),
		"HMAC under published":  signed(t, jose.HS256, []byte("a symmetric key published by mistake"), "oct", i.claims(nil)),
		"other issuer":          signed(t, jose.ES256, key, "k1", i.claims(map[string]any{"iss": i.URL + "/"})),
		"other audience":        signed(t, jose.ES256, key, "k1", i.claims(map[string]any{"aud": "them"})),
		"given to another":      signed(t, jose.ES256, key, "k1", i.claims(map[string]any{"aud": []string{"app", "them"}, "azp": "them"})),
		"given to nobody":       signed(t, jose.ES256, key, "k1", i.claims(map[string]any{"aud": []string{"app", "them"}})),
		"other nonce":           signed(t, jose.ES256, key, "k1", i.claims(map[string]any{"nonce": "n2"})),
		"no nonce":              signed(t, jose.ES256, key, "k1", i.claims(map[string]any{"nonce": nil})),
		"other access token":    signed(t, jose.ES256, key, "k1", i.claims(map[string]any{"at_hash": base64.RawURLEncoding.EncodeToString(half[16:])})),
		"no sub":                signed(t, jose.ES256, key, "k1", i.claims(map[string]any{"sub": nil})),
		"from the future":       signed(t, jose.ES256, key, "k1", i.claims(map[string]any{"iat": start.Add(skew + time.Second).Unix()})),
		"not yet valid":         signed(t, jose.ES256, key, "k1", i.claims(map[string]any{"nbf": start.Add(skew + time.Second).Unix()})),
		"no expiry":             signed(t, jose.ES256, key, "k1", i.claims(map[string]any{"exp": nil})),
	} {
		if _, err := p.Verify(t.Context(), token, want); !errors.Is(err, ErrToken) {
			t.Errorf("%s: %v", name, err)
		}
	}
	claims, err = p.Verify(t.Context(), signed(t, jose.ES256, key, "k1", i.claims(map[string]any{"exp": start.Add(-time.Second).Unix()})), want)
	if !errors.Is(err, ErrExpired) || claims.Text("exp") != fmt.Sprint(start.Unix()-1) {
		t.Errorf("expired: %v, %v", claims, err)
	}
	forged := signed(t, jose.ES256, stranger, "k1", i.claims(map[string]any{"exp": start.Add(-time.Second).Unix()}))
	if claims, err := p.Verify(t.Context(), forged, want); errors.Is(err, ErrExpired) || claims != nil {
		t.Errorf("an expired forgery is told from a forgery: %v", err)
	}
}

func TestWeakKeysAreNotUsed(t *testing.T) {
	small := rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 1023), E: 65537}
	if usable(&jose.JSONWebKey{Key: &small}) {
		t.Error("1024 bits were taken")
	}
	_, key := newKey(t, "k")
	if usable(&jose.JSONWebKey{Key: key}) {
		t.Error("a private key was taken")
	}
}

func TestKeysRotate(t *testing.T) {
	i := newIssuer(t)
	pub1, key1 := newKey(t, "k1")
	pub2, key2 := newKey(t, "k2")
	i.keys = []jose.JSONWebKey{pub1}
	c := &clock{start}
	p := NewRegistry(i.Client(), c.now).At(Endpoints{Issuer: i.URL})
	verify := func(key *ecdsa.PrivateKey, kid string) error {
		_, err := p.Verify(t.Context(), signed(t, jose.ES256, key, kid, i.claims(map[string]any{"exp": start.Add(100 * time.Hour).Unix()})), Expect{Audiences: []string{"app"}})
		return err
	}
	step := func(what string, err, want error, asked int32) {
		t.Helper()
		if !errors.Is(err, want) || i.asked.Load() != asked {
			t.Errorf("%s: %v; asked %d times, want %d", what, err, i.asked.Load(), asked)
		}
	}
	step("first", verify(key1, "k1"), nil, 1)
	step("again", verify(key1, "k1"), nil, 1)
	step("unknown key within the respite", verify(key2, "k2"), ErrToken, 1)
	i.keys = []jose.JSONWebKey{pub2}
	c.t = c.t.Add(respite)
	step("rotated", verify(key2, "k2"), nil, 2)
	step("withdrawn", verify(key1, "k1"), ErrToken, 2)
	i.down = true
	c.t = c.t.Add(fresh)
	step("old, and the provider is down", verify(key2, "k2"), nil, 3)
	step("unknown key, and the provider is down", verify(key1, "k1"), ErrProvider, 3)
	c.t = c.t.Add(stale)
	step("too old", verify(key2, "k2"), ErrProvider, 4)
	step("not asked again at once", verify(key2, "k2"), ErrProvider, 4)
	if err := verify(key2, "k2"); strings.Contains(err.Error(), "secret of another service") {
		t.Error("the answer is repeated:", err)
	}
	i.down = false
	c.t = c.t.Add(respite)
	step("up again", verify(key2, "k2"), nil, 5)
}

func TestDiscovery(t *testing.T) {
	i := newIssuer(t)
	at := func(e Endpoints) (Endpoints, error) {
		return NewRegistry(i.Client(), nil).At(e).Endpoints(t.Context())
	}
	e, err := at(Endpoints{Issuer: i.URL, UserInfo: "https://given.example/me"})
	if err != nil || e.Token != i.URL+"/token" || e.UserInfo != "https://given.example/me" {
		t.Errorf("%+v, %v", e, err)
	}
	given := Endpoints{Issuer: "https://nowhere.invalid", Authorize: "https://a.example/a", Token: "https://a.example/t", Keys: "https://a.example/k"}
	if e, err := at(given); err != nil || e != given {
		t.Errorf("given endpoints: %+v, %v", e, err)
	}
	for name, more := range map[string]map[string]any{
		"of another issuer": {"issuer": "https://evil.example"},
		"plain http":        {"token_endpoint": "http://provider.example/token"},
		"no keys":           {"jwks_uri": ""},
		"endless":           {"padding": strings.Repeat("a", maxAnswer)},
	} {
		i.more = more
		if _, err := at(Endpoints{Issuer: i.URL}); !errors.Is(err, ErrProvider) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, text := range []string{"http://provider.example", "ftp://provider.example", "https://", "https://u:p@provider.example", "https://provider.example/#f", "http://127.0.0.1.example", ":"} {
		if CheckURL(text) == nil {
			t.Errorf("%s was taken", text)
		}
	}
	for _, text := range []string{"https://provider.example/x?y", "http://localhost:9000", "http://127.0.0.1:1", "http://[::1]/"} {
		if err := CheckURL(text); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestCode(t *testing.T) {
	i := newIssuer(t)
	p := NewRegistry(i.Client(), nil).At(Endpoints{Issuer: i.URL})
	app := Application{ID: "app", Secret: "s&cret", Redirect: "https://pool.example/oauth2/idpresponse", Scopes: []string{"openid", "email"}}
	verifier := NewVerifier()
	where, err := p.AuthURL(t.Context(), app, Departure{"st", "n1", verifier, url.Values{"response_mode": {"form_post"}}})
	if err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse(where)
	sum := sha256.Sum256([]byte(verifier))
	for name, want := range map[string]string{"client_id": "app", "state": "st", "nonce": "n1", "scope": "openid email", "response_type": "code", "redirect_uri": app.Redirect,
		"code_challenge": base64.RawURLEncoding.EncodeToString(sum[:]), "code_challenge_method": "S256", "response_mode": "form_post"} {
		if got := u.Query().Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	i.token = func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.PostFormValue("code") != "c1" || r.PostFormValue("code_verifier") != verifier || r.PostFormValue("client_secret") != "s&cret" || r.PostFormValue("redirect_uri") != app.Redirect {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte(`{"error":"invalid_grant","error_description":"no such code"}`))
			return
		}
		_, _ = w.Write([]byte(`{"access_token":"at","token_type":"Bearer","id_token":"idt"}`))
	}
	if got, err := p.Exchange(t.Context(), app, "c1", verifier); err != nil || got != (Tokens{"at", "idt"}) {
		t.Errorf("%v, %v", got, err)
	}
	_, err = p.Exchange(t.Context(), app, "c2", verifier)
	if !errors.Is(err, ErrProvider) || !strings.Contains(err.Error(), "invalid_grant") || strings.Contains(err.Error(), "s&cret") {
		t.Errorf("refused code: %v", err)
	}
	i.token = func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://evil.example/", http.StatusTemporaryRedirect)
	}
	if _, err := p.Exchange(t.Context(), app, "c1", verifier); !errors.Is(err, ErrProvider) {
		t.Errorf("a code was sent on: %v", err)
	}
}

func TestSecretInTheHeader(t *testing.T) {
	i := newIssuer(t)
	i.more = map[string]any{"token_endpoint_auth_methods_supported": []string{"client_secret_basic"}}
	i.token = func(w http.ResponseWriter, r *http.Request) {
		if id, secret, _ := r.BasicAuth(); id != "app" || secret != "s" || r.PostFormValue("client_secret") != "" {
			http.Error(w, "no", http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"access_token":"at","token_type":"Bearer"}`))
	}
	p := NewRegistry(i.Client(), nil).At(Endpoints{Issuer: i.URL})
	if got, err := p.Exchange(t.Context(), Application{ID: "app", Secret: "s"}, "c", ""); err != nil || got != (Tokens{"at", ""}) {
		t.Errorf("%v, %v", got, err)
	}
}

func TestUserInfo(t *testing.T) {
	i := newIssuer(t)
	i.userInfo = func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer at" {
			http.Error(w, "no", http.StatusUnauthorized)
			return
		}
		_, _ = fmt.Fprintf(w, `{"sub":"s1","name":"Ann","email":"other@example.com","by":%q}`, r.Method)
	}
	p := NewRegistry(i.Client(), nil).At(Endpoints{Issuer: i.URL})
	info, err := p.UserInfo(t.Context(), "POST", i.URL+"/me", "at")
	if err != nil || info.Text("by") != "POST" {
		t.Fatal(info, err)
	}
	c := Claims{"sub": "s1", "email": "ann@example.com"}
	if err := c.Merge(info); err != nil || c.Text("name") != "Ann" || c.Text("email") != "ann@example.com" {
		t.Errorf("%v, %v", c, err)
	}
	if err := (Claims{"sub": "s2"}).Merge(info); !errors.Is(err, ErrToken) {
		t.Errorf("another user's: %v", err)
	}
	if _, err := p.UserInfo(t.Context(), "GET", i.URL+"/me", "bt"); !errors.Is(err, ErrProvider) {
		t.Errorf("refused: %v", err)
	}
}

func TestApple(t *testing.T) {
	_, key := newKey(t, "")
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), base64.StdEncoding.EncodeToString(der)} {
		parsed, err := ParseAppleKey(text)
		if err != nil {
			t.Fatal(err)
		}
		secret, err := Apple{"TEAM", "KEY", parsed}.Secret("com.example.app", start)
		if err != nil {
			t.Fatal(err)
		}
		token, err := jwt.ParseSigned(secret, []jose.SignatureAlgorithm{jose.ES256})
		var c jwt.Claims
		if err != nil || token.Claims(&key.PublicKey, &c) != nil || c.Issuer != "TEAM" || c.Subject != "com.example.app" || token.Headers[0].KeyID != "KEY" {
			t.Errorf("%v, %+v", err, c)
		}
	}
	if _, err := ParseAppleKey("not a key"); err == nil {
		t.Error("taken")
	}
}

func TestRegistryRemembers(t *testing.T) {
	r := NewRegistry(http.DefaultClient, nil)
	a := r.At(Endpoints{Issuer: "a"})
	if r.At(Endpoints{Issuer: "a"}) != a || r.At(Endpoints{Issuer: "a", Keys: "b"}) == a {
		t.Error("one provider per endpoints")
	}
	for n := range maxKnown {
		r.At(Endpoints{Issuer: fmt.Sprint(n)})
	}
	if len(r.known) > maxKnown {
		t.Error("more than", maxKnown)
	}
}

// TestImpatientCaller leaves, and the next one is answered.
func TestImpatientCaller(t *testing.T) {
	i := newIssuer(t)
	p := NewRegistry(i.Client(), nil).At(Endpoints{Issuer: i.URL})
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_, _ = p.Endpoints(gone)
	if _, err := p.Endpoints(t.Context()); err != nil {
		t.Error(err)
	}
}

func FuzzVerify(f *testing.F) {
	pub, key := newKey(f, "k1")
	i := &issuer{}
	i.keys = []jose.JSONWebKey{pub}
	i.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: i.keys})
	}))
	f.Cleanup(i.Close)
	p := NewRegistry(i.Client(), (&clock{start}).now).At(Endpoints{i.URL, i.URL, i.URL, "", i.URL})
	good := signed(f, jose.ES256, key, "k1", i.claims(nil))
	f.Add(good)
	f.Add(strings.Split(good, ".")[0] + "..")
	f.Add(`{"payload":"","signatures":[]}`)
	f.Fuzz(func(t *testing.T, token string) {
		claims, err := p.Verify(t.Context(), token, Expect{Audiences: []string{"app"}})
		if (err == nil) != (claims != nil) && !errors.Is(err, ErrExpired) || err == nil && claims.Text("sub") != "12345678901234567890" {
			t.Errorf("%q: %v, %v", token, claims, err)
		}
	})
}

// reached answers every request, and notes it.
type reached []string

func (r *reached) RoundTrip(q *http.Request) (*http.Response, error) {
	*r = append(*r, q.URL.String())
	w := httptest.NewRecorder()
	if q.URL.Path == "/there" {
		w.Header().Set("Location", "http://provider.example/elsewhere")
		w.WriteHeader(http.StatusFound)
	}
	answer := w.Result()
	answer.Request = q
	return answer, nil
}

func TestOnlyReachedSafely(t *testing.T) {
	r := &reached{}
	registry := NewRegistry(&http.Client{Transport: r}, nil)
	if _, err := registry.Document(t.Context(), "https://provider.example/here"); err != nil {
		t.Error(err)
	}
	for _, at := range []string{"http://provider.example/", "file:///etc/passwd", "https://provider.example/there"} {
		if _, err := registry.Document(t.Context(), at); !errors.Is(err, ErrProvider) {
			t.Errorf("%s: %v", at, err)
		}
	}
	if got := strings.Join(*r, " "); got != "https://provider.example/here https://provider.example/there" {
		t.Error("reached", got)
	}
}

// TestOldValueServes while one caller asks a provider that hangs.
func TestOldValueServes(t *testing.T) {
	c := &clock{start}
	asked, answer := make(chan bool), make(chan int, 1)
	h := held[int]{now: c.now, fetch: func(context.Context) (int, error) { asked <- true; return <-answer, nil }}
	any := func(int) bool { return true }
	go func() { <-asked }()
	answer <- 1
	if v, err := h.get(t.Context(), any); v != 1 || err != nil {
		t.Fatal(v, err)
	}
	c.t = c.t.Add(fresh)
	done := make(chan int)
	go func() {
		v, _ := h.get(t.Context(), any)
		done <- v
	}()
	<-asked
	if v, err := h.get(t.Context(), any); v != 1 || err != nil {
		t.Error(v, err)
	}
	answer <- 2
	if v := <-done; v != 2 {
		t.Error(v)
	}
}
