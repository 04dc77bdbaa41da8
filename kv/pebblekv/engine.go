// Package pebblekv is the embedded kv engine: one directory, Pebble below, group commit, serializable transactions.
//
// A function runs on the caller's goroutine against a shared snapshot of durable state and keeps what it read and what it
// wants to write. One committer takes the waiting transactions in turn, checks what each read against what was written
// since its snapshot, and merges the good ones into one Pebble batch. One syncer awaits the batch's fsync, publishes the
// snapshot that holds it, and answers. A transaction that lost gets its turn at once: it is run again on top of the group
// under construction while the committer waits for it, so it cannot lose twice and a hot key costs no fsync per change.
//
// Everything shown to a caller is durable: Views and first runs read the published snapshot only, and what a second run saw
// (its error too) is answered after the fsync of the group it ran in.
//
// Directory: Pebble's files; "bothy-format", which holds the version of our format; "archive/", the log that is kept for Recover.
// It knows nothing of keys or rows.
package pebblekv

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"bothy/kv"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Defaults keep an idle node small; a busy one is given more cache by its operator.
const (
	DefaultCacheBytes    = 8 << 20
	DefaultMemTableBytes = 4 << 20
	DefaultQueue         = 4096
)

// A group of transactions is closed when it has this many members or bytes.
const (
	maxGroup      = 1024
	maxGroupBytes = 4 << 20
	maxUnsynced   = 16 // groups applied and not yet fsynced
)

// ErrFailed says that the disk failed an earlier write: the engine answers Views from what was durable and takes no Update
// until it is opened again.
var ErrFailed = errors.New("pebblekv: storage failed, read-only")

// Options of Open; the zero value is good.
type Options struct {
	CacheBytes    int64        // block cache; 0 means DefaultCacheBytes
	MemTableBytes uint64       // write buffer; 0 means DefaultMemTableBytes
	Queue         int          // waiting transactions before kv.ErrBusy; 0 means DefaultQueue
	FS            vfs.FS       // nil means the real one
	Log           *slog.Logger // background troubles of the disk; nil means none

	ReadOnly bool             // to look at the store of a process that ended: no Update, and nothing on disk changes
	KeepLog  time.Duration    // how long the log is kept for Recover; 0: not at all
	Now      func() time.Time // the time of commits in a kept log; nil means time.Now
}

// Engine implements kv.Engine.
type Engine struct {
	db     *pebble.DB
	life   sync.RWMutex // read-held by every call; locked for good by Close
	once   sync.Once
	seed   maphash.Seed // of the hashes of keys read
	queue  chan *request
	groups chan *group
	done   chan struct{} // closed when the syncer has ended

	requests sync.Pool // of *request, fresh
	durable  atomic.Pointer[snapshot]
	failed   atomic.Pointer[error]

	window window // owned by the committer

	counts   counts
	fs       vfs.FS
	dir      string
	keepsLog bool
	follows  uint64 // how far the log had come when it was opened
	now      func() time.Time
	began    bool  // a commit was stamped; owned by the committer, as what follows
	stamped  int64 // the time of the last one
}

// ErrInUse says that another process has the directory open.
var ErrInUse = errors.New("in use by another process")

// Open opens or creates the store in dir. A store of a newer format, and a directory with anything else in it, are refused.
func Open(dir string, o Options) (*Engine, error) {
	o = o.withDefaults()
	if err := checkFormat(o.FS, dir, o.ReadOnly); err != nil {
		return nil, err
	}
	follows, err := o.log(dir)
	if err != nil {
		return nil, err
	}
	cache := pebble.NewCache(o.CacheBytes)
	defer cache.Unref()
	db, err := pebble.Open(dir, o.pebble(cache))
	if err != nil {
		if errors.Is(err, syscall.EAGAIN) { // its lock
			err = ErrInUse
		}
		return nil, fmt.Errorf("pebblekv: open %s: %w", dir, err)
	}
	e := &Engine{
		db: db, seed: maphash.MakeSeed(), window: newWindow(),
		queue: make(chan *request, o.Queue), groups: make(chan *group, maxUnsynced), done: make(chan struct{}),
		fs: o.FS, dir: dir, keepsLog: o.KeepLog > 0, follows: follows, now: o.Now,
	}
	e.requests.New = func() any { return newRequest() }
	e.durable.Store(newSnapshot(db, 0))
	go e.commitLoop()
	go e.syncLoop()
	return e, nil
}

