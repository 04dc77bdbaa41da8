package tables

import (
	"fmt"
	"strings"
	"testing"
)

// attributes are definitions of attributes given as "name:TYPE".
func attributes(list ...string) string {
	var out []string
	for _, a := range list {
		name, kind, _ := strings.Cut(a, ":")
		out = append(out, fmt.Sprintf("{'AttributeName': '%s', 'AttributeType': '%s'}", name, kind))
	}
	return "'AttributeDefinitions': [" + strings.Join(out, ", ") + "]"
}

// keys are a schema given as "name:ROLE"; without a role, the first is HASH and the second RANGE.
func keySchemaJSON(list ...string) string {
	var out []string
	for i, k := range list {
		name, role, _ := strings.Cut(k, ":")
		if role == "" {
			role = []string{"HASH", "RANGE"}[i]
		}
		out = append(out, fmt.Sprintf("{'AttributeName': '%s', 'KeyType': '%s'}", name, role))
	}
	return "'KeySchema': [" + strings.Join(out, ", ") + "]"
}

// index is one of a list of indexes.
func indexJSON(name, projection string, keys ...string) string {
	return fmt.Sprintf("{'IndexName': '%s', %s, 'Projection': {%s}}", name, keySchemaJSON(keys...), projection)
}

// TestFactsOfDefinitions: what CreateTable refuses.
func TestFactsOfDefinitions(t *testing.T) {
	w := newWorld(t)
	const (
		bad  = "ValidationException: One or more parameter values were invalid: "
		all  = "'ProjectionType': 'ALL'"
		demo = "'BillingMode': 'PAY_PER_REQUEST', "
	)
	ab, schema := attributes("a:S", "b:S"), keySchemaJSON("a", "b")
	local := func(indexes ...string) string {
		return demo + ab + ", " + schema + ", 'LocalSecondaryIndexes': [" + strings.Join(indexes, ", ") + "]"
	}
	global := func(definitions string, indexes ...string) string {
		return demo + definitions + ", " + keySchemaJSON("a") + ", 'GlobalSecondaryIndexes': [" + strings.Join(indexes, ", ") + "]"
	}
	long := strings.Repeat("n", 256)
	var six []string
	for i := range 6 {
		six = append(six, indexJSON(fmt.Sprintf("ix%d", i), all, "a", "b"))
	}
	for _, f := range []struct{ in, want string }{
		{demo + keySchemaJSON("a") + ", " + attributes("b:S"), bad + "Some index key attributes are not defined in AttributeDefinitions. Keys: [a], AttributeDefinitions: [b]"},
		{demo + keySchemaJSON("a", "b") + ", " + attributes("b:S"), "ValidationException: Invalid KeySchema: Some index key attribute have no definition"},
		{demo + keySchemaJSON("a:RANGE") + ", " + attributes("a:S"), "ValidationException: Invalid KeySchema: The first KeySchemaElement is not a HASH key type"},
		{demo + keySchemaJSON("a:RANGE", "b:RANGE") + ", " + ab, "ValidationException: Invalid KeySchema: The first KeySchemaElement is not a HASH key type"},
		{demo + keySchemaJSON("a", "b:HASH") + ", " + ab, "ValidationException: Invalid KeySchema: The second KeySchemaElement is not a RANGE key type"},
		{demo + keySchemaJSON("a", "a:HASH") + ", " + ab, "ValidationException: Both the Hash Key and the Range Key element in the KeySchema have the same name"},
		{demo + keySchemaJSON("a") + ", " + attributes("a:S", "a:N"), "ValidationException: Attribute Name is duplicated: a"},
		{demo + keySchemaJSON("a") + ", " + ab, bad + "Number of attributes in KeySchema does not exactly match number of attributes defined in AttributeDefinitions"},
		{demo + keySchemaJSON("a") + ", 'AttributeDefinitions': [{'AttributeName': 'a'}]", "ValidationException: 1 validation error detected: Value null at 'attributeDefinitions.1.member.attributeType' failed to satisfy constraint: Member must not be null"},
		{demo + keySchemaJSON("a") + ", 'AttributeDefinitions': [{'AttributeType': 'S'}]", "ValidationException: 1 validation error detected: Value null at 'attributeDefinitions.1.member.attributeName' failed to satisfy constraint: Member must not be null"},
		{demo + keySchemaJSON("a") + ", " + attributes("a:SS"), "ValidationException: 1 validation error detected: Value 'SS' at 'attributeDefinitions.1.member.attributeType' failed to satisfy constraint: Member must satisfy enum value set: […]"},
		{demo + keySchemaJSON("a"), "ValidationException: 1 validation error detected: Value null at 'attributeDefinitions' failed to satisfy constraint: Member must not be null"},
		{demo + attributes("a:S"), "ValidationException: 1 validation error detected: Value null at 'keySchema' failed to satisfy constraint: Member must not be null"},
		{demo + attributes("a:S") + ", 'KeySchema': []", "ValidationException: 1 validation error detected: Value '[]' at 'keySchema' failed to satisfy constraint: Member must have length greater than or equal to 1"},
		{demo + attributes("pk:S") + ", " + keySchemaJSON("PK"), bad + "Some index key attributes are not defined in AttributeDefinitions. Keys: [PK], AttributeDefinitions: [pk]"},
		{keySchemaJSON("a") + ", " + attributes("a:S"), bad + "ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED"},
		{"'BillingMode': 'pay_per_request', " + keySchemaJSON("a") + ", " + attributes("a:S"), "ValidationException: 1 validation error detected: Value 'pay_per_request' at 'billingMode' failed to satisfy constraint: Member must satisfy enum value set: […]"},
		{keySchemaJSON("a") + ", " + attributes("a:S") + ", 'ProvisionedThroughput': {'ReadCapacityUnits': 1000000000001, 'WriteCapacityUnits': 1000000000001}", "ValidationException: Given value 1000000000001 for ReadCapacityUnits is out of bounds"},
		{keySchemaJSON("a") + ", " + attributes("a:S") + ", 'ProvisionedThroughput': {'ReadCapacityUnits': 1000000000000, 'WriteCapacityUnits': 1000000000001}", "ValidationException: Given value 1000000000001 for WriteCapacityUnits is out of bounds"},
		{local(), bad + "List of LocalSecondaryIndexes is empty"},
		{global(attributes("a:S")), bad + "List of GlobalSecondaryIndexes is empty"},
		{local(indexJSON("abc", all, "a:RANGE")), "ValidationException: Invalid KeySchema: The first KeySchemaElement is not a HASH key type"},
		{local(indexJSON("abc", all, "a", "b:HASH")), "ValidationException: Invalid KeySchema: The second KeySchemaElement is not a RANGE key type"},
		{local(indexJSON("abc", all, "a", "a")), "ValidationException: Both the Hash Key and the Range Key element in the KeySchema have the same name"},
		{local(indexJSON("abc", all, "a")), bad + "Index KeySchema does not have a range key for index: abc"},
		{local(indexJSON("abc", all, "b", "a")), bad + "Index KeySchema does not have the same leading hash key as table KeySchema for index: abc. index hash key: b, table hash key: a"},
		{local(indexJSON("abc", all, "a", "c")), bad + "Some index key attributes are not defined in AttributeDefinitions. Keys: [a, c], AttributeDefinitions: [a, b]"},
		{local(indexJSON("abc", "", "a", "b")), bad + "Unknown ProjectionType: null"},
		{local(indexJSON("abc", "'NonKeyAttributes': ['a']", "a", "b")), bad + "Unknown ProjectionType: null"},
		{local(indexJSON("abc", "'ProjectionType': 'KEYS_ONLY', 'NonKeyAttributes': ['x']", "a", "b")), bad + "ProjectionType is KEYS_ONLY, but NonKeyAttributes is specified"},
		{local(indexJSON("abc", "'ProjectionType': 'INCLUDE'", "a", "b")), bad + "ProjectionType is INCLUDE, but NonKeyAttributes is not specified"},
		{local(indexJSON("abc", "'ProjectionType': 'INCLUDE', 'NonKeyAttributes': ['x', 'x']", "a", "b")), bad + "Duplicate element in NonKeyAttributes: x"},
		{local(indexJSON("abc", "'ProjectionType': 'INCLUDE', 'NonKeyAttributes': ['"+long+"']", "a", "b")), "ValidationException: …less than or equal to 255"},
		{local(indexJSON("abc", "'ProjectionType': 'INCLUDE', 'NonKeyAttributes': ['x', 5]", "a", "b")), "SerializationException: NUMBER_VALUE cannot be converted to String"},
		{local(indexJSON("abc", "'ProjectionType': 'none'", "a", "b")), "ValidationException: 1 validation error detected: Value 'none' at 'localSecondaryIndexes.1.member.projection.projectionType' failed to satisfy constraint: Member must satisfy enum value set: […]"},
		{local(indexJSON("abc", all, "a", "b"), indexJSON("abc", all, "a", "b")), bad + "Duplicate index name: abc"},
		{local(indexJSON("abc", all, "a", "b")) + ", 'GlobalSecondaryIndexes': [" + indexJSON("abc", all, "b") + "]", bad + "Duplicate index name: abc"},
		{local(six...), bad + "Number of LocalSecondaryIndexes exceeds per-table limit of 5"},
		{demo + attributes("a:S", "b:S") + ", " + keySchemaJSON("a") + ", 'LocalSecondaryIndexes': [" + indexJSON("abc", all, "a", "b") + "]", bad + "Table KeySchema does not have a range key, which is required when specifying a LocalSecondaryIndex"},
		{global(attributes("a:S"), indexJSON("glo", all, "user")), bad + "Some index key attributes are not defined in AttributeDefinitions. Keys: [user], AttributeDefinitions: [a]"},
		{global(attributes("a:S"), indexJSON("gl", all, "a")), "ValidationException: 1 validation error detected: Value 'gl' at 'globalSecondaryIndexes.1.member.indexName' failed to satisfy constraint: Member must have length greater than or equal to 3"},
		{global(attributes("a:S"), indexJSON("gl@b", all, "a")), "ValidationException: …gl@b…[a-zA-Z0-9_.-]+"},
		{global(attributes("a:S"), indexJSON(long, all, "a")), "ValidationException: …less than or equal to 255"},
		{demo + keySchemaJSON(long) + ", " + attributes("a:S"), "ValidationException: …less than or equal to 255"},
		{demo + keySchemaJSON("a") + ", " + attributes(long+":S"), "ValidationException: …less than or equal to 255"},
		{global(attributes("a:S", long+":S"), indexJSON("glo", all, "b")), "ValidationException: …less than or equal to 255"},
	} {
		w.hold(fact{"CreateTable", f.in, f.want})
	}
	name := long[1:]
	w.hold(
		fact{"CreateTable", "'TableName': '.odd-name_', " + global(attributes("a:S", name+":S"), indexJSON(name, "'ProjectionType': 'INCLUDE', 'NonKeyAttributes': ['x', 'a']", name)), ""},
		fact{"CreateTable", "'TableName': '" + long + "', " + demo + keySchemaJSON("a") + ", " + attributes("a:S"), "ValidationException: …"},
		fact{"ListTables", "'Limit': 101", "ValidationException: 1 validation error detected: Value '101' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 100"},
		fact{"DeleteTable", "'TableName': 'nothing'", "ResourceNotFoundException: Requested resource not found: Table: nothing not found"},
		fact{"UpdateTable", "'TableName': 'nothing', 'BillingMode': 'PAY_PER_REQUEST'", "ResourceNotFoundException: Requested resource not found: Table: nothing not found"},
	)
}

