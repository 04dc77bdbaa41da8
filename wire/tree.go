package wire

import (
	"encoding/base64"
	"encoding/xml"
	"errors"
	"io"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"bothy/wire/jsoncur"
)

// node is an XML element, or a segment of a dotted form key: the two protocols bind to structures alike.
type node struct {
	name, text string
	kids       []*node
	attrs      map[string]string
	form       bool
}

const (
	maxTreeDepth = 64
	maxTreeNodes = 50_000
)

var errTree = errors.New("too many or too deep elements")

func parseForm(v url.Values) (*node, error) {
	root := &node{form: true}
	keys := make([]string, 0, len(v))
	for k := range v {
		keys = append(keys, k)
	}
	if len(keys) > maxTreeNodes {
		return nil, errTree
	}
	slices.Sort(keys) // a key's segments come together, so the last kid is the one to extend
	for _, k := range keys {
		n := root
		for depth, seg := range strings.Split(k, ".") {
			if depth >= maxTreeDepth {
				return nil, errTree
			}
			n = n.child(seg)
		}
		n.text = v.Get(k)
	}
	return root, nil
}

func (n *node) child(name string) *node {
	for i := len(n.kids) - 1; i >= 0; i-- {
		if n.kids[i].name == name {
			return n.kids[i]
		}
	}
	c := &node{name: name, form: true}
	n.kids = append(n.kids, c)
	return c
}

