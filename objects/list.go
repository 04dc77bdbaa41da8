package objects

import (
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf8"

	"bothy/api/s3"
	"bothy/kv"
	"bothy/wire"
)

// Listings need what record.Page has not: ranges by a prefix inside a key part, and jumps over common prefixes.

// walker says what to list: names are the first key part under base.
type walker struct {
	base      kv.Key
	prefix    string
	delimiter string
	after     string // names up to this one are left out
	from      kv.Key // instead of after: the first key
	max       int
}

// walked is what a walk came to.
type walked struct {
	prefixes []string
	last     string // the last name or common prefix
	more     bool
}

// walk calls each for the names with the prefix, in order, and rolls up those that hold the delimiter after it: it jumps over
// a common prefix, whatever lies under it.
func walk(tx *kv.Tx, w walker, each func(name string, raw []byte) error) (walked, error) {
	var out walked
	if w.max <= 0 {
		return out, nil
	}
	from, to := w.start(), beyond(w.base, w.prefix)
	count := 0
	for {
		var jump kv.Key
		var failed error
		err := tx.Scan(kv.Range{From: from, To: to, Limit: w.max - count + 1}, func(k kv.Key, v []byte) bool {
			name, err := nameIn(k, w.base)
			if err != nil {
				failed = err
				return false
			}
			if count == w.max {
				out.more = true
				return false
			}
			count++
			if common, ok := w.common(name); ok {
				out.prefixes, out.last, jump = append(out.prefixes, common), common, beyond(w.base, common)
				return false
			}
			out.last = name
			failed = each(name, v)
			return failed == nil
		})
		if err == nil {
			err = failed
		}
		if err != nil || jump == nil {
			return out, err
		}
		from = jump
	}
}

func (w *walker) start() kv.Key {
	low := within(w.base, w.prefix)
	var at kv.Key
	switch {
	case w.from != nil:
		at = w.from
	case w.after == "":
		return low
	default:
		at = w.base.With(w.after).End()
		if common, ok := w.common(w.after); ok && strings.HasPrefix(w.after, w.prefix) {
			at = beyond(w.base, common)
		}
	}
	if string(at) < string(low) {
		return low
	}
	return at
}

func (w *walker) common(name string) (string, bool) {
	if w.delimiter == "" || !strings.HasPrefix(name, w.prefix) {
		return "", false
	}
	i := strings.Index(name[len(w.prefix):], w.delimiter)
	if i < 0 {
		return "", false
	}
	return name[:len(w.prefix)+i+len(w.delimiter)], true
}

// within is the first key whose next part begins with prefix: the part without its end mark.
func within(base kv.Key, prefix string) kv.Key {
	k := base.With(prefix)
	return k[:len(k)-1]
}

// beyond is above every key whose next part begins with prefix: no UTF-8 text holds 0xFF.
func beyond(base kv.Key, prefix string) kv.Key { return append(within(base, prefix), 0xFF) }

func nameIn(k, base kv.Key) (string, error) {
	parts, err := kv.Key(k[len(base):]).Parts()
	if err != nil {
		return "", err
	}
	name, ok := parts[0].(string)
	if !ok {
		return "", fmt.Errorf("objects: key %x has no name", []byte(k))
	}
	return name, nil
}

// token is a continuation token: the last name, hidden only so that nobody takes it for one.
func token(last string) string { return base64.RawURLEncoding.EncodeToString([]byte("1" + last)) }

func parseToken(t wire.Opt[string]) (string, error) {
	if !t.Set {
		return "", nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(t.V)
	if err != nil || len(raw) < 2 || raw[0] != '1' || !utf8.Valid(raw) {
		return "", invalidArgument("The continuation token provided is incorrect", "continuation-token", t.V)
	}
	return string(raw[1:]), nil
}

const maxPage = 1000 // names of one answer

func pageSize(n wire.Opt[int32], name string) (int, error) {
	if n.V < 0 {
		return 0, invalidArgument("Argument "+name+" must be an integer between 0 and 2147483647", name, fmt.Sprint(n.V))
	}
	return min(int(n.Or(maxPage)), maxPage), nil
}

// encoder writes names as encoding-type asks.
func encoder(encodingType wire.Opt[string]) (func(string) string, error) {
	switch {
	case !encodingType.Set:
		return func(s string) string { return s }, nil
	case encodingType.V == "url":
		return urlEncode, nil
	}
	return nil, invalidArgument("Invalid Encoding Method specified in Request", "encoding-type", encodingType.V)
}

// urlEncode is S3's: as forms have it, but slashes and stars stay.
func urlEncode(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == ' ':
			b.WriteByte('+')
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '.', c == '/', c == '*':
			b.WriteByte(c)
		default:
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		}
	}
	return b.String()
}

// page is what the three listings of objects have in common.
type page struct {
	bucket, prefix, delimiter, after string
	max                              int
	encode                           func(string) string
}

func newPage(bucket string, prefix, delimiter, encodingType wire.Opt[string], maxKeys wire.Opt[int32]) (p page, err error) {
	p = page{bucket: bucket, prefix: prefix.V, delimiter: delimiter.V}
	if !utf8.ValidString(p.prefix) || !utf8.ValidString(p.delimiter) {
		return p, invalidURI()
	}
	if p.max, err = pageSize(maxKeys, "max-keys"); err != nil {
		return p, err
	}
	p.encode, err = encoder(encodingType)
	return p, err
}

// optional encodes a member that is shown only when it was sent.
func (p *page) optional(s wire.Opt[string]) wire.Opt[string] {
	if s.Set {
		s.V = p.encode(s.V)
	}
	return s
}

