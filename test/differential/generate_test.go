package differential

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"strings"
)

// object is a JSON object under construction.
type object = map[string]any

// maker makes random requests: mostly sensible ones, so that they reach the items, and now and then wrong ones of every kind.
type maker struct {
	*rand.Rand
	tables []schema
}

// schema is a table's keys, as name and type ("S", "N", "B"); an empty name means none.
type schema struct {
	name           string
	hash, hashType string
	sort, sortType string
	indexes        []index
}

type index struct {
	name           string
	hash, hashType string
	sort, sortType string
	projection     object
	global         bool
}

func schemas() []schema {
	all := object{"ProjectionType": "ALL"}
	return []schema{
		{name: "plain", hash: "p", hashType: "S"},
		{name: "numbers", hash: "p", hashType: "N", sort: "s", sortType: "N"},
		{name: "indexed", hash: "p", hashType: "S", sort: "s", sortType: "S", indexes: []index{
			{"local", "p", "S", "a", "N", all, false},
			{"local-keys", "p", "S", "b", "S", object{"ProjectionType": "KEYS_ONLY"}, false},
			{"global", "a", "N", "", "", all, true},
			{"global-sorted", "b", "S", "c", "B", object{"ProjectionType": "INCLUDE", "NonKeyAttributes": []string{"d", "e"}}, true},
		}},
		{name: "binary", hash: "p", hashType: "B", sort: "s", sortType: "B"},
	}
}

// create is the CreateTable of a schema.
func (s schema) create() object {
	types := object{s.hash: s.hashType}
	keys := func(hash, sort string) []object {
		k := []object{{"AttributeName": hash, "KeyType": "HASH"}}
		if sort != "" {
			k = append(k, object{"AttributeName": sort, "KeyType": "RANGE"})
		}
		return k
	}
	if s.sort != "" {
		types[s.sort] = s.sortType
	}
	in := object{"TableName": s.name, "BillingMode": "PAY_PER_REQUEST", "KeySchema": keys(s.hash, s.sort)}
	for _, ix := range s.indexes {
		kind := "LocalSecondaryIndexes"
		if ix.global {
			kind = "GlobalSecondaryIndexes"
		}
		list, _ := in[kind].([]object)
		in[kind] = append(list, object{"IndexName": ix.name, "KeySchema": keys(ix.hash, ix.sort), "Projection": ix.projection})
		types[ix.hash] = ix.hashType
		if ix.sort != "" {
			types[ix.sort] = ix.sortType
		}
	}
	var definitions []object
	for _, name := range []string{"p", "s", "a", "b", "c"} {
		if kind, ok := types[name]; ok {
			definitions = append(definitions, object{"AttributeName": name, "AttributeType": kind})
		}
	}
	in["AttributeDefinitions"] = definitions
	return in
}

func (m *maker) rarely() bool { return m.IntN(25) == 0 }

func pick[T any](m *maker, of ...T) T { return of[m.IntN(len(of))] }

var names = []string{"a", "b", "c", "d", "e", "f"}

func (m *maker) table() schema { return pick(m, m.tables...) }

// scalar is a value of a key type, from a small set so that keys meet.
func (m *maker) scalar(kind string) object {
	switch kind {
	case "N":
		return object{"N": pick(m, "0", "1", "-1", "2", "1.5", "10", "1e2", "0.001")}
	case "B":
		return object{"B": base64.StdEncoding.EncodeToString([]byte(pick(m, "a", "b", "ab", "\x00", "\xff")))}
	}
	return object{"S": pick(m, "a", "b", "ab", "é", "B", "10")}
}

// usual is a value of the type that the attribute mostly has, so that what is compared can be.
func (m *maker) usual(name string) object {
	if m.IntN(5) == 0 {
		return m.value(2)
	}
	switch name {
	case "a", "d":
		return object{"N": pick(m, "1", "2", "10")}
	case "b", "e":
		return object{"S": pick(m, "a", "ab", "b")}
	}
	return m.scalar("B")
}

// value is any value; depth bounds nesting.
func (m *maker) value(depth int) object {
	kinds := 10
	if depth <= 0 {
		kinds = 8
	}
	switch m.IntN(kinds) {
	case 0:
		return m.scalar("S")
	case 1:
		return object{"N": m.number()}
	case 2:
		return m.scalar("B")
	case 3:
		return object{"BOOL": m.IntN(2) == 0}
	case 4:
		return object{"NULL": true}
	case 5:
		return object{"SS": m.set("a", "b", "c", "é")}
	case 6:
		return object{"NS": m.set("1", "2", "3.0", "-4", "1e1")}
	case 7:
		return object{"BS": m.set("YQ==", "Yg==", "AAE=")}
	case 8:
		list := []object{}
		for range m.IntN(4) {
			list = append(list, m.value(depth-1))
		}
		return object{"L": list}
	}
	inner := object{}
	for range m.IntN(3) {
		inner[pick(m, names...)] = m.value(depth - 1)
	}
	return object{"M": inner}
}

