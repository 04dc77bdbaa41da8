package objects

import (
	"context"
	"errors"
	"fmt"
	"io"

	"bothy/blob"
	"bothy/kv"
)

// piece is a run of bytes of one blob.
type piece struct {
	blob           string
	offset, length int64
}

// open reads a run of an object's bytes. The first piece is opened at once, so that what is missing is an error and not a
// broken answer.
func (s *Service) open(ctx context.Context, o *object, run span) (io.ReadCloser, error) {
	list, err := s.pieces(ctx, o, run)
	if err != nil {
		return nil, err
	}
	r := &content{ctx: ctx, blobs: s.cfg.Blobs, rest: list}
	if err := r.next(); err != nil && err != io.EOF {
		if errors.Is(err, blob.ErrNotFound) {
			return nil, tryAgain() // replaced and swept since its row was read
		}
		return nil, err
	}
	return r, nil
}

func (s *Service) pieces(ctx context.Context, o *object, run span) ([]piece, error) {
	if run.length == 0 {
		return nil, nil
	}
	if o.Upload == "" {
		return []piece{{o.Blob, run.offset, run.length}}, nil
	}
	var list []*part
	err := s.cfg.DB.View(ctx, func(tx *kv.Tx) (err error) {
		list, err = s.allParts(tx, o.Upload)
		return err
	})
	if err != nil {
		return nil, err
	}
	return cut(list, run), nil
}

// cut takes a run out of parts that follow each other.
func cut(list []*part, run span) []piece {
	var out []piece
	at := int64(0)
	for _, p := range list {
		from, to := max(run.offset, at), min(run.offset+run.length, at+p.Size)
		if from < to {
			out = append(out, piece{p.Blob, from - at, to - from})
		}
		at += p.Size
	}
	return out
}

// allParts reads the parts of an upload, in order.
func (s *Service) allParts(tx *kv.Tx, upload string) ([]*part, error) {
	return parts.All(tx, s.scope(), "", upload)
}

// content reads pieces one after the other.
type content struct {
	ctx   context.Context
	blobs blob.Engine
	rest  []piece
	now   io.ReadCloser // nil at the end
	left  int64         // of now
}

func (r *content) next() error {
	if len(r.rest) == 0 {
		return io.EOF
	}
	p := r.rest[0]
	r.rest = r.rest[1:]
	var err error
	r.now, err = r.blobs.Open(r.ctx, p.blob, p.offset, p.length)
	r.left = p.length
	return err
}

func (r *content) Read(b []byte) (int, error) {
	for r.now == nil || r.left == 0 {
		if err := r.Close(); err != nil {
			return 0, err
		}
		if err := r.next(); err != nil {
			return 0, err
		}
	}
	if int64(len(b)) > r.left {
		b = b[:r.left]
	}
	n, err := r.now.Read(b)
	r.left -= int64(n)
	switch {
	case r.left == 0:
		return n, nil
	case err == io.EOF:
		return n, fmt.Errorf("objects: a blob is %d bytes short", r.left)
	}
	return n, err
}

// Close ends the reading.
func (r *content) Close() error {
	if r.now == nil {
		return nil
	}
	now := r.now
	r.now = nil
	return now.Close()
}
