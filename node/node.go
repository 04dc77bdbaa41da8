// Package node assembles a Bothy node: engines, services, listeners. It is the only package that knows everyone, and the
// lowest that may read the clock. A Node is made by New, serves in Run, and is done after Close.
//
// Rows, outside any account and not of record:
//
//	("node", "datakey")    the data key, sealed under the master key
//	("node", "authority")  the certificate authority, sealed under the data key
//	("node", "store")      the store's name, which the place of its blobs bears too
//
// and in the scope of the account:
//
//	node.refusal  slot → what a node refused; see refusals
//
// and, outside any account:
//
//	node.hold  id → until when blobs are held for a backup
package node

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Config says what a node is. The zero value of all but DataDir is safe.
type Config struct {
	DataDir string // everything the node keeps but what Store and Blobs say; made when absent, mode 0700
	Store   string // postgres://… that any number of nodes share; "" is a private store in DataDir
	Blobs   string // s3://BUCKET/PREFIX?endpoint=…&region=…, or a directory; "" is DataDir/blobs. Needed with Store
	Listen  string // host:port; "" is 127.0.0.1:4566
	Region  string // of requests that name none; "" is us-east-1
	Dev     bool   // the test endpoints, on loopback listeners only

	Metrics string        // host:port for GET /metrics, in Prometheus's format and for whoever reaches it; "": not served
	KeepLog time.Duration // how long changes of rows are kept for a recovery to a moment; 0: not at all

	KeyAge time.Duration // of the signing keys of user pools: older ones are rotated; 0: only when an operator says so

	Issuer string // https://DOMAIN of this node, for the tokens of user pools and links in messages; "": tokens have AWS's issuers

	NodeModules string // what functions find preinstalled: aws-sdk v2; hosting buckets get its copy for browsers

	Log *slog.Logger     // nil discards
	Now func() time.Time // nil is the clock
}

// Node is one running Bothy.
type Node struct {
	cfg Config
	stores
	backups   sync.Mutex // held while one is made
	metrics   *metrics
	metricsAt net.Listener // nil: nobody may ask for them
	authority *authority
	services  *services
	listener  *dual
	account   string
	requests  underWay
	capacity  capacity
}

const shutdownGrace = 10 * time.Second // for requests under way when a node is asked to end

// New opens the data directory and listens; it serves nothing before Run. The caller must Close it.
func New(ctx context.Context, cfg Config) (n *Node, err error) {
	cfg = withDefaults(cfg)
	if err := checkListen(cfg); err != nil {
		return nil, err
	}
	n = &Node{cfg: cfg, capacity: newCapacity()}
	n.metrics = newMetrics(n)
	defer func() {
		if err != nil {
			n.Close() //nolint:errcheck // the first error is the one to tell
		}
	}()
	s, err := openStores(ctx, opening{Places: Places{cfg.DataDir, cfg.Store, cfg.Blobs}, keepLog: cfg.KeepLog, now: cfg.Now, log: cfg.Log})
	if err != nil {
		return n, err
	}
	n.stores = *s
	if err := n.claimBlobs(ctx); err != nil {
		return n, err
	}
	sealer, err := openSealer(ctx, n.db, cfg.DataDir)
	if err != nil {
		return n, err
	}
	if n.authority, err = openAuthority(ctx, n.db, sealer, cfg.DataDir, cfg.Now); err != nil {
		return n, err
	}
	l, err := net.Listen("tcp", cfg.Listen)
	if errors.Is(err, syscall.EADDRINUSE) {
		return n, fmt.Errorf("node: %w: stop the program that uses it, or choose another with --listen", err)
	} else if err != nil {
		return n, fmt.Errorf("node: %w", err)
	}
	if a, ok := l.Addr().(*net.TCPAddr); cfg.Dev && (!ok || !a.IP.IsLoopback()) { // whatever the name "localhost" says here
		l.Close() //nolint:errcheck // not used
		return n, fmt.Errorf("node: --dev refuses to listen on %s", l.Addr())
	}
	n.listener = newDual(l, &tls.Config{GetCertificate: n.authority.certificate, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}, n.capacity.open, n.capacity.requests)
	if cfg.Metrics != "" {
		if n.metricsAt, err = net.Listen("tcp", cfg.Metrics); err != nil {
			return n, fmt.Errorf("node: metrics: %w", err)
		}
	}
	return n, n.assemble(ctx, sealer)
}

