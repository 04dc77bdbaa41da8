// Package browser proves the whole story in a real browser: the example app, served by the real program, used by people who
// register, sign in and come back; between two chapters the program is killed and started again.
package browser

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	_ "bothy/cli"  // not called: with them the tests run again when the program changes,
	_ "bothy/node" // instead of being taken from the cache
	"bothy/test/ports"
)

const patience = 2 * time.Minute // for one run of the journey, on a busy machine

// TestJourney runs journey.mjs on a phone, against the site's bucket, and at a desk, against its distribution.
func TestJourney(t *testing.T) {
	chromium := browser(t)
	for _, path := range []string{"test/browser/journey.mjs", "test/node/node_modules/playwright-core", "functions/runtime/node_modules", "examples/tasks/dist/tasks.zip"} {
		if _, err := os.Stat(repo(path)); err != nil {
			missing(t, path+" is missing: run make build and test/setup")
		}
	}
	dir := open(t)
	n := &node{program: filepath.Join(dir, "bothy"), data: filepath.Join(dir, "data"), addr: freeAddr(t)}
	if out, err := exec.Command("go", "build", "-o", n.program, repo("cmd/bothy")).CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	n.start(t)
	t.Cleanup(n.kill)
	for _, screen := range []string{"phone", "desktop"} {
		if !t.Run(screen, func(t *testing.T) { journey(t, n, chromium, screen) }) {
			return
		}
	}
}

// journey runs the script; for every line it writes, it wants the node killed and started again, and a line back.
func journey(t *testing.T, n *node, chromium, screen string) {
	cmd := exec.CommandContext(t.Context(), "node", "journey.mjs")
	cmd.Env = append(os.Environ(), "CHROMIUM="+chromium, "SCREEN="+screen, "ADDR="+n.addr, "CA="+filepath.Join(n.data, "ca.pem"),
		"SITE="+n.site(t), "SHOTS="+shots(t), "PROFILE="+t.TempDir())
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(patience, func() { cmd.Process.Kill() }) //nolint:errcheck // Wait tells
	defer timer.Stop()
	restarts := 0
	for lines := bufio.NewScanner(out); lines.Scan(); restarts++ {
		n.kill()
		n.start(t)
		if _, err := io.WriteString(in, "again\n"); err != nil {
			t.Fatal(err)
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("the journey: %v", err)
	}
	if restarts == 0 {
		t.Error("the journey never had the node killed")
	}
}

// shots is where screenshots go: BOTHY_SHOTS, to look at them, else a temporary directory.
func shots(t *testing.T) string {
	if dir := os.Getenv("BOTHY_SHOTS"); dir != "" {
		return dir
	}
	return t.TempDir()
}

func browser(t *testing.T) string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	missing(t, "no Chromium: run test/setup")
	return ""
}

// missing skips, except where everything must be installed.
func missing(t *testing.T, what string) {
	if os.Getenv("CI") == "true" {
		t.Fatal(what)
	}
	t.Skip(what)
}

func repo(path string) string {
	abs, err := filepath.Abs(filepath.Join("..", "..", path))
	if err != nil {
		panic(err) // there is always a working directory
	}
	return abs
}

// open is a temporary directory that others may pass through: functions run below it, as other users.
func open(t *testing.T) string {
	dir, err := os.MkdirTemp("", "bothy-browser-")
	if err == nil {
		err = os.Chmod(dir, 0o711)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) }) //nolint:errcheck // a temporary directory
	return dir
}

func freeAddr(t *testing.T) string {
	addr, err := ports.Addr()
	if err != nil {
		t.Fatal(err)
	}
	return addr
}

// node is the program under test.
type node struct {
	program, data, addr string
	cmd                 *exec.Cmd // nil while it is down
}

// start runs `bothy up` as a new user would, and waits until it is ready.
func (n *node) start(t *testing.T) {
	t.Helper()
	n.cmd = exec.Command(n.program, "up", "--data", n.data, "--listen", n.addr, "--dev",
		"--import", repo("examples/tasks/dist/tasks.zip"), "--publish", repo("examples/tasks/dist/site"))
	n.cmd.Env = append(os.Environ(), "BOTHY_NODE_MODULES="+repo("functions/runtime/node_modules"), "TMPDIR="+filepath.Dir(n.program))
	n.cmd.Stderr = os.Stderr
	out, err := n.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := n.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ready := make(chan error, 1)
	go func() {
		for s := bufio.NewScanner(out); s.Scan(); {
			if s.Text() == "ready http://"+n.addr {
				ready <- nil
				io.Copy(io.Discard, out) //nolint:errcheck // until it ends
				return
			}
		}
		ready <- errors.New("the node ended")
	}()
	select {
	case err = <-ready:
	case <-time.After(patience):
		err = errors.New("the node is not ready in time")
	}
	if err != nil {
		n.kill()
		t.Fatal(err)
	}
}

// kill ends the node as kill -9 does.
func (n *node) kill() {
	if n.cmd != nil {
		_ = n.cmd.Process.Kill() // it may have ended
		_ = n.cmd.Wait()         // killed
	}
	n.cmd = nil
}

// site is the project's hosting, as JSON: its bucket and the domain of its distribution.
func (n *node) site(t *testing.T) string {
	t.Helper()
	cmd := exec.Command(n.program, "--data", n.data, "--endpoint", "http://"+n.addr, "project", "show", "tasks", "--json")
	text, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var p struct {
		Resources []struct{ Type, Name, Feature string }
	}
	if err := json.Unmarshal(text, &p); err != nil {
		t.Fatal(err)
	}
	site := map[string]string{}
	for _, r := range p.Resources {
		if r.Feature == "hosting" {
			site[r.Type] = r.Name
		}
	}
	return fmt.Sprintf(`{"bucket":%q,"domain":%q}`, site["AWS::S3::Bucket"], site["AWS::CloudFront::Distribution"])
}
