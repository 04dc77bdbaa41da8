// Package admit decides which requests a node takes on, before it reads their bodies: each class of requests has so many bytes
// of memory to hold and so many places to run in, and one client gets half of either at most. Past that a request is refused at
// once, which costs next to nothing: who is refused comes again, and what was taken on is finished. It owns the counting; it
// knows neither HTTP nor any service.
//
// A request goes through three states, and holds only what the state needs: while its body comes it holds bytes alone, so that a
// slow sender takes nobody's place; while it runs (Enter) a place besides, and room for its answer; while the answer goes out
// (Leave) the bytes of the answer.
package admit

import (
	"container/list"
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// Class is a kind of requests that share a limit: what one kind holds cannot keep out another.
type Class uint8

// The classes.
const (
	Short   Class = iota // calls that end as fast as the stores answer
	SignIn               // calls with cryptography of milliseconds
	Slow                 // calls that wait for others: functions, deployed APIs, long polls, imports
	Stream               // bytes on their way in or out: objects, sites, downloads; they need no place to run
	Head                 // requests whose headers are still coming
	classes int   = iota
)

// String is the class as metrics name it.
func (c Class) String() string {
	return [...]string{"short", "sign-in", "slow", "stream", "head"}[c]
}

// MaxWait is how long a request whose body is here may wait for a place.
const MaxWait = time.Second

// Limit is what the requests of a class may have together.
type Limit struct {
	Bytes  int64
	Places int // running at once; when as many wait for a place, no more are admitted; 0 for classes that never Enter
}

// Limits are what the classes get of a memory budget in bytes, with so many cores: enough places for group commit and for what
// waits elsewhere.
func Limits(memory int64, cores int) (l [classes]Limit) {
	l[Short] = Limit{memory * 3 / 8, 256 * cores}
	l[SignIn] = Limit{memory / 8, 32 * cores}
	l[Slow] = Limit{memory / 8, 256}
	l[Stream] = Limit{memory / 4, 0}
	l[Head] = Limit{memory / 8, 0}
	return l
}

// ErrFull refuses a request for now.
var ErrFull = error(full("admit: past capacity"))

type full string

func (f full) Error() string { return string(f) }

// Temporary tells that the same request may succeed in a moment.
func (full) Temporary() bool { return true }

// Budget is what a node has for requests. A nil Budget has no bounds.
type Budget struct {
	pools  [classes]pool
	untold atomic.Uint64 // refusals since the last Tell
	told   atomic.Int64  // Unix nanoseconds of it
}

// New makes the budget of a node.
func New(limits [classes]Limit) *Budget {
	b := &Budget{}
	for i := range b.pools {
		b.pools[i] = pool{Limit: limits[i], clients: map[string]*share{}}
	}
	return b
}

// pool is one class.
type pool struct {
	Limit
	mu                sync.Mutex // guards what follows
	bytes             int64
	open, running     int       // tickets, and those of them that have a place
	waiting           list.List // of *waiter, the first to come first
	clients           map[string]*share
	admitted, refused uint64
	most              peak
}

type peak struct {
	bytes         int64
	open, running int
}

// share is what one client holds of a pool.
type share struct {
	bytes int64
	open  int
}

type waiter struct {
	t     *Ticket
	ready chan struct{}
}

// Ticket is a request that was admitted. A nil Ticket is one that nobody counts.
type Ticket struct {
	b       *Budget
	p       *pool
	client  string
	share   *share
	bytes   int64 // held
	answer  int64 // of bytes: room for the answer
	running bool
}

// Admit takes on a request of a client that will hold so many bytes, or fails with ErrFull. What is larger than a client's
// half takes all of that half. Done must follow.
func (b *Budget) Admit(client string, class Class, bytes int64) (*Ticket, error) {
	if b == nil {
		return nil, nil
	}
	p := &b.pools[class]
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.clients[client]
	if s == nil {
		s = &share{}
	}
	bytes = min(bytes, p.Bytes/2)
	if p.bytes+bytes > p.Bytes || s.bytes+bytes > p.Bytes/2 || p.Places > 0 && (s.open >= p.Places/2 || p.waiting.Len() >= p.Places) {
		return nil, b.refuseLocked(p)
	}
	p.clients[client] = s
	s.open++
	p.open++
	p.admitted++
	t := &Ticket{b: b, p: p, client: client, share: s}
	t.holdLocked(bytes)
	return t, nil
}

func (b *Budget) refuseLocked(p *pool) error {
	p.refused++
	b.untold.Add(1)
	return ErrFull
}

func (t *Ticket) holdLocked(bytes int64) {
	t.bytes += bytes
	t.share.bytes += bytes
	t.p.bytes += bytes
	m := &t.p.most
	m.bytes, m.open, m.running = max(m.bytes, t.p.bytes), max(m.open, t.p.open), max(m.running, t.p.running)
}

// Grow holds more bytes, or fails with ErrFull and holds what it held.
func (t *Ticket) Grow(bytes int64) error {
	if t == nil {
		return nil
	}
	t.p.mu.Lock()
	defer t.p.mu.Unlock()
	if t.p.bytes+bytes > t.p.Bytes || t.share.bytes+bytes > t.p.Bytes/2 {
		return t.b.refuseLocked(t.p)
	}
	t.holdLocked(bytes)
	return nil
}

// Enter takes a place to run in, and room for an answer of so many bytes; it waits up to MaxWait for them and fails with
// ErrFull, or as ctx ends. A second Enter does nothing.
func (t *Ticket) Enter(ctx context.Context, answer int64) error {
	if t == nil || t.p.Places == 0 || t.running {
		return nil
	}
	p := t.p
	p.mu.Lock()
	t.answer = max(0, min(answer, p.Bytes/2-t.bytes))
	if p.waiting.Len() == 0 && p.fitsLocked(t) {
		p.startLocked(t)
		p.mu.Unlock()
		return nil
	}
	w := &waiter{t, make(chan struct{})}
	at := p.waiting.PushBack(w)
	p.nextLocked()
	p.mu.Unlock()
	timer := time.NewTimer(MaxWait)
	defer timer.Stop()
	err := ErrFull
	select {
	case <-w.ready:
		return nil
	case <-timer.C:
	case <-ctx.Done():
		err = ctx.Err()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if t.running { // at the very moment
		return nil
	}
	p.waiting.Remove(at)
	if err == ErrFull {
		return t.b.refuseLocked(p)
	}
	return err
}

func (p *pool) fitsLocked(t *Ticket) bool {
	return p.running < p.Places && p.bytes+t.answer <= p.Bytes && t.share.bytes+t.answer <= p.Bytes/2
}

func (p *pool) startLocked(t *Ticket) {
	p.running++
	t.running = true
	t.holdLocked(t.answer)
}

// nextLocked starts those who wait and fit. Who does not fit for what its client holds lets others pass.
func (p *pool) nextLocked() {
	for e := p.waiting.Front(); e != nil && p.running < p.Places; {
		w, at := e.Value.(*waiter), e
		e = e.Next()
		if p.fitsLocked(w.t) {
			p.startLocked(w.t)
			p.waiting.Remove(at)
			close(w.ready)
		}
	}
}

// Leave gives the place back. From now on the ticket holds an answer of so many bytes, however many they are: it has been made.
func (t *Ticket) Leave(answer int64) {
	if t == nil || !t.running {
		return
	}
	t.p.mu.Lock()
	defer t.p.mu.Unlock()
	t.running = false
	t.p.running--
	t.holdLocked(answer - t.bytes)
	t.p.nextLocked()
}

// Done gives everything back. It may be called again.
func (t *Ticket) Done() {
	if t == nil || t.share == nil {
		return
	}
	t.Leave(0)
	p := t.p
	p.mu.Lock()
	defer p.mu.Unlock()
	t.holdLocked(-t.bytes)
	p.open--
	if t.share.open--; t.share.open == 0 {
		delete(p.clients, t.client)
	}
	t.share = nil
	p.nextLocked()
}

// Load is how much of its limit a class uses now, and what has become of its requests since the start.
type Load struct {
	Class             Class
	Limit             Limit
	Bytes             int64
	Open              int // admitted and not done
	Running           int // of them
	Waiting           int // of them
	Admitted, Refused uint64
	MostBytes         int64 // held at once
	MostOpen          int
	MostRunning       int
}

// Load is the state of every class.
func (b *Budget) Load() []Load {
	if b == nil {
		return nil
	}
	out := make([]Load, classes)
	for i := range out {
		p := &b.pools[i]
		p.mu.Lock()
		out[i] = Load{Class(i), p.Limit, p.bytes, p.open, p.running, p.waiting.Len(), p.admitted, p.refused, p.most.bytes, p.most.open, p.most.running}
		p.mu.Unlock()
	}
	return out
}

// TellEvery is how often a log line tells of refusals.
const TellEvery = time.Second

// Tell returns how many requests were refused since it last did, at most once in TellEvery: a refusal must stay cheaper than
// what it refuses.
func (b *Budget) Tell(now time.Time) (refused uint64, ok bool) {
	if b == nil {
		return 0, false
	}
	last := b.told.Load()
	if now.UnixNano()-last < int64(TellEvery) || !b.told.CompareAndSwap(last, now.UnixNano()) {
		return 0, false
	}
	refused = b.untold.Swap(0)
	return refused, refused > 0
}
