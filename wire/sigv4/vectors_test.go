package sigv4

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// The examples of AWS's "Signature Version 4 test suite" (service "service") that show one rule each.
func TestSuiteVectors(t *testing.T) {
	when := time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC)
	for _, c := range []struct{ name, method, target, headers, signed, signature string }{
		{"get-vanilla", "GET", "/", "", "host;x-amz-date", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
		{"get-vanilla-query-order-key-case", "GET", "/?Param2=value2&Param1=value1", "", "host;x-amz-date", "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
		{"get-vanilla-empty-query-key", "GET", "/?Param1=value1", "", "host;x-amz-date", "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb"},
		{"post-vanilla", "POST", "/", "", "host;x-amz-date", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
		{"get-header-value-trim", "GET", "/", "My-Header1:  value1\nMy-Header2:  \"a   b   c\"", "host;my-header1;my-header2;x-amz-date", "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
		{"get-header-key-duplicate", "GET", "/", "My-Header1: value2\nMy-Header1: value2\nMy-Header1: value1", "host;my-header1;x-amz-date", "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := request(c.method, c.target, "")
			r.Host = "example.amazonaws.com"
			r.Header.Set("X-Amz-Date", "20150830T123600Z")
			for l := range strings.SplitSeq(c.headers, "\n") {
				if k, v, ok := strings.Cut(l, ":"); ok {
					r.Header.Add(k, v)
				}
			}
			r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders="+c.signed+", Signature="+c.signature)
			a, _, err := verifyAll(at(when), r)
			if err != nil {
				t.Fatal(err)
			}
			if a.Region != "us-east-1" || a.Service != "service" {
				t.Errorf("scope %+v", a)
			}
		})
	}
}

// The examples of Amazon S3's "Authenticating Requests".
const (
	docAKID   = "AKIAIOSFODNN7EXAMPLE"
	docSecret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
)

var docTime = time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC)

func docFind(string, string) (string, error) { return docSecret, nil }

func docRequest(method, target, headers, signed, signature, body string) *http.Request {
	r := request(method, target, body)
	r.Host = "examplebucket.s3.amazonaws.com"
	for l := range strings.SplitSeq(headers, "\n") {
		if k, v, ok := strings.Cut(l, ":"); ok {
			r.Header.Add(k, v)
		}
	}
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+docAKID+"/20130524/us-east-1/s3/aws4_request,SignedHeaders="+signed+",Signature="+signature)
	return r
}

func TestS3Vectors(t *testing.T) {
	empty := "x-amz-content-sha256:" + emptyHash + "\nx-amz-date:20130524T000000Z"
	for _, c := range []struct{ name, method, target, headers, signed, signature, body string }{
		{"GET object", "GET", "/test.txt", "Range:bytes=0-9\n" + empty, "host;range;x-amz-content-sha256;x-amz-date", "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41", ""},
		{"PUT object", "PUT", "/test$file.text", "Date:Fri, 24 May 2013 00:00:00 GMT\nx-amz-date:20130524T000000Z\nx-amz-storage-class:REDUCED_REDUNDANCY\nx-amz-content-sha256:44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072", "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class", "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd", "Welcome to Amazon S3."},
		{"GET lifecycle", "GET", "/?lifecycle", empty, "host;x-amz-content-sha256;x-amz-date", "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543", ""},
		{"list objects", "GET", "/?max-keys=2&prefix=J", empty, "host;x-amz-content-sha256;x-amz-date", "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := docRequest(c.method, c.target, c.headers, c.signed, c.signature, c.body)
			if _, err := at(docTime).Verify(r, mega, docFind); err != nil {
				t.Fatal(err)
			}
			if err := drain(r); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestS3PresignVector(t *testing.T) {
	r := request("GET", "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404", "")
	r.Host = "examplebucket.s3.amazonaws.com"
	for age, want := range map[time.Duration]Code{0: "", 86399 * time.Second: "", 86400 * time.Second: Expired, -14 * time.Minute: "", -16 * time.Minute: NotYetValid} {
		_, err := at(docTime.Add(age)).Verify(r.Clone(t.Context()), mega, docFind)
		if want != "" {
			wantCode(t, err, want)
		} else if err != nil {
			t.Errorf("after %s: %v", age, err)
		}
	}
}

// docStream is the example of "Transferring Payload in Multiple Chunks".
func docStream() *http.Request {
	var b strings.Builder
	for _, c := range []struct {
		n   int
		sig string
	}{
		{65536, "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648"},
		{1024, "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497"},
		{0, "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"},
	} {
		fmt.Fprintf(&b, "%x;chunk-signature=%s\r\n%s\r\n", c.n, c.sig, strings.Repeat("a", c.n))
	}
	r := docRequest("PUT", "/examplebucket/chunkObject.txt",
		"x-amz-date:20130524T000000Z\nx-amz-storage-class:REDUCED_REDUNDANCY\nx-amz-content-sha256:"+streamSigned+
			"\nContent-Encoding:aws-chunked\nx-amz-decoded-content-length:66560\nContent-Length:66824",
		"content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class",
		"4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9", b.String())
	r.Host = "s3.amazonaws.com"
	return r
}

func TestS3StreamVector(t *testing.T) {
	r := docStream()
	if r.ContentLength != 66824 {
		t.Fatal(r.ContentLength)
	}
	_, err := at(docTime).Verify(r, mega, docFind)
	if err != nil {
		t.Fatal(err)
	}
	if r.ContentLength != 66560 || r.Header.Get("Content-Encoding") != "" {
		t.Errorf("length %d, encoding %q", r.ContentLength, r.Header.Get("Content-Encoding"))
	}
	if err := drain(r); err != nil {
		t.Fatal(err)
	}
}

// The example of "Transferring Payload with trailing headers" (the documentation's odd line ends included).
func TestS3StreamTrailerVector(t *testing.T) {
	var b strings.Builder
	for _, c := range []struct {
		n   int
		sig string
	}{
		{65536, "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2"},
		{1024, "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7"},
	} {
		fmt.Fprintf(&b, "%x;chunk-signature=%s\r\n%s\r\n", c.n, c.sig, strings.Repeat("a", c.n))
	}
	b.WriteString("0;chunk-signature=2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992\r\n")
	b.WriteString("x-amz-checksum-crc32c:sOO8/Q==\n\r\nx-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n")
	r := docRequest("PUT", "/examplebucket/chunkObject.txt",
		"x-amz-date:20130524T000000Z\nx-amz-storage-class:REDUCED_REDUNDANCY\nx-amz-content-sha256:"+streamSignedTrailer+
			"\nContent-Encoding:aws-chunked\nx-amz-decoded-content-length:66560\nx-amz-trailer:x-amz-checksum-crc32c",
		"content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class;x-amz-trailer",
		"106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e", b.String())
	r.Host = "s3.amazonaws.com"
	a, err := at(docTime).Verify(r, mega, docFind)
	if err != nil {
		t.Fatal(err)
	}
	if err := drain(r); err != nil {
		t.Fatal(err)
	}
	if a.Trailer["x-amz-checksum-crc32c"] != "sOO8/Q==" {
		t.Errorf("trailers %v", a.Trailer)
	}
}

// The documentation's example of a derived key.
func TestSigningKeyVector(t *testing.T) {
	if got := hexOf(signingKey(secret, "20120215", "us-east-1", "iam")); got != "f4780e2d9f65fa895f9c67b32ce1baf0b0d8a43505a000a1a9e090d414db404d" {
		t.Error(got)
	}
}
