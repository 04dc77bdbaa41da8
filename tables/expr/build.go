package expr

import (
	"strings"

	"bothy/wire/item"
)

// Node is an expression tree made by another grammar: PartiQL's. What it can say is what DynamoDB's own expressions can, and
// it is evaluated as they are. Values must have been checked and normalised.
type Node = node

// Attribute is the operand that a path leads to.
func Attribute(p Path) *Node { return &node{op: opPath, path: p} }

// Constant is the operand that is a value.
func Constant(v *item.Value) *Node { return &node{op: opValue, value: v} }

// Call is a function of this language: attribute_exists, contains, size, list_append, ….
func Call(name string, operands ...*Node) *Node { return &node{op: opCall, name: name, kids: operands} }

// Binary is one of = <> < <= > >=, and in the values of updates + and -.
func Binary(operator string, a, b *Node) *Node {
	for o := opEQ; o <= opSub; o++ {
		if opNames[o] == operator {
			return &node{op: o, kids: []*node{a, b}}
		}
	}
	panic("expr: no operator " + operator)
}

// Within is BETWEEN.
func Within(v, low, high *Node) *Node { return &node{op: opBetween, kids: []*node{v, low, high}} }

// OneOf is IN.
func OneOf(v *Node, choices ...*Node) *Node {
	return &node{op: opIn, kids: append([]*node{v}, choices...)}
}

// Not is a condition that holds when n does not.
func Not(n *Node) *Node { return &node{op: opNot, kids: []*node{n}} }

// All holds when all conditions do; those that are nil do not count, and without any it is nil: no condition.
func All(conditions ...*Node) *Node { return joined(opAnd, conditions) }

// Any holds when one of the conditions does.
func Any(conditions ...*Node) *Node { return joined(opOr, conditions) }

func joined(o op, conditions []*Node) *Node {
	n := &node{op: o}
	for _, c := range conditions {
		switch {
		case c == nil:
		case c.op == o:
			n.kids = append(n.kids, c.kids...)
		default:
			n.kids = append(n.kids, c)
		}
	}
	switch len(n.kids) {
	case 0:
		return nil
	case 1:
		return n.kids[0]
	}
	return n
}

// IsOperand tells whether n is a path, a value or a function: what a comparison takes.
func (n *Node) IsOperand() bool { return n.operand() }

// IsTest tells whether n is a function that is true or false.
func (n *Node) IsTest() bool {
	_, known := conditionFunctions[n.name]
	return n.op == opCall && known && n.name != "size"
}

// Path is the path of an Attribute, nil of others.
func (n *Node) Path() Path { return n.path }

// Value is the value of a Constant, nil of others.
func (n *Node) Value() *item.Value { return n.value }

// Parts are the conditions that n joins by AND: n itself when it joins none.
func (n *Node) Parts() []*Node {
	switch {
	case n == nil:
		return nil
	case n.op == opAnd:
		return n.kids
	}
	return []*node{n}
}

// Checked makes a condition of n. Its errors are worded as PartiQL's.
func Checked(n *Node) (*Condition, error) {
	if n == nil {
		return nil, nil
	}
	c := &Condition{root: n}
	return c, c.check(&Env{sql: true})
}

// Node is the tree of the condition, nil of none.
func (c *Condition) Node() *Node {
	if c == nil {
		return nil
	}
	return c.root
}

// Test is what n asks of one whole attribute, where keys can answer it.
func (n *Node) Test() (t KeyTest, ok bool) {
	if _, ok = keyOps[n.op]; !ok || n.op == opCall && n.name != "begins_with" {
		return t, false
	}
	t, err := keyTest(n)
	return t, err == nil
}

// Equality is what n wants to be equal: a path and a value. ok is false when it asks for something else.
func (n *Node) Equality() (p Path, v *item.Value, ok bool) {
	if n.op != opEQ {
		return nil, nil, false
	}
	a, b := n.kids[0], n.kids[1]
	if a.op == opValue {
		a, b = b, a
	}
	return a.path, b.value, a.op == opPath && b.op == opValue
}

// Pins are values of an attribute outside of which n cannot hold. ok is false when it may hold for any value: so nothing
// that meets n is missed, and nothing else need be read, where only the pinned values are looked at.
func (n *Node) Pins(name string) (values []*item.Value, ok bool) {
	switch n.op {
	case opAnd:
		for _, k := range n.kids {
			if values, ok = k.Pins(name); ok {
				return values, true
			}
		}
	case opOr:
		for _, k := range n.kids {
			some, ok := k.Pins(name)
			if !ok {
				return nil, false
			}
			values = append(values, some...)
		}
		return values, true
	case opEQ:
		if t, ok := n.Test(); ok && t.Name == name {
			return t.Values, true
		}
	case opIn:
		return n.choices(name)
	}
	return nil, false
}

func (n *Node) choices(name string) (values []*item.Value, ok bool) {
	if p := n.kids[0].path; len(p) != 1 || p[0].Name != name {
		return nil, false
	}
	for _, k := range n.kids[1:] {
		if k.op != opValue {
			return nil, false
		}
		values = append(values, k.value)
	}
	return values, true
}

// Change is one change of an update made by another grammar.
type Change struct{ action }

// SetTo sets the path to a value: an operand, a sum, a difference, list_append.
func SetTo(p Path, v *Node) Change { return Change{action{section: secSet, path: p, value: v}} }

// Remove removes the path.
func Remove(p Path) Change { return Change{action{section: secRemove, path: p}} }

// AddTo adds a number, or the members of a set.
func AddTo(p Path, v *Node) Change { return Change{action{section: secAdd, path: p, value: v}} }

// DeleteFrom takes the members of a set from the set at the path.
func DeleteFrom(p Path, v *Node) Change { return Change{action{section: secDelete, path: p, value: v}} }

// Changes makes an update.
func Changes(list []Change) (*Update, error) {
	u := &Update{}
	for _, c := range list {
		u.actions = append(u.actions, c.action)
	}
	return u, u.check(&Env{sql: true}, nil)
}

// Columns makes a projection that shows what each path leads to under the path's last name, at the top; ok is false when two
// paths would share a name, which is returned.
func Columns(paths []Path) (p *Projection, twice string, ok bool) {
	p = &Projection{paths: paths, columns: make([]string, len(paths))}
	seen := map[string]bool{}
	for i, path := range paths {
		name := path.lastName()
		if seen[name] {
			return nil, name, false
		}
		seen[name], p.columns[i] = true, name
	}
	return p, "", true
}

// lastName is the last name of the path with the indices after it: b[1] of a.b[1].
func (p Path) lastName() string {
	i := len(p) - 1
	for p[i].isIndex() {
		i--
	}
	var b strings.Builder
	b.WriteString(p[i].Name)
	for _, s := range p[i+1:] {
		b.WriteString(s.text())
	}
	return b.String()
}

// IsSum tells whether n adds or subtracts.
func (n *Node) IsSum() bool { return n.op == opAdd || n.op == opSub }

// IsValue tells whether an attribute can be set to n.
func (n *Node) IsValue() bool {
	_, computes := updateFunctions[n.name]
	return n.op == opPath || n.op == opValue || n.IsSum() || n.op == opCall && computes
}
