package tables

import (
	"context"
	"errors"
	"time"

	"bothy/kv"
	"bothy/record"
)

// splitRate is how many changes of a shard per second split it.
const splitRate = 500

// tendLogs trims all logs and splits shards that are busy.
func (s *Service) tendLogs(ctx context.Context) error {
	return eachRow(ctx, s, &logRows, func(l *logRow) error { return s.tendLog(ctx, l) })
}

func (s *Service) tendLog(ctx context.Context, l *logRow) error {
	at := record.In(l.Account, l.Region)
	t, err := s.peek(ctx, chore{l.Account, l.Region, l.Name})
	if err != nil {
		return err
	}
	if t == nil || t.ID != l.Table { // it is gone, its log is not yet
		t = (&table{Name: l.Name, ID: l.Table}).settled(at, s.now)
	}
	var shards []*shard
	if err := s.db.View(ctx, func(tx *kv.Tx) error {
		shards, err = shardRows.All(tx, at, "", l.Table)
		return err
	}); err != nil {
		return err
	}
	for _, sh := range shards {
		if err := s.trimShard(ctx, t, sh.ID); err != nil {
			return err
		}
	}
	if err := s.dropStreams(ctx, t); err != nil {
		return err
	}
	if len(shards) == 0 {
		return s.dropLog(ctx, t)
	}
	return s.splitBusy(ctx, t, shards)
}

// keepFrom is since when changes are stored.
func (t *table) keepFrom(now time.Time) time.Time {
	switch {
	case len(t.Holds) > 0:
		return time.Time{}
	case t.Recovery.IsZero():
		return now.Add(-streamLife)
	}
	return now.AddDate(0, 0, -int(t.RecoveryDays))
}

// trimShard no longer shows what a stream has shown long enough, deletes what nobody needs, and the shard itself when it is
// closed and empty.
func (s *Service) trimShard(ctx context.Context, t *table, id int64) error {
	kept, done := int64(0), false
	err := s.db.Update(ctx, func(tx *kv.Tx) error {
		kept, done = 0, false
		sh, err := shardRows.Get(tx, t.at, t.ID, id)
		if errors.Is(err, record.ErrNotFound) {
			return nil
		} else if err != nil {
			return err
		}
		trim, keep, err := t.horizons(tx, sh, s.now())
		if err != nil {
			return err
		}
		done = !sh.Closed.IsZero() && keep > sh.Last && sh.Closed.Before(t.keepFrom(s.now()))
		if trim == sh.Trim && keep == sh.Kept && !done {
			return nil
		}
		sh.Trim, sh.Kept, kept = trim, keep, keep
		return shardRows.Put(tx, t.at, sh)
	})
	if err != nil || kept == 0 {
		return err
	}
	if err := s.clearRange(ctx, kv.Range{From: t.changes(id), To: t.changes(id).With(kept)}); err != nil || !done {
		return err
	}
	return s.db.Update(ctx, func(tx *kv.Tx) error { // nothing is left that only this row tells of
		err := shardRows.Delete(tx, t.at, t.ID, id)
		if errors.Is(err, record.ErrNotFound) {
			return nil
		}
		return errors.Join(err, tx.Delete(t.counterRow(id)))
	})
}

// horizons are the first changes of a shard that are shown and that are stored.
func (t *table) horizons(tx *kv.Tx, sh *shard, now time.Time) (trim, keep int64, err error) {
	last := sh.Last
	if sh.Closed.IsZero() {
		c, err := t.counter(tx, sh.ID)
		if err != nil {
			return 0, 0, err
		}
		last = c.last
	}
	if keep, err = t.firstAt(tx, sh.ID, sh.Kept, last, t.keepFrom(now)); err != nil {
		return 0, 0, err
	}
	trim, err = t.firstAt(tx, sh.ID, max(keep, sh.Trim), last, now.Add(-streamLife))
	return trim, keep, err
}

// dropStreams forgets the table's streams that nobody can read any more.
func (s *Service) dropStreams(ctx context.Context, t *table) error {
	return s.db.Update(ctx, func(tx *kv.Tx) error {
		rows, err := streamRows.All(tx, t.at, "", t.Name)
		if err != nil {
			return err
		}
		for _, r := range rows {
			if r.Table == t.ID && !r.Disabled.IsZero() && s.now().Sub(r.Disabled) > streamLife {
				if err := streamRows.Delete(tx, t.at, r.Name, r.Label); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// dropLog forgets a log of which nothing is left, and before that the last backup of its table.
func (s *Service) dropLog(ctx context.Context, t *table) error {
	return s.db.Update(ctx, func(tx *kv.Tx) error {
		if left, _, err := shardRows.List(tx, t.at, record.Page{Prefix: []any{t.ID}, Limit: 1}); err != nil || len(left) > 0 {
			return err
		}
		if wait, err := s.dropLastBackup(tx, t); err != nil || wait {
			return err
		}
		err := logRows.Delete(tx, record.Scope{}, t.at.Account, t.at.Region, t.ID)
		if errors.Is(err, record.ErrNotFound) {
			return nil
		}
		return err
	})
}

// paces are how far shards were when they were last looked at: a node that forgets them splits a little later.
type paces map[paceOf]counter

type paceOf struct {
	table string
	shard int64
}

// splitBusy splits the open shards that grow fast.
func (s *Service) splitBusy(ctx context.Context, t *table, shards []*shard) error {
	now := s.now()
	for _, sh := range shards {
		key := paceOf{t.ID, sh.ID}
		if !sh.Closed.IsZero() {
			delete(s.paces, key)
			continue
		}
		var at counter
		if err := s.db.View(ctx, func(tx *kv.Tx) (err error) {
			at, err = t.counter(tx, sh.ID)
			return err
		}); err != nil {
			return err
		}
		was, known := s.paces[key]
		s.paces[key] = counter{at.last, now}
		if !known || now.Sub(was.at) <= 0 || float64(at.last-was.last)/now.Sub(was.at).Seconds() < splitRate {
			continue
		}
		if err := s.settle(ctx, t, func(tx *kv.Tx, t *table) error {
			if err := t.split(tx, sh.ID, now); err != nil {
				return err
			}
			return t.save(tx)
		}); err != nil {
			return err
		}
	}
	return nil
}
