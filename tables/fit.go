package tables

import (
	"errors"
	"strings"

	"bothy/api/dynamodb"
	"bothy/kv"
	"bothy/wire"
	"bothy/wire/item"
)

// action is one read or write of a transaction.
type action interface {
	target() target
	check(t *table) error
}

// target is the item an action is about.
type target struct {
	name      string // of the table
	table     *table // that access was decided for
	key       item.Item
	statement bool // of PartiQL
}

func (f *fetch) target() target    { return target{f.name, f.table, f.key, f.statement} }
func (m *mutation) target() target { return target{m.name, m.table, m.key, m.statement} }

// place is an item's table, and its row there.
type place struct {
	table *table
	row   kv.Key
}

// fit finds the places of a transaction's actions before any of them is run: each must fit its table, and be about an item of
// its own. Of statements all that do not fit are told, each in its place; of others, the first.
func fit[A action](s *Service, tx *kv.Tx, c *wire.Call, actions []A) ([]place, error) {
	places, why, told := make([]place, len(actions)), make(cancelling, len(actions)), false
	var r reading
	for i, a := range actions {
		to := a.target()
		t, err := r.again(s, tx, c, to.name, to.table)
		if err != nil && !to.statement {
			return nil, err
		}
		if err == nil {
			places[i].table, err = t, a.check(t)
		}
		if why[i] = reasonOf(err); upFront(err) || why[i].Code.V == "" {
			return nil, err
		}
		if told && !to.statement {
			why[i] = reasonOf(nil)
		}
		told = told || err != nil
	}
	if err := why.cancel(); err != nil {
		return nil, err
	}
	seen := make(map[string]bool, len(actions))
	for i, a := range actions {
		at := &places[i]
		at.row = at.table.itemKey(a.target().key)
		if seen[string(at.row)] {
			return nil, validation("Transaction request cannot include multiple operations on one item")
		}
		seen[string(at.row)] = true
	}
	return places, nil
}

// upFront tells whether AWS refuses the whole request for it, rather than cancel the transaction: empty keys, of indexes too, and
// puts that are too large.
func upFront(err error) bool {
	if err == nil {
		return false
	}
	text := messageOf(err)
	return strings.HasPrefix(text, "One or more parameter values are not valid.") && !strings.HasPrefix(text, twice) || text == itemTooLarge
}

// reasonOf is why an action could not be done; without a code the error is not the action's.
func reasonOf(err error) dynamodb.CancellationReason {
	r := dynamodb.CancellationReason{Code: wire.Some("None")}
	if err == nil {
		return r
	}
	var failed *dynamodb.ConditionalCheckFailedException
	var twice *dynamodb.DuplicateItemException
	var refused *wire.Error
	var exceeded *dynamodb.ProvisionedThroughputExceededException
	var throttled *dynamodb.ThrottlingException
	var full *dynamodb.ItemCollectionSizeLimitExceededException
	var gone *dynamodb.ResourceNotFoundException
	switch {
	case errors.As(err, &failed):
		r.Code, r.Message, r.Item = wire.Some("ConditionalCheckFailed"), failed.Message, failed.Item
	case errors.As(err, &twice):
		r.Code, r.Message = wire.Some("DuplicateItem"), twice.Message
	case errors.As(err, &exceeded):
		r.Code, r.Message = wire.Some("ProvisionedThroughputExceeded"), exceeded.Message
	case errors.As(err, &full):
		r.Code, r.Message = wire.Some("ItemCollectionSizeLimitExceeded"), full.Message
	case errors.As(err, &throttled):
		r.Code, r.Message = wire.Some("ThrottlingError"), throttled.Message
	case errors.As(err, &gone):
		r.Code, r.Message = wire.Some("ResourceNotFound"), gone.Message
	case errors.As(err, &refused) && refused.Code == "ValidationException":
		r.Code, r.Message = wire.Some("ValidationError"), wire.Some(refused.Message)
	default:
		return dynamodb.CancellationReason{}
	}
	return r
}

// cancelling are the reasons of a transaction's actions, each in its place.
type cancelling []dynamodb.CancellationReason

// cancel is the error of a transaction that cannot be done; nil when all of it can.
func (reasons cancelling) cancel() error {
	codes, cancelled := make([]string, len(reasons)), false
	for i := range reasons {
		codes[i] = reasons[i].Code.V
		cancelled = cancelled || codes[i] != "None"
	}
	if !cancelled {
		return nil
	}
	return &dynamodb.TransactionCanceledException{
		Message:             wire.Some("Transaction cancelled, please refer cancellation reasons for specific reasons [" + strings.Join(codes, ", ") + "]"),
		CancellationReasons: reasons,
	}
}
