// Package pgkv is the kv engine for several nodes: all state in one PostgreSQL database, serializable transactions. It knows
// nothing of keys or rows.
//
// A function runs on its caller's goroutine. Its reads come from a session: a read-only database transaction that is shared by all
// who began to read together, so that one statement answers many. It keeps what it read and what it wants to write. A committer
// takes the waiting transactions that have nothing to do with each other and sends them in one round trip: begin, the store's
// lock, the verdict (who of them read what has changed since: keys by value, spans by their values and number), the writes of the
// others, commit. Those who lost go to the serial lane, which takes the lock and runs them again, each on top of those before it,
// while nobody can change what they read: they cannot lose again, and a hot key costs no commit per change.
//
// All nodes commit under the one lock, a row, so the order of commits is one sequence and every snapshot holds a beginning of it:
// that is the whole argument for serializability, Views included, and it needs no help from the database beyond snapshots and row
// locks. It is written out, with what was run and what was not, in docs/decisions/0007.
//
// A verdict is written with the batch's token. When the answer to a commit is lost, the token is looked for and, when it is not
// there, written: a batch still under way somewhere can then no longer commit, and it is sent again. So a write that was
// acknowledged is there once; one that failed as Temporary never.
//
// Tables, in the schema of the URL's search_path:
//
//	bothy_format (id, mark, version, store)  one row: the version of this format, the store's name; it is the lock
//	bothy_kv     (k, v)                      the pairs
//	bothy_commit (id, at, lost)              tokens of the last minutes, and who lost in their batch; lost is null when fenced off
//
// PostgreSQL's index holds no key above some 2,700 bytes that does not compress: such a key is refused with kv.ErrLimit.
package pgkv

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"bothy/kv"
	"bothy/kv/overlay"
)

// DefaultQueue bounds waiting transactions, and waiting first reads.
const DefaultQueue = 4096

// Options of Open; the zero value is good.
type Options struct {
	Queue int          // waiting transactions before kv.ErrBusy; 0 means DefaultQueue
	Log   *slog.Logger // what an operator should know; nil means none
}

// Engine implements kv.Engine and kv.Broadcaster.
type Engine struct {
	to     database
	log    *slog.Logger
	ctx    context.Context // ends with stop: of everything that is done for no caller in particular
	cancel context.CancelFunc
	stop   <-chan struct{}
	life   sync.RWMutex // read-held by every call; locked for good by Close
	once   sync.Once
	loops  sync.WaitGroup

	arrivals chan *ask     // first reads
	queue    chan *request // transactions to commit
	losers   chan *request // for the serial lane
	crowd    chan struct{} // gets a value when many wait
	running  atomic.Int64  // Updates not yet in the queue
	readers  readers

	canListen bool
	channel   string // of NOTIFY
	keeper    *keeper
}

// Open connects to the database of url, makes the tables when the schema is new, and refuses a newer format and a schema with
// anything else in it. The URL is libpq's (several hosts, too); its search_path names the schema.
func Open(ctx context.Context, url string, o Options) (*Engine, error) {
	config, err := parse(url)
	if err != nil {
		return nil, err
	}
	if o.Queue == 0 {
		o.Queue = DefaultQueue
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	e := &Engine{
		to: database{config: config}, log: o.Log,
		arrivals: make(chan *ask, o.Queue), queue: make(chan *request, o.Queue), losers: make(chan *request, o.Queue),
		crowd: make(chan struct{}, 1),
	}
	e.ctx, e.cancel = context.WithCancel(context.Background())
	e.stop = e.ctx.Done()
	if err := e.start(ctx); err != nil {
		e.cancel()
		return nil, err
	}
	return e, nil
}

func (e *Engine) start(ctx context.Context) error {
	if err := e.open(ctx); err != nil {
		return err
	}
	if err := e.listen(ctx); err != nil {
		return err
	}
	e.loops.Go((&committer{e: e, link: link{to: &e.to}}).loop)
	e.loops.Go((&committer{e: e, link: link{to: &e.to}, helps: true}).loop)
	e.loops.Go((&lane{e: e, link: link{to: &e.to}}).loop)
	e.loops.Go(e.keeper.loop)
	for range listeners {
		e.promote()
	}
	return nil
}

// Close waits for running calls and disconnects. Calls that come later get kv.ErrClosed.
func (e *Engine) Close() error {
	e.once.Do(func() {
		e.life.Lock() // and never unlocked: TryRLock fails from here on
		close(e.queue)
		e.cancel()
		e.loops.Wait()
	})
	return nil
}

// View runs fn on one snapshot, taken with its first read. A snapshot that is lost with its connection is an error that is
// Temporary: fn cannot be run again.
func (e *Engine) View(ctx context.Context, fn func(kv.Txn) error) error {
	if !e.life.TryRLock() {
		return kv.ErrClosed
	}
	defer e.life.RUnlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	m := &member{e: e}
	defer m.leave()
	return fn(&txn{ctx: ctx, from: m, readOnly: true})
}

// Update runs fn in a serializable transaction. fn always runs on the caller's goroutine.
//
// When ctx ends while the transaction waits in the queue, it is withdrawn and Update fails with ctx's error. When it ends
// later the transaction may still commit: the error says so, and wraps ctx's.
func (e *Engine) Update(ctx context.Context, fn func(kv.Txn) error) error {
	if !e.life.TryRLock() {
		return kv.ErrClosed
	}
	defer e.life.RUnlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	r, err := e.enqueue(ctx, fn)
	if r == nil {
		return err
	}
	return r.await(ctx, fn)
}

// enqueue runs fn for the first time and has the committer take what it wants to write; nil when that is nothing.
func (e *Engine) enqueue(ctx context.Context, fn func(kv.Txn) error) (*request, error) {
	e.running.Add(1)
	defer e.running.Add(-1)
	t, err := e.try(ctx, fn)
	if err != nil || t.nothing() {
		return nil, err // it read one snapshot of committed state, so the answer needs nothing more
	}
	r := newRequest(t)
	select {
	case e.queue <- r:
	default:
		return nil, kv.ErrBusy
	}
	if len(e.queue) < crowd {
		return r, nil
	}
	select {
	case e.crowd <- struct{}{}:
	default: // it knows
	}
	return r, nil
}

// try runs fn on a snapshot, and on another when that was lost.
func (e *Engine) try(ctx context.Context, fn func(kv.Txn) error) (*txn, error) {
	for began := time.Now(); ; rest() {
		t, lost, err := e.first(ctx, fn)
		if lost == nil || ctx.Err() != nil || time.Since(began) > maxAway {
			return t, err
		}
	}
}

func (e *Engine) first(ctx context.Context, fn func(kv.Txn) error) (t *txn, lost, err error) {
	m := &member{e: e}
	defer m.leave()
	t = &txn{ctx: ctx, from: m, known: &overlay.Writes{}}
	err = fn(t)
	return t, m.lost, err
}
