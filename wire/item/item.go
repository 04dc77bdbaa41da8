// Package item is DynamoDB's data: attribute values and items, with their JSON form. It is the one shape of the API models
// with a hand-made type, because it is most of what tables move.
package item

import (
	"bothy/wire/jsoncur"
)

// Kind tells which of the ten data types a Value has.
type Kind uint8

// The kinds. None is a value that named no type, Several one that named more than one.
const (
	None Kind = iota
	S
	N
	B
	BOOL
	NULL
	SS
	NS
	BS
	L
	M
	Several
	encoded // of the one attribute of an item in a Page: the item's JSON form
)

var kindNames = [...]string{"", "S", "N", "B", "BOOL", "NULL", "SS", "NS", "BS", "L", "M", "", ""}

// openings are how the JSON form of a value begins.
var openings = [...]string{B: `{"B":`, BOOL: `{"BOOL":`, NULL: `{"NULL":`, SS: `{"SS":`, NS: `{"NS":`, BS: `{"BS":`, L: `{"L":`, M: `{"M":`}

// String is the type descriptor: "S", "NS", …
func (k Kind) String() string { return kindNames[k] }

// Value is an attribute value in 32 bytes: a kind, one string for S, N and B (its bytes), and a pointer for the rest.
type Value struct {
	Kind Kind
	Bool bool   // BOOL; NULL is always true
	Str  string // S, N as sent, B as bytes
	More *Compound
}

// Compound is what sets, lists and maps hold.
type Compound struct {
	Set  []string // SS, NS, BS
	List []Value
	Map  Item
}

// Attribute is a name and a value.
type Attribute struct {
	Name  string
	Value Value
}

// Item is a map of attributes, kept in the order of the wire: small, cheap, deterministic.
type Item []Attribute

// Get finds an attribute, nil when absent.
func (it Item) Get(name string) *Value {
	for i := range it {
		if it[i].Name == name {
			return &it[i].Value
		}
	}
	return nil
}

// With is the item with the attribute set; it may change it in place.
func (it Item) With(name string, v Value) Item {
	if old := it.Get(name); old != nil {
		*old = v
		return it
	}
	return append(it, Attribute{name, v})
}

// Without is the item less the attribute; it may change it in place.
func (it Item) Without(name string) Item {
	for i := range it {
		if it[i].Name == name {
			return append(it[:i], it[i+1:]...)
		}
	}
	return it
}

// Text, Number, Bytes, Flag, List and Map make values.
func Text(s string) Value           { return Value{Kind: S, Str: s} }
func Number(n string) Value         { return Value{Kind: N, Str: n} }
func Bytes(b []byte) Value          { return Value{Kind: B, Str: string(b)} }
func Flag(b bool) Value             { return Value{Kind: BOOL, Bool: b} }
func List(l ...Value) Value         { return Value{Kind: L, More: &Compound{List: l}} }
func Map(m Item) Value              { return Value{Kind: M, More: &Compound{Map: m}} }
func Set(k Kind, s ...string) Value { return Value{Kind: k, More: &Compound{Set: s}} }

// DecodeJSON reads {"name": {"S": …}, …}; a name given twice is an error.
func (it *Item) DecodeJSON(d *jsoncur.Decoder) {
	if !d.Open('{') {
		return
	}
	var room [16]Attribute // most items have no more, and get a slice of their length
	out := Item(room[:0])
	for d.More('}') {
		name := d.Key()
		if len(out) < 32 && out.Get(name) != nil {
			d.Fail("duplicate attribute name")
			return
		}
		out = append(out, Attribute{Name: name})
		out[len(out)-1].Value.DecodeJSON(d)
	}
	if len(out) > 32 && out.repeats() {
		d.Fail("duplicate attribute name")
	}
	*it = append(make(Item, 0, len(out)), out...)
}

// ParseJSON reads an item that is a whole text.
func ParseJSON(text string) (it Item, err error) {
	d := jsoncur.New(text)
	it.DecodeJSON(d)
	return it, d.End()
}

