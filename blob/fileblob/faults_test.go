package fileblob

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"bothy/blob"
	"bothy/kv"
	"bothy/kv/pebblekv"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// forgetful is a disk that remembers what of it was synced, so that a power cut can be made of it at any moment, and that
// fails its n-th step.
type forgetful struct {
	mu      sync.Mutex
	live    map[string]*inode // nil inode: a directory
	durable map[string]*inode
	before  func(what string, isSync bool) error // each step; its error is the step's
	short   bool                                 // a failed write has written half
}

type inode struct{ data, synced []byte }

func newForgetful() *forgetful {
	return &forgetful{live: map[string]*inode{}, durable: map[string]*inode{}, before: func(string, bool) error { return nil }}
}

func (d *forgetful) step(what, path string, isSync bool) error {
	return d.before(what+" "+path, isSync)
}

// change is a step that changes the live tree when it did not fail.
func (d *forgetful) change(what, path string, do func() error, note func()) error {
	if err := d.step(what, path, false); err != nil {
		return err
	}
	err := do()
	if err == nil {
		d.mu.Lock()
		defer d.mu.Unlock()
		note()
	}
	return err
}

func (d *forgetful) Create(path string) (file, error) {
	n := &inode{}
	var f file
	err := d.change("create", path, func() (err error) { f, err = osDisk{}.Create(path); return err }, func() { d.live[path] = n })
	return &forgetfulFile{f, d, path, n}, err
}

func (d *forgetful) Mkdir(path string) error {
	return d.change("mkdir", path, func() error { return osDisk{}.Mkdir(path) }, func() { d.live[path] = nil })
}

func (d *forgetful) Rename(old, path string) error {
	return d.change("rename", old, func() error { return osDisk{}.Rename(old, path) }, func() { d.live[path] = d.live[old]; delete(d.live, old) })
}

func (d *forgetful) Remove(path string) error {
	return d.change("remove", path, func() error { return osDisk{}.Remove(path) }, func() { delete(d.live, path) })
}

func (d *forgetful) SyncDir(path string) error {
	if err := d.step("sync", path, true); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for name := range d.durable {
		if _, there := d.live[name]; filepath.Dir(name) == path && !there {
			delete(d.durable, name)
		}
	}
	for name, n := range d.live {
		if filepath.Dir(name) == path {
			d.durable[name] = n
		}
	}
	return nil
}

type forgetfulFile struct {
	file
	d    *forgetful
	path string
	n    *inode
}

func (f *forgetfulFile) Write(p []byte) (int, error) {
	err := f.d.step("write", f.path, false)
	if err != nil && !f.d.short {
		return 0, err
	}
	if err != nil {
		p = p[:len(p)/2]
	}
	f.d.mu.Lock()
	f.n.data = append(f.n.data, p...)
	f.d.mu.Unlock()
	n, wErr := f.file.Write(p)
	return n, errors.Join(err, wErr)
}

func (f *forgetfulFile) Sync() error {
	if err := f.d.step("sync", f.path, true); err != nil {
		return err
	}
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	f.n.synced = bytes.Clone(f.n.data)
	return nil
}

func (f *forgetfulFile) Close() error {
	return errors.Join(f.d.step("close", f.path, false), f.file.Close())
}

// cut is what a power cut leaves of a disk: what was synced, and of the rest a part.
func (d *forgetful) cut(r *rand.Rand) map[string][]byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	left := map[string][]byte{}
	for _, name := range union(d.live, d.durable) {
		n, there := d.durable[name]
		if newer, is := d.live[name]; (is != there || newer != n) && r.IntN(2) == 0 {
			n, there = newer, is
		}
		switch {
		case !there:
		case n == nil:
			left[name] = nil
		default:
			more := n.data[min(len(n.synced), len(n.data)):]
			left[name] = append(bytes.Clone(n.synced), more[:r.IntN(len(more)+1)]...)
			if left[name] == nil {
				left[name] = []byte{}
			}
		}
	}
	return left
}

func union(a, b map[string]*inode) (names []string) {
	for n := range a {
		names = append(names, n)
	}
	for n := range b {
		if _, twice := a[n]; !twice {
			names = append(names, n)
		}
	}
	return names
}

