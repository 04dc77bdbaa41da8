package runner

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// expiryMargin is how long before its credentials end a process is no longer given work, besides the function's timeout.
const expiryMargin = 5 * time.Minute

// exitGrace is how long the output of a dead process may still take to be read.
const exitGrace = 250 * time.Millisecond

// process is one sandboxed node process; it runs one invocation at a time.
type process struct {
	r        *Runner
	pool     *pool
	cmd      *exec.Cmd
	uid      int
	dir      string // of its own, removed with it
	codeID   string
	expires  time.Time // of its credentials
	stream   string
	log      *logReader
	initTook time.Duration

	jobs   chan *job     // holds one
	ready  chan struct{} // closed at the first request for an event
	exited chan struct{} // closed when the process is gone and its output read
	oom    atomic.Bool

	soon     bool   // counted in pool.soon; guarded by Runner.mu
	exitText string // why it ended; set before exited is closed

	mu        sync.Mutex // guards what follows
	current   *job
	failure   []byte      // what it said to /init/error
	idle      *time.Timer // ends it when nobody needs it
	killed    string      // why we killed it
	isReady   bool
	gone      bool // about to be reaped: its id is no longer ours
	uncounted bool // no longer in Runner.count
}

// streamID is the random part of a log stream's name.
func streamID() string {
	var b [16]byte
	rand.Read(b[:]) //nolint:errcheck // never fails (crypto/rand)
	return hex.EncodeToString(b[:])
}

// initError says that a process never asked for an event.
type initError struct {
	payload []byte // what it said itself, or nil
	reason  string
	stream  string
	lines   []Line
	took    time.Duration
}

func (e *initError) Error() string { return "runner: function did not start: " + e.reason }

// spawn starts a process for f and waits until it asks for its first event. The caller has counted it.
func (r *Runner) spawn(ctx context.Context, pl *pool, f *Function) (*process, error) {
	began := time.Now()
	mode, err := r.modes.find(ctx, r)
	if err != nil {
		return nil, err
	}
	code, err := r.code.unpacked(ctx, f)
	if err != nil {
		return nil, err
	}
	key, secret, token, expires, err := r.cfg.Sessions.AssumeForFunction(ctx, f.Role, f.Name)
	if err != nil {
		r.code.done(f.CodeID)
		return nil, fmt.Errorf("runner: credentials of %s: %w", f.Name, err)
	}
	p := &process{
		r: r, pool: pl, codeID: f.CodeID, expires: expires, log: newLogReader(r.cfg.Now),
		stream: fmt.Sprintf("%s/[%s]%s", r.cfg.Now().UTC().Format("2006/01/02"), f.Version, streamID()),
		jobs:   make(chan *job, 1), ready: make(chan struct{}), exited: make(chan struct{}),
	}
	spec := r.specFor(mode, f, code)
	spec.Env = append(spec.Env, "AWS_ACCESS_KEY_ID="+key, "AWS_SECRET_ACCESS_KEY="+secret, "AWS_SESSION_TOKEN="+token, "AWS_LAMBDA_LOG_STREAM_NAME="+p.stream)
	if err := p.launch(spec); err != nil {
		return nil, err
	}
	return p, p.awaitReady(began, max(r.cfg.InitTimeout, 0))
}

func (p *process) awaitReady(began time.Time, limit time.Duration) error {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	reason := ""
	select {
	case <-p.ready:
		p.initTook = time.Since(began)
		return nil
	case <-p.exited:
		reason = "Runtime exited without providing a reason"
		if p.exitText != "" {
			reason = "Runtime exited with error: " + p.exitText
		}
	case <-timer.C:
		p.kill("init timeout")
		<-p.exited
		reason = fmt.Sprintf("Task timed out during init after %.2f seconds", limit.Seconds())
	}
	return &initError{payload: p.failure, reason: reason, stream: p.stream, lines: p.log.take(), took: time.Since(began)}
}

// launch starts the shim with the spec on fd 4 and the Runtime API on fd 3.
func (p *process) launch(spec *spec) (err error) {
	uid, ok := p.r.uids.take(spec.ownUID)
	if !ok {
		p.r.code.done(p.codeID)
		return ErrThrottled
	}
	p.uid, spec.UID = uid, uid
	defer func() {
		if err != nil {
			p.release()
		}
	}()
	if p.dir, err = p.r.code.processDir(uid); err != nil {
		return err
	}
	spec.useDir(p.dir)
	api, err := newAPIConn()
	if err != nil {
		return err
	}
	defer api.child.Close()
	out, outW, err := os.Pipe()
	if err != nil {
		api.conn.Close()
		return err
	}
	defer outW.Close()
	p.cmd = p.r.shim(spec)
	p.cmd.Stdout, p.cmd.Stderr = outW, outW
	if err := p.r.startShim(p.cmd, spec, api.child); err != nil {
		out.Close()
		api.conn.Close()
		return err
	}
	p.run(api.conn, out)
	return nil
}

