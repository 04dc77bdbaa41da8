package wire

import (
	"encoding/base64"
	"io"
	"net/http"
	"net/url"
	"strings"
	"unsafe"

	"bothy/wire/jsoncur"
)

// bindHTTP fills the members that lie in path, query and headers.
func (p *plan) bindHTTP(r *request, base unsafe.Pointer) error {
	for _, f := range p.fields {
		at := unsafe.Add(base, f.offset)
		var err error
		switch f.loc {
		case inPath:
			if s, ok := r.labels[f.locName]; ok {
				err = f.typ.fromText(s, f.typ.make(at))
			}
		case inQuery:
			err = f.bindQuery(r.query, at)
		case inHeader:
			err = f.bindHeader(r.http.Header, at)
		case inPrefix:
			f.bindPrefix(r.http.Header, at)
		}
		if err != nil {
			return badValue(f, err)
		}
	}
	return nil
}

func badValue(f *field, err error) error {
	return Because(Fail(400, "SerializationException", "Invalid value for %s", f.path), "%v", err)
}

func (f *field) bindQuery(q url.Values, at unsafe.Pointer) error {
	switch f.typ.kind {
	case kList:
		for _, s := range q[f.locName] {
			if err := f.typ.elem.fromText(s, f.typ.grow(at)); err != nil {
				return err
			}
		}
	case kMap: // every key that no other member binds; only API imports have one
		for k, vs := range q {
			f.typ.put(at, k, func(e unsafe.Pointer) { f.typ.elem.fromText(vs[0], e) }) //nolint:errcheck // strings never fail
		}
	default:
		if vs, ok := q[f.locName]; ok {
			return f.typ.fromText(vs[0], f.typ.make(at))
		}
	}
	return nil
}

func (f *field) bindHeader(h http.Header, at unsafe.Pointer) error {
	vs := h.Values(f.locName)
	if len(vs) == 0 {
		return nil
	}
	if f.typ.kind == kList {
		for _, v := range vs {
			for _, s := range strings.Split(v, ",") {
				if err := f.typ.elem.fromText(strings.TrimSpace(s), f.typ.grow(at)); err != nil {
					return err
				}
			}
		}
		return nil
	}
	v := vs[0]
	if f.json {
		raw, err := base64.StdEncoding.DecodeString(v)
		if err != nil {
			return err
		}
		v = string(raw)
	}
	return f.typ.fromText(v, f.typ.make(at))
}

func (f *field) bindPrefix(h http.Header, at unsafe.Pointer) {
	prefix := strings.ToLower(f.locName)
	for k, vs := range h {
		if name, ok := strings.CutPrefix(strings.ToLower(k), prefix); ok && name != "" {
			f.typ.put(at, name, func(e unsafe.Pointer) { *(*string)(e) = strings.Join(vs, ",") })
		}
	}
}

// faultReader reads a streamed body and says what is wrong with it as a Fault: the signature is checked while it is read.
type faultReader struct{ io.Reader }

func (f faultReader) Read(p []byte) (int, error) {
	n, err := f.Reader.Read(p)
	if err != nil && err != io.EOF {
		err = signatureFault(err)
	}
	return n, err
}

// bindBody reads the body of a REST request: the payload member, or the members without a location.
func (p *plan) bindBody(r *request, base unsafe.Pointer) error {
	f := p.payload
	switch {
	case f != nil && f.typ.kind == kReader:
		*(*io.Reader)(unsafe.Add(base, f.offset)) = faultReader{r.http.Body}
		return nil
	case f != nil && f.typ.kind == kBytes:
		b, err := r.body()
		*(*[]byte)(unsafe.Add(base, f.offset)) = b
		return err
	case f != nil && f.typ.kind == kString:
		b, err := r.body()
		if len(b) > 0 {
			*(*string)(f.typ.make(unsafe.Add(base, f.offset))) = string(b)
		}
		return err
	case f == nil && !p.hasBody:
		_, err := r.body() // still compared with its signature
		return err
	}
	b, err := r.body()
	if err != nil || len(b) == 0 {
		return err
	}
	if r.api.Protocol == "rest-json" {
		return p.bindJSON(b, f, base)
	}
	return p.bindXML(b, f, base)
}

