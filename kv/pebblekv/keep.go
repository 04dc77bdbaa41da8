package pebblekv

import (
	"encoding/binary"
	"log/slog"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/wal"
)

// archiveDir is where a store's log goes when Pebble no longer needs it, if it is kept.
const archiveDir = "archive"

// keeper is the file system below a store whose log is kept. Pebble's own cleaner then moves all that is obsolete to archiveDir;
// here only the log arrives, and stays for a while.
type keeper struct {
	vfs.FS
	keep time.Duration
	now  func() time.Time
	log  *slog.Logger
}

// Rename implements vfs.FS.
func (k keeper) Rename(from, to string) error {
	dir := k.PathDir(to)
	if k.PathBase(dir) != archiveDir {
		return k.FS.Rename(from, to)
	}
	if _, _, isLog := wal.ParseLogFilename(k.PathBase(to)); !isLog {
		return k.FS.Remove(from)
	}
	if err := k.FS.Rename(from, to); err != nil {
		return err
	}
	if err := k.prune(dir); err != nil {
		k.log.Error("kv: log that is no longer to be kept not removed", "error", err)
	}
	return nil
}

// prune removes the oldest logs, up to the first that was still written to in the time to be kept.
func (k keeper) prune(dir string) error {
	names, err := k.List(dir)
	if err != nil {
		return err
	}
	slices.Sort(names) // numbers of six digits; a longer one sorts early and stays longer
	for _, name := range names {
		if _, _, isLog := wal.ParseLogFilename(name); !isLog {
			continue
		}
		path := k.PathJoin(dir, name)
		info, err := k.Stat(path)
		if err != nil {
			return err
		}
		if k.now().Sub(info.ModTime()) < k.keep {
			return nil
		}
		if err := k.Remove(path); err != nil {
			return err
		}
	}
	return nil
}

// A batch of a kept log begins with a stamp: its version and the time of the commit, in nanoseconds since 1970. The store does
// not hold it, only the log.
const (
	stampVersion = 1
	stampBytes   = 9
)

// stamp is the time of a commit; in one process it never goes back.
func (e *Engine) stamp() []byte {
	e.stamped = max(e.stamped, e.now().UnixNano())
	return binary.BigEndian.AppendUint64([]byte{stampVersion}, uint64(e.stamped))
}

func readStamp(b []byte) (time.Time, bool) {
	if len(b) != stampBytes || b[0] != stampVersion {
		return time.Time{}, false
	}
	return time.Unix(0, int64(binary.BigEndian.Uint64(b[1:]))), true
}
