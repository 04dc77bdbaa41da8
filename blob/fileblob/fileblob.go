// Package fileblob keeps blobs in a directory. A blob is written to a temporary file, fsynced, renamed to its name and its
// directory fsynced, in this order, before Put returns: a crash leaves either the whole blob or a temporary file, which the
// next Open removes.
//
// Directory: "bothy-format" (version), "temp/", "blobs/ab/cdef…" by the hex SHA-256 of the content, and "deleted/ab/cdef…": what
// DeleteOld removed lately, when Options say to keep it. One process owns it.
package fileblob

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"bothy/blob"
)

// DefaultGrace is how long a blob may be without a name: longer than any request that puts one takes to commit its row.
const DefaultGrace = 24 * time.Hour

// Options of Open; the zero value is good.
type Options struct {
	Grace time.Duration    // age below which Walk and DeleteOld leave a blob alone; 0 means DefaultGrace, negative none
	Now   func() time.Time // nil means time.Now
	Keep  time.Duration    // how long what DeleteOld removes can still be read by OpenKept; 0: not at all
}

// Engine implements blob.Engine.
type Engine struct {
	dir    string
	grace  time.Duration
	retain time.Duration
	now    func() time.Time
	made   sync.Map   // shard directories known to be durable
	mu     sync.Mutex // a blob becoming young (rename) excludes its removal for age
}

// Open opens or creates the store in dir.
func Open(dir string, o Options) (*Engine, error) {
	if o.Grace == 0 {
		o.Grace = DefaultGrace
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	e := &Engine{dir: dir, grace: max(o.Grace, 0), retain: o.Keep, now: o.Now}
	if err := checkFormat(dir); err != nil {
		return nil, err
	}
	if err := os.RemoveAll(e.temp()); err != nil {
		return nil, fmt.Errorf("fileblob: %w", err)
	}
	for _, d := range []string{e.temp(), e.blobs()} {
		if err := makeDir(d); err != nil {
			return nil, err
		}
	}
	return e, nil
}

func (e *Engine) temp() string          { return filepath.Join(e.dir, "temp") }
func (e *Engine) blobs() string         { return filepath.Join(e.dir, "blobs") }
func (e *Engine) path(id string) string { return filepath.Join(e.blobs(), id[:2], id[2:]) }

// Put implements blob.Engine.
func (e *Engine) Put(ctx context.Context, r io.Reader) (blob.Info, error) {
	f, err := os.CreateTemp(e.temp(), "put-")
	if err != nil {
		return blob.Info{}, fmt.Errorf("fileblob: put: %w", err)
	}
	defer os.Remove(f.Name()) //nolint:errcheck // gone already when all went well
	hash := sha256.New()
	size, err := io.Copy(io.MultiWriter(f, hash), reader{ctx, r})
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return blob.Info{}, fmt.Errorf("fileblob: put: %w", err)
	}
	info := blob.Info{ID: hex.EncodeToString(hash.Sum(nil)), Size: size}
	if err := e.keep(f.Name(), info.ID); err != nil {
		return blob.Info{}, err
	}
	return info, nil
}

// reader stops when ctx ends.
type reader struct {
	ctx context.Context
	r   io.Reader
}

func (r reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}

// keep gives a written file its name, over the same bytes if they are there.
func (e *Engine) keep(temp, id string) error {
	shard := filepath.Dir(e.path(id))
	if _, ok := e.made.Load(shard); !ok {
		if err := makeDir(shard); err != nil {
			return err
		}
		e.made.Store(shard, true)
	}
	if err := e.rename(temp, id); err != nil {
		return fmt.Errorf("fileblob: put: %w", err)
	}
	return syncDir(shard)
}

func (e *Engine) rename(temp, id string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.now()
	if err := os.Chtimes(temp, now, now); err != nil {
		return err
	}
	return os.Rename(temp, e.path(id))
}

