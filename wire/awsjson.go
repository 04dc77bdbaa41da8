package wire

import (
	"errors"
	"hash/crc32"
	"strconv"
	"strings"
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
	err = p.bindJSON(b, nil, in)
	if f := (Fault)(nil); r.api.isDynamoDB() && errors.As(err, &f) {
		_, status, message := f.Fault()
		return Fail(status, "SerializationException", "%s", serialization(message))
	}
	return err
}

// serialization words what the decoder complains of as DynamoDB does.
func serialization(message string) string {
	got, want, ok := strings.Cut(message, " can not be converted to ")
	switch {
	case !ok:
		return message
	case want == "structure" || want == "Collection":
		return "Unexpected field type"
	case got == "START_OBJECT":
		return "Start of structure or map found where not expected"
	case got == "START_ARRAY":
		return "Unrecognized collection type class java.lang." + want
	}
	return got + " cannot be converted to " + want
}

func (awsJSON) encode(o *mounted, out unsafe.Pointer, _ string, w *response) {
	w.kind = "application/x-amz-json-" + o.api.JSONVersion
	w.room = rooms.Get().(*[]byte)
	w.body = (*w.room)[:0]
	if !o.api.isDynamoDB() {
		w.body = o.out.appendJSON(w.body, out)
		return
	}
	if len(o.out.fields) > 0 { // its operations without an answer answer with nothing
		w.body = o.out.appendJSON(w.body, out)
	}
	w.checksum()
}

// checksum is what DynamoDB puts on every answer, and its clients hold the body to.
func (w *response) checksum() {
	w.header.Set("X-Amz-Crc32", strconv.FormatUint(uint64(crc32.ChecksumIEEE(w.body)), 10))
}

// isDynamoDB tells whether the API is DynamoDB's or that of its streams, whose frame has ways of its own.
func (a *API) isDynamoDB() bool {
	return a.TargetPrefix == "DynamoDB_20120810" || a.TargetPrefix == "DynamoDBStreams_20120810"
}

func (awsJSON) fault(a *API, f *fault, w *response) {
	if a == nil {
		w.kind, w.body = "application/json", f.appendJSON([]byte(`{"__type":`), f.code)
		return
	}
	w.kind = "application/x-amz-json-" + a.JSONVersion
	if !a.isDynamoDB() {
		w.body = f.appendJSON([]byte(`{"__type":`), f.code)
		return
	}
	w.body = f.appendJSON([]byte(`{"__type":`), shapeNamespace(f.code)+f.code)
	w.checksum()
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
