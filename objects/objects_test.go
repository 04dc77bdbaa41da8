package objects

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

func TestBucketLife(t *testing.T) {
	r := newRig(t)
	for name, pathStyle := range map[string]bool{"path": true, "virtual host": false} {
		t.Run(name, func(t *testing.T) {
			c := r.client("AKROOT", pathStyle)
			out, err := c.CreateBucket(t.Context(), &sdk.CreateBucketInput{Bucket: aws.String("life"), CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: "eu-central-1"}})
			if err != nil || *out.Location != "/life" {
				t.Fatal(out, err)
			}
			_, err = c.CreateBucket(t.Context(), &sdk.CreateBucketInput{Bucket: aws.String("life")})
			r.want(err, "BucketAlreadyOwnedByYou")
			loc, err := c.GetBucketLocation(t.Context(), &sdk.GetBucketLocationInput{Bucket: aws.String("life")})
			if err != nil || loc.LocationConstraint != "eu-central-1" {
				t.Errorf("location %v, %v", loc, err)
			}
			head, err := c.HeadBucket(t.Context(), &sdk.HeadBucketInput{Bucket: aws.String("life")})
			if err != nil || *head.BucketRegion != "eu-central-1" {
				t.Errorf("head %v, %v", head, err)
			}
			list, err := c.ListBuckets(t.Context(), &sdk.ListBucketsInput{})
			if err != nil || len(list.Buckets) != 1 || *list.Buckets[0].Name != "life" || list.Buckets[0].CreationDate.IsZero() {
				t.Errorf("list %+v, %v", list, err)
			}
			r.put(c, "life", "k", "v")
			_, err = c.DeleteBucket(t.Context(), &sdk.DeleteBucketInput{Bucket: aws.String("life")})
			r.want(err, "BucketNotEmpty")
			if _, err := c.DeleteObject(t.Context(), &sdk.DeleteObjectInput{Bucket: aws.String("life"), Key: aws.String("k")}); err != nil {
				t.Error(err)
			}
			if _, err = c.DeleteBucket(t.Context(), &sdk.DeleteBucketInput{Bucket: aws.String("life")}); err != nil {
				t.Error(err)
			}
			_, err = c.HeadBucket(t.Context(), &sdk.HeadBucketInput{Bucket: aws.String("life")})
			r.want(err, "NotFound")
			_, err = c.ListObjectsV2(t.Context(), &sdk.ListObjectsV2Input{Bucket: aws.String("life")})
			r.want(err, "NoSuchBucket")
		})
	}
	for _, bad := range []string{"ab", "Upper", "under_score", "dot..dot", "1.2.3.4", "-x-x", "xn--abc"} {
		_, err := r.root().CreateBucket(t.Context(), &sdk.CreateBucketInput{Bucket: &bad})
		r.want(err, "InvalidBucketName")
	}
}

// TestKeys proves that a key is any text: each lands where it should and nowhere else.
func TestKeys(t *testing.T) {
	r := newRig(t)
	r.bucket(r.root(), "keys")
	keys := []string{
		"a", "/lead", "//double//slash/../x", "..", "../../etc/passwd", ".", "a b+c%20d", "ümläut/日本語/😀", "q?x=y&z#f", "*'()!~", "trail/", "us-east-1:1234/x",
		"semi;colon", "a\tb", strings.Repeat("k", 1024), "\\back", "%2e%2e%2f",
	}
	for _, style := range []bool{true, false} {
		c := r.client("AKROOT", style)
		for _, k := range keys {
			r.put(c, "keys", k, "content of "+k)
		}
		for _, k := range keys {
			if got, err := r.get(c, "keys", k); err != nil || got != "content of "+k {
				t.Errorf("key %q: %q, %v", k, got, err)
			}
		}
	}
	list, err := r.root().ListObjectsV2(t.Context(), &sdk.ListObjectsV2Input{Bucket: aws.String("keys"), EncodingType: "url"})
	if err != nil || len(list.Contents) != len(keys) {
		t.Errorf("%d keys listed of %d: %v", len(list.Contents), len(keys), err)
	}
	_, err = r.root().PutObject(t.Context(), &sdk.PutObjectInput{Bucket: aws.String("keys"), Key: aws.String(strings.Repeat("k", 1025)), Body: strings.NewReader("")})
	r.want(err, "KeyTooLongError")
	if res, body := r.plain("GET", "/keys/%ff%fe", nil); res.StatusCode == 200 || res.StatusCode >= 500 {
		t.Errorf("bytes that are no UTF-8: %d %s", res.StatusCode, body)
	}
}

