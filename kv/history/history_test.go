package history

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

func r(key string, value int) Op { return Op{Kind: Read, Key: key, Value: value} }
func w(key string, value int) Op { return Op{Kind: Write, Key: key, Value: value} }

// all is a scan of the keys that begin with prefix, which showed these.
func all(prefix string, seen ...Op) Op {
	o := Op{Kind: Scan, Key: prefix, To: prefix + "~", Seen: map[string]int{}}
	for _, s := range seen {
		o.Seen[s.Key] = s.Value
	}
	return o
}

// at is a transaction that ran from one moment to another.
func at(began, ended int64, ops ...Op) Txn { return Txn{Began: began, Ended: ended, Ops: ops} }

func outcome(o Outcome, t Txn) Txn { t.Outcome = o; return t }

// long is a transaction beside all others of a hand-made history.
func long(ops ...Op) Txn { return at(1, 100, ops...) }

// TestAnomalies: every kind of anomaly is found in a smallest history of it, and called by its name.
func TestAnomalies(t *testing.T) {
	for _, c := range []struct {
		want string
		txns []Txn
	}{
		{"G0", []Txn{long(w("x", 1), w("y", 1)), long(w("x", 2), w("y", 2)), at(101, 102, r("x", 1), r("y", 2))}},
		{"G1a", []Txn{outcome(Failed, long(w("x", 1))), long(r("x", 1))}},
		{"G1b", []Txn{long(w("x", 1), w("x", 2)), long(r("x", 1))}},
		{"G1c", []Txn{long(w("x", 1), r("y", 2)), long(w("y", 2), r("x", 1))}},
		{"G-single", []Txn{long(w("x", 1), w("y", 1)), long(r("x", 0), r("y", 1))}},
		{"G-single", []Txn{long(w("x", 1)), long(r("x", 1), w("x", 2), w("y", 2)), long(r("x", 1), r("y", 2))}},
		{"G2-item", []Txn{long(r("x", 0), w("y", 1)), long(r("y", 0), w("x", 1))}},
		{"lost update", []Txn{long(r("x", 0), w("x", 1)), long(r("x", 0), w("x", 2))}},
		{"lost update", []Txn{long(r("x", 0), w("x", 1)), long(r("x", 0), w("x", 1))}}, // two counted to one
		{"G2", []Txn{long(all("row"), w("row1", 1)), long(all("row"), w("row2", 1))}},  // both found the range empty
		{"G2", []Txn{at(1, 2, w("row1", 1), w("row2", 1)), at(3, 9, all("row", r("row1", 1), r("row2", 1)), w("row1", 0)), at(3, 9, all("row", r("row1", 1), r("row2", 1)), w("row2", 0))}},
		{"G-single", []Txn{long(w("row1", 1), w("row2", 1)), long(all("row", r("row2", 1)))}}, // half a transaction in a scan
		{"G2", []Txn{long(Op{Kind: Scan, Key: "row"}, w("row1", 1)), long(Op{Kind: Scan, Key: "row", To: "row11"}, w("row11", 1)), long(Op{Kind: Scan, Key: "row11"}, w("row10", 1))}},
		{"internal", []Txn{long(w("x", 1), r("x", 2))}},
		{"garbage", []Txn{long(r("x", 7))}},
		{"garbage", []Txn{long(all("row", r("row9", 7)))}},
		{"real-time G-single", []Txn{at(1, 2, w("x", 1)), at(3, 4, r("x", 0))}},                                 // a stale read
		{"real-time G-single", []Txn{at(1, 2, w("row1", 1)), at(3, 4, all("row"))}},                             // a stale scan
		{"real-time G1c", []Txn{at(1, 2, r("x", 1)), at(3, 4, w("x", 1))}},                                      // read from the future
		{"real-time G-single", []Txn{at(1, 2, w("x", 1)), at(3, 4, r("x", 1), w("x", 2)), at(5, 6, r("x", 1))}}, // an acknowledged write lost
		{"real-time G0", []Txn{at(1, 2, w("x", 1)), at(3, 4, w("x", 0)), at(5, 6, r("x", 1))}},                  // a deleted key is back
		{"real-time G1c", []Txn{at(1, 2, w("x", 1)), outcome(Unknown, at(5, 6, w("x", 0))), at(3, 4, r("x", 0))}},
		{"G-single", []Txn{long(w("x", 1)), long(w("x", 2)), long(r("x", 1), r("x", 2), r("x", 1))}}, // not repeatable
		{"G1a", []Txn{long(w("x", 1)), outcome(Unknown, long(r("x", 1), w("y", 1))), outcome(Failed, long(w("z", 1))), long(r("z", 1))}},
		{"real-time G-single", []Txn{outcome(Unknown, at(1, 2, w("x", 1), w("y", 1))), at(3, 4, r("x", 1)), at(5, 6, r("y", 0))}}, // half of an unknown one
	} {
		err := Check(c.txns)
		var a *Anomaly
		if !errors.As(err, &a) || a.Name != c.want {
			t.Errorf("%+v:\nfound %v, want %s", c.txns, err, c.want)
		}
	}
}