func (m *maker) number() string {
	if m.rarely() {
		return pick(m, "", "abc", "1e200", "-1e200", "1e-200", "NaN", "Infinity", "1 ", "+5", "0x1", "123456789012345678901234567890123456789", "1..2", "--1", "1e", "01", ".5", "5.",
			"99999999999999999999999999999999999999", "1e125", "9.99e125", "1e126", "-0", "1e-130", "1e-131")
	}
	return pick(m, "0", "1", "2", "3", "-1", "10", "1.5", "0.1", "1e3", "-2.50", "100000000000000000000", "0.000001", "12345678901234567890123456789012345678")
}

// set is a few different members; rarely none, or one twice.
func (m *maker) set(of ...string) []string {
	if m.rarely() {
		return pick(m, []string{}, []string{of[0], of[0]})
	}
	m.Shuffle(len(of), func(i, j int) { of[i], of[j] = of[j], of[i] })
	return of[:1+m.IntN(len(of))]
}

// wrongValue is what no value may be.
func (m *maker) wrongValue() any {
	return pick[any](m, object{}, object{"S": "a", "N": "1"}, object{"SS": []string{}}, object{"NS": []string{"1", "1.0"}}, object{"NULL": false}, object{"N": "x"},
		object{"BS": []string{"YQ==", "YQ=="}}, object{"SS": []string{"a", "a"}}, object{"L": []any{object{}}}, object{"M": object{"a": object{"N": ""}}}, object{"NS": []string{}})
}

func (m *maker) key(s schema) object {
	k := object{s.hash: m.scalar(s.hashType)}
	if s.sort != "" {
		k[s.sort] = m.scalar(s.sortType)
	}
	if m.rarely() {
		switch m.IntN(5) {
		case 0:
			delete(k, s.hash)
		case 1:
			k["extra"] = m.scalar("S")
		case 2:
			k[s.hash] = m.value(1)
		case 3:
			k[s.hash] = m.wrongValue()
		case 4:
			k[s.hash] = object{s.hashType: ""}
		}
	}
	return k
}

func (m *maker) item(s schema) object {
	it := m.key(s)
	for range m.IntN(6) {
		n := pick(m, names...)
		it[n] = m.usual(n)
	}
	for _, ix := range s.indexes { // mostly of the type that the index wants
		for name, kind := range map[string]string{ix.hash: ix.hashType, ix.sort: ix.sortType} {
			if _, there := it[name]; there && name != s.hash && name != s.sort && !m.rarely() {
				it[name] = m.scalar(kind)
			}
		}
	}
	if m.rarely() {
		it[pick(m, names...)] = m.wrongValue()
	}
	return it
}

// expressions keep what placeholders stand for.
type expressions struct {
	*maker
	s      schema
	names  object
	values object
}

func (m *maker) expressions(s schema) *expressions {
	return &expressions{m, s, object{}, object{}}
}

// into adds what was used to a request; rarely something that was not.
func (e *expressions) into(in object) {
	if e.rarely() {
		e.names["#unused"] = "u"
	}
	if e.rarely() {
		e.values[":unused"] = e.scalar("S")
	}
	if len(e.names) > 0 || e.rarely() {
		in["ExpressionAttributeNames"] = e.names
	}
	if len(e.values) > 0 || e.rarely() {
		in["ExpressionAttributeValues"] = e.values
	}
}

func (e *expressions) name(n string) string {
	if e.IntN(3) > 0 {
		return n
	}
	e.names["#"+n] = n
	if e.rarely() {
		return "#missing"
	}
	return "#" + n
}

func (e *expressions) bind(v any) string {
	name := fmt.Sprintf(":v%d", len(e.values))
	e.values[name] = v
	if e.rarely() {
		return pick(e.maker, ":missing", name)
	}
	return name
}

// path is an attribute, now and then a nested one.
func (e *expressions) path() string {
	p := e.name(pick(e.maker, append(names, "p", "s")...))
	for e.IntN(4) == 0 {
		p += pick(e.maker, ".a", ".b", "[0]", "[1]")
	}
	if e.rarely() {
		p = pick(e.maker, "size", "a..b", "a[", "a[-1]", "1a", "a b", "#", "", "a.[0]", "date")
	}
	return p
}

