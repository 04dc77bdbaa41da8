package kvtest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"

	"bothy/kv"
	"bothy/kv/history"
)

const (
	registers = 6
	buckets   = 7 // that rows are spread over, so that new ones come between others
)

// recTx is a transaction whose steps are kept.
type recTx struct {
	tx   *kv.Tx
	ops  []history.Op
	rows []kv.Key // last seen by a scan of rows
}

func register(i int) kv.Key { return kv.K("reg", i) }
func row(id int) kv.Key     { return kv.K("row", id%buckets, id) }

// name is a key as histories have it: in the order of the store.
func name(k kv.Key) string {
	if k == nil {
		return ""
	}
	parts, err := k.Parts()
	after := ""
	if err != nil { // a bound: below or above all that begins with a key
		last := len(k) - 1
		parts, err = k[:last].Parts()
		after = map[byte]string{0x00: "\x00", 0xFF: "~"}[k[last]]
	}
	if err != nil {
		panic(err)
	}
	var b strings.Builder
	for _, p := range parts {
		if n, ok := p.(int64); ok {
			p = fmt.Sprintf("%06d", n)
		}
		fmt.Fprintf(&b, "/%s", p)
	}
	return b.String() + after
}

func number64(v []byte) int {
	if len(v) != 8 {
		return history.Absent
	}
	return int(binary.BigEndian.Uint64(v))
}

func (t *recTx) get(k kv.Key) error {
	v, err := t.tx.Get(k)
	t.ops = append(t.ops, history.Op{Kind: history.Read, Key: name(k), Value: number64(v)})
	return err
}

func (t *recTx) getMany(ks ...kv.Key) error {
	vs, err := t.tx.GetMany(ks)
	for i, v := range vs {
		t.ops = append(t.ops, history.Op{Kind: history.Read, Key: name(ks[i]), Value: number64(v)})
	}
	return err
}

func (t *recTx) set(k kv.Key, v int) error {
	t.ops = append(t.ops, history.Op{Kind: history.Write, Key: name(k), Value: v})
	return t.tx.Set(k, binary.BigEndian.AppendUint64(nil, uint64(v)))
}

func (t *recTx) del(k kv.Key) error {
	t.ops = append(t.ops, history.Op{Kind: history.Write, Key: name(k)})
	return t.tx.Delete(k)
}

// scan keeps what was seen, and where it stopped: what lies beyond was not read.
func (t *recTx) scan(r kv.Range) error {
	o := history.Op{Kind: history.Scan, Key: name(r.From), To: name(r.To), Seen: map[string]int{}}
	t.rows = nil
	err := t.tx.Scan(r, func(k kv.Key, v []byte) bool {
		o.Seen[name(k)] = number64(v)
		t.rows = append(t.rows, append(kv.Key{}, k...))
		return true
	})
	if n := len(t.rows); n > 0 && n == r.Limit {
		if last := name(t.rows[n-1]); r.Reverse {
			o.Key = last
		} else {
			o.To = last + "\x00"
		}
	}
	t.ops = append(t.ops, o)
	return err
}

// plan is a random transaction; its function may run again and does the same.
func (r *Recorder) plan(rnd *rand.Rand, views bool) func(*recTx) error {
	var steps []func(*recTx) error
	for range 1 + rnd.IntN(4) {
		steps = append(steps, r.step(rnd, views))
	}
	return func(t *recTx) error {
		for _, s := range steps {
			if err := s(t); err != nil {
				return err
			}
		}
		return nil
	}
}

func (r *Recorder) step(rnd *rand.Rand, views bool) func(*recTx) error {
	id, key, pick := int(r.ids.Add(1)), register(rnd.IntN(registers)), rnd.IntN(1<<20)
	n := 10
	if views {
		n = 5
	}
	switch rnd.IntN(n) {
	case 0:
		return func(t *recTx) error { return t.get(key) }
	case 1:
		other := register(rnd.IntN(registers))
		return func(t *recTx) error { return t.getMany(key, other) }
	case 2:
		return func(t *recTx) error { return t.scan(someRange(kv.K("reg"), pick)) }
	case 3, 4:
		return func(t *recTx) error { return t.scan(someRange(kv.K("row"), pick)) }
	case 5:
		return func(t *recTx) error { return t.set(key, id) }
	case 6, 7:
		return func(t *recTx) error { return errors.Join(t.get(key), t.set(key, id)) }
	case 8:
		return func(t *recTx) error { return t.set(row(id), id) }
	default:
		return func(t *recTx) error { // take some row
			if err := t.scan(someRange(kv.K("row"), pick)); err != nil || len(t.rows) == 0 {
				return err
			}
			k := t.rows[pick%len(t.rows)]
			return errors.Join(t.get(k), t.del(k))
		}
	}
}

// someRange is all below k, or one bucket, or the first or last few.
func someRange(k kv.Key, pick int) kv.Range {
	r := k.Range()
	switch pick % 4 {
	case 0:
		r.Limit = 1 + pick/4%3
	case 1:
		r = k.With(pick / 4 % buckets).Range()
	}
	r.Reverse = pick/16%2 == 0
	return r
}