// TestFine: histories that look odd and are serializable.
func TestFine(t *testing.T) {
	for _, txns := range [][]Txn{
		nil,
		{long(w("x", 1)), long(w("x", 2)), long(r("x", 1)), long(r("x", 2))},
		{long(w("x", 1), w("y", 1)), long(w("x", 2), w("y", 2)), at(101, 102, r("x", 2), r("y", 2))},
		{outcome(Unknown, at(1, 2, w("x", 1))), at(3, 4, r("x", 0)), at(5, 6, r("x", 1))},            // it happened later than its client thought
		{outcome(Unknown, at(1, 2, r("x", 0), w("x", 1))), at(3, 4, r("x", 0), w("x", 2))},           // it never happened
		{at(1, 2, w("x", 1)), outcome(Unknown, at(3, 4, w("x", 0), w("y", 1))), at(5, 6, r("x", 0))}, // its deletion alone was seen
		{outcome(Failed, long(r("x", 9), w("x", 1))), long(r("x", 0))},
		{long(r("x", 0), w("x", 1), r("x", 1), w("x", 2), r("x", 2)), at(101, 102, r("x", 2))},
		{long(all("row"), w("row1", 1), all("row", r("row1", 1))), at(101, 102, all("row", r("row1", 1)))},
		{long(Op{Kind: Scan, Key: "row", To: "row11"}, w("row2", 1)), long(Op{Kind: Scan, Key: "row2"}, w("row11", 1))}, // what one wrote the other did not scan
		{long(w("x", 1)), long(r("x", 1), w("x", 0)), long(r("x", 0)), at(101, 102, r("x", 0))},
	} {
		if err := Check(txns); err != nil {
			t.Errorf("%+v:\n%v", txns, err)
		}
	}
}

// random is a history of a store that runs transactions one by one at a moment between their begin and end; deletions are of
// keys that are used once.
func random(rnd *rand.Rand, n, keys int) []Txn {
	store, ids, clock := map[string]int{}, 0, int64(0)
	var txns []Txn
	for range n {
		clock += 10
		t := Txn{Began: clock - rnd.Int64N(60), Ended: clock + rnd.Int64N(60), Outcome: Outcome(max(0, rnd.IntN(8)-5))}
		lost, own := t.Outcome == Failed || t.Outcome == Unknown && rnd.IntN(2) == 0, map[string]int{}
		get := func(k string) int {
			if v, ok := own[k]; ok {
				return v
			}
			return store[k]
		}
		for range 1 + rnd.IntN(4) {
			key := fmt.Sprint("k", rnd.IntN(keys))
			ids++
			switch rnd.IntN(5) {
			case 0:
				t.Ops = append(t.Ops, r(key, get(key)))
			case 1:
				t.Ops = append(t.Ops, r(key, get(key)))
				fallthrough
			case 2:
				t.Ops, own[key] = append(t.Ops, w(key, ids)), ids
			case 3:
				t.Ops = append(t.Ops, all("k"), all("row"))
				for _, scan := range t.Ops[len(t.Ops)-2:] {
					for k := range store {
						if v := get(k); v != 0 && strings.HasPrefix(k, scan.Key) {
							scan.Seen[k] = v
						}
					}
					for k, v := range own {
						if v != 0 && strings.HasPrefix(k, scan.Key) {
							scan.Seen[k] = v
						}
					}
				}
			case 4:
				row := fmt.Sprint("row", rnd.IntN(ids))
				if v := ids; get(row) != 0 {
					t.Ops, own[row] = append(t.Ops, r(row, get(row)), w(row, 0)), 0
				} else {
					row = fmt.Sprint("row", ids)
					t.Ops, own[row] = append(t.Ops, w(row, v)), v
				}
			}
		}
		if !lost {
			for k, v := range own {
				store[k] = v
			}
		}
		txns = append(txns, t)
	}
	rnd.Shuffle(n, func(i, j int) { txns[i], txns[j] = txns[j], txns[i] })
	return txns
}

// TestRandomHistoriesAreFine: what one store answered in turn is never called an anomaly.
func TestRandomHistoriesAreFine(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for i := range uint64(60) {
		rnd := rand.New(rand.NewPCG(seed, i))
		if err := Check(random(rnd, 5+rnd.IntN(250), 1+rnd.IntN(6))); err != nil {
			t.Fatalf("history %d: %v", i, err)
		}
	}
}

