package intrusion

import "strings"

// form is a way to ask for a row or for an attribute. In its body stand T for the table, WHO and NOTE for the target's key, KEY for
// both, MINE for the key of a row of the asker's own, FIELD for the attribute, LSI for the index whose sort key that is.
type form struct {
	op, body string
	wide     bool // reaches all partitions, whoever asks
	whole    bool // shows whole items, whichever attribute it names
	through  bool // goes through all partitions, though it asks for one
}

// aim is what a form asks for.
type aim struct{ table, who, note, mine, attr string }

// fill puts the aim into a text.
func (a aim) fill(text string) string {
	return strings.NewReplacer("KEY", `{"who":{"S":"`+a.who+`"},"note":{"S":"`+a.note+`"}}`, "MINE", `{"who":{"S":"`+a.mine+`"},"note":{"S":"mine"}}`,
		"WHO", a.who, "NOTE", a.note, "FIELD", a.attr, "LSI", "By-"+a.attr, "T!", a.table).Replace(text)
}

// names tells whether the form names the attribute.
func (f form) names() bool {
	return strings.Contains(f.body, "FIELD") || strings.Contains(f.body, "LSI")
}

// tableForms are the ways there are: one by one, in batches, in transactions, with expressions and with what was before them, in
// PartiQL.
func tableForms() (all []form) {
	each := func(op string, wide, whole bool, bodies ...string) {
		for _, b := range bodies {
			all = append(all, form{op: op, body: `{"TableName":"T!",` + b + `}`, wide: wide, whole: whole})
		}
	}
	raw := func(op string, whole bool, bodies ...string) {
		for _, b := range bodies {
			all = append(all, form{op: op, body: b, whole: whole})
		}
	}
	each("GetItem", false, false, `"Key":KEY,"ProjectionExpression":"FIELD"`, `"Key":KEY,"ProjectionExpression":"note,#a","ExpressionAttributeNames":{"#a":"FIELD"}`, `"Key":KEY,"AttributesToGet":["note","FIELD"]`,
		`"Key":KEY,"ProjectionExpression":"FIELD.x"`, `"Key":KEY,"ProjectionExpression":"FIELD[0]"`, `"Key":KEY,"ProjectionExpression":"FIELD","ConsistentRead":true,"ReturnConsumedCapacity":"INDEXES"`,
		`"Key":{"wh\u006f":{"S":"WHO"},"note":{"S":"NOTE"}},"ProjectionExpression":"FIELD"`, `"Key":MINE,"Key":KEY,"ProjectionExpression":"FIELD"`, `"Key":KEY,"ProjectionExpression":"note","ProjectionExpression":"FIELD"`)
	each("GetItem", false, true, `"Key":KEY`, `"Key":KEY,"ReturnConsumedCapacity":"TOTAL"`, `"Key":{"note":{"S":"NOTE"},"who":{"S":"WHO"}}`)
	raw("BatchGetItem", false, `{"RequestItems":{"T!":{"Keys":[KEY],"ProjectionExpression":"FIELD"}}}`, `{"RequestItems":{"T!":{"Keys":[MINE,KEY],"AttributesToGet":["FIELD"]}}}`,
		`{"RequestItems":{"T!":{"Keys":[KEY,MINE],"ProjectionExpression":"#a","ExpressionAttributeNames":{"#a":"FIELD"}}},"ReturnConsumedCapacity":"TOTAL"}`,
		`{"RequestItems":{"T!":{"Keys":[MINE],"Keys":[KEY],"ProjectionExpression":"FIELD"}}}`)
	raw("BatchGetItem", true, `{"RequestItems":{"T!":{"Keys":[KEY]}}}`, `{"RequestItems":{"T!":{"Keys":[MINE,KEY]}}}`)
	raw("TransactGetItems", false, `{"TransactItems":[{"Get":{"TableName":"T!","Key":KEY,"ProjectionExpression":"FIELD"}}]}`,
		`{"TransactItems":[{"Get":{"TableName":"T!","Key":MINE,"ProjectionExpression":"note"}},{"Get":{"TableName":"T!","Key":KEY,"ProjectionExpression":"FIELD"}}],"ReturnConsumedCapacity":"TOTAL"}`,
		`{"TransactItems":[{"Get":{"TableName":"T!","Key":MINE},"Get":{"TableName":"T!","Key":KEY,"ProjectionExpression":"FIELD"}}]}`)
	raw("TransactGetItems", true, `{"TransactItems":[{"Get":{"TableName":"T!","Key":KEY}}]}`)
	all = append(all, searchForms()...)
	all = append(all, vectorForms()...)
	all = append(all, writeForms()...)
	return append(all, statementForms()...)
}

