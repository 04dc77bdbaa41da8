// Package bench measures a whole node from outside: processor time of its process per request, time to ready, memory. What
// time the clock shows depends on the machine and its other work, so the figures that count are ratios to a baseline that is
// measured in the same run, in turns with the node. Nothing here asserts a time.
//
// Servers are processes of their own, so that the client's work is not counted: the node is this test binary started again,
// or the built program where start and memory are measured.
package bench

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime/pprof"
	"syscall"
	"testing"

	"bothy/node"
)

// role, in the environment, makes this program a server: "node" or "echo".
const role = "BOTHY_BENCH_ROLE"

var (
	program = flag.String("bothy", "../../bin/bothy", "the built program, for BenchmarkStart and BenchmarkIdle")
	profile = flag.String("serverprofile", "", "write a processor profile of the node to `file`, and what it allocated to file.allocs")
)

func TestMain(m *testing.M) {
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	switch os.Getenv(role) {
	case "node":
		err = serveNode(ctx, flag.Arg(0))
	case "echo":
		err = serveEcho(ctx)
	default:
		os.Exit(m.Run())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// serveNode is what `bothy up` does: a node on the data directory, on a port of its choice.
func serveNode(ctx context.Context, dir string) error {
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	n, err := node.New(ctx, node.Config{DataDir: dir, Listen: "127.0.0.1:0", Log: log})
	if err != nil {
		return err
	}
	defer n.Close() //nolint:errcheck // Run's error is the one to tell
	if *profile != "" {
		f, err := os.Create(*profile)
		if err != nil {
			return err
		}
		defer f.Close() //nolint:errcheck // a profile cut short shows when it is read
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
		defer writeAllocations(*profile + ".allocs")
	}
	fmt.Println("ready", n.URL())
	return n.Run(ctx)
}

func writeAllocations(file string) {
	f, err := os.Create(file)
	if err == nil {
		err = errors.Join(pprof.Lookup("allocs").WriteTo(f, 0), f.Close())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}
