package kvtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"bothy/kv"
)

func wantLimit(t *testing.T, what string, err error) {
	t.Helper()
	if !errors.Is(err, kv.ErrLimit) {
		t.Errorf("%s: got %v, want ErrLimit", what, err)
	}
}

func testKeyLimit(t *testing.T, db *kv.DB) {
	longest, tooLong := kv.Key(bytes.Repeat([]byte("k"), kv.MaxKeyBytes)), kv.Key(bytes.Repeat([]byte("k"), kv.MaxKeyBytes+1))
	update(t, db, func(tx *kv.Tx) error { return tx.Set(longest, []byte("v")) })
	update(t, db, func(tx *kv.Tx) error {
		for _, k := range []kv.Key{nil, {}, tooLong} {
			what := fmt.Sprintf("key of %d bytes", len(k))
			wantLimit(t, what, tx.Set(k, nil))
			wantLimit(t, what, tx.Delete(k))
			_, err := tx.Get(k)
			wantLimit(t, what, err)
			_, err = tx.GetMany([]kv.Key{longest, k})
			wantLimit(t, what, err)
		}
		wantGet(t, tx, string(longest), "v")
		return nil
	})
}

func testValueLimit(t *testing.T, db *kv.DB) {
	update(t, db, func(tx *kv.Tx) error {
		wantLimit(t, "value", tx.Set(kv.Key("v"), make([]byte, kv.MaxValueBytes+1)))
		return tx.Set(kv.Key("v"), bytes.Repeat([]byte("v"), kv.MaxValueBytes))
	})
	view(t, db, func(tx *kv.Tx) error {
		v, err := tx.Get(kv.Key("v"))
		if len(v) != kv.MaxValueBytes {
			t.Errorf("%d bytes came back", len(v))
		}
		return err
	})
}

func testTxKeysLimit(t *testing.T, db *kv.DB) {
	fill := func(n int) func(*kv.Tx) error {
		return func(tx *kv.Tx) error {
			for i := range n {
				if err := tx.Set(kv.K("n", i), []byte{1}); err != nil {
					return err
				}
			}
			return nil
		}
	}
	wantLimit(t, "keys", db.Update(context.Background(), fill(kv.MaxTxKeys+1)))
	view(t, db, func(tx *kv.Tx) error { wantScan(t, tx, kv.Range{}); return nil })
	update(t, db, fill(kv.MaxTxKeys))
	update(t, db, func(tx *kv.Tx) error {
		n := 0
		err := tx.Scan(kv.Range{}, func(kv.Key, []byte) bool { n++; return true })
		if n != kv.MaxTxKeys {
			t.Errorf("%d keys, want %d", n, kv.MaxTxKeys)
		}
		return err
	})
}

func testTxBytesLimit(t *testing.T, db *kv.DB) {
	value := make([]byte, kv.MaxValueBytes)
	fits := kv.MaxTxBytes/kv.MaxValueBytes - 1
	fill := func(n int) func(*kv.Tx) error {
		return func(tx *kv.Tx) error {
			for i := range n {
				if err := tx.Set(kv.K(i), value); err != nil {
					return err
				}
			}
			return nil
		}
	}
	wantLimit(t, "bytes", db.Update(context.Background(), fill(fits+2)))
	update(t, db, fill(fits))
}

func testScanLimit(t *testing.T, db *kv.DB) {
	for part := range 2 {
		update(t, db, func(tx *kv.Tx) error {
			for i := range kv.MaxScan/2 + 5 {
				if err := tx.Set(kv.K(part, i), nil); err != nil {
					return err
				}
			}
			return nil
		})
	}
	for _, limit := range []int{0, -1, kv.MaxScan, kv.MaxScan + 1} {
		view(t, db, func(tx *kv.Tx) error {
			n := 0
			err := tx.Scan(kv.Range{Limit: limit}, func(kv.Key, []byte) bool { n++; return true })
			if n != kv.MaxScan {
				t.Errorf("limit %d: %d pairs, want %d", limit, n, kv.MaxScan)
			}
			return err
		})
	}
}

func testCancelled(t *testing.T, db *kv.DB) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	never := func(*kv.Tx) error { t.Error("the function ran"); return nil }
	if err := db.View(ctx, never); !errors.Is(err, context.Canceled) {
		t.Errorf("view: %v", err)
	}
	if err := db.Update(ctx, never); !errors.Is(err, context.Canceled) {
		t.Errorf("update: %v", err)
	}
}

// testCancelledWhileRunning: every operation of a transaction stops when the context ends, and nothing is written.
func testCancelledWhileRunning(t *testing.T, db *kv.DB) {
	ctx, cancel := context.WithCancel(context.Background())
	err := db.Update(ctx, func(tx *kv.Tx) error {
		set(t, tx, "a", "1")
		cancel()
		_, get := tx.Get(kv.Key("a"))
		_, many := tx.GetMany([]kv.Key{kv.Key("a")})
		for what, err := range map[string]error{
			"get": get, "many": many, "set": tx.Set(kv.Key("b"), nil), "delete": tx.Delete(kv.Key("b")),
			"scan": tx.Scan(kv.Range{}, func(kv.Key, []byte) bool { return true }),
		} {
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v", what, err)
			}
		}
		return get
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("update: %v", err)
	}
	view(t, db, func(tx *kv.Tx) error { wantScan(t, tx, kv.Range{}); return nil })
}
