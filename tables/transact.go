package tables

import (
	"errors"
	"fmt"

	"bothy/api/dynamodb"
	"bothy/kv"
	"bothy/policy"
	"bothy/wire"
)

// maxTransactBytes bounds the items of one transaction.
const maxTransactBytes = 4 << 20

func errTransactSize() error {
	return validation("Aggregated size of the items in the transaction has exceeded the maximum allowed size of 4 MB")
}

func (s *Service) accessTransactGet(c *wire.Call, in *dynamodb.TransactGetItemsInput) ([]wire.Access, error) {
	var gets []*fetch
	var wants []wire.Access
	pl := s.planning(c)
	for i := range in.TransactItems {
		if err := checkName(c, in.TransactItems[i].Get.TableName, i, "get"); err != nil {
			return nil, err
		}
	}
	for i := range in.TransactItems {
		g := in.TransactItems[i].Get
		f, err := pl.planGet(&dynamodb.GetItemInput{TableName: g.TableName, Key: g.Key, ProjectionExpression: g.ProjectionExpression, ExpressionAttributeNames: g.ExpressionAttributeNames})
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
		places, err := fit(s, tx, c, gets)
		if err != nil {
			return err
		}
		size, why := 0, cancelling{}
		for i, f := range gets {
			f.consistent = true
			it, used, err := f.from(tx, places[i].table, g)
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
	pl := s.planning(c)
	for i := range in.TransactItems {
		if err := checkNames(c, &in.TransactItems[i], i); err != nil {
			return nil, err
		}
	}
	for i := range in.TransactItems {
		m, action, err := pl.planTransactItem(&in.TransactItems[i])
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

// checkNames checks the names of an action's tables; that goes before what is in other actions.
func checkNames(c *wire.Call, a *dynamodb.TransactWriteItem, i int) (err error) {
	if a.Put != nil {
		err = checkName(c, a.Put.TableName, i, "put")
	}
	if a.Update != nil && err == nil {
		err = checkName(c, a.Update.TableName, i, "update")
	}
	if a.Delete != nil && err == nil {
		err = checkName(c, a.Delete.TableName, i, "delete")
	}
	if a.ConditionCheck != nil && err == nil {
		err = checkName(c, a.ConditionCheck.TableName, i, "conditionCheck")
	}
	return err
}

func checkName(c *wire.Call, name wire.Opt[string], i int, action string) error {
	_, err := tableName(c, name.V)
	if err != nil {
		_, err = tableNameAt(c, name.V, fmt.Sprintf("transactItems.%d.member.%s.tableName", i+1, action))
	}
	return err
}

func (m *mutation) transactKeys(consumed wire.Opt[string]) policy.Keys {
	k := itemKeys([]string{m.table.leading(m.key)}, m.touched(), consumed)
	k[keyReturn] = returned(wire.Opt[string]{}, m.onFailure)
	return k
}

// planTransactItem makes a mutation of one action, by way of the operation it is like.
func (pl *planning) planTransactItem(a *dynamodb.TransactWriteItem) (m *mutation, action string, err error) {
	given := 0
	for _, set := range []bool{a.Put != nil, a.Update != nil, a.Delete != nil, a.ConditionCheck != nil} {
		if set {
			given++
		}
	}
	switch given {
	case 0:
		return nil, "", validation("Invalid Request: TransactWriteRequest should contain Delete or Put or Update request")
	case 1:
	default:
		return nil, "", validation("TransactItems can only contain one of Check, Put, Update or Delete")
	}
	switch {
	case a.Put != nil:
		w := a.Put
		m, err = pl.planPut(&dynamodb.PutItemInput{TableName: w.TableName, Item: w.Item, ConditionExpression: w.ConditionExpression, ExpressionAttributeNames: w.ExpressionAttributeNames, ExpressionAttributeValues: w.ExpressionAttributeValues, ReturnValuesOnConditionCheckFailure: w.ReturnValuesOnConditionCheckFailure})
		return m, "PutItem", err
	case a.Update != nil:
		u := a.Update
		m, err = pl.planUpdate(&dynamodb.UpdateItemInput{TableName: u.TableName, Key: u.Key, UpdateExpression: u.UpdateExpression, ConditionExpression: u.ConditionExpression, ExpressionAttributeNames: u.ExpressionAttributeNames, ExpressionAttributeValues: u.ExpressionAttributeValues, ReturnValuesOnConditionCheckFailure: u.ReturnValuesOnConditionCheckFailure})
		return m, "UpdateItem", err
	case a.Delete != nil:
		d := a.Delete
		m, err = pl.planDelete(&dynamodb.DeleteItemInput{TableName: d.TableName, Key: d.Key, ConditionExpression: d.ConditionExpression, ExpressionAttributeNames: d.ExpressionAttributeNames, ExpressionAttributeValues: d.ExpressionAttributeValues, ReturnValuesOnConditionCheckFailure: d.ReturnValuesOnConditionCheckFailure})
		return m, "DeleteItem", err
	}
	k := a.ConditionCheck
	m, err = pl.planDelete(&dynamodb.DeleteItemInput{TableName: k.TableName, Key: k.Key, ConditionExpression: k.ConditionExpression, ExpressionAttributeNames: k.ExpressionAttributeNames, ExpressionAttributeValues: k.ExpressionAttributeValues, ReturnValuesOnConditionCheckFailure: k.ReturnValuesOnConditionCheckFailure})
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
	done, err := s.commit(c, writes, stampOf(c, in.ClientRequestToken, func() []byte { return digestible(in) }), in.ReturnConsumedCapacity)
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
	var r reading
	for _, m := range writes {
		t, err := r.again(s, tx, c, m.name, m.table)
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
	places, err := fit(s, tx, c, writes)
	if err != nil {
		return err
	}
	size, why := 0, make(cancelling, 0, len(writes))
	for i, m := range writes {
		before := g.holds
		o, err := m.do(tx, places[i].table, places[i].row, g)
		if err == nil || m.onFailure.V != "ALL_OLD" {
			g.holds = before // nothing of it stays
		}
		if why = append(why, reasonOf(err)); err != nil {
			if why[i].Code.V == "" || upFront(err) {
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
