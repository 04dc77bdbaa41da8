package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// modes are the ways to isolate that this machine has, each forced in turn.
func modes(t *testing.T, f func(t *testing.T, m mode)) {
	for _, m := range []mode{modeNamespaces, modeLandlock} {
		t.Run(string(m), func(t *testing.T) {
			r := newRunner(t, nil)
			if err := r.code.prepare(); err != nil {
				t.Fatal(err)
			}
			if err := r.probe(t.Context(), m); err != nil {
				t.Skipf("not on this machine: %v", err)
			}
			f(t, m)
		})
	}
}

func force(r *Runner, m mode) *Runner {
	if err := r.code.prepare(); err != nil {
		panic(err)
	}
	r.modes.found = m
	return r
}

// attack runs code as a function and returns what it answered.
func attack(t *testing.T, r *Runner, code string, event any) string {
	t.Helper()
	body, err := json.Marshal(event)
	if err != nil {
		t.Fatal(err)
	}
	f := script(t, code)
	f.Timeout = 10 * time.Second
	res := invoke(t, r, f, string(body))
	if res.Error != "" {
		t.Fatalf("attack failed by itself: %s\n%s", res.Payload, res.Tail)
	}
	return string(res.Payload)
}

const tryRead = `const fs = require('fs'); exports.handler = async e => e.paths.map(p => { try { return fs.readdirSync(p).length + ' entries' } catch (x) { try { return fs.readFileSync(p, 'utf8') } catch (y) { return y.code } } })`

func TestFunctionsCannotReadTheNode(t *testing.T) {
	modes(t, func(t *testing.T, m mode) {
		data := filepath.Join(traversable(t), "data")
		if err := os.Mkdir(data, 0o711); err != nil {
			t.Fatal(err)
		}
		secret := filepath.Join(data, "credentials")
		if err := os.WriteFile(secret, []byte("root key"), 0o644); err != nil { // readable by all: only the sandbox protects it
			t.Fatal(err)
		}
		r := force(newRunner(t, func(c *Config) { c.Hidden = []string{secret} }), m)
		other := script(t, `exports.handler = async () => 'private code of another function'`)
		invoke(t, r, other, `{}`)
		got := attack(t, r, tryRead, map[string]any{"paths": []string{
			secret, data, r.cfg.Dir, filepath.Join(r.code.run, "code"), filepath.Join(r.code.run, "code", other.CodeID, "index.js"), r.code.secretFile(),
			filepath.Join(r.code.run, "proc"), "/etc/shadow", "/root", "/home", fmt.Sprintf("/proc/%d/environ", os.Getpid()), fmt.Sprintf("/proc/%d/root", os.Getpid()),
			"/proc/1/root" + secret, "/var/task/../../.." + secret,
		}})
		var answers []string
		if err := json.Unmarshal([]byte(got), &answers); err != nil {
			t.Fatal(err)
		}
		for i, a := range answers {
			if a != "ENOENT" && a != "EACCES" && a != "EPERM" {
				t.Errorf("path %d answered %q", i, a)
			}
		}
	})
}

func TestFunctionsCannotWrite(t *testing.T) {
	modes(t, func(t *testing.T, m mode) {
		r := force(newRunner(t, nil), m)
		got := attack(t, r, `const fs = require('fs'); const path = require('path')
exports.handler = async () => [process.env.LAMBDA_TASK_ROOT, process.env.LAMBDA_RUNTIME_DIR, '/usr', '/etc', '/', '/var', '/dev'].map(d => {
  try { fs.writeFileSync(path.join(d, 'x'), 'x'); return 'wrote ' + d } catch (e) { return e.code }
})`, nil)
		if strings.Contains(got, "wrote") {
			t.Errorf("%s", got)
		}
	})
}

func TestTmpIsPrivate(t *testing.T) {
	modes(t, func(t *testing.T, m mode) {
		r := force(newRunner(t, nil), m)
		write := `const fs = require('fs'); const os = require('os'); exports.handler = async () => { fs.writeFileSync(os.tmpdir() + '/mine', 'x'); return fs.readdirSync(os.tmpdir()).length }`
		if got := attack(t, r, write, nil); got != "1" {
			t.Errorf("writer sees %s files", got)
		}
		if got := attack(t, r, `const fs = require('fs'); const os = require('os'); exports.handler = async () => fs.readdirSync(os.tmpdir())`, nil); got != "[]" {
			t.Errorf("another function sees %s", got)
		}
		if _, err := os.Stat("/tmp/mine"); err == nil {
			t.Error("the function wrote into the host's /tmp")
		}
	})
}

