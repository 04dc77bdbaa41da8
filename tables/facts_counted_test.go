package tables

import (
	"fmt"
	"strings"
	"testing"
)

// TestFactsOfCountedMistakes: since June 2026 writes of one item count what is wrong with them in themselves, and nothing else does.
// The facts of older suites are held without that.
func TestFactsOfCountedMistakes(t *testing.T) {
	w := errorsWorld(t)
	const (
		one   = "ValidationException: 1 validation error detected: "
		bad   = one + "One or more parameter values were invalid: "
		mixed = one + "Can not use both expression and non-expression parameters in the same request: Non-expression parameters: {%s} Expression parameters: {%s}"
		key   = "'Key': {'k': {'S': 'a'}}, "
		value = ", 'ExpressionAttributeValues': {':v': {'S': 'x'}}"
	)
	put := func(v string) string { return "'Item': {'k': {'S': 'a'}, 'v': " + v + "}" }
	w.hold(
		fact{"PutItem", put("{'SS': []}"), bad + "An string set  may not be empty"},
		fact{"", put("{'NS': []}"), bad + "An number set  may not be empty"},
		fact{"", put("{'BS': []}"), bad + "Binary sets should not be empty"},
		fact{"", put("{'M': {'x': {'SS': []}}}"), bad + "An string set  may not be empty"},
		fact{"", put("{'L': [{'SS': []}]}"), bad + "An string set  may not be empty"},
		fact{"", put("{'SS': ['a', 'a']}"), bad + "Input collection …a…, …a…] contains duplicates."},
		fact{"", put("{'SS': ['', '']}"), bad + "Input collection …, …] contains duplicates."},
		fact{"", put("{'BS': ['', '']}"), bad + "Input collection …]of type BS contains duplicates."},
		fact{"", put("{'NS': ['']}"), one + "The parameter cannot be converted to a numeric value: "},
		fact{"", put("{'NULL': false}"), bad + "Null attribute value types must have the value of true"},
		fact{"", put("{'N': '123456789012345678901234567890123456789'}"), one + "Attempting to store more than 38 significant digits in a Number"},
		fact{"", put("{'S': 'x'}") + ", 'Expected': {'k': {'Exists': false}}, 'ConditionExpression': 'attribute_not_exists(k)'", fmt.Sprintf(mixed, "Expected", "ConditionExpression")},
		fact{"", put("{'S': 'x'}") + value, one + "ExpressionAttributeValues can only be specified when using expressions"},
		fact{"", put("{'S': 'x'}") + ", 'ConditionExpression': '((attribute_not_exists(k)))'", one + "Invalid ConditionExpression: The expression has redundant parentheses;"},
		fact{"", put("{'S': 'x'}") + ", 'ConditionExpression': 'contains(#v, #v)', 'ExpressionAttributeNames': {'#v': 'data'}", one + "Invalid ConditionExpression: The first operand must be distinct from the remaining operands for this operator or function; operator: contains, first operand: [data]"},
		fact{"", put("{'S': 'x'}") + ", 'ConditionExpression': 'status = :v'" + value, one + "Invalid ConditionExpression: Attribute name is a reserved keyword; reserved keyword: status"},
		fact{"DeleteItem", key + "'Expected': {'k': {'Exists': false}}, 'ConditionExpression': 'attribute_not_exists(k)'", fmt.Sprintf(mixed, "Expected", "ConditionExpression")},
		fact{"UpdateItem", key + "'UpdateExpression': 'WRONG SYNTAX HERE'" + value, one + `Invalid UpdateExpression: Syntax error; token: "WRONG", near: "WRONG SYNTAX"`},
		fact{"", key + "'UpdateExpression': 'SET v = :v', 'ExpressionAttributeNames': {'#n': 'x'}" + value, one + "Value provided in ExpressionAttributeNames unused in expressions: keys: {#n}"},
		fact{"", key + "'UpdateExpression': 'SET v = :v', 'ExpressionAttributeValues': {':v': {'S': 'x'}, ':w': {'S': 'x'}}", one + "Value provided in ExpressionAttributeValues unused in expressions: keys: {:w}"},
		fact{"", key + "'UpdateExpression': 'SET v = :v'", one + "Invalid UpdateExpression: An expression attribute value used in expression is not defined; attribute value: :v"},
		fact{"", key + "'UpdateExpression': 'SET v = :v', 'AttributeUpdates': {'v': {'Value': {'S': 'x'}}}" + value, fmt.Sprintf(mixed, "AttributeUpdates", "UpdateExpression")},
		fact{"", key + "'UpdateExpression': ''", one + "Invalid UpdateExpression: The expression can not be empty;"},
		fact{"", key + "'UpdateExpression': 'SET status = :v, name = :v'" + value, one + "Invalid UpdateExpression: Attribute name is a reserved keyword; reserved keyword: status"},
		fact{"", key + "'UpdateExpression': 'SET v = :v', 'ExpressionAttributeValues': {':v': " + nest(32) + "}", one + "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit"},
		fact{"", key + "'UpdateExpression': 'SET v = :v', 'ExpressionAttributeValues': {':v': " + nest(31) + "}", "{}"},
		fact{"BatchWriteItem", "'RequestItems': {'tab': [{'PutRequest': {" + put("{'SS': []}") + "}}]}", strings.Replace(bad, "1 validation error detected: ", "", 1) + "An string set  may not be empty"},
	)
}

