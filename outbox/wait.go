package outbox

import (
	"context"
	"errors"
	"sync"
	"time"

	"bothy/kv"
	"bothy/record"
)

// ErrNoMessage says that none came within the time.
var ErrNoMessage = errors.New("outbox: no message")

// settle is how long a waiter looks again after a hint: the hint comes before the sender's commit. floor is how often it
// looks without one: another node may have written.
const (
	settle = 2 * time.Second
	floor  = time.Second
)

// Wait returns the newest message to a recipient that is younger than since (the zero time takes any), waiting for it at
// most timeout (capped at MaxWait), or fails with ErrNoMessage.
func (s *Service) Wait(ctx context.Context, account, to string, since time.Time, timeout time.Duration) (*Message, error) {
	ctx, cancel := context.WithTimeout(ctx, min(timeout, MaxWait))
	defer cancel()
	pause := floor
	var hurry time.Duration // left of settle
	for {
		woken := s.wake.wait()
		m, err := s.newest(context.WithoutCancel(ctx), account, to, since)
		if err != nil || m != nil {
			return m, err
		}
		if hurry > 0 {
			hurry, pause = hurry-pause, min(2*pause, floor)
		} else {
			pause = floor
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil, ErrNoMessage
		case <-woken:
			timer.Stop()
			hurry, pause = settle, time.Millisecond
			if err := sleep(ctx, pause); err != nil {
				return nil, ErrNoMessage
			}
		case <-timer.C:
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
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

// signal wakes everyone who waits. The zero value is ready.
type signal struct {
	mu sync.Mutex
	ch chan struct{} // closed by raise; guarded by mu
}

// wait is a channel that the next raise closes.
func (g *signal) wait() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ch == nil {
		g.ch = make(chan struct{})
	}
	return g.ch
}

func (g *signal) raise() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ch != nil {
		close(g.ch)
		g.ch = nil
	}
}
