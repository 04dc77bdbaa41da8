package partiql

import (
	"slices"
	"strconv"
	"strings"

	"bothy/tables/expr"
	"bothy/wire/item"
)

// Binding powers: what binds tighter has the higher one.
const (
	powerOr = iota + 1
	powerAnd
	powerNot
	powerCompare
	powerSum
)

// condition reads what WHERE says.
func (p *parser) condition() (*expr.Node, error) {
	n, err := p.expression(powerOr)
	if err == nil && isOperand(n) {
		err = malformed(noTerm)
	}
	return n, err
}

// isOperand tells whether n cannot stand as a condition.
func isOperand(n *expr.Node) bool { return n.IsOperand() && !n.IsTest() || n.IsSum() }

// expression reads operators that bind at least as tight as power.
func (p *parser) expression(power int) (*expr.Node, error) {
	left, err := p.prefix()
	for err == nil {
		infix, binds := p.infix()
		if infix == nil || binds < power {
			return left, nil
		}
		left, err = infix(left)
	}
	return nil, err
}

// infix is what the operator at hand makes of its left side, and how tight it binds; nil when there is none.
func (p *parser) infix() (func(*expr.Node) (*expr.Node, error), int) {
	t := p.cur
	switch {
	case p.keyword("OR"):
		return func(l *expr.Node) (*expr.Node, error) { return p.logical(l, powerOr, expr.Any) }, powerOr
	case p.keyword("AND"):
		return func(l *expr.Node) (*expr.Node, error) { return p.logical(l, powerAnd, expr.All) }, powerAnd
	case p.keyword("IS"):
		return p.isType, powerCompare
	case p.keyword("NOT"), p.keyword("IN"), p.keyword("BETWEEN"), p.keyword("LIKE"):
		return p.among, powerCompare
	case t.kind == symbol && (t.text == "+" || t.text == "-"):
		return p.sum, powerSum
	case t.kind == symbol && slices.Contains([]string{"=", "<>", "!=", "<", "<=", ">", ">="}, t.text):
		return p.comparison, powerCompare
	}
	return nil, 0
}

// operand reads the right side of an operator.
func (p *parser) right(power int) (*expr.Node, error) {
	p.next()
	if p.cur.kind == end {
		return nil, malformed(noRight)
	}
	if p.conditions++; p.conditions > expr.MaxOperators {
		return nil, fail("The expression contains too many operators; operator count: %d", p.conditions)
	}
	return p.expression(power)
}

func (p *parser) logical(left *expr.Node, power int, join func(...*expr.Node) *expr.Node) (*expr.Node, error) {
	right, err := p.right(power + 1)
	if err == nil && (isOperand(left) || isOperand(right)) {
		err = malformed(noTerm)
	}
	if err != nil {
		return nil, err
	}
	return join(left, right), nil
}

func (p *parser) comparison(left *expr.Node) (*expr.Node, error) {
	op := p.cur.text
	if op == "!=" {
		op = "<>"
	}
	right, err := p.right(powerCompare + 1)
	if err != nil {
		return nil, err
	}
	if right.IsTest() {
		left, right = right, left
	}
	if v := right.Value(); left.IsTest() && v != nil && v.Kind == item.BOOL && (op == "=" || op == "<>") {
		if v.Bool == (op == "=") {
			return left, nil
		}
		return expr.Not(left), nil
	}
	if !left.IsOperand() || !right.IsOperand() {
		return nil, malformed(noTerm)
	}
	return expr.Binary(op, left, right), nil
}

// sum reads + and -, which only the value of a SET can have.
func (p *parser) sum(left *expr.Node) (*expr.Node, error) {
	at := p.cur
	right, err := p.right(powerSum + 1)
	if err != nil {
		return nil, err
	}
	if !p.changing || left.IsTest() || right.IsTest() || !left.IsOperand() && !left.IsSum() || !right.IsOperand() {
		return nil, fail("Unsupported operation: %s", map[string]string{"+": "Plus", "-": "Minus"}[at.text])
	}
	return expr.Binary(at.text, left, right), nil
}

