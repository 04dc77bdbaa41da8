package tables

import (
	"fmt"
	"strings"
	"testing"
)

// errorsWorld has tables whose keys and index keys are of every kind.
func errorsWorld(t *testing.T) *world {
	w := newWorld(t)
	w.table("tab", "k:S")
	w.table("bin", "k:B")
	w.table("pair", "p:S c:S", "-loc p:S x:S ALL", "glo x:S ALL", "alt p:S c:S ALL")
	w.table("blob", "k:S", "gbin z:B ALL")
	return w
}

const (
	noTable   = "ResourceNotFoundException: Requested resource not found"
	noMatch   = "ValidationException: The provided key element does not match the schema"
	emptyBin  = "ValidationException: One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty binary value. Key: k"
	duplicate = "ValidationException: Provided list of item keys contains duplicates"
)

// TestFactsOfBatchErrors: what is wrong with a batch.
func TestFactsOfBatchErrors(t *testing.T) {
	w := errorsWorld(t)
	const overlap = "ValidationException: Invalid ProjectionExpression: Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a], path two: [a"
	get := func(table, more string) string {
		return "'RequestItems': {'" + table + "': {'Keys': [{'k': {'S': 'a'}}]" + more + "}}"
	}
	keys := func(n int) string {
		list := make([]string, n)
		for i := range list {
			list[i] = fmt.Sprintf("{'k': {'S': '%d'}}", i)
		}
		return "'RequestItems': {'tab': {'Keys': [" + strings.Join(list, ", ") + "]}}"
	}
	w.hold(
		fact{"BatchGetItem", "'RequestItems': {}", "ValidationException: 1 validation error detected: Value at 'RequestItems' failed to satisfy constraint: Member must have length greater than or equal to 1"},
		fact{"", keys(101), "ValidationException: 1 validation error detected: Value at 'RequestItems.tab.member.Keys' failed to satisfy constraint: Member must have length less than or equal to 100"},
		fact{"", keys(100), "{'Responses':{'tab':[]},'UnprocessedKeys':{}}"},
		fact{"", get("none", ""), noTable},
		fact{"", "'RequestItems': {'tab': {'Keys': [{'k': {'S': 'a'}}, {'k': {'S': 'a'}}]}}", duplicate},
		fact{"", get("tab", ", 'AttributesToGet': ['k'], 'ProjectionExpression': 'k'"), "ValidationException: Can not use both expression and non-expression parameters in the same request: Non-expression parameters: {AttributesToGet} Expression parameters: {ProjectionExpression}"},
		fact{"", "'RequestItems': {'bin': {'Keys': [{'k': {'B': ''}}]}}", emptyBin},
		fact{"", "'RequestItems': {'tab': {'Keys': [{'k': {'S': 'a'}}], 'ProjectionExpression': 'k'}, 'pair': {'Keys': [{'p': {'S': 'a'}, 'c': {'S': 'b'}}], 'AttributesToGet': ['p']}}", "ValidationException: …"},
		fact{"", get("tab", ", 'ProjectionExpression': 'a, a'"), overlap + "]"},
		fact{"", get("tab", ", 'ProjectionExpression': '#x, #y', 'ExpressionAttributeNames': {'#x': 'a', '#y': 'a'}"), overlap + "]"},
		fact{"", get("tab", ", 'ProjectionExpression': 'a, a.b'"), overlap + ", b]"},
		fact{"", "'RequestItems': {'tab': {'Keys': [{'k': {'S': 'a'}}], 'ProjectionExpression': 'a, a'}, 'pair': {'Keys': [{'p': {'S': 'a'}, 'c': {'S': 'b'}}], 'ProjectionExpression': 'a'}}", overlap + "]"},
	)
	put := func(table, item string) string {
		return "'RequestItems': {'" + table + "': [{'PutRequest': {'Item': {" + item + "}}}]}"
	}
	puts := func(n int) string {
		list := make([]string, n)
		for i := range list {
			list[i] = fmt.Sprintf("{'PutRequest': {'Item': {'k': {'S': '%d'}}}}", i)
		}
		return "'RequestItems': {'tab': [" + strings.Join(list, ", ") + "]}"
	}
	const (
		wrong    = "ValidationException: One or more parameter values were invalid: Type mismatch for Index Key x Expected: S Actual: %s IndexName: glo"
		emptyKey = "ValidationException: One or more parameter values are not valid. A value specified for a secondary index key is not supported. The AttributeValue for a key attribute cannot contain an empty %s value. IndexName: %s, IndexKey: %s"
	)
	w.hold(
		fact{"BatchWriteItem", "'RequestItems': {}", "ValidationException: The requestItems parameter is required for BatchWriteItem"},
		fact{"", puts(26), "ValidationException: 1 validation error detected: Value '{tab=[…]}' at 'requestItems' failed to satisfy constraint: Map value must satisfy constraint: [Member must have length less than or equal to 25, Member must have length greater than or equal to 1]"},
		fact{"", puts(25), "{'UnprocessedItems':{}}"},
		fact{"", "'RequestItems': {'tab': [{'PutRequest': {'Item': {'k': {'S': 'a'}}}}, {'DeleteRequest': {'Key': {'k': {'S': 'a'}}}}]}", duplicate},
		fact{"", put("none", "'k': {'S': 'a'}"), noTable},
		fact{"", put("tab", "'k': {'N': '5'}"), noMatch},
		fact{"", put("tab", "'k': {'L': [{'S': 'a'}]}"), noMatch},
		fact{"", put("bin", "'k': {'B': ''}"), emptyBin},
		fact{"", "'RequestItems': {'bin': [{'DeleteRequest': {'Key': {'k': {'B': ''}}}}]}", emptyBin},
		fact{"", put("pair", "'p': {'S': 'a'}, 'c': {'S': 'b'}, 'x': {'N': '5'}"), fmt.Sprintf(wrong, "N")},
		fact{"", put("pair", "'p': {'S': 'a'}, 'c': {'S': 'b'}, 'x': {'L': [{'S': 'x'}]}"), fmt.Sprintf(wrong, "L")},
		fact{"", put("pair", "'p': {'S': 'a'}, 'c': {'S': 'b'}, 'x': {'S': ''}"), fmt.Sprintf(emptyKey, "string", "glo", "x")},
		fact{"", put("blob", "'k': {'S': 'a'}, 'z': {'B': ''}"), fmt.Sprintf(emptyKey, "binary", "gbin", "z")},
	)
}

