package sigv4

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// bench is a typical call of the JavaScript SDK.
func bench() *http.Request {
	const body = `{"TableName":"app-prod-orders","Key":{"pk":{"S":"USER#0190b1c2-7d1e-7a3b-9c55-3f1b2c4d5e6f"},"sk":{"S":"ORDER#2026-11-21T07:19:02Z"}},"ConsistentRead":true}`
	r := request("POST", "https://dynamodb.eu-west-1.example.com/", body)
	r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	r.Header.Set("X-Amz-Target", "DynamoDB_20120810.GetItem")
	r.Header.Set("X-Amz-User-Agent", "aws-sdk-js/3.1169.0")
	r.Header.Set("User-Agent", "aws-sdk-js/3.1169.0 ua/2.1 os/linux lang/js md/nodejs#20.20.2 api/dynamodb#3.1169.0")
	r.Header.Set("Amz-Sdk-Invocation-Id", "3b6c9f64-3d5b-4a9e-8d6f-0a8f7c0c2f11")
	Sign(r, cred, "dynamodb", "eu-west-1", signAt, []byte(body))
	return r
}

func BenchmarkVerify(b *testing.B) {
	u := Presign(request("GET", "https://s3.example.com/bkt/some/long/key.jpg?x-id=GetObject", ""), cred, "s3", "eu-west-1", signAt, 900e9)
	for name, r := range map[string]*http.Request{"header": bench(), "presigned": request("GET", u.String(), "")} {
		body := r.Body
		b.Run(name+"/cached", func(b *testing.B) {
			v := at(signAt)
			b.ReportAllocs()
			for b.Loop() {
				r.Body = body
				if _, err := v.Verify(r, mega, findKey); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/uncached", func(b *testing.B) {
			b.ReportAllocs()
			v := at(signAt)
			for b.Loop() {
				r.Body = body
				v.keys.now, v.keys.old = nil, nil
				if _, err := v.Verify(r, mega, findKey); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkStream(b *testing.B) {
	for _, c := range []struct {
		name, form string
		size       int
	}{{"signed 64 KiB", streamSigned, 64 << 10}, {"signed 8 KiB", streamSigned, 8 << 10}, {"unsigned 64 KiB", streamUnsignedTrailer, 64 << 10}} {
		u := newUpload(c.form, slices.Repeat([]string{strings.Repeat("x", c.size)}, (8<<20)/c.size)...)
		r := u.request(nil)
		wire, _ := io.ReadAll(r.Body)
		buf, v, length := make([]byte, 64<<10), at(signAt), r.ContentLength
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(8 << 20)
			b.ReportAllocs()
			for b.Loop() {
				r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(wire)), length
				if _, err := v.Verify(r, 8<<20, findKey); err != nil {
					b.Fatal(err)
				}
				var err error
				for err == nil {
					_, err = r.Body.Read(buf)
				}
				if err != io.EOF {
					b.Fatal(err)
				}
			}
		})
	}
}
