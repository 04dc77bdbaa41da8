package backup

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"strconv"
	"strings"

	"bothy/blob"
	"bothy/kv"

	"github.com/klauspost/compress/zstd"
)

// Reader reads a backup: first its pairs, then its blobs, then it knows whether all of it was there.
type Reader struct {
	Header Header

	from  *bufio.Reader
	sum   hash.Hash
	zip   *zstd.Decoder
	raw   []byte // of the frame
	kind  byte   // of the frame that is next
	body  []byte // its payload
	pairs []byte // what is left of a frame of pairs
	last  []byte // key or blob id that was read last
	found Trailer
	blob  *content // the one being read
	end   *Trailer // once it was read and fits
}

// NewReader reads the header. A backup in an envelope is ErrSealed: see Unseal.
func NewReader(from io.Reader) (*Reader, error) {
	zip, err := zstd.NewReader(nil, zstd.WithDecoderMaxMemory(maxPayload), zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	r := &Reader{from: bufio.NewReaderSize(from, 64<<10), sum: sha256.New(), zip: zip}
	if err := r.first(); err != nil {
		return nil, err
	}
	if err := r.next(); err != nil {
		return nil, err
	}
	if r.kind != kindHeader {
		return nil, damaged("no header")
	}
	if err := json.Unmarshal(r.body, &r.Header); err != nil {
		return nil, damaged("header: %v", err)
	}
	return r, r.next()
}

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(format, args...))
}

// first reads the line that names the format.
func (r *Reader) first() error {
	if start, err := r.from.Peek(len(envelope)); err == nil && string(start) == envelope {
		return ErrSealed
	}
	line, err := readLine(r.from)
	if err != nil {
		return err
	}
	text, ok := strings.CutPrefix(line, formatMark)
	version, err := strconv.Atoi(text)
	if !ok || err != nil || version < 1 {
		return ErrNoBackup
	}
	if version > Format {
		return fmt.Errorf("%w: %d, newer than %d", ErrNewer, version, Format)
	}
	r.sum.Write([]byte(line + "\n")) //nolint:errcheck // never fails (hash)
	return nil
}

// readLine reads a short line, which anything else than a backup is unlikely to begin with.
func readLine(from *bufio.Reader) (string, error) {
	var line []byte
	for len(line) < maxLine {
		c, err := from.ReadByte()
		if err == io.EOF {
			return "", ErrNoBackup
		} else if err != nil {
			return "", err
		}
		if c == '\n' {
			return string(line), nil
		}
		line = append(line, c)
	}
	return "", ErrNoBackup
}

// next reads the next frame; after the trailer there is none.
func (r *Reader) next() error {
	r.raw = append(r.raw[:0], 0, 0, 0, 0, 0)
	if err := r.fill(r.raw); err != nil {
		return err
	}
	n := binary.BigEndian.Uint32(r.raw[1:])
	if n > maxPayload {
		return damaged("a frame of %d bytes", n)
	}
	r.raw = append(r.raw, make([]byte, n+4)...)
	if err := r.fill(r.raw[5:]); err != nil {
		return err
	}
	frame, crc := r.raw[:5+n], binary.BigEndian.Uint32(r.raw[5+n:])
	if crc32.Checksum(frame, crcTable) != crc {
		return damaged("a frame's checksum does not fit")
	}
	var err error
	if r.body, err = r.zip.DecodeAll(frame[5:], r.body[:0]); err != nil {
		return damaged("a frame does not unpack: %v", err)
	}
	if r.kind = frame[0]; r.kind != kindTrailer {
		r.sum.Write(r.raw) //nolint:errcheck // never fails (hash)
	}
	return nil
}

func (r *Reader) fill(b []byte) error {
	_, err := io.ReadFull(r.from, b)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return damaged("it was cut off")
	}
	return err
}

// Pair gives the next pair, in key order, and io.EOF after the last. k and v are valid until the next call.
func (r *Reader) Pair() (k, v []byte, err error) {
	for len(r.pairs) == 0 {
		if r.kind != kindPairs {
			return nil, nil, io.EOF
		}
		r.pairs = append(r.pairs, r.body...)
		if err := r.next(); err != nil {
			return nil, nil, err
		}
	}
	k, rest, ok := cut(r.pairs)
	v, rest, ok2 := cut(rest)
	if !ok || !ok2 || len(k) == 0 || len(k) > kv.MaxKeyBytes || len(v) > kv.MaxValueBytes {
		return nil, nil, damaged("malformed pair")
	}
	if bytes.Compare(k, r.last) <= 0 {
		return nil, nil, damaged("pairs are out of order")
	}
	r.last = append(r.last[:0], k...)
	r.found.Pairs++
	r.found.PairBytes += int64(len(k) + len(v))
	if r.pairs = rest; len(rest) == 0 {
		r.pairs = nil // k and v lie in it
	}
	return k, v, nil
}

