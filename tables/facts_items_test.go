package tables

import (
	"strings"
	"testing"
)

// TestFactsOfLegacyUpdates: AttributeUpdates.
func TestFactsOfLegacyUpdates(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "k:S")
	const bad = "ValidationException: One or more parameter values were invalid: "
	add := func(old, action, value string) string {
		w.ask("DeleteItem", `'Key': {'k': {'S': 'u'}}`)
		if old != "" {
			w.ask("PutItem", `'Item': {'k': {'S': 'u'}, 'v': `+old+`}`)
		}
		if got := w.ask("UpdateItem", `'Key': {'k': {'S': 'u'}}, 'AttributeUpdates': {'v': {'Action': '`+action+`'`+value+`}}`); got != "{}" {
			return got
		}
		return w.ask("GetItem", `'Key': {'k': {'S': 'u'}}`)
	}
	has := func(v string) string { return `{'Item':{'k':{'S':'u'},'v':` + v + `}}` }
	const mismatch = "ValidationException: Type mismatch for attribute to update"
	for i, c := range []struct{ old, action, value, want string }{
		{"", "DELETE", "", "{}"},
		{"", "DELETE", `, 'Value': {'NS': ['4']}`, "{}"},
		{`{'S': 'x'}`, "DELETE", "", `{'Item':{'k':{'S':'u'}}}`},
		{`{'S': 'x'}`, "DELETE", `, 'Value': {'S': 'x'}`, bad + "DELETE action with value is not supported for the type S"},
		{`{'L': []}`, "DELETE", `, 'Value': {'L': []}`, bad + "DELETE action with value is not supported for the type L"},
		{`{'M': {}}`, "DELETE", `, 'Value': {'NS': ['1']}`, mismatch},
		{`{'NS': ['1', '2', '3']}`, "DELETE", `, 'Value': {'NS': ['2', '7']}`, has(`{'NS':['1','3']}`)},
		{`{'NS': ['1', '2']}`, "DELETE", `, 'Value': {'NS': ['2', '1']}`, `{'Item':{'k':{'S':'u'}}}`},
		{`{'BS': ['YQ==', 'Yg==']}`, "DELETE", `, 'Value': {'BS': ['Yg==']}`, has(`{'BS':['YQ==']}`)},
		{`{'NS': ['1']}`, "DELETE", `, 'Value': {'SS': ['1']}`, mismatch},
		{`{'NS': ['1']}`, "DELETE", `, 'Value': {'NS': []}`, bad + "An number set  may not be empty"},
		{`{'N': '7'}`, "ADD", `, 'Value': {'N': '-8.5'}`, has(`{'N':'-1.5'}`)},
		{`{'L': [{'N': '1'}]}`, "ADD", `, 'Value': {'L': [{'S': 'x'}, {'N': '1'}]}`, has(`{'L':[{'N':'1'},{'S':'x'},{'N':'1'}]}`)},
		{"", "ADD", `, 'Value': {'L': [{'S': 'x'}]}`, has(`{'L':[{'S':'x'}]}`)},
		{"", "ADD", `, 'Value': {'SS': ['x']}`, has(`{'SS':['x']}`)},
		{`{'S': 'a'}`, "ADD", `, 'Value': {'S': 'b'}`, bad + "ADD action is not supported for the type S"},
		{`{'M': {}}`, "ADD", `, 'Value': {'M': {}}`, bad + "ADD action is not supported for the type M"},
		{`{'SS': ['a']}`, "ADD", `, 'Value': {'N': '2'}`, mismatch},
		{`{'SS': ['a']}`, "ADD", `, 'Value': {'L': [{'S': 'b'}]}`, mismatch},
		{`{'L': []}`, "ADD", `, 'Value': {'NS': ['1']}`, mismatch},
		{`{'L': []}`, "ADD", `, 'Value': {'N': '1'}`, mismatch},
		{`{'N': '1'}`, "ADD", `, 'Value': {'L': []}`, mismatch},
		{"", "PUT", `, 'Value': {'L': []}`, has(`{'L':[]}`)},
		{"", "PUT", `, 'Value': {'B': ''}`, has(`{'B':''}`)},
		{"", "PUT", `, 'Value': {'SS': []}`, bad + "An string set  may not be empty"},
		{"", "SWAP", `, 'Value': {'N': '1'}`, "ValidationException: 1 validation error detected: Value 'SWAP' at 'attributeUpdates.v.member.action' failed to satisfy constraint: Member must satisfy enum value set: […]"},
	} {
		if got := add(c.old, c.action, c.value); !fits(got, c.want) && !fits(bare("UpdateItem", got), c.want) {
			t.Errorf("%d. %s %s%s\n got %s\nwant %s", i, c.old, c.action, c.value, got, c.want)
		}
	}
	w.hold(
		fact{"UpdateItem", `'Key': {'k': {'S': 'u'}}, 'AttributeUpdates': {'a': {'Value': {'N': '1'}}}, 'ConditionExpression': 'a = :b', 'ExpressionAttributeValues': {':b': {'N': '1'}}`,
			"ValidationException: Can not use both expression and non-expression parameters in the same request: Non-expression parameters: {AttributeUpdates} Expression parameters: {ConditionExpression}"},
		fact{"", `'Key': {'k': {'S': 'u'}}, 'AttributeUpdates': {'a': {'Value': {'N': '1'}}}, 'ExpressionAttributeNames': {'#a': 'b'}`,
			"ValidationException: ExpressionAttributeNames can only be specified when using expressions"},
		fact{"", `'Key': {'k': {'S': 'u'}}, 'AttributeUpdates': {'a': {'Value': {'N': '1'}}}, 'ExpressionAttributeValues': {':a': {'N': '1'}}`,
			"ValidationException: ExpressionAttributeValues can only be specified when using expressions"},
	)
}

