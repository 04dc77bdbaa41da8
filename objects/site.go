package objects

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"time"

	"bothy/kv"
	"bothy/wire"
)

// Website is the website configuration of a bucket as JSON of the API's structure; nil when it has none. A bucket that does
// not exist is fs.ErrNotExist.
func (s *Service) Website(ctx context.Context, name string) ([]byte, error) {
	var b *bucket
	err := s.cfg.DB.View(ctx, func(tx *kv.Tx) (err error) {
		b, err = s.bucket(tx, name)
		return err
	})
	if isNoBucket(err) {
		return nil, fmt.Errorf("bucket %s: %w", name, fs.ErrNotExist)
	}
	if err != nil || b.Website == nil {
		return nil, err
	}
	return json.Marshal(b.Website)
}

// OpenPublic opens what an anonymous s3:GetObject may read, decided as such a request would be. What may not be read is
// fs.ErrPermission with the reason; what is not there, fs.ErrNotExist or, when the bucket may not be listed, fs.ErrPermission.
// The header holds what the object says of itself, Last-Modified and ETag included.
func (s *Service) OpenPublic(ctx context.Context, name, key, sourceIP string) (io.ReadSeekCloser, http.Header, error) {
	c := &wire.Call{Context: ctx, Now: s.cfg.Now(), Account: s.cfg.Account(), Region: s.cfg.Region, Principal: &wire.Principal{}, Header: http.Header{}, SourceIP: sourceIP}
	if checkKey(key) != nil || key == "" {
		return nil, nil, fmt.Errorf("key %q: %w", key, fs.ErrNotExist)
	}
	h, err := s.look(c, name, key, "")
	if isNoBucket(err) {
		return nil, nil, fmt.Errorf("bucket %s: %w", name, fs.ErrNotExist)
	}
	if err == nil {
		err = s.may(c, h.bucket, h.object, "GetObject", key)
	}
	if err == nil && h.object == nil {
		err = s.missing(c, h.bucket, key)
	}
	var f wire.Fault
	if errors.As(err, &f) {
		if _, status, _ := f.Fault(); status == http.StatusNotFound {
			return nil, nil, fmt.Errorf("%s/%s: %w", name, key, fs.ErrNotExist)
		}
		return nil, nil, fmt.Errorf("%w: %s", fs.ErrPermission, wire.ReasonOf(err))
	}
	if err != nil {
		return nil, nil, err
	}
	return &seeker{s: s, ctx: ctx, object: h.object}, headersOf(h.object), nil
}

func isNoBucket(err error) bool {
	var f wire.Fault
	if !errors.As(err, &f) {
		return false
	}
	code, _, _ := f.Fault()
	return code == "NoSuchBucket"
}

func headersOf(o *object) http.Header {
	h := http.Header{}
	for name, v := range map[string]string{
		"Content-Type": o.ContentType, "Cache-Control": o.CacheControl, "Content-Disposition": o.ContentDisposition, "Content-Encoding": o.ContentEncoding,
		"Content-Language": o.ContentLanguage, "Expires": o.Expires, "X-Amz-Website-Redirect-Location": o.Redirect,
		"Etag": quoted(o.ETag), "Last-Modified": o.Modified.UTC().Truncate(time.Second).Format(http.TimeFormat),
	} {
		if v != "" {
			h.Set(name, v)
		}
	}
	for k, v := range o.User {
		h.Set("X-Amz-Meta-"+k, v)
	}
	return h
}

// seeker reads an object from anywhere: blobs are opened where reading begins.
type seeker struct {
	s      *Service
	ctx    context.Context
	object *object
	at     int64
	open   io.ReadCloser // nil: nothing is read from at yet
}

// Seek moves to an offset; it costs nothing until something is read.
func (r *seeker) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += r.at
	case io.SeekEnd:
		offset += r.object.Size
	}
	if offset < 0 {
		return 0, errors.New("objects: seek before the start")
	}
	if offset == r.at {
		return offset, nil
	}
	r.at = offset
	return offset, r.Close()
}

// Read reads from the offset on.
func (r *seeker) Read(b []byte) (int, error) {
	if r.at >= r.object.Size {
		return 0, io.EOF
	}
	if r.open == nil {
		var err error
		if r.open, err = r.s.open(r.ctx, r.object, span{r.at, r.object.Size - r.at}); err != nil {
			return 0, err
		}
	}
	n, err := r.open.Read(b)
	r.at += int64(n)
	return n, err
}

// Close ends the reading.
func (r *seeker) Close() error {
	if r.open == nil {
		return nil
	}
	open := r.open
	r.open = nil
	return open.Close()
}
