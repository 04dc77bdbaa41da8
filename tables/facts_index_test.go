package tables

import (
	"fmt"
	"strings"
	"testing"
)

// TestFactsOfIndexKeys: what the keys of indexes do to writes.
func TestFactsOfIndexKeys(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "p:S", "byX x:S ALL", "byAB a:S b:N ALL")
	const (
		scalars = "ValidationException: Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: IndexKey: x"
		wrong   = "ValidationException: One or more parameter values were invalid: Type mismatch for Index Key x Expected: S Actual: %s IndexName: byX"
		empty   = "ValidationException: One or more parameter values are not valid. A value specified for a secondary index key is not supported. The AttributeValue for a key attribute cannot contain an empty string value. IndexName: byX, IndexKey: x"
	)
	count := func(index string, n int) fact {
		return fact{"Scan", "'IndexName': '" + index + "', 'Select': 'COUNT'", fmt.Sprintf("{'Count':%d,'ScannedCount':%d}", n, n)}
	}
	for _, c := range []struct{ value, kind string }{{"{'N': '1'}", "N"}, {"{'M': {'y': {'S': '1'}}}", "M"}, {"{'L': []}", "L"}, {"{'NULL': true}", "NULL"}, {"{'BOOL': false}", "BOOL"}, {"{'B': 'AA=='}", "B"}, {"{'SS': ['x']}", "SS"}} {
		w.hold(
			fact{"PutItem", "'Item': {'p': {'S': 'q'}, 'x': " + c.value + "}", fmt.Sprintf(wrong, c.kind)},
			fact{"UpdateItem", "'Key': {'p': {'S': 'q'}}, 'UpdateExpression': 'SET x = :v', 'ExpressionAttributeValues': {':v': " + c.value + "}", fmt.Sprintf(wrong, c.kind)},
			fact{"UpdateItem", "'Key': {'p': {'S': 'q'}}, 'AttributeUpdates': {'x': {'Value': " + c.value + "}}", fmt.Sprintf(wrong, c.kind)},
			fact{"BatchWriteItem", "'RequestItems': {'tab': [{'PutRequest': {'Item': {'p': {'S': 'r'}}}}, {'PutRequest': {'Item': {'p': {'S': 'q'}, 'x': " + c.value + "}}}]}", fmt.Sprintf(wrong, c.kind)},
		)
	}
	w.hold(
		fact{"Scan", "'Select': 'COUNT'", "{'Count':0,'ScannedCount':0}"}, // none of these wrote anything
		fact{"PutItem", "'Item': {'p': {'S': 'q'}, 'x': {'S': ''}}", empty},
		fact{"UpdateItem", "'Key': {'p': {'S': 'q'}}, 'UpdateExpression': 'SET x = :v', 'ExpressionAttributeValues': {':v': {'S': ''}}", "ValidationException: One or more parameter values are not valid. The update expression attempted to update a secondary index key to a value that is not supported. The AttributeValue for a key attribute cannot contain an empty string value."},
		fact{"", "'Key': {'p': {'S': 'q'}}, 'UpdateExpression': 'SET x.y = :v', 'ExpressionAttributeValues': {':v': {'S': '1'}}", scalars},
		fact{"", "'Key': {'p': {'S': 'q'}}, 'UpdateExpression': 'SET x[1] = :v', 'ExpressionAttributeValues': {':v': {'S': '1'}}", scalars},
		fact{"", "'Key': {'p': {'S': 'q'}}, 'UpdateExpression': 'REMOVE x.y'", scalars},
		fact{"", "'Key': {'p': {'S': 'q'}}, 'UpdateExpression': 'SET y = if_not_exists(y, :v)', 'ExpressionAttributeValues': {':v': {'S': ''}}", "{}"}, // other attributes may be empty
		// An item is in an index when it has all of its keys.
		fact{"PutItem", "'Item': {'p': {'S': 'q'}, 'b': {'N': '1'}}", "{}"}, count("byAB", 0),
		fact{"PutItem", "'Item': {'p': {'S': 'q'}, 'a': {'S': 'x'}}", "{}"}, count("byAB", 0),
		fact{"UpdateItem", "'Key': {'p': {'S': 'q'}}, 'UpdateExpression': 'ADD b :v', 'ExpressionAttributeValues': {':v': {'N': '2'}}", "{}"}, count("byAB", 1),
		fact{"UpdateItem", "'Key': {'p': {'S': 'q'}}, 'AttributeUpdates': {'b': {'Value': {'N': '2.0'}}}", "{}"}, count("byAB", 1), // the value it had
		fact{"UpdateItem", "'Key': {'p': {'S': 'q'}}, 'AttributeUpdates': {'b': {'Value': {'N': '2'}}, 'd': {'Value': {'S': 'new'}}}", "{}"},
		fact{"Query", "'IndexName': 'byAB', 'KeyConditionExpression': 'a = :a AND b = :b', 'ExpressionAttributeValues': {':a': {'S': 'x'}, ':b': {'N': '2'}}", "{'Count':1,'Items':[{'a':{'S':'x'},'b':{'N':'2'},'d':{'S':'new'},'p':{'S':'q'}}],'ScannedCount':1}"},
		fact{"UpdateItem", "'Key': {'p': {'S': 'q'}}, 'UpdateExpression': 'SET b = b + b'", "{}"}, count("byAB", 1),
		fact{"Query", "'IndexName': 'byAB', 'KeyConditionExpression': 'a = :a AND b = :b', 'ExpressionAttributeValues': {':a': {'S': 'x'}, ':b': {'N': '2'}}", "{'Count':0,'Items':[],'ScannedCount':0}"},
		fact{"UpdateItem", "'Key': {'p': {'S': 'q'}}, 'UpdateExpression': 'REMOVE a'", "{}"}, count("byAB", 0),
		fact{"DeleteItem", "'Key': {'p': {'S': 'none'}}", "{}"},
		// Items with the same keys of an index are all there.
		fact{"PutItem", "'Item': {'p': {'S': 'q'}, 'x': {'S': 'same'}}", "{}"},
		fact{"PutItem", "'Item': {'p': {'S': 'r'}, 'x': {'S': 'same'}}", "{}"}, count("byX", 2),
		fact{"Query", "'IndexName': 'byX', 'KeyConditions': {'x': {'ComparisonOperator': 'EQ', 'AttributeValueList': [{'S': 'same'}]}}, 'Limit': 1, 'Select': 'COUNT'", "{'Count':1,'LastEvaluatedKey':{'p':{'S':'…'},'x':{'S':'same'}},'ScannedCount':1}"},
		fact{"Query", "'IndexName': 'byX', 'KeyConditions': {'x': {'ComparisonOperator': 'EQ', 'AttributeValueList': [{'S': 'same'}]}}, 'ExclusiveStartKey': {'p': {'S': 'q'}}", "ValidationException: The provided starting key is invalid"},
		fact{"Query", "'IndexName': 'byX', 'KeyConditions': {'x': {'ComparisonOperator': 'EQ', 'AttributeValueList': [{'S': 'same'}]}}, 'ExclusiveStartKey': {'p': {'S': 'q'}, 'x': {'S': 'same'}, 'b': {'N': '1'}}", "ValidationException: The provided starting key is invalid"},
		fact{"Query", "'IndexName': 'byX', 'KeyConditions': {'x': {'ComparisonOperator': 'EQ', 'AttributeValueList': [{'S': 'same'}]}}, 'ConsistentRead': true", "ValidationException: Consistent reads are not supported on global secondary indexes"},
		fact{"Scan", "'IndexName': 'byX', 'ConsistentRead': true", "ValidationException: Consistent reads are not supported on global secondary indexes"},
		fact{"Scan", "'IndexName': 'none'", "ValidationException: The table does not have the specified index: none"},
		fact{"Query", "'IndexName': 'none', 'KeyConditionExpression': 'x = :x', 'ExpressionAttributeValues': {':x': {'S': 'a'}}", "ValidationException: The table does not have the specified index: none"},
		fact{"Query", "'IndexName': 'byX', 'KeyConditionExpression': 'p = :x', 'ExpressionAttributeValues': {':x': {'S': 'a'}}", "ValidationException: Query condition missed key schema element: x"},
		fact{"Query", "'IndexName': 'byX', 'KeyConditionExpression': 'x = :x AND p = :x', 'ExpressionAttributeValues': {':x': {'S': 'a'}}", "ValidationException: Query key condition not supported"},
	)
}