// TestFactsOfItemErrors: what is wrong with a request for one item.
func TestFactsOfItemErrors(t *testing.T) {
	w := errorsWorld(t)
	w.put("tab", `{'k': {'S': 'a'}, 'v': {'S': 'old'}}`)
	const (
		no    = "ConditionalCheckFailedException: The conditional request failed"
		fresh = "'Expected': {'k': {'Exists': false}}, 'ConditionExpression': 'attribute_not_exists(k)'"
		part  = "ValidationException: One or more parameter values were invalid: Cannot update attribute %s. This attribute is part of the key"
	)
	long := strings.Repeat("a", 256)
	w.hold(
		fact{"PutItem", "'Item': {'k': {'S': 'a'}}, 'ConditionExpression': 'attribute_not_exists(k)'", no},
		fact{"DeleteItem", "'Key': {'k': {'S': 'a'}}, 'ConditionExpression': 'v = :v', 'ExpressionAttributeValues': {':v': {'S': 'x'}}", no},
		fact{"UpdateItem", "'Key': {'k': {'S': 'a'}}, 'UpdateExpression': 'SET v = :n', 'ConditionExpression': 'v = :v', 'ExpressionAttributeValues': {':v': {'S': 'x'}, ':n': {'S': 'y'}}", no},
		fact{"TransactWriteItems", "'TransactItems': [{'Put': {'TableName': 'tab', 'Item': {'k': {'S': 'a'}}, 'ConditionExpression': 'attribute_not_exists(k)'}}]",
			"TransactionCanceledException: Transaction cancelled, please refer cancellation reasons for specific reasons [ConditionalCheckFailed]"},
		fact{"GetItem", "'TableName': 'none', 'Key': {'k': {'S': 'a'}}", noTable},
		fact{"DeleteItem", "'TableName': 'none', 'Key': {'k': {'S': 'a'}}", noTable},
		fact{"GetItem", "'TableName': 'pair', 'Key': {'p': {'S': 'a'}}", noMatch},
		fact{"DeleteItem", "'TableName': 'pair', 'Key': {'p': {'S': 'a'}}", noMatch},
		fact{"GetItem", "'Key': {'k': {'S': 'a'}}, 'ProjectionExpression': '!!! WRONG !!!'", `ValidationException: Invalid ProjectionExpression: Syntax error; token: "!", near: "!!"`},
		fact{"GetItem", "'TableName': 'bin', 'Key': {'k': {'B': ''}}", emptyBin},
		fact{"DeleteItem", "'TableName': 'bin', 'Key': {'k': {'B': ''}}", emptyBin},
		fact{"PutItem", "'TableName': 'bin', 'Item': {'k': {'B': ''}}", emptyBin},
		fact{"UpdateItem", "'TableName': 'bin', 'Key': {'k': {'B': ''}}, 'UpdateExpression': 'SET v = :v', 'ExpressionAttributeValues': {':v': {'S': 'x'}}", emptyBin},
		fact{"PutItem", "'TableName': null, 'Item': {'k': {'S': 'a'}}", "ValidationException: 1 validation error detected: Value null at 'tableName' failed to satisfy constraint: Member must not be null"},
		fact{"", "'TableName': '" + long + "', 'Item': {'k': {'S': 'a'}}", "ValidationException: 1 validation error detected: Value '" + long + "' at 'tableName' failed to satisfy constraint: Member must have length less than or equal to 255"},
		fact{"", "'TableName': 'odd name!@#', 'Item': {'k': {'S': 'a'}}", "ValidationException: 1 validation error detected: Value 'odd name!@#' at 'tableName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"},
		fact{"UpdateItem", "'Key': {'k': {'S': 'a'}}, 'UpdateExpression': 'SET k = :v', 'ExpressionAttributeValues': {':v': {'S': 'x'}}", fmt.Sprintf(part, "k")},
		fact{"UpdateItem", "'TableName': 'pair', 'Key': {'p': {'S': 'a'}, 'c': {'S': 'b'}}, 'UpdateExpression': 'SET c = :v', 'ExpressionAttributeValues': {':v': {'S': 'x'}}", fmt.Sprintf(part, "c")},
		fact{"UpdateItem", "'Key': {'k': {'S': 'a'}}, 'AttributeUpdates': {'k': {'Action': 'PUT', 'Value': {'S': 'x'}}}", fmt.Sprintf(part, "k")},
	)
	status, body := w.post("DynamoDB_20120810.PutItem", []byte(`{"TableName":"tab","Item":{"k":{"S":"a"}},"ConditionExpression":"attribute_not_exists(k)","ReturnValuesOnConditionCheckFailure":"ALL_OLD"}`))
	if status != 400 || !strings.Contains(body, `"Item":{"k":{"S":"a"},"v":{"S":"old"}}`) {
		t.Errorf("the item that was there: %d %s", status, body)
	}
}

