package tables

import (
	"fmt"
	"strings"
	"testing"
)

// TestFactsOfIndexCapacity: what writes consume of indexes. An index that a write costs nothing is not told.
func TestFactsOfIndexCapacity(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "team:S no:S", "byCity city:S INCLUDE:rank", "-byRank team:S level:S ALL")
	const asked = ", 'ReturnConsumedCapacity': 'INDEXES'"
	used := func(table, global, local int) string {
		one := func(n int) string { return fmt.Sprintf("'CapacityUnits':%d", n) }
		c := "{" + one(table+global+local)
		if global > 0 {
			c += ",'GlobalSecondaryIndexes':{'byCity':{" + one(global) + "}}"
		}
		if local > 0 {
			c += ",'LocalSecondaryIndexes':{'byRank':{" + one(local) + "}}"
		}
		return c + ",'Table':{" + one(table) + "},'TableName':'tab'}"
	}
	single := func(table, global, local int) string {
		return "{'ConsumedCapacity':" + used(table, global, local) + "}"
	}
	n := 0
	fresh := func(attributes string) string { // an item that was not there
		n++
		return fmt.Sprintf("'Item': {'team': {'S': 'blue'}, 'no': {'S': '%d'}%s}", n, attributes)
	}
	const city, level, rank, nick = ", 'city': {'S': 'graz'}", ", 'level': {'S': 'low'}", ", 'rank': {'S': 'first'}", ", 'nick': {'S': 'x'}"
	w.hold(
		fact{"PutItem", fresh(city+rank) + asked, single(1, 1, 0)},
		fact{"", fresh(city+rank) + ", 'ReturnConsumedCapacity': 'TOTAL'", "{'ConsumedCapacity':{'CapacityUnits':2,'TableName':'tab'}}"},
		fact{"", fresh(nick) + asked, single(1, 0, 0)},
		fact{"", fresh(level) + asked, single(1, 0, 1)},
		fact{"", fresh(city+level+rank) + asked, single(1, 1, 1)},
		fact{"", strings.Replace(fresh(city+level+rank), fmt.Sprint(n), fmt.Sprint(n-1), 1) + asked, single(1, 0, 0)}, // the same again
		fact{"", fresh(city) + ", 'ReturnConsumedCapacity': 'NONE'", "{}"},
	)
	for _, c := range []struct {
		update        string
		global, local int
	}{
		{"SET nick = :v", 0, 1}, // only the local index shows it
		{"SET #r = :v", 1, 1},   // both do
		{"SET city = :v", 2, 1}, // one entry goes, one comes
		{"REMOVE city", 1, 1},
		{"SET #l = :v", 0, 2},
		{"SET nick = nick", 0, 0},
	} {
		w.ask("PutItem", fresh(city+level+rank+nick))
		in := fmt.Sprintf("'Key': {'team': {'S': 'blue'}, 'no': {'S': '%d'}}, 'UpdateExpression': '%s'", n, c.update)
		if strings.Contains(c.update, ":v") {
			in += ", 'ExpressionAttributeValues': {':v': {'S': 'new'}}"
		}
		for alias, name := range map[string]string{"#r": "rank", "#l": "level"} {
			if strings.Contains(c.update, alias) {
				in += ", 'ExpressionAttributeNames': {'" + alias + "': '" + name + "'}"
			}
		}
		w.hold(fact{"UpdateItem", in + asked, single(1, c.global, c.local)})
	}
	w.ask("PutItem", fresh(city+level+rank))
	gone := func(no int) string {
		return fmt.Sprintf("'Key': {'team': {'S': 'blue'}, 'no': {'S': '%d'}}", no) + asked
	}
	w.hold(
		fact{"DeleteItem", gone(n), single(1, 1, 1)},
		fact{"", gone(n), single(1, 0, 0)},
		fact{"", gone(3), single(1, 0, 0)},
		fact{"BatchWriteItem", "'RequestItems': {'tab': [{'PutRequest': {" + fresh(city+rank) + "}}, {'PutRequest': {" + fresh(nick) + "}}]}" + asked,
			"{'ConsumedCapacity':[" + used(2, 1, 0) + "],'UnprocessedItems':{}}"},
		fact{"BatchGetItem", "'RequestItems': {'tab': {'Keys': [{'team': {'S': 'blue'}, 'no': {'S': '1'}}]}}" + asked,
			"{'ConsumedCapacity':[{'CapacityUnits':0.5,'Table':{'CapacityUnits':0.5},'TableName':'tab'}],'Responses':{'tab':[{…}]},'UnprocessedKeys':{}}"},
		fact{"GetItem", "'Key': {'team': {'S': 'blue'}, 'no': {'S': 'none'}}, 'ConsistentRead': true" + asked, "{'ConsumedCapacity':{'CapacityUnits':1,'Table':{'CapacityUnits':1},'TableName':'tab'}}"},
		fact{"Query", "'KeyConditionExpression': 'team = :t', 'ExpressionAttributeValues': {':t': {'S': 'none'}}, 'ConsistentRead': true" + asked,
			"{'ConsumedCapacity':{'CapacityUnits':1,'Table':{'CapacityUnits':1},'TableName':'tab'},'Count':0,'Items':[],'ScannedCount':0}"},
	)
}

