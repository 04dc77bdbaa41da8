package access

import (
	"context"
	"errors"
	"time"

	"bothy/kv"
	"bothy/record"
)

// Lockout of who guesses passwords and one-time codes, as for users of pools: five failures are free, then each doubles the wait from one
// second up to a quarter of an hour.
const (
	freeFailures = 5
	longestWait  = 15 * time.Minute
)

// attemptRow counts the tries of one subject since the last that went well.
type attemptRow struct {
	Subject string // "password/NAME", "code/AIDA…", "code/ARN of a device"
	Tries   int
	Until   time.Time // no further try before
	Expires time.Time
}

func attempts() *record.Table[attemptRow] {
	return &record.Table[attemptRow]{
		Name: "access.attempt", Version: 1, Key: func(r *attemptRow) []any { return []any{r.Subject} },
		Expires: func(r *attemptRow) time.Time { return r.Expires },
	}
}

// errLocked says that a subject has to wait.
var errLocked = errors.New("access: too many failures")

// begin counts a try before it is made, so that many at once are no way around the wait; it fails while the subject has to wait.
func (s *Service) begin(ctx context.Context, account, subject string) error {
	return s.cfg.DB.Update(ctx, func(tx *kv.Tx) error {
		now := s.cfg.Now()
		r, err := attempts().Get(tx, of(account), subject)
		if errors.Is(err, record.ErrNotFound) || err == nil && now.After(r.Expires) {
			r, err = &attemptRow{Subject: subject}, nil
		}
		if err != nil {
			return err
		}
		if now.Before(r.Until) {
			return errLocked
		}
		r.Tries++
		r.Until = now
		if over := r.Tries - freeFailures; over >= 0 {
			r.Until = now.Add(min(time.Second<<min(over, 20), longestWait))
		}
		r.Expires = r.Until.Add(longestWait)
		return attempts().Put(tx, of(account), r)
	})
}

// forget starts the count anew: a try went well.
func forget(tx *kv.Tx, account, subject string) error {
	err := attempts().Delete(tx, of(account), subject)
	return or(err, nil)
}
