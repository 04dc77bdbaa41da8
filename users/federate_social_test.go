package users

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// social is the other side of the providers that are nobody's but their owners': what they are known to answer.
type social struct {
	*httptest.Server
	key    *ecdsa.PrivateKey
	claims map[string]any                         // of the id token; nil: there is none
	me     string                                 // what attributes_url answers
	asked  *url.URL                               // at attributes_url
	token  func(form url.Values) (refusal string) // checks what the code comes with
}

func newSocial(t *testing.T) *social {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s := &social{key: key, token: func(url.Values) string { return "" }}
	mux := http.NewServeMux()
	mux.HandleFunc("/keys", func(w http.ResponseWriter, r *http.Request) {
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &key.PublicKey, KeyID: "k"}}})
	})
	mux.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		w.Header().Set("Content-Type", "application/json")
		if refusal := s.token(r.PostForm); refusal != "" || r.PostForm.Get("code") != "the code" {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprintf(w, `{"error":"invalid_grant","error_description":%q}`, refusal)
			return
		}
		answer := map[string]any{"access_token": "at", "token_type": "bearer"}
		if s.claims != nil {
			answer["id_token"] = s.sign(t)
		}
		_ = json.NewEncoder(w).Encode(answer)
	})
	mux.HandleFunc("/me", func(w http.ResponseWriter, r *http.Request) {
		s.asked = r.URL
		if r.Header.Get("Authorization") != "Bearer at" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fmt.Fprint(w, s.me)
	})
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func (s *social) sign(t *testing.T) string {
	by, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: s.key, KeyID: "k"}}, nil)
	if err != nil {
		t.Error(err)
		return ""
	}
	text, err := jwt.Signed(by).Claims(s.claims).Serialize()
	if err != nil {
		t.Error(err)
	}
	return text
}

// details are those of a type, at the test's server.
func (s *social) details(more ...string) map[string]string {
	return changed(map[string]string{"client_id": "app", "authorize_url": s.URL + "/authorize", "token_url": s.URL + "/token", "jwks_uri": s.URL + "/keys"}, more...)
}

// query is what the browser is sent with.
func (g *gate) query(t *testing.T) (memory []byte, query url.Values) {
	t.Helper()
	to, memory := g.depart(t)
	u, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	return memory, u.Query()
}

var theCode = url.Values{"code": {"the code"}, "state": {"the state"}}

func TestFacebook(t *testing.T) {
	w, s := newWorld(t), newSocial(t)
	p := w.pool()
	details := s.details("client_secret", "fs", "authorize_scopes", "public_profile, email", "attributes_url", s.URL+"/me?fields=")
	delete(details, "jwks_uri")
	w.provider(p, "Facebook", kindFacebook, details, map[string]string{"email": "email", "name": "name", "picture": "picture"})
	g := w.gate(p, w.client(p, offering("Facebook")), "Facebook")
	memory, query := g.query(t)
	if query.Get("scope") != "public_profile email" || query.Has("nonce") {
		t.Errorf("%v", query)
	}
	s.me = `{"id":"10207301234567890","name":"Ann","email":"ann@example.com","picture":{"data":{"url":"https://pic"}}}`
	s.token = func(form url.Values) string {
		if form.Get("client_secret") != "fs" || form.Get("redirect_uri") != oidcBack {
			return "secret"
		}
		return ""
	}
	u, err := g.arrive(memory, theCode)
	if err != nil || u.Name != "Facebook_10207301234567890" || u.Attributes["email"] != "ann@example.com" || u.Attributes["picture"] != `{"data":{"url":"https://pic"}}` {
		t.Fatalf("%+v, %v", u, err)
	}
	if s.asked.Query().Get("fields") != "email,id,name,picture" {
		t.Errorf("asked for %s", s.asked)
	}
	s.me = `{"error":{"message":"no"}}`
	memory, _ = g.query(t)
	_, err = g.arrive(memory, theCode)
	wantFault(t, err, "NotAuthorizedException", "did not confirm the sign-in")
}

