package partiql

import (
	"strings"

	"bothy/tables/expr"
	"bothy/wire/item"
)

// changes reads SET path = value and REMOVE path, several of them, each word perhaps with a list.
func (p *parser) changes(st *Statement) error {
	var list []expr.Change
	for {
		var one func() (expr.Change, error)
		switch {
		case p.acceptWord("SET"):
			one = p.set
		case p.acceptWord("REMOVE"):
			one = p.remove
		case len(list) == 0:
			if p.cur.kind == end && st.Where == nil {
				return malformed(noStatement)
			}
			return p.unexpected()
		default:
			var err error
			st.Update, err = expr.Changes(list)
			return err
		}
		for {
			c, err := one()
			if err != nil {
				return err
			}
			if list = append(list, c); len(list) > expr.MaxOperators {
				return fail("The expression contains too many operators; operator count: %d", len(list))
			}
			if !p.accept(",") {
				break
			}
		}
	}
}

func (p *parser) remove() (expr.Change, error) {
	path, err := p.attribute()
	return expr.Remove(path), err
}

func (p *parser) attribute() (expr.Path, error) {
	if !p.name() {
		return nil, p.unexpected()
	}
	return p.path()
}

func (p *parser) set() (c expr.Change, err error) {
	path, err := p.attribute()
	if err != nil {
		return c, err
	}
	if !p.accept("=") {
		return c, p.unexpected()
	}
	if at := p.cur; p.calls() && (p.keyword("set_add") || p.keyword("set_delete")) {
		return p.ofSet(path, at)
	}
	p.changing = true
	v, err := p.expression(powerCompare + 1)
	if p.changing = false; err != nil {
		return c, err
	}
	if !p.settable(v) {
		return c, malformed(noTerm)
	}
	return expr.SetTo(path, v), nil
}

// settable tells whether an attribute can be set to n: to a value, not to a condition or a size.
func (p *parser) settable(n *expr.Node) bool { return n.IsValue() }

// ofSet reads set_add(path, set) and set_delete(path, set), whose path must be the one that is set.
func (p *parser) ofSet(path expr.Path, at token) (c expr.Change, err error) {
	name := strings.ToUpper(p.next().text)
	p.next()
	first := p.cur
	arguments, err := p.arguments()
	switch {
	case err != nil:
		return c, err
	case len(arguments) != 2:
		return c, fail("%s must have exactly two arguments at %s", name, p.place(at))
	case arguments[0].Path().String() != path.String() || arguments[0].Path() == nil:
		return c, fail("The first argument to %s must equal the assignment value at %s", name, p.place(at))
	}
	v := arguments[1].Value()
	if v == nil || v.Kind != item.SS && v.Kind != item.NS && v.Kind != item.BS {
		return c, fail("The second argument to %s must be a value with type SET at %s", name, p.place(first))
	}
	if name == "SET_ADD" {
		return expr.AddTo(path, arguments[1]), nil
	}
	return expr.DeleteFrom(path, arguments[1]), nil
}
