package pgkv

import (
	"fmt"
	"runtime"
	"sync"
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
		r := &reader{e: e, link: link{to: &e.to}, wake: make(chan struct{}, 1)}
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
