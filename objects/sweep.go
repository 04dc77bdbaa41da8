package objects

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"bothy/kv"
	"bothy/record"
)

const (
	trashRest  = time.Hour        // how long readers may still need the parts of a replaced object
	trashBatch = 1000             // parts that one transaction removes
	doomTime   = 10 * time.Minute // how long a blob may take to be deleted
)

// named tells whether a row names the blob.
func (s *Service) named(tx *kv.Tx, id string) (bool, error) {
	one := record.Page{Index: "blob", Prefix: []any{id}, Limit: 1}
	if list, _, err := objects.List(tx, s.scope(), one); err != nil || len(list) > 0 {
		return true, err
	}
	list, _, err := parts.List(tx, s.scope(), one)
	return len(list) > 0, err
}

// Sweep deletes a blob that no row names, and leaves it alone otherwise, and also while another sweep is at it. A request that
// stores the same content meanwhile is told to try again. remove does the deleting, after asking whoever else may name blobs; it
// has doomTime for it.
func (s *Service) Sweep(ctx context.Context, id string, remove func(context.Context, string) error) error {
	spared, token := false, rand.Text()
	err := s.cfg.DB.Update(ctx, func(tx *kv.Tx) (err error) {
		if spared, err = s.spared(tx, id); err != nil || spared {
			return err
		}
		return dooms.Put(tx, s.scope(), &doomed{id, s.cfg.Now().Add(2 * doomTime), token})
	})
	if err != nil || spared {
		return err
	}
	deleting, cancel := context.WithTimeout(ctx, doomTime)
	defer cancel()
	if err := remove(deleting, id); err != nil {
		return err // the row stays: until it is over, nobody may rely on the blob
	}
	return s.cfg.DB.Update(ctx, func(tx *kv.Tx) error {
		d, err := maybe(dooms.Get(tx, s.scope(), id))
		if err != nil || d == nil || d.Token != token { // over: another's by now
			return err
		}
		return dooms.Delete(tx, s.scope(), id)
	})
}

// spared tells whether a sweep must leave a blob alone: a row names it, or another sweep has doomed it. To take that one's doom
// back would let a request name what it is still about to delete.
func (s *Service) spared(tx *kv.Tx, id string) (bool, error) {
	d, err := maybe(dooms.Get(tx, s.scope(), id))
	if err != nil || d != nil && s.cfg.Now().Before(d.Until) {
		return true, err
	}
	return s.named(tx, id)
}

// Tidy empties the trash: the rows of parts that no object needs any more. Their blobs are then unnamed, and swept.
func (s *Service) Tidy(ctx context.Context) error {
	for after := ""; ; {
		var list []*trash
		var next string
		err := s.cfg.DB.View(ctx, func(tx *kv.Tx) (err error) {
			list, next, err = trashes.List(tx, s.scope(), record.Page{After: after})
			return err
		})
		if err != nil {
			return err
		}
		for _, t := range list {
			if s.cfg.Now().Sub(t.Since) < trashRest {
				continue
			}
			if err := s.empty(ctx, t.Upload); err != nil {
				return err
			}
		}
		if after = next; next == "" {
			return nil
		}
	}
}

func (s *Service) empty(ctx context.Context, upload string) error {
	for done := false; !done; {
		err := s.cfg.DB.Update(ctx, func(tx *kv.Tx) (err error) {
			if done, err = s.trashParts(tx, upload, trashBatch); err != nil || !done {
				return err
			}
			if err = trashes.Delete(tx, s.scope(), upload); errors.Is(err, record.ErrNotFound) {
				return nil
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
