// Package overlay is what the engines that run transactions optimistically share: the writes a transaction has not committed
// yet, and the walk that shows stored pairs with such writes on top. It knows no store and owns no rows.
package overlay

import (
	"bytes"
	"slices"
)

// Writes is what a transaction wants to change, the last word on each key: its own reads look here first.
type Writes struct {
	Entries []Entry        // in the order of their keys' first writes
	Bytes   int            // at least those of Entries
	byKey   map[string]int // index into Entries; nil while they are few
	ordered []int          // Entries by key; nil until a Scan needs it

	room [2]Entry // for Entries: most transactions need no more
}

// Entry is a key with its new value, or deleted.
type Entry struct {
	Key, Value []byte
	Deleted    bool
}

const few = 8 // entries that are searched faster one by one

// Find returns the write of key, nil when there is none.
func (w *Writes) Find(key []byte) *Entry {
	if w.byKey != nil {
		if i, ok := w.byKey[string(key)]; ok {
			return &w.Entries[i]
		}
		return nil
	}
	for i := range w.Entries {
		if bytes.Equal(w.Entries[i].Key, key) {
			return &w.Entries[i]
		}
	}
	return nil
}

// Put keeps copies of key and value.
func (w *Writes) Put(key, value []byte, deleted bool) {
	w.Keep(Entry{bytes.Clone(key), append([]byte{}, value...), deleted})
}

// Keep takes over n and its slices.
func (w *Writes) Keep(n Entry) {
	w.Bytes += len(n.Value)
	if e := w.Find(n.Key); e != nil {
		e.Value, e.Deleted = n.Value, n.Deleted
		return
	}
	w.Bytes += len(n.Key)
	if w.Entries == nil {
		w.Entries = w.room[:0]
	}
	w.Entries = append(w.Entries, n)
	last := len(w.Entries) - 1
	if w.byKey != nil {
		w.byKey[string(n.Key)] = last
	} else if len(w.Entries) > few {
		w.byKey = make(map[string]int, 4*few)
		for i := range w.Entries {
			w.byKey[string(w.Entries[i].Key)] = i
		}
	}
	if w.ordered != nil {
		w.ordered = slices.Insert(w.ordered, w.place(n.Key), last)
	}
}

// place is where key stands, or would stand, in ordered.
func (w *Writes) place(key []byte) int {
	i, _ := slices.BinarySearchFunc(w.ordered, key, func(i int, key []byte) int { return bytes.Compare(w.Entries[i].Key, key) })
	return i
}

// Between returns the places of the Entries with keys in [from, to), by key.
func (w *Writes) Between(from, to []byte) []int {
	if len(w.Entries) == 0 {
		return nil
	}
	if w.ordered == nil {
		w.ordered = make([]int, len(w.Entries))
		for i := range w.ordered {
			w.ordered[i] = i
		}
		slices.SortFunc(w.ordered, func(a, b int) int { return bytes.Compare(w.Entries[a].Key, w.Entries[b].Key) })
	}
	lo, hi := w.place(from), len(w.ordered)
	if to != nil {
		hi = w.place(to)
	}
	return w.ordered[lo:max(lo, hi)]
}
