package sigv4

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// dial sends a raw request to f, r's head with more headers and a body, and returns what comes back.
func dial(t *testing.T, f *front, r *http.Request, head, body string, close bool) *bufio.Reader {
	t.Helper()
	c, err := net.Dial("tcp", f.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(5 * time.Second))
	fmt.Fprintf(c, "%s %s HTTP/1.1\r\nHost: %s\r\n", r.Method, r.RequestURI, r.Host)
	r.Header.Write(c)
	io.WriteString(c, head+"\r\n"+body)
	if close {
		c.(*net.TCPConn).CloseWrite()
	}
	return bufio.NewReader(c)
}

func liveUpload() *http.Request {
	r := request("PUT", "http://s3.example.com/b/k", "")
	Sign(r, cred, "s3", "us-east-1", time.Now(), []byte("hello"))
	return r
}

// A client that waits for 100 Continue gets it only after its signature has been proven.
func TestExpectContinue(t *testing.T) {
	f := newFront(t, false)
	line, _ := dial(t, f, liveUpload(), "Content-Length: 5\r\nExpect: 100-continue\r\n", "", false).ReadString('\n')
	if !strings.HasPrefix(line, "HTTP/1.1 100") {
		t.Errorf("good signature: %s", line)
	}
	r := liveUpload()
	flip(r)
	line, _ = dial(t, f, r, "Content-Length: 5\r\nExpect: 100-continue\r\n", "", false).ReadString('\n')
	if !strings.HasPrefix(line, "HTTP/1.1 403") {
		t.Errorf("bad signature: %s", line)
	}
}

// Bodies that end early, on a real connection, in both framings of HTTP.
func TestConnectionCut(t *testing.T) {
	for _, c := range []struct{ name, head, body string }{
		{"content length", "Content-Length: 5\r\n", "hel"},
		{"chunked transfer", "Transfer-Encoding: chunked\r\n", "3\r\nhel\r\n"},
	} {
		f := newFront(t, false)
		res, err := http.ReadResponse(dial(t, f, liveUpload(), c.head, c.body, true), nil)
		if err == nil && res.StatusCode == http.StatusOK {
			t.Errorf("%s: accepted", c.name)
		}
	}
}

// A body in HTTP's own chunks has no length; it is proven at its end.
func TestChunkedTransfer(t *testing.T) {
	for body, want := range map[string]int{"3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n": 200, "3\r\nhel\r\n2\r\nlO\r\n0\r\n\r\n": 403, "3\r\nhel\r\n0\r\n\r\n": 403} {
		res, err := http.ReadResponse(dial(t, newFront(t, false), liveUpload(), "Transfer-Encoding: chunked\r\n", body, false), nil)
		if err != nil || res.StatusCode != want {
			t.Errorf("%q: %v %v, want %d", body, res, err, want)
		}
	}
}

// Sign and Presign serve Go clients, whose requests are not those of a server.
func TestSignClientRequest(t *testing.T) {
	f := newFront(t, false)
	for _, target := range []string{"", "/", "/b/a%20b?x=1", "//b//k"} {
		r, err := http.NewRequest("POST", f.URL+target, strings.NewReader("hello"))
		if err != nil {
			t.Fatal(err)
		}
		Sign(r, cred, "s3", "us-east-1", time.Now(), []byte("hello"))
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		f.last(t, "Sign "+target, "hello")
		r, _ = http.NewRequest("GET", f.URL+target, nil)
		res, err = http.Get(Presign(r, Credentials{akid, secret, "session"}, "s3", "us-east-1", time.Now(), time.Minute).String())
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		f.last(t, "Presign "+target, "")
	}
}
