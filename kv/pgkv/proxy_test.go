package pgkv_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"bothy/test/postgres"
)

// What a proxy does at the next commit of a batch, once.
const (
	pass      int32 = iota
	loseCall        // the commit does not reach the server
	loseReply       // the server commits, and its answer does not come back
	leave           // the client is cut off; the server goes on with what it was sent
)

// proxy stands between an engine and its server, and reads the client's messages.
type proxy struct {
	listener net.Listener
	target   string
	next     atomic.Int32
	cuts     atomic.Int32
	open     sync.WaitGroup
	mu       sync.Mutex
	conns    []net.Conn
}

func startProxy(t *testing.T, target string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: l, target: target}
	p.open.Go(p.accept)
	t.Cleanup(func() { l.Close(); p.cutAll(); p.open.Wait() })
	return p
}

func (p *proxy) url(schema string) string { return postgres.URL(p.listener.Addr().String(), schema) }

func (p *proxy) cutAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		c.Close()
	}
	p.conns = nil
}

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.target)
		if err != nil {
			client.Close()
			continue
		}
		p.mu.Lock()
		p.conns = append(p.conns, client, server)
		p.mu.Unlock()
		s := &spliced{p: p, client: client, server: server}
		p.open.Go(s.up)
		p.open.Go(s.down)
	}
}

// spliced is one connection through the proxy.
type spliced struct {
	p              *proxy
	client, server net.Conn
	hideReply      atomic.Bool // a commit was sent whose answer must not come back
}

// up forwards the client's messages and acts at a commit that follows the taking of the lock.
func (s *spliced) up() {
	defer s.server.Close()
	head := make([]byte, 8)
	if _, err := io.ReadFull(s.client, head[:4]); err != nil {
		return
	}
	const cancels = 80877102
	begins := func(body []byte) bool { return binary.BigEndian.Uint32(body) != cancels } // a batch that was left must live on
	if !s.forward(head[:4], int(binary.BigEndian.Uint32(head))-4, begins) {              // the first message has no type
		return
	}
	act, locked := pass, false
	look := func(body []byte) (forward bool) {
		if head[0] == 'B' { // Bind: portal, statement
			locked = locked || bytes.Contains(body, []byte("\x00bothy_lock\x00"))
			if locked && bytes.Contains(body, []byte("\x00bothy_commit\x00")) {
				locked, act = false, s.p.next.Swap(pass)
				s.hideReply.Store(act == loseReply)
			}
		}
		return act != loseCall
	}
	for {
		if _, err := io.ReadFull(s.client, head[:5]); err != nil {
			return
		}
		if !s.forward(head[:5], int(binary.BigEndian.Uint32(head[1:]))-4, look) {
			break
		}
		if head[0] == 'S' && act == leave {
			break
		}
	}
	if act == pass {
		return
	}
	s.p.cuts.Add(1)
	s.client.Close()
	if act == leave {
		_, _ = io.Copy(io.Discard, s.server) // the server is in no hurry to notice
	}
}

// forward passes on a message of which head was read, when ok says so.
func (s *spliced) forward(head []byte, n int, ok func(body []byte) bool) bool {
	body := make([]byte, n)
	if _, err := io.ReadFull(s.client, body); err != nil {
		return false
	}
	if !ok(body) {
		return false
	}
	if _, err := s.server.Write(append(bytes.Clone(head), body...)); err != nil {
		return false
	}
	return true
}

// down forwards the server's messages, and cuts the connection instead of passing on that a commit is done.
func (s *spliced) down() {
	defer s.client.Close()
	head := make([]byte, 5)
	for {
		if _, err := io.ReadFull(s.server, head); err != nil {
			return
		}
		body := make([]byte, binary.BigEndian.Uint32(head[1:])-4)
		if _, err := io.ReadFull(s.server, body); err != nil {
			return
		}
		if s.hideReply.Load() && head[0] == 'C' && bytes.HasPrefix(body, []byte("COMMIT")) {
			s.p.cuts.Add(1)
			s.server.Close()
			return
		}
		if _, err := s.client.Write(append(bytes.Clone(head), body...)); err != nil {
			return
		}
	}
}
