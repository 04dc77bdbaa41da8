package wire

import (
	"errors"
	"fmt"
)

// Fault is an error meant for the client: every modelled exception in api is one. Any other error a handler returns is
// logged with the request id and shown as an internal failure.
type Fault interface {
	error
	Fault() (code string, status int, message string)
}

// Error is a Fault without a modelled shape: the codes common to all services, and S3's many.
type Error struct {
	Code    string
	Status  int
	Message string
	Extra   map[string]string // further elements of S3 errors: BucketName, Key, …
}

// Error is the code and the message.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

// Fault is the error on the wire.
func (e *Error) Fault() (string, int, string) { return e.Code, e.Status, e.Message }

// Fail makes an unmodelled Fault.
func Fail(status int, code, format string, a ...any) *Error {
	return &Error{Code: code, Status: status, Message: fmt.Sprintf(format, a...)}
}

// Because adds to err the reason only the operator may see: it goes to the log and to `bothy why`, never to the client.
func Because(err error, format string, a ...any) error {
	return &because{err, fmt.Sprintf(format, a...)}
}

type because struct {
	err    error
	reason string
}

func (b *because) Error() string { return b.err.Error() + " (" + b.reason + ")" }
func (b *because) Unwrap() error { return b.err }

// ReasonOf is the operator's reason in err, or the error's own text.
func ReasonOf(err error) string {
	if b := (*because)(nil); errors.As(err, &b) {
		return b.reason
	}
	return err.Error()
}
