package tables

import (
	"encoding/binary"
	"errors"
	"unsafe"

	"bothy/wire/item"
)

// The stored form of an item: itemVersion, then a map. A map is a count and for each attribute its name and value; a value is
// its kind and its content. Counts and lengths are uvarints; texts are a length and bytes.
const itemVersion = 1

var (
	errItem    = errors.New("tables: malformed item row")
	errVersion = errors.New("tables: item row of a newer format")
)

func encodeItem(it item.Item, sizeHint int) []byte {
	return appendMap(append(make([]byte, 0, sizeHint+16+4*len(it)), itemVersion), it)
}

func appendMap(b []byte, it item.Item) []byte {
	b = binary.AppendUvarint(b, uint64(len(it)))
	for i := range it {
		b = appendValue(appendText(b, it[i].Name), &it[i].Value)
	}
	return b
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendValue(b []byte, v *item.Value) []byte {
	b = append(b, byte(v.Kind))
	switch v.Kind {
	case item.S, item.N, item.B:
		return appendText(b, v.Str)
	case item.BOOL:
		if v.Bool {
			return append(b, 1)
		}
		return append(b, 0)
	case item.SS, item.NS, item.BS:
		b = binary.AppendUvarint(b, uint64(len(v.More.Set)))
		for _, s := range v.More.Set {
			b = appendText(b, s)
		}
	case item.L:
		b = binary.AppendUvarint(b, uint64(len(v.More.List)))
		for i := range v.More.List {
			b = appendValue(b, &v.More.List[i])
		}
	case item.M:
		return appendMap(b, v.More.Map)
	}
	return b
}

// decodeOwned reads an item from bytes that nobody will change: its texts are parts of them, not copies.
func decodeOwned(row []byte) (item.Item, error) {
	return decodeItem(unsafe.String(unsafe.SliceData(row), len(row)))
}

// decodeItem reads an item; its texts are parts of row.
func decodeItem(row string) (item.Item, error) {
	if row == "" {
		return nil, errItem
	}
	if row[0] != itemVersion {
		return nil, errVersion
	}
	d := decoder{rest: row[1:]}
	it := d.attributes(0)
	if d.bad || d.rest != "" {
		return nil, errItem
	}
	return it, nil
}

type decoder struct {
	rest string
	bad  bool
}

func (d *decoder) fail() { d.rest, d.bad = "", true }

func (d *decoder) uvarint() int {
	var x uint64
	for i := 0; i < len(d.rest) && i < 4; i++ { // no length reaches 2^28
		c := d.rest[i]
		x |= uint64(c&0x7F) << (7 * i)
		if c < 0x80 {
			d.rest = d.rest[i+1:]
			return int(x)
		}
	}
	d.fail()
	return 0
}

// count reads a count of things of at least least bytes each, so that a bad one cannot make us allocate.
func (d *decoder) count(least int) int {
	n := d.uvarint()
	if n > len(d.rest)/least {
		d.fail()
		return 0
	}
	return n
}

func (d *decoder) text() string {
	n := d.uvarint()
	if n > len(d.rest) {
		d.fail()
		return ""
	}
	s := d.rest[:n]
	d.rest = d.rest[n:]
	return s
}

func (d *decoder) byte() byte {
	if d.rest == "" {
		d.fail()
		return 0
	}
	c := d.rest[0]
	d.rest = d.rest[1:]
	return c
}

func (d *decoder) attributes(depth int) item.Item {
	it := make(item.Item, d.count(2))
	for i := range it {
		it[i].Name = d.text()
		d.value(&it[i].Value, depth+1)
		if d.bad {
			return nil
		}
	}
	return it
}

func (d *decoder) value(v *item.Value, depth int) {
	v.Kind = item.Kind(d.byte())
	if depth > maxDepth+1 {
		d.fail()
		return
	}
	switch v.Kind {
	case item.S, item.N, item.B:
		v.Str = d.text()
	case item.BOOL:
		v.Bool = d.byte() == 1
	case item.NULL:
		v.Bool = true
	case item.SS, item.NS, item.BS:
		v.More = &item.Compound{Set: make([]string, d.count(1))}
		for i := range v.More.Set {
			v.More.Set[i] = d.text()
		}
	case item.L:
		v.More = &item.Compound{List: make([]item.Value, d.count(1))}
		for i := range v.More.List {
			if d.value(&v.More.List[i], depth+1); d.bad {
				return
			}
		}
	case item.M:
		v.More = &item.Compound{Map: d.attributes(depth)}
	default:
		d.fail()
	}
}
