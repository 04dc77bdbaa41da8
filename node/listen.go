package node

import (
	"bufio"
	"container/list"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// dual accepts plain HTTP and TLS on one port: the first byte of a TLS connection is 0x16, which begins no HTTP request.
type dual struct {
	net.Listener
	tls       *tls.Config
	ready     chan net.Conn
	done      chan struct{}
	once      sync.Once
	acceptErr error // set before done is closed

	open   atomic.Int64 // connections that have said something
	mu     sync.Mutex
	silent list.List // guarded by mu: connections that have said nothing yet, oldest first
}

// Bounds on peers that hold a connection without using it.
const (
	helloTimeout = 10 * time.Second // for the first byte of a connection
	maxSilent    = 1024             // connections that have said nothing; one more, and the oldest is closed
	maxOpen      = 16384            // others; one more is refused, for each costs memory
	writeStall   = time.Minute      // for writeChunk to be taken by the peer
	writeChunk   = 64 << 10
)

func newDual(l net.Listener, cfg *tls.Config) *dual {
	return &dual{Listener: l, tls: cfg, ready: make(chan net.Conn), done: make(chan struct{})}
}

// run accepts until the listener is closed; every connection waits for its first byte by itself.
func (d *dual) run() {
	for {
		conn, err := d.Listener.Accept()
		if err != nil {
			var temporary interface{ Temporary() bool }
			if errors.As(err, &temporary) && temporary.Temporary() { //nolint:staticcheck // out of file descriptors: try again
				time.Sleep(10 * time.Millisecond)
				continue
			}
			d.once.Do(func() {
				d.acceptErr = err
				close(d.done)
			})
			d.Close() //nolint:errcheck // already failing
			return
		}
		go d.sort(conn)
	}
}

// sort hands conn to Accept as what it is. It also takes connections that came through CONNECT.
func (d *dual) sort(conn net.Conn) {
	heard := d.await(conn)
	conn.SetReadDeadline(time.Now().Add(helloTimeout)) //nolint:errcheck // a dead connection shows at once
	br := bufio.NewReader(conn)
	first, err := br.Peek(1)
	heard()
	if err != nil {
		conn.Close() //nolint:errcheck // nothing was said
		return
	}
	conn.SetReadDeadline(time.Time{}) //nolint:errcheck // as above
	c := net.Conn(&peeked{Conn: conn, r: br, closed: sync.OnceFunc(func() { d.open.Add(-1) })})
	if d.open.Add(1) > maxOpen {
		c.Close() //nolint:errcheck // too many
		return
	}
	if first[0] == 0x16 {
		c = tls.Server(c, d.tls)
	}
	select {
	case d.ready <- c:
	case <-d.done:
		c.Close() //nolint:errcheck // shutting down
	}
}

// await counts conn among the silent until heard is called. Whoever speaks does so at once, so the oldest makes room.
func (d *dual) await(conn net.Conn) (heard func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.silent.Len() >= maxSilent {
		d.silent.Remove(d.silent.Front()).(net.Conn).Close() //nolint:errcheck // its sort sees it
	}
	e := d.silent.PushBack(conn)
	select {
	case <-d.done: // Close has been through the list already
		conn.Close() //nolint:errcheck // shutting down
	default:
	}
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.silent.Remove(e)
	}
}

// Accept returns the next sorted connection.
func (d *dual) Accept() (net.Conn, error) {
	select {
	case c := <-d.ready:
		return c, nil
	case <-d.done:
		if d.acceptErr != nil {
			return nil, d.acceptErr
		}
		return nil, net.ErrClosed
	}
}

// Close stops accepting, and closes the connections that have said nothing yet.
func (d *dual) Close() error {
	d.once.Do(func() { close(d.done) })
	err := d.Listener.Close()
	d.mu.Lock()
	defer d.mu.Unlock()
	for e := d.silent.Front(); e != nil; e = e.Next() {
		e.Value.(net.Conn).Close() //nolint:errcheck // shutting down
	}
	return err
}

// peeked is a connection some of whose bytes are in a buffer. A peer that takes nothing of what is written to it is cut off.
type peeked struct {
	net.Conn
	r      *bufio.Reader
	closed func() // nil: nobody counts
}

func (p *peeked) Close() error {
	if p.closed != nil {
		p.closed()
	}
	return p.Conn.Close()
}

func (p *peeked) Read(b []byte) (int, error) { return p.r.Read(b) }

func (p *peeked) Write(b []byte) (n int, err error) {
	for len(b) > 0 && err == nil {
		var m int
		p.SetWriteDeadline(time.Now().Add(writeStall)) //nolint:errcheck // a dead connection shows at once
		m, err = p.Conn.Write(b[:min(len(b), writeChunk)])
		n, b = n+m, b[m:]
	}
	return n, err
}

// tunnelled marks the connections that came through CONNECT.
type tunnelled struct{ net.Conn }

type tunnelKey struct{}

// connContext tells a request whether it came through CONNECT.
func connContext(ctx context.Context, c net.Conn) context.Context {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	if p, ok := c.(*peeked); ok {
		if _, ok := p.Conn.(tunnelled); ok {
			return context.WithValue(ctx, tunnelKey{}, true)
		}
	}
	return ctx
}

// connect is the proxy a browser is pointed at by /_bothy/proxy.pac: a tunnel to the hosts Bothy stands in for ends here;
// there is no way through to anywhere else, nor a tunnel in a tunnel.
func (d *dual) connect(w http.ResponseWriter, r *http.Request) {
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil || !vouched(host) || !loopback(r) || r.Context().Value(tunnelKey{}) != nil {
		http.Error(w, "Bothy tunnels only to the hosts it stands in for.", http.StatusForbidden)
		return
	}
	conn, buf, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, "cannot tunnel", http.StatusInternalServerError)
		return
	}
	if _, err := conn.Write([]byte("HTTP/1.1 200 Connection established\r\n\r\n")); err != nil {
		conn.Close() //nolint:errcheck // the client is gone
		return
	}
	go d.sort(tunnelled{&peeked{Conn: conn, r: buf.Reader}})
}

func loopback(r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	ip := net.ParseIP(host)
	return err == nil && ip != nil && ip.IsLoopback()
}
