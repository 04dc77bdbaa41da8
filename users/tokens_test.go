package users

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"bothy/api/cognitoidp"
	"bothy/wire"
)

func b64(v any) string {
	b, ok := v.([]byte)
	if !ok {
		b, _ = json.Marshal(v)
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

func TestTokenTricksAreRefused(t *testing.T) {
	w := newWorld(t)
	p, other := w.pool(), w.pool()
	cl, otherClient := w.client(p), w.client(other)
	w.member(cl, "alice")
	w.member(otherClient, "alice")
	tokens, foreign := w.signIn(p, cl, "alice"), w.signIn(other, otherClient, "alice")
	access := tokens.AccessToken.V
	parts := strings.Split(access, ".")
	payload := claimsOf(t, access)
	keys, err := w.s.signerOf(w.ctx, account, p)
	if err != nil {
		t.Fatal(err)
	}
	public := keys.public(w.now()).Keys[1]
	der, _ := x509.MarshalPKIXPublicKey(public.Key)
	hs := func(key []byte) string {
		head := b64(map[string]string{"alg": "HS256", "kid": public.KeyID})
		m := hmac.New(sha256.New, key)
		m.Write([]byte(head + "." + parts[1]))
		return head + "." + parts[1] + "." + b64(m.Sum(nil))
	}
	own, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	forge := func(alg jose.SignatureAlgorithm, kid string, options *jose.SignerOptions, claims map[string]any) string {
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: jose.JSONWebKey{Key: own, KeyID: kid}}, options)
		if err != nil {
			t.Fatal(err)
		}
		text, err := w.s.sign(signer, claims)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	changed := map[string]any{}
	for k, v := range payload {
		changed[k] = v
	}
	changed["sub"] = "somebody else"
	foreignIss := claimsOf(t, foreign.AccessToken.V)
	foreignIss["iss"] = AmazonIssuer(p)
	for name, token := range map[string]string{
		"empty":                      "",
		"garbage":                    "a.b.c",
		"one part":                   parts[0],
		"alg none":                   b64(map[string]string{"alg": "none", "kid": public.KeyID}) + "." + parts[1] + ".",
		"alg None, with signature":   b64(map[string]string{"alg": "None", "kid": public.KeyID}) + "." + parts[1] + "." + parts[2],
		"HS256 with the public DER":  hs(der),
		"HS256 with the public PEM":  hs(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})),
		"no signature":               parts[0] + "." + parts[1] + ".",
		"changed payload":            parts[0] + "." + b64(changed) + "." + parts[2],
		"own key, our kid":           forge(jose.RS256, public.KeyID, nil, payload),
		"own key in the header":      forge(jose.RS256, public.KeyID, &jose.SignerOptions{EmbedJWK: true}, payload),
		"own kid":                    forge(jose.RS256, "mine", nil, payload),
		"RS512":                      forge(jose.RS512, public.KeyID, nil, payload),
		"PS256":                      forge(jose.PS256, public.KeyID, nil, payload),
		"id token":                   tokens.IdToken.V,
		"refresh token":              tokens.RefreshToken.V,
		"JSON serialisation":         `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`,
		"issuer that is no pool":     forge(jose.RS256, public.KeyID, nil, map[string]any{"iss": "https://evil.example.com/" + p, "token_use": "access"}),
		"other pool's, ours as iss":  forge(jose.RS256, public.KeyID, nil, foreignIss),
		"our kid, pool that is gone": forge(jose.RS256, public.KeyID, nil, map[string]any{"iss": AmazonIssuer("us-east-1_gone"), "token_use": "access"}),
		"long":                       strings.Repeat("A", mostTokenBytes+1),
	} {
		t.Run(name, func(t *testing.T) {
			refused(w, w.s.getUser, &cognitoidp.GetUserInput{AccessToken: str(token)}, "NotAuthorizedException", "Invalid Access Token")
			if _, _, err := w.s.VerifyIDToken(w.ctx, p, token); name != "id token" && !errors.Is(err, ErrTokenInvalid) {
				t.Errorf("VerifyIDToken says %v", err)
			}
		})
	}
	w.wait(time.Hour)
	refused(w, w.s.getUser, &cognitoidp.GetUserInput{AccessToken: str(access)}, "NotAuthorizedException", "Access Token has expired")
}

