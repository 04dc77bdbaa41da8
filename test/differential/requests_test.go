package differential

// request is an operation and its input.
type request struct {
	op string
	in object
	// unordered results have no order that both must keep
	unordered bool
	keys      []place // that it may write
}

// place is where an item may be.
type place struct {
	table string
	key   object
}

// at is the place of an item, or of its key.
func (s schema) at(it object) place {
	k := object{s.hash: it[s.hash]}
	if s.sort != "" {
		k[s.sort] = it[s.sort]
	}
	return place{s.name, k}
}

// next makes a request.
func (m *maker) next() request {
	s := m.table()
	r := pick(m, m.putItem, m.putItem, m.getItem, m.updateItem, m.updateItem, m.updateItem, m.deleteItem, m.query, m.query, m.scan, m.batchWrite, m.batchGet)(s)
	if m.rarely() && r.in["TableName"] != nil {
		r.in["TableName"] = pick[any](m, "absent", "x", "bad name", "")
	}
	return r
}

func (m *maker) returns(in object, allowed ...string) {
	if m.IntN(2) == 0 {
		in["ReturnValues"] = pick(m, allowed...)
	}
	if m.rarely() {
		in["ReturnValues"] = pick(m, "ALL_NEW", "UPDATED_OLD", "SOME", "NONE")
	}
	if m.IntN(6) == 0 {
		in["ReturnConsumedCapacity"] = pick(m, "TOTAL", "INDEXES", "NONE", "ALL")
	}
}

func (m *maker) putItem(s schema) request {
	in := object{"TableName": s.name, "Item": m.item(s)}
	m.returns(in, "NONE", "ALL_OLD")
	m.conditional(s, in)
	return request{op: "PutItem", in: in, keys: []place{s.at(in["Item"].(object))}}
}

// conditional adds a condition, of the new kind or the old.
func (m *maker) conditional(s schema, in object) {
	e := m.expressions(s)
	switch m.IntN(6) {
	case 0, 1:
		in["ConditionExpression"] = e.condition(2)
		e.into(in)
	case 2:
		in["Expected"] = m.expected()
		if m.IntN(4) == 0 {
			in["ConditionalOperator"] = pick(m, "AND", "OR", "XOR")
		}
	}
}

func (m *maker) expected() object {
	ex := object{}
	for range 1 + m.IntN(2) {
		switch m.IntN(3) {
		case 0:
			ex[pick(m, names...)] = object{"Exists": false}
		case 1:
			ex[pick(m, names...)] = object{"Value": m.value(1)}
		case 2:
			ex[pick(m, names...)] = m.comparison()
		}
	}
	return ex
}

// comparison is a legacy condition.
func (m *maker) comparison() object {
	op := pick(m, "EQ", "NE", "LE", "LT", "GE", "GT", "NOT_NULL", "NULL", "CONTAINS", "NOT_CONTAINS", "BEGINS_WITH", "IN", "BETWEEN")
	n := map[string]int{"NOT_NULL": 0, "NULL": 0, "BETWEEN": 2, "IN": 1 + m.IntN(3)}
	count, ok := n[op]
	if !ok {
		count = 1
	}
	if m.rarely() {
		count = m.IntN(4)
	}
	list := []object{}
	for range count {
		list = append(list, m.value(1))
	}
	c := object{"ComparisonOperator": op}
	if len(list) > 0 || m.rarely() {
		c["AttributeValueList"] = list
	}
	return c
}

func (m *maker) getItem(s schema) request {
	in := object{"TableName": s.name, "Key": m.key(s)}
	m.projected(s, in)
	if m.IntN(4) == 0 {
		in["ConsistentRead"] = true
	}
	if m.IntN(6) == 0 {
		in["ReturnConsumedCapacity"] = pick(m, "TOTAL", "INDEXES", "NONE")
	}
	return request{op: "GetItem", in: in}
}