// conditions are what a filter or a condition may say of an attribute.
var conditions = []string{"FIELD = :v", "FIELD <> :v", "FIELD < :v", ":v > FIELD", "FIELD BETWEEN :v AND :v", ":v BETWEEN FIELD AND :v", "FIELD IN (:v)", ":v IN (FIELD)", "attribute_exists(FIELD)", "NOT attribute_exists(FIELD)",
	"attribute_not_exists(FIELD)", "attribute_type(FIELD, :v)", "begins_with(FIELD, :v)", "begins_with(:v, FIELD)", "contains(FIELD, :v)", "contains(:v, FIELD)", "size(FIELD) > :v", "FIELD.x = :v", "FIELD[0] = :v",
	"attribute_exists(FIELD.x)", "size(FIELD[1]) = :v", "note = :v OR FIELD = :v", "(NOT (FIELD = :v))", "attribute_exists(plain) AND FIELD > :v"}

// value gives :v where a text uses it.
func value(text string) string {
	if !strings.Contains(text, ":v") {
		return ""
	}
	return `,"ExpressionAttributeValues":{":v":{"S":"S"}}`
}

func searchForms() (all []form) {
	const key = `{"TableName":"T!","KeyConditionExpression":"who = :w","ExpressionAttributeValues":{":w":{"S":"WHO"}}`
	query := func(whole bool, bodies ...string) {
		for _, b := range bodies {
			all = append(all, form{op: "Query", body: b, whole: whole})
		}
	}
	query(false, key+`,"ProjectionExpression":"FIELD"}`, key+`,"IndexName":"LSI","ProjectionExpression":"note"}`, key+`,"IndexName":"LSI","ProjectionExpression":"note","Limit":1}`,
		key+`,"IndexName":"LSI","ProjectionExpression":"note","ScanIndexForward":false,"Limit":1}`, key+`,"IndexName":"LSI","ProjectionExpression":"note","ExclusiveStartKey":{"who":{"S":"WHO"},"note":{"S":"NOTE"},"FIELD":{"S":"M"}}}`,
		key+`,"IndexName":"Wide-FIELD","ProjectionExpression":"note","Limit":1}`,
		`{"TableName":"T!","IndexName":"LSI","KeyConditionExpression":"who = :w AND FIELD > :v","ExpressionAttributeValues":{":w":{"S":"WHO"},":v":{"S":"M"}},"ProjectionExpression":"note"}`,
		`{"TableName":"T!","IndexName":"LSI","KeyConditionExpression":"#w = :w AND begins_with(#a, :v)","ExpressionAttributeNames":{"#w":"who","#a":"FIELD"},"ExpressionAttributeValues":{":w":{"S":"WHO"},":v":{"S":"M"}},"ProjectionExpression":"note"}`,
		`{"TableName":"T!","IndexName":"LSI","KeyConditions":{"who":{"ComparisonOperator":"EQ","AttributeValueList":[{"S":"WHO"}]},"FIELD":{"ComparisonOperator":"GT","AttributeValueList":[{"S":"M"}]}},"AttributesToGet":["note"]}`,
		`{"TableName":"T!","KeyConditions":{"who":{"ComparisonOperator":"EQ","AttributeValueList":[{"S":"WHO"}]}},"QueryFilter":{"FIELD":{"ComparisonOperator":"NOT_NULL"}},"AttributesToGet":["note"]}`)
	query(true, key+`}`, key+`,"Select":"COUNT"}`, key+`,"ReturnConsumedCapacity":"INDEXES"}`, key+`,"ConsistentRead":true,"Limit":1}`, key+`,"IndexName":"LSI"}`, key+`,"IndexName":"LSI","Select":"COUNT"}`,
		key+`,"IndexName":"LSI","Select":"ALL_ATTRIBUTES"}`, key+`,"IndexName":"Wide-FIELD","Select":"ALL_PROJECTED_ATTRIBUTES"}`,
		`{"TableName":"T!","KeyConditionExpression":":w = who AND note BETWEEN :v AND :n","ExpressionAttributeValues":{":w":{"S":"WHO"},":v":{"S":"NOTE"},":n":{"S":"NOTE"}}}`)
	filtered := func(c, values string) string {
		return `,"FilterExpression":"` + c + `","ProjectionExpression":"note"` + values + `}`
	}
	for _, c := range conditions[:len(conditions)-4] {
		if strings.Contains(c, ":v") {
			query(false, strings.Replace(key, `}`, `},":v":{"S":"S"}`, 1)+filtered(c, ""))
		} else {
			query(false, key+filtered(c, ""))
		}
	}
	wide := func(body string) {
		all = append(all, form{op: "Scan", body: `{"TableName":"T!"` + body, wide: true, whole: true})
	}
	for _, b := range []string{`}`, `,"Limit":1}`, `,"Select":"COUNT"}`, `,"IndexName":"LSI"}`, `,"IndexName":"Wide-FIELD"}`, `,"TotalSegments":2,"Segment":0}`, `,"ExclusiveStartKey":KEY}`, `,"ExclusiveStartKey":MINE}`,
		`,"ScanFilter":{"who":{"ComparisonOperator":"EQ","AttributeValueList":[{"S":"WHO"}]}}}`, `,"FilterExpression":"who = :v","ExpressionAttributeValues":{":v":{"S":"WHO"}}}`, `,"IndexName":"LSI","ProjectionExpression":"note","Limit":1}`} {
		wide(b)
	}
	return all
}

