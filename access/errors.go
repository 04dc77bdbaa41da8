package access

import (
	"errors"
	"fmt"

	"bothy/api/iam"
	"bothy/policy"
	"bothy/record"
	"bothy/wire"
)

func noSuchEntity(format string, a ...any) error {
	return &iam.NoSuchEntityException{Message: wire.Some(fmt.Sprintf(format, a...))}
}

func noSuchRole(name string) error {
	return noSuchEntity("The role with name %s cannot be found.", name)
}

func noSuchUser(name string) error {
	return noSuchEntity("The user with name %s cannot be found.", name)
}

func noSuchGroup(name string) error {
	return noSuchEntity("The group with name %s cannot be found.", name)
}

func alreadyExists(format string, a ...any) error {
	return &iam.EntityAlreadyExistsException{Message: wire.Some(fmt.Sprintf(format, a...))}
}

func deleteConflict(text string) error {
	return &iam.DeleteConflictException{Message: wire.Some(text)}
}

func limitExceeded(format string, a ...any) error {
	return &iam.LimitExceededException{Message: wire.Some(fmt.Sprintf(format, a...))}
}

func invalidInput(text string) error {
	return &iam.InvalidInputException{Message: wire.Some(text)}
}

// malformed is the error of a document that cannot be stored.
func malformed(err error) error {
	return &iam.MalformedPolicyDocumentException{Message: wire.Some(err.Error())}
}

// checkDocument parses a document and checks that it can stand where use wants it.
func (s *Service) checkDocument(document string, use func(*policy.Policy) error) error {
	p, err := policy.Parse([]byte(document))
	if err == nil {
		err = use(p)
	}
	if err != nil {
		return malformed(err)
	}
	return nil
}

// or puts a modelled error in the place of record.ErrNotFound.
func or(err, missing error) error {
	if errors.Is(err, record.ErrNotFound) {
		return missing
	}
	return err
}

// unless is record.ErrNotFound for a row that was found but is not the one that is meant.
func unless(err error, meant func() bool) error {
	if err == nil && !meant() {
		return record.ErrNotFound
	}
	return err
}

// exists puts a modelled error in the place of *record.ErrExists.
func exists(err, taken error) error {
	if e := (*record.ErrExists)(nil); errors.As(err, &e) {
		return taken
	}
	return err
}
