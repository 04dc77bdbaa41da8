package pebblekv

import (
	"hash/maphash"
	"math"
	"sync"
	"sync/atomic"
)

// hot keeps small values that are asked for again and again: without it each read of a session, a role or a table's definition
// goes through the write buffer and several tables of the store.
//
// A value is kept with the sequence of the snapshot it was read from, and is that of every later snapshot too until a group
// writes its key: forget runs after that group's fsync and before its snapshot is published, so who reads the new snapshot cannot
// find the old value. Who still reads an older one could put it back meanwhile; since forbids it.
type hot struct {
	since  atomic.Uint64 // values read from snapshots before this one are not taken any more
	seed   maphash.Seed
	shards [hotShards]hotShard
}

const (
	hotShards   = 16
	hotBytes    = 256 << 10 // of keys and values in a shard; a full one starts anew
	hotValue    = 8 << 10   // longer values are not kept
	hotAsked    = 1 << 10   // of a shard's keys that were asked for once
	hotOverhead = 128       // of an entry
)

type hotShard struct {
	mu    sync.RWMutex
	known map[string]hotEntry
	bytes int
	asked [hotAsked]atomic.Uint32 // hashes, so that what is asked for once only does not push out the rest
}

type hotEntry struct {
	value []byte // shared with all who read it, never changed
	seq   uint64
}

func (h *hot) shard(key []byte) (*hotShard, uint64) {
	sum := maphash.Bytes(h.seed, key)
	return &h.shards[sum%hotShards], sum / hotShards
}

// get returns the value of key in the snapshot seq, nil when it is not kept.
func (h *hot) get(key []byte, seq uint64) []byte {
	s, _ := h.shard(key)
	s.mu.RLock()
	e, ok := s.known[string(key)]
	s.mu.RUnlock()
	if !ok || seq < e.seq {
		return nil
	}
	return e.value
}

// settled is the value of key before the group under construction, when it is kept and no group that is not yet durable wrote the
// key. It is for turns alone: while one runs, the window does not change.
func (s *store) settled(key []byte) []byte {
	durable := s.durable.Load().seq // first: what is kept after it was published is no older
	if s.window.wrote(maphash.Bytes(s.seed, key), durable) {
		return nil
	}
	return s.hot.get(key, math.MaxUint64)
}

// offer keeps a value that was read from the snapshot seq, when its key is asked for again.
func (h *hot) offer(key, value []byte, seq uint64) {
	if len(value) > hotValue {
		return
	}
	s, sum := h.shard(key)
	if asked := &s.asked[sum%hotAsked]; asked.Swap(uint32(sum/hotAsked)) != uint32(sum/hotAsked) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if seq < h.since.Load() {
		return
	}
	size := len(key) + len(value) + hotOverhead
	if s.known == nil || s.bytes+size > hotBytes {
		s.known, s.bytes = map[string]hotEntry{}, 0
	}
	if _, again := s.known[string(key)]; !again {
		s.bytes += size
	}
	s.known[string(key)] = hotEntry{value, seq}
}

// forget drops what the group seq wrote.
func (h *hot) forget(g *group) {
	h.since.Store(g.seq)
	for _, e := range g.written() {
		s, _ := h.shard(e.Key)
		s.mu.RLock()
		_, known := s.known[string(e.Key)]
		s.mu.RUnlock()
		if known { // seldom; and who offers it now is too late, by since
			s.drop(e.Key)
		}
	}
}

func (s *hotShard) drop(key []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e, ok := s.known[string(key)]; ok {
		s.bytes -= len(key) + len(e.value) + hotOverhead
		delete(s.known, string(key))
	}
}
