package tables

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"strconv"

	"bothy/kv"
	"bothy/tables/expr"
	"bothy/tables/number"
	"bothy/wire/item"
)

// An entry of a vector index is all that a search has to look at: vectorVersion, the item's row without the table's prefix (as a
// text), for each INLINE_FILTER a mark of the item's value (zeros: it has none), and the vector as 32-bit floats, little end first.
const (
	vectorVersion = 1
	markBytes     = 16
	maxInline     = 10 << 10 // bytes of an INLINE_FILTER attribute
)

var errVector = errors.New("tables: malformed vector row")

// mark is a value's fingerprint, so that an entry stays small whatever is filtered by.
type mark [markBytes]byte

func markOf(v *item.Value) (m mark) {
	sum := sha256.Sum256(append([]byte{byte(v.Kind)}, v.Str...))
	copy(m[:], sum[:])
	return m
}

// floats are the numbers of a vector; ok is false for what is none of that many dimensions.
func floats(v *item.Value, dimensions int) (list []float32, ok bool) {
	if v == nil || v.Kind != item.L || len(v.More.List) != dimensions {
		return nil, false
	}
	return floatsOf(v.More.List)
}

func floatsOf(values []item.Value) (list []float32, ok bool) {
	list = make([]float32, len(values))
	for i := range values {
		if list[i], ok = float(&values[i]); !ok {
			return nil, false
		}
	}
	return list, true
}

// float is a number with the precision of an index; ok is false for what is no number, or beyond what 32 bits hold.
func float(v *item.Value) (f float32, ok bool) {
	if v.Kind != item.N {
		return 0, false
	}
	wide, err := strconv.ParseFloat(v.Str, 32)
	return float32(wide), err == nil
}

// shownVector is a vector as an index shows it, with the precision it has there.
func shownVector(list []float32) item.Value {
	values := make([]item.Value, len(list))
	for i, f := range list {
		text, _ := number.Canonical(strconv.FormatFloat(float64(f), 'e', -1, 32))
		values[i] = item.Number(text)
	}
	return item.List(values...)
}

// vectorRange is where the entries of a vector index lie that have a value of the attribute that divides it (nil: nothing does).
func (t *table) vectorRange(vx *vectorIndex, partition *item.Value) kv.Key {
	base := t.vectorPrefix(vx)
	if partition == nil {
		return base
	}
	k := keySchema{Hash: *vx.partition(), Digests: true}
	return k.appendPartition(base, partition)
}

// vectorKey is where the entry of an item in a vector index lies, if it has one; nil where it cannot have one.
func (t *table) vectorKey(vx *vectorIndex, row kv.Key, it item.Item) kv.Key {
	if it.Get(vx.Attribute) == nil {
		return nil
	}
	var partition *item.Value
	if hash := vx.partition(); hash != nil {
		if partition = it.Get(hash.Name); partition == nil || partition.Kind.String() != hash.Type || checkKeyValue(partition, maxHash) != nil {
			return nil
		}
	}
	return appendDigest(t.vectorRange(vx, partition), t.itself(row))
}

// vectorEntry is the entry of an item in a vector index; its key is nil when the index does not show the item. Items older than
// the index may not fit it.
func (t *table) vectorEntry(vx *vectorIndex, row kv.Key, it item.Item) (kv.Key, []byte) {
	key := t.vectorKey(vx, row, it)
	if key == nil {
		return nil, nil
	}
	list, ok := floats(it.Get(vx.Attribute), vx.Dimensions)
	if !ok {
		return nil, nil
	}
	itself := t.itself(row)
	b := make([]byte, 0, 4+len(itself)+markBytes*len(vx.Search)+4*len(list))
	b = appendText(append(b, vectorVersion), string(itself))
	for i := range vx.Search {
		e := &vx.Search[i]
		if e.Hash {
			continue
		}
		var m mark
		if v := it.Get(e.Name); v != nil && v.Kind.String() == e.Type {
			m = markOf(v)
		}
		b = append(b, m[:]...)
	}
	for _, f := range list {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(f))
	}
	return key, b
}

