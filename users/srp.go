package users

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"math/big"
)

// The group of RFC 5054, 3,072 bits, with Cognito's reading of SRP-6a: SHA-256, and integers padded as DER would pad them.
var (
	prime = fromHex("FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD" +
		"EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED" +
		"EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F" +
		"83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B" +
		"E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA956AE515D2261898FA0510" +
		"15728E5A8AAAC42DAD33170D04507A33A85521ABDF1CBA64ECFB850458DBEF0A8AEA71575D060C7DB3970F85A6E1E4C7" +
		"ABF5AE8CDB0933D71E8C94E04A25619DCEE3D2261AD2EE6BF12FFA06D98A0864D87602733EC86A64521F2B18177B200C" +
		"BBE117577A615D6C770988C0BAD946E208E24FA074E5AB3143DB5BFCE0FD108E4B82D120A93AD2CAFFFFFFFFFFFFFFFF")
	generator  = big.NewInt(2)
	multiplier = new(big.Int).SetBytes(digest(pad(prime), pad(generator)))
)

const (
	primeBytes = 384
	saltBytes  = 16
	srpBytes   = 32 // of the server's one-time secret
)

var errSRP = errors.New("users: value outside the SRP group")

func fromHex(s string) *big.Int {
	n, _ := new(big.Int).SetString(s, 16)
	return n
}

func digest(parts ...[]byte) []byte {
	h := sha256.New()
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

func mac(key []byte, parts ...[]byte) []byte {
	h := hmac.New(sha256.New, key)
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

// pad is the shortest whole-byte form of n whose first bit is clear.
func pad(n *big.Int) []byte {
	b := n.Bytes()
	if len(b) == 0 || b[0] >= 0x80 {
		return append([]byte{0}, b...)
	}
	return b
}

// credential is what the server keeps of a password.
type credential struct {
	salt     []byte   // 16 bytes, the first hex digit not zero: clients drop leading zeros
	verifier *big.Int // g^x
}

// newCredential makes the credential of a password. realm is the pool id after the underscore, user the USER_ID_FOR_SRP.
func newCredential(realm, user, password string) credential {
	salt := make([]byte, saltBytes)
	for salt[0] < 0x10 {
		rand.Read(salt) //nolint:errcheck // never fails (crypto/rand)
	}
	return credential{salt, verifierOf(salt, realm, user, password)}
}

// verifierOf is g^x with x = H(PAD(salt) | H(realm | user ":" password)).
func verifierOf(salt []byte, realm, user, password string) *big.Int {
	inner := digest([]byte(realm), []byte(user), []byte(":"), []byte(password))
	x := new(big.Int).SetBytes(digest(pad(new(big.Int).SetBytes(salt)), inner))
	return new(big.Int).Exp(generator, x, prime)
}

// bytes is the form that is sealed: salt, then the verifier at full width.
func (c credential) bytes() []byte {
	b := make([]byte, saltBytes+primeBytes)
	copy(b, c.salt)
	c.verifier.FillBytes(b[saltBytes:])
	return b
}

func parseCredential(b []byte) (credential, error) {
	if len(b) != saltBytes+primeBytes {
		return credential{}, errSRP
	}
	return credential{b[:saltBytes], new(big.Int).SetBytes(b[saltBytes:])}, nil
}

// parsePublic reads a client's public value A: hex of an integer in [1, N).
func parsePublic(s string) (*big.Int, error) {
	if len(s) == 0 || len(s) > 2*primeBytes+2 {
		return nil, errSRP
	}
	for i := 0; i < len(s); i++ {
		if c := s[i] | 0x20; (s[i] < '0' || s[i] > '9') && (c < 'a' || c > 'f') {
			return nil, errSRP
		}
	}
	a := fromHex(s)
	if a.Sign() == 0 || a.Cmp(prime) >= 0 {
		return nil, errSRP
	}
	return a, nil
}

// exchange is the server's side of one sign-in between challenge and answer.
type exchange struct {
	secret []byte   // b
	client *big.Int // A
	scramb *big.Int // u
}

// newExchange picks b and returns the exchange with the public value B = kv + g^b.
func newExchange(a, verifier *big.Int) (exchange, *big.Int) {
	for {
		b := make([]byte, srpBytes)
		rand.Read(b) //nolint:errcheck // never fails (crypto/rand)
		x, public := exchangeOf(a, verifier, b)
		if public.Sign() != 0 && x.scramb.Sign() != 0 {
			return x, public
		}
	}
}

func exchangeOf(a, verifier *big.Int, b []byte) (exchange, *big.Int) {
	public := generatorPowers().exp(b)
	public.Add(public, new(big.Int).Mul(multiplier, verifier)).Mod(public, prime)
	u := new(big.Int).SetBytes(digest(pad(a), pad(public)))
	return exchange{b, a, u}, public
}

// key is the key both sides share: HKDF of S = (A v^u)^b. math/big takes time that depends on its operands, so the
// long-lived verifier never meets a value an attacker knows: S is computed as A^b (v^b)^u, where b is new each time.
func (x exchange) key(verifier *big.Int) []byte {
	b := new(big.Int).SetBytes(x.secret)
	s := new(big.Int).Exp(verifier, b, prime)
	s.Exp(s, x.scramb, prime)
	s.Mul(s, new(big.Int).Exp(x.client, b, prime)).Mod(s, prime)
	return deriveKey(s, x.scramb)
}

func deriveKey(s, u *big.Int) []byte {
	return mac(mac(pad(u), pad(s)), []byte("Caldera Derived Key"), []byte{1})[:16]
}

// claim is the signature by which a client proves that it has the key.
func claim(key []byte, realm, user string, block []byte, timestamp string) []byte {
	return mac(key, []byte(realm), []byte(user), block, []byte(timestamp))
}