func TestVerifyIDToken(t *testing.T) {
	w := newWorld(t)
	p, other := w.pool(), w.pool()
	cl := w.client(p)
	w.member(cl, "alice")
	tokens := w.signIn(p, cl, "alice")
	id := tokens.IdToken.V
	for _, provider := range []string{p, "cognito-idp.us-east-1.amazonaws.com/" + p} {
		claims, client, err := w.s.VerifyIDToken(w.ctx, provider, id)
		if err != nil || client != cl || claims["cognito:username"] != "alice" {
			t.Fatalf("%v %v %v", claims, client, err)
		}
		if live, err := w.s.SessionLive(w.ctx, claims); err != nil || !live {
			t.Fatalf("%v %v", live, err)
		}
	}
	for _, provider := range []string{other, "cognito-idp.eu-west-1.amazonaws.com/" + p, "evil.example.com/" + p, "", "/" + p, "cognito-idp.us-east-1.amazonaws.com/" + other} {
		if _, _, err := w.s.VerifyIDToken(w.ctx, provider, id); !errors.Is(err, ErrTokenInvalid) || errors.Is(err, ErrTokenExpired) {
			t.Errorf("%q: %v", provider, err)
		}
	}
	claims, _, _ := w.s.VerifyIDToken(w.ctx, p, id)
	must(w, w.s.globalSignOut, &cognitoidp.GlobalSignOutInput{AccessToken: tokens.AccessToken})
	if live, err := w.s.SessionLive(w.ctx, claims); err != nil || live {
		t.Fatalf("%v %v", live, err)
	}
	w.wait(time.Hour)
	if _, _, err := w.s.VerifyIDToken(w.ctx, p, id); !errors.Is(err, ErrTokenExpired) {
		t.Errorf("%v", err)
	}
}

func refreshWith(clientID, token string) *cognitoidp.InitiateAuthInput {
	return &cognitoidp.InitiateAuthInput{ClientId: str(clientID), AuthFlow: str("REFRESH_TOKEN_AUTH"), AuthParameters: map[string]string{"REFRESH_TOKEN": token, "DEVICE_KEY": ""}}
}

func TestRefresh(t *testing.T) {
	w := newWorld(t)
	p := w.pool()
	cl, other := w.client(p), w.client(p)
	w.member(cl, "alice")
	tokens := w.signIn(p, cl, "alice")
	w.wait(2 * time.Hour)
	renewed := must(w, w.s.initiateAuth, refreshWith(cl, tokens.RefreshToken.V)).AuthenticationResult
	before, after := claimsOf(t, tokens.IdToken.V), claimsOf(t, renewed.IdToken.V)
	if renewed.RefreshToken.Set || before["origin_jti"] != after["origin_jti"] || before["auth_time"] != after["auth_time"] || before["jti"] == after["jti"] {
		t.Fatalf("%v\n%v", before, after)
	}
	must(w, w.s.getUser, &cognitoidp.GetUserInput{AccessToken: renewed.AccessToken})
	if got := must(w, w.s.getTokensFromRefreshToken, &cognitoidp.GetTokensFromRefreshTokenInput{ClientId: str(cl), RefreshToken: tokens.RefreshToken}); got.AuthenticationResult.RefreshToken.Set {
		t.Fatal("a refresh token without rotation")
	}
	refused(w, w.s.initiateAuth, refreshWith(other, tokens.RefreshToken.V), "NotAuthorizedException", "Invalid Refresh Token")
	refused(w, w.s.initiateAuth, refreshWith(cl, tokens.AccessToken.V), "NotAuthorizedException", "Invalid Refresh Token")
	refused(w, w.s.initiateAuth, refreshWith(cl, tokens.RefreshToken.V[:40]), "NotAuthorizedException", "Invalid Refresh Token")
	must(w, w.s.adminDisableUser, &cognitoidp.AdminDisableUserInput{UserPoolId: str(p), Username: str("alice")})
	if _, err := w.s.initiateAuth(w.call(), refreshWith(cl, tokens.RefreshToken.V)); err == nil {
		t.Fatal("refreshed for a disabled user")
	}
	must(w, w.s.adminEnableUser, &cognitoidp.AdminEnableUserInput{UserPoolId: str(p), Username: str("alice")})
	tokens = w.signIn(p, cl, "alice")
	w.wait(31 * 24 * time.Hour)
	refused(w, w.s.initiateAuth, refreshWith(cl, tokens.RefreshToken.V), "NotAuthorizedException", "Refresh Token has expired")
	tokens = w.signIn(p, cl, "alice")
	must(w, w.s.adminDeleteUser, &cognitoidp.AdminDeleteUserInput{UserPoolId: str(p), Username: str("alice")})
	refused(w, w.s.initiateAuth, refreshWith(cl, tokens.RefreshToken.V), "UserNotFoundException", "User does not exist.")
	refused(w, w.s.getUser, &cognitoidp.GetUserInput{AccessToken: tokens.AccessToken}, "UserNotFoundException", "User does not exist.")
}

