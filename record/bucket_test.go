package record_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"bothy/kv"
	"bothy/kv/memkv"
	"bothy/record"
)

var limit = record.Limit{PerSecond: 5, Burst: 500}

// counted counts the writes of an engine.
type counted struct {
	kv.Engine
	updates atomic.Int64
}

func (c *counted) Update(ctx context.Context, fn func(kv.Txn) error) error {
	c.updates.Add(1)
	return c.Engine.Update(ctx, fn)
}

func granted(t *testing.T, b *record.Brake, key string, now time.Time, tries int) (n int) {
	t.Helper()
	for range tries {
		ok, err := b.Take(t.Context(), key, limit, now)
		if err != nil {
			t.Fatal(err)
		}
		if ok {
			n++
		}
	}
	return n
}

// TestBrake: nodes together stay within the stated bound, at once and in the long run, and most requests cost no write.
func TestBrake(t *testing.T) {
	const nodes, lot = 3, 5
	engine := &counted{Engine: memkv.New()}
	db := kv.New(engine)
	var brakes [nodes]*record.Brake
	for i := range brakes {
		brakes[i] = &record.Brake{DB: db}
	}
	now := time.Unix(1_700_000_000, 0)
	total := 0
	for range 500 {
		for _, b := range brakes {
			total += granted(t, b, "stranger", now, 1)
		}
	}
	if total < 500 || total > 500+nodes*lot {
		t.Errorf("%d granted at once", total)
	}
	if n := engine.updates.Load(); n > 500/lot+nodes {
		t.Errorf("%d transactions for %d requests", n, 500*nodes)
	}
	if n := granted(t, brakes[0], "another", now, 10); n != 10 {
		t.Errorf("another got %d", n)
	}
	const seconds = 100
	total = 0
	for s := range seconds {
		for _, b := range brakes {
			total += granted(t, b, "stranger", now.Add(time.Duration(s)*time.Second), 20)
		}
	}
	if total < 5*(seconds-1) || total > 5*seconds*13/10 {
		t.Errorf("%d granted in %d seconds", total, seconds)
	}
	if n, err := record.SweepExpired(t.Context(), db, now.Add(time.Hour), 10); n != 2 || err != nil {
		t.Errorf("%d rows expired, %v", n, err)
	}
	if n := pairs(t, db); n != 0 {
		t.Errorf("%d rows are left", n)
	}
}

// TestBrakeLittle: who does little costs nothing.
func TestBrakeLittle(t *testing.T) {
	engine := &counted{Engine: memkv.New()}
	b := &record.Brake{DB: kv.New(engine)}
	now := time.Unix(1_700_000_000, 0)
	for i := range 100 {
		if granted(t, b, "somebody", now.Add(time.Duration(i)*2*time.Second), 1) != 1 {
			t.Errorf("request %d was refused", i)
		}
	}
	if n := engine.updates.Load(); n != 0 {
		t.Errorf("%d transactions", n)
	}
}

// TestBrakeManyAtOnce: requests that come together do not share a grant.
func TestBrakeManyAtOnce(t *testing.T) {
	db := kv.New(memkv.New())
	now := time.Unix(1_700_000_000, 0)
	var n atomic.Int64
	var wg sync.WaitGroup
	for range 2 {
		b := &record.Brake{DB: db}
		for range 8 {
			wg.Go(func() { n.Add(int64(granted(t, b, "stranger", now, 100))) })
		}
	}
	wg.Wait()
	if got := n.Load(); got < 500 || got > 510 {
		t.Errorf("%d granted", got)
	}
}