// TestFactsOfCollectionMetrics: SIZE is answered by tables with local indexes.
func TestFactsOfCollectionMetrics(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "team:S no:S", "-byRank team:S level:S ALL")
	const (
		size      = ", 'ReturnItemCollectionMetrics': 'SIZE'"
		key       = "{'team': {'S': 'blue'}, 'no': {'S': '1'}}"
		gigabytes = "'SizeEstimateRangeGB':[0,1]"
		told      = "{'ItemCollectionMetrics':{'ItemCollectionKey':{'team':{'S':'blue'}}," + gigabytes + "}}"
	)
	w.hold(
		fact{"PutItem", "'Item': " + key + size, told},
		fact{"", "'Item': " + key + strings.Replace(size, "SIZE", "NONE", 1), "{}"},
		fact{"UpdateItem", "'Key': " + key + ", 'UpdateExpression': 'SET x = team'" + size, told},
		fact{"DeleteItem", "'Key': " + key + size, told},
		fact{"BatchWriteItem", "'RequestItems': {'tab': [{'PutRequest': {'Item': " + key + "}}]}" + size,
			"{'ItemCollectionMetrics':{'tab':[{'ItemCollectionKey':{'team':{'S':'blue'}}," + gigabytes + "}]},'UnprocessedItems':{}}"},
		fact{"PutItem", "'Item': " + key + strings.Replace(size, "SIZE", "WEIGHT", 1),
			"ValidationException: 1 validation error detected: Value 'WEIGHT' at 'returnItemCollectionMetrics' failed to satisfy constraint: Member must satisfy enum value set: [SIZE, NONE]"},
	)
}

// TestFactsOfMissingTables: operations on one table that is not there.
func TestFactsOfMissingTables(t *testing.T) {
	w := newWorld(t)
	const none, key = "'TableName': '_none', ", "{'k': {'S': 'a'}}"
	w.hold(
		fact{"PutItem", none + "'Item': " + key, "ResourceNotFoundException: Requested resource not found"},
		fact{"GetItem", none + "'Key': " + key, "ResourceNotFoundException: Requested resource not found"},
		fact{"DeleteItem", none + "'Key': " + key, "ResourceNotFoundException: Requested resource not found"},
		fact{"DescribeTable", "'TableName': '_none'", "ResourceNotFoundException: Requested resource not found: Table: _none not found"},
		fact{"DeleteTable", "'TableName': '_none'", "ResourceNotFoundException: Requested resource not found: Table: _none not found"},
	)
}

