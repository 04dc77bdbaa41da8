package objects

import (
	"context"
	"crypto/md5"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"strings"

	"bothy/wire"
)

const (
	maxPut  = 5 << 30 // bytes of one PUT, part or copy
	minPart = 5 << 20 // bytes of every part but the last
)

// expected is what an upload says of its content.
type expected struct {
	md5       []byte // nil: not said
	sum       checksum
	inTrailer bool // the checksum's value comes after the content
	length    int64
	trailers  func(name string) string
}

// expect reads what a request says of its body: Content-MD5, a checksum in a header or trailer, and its length. algorithm is
// the one to compute when it names none.
func expect(c *wire.Call, in any, algorithm string) (*expected, error) {
	e := &expected{length: -1}
	var err error
	if v, _ := member[wire.Opt[string]](in, "ContentMD5"); v.Set {
		if e.md5, err = base64.StdEncoding.DecodeString(v.V); err != nil || len(e.md5) != md5.Size {
			return nil, fail(400, "InvalidDigest", "The Content-MD5 you specified was invalid.", "Content-MD5", v.V)
		}
	}
	if e.sum, err = sumOf(in); err != nil {
		return nil, err
	}
	if e.sum.Algorithm != "" {
		err = checkSumValue(e.sum)
	}
	if c.HTTP != nil && err == nil {
		err = e.fromHTTP(c, text(in, "ChecksumAlgorithm"))
	}
	if err == nil && e.sum.Algorithm == "" {
		e.sum.Algorithm = algorithm
	}
	return e, err
}

func (e *expected) fromHTTP(c *wire.Call, announced string) error {
	h := c.HTTP.Header
	if c.Auth == nil && strings.HasPrefix(h.Get("X-Amz-Content-Sha256"), "STREAMING-") {
		return invalidRequest("aws-chunked bodies must be signed.") // nobody has taken the chunks apart
	}
	if e.length = c.HTTP.ContentLength; e.length < 0 {
		return fail(411, "MissingContentLength", "You must provide the Content-Length HTTP header.")
	}
	if e.length > maxPut {
		return tooLarge()
	}
	if e.sum.Algorithm == "" {
		if e.sum.Algorithm = trailerSum(h.Get("X-Amz-Trailer")); e.sum.Algorithm != "" && c.Auth != nil {
			e.inTrailer, e.trailers = true, func(name string) string { return c.Auth.Trailer[name] }
			return nil
		}
		if announced != "" {
			return invalidRequest("x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.")
		}
	}
	return nil
}

func tooLarge() error {
	return fail(400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed object size.", "MaxSizeAllowed", "5368709120")
}

// trailerSum is the checksum that X-Amz-Trailer announces.
func trailerSum(names string) string {
	for _, n := range strings.Split(names, ",") {
		a := strings.ToUpper(strings.TrimPrefix(strings.ToLower(strings.TrimSpace(n)), "x-amz-checksum-"))
		if newSum(a) != nil {
			return a
		}
	}
	return ""
}

// received is content that is durable and proven.
type received struct {
	blob string
	size int64
	etag string // hex MD5
	sum  checksum
}

// receive streams content into the blob store. Nothing is kept of content that is not what was promised.
func (s *Service) receive(ctx context.Context, body io.Reader, e *expected) (*received, error) {
	if body == nil {
		body = strings.NewReader("")
	}
	p := &proof{src: body, md5: md5.New(), sum: newSum(e.sum.Algorithm), expected: e}
	info, err := s.cfg.Blobs.Put(ctx, p)
	if p.failed != nil {
		return nil, p.failed
	}
	if err != nil {
		return nil, err
	}
	got := &received{blob: info.ID, size: info.Size, etag: hex.EncodeToString(p.md5.Sum(nil)), sum: checksum{Algorithm: e.sum.Algorithm}}
	if p.sum != nil {
		got.sum.Value = base64.StdEncoding.EncodeToString(p.sum.Sum(nil))
	}
	return got, nil
}

// proof hashes what passes, and lets the end pass only when the content is what was promised.
type proof struct {
	src      io.Reader
	md5, sum hash.Hash
	n        int64
	failed   error // sticky
	*expected
}

func (p *proof) Read(b []byte) (int, error) {
	if p.failed != nil {
		return 0, p.failed
	}
	n, err := p.src.Read(b)
	p.md5.Write(b[:n])
	if p.sum != nil {
		p.sum.Write(b[:n])
	}
	p.n += int64(n)
	switch {
	case p.n > maxPut:
		p.failed = tooLarge()
	case err == io.EOF:
		if p.failed = p.verdict(); p.failed == nil {
			return n, io.EOF
		}
	case err != nil:
		if p.failed = err; !p.ours() {
			p.failed = bodyError(err)
		}
	default:
		return n, nil
	}
	return 0, p.failed
}

// ours tells whether the content comes from our own store: then its failures are ours, not the client's.
func (p *proof) ours() bool {
	_, ok := p.src.(*content)
	return ok
}

func (p *proof) verdict() error {
	if p.length >= 0 && p.n != p.length {
		return incompleteBody("%d bytes of %d", p.n, p.length)
	}
	if p.expected.md5 != nil && subtle.ConstantTimeCompare(p.expected.md5, p.md5.Sum(nil)) != 1 {
		return fail(400, "BadDigest", "The Content-MD5 you specified did not match what we received.")
	}
	want := p.expected.sum
	if p.inTrailer {
		if want.Value = p.trailers("x-amz-checksum-" + strings.ToLower(want.Algorithm)); want.Value == "" {
			return fail(400, "MalformedTrailerError", "The request contained trailing data that was not well-formed or did not conform to our published schema.")
		}
		if err := checkSumValue(want); err != nil {
			return err
		}
	}
	if want.Value != "" && want.Value != base64.StdEncoding.EncodeToString(p.sum.Sum(nil)) {
		return fail(400, "BadDigest", "The "+want.Algorithm+" you specified did not match the calculated checksum.")
	}
	return nil
}

func incompleteBody(reason string, a ...any) error {
	return wire.Because(fail(400, "IncompleteBody", "You did not provide the number of bytes specified by the Content-Length HTTP header"), reason, a...)
}

// bodyError names a failure to read what the client sends. The pipeline's own findings (a payload that is not what was
// signed) are Faults already.
func bodyError(err error) error {
	var f wire.Fault
	if errors.As(err, &f) {
		return err
	}
	return incompleteBody("%v", err)
}
