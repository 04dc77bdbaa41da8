package tables

import (
	"fmt"
	"hash/crc32"
	"net/http/httptest"
	"strings"
	"testing"

	"bothy/wire/sigv4"
)

// TestFactsOfNumbers: what a number may be, as an attribute, as a key and as a result.
func TestFactsOfNumbers(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "k:S")
	w.table("num", "p:S c:N")
	const (
		over    = "Number overflow. Attempting to store a number with magnitude larger than supported range"
		under   = "Number underflow. Attempting to store a number with magnitude smaller than supported range"
		precise = "Attempting to store more than 38 significant digits in a Number"
	)
	numeric := func(s string) string { return "The parameter cannot be converted to a numeric value: " + s }
	for _, c := range []struct{ number, want string }{ // what is read, or a complaint
		{"1e125", "1" + strings.Repeat("0", 125)}, {"-9.99e125", "-999" + strings.Repeat("0", 123)}, {"1e-130", "0." + strings.Repeat("0", 129) + "1"}, {"0e1000", "0"}, {"-0", "0"},
		{"1e126", over}, {"11e125", over}, {"-1e126", over}, {"1e-131", under}, {"0.9e-130", under}, {"-1e-131", under}, {"1.0e100000000", over}, {"1e99999999999999999999", over},
		{"3.1415926535897932384626433832795028841", "3.1415926535897932384626433832795028841"}, {"314159265358979323846264338327950288419e30", precise}, {"3.14159265358979323846264338327950288419", precise},
		{"31415926535897932384626433832795028841e30", "31415926535897932384626433832795028841" + strings.Repeat("0", 30)},
		{"+3", "3"}, {".123", "0.123"}, {"0001.23", "1.23"}, {"1e+5", "100000"}, {"-17.4E3", "-17400"}, {"1.", "1"}, {"1.50", "1.5"},
		{"NaN", numeric("NaN")}, {"Infinity", numeric("Infinity")}, {"-Infinity", numeric("-Infinity")}, {"dog", numeric("dog")}, {" 1", numeric(" 1")}, {"1 ", numeric("1 ")}, {"1_0", numeric("1_0")}, {"0x1", numeric("0x1")},
	} {
		if strings.ContainsAny(c.want, "AT") {
			w.hold(
				fact{"PutItem", fmt.Sprintf("'Item': {'k': {'S': 'a'}, 'n': {'N': '%s'}}", c.number), "ValidationException: " + c.want},
				fact{"PutItem", fmt.Sprintf("'TableName': 'num', 'Item': {'p': {'S': 'a'}, 'c': {'N': '%s'}}", c.number), "ValidationException: " + c.want},
				fact{"UpdateItem", fmt.Sprintf("'Key': {'k': {'S': 'a'}}, 'UpdateExpression': 'SET a = :n', 'ExpressionAttributeValues': {':n': {'N': '%s'}}", c.number), "ValidationException: ExpressionAttributeValues contains invalid value: " + c.want + " for key :n"},
			)
			continue
		}
		w.hold(
			fact{"UpdateItem", fmt.Sprintf("'Key': {'k': {'S': 'a'}}, 'UpdateExpression': 'SET n = :n', 'ExpressionAttributeValues': {':n': {'N': '%s'}}, 'ReturnValues': 'UPDATED_NEW'", c.number), "{'Attributes':{'n':{'N':'" + c.want + "'}}}"},
			fact{"PutItem", fmt.Sprintf("'TableName': 'num', 'Item': {'p': {'S': 'a'}, 'c': {'N': '%s'}}", c.number), "{}"},
			fact{"GetItem", fmt.Sprintf("'TableName': 'num', 'Key': {'p': {'S': 'a'}, 'c': {'N': '%s'}}", c.number), "{'Item':{'c':{'N':'" + c.want + "'},'p':{'S':'a'}}}"},
		)
	}
	for _, c := range []struct{ sum, a, b, want string }{
		{":a + :b", "1", "10000000000000000000000", "10000000000000000000001"}, {":b - :a", "1", "10000000000000000000000", "9999999999999999999999"}, {":a + :b", "0.1", "0.2", "0.3"},
		{":a + :b", "9e125", "9e125", over}, {":a - :b", "9e125", "-9e125", over}, {":a + :b", "1e50", "1", over}, {":a - :b", "1e50", "1", over},
	} {
		want := "{'Attributes':{'n':{'N':'" + c.want + "'}}}"
		if c.want == over {
			want = "ValidationException: " + over
		}
		w.hold(fact{"UpdateItem", fmt.Sprintf("'Key': {'k': {'S': 'a'}}, 'UpdateExpression': 'SET n = %s', 'ExpressionAttributeValues': {':a': {'N': '%s'}, ':b': {'N': '%s'}}, 'ReturnValues': 'UPDATED_NEW'", c.sum, c.a, c.b), want})
	}
}

