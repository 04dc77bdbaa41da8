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

	"bothy/wire/admit"
)

// dual accepts plain HTTP and TLS on one port: the first byte of a TLS connection is 0x16, which begins no HTTP request.
type dual struct {
	net.Listener
	tls       *tls.Config
	ready     chan net.Conn
	done      chan struct{}
	once      sync.Once
	acceptErr error // set before done is closed

	limit  int           // of open
	heads  *admit.Budget // what headers on their way may hold; nil: no bounds
	open   atomic.Int64  // connections that have said something
	mu     sync.Mutex
	silent list.List // guarded by mu: connections that have said nothing yet, oldest first
	idle   list.List // guarded by mu: *peeked for which no handler runs, longest so first
}

// Bounds on peers that hold a connection without using it.
const (
	helloTimeout = 10 * time.Second // for the first byte of a connection
	maxSilent    = 1024             // connections that have said nothing; one more, and the oldest is closed
	maxOpen      = 16384            // others, on a large machine; one more, and the one longest idle is closed
	writeStall   = time.Minute      // for writeChunk to be taken by the peer
	writeChunk   = 64 << 10
)

func newDual(l net.Listener, cfg *tls.Config, limit int, heads *admit.Budget) *dual {
	return &dual{Listener: l, tls: cfg, limit: limit, heads: heads, ready: make(chan net.Conn), done: make(chan struct{})}
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
	p := &peeked{Conn: conn, r: br, home: d, sealed: first[0] == 0x16}
	d.rest(p)
	if d.open.Add(1) > int64(d.limit) && !d.makeRoom(p) {
		p.Close() //nolint:errcheck // too many
		return
	}
	c := net.Conn(p)
	if p.sealed {
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
	if d.silent.Len() >= min(maxSilent, d.limit) {
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
	home   *dual // nil: nobody counts
	sealed bool  // TLS
	ended  atomic.Bool
	tunnel atomic.Bool // a handler took it over: it is neither idle nor busy

	place *list.Element // in home.idle, guarded by home.mu; nil while a handler runs
	waits atomic.Bool   // whether it has a place
	head  head
}

func (p *peeked) Close() error {
	if p.home != nil && p.ended.CompareAndSwap(false, true) {
		p.home.open.Add(-1)
		p.home.busy(p)
	}
	return p.Conn.Close()
}

func (p *peeked) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	if p.home == nil {
		return n, err
	}
	if full := p.head.add(p, b[:n]); full != nil {
		return 0, full
	}
	return n, err
}

func (p *peeked) Write(b []byte) (n int, err error) {
	for len(b) > 0 && err == nil {
		var m int
		p.SetWriteDeadline(time.Now().Add(writeStall)) //nolint:errcheck // a dead connection shows at once
		m, err = p.Conn.Write(b[:min(len(b), writeChunk)])
		n, b = n+m, b[m:]
	}
	return n, err
}

type connKey struct{}

// tunnelled marks the connections that came through CONNECT.
type tunnelled struct{ net.Conn }

// connContext tells a request of its connection.
func connContext(ctx context.Context, c net.Conn) context.Context {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	p, _ := c.(*peeked)
	return context.WithValue(ctx, connKey{}, p)
}

// throughTunnel tells whether a request came through CONNECT.
func throughTunnel(r *http.Request) bool {
	p := connOf(r)
	if p == nil {
		return false
	}
	_, ok := p.Conn.(tunnelled)
	return ok
}

// connOf is a request's connection, nil for one that did not come through a listener of ours.
func connOf(r *http.Request) *peeked {
	p, _ := r.Context().Value(connKey{}).(*peeked)
	return p
}

// connect is the proxy a browser is pointed at by /_bothy/proxy.pac: a tunnel to the hosts Bothy stands in for ends here;
// there is no way through to anywhere else, nor a tunnel in a tunnel.
func (d *dual) connect(w http.ResponseWriter, r *http.Request) {
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil || !vouched(host) || !loopback(r) || throughTunnel(r) {
		http.Error(w, "Bothy tunnels only to the hosts it stands in for.", http.StatusForbidden)
		return
	}
	conn, buf, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, "cannot tunnel", http.StatusInternalServerError)
		return
	}
	if p := connOf(r); p != nil {
		p.tunnel.Store(true)
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
