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

	room [2]entry // for entries: most transactions need no more
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
	w.keep(entry{bytes.Clone(key), append([]byte{}, value...), deleted})
}

func (w *writes) keep(n entry) {
	w.bytes += len(n.value)
	if e := w.find(n.key); e != nil {
		e.value, e.deleted = n.value, n.deleted
		return
	}
	w.bytes += len(n.key)
	if w.entries == nil {
		w.entries = w.room[:0]
	}
	w.entries = append(w.entries, n)
	last := len(w.entries) - 1
	if w.byKey != nil {
		w.byKey[string(n.key)] = last
	} else if len(w.entries) > few {
		w.byKey = make(map[string]int, 4*few)
		for i := range w.entries {
			w.byKey[string(w.entries[i].key)] = i
		}
	}
	if w.ordered != nil {
		w.ordered = slices.Insert(w.ordered, w.place(n.key), last)
	}
}

// place is where key stands, or would stand, in ordered.
func (w *writes) place(key []byte) int {
	i, _ := slices.BinarySearchFunc(w.ordered, key, func(i int, key []byte) int { return bytes.Compare(w.entries[i].key, key) })
	return i
}

// between returns the places of the entries with keys in [from, to), by key.
func (w *writes) between(from, to []byte) []int {
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
	return w.ordered[lo:max(lo, hi)]
}

// layers walks a transaction's own writes, as they were when the walk began, over those of the group below it.
type layers struct {
	own     []entry
	group   *writes // not changed while a transaction runs on it
	rest    []int   // of group
	reverse bool
}

func newLayers(own, group *writes, from, to []byte, reverse bool) layers {
	l := layers{group: group, reverse: reverse}
	for _, i := range own.between(from, to) {
		l.own = append(l.own, own.entries[i])
	}
	if reverse {
		slices.Reverse(l.own)
	}
	if group != nil {
		l.rest = group.between(from, to)
	}
	return l
}

// peek is the next entry in the order of the walk, nil at the end. An own one hides the group's.
func (l *layers) peek() *entry {
	if len(l.rest) == 0 {
		if len(l.own) == 0 {
			return nil
		}
		return &l.own[0]
	}
	below := l.below()
	if len(l.own) > 0 && l.compare(l.own[0].key, below.key) <= 0 {
		return &l.own[0]
	}
	return below
}

// pop goes beyond the entry that peek showed.
func (l *layers) pop() {
	e := l.peek()
	if len(l.rest) > 0 && l.compare(l.below().key, e.key) == 0 {
		if l.reverse {
			l.rest = l.rest[:len(l.rest)-1]
		} else {
			l.rest = l.rest[1:]
		}
	}
	if len(l.own) > 0 && e == &l.own[0] {
		l.own = l.own[1:]
	}
}

func (l *layers) below() *entry {
	if l.reverse {
		return &l.group.entries[l.rest[len(l.rest)-1]]
	}
	return &l.group.entries[l.rest[0]]
}

// compare orders keys as the walk meets them.
func (l *layers) compare(a, b []byte) int {
	if l.reverse {
		return bytes.Compare(b, a)
	}
	return bytes.Compare(a, b)
}
