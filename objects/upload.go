package objects

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"time"

	"bothy/api/s3"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

const maxPartNumber = 10_000

// newUploadID is unguessable and sorts by time.
func newUploadID(at time.Time) string {
	var b [24]byte
	binary.BigEndian.PutUint64(b[:], uint64(at.UnixNano()))
	rand.Read(b[8:]) //nolint:errcheck // never fails (crypto/rand)
	return ordered.EncodeToString(b[:])
}

// ordered is base64url with an alphabet in byte order, so that ids sort as the bytes they stand for.
var ordered = base64.NewEncoding("-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz").WithPadding(base64.NoPadding)

func (s *Service) createUpload(c *wire.Call, in *s3.CreateMultipartUploadInput) (*s3.CreateMultipartUploadOutput, error) {
	o, err := s.draft(c, in)
	if err != nil {
		return nil, err
	}
	u := &upload{ID: newUploadID(c.Now), Started: now(c), Initiator: c.Principal.ARN, Object: *o, Algorithm: in.ChecksumAlgorithm.V}
	if u.Composite, err = compositeOf(u.Algorithm, in.ChecksumType.V); err != nil {
		return nil, err
	}
	err = s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		if _, err := s.bucket(tx, o.Bucket); err != nil {
			return err
		}
		return uploads.Put(tx, s.scope(), u)
	})
	if err != nil {
		return nil, err
	}
	out := &s3.CreateMultipartUploadOutput{Bucket: in.Bucket, Key: in.Key, UploadId: wire.Some(u.ID), ChecksumAlgorithm: wire.NonEmpty(u.Algorithm)}
	if u.Algorithm != "" {
		out.ChecksumType = wire.Some(checksum{Composite: u.Composite}.kind())
	}
	return out, nil
}

// compositeOf settles how the checksum of the whole is made: of the parts' checksums, or of the content.
func compositeOf(algorithm, kind string) (bool, error) {
	crc := algorithm == "CRC32" || algorithm == "CRC32C" || algorithm == "CRC64NVME"
	switch {
	case algorithm != "" && newSum(algorithm) == nil:
		return false, invalidRequest("Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]")
	case kind != "" && kind != "COMPOSITE" && kind != "FULL_OBJECT":
		return false, invalidRequest("Value for x-amz-checksum-type header is invalid.")
	case kind != "" && algorithm == "":
		return false, invalidRequest("The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.")
	case kind == "FULL_OBJECT" && !crc, kind == "COMPOSITE" && algorithm == "CRC64NVME":
		return false, invalidRequest("The " + kind + " checksum type cannot be used with the " + algorithm + " checksum algorithm.")
	case kind == "":
		return algorithm != "" && algorithm != "CRC64NVME", nil
	}
	return kind == "COMPOSITE", nil
}

// findUpload reads an upload in progress.
func (s *Service) findUpload(tx *kv.Tx, bucket, key, id string) (*upload, error) {
	u, err := maybe(uploads.Get(tx, s.scope(), bucket, key, id))
	if err == nil && u == nil {
		err = noSuchUpload(id)
	}
	return u, err
}

func (s *Service) viewUpload(c *wire.Call, bucket, key, id string) (u *upload, err error) {
	err = s.cfg.DB.View(c, func(tx *kv.Tx) error {
		u, err = s.findUpload(tx, bucket, key, id)
		return err
	})
	return u, err
}

func checkPartNumber(n wire.Opt[int32]) error {
	if !n.Set || n.V < 1 || n.V > maxPartNumber {
		return invalidArgument("Part number must be an integer between 1 and 10000, inclusive", "partNumber", fmt.Sprint(n.V))
	}
	return nil
}

func (s *Service) uploadPart(c *wire.Call, in *s3.UploadPartInput) (*s3.UploadPartOutput, error) {
	if err := checkPartNumber(in.PartNumber); err != nil {
		return nil, err
	}
	if err := refuseUnknown(in); err != nil {
		return nil, err
	}
	u, err := s.viewUpload(c, in.Bucket.V, in.Key.V, in.UploadId.V)
	if err != nil {
		return nil, err
	}
	e, err := expect(c, in, u.sumAlgorithm())
	if err != nil {
		return nil, err
	}
	if u.Algorithm != "" && e.sum.Algorithm != u.Algorithm {
		return nil, invalidRequest("Checksum Type mismatch occurred, expected checksum Type: " + u.Algorithm + ", actual checksum Type: " + e.sum.Algorithm)
	}
	got, err := s.receive(c, in.Body, e)
	if err != nil {
		return nil, err
	}
	p, err := s.storePart(c, u, int(in.PartNumber.V), got)
	if err != nil {
		return nil, err
	}
	out := &s3.UploadPartOutput{ETag: wire.Some(quoted(p.ETag))}
	p.Sum.show(out)
	return out, nil
}

