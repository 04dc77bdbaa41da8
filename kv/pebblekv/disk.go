package pebblekv

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"bothy/kv"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// disk is the file system as Pebble sees it. Pebble answers a failed write of its log or its manifest with a panic, some
// of them with locks held, so it never hears of one. At the first such failure the disk is cut: the real directory is not
// changed any more, as if the process had been killed at that moment, and what Pebble goes on to write stays in memory
// until it is closed. What was durable is still read; nothing that came later is ever called durable, because whoever
// answers asks failure first.
//
// A table that cannot be written is another matter: Pebble drops it and tries again, so it is only told a moment later.
type disk struct {
	vfs.FS          // the real one; reads go there
	memory   vfs.FS // what is written after the cut
	why      atomic.Pointer[error]
	broken   chan struct{} // closed by the cut
	full     atomic.Int64  // time of the last "no space left", Unix nanoseconds
	spoiled  atomic.Int32  // tables that could not be written, since one could
	opening  atomic.Bool   // a failure of anything cuts: to open is all or nothing
	released chan struct{} // closed when Pebble is about to be closed: nobody waits any more
	once     sync.Once
}

// fullFor is how long a disk counts as full after it has said so, whatever it says of its free space: it may be a quota.
const fullFor = time.Second

const maxSpoiled = 4 // tables in a row that fail before the disk is cut

func newDisk(fs vfs.FS, dir string) (*disk, error) {
	d := &disk{FS: fs, memory: vfs.NewMem(), broken: make(chan struct{}), released: make(chan struct{})}
	d.opening.Store(true)
	return d, d.memory.MkdirAll(dir, 0o700)
}

// opened ends the opening and returns the failure that came meanwhile.
func (d *disk) opened() error {
	d.opening.Store(false)
	return d.failure()
}

// release ends all waiting. Where it was for room, Pebble cannot end by itself: its flushes go on in memory.
func (d *disk) release() {
	d.once.Do(func() {
		close(d.released)
		if d.saidFull() {
			d.cut(errLeft) //nolint:errcheck // it is read by who answers
		}
	})
}

var errLeft = errors.New("closed while the disk was full")

func (d *disk) failure() error {
	if err := d.why.Load(); err != nil {
		return *err
	}
	return nil
}

// cut ends all writing and returns the first cause.
func (d *disk) cut(cause error) error {
	err := fmt.Errorf("%w: %w", ErrFailed, cause)
	if noSpace(cause) {
		err = fmt.Errorf("%w: %w", kv.ErrFull, cause)
	}
	if d.why.CompareAndSwap(nil, &err) {
		close(d.broken)
	}
	return d.failure()
}

func noSpace(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }

// saw notes a failed write of name and tells whether the disk is cut now, so that Pebble is to be told of success.
func (d *disk) saw(name string, err error) (cut bool) {
	if noSpace(err) {
		d.full.Store(time.Now().UnixNano())
	}
	if isTable(name) && d.patient() {
		d.pause()
		return false
	}
	d.cut(err) //nolint:errcheck // it is read by who answers
	return true
}

// patient tells whether Pebble may try again to write a table: not for ever, since commits may wait for it, and not on its
// way out.
func (d *disk) patient() bool {
	select {
	case <-d.released:
		return false
	default:
	}
	if d.opening.Load() || d.failure() != nil {
		return false
	}
	return d.spoiled.Add(1) < maxSpoiled
}

// saidFull tells whether the disk has just said that it is full.
func (d *disk) saidFull() bool { return time.Now().UnixNano()-d.full.Load() < int64(fullFor) }

// pause keeps Pebble, which tries again at once, from trying all the time.
func (d *disk) pause() {
	select {
	case <-time.After(fullFor):
	case <-d.released:
	}
}

// park holds a compaction that begins after the cut until Pebble is closed: its output would have to be held in memory.
func (d *disk) park() error {
	<-d.released
	return d.failure()
}

func isTable(name string) bool {
	return strings.HasSuffix(name, ".sst") || strings.HasSuffix(name, ".blob")
}

const compactions = "pebble-compaction" // Pebble's name for their writes

// Create syncs the directory before Pebble's marker of the current manifest is made: without, a file system that keeps no order
// among the entries of a directory may have the marker and not the manifest after a power cut, and the store does not open.
func (d *disk) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if strings.HasPrefix(d.PathBase(name), "marker.") && d.failure() == nil {
		if err := syncDir(d.FS, d.PathDir(name)); err != nil {
			d.saw(name, err)
		}
	}
	return d.create(name, c, func() (vfs.File, error) { return d.FS.Create(name, c) })
}

func (d *disk) ReuseForWrite(old, name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return d.create(name, c, func() (vfs.File, error) { return d.FS.ReuseForWrite(old, name, c) })
}

func (d *disk) OpenReadWrite(name string, c vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	return d.create(name, c, func() (vfs.File, error) { return d.FS.OpenReadWrite(name, c, opts...) })
}