// TestFactsOfDescriptions: how tables are shown.
func TestFactsOfDescriptions(t *testing.T) {
	w := newWorld(t)
	const (
		arn  = "arn:aws:dynamodb:eu-west-1:111122223333:table/"
		unit = "'ProvisionedThroughput':{'NumberOfDecreasesToday':0,'ReadCapacityUnits':0,'WriteCapacityUnits':0}"
		paid = "'BillingModeSummary':{'BillingMode':'PAY_PER_REQUEST','LastUpdateToPayPerRequestDateTime':1772366400}"
	)
	w.hold(
		fact{"CreateTable", "'BillingMode': 'PAY_PER_REQUEST', " + attributes("a:S", "x:N") + ", " + keySchemaJSON("a") + ", 'GlobalSecondaryIndexes': [" + indexJSON("glo", "'ProjectionType': 'ALL'", "x") + "]",
			"{'TableDescription':{…" + paid + ",'CreationDateTime':1772366400,'DeletionProtectionEnabled':false,…," + unit + "…"},
		fact{"DescribeTable", "", "{'Table':{'AttributeDefinitions':[{'AttributeName':'a','AttributeType':'S'},{'AttributeName':'x','AttributeType':'N'}]," + paid + ",'CreationDateTime':1772366400,'DeletionProtectionEnabled':false," +
			"'GlobalSecondaryIndexes':[{'IndexArn':'" + arn + "tab/index/glo','IndexName':'glo','IndexSizeBytes':0,'IndexStatus':'ACTIVE','ItemCount':0,'KeySchema':[{'AttributeName':'x','KeyType':'HASH'}],'Projection':{'ProjectionType':'ALL'}," + unit + "…" +
			"'ItemCount':0,'KeySchema':[{'AttributeName':'a','KeyType':'HASH'}]," + unit + ",'TableArn':'" + arn + "tab','TableId':'…','TableName':'tab','TableSizeBytes':0,'TableStatus':'ACTIVE'…"},
		fact{"DeleteTable", "", "{'TableDescription':{" + paid + ",'DeletionProtectionEnabled':false,'ItemCount':0," + unit + ",'TableArn':'" + arn + "tab','TableId':'…','TableName':'tab','TableSizeBytes':0,'TableStatus':'DELETING'…"},
		fact{"CreateTable", "'ProvisionedThroughput': {'ReadCapacityUnits': 5, 'WriteCapacityUnits': 6}, " + attributes("a:S") + ", " + keySchemaJSON("a") + ", 'StreamSpecification': {'StreamEnabled': false}, 'SSESpecification': {'Enabled': false}",
			"{'TableDescription':{'AttributeDefinitions':[{'AttributeName':'a','AttributeType':'S'}],'CreationDateTime':1772366400,'DeletionProtectionEnabled':false,'ItemCount':0,'KeySchema':[{'AttributeName':'a','KeyType':'HASH'}],'ProvisionedThroughput':{'NumberOfDecreasesToday':0,'ReadCapacityUnits':5,'WriteCapacityUnits':6},'TableArn':…"},
	)
}

