package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"bothy/blob"
	"bothy/kv"
)

// Source is what a backup is made of. While it is made, no blob may be deleted that was named when it began.
type Source struct {
	DB    *kv.DB
	Blobs blob.Engine
	Names func(k kv.Key, v []byte) ([]string, error) // the blobs that a row names
	Now   func() time.Time
}

// Write writes a backup of one consistent snapshot; h.Created is filled in. Memory is bounded but for 32 bytes per blob. A blob
// that a row names and the store does not have, whole, is a failure: such a backup would not restore what there was.
func Write(ctx context.Context, to io.Writer, s Source, h Header) (Trailer, error) {
	w, err := newWriter(to)
	if err != nil {
		return Trailer{}, err
	}
	begin := func() error { // once the snapshot is taken
		h.Created = s.Now().UTC()
		return w.header(h)
	}
	var named IDs
	begun := false
	err = s.DB.Dump(ctx, func(k kv.Key, v []byte) error {
		if !begun {
			begun = true
			if err := begin(); err != nil {
				return err
			}
		}
		ids, err := s.Names(k, v)
		if err != nil {
			return err
		}
		if err := named.Add(ids...); err != nil {
			return fmt.Errorf("%x: %w", []byte(k), err)
		}
		return w.pair(k, v)
	})
	if err == nil && !begun {
		err = begin()
	}
	if err == nil {
		err = w.flush()
	}
	if err == nil {
		err = named.Each(func(id string) error { return w.copyBlob(ctx, s.Blobs, id) })
	}
	if err != nil {
		return Trailer{}, err
	}
	return w.trailer()
}

func (w *writer) copyBlob(ctx context.Context, from blob.Engine, id string) error {
	info, err := from.Stat(ctx, id)
	var r io.ReadCloser
	if err == nil {
		r, err = from.Open(ctx, id, 0, -1)
	}
	if err != nil {
		return fmt.Errorf("backup: blob %s, which a row names: %w", id, err)
	}
	return errors.Join(w.blob(info, r), r.Close())
}

// Restore fills an empty store and its blobs, and returns what it brought. After a failure both may hold a part of it.
func Restore(ctx context.Context, r *Reader, db *kv.DB, blobs blob.Engine) (Trailer, error) {
	if err := db.Load(ctx, r.Pair); err != nil {
		return Trailer{}, err
	}
	if err := RestoreBlobs(ctx, r, blobs); err != nil {
		return Trailer{}, err
	}
	return r.Finish()
}

// RestoreBlobs puts the blobs of a backup into a store.
func RestoreBlobs(ctx context.Context, r *Reader, blobs blob.Engine) error {
	for {
		info, content, err := r.Blob()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if _, err := blobs.Put(ctx, content); err != nil { // it fails when the content is not what the id says
			return fmt.Errorf("blob %s: %w", info.ID, err)
		}
	}
}
