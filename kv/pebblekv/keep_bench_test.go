package pebblekv_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"bothy/kv"
	"bothy/kv/pebblekv"
)

// BenchmarkKeepLog compares durable writes of 16 writers with and without a kept log, in turns; "ratio" is kept by not kept.
func BenchmarkKeepLog(b *testing.B) {
	var stores [2]*kv.DB
	for i, keep := range []time.Duration{0, time.Hour} {
		e, err := pebblekv.Open(b.TempDir(), pebblekv.Options{KeepLog: keep})
		if err != nil {
			b.Fatal(err)
		}
		stores[i] = kv.New(e)
		defer e.Close() //nolint:errcheck // a benchmark's
	}
	var done [2]atomic.Int64
	value := make([]byte, 300)
	for b.Loop() {
		for i, db := range stores {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			var wg sync.WaitGroup
			for w := range 16 {
				wg.Go(func() {
					for n := 0; ctx.Err() == nil; n++ {
						if db.Update(ctx, func(tx *kv.Tx) error { return tx.Set(kv.K(fmt.Sprintf("%d-%d", w, n)), value) }) == nil {
							done[i].Add(1)
						}
					}
				})
			}
			wg.Wait()
			cancel()
		}
	}
	b.ReportMetric(float64(done[1].Load())/float64(done[0].Load()), "ratio")
	b.ReportMetric(float64(done[1].Load())/float64(b.N), "writes/s")
}