// TestFactsOfUpdatedTables: indexes that come and go.
func TestFactsOfUpdatedTables(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "p:S c:S", "-lsi p:S x:S ALL")
	const all = "'ProjectionType': 'ALL'"
	create := func(name, definitions string, keys ...string) string {
		return strings.TrimPrefix(definitions+", ", ", ") + "'GlobalSecondaryIndexUpdates': [{'Create': " + indexJSON(name, all, keys...) + "}]"
	}
	for i, x := range []string{"''", "'hello'", "'" + strings.Repeat("a", 1024) + "'", "'" + strings.Repeat("b", 1025) + "'", "'" + strings.Repeat("c", 2048) + "'", "'" + strings.Repeat("d", 2049) + "'"} {
		w.hold(fact{"PutItem", fmt.Sprintf("'Item': {'p': {'S': 'a'}, 'c': {'S': '%d'}, 'y': {'S': %s}}", i, x), "{}"})
	}
	w.hold(
		fact{"PutItem", "'Item': {'p': {'S': 'a'}, 'c': {'S': 'n'}, 'y': {'N': '1'}}", "{}"},
		fact{"UpdateTable", create("byY", attributes("y:S", "unused:N"), "y"), ""}, // definitions that are not needed do not matter here
		fact{"Scan", "'IndexName': 'byY', 'Select': 'COUNT'", "{'Count':4,'ScannedCount':4}"},
		fact{"UpdateTable", create("byPY", attributes("y:S", "p:S"), "p", "y"), ""},
		fact{"Scan", "'IndexName': 'byPY', 'Select': 'COUNT'", "{'Count':2,'ScannedCount':2}"},
		fact{"PutItem", "'Item': {'p': {'S': 'a'}, 'c': {'S': 'n'}, 'y': {'N': '2'}}", "ValidationException: One or more parameter values were invalid: Type mismatch for Index Key y Expected: S Actual: N IndexName: …"},
		fact{"UpdateTable", create("byY", attributes("z:S"), "z"), "ValidationException: Attempting to create an index which already exists"},
		fact{"", create("lsi", attributes("z:S"), "z"), "ValidationException: Attempting to create an index which already exists"},
		fact{"", create("byX", "", "x"), "ValidationException: One or more parameter values were invalid: AttributeDefinitions is not specified for index: byX"},
		fact{"", create("byX", attributes("x:N"), "x"), "ValidationException: One or more parameter values were invalid: Attributes cannot be redefined. Please check that your attribute has the same type as previously defined. Existing schema: Schema:[SchemaElement: key{p:S:HASH}, SchemaElement: key{x:S:RANGE}] New schema: Schema:[SchemaElement: key{x:N:HASH}]"},
		fact{"", "'GlobalSecondaryIndexUpdates': [{'Delete': {'IndexName': 'lsi'}}]", "ValidationException: Cannot delete an index that is not a GlobalSecondaryIndex: lsi"},
		fact{"", "'GlobalSecondaryIndexUpdates': [{'Delete': {'IndexName': 'none'}}]", "ResourceNotFoundException: Requested resource not found: Index none for table tab"},
		fact{"", "'GlobalSecondaryIndexUpdates': [{}]", "ValidationException: One or more parameter values were invalid: One of GlobalSecondaryIndexUpdate.Update, GlobalSecondaryIndexUpdate.Create, GlobalSecondaryIndexUpdate.Delete must not be null"},
		fact{"", attributes("z:S") + ", 'GlobalSecondaryIndexUpdates': [{'Create': " + indexJSON("byZ", all, "z") + ", 'Delete': {'IndexName': 'byY'}}]", "ValidationException: One or more parameter values were invalid: Only one global secondary index action is allowed per GlobalSecondaryIndexUpdate object"},
		fact{"", attributes("z:S") + ", 'GlobalSecondaryIndexUpdates': [{'Create': " + indexJSON("byZ", all, "z") + "}, {'Create': " + indexJSON("byZZ", all, "z") + "}]", "LimitExceededException: Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table"},
		fact{"", attributes("z:S") + ", 'GlobalSecondaryIndexUpdates': [{'Create': " + indexJSON("byZ", all, "z") + "}, {'Delete': {'IndexName': 'byY'}}]", "LimitExceededException: …"},
		fact{"", "'GlobalSecondaryIndexUpdates': [{'Delete': {'IndexName': 'byY'}}, {'Delete': {'IndexName': 'byY'}}]", "ValidationException: One or more parameter values were invalid: Only one global secondary index update per index is allowed simultaneously. Index: byY"},
		fact{"", "'GlobalSecondaryIndexUpdates': []", "ValidationException: At least one of ProvisionedThroughput, …"},
		fact{"", "", "ValidationException: At least one of ProvisionedThroughput, …"},
		fact{"", "'GlobalSecondaryIndexUpdates': [{'Delete': {'IndexName': 'byY'}}]", ""},
		fact{"", "'GlobalSecondaryIndexUpdates': [{'Delete': {'IndexName': 'byPY'}}]", ""},
		fact{"", "'GlobalSecondaryIndexUpdates': [{'Delete': {'IndexName': 'byY'}}]", "ResourceNotFoundException: …"},
		fact{"Query", "'IndexName': 'byY', 'KeyConditionExpression': 'y = :y', 'ExpressionAttributeValues': {':y': {'S': 'hello'}}", "ValidationException: The table does not have the specified index: byY"},
		fact{"PutItem", "'Item': {'p': {'S': 'a'}, 'c': {'S': 'n'}, 'y': {'N': '2'}}", "{}"},
		fact{"PutItem", "'Item': {'p': {'S': 'a'}, 'c': {'S': 'n'}, 'x': {'N': '2'}}", "ValidationException: One or more parameter values were invalid: Type mismatch for Index Key x Expected: S Actual: N IndexName: lsi"},
	)
}
