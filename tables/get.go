package tables

import (
	"bothy/api/dynamodb"
	"bothy/kv"
	"bothy/tables/expr"
	"bothy/wire"
	"bothy/wire/item"
)

// fetch is one item to be read.
type fetch struct {
	name  string
	key   item.Item
	proj  *expr.Projection
	table *table

	consistent bool
	statement  bool // of PartiQL: a transaction tells what is wrong with it in its place
}

func (s *Service) accessGetItem(c *wire.Call, in *dynamodb.GetItemInput) ([]wire.Access, error) {
	f, err := s.planning(c).planGet(in)
	if err != nil {
		return nil, err
	}
	keep(c, f)
	return f.table.one("dynamodb:GetItem", tableARN(scope(c), f.name), f.keys(in.ReturnConsumedCapacity)), nil
}

func (f *fetch) keys(consumed wire.Opt[string]) map[string][]string {
	var touched names
	touched.item(f.key)
	touched.projection(f.proj)
	k := itemKeys([]string{f.table.leading(f.key)}, touched, consumed)
	k[keySelect] = selected(f.proj)
	return k
}

func (pl *planning) planGet(in *dynamodb.GetItemInput) (*fetch, error) {
	f := &fetch{key: in.Key, consistent: in.ConsistentRead.V}
	var err error
	if f.name, err = tableName(pl.c, in.TableName.V); err != nil {
		return nil, err
	}
	p := readParameters(in.ProjectionExpression, in.ExpressionAttributeNames, in.AttributesToGet)
	if err = p.exclusive(); err != nil {
		return nil, err
	}
	if _, err = normaliseItem(in.Key); err != nil {
		return nil, err
	}
	if f.proj, err = readProjection(p, in.ProjectionExpression, in.AttributesToGet); err != nil {
		return nil, err
	}
	f.table, err = pl.lookup(f.name)
	return f, err
}

// readParameters are what reads by key take a projection from.
func readParameters(text wire.Opt[string], names map[string]string, attributes []string) parameters {
	p := parameters{names: names}
	if text.Set || names != nil || attributes != nil {
		p.given = []parameter{{"ProjectionExpression", text.Set}}
		p.legacy = []parameter{{"AttributesToGet", attributes != nil}}
	}
	return p
}

// readProjection is the projection of reads by key, nil for none.
func readProjection(p parameters, text wire.Opt[string], attributes []string) (*expr.Projection, error) {
	if p.given == nil {
		return nil, nil
	}
	env, err := p.env()
	if err != nil {
		return nil, err
	}
	proj, err := projection(env, text, attributes)
	if err != nil {
		return nil, err
	}
	return proj, refuse(env.Unused())
}

func (s *Service) getItem(c *wire.Call, in *dynamodb.GetItemInput) (*dynamodb.GetItemOutput, error) {
	f, err := kept[*fetch](c)
	if err != nil {
		return nil, err
	}
	it, used, err := s.fetch(c, f)
	if err != nil {
		return nil, err
	}
	out := &dynamodb.GetItemOutput{ConsumedCapacity: used.told(in.ReturnConsumedCapacity, f.table)}
	if it != nil {
		out.Item = f.proj.Of(it)
	}
	return out, nil
}

// fetch reads one item, nil when there is none.
func (s *Service) fetch(c *wire.Call, f *fetch) (it item.Item, used usage, err error) {
	g := s.reading(c, 1)
	defer g.done()
	if err := g.fill(c, f.table); err != nil {
		return nil, used, err
	}
	err = s.db.View(c, func(tx *kv.Tx) (err error) {
		g.again()
		it, used, err = s.fetchOne(tx, c, f, g)
		return err
	})
	return it, used, err
}

// fetchOne reads one item in a transaction, nil when there is none, where the gate lets it.
func (s *Service) fetchOne(tx *kv.Tx, c *wire.Call, f *fetch, g *gate) (item.Item, usage, error) {
	t, err := s.again(tx, c, f.name, f.table)
	if err != nil {
		return nil, usage{}, err
	}
	if err := f.check(t); err != nil {
		return nil, usage{}, err
	}
	return f.from(tx, t, g)
}

// from reads the item of a table that it was checked against, nil when there is none.
func (f *fetch) from(tx *kv.Tx, t *table, g *gate) (item.Item, usage, error) {
	it, err := read(tx, t.itemKey(f.key))
	if err == nil {
		err = g.hold(it)
	}
	if err != nil {
		return nil, usage{}, err
	}
	used := usage{base: g.factor * readUnits(it, f.consistent)}
	return it, used, g.pass(t, used)
}

func (f *fetch) check(t *table) error {
	if err := t.checkKey(f.key); err != nil {
		return err
	}
	return t.checkPaths(f.proj)
}

// checkPaths refuses projections of what is inside key attributes, which are scalars.
func (t *table) checkPaths(p *expr.Projection) error {
	return t.checkScalars(func(fn func(expr.Path)) {
		for _, path := range p.Paths() {
			fn(path)
		}
	})
}

// checkScalars refuses paths into key attributes: first the table's, then those of indexes.
func (t *table) checkScalars(paths func(func(expr.Path))) error {
	var nested map[string]bool
	paths(func(p expr.Path) {
		if len(p) > 1 {
			if nested == nil {
				nested = map[string]bool{}
			}
			nested[p[0].Name] = true
		}
	})
	if nested == nil {
		return nil
	}
	for _, a := range t.Key.parts() {
		if nested[a.Name] {
			return validation(notScalar+"Key: %s", a.Name)
		}
	}
	return t.indexKeys(func(_ *index, _ int, a attribute) error {
		if nested[a.Name] {
			return validation(notScalar+"IndexKey: %s", a.Name)
		}
		return nil
	})
}

const notScalar = "Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: "
