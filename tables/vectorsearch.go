package tables

import (
	"bytes"
	"context"
	"slices"
	"time"

	"bothy/api/dynamodb"
	"bothy/kv"
	"bothy/tables/expr"
	"bothy/wire"
	"bothy/wire/item"
)

// Limits of a search.
const (
	maxTopK        = 100
	maxSearchBytes = 16 << 20        // of attributes in an answer
	maxSearched    = 1 << 30         // bytes of entries looked at: what is more is to be divided by a HASH element
	searchRows     = 500             // entries looked at in one turn
	searchWait     = 3 * time.Second // for a turn
	searchItems    = 10              // items read at a time
)

// searchingVectors is a SearchVectors, checked as far as it can be without the table.
type searchingVectors struct {
	name      string
	indexName string
	table     *table // that access was decided for; nil: none
	tests     []vectorTest
	proj      *expr.Projection
	to        []float32
	most      int
}

// vectorTest is what a search asks an attribute to be.
type vectorTest struct {
	path  expr.Path
	value *item.Value
}

// accessSearchVectors wants the values of a partition where the search is limited to one: that of the index, or the table's own
// when nothing divides the index. Scores tell about vectors, so a search touches them.
func (s *Service) accessSearchVectors(c *wire.Call, in *dynamodb.SearchVectorsInput) ([]wire.Access, error) {
	q, err := s.planSearchVectors(c, in)
	if err != nil {
		return nil, err
	}
	keep(c, q)
	vx := q.table.vectorOf(q.indexName)
	k := itemKeys([]string{q.leading(vx)}, q.attributes(vx), in.ReturnConsumedCapacity)
	k[keySelect] = []string{"ALL_PROJECTED_ATTRIBUTES"}
	if q.proj != nil {
		k[keySelect] = []string{"SPECIFIC_ATTRIBUTES"}
	}
	if vx == nil || vx.partition() == nil {
		k[keyFullScan] = []string{"true"}
	}
	return q.table.one("dynamodb:SearchVectors", indexARN(scope(c), q.name, q.indexName), k), nil
}

// vectorOf is vector of a table that may not be there.
func (t *table) vectorOf(name string) *vectorIndex {
	if t == nil {
		return nil
	}
	return t.vector(name)
}

func (q *searchingVectors) test(name string) *item.Value {
	for _, t := range q.tests {
		if len(t.path) == 1 && t.path[0].Name == name {
			return t.value
		}
	}
	return nil
}

// leading is the partition key value that the search is limited to.
func (q *searchingVectors) leading(vx *vectorIndex) string {
	if vx == nil {
		return nobody
	}
	hash := vx.partition()
	if hash == nil {
		if hash = &q.table.Key.Hash; vx.element(hash.Name) == nil {
			return nobody
		}
	}
	return scalarKey(q.test(hash.Name), hash.Type)
}

func (q *searchingVectors) attributes(vx *vectorIndex) names {
	var n names
	if vx != nil {
		n.add(vx.Attribute)
	}
	for _, t := range q.tests {
		n.path(t.path)
	}
	n.projection(q.proj)
	return n
}

func (s *Service) planSearchVectors(c *wire.Call, in *dynamodb.SearchVectorsInput) (*searchingVectors, error) {
	q := &searchingVectors{indexName: in.IndexName.V, most: int(in.TopK.V)}
	var err error
	if q.name, err = tableName(c, in.TableName.V); err != nil {
		return nil, err
	}
	if q.most > maxTopK {
		return nil, validation("Provided TopK value '%d' is out of valid range. The value must be between 1 and %d inclusive", q.most, maxTopK)
	}
	if err := q.expressions(in); err != nil {
		return nil, err
	}
	if q.to, err = searchVector(in.SearchVector); err != nil {
		return nil, err
	}
	q.table, err = s.lookup(c, q.name)
	return q, err
}

func (q *searchingVectors) expressions(in *dynamodb.SearchVectorsInput) error {
	p := parameters{
		names: in.ExpressionAttributeNames, values: in.ExpressionAttributeValues,
		given: []parameter{text("ProjectionExpression", in.ProjectionExpression), text("SearchConditionExpression", in.SearchConditionExpression)},
	}
	if err := p.exclusive(); err != nil {
		return err
	}
	env, err := p.env()
	if err != nil {
		return err
	}
	cond, err := condition(env, "SearchConditionExpression", in.SearchConditionExpression)
	if err != nil {
		return err
	}
	if q.tests, err = equalities(cond.Node(), nil); err != nil {
		return err
	}
	if q.proj, err = projection(env, in.ProjectionExpression, nil); err != nil {
		return err
	}
	return refuse(env.Unused())
}

