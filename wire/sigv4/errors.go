package sigv4

import "fmt"

// Code says what is wrong with a signature or with the payload it covers.
type Code string

// The codes. Those AWS knows everywhere by one name have that name.
const (
	Missing          Code = "MissingAuthenticationToken" // no signature at all
	Incomplete       Code = "IncompleteSignature"        // malformed, or a part is missing
	Conflict         Code = "ConflictingAuthentication"  // more than one signature, token, date or hash
	UnknownAlgorithm Code = "UnknownAlgorithm"
	BadScope         Code = "BadCredentialScope"
	UnsignedHeader   Code = "HeadersNotSigned" // host, or an x-amz-* header, is outside the signature
	Skewed           Code = "RequestTimeTooSkewed"
	NotYetValid      Code = "RequestNotYetValid" // presigned for the future
	Expired          Code = "RequestExpired"     // presigned, and over
	Mismatch         Code = "SignatureDoesNotMatch"
	BadPayload       Code = "InvalidContentSHA256" // x-amz-content-sha256 missing, malformed or not allowed here
	PayloadMismatch  Code = "XAmzContentSHA256Mismatch"
	BadChunk         Code = "InvalidChunk"          // aws-chunked framing or chunk signature
	BadTrailer       Code = "MalformedTrailer"      // trailer malformed, unannounced, missing or with a bad signature
	Truncated        Code = "IncompleteBody"        // the body ended early
	BadLength        Code = "DecodedLengthMismatch" // not as long as X-Amz-Decoded-Content-Length says
	MissingLength    Code = "MissingContentLength"  // no usable X-Amz-Decoded-Content-Length
	TooLarge         Code = "EntityTooLarge"
)

// Error is a refusal, to be given the caller's own code and status. Message is AWS's text for the client; Reason is for operators and never holds a secret, a key or a
// token.
type Error struct {
	Code    Code
	Message string
	Reason  string
	Err     error // what the connection said, for Truncated
}

// Error is the code and the operator's reason.
func (e *Error) Error() string { return "sigv4: " + string(e.Code) + ": " + e.Reason }

// Unwrap is the cause, if any.
func (e *Error) Unwrap() error { return e.Err }

// AWS's texts.
const (
	msgMissing    = "Missing Authentication Token"
	msgConflict   = "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified"
	msgAlgorithm  = "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256."
	msgHost       = "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."
	msgUnsigned   = "There were headers present in the request which were not signed"
	msgMismatch   = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
	msgNotYet     = "Request is not yet valid"
	msgExpired    = "Request has expired"
	msgSHA        = "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid sha256 value."
	msgNoSHA      = "Missing required header for this request: x-amz-content-sha256"
	msgPayload    = "The provided 'x-amz-content-sha256' header does not match what was computed."
	msgChunk      = "The aws-chunked body is not well-formed or a chunk's signature does not match."
	msgTrailer    = "The request contained trailing data that was not well-formed or did not conform to our published schema."
	msgIncomplete = "The request body terminated unexpectedly"
	msgLength     = "You did not provide the number of bytes specified by the Content-Length HTTP header."
	msgNoLength   = "You must provide the Content-Length HTTP header."
	msgTooLarge   = "Your proposed upload exceeds the maximum allowed size"
)

func refuse(code Code, message, reason string, args ...any) *Error {
	return &Error{Code: code, Message: message, Reason: fmt.Sprintf(reason, args...)}
}

// malformed refuses a signature whose form is wrong: client and operator read the same.
func malformed(code Code, text string, args ...any) *Error {
	m := fmt.Sprintf(text, args...)
	return &Error{Code: code, Message: m, Reason: m}
}
