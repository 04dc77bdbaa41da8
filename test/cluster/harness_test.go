// Package cluster runs several real nodes on one real database and one foreign S3 store, behind a balancer that knows nothing,
// with real SDKs: what one node did the other honours at once, limits hold for all together, and when a node or the database's
// primary is killed nothing acknowledged is lost.
package cluster

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	_ "bothy/cli" // what the program is made of: so that a change of it runs these tests anew
	_ "bothy/node"
	"bothy/test/ports"
	"bothy/test/s3store"
)

var program string // the binary under test, built once

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "bothy-cluster-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)                      //nolint:errcheck // a temporary directory
	if err := os.Chmod(dir, 0o711); err != nil { // functions run below it, as other users
		panic(err)
	}
	program = filepath.Join(dir, "bothy")
	if out, err := exec.Command("go", "build", "-o", program, "../../cmd/bothy").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

const (
	region   = "us-east-1"
	patience = 60 * time.Second // for what should take moments, on a busy machine
)

// cluster is some nodes on one store, and a balancer before them.
type cluster struct {
	t     testing.TB
	nodes []*node
	*balancer
}

// node is a program with a data directory and an address of its own.
type node struct {
	data, addr string
	env        []string
	cmd        *exec.Cmd // nil while it is down
	log        *tail
}

// newCluster starts nodes on a store, with their blobs in a bucket of a store that is not ours.
func newCluster(t testing.TB, store string, nodes int) *cluster {
	t.Helper()
	blobs := s3store.Start(t)
	place := blobs.Bucket(t, "bothy-blobs", "cluster", blobs.URL)
	c := &cluster{t: t, balancer: balance(t)}
	master := strings.Repeat("5a", 32) // the key that an operator brings to each node
	for range nodes {
		n := &node{data: filepath.Join(t.TempDir(), "data"), addr: freeAddr(t), log: &tail{}}
		n.env = append(os.Environ(), "BOTHY_STORE="+store, "BOTHY_BLOBS="+place, "AWS_ACCESS_KEY_ID="+blobs.Key, "AWS_SECRET_ACCESS_KEY="+blobs.Secret,
			"BOTHY_NODE_MODULES="+repo("functions/runtime/node_modules"), "TMPDIR="+filepath.Dir(program))
		if err := os.Mkdir(n.data, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(n.data, "master.key"), []byte(master), 0o600); err != nil {
			t.Fatal(err)
		}
		c.nodes = append(c.nodes, n)
		t.Cleanup(func() {
			n.kill()
			if t.Failed() {
				t.Logf("the last words of %s:\n%s", n.addr, n.log)
			}
		})
	}
	var wg sync.WaitGroup
	errs := make([]error, nodes)
	for i, n := range c.nodes { // all at once, on an empty store
		wg.Go(func() { errs[i] = n.start() })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	for _, n := range c.nodes {
		c.backends = append(c.backends, n.addr)
	}
	return c
}

func repo(path string) string {
	abs, err := filepath.Abs(filepath.Join("..", "..", path))
	if err != nil {
		panic(err) // there is always a working directory
	}
	return abs
}

func freeAddr(t testing.TB) string {
	t.Helper()
	addr, err := ports.Addr()
	if err != nil {
		t.Fatal(err)
	}
	return addr
}

func (n *node) url() string { return "http://" + n.addr }

// start runs `bothy up` and waits until it says that it is ready. Neither store nor keys are on its command line.
func (n *node) start() error {
	n.cmd = exec.Command(program, "up", "--data", n.data, "--listen", n.addr, "--dev", "--log", "info")
	n.cmd.Env = n.env
	n.cmd.Stderr = n.log
	out, err := n.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := n.cmd.Start(); err != nil {
		return err
	}
	ready := make(chan error, 1)
	go func() {
		for s := bufio.NewScanner(out); s.Scan(); {
			if s.Text() == "ready "+n.url() {
				ready <- nil
				io.Copy(io.Discard, out) //nolint:errcheck // until it ends
				return
			}
		}
		ready <- errors.New("the node ended before it was ready")
	}()
	select {
	case err = <-ready:
	case <-time.After(patience):
		err = errors.New("the node is not ready in time")
	}
	if err != nil {
		n.kill()
		return fmt.Errorf("%w\n%s", err, n.log)
	}
	return nil
}

// kill ends the node as a power cut would.
func (n *node) kill() {
	if n.cmd != nil && n.cmd.Process != nil {
		_ = n.cmd.Process.Kill() // it may have ended
		_ = n.cmd.Wait()         // killed
	}
	n.cmd = nil
}

// balancer is a plain TCP balancer: connections go to the backends in turn, and on to the next when one takes none.
type balancer struct {
	l        net.Listener
	backends []string
	mu       sync.Mutex
	turn     int // guarded by mu
}

func balance(t testing.TB) *balancer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &balancer{l: l}
	t.Cleanup(func() { l.Close() }) //nolint:errcheck // ending
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go b.carry(conn)
		}
	}()
	return b
}

func (b *balancer) url() string { return "http://" + b.l.Addr().String() }

func (b *balancer) carry(conn net.Conn) {
	defer conn.Close() //nolint:errcheck // either end may have closed it
	b.mu.Lock()
	first := b.turn
	b.turn++
	b.mu.Unlock()
	for i := range b.backends {
		back, err := net.Dial("tcp", b.backends[(first+i)%len(b.backends)])
		if err != nil {
			continue
		}
		go func() {
			io.Copy(back, conn)              //nolint:errcheck // the other direction tells
			back.(*net.TCPConn).CloseWrite() //nolint:errcheck // as above
		}()
		io.Copy(conn, back) //nolint:errcheck // a killed node ends it
		back.Close()        //nolint:errcheck // as above
		return
	}
}

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	text []byte // guarded by mu
}

func (l *tail) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, p...)
	l.text = l.text[max(0, len(l.text)-8<<10):]
	return len(p), nil
}

func (l *tail) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text)
}
