package tables

import (
	"bytes"
	"math"
	"sync"

	"bothy/kv"
	"bothy/tables/number"
	"bothy/wire/item"
)

// store writes an item (nil: removes it), brings index and expiry entries along and logs the change. old is the item the row
// held, nil when none; it matters only to tables that watch (see watches).
func (t *table) store(tx *kv.Tx, row kv.Key, old, now item.Item, size int) error {
	if err := t.log(tx, row, &change{old: old, now: now}); err != nil {
		return err
	}
	return t.place(tx, row, old, now, size)
}

// place is store without the log.
func (t *table) place(tx *kv.Tx, row kv.Key, old, now item.Item, size int) error {
	grown := 0
	for i := range t.Indexes {
		ix := &t.Indexes[i]
		if ix.Status == statusDeleting {
			continue
		}
		from, to := t.entry(ix, row, old), t.entry(ix, row, now)
		if ix.Projection == "INCLUDE" || !bytes.Equal(from, to) { // else entries hold the same
			if err := move(tx, t.indexed(ix, from, row, old), t.indexed(ix, to, row, now)); err != nil {
				return err
			}
		}
		if ix.Local {
			grown += t.shownSize(ix, to, now) - t.shownSize(ix, from, old)
		}
	}
	if err := t.placeVectors(tx, row, old, now); err != nil {
		return err
	}
	if err := t.collect(tx, old, now, grown); err != nil {
		return err
	}
	if t.TTL != "" {
		if err := move(tx, t.expiring(row, old), t.expiring(row, now)); err != nil {
			return err
		}
	}
	if now == nil {
		return tx.Delete(row)
	}
	room := rowRooms.Get().(*[]byte)
	defer rowRooms.Put(room)
	*room = appendItem((*room)[:0], now)
	return tx.Set(row, *room)
}

// rowRooms are where rows are written, one after the other: a transaction keeps copies.
var rowRooms = sync.Pool{New: func() any { return new([]byte) }}

// watches tells whether a write must know the item it replaces.
func (t *table) watches() bool {
	return len(t.Indexes) > 0 || len(t.Vectors) > 0 || t.TTL != "" || len(t.Log) > 0
}

// move makes one entry of another; one without a key is none.
func move(tx *kv.Tx, from, to kv.Pair) error {
	same := bytes.Equal(from.Key, to.Key)
	if from.Key != nil && !same {
		if err := tx.Delete(from.Key); err != nil {
			return err
		}
	}
	if to.Key == nil || same && bytes.Equal(from.Value, to.Value) {
		return nil
	}
	return tx.Set(to.Key, to.Value)
}

// maxHeld is how many bytes an entry may hold of its item: large ones would make transactions too large that AWS's limits allow.
const maxHeld = 2 << 10

// indexed is an item's entry in an index, whose key is given. It holds what the index shows of the item where that is little, so
// that reads need not look at items of which they show almost nothing, and otherwise the item's row less the table's prefix.
func (t *table) indexed(ix *index, key, row kv.Key, it item.Item) kv.Pair {
	if key == nil {
		return kv.Pair{}
	}
	if ix.Covers {
		if shown := t.shown(ix, it); itemSize(shown) <= maxHeld {
			if held := encodeItem(shown, 0); len(held) <= maxHeld {
				return kv.Pair{Key: key, Value: held}
			}
		}
	}
	return kv.Pair{Key: key, Value: t.itself(row)}
}

// entry is the key of an item's entry in an index, nil when the index does not show the item.
func (t *table) entry(ix *index, row kv.Key, it item.Item) kv.Key {
	for part, a := range ix.Key.parts() {
		v := it.Get(a.Name)
		if v == nil || v.Kind.String() != a.Type || checkKeyValue(v, ix.Key.limit(part)) != nil {
			return nil // items older than the index may not fit it
		}
	}
	if ix.Key.checkSizes(it) != nil {
		return nil
	}
	return appendDigest(appendKey(t.indexPrefix(ix), &ix.Key, it), t.itself(row))
}

// expiring is an item's entry in the order of expiry, none when it does not expire: only numbers are seconds since
// 1970, and a time more than five years past is taken for a mistake, as AWS does when it removes.
func (t *table) expiring(row kv.Key, it item.Item) kv.Pair {
	seconds, ok := t.expires(it)
	if !ok {
		return kv.Pair{}
	}
	return kv.Pair{Key: appendDigest(t.prefix("tables.expiry").With(seconds), t.itself(row)), Value: t.itself(row)}
}

func (t *table) expires(it item.Item) (seconds int64, ok bool) {
	v := it.Get(t.TTL)
	if v == nil || v.Kind != item.N {
		return 0, false
	}
	x, err := number.Parse(v.Str)
	if err != nil {
		return 0, false
	}
	return x.Int64(), x.Int64() > 0 && x.Int64() < math.MaxInt64
}

// read is the item in a row, nil when there is none.
func read(tx *kv.Tx, row kv.Key) (item.Item, error) {
	raw, err := tx.Get(row)
	if err != nil || raw == nil {
		return nil, err
	}
	return decodeOwned(raw)
}