// vectorForms are SearchVectors: of an index that owners divide, of one that may be asked for an owner, of one that cannot.
func vectorForms() (all []form) {
	add := func(f form, bodies ...string) {
		for _, b := range bodies {
			f.op, f.body = "SearchVectors", `{"TableName":"T!","SearchVector":[{"N":"1"},{"N":"0"}],`+b+`}`
			all = append(all, f)
		}
	}
	const nearest, owner, values = `"TopK":100`, `"SearchConditionExpression":"who = :w","ExpressionAttributeValues":{":w":{"S":"WHO"}}`, `,"ExpressionAttributeValues":{":w":{"S":"WHO"},":n":{"S":"NOTE"},":v":{"S":"S"}}`
	for _, index := range []string{"Divided", "Filtered"} {
		of, through := `"IndexName":"`+index+`",`, index == "Filtered"
		add(form{whole: true, through: through}, of+owner+`,`+nearest, of+owner+`,"TopK":1,"ReturnConsumedCapacity":"TOTAL"`, of+nearest+`,"SearchConditionExpression":":n = note AND :w = who","ExpressionAttributeValues":{":w":{"S":"WHO"},":n":{"S":"NOTE"}}`,
			of+nearest+`,"SearchConditionExpression":"(#w = :w)","ExpressionAttributeNames":{"#w":"who"},"ExpressionAttributeValues":{":w":{"S":"WHO"}}`)
		add(form{through: through}, of+owner+`,"ProjectionExpression":"FIELD",`+nearest, of+owner+`,"ProjectionExpression":"note, near, #a","ExpressionAttributeNames":{"#a":"FIELD"},`+nearest, of+owner+`,"ProjectionExpression":"FIELD.x","TopK":1`,
			of+nearest+`,"ProjectionExpression":"note","SearchConditionExpression":"who = :w AND note = :n AND FIELD = :v"`+values, of+owner+`,"ProjectionExpression":"note","ProjectionExpression":"FIELD",`+nearest)
		add(form{through: through}, of+nearest+`,"ProjectionExpression":"note","SearchConditionExpression":"FIELD = :v AND who = :w","ExpressionAttributeValues":{":w":{"S":"WHO"},":v":{"S":"S"}}`)
	}
	add(form{wide: true, whole: true}, `"IndexName":"Filtered",`+nearest, `"IndexName":"Filtered","SearchConditionExpression":"note = :n","ExpressionAttributeValues":{":n":{"S":"NOTE"}},`+nearest, `"IndexName":"Bare",`+nearest, `"IndexName":"Bare","TopK":1,"ProjectionExpression":"note"`)
	return all
}