func TestMetadata(t *testing.T) {
	r := newRig(t)
	c := r.root()
	r.bucket(c, "meta")
	_, err := c.PutObject(t.Context(), &sdk.PutObjectInput{
		Bucket: aws.String("meta"), Key: aws.String("k"), Body: strings.NewReader("hello"), ContentType: aws.String("text/plain"), CacheControl: aws.String("max-age=1"),
		ContentEncoding: aws.String("gzip"), ContentDisposition: aws.String("attachment"), ContentLanguage: aws.String("de"), Metadata: map[string]string{"Colour": "blau"},
		Tagging: aws.String("a=1&b=two+words"), StorageClass: "STANDARD_IA",
	}, func(o *sdk.Options) { o.APIOptions = append(o.APIOptions, addHeader("Expires", "whenever")) })
	if err != nil {
		t.Fatal(err)
	}
	head, err := c.HeadObject(t.Context(), &sdk.HeadObjectInput{Bucket: aws.String("meta"), Key: aws.String("k"), ChecksumMode: "ENABLED"})
	if err != nil {
		t.Fatal(err)
	}
	if *head.ContentType != "text/plain" || *head.CacheControl != "max-age=1" || *head.ContentEncoding != "gzip" || *head.ContentDisposition != "attachment" || *head.ContentLanguage != "de" ||
		head.Metadata["colour"] != "blau" || *head.ExpiresString != "whenever" || *head.ContentLength != 5 || *head.ETag != `"5d41402abc4b2a76b9719d911017c592"` || head.StorageClass != "STANDARD_IA" ||
		head.ChecksumCRC32 == nil && head.ChecksumCRC64NVME == nil {
		t.Errorf("head %+v", head)
	}
	tags, err := c.GetObjectTagging(t.Context(), &sdk.GetObjectTaggingInput{Bucket: aws.String("meta"), Key: aws.String("k")})
	if err != nil || len(tags.TagSet) != 2 || *tags.TagSet[1].Value != "two words" {
		t.Errorf("tags %+v, %v", tags, err)
	}
	got, err := c.GetObject(t.Context(), &sdk.GetObjectInput{
		Bucket: aws.String("meta"), Key: aws.String("k"), ResponseContentType: aws.String("text/x"), ResponseCacheControl: aws.String("no-store"), ResponseContentDisposition: aws.String("inline"),
	})
	if err != nil || *got.ContentType != "text/x" || *got.CacheControl != "no-store" || *got.ContentDisposition != "inline" || *got.TagCount != 2 {
		t.Errorf("get %+v, %v", got, err)
	}
	_, err = c.PutObject(t.Context(), &sdk.PutObjectInput{Bucket: aws.String("meta"), Key: aws.String("big"), Body: strings.NewReader(""), Metadata: map[string]string{"x": strings.Repeat("v", 2048)}})
	r.want(err, "MetadataTooLarge")
	_, err = c.PutObject(t.Context(), &sdk.PutObjectInput{Bucket: aws.String("meta"), Key: aws.String("sse"), Body: strings.NewReader(""), ServerSideEncryption: "aws:kms"})
	r.want(err, "NotImplemented")
}

