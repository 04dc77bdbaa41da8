package pebblekv_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"bothy/kv"
	"bothy/kv/pebblekv"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// cutter cuts the power before the n-th sync of a file system: after is what a machine finds that is switched on again.
type cutter struct {
	mem    *vfs.MemFS
	n      atomic.Int64
	config vfs.CrashCloneCfg
	before func() // at the moment of the cut
	after  *vfs.MemFS
	cut    atomic.Bool
}

func newCutter(mem *vfs.MemFS, n int64, r *rand.Rand, before func()) *cutter {
	c := &cutter{mem: mem, before: before, config: vfs.CrashCloneCfg{UnsyncedDataPercent: r.IntN(101), RNG: rand.New(rand.NewPCG(r.Uint64(), 0))}}
	c.n.Store(n)
	return c
}

func (c *cutter) fs() vfs.FS {
	return errorfs.Wrap(c.mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if k := op.Kind; (k == errorfs.OpFileSync || k == errorfs.OpFileSyncData || k == errorfs.OpFileSyncTo) && c.n.Add(-1) == 0 {
			c.before()
			c.after = c.mem.CrashClone(c.config)
			c.cut.Store(true)
		}
		return nil
	}))
}

// TestManyPowerCuts: the power goes again and again in the life of one directory, each time before some sync, be it of the
// log, a table, the manifest or a directory. What was acknowledged or shown before any of the cuts is there after all of them.
func TestManyPowerCuts(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for range 3 {
		fs := vfs.NewCrashableMem()
		var acked, shown [8]uint64
		for range 5 {
			l := &load{}
			c := newCutter(fs, 1+r.Int64N(60), r, func() {
				for i := range acked {
					acked[i], shown[i] = max(acked[i], l.acked[i].Load()), max(shown[i], l.shown[i].Load())
				}
			})
			e, err := pebblekv.Open("data/kv", pebblekv.Options{FS: c.fs(), MemTableBytes: 64 << 10})
			if err != nil {
				t.Fatal(err)
			}
			l.db = kv.New(e)
			var wg sync.WaitGroup
			for i := range len(l.acked) {
				wg.Go(func() { l.write(t, i) })
				wg.Go(func() { l.read(t, i) })
			}
			await(t, "the cut", c.cut.Load)
			l.stop.Store(true)
			wg.Wait()
			if err := e.Close(); err != nil {
				t.Fatal(err)
			}
			fs = c.after
			checkCounters(t, fs, acked, shown)
		}
	}
}

func checkCounters(t *testing.T, fs vfs.FS, acked, shown [8]uint64) {
	t.Helper()
	back := open(t, "data/kv", pebblekv.Options{FS: fs})
	err := kv.New(back).View(context.Background(), func(tx *kv.Tx) error {
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

// TestPowerCutWhileLoading: a Load that returned is there; one that the power cut leaves whole pairs, and a store that opens.
func TestPowerCutWhileLoading(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	const pairs = 3000
	value := func(i int) string { return strings.Repeat(fmt.Sprint(i), 600) }
	for n := int64(1); ; n += 1 + r.Int64N(3) {
		loaded := false
		c := newCutter(vfs.NewCrashableMem(), n, r, func() {})
		e := open(t, "data/kv", pebblekv.Options{FS: c.fs(), MemTableBytes: 256 << 10})
		i := 0
		err := e.Load(context.Background(), func() (k, v []byte, err error) {
			if i++; i > pairs {
				return nil, nil, io.EOF
			}
			return fmt.Appendf(nil, "%05d", i), []byte(value(i)), nil
		})
		if err != nil {
			t.Fatal(err)
		}
		fs := c.after
		if !c.cut.Load() {
			loaded, fs = true, c.mem.CrashClone(vfs.CrashCloneCfg{})
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
		back := open(t, "data/kv", pebblekv.Options{FS: fs})
		found := 0
		err = back.Dump(context.Background(), func(k, v []byte) error {
			found++
			if want := value(found); string(k) != fmt.Sprintf("%05d", found) || string(v) != want {
				t.Errorf("pair %d is %q with %d bytes", found, k, len(v))
			}
			return nil
		})
		if err != nil || loaded && found != pairs {
			t.Errorf("%d pairs came back, %v", found, err)
		}
		if err := back.Close(); err != nil {
			t.Error(err)
		}
		if loaded || t.Failed() {
			t.Logf("%d syncs", n-1)
			return
		}
	}
}

// TestPowerCutWhileUpgrading: a directory in an older format of Pebble's is brought to ours when it is opened; whenever the
// power goes meanwhile, it opens and has its rows.
func TestPowerCutWhileUpgrading(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	old := vfs.NewCrashableMem()
	mark := open(t, "data/kv", pebblekv.Options{FS: old}) // for its mark only
	if err := mark.Close(); err != nil {
		t.Fatal(err)
	}
	names, err := old.List("data/kv")
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		if n != "bothy-format" {
			if err := old.Remove("data/kv/" + n); err != nil {
				t.Fatal(err)
			}
		}
	}
	db, err := pebble.Open("data/kv", &pebble.Options{FS: old, FormatMajorVersion: pebble.FormatMinSupported, Logger: mute{}})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 500 {
		if err := db.Set(fmt.Appendf(nil, "%05d", i), binary.BigEndian.AppendUint64(nil, uint64(i)), pebble.Sync); err != nil {
			t.Fatal(err)
		}
		if i == 250 {
			if err := db.Flush(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for n := int64(1); ; n++ {
		c := newCutter(old.CrashClone(vfs.CrashCloneCfg{}), n, r, func() {})
		e := open(t, "data/kv", pebblekv.Options{FS: c.fs()})
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
		fs := c.after
		if !c.cut.Load() {
			fs = c.mem
		}
		back := open(t, "data/kv", pebblekv.Options{FS: fs})
		found := 0
		err := back.Dump(context.Background(), func(k, v []byte) error {
			if string(k) != fmt.Sprintf("%05d", found) || binary.BigEndian.Uint64(v) != uint64(found) {
				t.Errorf("pair %d is %q", found, k)
			}
			found++
			return nil
		})
		if err != nil || found != 500 {
			t.Errorf("cut %d: %d rows came back, %v", n, found, err)
		}
		if err := back.Close(); err != nil {
			t.Error(err)
		}
		if !c.cut.Load() || t.Failed() {
			t.Logf("%d syncs", n-1)
			return
		}
	}
}

// mute drops what Pebble says.
type mute struct{}

func (mute) Infof(string, ...any)  {}
func (mute) Errorf(string, ...any) {}
func (mute) Fatalf(format string, args ...any) {
	panic(fmt.Sprintf(format, args...))
}
