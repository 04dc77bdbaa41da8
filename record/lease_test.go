package record_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"bothy/kv"
	"bothy/kv/memkv"
	"bothy/record"
)

// TestLease: of several nodes one works; when it ends another goes on, when it dies another takes over after the term, and one
// that is cut off stops before another begins.
func TestLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &mortal{Engine: memkv.New()}
		var working atomic.Int64
		var last atomic.Value
		work := func(name string) func(context.Context) {
			return func(ctx context.Context) {
				if n := working.Add(1); n != 1 {
					t.Errorf("%d work at once", n)
				}
				last.Store(name)
				<-ctx.Done()
				working.Add(-1)
			}
		}
		first, endFirst := context.WithCancel(t.Context())
		go (&record.Lease{DB: kv.New(m.Engine), Name: "chores"}).Run(first, work("first"))
		synctest.Wait()
		go (&record.Lease{DB: kv.New(m), Name: "chores"}).Run(t.Context(), work("second"))
		go (&record.Lease{DB: kv.New(m.Engine), Name: "others"}).Run(t.Context(), func(ctx context.Context) { <-ctx.Done() })
		time.Sleep(time.Hour)
		if last.Load() != "first" {
			t.Errorf("%v works", last.Load())
		}
		endFirst()
		time.Sleep(10 * time.Second)
		if last.Load() != "second" || working.Load() != 1 {
			t.Errorf("after the first gave it back %v works", last.Load())
		}
		go (&record.Lease{DB: kv.New(m.Engine), Name: "chores"}).Run(t.Context(), work("third"))
		time.Sleep(time.Minute)
		if last.Load() != "second" {
			t.Errorf("%v works", last.Load())
		}
		m.dead.Store(true)
		time.Sleep(41 * time.Second)
		if last.Load() != "third" || working.Load() != 1 {
			t.Errorf("after the second died %v works", last.Load())
		}
	})
}

// TestLeaseAgain: work that returns by itself is begun again.
func TestLeaseAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		n := 0
		(&record.Lease{DB: kv.New(memkv.New()), Name: "short"}).Run(ctx, func(context.Context) {
			if n++; n == 3 {
				cancel()
			}
		})
		if n != 3 {
			t.Errorf("%d times", n)
		}
	})
}