// Open implements blob.Engine.
func (e *Engine) Open(ctx context.Context, id string, offset, length int64) (io.ReadCloser, error) {
	f, info, err := e.open(ctx, id)
	if err != nil {
		return nil, err
	}
	offset, length, err = blob.Clip(info.Size, offset, length)
	if err != nil {
		f.Close() //nolint:errcheck // only read
		return nil, err
	}
	return section{io.NewSectionReader(f, offset, length), f}, nil
}

// section is part of a file that closes with it.
type section struct {
	*io.SectionReader
	io.Closer
}

// Stat implements blob.Engine.
func (e *Engine) Stat(ctx context.Context, id string) (blob.Info, error) {
	f, info, err := e.open(ctx, id)
	if err != nil {
		return blob.Info{}, err
	}
	return info, f.Close()
}

func (e *Engine) open(ctx context.Context, id string) (*os.File, blob.Info, error) {
	if err := ctx.Err(); err != nil {
		return nil, blob.Info{}, err
	}
	if !blob.ValidID(id) {
		return nil, blob.Info{}, blob.ErrNotFound
	}
	f, err := os.Open(e.path(id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, blob.Info{}, blob.ErrNotFound
	}
	if err != nil {
		return nil, blob.Info{}, fmt.Errorf("fileblob: open: %w", err)
	}
	st, err := f.Stat()
	if err != nil {
		f.Close() //nolint:errcheck // only read
		return nil, blob.Info{}, fmt.Errorf("fileblob: open: %w", err)
	}
	return f, blob.Info{ID: id, Size: st.Size()}, nil
}

// Delete implements blob.Engine.
func (e *Engine) Delete(ctx context.Context, id string) error {
	return e.delete(ctx, id, func(fs.FileInfo) bool { return true }, os.Remove)
}

// DeleteOld implements blob.Engine.
func (e *Engine) DeleteOld(ctx context.Context, id string) error {
	if e.retain > 0 {
		return e.delete(ctx, id, e.old, e.putAside)
	}
	return e.delete(ctx, id, e.old, os.Remove)
}

func (e *Engine) old(st fs.FileInfo) bool { return !st.ModTime().Add(e.grace).After(e.now()) }

// delete does not fsync: a blob that comes back after a power cut is swept again.
func (e *Engine) delete(ctx context.Context, id string, when func(fs.FileInfo) bool, remove func(path string) error) error {
	if err := ctx.Err(); err != nil || !blob.ValidID(id) {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	st, err := os.Stat(e.path(id))
	if err == nil && when(st) {
		err = remove(e.path(id))
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("fileblob: delete: %w", err)
	}
	return nil
}

// Walk implements blob.Engine.
func (e *Engine) Walk(ctx context.Context, fn func(blob.Info) error) error {
	return e.walk(ctx, e.blobs(), func(info blob.Info, st fs.FileInfo) error {
		if !e.old(st) {
			return nil
		}
		return fn(info)
	})
}

// walk calls fn for every blob below a directory.
func (e *Engine) walk(ctx context.Context, dir string, fn func(blob.Info, fs.FileInfo) error) error {
	shards, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("fileblob: walk: %w", err)
	}
	for _, s := range shards {
		if err := e.walkShard(ctx, filepath.Join(dir, s.Name()), fn); err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) walkShard(ctx context.Context, shard string, fn func(blob.Info, fs.FileInfo) error) error {
	files, err := os.ReadDir(shard)
	if err != nil {
		return fmt.Errorf("fileblob: walk: %w", err)
	}
	for _, f := range files {
		if err := ctx.Err(); err != nil {
			return err
		}
		st, err := f.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // deleted meanwhile
		}
		if err != nil {
			return fmt.Errorf("fileblob: walk: %w", err)
		}
		id := filepath.Base(shard) + f.Name()
		if !blob.ValidID(id) {
			continue
		}
		if err := fn(blob.Info{ID: id, Size: st.Size()}, st); err != nil {
			return err
		}
	}
	return nil
}

// Close has nothing to do: every Put was durable when it returned.
func (e *Engine) Close() error { return nil }