func TestRangesAndConditions(t *testing.T) {
	r := newRig(t)
	c := r.root()
	r.bucket(c, "ranges")
	etag := r.put(c, "ranges", "k", "0123456789").ETag
	get := func(edit func(*sdk.GetObjectInput)) (string, string, error) {
		in := &sdk.GetObjectInput{Bucket: aws.String("ranges"), Key: aws.String("k")}
		edit(in)
		out, err := c.GetObject(t.Context(), in)
		if err != nil {
			return "", "", err
		}
		b, err := io.ReadAll(out.Body)
		return string(b), aws.ToString(out.ContentRange), err
	}
	for header, want := range map[string]string{
		"bytes=0-0": "0", "bytes=2-4": "234", "bytes=5-": "56789", "bytes=-3": "789", "bytes=8-99": "89", "bytes=-99": "0123456789",
		"bytes=0-1,3-4": "0123456789", "lines=1-2": "0123456789", "bytes=4-2": "0123456789",
	} {
		got, cr, err := get(func(in *sdk.GetObjectInput) { in.Range = &header })
		if err != nil || got != want || (cr == "") != (strings.Contains(header, ",") || header[0] == 'l' || header == "bytes=4-2") {
			t.Errorf("%s: %q, range %q, %v", header, got, cr, err)
		}
	}
	for _, header := range []string{"bytes=10-", "bytes=10-12", "bytes=-0"} {
		_, _, err := get(func(in *sdk.GetObjectInput) { in.Range = &header })
		r.want(err, "InvalidRange")
	}
	if got, _, err := get(func(in *sdk.GetObjectInput) { in.IfMatch = etag }); err != nil || got != "0123456789" {
		t.Error(got, err)
	}
	_, _, err := get(func(in *sdk.GetObjectInput) { in.IfMatch = aws.String(`"other"`) })
	r.want(err, "PreconditionFailed")
	_, _, err = get(func(in *sdk.GetObjectInput) { in.IfNoneMatch = etag })
	r.want(err, "NotModified")
	head, _ := c.HeadObject(t.Context(), &sdk.HeadObjectInput{Bucket: aws.String("ranges"), Key: aws.String("k")})
	_, _, err = get(func(in *sdk.GetObjectInput) { in.IfModifiedSince = head.LastModified })
	r.want(err, "NotModified")
	_, _, err = get(func(in *sdk.GetObjectInput) { in.IfUnmodifiedSince = aws.Time(head.LastModified.Add(-1e9)) })
	r.want(err, "PreconditionFailed")
	_, _, err = get(func(in *sdk.GetObjectInput) { in.PartNumber = aws.Int32(2) })
	r.want(err, "InvalidPartNumber")

	put := func(edit func(*sdk.PutObjectInput)) error {
		in := &sdk.PutObjectInput{Bucket: aws.String("ranges"), Key: aws.String("k"), Body: strings.NewReader("new")}
		edit(in)
		_, err := c.PutObject(t.Context(), in)
		return err
	}
	r.want(put(func(in *sdk.PutObjectInput) { in.IfNoneMatch = aws.String("*") }), "PreconditionFailed")
	r.want(put(func(in *sdk.PutObjectInput) { in.IfMatch = aws.String(`"x"`) }), "PreconditionFailed")
	r.want(put(func(in *sdk.PutObjectInput) { in.IfMatch = etag }), "")
	_, err = c.GetObject(t.Context(), &sdk.GetObjectInput{Bucket: aws.String("ranges"), Key: aws.String("nope")})
	r.want(err, "NoSuchKey")
}

