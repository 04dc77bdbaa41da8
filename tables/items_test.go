package tables

import (
	"strings"
	"testing"

	"bothy/api/dynamodb"
)

func TestPutGetUpdateDelete(t *testing.T) {
	w := newWorld(t)
	w.table("notes", "userId:S noteId:N")
	w.put("notes", `{'userId': {'S': 'ann'}, 'noteId': {'N': '1.0'}, 'text': {'S': 'hi'}, 'n': {'N': '0001.50'}}`)
	if got, want := w.get("notes", `{'userId': {'S': 'ann'}, 'noteId': {'N': '1'}}`), `{'n':{'N':'1.5'},'noteId':{'N':'1'},'text':{'S':'hi'},'userId':{'S':'ann'}}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	up := dynamodb.UpdateItemInput{
		TableName: str("notes"), Key: doc(`{'userId': {'S': 'ann'}, 'noteId': {'N': '1'}}`), ReturnValues: str("UPDATED_NEW"),
		UpdateExpression:          str("SET #t = :t, n = n + :one REMOVE gone ADD tags :tags"),
		ExpressionAttributeNames:  map[string]string{"#t": "text"},
		ExpressionAttributeValues: doc(`{':t': {'S': 'bye'}, ':one': {'N': '1'}, ':tags': {'SS': ['a', 'b']}}`),
	}
	if got, want := show(must(w, dynamodb.UpdateItem, up).Attributes), `{'n':{'N':'2.5'},'tags':{'SS':['a','b']},'text':{'S':'bye'}}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	del := dynamodb.DeleteItemInput{TableName: str("notes"), Key: doc(`{'userId': {'S': 'ann'}, 'noteId': {'N': '1'}}`), ReturnValues: str("ALL_OLD")}
	if got := must(w, dynamodb.DeleteItem, del).Attributes; got.Get("text").Str != "bye" {
		t.Errorf("old item %s", show(got))
	}
	if got := must(w, dynamodb.DeleteItem, del).Attributes; got != nil {
		t.Errorf("deleted twice: %s", show(got))
	}
	if got := w.get("notes", `{'userId': {'S': 'ann'}, 'noteId': {'N': '1'}}`); got != "nil" {
		t.Errorf("still there: %s", got)
	}
}

func TestReturnValues(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "k:S")
	for _, c := range []struct{ values, want string }{
		{"NONE", "nil"},
		{"ALL_OLD", `{'a':{'N':'1'},'b':{'M':{'x':{'N':'1'},'y':{'N':'2'}}},'k':{'S':'k'}}`},
		{"UPDATED_OLD", `{'a':{'N':'1'},'b':{'M':{'x':{'N':'1'}}}}`},
		{"ALL_NEW", `{'a':{'N':'5'},'b':{'M':{'x':{'N':'6'},'y':{'N':'2'}}},'c':{'N':'7'},'k':{'S':'k'}}`},
		{"UPDATED_NEW", `{'a':{'N':'5'},'b':{'M':{'x':{'N':'6'}}},'c':{'N':'7'}}`},
	} {
		w.put("tab", `{'k': {'S': 'k'}, 'a': {'N': '1'}, 'b': {'M': {'x': {'N': '1'}, 'y': {'N': '2'}}}}`)
		out := must(w, dynamodb.UpdateItem, dynamodb.UpdateItemInput{
			TableName: str("tab"), Key: doc(`{'k': {'S': 'k'}}`), ReturnValues: str(c.values),
			UpdateExpression:          str("SET a = :a, b.x = :b, c = :c"),
			ExpressionAttributeValues: doc(`{':a': {'N': '5'}, ':b': {'N': '6'}, ':c': {'N': '7'}}`),
		})
		if got := show(out.Attributes); got != c.want {
			t.Errorf("%s: got %s, want %s", c.values, got, c.want)
		}
	}
}

