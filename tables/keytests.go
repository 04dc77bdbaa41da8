package tables

import (
	"bytes"
	"strings"

	"bothy/kv"
	"bothy/tables/expr"
	"bothy/wire/item"
)

const oneOrTwo = "Conditions can be of length 1 or 2 only"

// match finds the tests of the partition key and of the sort key, in the schema's order, and checks them against it.
func (q *querying) match(k *keySchema) (hashes, sorts []*expr.KeyTest, err error) {
	if !k.several() {
		if err := q.matchTwo(k); err != nil {
			return nil, nil, err
		}
	} else if err := q.matchSeveral(k); err != nil {
		return nil, nil, err
	}
	for part, a := range k.parts() {
		t := q.test(a)
		if t == nil {
			break
		}
		if err := checkTest(t, a, k.limit(part)); err != nil {
			return nil, nil, err
		}
		if part > len(k.MoreHash) {
			sorts = append(sorts, t)
		} else if hashes = append(hashes, t); t.Op != expr.EQ {
			return nil, nil, validation("Query key condition not supported")
		}
	}
	return hashes, sorts, nil
}

// test is the test of an attribute, nil when there is none.
func (q *querying) test(a attribute) *expr.KeyTest {
	for i := range q.tests {
		if q.tests[i].Name == a.Name {
			return &q.tests[i]
		}
	}
	return nil
}

// matchTwo checks that there are tests for what a key of one or two attributes wants, and no others.
func (q *querying) matchTwo(k *keySchema) error {
	switch {
	case len(q.tests) > 2:
		return validation(oneOrTwo)
	case len(q.tests) > 1 && k.Range.Name == "":
		return validation("Query key condition not supported")
	case q.test(k.Hash) == nil:
		return missed(k.Hash)
	case len(q.tests) > 1 && q.test(k.Range) == nil:
		return missed(k.Range)
	}
	return nil
}

func missed(a attribute) error {
	return validation("Query condition missed key schema element: %s", a.Name)
}

// matchSeveral checks that there are equalities for the whole partition key, and tests of the sort key's attributes in their
// order, of which all but the last are equalities too.
func (q *querying) matchSeveral(k *keySchema) error {
	if lacks := q.unequal(k.hashes()); lacks != nil {
		return validation("HASH key attributes %s must have equality conditions specified in the query", strings.Join(lacks, ", "))
	}
	given, ranges := 0, k.ranges()
	for last := len(ranges) - 1; last >= 0; last-- {
		if q.test(ranges[last]) == nil {
			continue
		}
		if lacks := q.unequal(ranges[:last]); lacks != nil {
			return validation("RANGE key attributes %s must have equality conditions specified in the query because a condition is present on key attribute %s", strings.Join(lacks, ", "), ranges[last].Name)
		}
		given = last + 1
		break
	}
	switch {
	case len(q.tests) == 1+len(k.MoreHash)+given:
		return nil
	case given < len(ranges):
		return missed(ranges[given])
	}
	return validation("Query key condition not supported")
}

// unequal are the names of attributes that no test compares for equality.
func (q *querying) unequal(attributes []attribute) (names []string) {
	for _, a := range attributes {
		if t := q.test(a); t == nil || t.Op != expr.EQ {
			names = append(names, a.Name)
		}
	}
	return names
}

// first are what tests compare with, the lower bound of BETWEEN.
func first(tests []*expr.KeyTest) []*item.Value {
	values := make([]*item.Value, len(tests))
	for i, t := range tests {
		values[i] = t.Values[0]
	}
	return values
}

func checkTest(t *expr.KeyTest, a attribute, limit int) error {
	switch t.Op {
	case expr.EQ, expr.LT, expr.LE, expr.GT, expr.GE, expr.Between, expr.BeginsWith:
	default:
		return validation("Attempted conditional constraint is not an indexable operation")
	}
	for _, v := range t.Values {
		if v.Kind.String() != a.Type {
			return validation(invalid + "Condition parameter type does not match schema type")
		}
		if t.Op == expr.BeginsWith && v.Kind == item.N {
			return validation(invalid + "ComparisonOperator BEGINS_WITH is not valid for N AttributeValue type")
		}
		if limit == maxHash || t.Op == expr.EQ {
			if err := emptyKey(a.Name, v); err != nil {
				return err
			}
		}
		if v.Str != "" {
			if err := checkKeyValue(v, limit); err != nil {
				return err
			}
		}
	}
	return nil
}

// bounds is the range of keys that begin with base, a partition, and pass the test of the sort key.
func bounds(base []byte, sort *expr.KeyTest) (from, to kv.Key) {
	whole := kv.Key(base)
	if sort == nil {
		return whole, whole.End()
	}
	at := func(i int) kv.Key { return appendScalar(bytes.Clone(base), sort.Values[i]) }
	switch sort.Op {
	case expr.LT:
		return whole, at(0)
	case expr.LE:
		return whole, at(0).End()
	case expr.GT:
		return at(0).End(), whole.End()
	case expr.GE:
		return at(0), whole.End()
	case expr.Between:
		return at(0), at(1).End()
	case expr.BeginsWith:
		from = at(0)
		from = from[:len(from)-1] // without the end of the text: what begins with it follows
		return from, successor(from)
	}
	return at(0), at(0).End()
}

// successor is the smallest key above all that begin with k.
func successor(k kv.Key) kv.Key {
	s := bytes.Clone(k)
	for s[len(s)-1] == 0xFF {
		s = s[:len(s)-1]
	}
	s[len(s)-1]++
	return s
}