func TestFunctionsCannotTouchProcesses(t *testing.T) {
	modes(t, func(t *testing.T, m mode) {
		victim := exec.Command("sleep", "30")
		if err := victim.Start(); err != nil {
			t.Skip(err)
		}
		defer func() { _ = victim.Process.Kill(); _ = victim.Wait() }()
		r := force(newRunner(t, nil), m)
		got := attack(t, r, `exports.handler = async e => [e.pid, e.node].map(p => { try { process.kill(p, 0); return 'reached ' + p } catch (x) { return x.code } })`,
			map[string]int{"pid": victim.Process.Pid, "node": os.Getpid()})
		if strings.Contains(got, "reached") {
			t.Errorf("%s", got)
		}
	})
}

func TestFunctionsHaveNoRights(t *testing.T) {
	modes(t, func(t *testing.T, m mode) {
		r := force(newRunner(t, nil), m)
		got := attack(t, r, `const fs = require('fs'); exports.handler = async () => fs.readFileSync('/proc/self/status', 'utf8')`, nil)
		wants := []string{`CapEff:\t0000000000000000`, `CapPrm:\t0000000000000000`, `NoNewPrivs:\t1`, `Seccomp:\t2`}
		if m == modeNamespaces || os.Geteuid() == 0 { // who has no right to narrow the bounding set has no use for it either
			wants = append(wants, `CapBnd:\t0000000000000000`)
		}
		for _, want := range wants {
			if !strings.Contains(got, want) {
				t.Errorf("status lacks %s: %s", want, got)
			}
		}
		if os.Geteuid() == 0 && strings.Contains(got, `Uid:\t0`) {
			t.Errorf("runs as root: %s", got)
		}
		fds := attack(t, r, `const fs = require('fs'); exports.handler = async () => fs.readdirSync('/proc/self/fd').map(f => { try { return fs.readlinkSync('/proc/self/fd/' + f) } catch { return '' } })`, nil)
		for _, bad := range []string{"/run-", ".sock", "zip-", "db"} {
			if strings.Contains(fds, bad) {
				t.Errorf("inherited %s: %s", bad, fds)
			}
		}
	})
}

func TestRefusedSystemCalls(t *testing.T) {
	compiler, err := exec.LookPath("cc")
	if err != nil {
		t.Skip("no C compiler to build the attack with")
	}
	dir := t.TempDir()
	source := filepath.Join(dir, "a.c")
	if err := os.WriteFile(source, []byte(`#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>
#define TRY(name, call) errno = 0; if ((long)(call) != -1) printf("did %s\n", name); else printf("%s %s\n", name, strerror(errno));
int main() {
  TRY("ptrace", ptrace(PTRACE_ATTACH, getppid(), 0, 0));
  TRY("unshare", unshare(CLONE_NEWUSER));
  TRY("mount", mount("none", "/tmp", "tmpfs", 0, 0));
  TRY("keyctl", syscall(SYS_keyctl, 0, -3, 0));
  TRY("bpf", syscall(SYS_bpf, 0, 0, 0));
  TRY("io_uring", syscall(SYS_io_uring_setup, 1, 0));
  TRY("setns", setns(0, 0));
  return 0;
}
`), 0o644); err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(dir, "a")
	if out, err := exec.Command(compiler, "-static", "-o", binary, source).CombinedOutput(); err != nil {
		t.Skipf("cannot build the attack: %s", out)
	}
	program, err := os.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	modes(t, func(t *testing.T, m mode) {
		r := force(newRunner(t, nil), m)
		f := function(t, map[string]string{"a": string(program), "index.js": `const fs = require('fs'); const os = require('os'); exports.handler = async () => {
  const p = os.tmpdir() + '/a'; fs.copyFileSync(process.env.LAMBDA_TASK_ROOT + '/a', p); fs.chmodSync(p, 0o700)
  try { return require('child_process').execFileSync(p).toString() } catch (e) { return e.code } }`})
		res := invoke(t, r, f, `{}`)
		if strings.Contains(string(res.Payload), "did ") || res.Error != "" {
			t.Errorf("%s", res.Payload)
		}
		if m == modeNamespaces && !strings.Contains(string(res.Payload), "ptrace Operation not permitted") {
			t.Errorf("the attack did not run: %s", res.Payload)
		}
	})
}

func TestNoProcessOutlivesItsFunction(t *testing.T) {
	modes(t, func(t *testing.T, m mode) {
		if m == modeLandlock && os.Geteuid() != 0 {
			t.Skip("needs a user per process")
		}
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
		gone := make(chan struct{})
		go func() {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 1)) // returns when the daemon dies
			close(gone)
		}()
		r := force(newRunner(t, nil), m)
		f := script(t, `const { spawn } = require('child_process')
exports.handler = async e => { const d = spawn(process.execPath, ['-e', "require('net').connect(" + e.port + ", '127.0.0.1'); setInterval(() => {}, 1000)"], { detached: true, stdio: 'ignore' }); d.unref(); await new Promise(r => setTimeout(r, 400)); process.exit(0) }`)
		invoke(t, r, f, fmt.Sprintf(`{"port":%d}`, listener.Addr().(*net.TCPAddr).Port))
		select {
		case <-gone:
		case <-time.After(5 * time.Second):
			t.Error("a daemon lives on")
		}
	})
}