func (m *maker) projected(s schema, in object) {
	e := m.expressions(s)
	switch m.IntN(5) {
	case 0, 1:
		in["ProjectionExpression"] = e.projection()
		e.into(in)
	case 2:
		in["AttributesToGet"] = pick(m, []string{"a"}, []string{"a", "b"}, []string{"a", "a"}, []string{"p", "zz"}, []string{})
	}
}

func (m *maker) updateItem(s schema) request {
	in := object{"TableName": s.name, "Key": m.key(s)}
	r := request{op: "UpdateItem", in: in, keys: []place{s.at(in["Key"].(object))}}
	m.returns(in, "NONE", "ALL_OLD", "ALL_NEW", "UPDATED_OLD", "UPDATED_NEW")
	if m.IntN(5) == 0 {
		in["AttributeUpdates"] = m.attributeUpdates()
		if m.IntN(3) == 0 {
			in["Expected"] = m.expected()
		}
		return r
	}
	e := m.expressions(s)
	if u := e.update(); u != "" || m.rarely() {
		in["UpdateExpression"] = u
	}
	if m.IntN(3) == 0 {
		in["ConditionExpression"] = e.condition(1)
	}
	e.into(in)
	return r
}

func (m *maker) attributeUpdates() object {
	updates := object{}
	for range 1 + m.IntN(3) {
		u := object{}
		if m.IntN(4) > 0 {
			u["Action"] = pick(m, "PUT", "ADD", "DELETE")
		}
		if m.IntN(4) > 0 || u["Action"] != "DELETE" {
			u["Value"] = m.value(1)
		}
		if m.rarely() {
			delete(u, "Value")
		}
		updates[pick(m, names...)] = u
	}
	return updates
}

func (m *maker) deleteItem(s schema) request {
	in := object{"TableName": s.name, "Key": m.key(s)}
	m.returns(in, "NONE", "ALL_OLD")
	m.conditional(s, in)
	return request{op: "DeleteItem", in: in, keys: []place{s.at(in["Key"].(object))}}
}

func (m *maker) query(s schema) request {
	in := object{"TableName": s.name}
	hash, hashType, sort, sortType, unordered := s.hash, s.hashType, s.sort, s.sortType, false
	if len(s.indexes) > 0 && m.IntN(2) == 0 {
		ix := pick(m, s.indexes...)
		in["IndexName"] = ix.name
		hash, hashType, sort, sortType, unordered = ix.hash, ix.hashType, ix.sort, ix.sortType, true // equal index keys have no order
	}
	if m.rarely() {
		in["IndexName"] = pick(m, "absent", "x", "global")
	}
	e := m.expressions(s)
	if m.IntN(6) == 0 {
		in["KeyConditions"] = m.keyConditions(hash, hashType, sort, sortType)
		if m.IntN(3) == 0 {
			in["QueryFilter"] = object{pick(m, names...): m.comparison()}
		}
	} else {
		in["KeyConditionExpression"] = e.keyCondition(hash, hashType, sort, sortType)
		if m.IntN(3) == 0 {
			in["FilterExpression"] = e.condition(1)
		}
	}
	if m.IntN(4) == 0 {
		in["ProjectionExpression"] = e.projection()
	}
	e.into(in)
	if m.IntN(3) == 0 {
		in["ScanIndexForward"] = m.IntN(2) == 0
	}
	if m.IntN(6) == 0 {
		in["Select"] = pick(m, "ALL_ATTRIBUTES", "ALL_PROJECTED_ATTRIBUTES", "SPECIFIC_ATTRIBUTES", "COUNT")
	}
	if m.IntN(6) == 0 {
		in["ConsistentRead"] = true
	}
	if !unordered && m.IntN(4) == 0 {
		in["Limit"] = pick(m, 1, 2, 3, 100, 0)
		if m.IntN(3) == 0 {
			in["ExclusiveStartKey"] = m.key(s)
		}
	}
	return request{op: "Query", in: in, unordered: unordered}
}

