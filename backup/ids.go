package backup

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"slices"
)

// IDs is a set of ids of blobs, 32 bytes each.
type IDs struct {
	list   []digest
	sorted bool
}

type digest = [sha256.Size]byte

func compare(a, b digest) int { return bytes.Compare(a[:], b[:]) }

// Add puts ids into the set; what is no id of a blob is not kept.
func (s *IDs) Add(ids ...string) {
	for _, id := range ids {
		var b digest
		if n, err := hex.Decode(b[:], []byte(id[:min(len(id), 2*sha256.Size)])); err == nil && n == sha256.Size {
			s.list, s.sorted = append(s.list, b), false
		}
	}
}

func (s *IDs) sort() {
	if !s.sorted {
		slices.SortFunc(s.list, compare)
		s.list, s.sorted = slices.Compact(s.list), true
	}
}

// Each calls fn for every id, in order, until it fails.
func (s *IDs) Each(fn func(id string) error) error {
	s.sort()
	for i := range s.list {
		if err := fn(hex.EncodeToString(s.list[i][:])); err != nil {
			return err
		}
	}
	return nil
}

// Has tells whether an id is in the set.
func (s *IDs) Has(id string) bool {
	s.sort()
	var b digest
	if n, err := hex.Decode(b[:], []byte(id)); err != nil || n != sha256.Size {
		return false
	}
	_, found := slices.BinarySearchFunc(s.list, b, compare)
	return found
}

// Len is how many ids there are.
func (s *IDs) Len() int {
	s.sort()
	return len(s.list)
}
