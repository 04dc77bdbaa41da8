package objects

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"bothy/api/s3"
	"bothy/kv"
	"bothy/wire"
)

// reading is a read that may go ahead: the object, and the run of bytes to show.
type reading struct {
	object *object
	span   span
	part   bool // of the object
}

// read checks conditions and range. It sets the headers that "not modified" answers carry too.
func (s *Service) read(c *wire.Call, in any, k conditions) (*reading, error) {
	h := holding(c)
	o := h.object
	if o == nil {
		return nil, s.missing(c, h.bucket, text(in, "Key"))
	}
	if err := refuseUnknown(in); err != nil {
		return nil, err
	}
	if err := refuseAnonymousOverrides(c, in); err != nil {
		return nil, err
	}
	switch failed, notModified := k.check(o); {
	case notModified:
		c.Header.Set("ETag", quoted(o.ETag))
		c.Header.Set("Last-Modified", o.Modified.UTC().Format(http.TimeFormat))
		return nil, fail(304, "NotModified", "Not Modified")
	case failed != "":
		return nil, preconditionFailed(failed)
	}
	r := &reading{object: o, span: span{0, o.Size}}
	number, _ := member[wire.Opt[int32]](in, "PartNumber")
	header := text(in, "Range")
	var err error
	switch {
	case number.Set && header != "":
		return nil, invalidRequest("Cannot specify both Range header and partNumber query parameter")
	case number.Set:
		r.span, err = s.partSpan(c, o, int(number.V))
		r.part = true
	case header != "":
		var run span
		if run, r.part, err = parseRange(header, o.Size); r.part {
			r.span = run
		}
	}
	return r, err
}

func (s *Service) getObject(c *wire.Call, in *s3.GetObjectInput) (*s3.GetObjectOutput, error) {
	r, err := s.read(c, in, conditions{in.IfMatch, in.IfNoneMatch, in.IfModifiedSince, in.IfUnmodifiedSince})
	if err != nil {
		return nil, err
	}
	out := &s3.GetObjectOutput{AcceptRanges: wire.Some("bytes"), LastModified: wire.Some(r.object.Modified), ContentLength: wire.Some(r.span.length), Metadata: r.object.User}
	if n := len(r.object.Tags); n > 0 {
		out.TagCount = wire.Some(int32(n))
	}
	if in.PartNumber.Set && r.object.Parts > 0 {
		out.PartsCount = wire.Some(int32(r.object.Parts))
	}
	r.show(c, in, out, in.ResponseExpires)
	body, err := s.open(c, r.object, r.span)
	if err != nil {
		return nil, err
	}
	out.Body = body
	return out, nil
}

func (s *Service) headObject(c *wire.Call, in *s3.HeadObjectInput) (*s3.HeadObjectOutput, error) {
	r, err := s.read(c, in, conditions{in.IfMatch, in.IfNoneMatch, in.IfModifiedSince, in.IfUnmodifiedSince})
	if err != nil {
		return nil, err
	}
	out := &s3.HeadObjectOutput{AcceptRanges: wire.Some("bytes"), LastModified: wire.Some(r.object.Modified), ContentLength: wire.Some(r.span.length), Metadata: r.object.User}
	if n := len(r.object.Tags); n > 0 {
		out.TagCount = wire.Some(int32(n))
	}
	if in.PartNumber.Set && r.object.Parts > 0 {
		out.PartsCount = wire.Some(int32(r.object.Parts))
	}
	r.show(c, in, out, in.ResponseExpires)
	return out, nil
}

// show sets the members that GetObject and HeadObject share: stored values, overridden by the response-* parameters.
func (r *reading) show(c *wire.Call, in, out any, expires wire.Opt[time.Time]) {
	o := r.object
	setText(out, "ETag", quoted(o.ETag))
	for field, stored := range map[string]string{
		"ContentType": o.ContentType, "CacheControl": o.CacheControl, "ContentDisposition": o.ContentDisposition,
		"ContentEncoding": o.ContentEncoding, "ContentLanguage": o.ContentLanguage, "Expires": o.Expires,
	} {
		if v := text(in, "Response"+field); v != "" {
			stored = v
		}
		setText(out, field, stored)
	}
	if expires.Set {
		setText(out, "Expires", expires.V.UTC().Format(http.TimeFormat))
	}
	setText(out, "WebsiteRedirectLocation", o.Redirect)
	setText(out, "StorageClass", o.StorageClass)
	if r.part {
		c.Status = http.StatusPartialContent
		setText(out, "ContentRange", r.span.contentRange(o.Size))
	}
	whole := r.span.length == o.Size
	if text(in, "ChecksumMode") == "ENABLED" && whole {
		o.Sum.show(out)
	}
}

