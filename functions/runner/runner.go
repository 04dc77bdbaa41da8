// Package runner runs the code of functions: it unpacks archives, keeps a pool of warm node processes, speaks the Lambda
// Runtime API to them and shuts each one into a sandbox. It knows no rows, no wire format and no service: whoever calls it
// says what a function is. It owns Config.Dir, where everything is a cache that the next start throws away.
package runner

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"time"
)

// Limits of what functions may be and do. Sizes are AWS's.
const (
	MaxZipBytes      = 50 << 20
	MaxUnzippedBytes = 262_144_000
	MaxZipFiles      = 65_536
	MaxPayloadBytes  = 6 << 20
	MaxLogBytes      = 256 << 10 // of one invocation; the rest is dropped with a note
	TailBytes        = 4 << 10
	MaxTmpBytes      = 512 << 20
	MaxFiles         = 1024 // open in one process
	MaxThreads       = 1024 // processes and threads of one sandbox
	maxCached        = 64   // unpacked archives kept
	maxQueue         = 64   // calls that wait for a process; one more is throttled at once
)

// Errors a caller may have to tell apart.
var (
	ErrThrottled = error(throttled("runner: every process is busy"))
	ErrSandbox   = errors.New("runner: no isolation mechanism works here, functions are not started")
	ErrClosed    = errors.New("runner: closed")
)

type throttled string

func (t throttled) Error() string { return string(t) }

// Temporary tells that the same call may succeed in a moment.
func (throttled) Temporary() bool { return true }

// Sessions gives functions the credentials of their role.
type Sessions interface {
	AssumeForFunction(ctx context.Context, roleARN, functionName string) (key, secret, token string, expires time.Time, err error)
}

// Config is what a Runner needs. Dir, Node, Shim and Sessions are required.
type Config struct {
	Dir         string   // owned by the runner; below a directory that others may traverse (0711) where only landlock works
	Node        string   // the node executable
	NodeModules string   // preinstalled modules (aws-sdk v2); "" for none
	Shim        []string // argv of a program that passes the arguments after it to SandboxMain: {"/proc/self/exe", "__sandbox"}
	Hidden      []string // paths functions must not see, first of all the data directory; each start mode is tried against them
	Endpoint    string   // AWS_ENDPOINT_URL of functions: this node as loopback sees it
	Sessions    Sessions
	Logs        func(f *Function, stream string, lines []Line) // gets what functions printed; nil drops it
	Now         func() time.Time
	Log         *slog.Logger

	AllowUnsandboxed bool          // run functions with the node's own rights where nothing better works: never a default
	UIDs             UIDs          // used when the node is root
	MaxProcesses     int           // 0: 64
	Idle             time.Duration // how long a warm process stays; 0: 5 minutes
	InitTimeout      time.Duration // 0: 10 seconds
	Wait             time.Duration // for a free process when all are busy; 0: 10 seconds
}

// UIDs is a range of numeric user ids that belong to nobody else; each process has one of its own.
type UIDs struct{ First, Count int }

// Function is a function version as the runner needs it.
type Function struct {
	ARN         string // with version qualifier where there is one: the identity of warm processes
	Name        string
	Version     string
	Region      string
	Account     string
	Revision    string // changes with every change of code or configuration
	Handler     string
	Runtime     string
	Role        string
	Env         map[string]string
	Timeout     time.Duration
	MemoryMB    int
	CodeID      string // names the archive's content
	Code        func(ctx context.Context) (io.ReadCloser, error)
	InvokedARN  string // as the caller named it
	LogGroup    string
	Description string
}

// Invocation is one event.
type Invocation struct {
	RequestID     string
	Event         []byte // JSON
	ClientContext string // JSON or ""
	Identity      string // JSON or ""
}

// Result is what came of an invocation.
type Result struct {
	Payload  []byte // JSON: the function's answer or its error
	Error    string // "" or "Unhandled"
	Tail     []byte // the last of its log
	Duration time.Duration
}

// Line is one line of a function's log.
type Line struct {
	Time time.Time
	Text string
}

// Runner runs functions. The zero value is not usable; New starts nothing.
type Runner struct {
	cfg   Config
	code  *codeCache
	modes modeProbe
	start starter
	uids  uidSet

	mu     sync.Mutex // guards what follows
	pools  map[string]*pool
	count  int           // processes that live
	queue  int           // calls that wait for one
	freed  chan struct{} // closed and replaced whenever a process becomes idle or ends
	closed bool
	all    map[*process]struct{}

	work sync.WaitGroup // goroutines of the runner
}

// New makes a Runner.
func New(cfg Config) *Runner {
	def(&cfg.MaxProcesses, 64)
	def(&cfg.Idle, 5*time.Minute)
	def(&cfg.InitTimeout, 10*time.Second)
	def(&cfg.Wait, 10*time.Second)
	if cfg.UIDs.Count == 0 {
		cfg.UIDs = UIDs{First: 1_879_048_192, Count: 4096} // far above what distributions hand out
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	r := &Runner{cfg: cfg, pools: map[string]*pool{}, freed: make(chan struct{}), all: map[*process]struct{}{}}
	r.code = &codeCache{dir: cfg.Dir, log: cfg.Log}
	r.uids = uidSet{first: cfg.UIDs.First, count: cfg.UIDs.Count}
	return r
}

func def[T comparable](v *T, d T) {
	if zero := *new(T); *v == zero {
		*v = d
	}
}

// Invoke runs the function once. It returns an error only when the function could not be run at all; what goes wrong inside
// it is a Result with Error. When ctx ends first, Invoke returns and the function runs on to its own timeout, as AWS's do.
func (r *Runner) Invoke(ctx context.Context, f *Function, in Invocation) (*Result, error) {
	if !r.enter() {
		return nil, ErrClosed
	}
	type outcome struct {
		res *Result
		err error
	}
	done := make(chan outcome, 1)
	go func() {
		defer r.work.Done()
		res, err := r.invoke(context.WithoutCancel(ctx), f, in)
		done <- outcome{res, err}
	}()
	select {
	case o := <-done:
		return o.res, o.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (r *Runner) enter() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return false
	}
	r.work.Add(1)
	return true
}

// Close ends every process and waits for all goroutines. Invocations under way end as if their process had crashed.
func (r *Runner) Close() error {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return nil
	}
	r.closed = true
	for p := range r.all {
		p.kill("runner closed")
	}
	r.signalLocked()
	r.mu.Unlock()
	r.work.Wait()
	r.start.stop()
	return r.code.close()
}

func (r *Runner) signalLocked() {
	close(r.freed)
	r.freed = make(chan struct{})
}