// restore writes what is left of root to another directory. What lies in a directory that is lost is lost too.
func restore(t *testing.T, left map[string][]byte, root, to string) {
	t.Helper()
	reachable := func(name string) bool {
		for dir := filepath.Dir(name); len(dir) > len(root); dir = filepath.Dir(dir) {
			if content, there := left[dir]; !there || content != nil {
				return false
			}
		}
		return true
	}
	for name, content := range left {
		if !strings.HasPrefix(name, root) || !reachable(name) {
			continue
		}
		path := to + strings.TrimPrefix(name, root)
		err := os.MkdirAll(filepath.Dir(path), 0o700)
		if err == nil && content == nil {
			err = os.MkdirAll(path, 0o700)
		} else if err == nil {
			err = os.WriteFile(path, content, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// books are what a scenario was told.
type books struct {
	mu      sync.Mutex        // of the maps, while a scenario runs
	put     map[string]string // acknowledged blobs by id
	deleted map[string]bool   // ids whose deletion was tried
	rows    map[string]string // acknowledged rows: key → blob id
	tried   map[string]string // rows tried
}

func newBooks() *books {
	return &books{put: map[string]string{}, deleted: map[string]bool{}, rows: map[string]string{}, tried: map[string]string{}}
}

func idOf(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:])
}

// play puts, reads, deletes and walks, in two lives; with a store of rows, each blob gets one that names it.
func play(t *testing.T, dir string, d disk, fs vfs.FS, b *books) {
	ctx := context.Background()
	for life := range 2 {
		e, err := open(filepath.Join(dir, "deep", "blobs"), Options{Grace: -1}, d)
		if err != nil {
			continue
		}
		var rows *pebblekv.Engine
		if fs != nil {
			if rows, err = pebblekv.Open("data/kv", pebblekv.Options{FS: fs}); err != nil {
				continue
			}
		}
		for i := range 5 {
			content := strings.Repeat(fmt.Sprintf("%d.%d;", i%4, life*(i%2)), 1+i%3*9000) // some are put twice
			info, err := e.Put(ctx, strings.NewReader(content))
			if err != nil {
				continue
			}
			if info.ID != idOf(content) {
				t.Errorf("put gave %s for %.10q", info.ID, content)
			}
			b.note(func() { b.put[info.ID] = content; delete(b.deleted, info.ID) })
			if rows != nil {
				key := fmt.Sprint("row", life, i)
				b.note(func() { b.tried[key] = info.ID })
				if rows.Update(ctx, func(tx kv.Txn) error { return tx.Set([]byte(key), []byte(info.ID)) }) == nil {
					b.note(func() { b.rows[key] = info.ID })
				}
			}
		}
		for id, content := range b.put {
			if got, err := readBlob(e, id); err == nil && got != content {
				t.Errorf("%s reads as %.20q without an error", id, got)
			}
		}
		if rows == nil {
			gone := idOf(strings.Repeat("3.0;", 1))
			b.note(func() { b.deleted[gone] = true })
			if err := e.Delete(ctx, gone); err == nil {
				if _, err := e.Stat(ctx, gone); !errors.Is(err, blob.ErrNotFound) {
					t.Errorf("deleted, and there: %v", err)
				}
			}
			_ = e.Walk(ctx, func(blob.Info) error { return nil })
		} else {
			_ = rows.Close()
		}
		_ = e.Close()
	}
}

func readBlob(e *Engine, id string) (string, error) {
	r, err := e.Open(context.Background(), id, 0, -1)
	if err != nil {
		return "", err
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	return string(b), err
}

// rest makes what is half written as old as what a crash left: nobody can still be writing it.
func rest(t *testing.T, dir string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "temp", "*"))
	old := time.Now().Add(-tempRest - time.Minute)
	for _, f := range files {
		err = errors.Join(err, os.Chtimes(f, old, old))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// audit opens what is left on a healthy disk, an hour later: acknowledged blobs are there, every blob is what its name says,
// every row names one, and nothing half written is left.
func (b *books) audit(t *testing.T, what, dir string, fs vfs.FS) {
	t.Helper()
	dir = filepath.Join(dir, "deep", "blobs")
	rest(t, dir)
	e, err := open(dir, Options{Grace: -1}, newForgetful()) // nothing need be synced any more
	if err != nil {
		t.Errorf("%s: it does not open on a healthy disk: %v", what, err)
		return
	}
	for id, content := range b.put {
		if got, err := readBlob(e, id); (err != nil || got != content) && !b.deleted[id] {
			t.Errorf("%s: %s was acknowledged and is %.10q, %v", what, id, got, err)
		}
	}
	err = e.Walk(context.Background(), func(i blob.Info) error {
		if got, err := readBlob(e, i.ID); err != nil || idOf(got) != i.ID {
			t.Errorf("%s: blob %s has other bytes, %v", what, i.ID, err)
		}
		return nil
	})
	if err != nil {
		t.Error(what, err)
	}
	if left, err := os.ReadDir(e.temp()); len(left) != 0 || err != nil {
		t.Errorf("%s: temporary files are left: %v, %v", what, left, err)
	}
	if fs != nil {
		b.auditRows(t, what, e, fs)
	}
}

func (b *books) auditRows(t *testing.T, what string, e *Engine, fs vfs.FS) {
	t.Helper()
	rows, err := pebblekv.Open("data/kv", pebblekv.Options{FS: fs})
	if err != nil {
		t.Errorf("%s: the rows do not open: %v", what, err)
		return
	}
	defer rows.Close()
	found := map[string]string{}
	if err := rows.Dump(context.Background(), func(k, v []byte) error { found[string(k)] = string(v); return nil }); err != nil {
		t.Error(what, err)
	}
	for key, id := range b.rows {
		if found[key] != id {
			t.Errorf("%s: row %s was acknowledged and is %q", what, key, found[key])
		}
	}
	for key, id := range found {
		if b.tried[key] != id {
			t.Errorf("%s: nobody wrote row %s", what, key)
		}
		if _, err := e.Stat(context.Background(), id); err != nil {
			t.Errorf("%s: row %s names a blob that is not there: %v", what, key, err)
		}
	}
}

// TestNthStepFails: whichever step of a scenario fails, of blobs alone and of blobs with rows that name them, each call fails
// or succeeds, and what was acknowledged is there afterwards, whether the process was killed or the power cut.
func TestNthStepFails(t *testing.T) {
	for name, c := range map[string]struct {
		err   error
		syncs bool // only syncs are counted
		short bool
	}{
		"error": {err: syscall.EIO}, "no space": {err: syscall.ENOSPC}, "short write": {err: io.ErrShortWrite, short: true}, "failed fsync": {err: syscall.EIO, syncs: true},
	} {
		for _, withRows := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, rows %v", name, withRows), func(t *testing.T) {
				t.Parallel()
				for n := 1; ; n++ {
					var mu sync.Mutex
					count, at := 0, ""
					before := func(what string, isSync bool) error {
						mu.Lock()
						defer mu.Unlock()
						if c.syncs && !isSync || c.short && !strings.HasPrefix(what, "write ") {
							return nil
						}
						if count++; count != n {
							return nil
						}
						at = what
						return c.err
					}
					dir, d := t.TempDir(), newForgetful()
					d.before, d.short = before, c.short
					var mem *vfs.MemFS
					var rows vfs.FS
					if withRows {
						mem = vfs.NewCrashableMem()
						rows = errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error { return rowStep(op, before) }))
					}
					b := newBooks()
					play(t, dir, d, rows, b)
					if at == "" {
						t.Logf("%d steps, each failed in turn", n-1)
						return
					}
					what := fmt.Sprintf("step %d (%s)", n, strings.ReplaceAll(at, dir, ""))
					r := rand.New(rand.NewPCG(uint64(n), 0))
					dark := t.TempDir()
					restore(t, d.cut(r), dir, dark)
					if mem != nil {
						b.audit(t, what+", power cut", dark, mem.CrashClone(vfs.CrashCloneCfg{}))
						b.audit(t, what+", killed", dir, mem)
					} else {
						b.audit(t, what+", power cut", dark, nil)
						b.audit(t, what+", killed", dir, nil)
					}
					if t.Failed() {
						return
					}
				}
			})
		}
	}
}