func TestChecksums(t *testing.T) {
	r := newRig(t)
	c := r.root()
	r.bucket(c, "sums")
	for _, a := range []types.ChecksumAlgorithm{"CRC32", "CRC32C", "SHA1", "SHA256", "CRC64NVME"} {
		for name, client := range map[string]*sdk.Client{"header": c, "trailer": r.tls("AKROOT")} {
			var body io.Reader = bytes.NewReader(random(100_000))
			if _, err := client.PutObject(t.Context(), &sdk.PutObjectInput{Bucket: aws.String("sums"), Key: aws.String("k"), Body: body, ChecksumAlgorithm: a}); err != nil {
				t.Errorf("%s by %s: %v", a, name, err)
				continue
			}
			out, err := client.GetObject(t.Context(), &sdk.GetObjectInput{Bucket: aws.String("sums"), Key: aws.String("k"), ChecksumMode: "ENABLED"})
			if err != nil {
				t.Errorf("%s: %v", a, err)
				continue
			}
			got, err := io.ReadAll(out.Body) // the SDK compares the checksum
			if err != nil || !bytes.Equal(got, random(100_000)) || out.ChecksumType != "FULL_OBJECT" {
				t.Errorf("%s by %s: %d bytes, type %q, %v", a, name, len(got), out.ChecksumType, err)
			}
		}
	}
	_, err := c.PutObject(t.Context(), &sdk.PutObjectInput{Bucket: aws.String("sums"), Key: aws.String("bad"), Body: strings.NewReader("x"), ChecksumSHA1: aws.String("AAAAAAAAAAAAAAAAAAAAAAAAAAA=")})
	r.want(err, "BadDigest")
	_, err = c.PutObject(t.Context(), &sdk.PutObjectInput{Bucket: aws.String("sums"), Key: aws.String("bad"), Body: strings.NewReader("x"), ChecksumSHA1: aws.String("AAA=")})
	r.want(err, "InvalidRequest")
	_, err = c.PutObject(t.Context(), &sdk.PutObjectInput{Bucket: aws.String("sums"), Key: aws.String("bad"), Body: strings.NewReader("x"), ContentMD5: aws.String("AAAAAAAAAAAAAAAAAAAAAA==")})
	r.want(err, "BadDigest")
	_, err = c.PutObject(t.Context(), &sdk.PutObjectInput{Bucket: aws.String("sums"), Key: aws.String("bad"), Body: strings.NewReader("x"), ContentMD5: aws.String("short")})
	r.want(err, "InvalidDigest")
	_, err = c.HeadObject(t.Context(), &sdk.HeadObjectInput{Bucket: aws.String("sums"), Key: aws.String("bad")})
	r.want(err, "NotFound")
}

func TestCopy(t *testing.T) {
	r := newRig(t)
	c := r.root()
	r.bucket(c, "from")
	r.bucket(c, "target")
	key := "dir/ä b+c.txt"
	if _, err := c.PutObject(t.Context(), &sdk.PutObjectInput{Bucket: aws.String("from"), Key: &key, Body: strings.NewReader("copied"), ContentType: aws.String("text/plain"), Metadata: map[string]string{"m": "1"}, Tagging: aws.String("t=1")}); err != nil {
		t.Fatal(err)
	}
	out, err := c.CopyObject(t.Context(), &sdk.CopyObjectInput{Bucket: aws.String("target"), Key: aws.String("k"), CopySource: aws.String("from/dir/%C3%A4%20b%2Bc.txt")})
	if err != nil || out.CopyObjectResult.ETag == nil {
		t.Fatal(err)
	}
	head, _ := c.HeadObject(t.Context(), &sdk.HeadObjectInput{Bucket: aws.String("target"), Key: aws.String("k")})
	tags, _ := c.GetObjectTagging(t.Context(), &sdk.GetObjectTaggingInput{Bucket: aws.String("target"), Key: aws.String("k")})
	if *head.ContentType != "text/plain" || head.Metadata["m"] != "1" || len(tags.TagSet) != 1 {
		t.Errorf("copy %+v", head)
	}
	_, err = c.CopyObject(t.Context(), &sdk.CopyObjectInput{Bucket: aws.String("target"), Key: aws.String("k"), CopySource: aws.String("target/k")})
	r.want(err, "InvalidRequest")
	_, err = c.CopyObject(t.Context(), &sdk.CopyObjectInput{Bucket: aws.String("target"), Key: aws.String("k"), CopySource: aws.String("/target/k"), MetadataDirective: "REPLACE", ContentType: aws.String("text/new")})
	r.want(err, "")
	head, _ = c.HeadObject(t.Context(), &sdk.HeadObjectInput{Bucket: aws.String("target"), Key: aws.String("k")})
	if *head.ContentType != "text/new" || head.Metadata["m"] != "" || *head.ContentLength != 6 {
		t.Errorf("replaced %+v", head)
	}
	_, err = c.CopyObject(t.Context(), &sdk.CopyObjectInput{Bucket: aws.String("target"), Key: aws.String("k"), CopySource: aws.String("target/none")})
	r.want(err, "NoSuchKey")
	_, err = c.CopyObject(t.Context(), &sdk.CopyObjectInput{Bucket: aws.String("target"), Key: aws.String("k2"), CopySource: aws.String("target/k"), CopySourceIfMatch: aws.String("x")})
	r.want(err, "PreconditionFailed")
	_, err = c.CopyObject(t.Context(), &sdk.CopyObjectInput{Bucket: aws.String("target"), Key: aws.String("k2"), CopySource: aws.String("target/k?versionId=abc")})
	r.want(err, "InvalidArgument")
}

