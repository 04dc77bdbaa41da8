package expr

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"bothy/wire/item"
)

// TestAListIsCopiedOnce: many changes of a long list cost little more than one, and leave the old list as it was.
func TestAListIsCopiedOnce(t *testing.T) {
	const long, changes = 100_000, 150
	old := item.Item{{Name: "l", Value: item.List(slices.Repeat([]item.Value{item.Text("x")}, long)...)}}
	for _, c := range []struct {
		section, each string
		left          int
	}{{"SET", "l[%d] = :v", long}, {"REMOVE", "l[%d]", long - changes}} {
		parts := make([]string, changes)
		for i := range parts {
			parts[i] = fmt.Sprintf(c.each, 7*i)
		}
		e := env(t, nil, `{':v': {'S': 'y'}}`)
		u, err := e.Update(c.section + " " + strings.Join(parts, ","))
		if err != nil {
			t.Fatal(err)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		out, err := u.Apply(old)
		runtime.ReadMemStats(&after)
		if err != nil {
			t.Fatal(err)
		}
		if bytes := after.TotalAlloc - before.TotalAlloc; bytes > 2*32*long {
			t.Errorf("%s: %d bytes were allocated for a list of %d", c.section, bytes, 32*long)
		}
		list := out.Get("l").More.List
		if len(list) != c.left || c.section == "SET" && (list[7*149].Str != "y" || list[1].Str != "x") {
			t.Errorf("%s leaves %d elements", c.section, len(list))
		}
		if l := old.Get("l").More.List; len(l) != long || slices.ContainsFunc(l, func(v item.Value) bool { return v.Str != "x" }) {
			t.Errorf("%s changed the old list", c.section)
		}
	}
}

// TestCopiesAreApart: what an update copies from one place to another is changed in neither by its other actions.
func TestCopiesAreApart(t *testing.T) {
	for text, want := range map[string]string{
		"SET a = m, m.x = :n9":               `{'m': {'M': {'x': {'N': '9'}, 'y': {'L': []}}}, 'a': {'M': {'x': {'N': '1'}, 'y': {'L': []}}}}`,
		"SET m.x = :n9, m.z = m":             `{'m': {'M': {'x': {'N': '9'}, 'y': {'L': []}, 'z': {'M': {'x': {'N': '1'}, 'y': {'L': []}}}}}}`,
		"SET m.y[3] = :n9, m.y[0] = m.y":     `{'m': {'M': {'x': {'N': '1'}, 'y': {'L': [{'L': []}, {'N': '9'}]}}}}`,
		"SET a = :m, b = :m REMOVE m.x, m.y": `{'m': {'M': {}}, 'a': {'M': {'y': {'L': []}, 'x': {'N': '1'}}}, 'b': {'M': {'y': {'L': []}, 'x': {'N': '1'}}}}`,
	} {
		old := doc(`{'m': {'M': {'x': {'N': '1'}, 'y': {'L': []}}}}`)
		u, err := env(t, nil, sampleValues).Update(text)
		if err != nil {
			t.Fatal(err)
		}
		out, err := u.Apply(old)
		if err != nil || show(out) != strings.ReplaceAll(want, " ", "") {
			t.Errorf("%s:\ngot  %s, %v\nwant %s", text, show(out), err, want)
		}
		if got := show(old); got != `{'m':{'M':{'x':{'N':'1'},'y':{'L':[]}}}}` {
			t.Errorf("%s changed the old item to %s", text, got)
		}
	}
}
