package wire

import (
	"fmt"
	"strings"
	"unsafe"
)

const xmlHead = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"

// appendXML writes the body members of the structure at base as elements.
func (p *plan) appendXML(b []byte, base unsafe.Pointer) []byte {
	for _, f := range p.fields {
		at := unsafe.Add(base, f.offset)
		if f.loc == inBody && !f.attr && f.typ.present(at) && f.typ.kind != kReader && f.typ.kind != kEvents {
			b = f.appendXML(b, f.typ.at(at))
		}
	}
	return b
}

func (f *field) appendXML(b []byte, at unsafe.Pointer) []byte {
	name := f.treeName()
	switch {
	case f.typ.kind == kList && f.flat:
		f.typ.each(at, func(_ int, e unsafe.Pointer) { b = f.typ.elem.appendElement(b, name, "", f.ts, e) })
		return b
	case f.typ.kind == kList:
		b = open(b, name)
		f.typ.each(at, func(_ int, e unsafe.Pointer) {
			b = f.typ.elem.appendElement(b, orDefault(f.item, "member"), "", f.ts, e)
		})
		return closing(b, name)
	case f.typ.kind == kMap:
		return f.appendMap(b, at)
	}
	return f.typ.appendElement(b, name, f.ns, f.ts, at)
}

func (f *field) appendMap(b []byte, at unsafe.Pointer) []byte {
	entry := "entry"
	if f.flat {
		entry = f.name
	} else {
		b = open(b, f.name)
	}
	f.typ.eachEntry(at, func(k string, e unsafe.Pointer) {
		key := orDefault(f.key, "key")
		b = closing(appendXMLText(open(open(b, entry), key), k), key)
		b = closing(f.typ.elem.appendElement(b, orDefault(f.val, "value"), "", f.ts, e), entry)
	})
	if !f.flat {
		b = closing(b, f.name)
	}
	return b
}

// appendElement writes one element with its attributes and content.
func (t *typ) appendElement(b []byte, name, ns, ts string, at unsafe.Pointer) []byte {
	b = append(append(b, '<'), name...)
	b = appendNamespace(b, ns)
	if t.kind == kStruct {
		for _, f := range t.plan.fields {
			if a := unsafe.Add(at, f.offset); f.attr && f.typ.present(a) {
				b = append(append(append(b, ' '), f.name...), `="`...)
				b = appendXMLText(b, string(f.typ.appendText(nil, f.typ.at(a), f.ts, "iso8601")))
				b = append(b, '"')
			}
		}
	}
	b = append(b, '>')
	switch t.kind {
	case kStruct:
		b = t.plan.appendXML(b, at)
	case kList:
		t.each(at, func(_ int, e unsafe.Pointer) { b = t.elem.appendElement(b, "member", "", ts, e) })
	case kString:
		b = appendXMLText(b, *(*string)(at))
	default:
		b = t.appendText(b, at, ts, "iso8601")
	}
	return closing(b, name)
}

// appendNamespace writes a default namespace, or a prefixed one given as "prefix=uri".
func appendNamespace(b []byte, ns string) []byte {
	if ns == "" {
		return b
	}
	if prefix, uri, ok := strings.Cut(ns, "="); ok && !strings.Contains(prefix, ":") {
		return fmt.Appendf(b, ` xmlns:%s="%s"`, prefix, uri)
	}
	return fmt.Appendf(b, ` xmlns="%s"`, ns)
}

func open(b []byte, name string) []byte {
	return append(append(append(b, '<'), name...), '>')
}

func appendTextElement(b []byte, name, text string) []byte {
	return closing(appendXMLText(open(b, name), text), name)
}

func closing(b []byte, name string) []byte {
	return append(append(append(b, "</"...), name...), '>')
}

// appendXMLText writes character data. Control characters become references: XML 1.0 has no other way to say them, and
// object keys may hold them.
func appendXMLText(b []byte, s string) []byte {
	from := 0
	for i := 0; i < len(s); i++ {
		ref := ""
		switch c := s[i]; {
		case c == '<':
			ref = "&lt;"
		case c == '>':
			ref = "&gt;"
		case c == '&':
			ref = "&amp;"
		case c == '"':
			ref = "&quot;"
		case c < 0x20 && c != '\n' && c != '\t':
			ref = fmt.Sprintf("&#x%X;", c)
		default:
			continue
		}
		b = append(append(b, s[from:i]...), ref...)
		from = i + 1
	}
	return append(b, s[from:]...)
}