// TestFactsOfReadErrors: what is wrong with a Query or a Scan.
func TestFactsOfReadErrors(t *testing.T) {
	w := errorsWorld(t)
	const (
		byP     = "'TableName': 'pair', 'KeyConditionExpression': 'p = :v', 'ExpressionAttributeValues': {':v': {'S': 'a'}}"
		missed  = "ValidationException: Query condition missed key schema element: p"
		select4 = "[SPECIFIC_ATTRIBUTES, COUNT, ALL_ATTRIBUTES, ALL_PROJECTED_ATTRIBUTES]"
	)
	w.hold(
		fact{"Query", strings.Replace(byP, "p = :v", "c = :v", 1), missed},
		fact{"", strings.Replace(byP, "p = :v", "v = :v", 1), missed},
		fact{"", byP + ", 'ExpressionAttributeNames': {'#n': 'x'}", "ValidationException: Value provided in ExpressionAttributeNames unused in expressions: keys: {#n}"},
		fact{"", byP + ", 'Select': 'SOME'", "ValidationException: 1 validation error detected: Value 'SOME' at 'select' failed to satisfy constraint: Member must satisfy enum value set: " + select4},
		fact{"", strings.Replace(byP, "p = :v", "x = :v", 1) + ", 'IndexName': 'glo', 'ConsistentRead': true", "ValidationException: Consistent reads are not supported on global secondary indexes"},
		fact{"", byP + ", 'Limit': 0", "ValidationException: 1 validation error detected: Value at 'Limit' failed to satisfy constraint: Member must have value greater than or equal to 1"},
		fact{"", strings.Replace(byP, "p = :v", "", 1), "ValidationException: Invalid KeyConditionExpression: The expression can not be empty;"},
		fact{"", byP + ", 'FilterExpression': '#n = :v'", "ValidationException: Invalid FilterExpression: An expression attribute name used in the document path is not defined; attribute name: #n"},
		fact{"", byP + ", 'IndexName': 'none'", "ValidationException: The table does not have the specified index: none"},
		fact{"", "'TableName': 'abc!', 'KeyConditionExpression': 'p = :v', 'ExpressionAttributeValues': {':v': {'S': 'a'}}, 'Select': 'SOME'", "ValidationException: …validation error…"},
		fact{"", byP + ", 'ReturnConsumedCapacity': 'SOME', 'Select': 'SOME'", "ValidationException: …'returnConsumedCapacity' failed to satisfy constraint: Member must satisfy enum value set: [INDEXES, TOTAL, NONE]…"},
		fact{"Scan", "'Segment': 0", "ValidationException: The TotalSegments parameter is required but was not present in the request when Segment parameter is present"},
		fact{"", "'TotalSegments': 4", "ValidationException: The Segment parameter is required but was not present in the request when parameter TotalSegments is present"},
		fact{"", "'Segment': -1, 'TotalSegments': 4", "ValidationException: 1 validation error detected: Value '-1' at 'segment' failed to satisfy constraint: Member must have value greater than or equal to 0"},
		fact{"", "'Limit': 0", "ValidationException: 1 validation error detected: Value '0' at 'limit' failed to satisfy constraint: Member must have value greater than or equal to 1"},
		fact{"", "'TableName': 'none'", noTable},
		fact{"", "'IndexName': 'none'", "ValidationException: The table does not have the specified index: none"},
		fact{"ExecuteStatement", `'Statement': 'SELECT k FROM none WHERE k = ? AND v < ?', 'Parameters': [{'S': 'a'}, {'BOOL': true}]`, "ValidationException: Incorrect operand type…"},
		fact{"", `'Statement': 'SELECT k FROM none WHERE k = ?', 'Parameters': [{'S': 'a'}]`, noTable},
		fact{"", `'Statement': 'SELECT * FROM \'\' WHERE k = ?', 'Parameters': [{'S': 'a'}]`, "ValidationException: …Path component cannot be an empty string…"},
	)
}

