package record_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"bothy/kv"
	"bothy/kv/memkv"
	"bothy/record"
)

// census looks at a store and returns what it finds.
func census(t *testing.T, db *kv.DB, table *record.Table[user]) (found []string, second bool) {
	t.Helper()
	rules := record.OwnInspectors()
	for name, r := range record.Inspectors(table) {
		rules[name] = r
	}
	c := &record.Census{Rules: rules, Fault: func(k kv.Key, text string) { found = append(found, record.Text(k)+": "+text) }}
	look := func() {
		if err := db.Dump(context.Background(), func(k kv.Key, v []byte) error { c.Pair(k, v); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	look()
	if second = c.Again(); second {
		look()
		c.Left()
	}
	return found, second
}

// TestCensus takes away entries and adds others, at random: exactly these are found.
func TestCensus(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	db, table := kv.New(memkv.New()), users()
	table.Expires, table.Log = func(u *user) time.Time { return u.Until }, true
	update(t, db, func(tx *kv.Tx) error {
		for i := range 400 {
			u := &user{Pool: fmt.Sprint(i % 3), Name: fmt.Sprint(i), Email: fmt.Sprint(i, "@x"), Groups: []string{"all", fmt.Sprint(i % 7)}}
			if i%2 == 0 {
				u.Until = time.Unix(int64(2e9+i), 0)
			}
			if err := table.Insert(tx, here, u); err != nil {
				return err
			}
		}
		for i := range 50 { // rows that were changed and deleted leave nothing behind
			if err := table.Delete(tx, here, fmt.Sprint(i%3), fmt.Sprint(i)); err != nil {
				return err
			}
		}
		return record.Enqueue(tx, here, "work", time.Unix(2e9, 0), []byte("x"))
	})
	brake := &record.Brake{DB: db}
	for range 3 { // the first leaves no row
		if ok, err := brake.Take(context.Background(), "stranger", record.Limit{PerSecond: 1, Burst: 100}, time.Unix(2e9, 0)); !ok || err != nil {
			t.Fatal(ok, err)
		}
	}
	if found, second := census(t, db, table); len(found) > 0 || second {
		t.Fatalf("in a whole store: %v, %v", found, second)
	}
	var entries []kv.Pair
	if err := db.Dump(context.Background(), func(k kv.Key, v []byte) error {
		if text := record.Text(k); strings.Contains(text, "users.user/i/") || strings.Contains(text, "record.expiry") {
			entries = append(entries, kv.Pair{Key: slices.Clone(k), Value: bytes.Clone(v)})
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	r.Shuffle(len(entries), func(i, j int) { entries[i], entries[j] = entries[j], entries[i] })
	want := map[string]int{}
	update(t, db, func(tx *kv.Tx) error {
		for i, e := range entries[:30] {
			var err error
			switch i % 3 {
			case 0: // gone
				want[record.Text(e.Key)+": an entry is missing"] = 1
				err = tx.Delete(e.Key)
			case 1: // another one
				k := e.Key.With("more")
				want[record.Text(k)+": an entry that no row explains"] = 1
				err = tx.Set(k, e.Value)
			case 2: // leads elsewhere
				want[record.Text(e.Key)+": an entry is missing"], want[record.Text(e.Key)+": an entry that no row explains"] = 1, 1
				err = tx.Set(e.Key, kv.K("elsewhere"))
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	found, _ := census(t, db, table)
	if len(found) != len(want) {
		t.Errorf("%d faults are found of %d", len(found), len(want))
	}
	for w := range want {
		if !slices.ContainsFunc(found, func(f string) bool { return strings.HasPrefix(f, w) }) {
			t.Errorf("not found: %s", w)
		}
	}
}

func TestBacklog(t *testing.T) {
	db := kv.New(memkv.New())
	first := time.Unix(2e9, 0)
	update(t, db, func(tx *kv.Tx) error {
		for i := range 5 {
			for _, kind := range []string{"a", "a\x00b", "b"}[:1+i%3] {
				if err := record.Enqueue(tx, here, kind, first.Add(time.Duration(i)*time.Second), nil); err != nil {
					return err
				}
			}
		}
		return nil
	})
	w := record.Worker{DB: db, Kind: "b", Now: func() time.Time { return first.Add(time.Hour) }, Attempts: 1, Handle: func(context.Context, record.Job) error { return fmt.Errorf("no") }}
	if did, err := w.RunOne(t.Context()); err != nil || !did {
		t.Fatal(did, err)
	}
	var all []record.Waiting
	view(t, db, func(tx *kv.Tx) (err error) { all, err = record.Backlog(tx); return err })
	want := []record.Waiting{{Kind: "a", Jobs: 5, Oldest: first}, {Kind: "a\x00b", Jobs: 3, Oldest: first.Add(time.Second)}, {Kind: "b", Failed: 1}}
	if fmt.Sprint(all) != fmt.Sprint(want) {
		t.Errorf("backlog: %v\nwant: %v", all, want)
	}
}
