package pebblekv_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"bothy/kv"
	"bothy/kv/pebblekv"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

func memOptions() pebblekv.Options { return pebblekv.Options{FS: vfs.NewMem()} }

func set(key, value string) func(kv.Txn) error {
	return func(tx kv.Txn) error { return tx.Set([]byte(key), []byte(value)) }
}

func get(t *testing.T, e *pebblekv.Engine, key string) (v []byte) {
	t.Helper()
	if err := e.View(context.Background(), func(tx kv.Txn) (err error) { v, err = tx.Get([]byte(key)); return err }); err != nil {
		t.Fatal(err)
	}
	return v
}

// lose makes a transaction that loses its first run and is in its second, alone in the committer, when second is called.
func lose(e *pebblekv.Engine, ctx context.Context, second func(kv.Txn) error) error {
	runs := 0
	return e.Update(ctx, func(tx kv.Txn) error {
		runs++
		if _, err := tx.Get([]byte("contended")); err != nil {
			return err
		}
		if runs == 1 {
			if err := e.Update(context.Background(), set("contended", "x")); err != nil {
				return err
			}
			return tx.Set([]byte("mine"), []byte("1"))
		}
		return second(tx)
	})
}

// TestLoserEnds: whatever the function does in its turn, the engine goes on.
func TestLoserEnds(t *testing.T) {
	refused := errors.New("refused")
	for name, c := range map[string]struct {
		second func(kv.Txn) error
		check  func(err error, panicked any) bool
	}{
		"commits": {func(tx kv.Txn) error { return tx.Set([]byte("mine"), []byte("2")) }, func(err error, p any) bool { return err == nil && p == nil }},
		"fails":   {func(kv.Txn) error { return refused }, func(err error, p any) bool { return err == refused && p == nil }},
		"panics":  {func(kv.Txn) error { panic("ours") }, func(err error, p any) bool { return p == "ours" }},
		"exits":   {func(kv.Txn) error { runtime.Goexit(); return nil }, func(err error, p any) bool { return p == nil }},
	} {
		t.Run(name, func(t *testing.T) {
			e := open(t, "db", memOptions())
			done := make(chan struct{})
			go func() {
				defer close(done)
				var err error
				defer func() {
					if p := recover(); !c.check(err, p) {
						t.Errorf("ended with %v, panic %v", err, p)
					}
				}()
				err = lose(e, context.Background(), c.second)
			}()
			<-done
			want := ""
			if name == "commits" {
				want = "2"
			}
			if got := get(t, e, "mine"); string(got) != want {
				t.Errorf("its write is %q, want %q", got, want)
			}
			if err := e.Update(context.Background(), set("after", "1")); err != nil {
				t.Error(err)
			}
			if err := e.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestBusy: a full queue refuses at once, and what waits in it can be withdrawn.
func TestBusy(t *testing.T) {
	o := memOptions()
	o.Queue = 2
	e := open(t, "db", o)
	ctx, cancel := context.WithCancel(context.Background())
	answers := make(chan error, 2)
	var began sync.WaitGroup
	began.Add(2)
	err := lose(e, context.Background(), func(tx kv.Txn) error { // the committer waits here: nothing leaves the queue
		for i := range 2 {
			go func() {
				answers <- e.Update(ctx, func(tx kv.Txn) error { defer began.Done(); return set(fmt.Sprint("waits", i), "x")(tx) })
			}()
		}
		began.Wait()
		busy := false
		for range 1000 { // until both have queued up; a queued one of these is not awaited
			gone, leave := context.WithCancel(context.Background())
			got := make(chan error, 1)
			go func() { got <- e.Update(gone, set("refused", "x")) }()
			runtime.Gosched()
			leave()
			if err := <-got; err == kv.ErrBusy {
				busy = true
				break
			}
		}
		if !busy {
			t.Error("the queue never was full")
		}
		cancel()
		for range 2 {
			if err := <-answers; !errors.Is(err, context.Canceled) && err != kv.ErrBusy {
				t.Errorf("a waiting update answered %v", err)
			}
		}
		return tx.Set([]byte("mine"), []byte("2"))
	})
	if err != nil {
		t.Error(err)
	}
	for _, key := range []string{"waits0", "waits1", "refused"} {
		if v := get(t, e, key); v != nil {
			t.Errorf("%s: withdrawn, and written", key)
		}
	}
	if err := e.Update(context.Background(), set("after", "1")); err != nil {
		t.Error(err)
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
}

// TestLeavers: callers who leave at any moment neither hold up the committer nor are lied to. Those who were told so by the
// context's bare error did not commit; of the others who left, some did.
func TestLeavers(t *testing.T) {
	e := open(t, "db", memOptions())
	defer e.Close()
	var acked, unknown atomic.Int64
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for i := range 300 {
				ctx, cancel := context.WithCancel(context.Background())
				go func() {
					for range i % 40 {
						runtime.Gosched()
					}
					cancel()
				}()
				err := e.Update(ctx, func(tx kv.Txn) error {
					v, err := tx.Get([]byte("n"))
					if err != nil {
						return err
					}
					n, _ := strconv.Atoi(string(v))
					return tx.Set([]byte("n"), []byte(strconv.Itoa(n+1)))
				})
				switch {
				case err == nil:
					acked.Add(1)
				case err == context.Canceled:
				case errors.Is(err, context.Canceled):
					unknown.Add(1)
				default:
					t.Error(err)
				}
				cancel()
			}
		})
	}
	wg.Wait()
	if err := e.Update(context.Background(), set("after", "1")); err != nil {
		t.Fatal(err)
	}
	n, _ := strconv.ParseInt(string(get(t, e, "n")), 10, 64)
	if n < acked.Load() || n > acked.Load()+unknown.Load() {
		t.Errorf("counted %d, %d acknowledged and %d unknown", n, acked.Load(), unknown.Load())
	}
	t.Logf("%d acknowledged, %d unknown, %d counted", acked.Load(), unknown.Load(), n)
}

// TestClose: calls that run are waited for, what they were answered is kept, and later calls are refused.
func TestClose(t *testing.T) {
	o := memOptions()
	e := open(t, "db", o)
	var acked sync.Map
	var wg sync.WaitGroup
	var n atomic.Int64
	for range 8 {
		wg.Go(func() {
			for {
				key := fmt.Sprint("k", n.Add(1))
				err := e.Update(context.Background(), func(tx kv.Txn) error {
					v, err := tx.Get([]byte("hot"))
					if err != nil {
						return err
					}
					return errors.Join(tx.Set([]byte("hot"), append(v[:0:0], 'x')), tx.Set([]byte(key), []byte("v")))
				})
				if err == kv.ErrClosed {
					return
				}
				if err != nil {
					t.Error(err)
					return
				}
				acked.Store(key, true)
			}
		})
	}
	for n.Load() < 200 {
		runtime.Gosched()
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	if err := e.View(context.Background(), func(kv.Txn) error { return nil }); err != kv.ErrClosed {
		t.Errorf("view after close: %v", err)
	}
	if err := e.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
	e = open(t, "db", o)
	defer e.Close()
	acked.Range(func(key, _ any) bool {
		if get(t, e, key.(string)) == nil {
			t.Errorf("%s was acknowledged and is gone", key)
		}
		return true
	})
}

// TestDiskFails: after a failed fsync nothing more is acknowledged, Views go on from what was durable, and what comes back
// after opening again holds every acknowledged write.
func TestDiskFails(t *testing.T) {
	for round := range 10 {
		mem := vfs.NewCrashableMem()
		var broken atomic.Bool
		inject := errorfs.InjectorFunc(func(op errorfs.Op) error {
			isLog := strings.HasSuffix(op.Path, ".log")
			if broken.Load() && isLog && (op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData || op.Kind == errorfs.OpFileSyncTo || op.Kind == errorfs.OpFileWrite && round%2 == 0) {
				return errorfs.ErrInjected
			}
			return nil
		})
		e := open(t, "db", pebblekv.Options{FS: errorfs.Wrap(mem, inject)})
		var acked atomic.Int64
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for {
					n := 0
					err := e.Update(context.Background(), func(tx kv.Txn) error {
						v, err := tx.Get([]byte("n"))
						if err != nil {
							return err
						}
						n, _ = strconv.Atoi(string(v))
						n++
						return tx.Set([]byte("n"), []byte(strconv.Itoa(n)))
					})
					if err != nil {
						if !errors.Is(err, pebblekv.ErrFailed) {
							t.Errorf("got %v", err)
						}
						return
					}
					for old := acked.Load(); int64(n) > old && !acked.CompareAndSwap(old, int64(n)); old = acked.Load() {
					}
				}
			})
		}
		for acked.Load() < int64(5*(round+1)) {
			runtime.Gosched()
		}
		broken.Store(true)
		wg.Wait()
		shown, _ := strconv.Atoi(string(get(t, e, "n")))
		if int64(shown) != acked.Load() {
			t.Errorf("shows %d, acknowledged %d", shown, acked.Load())
		}
		if err := e.Update(context.Background(), set("later", "x")); !errors.Is(err, pebblekv.ErrFailed) {
			t.Errorf("later update: %v", err)
		}
		crashed := mem.CrashClone(vfs.CrashCloneCfg{})
		_ = e.Close() // it may report the disk again
		back := open(t, "db", pebblekv.Options{FS: crashed})
		if n, _ := strconv.Atoi(string(get(t, back, "n"))); int64(n) < acked.Load() {
			t.Errorf("%d came back, %d were acknowledged", n, acked.Load())
		}
		if err := back.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestFormat(t *testing.T) {
	write := func(name, content string) vfs.FS {
		fs := vfs.NewMem()
		if err := fs.MkdirAll("db", 0o700); err != nil {
			t.Fatal(err)
		}
		f, err := fs.Create("db/"+name, vfs.WriteCategoryUnspecified)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		return fs
	}
	for what, fs := range map[string]vfs.FS{
		"newer": write("bothy-format", "bothy kv 2\n"), "other": write("bothy-format", "bothy blob 1\n"), "empty": write("bothy-format", ""),
		"zero": write("bothy-format", "bothy kv 0\n"), "foreign": write("notes.txt", "mine"), "unmarked Pebble": write("CURRENT", ""),
	} {
		if e, err := pebblekv.Open("db", pebblekv.Options{FS: fs}); !errors.Is(err, pebblekv.ErrFormat) {
			t.Errorf("%s: %v, %v", what, e, err)
		}
	}
	for _, fs := range []vfs.FS{write("bothy-format.new", "bothy k"), vfs.NewMem()} {
		for range 2 {
			e := open(t, "db", pebblekv.Options{FS: fs})
			if err := e.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestOneOwner: a second engine on the same directory is refused.
func TestOneOwner(t *testing.T) {
	dir := t.TempDir()
	e := open(t, dir, pebblekv.Options{})
	defer e.Close()
	if second, err := pebblekv.Open(dir, pebblekv.Options{}); err == nil {
		second.Close()
		t.Error("two engines opened one directory")
	}
}

// TestManyGenerations: conflicts are found while the window of recent writes turns over and over.
func TestManyGenerations(t *testing.T) {
	e := open(t, "db", memOptions())
	defer e.Close()
	db := kv.New(e)
	var wg sync.WaitGroup
	const workers, each = 4, 25
	for w := range workers {
		wg.Go(func() {
			for i := range each {
				err := db.Update(context.Background(), func(tx *kv.Tx) error {
					n := 0
					if err := tx.Scan(kv.K("count").Range(), func(kv.Key, []byte) bool { n++; return true }); err != nil {
						return err
					}
					for j := range 1500 {
						if err := tx.Set(kv.K("fill", w, i, j), nil); err != nil {
							return err
						}
					}
					return tx.Set(kv.K("count", n), []byte{1})
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	err := db.View(context.Background(), func(tx *kv.Tx) error {
		n := 0
		err := tx.Scan(kv.K("count").Range(), func(kv.Key, []byte) bool { n++; return true })
		if n != workers*each {
			t.Errorf("%d counted, want %d", n, workers*each)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
