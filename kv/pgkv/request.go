package pgkv

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"bothy/kv"
)

// request is a transaction on its way through a committer, and the serial lane when it lost. Its function only ever runs on the
// goroutine of its caller, which waits in await.
type request struct {
	txn   *txn // of the first run
	since time.Time
	turn  chan *txn  // it lost: the lane hands over the transaction to run on
	ran   chan error // what the function returned in its turn
	done  chan error // the answer; nobody touches the request after it

	state atomic.Int32
}

// A request's states. Only committer and lane take and turn; only the caller leaves, and not while a turn is its to run.
const (
	waiting int32 = iota // in a queue
	taken                // being committed, or between two turns
	turning              // given a turn
	left                 // its caller is gone
)

func newRequest(t *txn) *request {
	return &request{txn: t, since: time.Now(), turn: make(chan *txn, 1), ran: make(chan error, 1), done: make(chan error, 1)}
}

// unknown is a commit whose answer was lost with the database, which did not come back in time to be asked.
type unknown struct{ cause error }

func (u *unknown) Error() string {
	return "pgkv: it is not known whether the transaction committed: " + u.cause.Error()
}
func (u *unknown) Unwrap() error { return u.cause }

// Temporary is false: the call must not be taken for one that did nothing.
func (u *unknown) Temporary() bool { return false }

// await waits for the answer, and runs fn each time it is given a turn.
func (r *request) await(ctx context.Context, fn func(kv.Txn) error) error {
	ended := ctx.Done()
	for {
		select {
		case err := <-r.done:
			return err
		case t := <-r.turn:
			r.run(ctx, t, fn)
			ended = ctx.Done()
		case <-ended:
			if r.state.CompareAndSwap(waiting, left) {
				return ctx.Err()
			}
			if r.state.CompareAndSwap(taken, left) {
				return fmt.Errorf("pgkv: no longer awaited, may still commit: %w", ctx.Err())
			}
			ended = nil // the lane waits for the turn to be run; it is ours to end it
		}
	}
}

var errGone = errors.New("pgkv: the function did not return")

// run is the turn. When fn panics or ends its goroutine, the lane still hears of it.
func (r *request) run(ctx context.Context, t *txn, fn func(kv.Txn) error) {
	result := errGone
	defer func() {
		r.state.Store(taken)
		r.ran <- result
	}()
	if result = ctx.Err(); result != nil {
		return
	}
	result = errGone
	result = fn(t)
}
