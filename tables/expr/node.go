package expr

import (
	"encoding/base64"
	"strconv"
	"strings"

	"bothy/wire/item"
)

type op uint8

const (
	opPath op = iota
	opValue
	opCall
	opAnd
	opOr
	opNot
	opEQ
	opNE
	opLT
	opLE
	opGT
	opGE
	opBetween
	opIn
	opAdd // update only
	opSub
)

var opNames = [...]string{"", "", "", "AND", "OR", "NOT", "=", "<>", "<", "<=", ">", ">=", "BETWEEN", "IN", "+", "-"}

// node is an expression tree: conditions, operands and update values alike.
type node struct {
	op    op
	name  string // of a function; :ref of a value not yet resolved
	path  Path
	value *item.Value
	kids  []*node
	paren bool // stood in parentheses
}

func (n *node) operand() bool { return n.op <= opCall }

func (n *node) label() string {
	if n.op == opCall {
		return n.name
	}
	return opNames[n.op]
}

// walk calls fn for n and all below it, in the order of the text, until one fails.
func (n *node) walk(fn func(*node) error) error {
	if err := fn(n); err != nil {
		return err
	}
	for _, k := range n.kids {
		if err := k.walk(fn); err != nil {
			return err
		}
	}
	return nil
}

// parser builds trees; the two grammars share operands.
type parser struct {
	*scanner
	keywords  []string // words that are no names in this grammar
	operators int
	redundant bool // doubled parentheses were seen
}

func (p *parser) isKeyword() bool {
	for _, k := range p.keywords {
		if p.keyword(k) {
			return true
		}
	}
	return false
}

// countOperator bounds the work an expression can cause.
func (p *parser) countOperator() error {
	if p.operators++; p.operators > MaxOperators {
		return fail("The expression contains too many operators; operator count: %d", p.operators)
	}
	return nil
}

// atom parses a path, a :value or a function call.
func (p *parser) atom() (*node, error) {
	switch {
	case p.cur.kind == tokValue:
		return &node{op: opValue, name: p.next().text}, nil
	case p.cur.kind == tokWord && !p.isKeyword() && p.calls():
		return p.call()
	}
	path, err := p.path(p.keywords...)
	return &node{op: opPath, path: path}, err
}

func (p *parser) calls() bool {
	after := p.scan(p.cur.to)
	return after.kind == tokSymbol && after.text == "("
}

func (p *parser) call() (*node, error) {
	n := &node{op: opCall, name: p.next().text}
	p.next()
	if err := p.countOperator(); err != nil {
		return nil, err
	}
	for {
		arg, err := p.operandParens()
		if err != nil {
			return nil, err
		}
		n.kids = append(n.kids, arg)
		if !p.accept(",") {
			return n, p.expect(")")
		}
	}
}

// operandParens parses an operand that may stand in parentheses.
func (p *parser) operandParens() (*node, error) {
	if !p.accept("(") {
		return p.atom()
	}
	n, err := p.operandParens()
	if err != nil {
		return nil, err
	}
	p.wrap(n)
	return n, p.expect(")")
}

func (p *parser) wrap(n *node) {
	if n.paren {
		p.redundant = true
	}
	n.paren = true
}

// bind resolves the names and values below n.
func (n *node) bind(e *Env) error {
	return n.walk(func(n *node) (err error) {
		switch n.op {
		case opPath:
			err = e.resolve(n.path)
		case opValue:
			if n.value == nil {
				n.value, err = e.value(n.name)
			}
		}
		return err
	})
}

func (n *node) reserved() error {
	return n.walk(func(n *node) error { return checkReserved(n.path) })
}

// kind is the type an operand is known to have before any item is seen, None when that depends on the item.
func (n *node) kind() item.Kind {
	switch {
	case n.op == opValue && n.value != nil:
		return n.value.Kind
	case n.op == opCall && n.name == "size", n.op == opAdd, n.op == opSub:
		return item.N
	case n.op == opCall && n.name == "list_append":
		return item.L
	case n.op == opCall && n.name == "if_not_exists" && len(n.kids) == 2:
		return n.kids[1].kind()
	}
	return item.None
}

func badOperand(label string, k item.Kind) error {
	return fail("Incorrect operand type for operator or function; operator or function: %s, operand type: %s", label, k)
}

func wrongCount(label string, n int) error {
	return fail("Incorrect number of operands for operator or function; operator or function: %s, number of operands: %d", label, n)
}

// literal is a value as AWS's messages show it: {N:5}.
func literal(v *item.Value) string {
	text := v.Str
	switch v.Kind {
	case item.B:
		text = base64.StdEncoding.EncodeToString([]byte(v.Str))
	case item.SS, item.NS, item.BS:
		members := make([]string, len(v.More.Set))
		for i, s := range v.More.Set {
			if members[i] = s; v.Kind == item.BS {
				members[i] = base64.StdEncoding.EncodeToString([]byte(s))
			}
		}
		text = "[" + strings.Join(members, ", ") + "]"
	case item.BOOL, item.NULL:
		text = strconv.FormatBool(v.Bool)
	}
	return "AttributeValue: {" + v.Kind.String() + ":" + text + "}"
}
