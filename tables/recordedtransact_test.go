package tables

import (
	"fmt"
	"strings"
	"testing"

	"bothy/api/dynamodb"
	"bothy/wire/item"
)

func TestRecordedTransactWrites(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "pk:S", "byG g:S ALL")
	w.table("bin", "pk:B")
	w.put("tab", `{'pk': {'S': 'here'}}`)
	const (
		mismatch = "ValidationError: The provided key element does not match the schema"
		emptyKey = "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty %s value. Key: pk"
		badName  = "1 validation error detected: Value 'bad!name' at 'transactItems.%s.tableName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"
		syntax   = `Invalid ConditionExpression: Syntax error; token: "<EOF>", near: "("`
		unused   = "Value provided in ExpressionAttributeValues unused in expressions: keys: {:v}"
	)
	tab, x := str("tab"), doc(`{':v': {'S': 'x'}}`)
	key := func(v string) item.Item { return doc(`{'pk': ` + v + `}`) }
	put := func(it item.Item) dynamodb.TransactWriteItem {
		return dynamodb.TransactWriteItem{Put: &dynamodb.Put{TableName: tab, Item: it}}
	}
	update := func(table, k string) dynamodb.TransactWriteItem {
		return dynamodb.TransactWriteItem{Update: &dynamodb.Update{TableName: str(table), Key: key(k), UpdateExpression: str("SET a = :v"), ExpressionAttributeValues: x}}
	}
	remove := func(table, k string) dynamodb.TransactWriteItem {
		return dynamodb.TransactWriteItem{Delete: &dynamodb.Delete{TableName: str(table), Key: key(k)}}
	}
	check := func(table, k, condition string) dynamodb.TransactWriteItem {
		return dynamodb.TransactWriteItem{ConditionCheck: &dynamodb.ConditionCheck{TableName: str(table), Key: key(k), ConditionExpression: str(condition)}}
	}
	conditional := put(key(`{'S': 'here'}`))
	conditional.Put.ConditionExpression = str("attribute_not_exists(pk)")
	unusedPut, unusedDelete, unusedCheck, emptyValues, emptyCondition := put(key(`{'S': 'a'}`)), remove("tab", `{'S': 'b'}`), check("tab", `{'S': 'c'}`, "attribute_not_exists(pk)"), put(key(`{'S': 'a'}`)), put(key(`{'S': 'a'}`))
	unusedPut.Put.ConditionExpression, unusedPut.Put.ExpressionAttributeValues = str("attribute_not_exists(pk)"), x
	unusedDelete.Delete.ConditionExpression, unusedDelete.Delete.ExpressionAttributeValues = str("attribute_not_exists(pk)"), x
	unusedCheck.ConditionCheck.ExpressionAttributeValues = x
	emptyValues.Put.ConditionExpression, emptyValues.Put.ExpressionAttributeValues = str("attribute_not_exists(pk)"), item.Item{}
	emptyCondition.Put.ConditionExpression = str("")
	twoSets := update("tab", `{'S': 'a'}`)
	twoSets.Update.UpdateExpression = str("SET a = :v SET b = :v")
	large, larger := put(doc(`{'pk': {'S': 'l'}, 'v': {'S': '`+strings.Repeat("x", 400<<10)+`'}}`)), update("tab", `{'S': 'l'}`)
	larger.Update.ExpressionAttributeValues = doc(`{':v': {'S': '` + strings.Repeat("x", 400<<10) + `'}}`)
	deep := put(doc(`{'pk': {'S': 'd'}, 'v': ` + strings.Repeat(`{'M': {'n': `, 32) + `{'S': 'x'}` + strings.Repeat(`}}`, 32) + `}`))
	both := put(key(`{'S': 'a'}`))
	both.Delete = &dynamodb.Delete{TableName: tab, Key: key(`{'S': 'a'}`)}
	for name, c := range map[string]struct {
		want  string
		items []dynamodb.TransactWriteItem
	}{
		"the first mistake only":         {"ValidationError: One or more parameter values were invalid: Type mismatch for key pk expected: S actual: N; None; None", []dynamodb.TransactWriteItem{put(key(`{'N': '7'}`)), put(key(`{'N': '8'}`)), conditional}},
		"conditions beside a mistake":    {"None; " + mismatch, []dynamodb.TransactWriteItem{conditional, remove("tab", `{'N': '7'}`)}},
		"conditions each in its place":   {"None; ConditionalCheckFailed: The conditional request failed; ConditionalCheckFailed: The conditional request failed", []dynamodb.TransactWriteItem{put(key(`{'S': 'new'}`)), conditional, check("tab", `{'S': 'none'}`, "attribute_exists(pk)")}},
		"key of a list":                  {"ValidationError: One or more parameter values were invalid: Type mismatch for key pk expected: S actual: L", []dynamodb.TransactWriteItem{put(key(`{'L': []}`))}},
		"update by a number":             {mismatch, []dynamodb.TransactWriteItem{update("tab", `{'N': '5'}`)}},
		"check by a list":                {mismatch, []dynamodb.TransactWriteItem{check("tab", `{'L': []}`, "attribute_exists(pk)")}},
		"index key":                      {"ValidationError: One or more parameter values were invalid: Type mismatch for Index Key g Expected: S Actual: N IndexName: byG", []dynamodb.TransactWriteItem{put(doc(`{'pk': {'S': 'a'}, 'g': {'N': '1'}}`))}},
		"an item that becomes too large": {"ValidationError: Item size to update has exceeded the maximum allowed size", []dynamodb.TransactWriteItem{larger}},
		"an item that is too large":      {"Item size has exceeded the maximum allowed size", []dynamodb.TransactWriteItem{conditional, large}},
		"empty key to put":               {fmt.Sprintf(emptyKey, "string"), []dynamodb.TransactWriteItem{put(key(`{'S': ''}`))}},
		"empty key to update":            {fmt.Sprintf(emptyKey, "string"), []dynamodb.TransactWriteItem{update("tab", `{'S': ''}`)}},
		"empty key to delete":            {fmt.Sprintf(emptyKey, "binary"), []dynamodb.TransactWriteItem{remove("bin", `{'B': ''}`)}},
		"empty key to check":             {fmt.Sprintf(emptyKey, "binary"), []dynamodb.TransactWriteItem{check("bin", `{'B': ''}`, "attribute_exists(pk)")}},
		"an item twice":                  {"Transaction request cannot include multiple operations on one item", []dynamodb.TransactWriteItem{put(key(`{'S': 'a'}`)), check("tab", `{'S': 'a'}`, "attribute_exists(pk)")}},
		"nothing to do":                  {"Invalid Request: TransactWriteRequest should contain Delete or Put or Update request", []dynamodb.TransactWriteItem{{}}},
		"two things to do":               {"TransactItems can only contain one of Check, Put, Update or Delete", []dynamodb.TransactWriteItem{both}},
		"no table to update":             {fmt.Sprintf(badName, "2.member.update"), []dynamodb.TransactWriteItem{put(key(`{'S': 'a'}`)), update("bad!name", `{'S': 'a'}`)}},
		"no table to delete from":        {fmt.Sprintf(badName, "1.member.delete"), []dynamodb.TransactWriteItem{remove("bad!name", `{'S': 'a'}`)}},
		"no table to check":              {fmt.Sprintf(badName, "1.member.conditionCheck"), []dynamodb.TransactWriteItem{check("bad!name", `{'S': 'a'}`, "attribute_exists(pk)")}},
		"a condition that is none":       {syntax, []dynamodb.TransactWriteItem{remove("missing", `{'S': 'a'}`), check("tab", `{'S': 'c'}`, "attribute_not_exists(")}},
		"a condition before an item":     {syntax, []dynamodb.TransactWriteItem{check("tab", `{'S': 'c'}`, "attribute_not_exists("), deep}},
		"an item before a condition":     {tooDeep, []dynamodb.TransactWriteItem{deep, check("tab", `{'S': 'c'}`, "attribute_not_exists(")}},
		"an empty condition":             {"Invalid ConditionExpression: The expression can not be empty;", []dynamodb.TransactWriteItem{emptyCondition}},
		"values that are none":           {"ExpressionAttributeValues must not be empty", []dynamodb.TransactWriteItem{emptyValues}},
		"a value unused by a put":        {unused, []dynamodb.TransactWriteItem{unusedPut, remove("missing", `{'S': 'a'}`)}},
		"a value unused by a delete":     {unused, []dynamodb.TransactWriteItem{remove("missing", `{'S': 'a'}`), unusedDelete}},
		"a value unused by a check":      {unused, []dynamodb.TransactWriteItem{put(key(`{'S': 'c'}`)), unusedCheck}},
		"two sections":                   {`Invalid UpdateExpression: The "SET" section can only be used once in an update expression;`, []dynamodb.TransactWriteItem{twoSets}},
		"no such table":                  {"Requested resource not found", []dynamodb.TransactWriteItem{put(key(`{'S': 'a'}`)), remove("missing", `{'S': 'a'}`)}},
		"no actions":                     {"1 validation error detected: Value '[]' at 'transactItems' failed to satisfy constraint: Member must have length greater than or equal to 1", []dynamodb.TransactWriteItem{}},
	} {
		_, err := do(w, w.root, dynamodb.TransactWriteItems, dynamodb.TransactWriteItemsInput{TransactItems: c.items})
		if got := w.reasons(err); err == nil || got != c.want {
			t.Errorf("%s\ngot  %s\nwant %s", name, got, c.want)
		}
	}
	if got := len(w.scanAll(dynamodb.ScanInput{TableName: tab})); got != 1 {
		t.Errorf("refused transactions left %d items", got)
	}
	in := dynamodb.TransactWriteItemsInput{ReturnConsumedCapacity: str("BOGUS"), ReturnItemCollectionMetrics: str("BOGUS"), TransactItems: []dynamodb.TransactWriteItem{remove("missing", `{'S': 'a'}`), remove("missing", `{'S': 'a'}`)}}
	_, err := do(w, w.root, dynamodb.TransactWriteItems, in)
	if got := w.reasons(err); !strings.HasPrefix(got, "2 validation errors detected: Value 'BOGUS' at 'returnConsumedCapacity' failed to satisfy constraint: Member must satisfy enum value set: ") || !strings.Contains(got, "; Value 'BOGUS' at 'returnItemCollectionMetrics'") {
		t.Error(got)
	}
}

