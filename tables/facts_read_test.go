package tables

import (
	"fmt"
	"strings"
	"testing"
)

// TestFactsOfFilters: FilterExpression, QueryFilter and ScanFilter.
func TestFactsOfFilters(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "p:S c:N")
	w.put("tab", `{'p': {'S': 'a'}, 'c': {'N': '1'}, 's': {'S': 'cat'}, 'n': {'N': '5'}, 'b': {'B': 'fw=='}, 'l': {'L': [{'N': '1'}, {'NS': ['1', '2']}, {'L': [{'N': '3'}]}]}, 'm': {'M': {'x': {'S': 'dog'}, 'y': {'N': '4'}}}, 'ns': {'NS': ['2', '4']}, 't': {'BOOL': true}, 'j': {'N': '5'}}`)
	const (
		bad = "ValidationException: Invalid FilterExpression: "
		yes = "{'Count':1,'ScannedCount':1}"
		no  = "{'Count':0,'ScannedCount':1}"
	)
	many := strings.TrimSuffix(strings.Repeat(":v,", 101), ",")
	for _, c := range []struct{ filter, value, want string }{
		{"l <= :v", "{'N': '3'}", no}, {":v <= l", "{'N': '3'}", no}, {"s BETWEEN :v AND l", "{'S': 'a'}", no}, {"s BETWEEN n AND :v", "{'S': 'x'}", no}, {"n BeTWEEN j anD :v", "{'N': '9'}", yes},
		{"n BETWEEN :v AND two", "{'N': '1'}", no}, {"n BETWEEN q AND z AND n = :v", "{'N': '5'}", no},
		{"q < :v", "{'N': '3'}", no}, {":v >= q", "{'N': '3'}", no}, {"q = z OR n < :v", "{'N': '1'}", no}, {"q <> z AND n = :v", "{'N': '5'}", yes}, {"q <= z OR n < :v", "{'N': '1'}", no},
		{"b < :v", "{'B': 'gA=='}", yes}, {"b > :v", "{'B': 'gA=='}", no}, // 0x7F and 0x80
		{"n = :v", "{'S': '5'}", no}, {"n <> :v", "{'S': '5'}", yes}, {"n IN (j, :v)", "{'N': '3'}", yes}, {"n IN (s, q, :v)", "{'N': '3'}", no}, {"ns IN (:v)", "{'NS': ['4', '2']}", yes}, {"m IN (:v)", "{'M': {'y': {'N': '4'}, 'x': {'S': 'dog'}}}", yes},
		{"n IN (:v, s)", "{'S': 'x'}", no}, {"n IN ()", "{'N': '1'}", bad + `Syntax error; token: ")", near: "()"`},
		{"n IN (" + many + ")", "{'N': '5'}", bad + "The IN operator is provided with too many operands; number of operands: 101"},
		{"n IN (" + many[:len(many)-3] + ")", "{'N': '5'}", yes},
		{"contains(ns, :v)", "{'NS': ['2', '4']}", no}, {"contains(ns, :v)", "{'N': '2.0'}", yes}, {"contains(l, :v)", "{'NS': ['2', '1']}", yes}, {"contains(l, :v)", "{'L': [{'N': '3.0'}]}", yes}, {"contains(s, :v)", "{'NS': ['1']}", no},
		{"contains(m, :v)", "{'S': 'x'}", no}, {"contains(m, :v)", "{'S': 'dog'}", no}, {"contains(t, :v)", "{'BOOL': true}", no}, {"contains(:v, s)", "{'S': 'my cats'}", yes}, {"contains(:v, n)", "{'NS': ['5']}", yes},
		{"begins_with(:v, s)", "{'S': 'cats'}", yes}, {"begins_with(n, :v)", "{'S': 'x'}", no}, {"begins_with(n, s) OR n < :v", "{'N': '1'}", no}, {"begins_with(n, :v)", "{'N': '5'}", bad + "Incorrect operand type for operator or function; operator or function: begins_with, operand type: N"},
		{"begins_with(s) AND n = :v", "{'N': '1'}", bad + "Incorrect number of operands for operator or function; operator or function: begins_with, number of operands: 1"},
		{"attribute_type(:v, :v)", "{'S': 'S'}", yes}, {"attribute_type(s, n) AND n = :v", "{'N': '1'}", bad + "Incorrect operand type for operator or function; operator or function: attribute_type, operand type: {NS,SS,L,BS,N,M,B,BOOL,NULL,S}"},
		{"attribute_type(s, :v)", "{'S': 'CAT'}", bad + "Invalid attribute type name found; type: CAT, valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}"},
		{"attribute_exists(:v)", "{'S': 'S'}", bad + "Operator or function requires a document path; operator or function: attribute_exists"},
		{"size(n) < :v", "{'N': '3'}", no}, {"size(t) >= :v", "{'N': '0'}", no}, {"size(m) = :v", "{'N': '2'}", yes}, {"size(s) = :v", "{'S': 'x'}", no}, {"size(ns) BETWEEN :v AND n", "{'N': '1'}", yes}, {"size(s) IN (:v, n)", "{'N': '3'}", yes}, {"size(l) <> :v", "{'N': '3'}", no},
		{"size(s, s) = :v", "{'N': '3'}", bad + "Incorrect number of operands for operator or function; operator or function: size, number of operands: 2"},
		{"size(s)", "{'N': '3'}", bad + "The function is not allowed to be used this way in an expression; function: size"},
		{"attribute_exists(s) < :v", "{'N': '3'}", bad + "The function is not allowed to be used this way in an expression; function: attribute_exists"},
		{"list_append(l, :v) = :v", "{'L': []}", bad + "The function is not allowed in a condition expression; function: list_append"},
		{"dog(s, :v)", "{'N': '3'}", bad + "Invalid function name; function: dog"}, {"contains(s, s) AND n = :v", "{'N': '3'}", bad + "The first operand must be distinct from the remaining operands for this operator or function; operator: contains, first operand: [s]"},
		{"n != :v", "{'N': '3'}", bad + `Syntax error; token: "!", near: "n !="`}, {"NOT NOT NOT NOT n = :v", "{'N': '5'}", yes}, {"(n = :v OR j = q) AND (q = n OR (n = :v AND m.y < j))", "{'N': '5'}", yes},
		{"m.x = :v", "{'S': 'dog'}", yes}, {"l[1] = :v", "{'NS': ['1', '2']}", yes}, {"m.z < l[100] OR n < :v", "{'N': '1'}", no},
		{"c = :v", "{'N': '3'}", "ValidationException: Filter Expression can only contain non-primary key attributes: Primary key attribute: c"},
		{"n = c AND n = :v", "{'N': '3'}", "ValidationException: Filter Expression can only contain non-primary key attributes: Primary key attribute: c"},
		{"p = :p AND n = :v", "{'N': '3'}", "ValidationException: Filter Expression can only contain non-primary key attributes: Primary key attribute: p"},
	} {
		w.hold(fact{"Query", fmt.Sprintf(`'KeyConditionExpression': 'p = :p', 'Select': 'COUNT', 'FilterExpression': '%s', 'ExpressionAttributeValues': {':p': {'S': 'a'}, ':v': %s}`, c.filter, c.value), c.want})
	}
	w.hold(
		fact{"Query", `'FilterExpression': 'p = :p', 'ExpressionAttributeValues': {':p': {'S': 'a'}}`, "ValidationException: Either the KeyConditions or KeyConditionExpression parameter must be specified in the request."},
		fact{"", `'KeyConditionExpression': 'p = :p', 'FilterExpression': '', 'ExpressionAttributeValues': {':p': {'S': 'a'}}`, bad + "The expression can not be empty;"},
		fact{"", `'KeyConditionExpression': 'p = :p', 'FilterExpression': 'n = :p', 'AttributesToGet': ['n'], 'ExpressionAttributeValues': {':p': {'S': 'a'}}`,
			"ValidationException: Can not use both expression and non-expression parameters in the same request: Non-expression parameters: {AttributesToGet} Expression parameters: {FilterExpression, KeyConditionExpression}"},
		fact{"", `'KeyConditionExpression': 'p = :p', 'FilterExpression': 'm.x = :x', 'ProjectionExpression': 'm.y', 'ExpressionAttributeValues': {':p': {'S': 'a'}, ':x': {'S': 'dog'}}`, "{'Count':1,'Items':[{'m':{'M':{'y':{'N':'4'}}}}],'ScannedCount':1}"},
		fact{"", `'KeyConditionExpression': 'p = :p', 'FilterExpression': 'begins_with(n, :x)', 'ExpressionAttributeValues': {':p': {'S': 'none'}, ':x': {'N': '1'}}`, bad + "Incorrect operand type…"},
		fact{"Scan", `'FilterExpression': 'c = :x', 'Select': 'COUNT', 'ExpressionAttributeValues': {':x': {'N': '1'}}`, yes},
		fact{"", `'FilterExpression': 'p <> :x', 'Select': 'COUNT', 'ExpressionAttributeValues': {':x': {'S': 'a'}}`, no},
		fact{"", `'ScanFilter': {}, 'Select': 'COUNT'`, yes},
	)
}

