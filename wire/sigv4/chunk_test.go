package sigv4

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
)

// upload builds aws-chunked requests, for tests to spoil.
type upload struct {
	payload string // x-amz-content-sha256
	chunks  []string
	trailer string // name:value
	length  int    // X-Amz-Decoded-Content-Length; -1 leaves it out
}

func newUpload(payload string, chunks ...string) *upload {
	u := &upload{payload: payload, chunks: chunks}
	for _, c := range chunks {
		u.length += len(c)
	}
	if payload != streamSigned {
		u.trailer = "x-amz-checksum-crc32:AAAAAA=="
	}
	return u
}

// request signs the upload; its body is what u.body made of the seed signature.
func (u *upload) request(spoil func(parts []string) []string) *http.Request {
	r := request("PUT", "http://s3.example.com/b/k", "-")
	r.Header.Set("Content-Encoding", "gzip, aws-chunked")
	r.Header.Set("X-Amz-Content-Sha256", u.payload)
	if u.length >= 0 {
		r.Header.Set("X-Amz-Decoded-Content-Length", fmt.Sprint(u.length))
	}
	if name, _, ok := strings.Cut(u.trailer, ":"); ok {
		r.Header.Set("X-Amz-Trailer", name)
	}
	Sign(r, cred, "s3", "us-east-1", signAt, nil)
	parts := u.parts(r.Header.Get("Authorization"))
	if spoil != nil {
		parts = spoil(parts)
	}
	body := strings.Join(parts, "")
	r.Body = io.NopCloser(strings.NewReader(body))
	r.ContentLength = int64(len(body))
	return r
}

// parts are the chunks, the last chunk's line, the trailer, the trailer signature and the final line end.
func (u *upload) parts(authorization string) (parts []string) {
	prev := authorization[len(authorization)-64:]
	key := signingKey(secret, signAt.Format("20060102"), "us-east-1", "s3")
	prefix := "\n" + signAt.Format(stampForm) + "\n" + signAt.Format("20060102") + "/us-east-1/s3/aws4_request\n"
	for _, c := range append(u.chunks[:len(u.chunks):len(u.chunks)], "") {
		ext := ""
		if u.payload != streamUnsignedTrailer {
			prev = hexOf(mac(key, "AWS4-HMAC-SHA256-PAYLOAD"+prefix+prev+"\n"+emptyHash+"\n"+HashHex([]byte(c))))
			ext = ";chunk-signature=" + prev
		}
		p := fmt.Sprintf("%x%s\r\n", len(c), ext)
		if c != "" {
			p += c + "\r\n"
		}
		parts = append(parts, p)
	}
	if u.trailer != "" {
		parts = append(parts, u.trailer+"\r\n")
	}
	if u.payload == streamSignedTrailer {
		sig := hexOf(mac(key, "AWS4-HMAC-SHA256-TRAILER"+prefix+prev+"\n"+HashHex([]byte(u.trailer+"\n"))))
		parts = append(parts, "x-amz-trailer-signature:"+sig+"\r\n")
	}
	return append(parts, "\r\n")
}

var streamForms = []string{streamSigned, streamSignedTrailer, streamUnsignedTrailer}

func TestStream(t *testing.T) {
	big := strings.Repeat("0123456789abcdef", 5000)
	for _, form := range streamForms {
		for _, chunks := range [][]string{nil, {"a"}, {"hello ", "world"}, {big, big[:70000], "x"}} {
			for _, slow := range []bool{false, true} {
				r := newUpload(form, chunks...).request(nil)
				if slow {
					r.Body = io.NopCloser(iotest.HalfReader(r.Body))
				}
				a, body, err := verifyAll(at(signAt), r)
				if err != nil || body != strings.Join(chunks, "") {
					t.Fatalf("%s, %d chunks: %d bytes, %v", form, len(chunks), len(body), err)
				}
				if form != streamSigned && a.Trailer["x-amz-checksum-crc32"] != "AAAAAA==" {
					t.Errorf("%s: trailers %v", form, a.Trailer)
				}
				if r.Header.Get("Content-Encoding") != "gzip" || r.ContentLength != int64(len(body)) || r.Header.Get("Content-Length") != fmt.Sprint(len(body)) {
					t.Errorf("%s: headers %v, length %d", form, r.Header, r.ContentLength)
				}
			}
		}
	}
}

