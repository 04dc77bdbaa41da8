package access

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"bothy/api/iam"
	"bothy/api/sts"
)

// idp is an OpenID Connect provider of a test.
type idp struct {
	*httptest.Server
	url   string
	key   *ecdsa.PrivateKey
	roots *x509.CertPool
	print string // SHA-1 of its authority's certificate
}

// newIDP serves a provider on localhost, vouched for by an authority of its own.
func newIDP(t testing.TB, now time.Time) *idp {
	t.Helper()
	ca, caPEM := certify(t, nil, "authority", now.AddDate(1, 0, 0))
	leaf, leafPEM := certify(t, ca, "localhost", now.AddDate(1, 0, 0))
	i := &idp{key: must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)), roots: x509.NewCertPool()}
	i.roots.AddCert(ca.cert)
	sum := sha1.Sum(ca.cert.Raw)
	i.print = hex.EncodeToString(sum[:])
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, r *http.Request) {
		json.NewEncoder(w).Encode(map[string]any{"issuer": i.url, "authorization_endpoint": i.url + "/a", "token_endpoint": i.url + "/t", "jwks_uri": i.url + "/keys"}) //nolint:errcheck // the client went away
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, r *http.Request) {
		json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &i.key.PublicKey, KeyID: "k", Use: "sig"}}}) //nolint:errcheck // the client went away
	})
	i.Server = httptest.NewUnstartedServer(mux)
	i.Config.ErrorLog = log.New(io.Discard, "", 0)
	i.TLS = &tls.Config{Certificates: []tls.Certificate{must(tls.X509KeyPair([]byte(leafPEM+caPEM), []byte(leaf.pem())))}}
	i.StartTLS()
	t.Cleanup(i.Close)
	i.url = strings.Replace(i.URL, "127.0.0.1", "localhost", 1)
	return i
}

func signJWT(t testing.TB, alg jose.SignatureAlgorithm, key any, claims map[string]any) string {
	t.Helper()
	by := must(jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: jose.JSONWebKey{Key: key, KeyID: "k"}}, nil))
	return must(jwt.Signed(by).Claims(claims).Serialize())
}

// claims are those of a good token; change replaces some, nil removes one.
func (i *idp) claims(now time.Time, change map[string]any) map[string]any {
	m := map[string]any{"iss": i.url, "sub": "subject-1", "aud": "app", "iat": now.Unix(), "exp": now.Add(time.Hour).Unix()}
	maps.Copy(m, change)
	maps.DeleteFunc(m, func(_ string, v any) bool { return v == nil })
	return m
}

func (s *stage) provider(i *idp, thumbprints ...string) string {
	s.Helper()
	return as(s, s.root, iam.CreateOpenIDConnectProvider, &iam.CreateOpenIDConnectProviderInput{Url: some(i.url), ClientIDList: []string{"app", "other"},
		ThumbprintList: thumbprints}).OpenIDConnectProviderArn.V
}

func trustOIDC(arn, host, more string) string {
	return `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Federated":"` + arn + `"},"Action":["sts:AssumeRoleWithWebIdentity","sts:TagSession","sts:SetSourceIdentity"],` +
		`"Condition":{"StringEquals":{"` + host + `:aud":"app","` + host + `:sub":"subject-1"` + more + `}}}}`
}