func TestConditions(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "k:S")
	put := dynamodb.PutItemInput{TableName: str("tab"), Item: doc(`{'k': {'S': 'k'}, 'v': {'N': '1'}}`), ConditionExpression: str("attribute_not_exists(k)")}
	must(w, dynamodb.PutItem, put)
	put.ReturnValuesOnConditionCheckFailure = str("ALL_OLD")
	_, err := do(w, w.root, dynamodb.PutItem, put)
	w.refused(err, "ConditionalCheckFailedException", "The conditional request failed")
	if f, ok := err.(*dynamodb.ConditionalCheckFailedException); !ok || show(f.Item) != `{'k':{'S':'k'},'v':{'N':'1'}}` {
		t.Errorf("item with the failure: %#v", err)
	}
	_, err = do(w, w.root, dynamodb.DeleteItem, dynamodb.DeleteItemInput{
		TableName: str("tab"), Key: doc(`{'k': {'S': 'k'}}`),
		Expected: map[string]dynamodb.ExpectedAttributeValue{"v": {ComparisonOperator: str("GT"), AttributeValueList: list(`{'a': {'N': '1'}}`)}},
	})
	w.refused(err, "ConditionalCheckFailedException", "The conditional request failed")
	must(w, dynamodb.DeleteItem, dynamodb.DeleteItemInput{
		TableName: str("tab"), Key: doc(`{'k': {'S': 'k'}}`),
		Expected: map[string]dynamodb.ExpectedAttributeValue{"v": {ComparisonOperator: str("GE"), AttributeValueList: list(`{'a': {'N': '1'}}`)}},
	})
}

func TestPutRefusals(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "userId:S at:N", "byEmail email:S ALL")
	long := strings.Repeat("x", 2049)
	for _, c := range []struct{ item, want string }{
		{`{'at': {'N': '1'}}`, "One or more parameter values were invalid: Missing the key userId in the item"},
		{`{'userId': {'S': 'a'}}`, "One or more parameter values were invalid: Missing the key at in the item"},
		{`{'userId': {'N': '1'}, 'at': {'N': '1'}}`, "One or more parameter values were invalid: Type mismatch for key userId expected: S actual: N"},
		{`{'userId': {'S': ''}, 'at': {'N': '1'}}`, "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: userId"},
		{`{'userId': {'S': '` + long + `'}, 'at': {'N': '1'}}`, "One or more parameter values were invalid: Size of hashkey has exceeded the maximum size limit of2048 bytes"},
		{`{'userId': {'S': 'a'}, 'at': {'N': 'x'}}`, "The parameter cannot be converted to a numeric value: x"},
		{`{'userId': {'S': 'a'}, 'at': {'N': '1'}, 'email': {'N': '1'}}`, "One or more parameter values were invalid: Type mismatch for Index Key email Expected: S Actual: N IndexName: byEmail"},
		{`{'userId': {'S': 'a'}, 'at': {'N': '1'}, 'email': {'S': ''}}`, "One or more parameter values are not valid. A value specified for a secondary index key is not supported. The AttributeValue for a key attribute cannot contain an empty string value. IndexName: byEmail, IndexKey: email"},
		{`{'userId': {'S': 'a'}, 'at': {'N': '1'}, 'x': {}}`, "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"},
		{`{'userId': {'S': 'a'}, 'at': {'N': '1'}, 'x': {'SS': []}}`, "One or more parameter values were invalid: An string set  may not be empty"},
		{`{'userId': {'S': 'a'}, 'at': {'N': '1'}, 'x': {'SS': ['a', 'a']}}`, "One or more parameter values were invalid: Input collection [a, a] contains duplicates."},
		{`{'userId': {'S': 'a'}, 'at': {'N': '1'}, 'x': {'NS': ['1', '1.0']}}`, "Input collection contains duplicates"},
		{`{'userId': {'S': 'a'}, 'at': {'N': '1'}, 'x': {'BS': ['/w==', 'AA==', 'AA==']}}`, "One or more parameter values were invalid: Input collection [/w==, AA==, AA==]of type BS contains duplicates."},
		{`{'userId': {'S': 'a'}, 'at': {'N': '1'}, 'x': {'NULL': false}}`, "One or more parameter values were invalid: Null attribute value types must have the value of true"},
		{`{'userId': {'S': 'a'}, 'at': {'N': '1'}, 'x': {'N': '1e126'}}`, "Number overflow. Attempting to store a number with magnitude larger than supported range"},
		{`{'userId': {'S': 'a'}, 'at': {'N': '1'}, 'x': {'N': '123456789012345678901234567890123456789'}}`, "Attempting to store more than 38 significant digits in a Number"},
		{`{'userId': {'S': 'a'}, 'at': {'N': '1'}, 'x': {'S': '` + strings.Repeat("y", 400<<10) + `'}}`, "Item size has exceeded the maximum allowed size"},
		{`{'userId': {'S': 'a'}, 'at': {'N': '1'}, 'x': ` + nest(32) + `}`, "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit"},
	} {
		_, err := do(w, w.root, dynamodb.PutItem, dynamodb.PutItemInput{TableName: str("tab"), Item: doc(c.item)})
		w.refused(uncounted(err), "ValidationException", c.want)
	}
	w.put("tab", `{'userId': {'S': 'a'}, 'at': {'N': '1'}, 'x': `+nest(31)+`, 'nil': {'NULL': true}, 'empty': {'S': ''}, 'b': {'B': ''}}`)
	_, err := do(w, w.root, dynamodb.PutItem, dynamodb.PutItemInput{TableName: str("none"), Item: doc(`{'k': {'S': 'a'}}`)})
	w.refused(err, "ResourceNotFoundException", "Requested resource not found")
}

