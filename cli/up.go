package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"
)

// Options say how to start a node.
type Options struct {
	DataDir, Listen, Region string
	Store, Blobs            string // that nodes share; "" are in DataDir
	Dev                     bool
	NodeModules             string        // modules that functions find preinstalled
	Metrics                 string        // where metrics are served; "" nowhere
	KeepLog                 time.Duration // how long changes are kept for a recovery to a moment
	Issuer                  string        // https://DOMAIN of tokens and links; "": AWS's
	KeyAge                  time.Duration // of the signing keys of user pools; 0: they are not rotated by themselves
	Log                     *slog.Logger
}

// Server is a node that `bothy up` runs.
type Server interface {
	URL() string
	Run(context.Context) error
	Close() error
}

type upCommand struct {
	Listen      string        `default:"127.0.0.1:4566" help:"Address to serve on, HTTP and TLS alike."`
	Store       string        `help:"Database that any number of nodes share, postgres://USER@HOST/DATABASE; without it the data directory holds all state." env:"BOTHY_STORE" placeholder:"URL"`
	Blobs       string        `help:"Where nodes that share a store keep objects: s3://BUCKET/PREFIX?endpoint=URL&region=REGION, or a shared directory." env:"BOTHY_BLOBS" placeholder:"PLACE"`
	Dev         bool          `help:"Also serve the test endpoints, unsigned, to programs of this user and root on this machine, functions excepted. Refused on other than loopback addresses."`
	Import      string        `help:"A project to import once the node is up; one of its name is brought up to date." type:"existingfile" placeholder:"FILE"`
	Publish     string        `help:"A directory to put into the imported project's hosting bucket." type:"existingdir" placeholder:"DIR"`
	NodeModules string        `help:"Directory of modules that functions find preinstalled." env:"BOTHY_NODE_MODULES" placeholder:"DIR"`
	Metrics     string        `help:"Address on which to serve GET /metrics for Prometheus, such as 127.0.0.1:9464, to whoever reaches it." placeholder:"HOST:PORT"`
	KeepLog     time.Duration `help:"Keep every change of rows, and deleted blobs, this long (168h is a week), so that 'bothy restore --log --to' can bring a backup up to any moment since. It costs the disk what is written in that time." placeholder:"DURATION"`
	KeyAge      time.Duration `help:"Rotate the signing keys of user pools that are older than this (2160h are 90 days). Without it, only 'bothy users rotate-keys' does." placeholder:"DURATION"`
	Issuer      string        `help:"Write this address of the node, https://DOMAIN, into the tokens of user pools as their issuer, and into links in messages. Without it tokens have AWS's issuers, which is what most clients expect; either is taken." placeholder:"URL"`
	Log         string        `default:"warn" enum:"debug,info,warn,error" help:"How much to log to standard error: ${enum}."`
}

const shortestKeyAge = 48 * time.Hour

// checkIssuer takes https://HOST[:PORT] and nothing behind it: the pool's id is put there.
func checkIssuer(issuer string) error {
	if issuer == "" {
		return nil
	}
	if u, err := url.Parse(issuer); err != nil || u.Scheme != "https" || u.Host == "" || issuer != "https://"+u.Host {
		return fmt.Errorf("--issuer %s is not of the form https://DOMAIN", issuer)
	}
	return nil
}

// Run serves until it is told to end.
func (u *upCommand) Run(s *streams, t *Target) (err error) {
	if u.Publish != "" && u.Import == "" {
		return errors.New("--publish needs --import: it is the imported project's site")
	}
	if u.KeepLog < 0 {
		return errors.New("--keep-log is a duration such as 168h")
	}
	if u.KeyAge != 0 && u.KeyAge < shortestKeyAge {
		return errors.New("--key-age is a duration of at least 48h: new keys are shown before they sign, and old ones after")
	}
	if err := checkIssuer(u.Issuer); err != nil {
		return err
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(u.Log)); err != nil {
		return err
	}
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	n, err := s.program.Start(s, Options{
		DataDir: t.Data, Store: u.Store, Blobs: u.Blobs, Listen: u.Listen, Region: t.Region, Dev: u.Dev, NodeModules: u.modules(exe), Metrics: u.Metrics, KeepLog: u.KeepLog, KeyAge: u.KeyAge, Issuer: u.Issuer,
		Log: slog.New(slog.NewTextHandler(s.err, &slog.HandlerOptions{Level: level})),
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	done := make(chan error, 1)
	ctx, stop := context.WithCancel(s)
	defer stop()
	go func() { done <- n.Run(ctx) }()
	if err := u.greet(s, t, n); err != nil {
		stop()
		<-done
		return err
	}
	return <-done
}

// modules are the preinstalled ones: given, else those beside the program or in the source tree it was built in.
func (u *upCommand) modules(exe string) string {
	if u.NodeModules != "" {
		return u.NodeModules
	}
	for _, dir := range []string{filepath.Join(filepath.Dir(exe), "node_modules"), filepath.Join(filepath.Dir(exe), "..", "functions", "runtime", "node_modules")} {
		if info, err := os.Stat(dir); err == nil && info.IsDir() {
			return dir
		}
	}
	return ""
}

// greet imports what was asked for and says where everything is; its last line is what programs wait for.
func (u *upCommand) greet(s *streams, t *Target, n Server) error {
	local := Target{Data: t.Data, Endpoint: n.URL(), Region: t.Region, warnings: s.err, own: true}
	if u.Import != "" {
		if err := u.importOnce(s, &local); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(s.out, "  outbox       %s outbox list\n  credentials  %s\nready %s\n",
		local.command(), filepath.Join(t.Data, "credentials"), n.URL())
	return err
}

func (u *upCommand) importOnce(s *streams, t *Target) error {
	d, err := importProject(s, t, u.Import, "")
	if err != nil {
		return fmt.Errorf("import %s: %w", u.Import, err)
	}
	if u.Publish != "" {
		if _, err := publish(s, t, d, u.Publish); err != nil {
			return fmt.Errorf("publish %s: %w", u.Publish, err)
		}
	}
	debug.FreeOSMemory() // what the import took is not what the node needs
	if d.hosting() == "" {
		return nil
	}
	url := siteURL(t, d)
	_, err = fmt.Fprintf(s.out, "  app          %s\n  open it      %s open %s\n", url, t.command(), url)
	return err
}

// command is how the node's owner begins a command for it, in any directory and whatever its address.
func (t *Target) command() string {
	c := word(os.Args[0]) + " --data " + word(t.Data)
	if t.Endpoint != defaultEndpoint {
		c += " --endpoint " + word(t.Endpoint)
	}
	return c
}
