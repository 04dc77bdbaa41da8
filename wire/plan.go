package wire

import (
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"bothy/wire/item"
)

// plan is the table a codec runs over: the fields of one generated structure, compiled once from its tags. Values are
// reached by field offset; the tables are written once and then only read.
type plan struct {
	rtype   reflect.Type
	fields  []*field
	byName  map[string]*field // body members by wire name
	payload *field
	hasBody bool
	checked bool // some constraint lies in it or below
}

// field is one member.
type field struct {
	name    string // on the wire
	path    string // in validation messages
	quoted  string // `"name":`
	offset  uintptr
	typ     *typ
	loc     location
	locName string
	payload bool
	req     bool
	attr    bool // XML attribute
	flat    bool
	json    bool // header holding base64 JSON
	ts      string
	item    string // list element name
	key     string // map entry names
	val     string
	ns      string
	own     limits
	elem    limits // of list elements or map values
	keys    limits
}

type location uint8

const (
	inBody location = iota
	inPath
	inQuery
	inHeader
	inPrefix // headers with a common prefix
	inStatus
)

// limits are a value's constraints.
type limits struct {
	size, span     bool // len=, range=
	min, max       int64
	pattern, enum  int // index into the API's tables, -1: none
	sensitive, any bool
}

type kind uint8

const (
	kString kind = iota
	kInt32
	kInt64
	kBool
	kFloat
	kTime
	kBytes
	kStruct
	kList
	kMap
	kItem
	kValue
	kDocument
	kReader
	kEvents
)

// typ is the type of a value: what it is, how presence shows, and what is inside.
type typ struct {
	kind  kind
	rtype reflect.Type // without Opt or pointer
	elem  *typ
	plan  *plan
	opt   bool    // Opt[T]
	set   uintptr // offset of Opt.Set
	ptr   bool
}

// compiler makes plans, each once. It is used while operations are mounted, before requests are served.
type compiler struct {
	plans map[reflect.Type]*plan
}

var (
	timeType     = reflect.TypeFor[time.Time]()
	itemType     = reflect.TypeFor[item.Item]()
	valueType    = reflect.TypeFor[item.Value]()
	documentType = reflect.TypeFor[Document]()
	readerType   = reflect.TypeFor[io.Reader]()
	eventsType   = reflect.TypeFor[Events]()
)

// plan compiles t and what it refers to. A recursive shape meets its own unfinished plan, and counts as constrained.
func (c *compiler) plan(t reflect.Type) *plan {
	if p := c.plans[t]; p != nil {
		return p
	}
	p := &plan{rtype: t, byName: map[string]*field{}, checked: true}
	c.plans[t] = p
	checked := false
	for i := range t.NumField() {
		sf := t.Field(i)
		f := &field{name: sf.Name, path: lowerFirst(sf.Name), offset: sf.Offset, typ: c.typ(sf.Type), own: none, elem: none, keys: none}
		f.parse(sf.Tag.Get("w"))
		f.quoted = strconv.Quote(f.name) + ":"
		p.add(f)
		checked = checked || f.checked()
	}
	p.checked = checked
	return p
}

func (p *plan) add(f *field) {
	p.fields = append(p.fields, f)
	if f.loc == inBody {
		p.byName[f.name] = f
		p.hasBody = true
	}
	if f.payload {
		p.payload = f
	}
}

// checked tells whether f or something below it has a constraint.
func (f *field) checked() bool {
	inner := f.typ
	for inner.elem != nil {
		inner = inner.elem
	}
	return f.req || f.own.any || f.elem.any || f.keys.any || inner.plan != nil && inner.plan.checked
}

var none = limits{pattern: -1, enum: -1}

func lowerFirst(s string) string { return strings.ToLower(s[:1]) + s[1:] }

func (c *compiler) typ(t reflect.Type) *typ {
	if t.Kind() == reflect.Struct && strings.HasPrefix(t.Name(), "Opt[") {
		in := c.typ(t.Field(0).Type)
		in.opt, in.set = true, t.Field(1).Offset
		return in
	}
	if t.Kind() == reflect.Pointer {
		in := c.typ(t.Elem())
		in.ptr = true
		return in
	}
	for special, k := range map[reflect.Type]kind{timeType: kTime, itemType: kItem, valueType: kValue, documentType: kDocument, readerType: kReader, eventsType: kEvents} {
		if t == special {
			return &typ{kind: k, rtype: t}
		}
	}
	switch t.Kind() {
	case reflect.String:
		return &typ{kind: kString, rtype: t}
	case reflect.Int32:
		return &typ{kind: kInt32, rtype: t}
	case reflect.Int64:
		return &typ{kind: kInt64, rtype: t}
	case reflect.Bool:
		return &typ{kind: kBool, rtype: t}
	case reflect.Float64:
		return &typ{kind: kFloat, rtype: t}
	case reflect.Struct:
		return &typ{kind: kStruct, rtype: t, plan: c.plan(t)}
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return &typ{kind: kBytes, rtype: t}
		}
		return &typ{kind: kList, rtype: t, elem: c.typ(t.Elem())}
	case reflect.Map:
		return &typ{kind: kMap, rtype: t, elem: c.typ(t.Elem())}
	}
	panic("wire: no codec for " + t.String())
}

