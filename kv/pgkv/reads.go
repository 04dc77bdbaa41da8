package pgkv

import (
	"context"
	"errors"
	"sync/atomic"

	"bothy/kv"

	"github.com/jackc/pgx/v5/pgconn"
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
	if err := m.ask(ctx, a); err != nil {
		return nil, err // who has left must not look: the answer may be on its way
	}
	return a.values, nil
}

func (m *member) scan(ctx context.Context, from, to []byte, limit int, reverse bool) ([]pair, error) {
	if to == nil {
		to = end()
	}
	a := &ask{from: from, to: to, limit: limit, reverse: reverse}
	if err := m.ask(ctx, a); err != nil {
		return nil, err // as above
	}
	return a.pairs, nil
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
