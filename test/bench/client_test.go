package bench

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"bothy/wire/sigv4"
)

const region = "us-east-1"

// answer is what a server said.
type answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// asker makes requests as somebody.
type asker struct {
	addr string
	cred sigv4.Credentials // none: unsigned
}

// render makes the bytes of a signed JSON call, as the SDKs send it.
func (a asker) render(tb testing.TB, service, target string, in any) []byte {
	tb.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		tb.Fatal(err)
	}
	version := "1.1"
	if service == "dynamodb" {
		version = "1.0"
	}
	return a.post(tb, service, body, http.Header{"Content-Type": {"application/x-amz-json-" + version}, "X-Amz-Target": {target}})
}

func (a asker) post(tb testing.TB, service string, body []byte, h http.Header) []byte {
	tb.Helper()
	r, err := http.NewRequest(http.MethodPost, "http://"+a.addr+"/", bytes.NewReader(body))
	if err != nil {
		tb.Fatal(err)
	}
	r.Header = h
	h.Set("User-Agent", "aws-sdk-js/2.1692.0 Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36")
	h.Set("Accept", "*/*")
	if a.cred.AccessKey != "" {
		sigv4.Sign(r, a.cred, service, region, time.Now(), body)
	}
	var raw bytes.Buffer
	if err := r.Write(&raw); err != nil {
		tb.Fatal(err)
	}
	return raw.Bytes()
}

// call makes one JSON call and decodes the answer into out, when not nil.
func (a asker) call(tb testing.TB, service, target string, in, out any) {
	tb.Helper()
	res := a.once(tb, a.render(tb, service, target, in))
	if out != nil {
		decode(tb, res.Body, out)
	}
}

func decode(tb testing.TB, body []byte, out any) {
	tb.Helper()
	if err := json.Unmarshal(body, out); err != nil {
		tb.Fatalf("%v: %s", err, body)
	}
}

// iam makes one IAM call.
func (a asker) iam(tb testing.TB, form url.Values) {
	tb.Helper()
	form.Set("Version", "2010-05-08")
	a.once(tb, a.post(tb, "iam", []byte(form.Encode()), http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}))
}

// once sends one request on a connection of its own.
func (a asker) once(tb testing.TB, request []byte) answer {
	tb.Helper()
	c, err := dial(a.addr)
	if err != nil {
		tb.Fatal(err)
	}
	defer c.conn.Close() //nolint:errcheck // only read
	res, err := c.send(request)
	if err != nil {
		tb.Fatal(err)
	}
	return res
}

// client is one kept-alive connection.
type client struct {
	conn net.Conn
	r    *bufio.Reader
}

func dial(addr string) (*client, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	return &client{conn, bufio.NewReader(conn)}, nil
}

// send makes one exchange; an answer other than 2xx is an error.
func (c *client) send(request []byte) (answer, error) {
	if _, err := c.conn.Write(request); err != nil {
		return answer{}, err
	}
	res, err := http.ReadResponse(c.r, nil)
	if err != nil {
		return answer{}, err
	}
	body, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode/100 != 2 {
		target := ""
		if _, after, ok := strings.Cut(string(request), "X-Amz-Target: "); ok {
			target, _, _ = strings.Cut(after, "\r\n")
		}
		err = fmt.Errorf("%s %s: %s", target, res.Status, body)
	}
	return answer{res.StatusCode, res.Header, body}, err
}

// flock is a number of connections that work through requests together.
type flock []*client

func newFlock(tb testing.TB, addr string, n int) flock {
	tb.Helper()
	f := make(flock, n)
	for i := range f {
		var err error
		if f[i], err = dial(addr); err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(func() { f[i].conn.Close() }) //nolint:errcheck // ending
	}
	return f
}

// send divides the requests among the connections.
func (f flock) send(tb testing.TB, requests [][]byte) {
	tb.Helper()
	var wg sync.WaitGroup
	for i, c := range f {
		wg.Go(func() {
			for n := i; n < len(requests); n += len(f) {
				if _, err := c.send(requests[n]); err != nil {
					tb.Errorf("%s: %v", c.conn.RemoteAddr(), err)
					return
				}
			}
		})
	}
	wg.Wait()
	if tb.Failed() {
		tb.FailNow()
	}
}
