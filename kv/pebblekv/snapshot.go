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
}

// newSnapshot holds one reference, the publisher's.
func newSnapshot(db *pebble.DB, seq uint64) *snapshot {
	s := &snapshot{reader: db.NewSnapshot(), seq: seq}
	s.refs.Store(1)
	return s
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
