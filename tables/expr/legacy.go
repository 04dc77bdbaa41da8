package expr

import (
	"slices"

	"bothy/wire/item"
)

// Legacy is one entry of the conditions that came before expressions: KeyConditions, QueryFilter, ScanFilter, Expected.
type Legacy struct {
	Name   string
	Op     string // ComparisonOperator
	Values []item.Value
}

const invalid = "One or more parameter values were invalid: "

// operand types that the legacy operators take; others take any.
var legacyTypes = map[string][]item.Kind{
	"LE": {item.S, item.N, item.B}, "LT": {item.S, item.N, item.B}, "GE": {item.S, item.N, item.B}, "GT": {item.S, item.N, item.B},
	"CONTAINS": {item.S, item.N, item.B}, "NOT_CONTAINS": {item.S, item.N, item.B}, "BEGINS_WITH": {item.S, item.B},
	"IN": {item.S, item.N, item.B}, "BETWEEN": {item.S, item.N, item.B},
}

// Check reports what is wrong with an entry in itself.
func (l Legacy) Check() error {
	n := len(l.Values)
	ok := n == 1
	switch l.Op {
	case "NULL", "NOT_NULL":
		ok = n == 0
	case "BETWEEN":
		ok = n == 2
	case "IN":
		ok = n > 0 && n <= MaxInList
	}
	if !ok {
		return Error(invalid + "Invalid number of argument(s) for the " + l.Op + " ComparisonOperator")
	}
	for i := range l.Values {
		if l.Values[i].Kind != l.Values[0].Kind {
			return Error(invalid + "AttributeValues inside AttributeValueList must be of same type")
		}
	}
	for i := range l.Values {
		if types := legacyTypes[l.Op]; types != nil && !slices.Contains(types, l.Values[i].Kind) {
			return Error(invalid + "ComparisonOperator " + l.Op + " is not valid for " + l.Values[i].Kind.String() + " AttributeValue type")
		}
	}
	if l.Op == "BETWEEN" {
		if c, _ := Compare(&l.Values[0], &l.Values[1]); c > 0 {
			return Error("The BETWEEN condition was provided a range where the lower bound is greater than the upper bound")
		}
	}
	return nil
}

// LegacyCondition joins checked entries with AND, or with OR when anyOf is set; no entries are no condition.
func LegacyCondition(entries []Legacy, anyOf bool) *Condition {
	if len(entries) == 0 {
		return nil
	}
	root := &node{op: opAnd}
	if anyOf {
		root.op = opOr
	}
	for i := range entries {
		root.kids = append(root.kids, entries[i].node())
	}
	return &Condition{root}
}

var legacyOps = map[string]op{"EQ": opEQ, "NE": opNE, "LT": opLT, "LE": opLE, "GT": opGT, "GE": opGE, "BETWEEN": opBetween, "IN": opIn}

var legacyCalls = map[string]string{
	"NULL": "attribute_not_exists", "NOT_NULL": "attribute_exists", "CONTAINS": "contains", "BEGINS_WITH": "begins_with",
}

func (l Legacy) node() *node {
	path := &node{op: opPath, path: Path{{Name: l.Name}}}
	kids := []*node{path}
	for i := range l.Values {
		kids = append(kids, &node{op: opValue, value: &l.Values[i]})
	}
	if name := legacyCalls[l.Op]; name != "" {
		return &node{op: opCall, name: name, kids: kids}
	}
	if l.Op == "NOT_CONTAINS" { // absent attributes are not searched: they neither contain nor lack
		here := &node{op: opCall, name: "attribute_exists", kids: []*node{path}}
		found := &node{op: opCall, name: "contains", kids: kids}
		return &node{op: opAnd, kids: []*node{here, {op: opNot, kids: []*node{found}}}}
	}
	return &node{op: legacyOps[l.Op], kids: kids}
}

// LegacyUpdate is one entry of AttributeUpdates; Value is nil when none was given.
type LegacyUpdate struct {
	Name   string
	Action string // PUT, ADD, DELETE
	Value  *item.Value
}

// LegacyUpdates checks the entries and makes an update of them.
func LegacyUpdates(entries []LegacyUpdate) (*Update, error) {
	if len(entries) > MaxUpdates {
		return nil, fail("%sNumber of AttributeUpdates exceeds the limit of %d", invalid, MaxUpdates)
	}
	u := &Update{}
	for _, l := range entries {
		a := action{path: Path{{Name: l.Name}}, legacy: true}
		if l.Value == nil {
			if l.Action != "DELETE" {
				return nil, Error(invalid + "Only DELETE action is allowed when no attribute value is specified")
			}
			a.section = secRemove
			u.actions = append(u.actions, a)
			continue
		}
		a.value = &node{op: opValue, value: l.Value}
		set := memberKind(l.Value.Kind) != item.None
		switch l.Action {
		case "DELETE":
			if a.section = secDelete; !set {
				return nil, Error(invalid + "DELETE action with value is not supported for the type " + l.Value.Kind.String())
			}
		case "ADD":
			if l.Value.Kind == item.L {
				a.section, a.value = secSet, appended(a.path, l.Value)
			} else if a.section = secAdd; !set && l.Value.Kind != item.N {
				return nil, Error(invalid + "ADD action is not supported for the type " + l.Value.Kind.String())
			}
		}
		u.actions = append(u.actions, a)
	}
	return u, nil
}

// appended is list_append(if_not_exists(path, []), v): what the legacy ADD does with a list.
func appended(p Path, v *item.Value) *node {
	empty := item.List()
	have := &node{op: opCall, name: "if_not_exists", kids: []*node{{op: opPath, path: p}, {op: opValue, value: &empty}}}
	return &node{op: opCall, name: "list_append", kids: []*node{have, {op: opValue, value: v}}}
}
