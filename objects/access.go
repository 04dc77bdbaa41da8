package objects

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"bothy/api/s3"
	"bothy/kv"
	"bothy/policy"
	"bothy/wire"
)

const arnPrefix = "arn:aws:s3:::"

// held is what the access function of a call read, in one snapshot. The handler answers from the same rows, so that what was
// decided about is what is shown, however the rows change meanwhile.
type held struct {
	bucket *bucket
	object *object // nil: there is none
	source *held   // of a copy
}

type heldKey struct{}

func hold(c *wire.Call, h *held) { c.Context = context.WithValue(c.Context, heldKey{}, h) }

func holding(c *wire.Call) *held {
	h, _ := c.Value(heldKey{}).(*held)
	if h == nil {
		panic("objects: handler ran without its access function")
	}
	return h
}

// look reads bucket and object (key "" reads the bucket only) and refuses another owner than the expected one.
func (s *Service) look(ctx context.Context, name, key, owner string) (*held, error) {
	h := &held{}
	err := s.cfg.DB.View(ctx, func(tx *kv.Tx) (err error) {
		if h.bucket, err = s.bucket(tx, name); err != nil || key == "" {
			return err
		}
		h.object, err = s.object(tx, name, key)
		return err
	})
	if err != nil {
		return nil, err
	}
	if owner != "" && owner != h.bucket.Account {
		return nil, denied("expected bucket owner %s, got %s", owner, h.bucket.Account)
	}
	return h, nil
}

// onBucket is the access of an operation on a bucket: one action, decided with the bucket's policy and access list.
func onBucket[In any](s *Service, action string) func(*wire.Call, *In) ([]wire.Access, error) {
	return func(c *wire.Call, in *In) ([]wire.Access, error) {
		h, err := s.look(c, text(in, "Bucket"), "", text(in, "ExpectedBucketOwner"))
		if err != nil {
			return nil, err
		}
		hold(c, h)
		return s.want(c, h.bucket, nil, action, "", aclKeys(in))
	}
}

// onObject is the access of an operation on an object, whether the object exists or not.
func onObject[In any](s *Service, action string) func(*wire.Call, *In) ([]wire.Access, error) {
	return func(c *wire.Call, in *In) ([]wire.Access, error) {
		h, err := s.lookObject(c, in)
		if err != nil {
			return nil, err
		}
		return s.want(c, h.bucket, h.object, action, text(in, "Key"), aclKeys(in))
	}
}

func (s *Service) lookObject(c *wire.Call, in any) (*held, error) {
	key := text(in, "Key")
	if err := checkKey(key); err != nil {
		return nil, err
	}
	if err := checkVersion(text(in, "VersionId")); err != nil {
		return nil, err
	}
	h, err := s.look(c, text(in, "Bucket"), key, text(in, "ExpectedBucketOwner"))
	if err != nil {
		return nil, err
	}
	hold(c, h)
	return h, nil
}

// want is one access to a bucket (key "") or an object under the bucket's policy and the access lists.
func (s *Service) want(c *wire.Call, b *bucket, o *object, action, key string, keys policy.Keys) ([]wire.Access, error) {
	w := wire.Access{Action: "s3:" + action, Resource: arnPrefix + b.Name, Keys: requestKeys(c, b, o, keys), Owner: b.Account}
	if key != "" {
		w.Resource += "/" + key
	}
	sources, err := s.bucketPolicy(b, c.Principal)
	if err != nil {
		return nil, err
	}
	w.Policies = append(sources, s.aclSources(b, o, c.Principal)...)
	return []wire.Access{w}, nil
}

// may asks for a further permission, on which the answer of a call depends.
func (s *Service) may(c *wire.Call, b *bucket, o *object, action, key string) error {
	if c.Principal != nil && c.Principal.Kind == wire.Internal {
		return nil
	}
	wants, err := s.want(c, b, o, action, key, nil)
	if err != nil {
		return err
	}
	if d := wire.Decide(c, wants[0]); !d.Allowed {
		return denied("%s on %s: %s", wants[0].Action, wants[0].Resource, d.Reason)
	}
	return nil
}

// missing is the answer for an object that does not exist: who may not list the bucket must not learn that.
func (s *Service) missing(c *wire.Call, b *bucket, key string) error {
	if err := s.may(c, b, nil, "ListBucket", ""); err != nil {
		return wire.Because(fail(403, "AccessDenied", "Access Denied"), "the object does not exist, and: %s", wire.ReasonOf(err))
	}
	return noSuchKey(key)
}

