package s3blob

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"

	"bothy/blob"
)

// spoolMemory is how much content is spooled in memory; larger content goes to a file.
const spoolMemory = 1 << 20

// spooled is content whose hash and size are known, to be read again.
type spooled struct {
	content
	info blob.Info
	file *os.File // nil when it is in memory
}

type content interface {
	io.ReadSeeker
	io.ReaderAt
}

// spool takes all of r. A file of it has no name: it goes with the process.
func spool(ctx context.Context, r io.Reader) (*spooled, error) {
	hash := sha256.New()
	src := io.TeeReader(reader{ctx, r}, hash)
	var start bytes.Buffer
	n, err := io.Copy(&start, io.LimitReader(src, spoolMemory))
	if err != nil {
		return nil, err
	}
	s := &spooled{content: bytes.NewReader(start.Bytes())}
	if n == spoolMemory {
		if s.file, err = unnamed(); err != nil {
			return nil, err
		}
		n, err = io.Copy(s.file, io.MultiReader(&start, src))
		if err == nil {
			_, err = s.file.Seek(0, io.SeekStart)
		}
		if err != nil {
			s.close()
			return nil, err
		}
		s.content = s.file
	}
	s.info = blob.Info{ID: hex.EncodeToString(hash.Sum(nil)), Size: n}
	return s, nil
}

func unnamed() (*os.File, error) {
	f, err := os.CreateTemp("", "bothy-spool-")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (s *spooled) close() {
	if s.file != nil {
		s.file.Close() //nolint:errcheck // it has no name and no use any more
	}
}

// reader stops when ctx ends.
type reader struct {
	ctx context.Context
	r   io.Reader
}

func (r reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}