// TestFactsOfBatchesOfItems: what batches leave and find.
func TestFactsOfBatchesOfItems(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "k:S")
	w.table("two", "k:S s:S")
	has := func(k string) string { return "{'Item':{'k':{'S':'" + k + "'},'n':{'N':'1'}}}" }
	get := func(k, want string) fact { return fact{"GetItem", "'Key': {'k': {'S': '" + k + "'}}", want} }
	put := func(k string) string { return "{'PutRequest': {'Item': {'k': {'S': '" + k + "'}, 'n': {'N': '1'}}}}" }
	del := func(k string) string { return "{'DeleteRequest': {'Key': {'k': {'S': '" + k + "'}}}}" }
	var keys, items []string
	for i := range 101 {
		keys = append(keys, fmt.Sprintf("{'k': {'S': '%d'}}", i))
		items = append(items, put(fmt.Sprint(i)))
	}
	const done, second = "{'UnprocessedItems':{}}", "{'k': {'S': 'x'}, 's': {'S': 'y'}}"
	w.hold(
		fact{"BatchWriteItem", "'RequestItems': {'tab': [" + put("a") + ", " + put("b") + ", " + put("c") + "]}", done},
		get("a", has("a")), get("c", has("c")),
		fact{"BatchWriteItem", "'RequestItems': {'tab': [" + del("a") + ", " + put("d") + ", " + del("none") + "]}", done},
		get("a", "{}"), get("d", has("d")),
		fact{"BatchWriteItem", "'RequestItems': {'tab': [" + put("e") + "], 'two': [{'PutRequest': {'Item': " + second + "}}]}", done},
		fact{"BatchGetItem", "'RequestItems': {'tab': {'Keys': [{'k': {'S': 'e'}}, {'k': {'S': 'none'}}], 'ConsistentRead': true}, 'two': {'Keys': [" + second + "]}}",
			"{'Responses':{'tab':[{'k':{'S':'e'},'n':{'N':'1'}}],'two':[{'k':{'S':'x'},'s':{'S':'y'}}]},'UnprocessedKeys':{}}"},
		fact{"BatchWriteItem", "'RequestItems': {'tab': [" + del("e") + "], 'two': [{'DeleteRequest': {'Key': " + second + "}}]}", done},
		fact{"BatchGetItem", "'RequestItems': {'tab': {'Keys': [{'k': {'S': 'e'}}]}, 'two': {'Keys': [" + second + "]}}", "{'Responses':{'tab':[],'two':[]},'UnprocessedKeys':{}}"},
		fact{"", "'RequestItems': {'tab': {'Keys': [{'k': {'S': 'b'}}], 'ProjectionExpression': 'nothing'}}", "{'Responses':{'tab':[{}]},'UnprocessedKeys':{}}"},
		fact{"", "'RequestItems': {'tab': {'Keys': [{'k': {'S': 'b'}}], 'ProjectionExpression': 'n, z'}}", "{'Responses':{'tab':[{'n':{'N':'1'}}]},'UnprocessedKeys':{}}"},
		fact{"", "'RequestItems': {'tab': {'Keys': [" + strings.Join(keys, ", ") + "]}}",
			"ValidationException: 1 validation error detected: Value at 'RequestItems.tab.member.Keys' failed to satisfy constraint: Member must have length less than or equal to 100"},
		fact{"", "'RequestItems': {'tab': {'Keys': [" + strings.Join(keys[:100], ", ") + "]}, 'two': {'Keys': [" + second + "]}}", "ValidationException: Too many items requested for the BatchGetItem call"},
		fact{"", "'RequestItems': {}", "ValidationException: 1 validation error detected: Value at 'RequestItems' failed to satisfy constraint: Member must have length greater than or equal to 1"},
		fact{"BatchWriteItem", "'RequestItems': {}", "ValidationException: The requestItems parameter is required for BatchWriteItem"},
		fact{"", "'RequestItems': {'tab': [" + strings.Join(items[:26], ", ") + "]}",
			"ValidationException: 1 validation error detected: …Map value must satisfy constraint: [Member must have length less than or equal to 25, Member must have length greater than or equal to 1]"},
		fact{"", "'RequestItems': {'tab': [" + strings.Join(items[:25], ", ") + "], 'two': [{'PutRequest': {'Item': " + second + "}}]}", "ValidationException: Too many items requested for the BatchWriteItem call"},
		fact{"", "'RequestItems': {'tab': [{'PutRequest': {'Item': {'other': {'S': 'x'}}}}]}", "ValidationException: The provided key element does not match the schema"},
	)
}

