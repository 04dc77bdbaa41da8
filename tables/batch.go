package tables

import (
	"errors"

	"bothy/api/dynamodb"
	"bothy/kv"
	"bothy/policy"
	"bothy/tables/expr"
	"bothy/wire"
	"bothy/wire/item"
)

// Limits of batches.
const (
	maxBatchGet   = 100
	maxBatchWrite = 25
	maxBatchBytes = 16 << 20 // of items returned; what is beyond comes back as UnprocessedKeys
)

// tableGet is one table's part of a BatchGetItem.
type tableGet struct {
	asked string // as the request names it
	name  string
	keys  []item.Item
	proj  *expr.Projection
	in    dynamodb.KeysAndAttributes
	table *table
}

func (s *Service) accessBatchGet(c *wire.Call, in *dynamodb.BatchGetItemInput) ([]wire.Access, error) {
	gets, err := s.planBatchGet(c, in)
	if err != nil {
		return nil, err
	}
	keep(c, gets)
	var wants []wire.Access
	for _, g := range gets {
		var touched names
		leading := make([]string, len(g.keys))
		for i, key := range g.keys {
			touched.item(key)
			leading[i] = g.table.leading(key)
		}
		touched.projection(g.proj)
		k := itemKeys(leading, touched, in.ReturnConsumedCapacity)
		k[keySelect] = selected(g.proj)
		wants = append(wants, g.table.want("dynamodb:BatchGetItem", tableARN(scope(c), g.name), k))
	}
	return wants, nil
}

func (s *Service) planBatchGet(c *wire.Call, in *dynamodb.BatchGetItemInput) ([]*tableGet, error) {
	var gets []*tableGet
	if err := unmixed(in.RequestItems); err != nil {
		return nil, err
	}
	total := 0
	for _, asked := range keysOf(in.RequestItems) {
		g := &tableGet{asked: asked, in: in.RequestItems[asked]}
		g.keys = g.in.Keys
		var err error
		if g.name, err = tableName(c, asked); err != nil {
			return nil, err
		}
		p := readParameters(g.in.ProjectionExpression, g.in.ExpressionAttributeNames, g.in.AttributesToGet)
		if err = p.exclusive(); err != nil {
			return nil, err
		}
		if g.proj, err = readProjection(p, g.in.ProjectionExpression, g.in.AttributesToGet); err != nil {
			return nil, err
		}
		for _, key := range g.keys {
			if _, err := normaliseItem(key); err != nil {
				return nil, err
			}
		}
		if total += len(g.keys); total > maxBatchGet {
			return nil, validation("Too many items requested for the BatchGetItem call")
		}
		if g.table, err = s.lookup(c, g.name); err != nil {
			return nil, err
		}
		gets = append(gets, g)
	}
	return gets, nil
}

// unmixed refuses a batch that reads one table with an expression and another with what expressions replaced.
func unmixed(items map[string]dynamodb.KeysAndAttributes) error {
	p := parameters{given: []parameter{{name: "ProjectionExpression"}}, legacy: []parameter{{name: "AttributesToGet"}}}
	for _, g := range items {
		p.given[0].set = p.given[0].set || g.ProjectionExpression.Set
		p.legacy[0].set = p.legacy[0].set || g.AttributesToGet != nil
	}
	return p.exclusive()
}

