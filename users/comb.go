package users

import (
	"math/big"
	"sync"
)

// Teeth and spacing of the comb: together the bits of an exponent.
const (
	combTeeth = 8
	combSpace = 8 * srpBytes / combTeeth
)

// comb holds products of fixed powers of the generator (Lim and Lee's comb): with it g^b takes 31 squarings and 32 products
// instead of 256 squarings and as many products again as there are windows in the exponent. It takes 98 KB, once.
type comb [1 << combTeeth]*big.Int

// generatorPowers makes the comb when the first person signs in. It is never changed.
var generatorPowers = sync.OnceValue(func() *comb {
	t := &comb{big.NewInt(1)}
	power := new(big.Int).Set(generator)
	for tooth := range combTeeth {
		for low := range 1 << tooth {
			t[1<<tooth|low] = times(new(big.Int), power, t[low])
		}
		for range combSpace {
			times(power, power, power)
		}
	}
	return t
})

// exp is g^e for an ephemeral e; one of more than srpBytes bytes, which we never make, takes the long way. Which entries it reads depends on e: for long-lived secrets it is not meant.
func (t *comb) exp(e []byte) *big.Int {
	n, r := new(big.Int).SetBytes(e), big.NewInt(1)
	if n.BitLen() > combTeeth*combSpace {
		return r.Exp(generator, n, prime)
	}
	for i := combSpace - 1; i >= 0; i-- {
		times(r, r, r)
		at := uint(0)
		for tooth := range combTeeth {
			at |= n.Bit(tooth*combSpace+i) << tooth
		}
		times(r, r, t[at])
	}
	return r
}

// times sets z to x·y in the group.
func times(z, x, y *big.Int) *big.Int { return z.Mod(z.Mul(x, y), prime) }