// vectorRow is an entry as it is read; its parts are those of the row.
type vectorRow struct {
	itself []byte
	marks  []byte
	floats []byte
}

func (vx *vectorIndex) decode(b []byte) (r vectorRow, err error) {
	if len(b) == 0 || b[0] != vectorVersion {
		return r, errVersion
	}
	n, used := binary.Uvarint(b[1:])
	marks := len(vx.Search) * markBytes
	if vx.partition() != nil {
		marks -= markBytes
	}
	if used <= 0 || n > uint64(len(b)) || len(b) != 1+used+int(n)+marks+4*vx.Dimensions {
		return r, errVector
	}
	b = b[1+used:]
	return vectorRow{b[:n], b[n : int(n)+marks], b[int(n)+marks:]}, nil
}

// placeVectors brings the vector indexes along with a change of an item.
func (t *table) placeVectors(tx *kv.Tx, row kv.Key, old, now item.Item) error {
	for i := range t.Vectors {
		vx := &t.Vectors[i]
		if vx.Status == statusDeleting || vx.same(old, now) {
			continue
		}
		from := t.vectorKey(vx, row, old) // there may be none: that costs nothing
		to, value := t.vectorEntry(vx, row, now)
		if from != nil && string(from) != string(to) {
			if err := tx.Delete(from); err != nil {
				return err
			}
		}
		if to == nil {
			continue
		}
		if err := tx.Set(to, value); err != nil {
			return err
		}
	}
	return nil
}

// same tells whether an index has the same entry, if any, for both forms of an item.
func (vx *vectorIndex) same(old, now item.Item) bool {
	if old == nil || now == nil || !sameValue(old.Get(vx.Attribute), now.Get(vx.Attribute)) {
		return false
	}
	for _, e := range vx.Search {
		if !sameValue(old.Get(e.Name), now.Get(e.Name)) {
			return false
		}
	}
	return true
}

func sameValue(a, b *item.Value) bool { return a == nil && b == nil || expr.Equal(a, b) }