func (s *Service) batchGet(c *wire.Call, in *dynamodb.BatchGetItemInput) (*dynamodb.BatchGetItemOutput, error) {
	gets, err := kept[[]*tableGet](c)
	if err != nil {
		return nil, err
	}
	out := &dynamodb.BatchGetItemOutput{Responses: map[string][]item.Item{}, UnprocessedKeys: map[string]dynamodb.KeysAndAttributes{}}
	consumed := tally{asked: in.ReturnConsumedCapacity}
	b := &batchRead{out: out, consumed: &consumed, room: maxBatchBytes, gate: s.reading(c, 1)}
	defer b.gate.done()
	var of []*table
	for _, g := range gets {
		of = append(of, g.table)
	}
	if err := b.gate.fill(c, of...); err != nil {
		return nil, err
	}
	err = s.db.View(c, func(tx *kv.Tx) error {
		b.gate.again()
		seen := map[string]bool{}
		rows := make([][]kv.Key, len(gets))
		for i, g := range gets { // every key is checked before anything is read
			t, err := s.again(tx, c, g.name, g.table)
			if err != nil {
				return err
			}
			if rows[i], err = g.rows(t, seen); err != nil {
				return err
			}
		}
		for i, g := range gets {
			if err := g.read(tx, rows[i], b); err != nil {
				return err
			}
		}
		if b.done == 0 {
			return b.throttled
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out.ConsumedCapacity = consumed.list
	return out, nil
}

func (g *tableGet) rows(t *table, seen map[string]bool) ([]kv.Key, error) {
	rows := make([]kv.Key, len(g.keys))
	for i, key := range g.keys {
		if err := t.checkKey(key); err != nil {
			return nil, err
		}
		rows[i] = t.itemKey(key)
		if seen[string(rows[i])] {
			return nil, validation("Provided list of item keys contains duplicates")
		}
		seen[string(rows[i])] = true
	}
	return rows, t.checkPaths(g.proj)
}

// batchRead is a BatchGetItem on its way.
type batchRead struct {
	out       *dynamodb.BatchGetItemOutput
	consumed  *tally
	room      int // bytes
	gate      *gate
	done      int   // items
	throttled error // the last
}

func (g *tableGet) read(tx *kv.Tx, rows []kv.Key, b *batchRead) error {
	raws, err := tx.GetMany(rows)
	if err != nil {
		return err
	}
	found := []item.Item{}
	for i, raw := range raws {
		var it item.Item
		if raw != nil {
			if it, err = decodeOwned(raw); err != nil {
				return err
			}
		}
		used := usage{base: readUnits(it, g.in.ConsistentRead.V)}
		if b.room -= itemSize(it); b.room >= 0 {
			if b.throttled = b.gate.hold(it); b.throttled == nil {
				b.throttled = b.gate.pass(g.table, used)
			}
		}
		if b.room < 0 || b.throttled != nil { // neither will there be room, or throughput, for the rest
			rest := g.in
			rest.Keys = g.keys[i:]
			b.out.UnprocessedKeys[g.asked] = rest
			break
		}
		b.done++
		if b.consumed.add(used.told(b.consumed.asked, g.table)); it != nil {
			found = append(found, g.proj.Of(it))
		}
	}
	b.out.Responses[g.asked] = found
	return nil
}

func (s *Service) accessBatchWrite(c *wire.Call, in *dynamodb.BatchWriteItemInput) ([]wire.Access, error) {
	writes, err := s.planBatchWrite(c, in)
	if err != nil {
		return nil, err
	}
	keep(c, writes)
	var wants []wire.Access
	for _, asked := range keysOf(in.RequestItems) {
		var of *mutation
		var touched names
		var leading []string
		for _, m := range writes {
			if m.asked != asked {
				continue
			}
			touched.item(m.key)
			leading = append(leading, m.table.leading(m.key))
			of = &m.mutation
		}
		if of != nil { // else nothing is to be written to that table
			wants = append(wants, of.table.want("dynamodb:BatchWriteItem", tableARN(scope(c), of.name), itemKeys(leading, touched, in.ReturnConsumedCapacity)))
		}
	}
	return wants, nil
}

// batched is a mutation and the name its request gave the table.
type batched struct {
	mutation
	asked   string
	request dynamodb.WriteRequest
}

func (s *Service) planBatchWrite(c *wire.Call, in *dynamodb.BatchWriteItemInput) ([]*batched, error) {
	var writes []*batched
	for _, asked := range keysOf(in.RequestItems) {
		name, err := tableName(c, asked)
		if err != nil {
			return nil, err
		}
		t, err := s.lookup(c, name)
		if err != nil {
			return nil, err
		}
		for _, r := range in.RequestItems[asked] {
			if (r.PutRequest == nil) == (r.DeleteRequest == nil) {
				return nil, validation("%s", tooManyTypes)
			}
		}
		for _, r := range in.RequestItems[asked] {
			m, err := writeRequest(r)
			if err != nil {
				return nil, err
			}
			m.asked, m.name, m.table, m.needOld, m.sizes = asked, name, t, wants(in.ReturnConsumedCapacity), sized(in.ReturnItemCollectionMetrics)
			if writes = append(writes, m); len(writes) > maxBatchWrite {
				return nil, validation("Too many items requested for the BatchWriteItem call")
			}
		}
	}
	return writes, nil
}

func writeRequest(r dynamodb.WriteRequest) (*batched, error) {
	m := &batched{request: r}
	var err error
	if r.PutRequest != nil {
		m.verb, m.key = verbPut, r.PutRequest.Item
	} else {
		m.verb, m.key = verbDelete, r.DeleteRequest.Key
	}
	m.size, err = normaliseItem(m.key)
	return m, err
}

// checkBatched is check in the words of batches, where an item's key counts as a key that was given.
func (m *batched) checkBatched(t *table) error {
	if m.verb == verbPut {
		for _, a := range t.Key.parts() {
			if v := m.key.Get(a.Name); v == nil || v.Kind.String() != a.Type {
				return validation("%s", errKeySchema)
			}
		}
	}
	return m.check(t)
}

// batchWritten is what a BatchWriteItem did so far.
type batchWritten struct {
	gate      *gate
	consumed  tally
	left      map[string][]dynamodb.WriteRequest // what there was no throughput for
	done      int
	throttled error // the last
}

// batchWrite does the whole batch in one transaction, or in several when it is too large for one. Left unprocessed is only what
// there is no throughput for.
func (s *Service) batchWrite(c *wire.Call, in *dynamodb.BatchWriteItemInput) (*dynamodb.BatchWriteItemOutput, error) {
	writes, err := kept[[]*batched](c)
	if err != nil {
		return nil, err
	}
	all := &batchWritten{gate: s.writing(c, 1), consumed: tally{asked: in.ReturnConsumedCapacity}, left: map[string][]dynamodb.WriteRequest{}}
	var of []*table
	for _, m := range writes {
		of = append(of, m.table)
	}
	if err := all.gate.fill(c, of...); err != nil {
		return nil, err
	}
	if err := s.batchTogether(c, writes, all); err != nil {
		return nil, err
	}
	if all.done == 0 {
		return nil, all.throttled
	}
	return &dynamodb.BatchWriteItemOutput{UnprocessedItems: all.left, ConsumedCapacity: all.consumed.list, ItemCollectionMetrics: all.consumed.sizes}, nil
}

// batchTogether does writes in one transaction. Halves that are too large for one are done one after the other.
func (s *Service) batchTogether(c *wire.Call, writes []*batched, all *batchWritten) error {
	var one *batchWritten
	err := s.db.Update(c, func(tx *kv.Tx) error {
		one = &batchWritten{gate: all.gate, consumed: tally{asked: all.consumed.asked}}
		one.gate.again()
		places, err := s.checkBatch(tx, c, writes)
		if err != nil {
			return err
		}
		for i, m := range writes {
			if err := one.write(tx, places[i], m); err != nil {
				return err
			}
		}
		return nil
	})
	if half := len(writes) / 2; errors.Is(err, kv.ErrLimit) && half > 0 {
		if err := s.batchTogether(c, writes[:half], all); err != nil {
			return err
		}
		return s.batchTogether(c, writes[half:], all)
	}
	if err != nil {
		return err
	}
	one.gate.done()
	all.add(one)
	return nil
}

// write does one write of a transaction, unless it is throttled.
func (b *batchWritten) write(tx *kv.Tx, at place, m *batched) error {
	before := b.gate.holds
	o, err := m.do(tx, at.table, at.row, b.gate)
	b.gate.holds = before // nothing of it stays
	if isThrottled(err) {
		if b.left == nil {
			b.left = map[string][]dynamodb.WriteRequest{}
		}
		b.left[m.asked], b.throttled = append(b.left[m.asked], m.request), err
		return nil
	}
	if err != nil {
		return err
	}
	b.done++
	b.consumed.add(writeCapacity(b.consumed.asked, 1, o))
	b.consumed.measured(at.table.Name, o.sizes)
	return nil
}

// add adds what one transaction did.
func (b *batchWritten) add(one *batchWritten) {
	for i := range one.consumed.list {
		b.consumed.add(&one.consumed.list[i])
	}
	for table, sizes := range one.consumed.sizes {
		for i := range sizes {
			b.consumed.measured(table, &sizes[i])
		}
	}
	for asked, requests := range one.left {
		b.left[asked] = append(b.left[asked], requests...)
	}
	b.done += one.done
	if one.throttled != nil {
		b.throttled = one.throttled
	}
}

// checkBatch reads the tables of all writes, and refuses what is wrong before anything is written.
func (s *Service) checkBatch(tx *kv.Tx, c *wire.Call, writes []*batched) ([]place, error) {
	var r reading
	places, seen := make([]place, len(writes)), make(map[string]bool, len(writes))
	for i, m := range writes {
		t, err := r.again(s, tx, c, m.name, m.table)
		if err != nil {
			return nil, err
		}
		if err := m.checkBatched(t); err != nil {
			return nil, err
		}
		places[i] = place{t, t.itemKey(m.key)}
		if seen[string(places[i].row)] {
			return nil, validation("Provided list of item keys contains duplicates")
		}
		seen[string(places[i].row)] = true
	}
	return places, nil
}

// enclosed adds dynamodb:EnclosingOperation to the keys of an action inside a transaction.
func enclosed(k policy.Keys, operation string) policy.Keys {
	k[keyEnclosing] = []string{operation}
	return k
}
