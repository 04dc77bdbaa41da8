package pebblekv

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"bothy/kv"
)

// request is a transaction on its way through the committer and the syncer. Its function only ever runs on the goroutine of
// its caller, which waits in await.
type request struct {
	txn  *txn       // of the first run
	turn chan *txn  // it lost: the committer hands over the transaction to run on
	ran  chan error // what the function returned in its turn
	done chan error // the answer; nobody touches the request after it

	state atomic.Int32
}

// A request's states. Only the committer takes and turns; only the caller leaves, and not while a turn is its to run.
const (
	waiting int32 = iota // in the queue
	taken                // the committer has it
	turning              // and gives it a turn
	left                 // its caller is gone
)

func newRequest() *request {
	return &request{turn: make(chan *txn, 1), ran: make(chan error, 1), done: make(chan error, 1)}
}

// reset makes an answered request fresh: its channels are empty.
func (r *request) reset() {
	r.txn = nil
	r.state.Store(waiting)
}

// await waits for the answer, and runs fn when it is given a turn. A request that was not answered is not used again.
func (r *request) await(ctx context.Context, fn func(kv.Txn) error) (answered bool, err error) {
	ended, turned := ctx.Done(), false
	for {
		select {
		case err := <-r.done:
			return true, err
		case t := <-r.turn:
			r.run(ctx, t, fn)
			turned = true
		case <-ended:
			switch {
			case r.state.CompareAndSwap(waiting, left):
				return false, ctx.Err()
			case turned || r.state.CompareAndSwap(taken, left):
				return false, fmt.Errorf("pebblekv: no longer awaited, may still commit: %w", ctx.Err())
			}
			ended = nil // the committer waits for the turn to be run; it is ours to end it
		}
		if turned {
			ended = ctx.Done()
		}
	}
}

var errGone = errors.New("pebblekv: the function did not return")

// run is the turn. When fn panics or ends its goroutine, the committer still hears of it.
func (r *request) run(ctx context.Context, t *txn, fn func(kv.Txn) error) {
	result := errGone
	defer func() { r.ran <- result }()
	if err := ctx.Err(); err != nil {
		result = err
		return
	}
	result = fn(t)
}