func TestRevocation(t *testing.T) {
	w := newWorld(t)
	p := w.pool()
	cl, other := w.client(p), w.client(p)
	w.member(cl, "alice")
	one, two := w.signIn(p, cl, "alice"), w.signIn(p, cl, "alice")
	get := func(r *cognitoidp.AuthenticationResultType) *cognitoidp.GetUserInput {
		return &cognitoidp.GetUserInput{AccessToken: r.AccessToken}
	}
	refused(w, w.s.revokeToken, &cognitoidp.RevokeTokenInput{ClientId: str(other), Token: one.RefreshToken}, "UnauthorizedException", "")
	refused(w, w.s.revokeToken, &cognitoidp.RevokeTokenInput{ClientId: str(cl), Token: one.AccessToken}, "UnsupportedTokenTypeException", "")
	must(w, w.s.revokeToken, &cognitoidp.RevokeTokenInput{ClientId: str(cl), Token: one.RefreshToken})
	must(w, w.s.revokeToken, &cognitoidp.RevokeTokenInput{ClientId: str(cl), Token: one.RefreshToken})
	refused(w, w.s.getUser, get(one), "NotAuthorizedException", "Access Token has been revoked")
	refused(w, w.s.initiateAuth, refreshWith(cl, one.RefreshToken.V), "NotAuthorizedException", "Refresh Token has been revoked")
	must(w, w.s.getUser, get(two))

	three := w.signIn(p, cl, "alice")
	w.wait(-time.Minute) // another node, whose clock is behind
	must(w, w.s.globalSignOut, &cognitoidp.GlobalSignOutInput{AccessToken: two.AccessToken})
	for _, r := range []*cognitoidp.AuthenticationResultType{two, three} {
		refused(w, w.s.getUser, get(r), "NotAuthorizedException", "Access Token has been revoked")
		refused(w, w.s.initiateAuth, refreshWith(cl, r.RefreshToken.V), "NotAuthorizedException", "Refresh Token has been revoked")
	}
	four := w.signIn(p, cl, "alice")
	must(w, w.s.getUser, get(four))
	must(w, w.s.adminUserGlobalSignOut, &cognitoidp.AdminUserGlobalSignOutInput{UserPoolId: str(p), Username: str("alice")})
	refused(w, w.s.getUser, get(four), "NotAuthorizedException", "Access Token has been revoked")
	must(w, w.s.updateUserPoolClient, &cognitoidp.UpdateUserPoolClientInput{UserPoolId: str(p), ClientId: str(cl), EnableTokenRevocation: wire.Some(false)})
	five := w.signIn(p, cl, "alice")
	refused(w, w.s.revokeToken, &cognitoidp.RevokeTokenInput{ClientId: str(cl), Token: five.RefreshToken}, "UnsupportedOperationException", "")
}

