//go:build unix

package pgkv

import (
	"crypto/tls"
	"net"
	"syscall"
)

// quiet says whether a connection on which nothing is expected is open and has nothing to say: a server that went away has
// closed it, or says why before. What is sent on such a one would be lost, and nobody would know how far it came.
func quiet(c net.Conn) bool {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	s, ok := c.(syscall.Conn)
	if !ok {
		return true
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return false
	}
	var one [1]byte
	var seen error
	err = raw.Control(func(fd uintptr) { // not Read, which would wait for pgconn's own reader in the background, if it has one
		_, _, seen = syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	})
	return err == nil && (seen == syscall.EAGAIN || seen == syscall.EINTR)
}