func nest(n int) string { return strings.Repeat(`{'L': [`, n) + strings.Repeat(`]}`, n) }

func TestGetRefusals(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "k:S")
	for _, key := range []string{`{}`, `{'k': {'N': '1'}}`, `{'x': {'S': 'k'}}`, `{'k': {'S': 'k'}, 'x': {'S': 'k'}}`} {
		_, err := do(w, w.root, dynamodb.GetItem, dynamodb.GetItemInput{TableName: str("tab"), Key: doc(key)})
		w.refused(err, "ValidationException", "The provided key element does not match the schema")
	}
	_, err := do(w, w.root, dynamodb.GetItem, dynamodb.GetItemInput{TableName: str("tab"), Key: doc(`{'k': {'S': 'k'}}`), ProjectionExpression: str("a, b.c[0], name")})
	w.refused(err, "ValidationException", "Invalid ProjectionExpression: Attribute name is a reserved keyword; reserved keyword: name")
	_, err = do(w, w.root, dynamodb.GetItem, dynamodb.GetItemInput{TableName: str("tab"), Key: doc(`{'k': {'S': 'k'}}`), ExpressionAttributeNames: map[string]string{"#a": "b"}})
	w.refused(err, "ValidationException", "ExpressionAttributeNames can only be specified when using expressions")
	_, err = do(w, w.root, dynamodb.GetItem, dynamodb.GetItemInput{TableName: str("arn:aws:dynamodb:eu-west-1:999999999999:table/tab"), Key: doc(`{'k': {'S': 'k'}}`)})
	w.refused(err, "ResourceNotFoundException", "")
	must(w, dynamodb.GetItem, dynamodb.GetItemInput{TableName: str("arn:aws:dynamodb:eu-west-1:" + account + ":table/tab"), Key: doc(`{'k': {'S': 'k'}}`)})
}

// TestNothingIsMadeToRemoveFrom: an update of REMOVE alone makes no item, and one without any change does.
func TestNothingIsMadeToRemoveFrom(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "k:S", "byG g:S ALL")
	key := doc(`{'k': {'S': 'k'}}`)
	out := must(w, dynamodb.UpdateItem, dynamodb.UpdateItemInput{TableName: str("tab"), Key: key, UpdateExpression: str("REMOVE a, g"), ReturnValues: str("ALL_NEW")})
	if got := w.get("tab", `{'k': {'S': 'k'}}`); out.Attributes != nil || got != "nil" {
		t.Errorf("made %s, told %v", got, out.Attributes)
	}
	must(w, dynamodb.UpdateItem, dynamodb.UpdateItemInput{TableName: str("tab"), Key: key})
	if got := w.get("tab", `{'k': {'S': 'k'}}`); got != `{'k':{'S':'k'}}` {
		t.Error(got)
	}
}

