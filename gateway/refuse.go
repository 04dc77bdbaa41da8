package gateway

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"bothy/wire"
)

// refusal is an answer the gateway gives instead of the API: a gateway response of some type.
type refusal struct {
	kind    string // "ACCESS_DENIED", or "" where no API was found that could have a response
	status  int
	code    string // x-amzn-ErrorType
	message string
	capital bool // policy refusals say "Message"
	reason  string
}

func (e *refusal) Error() string { return e.code + ": " + e.message + " (" + e.reason + ")" }

const mismatch = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."

func forbidden(reason string) error {
	return &refusal{status: 403, code: "ForbiddenException", message: "Forbidden", reason: reason}
}

func missingToken(reason string) error {
	return &refusal{kind: "MISSING_AUTHENTICATION_TOKEN", status: 403, code: "MissingAuthenticationTokenException", message: "Missing Authentication Token", reason: reason}
}

// failed is an API that does not work: its function may not be called, fails, or answers what no client understands.
func failed(status int, reason string) error {
	kind := "API_CONFIGURATION_ERROR"
	if status == 502 {
		kind = "DEFAULT_5XX"
	}
	return &refusal{kind: kind, status: status, code: "InternalServerErrorException", message: "Internal server error", reason: reason}
}

func timedOut() error {
	return &refusal{kind: "INTEGRATION_TIMEOUT", status: 504, code: "InternalServerErrorException", message: "Endpoint request timed out", reason: "the integration took too long"}
}

// signatureRefusals are the pipeline's refusals as API Gateway words them.
var signatureRefusals = map[string]refusal{
	"MissingAuthenticationToken": {kind: "MISSING_AUTHENTICATION_TOKEN", code: "MissingAuthenticationTokenException", message: "Missing Authentication Token"},
	"ExpiredToken":               {kind: "EXPIRED_TOKEN", code: "ExpiredTokenException", message: "The security token included in the request is expired"},
	"InvalidClientTokenId":       {kind: "DEFAULT_4XX", code: "UnrecognizedClientException", message: "The security token included in the request is invalid."},
	"SignatureDoesNotMatch":      {kind: "INVALID_SIGNATURE", code: "InvalidSignatureException", message: mismatch},
	"XAmzContentSHA256Mismatch":  {kind: "INVALID_SIGNATURE", code: "InvalidSignatureException", message: mismatch},
	"IncompleteSignature":        {kind: "DEFAULT_4XX", code: "IncompleteSignatureException"},
	"RequestTimeTooSkewed":       {kind: "INVALID_SIGNATURE", code: "InvalidSignatureException"},
	"RequestExpired":             {kind: "INVALID_SIGNATURE", code: "InvalidSignatureException", message: "Signature expired"},
}

// notAuthentic turns what the pipeline says of a signature into a refusal.
func notAuthentic(err error) error {
	var f wire.Fault
	if !errors.As(err, &f) {
		return err
	}
	code, status, message := f.Fault()
	if code == "RequestEntityTooLarge" {
		return &refusal{kind: "REQUEST_TOO_LARGE", status: 413, code: "RequestTooLargeException", message: "Request Too Long", reason: wire.ReasonOf(err)}
	}
	out, known := signatureRefusals[code]
	if !known && status >= 500 {
		return err
	}
	if !known {
		out = refusal{kind: "DEFAULT_4XX", code: code}
	}
	if out.message == "" {
		out.message = message
	}
	out.status, out.reason = 403, wire.ReasonOf(err)
	return &out
}

// isBusy tells of an error that goes away by itself: somebody below has no room.
func isBusy(err error) bool {
	var t interface{ Temporary() bool }
	return errors.As(err, &t) && t.Temporary()
}

// Busy answers a request that the node has no room for, before anything of it is known.
func Busy(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("X-Amzn-Requestid", wire.NewRequestID())
	h.Set("X-Amzn-Errortype", "TooManyRequestsException")
	h.Set("Retry-After", "1")
	w.WriteHeader(http.StatusTooManyRequests)
	w.Write([]byte(`{"message":"Too Many Requests"}`)) //nolint:errcheck // the client is gone
}

// refused is the reply to an error: the API's gateway response for it, where it has one.
func (x *exchange) refused(err error) *reply {
	var e *refusal
	switch {
	case errors.As(err, &e):
	case isBusy(err):
		e = &refusal{kind: "THROTTLED", status: 429, code: "TooManyRequestsException", message: "Too Many Requests", reason: err.Error()}
	default:
		e = &refusal{kind: "DEFAULT_5XX", status: 500, code: "InternalServerErrorException", message: "Internal server error", reason: err.Error()}
	}
	x.trace.Code, x.trace.Message, x.trace.Reason = e.code, e.message, e.reason
	rep := &reply{status: e.status, header: http.Header{"Content-Type": {"application/json"}, "X-Amzn-Errortype": {e.code}}}
	key := "message"
	if e.capital {
		key = "Message"
	}
	rep.body = jsonText(map[string]string{key: e.message})
	if x.api == nil || e.kind == "" {
		rep.header.Set("Access-Control-Allow-Origin", "*") // there is no API to say otherwise, and browsers hide the answer without it
		return rep
	}
	x.shape(rep, e)
	return rep
}

// shape applies the API's own gateway responses: those of the class first, then those of the very type.
func (x *exchange) shape(rep *reply, e *refusal) {
	class := "DEFAULT_4XX"
	if e.status >= 500 {
		class = "DEFAULT_5XX"
	}
	kinds := []string{class, e.kind}
	if e.kind == class {
		kinds = kinds[:1]
	}
	for _, kind := range kinds {
		g := x.api.def.Responses[kind]
		if g == nil {
			continue
		}
		if own := g.StatusCode.V; own != "" && (kind != class || own != responseStatus[kind]) {
			if n, err := strconv.Atoi(own); err == nil && n >= 200 && n < 600 {
				rep.status = n
			}
		}
		for name, value := range g.ResponseParameters {
			if text, ok := literal(value); ok {
				rep.header.Set(strings.TrimPrefix(name, gatewayResponseHeader), text)
			}
		}
		if text, ok := g.ResponseTemplates["application/json"]; ok {
			rep.body = []byte(x.fill(text, e))
		}
	}
}

// fill puts the error into a template.
func (x *exchange) fill(template string, e *refusal) string {
	return strings.NewReplacer(
		"$context.error.messageString", string(jsonText(e.message)),
		"$context.error.message", e.message,
		"$context.error.responseType", e.kind,
		"$context.requestId", x.id,
		"$context.extendedRequestId", x.id,
	).Replace(template)
}
