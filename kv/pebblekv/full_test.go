package pebblekv_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"bothy/kv"
	"bothy/kv/pebblekv"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// small is a file system in memory with room for so many bytes: what it cannot hold is refused with ENOSPC.
type small struct {
	vfs.FS
	mu    sync.Mutex
	room  int64
	used  map[string]int64 // by name
	tells bool             // how much is free
}

func newSmall(room int64, tells bool) *small {
	return &small{FS: vfs.NewMem(), room: room, used: map[string]int64{}, tells: tells}
}

func (s *small) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := s.FS.Create(name, c)
	s.mu.Lock()
	s.used[name] = 0
	s.mu.Unlock()
	return smallFile{f, s, name}, err
}

func (s *small) ReuseForWrite(old, name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if err := s.Remove(old); err != nil {
		return nil, err
	}
	return s.Create(name, c)
}

func (s *small) Remove(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.used, name)
	return s.FS.Remove(name)
}

func (s *small) Rename(old, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used[name] = s.used[old]
	delete(s.used, old)
	return s.FS.Rename(old, name)
}

func (s *small) free() int64 {
	free := s.room
	for _, n := range s.used {
		free -= n
	}
	return free
}

func (s *small) take(bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used["another process's"] += bytes
}

func (s *small) GetDiskUsage(string) (vfs.DiskUsage, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.tells {
		return vfs.DiskUsage{}, vfs.ErrUnsupported
	}
	return vfs.DiskUsage{AvailBytes: uint64(max(0, s.free())), TotalBytes: uint64(s.room)}, nil
}

type smallFile struct {
	vfs.File
	s    *small
	name string
}

func (f smallFile) Write(p []byte) (int, error) {
	f.s.mu.Lock()
	n := int(min(int64(len(p)), max(0, f.s.free())))
	if _, ok := f.s.used[f.name]; ok {
		f.s.used[f.name] += int64(n)
	}
	f.s.mu.Unlock()
	if n, err := f.File.Write(p[:n]); err != nil || n == len(p) {
		return n, err
	}
	return n, &os.PathError{Op: "write", Path: f.name, Err: syscall.ENOSPC}
}

// writers write until told to stop, and note what was acknowledged and what was refused.
type writers struct {
	e       *pebblekv.Engine
	acked   sync.Map // key → value
	n, full atomic.Int64
	stop    atomic.Bool
	wg      sync.WaitGroup
}

func (w *writers) start(t *testing.T, e *pebblekv.Engine) {
	w.e = e
	w.stop.Store(false)
	for i := range 4 {
		w.wg.Go(func() {
			for !w.stop.Load() {
				n := w.n.Add(1)
				key, value := fmt.Sprint("k", n), fmt.Sprintf("%d%s", n, strings.Repeat("v", int(n)%7*4000+i))
				switch err := e.Update(context.Background(), set(key, value)); {
				case err == nil:
					w.acked.Store(key, value)
				case errors.Is(err, kv.ErrFull):
					w.full.Add(1)
					time.Sleep(time.Millisecond)
				default:
					t.Errorf("a full disk answers %v", err)
					return
				}
			}
		})
	}
}

func (w *writers) end() { w.stop.Store(true); w.wg.Wait() }

func (w *writers) check(t *testing.T, e *pebblekv.Engine) (n int) {
	t.Helper()
	w.acked.Range(func(key, value any) bool {
		n++
		got, err := []byte(nil), error(nil)
		await(t, "a read", func() bool { // a store that is being opened again says so for a moment
			err = e.View(context.Background(), func(tx kv.Txn) (err error) { got, err = tx.Get([]byte(key.(string))); return err })
			return !errors.Is(err, kv.ErrFull)
		})
		if err != nil || string(got) != value {
			t.Errorf("%s was acknowledged as %.10q and is %.10q, %v", key, value, got, err)
			return false
		}
		return true
	})
	return n
}

func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	for until := time.Now().Add(30 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("%s: not in time", what)
		}
	}
}