// TestFactsOfStoredItems: what is put is what is got.
func TestFactsOfStoredItems(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "k:S")
	w.table("num", "k:N")
	w.table("bin", "k:S s:B")
	nine := strings.Repeat("9", 38)
	for _, c := range []struct{ table, key, value, want string }{
		{"tab", "'k':{'S':'a'}", "{'M':{'a':{'M':{'b':{'M':{'c':{'S':'deep'}}}}}}}", ""},
		{"tab", "'k':{'S':'a'}", "{'L':[{'S':'s'},{'N':'1'},{'BOOL':true},{'BOOL':false},{'NULL':true},{'M':{'x':{'S':'y'}}},{'L':[]}]}", ""},
		{"tab", "'k':{'S':'a'}", "{'M':{'list':{'L':[{'M':{'n':{'N':'100'},'t':{'S':'first'}}},{'M':{'n':{'N':'200'},'t':{'S':'second'}}}]}}}", ""},
		{"tab", "'k':{'S':'a'}", "{'S':''}", ""}, {"tab", "'k':{'S':'a'}", "{'B':''}", ""}, {"tab", "'k':{'S':'a'}", "{'B':'AAF/gP7/'}", ""},
		{"tab", "'k':{'S':'a'}", "{'SS':['a','b','c']}", ""}, {"tab", "'k':{'S':'a'}", "{'NS':['1','2.5','3']}", ""}, {"tab", "'k':{'S':'a'}", "{'BS':['AQ==','Ag==']}", ""},
		{"tab", "'k':{'S':'a'}", "{'S':'" + strings.Repeat("x", 100<<10) + "'}", ""},
		{"tab", "'k':{'S':'a'}", "{'N':'" + nine + "'}", ""},
		{"tab", "'k':{'S':'a'}", "{'N':'9." + nine[1:] + "E+125'}", "{'N':'" + nine + strings.Repeat("0", 88) + "'}"},
		{"tab", "'k':{'S':'a'}", "{'N':'-9." + nine[1:] + "E+125'}", "{'N':'-" + nine + strings.Repeat("0", 88) + "'}"},
		{"num", "'k':{'N':'42'}", "{'S':'x'}", ""}, {"num", "'k':{'N':'3.14'}", "{'S':'x'}", ""}, {"num", "'k':{'N':'-100'}", "{'S':'x'}", ""},
		{"bin", "'k':{'S':'a'},'s':{'B':'AQID'}", "{'S':'x'}", ""}, {"bin", "'k':{'S':'a'},'s':{'B':'3q2+7w=='}", "{'S':'y'}", ""}, {"bin", "'k':{'S':'a'},'s':{'B':'/wB/gA=='}", "{'S':'z'}", ""},
	} {
		if c.want == "" {
			c.want = c.value
		}
		w.hold(
			fact{"PutItem", "'TableName': '" + c.table + "', 'Item': {" + c.key + ", 'v': " + c.value + "}", "{}"},
			fact{"GetItem", "'TableName': '" + c.table + "', 'ConsistentRead': true, 'Key': {" + c.key + "}", "{'Item':{" + c.key + ",'v':" + c.want + "}}"},
		)
	}
	const repeated = wrongly + "Input collection "
	w.hold(
		fact{"GetItem", "'TableName': 'num', 'Key': {'k': {'N': '42.00'}}", "{'Item':{'k':{'N':'42'},'v':{'S':'x'}}}"},
		fact{"GetItem", "'TableName': 'bin', 'Key': {'k': {'S': 'a'}, 's': {'B': 'AQIE'}}", "{}"},
		fact{"GetItem", "'TableName': 'bin', 'Key': {'k': {'S': 'a'}}", "ValidationException: The provided key element does not match the schema"},
		fact{"PutItem", "'Item': {'other': {'S': 'a'}}", wrongly + "Missing the key k in the item"},
		fact{"", "'Item': {'k': {'S': 'a'}, 'v': {'SS': []}}", wrongly + "An string set  may not be empty"},
		fact{"", "'Item': {'k': {'S': 'a'}, 'v': {'NS': []}}", wrongly + "An number set  may not be empty"},
		fact{"", "'Item': {'k': {'S': 'a'}, 'v': {'BS': []}}", wrongly + "Binary sets should not be empty"},
		fact{"", "'Item': {'k': {'S': 'a'}, 'v': {'SS': ['a', 'a']}}", repeated + "[a, a] contains duplicates."},
		fact{"", "'Item': {'k': {'S': 'a'}, 'v': {'NS': ['1', '1.0', '2']}}", "ValidationException: Input collection contains duplicates"},
		fact{"", "'Item': {'k': {'S': 'a'}, 'v': {'BS': ['AQ==', 'AQ==']}}", repeated + "[AQ==, AQ==]of type BS contains duplicates."},
		fact{"", "'Item': {'k': {'S': 'a'}, 'v': {'SS': ['', 'a']}}", "{}"},
		fact{"", "'Item': {'k': {'S': 'a'}, 'v': {'SS': ['', '']}}", repeated + "[, ] contains duplicates."},
		fact{"", "'Item': {'k': {'S': 'a'}, 'v': {'BS': ['', '']}}", repeated + "[, ]of type BS contains duplicates."},
		fact{"", "'Item': {'k': {'S': 'a'}, 'v': {'NS': ['']}}", "ValidationException: 1 validation error detected: The parameter cannot be converted to a numeric value: "},
		fact{"", "'Item': {'k': {'S': 'a'}}, 'Expected': {'k': {'Exists': false}}, 'ConditionExpression': 'attribute_not_exists(k)'",
			"ValidationException: Can not use both expression and non-expression parameters in the same request: Non-expression parameters: {Expected} Expression parameters: {ConditionExpression}"},
		fact{"", "'Item': {'k': {'S': 'a'}, 'v': {'S': 'first'}}", "{}"},
		fact{"", "'Item': {'k': {'S': 'a'}, 'w': {'S': 'second'}}, 'ReturnValues': 'ALL_OLD'", "{'Attributes':{'k':{'S':'a'},'v':{'S':'first'}}}"},
		fact{"DeleteItem", "'Key': {'k': {'S': 'a'}}, 'ReturnValues': 'ALL_OLD'", "{'Attributes':{'k':{'S':'a'},'w':{'S':'second'}}}"},
		fact{"DeleteItem", "'Key': {'k': {'S': 'a'}}", "{}"},
		fact{"GetItem", "'Key': {'k': {'S': 'a'}}, 'ConsistentRead': false", "{}"},
		fact{"DeleteItem", "'TableName': 'bin', 'Key': {'k': {'S': 'a'}, 's': {'B': 'AQID'}}", "{}"},
		fact{"GetItem", "'TableName': 'bin', 'Key': {'k': {'S': 'a'}, 's': {'B': 'AQID'}}", "{}"},
	)
}

