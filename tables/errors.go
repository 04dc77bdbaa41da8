package tables

import (
	"errors"
	"strings"

	"bothy/api/dynamodb"
	"bothy/tables/expr"
	"bothy/wire"
	"bothy/wire/item"
)

// invalid begins most of AWS's validation texts.
const invalid = "One or more parameter values were invalid: "

func validation(format string, a ...any) error {
	return wire.Fail(400, "ValidationException", format, a...)
}

const (
	unused     = "ExpressionAttributeValues can only be specified when using expressions"
	notNumeric = "The parameter cannot be converted to a numeric value"
)

// detected is what is wrong with a write of one item in itself, as AWS tells it since June 2026. What is wrong with it for its table
// is told without.
func detected(err error) error {
	var f *wire.Error
	if !errors.As(err, &f) || f.Code != "ValidationException" || strings.Contains(f.Message, " detected: ") {
		return err
	}
	text := f.Message
	switch {
	case strings.HasPrefix(text, unused):
		text = unused // without the expressions that are not there
	case text == notNumeric:
		text += ": " // and the text that is none, which is empty
	}
	return validation("%s", wire.Detected(text))
}

// refuse makes a ValidationException of what expr and number refuse, and leaves other errors alone.
func refuse(err error) error {
	var text expr.Error
	if errors.As(err, &text) {
		return validation("%s", string(text))
	}
	return err
}

var errKeySchema = "The provided key element does not match the schema"

func notFound() error {
	return &dynamodb.ResourceNotFoundException{Message: wire.Some("Requested resource not found")}
}

func tableNotFound(name string) error {
	return &dynamodb.ResourceNotFoundException{Message: wire.Some("Requested resource not found: Table: " + name + " not found")}
}

func inUse(text string) error { return &dynamodb.ResourceInUseException{Message: wire.Some(text)} }

func conditionFailed(it item.Item) error {
	return &dynamodb.ConditionalCheckFailedException{Message: wire.Some("The conditional request failed"), Item: it}
}
