package bench

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"math/big"
	"strings"
	"testing"
	"time"

	"bothy/test/srp"
)

// group and generator are those of SRP.
var (
	group, _  = new(big.Int).SetString(srp.Prime, 16)
	generator = big.NewInt(2)
)

const password = "Correct-horse-7"

// signIn is a person with the client's half of SRP.
type signIn struct {
	w       *world
	conn    *client
	pool    string
	client  string
	half    *srp.SignIn
	idToken string // of the last sign-in
	refresh string // its refresh token
}

func newSignIn(tb testing.TB, w *world) *signIn {
	tb.Helper()
	var pool struct{ UserPool struct{ Id string } }
	w.root.call(tb, "cognito-idp", idp+"CreateUserPool", map[string]string{"PoolName": "bench"}, &pool)
	var cl struct{ UserPoolClient struct{ ClientId string } }
	w.root.call(tb, "cognito-idp", idp+"CreateUserPoolClient", map[string]any{
		"UserPoolId": pool.UserPool.Id, "ClientName": "bench", "ExplicitAuthFlows": []string{"ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"},
	}, &cl)
	w.root.call(tb, "cognito-idp", idp+"AdminCreateUser", map[string]any{"UserPoolId": pool.UserPool.Id, "Username": "alice", "MessageAction": "SUPPRESS"}, nil)
	w.root.call(tb, "cognito-idp", idp+"AdminSetUserPassword", map[string]any{"UserPoolId": pool.UserPool.Id, "Username": "alice", "Password": password, "Permanent": true}, nil)
	s := &signIn{w: w, pool: pool.UserPool.Id, client: cl.UserPoolClient.ClientId, half: srp.Begin(pool.UserPool.Id)}
	s.dial(tb)
	return s
}

// dial begins a connection of its own; the node closes those that are silent.
func (s *signIn) dial(tb testing.TB) {
	tb.Helper()
	conn, err := dial(s.w.addr)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { conn.conn.Close() }) //nolint:errcheck // ending
	s.conn = conn
}

func random(n int) *big.Int {
	b := make([]byte, n)
	rand.Read(b) //nolint:errcheck // never fails (crypto/rand)
	return new(big.Int).SetBytes(b)
}

// once signs in, and returns what the node's process spent on it.
func (s *signIn) once(tb testing.TB) time.Duration {
	tb.Helper()
	var ch struct{ ChallengeParameters map[string]string }
	spent := s.step(tb, "InitiateAuth", map[string]any{
		"ClientId": s.client, "AuthFlow": "USER_SRP_AUTH", "AuthParameters": map[string]string{"USERNAME": "alice", "SRP_A": s.half.Public()},
	}, &ch)
	proof, err := s.half.Prove(ch.ChallengeParameters, password, time.Now())
	if err != nil {
		tb.Fatal(err)
	}
	var out struct {
		AuthenticationResult struct{ IdToken, RefreshToken string }
	}
	spent += s.step(tb, "RespondToAuthChallenge", map[string]any{
		"ClientId": s.client, "ChallengeName": "PASSWORD_VERIFIER", "ChallengeResponses": proof,
	}, &out)
	if strings.Count(out.AuthenticationResult.IdToken, ".") != 2 {
		tb.Fatalf("no token: %+v", out)
	}
	s.idToken, s.refresh = out.AuthenticationResult.IdToken, out.AuthenticationResult.RefreshToken
	return spent
}

func (s *signIn) step(tb testing.TB, op string, in, out any) time.Duration {
	tb.Helper()
	request := s.w.anyone.render(tb, "cognito-idp", idp+op, in)
	before := s.w.spent(tb)
	res, err := s.conn.send(request)
	if err != nil {
		tb.Fatal(err)
	}
	spent := s.w.spent(tb) - before
	decode(tb, res.Body, out)
	return spent
}

// floor is the cryptography that a server of SRP cannot do without: g^b, (A·v^u)^b in its two powers, and two signatures.
// Bothy spends one power more, A^b·(v^b)^u, so that the time it takes says nothing about the verifier.
type floor struct {
	key     *rsa.PrivateKey
	v, b, u *big.Int
}

func newFloor(tb testing.TB) *floor {
	tb.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		tb.Fatal(err)
	}
	return &floor{key, new(big.Int).Exp(generator, random(32), group), random(32), random(32)}
}

// once does it, and returns the processor time of the four powers' three, the fourth, and the signatures.
func (f *floor) once(tb testing.TB, a *big.Int) (three, fourth time.Duration) {
	tb.Helper()
	begin := cpuClock(tb, 0)
	new(big.Int).Exp(generator, f.b, group)
	s := new(big.Int).Exp(f.v, f.u, group)
	s.Mul(s, a).Mod(s, group)
	s.Exp(s, f.b, group)
	f.signatures(tb)
	middle := cpuClock(tb, 0)
	new(big.Int).Exp(f.v, f.b, group)
	return middle - begin, cpuClock(tb, 0) - middle
}

// BenchmarkSignIn is a whole SRP sign-in over HTTP against the floor: "x-floor" with the three powers no server can do
// without, "x-own" with the four that ours does.
func BenchmarkSignIn(b *testing.B) {
	w := newWorld(b)
	s, f := newSignIn(b, w), newFloor(b)
	s.once(b)
	f.once(b, s.half.A)
	var whole, three, fourth time.Duration
	b.ResetTimer()
	for range b.N {
		whole += s.once(b)
		t, o := f.once(b, s.half.A)
		three, fourth = three+t, fourth+o
	}
	b.ReportMetric(0, "ns/op") // of client and floor as well: it says nothing
	b.ReportMetric(micro(whole, b.N), "µs-cpu/sign-in")
	b.ReportMetric(micro(three, b.N), "µs-cpu/floor")
	b.ReportMetric(float64(whole)/float64(three), "x-floor")
	b.ReportMetric(float64(whole)/float64(three+fourth), "x-own")
}

// signatures are those of an id and an access token; it returns their processor time.
func (f *floor) signatures(tb testing.TB) time.Duration {
	tb.Helper()
	begin := cpuClock(tb, 0)
	sum := sha256.Sum256(f.v.Bytes())
	for range 2 {
		if _, err := rsa.SignPKCS1v15(nil, f.key, crypto.SHA256, sum[:]); err != nil {
			tb.Fatal(err)
		}
	}
	return cpuClock(tb, 0) - begin
}