func (p *plan) bindJSON(b []byte, payload *field, base unsafe.Pointer) error {
	d := jsoncur.New(string(b))
	if payload != nil {
		payload.typ.decodeJSON(d, payload.typ.make(unsafe.Add(base, payload.offset)))
	} else {
		p.decodeJSON(d, base)
	}
	if err := d.End(); err != nil {
		return Fail(400, "SerializationException", "%s", err)
	}
	return nil
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

// writeREST puts status, headers and body of a REST answer into w.
func (p *plan) writeREST(o *OpInfo, api *API, base unsafe.Pointer, w *response) {
	for _, f := range p.fields {
		at := unsafe.Add(base, f.offset)
		if f.loc != inBody && f.typ.present(at) {
			f.writeHeader(at, w)
		}
	}
	f := p.payload
	switch {
	case f != nil && !f.typ.present(unsafe.Add(base, f.offset)):
	case f != nil:
		f.writePayload(o, api, unsafe.Add(base, f.offset), w)
	case api.Protocol == "rest-json" && p.hasBody:
		w.body = p.appendJSON(w.body, base)
		w.kind = "application/json"
	case api.Protocol == "rest-json":
		if w.status != http.StatusNoContent && api.Name != "lambda" {
			w.body, w.kind = append(w.body, "{}"...), "application/json"
		}
	case p.hasBody:
		w.kind = "application/xml"
		w.body = appendNamespace(append(append(w.body, xmlHead+"<"...), o.Root...), api.Namespace)
		if o.Root == "LocationConstraint" { // the one body that is its own text (GetBucketLocation)
			w.body = append(w.body, '>')
			for _, f := range p.fields {
				w.body = f.typ.appendText(w.body, unsafe.Add(base, f.offset), "", "")
			}
		} else {
			w.body = p.appendXML(append(w.body, '>'), base)
		}
		w.body = closing(w.body, o.Root)
	}
}

func (f *field) writeHeader(at unsafe.Pointer, w *response) {
	p := f.typ.at(at)
	switch {
	case f.loc == inStatus:
		w.status = int(*(*int32)(p))
	case f.loc == inPrefix:
		f.typ.eachEntry(p, func(k string, e unsafe.Pointer) { w.header.Set(f.locName+k, *(*string)(e)) })
	case f.typ.kind == kList:
		var all []string
		f.typ.each(p, func(_ int, e unsafe.Pointer) {
			all = append(all, string(f.typ.elem.appendText(nil, e, f.ts, "rfc822")))
		})
		w.header.Set(f.locName, strings.Join(all, ","))
	default:
		s := f.typ.appendText(nil, p, f.ts, "rfc822")
		if f.json {
			s = []byte(base64.StdEncoding.EncodeToString(s))
		}
		w.header.Set(f.locName, string(s))
	}
}

func (f *field) writePayload(o *OpInfo, api *API, at unsafe.Pointer, w *response) {
	p := f.typ.at(at)
	switch {
	case f.typ.kind == kReader:
		w.stream = *(*io.Reader)(p)
	case f.typ.kind == kBytes:
		w.body = append(w.body, *(*[]byte)(p)...)
	case f.typ.kind == kString:
		w.body = append(w.body, *(*string)(p)...)
	case api.Protocol == "rest-json":
		w.body, w.kind = f.typ.appendJSON(w.body, p, f.ts), "application/json"
	default:
		w.kind = "application/xml"
		w.body = f.typ.appendElement(append(w.body, xmlHead...), f.name, orDefault(f.ns, api.Namespace), f.ts, p)
	}
}
