package expr

import (
	"slices"

	"bothy/wire/item"
)

// Update is a checked UpdateExpression, or legacy AttributeUpdates made into one.
type Update struct{ actions []action }

type section uint8

const (
	secSet section = iota
	secRemove
	secAdd
	secDelete
)

var sectionNames = [...]string{"SET", "REMOVE", "ADD", "DELETE"}

type action struct {
	section section
	path    Path
	value   *node // nil for REMOVE
	legacy  bool  // from AttributeUpdates: some errors read differently
}

// updateFunctions and their numbers of operands.
var updateFunctions = map[string]int{"if_not_exists": 2, "list_append": 2}

// Update parses and checks an UpdateExpression.
func (e *Env) Update(text string) (*Update, error) {
	u := &Update{}
	err := labelled("UpdateExpression", text, func() error {
		p := &parser{scanner: newScanner(text), keywords: sectionNames[:]}
		twice, err := p.sections(u)
		if err != nil {
			return err
		}
		return u.check(e, twice)
	})
	if err != nil {
		return nil, err
	}
	return u, nil
}

// sections parses section+; twice is the error of a section given again, reported after other ones.
func (p *parser) sections(u *Update) (twice, err error) {
	var seen [len(sectionNames)]bool
	for p.cur.kind != tokEnd {
		sec, ok := p.section()
		if !ok {
			return nil, p.syntax()
		}
		if seen[sec] && twice == nil {
			twice = fail("The \"%s\" section can only be used once in an update expression;", sectionNames[sec])
		}
		seen[sec] = true
		for {
			a, err := p.action(sec)
			if err != nil {
				return nil, err
			}
			u.actions = append(u.actions, a)
			if !p.accept(",") {
				break
			}
		}
	}
	return twice, nil
}

func (p *parser) section() (section, bool) {
	for i, name := range sectionNames {
		if p.keyword(name) {
			p.next()
			return section(i), true
		}
	}
	return 0, false
}

func (p *parser) action(sec section) (a action, err error) {
	a.section = sec
	if err := p.countOperator(); err != nil {
		return a, err
	}
	if a.path, err = p.path(p.keywords...); err != nil {
		return a, err
	}
	switch sec {
	case secSet:
		if err := p.expect("="); err != nil {
			return a, err
		}
		a.value, err = p.setValue()
	case secAdd, secDelete:
		if p.cur.kind != tokValue {
			return a, p.syntax()
		}
		a.value, err = p.atom()
	}
	return a, err
}

// setValue parses operand [(+|-) operand], perhaps in parentheses.
func (p *parser) setValue() (*node, error) {
	var left *node
	var err error
	if p.accept("(") {
		if left, err = p.setValue(); err != nil {
			return nil, err
		}
		if err := p.expect(")"); err != nil {
			return nil, err
		}
	} else if left, err = p.atom(); err != nil {
		return nil, err
	}
	if left.op == opAdd || left.op == opSub { // one operation for each SET, as the grammar has it
		return left, nil
	}
	for o := opAdd; o <= opSub; o++ {
		if p.accept(opNames[o]) {
			right, err := p.operandParens()
			return &node{op: o, kids: []*node{left, right}}, err
		}
	}
	return left, nil
}

