package objects

import (
	"bytes"
	"crypto/md5"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"bothy/blob"
	"bothy/kv"
	"bothy/record"
)

// begin starts an upload and puts parts of the sizes given, numbered 1, 3, 5, …
func (r *rig) begin(c *sdk.Client, bucket, key string, in sdk.CreateMultipartUploadInput, sizes ...int) (id string, done []types.CompletedPart, whole []byte) {
	r.t.Helper()
	in.Bucket, in.Key = &bucket, &key
	u, err := c.CreateMultipartUpload(r.t.Context(), &in)
	if err != nil {
		r.t.Fatal(err)
	}
	all := random(minPart * 3)
	for i, n := range sizes {
		number := aws.Int32(int32(2*i + 1))
		p, err := c.UploadPart(r.t.Context(), &sdk.UploadPartInput{Bucket: &bucket, Key: &key, UploadId: u.UploadId, PartNumber: number, Body: bytes.NewReader(all[:n]), ChecksumAlgorithm: in.ChecksumAlgorithm})
		if err != nil {
			r.t.Fatal(err)
		}
		done = append(done, types.CompletedPart{PartNumber: number, ETag: p.ETag, ChecksumCRC32: p.ChecksumCRC32, ChecksumSHA256: p.ChecksumSHA256, ChecksumCRC64NVME: p.ChecksumCRC64NVME})
		whole = append(whole, all[:n]...)
		all = all[n:]
	}
	return *u.UploadId, done, whole
}

func (r *rig) complete(c *sdk.Client, bucket, key, id string, list []types.CompletedPart) (*sdk.CompleteMultipartUploadOutput, error) {
	return c.CompleteMultipartUpload(r.t.Context(), &sdk.CompleteMultipartUploadInput{Bucket: &bucket, Key: &key, UploadId: &id, MultipartUpload: &types.CompletedMultipartUpload{Parts: list}})
}

