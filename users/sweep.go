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

// Sweep finishes deletions of pools that were interrupted, and rotates keys that are too old. The node calls it now and then; what expires (sessions, codes,
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
	return s.rotateOld(ctx, account)
}

// purge removes what belonged to a deleted pool, batch by batch, and last the note that it is to be done.
func (s *Service) purge(ctx context.Context, account, poolID string) error {
	in := inPool(account, poolID)
	for _, some := range []remover{
		ofPool(&members, in, ""),
		ofPool(&people, in, ""),
		ofPool(&groups, in, ""),
		ofPool(&sessions, in, ""),
		ofPool(&codes, in, ""),
		ofPool(&guesses, in, ""),
		ofPool(&totps, in, ""),
		ofPool(&devices, in, ""),
		ofPool(&turns, in, ""),
		ofPool(&failures, in, ""),
		ofPool(&usedOnce, in, ""),
		ofPool(&resourceServers, in, ""),
		ofPool(&customizations, in, ""),
		ofPool(&brandings, in, ""),
		ofPool(&termsTable, in, ""),
		ofPool(&assets, in, ""),
		ofPool(&authCodes, in, ""),
		ofPool(&browsers, in, ""),
		ofPool(&journeys, in, ""),
		ofPool(&domains, everywhere(account), "pool"),
		ofPool(&pasts, in, ""),
		ofPool(&risks, in, ""),
		ofPool(&loggings, in, ""),
		ofPool(&events, in, ""),
		ofPool(&jobs, in, ""),
		func(ctx context.Context, s *Service, poolID string) (int, error) {
			return 0, s.dropUploads(ctx, in, poolID)
		},
		ofPool(&rounds, in, ""),
		ofPool(&passkeys, in, ""),
		ofPool(&ceremonies, in, ""),
		ofPool(&providers, in, ""),
		ofPool(&clients, everywhere(account), "pool"),
	} {
		for n := sweepBatch; n == sweepBatch; {
			var err error
			if n, err = some(ctx, s, poolID); err != nil {
				return err
			}
		}
	}
	return s.update(ctx, func(tx *kv.Tx) error { return ignoreAbsent(dooms.Delete(tx, everywhere(account), poolID)) })
}

// remover removes one batch of a pool's rows and returns how many there were.
type remover func(ctx context.Context, s *Service, poolID string) (int, error)

// ofPool removes from a table whose keys, or those of the index, begin with the pool.
func ofPool[T any](t *record.Table[T], in record.Scope, index string) remover {
	return func(ctx context.Context, s *Service, poolID string) (int, error) {
		return removeSome(ctx, s, t, in, index, poolID)
	}
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