const badCondition = "Invalid SearchConditionExpression: "

// equalities takes a condition apart that only asks attributes to be equal to values.
func equalities(n *expr.Node, tests []vectorTest) ([]vectorTest, error) {
	for _, part := range n.Parts() {
		path, value, ok := part.Equality()
		switch {
		case ok:
			tests = append(tests, vectorTest{path, value})
		case part == n:
			return nil, validation(badCondition + "Invalid comparator used in SearchConditionExpression")
		default:
			var err error
			if tests, err = equalities(part, tests); err != nil {
				return nil, err
			}
		}
	}
	return tests, nil
}

func searchVector(values []item.Value) ([]float32, error) {
	for i := range values {
		if _, text := normalise(&values[i], 0); text != "" {
			return nil, badVector()
		}
	}
	list, ok := floatsOf(values)
	if !ok {
		return nil, badVector()
	}
	return list, nil
}

func badVector() error {
	return validation("Search vector contains invalid values. All values in the search vector must be a 32-bit floating-point number attribute")
}

// resolve finds the index, and checks what is asked of it.
func (q *searchingVectors) resolve(t *table) (*vectorIndex, error) {
	vx := t.vector(q.indexName)
	switch {
	case vx == nil || vx.Status == statusDeleting:
		return nil, validation("The table does not have the specified index: %s", q.indexName)
	case vx.Status == statusCreating:
		return nil, validation("Cannot search backfilling vector index: %s", q.indexName)
	case len(q.to) != vx.Dimensions:
		return nil, validation("Input search vector dimension %d does not match vector index dimension %d", len(q.to), vx.Dimensions)
	}
	for i, test := range q.tests {
		name := test.path[0].Name
		switch {
		case vx.element(name) == nil:
			return nil, validation("SearchConditionExpression must not contain any attributes that is not in SearchSchema. Invalid attribute: %s", name)
		case len(test.path) > 1:
			return nil, validation(badCondition + "SearchConditionExpression cannot have conditions on nested attributes")
		case slices.ContainsFunc(q.tests[:i], func(o vectorTest) bool { return o.path[0].Name == name }):
			return nil, validation(badCondition + "SearchConditionExpression must only contain one condition per attribute")
		}
	}
	if hash := vx.partition(); hash != nil && q.test(hash.Name) == nil {
		return nil, validation("SearchConditionExpression must be provided when SearchSchema has a HASH key")
	}
	for _, test := range q.tests {
		e := vx.element(test.path[0].Name)
		if test.value.Kind.String() != e.Type {
			return nil, validation("Type of '%s' attribute in SearchConditionExpression (%s) does not match type in search schema (%s)", e.Name, test.value.Kind, e.Type)
		}
		if err := emptyKey(e.Name, test.value); e.Hash && err != nil {
			return nil, err
		}
	}
	return vx, t.checkPaths(q.proj)
}

// wants tells whether the vector itself is asked for.
func (q *searchingVectors) wants(vx *vectorIndex) bool {
	return slices.ContainsFunc(q.proj.Paths(), func(p expr.Path) bool { return p[0].Name == vx.Attribute })
}

