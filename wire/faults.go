package wire

import (
	"errors"
	"net/http"
	"reflect"
	"strconv"
	"unsafe"

	"bothy/policy"
	"bothy/wire/sigv4"
)

// Codes of the pipeline's own refusals, named as the query protocol has them; each protocol renames them (renamed).
const (
	codeMissing    = "MissingAuthenticationToken"
	codeUnknownKey = "InvalidClientTokenId"
	codeExpired    = "ExpiredToken"
	codeMismatch   = "SignatureDoesNotMatch"
	codeIncomplete = "IncompleteSignature"
	codeSkewed     = "RequestTimeTooSkewed"
	codeRequestOld = "RequestExpired"
	codePayload    = "XAmzContentSHA256Mismatch"
	codeDenied     = "AccessDenied"
	codeInternal   = "InternalFailure"
	codeBusy       = "Throttling"
	codeGone       = "RequestAborted"
)

// faultOf is err as a Fault: what is not one is an internal failure, and says nothing of itself.
func faultOf(err error) Fault {
	var f Fault
	if s := (*sigv4.Error)(nil); errors.As(err, &s) { // a handler read the body itself, and found it not to be the signed one
		err = signatureFault(s)
	}
	if errors.As(err, &f) {
		return f
	}
	if t := (interface{ Temporary() bool })(nil); errors.As(err, &t) && t.Temporary() {
		return Fail(400, codeBusy, "Rate exceeded")
	}
	return Fail(500, codeInternal, "The request processing has failed because of an unknown error, exception or failure.")
}

// signatureFault turns what sigv4 found into the refusal clients know.
func signatureFault(err error) error {
	var f Fault
	if errors.As(err, &f) {
		return err
	}
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return Fail(413, "RequestEntityTooLarge", "Request body exceeds the limit of %d bytes", tooLarge.Limit)
	}
	var s *sigv4.Error
	if !errors.As(err, &s) {
		return Because(Fail(400, "IncompleteBody", "The request body terminated unexpectedly"), "%v", err)
	}
	to, ok := refusals[s.Code]
	if !ok {
		to = refusal{400, codeIncomplete}
	}
	return Because(Fail(to.status, to.code, "%s", s.Message), "%s", s.Reason)
}

type refusal struct {
	status int
	code   string
}

// refusals are the codes of what sigv4 finds wrong, where it is not the form of the signature (IncompleteSignature).
var refusals = map[sigv4.Code]refusal{
	sigv4.Missing:         {403, codeMissing},
	sigv4.Mismatch:        {403, codeMismatch},
	sigv4.BadChunk:        {403, codeMismatch},
	sigv4.Skewed:          {403, codeSkewed},
	sigv4.Expired:         {403, codeRequestOld},
	sigv4.NotYetValid:     {403, codeDenied},
	sigv4.UnsignedHeader:  {403, codeDenied},
	sigv4.BadPayload:      {400, "InvalidArgument"},
	sigv4.PayloadMismatch: {400, codePayload},
	sigv4.BadTrailer:      {400, "MalformedTrailerError"},
	sigv4.Truncated:       {400, "IncompleteBody"},
	sigv4.BadLength:       {400, "IncompleteBody"},
	sigv4.MissingLength:   {411, "MissingContentLength"},
	sigv4.TooLarge:        {413, "EntityTooLarge"},
}

// accessDenied is AWS's message for an action that policy does not allow.
func accessDenied(c *Call, w Access) *Error {
	who := "Anonymous"
	if c.Principal != nil && c.Principal.ARN != "" {
		who = c.Principal.ARN
	}
	return Fail(403, codeDenied, "User: %s is not authorized to perform: %s on resource: %s", who, w.Action, w.Resource)
}

// AccessDenied is the refusal of one access that Decide answered with d.
func AccessDenied(c *Call, w Access, d policy.Decision) error {
	f := accessDenied(c, w)
	switch {
	case d.Explicit && d.Kind == policy.Identity:
		f.Message += " with an explicit deny in an identity-based policy"
	case d.Explicit:
		f.Message += " with an explicit deny in a " + string(d.Kind)
	case c.Principal != nil && c.Principal.Kind != Anonymous:
		f.Message += " because no " + string(d.Kind) + " allows the " + w.Action + " action"
	}
	return Because(f, "%s", d.Reason)
}

func notImplemented(a *API, op string) error {
	if a.Protocol == "rest-xml" {
		return Fail(501, "NotImplemented", "%s is not implemented by this node.", op)
	}
	return Fail(501, "NotImplementedException", "%s.%s is not implemented by this node.", a.Name, op)
}

// unknown is the answer when no operation was found.
func (m *Mux) unknown(r *request) error {
	form := r.form
	switch p := smithyProtocol(r.http); {
	case p != "":
		return Fail(501, "NotImplementedException", "The protocol %.40q is not spoken by this node. Use a client that speaks the API's AWS protocol.", p)
	case r.api == nil && form == nil:
		return Because(Fail(404, "UnknownOperationException", "The request names no service of this node."), "host %q, path %q, target %q", r.http.Host, r.http.URL.Path, r.http.Header.Get("X-Amz-Target"))
	case form != nil:
		return Fail(400, "InvalidAction", "Could not find operation %s for version %s", form.Get("Action"), form.Get("Version"))
	case r.api.Protocol == "json":
		return Fail(400, "UnknownOperationException", "Unknown operation: %s", r.http.Header.Get("X-Amz-Target"))
	case r.api.Name == "s3":
		return Fail(405, "MethodNotAllowed", "The specified method is not allowed against this resource.")
	}
	return Fail(404, "UnknownOperationException", "Unable to determine the operation of %s %s", r.http.Method, r.http.URL.EscapedPath())
}

