package node

import (
	"context"
	"encoding/json"
	"errors"
	"hash/fnv"
	"log/slog"
	"sync"
	"time"

	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

// refusals makes what one node refused known to all that share the store, for `bothy why` on any of them. They are a diagnosis:
// written behind, some at a time, into a fixed number of rows, of which a new one takes an old one's place. So a stranger who
// is refused as fast as he can send fills neither memory nor disk, and slows nobody down.
type refusals struct {
	db      *kv.DB
	sealer  *record.Sealer
	account func() string
	log     *slog.Logger

	mu      sync.Mutex
	waiting []wire.Trace // guarded by mu
}

const (
	refusalSlots = 4096
	refusalLife  = time.Hour
	refusalFlush = time.Second
	maxRefusals  = 256 // written in one flush; what else comes in that second stays known to this node alone
)

// refusal is a row: a trace, sealed for its request id.
type refusal struct {
	Slot    int
	Sealed  []byte
	Expires time.Time
}

var refusalRows = record.Table[refusal]{
	Name: "node.refusal", Version: 1, Key: func(r *refusal) []any { return []any{r.Slot} }, Expires: func(r *refusal) time.Time { return r.Expires },
}

func refusalPlace(requestID string) string { return "node.refusal/" + requestID }

func refusalSlot(requestID string) int {
	h := fnv.New32a()
	h.Write([]byte(requestID)) //nolint:errcheck // never fails (hash)
	return int(h.Sum32() % refusalSlots)
}

// hear takes a refusal to be written soon.
func (r *refusals) hear(t wire.Trace) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.waiting) < maxRefusals {
		r.waiting = append(r.waiting, t)
	}
}

// run writes what waits until ctx ends.
func (r *refusals) run(ctx context.Context) {
	tick := time.NewTicker(refusalFlush)
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
		if err := r.flush(context.WithoutCancel(ctx)); err != nil {
			r.log.Warn("refusals are known to this node alone", "error", err)
		}
	}
}

func (r *refusals) flush(ctx context.Context) error {
	r.mu.Lock()
	some := r.waiting
	r.waiting = nil
	r.mu.Unlock()
	if len(some) == 0 {
		return nil
	}
	rows := make([]*refusal, len(some))
	for i, t := range some {
		body, err := json.Marshal(t)
		if err != nil {
			return err
		}
		rows[i] = &refusal{refusalSlot(t.RequestID), r.sealer.Seal(refusalPlace(t.RequestID), body), t.Time.Add(refusalLife)}
	}
	return r.db.Update(ctx, func(tx *kv.Tx) error {
		for _, row := range rows {
			if err := refusalRows.Put(tx, record.In(r.account(), ""), row); err != nil {
				return err
			}
		}
		return nil
	})
}

// find returns a refusal that some node wrote, nil when there is none of the id, or none any more.
func (r *refusals) find(ctx context.Context, requestID string) (*wire.Trace, error) {
	var row *refusal
	err := r.db.View(ctx, func(tx *kv.Tx) (err error) {
		row, err = refusalRows.Get(tx, record.In(r.account(), ""), refusalSlot(requestID))
		return err
	})
	if errors.Is(err, record.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	body, err := r.sealer.Open(refusalPlace(requestID), row.Sealed)
	if err != nil {
		return nil, nil // another request's
	}
	t := new(wire.Trace)
	return t, json.Unmarshal(body, t)
}
