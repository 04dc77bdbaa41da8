package pebblekv

import "hash/maphash"

// window remembers the keys written by recent groups, so that the committer can tell whether what a transaction read has
// changed. It forgets in two generations; a transaction older than both counts as lost.
type window struct {
	last        uint64            // newest sequence noted
	now, before map[uint64]uint64 // hash of key → sequence of its last write
	nowAfter    uint64            // now holds what came after this sequence
	floor       uint64            // before and now hold everything after this one
	keys        []written         // the same writes in order, for spans
	bytes       int               // of keys noted since the last turn
}

type written struct {
	seq uint64
	key []byte
}

// A generation ends at this many keys or bytes.
const (
	windowKeys  = 1 << 15
	windowBytes = 4 << 20
)

func newWindow() window {
	return window{now: map[uint64]uint64{}, before: map[uint64]uint64{}}
}

// note remembers a write of group seq; the slice is kept.
func (w *window) note(seq uint64, seed maphash.Seed, key []byte) {
	w.last = seq
	w.now[maphash.Bytes(seed, key)] = seq
	w.keys = append(w.keys, written{seq, key})
	w.bytes += len(key)
}

// turn ends a generation when it is full. Called between groups.
func (w *window) turn() {
	if len(w.now) < windowKeys && w.bytes < windowBytes {
		return
	}
	w.floor, w.nowAfter = w.nowAfter, w.last
	w.before, w.now = w.now, make(map[uint64]uint64)
	w.bytes = 0
	drop := 0
	for drop < len(w.keys) && w.keys[drop].seq <= w.floor {
		drop++
	}
	w.keys = append([]written(nil), w.keys[drop:]...)
}

// wrote says whether a key with this hash was written after the sequence at, or may have been.
func (w *window) wrote(h, at uint64) bool {
	return at < w.floor || w.now[h] > at || w.before[h] > at
}

// lost says whether something t read was written after its snapshot.
func (w *window) lost(t *txn) bool {
	if t.at >= w.last || len(t.reads) == 0 && len(t.spans) == 0 {
		return false
	}
	if t.at < w.floor {
		return true
	}
	for _, h := range t.reads {
		if w.wrote(h, t.at) {
			return true
		}
	}
	if len(t.spans) == 0 {
		return false
	}
	for i := len(w.keys) - 1; i >= 0 && w.keys[i].seq > t.at; i-- {
		if t.scanned(w.keys[i].key) {
			return true
		}
	}
	return false
}
