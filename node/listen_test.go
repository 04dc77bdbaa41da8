package node

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func (n *testNode) roots() *x509.CertPool {
	n.t.Helper()
	text, err := os.ReadFile(filepath.Join(n.cfg.DataDir, caFile))
	if err != nil {
		n.t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		n.t.Fatal("ca.pem holds no certificate")
	}
	return pool
}

// get sends a GET for health over conn and returns the status line's code.
func get(conn net.Conn, host string) (int, error) {
	if _, err := fmt.Fprintf(conn, "GET /_bothy/health HTTP/1.1\r\nHost: %s\r\n\r\n", host); err != nil {
		return 0, err
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0, err
	}
	io.Copy(io.Discard, res.Body) //nolint:errcheck // of no interest
	return res.StatusCode, res.Body.Close()
}

// TestOnePort: HTTP and TLS share the port, and silent peers hold up nobody.
func TestOnePort(t *testing.T) {
	n := run(t, Config{})
	for range 20 {
		silent, err := net.Dial("tcp", n.Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer silent.Close()
	}
	half, err := net.Dial("tcp", n.Addr()) // a TLS peer that stops after the first byte
	if err != nil {
		t.Fatal(err)
	}
	defer half.Close()
	half.Write([]byte{0x16}) //nolint:errcheck // the test goes on without
	if status, body := n.do("GET", "/_bothy/health", ""); status != 200 || !strings.Contains(body, `"ok"`) {
		t.Errorf("HTTP: %d %s", status, body)
	}
	for _, name := range []string{"localhost", "127.0.0.1", "cognito-idp.eu-west-1.amazonaws.com", "my.bucket.s3.amazonaws.com", "abc.cloudfront.net", "tasks.auth.us-east-1.amazoncognito.com"} {
		conn, err := tls.Dial("tcp", n.Addr(), &tls.Config{RootCAs: n.roots(), ServerName: name})
		if err != nil {
			t.Errorf("TLS as %s: %v", name, err)
			continue
		}
		if status, err := get(conn, "127.0.0.1"); status != 200 {
			t.Errorf("TLS as %s: %d %v", name, status, err)
		}
		conn.Close()
	}
	if _, err := tls.Dial("tcp", n.Addr(), &tls.Config{RootCAs: n.roots(), ServerName: "bank.example"}); err == nil {
		t.Error("the node answered for bank.example")
	}
	if _, err := tls.Dial("tcp", n.Addr(), &tls.Config{RootCAs: n.roots(), ServerName: "localhost", MaxVersion: tls.VersionTLS11}); err == nil {
		t.Error("TLS 1.1 was spoken")
	}
}

// TestSilence: whoever says nothing is closed in time, or when too many say nothing.
func TestSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDual(nil, nil, maxOpen, nil)
		mine, theirs := net.Pipe()
		go d.sort(theirs)
		start := time.Now()
		if _, err := mine.Read(make([]byte, 1)); err != io.EOF || time.Since(start) != helloTimeout {
			t.Errorf("closed after %v: %v", time.Since(start), err)
		}
		if d.silent.Len() != 0 {
			t.Error("a closed connection is still counted")
		}
		var peers []net.Conn
		for range maxSilent + 1 {
			mine, theirs := net.Pipe()
			peers = append(peers, mine)
			go d.sort(theirs)
			synctest.Wait()
		}
		if _, err := peers[0].Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("the oldest is still there: %v", err)
		}
		go peers[maxSilent].Write([]byte("G")) //nolint:errcheck // the rest of it is not read
		c, err := d.Accept()
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
		for _, p := range peers {
			p.Close()
		}
	})
}

// TestTooMany: connections are counted while they are open. One too many takes the place of the one that has been idle longest;
// where every one is served, it is closed.
func TestTooMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDual(closed{}, nil, 3, nil)
		speak := func() (net.Conn, *peeked) {
			t.Helper()
			mine, theirs := net.Pipe()
			t.Cleanup(func() { mine.Close() })
			go d.sort(theirs)
			go mine.Write([]byte("G")) //nolint:errcheck // closed is what is tested
			synctest.Wait()
			select {
			case c := <-d.ready:
				return mine, c.(*peeked)
			default:
				return mine, nil
			}
		}
		gone := func(what string, c net.Conn) {
			t.Helper()
			if _, err := c.Read(make([]byte, 1)); err != io.EOF {
				t.Errorf("%s is still there: %v", what, err)
			}
		}
		_, first := speak()
		second, idle := speak()
		_, third := speak()
		d.busy(first)
		d.rest(first) // a request later: it has been idle for less than the second
		if _, fourth := speak(); fourth == nil {
			t.Fatal("no room was made")
		} else {
			d.busy(fourth)
		}
		gone("the longest idle", second)
		idle.Close()
		idle.Close()
		if d.open.Load() != 3 || d.idle.Len() != 2 {
			t.Errorf("%d open, %d idle", d.open.Load(), d.idle.Len())
		}
		d.busy(first)
		d.busy(third)
		fifth, served := speak()
		if gone("one too many", fifth); served != nil || d.open.Load() != 3 {
			t.Errorf("%d open", d.open.Load())
		}
		first.Close()
		if _, sixth := speak(); sixth == nil {
			t.Error("refused with room left")
		}
	})
}

