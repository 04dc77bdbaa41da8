// Package expr is DynamoDB's expression language: condition, filter, key condition, projection and update expressions, their
// errors in AWS's words, and what they do to items. It also holds the value rules they share (equality, order, size). Pure
// functions; it knows neither tables nor stores.
//
// Expressions are parsed with a grammar for both kinds of operand, then checked in AWS's order, so that the first error
// reported is the one AWS reports: syntax, redundant parentheses, function names, misuse, reserved words, names and values,
// operands.
package expr

import "fmt"

// Limits of the language.
const (
	MaxLength    = 4 << 10 // bytes of one expression
	MaxOperators = 300     // operators and functions in one expression
	MaxInList    = 100     // operands of IN
	MaxDepth     = 32      // of a document path, as of items
	MaxValues    = 4096    // expression attribute values: more than any expressions can use
	MaxUpdates   = 4096    // entries of AttributeUpdates
)

// Error is a refusal in AWS's words; the service answers it as ValidationException.
type Error string

func (e Error) Error() string { return string(e) }

func fail(format string, a ...any) error { return Error(fmt.Sprintf(format, a...)) }
