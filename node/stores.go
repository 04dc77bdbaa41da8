package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"bothy/blob"
	"bothy/blob/fileblob"
	"bothy/kv"
	"bothy/kv/pebblekv"
)

// stores are where a node's state lies.
type stores struct {
	engine *pebblekv.Engine // below db
	db     *kv.DB
	blobs  blob.Engine
}

// opening says how to open the stores of a data directory.
type opening struct {
	data     string
	readOnly bool          // of a stopped node, to look at: it must exist
	keepLog  time.Duration // how long to keep what a recovery needs; 0: not at all
	grace    time.Duration // of blobs; 0: the engine's own
	now      func() time.Time
	log      *slog.Logger
}

const (
	rowsDir  = "kv"
	blobsDir = "blobs"
)

// openStores opens the stores of a data directory, and makes them when they are absent. The caller closes them.
func openStores(o opening) (s *stores, err error) {
	if err := o.exists(); err != nil {
		return nil, err
	}
	engine, err := pebblekv.Open(filepath.Join(o.data, rowsDir), pebblekv.Options{Log: o.log, ReadOnly: o.readOnly, KeepLog: o.keepLog, Now: o.now})
	if errors.Is(err, pebblekv.ErrInUse) {
		return nil, fmt.Errorf("node: the data directory %s is in use by another node: stop that, or choose another with --data", o.data)
	} else if err != nil {
		return nil, fmt.Errorf("node: %w", err)
	}
	s = &stores{engine: engine, db: kv.New(engine)}
	s.blobs, err = fileblob.Open(filepath.Join(o.data, blobsDir), fileblob.Options{Now: o.now, Grace: o.grace, Keep: o.keepLog})
	if err != nil {
		s.close() //nolint:errcheck // the first error is the one to tell
		return nil, fmt.Errorf("node: %w", err)
	}
	return s, nil
}

// exists fails where there is nothing to look at, and makes what is to be filled.
func (o opening) exists() error {
	if !o.readOnly {
		if err := os.MkdirAll(o.data, 0o700); err != nil {
			return fmt.Errorf("node: data directory: %w", err)
		}
		return nil
	}
	if _, err := os.Stat(filepath.Join(o.data, rowsDir)); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("node: %s is no data directory of a node", o.data)
	} else if err != nil {
		return fmt.Errorf("node: %w", err)
	}
	return nil
}

func (s *stores) close() error {
	var errs []error
	if s.blobs != nil {
		errs = append(errs, s.blobs.Close())
	}
	if s.db != nil {
		errs = append(errs, s.db.Close())
	}
	return errors.Join(errs...)
}

// read reads a row that is not of record.
func read(ctx context.Context, db *kv.DB, k kv.Key) (v []byte, err error) {
	err = db.View(ctx, func(tx *kv.Tx) (err error) {
		v, err = tx.Get(k)
		return err
	})
	return v, err
}