func (o Options) withDefaults() Options {
	if o.CacheBytes == 0 {
		o.CacheBytes = DefaultCacheBytes
	}
	if o.MemTableBytes == 0 {
		o.MemTableBytes = DefaultMemTableBytes
	}
	if o.Queue == 0 {
		o.Queue = DefaultQueue
	}
	if o.FS == nil {
		o.FS = vfs.Default
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// log looks at the log of a store to be opened: how far it came, when it is kept from now on, too; else it notes where it ends.
func (o Options) log(dir string) (end uint64, err error) {
	switch {
	case o.ReadOnly:
		return 0, nil
	case o.KeepLog > 0:
		return logEnd(o.FS, dir)
	}
	return 0, noteGap(o.FS, dir)
}

func (o Options) pebble(cache *pebble.Cache) *pebble.Options {
	p := &pebble.Options{
		FS:                          o.FS,
		Cache:                       cache,
		FormatMajorVersion:          pebble.FormatWALSyncChunks, // pinned: raising it is a change of our format
		MemTableSize:                o.MemTableBytes,
		MemTableStopWritesThreshold: 4,
		L0CompactionThreshold:       4,
		L0StopWritesThreshold:       24,
		Logger:                      logger{o.Log},
		ReadOnly:                    o.ReadOnly,
	}
	if o.KeepLog > 0 {
		p.FS, p.Cleaner = keeper{o.FS, o.KeepLog, o.Now, o.Log}, pebble.ArchiveCleaner{}
	}
	for i := range p.Levels {
		p.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
		p.Levels[i].FilterType = pebble.TableFilter
	}
	return p
}

// logger passes on what an operator must know; Pebble's chatter about its housekeeping is dropped.
type logger struct{ log *slog.Logger }

func (logger) Infof(string, ...any) {}

func (l logger) Errorf(format string, args ...any) {
	l.log.Error("kv: " + fmt.Sprintf(format, args...))
}

// Fatalf must not return: Pebble's state in memory no longer matches the disk. The process dies and the next one recovers
// from what was fsynced.
func (l logger) Fatalf(format string, args ...any) {
	msg := "kv: " + fmt.Sprintf(format, args...)
	l.log.Error(msg)
	panic(msg)
}

// Close waits for running calls, drains the queue and closes the store. Calls that come later get kv.ErrClosed.
func (e *Engine) Close() (err error) {
	e.once.Do(func() {
		e.life.Lock() // and never unlocked: TryRLock fails from here on
		close(e.queue)
		<-e.done
		e.durable.Load().release()
		if err = e.db.Close(); err != nil {
			err = fmt.Errorf("pebblekv: close: %w", err)
		}
	})
	return err
}

// View runs fn on the last durable snapshot.
func (e *Engine) View(ctx context.Context, fn func(kv.Txn) error) error {
	if !e.life.TryRLock() {
		return kv.ErrClosed
	}
	defer e.life.RUnlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	s := acquire(&e.durable)
	defer s.release()
	return fn(&txn{from: s.reader, readOnly: true})
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
	t, err := e.try(fn)
	if err != nil || len(t.writes.entries) == 0 {
		return err // it read durable state only, so the answer needs nothing more
	}
	r := e.requests.Get().(*request)
	r.txn = t
	if err := e.enqueue(r); err != nil {
		return err
	}
	answered, err := r.await(ctx, fn)
	if answered {
		r.reset()
		e.requests.Put(r)
	}
	return err
}

// try runs fn on the durable snapshot.
func (e *Engine) try(fn func(kv.Txn) error) (*txn, error) {
	s := acquire(&e.durable)
	defer s.release()
	t := &txn{from: s.reader, at: s.seq, tracks: true, seed: e.seed}
	err := fn(t)
	t.from = nil
	t.sortSpans()
	return t, err
}

func (e *Engine) enqueue(r *request) error {
	if err := e.failure(); err != nil {
		return err
	}
	select {
	case e.queue <- r:
		e.counts.waiting(len(e.queue))
		return nil
	default:
		e.counts.busy.Add(1)
		return kv.ErrBusy
	}
}

func (e *Engine) failure() error {
	if err := e.failed.Load(); err != nil {
		return *err
	}
	return nil
}

func (e *Engine) fail(cause error) error {
	err := fmt.Errorf("%w: %w", ErrFailed, cause)
	e.failed.CompareAndSwap(nil, &err)
	return e.failure()
}
