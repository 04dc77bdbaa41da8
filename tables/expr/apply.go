package expr

import (
	"errors"
	"slices"

	"bothy/tables/number"
	"bothy/wire/item"
)

// Errors of an update that depend on the item.
const (
	errNoAttribute = Error("The provided expression refers to an attribute that does not exist in the item")
	errOperandType = Error("An operand in the update expression has an incorrect data type")
	errNoPath      = Error("The document path provided in the update expression is invalid for update")
	errTooBig      = Error("Item size to update has exceeded the maximum allowed size")
)

// maxElements bounds the list elements one update may build on the way: four times what fits into an item.
const maxElements = 4 * 400 << 10 / 2

// Apply returns the item after the update. The old one stays as it is; they share what the update leaves alone.
func (u *Update) Apply(old item.Item) (item.Item, error) {
	values := make([]item.Value, len(u.actions))
	room := maxElements
	for i := range u.actions { // all are read before any is written
		if a := &u.actions[i]; a.value != nil {
			v, err := a.value.compute(old, &room)
			if errors.Is(err, errOperandType) {
				err = a.mismatch()
			}
			if err != nil {
				return nil, err
			}
			values[i] = *v
		}
	}
	out, own := slices.Clone(old), owned{}
	var gone []Path
	for _, i := range u.writeOrder() {
		a := &u.actions[i]
		v, remove, err := a.result(old, &values[i])
		if err != nil {
			return nil, err
		}
		if remove {
			gone = append(gone, a.path)
			continue
		}
		if v == nil {
			continue
		}
		if out, err = own.put(out, a.path, v); err != nil {
			return nil, err
		}
	}
	for _, p := range gone { // indices mean the list as it was
		var err error
		if out, err = own.put(out, p, nil); err != nil {
			return nil, err
		}
	}
	own.close()
	return out, nil
}

// writeOrder sorts by path, so that elements beyond the end of a list are appended in the order of their indices.
func (u *Update) writeOrder() []int {
	order := make([]int, len(u.actions))
	for i := range order {
		order[i] = i
	}
	nested := func(a action) bool { return len(a.path) > 1 }
	if slices.ContainsFunc(u.actions, nested) {
		slices.SortStableFunc(order, func(i, j int) int { return comparePaths(u.actions[i].path, u.actions[j].path) })
	}
	return order
}

func comparePaths(a, b Path) int {
	return slices.CompareFunc(a, b, func(x, y Step) int {
		switch {
		case x.Name < y.Name:
			return -1
		case x.Name > y.Name:
			return 1
		}
		return x.Index - y.Index
	})
}

// result is the value the action writes, or that it removes the path, or neither.
func (a *action) result(old item.Item, v *item.Value) (out *item.Value, remove bool, err error) {
	switch a.section {
	case secSet:
		return v, false, nil
	case secRemove:
		return nil, true, nil
	}
	have := a.path.Find(old)
	if have == nil {
		if a.section == secDelete {
			return nil, false, parentExists(old, a.path)
		}
		return v, false, nil
	}
	if have.Kind != v.Kind {
		return nil, false, a.mismatch()
	}
	if a.section == secAdd {
		out, err = add(have, v)
		return out, false, err
	}
	left := subtract(have.More.Set, v.More.Set)
	if len(left) == 0 {
		return nil, true, nil
	}
	return &item.Value{Kind: have.Kind, More: &item.Compound{Set: left}}, false, nil
}

func (a *action) mismatch() error {
	if a.legacy {
		return Error("Type mismatch for attribute to update")
	}
	return errOperandType
}

func parentExists(it item.Item, p Path) error {
	if len(p) == 1 {
		return nil
	}
	want := item.M
	if p[len(p)-1].isIndex() {
		want = item.L
	}
	if parent := p[:len(p)-1].Find(it); parent == nil || parent.Kind != want {
		return errNoPath
	}
	return nil
}

// add is have plus v of the same type: a sum, or a union.
func add(have, v *item.Value) (*item.Value, error) {
	if v.Kind == item.N {
		return arithmetic(have, v, false)
	}
	has := member(have.More.Set)
	union := slices.Clone(have.More.Set)
	for _, s := range v.More.Set {
		if !has(s) {
			union = append(union, s)
		}
	}
	return &item.Value{Kind: v.Kind, More: &item.Compound{Set: union}}, nil
}