func rowStep(op errorfs.Op, before func(string, bool) error) error {
	isSync := op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData || op.Kind == errorfs.OpFileSyncTo
	switch {
	case op.Kind.ReadOrWrite() != errorfs.OpIsWrite || op.Kind == errorfs.OpFilePreallocate:
		return nil
	case op.Kind == errorfs.OpFileWrite:
		return before("write "+op.Path, false)
	}
	return before(fmt.Sprintf("row step %d %s", op.Kind, op.Path), isSync)
}

// TestPowerCut: the power goes before any step of a scenario, and of what was not synced a random part is left. No row names
// a blob that is not there, and what was acknowledged is.
func TestPowerCut(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for n := 1; ; n++ {
		r := rand.New(rand.NewPCG(seed, uint64(n)))
		dir, d, mem, b := t.TempDir(), newForgetful(), vfs.NewCrashableMem(), newBooks()
		var mu sync.Mutex
		count := 0
		var left map[string][]byte
		var rows *vfs.MemFS
		var told *books
		before := func(string, bool) error {
			mu.Lock()
			defer mu.Unlock()
			if count++; count == n {
				told = b.copy()
				left = d.cut(r)
				rows = mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: r.IntN(101), RNG: rand.New(rand.NewPCG(seed, r.Uint64()))})
			}
			return nil
		}
		d.before = before
		play(t, dir, d, errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error { return rowStep(op, before) })), b)
		if left == nil {
			t.Logf("%d steps, a cut before each", n-1)
			return
		}
		dark := t.TempDir()
		restore(t, left, dir, dark)
		told.tried = b.tried
		told.audit(t, fmt.Sprintf("cut before step %d", n), dark, rows)
		if t.Failed() {
			return
		}
	}
}

func (b *books) note(what func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	what()
}

func (b *books) copy() *books {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := newBooks()
	for id, content := range b.put {
		c.put[id] = content
	}
	for key, id := range b.rows {
		c.rows[key] = id
	}
	return c
}
