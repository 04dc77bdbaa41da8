package pebblekv

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"strconv"
	"strings"
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

// A batch of a kept log begins with a stamp, which the store does not hold, only the log: its version, the time of the commit in
// nanoseconds since 1970 and, in the first batch of a process, the sequence number with which the log ended until then. Within a
// process Pebble's numbers have no gaps; after a crash they may go on beyond what came into the log.
const (
	stampVersion = 1
	stampBytes   = 1 + 8
	firstBytes   = stampBytes + 8
)

// stamp is for the next commit; in one process time never goes back.
func (e *Engine) stamp() []byte {
	e.stamped = max(e.stamped, e.now().UnixNano())
	b := binary.BigEndian.AppendUint64([]byte{stampVersion}, uint64(e.stamped))
	if e.began {
		return b
	}
	e.began = true
	return binary.BigEndian.AppendUint64(b, e.follows)
}

// stamped is what a stamp says.
type stamped struct {
	at      time.Time
	first   bool
	follows uint64
}

func readStamp(b []byte) (s stamped, ok bool) {
	if len(b) != stampBytes && len(b) != firstBytes || b[0] != stampVersion {
		return s, false
	}
	s.at = time.Unix(0, int64(binary.BigEndian.Uint64(b[1:])))
	if s.first = len(b) == firstBytes; s.first {
		s.follows = binary.BigEndian.Uint64(b[stampBytes:])
	}
	return s, true
}

// gapMark begins the name of a file in archiveDir: what is in files of the log up to the number that follows is not continued
// by those above it, for a process kept no log in between.
const gapMark = "gap-"

// noteGap notes that from now on the log is not kept, if it was.
func noteGap(fsys vfs.FS, dir string) error {
	kept := fsys.PathJoin(dir, archiveDir)
	if _, err := fsys.Stat(kept); err != nil {
		return nil //nolint:nilerr // none was kept
	}
	logs, err := findLogs(fsys, dir)
	if err != nil || len(logs) == 0 {
		return err
	}
	name := fmt.Sprintf("%s%d", gapMark, uint64(logs[len(logs)-1].Num))
	if err := writeFile(fsys, fsys.PathJoin(kept, name), ""); err != nil {
		return fmt.Errorf("pebblekv: %w", err)
	}
	return syncDir(fsys, kept)
}

// findGaps are the numbers that noteGap noted.
func findGaps(fsys vfs.FS, dir string) (gaps []uint64, err error) {
	kept := fsys.PathJoin(dir, archiveDir)
	names, err := fsys.List(kept)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, name := range names {
		if text, ok := strings.CutPrefix(name, gapMark); ok {
			n, err := strconv.ParseUint(text, 10, 64)
			if err != nil {
				return nil, fmt.Errorf("pebblekv: %s: %w", fsys.PathJoin(kept, name), err)
			}
			gaps = append(gaps, n)
		}
	}
	return gaps, err
}