// full fills a disk under load, gives room again, and fills it once more before the process is killed. take and give move
// the room; clone is what a new process finds.
func full(t *testing.T, dir string, fs vfs.FS, take, give func(), clone func() (string, vfs.FS)) {
	o := pebblekv.Options{FS: fs, MemTableBytes: 256 << 10}
	e := open(t, dir, o)
	w := &writers{}
	for range 3 {
		w.start(t, e)
		take()
		seen := w.full.Load()
		await(t, "refusals", func() bool { return w.full.Load() > seen+20 })
		w.check(t, e) // reads go on
		give()
		before := w.n.Load() - w.full.Load()
		await(t, "writes again", func() bool { return w.n.Load()-w.full.Load() > before+50 })
		w.end()
	}
	w.start(t, e)
	take()
	seen := w.full.Load()
	await(t, "refusals", func() bool { return w.full.Load() > seen+20 })
	w.end()
	dir, fs = clone()
	give()
	o.FS = fs
	killed := open(t, dir, o)
	t.Logf("%d acknowledged, %d refused", w.check(t, killed), w.full.Load())
	if err := killed.Update(context.Background(), set("after", "1")); err != nil {
		t.Error(err)
	}
	if err := killed.Close(); err != nil {
		t.Error(err)
	}
	_ = e.Close() // it may report the disk
}

func TestDiskFull(t *testing.T) {
	for name, tells := range map[string]bool{"reserve": true, "no warning": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fs := newSmall(64<<20, tells)
			all := int64(64 << 20)
			if tells {
				all = 64<<20 - 12<<20 // the reserve is 16 MB
			}
			full(t, "db", fs, func() { fs.take(all) }, func() { fs.take(-all) }, func() (string, vfs.FS) { return "copy", copyTree(t, fs, "db", vfs.NewMem(), "copy") })
		})
	}
}

// copyTree copies a flat directory as it is.
func copyTree(t *testing.T, from vfs.FS, dir string, to vfs.FS, name string) vfs.FS {
	t.Helper()
	if err := to.MkdirAll(name, 0o700); err != nil {
		t.Fatal(err)
	}
	if ok, err := vfs.Clone(from, to, dir, name); err != nil || !ok {
		t.Fatal(ok, err)
	}
	return to
}

// TestCloseWhileFull: a node that ends while its disk is full ends, and what it acknowledged is there.
func TestCloseWhileFull(t *testing.T) {
	t.Parallel()
	fs := newSmall(32<<20, false)
	e := open(t, "db", pebblekv.Options{FS: fs, MemTableBytes: 256 << 10})
	w := &writers{}
	w.start(t, e)
	await(t, "writes", func() bool { return w.n.Load() > 50 })
	fs.take(32 << 20)
	await(t, "refusals", func() bool { return w.full.Load() > 20 })
	w.end()
	_ = e.Close() // it says that it was full
	fs.take(-32 << 20)
	e = open(t, "db", pebblekv.Options{FS: fs})
	w.check(t, e)
	if err := e.Close(); err != nil {
		t.Error(err)
	}
}

// TestNoReopenAfterFailure: a disk that failed for another reason than room stays read-only.
func TestNoReopenAfterFailure(t *testing.T) {
	t.Parallel()
	fault := &nth{err: syscall.EIO, syncs: true}
	fault.n.Store(1 << 60)
	e := open(t, "db", pebblekv.Options{FS: fault.wrap(vfs.NewMem())})
	defer e.Close()
	if err := e.Update(context.Background(), set("a", "1")); err != nil {
		t.Fatal(err)
	}
	fault.n.Store(1)
	for range 3 {
		if err := e.Update(context.Background(), set("a", "2")); !errors.Is(err, pebblekv.ErrFailed) || errors.Is(err, kv.ErrFull) {
			t.Errorf("got %v", err)
		}
		time.Sleep(pebblekv.HealEvery)
	}
	if v := get(t, e, "a"); string(v) != "1" {
		t.Errorf("shows %q", v)
	}
}