// bucketPolicy is the bucket's policy for a caller. A public policy of a restricted bucket serves its own account only.
func (s *Service) bucketPolicy(b *bucket, p *wire.Principal) ([]policy.Source, error) {
	if b.Policy == "" {
		return nil, nil
	}
	stranger := p == nil || p.Account != b.Account
	if stranger && b.Block != nil && b.Block.RestrictPublicBuckets.V && isPublic(b.Policy) {
		return nil, denied("public access block of %s: RestrictPublicBuckets", b.Name)
	}
	parsed, err := s.parsePolicy(b.Policy)
	if err != nil {
		return nil, fmt.Errorf("objects: policy of bucket %s: %w", b.Name, err)
	}
	return []policy.Source{{Name: "policy of bucket " + b.Name, Policy: parsed}}, nil
}

const maxCachedPolicies = 256

func (s *Service) parsePolicy(text string) (*policy.Policy, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.policies[text]; p != nil {
		return p, nil
	}
	p, err := policy.Parse([]byte(text))
	if err != nil {
		return nil, err
	}
	if len(s.policies) >= maxCachedPolicies {
		clear(s.policies)
	}
	s.policies[text] = p
	return p, nil
}

// requestKeys are S3's condition keys of a request, and those of its operation.
func requestKeys(c *wire.Call, b *bucket, o *object, own policy.Keys) policy.Keys {
	k := policy.Keys{
		"aws:resourceaccount": {b.Account},
		"s3:resourceaccount":  {b.Account},
	}
	if o != nil {
		for _, t := range o.Tags {
			k["s3:existingobjecttag/"+strings.ToLower(t.Key)] = []string{t.Value}
		}
	}
	if c.HTTP != nil {
		signatureKeys(c, k)
	}
	for name, v := range own {
		k[name] = v
	}
	return k
}

func signatureKeys(c *wire.Call, k policy.Keys) {
	h, q := c.HTTP.Header, c.HTTP.URL.RawQuery
	for _, name := range []string{"x-amz-content-sha256", "x-amz-storage-class", "x-amz-server-side-encryption", "x-amz-copy-source", "x-amz-metadata-directive", "x-amz-website-redirect-location", "if-match", "if-none-match"} {
		if v := h.Get(name); v != "" {
			k["s3:"+name] = []string{v}
		}
	}
	if strings.Contains(q, "versionId=") {
		k["s3:versionid"] = []string{c.HTTP.URL.Query().Get("versionId")}
	}
	switch {
	case h.Get("Authorization") != "":
		k["s3:authtype"], k["s3:signatureversion"] = []string{"REST-HEADER"}, []string{"AWS4-HMAC-SHA256"}
	case strings.Contains(q, "X-Amz-Signature="):
		k["s3:authtype"], k["s3:signatureversion"] = []string{"REST-QUERY-STRING"}, []string{"AWS4-HMAC-SHA256"}
	case strings.Contains(q, "Signature="):
		k["s3:authtype"], k["s3:signatureversion"] = []string{"REST-QUERY-STRING"}, []string{"AWS"}
	}
}

// aclKeys are the keys of a request that sets an access list.
func aclKeys(in any) policy.Keys {
	k := policy.Keys{}
	for field, name := range map[string]string{
		"ACL": "s3:x-amz-acl", "GrantRead": "s3:x-amz-grant-read", "GrantWrite": "s3:x-amz-grant-write",
		"GrantReadACP": "s3:x-amz-grant-read-acp", "GrantWriteACP": "s3:x-amz-grant-write-acp", "GrantFullControl": "s3:x-amz-grant-full-control",
	} {
		if v := text(in, field); v != "" {
			k[name] = []string{v}
		}
	}
	return k
}

// tagKeys are the keys of a request that sets tags.
func tagKeys(tags []tag, k policy.Keys) policy.Keys {
	for _, t := range tags {
		k["s3:requestobjecttag/"+strings.ToLower(t.Key)] = []string{t.Value}
		k["s3:requestobjecttagkeys"] = append(k["s3:requestobjecttagkeys"], t.Key)
	}
	return k
}

// listKeys are the keys of a listing.
func listKeys(prefix, delimiter wire.Opt[string], maxKeys wire.Opt[int32]) policy.Keys {
	k := policy.Keys{}
	if prefix.Set {
		k["s3:prefix"] = []string{prefix.V}
	}
	if delimiter.Set {
		k["s3:delimiter"] = []string{delimiter.V}
	}
	if maxKeys.Set {
		k["s3:max-keys"] = []string{fmt.Sprint(maxKeys.V)}
	}
	return k
}

func (s *Service) accessList(c *wire.Call, in any, action string, keys policy.Keys) ([]wire.Access, error) {
	h, err := s.look(c, text(in, "Bucket"), "", text(in, "ExpectedBucketOwner"))
	if err != nil {
		return nil, err
	}
	hold(c, h)
	return s.want(c, h.bucket, nil, action, "", keys)
}

func (s *Service) accessListObjects(c *wire.Call, in *s3.ListObjectsInput) ([]wire.Access, error) {
	return s.accessList(c, in, "ListBucket", listKeys(in.Prefix, in.Delimiter, in.MaxKeys))
}

