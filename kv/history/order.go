package history

import (
	"math/bits"
	"slices"
)

// bitset is a set of nodes.
type bitset []uint64

func (b bitset) has(i int) bool { return b[i>>6]&(1<<(i&63)) != 0 }
func (b bitset) add(i int)      { b[i>>6] |= 1 << (i & 63) }

func (b bitset) union(o bitset) {
	for i, w := range o {
		b[i] |= w
	}
}

func (b bitset) each(fn func(i int)) {
	for w, word := range b {
		for ; word != 0; word &= word - 1 {
			fn(w<<6 + bits.TrailingZeros64(word))
		}
	}
}

// order is a strict partial order of nodes, closed: what follows from two edges is in it.
type order struct{ after, before []bitset }

// realTime orders who ended before another began.
func realTime(nodes []node) order {
	o := order{make([]bitset, len(nodes)), make([]bitset, len(nodes))}
	words := (len(nodes) + 63) / 64
	for i := range nodes {
		o.after[i], o.before[i] = make(bitset, words), make(bitset, words)
	}
	for i := range nodes {
		for j := range nodes {
			if nodes[i].ended < nodes[j].began {
				o.after[i].add(j)
				o.before[j].add(i)
			}
		}
	}
	return o
}

func (o order) has(a, b int) bool { return o.after[a].has(b) }

// put places a before b; false means that b is before a.
func (o order) put(a, b int) bool {
	if a == b || o.has(b, a) {
		return false
	}
	if o.has(a, b) {
		return true
	}
	earlier, later := slices.Clone(o.before[a]), slices.Clone(o.after[b])
	earlier.add(a)
	later.add(b)
	earlier.each(func(i int) { o.after[i].union(later) })
	later.each(func(i int) { o.before[i].union(earlier) })
	return true
}

func (o order) clone() order {
	c := order{make([]bitset, len(o.after)), make([]bitset, len(o.before))}
	for i := range o.after {
		c.after[i], c.before[i] = slices.Clone(o.after[i]), slices.Clone(o.before[i])
	}
	return c
}
