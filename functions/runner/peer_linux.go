package runner

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Outside fails unless the connection from peer to us, both on this machine, is held by a program of our user or root outside of
// every sandbox. Functions share our network, and our user where we are not root; what tells them apart is that they carry one more
// system-call filter than we do, which no process can take off. Whoever cannot be found or looked at counts as a function.
func Outside(peer, us netip.AddrPort) error {
	uid, socket, err := holder(peer, us)
	if err != nil {
		return err
	}
	switch us := os.Geteuid(); {
	case uid == 0 && us != 0:
		return nil // root, whom we may not look at and need not
	case uid != us:
		return fmt.Errorf("runner: the connection is user %d's, neither ours nor root's", uid)
	}
	ours, err := filters("self")
	if err != nil {
		return err
	}
	processes, err := os.ReadDir("/proc")
	if err != nil {
		return err
	}
	found := false
	for _, p := range processes {
		if _, err := strconv.Atoi(p.Name()); err != nil || !holds(p.Name(), socket) {
			continue
		}
		found = true
		if theirs, err := filters(p.Name()); err != nil || theirs > ours {
			return errors.Join(fmt.Errorf("runner: process %s is in a sandbox", p.Name()), err)
		}
	}
	if !found {
		return fmt.Errorf("runner: no process that we may look at holds the connection from %s", peer)
	}
	return nil
}

// holder finds the user and the inode of the peer's socket.
func holder(peer, us netip.AddrPort) (uid int, socket string, err error) {
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		f, err := os.Open(table)
		if err != nil {
			continue // no such family here
		}
		defer f.Close()
		for s := bufio.NewScanner(f); s.Scan(); {
			// sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode
			row := strings.Fields(s.Text())
			if len(row) < 10 || row[9] == "0" || endpoint(row[1]) != plainAddr(peer) || endpoint(row[2]) != plainAddr(us) {
				continue
			}
			uid, err := strconv.Atoi(row[7])
			return uid, "socket:[" + row[9] + "]", err
		}
	}
	return 0, "", fmt.Errorf("runner: no connection from %s is open", peer)
}

func plainAddr(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}

// endpoint reads ADDRESS:PORT of the kernel's table, in hex: the port as a number, the address in words of the machine's order,
// which is little-endian wherever functions run. The zero value is what does not parse.
func endpoint(text string) netip.AddrPort {
	host, port, _ := strings.Cut(text, ":")
	b, err := hex.DecodeString(host)
	n, badPort := strconv.ParseUint(port, 16, 16)
	if err != nil || badPort != nil || len(b)%4 != 0 {
		return netip.AddrPort{}
	}
	for word := range slices.Chunk(b, 4) {
		slices.Reverse(word)
	}
	a, ok := netip.AddrFromSlice(b)
	if !ok {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(a.Unmap(), uint16(n))
}

// holds tells whether the process has the socket open.
func holds(pid, socket string) bool {
	dir := filepath.Join("/proc", pid, "fd")
	open, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(open, func(fd os.DirEntry) bool {
		to, err := os.Readlink(filepath.Join(dir, fd.Name()))
		return err == nil && to == socket
	})
}

// filters is how many system-call filters the process carries.
func filters(pid string) (int, error) {
	b, err := os.ReadFile(filepath.Join("/proc", pid, "status"))
	if err != nil {
		return 0, err
	}
	_, rest, found := strings.Cut(string(b), "\nSeccomp_filters:")
	line, _, _ := strings.Cut(rest, "\n")
	if !found {
		return 0, errors.New("runner: the kernel does not tell about system-call filters")
	}
	return strconv.Atoi(strings.TrimSpace(line))
}
