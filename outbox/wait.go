package outbox

import (
	"context"
	"errors"
	"time"

	"bothy/kv"
	"bothy/record"
)

// ErrNoMessage says that none came within the time.
var ErrNoMessage = errors.New("outbox: no message")

// floor is how often a waiter looks without having been told: news may be lost with a connection.
const floor = time.Second

// topic is what who waits for messages of an account listens to.
func topic(account string) string { return "outbox/" + account }

// Wait returns the newest message to a recipient that is younger than since (the zero time takes any), waiting for it at
// most timeout (capped at MaxWait), or fails with ErrNoMessage.
func (s *Service) Wait(ctx context.Context, account, to string, since time.Time, timeout time.Duration) (*Message, error) {
	ctx, cancel := context.WithTimeout(ctx, min(timeout, MaxWait))
	defer cancel()
	news, stop := s.cfg.DB.Listen(topic(account))
	defer stop()
	for {
		m, err := s.newest(context.WithoutCancel(ctx), account, to, since)
		if err != nil || m != nil {
			return m, err
		}
		select {
		case <-ctx.Done():
			return nil, ErrNoMessage
		case <-news:
		case <-time.After(floor):
		}
	}
}

func (s *Service) newest(ctx context.Context, account, to string, since time.Time) (m *Message, err error) {
	err = s.cfg.DB.View(ctx, func(tx *kv.Tx) error {
		list, _, err := s.list(tx, record.In(account, ""), Query{To: to, Limit: 1})
		if err == nil && len(list) > 0 && list[0].At.After(since) {
			m = &list[0]
		}
		return err
	})
	return m, err
}
