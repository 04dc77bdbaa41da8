package users

import (
	"context"

	"bothy/kv"
	"bothy/record"
)

const sweepBatch = 500

// doomed is a deleted pool whose users and clients are still being removed.
type doomed struct{ Pool string }

var dooms = record.Table[doomed]{Name: "users.doomed", Version: 1, Key: func(d *doomed) []any { return []any{d.Pool} }}

// Sweep finishes deletions of pools that were interrupted. The node calls it now and then; what expires (sessions, codes,
// answered challenges, failure counts) goes by record.SweepExpired.
func (s *Service) Sweep(ctx context.Context) error {
	account := s.cfg.Account()
	var left []*doomed
	if err := s.view(ctx, func(tx *kv.Tx) (err error) {
		left, err = dooms.All(tx, everywhere(account), "")
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

// purge removes what belonged to a deleted pool, batch by batch, and last the note that it is to be done.
func (s *Service) purge(ctx context.Context, account, poolID string) error {
	in := inPool(account, poolID)
	for _, some := range []func() (int, error){
		func() (int, error) { return removeSome(ctx, s, &members, in, "", poolID) },
		func() (int, error) { return removeSome(ctx, s, &people, in, "", poolID) },
		func() (int, error) { return removeSome(ctx, s, &groups, in, "", poolID) },
		func() (int, error) { return removeSome(ctx, s, &sessions, in, "", poolID) },
		func() (int, error) { return removeSome(ctx, s, &codes, in, "", poolID) },
		func() (int, error) { return removeSome(ctx, s, &failures, in, "", poolID) },
		func() (int, error) { return removeSome(ctx, s, &usedOnce, in, "", poolID) },
		func() (int, error) { return removeSome(ctx, s, &clients, everywhere(account), "pool", poolID) },
	} {
		for n := sweepBatch; n == sweepBatch; {
			var err error
			if n, err = some(); err != nil {
				return err
			}
		}
	}
	return s.update(ctx, func(tx *kv.Tx) error { return ignoreAbsent(dooms.Delete(tx, everywhere(account), poolID)) })
}

// removeSome removes one batch of rows and returns how many there were.
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
