package node

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"bothy/blob/fileblob"
	"bothy/blob/s3blob"
	"bothy/kv"
	"bothy/kv/pebblekv"
	"bothy/kv/pgkv"
)

// openStores opens what the configuration names, and makes sure that the two belong together.
func (n *Node) openStores(ctx context.Context) error {
	if err := n.checkStores(); err != nil {
		return err
	}
	if err := os.MkdirAll(n.cfg.DataDir, 0o700); err != nil {
		return fmt.Errorf("node: data directory: %w", err)
	}
	if err := n.lockData(); err != nil {
		return err
	}
	if err := removeTemporary(n.cfg.DataDir); err != nil {
		return fmt.Errorf("node: %w", err)
	}
	if err := n.openStore(ctx); err != nil {
		return err
	}
	if err := n.openBlobs(ctx); err != nil {
		return err
	}
	return n.claimBlobs(ctx)
}

// shared tells whether other nodes may use the store.
func (n *Node) shared() bool { return n.cfg.Store != "" }

func (n *Node) checkStores() error {
	scheme, _, _ := strings.Cut(n.cfg.Store, "://")
	if n.shared() && scheme != "postgres" && scheme != "postgresql" {
		return errors.New("node: a store is postgres://USER@HOST/DATABASE; without one the data directory holds it")
	}
	if n.shared() && n.cfg.Blobs == "" {
		return errors.New("node: other nodes may share the store, but none could read blobs in this one's data directory: say with --blobs where all nodes reach them, s3://BUCKET/PREFIX or a shared directory")
	}
	return nil
}

func (n *Node) inUse() error {
	return fmt.Errorf("node: the data directory %s is in use by another node: stop that, or choose another with --data", n.cfg.DataDir)
}

// lockData makes the data directory this process's, as long as it lives.
func (n *Node) lockData() error {
	f, err := os.OpenFile(filepath.Join(n.cfg.DataDir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("node: data directory: %w", err)
	}
	n.lock = f
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return n.inUse()
	} else if err != nil {
		return fmt.Errorf("node: data directory: lock: %w", err)
	}
	return nil
}

func (n *Node) openStore(ctx context.Context) error {
	var engine kv.Engine
	var err error
	if n.shared() {
		engine, err = pgkv.Open(ctx, n.cfg.Store, pgkv.Options{Log: n.cfg.Log})
	} else {
		engine, err = pebblekv.Open(filepath.Join(n.cfg.DataDir, "kv"), pebblekv.Options{Log: n.cfg.Log})
	}
	if errors.Is(err, pebblekv.ErrInUse) {
		return n.inUse()
	} else if err != nil {
		return fmt.Errorf("node: %w", err)
	}
	n.db = kv.New(engine)
	return nil
}

func (n *Node) openBlobs(ctx context.Context) (err error) {
	place := n.cfg.Blobs
	if place == "" {
		place = filepath.Join(n.cfg.DataDir, "blobs")
	}
	if strings.HasPrefix(place, "s3://") {
		n.blobs, err = s3blob.Open(ctx, place, s3blob.Options{Now: n.cfg.Now})
	} else {
		n.blobs, err = fileblob.Open(place, fileblob.Options{Now: n.cfg.Now})
	}
	if err != nil {
		n.blobs = nil // not a typed nil
		return fmt.Errorf("node: %w", err)
	}
	return nil
}

// storeRow names the store, for the place of its blobs to bear: two stores with blobs in one place would sweep each other's.
var storeRow = kv.K("node", "store")

func (n *Node) claimBlobs(ctx context.Context) error {
	name, err := once(ctx, n.db, storeRow, func() ([]byte, error) { return []byte(rand.Text()), nil })
	if err != nil {
		return err
	}
	owner, err := n.blobs.Claim(ctx, string(name))
	if err != nil {
		return fmt.Errorf("node: %w", err)
	}
	if owner != string(name) {
		return fmt.Errorf("node: the blobs in %s belong to another store: choose another place with --blobs", redacted(n.cfg.Blobs))
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