func TestMultipart(t *testing.T) {
	r := newRig(t)
	c := r.root()
	r.bucket(c, "parts")
	id, list, whole := r.begin(c, "parts", "dir/k", sdk.CreateMultipartUploadInput{ContentType: aws.String("video/x"), Metadata: map[string]string{"a": "b"}}, minPart, minPart+7, 100)

	shown, err := c.ListParts(t.Context(), &sdk.ListPartsInput{Bucket: aws.String("parts"), Key: aws.String("dir/k"), UploadId: &id, MaxParts: aws.Int32(2)})
	if err != nil || len(shown.Parts) != 2 || !*shown.IsTruncated || *shown.NextPartNumberMarker != "3" || *shown.Parts[1].Size != minPart+7 {
		t.Errorf("list parts %+v, %v", shown, err)
	}
	open, err := c.ListMultipartUploads(t.Context(), &sdk.ListMultipartUploadsInput{Bucket: aws.String("parts"), Delimiter: aws.String("/")})
	if err != nil || len(open.CommonPrefixes) != 1 || len(open.Uploads) != 0 {
		t.Errorf("uploads rolled up %+v, %v", open, err)
	}
	open, err = c.ListMultipartUploads(t.Context(), &sdk.ListMultipartUploadsInput{Bucket: aws.String("parts")})
	if err != nil || len(open.Uploads) != 1 || *open.Uploads[0].UploadId != id {
		t.Errorf("uploads %+v, %v", open, err)
	}

	_, err = r.complete(c, "parts", "dir/k", id, []types.CompletedPart{list[1], list[0]})
	r.want(err, "InvalidPartOrder")
	_, err = r.complete(c, "parts", "dir/k", id, []types.CompletedPart{list[0], {PartNumber: aws.Int32(2), ETag: list[1].ETag}})
	r.want(err, "InvalidPart")
	_, err = r.complete(c, "parts", "dir/k", id, []types.CompletedPart{{PartNumber: aws.Int32(1), ETag: list[1].ETag}})
	r.want(err, "InvalidPart")
	_, err = r.complete(c, "parts", "dir/k", id, nil)
	r.want(err, "MalformedXML")
	_, err = r.complete(c, "parts", "other", id, list)
	r.want(err, "NoSuchUpload")
	if _, err := c.HeadObject(t.Context(), &sdk.HeadObjectInput{Bucket: aws.String("parts"), Key: aws.String("dir/k")}); code(err) != "NotFound" {
		t.Error("the object shows before it is complete", err)
	}

	out, err := r.complete(c, "parts", "dir/k", id, list)
	if err != nil {
		t.Fatal(err)
	}
	var md5s []byte
	for _, p := range [][]byte{whole[:minPart], whole[minPart : 2*minPart+7], whole[2*minPart+7:]} {
		sum := md5.Sum(p)
		md5s = append(md5s, sum[:]...)
	}
	if want := fmt.Sprintf(`"%x-3"`, md5.Sum(md5s)); *out.ETag != want {
		t.Errorf("etag %s, want %s", *out.ETag, want)
	}
	if again, err := r.complete(c, "parts", "dir/k", id, list); err != nil || *again.ETag != *out.ETag {
		t.Errorf("completing again: %v", err)
	}
	if got, err := r.get(c, "parts", "dir/k"); err != nil || got != string(whole) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	res, err := c.GetObject(t.Context(), &sdk.GetObjectInput{Bucket: aws.String("parts"), Key: aws.String("dir/k"), Range: aws.String(fmt.Sprintf("bytes=%d-%d", minPart-3, 2*minPart+9))})
	if err != nil {
		t.Fatal(err)
	}
	if b, _ := io.ReadAll(res.Body); !bytes.Equal(b, whole[minPart-3:2*minPart+10]) || *res.ContentType != "video/x" || res.Metadata["a"] != "b" {
		t.Errorf("range over three parts: %d bytes", len(b))
	}
	res, err = c.GetObject(t.Context(), &sdk.GetObjectInput{Bucket: aws.String("parts"), Key: aws.String("dir/k"), PartNumber: aws.Int32(2)})
	if err != nil || *res.ContentLength != minPart+7 || *res.PartsCount != 3 {
		t.Errorf("part 2: %+v, %v", res, err)
	}
	// A copy is one blob with the MD5 of the whole.
	cp, err := c.CopyObject(t.Context(), &sdk.CopyObjectInput{Bucket: aws.String("parts"), Key: aws.String("copy"), CopySource: aws.String("parts/dir/k")})
	if err != nil || *cp.CopyObjectResult.ETag != fmt.Sprintf(`"%x"`, md5.Sum(whole)) {
		t.Errorf("copy %+v, %v", cp, err)
	}
}

func TestMultipartLimits(t *testing.T) {
	r := newRig(t)
	c := r.root()
	r.bucket(c, "parts")
	id, list, _ := r.begin(c, "parts", "k", sdk.CreateMultipartUploadInput{}, 100, 100)
	_, err := r.complete(c, "parts", "k", id, list)
	r.want(err, "EntityTooSmall")
	for _, n := range []int32{0, -1, 10001} {
		_, err := c.UploadPart(t.Context(), &sdk.UploadPartInput{Bucket: aws.String("parts"), Key: aws.String("k"), UploadId: &id, PartNumber: &n, Body: strings.NewReader("x")})
		r.want(err, "InvalidArgument")
	}
	if _, err := c.AbortMultipartUpload(t.Context(), &sdk.AbortMultipartUploadInput{Bucket: aws.String("parts"), Key: aws.String("k"), UploadId: &id}); err != nil {
		t.Error(err)
	}
	_, err = c.UploadPart(t.Context(), &sdk.UploadPartInput{Bucket: aws.String("parts"), Key: aws.String("k"), UploadId: &id, PartNumber: aws.Int32(1), Body: strings.NewReader("x")})
	r.want(err, "NoSuchUpload")
	_, err = r.complete(c, "parts", "k", id, list)
	r.want(err, "NoSuchUpload")
}

