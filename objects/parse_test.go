package objects

import (
	"math/rand"
	"reflect"
	"strings"
	"testing"

	api "bothy/api/s3"
	"bothy/wire"
)

func FuzzRange(f *testing.F) {
	for _, s := range []string{"bytes=0-0", "bytes=-5", "bytes=5-", "bytes=9-1", "bytes=0-9223372036854775807", "bytes=99999999999999999999-", "bytes=1-2,3-4", "bytes=--1", "x"} {
		f.Add(s, int64(10))
	}
	f.Fuzz(func(t *testing.T, header string, size int64) {
		if size < 0 {
			return
		}
		r, ok, err := parseRange(header, size)
		if ok && err == nil && (r.offset < 0 || r.length < 1 || r.offset+r.length > size) {
			t.Errorf("%q of %d: %+v", header, size, r)
		}
	})
}

func FuzzCopySource(f *testing.F) {
	for _, s := range []string{"b/k", "/b/k", "b%2Fk", "b/k?versionId=null", "arn:aws:s3:us-east-1:1:accesspoint/x/object/k", "//", "b/%zz", "b//../k", "b/\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, header string) {
		from, err := parseCopySource(header)
		if err == nil && (from.bucket == "" || from.key == "" || strings.Contains(from.bucket, "/") || checkKey(from.key) != nil) {
			t.Errorf("%q: %+v", header, from)
		}
	})
}

func FuzzCORS(f *testing.F) {
	f.Add("https://*.example.com", "https://a.example.com", "x-amz-*", "X-Amz-Date, x-amz-token")
	f.Add("*", "null", "*", ",,,")
	f.Add("a*a", "a", "", "")
	f.Fuzz(func(t *testing.T, allowed, origin, header, asked string) {
		r := api.CORSRule{AllowedOrigins: []string{allowed}, AllowedMethods: []string{"GET"}, AllowedHeaders: []string{header}}
		if checkCORSRule(&r) != nil {
			return
		}
		h := matchCORS(&r, origin, "GET", headerNames([]string{asked}))
		if h != nil && !strings.Contains(allowed, "*") && !strings.EqualFold(allowed, origin) {
			t.Errorf("origin %q passes for %q", origin, allowed)
		}
	})
}

func FuzzTags(f *testing.F) {
	f.Add("a=1&b=2")
	f.Add("a=1&a=2")
	f.Add("%zz=;")
	f.Fuzz(func(t *testing.T, header string) {
		tags, err := parseTagHeader(header)
		if err == nil && len(tags) > maxObjectTags {
			t.Error(len(tags))
		}
	})
}

func FuzzPolicyIsPublic(f *testing.F) {
	f.Add(`{"Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*"}]}`)
	f.Add(`{"Statement":{"Effect":"Allow","Principal":{"AWS":["*"]},"Condition":{"IpAddress":{"aws:SourceIp":"1.2.3.4/32"}}}}`)
	f.Fuzz(func(_ *testing.T, doc string) { isPublic(doc); _ = checkPolicy(doc, "b") })
}

func TestIsPublic(t *testing.T) {
	for doc, want := range map[string]bool{
		`{"Statement":{"Effect":"Allow","Principal":"*"}}`:                                                                                   true,
		`{"Statement":[{"Effect":"Allow","Principal":{"AWS":"*"}}]}`:                                                                         true,
		`{"Statement":[{"Effect":"Allow","NotPrincipal":{"AWS":"123456789012"}}]}`:                                                           true,
		`{"Statement":[{"Effect":"Allow","Principal":{"AWS":"123456789012"}}]}`:                                                              false,
		`{"Statement":[{"Effect":"Deny","Principal":"*"}]}`:                                                                                  false,
		`{"Statement":[{"Effect":"Allow","Principal":"*","Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}}]}`:                         false,
		`{"Statement":[{"Effect":"Allow","Principal":"*","Condition":{"IpAddress":{"aws:SourceIp":"0.0.0.0/0"}}}]}`:                          true,
		`{"Statement":[{"Effect":"Allow","Principal":"*","Condition":{"StringLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/x"}}}]}`:         true,
		`{"Statement":[{"Effect":"Allow","Principal":"*","Condition":{"StringNotEquals":{"aws:PrincipalAccount":"123456789012"}}}]}`:         true,
		`{"Statement":[{"Effect":"Allow","Principal":"*","Condition":{"StringEquals":{"aws:PrincipalAccount":["123456789012"]}}}]}`:          false,
		`{"Statement":[{"Effect":"Allow","Principal":{"AWS":["arn:aws:iam::1:root","*"]},"Condition":{"StringEquals":{"s3:prefix":"a/"}}}]}`: true,
	} {
		if got := isPublic(doc); got != want {
			t.Errorf("%v: %s", got, doc)
		}
	}
}

