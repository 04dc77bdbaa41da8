package tables

import (
	"strings"
	"testing"
)

// TestFactsOfChanges: what an UpdateExpression makes of an item.
func TestFactsOfChanges(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "k:S")
	for _, c := range []struct{ old, update, values, want string }{ // old is nothing: there is no item
		{"", "SET v = :v", "':v': {'S': 'x'}", "'v':{'S':'x'}"},
		{"'v': {'S': 'old'}", "SET v = :v", "':v': {'S': 'x'}", "'v':{'S':'x'}"},
		{"'a': {'S': 'stays'}", "SET v = :v", "':v': {'N': '3'}", "'a':{'S':'stays'},'v':{'N':'3'}"},
		{"'n': {'N': '40'}", "SET n = n + :v", "':v': {'N': '2'}", "'n':{'N':'42'}"},
		{"'n': {'N': '40'}", "SET n = (n - :v)", "':v': {'N': '2'}", "'n':{'N':'38'}"},
		{"'n': {'N': '40'}", "SET n = if_not_exists(n, :w) - :v", "':v': {'N': '2'}, ':w': {'N': '0'}", "'n':{'N':'38'}"},
		{"", "SET n = if_not_exists(n, :w) - :v", "':v': {'N': '2'}, ':w': {'N': '0'}", "'n':{'N':'-2'}"},
		{"'a': {'S': 'stays'}", "SET a = if_not_exists(a, :v), b = if_not_exists(b, :v)", "':v': {'S': 'x'}", "'a':{'S':'stays'},'b':{'S':'x'}"},
		{"'a': {'S': 'one'}", "SET b = if_not_exists(b, a)", "", "'a':{'S':'one'},'b':{'S':'one'}"},
		{"'a': {'S': 'one'}", "SET a = :v, b = a", "':v': {'S': 'two'}", "'a':{'S':'two'},'b':{'S':'one'}"}, // as it was before
		{"'l': {'L': [{'S': 'b'}]}", "SET l = list_append(l, :v)", "':v': {'L': [{'S': 'c'}, {'N': '1'}]}", "'l':{'L':[{'S':'b'},{'S':'c'},{'N':'1'}]}"},
		{"'l': {'L': [{'S': 'b'}]}", "SET l = list_append(:v, l)", "':v': {'L': [{'S': 'a'}]}", "'l':{'L':[{'S':'a'},{'S':'b'}]}"},
		{"", "SET l = list_append(if_not_exists(l, :w), :v)", "':v': {'L': [{'S': 'a'}]}, ':w': {'L': []}", "'l':{'L':[{'S':'a'}]}"},
		{"'l': {'L': [{'S': 'a'}, {'S': 'b'}]}", "SET l[9] = :v", "':v': {'S': 'z'}", "'l':{'L':[{'S':'a'},{'S':'b'},{'S':'z'}]}"},
		{"'l': {'L': []}", "SET l[0] = :v", "':v': {'S': 'z'}", "'l':{'L':[{'S':'z'}]}"},
		{"'l': {'L': [{'S': 'a'}, {'S': 'b'}, {'S': 'd'}]}", "REMOVE l[1]", "", "'l':{'L':[{'S':'a'},{'S':'d'}]}"},
		{"'l': {'L': [{'S': 'a'}, {'S': 'b'}]}", "REMOVE l[1]", "", "'l':{'L':[{'S':'a'}]}"},
		{"'m': {'M': {'in': {'M': {'deep': {'S': 'old'}}}}}", "SET m.#in.deep = :v", "':v': {'S': 'x'}", "'m':{'M':{'in':{'M':{'deep':{'S':'x'}}}}}"},
		{"'m': {'M': {'keep': {'S': 'y'}}}", "SET m.child = :v", "':v': {'S': 'x'}", "'m':{'M':{'child':{'S':'x'},'keep':{'S':'y'}}}"}, // no attribute m.child
		{"'m': {'M': {'n': {'N': '1'}}}", "SET m.n = m.n + :v", "':v': {'N': '4'}", "'m':{'M':{'n':{'N':'5'}}}"},
		{"'m': {'M': {'a': {'S': 'x'}, 'b': {'S': 'y'}}}", "REMOVE m.a", "", "'m':{'M':{'b':{'S':'y'}}}"},
		{"'m': {'M': {'a': {'S': 'x'}}}", "REMOVE m.absent", "", "'m':{'M':{'a':{'S':'x'}}}"},
		{"'a': {'S': 'x'}, 'b': {'S': 'y'}", "REMOVE a", "", "'b':{'S':'y'}"},
		{"'b': {'S': 'y'}", "REMOVE a", "", "'b':{'S':'y'}"},
		{"'n': {'N': '40'}", "ADD n :v", "':v': {'N': '-1.5'}", "'n':{'N':'38.5'}"},
		{"'b': {'S': 'y'}", "ADD n :v", "':v': {'N': '7'}", "'b':{'S':'y'},'n':{'N':'7'}"},
		{"'s': {'SS': ['a', 'b']}", "ADD s :v", "':v': {'SS': ['b', 'c']}", "'s':{'SS':['a','b','c']}"},
		{"'s': {'SS': ['a', 'b', 'c']}", "DELETE s :v", "':v': {'SS': ['b', 'x']}", "'s':{'SS':['a','c']}"},
		{"'s': {'SS': ['a', 'b']}, 'n': {'N': '1'}", "DELETE s :v", "':v': {'SS': ['b', 'a']}", "'n':{'N':'1'}"},
		{"'t': {'S': 'x'}", "SET a.b.c = :v", "':v': {'S': 'x'}", "ValidationException: The document path provided in the update expression is invalid for update"},
		{"'v': {'S': 'x'}", "SET v = :v, v = :w", "':v': {'S': 'x'}, ':w': {'S': 'y'}", "ValidationException: Invalid UpdateExpression: Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [v], path two: [v]"},
	} {
		w.ask("DeleteItem", "'Key': {'k': {'S': 'u'}}")
		if c.old != "" {
			w.put("tab", "{'k': {'S': 'u'}, "+c.old+"}")
		}
		in := "'Key': {'k': {'S': 'u'}}, 'UpdateExpression': '" + c.update + "'"
		if c.values != "" {
			in += ", 'ExpressionAttributeValues': {" + c.values + "}"
		}
		if strings.Contains(c.update, "#in") {
			in += ", 'ExpressionAttributeNames': {'#in': 'in'}"
		}
		if strings.HasPrefix(c.want, "V") {
			w.hold(fact{"UpdateItem", in, c.want})
			continue
		}
		keyless := strings.NewReplacer("'k':{'S':'u'},", "", ",'k':{'S':'u'}", "")
		got := keyless.Replace(w.ask("UpdateItem", in+", 'ReturnValues': 'ALL_NEW'"))
		stored := keyless.Replace(w.ask("GetItem", "'Key': {'k': {'S': 'u'}}"))
		if got != "{'Attributes':{"+c.want+"}}" || stored != "{'Item':{"+c.want+"}}" {
			t.Errorf("%s of %s\n got %s\nhave %s\nwant %s", c.update, c.old, got, stored, c.want)
		}
	}
}

