// Package cli is the command line: `bothy up` starts a node, every other command is a client of a running one, over the wire
// and under its policies like any SDK. It knows no service.
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
	Why     whyCommand     `cmd:"" help:"Explain what was decided about a request."`
	Env     envCommand     `cmd:"" help:"Print the environment that points SDKs and the AWS CLI at the node."`
	Open    openCommand    `cmd:"" help:"Open a page in a browser for which AWS's hosts are this node."`
}

// streams are where a command writes.
type streams struct {
	context.Context
	out, err io.Writer
	start    Start
}

// Start opens a node; cmd/bothy brings it, because only there everything is known.
type Start func(context.Context, Options) (Server, error)

// Run runs the program with args and returns its exit code: 0, 1 for a failure, 2 for a wrong call.
func Run(args []string, stdout, stderr io.Writer, start Start) (code int) {
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
	if err := k.Run(&streams{ctx, stdout, stderr, start}, &c.Target); err != nil {
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
