package tables

import (
	"bytes"
	"encoding/base64"
	"slices"
	"strings"

	"bothy/api/dynamodb"
	"bothy/kv"
	"bothy/tables/expr"
	"bothy/tables/partiql"
	"bothy/wire"
	"bothy/wire/item"
)

// selecting is a SELECT made into reads: of the partitions its WHERE confines it to, one after the other, or of everything.
// The whole WHERE filters what is read, so the reads need only be wide enough.
type selecting struct {
	index      *index // nil: the table itself
	schema     *keySchema
	where      *expr.Condition
	columns    *expr.Projection
	partitions []*item.Value // nil: a scan
	sort       *expr.KeyTest // narrows the partitions; nil: none
	reverse    bool
}

// maxReads is how many partition key values, or pairs with sort keys, one SELECT may name.
const maxReads = 50

func newSelecting(st *partiql.Statement, t *table) (*selecting, error) {
	q := &selecting{schema: &t.Key, where: st.Where, columns: st.Columns}
	if st.Index != "" {
		if t.vector(st.Index) != nil {
			return nil, t.noIndex(st.Index, "Scan")
		}
		if q.index = t.index(st.Index); q.index == nil || q.index.Status == statusDeleting {
			return nil, validation("The table does not have the specified index")
		}
		if q.index.Status == statusCreating {
			return nil, validation("Cannot read from backfilling global secondary index: %s", st.Index)
		}
		if q.schema = &q.index.Key; q.schema.several() {
			return nil, validation("PartiQL statements cannot be executed on tables with multi-attribute HASH keys or multi-attribute RANGE keys.")
		}
	}
	if err := q.confine(); err != nil {
		return nil, err
	}
	if err := q.checkProjected(t); err != nil {
		return nil, err
	}
	return q, q.orderBy(st.Order)
}

// confine finds the partitions, and within them the sort keys, that hold all there is to find.
func (q *selecting) confine() error {
	where := q.where.Node()
	if where == nil {
		return nil
	}
	values, ok := where.Pins(q.schema.Hash.Name)
	if !ok {
		return nil
	}
	for _, v := range values {
		if err := q.checkTest(&expr.KeyTest{Op: expr.EQ, Values: []*item.Value{v}}, q.schema.Hash, maxHash); err != nil {
			return err
		}
		if !slices.ContainsFunc(q.partitions, func(have *item.Value) bool { return expr.Equal(have, v) }) {
			q.partitions = append(q.partitions, v)
		}
	}
	reads := len(q.partitions)
	for _, part := range where.Parts() {
		n, err := q.confineSort(part)
		if err != nil {
			return err
		}
		if reads *= n; reads > maxReads {
			return validation("Too many decomposed read operations for a given query.")
		}
	}
	return nil
}

// confineSort looks at what a part of the WHERE says of the sort key, and tells how many values of it are named, if any.
func (q *selecting) confineSort(part *expr.Node) (named int, err error) {
	key := q.schema.Range
	if key.Name == "" {
		return 1, nil
	}
	if t, ok := part.Test(); ok && t.Name == key.Name {
		if q.sort == nil {
			q.sort = &t
		}
		return 1, q.checkTest(&t, key, maxRange)
	}
	values, ok := part.Pins(key.Name)
	if !ok {
		return 1, nil
	}
	for _, v := range values {
		if err := q.checkTest(&expr.KeyTest{Op: expr.EQ, Values: []*item.Value{v}}, key, maxRange); err != nil {
			return 0, err
		}
	}
	return len(values), nil
}

// checkTest refuses tests of values that the key attribute cannot have.
func (q *selecting) checkTest(t *expr.KeyTest, a attribute, limit int) error {
	for _, v := range t.Values {
		switch v.Kind {
		case item.S, item.N, item.B:
			if v.Kind.String() != a.Type {
				return validation("Key attribute's data type should match its data type in table's schema: Key %s", a.Name)
			}
		default:
			return validation("Key value must be of type S, N, or B. Key name: %s, Key type: %s", a.Name, v.Kind)
		}
	}
	return checkTest(t, a, limit)
}

