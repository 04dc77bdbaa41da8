package expr

import (
	"errors"
	"testing"
)

// names every fuzzed expression may use.
var fuzzNames = map[string]string{"#a": "a", "#b": "with.dots", "#c": "[0]"}

func FuzzCondition(f *testing.F) {
	for _, s := range []string{"a = :s", "(a < :n AND NOT contains(#b, :s)) OR size(l[0].k) BETWEEN :n AND :n9", "a IN (:n, :s)", "((a = :s))", "attribute_type(a, :typ)", "a[0][1].b.#c<>:m", "NOT(", "#", ":", "a\x00=é"} {
		f.Add(s)
	}
	it := doc(sample)
	f.Fuzz(func(t *testing.T, text string) {
		c, err := env(t, fuzzNames, sampleValues).Condition("ConditionExpression", text)
		var refusal Error
		if err != nil {
			if !errors.As(err, &refusal) {
				t.Fatalf("%q: %v is no refusal", text, err)
			}
			return
		}
		c.Match(nil)
		if first := c.Match(it); first != c.Match(it) {
			t.Fatalf("%q matches only sometimes", text)
		}
	})
}

func FuzzUpdate(f *testing.F) {
	for _, s := range []string{"SET a = :n + n, l[3] = :s REMOVE m.x ADD ns :one DELETE ss :ss", "SET a = list_append(if_not_exists(l, :l), :l)", "REMOVE l[0], l[1]", "SET #c = :s", "ADD", "SET a=", "SET a = (:n)-(:n)"} {
		f.Add(s)
	}
	old := doc(sample)
	want := show(old)
	f.Fuzz(func(t *testing.T, text string) {
		u, err := env(t, fuzzNames, sampleValues[:len(sampleValues)-1]+`, ':l': {'L': []}}`).Update(text)
		if err != nil {
			return
		}
		if out, err := u.Apply(old); err == nil {
			Project(u.Paths()).Of(out)
		}
		if show(old) != want {
			t.Fatalf("%q changed the old item", text)
		}
		if _, err := u.Apply(nil); err != nil {
			var refusal Error
			if !errors.As(err, &refusal) {
				t.Fatalf("%q: %v is no refusal", text, err)
			}
		}
	})
}

func FuzzProjection(f *testing.F) {
	for _, s := range []string{"a", "a.b[0], l[1].#c", "s,n,m.x", "a,,b", "[0]"} {
		f.Add(s)
	}
	it := doc(sample)
	f.Fuzz(func(t *testing.T, text string) {
		if p, err := env(t, fuzzNames, "").Projection(text); err == nil {
			p.Of(it)
		}
	})
}

func FuzzKeyCondition(f *testing.F) {
	for _, s := range []string{"a = :s AND b BETWEEN :n AND :n9", "begins_with(a, :h) AND :s = b", "a = :s OR b = :s", "(a = :s)", "size(a) = :n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := env(t, fuzzNames, sampleValues).Condition("KeyConditionExpression", text)
		if err != nil {
			return
		}
		tests, err := c.KeyTests()
		if err != nil {
			return
		}
		for _, k := range tests {
			if want := map[bool]int{true: 2, false: 1}[k.Op == Between]; k.Name == "" || k.Op == "" || len(k.Values) != want {
				t.Fatalf("%q: %+v", text, k)
			}
		}
	})
}
