package functions

import (
	"fmt"

	"bothy/api/lambda"
	"bothy/wire"
)

func invalid(format string, a ...any) error {
	return &lambda.InvalidParameterValueException{Type: wire.Some("User"), Message: wire.Some(fmt.Sprintf(format, a...))}
}

func notFound(format string, a ...any) error {
	return &lambda.ResourceNotFoundException{Type: wire.Some("User"), Message: wire.Some(fmt.Sprintf(format, a...))}
}

func noFunction(arn string) error { return notFound("Function not found: %s", arn) }

func conflict(format string, a ...any) error {
	return &lambda.ResourceConflictException{Type: wire.Some("User"), Message: wire.Some(fmt.Sprintf(format, a...))}
}

func stale() error {
	return &lambda.PreconditionFailedException{Type: wire.Some("User"),
		Message: wire.Some("The RevisionId provided does not match the latest RevisionId. Call the GetFunction/GetAlias API to retrieve the latest RevisionId for your resource.")}
}