// checkProjected refuses what an index cannot show: columns of a global index, and conditions of a read by its key.
func (q *selecting) checkProjected(t *table) error {
	if err := t.checkPaths(q.columns); err != nil {
		return err
	}
	if q.index == nil {
		return nil
	}
	if lacks := t.unprojected(q.index, q.columns.Paths()); !q.index.Local && len(lacks) > 0 {
		return validation(invalid+"Global secondary index %s does not project [%s]", q.index.Name, strings.Join(lacks, ", "))
	}
	if where := q.where.Node(); where == nil || len(where.Parts()) == 1 || q.partitions == nil {
		return nil
	}
	var paths []expr.Path
	q.where.Paths(func(p expr.Path) { paths = append(paths, p) })
	if lacks := t.unprojected(q.index, paths); len(lacks) > 0 {
		return validation(invalid+"Secondary index %s does not project one or more filter attributes: [%s]", q.index.Name, strings.Join(lacks, ", "))
	}
	return nil
}

// unprojected are the attributes an index does not show, each once.
func (t *table) unprojected(ix *index, paths []expr.Path) (lacks []string) {
	for _, p := range paths {
		if name := p[0].Name; !t.projects(ix, name) && !slices.Contains(lacks, name) {
			lacks = append(lacks, name)
		}
	}
	return lacks
}

// orderBy reads ORDER BY, which only names keys: partitions are in their own order, and items in that of the sort key.
func (q *selecting) orderBy(order []partiql.Order) error {
	if order == nil {
		return nil
	}
	if q.where == nil {
		return validation("Must have WHERE clause in the statement when using ORDER BY clause.")
	}
	if q.partitions == nil {
		return validation("Must have at least one non-optional hash key condition in WHERE clause when using ORDER BY clause.")
	}
	byHash := false
	q.reverse = true // as AWS has it, where the sort key is not named
	for i, o := range order {
		switch {
		case !q.schema.has(o.Name) || i > 0 && order[i-1].Name == o.Name:
			return validation("Attribute %s in ORDER BY clause must be part of the primary key", o.Name)
		case o.Name == q.schema.Hash.Name:
			byHash = true
			q.sortPartitions(o.Desc)
		default:
			q.reverse = o.Desc
		}
	}
	if !byHash && len(q.partitions) > 1 {
		return validation("Must have hash key in ORDER BY clause when more than one hash key condition specified in WHERE clause.")
	}
	return nil
}

func (q *selecting) sortPartitions(desc bool) {
	slices.SortFunc(q.partitions, func(a, b *item.Value) int {
		c, _ := expr.Compare(a, b)
		if desc {
			return -c
		}
		return c
	})
}

// ranges are the keys to read, in order.
func (q *selecting) ranges(t *table) [][2]kv.Key {
	base := t.rows
	if q.index != nil {
		base = t.indexPrefix(q.index)
	}
	if q.partitions == nil {
		whole := scanning{segments: 1}
		from, to := whole.bounds(base)
		return [][2]kv.Key{{from, to}}
	}
	out := make([][2]kv.Key, len(q.partitions))
	for i, v := range q.partitions {
		in := append(make([]byte, 0, len(base)+64), base...)
		from, to := bounds(q.schema.appendPartition(in, v), q.sort)
		out[i] = [2]kv.Key{from, to}
	}
	return out
}

