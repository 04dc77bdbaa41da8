package node

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"bothy/backup"
	"bothy/blob"
	"bothy/kv"
	"bothy/record"
)

// MigrateOptions say what moves where. Both places belong to nodes that are not running.
type MigrateOptions struct {
	From, To Places // To: a directory that is absent or empty, or the one of From when only the store moves; a store without rows
}

// Migrate copies a node's rows from one store to another, of whatever kind, and its blobs when they have another place there;
// then it reads all of it back and compares. It returns what to tell the operator.
func Migrate(ctx context.Context, o MigrateOptions) (said string, err error) {
	if o.To.Data == o.From.Data {
		if o.To.Store == o.From.Store {
			return "", errors.New("node: nothing moves: name another data directory, or another store, with --to")
		}
		return o.withinDirectory(ctx)
	}
	if err := vacant(o.To.Data); err != nil {
		return "", err
	}
	from, err := openStores(ctx, opening{Places: o.From, readOnly: true, grace: -1})
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, from.close()) }()
	key, err := readMasterKey(filepath.Join(o.From.Data, masterKeyFile))
	if err != nil {
		return "", err
	}
	err = inPlace(o.To.Data, func(temp string) error {
		at := o.To
		at.Data = temp
		to, err := openStores(ctx, opening{Places: at, grace: -1})
		if err != nil {
			return err
		}
		said, err = move(ctx, from, to)
		if err := errors.Join(err, to.close()); err != nil {
			return err
		}
		return writeDurably(filepath.Join(temp, masterKeyFile), []byte(hex.EncodeToString(key)+"\n"))
	})
	return said, err
}

// withinDirectory moves rows between the directory's own store and a shared one; the directory goes on with what else is in it.
func (o MigrateOptions) withinDirectory(ctx context.Context) (said string, err error) {
	if !o.To.shared() {
		return "", errors.New("node: back from a shared store, a new data directory is made: name one with --to")
	}
	from, err := openStores(ctx, opening{Places: o.From, readOnly: true, grace: -1})
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, from.close()) }()
	at := opening{Places: o.To, grace: -1}
	if err := at.check(); err != nil {
		return "", err
	}
	to := &stores{where: o.To}
	defer func() { err = errors.Join(err, to.close()) }()
	if to.engine, err = at.rows(ctx); err != nil {
		return "", err
	}
	to.db = kv.New(to.engine)
	if to.blobs, err = at.openBlobs(ctx); err != nil {
		return "", err
	}
	return move(ctx, from, to)
}

// move copies blobs and then rows, and compares both sides.
func move(ctx context.Context, from, to *stores) (string, error) {
	if err := from.idle(ctx); err != nil {
		return "", err
	}
	if err := to.empty(ctx); err != nil {
		return "", err
	}
	name, err := read(ctx, from.db, storeRow)
	if err != nil {
		return "", err
	}
	if name == nil {
		return "", errors.New("node: start a node of this version once on the old place: its store has no name yet")
	}
	if err := to.claim(ctx, string(name)); err != nil {
		return "", err
	}
	blobs := int64(0)
	if from.where.blobsAt() != to.where.blobsAt() {
		if blobs, err = copyBlobs(ctx, from, to); err != nil {
			return "", err
		}
	}
	sent, err := copyRows(ctx, from.db, to.db)
	if err != nil {
		return "", err
	}
	for what, db := range map[string]*kv.DB{"arrived": to.db, "are there by now": from.db} {
		got, err := sumOf(ctx, db)
		if err != nil {
			return "", err
		}
		if got != sent {
			return "", fmt.Errorf("node: %d rows were sent and %d %s, or others: was a node running meanwhile? Empty the new place and begin again", sent.rows, got.rows, what)
		}
	}
	return fmt.Sprintf("%d rows and %d blobs moved; both sides are the same (SHA-256 %x)\n", sent.rows, blobs, sent.sha[:8]), nil
}

// idle fails when a node uses a shared store. A private one is locked.
func (s *stores) idle(ctx context.Context) error {
	if !s.where.shared() {
		return nil
	}
	beating, err := (&record.Lease{DB: s.db, Name: choresLease}).Beating(ctx)
	if err == nil && beating {
		err = errors.New("node: a node is using the store: stop all of them first")
	}
	return err
}

// copyBlobs copies the blobs that rows name. Put says what the content is; it must be the name.
func copyBlobs(ctx context.Context, from, to *stores) (n int64, err error) {
	var named backup.IDs
	rules := blobRules()
	if err := from.db.Dump(ctx, func(k kv.Key, v []byte) error {
		ids, err := record.Named(rules, k, v)
		return errors.Join(err, named.Add(ids...))
	}); err != nil {
		return 0, err
	}
	err = named.Each(func(id string) error {
		n++
		return copyBlob(ctx, from.blobs, to.blobs, id)
	})
	return n, err
}

func copyBlob(ctx context.Context, from, to blob.Engine, id string) error {
	r, err := from.Open(ctx, id, 0, -1)
	if err != nil {
		return fmt.Errorf("node: blob %s, which a row names: %w", id, err)
	}
	info, err := to.Put(ctx, r)
	if err := errors.Join(err, r.Close()); err != nil {
		return err
	}
	if info.ID != id {
		return fmt.Errorf("node: blob %s has other content than its name says", id)
	}
	return nil
}

// sum is of all pairs of a store.
type sum struct {
	rows int64
	sha  [sha256.Size]byte
}

// summed passes pairs on and sums them up.
func summed(dump func(fn func(k kv.Key, v []byte) error) error, fn func(k kv.Key, v []byte) error) (s sum, err error) {
	hash := sha256.New()
	var head []byte
	err = dump(func(k kv.Key, v []byte) error {
		s.rows++
		head = binary.AppendUvarint(binary.AppendUvarint(head[:0], uint64(len(k))), uint64(len(v)))
		for _, b := range [][]byte{head, k, v} {
			hash.Write(b) //nolint:errcheck // never fails (hash)
		}
		return fn(k, v)
	})
	hash.Sum(s.sha[:0])
	return s, err
}

func sumOf(ctx context.Context, db *kv.DB) (sum, error) {
	return summed(func(fn func(kv.Key, []byte) error) error { return db.Dump(ctx, fn) }, func(kv.Key, []byte) error { return nil })
}

// copyRows dumps one store into another, and sums up what it sent.
func copyRows(ctx context.Context, from, to *kv.DB) (s sum, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	pairs := make(chan kv.Pair, 256)
	sent := make(chan error, 1)
	go func() {
		var err error
		s, err = summed(func(fn func(kv.Key, []byte) error) error { return from.Dump(ctx, fn) }, func(k kv.Key, v []byte) error {
			select {
			case pairs <- kv.Pair{Key: bytes.Clone(k), Value: bytes.Clone(v)}:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
		sent <- err
		close(pairs)
	}()
	ended := false
	err = to.Load(ctx, func() (k, v []byte, err error) {
		if p, ok := <-pairs; ok {
			return p.Key, p.Value, nil
		}
		ended = true
		if err := <-sent; err != nil {
			return nil, nil, err
		}
		return nil, nil, io.EOF
	})
	cancel()
	if !ended {
		for range pairs { //nolint:revive // until the other side has seen that nobody reads
		}
		err = errors.Join(err, ignoreCanceled(<-sent))
	}
	return s, err
}

func ignoreCanceled(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
