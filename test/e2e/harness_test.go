// Package e2e runs the real program and the real clients against each other: nothing here is in process, nothing is faked.
// What the clients need is installed by test/setup; without it the tests skip, except where CI is set: there they fail.
package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	_ "bothy/cli" // what the program is made of: so that a change of it runs these tests anew
	_ "bothy/node"
	"bothy/test/ports"
)

var program string // the binary under test, built once

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "bothy-e2e-")
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

// need skips the test when a path below the repository, or a pattern of one, is not installed, and fails it where everything must be.
func need(t testing.TB, paths ...string) {
	t.Helper()
	for _, p := range paths {
		if found, err := filepath.Glob(repo(p)); err == nil && len(found) > 0 {
			continue
		}
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is missing: run test/setup", p)
		}
		t.Skipf("%s is missing: run test/setup", p)
	}
}

// repo is a path below the repository, absolute.
func repo(path string) string {
	abs, err := filepath.Abs(filepath.Join("..", "..", path))
	if err != nil {
		panic(err) // there is always a working directory
	}
	return abs
}

// node is a program with a data directory and an address of its own.
type node struct {
	data, addr  string
	cmd         *exec.Cmd // nil while it is down
	log         *tail
	key, secret string // the root key
}

const patience = 30 * time.Second // for what should take milliseconds, on a busy machine

// up starts a node on an empty directory. It is killed when the test ends.
func up(t testing.TB) *node {
	t.Helper()
	n, err := newNode(filepath.Join(t.TempDir(), "data"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		n.kill()
		if t.Failed() {
			t.Logf("the node's last words:\n%s", n.log)
		}
	})
	if err := n.start(); err != nil {
		t.Fatal(err)
	}
	return n
}

// newNode chooses an address and starts nothing.
func newNode(data string) (*node, error) {
	addr, err := ports.Addr()
	return &node{data: data, addr: addr, log: &tail{}}, err
}

func (n *node) url() string { return "http://" + n.addr }

// start runs `bothy up`, with more flags perhaps, and waits until it says that it is ready.
func (n *node) start(more ...string) error {
	n.cmd = exec.Command(program, append([]string{"up", "--data", n.data, "--listen", n.addr, "--dev", "--log", "info"}, more...)...)
	n.cmd.Env = append(os.Environ(), "BOTHY_NODE_MODULES="+repo("functions/runtime/node_modules"), "TMPDIR="+filepath.Dir(program))
	n.cmd.Stderr = n.log
	out, err := n.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := n.cmd.Start(); err != nil {
		return err
	}
	if err := awaitReady(out, n.url()); err != nil {
		n.kill()
		return fmt.Errorf("%w\n%s", err, n.log)
	}
	n.key, n.secret, err = n.credentials()
	return err
}

// awaitReady reads until the line programs wait for.
func awaitReady(out io.Reader, url string) error {
	ready := make(chan error, 1)
	go func() {
		for s := bufio.NewScanner(out); s.Scan(); {
			if s.Text() == "ready "+url {
				ready <- nil
				io.Copy(io.Discard, out) //nolint:errcheck // until it ends
				return
			}
		}
		ready <- errors.New("the node ended before it was ready")
	}()
	select {
	case err := <-ready:
		return err
	case <-time.After(patience):
		return errors.New("the node is not ready in time")
	}
}

// kill ends the node as a power cut would.
func (n *node) kill() {
	if n.cmd != nil && n.cmd.Process != nil {
		_ = n.cmd.Process.Kill() // it may have ended
		_ = n.cmd.Wait()         // killed
	}
	n.cmd = nil
}

// stop asks the node to end and waits for it; it must end by itself, with exit code 0.
func (n *node) stop() error {
	cmd := n.cmd
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	select {
	case err := <-done:
		n.cmd = nil
		return err
	case <-time.After(patience):
		return errors.New("the node does not end on SIGTERM")
	}
}

// credentials reads the root key where a node leaves it.
func (n *node) credentials() (key, secret string, err error) {
	text, err := os.ReadFile(filepath.Join(n.data, "credentials"))
	if err != nil {
		return "", "", err
	}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " = ")
		switch name {
		case "aws_access_key_id":
			key = value
		case "aws_secret_access_key":
			secret = value
		}
	}
	if key == "" || secret == "" {
		return "", "", errors.New("the credentials file holds no key")
	}
	return key, secret, nil
}

const region = "us-east-1"

// env is the environment of a client that knows where the node is, but has no keys.
func (n *node) env(more ...string) []string {
	ca := filepath.Join(n.data, "ca.pem")
	return append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Dir(n.data), "BOTHY_URL=" + n.url(), "BOTHY_DATA=" + n.data,
		"AWS_ENDPOINT_URL=" + n.url(), "AWS_REGION=" + region, "AWS_DEFAULT_REGION=" + region, "NODE_EXTRA_CA_CERTS=" + ca, "AWS_CA_BUNDLE=" + ca,
		"AWS_EC2_METADATA_DISABLED=true", "AWS_MAX_ATTEMPTS=1", "AWS_PAGER=", "AWS_SDK_JS_SUPPRESS_MAINTENANCE_MODE_MESSAGE=1", "NODE_NO_WARNINGS=1",
	}, more...)
}

// root is env with the root key.
func (n *node) root(more ...string) []string {
	return append(n.env("AWS_ACCESS_KEY_ID="+n.key, "AWS_SECRET_ACCESS_KEY="+n.secret), more...)
}

// run runs a program to its end and returns what it wrote to standard output, and to standard error.
func run(t testing.TB, env []string, name string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Env = env
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	return out.String(), errs.String(), err
}

// bothy runs the command line as its user would, with the root key.
func (n *node) bothy(t testing.TB, args ...string) string {
	t.Helper()
	out, errs, err := run(t, n.env(), program, args...)
	if err != nil {
		t.Fatalf("bothy %s: %v\n%s%s", strings.Join(args, " "), err, out, errs)
	}
	return out
}

// script runs a script of test/node for which AWS's hosts are the node, and returns the last line it wrote.
func (n *node) script(t testing.TB, name string, env ...string) string {
	t.Helper()
	out, errs, err := run(t, n.env(env...), "node", "--require", repo("test/node/lib/hosts.cjs"), repo("test/node/"+name))
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", name, err, out, errs)
	}
	out = strings.TrimSpace(out)
	t.Log("\n" + out)
	return out[strings.LastIndexByte(out, '\n')+1:]
}

// project is what `bothy project … --json` prints.
type project struct {
	Name, ProjectID, State string
	Resources              []struct {
		Type, Name, Feature string
		Attributes          map[string]string
	}
}

func (p *project) resource(t testing.TB, kind, feature string) string {
	t.Helper()
	for _, r := range p.Resources {
		if r.Type == kind && r.Feature == feature {
			return r.Name
		}
	}
	t.Fatalf("project %s has no %s of %s", p.Name, kind, feature)
	return ""
}

// importProject imports a project file under a name.
func (n *node) importProject(t testing.TB, file, name string) *project {
	t.Helper()
	var p project
	if err := json.Unmarshal([]byte(n.bothy(t, "project", "import", file, "--name", name, "--json")), &p); err != nil {
		t.Fatal(err)
	}
	if p.State != "NORMAL" {
		t.Fatalf("the project's state is %s", p.State)
	}
	return &p
}

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	text []byte // guarded by mu
}

const tailMax = 8 << 10

func (l *tail) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, p...)
	l.text = l.text[max(0, len(l.text)-tailMax):]
	return len(p), nil
}

func (l *tail) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text)
}
