package pebblekv

import (
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
)

// snapshot is a Pebble snapshot shared by all who began while it was the newest durable one.
type snapshot struct {
	reader *pebble.Snapshot
	seq    uint64 // of the last group it holds
	refs   atomic.Int64
	view   view // for all who read it
}

// snapshot holds what is applied, with one reference, the publisher's.
func (s *store) snapshot(seq uint64) *snapshot {
	now := &snapshot{reader: s.db.NewSnapshot(), seq: seq}
	now.view = view{from: now.reader, hot: &s.hot, at: seq}
	now.refs.Store(1)
	return now
}

// acquire takes a reference on the snapshot that p points to. One whose count has reached zero was replaced meanwhile.
func acquire(p *atomic.Pointer[snapshot]) *snapshot {
	for {
		s := p.Load()
		for n := s.refs.Load(); n > 0; n = s.refs.Load() {
			if s.refs.CompareAndSwap(n, n+1) {
				return s
			}
		}
	}
}

func (s *snapshot) release() {
	if s.refs.Add(-1) == 0 {
		s.reader.Close() //nolint:errcheck // a snapshot's Close has nothing that fails
	}
}
