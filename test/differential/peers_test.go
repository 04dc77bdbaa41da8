// Package differential asks Bothy and dynalite, an independent implementation of DynamoDB whose answers were checked against AWS's,
// the same random questions, and compares the answers to the letter. What differs must be on the list of accepted differences,
// each of which has its reason. It owns no rows of the product.
package differential

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bothy/node"
	"bothy/wire/sigv4"
)

const region = "us-east-1"

// peer is a DynamoDB to ask.
type peer struct {
	url  string
	keys sigv4.Credentials
}

// answer is what came back, with errors taken apart.
type answer struct {
	status        int
	code, message string
	body          map[string]any
}

// ask sends one request, given as JSON.
func (p peer) ask(t *testing.T, op string, in any) answer {
	t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), "POST", p.url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	r.Header.Set("X-Amz-Target", "DynamoDB_20120810."+op)
	sigv4.Sign(r, p.keys, "dynamodb", region, time.Now(), body)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close() //nolint:errcheck // read to its end
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := answer{status: res.StatusCode}
	if err := json.Unmarshal(raw, &a.body); err != nil {
		t.Fatalf("%s answered %s: %.300s", p.url, res.Status, raw)
	}
	if res.StatusCode == http.StatusOK {
		return a
	}
	a.code, _ = a.body["__type"].(string)
	_, a.code, _ = strings.Cut(a.code, "#")
	for _, name := range []string{"message", "Message"} {
		if m, ok := a.body[name].(string); ok {
			a.message = m
		}
	}
	return a
}

// startBothy serves a fresh node in this process.
func startBothy(t *testing.T) peer {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	n, err := node.New(t.Context(), node.Config{DataDir: dir, Listen: "127.0.0.1:0", Region: region})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	text, err := os.ReadFile(filepath.Join(dir, node.CredentialsFile))
	if err != nil {
		t.Fatal(err)
	}
	p := peer{url: n.URL() + "/"}
	for line := range strings.Lines(string(text)) {
		switch k, v, _ := strings.Cut(strings.TrimSpace(line), " = "); k {
		case "aws_access_key_id":
			p.keys.AccessKey = v
		case "aws_secret_access_key":
			p.keys.Secret = v
		}
	}
	return p
}

// startDynalite runs the npm package that test/setup installs, in memory.
func startDynalite(t *testing.T) peer {
	t.Helper()
	if _, err := os.Stat(filepath.Join("..", "node", "node_modules", "dynalite")); err != nil {
		t.Fatalf("dynalite is not installed, run test/setup: %v", err)
	}
	cmd := exec.Command("node", "dynalite.cjs")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe() // its end is this process's
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close() }) //nolint:errcheck // the other end is gone
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill() //nolint:errcheck // it may be gone
		cmd.Wait()         //nolint:errcheck // killed
	})
	port, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	address := "127.0.0.1:" + strings.TrimSpace(port)
	return peer{"http://" + address + "/", sigv4.Credentials{AccessKey: "AKIDEXAMPLE", Secret: "secret"}}
}
