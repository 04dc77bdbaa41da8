package tables

import (
	"encoding/binary"
	"errors"
	"slices"
	"time"
	"unsafe"

	"bothy/kv"
	"bothy/tables/expr"
	"bothy/wire/item"
)

// change is one change of one item.
type change struct {
	number   int64 // in its shard, from 1, without gaps
	at       time.Time
	kind     changeKind
	expired  bool // removed because its time was over
	keys     item.Item
	old, now item.Item // as far as the log keeps them
}

type changeKind byte

const (
	inserted changeKind = iota
	modified
	removed
)

func kindOf(old, now item.Item) changeKind {
	switch {
	case old == nil:
		return inserted
	case now == nil:
		return removed
	}
	return modified
}

// The stored form of a change: changeVersion, the number of pieces, flags, the time in nanoseconds, the key attributes and the
// items kept, each a map as in codec.go. What is longer than a value may be goes on in rows with a piece number.
const (
	changeVersion = 1
	pieceBytes    = kv.MaxValueBytes - 1024

	flagKind    = 0x03
	flagExpired = 0x04
	flagOld     = 0x08
	flagNew     = 0x10
)

var errChange = errors.New("tables: malformed change row")

func sameItem(a, b item.Item) bool {
	va, vb := item.Map(a), item.Map(b)
	return expr.Equal(&va, &vb)
}

func (t *table) changes(shard int64) kv.Key { return t.prefix("tables.change").With(shard) }

func (t *table) writeChange(tx *kv.Tx, shard int64, c *change) error {
	one := c.now
	if one == nil {
		one = c.old
	}
	flags := byte(kindOf(c.old, c.now))
	if c.expired {
		flags |= flagExpired
	}
	keepOld, keepNew := t.Keeps.Old && c.old != nil, t.Keeps.New && c.now != nil
	b := binary.BigEndian.AppendUint64([]byte{changeVersion, 1, 0}, uint64(c.at.UnixNano()))
	b = appendMap(b, t.keyOf(one, nil))
	if keepOld {
		flags |= flagOld
		b = appendMap(b, c.old)
	}
	if keepNew {
		flags |= flagNew
		b = appendMap(b, c.now)
	}
	b[2] = flags
	row := t.changes(shard).With(c.number)
	b[1] = byte((len(b) + pieceBytes - 1) / pieceBytes)
	for i := 0; ; i++ {
		piece := b[:min(len(b), pieceBytes)]
		if err := tx.Set(row, piece); err != nil {
			return err
		}
		if b = b[len(piece):]; len(b) == 0 {
			return nil
		}
		row = t.changes(shard).With(c.number, int64(i+1))
	}
}

func decodeChange(number int64, raw []byte) (*change, error) {
	if len(raw) < 11 {
		return nil, errChange
	}
	if raw[0] != changeVersion {
		return nil, errVersion
	}
	c := &change{number: number, at: changeTime(raw), kind: changeKind(raw[2] & flagKind), expired: raw[2]&flagExpired != 0}
	d := decoder{row: unsafe.String(unsafe.SliceData(raw), len(raw)), at: 11}
	c.keys = d.attributes(0)
	if raw[2]&flagOld != 0 {
		c.old = d.attributes(0)
	}
	if raw[2]&flagNew != 0 {
		c.now = d.attributes(0)
	}
	if d.bad || d.at != len(raw) || c.kind > removed {
		return nil, errChange
	}
	return c, nil
}

func changeTime(raw []byte) time.Time {
	return time.Unix(0, int64(binary.BigEndian.Uint64(raw[3:11]))).UTC()
}

// eachChange calls fn for the changes of a shard numbered from to to, in order or backwards, until it returns false or limit
// rows were seen; size is what the change takes in the store.
func (t *table) eachChange(tx *kv.Tx, shard, from, to int64, limit int, reverse bool, fn func(c *change, size int) bool) error {
	base := t.changes(shard)
	r := kv.Range{From: base.With(from), To: base.With(to).End(), Limit: limit, Reverse: reverse}
	var g gathered
	var bad error
	err := tx.Scan(r, func(k kv.Key, v []byte) bool {
		var raw []byte
		if raw, bad = g.add(k, v, reverse); bad != nil || raw == nil {
			return bad == nil
		}
		var c *change
		if c, bad = decodeChange(g.number, raw); bad != nil {
			return false
		}
		return fn(c, len(raw))
	})
	return errors.Join(err, bad)
}

// gathered puts the pieces of changes together.
type gathered struct {
	number int64
	pieces [][]byte
}

// add takes a row, and returns the change when it is whole.
func (g *gathered) add(k kv.Key, v []byte, reverse bool) ([]byte, error) {
	parts, err := k.Parts()
	if err != nil {
		return nil, err
	}
	number, ok := parts[len(parts)-1].(int64)
	if len(parts) == 7 { // account, region, kind, ID, shard, number, piece
		number, ok = parts[5].(int64)
	}
	if !ok || len(v) == 0 {
		return nil, errChange
	}
	if number != g.number {
		g.number, g.pieces = number, nil
	}
	g.pieces = append(g.pieces, append([]byte(nil), v...))
	first := g.pieces[0]
	if reverse {
		first = g.pieces[len(g.pieces)-1]
		if len(parts) == 7 {
			return nil, nil
		}
	}
	if len(first) < 2 || len(g.pieces) < int(first[1]) {
		return nil, nil
	}
	if reverse {
		slices.Reverse(g.pieces)
	}
	return slices.Concat(g.pieces...), nil
}

// firstAt is the number of the first change of a shard at or after a time, between from and to, to+1 when there is none.
func (t *table) firstAt(tx *kv.Tx, shard, from, to int64, at time.Time) (int64, error) {
	for from <= to {
		middle := from + (to-from)/2
		raw, err := tx.Get(t.changes(shard).With(middle))
		if err != nil {
			return 0, err
		}
		if len(raw) < 11 {
			return 0, errChange
		}
		if changeTime(raw).Before(at) {
			from = middle + 1
		} else {
			to = middle - 1
		}
	}
	return from, nil
}
