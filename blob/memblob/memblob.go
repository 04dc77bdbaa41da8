// Package memblob keeps blobs in memory: for tests, and as the plainest statement of what a blob engine does.
package memblob

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"sync"
	"time"

	"bothy/blob"
)

// Engine is a map under a lock.
type Engine struct {
	// Now is the clock, Grace the age below which Walk does not show a blob. Set before use.
	Now   func() time.Time
	Grace time.Duration

	mu    sync.Mutex
	blobs map[string]stored // guarded by mu
	owner string            // guarded by mu
}

type stored struct {
	content []byte
	put     time.Time
}

// New is an empty engine without grace.
func New() *Engine { return &Engine{Now: time.Now, blobs: map[string]stored{}} }

// Put implements blob.Engine.
func (e *Engine) Put(ctx context.Context, r io.Reader) (blob.Info, error) {
	content, err := io.ReadAll(r)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return blob.Info{}, err
	}
	sum := sha256.Sum256(content)
	id := hex.EncodeToString(sum[:])
	e.mu.Lock()
	defer e.mu.Unlock()
	e.blobs[id] = stored{content, e.Now()}
	return blob.Info{ID: id, Size: int64(len(content))}, nil
}

func (e *Engine) get(ctx context.Context, id string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	b, ok := e.blobs[id]
	if !ok {
		return nil, blob.ErrNotFound
	}
	return b.content, nil
}

// Open implements blob.Engine.
func (e *Engine) Open(ctx context.Context, id string, offset, length int64) (io.ReadCloser, error) {
	content, err := e.get(ctx, id)
	if err != nil {
		return nil, err
	}
	offset, length, err = blob.Clip(int64(len(content)), offset, length)
	if err != nil {
		return nil, err
	}
	return io.NopCloser(bytes.NewReader(content[offset : offset+length])), nil
}

// Stat implements blob.Engine.
func (e *Engine) Stat(ctx context.Context, id string) (blob.Info, error) {
	content, err := e.get(ctx, id)
	if err != nil {
		return blob.Info{}, err
	}
	return blob.Info{ID: id, Size: int64(len(content))}, nil
}

// Delete implements blob.Engine.
func (e *Engine) Delete(ctx context.Context, id string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.blobs, id)
	return nil
}

// DeleteOld implements blob.Engine.
func (e *Engine) DeleteOld(ctx context.Context, id string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if b, ok := e.blobs[id]; ok && e.old(b) {
		delete(e.blobs, id)
	}
	return nil
}

func (e *Engine) old(b stored) bool { return !b.put.Add(e.Grace).After(e.Now()) }

// Walk implements blob.Engine.
func (e *Engine) Walk(ctx context.Context, fn func(blob.Info) error) error {
	for _, info := range e.list() {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := fn(info); err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) list() (all []blob.Info) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for id, b := range e.blobs {
		if e.old(b) {
			all = append(all, blob.Info{ID: id, Size: int64(len(b.content))})
		}
	}
	return all
}

// Close forgets nothing.
func (e *Engine) Close() error { return nil }

// Claim implements blob.Engine.
func (e *Engine) Claim(_ context.Context, owner string) (string, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.owner == "" {
		e.owner = owner
	}
	return e.owner, nil
}