// among reads [NOT] IN, BETWEEN, LIKE.
func (p *parser) among(left *expr.Node) (n *expr.Node, err error) {
	not := p.acceptWord("NOT")
	switch {
	case !left.IsOperand():
		return nil, malformed(noTerm)
	case p.keyword("BETWEEN"):
		n, err = p.between(left)
	case p.keyword("IN"):
		n, err = p.in(left)
	case p.keyword("LIKE"):
		return nil, fail("Unsupported operation: Like")
	default:
		return nil, p.unexpected()
	}
	if err == nil && not {
		n = expr.Not(n)
	}
	return n, err
}

func (p *parser) between(left *expr.Node) (*expr.Node, error) {
	low, err := p.right(powerCompare + 1)
	if err != nil {
		return nil, err
	}
	if !p.keyword("AND") {
		return nil, p.unexpected()
	}
	high, err := p.right(powerCompare + 1)
	if err != nil {
		return nil, err
	}
	if !low.IsOperand() || !high.IsOperand() {
		return nil, malformed(noTerm)
	}
	return expr.Within(left, low, high), nil
}

// in reads IN with a list in brackets, parentheses or of a set, or with one value that is a list or a set.
func (p *parser) in(left *expr.Node) (*expr.Node, error) {
	p.next()
	var choices []*expr.Node
	var err error
	if p.accept("(") {
		choices, err = p.arguments()
	} else {
		var v *item.Value
		if v, err = p.literal("root"); err == nil {
			choices, err = elements(v)
		}
	}
	switch {
	case err != nil:
		return nil, err
	case len(choices) == 0:
		return nil, fail("Incorrect number of operands for operator or function; operator or function: IN, number of operands: 0")
	case len(choices) > expr.MaxInList:
		return nil, fail("The IN operator is provided with too many operands; number of operands: %d", len(choices))
	}
	for _, c := range choices {
		if !c.IsOperand() {
			return nil, malformed(noTerm)
		}
	}
	return expr.OneOf(left, choices...), nil
}

func elements(v *item.Value) (nodes []*expr.Node, err error) {
	switch v.Kind {
	case item.L:
		for i := range v.More.List {
			nodes = append(nodes, expr.Constant(&v.More.List[i]))
		}
	case item.SS, item.NS, item.BS:
		kind := map[item.Kind]item.Kind{item.SS: item.S, item.NS: item.N, item.BS: item.B}[v.Kind]
		for _, s := range v.More.Set {
			nodes = append(nodes, expr.Constant(&item.Value{Kind: kind, Str: s}))
		}
	default:
		return nil, malformed(noTerm)
	}
	return nodes, nil
}

// Types that IS knows, as DynamoDB names them, and those of PartiQL that DynamoDB does not have.
var (
	types = map[string]string{
		"NULL": "NULL", "BOOLEAN": "BOOL", "BOOL": "BOOL", "BLOB": "B", "STRING": "S", "NUMERIC": "N", "STRUCT": "M", "TUPLE": "M", "LIST": "L",
	}
	foreignTypes = wordSet("SMALLINT INT INTEGER INT2 INT4 INT8 INTEGER2 INTEGER4 INTEGER8 BIGINT FLOAT REAL DOUBLE DECIMAL CHAR CHARACTER VARCHAR TIMESTAMP DATE TIME SYMBOL CLOB SEXP BAG ANY")
)

// typeName reads the name of a type, in capitals; some are of two words.
func (p *parser) typeName() (name string, ok bool) {
	name = strings.ToUpper(p.cur.text)
	if _, known := types[name]; p.cur.kind != word || !known && name != "MISSING" && !foreignTypes[name] {
		return "", false
	}
	p.next()
	if second := map[string]string{"DOUBLE": "PRECISION", "CHARACTER": "VARYING"}[name]; second != "" && p.acceptWord(second) {
		name += " " + second
	}
	return name, true
}

