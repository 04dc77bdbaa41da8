package expr

import (
	"fmt"
	"strings"
	"testing"

	"bothy/wire/item"
	"bothy/wire/jsoncur"
)

// doc reads an item from DynamoDB JSON with single quotes.
func doc(s string) item.Item {
	if s == "" {
		return nil
	}
	var it item.Item
	d := jsoncur.New(strings.ReplaceAll(s, "'", `"`))
	it.DecodeJSON(d)
	if err := d.Err(); err != nil {
		panic(s + ": " + err.Error())
	}
	return it
}

func show(it item.Item) string { return strings.ReplaceAll(string(it.AppendJSON(nil)), `"`, "'") }

func env(t testing.TB, names map[string]string, values string) *Env {
	t.Helper()
	e, err := NewEnv(names, doc(values))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

const sample = `{'s': {'S': 'hello'}, 'n': {'N': '5'}, 'b': {'B': 'AQID'}, 't': {'BOOL': true}, 'nil': {'NULL': true},
	'ss': {'SS': ['a', 'b']}, 'ns': {'NS': ['1', '2']}, 'l': {'L': [{'S': 'x'}, {'N': '7'}, {'M': {'k': {'S': 'deep'}}}]}, 'm': {'M': {'x': {'N': '1'}, 'y': {'L': []}}}}`

const sampleValues = `{':s': {'S': 'hello'}, ':h': {'S': 'he'}, ':n': {'N': '5'}, ':n3': {'N': '3'}, ':n9': {'N': '9'}, ':t': {'BOOL': true}, ':b': {'B': 'AQI='}, ':a': {'S': 'a'},
	':one': {'N': '1'}, ':ss': {'SS': ['b', 'a']}, ':m': {'M': {'y': {'L': []}, 'x': {'N': '1'}}}, ':typ': {'S': 'L'}, ':x': {'S': 'x'}, ':f': {'BOOL': false}}`

func TestConditions(t *testing.T) {
	for text, want := range map[string]bool{
		"s = :s": true, "s <> :s": false, "n = :n": true, "n < :n9": true, "n > :n9": false, "n >= :n": true, "n <= :n3": false, ":n3 < n": true,
		"absent = :s": false, "absent <> :s": true, "absent < :n": false, "s < :n": false, "s <> :n": true,
		"ss = :ss": true, "m = :m": true, "t = :t": true, "t = :f": false,
		"n BETWEEN :n3 AND :n9": true, "n NOT_A": false, "n IN (:n3, :n)": true, "n in (:n3, :n9)": false,
		"attribute_exists(s)": true, "attribute_exists(m.x)": true, "attribute_exists(m.z)": false, "attribute_exists(l[2].k)": true, "attribute_exists(l[3])": false, "attribute_not_exists(absent)": true,
		"attribute_type(l, :typ)": true, "attribute_type(s, :typ)": false,
		"begins_with(s, :h)": true, "begins_with(s, :x)": false, "begins_with(b, :b)": true, "begins_with(n, :h)": false,
		"contains(s, :h)": true, "contains(ss, :a)": true, "contains(ss, :x)": false, "contains(ns, :one)": true, "contains(l, :x)": true, "contains(m, :x)": false,
		"size(s) = :n": true, "size(b) = :n3": true, "size(l) = :n3": true, "size(ss) > :one": true, "size(absent) = :n": false, "size(n) = :n": false,
		"NOT s = :s": false, "NOT (s = :x)": true, "not contains(s, :x) and n = :n": true,
		"s = :x OR n = :n": true, "s = :x OR n = :n AND t = :f": false, "(s = :x OR n = :n) AND t = :t": true, "NOT s = :x AND NOT n = :n9": true,
		"(s) = (:s)": true, "l[0] = :x": true, "l[2].k <> :x": true, "m.x = :one": true, "NOT NOT s = :s": true,
		"s=:s AND(n=:n)": true, "\n s\t=\r\n :s ": true, "s BETWEEN :h AND :x": true,
	} {
		e := env(t, nil, sampleValues)
		c, err := e.Condition("ConditionExpression", text)
		if text == "n NOT_A" {
			if err == nil {
				t.Errorf("%s: parsed", text)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := c.Match(doc(sample)); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}

func TestConditionErrors(t *testing.T) {
	long := strings.Repeat("x", 4097)
	for text, want := range map[string]string{
		"":                         "The expression can not be empty;",
		"  ":                       "The expression can not be empty;",
		"foo":                      `Syntax error; token: "<EOF>", near: "foo"`,
		"a = ":                     `Syntax error; token: "<EOF>", near: "= "`,
		"a == :s":                  `Syntax error; token: "=", near: "== :s"`,
		"a = :s b":                 `Syntax error; token: "b", near: ":s b"`,
		"a = :s AND":               `Syntax error; token: "<EOF>", near: "AND"`,
		"_a = :s":                  `Syntax error; token: "_", near: "_a"`,
		"a = !":                    `Syntax error; token: "!", near: "= !"`,
		"(a = :s":                  `Syntax error; token: "<EOF>", near: ":s"`,
		"a = :s)":                  `Syntax error; token: ")", near: ":s)"`,
		"a BETWEEN :n OR :n":       `Syntax error; token: "OR", near: ":n OR :n"`,
		"and = :s":                 `Syntax error; token: "and", near: "and ="`,
		"a = é":                    `Syntax error; token: "é", near: "= é"`,
		"((a = :s))":               "The expression has redundant parentheses;",
		"((a)) = :s":               "The expression has redundant parentheses;",
		"foo(a)":                   "Invalid function name; function: foo",
		"if_not_exists(a, :s)":     "The function is not allowed in a condition expression; function: if_not_exists",
		"size(a)":                  "The function is not allowed to be used this way in an expression; function: size",
		"contains(a, :s) = :s":     "The function is not allowed to be used this way in an expression; function: contains",
		"NOT size(a)":              "The function is not allowed to be used this way in an expression; function: size",
		"name = :s":                "Attribute name is a reserved keyword; reserved keyword: name",
		"a.Status = :s":            "Attribute name is a reserved keyword; reserved keyword: Status",
		"a = :nope":                "An expression attribute value used in expression is not defined; attribute value: :nope",
		"#nope = :s":               "An expression attribute name used in the document path is not defined; attribute name: #nope",
		"attribute_exists(a, b)":   "Incorrect number of operands for operator or function; operator or function: attribute_exists, number of operands: 2",
		"attribute_exists(:s)":     "Operator or function requires a document path; operator or function: attribute_exists",
		"a = a":                    "The first operand must be distinct from the remaining operands for this operator or function; operator: =, first operand: [a]",
		"contains(a.b[1], a.b[1])": "The first operand must be distinct from the remaining operands for this operator or function; operator: contains, first operand: [a, b, [1]]",
		"begins_with(a, :n)":       "Incorrect operand type for operator or function; operator or function: begins_with, operand type: N",
		"attribute_type(a, :n)":    "Incorrect operand type for operator or function; operator or function: attribute_type, operand type: N",
		"attribute_type(a, :s)":    "Invalid attribute type name found; type: hello, valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}",
		"a < :t":                   "Incorrect operand type for operator or function; operator: <, operand type: BOOL",
		"size(:n) = :n":            "Incorrect operand type for operator or function; operator or function: size, operand type: N",
		"a BETWEEN :n AND :s":      "The BETWEEN operator requires same data type for lower and upper bounds; lower bound operand: AttributeValue: {N:5}, upper bound operand: AttributeValue: {S:hello}",
		"a BETWEEN :n9 AND :n3":    "The BETWEEN operator requires upper bound to be greater than or equal to lower bound; lower bound operand: AttributeValue: {N:9}, upper bound operand: AttributeValue: {N:3}",
		long + " = :s":             "Expression size has exceeded the maximum allowed size; expression size: 4102",
		"a[99999999999] = :s":      "List index is not within the allowable range; index: [99999999999]",
	} {
		_, err := env(t, nil, sampleValues).Condition("ConditionExpression", text)
		if err == nil || err.Error() != "Invalid ConditionExpression: "+want {
			t.Errorf("%.60q:\n got %v\nwant Invalid ConditionExpression: %s", text, err, want)
		}
	}
}

func TestExpressionsHaveBounds(t *testing.T) {
	for _, text := range []string{
		strings.Repeat("(", 4000), strings.Repeat("NOT ", 1000) + "a = :s", "a" + strings.Repeat(".b", 40) + " = :s",
		"a IN (" + strings.Repeat(":s,", 101) + ":s)", strings.Repeat("a=:s OR ", 400) + "a=:s",
	} {
		if _, err := env(t, nil, sampleValues).Condition("FilterExpression", text); err == nil {
			t.Errorf("%.40q: parsed", text)
		}
	}
}

func TestEnv(t *testing.T) {
	for _, c := range []struct {
		names        map[string]string
		values, want string
	}{
		{map[string]string{}, "", "ExpressionAttributeNames must not be empty"},
		{nil, "{}", "ExpressionAttributeValues must not be empty"},
		{map[string]string{"a": "b"}, "", `ExpressionAttributeNames contains invalid key: Syntax error; key: "a"`},
		{map[string]string{"#": "b"}, "", `ExpressionAttributeNames contains invalid key: Syntax error; key: "#"`},
		{map[string]string{"#a-b": "b"}, "", `ExpressionAttributeNames contains invalid key: Syntax error; key: "#a-b"`},
		{nil, "{'x': {'S': 'a'}}", `ExpressionAttributeValues contains invalid key: Syntax error; key: "x"`},
	} {
		if _, err := NewEnv(c.names, doc(c.values)); err == nil || err.Error() != c.want {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
	e := env(t, map[string]string{"#a": "a", "#b": "b"}, `{':a': {'S': 'a'}, ':b': {'S': 'b'}}`)
	if _, err := e.Condition("ConditionExpression", "#a = :a"); err != nil {
		t.Fatal(err)
	}
	if err := e.Unused(); err == nil || err.Error() != "Value provided in ExpressionAttributeNames unused in expressions: keys: {#b}" {
		t.Error(err)
	}
	if _, err := e.Projection("#b"); err != nil {
		t.Fatal(err)
	}
	if err := e.Unused(); err == nil || err.Error() != "Value provided in ExpressionAttributeValues unused in expressions: keys: {:b}" {
		t.Error(err)
	}
}

func TestUpdates(t *testing.T) {
	for _, c := range []struct{ old, update, values, want string }{
		{`{'a': {'N': '1'}}`, "SET a = a + :v, b = :v - a", `{':v': {'N': '2.5'}}`, `{'a':{'N':'3.5'},'b':{'N':'1.5'}}`},
		{`{}`, "set a = if_not_exists(a, :v) + :v", `{':v': {'N': '1'}}`, `{'a':{'N':'2'}}`},
		{`{'a': {'N': '4'}}`, "SET a = if_not_exists(a, :v) + :v", `{':v': {'N': '1'}}`, `{'a':{'N':'5'}}`},
		{`{'l': {'L': [{'S': 'a'}]}}`, "SET l = list_append(l, :v)", `{':v': {'L': [{'S': 'b'}]}}`, `{'l':{'L':[{'S':'a'},{'S':'b'}]}}`},
		{`{'l': {'L': [{'S': 'a'}]}}`, "SET l = list_append(:v, l)", `{':v': {'L': [{'S': 'b'}]}}`, `{'l':{'L':[{'S':'b'},{'S':'a'}]}}`},
		{`{}`, "SET l = list_append(if_not_exists(l, :e), :v)", `{':v': {'L': [{'S': 'b'}]}, ':e': {'L': []}}`, `{'l':{'L':[{'S':'b'}]}}`},
		{`{'l': {'L': [{'S': 'a'}]}}`, "SET l[9] = :x, l[5] = :y", `{':x': {'S': 'x'}, ':y': {'S': 'y'}}`, `{'l':{'L':[{'S':'a'},{'S':'y'},{'S':'x'}]}}`},
		{`{'l': {'L': [{'S': 'a'}, {'S': 'b'}, {'S': 'c'}, {'S': 'd'}]}}`, "REMOVE l[0], l[2], l[7]", "", `{'l':{'L':[{'S':'b'},{'S':'d'}]}}`},
		{`{'l': {'L': [{'S': 'a'}, {'S': 'b'}, {'S': 'c'}]}}`, "SET l[1] = :x REMOVE l[0]", `{':x': {'S': 'x'}}`, `{'l':{'L':[{'S':'x'},{'S':'c'}]}}`},
		{`{'m': {'M': {'x': {'M': {}}}}}`, "SET m.x.y = :v, m.z = :v", `{':v': {'S': 'v'}}`, `{'m':{'M':{'x':{'M':{'y':{'S':'v'}}},'z':{'S':'v'}}}}`},
		{`{'m': {'M': {'x': {'S': 'q'}, 'y': {'S': 'r'}}}}`, "REMOVE m.x, gone, m.gone", "", `{'m':{'M':{'y':{'S':'r'}}}}`},
		{`{'a': {'S': '1'}, 'b': {'S': '2'}}`, "SET a = b, b = a", "", `{'a':{'S':'2'},'b':{'S':'1'}}`},
		{`{}`, "ADD n :n, s :s", `{':n': {'N': '3'}, ':s': {'SS': ['a']}}`, `{'n':{'N':'3'},'s':{'SS':['a']}}`},
		{`{'n': {'N': '0.1'}, 's': {'SS': ['a', 'b']}}`, "ADD n :n, s :s", `{':n': {'N': '0.2'}, ':s': {'SS': ['b', 'c']}}`, `{'n':{'N':'0.3'},'s':{'SS':['a','b','c']}}`},
		{`{'s': {'SS': ['a', 'b']}, 'x': {'NS': ['1']}}`, "DELETE s :s, x :x, y :s", `{':s': {'SS': ['b', 'c']}, ':x': {'NS': ['1']}}`, `{'s':{'SS':['a']}}`},
		{`{'l': {'L': [{'SS': ['a']}, {'S': 'z'}]}}`, "DELETE l[0] :s", `{':s': {'SS': ['a']}}`, `{'l':{'L':[{'S':'z'}]}}`},
		{`{'a': {'M': {'b': {'N': '1'}}}}`, "SET c = a, a.b = :v", `{':v': {'N': '2'}}`, `{'a':{'M':{'b':{'N':'2'}}},'c':{'M':{'b':{'N':'1'}}}}`},
		{`{}`, "SET a = (:v), b = (:v + :v), d = (:v) - :v", `{':v': {'N': '2'}}`, `{'a':{'N':'2'},'b':{'N':'4'},'d':{'N':'0'}}`},
		{`{'a': {'N': '1'}}`, "REMOVE a SET b = a", "", `{'b':{'N':'1'}}`},
	} {
		e := env(t, nil, c.values)
		u, err := e.Update(c.update)
		if err != nil {
			t.Errorf("%s: %v", c.update, err)
			continue
		}
		old := doc(c.old)
		got, err := u.Apply(old)
		if err != nil || show(got) != c.want {
			t.Errorf("%s: %s, %v; want %s", c.update, show(got), err, c.want)
		}
		if show(old) != show(doc(c.old)) {
			t.Errorf("%s changed the old item: %s", c.update, show(old))
		}
	}
}

func TestUpdateErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                                 "The expression can not be empty;",
		"SET":                              `Syntax error; token: "<EOF>", near: "SET"`,
		"SET _123 = :v":                    `Syntax error; token: "_", near: "SET _123"`,
		"SET a :v":                         `Syntax error; token: ":v", near: "a :v"`,
		"SET a = :v,":                      `Syntax error; token: "<EOF>", near: ","`,
		"PUT a = :v":                       `Syntax error; token: "PUT", near: "PUT a"`,
		"SET a = :v 1":                     `Syntax error; token: "1", near: ":v 1"`,
		"SET a = :v + :v + :v":             `Syntax error; token: "+", near: ":v + :v"`,
		"ADD a b":                          `Syntax error; token: "b", near: "a b"`,
		"REMOVE set":                       `Syntax error; token: "set", near: "REMOVE set"`,
		"SET a = :v SET b = :v":            `The "SET" section can only be used once in an update expression;`,
		"SET a = :v REMOVE a":              "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a], path two: [a]",
		"SET a.b = :v, a.b.c = :v":         "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a, b], path two: [a, b, c]",
		"SET a.b = :v, a[1] = :v":          "Two document paths conflict with each other; must remove or rewrite one of these paths; path one: [a, b], path two: [a, [1]]",
		"SET a.b = :v, a[1] = :v REMOVE a": "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a, b], path two: [a]",
		"SET size = :v":                    "Attribute name is a reserved keyword; reserved keyword: size",
		"SET a = foo(a, :v)":               "Invalid function name; function: foo",
		"SET a = size(b)":                  "The function is not allowed in an update expression; function: size",
		"SET a = :x":                       "An expression attribute value used in expression is not defined; attribute value: :x",
		"SET #x = :v":                      "An expression attribute name used in the document path is not defined; attribute name: #x",
		"SET a = if_not_exists(b)":         "Incorrect number of operands for operator or function; operator or function: if_not_exists, number of operands: 1",
		"SET a = if_not_exists(:v,b)":      "Operator or function requires a document path; operator or function: if_not_exists",
		"SET a = list_append(:v, b)":       "Incorrect operand type for operator or function; operator or function: list_append, operand type: N",
		"SET a = :s + :v":                  "Incorrect operand type for operator or function; operator or function: +, operand type: S",
		"ADD a :s":                         "Incorrect operand type for operator or function; operator: ADD, operand type: STRING",
		"DELETE a :v":                      "Incorrect operand type for operator or function; operator: DELETE, operand type: NUMBER",
	} {
		_, err := env(t, nil, `{':v': {'N': '1'}, ':s': {'S': 's'}}`).Update(text)
		if err == nil || err.Error() != "Invalid UpdateExpression: "+want {
			t.Errorf("%q:\n got %v\nwant Invalid UpdateExpression: %s", text, err, want)
		}
	}
}

func TestListsCannotGrowWithoutBound(t *testing.T) {
	big := make([]item.Value, 100_000)
	for i := range big {
		big[i] = item.Value{Kind: item.NULL, Bool: true}
	}
	old := item.Item{{Name: "l", Value: item.List(big...)}}
	text := "SET l = list_append(l, l)"
	for i := range 4 {
		text += fmt.Sprintf(", a%d = list_append(l, l)", i)
	}
	u, err := env(t, nil, "").Update(text)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := u.Apply(old); err == nil || err.Error() != "Item size to update has exceeded the maximum allowed size" {
		t.Error(err)
	}
}

func TestProjections(t *testing.T) {
	for text, want := range map[string]string{
		"s, n, absent":         `{'s':{'S':'hello'},'n':{'N':'5'}}`,
		"l[1], l[0]":           `{'l':{'L':[{'S':'x'},{'N':'7'}]}}`,
		"m.x, l[2].k, m.nope":  `{'l':{'L':[{'M':{'k':{'S':'deep'}}}]},'m':{'M':{'x':{'N':'1'}}}}`,
		"s.x, l[9], absent[0]": `{}`,
		"m.y":                  `{'m':{'M':{'y':{'L':[]}}}}`,
	} {
		p, err := env(t, nil, "").Projection(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := show(p.Of(doc(sample))); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
	for text, want := range map[string]string{
		"a, a.b": "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a], path two: [a, b]",
		"a b":    `Syntax error; token: "b", near: "a b"`,
		"a,":     `Syntax error; token: "<EOF>", near: ","`,
		"a[b]":   `Syntax error; token: "b", near: "[b]"`,
		"data":   "Attribute name is a reserved keyword; reserved keyword: data",
	} {
		if _, err := env(t, nil, "").Projection(text); err == nil || err.Error() != "Invalid ProjectionExpression: "+want {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestLegacyChecks(t *testing.T) {
	one := doc(`{'a': {'N': '1'}, 'b': {'N': '2'}, 'm': {'M': {}}, 's': {'S': 's'}}`)
	v := func(names ...string) (out []item.Value) {
		for _, n := range names {
			out = append(out, *one.Get(n))
		}
		return out
	}
	for _, c := range []struct {
		l    Legacy
		want string
	}{
		{Legacy{"x", "EQ", nil}, "One or more parameter values were invalid: Invalid number of argument(s) for the EQ ComparisonOperator"},
		{Legacy{"x", "NULL", v("a")}, "One or more parameter values were invalid: Invalid number of argument(s) for the NULL ComparisonOperator"},
		{Legacy{"x", "BETWEEN", v("b", "a")}, "The BETWEEN condition was provided a range where the lower bound is greater than the upper bound"},
		{Legacy{"x", "IN", v("a", "s")}, "One or more parameter values were invalid: AttributeValues inside AttributeValueList must be of same type"},
		{Legacy{"x", "LT", v("m")}, "One or more parameter values were invalid: ComparisonOperator LT is not valid for M AttributeValue type"},
	} {
		if err := c.l.Check(); err == nil || err.Error() != c.want {
			t.Errorf("%v: %v", c.l, err)
		}
	}
	it := doc(sample)
	for _, c := range []struct {
		l    Legacy
		want bool
	}{
		{Legacy{"n", "GT", v("a")}, true}, {Legacy{"absent", "NE", v("a")}, true}, {Legacy{"absent", "NULL", nil}, true}, {Legacy{"n", "NOT_NULL", nil}, true},
		{Legacy{"ns", "CONTAINS", v("a")}, true}, {Legacy{"ns", "NOT_CONTAINS", v("a")}, false}, {Legacy{"ss", "NOT_CONTAINS", v("s")}, true}, {Legacy{"absent", "NOT_CONTAINS", v("s")}, false},
		{Legacy{"n", "IN", v("a", "b")}, false}, {Legacy{"ns", "EQ", v("a")}, false},
	} {
		if got := LegacyCondition([]Legacy{c.l}, false).Match(it); got != c.want {
			t.Errorf("%v: %v", c.l, got)
		}
	}
	both := []Legacy{{"n", "GT", v("a")}, {"absent", "NOT_NULL", nil}}
	if LegacyCondition(both, false).Match(it) || !LegacyCondition(both, true).Match(it) {
		t.Error("AND and OR of legacy conditions")
	}
}