// TestFactsOfProjections: what reads of indexes show.
func TestFactsOfProjections(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "p:S c:S", "keys x:S KEYS_ONLY", "some x:S INCLUDE:a,x,b", "every x:S ALL", "-lkeys p:S x:S KEYS_ONLY", "-lsome p:S x:S INCLUDE:a,p", "zkeys z:S KEYS_ONLY")
	w.put("tab", `{'p': {'S': '1'}, 'c': {'S': '2'}, 'x': {'S': '3'}, 'a': {'S': '4'}, 'd': {'S': '5'}, 'z': {'S': '6'}}`)
	const (
		base   = "'c':{'S':'2'}"
		end    = "'p':{'S':'1'},'x':{'S':'3'}"
		all    = "{'a':{'S':'4'},'c':{'S':'2'},'d':{'S':'5'},'p':{'S':'1'},'x':{'S':'3'},'z':{'S':'6'}}"
		notAll = "ValidationException: One or more parameter values were invalid: Select type ALL_ATTRIBUTES is not supported for global secondary index %s because its projection type is not ALL"
		lacks  = "ValidationException: One or more parameter values were invalid: Global secondary index %s does not project [%s]"
	)
	one := func(item string) string { return "{'Count':1,'Items':[" + item + "],'ScannedCount':1}" }
	const counted = "{'Count':1,'ScannedCount':1}"
	for _, c := range []struct{ index, more, want string }{
		{"keys", "", one("{" + base + "," + end + "}")},
		{"keys", "'Select': 'ALL_PROJECTED_ATTRIBUTES'", one("{" + base + "," + end + "}")},
		{"keys", "'Select': 'ALL_ATTRIBUTES'", fmt.Sprintf(notAll, "keys")},
		{"keys", "'Select': 'COUNT'", counted},
		{"keys", "'Select': 'SPECIFIC_ATTRIBUTES', 'ProjectionExpression': 'p'", one("{'p':{'S':'1'}}")},
		{"keys", "'ProjectionExpression': 'a, d'", "ValidationException: …keys…"},
		{"some", "", one("{'a':{'S':'4'}," + base + "," + end + "}")},
		{"some", "'Select': 'ALL_PROJECTED_ATTRIBUTES'", one("{'a':{'S':'4'}," + base + "," + end + "}")},
		{"some", "'Select': 'ALL_ATTRIBUTES'", fmt.Sprintf(notAll, "some")},
		{"some", "'Select': 'SPECIFIC_ATTRIBUTES', 'AttributesToGet': ['a']", one("{'a':{'S':'4'}}")},
		{"some", "'AttributesToGet': ['b', 'x']", one("{'x':{'S':'3'}}")},
		{"some", "'AttributesToGet': ['d']", fmt.Sprintf(lacks, "some", "d")},
		{"every", "", one(all)},
		{"every", "'Select': 'ALL_PROJECTED_ATTRIBUTES'", one(all)},
		{"every", "'Select': 'ALL_ATTRIBUTES'", one(all)},
		{"every", "'Select': 'COUNT'", counted},
		{"every", "'AttributesToGet': ['d']", one("{'d':{'S':'5'}}")},
		{"lkeys", "", one("{" + base + "," + end + "}")},
		{"lkeys", "'Select': 'ALL_PROJECTED_ATTRIBUTES'", one("{" + base + "," + end + "}")},
		{"lkeys", "'Select': 'ALL_ATTRIBUTES'", one(all)}, // read from the table
		{"lkeys", "'ProjectionExpression': 'd'", one("{'d':{'S':'5'}}")},
		{"lkeys", "'Select': 'COUNT', 'ConsistentRead': true", counted},
		{"lsome", "", one("{'a':{'S':'4'}," + base + "," + end + "}")},
		{"lsome", "'Select': 'ALL_ATTRIBUTES'", one(all)},
		{"lsome", "'Select': 'SPECIFIC_ATTRIBUTES', 'AttributesToGet': ['d', 'a']", one("{'a':{'S':'4'},'d':{'S':'5'}}")},
		{"lsome", "'Select': 'COUNT'", counted},
	} {
		in := "'IndexName': '" + c.index + "', 'KeyConditionExpression': 'x = :x', 'ExpressionAttributeValues': {':x': {'S': '3'}}"
		if c.index[0] == 'l' {
			in = "'IndexName': '" + c.index + "', 'KeyConditionExpression': 'p = :p AND x = :x', 'ExpressionAttributeValues': {':p': {'S': '1'}, ':x': {'S': '3'}}"
		}
		more := ""
		if c.more != "" {
			more = ", " + c.more
		}
		if strings.Contains(c.more, "AttributesToGet") { // not with expressions
			in = "'IndexName': '" + c.index + "', 'KeyConditions': {'x': {'ComparisonOperator': 'EQ', 'AttributeValueList': [{'S': '3'}]}}"
			if c.index[0] == 'l' {
				in = in[:len(in)-1] + ", 'p': {'ComparisonOperator': 'EQ', 'AttributeValueList': [{'S': '1'}]}}"
			}
		}
		w.hold(fact{"Query", in + more, c.want}, fact{"Scan", "'IndexName': '" + c.index + "'" + more, c.want})
	}
}
