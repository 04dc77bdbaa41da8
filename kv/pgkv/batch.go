package pgkv

import (
	"crypto/rand"

	"bothy/kv/overlay"
)

// batch is the parameters of a commit.
type batch struct {
	token                           []byte
	readOf, readKeys, readValues    *array
	spanOf, spanFrom, spanTo, pairs *array
	putOf, putKeys, putValues       *array
	delOf, delKeys                  *array
	topicOf, topics                 *array
}

func emptyBatch() *batch {
	b := &batch{token: make([]byte, 16)}
	rand.Read(b.token) //nolint:errcheck // never fails
	i, y := func() *array { return newArray(typeInt4, 64) }, func() *array { return newArray(typeBytes, 1<<10) }
	b.readOf, b.readKeys, b.readValues = i(), y(), y()
	b.spanOf, b.spanFrom, b.spanTo, b.pairs = i(), y(), y(), newArray(typeInt8, 0)
	b.putOf, b.putKeys, b.putValues, b.delOf, b.delKeys = i(), y(), y(), i(), y()
	b.topicOf, b.topics = i(), newArray(typeText, 0)
	return b
}

func newBatch(members []*request) *batch {
	b := emptyBatch()
	for i, r := range members {
		b.check(i, r.txn)
		b.write(i, &r.txn.writes, r.txn.topics)
	}
	return b
}

// check has the commit look again at what t read.
func (b *batch) check(i int, t *txn) {
	for j := range t.known.Entries {
		e := &t.known.Entries[j]
		b.readOf.int4(i)
		b.readKeys.bytes(e.Key)
		if e.Deleted {
			b.readValues.bytes(nil)
		} else {
			b.readValues.bytes(e.Value)
		}
	}
	for _, s := range t.spans {
		to := s.to
		if to == nil {
			to = end()
		}
		b.spanOf.int4(i)
		b.spanFrom.bytes(s.from)
		b.spanTo.bytes(to)
		b.pairs.int8(s.pairs)
	}
}

func (b *batch) write(i int, w *overlay.Writes, topics []string) {
	for j := range w.Entries {
		e := &w.Entries[j]
		if e.Deleted {
			b.delOf.int4(i)
			b.delKeys.bytes(e.Key)
			continue
		}
		b.putOf.int4(i)
		b.putKeys.bytes(e.Key)
		b.putValues.bytes(e.Value)
	}
	for _, t := range topics {
		b.topicOf.int4(i)
		b.topics.bytes([]byte(t))
	}
}

// calls are the statements from the verdict to the commit.
func (b *batch) calls(e *Engine) []call {
	calls := []call{b.verdict()}
	if b.putOf.n > 0 {
		calls = append(calls, call{name: put, params: [][]byte{b.token, b.putOf.done(), b.putKeys.done(), b.putValues.done()}})
	}
	if b.delOf.n > 0 {
		calls = append(calls, call{name: del, params: [][]byte{b.token, b.delOf.done(), b.delKeys.done()}})
	}
	if b.topicOf.n > 0 && e.canListen {
		calls = append(calls, call{name: notify, params: [][]byte{b.token, b.topicOf.done(), b.topics.done(), []byte(e.channel)}})
	}
	return append(calls, call{name: commit})
}

// verdict is the statement that writes the token, and who has lost. Its simpler forms cost the database half.
func (b *batch) verdict() call {
	c := call{name: token, params: [][]byte{b.token}}
	if b.readOf.n > 0 || b.spanOf.n > 0 {
		c.name, c.params = verdict, append(c.params, b.readOf.done(), b.readKeys.done(), b.readValues.done())
	}
	if b.spanOf.n > 0 {
		c.name, c.params = verdictSpans, append(c.params, b.spanOf.done(), b.spanFrom.done(), b.spanTo.done(), b.pairs.done())
	}
	return c
}