func TestStreamSpoiled(t *testing.T) {
	swap := func(i, j int) func([]string) []string {
		return func(p []string) []string { p[i], p[j] = p[j], p[i]; return p }
	}
	edit := func(i int, old, new string) func([]string) []string {
		return func(p []string) []string {
			if !strings.Contains(p[i], old) {
				panic(p[i] + " has no " + old)
			}
			p[i] = strings.Replace(p[i], old, new, 1)
			return p
		}
	}
	drop := func(i int) func([]string) []string {
		return func(p []string) []string { return append(p[:i:i], p[i+1:]...) }
	}
	cutAt := func(n int) func([]string) []string {
		return func(p []string) []string { s := strings.Join(p, ""); return []string{s[:len(s)-n]} }
	}
	add := func(s string) func([]string) []string {
		return func(p []string) []string { return append(p, s) }
	}
	none := func(p []string) []string { return p }
	for _, c := range []struct {
		name, form string
		spoil      func([]string) []string
		change     func(u *upload)
		want       Code
	}{
		{"data changed", streamSigned, edit(0, "hello", "hellO"), nil, BadChunk},
		{"chunks swapped", streamSigned, swap(0, 1), nil, BadChunk},
		{"chunk dropped", streamSigned, drop(0), nil, BadChunk},
		{"chunk repeated", streamSigned, func(p []string) []string { return append(p[:1:1], p...) }, nil, BadLength},
		{"last chunk dropped", streamSigned, drop(2), nil, BadChunk},
		{"last chunk changed", streamSigned, edit(2, "0;chunk-signature=", "0;chunk-signature=0"), nil, BadChunk},
		{"last chunk unsigned", streamSigned, func(p []string) []string { p[2] = "0\r\n"; return p }, nil, BadChunk},
		{"chunk unsigned", streamSigned, func(p []string) []string { p[0] = "6\r\nhello \r\n"; return p }, nil, BadChunk},
		{"signed form without end", streamSigned, func(p []string) []string { return p[:2] }, nil, Truncated},
		{"cut in data", streamSigned, func(p []string) []string { return []string{p[0][:len(p[0])-4]} }, nil, Truncated},
		{"cut in header", streamSigned, func(p []string) []string { return []string{p[0][:40]} }, nil, Truncated},
		{"empty", streamSigned, func(p []string) []string { return nil }, nil, Truncated},
		{"bytes after the end", streamSigned, add("x"), nil, BadChunk},
		{"request after the end", streamUnsignedTrailer, add("GET / HTTP/1.1\r\n\r\n"), nil, BadChunk},
		{"size not hex", streamSigned, edit(0, "6;", "g;"), nil, BadChunk},
		{"size signed", streamSigned, edit(0, "6;", "+6;"), nil, BadChunk},
		{"size huge", streamSigned, edit(0, "6;", "ffffffffffff;"), nil, BadLength},
		{"size overflowing", streamSigned, edit(0, "6;", "10000000000000006;"), nil, BadChunk},
		{"size odd byte", streamSigned, edit(0, "6;", "\x16;"), nil, BadChunk},
		{"line endless", streamSigned, edit(0, "6;", "6;"+strings.Repeat("x", maxLine)), nil, BadChunk},
		{"no line end after data", streamSigned, edit(0, "hello \r\n", "hello xx"), nil, BadChunk},
		{"declared longer", streamSigned, none, func(u *upload) { u.length++ }, BadLength},
		{"declared shorter", streamSigned, none, func(u *upload) { u.length-- }, BadLength},
		{"declared nothing", streamSigned, none, func(u *upload) { u.length = 0 }, BadLength},
		{"not declared", streamSigned, none, func(u *upload) { u.length = -1 }, MissingLength},
		{"trailer with the form that has none", streamSigned, none, func(u *upload) { u.trailer = "x-amz-checksum-crc32:AAAAAA==" }, BadTrailer},
		{"trailer changed", streamSignedTrailer, edit(3, "AAAAAA==", "BAAAAA=="), nil, BadTrailer},
		{"trailer signature changed", streamSignedTrailer, edit(4, "signature:", "signature:0"), nil, BadTrailer},
		{"trailer signature dropped", streamSignedTrailer, drop(4), nil, BadTrailer},
		{"trailer dropped", streamSignedTrailer, drop(3), nil, BadTrailer},
		{"trailer renamed", streamUnsignedTrailer, edit(3, "crc32:", "crc32c:"), nil, BadTrailer},
		{"trailer twice", streamUnsignedTrailer, func(p []string) []string { p[3] += p[3]; return p }, nil, BadTrailer},
		{"trailer missing", streamUnsignedTrailer, drop(3), nil, BadTrailer},
		{"trailer without colon", streamUnsignedTrailer, edit(3, ":", " "), nil, BadTrailer},
		{"trailer cut", streamUnsignedTrailer, cutAt(4), nil, Truncated},
		{"unsigned, cut", streamUnsignedTrailer, func(p []string) []string { return p[:1] }, nil, Truncated},
		{"unsigned, size wrong", streamUnsignedTrailer, edit(0, "6\r\n", "5\r\n"), nil, BadChunk},
	} {
		t.Run(c.name, func(t *testing.T) {
			u := newUpload(c.form, "hello ", "world")
			if c.change != nil {
				c.change(u)
			}
			_, _, err := verifyAll(at(signAt), u.request(c.spoil))
			wantCode(t, err, c.want)
		})
	}
}

