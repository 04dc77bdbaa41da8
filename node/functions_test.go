package node

import (
	"context"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"testing"
)

// TestRunDir: nobody can take the place where functions run before a node comes; what a dead node left goes, what is others' stays.
func TestRunDir(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	data, log := t.TempDir(), slog.New(slog.DiscardHandler)
	first, err := runDir(data, log)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(first); err != nil || info.Mode() != fs.ModeDir|0o711 {
		t.Fatalf("%v %v", info, err)
	}
	prefix := first[:strings.LastIndexByte(first, '-')+1]
	kept := []string{prefix + "link", prefix + "file", prefix[:len(prefix)-1]}
	if err := os.Symlink(data, kept[0]); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(kept[1], nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(kept[2], 0o700); err != nil {
		t.Fatal(err)
	}
	if os.Getuid() == 0 { // else there is nobody else to be
		kept = append(kept, prefix+"theirs")
		if err := os.Mkdir(prefix+"theirs", 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(prefix+"theirs", 65534, 65534); err != nil {
			t.Fatal(err)
		}
	}
	second, err := runDir(data, log)
	if err != nil || second == first {
		t.Fatalf("%s, %v", second, err)
	}
	if _, err := os.Lstat(first); err == nil {
		t.Error("the dead node's is still there")
	}
	other, err := runDir(t.TempDir(), log)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range append(kept, second, other, data) {
		if _, err := os.Lstat(path); err != nil {
			t.Error(err)
		}
	}
}

// TestRunDirGoes: a node that ends leaves nothing in the system's directory for temporary files.
func TestRunDirGoes(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	n := run(t, Config{})
	if left, err := os.ReadDir(tmp); err != nil || len(left) != 1 {
		t.Fatalf("%v %v", left, err)
	}
	if err := n.stop(); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(tmp); err != nil || len(left) != 0 {
		t.Errorf("%v %v", left, err)
	}
}

// TestFunctionsCannotTest: the test endpoints ask whether a function calls, and take whoever cannot be found for one. What tells
// functions apart is tested where they run.
func TestFunctionsCannotTest(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("functions run on Linux only")
	}
	n := run(t, Config{Dev: true})
	us, err := net.ResolveTCPAddr("tcp", n.Addr())
	if err != nil {
		t.Fatal(err)
	}
	for path, method := range map[string]string{testOutboxPath: "GET", testResetPath: "POST"} {
		r := httptest.NewRequest(method, path, nil)
		r.Host, r.RemoteAddr = n.Addr(), "127.0.0.1:1"
		w := httptest.NewRecorder()
		n.handler().ServeHTTP(w, r.WithContext(context.WithValue(t.Context(), http.LocalAddrContextKey, us)))
		if w.Code != http.StatusForbidden {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}