func TestLoginWithAmazon(t *testing.T) {
	w, s := newWorld(t), newSocial(t)
	p := w.pool()
	w.provider(p, "LoginWithAmazon", kindAmazon, s.details("client_secret", "as", "authorize_scopes", "profile postal_code", "attributes_url", s.URL+"/me"), map[string]string{"email": "email"})
	g := w.gate(p, w.client(p, offering("LoginWithAmazon")), "LoginWithAmazon")
	memory, query := g.query(t)
	if query.Get("scope") != "profile postal_code" || query.Get("code_challenge_method") != "S256" {
		t.Errorf("%v", query)
	}
	s.me = `{"user_id":"amzn1.account.K2","email":"ann@example.com"}`
	u, err := g.arrive(memory, theCode)
	if err != nil || u.Name != "LoginWithAmazon_amzn1.account.K2" || u.Identities[0].Kind != "LoginWithAmazon" {
		t.Fatalf("%+v, %v", u, err)
	}
}

func TestSignInWithApple(t *testing.T) {
	w, s := newWorld(t), newSocial(t)
	der, err := x509.MarshalPKCS8PrivateKey(s.key)
	if err != nil {
		t.Fatal(err)
	}
	key := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	p := w.pool()
	w.provider(p, "SignInWithApple", kindApple, s.details("team_id", "TEAM", "key_id", "KEY", "private_key", key, "authorize_scopes", "email name"),
		map[string]string{"email": "email", "email_verified": "email_verified", "given_name": "firstName", "family_name": "lastName", "name": "name"})
	g := w.gate(p, w.client(p, offering("SignInWithApple")), "SignInWithApple")
	if shown, err := w.s.shownProvider(account, g.idp); err != nil || shown.ProviderDetails["private_key"] != "" {
		t.Errorf("%v, %v", shown, err)
	}
	s.token = func(form url.Values) string {
		token, err := jwt.ParseSigned(form.Get("client_secret"), []jose.SignatureAlgorithm{jose.ES256})
		var c jwt.Claims
		if err != nil || token.Claims(&s.key.PublicKey, &c) != nil || c.Issuer != "TEAM" || c.Subject != "app" || token.Headers[0].KeyID != "KEY" {
			return "client secret"
		}
		return ""
	}
	memory, query := g.query(t)
	if query.Get("response_mode") != "form_post" || query.Get("nonce") == "" {
		t.Errorf("%v", query)
	}
	s.claims = map[string]any{"iss": "https://appleid.apple.com", "aud": "app", "sub": "001234.ab", "nonce": query.Get("nonce"), "iat": w.now().Unix(), "exp": w.now().Unix() + 600,
		"email": "ann@privaterelay.appleid.com", "email_verified": "true"}
	form := url.Values{"code": {"the code"}, "state": {"the state"}, "user": {`{"name":{"firstName":"Ann","lastName":"Lee"},"email":"victim@example.com","sub":"other"}`}}
	u, err := g.arrive(memory, form)
	if err != nil || u.Name != "SignInWithApple_001234.ab" || u.Attributes["email"] != "ann@privaterelay.appleid.com" || u.Attributes["email_verified"] != "true" || u.Attributes["name"] != "Ann Lee" || u.Attributes["given_name"] != "Ann" {
		t.Fatalf("%+v, %v", u, err)
	}
	for name, change := range map[string]func(){
		"another's nonce": func() { s.claims["nonce"] = "n" },
		"other audience":  func() { s.claims["aud"] = "them" },
		"other issuer":    func() { s.claims["iss"] = s.URL },
		"no id token":     func() { s.claims = nil },
	} {
		memory, query := g.query(t)
		s.claims = map[string]any{"iss": "https://appleid.apple.com", "aud": "app", "sub": "001234.ab", "nonce": query.Get("nonce"), "iat": w.now().Unix(), "exp": w.now().Unix() + 600}
		change()
		if _, err := g.arrive(memory, theCode); err == nil || !strings.Contains(err.Error(), "did not confirm the sign-in") {
			t.Errorf("%s: %v", name, err)
		}
	}
	// An update that leaves out what was never shown keeps it.
	shown, err := w.s.shownProvider(account, g.idp)
	if err != nil {
		t.Fatal(err)
	}
	w.updateProvider(p, "SignInWithApple", shown.ProviderDetails)
	if got := w.gate(p, g.cl.ID, "SignInWithApple"); got.idp.Secret == nil {
		t.Error("the private key is gone")
	}
}
