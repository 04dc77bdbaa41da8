package wire

import (
	"maps"
	"slices"
	"strings"
	"unsafe"
)

// restXML is restXml, and S3's kind of it: path, query and headers, and an XML body.
type restXML struct{}

func (restXML) decode(r *request, p *plan, in unsafe.Pointer) error {
	if err := p.bindHTTP(r, in); err != nil {
		return err
	}
	return p.bindBody(r, in, p.bindXML)
}

func (p *plan) bindXML(b []byte, payload *field, base unsafe.Pointer) error {
	n, err := parseXML(strings.NewReader(string(b)))
	if err != nil || n == nil {
		return Because(malformedXML(), "%v", err)
	}
	if payload != nil {
		err = payload.typ.decodeNode(n, payload.typ.make(unsafe.Add(base, payload.offset)))
	} else {
		err = p.decodeTree(n, base)
	}
	if err != nil {
		return Because(malformedXML(), "%v", err)
	}
	return nil
}

func malformedXML() *Error {
	return Fail(400, "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema")
}

func (restXML) encode(o *mounted, out unsafe.Pointer, _ string, w *response) {
	p := o.out
	p.writeHeaders(out, w)
	if p.writeRaw(out, w) {
		return
	}
	switch f := p.payload; {
	case f != nil:
		w.kind = "application/xml"
		w.body = f.typ.appendElement([]byte(xmlHead), f.name, orDefault(f.ns, o.api.Namespace), f.ts, f.typ.at(unsafe.Add(out, f.offset)))
	case p.hasBody:
		w.kind = "application/xml"
		w.body = p.appendRoot([]byte(xmlHead), o, out)
	}
}

func (p *plan) appendRoot(b []byte, o *mounted, out unsafe.Pointer) []byte {
	b = append(appendNamespace(append(append(b, '<'), o.info.Root...), o.api.Namespace), '>')
	if o.info.Root == "LocationConstraint" { // the one body that is its own text (GetBucketLocation)
		f := p.fields[0]
		b = f.typ.appendText(b, unsafe.Add(out, f.offset), "", "")
	} else {
		b = p.appendXML(b, out)
	}
	return closing(b, o.info.Root)
}

func (restXML) fault(a *API, f *fault, w *response) {
	w.kind = "application/xml"
	if a.Name != "s3" {
		awsQuery{}.fault(a, f, w)
		return
	}
	b := append([]byte(xmlHead), "<Error>"...)
	b = appendTextElement(b, "Code", f.code)
	b = appendTextElement(b, "Message", f.message)
	for _, k := range slices.Sorted(maps.Keys(f.extra)) {
		b = appendTextElement(b, k, f.extra[k])
	}
	if _, given := f.extra["Resource"]; !given {
		b = appendTextElement(b, "Resource", f.path)
	}
	b = appendTextElement(b, "RequestId", f.requestID)
	b = appendTextElement(b, "HostId", f.requestID)
	w.body = append(b, "</Error>"...)
}
