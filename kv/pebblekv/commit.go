package pebblekv

import "github.com/cockroachdb/pebble/v2"

// group is what one batch and one fsync settle.
type group struct {
	seq     uint64
	members []member
	bytes   int     // of the writes
	entries []entry // the writes in order, until a turn needs to read them
	writes  *writes // then here, the last one of each key
	batch   *pebble.Batch
	after   *snapshot // holds the batch; nil when nothing was written
}

type member struct {
	request *request
	err     error // of the function, when it failed in its turn
}

// add takes over the writes of a transaction.
func (g *group) add(w *writes) {
	g.bytes += w.bytes
	if g.writes == nil {
		g.entries = append(g.entries, w.entries...)
		return
	}
	for _, e := range w.entries {
		g.writes.keep(e)
	}
}

// readable is what was written so far, for a turn.
func (g *group) readable() *writes {
	if g.writes == nil {
		g.writes = &writes{}
		for _, e := range g.entries {
			g.writes.keep(e)
		}
		g.entries = nil
	}
	return g.writes
}

// commitLoop merges waiting transactions into groups until the queue is closed.
func (e *Engine) commitLoop() {
	defer close(e.groups)
	for r := range e.queue {
		g := &group{seq: e.window.last + 1}
		for r != nil {
			e.settle(g, r)
			r = nil
			if len(g.members) < maxGroup && g.bytes < maxGroupBytes {
				select {
				case r = <-e.queue: // nil when closed
				default:
				}
			}
		}
		if len(g.members) > 0 {
			e.apply(g)
			e.groups <- g
		}
	}
}

// settle decides on r and adds its writes to g.
func (e *Engine) settle(g *group, r *request) {
	if !r.state.CompareAndSwap(waiting, taken) {
		return
	}
	if err := e.failure(); err != nil {
		r.done <- err
		return
	}
	t := r.txn
	if e.window.lost(t) {
		if !r.state.CompareAndSwap(taken, turning) {
			return
		}
		e.counts.reruns.Add(1)
		t = &txn{from: e.db, group: g.readable()}
		r.turn <- t
		if err := <-r.ran; err != nil {
			g.members = append(g.members, member{r, err})
			return
		}
	}
	g.members = append(g.members, member{request: r})
	g.add(&t.writes)
	for i := range t.writes.entries {
		e.window.note(g.seq, e.seed, t.writes.entries[i].key)
	}
}

// apply writes the group's batch, to be fsynced, and takes the snapshot that holds it.
func (e *Engine) apply(g *group) {
	entries := g.entries
	if g.writes != nil {
		entries = g.writes.entries
	}
	if len(entries) == 0 {
		return
	}
	b := e.db.NewBatchWithSize(g.bytes + 16*len(entries) + 64)
	if e.keepsLog {
		b.LogData(e.stamp(), nil) //nolint:errcheck // building a batch in memory does not fail
	}
	for i := range entries {
		if w := &entries[i]; w.deleted {
			b.Delete(w.key, nil) //nolint:errcheck // building a batch in memory does not fail
		} else {
			b.Set(w.key, w.value, nil) //nolint:errcheck
		}
	}
	if err := e.db.ApplyNoSyncWait(b, pebble.Sync); err != nil {
		e.fail(err)
		return
	}
	g.batch, g.after = b, newSnapshot(e.db, g.seq)
	e.window.turn()
}

// syncLoop awaits each group's fsync in order, publishes what is durable and answers.
func (e *Engine) syncLoop() {
	defer close(e.done)
	for g := range e.groups {
		err := e.sync(g)
		for _, m := range g.members {
			if err != nil {
				m.err = err
			}
			m.request.done <- m.err
		}
	}
}

// sync makes the group durable. After a failed fsync nothing later may be called durable, whatever its own fsync says.
func (e *Engine) sync(g *group) error {
	if g.batch == nil { // nothing was written, or it could not be applied
		return e.failure()
	}
	err := g.batch.SyncWait()
	if err != nil {
		err = e.fail(err)
	} else {
		err = e.failure()
	}
	if err != nil {
		g.after.release()
		return err
	}
	g.batch.Close() //nolint:errcheck // committed and synced
	e.counts.groups.Add(1)
	e.counts.commits.Add(int64(len(g.members)))
	e.durable.Swap(g.after).release()
	return nil
}
