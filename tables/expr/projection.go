package expr

import (
	"slices"

	"bothy/wire/item"
)

// Projection is a set of paths to return: a ProjectionExpression, AttributesToGet, or the paths of an update.
type Projection struct {
	paths  []Path
	nested bool
	wide   map[string]bool // of many top-level paths: their names

	columns []string // of PartiQL: the names under which the paths' values show
}

// Projection parses and checks a ProjectionExpression.
func (e *Env) Projection(text string) (*Projection, error) {
	var paths []Path
	err := labelled("ProjectionExpression", text, func() (err error) {
		if paths, err = parsePaths(text); err != nil {
			return err
		}
		for _, p := range paths {
			if err := checkReserved(p); err != nil {
				return err
			}
		}
		for _, p := range paths {
			if err := e.resolve(p); err != nil {
				return err
			}
		}
		return disjoint(paths)
	})
	if err != nil {
		return nil, err
	}
	return Project(paths), nil
}

func parsePaths(text string) ([]Path, error) {
	s := newScanner(text)
	var paths []Path
	for {
		p, err := s.path()
		if err != nil {
			return nil, err
		}
		paths = append(paths, p)
		if s.cur.kind == tokEnd {
			return paths, nil
		}
		if err := s.expect(","); err != nil {
			return nil, err
		}
	}
}

// Project makes a projection of paths that do not overlap.
func Project(paths []Path) *Projection {
	return newProjection(paths)
}

func newProjection(paths []Path) *Projection {
	p := &Projection{paths: paths, nested: slices.ContainsFunc(paths, func(p Path) bool { return len(p) > 1 })}
	if len(paths) > few {
		p.wide = make(map[string]bool, len(paths))
		for _, path := range paths {
			p.wide[path[0].Name] = true
		}
	}
	return p
}

// Attributes makes a projection of top-level attributes.
func Attributes(names []string) *Projection {
	paths := make([]Path, len(names))
	for i, n := range names {
		paths[i] = Path{{Name: n}}
	}
	return newProjection(paths)
}

// Paths are the paths of the projection.
func (p *Projection) Paths() []Path {
	if p == nil {
		return nil
	}
	return p.paths
}

// Of is the part of the item that the projection names. A nil Projection is the whole item.
func (p *Projection) Of(it item.Item) item.Item {
	if p == nil {
		return it
	}
	if p.columns != nil {
		return p.row(it)
	}
	if p.nested {
		if out := branch(p.paths, 0).ofMap(it); out != nil {
			return out
		}
		return item.Item{}
	}
	out := make(item.Item, 0, min(len(p.paths), len(it)))
	if p.wide != nil {
		for i := range it {
			if p.wide[it[i].Name] {
				out = append(out, it[i])
			}
		}
		return out
	}
	for _, path := range p.paths {
		if v := it.Get(path[0].Name); v != nil {
			out = append(out, item.Attribute{Name: path[0].Name, Value: *v})
		}
	}
	return out
}

func (p *Projection) row(it item.Item) item.Item {
	out := make(item.Item, 0, len(p.paths))
	for i, path := range p.paths {
		if v := path.Find(it); v != nil {
			out = append(out, item.Attribute{Name: p.columns[i], Value: *v})
		}
	}
	return out
}

// tree is a projection by step; a leaf takes the whole value.
type tree struct {
	leaf    bool
	names   map[string]*tree
	indices map[int]*tree
}

func branch(paths []Path, depth int) *tree {
	t := &tree{names: map[string]*tree{}, indices: map[int]*tree{}}
	byName, byIndex := map[string][]Path{}, map[int][]Path{}
	for _, p := range paths {
		switch {
		case len(p) == depth:
			t.leaf = true
		case p[depth].isIndex():
			byIndex[p[depth].Index] = append(byIndex[p[depth].Index], p)
		default:
			byName[p[depth].Name] = append(byName[p[depth].Name], p)
		}
	}
	for name, sub := range byName {
		t.names[name] = branch(sub, depth+1)
	}
	for i, sub := range byIndex {
		t.indices[i] = branch(sub, depth+1)
	}
	return t
}

func (t *tree) of(v *item.Value) *item.Value {
	switch {
	case t.leaf:
		return v
	case v.Kind == item.M && len(t.names) > 0:
		if m := t.ofMap(v.More.Map); m != nil {
			out := item.Map(m)
			return &out
		}
	case v.Kind == item.L && len(t.indices) > 0:
		return t.ofList(v.More.List)
	}
	return nil
}

func (t *tree) ofMap(it item.Item) item.Item {
	var out item.Item
	for i := range it {
		if sub := t.names[it[i].Name]; sub != nil {
			if v := sub.of(&it[i].Value); v != nil {
				out = append(out, item.Attribute{Name: it[i].Name, Value: *v})
			}
		}
	}
	return out
}

func (t *tree) ofList(l []item.Value) *item.Value {
	var out []item.Value
	for i := range l {
		if sub := t.indices[i]; sub != nil {
			if v := sub.of(&l[i]); v != nil {
				out = append(out, *v)
			}
		}
	}
	if out == nil {
		return nil
	}
	v := item.List(out...)
	return &v
}
