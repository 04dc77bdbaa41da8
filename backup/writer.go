package backup

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"hash/crc32"
	"io"

	"bothy/blob"

	"github.com/klauspost/compress/zstd"
)

// writer makes the stream.
type writer struct {
	to    io.Writer
	sum   hash.Hash
	zip   *zstd.Encoder
	pairs []byte // of the frame under construction
	frame []byte // reused
	done  Trailer
}

var crcTable = crc32.MakeTable(crc32.Castagnoli)

func newWriter(to io.Writer) (*writer, error) {
	zip, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	return &writer{to: to, sum: sha256.New(), zip: zip}, nil
}

func (w *writer) header(h Header) error {
	if err := w.write(fmt.Appendf(nil, "%s%d\n", formatMark, Format)); err != nil {
		return err
	}
	return w.json(kindHeader, h)
}

func (w *writer) json(kind byte, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return w.put(kind, text)
}

// put writes a frame.
func (w *writer) put(kind byte, payload []byte) error {
	f := append(w.frame[:0], kind, 0, 0, 0, 0)
	f = w.zip.EncodeAll(payload, f)
	binary.BigEndian.PutUint32(f[1:], uint32(len(f)-5))
	f = binary.BigEndian.AppendUint32(f, crc32.Checksum(f, crcTable))
	w.frame = f
	return w.write(f)
}

func (w *writer) write(b []byte) error {
	w.sum.Write(b) //nolint:errcheck // never fails (hash)
	_, err := w.to.Write(b)
	return err
}

func (w *writer) pair(k, v []byte) error {
	w.pairs = append(binary.AppendUvarint(w.pairs, uint64(len(k))), k...)
	w.pairs = append(binary.AppendUvarint(w.pairs, uint64(len(v))), v...)
	w.done.Pairs++
	w.done.PairBytes += int64(len(k) + len(v))
	if len(w.pairs) < frameBytes {
		return nil
	}
	return w.flush()
}

func (w *writer) flush() error {
	if len(w.pairs) == 0 {
		return nil
	}
	err := w.put(kindPairs, w.pairs)
	w.pairs = w.pairs[:0]
	return err
}

// blob copies a blob, and fails unless its content is what its id says.
func (w *writer) blob(info blob.Info, r io.Reader) error {
	id, err := hex.DecodeString(info.ID)
	if err != nil {
		return err
	}
	if err := w.put(kindBlob, binary.AppendUvarint(id, uint64(info.Size))); err != nil {
		return err
	}
	hash, buf, left := sha256.New(), make([]byte, frameBytes), info.Size
	for left > 0 {
		n, err := io.ReadFull(r, buf[:min(left, frameBytes)])
		if err != nil {
			return fmt.Errorf("backup: blob %s: %w", info.ID, err)
		}
		hash.Write(buf[:n]) //nolint:errcheck // never fails (hash)
		if left -= int64(n); left == 0 && hex.EncodeToString(hash.Sum(nil)) != info.ID {
			return fmt.Errorf("backup: the store has other content for blob %s than its name says", info.ID)
		}
		if err := w.put(kindData, buf[:n]); err != nil {
			return err
		}
	}
	w.done.Blobs++
	w.done.BlobBytes += info.Size
	return nil
}

func (w *writer) trailer() (Trailer, error) {
	w.done.SHA256 = w.sum.Sum(nil)
	return w.done, w.json(kindTrailer, w.done)
}
