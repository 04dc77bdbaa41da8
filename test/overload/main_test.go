// Package overload holds a real node under peers that mean it harm: what it holds of memory stays below a bound, and who behaves
// is served meanwhile. The node is this test binary, started again, and told by GOMEMLIMIT that its machine is small.
//
// Peers come from 127.0.0.1; who behaves comes from 127.0.0.2, for a client is an address.
package overload

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"bothy/node"
	"bothy/wire/sigv4"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

const (
	dataDir  = "BOTHY_OVERLOAD_DIR" // set: be the node
	limit    = "256MiB"             // the node's GOMEMLIMIT
	bound    = 350 << 20            // of resident memory: the limit is soft, and the store's cache and the program lie outside of it
	region   = "us-east-1"
	attacker = "127.0.0.1"
	polite   = "127.0.0.2"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(dataDir); dir != "" {
		if err := serve(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func serve(dir string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	n, err := node.New(ctx, node.Config{DataDir: dir, Listen: "127.0.0.1:0", Log: log})
	if err != nil {
		return err
	}
	defer n.Close() //nolint:errcheck // Run's error is the one to tell
	fmt.Println("ready", n.Addr())
	return n.Run(ctx)
}

// victim is a node in a process of its own.
type victim struct {
	t    *testing.T
	pid  int
	addr string
	dir  string
	root sigv4.Credentials
}

func newVictim(t *testing.T) *victim {
	t.Helper()
	v := &victim{t: t, dir: filepath.Join(t.TempDir(), "data")}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), dataDir+"="+v.dir, "GOMEMLIMIT="+limit)
	var stderr tail
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	v.pid = cmd.Process.Pid
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM) //nolint:errcheck // it may have ended
		force := time.AfterFunc(20*time.Second, func() { cmd.Process.Kill() })
		if err := cmd.Wait(); err != nil || t.Failed() {
			t.Errorf("the node ended: %v\n%s", err, stderr.String())
		}
		force.Stop()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	v.addr = strings.TrimSpace(strings.TrimPrefix(line, "ready "))
	v.root = rootKey(t, v.dir)
	return v
}

// tail keeps the end of what is written to it.
type tail struct {
	mu sync.Mutex
	b  []byte
}

func (l *tail) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.b = append(l.b, b...)
	l.b = l.b[max(0, len(l.b)-16<<10):]
	return len(b), nil
}

func (l *tail) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.b)
}

func rootKey(t *testing.T, dir string) (c sigv4.Credentials) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, node.CredentialsFile))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		switch k, v, _ := strings.Cut(strings.TrimSpace(line), " = "); k {
		case "aws_access_key_id":
			c.AccessKey = v
		case "aws_secret_access_key":
			c.Secret = v
		}
	}
	return c
}

// memory reads a line of /proc/PID/status: VmRSS, or VmHWM for the most there was.
func (v *victim) memory(line string) int64 {
	v.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", v.pid))
	if err != nil {
		v.t.Fatal(err)
	}
	for l := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(l, line+":"); ok {
			var kib int64
			fmt.Sscan(rest, &kib) //nolint:errcheck // 0 fails the test
			return kib << 10
		}
	}
	v.t.Fatalf("no %s", line)
	return 0
}

// config is the real SDK's, for who behaves: its usual number of tries.
func (v *victim) config() aws.Config {
	endpoint := "http://" + v.addr
	return aws.Config{
		Region: region, BaseEndpoint: &endpoint, Credentials: credentials.NewStaticCredentialsProvider(v.root.AccessKey, v.root.Secret, ""),
		HTTPClient: &http.Client{Transport: &http.Transport{DialContext: from(polite).DialContext}},
	}
}

func from(address string) *net.Dialer {
	return &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}, Timeout: 10 * time.Second}
}

// signed is the head of a request as it goes over the wire, with a good signature for body; of S3's, nil is content that is not
// signed. Its length is only claimed.
func (v *victim) signed(method, service, target string, length int64, header http.Header, body []byte) []byte {
	v.t.Helper()
	r, err := http.NewRequest(method, "http://"+v.addr+target, nil)
	if err != nil {
		v.t.Fatal(err)
	}
	if header != nil {
		r.Header = header
	}
	if r.Header.Set("X-Amz-Content-Sha256", sigv4.HashHex(body)); body == nil {
		r.Header.Set("X-Amz-Content-Sha256", sigv4.Unsigned)
	}
	sigv4.Sign(r, v.root, service, region, time.Now(), body)
	return raw(r, length)
}

func raw(r *http.Request, length int64) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", r.Method, r.URL.RequestURI(), r.URL.Host)
	r.Header.Write(&b) //nolint:errcheck // memory
	if length > 0 {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", length)
	}
	b.WriteString("\r\n")
	return b.Bytes()
}

// swarm opens n connections and says the same on all of them; it reads no answer. Refused connections are what is hoped for.
func (v *victim) swarm(n int, say []byte) (leave func()) {
	v.t.Helper()
	conns := make([]net.Conn, n)
	var all sync.WaitGroup
	for worker := range 16 {
		all.Go(func() {
			for i := worker; i < n; i += 16 {
				c, err := from(attacker).Dial("tcp", v.addr)
				if err != nil {
					v.t.Error(err)
					return
				}
				conns[i] = c
				c.(*net.TCPConn).SetReadBuffer(4 << 10)         //nolint:errcheck // a slow reader
				c.SetWriteDeadline(time.Now().Add(time.Second)) //nolint:errcheck // not taken: not needed
				c.Write(say)                                    //nolint:errcheck // as above
			}
		})
	}
	all.Wait()
	return func() {
		for _, c := range conns {
			if c != nil {
				c.Close() //nolint:errcheck // leaving
			}
		}
	}
}

// ask sends one request on a connection of its own, and returns status and the beginning of the answer.
func (v *victim) ask(request io.Reader) (int, string) {
	c, err := from(attacker).Dial("tcp", v.addr)
	if err != nil {
		return 0, err.Error()
	}
	defer c.Close()                            //nolint:errcheck // only read
	c.SetDeadline(time.Now().Add(time.Minute)) //nolint:errcheck // shows in what follows
	go io.Copy(c, request)                     //nolint:errcheck // a refusal may come before all is said
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0, err.Error()
	}
	b, _ := io.ReadAll(io.LimitReader(res.Body, 300)) //nolint:errcheck // as far as it came
	return res.StatusCode, string(b)
}
