package node

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bothy/kv"
	"bothy/test/postgres"
)

// same fails unless a node has what furnish gave another.
func (n *testNode) same(of *testNode) {
	n.t.Helper()
	if n.account != of.account || n.getObject("two") != "content of two" {
		n.t.Error("it is another node")
	}
}

// TestMigrate moves a node to PostgreSQL and a shared place for blobs, and back.
func TestMigrate(t *testing.T) {
	n := run(t, Config{})
	n.furnish()
	if err := n.stop(); err != nil {
		t.Fatal(err)
	}
	own := Places{Data: n.cfg.DataDir}
	cluster := Places{Data: own.Data, Store: postgres.Start(t).URL(""), Blobs: filepath.Join(t.TempDir(), "blobs")}
	if _, err := Migrate(t.Context(), MigrateOptions{From: own, To: own}); err == nil {
		t.Error("nothing moves, and it says nothing")
	}
	said, err := Migrate(t.Context(), MigrateOptions{From: own, To: cluster})
	if err != nil || !strings.Contains(said, " and 3 blobs moved") {
		t.Fatalf("%q, %v", said, err)
	}
	if _, err := Migrate(t.Context(), MigrateOptions{From: own, To: cluster}); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("moved over what is there: %v", err)
	}
	if faults, report := verifiedAt(t, cluster, ""); faults > 0 {
		t.Errorf("in the cluster: %s", report)
	}
	shared := run(t, Config{DataDir: cluster.Data, Store: cluster.Store, Blobs: cluster.Blobs})
	shared.same(n)
	shared.putObject("four", "written in the cluster")
	if err := shared.stop(); err != nil {
		t.Fatal(err)
	}
	back := Places{Data: filepath.Join(t.TempDir(), "back")}
	if _, err := Migrate(t.Context(), MigrateOptions{From: cluster, To: back}); err != nil {
		t.Fatal(err)
	}
	if faults, report := verifiedAt(t, back, ""); faults > 0 {
		t.Errorf("back: %s", report)
	}
	again := run(t, Config{DataDir: back.Data})
	again.same(n)
	if got := again.getObject("four"); got != "written in the cluster" {
		t.Errorf("what was written in the cluster came back as %q", got)
	}
}

// TestMigrateRefusesARunningNode: a node of the store is alive.
func TestMigrateRefusesARunningNode(t *testing.T) {
	cluster := Places{Data: t.TempDir(), Store: postgres.Start(t).URL(""), Blobs: filepath.Join(t.TempDir(), "blobs")}
	n := run(t, Config{DataDir: cluster.Data, Store: cluster.Store, Blobs: cluster.Blobs})
	for raw := []byte(nil); raw == nil; time.Sleep(10 * time.Millisecond) { // until it does the chores
		var err error
		if raw, err = read(t.Context(), n.db, kv.K("", "", "record.lease", choresLease)); err != nil {
			t.Fatal(err)
		}
	}
	other := cluster
	other.Data = t.TempDir() // from another machine: the directory's lock says nothing
	key, err := os.ReadFile(filepath.Join(cluster.Data, masterKeyFile))
	if err == nil {
		err = os.WriteFile(filepath.Join(other.Data, masterKeyFile), key, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	to := Places{Data: filepath.Join(t.TempDir(), "to")}
	if _, err := Migrate(t.Context(), MigrateOptions{From: other, To: to}); err == nil || !strings.Contains(err.Error(), "a node is using the store") {
		t.Errorf("moved from under a node: %v", err)
	}
	if _, err := os.Stat(to.Data); err == nil {
		t.Error("it left a data directory")
	}
}

// TestRestoreToPostgres restores a backup of a private store to one that nodes share, and of that to a private one.
func TestRestoreToPostgres(t *testing.T) {
	n := run(t, Config{})
	n.furnish()
	file := n.backUp()
	key := filepath.Join(n.cfg.DataDir, masterKeyFile)
	to := Places{Data: filepath.Join(t.TempDir(), "data"), Store: postgres.Start(t).URL(""), Blobs: filepath.Join(t.TempDir(), "blobs")}
	if _, err := Restore(t.Context(), RestoreOptions{From: cutOff(t, file), To: to, MasterKey: key}); err == nil {
		t.Error("half a backup was restored")
	}
	if _, err := Restore(t.Context(), RestoreOptions{From: file, To: to, MasterKey: key}); err != nil {
		t.Fatal(err)
	}
	shared := run(t, Config{DataDir: to.Data, Store: to.Store, Blobs: to.Blobs})
	shared.same(n)
	second := to
	second.Data += "2"
	if _, err := Restore(t.Context(), RestoreOptions{From: file, To: second, MasterKey: key}); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("restored over what is there: %v", err)
	}
	again := Places{Data: filepath.Join(t.TempDir(), "again")}
	if _, err := Restore(t.Context(), RestoreOptions{From: shared.backUp(), To: again, MasterKey: key}); err != nil {
		t.Fatal(err)
	}
	if faults, report := verifiedAt(t, again, ""); faults > 0 {
		t.Error(report)
	}
	run(t, Config{DataDir: again.Data}).same(n)
}
