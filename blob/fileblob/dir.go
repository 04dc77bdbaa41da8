package fileblob

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
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
func checkFormat(d disk, dir string) error {
	raw, err := os.ReadFile(filepath.Join(dir, formatFile))
	if errors.Is(err, fs.ErrNotExist) {
		return stamp(d, dir)
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
func stamp(d disk, dir string) error {
	if err := makeDir(d, dir); err != nil {
		return fmt.Errorf("fileblob: %w", err)
	}
	names, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("fileblob: %w", err)
	}
	for _, n := range names {
		if strings.HasPrefix(n.Name(), formatFile+".new") {
			continue
		}
		if _, err := os.Stat(filepath.Join(dir, formatFile)); err == nil { // another was faster
			return checkFormat(d, dir)
		}
		return fmt.Errorf("%w: %s is neither empty nor marked", ErrFormat, dir)
	}
	temp := filepath.Join(dir, formatFile+".new-"+rand.Text())
	err = writeFile(d, temp, fmt.Sprintf("%s%d\n", formatMark, Format))
	if err == nil {
		err = d.Rename(temp, filepath.Join(dir, formatFile))
	}
	if err == nil {
		err = d.SyncDir(dir)
	} else {
		d.Remove(temp) //nolint:errcheck // the error to tell is the first
	}
	if err != nil {
		return fmt.Errorf("fileblob: %w", err)
	}
	return nil
}

func writeFile(d disk, name, content string) error {
	f, err := d.Create(name)
	if err != nil {
		return err
	}
	_, err = io.WriteString(f, content)
	return errors.Join(err, f.Sync(), f.Close())
}

// makeDir makes a directory, and what is missing above it, and makes their entries durable. Every directory above is synced,
// also one that is there: an earlier try may have made it and failed to sync.
func makeDir(d disk, dir string) error {
	parent := filepath.Dir(dir)
	if parent == dir {
		return nil
	}
	if err := makeDir(d, parent); err != nil {
		return err
	}
	err := mkdir(d, dir)
	if _, stat := os.Stat(dir); stat == nil && (errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS)) {
		return nil // so it is not we who made it
	}
	return err
}

// mkdir makes a directory and its entry durable. It is synced also when another made it: that one's sync may still be to come.
func mkdir(d disk, dir string) error {
	if err := d.Mkdir(dir); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return d.SyncDir(filepath.Dir(dir))
}
