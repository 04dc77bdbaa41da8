// Package backup is the portable form of everything a node keeps: a stream of rows in key order, then of the blobs they name.
// It does not depend on the engines it was read from or is restored to, and knows nothing of what rows mean: its caller says
// which blobs a row names.
//
// The stream is a line "bothy backup 1" and frames. A frame is its kind (1 byte), the length of its payload (4 bytes, big
// endian), the payload (zstd) and a CRC-32C of all that (4 bytes, big endian). In this order:
//
//	'H'  Header (JSON), once
//	'P'  pairs: length of key (uvarint), key, length of value (uvarint), value; again and again
//	'B'  a blob begins: SHA-256 of its content (32 bytes), size (uvarint)
//	'D'  content of the blob, until its size is reached
//	'T'  Trailer (JSON), once: counts, and the SHA-256 of every byte before this frame
//
// Nothing follows the trailer: what has none was cut off. Keys ascend, so do blobs. In a sealed backup the same stream, after a
// line with the node's master key, lies in an age envelope (see Seal).
package backup

import (
	"errors"
	"time"
)

// Format is the version of the stream that this code writes; it reads it and all older ones.
const Format = 1

const (
	formatMark = "bothy backup "
	maxLine    = 128 // bytes of the first line
)

// Frames are filled up to frameBytes; the largest holds one more pair.
const (
	frameBytes = 1 << 20
	maxPayload = 4 << 20 // of a frame, compressed or not
)

const (
	kindHeader  = 'H'
	kindPairs   = 'P'
	kindBlob    = 'B'
	kindData    = 'D'
	kindTrailer = 'T'
)

// Errors of reading.
var (
	ErrNewer    = errors.New("backup: of a newer format than this program knows")
	ErrNoBackup = errors.New("backup: this is no backup")
	ErrDamaged  = errors.New("backup: damaged")
	ErrSealed   = errors.New("backup: sealed with a passphrase")
)

// Header says where a backup is from.
type Header struct {
	Created time.Time // the rows are as of this moment: all that was acknowledged before is in them
	Account string    `json:",omitempty"`
	DataKey []byte    `json:",omitempty"` // the node's data key under its master key: tells whether a master key is the right one
	Anchor  []byte    `json:",omitempty"` // key of a row that was written for this backup, just before: finds the moment in a retained log
}

// Trailer says what a backup holds.
type Trailer struct {
	Pairs     int64
	PairBytes int64 // keys and values
	Blobs     int64
	BlobBytes int64
	SHA256    []byte // of all that comes before the trailer
}