func TestRefreshTokenRotation(t *testing.T) {
	w := newWorld(t)
	p := w.pool()
	cl := w.client(p, func(in *cognitoidp.CreateUserPoolClientInput) {
		in.ExplicitAuthFlows = []string{"ALLOW_USER_SRP_AUTH"}
		in.RefreshTokenRotation = &cognitoidp.RefreshTokenRotationType{Feature: str("ENABLED"), RetryGracePeriodSeconds: wire.Some[int32](10)}
	})
	w.member(cl, "alice")
	in := func(token string) *cognitoidp.GetTokensFromRefreshTokenInput {
		return &cognitoidp.GetTokensFromRefreshTokenInput{ClientId: str(cl), RefreshToken: str(token)}
	}
	first := w.signIn(p, cl, "alice").RefreshToken.V
	second := must(w, w.s.getTokensFromRefreshToken, in(first)).AuthenticationResult.RefreshToken.V
	if second == "" || second == first {
		t.Fatal("not rotated")
	}
	must(w, w.s.getTokensFromRefreshToken, in(first)) // a retry within the grace period
	third := must(w, w.s.getTokensFromRefreshToken, in(second)).AuthenticationResult
	w.wait(11 * time.Second)
	refused(w, w.s.getTokensFromRefreshToken, in(second), "RefreshTokenReuseException", "")
	refused(w, w.s.getTokensFromRefreshToken, in(third.RefreshToken.V), "NotAuthorizedException", "Refresh Token has been revoked")
	refused(w, w.s.getUser, &cognitoidp.GetUserInput{AccessToken: third.AccessToken}, "NotAuthorizedException", "Access Token has been revoked")
}

func TestTokenLifetimes(t *testing.T) {
	w := newWorld(t)
	p := w.pool()
	cl := w.client(p, func(in *cognitoidp.CreateUserPoolClientInput) {
		in.AccessTokenValidity, in.IdTokenValidity, in.RefreshTokenValidity = wire.Some[int32](10), wire.Some[int32](20), wire.Some[int32](1)
		in.TokenValidityUnits = &cognitoidp.TokenValidityUnitsType{AccessToken: str("minutes"), IdToken: str("minutes"), RefreshToken: str("hours")}
	})
	w.member(cl, "alice")
	tokens := w.signIn(p, cl, "alice")
	life := func(token string) float64 {
		m := claimsOf(t, token)
		return m["exp"].(float64) - m["iat"].(float64)
	}
	if life(tokens.AccessToken.V) != 600 || life(tokens.IdToken.V) != 1200 || tokens.ExpiresIn.V != 600 {
		t.Fatal(life(tokens.AccessToken.V), life(tokens.IdToken.V))
	}
	w.wait(time.Hour)
	refused(w, w.s.initiateAuth, refreshWith(cl, tokens.RefreshToken.V), "NotAuthorizedException", "Refresh Token has expired")
	for _, spoil := range []func(*cognitoidp.CreateUserPoolClientInput){
		func(in *cognitoidp.CreateUserPoolClientInput) { in.AccessTokenValidity = wire.Some[int32](25) },
		func(in *cognitoidp.CreateUserPoolClientInput) {
			in.IdTokenValidity, in.TokenValidityUnits = wire.Some[int32](1), &cognitoidp.TokenValidityUnitsType{IdToken: str("minutes")}
		},
		func(in *cognitoidp.CreateUserPoolClientInput) { in.RefreshTokenValidity = wire.Some[int32](4000) },
	} {
		in := &cognitoidp.CreateUserPoolClientInput{UserPoolId: str(p), ClientName: str("web")}
		spoil(in)
		refused(w, w.s.createUserPoolClient, in, "InvalidParameterException", "Invalid range for token validity.")
	}
}