func TestMultipartChecksums(t *testing.T) {
	r := newRig(t)
	c := r.root()
	r.bucket(c, "sums")
	for name, in := range map[string]sdk.CreateMultipartUploadInput{
		"composite": {ChecksumAlgorithm: "SHA256"}, "full": {ChecksumAlgorithm: "CRC32", ChecksumType: "FULL_OBJECT"}, "nvme": {ChecksumAlgorithm: "CRC64NVME"},
	} {
		id, list, whole := r.begin(c, "sums", name, in, minPart, 1000)
		out, err := r.complete(c, "sums", name, id, list)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		switch name {
		case "composite":
			if !strings.HasSuffix(aws.ToString(out.ChecksumSHA256), "-2") || out.ChecksumType != "COMPOSITE" {
				t.Errorf("composite: %+v", out)
			}
		case "full":
			sum := crc32.ChecksumIEEE(whole)
			if want := b64([]byte{byte(sum >> 24), byte(sum >> 16), byte(sum >> 8), byte(sum)}); aws.ToString(out.ChecksumCRC32) != want {
				t.Errorf("crc32 %s, want %s", aws.ToString(out.ChecksumCRC32), want)
			}
		case "nvme":
			h := newSum("CRC64NVME")
			h.Write(whole)
			if want := b64(h.Sum(nil)); aws.ToString(out.ChecksumCRC64NVME) != want {
				t.Errorf("crc64nvme %s, want %s", aws.ToString(out.ChecksumCRC64NVME), want)
			}
		}
	}
	_, err := c.CreateMultipartUpload(t.Context(), &sdk.CreateMultipartUploadInput{Bucket: aws.String("sums"), Key: aws.String("x"), ChecksumAlgorithm: "SHA1", ChecksumType: "FULL_OBJECT"})
	r.want(err, "InvalidRequest")
}

func TestUploadPartCopy(t *testing.T) {
	r := newRig(t)
	c := r.root()
	r.bucket(c, "parts")
	r.put(c, "parts", "src", string(random(minPart+10)))
	u, err := c.CreateMultipartUpload(t.Context(), &sdk.CreateMultipartUploadInput{Bucket: aws.String("parts"), Key: aws.String("dst")})
	if err != nil {
		t.Fatal(err)
	}
	var list []types.CompletedPart
	for i, run := range []string{fmt.Sprintf("bytes=0-%d", minPart-1), fmt.Sprintf("bytes=%d-%d", minPart, minPart+9)} {
		p, err := c.UploadPartCopy(t.Context(), &sdk.UploadPartCopyInput{Bucket: aws.String("parts"), Key: aws.String("dst"), UploadId: u.UploadId, PartNumber: aws.Int32(int32(i + 1)), CopySource: aws.String("parts/src"), CopySourceRange: &run})
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, types.CompletedPart{PartNumber: aws.Int32(int32(i + 1)), ETag: p.CopyPartResult.ETag})
	}
	_, err = c.UploadPartCopy(t.Context(), &sdk.UploadPartCopyInput{Bucket: aws.String("parts"), Key: aws.String("dst"), UploadId: u.UploadId, PartNumber: aws.Int32(9), CopySource: aws.String("parts/src"), CopySourceRange: aws.String("bytes=0-99999999")})
	r.want(err, "InvalidArgument")
	if _, err := r.complete(c, "parts", "dst", *u.UploadId, list); err != nil {
		t.Fatal(err)
	}
	if got, err := r.get(c, "parts", "dst"); err != nil || got != string(random(minPart+10)) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// TestSweep proves that blobs live exactly as long as a row names them.