// TestFactsOfLimits: lengths of names, keys and expressions.
func TestFactsOfLimits(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "k:S")
	w.table("two", "p:S c:B", "-loc p:S x:S ALL")
	long := strings.Repeat("n", 1<<16)
	fine := long[1:]
	const key = "'Key': {'k': {'S': 'a'}}"
	const bad = "ValidationException: …6553…"
	w.hold(
		fact{"PutItem", "'Item': {'k': {'S': 'a'}, '" + fine + "': {'N': '1'}}", "{}"},
		fact{"UpdateItem", key + ", 'UpdateExpression': 'SET #n = #n + #n', 'ConditionExpression': 'attribute_exists(#n)', 'ExpressionAttributeNames': {'#n': '" + fine + "'}, 'ReturnValues': 'UPDATED_NEW'", "{'Attributes':{'" + fine + "':{'N':'2'}}}"},
		fact{"UpdateItem", key + ", 'AttributeUpdates': {'" + fine + "': {'Action': 'ADD', 'Value': {'N': '3'}}}", "{}"},
		fact{"GetItem", key + ", 'AttributesToGet': ['" + fine + "']", "{'Item':{'" + fine + "':{'N':'5'}}}"},
		fact{"GetItem", key + ", 'AttributesToGet': ['" + long + "']", bad},
		fact{"GetItem", key + ", 'ProjectionExpression': '#n', 'ExpressionAttributeNames': {'#n': '" + long + "'}", bad},
		fact{"PutItem", "'Item': {'k': {'S': 'a'}, '" + long + "': {'N': '1'}}", bad},
		fact{"UpdateItem", key + ", 'AttributeUpdates': {'" + long + "': {'Value': {'N': '3'}}}", bad},
		fact{"UpdateItem", key + ", 'UpdateExpression': 'REMOVE #n', 'ExpressionAttributeNames': {'#n': '" + long + "'}", bad},
		fact{"UpdateItem", key + ", 'UpdateExpression': 'REMOVE a', 'ConditionExpression': 'attribute_exists(#n)', 'ExpressionAttributeNames': {'#n': '" + long + "'}", bad},
	)
	pad := strings.Repeat(" ", 4085)
	nested := func(n int) string { return "a<b " + strings.Repeat("or (a<b ", n) + strings.Repeat(")", n) }
	cond := func(c string) string {
		return "'Key': {'k': {'S': 'b'}}, 'UpdateExpression': 'SET a = :v', 'ConditionExpression': '" + c + "', 'ExpressionAttributeValues': {':v': {'N': '1'}}"
	}
	const failed, size = "ConditionalCheckFailedException: The conditional request failed", "ValidationException: Invalid ConditionExpression: Expression size has exceeded the maximum allowed size; expression size: "
	w.hold(
		fact{"GetItem", key + ", 'ProjectionExpression': '" + strings.Repeat("x", 4096) + "'", "{'Item':{}}"},
		fact{"GetItem", key + ", 'ProjectionExpression': '" + strings.Repeat("x", 4097) + "'", "ValidationException: Invalid ProjectionExpression: Expression size has exceeded the maximum allowed size; expression size: 4097"},
		fact{"UpdateItem", key + ", 'UpdateExpression': 'SET" + pad + "a = :val', 'ExpressionAttributeValues': {':val': {'N': '1'}}", "{}"},
		fact{"UpdateItem", key + ", 'UpdateExpression': 'SET " + pad + "a = :val', 'ExpressionAttributeValues': {':val': {'N': '1'}}", "ValidationException: Invalid UpdateExpression: Expression size has exceeded the maximum allowed size; expression size: 4097"},
		fact{"UpdateItem", cond(nested(20000)), size + fmt.Sprint(len(nested(20000)))},
		fact{"", cond(strings.Repeat("(", 15000)), size + "15000"},
		fact{"", cond(strings.Repeat("not ", 20000) + "a<b"), size + "80003"},
		fact{"", cond(strings.Repeat("(", 4096)), "ValidationException: Invalid ConditionExpression: …"},
		fact{"", cond(nested(149)), failed},
		fact{"", cond(nested(454)), "ValidationException: Invalid ConditionExpression: The expression contains too many operators; operator count: 301"},
		fact{"", cond(strings.Repeat("not ", 1000) + "a<b"), "ValidationException: Invalid ConditionExpression: The expression contains too many operators; operator count: 301"},
		fact{"", cond(strings.Repeat("(", 2046) + "a<b" + strings.Repeat(")", 2046)), "ValidationException: Invalid ConditionExpression: …"},
		fact{"", cond("a < " + strings.Repeat("f(", 1355) + "b" + strings.Repeat(")", 1355)), "ValidationException: Invalid ConditionExpression: …"},
		fact{"", cond("a < " + strings.Repeat("size(", 680) + "b" + strings.Repeat(")", 680)), "ValidationException: Invalid ConditionExpression: …"},
	)
	const hash, sort = "ValidationException: One or more parameter values were invalid: Size of hashkey has exceeded the maximum size limit of2048 bytes", "ValidationException: One or more parameter values were invalid: Aggregated size of all range keys has exceeded the size limit of 1024 bytes"
	smile := strings.Repeat("😃", 512)
	long64, fine64 := strings.Repeat("e3t7", 341)+"e3s=", strings.Repeat("e3t7", 341)+"ew=="
	w.hold(
		fact{"PutItem", "'Item': {'k': {'S': '" + smile + "'}}", "{}"},
		fact{"PutItem", "'Item': {'k': {'S': 'x" + smile + "'}}", hash},
		fact{"UpdateItem", "'Key': {'k': {'S': 'x" + smile + "'}}", hash},
		fact{"GetItem", "'Key': {'k': {'S': 'x" + smile + "'}}", hash},
		fact{"PutItem", "'TableName': 'two', 'Item': {'p': {'S': 'a'}, 'c': {'B': '" + fine64 + "'}, 'x': {'S': '" + strings.Repeat("x", 1024) + "'}}", "{}"}, // the keys of two indexes are not added up
		fact{"PutItem", "'TableName': 'two', 'Item': {'p': {'S': 'a'}, 'c': {'B': '" + long64 + "'}}", sort},
		fact{"GetItem", "'TableName': 'two', 'Key': {'p': {'S': 'a'}, 'c': {'B': '" + long64 + "'}}", sort},
		fact{"PutItem", "'TableName': 'two', 'Item': {'p': {'S': 'a'}, 'c': {'B': 'YQ=='}, 'x': {'S': '" + strings.Repeat("x", 1025) + "'}}", sort},
	)
}

