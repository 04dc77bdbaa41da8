package kv

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Key is an order-preserving tuple: comparing bytes compares the parts in turn.
//
// Each part is a tag byte and its encoding: strings (0x02) and bytes (0x01) with 0x00 escaped as 0x00 0xFF and a 0x00 at
// the end; integers and times (0x03) as eight big-endian bytes with the sign bit flipped; bools (0x04).
type Key []byte

const (
	tagBytes  = 0x01
	tagString = 0x02
	tagInt    = 0x03
	tagBool   = 0x04
)

// K makes a key of its parts: string, []byte, int, int64, time.Time (nanoseconds) or bool. Another type is our own bug and
// panics.
func K(parts ...any) Key { return Key(nil).With(parts...) }

// With is a new key: k followed by parts.
func (k Key) With(parts ...any) Key {
	b := make(Key, len(k), len(k)+16*len(parts)+16)
	copy(b, k)
	for _, p := range parts {
		switch v := p.(type) {
		case string:
			b = b.AppendString(v)
		case []byte:
			b = b.AppendBytes(string(v))
		case int:
			b = b.AppendInt(int64(v))
		case int64:
			b = b.AppendInt(v)
		case time.Time:
			b = b.AppendInt(v.UnixNano())
		case bool:
			b = append(b, tagBool, 0)
			if v {
				b[len(b)-1] = 1
			}
		default:
			panic(fmt.Sprintf("kv: key part of type %T", p))
		}
	}
	return b
}

// AppendString appends a string part in k's own room, like the built-in append: for who builds keys by the thousand. So do
// AppendBytes and AppendInt.
func (k Key) AppendString(s string) Key { return k.appendText(tagString, s) }

// AppendBytes appends a part of bytes.
func (k Key) AppendBytes(s string) Key { return k.appendText(tagBytes, s) }

// AppendInt appends an integer part.
func (k Key) AppendInt(v int64) Key {
	return binary.BigEndian.AppendUint64(append(k, tagInt), uint64(v)^(1<<63))
}

func (k Key) appendText(tag byte, s string) Key {
	k = append(k, tag)
	for at := strings.IndexByte(s, 0); at >= 0; at = strings.IndexByte(s, 0) {
		k, s = append(append(k, s[:at]...), 0, 0xFF), s[at+1:]
	}
	return append(append(k, s...), 0)
}

// Range is every key that has k as a proper tuple prefix.
func (k Key) Range() Range { return Range{From: k.first(), To: k.End()} }

func (k Key) first() Key { return append(append(Key(nil), k...), 0x00) }

// End is above every key that has k as a prefix.
func (k Key) End() Key { return append(append(Key(nil), k...), 0xFF) }

// After is the smallest key above k itself.
func (k Key) After() Key { return append(append(Key(nil), k...), 0x00) }

var errKey = errors.New("kv: malformed key")

// Parts decodes a key: strings, []byte, int64 and bool.
func (k Key) Parts() ([]any, error) {
	var parts []any
	for b := []byte(k); len(b) > 0; {
		tag := b[0]
		b = b[1:]
		switch tag {
		case tagString, tagBytes:
			text, rest, ok := cutText(b)
			if !ok {
				return nil, errKey
			}
			b = rest
			if tag == tagBytes {
				parts = append(parts, text)
			} else {
				parts = append(parts, string(text))
			}
		case tagInt:
			if len(b) < 8 {
				return nil, errKey
			}
			parts = append(parts, int64(binary.BigEndian.Uint64(b)^(1<<63)))
			b = b[8:]
		case tagBool:
			if len(b) < 1 || b[0] > 1 {
				return nil, errKey
			}
			parts = append(parts, b[0] == 1)
			b = b[1:]
		default:
			return nil, errKey
		}
	}
	return parts, nil
}

func cutText(b []byte) (text, rest []byte, ok bool) {
	for i := 0; i < len(b); i++ {
		switch {
		case b[i] != 0:
			text = append(text, b[i])
		case i+1 < len(b) && b[i+1] == 0xFF:
			text = append(text, 0)
			i++
		default:
			return text, b[i+1:], true
		}
	}
	return nil, nil, false
}
