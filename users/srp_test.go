package users

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"os"
	"testing"
)

type srpVector struct {
	Label, Pool, Username, Password, Timestamp string
	Salt                                       string `json:"salt_hex"`
	ClientSecret                               string `json:"a_hex"`
	ServerSecret                               string `json:"b_hex"`
	K                                          string `json:"k_hex"`
	Verifier                                   string `json:"verifier_hex"`
	A                                          string `json:"A_hex"`
	B                                          string `json:"B_hex"`
	U                                          string `json:"u_hex"`
	Key                                        string `json:"hkdf_hex"`
	Block                                      string `json:"secret_block_b64"`
	Signature                                  string `json:"password_claim_signature"`
}

// The file spells both a_hex and A_hex; encoding/json folds case, so it is read through a map.
func readVectors(t testing.TB) []srpVector {
	raw, err := os.ReadFile("testdata/srp-vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Vectors []map[string]any }
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	var out []srpVector
	for _, m := range file.Vectors {
		s := func(k string) string { v, _ := m[k].(string); return v }
		out = append(out, srpVector{
			Label: s("label"), Pool: s("pool"), Username: s("username"), Password: s("password"), Timestamp: s("timestamp"),
			Salt: s("salt_hex"), ClientSecret: s("a_hex"), ServerSecret: s("b_hex"), K: s("k_hex"), Verifier: s("verifier_hex"),
			A: s("A_hex"), B: s("B_hex"), U: s("u_hex"), Key: s("hkdf_hex"), Block: s("secret_block_b64"), Signature: s("password_claim_signature"),
		})
	}
	return out
}

func TestSRPKnownAnswers(t *testing.T) {
	vectors := readVectors(t)
	if len(vectors) != 8 {
		t.Fatalf("%d vectors", len(vectors))
	}
	for _, v := range vectors {
		t.Run(v.Label, func(t *testing.T) {
			salt, err := hex.DecodeString(v.Salt)
			if err != nil {
				t.Fatal(err)
			}
			same := func(name string, got *big.Int, want string) {
				t.Helper()
				if got.Cmp(fromHex(want)) != 0 {
					t.Errorf("%s = %x, want %s", name, got, want)
				}
			}
			same("k", multiplier, v.K)
			verifier := verifierOf(salt, v.Pool, v.Username, v.Password)
			same("v", verifier, v.Verifier)
			a, err := parsePublic(v.A)
			if err != nil {
				t.Fatal(err)
			}
			x, public := exchangeOf(a, verifier, fromHex(v.ServerSecret).Bytes())
			same("B", public, v.B)
			same("u", x.scramb, v.U)
			key := x.key(verifier)
			if hex.EncodeToString(key) != v.Key {
				t.Errorf("key = %x, want %s", key, v.Key)
			}
			block, err := base64.StdEncoding.DecodeString(v.Block)
			if err != nil {
				t.Fatal(err)
			}
			if got := base64.StdEncoding.EncodeToString(claim(key, v.Pool, v.Username, block, v.Timestamp)); got != v.Signature {
				t.Errorf("signature = %s, want %s", got, v.Signature)
			}
		})
	}
}

func TestSRPPublicValueRefused(t *testing.T) {
	n := prime.Text(16)
	for _, s := range []string{"", "0", "00", "-1", "+1", "0x1", "1_0", "zz", n, new(big.Int).Lsh(prime, 1).Text(16), string(bytes.Repeat([]byte("f"), 4000))} {
		if _, err := parsePublic(s); err == nil {
			t.Errorf("accepted %.20q", s)
		}
	}
}

func TestSRPSaltHasNoLeadingZero(t *testing.T) {
	for range 40 {
		if c := newCredential("p", "u", "x"); c.salt[0] < 0x10 {
			t.Fatalf("salt %x", c.salt)
		}
	}
}

func FuzzSRPPublic(f *testing.F) {
	for _, s := range []string{"", "0", "1", "FF", "-2", prime.Text(16), "00ff", "g"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := parsePublic(s)
		if err == nil && (a.Sign() <= 0 || a.Cmp(prime) >= 0) {
			t.Fatalf("%q gave %x", s, a)
		}
	})
}
