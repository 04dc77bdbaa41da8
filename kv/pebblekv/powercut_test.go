package pebblekv_test

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"bothy/kv"
	"bothy/kv/pebblekv"

	"github.com/cockroachdb/pebble/v2/vfs"
)

func counter(tx *kv.Tx, k kv.Key) (uint64, error) {
	v, err := tx.Get(k)
	if err != nil || v == nil {
		return 0, err
	}
	return binary.BigEndian.Uint64(v), nil
}

// load writes pairs of counters that always agree, and notes the highest number acknowledged and shown of each.
type load struct {
	db           *kv.DB
	acked, shown [8]atomic.Uint64
	stop         atomic.Bool
}

func raise(a *atomic.Uint64, n uint64) {
	for old := a.Load(); n > old && !a.CompareAndSwap(old, n); old = a.Load() {
	}
}

func (l *load) write(t *testing.T, i int) {
	for !l.stop.Load() {
		var n uint64
		err := l.db.Update(context.Background(), func(tx *kv.Tx) (err error) {
			if n, err = counter(tx, kv.K(i, "a")); err != nil {
				return err
			}
			n++
			b := binary.BigEndian.AppendUint64(nil, n)
			if err := tx.Set(kv.K(i, "a"), b); err != nil {
				return err
			}
			return tx.Set(kv.K(i, "b"), b)
		})
		if err != nil {
			t.Error(err)
			return
		}
		raise(&l.acked[i], n)
	}
}

func (l *load) read(t *testing.T, i int) {
	for !l.stop.Load() {
		var n uint64
		if err := l.db.View(context.Background(), func(tx *kv.Tx) (err error) { n, err = counter(tx, kv.K(i, "a")); return err }); err != nil {
			t.Error(err)
			return
		}
		raise(&l.shown[i], n)
	}
}

// TestPowerCut: at a random moment the power goes, and of what was not fsynced a random part is kept. Every acknowledged
// write is there afterwards, transactions are whole, and nothing was shown that is gone.
func TestPowerCut(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for range 25 {
		fs := vfs.NewCrashableMem()
		e := open(t, "db", pebblekv.Options{FS: fs, MemTableBytes: 64 << 10})
		l := &load{db: kv.New(e)}
		var wg sync.WaitGroup
		for i := range len(l.acked) {
			wg.Go(func() { l.write(t, i) })
			wg.Go(func() { l.write(t, i) }) // two on each, so that some lose
			wg.Go(func() { l.read(t, i) })
		}
		time.Sleep(time.Duration(r.IntN(25)) * time.Millisecond)
		var acked, shown [len(l.acked)]uint64
		for i := range acked {
			acked[i], shown[i] = l.acked[i].Load(), l.shown[i].Load()
		}
		crashed := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: r.IntN(101), RNG: rand.New(rand.NewPCG(seed, r.Uint64()))})
		l.stop.Store(true)
		wg.Wait()
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
		back := kv.New(open(t, "db", pebblekv.Options{FS: crashed}))
		err := back.View(context.Background(), func(tx *kv.Tx) error {
			for i := range acked {
				a, errA := counter(tx, kv.K(i, "a"))
				b, errB := counter(tx, kv.K(i, "b"))
				if a != b || errA != nil || errB != nil {
					t.Errorf("torn: %d and %d, %v, %v", a, b, errA, errB)
				}
				if a < acked[i] || a < shown[i] {
					t.Errorf("%d came back, %d were acknowledged, %d shown", a, acked[i], shown[i])
				}
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		if err := back.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestPowerCutWhileOpening: a cut at any moment of the first opening leaves a directory that opens.
func TestPowerCutWhileOpening(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for i := range 30 {
		fs := vfs.NewCrashableMem()
		opened := make(chan struct{})
		go func() {
			defer close(opened)
			if e, err := pebblekv.Open("data/deep/kv", pebblekv.Options{FS: fs}); err != nil {
				t.Error(err)
			} else if err := e.Close(); err != nil {
				t.Error(err)
			}
		}()
		time.Sleep(time.Duration(i*40) * time.Microsecond)
		crashed := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: i * 3, RNG: rand.New(rand.NewPCG(seed, uint64(i)))})
		<-opened
		e, err := pebblekv.Open("data/deep/kv", pebblekv.Options{FS: crashed})
		if err != nil {
			t.Errorf("cut %d: %v", i, err)
			continue
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestPowerCutOfDirectory: when a write to a new, deep directory was acknowledged, the directory is there afterwards.
func TestPowerCutOfDirectory(t *testing.T) {
	fs := vfs.NewCrashableMem()
	e := open(t, "data/deep/kv", pebblekv.Options{FS: fs})
	if err := e.Update(context.Background(), set("a", "1")); err != nil {
		t.Fatal(err)
	}
	crashed := fs.CrashClone(vfs.CrashCloneCfg{})
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	back := open(t, "data/deep/kv", pebblekv.Options{FS: crashed})
	defer back.Close()
	if v := get(t, back, "a"); string(v) != "1" {
		t.Errorf("came back as %q", v)
	}
}
