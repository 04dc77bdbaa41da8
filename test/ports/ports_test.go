package ports

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

func TestAPortIsHandedOutOnce(t *testing.T) {
	seen := map[int]bool{}
	for range 200 {
		port, err := Free()
		if err != nil {
			t.Fatal(err)
		}
		if seen[port] || port < first || port >= last {
			t.Fatalf("port %d: handed out before, or out of range", port)
		}
		seen[port] = true
	}
}

func TestWhatOthersHaveIsNotTaken(t *testing.T) {
	port, err := Free()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(os.TempDir(), "bothy-test-ports-"+strconv.Itoa(os.Getuid()))
	held := taken[port]
	defer func() { taken[port] = held }()
	delete(taken, port) // as another process sees it: only the lock is left
	if ok, err := take(dir, port); ok || err != nil {
		t.Errorf("a port locked elsewhere: %v, %v", ok, err)
	}

	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // nothing came
	if ok, err := take(t.TempDir(), l.Addr().(*net.TCPAddr).Port); ok || err != nil {
		t.Errorf("a port with a listener: %v, %v", ok, err)
	}
}
