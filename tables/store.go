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
		if err := t.move(tx, row, from, to); err != nil {
			return err
		}
		if ix.Local {
			grown += t.shownSize(ix, to, now) - t.shownSize(ix, from, old)
		}
	}
	if err := t.collect(tx, old, now, grown); err != nil {
		return err
	}
	if t.TTL != "" {
		if err := t.move(tx, row, t.expiry(row, old), t.expiry(row, now)); err != nil {
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
func (t *table) watches() bool { return len(t.Indexes) > 0 || t.TTL != "" || len(t.Log) > 0 }

func (t *table) move(tx *kv.Tx, row, from, to kv.Key) error {
	if bytes.Equal(from, to) {
		return nil
	}
	if from != nil {
		if err := tx.Delete(from); err != nil {
			return err
		}
	}
	if to == nil {
		return nil
	}
	return tx.Set(to, t.itself(row))
}

// entry is the key of an item's entry in an index, nil when the index does not show the item.
func (t *table) entry(ix *index, row kv.Key, it item.Item) kv.Key {
	for part, a := range ix.Key.parts() {
		v := it.Get(a.Name)
		if v == nil || v.Kind.String() != a.Type || checkKeyValue(v, keyLimit(part)) != nil {
			return nil // items older than the index may not fit it
		}
	}
	return appendDigest(appendKey(t.indexPrefix(ix), &ix.Key, it), t.itself(row))
}

// expiry is the key of an item's entry in the order of expiry, nil when it does not expire: only numbers are seconds since
// 1970, and a time more than five years past is taken for a mistake, as AWS does when it removes.
func (t *table) expiry(row kv.Key, it item.Item) kv.Key {
	seconds, ok := t.expires(it)
	if !ok {
		return nil
	}
	return appendDigest(t.prefix("tables.expiry").With(seconds), t.itself(row))
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
