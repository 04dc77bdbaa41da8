package objects

import (
	"errors"
	"time"

	"bothy/api/s3"
	"bothy/kv"
	"bothy/record"
)

// bucket is a row of buckets.
type bucket struct {
	Name       string
	Account    string
	Region     string
	Created    time.Time
	Grants     []grant                            `json:",omitempty"`
	Policy     string                             `json:",omitempty"`
	CORS       []s3.CORSRule                      `json:",omitempty"`
	Website    *s3.WebsiteConfiguration           `json:",omitempty"`
	Block      *s3.PublicAccessBlockConfiguration `json:",omitempty"`
	Ownership  string                             `json:",omitempty"` // "" means ObjectWriter
	Versioning string                             `json:",omitempty"` // "" or Suspended
	Tags       []tag                              `json:",omitempty"`
}

// object is a row of objects. Its content is Blob, or, when Upload is set, the parts of that upload in order.
type object struct {
	Bucket, Key string
	Blob        string `json:",omitempty"`
	Upload      string `json:",omitempty"`
	Parts       int    `json:",omitempty"`
	Size        int64
	ETag        string // without quotes
	Modified    time.Time
	Sum         checksum
	Grants      []grant `json:",omitempty"`
	meta
}

// meta is what the writer says of an object.
type meta struct {
	ContentType        string            `json:",omitempty"`
	CacheControl       string            `json:",omitempty"`
	ContentDisposition string            `json:",omitempty"`
	ContentEncoding    string            `json:",omitempty"`
	ContentLanguage    string            `json:",omitempty"`
	Expires            string            `json:",omitempty"` // as it was sent
	Redirect           string            `json:",omitempty"`
	StorageClass       string            `json:",omitempty"` // "" means STANDARD
	User               map[string]string `json:",omitempty"`
	Tags               []tag             `json:",omitempty"`
}

type tag struct{ Key, Value string }

// checksum is an additional checksum: base64 value, of the content (FULL_OBJECT) or of the parts' checksums (COMPOSITE).
type checksum struct {
	Algorithm string `json:",omitempty"`
	Value     string `json:",omitempty"`
	Composite bool   `json:",omitempty"`
}

// upload is a row of uploads; object holds what the completed object will have.
type upload struct {
	ID        string
	Started   time.Time
	Initiator string // ARN
	Object    object
	Algorithm string // of the parts' checksums; "" when the client chose none
	Composite bool
}

// part is a row of parts.
type part struct {
	Upload   string
	Number   int
	Blob     string
	Size     int64
	ETag     string
	Sum      checksum
	Modified time.Time
}

// trash names an upload whose parts nobody needs from Since on.
type trash struct {
	Upload string
	Since  time.Time
}

// doomed names a blob that may be deleted until Until, by the sweep that has the token.
type doomed struct {
	Blob  string
	Until time.Time
	Token string `json:",omitempty"`
}

// The tables; see the package comment.
var (
	buckets = &record.Table[bucket]{Name: "objects.bucket", Version: 1, Key: func(b *bucket) []any { return []any{b.Name} }}
	objects = &record.Table[object]{
		Name: "objects.object", Version: 1, Key: func(o *object) []any { return []any{o.Bucket, o.Key} },
		Indexes: []record.Index[object]{{Name: "blob", Keys: func(o *object) [][]any { return named(o.Blob) }}},
	}
	uploads = &record.Table[upload]{Name: "objects.upload", Version: 1, Key: func(u *upload) []any { return []any{u.Object.Bucket, u.Object.Key, u.ID} }}
	parts   = &record.Table[part]{
		Name: "objects.part", Version: 1, Key: func(p *part) []any { return []any{p.Upload, p.Number} },
		Indexes: []record.Index[part]{{Name: "blob", Keys: func(p *part) [][]any { return named(p.Blob) }}},
	}
	trashes = &record.Table[trash]{Name: "objects.trash", Version: 1, Key: func(t *trash) []any { return []any{t.Upload} }}
	dooms   = &record.Table[doomed]{Name: "objects.doomed", Version: 1, Key: func(d *doomed) []any { return []any{d.Blob} }}
)

func named(blob string) [][]any {
	if blob == "" {
		return nil
	}
	return [][]any{{blob}}
}

// maybe turns ErrNotFound into nil.
func maybe[T any](v *T, err error) (*T, error) {
	if errors.Is(err, record.ErrNotFound) {
		return nil, nil
	}
	return v, err
}

func (s *Service) bucket(tx *kv.Tx, name string) (*bucket, error) {
	b, err := maybe(buckets.Get(tx, s.scope(), name))
	if err == nil && b == nil {
		err = noSuchBucket(name)
	}
	return b, err
}

func (s *Service) object(tx *kv.Tx, bucket, key string) (*object, error) {
	return maybe(objects.Get(tx, s.scope(), bucket, key))
}

// store writes the row of an object whose content is durable. What it replaces goes to the trash.
func (s *Service) store(tx *kv.Tx, o *object) error {
	if _, err := s.bucket(tx, o.Bucket); err != nil {
		return err
	}
	old, err := s.object(tx, o.Bucket, o.Key)
	if err != nil {
		return err
	}
	if err := s.discard(tx, old, o.Upload); err != nil {
		return err
	}
	return objects.Put(tx, s.scope(), o)
}

// remove deletes the row of an object; an absent one is no error.
func (s *Service) remove(tx *kv.Tx, old *object) error {
	if old == nil {
		return nil
	}
	if err := s.discard(tx, old, ""); err != nil {
		return err
	}
	return objects.Delete(tx, s.scope(), old.Bucket, old.Key)
}

// discard sends the parts of old to the trash, unless the object that replaces it is made of the same upload.
func (s *Service) discard(tx *kv.Tx, old *object, upload string) error {
	if old == nil || old.Upload == "" || old.Upload == upload {
		return nil
	}
	return trashes.Put(tx, s.scope(), &trash{old.Upload, s.cfg.Now()})
}
