package kvtest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"bothy/kv"
	"bothy/kv/history"
)

// nodes are one store, seen through one or several engines.
type nodes []*kv.DB

// at spreads callers over the engines.
func (n nodes) at(i int) *kv.DB { return n[i%len(n)] }

// Recorder runs random transactions and keeps what their clients saw, to be judged by Check. It may go on after a crash, and
// on other engines of the same store.
type Recorder struct {
	Tolerant bool // any error leaves a transaction's outcome unknown, for stores that are being broken; else only an ended context may

	seed       uint64
	clock, ids atomic.Int64
	runs       atomic.Uint64
	mu         sync.Mutex
	txns       []history.Txn
	troubles   []error
}

// NewRecorder begins a history.
func NewRecorder(seed uint64) *Recorder { return &Recorder{seed: seed} }

// errRefused is a function's own error: what it wrote must never be seen.
var errRefused = errors.New("refused")

// Run runs workers with so many random transactions each, on any of dbs, until ctx ends, which ends no transaction. Each
// Update reads, writes blindly, counts, scans, inserts or deletes; some are refused by their function, some are left by
// their client.
func (r *Recorder) Run(ctx context.Context, dbs []*kv.DB, workers, each int) {
	r.work(ctx, dbs, workers, each, func(rnd *rand.Rand, views bool) func(*recTx) error { return r.plan(rnd, views) })
}

// RunSingle is Run with transactions of one key each, for history.Linearizable: most of them are of the same key.
func (r *Recorder) RunSingle(ctx context.Context, dbs []*kv.DB, workers, each int) {
	r.work(ctx, dbs, workers, each, func(rnd *rand.Rand, views bool) func(*recTx) error {
		key, id, kind := register(rnd.IntN(registers)*rnd.IntN(2)), int(r.ids.Add(1)), rnd.IntN(8)
		return func(t *recTx) error {
			if kind > 0 || views { // else it writes blindly
				if err := t.get(key); err != nil || views || kind == 1 {
					return err
				}
			}
			return t.set(key, id)
		}
	})
}

func (r *Recorder) work(ctx context.Context, dbs []*kv.DB, workers, each int, plan func(rnd *rand.Rand, views bool) func(*recTx) error) {
	var wg sync.WaitGroup
	run := r.runs.Add(1)
	for w := range workers {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(r.seed, run<<32|uint64(w)))
			for i := 0; i < each && ctx.Err() == nil; i++ {
				r.record(dbs[rnd.IntN(len(dbs))], rnd, plan)
			}
		})
	}
	wg.Wait()
}

func (r *Recorder) record(db *kv.DB, rnd *rand.Rand, plan func(rnd *rand.Rand, views bool) func(*recTx) error) {
	views, refuses, leaves := rnd.IntN(4) == 0, rnd.IntN(12), rnd.IntN(12) == 0
	do := plan(rnd, views)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if leaves {
		time.AfterFunc(time.Duration(rnd.IntN(2000))*time.Microsecond, cancel)
	}
	call := db.Update
	if views {
		call = db.View
	}
	var last recTx
	runs := 0
	began := r.clock.Add(1)
	err := call(ctx, func(tx *kv.Tx) error {
		last = recTx{tx: tx}
		runs++
		if err := do(&last); err != nil || refuses != 0 && (refuses > 2 || runs == 1) {
			return err
		}
		return errRefused // always, or when it runs again
	})
	r.keep(history.Txn{Began: began, Ended: r.clock.Add(1), Ops: last.ops}, err, views)
	if r.Tolerant && err != nil && !errors.Is(err, errRefused) {
		time.Sleep(20 * time.Millisecond) // the store is down: a history of failures tells nothing
	}
}

func (r *Recorder) keep(t history.Txn, err error, views bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case err == nil:
	case views || errors.Is(err, errRefused):
		t.Outcome = history.Failed
	default:
		t.Outcome = history.Unknown
	}
	if err != nil && !r.Tolerant && !errors.Is(err, errRefused) && !errors.Is(err, context.Canceled) {
		r.troubles = append(r.troubles, err)
	}
	r.txns = append(r.txns, t)
}

// Crash notes that the store is lost but for a copy, which clone takes while transactions run. stop ends them and waits.
// What was acknowledged before the copy must be in it, what was under way may be, what came later never happened.
func (r *Recorder) Crash(clone, stop func()) {
	before := r.clock.Add(1)
	clone()
	after := r.clock.Add(1)
	stop()
	r.mu.Lock()
	defer r.mu.Unlock()
	var kept []history.Txn
	for _, t := range r.txns {
		switch {
		case t.Ended < before:
		case t.Began > after || !t.Writes():
			continue
		case t.Outcome == history.Committed:
			t.Outcome = history.Unknown
		}
		kept = append(kept, t)
	}
	r.txns = kept
}

// Check reads everything once more and says what is wrong with the history, nil when nothing is.
func (r *Recorder) Check(db *kv.DB) error {
	if err := r.finish(db); err != nil {
		return err
	}
	return history.Check(r.txns)
}

// CheckSingle judges what RunSingle recorded, twice.
func (r *Recorder) CheckSingle(db *kv.DB) error {
	began := r.clock.Add(1)
	for i := range registers { // one transaction each: of one key
		var last recTx
		err := db.View(context.Background(), func(tx *kv.Tx) error { last = recTx{tx: tx}; return last.get(register(i)) })
		if err != nil {
			return err
		}
		r.keep(history.Txn{Began: began, Ended: r.clock.Add(1), Ops: last.ops}, nil, true)
	}
	return errors.Join(append(r.troubles, history.Linearizable(r.txns), history.Check(r.txns))...)
}

func (r *Recorder) finish(db *kv.DB) error {
	var last recTx
	began := r.clock.Add(1)
	err := db.View(context.Background(), func(tx *kv.Tx) error {
		last = recTx{tx: tx}
		return errors.Join(last.scan(kv.K("reg").Range()), last.scan(kv.K("row").Range()))
	})
	if err == nil {
		r.keep(history.Txn{Began: began, Ended: r.clock.Add(1), Ops: last.ops}, nil, true)
	}
	committed := 0
	for _, t := range r.txns {
		if t.Outcome == history.Committed {
			committed++
		}
	}
	if committed < 50 || !r.Tolerant && 2*committed < len(r.txns) {
		r.troubles = append(r.troubles, fmt.Errorf("kvtest: %d of %d transactions committed: too few to tell anything", committed, len(r.txns)))
	}
	return errors.Join(append(r.troubles, err)...)
}

// String says what the history is made of.
func (r *Recorder) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var n [3]int
	for _, t := range r.txns {
		n[t.Outcome]++
	}
	return fmt.Sprintf("%d transactions committed, %d unknown, %d failed", n[history.Committed], n[history.Unknown], n[history.Failed])
}

// Rounds is how often a recorded test is done: n times, and BOTHY_HISTORIES times that:
//
//	BOTHY_HISTORIES=100 go test -timeout 2h -run 'Histories|Conformance|Shared|Serializable' ./kv/... ./tables
func Rounds(n int) int {
	if more, err := strconv.Atoi(os.Getenv("BOTHY_HISTORIES")); err == nil {
		return n * more
	}
	return n
}
