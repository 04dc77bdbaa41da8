package pebblekv

import (
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// A file system counts as full when less than a twentieth of it is free, within these bounds: the room that Pebble needs to
// write down what it has in memory, to merge tables and to open again.
const (
	leastReserve = 16 << 20
	mostReserve  = 256 << 20
)

const lookEvery = 100 * time.Millisecond

// space watches the free space of a directory.
type space struct {
	fs   vfs.FS
	dir  string
	log  *slog.Logger
	next atomic.Int64 // when to look again, Unix nanoseconds
	low  atomic.Bool
}

// full tells whether the disk has, or had a moment ago, too little room to take a write.
func (s *space) full() bool {
	now, next := time.Now().UnixNano(), s.next.Load()
	if now >= next && s.next.CompareAndSwap(next, now+int64(lookEvery)) {
		s.look()
	}
	return s.low.Load()
}

func (s *space) look() {
	u, err := s.fs.GetDiskUsage(s.dir)
	low := err == nil && u.AvailBytes < reserve(u.TotalBytes) // where it is not known, the disk itself must say so
	if s.low.Swap(low) == low {
		return
	}
	if low {
		s.log.Error("kv: the disk is nearly full: writes are refused until there is room", "free", u.AvailBytes, "needed", reserve(u.TotalBytes))
	} else {
		s.log.Info("kv: there is room on the disk again: writes are taken", "free", u.AvailBytes)
	}
}

func reserve(total uint64) uint64 { return min(max(total/20, leastReserve), mostReserve) }

const roomFile = "bothy-room" // of no meaning to Pebble

// tryRoom writes as much as opening the store may, and takes it away again: a quota does not show in the free space, and
// who gives up a store that reads must be able to open the next.
func (e *Engine) tryRoom() error {
	fs, name := e.options.FS, e.options.FS.PathJoin(e.dir, roomFile)
	defer fs.Remove(name) //nolint:errcheck // openStore removes it
	f, err := fs.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	for chunk, left := make([]byte, 64<<10), stopWrites*int(e.options.MemTableBytes); left > 0 && err == nil; left -= len(chunk) {
		_, err = f.Write(chunk)
	}
	return errors.Join(err, f.Sync(), f.Close())
}
