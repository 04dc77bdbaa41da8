package crash

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	_ "bothy/cli" // what the program is made of: so that a change of it runs these tests anew
)

var scratch string // of this run of the tests: the binary under test lies there

// program builds the binary under test, once.
var program = sync.OnceValues(func() (string, error) {
	path := filepath.Join(scratch, "bothy")
	if out, err := exec.Command("go", "build", "-o", path, "../../cmd/bothy").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return path, nil
})

func build(t *testing.T) string {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// process is a running node.
type process struct {
	cmd   *exec.Cmd
	url   string
	log   *tail
	ended chan struct{}
}

const patience = 60 * time.Second // for what takes a tenth of a second, on a busy machine

// launch starts a node on dir without waiting for it. Its port is the system's choice.
func launch(program, dir string) (p *process, ready <-chan error, err error) {
	p = &process{log: &tail{}, ended: make(chan struct{})}
	p.cmd = exec.Command(program, "up", "--data", dir, "--listen", "127.0.0.1:0", "--dev", "--log", "warn")
	p.cmd.Env = append(os.Environ(), "TMPDIR="+filepath.Dir(dir))
	p.cmd.Stderr = p.log
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, nil, err
	}
	is := make(chan error, 1)
	go func() {
		defer close(p.ended)
		told := false
		for s := bufio.NewScanner(out); s.Scan(); {
			if url, ok := strings.CutPrefix(s.Text(), "ready "); ok && !told {
				p.url, told = url, true
				is <- nil
			}
		}
		io.Copy(io.Discard, out) //nolint:errcheck // a line too long
		p.cmd.Wait()             //nolint:errcheck // it was killed, or ready tells
		if !told {
			is <- errors.New("the node ended before it was ready")
		}
	}()
	return p, is, nil
}

// start starts a node on dir and waits until it serves.
func start(program, dir string) (*process, error) {
	p, ready, err := launch(program, dir)
	if err != nil {
		return nil, err
	}
	select {
	case err = <-ready:
	case <-time.After(patience):
		err = errors.New("the node is not ready in time")
	}
	if err != nil {
		p.kill()
		return nil, fmt.Errorf("%w\n%s", err, p.log)
	}
	return p, nil
}

// kill ends the node at once, wherever it is.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.ended
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
