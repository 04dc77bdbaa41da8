package oidc

import (
	"context"
	"sync"
	"time"
)

// held is something a provider publishes. It is asked for once at a time, again when it got old or does not have what is looked
// for, and never more often than every respite: strangers choose the key ids in tokens.
type held[T any] struct {
	fetch func(context.Context) (T, error)
	now   func() time.Time

	once sync.Once
	turn chan struct{} // holds one token: who has it may fetch

	mu    sync.RWMutex
	value T
	at    time.Time // when value was had; zero: never
	tried time.Time
	err   error // of the last try
}

func (h *held[T]) look() (value T, age time.Duration, have bool) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.value, h.now().Sub(h.at), !h.at.IsZero()
}

// get returns the value, in which has is true if at all possible. While a value is old but serves, only one caller waits for a new
// one, and not again before the next pause: a provider that hangs must not hold up everybody.
func (h *held[T]) get(ctx context.Context, has func(T) bool) (T, error) {
	v, age, have := h.look()
	if have && age < fresh && has(v) {
		return v, nil
	}
	serves := have && age < stale && has(v)
	if !h.take(ctx, serves) {
		return v, ctx.Err()
	}
	defer func() { <-h.turn }()
	pause := respite
	if serves {
		pause = leisure
	}
	if h.tried.IsZero() || h.now().Sub(h.tried) >= pause {
		h.renew(ctx)
	}
	v, age, have = h.look()
	if have && age < stale && (has(v) || h.err == nil) {
		return v, nil
	}
	return v, h.err
}

// take waits for the turn to fetch; false when it did not come. Who is served already does not wait.
func (h *held[T]) take(ctx context.Context, serves bool) bool {
	h.once.Do(func() { h.turn = make(chan struct{}, 1) })
	select {
	case h.turn <- struct{}{}:
		return true
	default:
	}
	if serves {
		return false
	}
	select {
	case h.turn <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

// renew fetches. That one caller went away is no reason to fail the others.
func (h *held[T]) renew(ctx context.Context) {
	v, err := h.fetch(context.WithoutCancel(ctx))
	h.mu.Lock()
	defer h.mu.Unlock()
	h.tried, h.err = h.now(), err
	if err == nil {
		h.value, h.at = v, h.tried
	}
}
