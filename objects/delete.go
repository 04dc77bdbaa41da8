package objects

import (
	"errors"

	"bothy/api/s3"
	"bothy/kv"
	"bothy/wire"
)

const maxDelete = 1000 // keys of one DeleteObjects

func (s *Service) deleteObject(c *wire.Call, in *s3.DeleteObjectInput) (*s3.DeleteObjectOutput, error) {
	return nil, s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		if _, err := s.bucket(tx, in.Bucket.V); err != nil {
			return err
		}
		return s.deleteOne(tx, in.Bucket.V, in.Key.V, in.IfMatch)
	})
}

// deleteOne removes an object; one that is not there is deleted, unless its ETag was given.
func (s *Service) deleteOne(tx *kv.Tx, bucket, key string, ifMatch wire.Opt[string]) error {
	old, err := s.object(tx, bucket, key)
	if err != nil {
		return err
	}
	switch {
	case ifMatch.Set && old == nil:
		return noSuchKey(key)
	case ifMatch.Set && !etagIn(ifMatch.V, old.ETag):
		return preconditionFailed("If-Match")
	}
	return s.remove(tx, old)
}

// accessDeleteObjects declares every key of an anonymous caller. Others are asked for key by key in the handler, because
// each key has its own answer.
func (s *Service) accessDeleteObjects(c *wire.Call, in *s3.DeleteObjectsInput) ([]wire.Access, error) {
	h, err := s.look(c, in.Bucket.V, "", in.ExpectedBucketOwner.V)
	if err != nil {
		return nil, err
	}
	hold(c, h)
	if in.Delete == nil || len(in.Delete.Objects) == 0 || len(in.Delete.Objects) > maxDelete {
		return nil, malformedXML()
	}
	if c.Principal != nil && c.Principal.Kind != wire.Anonymous {
		return wire.AuthenticatedOnly(c, in)
	}
	var wants []wire.Access
	for _, id := range in.Delete.Objects {
		w, err := s.want(c, h.bucket, nil, "DeleteObject", id.Key.V, nil)
		if err != nil {
			return nil, err
		}
		wants = append(wants, w...)
	}
	return wants, nil
}

func (s *Service) deleteObjects(c *wire.Call, in *s3.DeleteObjectsInput) (*s3.DeleteObjectsOutput, error) {
	b := holding(c).bucket
	failures := map[int]error{}
	for i, id := range in.Delete.Objects {
		if err := s.mayDelete(c, b, id); err != nil {
			failures[i] = err
		}
	}
	// The keys go one by one in the result but together in the store: one flush for all.
	err := s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		if _, err := s.bucket(tx, b.Name); err != nil {
			return err
		}
		for i, id := range in.Delete.Objects {
			if failures[i] != nil && !isPrecondition(failures[i]) {
				continue
			}
			delete(failures, i)
			err := s.deleteOne(tx, b.Name, id.Key.V, id.ETag)
			if isPrecondition(err) {
				failures[i] = err
			} else if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := &s3.DeleteObjectsOutput{}
	for i, id := range in.Delete.Objects {
		if err := failures[i]; err != nil {
			out.Errors = append(out.Errors, deleteError(id, err))
		} else if !in.Delete.Quiet.V {
			out.Deleted = append(out.Deleted, s3.DeletedObject{Key: id.Key, VersionId: id.VersionId})
		}
	}
	return out, nil
}

func (s *Service) mayDelete(c *wire.Call, b *bucket, id s3.ObjectIdentifier) error {
	if id.Key.V == "" {
		return malformedXML()
	}
	if err := checkKey(id.Key.V); err != nil {
		return err
	}
	if err := checkVersion(id.VersionId.V); err != nil {
		return err
	}
	return s.may(c, b, nil, "DeleteObject", id.Key.V)
}

func isPrecondition(err error) bool {
	var f wire.Fault
	if !errors.As(err, &f) {
		return false
	}
	code, _, _ := f.Fault()
	return code == "PreconditionFailed" || code == "NoSuchKey"
}

func deleteError(id s3.ObjectIdentifier, err error) s3.Error {
	code, message := "InternalError", "We encountered an internal error. Please try again."
	var f wire.Fault
	if errors.As(err, &f) {
		code, _, message = f.Fault()
	}
	return s3.Error{Key: id.Key, VersionId: id.VersionId, Code: wire.Some(code), Message: wire.Some(message)}
}
