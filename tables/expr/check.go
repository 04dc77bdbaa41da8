package expr

import (
	"slices"
	"strconv"

	"bothy/wire/item"
)

// conditionFunctions and their numbers of operands.
var conditionFunctions = map[string]int{
	"attribute_exists": 1, "attribute_not_exists": 1, "attribute_type": 2, "begins_with": 2, "contains": 2, "size": 1,
}

// check reports the first error in AWS's order.
func (c *Condition) check(e *Env) error {
	for _, pass := range []func() error{
		func() error { return c.root.walk((*node).knownFunction) },
		func() error { return misused(c.root, true) },
		func() error { return c.root.reserved() },
		func() error { return c.root.walk(func(n *node) error { return n.checkLeaf(e) }) },
	} {
		if err := pass(); err != nil {
			return err
		}
	}
	return nil
}

func (n *node) knownFunction() error {
	if n.op != opCall {
		return nil
	}
	if _, ok := conditionFunctions[n.name]; ok {
		return nil
	}
	if _, ok := updateFunctions[n.name]; ok {
		return fail("The function is not allowed in a condition expression; function: %s", n.name)
	}
	return fail("Invalid function name; function: %s", n.name)
}

// misused finds functions that stand where they cannot: size as a condition, any other as an operand.
func misused(n *node, asCondition bool) error {
	if n.op == opCall && (n.name == "size") == asCondition {
		return fail("The function is not allowed to be used this way in an expression; function: %s", n.name)
	}
	logical := n.op == opAnd || n.op == opOr || n.op == opNot
	for _, k := range n.kids {
		if err := misused(k, logical); err != nil {
			return err
		}
	}
	return nil
}

// checkLeaf checks one comparison or function: names and values, then operands.
func (n *node) checkLeaf(e *Env) error {
	switch n.op {
	case opAnd, opOr, opNot, opPath, opValue:
		return nil
	}
	if err := n.bind(e); err != nil {
		return err
	}
	if n.op == opCall {
		if want := conditionFunctions[n.name]; want != len(n.kids) {
			return wrongCount(n.name, len(n.kids))
		}
	}
	if err := n.distinct(); err != nil {
		return err
	}
	switch n.op {
	case opCall:
		return n.checkCall()
	case opBetween:
		return n.checkBetween(e)
	case opLT, opLE, opGT, opGE:
		return n.checkOrdered(e)
	}
	return nil
}

func (n *node) distinct() error {
	if n.op != opIn && len(n.kids) == 2 && n.kids[0].op == opPath && n.kids[1].op == opPath && n.kids[0].path.same(n.kids[1].path) {
		return fail("The first operand must be distinct from the remaining operands for this operator or function; operator: %s, first operand: %s", n.label(), n.kids[0].path)
	}
	return nil
}

func (n *node) checkCall() error {
	first := n.kids[0]
	switch n.name {
	case "attribute_exists", "attribute_not_exists":
		if first.op != opPath {
			return fail("Operator or function requires a document path; operator or function: %s", n.name)
		}
	case "begins_with":
		for _, k := range n.kids {
			if t := k.kind(); t != item.None && t != item.S && t != item.B {
				return badOperand(n.name, t)
			}
		}
	case "attribute_type":
		return n.checkTypeName(n.kids[1])
	case "size":
		if t := first.kind(); t == item.N || t == item.BOOL || t == item.NULL {
			return badOperand(n.name, t)
		}
	}
	return nil
}

func (n *node) checkTypeName(k *node) error {
	if k.kind() == item.None {
		return fail("Incorrect operand type for operator or function; operator or function: %s, operand type: {NS,SS,L,BS,N,M,B,BOOL,NULL,S}", n.name)
	}
	if k.kind() != item.S {
		return badOperand(n.name, k.kind())
	}
	names := []string{"S", "N", "B", "NULL", "SS", "BOOL", "L", "BS", "NS", "M"}
	if !slices.Contains(names, k.value.Str) {
		return fail("Invalid attribute type name found; type: %s, valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}", k.value.Str)
	}
	return nil
}

func (n *node) checkBetween(e *Env) error {
	low, high := n.kids[1], n.kids[2]
	if low.op == opValue && high.op == opValue {
		bounds := "lower bound operand: " + literal(low.value) + ", upper bound operand: " + literal(high.value)
		if low.kind() != high.kind() {
			return Error("The BETWEEN operator requires same data type for lower and upper bounds; " + bounds)
		}
		if c, ok := Compare(low.value, high.value); ok && c > 0 {
			return Error("The BETWEEN operator requires upper bound to be greater than or equal to lower bound; " + bounds)
		}
	}
	return n.checkOrdered(e)
}

func (n *node) checkOrdered(e *Env) error {
	for _, k := range n.kids {
		if t := k.kind(); t != item.None && t != item.S && t != item.N && t != item.B {
			if e.sql {
				return badOperand(n.label(), t)
			}
			return fail("Incorrect operand type for operator or function; operator: %s, operand type: %s", n.label(), t)
		}
	}
	return nil
}

// eval is the value of an operand for an item, nil when it has none.
func (n *node) eval(it item.Item) *item.Value {
	switch n.op {
	case opPath:
		return n.path.Find(it)
	case opValue:
		return n.value
	}
	size, ok := sizeOf(n.kids[0].eval(it)) // the only function that stands as an operand
	if !ok {
		return nil
	}
	return &item.Value{Kind: item.N, Str: strconv.Itoa(size)}
}