func TestOIDCProviders(t *testing.T) {
	s := newStage(t)
	create := func(url string, thumbprints ...string) *iam.CreateOpenIDConnectProviderInput {
		return &iam.CreateOpenIDConnectProviderInput{Url: some(url), ClientIDList: []string{"app"}, ThumbprintList: thumbprints, Tags: []iam.Tag{{Key: some("k"), Value: some("v")}}}
	}
	print := strings.Repeat("Ab", 20)
	for _, url := range []string{"http://login.example.com", "ftp://login.example.com", "https://user@login.example.com", "https://login.example.com/?a=b", "nonsense"} {
		fails(s, s.root, iam.CreateOpenIDConnectProvider, create(url), "InvalidInput", "Invalid Open ID Connect Provider URL")
	}
	fails(s, s.root, iam.CreateOpenIDConnectProvider, create("https://login.example.com", strings.Repeat("x", 40)), "InvalidInput", "Thumbprint")
	arn := as(s, s.root, iam.CreateOpenIDConnectProvider, create("https://login.example.com/tenant", print)).OpenIDConnectProviderArn
	if arn.V != "arn:aws:iam::"+s.account+":oidc-provider/login.example.com/tenant" {
		t.Errorf("ARN %s", arn.V)
	}
	fails(s, s.root, iam.CreateOpenIDConnectProvider, create("https://login.example.com/tenant"), "EntityAlreadyExists", "already exists")
	as(s, s.root, iam.AddClientIDToOpenIDConnectProvider, &iam.AddClientIDToOpenIDConnectProviderInput{OpenIDConnectProviderArn: arn, ClientID: some("two")})
	as(s, s.root, iam.AddClientIDToOpenIDConnectProvider, &iam.AddClientIDToOpenIDConnectProviderInput{OpenIDConnectProviderArn: arn, ClientID: some("two")})
	as(s, s.root, iam.RemoveClientIDFromOpenIDConnectProvider, &iam.RemoveClientIDFromOpenIDConnectProviderInput{OpenIDConnectProviderArn: arn, ClientID: some("app")})
	as(s, s.root, iam.TagOpenIDConnectProvider, &iam.TagOpenIDConnectProviderInput{OpenIDConnectProviderArn: arn, Tags: []iam.Tag{{Key: some("a"), Value: some("b")}}})
	as(s, s.root, iam.UntagOpenIDConnectProvider, &iam.UntagOpenIDConnectProviderInput{OpenIDConnectProviderArn: arn, TagKeys: []string{"k"}})
	if l := as(s, s.root, iam.ListOpenIDConnectProviderTags, &iam.ListOpenIDConnectProviderTagsInput{OpenIDConnectProviderArn: arn}).Tags; len(l) != 1 || l[0].Key.V != "a" {
		t.Errorf("tags %+v", l)
	}
	got := as(s, s.root, iam.GetOpenIDConnectProvider, &iam.GetOpenIDConnectProviderInput{OpenIDConnectProviderArn: arn})
	if got.Url.V != "login.example.com/tenant" || len(got.ClientIDList) != 1 || got.ClientIDList[0] != "two" || got.ThumbprintList[0] != strings.ToLower(print) {
		t.Errorf("provider %+v", got)
	}
	as(s, s.root, iam.UpdateOpenIDConnectProviderThumbprint, &iam.UpdateOpenIDConnectProviderThumbprintInput{OpenIDConnectProviderArn: arn, ThumbprintList: []string{strings.Repeat("0", 40)}})
	if p := must(s.OIDCProvider(t.Context(), arn.V)); p.URL != "https://login.example.com/tenant" || p.ClientIDs[0] != "two" {
		t.Errorf("provider %+v", p)
	}
	if l := as(s, s.root, iam.ListOpenIDConnectProviders, &iam.ListOpenIDConnectProvidersInput{}).OpenIDConnectProviderList; len(l) != 1 || l[0].Arn != arn {
		t.Errorf("list %+v", l)
	}
	as(s, s.root, iam.DeleteOpenIDConnectProvider, &iam.DeleteOpenIDConnectProviderInput{OpenIDConnectProviderArn: arn})
	fails(s, s.root, iam.GetOpenIDConnectProvider, &iam.GetOpenIDConnectProviderInput{OpenIDConnectProviderArn: arn}, "NoSuchEntity", "not found")
	if p := must(s.OIDCProvider(t.Context(), arn.V)); p != nil {
		t.Errorf("provider %+v", p)
	}
}

