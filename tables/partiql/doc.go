// Package partiql reads PartiQL as DynamoDB has it: SELECT, INSERT, UPDATE, DELETE, and EXISTS in transactions, with literals
// and parameters. What a statement says becomes conditions, projections and updates of package expr, which evaluates them;
// nothing is evaluated here, and neither tables nor indexes are known.
//
// Errors are expr.Error in AWS's words, some with the place of a token, line:column:length in characters from 1.
package partiql

import (
	"fmt"

	"bothy/tables/expr"
	"bothy/wire/item"
)

// Verb is what a statement does.
type Verb uint8

// The verbs. Exists is EXISTS(SELECT …): a condition that a transaction checks.
const (
	Select Verb = iota
	Insert
	Update
	Delete
	Exists
)

// Statement is a statement that is well formed.
type Statement struct {
	Verb      Verb
	Table     string
	Index     string           // of a Select; "" none
	Columns   *expr.Projection // of a Select; nil: *
	Where     *expr.Condition  // nil: none
	Order     []Order
	Item      item.Item    // of an Insert; its values were checked, its size was not
	Update    *expr.Update // of an Update
	Returning string       // ReturnValues as the API names them: ALL_OLD, UPDATED_NEW, …; "" none
}

// Order is a name of ORDER BY.
type Order struct {
	Name string
	Desc bool
}

// Check checks and normalises a value, nil when it is fine.
type Check func(v *item.Value) error

// Parse reads a statement. Parameters, checked before, take the places of the question marks; check sees every literal.
func Parse(text string, parameters []item.Value, check Check) (*Statement, error) {
	p := &parser{scanner: newScanner(text), parameters: parameters, check: check}
	st, err := p.statement()
	if err != nil {
		return nil, err
	}
	if p.used < len(parameters) {
		return nil, errParameters
	}
	return st, nil
}

const (
	errParameters = expr.Error("Number of parameters in request and statement don't match.")
	errAlias      = expr.Error("Aliasing is not supported")
)

func fail(format string, a ...any) error { return expr.Error(fmt.Sprintf(format, a...)) }

// malformed is the refusal of a text that is no statement.
func malformed(detail string) error {
	return expr.Error("Statement wasn't well formed, can't be processed: " + detail)
}

// Details of malformed statements.
const (
	noStatement = "Expected data manipulation"
	noTerm      = "Unexpected term"
	noKeyword   = "Unexpected keyword"
	noOperator  = "Unexpected operator"
	noRight     = "Missing right-hand side expression of infix operator"
	noTable     = "Expected identifier for simple path"
	noType      = "Expected type name"
	noName      = "Invalid path dot component"
	leftover    = "Unexpected token after expression"
)
