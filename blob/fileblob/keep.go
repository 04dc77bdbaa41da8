package fileblob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"bothy/blob"
)

func deleted(dir string) string { return filepath.Join(dir, "deleted") }

// putAside moves a blob to where it can still be read for a while; from now on counts.
func (e *Engine) putAside(path string) error {
	shard := filepath.Join(deleted(e.dir), filepath.Base(filepath.Dir(path)))
	if err := os.MkdirAll(shard, 0o700); err != nil {
		return err
	}
	now := e.now()
	if err := os.Chtimes(path, now, now); err != nil {
		return err
	}
	return e.disk.Rename(path, filepath.Join(shard, filepath.Base(path)))
}

// Forget removes what was deleted longer ago than it is to be kept.
func (e *Engine) Forget(ctx context.Context) error {
	if _, err := os.Stat(deleted(e.dir)); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return walk(ctx, deleted(e.dir), func(info blob.Info, st fs.FileInfo) error {
		if e.now().Sub(st.ModTime()) < e.retain {
			return nil
		}
		if err := e.disk.Remove(filepath.Join(deleted(e.dir), info.ID[:2], info.ID[2:])); err != nil {
			return fmt.Errorf("fileblob: forget: %w", err)
		}
		return nil
	})
}

// Usage is how many blobs there are, and their bytes.
func (e *Engine) Usage(ctx context.Context) (blobs, bytes int64, err error) {
	err = walk(ctx, e.blobs(), func(info blob.Info, _ fs.FileInfo) error {
		blobs++
		bytes += info.Size
		return nil
	})
	return blobs, bytes, err
}

// OpenKept reads a blob from the directory of a store that nobody has open, also one that was deleted lately.
func OpenKept(dir, id string) (io.ReadCloser, error) {
	if !blob.ValidID(id) {
		return nil, blob.ErrNotFound
	}
	for _, d := range []string{filepath.Join(dir, "blobs"), deleted(dir)} {
		f, err := os.Open(filepath.Join(d, id[:2], id[2:]))
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("fileblob: open: %w", err)
		}
	}
	return nil, blob.ErrNotFound
}
