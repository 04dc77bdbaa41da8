package node

import (
	"bytes"
	"net"
	"net/http"
	"sync"

	"bothy/wire"
	"bothy/wire/admit"
)

// A connection for which no handler runs waits: for a request, or for the rest of its headers. Whoever has something to ask does
// so at once, so where there are too many connections the one that has waited longest makes room.

// rest counts p among those that wait.
func (d *dual) rest(p *peeked) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if p.place == nil && !p.ended.Load() && !p.tunnel.Load() {
		p.place = d.idle.PushBack(p)
		p.waits.Store(true)
	}
}

// busy takes p out of them: a handler runs, or the connection has ended.
func (d *dual) busy(p *peeked) {
	d.mu.Lock()
	if p.place != nil {
		d.idle.Remove(p.place)
		p.place = nil
		p.waits.Store(false)
	}
	d.mu.Unlock()
	p.head.end()
}

// makeRoom closes the connection that has waited longest, if there is another than p.
func (d *dual) makeRoom(p *peeked) bool {
	d.mu.Lock()
	front := d.idle.Front()
	d.mu.Unlock()
	if front == nil || front.Value.(*peeked) == p {
		return false
	}
	front.Value.(*peeked).Close() //nolint:errcheck // its reader sees it
	return true
}

// watched tells the listener when a handler runs.
func watched(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p := connOf(r); p != nil && p.home != nil {
			p.home.busy(p)
			defer p.home.rest(p)
		}
		h.ServeHTTP(w, r)
	})
}

// What headers may hold before they are a request that the pipeline weighs. Each line becomes an entry of a map; of sealed ones we
// see no lines, so each byte may be half of one.
const (
	freeHead  = 16 << 10 // as most requests need; it takes nothing of the budget
	lineBytes = 128
	textBytes = 2
	sealed    = 24
)

// head is what a connection has sent since its last request.
type head struct {
	mu     sync.Mutex // guards what follows: a server reads while a handler runs
	holds  int64
	ticket *admit.Ticket
}

// add counts bytes of headers, and fails when there is no room for more of them.
func (h *head) add(p *peeked, b []byte) error {
	if !p.waits.Load() {
		return nil
	}
	n := int64(len(b)) * sealed
	if !p.sealed {
		n = int64(len(b)*textBytes + bytes.Count(b, []byte{'\n'})*lineBytes)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	before := max(h.holds, freeHead)
	h.holds += n
	switch {
	case h.holds <= freeHead:
		return nil
	case h.ticket == nil:
		host, _, _ := net.SplitHostPort(p.RemoteAddr().String()) //nolint:errcheck // "" is a client too
		t, err := p.home.heads.Admit(wire.Household(host), admit.Head, h.holds-before)
		h.ticket = t
		return err
	}
	return h.ticket.Grow(h.holds - before)
}

func (h *head) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ticket.Done()
	h.holds, h.ticket = 0, nil
}
