package wire

import "unsafe"

// awsQuery is the query protocol: a form in, XML out.
type awsQuery struct{}

func (awsQuery) decode(r *request, p *plan, in unsafe.Pointer) error {
	n, err := parseForm(r.form)
	if err == nil {
		err = p.decodeTree(n, in)
	}
	if err != nil {
		return Because(Fail(400, "MalformedInput", "Invalid value in the request"), "%v", err)
	}
	return nil
}

func (awsQuery) encode(o *mounted, out unsafe.Pointer, requestID string, w *response) {
	w.kind = "text/xml"
	name := o.info.Name + "Response"
	b := appendNamespace(append([]byte("<"), name...), o.api.Namespace)
	b = append(b, '>')
	if o.info.Wrapper != "" {
		b = closing(o.out.appendXML(open(b, o.info.Wrapper), out), o.info.Wrapper)
	}
	b = append(append(append(b, "<ResponseMetadata><RequestId>"...), requestID...), "</RequestId></ResponseMetadata>"...)
	w.body = closing(b, name)
}

func (awsQuery) fault(a *API, f *fault, w *response) {
	w.kind = "text/xml"
	ns := ""
	if a != nil {
		ns = a.Namespace
	}
	who := "Sender"
	if f.status >= 500 {
		who = "Receiver"
	}
	b := append(appendNamespace([]byte("<ErrorResponse"), ns), "><Error>"...)
	b = appendTextElement(b, "Type", who)
	b = appendTextElement(b, "Code", f.code)
	b = appendTextElement(b, "Message", f.message)
	b = appendTextElement(append(b, "</Error>"...), "RequestId", f.requestID)
	w.body = append(b, "</ErrorResponse>"...)
}