func (e *expressions) keyCondition(hash, hashType, sort, sortType string) string {
	c := e.name(hash) + " = " + e.bind(e.scalar(hashType))
	if e.rarely() {
		c = pick(e.maker, e.name(hash)+" > "+e.bind(e.scalar(hashType)), e.condition(1), e.name(hash)+" = "+e.bind(e.value(0)), "")
	}
	if sort == "" && !e.rarely() || e.IntN(3) == 0 {
		return c
	}
	if sort == "" {
		sort, sortType = "a", "S"
	}
	n, v := e.name(sort), func() string { return e.bind(e.scalar(sortType)) }
	switch e.IntN(4) {
	case 0:
		return c + " AND " + n + " BETWEEN " + v() + " AND " + v()
	case 1:
		if sortType != "N" || e.rarely() {
			return c + " AND begins_with(" + n + ", " + v() + ")"
		}
	case 2:
		return n + " " + pick(e.maker, "=", "<", "<=", ">", ">=") + " " + v() + " AND " + c
	}
	return c + " AND " + n + " " + pick(e.maker, "=", "<", "<=", ">", ">=") + " " + v()
}

func (m *maker) keyConditions(hash, hashType, sort, sortType string) object {
	one := func(op string, values ...object) object {
		return object{"ComparisonOperator": op, "AttributeValueList": values}
	}
	c := object{hash: one("EQ", m.scalar(hashType))}
	if sort != "" && m.IntN(2) == 0 {
		c[sort] = pick(m, one("LT", m.scalar(sortType)), one("GE", m.scalar(sortType)), one("BETWEEN", m.scalar(sortType), m.scalar(sortType)), one("EQ", m.scalar(sortType)))
	}
	if m.rarely() {
		c[pick(m, names...)] = m.comparison()
	}
	return c
}

func (m *maker) scan(s schema) request {
	in := object{"TableName": s.name}
	if len(s.indexes) > 0 && m.IntN(3) == 0 {
		in["IndexName"] = pick(m, s.indexes...).name
	}
	e := m.expressions(s)
	if m.IntN(2) == 0 {
		in["FilterExpression"] = e.condition(2)
	} else if m.IntN(4) == 0 {
		in["ScanFilter"] = object{pick(m, names...): m.comparison()}
	}
	if m.IntN(4) == 0 && in["ScanFilter"] == nil {
		in["ProjectionExpression"] = e.projection()
	}
	e.into(in)
	if m.IntN(6) == 0 {
		in["Select"] = pick(m, "ALL_ATTRIBUTES", "ALL_PROJECTED_ATTRIBUTES", "SPECIFIC_ATTRIBUTES", "COUNT")
	}
	if m.rarely() {
		in["Segment"] = pick(m, 0, 1, 5)
	}
	if m.rarely() {
		in["TotalSegments"] = pick(m, 0, 1, 2_000_000)
	}
	return request{op: "Scan", in: in, unordered: true}
}

func (m *maker) batchWrite(schema) request {
	items := object{}
	r := request{op: "BatchWriteItem", in: object{"RequestItems": items}}
	for range 1 + m.IntN(2) {
		s := m.table()
		list := []object{}
		for range 1 + m.IntN(3) {
			if m.IntN(3) == 0 {
				key := m.key(s)
				list = append(list, object{"DeleteRequest": object{"Key": key}})
				r.keys = append(r.keys, s.at(key))
			} else {
				it := m.item(s)
				list = append(list, object{"PutRequest": object{"Item": it}})
				r.keys = append(r.keys, s.at(it))
			}
		}
		if m.rarely() {
			it, key := m.item(s), m.key(s)
			list = append(list, pick(m, object{}, object{"PutRequest": object{"Item": it}, "DeleteRequest": object{"Key": key}}))
			r.keys = append(r.keys, s.at(it), s.at(key))
		}
		items[s.name] = list
	}
	return r
}

func (m *maker) batchGet(schema) request {
	items := object{}
	for range 1 + m.IntN(2) {
		s := m.table()
		keys := []object{}
		for range 1 + m.IntN(3) {
			keys = append(keys, m.key(s))
		}
		t := object{"Keys": keys}
		m.projected(s, t)
		items[s.name] = t
	}
	return request{op: "BatchGetItem", in: object{"RequestItems": items}, unordered: true}
}