// TestFactsOfProjectedParts: what a ProjectionExpression leaves of documents.
func TestFactsOfProjectedParts(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "k:S")
	w.put("tab", `{'k': {'S': 'a'}, 'm': {'M': {'x': {'S': 'X'}, 'y': {'S': 'Y'}, 'z': {'N': '1'}}}, 'l': {'L': [{'S': '0'}, {'S': '1'}, {'M': {'p': {'N': '2'}, 'q': {'N': '3'}}}]}}`)
	overlap := func(one, two string) string {
		return "ValidationException: Invalid ProjectionExpression: Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [" + one + "], path two: [" + two + "]"
	}
	for _, c := range []struct{ projection, names, want string }{
		{"#m.#x", "'#m': 'm', '#x': 'x'", "{'m':{'M':{'x':{'S':'X'}}}}"},
		{"#m.#y, #m.#x", "'#m': 'm', '#x': 'x', '#y': 'y'", "{'m':{'M':{'x':{'S':'X'},'y':{'S':'Y'}}}}"},
		{"l[0]", "", "{'l':{'L':[{'S':'0'}]}}"},
		{"l[2], l[0]", "", "{'l':{'L':[{'S':'0'},{'M':{'p':{'N':'2'},'q':{'N':'3'}}}]}}"}, // in the list's order, without gaps
		{"l[2].q, m.z", "", "{'l':{'L':[{'M':{'q':{'N':'3'}}}]},'m':{'M':{'z':{'N':'1'}}}}"},
		{"l[7], m.nothing", "", "{}"},
		{"m", "", "{'m':{'M':{'x':{'S':'X'},'y':{'S':'Y'},'z':{'N':'1'}}}}"},
		{"#m, #m.#x", "'#m': 'm', '#x': 'x'", overlap("m", "m, x")},
		{"m.x, m", "", overlap("m, x", "m")},
		{"m, m", "", overlap("m", "m")},
		{"#a, #b", "'#a': 'm', '#b': 'm'", overlap("m", "m")},
		{"m, #b", "'#b': 'm'", overlap("m", "m")},
		{"#a.#x, #b.#y", "'#a': 'm', '#b': 'm', '#x': 'x', '#y': 'x'", overlap("m, x", "m, x")},
		{"l[1], l[1]", "", overlap("l, [1]", "l, [1]")},
		{"#none", "", "ValidationException: Invalid ProjectionExpression: An expression attribute name used in the document path is not defined; attribute name: #none"},
	} {
		in := "'ProjectionExpression': '" + c.projection + "'"
		if c.names != "" {
			in += ", 'ExpressionAttributeNames': {" + c.names + "}"
		}
		one, many, scanned := c.want, c.want, c.want
		if strings.HasPrefix(c.want, "{") {
			one, many, scanned = "{'Item':"+c.want+"}", "{'Responses':{'tab':["+c.want+"]},'UnprocessedKeys':{}}", "{'Count':0,'Items':[],'ScannedCount':1}"
		}
		w.hold(
			fact{"GetItem", "'Key': {'k': {'S': 'a'}}, " + in, one},
			fact{"BatchGetItem", "'RequestItems': {'tab': {'Keys': [{'k': {'S': 'a'}}], " + in + "}}", many},
			fact{"Scan", in + ", 'FilterExpression': 'k = :none', 'ExpressionAttributeValues': {':none': {'S': 'none'}}", scanned},
		)
	}
}

