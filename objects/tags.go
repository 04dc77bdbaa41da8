package objects

import (
	"fmt"
	"net/url"
	"unicode/utf8"

	"bothy/api/s3"
	"bothy/kv"
	"bothy/wire"
)

const (
	maxObjectTags = 10
	maxBucketTags = 50
	maxTagKey     = 128 // characters
	maxTagValue   = 256 // characters
)

// tagsOf reads a tag set and checks it as a bucket's.
func tagsOf(t *s3.Tagging) ([]tag, error) {
	if t == nil {
		return nil, malformedXML()
	}
	var out []tag
	for _, one := range t.TagSet {
		out = append(out, tag{one.Key.V, one.Value.V})
	}
	return out, checkTags(out, maxBucketTags)
}

func checkTags(tags []tag, limit int) error {
	if len(tags) > limit {
		return fail(400, "BadRequest", fmt.Sprintf("Tags cannot be more than %d", limit))
	}
	seen := map[string]bool{}
	for _, t := range tags {
		switch {
		case t.Key == "" || utf8.RuneCountInString(t.Key) > maxTagKey:
			return fail(400, "InvalidTag", "The TagKey you have provided is invalid", "TagKey", t.Key)
		case utf8.RuneCountInString(t.Value) > maxTagValue:
			return fail(400, "InvalidTag", "The TagValue you have provided is invalid", "TagKey", t.Key, "TagValue", t.Value)
		case seen[t.Key]:
			return fail(400, "InvalidTag", "Cannot provide multiple Tags with the same key", "TagKey", t.Key)
		}
		seen[t.Key] = true
	}
	return nil
}

// parseTagHeader reads x-amz-tagging: a query string.
func parseTagHeader(header string) ([]tag, error) {
	if header == "" {
		return nil, nil
	}
	q, err := url.ParseQuery(header)
	if err != nil {
		return nil, invalidArgument("The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.", "x-amz-tagging", header)
	}
	var out []tag
	for k, vs := range q {
		if len(vs) > 1 {
			return nil, invalidArgument("The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.", "x-amz-tagging", header)
		}
		out = append(out, tag{k, vs[0]})
	}
	sortTags(out)
	return out, checkTags(out, maxObjectTags)
}

func showTags(tags []tag) []s3.Tag {
	out := []s3.Tag{}
	for _, t := range tags {
		out = append(out, s3.Tag{Key: wire.Some(t.Key), Value: wire.Some(t.Value)})
	}
	return out
}

func (s *Service) getObjectTagging(c *wire.Call, in *s3.GetObjectTaggingInput) (*s3.GetObjectTaggingOutput, error) {
	h := holding(c)
	if h.object == nil {
		return nil, s.missing(c, h.bucket, in.Key.V)
	}
	return &s3.GetObjectTaggingOutput{TagSet: showTags(h.object.Tags)}, nil
}

func (s *Service) putObjectTagging(c *wire.Call, in *s3.PutObjectTaggingInput) (*s3.PutObjectTaggingOutput, error) {
	tags, err := tagsOf(in.Tagging)
	if err != nil {
		return nil, err
	}
	if err := checkTags(tags, maxObjectTags); err != nil {
		return nil, err
	}
	return nil, s.changeObject(c, in.Key.V, func(_ *kv.Tx, _ *bucket, o *object) error { o.Tags = tags; return nil })
}

func (s *Service) deleteObjectTagging(c *wire.Call, in *s3.DeleteObjectTaggingInput) (*s3.DeleteObjectTaggingOutput, error) {
	return nil, s.changeObject(c, in.Key.V, func(_ *kv.Tx, _ *bucket, o *object) error { o.Tags = nil; return nil })
}

func (s *Service) getBucketTagging(c *wire.Call, in *s3.GetBucketTaggingInput) (*s3.GetBucketTaggingOutput, error) {
	b := holding(c).bucket
	if len(b.Tags) == 0 {
		return nil, notConfigured("NoSuchTagSet", "The TagSet does not exist", b)
	}
	return &s3.GetBucketTaggingOutput{TagSet: showTags(b.Tags)}, nil
}

func (s *Service) putBucketTagging(c *wire.Call, in *s3.PutBucketTaggingInput) (*s3.PutBucketTaggingOutput, error) {
	tags, err := tagsOf(in.Tagging)
	if err != nil {
		return nil, err
	}
	return nil, s.change(c, in.Bucket.V, func(b *bucket) error { b.Tags = tags; return nil })
}

func (s *Service) deleteBucketTagging(c *wire.Call, in *s3.DeleteBucketTaggingInput) (*s3.DeleteBucketTaggingOutput, error) {
	return nil, s.change(c, in.Bucket.V, func(b *bucket) error { b.Tags = nil; return nil })
}
