package users

import (
	"context"
	"time"

	"bothy/kv"
	"bothy/record"
)

const sweepBatch = 500

// Sweep removes what has expired (sessions, codes, answered challenges, failure counts) and finishes deletions of pools. The
// node calls it now and then; it returns when nothing is left to remove.
func (s *Service) Sweep(ctx context.Context) error {
	account, now := s.cfg.Account(), s.cfg.Now()
	for _, some := range []func() (int, error){
		func() (int, error) { return expired(ctx, s, &sessions, account, now) },
		func() (int, error) { return expired(ctx, s, &usedOnce, account, now) },
		func() (int, error) { return expired(ctx, s, &failures, account, now) },
		func() (int, error) { return expired(ctx, s, &codes, account, now) },
	} {
		for n := sweepBatch; n == sweepBatch; {
			var err error
			if n, err = some(); err != nil {
				return err
			}
		}
	}
	var left []*doomed
	if err := s.view(ctx, func(tx *kv.Tx) (err error) {
		left, err = list(tx, &dooms, everywhere(account), "")
		return err
	}); err != nil {
		return err
	}
	for _, d := range left {
		if err := s.purge(ctx, account, d.Pool); err != nil {
			return err
		}
	}
	return nil
}

// expired removes one batch of rows whose time is over. The index "expires" lists the oldest first.
func expired[T interface{ ends() time.Time }](ctx context.Context, s *Service, t *record.Table[T], account string, now time.Time) (n int, err error) {
	err = s.update(ctx, func(tx *kv.Tx) error {
		n = 0
		rows, _, err := t.List(tx, everywhere(account), record.Page{Index: "expires", Limit: sweepBatch})
		if err != nil {
			return err
		}
		for _, r := range rows {
			if now.Before((*r).ends()) {
				break
			}
			if err := t.Delete(tx, everywhere(account), t.Key(r)...); err != nil {
				return err
			}
			n++
		}
		return nil
	})
	return n, err
}

func (s session) ends() time.Time  { return s.Expires }
func (u used) ends() time.Time     { return u.Expires }
func (a attempts) ends() time.Time { return a.Expires }
func (k code) ends() time.Time     { return k.Expires }

// purge removes what belonged to a deleted pool, batch by batch, and last the note that it is to be done.
func (s *Service) purge(ctx context.Context, account, poolID string) error {
	in, all := inPool(account, poolID), everywhere(account)
	for _, some := range []func() (int, error){
		func() (int, error) { return removeSome(ctx, s, &members, in, "", poolID) },
		func() (int, error) { return removeSome(ctx, s, &people, in, "", poolID) },
		func() (int, error) { return removeSome(ctx, s, &groups, in, "", poolID) },
		func() (int, error) { return removeSome(ctx, s, &sessions, all, "", poolID) },
		func() (int, error) { return removeSome(ctx, s, &codes, all, "", poolID) },
		func() (int, error) { return removeSome(ctx, s, &failures, all, "", poolID) },
		func() (int, error) { return removeSome(ctx, s, &clients, all, "pool", poolID) },
	} {
		for n := sweepBatch; n == sweepBatch; {
			var err error
			if n, err = some(); err != nil {
				return err
			}
		}
	}
	return s.update(ctx, func(tx *kv.Tx) error {
		if err := dooms.Delete(tx, all, poolID); err != nil && !absent(err) {
			return err
		}
		return nil
	})
}

func removeSome[T any](ctx context.Context, s *Service, t *record.Table[T], scope record.Scope, index string, prefix ...any) (n int, err error) {
	err = s.update(ctx, func(tx *kv.Tx) error {
		rows, _, err := t.List(tx, scope, record.Page{Index: index, Prefix: prefix, Limit: sweepBatch})
		n = len(rows)
		for _, r := range rows {
			if err := t.Delete(tx, scope, t.Key(r)...); err != nil {
				return err
			}
		}
		return err
	})
	return n, err
}
