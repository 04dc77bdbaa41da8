package tables

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"bothy/kv"
	"bothy/record"
	"bothy/wire/item"
)

const (
	choreEvery  = 30 * time.Second
	expireEvery = time.Second
	choreBudget = 20 * time.Second // of work on rows inside one request
	choreRows   = 1000             // rows removed, or items indexed, in one transaction
	choreBytes  = 8 << 20          // of items read in one transaction
	expireRows  = 100              // items removed in one transaction
	expireBytes = 2 << 20          // of items removed in one transaction
	expireTurns = 50               // transactions for one table before the next one's turn
	expireYears = 5                // AWS leaves items alone that expired longer ago: a mistaken attribute rather than a time
)

// Run does background work until ctx ends: rows of deleted tables and indexes, indexes left half filled, items that
// expired, logs to trim, tokens to forget, backups and the like. Nodes that share a store may all run it: what one has done
// another finds done. What fails is logged and tried again.
func (s *Service) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	for _, l := range []struct {
		name  string
		pause time.Duration
		work  func(context.Context) error
	}{{"expiry", expireEvery, s.Expire}, {"jobs", jobEvery, s.Jobs}, {"chores", choreEvery, s.Work}} {
		wg.Go(func() {
			tick := time.NewTicker(l.pause)
			defer tick.Stop()
			for ctx.Err() == nil {
				if err := l.work(ctx); err != nil && ctx.Err() == nil {
					s.log.Error("tables", "work", l.name, "error", err)
				}
				select {
				case <-ctx.Done():
				case <-tick.C:
				}
			}
		})
	}
	wg.Wait()
	return nil
}

// Work does once all background work that is due.
func (s *Service) Work(ctx context.Context) error {
	return errors.Join(s.eachChore(ctx, s.workOn), s.tendLogs(ctx), s.forgetTokens(ctx))
}

// Expire removes once the items whose time is over.
func (s *Service) Expire(ctx context.Context) error {
	return s.eachChore(ctx, func(ctx context.Context, c chore) error {
		t, err := s.peek(ctx, c)
		if err != nil || t == nil || t.busy() || t.Status != statusActive {
			return err
		}
		return s.expire(ctx, t)
	})
}

func (s *Service) eachChore(ctx context.Context, do func(context.Context, chore) error) error {
	return eachRow(ctx, s, &chores, func(c *chore) error { return do(ctx, *c) })
}

// eachRow calls fn for every row of a table of the node, outside of transactions. One that fails does not keep the others waiting.
func eachRow[T any](ctx context.Context, s *Service, rows *record.Table[T], fn func(*T) error) error {
	var errs []error
	for after := ""; ; {
		var page []*T
		err := s.db.View(ctx, func(tx *kv.Tx) (err error) {
			page, after, err = rows.List(tx, record.Scope{}, record.Page{After: after, Limit: 100})
			return err
		})
		if err != nil {
			return err
		}
		for _, row := range page {
			if err := fn(row); err != nil {
				errs = append(errs, err)
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
		}
		if after == "" {
			return errors.Join(errs...)
		}
	}
}

// within gives work inside a request a budget; what it does not get done is left to Run and is no error. The client going
// away does not stop it.
func (s *Service) within(c context.Context, work func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c), choreBudget)
	defer cancel()
	err := work(ctx)
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// workOn does what one table needs.
func (s *Service) workOn(ctx context.Context, c chore) error {
	for {
		t, err := s.peek(ctx, c)
		if err != nil {
			return err
		}
		if t == nil {
			return s.forget(ctx, c)
		}
		if t.Status == statusCreating { // what makes it also fills it
			return nil
		}
		if !t.busy() {
			return s.expire(ctx, t)
		}
		if err := s.step(ctx, t); err != nil {
			return err
		}
	}
}

// peek reads a table's definition, nil when it is gone.
func (s *Service) peek(ctx context.Context, c chore) (t *table, err error) {
	err = s.db.View(ctx, func(tx *kv.Tx) (err error) {
		t, err = s.load(tx, record.In(c.Account, c.Region), c.Name)
		return err
	})
	if isNotFound(err) {
		return nil, nil
	}
	return t, err
}

// forget drops the chore of a table that is gone.
func (s *Service) forget(ctx context.Context, c chore) error {
	return s.db.Update(ctx, func(tx *kv.Tx) error {
		if _, err := s.load(tx, record.In(c.Account, c.Region), c.Name); !isNotFound(err) {
			return err
		}
		err := chores.Delete(tx, record.Scope{}, c.Account, c.Region, c.Name)
		if errors.Is(err, record.ErrNotFound) {
			return nil
		}
		return err
	})
}

// step does the first thing that a busy table needs, all of it.
func (s *Service) step(ctx context.Context, t *table) error {
	if t.Status == statusDeleting {
		return s.remove(ctx, t)
	}
	for i := range t.Indexes {
		switch ix := &t.Indexes[i]; ix.Status {
		case statusDeleting:
			return s.dropIndex(ctx, t, ix)
		case statusCreating:
			return s.fillIndex(ctx, t, ix)
		}
	}
	if did, err := s.stepVectors(ctx, t); did || err != nil {
		return err
	}
	return s.fillExpiry(ctx, t)
}

// remove clears the rows of a table and forgets it.
func (s *Service) remove(ctx context.Context, t *table) error {
	kinds := []string{"tables.index", "tables.vector", "tables.expiry", "tables.collection", "tables.throughput"}
	if t.Ended.IsZero() {
		kinds = append(kinds, "tables.item")
	}
	for _, kind := range kinds {
		if err := s.clear(ctx, t.prefix(kind)); err != nil {
			return err
		}
	}
	return s.settle(ctx, t, func(tx *kv.Tx, now *table) error {
		if err := now.bequeath(tx); err != nil {
			return err
		}
		return errors.Join(dropChore(tx, now), tableRows.Delete(tx, now.at, now.Name))
	})
}

