// Package srp is the client's half of a sign-in by SRP, as Amplify and the mobile SDKs do it, for tests in Go, whose SDK brings
// none.
package srp

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"
	"time"
)

// Prime is the group of RFC 3526, 3,072 bits, in hex; its generator is 2.
const Prime = "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD" +
	"EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED" +
	"EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F" +
	"83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B" +
	"E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA956AE515D2261898FA0510" +
	"15728E5A8AAAC42DAD33170D04507A33A85521ABDF1CBA64ECFB850458DBEF0A8AEA71575D060C7DB3970F85A6E1E4C7" +
	"ABF5AE8CDB0933D71E8C94E04A25619DCEE3D2261AD2EE6BF12FFA06D98A0864D87602733EC86A64521F2B18177B200C" +
	"BBE117577A615D6C770988C0BAD946E208E24FA074E5AB3143DB5BFCE0FD108E4B82D120A93AD2CAFFFFFFFFFFFFFFFF"

// SignIn is one sign-in to a pool.
type SignIn struct {
	pool string
	n, a *big.Int
	A    *big.Int // the public half
}

// Begin draws a secret for a sign-in to the pool.
func Begin(pool string) *SignIn {
	s := &SignIn{pool: pool, n: new(big.Int)}
	s.n.SetString(Prime, 16)
	b := make([]byte, 32)
	rand.Read(b) //nolint:errcheck // never fails (crypto/rand)
	s.a = new(big.Int).SetBytes(b)
	s.A = new(big.Int).Exp(big.NewInt(2), s.a, s.n)
	return s
}

// Public is SRP_A.
func (s *SignIn) Public() string { return s.A.Text(16) }

// Prove answers a PASSWORD_VERIFIER challenge, at a time by the client's clock.
func (s *SignIn) Prove(challenge map[string]string, password string, now time.Time) (map[string]string, error) {
	user := challenge["USER_ID_FOR_SRP"]
	realm := s.pool[strings.Index(s.pool, "_")+1:]
	B, ok1 := new(big.Int).SetString(challenge["SRP_B"], 16)
	salt, ok2 := new(big.Int).SetString(challenge["SALT"], 16)
	block, err := base64.StdEncoding.DecodeString(challenge["SECRET_BLOCK"])
	if !ok1 || !ok2 || err != nil {
		return nil, fmt.Errorf("srp: malformed challenge: %v", challenge)
	}
	x := new(big.Int).SetBytes(hash(pad(salt), hash([]byte(realm+user+":"+password))))
	u := new(big.Int).SetBytes(hash(pad(s.A), pad(B)))
	k := new(big.Int).SetBytes(hash(pad(s.n), []byte{2}))
	base := new(big.Int).Sub(B, k.Mul(k, new(big.Int).Exp(big.NewInt(2), x, s.n)))
	S := base.Exp(base.Mod(base, s.n), new(big.Int).Add(s.a, new(big.Int).Mul(u, x)), s.n)
	key := mac(mac(pad(u), pad(S)), []byte("Caldera Derived Key\x01"))[:16]
	at := now.UTC().Format("Mon Jan 2 15:04:05 UTC 2006")
	return map[string]string{
		"USERNAME": user, "TIMESTAMP": at, "PASSWORD_CLAIM_SECRET_BLOCK": challenge["SECRET_BLOCK"],
		"PASSWORD_CLAIM_SIGNATURE": base64.StdEncoding.EncodeToString(mac(key, []byte(realm+user), block, []byte(at))),
	}, nil
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
