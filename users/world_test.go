package users

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"bothy/api/cognitoidp"
	"bothy/kv"
	"bothy/kv/memkv"
	"bothy/record"
	"bothy/wire"
)

const (
	account = "123456789012"
	good    = "Passw0rd!"
)

// world is a service on an empty store, with a clock that tests turn and an outbox they read.
type world struct {
	t      testing.TB
	s      *Service
	engine *memkv.Engine
	mu     sync.Mutex
	clock  time.Time
	sent   []Message
	ctx    context.Context

	account string // of calls
}

func newWorld(t testing.TB) *world {
	t.Helper()
	key := make([]byte, 32)
	rand.Read(key) //nolint:errcheck // never fails (crypto/rand)
	sealer, err := record.NewSealer(key)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, engine: memkv.New(), clock: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), ctx: context.Background(), account: account}
	w.s = New(Config{DB: kv.New(w.engine), Sealer: sealer, Account: func() string { return account }, Now: w.now, Deliver: w.deliver})
	w.s.newKey = readyKey
	return w
}

// readyKeys are made once for all tests: making one takes long. Pools take turns, so two pools have different keys.
var readyKeys = sync.OnceValue(func() []*rsa.PrivateKey {
	keys := make([]*rsa.PrivateKey, 4)
	var wg sync.WaitGroup
	for i := range keys {
		wg.Go(func() { keys[i], _ = rsa.GenerateKey(rand.Reader, 2048) })
	}
	wg.Wait()
	return keys
})

var keyTurn atomic.Int32

func readyKey() (*rsa.PrivateKey, error) { return readyKeys()[int(keyTurn.Add(1))%4], nil }

func (w *world) deliver(_ *kv.Tx, _ record.Scope, m Message) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent = append(w.sent, m)
	return nil
}

// now moves a little at each look, as clocks do.
func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clock = w.clock.Add(time.Millisecond)
	return w.clock
}

func (w *world) wait(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clock = w.clock.Add(d)
}

// lastCode is the code sent last.
func (w *world) lastCode() string {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.sent) == 0 {
		w.t.Fatal("nothing was sent")
	}
	return w.sent[len(w.sent)-1].Code
}

func (w *world) call() *wire.Call {
	return &wire.Call{Context: w.ctx, Now: w.now(), Account: w.account, Region: "us-east-1", Header: http.Header{}, UserAgent: "test"}
}

// must runs an operation that has to succeed.
func must[In, Out any](w *world, op func(*wire.Call, *In) (*Out, error), in *In) *Out {
	w.t.Helper()
	out, err := op(w.call(), in)
	if err != nil {
		w.t.Fatalf("%T: %v", in, err)
	}
	return out
}

// refused runs an operation that has to be refused with the code and message.
func refused[In, Out any](w *world, op func(*wire.Call, *In) (*Out, error), in *In, code, message string) {
	w.t.Helper()
	_, err := op(w.call(), in)
	wantFault(w.t, err, code, message)
}

func wantFault(t testing.TB, err error, code, message string) {
	t.Helper()
	var f wire.Fault
	if !errors.As(err, &f) {
		t.Fatalf("got %v, want %s %q", err, code, message)
	}
	gotCode, _, gotMessage := f.Fault()
	if gotCode != code || !strings.Contains(gotMessage, message) {
		t.Fatalf("got %s %q, want %s %q", gotCode, gotMessage, code, message)
	}
}

func str(s string) wire.Opt[string] { return wire.Some(s) }

func attr(pairs ...string) []cognitoidp.AttributeType {
	var out []cognitoidp.AttributeType
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, cognitoidp.AttributeType{Name: str(pairs[i]), Value: str(pairs[i+1])})
	}
	return out
}

// pool makes a pool like Mobile Hub's: e-mail verified, the name chosen freely.
func (w *world) pool(change ...func(*cognitoidp.CreateUserPoolInput)) string {
	w.t.Helper()
	in := &cognitoidp.CreateUserPoolInput{PoolName: str("tasks"), AutoVerifiedAttributes: []string{"email"}}
	for _, f := range change {
		f(in)
	}
	return must(w, w.s.createUserPool, in).UserPool.Id.V
}

func (w *world) client(pool string, change ...func(*cognitoidp.CreateUserPoolClientInput)) string {
	w.t.Helper()
	in := &cognitoidp.CreateUserPoolClientInput{UserPoolId: str(pool), ClientName: str("web"), ExplicitAuthFlows: []string{
		"ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_PASSWORD_AUTH", "ALLOW_ADMIN_USER_PASSWORD_AUTH",
	}}
	for _, f := range change {
		f(in)
	}
	return must(w, w.s.createUserPoolClient, in).UserPoolClient.ClientId.V
}

