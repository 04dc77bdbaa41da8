// Package memkv keeps a kv store in memory: for tests, and as the plainest statement of what an engine does.
package memkv

import (
	"bytes"
	"context"
	"io"
	"slices"
	"sync"

	"bothy/kv"
)

// Engine is a sorted slice that is copied before it changes: Update runs alone, so every transaction is serial, and a View
// keeps the slice it began with.
type Engine struct {
	writer chan struct{} // holds a token while an Update runs
	mu     sync.Mutex
	pairs  []pair // sorted by key, never changed in place; guarded by mu
}

type pair struct{ k, v []byte }

// New is an empty engine.
func New() *Engine { return &Engine{writer: make(chan struct{}, 1)} }

// Close forgets nothing: a test may look at what it left.
func (e *Engine) Close() error { return nil }

// View runs fn beside other Views and Updates, on what was committed when it began.
func (e *Engine) View(ctx context.Context, fn func(kv.Txn) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return fn(&txn{base: e.load(), readOnly: true})
}

// Update runs fn alone and keeps its writes when it returns nil. When ctx ends first, nothing is written.
func (e *Engine) Update(ctx context.Context, fn func(kv.Txn) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case e.writer <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-e.writer }()
	t := &txn{base: e.load(), cow: true}
	if err := fn(t); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.pairs = t.base
	return nil
}

// Dump calls fn for every pair.
func (e *Engine) Dump(ctx context.Context, fn func(k, v []byte) error) error {
	for _, p := range e.load() {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := fn(p.k, p.v); err != nil {
			return err
		}
	}
	return nil
}

// Load fills an empty store.
func (e *Engine) Load(ctx context.Context, next func() (k, v []byte, err error)) error {
	if len(e.load()) > 0 {
		return kv.ErrNotEmpty
	}
	return e.Update(ctx, func(t kv.Txn) error {
		for {
			k, v, err := next()
			if err == io.EOF {
				return nil
			}
			if err != nil {
				return err
			}
			if err := t.Set(k, v); err != nil {
				return err
			}
		}
	})
}

func (e *Engine) load() []pair {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.pairs
}

type txn struct {
	base     []pair
	cow      bool // base still belongs to the engine
	readOnly bool
}

func find(p []pair, k []byte) (int, bool) {
	return slices.BinarySearchFunc(p, k, func(p pair, k []byte) int { return bytes.Compare(p.k, k) })
}

func (t *txn) Get(k []byte) ([]byte, error) {
	if i, ok := find(t.base, k); ok {
		return bytes.Clone(t.base[i].v), nil
	}
	return nil, nil
}

func (t *txn) GetMany(ks [][]byte) ([][]byte, error) {
	out := make([][]byte, len(ks))
	for i, k := range ks {
		out[i], _ = t.Get(k)
	}
	return out, nil
}

func (t *txn) Scan(from, to []byte, limit int, reverse bool, fn func(k, v []byte) bool) error {
	lo, _ := find(t.base, from)
	hi := len(t.base)
	if to != nil {
		hi, _ = find(t.base, to)
	}
	hi = max(lo, hi)
	seen := slices.Clone(t.base[lo:min(hi, len(t.base))])
	if reverse {
		slices.Reverse(seen)
	}
	for i := 0; i < len(seen) && i < limit; i++ {
		if !fn(seen[i].k, seen[i].v) {
			break
		}
	}
	return nil
}

func (t *txn) own() {
	if t.cow {
		t.base, t.cow = slices.Clone(t.base), false
	}
}

func (t *txn) Set(k, v []byte) error {
	if t.readOnly {
		return kv.ErrReadOnly
	}
	t.own()
	p := pair{bytes.Clone(k), append([]byte{}, v...)}
	if i, ok := find(t.base, k); ok {
		t.base[i] = p
	} else {
		t.base = slices.Insert(t.base, i, p)
	}
	return nil
}

func (t *txn) Delete(k []byte) error {
	if t.readOnly {
		return kv.ErrReadOnly
	}
	if i, ok := find(t.base, k); ok {
		t.own()
		t.base = slices.Delete(t.base, i, i+1)
	}
	return nil
}