func TestPreloadOfTheOwnerDoesNotReachTheShim(t *testing.T) {
	r := newRunner(t, nil)
	f := script(t, `exports.handler = async () => process.env.GODEBUG + process.env.LD_PRELOAD`)
	f.Env = map[string]string{"GODEBUG": "inittrace=1", "LD_PRELOAD": "/var/task/evil.so"}
	res := invoke(t, r, f, `{}`)
	if res.Error != "" || strings.Contains(string(res.Tail), "init runtime") {
		t.Errorf("%s\n%s", res.Payload, res.Tail)
	}
}

func TestFailsClosed(t *testing.T) {
	dir := traversable(t)
	visible := filepath.Join("/usr", "bin")
	r := newRunner(t, func(c *Config) { c.Dir = filepath.Join(dir, "f"); c.Hidden = []string{visible} })
	_, err := r.Invoke(t.Context(), script(t, `exports.handler = async () => 1`), Invocation{RequestID: "x", Event: []byte(`{}`)})
	if !errors.Is(err, ErrSandbox) {
		t.Errorf("functions start although %s can be seen: %v", visible, err)
	}
	r = newRunner(t, func(c *Config) { c.Shim = []string{"/bin/false"} })
	if _, err := r.Invoke(t.Context(), script(t, `exports.handler = async () => 1`), Invocation{RequestID: "x", Event: []byte(`{}`)}); !errors.Is(err, ErrSandbox) {
		t.Errorf("functions start without a shim: %v", err)
	}
	r = newRunner(t, func(c *Config) { c.Node = filepath.Join(dir, "node") })
	if _, err := r.Invoke(t.Context(), script(t, `exports.handler = async () => 1`), Invocation{RequestID: "x", Event: []byte(`{}`)}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("functions start without Node.js: %v", err)
	}
}

func TestUnsandboxedOnlyWhenAsked(t *testing.T) {
	r := newRunner(t, func(c *Config) { c.Hidden, c.AllowUnsandboxed = []string{"/usr"}, true })
	if res := invoke(t, r, script(t, `exports.handler = async () => 1`), `{}`); string(res.Payload) != "1" {
		t.Errorf("%s %s", res.Payload, res.Tail)
	}
}

func TestForgedRuntimeCalls(t *testing.T) {
	r := newRunner(t, nil)
	got := attack(t, r, `exports.handler = async () => process.env.AWS_LAMBDA_RUNTIME_API === undefined`, nil)
	if got != "true" {
		t.Errorf("the Runtime API has an address: %s", got)
	}
}

func TestCloseEndsInvocations(t *testing.T) {
	r := newRunner(t, nil)
	f := script(t, `exports.handler = async () => new Promise(r => setTimeout(r, 60000))`)
	f.Timeout = time.Minute
	done := make(chan *Result, 1)
	go func() {
		res, _ := r.Invoke(context.WithoutCancel(t.Context()), f, Invocation{RequestID: "x", Event: []byte(`{}`)})
		done <- res
	}()
	for range 500 {
		r.mu.Lock()
		n := len(r.all)
		r.mu.Unlock()
		if n > 0 {
			break
		}
		time.Sleep(2 * time.Millisecond)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if res := <-done; res != nil && res.Error == "" {
		t.Errorf("%s", res.Payload)
	}
	if _, err := r.Invoke(t.Context(), f, Invocation{}); !errors.Is(err, ErrClosed) {
		t.Errorf("after close: %v", err)
	}
}

// TestFunctionsDieWithTheNode kills a process that runs a function with -9: nobody is left to clean up but the kernel.
func TestFunctionsDieWithTheNode(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("no node on this machine")
	}
	host := exec.Command("/proc/self/exe", "__host", traversable(t), node, fmt.Sprint(listener.Addr().(*net.TCPAddr).Port))
	host.Stderr = os.Stderr
	if err := host.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = host.Wait() }()
	defer func() { _ = host.Process.Kill() }()
	if err := listener.(*net.TCPListener).SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	conn, err := listener.Accept()
	if err != nil {
		t.Fatalf("the function did not start: %v", err)
	}
	defer conn.Close()
	if err := host.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the function lives on: %v", err)
	}
}

// hostMain is the process that TestFunctionsDieWithTheNode kills.
func hostMain(args []string) {
	r := New(Config{Dir: filepath.Join(args[0], "f"), Node: args[1], Shim: []string{"/proc/self/exe", "__sandbox"}, Sessions: fakeSessions{time.Now().Add(time.Hour)}, Now: time.Now})
	f := script(&testing.T{}, `exports.handler = async e => { require('net').connect(e.port, '127.0.0.1'); for (;;) await new Promise(r => setTimeout(r, 5)) }`)
	f.Timeout = time.Minute
	_, _ = r.Invoke(context.Background(), f, Invocation{RequestID: "x", Event: []byte(`{"port":` + args[2] + `}`)})
}
