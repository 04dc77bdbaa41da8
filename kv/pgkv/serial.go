package pgkv

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"bothy/kv"
	"bothy/kv/overlay"

	"github.com/jackc/pgx/v5/pgconn"
)

// Limits of a round in the serial lane, which holds the store's lock from its beginning.
const (
	maxRound = 512
	maxHold  = 50 * time.Millisecond // no turn begins later: other nodes wait
)

// lane runs those who lost, one after the other on the goroutines of their callers, inside one database transaction that holds
// the lock: each on top of those before it. Nobody can change what they read, so nobody loses again.
type lane struct {
	e    *Engine
	link link
}

func (l *lane) loop() {
	defer l.link.drop()
	for {
		var rs []*request
		select {
		case r := <-l.e.losers:
			rs = append(rs, r)
		case <-l.e.stop:
			return
		}
		for len(rs) > 0 {
			rs = l.round(l.fill(rs))
		}
	}
}

func (l *lane) fill(rs []*request) []*request {
	for len(rs) < maxRound {
		select {
		case r := <-l.e.losers:
			rs = append(rs, r)
			continue
		default:
		}
		break
	}
	return rs
}

// round gives turns to rs and commits. It returns those who must have another: they came too late for this one, or it failed.
func (l *lane) round(rs []*request) (again []*request) {
	conn, err := l.link.get(l.e.ctx)
	if err != nil {
		reply(rs, err)
		return nil
	}
	r := &round{e: l.e, conn: conn, batch: emptyBatch()}
	if err := r.begin(rs); err != nil {
		return l.failed(rs, err)
	}
	late := r.turns(rs)
	if r.hung != nil {
		l.abandon(r)
	}
	if r.err != nil {
		return l.failed(append(r.ran, late...), r.err)
	}
	if _, err := l.e.send(&l.link, conn, r.batch.token, r.calls()); err != nil {
		return append(l.failed(r.ran, err), late...)
	}
	for i, q := range r.ran {
		q.done <- r.results[i]
	}
	return late
}

// failed answers those who waited too long, or all when it would fail again, and returns the others for another round.
func (l *lane) failed(rs []*request, err error) (again []*request) {
	l.link.recover(l.e.ctx)
	if !passing(err) && answered(err) && len(rs) > 1 { // one of them is to blame
		for _, q := range rs {
			for alone := []*request{q}; len(alone) > 0; {
				alone = l.round(alone)
			}
		}
		return nil
	}
	if !passing(err) {
		reply(rs, blame(err))
		return nil
	}
	for _, q := range rs {
		if time.Since(q.since) > maxAway {
			q.done <- &away{err}
		} else {
			again = append(again, q)
		}
	}
	rest()
	return again
}

// abandon gives up the connection of a round in which a function hangs: it may still use it.
func (l *lane) abandon(r *round) {
	l.link.conn = nil
	go func() {
		select {
		case <-r.hung.ran:
		case <-l.e.stop:
		}
		r.conn.Close(l.e.ctx) //nolint:errcheck // the database has ended its transaction long ago
	}()
}

func reply(rs []*request, err error) {
	for _, q := range rs {
		q.done <- err
	}
}

// round is one database transaction of the lane.
type round struct {
	e       *Engine
	conn    *pgconn.PgConn
	known   overlay.Writes // what was read: it cannot change
	writes  overlay.Writes // of those who had their turn
	topics  []string
	ran     []*request // who had a turn
	results []error    // and what their functions returned
	batch   *batch
	err     error    // why the round is void
	hung    *request // its function did not return
}

// begin takes the lock, and reads at once what rs read when they lost.
func (r *round) begin(rs []*request) error {
	var keys [][]byte
	size := 0
	for _, q := range rs {
		if size += q.txn.known.Bytes; size > maxChecked {
			break
		}
		for i := range q.txn.known.Entries {
			if k := q.txn.known.Entries[i].Key; r.known.Find(k) == nil {
				r.known.Keep(overlay.Entry{Key: k, Deleted: true})
				keys = append(keys, k)
			}
		}
	}
	return do(r.e.ctx, r.conn, call{name: begin}, call{name: lock}, call{getMany, [][]byte{keyArray(keys)}, func(row [][]byte) {
		r.known.Keep(overlay.Entry{Key: append([]byte{}, row[0]...), Value: append([]byte{}, row[1]...)})
	}})
}

// turns runs the functions of rs and returns those it did not come to.
func (r *round) turns(rs []*request) (late []*request) {
	began := time.Now()
	for i, q := range rs {
		if i > 0 && (time.Since(began) > maxHold || r.writes.Bytes > maxGroupBytes) {
			return rs[i:]
		}
		if !q.state.CompareAndSwap(taken, turning) {
			continue // its caller left
		}
		t := &txn{ctx: r.e.ctx, from: r, group: &r.writes, known: &r.known, turn: true}
		q.turn <- t
		var err error
		select {
		case err = <-q.ran:
		case <-time.After(maxIdleTx):
			r.hung, r.err = q, &away{errors.New("another function did not return")}
			q.done <- fmt.Errorf("%w: transaction of more than %v", kv.ErrLimit, maxIdleTx)
			return rs[i+1:]
		}
		r.ran, r.results = append(r.ran, q), append(r.results, err)
		if r.err != nil {
			return rs[i+1:]
		}
		if err == nil {
			r.take(t)
		}
	}
	return nil
}

func (r *round) take(t *txn) {
	for _, e := range t.writes.Entries {
		r.writes.Keep(e)
	}
	for _, topic := range t.topics {
		if !slices.Contains(r.topics, topic) {
			r.topics = append(r.topics, topic)
		}
	}
}

// calls are the statements that write what the round has come to, and commit it.
func (r *round) calls() []call {
	r.batch.write(0, &r.writes, r.topics)
	return r.batch.calls(r.e)
}

// get reads in a turn: the lane waits for it, so that the connection is the function's. The source of a turn fails for all.
func (r *round) get(_ context.Context, keys [][]byte) ([][]byte, error) {
	a := &ask{keys: keys, values: make([][]byte, len(keys))}
	return a.values, r.read(a)
}

func (r *round) scan(_ context.Context, from, to []byte, limit int, reverse bool) ([]pair, error) {
	if to == nil {
		to = end()
	}
	a := &ask{from: from, to: to, limit: limit, reverse: reverse}
	err := r.read(a)
	return a.pairs, err
}

func (r *round) read(a *ask) error {
	if r.err == nil {
		r.err = answer(r.conn, []*ask{a})
	}
	return r.err
}
