package pebblekv

import (
	"bytes"
	"slices"
)

// writes is what a transaction wants to change: its own reads look here first.
type writes struct {
	entries []entry
	byKey   map[string]int // index into entries; nil while they are few
	ordered []int          // entries by key; nil until a Scan needs it
	bytes   int
}

type entry struct {
	key, value []byte
	deleted    bool
}

const few = 8 // entries that are searched faster one by one

func (w *writes) find(key []byte) *entry {
	if w.byKey != nil {
		if i, ok := w.byKey[string(key)]; ok {
			return &w.entries[i]
		}
		return nil
	}
	for i := range w.entries {
		if bytes.Equal(w.entries[i].key, key) {
			return &w.entries[i]
		}
	}
	return nil
}

// put keeps copies of key and value.
func (w *writes) put(key, value []byte, deleted bool) {
	value = append([]byte{}, value...)
	w.bytes += len(value)
	if e := w.find(key); e != nil {
		e.value, e.deleted = value, deleted
		return
	}
	w.bytes += len(key)
	w.entries = append(w.entries, entry{bytes.Clone(key), value, deleted})
	last := len(w.entries) - 1
	if w.byKey != nil {
		w.byKey[string(key)] = last
	} else if len(w.entries) > few {
		w.byKey = make(map[string]int, 4*few)
		for i := range w.entries {
			w.byKey[string(w.entries[i].key)] = i
		}
	}
	if w.ordered != nil {
		w.ordered = slices.Insert(w.ordered, w.place(key), last)
	}
}

// place is where key stands, or would stand, in ordered.
func (w *writes) place(key []byte) int {
	i, _ := slices.BinarySearchFunc(w.ordered, key, func(i int, key []byte) int { return bytes.Compare(w.entries[i].key, key) })
	return i
}

// between returns the entries with keys in [from, to) in the order of a Scan.
func (w *writes) between(from, to []byte, reverse bool) []entry {
	if len(w.entries) == 0 {
		return nil
	}
	if w.ordered == nil {
		w.ordered = make([]int, len(w.entries))
		for i := range w.ordered {
			w.ordered[i] = i
		}
		slices.SortFunc(w.ordered, func(a, b int) int { return bytes.Compare(w.entries[a].key, w.entries[b].key) })
	}
	lo, hi := w.place(from), len(w.ordered)
	if to != nil {
		hi = w.place(to)
	}
	var out []entry
	for _, i := range w.ordered[lo:max(lo, hi)] {
		out = append(out, w.entries[i])
	}
	if reverse {
		slices.Reverse(out)
	}
	return out
}