func TestUpdateRefusals(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "k:S", "byG g:S ALL")
	w.put("tab", `{'k': {'S': 'k'}, 's': {'S': 'x'}, 'n': {'N': '1'}, 'l': {'L': []}, 'm': {'M': {}}}`)
	for _, c := range []struct{ update, values, want string }{
		{"SET k = :v", `{':v': {'S': 'x'}}`, "One or more parameter values were invalid: Cannot update attribute k. This attribute is part of the key"},
		{"SET a = :v", ``, "Invalid UpdateExpression: An expression attribute value used in expression is not defined; attribute value: :v"},
		{"SET a = :v", `{':v': {'S': 'x'}, ':x': {'S': 'y'}}`, "Value provided in ExpressionAttributeValues unused in expressions: keys: {:x}"},
		{"SET a = b", ``, "The provided expression refers to an attribute that does not exist in the item"},
		{"SET a = s + :v", `{':v': {'N': '1'}}`, "An operand in the update expression has an incorrect data type"},
		{"SET a.b = :v", `{':v': {'N': '1'}}`, "The document path provided in the update expression is invalid for update"},
		{"REMOVE a.b", ``, "The document path provided in the update expression is invalid for update"},
		{"DELETE l.b :v", `{':v': {'SS': ['x']}}`, "The document path provided in the update expression is invalid for update"},
		{"SET a = k.b", ``, "Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: Key: k"},
		{"ADD s :v", `{':v': {'N': '1'}}`, "An operand in the update expression has an incorrect data type"},
		{"SET g = :v", `{':v': {'N': '1'}}`, "One or more parameter values were invalid: Type mismatch for Index Key g Expected: S Actual: N IndexName: byG"},
		{"SET g = n", ``, "The update expression attempted to update the secondary index key to unsupported type"},
		{"SET g = :v", `{':v': {'S': ''}}`, "One or more parameter values are not valid. The update expression attempted to update a secondary index key to a value that is not supported. The AttributeValue for a key attribute cannot contain an empty string value."},
		{"SET n = n + :v", `{':v': {'N': '1e60'}}`, "Number overflow. Attempting to store a number with magnitude larger than supported range"},
		{"SET big = :v", `{':v': {'S': '` + strings.Repeat("z", 409590) + `'}}`, "Item size to update has exceeded the maximum allowed size"},
	} {
		in := dynamodb.UpdateItemInput{TableName: str("tab"), Key: doc(`{'k': {'S': 'k'}}`), UpdateExpression: str(c.update)}
		if c.values != "" {
			in.ExpressionAttributeValues = doc(c.values)
		}
		_, err := do(w, w.root, dynamodb.UpdateItem, in)
		w.refused(uncounted(err), "ValidationException", c.want)
	}
	_, err := do(w, w.root, dynamodb.UpdateItem, dynamodb.UpdateItemInput{TableName: str("tab"), Key: doc(`{'k': {'S': 'k'}}`), UpdateExpression: str("SET a = b"),
		AttributeUpdates: map[string]dynamodb.AttributeValueUpdate{}})
	w.refused(uncounted(err), "ValidationException", "Can not use both expression and non-expression parameters in the same request: Non-expression parameters: {AttributeUpdates} Expression parameters: {UpdateExpression}")
}

func TestLegacyUpdate(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "k:S")
	value := func(s string) *dynamodb.AttributeValueUpdate {
		v := doc(`{'v': ` + s + `}`)[0].Value
		return &dynamodb.AttributeValueUpdate{Value: &v}
	}
	with := func(action, s string) dynamodb.AttributeValueUpdate {
		u := *value(s)
		u.Action = str(action)
		return u
	}
	update := func(m map[string]dynamodb.AttributeValueUpdate) string {
		t.Helper()
		return show(must(w, dynamodb.UpdateItem, dynamodb.UpdateItemInput{TableName: str("tab"), Key: doc(`{'k': {'S': 'k'}}`), AttributeUpdates: m, ReturnValues: str("ALL_NEW")}).Attributes)
	}
	if got := update(nil); got != `{'k':{'S':'k'}}` {
		t.Errorf("an empty update makes the item: %s", got)
	}
	got := update(map[string]dynamodb.AttributeValueUpdate{"n": with("ADD", `{'N': '3'}`), "s": with("ADD", `{'SS': ['a']}`), "l": with("ADD", `{'L': [{'S': 'x'}]}`), "p": *value(`{'S': 'p'}`)})
	if want := `{'k':{'S':'k'},'l':{'L':[{'S':'x'}]},'n':{'N':'3'},'p':{'S':'p'},'s':{'SS':['a']}}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	got = update(map[string]dynamodb.AttributeValueUpdate{"n": with("ADD", `{'N': '-1'}`), "s": with("DELETE", `{'SS': ['a']}`), "l": with("ADD", `{'L': [{'S': 'y'}]}`), "p": {Action: str("DELETE")}})
	if want := `{'k':{'S':'k'},'l':{'L':[{'S':'x'},{'S':'y'}]},'n':{'N':'2'}}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	_, err := do(w, w.root, dynamodb.UpdateItem, dynamodb.UpdateItemInput{TableName: str("tab"), Key: doc(`{'k': {'S': 'k'}}`),
		AttributeUpdates: map[string]dynamodb.AttributeValueUpdate{"n": with("ADD", `{'SS': ['x']}`)}})
	w.refused(err, "ValidationException", "Type mismatch for attribute to update")
}
