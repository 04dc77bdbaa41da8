package main

import (
	"context"
	"io"

	"bothy/cli"
	"bothy/node"
)

// program is what the commands do without a running node.
func program() cli.Program {
	return cli.Program{
		Start: start,
		Backup: func(ctx context.Context, of cli.Places, to io.Writer) error {
			return node.BackupStopped(ctx, node.Places(of), to)
		},
		Restore: func(ctx context.Context, o cli.RestoreOptions) (string, error) {
			return node.Restore(ctx, node.RestoreOptions{From: o.From, To: node.Places(o.To), MasterKey: o.MasterKey, Passphrase: o.Passphrase, Log: o.Log, Until: o.Until})
		},
		Migrate: func(ctx context.Context, from, to cli.Places) (string, error) {
			return node.Migrate(ctx, node.MigrateOptions{From: node.Places(from), To: node.Places(to)})
		},
		Verify: func(ctx context.Context, of cli.Places, backup, passphraseFile string, report io.Writer) (int, error) {
			return node.Verify(ctx, node.Places(of), backup, passphraseFile, report)
		},
	}
}