// refuseAnonymousOverrides: who may not be known may not choose response headers.
func refuseAnonymousOverrides(c *wire.Call, in any) error {
	if c.Principal != nil && c.Principal.Kind != wire.Anonymous {
		return nil
	}
	expires, _ := member[wire.Opt[time.Time]](in, "ResponseExpires")
	for _, f := range []string{"ContentType", "CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage"} {
		if text(in, "Response"+f) != "" || expires.Set {
			return invalidRequest("Request specific response headers cannot be used for anonymous GET requests.")
		}
	}
	return nil
}

// partSpan is where a part lies in its object. An object that was put at once is its own part 1.
func (s *Service) partSpan(c *wire.Call, o *object, number int) (span, error) {
	notThere := fail(416, "InvalidPartNumber", "The requested partnumber is not satisfiable", "PartNumberRequested", fmt.Sprint(number), "ActualPartCount", fmt.Sprint(max(o.Parts, 1)))
	if number < 1 || number > max(o.Parts, 1) {
		return span{}, notThere
	}
	if o.Upload == "" {
		return span{0, o.Size}, nil
	}
	list, err := s.partsOf(c, o.Upload)
	if err != nil {
		return span{}, err
	}
	at := int64(0)
	for i, p := range list {
		if i+1 == number {
			return span{at, p.Size}, nil
		}
		at += p.Size
	}
	return span{}, notThere
}

// getObjectAttributes shows what is asked of an object, without its content.
func (s *Service) getObjectAttributes(c *wire.Call, in *s3.GetObjectAttributesInput) (*s3.GetObjectAttributesOutput, error) {
	h := holding(c)
	o := h.object
	if o == nil {
		return nil, s.missing(c, h.bucket, in.Key.V)
	}
	out := &s3.GetObjectAttributesOutput{LastModified: wire.Some(o.Modified)}
	asked := func(name string) bool { return slices.Contains(in.ObjectAttributes, name) }
	if len(in.ObjectAttributes) == 0 {
		return nil, invalidArgument("The header 'x-amz-object-attributes' is required", "x-amz-object-attributes", "")
	}
	if asked("ETag") {
		out.ETag = wire.Some(o.ETag)
	}
	if asked("ObjectSize") {
		out.ObjectSize = wire.Some(o.Size)
	}
	if asked("StorageClass") {
		out.StorageClass = wire.Some(storageClass(o))
	}
	if asked("Checksum") && o.Sum.Algorithm != "" {
		out.Checksum = &s3.Checksum{}
		o.Sum.show(out.Checksum)
	}
	if asked("ObjectParts") && o.Upload != "" {
		var err error
		if out.ObjectParts, err = s.attributeParts(c, o, in); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (s *Service) attributeParts(c *wire.Call, o *object, in *s3.GetObjectAttributesInput) (*s3.GetObjectAttributesParts, error) {
	limit, err := pageSize(in.MaxParts, "x-amz-max-parts")
	if err != nil {
		return nil, err
	}
	out := &s3.GetObjectAttributesParts{TotalPartsCount: wire.Some(int32(o.Parts))}
	if !o.Sum.Composite { // parts are shown where their checksums can be checked
		return out, nil
	}
	list, err := s.partsOf(c, o.Upload)
	if err != nil {
		return nil, err
	}
	out.PartNumberMarker, out.MaxParts, out.IsTruncated = wire.Some(in.PartNumberMarker.V), wire.Some(int32(limit)), wire.Some(false)
	for _, p := range list {
		if p.Number <= int(in.PartNumberMarker.V) {
			continue
		}
		if len(out.Parts) == limit {
			out.IsTruncated = wire.Some(true)
			break
		}
		one := s3.ObjectPart{PartNumber: wire.Some(int32(p.Number)), Size: wire.Some(p.Size)}
		p.Sum.show(&one)
		out.Parts = append(out.Parts, one)
		out.NextPartNumberMarker = one.PartNumber
	}
	return out, nil
}

// partsOf reads the parts of an upload, in order.
func (s *Service) partsOf(c *wire.Call, upload string) (list []*part, err error) {
	err = s.cfg.DB.View(c, func(tx *kv.Tx) error {
		list, err = s.allParts(tx, upload)
		return err
	})
	return list, err
}
