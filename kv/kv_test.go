package kv_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"bothy/kv"
	"bothy/kv/memkv"
)

// TestTimeLimit: a function that takes too long is stopped at its next operation, and writes nothing.
func TestTimeLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := kv.New(memkv.New())
		slow := func(d time.Duration) func(*kv.Tx) error {
			return func(tx *kv.Tx) error {
				time.Sleep(d)
				_, get := tx.Get(kv.K("a"))
				_, many := tx.GetMany([]kv.Key{kv.K("a")})
				scan := tx.Scan(kv.Range{}, func(kv.Key, []byte) bool { return true })
				for what, err := range map[string]error{"get": get, "many": many, "scan": scan} {
					if errors.Is(err, kv.ErrLimit) != (d > kv.MaxTxTime) {
						t.Errorf("%s after %v: %v", what, d, err)
					}
				}
				return get
			}
		}
		for _, call := range []func(d time.Duration) error{
			func(d time.Duration) error { return db.View(t.Context(), slow(d)) },
			func(d time.Duration) error { return db.Update(t.Context(), slow(d)) },
		} {
			if err := call(kv.MaxTxTime); err != nil {
				t.Errorf("at the limit: %v", err)
			}
			if err := call(kv.MaxTxTime + 1); !errors.Is(err, kv.ErrLimit) {
				t.Errorf("beyond the limit: %v", err)
			}
		}
	})
}
