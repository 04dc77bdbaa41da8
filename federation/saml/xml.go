package saml

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"

	"github.com/beevik/etree"
)

// read parses a document that any two XML parsers understand alike, and returns its root: no DTD, no processing instructions, no
// character sets but UTF-8, no name or attribute that parsers may read in two ways.
func read(document []byte, most int) (*etree.Element, error) {
	if len(document) > most {
		return nil, refused("the document has %d bytes, at most %d are read", len(document), most)
	}
	if err := plain(document); err != nil {
		return nil, refused("%v", err)
	}
	doc := etree.NewDocument()
	doc.ReadSettings = etree.ReadSettings{ValidateInput: true, MaxDepth: maxDepth}
	if err := doc.ReadFromBytes(bytes.TrimSpace(document)); err != nil { // files end with a line break, which it takes for something more
		return nil, refused("%v", err)
	}
	root := doc.Root()
	if root == nil {
		return nil, refused("the document is empty")
	}
	return root, nil
}

// plain refuses what read does not parse.
func plain(document []byte) error {
	d := xml.NewDecoder(bytes.NewReader(document)) // without a CharsetReader: UTF-8 or an error
	for first := true; ; first = false {
		t, err := d.RawToken()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		switch t := t.(type) {
		case xml.Directive:
			return errors.New("the document has a DTD")
		case xml.ProcInst:
			if !first || t.Target != "xml" {
				return fmt.Errorf("the document has the processing instruction %q", t.Target)
			}
		case xml.StartElement:
			if err := plainElement(t); err != nil {
				return err
			}
		}
	}
}

func plainElement(t xml.StartElement) error {
	if strings.Contains(t.Name.Local, ":") {
		return fmt.Errorf("element name %q", t.Name.Local)
	}
	seen := map[xml.Name]bool{}
	for _, a := range t.Attr {
		if seen[a.Name] || strings.Contains(a.Name.Local, ":") || a.Name.Space != "" && a.Name.Local == "ID" {
			return fmt.Errorf("element %s has the attribute %q twice, or its name is none", t.Name.Local, a.Name.Local)
		}
		seen[a.Name] = true
	}
	return nil
}

func is(el *etree.Element, ns, tag string) bool { return el.Tag == tag && el.NamespaceURI() == ns }

// children are the elements of the name right below.
func children(el *etree.Element, ns, tag string) []*etree.Element {
	var out []*etree.Element
	for _, c := range el.ChildElements() {
		if is(c, ns, tag) {
			out = append(out, c)
		}
	}
	return out
}

// child is the only one of the name right below; nil when there is none or more than one.
func child(el *etree.Element, ns, tag string) *etree.Element {
	if all := children(el, ns, tag); len(all) == 1 {
		return all[0]
	}
	return nil
}

// below are the element and all elements in it.
func below(el *etree.Element) iter.Seq[*etree.Element] {
	return func(yield func(*etree.Element) bool) { walk(el, yield) }
}

func walk(el *etree.Element, yield func(*etree.Element) bool) bool {
	if !yield(el) {
		return false
	}
	for _, c := range el.ChildElements() {
		if !walk(c, yield) {
			return false
		}
	}
	return true
}

// text is all character data of an element, whatever stands between it: a comment must not cut a name short. Elements in it are
// read as well.
func text(el *etree.Element) string {
	if el == nil {
		return ""
	}
	var b strings.Builder
	write(&b, el)
	return strings.TrimSpace(b.String())
}

func write(b *strings.Builder, el *etree.Element) {
	for _, t := range el.Child {
		switch t := t.(type) {
		case *etree.CharData:
			b.WriteString(t.Data)
		case *etree.Element:
			write(b, t)
		}
	}
}

// attr is an attribute without a prefix.
func attr(el *etree.Element, name string) string {
	for _, a := range el.Attr {
		if a.Space == "" && a.Key == name {
			return a.Value
		}
	}
	return ""
}
