package tables

import (
	"fmt"
	"testing"
)

// TestFactsOfSyntaxErrors: which token is told, and what is shown around it.
func TestFactsOfSyntaxErrors(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "k:S")
	for _, c := range []struct{ update, token, near string }{
		{"SET list[ 3 ", "<EOF>", "3 "},
		{"  RESET nothing with", "RESET", "  RESET nothing"},
		{"SET l [  [7] ]. b = 7", "[", "[  [7"},
		{"SET l [7 8]. b = 7", "8", "7 8]"},
		{"SET a = nothing + - :_v ", "-", "+ - :_v"},
		{"SET a = nothing + ", "<EOF>", "+ "},
		{"REMOVE nothing + ", "+", "nothing + "},
		{"ADD n :v more", "more", ":v more"},
		{"SET a = word 1", "1", "word 1"},
		{"REMOVE if_not_exists(a,b)", "(", "if_not_exists(a"},
		{"SET ) 3", ")", "SET ) 3"},
		{"SET a = [:_v", "[", "= [:_v"},
		{"SET a = [:v]", "[", "= [:v"},
		{"SET a = (:v)]", "]", ")]"},
		{"SET a - :v", "-", "a - :v"},
		{"SET a = :v,", "<EOF>", ","},
		{"SET a = :v SET", "<EOF>", "SET"},
		{"SET a = = :v", "=", "= = :v"},
		{"ADD n", "<EOF>", "n"},
		{"DELETE n", "<EOF>", "n"},
		{"SET a = 1", "1", "= 1"},
	} {
		w.hold(fact{"UpdateItem", fmt.Sprintf("'Key': {'k': {'S': 'a'}}, 'UpdateExpression': '%s', 'ExpressionAttributeValues': {':v': {'N': '1'}}", c.update),
			fmt.Sprintf(`ValidationException: Invalid UpdateExpression: Syntax error; token: "%s", near: "%s"`, c.token, c.near)})
	}
	const one = ", 'ExpressionAttributeValues': {':v': {'N': '1'}}, 'ReturnValues': 'UPDATED_NEW'"
	w.hold(
		fact{"UpdateItem", `'Key': {'k': {'S': 'a'}}, 'UpdateExpression': '\n ADD \n n :v'` + one, "{'Attributes':{'n':{'N':'1'}}}"},
		fact{"", `'Key': {'k': {'S': 'a'}}, 'UpdateExpression': '\tSET a=:v+:v,b = (:v)\r\n'` + one, "{'Attributes':{'a':{'N':'2'},'b':{'N':'1'}}}"},
		fact{"", `'Key': {'k': {'S': 'a'}}, 'UpdateExpression': 'sEt a = :v ReMoVe b'` + one, "{'Attributes':{'a':{'N':'1'}}}"},
		fact{"", `'Key': {'k': {'S': 'a'}}, 'UpdateExpression': 'SET a = (a + (n))', 'ReturnValues': 'UPDATED_NEW'`, "{'Attributes':{'a':{'N':'2'}}}"},
		fact{"", `'Key': {'k': {'S': 'a'}}, 'UpdateExpression': 'ADD x :v SET y = :v ADD z :v'` + one, `ValidationException: Invalid UpdateExpression: The "ADD" section can only be used once in an update expression;`},
		fact{"", `'Key': {'k': {'S': 'a'}}, 'UpdateExpression': ''` + one, "ValidationException: Invalid UpdateExpression: The expression can not be empty;"},
		fact{"", `'Key': {'k': {'S': 'a'}}, 'UpdateExpression': 'SET set = :v'` + one, `ValidationException: Invalid UpdateExpression: Syntax error; token: "set", near: "SET set ="`},
		fact{"", `'Key': {'k': {'S': 'a'}}, 'UpdateExpression': 'SET value = :v'` + one, "ValidationException: Invalid UpdateExpression: Attribute name is a reserved keyword; reserved keyword: value"},
	)
}

