package pebblekv_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"bothy/kv"
	"bothy/kv/pebblekv"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// nth is a file system whose n-th write-side operation fails once, or whose n-th and all later ones do.
type nth struct {
	n       atomic.Int64 // counts down
	forever bool
	short   bool // a write that fails has written half
	syncs   bool // only fsyncs are counted
	err     error
	hit     atomic.Bool
	at      atomic.Pointer[string]
}

func (f *nth) fails(op errorfs.Op) error {
	isSync := op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData || op.Kind == errorfs.OpFileSyncTo
	if op.Kind.ReadOrWrite() != errorfs.OpIsWrite || f.syncs && !isSync || f.short && op.Kind != errorfs.OpFileWrite || op.Kind == errorfs.OpFilePreallocate {
		return nil
	}
	if left := f.n.Add(-1); left > 0 || left < 0 && !f.forever {
		return nil
	}
	f.hit.Store(true)
	where := fmt.Sprintf("kind %d of %s", op.Kind, op.Path)
	f.at.CompareAndSwap(nil, &where)
	return f.err
}

// shortFS writes half of what it refuses.
type shortFS struct {
	vfs.FS
	f *nth
}

type shortFile struct {
	vfs.File
	name string
	f    *nth
}

func (s shortFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := s.FS.Create(name, c)
	if err != nil {
		return nil, err
	}
	return shortFile{f, name, s.f}, nil
}

func (s shortFile) Write(p []byte) (int, error) {
	if err := s.f.fails(errorfs.Op{Kind: errorfs.OpFileWrite, Path: s.name}); err != nil {
		n, _ := s.File.Write(p[:len(p)/2])
		return n, err
	}
	return s.File.Write(p)
}

func (f *nth) wrap(fs vfs.FS) vfs.FS {
	if f.short {
		return shortFS{fs, f}
	}
	return errorfs.Wrap(fs, errorfs.InjectorFunc(f.fails))
}

// ledger is what a scenario was told: the value of each key acknowledged last, and what was tried after it.
type ledger struct {
	acked map[string]string
	tried map[string][]string
}

func (l *ledger) update(e *pebblekv.Engine, key, value string) {
	l.tried[key] = append(l.tried[key], value)
	if err := e.Update(context.Background(), set(key, value)); err == nil {
		l.acked[key], l.tried[key] = value, nil
	}
}

// check looks for every acknowledged value, or one of those tried later, and that a counter counted each try at most once.
func (l *ledger) check(t *testing.T, what string, fs vfs.FS) {
	t.Helper()
	e, err := pebblekv.Open("data/kv", pebblekv.Options{FS: fs})
	if err != nil {
		t.Errorf("%s: it does not open on a healthy disk: %v", what, err)
		return
	}
	defer e.Close()
	for key := range l.tried {
		got := string(get(t, e, key))
		ok := got == l.acked[key]
		for _, v := range l.tried[key] {
			ok = ok || got == v
		}
		if !ok {
			t.Errorf("%s: %s came back as %.20q, acknowledged %.20q, tried since %.20q", what, key, got, l.acked[key], l.tried[key])
		}
	}
	if err := e.Update(context.Background(), set("after", "1")); err != nil {
		t.Errorf("%s: a write after it: %v", what, err)
	}
}

// scenario opens, commits small and large, loses a race, flushes and compacts (the write buffer is small), closes, and does
// it again. Whatever fails is only noted.
func scenario(t *testing.T, fs vfs.FS, l *ledger) {
	for life := range 2 {
		e, err := pebblekv.Open("data/kv", pebblekv.Options{FS: fs, MemTableBytes: 64 << 10})
		if err != nil {
			continue
		}
		for i := range 24 {
			l.update(e, fmt.Sprint("k", i%8), fmt.Sprintf("%d-%d-%s", life, i, strings.Repeat("x", i%3*4000)))
			if i%8 == 7 {
				l.count(e)
			}
		}
		for key, want := range l.acked { // while it is open, what was acknowledged is shown, whatever the disk did
			got := string(get(t, e, key))
			if got != want && len(l.tried[key]) == 0 {
				t.Errorf("%s shows %.20q, acknowledged %.20q", key, got, want)
			}
		}
		_ = e.Close() // it may report the disk
	}
}

