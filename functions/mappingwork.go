package functions

import (
	"context"
	"errors"
	"sync"
	"time"

	"bothy/kv"
	"bothy/record"
)

// Times of the work on mappings.
const (
	workLease   = 6 * time.Second // a node that does not renew it is taken for dead, and another takes over
	workRenew   = 2 * time.Second
	workLook    = 2 * time.Second        // for mappings that nobody works on
	pollEvery   = 250 * time.Millisecond // of a shard that has nothing new
	relistEvery = 10 * time.Second       // for shards of a stream
)

var errLeaseLost = errors.New("functions: another node works on the mapping")

// workMappings works on the mappings that no other node works on, until ctx ends.
func (s *Service) workMappings(ctx context.Context) {
	news, stop := s.cfg.DB.Listen(mappingTopic)
	defer stop()
	var wg sync.WaitGroup
	defer wg.Wait()
	running := map[string]bool{}
	type end struct {
		id    string
		again bool // the mapping is another one by now
	}
	ended := make(chan end)
	tick := time.NewTicker(workLook)
	defer tick.Stop()
	for look := true; ; {
		if look {
			s.startMappings(ctx, running, func(row *mappedRow) {
				wg.Go(func() {
					e := end{row.ID, s.workMapping(ctx, row)}
					select {
					case ended <- e:
					case <-ctx.Done():
					}
				})
			})
		}
		select {
		case <-ctx.Done():
			return
		case e := <-ended:
			delete(running, e.id)
			look = e.again
		case <-news:
			look = true
		case <-tick.C:
			look = true
		}
	}
}

// startMappings starts work on every mapping that is not worked on here; whether it is worked on elsewhere its lease tells.
func (s *Service) startMappings(ctx context.Context, running map[string]bool, start func(*mappedRow)) {
	var rows []*mappedRow
	err := s.cfg.DB.View(ctx, func(tx *kv.Tx) (err error) {
		rows, err = mappedTable.All(tx, everywhere(), "")
		return err
	})
	if err != nil {
		if ctx.Err() == nil {
			s.cfg.Log.Error("event source mappings", "error", err)
		}
		return
	}
	for _, row := range rows {
		if !running[row.ID] {
			running[row.ID] = true
			start(row)
		}
	}
}

// worker is this node at work on one mapping, as it was set when the work began.
type worker struct {
	s        *Service
	at       record.Scope
	m        *mapping
	patterns []*pattern
	owner    string
}

// workMapping works on one mapping as long as it stays as it is and this node holds its lease; worked tells that it did for a
// while.
func (s *Service) workMapping(ctx context.Context, row *mappedRow) (worked bool) {
	w := &worker{s: s, at: record.In(row.Account, row.Region), owner: newRevision()}
	err := w.take(ctx, row.ID)
	if err == nil && w.m != nil {
		worked = true
		err = w.run(ctx)
		w.release(ctx)
	}
	if err != nil && !errors.Is(err, errLeaseLost) && ctx.Err() == nil {
		s.cfg.Log.Error("event source mapping", "mapping", row.ID, "error", err)
		rest(ctx, pollEvery)
	}
	return worked
}

// take leases the mapping; w.m stays nil when there is nothing to do here.
func (w *worker) take(ctx context.Context, id string) error {
	return w.s.cfg.DB.Update(ctx, func(tx *kv.Tx) error {
		w.m = nil
		m, err := mappingTable.Get(tx, w.at, id)
		if errors.Is(err, record.ErrNotFound) || err == nil && !m.Enabled {
			return nil
		} else if err != nil {
			return err
		}
		lease, err := workTable.Get(tx, w.at, id)
		if errors.Is(err, record.ErrNotFound) {
			lease, err = &workRow{ID: id}, nil
		}
		now := w.s.cfg.Now()
		if err != nil || lease.Owner != "" && now.Before(lease.Until) {
			return err
		}
		if w.patterns, err = m.patterns(); err != nil {
			return err
		}
		lease.Owner, lease.Until, w.m = w.owner, now.Add(workLease), m
		return workTable.Put(tx, w.at, lease)
	})
}

// hold runs fn in a transaction that commits only while this node holds the lease and the mapping is what it was.
func (w *worker) hold(ctx context.Context, fn func(*kv.Tx, *workRow) error) error {
	return w.s.cfg.DB.Update(ctx, func(tx *kv.Tx) error {
		m, err := mappingTable.Get(tx, w.at, w.m.ID)
		if errors.Is(err, record.ErrNotFound) || err == nil && m.Revision != w.m.Revision {
			return errLeaseLost
		} else if err != nil {
			return err
		}
		lease, err := workTable.Get(tx, w.at, w.m.ID)
		if errors.Is(err, record.ErrNotFound) || err == nil && lease.Owner != w.owner {
			return errLeaseLost
		} else if err != nil {
			return err
		}
		return fn(tx, lease)
	})
}