func (it Item) repeats() bool {
	seen := make(map[string]bool, len(it))
	for i := range it {
		if seen[it[i].Name] {
			return true
		}
		seen[it[i].Name] = true
	}
	return false
}

// AppendJSON appends the JSON form.
func (it Item) AppendJSON(b []byte) []byte {
	if len(it) == 1 && it[0].Value.Kind == encoded {
		return append(b, it[0].Value.Str...)
	}
	b = append(b, '{')
	for i := range it {
		if i > 0 {
			b = append(b, ',')
		}
		b = it[i].AppendJSON(b)
	}
	return append(b, '}')
}

// AppendJSON appends the JSON form, as a member of its item's.
func (a *Attribute) AppendJSON(b []byte) []byte {
	return a.Value.AppendJSON(append(jsoncur.AppendString(b, a.Name), ':'))
}

// DecodeJSON reads {"S": "…"} and its kin. That exactly one type is given is for the service to check, whose words clients know.
func (v *Value) DecodeJSON(d *jsoncur.Decoder) {
	if !d.Open('{') {
		return
	}
	for d.More('}') {
		name := d.Key()
		if d.Null() {
			continue
		}
		kind := kindOf(name)
		if kind == None {
			d.Skip()
			continue
		}
		switch v.Kind {
		case None:
		case kind:
			d.Fail("duplicate field")
			return
		default:
			d.Skip()
			*v = Value{Kind: Several}
			continue
		}
		v.Kind = kind
		v.content(d)
	}
}

func kindOf(name string) Kind {
	switch name {
	case "S":
		return S
	case "N":
		return N
	case "B":
		return B
	case "BOOL":
		return BOOL
	case "NULL":
		return NULL
	case "SS":
		return SS
	case "NS":
		return NS
	case "BS":
		return BS
	case "L":
		return L
	case "M":
		return M
	}
	return None
}

func (v *Value) content(d *jsoncur.Decoder) {
	switch v.Kind {
	case S, N:
		v.Str = d.Str()
	case B:
		v.Str = string(d.Bytes())
	case BOOL, NULL:
		v.Bool = d.Bool()
	case SS, NS, BS:
		v.More = &Compound{Set: make([]string, 0, 4)}
		for ok := d.Open('['); ok && d.More(']'); {
			if v.Kind == BS {
				v.More.Set = append(v.More.Set, string(d.Bytes()))
			} else {
				v.More.Set = append(v.More.Set, d.Str())
			}
		}
	case L:
		list := make([]Value, 0, 4)
		for ok := d.Open('['); ok && d.More(']'); {
			list = append(list, Value{})
			list[len(list)-1].DecodeJSON(d)
		}
		v.More = &Compound{List: list}
	case M:
		v.More = &Compound{}
		v.More.Map.DecodeJSON(d)
	}
}

// AppendJSON appends the JSON form.
func (v *Value) AppendJSON(b []byte) []byte {
	if v.Kind == None || v.Kind == Several {
		return append(b, "{}"...)
	}
	switch v.Kind { // most values are these
	case S:
		return append(jsoncur.AppendString(append(b, `{"S":`...), v.Str), '}')
	case N:
		return append(jsoncur.AppendString(append(b, `{"N":`...), v.Str), '}')
	}
	b = append(b, openings[v.Kind]...)
	switch v.Kind {
	case B:
		b = jsoncur.AppendBytes(b, []byte(v.Str))
	case BOOL:
		b = appendBool(b, v.Bool)
	case NULL:
		b = append(b, "true"...)
	case SS, NS, BS:
		b = append(b, '[')
		for _, s := range v.More.Set {
			if b = jsoncur.AppendComma(b); v.Kind == BS {
				b = jsoncur.AppendBytes(b, []byte(s))
			} else {
				b = jsoncur.AppendString(b, s)
			}
		}
		b = append(b, ']')
	case L:
		b = append(b, '[')
		for i := range v.More.List {
			b = v.More.List[i].AppendJSON(jsoncur.AppendComma(b))
		}
		b = append(b, ']')
	case M:
		b = v.More.Map.AppendJSON(b)
	}
	return append(b, '}')
}

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, "true"...)
	}
	return append(b, "false"...)
}