// TestFactsOfOldParameters: what was there before expressions, and values that are empty.
func TestFactsOfOldParameters(t *testing.T) {
	w := errorsWorld(t)
	const (
		no  = "ConditionalCheckFailedException: The conditional request failed"
		key = "'Key': {'k': {'S': 'a'}}, "
	)
	eq := func(name, v string) string {
		return "'" + name + "': {'ComparisonOperator': 'EQ', 'AttributeValueList': [" + v + "]}"
	}
	w.hold(
		fact{"PutItem", "'Item': {'k': {'S': 'a'}, 's': {'S': 'on'}, 'r': {'S': 'one'}, 'tags': {'SS': ['a', 'b', 'c']}, 'n': {'N': '10'}}, 'Expected': {'k': {'Exists': false}}", "{}"},
		fact{"", "'Item': {'k': {'S': 'a'}}, 'Expected': {'k': {'Exists': false}}", no},
		fact{"", "'Item': {'k': {'S': 'a'}}, 'Expected': {" + eq("s", "{'S': 'off'}") + "}", no},
		fact{"", "'Item': {'k': {'S': 'a'}}, 'Expected': {" + eq("s", "{'S': 'on'}") + ", " + eq("r", "{'S': 'two'}") + "}, 'ConditionalOperator': 'AND'", no},
		fact{"DeleteItem", key + "'Expected': {'s': {'Exists': false}}", no},
		fact{"UpdateItem", key + "'Expected': {" + eq("s", "{'S': 'on'}") + ", " + eq("r", "{'S': 'two'}") + "}, 'ConditionalOperator': 'OR', 'AttributeUpdates': {'tags': {'Action': 'DELETE', 'Value': {'SS': ['b']}}, 'n': {'Action': 'ADD', 'Value': {'N': '5'}}, 'r': {'Action': 'DELETE'}, 'v': {'Value': {'S': 'put'}}}, 'ReturnValues': 'ALL_NEW'",
			"{'Attributes':{'k':{'S':'a'},'n':{'N':'15'},'s':{'S':'on'},'tags':{'SS':['a','c']},'v':{'S':'put'}}}"},
		fact{"GetItem", key + "'AttributesToGet': ['n', 'none']", "{'Item':{'n':{'N':'15'}}}"}, // the key is not added
		fact{"Scan", "'AttributesToGet': ['k', 's']", "{'Count':1,'Items':[{'k':{'S':'a'},'s':{'S':'on'}}],'ScannedCount':1}"},
		fact{"BatchGetItem", "'RequestItems': {'tab': {'Keys': [{'k': {'S': 'a'}}], 'AttributesToGet': ['s']}}", "{'Responses':{'tab':[{'s':{'S':'on'}}]},'UnprocessedKeys':{}}"},
		fact{"Scan", "'Select': 'COUNT', 'ScanFilter': {'s': {'ComparisonOperator': 'BEGINS_WITH', 'AttributeValueList': [{'S': 'o'}]}, 'n': {'ComparisonOperator': 'GT', 'AttributeValueList': [{'N': '15'}]}}, 'ConditionalOperator': 'AND'", "{'Count':0,'ScannedCount':1}"},
		fact{"", "'ScanFilter': {" + eq("n", "{'N': '15'}") + "}, 'FilterExpression': 'n = :v', 'ExpressionAttributeValues': {':v': {'N': '15'}}", "ValidationException: Can not use both expression and non-expression parameters in the same request: Non-expression parameters: {ScanFilter} Expression parameters: {FilterExpression}"},
		fact{"DeleteItem", key + "'Expected': {'s': {'Exists': true, 'Value': {'S': 'on'}}}", "{}"},
		fact{"PutItem", "'Item': {'k': {'S': 'a'}, 's': {'S': ''}, 'b': {'B': ''}, 'l': {'L': [{'S': ''}]}, 'ss': {'SS': ['', 'a']}, 'bs': {'BS': ['', 'AQ==']}}", "{}"},
		fact{"GetItem", "'Key': {'k': {'S': 'a'}}", "{'Item':{'b':{'B':''},'bs':{'BS':['','AQ==']},'k':{'S':'a'},'l':{'L':[{'S':''}]},'s':{'S':''},'ss':{'SS':['','a']}}}"},
		fact{"Scan", "'Select': 'COUNT', 'FilterExpression': 'contains(ss, :v)', 'ExpressionAttributeValues': {':v': {'S': ''}}", "{'Count':1,'ScannedCount':1}"},
		fact{"UpdateItem", key + "'UpdateExpression': 'DELETE ss :v', 'ExpressionAttributeValues': {':v': {'SS': ['a']}}, 'ReturnValues': 'UPDATED_NEW'", "{'Attributes':{'ss':{'SS':['']}}}"},
		fact{"", key + "'UpdateExpression': 'ADD ss :v, more :v', 'ExpressionAttributeValues': {':v': {'SS': ['']}}, 'ReturnValues': 'UPDATED_NEW'", "{'Attributes':{'more':{'SS':['']},'ss':{'SS':['']}}}"},
		fact{"", key + "'UpdateExpression': 'DELETE ss :v', 'ExpressionAttributeValues': {':v': {'SS': ['']}}, 'ReturnValues': 'ALL_NEW'", "{'Attributes':{'b':{'B':''},'bs':{'BS':['','AQ==']},'k':{'S':'a'},'l':{'L':[{'S':''}]},'more':{'SS':['']},'s':{'S':''}}}"},
	)
	for i, c := range []string{"ant", "bee", "cow"} {
		w.put("pair", fmt.Sprintf(`{'p': {'S': 'a'}, 'c': {'S': '%s'}, 'n': {'N': '%d'}, 't': {'BOOL': %t}}`, c, i, i == 1))
	}
	of := "'TableName': 'pair', 'AttributesToGet': ['c'], 'KeyConditions': {" + eq("p", "{'S': 'a'}")
	w.hold(
		fact{"Query", of + "}, 'ScanIndexForward': false", "{'Count':3,'Items':[{'c':{'S':'cow'}},{'c':{'S':'bee'}},{'c':{'S':'ant'}}],'ScannedCount':3}"},
		fact{"", of + ", 'c': {'ComparisonOperator': 'BETWEEN', 'AttributeValueList': [{'S': 'bee'}, {'S': 'cow'}]}}", "{'Count':2,'Items':[{'c':{'S':'bee'}},{'c':{'S':'cow'}}],'ScannedCount':2}"},
		fact{"", of + ", 'c': {'ComparisonOperator': 'GT', 'AttributeValueList': [{'S': 'bee'}]}}", "{'Count':1,'Items':[{'c':{'S':'cow'}}],'ScannedCount':1}"},
		fact{"", of + ", 'c': {'ComparisonOperator': 'BEGINS_WITH', 'AttributeValueList': [{'S': 'an'}]}}", "{'Count':1,'Items':[{'c':{'S':'ant'}}],'ScannedCount':1}"},
		fact{"", of + "}, 'QueryFilter': {" + eq("t", "{'BOOL': true}") + "}", "{'Count':1,'Items':[{'c':{'S':'bee'}}],'ScannedCount':3}"},
	)
}