// isType reads IS [NOT] MISSING and IS [NOT] type.
func (p *parser) isType(left *expr.Node) (*expr.Node, error) {
	p.next()
	not := p.acceptWord("NOT")
	name, ok := p.typeName()
	kind, known := types[name]
	switch {
	case !ok:
		return nil, malformed(noType)
	case !known && name != "MISSING":
		return nil, fail("Unsupported data type for IS operator: %s. Supported data types are [MISSING, NULL, BOOLEAN, BLOB, STRING, NUMERIC, STRUCT, TUPLE, LIST]", name)
	case left.Path() == nil:
		return nil, fail("Operator or function requires a document path; operator or function: IS")
	}
	n := expr.Call("attribute_not_exists", left)
	if known {
		v := item.Text(kind)
		n = expr.Call("attribute_type", left, expr.Constant(&v))
	}
	if not {
		n = expr.Not(n)
	}
	return n, nil
}

// prefix reads NOT, parentheses, or an operand.
func (p *parser) prefix() (*expr.Node, error) {
	switch {
	case p.keyword("NOT"):
		p.next()
		n, err := p.expression(powerNot)
		if err == nil && isOperand(n) {
			err = malformed(noTerm)
		}
		if err != nil {
			return nil, err
		}
		return expr.Not(n), nil
	case p.accept("("):
		n, err := p.expression(powerOr)
		if err == nil && !p.accept(")") {
			err = p.unexpected()
		}
		return n, err
	case p.calls():
		return p.call()
	case p.name():
		path, err := p.path()
		return expr.Attribute(path), err
	}
	v, err := p.literal("root")
	return expr.Constant(v), err
}

// calls tells whether a name followed by a parenthesis is next.
func (p *parser) calls() bool {
	if p.cur.kind != word || !p.name() {
		return false
	}
	after := p.scan(p.cur.to)
	return after.kind == symbol && after.text == "("
}

var functions = []string{"attribute_exists", "attribute_not_exists", "attribute_type", "begins_with", "contains", "size"}

func (p *parser) call() (*expr.Node, error) {
	at := p.next()
	name := strings.ToLower(at.text)
	if !slices.Contains(functions, name) || p.changing {
		if name != "list_append" || !p.changing {
			return nil, fail("Unrecognized function: %s at %s", name, p.place(at))
		}
	}
	p.next()
	arguments, err := p.arguments()
	if err != nil {
		return nil, err
	}
	for _, a := range arguments {
		if !a.IsOperand() || a.IsTest() {
			return nil, malformed(noTerm)
		}
	}
	return expr.Call(name, arguments...), nil
}

// arguments reads expressions up to the closing parenthesis.
func (p *parser) arguments() (list []*expr.Node, err error) {
	if p.accept(")") {
		return nil, nil
	}
	for {
		n, err := p.expression(powerOr)
		if err != nil {
			return nil, err
		}
		if list = append(list, n); !p.accept(",") {
			break
		}
	}
	if !p.accept(")") {
		return nil, p.unexpected()
	}
	return list, nil
}

// path reads name ( '.' name | '[' index ']' | '[' 'name' ']' )*, whose first name is next.
func (p *parser) path() (expr.Path, error) {
	if p.cur.text == "" {
		return nil, fail("Path component cannot be an empty string")
	}
	path := expr.Path{{Name: p.next().text}}
	for {
		switch {
		case p.accept("."):
			if !p.name() || p.cur.text == "" {
				return nil, malformed(noName)
			}
			path = append(path, expr.Step{Name: p.next().text})
		case p.accept("["):
			step, err := p.index()
			if err != nil {
				return nil, err
			}
			path = append(path, step)
		default:
			return path, nil
		}
		if len(path) > expr.MaxDepth {
			return nil, fail("The document path has too many nesting elements; nesting limit: %d", expr.MaxDepth)
		}
	}
}

func (p *parser) index() (step expr.Step, err error) {
	sign := p.sign()
	t := p.next()
	switch {
	case t.kind == text && t.text != "" && sign == "":
		step.Name = t.text
	case t.kind != number:
		return step, malformed("Invalid path component")
	default:
		n, err := strconv.ParseInt(sign+t.text, 10, 32)
		if err != nil || n < 0 {
			return step, fail("List index is not within the allowable range; index: [%s] at %s", sign+t.text, p.place(t))
		}
		step.Index = int(n)
	}
	if !p.accept("]") {
		return step, p.unexpected()
	}
	return step, nil
}
