package jsoncur

import (
	"encoding/binary"
	"unsafe"
)

const (
	each  = 0x0101010101010101 // a byte, eight times
	highs = 0x80 * each
)

// plain is how many bytes at the start of s, in steps of eight, are no quote, no backslash and no control character, and all those
// bytes or-ed into one, so that it tells whether they are ASCII.
func plain(s string) (n int, bits byte) {
	b := unsafe.Slice(unsafe.StringData(s), len(s))
	all := uint64(0)
	for ; len(b) >= 8; b, n = b[8:], n+8 {
		x := binary.LittleEndian.Uint64(b)
		if (lacks(x, 0x20)|lacks(x^'"'*each, 1)|lacks(x^'\\'*each, 1))&highs != 0 {
			break
		}
		all |= x
	}
	all |= all >> 32
	all |= all >> 16
	return n, byte(all | all>>8)
}

// lacks has a byte's high bit set when the byte is below least; it may be wrong about those above one that is.
func lacks(x uint64, least byte) uint64 { return (x - each*uint64(least)) &^ x }
