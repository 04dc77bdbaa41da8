package pebblekv

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"bothy/kv"

	"github.com/cockroachdb/pebble/v2"
)

// The benchmarks run the same work on this engine and on bare Pebble (same options, no isolation: the ceiling) in turns, and
// report operations per second of both and their ratio:
//
//	go test -run - -bench . -benchtime 5x ./kv/pebblekv

const (
	benchKeys = 100_000
	benchOps  = 20_000 // per turn
)

func benchKey(i int) []byte {
	return kv.K("000000000001", "eu-west-1", "bench", int64(i)*7919%benchKeys)
}

func benchValue(n uint64) []byte {
	v := make([]byte, 300)
	for i := 0; i < len(v)-8; i += 16 { // half of it does not compress
		binary.LittleEndian.PutUint64(v[i:], rand.Uint64())
	}
	binary.LittleEndian.PutUint64(v, n)
	return v
}

// subject is what is compared: a read, and a read followed by a write.
type subject interface {
	get(key []byte) error
	change(key []byte) error
}

type ours struct{ db *kv.DB }

func (s ours) get(key []byte) error {
	return s.db.View(context.Background(), func(tx *kv.Tx) error { _, err := tx.Get(key); return err })
}

func (s ours) change(key []byte) error {
	return s.db.Update(context.Background(), func(tx *kv.Tx) error {
		v, err := tx.Get(key)
		if err != nil {
			return err
		}
		n := uint64(0)
		if v != nil {
			n = binary.LittleEndian.Uint64(v)
		}
		return tx.Set(key, benchValue(n+1))
	})
}

type raw struct{ db *pebble.DB }

func (s raw) read(key []byte) (n uint64, err error) {
	v, closer, err := s.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(v), closer.Close()
}

func (s raw) get(key []byte) error { _, err := s.read(key); return err }

func (s raw) change(key []byte) error {
	n, err := s.read(key)
	if err != nil {
		return err
	}
	return s.db.Set(key, benchValue(n+1), pebble.Sync)
}

// stores opens both, filled alike.
func stores(b *testing.B) (a ours, p raw) {
	b.Helper()
	o := Options{CacheBytes: 128 << 20, MemTableBytes: 32 << 20}.withDefaults()
	e, err := Open(b.TempDir(), o)
	if err != nil {
		b.Fatal(err)
	}
	cache := pebble.NewCache(o.CacheBytes)
	defer cache.Unref()
	db, err := pebble.Open(b.TempDir(), o.pebble(cache))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _, _ = e.Close(), db.Close() })
	for _, d := range []*pebble.DB{e.store.db, db} {
		batch := d.NewBatch()
		for i := range benchKeys {
			_ = batch.Set(benchKey(i), benchValue(0), nil)
		}
		if err := errors.Join(batch.Commit(pebble.Sync), d.Flush()); err != nil {
			b.Fatal(err)
		}
	}
	e.store.durable.Swap(newSnapshot(e.store.db, 0)).release()
	return ours{kv.New(e)}, raw{db}
}

func spread(b *testing.B, workers, ops int, do func(r *rand.Rand) error) time.Duration {
	b.Helper()
	begin := time.Now()
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(w), uint64(begin.UnixNano())))
			for range ops / workers {
				if err := do(r); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	return time.Since(begin)
}

// compare runs both in turns.
func compare(b *testing.B, workers, ops int, do func(s subject, r *rand.Rand) error) {
	mine, bare := stores(b)
	var tMine, tBare time.Duration
	for b.Loop() {
		tMine += spread(b, workers, ops, func(r *rand.Rand) error { return do(mine, r) })
		tBare += spread(b, workers, ops, func(r *rand.Rand) error { return do(bare, r) })
	}
	done := float64(b.N * (ops / workers) * workers)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(done/tMine.Seconds(), "ops/s")
	b.ReportMetric(done/tBare.Seconds(), "raw-ops/s")
	b.ReportMetric(tBare.Seconds()/tMine.Seconds(), "of-raw")
}

func BenchmarkGet(b *testing.B) {
	compare(b, 16, 10*benchOps, func(s subject, r *rand.Rand) error { return s.get(benchKey(r.IntN(benchKeys))) })
}

func BenchmarkUpdate(b *testing.B) {
	for _, workers := range []int{1, 16, 64, 256} {
		b.Run(fmt.Sprintf("writers=%d", workers), func(b *testing.B) {
			ops := benchOps
			if workers == 1 {
				ops /= 10
			}
			compare(b, workers, ops, func(s subject, r *rand.Rand) error { return s.change(benchKey(r.IntN(benchKeys))) })
		})
	}
}

// BenchmarkHotKey: bare Pebble loses updates here; the ratio says what keeping them costs.
func BenchmarkHotKey(b *testing.B) {
	compare(b, 256, benchOps, func(s subject, _ *rand.Rand) error { return s.change(benchKey(0)) })
}

func BenchmarkMostlyReads(b *testing.B) {
	compare(b, 64, 5*benchOps, func(s subject, r *rand.Rand) error {
		key := benchKey(r.IntN(benchKeys))
		if r.IntN(10) == 0 {
			return s.change(key)
		}
		return s.get(key)
	})
}