// TestFactsOfConditionalChanges: an update that its condition refuses leaves all as it was.
func TestFactsOfConditionalChanges(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "k:S")
	w.put("tab", "{'k': {'S': 'a'}, 'state': {'S': 'open'}, 'score': {'N': '5'}}")
	const (
		failed = "ConditionalCheckFailedException: The conditional request failed"
		set    = "'Key': {'k': {'S': 'a'}}, 'UpdateExpression': 'SET v = :v', 'ConditionExpression': '"
		is     = "', 'ExpressionAttributeValues': {':v': {'N': '1'}, ':c': "
		names  = ", 'ExpressionAttributeNames': {'#s': 'state'}"
		plain  = "{'Item':{'k':{'S':'a'},'score':{'N':'5'},'state':{'S':'open'}}}"
		get    = "'Key': {'k': {'S': 'a'}}"
	)
	w.hold(
		fact{"UpdateItem", set + "#s = :c" + is + "{'S': 'shut'}}" + names, failed},
		fact{"", set + "score > :c" + is + "{'N': '5'}}", failed},
		fact{"", set + "#s <> :c AND score > :c" + is + "{'N': '5'}}" + names, failed},
		fact{"", set + "attribute_not_exists(score) AND #s <> :c" + is + "{'N': '5'}}" + names, failed},
		fact{"GetItem", get, plain},
		fact{"UpdateItem", set + "#s = :c" + is + "{'S': 'open'}}" + names, "{}"},
		fact{"", set + "score >= :c AND attribute_exists(v)" + is + "{'N': '5'}}", "{}"},
		fact{"", "'Key': {'k': {'S': 'ghost'}}, 'UpdateExpression': 'ADD n :v', 'ConditionExpression': 'attribute_exists(k)', 'ExpressionAttributeValues': {':v': {'N': '1'}}", failed},
		fact{"GetItem", "'Key': {'k': {'S': 'ghost'}}", "{}"},
		fact{"UpdateItem", "'TableName': 'ghost', 'Key': {'k': {'S': 'a'}}, 'UpdateExpression': 'REMOVE v'", "ResourceNotFoundException: Requested resource not found"},
	)
	status, body := w.post("DynamoDB_20120810.UpdateItem", []byte(strings.ReplaceAll("{'TableName': 'tab', "+set+"#s = :c"+is+"{'S': 'shut'}}"+names+", 'ReturnValuesOnConditionCheckFailure': 'ALL_OLD'}", "'", `"`)))
	for _, part := range []string{`"Item":{`, `"score":{"N":"5"}`, `"state":{"S":"open"}`, `"v":{"N":"1"}`, "The conditional request failed"} {
		if status != 400 || !strings.Contains(body, part) {
			t.Errorf("%d %s lacks %s", status, body, part)
		}
	}
}

