package outbox

import (
	"context"
	"errors"
	"time"

	"bothy/kv"
	"bothy/record"
)

// Prune removes what is older than MaxAge and all but the newest MaxMessages of an account, in bounded steps. Node calls it
// from time to time; it may run on several nodes at once.
func (s *Service) Prune(ctx context.Context, account string) (removed int, err error) {
	oldest, err := s.cut(ctx, account)
	if err != nil {
		return 0, err
	}
	for {
		n := 0
		err := s.cfg.DB.Update(ctx, func(tx *kv.Tx) error {
			n = 0
			scope := record.In(account, "")
			found, _, err := rows.List(tx, scope, record.Page{Limit: 500})
			if err != nil {
				return err
			}
			for _, r := range found {
				if !r.At.Before(oldest) {
					break
				}
				if err := rows.Delete(tx, scope, r.At, r.ID); err != nil && !errors.Is(err, record.ErrNotFound) {
					return err
				}
				n++
			}
			return nil
		})
		if err != nil || n == 0 {
			return removed, err
		}
		removed += n
	}
}

// cut is the time before which messages go.
func (s *Service) cut(ctx context.Context, account string) (oldest time.Time, err error) {
	oldest = s.cfg.Now().Add(-MaxAge)
	err = s.cfg.DB.View(ctx, func(tx *kv.Tx) error {
		page := record.Page{Limit: maxList, Reverse: true}
		for seen := 0; ; {
			found, next, err := rows.List(tx, record.In(account, ""), page)
			if err != nil {
				return err
			}
			if seen += len(found); seen >= MaxMessages && next != "" {
				oldest = latest(oldest, found[len(found)-1].At)
			}
			if next == "" || seen >= MaxMessages {
				return nil
			}
			page.After = next
		}
	})
	return oldest, err
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