func cut(b []byte) (text, rest []byte, ok bool) {
	n, used := binary.Uvarint(b)
	if used <= 0 || n > uint64(len(b)-used) {
		return nil, nil, false
	}
	return b[used : used+int(n)], b[used+int(n):], true
}

// Blob gives the next blob, whose content is to be read before the next call, and io.EOF after the last: then the trailer was
// read and fits. Pairs not asked for are skipped.
func (r *Reader) Blob() (blob.Info, io.Reader, error) {
	if err := r.skip(); err != nil {
		return blob.Info{}, nil, err
	}
	switch r.kind {
	case kindTrailer:
		return blob.Info{}, nil, r.finish()
	case kindBlob:
	default:
		return blob.Info{}, nil, damaged("an unknown frame")
	}
	size, used := binary.Uvarint(r.body[min(sha256.Size, len(r.body)):])
	if used <= 0 || len(r.body) != sha256.Size+used || int64(size) < 0 {
		return blob.Info{}, nil, damaged("malformed blob")
	}
	info := blob.Info{ID: hex.EncodeToString(r.body[:sha256.Size]), Size: int64(size)}
	if r.found.Blobs > 0 && info.ID <= string(r.last) {
		return blob.Info{}, nil, damaged("blobs are out of order")
	}
	r.last = append(r.last[:0], info.ID...)
	r.found.Blobs++
	r.found.BlobBytes += info.Size
	r.blob = &content{r: r, hash: sha256.New(), left: info.Size, id: info.ID}
	return info, r.blob, r.next()
}

// skip goes to the end of what is being read.
func (r *Reader) skip() error {
	if r.blob != nil {
		if _, err := io.Copy(io.Discard, r.blob); err != nil {
			return err
		}
		r.blob = nil
		return nil
	}
	for {
		if _, _, err := r.Pair(); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// content is what a blob holds; it fails at the end when that is not what the blob's id says.
type content struct {
	r    *Reader
	hash hash.Hash
	rest []byte
	left int64
	id   string
}

func (c *content) Read(p []byte) (int, error) {
	if len(c.rest) == 0 {
		if c.left == 0 {
			if hex.EncodeToString(c.hash.Sum(nil)) != c.id {
				return 0, damaged("blob %s has other content", c.id)
			}
			return 0, io.EOF
		}
		if c.r.kind != kindData || len(c.r.body) == 0 || int64(len(c.r.body)) > c.left {
			return 0, damaged("blob %s has another size", c.id)
		}
		c.hash.Write(c.r.body) //nolint:errcheck // never fails (hash)
		c.left -= int64(len(c.r.body))
		c.rest = append(c.rest, c.r.body...)
		if err := c.r.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, c.rest)
	if c.rest = c.rest[n:]; len(c.rest) == 0 {
		c.rest = nil
	}
	return n, nil
}

// finish compares the trailer with what was read; io.EOF says that it fits.
func (r *Reader) finish() error {
	if r.end != nil {
		return io.EOF
	}
	var t Trailer
	if err := json.Unmarshal(r.body, &t); err != nil {
		return damaged("trailer: %v", err)
	}
	if r.found.SHA256 = r.sum.Sum(nil); !bytes.Equal(r.found.SHA256, t.SHA256) {
		return damaged("the checksum of all does not fit")
	}
	if t.Pairs != r.found.Pairs || t.PairBytes != r.found.PairBytes || t.Blobs != r.found.Blobs || t.BlobBytes != r.found.BlobBytes {
		return damaged("%d pairs and %d blobs were found, %d and %d written", r.found.Pairs, r.found.Blobs, t.Pairs, t.Blobs)
	}
	if _, err := r.from.ReadByte(); err == nil {
		return damaged("something follows its end")
	} else if err != io.EOF {
		return err
	}
	r.end = &t
	return io.EOF
}

// Finish reads what is left and returns the trailer, or tells what is wrong.
func (r *Reader) Finish() (Trailer, error) {
	for {
		if _, _, err := r.Blob(); err == io.EOF {
			return *r.end, nil
		} else if err != nil {
			return Trailer{}, err
		}
	}
}
