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
	store, err := e.begin()
	if err != nil {
		return err
	}
	defer e.life.RUnlock()
	s := acquire(&store.durable)
	defer s.release()
	it, err := s.reader.NewIterWithContext(ctx, nil)
	if err != nil {
		return err
	}
	defer it.Close() //nolint:errcheck // its error is read below
	for ok := it.First(); ok; ok = it.Next() {
		if err := errors.Join(ctx.Err(), store.failure()); err != nil { // who opens the store anew waits for this call
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
	s, err := e.begin()
	if err != nil {
		return err
	}
	defer e.life.RUnlock()
	if err := s.empty(); err != nil {
		return err
	}
	b := s.db.NewBatch()
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
		if e.space.full() {
			return kv.ErrFull
		}
		if err := b.Commit(pebble.NoSync); err != nil {
			return fmt.Errorf("pebblekv: load: %w", err)
		}
		b = s.db.NewBatch()
	}
	err = b.Commit(pebble.NoSync)
	if err == nil {
		err = s.db.LogData(nil, pebble.Sync) // the log is one sequence: what came before is synced too
	}
	if err := errors.Join(err, s.failure()); err != nil { // Pebble is not told of failures: see disk
		return fmt.Errorf("pebblekv: load: %w", err)
	}
	s.durable.Swap(s.snapshot(s.durable.Load().seq)).release()
	return nil
}

func (s *store) empty() error {
	it, err := s.db.NewIter(nil)
	if err != nil {
		return err
	}
	if it.First() {
		return errors.Join(kv.ErrNotEmpty, it.Close())
	}
	return it.Close()
}