// TestFactsOfReturnValues: what a write shows.
func TestFactsOfReturnValues(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "k:S")
	const key = "'Key': {'k': {'S': 'a'}}, "
	w.put("tab", `{'k': {'S': 'a'}, 'a': {'M': {'b': {'S': 'x'}, 'c': {'L': [{'N': '1'}, {'N': '2'}, {'N': '3'}]}}}, 's': {'S': 'y'}}`)
	set := func(values, update, v string) string {
		in := key + "'ReturnValues': '" + values + "', 'UpdateExpression': '" + update + "'"
		if v != "" {
			in += ", 'ExpressionAttributeValues': {':v': " + v + "}"
		}
		return in
	}
	w.hold(
		fact{"UpdateItem", set("UPDATED_OLD", "SET a.c[1] = :v, a.b = :v", "{'N': '7'}"), "{'Attributes':{'a':{'M':{'b':{'S':'x'},'c':{'L':[{'N':'2'}]}}}}}"},
		fact{"", set("UPDATED_NEW", "SET a.c[1] = :v, a.b = :v", "{'N': '8'}"), "{'Attributes':{'a':{'M':{'b':{'N':'8'},'c':{'L':[{'N':'8'}]}}}}}"},
		fact{"", set("UPDATED_OLD", "REMOVE a.c[1], a.c[3]", ""), "{'Attributes':{'a':{'M':{'c':{'L':[{'N':'8'}]}}}}}"},
		fact{"", set("UPDATED_OLD", "SET a.x = :v", "{'N': '1'}"), "{}"},
		fact{"", set("UPDATED_NEW", "SET a.y = :v", "{'N': '1'}"), "{'Attributes':{'a':{'M':{'y':{'N':'1'}}}}}"},
		fact{"", set("UPDATED_NEW", "SET a.c[100] = :v", "{'N': '70'}"), "{}"},
		fact{"", set("UPDATED_NEW", "REMOVE a.c[1]", ""), "{'Attributes':{'a':{'M':{'c':{'L':[{'N':'70'}]}}}}}"}, // the one that has moved there
		fact{"", set("UPDATED_OLD", "SET s = :v", "{'S': 'y'}"), "{'Attributes':{'s':{'S':'y'}}}"},
		fact{"", set("UPDATED_OLD", "REMOVE s", ""), "{'Attributes':{'s':{'S':'y'}}}"},
		fact{"", set("UPDATED_NEW", "REMOVE s", ""), "{}"},
		fact{"", set("UPDATED_NEW", "SET s = :v REMOVE a", "{'S': 'z'}"), "{'Attributes':{'s':{'S':'z'}}}"},
		fact{"", key + "'ReturnValues': 'UPDATED_NEW'", "{}"},
		fact{"", key + "'ReturnValues': 'UPDATED_OLD', 'AttributeUpdates': {}", "{}"},
		fact{"", key + "'ReturnValues': 'ALL_NEW', 'AttributeUpdates': {}", "{'Attributes':{'k':{'S':'a'},'s':{'S':'z'}}}"},
		fact{"", key + "'ReturnValues': 'ALL_OLD', 'AttributeUpdates': {'s': {'Action': 'DELETE'}}", "{'Attributes':{'k':{'S':'a'},'s':{'S':'z'}}}"},
		fact{"", strings.Replace(set("ALL_NEW", "REMOVE s", ""), "'a'", "'none'", 1), "{}"},
		fact{"", strings.Replace(set("ALL_OLD", "SET s = :v", "{'N': '1'}"), "'a'", "'new'", 1), "{}"},
		fact{"", strings.Replace(set("UPDATED_NEW", "SET s = :v", "{'N': '1'}"), "'a'", "'newer'", 1), "{'Attributes':{'s':{'N':'1'}}}"},
		fact{"", set("none", "REMOVE s", ""), "ValidationException: 1 validation error detected: Failed to satisfy constraint: Member must satisfy enum value set: [ALL_OLD, UPDATED_OLD, ALL_NEW, UPDATE_NEW, NONE]"},
		fact{"", key + "'ReturnValuesOnConditionCheckFailure': 'ALL_NEW', 'ConditionExpression': 'a = k'", "ValidationException: 1 validation error detected: Value 'ALL_NEW' at 'returnValuesOnConditionCheckFailure' failed to satisfy constraint: Member must satisfy enum value set: […]"},
		fact{"PutItem", "'Item': {'k': {'S': 'a'}}, 'ReturnValues': 'ALL_NEW'", "ValidationException: ReturnValues can only be ALL_OLD or NONE"},
		fact{"PutItem", "'Item': {'k': {'S': 'a'}}, 'ReturnValues': 'ALL_OLD'", "{'Attributes':{'k':{'S':'a'}}}"},
		fact{"PutItem", "'Item': {'k': {'S': 'put'}}, 'ReturnValues': 'ALL_OLD'", "{}"},
		fact{"DeleteItem", key + "'ReturnValues': 'UPDATED_OLD'", "ValidationException: ReturnValues can only be ALL_OLD or NONE"},
		fact{"DeleteItem", "'Key': {'k': {'S': 'put'}}", "{}"},
		fact{"DeleteItem", "'Key': {'k': {'S': 'put'}}, 'ReturnValues': 'ALL_OLD'", "{}"},
	)
	status, body := w.post("DynamoDB_20120810.DeleteItem", []byte(`{"TableName":"tab","Key":{"k":{"S":"no"}},"ConditionExpression":"s = k","ReturnValuesOnConditionCheckFailure":"ALL_OLD"}`))
	if status != 400 || strings.Contains(body, `"Item"`) {
		t.Errorf("nothing was there: %d %s", status, body)
	}
}

