package wire

import (
	"bytes"
	"cmp"
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
	"unicode/utf8"
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
	maxTreeDepth  = 64
	maxTreeNodes  = 100_000 // elements and attributes; 10,000 parts of an upload are the most that is legal
	maxTreeTokens = 1_000_000
)

var (
	errTree = errors.New("too many or too deep elements")
	errText = errors.New("text that is not UTF-8")
)

func parseForm(v url.Values) (*node, error) {
	root := &node{form: true}
	keys := make([]string, 0, len(v))
	for k := range v {
		if !utf8.ValidString(k) || !utf8.ValidString(v.Get(k)) {
			return nil, errText
		}
		keys = append(keys, k)
	}
	slices.SortFunc(keys, compareKeys) // a key's segments come together, so the last kid is the one to extend
	count := 0
	for _, k := range keys {
		n, depth := root, 0
		for seg := range strings.SplitSeq(k, ".") {
			last := len(n.kids) - 1
			if last < 0 || n.kids[last].name != seg {
				n.kids = append(n.kids, &node{name: seg, form: true})
				last, count = last+1, count+1
			}
			if depth++; depth > maxTreeDepth || count > maxTreeNodes {
				return nil, errTree
			}
			n = n.kids[last]
		}
		n.text = v.Get(k)
	}
	return root, nil
}

// compareKeys orders dotted keys segment by segment: the dot comes before all else.
func compareKeys(a, b string) int {
	for i := range min(len(a), len(b)) {
		switch {
		case a[i] == b[i]:
			continue
		case a[i] == '.':
			return -1
		case b[i] == '.':
			return 1
		}
		return cmp.Compare(a[i], b[i])
	}
	return cmp.Compare(len(a), len(b))
}

// parseXML reads a document; nil when it holds no element.
func parseXML(r io.Reader) (*node, error) {
	d := xml.NewDecoder(r)
	x := &xmlTree{}
	for range maxTreeTokens {
		t, err := d.RawToken()
		if err == io.EOF && len(x.open) == 0 {
			return x.root, nil
		}
		if err != nil {
			return nil, err
		}
		if err := x.add(t); err != nil {
			return nil, err
		}
	}
	return nil, errTree
}

// xmlTree is a document being read.
type xmlTree struct {
	root  *node
	open  []openNode // elements not yet closed
	count int
}

type openNode struct {
	*node
	name xml.Name
	text []byte // so far: it may come in as many pieces as there are comments in it
}

func (x *xmlTree) add(t xml.Token) error {
	switch t := t.(type) {
	case xml.StartElement:
		return x.start(t)
	case xml.CharData:
		if n := len(x.open); n > 0 {
			x.open[n-1].text = append(x.open[n-1].text, t...)
		} else if len(bytes.TrimSpace(bytes.TrimPrefix(t, []byte("\uFEFF")))) > 0 {
			return errors.New("text outside the root element")
		}
	case xml.EndElement:
		n := len(x.open)
		if n == 0 || x.open[n-1].name != t.Name {
			return errors.New("mismatched end element")
		}
		x.open[n-1].node.text = string(x.open[n-1].text)
		x.open = x.open[:n-1]
	case xml.Directive:
		return errors.New("directives are not allowed")
	}
	return nil
}

func (x *xmlTree) start(t xml.StartElement) error {
	x.count += 1 + len(t.Attr)
	if len(x.open) >= maxTreeDepth || x.count > maxTreeNodes {
		return errTree
	}
	n := element(t)
	switch up := len(x.open) - 1; {
	case up >= 0:
		x.open[up].kids = append(x.open[up].kids, n)
	case x.root != nil:
		return errors.New("a second root element")
	default:
		x.root = n
	}
	x.open = append(x.open, openNode{node: n, name: t.Name})
	return nil
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
