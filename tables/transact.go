package tables

import (
	"errors"
	"strings"

	"bothy/api/dynamodb"
	"bothy/kv"
	"bothy/policy"
	"bothy/wire"
	"bothy/wire/item"
)

// maxTransactBytes bounds the items of one transaction.
const maxTransactBytes = 4 << 20

func errTransactSize() error {
	return validation("Aggregated size of the items in the transaction has exceeded the maximum allowed size of 4 MB")
}

func (s *Service) accessTransactGet(c *wire.Call, in *dynamodb.TransactGetItemsInput) ([]wire.Access, error) {
	var gets []*fetch
	var wants []wire.Access
	for i := range in.TransactItems {
		g := in.TransactItems[i].Get
		f, err := s.planGet(c, &dynamodb.GetItemInput{TableName: g.TableName, Key: g.Key, ProjectionExpression: g.ProjectionExpression, ExpressionAttributeNames: g.ExpressionAttributeNames})
		if err != nil {
			return nil, err
		}
		gets = append(gets, f)
		k := enclosed(f.keys(in.ReturnConsumedCapacity), "TransactGetItems")
		wants = append(wants, f.table.want("dynamodb:GetItem", tableARN(scope(c), f.name), k))
	}
	keep(c, gets)
	return wants, nil
}

func (s *Service) transactGet(c *wire.Call, in *dynamodb.TransactGetItemsInput) (*dynamodb.TransactGetItemsOutput, error) {
	gets, err := kept[[]*fetch](c)
	if err != nil {
		return nil, err
	}
	responses, consumed, err := s.fetchAll(c, gets, in.ReturnConsumedCapacity)
	if err != nil {
		return nil, err
	}
	return &dynamodb.TransactGetItemsOutput{Responses: responses, ConsumedCapacity: consumed}, nil
}

// fetchAll reads items of one moment.
func (s *Service) fetchAll(c *wire.Call, gets []*fetch, asked wire.Opt[string]) ([]dynamodb.ItemResponse, []dynamodb.ConsumedCapacity, error) {
	out := make([]dynamodb.ItemResponse, len(gets))
	consumed := tally{asked: asked}
	g := s.reading(c, 2)
	defer g.done()
	var of []*table
	for _, f := range gets {
		of = append(of, f.table)
	}
	if err := g.fill(c, of...); err != nil {
		return nil, nil, err
	}
	err := s.db.View(c, func(tx *kv.Tx) error {
		g.again()
		size, why := 0, cancelling{}
		for i, f := range gets {
			f.consistent = true
			it, used, err := s.fetchOne(tx, c, f, g)
			if why = append(why, reasonOf(err)); isThrottled(err) {
				continue
			} else if err != nil {
				return err
			}
			if size += itemSize(it); size > maxTransactBytes {
				return errTransactSize()
			}
			consumed.add(used.told(consumed.asked, f.table))
			if it != nil {
				out[i].Item = f.proj.Of(it)
			}
		}
		return why.cancel()
	})
	return out, asReads(consumed.list), err
}

func (s *Service) accessTransactWrite(c *wire.Call, in *dynamodb.TransactWriteItemsInput) ([]wire.Access, error) {
	var writes []*mutation
	var wanted []wire.Access
	for i := range in.TransactItems {
		m, action, err := s.planTransactItem(c, &in.TransactItems[i])
		if err != nil {
			return nil, err
		}
		m.needOld, m.sizes = wants(in.ReturnConsumedCapacity), sized(in.ReturnItemCollectionMetrics)
		writes = append(writes, m)
		k := enclosed(m.transactKeys(in.ReturnConsumedCapacity), "TransactWriteItems")
		wanted = append(wanted, m.table.want("dynamodb:"+action, tableARN(scope(c), m.name), k))
	}
	keep(c, writes)
	return wanted, nil
}

func (m *mutation) transactKeys(consumed wire.Opt[string]) policy.Keys {
	k := itemKeys([]string{m.table.leading(m.key)}, m.touched(), consumed)
	k[keyReturn] = returned(wire.Opt[string]{}, m.onFailure)
	return k
}