// renamed gives a pipeline code the name, status and text that the service's protocol has for it.
func renamed(a *API, code string, status int, msg string) (string, int, string) {
	style := "json"
	switch {
	case a == nil:
	case a.Name == "s3":
		style = "s3"
	case a.Protocol == "query" || a.Protocol == "rest-xml":
		style = "query"
	case a.Protocol == "rest-json":
		style = "rest"
	}
	to, ok := names[style][code]
	if own := throttles[nameOf(a)]; code == codeBusy && own.code != "" {
		to, ok = own, true
	}
	if !ok {
		return code, status, msg
	}
	if to.msg != "" {
		msg = to.msg
	}
	if to.status != 0 {
		status = to.status
	}
	return to.code, status, msg
}

type name struct {
	code   string
	status int
	msg    string
}

// throttles are what APIs say past capacity, where it is not what others of their protocol say.
var throttles = map[string]name{
	"dynamodb":        {"ThrottlingException", 400, "Rate of requests exceeds the allowed throughput."},
	"dynamodbstreams": {"ThrottlingException", 400, "Rate of requests exceeds the allowed throughput."},
	"cognitoidp":      {"TooManyRequestsException", 400, "Too many requests"},
	"cognitoidentity": {"TooManyRequestsException", 400, "Rate exceeded"},
	"lambda":          {"TooManyRequestsException", 429, "Rate Exceeded."},
}

func nameOf(a *API) string {
	if a == nil {
		return ""
	}
	return a.Name
}

const badToken = "The security token included in the request is invalid."

// names per style: codes and texts as AWS documents them (common errors of each service; S3 error responses).
var names = map[string]map[string]name{
	"json": {
		codeMissing:    {"MissingAuthenticationTokenException", 400, "Request is missing Authentication Token"},
		codeUnknownKey: {"UnrecognizedClientException", 400, badToken},
		codeExpired:    {"ExpiredTokenException", 400, "The security token included in the request is expired"},
		codeMismatch:   {"InvalidSignatureException", 400, ""},
		codeIncomplete: {"IncompleteSignatureException", 400, ""},
		codeSkewed:     {"InvalidSignatureException", 400, ""},
		codeRequestOld: {"InvalidSignatureException", 400, "Signature expired"},
		codePayload:    {"InvalidSignatureException", 400, ""},
		codeDenied:     {"AccessDeniedException", 400, ""},
		codeBusy:       {"ThrottlingException", 400, "Rate exceeded"},
		codeInternal:   {"InternalServerError", 500, "The request processing has failed because of an unknown error"},
	},
	"rest": {
		codeMissing:    {"MissingAuthenticationTokenException", 403, "Missing Authentication Token"},
		codeUnknownKey: {"UnrecognizedClientException", 403, badToken},
		codeExpired:    {"ExpiredTokenException", 403, "The security token included in the request is expired"},
		codeMismatch:   {"InvalidSignatureException", 403, ""},
		codeIncomplete: {"IncompleteSignatureException", 400, ""},
		codeSkewed:     {"InvalidSignatureException", 403, ""},
		codeRequestOld: {"InvalidSignatureException", 403, "Signature expired"},
		codePayload:    {"InvalidSignatureException", 403, ""},
		codeDenied:     {"AccessDeniedException", 403, ""},
		codeBusy:       {"TooManyRequestsException", 429, "Too Many Requests"},
		codeInternal:   {"InternalFailureException", 500, ""},
	},
	"query": {
		codeSkewed:     {codeMismatch, 403, ""},
		codePayload:    {codeMismatch, 403, ""},
		codeUnknownKey: {codeUnknownKey, 403, badToken},
	},
	"s3": {
		codeMissing:    {codeDenied, 403, "Access Denied"},
		codeUnknownKey: {"InvalidAccessKeyId", 403, "The AWS Access Key Id you provided does not exist in our records."},
		codeExpired:    {"ExpiredToken", 400, "The provided token has expired."},
		codeIncomplete: {"AuthorizationHeaderMalformed", 400, "The authorization header that you provided is not valid."},
		codeSkewed:     {"RequestTimeTooSkewed", 403, "The difference between the request time and the current time is too large."},
		codeRequestOld: {codeDenied, 403, "Request has expired"},
		codeInternal:   {"InternalError", 500, "We encountered an internal error. Please try again."},
		codeBusy:       {"SlowDown", 503, "Please reduce your request rate."},
	},
}

// faultMember is a present member of a modelled exception: CancellationReasons, Item, retryAfterSeconds, …
type faultMember struct {
	*field
	at unsafe.Pointer
}

func (m *Mux) faultMembers(f Fault) []faultMember {
	t := reflect.TypeOf(f)
	if _, plain := f.(*Error); plain || t.Kind() != reflect.Pointer || t.Elem().Kind() != reflect.Struct {
		return nil
	}
	m.faults.Lock()
	p := m.compiler.plan(t.Elem())
	m.faults.Unlock()
	var out []faultMember
	base := pointerOf(f)
	for _, fd := range p.fields {
		if at := unsafe.Add(base, fd.offset); fd.loc == inBody && fd.typ.present(at) {
			out = append(out, faultMember{fd, fd.typ.at(at)})
		}
	}
	return out
}

func itoa(n int) string { return strconv.Itoa(n) }
