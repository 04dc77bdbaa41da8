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
	return appendItem(make([]byte, 0, sizeHint+16+4*len(it)), it)
}

func appendItem(b []byte, it item.Item) []byte { return appendMap(append(b, itemVersion), it) }

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
	return new(decoder).item(row)
}

// decodeItem reads an item; its texts are parts of row.
func decodeItem(row string) (item.Item, error) {
	return decodeOwned(unsafe.Slice(unsafe.StringData(row), len(row)))
}

// decoder reads items.
type decoder struct {
	row string
	at  int
	bad bool

	// again makes every item of the same cells: it is good until the next is read, and as long as its row.
	again  bool
	attrs  cells[item.Attribute]
	values cells[item.Value]
	texts  cells[string]
	more   cells[item.Compound]
}

// cells are what items are made of.
type cells[T any] struct {
	all  []T
	used int
}

func (c *cells[T]) take(d *decoder, n int) []T {
	if !d.again {
		return make([]T, n)
	}
	if c.used+n > len(c.all) { // what was taken of the old ones stays as it is
		c.all, c.used = make([]T, max(n, 2*len(c.all))), 0
	}
	c.used += n
	return c.all[c.used-n : c.used : c.used]
}

// item reads an item whose texts are parts of row.
func (d *decoder) item(row []byte) (item.Item, error) {
	if err := d.begin(row); err != nil {
		return nil, err
	}
	it := d.attributes(0)
	if d.bad || d.at != len(d.row) {
		return nil, errItem
	}
	return it, nil
}

func (d *decoder) begin(row []byte) error {
	if len(row) == 0 {
		return errItem
	}
	if row[0] != itemVersion {
		return errVersion
	}
	d.row, d.at, d.bad = unsafe.String(unsafe.SliceData(row), len(row)), 1, false
	d.attrs.used, d.values.used, d.texts.used, d.more.used = 0, 0, 0, 0
	return nil
}

// json appends the JSON form of the item in row, and counts its size, without making the item.
func (d *decoder) json(b, row []byte) (out []byte, size int, err error) {
	if err := d.begin(row); err != nil {
		return b, 0, err
	}
	b = append(b, '{')
	for i := range d.count(2) {
		if i > 0 {
			b = append(b, ',')
		}
		a := item.Attribute{Name: d.text()}
		if d.value(&a.Value, 1); d.bad {
			break
		}
		size += len(a.Name) + valueSize(&a.Value)
		b = a.AppendJSON(b)
	}
	if d.bad || d.at != len(d.row) {
		return b, 0, errItem
	}
	return append(b, '}'), size, nil
}

func (d *decoder) fail() { d.at, d.bad = len(d.row), true }

func (d *decoder) uvarint() int {
	var x uint64
	for i := range min(4, len(d.row)-d.at) { // no length reaches 2^28
		c := d.row[d.at+i]
		x |= uint64(c&0x7F) << (7 * i)
		if c < 0x80 {
			d.at += i + 1
			return int(x)
		}
	}
	d.fail()
	return 0
}

// count reads a count of things of at least least bytes each, so that a bad one cannot make us allocate.
func (d *decoder) count(least int) int {
	n := d.uvarint()
	if n > (len(d.row)-d.at)/least {
		d.fail()
		return 0
	}
	return n
}

func (d *decoder) text() string {
	n := d.uvarint()
	if n > len(d.row)-d.at {
		d.fail()
		return ""
	}
	d.at += n
	return d.row[d.at-n : d.at]
}

func (d *decoder) byte() byte {
	if d.at == len(d.row) {
		d.fail()
		return 0
	}
	d.at++
	return d.row[d.at-1]
}

func (d *decoder) attributes(depth int) item.Item {
	it := d.attrs.take(d, d.count(2))
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
	*v = item.Value{Kind: item.Kind(d.byte())}
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
		set := d.texts.take(d, d.count(1))
		for i := range set {
			set[i] = d.text()
		}
		d.compound(v, item.Compound{Set: set})
	case item.L:
		list := d.values.take(d, d.count(1))
		for i := range list {
			if d.value(&list[i], depth+1); d.bad {
				return
			}
		}
		d.compound(v, item.Compound{List: list})
	case item.M:
		d.compound(v, item.Compound{Map: d.attributes(depth)})
	default:
		d.fail()
	}
}

func (d *decoder) compound(v *item.Value, c item.Compound) {
	v.More = &d.more.take(d, 1)[0]
	*v.More = c
}