func TestRecordedTransactGets(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "pk:S")
	w.put("tab", `{'pk': {'S': 'a'}, 'v': {'N': '1'}}`)
	const mismatch = "ValidationError: The provided key element does not match the schema"
	get := func(table, key, projection string) dynamodb.TransactGetItem {
		g := &dynamodb.Get{TableName: str(table), Key: doc(key)}
		if projection != "" {
			g.ProjectionExpression = str(projection)
		}
		return dynamodb.TransactGetItem{Get: g}
	}
	a, b := get("tab", `{'pk': {'S': 'a'}}`, ""), get("tab", `{'pk': {'S': 'b'}}`, "")
	for name, c := range map[string]struct {
		want string
		gets []dynamodb.TransactGetItem
	}{
		"an item twice":      {"Transaction request cannot include multiple operations on one item", []dynamodb.TransactGetItem{a, b, get("tab", `{'pk': {'S': 'a'}}`, "v")}},
		"no key":             {mismatch, []dynamodb.TransactGetItem{get("tab", `{}`, "")}},
		"a key of a number":  {"None; " + mismatch + "; None", []dynamodb.TransactGetItem{a, get("tab", `{'pk': {'N': '1'}}`, ""), get("tab", `{}`, "")}},
		"an empty key":       {"One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: pk", []dynamodb.TransactGetItem{a, get("tab", `{'pk': {'S': ''}}`, "")}},
		"no projection":      {`Invalid ProjectionExpression: Syntax error; token: "!", near: "!!"`, []dynamodb.TransactGetItem{get("missing", `{'pk': {'S': 'a'}}`, ""), get("tab", `{'pk': {'S': 'a'}}`, "!!!")}},
		"no such table":      {"Requested resource not found", []dynamodb.TransactGetItem{a, get("missing", `{'pk': {'S': 'a'}}`, "")}},
		"no name of a table": {"1 validation error detected: Value 'bad!name' at 'transactItems.2.member.get.tableName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+", []dynamodb.TransactGetItem{a, get("bad!name", `{'pk': {'S': 'a'}}`, "")}},
		"nothing to be read": {"1 validation error detected: Value '[]' at 'transactItems' failed to satisfy constraint: Member must have length greater than or equal to 1", []dynamodb.TransactGetItem{}},
	} {
		_, err := do(w, w.root, dynamodb.TransactGetItems, dynamodb.TransactGetItemsInput{TransactItems: c.gets})
		if got := w.reasons(err); err == nil || got != c.want {
			t.Errorf("%s\ngot  %s\nwant %s", name, got, c.want)
		}
	}
	out := must(w, dynamodb.TransactGetItems, dynamodb.TransactGetItemsInput{TransactItems: []dynamodb.TransactGetItem{b, a}, ReturnConsumedCapacity: str("INDEXES")})
	used := out.ConsumedCapacity[0]
	if out.Responses[0].Item != nil || show(out.Responses[1].Item) != `{'pk':{'S':'a'},'v':{'N':'1'}}` || used.CapacityUnits.V != 4 || used.ReadCapacityUnits.V != 4 || used.Table.ReadCapacityUnits.V != 4 {
		t.Errorf("%+v", out)
	}
}

