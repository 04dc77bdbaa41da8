package tables

import (
	"bothy/api/dynamodb"
	"bothy/tables/expr"
	"bothy/wire"
)

func (s *Service) accessPutItem(c *wire.Call, in *dynamodb.PutItemInput) ([]wire.Access, error) {
	m, err := s.planPut(c, in)
	if err != nil {
		return nil, err
	}
	keep(c, m)
	var touched names
	touched.item(in.Item)
	m.cond.Paths(touched.path)
	k := itemKeys([]string{m.table.leading(in.Item)}, touched, in.ReturnConsumedCapacity)
	k[keyReturn] = returned(in.ReturnValues, in.ReturnValuesOnConditionCheckFailure)
	return m.table.one("dynamodb:PutItem", tableARN(scope(c), m.name), k), nil
}

func (s *Service) planPut(c *wire.Call, in *dynamodb.PutItemInput) (*mutation, error) {
	m := &mutation{verb: verbPut, key: in.Item, onFailure: in.ReturnValuesOnConditionCheckFailure, sizes: sized(in.ReturnItemCollectionMetrics)}
	var err error
	if m.name, err = tableName(c, in.TableName.V); err != nil {
		return nil, err
	}
	if m.cond, err = writeCondition(in.ConditionExpression, in.ExpressionAttributeNames, in.ExpressionAttributeValues, in.Expected, in.ConditionalOperator); err != nil {
		return nil, err
	}
	if m.needOld, err = oldOrNone(in.ReturnValues); err != nil {
		return nil, err
	}
	if in.ReturnConsumedCapacity.Set && in.ReturnConsumedCapacity.V != "NONE" {
		m.needOld = true
	}
	if m.size, err = normaliseItem(in.Item); err != nil {
		return nil, err
	}
	m.table, err = s.lookup(c, m.name)
	return m, err
}

// writeCondition is the condition of PutItem and DeleteItem.
func writeCondition(text wire.Opt[string], names map[string]string, values valuesMap, legacy expectedMap, operator wire.Opt[string]) (*expr.Condition, error) {
	if !text.Set && names == nil && values == nil && legacy == nil && !operator.Set {
		return nil, nil
	}
	p := parameters{
		names: names, values: values,
		given:  []parameter{{"ConditionExpression", text.Set}},
		legacy: []parameter{{"ConditionalOperator", operator.Set}, {"Expected", legacy != nil}},
	}
	env, err := p.env()
	if err != nil {
		return nil, err
	}
	if !text.Set {
		return expected(legacy, operator)
	}
	cond, err := condition(env, "ConditionExpression", text)
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
	m, err := s.planDelete(c, in)
	if err != nil {
		return nil, err
	}
	keep(c, m)
	var touched names
	touched.item(in.Key)
	m.cond.Paths(touched.path)
	k := itemKeys([]string{m.table.leading(in.Key)}, touched, in.ReturnConsumedCapacity)
	k[keyReturn] = returned(in.ReturnValues, in.ReturnValuesOnConditionCheckFailure)
	return m.table.one("dynamodb:DeleteItem", tableARN(scope(c), m.name), k), nil
}

func (s *Service) planDelete(c *wire.Call, in *dynamodb.DeleteItemInput) (*mutation, error) {
	m := &mutation{verb: verbDelete, key: in.Key, onFailure: in.ReturnValuesOnConditionCheckFailure, sizes: sized(in.ReturnItemCollectionMetrics)}
	var err error
	if m.name, err = tableName(c, in.TableName.V); err != nil {
		return nil, err
	}
	if m.cond, err = writeCondition(in.ConditionExpression, in.ExpressionAttributeNames, in.ExpressionAttributeValues, in.Expected, in.ConditionalOperator); err != nil {
		return nil, err
	}
	if m.needOld, err = oldOrNone(in.ReturnValues); err != nil {
		return nil, err
	}
	if in.ReturnConsumedCapacity.Set && in.ReturnConsumedCapacity.V != "NONE" {
		m.needOld = true
	}
	if _, err = normaliseItem(in.Key); err != nil {
		return nil, err
	}
	m.table, err = s.lookup(c, m.name)
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
