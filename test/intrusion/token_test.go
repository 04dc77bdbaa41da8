package intrusion

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"
)

var b64 = base64.RawURLEncoding

// forge makes a token with a header and claims, signed by sign.
func forge(t *testing.T, header, claims map[string]any, sign func(input []byte) []byte) string {
	t.Helper()
	h, err := json.Marshal(header)
	if err != nil {
		t.Fatal(err)
	}
	c, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	input := b64.EncodeToString(h) + "." + b64.EncodeToString(c)
	return input + "." + b64.EncodeToString(sign([]byte(input)))
}

// open reads a token without looking at its signature.
func open(t *testing.T, token string) (header, claims map[string]any) {
	t.Helper()
	parts := strings.Split(token, ".")
	for i, into := range []*map[string]any{&header, &claims} {
		b, err := b64.DecodeString(parts[i])
		if err == nil {
			err = json.Unmarshal(b, into)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return header, claims
}

// publicKey is the pool's key of the id, from its JWKS, as attackers have it too.
func (w *world) publicKey(t *testing.T, pool, kid string) *rsa.PublicKey {
	t.Helper()
	var set struct{ Keys []struct{ Kid, N string } }
	w.anyone.send(t, request{method: "GET", host: "cognito-idp." + region + ".amazonaws.com", path: "/" + pool + "/.well-known/jwks.json"}).must(t, &set)
	for _, k := range set.Keys {
		if k.Kid == kid {
			n, err := b64.DecodeString(k.N)
			if err != nil {
				t.Fatal(err)
			}
			return &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: 65537}
		}
	}
	t.Fatalf("the key set of %s has no %s", pool, kid)
	return nil
}

// otherPool is a second pool with a user of the neighbour's name, and that user's tokens.
func (w *world) otherPool(t *testing.T) (pool, client string, got tokens) {
	t.Helper()
	var p struct{ UserPool struct{ Id string } }
	w.root.idp(t, "CreateUserPool", map[string]any{"PoolName": "other"}).must(t, &p)
	var c struct{ UserPoolClient struct{ ClientId string } }
	w.root.idp(t, "CreateUserPoolClient", map[string]any{"UserPoolId": p.UserPool.Id, "ClientName": "other", "ExplicitAuthFlows": []string{"ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"}}).must(t, &c)
	w.root.idp(t, "AdminCreateUser", map[string]any{"UserPoolId": p.UserPool.Id, "Username": "neighbour", "MessageAction": "SUPPRESS"}).must(t, nil)
	w.root.idp(t, "AdminSetUserPassword", map[string]any{"UserPoolId": p.UserPool.Id, "Username": "neighbour", "Password": password, "Permanent": true}).must(t, nil)
	return p.UserPool.Id, c.UserPoolClient.ClientId, w.signIn(t, p.UserPool.Id, c.UserPoolClient.ClientId, "neighbour")
}

// tokenAttempts show tokens that prove nothing.
func tokenAttempts(t *testing.T, w *world) []attempt {
	pool, client := w.pool(t), w.client(t)
	header, claims := open(t, w.mallory.idToken)
	_, theirs := open(t, w.neighbour.idToken)
	kid, _ := header["kid"].(string)
	public := w.publicKey(t, pool, kid)
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	evil, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	rs256 := func(input []byte) []byte {
		sum := sha256.Sum256(input)
		s, err := rsa.SignPKCS1v15(rand.Reader, evil, crypto.SHA256, sum[:])
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	hs256 := func(key []byte) func([]byte) []byte {
		return func(input []byte) []byte { m := hmac.New(sha256.New, key); m.Write(input); return m.Sum(nil) } //nolint:errcheck // never fails (hash)
	}
	nothing := func([]byte) []byte { return nil }
	head := func(alg string, more ...any) map[string]any {
		h := map[string]any{"alg": alg, "kid": kid}
		for i := 0; i < len(more); i += 2 {
			h[more[i].(string)] = more[i+1]
		}
		return h
	}
	otherPool, otherClient, other := w.otherPool(t)
	otherHeader, _ := open(t, other.AuthenticationResult.IdToken)

	show := func(logins map[string]string) func(*testing.T) answer {
		return func(t *testing.T) answer {
			return w.anyone.federation(t, "GetId", map[string]any{"IdentityPoolId": w.identityPool(t), "Logins": logins})
		}
	}
	id := func(token string) func(*testing.T) answer { return show(w.logins(t, token)) }
	bearer := func(token string) func(*testing.T) answer {
		return func(t *testing.T) answer { return w.anyone.idp(t, "GetUser", map[string]any{"AccessToken": token}) }
	}
	parts := strings.Split(w.mallory.idToken, ".")
	swapped := parts[0] + "." + strings.Split(w.neighbour.idToken, ".")[1] + "." + parts[2]
	jwk := map[string]any{"kty": "RSA", "n": b64.EncodeToString(evil.N.Bytes()), "e": "AQAB"}
	pemKey := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	later := func(try func(*testing.T) answer) func(*testing.T) answer {
		return func(t *testing.T) (a answer) {
			w.later(2*time.Hour, func() { a = try(t) })
			return a
		}
	}
	refresh := func(client, token string) func(*testing.T) answer {
		return func(t *testing.T) answer {
			return w.anyone.idp(t, "InitiateAuth", map[string]any{"ClientId": client, "AuthFlow": "REFRESH_TOKEN_AUTH", "AuthParameters": map[string]string{"REFRESH_TOKEN": token}})
		}
	}
	credentials := func(identity string, logins map[string]string) func(*testing.T) answer {
		return func(t *testing.T) answer {
			return w.anyone.federation(t, "GetCredentialsForIdentity", map[string]any{"IdentityId": identity, "Logins": logins})
		}
	}
	ended := w.signIn(t, pool, client, "mallory").AuthenticationResult
	w.anyone.idp(t, "GlobalSignOut", map[string]any{"AccessToken": ended.AccessToken}).must(t, nil)
	const no, notRS256, signature = "NotAuthorizedException", `not a JWT signed with RS256`, `the signature does not match`
	return []attempt{
		{"a token of another pool", id(other.AuthenticationResult.IdToken), 400, no, `of pool "` + otherPool + `", not "` + pool},
		{"another pool", show(map[string]string{"cognito-idp." + region + ".amazonaws.com/" + otherPool: other.AuthenticationResult.IdToken}), 400, no, `the pool has no provider`},
		{"an access token for an id token", id(w.mallory.access), 400, no, `token_use is "access", not "id"`},
		{"an expired token", later(id(w.mallory.idToken)), 400, no, `(?s)Token expired: \d{10} >= \d{10}\n.*expired at`},
		{"alg none", id(forge(t, head("none"), theirs, nothing)), 400, no, notRS256},
		{"alg None", id(forge(t, head("None"), theirs, nothing)), 400, no, notRS256},
		{"alg none with a signature", id(forge(t, head("none"), theirs, rs256)), 400, no, notRS256},
		{"HS256 with the public key in DER", id(forge(t, head("HS256"), theirs, hs256(der))), 400, no, notRS256},
		{"HS256 with the public key in PEM", id(forge(t, head("HS256"), theirs, hs256(pemKey))), 400, no, notRS256},
		{"HS256 with the modulus", id(forge(t, head("HS256"), theirs, hs256(public.N.Bytes()))), 400, no, notRS256},
		{"HS256 with nothing", id(forge(t, head("HS256"), theirs, hs256(nil))), 400, no, notRS256},
		{"a key of one's own", id(forge(t, head("RS256"), theirs, rs256)), 400, no, signature},
		{"a key of one's own, embedded", id(forge(t, head("RS256", "jwk", jwk), theirs, rs256)), 400, no, signature},
		{"a key of one's own, linked", id(forge(t, head("RS256", "jku", "http://127.0.0.1/keys"), theirs, rs256)), 400, no, signature},
		{"a key with another id", id(forge(t, head("RS256", "kid", "mine"), theirs, rs256)), 400, no, `key "mine" is none of the pool's`},
		{"a key with a path for an id", id(forge(t, head("RS256", "kid", "../../../dev/null"), theirs, rs256)), 400, no, `is none of the pool's`},
		{"the key of another pool", id(forge(t, head("RS256", "kid", otherHeader["kid"]), theirs, rs256)), 400, no, `is none of the pool's`},
		{"claims of the neighbour", id(swapped), 400, no, signature},
		{"no signature", id(parts[0] + "." + parts[1] + "."), 400, no, signature},
		{"another issuer", id(forge(t, head("RS256"), map[string]any{"iss": "https://evil.example", "aud": client, "sub": claims["sub"], "token_use": "id", "exp": 1 << 40}, rs256)), 400, no, `issuer .* is not a user pool`},
		{"not a token", id("x.y.z"), 400, no, notRS256},
		{"the neighbour's identity", credentials(w.neighbour.id, w.logins(t, w.mallory.idToken)), 400, no, `the logins are of identity ` + w.mallory.id + `, not of ` + w.neighbour.id},
		{"the neighbour's identity as a guest", credentials(w.neighbour.id, nil), 400, no, `the identity has logins and none was given`},
		{"an expired access token", later(bearer(w.mallory.access)), 400, no, `expired at`},
		{"an id token for an access token", bearer(w.mallory.idToken), 400, no, `token_use is "id", not "access"`},
		{"an access token without alg", bearer(forge(t, head("none"), theirs, nothing)), 400, no, notRS256},
		{"an access token after sign-out", bearer(ended.AccessToken), 400, no, `was ended`},
		{"a refresh token after sign-out", refresh(client, ended.RefreshToken), 400, no, `was ended`},
		{"a refresh token of another pool", refresh(client, other.AuthenticationResult.RefreshToken), 400, no, `made for client ` + otherClient},
		{"a changed refresh token", refresh(client, "A"+other.AuthenticationResult.RefreshToken[1:]), 400, no, `not made here, or was changed`},
		{"a role for the taking", func(t *testing.T) answer {
			return w.anyone.federation(t, "GetCredentialsForIdentity", map[string]any{"IdentityId": w.mallory.id, "Logins": w.logins(t, w.mallory.idToken), "CustomRoleArn": "arn:aws:iam::123456789012:role/admin"})
		}, 400, no, `CustomRoleArn without a role mapping`},
	}
}
