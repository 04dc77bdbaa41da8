package kvtest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"bothy/kv"
)

// Subject is an engine under a random history.
type Subject struct {
	Name   string
	Engine kv.Engine
	Reopen func() kv.Engine // closes and opens it again; nil when it cannot
}

// RunRandom runs the history of seed on all subjects and fails when an answer differs from the first one's. It closes them.
func RunRandom(t *testing.T, seed uint64, steps int, subjects ...Subject) {
	t.Helper()
	t.Logf("seed %d", seed)
	var want []string
	for i, s := range subjects {
		got := answers(t, seed, steps, s)
		if i == 0 {
			want = got
			continue
		}
		for j := range want {
			if got[j] != want[j] {
				t.Fatalf("seed %d, step %d:\n%s: %s\n%s: %s", seed, j, subjects[0].Name, want[j], s.Name, got[j])
			}
		}
	}
}

// answers returns one line per step: what the transaction did and was answered.
func answers(t *testing.T, seed uint64, steps int, s Subject) []string {
	r := rand.New(rand.NewPCG(seed, 0))
	db := kv.New(s.Engine)
	var lines []string
	for range steps {
		readOnly, fails, ops, opSeed := r.IntN(3) == 0, r.IntN(5) == 0, 1+r.IntN(12), r.Uint64()
		var line string
		run := func(tx *kv.Tx) error {
			line = ""
			r := rand.New(rand.NewPCG(opSeed, 0)) // the function may run again
			for range ops {
				line += step(tx, r) + "; "
			}
			if fails {
				return errors.New("refused")
			}
			return nil
		}
		call := db.Update
		if readOnly {
			call = db.View
		}
		err := call(context.Background(), run)
		lines = append(lines, fmt.Sprintf("%s→ %v", line, err))
		if r.IntN(60) == 0 && s.Reopen != nil {
			db = kv.New(s.Reopen())
		}
	}
	if err := db.Close(); err != nil {
		t.Error("close:", err)
	}
	return lines
}

func randomKey(r *rand.Rand) kv.Key {
	alphabet := []byte{0, 1, 'a', 'b', 0xFF}
	k := make(kv.Key, 1+r.IntN(3))
	for i := range k {
		k[i] = alphabet[r.IntN(len(alphabet))]
	}
	return k
}

func step(tx *kv.Tx, r *rand.Rand) string {
	switch r.IntN(8) {
	case 0, 1, 2:
		k, v := randomKey(r), make([]byte, r.IntN(4))
		for i := range v {
			v[i] = byte(r.Uint32())
		}
		return fmt.Sprintf("set %x %x %v", k, v, tx.Set(k, v))
	case 3:
		k := randomKey(r)
		return fmt.Sprintf("delete %x %v", k, tx.Delete(k))
	case 4:
		k := randomKey(r)
		v, err := tx.Get(k)
		return fmt.Sprintf("get %x = %x %v %v", k, v, v == nil, err)
	case 5:
		ks := []kv.Key{randomKey(r), randomKey(r), randomKey(r)}
		vs, err := tx.GetMany(ks)
		return fmt.Sprintf("many %x = %x %v", ks, vs, err)
	default:
		return randomScan(tx, r)
	}
}

func randomScan(tx *kv.Tx, r *rand.Rand) string {
	ends := []kv.Key{nil, randomKey(r), randomKey(r)}
	s := kv.Range{From: ends[r.IntN(2)], To: ends[2*r.IntN(2)], Limit: r.IntN(8), Reverse: r.IntN(2) == 0}
	stop := 1 + r.IntN(6)
	var got []string
	err := tx.Scan(s, func(k kv.Key, v []byte) bool {
		got = append(got, fmt.Sprintf("%x=%x", slices.Clone(k), v))
		return len(got) < stop
	})
	return fmt.Sprintf("scan [%x, %x) limit %d reverse %v stop %d = %v %v", s.From, s.To, s.Limit, s.Reverse, stop, got, err)
}
