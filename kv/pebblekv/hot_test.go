package pebblekv

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"sync"
	"testing"

	"bothy/kv"
	"bothy/kv/overlay"
)

func newHot() *hot { return &hot{seed: maphash.MakeSeed()} }

// ask offers a value as often as it takes to be kept.
func (h *hot) ask(key, value string, seq uint64) {
	h.offer([]byte(key), []byte(value), seq)
	h.offer([]byte(key), []byte(value), seq)
}

func (h *hot) wrote(seq uint64, keys ...string) {
	g := &group{seq: seq}
	for _, k := range keys {
		g.entries = append(g.entries, overlay.Entry{Key: []byte(k)})
	}
	h.forget(g)
}

func TestHotKeepsWhatIsAskedForAgain(t *testing.T) {
	h := newHot()
	h.offer([]byte("k"), []byte("v"), 1)
	if v := h.get([]byte("k"), 1); v != nil {
		t.Errorf("asked for once: %q is kept", v)
	}
	h.offer([]byte("k"), []byte("v"), 1)
	if v := h.get([]byte("k"), 1); string(v) != "v" {
		t.Errorf("asked for twice: %q", v)
	}
	if v := h.get([]byte("k"), 7); string(v) != "v" {
		t.Errorf("a later snapshot: %q", v)
	}
	h.ask("long", string(make([]byte, hotValue+1)), 1)
	if v := h.get([]byte("long"), 1); v != nil {
		t.Error("a value beyond the bound is kept")
	}
}

func TestHotForgetsWhatIsWritten(t *testing.T) {
	h := newHot()
	h.ask("k", "old", 1)
	h.ask("other", "same", 1)
	h.wrote(2, "k")
	if v := h.get([]byte("k"), 2); v != nil {
		t.Errorf("written since: %q", v)
	}
	if v := h.get([]byte("other"), 2); string(v) != "same" {
		t.Errorf("another key: %q", v)
	}
	h.ask("k", "old", 1) // by a reader of the older snapshot
	if v := h.get([]byte("k"), 2); v != nil {
		t.Errorf("put back from an older snapshot: %q", v)
	}
	h.ask("k", "new", 2)
	if v := h.get([]byte("k"), 1); v != nil {
		t.Errorf("shown to a reader of the older snapshot: %q", v)
	}
	if v := h.get([]byte("k"), 2); string(v) != "new" {
		t.Errorf("read again: %q", v)
	}
}

func TestHotIsBounded(t *testing.T) {
	h := newHot()
	for i := range 20_000 {
		h.ask(fmt.Sprint(i), string(make([]byte, 1000)), 1)
	}
	for i := range h.shards {
		size := 0
		for k, e := range h.shards[i].known {
			size += len(k) + len(e.value) + hotOverhead
		}
		if size != h.shards[i].bytes || size > hotBytes {
			t.Errorf("shard %d: %d bytes, counted as %d", i, size, h.shards[i].bytes)
		}
	}
}

// Two keys always hold the same number; readers ask again and again while it grows.
func TestReadersOfHotKeysSeeOneSnapshot(t *testing.T) {
	e, err := Open(t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close() //nolint:errcheck // nothing is asked of it later
	db := kv.New(e)
	ctx, stop := context.WithCancel(t.Context())
	a, b := kv.Key("a"), kv.Key("b")
	number := func(v []byte) uint64 {
		if v == nil {
			return 0
		}
		return binary.BigEndian.Uint64(v)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for last := uint64(0); ctx.Err() == nil; {
				if err := db.View(ctx, func(tx *kv.Tx) error {
					x, err1 := tx.Get(a)
					y, err2 := tx.Get(b)
					if err := errors.Join(err1, err2); err != nil {
						return err
					}
					if number(x) != number(y) || number(x) < last {
						t.Errorf("a is %d and b is %d, after %d", number(x), number(y), last)
					}
					last = number(x)
					return nil
				}); err != nil && ctx.Err() == nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range uint64(300) {
		if err := db.Update(ctx, func(tx *kv.Tx) error {
			x, err := tx.Get(a)
			if err != nil {
				return err
			}
			if number(x) != i {
				t.Errorf("read %d after %d", number(x), i)
			}
			v := binary.BigEndian.AppendUint64(nil, i+1)
			return errors.Join(tx.Set(a, v), tx.Set(b, v))
		}); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	wg.Wait()
}