// closed is a listener that has ended.
type closed struct{ net.Listener }

func (closed) Close() error { return nil }

// TestCloseSilent: nobody is left behind by Close.
func TestCloseSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDual(closed{}, nil, maxOpen, nil)
		mine, theirs := net.Pipe()
		go d.sort(theirs)
		synctest.Wait()
		d.Close()
		if _, err := mine.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("still open: %v", err)
		}
		late, theirs := net.Pipe()
		d.sort(theirs)
		if _, err := late.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("came after Close, still open: %v", err)
		}
		if _, err := d.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Accept: %v", err)
		}
	})
}

// TestStalledReader: a peer that takes nothing of its answer is cut off, one that is merely slow is not.
func TestStalledReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mine, theirs := net.Pipe()
		defer mine.Close()
		p := &peeked{Conn: theirs, r: bufio.NewReader(theirs)}
		written := make(chan error)
		go func() {
			_, err := p.Write(make([]byte, 4*writeChunk))
			written <- err
		}()
		for range 4 {
			time.Sleep(writeStall - time.Second)
			if _, err := io.ReadFull(mine, make([]byte, writeChunk)); err != nil {
				t.Fatal(err)
			}
		}
		if err := <-written; err != nil {
			t.Errorf("slow: %v", err)
		}
		if _, err := p.Write([]byte("x")); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("stalled: %v", err)
		}
	})
}

// pipes is a listener of pipes.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	c, ok := <-p
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}
func (p pipes) Close() error   { return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

// TestSlowBody: a body that does not come ends the request; one that trickles does so at its pace; an answer that takes its
// time is not cut off by what bounded the body.
func TestSlowBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type read struct {
			n   int
			err error
			ctx error
		}
		got := make(chan read, 1)
		var u underWay
		server := &http.Server{Handler: u.count(slog.New(slog.DiscardHandler), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			b, err := io.ReadAll(r.Body)
			time.Sleep(10 * bodyGrace)
			got <- read{len(b), err, r.Context().Err()}
		}))}
		l := pipes(make(chan net.Conn))
		go server.Serve(l) //nolint:errcheck // ends with the listener
		send := func(chunks int, pause time.Duration) read {
			mine, theirs := net.Pipe()
			defer mine.Close()
			l <- theirs
			go io.Copy(io.Discard, mine) //nolint:errcheck // ends with the connection
			fmt.Fprintf(mine, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", 10*bodyPace)
			for range chunks {
				time.Sleep(pause)
				mine.Write(make([]byte, bodyPace)) //nolint:errcheck // cut off is what is tested
			}
			return <-got
		}
		if r := send(0, 0); r.err == nil {
			t.Errorf("nothing sent: read %d bytes", r.n)
		}
		if r := send(10, 10*time.Second); r.err == nil {
			t.Errorf("too slow: read %d bytes", r.n)
		}
		if r := send(10, 3*time.Second); r.err != nil || r.n != 10*bodyPace || r.ctx != nil {
			t.Errorf("slow enough: %+v", r)
		}
		close(l)
		server.Close()
	})
}