func (s *Service) searchVectors(c *wire.Call, in *dynamodb.SearchVectorsInput) (*dynamodb.SearchVectorsOutput, error) {
	q, err := kept[*searchingVectors](c)
	if err != nil {
		return nil, err
	}
	gate := s.reading(c, 1)
	defer gate.done()
	if err := gate.fill(c, q.table); err != nil {
		return nil, err
	}
	out := &dynamodb.SearchVectorsOutput{}
	read := 0
	err = s.db.View(c, func(tx *kv.Tx) error {
		t, err := s.again(tx, c, q.name, q.table)
		if err != nil {
			return err
		}
		vx, err := q.resolve(t)
		if err != nil {
			return err
		}
		if was := q.table.vector(q.indexName); was == nil || was.ID != vx.ID {
			return wire.Because(notFound(), "index %s changed while the request was being decided", q.indexName)
		}
		gate.again()
		if err := gate.open(t, nil); err != nil {
			return err
		}
		var found *nearest
		found, read, err = s.nearest(c, tx, q, vx)
		gate.count(t, usage{base: rated(units(read, readUnit), false)})
		if err == nil {
			out.SearchResults, err = q.show(tx, t, vx, found.sorted())
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if wants(in.ReturnConsumedCapacity) {
		out.ConsumedCapacity = &dynamodb.VectorCapacity{VectorSearchRequestBytes: wire.Some(float64(max(minVectorBytes, read)))}
	}
	return out, nil
}

// nearest looks at all entries there are to look at, some in a turn, and tells how many bytes they were.
func (s *Service) nearest(ctx context.Context, tx *kv.Tx, q *searchingVectors, vx *vectorIndex) (found *nearest, read int, err error) {
	found = &nearest{most: q.most, highest: vx.Distance == distanceDot, vectors: q.wants(vx)}
	var partition *item.Value
	if hash := vx.partition(); hash != nil {
		partition = q.test(hash.Name)
	}
	m, marks := newMeasure(vx.Distance, q.to), q.marks(vx)
	r := q.table.vectorRange(vx, partition).Range()
	r.Limit = searchRows
	for more := true; more; {
		n := 0
		var bad error
		err := s.turns.take(ctx, func() error {
			return tx.Scan(r, func(k kv.Key, v []byte) bool {
				n, read = n+1, read+len(v)
				if n == searchRows {
					r.From = k.After()
				}
				var row vectorRow
				if row, bad = vx.decode(v); bad == nil && marks.match(row.marks) {
					found.show(&row, m.score(row.floats))
				}
				return bad == nil
			})
		})
		if err == nil {
			err = bad
		}
		if err != nil {
			return nil, read, err
		}
		if more = n == searchRows; read > maxSearched {
			return nil, read, validation("The search goes through more than %d bytes of vectors: divide the index by a HASH element in its SearchSchema", maxSearched)
		}
	}
	return found, read, nil
}

// marks are those an entry must have: of each INLINE_FILTER, nil where any will do.
type marks []*mark

func (q *searchingVectors) marks(vx *vectorIndex) (list marks) {
	for _, e := range vx.Search {
		if e.Hash {
			continue
		}
		var m *mark
		if v := q.test(e.Name); v != nil {
			is := markOf(v)
			m = &is
		}
		list = append(list, m)
	}
	return list
}

func (list marks) match(have []byte) bool {
	for i, m := range list {
		if m != nil && !bytes.Equal(m[:], have[i*markBytes:(i+1)*markBytes]) {
			return false
		}
	}
	return true
}

// show reads the items found, and makes the answer of them.
func (q *searchingVectors) show(tx *kv.Tx, t *table, vx *vectorIndex, found []near) ([]dynamodb.SearchResultItem, error) {
	out, size := []dynamodb.SearchResultItem{}, 0
	for some := range slices.Chunk(found, searchItems) {
		rows := make([]kv.Key, len(some))
		for i := range some {
			rows[i] = append(slices.Clone(t.rows), some[i].itself...)
		}
		raws, err := tx.GetMany(rows)
		if err != nil {
			return nil, err
		}
		for i, raw := range raws {
			it, err := decodeOwned(raw) // an entry without its item is our own bug: malformed
			if err != nil {
				return nil, err
			}
			shown := q.projected(t, vx, it, &some[i])
			if size += itemSize(shown); size > maxSearchBytes {
				return nil, validation("The answer exceeds the limit of %d bytes: ask for fewer items or attributes", maxSearchBytes)
			}
			out = append(out, dynamodb.SearchResultItem{Item: detached(shown, len(raw)), Score: wire.Some(some[i].score)})
		}
	}
	return out, nil
}

// projected is what a search shows of an item.
func (q *searchingVectors) projected(t *table, vx *vectorIndex, it item.Item, found *near) item.Item {
	shown := t.vectorShown(vx, it)
	if found.vector == nil {
		return q.proj.Of(shown)
	}
	list := make([]float32, vx.Dimensions)
	for i := range list {
		list[i] = float32(at(found.vector, i))
	}
	return q.proj.Of(append(shown, item.Attribute{Name: vx.Attribute, Value: shownVector(list)}))
}

// detached is an item that does not hold on to a much larger row that it was read from.
func detached(it item.Item, row int) item.Item {
	size := itemSize(it)
	if 4*size > row {
		return it
	}
	own, err := decodeOwned(encodeItem(it, size))
	if err != nil {
		return it
	}
	return own
}

// turns lets some searches look at entries at a time, each for a moment, so that a large one holds neither the node nor small ones.
type turns chan struct{}

// take does something in a turn. Who waits longest is next.
func (t turns) take(ctx context.Context, do func() error) error {
	select {
	case t <- struct{}{}:
	default:
		late := time.NewTimer(searchWait)
		defer late.Stop()
		select {
		case t <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		case <-late.C:
			return &dynamodb.ThrottlingException{Message: wire.Some("Too many searches are running. Please try again shortly")}
		}
	}
	defer func() { <-t }()
	return do()
}
