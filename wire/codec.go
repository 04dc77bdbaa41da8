package wire

import (
	"net/http"
	"strings"
	"unsafe"
)

// codec is one AWS protocol: how inputs, outputs and faults look. Another one is another file and a line in codecs.
type codec interface {
	// decode fills the input at in, a structure of plan p.
	decode(r *request, p *plan, in unsafe.Pointer) error
	// encode writes the output at out.
	encode(o *mounted, out unsafe.Pointer, requestID string, w *response)
	// fault writes a refusal.
	fault(a *API, f *fault, w *response)
}

// codecs by the model's name of the protocol.
var codecs = map[string]codec{
	"json":      awsJSON{},
	"query":     awsQuery{},
	"rest-json": restJSON{},
	"rest-xml":  restXML{},
}

// fault is a refusal under the name, status and text that the service's protocol has for it.
type fault struct {
	code, message string
	status        int
	members       []faultMember // of a modelled exception
	extra         map[string]string
	path          string // of the request
	requestID     string
}

// encodeFault writes err in the protocol's own form.
func (m *Mux) encodeFault(c *Call, r *request, err error, w *response) {
	f := faultOf(err)
	code, status, msg := f.Fault()
	out := &fault{members: m.faultMembers(f), path: strings.ToValidUTF8(r.http.URL.Path, "\uFFFD"), requestID: c.RequestID}
	out.code, out.status, out.message = renamed(r.api, code, status, strings.ToValidUTF8(msg, "\uFFFD"))
	c.trace.Code, c.trace.Message = out.code, out.message
	if plain, ok := f.(*Error); ok {
		out.extra = plain.Extra
	}
	if code == codeBusy && (out.status == http.StatusTooManyRequests || out.status == http.StatusServiceUnavailable) {
		w.header.Set("Retry-After", "1")
	}
	w.status = out.status
	w.header.Set("x-amzn-ErrorType", out.code)
	protocol := "json"
	if r.api != nil {
		protocol = r.api.Protocol
	} else if isForm(r.http) || r.query.Has("Action") {
		protocol = "query"
	}
	if smithyProtocol(r.http) == rpcCBOR {
		out.appendCBOR(w)
	} else {
		codecs[protocol].fault(r.api, out, w)
	}
	if out.status == http.StatusNotModified {
		w.body = nil
	}
}
