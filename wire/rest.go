package wire

import (
	"encoding/base64"
	"io"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"
	"unsafe"
)

// bindHTTP fills the members that lie in path, query and headers.
func (p *plan) bindHTTP(r *request, base unsafe.Pointer) error {
	if err := r.wellFormed(); err != nil {
		return err
	}
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
			return badValue(r.api, f, err)
		}
	}
	return nil
}

// wellFormed refuses names that are not UTF-8: rows could not hold them as they are.
func (r *request) wellFormed() error {
	for _, s := range r.labels {
		if !utf8.ValidString(s) {
			return Because(Fail(400, "InvalidURI", "Couldn't parse the specified URI."), "the path is not UTF-8: %q", s)
		}
	}
	for k, vs := range r.query {
		if !utf8.ValidString(k) || !utf8.ValidString(strings.Join(vs, "")) {
			return Because(Fail(400, "InvalidURI", "Couldn't parse the specified URI."), "the query is not UTF-8: %q", k)
		}
	}
	return nil
}

func badValue(a *API, f *field, err error) error {
	code := "SerializationException"
	if a.Protocol == "rest-xml" {
		code = "InvalidArgument"
	}
	return Because(Fail(400, code, "Invalid value for %s", f.path), "%v", err)
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

// bindBody reads the body of a REST request: the payload member, or the members without a location; bind parses what is not
// taken as it is.
func (p *plan) bindBody(r *request, base unsafe.Pointer, bind func(b []byte, payload *field, base unsafe.Pointer) error) error {
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
	return bind(b, f, base)
}

func (f *field) writeHeader(at unsafe.Pointer, w *response) {
	p := f.typ.at(at)
	switch {
	case f.loc == inStatus:
		w.status = int(*(*int32)(p))
	case f.loc == inPrefix:
		// as S3 writes them: botocore takes the name as it stands, so it must not be made canonical
		f.typ.eachEntry(p, func(k string, e unsafe.Pointer) { w.header[strings.ToLower(f.locName+k)] = []string{*(*string)(e)} })
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

// writeHeaders puts the members that are no body into w.
func (p *plan) writeHeaders(base unsafe.Pointer, w *response) {
	for _, f := range p.fields {
		at := unsafe.Add(base, f.offset)
		if f.loc != inBody && f.typ.present(at) {
			f.writeHeader(at, w)
		}
	}
}

// writeRaw answers with a payload that has no form of its own: a stream, bytes or text. It tells whether it did, or the
// payload is absent.
func (p *plan) writeRaw(base unsafe.Pointer, w *response) bool {
	f := p.payload
	if f == nil {
		return false
	}
	at := unsafe.Add(base, f.offset)
	if !f.typ.present(at) {
		return true
	}
	switch v := f.typ.at(at); f.typ.kind {
	case kReader:
		w.stream = *(*io.Reader)(v)
	case kBytes:
		w.body = *(*[]byte)(v)
	case kString:
		w.body = []byte(*(*string)(v))
	default:
		return false
	}
	return true
}
