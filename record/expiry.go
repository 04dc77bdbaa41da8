package record

import (
	"bytes"
	"context"
	"time"

	"bothy/kv"
)

func expiries() kv.Key { return kv.K("", "", "record.expiry") }

// reschedule moves the row's expiry entry.
func (t *Table[T]) reschedule(tx *kv.Tx, s Scope, row kv.Key, old, now *T) error {
	if before, _ := t.expiry(s, row, old); before != nil {
		if err := tx.Delete(before); err != nil {
			return err
		}
	}
	entry, list := t.expiry(s, row, now)
	if entry == nil {
		return nil
	}
	return tx.Set(entry, list)
}

const sweepRows = 200 // rows deleted in one transaction

// SweepExpired deletes the rows of all tables that expired by now, at most limit of them, and returns how many went.
func SweepExpired(ctx context.Context, db *kv.DB, now time.Time, limit int) (total int, err error) {
	for total < limit {
		n, most := 0, min(limit-total, sweepRows)
		if err := db.Update(ctx, func(tx *kv.Tx) (err error) {
			n, err = sweepSome(tx, now, most)
			return err
		}); err != nil {
			return total, err
		}
		total += n
		if n < most {
			break
		}
	}
	return total, nil
}

func sweepSome(tx *kv.Tx, now time.Time, limit int) (int, error) {
	r := expiries().Range()
	r.To, r.Limit = expiries().With(now).End(), limit
	var due []kv.Pair
	if err := tx.Scan(r, func(k kv.Key, v []byte) bool {
		due = append(due, kv.Pair{Key: append(kv.Key{}, k...), Value: bytes.Clone(v)})
		return true
	}); err != nil {
		return 0, err
	}
	for _, d := range due {
		keys, err := kv.Key(d.Value).Parts()
		if err != nil {
			return 0, err
		}
		for _, k := range append(keys, []byte(d.Key)) {
			if err := tx.Delete(k.([]byte)); err != nil {
				return 0, err
			}
		}
	}
	return len(due), nil
}
