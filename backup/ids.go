package backup

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"bothy/blob"
)

// IDs is a set of ids of blobs, 32 bytes each.
type IDs struct {
	list   []digest
	sorted bool
}

type digest = [sha256.Size]byte

func compare(a, b digest) int { return bytes.Compare(a[:], b[:]) }

// Add puts ids into the set.
func (s *IDs) Add(ids ...string) error {
	for _, id := range ids {
		b, err := parse(id)
		if err != nil {
			return err
		}
		s.list, s.sorted = append(s.list, b), false
	}
	return nil
}

func parse(id string) (b digest, err error) {
	if !blob.ValidID(id) {
		return b, fmt.Errorf("backup: %.80q is no id of a blob", id)
	}
	_, err = hex.Decode(b[:], []byte(id))
	return b, err
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
	b, err := parse(id)
	if err != nil {
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