// TestFactsOfCapacity: what reads and writes consume.
func TestFactsOfCapacity(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "p:S c:S")
	w.table("one", "k:S")
	item := func(size int) string { // of so many bytes
		return "'Item': {'p': {'S': 'a'}, 'c': {'S': 'b'}, 'att': {'S': '" + strings.Repeat("x", size-7) + "'}}, 'ReturnConsumedCapacity': 'TOTAL'"
	}
	units := func(n string) string { return "{'ConsumedCapacity':{'CapacityUnits':" + n + ",'TableName':'tab'}}" }
	const key = "'Key': {'p': {'S': 'a'}, 'c': {'S': 'b'}}, 'ReturnConsumedCapacity': 'TOTAL'"
	both := "'RequestItems': {'one': [{'PutRequest': {'Item': {'k': {'S': 'a'}}}}, {'PutRequest': {'Item': {'k': {'S': 'b'}, 'v': {'S': '" + strings.Repeat("x", 1024) + "'}}}}], 'tab': [{'DeleteRequest': {'Key': {'p': {'S': 'x'}, 'c': {'S': 'b'}}}}]}, 'ReturnConsumedCapacity': 'TOTAL'"
	w.hold(
		fact{"GetItem", key, units("0.5")},
		fact{"GetItem", key + ", 'ConsistentRead': true", units("1")},
		fact{"DeleteItem", key, units("1")},
		fact{"PutItem", item(1024), units("1")},
		fact{"PutItem", item(1025), units("2")},
		fact{"PutItem", item(2049), units("3")},
		fact{"PutItem", item(10), units("3")}, // the larger of what was and what is
		fact{"PutItem", item(2049), units("3")},
		fact{"UpdateItem", key + ", 'UpdateExpression': 'REMOVE att'", units("3")},
		fact{"PutItem", item(2049), units("3")},
		fact{"DeleteItem", key, units("3")},
		fact{"PutItem", item(4096), units("4")},
		fact{"GetItem", key + ", 'ConsistentRead': true, 'ProjectionExpression': 'nothing'", "{'ConsumedCapacity':{'CapacityUnits':1,'TableName':'tab'},'Item':{}}"},
		fact{"PutItem", item(4097), units("5")},
		fact{"GetItem", key + ", 'ConsistentRead': true, 'ProjectionExpression': 'p'", "{'ConsumedCapacity':{'CapacityUnits':2,'TableName':'tab'},'Item':{'p':{'S':'a'}}}"},
		fact{"GetItem", key + ", 'ProjectionExpression': 'p'", "{'ConsumedCapacity':{'CapacityUnits':1,'TableName':'tab'},'Item':{'p':{'S':'a'}}}"},
		fact{"GetItem", key[:len(key)-7] + "'DUMMY'", "ValidationException: 1 validation error detected: Value 'DUMMY' at 'returnConsumedCapacity' failed to satisfy constraint: Member must satisfy enum value set: […]"},
		fact{"BatchWriteItem", both, "{'ConsumedCapacity':[{'CapacityUnits':3,'TableName':'one'},{'CapacityUnits':1,'TableName':'tab'}],'UnprocessedItems':{}}"},
		fact{"BatchGetItem", "'RequestItems': {'one': {'Keys': [{'k': {'S': 'a'}}, {'k': {'S': 'none'}}], 'ConsistentRead': true}, 'tab': {'Keys': [{'p': {'S': 'y'}, 'c': {'S': 'b'}}]}}, 'ReturnConsumedCapacity': 'TOTAL'",
			"{'ConsumedCapacity':[{'CapacityUnits':2,'TableName':'one'},{'CapacityUnits':0.5,'TableName':'tab'}],'Responses':{'one':[{'k':{'S':'a'}}],'tab':[]},'UnprocessedKeys':{}}"},
	)
}