func TestWellKnown(t *testing.T) {
	w := newWorld(t)
	p := w.pool()
	cl := w.client(p)
	w.member(cl, "alice")
	tokens := w.signIn(p, cl, "alice")
	get := func(path string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("GET", path, nil)
		r.Host = "cognito-idp.us-east-1.amazonaws.com"
		rec := httptest.NewRecorder()
		w.s.WellKnown().ServeHTTP(rec, r)
		return rec
	}
	rec := get("/" + p + "/.well-known/jwks.json")
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(rec.Body.Bytes(), &set); err != nil || len(set.Keys) != 2 || rec.Code != http.StatusOK {
		t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	if strings.Contains(rec.Body.String(), `"d"`) || rec.Header().Get("Access-Control-Allow-Origin") != "*" {
		t.Fatalf("%v %s", rec.Header(), rec.Body)
	}
	used := map[string]bool{}
	for _, token := range []string{tokens.IdToken.V, tokens.AccessToken.V} {
		signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256})
		if err != nil {
			t.Fatal(err)
		}
		kid := signed.Signatures[0].Header.KeyID
		used[kid] = true
		if _, err := signed.Verify(set.Key(kid)[0]); err != nil {
			t.Fatal(err)
		}
	}
	if len(used) != 2 {
		t.Error("id and access tokens are signed by one key")
	}
	var doc map[string]any
	rec = get("/" + p + "/.well-known/openid-configuration")
	if err := json.Unmarshal(rec.Body.Bytes(), &doc); err != nil || doc["issuer"] != AmazonIssuer(p) {
		t.Fatalf("%s", rec.Body)
	}
	for _, path := range []string{"/us-east-1_gone/.well-known/jwks.json", "/nonsense/.well-known/jwks.json", "/us-east-1_gone/.well-known/openid-configuration"} {
		if rec := get(path); rec.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, rec.Code)
		}
	}
}

func TestKeysOutliveTheProcess(t *testing.T) {
	w := newWorld(t)
	p := w.pool()
	cl := w.client(p)
	w.member(cl, "alice")
	tokens := w.signIn(p, cl, "alice")
	w.s = New(w.s.cfg)
	w.s.newKey = func() (*rsa.PrivateKey, error) { return nil, errors.New("made a second key") }
	must(w, w.s.getUser, &cognitoidp.GetUserInput{AccessToken: tokens.AccessToken})
}

func FuzzToken(f *testing.F) {
	w := newWorld(f)
	p := w.pool()
	cl := w.client(p)
	w.member(cl, "alice")
	tokens := w.signIn(p, cl, "alice")
	f.Add(tokens.AccessToken.V)
	f.Add(tokens.IdToken.V)
	f.Add(tokens.RefreshToken.V)
	f.Add("..")
	f.Add(b64(map[string]string{"alg": "none"}) + "." + b64(map[string]any{"iss": 1}) + ".")
	f.Fuzz(func(t *testing.T, token string) {
		_, err := w.s.verify(w.ctx, account, token, "access", w.s.cfg.Now())
		signed := tokens.AccessToken.V[:strings.LastIndexByte(tokens.AccessToken.V, '.')]
		if err == nil && !strings.HasPrefix(token, signed) { // the last bits of a signature's base64 mean nothing
			t.Fatalf("accepted %q", token)
		}
		if _, ok := w.s.openRefresh(account, token); ok && strings.NewReplacer("\r", "", "\n", "").Replace(token) != tokens.RefreshToken.V {
			t.Fatalf("accepted %q", token)
		}
	})
}

func FuzzSecretBlock(f *testing.F) {
	w := newWorld(f)
	block, err := w.s.sealChallenge(account, challenge{Kind: "PASSWORD_VERIFIER", Client: "c", Expires: w.clock.Add(time.Hour)})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(block)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, reason := w.s.openChallenge(account, b, "PASSWORD_VERIFIER", "c", w.clock); reason == "" && string(b) != string(block) {
			t.Fatalf("accepted %x", b)
		}
	})
}