// TestFactsOfParentheses: conditions of puts and deletes, with parentheses, functions and operators.
func TestFactsOfParentheses(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "k:S")
	const no = "ConditionalCheckFailedException: The conditional request failed"
	for _, c := range []struct{ condition, there, missing string }{
		{"(attribute_exists(k)) AND (#s = :on)", "{}", no},
		{"(attribute_exists(k) AND #s = :on)", "{}", no},
		{"(attribute_exists(k) AND (#s = :on))", "{}", no},
		{"(attribute_exists(k)) AND (#s = :off)", no, no},
		{"(attribute_not_exists(k)) AND (attribute_not_exists(#s))", no, "{}"},
		{"(attribute_not_exists(k) AND (attribute_not_exists(#s)))", no, "{}"},
		{"((attribute_not_exists(k)) OR (#s = :on))", "{}", "{}"},
		{"NOT attribute_exists(k) AND attribute_not_exists(#s)", no, "{}"},
		{"#s <> :off", "{}", "{}"},
		{"#s <> :off OR #s < :on", "{}", "{}"},
		{"#s = :off", no, no},
		{"size(#s) < size(:off)", "{}", no},
		{"contains(#s, :part)", "{}", no},
		{"attribute_type(#s, :type)", "{}", no},
		{"doc.#s = :on AND attribute_exists(doc.#s) AND attribute_not_exists(doc.nothing)", "{}", no},
		{"#s = :off OR doc.#s = :on", "{}", no},
		{"nr > :three", "{}", no}, {"nr > :ten", no, no},
	} {
		var values []string
		for name, v := range map[string]string{":on": "{'S': 'on'}", ":off": "{'S': 'off'}", ":part": "{'S': 'n'}", ":type": "{'S': 'S'}", ":three": "{'N': '3'}", ":ten": "{'N': '10'}"} {
			if strings.Contains(c.condition, name) {
				values = append(values, "'"+name+"': "+v)
			}
		}
		in := ", 'ConditionExpression': '" + c.condition + "'"
		if strings.Contains(c.condition, "#s") {
			in += ", 'ExpressionAttributeNames': {'#s': 'status'}"
		}
		if values != nil {
			in += ", 'ExpressionAttributeValues': {" + strings.Join(values, ", ") + "}"
		}
		const item = "{'k': {'S': 'a'}, 'status': {'S': 'on'}, 'nr': {'N': '5'}, 'doc': {'M': {'status': {'S': 'on'}}}}"
		w.ask("PutItem", "'Item': "+item)
		w.hold(
			fact{"PutItem", "'Item': " + item + in, c.there},
			fact{"PutItem", "'Item': {'k': {'S': 'missing'}}" + in, c.missing},
			fact{"DeleteItem", "'Key': {'k': {'S': 'a'}}" + in, c.there},
			fact{"DeleteItem", "'Key': {'k': {'S': 'never'}}" + in, c.missing},
		)
		left := "{'Item':…}"
		if c.there == "{}" {
			left = "{}"
		}
		w.hold(fact{"GetItem", "'Key': {'k': {'S': 'a'}}", left})
		w.ask("DeleteItem", "'Key': {'k': {'S': 'missing'}}")
	}
}