// TestFactsOfBatches: BatchWriteItem and BatchGetItem.
func TestFactsOfBatches(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "k:S")
	w.table("tab2", "k:S")
	const arn = "arn:aws:dynamodb:eu-west-1:111122223333:table/tab"
	const twice = "ValidationException: Provided list of item keys contains duplicates"
	put := func(k string) string { return "{'PutRequest': {'Item': {'k': {'S': '" + k + "'}}}}" }
	del := func(k string) string { return "{'DeleteRequest': {'Key': {'k': {'S': '" + k + "'}}}}" }
	var many []string
	for i := range 26 {
		many = append(many, put(fmt.Sprint(i)))
	}
	w.hold(
		fact{"BatchWriteItem", "'RequestItems': {'tab': [" + put("a") + ", " + put("a") + "]}", twice},
		fact{"", "'RequestItems': {'tab': [" + put("a") + ", " + del("a") + "]}", twice},
		fact{"", "'RequestItems': {'tab': [" + put("a") + "], 'tab2': [" + put("a") + "]}", "{'UnprocessedItems':{}}"},
		fact{"", "'RequestItems': {'tab': [" + put("b") + ", {'PutRequest': {'Item': {'k': {'N': '3'}}}}]}", "ValidationException: The provided key element does not match the schema"},
		fact{"", "'RequestItems': {'tab': [" + put("b") + ", {'PutRequest': {'Item': {'x': {'S': 'b'}}}}]}", "ValidationException: The provided key element does not match the schema"},
		fact{"", "'RequestItems': {'none': [{'PutRequest': {'Item': {}}}]}", "ResourceNotFoundException: Requested resource not found"},
		fact{"", "'RequestItems': {'tab': [" + strings.Join(many, ", ") + "]}", "ValidationException: 1 validation error detected: Value …Member must have length less than or equal to 25…"},
		fact{"BatchGetItem", "'RequestItems': {'tab': {'Keys': [{'k': {'S': 'b'}}]}}", "{'Responses':{'tab':[]},'UnprocessedKeys':{}}"},
		fact{"", "'RequestItems': {'tab': {'Keys': [{'k': {'S': 'a'}}, {'k': {'S': 'a'}}]}}", twice},
		fact{"", "'RequestItems': {'" + arn + "': {'Keys': [{'k': {'S': 'a'}}]}}", "{'Responses':{'" + arn + "':[{'k':{'S':'a'}}]},'UnprocessedKeys':{}}"},
		fact{"", "'RequestItems': {'tab': {'Keys': [{'k': {'S': 'a'}}], 'ProjectionExpression': '#k', 'ExpressionAttributeNames': {'#k': 'k', '#u': 'u'}}}", "ValidationException: Value provided in ExpressionAttributeNames unused in expressions: keys: {#u}"},
		fact{"", "'RequestItems': {'none': {'Keys': [{'k': {'S': 'a'}}]}}", "ResourceNotFoundException: Requested resource not found"},
	)
}