// TestFactsOfCreationErrors: what is wrong with a CreateTable.
func TestFactsOfCreationErrors(t *testing.T) {
	w := newWorld(t)
	const (
		units = ", 'ProvisionedThroughput': {'ReadCapacityUnits': 5, 'WriteCapacityUnits': 5}"
		all   = "'ProjectionType': 'ALL'"
	)
	hash := attributes("p:S") + ", " + keySchemaJSON("p")
	three := attributes("p:S", "c:S", "d:S") + ", 'KeySchema': [{'AttributeName': 'p', 'KeyType': 'HASH'}, {'AttributeName': 'c', 'KeyType': 'RANGE'}, {'AttributeName': 'd', 'KeyType': 'RANGE'}]"
	odd := attributes("p:S") + ", 'KeySchema': [{'AttributeName': 'p', 'KeyType': 'ODD'}]"
	w.hold(
		fact{"CreateTable", "'TableName': null, " + hash + units, "ValidationException: The parameter 'TableName' is required but was not present in the request"},
		fact{"", "'TableName': 'ab', " + hash + units, "ValidationException: 1 validation error detected: Value 'ab' at 'tableName' failed to satisfy constraint: Member must have length greater than or equal to 3"},
		fact{"", attributes("p:S") + ", " + keySchemaJSON("p", "p") + units, "ValidationException: Invalid KeySchema: Some index key attribute have no definition"},
		fact{"", three + units, "ValidationException: 1 validation error detected: Value '[KeySchemaElement(attributeName=p, keyType=HASH), KeySchemaElement(attributeName=c, keyType=RANGE), KeySchemaElement(attributeName=d, keyType=RANGE)]' at 'keySchema' failed to satisfy constraint: Member must have length less than or equal to 2"},
		fact{"", three + ", 'BillingMode': 'PAY_PER_REQUEST'", "ValidationException: …Member must have length less than or equal to 2"},
		fact{"", odd + units, "ValidationException: 1 validation error detected: Value 'ODD' at 'keySchema.1.member.keyType' failed to satisfy constraint: Member must satisfy enum value set: [HASH, RANGE]"},
		fact{"", attributes("p:ODD") + ", " + keySchemaJSON("p") + units, "ValidationException: 1 validation error detected: Value 'ODD' at 'attributeDefinitions.1.member.attributeType' failed to satisfy constraint: Member must satisfy enum value set: [B, N, S]"},
		fact{"", attributes("p:S", "x:S") + ", " + keySchemaJSON("p") + units + ", 'LocalSecondaryIndexes': [" + indexJSON("loc", all, "p", "x") + "]", "ValidationException: One or more parameter values were invalid: Table KeySchema does not have a range key, which is required when specifying a LocalSecondaryIndex"},
		fact{"", attributes("p:S", "x:S") + ", " + keySchemaJSON("p") + ", 'BillingMode': 'PAY_PER_REQUEST', 'GlobalSecondaryIndexes': [" + indexJSON("same", all, "x") + ", " + indexJSON("same", all, "x") + "]", "ValidationException: One or more parameter values were invalid: Duplicate index name: same"},
		fact{"", "'TableName': '', 'KeySchema': [], 'AttributeDefinitions': []", "ValidationException: …tableName…"},
		fact{"", "'TableName': 'x!', 'KeySchema': [], " + attributes("p:S"), "ValidationException: …tableName…"},
		fact{"", odd + ", 'BillingMode': 'ODD'", "ValidationException: …"},
		fact{"", odd + ", 'BillingMode': 'PROVISIONED'", "ValidationException: …"},
		fact{"", hash + ", 'BillingMode': 'ODD'", "ValidationException: 1 validation error detected: Value 'ODD' at 'billingMode' failed to satisfy constraint: Member must satisfy enum value set: [PROVISIONED, PAY_PER_REQUEST]"},
	)
}
