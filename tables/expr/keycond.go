package expr

import (
	"bothy/wire/item"
)

// KeyOp is a comparison that keys can answer.
type KeyOp string

// The comparisons, named as the legacy ComparisonOperator.
const (
	EQ         KeyOp = "EQ"
	LT         KeyOp = "LT"
	LE         KeyOp = "LE"
	GT         KeyOp = "GT"
	GE         KeyOp = "GE"
	Between    KeyOp = "BETWEEN"
	BeginsWith KeyOp = "BEGINS_WITH"
)

// KeyTest is what a query asks of one key attribute.
type KeyTest struct {
	Name   string
	Op     KeyOp
	Values []*item.Value // one; two for BETWEEN
}

// KeyTests makes tests of a KeyConditionExpression.
func (c *Condition) KeyTests() ([]KeyTest, error) { return keyTests(c.root, nil) }

// Holds tells whether the value passes the test.
func (t *KeyTest) Holds(v *item.Value) bool {
	switch t.Op {
	case BeginsWith:
		return beginsWith(v, t.Values[0])
	case Between:
		return holds(opGE, v, t.Values[0]) && holds(opLE, v, t.Values[1])
	}
	return holds(legacyOps[string(t.Op)], v, t.Values[0])
}

func keyTests(n *node, tests []KeyTest) ([]KeyTest, error) {
	if n.op == opAnd {
		for _, k := range n.kids {
			var err error
			if tests, err = keyTests(k, tests); err != nil {
				return nil, err
			}
		}
		return tests, nil
	}
	if n.op == opOr || n.op == opNot || n.op == opIn || n.op == opNE || n.op == opCall && n.name != "begins_with" {
		return nil, fail("Invalid operator used in KeyConditionExpression: %s", n.label())
	}
	test, err := keyTest(n)
	if err != nil {
		return nil, err
	}
	for i := range tests {
		if tests[i].Name == test.Name {
			return nil, Error("KeyConditionExpressions must only contain one condition per key")
		}
	}
	return append(tests, test), nil
}

func keyTest(n *node) (KeyTest, error) {
	t := KeyTest{Op: keyOps[n.op]}
	if (n.op == opBetween || n.op == opCall) && n.kids[0].op != opPath {
		return t, fail("Invalid condition in KeyConditionExpression: %s operator must have the key attribute as its first operand", n.label())
	}
	for i, k := range n.kids {
		switch {
		case k.op == opCall:
			return t, Error("KeyConditionExpressions cannot contain nested operations")
		case k.op == opValue:
			t.Values = append(t.Values, k.value)
		case t.Name != "":
			return t, Error("Invalid condition in KeyConditionExpression: Multiple attribute names used in one condition")
		case len(k.path) > 1:
			return t, Error("KeyConditionExpressions cannot have conditions on nested attributes")
		default:
			t.Name = k.path[0].Name
			if i == 1 {
				t.Op = mirrored[t.Op]
			}
		}
	}
	if t.Name == "" {
		return t, Error("Invalid condition in KeyConditionExpression: No key attribute specified")
	}
	return t, nil
}

var (
	keyOps   = map[op]KeyOp{opEQ: EQ, opLT: LT, opLE: LE, opGT: GT, opGE: GE, opBetween: Between, opCall: BeginsWith}
	mirrored = map[KeyOp]KeyOp{EQ: EQ, LT: GT, LE: GE, GT: LT, GE: LE}
)
