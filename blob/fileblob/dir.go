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

// stamp marks a new directory before anything else is in it, so that an unmarked one with files is never ours.
func stamp(dir string) error {
	if err := makeDir(dir); err != nil {
		return err
	}
	names, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("fileblob: %w", err)
	}
	temp := filepath.Join(dir, formatFile+".new")
	for _, n := range names {
		if n.Name() != filepath.Base(temp) {
			return fmt.Errorf("%w: %s is neither empty nor marked", ErrFormat, dir)
		}
	}
	if err := writeFile(temp, fmt.Sprintf("%s%d\n", formatMark, Format)); err != nil {
		return fmt.Errorf("fileblob: %w", err)
	}
	if err := os.Rename(temp, filepath.Join(dir, formatFile)); err != nil {
		return fmt.Errorf("fileblob: %w", err)
	}
	return syncDir(dir)
}

func writeFile(name, content string) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(content)
	return errors.Join(err, f.Sync(), f.Close())
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