// run starts the goroutines of a started process.
func (p *process) run(conn net.Conn, out *os.File) {
	r := p.r
	server := &http.Server{Handler: p.api(), ErrorLog: nil, MaxHeaderBytes: 64 << 10}
	r.mu.Lock()
	r.all[p] = struct{}{}
	closed := r.closed
	r.mu.Unlock()
	if closed {
		p.kill("runner closed")
	}
	r.work.Add(3) // an Invoke is under way, so the count is above zero
	read := make(chan struct{})
	go func() {
		defer r.work.Done()
		p.log.read(out)
		close(read)
	}()
	go func() {
		defer r.work.Done()
		_ = server.Serve(&oneConn{conn: conn, done: p.exited}) // ends with the process
	}()
	go func() {
		defer r.work.Done()
		err := p.wait()
		p.reap()
		_ = out.SetReadDeadline(time.Now().Add(exitGrace))
		<-read
		out.Close()
		p.ended(err)
		conn.Close()
		server.Close()
	}()
}

// ended is called once, when the process is gone.
func (p *process) ended(err error) {
	p.mu.Lock()
	p.exitText = exitText(err)
	if p.idle != nil {
		p.idle.Stop()
	}
	p.mu.Unlock()
	p.release()
	p.r.forget(p)
	close(p.exited)
}

// release gives back what launch took.
func (p *process) release() {
	if p.dir != "" {
		os.RemoveAll(p.dir)
	}
	p.r.uids.give(p.uid)
	p.r.code.done(p.codeID)
}

func exitText(err error) string {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return ""
	}
	if st, ok := exit.Sys().(syscall.WaitStatus); ok && st.Signaled() {
		return "signal: " + st.Signal().String()
	}
	return "exit status " + strconv.Itoa(exit.ExitCode())
}

// kill ends the process and everything it started.
func (p *process) kill(why string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.killed == "" {
		p.killed = why
	}
	if !p.gone {
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // its group; its PID namespace ends with it
		_ = p.cmd.Process.Kill()
	}
}

// wait returns when the process has ended. Its id is ours until the last line, so its group can still be ended safely.
func (p *process) wait() error {
	waitExit(p.cmd.Process.Pid)
	p.mu.Lock()
	p.gone = true
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	p.mu.Unlock()
	return p.cmd.Wait()
}

// reap ends what left the process group, where no PID namespace did it: everything of the process' own user.
func (p *process) reap() {
	if p.uid == 0 || p.r.modes.current() == modeNamespaces {
		return
	}
	cmd := p.r.shim(nil)
	if err := p.r.startShim(cmd, &spec{Mode: modeReap, UID: p.uid}, nil); err == nil {
		_ = cmd.Wait()
	}
}

// hand gives the process a job; it is idle, so there is room.
func (p *process) hand(j *job) {
	p.mu.Lock()
	p.current = j
	p.mu.Unlock()
	p.jobs <- j
}

// shim is the command that sandboxes itself and becomes node. Its environment is empty: what a function's owner sets must
// not reach a program that still has our rights.
func (r *Runner) shim(s *spec) *exec.Cmd {
	cmd := exec.Command(r.cfg.Shim[0], r.cfg.Shim[1:]...)
	cmd.Env = []string{}
	cmd.Dir = "/"
	cmd.SysProcAttr = sysProcAttr(s)
	return cmd
}

// startShim starts cmd on the starter's thread and writes it the spec. api becomes fd 3 (/dev/null when nil).
func (r *Runner) startShim(cmd *exec.Cmd, s *spec, api *os.File) error {
	body, err := json.Marshal(s)
	if err != nil {
		return err
	}
	if api == nil {
		if api, err = os.Open(os.DevNull); err != nil {
			return err
		}
		defer api.Close()
	}
	in, inW, err := os.Pipe()
	if err != nil {
		return err
	}
	defer inW.Close()
	cmd.ExtraFiles = []*os.File{api, in}
	err = r.start.run(cmd)
	in.Close()
	if err != nil {
		return fmt.Errorf("runner: start %s: %w", filepath.Base(cmd.Path), err)
	}
	if _, err := inW.Write(body); err != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		return fmt.Errorf("runner: sandbox did not read its instructions: %w", err)
	}
	return nil
}