// check reports the first error in AWS's order.
func (u *Update) check(e *Env, twice error) error {
	for _, pass := range []func(*action) error{
		(*action).checkReserved,
		(*action).checkFunctions,
		func(*action) error { return twice },
		func(a *action) error { return a.bindNames(e) },
		func(a *action) error { return a.bindValues(e) },
	} {
		for i := range u.actions {
			if err := pass(&u.actions[i]); err != nil {
				return err
			}
		}
	}
	if err := disjoint(u.Paths()); err != nil {
		return err
	}
	for _, pass := range []func(*action) error{(*action).checkOperand, (*action).checkCalls} {
		for i := range u.actions {
			if err := pass(&u.actions[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *action) checkReserved() error {
	if err := checkReserved(a.path); err != nil || a.value == nil {
		return err
	}
	return a.value.reserved()
}

func (a *action) checkFunctions() error {
	if a.value == nil {
		return nil
	}
	return a.value.walk(func(n *node) error {
		if n.op != opCall {
			return nil
		}
		if _, ok := updateFunctions[n.name]; ok {
			return n.nestedAppend()
		}
		if _, ok := conditionFunctions[n.name]; ok {
			return fail("The function is not allowed in an update expression; function: %s", n.name)
		}
		return fail("Invalid function name; function: %s", n.name)
	})
}

// nestedAppend refuses list_append as an operand of a function: only if_not_exists may be one.
func (n *node) nestedAppend() error {
	for _, k := range n.kids {
		if k.op == opCall && k.name == "list_append" {
			return fail("The function is not allowed to be used this way in an expression; function: %s", k.name)
		}
	}
	return nil
}

func (a *action) bindNames(e *Env) error {
	if err := e.resolve(a.path); err != nil || a.value == nil {
		return err
	}
	return a.value.walk(func(n *node) error { return e.resolve(n.path) })
}

func (a *action) bindValues(e *Env) error {
	if a.value == nil {
		return nil
	}
	return a.value.bind(e)
}

func (a *action) checkOperand() error {
	if a.section != secAdd && a.section != secDelete {
		return nil
	}
	k := a.value.kind()
	if memberKind(k) == item.None && (a.section != secAdd || k != item.N) {
		return fail("Incorrect operand type for operator or function; operator: %s, operand type: %s", sectionNames[a.section], longNames[k])
	}
	return nil
}

func (a *action) checkCalls() error {
	if a.section != secSet {
		return nil
	}
	return a.value.walk((*node).checkUpdateCall)
}

var longNames = [...]string{"", "STRING", "NUMBER", "BINARY", "BOOLEAN", "NULL", "STRING_SET", "NUMBER_SET", "BINARY_SET", "LIST", "MAP"}

func (n *node) checkUpdateCall() error {
	want := item.None
	switch {
	case n.op == opAdd, n.op == opSub:
		want = item.N
	case n.op != opCall:
		return nil
	case len(n.kids) != updateFunctions[n.name]:
		return wrongCount(n.name, len(n.kids))
	case n.name == "list_append":
		want = item.L
	case n.kids[0].op != opPath:
		return fail("Operator or function requires a document path; operator or function: %s", n.name)
	default:
		return nil
	}
	for _, k := range n.kids {
		if t := k.kind(); t != item.None && t != want {
			return badOperand(n.label(), t)
		}
	}
	return nil
}

// Paths are the paths the update writes.
func (u *Update) Paths() []Path {
	paths := make([]Path, len(u.actions))
	for i := range u.actions {
		paths[i] = u.actions[i].path
	}
	return paths
}

// What UpdateItem counts besides the attributes it writes.
const (
	updateWeight = 3
	writeWeight  = 19 // of SET and ADD
	indexWeight  = 1  // of a path into a list
	takeWeight   = 2  // of REMOVE and DELETE
)

// Weight is what AWS holds an UpdateItem to besides the item it leaves: the attributes of the item that it writes, whole, by their
// size, and something for each action.
func (u *Update) Weight(it item.Item, size func(*item.Value) int) int {
	n := updateWeight
	var seen []string
	for _, a := range u.actions {
		if a.section == secRemove || a.section == secDelete {
			n += takeWeight
			continue
		}
		n += writeWeight
		if slices.ContainsFunc(a.path, Step.isIndex) {
			n += indexWeight
		}
		name := a.path[0].Name
		if v := it.Get(name); v != nil && !slices.Contains(seen, name) {
			n += len(name) + size(v)
			seen = append(seen, name)
		}
	}
	return n
}

// OnlyTakes tells whether the update only takes away, by REMOVE and DELETE: it makes no item of nothing, whatever its paths.
func (u *Update) OnlyTakes() bool {
	return len(u.actions) > 0 && !slices.ContainsFunc(u.actions, func(a action) bool { return a.section == secSet || a.section == secAdd })
}

// Reads calls fn for every path whose value the update reads or writes.
func (u *Update) Reads(fn func(Path)) {
	for i := range u.actions {
		fn(u.actions[i].path)
		if u.actions[i].value != nil {
			_ = u.actions[i].value.walk(func(n *node) error {
				if n.op == opPath {
					fn(n.path)
				}
				return nil
			})
		}
	}
}

// Kinds calls fn with each top-level attribute the update sets as a whole, and the type it will have, where that is known
// beforehand.
func (u *Update) Kinds(fn func(name string, k item.Kind) error) error {
	for i := range u.actions {
		a := &u.actions[i]
		if len(a.path) > 1 || a.section == secRemove || a.value.kind() == item.None {
			continue
		}
		if err := fn(a.path[0].Name, a.value.kind()); err != nil {
			return err
		}
	}
	return nil
}