// checkVectors checks the vectors of an item, and what searches may ask for, against the indexes that would show it. only limits
// that to some attributes; nil is all.
func (t *table) checkVectors(it item.Item, only func(name string) bool) error {
	for i := range t.Vectors {
		vx := &t.Vectors[i]
		if v := it.Get(vx.Attribute); v != nil && (only == nil || only(vx.Attribute)) {
			if err := vx.checkVector(v); err != nil {
				return err
			}
		}
		for j := range vx.Search {
			e := &vx.Search[j]
			if v := it.Get(e.Name); v != nil && (only == nil || only(e.Name)) {
				if err := vx.checkSearched(e, v); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// twice begins AWS's complaints about vectors, as it has them.
const twice = "One or more parameter values are not valid. One or more parameter values were invalid . "

func (vx *vectorIndex) checkVector(v *item.Value) error {
	if v.Kind != item.L {
		return validation(twice+"Invalid type for parameter %s, Expected: L, Actual: %s. IndexName: %s", vx.Attribute, v.Kind, vx.Name)
	}
	if n := len(v.More.List); n != vx.Dimensions {
		return validation(twice+"Invalid size for parameter %s, Expected: %d, Actual: %d. IndexName: %s", vx.Attribute, vx.Dimensions, n, vx.Name)
	}
	for i := range v.More.List {
		n := &v.More.List[i]
		if n.Kind != item.N {
			return validation("One or more parameter values were invalid. Invalid type for parameter %s[%d], Expected: 32-bit floating point number, Actual: %s. IndexName: %s", vx.Attribute, i, n.Kind, vx.Name)
		}
		if _, ok := float(n); !ok {
			wide, _ := strconv.ParseFloat(n.Str, 64) // no number of an item is beyond 64 bits
			return validation(twice+"Invalid value for parameter %s[%d], Value: %s is outside valid range [-3.4028235E38, 3.4028235E38]. IndexName: %s",
				vx.Attribute, i, strconv.FormatFloat(wide, 'E', -1, 64), vx.Name)
		}
	}
	return nil
}

func (vx *vectorIndex) checkSearched(e *searchElement, v *item.Value) error {
	switch {
	case v.Kind.String() != e.Type:
		return validation("One or more parameter values were invalid. Attribute '%s' type mismatch. Expected: %s, Actual: %s. IndexName: %s", e.Name, e.Type, v.Kind, vx.Name)
	case !e.Hash && len(v.Str) > maxInline:
		return validation(invalid+"Size limit exceeded for SearchSchema attribute '%s': maximum %d bytes", e.Name, maxInline)
	case !e.Hash:
		return nil
	case v.Str == "":
		return validation("One or more parameter values are not valid. A value specified for a secondary index key is not supported. "+
			"The AttributeValue for a key attribute cannot contain an empty %s value. IndexName: %s, IndexKey: %s", kindWord(v.Kind), vx.Name, e.Name)
	case v.Kind != item.N && len(v.Str) > maxHash:
		return validation(invalid+"Aggregate size for HASH key attributes exceeds the maximum of %d bytes", maxHash)
	}
	return nil
}

// vectorShown is what a vector index shows of an item: all but the vector, which it shows by itself.
func (t *table) vectorShown(vx *vectorIndex, it item.Item) item.Item {
	out := make(item.Item, 0, len(it))
	for i := range it {
		if name := it[i].Name; name != vx.Attribute && (vx.Projection == "ALL" || t.Key.has(name) || vx.element(name) != nil || slices.Contains(vx.Include, name)) {
			out = append(out, it[i])
		}
	}
	return out
}

// vectorSize is what an item takes in a vector index, as AWS counts.
func (t *table) vectorSize(vx *vectorIndex, it item.Item) int {
	return 4*vx.Dimensions + len(vx.Attribute) + itemSize(t.vectorShown(vx, it))
}

// billed is the size of an item that a write of it is charged for, and that counts as the table's: a vector that an index shows is
// four bytes for each dimension there, whatever its numbers are. Reads and limits count those.
func (t *table) billed(it item.Item) int {
	size := itemSize(it)
	for i := range t.Vectors {
		vx := &t.Vectors[i]
		if slices.ContainsFunc(t.Vectors[:i], func(other vectorIndex) bool { return other.Attribute == vx.Attribute }) {
			continue
		}
		if v := it.Get(vx.Attribute); v != nil && v.Kind == item.L && len(v.More.List) == vx.Dimensions {
			size += 4*vx.Dimensions - valueSize(v)
		}
	}
	return size
}

// inVector tells whether a vector index shows an item.
func (t *table) inVector(vx *vectorIndex, it item.Item) bool {
	entry, _ := t.vectorEntry(vx, t.rows, it)
	return entry != nil
}

// vectorBytes is what a write consumes of a vector index: an entry removed, an entry added, or what it shows changed.
func (o *outcome) vectorBytes(vx *vectorIndex) float64 {
	before, was := o.table.vectorEntry(vx, o.row, o.old)
	after, is := o.table.vectorEntry(vx, o.row, o.now)
	size := func(it item.Item) float64 { return float64(max(minVectorBytes, o.table.vectorSize(vx, it))) }
	switch {
	case before == nil && after == nil:
		return 0
	case before == nil:
		return size(o.now)
	case after == nil:
		return size(o.old)
	case string(before) != string(after):
		return size(o.old) + size(o.now)
	case string(was) == string(is) && sameItem(o.table.vectorShown(vx, o.old), o.table.vectorShown(vx, o.now)):
		return 0
	}
	return max(size(o.old), size(o.now))
}

// minVectorBytes is the least that a request consumes of a vector index.
const minVectorBytes = 1 << 10
