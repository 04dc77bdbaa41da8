// Package kv is the state floor: ordered keys, serializable transactions, named limits. Callers use the concrete DB; engines
// (memkv, pebblekv) implement the small Engine interface and pass the suite in kvtest. It knows nothing of rows or services.
package kv

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Limits every engine keeps; they are what PostgreSQL and its relatives could keep too.
const (
	MaxKeyBytes   = 8 << 10 // pgkv keeps 2,700 that do not compress: services stay below
	MaxValueBytes = 1 << 20
	MaxTxKeys     = 10_000          // keys set or deleted by one Update
	MaxTxBytes    = 16 << 20        // bytes set by one Update
	MaxScan       = 10_000          // pairs seen by one Scan
	MaxTxTime     = 5 * time.Second // of one run of a function
)

// Errors of the contract.
var (
	ErrLimit    = errors.New("kv: limit exceeded")
	ErrReadOnly = errors.New("kv: write inside View")
	ErrClosed   = errors.New("kv: closed")
	ErrBusy     = error(busy("kv: too many waiting writers"))
	ErrNotEmpty = errors.New("kv: the store is not empty")
	// ErrFull refuses an Update while the disk has too little room. Views go on, and Updates too when there is room again.
	ErrFull = error(busy("kv: the disk is full"))
)

// busy is an error that goes away by itself; those above know it by its method.
type busy string

func (b busy) Error() string { return string(b) }

// Temporary tells that the same call may succeed in a moment.
func (b busy) Temporary() bool { return true }

// slow is the error of a transaction that took too long: most often because the store made it wait.
type slow struct{}

func (slow) Error() string {
	return fmt.Sprintf("%v: transaction of more than %v", ErrLimit, MaxTxTime)
}
func (slow) Unwrap() error   { return ErrLimit }
func (slow) Temporary() bool { return true }

// Engine is what a store implements.
//
// View runs fn on one consistent, durable snapshot. Update runs fn in a serializable transaction, again when it lost
// against another, and returns nil only when its writes are durable; when fn fails nothing is written and fn's error is
// returned as it is. Everyone makes progress: a transaction that keeps losing is run alone.
type Engine interface {
	View(ctx context.Context, fn func(Txn) error) error
	Update(ctx context.Context, fn func(Txn) error) error
	// Dump calls fn for every pair in key order, as of one consistent durable snapshot, beside other calls and however long
	// it takes. k and v are valid during the call only. It ends with fn's error as it is.
	Dump(ctx context.Context, fn func(k, v []byte) error) error
	// Load fills an empty store, or fails with ErrNotEmpty, with the pairs that next gives in key order until io.EOF, and
	// returns when they are durable. After a failure the store may hold a part of them. No other call runs beside it.
	Load(ctx context.Context, next func() (k, v []byte, err error)) error
	Close() error
}

// Broadcaster is what engines implement whose store other processes share: Txn's Notify reaches them with the commit.
type Broadcaster interface {
	// Hear calls fn for each topic that a transaction of another process named and committed. fn must not block. What comes while
	// the connection is lost is not heard: then fn is called with "", which means any topic.
	Hear(fn func(topic string))
	// Notify names a topic in a transaction of this engine.
	Notify(t Txn, topic string) error
}

// Txn is a transaction of an engine. Slices returned may be kept and are not to be changed: an engine may give them to others too.
// Slices passed in are not kept.
type Txn interface {
	// Get returns nil for an absent key, and a non-nil slice for an empty value.
	Get(key []byte) ([]byte, error)
	GetMany(keys [][]byte) ([][]byte, error)
	// Scan calls fn for at most limit pairs in [from, to), in order or reverse order, until fn returns false. k and v are
	// valid during the call only. to == nil is the end of the store.
	Scan(from, to []byte, limit int, reverse bool, fn func(k, v []byte) bool) error
	Set(key, value []byte) error
	Delete(key []byte) error
}

// DB is the store services use: an engine behind the contract's checks.
type DB struct {
	engine Engine
	shared Broadcaster // nil when no other process shares the store
	topics topics

	views, updates Durations
}

// New wraps an engine.
func New(e Engine) *DB {
	db := &DB{engine: e}
	if b, ok := e.(Broadcaster); ok {
		db.shared = b
		b.Hear(db.topics.wake)
	}
	return db
}

// Close closes the engine. No other call may be running or follow.
func (db *DB) Close() error { return db.engine.Close() }