// planTransactItem makes a mutation of one action, by way of the operation it is like.
func (s *Service) planTransactItem(c *wire.Call, a *dynamodb.TransactWriteItem) (m *mutation, action string, err error) {
	given := 0
	for _, set := range []bool{a.Put != nil, a.Update != nil, a.Delete != nil, a.ConditionCheck != nil} {
		if set {
			given++
		}
	}
	if given != 1 {
		return nil, "", validation("TransactItems can only contain one of Check, Put, Update or Delete")
	}
	switch {
	case a.Put != nil:
		p := a.Put
		m, err = s.planPut(c, &dynamodb.PutItemInput{TableName: p.TableName, Item: p.Item, ConditionExpression: p.ConditionExpression, ExpressionAttributeNames: p.ExpressionAttributeNames, ExpressionAttributeValues: p.ExpressionAttributeValues, ReturnValuesOnConditionCheckFailure: p.ReturnValuesOnConditionCheckFailure})
		return m, "PutItem", err
	case a.Update != nil:
		u := a.Update
		m, err = s.planUpdate(c, &dynamodb.UpdateItemInput{TableName: u.TableName, Key: u.Key, UpdateExpression: u.UpdateExpression, ConditionExpression: u.ConditionExpression, ExpressionAttributeNames: u.ExpressionAttributeNames, ExpressionAttributeValues: u.ExpressionAttributeValues, ReturnValuesOnConditionCheckFailure: u.ReturnValuesOnConditionCheckFailure})
		return m, "UpdateItem", err
	case a.Delete != nil:
		d := a.Delete
		m, err = s.planDelete(c, &dynamodb.DeleteItemInput{TableName: d.TableName, Key: d.Key, ConditionExpression: d.ConditionExpression, ExpressionAttributeNames: d.ExpressionAttributeNames, ExpressionAttributeValues: d.ExpressionAttributeValues, ReturnValuesOnConditionCheckFailure: d.ReturnValuesOnConditionCheckFailure})
		return m, "DeleteItem", err
	}
	k := a.ConditionCheck
	m, err = s.planDelete(c, &dynamodb.DeleteItemInput{TableName: k.TableName, Key: k.Key, ConditionExpression: k.ConditionExpression, ExpressionAttributeNames: k.ExpressionAttributeNames, ExpressionAttributeValues: k.ExpressionAttributeValues, ReturnValuesOnConditionCheckFailure: k.ReturnValuesOnConditionCheckFailure})
	if err == nil {
		m.verb = verbCheck
	}
	return m, "ConditionCheckItem", err
}

func (s *Service) transactWrite(c *wire.Call, in *dynamodb.TransactWriteItemsInput) (*dynamodb.TransactWriteItemsOutput, error) {
	writes, err := kept[[]*mutation](c)
	if err != nil {
		return nil, err
	}
	done, err := s.commit(c, writes, stampOf(c, in.ClientRequestToken, digestible(in)), in.ReturnConsumedCapacity)
	if err != nil {
		return nil, err
	}
	return &dynamodb.TransactWriteItemsOutput{ConsumedCapacity: done.list, ItemCollectionMetrics: done.sizes}, nil
}

// commit does all writes or none, once for each stamp: what was done before is only read again, as its price tells.
func (s *Service) commit(c *wire.Call, writes []*mutation, stamp *stamp, asked wire.Opt[string]) (consumed tally, err error) {
	var said func([]dynamodb.ConsumedCapacity) []dynamodb.ConsumedCapacity
	g := s.writing(c, 2)
	defer g.done()
	var of []*table
	for _, m := range writes {
		of = append(of, m.table)
	}
	if err := g.fill(c, of...); err != nil {
		return consumed, err
	}
	err = s.db.Update(c, func(tx *kv.Tx) error {
		consumed = tally{asked: asked}
		g.again()
		done, err := stamp.spent(tx)
		if err != nil {
			return err
		}
		if done {
			said = asReads
			return s.readBack(tx, c, writes, &consumed)
		}
		said = asWrites
		if err := s.runAll(tx, c, writes, g, &consumed); err != nil {
			return err
		}
		return stamp.spend(tx)
	})
	if slow := (interface{ Temporary() bool })(nil); errors.Is(err, kv.ErrLimit) && !errors.As(err, &slow) {
		err = wire.Because(errTransactSize(), "%v", err) // with what goes into the indexes and the log
	}
	if err == nil {
		said(consumed.list)
	}
	return consumed, err
}