// TestTunnel: CONNECT ends here, for the hosts the node stands in for, and only once.
func TestTunnel(t *testing.T) {
	n := run(t, Config{})
	connect := func(conn net.Conn, host string) (*bufio.Reader, int) {
		t.Helper()
		fmt.Fprintf(conn, "CONNECT %s HTTP/1.1\r\nHost: %[1]s\r\n\r\n", host)
		br := bufio.NewReader(conn)
		res, err := http.ReadResponse(br, &http.Request{Method: "CONNECT"})
		if err != nil {
			t.Fatal(err)
		}
		return br, res.StatusCode
	}
	dial := func() net.Conn {
		t.Helper()
		conn, err := net.Dial("tcp", n.Addr())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return conn
	}
	const host = "cognito-idp.us-east-1.amazonaws.com"
	for _, name := range []string{"bank.example:443", "amazonaws.com.evil.example:443", "evilamazonaws.com:443", "10.0.0.1:80", "169.254.169.254:80", host} {
		if _, status := connect(dial(), name); status != http.StatusForbidden {
			t.Errorf("CONNECT %s: %d", name, status)
		}
	}
	conn := dial()
	if _, status := connect(conn, host+":443"); status != http.StatusOK {
		t.Fatalf("CONNECT: %d", status)
	}
	inner := tls.Client(conn, &tls.Config{RootCAs: n.roots(), ServerName: host})
	if status, err := get(inner, host); status != 200 {
		t.Errorf("through the tunnel: %d %v", status, err)
	}
	if _, status := connect(inner, host+":443"); status != http.StatusForbidden {
		t.Errorf("a tunnel in a tunnel: %d", status)
	}
	plain := dial()
	if _, status := connect(plain, host+":80"); status != http.StatusOK {
		t.Fatalf("CONNECT: %d", status)
	}
	if _, status := connect(plain, host+":80"); status != http.StatusForbidden {
		t.Errorf("a plain tunnel in a tunnel: %d", status)
	}
	r := httptest.NewRequest("CONNECT", "http://"+host+":443", nil)
	r.Host, r.RemoteAddr = host+":443", "192.0.2.1:1234"
	w := httptest.NewRecorder()
	n.handler().ServeHTTP(w, r)
	if w.Code != http.StatusForbidden {
		t.Errorf("CONNECT from another machine: %d", w.Code)
	}
}

// TestGrace: a request under way is finished, and one that takes too long is cut off before the stores close.
func TestGrace(t *testing.T) {
	n := run(t, Config{Dev: true})
	answered := make(chan int, 1)
	began := make(chan struct{})
	go func() {
		close(began)
		status, _ := n.do("GET", "/_bothy/test/outbox?to=nobody&wait=500ms", "")
		answered <- status
	}()
	<-began
	time.Sleep(100 * time.Millisecond) // on its way; were it not, the test would show less, and not fail
	if err := n.stop(); err != nil {
		t.Error(err)
	}
	if status := <-answered; status != http.StatusNotFound {
		t.Errorf("the request under way was answered %d", status)
	}
	if _, err := http.Get(n.URL()); err == nil {
		t.Error("the node still listens")
	}
}

// TestCutOff: what does not end within the grace is cancelled, and waited for.
func TestCutOff(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var u underWay
	ctx, stop := context.WithCancel(t.Context())
	entered, left := make(chan struct{}), false
	server := &http.Server{BaseContext: func(net.Listener) context.Context { return ctx }, Handler: u.count(slog.New(slog.DiscardHandler), http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(entered)
		<-r.Context().Done()
		left = true
	}))}
	go server.Serve(l)                               //nolint:errcheck // ends with Shutdown
	go http.Get("http://" + l.Addr().String() + "/") //nolint:errcheck // cut off is what is tested
	<-entered
	log := &logLines{}
	if err := shutDown(server, time.Millisecond, log.logger()); err != nil {
		t.Error(err)
	}
	stop()
	server.Close()
	u.end()
	if !left || !strings.Contains(log.String(), "cut off") {
		t.Errorf("left %v, log %q", left, log)
	}
	w := httptest.NewRecorder()
	u.count(slog.New(slog.DiscardHandler), http.NotFoundHandler()).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if w.Code != http.StatusServiceUnavailable {
		t.Errorf("after the end: %d", w.Code)
	}
}

// TestPlainPanic: a bug in a plain handler is told, and cuts off its connection only.
func TestPlainPanic(t *testing.T) {
	log := &logLines{}
	var u underWay
	server := httptest.NewServer(u.count(log.logger(), http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/abort" {
			panic(http.ErrAbortHandler)
		}
		panic("bug in a page")
	})))
	defer server.Close()
	for _, path := range []string{"/", "/abort"} {
		if res, err := http.Get(server.URL + path); err == nil {
			res.Body.Close()
			t.Errorf("%s: answered %d", path, res.StatusCode)
		}
	}
	if text := log.String(); strings.Count(text, "level=ERROR") != 1 || !strings.Contains(text, "bug in a page") {
		t.Error(text)
	}
	u.end() // nobody is left
}
