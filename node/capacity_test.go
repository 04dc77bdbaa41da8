package node

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"testing/synctest"

	"bothy/wire/admit"
)

// exhaust takes all that requests may hold.
func (n *testNode) exhaust() (release func()) {
	n.t.Helper()
	var all []*admit.Ticket
	for _, l := range n.capacity.requests.Load() {
		for _, who := range []string{"one", "other"} {
			for size := l.Limit.Bytes / 2; size > 0; size /= 2 {
				if ticket, err := n.capacity.requests.Admit(who, l.Class, size); err == nil {
					all = append(all, ticket)
				}
			}
		}
	}
	return func() {
		for _, ticket := range all {
			ticket.Done()
		}
	}
}

// TestPagesPastCapacity: what no AWS model describes refuses in its own way, and health still answers.
func TestPagesPastCapacity(t *testing.T) {
	n := run(t, Config{Dev: true})
	release := n.exhaust()
	for _, c := range []struct {
		what, path, host string
		status           int
		body             string
	}{
		{"a deployed API", "/stage/x", "abcdefghij.execute-api.us-east-1.amazonaws.com", 429, `{"message":"Too Many Requests"}`},
		{"a site", "/index.html", "bucket.s3-website-us-east-1.amazonaws.com", 503, "Please reduce your request rate.\n"},
		{"a pool's keys", "/us-east-1_abc/.well-known/jwks.json", "", 503, "Please reduce your request rate.\n"},
		{"a sign-in page", "/login", "tasks.auth.us-east-1.amazoncognito.com", 503, "Please reduce your request rate.\n"},
		{"an identity pool's keys", "/.well-known/jwks_uri", "cognito-identity.amazonaws.com", 503, "Please reduce your request rate.\n"},
		{"the outbox", "/_bothy/test/outbox?to=x&wait=1ms", "", 503, "Please reduce your request rate.\n"},
	} {
		if status, body := n.do("GET", c.path, c.host); status != c.status || body != c.body {
			t.Errorf("%s: %d %q", c.what, status, body)
		}
	}
	if status, _ := n.do("GET", "/_bothy/health", ""); status != 200 {
		t.Errorf("health: %d", status)
	}
	if status, body := n.do("GET", "/bucket/key", ""); status != 503 || !strings.Contains(body, "<Code>SlowDown</Code>") {
		t.Errorf("an object: %d %s", status, body)
	}
	release()
	if status, body := n.do("GET", "/stage/x", "abcdefghij.execute-api.us-east-1.amazonaws.com"); status != 403 {
		t.Errorf("with room: %d %s", status, body)
	}
	for _, l := range n.capacity.requests.Load() {
		if l.Open != 0 || l.Bytes != 0 {
			t.Errorf("left over: %+v", l)
		}
	}
}

// TestHeads: headers on their way take of the budget, and a connection for which there is none left is cut.
func TestHeads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limits := admit.Limits(0, 1)
		limits[admit.Head] = admit.Limit{Bytes: 200_000}
		budget := admit.New(limits)
		d := newDual(closed{}, nil, 10, budget)
		speak := func(first byte) (net.Conn, *peeked) {
			mine, theirs := net.Pipe()
			t.Cleanup(func() { mine.Close() })
			go d.sort(theirs)
			go mine.Write([]byte{first}) //nolint:errcheck // Accept shows it
			c, err := d.Accept()
			if err != nil {
				t.Fatal(err)
			}
			p := c.(*peeked)
			if _, err := p.Read(make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
			return mine, p
		}
		say := func(mine net.Conn, p *peeked, text string) error {
			go mine.Write([]byte(text)) //nolint:errcheck // read below
			_, err := io.ReadFull(p, make([]byte, len(text)))
			return err
		}
		held := func() int64 { return budget.Load()[admit.Head].Bytes }
		mine, p := speak('G')
		if err := say(mine, p, strings.Repeat("a: b\n", 100)); err != nil || held() != 0 { // as in most requests
			t.Errorf("%v, %d held", err, held())
		}
		if err := say(mine, p, strings.Repeat("a:\n", 300)); err != nil || held() == 0 {
			t.Errorf("%v, %d held", err, held())
		}
		other, q := speak('G')
		for range 10 {
			if err := say(other, q, strings.Repeat("a:\n", 300)); err != nil {
				break
			}
		}
		if err := say(other, q, strings.Repeat("a:\n", 300)); err != admit.ErrFull || held() > 100_000 {
			t.Errorf("%v, %d held", err, held())
		}
		d.busy(p) // its headers are complete: from here on the pipeline weighs it
		q.Close()
		if held() != 0 {
			t.Errorf("%d held", held())
		}
		if err := say(mine, p, strings.Repeat("\n", 5000)); err != nil || held() != 0 { // a body
			t.Errorf("%v, %d held", err, held())
		}
		d.rest(p)
		p.sealed = true
		if err := say(mine, p, strings.Repeat("x", 2000)); err != nil || held() != 2000*sealed-freeHead {
			t.Errorf("%v, %d held", err, held())
		}
		p.Close()
	})
}

// TestMachine: the least of what physical memory and control groups allow.
func TestMachine(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	if n, ok := memTotal(write("meminfo", "MemFree: 1 kB\nMemTotal:       1024 kB\n")); n != 1<<20 || !ok {
		t.Error(n, ok)
	}
	for name, text := range map[string]string{"none": "MemFree: 1 kB\n", "odd": "MemTotal: many kB\n"} {
		if n, ok := memTotal(write(name, text)); ok {
			t.Error(name, n)
		}
	}
	write("two/a/memory.max", "3000\n")
	write("two/a/b/memory.max", "max\n")
	write("one/memory/c/memory.limit_in_bytes", "5000\n")
	for _, c := range []struct {
		root, text string
		want       int64
	}{
		{"two", "0::/a/b\n", 3000}, {"two", "0::/a/../../a/b\n", 3000}, {"two", "0::/x\n", 0}, {"one", "4:cpu:/c\n3:memory:/c\n", 5000}, {"one", "nonsense\n", 0}, {"two", "", 0},
	} {
		n, ok := groupMemory(write("cgroup", c.text), filepath.Join(dir, c.root))
		if ok != (c.want > 0) || ok && n != c.want {
			t.Errorf("%s %q: %d %v", c.root, c.text, n, ok)
		}
	}
	if n := machineMemory(); n < 64<<20 {
		t.Errorf("%d bytes", n)
	}
	c := newCapacity()
	if limit := debug.SetMemoryLimit(-1); limit == math.MaxInt64 || c.open < minOpen || c.open > maxOpen {
		t.Errorf("limit %d, %d connections", limit, c.open)
	}
}

// TestRefusalDoesNotWait: who is refused reads so at once, with the body it announced unsent.
func TestRefusalDoesNotWait(t *testing.T) {
	n := run(t, Config{})
	defer n.exhaust()()
	for _, length := range []int64{1 << 20, 5 << 30} {
		conn, err := net.Dial("tcp", n.Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "PUT /bucket/key HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n", length)
		var b bytes.Buffer
		line, err := bufio.NewReader(io.TeeReader(conn, &b)).ReadString('\n')
		if err != nil || !strings.Contains(line, " 503 ") {
			t.Errorf("%q %v", line, err)
		}
	}
}
