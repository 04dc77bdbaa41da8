package wire

import (
	"unsafe"

	"bothy/wire/jsoncur"
)

// awsJSON is awsJson 1.0 and 1.1: everything in one JSON object.
type awsJSON struct{}

func (awsJSON) decode(r *request, p *plan, in unsafe.Pointer) error {
	b, err := r.body()
	if err != nil || len(b) == 0 {
		return err
	}
	return p.bindJSON(b, nil, in)
}

func (awsJSON) encode(o *mounted, out unsafe.Pointer, _ string, w *response) {
	w.kind = "application/x-amz-json-" + o.api.JSONVersion
	w.room = rooms.Get().(*[]byte)
	w.body = o.out.appendJSON((*w.room)[:0], out)
}

func (awsJSON) fault(a *API, f *fault, w *response) {
	w.kind = "application/json"
	kind := f.code
	if a != nil {
		w.kind = "application/x-amz-json-" + a.JSONVersion
		if a.TargetPrefix == "DynamoDB_20120810" || a.TargetPrefix == "DynamoDBStreams_20120810" {
			kind = shapeNamespace(f.code) + f.code
		}
	}
	w.body = f.appendJSON([]byte(`{"__type":`), kind)
}

// shapeNamespace is what DynamoDB puts before the code: its own namespace, or that of the frame it runs in.
func shapeNamespace(code string) string {
	switch code {
	case "ThrottlingException":
		return "com.amazon.coral.availability#"
	case "AccessDeniedException", "UnrecognizedClientException", "ValidationException", "SerializationException", "InvalidSignatureException", "MissingAuthenticationTokenException", "UnknownOperationException":
		return "com.amazon.coral.service#"
	}
	return "com.amazonaws.dynamodb.v20120810#"
}

// appendJSON completes an object that begins with the name of the type: message in both spellings clients look for, and the
// exception's own members.
func (f *fault) appendJSON(b []byte, kind string) []byte {
	b = append(jsoncur.AppendString(b, kind), `,"message":`...)
	b = append(jsoncur.AppendString(b, f.message), `,"Message":`...)
	b = jsoncur.AppendString(b, f.message)
	for _, m := range f.members {
		if m.name != "message" && m.name != "Message" {
			b = m.typ.appendJSON(append(append(b, ','), m.quoted...), m.at, m.ts)
		}
	}
	return append(b, '}')
}
