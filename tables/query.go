package tables

import (
	"slices"

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
	decided []string // partition key values that access was decided for
}

func (s *Service) accessQuery(c *wire.Call, in *dynamodb.QueryInput) ([]wire.Access, error) {
	q, err := s.planQuery(c, in)
	if err != nil {
		return nil, err
	}
	keep(c, q)
	q.decided = q.leading(q.table)
	var wanted []wire.Access
	for _, value := range q.decided {
		k := itemKeys([]string{value}, q.attributes(q.tests), in.ReturnConsumedCapacity)
		k[keySelect] = []string{q.sel}
		wanted = append(wanted, q.table.one("dynamodb:Query", q.resource(c), k)...)
	}
	return wanted, nil
}

// leading are the values of the partition key, of the table or the index, that the query asks for. Access is decided for each by
// itself: which attribute of several is the one that a policy pins nobody but its author knows, so each must be let in, and one
// that is denied denies the query, however the policy compares.
func (q *querying) leading(t *table) []string {
	if t == nil {
		return []string{nobody}
	}
	key := &t.Key
	if q.indexName != "" {
		ix := t.index(q.indexName)
		if ix == nil {
			return []string{nobody}
		}
		key = &ix.Key
	}
	hashes := key.hashes()
	values := make([]string, len(hashes))
	for i, a := range hashes {
		if values[i] = nobody; q.unequal(hashes[i:i+1]) == nil {
			values[i] = scalarKey(q.test(a).Values[0], a.Type)
		}
	}
	return values
}

func (s *Service) planQuery(c *wire.Call, in *dynamodb.QueryInput) (*querying, error) {
	q := &querying{reverse: !in.ScanIndexForward.Or(true)}
	var err error
	if q.name, err = tableName(c, in.TableName.V); err != nil {
		return nil, err
	}
	q.verb, q.indexName, q.consistent, q.limit = "Query", in.IndexName.V, in.ConsistentRead.V, int(in.Limit.V)
	if err := q.expressions(in); err != nil {
		return nil, err
	}
	if err := q.checkSelect(in.Select, in.ProjectionExpression, in.AttributesToGet, "1 validation error detected: "); err != nil {
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
	if len(entries) < 1 || len(entries) > 2*maxSeveral {
		return nil, validation(oneOrTwo)
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
		if !slices.Equal(q.leading(t), q.decided) { // an index of that name has another key by now
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
	hashes, sorts, err := q.match(schema)
	if err != nil {
		return nil, err
	}
	if err := q.checkStarted(hashes, sorts); err != nil {
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
	base = schema.appendPartition(base, first(hashes)...)
	var last *expr.KeyTest // of the sort key: those before it are equalities
	if n := len(sorts); n > 0 {
		last = sorts[n-1]
		for _, v := range first(sorts[:n-1]) {
			base = appendScalar(base, v)
		}
	}
	if p.from, p.to = bounds(base, last); start != nil {
		p.after(start)
	}
	return p, nil
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
func (q *querying) checkStarted(hashes, sorts []*expr.KeyTest) error {
	if q.start == nil {
		return nil
	}
	outside := func(t *expr.KeyTest) bool { return !t.Holds(q.start.Get(t.Name)) }
	same := !slices.ContainsFunc(hashes, outside)
	switch {
	case slices.ContainsFunc(sorts, outside):
		return validation("The provided starting key does not match the range key predicate")
	case len(sorts) > 0 && !same:
		return validation("The query can return at most one row and cannot be restarted")
	case !same:
		return validation("The provided starting key is outside query boundaries based on provided conditions")
	}
	return nil
}
