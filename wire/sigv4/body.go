package sigv4

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// The payload lines of aws-chunked bodies.
const (
	streamSigned          = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
	streamSignedTrailer   = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
	streamUnsignedTrailer = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
)

func (a *Auth) streaming() bool {
	return a.Payload == streamSigned || a.Payload == streamSignedTrailer || a.Payload == streamUnsignedTrailer
}

// Anonymous prepares the body of an S3 request that carries no signature as Verify does that of a signed one: it is bounded,
// a declared hash is checked, an unsigned aws-chunked body is decoded. The Auth holds nothing but Payload and Trailer.
func Anonymous(r *http.Request, maxBody int64) (*Auth, error) {
	a := &Auth{Payload: Unsigned}
	sha, err := single(r.Header, "X-Amz-Content-Sha256")
	if err != nil {
		return nil, err
	}
	switch {
	case isHex64(sha), sha == streamUnsignedTrailer:
		a.Payload = sha
	case sha != "" && sha != Unsigned:
		return nil, refuse(BadPayload, msgSHA, "x-amz-content-sha256 %.64q on a request without a signature", sha)
	}
	length, err := a.length(r, maxBody)
	if err != nil {
		return nil, err
	}
	if err := a.wrapBody(r, nil, length, maxBody); err != nil {
		return nil, err
	}
	return a, nil
}

// payloadAllowed checks what is declared about the payload. Only S3 may leave it unsigned or stream it, and S3 must declare
// it, unless presigned: an object is not read into memory to be hashed.
func (a *Auth) payloadAllowed() error {
	s3 := a.Service == "s3"
	switch {
	case !a.declared && s3 && a.Presigned:
		a.Payload = Unsigned
		return nil
	case !a.declared && s3:
		return refuse(BadPayload, msgNoSHA, "service s3 without x-amz-content-sha256")
	case !a.declared:
		a.Payload = ""
		return nil
	case isHex64(a.Payload):
		return nil
	case s3 && (a.Payload == Unsigned || a.streaming()):
		return nil
	}
	return refuse(BadPayload, msgSHA, "x-amz-content-sha256 %.64q is not allowed for service %q", a.Payload, a.Service)
}

// length is the payload's length, -1 when the client does not say.
func (a *Auth) length(r *http.Request, maxBody int64) (int64, error) {
	n := r.ContentLength
	if a.streaming() {
		s, err := single(r.Header, "X-Amz-Decoded-Content-Length")
		if err != nil {
			return 0, err
		}
		u, err := strconv.ParseUint(s, 10, 63)
		if err != nil {
			return 0, refuse(MissingLength, msgNoLength, "X-Amz-Decoded-Content-Length %.32q is not a length", s)
		}
		n = int64(u)
	}
	if n > maxBody {
		return 0, refuse(TooLarge, msgTooLarge, "body of %d bytes, at most %d", n, maxBody)
	}
	return n, nil
}

// readBody reads the whole body and takes its hash as the payload line.
func (a *Auth) readBody(r *http.Request, maxBody int64) error {
	a.hashed = true
	if r.Body == nil || r.Body == http.NoBody {
		a.Payload = HashHex(nil)
		return nil
	}
	var buf bytes.Buffer
	if n := r.ContentLength; n > 0 {
		buf.Grow(int(min(n, 1<<20)) + bytes.MinRead)
	}
	n, err := buf.ReadFrom(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return broken(err)
	}
	if n > maxBody {
		return refuse(TooLarge, msgTooLarge, "body of more than %d bytes", maxBody)
	}
	a.Payload = HashHex(buf.Bytes())
	r.Body, r.ContentLength = whole{&buf, r.Body}, n
	return nil
}

// whole is a body that has been read; Bytes are what is left of it.
type whole struct {
	*bytes.Buffer
	io.Closer
}

// wrapBody puts the proving reader before the body.
func (a *Auth) wrapBody(r *http.Request, key []byte, length, maxBody int64) error {
	if r.Body == nil {
		r.Body = http.NoBody
	}
	switch {
	case a.streaming():
		return a.wrapChunks(r, key, length)
	case a.hashed: // and bounded, before the signature was proven
		return nil
	}
	b := &body{src: r.Body, length: length, max: maxBody}
	if a.Payload != Unsigned {
		b.hash, b.want = sha256.New(), a.Payload
	}
	if length == 0 { // nobody may ever read it
		if err := b.verdict(); err != nil {
			return err
		}
	}
	r.Body = b
	return nil
}

func (a *Auth) wrapChunks(r *http.Request, key []byte, length int64) error {
	announced, err := announcedTrailers(r.Header)
	if err != nil {
		return err
	}
	if a.Payload == streamSigned && len(announced) > 0 {
		return refuse(BadTrailer, msgTrailer, "X-Amz-Trailer with %s", a.Payload)
	}
	if a.Payload == streamUnsignedTrailer {
		key = nil
	}
	c := newChunks(r.Body, a, key, length, announced)
	if length == 0 { // nobody may ever read it
		if err := c.finish(); err != nil {
			return err
		}
		c.err = io.EOF
	}
	r.Body = c
	r.ContentLength = length
	r.Header.Set("Content-Length", strconv.FormatInt(length, 10))
	stripChunked(r.Header)
	return nil
}

// stripChunked removes aws-chunked from Content-Encoding: it is a matter of the transfer, not of the object.
func stripChunked(h http.Header) {
	var keep []string
	for _, v := range h["Content-Encoding"] {
		for e := range strings.SplitSeq(v, ",") {
			if e = strings.TrimSpace(e); e != "" && !strings.EqualFold(e, "aws-chunked") {
				keep = append(keep, e)
			}
		}
	}
	if h.Del("Content-Encoding"); len(keep) > 0 {
		h.Set("Content-Encoding", strings.Join(keep, ","))
	}
}

// body bounds and hashes a plain body while it is read.
type body struct {
	src    io.ReadCloser
	hash   hash.Hash // nil: the payload is not signed
	want   string
	length int64 // declared, -1 unknown
	max    int64
	n      int64
	err    error // sticky
}

func (b *body) Close() error { return b.src.Close() }

func (b *body) Read(p []byte) (int, error) {
	if b.err != nil || len(p) == 0 {
		return 0, b.err
	}
	n, err := b.src.Read(p)
	if b.n += int64(n); b.n > b.max {
		b.err = refuse(TooLarge, msgTooLarge, "body of more than %d bytes", b.max)
		return 0, b.err
	}
	if b.hash != nil {
		b.hash.Write(p[:n])
	}
	switch {
	case err == io.EOF && b.length >= 0 && b.n < b.length:
		b.err = broken(io.ErrUnexpectedEOF)
	case err == io.EOF, b.length >= 0 && b.n == b.length:
		if b.err = b.verdict(); b.err == nil {
			b.err = io.EOF
		}
	case err != nil:
		b.err = broken(err)
	}
	if b.err != nil && b.err != io.EOF {
		return 0, b.err
	}
	return n, b.err
}

// verdict is nil when all that was read is what was signed.
func (b *body) verdict() error {
	if b.hash == nil {
		return nil
	}
	var sum [32]byte
	if got := hexOf(b.hash.Sum(sum[:0])); got != b.want {
		return refuse(PayloadMismatch, msgPayload, "the body's SHA-256 is %s, signed was %s", got, b.want)
	}
	return nil
}

// broken is a connection's failure as a refusal.
func broken(err error) *Error {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return &Error{TooLarge, msgTooLarge, err.Error(), err}
	}
	return &Error{Truncated, msgIncomplete, "reading the body: " + err.Error(), err}
}