// TestFactsOfPlaceholders: names and values that an UpdateExpression cannot use.
func TestFactsOfPlaceholders(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "k:S")
	const (
		set = "'Key': {'k': {'S': 'a'}}, 'UpdateExpression': 'SET #s = :v', "
		v   = "'ExpressionAttributeValues': {':v': {'S': 'x'}}"
	)
	w.hold(
		fact{"UpdateItem", set + v + ", 'ExpressionAttributeNames': {'s': 'state'}", "ValidationException: ExpressionAttributeNames contains invalid key: Syntax error; key: \"s\""},
		fact{"", set + "'ExpressionAttributeNames': {'#s': 'state'}, 'ExpressionAttributeValues': {'v': {'S': 'x'}}", "ValidationException: ExpressionAttributeValues contains invalid key: Syntax error; key: \"v\""},
		fact{"", "'Key': {'k': {'S': 'a'}}, 'ExpressionAttributeNames': {'#s': 'state'}", "ValidationException: ExpressionAttributeNames can only be specified when using expressions"},
		fact{"", "'Key': {'k': {'S': 'a'}}, " + v, "ValidationException: 1 validation error detected: ExpressionAttributeValues can only be specified when using expressions"},
		fact{"", set + v + ", 'ExpressionAttributeNames': {'#s': 'state', '#t': 'other'}", "ValidationException: Value provided in ExpressionAttributeNames unused in expressions: keys: {#t}"},
		fact{"", set + "'ExpressionAttributeNames': {'#s': 'state'}, 'ExpressionAttributeValues': {':v': {'S': 'x'}, ':w': {'S': 'x'}}", "ValidationException: Value provided in ExpressionAttributeValues unused in expressions: keys: {:w}"},
		fact{"", "'Key': {'k': {'S': 'a'}}, 'UpdateExpression': 'GARBAGE IN'", "ValidationException: Invalid UpdateExpression: Syntax error; token: \"GARBAGE\", near: \"GARBAGE IN\""},
		fact{"", "'Key': {'k': {'S': 'a'}}, 'UpdateExpression': ''", "ValidationException: Invalid UpdateExpression: The expression can not be empty;"},
		fact{"", "'Key': {'k': {'S': 'a'}}, 'UpdateExpression': 'REMOVE v', 'AttributeUpdates': {'v': {'Action': 'DELETE'}}", "ValidationException: Can not use both expression and non-expression parameters in the same request: Non-expression parameters: {AttributeUpdates} Expression parameters: {UpdateExpression}"},
		fact{"GetItem", "'Key': {'k': {'S': 'a'}}", "{}"},
	)
}
