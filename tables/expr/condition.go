package expr

import "bothy/wire/item"

// Condition is a checked condition: a ConditionExpression, a FilterExpression, or legacy conditions made into one.
type Condition struct{ root *node }

// Condition parses and checks the expression of the parameter label (ConditionExpression, FilterExpression, …).
func (e *Env) Condition(label, text string) (*Condition, error) {
	c := &Condition{}
	err := labelled(label, text, func() (err error) {
		c.root, err = parseCondition(text)
		if err != nil {
			return err
		}
		return c.check(e)
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

var conditionKeywords = []string{"AND", "OR", "NOT", "BETWEEN", "IN"}

func parseCondition(text string) (*node, error) {
	p := &parser{scanner: newScanner(text), keywords: conditionKeywords}
	n, err := p.or()
	switch {
	case err != nil:
		return nil, err
	case p.cur.kind != tokEnd || !condition(n):
		return nil, p.syntax()
	case p.redundant:
		return nil, Error("The expression has redundant parentheses;")
	}
	return n, nil
}

// condition tells whether a tree can stand as a condition; which functions may is checked later.
func condition(n *node) bool { return n.op != opPath && n.op != opValue }

func (p *parser) or() (*node, error)  { return p.chain("OR", opOr, p.and) }
func (p *parser) and() (*node, error) { return p.chain("AND", opAnd, p.not) }

// chain parses item (word item)*; one item alone is returned as it is, perhaps a mere operand in parentheses.
func (p *parser) chain(word string, op op, sub func() (*node, error)) (*node, error) {
	first, err := sub()
	if err != nil || !p.keyword(word) {
		return first, err
	}
	n := &node{op: op, kids: []*node{first}}
	for p.keyword(word) {
		if !condition(n.kids[len(n.kids)-1]) {
			return nil, p.syntax()
		}
		p.next()
		if err := p.countOperator(); err != nil {
			return nil, err
		}
		next, err := sub()
		if err != nil {
			return nil, err
		}
		n.kids = append(n.kids, next)
	}
	if !condition(n.kids[len(n.kids)-1]) {
		return nil, p.syntax()
	}
	return n, nil
}

func (p *parser) not() (*node, error) {
	if !p.keyword("NOT") {
		return p.comparison()
	}
	p.next()
	if err := p.countOperator(); err != nil {
		return nil, err
	}
	sub, err := p.not()
	if err != nil {
		return nil, err
	}
	if !condition(sub) {
		return nil, p.syntax()
	}
	return &node{op: opNot, kids: []*node{sub}}, nil
}

// comparison parses an operand and what follows it, or anything in parentheses.
func (p *parser) comparison() (*node, error) {
	left, err := p.primary()
	if err != nil || !left.operand() {
		return left, err
	}
	switch {
	case p.keyword("BETWEEN"):
		return p.between(left)
	case p.keyword("IN"):
		return p.in(left)
	}
	op := p.comparator()
	if op == 0 {
		return left, nil
	}
	p.next()
	right, err := p.right()
	return &node{op: op, kids: []*node{left, right}}, err
}

func (p *parser) primary() (*node, error) {
	if !p.accept("(") {
		return p.atom()
	}
	n, err := p.or()
	if err != nil {
		return nil, err
	}
	p.wrap(n)
	return n, p.expect(")")
}

func (p *parser) right() (*node, error) {
	if err := p.countOperator(); err != nil {
		return nil, err
	}
	return p.operandParens()
}

func (p *parser) comparator() op {
	if p.cur.kind == tokSymbol {
		for o := opEQ; o <= opGE; o++ {
			if opNames[o] == p.cur.text {
				return o
			}
		}
	}
	return 0
}

func (p *parser) between(left *node) (*node, error) {
	p.next()
	low, err := p.right()
	if err != nil {
		return nil, err
	}
	if !p.keyword("AND") {
		return nil, p.syntax()
	}
	p.next()
	high, err := p.operandParens()
	return &node{op: opBetween, kids: []*node{left, low, high}}, err
}

func (p *parser) in(left *node) (*node, error) {
	p.next()
	if err := p.countOperator(); err != nil {
		return nil, err
	}
	if err := p.expect("("); err != nil {
		return nil, err
	}
	n := &node{op: opIn, kids: []*node{left}}
	for {
		one, err := p.operandParens()
		if err != nil {
			return nil, err
		}
		if n.kids = append(n.kids, one); len(n.kids) > MaxInList+1 {
			return nil, fail("The IN operator is provided with too many operands; number of operands: %d", len(n.kids)-1)
		}
		if !p.accept(",") {
			return n, p.expect(")")
		}
	}
}

// Paths calls fn for every path in the condition.
func (c *Condition) Paths(fn func(Path)) {
	if c == nil {
		return
	}
	_ = c.root.walk(func(n *node) error {
		if n.op == opPath {
			fn(n.path)
		}
		return nil
	})
}

// Match tells whether the item (nil: there is none) meets the condition. A nil Condition is met.
func (c *Condition) Match(it item.Item) bool { return c == nil || c.root.match(it) }

func (n *node) match(it item.Item) bool {
	switch n.op {
	case opAnd, opOr:
		for _, k := range n.kids {
			if k.match(it) == (n.op == opOr) {
				return n.op == opOr
			}
		}
		return n.op == opAnd
	case opNot:
		return !n.kids[0].match(it)
	case opCall:
		return n.test(it)
	case opIn:
		v := n.kids[0].eval(it)
		for _, k := range n.kids[1:] {
			if Equal(v, k.eval(it)) {
				return true
			}
		}
		return false
	case opBetween:
		v := n.kids[0].eval(it)
		return holds(opGE, v, n.kids[1].eval(it)) && holds(opLE, v, n.kids[2].eval(it))
	}
	return holds(n.op, n.kids[0].eval(it), n.kids[1].eval(it))
}

// holds compares; nothing but <> holds for a value that is absent.
func holds(o op, a, b *item.Value) bool {
	switch o {
	case opEQ:
		return Equal(a, b)
	case opNE:
		return !Equal(a, b)
	}
	c, ok := Compare(a, b)
	switch {
	case !ok:
		return false
	case o == opLT:
		return c < 0
	case o == opLE:
		return c <= 0
	case o == opGT:
		return c > 0
	}
	return c >= 0
}

func (n *node) test(it item.Item) bool {
	v := n.kids[0].eval(it)
	switch n.name {
	case "attribute_exists":
		return v != nil
	case "attribute_not_exists":
		return v == nil
	case "attribute_type":
		return v != nil && v.Kind.String() == n.kids[1].value.Str
	case "begins_with":
		return beginsWith(v, n.kids[1].eval(it))
	}
	return contains(v, n.kids[1].eval(it))
}
