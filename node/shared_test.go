package node

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"bothy/test/postgres"
	"bothy/wire"
)

// shared is a store and a place for blobs that nodes share, in files.
func shared(t *testing.T) Config {
	t.Helper()
	return Config{Store: postgres.Start(t).URL(""), Blobs: filepath.Join(t.TempDir(), "blobs")}
}

// with gives a node of its own data directory, with a master key unless it is nil.
func (c Config) with(t *testing.T, master []byte) Config {
	t.Helper()
	c.DataDir = t.TempDir()
	if master != nil {
		if err := os.WriteFile(filepath.Join(c.DataDir, masterKeyFile), []byte(hex.EncodeToString(master)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func (n *testNode) file(name string) string {
	n.t.Helper()
	b, err := os.ReadFile(filepath.Join(n.cfg.DataDir, name))
	if err != nil {
		n.t.Fatal(err)
	}
	return string(b)
}

// TestFirstStartsAtOnce: nodes that start a new store together agree on account, root key and authority.
func TestFirstStartsAtOnce(t *testing.T) {
	base, master := shared(t), bytes.Repeat([]byte{7}, 32)
	nodes := make([]*testNode, 4)
	var wg sync.WaitGroup
	for i := range nodes {
		cfg := base.with(t, master)
		wg.Go(func() { nodes[i] = run(t, cfg) })
	}
	wg.Wait()
	for _, n := range nodes {
		if n == nil {
			t.FailNow()
		}
		for _, f := range []string{CredentialsFile, caFile} {
			if n.file(f) != nodes[0].file(f) {
				t.Errorf("%s differs", f)
			}
		}
		if n.account != nodes[0].account {
			t.Errorf("accounts %s and %s", n.account, nodes[0].account)
		}
		if status, body := n.signed(nodes[0].root(), "/_bothy/outbox"); status != 200 {
			t.Errorf("the root key of the first: %d %s", status, body)
		}
	}
}

// TestMasterKeyOfAnother: a store has one master key. Who comes without it, or with another, is told what to do, and leaves
// nothing behind that is in the way.
func TestMasterKeyOfAnother(t *testing.T) {
	base := shared(t)
	configs := []Config{base.with(t, nil), base.with(t, nil)} // both make a key, and the data key is sealed under one of them
	errs := make([]error, 2)
	var wg sync.WaitGroup
	for i, cfg := range configs {
		cfg.Listen = "127.0.0.1:0"
		wg.Go(func() {
			var n *Node
			if n, errs[i] = New(t.Context(), cfg); errs[i] == nil {
				errs[i] = n.Close()
			}
		})
	}
	wg.Wait()
	won := 0
	if errs[0] != nil {
		won = 1
	}
	lost := 1 - won
	if errs[won] != nil || errs[lost] == nil || !strings.Contains(errs[lost].Error(), "copy") {
		t.Fatalf("started together without a key: %v and %v", errs[won], errs[lost])
	}
	path := filepath.Join(configs[lost].DataDir, masterKeyFile)
	if _, err := os.Stat(path); err == nil {
		t.Error("the useless key is still there")
	}
	if said := refused(t, configs[lost]); !strings.Contains(said, "copy it, mode 0600") || !strings.Contains(said, path) {
		t.Error(said)
	}
	if said := refused(t, base.with(t, bytes.Repeat([]byte{9}, 32))); !strings.Contains(said, "is not the master key of this store") {
		t.Error(said)
	}
	key, err := os.ReadFile(filepath.Join(configs[won].DataDir, masterKeyFile))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, key, 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, configs[lost])
}

// TestStoresBelongTogether: what would lose blobs is refused at start.
func TestStoresBelongTogether(t *testing.T) {
	base := shared(t)
	alone := base.with(t, nil)
	alone.Blobs = ""
	if said := refused(t, alone); !strings.Contains(said, "--blobs") {
		t.Error(said)
	}
	if said := refused(t, Config{DataDir: t.TempDir(), Store: "mysql://u:s3cr3t@h/d"}); !strings.Contains(said, "postgres://") || strings.Contains(said, "s3cr3t") {
		t.Error(said)
	}
	if said := refused(t, Config{DataDir: t.TempDir(), Store: "postgres://u:s3cr3t@127.0.0.1:1/d", Blobs: base.Blobs}); strings.Contains(said, "s3cr3t") {
		t.Error(said)
	}
	run(t, base.with(t, nil))
	if said := refused(t, Config{DataDir: t.TempDir(), Blobs: base.Blobs}); !strings.Contains(said, "belong to another store") {
		t.Error(said)
	}
}

// TestWhyOnAnotherNode: a refusal of one node is explained by all, soon.
func TestWhyOnAnotherNode(t *testing.T) {
	base, master := shared(t), bytes.Repeat([]byte{7}, 32)
	a, b := run(t, base.with(t, master)), run(t, base.with(t, master))
	id := a.refusal()
	for until := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) { // until the rows are written
		status, body := b.signed(b.root(), "/_bothy/requests/"+id)
		if status == 200 && strings.Contains(body, id) {
			break
		}
		if time.Now().After(until) {
			t.Fatalf("%d %s", status, body)
		}
	}
	if status, _ := b.signed(b.root(), "/_bothy/requests/"+strings.Repeat("0", 36)); status != 404 {
		t.Errorf("of no request: %d", status)
	}
}

// TestRefusalsAreBounded: who is refused as fast as he can send fills neither memory nor the store.
func TestRefusalsAreBounded(t *testing.T) {
	n := run(t, Config{})
	for range 3 {
		for i := range 10 * maxRefusals {
			tr := traceOf(fmt.Sprint(i))
			n.services.refusals.hear(tr)
		}
		if w := len(n.services.refusals.waiting); w > maxRefusals {
			t.Errorf("%d wait", w)
		}
		if err := n.services.refusals.flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 2 * refusalSlots {
		if s := refusalSlot(fmt.Sprint(i)); s < 0 || s >= refusalSlots {
			t.Fatalf("slot %d", s)
		}
	}
}

func traceOf(id string) wire.Trace {
	return wire.Trace{RequestID: id, Time: time.Now(), Status: 403, Reason: "no"}
}
