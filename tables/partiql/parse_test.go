package partiql

import (
	"testing"

	"bothy/wire/item"
)

func parse(t *testing.T, text string, parameters ...item.Value) *Statement {
	t.Helper()
	st, err := Parse(text, parameters, func(*item.Value) error { return nil })
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return st
}

// TestPrecedence: OR binds loosest, then AND, NOT, comparisons.
func TestPrecedence(t *testing.T) {
	bits := func(n int) item.Item {
		return item.Item{{Name: "a", Value: item.Flag(n&1 > 0)}, {Name: "b", Value: item.Flag(n&2 > 0)}, {Name: "c", Value: item.Flag(n&4 > 0)}}
	}
	for text, want := range map[string]func(a, b, c bool) bool{
		`a = true OR b = true AND c = true`:          func(a, b, c bool) bool { return a || b && c },
		`(a = true OR b = true) AND c = true`:        func(a, b, c bool) bool { return (a || b) && c },
		`NOT a = true AND b = true OR c = true`:      func(a, b, c bool) bool { return !a && b || c },
		`NOT (a = true OR NOT b = true)`:             func(a, b, c bool) bool { return !(a || !b) },
		`a = true AND b = true OR c <> true`:         func(a, b, c bool) bool { return a && b || !c },
		`a IN [true] OR b NOT IN (true) AND c != ?`:  func(a, b, c bool) bool { return a || !b && !c },
		`true = a AND NOT NOT attribute_type(b, ?) `: func(a, b, c bool) bool { return a },
	} {
		parameter := item.Flag(true)
		if want(true, false, false) && text[0] == 't' {
			parameter = item.Text("BOOL")
		}
		var parameters []item.Value
		for _, c := range text {
			if c == '?' {
				parameters = append(parameters, parameter)
			}
		}
		where := parse(t, "SELECT * FROM t WHERE "+text, parameters...).Where
		for n := range 8 {
			it := bits(n)
			if got := where.Match(it); got != want(n&1 > 0, n&2 > 0, n&4 > 0) {
				t.Errorf("%s: %v for %s", text, got, it.AppendJSON(nil))
			}
		}
	}
}

// TestLiterals: every literal is the value it says.
func TestLiterals(t *testing.T) {
	for text, want := range map[string]string{
		`'it''s "é" -- no comment'`: `{"S":"it's \"é\" -- no comment"}`, `-0.50e1`: `{"N":"-5"}`, `.5`: `{"N":"0.5"}`, `+7`: `{"N":"7"}`, `tRuE`: `{"BOOL":true}`, `null`: `{"NULL":true}`, `[]`: `{"L":[]}`, `{}`: `{"M":{}}`,
		`[1, ['a', {'k': <<1, 2>>}]]`: `{"L":[{"N":"1"},{"L":[{"S":"a"},{"M":{"k":{"NS":["1","2"]}}}]}]}`, `<<'a'>>`: `{"SS":["a"]}`, `<< ? , ?>>`: `{"BS":["AQ==","AQ=="]}`, `{'a b': ?, '': [?]}`: `{"M":{"a b":{"B":"AQ=="},"":{"L":[{"B":"AQ=="}]}}}`,
	} {
		var parameters []item.Value
		for _, c := range text {
			if c == '?' {
				parameters = append(parameters, item.Bytes([]byte{1}))
			}
		}
		st := parse(t, `INSERT INTO "t""x" VALUE {'v': `+text+`};`, parameters...)
		if got := string(st.Item[0].Value.AppendJSON(nil)); got != want || st.Table != `t"x` {
			t.Errorf("%s is %s, want %s (table %s)", text, got, want, st.Table)
		}
	}
}

// TestPins: what a condition is confined to, and when it is not.
func TestPins(t *testing.T) {
	for text, want := range map[string]int{
		`pk = 'a'`: 1, `'a' = pk`: 1, `pk IN ['a', 'b', 'c']`: 3, `pk = 'a' OR pk = 'b'`: 2, `pk = 'a' AND x = 1`: 1, `x = 1 AND (y = 2 AND pk IN <<'a'>>)`: 1, `(pk = 'a' AND x = 1) OR (pk IN ['b', 'c'] AND NOT x = 1)`: 3,
		`pk > 'a'`: 0, `pk <> 'a'`: 0, `NOT pk = 'a'`: 0, `pk = 'a' OR x = 1`: 0, `pk.x = 'a'`: 0, `pk = x`: 0, `pk IN ('a', x)`: 0, `pk BETWEEN 'a' AND 'a'`: 0, `begins_with(pk, 'a')`: 0, `size(pk) = 1`: 0, `x = 'pk'`: 0, `"PK" = 'a'`: 0,
	} {
		values, ok := parse(t, "SELECT * FROM t WHERE "+text).Where.Node().Pins("pk")
		if ok != (want > 0) || len(values) != want {
			t.Errorf("%s: %d values, %v", text, len(values), ok)
		}
	}
}
