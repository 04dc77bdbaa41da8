// Package ports hands out the loopback ports of servers that tests start and kill and start again at the same address.
//
// A port that the kernel chose (listen on 0, close, pass the number on) is anybody's as soon as it is closed: the next outgoing
// connection of any program, or the next test, may get it while the server is down. These come from below the range the kernel
// chooses from, and the process that was handed one has it, by a lock on a file, until it ends.
package ports

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
)

// The ports handed out: above what well-known servers use, below Linux's ip_local_port_range.
const (
	first = 12000
	last  = 32000
)

var (
	mu    sync.Mutex
	taken = map[int]*os.File{} // guarded by mu; the locks live as long as the process
)

// Free is a port of 127.0.0.1 that nobody has, and that no other test is handed while this process lives.
func Free() (int, error) {
	dir := filepath.Join(os.TempDir(), "bothy-test-ports-"+strconv.Itoa(os.Getuid()))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return 0, err
	}
	mu.Lock()
	defer mu.Unlock()
	for range 1000 {
		port := first + rand.IntN(last-first)
		ok, err := take(dir, port)
		if err != nil {
			return 0, err
		}
		if ok {
			return port, nil
		}
	}
	return 0, errors.New("ports: none is free")
}

// Addr is a free port with its address, host:port.
func Addr() (string, error) {
	port, err := Free()
	return fmt.Sprintf("127.0.0.1:%d", port), err
}

// take locks a port's file and sees that nobody outside these tests listens there.
func take(dir string, port int) (bool, error) {
	if taken[port] != nil {
		return false, nil
	}
	f, err := os.OpenFile(filepath.Join(dir, strconv.Itoa(port)), os.O_CREATE|os.O_RDWR|syscall.O_CLOEXEC, 0o600)
	if err != nil {
		return false, err
	}
	if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		return false, f.Close()
	}
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return false, f.Close()
	}
	taken[port] = f
	return true, l.Close()
}