// TestFactsOfLegacyFilters: QueryFilter, with what Expected and ScanFilter share.
func TestFactsOfLegacyFilters(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "p:S c:N")
	w.put("tab", `{'p': {'S': 'a'}, 'c': {'N': '1'}, 's': {'S': 'cat'}, 'n': {'N': '5'}, 'l': {'L': [{'N': '1'}]}, 'm': {'M': {'x': {'S': 'dog'}}}, 'ns': {'NS': ['2', '4']}, 't': {'BOOL': true}, 'z': {'NULL': true}}`)
	const (
		bad  = "ValidationException: One or more parameter values were invalid: "
		both = "ValidationException: The BETWEEN condition was provided a range where the lower bound is greater than the upper bound"
		yes  = "{'Count':1,'ScannedCount':1}"
		no   = "{'Count':0,'ScannedCount':1}"
	)
	for _, c := range []struct{ name, operator, values, want string }{
		{"l", "EQ", "{'L': [{'N': '1.0'}]}", yes}, {"m", "NE", "{'M': {}}", yes}, {"t", "EQ", "{'BOOL': false}", no}, {"z", "EQ", "{'NULL': true}", yes}, {"ns", "EQ", "{'NS': ['4', '2']}", yes}, {"q", "NE", "{'NS': ['4']}", yes}, {"q", "EQ", "{'N': '4'}", no},
		{"l", "LT", "{'L': []}", bad + "ComparisonOperator LT is not valid for L AttributeValue type"}, {"m", "GE", "{'M': {}}", bad + "ComparisonOperator GE is not valid for M AttributeValue type"},
		{"ns", "GT", "{'NS': ['1']}", bad + "ComparisonOperator GT is not valid for NS AttributeValue type"}, {"t", "LE", "{'BOOL': true}", bad + "ComparisonOperator LE is not valid for BOOL AttributeValue type"},
		{"n", "LT", "{'S': '7'}", no}, {"n", "BETWEEN", "{'N': '5'}, {'N': '5'}", yes}, {"n", "BETWEEN", "{'N': '6'}, {'N': '5'}", both}, {"n", "BETWEEN", "{'S': 'a'}, {'N': '5'}", bad + "AttributeValues inside AttributeValueList must be of same type"},
		{"n", "BETWEEN", "{'N': '6'}", bad + "Invalid number of argument(s) for the BETWEEN ComparisonOperator"}, {"n", "BETWEEN", "{'BOOL': true}, {'BOOL': true}", bad + "ComparisonOperator BETWEEN is not valid for BOOL AttributeValue type"},
		{"n", "IN", "{'N': '1'}, {'N': '5'}", yes}, {"n", "IN", "", bad + "Invalid number of argument(s) for the IN ComparisonOperator"}, {"n", "IN", "{'N': '1'}, {'S': '5'}", bad + "AttributeValues inside AttributeValueList must be of same type"},
		{"l", "IN", "{'L': []}", bad + "ComparisonOperator IN is not valid for L AttributeValue type"}, {"ns", "IN", "{'NS': ['1']}", bad + "ComparisonOperator IN is not valid for NS AttributeValue type"},
		{"n", "BEGINS_WITH", "{'N': '5'}", bad + "ComparisonOperator BEGINS_WITH is not valid for N AttributeValue type"}, {"n", "BEGINS_WITH", "{'S': '5'}", no}, {"s", "BEGINS_WITH", "{'S': 'ca'}", yes},
		{"ns", "CONTAINS", "{'N': '2'}", yes}, {"ns", "NOT_CONTAINS", "{'N': '2'}", no}, {"l", "CONTAINS", "{'N': '1'}", yes}, {"s", "CONTAINS", "{'S': 'at'}", yes}, {"s", "NOT_CONTAINS", "{'S': 'x'}", yes}, {"s", "CONTAINS", "{'SS': ['x']}", bad + "ComparisonOperator CONTAINS is not valid for SS AttributeValue type"},
		{"q", "NULL", "", yes}, {"z", "NULL", "", no}, {"z", "NOT_NULL", "", yes}, {"z", "NULL", "{'N': '1'}", bad + "Invalid number of argument(s) for the NULL ComparisonOperator"},
		{"c", "EQ", "{'N': '1'}", "ValidationException: QueryFilter can only contain non-primary key attributes: Primary key attribute: c"},
		{"p", "EQ", "{'S': '1'}", "ValidationException: QueryFilter can only contain non-primary key attributes: Primary key attribute: p"},
		{"n", "eq", "{'S': '1'}", "ValidationException: 1 validation error detected: Value 'eq' at 'queryFilter.n.member.comparisonOperator' failed to satisfy constraint: Member must satisfy enum value set: […]"},
	} {
		w.hold(fact{"Query", fmt.Sprintf(`'KeyConditions': {'p': {'AttributeValueList': [{'S': 'a'}], 'ComparisonOperator': 'EQ'}}, 'Select': 'COUNT', 'QueryFilter': {'%s': {'AttributeValueList': [%s], 'ComparisonOperator': '%s'}}`, c.name, c.values, c.operator), c.want})
	}
	keys := `'KeyConditions': {'p': {'AttributeValueList': [{'S': 'a'}], 'ComparisonOperator': 'EQ'}}, 'Select': 'COUNT'`
	w.hold(
		fact{"Query", keys + `, 'QueryFilter': {}`, yes},
		fact{"", keys + `, 'QueryFilter': {'n': {'ComparisonOperator': 'NULL'}, 's': {'ComparisonOperator': 'NOT_NULL'}}`, no},
		fact{"", keys + `, 'QueryFilter': {'n': {'ComparisonOperator': 'NULL'}, 's': {'ComparisonOperator': 'NOT_NULL'}}, 'ConditionalOperator': 'OR'`, yes},
		fact{"", keys + `, 'QueryFilter': {'n': {'ComparisonOperator': 'NULL'}}, 'ConditionalOperator': 'and'`, "ValidationException: 1 validation error detected: Value 'and' at 'conditionalOperator' failed to satisfy constraint: Member must satisfy enum value set: [OR, AND]"},
		fact{"", keys + `, 'Limit': 0`, "ValidationException: 1 validation error detected: Value at 'Limit' failed to satisfy constraint: Member must have value greater than or equal to 1"},
	)
}

