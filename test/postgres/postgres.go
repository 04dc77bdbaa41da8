// Package postgres gives tests a private PostgreSQL server: Debian's binaries on a random loopback port and a socket in a
// temporary directory, durable as in production, gone when the test is. It is test support and knows nothing of what is stored.
package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"bothy/test/ports"
)

const (
	startWithin = 60 * time.Second
	stopWithin  = 30 * time.Second
)

// Server is a running server. Its methods are for one goroutine.
type Server struct {
	Dir     string // of the data, the socket and the log
	Port    int
	bin     string
	exited  chan struct{} // closed when the process has ended; nil before Start
	process *os.Process
}

// Start starts a server for t, with settings (name=value) besides ours, and stops it when t ends.
func Start(t testing.TB, settings ...string) *Server {
	t.Helper()
	s, err := New(settings...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the server's log ends:\n%s", s.log())
		}
		s.Remove()
	})
	return s
}

// New is Start for who has no test, such as a TestMain: call Remove.
func New(settings ...string) (s *Server, err error) {
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	dir, err := ownedDir("bothy-pg-")
	if err != nil {
		return nil, err
	}
	s = &Server{Dir: dir, bin: bin}
	if err = s.fill(settings); err == nil {
		s.Port, err = ports.Free()
	}
	if err == nil {
		err = s.start()
	}
	if err != nil {
		s.Remove()
		return nil, err
	}
	return s, nil
}

// URL reaches the server by TCP, with the schema as search_path; "" is the default one.
func (s *Server) URL(schema string) string { return URL(fmt.Sprintf("127.0.0.1:%d", s.Port), schema) }

// URL is that of a server at address (one, or several with commas).
func URL(address, schema string) string {
	u := url.URL{Scheme: "postgres", User: url.User("postgres"), Host: address, Path: "/postgres"}
	q := url.Values{"sslmode": {"disable"}}
	if schema != "" {
		q.Set("search_path", schema)
	}
	u.RawQuery = q.Encode()
	return u.String()
}

// Kill ends every process of the server with SIGKILL, in the middle of whatever they do.
func (s *Server) Kill() error {
	children := s.children()
	err := s.end(syscall.SIGKILL)
	for _, pid := range children { // each leads a group of its own
		_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended with its parent
	}
	return err
}

// Immediate stops the server without a checkpoint.
func (s *Server) Immediate() error { return s.end(syscall.SIGQUIT) }

// Stop disconnects clients and stops the server in good order.
func (s *Server) Stop() error { return s.end(syscall.SIGINT) }

// Restart starts a stopped or killed server on the same port. It waits for what is left of a killed one.
func (s *Server) Restart() error {
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		err := s.start()
		if err == nil || time.Since(began) > stopWithin {
			return err
		}
	}
}

// Remove stops the server and removes its directory.
func (s *Server) Remove() {
	if s.process != nil {
		_ = s.Kill() // the directory goes too
	}
	_ = os.RemoveAll(s.Dir) // what is left is in the temporary directory
}

// binaries finds PostgreSQL's server programs.
func binaries() (string, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	slices.SortFunc(found, func(a, b string) int { return version(a) - version(b) })
	if len(found) > 0 {
		return filepath.Dir(found[len(found)-1]), nil
	}
	if p, err := exec.LookPath("postgres"); err == nil {
		return filepath.Dir(p), nil
	}
	return "", fmt.Errorf("PostgreSQL is not installed: run test/setup")
}

func version(path string) int {
	n, _ := strconv.Atoi(strings.Split(path, "/")[4])
	return n
}