// parseXML reads the first element; nil when there is none.
func parseXML(r io.Reader) (*node, error) {
	d := xml.NewDecoder(r)
	var stack []*node
	count := 0
	for {
		t, err := d.RawToken()
		if err == io.EOF && len(stack) == 0 {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		switch t := t.(type) {
		case xml.StartElement:
			count++
			if len(stack) >= maxTreeDepth || count > maxTreeNodes {
				return nil, errTree
			}
			n := element(t)
			if len(stack) > 0 {
				up := stack[len(stack)-1]
				up.kids = append(up.kids, n)
			}
			stack = append(stack, n)
		case xml.CharData:
			if len(stack) > 0 {
				stack[len(stack)-1].text += string(t)
			}
		case xml.EndElement:
			if len(stack) == 0 || stack[len(stack)-1].name != t.Name.Local {
				return nil, errors.New("mismatched end element")
			}
			n := stack[len(stack)-1]
			if stack = stack[:len(stack)-1]; len(stack) == 0 {
				return n, nil
			}
		case xml.Directive:
			return nil, errors.New("directives are not allowed")
		}
	}
}

func element(t xml.StartElement) *node {
	n := &node{name: t.Name.Local}
	for _, a := range t.Attr {
		name := a.Name.Local
		if a.Name.Space != "" {
			name = a.Name.Space + ":" + name
		}
		if n.attrs == nil {
			n.attrs = map[string]string{}
		}
		n.attrs[name] = a.Value
	}
	return n
}

func (n *node) get(name string) *node {
	for _, k := range n.kids {
		if k.name == name {
			return k
		}
	}
	return nil
}

func (n *node) all(name string) []*node {
	var out []*node
	for _, k := range n.kids {
		if k.name == name {
			out = append(out, k)
		}
	}
	return out
}

// numbered lists a form node's kids 1, 2, 3… in order.
func (n *node) numbered() []*node {
	type at struct {
		i int
		n *node
	}
	var l []at
	for _, k := range n.kids {
		if i, err := strconv.Atoi(k.name); err == nil {
			l = append(l, at{i, k})
		}
	}
	slices.SortFunc(l, func(a, b at) int { return a.i - b.i })
	out := make([]*node, len(l))
	for i := range l {
		out[i] = l[i].n
	}
	return out
}

// treeName is the element that holds the member.
func (f *field) treeName() string {
	if f.typ.kind == kList && f.flat && f.item != "" {
		return f.item
	}
	return f.name
}

// items are the elements of list member f of n.
func (n *node) items(f *field) []*node {
	name, item := f.treeName(), f.item
	if item == "" {
		item = "member"
	}
	switch {
	case n.form && f.flat:
		if c := n.get(name); c != nil {
			return c.numbered()
		}
	case n.form:
		if c := n.get(name); c != nil {
			if c = c.get(item); c != nil {
				return c.numbered()
			}
		}
	case f.flat:
		return n.all(name)
	default:
		if c := n.get(name); c != nil {
			return c.all(item)
		}
	}
	return nil
}

// entries are the key-value elements of map member f of n.
func (n *node) entries(f *field) []*node {
	c := n.get(f.name)
	switch {
	case !n.form && f.flat:
		return n.all(f.name)
	case c == nil:
		return nil
	case n.form && f.flat:
		return c.numbered()
	case n.form:
		if c = c.get("entry"); c != nil {
			return c.numbered()
		}
		return nil
	}
	return c.all("entry")
}

// decodeTree binds the kids of n to the structure at base.
func (p *plan) decodeTree(n *node, base unsafe.Pointer) error {
	for _, f := range p.fields {
		if f.loc != inBody || f.typ.kind == kReader || f.typ.kind == kEvents {
			continue
		}
		at := unsafe.Add(base, f.offset)
		if err := f.decodeTree(n, at); err != nil {
			return err
		}
	}
	return nil
}

func (f *field) decodeTree(n *node, at unsafe.Pointer) error {
	switch {
	case f.attr:
		if v, ok := n.attrs[f.name]; ok {
			return f.typ.fromText(v, f.typ.make(at))
		}
		return nil
	case f.typ.kind == kList:
		return f.decodeItems(n, at)
	case f.typ.kind == kMap:
		for _, e := range n.entries(f) {
			k, v := e.get(orDefault(f.key, "key")), e.get(orDefault(f.val, "value"))
			if k == nil || v == nil {
				continue
			}
			var err error
			f.typ.put(at, k.text, func(p unsafe.Pointer) { err = f.typ.elem.decodeNode(v, p) })
			if err != nil {
				return err
			}
		}
		return nil
	}
	c := n.get(f.name)
	if c == nil {
		return nil
	}
	return f.typ.decodeNode(c, f.typ.make(at))
}

func (f *field) decodeItems(n *node, at unsafe.Pointer) error {
	items := n.items(f)
	if items == nil {
		if n.get(f.treeName()) != nil { // given, but empty
			v := reflect.NewAt(f.typ.rtype, at).Elem()
			v.Set(reflect.MakeSlice(f.typ.rtype, 0, 0))
		}
		return nil
	}
	for _, c := range items {
		if err := f.typ.elem.decodeNode(c, f.typ.grow(at)); err != nil {
			return err
		}
	}
	return nil
}

func (t *typ) decodeNode(n *node, at unsafe.Pointer) error {
	switch t.kind {
	case kStruct:
		return t.plan.decodeTree(n, at)
	case kList: // of lists: its elements are "member"
		for _, c := range n.items(&field{typ: t, name: "member", flat: true}) {
			if err := t.elem.decodeNode(c, t.grow(at)); err != nil {
				return err
			}
		}
		return nil
	}
	return t.fromText(n.text, at)
}

func orDefault(s, def string) string {
	if s == "" {
		return def
	}
	return s
}

// fromText reads a scalar from an element, a form value, a header, a query value or a path label.
func (t *typ) fromText(s string, at unsafe.Pointer) error {
	var err error
	switch t.kind {
	case kString:
		*(*string)(at) = s
	case kInt32:
		var v int64
		v, err = strconv.ParseInt(strings.TrimSpace(s), 10, 32)
		*(*int32)(at) = int32(v)
	case kInt64:
		*(*int64)(at), err = strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	case kBool:
		*(*bool)(at), err = strconv.ParseBool(strings.ToLower(strings.TrimSpace(s)))
	case kFloat:
		*(*float64)(at), err = strconv.ParseFloat(strings.TrimSpace(s), 64)
	case kTime:
		v, ok := jsoncur.ParseTime(strings.TrimSpace(s))
		if !ok {
			err = errors.New("invalid timestamp " + strconv.Quote(s))
		}
		*(*time.Time)(at) = v
	case kBytes:
		*(*[]byte)(at), err = base64.StdEncoding.DecodeString(strings.TrimSpace(s))
	}
	return err
}

// appendText writes a scalar as text, times in ts or the protocol's default form.
func (t *typ) appendText(b []byte, at unsafe.Pointer, ts, def string) []byte {
	switch t.kind {
	case kString:
		return append(b, *(*string)(at)...)
	case kInt32:
		return strconv.AppendInt(b, int64(*(*int32)(at)), 10)
	case kInt64:
		return strconv.AppendInt(b, *(*int64)(at), 10)
	case kBool:
		return strconv.AppendBool(b, *(*bool)(at))
	case kFloat:
		return strconv.AppendFloat(b, *(*float64)(at), 'g', -1, 64)
	case kTime:
		return formatTime(b, *(*time.Time)(at), ts, def)
	case kBytes:
		return base64.StdEncoding.AppendEncode(b, *(*[]byte)(at))
	}
	return b
}
