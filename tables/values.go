package tables

import (
	"encoding/base64"
	"strings"

	"bothy/tables/number"
	"bothy/wire/item"
)

// Limits of items, as AWS has them.
const (
	maxItem  = 400 << 10 // bytes by AWS's count
	maxDepth = 31        // of lists and maps around a value: with it 32 levels
	maxHash  = 2048      // bytes of a partition key
	maxRange = 1024      // bytes of a sort key
	maxName  = 1<<16 - 1 // bytes of an attribute's name, at the top of an item
)

// normalise checks a value, makes its numbers canonical in place, and counts its size; text is AWS's complaint, "" when fine.
func normalise(v *item.Value, depth int) (size int, text string) {
	switch v.Kind {
	case item.S, item.B:
		return len(v.Str), ""
	case item.N:
		return normaliseNumber(&v.Str)
	case item.BOOL:
		return 1, ""
	case item.NULL:
		if !v.Bool {
			return 0, invalid + "Null attribute value types must have the value of true"
		}
		return 1, ""
	case item.SS, item.NS, item.BS:
		return normaliseSet(v)
	case item.L:
		return normaliseList(v.More.List, depth)
	case item.M:
		return normaliseMap(v.More.Map, depth)
	case item.Several:
		return 0, tooManyTypes
	}
	return 0, "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"
}

const tooManyTypes = "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes"

func normaliseNumber(s *string) (size int, text string) {
	n, err := number.Canonical(*s)
	if err != nil {
		return 0, err.Error()
	}
	*s = n
	return numberSize(n), ""
}

// numberSize is number.Decimal.Size of a canonical text, without parsing it.
func numberSize(n string) int {
	digits, negative := strings.CutPrefix(n, "-")
	size := 1
	if negative {
		size = 2
	}
	whole, fraction, point := strings.Cut(digits, ".")
	switch {
	case !point:
		whole = strings.TrimRight(whole, "0")
	case whole == "0":
		whole, fraction = "", strings.TrimLeft(fraction, "0")
	}
	return size + (len(whole)+1)/2 + (len(fraction)+1)/2
}

func normaliseSet(v *item.Value) (size int, text string) {
	set := v.More.Set
	if len(set) == 0 {
		return 0, invalid + map[item.Kind]string{item.SS: "An string set  may not be empty", item.NS: "An number set  may not be empty", item.BS: "Binary sets should not be empty"}[v.Kind]
	}
	for i := range set {
		n := len(set[i])
		if v.Kind == item.NS {
			if n, text = normaliseNumber(&set[i]); text != "" {
				return 0, text
			}
		}
		size += n
	}
	if !repeats(set) {
		return size, ""
	}
	switch v.Kind {
	case item.NS:
		return 0, "Input collection contains duplicates"
	case item.BS:
		return 0, invalid + "Input collection [" + strings.Join(encoded(set), ", ") + "]of type BS contains duplicates." // as AWS has it
	}
	return 0, invalid + "Input collection [" + strings.Join(set, ", ") + "] contains duplicates."
}

func encoded(set []string) []string {
	out := make([]string, len(set))
	for i, b := range set {
		out[i] = base64.StdEncoding.EncodeToString([]byte(b))
	}
	return out
}

func repeats(set []string) bool {
	if len(set) <= 16 {
		for i := range set {
			for j := range i {
				if set[i] == set[j] {
					return true
				}
			}
		}
		return false
	}
	seen := make(map[string]struct{}, len(set))
	for _, s := range set {
		seen[s] = struct{}{}
	}
	return len(seen) < len(set)
}

const tooDeep = "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit"

func normaliseList(l []item.Value, depth int) (size int, text string) {
	if depth >= maxDepth {
		return 0, tooDeep
	}
	size = 3
	for i := range l {
		n, text := normalise(&l[i], depth+1)
		if text != "" {
			return 0, text
		}
		size += n + 1
	}
	return size, ""
}

func normaliseMap(m item.Item, depth int) (size int, text string) {
	if depth >= maxDepth {
		return 0, tooDeep
	}
	size = 3
	for i := range m {
		n, text := normalise(&m[i].Value, depth+1)
		if text != "" {
			return 0, text
		}
		size += len(m[i].Name) + n + 1
	}
	return size, ""
}

// normaliseItem checks an item, a key or a map of values, and counts its size.
func normaliseItem(it item.Item) (size int, err error) {
	for i := range it {
		n, text := normalise(&it[i].Value, 0)
		if text != "" {
			return 0, validation("%s", text)
		}
		if it[i].Name == "" {
			return 0, validation(invalid + "Empty attribute name")
		}
		if len(it[i].Name) > maxName {
			return 0, validation(invalid+"An attribute's name must not be longer than %d bytes", maxName)
		}
		size += len(it[i].Name) + n
	}
	return size, nil
}

// itemSize counts an item that was checked before.
func itemSize(it item.Item) int {
	size := 0
	for i := range it {
		size += len(it[i].Name) + valueSize(&it[i].Value)
	}
	return size
}

func valueSize(v *item.Value) int {
	size := 0
	switch v.Kind {
	case item.N:
		return numberSize(v.Str)
	case item.BOOL, item.NULL:
		return 1
	case item.SS, item.BS:
		for _, s := range v.More.Set {
			size += len(s)
		}
		return size
	case item.NS:
		for _, s := range v.More.Set {
			size += numberSize(s)
		}
		return size
	case item.L:
		for i := range v.More.List {
			size += valueSize(&v.More.List[i]) + 1
		}
		return size + 3
	case item.M:
		return itemSize(v.More.Map) + len(v.More.Map) + 3
	}
	return len(v.Str)
}

// depthOf is how deep lists and maps nest in a value; it stops counting beyond the limit.
func depthOf(v *item.Value, depth int) int {
	deepest := depth
	switch {
	case depth > maxDepth:
	case v.Kind == item.L:
		deepest++
		for i := range v.More.List {
			deepest = max(deepest, depthOf(&v.More.List[i], depth+1))
		}
	case v.Kind == item.M:
		deepest++
		for i := range v.More.Map {
			deepest = max(deepest, depthOf(&v.More.Map[i].Value, depth+1))
		}
	}
	return deepest
}

// Memory of what was decoded, and of its JSON besides the texts in it.
const (
	valueBytes    = 64
	compoundBytes = 128
	textCopies    = 3 // as decoded, and as JSON in a buffer that grows
)

// footprint is about what an item takes of the node's memory to be read and told. Its size says little: a list of NULLs takes thirty
// times as much.
func footprint(it item.Item) int {
	n := 0
	for i := range it {
		n += textCopies*len(it[i].Name) + valueFootprint(&it[i].Value)
	}
	return n
}

func valueFootprint(v *item.Value) int {
	n := valueBytes
	switch v.Kind {
	case item.S, item.N, item.B:
		n += textFootprint(v.Str)
	case item.SS, item.NS, item.BS:
		n += compoundBytes
		for _, s := range v.More.Set {
			n += valueBytes + textFootprint(s)
		}
	case item.L:
		n += compoundBytes
		for i := range v.More.List {
			n += valueFootprint(&v.More.List[i])
		}
	case item.M:
		n += compoundBytes + footprint(v.More.Map)
	}
	return n
}

// textFootprint counts control characters for what they are as JSON, in texts that are long enough to matter.
func textFootprint(s string) int {
	n := textCopies * len(s)
	for i := 0; len(s) > 1<<10 && i < len(s); i++ {
		if s[i] < ' ' {
			n += 10
		}
	}
	return n
}
