package sigv4

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"hash"
	"io"
	"net/http"
	"slices"
	"strings"
)

// Limits of the aws-chunked framing.
const (
	maxLine     = 4096 // bytes of a chunk header or trailer line
	maxTrailers = 16
)

const emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

func hexOf(b []byte) string { return hex.EncodeToString(b) }

// announcedTrailers are the names in X-Amz-Trailer, in lower case.
func announcedTrailers(h http.Header) (names []string, err error) {
	for _, v := range h["X-Amz-Trailer"] {
		for n := range strings.SplitSeq(v, ",") {
			n = strings.ToLower(strings.TrimSpace(n))
			if n == "" {
				continue
			}
			if !lowerToken(n) || slices.Contains(names, n) || len(names) == maxTrailers {
				return nil, refuse(BadTrailer, msgTrailer, "X-Amz-Trailer %.80q", v)
			}
			names = append(names, n)
		}
	}
	return names, nil
}

// chunks decodes an aws-chunked body: size[;chunk-signature=…] CRLF data CRLF …, a chunk of size 0, then trailers.
type chunks struct {
	auth      *Auth
	src       io.Closer
	r         *bufio.Reader
	left      int64 // of the current chunk
	n, length int64 // delivered, and declared
	announced []string
	err       error // sticky

	// Of signed chunks; mac is nil for unsigned ones.
	mac    hash.Hash
	sum    hash.Hash
	prefix []byte // time and scope, as every string to sign has them
	prev   [64]byte
	sent   [64]byte
	buf    []byte
	hash   []byte
}

func newChunks(src io.ReadCloser, a *Auth, key []byte, length int64, announced []string) *chunks {
	c := &chunks{auth: a, src: src, r: bufio.NewReaderSize(src, maxLine), length: length, announced: announced}
	if key != nil {
		c.mac, c.sum = hmac.New(sha256.New, key), sha256.New()
		c.prefix = append(a.scope([]byte("\n"+a.stamp+"\n")), '\n')
		copy(c.prev[:], a.Signature)
	}
	return c
}

// Close closes the body below.
func (c *chunks) Close() error { return c.src.Close() }

// Read delivers payload. The end of a chunk is delivered only when its signature has been checked, the end of the payload
// only when the trailers have.
func (c *chunks) Read(p []byte) (int, error) {
	if c.err != nil || len(p) == 0 {
		return 0, c.err
	}
	n, err := c.read(p)
	if err != nil {
		c.err = err
		if err != io.EOF {
			n = 0
		}
	}
	return n, err
}

func (c *chunks) read(p []byte) (int, error) {
	if c.left == 0 {
		if err := c.header(); err != nil {
			return 0, err
		}
		if c.left == 0 {
			return 0, refuse(BadLength, msgLength, "the last chunk came after %d bytes, X-Amz-Decoded-Content-Length is %d", c.n, c.length)
		}
	}
	n, err := c.r.Read(p[:min(int64(len(p)), c.left)])
	if err != nil {
		return 0, truncated(err)
	}
	c.n += int64(n)
	if c.sum != nil {
		c.sum.Write(p[:n])
	}
	if c.left -= int64(n); c.left > 0 {
		return n, nil
	}
	if err := c.endOfChunk(); err != nil {
		return 0, err
	}
	if c.n < c.length {
		return n, nil
	}
	if err := c.finish(); err != nil {
		return 0, err
	}
	return n, io.EOF
}

// header reads the line before a chunk into left and sent.
func (c *chunks) header() error {
	l, err := c.line()
	if err != nil {
		return err
	}
	size, ext, _ := bytes.Cut(l, []byte(";"))
	if c.left, err = chunkSize(size); err != nil {
		return err
	}
	if c.left > c.length-c.n {
		return refuse(BadLength, msgLength, "a chunk of %d bytes after %d, X-Amz-Decoded-Content-Length is %d", c.left, c.n, c.length)
	}
	if c.mac == nil {
		return nil
	}
	s, ok := bytes.CutPrefix(ext, []byte("chunk-signature="))
	if !ok || len(s) != len(c.sent) {
		return refuse(BadChunk, msgChunk, "chunk at byte %d has no signature", c.n)
	}
	copy(c.sent[:], s)
	return nil
}

func chunkSize(b []byte) (n int64, err error) {
	if len(b) == 0 || len(b) > 12 {
		return 0, refuse(BadChunk, msgChunk, "chunk size %.16q", b)
	}
	for _, d := range b {
		i := strings.IndexByte("0123456789abcdef", d|0x20)
		if i < 0 || d < '0' {
			return 0, refuse(BadChunk, msgChunk, "chunk size %.16q", b)
		}
		n = n<<4 | int64(i)
	}
	return n, nil
}

