package tables

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"bothy/wire"
)

// randomWhere is a condition on pk, sk and v, of the values a to d.
func randomWhere(r *rand.Rand, depth int) string {
	name := []string{"pk", "sk", "v"}[r.IntN(3)]
	value := func() string { return "'" + string(rune('a'+r.IntN(4))) + "'" }
	if depth > 0 && r.IntN(3) > 0 {
		a, b := randomWhere(r, depth-1), randomWhere(r, depth-1)
		return []string{"(" + a + " AND " + b + ")", "(" + a + " OR " + b + ")", "NOT (" + a + ")", a + " AND " + b, "(" + a + ") OR (" + b + ")"}[r.IntN(5)]
	}
	switch r.IntN(9) {
	case 0, 1, 2:
		return name + " = " + value()
	case 3:
		return value() + " = " + name
	case 4:
		return name + " IN [" + value() + ", " + value() + "]"
	case 5:
		return name + " " + []string{"<", "<=", ">", ">=", "<>"}[r.IntN(5)] + " " + value()
	case 6:
		return "begins_with(" + name + ", " + value() + ")"
	case 7:
		return name + " IS NOT MISSING"
	}
	low, high := 'a'+r.IntN(4), 'a'+r.IntN(4)
	return fmt.Sprintf("%s BETWEEN '%c' AND '%c'", name, min(low, high), max(low, high))
}

// TestPlansFindWhatScansFind: confining a SELECT to partitions and ranges of sort keys loses nothing and adds nothing, through
// the table and through an index.
func TestPlansFindWhatScansFind(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	r := rand.New(rand.NewPCG(seed, 0))
	w := newWorld(t)
	w.table("tab", "pk:S sk:S", "byV v:S pk:S ALL", "-local pk:S v:S ALL")
	for range 60 {
		v := ""
		if r.IntN(4) > 0 {
			v = fmt.Sprintf(", 'v': {'S': '%c'}", 'a'+r.IntN(4))
		}
		w.put("tab", fmt.Sprintf(`{'pk': {'S': '%c'}, 'sk': {'S': '%c%c'}%s}`, 'a'+r.IntN(4), 'a'+r.IntN(4), 'a'+r.IntN(4), v))
	}
	planned := 0
	for range 600 {
		where, from := randomWhere(r, 3), []string{"tab", "tab.byV", `"tab"."local"`}[r.IntN(3)]
		find := func(where string) string {
			out, err := w.statement("SELECT * FROM " + from + " WHERE " + where)
			if err != nil {
				t.Fatalf("seed %d: %s: %v", seed, where, err)
			}
			shown := make([]string, len(out.Items))
			for i, it := range out.Items {
				shown[i] = show(it)
			}
			slices.Sort(shown)
			return strings.Join(shown, "\n")
		}
		scan := "(" + where + ") OR attribute_exists(nowhere)"
		if got, want := find(where), find(scan); got != want {
			t.Fatalf("seed %d: FROM %s WHERE %s\nfinds\n%s\nof\n%s", seed, from, where, got, want)
		}
		st, err := w.s.planStatement(w.call(), asked{text: "SELECT * FROM " + from + " WHERE " + where})
		if err == nil && st.read.partitions != nil {
			planned++
		}
	}
	if planned < 30 {
		t.Errorf("seed %d: only %d statements were confined", seed, planned)
	}
}

// call is a call as the pipeline makes it.
func (w *world) call() *wire.Call {
	return &wire.Call{Context: w.t.Context(), Account: account, Region: region, Now: w.now, Principal: w.root}
}
