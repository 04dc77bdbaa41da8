package objects

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"

	"bothy/api/s3"
	"bothy/kv"
	"bothy/wire"
)

const maxTrim = 1000 // parts not listed that one transaction removes

func (s *Service) completeUpload(c *wire.Call, in *s3.CompleteMultipartUploadInput) (*s3.CompleteMultipartUploadOutput, error) {
	if in.MultipartUpload == nil || len(in.MultipartUpload.Parts) == 0 || len(in.MultipartUpload.Parts) > maxPartNumber {
		return nil, malformedXML()
	}
	if err := ascending(in.MultipartUpload.Parts); err != nil {
		return nil, err
	}
	want, err := sumOf(in)
	if err != nil {
		return nil, err
	}
	var o *object
	for trimmed := false; !trimmed; {
		err := s.cfg.DB.Update(c, func(tx *kv.Tx) (err error) {
			o, trimmed, err = s.complete(tx, c, in, want)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	out := &s3.CompleteMultipartUploadOutput{Bucket: in.Bucket, Key: in.Key, ETag: wire.Some(quoted(o.ETag)), Location: wire.Some(locationOf(c, in))}
	o.Sum.show(out)
	return out, nil
}

func locationOf(c *wire.Call, in *s3.CompleteMultipartUploadInput) string {
	scheme, host := "http", "s3.amazonaws.com"
	if c.HTTP != nil {
		host = c.HTTP.Host
		if c.HTTP.TLS != nil {
			scheme = "https"
		}
	}
	if strings.HasPrefix(host, in.Bucket.V+".") {
		return scheme + "://" + host + "/" + strings.ReplaceAll(urlEncode(in.Key.V), "+", "%20")
	}
	return scheme + "://" + host + "/" + in.Bucket.V + "/" + strings.ReplaceAll(urlEncode(in.Key.V), "+", "%20")
}

func ascending(list []s3.CompletedPart) error {
	last := int32(0)
	for _, p := range list {
		if p.PartNumber.V < 1 || p.PartNumber.V > maxPartNumber {
			return invalidArgument("Part number must be an integer between 1 and 10000, inclusive", "partNumber", fmt.Sprint(p.PartNumber.V))
		}
		if p.PartNumber.V <= last {
			return fail(400, "InvalidPartOrder", "The list of parts was not in ascending order. The parts list must be specified in order by part number.")
		}
		last = p.PartNumber.V
	}
	return nil
}

// complete turns an upload into an object. Its parts stay where they are; those that the client did not list go. When there
// are too many of these for one transaction, done is false and the caller comes again.
func (s *Service) complete(tx *kv.Tx, c *wire.Call, in *s3.CompleteMultipartUploadInput, want checksum) (o *object, done bool, err error) {
	old, err := s.object(tx, in.Bucket.V, in.Key.V)
	if err != nil {
		return nil, false, err
	}
	u, err := s.findUpload(tx, in.Bucket.V, in.Key.V, in.UploadId.V)
	if err != nil {
		if old != nil && old.Upload == in.UploadId.V {
			return old, true, nil // the answer to the first try was lost
		}
		return nil, false, err
	}
	if err := checkReplace(old, in.Key.V, in.IfMatch.V, in.IfNoneMatch.V); err != nil {
		return nil, false, err
	}
	all, err := s.allParts(tx, u.ID)
	if err != nil {
		return nil, false, err
	}
	listed, others, err := s.choose(u, all, in)
	if err != nil {
		return nil, false, err
	}
	if o, err = assemble(u, listed, want); err != nil {
		return nil, false, err
	}
	if in.MpuObjectSize.Set && in.MpuObjectSize.V != o.Size {
		return nil, false, invalidRequest(fmt.Sprintf("The provided 'x-amz-mp-object-size' header value %d does not match what was computed: %d", in.MpuObjectSize.V, o.Size))
	}
	done = len(others) <= maxTrim
	for _, p := range others[:min(len(others), maxTrim)] {
		if err := parts.Delete(tx, s.scope(), p.Upload, p.Number); err != nil {
			return nil, false, err
		}
	}
	if !done {
		return nil, false, nil
	}
	o.Modified = now(c)
	if err := s.store(tx, o); err != nil {
		return nil, false, err
	}
	return o, true, uploads.Delete(tx, s.scope(), in.Bucket.V, in.Key.V, u.ID)
}

// choose sorts the parts into those the client listed, checked, and the others.
func (s *Service) choose(u *upload, all []*part, in *s3.CompleteMultipartUploadInput) (listed, others []*part, err error) {
	list := in.MultipartUpload.Parts
	for _, p := range all {
		if len(list) == 0 || p.Number < int(list[0].PartNumber.V) {
			others = append(others, p)
			continue
		}
		if p.Number > int(list[0].PartNumber.V) {
			break // the listed one is not there
		}
		if err := checkPart(p, &list[0], u); err != nil {
			return nil, nil, err
		}
		listed, list = append(listed, p), list[1:]
	}
	if len(list) > 0 {
		return nil, nil, invalidPart()
	}
	for _, p := range listed[:len(listed)-1] {
		if p.Size < minPart {
			return nil, nil, fail(400, "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size", "ETag", p.ETag,
				"MinSizeAllowed", fmt.Sprint(minPart), "PartNumber", fmt.Sprint(p.Number), "ProposedSize", fmt.Sprint(p.Size))
		}
	}
	return listed, others, nil
}

func invalidPart() error {
	return fail(400, "InvalidPart", "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.")
}

func checkPart(p *part, listed *s3.CompletedPart, u *upload) error {
	if strings.Trim(listed.ETag.V, `"`) != p.ETag {
		return invalidPart()
	}
	sum, err := sumOf(listed)
	if err != nil {
		return err
	}
	switch {
	case sum.Algorithm == "" && u.Composite:
		return invalidRequest("The upload was created using a " + strings.ToLower(u.Algorithm) + " checksum. The complete request must include the checksum for each part. It was missing for part " + fmt.Sprint(p.Number) + " in the request.")
	case sum.Algorithm != "" && sum != checksum{Algorithm: p.Sum.Algorithm, Value: p.Sum.Value}:
		return invalidPart()
	}
	return nil
}

// assemble makes the object of its parts: ETag of the parts' MD5s, and a checksum of the whole.
func assemble(u *upload, list []*part, want checksum) (*object, error) {
	o := u.Object
	o.Upload, o.Parts, o.Size = u.ID, len(list), 0
	var md5s bytes.Buffer
	for _, p := range list {
		raw, err := hex.DecodeString(p.ETag)
		if err != nil {
			return nil, err
		}
		md5s.Write(raw)
		o.Size += p.Size
	}
	sum := md5.Sum(md5s.Bytes())
	o.ETag = fmt.Sprintf("%x-%d", sum, len(list))
	var err error
	if o.Sum, err = wholeSum(u, list); err != nil {
		return nil, err
	}
	if want.Algorithm != "" && (want.Algorithm != o.Sum.Algorithm || plainSum(want.Value) != plainSum(o.Sum.Value)) {
		return nil, fail(400, "BadDigest", "The "+want.Algorithm+" you specified did not match the calculated checksum.")
	}
	return &o, nil
}

// plainSum leaves out the "-N" of a composite checksum.
func plainSum(v string) string {
	v, _, _ = strings.Cut(v, "-")
	return v
}

// wholeSum is the checksum of the parts' checksums, or the CRC of the whole computed from theirs.
func wholeSum(u *upload, list []*part) (checksum, error) {
	out := checksum{Algorithm: u.sumAlgorithm(), Composite: u.Composite}
	h := newSum(out.Algorithm)
	var whole uint64
	for i, p := range list {
		if p.Sum.Algorithm != out.Algorithm {
			return checksum{}, nil // the client summed the parts as it liked: nothing can be said of the whole
		}
		raw, err := base64.StdEncoding.DecodeString(p.Sum.Value)
		if err != nil {
			return checksum{}, err
		}
		h.Write(raw)
		if !u.Composite {
			var one uint64
			for _, b := range raw {
				one = one<<8 | uint64(b)
			}
			if i == 0 {
				whole = one
			} else {
				whole = combineCRC(out.Algorithm, whole, one, p.Size)
			}
		}
	}
	if u.Composite {
		out.Value = fmt.Sprintf("%s-%d", base64.StdEncoding.EncodeToString(h.Sum(nil)), len(list))
		return out, nil
	}
	raw := make([]byte, h.Size())
	for i := range raw {
		raw[i] = byte(whole >> (8 * (len(raw) - 1 - i)))
	}
	out.Value = base64.StdEncoding.EncodeToString(raw)
	return out, nil
}