// TestFactsOfConditions: ConditionExpression of writes.
func TestFactsOfConditions(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "k:S")
	w.put("tab", `{'k': {'S': 'a'}, 'n': {'N': '4'}, 'm': {'M': {'x': {'L': [{'N': '1'}, {'N': '2'}]}}}}`)
	const (
		no  = "ConditionalCheckFailedException: The conditional request failed"
		bad = "ValidationException: Invalid ConditionExpression: "
	)
	for _, c := range []struct{ key, condition, values, want string }{
		{"a", "k <> :v", "':v': {'S': 'a'}", no}, {"a", "k = :v", "':v': {'S': 'a'}", "{}"}, {"none", "k = :v", "':v': {'S': 'none'}", no}, {"none", "k <> :v", "':v': {'S': 'none'}", "{}"},
		{"a", "attribute_not_exists(k)", "", no}, {"none", "attribute_not_exists(k)", "", "{}"}, {"none", "attribute_exists(k)", "", no}, {"none", "NOT attribute_exists(n)", "", "{}"},
		{"a", "n = :v", "':v': {'N': '4.0'}", "{}"}, {"a", "n <> :v", "':v': {'NS': ['4']}", "{}"}, {"a", "q <> :v", "':v': {'N': '4'}", "{}"}, {"a", "q <> z", "", "{}"}, {"a", "q = z", "", no}, {"a", "NOT q = z", "", "{}"},
		{"a", "q < n OR n < q OR q <= z OR n BETWEEN q AND z", "", no},
		{"a", "m.x[1] > m.x[0] AND size(m.x) < n", "", "{}"}, {"a", "m.x[0] = m.y[0] OR m.x.z = n OR n[0] = n", "", no}, {"a", "((n = :v) AND (NOT (n < :v)))", "':v': {'N': '4'}", "{}"},
		{"a", "((n = :v))", "':v': {'N': '4'}", bad + "The expression has redundant parentheses;"},
		{"a", "n = :v OR n = :w", "':v': {'N': '4'}", bad + "An expression attribute value used in expression is not defined; attribute value: :w"},
		{"a", "n = :v OR #x = :v", "':v': {'N': '4'}", bad + "An expression attribute name used in the document path is not defined; attribute name: #x"},
		{"a", "attribute_exists(n) OR n = :v", "':v': {'N': '4'}", "{}"}, // a value that need not be looked at is used
		{"a", "n", "", bad + `Syntax error; token: "<EOF>", near: "n"`},
		{"a", ":v", "':v': {'BOOL': true}", bad + `Syntax error; token: "<EOF>", near: ":v"`},
		{"a", "", "", bad + "The expression can not be empty;"},
		{"a", "n BETWEEN :v AND :w", "':v': {'N': '4'}, ':w': {'N': '3'}", bad + "The BETWEEN operator requires upper bound to be greater than or equal to lower bound; lower bound operand: AttributeValue: {N:4}, upper bound operand: AttributeValue: {N:3}"},
		{"a", "n BETWEEN :v AND :w", "':v': {'N': '4'}, ':w': {'S': '5'}", bad + "The BETWEEN operator requires same data type for lower and upper bounds; lower bound operand: AttributeValue: {N:4}, upper bound operand: AttributeValue: {S:5}"},
		{"a", "n BETWEEN :v AND :v", "':v': {'N': '4'}", "{}"},
		{"a", "n < :v", "':v': {'BOOL': true}", bad + "Incorrect operand type for operator or function; operator: <, operand type: BOOL"},
		{"a", ":v > n", "':v': {'L': []}", bad + "Incorrect operand type for operator or function; operator: >, operand type: L"},
		{"a", "n <= n", "", bad + "The first operand must be distinct from the remaining operands for this operator or function; operator: <=, first operand: [n]"},
		{"a", "m.x[0] = m.x[0]", "", bad + "The first operand must be distinct from the remaining operands for this operator or function; operator: =, first operand: [m, x, [0]]"},
		{"a", "size(:v) = :w", "':v': {'N': '1'}, ':w': {'N': '1'}", bad + "Incorrect operand type for operator or function; operator or function: size, operand type: N"},
		{"a", "contains(n, m.x) AND begins_with(k, :v)", "':v': {'S': 'x'}", no},
		{"a", "attribute_type(q, :v) OR attribute_type(n, :w)", "':v': {'S': 'N'}, ':w': {'S': 'S'}", no},
		{"a", "attribute_type(m, :v)", "':v': {'S': 'M'}", "{}"},
		{"a", "attribute_type(m, :v)", "':v': {'N': '1'}", bad + "Incorrect operand type for operator or function; operator or function: attribute_type, operand type: N"},
		{"a", "attribute_exists(m.x[1]) AND attribute_not_exists(m.x[2]) AND attribute_not_exists(n.x)", "", "{}"},
		{"a", "attribute_exists(n, m)", "", bad + "Incorrect number of operands for operator or function; operator or function: attribute_exists, number of operands: 2"},
		{"a", "if_not_exists(n, :v)", "':v': {'N': '1'}", bad + "The function is not allowed in a condition expression; function: if_not_exists"},
		{"a", "if_not_exists(n, :v) = :v", "':v': {'N': '1'}", bad + "The function is not allowed in a condition expression; function: if_not_exists"},
		{"a", "ATTRIBUTE_EXISTS(n)", "", bad + "Invalid function name; function: ATTRIBUTE_EXISTS"},
		{"a", "n == :v", "':v': {'N': '1'}", bad + `Syntax error; token: "=", near: "== :v"`},
		{"a", "n = 4", "", bad + `Syntax error; token: "4", near: "= 4"`},
		{"a", "n = :v AND", "':v': {'N': '1'}", bad + `Syntax error; token: "<EOF>", near: "AND"`},
		{"a", "k = :v AND begins_with k, :v", "':v': {'S': 'a'}", bad + `Syntax error; token: "k", near: "begins_with k,"`},
		{"a", "n + n = :v", "':v': {'N': '1'}", bad + `Syntax error; token: "+", near: "n + n"`},
		{"a", "n = :v", "':v': {'N': '1'}, ':u': {'N': '1'}", "ValidationException: Value provided in ExpressionAttributeValues unused in expressions: keys: {:u}"},
		{"a", "n = :v", "':v': {}", "ValidationException: ExpressionAttributeValues contains invalid value: Supplied AttributeValue is empty, must contain exactly one of the supported datatypes for key :v"},
		{"a", "n = :v", "'v': {'N': '1'}", `ValidationException: ExpressionAttributeValues contains invalid key: Syntax error; key: "v"`},
	} {
		in := fmt.Sprintf("'Key': {'k': {'S': '%s'}}, 'ConditionExpression': '%s'", c.key, c.condition)
		if c.values != "" {
			in += ", 'ExpressionAttributeValues': {" + c.values + "}"
		}
		if w.hold(fact{"DeleteItem", in, c.want}); c.want == "{}" {
			w.put("tab", `{'k': {'S': 'a'}, 'n': {'N': '4'}, 'm': {'M': {'x': {'L': [{'N': '1'}, {'N': '2'}]}}}}`)
		}
	}
	w.hold(
		fact{"PutItem", "'Item': {'k': {'S': 'a'}}, 'ConditionExpression': 'n < :v', 'ExpressionAttributeValues': {':v': {'N': '4'}}", no},
		fact{"", "'Item': {'k': {'S': 'a'}}, 'ConditionExpression': 'n < :v', 'ExpressionAttributeValues': {':v': {'N': '5'}}, 'ReturnValues': 'ALL_OLD'", "{'Attributes':{…'n':{'N':'4'}}}"},
		fact{"UpdateItem", "'Key': {'k': {'S': 'new'}}, 'ConditionExpression': 'attribute_not_exists(n)', 'UpdateExpression': 'SET #n = :v', 'ExpressionAttributeNames': {'#n': 'n'}, 'ExpressionAttributeValues': {':v': {'N': '5'}}, 'ReturnValues': 'ALL_NEW'", "{'Attributes':{'k':{'S':'new'},'n':{'N':'5'}}}"},
		fact{"", "'Key': {'k': {'S': 'new'}}, 'ConditionExpression': 'n = :v', 'ExpressionAttributeValues': {':v': {'N': '5'}}, 'ReturnValues': 'ALL_NEW'", "{'Attributes':{'k':{'S':'new'},'n':{'N':'5'}}}"},
		fact{"", "'Key': {'k': {'S': 'new'}}, 'ConditionExpression': 'n = :v', 'AttributeUpdates': {}, 'ExpressionAttributeValues': {':v': {'N': '5'}}", "ValidationException: Can not use both expression and non-expression parameters in the same request: Non-expression parameters: {AttributeUpdates} Expression parameters: {ConditionExpression}"},
		fact{"", "'Key': {'k': {'S': 'new'}}, 'ExpressionAttributeValues': {':v': {'N': '5'}}", "ValidationException: ExpressionAttributeValues can only be specified when using expressions"},
		fact{"", "'Key': {'k': {'S': 'new'}}, 'ExpressionAttributeNames': {'#v': 'x'}", "ValidationException: ExpressionAttributeNames can only be specified when using expressions"},
		fact{"PutItem", "'Item': {'k': {'S': 'new'}}, 'ExpressionAttributeValues': {':v': {'N': '5'}}", "ValidationException: ExpressionAttributeValues can only be specified when using expressions"},
		fact{"DeleteItem", "'Key': {'k': {'S': 'new'}}, 'ExpressionAttributeNames': {'#v': 'x'}", "ValidationException: ExpressionAttributeNames can only be specified when using expressions"},
	)
}

