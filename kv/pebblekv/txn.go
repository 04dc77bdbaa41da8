package pebblekv

import (
	"bytes"
	"errors"
	"hash/maphash"
	"slices"

	"bothy/kv/overlay"

	"github.com/cockroachdb/pebble/v2"
)

// txn implements kv.Txn over a Pebble reader: a durable snapshot or, in a turn, everything applied and the group on top.
type txn struct {
	from   pebble.Reader
	hot    *hot            // of the snapshot; nil in a turn
	group  *overlay.Writes // of the group under construction; nil outside a turn
	turn   *store          // whose turn it is, nil outside one
	writes overlay.Writes

	// What the committer must check; only kept by a first run.
	tracks bool
	seed   maphash.Seed
	at     uint64   // sequence of the snapshot
	reads  []uint64 // hashes of keys
	spans  []span

	fewReads [4]uint64 // room for reads: most transactions need no more
}

// span is a range of keys that was read: [from, to), to == nil is the end of the store.
type span struct{ from, to []byte }

func (t *txn) Get(key []byte) ([]byte, error) {
	if e := t.written(key); e != nil {
		if e.Deleted {
			return nil, nil
		}
		return append([]byte{}, e.Value...), nil
	}
	if t.tracks {
		if t.reads == nil {
			t.reads = t.fewReads[:0]
		}
		t.reads = append(t.reads, maphash.Bytes(t.seed, key))
	}
	if t.turn != nil {
		if v := t.turn.settled(key); v != nil {
			return v, nil
		}
	}
	return get(t.from, t.hot, t.at, key)
}

// get reads a key, from what is kept of the snapshot at if it can.
func get(from pebble.Reader, h *hot, at uint64, key []byte) ([]byte, error) {
	if h != nil {
		if v := h.get(key, at); v != nil {
			return v, nil
		}
	}
	v, closer, err := from.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	out := append(make([]byte, 0, len(v)), v...)
	if h != nil {
		h.offer(key, out, at)
	}
	return out, closer.Close()
}

// written finds a write of key that is not in from yet.
func (t *txn) written(key []byte) *overlay.Entry {
	if e := t.writes.Find(key); e != nil || t.group == nil {
		return e
	}
	return t.group.Find(key)
}

func (t *txn) GetMany(keys [][]byte) ([][]byte, error) { return getMany(keys, t.Get) }

func getMany(keys [][]byte, get func([]byte) ([]byte, error)) ([][]byte, error) {
	out := make([][]byte, len(keys))
	for i, k := range keys {
		v, err := get(k)
		if err != nil {
			return nil, err
		}
		out[i] = v
	}
	return out, nil
}

func (t *txn) Set(key, value []byte) error { return t.write(key, value, false) }
func (t *txn) Delete(key []byte) error     { return t.write(key, nil, true) }

func (t *txn) write(key, value []byte, deleted bool) error {
	t.writes.Put(key, value, deleted)
	return nil
}

func (t *txn) Scan(from, to []byte, limit int, reverse bool, fn func(k, v []byte) bool) error {
	if limit <= 0 || to != nil && bytes.Compare(from, to) >= 0 {
		return nil
	}
	last, err := scan(t.from, &t.writes, t.group, from, to, limit, reverse, fn)
	t.saw(from, to, last, reverse)
	return err
}

// scan calls fn for what from and the writes on top of it hold of a range, and returns the key it stopped at, nil at the end.
func scan(r pebble.Reader, writes, group *overlay.Writes, from, to []byte, limit int, reverse bool, fn func(k, v []byte) bool) ([]byte, error) {
	it, err := r.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: to})
	if err != nil {
		return nil, err
	}
	defer it.Close() //nolint:errcheck // its error is read below
	last := overlay.Scan(&cursor{it, reverse, false}, writes, group, from, to, limit, reverse, fn)
	return last, it.Error()
}

// cursor is an iterator in the order of a scan.
type cursor struct {
	*pebble.Iterator
	reverse, begun bool
}

func (c *cursor) Next() bool {
	switch {
	case c.begun && c.reverse:
		return c.Iterator.Prev()
	case c.begun:
		return c.Iterator.Next()
	}
	c.begun = true
	if c.reverse {
		return c.Iterator.Last()
	}
	return c.Iterator.First()
}

// saw notes the span that a scan of [from, to) covered when it stopped at last (nil: at the end).
func (t *txn) saw(from, to, last []byte, reverse bool) {
	if !t.tracks {
		return
	}
	s := span{bytes.Clone(from), bytes.Clone(to)}
	switch {
	case last == nil:
	case reverse:
		s.from = last
	default:
		s.to = append(last, 0)
	}
	t.spans = append(t.spans, s)
}

// sortSpans merges overlapping spans, so that the committer finds a key's span by bisection.
func (t *txn) sortSpans() {
	if len(t.spans) < 2 {
		return
	}
	slices.SortFunc(t.spans, func(a, b span) int { return bytes.Compare(a.from, b.from) })
	out := t.spans[:1]
	for _, s := range t.spans[1:] {
		last := &out[len(out)-1]
		switch {
		case last.to == nil:
		case bytes.Compare(s.from, last.to) > 0:
			out = append(out, s)
		case s.to == nil || bytes.Compare(s.to, last.to) > 0:
			last.to = s.to
		}
	}
	t.spans = out
}

// scanned says whether key is in one of the (sorted) spans.
func (t *txn) scanned(key []byte) bool {
	i, found := slices.BinarySearchFunc(t.spans, key, func(s span, key []byte) int { return bytes.Compare(s.from, key) })
	if found {
		return true
	}
	if i == 0 {
		return false
	}
	to := t.spans[i-1].to
	return to == nil || bytes.Compare(key, to) < 0
}