func hiding(in *cognitoidp.CreateUserPoolClientInput) { in.PreventUserExistenceErrors = str("ENABLED") }

// member signs a user up and confirms them.
func (w *world) member(clientID, name string) {
	w.t.Helper()
	must(w, w.s.signUp, &cognitoidp.SignUpInput{ClientId: str(clientID), Username: str(name), Password: str(good), UserAttributes: attr("email", name+"@example.com")})
	must(w, w.s.confirmSignUp, &cognitoidp.ConfirmSignUpInput{ClientId: str(clientID), Username: str(name), ConfirmationCode: str(w.lastCode())})
}

// srpClient is the client's half of SRP, written from the protocol and not from srp.go.
type srpClient struct{ a, A *big.Int }

func newSRPClient() *srpClient {
	a, _ := rand.Int(rand.Reader, prime)
	return &srpClient{a, new(big.Int).Exp(big.NewInt(2), a, prime)}
}

func (k *srpClient) answer(poolID string, ch map[string]string, password, timestamp string) map[string]string {
	user, realm := ch["USER_ID_FOR_SRP"], strings.SplitN(poolID, "_", 2)[1]
	B, _ := new(big.Int).SetString(ch["SRP_B"], 16)
	salt, _ := new(big.Int).SetString(ch["SALT"], 16)
	u := new(big.Int).SetBytes(digest(pad(k.A), pad(B)))
	x := new(big.Int).SetBytes(digest(pad(salt), digest([]byte(realm+user+":"+password))))
	base := new(big.Int).Sub(B, new(big.Int).Mul(multiplier, new(big.Int).Exp(big.NewInt(2), x, prime)))
	S := new(big.Int).Exp(base.Mod(base, prime), new(big.Int).Add(k.a, new(big.Int).Mul(u, x)), prime)
	block, _ := base64.StdEncoding.DecodeString(ch["SECRET_BLOCK"])
	sig := mac(deriveKey(S, u), []byte(realm+user), block, []byte(timestamp))
	return map[string]string{
		"USERNAME": user, "PASSWORD_CLAIM_SECRET_BLOCK": ch["SECRET_BLOCK"], "TIMESTAMP": timestamp, "PASSWORD_CLAIM_SIGNATURE": base64.StdEncoding.EncodeToString(sig),
	}
}

const aTimestamp = "Fri Jan 2 03:04:05 UTC 2026"

// srp signs in by USER_SRP_AUTH.
func (w *world) srp(poolID, clientID, name, password string) (*cognitoidp.RespondToAuthChallengeOutput, error) {
	k := newSRPClient()
	begun, err := w.s.initiateAuth(w.call(), &cognitoidp.InitiateAuthInput{ClientId: str(clientID), AuthFlow: str("USER_SRP_AUTH"), AuthParameters: map[string]string{"USERNAME": name, "SRP_A": k.A.Text(16)}})
	if err != nil {
		return nil, err
	}
	return w.s.respondToAuthChallenge(w.call(), &cognitoidp.RespondToAuthChallengeInput{
		ClientId: str(clientID), ChallengeName: str("PASSWORD_VERIFIER"), ChallengeResponses: k.answer(poolID, begun.ChallengeParameters, password, aTimestamp),
	})
}

// signIn signs a user in and returns the tokens.
func (w *world) signIn(poolID, clientID, name string) *cognitoidp.AuthenticationResultType {
	w.t.Helper()
	out, err := w.srp(poolID, clientID, name, good)
	if err != nil {
		w.t.Fatalf("sign in of %s: %v", name, err)
	}
	if out.AuthenticationResult == nil {
		w.t.Fatalf("challenge %s", out.ChallengeName.V)
	}
	return out.AuthenticationResult
}

func passwordAuth(clientID, name, password string) *cognitoidp.InitiateAuthInput {
	return &cognitoidp.InitiateAuthInput{ClientId: str(clientID), AuthFlow: str("USER_PASSWORD_AUTH"), AuthParameters: map[string]string{"USERNAME": name, "PASSWORD": password}}
}

// claimsOf reads a token without checking it.
func claimsOf(t testing.TB, token string) map[string]any {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("token of %d parts", len(parts))
	}
	b, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func some[T any](v T) wire.Opt[T] { return wire.Some(v) }