func (w *worker) renew(ctx context.Context) error {
	return w.hold(ctx, func(tx *kv.Tx, lease *workRow) error {
		lease.Until = w.s.cfg.Now().Add(workLease)
		return workTable.Put(tx, w.at, lease)
	})
}

// release lets another node begin at once.
func (w *worker) release(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), workRenew)
	defer cancel()
	err := w.s.cfg.DB.Update(ctx, func(tx *kv.Tx) error {
		lease, err := workTable.Get(tx, w.at, w.m.ID)
		if errors.Is(err, record.ErrNotFound) || err == nil && lease.Owner != w.owner {
			return nil
		} else if err != nil {
			return err
		}
		lease.Owner = ""
		return workTable.Put(tx, w.at, lease)
	})
	if err != nil {
		w.s.cfg.Log.Warn("lease of an event source mapping not given back", "mapping", w.m.ID, "error", err)
	}
}

// told notes how the work goes; news tells that it went otherwise before.
func (w *worker) told(ctx context.Context, result string) (news bool, err error) {
	err = w.hold(ctx, func(tx *kv.Tx, lease *workRow) error {
		if news = lease.Result != result; !news {
			return nil
		}
		lease.Result = result
		return workTable.Put(tx, w.at, lease)
	})
	return news, err
}

// run works until the lease is lost, the mapping changes or ctx ends.
func (w *worker) run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	news, stop := w.s.cfg.DB.Listen(mappingTopic)
	defer stop()
	var wg sync.WaitGroup
	wg.Go(func() { w.runShards(ctx) })
	defer wg.Wait()
	tick := time.NewTicker(workRenew)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-news:
		case <-tick.C:
		}
		if err := w.renew(ctx); err != nil {
			cancel(err)
			return err
		}
	}
}

// runShards works on every shard of the stream, each after its parent.
func (w *worker) runShards(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	running := map[string]bool{}
	ended := make(chan string)
	for {
		ready, err := w.ready(ctx)
		if err != nil {
			w.trouble(ctx, err)
		}
		for _, shard := range ready {
			if running[shard] {
				continue
			}
			running[shard] = true
			wg.Go(func() {
				w.runShard(ctx, shard)
				select {
				case ended <- shard:
				case <-ctx.Done():
				}
			})
		}
		select {
		case <-ctx.Done():
			return
		case shard := <-ended:
			delete(running, shard)
		case <-time.After(relistEvery):
		}
	}
}

// trouble notes that the work does not go on, and logs it once.
func (w *worker) trouble(ctx context.Context, why error) {
	if ctx.Err() != nil {
		return
	}
	text := "PROBLEM: internal error"
	switch {
	case errors.Is(why, ErrStreamDenied):
		text = "PROBLEM: Lambda can't access your stream. Please ensure the function's role can perform the required actions."
	case errors.Is(why, ErrStreamMissing):
		text = "PROBLEM: Stream not found"
	case errors.Is(why, ErrNoFunction):
		text = "PROBLEM: Function not found"
	}
	if news, err := w.told(ctx, text); news || err != nil && !errors.Is(err, errLeaseLost) {
		w.s.cfg.Log.Warn("event source mapping", "mapping", w.m.ID, "stream", w.m.Source, "error", errors.Join(why, err))
	}
}

// ready are the shards that can be worked on: not done themselves, and their parents are.
func (w *worker) ready(ctx context.Context) (ready []string, err error) {
	as, err := w.reader(ctx)
	if err != nil {
		return nil, err
	}
	shards, err := w.s.cfg.Streams.Shards(ctx, as, w.m.Source)
	if err != nil {
		return nil, err
	}
	var places []*placeRow
	if err := w.s.cfg.DB.View(ctx, func(tx *kv.Tx) error {
		places, err = placeTable.All(tx, w.at, "", w.m.ID)
		return err
	}); err != nil {
		return nil, err
	}
	done, listed := map[string]bool{}, map[string]bool{}
	for _, p := range places {
		done[p.Shard] = p.Done
	}
	for _, sh := range shards {
		listed[sh.ID] = true
	}
	for _, sh := range shards {
		if !done[sh.ID] && (!listed[sh.Parent] || done[sh.Parent]) {
			ready = append(ready, sh.ID)
		}
	}
	return ready, w.forget(ctx, places, listed)
}

// forget drops the places of shards that are gone.
func (w *worker) forget(ctx context.Context, places []*placeRow, listed map[string]bool) error {
	for _, p := range places {
		if listed[p.Shard] {
			continue
		}
		if err := w.hold(ctx, func(tx *kv.Tx, _ *workRow) error {
			err := placeTable.Delete(tx, w.at, p.ID, p.Shard)
			if errors.Is(err, record.ErrNotFound) {
				return nil
			}
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}

// reader is whose rights count: those of the role that the function has now.
func (w *worker) reader(ctx context.Context) (Reader, error) {
	v, err := w.s.version(ctx, w.m.ref(w.at))
	if err != nil {
		return Reader{}, err
	}
	return Reader{v.Role, v.Name, w.at.Region}, nil
}