// selectItems runs a SELECT from where its token left it.
func (s *Service) selectItems(c *wire.Call, st *statement, in *dynamodb.ExecuteStatementInput) (*dynamodb.ExecuteStatementOutput, error) {
	if ix := st.read.index; ix != nil && !ix.Local && in.ConsistentRead.V {
		return nil, validation("Strongly consistent read is not supported on Global Secondary Indexes")
	}
	at := reached{}
	if in.NextToken.Set {
		var err error
		if at, err = s.openToken(c, st, in.NextToken.V); err != nil {
			return nil, err
		}
	}
	gate := s.reading(c, 1)
	defer gate.done()
	if err := gate.fill(c, st.table); err != nil {
		return nil, err
	}
	g, next := (*page)(nil), reached{}
	err := s.db.View(c, func(tx *kv.Tx) error {
		t, err := s.again(tx, c, st.name, st.table)
		if err != nil {
			return err
		}
		q, err := newSelecting(st.Statement, t)
		if err != nil {
			return err
		}
		if now := (&statement{Statement: st.Statement, table: t, read: q}); !slices.Equal(now.leading(), st.leading()) {
			return wire.Because(notFound(), "index %s changed while the request was being decided", st.Index)
		}
		gate.again()
		if err := gate.open(t, q.index); err != nil {
			return err
		}
		g = newPage(c)
		next, err = q.run(tx, t, g, at, int(in.Limit.V))
		gate.count(t, g.usage(q.index, in.ConsistentRead.V))
		return err
	})
	if err != nil {
		return nil, err
	}
	out := &dynamodb.ExecuteStatementOutput{
		Items: present(g.items.Items()), LastEvaluatedKey: next.key,
		ConsumedCapacity: g.usage(st.read.index, in.ConsistentRead.V).told(in.ReturnConsumedCapacity, st.table),
	}
	if next.key != nil {
		out.NextToken = wire.Some(s.sealToken(c, st, next))
	}
	return out, nil
}

// reached is how far a SELECT came: the range it was in, and the last item evaluated there.
type reached struct {
	rang int
	key  item.Item
}

// run reads a page; next has no key at the end.
func (q *selecting) run(tx *kv.Tx, t *table, g *page, at reached, limit int) (next reached, err error) {
	ranges := q.ranges(t)
	for i := at.rang; i < len(ranges); i++ {
		p := &pageOf{
			table: t, index: q.index, from: ranges[i][0], to: ranges[i][1], reverse: q.reverse, limit: limit, filter: q.where, proj: q.columns,
			whole: q.index != nil && q.index.Local && t.reaches(q.index, "", q.columns),
		}
		if i == at.rang && at.key != nil {
			start, err := (&search{start: at.key}).startKey(t, q.index, nil)
			if err != nil || bytes.Compare(start, p.from) < 0 || bytes.Compare(start, p.to) >= 0 {
				return next, errToken() // the index became another one
			}
			p.after(start)
		}
		if err := p.into(tx, g); err != nil {
			return next, err
		}
		if g.last != nil {
			return reached{i, g.last}, nil
		}
	}
	return next, nil
}

func errToken() error { return validation("NextToken does not match request") }

// place is where a token counts: for one statement with its parameters, about one table, and for nobody but who asked.
func (s *Service) place(c *wire.Call, st *statement) string {
	caller := ""
	if c.Principal != nil {
		caller = c.Principal.Account
	}
	return "tables.next/1/" + st.table.ID + "/" + caller + "/" + string(st.id[:])
}

func (s *Service) sealToken(c *wire.Call, st *statement, r reached) string {
	plain := append([]byte{byte(r.rang)}, encodeItem(r.key, 0)...)
	return base64.StdEncoding.EncodeToString(s.sealer.Seal(s.place(c, st), plain))
}

func (s *Service) openToken(c *wire.Call, st *statement, token string) (r reached, err error) {
	sealed, err := base64.StdEncoding.DecodeString(token)
	if err != nil {
		return r, validation("Invalid NextToken")
	}
	plain, err := s.sealer.Open(s.place(c, st), sealed)
	if err != nil || len(plain) == 0 {
		return r, wire.Because(errToken(), "the token was changed, or belongs to another statement, other parameters or another table")
	}
	r.rang = int(plain[0]) // fewer than maxReads
	r.key, err = decodeItem(string(plain[1:]))
	return r, err
}
