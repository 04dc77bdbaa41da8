package users

import (
	"bytes"
	"crypto/rand"
	"math/big"
	"testing"
)

func TestComb(t *testing.T) {
	exponents := [][]byte{make([]byte, srpBytes), bytes.Repeat([]byte{0xff}, srpBytes), append(make([]byte, srpBytes-1), 1), append([]byte{0x80}, make([]byte, srpBytes-1)...)}
	for range 50 {
		e := make([]byte, srpBytes)
		rand.Read(e) //nolint:errcheck // never fails (crypto/rand)
		exponents = append(exponents, e)
	}
	for _, e := range exponents {
		want := new(big.Int).Exp(generator, new(big.Int).SetBytes(e), prime)
		if got := generatorPowers().exp(e); got.Cmp(want) != 0 {
			t.Errorf("g^%x is not %x", e, got)
		}
	}
}

func BenchmarkComb(b *testing.B) {
	e := make([]byte, srpBytes)
	rand.Read(e) //nolint:errcheck // never fails (crypto/rand)
	generatorPowers()
	b.Run("comb", func(b *testing.B) {
		for b.Loop() {
			generatorPowers().exp(e)
		}
	})
	b.Run("big", func(b *testing.B) {
		for b.Loop() {
			new(big.Int).Exp(generator, new(big.Int).SetBytes(e), prime)
		}
	})
}
