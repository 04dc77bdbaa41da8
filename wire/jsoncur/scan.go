package jsoncur

import (
	"encoding/binary"
	"unsafe"
)

const each = 0x0101010101010101 // a byte, eight times

// plain is how many bytes at the start of s are no quote, no backslash and no control character, or fewer than that by less than
// eight; and whether none of them is beyond ASCII.
func plain(s string) (n int, ascii bool) {
	b := unsafe.Slice(unsafe.StringData(s), len(s))
	all := uint64(0)
	for ; n+8 <= len(b); n += 8 {
		x := binary.LittleEndian.Uint64(b[n:])
		if special(x) {
			return n, all&(0x80*each) == 0
		}
		all |= x
	}
	if n < len(b) && len(b) >= 8 { // the rest, with some bytes once more
		if x := binary.LittleEndian.Uint64(b[len(b)-8:]); !special(x) {
			return len(b), (all|x)&(0x80*each) == 0
		}
	}
	return n, all&(0x80*each) == 0
}

// copyPlain copies s, but for what follows a byte that has to be escaped, to and a few bytes before it.
func copyPlain(to []byte, s string) (n int) {
	b := unsafe.Slice(unsafe.StringData(s), len(s))
	for ; n+8 <= len(b); n += 8 {
		x := binary.LittleEndian.Uint64(b[n:])
		if special(x) {
			return n
		}
		binary.LittleEndian.PutUint64(to[n:], x)
	}
	if n < len(b) && len(b) >= 8 { // the rest, with some bytes once more
		if x := binary.LittleEndian.Uint64(b[len(b)-8:]); !special(x) {
			binary.LittleEndian.PutUint64(to[len(b)-8:], x)
			return len(b)
		}
	}
	for ; n < len(b) && b[n] >= 0x20 && b[n] != '"' && b[n] != '\\'; n++ {
		to[n] = b[n]
	}
	return n
}

// special tells whether one of eight bytes has to be escaped, or ends a string.
func special(x uint64) bool {
	q, e := x^'"'*each, x^'\\'*each
	return ((x-0x20*each)&^x|(q-each)&^q|(e-each)&^e)&(0x80*each) != 0
}
