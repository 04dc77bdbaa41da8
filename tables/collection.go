package tables

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"

	"bothy/api/dynamodb"
	"bothy/kv"
	"bothy/wire"
	"bothy/wire/item"
)

// An item collection is what a partition key of a table with local indexes has: the items, and their entries in those indexes.
// It has a limit, so its size is kept. The size is an estimate: one change in collectionGrain is counted, for as many; so writers
// of a partition seldom meet at its row. Row: version, bytes.

const (
	maxCollection     = 10 << 30
	collectionGrain   = 16
	collectionExact   = 64 << 10 // bytes; a change of more is counted as it is
	collectionVersion = 1
	gigabyte          = 1 << 30
)

// collects tells whether the table has item collections.
func (t *table) collects() bool {
	return slices.ContainsFunc(t.Indexes, func(ix index) bool { return ix.Local })
}

// collection is the row of an item's collection.
func (t *table) collection(it item.Item) kv.Key {
	return t.Key.appendPartition(t.prefix("tables.collection"), it.Get(t.Key.Hash.Name))
}

// shownSize is what an item adds to its collection by its entry in a local index.
func (t *table) shownSize(ix *index, entry kv.Key, it item.Item) int {
	if entry == nil {
		return 0
	}
	return itemSize(t.shown(ix, it))
}

// collect counts by how many bytes a change of an item lets its collection grow, shown of them in local indexes, and refuses
// that of a full one.
func (t *table) collect(tx *kv.Tx, old, now item.Item, shown int) error {
	if !t.collects() {
		return nil
	}
	delta := int64(itemSize(now) - itemSize(old) + shown)
	if delta == 0 {
		return nil
	}
	of := now
	if now == nil {
		of = old
	}
	at := t.collection(of)
	grain := weigh(delta)
	if delta < 0 && grain == 0 {
		return nil
	}
	size, err := collectionSize(tx, at)
	if err != nil {
		return err
	}
	if delta > 0 && size+delta > maxCollection {
		return &dynamodb.ItemCollectionSizeLimitExceededException{Message: wire.Some("Item collection size limit of 10 gigabytes exceeded")}
	}
	if grain == 0 {
		return nil
	}
	if size += grain; size <= 0 {
		return tx.Delete(at)
	}
	return tx.Set(at, binary.BigEndian.AppendUint64([]byte{collectionVersion}, uint64(size)))
}

// weigh is what a change counts for, all changes together for themselves.
func weigh(delta int64) int64 {
	switch {
	case delta >= collectionExact || delta <= -collectionExact:
		return delta
	case rand.IntN(collectionGrain) == 0:
		return delta * collectionGrain
	}
	return 0
}

func collectionSize(tx *kv.Tx, at kv.Key) (int64, error) {
	raw, err := tx.Get(at)
	if err != nil || raw == nil {
		return 0, err
	}
	if len(raw) != 9 || raw[0] != collectionVersion {
		return 0, errVersion
	}
	return int64(binary.BigEndian.Uint64(raw[1:])), nil
}

// metrics are the ItemCollectionMetrics of a write, nil for tables without collections: between which whole gigabytes the size is.
func (o *outcome) metrics(tx *kv.Tx) (*dynamodb.ItemCollectionMetrics, error) {
	of := o.now
	if of == nil {
		of = o.old
	}
	if of == nil || !o.table.collects() {
		return nil, nil
	}
	size, err := collectionSize(tx, o.table.collection(of))
	if err != nil {
		return nil, err
	}
	low := float64(size / gigabyte)
	hash := o.table.Key.Hash.Name
	return &dynamodb.ItemCollectionMetrics{
		ItemCollectionKey: item.Item{{Name: hash, Value: *of.Get(hash)}}, SizeEstimateRangeGB: []float64{low, low + 1},
	}, nil
}

// sized tells whether ReturnItemCollectionMetrics asks for sizes.
func sized(asked wire.Opt[string]) bool { return asked.V == "SIZE" }

// measured adds the metrics of a write to those of its request, each collection once.
func (y *tally) measured(table string, m *dynamodb.ItemCollectionMetrics) {
	if m == nil {
		return
	}
	if y.sizes == nil {
		y.sizes = map[string][]dynamodb.ItemCollectionMetrics{}
	}
	same := func(have dynamodb.ItemCollectionMetrics) bool {
		return have.ItemCollectionKey[0].Value.Str == m.ItemCollectionKey[0].Value.Str
	}
	if !slices.ContainsFunc(y.sizes[table], same) {
		y.sizes[table] = append(y.sizes[table], *m)
	}
}
