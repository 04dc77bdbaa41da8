package tables

import (
	"bothy/api/dynamodb"
	"bothy/tables/expr"
	"bothy/wire"
	"bothy/wire/item"
)

// Shorter names of what the API calls only by their maps.
type (
	valuesMap   = item.Item
	expectedMap = map[string]dynamodb.ExpectedAttributeValue
)

func (s *Service) accessUpdateItem(c *wire.Call, in *dynamodb.UpdateItemInput) ([]wire.Access, error) {
	m, err := s.planning(c).planUpdate(in)
	if err != nil {
		return nil, detected(err)
	}
	m.alone = true
	keep(c, m)
	k := itemKeys([]string{m.table.leading(in.Key)}, m.touched(), in.ReturnConsumedCapacity)
	k[keyReturn] = returned(in.ReturnValues, in.ReturnValuesOnConditionCheckFailure)
	return m.table.one("dynamodb:UpdateItem", tableARN(scope(c), m.name), k), nil
}

// touched are the attributes a mutation names, its key among them.
func (m *mutation) touched() names {
	var n names
	n.item(m.key)
	m.cond.Paths(n.path)
	if m.update != nil {
		m.update.Reads(n.path)
	}
	return n
}

func (pl *planning) planUpdate(in *dynamodb.UpdateItemInput) (*mutation, error) {
	m := &mutation{verb: verbUpdate, key: in.Key, onFailure: in.ReturnValuesOnConditionCheckFailure, sizes: sized(in.ReturnItemCollectionMetrics)}
	var err error
	if m.name, err = tableName(pl.c, in.TableName.V); err != nil {
		return nil, err
	}
	p := parameters{
		names: in.ExpressionAttributeNames, values: in.ExpressionAttributeValues,
		given:  []parameter{text("UpdateExpression", in.UpdateExpression), text("ConditionExpression", in.ConditionExpression)},
		legacy: []parameter{{"AttributeUpdates", in.AttributeUpdates != nil}, text("ConditionalOperator", in.ConditionalOperator), {"Expected", in.Expected != nil}},
	}
	if err = p.exclusive(); err != nil {
		return nil, err
	}
	if _, err = normaliseItem(in.Key); err != nil {
		return nil, err
	}
	if err = m.updateExpressions(in, &p); err != nil {
		return nil, err
	}
	m.table, err = pl.lookup(m.name)
	return m, err
}

func (m *mutation) updateExpressions(in *dynamodb.UpdateItemInput, p *parameters) error {
	env, err := p.env()
	if err != nil {
		return err
	}
	if in.UpdateExpression.Set {
		m.update, err = env.Update(in.UpdateExpression.V)
	} else {
		m.update, err = attributeUpdates(in.AttributeUpdates)
	}
	if err != nil {
		return refuse(err)
	}
	if in.ConditionExpression.Set {
		m.cond, err = condition(env, "ConditionExpression", in.ConditionExpression)
	} else {
		m.cond, err = expected(in.Expected, in.ConditionalOperator)
	}
	if err != nil {
		return err
	}
	return refuse(env.Unused())
}

func attributeUpdates(m map[string]dynamodb.AttributeValueUpdate) (*expr.Update, error) {
	var entries []expr.LegacyUpdate
	for _, name := range keysOf(m) {
		if v := m[name].Value; v != nil {
			if _, text := normalise(v, 0); text != "" {
				return nil, validation("%s", text)
			}
		}
		entries = append(entries, expr.LegacyUpdate{Name: name, Action: m[name].Action.Or("PUT"), Value: m[name].Value})
	}
	return expr.LegacyUpdates(entries)
}

func (s *Service) updateItem(c *wire.Call, in *dynamodb.UpdateItemInput) (*dynamodb.UpdateItemOutput, error) {
	m, err := kept[*mutation](c)
	if err != nil {
		return nil, err
	}
	o, err := s.update(c, m)
	if err != nil {
		return nil, err
	}
	out := &dynamodb.UpdateItemOutput{ConsumedCapacity: writeCapacity(in.ReturnConsumedCapacity, 1, o), ItemCollectionMetrics: o.sizes}
	updated := expr.Project(m.update.Paths())
	switch in.ReturnValues.V {
	case "ALL_OLD":
		out.Attributes = o.old
	case "ALL_NEW":
		out.Attributes = o.now
	case "UPDATED_OLD":
		if o.old != nil {
			out.Attributes = someOf(updated.Of(o.old))
		}
	case "UPDATED_NEW":
		out.Attributes = someOf(updated.Of(o.now))
	}
	return out, nil
}

// someOf is nil for an empty item: AWS leaves Attributes out then.
func someOf(it item.Item) item.Item {
	if len(it) == 0 {
		return nil
	}
	return it
}
