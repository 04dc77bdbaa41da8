package record_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"bothy/kv"
	"bothy/kv/memkv"
	"bothy/record"
)

func enqueue(t *testing.T, db *kv.DB, kind string, due time.Time, payload string) {
	t.Helper()
	update(t, db, func(tx *kv.Tx) error { return record.Enqueue(tx, here, kind, due, []byte(payload)) })
}

func pairs(t *testing.T, db *kv.DB) (n int) {
	t.Helper()
	view(t, db, func(tx *kv.Tx) error {
		n = 0
		return tx.Scan(kv.Range{}, func(kv.Key, []byte) bool { n++; return true })
	})
	return n
}

func TestQueueOrder(t *testing.T) {
	db := kv.New(memkv.New())
	now := time.Unix(1_700_000_000, 0)
	enqueue(t, db, "mail", now.Add(2), "second")
	enqueue(t, db, "mail", now.Add(1), "first")
	enqueue(t, db, "mail", now.Add(time.Hour), "not yet")
	enqueue(t, db, "sms", now, "another kind")
	var got []string
	w := record.Worker{DB: db, Kind: "mail", Now: func() time.Time { return now.Add(time.Minute) }, Handle: func(_ context.Context, j record.Job) error {
		if j.Scope != here || j.Kind != "mail" || j.Attempts != 1 {
			t.Errorf("job %+v", j)
		}
		got = append(got, string(j.Payload))
		return nil
	}}
	for range 3 {
		if _, err := w.RunOne(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(got, []string{"first", "second"}) {
		t.Errorf("handled %q", got)
	}
	if n := pairs(t, db); n != 2 {
		t.Errorf("%d rows are left", n)
	}
}

// TestQueueRetries: a failing job comes back after growing delays, and is given up with its last error.
func TestQueueRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := kv.New(memkv.New())
		ctx, cancel := context.WithCancel(t.Context())
		begin := time.Now()
		enqueue(t, db, "mail", begin, "x")
		var at []time.Duration
		done := make(chan struct{})
		w := record.Worker{DB: db, Kind: "mail", Now: time.Now, Attempts: 5, Poll: time.Second, Handle: func(context.Context, record.Job) error {
			at = append(at, time.Since(begin).Round(time.Second))
			if len(at) == 2 {
				panic("ours")
			}
			return fmt.Errorf("attempt %d", len(at))
		}}
		go func() { defer close(done); w.Run(ctx) }()
		time.Sleep(time.Hour)
		cancel()
		<-done
		if len(at) != 5 || !slices.IsSorted(at) || at[4]-at[3] < 8*time.Second || at[1]-at[0] > 3*time.Second {
			t.Errorf("attempts at %v", at)
		}
		view(t, db, func(tx *kv.Tx) error {
			lost, err := record.Failed(tx, "mail", 10)
			if len(lost) != 1 || lost[0].Error != "attempt 5" || lost[0].Attempts != 5 || string(lost[0].Payload) != "x" {
				t.Errorf("given up: %+v", lost)
			}
			return err
		})
	})
}

// mortal is an engine whose writes fail from a moment on: the node that uses it is dead, or cut off.
type mortal struct {
	kv.Engine
	dead atomic.Bool
}

func (m *mortal) Update(ctx context.Context, fn func(kv.Txn) error) error {
	if m.dead.Load() {
		return errors.New("dead")
	}
	return m.Engine.Update(ctx, fn)
}

// TestQueueLease: while a job is handled nobody else has it, however long that takes; when its worker dies, another gets it
// after the lease, and a worker that is only cut off is told.
func TestQueueLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &mortal{Engine: memkv.New()}
		db := kv.New(m.Engine)
		enqueue(t, db, "mail", time.Now(), "x")
		hangs, ended, told := make(chan struct{}), make(chan struct{}), make(chan struct{})
		first := record.Worker{DB: kv.New(m), Kind: "mail", Now: time.Now, Timeout: time.Hour, Lease: 10 * time.Second, Handle: func(ctx context.Context, _ record.Job) error {
			<-ctx.Done()
			close(told)
			<-hangs
			return nil
		}}
		go func() { defer close(ended); _, _ = first.RunOne(t.Context()) }()
		synctest.Wait()
		handled := 0
		second := record.Worker{DB: db, Kind: "mail", Now: time.Now, Handle: func(_ context.Context, j record.Job) error {
			if handled++; j.Attempts != 2 {
				t.Errorf("job %+v", j)
			}
			return nil
		}}
		for range 10 {
			if worked, err := second.RunOne(t.Context()); worked || err != nil {
				t.Errorf("took a leased job: %v", err)
			}
			time.Sleep(11 * time.Second)
		}
		m.dead.Store(true)
		time.Sleep(11 * time.Second)
		<-told
		if worked, err := second.RunOne(t.Context()); !worked || err != nil || handled != 1 {
			t.Errorf("after the lease: %v, %v, handled %d", worked, err, handled)
		}
		close(hangs)
		<-ended
	})
}

