package history

import (
	"maps"
	"math"
	"slices"
	"sort"
)

// node is a transaction that happened, in terms of keys: what it read of others and left behind. Node 0 is the beginning,
// which left every key absent.
type node struct {
	id           int // place in the caller's history, -1 for the beginning
	began, ended int64
	reads        []reading
	writes       map[string]int
}

type reading struct {
	key     string
	value   int
	scanned bool
}

type version struct {
	key   string
	value int
}

// source is who wrote a version.
type source struct {
	txn   int
	final bool // no later write of the same transaction to the key
}

// prepare finds the anomalies that need no order, and returns the transactions that are to be put in order.
func prepare(txns []Txn) ([]node, error) {
	sources, err := findSources(txns)
	if err != nil {
		return nil, err
	}
	happened, keys := seen(txns, sources), allKeys(txns)
	nodes := []node{{id: -1, began: math.MinInt64, ended: math.MinInt64}}
	for i, t := range txns {
		n := node{id: i, began: t.Began, ended: t.Ended, writes: map[string]int{}}
		switch {
		case happened[i]:
			if n.reads, err = external(txns, i, keys, sources, n.writes); err != nil {
				return nil, err
			}
		case t.Outcome == Unknown: // its deletions may be what somebody saw
			for _, o := range t.Ops {
				if o.Kind == Write && o.Value == Absent {
					n.writes[o.Key] = Absent
				}
			}
			if len(n.writes) == 0 {
				continue
			}
		default:
			continue
		}
		if t.Outcome == Unknown {
			n.ended = math.MaxInt64
		}
		nodes = append(nodes, n)
	}
	return nodes, nil
}

func findSources(txns []Txn) (map[version]source, error) {
	sources := map[version]source{}
	for i, t := range txns {
		last := map[string]int{}
		for _, o := range t.Ops {
			if o.Kind != Write {
				continue
			}
			if before, ok := last[o.Key]; ok && before != Absent {
				sources[version{o.Key, before}] = source{i, false}
			}
			last[o.Key] = o.Value
			if o.Value == Absent {
				continue
			}
			v := version{o.Key, o.Value}
			if other, ok := sources[v]; ok && txns[other.txn].Outcome == Committed && t.Outcome == Committed {
				return nil, anomaly("lost update", "transactions %d and %d both made %s = %d", other.txn, i, o.Key, o.Value)
			} else if !ok || t.Outcome == Committed {
				sources[v] = source{i, true}
			}
		}
	}
	return sources, nil
}

// seen are the transactions that happened: those committed, and the unknown ones of which one of these has read.
func seen(txns []Txn, sources map[version]source) []bool {
	happened := make([]bool, len(txns))
	var mark func(i int)
	look := func(key string, value int) {
		if s, ok := sources[version{key, value}]; ok && !happened[s.txn] && txns[s.txn].Outcome == Unknown {
			mark(s.txn)
		}
	}
	mark = func(i int) {
		happened[i] = true
		for _, o := range txns[i].Ops {
			switch o.Kind {
			case Read:
				look(o.Key, o.Value)
			case Scan:
				for k, v := range o.Seen {
					look(k, v)
				}
			}
		}
	}
	for i, t := range txns {
		if t.Outcome == Committed && !happened[i] {
			mark(i)
		}
	}
	return happened
}

// external are transaction i's reads of what others wrote; writes gets what it leaves behind. What it read of its own must
// be right.
func external(txns []Txn, i int, keys []string, sources map[version]source, writes map[string]int) (reads []reading, err error) {
	first := map[string]int{}
	see := func(key string, value int, scanned bool) error {
		if own, ok := writes[key]; ok {
			if own != value {
				return anomaly("internal", "transaction %d wrote %s = %d and read %d", i, key, own, value)
			}
			return nil
		}
		if before, again := first[key]; again {
			if before != value {
				return anomaly("G-single", "transaction %d read %s = %d, and then %d", i, key, before, value)
			}
			return nil
		}
		first[key] = value
		reads = append(reads, reading{key, value, scanned})
		if value == Absent {
			return nil
		}
		s, ok := sources[version{key, value}]
		switch {
		case !ok:
			return anomaly("garbage", "transaction %d read %s = %d, which nobody wrote", i, key, value)
		case txns[s.txn].Outcome == Failed:
			return anomaly("G1a", "transaction %d read %s = %d of %d, which failed", i, key, value, s.txn)
		case !s.final && s.txn != i:
			return anomaly("G1b", "transaction %d read %s = %d, which %d overwrote itself", i, key, value, s.txn)
		}
		return nil
	}
	for _, o := range txns[i].Ops {
		switch o.Kind {
		case Write:
			writes[o.Key] = o.Value
		case Read:
			err = see(o.Key, o.Value, false)
		case Scan:
			err = scanned(keys, o, see)
		}
		if err != nil {
			return nil, err
		}
	}
	return reads, nil
}

// scanned reads every key of the scan that was ever written: those it did not show were absent to it.
func scanned(keys []string, scan Op, see func(key string, value int, scanned bool) error) error {
	from := sort.SearchStrings(keys, scan.Key)
	for _, k := range keys[from:] {
		if scan.To != "" && k >= scan.To {
			break
		}
		if err := see(k, scan.Seen[k], true); err != nil {
			return err
		}
	}
	for k, v := range scan.Seen {
		if _, ok := slices.BinarySearch(keys, k); !ok {
			return see(k, v, true) // nobody wrote it
		}
	}
	return nil
}

// allKeys are the keys ever written, sorted.
func allKeys(txns []Txn) []string {
	keys := map[string]bool{}
	for _, t := range txns {
		for _, o := range t.Ops {
			if o.Kind == Write {
				keys[o.Key] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(keys))
}