// TestAgreesWithEveryOrder: on small histories with random reads the answer is that of trying all orders.
func TestAgreesWithEveryOrder(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	fine, bad := 0, 0
	for i := range uint64(4000) {
		rnd := rand.New(rand.NewPCG(seed, i))
		txns := guessed(rnd)
		got, want := Check(txns) == nil, possible(txns)
		if got != want {
			t.Fatalf("history %d: fine %v, want %v: %v\n%+v", i, got, want, Check(txns), txns)
		}
		if want {
			fine++
		} else {
			bad++
		}
	}
	if fine < 200 || bad < 200 {
		t.Errorf("%d fine and %d bad: the histories prove little", fine, bad)
	}
}

// guessed is a history of up to six transactions whose reads are made up of values that were written, or absent.
func guessed(rnd *rand.Rand) []Txn {
	txns := make([]Txn, 2+rnd.IntN(5))
	var versions []Op
	for i := range txns {
		began := rnd.Int64N(12)
		txns[i] = at(began, began+rnd.Int64N(9), w("id", 100+i))
		txns[i].Ops = nil
		for k := range 2 {
			if rnd.IntN(2) == 0 {
				o := w(fmt.Sprint("k", k), i+1)
				txns[i].Ops, versions = append(txns[i].Ops, o), append(versions, o)
			}
		}
		if rnd.IntN(6) == 0 {
			txns[i].Outcome = Unknown
		}
	}
	if rnd.IntN(3) == 0 && len(versions) > 0 { // one write is a deletion
		i := rnd.IntN(len(txns))
		if n := len(txns[i].Ops); n > 0 {
			txns[i].Ops[n-1].Value = Absent
			if txns[i].Outcome == Unknown { // what else it did is not looked at when only this is seen
				txns[i].Outcome = Committed
			}
		}
	}
	for i := range txns {
		for k := range 2 {
			key, values := fmt.Sprint("k", k), []int{Absent}
			for j, t := range txns {
				for _, o := range t.Ops {
					if j != i && o.Kind == Write && o.Key == key {
						values = append(values, o.Value)
					}
				}
			}
			if rnd.IntN(2) == 0 {
				txns[i].Ops = append([]Op{r(key, values[rnd.IntN(len(values))])}, txns[i].Ops...)
			}
		}
	}
	return txns
}

// possible tries all orders, with and without the unknown ones.
func possible(txns []Txn) bool {
	var place func(left []int, store map[string]int) bool
	place = func(left []int, store map[string]int) bool {
		must := false
		for _, i := range left {
			must = must || txns[i].Outcome == Committed
		}
		if !must {
			return true
		}
	next:
		for n, i := range left {
			for _, j := range left {
				if txns[j].Outcome == Committed && txns[j].Ended < txns[i].Began {
					continue next
				}
			}
			after := map[string]int{"k0": store["k0"], "k1": store["k1"]}
			for _, o := range txns[i].Ops {
				if o.Kind == Read && after[o.Key] != o.Value {
					continue next
				}
				if o.Kind == Write {
					after[o.Key] = o.Value
				}
			}
			rest := append(append([]int{}, left[:n]...), left[n+1:]...)
			if place(rest, after) {
				return true
			}
		}
		return false
	}
	left := make([]int, len(txns))
	for i := range left {
		left[i] = i
	}
	return place(left, map[string]int{})
}

// TestLinearizable: single keys, by porcupine, and Check agrees.
func TestLinearizable(t *testing.T) {
	for _, c := range []struct {
		fine bool
		txns []Txn
	}{
		{true, []Txn{at(1, 4, w("x", 1)), at(2, 3, r("x", 0)), at(5, 6, r("x", 1)), at(1, 2, r("y", 0))}},
		{true, []Txn{outcome(Unknown, at(1, 2, w("x", 1))), at(3, 4, r("x", 0)), at(5, 6, r("x", 1))}},
		{true, []Txn{outcome(Unknown, at(1, 2, r("x", 0), w("x", 1))), at(3, 4, r("x", 0), w("x", 2)), at(5, 6, r("x", 2))}},
		{true, []Txn{outcome(Failed, at(1, 2, w("x", 1))), at(3, 4, r("x", 0))}},
		{false, []Txn{at(1, 2, w("x", 1)), at(3, 4, r("x", 0))}},
		{false, []Txn{at(1, 9, r("x", 0), w("x", 1)), at(1, 9, r("x", 0), w("x", 2))}},
		{false, []Txn{outcome(Unknown, at(1, 2, w("x", 1))), at(3, 4, r("x", 1)), at(5, 6, r("x", 0))}},
		{false, []Txn{outcome(Failed, at(1, 2, w("x", 1))), at(3, 4, r("x", 1))}},
	} {
		one, two := Linearizable(c.txns), Check(c.txns)
		if (one == nil) != c.fine || (two == nil) != c.fine {
			t.Errorf("%+v: %v; %v", c.txns, one, two)
		}
	}
	if Linearizable([]Txn{long(r("x", 0), r("y", 0))}) == nil {
		t.Error("a transaction of two keys was judged")
	}
}