// TestTransactionsOfAHundred: so many actions, and no more.
func TestTransactionsOfAHundred(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "pk:S")
	var in dynamodb.TransactWriteItemsInput
	var texts []string
	for i := range 101 {
		in.TransactItems = append(in.TransactItems, dynamodb.TransactWriteItem{Put: &dynamodb.Put{TableName: str("tab"), Item: doc(fmt.Sprintf(`{'pk': {'S': '%d'}}`, i))}})
		texts = append(texts, fmt.Sprintf(`DELETE FROM tab WHERE pk = '%d'`, i))
	}
	_, err := do(w, w.root, dynamodb.TransactWriteItems, in)
	if got := w.reasons(err); !strings.HasSuffix(got, " at 'transactItems' failed to satisfy constraint: Member must have length less than or equal to 100") {
		t.Error(got)
	}
	in.TransactItems = in.TransactItems[:100]
	must(w, dynamodb.TransactWriteItems, in)
	if _, err = w.transaction(w.root, "", texts...); !strings.HasSuffix(w.reasons(err), " at 'transactStatements' failed to satisfy constraint: Member must have length less than or equal to 100") {
		t.Error(err)
	}
	if _, err = w.transaction(w.root, "", texts[:100]...); err != nil || len(w.scanAll(dynamodb.ScanInput{TableName: str("tab")})) != 0 {
		t.Error(err)
	}
}
