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
	"log/slog"
	"sync"
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

const stopWrites = 4 // write buffers that wait to become tables before commits wait too

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

// Engine implements kv.Engine: a store, and another one on the same directory when the disk was full and has room again.
type Engine struct {
	dir      string
	options  Options
	space    space
	requests sync.Pool // of *request, fresh
	counts   counts

	life  sync.RWMutex // read-held by every call; locked while the store is exchanged, and for good by Close
	store *store       // guarded by life; nil when none could be opened since

	once   sync.Once
	end    chan struct{} // closed by Close
	healed chan struct{} // closed when the healer has ended
}

// ErrInUse says that another process has the directory open.
var ErrInUse = errors.New("in use by another process")

// Open opens or creates the store in dir. A store of a newer format, and a directory with anything else in it, are refused.
func Open(dir string, o Options) (*Engine, error) {
	o = o.withDefaults()
	if err := checkFormat(o.FS, dir, o.ReadOnly); err != nil {
		return nil, err
	}
	e := &Engine{
		dir: dir, options: o, space: space{fs: o.FS, dir: dir, log: o.Log},
		end: make(chan struct{}), healed: make(chan struct{}),
	}
	var err error
	if e.store, err = openStore(dir, o, &e.counts); err != nil {
		return nil, err
	}
	e.requests.New = func() any { return newRequest() }
	go e.heal()
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

func (o Options) pebble(cache *pebble.Cache) *pebble.Options {
	p := &pebble.Options{
		FS:                          o.FS,
		Cache:                       cache,
		FormatMajorVersion:          pebble.FormatWALSyncChunks, // pinned: raising it is a change of our format
		MemTableSize:                o.MemTableBytes,
		MemTableStopWritesThreshold: stopWrites,
		L0CompactionThreshold:       4,
		L0StopWritesThreshold:       24,
		Logger:                      logger{o.Log},
		ReadOnly:                    o.ReadOnly,
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
		close(e.end)
		<-e.healed
		if e.store != nil {
			e.store.disk.release()
		}
		e.life.Lock() // and never unlocked: TryRLock fails from here on
		if e.store != nil {
			err = e.store.close()
		}
	})
	return err
}

// begin starts a call on the store of the moment; e.life.RUnlock ends it.
func (e *Engine) begin() (*store, error) {
	if e.life.TryRLock() {
		if e.store != nil {
			return e.store, nil
		}
		e.life.RUnlock()
	}
	select {
	case <-e.end:
		return nil, kv.ErrClosed
	default:
		return nil, kv.ErrFull // the healer is at work
	}
}

// View runs fn on the last durable snapshot.
func (e *Engine) View(ctx context.Context, fn func(kv.Txn) error) error {
	store, err := e.begin()
	if err != nil {
		return err
	}
	defer e.life.RUnlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	s := acquire(&store.durable)
	defer s.release()
	return fn(&s.view)
}

// Update runs fn in a serializable transaction. fn always runs on the caller's goroutine.
//
// When ctx ends while the transaction waits in the queue, it is withdrawn and Update fails with ctx's error. When it ends
// later the transaction may still commit: the error says so, and wraps ctx's. When the disk fails meanwhile, or is full
// beyond its reserve, it may be found committed after the store was opened again.
func (e *Engine) Update(ctx context.Context, fn func(kv.Txn) error) error {
	store, err := e.begin()
	if err != nil {
		return err
	}
	defer e.life.RUnlock()
	if e.options.ReadOnly {
		return kv.ErrReadOnly
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	t, err := store.try(fn)
	if err != nil || len(t.writes.Entries) == 0 {
		return err // it read durable state only, so the answer needs nothing more
	}
	if e.space.full() || store.disk.saidFull() {
		return kv.ErrFull
	}
	r := e.requests.Get().(*request)
	r.txn = t
	if err := store.enqueue(r); err != nil {
		return err
	}
	answered, err := r.await(ctx, fn)
	if answered {
		r.reset()
		e.requests.Put(r)
	}
	return err
}

const (
	healEvery  = 200 * time.Millisecond
	reopenWait = 10 * time.Second // after a try that failed
)

// heal opens the directory anew when a write failed for lack of room and there is room again: through recovery of what is
// on the disk, since of what failed nobody knows how much arrived. After another failure it leaves the store as it is. Only
// the healer writes e.store, so it reads it unlocked.
func (e *Engine) heal() {
	defer close(e.healed)
	for {
		select {
		case <-e.end:
			return
		case <-e.store.disk.broken:
		}
		if !errors.Is(e.store.failure(), kv.ErrFull) || !e.awaitRoom() || !e.exchange() {
			return
		}
	}
}

// awaitRoom waits until the disk has room for a store that opens; false means that the engine ends first.
func (e *Engine) awaitRoom() bool {
	for e.space.full() || e.store.disk.saidFull() || e.tryRoom() != nil {
		select {
		case <-e.end:
			return false
		case <-time.After(healEvery):
		}
	}
	return true
}

// exchange closes the store and opens another, however often it must try; false means that the engine ends first.
func (e *Engine) exchange() bool {
	e.store.disk.release()
	e.life.Lock()
	e.store.close() //nolint:errcheck // it is the failure that is known
	e.store = nil
	e.life.Unlock()
	for {
		s, err := openStore(e.dir, e.options, &e.counts)
		if err == nil {
			e.life.Lock()
			e.store = s
			e.life.Unlock()
			e.options.Log.Info("kv: the store is open again")
			return true
		}
		e.options.Log.Error("kv: the store cannot be opened again", "error", err)
		select {
		case <-e.end:
			return false
		case <-time.After(reopenWait):
		}
	}
}
