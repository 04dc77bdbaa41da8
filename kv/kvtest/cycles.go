package kvtest

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"bothy/kv"
)

// A recorded transaction: every append to a list is unique, so what a reader sees of a list tells the order of its versions
// (the idea of Elle, Kingsbury and Alvaro, 2020).
type recorded struct {
	began, ended int64         // places in one order of begins and ends
	reads        map[int][]int // list → what was seen before own appends
	appends      map[int]int   // list → what was appended
}

const lists = 8

// testHistories records concurrent transactions over a few lists and looks for a cycle in what they depend on; with real
// time among the dependencies, none means strict serializability.
func testHistories(t *testing.T, db *kv.DB) {
	const workers, each = 6, 40
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	var clock, ids atomic.Int64
	var mu sync.Mutex
	var all []recorded
	together(t, workers, func(w int) error {
		r := rand.New(rand.NewPCG(seed, uint64(w)))
		for range each {
			rec, err := oneRecorded(db, r, &clock, int(ids.Add(1)))
			if err != nil {
				return err
			}
			mu.Lock()
			all = append(all, rec)
			mu.Unlock()
		}
		return nil
	})
	last := recorded{began: clock.Add(1), reads: map[int][]int{}}
	view(t, db, func(tx *kv.Tx) error { return readLists(tx, &last) })
	last.ended = clock.Add(1)
	if bad := checkHistory(append(all, last)); bad != "" {
		t.Errorf("seed %d: %s", seed, bad)
	}
}

func oneRecorded(db *kv.DB, r *rand.Rand, clock *atomic.Int64, id int) (rec recorded, err error) {
	kind, readKey, appendKey := r.IntN(4), r.IntN(lists), r.IntN(lists)
	rec.began = clock.Add(1)
	call := db.Update
	if kind == 0 {
		call = db.View
	}
	err = call(context.Background(), func(tx *kv.Tx) error {
		rec.reads, rec.appends = map[int][]int{}, map[int]int{}
		if kind <= 1 { // all lists by one scan: phantoms would show
			if err := readLists(tx, &rec); err != nil || kind == 0 {
				return err
			}
		} else if err := readList(tx, &rec, readKey); err != nil {
			return err
		}
		if err := readList(tx, &rec, appendKey); err != nil {
			return err
		}
		rec.appends[appendKey] = id
		return tx.Set(kv.K("list", appendKey), encodeList(append(slices.Clone(rec.reads[appendKey]), id)))
	})
	rec.ended = clock.Add(1)
	return rec, err
}

func readList(tx *kv.Tx, rec *recorded, list int) error {
	v, err := tx.Get(kv.K("list", list))
	rec.reads[list] = decodeList(v)
	return err
}

func readLists(tx *kv.Tx, rec *recorded) error {
	for i := range lists {
		rec.reads[i] = nil
	}
	return tx.Scan(kv.K("list").Range(), func(k kv.Key, v []byte) bool {
		parts, _ := k.Parts()
		rec.reads[int(parts[1].(int64))] = decodeList(v)
		return true
	})
}

func encodeList(l []int) (b []byte) {
	for _, v := range l {
		b = binary.BigEndian.AppendUint32(b, uint32(v))
	}
	return b
}

func decodeList(b []byte) (l []int) {
	for ; len(b) >= 4; b = b[4:] {
		l = append(l, int(binary.BigEndian.Uint32(b)))
	}
	return l
}

// checkHistory says what is wrong with a history, "" when nothing is.
func checkHistory(all []recorded) string {
	var order [lists][]int // the longest version of each list
	writer := map[int]int{}
	for i, rec := range all {
		for list, seen := range rec.reads {
			if len(seen) > len(order[list]) {
				order[list] = seen
			}
		}
		for _, v := range rec.appends {
			writer[v] = i
		}
	}
	after := make([]map[int]string, len(all)) // after[a][b]: b must come after a
	for i := range after {
		after[i] = map[int]string{}
	}
	for i, rec := range all {
		for list, seen := range rec.reads {
			if !slices.Equal(seen, order[list][:len(seen)]) {
				return fmt.Sprintf("list %d was seen as %v and as %v", list, seen, order[list])
			}
			if n := len(seen); n > 0 && writer[seen[n-1]] != i {
				after[writer[seen[n-1]]][i] = "read its write"
			}
			if n := len(seen); n < len(order[list]) && writer[order[list][n]] != i {
				after[i][writer[order[list][n]]] = "overwrote what it read"
			}
		}
		for list, v := range rec.appends {
			if !slices.Contains(order[list], v) {
				return fmt.Sprintf("the append of %d to list %d was acknowledged and is not there", v, list)
			}
		}
		for j, other := range all {
			if rec.ended < other.began {
				after[i][j] = "began after its end"
			}
		}
	}
	return findCycle(after)
}

func findCycle(after []map[int]string) string {
	const fresh, open, closed = 0, 1, 2
	state := make([]int, len(after))
	var visit func(i int) string
	visit = func(i int) string {
		state[i] = open
		for j, why := range after[i] {
			if state[j] == open {
				return fmt.Sprintf("cycle: %d ←(%s) %d", j, why, i)
			}
			if state[j] == fresh {
				if bad := visit(j); bad != "" {
					return fmt.Sprintf("%s ←(%s) %d", bad, why, i)
				}
			}
		}
		state[i] = closed
		return ""
	}
	for i := range after {
		if state[i] == fresh {
			if bad := visit(i); bad != "" {
				return bad
			}
		}
	}
	return ""
}
