package tables

import (
	"bytes"

	"bothy/api/dynamodb"
	"bothy/kv"
	"bothy/tables/expr"
	"bothy/wire"
	"bothy/wire/item"
)

// querying is a Query, checked as far as it can be without the table.
type querying struct {
	search
	tests   []expr.KeyTest
	reverse bool
	decided string // partition key value that access was decided for
}

func (s *Service) accessQuery(c *wire.Call, in *dynamodb.QueryInput) ([]wire.Access, error) {
	q, err := s.planQuery(c, in)
	if err != nil {
		return nil, err
	}
	keep(c, q)
	q.decided = q.leading(q.table)
	k := itemKeys([]string{q.decided}, q.attributes(q.tests), in.ReturnConsumedCapacity)
	k[keySelect] = []string{q.sel}
	return q.table.one("dynamodb:Query", q.resource(c), k), nil
}

// leading is the partition key value, of the table or the index, that the query asks for.
func (q *querying) leading(t *table) string {
	if t == nil {
		return nobody
	}
	hash := t.Key.Hash
	if q.indexName != "" {
		ix := t.index(q.indexName)
		if ix == nil {
			return nobody
		}
		hash = ix.Key.Hash
	}
	for _, test := range q.tests {
		if test.Name == hash.Name && test.Op == expr.EQ {
			return scalarKey(test.Values[0], hash.Type)
		}
	}
	return nobody
}

func (s *Service) planQuery(c *wire.Call, in *dynamodb.QueryInput) (*querying, error) {
	q := &querying{reverse: !in.ScanIndexForward.Or(true)}
	var err error
	if q.name, err = tableName(c, in.TableName.V); err != nil {
		return nil, err
	}
	q.indexName, q.consistent, q.limit = in.IndexName.V, in.ConsistentRead.V, int(in.Limit.V)
	if err := q.expressions(in); err != nil {
		return nil, err
	}
	if err := q.checkSelect(in.Select, q.proj != nil); err != nil {
		return nil, err
	}
	q.table, err = s.lookup(c, q.name)
	return q, err
}

func (q *querying) expressions(in *dynamodb.QueryInput) error {
	p := parameters{
		names: in.ExpressionAttributeNames, values: in.ExpressionAttributeValues,
		given: []parameter{text("ProjectionExpression", in.ProjectionExpression), text("FilterExpression", in.FilterExpression), text("KeyConditionExpression", in.KeyConditionExpression)},
		legacy: []parameter{{"AttributesToGet", in.AttributesToGet != nil}, {"QueryFilter", in.QueryFilter != nil}, text("ConditionalOperator", in.ConditionalOperator),
			{"KeyConditions", in.KeyConditions != nil && in.KeyConditionExpression.Set}}, // AWS lets KeyConditions stand beside other expressions
	}
	if err := p.exclusive(); err != nil {
		return err
	}
	if err := q.instead(in.QueryFilter, in.ConditionalOperator, in.AttributesToGet); err != nil {
		return err
	}
	if err := q.checkStart(in.ExclusiveStartKey); err != nil {
		return err
	}
	if in.KeyConditions == nil && !in.KeyConditionExpression.Set {
		return validation("Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.")
	}
	env, err := p.env()
	if err != nil {
		return err
	}
	key, err := condition(env, "KeyConditionExpression", in.KeyConditionExpression)
	if err != nil {
		return err
	}
	if err := q.given(env, in.FilterExpression, in.ProjectionExpression); err != nil {
		return err
	}
	if key != nil {
		q.tests, err = key.KeyTests()
	} else {
		q.tests, err = keyConditions(in.KeyConditions)
	}
	return refuse(err)
}

// keyConditions reads the legacy parameter.
func keyConditions(m map[string]dynamodb.Condition) ([]expr.KeyTest, error) {
	entries, err := legacyEntries(m)
	if err != nil {
		return nil, err
	}
	if len(entries) != 1 && len(entries) != 2 {
		return nil, validation("Conditions can be of length 1 or 2 only")
	}
	tests := make([]expr.KeyTest, len(entries))
	for i := range entries {
		l := &entries[i]
		tests[i] = expr.KeyTest{Name: l.Name, Op: expr.KeyOp(l.Op)}
		for j := range l.Values {
			tests[i].Values = append(tests[i].Values, &l.Values[j])
		}
	}
	return tests, nil
}

func (s *Service) query(c *wire.Call, in *dynamodb.QueryInput) (*dynamodb.QueryOutput, error) {
	q, err := kept[*querying](c)
	if err != nil {
		return nil, err
	}
	gate := s.reading(c, 1)
	defer gate.done()
	if err := gate.fill(c, q.table); err != nil {
		return nil, err
	}
	var g *page
	var ix *index
	err = s.db.View(c, func(tx *kv.Tx) error {
		t, err := s.again(tx, c, q.name, q.table)
		if err != nil {
			return err
		}
		if q.leading(t) != q.decided { // an index of that name has another key by now
			return wire.Because(notFound(), "index %s changed while the request was being decided", q.indexName)
		}
		var p *pageOf
		if p, err = q.plan(t); err != nil {
			return err
		}
		ix = p.index
		g, err = p.read(tx, c, gate)
		return err
	})
	if err != nil {
		return nil, err
	}
	out := &dynamodb.QueryOutput{
		Count: wire.Some(int32(g.matched)), ScannedCount: wire.Some(int32(g.scanned)), LastEvaluatedKey: g.last,
		ConsumedCapacity: g.usage(ix, q.consistent).told(in.ReturnConsumedCapacity, q.table),
	}
	if q.sel != "COUNT" {
		out.Items = present(g.items.Items())
	}
	return out, nil
}