func (s *Service) accessListObjectsV2(c *wire.Call, in *s3.ListObjectsV2Input) ([]wire.Access, error) {
	return s.accessList(c, in, "ListBucket", listKeys(in.Prefix, in.Delimiter, in.MaxKeys))
}

func (s *Service) accessListObjectVersions(c *wire.Call, in *s3.ListObjectVersionsInput) ([]wire.Access, error) {
	return s.accessList(c, in, "ListBucketVersions", listKeys(in.Prefix, in.Delimiter, in.MaxKeys))
}

// accessWrite is the access of what creates an object: PutObject, and what its access list and tags need besides.
func (s *Service) accessWrite(c *wire.Call, in any) ([]wire.Access, error) {
	h, err := s.lookObject(c, in)
	if err != nil {
		return nil, err
	}
	tags, err := parseTagHeader(text(in, "Tagging"))
	if err != nil {
		return nil, err
	}
	keys := tagKeys(tags, aclKeys(in))
	actions := []string{"PutObject"}
	if len(aclKeys(in)) > 0 {
		actions = append(actions, "PutObjectAcl")
	}
	if len(tags) > 0 {
		actions = append(actions, "PutObjectTagging")
	}
	var wants []wire.Access
	for _, action := range actions {
		w, err := s.want(c, h.bucket, h.object, action, text(in, "Key"), keys)
		if err != nil {
			return nil, err
		}
		wants = append(wants, w...)
	}
	return wants, nil
}

func (s *Service) accessPutObject(c *wire.Call, in *s3.PutObjectInput) ([]wire.Access, error) {
	return s.accessWrite(c, in)
}

func (s *Service) accessCreateUpload(c *wire.Call, in *s3.CreateMultipartUploadInput) ([]wire.Access, error) {
	return s.accessWrite(c, in)
}

func (s *Service) accessCopyObject(c *wire.Call, in *s3.CopyObjectInput) ([]wire.Access, error) {
	wants, err := s.accessWrite(c, in)
	if err != nil {
		return nil, err
	}
	source, err := s.accessSource(c, in.CopySource.V, in.ExpectedSourceBucketOwner.V, in.TaggingDirective.V != "REPLACE")
	return append(wants, source...), err
}

func (s *Service) accessUploadPartCopy(c *wire.Call, in *s3.UploadPartCopyInput) ([]wire.Access, error) {
	wants, err := s.accessWrite(c, in)
	if err != nil {
		return nil, err
	}
	source, err := s.accessSource(c, in.CopySource.V, in.ExpectedSourceBucketOwner.V, false)
	return append(wants, source...), err
}

// accessSource is the access to what is copied, with its tags when they go along.
func (s *Service) accessSource(c *wire.Call, header, owner string, tags bool) ([]wire.Access, error) {
	from, err := parseCopySource(header)
	if err != nil {
		return nil, err
	}
	h, err := s.look(c, from.bucket, from.key, owner)
	if err != nil {
		return nil, err
	}
	holding(c).source = h
	wants, err := s.want(c, h.bucket, h.object, "GetObject", from.key, nil)
	if err != nil || !tags || h.object == nil || len(h.object.Tags) == 0 {
		return wants, err
	}
	more, err := s.want(c, h.bucket, h.object, "GetObjectTagging", from.key, nil)
	return append(wants, more...), err
}

func (s *Service) accessPutObjectTagging(c *wire.Call, in *s3.PutObjectTaggingInput) ([]wire.Access, error) {
	h, err := s.lookObject(c, in)
	if err != nil {
		return nil, err
	}
	tags, err := tagsOf(in.Tagging)
	if err != nil {
		return nil, err
	}
	return s.want(c, h.bucket, h.object, "PutObjectTagging", in.Key.V, tagKeys(tags, policy.Keys{}))
}

// copySource is what the header x-amz-copy-source names.
type copySource struct{ bucket, key string }

// parseCopySource reads "bucket/key" or "/bucket/key", percent-encoded, with an optional ?versionId=null.
func parseCopySource(header string) (copySource, error) {
	path, query, _ := strings.Cut(header, "?")
	if v, ok := strings.CutPrefix(query, "versionId="); ok {
		if err := checkVersion(v); err != nil {
			return copySource{}, err
		}
	} else if query != "" {
		return copySource{}, invalidArgument("Invalid copy source object key", "x-amz-copy-source", header)
	}
	plain, err := url.PathUnescape(path)
	if err != nil {
		return copySource{}, invalidArgument("Invalid copy source encoding.", "x-amz-copy-source", header)
	}
	if strings.HasPrefix(plain, "arn:") {
		return copySource{}, notImplemented("x-amz-copy-source")
	}
	b, key, _ := strings.Cut(strings.TrimPrefix(plain, "/"), "/")
	if b == "" || key == "" {
		return copySource{}, invalidArgument("Invalid copy source bucket name", "x-amz-copy-source", header)
	}
	return copySource{b, key}, checkKey(key)
}