func TestWebIdentityOfProviders(t *testing.T) {
	s := newStage(t)
	s.now = time.Now()
	i := newIDP(t, s.now)
	arn := s.provider(i, i.print)
	host := withoutScheme(i.url)
	role := s.role("web", trustOIDC(arn, host, ""), allowS3)
	in := func(token string) *sts.AssumeRoleWithWebIdentityInput {
		return &sts.AssumeRoleWithWebIdentityInput{RoleArn: role.Arn, RoleSessionName: some("web"), WebIdentityToken: some(token)}
	}
	good := func(change map[string]any) string { return signJWT(t, jose.ES256, i.key, i.claims(s.now, change)) }
	out := as(s, nil, sts.AssumeRoleWithWebIdentity, in(good(map[string]any{
		tagsClaim:   map[string]any{"principal_tags": map[string]any{"Team": []string{"red"}, "Cost": "7"}, "transitive_tag_keys": []string{"Team"}},
		sourceClaim: "ann@example.com",
	})))
	p := s.find(out.Credentials.AccessKeyId.V, out.Credentials.SessionToken.V).Principal
	if out.Provider.V != host || out.Audience.V != "app" || out.SubjectFromWebIdentityToken.V != "subject-1" || out.SourceIdentity.V != "ann@example.com" {
		t.Errorf("answer %+v", out)
	}
	if p.Identity != nil || p.Keys[host+":sub"][0] != "subject-1" || p.Keys["aws:principaltag/team"][0] != "red" || p.Transitive[0] != "Team" || p.Keys["aws:sourceidentity"][0] != "ann@example.com" {
		t.Errorf("principal %+v", p)
	}

	stranger := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	public, _ := x509.MarshalPKIXPublicKey(&i.key.PublicKey)
	publicPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})
	part := func(v any) string { b, _ := json.Marshal(v); return base64.RawURLEncoding.EncodeToString(b) }
	unsigned := part(map[string]string{"alg": "none", "typ": "JWT"}) + "." + part(i.claims(s.now, nil)) + "."
	tampered := strings.Split(good(nil), ".")
	tampered[1] = part(i.claims(s.now, map[string]any{"sub": "admin"}))
	for name, token := range map[string]string{
		"signed by a stranger":    signJWT(t, jose.ES256, stranger, i.claims(s.now, nil)),
		"alg none":                unsigned,
		"HS256 with the public":   signJWT(t, jose.HS256, publicPEM, i.claims(s.now, nil)),
		"tampered":                strings.Join(tampered, "."),
		"wrong audience":          good(map[string]any{"aud": "stranger"}),
		"no audience":             good(map[string]any{"aud": nil}),
		"another issuer":          good(map[string]any{"iss": i.url + "/other"}),
		"issuer without TLS":      good(map[string]any{"iss": strings.Replace(i.url, "https", "http", 1)}),
		"a pool's issuer":         good(map[string]any{"iss": "https://" + cognito}),
		"no subject":              good(map[string]any{"sub": nil}),
		"issued in the future":    good(map[string]any{"iat": s.now.Add(time.Hour).Unix(), "exp": s.now.Add(2 * time.Hour).Unix()}),
		"two audiences, no party": good(map[string]any{"aud": []string{"app", "stranger"}}),
	} {
		_, err := s.webIdentity(in(token))
		s.refused(name, err, "InvalidIdentityToken", "")
	}
	fails(s, nil, sts.AssumeRoleWithWebIdentity, in(good(map[string]any{"exp": s.now.Add(-time.Hour).Unix(), "iat": s.now.Add(-2 * time.Hour).Unix()})), "ExpiredTokenException", "")
	fails(s, nil, sts.AssumeRoleWithWebIdentity, in(good(map[string]any{"sub": "subject-2"})), "AccessDenied", host+":sub")
	fails(s, nil, sts.AssumeRoleWithWebIdentity, in(good(map[string]any{"aud": "other"})), "AccessDenied", host+":aud")
	fails(s, nil, sts.AssumeRoleWithWebIdentity, in(good(map[string]any{tagsClaim: map[string]any{"principal_tags": map[string]any{"a": []string{"1", "2"}}}})), "IDPRejectedClaim", "2 values")
	fails(s, nil, sts.AssumeRoleWithWebIdentity, in(good(map[string]any{sourceClaim: "no spaces please"})), "IDPRejectedClaim", "source identity")

	as(s, s.root, iam.DeleteOpenIDConnectProvider, &iam.DeleteOpenIDConnectProviderInput{OpenIDConnectProviderArn: some(arn)})
	fails(s, nil, sts.AssumeRoleWithWebIdentity, in(good(nil)), "InvalidIdentityToken", "")
}

// TestThumbprints: a provider's server is trusted for the system's roots or a certificate named, and for no other reason.
func TestThumbprints(t *testing.T) {
	now := time.Now()
	i := newIDP(t, now)
	for name, c := range map[string]struct {
		roots *x509.CertPool
		print []string
		ok    bool
	}{
		"named":                  {x509.NewCertPool(), []string{i.print}, true},
		"roots vouch":            {i.roots, nil, true},
		"roots vouch, other one": {i.roots, []string{strings.Repeat("00", 20)}, true},
		"nobody vouches":         {x509.NewCertPool(), nil, false},
		"another named":          {x509.NewCertPool(), []string{strings.Repeat("00", 20)}, false},
	} {
		s := newStage(t)
		s.now, s.cfg.Roots = now, c.roots
		arn := s.provider(i, c.print...)
		role := s.role("web", trustOIDC(arn, withoutScheme(i.url), ""), allowS3)
		_, err := s.webIdentity(&sts.AssumeRoleWithWebIdentityInput{RoleArn: role.Arn, RoleSessionName: some("web"),
			WebIdentityToken: some(signJWT(t, jose.ES256, i.key, i.claims(now, nil)))})
		if c.ok && err != nil {
			t.Errorf("%s: %v", name, err)
		} else if !c.ok {
			s.refused(name, err, "IDPCommunicationError", "")
		}
	}
}
