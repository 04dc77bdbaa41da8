package pebblekv_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"bothy/kv/pebblekv"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// TestPowerCutAnywhere: the power goes before any change of a directory that is opened for the second time, and of its
// entries that were not synced any may be there and any not: it opens, and has its row.
func TestPowerCutAnywhere(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	base := vfs.NewCrashableMem()
	e := open(t, "data/kv", pebblekv.Options{FS: base})
	if err := e.Update(context.Background(), set("a", "1")); err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	for n := 1; ; n++ {
		var after []*vfs.MemFS
		var mu sync.Mutex
		mem, left := base.CrashClone(vfs.CrashCloneCfg{}), n
		fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
			mu.Lock()
			defer mu.Unlock()
			if op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
				if left--; left == 0 {
					for range 12 {
						after = append(after, mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: rand.New(rand.NewPCG(r.Uint64(), 0))}))
					}
				}
			}
			return nil
		}))
		e, err := pebblekv.Open("data/kv", pebblekv.Options{FS: fs})
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
		if after == nil {
			t.Logf("%d changes, %d cuts before each", n-1, 12)
			return
		}
		for _, fs := range after {
			back, err := pebblekv.Open("data/kv", pebblekv.Options{FS: fs})
			if err != nil {
				t.Fatal(fmt.Errorf("cut before change %d: %w", n, err))
			}
			if v := get(t, back, "a"); string(v) != "1" {
				t.Errorf("cut before change %d: the row is %q", n, v)
			}
			if err := back.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}