func withDefaults(cfg Config) Config {
	if cfg.Listen == "" {
		cfg.Listen = "127.0.0.1:4566"
	}
	if cfg.Region == "" {
		cfg.Region = "us-east-1"
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return cfg
}

// checkListen refuses what would open the test endpoints to others.
func checkListen(cfg Config) error {
	if cfg.DataDir == "" {
		return errors.New("node: no data directory")
	}
	if !cfg.Dev {
		return nil
	}
	host, _, err := net.SplitHostPort(cfg.Listen)
	if err != nil {
		return fmt.Errorf("node: listen address: %w", err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("node: --dev opens unsigned test endpoints, so it refuses to listen on %q: use a loopback address", cfg.Listen)
	}
	return nil
}

// Addr is the address the node listens on, host:port.
func (n *Node) Addr() string { return n.listener.Addr().String() }

// URL is the node's endpoint for SDKs on this machine.
func (n *Node) URL() string { return "http://" + n.local() }

// local is an address that reaches the node from this machine: loopback when it listens on all.
func (n *Node) local() string {
	a, ok := n.listener.Addr().(*net.TCPAddr)
	if !ok || !a.IP.IsUnspecified() {
		return n.Addr()
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(a.Port))
}

// Run serves until ctx ends, then lets requests under way finish; what is not done after shutdownGrace is cut off.
func (n *Node) Run(ctx context.Context) error {
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	server := &http.Server{
		Handler: watched(n.requests.count(n.cfg.Log, n.handler())), ReadHeaderTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		BaseContext: func(net.Listener) context.Context { return background }, ConnContext: connContext,
		ErrorLog: slog.NewLogLogger(n.cfg.Log.Handler(), slog.LevelDebug),
	}
	wait := n.services.start(background, n.cfg.Log)
	go n.listener.run()
	go n.tendGarbage(background)
	served := make(chan error, 1)
	go func() { served <- server.Serve(n.listener) }()
	var err error
	select {
	case err = <-served:
	case <-ctx.Done():
		err = shutDown(server, shutdownGrace, n.cfg.Log)
		<-served
	}
	stop()
	server.Close() //nolint:errcheck // what is left of connections
	n.requests.end()
	wait()
	if errors.Is(err, http.ErrServerClosed) || errors.Is(err, net.ErrClosed) {
		err = nil
	}
	return err
}

func shutDown(server *http.Server, grace time.Duration, log *slog.Logger) error {
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	err := server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		log.Warn("requests are cut off: they take longer than a node waits when it ends", "grace", grace)
		return nil
	}
	return err
}

// underWay counts the requests being served: stores are closed only when none is.
type underWay struct {
	mu    sync.Mutex
	ended bool // guarded by mu
	wg    sync.WaitGroup
	now   atomic.Int64
	all   atomic.Int64 // that ever began
}

func (u *underWay) begin() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.ended {
		u.wg.Add(1)
		u.now.Add(1)
		u.all.Add(1)
	}
	return !u.ended
}

func (u *underWay) done() {
	u.now.Add(-1)
	u.wg.Done()
}

// end refuses what comes and waits for what is there.
func (u *underWay) end() {
	u.mu.Lock()
	u.ended = true
	u.mu.Unlock()
	u.wg.Wait()
}

// logPanic tells of our own bug in a plain handler; the connection is cut, for the answer may have begun. The mux sees to its own.
func logPanic(log *slog.Logger, r *http.Request) {
	p := recover()
	if p != nil && p != http.ErrAbortHandler {
		log.ErrorContext(r.Context(), "panic", "host", r.Host, "path", r.URL.Path, "error", p, "stack", string(debug.Stack()))
	}
	if p != nil {
		panic(http.ErrAbortHandler)
	}
}

func (u *underWay) count(log *slog.Logger, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !u.begin() {
			http.Error(w, "the node is ending", http.StatusServiceUnavailable)
			return
		}
		defer u.done()
		defer logPanic(log, r)
		h.ServeHTTP(w, pace(w, r))
	})
}

// Close ends what New opened. Run must have returned.
func (n *Node) Close() error {
	var errs []error
	if n.listener != nil {
		n.listener.Close() //nolint:errcheck // closed twice after Run
	}
	if n.metricsAt != nil {
		n.metricsAt.Close() //nolint:errcheck // as above
	}
	if n.services != nil {
		errs = append(errs, n.services.close())
	}
	return errors.Join(append(errs, n.stores.close())...)
}
