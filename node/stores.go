package node

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"bothy/blob"
	"bothy/blob/fileblob"
	"bothy/blob/s3blob"
	"bothy/kv"
	"bothy/kv/pebblekv"
	"bothy/kv/pgkv"
)

const s3Scheme = "s3://" // of a place for blobs that is no directory

// Places say where the state of a node lies.
type Places struct {
	Data  string // its directory
	Store string // postgres://… that any number of nodes share; "": in Data
	Blobs string // s3://…, or a directory; "": in Data
}

// stores are opened places.
type stores struct {
	where  Places
	lock   io.Closer // of the data directory
	engine kv.Engine // below db
	db     *kv.DB
	blobs  blob.Engine
}

// opening says how places are opened.
type opening struct {
	Places
	readOnly bool          // to look at, and change nothing: they must exist
	keepLog  time.Duration // how long to keep what a recovery needs; 0: not at all
	grace    time.Duration // of blobs; 0: the engine's own
	now      func() time.Time
	log      *slog.Logger
}

const (
	rowsDir  = "kv"
	blobsDir = "blobs"
)

// openStores opens places, and makes what is not there. The caller closes them.
func openStores(ctx context.Context, o opening) (s *stores, err error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	s = &stores{where: o.Places}
	defer func() {
		if err != nil {
			s.close() //nolint:errcheck // the first error is the one to tell
			s = nil
		}
	}()
	if err := o.directory(); err != nil {
		return s, err
	}
	if s.lock, err = lockData(o.Data); err != nil {
		return s, err
	}
	if s.engine, err = o.rows(ctx); err != nil {
		return s, err
	}
	s.db = kv.New(s.engine)
	s.blobs, err = o.openBlobs(ctx)
	return s, err
}

// shared tells whether other nodes may use the store.
func (p Places) shared() bool { return p.Store != "" }

func (o opening) check() error {
	scheme, _, _ := strings.Cut(o.Store, "://")
	switch {
	case o.shared() && scheme != "postgres" && scheme != "postgresql":
		return errors.New("node: a store is postgres://USER@HOST/DATABASE; without one the data directory holds it")
	case o.shared() && o.Blobs == "":
		return errors.New("node: other nodes may share the store, but none could read blobs in this one's data directory: say with --blobs where all nodes reach them, s3://BUCKET/PREFIX or a shared directory")
	case o.shared() && o.keepLog > 0:
		return errors.New("node: --keep-log keeps the log of a private store; of one in PostgreSQL the database archives its own (point-in-time recovery)")
	case o.keepLog > 0 && strings.HasPrefix(o.Blobs, s3Scheme):
		return errors.New("node: --keep-log keeps deleted blobs in a directory only: turn on versions in the bucket, or keep blobs in a directory")
	}
	return nil
}

// directory makes the data directory, or fails where there is nothing to look at.
func (o opening) directory() error {
	if !o.readOnly {
		if err := os.MkdirAll(o.Data, 0o700); err != nil {
			return fmt.Errorf("node: data directory: %w", err)
		}
		return nil
	}
	of := o.Data
	if !o.shared() {
		of = filepath.Join(of, rowsDir)
	}
	if _, err := os.Stat(of); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("node: %s is no data directory of a node", o.Data)
	} else if err != nil {
		return fmt.Errorf("node: data directory: %w", err)
	}
	return nil
}

func inUse(data string) error {
	return fmt.Errorf("node: the data directory %s is in use by another node: stop that, or choose another with --data", data)
}

// lockData makes the data directory this process's, until it is closed, and removes what a killed one left half written.
func lockData(data string) (io.Closer, error) {
	f, err := os.OpenFile(filepath.Join(data, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("node: data directory: %w", err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = inUse(data)
	} else if err != nil {
		err = fmt.Errorf("node: data directory: lock: %w", err)
	} else if err = removeTemporary(data); err != nil {
		err = fmt.Errorf("node: %w", err)
	}
	if err != nil {
		f.Close() //nolint:errcheck // nothing was written
		return nil, err
	}
	return f, nil
}

func (o opening) rows(ctx context.Context) (engine kv.Engine, err error) {
	if o.shared() {
		engine, err = pgkv.Open(ctx, o.Store, pgkv.Options{Log: o.log})
	} else {
		engine, err = pebblekv.Open(filepath.Join(o.Data, rowsDir), pebblekv.Options{Log: o.log, ReadOnly: o.readOnly, KeepLog: o.keepLog, Now: o.now})
	}
	if errors.Is(err, pebblekv.ErrInUse) {
		return nil, inUse(o.Data)
	} else if err != nil {
		return nil, fmt.Errorf("node: %w", err)
	}
	return engine, nil
}

// blobsAt is where the blobs are.
func (p Places) blobsAt() string {
	if p.Blobs != "" {
		return p.Blobs
	}
	return filepath.Join(p.Data, blobsDir)
}

func (o opening) openBlobs(ctx context.Context) (e blob.Engine, err error) {
	if place := o.blobsAt(); strings.HasPrefix(place, s3Scheme) {
		e, err = s3blob.Open(ctx, place, s3blob.Options{Now: o.now, Grace: o.grace})
	} else {
		e, err = fileblob.Open(place, fileblob.Options{Now: o.now, Grace: o.grace, Keep: o.keepLog})
	}
	if err != nil {
		return nil, fmt.Errorf("node: %w", err) // not a typed nil
	}
	return e, nil
}

func (s *stores) close() error {
	var errs []error
	if s.blobs != nil {
		errs = append(errs, s.blobs.Close())
	}
	if s.db != nil {
		errs = append(errs, s.db.Close())
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	return errors.Join(errs...)
}

// storeRow names the store, for the place of its blobs to bear: two stores with blobs in one place would sweep each other's.
var storeRow = kv.K("node", "store")

// claimBlobs makes sure that store and blobs belong together.
func (s *stores) claimBlobs(ctx context.Context) error {
	name, err := once(ctx, s.db, storeRow, func() ([]byte, error) { return []byte(rand.Text()), nil })
	if err != nil {
		return err
	}
	return s.claim(ctx, string(name))
}

func (s *stores) claim(ctx context.Context, name string) error {
	owner, err := s.blobs.Claim(ctx, name)
	if err != nil {
		return fmt.Errorf("node: %w", err)
	}
	if owner != name {
		return fmt.Errorf("node: the blobs in %s belong to another store: choose another place with --blobs", redacted(s.where.blobsAt()))
	}
	return nil
}

// redacted is a URL without its password.
func redacted(place string) string {
	if u, err := url.Parse(place); err == nil {
		return u.Redacted()
	}
	return "--blobs"
}

// once returns what a row holds, and makes it when it is not there: of several nodes that start at once, the first's is kept.
func once(ctx context.Context, db *kv.DB, row kv.Key, make func() ([]byte, error)) (value []byte, err error) {
	read := func(tx *kv.Tx) (err error) { value, err = tx.Get(row); return err }
	if err := db.View(ctx, read); err != nil || value != nil {
		return value, err
	}
	fresh, err := make()
	if err != nil {
		return nil, err
	}
	err = db.Update(ctx, func(tx *kv.Tx) error {
		if err := read(tx); err != nil || value != nil {
			return err
		}
		value = fresh
		return tx.Set(row, fresh)
	})
	return value, err
}

// read reads a row that is not of record.
func read(ctx context.Context, db *kv.DB, k kv.Key) (v []byte, err error) {
	err = db.View(ctx, func(tx *kv.Tx) (err error) {
		v, err = tx.Get(k)
		return err
	})
	return v, err
}
