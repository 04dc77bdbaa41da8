package pgkv

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"bothy/kv"

	"github.com/jackc/pgx/v5/pgconn"
)

// Readers: a few connections, of which two take up those who begin to read, so that many are answered by one statement.
const (
	listeners   = 2
	maxReaders  = 16
	maxMembers  = 256 // of a session
	maxSession  = 2 * kv.MaxTxTime
	maxReadTime = maxAway // of a first read that fails again and again
)

// ask is a read on its way: keys, or a scan.
type ask struct {
	keys, values [][]byte // values[i] is nil when absent
	from, to     []byte
	limit        int
	reverse      bool
	pairs        []pair
	session      *session   // that it became a member of
	done         chan error // nobody touches the ask after the answer, or after its owner left
}

// session is a database transaction that is read by all who began to read together: their common snapshot.
type session struct {
	asks    chan *ask
	members atomic.Int32
	empty   chan struct{} // gets a value when the last member has left
	gone    chan struct{} // closed when the snapshot was lost
	err     error         // why; before gone is closed
}

func newSession(members int) *session {
	s := &session{asks: make(chan *ask, members), empty: make(chan struct{}, 1), gone: make(chan struct{})}
	s.members.Store(int32(members))
	return s
}

func (s *session) leave() {
	if s.members.Add(-1) == 0 {
		s.empty <- struct{}{}
	}
}

// member is a transaction's place in a session. It joins one with its first read.
type member struct {
	e       *Engine
	session *session
	lost    error // the snapshot is gone: what the function returns does not count
}

func (m *member) get(ctx context.Context, keys [][]byte) ([][]byte, error) {
	a := &ask{keys: keys, values: make([][]byte, len(keys))}
	return a.values, m.ask(ctx, a)
}

func (m *member) scan(ctx context.Context, from, to []byte, limit int, reverse bool) ([]pair, error) {
	if to == nil {
		to = end()
	}
	a := &ask{from: from, to: to, limit: limit, reverse: reverse}
	err := m.ask(ctx, a)
	return a.pairs, err
}

// ask waits for the answer. A snapshot that was lost stays lost.
func (m *member) ask(ctx context.Context, a *ask) error {
	if m.lost != nil {
		return m.lost
	}
	a.done = make(chan error, 1)
	if m.session == nil {
		return m.join(ctx, a)
	}
	select {
	case m.session.asks <- a:
	case <-m.session.gone:
	}
	select {
	case err := <-a.done:
		return err
	case <-m.session.gone:
		m.lost = m.session.err
		return m.lost
	case <-ctx.Done():
		m.lost = ctx.Err() // a later ask would find the first one's place taken
		return m.lost
	}
}

func (m *member) join(ctx context.Context, a *ask) error {
	select {
	case m.e.arrivals <- a:
	default:
		return kv.ErrBusy
	}
	select {
	case err := <-a.done:
		if err == nil {
			m.session = a.session
		}
		return err
	case <-ctx.Done():
		go func() { // it still becomes a member, and must leave
			select {
			case err := <-a.done:
				if err == nil {
					a.session.leave()
				}
			case <-m.e.stop:
			}
		}()
		m.lost = ctx.Err()
		return m.lost
	}
}

func (m *member) leave() {
	if m.session != nil {
		m.session.leave()
		m.session = nil
	}
}

// readers keeps count of who listens to arrivals. Those that go on to serve their members have another listen in their place;
// the one that was busy last is taken first, so that few connections do most of the work.
type readers struct {
	mu      sync.Mutex
	idle    []*reader // guarded by mu
	started int       // guarded by mu
	vacant  int       // places of listeners that nobody could take; guarded by mu
}

type reader struct {
	e    *Engine
	link link
	wake chan struct{}
}

// promote has another reader listen.
func (e *Engine) promote() {
	e.readers.mu.Lock()
	defer e.readers.mu.Unlock()
	switch n := len(e.readers.idle); {
	case n > 0:
		e.readers.idle[n-1].wake <- struct{}{}
		e.readers.idle = e.readers.idle[:n-1]
	case e.readers.started < maxReaders:
		e.readers.started++
		r := &reader{e: e, link: link{config: e.config}, wake: make(chan struct{}, 1)}
		e.loops.Go(r.loop)
	default:
		e.readers.vacant++
	}
}

// yield returns when r is to listen again, false when the engine is closed.
func (r *reader) yield() bool {
	s := &r.e.readers
	s.mu.Lock()
	if s.vacant > 0 {
		s.vacant--
		s.mu.Unlock()
		return true
	}
	s.idle = append(s.idle, r)
	s.mu.Unlock()
	select {
	case <-r.wake:
		return true
	case <-r.e.stop:
		return false
	}
}