// TestFactsOfKeys: keys and names of tables in requests for one item.
func TestFactsOfKeys(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "k:S")
	w.table("bin", "k:B s:B")
	const (
		empty  = "ValidationException: One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: k"
		schema = "ValidationException: The provided key element does not match the schema"
	)
	long := strings.Repeat("QUJD", 4) // 12 bytes
	w.hold(
		fact{"PutItem", `'Item': {'k': {'S': ''}}`, empty},
		fact{"UpdateItem", `'Key': {'k': {'S': ''}}`, empty},
		fact{"GetItem", `'Key': {'k': {'S': ''}}`, empty},
		fact{"DeleteItem", `'Key': {'k': {'S': ''}}`, empty},
		fact{"BatchWriteItem", `'RequestItems': {'tab': [{'PutRequest': {'Item': {'k': {'S': ''}}}}]}`, empty},
		fact{"PutItem", `'TableName': 'bin', 'Item': {'k': {'B': 'YQ=='}, 's': {'B': ''}}`,
			"ValidationException: One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty binary value. Key: s"},
		fact{"UpdateItem", `'TableName': 'bin', 'Key': {'k': {'B': ''}, 's': {'B': 'YQ=='}}`,
			"ValidationException: One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty binary value. Key: k"},
		fact{"GetItem", `'Key': {'k': {'S': 'a'}, 's': {'S': 'a'}}`, schema},
		fact{"DeleteItem", `'Key': {'s': {'S': 'a'}}`, schema},
		fact{"UpdateItem", `'Key': {'k': {'B': 'YQ=='}}`, schema},
		fact{"GetItem", `'TableName': 'bin', 'Key': {'k': {'B': 'YQ=='}}`, schema},
		fact{"PutItem", `'TableName': 'bin', 'Item': {'k': {'B': '` + long + `'}, 's': {'B': 'AA=='}, 'z': {'S': 'a\u0000b'}}`, "{}"},
		fact{"GetItem", `'TableName': 'bin', 'Key': {'k': {'B': '` + long + `'}, 's': {'B': 'AA=='}}`, `{'Item':{'k':{'B':'` + long + `'},'s':{'B':'AA=='},'z':{'S':'a\u0000b'}}}`},
		fact{"PutItem", `'TableName': 'non!existent!table', 'Item': {'a': {'S': 'b'}}`,
			"ValidationException: 1 validation error detected: Value 'non!existent!table' at 'tableName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"},
		fact{"GetItem", `'Key': {'k': {'S': 'a'}}, 'AttributesToGet': ['a', 'a']`, "ValidationException: One or more parameter values were invalid: Duplicate value in attribute name: a"},
		fact{"", `'Key': {'k': {'S': 'a'}}, 'AttributesToGet': []`,
			"ValidationException: 1 validation error detected: Value '[]' at 'attributesToGet' failed to satisfy constraint: Member must have length greater than or equal to 1"},
		fact{"PutItem", `'Item': {'k': {'S': 'a'}, 'v': {'N': '1'}}`, "{}"},
		fact{"GetItem", `'Key': {'k': {'S': 'a'}}, 'AttributesToGet': ['none']`, "{'Item':{}}"},
		fact{"", `'Key': {'k': {'S': 'none'}}, 'AttributesToGet': ['none']`, "{}"},
		fact{"PutItem", `'Item': {'k': {'S': 'a'}}, 'ExpressionAttributeValues': {':a': {'N': '1'}}`,
			"ValidationException: ExpressionAttributeValues can only be specified when using expressions"},
		fact{"DeleteItem", `'Key': {'k': {'S': 'a'}}, 'ExpressionAttributeNames': {'#a': 'b'}`, "ValidationException: ExpressionAttributeNames can only be specified when using expressions"},
	)
}
