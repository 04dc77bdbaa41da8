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

// stamps are made for the commits of one process, by its committer.
type stamps struct {
	now     func() time.Time
	follows uint64 // where the log ended before
	begun   bool
	last    int64
}

// next is the stamp of the next commit; in one process time never goes back.
func (s *stamps) next() []byte {
	s.last = max(s.last, s.now().UnixNano())
	b := binary.BigEndian.AppendUint64([]byte{stampVersion}, uint64(s.last))
	if s.begun {
		return b
	}
	s.begun = true
	return binary.BigEndian.AppendUint64(b, s.follows)
}

// log looks at the log of a store that is about to be opened: where it ends, when it is kept from now on; else it notes that.
func (o Options) log(dir string) (*stamps, error) {
	switch {
	case o.ReadOnly:
		return nil, nil
	case o.KeepLog == 0:
		return nil, noteGap(o.FS, dir)
	}
	end, err := logEnd(o.FS, dir)
	return &stamps{now: o.Now, follows: end}, err
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
