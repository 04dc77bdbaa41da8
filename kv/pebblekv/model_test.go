package pebblekv

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"bothy/kv/overlay"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

func seeded(t *testing.T) *rand.Rand {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

func smallKey(r *rand.Rand) []byte { return fmt.Appendf(nil, "%02d", r.IntN(30)) }

// TestWindowMissesNothing: whatever was written after a transaction's snapshot in what it read, it has lost, however many
// generations ago. That it has lost without cause is allowed only when its snapshot is older than the window.
func TestWindowMissesNothing(t *testing.T) {
	r, seed := seeded(t), maphash.MakeSeed()
	for range 200 {
		w := newWindow()
		var all []written
		turns := 0
		for seq := uint64(1); seq < 40; seq++ {
			for range r.IntN(3) {
				k := smallKey(r)
				w.note(seq, seed, k)
				all = append(all, written{seq, k})
			}
			if r.IntN(6) == 0 {
				w.bytes = windowBytes // full
				w.turn()
				turns++
			}
			tx := randomReads(r, seed, r.Uint64N(seq+1))
			want := false
			for _, x := range all {
				want = want || x.seq > tx.at && tx.readKey(seed, x.key)
			}
			tx.sortSpans()
			got := w.lost(tx)
			old := tx.at < w.floor && tx.at < w.last && len(tx.reads)+len(tx.spans) > 0
			if got != (want || old) {
				t.Fatalf("after %d turns, at %d of %d, floor %d: lost %v, want %v", turns, tx.at, seq, w.floor, got, want)
			}
		}
	}
}

func randomReads(r *rand.Rand, seed maphash.Seed, at uint64) *txn {
	tx := &txn{at: at}
	for range r.IntN(3) {
		tx.reads = append(tx.reads, maphash.Bytes(seed, smallKey(r)))
	}
	for range r.IntN(4) {
		s := span{from: smallKey(r), to: smallKey(r)}
		switch r.IntN(6) {
		case 0:
			s.from = nil
		case 1:
			s.to = nil
		}
		if s.to == nil || bytes.Compare(s.from, s.to) < 0 {
			tx.spans = append(tx.spans, s)
		}
	}
	return tx
}

// readKey is the plain meaning of reads and unsorted spans.
func (t *txn) readKey(seed maphash.Seed, key []byte) bool {
	if slices.Contains(t.reads, maphash.Bytes(seed, key)) {
		return true
	}
	return slices.ContainsFunc(t.spans, func(s span) bool {
		return bytes.Compare(key, s.from) >= 0 && (s.to == nil || bytes.Compare(key, s.to) < 0)
	})
}

// TestTurnSeesEveryLayer: in a turn, reads see what is stored, the group's writes on it, and the transaction's own on top.
func TestTurnSeesEveryLayer(t *testing.T) {
	r := seeded(t)
	for range 150 {
		db, err := pebble.Open("db", &pebble.Options{FS: vfs.NewMem(), Logger: logger{Options{}.withDefaults().Log}})
		if err != nil {
			t.Fatal(err)
		}
		model := map[string]string{}
		tx := &txn{from: db, group: &overlay.Writes{}}
		for i := range 45 {
			key, value, deleted := smallKey(r), fmt.Appendf(nil, "%d", i), r.IntN(3) == 0
			if deleted {
				value = nil
				delete(model, string(key))
			} else {
				model[string(key)] = string(value)
			}
			switch {
			case i >= 30:
				tx.writes.Put(key, value, deleted)
			case i >= 15:
				tx.group.Put(key, value, deleted)
			case deleted:
				err = db.Delete(key, pebble.NoSync)
			default:
				err = db.Set(key, value, pebble.NoSync)
			}
			if err != nil {
				t.Fatal(err)
			}
			if i >= 30 || i == 14 || i == 29 {
				compareScans(t, r, tx, model)
			}
		}
		for i := range 30 {
			key := fmt.Sprintf("%02d", i)
			got, err := tx.Get([]byte(key))
			if want, ok := model[key]; string(got) != want || (got != nil) != ok || err != nil {
				t.Fatalf("get %s: %q, %v, want %q", key, got, err, want)
			}
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func compareScans(t *testing.T, r *rand.Rand, tx *txn, model map[string]string) {
	t.Helper()
	from, to, reverse, limit := smallKey(r), smallKey(r), r.IntN(2) == 0, 1+r.IntN(12)
	if r.IntN(3) == 0 {
		from = nil
	}
	if r.IntN(3) == 0 {
		to = nil
	}
	var want, got []string
	for _, k := range slices.Sorted(maps.Keys(model)) {
		if k >= string(from) && (to == nil || k < string(to)) {
			want = append(want, k+"="+model[k])
		}
	}
	if reverse {
		slices.Reverse(want)
	}
	want = want[:min(limit, len(want))]
	err := tx.Scan(from, to, limit, reverse, func(k, v []byte) bool { got = append(got, string(k)+"="+string(v)); return true })
	if err != nil || !slices.Equal(got, want) {
		t.Fatalf("scan [%q, %q) limit %d reverse %v:\ngot  %v, %v\nwant %v", from, to, limit, reverse, got, err, want)
	}
}
