package tables

import (
	"slices"

	"bothy/api/dynamodb"
	"bothy/kv"
	"bothy/tables/expr"
	"bothy/wire"
	"bothy/wire/item"
)

// mutation is one write of one item, whichever operation asked for it.
type mutation struct {
	verb      verb
	name      string    // table, as a name
	key       item.Item // the key attributes; of a put, the whole item
	size      int       // of a put's item, as AWS counts
	update    *expr.Update
	cond      *expr.Condition
	onFailure wire.Opt[string] // ReturnValuesOnConditionCheckFailure
	needOld   bool
	sizes     bool   // ItemCollectionMetrics are asked for
	unique    bool   // the item must be new: a failed condition says that it is not
	alone     bool   // of UpdateItem, which AWS holds to its weight too
	statement bool   // of PartiQL: a transaction tells what is wrong with it in its place
	table     *table // that access was decided for
}

type verb uint8

const (
	verbPut verb = iota
	verbUpdate
	verbDelete
	verbCheck
)

// outcome is what a mutation did.
type outcome struct {
	table    *table
	row      kv.Key
	old, now item.Item // nil: no item
	newSize  int
	sizes    *dynamodb.ItemCollectionMetrics
}

// logged is the size of the item replaced, where a log keeps it.
func (o *outcome) logged() int {
	if !o.table.Keeps.Old {
		return 0
	}
	return itemSize(o.old)
}

const itemTooLarge = "Item size has exceeded the maximum allowed size"

// check compares a mutation with the table's schema, before anything is read.
func (m *mutation) check(t *table) error {
	if m.verb == verbPut {
		if err := t.checkItem(m.key); err != nil {
			return err
		}
		if m.size > maxItem {
			return validation("%s", itemTooLarge)
		}
	} else if err := t.checkKey(m.key); err != nil {
		return err
	}
	if m.verb == verbUpdate {
		return t.checkUpdate(m.update)
	}
	return nil
}

// checkUpdate refuses updates of key attributes, of index keys to types they cannot have, and paths into any of them.
func (t *table) checkUpdate(u *expr.Update) error {
	paths := u.Paths()
	for _, a := range t.Key.parts() {
		if slices.ContainsFunc(paths, func(p expr.Path) bool { return p[0].Name == a.Name }) {
			return validation(invalid+"Cannot update attribute %s. This attribute is part of the key", a.Name)
		}
	}
	err := t.indexKeys(func(ix *index, _ int, a attribute) error {
		return u.Kinds(func(name string, k item.Kind) error {
			if a.Name == name && a.Type != k.String() {
				return validation(invalid+"Type mismatch for Index Key %s Expected: %s Actual: %s IndexName: %s", name, a.Type, k, ix.Name)
			}
			return nil
		})
	})
	if err != nil {
		return err
	}
	return t.checkScalars(u.Reads)
}

// run does the mutation in the transaction, where the gate lets it. A failed condition is ConditionalCheckFailedException.
func (m *mutation) run(tx *kv.Tx, t *table, g *gate) (*outcome, error) {
	if err := m.check(t); err != nil {
		return nil, err
	}
	return m.do(tx, t, t.itemKey(m.key), g)
}

// do is run for a mutation that has been checked, on the row of its item.
func (m *mutation) do(tx *kv.Tx, t *table, row kv.Key, g *gate) (*outcome, error) {
	o := &outcome{table: t, row: row}
	if m.needOld || m.cond != nil || m.verb == verbUpdate || t.watches() || t.metered(true) {
		var err error
		if o.old, err = read(tx, o.row); err == nil {
			err = g.hold(o.old)
		}
		if err != nil {
			return nil, err
		}
	}
	if !m.cond.Match(o.old) {
		g.count(t, usage{base: g.factor * units(t.billed(o.old), writeUnit)})
		return nil, m.unmet(o.old)
	}
	if err := m.result(o, t); err != nil {
		return nil, err
	}
	if t.metered(true) {
		if err := g.pass(t, o.usage(g.factor)); err != nil {
			return nil, err
		}
	}
	if m.verb == verbCheck {
		return o, nil
	}
	if err := t.store(tx, o.row, o.old, o.now, o.newSize); err != nil || !m.sizes {
		return o, err
	}
	var err error
	o.sizes, err = o.metrics(tx)
	return o, err
}

// unmet is the error of a condition that failed.
func (m *mutation) unmet(old item.Item) error {
	switch {
	case m.unique:
		return &dynamodb.DuplicateItemException{Message: wire.Some("Duplicate primary key exists in table")}
	case m.onFailure.V != "ALL_OLD":
		old = nil
	}
	return conditionFailed(old)
}

// result makes the item the mutation leaves.
func (m *mutation) result(o *outcome, t *table) (err error) {
	switch m.verb {
	case verbPut:
		o.now, o.newSize = m.key, m.size
	case verbCheck:
		o.now = o.old
	case verbUpdate:
		base := o.old
		if base == nil {
			base = t.keyOf(m.key, nil)
		}
		if o.old == nil && m.update.OnlyTakes() { // nothing is made to take something from it
			return nil
		}
		if o.now, err = m.update.Apply(base); err != nil {
			return refuse(err)
		}
		return t.checkUpdated(o, m)
	}
	return nil
}

// checkUpdated checks what only the updated item shows: its size, its depth, and the index keys that were updated.
func (t *table) checkUpdated(o *outcome, m *mutation) error {
	if o.newSize = itemSize(o.now); o.newSize > maxItem || m.alone && o.newSize > maxItem/2 && m.update.Weight(o.now, valueSize) > maxItem {
		return validation("Item size to update has exceeded the maximum allowed size")
	}
	for i := range o.now {
		if depthOf(&o.now[i].Value, 0) <= maxDepth {
			continue
		}
		if m.statement {
			return validation("Nesting Levels have exceeded supported limits")
		}
		return validation("%s", tooDeep)
	}
	var updated names
	for _, p := range m.update.Paths() {
		updated.path(p)
		if v := o.now.Get(p[0].Name); v != nil {
			if err := t.checkIndexUpdate(p[0].Name, v); err != nil {
				return err
			}
		}
	}
	if err := t.checkIndexSizes(o.now); err != nil {
		return err
	}
	return t.checkVectors(o.now, updated.has)
}

func (t *table) checkIndexUpdate(name string, v *item.Value) error {
	return t.indexKeys(func(ix *index, part int, a attribute) error {
		switch {
		case a.Name != name:
			return nil
		case v.Kind.String() != a.Type:
			return validation("The update expression attempted to update the secondary index key to unsupported type")
		case v.Str == "" && v.Kind != item.N:
			return validation("One or more parameter values are not valid. The update expression attempted to update a secondary index key to a value that is not supported. The AttributeValue for a key attribute cannot contain an empty %s value.", kindWord(v.Kind))
		}
		return checkKeyValue(v, ix.Key.limit(part))
	})
}

// update runs one mutation in its own transaction.
func (s *Service) update(c *wire.Call, m *mutation) (o *outcome, err error) {
	g := s.writing(c, 1)
	defer g.done()
	if err := g.fill(c, m.table); err != nil {
		return nil, err
	}
	err = s.db.Update(c, func(tx *kv.Tx) error {
		g.again()
		t, err := s.again(tx, c, m.name, m.table)
		if err != nil {
			return err
		}
		o, err = m.run(tx, t, g)
		return err
	})
	return o, err
}