func (s *Service) list(c *wire.Call, p page) (found []*object, prefixes []s3.CommonPrefix, got walked, err error) {
	err = s.cfg.DB.View(c, func(tx *kv.Tx) error {
		found = nil
		if _, err := s.bucket(tx, p.bucket); err != nil {
			return err
		}
		w := walker{base: objects.Rows(s.scope()).With(p.bucket), prefix: p.prefix, delimiter: p.delimiter, after: p.after, max: p.max}
		got, err = walk(tx, w, func(_ string, raw []byte) error {
			o, err := objects.Decode(raw)
			found = append(found, o)
			return err
		})
		return err
	})
	for _, pre := range got.prefixes {
		prefixes = append(prefixes, s3.CommonPrefix{Prefix: wire.Some(p.encode(pre))})
	}
	return found, prefixes, got, err
}

func (p *page) contents(found []*object, owner *s3.Owner) []s3.Object {
	var out []s3.Object
	for _, o := range found {
		one := s3.Object{
			Key: wire.Some(p.encode(o.Key)), LastModified: wire.Some(o.Modified), ETag: wire.Some(quoted(o.ETag)), Size: wire.Some(o.Size),
			StorageClass: wire.Some(storageClass(o)), Owner: owner,
		}
		if o.Sum.Algorithm != "" {
			one.ChecksumAlgorithm, one.ChecksumType = []string{o.Sum.Algorithm}, wire.Some(o.Sum.kind())
		}
		out = append(out, one)
	}
	return out
}

func (s *Service) listObjects(c *wire.Call, in *s3.ListObjectsInput) (*s3.ListObjectsOutput, error) {
	p, err := newPage(in.Bucket.V, in.Prefix, in.Delimiter, in.EncodingType, in.MaxKeys)
	if err != nil {
		return nil, err
	}
	p.after = in.Marker.V
	found, prefixes, got, err := s.list(c, p)
	if err != nil {
		return nil, err
	}
	out := &s3.ListObjectsOutput{
		Name: in.Bucket, Prefix: wire.Some(p.encode(in.Prefix.V)), Marker: wire.Some(p.encode(in.Marker.V)), Delimiter: p.optional(in.Delimiter), EncodingType: in.EncodingType,
		MaxKeys: wire.Some(int32(p.max)), IsTruncated: wire.Some(got.more), Contents: p.contents(found, owner(c.Account)), CommonPrefixes: prefixes,
	}
	if got.more && p.delimiter != "" {
		out.NextMarker = wire.Some(p.encode(got.last))
	}
	return out, nil
}

func (s *Service) listObjectsV2(c *wire.Call, in *s3.ListObjectsV2Input) (*s3.ListObjectsV2Output, error) {
	p, err := newPage(in.Bucket.V, in.Prefix, in.Delimiter, in.EncodingType, in.MaxKeys)
	if err != nil {
		return nil, err
	}
	p.after = in.StartAfter.V
	if in.ContinuationToken.Set {
		if p.after, err = parseToken(in.ContinuationToken); err != nil {
			return nil, err
		}
	}
	found, prefixes, got, err := s.list(c, p)
	if err != nil {
		return nil, err
	}
	out := &s3.ListObjectsV2Output{
		Name: in.Bucket, Prefix: wire.Some(p.encode(in.Prefix.V)), Delimiter: p.optional(in.Delimiter), StartAfter: p.optional(in.StartAfter), EncodingType: in.EncodingType,
		MaxKeys: wire.Some(int32(p.max)), KeyCount: wire.Some(int32(len(found) + len(prefixes))), IsTruncated: wire.Some(got.more),
		ContinuationToken: in.ContinuationToken, CommonPrefixes: prefixes,
	}
	var who *s3.Owner
	if in.FetchOwner.V {
		who = owner(c.Account)
	}
	out.Contents = p.contents(found, who)
	if got.more {
		out.NextContinuationToken = wire.Some(token(got.last))
	}
	return out, nil
}

// listObjectVersions lists the one version each object has, called null.
func (s *Service) listObjectVersions(c *wire.Call, in *s3.ListObjectVersionsInput) (*s3.ListObjectVersionsOutput, error) {
	p, err := newPage(in.Bucket.V, in.Prefix, in.Delimiter, in.EncodingType, in.MaxKeys)
	if err != nil {
		return nil, err
	}
	p.after = in.KeyMarker.V
	found, prefixes, got, err := s.list(c, p)
	if err != nil {
		return nil, err
	}
	out := &s3.ListObjectVersionsOutput{
		Name: in.Bucket, Prefix: wire.Some(p.encode(in.Prefix.V)), KeyMarker: wire.Some(p.encode(in.KeyMarker.V)), VersionIdMarker: wire.Some(in.VersionIdMarker.V),
		Delimiter: p.optional(in.Delimiter), EncodingType: in.EncodingType, MaxKeys: wire.Some(int32(p.max)), IsTruncated: wire.Some(got.more), CommonPrefixes: prefixes,
	}
	for _, o := range p.contents(found, owner(c.Account)) {
		out.Versions = append(out.Versions, s3.ObjectVersion{
			Key: o.Key, VersionId: wire.Some(nullVersion), IsLatest: wire.Some(true), LastModified: o.LastModified, ETag: o.ETag, Size: o.Size,
			StorageClass: o.StorageClass, Owner: o.Owner, ChecksumAlgorithm: o.ChecksumAlgorithm, ChecksumType: o.ChecksumType,
		})
	}
	if got.more {
		out.NextKeyMarker, out.NextVersionIdMarker = wire.Some(p.encode(got.last)), wire.Some(nullVersion)
	}
	return out, nil
}
