package policy

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// condition is one key under one operator.
type condition struct {
	operator string // as written, for reasons
	op       *operator
	set      byte // 0, 'A' ForAllValues, 'O' ForAnyValue
	ifExists bool
	key      string // lower case
	name     string // as written
	want     []operand
}

// operand is an expected value, compiled for its operator.
type operand struct {
	pattern           // strings and ARNs; its source is the text as written
	value   any       // other types
	arn     []pattern // of ARN operators, six parts
}

func (p *Policy) parseConditions(n node) ([]condition, *MalformedError) {
	if n.kind != '{' {
		return nil, &MalformedError{"Condition", errSyntax.Text}
	}
	var out []condition
	for i, name := range n.members {
		base, err := parseOperator(name)
		if err != nil {
			return nil, err
		}
		keys := n.items[i]
		if keys.kind != '{' {
			return nil, &MalformedError{"Condition." + name, errSyntax.Text}
		}
		for j, key := range keys.members {
			c := base
			c.name, c.key = key, strings.ToLower(key)
			place := "Condition." + name + "." + key
			if key == "" || len(key) > MaxPattern {
				return nil, &MalformedError{place, errSyntax.Text}
			}
			if c.want, err = p.operands(c.op, keys.items[j], place); err != nil {
				return nil, err
			}
			out = append(out, c)
		}
	}
	return out, nil
}

func parseOperator(name string) (condition, *MalformedError) {
	c := condition{operator: name}
	rest := name
	if after, ok := strings.CutPrefix(rest, "ForAllValues:"); ok {
		c.set, rest = 'A', after
	} else if after, ok := strings.CutPrefix(rest, "ForAnyValue:"); ok {
		c.set, rest = 'O', after
	}
	rest, c.ifExists = strings.CutSuffix(rest, "IfExists")
	c.op = findOperator(rest)
	if c.op == nil || c.op.null && (c.set != 0 || c.ifExists) {
		return c, &MalformedError{"Condition", "Invalid Condition type : " + name}
	}
	return c, nil
}

func (p *Policy) operands(op *operator, n node, place string) ([]operand, *MalformedError) {
	var out []operand
	for _, item := range n.list() {
		scalar := item.kind == 's' || item.kind == 'n' || item.kind == 'b'
		if !scalar || utf8.RuneCountInString(item.text) > MaxPattern {
			return nil, &MalformedError{place, errSyntax.Text}
		}
		o, ok := op.compile(item.text, p.variables)
		if !ok {
			return nil, &MalformedError{place, fmt.Sprintf("Invalid value %q for %s", item.text, op.name)}
		}
		o.source = item.text
		out = append(out, o)
	}
	if len(out) == 0 {
		return nil, &MalformedError{place, errSyntax.Text}
	}
	return out, nil
}

// holds evaluates the condition.
func (c *condition) holds(e *evaluation, deny bool) bool {
	got := e.values(c.key)
	if c.op.null {
		for i := range c.want {
			if c.want[i].value == (len(got) == 0) {
				return true
			}
		}
		return false
	}
	if len(got) == 0 {
		return c.ifExists || c.set == 'A' || c.set == 0 && c.op.negated
	}
	// Several values under an operator without ForAllValues or ForAnyValue: AWS leaves open which counts. Here an Allow
	// needs all of them and a Deny any.
	all := c.set == 'A' || c.set == 0 && !deny
	for _, v := range got {
		if c.satisfied(e, v, deny) != all {
			return !all
		}
	}
	return all
}

// satisfied compares one value of the request with the expected ones: it must be one of them, or none under a negated
// operator. What cannot be compared counts against the request, except that an unresolved variable equals nothing.
func (c *condition) satisfied(e *evaluation, got string, deny bool) bool {
	for i := range c.want {
		equal, ok := c.op.compare(e, &c.want[i], got)
		switch {
		case equal:
			return !c.op.negated
		case !ok && (c.op.negated || c.op.typed):
			return deny
		}
	}
	return c.op.negated
}
