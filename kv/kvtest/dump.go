package kvtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"bothy/kv"
)

// feed gives pairs to Load: n of them, then io.EOF.
func feed(n int) func() (k, v []byte, err error) {
	i := 0
	return func() ([]byte, []byte, error) {
		if i == n {
			return nil, nil, io.EOF
		}
		i++
		return kv.K("loaded", i), bytes.Repeat([]byte{byte(i)}, i%3000), nil // every 3000th is empty
	}
}

func testDumpAndLoad(t *testing.T, db *kv.DB) {
	const n = 12_000 // more than a transaction or a scan may hold
	if err := db.Load(context.Background(), feed(n)); err != nil {
		t.Fatal(err)
	}
	dump := func(meanwhile func()) {
		t.Helper()
		want, i := feed(n), 0
		err := db.Dump(context.Background(), func(k kv.Key, v []byte) error {
			if i++; i == 10 {
				meanwhile()
			}
			wantK, wantV, err := want()
			if err == nil && (!bytes.Equal(k, wantK) || !bytes.Equal(v, wantV)) {
				err = fmt.Errorf("pair %d is %x, %d bytes; want %x, %d bytes", i, []byte(k), len(v), wantK, len(wantV))
			}
			return err
		})
		if err != nil || i != n {
			t.Errorf("dump ended after %d pairs: %v", i, err)
		}
	}
	dump(func() { put(t, db, string(kv.K("loaded", 50)), "new", string(kv.K("loaded", n+1)), "new") })
	update(t, db, func(tx *kv.Tx) error {
		_, v, _ := feed50()
		return errors.Join(tx.Set(kv.K("loaded", 50), v), tx.Delete(kv.K("loaded", n+1)))
	})
	dump(func() {})
	stop := errors.New("stop")
	if err := db.Dump(context.Background(), func(kv.Key, []byte) error { return stop }); err != stop {
		t.Errorf("dump ended with %v", err)
	}
}

// feed50 is the fiftieth pair of feed.
func feed50() (k, v []byte, err error) {
	next := feed(50)
	for range 50 {
		k, v, err = next()
	}
	return k, v, err
}

func testLoadRefusesFull(t *testing.T, db *kv.DB) {
	put(t, db, "a", "1")
	if err := db.Load(context.Background(), feed(1)); !errors.Is(err, kv.ErrNotEmpty) {
		t.Errorf("load into a store with rows: %v", err)
	}
	view(t, db, func(tx *kv.Tx) error {
		wantScan(t, tx, kv.Range{}, "a=1")
		return nil
	})
}

// testNews: who listens hears of a commit, not of a failed or another topic's one, and not after stop.
func testNews(t *testing.T, db *kv.DB) {
	news, stop := db.Listen("jobs")
	heard := func(wait time.Duration) bool {
		select {
		case <-news:
			return true
		case <-time.After(wait):
			return false
		}
	}
	notify := func(topic string, err error) error {
		return db.Update(context.Background(), func(tx *kv.Tx) error {
			return errors.Join(tx.Set(kv.Key("a"), []byte(topic)), tx.Notify(topic), err)
		})
	}
	if err := notify("jobs", nil); err != nil || !heard(10*time.Second) {
		t.Errorf("no news of a commit: %v", err)
	}
	if notify("jobs", errors.New("no")) == nil || notify("other", nil) != nil || heard(50*time.Millisecond) {
		t.Error("news of what did not happen, or of another topic")
	}
	stop()
	if err := notify("jobs", nil); err != nil || heard(50*time.Millisecond) {
		t.Errorf("news after stop: %v", err)
	}
	view(t, db, func(tx *kv.Tx) error {
		if err := tx.Notify("jobs"); err != kv.ErrReadOnly {
			t.Errorf("news of a View: %v", err)
		}
		return nil
	})
}
