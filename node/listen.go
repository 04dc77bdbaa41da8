package node

import (
	"bufio"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"sync"
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
}

const helloTimeout = 10 * time.Second // for the first byte of a connection

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
			d.acceptErr = err
			d.Close() //nolint:errcheck // already failing
			return
		}
		go d.sort(conn)
	}
}

// sort hands conn to Accept as what it is. It also takes connections that came through CONNECT.
func (d *dual) sort(conn net.Conn) {
	conn.SetReadDeadline(time.Now().Add(helloTimeout)) //nolint:errcheck // a dead connection shows at once
	br := bufio.NewReader(conn)
	first, err := br.Peek(1)
	if err != nil {
		conn.Close() //nolint:errcheck // nothing was said
		return
	}
	conn.SetReadDeadline(time.Time{}) //nolint:errcheck // as above
	c := net.Conn(&peeked{conn, br})
	if first[0] == 0x16 {
		c = tls.Server(c, d.tls)
	}
	select {
	case d.ready <- c:
	case <-d.done:
		conn.Close() //nolint:errcheck // shutting down
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

// Close stops accepting.
func (d *dual) Close() error {
	d.once.Do(func() { close(d.done) })
	return d.Listener.Close()
}

// peeked is a connection some of whose bytes are in a buffer.
type peeked struct {
	net.Conn
	r *bufio.Reader
}

func (p *peeked) Read(b []byte) (int, error) { return p.r.Read(b) }

// connect is the proxy a browser is pointed at by /_bothy/proxy.pac: a tunnel to the hosts Bothy stands in for ends here;
// there is no way through to anywhere else.
func (d *dual) connect(w http.ResponseWriter, r *http.Request) {
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil || !vouched(host) || !loopback(r) {
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
	go d.sort(&peeked{conn, buf.Reader})
}

func loopback(r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	ip := net.ParseIP(host)
	return err == nil && ip != nil && ip.IsLoopback()
}
