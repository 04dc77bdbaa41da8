package item_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"bothy/wire/item"
	"bothy/wire/jsoncur"
)

func decode(text string) (it item.Item, err error) {
	d := jsoncur.New(text)
	it.DecodeJSON(d)
	return it, d.End()
}

// TestItems: every type comes back as it was written, in its order.
func TestItems(t *testing.T) {
	const text = `{"s":{"S":"a\"é\u0001"},"n":{"N":"1.50"},"b":{"B":"AP8="},"t":{"BOOL":true},"f":{"BOOL":false},"z":{"NULL":true},` +
		`"ss":{"SS":["b","a"]},"ns":{"NS":["2","1"]},"bs":{"BS":["AA==","AQ=="]},"l":{"L":[{"S":"x"},{"L":[]},{"M":{}}]},"m":{"M":{"k":{"M":{"j":{"N":"0"}}}}},"":{"S":""}}`
	it, err := decode(text)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(it.AppendJSON(nil)); got != text {
		t.Errorf("came back as\n%s, want\n%s", got, text)
	}
	if b := it.Get("b"); b == nil || b.Str != "\x00\xff" || b.Kind != item.B {
		t.Errorf("b is %+v", b)
	}
	if it.Get("none") != nil {
		t.Error("found what is not there")
	}
}

// TestWithAndWithout change one attribute.
func TestWithAndWithout(t *testing.T) {
	it := item.Item{}.With("a", item.Number("1")).With("b", item.Text("x")).With("a", item.Number("2"))
	if got := string(it.AppendJSON(nil)); got != `{"a":{"N":"2"},"b":{"S":"x"}}` {
		t.Error(got)
	}
	if got := string(it.Without("a").Without("none").AppendJSON(nil)); got != `{"b":{"S":"x"}}` {
		t.Error(got)
	}
}

// TestMalformed: what is not one value of one type is refused, or shows as no type at all, which tables refuses.
func TestMalformed(t *testing.T) {
	for _, text := range []string{
		`{"a":{"S":1}}`, `{"a":{"N":1}}`, `{"a":{"BOOL":"true"}}`, `{"a":{"B":"?"}}`, `{"a":{"SS":"x"}}`, `{"a":{"SS":[1]}}`, `{"a":{"L":{}}}`, `{"a":{"M":[]}}`,
		`{"a":{"S":"x","S":"y"}}`, `{"a":"x"}`, `{"a":[]}`, `[]`, `{"a":{"S":"x"},"a":{"S":"y"}}`, `{"a":{"M":{"k":{"S":"x"},"k":{"S":"y"}}}}`,
		`{"a":{"SS":["x",null]}}`, `{"a":{"L":[{"S":"x"}`, `{"a":{"S":"x"}}}`, `{"a":{"S":"x"},}`, `{"a":{"L":[{"S":"x"},]}}`, `{"a":{"BS":["?"]}}`,
	} {
		if it, err := decode(text); err == nil {
			t.Errorf("%s was taken as %s", text, it.AppendJSON(nil))
		}
	}
	for _, text := range []string{`{"a":{}}`, `{"a":null}`, `{"a":{"S":null}}`, `{"a":{"X":"y"}}`, `{"a":{"s":"y"}}`} {
		if it, err := decode(text); err != nil || len(it) != 1 || it[0].Value.Kind != item.None {
			t.Errorf("%s: %v, %+v", text, err, it)
		}
	}
	if it, err := decode(`{"a":{"S":"x","N":"1","M":{"a":{}}}}`); err != nil || it[0].Value.Kind != item.Several {
		t.Errorf("%v, %+v", err, it)
	}
	deep := strings.Repeat(`{"L":[`, 10_000)
	if _, err := decode(`{"a":` + deep); err == nil {
		t.Error("any depth is taken")
	}
}

// TestManyNames: duplicates are found among many names too, in time.
func TestManyNames(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"last":{"S":""}`)
	for i := range 100_000 {
		b.WriteString(`,"n` + string(rune('a'+i%26)) + strings.Repeat("x", i%7) + `":{"N":"`)
		b.WriteString("1\"}")
	}
	if _, err := decode(b.String() + "}"); err == nil || !strings.Contains(err.Error(), "duplicate") {
		t.Errorf("repeated names: %v", err)
	}
}

// FuzzItem: what is read is written so that it reads the same, and encoding/json takes it.
func FuzzItem(f *testing.F) {
	for _, s := range []string{`{"a":{"S":"x"}}`, `{"a":{"L":[{"N":"1"},{"M":{"b":{"BS":["AA=="]}}}]}}`, `{"a":{"NULL":true},"b":{"BOOL":false}}`, `{"a":{}}`, `{"\u0000":{"SS":[]}}`, `null`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		it, err := decode(s)
		if err != nil {
			return
		}
		text := string(it.AppendJSON(nil))
		if !json.Valid([]byte(text)) {
			t.Fatalf("%q is written as %q", s, text)
		}
		again, err := decode(text)
		if err != nil {
			t.Fatalf("%q is written as %q, which is refused: %v", s, text, err)
		}
		if len(it) > 0 && !reflect.DeepEqual(kinds(it), kinds(again)) {
			t.Errorf("%q came back as %q", s, again.AppendJSON(nil))
		}
	})
}

func kinds(it item.Item) (out []string) {
	for _, a := range it {
		out = append(out, a.Name+a.Value.Kind.String()+a.Value.Str)
	}
	return out
}