func writeForms() (all []form) {
	each := func(op string, whole bool, bodies ...string) {
		for _, b := range bodies {
			all = append(all, form{op: op, body: `{"TableName":"T!",` + b + `}`, whole: whole})
		}
	}
	const row = `{"who":{"S":"WHO"},"note":{"S":"NOTE"},"plain":{"S":"MALLORY"}}`
	each("PutItem", false, `"Item":{"who":{"S":"WHO"},"note":{"S":"NOTE"},"FIELD":{"S":"MALLORY"}}`, `"Item":`+row+`,"Expected":{"FIELD":{"Exists":false}}`, `"Item":`+row+`,"Expected":{"FIELD":{"ComparisonOperator":"GT","AttributeValueList":[{"S":"M"}]}}`)
	each("PutItem", true, `"Item":`+row+`,"ReturnValues":"ALL_OLD"`, `"Item":`+row+`,"ConditionExpression":"attribute_not_exists(who)","ReturnValuesOnConditionCheckFailure":"ALL_OLD"`)
	each("DeleteItem", true, `"Key":KEY,"ReturnValues":"ALL_OLD"`, `"Key":KEY,"ConditionExpression":"attribute_not_exists(who)","ReturnValuesOnConditionCheckFailure":"ALL_OLD"`)
	each("DeleteItem", false, `"Key":KEY,"Expected":{"FIELD":{"Value":{"S":"x"}}}`, `"Key":KEY,"Expected":{"FIELD":{"Exists":false}},"ReturnItemCollectionMetrics":"SIZE"`)
	for _, u := range []string{"SET plain = FIELD", "SET FIELD = :v", "REMOVE FIELD", "SET plain = if_not_exists(FIELD, :v)", "SET plain = if_not_exists(plain, FIELD)", "SET plain = list_append(FIELD, FIELD)", "SET plain = FIELD + FIELD",
		"SET plain = FIELD.x", "SET plain = FIELD[0]", "SET FIELD.x = :v", "REMOVE FIELD.x", "SET plain = if_not_exists(who, if_not_exists(FIELD, :v))"} {
		each("UpdateItem", false, `"Key":KEY,"UpdateExpression":"`+u+`","ReturnValues":"UPDATED_NEW"`+value(u), `"Key":KEY,"UpdateExpression":"`+u+`","ReturnValues":"UPDATED_OLD"`+value(u))
	}
	for _, u := range []string{`ADD FIELD :v","ExpressionAttributeValues":{":v":{"N":"1"}}`, `DELETE FIELD :v","ExpressionAttributeValues":{":v":{"SS":["S"]}}`} {
		each("UpdateItem", false, `"Key":KEY,"ReturnValues":"UPDATED_OLD","UpdateExpression":"`+u)
	}
	each("UpdateItem", false, `"Key":KEY,"AttributeUpdates":{"FIELD":{"Action":"DELETE"}},"ReturnValues":"UPDATED_OLD"`, `"Key":KEY,"AttributeUpdates":{"FIELD":{"Action":"PUT","Value":{"S":"MALLORY"}}},"ReturnValues":"UPDATED_OLD"`,
		`"Key":KEY,"AttributeUpdates":{"plain":{"Value":{"S":"MALLORY"}}},"Expected":{"FIELD":{"ComparisonOperator":"BEGINS_WITH","AttributeValueList":[{"S":"M"}]}}`)
	each("UpdateItem", true, `"Key":KEY,"ReturnValues":"ALL_OLD"`, `"Key":KEY,"ReturnValues":"ALL_NEW"`, `"Key":KEY,"UpdateExpression":"SET plain = :v","ReturnValues":"ALL_NEW"`+value(":v"),
		`"Key":KEY,"UpdateExpression":"SET plain = :v","ConditionExpression":"attribute_not_exists(who)","ReturnValuesOnConditionCheckFailure":"ALL_OLD"`+value(":v"))
	raws := func(op string, bodies ...string) {
		for _, b := range bodies {
			all = append(all, form{op: op, body: b})
		}
	}
	for _, c := range conditions {
		if strings.HasPrefix(c, "attribute_type") || strings.HasPrefix(c, "size") {
			continue // those want another value
		}
		each("DeleteItem", false, `"Key":KEY,"ConditionExpression":"`+c+`"`+value(c))
		raws("TransactWriteItems", `{"TransactItems":[{"ConditionCheck":{"TableName":"T!","Key":KEY,"ConditionExpression":"`+c+`"`+value(c)+`}}]}`)
	}
	in := func(action string) string { return `{"TransactItems":[` + action + `]}` }
	raws("TransactWriteItems", in(`{"Put":{"TableName":"T!","Item":{"who":{"S":"WHO"},"note":{"S":"NOTE"},"FIELD":{"S":"MALLORY"}}}}`), in(`{"Update":{"TableName":"T!","Key":KEY,"UpdateExpression":"SET plain = FIELD"}}`),
		in(`{"Put":{"TableName":"T!","Item":MINE}},{"Update":{"TableName":"T!","Key":KEY,"UpdateExpression":"REMOVE FIELD"}}`),
		in(`{"Delete":{"TableName":"T!","Key":MINE}},{"Delete":{"TableName":"T!","Key":KEY,"ConditionExpression":"attribute_exists(FIELD)"}}`))
	for _, a := range []string{`{"Put":{"TableName":"T!","Item":` + row + `,COND}}`, `{"Update":{"TableName":"T!","Key":KEY,"UpdateExpression":"REMOVE plain",COND}}`, `{"Delete":{"TableName":"T!","Key":KEY,COND}}`, `{"ConditionCheck":{"TableName":"T!","Key":KEY,COND}}`} {
		all = append(all, form{op: "TransactWriteItems", whole: true, body: in(strings.Replace(a, "COND", `"ConditionExpression":"attribute_not_exists(who)","ReturnValuesOnConditionCheckFailure":"ALL_OLD"`, 1))})
	}
	raws("BatchWriteItem", `{"RequestItems":{"T!":[{"PutRequest":{"Item":{"who":{"S":"WHO"},"note":{"S":"NOTE"},"FIELD":{"S":"MALLORY"}}}}]}}`,
		`{"RequestItems":{"T!":[{"PutRequest":{"Item":MINE}},{"PutRequest":{"Item":{"note":{"S":"NOTE"},"who":{"S":"WHO"},"FIELD":{"S":"MALLORY"}}}}]},"ReturnItemCollectionMetrics":"SIZE","ReturnConsumedCapacity":"INDEXES"}`)
	return all
}

