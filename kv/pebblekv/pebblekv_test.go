package pebblekv_test

import (
	"math/rand/v2"
	"testing"

	"bothy/kv"
	"bothy/kv/kvtest"
	"bothy/kv/memkv"
	"bothy/kv/pebblekv"

	"github.com/cockroachdb/pebble/v2/vfs"
)

func open(t testing.TB, dir string, o pebblekv.Options) *pebblekv.Engine {
	t.Helper()
	e, err := pebblekv.Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestConformance(t *testing.T) {
	kvtest.Run(t, func(t *testing.T) kv.Engine { return open(t, t.TempDir(), pebblekv.Options{}) })
}

// TestConformanceInMemory has no fsync to wait for, so groups are small and interleavings different.
func TestConformanceInMemory(t *testing.T) {
	kvtest.Run(t, func(t *testing.T) kv.Engine { return open(t, "db", pebblekv.Options{FS: vfs.NewMem()}) })
}

// TestRandomHistories: the same history gives the same answers as memkv, also when the store is closed and opened between.
func TestRandomHistories(t *testing.T) {
	for i := range uint64(8) {
		seed := i
		if i >= 4 {
			seed = rand.Uint64()
		}
		fs := vfs.NewMem()
		o := pebblekv.Options{FS: fs, MemTableBytes: 256 << 10}
		first := open(t, "db", o)
		current := first
		kvtest.RunRandom(t, seed, 400,
			kvtest.Subject{Name: "memkv", Engine: memkv.New()},
			kvtest.Subject{Name: "pebblekv", Engine: first, Reopen: func() kv.Engine {
				if err := current.Close(); err != nil {
					t.Fatal(err)
				}
				current = open(t, "db", o)
				return current
			}})
	}
}
