package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"bothy/blob/s3blob"
)

// Remote tells whether a place is an object in an S3 store, and not a file.
func Remote(place string) bool { return strings.HasPrefix(place, "s3://") }

// Open opens a backup, file or object, for NewReader or Unseal.
func Open(ctx context.Context, place string) (io.ReadCloser, error) {
	if Remote(place) {
		return s3blob.OpenObject(ctx, place)
	}
	return os.Open(place)
}

// Create writes a backup, file or object, by write. Nothing has its name before write has returned nil and all of it is durable.
// A file is for its owner alone, and must not exist.
func Create(ctx context.Context, place string, write func(io.Writer) error) error {
	if Remote(place) {
		return s3blob.CreateObject(ctx, place, write)
	}
	if _, err := os.Lstat(place); err == nil {
		return fmt.Errorf("backup: %s exists", place)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(place), filepath.Base(place)+".part-") // 0600 from the start
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // it has another name by now when all went well
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), place); errors.Is(err, fs.ErrExist) { // unlike a rename, it replaces nothing
		return err
	} else if err != nil { // a file system without links
		if err := os.Rename(f.Name(), place); err != nil {
			return err
		}
	}
	d, err := os.Open(filepath.Dir(place))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

const (
	minPassphrase = 12 // characters: what is sealed holds every secret of the node
	maxPassphrase = 1 << 10
)

// Passphrase reads the first line of a file, which nobody else may read.
func Passphrase(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("backup: others may read %s: chmod 600 it", path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(string(text), "\n")
	line = strings.TrimSuffix(line, "\r")
	if len([]rune(line)) < minPassphrase || len(line) > maxPassphrase {
		return "", fmt.Errorf("backup: the passphrase in %s has fewer than %d characters or more than %d bytes", path, minPassphrase, maxPassphrase)
	}
	return line, nil
}
