package pebblekv_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"bothy/kv"
	"bothy/kv/kvtest"
	"bothy/kv/pebblekv"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// TestHistoriesAcrossPowerCuts records one history over several power cuts, each keeping a random part of what was not
// fsynced: in the order of everything, before and after, acknowledged transactions are there, those under way are there whole
// or not at all, and nothing that was shown is gone.
func TestHistoriesAcrossPowerCuts(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for range kvtest.Rounds(6) {
		rec := kvtest.NewRecorder(r.Uint64())
		fs := vfs.NewCrashableMem()
		for range 3 {
			fs = cut(t, r, rec, fs)
		}
		db := kv.New(open(t, "db", pebblekv.Options{FS: fs}))
		rec.Run(context.Background(), []*kv.DB{db}, 4, 25) // on a slow machine the power went before much was done
		if err := rec.Check(db); err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
		t.Log(rec)
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
}

// cut runs transactions on the store in fs until the power goes, and returns what is left of it.
func cut(t *testing.T, r *rand.Rand, rec *kvtest.Recorder, fs *vfs.MemFS) (left *vfs.MemFS) {
	db := kv.New(open(t, "db", pebblekv.Options{FS: fs, MemTableBytes: 64 << 10}))
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { rec.Run(ctx, []*kv.DB{db}, 8, 40) })
	time.Sleep(time.Duration(500+r.IntN(8000)) * time.Microsecond) // the moment is what is random
	rec.Crash(
		func() {
			left = fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: r.IntN(101), RNG: rand.New(rand.NewPCG(r.Uint64(), 0))})
		},
		func() { stop(); wg.Wait() })
	if err := db.Close(); err != nil {
		t.Error(err)
	}
	return left
}
