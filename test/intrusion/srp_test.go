package intrusion

import (
	"math/big"
	"net/url"
	"testing"

	"bothy/test/srp"
	"bothy/wire/sigv4"
)

const password = "Correct-horse-7"

// signIn is one sign-in by SRP on its way.
type signIn struct {
	w            *world
	client, name string
	half         *srp.SignIn
	challenge    map[string]string
}

// begin sends A and gets the challenge.
func (w *world) begin(t *testing.T, pool, client, name string) *signIn {
	t.Helper()
	s := &signIn{w: w, client: client, name: name, half: srp.Begin(pool)}
	var out struct{ ChallengeParameters map[string]string }
	w.anyone.idp(t, "InitiateAuth", map[string]any{
		"ClientId": client, "AuthFlow": "USER_SRP_AUTH", "AuthParameters": map[string]string{"USERNAME": name, "SRP_A": s.half.Public()},
	}).must(t, &out)
	s.challenge = out.ChallengeParameters
	return s
}

// proof answers the challenge with a password.
func (s *signIn) proof(t *testing.T, password string) map[string]string {
	t.Helper()
	proof, err := s.half.Prove(s.challenge, password, s.w.now())
	if err != nil {
		t.Fatal(err)
	}
	return proof
}

// respond sends the proof.
func (s *signIn) respond(t *testing.T, proof map[string]string) answer {
	t.Helper()
	return s.w.anyone.idp(t, "RespondToAuthChallenge", map[string]any{"ClientId": s.client, "ChallengeName": "PASSWORD_VERIFIER", "ChallengeResponses": proof})
}

type tokens struct {
	AuthenticationResult struct{ AccessToken, IdToken, RefreshToken string }
}

func (w *world) signIn(t *testing.T, pool, client, name string) (out tokens) {
	t.Helper()
	s := w.begin(t, pool, client, name)
	s.respond(t, s.proof(t, password)).must(t, &out)
	return out
}

func number(t *testing.T, s string) *big.Int {
	t.Helper()
	n, ok := new(big.Int).SetString(s, 16)
	if !ok {
		t.Fatalf("%q is not hex", s)
	}
	return n
}

// register signs somebody up and confirms with the code from the outbox.
func (w *world) register(t *testing.T, name string) {
	t.Helper()
	email := name + "@example.com"
	w.anyone.idp(t, "SignUp", map[string]any{
		"ClientId": w.client(t), "Username": name, "Password": password, "UserAttributes": []any{map[string]string{"Name": "email", "Value": email}},
	}).must(t, nil)
	var sent struct {
		Message struct{ Fields map[string]string }
	}
	w.root.send(t, request{service: "bothy", method: "GET", path: "/_bothy/outbox/wait?to=" + url.QueryEscape(email)}).must(t, &sent)
	w.anyone.idp(t, "ConfirmSignUp", map[string]any{"ClientId": w.client(t), "Username": name, "ConfirmationCode": sent.Message.Fields["code"]}).must(t, nil)
}

// person registers somebody, signs them in, and gets their credentials.
func (w *world) person(t *testing.T, name string) person {
	t.Helper()
	w.register(t, name)
	got := w.signIn(t, w.pool(t), w.client(t), name).AuthenticationResult
	logins := w.logins(t, got.IdToken)
	id := w.identity(t, logins)
	return person{caller: w.anyone.with(w.credentials(t, id, logins)), name: name, id: id, access: got.AccessToken, idToken: got.IdToken}
}

// logins are an id token under its provider's name.
func (w *world) logins(t *testing.T, idToken string) map[string]string {
	return map[string]string{"cognito-idp." + region + ".amazonaws.com/" + w.pool(t): idToken}
}

func (w *world) identity(t *testing.T, logins map[string]string) string {
	t.Helper()
	var out struct{ IdentityId string }
	w.anyone.federation(t, "GetId", map[string]any{"IdentityPoolId": w.identityPool(t), "Logins": logins}).must(t, &out)
	return out.IdentityId
}

func (w *world) credentials(t *testing.T, identity string, logins map[string]string) sigv4.Credentials {
	t.Helper()
	var out struct {
		Credentials struct{ AccessKeyId, SecretKey, SessionToken string }
	}
	w.anyone.federation(t, "GetCredentialsForIdentity", map[string]any{"IdentityId": identity, "Logins": logins}).must(t, &out)
	return sigv4.Credentials{AccessKey: out.Credentials.AccessKeyId, Secret: out.Credentials.SecretKey, Token: out.Credentials.SessionToken}
}