func (e *expressions) operand() string {
	switch e.IntN(6) {
	case 0, 1:
		return e.path()
	case 2:
		return "size(" + e.path() + ")"
	}
	v := e.value(1)
	if e.rarely() {
		return e.bind(e.wrongValue())
	}
	return e.bind(v)
}

// compared is an attribute and what makes values like it; now and then any operands.
func (e *expressions) compared() (operand string, other func() string) {
	if e.IntN(3) == 0 {
		return e.operand(), e.operand
	}
	n := pick(e.maker, names...)
	return e.name(n), func() string { return e.bind(e.usual(n)) }
}

func (e *expressions) condition(depth int) string {
	kinds := 11
	if depth <= 0 {
		kinds = 8
	}
	switch e.IntN(kinds) {
	case 0:
		return "attribute_exists(" + e.path() + ")"
	case 1:
		return "attribute_not_exists(" + e.path() + ")"
	case 2:
		return "attribute_type(" + e.path() + ", " + e.bind(object{"S": pick(e.maker, "S", "N", "B", "SS", "NS", "BS", "BOOL", "NULL", "L", "M", "M", "X")}) + ")"
	case 8:
		return "(" + e.condition(depth-1) + ")"
	case 9:
		return "NOT " + e.condition(depth-1)
	case 10:
		return e.condition(depth-1) + pick(e.maker, " AND ", " OR ") + e.condition(depth-1)
	}
	return e.comparing()
}

// comparing is a condition that compares.
func (e *expressions) comparing() string {
	operand, other := e.compared()
	switch e.IntN(8) {
	case 0:
		return "begins_with(" + operand + ", " + other() + ")"
	case 1:
		return "contains(" + operand + ", " + other() + ")"
	case 2:
		return operand + " BETWEEN " + other() + " AND " + other()
	case 3:
		list := []string{other()}
		for range e.IntN(3) {
			list = append(list, other())
		}
		return operand + " IN (" + strings.Join(list, ", ") + ")"
	}
	return operand + " " + pick(e.maker, "=", "<>", "<", "<=", ">", ">=") + " " + other()
}

// update is an update expression.
func (e *expressions) update() string {
	var clauses []string
	for _, kind := range []string{"SET", "REMOVE", "ADD", "DELETE"} {
		if e.IntN(3) > 0 {
			continue
		}
		var actions []string
		for range 1 + e.IntN(2) {
			actions = append(actions, e.action(kind))
		}
		clauses = append(clauses, kind+" "+strings.Join(actions, ", "))
	}
	if e.rarely() {
		clauses = append(clauses, pick(e.maker, "SET", "SET a", "SET a = ", "FOO a", "SET a = :v0 SET b = :v0", "REMOVE"))
	}
	return strings.Join(clauses, " ")
}

func (e *expressions) action(kind string) string {
	switch kind {
	case "REMOVE":
		return e.target()
	case "ADD":
		return e.target() + " " + e.bind(pick(e.maker, e.scalar("N"), e.value(1)))
	case "DELETE":
		return e.target() + " " + e.bind(pick(e.maker, object{"SS": e.set("a", "b")}, object{"NS": e.set("1", "2")}, e.value(1)))
	}
	switch e.IntN(6) {
	case 0:
		return e.target() + " = if_not_exists(" + e.path() + ", " + e.operandOfSet() + ")"
	case 1:
		return e.target() + " = list_append(" + e.operandOfSet() + ", " + e.bind(object{"L": []object{e.value(1)}}) + ")"
	case 2:
		return e.target() + " = " + e.path() + pick(e.maker, " + ", " - ") + e.bind(e.scalar("N"))
	}
	return e.target() + " = " + e.operandOfSet()
}

// target is a path to change, seldom a key.
func (e *expressions) target() string {
	p := e.name(pick(e.maker, names...))
	if e.rarely() {
		p = e.name(pick(e.maker, "p", "s"))
	}
	for e.IntN(4) == 0 {
		p += pick(e.maker, ".a", ".b", "[0]", "[1]")
	}
	return p
}

func (e *expressions) operandOfSet() string {
	if e.IntN(3) == 0 {
		return e.path()
	}
	return e.bind(e.value(2))
}

func (e *expressions) projection() string {
	var paths []string
	for range 1 + e.IntN(3) {
		paths = append(paths, e.path())
	}
	return strings.Join(paths, ", ")
}