// statementForms are PartiQL, alone, in batches and in transactions.
func statementForms() (all []form) {
	add := func(whole, wide bool, texts ...string) {
		for _, text := range texts {
			s := `{"Statement":"` + text + `"}`
			all = append(all, form{op: "ExecuteStatement", body: s, whole: whole, wide: wide}, form{op: "BatchExecuteStatement", body: `{"Statements":[` + s + `]}`, whole: whole, wide: wide},
				form{op: "ExecuteTransaction", body: `{"TransactStatements":[` + s + `]}`, whole: whole, wide: wide})
		}
	}
	const row = ` WHERE who = 'WHO' AND note = 'NOTE'`
	add(false, false, `SELECT FIELD FROM T!`+row, `SELECT note, FIELD.x FROM T!`+row, `SELECT FIELD[0] FROM T!`+row, `SELECT note FROM T!`+row+` AND FIELD = 'S'`, `SELECT note FROM T!`+row+` AND begins_with(FIELD, 'S')`,
		`SELECT note FROM T!`+row+` AND size(FIELD) > 3`, `SELECT note FROM T!`+row+` AND FIELD IS NOT MISSING`, `SELECT note FROM T!`+row+` AND contains(FIELD, 'S')`, `SELECT note FROM T!`+row+` AND FIELD IN ['S','M']`,
		`SELECT note FROM T!`+row+` AND attribute_type(FIELD, 'S')`, `SELECT note FROM \"T!\".\"LSI\" WHERE who = 'WHO'`, `SELECT note FROM \"T!\".\"LSI\" WHERE who = 'WHO' ORDER BY FIELD DESC`, `SELECT note FROM \"T!\".\"LSI\" WHERE who = 'WHO' AND FIELD > 'M'`,
		`SELECT FIELD FROM T! WHERE who IN ['WHO']`, `SELECT FIELD FROM T! WHERE (who = 'WHO' AND note = 'NOTE') OR (who = 'WHO' AND note = 'x')`,
		`UPDATE T! SET plain = FIELD`+row, `UPDATE T! SET FIELD = 'MALLORY'`+row+` RETURNING MODIFIED OLD *`, `UPDATE T! SET plain = FIELD`+row+` RETURNING MODIFIED NEW *`, `UPDATE T! REMOVE FIELD`+row, `UPDATE T! SET plain = list_append(FIELD, ['x'])`+row,
		`UPDATE T! SET plain = 'x'`+row+` AND FIELD = 'S'`, `DELETE FROM T!`+row+` AND FIELD = 'S'`, `EXISTS(SELECT * FROM T!`+row+` AND FIELD = 'S')`, `INSERT INTO T! VALUE {'who':'WHO','note':'NOTE','FIELD':'MALLORY'}`)
	add(true, false, `SELECT * FROM T!`+row, `SELECT * FROM T! WHERE who = 'WHO'`, `SELECT * FROM \"T!\".\"LSI\" WHERE who = 'WHO'`, `UPDATE T! SET plain = 'x'`+row+` RETURNING ALL OLD *`, `UPDATE T! SET plain = 'x'`+row+` RETURNING ALL NEW *`,
		`DELETE FROM T!`+row+` RETURNING ALL OLD *`)
	add(true, true, `SELECT * FROM T!`, `SELECT FIELD FROM T! WHERE who >= 'WHO'`, `SELECT * FROM T! WHERE begins_with(who, 'WHO')`, `SELECT * FROM T! WHERE who BETWEEN 'WHO' AND 'WHO'`, `SELECT * FROM T! WHERE who = 'WHO' OR note = 'NOTE'`, `SELECT * FROM T! WHERE NOT (who <> 'WHO')`,
		`SELECT * FROM T! WHERE note = 'NOTE'`, `SELECT * FROM \"T!\".\"LSI\"`)
	with := `"Parameters":[{"S":"WHO"},{"S":"NOTE"}]`
	all = append(all, form{op: "ExecuteStatement", body: `{"Statement":"SELECT FIELD FROM T! WHERE who = ? AND note = ?",` + with + `,"Limit":1,"ReturnConsumedCapacity":"TOTAL"}`},
		form{op: "ExecuteStatement", body: `{"Statement":"SELECT note FROM \"T!\".\"LSI\" WHERE who = 'WHO'","Limit":1}`},
		form{op: "ExecuteTransaction", body: `{"TransactStatements":[{"Statement":"UPDATE T! SET plain = 'x' WHERE who = ? AND note = ? AND FIELD = 'S'",` + with + `,"ReturnValuesOnConditionCheckFailure":"ALL_OLD"}]}`, whole: true},
		form{op: "BatchExecuteStatement", body: `{"Statements":[{"Statement":"DELETE FROM T! WHERE who = ? AND note = ? AND FIELD = 'S'",` + with + `,"ReturnValuesOnConditionCheckFailure":"ALL_OLD"}]}`, whole: true})
	return all
}