// TestQueueTimeout: an attempt ends in time.
func TestQueueTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := kv.New(memkv.New())
		enqueue(t, db, "mail", time.Now(), "x")
		w := record.Worker{DB: db, Kind: "mail", Now: time.Now, Timeout: time.Second, Handle: func(ctx context.Context, _ record.Job) error {
			<-ctx.Done()
			if ctx.Err() != context.DeadlineExceeded {
				t.Errorf("context ended with %v", ctx.Err())
			}
			return nil
		}}
		if worked, err := w.RunOne(t.Context()); !worked || err != nil {
			t.Errorf("%v, %v", worked, err)
		}
	})
}

// TestQueueOverrun: a handler that comes back after its lease does not take the job from the one who has it now.
func TestQueueOverrun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &mortal{Engine: memkv.New()}
		db := kv.New(m.Engine)
		enqueue(t, db, "mail", time.Now(), "x")
		slow := record.Worker{DB: kv.New(m), Kind: "mail", Now: time.Now, Lease: time.Second, Handle: func(ctx context.Context, _ record.Job) error {
			m.dead.Store(true)
			<-ctx.Done()
			time.Sleep(time.Second)
			m.dead.Store(false)
			return errors.New("too late") // were it still its job, it would come back
		}}
		done := make(chan struct{})
		go func() { defer close(done); _, _ = slow.RunOne(t.Context()) }()
		time.Sleep(1500 * time.Millisecond)
		other := record.Worker{DB: db, Kind: "mail", Now: time.Now, Handle: func(context.Context, record.Job) error {
			<-done
			if pairs(t, db) != 1 {
				t.Error("the late one changed the queue")
			}
			return nil
		}}
		if worked, err := other.RunOne(t.Context()); !worked || err != nil {
			t.Errorf("%v, %v", worked, err)
		}
		if n := pairs(t, db); n != 0 {
			t.Errorf("%d rows are left", n)
		}
	})
}

// TestQueueWorkers: several workers share the work and do each piece once; what a handler enqueues is done too.
func TestQueueWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := kv.New(memkv.New())
		ctx, cancel := context.WithCancel(t.Context())
		for i := range 40 {
			enqueue(t, db, "mail", time.Now(), fmt.Sprint(i))
		}
		var mu sync.Mutex
		seen := map[string]int{}
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				record.Worker{DB: db, Kind: "mail", Now: time.Now, Handle: func(_ context.Context, j record.Job) error {
					mu.Lock()
					seen[string(j.Payload)]++
					mu.Unlock()
					time.Sleep(time.Millisecond)
					if j.Payload[0] != '+' {
						enqueue(t, db, "mail", time.Now(), "+"+string(j.Payload))
					}
					return nil
				}}.Run(ctx)
			})
		}
		time.Sleep(time.Minute)
		cancel()
		wg.Wait()
		if len(seen) != 80 {
			t.Errorf("%d pieces done, want 80", len(seen))
		}
		for p, n := range seen {
			if n != 1 {
				t.Errorf("%s done %d times", p, n)
			}
		}
	})
}

// TestQueueWake: who enqueues wakes an idle worker.
func TestQueueWake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := kv.New(memkv.New())
		ctx, cancel := context.WithCancel(t.Context())
		handled, done := make(chan time.Time, 1), make(chan struct{})
		go func() {
			defer close(done)
			record.Worker{DB: db, Kind: "mail", Now: time.Now, Poll: time.Hour, Handle: func(context.Context, record.Job) error {
				handled <- time.Now()
				return nil
			}}.Run(ctx)
		}()
		synctest.Wait()
		begin := time.Now()
		enqueue(t, db, "mail", begin, "x")
		if at := <-handled; at.Sub(begin) > time.Minute {
			t.Errorf("handled after %v", at.Sub(begin))
		}
		cancel()
		<-done
	})
}
