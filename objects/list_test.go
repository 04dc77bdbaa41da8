package objects

import (
	"fmt"
	"math/rand"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"

	"bothy/kv"
	"bothy/kv/memkv"
)

// TestListing compares pages of both list operations with the plain definition of what they list.
func TestListing(t *testing.T) {
	r := newRig(t)
	c := r.root()
	r.bucket(c, "list")
	keys := []string{"a", "a/", "a/1", "a/2/x", "a/2/y", "a0", "b/1", "b/2", "c", "photos/2006/January/s1", "photos/2006/s2", "ü/1", "ü/2", "z z"}
	for _, k := range keys {
		r.put(c, "list", k, k)
	}
	for _, prefix := range []string{"", "a", "a/", "a/2", "photos/2006/", "ü", "none"} {
		for _, delimiter := range []string{"", "/", "2", "zz"} {
			want := define(keys, prefix, delimiter)
			for size := 1; size <= 4; size++ {
				if got := pagesV2(t, c, prefix, delimiter, size); !slices.Equal(got, want) {
					t.Errorf("v2 prefix %q delimiter %q by %d: %q, want %q", prefix, delimiter, size, got, want)
				}
				if got := pagesV1(t, c, prefix, delimiter, size); !slices.Equal(got, want) {
					t.Errorf("v1 prefix %q delimiter %q by %d: %q, want %q", prefix, delimiter, size, got, want)
				}
			}
		}
	}
	out, err := c.ListObjectsV2(t.Context(), &sdk.ListObjectsV2Input{Bucket: aws.String("list"), StartAfter: aws.String("b/1"), MaxKeys: aws.Int32(2), FetchOwner: aws.Bool(true)})
	if err != nil || *out.Contents[0].Key != "b/2" || *out.KeyCount != 2 || !*out.IsTruncated || out.Contents[0].Owner == nil || *out.Contents[0].Size != 3 {
		t.Errorf("start after: %+v, %v", out, err)
	}
	out, err = c.ListObjectsV2(t.Context(), &sdk.ListObjectsV2Input{Bucket: aws.String("list"), Prefix: aws.String("z "), EncodingType: "url"})
	if err != nil || *out.Contents[0].Key != "z+z" || *out.Prefix != "z+" {
		t.Errorf("url encoding: %+v, %v", out, err)
	}
	out, err = c.ListObjectsV2(t.Context(), &sdk.ListObjectsV2Input{Bucket: aws.String("list"), MaxKeys: aws.Int32(0)})
	if err != nil || len(out.Contents) != 0 || *out.IsTruncated {
		t.Errorf("no keys: %+v, %v", out, err)
	}
	_, err = c.ListObjectsV2(t.Context(), &sdk.ListObjectsV2Input{Bucket: aws.String("list"), ContinuationToken: aws.String("nonsense!")})
	r.want(err, "InvalidArgument")
	_, err = c.ListObjectsV2(t.Context(), &sdk.ListObjectsV2Input{Bucket: aws.String("list"), MaxKeys: aws.Int32(-1)})
	r.want(err, "InvalidArgument")
	versions, err := c.ListObjectVersions(t.Context(), &sdk.ListObjectVersionsInput{Bucket: aws.String("list"), Prefix: aws.String("b/")})
	if err != nil || len(versions.Versions) != 2 || *versions.Versions[0].VersionId != "null" {
		t.Errorf("versions: %+v, %v", versions, err)
	}
}

// define lists keys and common prefixes by the letter: filter, roll up, sort, without duplicates.
func define(keys []string, prefix, delimiter string) []string {
	var out []string
	for _, k := range keys {
		rest, ok := strings.CutPrefix(k, prefix)
		if !ok {
			continue
		}
		if i := strings.Index(rest, delimiter); delimiter != "" && i >= 0 {
			k = "P:" + prefix + rest[:i+len(delimiter)]
		}
		if !slices.Contains(out, k) {
			out = append(out, k)
		}
	}
	slices.SortFunc(out, func(a, b string) int {
		return strings.Compare(strings.TrimPrefix(a, "P:"), strings.TrimPrefix(b, "P:"))
	})
	return out
}

func merge(contents, prefixes []string) []string {
	for _, p := range prefixes {
		contents = append(contents, "P:"+p)
	}
	slices.SortFunc(contents, func(a, b string) int {
		return strings.Compare(strings.TrimPrefix(a, "P:"), strings.TrimPrefix(b, "P:"))
	})
	return contents
}

