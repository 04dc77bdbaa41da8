package tables

import (
	"bytes"

	"bothy/api/dynamodb"
	"bothy/wire"
	"bothy/wire/item"
)

// Capacity units as AWS bills them: 4 KB read consistently, 1 KB written; half for eventually consistent reads, twice in
// transactions.
const (
	readUnit  = 4 << 10
	writeUnit = 1 << 10
)

func wants(consumed wire.Opt[string]) bool { return consumed.Set && consumed.V != "NONE" }

func units(size, unit int) float64 { return float64(max(1, (size+unit-1)/unit)) }

func readUnits(it item.Item, consistent bool) float64 {
	return rated(units(itemSize(it), readUnit), consistent)
}

func rated(u float64, consistent bool) float64 {
	if consistent {
		return u
	}
	return u / 2
}

// usage is what an operation consumes: of the table itself, and of its indexes.
type usage struct {
	base    float64
	parts   []part
	vectors map[string]dynamodb.VectorCapacity
}

type part struct {
	index *index
	units float64
}

// readUsage is a read of a table, or of an index of it.
func readUsage(ix *index, u float64) usage {
	if ix == nil {
		return usage{base: u}
	}
	return usage{parts: []part{{ix, u}}}
}

// usage is what the write consumes, factor 2 in transactions.
func (o *outcome) usage(factor float64) usage {
	u := usage{base: factor * units(max(o.table.billed(o.old), o.table.billed(o.now)), writeUnit)}
	for i := range o.table.Indexes {
		ix := &o.table.Indexes[i]
		if n := o.indexUnits(ix) * factor; n > 0 {
			u.parts = append(u.parts, part{ix, n})
		}
	}
	u.vectors = o.vectorUsage()
	return u
}

// told is the usage as a request asked to be told, nil when it did not.
func (u usage) told(asked wire.Opt[string], t *table) *dynamodb.ConsumedCapacity {
	if !wants(asked) {
		return nil
	}
	total := u.base
	for _, p := range u.parts {
		total += p.units
	}
	c := &dynamodb.ConsumedCapacity{TableName: wire.Some(t.Name), CapacityUnits: wire.Some(total)}
	if asked.V != "INDEXES" {
		return c
	}
	c.Table, c.VectorIndexes = &dynamodb.Capacity{CapacityUnits: wire.Some(u.base)}, u.vectors
	for _, p := range u.parts {
		m := &c.GlobalSecondaryIndexes
		if p.index.Local {
			m = &c.LocalSecondaryIndexes
		}
		if *m == nil {
			*m = map[string]dynamodb.Capacity{}
		}
		(*m)[p.index.Name] = dynamodb.Capacity{CapacityUnits: wire.Some(p.units)}
	}
	return c
}

// readCapacity tells what a read of a table, or of an index of it, consumed; nil when nobody asked.
func readCapacity(asked wire.Opt[string], t *table, ix *index, u float64) *dynamodb.ConsumedCapacity {
	return readUsage(ix, u).told(asked, t)
}

// writeCapacity tells what a write consumed, factor 2 in transactions; nil when nobody asked.
func writeCapacity(asked wire.Opt[string], factor float64, o *outcome) *dynamodb.ConsumedCapacity {
	if !wants(asked) {
		return nil
	}
	return o.usage(factor).told(asked, o.table)
}

// indexUnits counts an entry removed, an entry added, or a projection changed.
func (o *outcome) indexUnits(ix *index) float64 {
	before, after := o.table.entry(ix, o.row, o.old), o.table.entry(ix, o.row, o.now)
	was, is := o.table.shown(ix, o.old), o.table.shown(ix, o.now)
	switch {
	case before == nil && after == nil:
		return 0
	case bytes.Equal(before, after):
		if bytes.Equal(encodeItem(was, 0), encodeItem(is, 0)) {
			return 0
		}
		return units(max(itemSize(was), itemSize(is)), writeUnit)
	case before == nil:
		return units(itemSize(is), writeUnit)
	case after == nil:
		return units(itemSize(was), writeUnit)
	}
	return units(itemSize(was), writeUnit) + units(itemSize(is), writeUnit)
}

// shown is what an index shows of an item.
func (t *table) shown(ix *index, it item.Item) item.Item {
	if ix == nil || ix.Projection == "ALL" || it == nil {
		return it
	}
	out := make(item.Item, 0, len(it))
	for i := range it {
		if t.projects(ix, it[i].Name) {
			out = append(out, it[i])
		}
	}
	return out
}

// asReads says of what a transaction consumed that it was for reading; asWrites, for writing.
func asReads(list []dynamodb.ConsumedCapacity) []dynamodb.ConsumedCapacity {
	return each(list, func(of *dynamodb.Capacity) { of.ReadCapacityUnits = of.CapacityUnits })
}

func asWrites(list []dynamodb.ConsumedCapacity) []dynamodb.ConsumedCapacity {
	return each(list, func(of *dynamodb.Capacity) { of.WriteCapacityUnits = of.CapacityUnits })
}

func each(list []dynamodb.ConsumedCapacity, mark func(*dynamodb.Capacity)) []dynamodb.ConsumedCapacity {
	for i := range list {
		c := &list[i]
		total := dynamodb.Capacity{CapacityUnits: c.CapacityUnits}
		mark(&total)
		c.ReadCapacityUnits, c.WriteCapacityUnits = total.ReadCapacityUnits, total.WriteCapacityUnits
		if c.Table != nil {
			mark(c.Table)
		}
		for _, indexes := range []map[string]dynamodb.Capacity{c.LocalSecondaryIndexes, c.GlobalSecondaryIndexes} {
			for name, part := range indexes {
				mark(&part)
				indexes[name] = part
			}
		}
	}
	return list
}

// tally adds up the capacity that a batch or transaction consumed, and the sizes of the collections it changed, by table.
type tally struct {
	asked wire.Opt[string]
	list  []dynamodb.ConsumedCapacity
	sizes map[string][]dynamodb.ItemCollectionMetrics
}

func (y *tally) add(c *dynamodb.ConsumedCapacity) {
	if c == nil {
		return
	}
	for i := range y.list {
		if have := &y.list[i]; have.TableName.V == c.TableName.V {
			have.CapacityUnits.V += c.CapacityUnits.V
			if c.Table != nil {
				have.Table.CapacityUnits.V += c.Table.CapacityUnits.V
			}
			have.LocalSecondaryIndexes = sum(have.LocalSecondaryIndexes, c.LocalSecondaryIndexes)
			have.GlobalSecondaryIndexes = sum(have.GlobalSecondaryIndexes, c.GlobalSecondaryIndexes)
			have.VectorIndexes = sumVectors(have.VectorIndexes, c.VectorIndexes)
			return
		}
	}
	y.list = append(y.list, *c)
}

func sum(a, b map[string]dynamodb.Capacity) map[string]dynamodb.Capacity {
	if a == nil {
		return b
	}
	for name, c := range b {
		have := a[name]
		a[name] = dynamodb.Capacity{CapacityUnits: wire.Some(have.CapacityUnits.V + c.CapacityUnits.V)}
	}
	return a
}