// settle changes the definition after work on rows, unless the table has become another one.
func (s *Service) settle(ctx context.Context, t *table, fn func(tx *kv.Tx, now *table) error) error {
	return s.db.Update(ctx, func(tx *kv.Tx) error {
		have, err := s.load(tx, t.at, t.Name)
		if isNotFound(err) || err == nil && have.ID != t.ID {
			return nil
		}
		if err != nil {
			return err
		}
		return fn(tx, have.clone())
	})
}

// clear removes all rows under a prefix.
func (s *Service) clear(ctx context.Context, prefix kv.Key) error {
	return s.clearRange(ctx, prefix.Range())
}

// clearRange removes all rows of a range, in bounded transactions.
func (s *Service) clearRange(ctx context.Context, r kv.Range) error {
	r.Limit = choreRows
	for {
		n := 0
		err := s.db.Update(ctx, func(tx *kv.Tx) error {
			var keys []kv.Key
			if err := tx.Scan(r, func(k kv.Key, _ []byte) bool {
				keys = append(keys, append(kv.Key(nil), k...))
				return true
			}); err != nil {
				return err
			}
			for _, k := range keys {
				if err := tx.Delete(k); err != nil {
					return err
				}
			}
			n = len(keys)
			return nil
		})
		if err != nil || n < choreRows {
			return err
		}
	}
}

func (s *Service) dropIndex(ctx context.Context, t *table, ix *index) error {
	if err := s.clear(ctx, t.indexPrefix(ix)); err != nil {
		return err
	}
	return s.settle(ctx, t, func(tx *kv.Tx, now *table) error {
		now.Indexes = slices.DeleteFunc(now.Indexes, func(x index) bool { return x.ID == ix.ID })
		now.forgetAttributes()
		return now.save(tx)
	})
}

// fillIndex adds the entries of the items that were there before the index. Writes keep the index all the while, and both
// read what they build on, so that neither overtakes the other; after a crash it starts again.
func (s *Service) fillIndex(ctx context.Context, t *table, ix *index) error {
	err := s.fill(ctx, t, func(now *table, row kv.Key, it item.Item) (kv.Pair, error) {
		at := now.index(ix.Name)
		if at == nil || at.ID != ix.ID || at.Status != statusCreating {
			return kv.Pair{}, errOvertaken
		}
		return now.indexed(at, now.entry(at, row, it), row, it), nil
	})
	if err != nil {
		return ignoreOvertaken(err)
	}
	return s.settle(ctx, t, func(tx *kv.Tx, now *table) error {
		if at := now.index(ix.Name); at != nil && at.ID == ix.ID && at.Status == statusCreating {
			at.Status = statusActive
		}
		return now.save(tx)
	})
}

// errOvertaken says that the definition changed so that the work has no more sense.
var errOvertaken = errors.New("tables: overtaken")

func ignoreOvertaken(err error) error {
	if errors.Is(err, errOvertaken) {
		return nil
	}
	return err
}

// fill goes through all items of a table, some in a transaction, and stores the entry that entryOf makes of each.
func (s *Service) fill(ctx context.Context, t *table, entryOf entryMaker) error {
	r := t.rows.Range()
	r.Limit = choreRows
	for {
		var last kv.Key
		err := s.db.Update(ctx, func(tx *kv.Tx) (err error) {
			now, err := s.load(tx, t.at, t.Name)
			if isNotFound(err) || err == nil && now.ID != t.ID {
				return errOvertaken
			}
			if err == nil {
				last, err = now.fillSome(tx, r, entryOf)
			}
			return err
		})
		if err != nil || last == nil {
			return err
		}
		r.From = last.After()
	}
}

// entryMaker makes the entry of an item; one without a key is none.
type entryMaker func(now *table, row kv.Key, it item.Item) (kv.Pair, error)

// fillSome stores the entries of the first items in a range, and returns the last row seen; nil when there was none.
func (t *table) fillSome(tx *kv.Tx, r kv.Range, entryOf entryMaker) (last kv.Key, err error) {
	var entries []kv.Pair
	var bad error
	read := 0
	err = tx.Scan(r, func(k kv.Key, v []byte) bool {
		last = append(kv.Key(nil), k...)
		var it item.Item
		if it, bad = decodeItem(string(v)); bad != nil {
			return false
		}
		var entry kv.Pair
		if entry, bad = entryOf(t, last, it); entry.Key != nil {
			entries = append(entries, entry)
		}
		read += len(v) + len(entry.Value)
		return bad == nil && read < choreBytes
	})
	if err == nil {
		err = bad
	}
	for i := 0; err == nil && i < len(entries); i++ {
		err = tx.Set(entries[i].Key, entries[i].Value)
	}
	return last, err
}

// forgetTokens removes the idempotency tokens whose time is over.
func (s *Service) forgetTokens(ctx context.Context) error {
	base := kv.K("", "", "tables.spent")
	for n := choreRows; n == choreRows; {
		err := s.db.Update(ctx, func(tx *kv.Tx) error {
			var keys []kv.Key
			r := kv.Range{From: base, To: base.With(s.now().Unix()), Limit: choreRows}
			if err := tx.Scan(r, func(k kv.Key, v []byte) bool {
				keys = append(keys, append(kv.Key(nil), k...), append(kv.Key(nil), v...))
				return true
			}); err != nil {
				return err
			}
			n = len(keys) / 2
			for _, k := range keys {
				if err := tx.Delete(k); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