// TestFactsOfKeyConditions: what Query takes to find items by.
func TestFactsOfKeyConditions(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "p:S c:N")
	w.table("bin", "p:S c:B")
	w.put("tab", `{'p': {'S': 'a'}, 'c': {'N': '3'}}`)
	for _, b := range []string{"AQID", "/wME", "////", "fw==", "gA=="} {
		w.put("bin", `{'p': {'S': 'a'}, 'c': {'B': '`+b+`'}}`)
	}
	const (
		bad = "ValidationException: Invalid KeyConditionExpression: "
		one = "{'Count':1,'ScannedCount':1}"
	)
	for _, c := range []struct{ expression, values, want string }{
		{"p = :p AND p = :p", "", "ValidationException: KeyConditionExpressions must only contain one condition per key"},
		{"p = :p AND c >= :c AND c <= :d", ", ':c': {'N': '1'}, ':d': {'N': '2'}", "ValidationException: KeyConditionExpressions must only contain one condition per key"},
		{"p < :p", "", "ValidationException: Query key condition not supported"},
		{"c = :c AND c = :p", ", ':c': {'N': '1'}", "ValidationException: KeyConditionExpressions must only contain one condition per key"},
		{"c = :p", "", "ValidationException: Query condition missed key schema element: p"},
		{":p = p AND :c < c", ", ':c': {'N': '1'}", one},
		{"p = :p AnD c BeTwEeN :c aNd :d", ", ':c': {'N': '1'}, ':d': {'N': '3'}", one},
		{"p = :p AND begins_with(c, :c)", ", ':c': {'N': '1'}", bad + "Incorrect operand type for operator or function; operator or function: begins_with, operand type: N"},
		{"p = :p AND dog(c)", "", bad + "Invalid function name; function: dog"},
		{"p = :p AND BEGINS_WITH(c, :p)", "", bad + "Invalid function name; function: BEGINS_WITH"},
		{"p = :p AND attribute_exists(c)", "", "ValidationException: Invalid operator used in KeyConditionExpression: attribute_exists"},
		{"p = :p AND c <> :c", ", ':c': {'N': '1'}", "ValidationException: Invalid operator used in KeyConditionExpression: <>"},
		{"p = :p AND c IN (:c)", ", ':c': {'N': '1'}", "ValidationException: Invalid operator used in KeyConditionExpression: IN"},
		{"c = :c OR p = :p", ", ':c': {'N': '1'}", "ValidationException: Invalid operator used in KeyConditionExpression: OR"},
		{"NOT c = :c AND p = :p", ", ':c': {'N': '1'}", "ValidationException: Invalid operator used in KeyConditionExpression: NOT"},
		{"((c = :c) AND (p = :p))", ", ':c': {'N': '3'}", one},
		{"((c = :c) AND ((p = :p)))", ", ':c': {'N': '3'}", bad + "The expression has redundant parentheses;"},
		{"p = :p AND c < :c AND a < :c", ", ':c': {'N': '3'}", "ValidationException: Conditions can be of length 1 or 2 only"},
		{"p = :p AND a < :c", ", ':c': {'N': '3'}", "ValidationException: Query condition missed key schema element: c"},
		{"p = :p AND a.b < :c", ", ':c': {'N': '3'}", "ValidationException: KeyConditionExpressions cannot have conditions on nested attributes"},
		{"p = c AND p = :p", "", "ValidationException: Invalid condition in KeyConditionExpression: Multiple attribute names used in one condition"},
		{":p = :q", ", ':q': {'N': '3'}", "ValidationException: Invalid condition in KeyConditionExpression: No key attribute specified"},
		{"p", "", bad + `Syntax error; token: "<EOF>", near: "p"`},
		{":p", "", bad + `Syntax error; token: "<EOF>", near: ":p"`},
		{"", "", bad + "The expression can not be empty;"},
		{"p = :p AND c = :c", ", ':c': {'S': '3'}", "ValidationException: One or more parameter values were invalid: Condition parameter type does not match schema type"},
		{"p = :c", ", ':c': {'N': '3'}", "ValidationException: …"},
	} {
		w.hold(fact{"Query", fmt.Sprintf(`'Select': 'COUNT', 'KeyConditionExpression': '%s', 'ExpressionAttributeValues': {':p': {'S': 'a'}%s}`, c.expression, c.values), c.want})
	}
	w.hold(
		fact{"Query", `'TableName': 'bin', 'Select': 'COUNT', 'KeyConditionExpression': 'p = :p AND begins_with(c, :c)', 'ExpressionAttributeValues': {':p': {'S': 'a'}, ':c': {'B': '/w=='}}`, "{'Count':2,'ScannedCount':2}"},
		fact{"", `'TableName': 'bin', 'Select': 'COUNT', 'KeyConditionExpression': 'p = :p AND c BETWEEN :c AND :d', 'ExpressionAttributeValues': {':p': {'S': 'a'}, ':c': {'B': 'fw=='}, ':d': {'B': 'gA=='}}`, "{'Count':2,'ScannedCount':2}"},
		fact{"", `'KeyConditionExpression': 'p = :p', 'ExpressionAttributeValues': {':p': {'S': 'a'}}, 'KeyConditions': {'c': {'AttributeValueList': [{'N': '3'}], 'ComparisonOperator': 'GT'}}`,
			"ValidationException: Can not use both expression and non-expression parameters in the same request: Non-expression parameters: {KeyConditions} Expression parameters: {KeyConditionExpression}"},
		fact{"", ``, "ValidationException: Either the KeyConditions or KeyConditionExpression parameter must be specified in the request."},
		fact{"", `'KeyConditions': {}`, "ValidationException: Conditions can be of length 1 or 2 only"},
	)
	for _, c := range []struct{ p, c, want string }{ // conditions on p and c
		{"'EQ', 'AttributeValueList': []", "", "ValidationException: One or more parameter values were invalid: Invalid number of argument(s) for the EQ ComparisonOperator"},
		{"'LE', 'AttributeValueList': [{'S': 'a'}]", "", "ValidationException: Query key condition not supported"},
		{"'BETWEEN', 'AttributeValueList': [{'S': 'a'}, {'S': 'a'}]", "", "ValidationException: Query key condition not supported"},
		{"'BEGINS_WITH', 'AttributeValueList': [{'S': 'a'}]", "", "ValidationException: Query key condition not supported"},
		{"'EQ', 'AttributeValueList': [{'S': 'a'}]", "'IN', 'AttributeValueList': [{'N': '3'}]", "ValidationException: Attempted conditional constraint is not an indexable operation"},
		{"'EQ', 'AttributeValueList': [{'S': 'a'}]", "'NE', 'AttributeValueList': [{'N': '3'}]", "ValidationException: Attempted conditional constraint is not an indexable operation"},
		{"'EQ', 'AttributeValueList': [{'S': 'a'}]", "'NOT_NULL'", "ValidationException: Attempted conditional constraint is not an indexable operation"},
		{"'EQ', 'AttributeValueList': [{'N': '3'}]", "", "ValidationException: One or more parameter values were invalid: Condition parameter type does not match schema type"},
		{"'EQ', 'AttributeValueList': [{'S': 'a'}]", "'EQ', 'AttributeValueList': [{'S': '3'}]", "ValidationException: One or more parameter values were invalid: Condition parameter type does not match schema type"},
		{"'EQ', 'AttributeValueList': [{'S': 'a'}]", "'BEGINS_WITH', 'AttributeValueList': [{'N': '3'}]", "ValidationException: One or more parameter values were invalid: ComparisonOperator BEGINS_WITH is not valid for N AttributeValue type"},
		{"'eq', 'AttributeValueList': [{'S': 'a'}]", "", "ValidationException: 1 validation error detected: Value 'eq' at 'keyConditions.p.member.comparisonOperator' failed to satisfy constraint: Member must satisfy enum value set: […]"},
	} {
		second := ""
		if c.c != "" {
			second = ", 'c': {'ComparisonOperator': " + c.c + "}"
		}
		w.hold(fact{"Query", `'KeyConditions': {'p': {'ComparisonOperator': ` + c.p + `}` + second + `}`, c.want})
	}
	w.hold(
		fact{"Query", `'KeyConditions': {'p': {'ComparisonOperator': 'EQ', 'AttributeValueList': [{'S': 'a'}]}, 'z': {'ComparisonOperator': 'EQ', 'AttributeValueList': [{'S': 'a'}]}}`, "ValidationException: Query condition missed key schema element: c"},
		fact{"", `'KeyConditions': {'p': {'ComparisonOperator': 'EQ', 'AttributeValueList': [{'S': 'a'}]}, 'c': {'ComparisonOperator': 'EQ', 'AttributeValueList': [{'N': '1'}]}, 'z': {'ComparisonOperator': 'EQ', 'AttributeValueList': [{'S': 'a'}]}}`,
			"ValidationException: Conditions can be of length 1 or 2 only"},
		fact{"", `'KeyConditions': {'c': {'ComparisonOperator': 'EQ', 'AttributeValueList': [{'N': '1'}]}}`, "ValidationException: Query condition missed key schema element: p"},
	)
}