// sumAlgorithm is what parts are summed with: what the client chose, or S3's own.
func (u *upload) sumAlgorithm() string {
	if u.Algorithm == "" {
		return defaultSum
	}
	return u.Algorithm
}

// storePart writes the row of a part whose content is durable. The upload must still be open.
func (s *Service) storePart(c *wire.Call, u *upload, number int, got *received) (*part, error) {
	p := &part{Upload: u.ID, Number: number, Blob: got.blob, Size: got.size, ETag: got.etag, Sum: got.sum, Modified: now(c)}
	return p, s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		if _, err := s.findUpload(tx, u.Object.Bucket, u.Object.Key, u.ID); err != nil {
			return err
		}
		if err := s.keep(tx, c, p.Blob); err != nil {
			return err
		}
		return parts.Put(tx, s.scope(), p)
	})
}

func (s *Service) uploadPartCopy(c *wire.Call, in *s3.UploadPartCopyInput) (*s3.UploadPartCopyOutput, error) {
	if err := checkPartNumber(in.PartNumber); err != nil {
		return nil, err
	}
	if err := refuseUnknown(in); err != nil {
		return nil, err
	}
	from, err := s.source(c, in.CopySource.V, conditions{in.CopySourceIfMatch, in.CopySourceIfNoneMatch, in.CopySourceIfModifiedSince, in.CopySourceIfUnmodifiedSince})
	if err != nil {
		return nil, err
	}
	run, err := copyRange(in.CopySourceRange, from.Size)
	if err != nil {
		return nil, err
	}
	u, err := s.viewUpload(c, in.Bucket.V, in.Key.V, in.UploadId.V)
	if err != nil {
		return nil, err
	}
	got, err := s.transfer(c, from, run, u.sumAlgorithm())
	if err != nil {
		return nil, err
	}
	p, err := s.storePart(c, u, int(in.PartNumber.V), got)
	if err != nil {
		return nil, err
	}
	out := &s3.CopyPartResult{ETag: wire.Some(quoted(p.ETag)), LastModified: wire.Some(p.Modified)}
	p.Sum.show(out)
	return &s3.UploadPartCopyOutput{CopyPartResult: out}, nil
}

// copyRange reads x-amz-copy-source-range, which must lie inside the source.
func copyRange(header wire.Opt[string], size int64) (span, error) {
	run := span{0, size}
	if header.Set {
		first, last, ok := rangeEnds(header.V)
		if !ok || first < 0 || last == 1<<63-1 {
			return run, invalidArgument("The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy", "x-amz-copy-source-range", header.V)
		}
		if last >= size {
			return run, invalidArgument(fmt.Sprintf("Range specified is not valid for source object of size: %d", size), "x-amz-copy-source-range", header.V)
		}
		run = span{first, last - first + 1}
	}
	if run.length > maxPut {
		return run, invalidRequest("The specified copy source is larger than the maximum allowable size for a copy source: 5368709120")
	}
	return run, nil
}

func (s *Service) abortUpload(c *wire.Call, in *s3.AbortMultipartUploadInput) (*s3.AbortMultipartUploadOutput, error) {
	return nil, s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		u, err := s.findUpload(tx, in.Bucket.V, in.Key.V, in.UploadId.V)
		if err != nil {
			return err
		}
		return s.dropUpload(tx, u)
	})
}

// dropUpload ends an upload; its parts go with the trash.
func (s *Service) dropUpload(tx *kv.Tx, u *upload) error {
	if err := trashes.Put(tx, s.scope(), &trash{u.ID, s.cfg.Now()}); err != nil {
		return err
	}
	return uploads.Delete(tx, s.scope(), u.Object.Bucket, u.Object.Key, u.ID)
}

func initiator(u *upload) *s3.Initiator {
	return &s3.Initiator{ID: wire.NonEmpty(u.Initiator), DisplayName: wire.NonEmpty(u.Initiator)}
}

