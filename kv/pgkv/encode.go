package pgkv

import (
	"encoding/binary"

	"bothy/kv"
)

const maxKeyBytes = kv.MaxKeyBytes

// Types of PostgreSQL, by their numbers.
const (
	typeBytes = 17
	typeInt8  = 20
	typeInt4  = 23
	typeText  = 25
)

// array is a one-dimensional array in the binary format, built element by element.
type array struct {
	b []byte
	n uint32
}

const arrayHead = 20 // dimensions, whether there are nulls, type, length, first index

func newArray(elem uint32, room int) *array {
	b := make([]byte, arrayHead, arrayHead+room)
	binary.BigEndian.PutUint32(b, 1)
	binary.BigEndian.PutUint32(b[8:], elem)
	binary.BigEndian.PutUint32(b[16:], 1)
	return &array{b: b}
}

// bytes appends an element; nil is null.
func (a *array) bytes(v []byte) {
	a.n++
	if v == nil {
		a.b[7] = 1
		a.b = binary.BigEndian.AppendUint32(a.b, 0xFFFFFFFF)
		return
	}
	a.b = append(binary.BigEndian.AppendUint32(a.b, uint32(len(v))), v...)
}

func (a *array) int4(v int) {
	a.n++
	a.b = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(a.b, 4), uint32(v))
}

func (a *array) int8(v int) {
	a.n++
	a.b = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(a.b, 8), uint64(v))
}

// done is the encoded array.
func (a *array) done() []byte {
	if a.n == 0 { // has no dimension
		return append(make([]byte, 8), a.b[8:12]...)
	}
	binary.BigEndian.PutUint32(a.b[12:], a.n)
	return a.b
}

// keyArray encodes keys.
func keyArray(keys [][]byte) []byte {
	room := 0
	for _, k := range keys {
		room += 4 + len(k)
	}
	a := newArray(typeBytes, room)
	for _, k := range keys {
		a.bytes(k)
	}
	return a.done()
}

// ints decodes an int4[]; nil is a null.
func ints(b []byte) []int {
	if b == nil {
		return nil
	}
	out := []int{}
	for b = b[min(len(b), arrayHead):]; len(b) >= 8; b = b[8:] {
		out = append(out, int(int32(binary.BigEndian.Uint32(b[4:]))))
	}
	return out
}

func int8Param(v int) []byte { return binary.BigEndian.AppendUint64(nil, uint64(v)) }