func pagesV2(t *testing.T, c *sdk.Client, prefix, delimiter string, size int) []string {
	t.Helper()
	var all []string
	in := &sdk.ListObjectsV2Input{Bucket: aws.String("list"), Prefix: &prefix, Delimiter: &delimiter, MaxKeys: aws.Int32(int32(size))}
	for pages := sdk.NewListObjectsV2Paginator(c, in); pages.HasMorePages(); {
		out, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var names, common []string
		for _, o := range out.Contents {
			names = append(names, *o.Key)
		}
		for _, p := range out.CommonPrefixes {
			common = append(common, *p.Prefix)
		}
		if len(names)+len(common) > size {
			t.Fatalf("a page of %d", len(names)+len(common))
		}
		all = append(all, merge(names, common)...)
	}
	return all
}

func pagesV1(t *testing.T, c *sdk.Client, prefix, delimiter string, size int) []string {
	t.Helper()
	var all []string
	for marker := ""; ; {
		out, err := c.ListObjects(t.Context(), &sdk.ListObjectsInput{Bucket: aws.String("list"), Prefix: &prefix, Delimiter: &delimiter, MaxKeys: aws.Int32(int32(size)), Marker: &marker})
		if err != nil {
			t.Fatal(err)
		}
		var names, common []string
		for _, o := range out.Contents {
			names = append(names, *o.Key)
			marker = *o.Key
		}
		for _, p := range out.CommonPrefixes {
			common = append(common, *p.Prefix)
		}
		all = append(all, merge(names, common)...)
		if !*out.IsTruncated {
			return all
		}
		if out.NextMarker != nil {
			marker = *out.NextMarker
		}
	}
}

// TestWalkJumps proves that a listing with a delimiter does not read what lies under its common prefixes.
func TestWalkJumps(t *testing.T) {
	db := kv.New(memkv.New())
	base := kv.K("acct", "", "t", "r", "b")
	if err := db.Update(t.Context(), func(tx *kv.Tx) error {
		for dir := range 5 {
			for f := range 1000 {
				if err := tx.Set(base.With(fmt.Sprintf("d%d/%d", dir, f)), []byte("x")); err != nil {
					return err
				}
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	seen := 0
	if err := db.View(t.Context(), func(tx *kv.Tx) error {
		got, err := walk(tx, walker{base: base, delimiter: "/", max: 1000}, func(string, []byte) error { seen++; return nil })
		if len(got.prefixes) != 5 || got.more {
			t.Errorf("%+v", got)
		}
		return err
	}); err != nil || seen != 0 {
		t.Errorf("%d rows seen, %v", seen, err)
	}
}

// TestWalkRandom compares walk with the plain definition on random names that share letters with the delimiter.
func TestWalkRandom(t *testing.T) {
	rng := rand.New(rand.NewSource(7))
	letters := []string{"a", "b", "/", "//", "\x00", "é", "\U0010FFFF"}
	name := func() string {
		s := ""
		for range 1 + rng.Intn(5) {
			s += letters[rng.Intn(len(letters))]
		}
		return s
	}
	for range 300 {
		db, base := kv.New(memkv.New()), kv.K("acct", "", "t", "r", "b")
		names := map[string]bool{}
		for range rng.Intn(20) {
			names[name()] = true
		}
		var keys []string
		_ = db.Update(t.Context(), func(tx *kv.Tx) error {
			for n := range names {
				keys = append(keys, n)
				_ = tx.Set(base.With(n), []byte("x"))
			}
			return nil
		})
		prefix, delimiter := "", []string{"", "/", "//", "a"}[rng.Intn(4)]
		if rng.Intn(2) == 0 {
			prefix = name()[:1]
		}
		if !strings.HasPrefix("aé/b\x00\U0010FFFF", prefix) && strings.ToValidUTF8(prefix, "") != prefix {
			prefix = ""
		}
		want, size := define(keys, prefix, delimiter), 1+rng.Intn(5)
		var got []string
		for after, more := "", true; more; {
			if err := db.View(t.Context(), func(tx *kv.Tx) error {
				var page []string
				w, err := walk(tx, walker{base: base, prefix: prefix, delimiter: delimiter, after: after, max: size}, func(n string, _ []byte) error { page = append(page, n); return nil })
				got, after, more = append(got, merge(page, w.prefixes)...), w.last, w.more
				return err
			}); err != nil {
				t.Fatal(err)
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("keys %q prefix %q delimiter %q by %d:\n got %q\nwant %q", keys, prefix, delimiter, size, got, want)
		}
	}
}
