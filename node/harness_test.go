package node

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"bothy/wire/sigv4"
)

// testNode is a node that serves on a free port of loopback.
type testNode struct {
	*Node
	t    testing.TB
	stop func() error // ends Run and closes; the second call does nothing
}

// run starts a node; dir "" is a fresh directory.
func run(t testing.TB, cfg Config) *testNode {
	t.Helper()
	if cfg.DataDir == "" {
		cfg.DataDir = t.TempDir()
	}
	if cfg.Listen == "" {
		cfg.Listen = "127.0.0.1:0"
	}
	n, err := New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	r := &testNode{Node: n, t: t, stop: sync.OnceValue(func() error {
		cancel()
		if err := <-done; err != nil {
			n.Close() //nolint:errcheck // the first error is the one to tell
			return err
		}
		return n.Close()
	})}
	t.Cleanup(func() {
		if err := r.stop(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// do sends a request and returns status and body. Headers are "Name: value".
func (n *testNode) do(method, path, host string, headers ...string) (int, string) {
	n.t.Helper()
	r, err := http.NewRequest(method, n.URL()+path, nil)
	if err != nil {
		n.t.Fatal(err)
	}
	if host != "" {
		r.Host = host
	}
	for _, h := range headers {
		if name, value, ok := strings.Cut(h, ": "); ok {
			r.Header.Set(name, value)
		}
	}
	return n.send(r)
}

func (n *testNode) send(r *http.Request) (int, string) {
	n.t.Helper()
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		n.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		n.t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

// signed sends a GET to the operator's API.
func (n *testNode) signed(cred sigv4.Credentials, path string) (int, string) {
	n.t.Helper()
	r, err := http.NewRequest("GET", n.URL()+path, nil)
	if err != nil {
		n.t.Fatal(err)
	}
	sigv4.Sign(r, cred, "bothy", "us-east-1", time.Now(), nil)
	return n.send(r)
}

// root is the root key, from the file the AWS tools read.
func (n *testNode) root() (c sigv4.Credentials) {
	n.t.Helper()
	text, err := os.ReadFile(filepath.Join(n.cfg.DataDir, CredentialsFile))
	if err != nil {
		n.t.Fatal(err)
	}
	for _, line := range strings.Split(string(text), "\n") {
		switch k, v, _ := strings.Cut(line, " = "); k {
		case "aws_access_key_id":
			c.AccessKey = v
		case "aws_secret_access_key":
			c.Secret = v
		}
	}
	return c
}

// logLines is a log that tests can read.
type logLines struct {
	mu sync.Mutex
	b  bytes.Buffer // guarded by mu
}

func (l *logLines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logLines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *logLines) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}
