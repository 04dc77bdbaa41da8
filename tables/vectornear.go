package tables

import (
	"bytes"
	"cmp"
	"container/heap"
	"encoding/binary"
	"math"
	"slices"
)

// Distance functions.
const (
	distanceCosine    = "COSINE"
	distanceEuclidean = "EUCLIDEAN"
	distanceDot       = "DOT_PRODUCT"
)

// measure scores vectors against one: sums are of 64 bits, and scores stay in what 32 bits hold, as AWS has them.
type measure struct {
	function string
	to       []float64
	square   float64 // of the length of to
}

func newMeasure(function string, to []float32) *measure {
	m := &measure{function: function, to: make([]float64, len(to))}
	for i, f := range to {
		m.to[i] = float64(f)
		m.square += m.to[i] * m.to[i]
	}
	return m
}

// score is that of a vector as an entry holds it, which has as many dimensions.
func (m *measure) score(floats []byte) float64 {
	var s float64
	switch m.function {
	case distanceEuclidean:
		s = m.euclidean(floats)
	case distanceDot:
		s, _ = m.product(floats)
	default:
		s = m.cosine(floats)
	}
	return max(-math.MaxFloat32, min(s, math.MaxFloat32))
}

func at(floats []byte, i int) float64 {
	return float64(math.Float32frombits(binary.LittleEndian.Uint32(floats[4*i:])))
}

func (m *measure) euclidean(floats []byte) (sum float64) {
	floats = floats[:4*len(m.to)]
	for i, a := range m.to {
		d := a - at(floats, i)
		sum += d * d
	}
	return math.Sqrt(sum)
}

func (m *measure) product(floats []byte) (sum, square float64) {
	floats = floats[:4*len(m.to)]
	for i, a := range m.to {
		b := at(floats, i)
		sum += a * b
		square += b * b
	}
	return sum, square
}

// cosine is the distance from 0, the same direction, to 2, the opposite one. A vector of zeros has no direction, and is 1 from all.
func (m *measure) cosine(floats []byte) float64 {
	sum, square := m.product(floats)
	if m.square == 0 || square == 0 {
		return 1
	}
	return max(0, min(1-sum/math.Sqrt(m.square*square), 2))
}

// near is an item found, the row without the table's prefix.
type near struct {
	itself []byte
	score  float64
	vector []byte // nil: not wanted
}

// nearest keeps the best of what it is shown, so many of them, the worst on top. Of equal scores the first row is the better one.
type nearest struct {
	list    []near
	most    int
	highest bool // is best
	vectors bool // are wanted
}

func (n *nearest) Len() int           { return len(n.list) }
func (n *nearest) Less(i, j int) bool { return n.compare(&n.list[i], &n.list[j]) > 0 }
func (n *nearest) Swap(i, j int)      { n.list[i], n.list[j] = n.list[j], n.list[i] }

// Push is heap.Interface's.
func (n *nearest) Push(x any) { n.list = append(n.list, x.(near)) }

// Pop is not called: what falls out is replaced.
func (n *nearest) Pop() any { panic("tables: nearest items are not popped") }

// compare is negative when a is better.
func (n *nearest) compare(a, b *near) int {
	c := cmp.Compare(a.score, b.score)
	if n.highest {
		c = -c
	}
	if c != 0 {
		return c
	}
	return bytes.Compare(a.itself, b.itself)
}

// show offers an entry, whose bytes are copied when it is among the best so far.
func (n *nearest) show(r *vectorRow, score float64) {
	x := near{itself: r.itself, score: score}
	full := len(n.list) == n.most
	if full && n.compare(&x, &n.list[0]) >= 0 {
		return
	}
	x.itself = bytes.Clone(r.itself)
	if n.vectors {
		x.vector = bytes.Clone(r.floats)
	}
	if full {
		n.list[0] = x
		heap.Fix(n, 0)
		return
	}
	heap.Push(n, x)
}

// sorted are those kept, the best first.
func (n *nearest) sorted() []near {
	slices.SortFunc(n.list, func(a, b near) int { return n.compare(&a, &b) })
	return n.list
}