// parse reads the tag that wire/gen wrote.
func (f *field) parse(tag string) {
	if tag == "" {
		return
	}
	for _, part := range strings.Split(tag, ",") {
		k, v, _ := strings.Cut(part, "=")
		switch k {
		case "uri":
			f.loc, f.locName = inPath, v
		case "q":
			f.loc, f.locName = inQuery, v
		case "h":
			f.loc, f.locName = inHeader, v
		case "hp":
			f.loc, f.locName = inPrefix, v
		case "status":
			f.loc = inStatus
		case "n":
			f.name = v
		case "payload":
			f.payload = true
		case "req":
			f.req = true
		case "attr":
			f.attr = true
		case "flat":
			f.flat = true
		case "jv":
			f.json = true
		case "ts":
			f.ts = v
		case "item":
			f.item = v
		case "key":
			f.key = v
		case "val":
			f.val = v
		case "ns":
			f.ns = v
		default:
			f.limit(k, v)
		}
	}
}

func (f *field) limit(k, v string) {
	l := &f.own
	switch k[0] {
	case 'i', 'v':
		l, k = &f.elem, k[1:]
	case 'k':
		l, k = &f.keys, k[1:]
	}
	switch k {
	case "len", "range":
		lo, hi, _ := strings.Cut(v, ":")
		l.min, l.max = number(lo, -1<<62), number(hi, 1<<62)
		l.size, l.span = k == "len", k == "range"
	case "pat":
		l.pattern = int(number(v, -1))
	case "enum":
		l.enum = int(number(v, -1))
	case "sens":
		l.sensitive = true
		return
	default:
		panic(fmt.Sprintf("wire: unknown tag %q", k))
	}
	l.any = true
}

func number(s string, absent int64) int64 {
	if s == "" {
		return absent
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		panic("wire: bad number in a tag: " + s)
	}
	return n
}

// present tells whether the member at p was given.
func (t *typ) present(p unsafe.Pointer) bool {
	switch {
	case t.opt:
		return *(*bool)(unsafe.Add(p, t.set))
	case t.ptr, t.kind == kMap:
		return *(*unsafe.Pointer)(p) != nil
	case t.kind == kList, t.kind == kBytes, t.kind == kItem, t.kind == kDocument:
		return *(*unsafe.Pointer)(p) != nil
	case t.kind == kReader:
		return *(*io.Reader)(p) != nil
	case t.kind == kEvents:
		return *(*Events)(p) != nil
	}
	return true
}

// make prepares the member at p for a value and returns where the value goes.
func (t *typ) make(p unsafe.Pointer) unsafe.Pointer {
	if t.opt {
		*(*bool)(unsafe.Add(p, t.set)) = true
	}
	if t.ptr {
		n := reflect.New(t.rtype).UnsafePointer()
		*(*unsafe.Pointer)(p) = n
		return n
	}
	return p
}

// at is where the present value of the member at p lies.
func (t *typ) at(p unsafe.Pointer) unsafe.Pointer {
	if t.ptr {
		return *(*unsafe.Pointer)(p)
	}
	return p
}

// grow appends a zero element to the list at p and returns its place.
func (t *typ) grow(p unsafe.Pointer) unsafe.Pointer {
	v := reflect.NewAt(t.rtype, p).Elem()
	n := v.Len()
	if n == v.Cap() {
		v.Grow(max(4, n))
	}
	v.SetLen(n + 1)
	return v.Index(n).Addr().UnsafePointer()
}

// each calls fn with the place of every element of the list at p.
func (t *typ) each(p unsafe.Pointer, fn func(i int, e unsafe.Pointer)) {
	v := reflect.NewAt(t.rtype, p).Elem()
	for i := range v.Len() {
		fn(i, v.Index(i).Addr().UnsafePointer())
	}
}

// put sets key k of the map at p to what fill writes.
func (t *typ) put(p unsafe.Pointer, k string, fill func(e unsafe.Pointer)) {
	m := reflect.NewAt(t.rtype, p).Elem()
	if m.IsNil() {
		m.Set(reflect.MakeMap(t.rtype))
	}
	e := reflect.New(t.elem.rtype)
	fill(e.UnsafePointer())
	m.SetMapIndex(reflect.ValueOf(k), e.Elem())
}

// eachEntry calls fn for the entries of the map at p in key order, so that equal answers are equal bytes.
func (t *typ) eachEntry(p unsafe.Pointer, fn func(k string, e unsafe.Pointer)) {
	m := reflect.NewAt(t.rtype, p).Elem()
	keys := make([]string, 0, m.Len())
	for it := m.MapRange(); it.Next(); {
		keys = append(keys, it.Key().String())
	}
	slices.Sort(keys)
	for _, k := range keys {
		e := reflect.New(t.elem.rtype)
		e.Elem().Set(m.MapIndex(reflect.ValueOf(k)))
		fn(k, e.UnsafePointer())
	}
}