// TestFactsOfSelections: ProjectionExpression, AttributesToGet, Select, segments and starting keys.
func TestFactsOfSelections(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "p:S c:N")
	w.put("tab", `{'p': {'S': 'a'}, 'c': {'N': '1'}, 'a': {'M': {'b': {'L': [{'N': '2'}, {'N': '4'}, {'M': {'x': {'S': 'hi'}, 'y': {'S': 'yo'}}}]}, 'c': {'N': '5'}}}, 'a.b': {'S': 'dot'}}`)
	const bad = "ValidationException: Invalid ProjectionExpression: "
	clash := func(how, one, two string) string {
		return bad + "Two document paths " + how + " with each other; must remove or rewrite one of these paths; path one: " + one + ", path two: " + two
	}
	for _, c := range []struct{ expression, want string }{
		{"a.b[2].y", "'a':{'M':{'b':{'L':[{'M':{'y':{'S':'yo'}}}]}}}"}, {"a.b[3]", ""}, {"a.x.y", ""}, {"a.b.x", ""}, {"a[0]", ""}, {"a.b[0][0]", ""}, {"a.b[1], a.b[0]", "'a':{'M':{'b':{'L':[{'N':'2'},{'N':'4'}]}}}"},
		{"a.x, a.b[0], x, a.b[3].x", "'a':{'M':{'b':{'L':[{'N':'2'}]}}}"}, {"a.b[0],a.c", "'a':{'M':{'b':{'L':[{'N':'2'}]},'c':{'N':'5'}}}"}, {" p  ,  c ", "'c':{'N':'1'},'p':{'S':'a'}"},
		{"a,a", clash("overlap", "[a]", "[a]")}, {"a.b, a.b.c", clash("overlap", "[a, b]", "[a, b, c]")}, {"a[1], a[1]", clash("overlap", "[a, [1]]", "[a, [1]]")}, {"a.b.d.e, a.b", clash("overlap", "[a, b, d, e]", "[a, b]")},
		{"a.b, a[1]", clash("conflict", "[a, b]", "[a, [1]]")}, {"a,", bad + `Syntax error; token: "<EOF>", near: ","`}, {",a", bad + `Syntax error; token: ",", near: ",a"`}, {"a,,b", bad + `Syntax error; token: ",", near: ",,b"`},
		{"", bad + "The expression can not be empty;"},
	} {
		want := c.want
		if !strings.HasPrefix(want, "V") {
			want = "{'Item':{" + want + "}}"
		}
		w.hold(fact{"GetItem", `'Key': {'p': {'S': 'a'}, 'c': {'N': '1'}}, 'ProjectionExpression': '` + c.expression + `'`, want})
	}
	const key = `'KeyConditionExpression': 'p = :p', 'ExpressionAttributeValues': {':p': {'S': 'a'}}, `
	const get = `'Key': {'p': {'S': 'a'}, 'c': {'N': '1'}}, `
	const mixed = "ValidationException: Can not use both expression and non-expression parameters in the same request: Non-expression parameters: {AttributesToGet} Expression parameters: {ProjectionExpression}"
	w.hold(
		fact{"GetItem", get + `'ProjectionExpression': '#n', 'ExpressionAttributeNames': {'#n': 'a.b'}`, "{'Item':{'a.b':{'S':'dot'}}}"},
		fact{"", get + `'ProjectionExpression': '#n', 'ExpressionAttributeNames': {'#m': 'a'}`, bad + "An expression attribute name used in the document path is not defined; attribute name: #n"},
		fact{"", get + `'ProjectionExpression': 'a', 'ExpressionAttributeNames': {'#m': 'a'}`, "ValidationException: Value provided in ExpressionAttributeNames unused in expressions: keys: {#m}"},
		fact{"", get + `'ProjectionExpression': 'a', 'AttributesToGet': ['a']`, mixed},
		fact{"Scan", `'ProjectionExpression': 'a', 'AttributesToGet': ['a']`, mixed},
		fact{"", `'ProjectionExpression': 'nothing'`, "{'Count':1,'Items':[{}],'ScannedCount':1}"},
		fact{"", `'AttributesToGet': ['none']`, "{'Count':1,'Items':[{}],'ScannedCount':1}"},
		fact{"", `'Select': 'COUNT'`, "{'Count':1,'ScannedCount':1}"},
		fact{"", `'Select': 'ALL_PROJECTED_ATTRIBUTES'`, "ValidationException: ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName"},
		fact{"", `'Select': 'SPECIFIC_ATTRIBUTES'`, "ValidationException: Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES"},
		fact{"", `'Select': 'COUNT', 'AttributesToGet': ['x']`, "ValidationException: Cannot specify the AttributesToGet when choosing to get only the Count"},
		fact{"", `'Select': 'ALL_ATTRIBUTES', 'AttributesToGet': ['x']`, "ValidationException: Cannot specify the AttributesToGet when choosing to get ALL_ATTRIBUTES"},
		fact{"", `'Select': 'COUNT', 'ProjectionExpression': 'x'`, "ValidationException: Cannot specify the ProjectionExpression when choosing to get only the Count"},
		fact{"", `'Select': 'ALL_ATTRIBUTES', 'ProjectionExpression': 'x'`, "ValidationException: Cannot specify the ProjectionExpression when choosing to get ALL_ATTRIBUTES"},
		fact{"Query", key + `'Select': 'ALL_PROJECTED_ATTRIBUTES'`, "ValidationException: 1 validation error detected: ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName"},
		fact{"", key + `'Select': 'SPECIFIC_ATTRIBUTES'`, "ValidationException: 1 validation error detected: Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES"},
		fact{"", key + `'Select': 'COUNT', 'ProjectionExpression': 'x'`, "ValidationException: 1 validation error detected: Cannot specify the ProjectionExpression when choosing to get only the Count"},
		fact{"", `'KeyConditions': {'p': {'ComparisonOperator': 'EQ', 'AttributeValueList': [{'S': 'a'}]}}, 'Select': 'ALL_ATTRIBUTES', 'AttributesToGet': ['x']`, "ValidationException: 1 validation error detected: Cannot specify the AttributesToGet when choosing to get ALL_ATTRIBUTES"},
		fact{"Scan", `'Select': 'UNKNOWN'`, "ValidationException: 1 validation error detected: Value 'UNKNOWN' at 'select' failed to satisfy constraint: Member must satisfy enum value set: […]"},
		fact{"", `'TotalSegments': 1000001, 'Segment': 0`, "ValidationException: 1 validation error detected: Value '1000001' at 'totalSegments' failed to satisfy constraint: Member must have value less than or equal to 1000000"},
		fact{"", `'TotalSegments': 5, 'Segment': 5`, "ValidationException: The Segment parameter is zero-based and must be less than parameter TotalSegments: Segment: 5 is not less than TotalSegments: 5"},
		fact{"", `'TotalSegments': 1000000, 'Segment': 0, 'ExclusiveStartKey': {'p': {'S': 'a'}, 'c': {'N': '1'}}`, "ValidationException: The provided starting key is invalid: Invalid ExclusiveStartKey. Please use ExclusiveStartKey with correct Segment. TotalSegments: 1000000 Segment: 0"},
		fact{"", `'ExclusiveStartKey': {'p': {'S': 'a'}}`, "ValidationException: The provided starting key is invalid: The provided key element does not match the schema"},
		fact{"", `'ExclusiveStartKey': {'p': {'S': 'a'}, 'c': {'N': '1'}, 'x': {'N': '1'}}`, "ValidationException: The provided starting key is invalid: The provided key element does not match the schema"},
		fact{"", `'ExclusiveStartKey': {'p': {'N': '1'}, 'c': {'N': '1'}}`, "ValidationException: The provided starting key is invalid: The provided key element does not match the schema"},
	)
}