func TestDeleteObjects(t *testing.T) {
	r := newRig(t)
	c := r.root()
	r.bucket(c, "del")
	r.put(c, "del", "a", "1")
	r.put(c, "del", "b", "2")
	out, err := c.DeleteObjects(t.Context(), &sdk.DeleteObjectsInput{Bucket: aws.String("del"), Delete: &types.Delete{Objects: []types.ObjectIdentifier{
		{Key: aws.String("a")}, {Key: aws.String("missing")}, {Key: aws.String("b"), ETag: aws.String("other")},
	}}})
	if err != nil || len(out.Deleted) != 2 || len(out.Errors) != 1 || *out.Errors[0].Code != "PreconditionFailed" {
		t.Fatalf("%+v, %v", out, err)
	}
	out, err = c.DeleteObjects(t.Context(), &sdk.DeleteObjectsInput{Bucket: aws.String("del"), Delete: &types.Delete{Quiet: aws.Bool(true), Objects: []types.ObjectIdentifier{{Key: aws.String("b")}}}})
	if err != nil || len(out.Deleted)+len(out.Errors) != 0 {
		t.Errorf("quiet: %+v, %v", out, err)
	}
	many := make([]types.ObjectIdentifier, 1001)
	for i := range many {
		many[i].Key = aws.String("x")
	}
	_, err = c.DeleteObjects(t.Context(), &sdk.DeleteObjectsInput{Bucket: aws.String("del"), Delete: &types.Delete{Objects: many}})
	r.want(err, "MalformedXML")
}

func TestPresigned(t *testing.T) {
	r := newRig(t)
	c := r.root()
	r.bucket(c, "pre")
	p := sdk.NewPresignClient(c)
	put, err := p.PresignPutObject(t.Context(), &sdk.PutObjectInput{Bucket: aws.String("pre"), Key: aws.String("a/b c")})
	if err != nil {
		t.Fatal(err)
	}
	req, _ := http.NewRequest("PUT", put.URL, strings.NewReader("by url"))
	res, err := http.DefaultClient.Do(req)
	if err != nil || res.StatusCode != 200 {
		b, _ := io.ReadAll(res.Body)
		t.Fatal(res.Status, err, string(b))
	}
	get, _ := p.PresignGetObject(t.Context(), &sdk.GetObjectInput{Bucket: aws.String("pre"), Key: aws.String("a/b c"), ResponseContentType: aws.String("text/x")})
	res, err = http.Get(get.URL)
	if err != nil || res.StatusCode != 200 || res.Header.Get("Content-Type") != "text/x" {
		t.Fatal(res, err)
	}
	res, _ = http.Get(strings.Replace(get.URL, "a/b", "a/x", 1))
	if res.StatusCode != 403 {
		t.Errorf("another key by the same URL: %d", res.StatusCode)
	}
}
