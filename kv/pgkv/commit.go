package pgkv

import (
	"errors"
	"fmt"
	"time"

	"bothy/kv"
	"bothy/kv/overlay"

	"github.com/jackc/pgx/v5/pgconn"
)

// A group of transactions is closed when it has this many members or bytes.
const (
	maxGroup      = 512
	maxGroupBytes = 4 << 20
	maxChecked    = 8 << 20 // bytes read and written by one transaction; a larger one is run in the serial lane, where nothing is sent back to be checked
	maxPatience   = 5 * time.Millisecond
	crowd         = 32 // in the queue; with fewer, all in one flush is faster than half in each
)

// group is what one database transaction settles. Its members have nothing to do with each other: none read what another
// writes, and no two write the same key.
type group struct {
	members []*request
	writes  overlay.Writes // of all
	bytes   int
}

func (g *group) full() bool { return len(g.members) >= maxGroup || g.bytes >= maxGroupBytes }

// readOf says whether t read something that a member writes.
func (g *group) readBy(t *txn) bool {
	if len(g.members) == 0 {
		return false
	}
	for i := range t.known.Entries {
		if g.writes.Find(t.known.Entries[i].Key) != nil {
			return true
		}
	}
	for _, s := range t.spans {
		if len(g.writes.Between(s.from, s.to)) > 0 {
			return true
		}
	}
	return false
}

func (g *group) writtenBy(t *txn) bool {
	for i := range t.writes.Entries {
		if g.writes.Find(t.writes.Entries[i].Key) != nil {
			return true
		}
	}
	return false
}

func (g *group) add(r *request) {
	g.members = append(g.members, r)
	g.bytes += r.txn.bytes()
	for _, e := range r.txn.writes.Entries {
		g.writes.Keep(e)
	}
}

// committer merges waiting transactions into groups until the queue is closed. There are two: one for all times; the other helps
// when there is a crowd, so that its batch is at the database, waiting for the lock, when the first one's is done.
type committer struct {
	e     *Engine
	link  link
	helps bool
	held  []*request    // taken, for the next group: they write what a member of this one writes
	took  time.Duration // the last commit
	back  int           // its members, if others were waiting at its end: they come back while those would be sent off without them
}

func (c *committer) loop() {
	defer c.link.drop()
	for {
		g := &group{}
		held := c.held
		c.held = nil
		for _, r := range held {
			c.place(g, r)
		}
		if len(g.members) == 0 && !c.first(g) {
			return
		}
		c.fill(g)
		if len(g.members) > 0 {
			c.settle(g)
		}
	}
}

// first waits until there is something to do; false when there never will be.
func (c *committer) first(g *group) bool {
	if c.helps {
		select {
		case <-c.e.crowd:
			return true
		case <-c.e.stop:
			return false
		}
	}
	r, ok := <-c.e.queue
	if ok {
		c.take(g, r)
	}
	return ok
}

// fill takes who is waiting, and waits a little for those who are about to: a flush lasts as long for few as for many. It never
// waits when nobody else is under way.
func (c *committer) fill(g *group) {
	var patience <-chan time.Time
	for expected := 0; !g.full() && len(c.held) < maxGroup; {
		select {
		case r, ok := <-c.e.queue:
			if !ok {
				return
			}
			c.take(g, r)
			continue
		default:
		}
		if patience == nil {
			patience = time.After(min(c.took/4, maxPatience))
			expected = len(g.members) + c.back
		}
		if c.e.running.Load() == 0 && len(g.members) >= expected {
			return
		}
		select {
		case r, ok := <-c.e.queue:
			if !ok {
				return
			}
			c.take(g, r)
		case <-patience:
			return
		}
	}
}

func (c *committer) take(g *group, r *request) {
	if r.state.CompareAndSwap(waiting, taken) {
		c.place(g, r)
	}
}

// place adds r to g, or to those that have lost already: the members' writes would come before its own.
func (c *committer) place(g *group, r *request) {
	switch {
	case r.txn.bytes() > maxChecked || g.readBy(r.txn):
		c.e.losers <- r
	case g.writtenBy(r.txn):
		c.held = append(c.held, r)
	default:
		g.add(r)
	}
}

// settle commits a group and answers its members; those who lost go to the serial lane.
func (c *committer) settle(g *group) {
	began := time.Now()
	lost, err := c.commit(g)
	c.took, c.back = time.Since(began), 0
	if len(c.e.queue) > 0 {
		c.back = len(g.members)
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) && answered(err) && !passing(err) && len(g.members) > 1 { // one of them is to blame
		for _, r := range g.members {
			alone := &group{}
			alone.add(r)
			c.settle(alone)
		}
		return
	}
	isLost := make([]bool, len(g.members))
	for _, i := range lost {
		isLost[i] = true
	}
	for i, r := range g.members {
		if isLost[i] {
			c.e.losers <- r
		} else {
			r.done <- blame(err)
		}
	}
}

// commit sends the group until its fate is known, and returns the places of those whose reads were outdated.
func (c *committer) commit(g *group) ([]int, error) {
	for began := time.Now(); ; rest() {
		conn, err := c.link.get(c.e.ctx)
		if err != nil {
			return nil, err
		}
		b := newBatch(g.members)
		lost, err := c.e.send(&c.link, conn, b.token, append([]call{{name: begin}, {name: lock}}, b.calls(c.e)...))
		if err == nil || !passing(err) {
			return lost, err
		}
		if time.Since(began) > maxAway {
			return nil, &away{err}
		}
	}
}

// send makes the round trip that ends with a commit. A nil error says that it was committed but for lost; an *unknown that
// nobody knows; any other that it was not and cannot be any more.
func (e *Engine) send(l *link, conn *pgconn.PgConn, id []byte, calls []call) (lost []int, err error) {
	for i := range calls {
		switch calls[i].name {
		case token, verdict, verdictSpans:
			calls[i].row = func(row [][]byte) { lost = ints(row[0]) }
		}
	}
	err = do(e.ctx, conn, calls...)
	if err == nil {
		return lost, nil
	}
	if answered(err) {
		l.recover(e.ctx)
		return nil, err
	}
	l.drop()
	return e.resolve(l, id, err)
}

// resolve finds out what became of a batch whose answer was lost. It writes the batch's token itself when it is not there: if
// the batch is still on its way somewhere, it can no longer commit.
func (e *Engine) resolve(l *link, id []byte, cause error) (lost []int, err error) {
	for began := time.Now(); ; rest() {
		conn, err := l.get(e.ctx)
		if err != nil {
			return nil, &unknown{cause}
		}
		err = do(e.ctx, conn, call{resolve, [][]byte{id}, func(row [][]byte) { lost = ints(row[0]) }})
		switch {
		case err == nil && lost == nil:
			return nil, &fenced{cause}
		case err == nil:
			return lost, nil
		case time.Since(began) > maxAway:
			return nil, &unknown{cause}
		}
		l.drop()
	}
}

// fenced is a commit that was lost with its connection and certainly did not happen.
type fenced struct{ cause error }

func (f *fenced) Error() string {
	return "pgkv: the connection was lost before the commit: " + f.cause.Error()
}

// blame says an error in the contract's words.
func blame(err error) error {
	var pg *pgconn.PgError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &pg) && pg.Code == stateTooLong:
		return fmt.Errorf("%w: the database says: %s", kv.ErrLimit, pg.Message)
	case errors.As(err, &pg):
		return fmt.Errorf("pgkv: commit: %w", err)
	}
	return err
}