func (s *Service) listParts(c *wire.Call, in *s3.ListPartsInput) (*s3.ListPartsOutput, error) {
	limit, err := pageSize(in.MaxParts, "max-parts")
	if err != nil {
		return nil, err
	}
	out := &s3.ListPartsOutput{
		Bucket: in.Bucket, Key: in.Key, UploadId: in.UploadId, PartNumberMarker: wire.Some(in.PartNumberMarker.V), MaxParts: wire.Some(int32(limit)),
		IsTruncated: wire.Some(false), Owner: owner(c.Account), NextPartNumberMarker: wire.Some(int32(0)),
	}
	err = s.cfg.DB.View(c, func(tx *kv.Tx) error {
		u, err := s.findUpload(tx, in.Bucket.V, in.Key.V, in.UploadId.V)
		if err != nil {
			return err
		}
		out.Initiator, out.StorageClass, out.ChecksumAlgorithm = initiator(u), wire.Some(storageClass(&u.Object)), wire.NonEmpty(u.Algorithm)
		if u.Algorithm != "" {
			out.ChecksumType = wire.Some(checksum{Composite: u.Composite}.kind())
		}
		all, err := s.allParts(tx, u.ID)
		if err != nil {
			return err
		}
		for _, p := range all {
			if p.Number <= int(in.PartNumberMarker.V) {
				continue
			}
			if len(out.Parts) == limit {
				out.IsTruncated = wire.Some(true)
				break
			}
			one := s3.Part{PartNumber: wire.Some(int32(p.Number)), LastModified: wire.Some(p.Modified), ETag: wire.Some(quoted(p.ETag)), Size: wire.Some(p.Size)}
			p.Sum.show(&one)
			out.Parts = append(out.Parts, one)
			out.NextPartNumberMarker = one.PartNumber
		}
		return nil
	})
	return out, err
}

func (s *Service) listMultipartUploads(c *wire.Call, in *s3.ListMultipartUploadsInput) (*s3.ListMultipartUploadsOutput, error) {
	p, err := newPage(in.Bucket.V, in.Prefix, in.Delimiter, in.EncodingType, in.MaxUploads)
	if err != nil {
		return nil, err
	}
	base := uploads.Rows(s.scope()).With(p.bucket)
	w := walker{base: base, prefix: p.prefix, delimiter: p.delimiter, after: in.KeyMarker.V, max: p.max}
	if in.KeyMarker.V != "" && in.UploadIdMarker.V != "" {
		w.from = base.With(in.KeyMarker.V, in.UploadIdMarker.V).After()
	}
	out := &s3.ListMultipartUploadsOutput{
		Bucket: in.Bucket, KeyMarker: wire.Some(p.encode(in.KeyMarker.V)), UploadIdMarker: wire.Some(in.UploadIdMarker.V), Prefix: p.optional(in.Prefix),
		Delimiter: p.optional(in.Delimiter), MaxUploads: wire.Some(int32(p.max)), EncodingType: in.EncodingType,
	}
	var last *upload
	var got walked
	err = s.cfg.DB.View(c, func(tx *kv.Tx) error {
		got, err = walk(tx, w, func(_ string, raw []byte) error {
			u, err := uploads.Decode(raw)
			if err != nil {
				return err
			}
			last = u
			out.Uploads = append(out.Uploads, s3.MultipartUpload{
				UploadId: wire.Some(u.ID), Key: wire.Some(p.encode(u.Object.Key)), Initiated: wire.Some(u.Started), StorageClass: wire.Some(storageClass(&u.Object)),
				Owner: owner(c.Account), Initiator: initiator(u), ChecksumAlgorithm: wire.NonEmpty(u.Algorithm),
			})
			return nil
		})
		return err
	})
	for _, pre := range got.prefixes {
		out.CommonPrefixes = append(out.CommonPrefixes, s3.CommonPrefix{Prefix: wire.Some(p.encode(pre))})
	}
	out.IsTruncated = wire.Some(got.more)
	if got.more {
		out.NextKeyMarker = wire.Some(p.encode(got.last))
		if last != nil && last.Object.Key == got.last {
			out.NextUploadIdMarker = wire.Some(last.ID)
		}
	}
	return out, err
}

// trashParts removes up to limit parts of an upload that nobody needs; done says that none is left.
func (s *Service) trashParts(tx *kv.Tx, upload string, limit int) (done bool, err error) {
	list, more, err := parts.List(tx, s.scope(), record.Page{Prefix: []any{upload}, Limit: limit})
	if err != nil {
		return false, err
	}
	for _, p := range list {
		if err := parts.Delete(tx, s.scope(), p.Upload, p.Number); err != nil {
			return false, err
		}
	}
	return more == "", nil
}