// TestCombineCRC compares combined CRCs with those of the whole.
func TestCombineCRC(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	for _, a := range []string{"CRC32", "CRC32C", "CRC64NVME"} {
		for range 50 {
			x, y := random(rng.Intn(300)), random(1+rng.Intn(70_000))
			sum := func(b []byte) uint64 {
				h := newSum(a)
				h.Write(b)
				var v uint64
				for _, c := range h.Sum(nil) {
					v = v<<8 | uint64(c)
				}
				return v
			}
			if got, want := combineCRC(a, sum(x), sum(y), int64(len(y))), sum(append(append([]byte{}, x...), y...)); got != want {
				t.Fatalf("%s of %d and %d bytes: %x, want %x", a, len(x), len(y), got, want)
			}
		}
	}
}

// TestFields holds that the members reached by name exist with the types expected.
func TestFields(t *testing.T) {
	for _, in := range []any{
		&api.GetObjectInput{}, &api.PutObjectInput{}, &api.CopyObjectInput{}, &api.DeleteObjectInput{}, &api.UploadPartInput{}, &api.UploadPartCopyInput{}, &api.CompleteMultipartUploadInput{},
		&api.CreateMultipartUploadInput{}, &api.AbortMultipartUploadInput{}, &api.ListPartsInput{}, &api.PutObjectAclInput{}, &api.PutObjectTaggingInput{},
	} {
		for _, name := range []string{"Bucket", "Key", "ExpectedBucketOwner"} {
			if _, ok := member[wire.Opt[string]](in, name); !ok {
				t.Errorf("%T has no %s", in, name)
			}
		}
	}
	for _, in := range []any{&api.PutObjectInput{}, &api.CopyObjectInput{}, &api.CreateMultipartUploadInput{}} {
		for _, name := range []string{"ContentType", "CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage", "Expires", "WebsiteRedirectLocation", "StorageClass", "Tagging", "ACL", "GrantRead", "ServerSideEncryption", "SSECustomerAlgorithm", "SSECustomerKey", "SSEKMSKeyId", "ObjectLockMode", "ObjectLockLegalHoldStatus"} {
			if _, ok := member[wire.Opt[string]](in, name); !ok {
				t.Errorf("%T has no %s", in, name)
			}
		}
		if _, ok := member[map[string]string](in, "Metadata"); !ok {
			t.Errorf("%T has no Metadata", in)
		}
	}
	for _, in := range []any{&api.GetObjectInput{}, &api.HeadObjectInput{}} {
		for _, name := range []string{"ResponseContentType", "ResponseCacheControl", "ResponseContentDisposition", "ResponseContentEncoding", "ResponseContentLanguage", "ChecksumMode", "Range", "VersionId"} {
			if _, ok := member[wire.Opt[string]](in, name); !ok {
				t.Errorf("%T has no %s", in, name)
			}
		}
	}
	for _, a := range algorithms() {
		for _, v := range []any{&api.PutObjectInput{}, &api.PutObjectOutput{}, &api.UploadPartInput{}, &api.UploadPartOutput{}, &api.GetObjectOutput{}, &api.HeadObjectOutput{}, &api.CompletedPart{}, &api.Part{}, &api.Checksum{}, &api.CopyObjectResult{}, &api.CompleteMultipartUploadOutput{}} {
			if !reflect.ValueOf(v).Elem().FieldByName("Checksum" + a).IsValid() {
				t.Errorf("%T has no Checksum%s", v, a)
			}
		}
	}
}
