package users

import (
	"crypto/rand"
	"math/big"
	"testing"
	"time"

	"bothy/api/cognitoidp"
)

// BenchmarkSRPSignIn compares a whole sign-in (two requests, their rows, two signed tokens) with the cryptography that it
// cannot do without: the server's four powers and two RSA signatures. "x-crypto" is the ratio.
func BenchmarkSRPSignIn(b *testing.B) {
	w := newWorld(b)
	p := w.pool()
	cl := w.client(p)
	w.member(cl, "alice")
	k := newSRPClient()
	answers := make([]map[string]string, b.N)
	var whole, crypto time.Duration
	for i := range b.N {
		begin := time.Now()
		ch := must(w, w.s.initiateAuth, &cognitoidp.InitiateAuthInput{
			ClientId: str(cl), AuthFlow: str("USER_SRP_AUTH"), AuthParameters: map[string]string{"USERNAME": "alice", "SRP_A": k.A.Text(16)},
		}).ChallengeParameters
		whole += time.Since(begin)
		answers[i] = k.answer(p, ch, good, aTimestamp)
		begin = time.Now()
		must(w, w.s.respondToAuthChallenge, respond(cl, answers[i]))
		whole += time.Since(begin)
		crypto += onlyCrypto(b, w, p, k.A)
	}
	b.ReportMetric(float64(whole.Microseconds())/float64(b.N), "µs/sign-in")
	b.ReportMetric(float64(crypto.Microseconds())/float64(b.N), "µs/crypto")
	b.ReportMetric(float64(whole)/float64(crypto), "x-crypto")
}

func onlyCrypto(b *testing.B, w *world, poolID string, a *big.Int) time.Duration {
	b.Helper()
	keys, err := w.s.signerOf(w.ctx, account, poolID)
	if err != nil {
		b.Fatal(err)
	}
	idKey, accessKey := keys.at(w.now())
	secret, u, v := make([]byte, srpBytes), make([]byte, 32), new(big.Int).Sub(prime, a)
	rand.Read(secret) //nolint:errcheck // never fails (crypto/rand)
	rand.Read(u)      //nolint:errcheck // never fails (crypto/rand)
	payload := make([]byte, 700)
	begin := time.Now()
	x := new(big.Int).SetBytes(secret)
	new(big.Int).Exp(generator, x, prime)
	s := new(big.Int).Exp(v, x, prime)
	s.Exp(s, new(big.Int).SetBytes(u), prime)
	new(big.Int).Exp(a, x, prime)
	if _, err := idKey.Sign(payload); err != nil {
		b.Fatal(err)
	}
	if _, err := accessKey.Sign(payload); err != nil {
		b.Fatal(err)
	}
	return time.Since(begin)
}
