package bench

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"math/big"
	"strings"
	"testing"
	"time"
)

// group is that of RFC 3526, 3,072 bits.
var (
	group, _ = new(big.Int).SetString("FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"+
		"EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"+
		"EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F"+
		"83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B"+
		"E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA956AE515D2261898FA0510"+
		"15728E5A8AAAC42DAD33170D04507A33A85521ABDF1CBA64ECFB850458DBEF0A8AEA71575D060C7DB3970F85A6E1E4C7"+
		"ABF5AE8CDB0933D71E8C94E04A25619DCEE3D2261AD2EE6BF12FFA06D98A0864D87602733EC86A64521F2B18177B200C"+
		"BBE117577A615D6C770988C0BAD946E208E24FA074E5AB3143DB5BFCE0FD108E4B82D120A93AD2CAFFFFFFFFFFFFFFFF", 16)
	generator = big.NewInt(2)
)

const password = "Correct-horse-7"

// signIn is a person with the client's half of SRP.
type signIn struct {
	w            *world
	conn         *client
	pool, client string
	secret       *big.Int
	public       *big.Int
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
	s := &signIn{w: w, pool: pool.UserPool.Id, client: cl.UserPoolClient.ClientId, secret: random(32)}
	s.public = new(big.Int).Exp(generator, s.secret, group)
	conn, err := dial(w.addr)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { conn.conn.Close() }) //nolint:errcheck // ending
	s.conn = conn
	return s
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
		"ClientId": s.client, "AuthFlow": "USER_SRP_AUTH", "AuthParameters": map[string]string{"USERNAME": "alice", "SRP_A": s.public.Text(16)},
	}, &ch)
	var out struct{ AuthenticationResult struct{ IdToken string } }
	spent += s.step(tb, "RespondToAuthChallenge", map[string]any{
		"ClientId": s.client, "ChallengeName": "PASSWORD_VERIFIER", "ChallengeResponses": s.prove(tb, ch.ChallengeParameters),
	}, &out)
	if strings.Count(out.AuthenticationResult.IdToken, ".") != 2 {
		tb.Fatalf("no token: %+v", out)
	}
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

// prove is the client's half: x, u, S, HKDF, HMAC.
func (s *signIn) prove(tb testing.TB, ch map[string]string) map[string]string {
	tb.Helper()
	realm, user := s.pool[strings.Index(s.pool, "_")+1:], ch["USER_ID_FOR_SRP"]
	theirs, salt := number(tb, ch["SRP_B"]), number(tb, ch["SALT"])
	inner := sha256.Sum256([]byte(realm + user + ":" + password))
	x := new(big.Int).SetBytes(hash(pad(salt), inner[:]))
	u := new(big.Int).SetBytes(hash(pad(s.public), pad(theirs)))
	k := new(big.Int).SetBytes(hash(pad(group), pad(generator)))
	base := new(big.Int).Sub(theirs, k.Mul(k, new(big.Int).Exp(generator, x, group)))
	shared := base.Exp(base.Mod(base, group), new(big.Int).Add(s.secret, new(big.Int).Mul(u, x)), group)
	key := mac(mac(pad(u), pad(shared)), []byte("Caldera Derived Key\x01"))[:16]
	block, err := base64.StdEncoding.DecodeString(ch["SECRET_BLOCK"])
	if err != nil {
		tb.Fatal(err)
	}
	at := time.Now().UTC().Format("Mon Jan 2 15:04:05 UTC 2006")
	proof := mac(key, []byte(realm+user), block, []byte(at))
	return map[string]string{
		"USERNAME": user, "TIMESTAMP": at, "PASSWORD_CLAIM_SECRET_BLOCK": ch["SECRET_BLOCK"], "PASSWORD_CLAIM_SIGNATURE": base64.StdEncoding.EncodeToString(proof),
	}
}

func number(tb testing.TB, s string) *big.Int {
	tb.Helper()
	n, ok := new(big.Int).SetString(s, 16)
	if !ok {
		tb.Fatalf("%q is not hex", s)
	}
	return n
}

// pad is n as DER would write it.
func pad(n *big.Int) []byte {
	s := n.Text(16)
	if len(s)%2 == 1 {
		s = "0" + s
	} else if s[0] >= '8' {
		s = "00" + s
	}
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err) // big.Int writes hex
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
	sum := sha256.Sum256(s.Bytes())
	for range 2 {
		if _, err := rsa.SignPKCS1v15(nil, f.key, crypto.SHA256, sum[:]); err != nil {
			tb.Fatal(err)
		}
	}
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
	f.once(b, s.public)
	var whole, three, fourth time.Duration
	b.ResetTimer()
	for range b.N {
		whole += s.once(b)
		t, o := f.once(b, s.public)
		three, fourth = three+t, fourth+o
	}
	b.ReportMetric(0, "ns/op") // of client and floor as well: it says nothing
	b.ReportMetric(micro(whole, b.N), "µs-cpu/sign-in")
	b.ReportMetric(micro(three, b.N), "µs-cpu/floor")
	b.ReportMetric(float64(whole)/float64(three), "x-floor")
	b.ReportMetric(float64(whole)/float64(three+fourth), "x-own")
}