// present is a list that is shown even when empty.
func present(items []item.Item) []item.Item {
	if items == nil {
		return []item.Item{}
	}
	return items
}

// plan turns the tests into a range of keys.
func (q *querying) plan(t *table) (*pageOf, error) {
	ix, err := q.resolve(t)
	if err != nil {
		return nil, err
	}
	schema, base := &t.Key, t.rows
	if ix != nil {
		schema, base = &ix.Key, t.indexPrefix(ix)
	}
	start, err := q.startKey(t, ix, schema)
	if err != nil {
		return nil, err
	}
	hash, sort, err := q.match(schema)
	if err != nil {
		return nil, err
	}
	if err := q.checkStarted(schema, hash, sort); err != nil {
		return nil, err
	}
	if err := t.checkPaths(q.proj); err != nil {
		return nil, err
	}
	if err := q.checkFilter(schema); err != nil {
		return nil, err
	}
	if err := q.checkUse(t, ix); err != nil {
		return nil, err
	}
	p := q.page(t, ix)
	p.reverse = q.reverse
	base = append(make([]byte, 0, len(base)+64), base...)
	base = schema.appendPartition(base, hash.Values[0])
	if p.from, p.to = bounds(base, sort); start != nil {
		p.after(start)
	}
	return p, nil
}

// match finds the tests of the partition key and of the sort key, and checks them against the schema.
func (q *querying) match(k *keySchema) (hash, sort *expr.KeyTest, err error) {
	if len(q.tests) > 2 {
		return nil, nil, validation("Conditions can be of length 1 or 2 only")
	}
	for i := range q.tests {
		switch name := q.tests[i].Name; {
		case name == k.Hash.Name:
			hash = &q.tests[i]
		case k.Range.Name != "" && name == k.Range.Name:
			sort = &q.tests[i]
		}
	}
	switch {
	case len(q.tests) > 1 && k.Range.Name == "":
		return nil, nil, validation("Query key condition not supported")
	case hash == nil:
		return nil, nil, validation("Query condition missed key schema element: %s", k.Hash.Name)
	case sort == nil && len(q.tests) > 1:
		return nil, nil, validation("Query condition missed key schema element: %s", k.Range.Name)
	}
	if err := checkTest(hash, k.Hash, maxHash); err != nil {
		return nil, nil, err
	}
	if hash.Op != expr.EQ {
		return nil, nil, validation("Query key condition not supported")
	}
	if sort != nil {
		err = checkTest(sort, k.Range, maxRange)
	}
	return hash, sort, err
}

func checkTest(t *expr.KeyTest, a attribute, limit int) error {
	switch t.Op {
	case expr.EQ, expr.LT, expr.LE, expr.GT, expr.GE, expr.Between, expr.BeginsWith:
	default:
		return validation("Attempted conditional constraint is not an indexable operation")
	}
	for _, v := range t.Values {
		if v.Kind.String() != a.Type {
			return validation(invalid + "Condition parameter type does not match schema type")
		}
		if t.Op == expr.BeginsWith && v.Kind == item.N {
			return validation(invalid + "ComparisonOperator BEGINS_WITH is not valid for N AttributeValue type")
		}
		if limit == maxHash || t.Op == expr.EQ {
			if err := emptyKey(a.Name, v); err != nil {
				return err
			}
		}
		if v.Str != "" {
			if err := checkKeyValue(v, limit); err != nil {
				return err
			}
		}
	}
	return nil
}

// bounds is the range of keys that begin with base, a partition, and pass the test of the sort key.
func bounds(base []byte, sort *expr.KeyTest) (from, to kv.Key) {
	whole := kv.Key(base)
	if sort == nil {
		return whole, whole.End()
	}
	at := func(i int) kv.Key { return appendScalar(bytes.Clone(base), sort.Values[i]) }
	switch sort.Op {
	case expr.LT:
		return whole, at(0)
	case expr.LE:
		return whole, at(0).End()
	case expr.GT:
		return at(0).End(), whole.End()
	case expr.GE:
		return at(0), whole.End()
	case expr.Between:
		return at(0), at(1).End()
	case expr.BeginsWith:
		from = at(0)
		from = from[:len(from)-1] // without the end of the text: what begins with it follows
		return from, successor(from)
	}
	return at(0), at(0).End()
}

// successor is the smallest key above all that begin with k.
func successor(k kv.Key) kv.Key {
	s := bytes.Clone(k)
	for s[len(s)-1] == 0xFF {
		s = s[:len(s)-1]
	}
	s[len(s)-1]++
	return s
}

func (q *querying) checkFilter(k *keySchema) error {
	word := "Filter Expression"
	if q.legacy {
		word = "QueryFilter"
	}
	used := map[string]bool{}
	q.filter.Paths(func(p expr.Path) { used[p[0].Name] = true })
	for _, a := range k.parts() {
		if used[a.Name] {
			return validation("%s can only contain non-primary key attributes: Primary key attribute: %s", word, a.Name)
		}
	}
	return nil
}

// checkStarted checks that ExclusiveStartKey, where there is one, lies in what is asked for.
func (q *querying) checkStarted(k *keySchema, hash, sort *expr.KeyTest) error {
	if q.start == nil {
		return nil
	}
	same := expr.Equal(q.start.Get(k.Hash.Name), hash.Values[0])
	switch {
	case sort != nil && !sort.Holds(q.start.Get(k.Range.Name)):
		return validation("The provided starting key does not match the range key predicate")
	case sort != nil && !same:
		return validation("The query can return at most one row and cannot be restarted")
	case !same:
		return validation("The provided starting key is outside query boundaries based on provided conditions")
	}
	return nil
}