// readBack counts what reading the items of a transaction consumes.
func (s *Service) readBack(tx *kv.Tx, c *wire.Call, writes []*mutation, consumed *tally) error {
	for _, m := range writes {
		t, err := s.again(tx, c, m.name, m.table)
		if err != nil {
			return err
		}
		if err := m.check(t); err != nil {
			return err
		}
		it, err := read(tx, t.itemKey(m.key))
		if err != nil {
			return err
		}
		consumed.add(readCapacity(consumed.asked, t, nil, 2*readUnits(it, true)))
	}
	return nil
}

// runAll runs every action. When one cannot be done, all reasons are told, each in its place, and nothing is kept.
func (s *Service) runAll(tx *kv.Tx, c *wire.Call, writes []*mutation, g *gate, consumed *tally) error {
	tables := make([]*table, len(writes))
	seen := map[string]bool{}
	size := 0
	for i, m := range writes {
		t, err := s.again(tx, c, m.name, m.table)
		if err != nil {
			return err
		}
		tables[i] = t
		if err := m.check(t); upFront(err) {
			return err
		} else if err != nil {
			continue // the action's own reason, told when it is run
		}
		row := string(t.itemKey(m.key))
		if seen[row] {
			return validation("Transaction request cannot include multiple operations on one item")
		}
		seen[row] = true
	}
	var why cancelling
	for i, m := range writes {
		before := g.holds
		o, err := m.run(tx, tables[i], g)
		if err == nil || m.onFailure.V != "ALL_OLD" {
			g.holds = before // nothing of it stays
		}
		if why = append(why, reasonOf(err)); err != nil {
			if why[i].Code.V == "" {
				return err
			}
			continue
		}
		if size += max(o.newSize, m.size, o.logged()); size > maxTransactBytes {
			return errTransactSize()
		}
		consumed.add(writeCapacity(consumed.asked, 2, o))
		consumed.measured(m.name, o.sizes)
	}
	return why.cancel()
}

// upFront tells whether AWS refuses the whole request for it, rather than cancel the transaction: empty keys, and puts that
// are too large.
func upFront(err error) bool {
	if err == nil {
		return false
	}
	text := messageOf(err)
	return strings.HasPrefix(text, "One or more parameter values are not valid.") || text == itemTooLarge
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

// digestible is a request as bytes, for telling whether two are the same.
func digestible(in *dynamodb.TransactWriteItemsInput) []byte {
	var b []byte
	field := func(s string) { b = appendText(b, s) }
	maps := func(names map[string]string, values item.Item) {
		for _, k := range keysOf(names) {
			field(k)
			field(names[k])
		}
		b = appendMap(b, values)
	}
	for _, a := range in.TransactItems {
		switch {
		case a.Put != nil:
			field("put" + a.Put.TableName.V)
			b = appendMap(b, a.Put.Item)
			field(a.Put.ConditionExpression.V)
			maps(a.Put.ExpressionAttributeNames, a.Put.ExpressionAttributeValues)
		case a.Update != nil:
			field("update" + a.Update.TableName.V)
			b = appendMap(b, a.Update.Key)
			field(a.Update.UpdateExpression.V)
			field(a.Update.ConditionExpression.V)
			maps(a.Update.ExpressionAttributeNames, a.Update.ExpressionAttributeValues)
		case a.Delete != nil:
			field("delete" + a.Delete.TableName.V)
			b = appendMap(b, a.Delete.Key)
			field(a.Delete.ConditionExpression.V)
			maps(a.Delete.ExpressionAttributeNames, a.Delete.ExpressionAttributeValues)
		case a.ConditionCheck != nil:
			field("check" + a.ConditionCheck.TableName.V)
			b = appendMap(b, a.ConditionCheck.Key)
			field(a.ConditionCheck.ConditionExpression.V)
			maps(a.ConditionCheck.ExpressionAttributeNames, a.ConditionCheck.ExpressionAttributeValues)
		}
	}
	return b
}
