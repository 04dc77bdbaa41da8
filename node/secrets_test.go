package node

import (
	"bytes"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func hello(name string) *tls.ClientHelloInfo {
	return &tls.ClientHelloInfo{ServerName: name, Conn: addressed{}}
}

// addressed is a connection to 127.0.0.7.
type addressed struct{ net.Conn }

func (addressed) LocalAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 7), Port: 443} }

// refused opens a node that must not open, and returns why.
func refused(t *testing.T, cfg Config) string {
	t.Helper()
	if cfg.Listen == "" {
		cfg.Listen = "127.0.0.1:0"
	}
	n, err := New(t.Context(), cfg)
	if err == nil {
		n.Close()
		t.Fatal("opened")
	}
	return err.Error()
}

// TestListenAddress: the unsigned test endpoints are for loopback, and a mistyped address does not open them.
func TestListenAddress(t *testing.T) {
	for _, listen := range []string{"0.0.0.0:0", "[::]:0", ":0", "example.com:0", "192.0.2.1:0", "localhost.example:0", "127.0.0.1", "nonsense", "[::ffff:0.0.0.0]:0", "0:0", "127.1:0"} {
		if err := refused(t, Config{DataDir: t.TempDir(), Listen: listen, Dev: true}); !strings.Contains(err, "node:") {
			t.Errorf("%s: %s", listen, err)
		}
	}
	for _, listen := range []string{"127.0.0.1:0", "127.0.0.2:0", "localhost:0"} {
		run(t, Config{Listen: listen, Dev: true})
	}
	if err := refused(t, Config{}); !strings.Contains(err, "data directory") {
		t.Error(err)
	}
}

// TestRestart: account, root key and authority are those of the first start; nothing secret is readable by others, or in
// the log.
func TestRestart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	log := &logLines{}
	n := run(t, Config{DataDir: dir, Log: log.logger()})
	account, root, ca := n.account, n.root(), n.authority.cert
	if status, body := n.signed(root, "/_bothy/outbox"); status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	if err := n.stop(); err != nil {
		t.Fatal(err)
	}
	n = run(t, Config{DataDir: dir, Log: log.logger()})
	if n.account != account || n.root() != root || !n.authority.cert.Equal(ca) {
		t.Error("another account, key or authority after a restart")
	}
	if status, body := n.signed(root, "/_bothy/outbox"); status != 200 {
		t.Errorf("the old key: %d %s", status, body)
	}
	master, err := os.ReadFile(filepath.Join(dir, masterKeyFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{root.Secret, strings.TrimSpace(string(master))} {
		if strings.Contains(log.String(), secret) {
			t.Error("a secret is in the log")
		}
	}
	modes(t, dir)
	if err := n.stop(); err != nil {
		t.Fatal(err)
	}
	inClear(t, filepath.Join(dir, "kv"), root.Secret)
}

// modes: a file is for its owner, except the certificate, which is for all.
func modes(t *testing.T, dir string) {
	t.Helper()
	for _, name := range []string{"", "kv", "blobs"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%s/%s: %v %v", dir, name, info.Mode(), err)
		}
	}
	for name, want := range map[string]fs.FileMode{masterKeyFile: 0o600, CredentialsFile: 0o600, caFile: 0o644} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm()&^want != 0 {
			t.Errorf("%s: %v %v", name, info.Mode(), err)
		}
	}
}

// inClear looks for a secret in the files of the store.
func inClear(t *testing.T, dir, secret string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		if bytes.Contains(text, []byte(secret)) {
			t.Errorf("%s holds a secret in the clear", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestMasterKey: without the very key the data does not open, and no new key is made beside existing data.
func TestMasterKey(t *testing.T) {
	dir := t.TempDir()
	if err := run(t, Config{DataDir: dir}).stop(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, masterKeyFile)
	key, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	put := func(text string, mode fs.FileMode) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	put(strings.Repeat("ab", 32), 0o600)
	if err := refused(t, Config{DataDir: dir}); !strings.Contains(err, "not the master key of this store") {
		t.Error("wrong key:", err)
	}
	for _, text := range []string{"", "abcd", string(key[:62]), string(key) + "00", strings.Repeat("zz", 32)} {
		put(text, 0o600)
		err := refused(t, Config{DataDir: dir})
		if !strings.Contains(err, "32 bytes in hex") || text != "" && strings.Contains(err, strings.TrimSpace(text)) {
			t.Errorf("key %q: %s", text, err)
		}
	}
	put(string(key), 0o640)
	if err := refused(t, Config{DataDir: dir}); !strings.Contains(err, "chmod 600") {
		t.Error("readable key:", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := refused(t, Config{DataDir: dir}); !strings.Contains(err, "master.key is missing") {
		t.Error("missing key:", err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a new key was made beside existing data")
	}
	put(string(key), 0o600)
	if err := run(t, Config{DataDir: dir}).stop(); err != nil {
		t.Error(err)
	}
	if raw, err := hex.DecodeString(strings.TrimSpace(string(key))); err != nil || len(raw) != 32 {
		t.Error("the key is not 32 bytes in hex")
	}
}

// TestOneNode: two nodes never share a data directory, and the second leaves the first alone.
func TestOneNode(t *testing.T) {
	if dir := os.Getenv("BOTHY_TEST_SECOND"); dir != "" { // the child below
		n, err := New(t.Context(), Config{DataDir: dir, Listen: "127.0.0.1:0"})
		if err == nil {
			n.Close()
		}
		fmt.Println("second:", err)
		return
	}
	n := run(t, Config{})
	if err := refused(t, Config{DataDir: n.cfg.DataDir}); !strings.Contains(err, "in use by another node") {
		t.Error("in one process:", err)
	}
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestOneNode$")
	child.Env = append(os.Environ(), "BOTHY_TEST_SECOND="+n.cfg.DataDir)
	if out, err := child.CombinedOutput(); err != nil || !strings.Contains(string(out), "in use by another node") {
		t.Errorf("in another process: %v %s", err, out)
	}
	if status, body := n.signed(n.root(), "/_bothy/outbox"); status != 200 {
		t.Errorf("the first answers %d %s", status, body)
	}
}

// TestPortTaken says so, and lets go of the data directory.
func TestPortTaken(t *testing.T) {
	n := run(t, Config{})
	dir := t.TempDir()
	if err := refused(t, Config{DataDir: dir, Listen: n.Addr()}); !strings.Contains(err, "address already in use") {
		t.Error(err)
	}
	run(t, Config{DataDir: dir})
}

// TestHalfWrittenSecrets: what a kill left of secret files goes at the next start.
func TestHalfWrittenSecrets(t *testing.T) {
	dir := t.TempDir()
	left := filepath.Join(dir, temporary+"1")
	if err := os.WriteFile(left, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	n, err := New(t.Context(), Config{DataDir: dir, Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	if _, err := os.Stat(left); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it is still there: %v", err)
	}
}