// fill gives the server its data: a copy of what initdb made once on this machine.
func (s *Server) fill(settings []string) error {
	from, err := template(s.bin)
	if err != nil {
		return err
	}
	if err := s.run("cp", "-R", from, filepath.Join(s.Dir, "data")); err != nil {
		return err
	}
	conf := fmt.Sprintf("\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = '%s'\nfsync = on\nsynchronous_commit = on\n"+
		"shared_buffers = 64MB\nmax_connections = 200\n%s\n", s.Dir, strings.Join(settings, "\n"))
	f, err := os.OpenFile(filepath.Join(s.Dir, "data", "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // the write's error counts
	_, err = f.WriteString(conf)
	return err
}

// template is a directory that initdb made, kept between runs beside the build cache's kind of things: made whole or not at all.
func template(bin string) (string, error) {
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("bothy-initdb-%s-%d", filepath.Base(filepath.Dir(bin)), os.Getuid()))
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	fresh, err := ownedDir("bothy-initdb-new-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(fresh) //nolint:errcheck // empty by then, or of no use
	made := filepath.Join(fresh, "data")
	s := &Server{Dir: fresh, bin: bin}
	if err := s.run(filepath.Join(bin, "initdb"), "-D", made, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"); err != nil {
		return "", err
	}
	if err := os.Rename(made, dir); err != nil {
		if _, there := os.Stat(dir); there != nil { // and no other process was faster
			return "", err
		}
	}
	return dir, nil
}

// ownedDir makes a temporary directory that the server's user owns.
func ownedDir(prefix string) (string, error) {
	dir, err := os.MkdirTemp("", prefix)
	if err != nil {
		return "", err
	}
	if c, err := credential(); err != nil || c == nil {
		return dir, err
	} else if err := os.Chown(dir, int(c.Uid), int(c.Gid)); err != nil {
		return "", err
	}
	return dir, nil
}

// credential is the user postgres when we are root, as whom the server refuses to run.
func credential() (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("%w: run test/setup", err)
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

func (s *Server) command(name string, args ...string) (*exec.Cmd, error) {
	c, err := credential()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(name, args...)
	cmd.Dir = s.Dir
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	// In its own group, so that a terminal's interrupt is ours; and the kernel stops it when we die without a chance to.
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c, Setpgid: true, Pdeathsig: syscall.SIGQUIT}
	return cmd, nil
}

func (s *Server) run(name string, args ...string) error {
	cmd, err := s.command(name, args...)
	if err != nil {
		return err
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", filepath.Base(name), err, out)
	}
	return nil
}

func (s *Server) start() error {
	cmd, err := s.command(filepath.Join(s.bin, "postgres"), "-D", filepath.Join(s.Dir, "data"), "-p", strconv.Itoa(s.Port))
	if err != nil {
		return err
	}
	log, err := os.OpenFile(filepath.Join(s.Dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close() //nolint:errcheck // the process has its own
	cmd.Stdout, cmd.Stderr = log, log
	started, exited := make(chan error), make(chan struct{})
	go func() {
		runtime.LockOSThread() // Pdeathsig is about this thread: it stays until the process has ended
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended is in its log
		}
		close(exited)
	}()
	if err := <-started; err != nil {
		return err
	}
	s.process, s.exited = cmd.Process, exited
	return s.await()
}

// await waits until the server takes connections.
func (s *Server) await() error {
	ctx, cancel := context.WithTimeout(context.Background(), startWithin)
	defer cancel()
	for {
		cmd := exec.CommandContext(ctx, filepath.Join(s.bin, "pg_isready"), "-q", "-U", "postgres", "-h", s.Dir, "-p", strconv.Itoa(s.Port))
		if cmd.Run() == nil {
			return nil
		}
		select {
		case <-s.exited:
			return fmt.Errorf("PostgreSQL did not start:\n%s", s.log())
		case <-ctx.Done():
			return fmt.Errorf("PostgreSQL does not answer after %v:\n%s", startWithin, s.log())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// end signals the server and waits for its end.
func (s *Server) end(sig syscall.Signal) error {
	if err := s.process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-s.exited:
		return nil
	case <-time.After(stopWithin):
		return fmt.Errorf("PostgreSQL did not stop within %v:\n%s", stopWithin, s.log())
	}
}

// CPU is the processor time that the server's processes have used, those that have ended included.
func (s *Server) CPU() time.Duration {
	const tick = time.Second / 100 // USER_HZ
	ticks := 0
	for _, pid := range append(s.children(), s.process.Pid) {
		f := stat(pid)
		for i := 11; i < 15 && i < len(f); i++ { // user, system, and those of ended children
			n, _ := strconv.Atoi(f[i])
			ticks += n
		}
	}
	return time.Duration(ticks) * tick
}

// children are the server's other processes.
func (s *Server) children() (pids []int) {
	all, _ := filepath.Glob("/proc/[0-9]*")
	for _, name := range all {
		pid, err := strconv.Atoi(filepath.Base(name))
		if f := stat(pid); err == nil && len(f) > 1 && f[1] == strconv.Itoa(s.process.Pid) { // state, parent
			pids = append(pids, pid)
		}
	}
	return pids
}

// stat is what /proc says of a process after its name, nothing when it is gone.
func stat(pid int) []string {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := strings.Cut(string(b), ") ")
	return strings.Fields(rest)
}

func (s *Server) log() []byte {
	b, err := fs.ReadFile(os.DirFS(s.Dir), "log")
	if err != nil {
		return nil
	}
	lines := bytes.Split(b, []byte("\n"))
	return bytes.Join(lines[max(0, len(lines)-30):], []byte("\n"))
}
