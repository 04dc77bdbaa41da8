package partiql

import (
	"errors"
	"strings"
	"testing"

	"bothy/tables/expr"
	"bothy/wire/item"
)

var seeds = []string{
	`SELECT a, m.n[0]."x y" FROM "t"."i" WHERE pk = ? AND (sk > 1.5e3 OR NOT begins_with(sk, 'it''s')) ORDER BY sk DESC, pk;`,
	`INSERT INTO t VALUE {'a': [1, -2, {'b': <<'x', 'y'>>}], 'c': NULL, 'd': ?}`,
	`UPDATE "t" SET a.b = list_append(a.b, [?]) SET n = n + 1, s = set_add(s, <<1>>) REMOVE x[2] WHERE pk = 'a' RETURNING MODIFIED NEW *`,
	`FROM t WHERE a IN (1, 2) SET b = a - 1`, `DELETE FROM t WHERE a BETWEEN 1 AND 2 AND b IS NOT MISSING /* x */ RETURNING ALL OLD *`,
	`EXISTS(SELECT * FROM t WHERE a IS STRING -- c` + "\n)", `SELECT * FROM t WHERE attribute_exists(a) = true <> false`, `SELECT * FROM t WHERE ((((a = 1))))`, "SELECT * FROM \"", "SELECT 'é' # \xff",
	`UPDATE t SET a = NOT b`, `SELECT * FROM t WHERE a IN ? AND size(a) + 1 = 2`, `UPDATE t SET a = (a + 1) - size(b) WHERE x=1`,
}

// FuzzParse: every text is a statement or is refused in words; what is a statement can be evaluated, and means the same twice.
func FuzzParse(f *testing.F) {
	for _, s := range seeds {
		f.Add(s)
	}
	it := item.Item{{Name: "a", Value: item.Number("1")}, {Name: "m", Value: item.Map(item.Item{{Name: "n", Value: item.List(item.Text("x"))}})}, {Name: "s", Value: item.Set(item.NS, "1", "2")}, {Name: "pk", Value: item.Text("a")}}
	parameters := []item.Value{item.Text("p"), item.List(item.Number("1"))}
	f.Fuzz(func(t *testing.T, text string) {
		for n := range len(parameters) + 1 {
			st, err := Parse(text, parameters[:n], func(*item.Value) error { return nil })
			if err != nil {
				if refusal := expr.Error(""); !errors.As(err, &refusal) {
					t.Fatalf("%q: %v is no refusal", text, err)
				}
				continue
			}
			use(t, text, st, it)
		}
	})
}

func use(t *testing.T, text string, st *Statement, it item.Item) {
	st.Where.Match(nil)
	if first := st.Where.Match(it); first != st.Where.Match(it) {
		t.Errorf("%q matches only sometimes", text)
	}
	st.Columns.Of(it)
	if st.Update != nil {
		st.Update.Apply(it) //nolint:errcheck // that it comes back is what matters
	}
	if where := st.Where.Node(); where != nil && st.Where.Match(it) {
		for _, a := range it { // what a statement is pinned to, it must be
			values, ok := where.Pins(a.Name)
			found := !ok
			for _, v := range values {
				found = found || expr.Equal(v, &a.Value)
			}
			if !found {
				t.Errorf("%q holds for %s, which is not among what it pins %s to", text, it.AppendJSON(nil), a.Name)
			}
		}
	}
}

func TestSeedsParseOrAreRefused(t *testing.T) {
	check := func(*item.Value) error { return nil }
	for i, s := range seeds[:6] {
		n := strings.Count(s, "?")
		parameters := make([]item.Value, n)
		for i := range parameters {
			parameters[i] = item.Text("p")
		}
		if _, err := Parse(s, parameters, check); err != nil {
			t.Errorf("%d: %v", i, err)
		}
	}
}
