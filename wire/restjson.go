package wire

import (
	"net/http"
	"unsafe"

	"bothy/wire/jsoncur"
)

// restJSON is restJson1: path, query and headers, and a JSON body.
type restJSON struct{}

func (restJSON) decode(r *request, p *plan, in unsafe.Pointer) error {
	if err := p.bindHTTP(r, in); err != nil {
		return err
	}
	return p.bindBody(r, in, p.bindJSON)
}

func (p *plan) bindJSON(b []byte, payload *field, base unsafe.Pointer) error {
	d := jsoncur.New(unsafe.String(unsafe.SliceData(b), len(b))) // nobody writes to a body that was read
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

func (restJSON) encode(o *mounted, out unsafe.Pointer, _ string, w *response) {
	p := o.out
	p.writeHeaders(out, w)
	if p.writeRaw(out, w) {
		return
	}
	switch f := p.payload; {
	case f != nil:
		w.kind, w.body = "application/json", f.typ.appendJSON(nil, f.typ.at(unsafe.Add(out, f.offset)), f.ts)
	case p.hasBody:
		w.kind, w.body = "application/json", p.appendJSON(nil, out)
	case w.status != http.StatusNoContent && w.status != http.StatusAccepted:
		w.kind, w.body = "application/json", []byte("{}")
	}
}

func (restJSON) fault(_ *API, f *fault, w *response) {
	w.kind = "application/json"
	w.body = f.appendJSON([]byte(`{"__type":`), f.code)
}
