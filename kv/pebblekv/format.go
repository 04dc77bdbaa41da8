package pebblekv

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Format is the version of the directory's format that this code reads and writes.
const Format = 1

const (
	formatFile = "bothy-format"
	formatMark = "bothy kv "
)

// ErrFormat says that a directory is not ours to open.
var ErrFormat = errors.New("pebblekv: unknown directory format")

// checkFormat reads the directory's version, and stamps it when the directory is new and not only looked at.
func checkFormat(fsys vfs.FS, dir string, readOnly bool) error {
	raw, err := readFile(fsys, fsys.PathJoin(dir, formatFile))
	if errors.Is(err, fs.ErrNotExist) && !readOnly {
		return stamp(fsys, dir)
	}
	if err != nil {
		return fmt.Errorf("pebblekv: %w", err)
	}
	text, ok := strings.CutPrefix(strings.TrimSpace(string(raw)), formatMark)
	version, err := strconv.Atoi(text)
	if !ok || err != nil || version < 1 {
		return fmt.Errorf("%w: %s says %.40q", ErrFormat, formatFile, raw)
	}
	if version > Format {
		return fmt.Errorf("%w: version %d, newer than %d", ErrFormat, version, Format)
	}
	return nil
}

// stamp marks a new directory before anything else is in it, so that an unmarked one with files is never ours.
func stamp(fsys vfs.FS, dir string) error {
	if err := makeDir(fsys, dir); err != nil {
		return fmt.Errorf("pebblekv: %w", err)
	}
	names, err := fsys.List(dir)
	if err != nil {
		return fmt.Errorf("pebblekv: %w", err)
	}
	temp := formatFile + ".new"
	for _, n := range names {
		if n != temp {
			return fmt.Errorf("%w: %s is neither empty nor marked", ErrFormat, dir)
		}
	}
	if err := writeFile(fsys, fsys.PathJoin(dir, temp), fmt.Sprintf("%s%d\n", formatMark, Format)); err != nil {
		return fmt.Errorf("pebblekv: %w", err)
	}
	if err := fsys.Rename(fsys.PathJoin(dir, temp), fsys.PathJoin(dir, formatFile)); err != nil {
		return fmt.Errorf("pebblekv: %w", err)
	}
	if err := syncDir(fsys, dir); err != nil {
		return fmt.Errorf("pebblekv: %w", err)
	}
	return nil
}

func readFile(fsys vfs.FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read
	return io.ReadAll(io.LimitReader(f, 1<<10))
}

func writeFile(fsys vfs.FS, name, content string) error {
	f, err := fsys.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = io.WriteString(f, content)
	return errors.Join(err, f.Sync(), f.Close())
}

// makeDir makes a directory, and what is missing above it, and makes their entries survive a power cut. Every directory above
// is synced, also one that is there: an earlier try may have made it and failed to sync.
func makeDir(fsys vfs.FS, dir string) error {
	if err := fsys.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for parent := fsys.PathDir(dir); ; parent = fsys.PathDir(parent) {
		err := syncDir(fsys, parent)
		if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) { // so we did not make anything in it
			err = nil
		}
		if err != nil || parent == fsys.PathDir(parent) {
			return err
		}
	}
}

func syncDir(fsys vfs.FS, dir string) error {
	d, err := fsys.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
