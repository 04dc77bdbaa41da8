package pgkv

import (
	"bytes"
	"context"
	"slices"

	"bothy/kv"
	"bothy/kv/overlay"
)

// source is where a transaction reads what it has not written itself: a member's snapshot, or the serial lane. The slices
// returned belong to the transaction.
type source interface {
	get(ctx context.Context, keys [][]byte) ([][]byte, error)
	// scan returns the first limit pairs of [from, to).
	scan(ctx context.Context, from, to []byte, limit int, reverse bool) ([]pair, error)
}

type pair struct{ k, v []byte }

// txn implements kv.Txn.
type txn struct {
	ctx      context.Context // the caller's
	from     source
	readOnly bool
	group    *overlay.Writes // in a turn: of those before it in the round
	writes   overlay.Writes
	topics   []string // as notified

	// known is what was read, kept because the commit must check it, or in a turn because it cannot change; nil in a View.
	known *overlay.Writes
	spans []span // that a first run scanned
	turn  bool
}

// span is a range of keys that was read, and how many stored pairs it had; to == nil is the end of the store.
type span struct {
	from, to []byte
	pairs    int
}

// nothing says that there is nothing to commit.
func (t *txn) nothing() bool { return len(t.writes.Entries) == 0 && len(t.topics) == 0 }

func (t *txn) Get(key []byte) ([]byte, error) {
	if e := t.find(key); e != nil {
		return valueOf(e), nil
	}
	values, err := t.fetch([][]byte{bytes.Clone(key)})
	if err != nil {
		return nil, err
	}
	return values[0], nil
}

// find looks for key in what needs no database.
func (t *txn) find(key []byte) *overlay.Entry {
	if e := t.writes.Find(key); e != nil {
		return e
	}
	if t.group != nil {
		if e := t.group.Find(key); e != nil {
			return e
		}
	}
	if t.known != nil {
		return t.known.Find(key)
	}
	return nil
}

func valueOf(e *overlay.Entry) []byte {
	if e.Deleted {
		return nil
	}
	return append([]byte{}, e.Value...)
}

// fetch reads keys, which it keeps, from the database.
func (t *txn) fetch(keys [][]byte) ([][]byte, error) {
	values, err := t.from.get(t.ctx, keys)
	if err != nil || t.known == nil {
		return values, err
	}
	out := make([][]byte, len(values))
	for i, v := range values {
		t.known.Keep(overlay.Entry{Key: keys[i], Value: v, Deleted: v == nil})
		if v != nil {
			out[i] = append([]byte{}, v...) // the caller may change it
		}
	}
	return out, nil
}

func (t *txn) GetMany(keys [][]byte) ([][]byte, error) {
	out := make([][]byte, len(keys))
	var missing [][]byte
	var places []int
	for i, k := range keys {
		if e := t.find(k); e != nil {
			out[i] = valueOf(e)
			continue
		}
		missing, places = append(missing, bytes.Clone(k)), append(places, i)
	}
	if len(missing) == 0 {
		return out, nil
	}
	values, err := t.fetch(missing)
	if err != nil {
		return nil, err
	}
	for i, v := range values {
		out[places[i]] = v
	}
	return out, nil
}

func (t *txn) Set(key, value []byte) error { return t.write(key, value, false) }
func (t *txn) Delete(key []byte) error     { return t.write(key, nil, true) }

func (t *txn) write(key, value []byte, deleted bool) error {
	if t.readOnly {
		return kv.ErrReadOnly
	}
	t.writes.Put(key, value, deleted)
	return nil
}

// Pairs and bytes that a scan fetches at a time.
const (
	firstFetch = 128
	maxFetch   = 4096
	fetchBytes = 1 << 20
)

func (t *txn) Scan(from, to []byte, limit int, reverse bool, fn func(k, v []byte) bool) error {
	if limit <= 0 || to != nil && bytes.Compare(from, to) >= 0 {
		return nil
	}
	c := &cursor{t: t, from: append([]byte{}, from...), to: bytes.Clone(to), reverse: reverse}
	c.want = limit + len(t.writes.Between(from, to))
	if t.group != nil {
		c.want += len(t.group.Between(from, to))
	}
	last := overlay.Scan(c, &t.writes, t.group, from, to, limit, reverse, fn)
	if c.err == nil && t.known != nil && !t.turn {
		t.saw(from, to, last, reverse, c.seen)
	}
	return c.err
}

// saw notes what a scan of [from, to) read when it stopped at last (nil: at the end), having fetched stored.
func (t *txn) saw(from, to, last []byte, reverse bool, stored []pair) {
	s := span{from: append([]byte{}, from...), to: bytes.Clone(to)}
	switch {
	case last == nil:
	case reverse:
		s.from = last
	default:
		s.to = append(last, 0)
	}
	for _, p := range stored {
		if bytes.Compare(p.k, s.from) >= 0 && (s.to == nil || bytes.Compare(p.k, s.to) < 0) {
			s.pairs++
			t.known.Keep(overlay.Entry{Key: p.k, Value: p.v})
		}
	}
	t.spans = append(t.spans, s)
}

// cursor walks stored pairs and fetches more as it goes.
type cursor struct {
	t        *txn
	from, to []byte // what was not fetched yet
	reverse  bool
	want     int // pairs that may still be asked for
	pairs    []pair
	at       int
	ended    bool
	err      error
	seen     []pair // all that were fetched, when they must be noted
}

func (c *cursor) Key() []byte   { return c.pairs[c.at].k }
func (c *cursor) Value() []byte { return c.pairs[c.at].v }

func (c *cursor) Next() bool {
	if c.at++; c.at < len(c.pairs) {
		return true
	}
	if c.ended || c.err != nil {
		return false
	}
	c.fetch()
	return len(c.pairs) > 0 && c.err == nil
}

func (c *cursor) fetch() {
	n := min(c.nextSize(), max(c.want, 1))
	c.pairs, c.err = c.t.from.scan(c.t.ctx, c.from, c.to, n, c.reverse)
	c.at, c.ended = 0, len(c.pairs) < n
	c.want -= len(c.pairs)
	if c.t.known != nil && !c.t.turn {
		c.seen = append(c.seen, c.pairs...)
	}
	if len(c.pairs) == 0 {
		return
	}
	last := c.pairs[len(c.pairs)-1].k
	if c.reverse {
		c.to = last
	} else {
		c.from = append(bytes.Clone(last), 0)
	}
}

func (c *cursor) nextSize() int {
	if len(c.pairs) == 0 {
		return firstFetch
	}
	return nextFetch(c.pairs)
}

// nextFetch is how many pairs like these are fetched at a time.
func nextFetch(like []pair) int {
	size := 1
	for _, p := range like {
		size += len(p.k) + len(p.v)
	}
	return min(max(fetchBytes*len(like)/size, 16), maxFetch)
}

// bytes is the size of what the commit must send.
func (t *txn) bytes() int { return t.writes.Bytes + t.known.Bytes }

// notify keeps what the commit notifies.
func (t *txn) notify(payload string) error {
	if t.readOnly {
		return kv.ErrReadOnly
	}
	if !slices.Contains(t.topics, payload) {
		t.topics = append(t.topics, payload)
	}
	return nil
}
