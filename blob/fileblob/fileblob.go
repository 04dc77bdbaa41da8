// Package fileblob keeps blobs in a directory. A blob is written to a temporary file, fsynced, renamed to its name and its
// directory fsynced, in this order, before Put returns: a crash leaves either the whole blob or a temporary file, which Open
// and Walk remove once nothing was written to it for an hour.
//
// Directory: "bothy-format" (version), "bothy-owner", "temp/", "blobs/ab/cdef…" by the hex SHA-256 of the content, and
// "deleted/ab/cdef…": what DeleteOld removed lately, when Options say to keep it.
//
// Several processes may share it, on a file system where rename is atomic and fsync means what it says. Only between the
// calls of one of them does DeleteOld exclude a Put; see blob.Engine.
package fileblob

import (
	"context"
	"crypto/rand"
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

// tempRest is how long a temporary file may rest before it is one that a crash left: no request is silent for so long.
const tempRest = time.Hour

// Options of Open; the zero value is good.
type Options struct {
	Grace time.Duration    // age below which Walk and DeleteOld leave a blob alone; 0 means DefaultGrace, negative none
	Now   func() time.Time // nil means time.Now
	Keep  time.Duration    // how long what DeleteOld removes can still be read by OpenKept; 0: not at all
}

// Engine implements blob.Engine.
type Engine struct {
	dir    string
	disk   disk
	space  space
	grace  time.Duration
	retain time.Duration
	now    func() time.Time
	made   sync.Map   // shard directories known to be durable
	mu     sync.Mutex // a blob becoming young (rename) excludes its removal for age
}

// Open opens or creates the store in dir.
func Open(dir string, o Options) (*Engine, error) { return open(dir, o, osDisk{}) }

func open(dir string, o Options, d disk) (*Engine, error) {
	if o.Grace == 0 {
		o.Grace = DefaultGrace
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	e := &Engine{dir: dir, disk: d, space: space{dir: dir}, grace: max(o.Grace, 0), retain: o.Keep, now: o.Now}
	if err := checkFormat(d, dir); err != nil {
		return nil, err
	}
	for _, sub := range []string{e.temp(), e.blobs()} {
		if err := mkdir(d, sub); err != nil {
			return nil, fmt.Errorf("fileblob: %w", err)
		}
	}
	return e, e.tidy()
}

// tidy removes what a crash left half written.
func (e *Engine) tidy() error {
	files, err := os.ReadDir(e.temp())
	errs := []error{err}
	for _, f := range files {
		st, err := f.Info()
		if err == nil && time.Since(st.ModTime()) > tempRest {
			err = os.Remove(filepath.Join(e.temp(), f.Name()))
		}
		if !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("fileblob: %w", err)
	}
	return nil
}

func (e *Engine) temp() string          { return filepath.Join(e.dir, "temp") }
func (e *Engine) blobs() string         { return filepath.Join(e.dir, "blobs") }
func (e *Engine) path(id string) string { return filepath.Join(e.blobs(), id[:2], id[2:]) }

// Put implements blob.Engine. It fails with blob.ErrFull, and leaves nothing behind, where there is no room.
func (e *Engine) Put(ctx context.Context, r io.Reader) (blob.Info, error) {
	info, err := e.put(ctx, r)
	if noSpace(err) {
		err = fmt.Errorf("%w: %w", blob.ErrFull, err)
	}
	if err != nil {
		return blob.Info{}, fmt.Errorf("fileblob: put: %w", err)
	}
	return info, nil
}

func (e *Engine) put(ctx context.Context, r io.Reader) (info blob.Info, err error) {
	if e.space.full() {
		return info, blob.ErrFull
	}
	temp := filepath.Join(e.temp(), "put-"+rand.Text())
	f, err := e.disk.Create(temp)
	if err != nil {
		return info, err
	}
	defer func() {
		if err != nil {
			e.disk.Remove(temp) //nolint:errcheck // the next Open removes it
		}
	}()
	hash := sha256.New()
	info.Size, err = io.Copy(io.MultiWriter(f, hash), reader{ctx, r, &e.space})
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return info, err
	}
	info.ID = hex.EncodeToString(hash.Sum(nil))
	return info, e.keep(temp, info.ID)
}

// reader stops when ctx ends, or the room does.
type reader struct {
	ctx   context.Context
	r     io.Reader
	space *space
}

func (r reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	if r.space.full() {
		return 0, blob.ErrFull
	}
	return r.r.Read(p)
}

// keep gives a written file its name, over the same bytes if they are there.
func (e *Engine) keep(temp, id string) error {
	shard := filepath.Dir(e.path(id))
	if _, ok := e.made.Load(shard); !ok {
		if err := mkdir(e.disk, shard); err != nil {
			return err
		}
		e.made.Store(shard, true)
	}
	if err := e.rename(temp, id); err != nil {
		return err
	}
	return e.disk.SyncDir(shard)
}

func (e *Engine) rename(temp, id string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.now()
	if err := os.Chtimes(temp, now, now); err != nil {
		return err
	}
	return e.disk.Rename(temp, e.path(id))
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
	return e.delete(ctx, id, func(fs.FileInfo) bool { return true }, e.disk.Remove)
}

// DeleteOld implements blob.Engine.
func (e *Engine) DeleteOld(ctx context.Context, id string) error {
	if e.retain > 0 {
		return e.delete(ctx, id, e.old, e.putAside)
	}
	return e.delete(ctx, id, e.old, e.disk.Remove)
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
	if err := e.tidy(); err != nil {
		return err
	}
	return walk(ctx, e.blobs(), func(info blob.Info, st fs.FileInfo) error {
		if !e.old(st) {
			return nil
		}
		return fn(info)
	})
}

// walk calls fn for every blob below a directory.
func walk(ctx context.Context, dir string, fn func(blob.Info, fs.FileInfo) error) error {
	shards, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("fileblob: walk: %w", err)
	}
	for _, s := range shards {
		if err := walkShard(ctx, filepath.Join(dir, s.Name()), fn); err != nil {
			return err
		}
	}
	return nil
}

func walkShard(ctx context.Context, shard string, fn func(blob.Info, fs.FileInfo) error) error {
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

// Claim implements blob.Engine.
func (e *Engine) Claim(_ context.Context, owner string) (string, error) {
	f, err := os.CreateTemp(e.temp(), "owner-")
	if err != nil {
		return "", fmt.Errorf("fileblob: claim: %w", err)
	}
	defer os.Remove(f.Name()) //nolint:errcheck // it has another name, or is of no use
	_, err = f.WriteString(owner)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return "", fmt.Errorf("fileblob: claim: %w", err)
	}
	path := filepath.Join(e.dir, "bothy-owner")
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) { // the first link stands
		return "", fmt.Errorf("fileblob: claim: %w", err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("fileblob: claim: %w", err)
	}
	return string(raw), e.disk.SyncDir(e.dir)
}

// Close has nothing to do: every Put was durable when it returned.
func (e *Engine) Close() error { return nil }
