package node

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"maps"
	"time"

	"bothy/api/bothy"
	"bothy/backup"
	"bothy/functions"
	"bothy/kv"
	"bothy/objects"
	"bothy/record"
	"bothy/wire"
)

// hold keeps the sweepers of all nodes that share the stores from deleting blobs, until it is over.
type hold struct {
	ID    string
	Until time.Time
}

var holds = record.Table[hold]{
	Name: "node.hold", Version: 1, Key: func(h *hold) []any { return []any{h.ID} },
	Expires: func(h *hold) time.Time { return h.Until },
}

const (
	holdLife  = 10 * time.Minute // of one that nobody renews: its node is gone
	holdRenew = time.Minute
)

// held tells whether somebody holds the blobs.
func (n *Node) held(ctx context.Context) (held bool, err error) {
	err = n.db.View(ctx, func(tx *kv.Tx) error {
		all, err := holds.All(tx, record.Scope{}, "")
		held = false
		for _, h := range all {
			held = held || n.cfg.Now().Before(h.Until)
		}
		return err
	})
	return held, err
}

// hold holds the blobs until release. What is done meanwhile is done with the context returned, which ends when the hold
// cannot be renewed. The row is committed before hold returns: what is read afterwards holds it, and the retained log of rows
// tells by it which changes came later.
func (n *Node) hold(ctx context.Context) (held context.Context, row kv.Key, release func(), err error) {
	h := &hold{ID: rand.Text()}
	put := func(ctx context.Context) error {
		h.Until = n.cfg.Now().Add(holdLife)
		return n.db.Update(ctx, func(tx *kv.Tx) error { return holds.Put(tx, record.Scope{}, h) })
	}
	if err := put(ctx); err != nil {
		return nil, nil, nil, err
	}
	held, cancel := context.WithCancelCause(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		renew(held, cancel, put)
	}()
	return held, holds.Rows(record.Scope{}).With(h.ID), func() {
		cancel(nil)
		<-done
		err := n.db.Update(context.WithoutCancel(ctx), func(tx *kv.Tx) error { return holds.Delete(tx, record.Scope{}, h.ID) })
		if err != nil {
			n.cfg.Log.Warn("blobs are held a while longer", "error", err)
		}
	}, nil
}

// renew renews a hold until its context ends. One that was not renewed in half its life is given up.
func renew(ctx context.Context, cancel context.CancelCauseFunc, put func(context.Context) error) {
	tick := time.NewTicker(holdRenew)
	defer tick.Stop()
	for failed := 0; ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := put(ctx)
		if err == nil {
			failed = 0
		} else if failed++; time.Duration(failed)*holdRenew >= holdLife/2 {
			cancel(fmt.Errorf("node: the blobs can no longer be held: %w", err))
			return
		}
	}
}

// blobRules look at the rows that name blobs.
func blobRules() map[string]record.Inspect {
	rules := objects.Inspectors()
	maps.Copy(rules, functions.Inspectors())
	return rules
}

// source is what a backup of the stores is made of.
func (s *stores) source(now func() time.Time) backup.Source {
	rules := blobRules()
	return backup.Source{DB: s.db, Blobs: s.blobs, Now: now, Names: func(k kv.Key, v []byte) ([]string, error) { return record.Named(rules, k, v) }}
}

// createBackup streams a backup. What is secret in it is sealed under the master key, which is not in it.
func (s *services) createBackup(c *wire.Call, _ *bothy.CreateBackupInput) (*bothy.CreateBackupOutput, error) {
	n := s.node
	if !n.backups.TryLock() {
		return nil, &bothy.ConflictException{Message: wire.Some("This node is already making a backup.")}
	}
	h := backup.Header{Account: n.account}
	var err error
	if h.DataKey, err = read(c, n.db, dataKeyRow); err != nil {
		n.backups.Unlock()
		return nil, err
	}
	ctx, row, release, err := n.hold(c)
	if err != nil {
		n.backups.Unlock()
		return nil, err
	}
	h.Anchor = row
	return &bothy.CreateBackupOutput{Body: stream(func(w io.Writer) error {
		defer n.backups.Unlock()
		defer release()
		_, err := backup.Write(ctx, w, n.source(n.cfg.Now), h)
		if cause := context.Cause(ctx); err != nil && cause != nil {
			err = cause
		}
		n.metrics.backedUp(err, n.cfg.Now())
		return err
	})}, nil
}

// stream is what write writes, read by somebody else; Close waits for write to end.
func stream(write func(io.Writer) error) io.ReadCloser {
	r, w := io.Pipe()
	s := &streamed{r, make(chan struct{})}
	go func() {
		defer close(s.done)
		w.CloseWithError(write(w)) //nolint:errcheck // never fails (io)
	}()
	return s
}

type streamed struct {
	*io.PipeReader
	done chan struct{}
}

func (s *streamed) Close() error {
	err := s.PipeReader.Close()
	<-s.done
	return err
}

// BackupStopped writes a backup of the stores of a node that is not running.
func BackupStopped(ctx context.Context, p Places, to io.Writer) (err error) {
	s, err := openStores(ctx, opening{Places: p, readOnly: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	key, err := read(ctx, s.db, dataKeyRow)
	if err != nil {
		return err
	}
	_, err = backup.Write(ctx, to, s.source(time.Now), backup.Header{DataKey: key})
	return err
}
