package kvtest

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"bothy/kv"
)

// testHistories records concurrent transactions of many kinds and asks for one order of them, true to real time.
func testHistories(t *testing.T, dbs nodes) {
	recorded(t, dbs, func(r *Recorder) error {
		r.Run(context.Background(), dbs, 6, 60)
		return r.Check(dbs.at(int(r.clock.Load())))
	})
}

// testSingleKeys records reads, writes and changes of single keys, most of them of the same.
func testSingleKeys(t *testing.T, dbs nodes) {
	recorded(t, dbs, func(r *Recorder) error {
		r.RunSingle(context.Background(), dbs, 12, 40)
		return r.CheckSingle(dbs.at(int(r.clock.Load())))
	})
}

func recorded(t *testing.T, dbs nodes, record func(r *Recorder) error) {
	for range Rounds(1) {
		seed := rand.Uint64()
		if err := record(NewRecorder(seed)); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		clear(t, dbs.at(0))
	}
}

// clear empties the store for another round.
func clear(t *testing.T, db *kv.DB) {
	t.Helper()
	update(t, db, func(tx *kv.Tx) error {
		var all []kv.Key
		err := tx.Scan(kv.Range{}, func(k kv.Key, _ []byte) bool { all = append(all, append(kv.Key{}, k...)); return true })
		for _, k := range all {
			err = errors.Join(err, tx.Delete(k))
		}
		return err
	})
}

// MaxRuns is how often an engine may run one function, however many others write what it reads.
const MaxRuns = 8

var errStarved = errors.New("kvtest: the function ran too often")

// testStarvation: transactions that read everything, slowly, end among many that write the same keys without pause.
func testStarvation(t *testing.T, dbs nodes, maxRuns int64) {
	const readers, writers, keys = 3, 8, 40
	ctx, stop := context.WithCancel(context.Background())
	var commits, reading atomic.Int64
	var most [2]atomic.Int64 // runs of a writer, of a reader
	reading.Store(readers)
	together(t, readers+writers, func(i int) error {
		if i < writers {
			return shortWrites(ctx, dbs.at(i), keys, maxRuns, &commits, &most[0])
		}
		defer func() {
			if reading.Add(-1) == 0 {
				stop()
			}
		}()
		for range Rounds(4) {
			if err := longRead(dbs.at(i), i, keys, maxRuns, &commits, &most[1]); err != nil {
				return err
			}
		}
		return nil
	})
	t.Logf("%d short transactions; at most %d runs of one, %d of a long one", commits.Load(), most[0].Load(), most[1].Load())
}

func shortWrites(ctx context.Context, db *kv.DB, keys int, maxRuns int64, commits, most *atomic.Int64) error {
	for n := 0; ctx.Err() == nil; n++ {
		err := counted(db, maxRuns, most, func(tx *kv.Tx) error {
			k := kv.K("short", n%keys)
			if _, err := tx.Get(k); err != nil {
				return err
			}
			return tx.Set(k, []byte{byte(n)})
		})
		if err != nil {
			return err
		}
		commits.Add(1)
	}
	return nil
}

// longRead reads half of the keys, waits until others have written, and reads the rest.
func longRead(db *kv.DB, i, keys int, maxRuns int64, commits, most *atomic.Int64) error {
	return counted(db, maxRuns, most, func(tx *kv.Tx) error {
		for k := range keys / 2 {
			if _, err := tx.Get(kv.K("short", k)); err != nil {
				return err
			}
		}
		begin, seen := time.Now(), commits.Load()
		for commits.Load() < seen+3 && time.Since(begin) < 20*time.Millisecond { // nobody commits while it is run alone
			time.Sleep(time.Millisecond)
		}
		if _, err := count(tx, kv.K("short").Range()); err != nil {
			return err
		}
		return tx.Set(kv.K("long", i), []byte{1})
	})
}

// counted is an Update that fails when its function runs more than maxRuns times.
func counted(db *kv.DB, maxRuns int64, most *atomic.Int64, fn func(*kv.Tx) error) error {
	runs := int64(0)
	return db.Update(context.Background(), func(tx *kv.Tx) error {
		runs++
		for old := most.Load(); runs > old && !most.CompareAndSwap(old, runs); old = most.Load() {
		}
		if runs > maxRuns {
			return errStarved
		}
		return fn(tx)
	})
}
