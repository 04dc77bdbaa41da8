package overlay

import (
	"bytes"
	"slices"
)

// Cursor walks stored pairs in the order of a scan.
type Cursor interface {
	// Next goes to the first pair, then to the one after. It is false at the end, and after an error, which the owner asks for.
	Next() bool
	// Key and Value are those of the pair it stands on, valid until Next.
	Key() []byte
	Value() []byte
}

// Scan calls fn for at most limit pairs in [from, to) until it returns false: those of stored, which has no others, with the
// writes of group (nil: none) and then own on top, as they are when it begins. It returns a copy of the last key shown, nil when
// it came to the end.
func Scan(stored Cursor, own, group *Writes, from, to []byte, limit int, reverse bool, fn func(k, v []byte) bool) (last []byte) {
	m := merge{stored: stored, written: newLayers(own, group, from, to, reverse), fromStored: true}
	seen := 0
	for m.next(); m.key != nil; m.next() {
		seen++
		if seen == limit {
			last = bytes.Clone(m.key)
		}
		if !fn(m.key, m.value) {
			return bytes.Clone(m.key)
		}
		if seen == limit {
			break
		}
	}
	return last
}

// merge walks stored pairs and the writes above them together; a write hides the stored pair.
type merge struct {
	stored     Cursor
	written    layers
	ok         bool   // stored stands on a pair
	fromStored bool   // the current pair is stored's
	key, value []byte // nil key: the end
}

func (m *merge) next() {
	if m.fromStored {
		m.ok = m.stored.Next()
	}
	m.settle()
}

// settle finds the next pair to show.
func (m *merge) settle() {
	for e := m.written.peek(); e != nil; e = m.written.peek() {
		if m.ok {
			order := m.written.compare(e.Key, m.stored.Key())
			if order > 0 {
				break
			}
			if order == 0 {
				m.ok = m.stored.Next()
			}
		}
		m.written.pop()
		if !e.Deleted {
			m.key, m.value, m.fromStored = e.Key, e.Value, false
			return
		}
	}
	m.key, m.value, m.fromStored = nil, nil, true
	if m.ok {
		m.key, m.value = m.stored.Key(), m.stored.Value()
	}
}

// layers walks a transaction's own writes, as they were when the walk began, over those of the group below it.
type layers struct {
	own     []Entry
	group   *Writes // not changed while a transaction runs on it
	rest    []int   // of group
	reverse bool
}

func newLayers(own, group *Writes, from, to []byte, reverse bool) layers {
	l := layers{group: group, reverse: reverse}
	for _, i := range own.Between(from, to) {
		l.own = append(l.own, own.Entries[i])
	}
	if reverse {
		slices.Reverse(l.own)
	}
	if group != nil {
		l.rest = group.Between(from, to)
	}
	return l
}

// peek is the next Entry in the order of the walk, nil at the end. An own one hides the group's.
func (l *layers) peek() *Entry {
	if len(l.rest) == 0 {
		if len(l.own) == 0 {
			return nil
		}
		return &l.own[0]
	}
	below := l.below()
	if len(l.own) > 0 && l.compare(l.own[0].Key, below.Key) <= 0 {
		return &l.own[0]
	}
	return below
}

// pop goes beyond the Entry that peek showed.
func (l *layers) pop() {
	e := l.peek()
	if len(l.rest) > 0 && l.compare(l.below().Key, e.Key) == 0 {
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

func (l *layers) below() *Entry {
	if l.reverse {
		return &l.group.Entries[l.rest[len(l.rest)-1]]
	}
	return &l.group.Entries[l.rest[0]]
}

// compare orders keys as the walk meets them.
func (l *layers) compare(a, b []byte) int {
	if l.reverse {
		return bytes.Compare(b, a)
	}
	return bytes.Compare(a, b)
}
