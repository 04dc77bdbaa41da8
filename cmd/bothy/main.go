// Command bothy is the mobile backend you own: server and command line in one program.
package main

import (
	"context"
	"os"

	"bothy/cli"
	"bothy/functions/runner"
	"bothy/node"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "__sandbox" { // a function's process on its way into its sandbox
		runner.SandboxMain(os.Args[2:])
	}
	os.Exit(cli.Run(os.Args[1:], os.Stdout, os.Stderr, program()))
}

func start(ctx context.Context, o cli.Options) (cli.Server, error) {
	return node.New(ctx, node.Config{DataDir: o.DataDir, Store: o.Store, Blobs: o.Blobs, Listen: o.Listen, Region: o.Region, Dev: o.Dev, NodeModules: o.NodeModules, Metrics: o.Metrics, KeepLog: o.KeepLog, KeyAge: o.KeyAge, Issuer: o.Issuer, Log: o.Log})
}