func (d *disk) create(name string, c vfs.DiskWriteCategory, open func() (vfs.File, error)) (vfs.File, error) {
	if d.failure() == nil {
		f, err := open()
		if err == nil {
			return &file{File: f, disk: d, name: name}, nil
		}
		if !d.saw(name, err) {
			return nil, err
		}
	}
	if c == compactions && !d.opening.Load() {
		return nil, d.park()
	}
	return d.memory.Create(name, c)
}

// OpenDir is for syncing a directory.
func (d *disk) OpenDir(name string) (vfs.File, error) {
	f, err := d.FS.OpenDir(name)
	if err != nil {
		return nil, err
	}
	return &file{File: f, disk: d, name: name}, nil
}

func (d *disk) Open(name string, opts ...vfs.OpenOption) (vfs.File, error) {
	if d.failure() != nil {
		if f, err := d.memory.Open(name, opts...); err == nil {
			return f, nil
		}
	}
	return d.FS.Open(name, opts...)
}

func (d *disk) Stat(name string) (vfs.FileInfo, error) {
	if d.failure() != nil {
		if st, err := d.memory.Stat(name); err == nil {
			return st, nil
		}
	}
	return d.FS.Stat(name)
}

// change makes a change of a directory, unless the disk is cut: then there is nothing that Pebble looks for later.
func (d *disk) change(name string, do func() error) error {
	if d.failure() != nil {
		return nil
	}
	if err := do(); err != nil && !d.saw(name, err) {
		return err
	}
	return nil
}

func (d *disk) Link(old, name string) error {
	return d.change(name, func() error { return d.FS.Link(old, name) })
}

func (d *disk) Rename(old, name string) error {
	return d.change(name, func() error { return d.FS.Rename(old, name) })
}

func (d *disk) MkdirAll(dir string, perm os.FileMode) error {
	return d.change(dir, func() error { return d.FS.MkdirAll(dir, perm) })
}

// Remove removes what is obsolete. Pebble logs a failure, and looks for such files when it opens.
func (d *disk) Remove(name string) error {
	if d.failure() != nil {
		return nil
	}
	return d.FS.Remove(name)
}

func (d *disk) RemoveAll(name string) error {
	if d.failure() != nil {
		return nil
	}
	return d.FS.RemoveAll(name)
}

// List cuts when it fails while opening: Pebble lists a second time when it compacts already, and ends badly if it must give up then.
func (d *disk) List(dir string) ([]string, error) {
	names, err := d.FS.List(dir)
	if err != nil && d.opening.Load() {
		d.cut(err) //nolint:errcheck // openPebble reads it
		return nil, nil
	}
	return names, err
}

// Lock is passed on as it is: who cannot lock has not begun.
func (d *disk) Lock(name string) (io.Closer, error) { return d.FS.Lock(name) }

func (d *disk) Unwrap() vfs.FS { return d.FS }

// file is an open file of the real directory.
type file struct {
	vfs.File
	disk *disk
	name string
}

// write does what changes the file. After the cut a table that was begun before it fails, since half of it is missing in
// memory; of everything else Pebble is told that it succeeded.
func (f *file) write(do func() error) error {
	if err := f.disk.failure(); err == nil {
		if err := do(); err == nil || !f.disk.saw(f.name, err) {
			return err
		}
	}
	if isTable(f.name) {
		return f.disk.failure()
	}
	return nil
}

func (f *file) Write(p []byte) (n int, err error) {
	n = len(p)
	err = f.write(func() (err error) { n, err = f.File.Write(p); return err })
	if err == nil {
		n = len(p)
	}
	return n, err
}

func (f *file) WriteAt(p []byte, at int64) (n int, err error) {
	err = f.write(func() (err error) { n, err = f.File.WriteAt(p, at); return err })
	if err == nil {
		n = len(p)
	}
	return n, err
}

func (f *file) Sync() error     { return f.sync(f.File.Sync) }
func (f *file) SyncData() error { return f.sync(f.File.SyncData) }

func (f *file) sync(do func() error) error {
	err := f.write(do)
	if err == nil && isTable(f.name) {
		f.disk.spoiled.Store(0)
	}
	return err
}

func (f *file) SyncTo(length int64) (whole bool, err error) {
	err = f.write(func() (err error) { whole, err = f.File.SyncTo(length); return err })
	return whole, err
}

// Preallocate is a hint, and Pebble takes its failure as such.
func (f *file) Preallocate(offset, length int64) error {
	if f.disk.failure() != nil {
		return nil
	}
	return f.File.Preallocate(offset, length)
}

// Close closes the real file. What had to be durable was synced before.
func (f *file) Close() error {
	err := f.File.Close()
	if err != nil && (f.disk.failure() != nil || f.disk.saw(f.name, err)) {
		return nil
	}
	return err
}
