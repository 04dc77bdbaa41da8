package tables

import (
	"crypto/sha256"

	"bothy/kv"
	"bothy/tables/number"
	"bothy/wire/item"
)

// appendScalar appends a key attribute's value, which has been checked.
func appendScalar(b kv.Key, v *item.Value) kv.Key {
	switch v.Kind {
	case item.N:
		x, _ := number.Parse(v.Str)
		var room [number.MaxOrdered]byte
		return b.AppendBytes(string(x.AppendOrdered(room[:0])))
	case item.B:
		return b.AppendBytes(v.Str)
	}
	return b.AppendString(v.Str)
}

// hashOf spreads partition keys evenly: FNV-1a, then a finalizer for the high bits, which order the table.
func hashOf(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := 0; i < len(s); i++ {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

// appendHash appends a hash as an integer part; the lowest hash is the lowest integer.
func appendHash(b kv.Key, h uint64) kv.Key { return b.AppendInt(int64(h ^ 1<<63)) }

// longPartition is how long, in bytes, a partition key may be that stands in the keys of rows as it is: not every engine has room
// for the longest, and partitions have no order among themselves.
const longPartition = 256

// appendPartition appends HASH and partition key: of a long one its length and digest.
func (k *keySchema) appendPartition(b kv.Key, values ...*item.Value) kv.Key {
	if len(values) > 1 {
		return appendPartitionOf(b, values)
	}
	v := values[0]
	b = appendHash(b, hashOf(v.Str))
	if !k.Digests || v.Kind == item.N || len(v.Str) <= longPartition {
		return appendScalar(b, v)
	}
	return appendLong(b, v.Str)
}

// appendPartitionOf is appendPartition of several attributes: one after the other they are as one.
func appendPartitionOf(b kv.Key, values []*item.Value) kv.Key {
	var all kv.Key
	for _, v := range values {
		all = appendScalar(all, v)
	}
	if b = appendHash(b, hashOf(string(all))); len(all) <= longPartition {
		return append(b, all...)
	}
	return appendLong(b, string(all))
}

func appendLong(b kv.Key, s string) kv.Key {
	sum := sha256.Sum256([]byte(s))
	return b.AppendInt(int64(len(s))).AppendBytes(string(sum[:]))
}

// appendKey appends HASH, partition key and sort key of a schema, from an item that has been checked to have them.
func appendKey(b kv.Key, k *keySchema, it item.Item) kv.Key {
	if len(k.MoreHash) == 0 {
		b = k.appendPartition(b, it.Get(k.Hash.Name))
	} else {
		b = k.appendPartition(b, valuesOf(it, k.hashes())...)
	}
	if k.Range.Name != "" {
		b = appendScalar(b, it.Get(k.Range.Name))
	}
	for i := range k.MoreRange {
		b = appendScalar(b, it.Get(k.MoreRange[i].Name))
	}
	return b
}

// valuesOf are the values of attributes, nil where the item has none.
func valuesOf(it item.Item, attributes []attribute) []*item.Value {
	values := make([]*item.Value, len(attributes))
	for i, a := range attributes {
		values[i] = it.Get(a.Name)
	}
	return values
}

// itemKey is the row of an item whose key has been checked.
func (t *table) itemKey(it item.Item) kv.Key {
	room := len(t.rows) + keyRoom
	for _, a := range t.Key.parts() {
		room += len(it.Get(a.Name).Str)
	}
	return appendKey(append(make(kv.Key, 0, room), t.rows...), &t.Key, it)
}

// keyRoom is what HASH and the marks around the parts of a key take.
const keyRoom = 16

// itself is what index entries hold: the item's row less the table's prefix.
func (t *table) itself(row kv.Key) []byte { return row[len(t.rows):] }

func appendDigest(b kv.Key, itself []byte) kv.Key {
	sum := sha256.Sum256(itself)
	return b.AppendBytes(string(sum[:16]))
}

// checkKeyValue checks a value against the key attribute it is for.
func checkKeyValue(v *item.Value, limit int) error {
	if v.Kind == item.N || len(v.Str) <= limit && v.Str != "" {
		return nil
	}
	return oversize(limit)
}

// checkSizes checks what the attributes of the partition key, and those of the sort key, have together.
func (k *keySchema) checkSizes(it item.Item) error {
	switch {
	case !k.several():
		return nil
	case sizeOf(it, k.hashes()) > maxHash:
		return oversize(maxHash)
	case sizeOf(it, k.ranges()) > maxRange:
		return oversize(maxRange)
	}
	return nil
}

func sizeOf(it item.Item, attributes []attribute) (size int) {
	for _, v := range valuesOf(it, attributes) {
		if v != nil {
			size += valueSize(v)
		}
	}
	return size
}

func oversize(limit int) error {
	if limit == maxHash {
		return validation(invalid+"Size of hashkey has exceeded the maximum size limit of%d bytes", limit)
	}
	return validation(invalid+"Aggregated size of all range keys has exceeded the size limit of %d bytes", limit)
}

func emptyKey(name string, v *item.Value) error {
	if v.Str != "" || v.Kind == item.N {
		return nil
	}
	return validation("One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty %s value. Key: %s", kindWord(v.Kind), name)
}

func kindWord(k item.Kind) string {
	if k == item.B {
		return "binary"
	}
	return "string"
}

// checkKey checks a Key parameter: exactly the key attributes, with their types and sizes.
func (t *table) checkKey(key item.Item) error {
	parts := t.Key.parts()
	if len(key) != len(parts) {
		return validation("%s", errKeySchema)
	}
	return t.checkKeyParts(key, &t.Key)
}

// checkKeyParts checks the attributes of a schema in a Key or an ExclusiveStartKey.
func (t *table) checkKeyParts(key item.Item, k *keySchema) error {
	for i, a := range k.parts() {
		v := key.Get(a.Name)
		if v == nil || v.Kind.String() != a.Type {
			return validation("%s", errKeySchema)
		}
		if err := emptyKey(a.Name, v); err != nil {
			return err
		}
		if err := checkKeyValue(v, k.limit(i)); err != nil {
			return err
		}
	}
	return k.checkSizes(key)
}

// checkItem checks the key attributes of a whole item: of the table, and of every index it would be in.
func (t *table) checkItem(it item.Item) error {
	for i, a := range t.Key.parts() {
		v := it.Get(a.Name)
		if v == nil {
			return validation(invalid+"Missing the key %s in the item", a.Name)
		}
		if v.Kind.String() != a.Type {
			return validation(invalid+"Type mismatch for key %s expected: %s actual: %s", a.Name, a.Type, v.Kind)
		}
		if err := emptyKey(a.Name, v); err != nil {
			return err
		}
		if err := checkKeyValue(v, t.Key.limit(i)); err != nil {
			return err
		}
	}
	if err := t.checkIndexed(it); err != nil {
		return err
	}
	return t.checkVectors(it, nil)
}

// checkIndexed checks the index keys of a whole item, indexes in the order of their names.
func (t *table) checkIndexed(it item.Item) error {
	err := t.indexKeys(func(ix *index, part int, a attribute) error {
		v := it.Get(a.Name)
		switch {
		case v == nil:
			return nil
		case v.Kind.String() != a.Type:
			return validation(invalid+"Type mismatch for Index Key %s Expected: %s Actual: %s IndexName: %s", a.Name, a.Type, v.Kind, ix.Name)
		case v.Str == "" && v.Kind != item.N:
			return validation("One or more parameter values are not valid. A value specified for a secondary index key is not supported. The AttributeValue for a key attribute cannot contain an empty %s value. IndexName: %s, IndexKey: %s", kindWord(v.Kind), ix.Name, a.Name)
		}
		return checkKeyValue(v, ix.Key.limit(part))
	})
	if err != nil {
		return err
	}
	return t.checkIndexSizes(it)
}

// checkIndexSizes checks the keys of indexes whose attributes have a limit together.
func (t *table) checkIndexSizes(it item.Item) error {
	for _, i := range t.byName {
		if err := t.Indexes[i].Key.checkSizes(it); err != nil {
			return err
		}
	}
	return nil
}

// indexKeys calls fn for each key attribute of each index until one fails.
func (t *table) indexKeys(fn func(ix *index, part int, a attribute) error) error {
	for _, i := range t.byName {
		for part, a := range t.Indexes[i].Key.parts() {
			if err := fn(&t.Indexes[i], part, a); err != nil {
				return err
			}
		}
	}
	return nil
}

// keyParts are the attributes of the table's key, and after them those that the index adds.
func (t *table) keyParts(ix *index) []attribute {
	parts := t.Key.parts()
	if ix != nil {
		for _, a := range ix.Key.parts() {
			if !t.Key.has(a.Name) {
				parts = append(parts, a)
			}
		}
	}
	return parts
}

// keyOf are the key attributes of an item, in the order AWS lists them.
func (t *table) keyOf(it item.Item, ix *index) item.Item {
	parts := t.keyParts(ix)
	key := make(item.Item, 0, len(parts))
	for _, a := range parts {
		if v := it.Get(a.Name); v != nil {
			key = append(key, item.Attribute{Name: a.Name, Value: *v})
		}
	}
	return key
}
