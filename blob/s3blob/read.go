package s3blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/minio/minio-go/v7"

	"bothy/blob"
)

// Open implements blob.Engine. The first bytes are asked for before it returns, so that what is absent shows here.
func (e *Engine) Open(ctx context.Context, id string, offset, length int64) (io.ReadCloser, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !blob.ValidID(id) {
		return nil, blob.ErrNotFound
	}
	if offset < 0 || length == 0 {
		return e.nothing(ctx, id, offset)
	}
	r := &section{e: e, ctx: ctx, id: id, at: offset, end: offset + length}
	if length < 0 || r.end < offset { // to the end, also when the sum overflows
		r.end = -1
	}
	err := r.reopen()
	switch {
	case absent(err):
		return nil, blob.ErrNotFound
	case status(err) == http.StatusRequestedRangeNotSatisfiable:
		return e.nothing(ctx, id, offset)
	case err != nil:
		return nil, wrap("open", err)
	}
	return r, nil
}

// nothing is what a range without bytes reads, or why it cannot be.
func (e *Engine) nothing(ctx context.Context, id string, offset int64) (io.ReadCloser, error) {
	info, err := e.Stat(ctx, id)
	if err == nil {
		_, _, err = blob.Clip(info.Size, offset, 0)
	}
	if err != nil {
		return nil, err
	}
	return http.NoBody, nil
}

func status(err error) int {
	var r minio.ErrorResponse
	errors.As(err, &r)
	return r.StatusCode
}

// section reads a part of a blob, and goes on where it was when the connection is lost: a blob never changes.
type section struct {
	e    *Engine
	ctx  context.Context
	id   string
	at   int64 // of the next byte
	end  int64 // behind the last byte asked for, -1: of the blob
	body io.ReadCloser
	lost int // connections
}

// reopen asks for what is left, and learns where the blob ends.
func (r *section) reopen() error {
	o := minio.GetObjectOptions{}
	if r.end >= 0 {
		o.Set("Range", fmt.Sprintf("bytes=%d-%d", r.at, r.end-1))
	} else if r.at > 0 {
		o.Set("Range", fmt.Sprintf("bytes=%d-", r.at))
	}
	body, info, _, err := r.e.s3.GetObject(r.ctx, r.e.bucket, r.e.key(r.id), o)
	if err != nil {
		return err
	}
	r.body, r.end = body, r.at+info.Size // the size of what this answer brings
	return nil
}

func (r *section) Read(p []byte) (int, error) {
	for {
		if r.at == r.end {
			return 0, io.EOF
		}
		n, err := r.body.Read(p[:min(int64(len(p)), r.end-r.at)])
		r.at += int64(n)
		if n > 0 || err == nil {
			return n, nil
		}
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if err := r.resume(err); err != nil {
			return 0, err
		}
	}
}

// resume goes on after a lost connection, or tells why not.
func (r *section) resume(cause error) error {
	if r.lost++; r.lost > resumes || r.ctx.Err() != nil {
		return wrap("read", cause)
	}
	r.body.Close() //nolint:errcheck // it is broken
	end := r.end
	if err := r.reopen(); err != nil {
		r.body = http.NoBody
		return wrap("read", errors.Join(cause, err))
	}
	if r.end != end {
		return fmt.Errorf("s3blob: read: blob %s has another length than a moment ago", r.id)
	}
	return nil
}

func (r *section) Close() error { return r.body.Close() }
