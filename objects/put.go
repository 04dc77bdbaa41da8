package objects

import (
	"context"
	"errors"
	"fmt"

	"bothy/api/s3"
	"bothy/blob"
	"bothy/kv"
	"bothy/wire"
)

const maxUserMetadata = 2 << 10 // bytes of names and values

// metaOf reads what a request says of an object, by the members' names.
func metaOf(in any) (meta, error) {
	m := meta{
		ContentType: text(in, "ContentType"), CacheControl: text(in, "CacheControl"), ContentDisposition: text(in, "ContentDisposition"),
		ContentEncoding: text(in, "ContentEncoding"), ContentLanguage: text(in, "ContentLanguage"), Expires: text(in, "Expires"),
		Redirect: text(in, "WebsiteRedirectLocation"), StorageClass: text(in, "StorageClass"),
	}
	m.User, _ = member[map[string]string](in, "Metadata")
	size := 0
	for k, v := range m.User {
		size += len(k) + len(v)
	}
	if size > maxUserMetadata {
		return m, fail(400, "MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size", "Size", fmt.Sprint(size), "MaxSizeAllowed", fmt.Sprint(maxUserMetadata))
	}
	if m.ContentType == "" {
		m.ContentType = "binary/octet-stream"
	}
	if r := m.Redirect; r != "" && r[0] != '/' && !hasScheme(r) {
		return m, fail(400, "InvalidRedirectLocation", "The website redirect location must have a prefix of 'http://' or 'https://' or '/'.")
	}
	var err error
	if m.StorageClass, err = checkStorageClass(m.StorageClass); err != nil {
		return m, err
	}
	m.Tags, err = parseTagHeader(text(in, "Tagging"))
	return m, err
}

// checkStorageClass admits the classes whose objects can be read at once.
func checkStorageClass(name string) (string, error) {
	switch name {
	case "", "STANDARD":
		return "", nil
	case "REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR":
		return name, nil
	}
	return "", fail(400, "InvalidStorageClass", "The storage class you specified is not valid", "StorageClassRequested", name)
}

// refuseUnknown refuses what a request asks for and this service does not do: to ignore encryption or locks would be a lie.
func refuseUnknown(in any) error {
	for field, header := range map[string]string{
		"ServerSideEncryption": "x-amz-server-side-encryption", "SSECustomerAlgorithm": "x-amz-server-side-encryption-customer-algorithm",
		"SSECustomerKey": "x-amz-server-side-encryption-customer-key", "SSEKMSKeyId": "x-amz-server-side-encryption-aws-kms-key-id",
		"CopySourceSSECustomerKey": "x-amz-copy-source-server-side-encryption-customer-key",
		"ObjectLockMode":           "x-amz-object-lock-mode", "ObjectLockLegalHoldStatus": "x-amz-object-lock-legal-hold",
		"ObjectLockEventHold": "x-amz-object-lock-event-hold",
	} {
		if text(in, field) != "" {
			return notImplemented(header)
		}
	}
	if n, _ := member[wire.Opt[int64]](in, "WriteOffsetBytes"); n.Set {
		return notImplemented("x-amz-write-offset-bytes")
	}
	return nil
}

// draft is the object a request will make, all but its content.
func (s *Service) draft(c *wire.Call, in any) (*object, error) {
	if err := refuseUnknown(in); err != nil {
		return nil, err
	}
	o := &object{Bucket: text(in, "Bucket"), Key: text(in, "Key"), Modified: now(c)}
	var err error
	if o.meta, err = metaOf(in); err != nil {
		return nil, err
	}
	o.Grants, _, err = s.requestedGrants(holding(c).bucket, in, false)
	return o, err
}

func (s *Service) putObject(c *wire.Call, in *s3.PutObjectInput) (*s3.PutObjectOutput, error) {
	o, err := s.draft(c, in)
	if err != nil {
		return nil, err
	}
	if err := checkReplace(holding(c).object, o.Key, in.IfMatch.V, in.IfNoneMatch.V); err != nil {
		return nil, err
	}
	e, err := expect(c, in, defaultSum)
	if err != nil {
		return nil, err
	}
	got, err := s.receive(c, in.Body, e)
	if err != nil {
		return nil, err
	}
	o.Blob, o.Size, o.ETag, o.Sum = got.blob, got.size, got.etag, got.sum
	if err := s.commit(c, o, in.IfMatch.V, in.IfNoneMatch.V); err != nil {
		return nil, err
	}
	out := &s3.PutObjectOutput{ETag: wire.Some(quoted(o.ETag))}
	o.Sum.show(out)
	return out, nil
}

// commit writes the row of an object whose content is one blob.
func (s *Service) commit(c *wire.Call, o *object, ifMatch, ifNoneMatch string) error {
	return s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		old, err := s.object(tx, o.Bucket, o.Key)
		if err != nil {
			return err
		}
		if err := checkReplace(old, o.Key, ifMatch, ifNoneMatch); err != nil {
			return err
		}
		if err := s.keep(tx, c, o.Blob); err != nil {
			return err
		}
		return s.store(tx, o)
	})
}

// Keep makes sure that a blob, which may be older than this request, outlives the row about to name it: it is there, and
// nobody is deleting it. Sweep dooms a blob in a transaction of its own, which one of the two then loses; that it is there is
// asked after that, so a deletion that has ended shows too. It fails with blob.ErrNotFound: the bytes must be put again.
func (s *Service) Keep(ctx context.Context, tx *kv.Tx, id string) error {
	d, err := maybe(dooms.Get(tx, s.scope(), id))
	if err != nil {
		return err
	}
	if d != nil && s.cfg.Now().Before(d.Until) {
		return blob.ErrNotFound
	}
	_, err = s.cfg.Blobs.Stat(ctx, id)
	return err
}

// keep is Keep, with an answer for clients.
func (s *Service) keep(tx *kv.Tx, c *wire.Call, id string) error {
	err := s.Keep(c, tx, id)
	if errors.Is(err, blob.ErrNotFound) {
		return tryAgain()
	}
	return err
}

// changeObject edits the row of the object that the call's access was decided on.
func (s *Service) changeObject(c *wire.Call, key string, edit func(*kv.Tx, *bucket, *object) error) error {
	h := holding(c)
	if h.object == nil {
		return s.missing(c, h.bucket, key)
	}
	return s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		b, err := s.bucket(tx, h.bucket.Name)
		if err != nil {
			return err
		}
		o, err := s.object(tx, b.Name, key)
		if err != nil {
			return err
		}
		if o == nil {
			return noSuchKey(key)
		}
		if err := edit(tx, b, o); err != nil {
			return err
		}
		return objects.Put(tx, s.scope(), o)
	})
}