// TestFactsOfExpected: Expected, the conditions before there were expressions.
func TestFactsOfExpected(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "k:S")
	const (
		no      = "ConditionalCheckFailedException: The conditional request failed"
		invalid = "ValidationException: One or more parameter values were invalid: "
	)
	for _, c := range []struct{ expected, want string }{
		{"'n': {'Value': {'N': '4.0'}}", "{}"},
		{"'n': {'Value': {'S': '4'}}", no},
		{"'n': {'Exists': true, 'Value': {'N': '4'}}", "{}"},
		{"'n': {'Exists': false}", no},
		{"'q': {'Exists': false}", "{}"},
		{"'q': {'Value': {'N': '4'}}", no},
		{"'n': {'Value': {'N': '4'}}, 'q': {'Exists': false}", "{}"},
		{"'n': {'Value': {'N': '4'}}, 'q': {'Value': {'N': '4'}}", no},
		{"'n': {'Exists': true}", invalid + "Value must be provided when Exists is true for Attribute: n"},
		{"'n': {}", invalid + "Value must be provided when Exists is null for Attribute: n"},
		{"'n': {'Exists': false, 'Value': {'N': '4'}}", invalid + "Value cannot be used when Exists is false for Attribute: n"},
		{"'n': {'Exists': true, 'AttributeValueList': [{'N': '4'}], 'ComparisonOperator': 'EQ'}", invalid + "Exists and ComparisonOperator cannot be used together for Attribute: n"},
		{"'n': {'Value': {'N': '4'}, 'AttributeValueList': [{'N': '4'}], 'ComparisonOperator': 'EQ'}", invalid + "Value and AttributeValueList cannot be used together for Attribute: n"},
		{"'n': {'AttributeValueList': [{'N': '4'}]}", invalid + "AttributeValueList can only be used with a ComparisonOperator for Attribute: n"},
		{"'n': {'ComparisonOperator': 'EQ', 'AttributeValueList': []}", invalid + "Invalid number of argument(s) for the EQ ComparisonOperator"},
		{"'n': {'ComparisonOperator': 'EQ', 'AttributeValueList': [{'N': '1'}, {'N': '2'}]}", invalid + "Invalid number of argument(s) for the EQ ComparisonOperator"},
		{"'n': {'ComparisonOperator': 'IN', 'AttributeValueList': []}", invalid + "Invalid number of argument(s) for the IN ComparisonOperator"},
		{"'n': {'ComparisonOperator': 'IN', 'AttributeValueList': [{'N': '3'}, {'N': '4'}]}", "{}"},
		{"'n': {'ComparisonOperator': 'IN', 'AttributeValueList': [{'S': '3'}, {'N': '4'}]}", invalid + "AttributeValues inside AttributeValueList must be of same type"},
		{"'n': {'ComparisonOperator': 'IN', 'AttributeValueList': [{'NS': ['4']}]}", invalid + "ComparisonOperator IN is not valid for NS AttributeValue type"},
		{"'n': {'ComparisonOperator': 'BETWEEN', 'AttributeValueList': [{'N': '3'}, {'N': '4'}]}", "{}"},
		{"'n': {'ComparisonOperator': 'BETWEEN', 'AttributeValueList': [{'N': '5'}, {'N': '4'}]}", "ValidationException: The BETWEEN condition was provided a range where the lower bound is greater than the upper bound"},
		{"'n': {'ComparisonOperator': 'BETWEEN', 'AttributeValueList': [{'N': '5'}, {'S': '6'}]}", invalid + "AttributeValues inside AttributeValueList must be of same type"},
		{"'n': {'ComparisonOperator': 'BETWEEN', 'AttributeValueList': [{'N': '5'}]}", invalid + "Invalid number of argument(s) for the BETWEEN ComparisonOperator"},
		{"'n': {'ComparisonOperator': 'NE', 'AttributeValueList': [{'S': '4'}]}", "{}"},
		{"'q': {'ComparisonOperator': 'NE', 'AttributeValueList': [{'S': '4'}]}", "{}"},
		{"'q': {'ComparisonOperator': 'LT', 'AttributeValueList': [{'S': '4'}]}", no},
		{"'n': {'ComparisonOperator': 'LT', 'AttributeValueList': [{'S': '5'}]}", no},
		{"'n': {'ComparisonOperator': 'LT', 'AttributeValueList': [{'BOOL': true}]}", invalid + "ComparisonOperator LT is not valid for BOOL AttributeValue type"},
		{"'n': {'ComparisonOperator': 'NULL'}", no},
		{"'q': {'ComparisonOperator': 'NULL'}", "{}"},
		{"'z': {'ComparisonOperator': 'NOT_NULL'}", "{}"}, // an attribute that is NULL is there
		{"'n': {'ComparisonOperator': 'NOT_NULL', 'AttributeValueList': [{'N': '4'}]}", invalid + "Invalid number of argument(s) for the NOT_NULL ComparisonOperator"},
		{"'s': {'ComparisonOperator': 'CONTAINS', 'AttributeValueList': [{'S': 'og'}]}", "{}"},
		{"'s': {'ComparisonOperator': 'NOT_CONTAINS', 'AttributeValueList': [{'S': 'og'}]}", no},
		{"'q': {'ComparisonOperator': 'CONTAINS', 'AttributeValueList': [{'S': 'og'}]}", no},
		{"'q': {'ComparisonOperator': 'NOT_CONTAINS', 'AttributeValueList': [{'S': 'og'}]}", no},
		{"'s': {'ComparisonOperator': 'NOT_CONTAINS', 'AttributeValueList': [{'N': '4'}]}", "{}"},
		{"'l': {'ComparisonOperator': 'CONTAINS', 'AttributeValueList': [{'N': '4'}]}", "{}"},
		{"'l': {'ComparisonOperator': 'NOT_CONTAINS', 'AttributeValueList': [{'N': '5'}]}", "{}"},
		{"'l': {'ComparisonOperator': 'CONTAINS', 'AttributeValueList': [{'L': []}]}", invalid + "ComparisonOperator CONTAINS is not valid for L AttributeValue type"},
		{"'s': {'ComparisonOperator': 'BEGINS_WITH', 'AttributeValueList': [{'S': 'do'}]}", "{}"},
		{"'n': {'ComparisonOperator': 'BEGINS_WITH', 'AttributeValueList': [{'S': '4'}]}", no},
		{"'n': {'ComparisonOperator': 'BEGINS_WITH', 'AttributeValueList': [{'N': '4'}]}", invalid + "ComparisonOperator BEGINS_WITH is not valid for N AttributeValue type"},
		{"'n': {'ComparisonOperator': 'FOO', 'AttributeValueList': [{'N': '4'}]}", "ValidationException: 1 validation error detected: Value 'FOO' at 'expected.n.member.comparisonOperator' failed to satisfy constraint: Member must satisfy enum value set: […]"},
	} {
		w.put("tab", `{'k': {'S': 'a'}, 'n': {'N': '4'}, 's': {'S': 'dog'}, 'z': {'NULL': true}, 'l': {'L': [{'N': '4'}]}}`)
		w.hold(fact{"DeleteItem", "'Key': {'k': {'S': 'a'}}, 'Expected': {" + c.expected + "}", c.want})
	}
	const both = "ValidationException: Can not use both expression and non-expression parameters in the same request: Non-expression parameters: "
	const n4, q4 = "'n': {'Value': {'N': '4'}}", "'q': {'Value': {'N': '4'}}"
	w.put("tab", `{'k': {'S': 'a'}, 'n': {'N': '4'}}`)
	w.hold(
		fact{"PutItem", "'Item': {'k': {'S': 'a'}, 'n': {'N': '4'}}, 'Expected': {" + n4 + ", " + q4 + "}, 'ConditionalOperator': 'OR'", "{}"},
		fact{"", "'Item': {'k': {'S': 'a'}}, 'Expected': {" + n4 + ", " + q4 + "}, 'ConditionalOperator': 'AND'", no},
		fact{"", "'Item': {'k': {'S': 'a'}}, 'Expected': {" + n4 + ", " + q4 + "}, 'ConditionalOperator': 'or'", "ValidationException: 1 validation error detected: Value 'or' at 'conditionalOperator' failed to satisfy constraint: Member must satisfy enum value set: […]"},
		fact{"", "'Item': {'k': {'S': 'a'}, 'n': {'N': '4'}}, 'Expected': {" + n4 + "}, 'ConditionalOperator': 'OR'", "ValidationException: …ConditionalOperator…"},
		fact{"", "'Item': {'k': {'S': 'a'}}, 'Expected': {}, 'ConditionalOperator': 'OR'", "ValidationException: ConditionalOperator cannot be used without Filter or Expected"},
		fact{"", "'Item': {'k': {'S': 'a'}}, 'ConditionalOperator': 'AND'", "ValidationException: ConditionalOperator cannot be used without Filter or Expected"},
		fact{"", "'Item': {'k': {'S': 'a'}, 'n': {'N': '4'}}, 'Expected': {}", "{}"},
		fact{"", "'Item': {'k': {'S': 'a'}}, 'Expected': {" + n4 + "}, 'ConditionExpression': 'attribute_exists(n)'", both + "{Expected} Expression parameters: {ConditionExpression}"},
		fact{"UpdateItem", "'Key': {'k': {'S': 'a'}}, 'Expected': {" + n4 + "}, 'UpdateExpression': 'REMOVE n'", both + "{Expected} Expression parameters: {UpdateExpression}"},
		fact{"", "'Key': {'k': {'S': 'a'}}, 'Expected': {" + n4 + "}, 'AttributeUpdates': {'n': {'Action': 'ADD', 'Value': {'N': '1'}}}, 'ReturnValues': 'UPDATED_NEW'", "{'Attributes':{'n':{'N':'5'}}}"},
		fact{"", "'Key': {'k': {'S': 'a'}}, 'Expected': {'n': {'Exists': false}}, 'AttributeUpdates': {'n': {'Action': 'PUT', 'Value': {'N': '1'}}}", no},
		fact{"", "'Key': {'k': {'S': 'b'}}, 'Expected': {'k': {'Exists': false}}, 'ReturnValues': 'ALL_NEW'", "{'Attributes':{'k':{'S':'b'}}}"},
		fact{"", "'Key': {'k': {'S': 'b'}}, 'Expected': {'k': {'Exists': false}}", no},
	)
}
