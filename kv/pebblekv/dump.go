package pebblekv

import (
	"context"
	"errors"
	"fmt"
	"io"

	"bothy/kv"

	"github.com/cockroachdb/pebble/v2"
)

const loadBatchBytes = 4 << 20

// Dump calls fn for every pair of the last durable snapshot. The snapshot keeps what is overwritten meanwhile on disk until
// fn has seen the end.
func (e *Engine) Dump(ctx context.Context, fn func(k, v []byte) error) error {
	if !e.life.TryRLock() {
		return kv.ErrClosed
	}
	defer e.life.RUnlock()
	s := acquire(&e.durable)
	defer s.release()
	it, err := s.reader.NewIterWithContext(ctx, nil)
	if err != nil {
		return err
	}
	defer it.Close() //nolint:errcheck // its error is read below
	for ok := it.First(); ok; ok = it.Next() {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := fn(it.Key(), it.Value()); err != nil {
			return err
		}
	}
	return it.Error()
}

// Load fills an empty store: batches that are not synced one by one, and one sync at the end.
func (e *Engine) Load(ctx context.Context, next func() (k, v []byte, err error)) error {
	if !e.life.TryLock() {
		return kv.ErrClosed
	}
	defer e.life.Unlock()
	if err := e.empty(); err != nil {
		return err
	}
	b := e.db.NewBatch()
	defer func() { b.Close() }() //nolint:errcheck // what is not applied is dropped
	for {
		k, v, err := next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err = errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		if err := b.Set(k, v, nil); err != nil {
			return fmt.Errorf("pebblekv: load: %w", err)
		}
		if b.Len() < loadBatchBytes {
			continue
		}
		if err := b.Commit(pebble.NoSync); err != nil {
			return fmt.Errorf("pebblekv: load: %w", err)
		}
		b = e.db.NewBatch()
	}
	err := b.Commit(pebble.NoSync)
	if err == nil {
		err = e.db.LogData(nil, pebble.Sync) // the log is one sequence: what came before is synced too
	}
	if err != nil {
		return fmt.Errorf("pebblekv: load: %w", err)
	}
	e.durable.Swap(newSnapshot(e.db, e.durable.Load().seq)).release()
	return nil
}

func (e *Engine) empty() error {
	it, err := e.db.NewIter(nil)
	if err != nil {
		return err
	}
	if it.First() {
		return errors.Join(kv.ErrNotEmpty, it.Close())
	}
	return it.Close()
}