func (r *reader) loop() {
	defer r.link.drop()
	for {
		var first *ask
		select {
		case first = <-r.e.arrivals:
		case <-r.e.stop:
			return
		}
		s := r.begin(r.gather(first))
		if s == nil {
			continue
		}
		runtime.Gosched() // most have nothing more to read, and leave at once
		if s.members.Load() == 0 {
			r.finish()
			continue
		}
		r.e.promote()
		r.serve(s)
		if !r.yield() {
			return
		}
	}
}

// gather takes up who else has arrived.
func (r *reader) gather(first *ask) []*ask {
	asks := []*ask{first}
	for len(asks) < maxMembers {
		select {
		case a := <-r.e.arrivals:
			asks = append(asks, a)
			continue
		default:
		}
		break
	}
	return asks
}

// begin makes a session of those who arrived together and answers their first reads; nil when that failed and they were told.
func (r *reader) begin(asks []*ask) *session {
	err := r.retry(func(conn *pgconn.PgConn) error { return answer(conn, asks, call{name: beginRead}) })
	if err != nil {
		for _, a := range asks {
			a.done <- err
		}
		return nil
	}
	s := newSession(len(asks))
	for _, a := range asks {
		a.session = s
		a.done <- nil
	}
	return s
}

// retry does it again, on another connection, while that may help.
func (r *reader) retry(do func(*pgconn.PgConn) error) error {
	for began := time.Now(); ; {
		conn, err := r.link.get(r.e.ctx)
		if err != nil {
			return err
		}
		err = do(conn)
		if err == nil {
			return nil
		}
		r.link.drop()
		if !passing(err) {
			return fmt.Errorf("pgkv: read: %w", err)
		}
		if time.Since(began) > maxReadTime {
			return &away{err}
		}
		rest()
	}
}

// serve answers the members' further reads until all have left.
func (r *reader) serve(s *session) {
	timer := time.NewTimer(maxSession)
	defer timer.Stop()
	for {
		select {
		case a := <-s.asks:
			asks := []*ask{a}
			for len(s.asks) > 0 {
				asks = append(asks, <-s.asks)
			}
			if err := answer(r.link.conn, asks); err != nil {
				r.lose(s, &away{err})
				return
			}
			for _, a := range asks {
				a.done <- nil
			}
		case <-s.empty:
			r.finish()
			return
		case <-timer.C:
			r.lose(s, fmt.Errorf("%w: snapshot held for more than %v", kv.ErrLimit, maxSession))
			return
		}
	}
}

func (r *reader) lose(s *session, err error) {
	s.err = err
	close(s.gone)
	r.link.drop()
}

// finish ends the database transaction.
func (r *reader) finish() {
	if err := do(r.e.ctx, r.link.conn, call{name: commit}); err != nil {
		r.link.drop()
	}
}

// answer reads for all asks in one round trip, after the calls before.
func answer(conn *pgconn.PgConn, asks []*ask, before ...call) error {
	calls := before
	if keys := gatherKeys(asks); len(keys.list) > 0 {
		calls = append(calls, call{getMany, [][]byte{keyArray(keys.list)}, keys.found})
	}
	for _, a := range asks {
		if a.keys == nil {
			calls = append(calls, scanCall(a.from, a.to, a.limit, a.reverse, &a.pairs))
		}
	}
	if conn == nil {
		return errors.New("no connection")
	}
	return do(context.Background(), conn, calls...)
}

func scanCall(from, to []byte, limit int, reverse bool, pairs *[]pair) call {
	name := scanForward
	if reverse {
		name = scanReverse
	}
	*pairs = nil // of an attempt before
	return call{name, [][]byte{from, to, int8Param(limit)}, func(row [][]byte) {
		both := append(append(make([]byte, 0, len(row[0])+len(row[1])), row[0]...), row[1]...)
		n := len(row[0])
		*pairs = append(*pairs, pair{both[:n:n], both[n:]})
	}}
}

// wanted is the keys of many asks, each once, and who wants them.
type wanted struct {
	list  [][]byte
	index map[string]int // key → place in list, and of its last place in places
	last  []int
	place []place
}

type place struct {
	value *[]byte
	next  int // in place, of the same key; -1: no more
}

func gatherKeys(asks []*ask) *wanted {
	w := &wanted{index: make(map[string]int, len(asks))}
	for _, a := range asks {
		for i, k := range a.keys {
			a.values[i] = nil // of an attempt before
			n, ok := w.index[string(k)]
			if !ok {
				n = len(w.list)
				w.index[string(k)] = n
				w.list, w.last = append(w.list, k), append(w.last, -1)
			}
			w.place = append(w.place, place{&a.values[i], w.last[n]})
			w.last[n] = len(w.place) - 1
		}
	}
	return w
}

// found gives a row's value to each who wants it.
func (w *wanted) found(row [][]byte) {
	n, ok := w.index[string(row[0])]
	if !ok {
		return
	}
	for i := w.last[n]; i >= 0; i = w.place[i].next {
		*w.place[i].value = append([]byte{}, row[1]...)
	}
}