// line reads up to a line feed, and cuts the line end off.
func (c *chunks) line() ([]byte, error) {
	l, err := c.r.ReadSlice('\n')
	if err == bufio.ErrBufferFull {
		return nil, refuse(BadChunk, msgChunk, "a line of more than %d bytes in the framing", maxLine)
	}
	if err != nil {
		return nil, truncated(err)
	}
	return bytes.TrimSuffix(l[:len(l)-1], []byte("\r")), nil
}

func (c *chunks) endOfChunk() error {
	crlf, err := c.r.Peek(2)
	if err != nil {
		return truncated(err)
	}
	if string(crlf) != "\r\n" {
		return refuse(BadChunk, msgChunk, "chunk ends with %q at byte %d", crlf, c.n)
	}
	c.r.Discard(2)
	return c.checkChunk()
}

// checkChunk compares the chunk's signature, which chains to the one before.
func (c *chunks) checkChunk() error {
	if c.mac == nil {
		return nil
	}
	c.hash = c.sum.Sum(c.hash[:0])
	c.sum.Reset()
	b := append(c.buf[:0], "AWS4-HMAC-SHA256-PAYLOAD"...)
	b = append(append(append(b, c.prefix...), c.prev[:]...), "\n"+emptyHash+"\n"...)
	b = hex.AppendEncode(b, c.hash)
	c.buf = b
	if !c.signed(b, c.sent[:]) {
		return refuse(BadChunk, msgChunk, "the signature of the chunk that ends at byte %d does not match", c.n)
	}
	return nil
}

// signed says whether sent signs text, and chains what follows to it.
func (c *chunks) signed(text, sent []byte) bool {
	c.mac.Reset()
	c.mac.Write(text)
	c.hash = c.mac.Sum(c.hash[:0])
	hex.Encode(c.prev[:], c.hash)
	return subtle.ConstantTimeCompare(c.prev[:], sent) == 1
}

// finish reads the chunk of size 0, the trailers, and the end.
func (c *chunks) finish() error {
	if err := c.header(); err != nil {
		return err
	}
	if err := c.checkChunk(); err != nil {
		return err
	}
	if err := c.trailers(); err != nil {
		return err
	}
	if _, err := c.r.ReadByte(); err == nil {
		return refuse(BadChunk, msgChunk, "bytes after the end of the aws-chunked body")
	} else if err != io.EOF {
		return truncated(err)
	}
	return nil
}

// trailers reads name:value lines up to an empty line. In the signed form some clients put that empty line before the
// trailer signature, so there it ends only after the signature. The empty line itself may be missing.
func (c *chunks) trailers() error {
	got := make(map[string]string, len(c.announced))
	var canon []byte
	var signature string
	for blank := 0; ; {
		if _, err := c.r.Peek(1); err == io.EOF {
			break
		}
		l, err := c.line()
		if err != nil {
			return err
		}
		if len(l) == 0 {
			if blank++; signature != "" || !c.wantsSignature() || blank > 2 {
				break
			}
			continue
		}
		k, v, ok := bytes.Cut(l, []byte(":"))
		name, value := strings.ToLower(string(k)), strings.TrimSpace(string(v))
		switch {
		case ok && name == "x-amz-trailer-signature" && c.wantsSignature() && signature == "":
			signature = value
		case !ok || signature != "" || !slices.Contains(c.announced, name) || got[name] != "" || value == "":
			return refuse(BadTrailer, msgTrailer, "trailer %.80q, announced were %q", l, c.announced)
		default:
			got[name] = value
			canon = append(append(append(append(canon, name...), ':'), value...), '\n')
		}
	}
	if len(got) != len(c.announced) {
		return refuse(BadTrailer, msgTrailer, "%d trailers, announced were %q", len(got), c.announced)
	}
	if err := c.checkTrailer(canon, signature); err != nil {
		return err
	}
	if len(got) > 0 {
		c.auth.Trailer = got
	}
	return nil
}

func (c *chunks) wantsSignature() bool { return c.auth.Payload == streamSignedTrailer }

func (c *chunks) checkTrailer(canon []byte, signature string) error {
	if !c.wantsSignature() {
		return nil
	}
	sum := sha256.Sum256(canon)
	b := append(c.buf[:0], "AWS4-HMAC-SHA256-TRAILER"...)
	b = append(append(append(b, c.prefix...), c.prev[:]...), '\n')
	b = hex.AppendEncode(b, sum[:])
	if !c.signed(b, []byte(signature)) {
		return refuse(BadTrailer, msgTrailer, "the trailers' signature does not match")
	}
	return nil
}

func truncated(err error) *Error {
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return broken(err)
}
