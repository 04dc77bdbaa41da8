package pebblekv

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"bothy/kv"

	"github.com/cockroachdb/pebble/v2"
)

// request is a transaction in the queue: one that ran and wants to commit (txn), or one that lost and wants a turn (turn).
type request struct {
	txn  *txn
	turn chan *txn  // the committer hands over the transaction to run on
	ran  chan error // what the function returned in its turn
	done chan error // the answer

	state atomic.Int32
}

const (
	waiting int32 = iota
	taken         // by the committer
	withdrawn
)

func newRequest(t *txn) *request {
	if t != nil {
		t.sortSpans()
	}
	return &request{txn: t, done: make(chan error, 1)}
}

func (r *request) take() bool     { return r.state.CompareAndSwap(waiting, taken) }
func (r *request) withdraw() bool { return r.state.CompareAndSwap(waiting, withdrawn) }

func (r *request) await(ctx context.Context) error {
	select {
	case err := <-r.done:
		return err
	case <-ctx.Done():
	}
	if r.withdraw() {
		return ctx.Err()
	}
	select {
	case err := <-r.done: // it came at the same time
		return err
	default:
		return fmt.Errorf("pebblekv: no longer awaited, may still commit: %w", ctx.Err())
	}
}

var errGone = errors.New("pebblekv: the function did not return")

// run is the caller's turn. When fn panics or ends its goroutine, the committer still hears of it.
func (r *request) run(ctx context.Context, t *txn, fn func(kv.Txn) error) {
	result := errGone
	defer func() { r.ran <- result }()
	if result = ctx.Err(); result != nil {
		return
	}
	result = errGone
	result = fn(t)
}

// group is what one batch and one fsync settle.
type group struct {
	seq     uint64
	batch   *pebble.Batch
	indexed bool // batch can be read
	members []member
	after   *snapshot // holds the batch; nil when nothing was written
}

type member struct {
	request *request
	err     error // of the function, when it ran in its turn
}

// commitLoop merges waiting transactions into groups until the queue is closed.
func (e *Engine) commitLoop() {
	defer close(e.groups)
	for r := range e.queue {
		g := &group{seq: e.window.last + 1, batch: e.db.NewBatch()}
		for r != nil {
			e.settle(g, r)
			r = nil
			if len(g.members) < maxGroup && g.batch.Len() < maxGroupBytes {
				select {
				case r = <-e.queue: // nil when closed
				default:
				}
			}
		}
		e.finish(g)
	}
}

// settle decides on r and adds its writes to g.
func (e *Engine) settle(g *group, r *request) {
	if !r.take() {
		return
	}
	if err := e.failure(); err != nil {
		r.done <- err
		return
	}
	t := r.txn
	if t == nil {
		var err error
		if t, err = e.giveTurn(g, r); err != nil {
			g.members = append(g.members, member{r, err})
			return
		}
	} else if e.window.lost(t) {
		r.done <- errLost
		return
	}
	g.members = append(g.members, member{request: r})
	for i := range t.writes.entries {
		w := &t.writes.entries[i]
		if w.deleted {
			g.batch.Delete(w.key, nil) //nolint:errcheck // building a batch in memory does not fail
		} else {
			g.batch.Set(w.key, w.value, nil) //nolint:errcheck
		}
		e.window.note(g.seq, e.seed, w.key)
	}
}

// giveTurn lets r's caller run its function on top of the batch, and waits for it.
func (e *Engine) giveTurn(g *group, r *request) (*txn, error) {
	if !g.indexed {
		b := e.db.NewIndexedBatch()
		if err := b.Apply(g.batch, nil); err != nil {
			return nil, err
		}
		g.batch.Close() //nolint:errcheck // never committed
		g.batch, g.indexed = b, true
	}
	t := &txn{from: g.batch}
	r.turn <- t
	return t, <-r.ran
}

// finish applies the group and passes it to the syncer.
func (e *Engine) finish(g *group) {
	if len(g.members) == 0 {
		g.batch.Close() //nolint:errcheck // never committed
		return
	}
	if g.batch.Empty() {
		g.batch.Close() //nolint:errcheck // never committed
		g.batch = nil
		e.groups <- g
		return
	}
	if err := e.db.ApplyNoSyncWait(g.batch, pebble.Sync); err != nil {
		err = e.fail(err)
		g.batch = nil
		for i := range g.members {
			g.members[i].err = err
		}
		e.groups <- g
		return
	}
	g.after = newSnapshot(e.db, g.seq)
	e.window.turn()
	e.groups <- g
}

// syncLoop awaits each group's fsync in order, publishes what is durable and answers.
func (e *Engine) syncLoop() {
	defer close(e.done)
	for g := range e.groups {
		err := e.sync(g)
		for _, m := range g.members {
			if err != nil {
				m.err = err
			}
			m.request.done <- m.err
		}
	}
}

// sync makes the group durable. After a failed fsync nothing later may be called durable, whatever its own fsync says.
func (e *Engine) sync(g *group) error {
	if g.batch == nil {
		return e.failure()
	}
	err := g.batch.SyncWait()
	if err != nil {
		err = e.fail(err)
	} else {
		err = e.failure()
	}
	if err != nil {
		g.after.release()
		return err
	}
	g.batch.Close() //nolint:errcheck // committed and synced
	e.durable.Swap(g.after).release()
	return nil
}
