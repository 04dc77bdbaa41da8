package pebblekv

import (
	"bothy/kv/overlay"

	"github.com/cockroachdb/pebble/v2"
)

// group is what one batch and one fsync settle.
type group struct {
	seq     uint64
	members []member
	bytes   int             // of the writes
	entries []overlay.Entry // the writes in order, until a turn needs to read them
	writes  *overlay.Writes // then here, the last one of each key
	batch   *pebble.Batch
	after   *snapshot // holds the batch; nil when nothing was written
}

type member struct {
	request *request
	err     error // of the function, when it failed in its turn
}

// add takes over the writes of a transaction.
func (g *group) add(w *overlay.Writes) {
	g.bytes += w.Bytes
	if g.writes == nil {
		g.entries = append(g.entries, w.Entries...)
		return
	}
	for _, e := range w.Entries {
		g.writes.Keep(e)
	}
}

// readable is what was written so far, for a turn.
func (g *group) readable() *overlay.Writes {
	if g.writes == nil {
		g.writes = &overlay.Writes{}
		for _, e := range g.entries {
			g.writes.Keep(e)
		}
		g.entries = nil
	}
	return g.writes
}

// written are the group's writes, in an order in which the last one of a key counts.
func (g *group) written() []overlay.Entry {
	if g.writes != nil {
		return g.writes.Entries
	}
	return g.entries
}

// commitLoop merges waiting transactions into groups until the queue is closed.
func (s *store) commitLoop() {
	defer close(s.groups)
	for r := range s.queue {
		g := &group{seq: s.window.last + 1}
		for r != nil {
			s.settle(g, r)
			r = nil
			if len(g.members) < maxGroup && g.bytes < maxGroupBytes {
				select {
				case r = <-s.queue: // nil when closed
				default:
				}
			}
		}
		if len(g.members) > 0 {
			s.apply(g)
			s.groups <- g
		}
	}
}

// settle decides on r and adds its writes to g.
func (s *store) settle(g *group, r *request) {
	if !r.state.CompareAndSwap(waiting, taken) {
		return
	}
	if err := s.failure(); err != nil {
		r.done <- err
		return
	}
	t := r.txn
	if s.window.lost(t) {
		if !r.state.CompareAndSwap(taken, turning) {
			return
		}
		s.counts.reruns.Add(1)
		t = &txn{from: s.db, group: g.readable(), turn: s}
		r.turn <- t
		if err := <-r.ran; err != nil {
			g.members = append(g.members, member{r, err})
			return
		}
	}
	g.members = append(g.members, member{request: r})
	g.add(&t.writes)
	for i := range t.writes.Entries {
		s.window.note(g.seq, s.seed, t.writes.Entries[i].Key)
	}
}

// apply writes the group's batch, to be fsynced, and takes the snapshot that holds it.
func (s *store) apply(g *group) {
	entries := g.written()
	if len(entries) == 0 {
		return
	}
	b := s.db.NewBatchWithSize(g.bytes + 16*len(entries) + 64)
	if s.stamps != nil {
		b.LogData(s.stamps.next(), nil) //nolint:errcheck // building a batch in memory does not fail
	}
	for i := range entries {
		if w := &entries[i]; w.Deleted {
			b.Delete(w.Key, nil) //nolint:errcheck // building a batch in memory does not fail
		} else {
			b.Set(w.Key, w.Value, nil) //nolint:errcheck
		}
	}
	if err := s.db.ApplyNoSyncWait(b, pebble.Sync); err != nil {
		s.disk.cut(err)
		return
	}
	g.batch, g.after = b, s.snapshot(g.seq)
	s.window.turn()
}

// syncLoop awaits each group's fsync in order, publishes what is durable and answers.
func (s *store) syncLoop() {
	defer close(s.done)
	for g := range s.groups {
		err := s.sync(g)
		for _, m := range g.members {
			if err != nil {
				m.err = err
			}
			m.request.done <- m.err
		}
	}
}

// sync makes the group durable. After a failed fsync nothing later may be called durable, whatever its own fsync says.
func (s *store) sync(g *group) error {
	if g.batch == nil { // nothing was to be written, or it could not be applied
		err := s.failure()
		if err != nil && len(g.written()) > 0 {
			err = &unsure{err}
		}
		return err
	}
	err := g.batch.SyncWait()
	if err != nil {
		err = s.disk.cut(err)
	} else {
		err = s.failure()
	}
	if err != nil {
		g.after.release()
		return &unsure{err}
	}
	g.batch.Close() //nolint:errcheck // committed and synced
	s.counts.groups.Add(1)
	s.counts.commits.Add(int64(len(g.members)))
	s.hot.forget(g)
	s.durable.Swap(g.after).release()
	return nil
}

// unsure is the failure of what had been handed to the disk: the next start may find it there, or not. So it is not Temporary,
// which would say that nothing was written.
type unsure struct{ cause error }

func (u *unsure) Error() string   { return "pebblekv: not known to be committed: " + u.cause.Error() }
func (u *unsure) Unwrap() error   { return u.cause }
func (u *unsure) Temporary() bool { return false }
