// Package cli is the command line: `bothy up` starts a node, restore and verify work on what a stopped one left, every other
// command is a client of a running one, over the wire and under its policies like any SDK. It knows no service.
package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// commands are all of them; singular nouns, then verbs.
type commands struct {
	Target `embed:""`

	Up      upCommand      `cmd:"" help:"Start a node."`
	Project projectCommand `cmd:"" help:"Projects: import, list, show, publish, delete."`
	Outbox  outboxCommand  `cmd:"" help:"Messages on their way to people."`
	Users   usersCommand   `cmd:"" help:"User pools: export, import, rotate-keys."`
	Why     whyCommand     `cmd:"" help:"Explain what was decided about a request."`
	Env     envCommand     `cmd:"" help:"Print the environment that points SDKs and the AWS CLI at the node."`
	Backup  backupCommand  `cmd:"" help:"Write a backup of a running node, to a file or an S3 store."`
	Restore restoreCommand `cmd:"" help:"Make a data directory (--data) of a backup."`
	Verify  verifyCommand  `cmd:"" help:"Check every row, index entry and blob of a backup, or of a stopped node's data directory (--data)."`
	Migrate migrateCommand `cmd:"" help:"Move the state of a stopped node between a data directory and a database that nodes share."`
	Open    openCommand    `cmd:"" help:"Open a page in a browser for which AWS's hosts are this node."`
}

// streams are where a command writes.
type streams struct {
	context.Context
	out, err io.Writer
	program  Program
}

// Program is what is done without a running node; cmd/bothy brings it, because only there everything is known.
type Program struct {
	Start   func(context.Context, Options) (Server, error)
	Backup  func(ctx context.Context, of Places, to io.Writer) error // of a stopped node
	Restore func(context.Context, RestoreOptions) (said string, err error)
	Migrate func(ctx context.Context, from, to Places) (said string, err error)
	// Verify checks a backup or, when that is "", the stores of a stopped node; it writes what it finds and returns the number of faults.
	Verify func(ctx context.Context, of Places, backup, passphraseFile string, report io.Writer) (faults int, err error)
}

// Run runs the program with args and returns its exit code: 0, 1 for a failure, 2 for a wrong call.
func Run(args []string, stdout, stderr io.Writer, program Program) (code int) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	defer func() { // kong ends --help by Exit
		if p := recover(); p != nil {
			n, ok := p.(exit)
			if !ok {
				panic(p)
			}
			code = int(n)
		}
	}()
	var c commands
	parser, err := kong.New(&c, kong.Name("bothy"), kong.Description("The mobile backend you own."), kong.Writers(stdout, stderr),
		kong.Exit(func(n int) { panic(exit(n)) }))
	if err != nil {
		return fail(stderr, err, 2)
	}
	k, err := parser.Parse(args)
	if err != nil {
		return fail(stderr, fmt.Errorf("%w\nTry 'bothy --help'", err), 2)
	}
	c.warnings = stderr
	if err := k.Run(&streams{ctx, stdout, stderr, program}, &c.Target); err != nil {
		return fail(stderr, err, 1)
	}
	return 0
}

// exit is the code kong wants to end the process with.
type exit int

func fail(stderr io.Writer, err error, code int) int {
	fmt.Fprintln(stderr, "bothy:", err) //nolint:errcheck // nowhere else to say it
	return code
}