// TestFactsOfPages: where pages begin, and in which order items come.
func TestFactsOfPages(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "p:S c:S", "-loc p:S n:N ALL", "glo g:S n:N ALL")
	for i, n := range []string{"0.7", "-0.6", "-0.7", "10", "9"} {
		w.put("tab", fmt.Sprintf(`{'p': {'S': 'a'}, 'c': {'S': 'c%d'}, 'n': {'N': '%s'}, 'g': {'S': 'x'}}`, i, n))
	}
	w.put("tab", `{'p': {'S': 'a'}, 'c': {'S': 'none'}, 'g': {'S': 'x'}}`) // in no index
	w.put("tab", `{'p': {'S': 'a'}, 'c': {'S': 'some'}, 'n': {'N': '1'}}`) // in loc
	order := func(index, more, want string) fact {
		return fact{"Query", "'IndexName': '" + index + "', 'ProjectionExpression': 'n', " + more, "{'Count':…,'Items':[" + want + "],…}"}
	}
	n := func(values ...string) string {
		for i, v := range values {
			values[i] = "{'n':{'N':'" + v + "'}}"
		}
		return strings.Join(values, ",")
	}
	const (
		byG = "'KeyConditionExpression': 'g = :v', 'ExpressionAttributeValues': {':v': {'S': 'x'}}"
		byP = "'KeyConditionExpression': 'p = :v', 'ExpressionAttributeValues': {':v': {'S': 'a'}}"
	)
	w.hold(
		order("glo", byG, n("-0.7", "-0.6", "0.7", "9", "10")),
		order("glo", byG+", 'ScanIndexForward': false", n("10", "9", "0.7", "-0.6", "-0.7")),
		order("loc", byP, n("-0.7", "-0.6", "0.7", "1", "9", "10")),
		order("glo", byG+", 'ExclusiveStartKey': {'p': {'S': 'a'}, 'c': {'S': 'c0'}, 'g': {'S': 'x'}, 'n': {'N': '0.7'}}", n("9", "10")),
		order("loc", byP+", 'ExclusiveStartKey': {'p': {'S': 'a'}, 'c': {'S': 'c0'}, 'n': {'N': '0.70'}}", n("1", "9", "10")),
		fact{"Query", "'IndexName': 'loc', 'Limit': 2, 'Select': 'COUNT', " + byP, "{'Count':2,'LastEvaluatedKey':{'c':{'S':'c1'},'n':{'N':'-0.6'},'p':{'S':'a'}},'ScannedCount':2}"},
		fact{"Query", "'IndexName': 'glo', 'Limit': 2, 'Select': 'COUNT', " + byG, "{'Count':2,'LastEvaluatedKey':{'c':{'S':'c1'},'g':{'S':'x'},'n':{'N':'-0.6'},'p':{'S':'a'}},'ScannedCount':2}"},
		fact{"Scan", "'Limit': 1, 'Select': 'COUNT'", "{'Count':1,'LastEvaluatedKey':{'c':{'S':'c0'},'p':{'S':'a'}},'ScannedCount':1}"},
		// A start key is a place, not an item.
		fact{"Scan", "'Limit': 1, 'ProjectionExpression': 'c', 'ExclusiveStartKey': {'p': {'S': 'a'}, 'c': {'S': 'c00'}}", "{'Count':1,'Items':[{'c':{'S':'c1'}}],'LastEvaluatedKey':{'c':{'S':'c1'},'p':{'S':'a'}},'ScannedCount':1}"},
		fact{"Scan", "'Limit': 1, 'ProjectionExpression': 'c', 'ExclusiveStartKey': {'p': {'S': 'a'}, 'c': {'S': 'c500'}}", "{'Count':1,'Items':[{'c':{'S':'none'}}],'LastEvaluatedKey':{'c':{'S':'none'},'p':{'S':'a'}},'ScannedCount':1}"},
		fact{"Query", "'Select': 'COUNT', 'KeyConditionExpression': '(#0 = :0) AND (begins_with(#1, :1))', 'ExpressionAttributeNames': {'#0': 'p', '#1': 'c'}, 'ExpressionAttributeValues': {':0': {'S': 'a'}, ':1': {'S': 'c'}}", "{'Count':5,'ScannedCount':5}"},
		fact{"Query", "'Select': 'COUNT', 'KeyConditionExpression': '(#0 = :0) AND (#1 BETWEEN :1 AND :1)', 'ExpressionAttributeNames': {'#0': 'p', '#1': 'c'}, 'ExpressionAttributeValues': {':0': {'S': 'a'}, ':1': {'S': 'c1'}}", "{'Count':1,'ScannedCount':1}"},
		fact{"Query", "'ProjectionExpression': '#1, #10', 'Limit': 1, 'KeyConditionExpression': 'p = :v', 'ExpressionAttributeNames': {'#1': 'c', '#10': 'n'}, 'ExpressionAttributeValues': {':v': {'S': 'a'}}", "{'Count':1,'Items':[{'c':{'S':'c0'},'n':{'N':'0.7'}}],…}"},
	)
	keys := func(from, to int) string {
		var list []string
		for i := range to - from {
			list = append(list, fmt.Sprintf("{'p': {'S': 'a'}, 'c': {'S': '%d'}}", from+i))
		}
		return "{'Keys': [" + strings.Join(list, ", ") + "]}"
	}
	w.table("tab2", "p:S c:S")
	w.hold(
		fact{"BatchGetItem", "'RequestItems': {'tab': " + keys(0, 101) + "}", "ValidationException: 1 validation error detected: Value at 'RequestItems.tab.member.Keys' failed to satisfy constraint: Member must have length less than or equal to 100"},
		fact{"", "'RequestItems': {'tab': " + keys(0, 75) + ", 'tab2': " + keys(0, 75) + "}", "ValidationException: Too many items requested for the BatchGetItem call"},
		fact{"", "'RequestItems': {'tab': " + keys(0, 50) + ", 'tab2': " + keys(0, 50) + "}", "{'Responses':{'tab':[],'tab2':[]},'UnprocessedKeys':{}}"},
	)
}
