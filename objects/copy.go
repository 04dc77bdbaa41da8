package objects

import (
	"context"
	"strings"

	"bothy/api/s3"
	"bothy/wire"
)

func hasScheme(url string) bool {
	return strings.HasPrefix(url, "http://") || strings.HasPrefix(url, "https://")
}

// source is the object to copy from, when the conditions hold.
func (s *Service) source(c *wire.Call, header string, k conditions) (*object, error) {
	h := holding(c).source
	from, err := parseCopySource(header)
	if err != nil {
		return nil, err
	}
	if h.object == nil {
		return nil, s.missing(c, h.bucket, from.key)
	}
	if failed, _ := k.check(h.object); failed != "" {
		return nil, preconditionFailed("x-amz-copy-source-" + failed)
	}
	return h.object, nil
}

func (s *Service) copyObject(c *wire.Call, in *s3.CopyObjectInput) (*s3.CopyObjectOutput, error) {
	from, err := s.source(c, in.CopySource.V, conditions{in.CopySourceIfMatch, in.CopySourceIfNoneMatch, in.CopySourceIfModifiedSince, in.CopySourceIfUnmodifiedSince})
	if err != nil {
		return nil, err
	}
	o, err := s.draft(c, in)
	if err != nil {
		return nil, err
	}
	if err := copyMeta(o, from, in); err != nil {
		return nil, err
	}
	if err := checkReplace(holding(c).object, o.Key, in.IfMatch.V, in.IfNoneMatch.V); err != nil {
		return nil, err
	}
	if err := s.copyContent(c, o, from, in.ChecksumAlgorithm.V); err != nil {
		return nil, err
	}
	if err := s.commit(c, o, in.IfMatch.V, in.IfNoneMatch.V); err != nil {
		return nil, err
	}
	out := &s3.CopyObjectResult{ETag: wire.Some(quoted(o.ETag)), LastModified: wire.Some(o.Modified)}
	o.Sum.show(out)
	return &s3.CopyObjectOutput{CopyObjectResult: out}, nil
}

// copyMeta takes over metadata and tags unless the request replaces them.
func copyMeta(o, from *object, in *s3.CopyObjectInput) error {
	replace := in.MetadataDirective.V == "REPLACE"
	for name, v := range map[string]string{"x-amz-metadata-directive": in.MetadataDirective.V, "x-amz-tagging-directive": in.TaggingDirective.V} {
		if v != "" && v != "COPY" && v != "REPLACE" {
			return invalidArgument("Unknown directive.", name, v)
		}
	}
	itself := o.Bucket == from.Bucket && o.Key == from.Key
	if itself && !replace && o.StorageClass == from.StorageClass && in.WebsiteRedirectLocation.V == "" && in.TaggingDirective.V != "REPLACE" && in.ChecksumAlgorithm.V == "" {
		return invalidRequest("This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.")
	}
	mine := o.meta
	if !replace {
		o.meta = from.meta
		o.StorageClass, o.Redirect = mine.StorageClass, mine.Redirect // never copied
	}
	o.Tags = from.Tags
	if in.TaggingDirective.V == "REPLACE" {
		o.Tags = mine.Tags
	}
	return nil
}

// copyContent gives o the content of from: the same blob, when nothing is to be computed anew. What was uploaded in parts
// becomes one blob, with the ETag and checksum of the whole.
func (s *Service) copyContent(c *wire.Call, o, from *object, algorithm string) error {
	if algorithm != "" && newSum(algorithm) == nil {
		return invalidRequest("Checksum algorithm provided is unsupported. Please try again with any of the valid types.")
	}
	o.Size = from.Size
	if from.Upload == "" && (algorithm == "" || algorithm == from.Sum.Algorithm) {
		o.Blob, o.ETag, o.Sum = from.Blob, from.ETag, from.Sum
		return nil
	}
	if from.Size > maxPut {
		return invalidRequest("The specified copy source is larger than the maximum allowable size for a copy source: 5368709120")
	}
	if algorithm == "" {
		algorithm = from.Sum.Algorithm
	}
	got, err := s.transfer(c, from, span{0, from.Size}, algorithm)
	if err != nil {
		return err
	}
	o.Blob, o.ETag, o.Sum = got.blob, got.etag, got.sum
	return nil
}

// transfer stores a run of an object's bytes as a blob of its own.
func (s *Service) transfer(ctx context.Context, from *object, run span, algorithm string) (*received, error) {
	r, err := s.open(ctx, from, run)
	if err != nil {
		return nil, err
	}
	defer r.Close() //nolint:errcheck // only read
	return s.receive(ctx, r, &expected{length: run.length, sum: checksum{Algorithm: algorithm}})
}
