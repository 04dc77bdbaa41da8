package users

import (
	"fmt"
	"strings"

	"bothy/api/cognitoidp"
	"bothy/wire"
)

// The refusals, with AWS's own texts: clients compare some of them letter by letter.

func notAuthorized(format string, a ...any) error {
	return &cognitoidp.NotAuthorizedException{Message: wire.Some(fmt.Sprintf(format, a...))}
}

func invalid(format string, a ...any) error {
	return &cognitoidp.InvalidParameterException{Message: wire.Some(fmt.Sprintf(format, a...))}
}

func notFound(format string, a ...any) error {
	return &cognitoidp.ResourceNotFoundException{Message: wire.Some(fmt.Sprintf(format, a...))}
}

func noPool(id string) error   { return notFound("User pool %s does not exist.", id) }
func noClient(id string) error { return notFound("User pool client %s does not exist.", id) }
func noGroup() error           { return notFound("Group not found.") }

func noUser() error {
	return &cognitoidp.UserNotFoundException{Message: wire.Some("User does not exist.")}
}

func wrongPassword() error { return notAuthorized("Incorrect username or password.") }
func isDisabled() error    { return notAuthorized("User is disabled.") }

func tooOften() error {
	return &cognitoidp.LimitExceededException{Message: wire.Some("Attempt limit exceeded, please try after some time.")}
}

func codeMismatch() error {
	return &cognitoidp.CodeMismatchException{Message: wire.Some("Invalid verification code provided, please try again.")}
}

func codeExpired() error {
	return &cognitoidp.ExpiredCodeException{Message: wire.Some("Invalid code provided, please request a code again.")}
}

func notConfirmed() error {
	return &cognitoidp.UserNotConfirmedException{Message: wire.Some("User is not confirmed.")}
}

func mustReset() error {
	return &cognitoidp.PasswordResetRequiredException{Message: wire.Some("Password reset required for the user")}
}

func usernameExists(message string) error {
	return &cognitoidp.UsernameExistsException{Message: wire.Some(message)}
}

func aliasExists(attribute string) error {
	return &cognitoidp.AliasExistsException{Message: wire.Some(fmt.Sprintf("An account with the %s already exists.", strings.ReplaceAll(attribute, "_", " ")))}
}

func badPassword(what string) error {
	return &cognitoidp.InvalidPasswordException{Message: wire.Some("Password did not conform with policy: " + what)}
}

func badSchema(attribute, what string) error {
	return invalid("Attributes did not conform to the schema: %s: %s", attribute, what)
}
