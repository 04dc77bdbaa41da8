// Package blob is the floor for large bytes: content-addressed, immutable, durable before the row that names them commits.
// Engines (memblob, fileblob, s3blob) implement Engine and pass the suite in blobtest. It knows nothing of rows: Sweep asks its
// caller which blobs are named.
//
// The rule that keeps sweeping safe: a row names a blob within the engine's grace after the blob was Put, or because another
// row named it in the same transaction. Where several processes share a store, who names a blob also makes sure, in the
// transaction that names it, that nobody is deleting it (objects.Keep).
package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// ErrNotFound says that no blob has the id.
var ErrNotFound = errors.New("blob: not found")

// Info is what is known of a blob.
type Info struct {
	ID   string // hex SHA-256 of the content
	Size int64
}

// ErrRange says that a read begins outside the blob.
var ErrRange = errors.New("blob: offset outside the blob")

// ErrFull refuses a Put while the store has too little room; it goes away by itself, as its method tells those above.
var ErrFull = error(full{})

type full struct{}

func (full) Error() string { return "blob: the disk is full" }

// Temporary tells that the same Put may succeed later.
func (full) Temporary() bool { return true }

// Engine is what a store of bytes implements.
type Engine interface {
	// Put stores everything r gives and returns when it is durable. When r fails nothing is kept. Bytes that are already
	// there become young again.
	Put(ctx context.Context, r io.Reader) (Info, error)
	// Open reads length bytes from offset (length < 0: to the end; a longer one ends at the end). It fails with ErrNotFound,
	// or with ErrRange when offset is beyond the end.
	Open(ctx context.Context, id string, offset, length int64) (io.ReadCloser, error)
	Stat(ctx context.Context, id string) (Info, error)
	// Delete removes a blob, whoever names it; an absent one is no error.
	Delete(ctx context.Context, id string) error
	// DeleteOld removes a blob unless it is younger than the engine's grace at that moment, so that what was just put again
	// stays. A Put of the same bytes by another process may fall in between.
	DeleteOld(ctx context.Context, id string) error
	// Walk calls fn for every blob older than the engine's grace, until it fails; for the sweeper. fn may delete.
	Walk(ctx context.Context, fn func(Info) error) error
	// Claim makes the place one owner's for good, the first that claims it, and returns whose it is.
	Claim(ctx context.Context, owner string) (string, error)
	Close() error
}

// ValidID says whether id can be a blob's: the lower-case hex of a SHA-256.
func ValidID(id string) bool {
	if len(id) != 64 {
		return false
	}
	for _, c := range []byte(id) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// Clip gives engines the bytes that Open means in a blob of size bytes.
func Clip(size, offset, length int64) (from, n int64, err error) {
	if offset < 0 || offset > size {
		return 0, 0, fmt.Errorf("%w: %d of %d bytes", ErrRange, offset, size)
	}
	if length < 0 || length > size-offset {
		length = size - offset
	}
	return offset, length, nil
}

// Sweep deletes the old blobs for which named says no, and returns how many bytes went. named looks in one View, so that a
// name which moves from row to row is seen.
func Sweep(ctx context.Context, e Engine, named func(ctx context.Context, id string) (bool, error)) (freed int64, err error) {
	err = e.Walk(ctx, func(info Info) error {
		keep, err := named(ctx, info.ID)
		if err != nil || keep {
			return err
		}
		if err := e.DeleteOld(ctx, info.ID); err != nil {
			return err
		}
		freed += info.Size
		return nil
	})
	return freed, err
}
