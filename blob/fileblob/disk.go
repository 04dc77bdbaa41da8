package fileblob

import (
	"errors"
	"io"
	"os"
	"sync/atomic"
	"syscall"
	"time"
)

// disk is what changes the directory, so that tests can make each of its steps fail, or forget what was not synced.
type disk interface {
	Create(path string) (file, error) // a new file, mode 0600
	Mkdir(path string) error          // mode 0700
	Rename(old, path string) error
	Remove(path string) error
	SyncDir(path string) error
}

type file interface {
	io.WriteCloser
	Sync() error
}

type osDisk struct{}

func (osDisk) Create(path string) (file, error) {
	return os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
}

func (osDisk) Mkdir(path string) error       { return os.Mkdir(path, 0o700) }
func (osDisk) Rename(old, path string) error { return os.Rename(old, path) }
func (osDisk) Remove(path string) error      { return os.Remove(path) }

func (osDisk) SyncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func noSpace(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }

// A file system counts as full when less than a twentieth of it is free, within these bounds: what is left is for the rows.
const (
	leastReserve = 16 << 20
	mostReserve  = 256 << 20
)

const lookEvery = 100 * time.Millisecond

// space watches the free space of a directory.
type space struct {
	dir  string
	next atomic.Int64 // when to look again, Unix nanoseconds
	low  atomic.Bool
}

// full tells whether the disk has, or had a moment ago, too little room.
func (s *space) full() bool {
	now, next := time.Now().UnixNano(), s.next.Load()
	if now >= next && s.next.CompareAndSwap(next, now+int64(lookEvery)) {
		var st syscall.Statfs_t
		err := syscall.Statfs(s.dir, &st)
		block := uint64(st.Bsize)                                                                                            //nolint:gosec // of the kernel
		s.low.Store(err == nil && uint64(st.Bavail)*block < min(max(uint64(st.Blocks)*block/20, leastReserve), mostReserve)) //nolint:unconvert // signed elsewhere
	}
	return s.low.Load()
}
