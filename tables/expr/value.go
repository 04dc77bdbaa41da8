package expr

import (
	"slices"
	"strings"
	"unicode/utf16"

	"bothy/tables/number"
	"bothy/wire/item"
)

// few is up to how many elements searching one by one beats an index.
const few = 16

// Equal tells whether two checked values are the same: sets and maps in any order, numbers by value.
func Equal(a, b *item.Value) bool {
	if a == nil || b == nil || a.Kind != b.Kind {
		return false
	}
	switch a.Kind {
	case item.BOOL:
		return a.Bool == b.Bool
	case item.NULL:
		return true
	case item.SS, item.NS, item.BS:
		return len(a.More.Set) == len(b.More.Set) && containsAll(a.More.Set, b.More.Set)
	case item.L:
		return slices.EqualFunc(a.More.List, b.More.List, func(x, y item.Value) bool { return Equal(&x, &y) })
	case item.M:
		return equalMaps(a.More.Map, b.More.Map)
	}
	return a.Str == b.Str
}

func equalMaps(a, b item.Item) bool {
	if len(a) != len(b) {
		return false
	}
	find := b.Get
	if len(b) > few {
		index := make(map[string]*item.Value, len(b))
		for i := range b {
			index[b[i].Name] = &b[i].Value
		}
		find = func(name string) *item.Value { return index[name] }
	}
	for i := range a {
		if !Equal(&a[i].Value, find(a[i].Name)) {
			return false
		}
	}
	return true
}

// containsAll tells whether all of some are in set.
func containsAll(set, some []string) bool {
	has := member(set)
	return !slices.ContainsFunc(some, func(s string) bool { return !has(s) })
}

// member is a membership test for a set of any size.
func member(set []string) func(string) bool {
	if len(set) <= few {
		return func(s string) bool { return slices.Contains(set, s) }
	}
	index := make(map[string]struct{}, len(set))
	for _, s := range set {
		index[s] = struct{}{}
	}
	return func(s string) bool { _, ok := index[s]; return ok }
}

// Compare orders two values; ok is false when they are not of one ordered type (S, N, B).
func Compare(a, b *item.Value) (c int, ok bool) {
	if a == nil || b == nil || a.Kind != b.Kind {
		return 0, false
	}
	switch a.Kind {
	case item.S, item.B:
		return strings.Compare(a.Str, b.Str), true
	case item.N:
		x, errX := number.Parse(a.Str)
		y, errY := number.Parse(b.Str)
		return x.Cmp(y), errX == nil && errY == nil
	}
	return 0, false
}

// contains is the function and the legacy operator: a substring, a set member, a list element.
func contains(v, x *item.Value) bool {
	if v == nil || x == nil {
		return false
	}
	switch v.Kind {
	case item.S, item.B:
		return x.Kind == v.Kind && strings.Contains(v.Str, x.Str)
	case item.SS, item.NS, item.BS:
		return memberKind(v.Kind) == x.Kind && slices.Contains(v.More.Set, x.Str)
	case item.L:
		return slices.ContainsFunc(v.More.List, func(e item.Value) bool { return Equal(&e, x) })
	}
	return false
}

func memberKind(set item.Kind) item.Kind {
	switch set {
	case item.SS:
		return item.S
	case item.NS:
		return item.N
	case item.BS:
		return item.B
	}
	return item.None
}

func beginsWith(v, x *item.Value) bool {
	return v != nil && x != nil && v.Kind == x.Kind && (v.Kind == item.S || v.Kind == item.B) && strings.HasPrefix(v.Str, x.Str)
}

// sizeOf is the function size: bytes of binaries, elements of sets, lists and maps, and of texts the code units they have in UTF-16,
// not the bytes that count as the size of an item. ok is false for what has no size.
func sizeOf(v *item.Value) (n int, ok bool) {
	if v == nil {
		return 0, false
	}
	switch v.Kind {
	case item.S:
		for _, r := range v.Str {
			n += utf16.RuneLen(r)
		}
		return n, true
	case item.B:
		return len(v.Str), true
	case item.SS, item.NS, item.BS:
		return len(v.More.Set), true
	case item.L:
		return len(v.More.List), true
	case item.M:
		return len(v.More.Map), true
	}
	return 0, false
}