func TestSweep(t *testing.T) {
	r := newRig(t)
	c := r.root()
	r.bucket(c, "sweep")
	sweep := func() int {
		if err := r.s.Tidy(t.Context()); err != nil {
			t.Fatal(err)
		}
		var ids []string
		_ = r.blobs.Walk(t.Context(), func(i blob.Info) error { ids = append(ids, i.ID); return nil })
		for _, id := range ids {
			if err := r.s.Sweep(t.Context(), id, r.blobs.Delete); err != nil {
				t.Fatal(err)
			}
		}
		n := 0
		_ = r.blobs.Walk(t.Context(), func(blob.Info) error { n++; return nil })
		return n
	}
	r.put(c, "sweep", "a", "same")
	r.put(c, "sweep", "b", "same")
	r.put(c, "sweep", "c", "other")
	if n := sweep(); n != 2 {
		t.Errorf("%d blobs, want 2", n)
	}
	r.put(c, "sweep", "a", "third")
	r.put(c, "sweep", "c", "third")
	if n := sweep(); n != 2 {
		t.Errorf("%d blobs after replacing, want 2", n)
	}
	id, list, whole := r.begin(c, "sweep", "m", sdk.CreateMultipartUploadInput{}, minPart, 10, 11)
	if n := sweep(); n != 5 {
		t.Errorf("%d blobs with an open upload, want 5", n)
	}
	if _, err := r.complete(c, "sweep", "m", id, list[:2]); err != nil {
		t.Fatal(err)
	}
	if n := sweep(); n != 4 {
		t.Errorf("%d blobs when the part not listed is gone, want 4", n)
	}
	if got, err := r.get(c, "sweep", "m"); err != nil || got != string(whole[:minPart+10]) {
		t.Error(len(got), err)
	}
	r.put(c, "sweep", "m", "third")
	if n := sweep(); n != 4 {
		t.Errorf("%d blobs while readers may need the old parts, want 4", n)
	}
	r.skew = 2 * time.Hour
	if n := sweep(); n != 2 {
		t.Errorf("%d blobs in the end, want 2", n)
	}
	// A put that meets a blob being deleted is told to come again, and loses nothing.
	r.skew = 0
	r.put(c, "sweep", "d", "doomed")
	if _, err := c.DeleteObject(t.Context(), &sdk.DeleteObjectInput{Bucket: aws.String("sweep"), Key: aws.String("d")}); err != nil {
		t.Fatal(err)
	}
	id = idOf("doomed")
	err := r.s.Sweep(t.Context(), id, func(ctx contextT, id string) error {
		_, err := c.PutObject(t.Context(), &sdk.PutObjectInput{Bucket: aws.String("sweep"), Key: aws.String("d"), Body: strings.NewReader("doomed")})
		r.want(err, "SlowDown")
		return r.blobs.Delete(ctx, id)
	})
	if err != nil {
		t.Fatal(err)
	}
	r.put(c, "sweep", "d", "doomed")
	if got, err := r.get(c, "sweep", "d"); err != nil || got != "doomed" {
		t.Error(got, err)
	}
}

// TestTrimManyParts completes an upload whose parts not listed are more than one transaction takes.
func TestTrimManyParts(t *testing.T) {
	r := newRig(t)
	c := r.root()
	r.bucket(c, "trim")
	id, list, _ := r.begin(c, "trim", "k", sdk.CreateMultipartUploadInput{}, 10)
	for from := 100; from < 2600; from += 500 {
		if err := r.s.cfg.DB.Update(t.Context(), func(tx *kv.Tx) error {
			for n := from; n < from+500; n++ {
				if err := parts.Put(tx, r.s.scope(), &part{Upload: id, Number: n, Blob: idOf("x"), Size: 1, ETag: "e"}); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.complete(c, "trim", "k", id, list); err != nil {
		t.Fatal(err)
	}
	_ = r.s.cfg.DB.View(t.Context(), func(tx *kv.Tx) error {
		rows, _, err := parts.List(tx, r.s.scope(), record.Page{Prefix: []any{id}})
		if err != nil || len(rows) != 1 {
			t.Errorf("%d parts left, %v", len(rows), err)
		}
		return nil
	})
}
