package fileblob

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Format is the version of the directory's format that this code reads and writes.
const Format = 1

const (
	formatFile = "bothy-format"
	formatMark = "bothy blob "
)

// ErrFormat says that a directory is not ours to open.
var ErrFormat = errors.New("fileblob: unknown directory format")

// checkFormat reads the directory's version, and stamps it when the directory is new.
func checkFormat(dir string) error {
	raw, err := os.ReadFile(filepath.Join(dir, formatFile))
	if errors.Is(err, fs.ErrNotExist) {
		return stamp(dir)
	}
	if err != nil {
		return fmt.Errorf("fileblob: %w", err)
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

// stamp marks a new directory before anything else is in it, so that an unmarked one with files is never ours. Two processes
// may stamp at once: what they write is the same.
func stamp(dir string) error {
	if err := makeDir(dir); err != nil {
		return err
	}
	names, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("fileblob: %w", err)
	}
	for _, n := range names {
		if n.Name() == formatFile { // another was faster
			return checkFormat(dir)
		}
		if !strings.HasPrefix(n.Name(), formatFile+".new") {
			return fmt.Errorf("%w: %s is neither empty nor marked", ErrFormat, dir)
		}
	}
	if err := writeMark(dir); err != nil {
		return fmt.Errorf("fileblob: %w", err)
	}
	return syncDir(dir)
}

func writeMark(dir string) error {
	f, err := os.CreateTemp(dir, formatFile+".new") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // gone when renamed
	_, err = fmt.Fprintf(f, "%s%d\n", formatMark, Format)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), filepath.Join(dir, formatFile))
}

// makeDir makes a directory, and what is missing above it, and makes their entries durable. The parent is synced also when
// another made the directory: that one's sync may still be to come.
func makeDir(dir string) error {
	parent := filepath.Dir(dir)
	if _, err := os.Stat(parent); errors.Is(err, fs.ErrNotExist) && parent != dir {
		if err := makeDir(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("fileblob: %w", err)
	}
	return syncDir(parent)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("fileblob: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("fileblob: %w", err)
	}
	return nil
}
