package kv_test

import (
	"bytes"
	"math"
	"reflect"
	"testing"
	"time"

	"bothy/kv"
)

func TestKeyOrder(t *testing.T) {
	sorted := []kv.Key{
		kv.K(), kv.K([]byte{}), kv.K([]byte{0}), kv.K([]byte{1}), kv.K([]byte{0xFF}),
		kv.K(""), kv.K("", ""), kv.K("", 1), kv.K("\x00"), kv.K("\x00\xff"), kv.K("\x01"), kv.K("a"), kv.K("a", "a"), kv.K("a", "b"), kv.K("a", -1),
		kv.K("a", 0), kv.K("a", true), kv.K("a\x00"), kv.K("a\x00", "a"), kv.K("a\x00b"), kv.K("aa"), kv.K("a\xff"), kv.K("b"),
		kv.K(math.MinInt64), kv.K(-256), kv.K(-1), kv.K(0), kv.K(1), kv.K(255), kv.K(256), kv.K(math.MaxInt64),
		kv.K(false), kv.K(true),
	}
	for i, a := range sorted {
		for j, b := range sorted {
			if got, want := bytes.Compare(a, b), cmp(i, j); got != want {
				t.Errorf("%x against %x: %d, want %d", a, b, got, want)
			}
		}
	}
	early, late := time.Unix(-5, 0), time.Unix(5, 1)
	if bytes.Compare(kv.K(early), kv.K(late)) >= 0 {
		t.Error("times are out of order")
	}
}

func cmp(i, j int) int {
	switch {
	case i < j:
		return -1
	case i > j:
		return 1
	}
	return 0
}

// TestKeyRange: the range of a key holds what it is a tuple prefix of, and nothing else.
func TestKeyRange(t *testing.T) {
	r := kv.K("a", "b").Range()
	for _, c := range []struct {
		key  kv.Key
		want bool
	}{
		{kv.K("a", "b"), false}, {kv.K("a", "b", ""), true}, {kv.K("a", "b", []byte{}), true}, {kv.K("a", "b", true, "x"), true},
		{kv.K("a", "b", math.MaxInt64), true}, {kv.K("a", "b\x00"), false}, {kv.K("a", "b\x00", "c"), false}, {kv.K("a", "bc"), false},
		{kv.K("a"), false}, {kv.K("a", "c"), false}, {kv.K("ab"), false}, {kv.K("a", "a", "z"), false},
	} {
		if got := bytes.Compare(c.key, r.From) >= 0 && bytes.Compare(c.key, r.To) < 0; got != c.want {
			t.Errorf("%x in the range: %v", c.key, got)
		}
	}
	if a := kv.K("a"); bytes.Compare(a.After(), a) <= 0 || bytes.Compare(a.After(), kv.K("a", []byte{})) >= 0 {
		t.Error("After is not just above its key")
	}
}

func TestKeyWithDoesNotShare(t *testing.T) {
	base := kv.K("a")
	x, y := base.With("x"), base.With("y")
	if bytes.Equal(x, y) || !bytes.Equal(base, kv.K("a")) {
		t.Error("keys share their bytes")
	}
}

func TestKeyOfAnotherType(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a float was taken")
		}
	}()
	kv.K(1.5)
}

func TestPartsRefusesMalformed(t *testing.T) {
	for _, k := range []kv.Key{{0}, {5}, {0xFF}, {1}, {2, 'a'}, {2, 'a', 0, 0xFF}, {3}, {3, 1, 2, 3, 4, 5, 6, 7}, {4}, {4, 2}, append(kv.K("a"), 0)} {
		if parts, err := k.Parts(); err == nil {
			t.Errorf("%x decoded to %v", []byte(k), parts)
		}
	}
}

// tuple makes a key's parts of fuzz bytes.
func tuple(b []byte) (parts []any) {
	for len(b) >= 2 {
		kind, n := b[0]%4, int(b[1]%6)
		b = b[2:]
		text := b[:min(n, len(b))]
		b = b[len(text):]
		switch kind {
		case 0:
			parts = append(parts, append([]byte{}, text...))
		case 1:
			parts = append(parts, string(text))
		case 2:
			v := int64(0)
			for _, c := range text {
				v = v<<13 ^ int64(int8(c))
			}
			parts = append(parts, v)
		case 3:
			parts = append(parts, n%2 == 0)
		}
	}
	return parts
}

// compareTuples orders tuples by their parts: bytes, strings, integers, bools; a prefix first.
func compareTuples(a, b []any) int {
	kind := func(p any) int {
		switch p.(type) {
		case []byte:
			return 1
		case string:
			return 2
		case int64:
			return 3
		}
		return 4
	}
	for i := 0; i < len(a) && i < len(b); i++ {
		if c := cmp(kind(a[i]), kind(b[i])); c != 0 {
			return c
		}
		c := 0
		switch x := a[i].(type) {
		case []byte:
			c = bytes.Compare(x, b[i].([]byte))
		case string:
			c = bytes.Compare([]byte(x), []byte(b[i].(string)))
		case int64:
			if y := b[i].(int64); x < y {
				c = -1
			} else if x > y {
				c = 1
			}
		case bool:
			if y := b[i].(bool); x != y {
				c = 1
				if y {
					c = -1
				}
			}
		}
		if c != 0 {
			return c
		}
	}
	return cmp(len(a), len(b))
}

func FuzzKey(f *testing.F) {
	f.Add([]byte{1, 1, 'a'}, []byte{1, 2, 'a', 0})
	f.Add([]byte{0, 0}, []byte{1, 0})
	f.Add([]byte{2, 5, 0xFF, 0xFF, 0, 0, 1}, []byte{2, 1, 7})
	f.Add([]byte{1, 2, 0, 0xFF, 3, 0}, []byte{1, 1, 0, 3, 1})
	f.Fuzz(func(t *testing.T, x, y []byte) {
		a, b := tuple(x), tuple(y)
		ka, kb := kv.K(a...), kv.K(b...)
		if got, want := bytes.Compare(ka, kb), compareTuples(a, b); got != want {
			t.Errorf("%v against %v: bytes say %d, parts say %d", a, b, got, want)
		}
		back, err := ka.Parts()
		if err != nil || len(back) != len(a) || len(a) > 0 && !reflect.DeepEqual(back, normal(a)) {
			t.Errorf("%v came back as %v, %v", a, back, err)
		}
		if raw, err := kv.Key(x).Parts(); err == nil && !bytes.Equal(kv.K(raw...), x) {
			t.Errorf("%x decodes to %v, which encodes to %x", x, raw, kv.K(raw...))
		}
	})
}

// normal is what Parts gives for empty bytes: nil.
func normal(parts []any) []any {
	for i, p := range parts {
		if b, ok := p.([]byte); ok && len(b) == 0 {
			parts[i] = []byte(nil)
		}
	}
	return parts
}