func subtract(set, less []string) []string {
	drop := member(less)
	out := make([]string, 0, len(set))
	for _, s := range set {
		if !drop(s) {
			out = append(out, s)
		}
	}
	return out
}

func arithmetic(a, b *item.Value, minus bool) (*item.Value, error) {
	if a.Kind != item.N || b.Kind != item.N {
		return nil, errOperandType
	}
	x, err := number.Parse(a.Str)
	if err != nil {
		return nil, err
	}
	y, err := number.Parse(b.Str)
	if err != nil {
		return nil, err
	}
	if minus {
		y = y.Neg()
	}
	sum, err := x.Add(y)
	if err != nil {
		return nil, Error(err.Error())
	}
	return &item.Value{Kind: item.N, Str: sum.String()}, nil
}

// compute is the value of a SET operand for the item as it was.
func (n *node) compute(it item.Item, room *int) (*item.Value, error) {
	switch n.op {
	case opValue:
		return n.value, nil
	case opPath:
		if v := n.path.Find(it); v != nil {
			return v, nil
		}
		return nil, errNoAttribute
	}
	if n.op == opCall && n.name == "if_not_exists" {
		if v := n.kids[0].path.Find(it); v != nil {
			return v, nil
		}
		return n.kids[1].compute(it, room)
	}
	a, err := n.kids[0].compute(it, room)
	if err != nil {
		return nil, err
	}
	b, err := n.kids[1].compute(it, room)
	if err != nil {
		return nil, err
	}
	if n.op != opCall {
		return arithmetic(a, b, n.op == opSub)
	}
	if a.Kind != item.L || b.Kind != item.L {
		return nil, errOperandType
	}
	if *room -= len(a.More.List) + len(b.More.List); *room < 0 {
		return nil, errTooBig
	}
	return &item.Value{Kind: item.L, More: &item.Compound{List: slices.Concat(a.More.List, b.More.List)}}, nil
}

// owned are the lists and maps that an update has copied already: nothing else sees them, so each is copied once, however many of
// its elements change; true for lists with elements that were removed and are to be left out.
type owned map[*item.Compound]bool

// close leaves out the elements that were removed, of each list once. No value that is stored is of no kind.
func (own owned) close() {
	for c, gaps := range own {
		if gaps {
			c.List = slices.DeleteFunc(c.List, func(v item.Value) bool { return v.Kind == item.None })
		}
	}
}

// put sets the value at a path, or removes it when v is nil, copying what it changes below the top.
func (own owned) put(it item.Item, p Path, v *item.Value) (item.Item, error) {
	name := p[0].Name
	if len(p) == 1 {
		if v == nil {
			return it.Without(name), nil
		}
		return it.With(name, *v), nil
	}
	have := it.Get(name)
	if have == nil {
		return nil, errNoPath
	}
	return it, own.into(have, p[1:], v)
}

// into changes what is inside a value.
func (own owned) into(parent *item.Value, p Path, v *item.Value) (err error) {
	want := item.M
	if p[0].isIndex() {
		want = item.L
	}
	if parent.Kind != want {
		return errNoPath
	}
	if _, ours := own[parent.More]; !ours {
		parent.More = &item.Compound{List: slices.Clone(parent.More.List), Map: slices.Clone(parent.More.Map)}
		own[parent.More] = false
	}
	if c := parent.More; want == item.L {
		err = own.element(c, p, v)
	} else {
		c.Map, err = own.put(c.Map, p, v)
	}
	return err
}

func (own owned) element(c *item.Compound, p Path, v *item.Value) error {
	switch i := p[0].Index; {
	case len(p) > 1 && i < len(c.List):
		return own.into(&c.List[i], p[1:], v)
	case len(p) > 1:
		return errNoPath
	case v == nil:
		if i < len(c.List) {
			c.List[i], own[c] = item.Value{}, true
		}
	case i < len(c.List):
		c.List[i] = *v
	default:
		c.List = append(c.List, *v)
	}
	return nil
}
