package record

import (
	"fmt"
	"hash/maphash"

	"bothy/kv"
)

// Census looks at every pair of a store, in key order, and tells whether what follows from rows (index entries, expiries) is
// exactly what is there. It needs little memory, whatever the size of the store: entries and what rows owe are added up in
// buckets, with opposite signs. Where a sum is not zero something is missing or left over; a second look, at the pairs of
// those buckets only, finds out what.
type Census struct {
	Rules map[string]Inspect // by the name of the table
	Plain map[string]bool    // keys that are not of record
	Names func(blob string)  // hears of every blob that a row names; may be nil
	Fault func(k kv.Key, text string)

	Counts map[string]int64 // pairs by table; its owner reads it

	seed maphash.Seed
	sums []uint64
	open map[uint64]bool // the second look: buckets to look at
	left map[string]int  // in these: how often a pair is there more than it is owed
}

const (
	censusBuckets = 1 << 18
	maxOpen       = 1 << 10 // buckets of a second look
)

// Pair looks at the next pair.
func (c *Census) Pair(k kv.Key, v []byte) {
	if c.sums == nil {
		c.seed, c.sums, c.Counts = maphash.MakeSeed(), make([]uint64, censusBuckets), map[string]int64{}
	}
	if c.Plain[string(k)] {
		c.count("node")
		return
	}
	s, table, ok := split(k, v)
	rule := c.Rules[table]
	if !ok || rule == nil {
		c.say(k, "no part of this program knows such keys")
		return
	}
	c.count(table)
	rule(&s, &finding{c, &s})
}

// split reads a key of record's.
func split(k kv.Key, v []byte) (s Seen, table string, ok bool) {
	parts, err := k.Parts()
	if err != nil || len(parts) < 3 {
		return s, "", false
	}
	account, ok1 := parts[0].(string)
	region, ok2 := parts[1].(string)
	table, ok3 := parts[2].(string)
	return Seen{k, v, In(account, region), parts[3:]}, table, ok1 && ok2 && ok3
}

func (c *Census) count(table string) {
	if c.open == nil {
		c.Counts[table]++
	}
}

// say passes on a fault of the first look: the second would only repeat it.
func (c *Census) say(k kv.Key, text string) {
	if c.open == nil {
		c.Fault(k, text)
	}
}

// Again ends the first look and tells whether a second one is needed: over the same pairs, and then Left.
func (c *Census) Again() bool {
	c.open, c.left = map[uint64]bool{}, map[string]int{}
	for i, sum := range c.sums {
		if sum != 0 && len(c.open) < maxOpen {
			c.open[uint64(i)] = true
		}
	}
	return len(c.open) > 0
}

// Left ends the second look: it tells what is missing and what is left over.
func (c *Census) Left() {
	for pair, n := range c.left {
		parts, err := kv.Key(pair).Parts()
		if err != nil || len(parts) != 2 {
			continue // we made it
		}
		k, v := kv.Key(parts[0].([]byte)), kv.Key(parts[1].([]byte))
		if n > 0 {
			c.Fault(k, fmt.Sprintf("an entry that no row explains: it leads to %s", Text(v)))
		} else if n < 0 {
			c.Fault(k, fmt.Sprintf("an entry is missing that should lead to %s", Text(v)))
		}
	}
}

// add notes a pair that is there (sign 1) or owed (-1).
func (c *Census) add(k kv.Key, v []byte, sign int) {
	bucket := maphash.Bytes(c.seed, k) % censusBuckets
	if c.open != nil && !c.open[bucket] {
		return
	}
	pair := kv.K([]byte(k), v)
	if c.open == nil {
		c.sums[bucket] += uint64(sign) * maphash.Bytes(c.seed, pair)
		return
	}
	if c.left[string(pair)] += sign; c.left[string(pair)] == 0 {
		delete(c.left, string(pair))
	}
}

// finding is Findings for one pair.
type finding struct {
	c *Census
	s *Seen
}

func (f *finding) Derived()                { f.c.add(f.s.Key, f.s.Value, 1) }
func (f *finding) Owes(k kv.Key, v []byte) { f.c.add(k, v, -1) }

func (f *finding) Names(blob string) {
	if f.c.open == nil && f.c.Names != nil {
		f.c.Names(blob)
	}
}

func (f *finding) Fault(format string, args ...any) {
	f.c.say(f.s.Key, fmt.Sprintf(format, args...))
}
