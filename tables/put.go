package tables

import (
	"bothy/api/dynamodb"
	"bothy/tables/expr"
	"bothy/wire"
)

func (s *Service) accessPutItem(c *wire.Call, in *dynamodb.PutItemInput) ([]wire.Access, error) {
	m, err := s.planning(c).planPut(in)
	if err != nil {
		return nil, detected(err)
	}
	keep(c, m)
	var touched names
	touched.item(in.Item)
	m.cond.Paths(touched.path)
	k := itemKeys([]string{m.table.leading(in.Item)}, touched, in.ReturnConsumedCapacity)
	k[keyReturn] = returned(in.ReturnValues, in.ReturnValuesOnConditionCheckFailure)
	return m.table.one("dynamodb:PutItem", tableARN(scope(c), m.name), k), nil
}

func (pl *planning) planPut(in *dynamodb.PutItemInput) (*mutation, error) {
	m := &mutation{verb: verbPut, key: in.Item, onFailure: in.ReturnValuesOnConditionCheckFailure, sizes: sized(in.ReturnItemCollectionMetrics)}
	var err error
	if m.name, err = tableName(pl.c, in.TableName.V); err != nil {
		return nil, err
	}
	w := writeCondition{in.ConditionExpression, in.ExpressionAttributeNames, in.ExpressionAttributeValues, in.Expected, in.ConditionalOperator}
	if err = w.exclusive(); err != nil {
		return nil, err
	}
	if m.size, err = normaliseItem(in.Item); err != nil {
		return nil, err
	}
	if m.needOld, err = oldOrNone(in.ReturnValues); err != nil {
		return nil, err
	}
	m.needOld = m.needOld || wants(in.ReturnConsumedCapacity)
	if m.cond, err = w.condition(); err != nil {
		return nil, err
	}
	m.table, err = pl.lookup(m.name)
	return m, err
}

// writeCondition is what PutItem and DeleteItem take a condition from.
type writeCondition struct {
	text     wire.Opt[string]
	names    map[string]string
	values   valuesMap
	legacy   expectedMap
	operator wire.Opt[string]
}

func (w *writeCondition) none() bool {
	return !w.text.Set && w.names == nil && w.values == nil && w.legacy == nil && !w.operator.Set
}

func (w *writeCondition) parameters() parameters {
	return parameters{
		names: w.names, values: w.values,
		given:  []parameter{{"ConditionExpression", w.text.Set}},
		legacy: []parameter{{"ConditionalOperator", w.operator.Set}, {"Expected", w.legacy != nil}},
	}
}

func (w *writeCondition) exclusive() error {
	if w.none() {
		return nil
	}
	p := w.parameters()
	return p.exclusive()
}

// condition is the condition, nil when there is none.
func (w *writeCondition) condition() (*expr.Condition, error) {
	if w.none() {
		return nil, nil
	}
	if !w.text.Set {
		return expected(w.legacy, w.operator)
	}
	p := w.parameters()
	env, err := p.env()
	if err != nil {
		return nil, err
	}
	cond, err := condition(env, "ConditionExpression", w.text)
	if err != nil {
		return nil, err
	}
	return cond, refuse(env.Unused())
}

// oldOrNone reads ReturnValues of PutItem and DeleteItem.
func oldOrNone(values wire.Opt[string]) (old bool, err error) {
	switch values.Or("NONE") {
	case "NONE":
		return false, nil
	case "ALL_OLD":
		return true, nil
	}
	return false, validation("ReturnValues can only be ALL_OLD or NONE")
}

func (s *Service) putItem(c *wire.Call, in *dynamodb.PutItemInput) (*dynamodb.PutItemOutput, error) {
	m, err := kept[*mutation](c)
	if err != nil {
		return nil, err
	}
	o, err := s.update(c, m)
	if err != nil {
		return nil, err
	}
	out := &dynamodb.PutItemOutput{ConsumedCapacity: writeCapacity(in.ReturnConsumedCapacity, 1, o), ItemCollectionMetrics: o.sizes}
	if in.ReturnValues.V == "ALL_OLD" {
		out.Attributes = o.old
	}
	return out, nil
}

func (s *Service) accessDeleteItem(c *wire.Call, in *dynamodb.DeleteItemInput) ([]wire.Access, error) {
	m, err := s.planning(c).planDelete(in)
	if err != nil {
		return nil, detected(err)
	}
	keep(c, m)
	var touched names
	touched.item(in.Key)
	m.cond.Paths(touched.path)
	k := itemKeys([]string{m.table.leading(in.Key)}, touched, in.ReturnConsumedCapacity)
	k[keyReturn] = returned(in.ReturnValues, in.ReturnValuesOnConditionCheckFailure)
	return m.table.one("dynamodb:DeleteItem", tableARN(scope(c), m.name), k), nil
}

func (pl *planning) planDelete(in *dynamodb.DeleteItemInput) (*mutation, error) {
	m := &mutation{verb: verbDelete, key: in.Key, onFailure: in.ReturnValuesOnConditionCheckFailure, sizes: sized(in.ReturnItemCollectionMetrics)}
	var err error
	if m.name, err = tableName(pl.c, in.TableName.V); err != nil {
		return nil, err
	}
	w := writeCondition{in.ConditionExpression, in.ExpressionAttributeNames, in.ExpressionAttributeValues, in.Expected, in.ConditionalOperator}
	if err = w.exclusive(); err != nil {
		return nil, err
	}
	if _, err = normaliseItem(in.Key); err != nil {
		return nil, err
	}
	if m.needOld, err = oldOrNone(in.ReturnValues); err != nil {
		return nil, err
	}
	m.needOld = m.needOld || wants(in.ReturnConsumedCapacity)
	if m.cond, err = w.condition(); err != nil {
		return nil, err
	}
	m.table, err = pl.lookup(m.name)
	return m, err
}

func (s *Service) deleteItem(c *wire.Call, in *dynamodb.DeleteItemInput) (*dynamodb.DeleteItemOutput, error) {
	m, err := kept[*mutation](c)
	if err != nil {
		return nil, err
	}
	o, err := s.update(c, m)
	if err != nil {
		return nil, err
	}
	out := &dynamodb.DeleteItemOutput{ConsumedCapacity: writeCapacity(in.ReturnConsumedCapacity, 1, o), ItemCollectionMetrics: o.sizes}
	if in.ReturnValues.V == "ALL_OLD" {
		out.Attributes = o.old
	}
	return out, nil
}