// count raises a counter in a transaction that loses its first run.
func (l *ledger) count(e *pebblekv.Engine) {
	var next string
	if err := lose(e, context.Background(), func(tx kv.Txn) error {
		v, err := tx.Get([]byte("n"))
		if err != nil {
			return err
		}
		next = string(v) + "|"
		return tx.Set([]byte("n"), []byte(next))
	}); err == nil {
		l.acked["n"], l.tried["n"] = next, nil
	} else {
		l.tried["n"] = append(l.tried["n"], next)
	}
}

// TestNthWriteFails: whichever write, sync, creation, rename or removal of a scenario fails, once or from there on, every
// call fails or succeeds, and a healthy disk afterwards shows every acknowledged write.
func TestNthWriteFails(t *testing.T) {
	full := &fullError{}
	for name, f := range map[string]func() *nth{
		"error":        func() *nth { return &nth{err: errorfs.ErrInjected} },
		"for ever":     func() *nth { return &nth{err: errorfs.ErrInjected, forever: true} },
		"no space":     func() *nth { return &nth{err: full} },
		"short write":  func() *nth { return &nth{err: io.ErrShortWrite, short: true} },
		"failed fsync": func() *nth { return &nth{err: syscall.EIO, syncs: true} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for n := int64(1); ; n++ {
				disk := vfs.NewCrashableMem()
				fault := f()
				fault.n.Store(n)
				l := &ledger{acked: map[string]string{}, tried: map[string][]string{}}
				scenario(t, fault.wrap(disk), l)
				if !fault.hit.Load() {
					t.Logf("%d operations, each failed in turn", n-1)
					if n < 50 {
						t.Error("the scenario does too little")
					}
					return
				}
				what := fmt.Sprintf("%d: %s", n, *fault.at.Load())
				l.check(t, what+", processes killed", disk)
				l.check(t, what+", power cut", disk.CrashClone(vfs.CrashCloneCfg{}))
				if t.Failed() {
					return
				}
			}
		})
	}
}

// fullError is "no space left on device" as the real file system says it.
type fullError struct{}

func (*fullError) Error() string        { return "injected: no space" }
func (*fullError) Is(target error) bool { return target == syscall.ENOSPC }

// TestNthReadFails: a read that fails is an error, never an absent key, and breaks nothing.
func TestNthReadFails(t *testing.T) {
	disk := vfs.NewMem()
	l := &ledger{acked: map[string]string{}, tried: map[string][]string{}}
	scenario(t, disk, l)
	for n := int64(1); ; n++ {
		var left atomic.Int64
		var hit atomic.Bool
		left.Store(n)
		fs := errorfs.Wrap(disk, errorfs.InjectorFunc(func(op errorfs.Op) error {
			if op.Kind != errorfs.OpFileReadAt && op.Kind != errorfs.OpFileRead && op.Kind != errorfs.OpList && op.Kind != errorfs.OpOpen || left.Add(-1) != 0 {
				return nil
			}
			hit.Store(true)
			return syscall.EIO
		}))
		e, err := pebblekv.Open("data/kv", pebblekv.Options{FS: fs, CacheBytes: 1})
		if err == nil {
			for key, want := range l.acked {
				var got []byte
				err := e.View(context.Background(), func(tx kv.Txn) (err error) { got, err = tx.Get([]byte(key)); return err })
				if err == nil && string(got) != want {
					t.Errorf("read %d: %s is %.20q without an error", n, key, got)
				}
			}
			_ = e.Close()
		}
		if !hit.Load() {
			t.Logf("%d reads, each failed in turn", n-1)
			break
		}
	}
	l.check(t, "afterwards", disk)
}