// View runs fn on a consistent snapshot of durable state.
func (db *DB) View(ctx context.Context, fn func(*Tx) error) error {
	begun := time.Now()
	err := db.engine.View(ctx, func(t Txn) error {
		return fn(&Tx{txn: t, ctx: ctx, until: begun.Add(MaxTxTime), readOnly: true})
	})
	db.views.Observe(time.Since(begun))
	return err
}

// Update runs fn in a serializable transaction and returns when it is durable. fn may run more than once, so it has no side
// effects: what must happen besides is a row in record's queue. When ctx ends while Update waits for the answer, it returns
// at once and the transaction may still commit. An Update inside fn of another would wait for itself.
func (db *DB) Update(ctx context.Context, fn func(*Tx) error) error {
	begun := time.Now()
	var last *Tx // of the run that counted
	err := db.engine.Update(ctx, func(t Txn) error {
		last = &Tx{db: db, txn: t, ctx: ctx, until: time.Now().Add(MaxTxTime)}
		return fn(last)
	})
	db.updates.Observe(time.Since(begun))
	if err == nil {
		for _, topic := range last.topics {
			db.topics.wake(topic)
		}
	}
	return err
}

// Dump calls fn for every pair of one consistent snapshot, in key order, whatever the limits of a transaction: for backups.
func (db *DB) Dump(ctx context.Context, fn func(k Key, v []byte) error) error {
	return db.engine.Dump(ctx, func(k, v []byte) error { return fn(k, v) })
}

// Load fills an empty store with the pairs that next gives in key order until io.EOF: for restoring. No other call may run.
func (db *DB) Load(ctx context.Context, next func() (k, v []byte, err error)) error {
	return db.engine.Load(ctx, next)
}

// Tx is a transaction under the contract's limits.
type Tx struct {
	db       *DB // of an Update
	txn      Txn
	ctx      context.Context
	until    time.Time // MaxTxTime; a comparison per call costs less than a timer per transaction
	readOnly bool
	keys     int
	bytes    int
	topics   []string // to wake after the commit
}

// Pair is a key and its value.
type Pair struct {
	Key   Key
	Value []byte
}

// Range bounds a Scan: keys in [From, To), at most Limit of them (0 means MaxScan).
type Range struct {
	From, To Key
	Limit    int
	Reverse  bool
}

// Get returns the value of k, nil when absent. It may be kept, and is not to be changed.
func (t *Tx) Get(k Key) ([]byte, error) {
	if err := t.check(k); err != nil {
		return nil, err
	}
	return t.txn.Get(k)
}

// GetMany returns the values in the order of ks, nil where absent.
func (t *Tx) GetMany(ks []Key) ([][]byte, error) {
	raw := make([][]byte, len(ks))
	for i, k := range ks {
		if err := t.check(k); err != nil {
			return nil, err
		}
		raw[i] = k
	}
	return t.txn.GetMany(raw)
}

// Scan calls fn for the pairs of r in order until it returns false. k and v are valid during the call only.
func (t *Tx) Scan(r Range, fn func(k Key, v []byte) bool) error {
	if err := t.alive(); err != nil {
		return err
	}
	limit := r.Limit
	if limit <= 0 || limit > MaxScan {
		limit = MaxScan
	}
	return t.txn.Scan(r.From, r.To, limit, r.Reverse, func(k, v []byte) bool { return fn(k, v) })
}

// Set stores v under k when the transaction commits.
func (t *Tx) Set(k Key, v []byte) error {
	if len(v) > MaxValueBytes {
		return fmt.Errorf("%w: value of %d bytes", ErrLimit, len(v))
	}
	if err := t.write(k, len(v)); err != nil {
		return err
	}
	return t.txn.Set(k, v)
}

// Delete removes k when the transaction commits; an absent key is no error.
func (t *Tx) Delete(k Key) error {
	if err := t.write(k, 0); err != nil {
		return err
	}
	return t.txn.Delete(k)
}

func (t *Tx) write(k Key, n int) error {
	if t.readOnly {
		return ErrReadOnly
	}
	if err := t.check(k); err != nil {
		return err
	}
	t.keys++
	t.bytes += len(k) + n
	if t.keys > MaxTxKeys || t.bytes > MaxTxBytes {
		return fmt.Errorf("%w: transaction of %d keys, %d bytes", ErrLimit, t.keys, t.bytes)
	}
	return nil
}

func (t *Tx) check(k Key) error {
	if len(k) == 0 || len(k) > MaxKeyBytes {
		return fmt.Errorf("%w: key of %d bytes", ErrLimit, len(k))
	}
	return t.alive()
}

func (t *Tx) alive() error {
	if err := t.ctx.Err(); err != nil {
		return err
	}
	if time.Now().After(t.until) {
		return slow{}
	}
	return nil
}
