package functions

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
)

// An event pattern says which records a mapping lets through (Lambda Developer Guide, "Filter rule syntax"): an object of the
// keys a record must have, each with an object again or with a list of what its value may be.

// Limits of patterns.
const (
	maxFilters      = 10
	maxPatternDepth = 32
	maxPatternTests = 1000
)

var errPattern = errors.New("functions: invalid event pattern")

// pattern is an event pattern, checked.
type pattern struct {
	keys map[string]*pattern // every one must match
	or   []*pattern          // and one of these, when there are some
	any  []test              // of a leaf: one must hold
}

// test is what the value of a leaf may be. value is nil when the event has no such key.
type test func(value *any) bool

func parsePattern(text string) (*pattern, error) {
	v, err := decodeJSON([]byte(text))
	if err != nil {
		return nil, errPattern
	}
	tests := 0
	return readPattern(v, 0, &tests)
}

// decodeJSON reads one value; numbers stay as they are written.
func decodeJSON(b []byte) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errPattern
	}
	return v, nil
}

func readPattern(v any, depth int, tests *int) (*pattern, error) {
	object, ok := v.(map[string]any)
	if !ok || len(object) == 0 || depth > maxPatternDepth {
		return nil, errPattern
	}
	p := &pattern{keys: map[string]*pattern{}}
	for name, v := range object {
		list, isList := v.([]any)
		switch {
		case name == "$or" && isList && len(list) > 1:
			for _, alternative := range list {
				one, err := readPattern(alternative, depth+1, tests)
				if err != nil {
					return nil, err
				}
				p.or = append(p.or, one)
			}
		case isList && len(list) > 0:
			leaf := &pattern{}
			for _, v := range list {
				t, err := readTest(v)
				if *tests++; err != nil || *tests > maxPatternTests {
					return nil, errPattern
				}
				leaf.any = append(leaf.any, t)
			}
			p.keys[name] = leaf
		default:
			below, err := readPattern(v, depth+1, tests)
			if err != nil {
				return nil, err
			}
			p.keys[name] = below
		}
	}
	return p, nil
}

func readTest(v any) (test, error) {
	object, ok := v.(map[string]any)
	if !ok {
		if _, list := v.([]any); list {
			return nil, errPattern
		}
		return equals(v), nil
	}
	if len(object) != 1 {
		return nil, errPattern
	}
	for operator, v := range object {
		switch operator {
		case "exists":
			want, ok := v.(bool)
			return func(have *any) bool { return (have != nil) == want }, unless(ok)
		case "anything-but":
			return anythingBut(v)
		case "numeric":
			return numeric(v)
		}
		match, ok := textTest(operator, v)
		return match, unless(ok)
	}
	return nil, errPattern
}

func unless(ok bool) error {
	if ok {
		return nil
	}
	return errPattern
}

// textTest is a test of the beginning, the end or the letters of a text.
func textTest(operator string, v any) (test, bool) {
	want, ok := v.(string)
	holds := map[string]func(s string) bool{
		"prefix":             func(s string) bool { return strings.HasPrefix(s, want) },
		"suffix":             func(s string) bool { return strings.HasSuffix(s, want) },
		"equals-ignore-case": func(s string) bool { return strings.EqualFold(s, want) },
	}[operator]
	return func(have *any) bool {
		s, isText := valueOf(have).(string)
		return isText && holds(s)
	}, ok && holds != nil
}

func valueOf(v *any) any {
	if v == nil {
		return nil
	}
	return *v
}

func equals(want any) test {
	return func(have *any) bool {
		if have == nil {
			return false
		}
		a, isNumber := want.(json.Number)
		b, both := (*have).(json.Number)
		if !isNumber || !both {
			return scalar(*have) && *have == want
		}
		x, errX := a.Float64()
		y, errY := b.Float64()
		return a == b || errX == nil && errY == nil && x == y
	}
}

func scalar(v any) bool {
	switch v.(type) {
	case map[string]any, []any:
		return false
	}
	return true
}

// anythingBut holds for values that are there and pass none of the tests.
func anythingBut(v any) (test, error) {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	var not []test
	for _, v := range list {
		t, err := readTest(v)
		if object, is := v.(map[string]any); err == nil && is {
			_, prefix := object["prefix"]
			_, suffix := object["suffix"]
			err = unless(prefix || suffix)
		}
		if err != nil {
			return nil, err
		}
		not = append(not, t)
	}
	return func(have *any) bool {
		return have != nil && !slices.ContainsFunc(not, func(t test) bool { return t(have) })
	}, unless(len(not) > 0)
}

// numeric reads ["=", 1] or [">", 1, "<=", 5].
func numeric(v any) (test, error) {
	list, ok := v.([]any)
	if !ok || len(list) != 2 && len(list) != 4 {
		return nil, errPattern
	}
	var bounds []func(float64) bool
	for i := 0; i < len(list); i += 2 {
		operator, _ := list[i].(string)
		n, ok := list[i+1].(json.Number)
		if !ok {
			return nil, errPattern
		}
		want, err := n.Float64()
		holds := map[string]func(float64) bool{
			"=": func(x float64) bool { return x == want }, "<": func(x float64) bool { return x < want }, "<=": func(x float64) bool { return x <= want },
			">": func(x float64) bool { return x > want }, ">=": func(x float64) bool { return x >= want },
		}[operator]
		if err != nil || holds == nil {
			return nil, errPattern
		}
		bounds = append(bounds, holds)
	}
	return func(have *any) bool {
		n, ok := valueOf(have).(json.Number)
		x, err := n.Float64()
		return ok && err == nil && !slices.ContainsFunc(bounds, func(holds func(float64) bool) bool { return !holds(x) })
	}, nil
}

// match tells whether an event passes; v is nil where it has no such key.
func (p *pattern) match(v *any) bool {
	if p.any != nil {
		if list, ok := valueOf(v).([]any); ok {
			return slices.ContainsFunc(list, func(one any) bool { return p.holds(&one) })
		}
		return p.holds(v)
	}
	object, _ := valueOf(v).(map[string]any)
	for name, below := range p.keys {
		var at *any
		if v, ok := object[name]; ok {
			at = &v
		}
		if !below.match(at) {
			return false
		}
	}
	return len(p.or) == 0 || slices.ContainsFunc(p.or, func(one *pattern) bool { return one.match(v) })
}

func (p *pattern) holds(v *any) bool {
	return slices.ContainsFunc(p.any, func(t test) bool { return t(v) })
}

// passes tells whether an event passes one of the patterns, or there are none.
func passes(patterns []*pattern, event []byte) bool {
	if len(patterns) == 0 {
		return true
	}
	v, err := decodeJSON(event)
	return err == nil && slices.ContainsFunc(patterns, func(p *pattern) bool { return p.match(&v) })
}
