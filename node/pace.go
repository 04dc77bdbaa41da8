package node

import (
	"io"
	"net/http"
	"time"
)

// How slowly a client may send a body: bodyGrace for nothing at all, and a second more for every bodyPace bytes. Who is
// slower only holds a place.
const (
	bodyGrace = 30 * time.Second
	bodyPace  = 1 << 10
)

// paced moves the connection's read deadline along with what has been read.
type paced struct {
	io.ReadCloser
	deadline func(time.Time) error
	begun    time.Time
	n        int64
}

// pace bounds the time in which the body of r may come. The server must keep its own body in its own request: else it reads on,
// for a quarter of a megabyte, before it sends the answer to a request whose body nobody wanted.
func pace(w http.ResponseWriter, r *http.Request) *http.Request {
	if r.Body == nil || r.Body == http.NoBody {
		return r
	}
	p := &paced{r.Body, http.NewResponseController(w).SetReadDeadline, time.Now(), 0}
	p.extend()
	paced := *r
	paced.Body = p
	return &paced
}

func (p *paced) extend() {
	p.deadline(p.begun.Add(bodyGrace + time.Duration(p.n/bodyPace)*time.Second)) //nolint:errcheck // a dead connection shows at the next read
}

func (p *paced) Read(b []byte) (int, error) {
	n, err := p.ReadCloser.Read(b)
	p.n += int64(n)
	if err != nil { // from here on the server watches the connection, which may be silent for as long as the answer takes
		p.deadline(time.Time{}) //nolint:errcheck // as above
	} else if n > 0 {
		p.extend()
	}
	return n, err
}