// A reader that stops at the declared length has all but proven data: the last byte comes only with the proof.
func TestStreamEndWithheld(t *testing.T) {
	for _, form := range streamForms {
		u := newUpload(form, "hello ", "world")
		r := u.request(func(p []string) []string { return append(p, "x") })
		if _, err := at(signAt).Verify(r, mega, findKey); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, 11)
		n, err := io.ReadFull(r.Body, got)
		if err == nil || n == 11 {
			t.Errorf("%s: %d bytes, %v", form, n, err)
		}
	}
	r := signed("hello")
	r.Body = request("POST", "/", "hellO").Body
	if _, err := at(signAt).Verify(r, mega, findKey); err != nil {
		t.Fatal(err)
	}
	if n, err := io.ReadFull(r.Body, make([]byte, 5)); err == nil || n == 5 {
		t.Errorf("plain: %d bytes, %v", n, err)
	}
}

func TestStreamLimit(t *testing.T) {
	_, err := at(signAt).Verify(newUpload(streamSigned, "hello").request(nil), 4, findKey)
	wantCode(t, err, TooLarge)
}

// An empty upload that nobody reads is checked all the same.
func TestStreamEmptySpoiled(t *testing.T) {
	u := newUpload(streamSigned)
	r := u.request(func(p []string) []string { return []string{"0;chunk-signature=" + emptyHash + "\r\n\r\n"} })
	_, err := at(signAt).Verify(r, mega, findKey)
	wantCode(t, err, BadChunk)
}

// FuzzChunks: whatever the body, the reader ends, delivers at most what is declared, and in the signed forms nothing but
// what was signed.
func FuzzChunks(f *testing.F) {
	for i, form := range streamForms {
		r := newUpload(form, "hello ", "world").request(nil)
		b, _ := io.ReadAll(r.Body)
		f.Add(b, uint8(i), 11)
	}
	f.Add([]byte("0\r\n\r\n"), uint8(2), 0)
	f.Fuzz(func(t *testing.T, body []byte, form uint8, length int) {
		u := newUpload(streamForms[int(form)%3], "hello ", "world")
		u.length = length & 0xffff
		r := u.request(nil)
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		_, got, err := verifyAll(at(signAt), r)
		if len(got) > u.length {
			t.Fatalf("%d bytes of %d", len(got), u.length)
		}
		if err == nil && len(got) != u.length {
			t.Fatalf("accepted %d bytes of %d", len(got), u.length)
		}
		if err == nil && u.payload != streamUnsignedTrailer && got != "hello world"[:len(got)] {
			t.Fatalf("accepted forged %q", got)
		}
	})
}

func TestAnonymous(t *testing.T) {
	anonymous := func(u *upload, spoil func([]string) []string) (*Auth, string, error) {
		r := u.request(spoil)
		r.Header.Del("Authorization")
		a, err := Anonymous(r, mega)
		if err != nil {
			return nil, "", err
		}
		b, err := io.ReadAll(r.Body)
		return a, string(b), err
	}
	a, body, err := anonymous(newUpload(streamUnsignedTrailer, "hello ", "world"), nil)
	if err != nil || body != "hello world" || len(a.Trailer) != 1 {
		t.Errorf("%q %+v %v", body, a, err)
	}
	_, _, err = anonymous(newUpload(streamUnsignedTrailer, "hello"), func(p []string) []string { return p[:1] })
	wantCode(t, err, Truncated)
	_, _, err = anonymous(newUpload(streamSigned, "hello"), nil)
	wantCode(t, err, BadPayload)

	r := request("PUT", "/b/k", "hello")
	if _, err := Anonymous(r, 4); err == nil {
		t.Error("no limit")
	}
	r.Header.Set("X-Amz-Content-Sha256", HashHex([]byte("hellO")))
	if _, err := Anonymous(r, mega); err != nil {
		t.Fatal(err)
	}
	wantCode(t, drain(r), PayloadMismatch)
}
