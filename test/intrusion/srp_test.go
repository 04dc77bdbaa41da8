package intrusion

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"math/big"
	"net/url"
	"strings"
	"testing"

	"bothy/wire/sigv4"
)

const password = "Correct-horse-7"

// group is that of RFC 3526, 3,072 bits.
const group = "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD" +
	"EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED" +
	"EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F" +
	"83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B" +
	"E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA956AE515D2261898FA0510" +
	"15728E5A8AAAC42DAD33170D04507A33A85521ABDF1CBA64ECFB850458DBEF0A8AEA71575D060C7DB3970F85A6E1E4C7" +
	"ABF5AE8CDB0933D71E8C94E04A25619DCEE3D2261AD2EE6BF12FFA06D98A0864D87602733EC86A64521F2B18177B200C" +
	"BBE117577A615D6C770988C0BAD946E208E24FA074E5AB3143DB5BFCE0FD108E4B82D120A93AD2CAFFFFFFFFFFFFFFFF"

// signIn is the client's half of one sign-in by SRP.
type signIn struct {
	w            *world
	pool, client string
	name         string
	n, a, A      *big.Int
	challenge    map[string]string
}

// begin sends A and gets the challenge.
func (w *world) begin(t *testing.T, pool, client, name string) *signIn {
	t.Helper()
	s := &signIn{w: w, pool: pool, client: client, name: name, n: new(big.Int)}
	s.n.SetString(group, 16)
	b := make([]byte, 32)
	rand.Read(b) //nolint:errcheck // never fails (crypto/rand)
	s.a = new(big.Int).SetBytes(b)
	s.A = new(big.Int).Exp(big.NewInt(2), s.a, s.n)
	var out struct{ ChallengeParameters map[string]string }
	w.anyone.idp(t, "InitiateAuth", map[string]any{
		"ClientId": client, "AuthFlow": "USER_SRP_AUTH", "AuthParameters": map[string]string{"USERNAME": name, "SRP_A": s.A.Text(16)},
	}).must(t, &out)
	s.challenge = out.ChallengeParameters
	return s
}

// proof answers the challenge with a password.
func (s *signIn) proof(t *testing.T, password string) map[string]string {
	t.Helper()
	ch := s.challenge
	realm, user := s.pool[strings.Index(s.pool, "_")+1:], ch["USER_ID_FOR_SRP"]
	B, salt := number(t, ch["SRP_B"]), number(t, ch["SALT"])
	x := new(big.Int).SetBytes(hash(pad(salt), hash([]byte(realm+user+":"+password))))
	u := new(big.Int).SetBytes(hash(pad(s.A), pad(B)))
	k := new(big.Int).SetBytes(hash(pad(s.n), []byte{2}))
	base := new(big.Int).Sub(B, k.Mul(k, new(big.Int).Exp(big.NewInt(2), x, s.n)))
	S := base.Exp(base.Mod(base, s.n), new(big.Int).Add(s.a, new(big.Int).Mul(u, x)), s.n)
	key := mac(mac(pad(u), pad(S)), []byte("Caldera Derived Key\x01"))[:16]
	block, err := base64.StdEncoding.DecodeString(ch["SECRET_BLOCK"])
	if err != nil {
		t.Fatal(err)
	}
	at := s.w.now().UTC().Format("Mon Jan 2 15:04:05 UTC 2006")
	return map[string]string{
		"USERNAME": user, "TIMESTAMP": at, "PASSWORD_CLAIM_SECRET_BLOCK": ch["SECRET_BLOCK"],
		"PASSWORD_CLAIM_SIGNATURE": base64.StdEncoding.EncodeToString(mac(key, []byte(realm+user), block, []byte(at))),
	}
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

// pad is a number's bytes as Cognito hashes them: two's complement, so a set first bit gets a zero byte before it.
func pad(n *big.Int) []byte {
	s := n.Text(16)
	if len(s)%2 == 1 {
		s = "0" + s
	}
	if s[0] >= '8' {
		s = "00" + s
	}
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err) // a number's own text
	}
	return b
}

func hash(parts ...[]byte) []byte {
	h := sha256.New()
	for _, p := range parts {
		h.Write(p) //nolint:errcheck // never fails (hash)
	}
	return h.Sum(nil)
}

func mac(key []byte, parts ...[]byte) []byte {
	h := hmac.New(sha256.New, key)
	for _, p := range parts {
		h.Write(p) //nolint:errcheck // never fails (hash)
	}
	return h.Sum(nil)
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