// TestFactsOfTheWire: bodies and headers.
func TestFactsOfTheWire(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "k:S")
	const serial = "SerializationException: "
	w.hold(
		fact{"PutItem", "'Item': {'k': {'S': 5}}", serial + "NUMBER_VALUE cannot be converted to String"},
		fact{"", "'Item': {'k': {'S': 'a'}, 'n': {'M': {'x': {'N': 5}}}}", serial + "NUMBER_VALUE cannot be converted to String"},
		fact{"", "'Item': {'k': {'S': true}}", serial + "TRUE_VALUE cannot be converted to String"},
		fact{"", "'Item': {'k': {'S': {'S': 'a'}}}", serial + "Start of structure or map found where not expected"},
		fact{"", "'Item': {'k': {'S': ['a']}}", serial + "Unrecognized collection type class java.lang.String"},
		fact{"", "'Item': {'k': 'a'}", serial + "Unexpected field type"},
		fact{"", "'Item': {'k': {'SS': 'a'}}", serial + "Unexpected field type"},
		fact{"UpdateItem", "'Key': {'k': {'S': 'a'}}, 'UpdateExpression': 'SET a = :v', 'ExpressionAttributeValues': {':v': {'N': 123}}", serial + "NUMBER_VALUE cannot be converted to String"},
		fact{"Scan", "'Limit': '5'", serial + "STRING_VALUE cannot be converted to Integer"},
	)
	const correct = `{"TableName": "tab", "Item": {"k": {"S": "x"}}}`
	for i := 1; i < len(correct); i++ {
		if status, body := w.post("DynamoDB_20120810.PutItem", []byte(correct[:i])); status != 400 || !strings.Contains(body, "SerializationException") {
			t.Errorf("%s: %d %s", correct[:i], status, body)
		}
	}
	for _, broken := range []string{"}}}", "}{", "habababa", "7", "><#", "????", `"""`, `{"""}`, `{""}`, "{7}", "{3: }}", `{"2":{}`, ",", "{,}", "{{}}", `"a": "b"`, "{{{", strings.Repeat("{", 10000) + strings.Repeat("}", 10000), strings.Repeat(`{"":`, 200000)} {
		if status, body := w.post("DynamoDB_20120810.PutItem", []byte(broken)); status != 400 || !strings.Contains(body, "Exception") {
			t.Errorf("%.20s: %d %s", broken, status, body)
		}
	}
	tag := `{"ResourceArn": "arn:aws:dynamodb:eu-west-1:111122223333:table/tab", "Tags": [{"Key": "k", "Value": "v"}]}`
	for _, c := range []struct{ op, in, kind, want string }{
		{"TagResource", tag, "", ""},
		{"UntagResource", strings.Replace(tag, `"Tags": [{"Key": "k", "Value": "v"}]`, `"TagKeys": ["k"]`, 1), "", ""},
		{"PutItem", correct, "", "{}"},
		{"DescribeTable", `{"TableName": "none"}`, "", `{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException",…`},
	} {
		r := httptest.NewRequest("POST", "http://dynamodb.test/", strings.NewReader(c.in))
		r.Header.Set("Content-Type", "application/x-amz-json-1.0")
		r.Header.Set("X-Amz-Target", "DynamoDB_20120810."+c.op)
		sigv4.Sign(r, sigv4.Credentials{AccessKey: "ROOT", Secret: "secret"}, "dynamodb", region, w.now, []byte(c.in))
		rec := httptest.NewRecorder()
		w.mux.ServeHTTP(rec, r)
		body := rec.Body.String()
		if h := rec.Header(); !fits(body, c.want) && (c.want != "" || body != "") || h.Get("X-Amz-Crc32") != fmt.Sprint(crc32.ChecksumIEEE(rec.Body.Bytes())) || h.Get("Content-Type") != "application/x-amz-json-1.0" {
			t.Errorf("%s: %v %q", c.op, h, body)
		}
	}
}
