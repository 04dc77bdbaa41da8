package tables

import "testing"

// TestFactsOfUpdates: UpdateExpression.
func TestFactsOfUpdates(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "k:S")
	w.table("num", "p:S c:N")
	const (
		bad     = "ValidationException: Invalid UpdateExpression: "
		missing = "ValidationException: The provided expression refers to an attribute that does not exist in the item"
		operand = "ValidationException: An operand in the update expression has an incorrect data type"
		path    = "ValidationException: The document path provided in the update expression is invalid for update"
		key     = "ValidationException: One or more parameter values were invalid: Cannot update attribute k. This attribute is part of the key"
		none    = "{}" // no item is made
	)
	for i, c := range []struct{ old, update, values, want string }{ // old is nothing: there is no item
		{"", "REMOVE a.b", "", none},
		{"", "REMOVE a[0]", "", none},
		{"", "REMOVE a", "", none},
		{"", "DELETE a :v", `':v': {'SS': ['x']}`, none},
		{"", "SET a.b = :v", `':v': {'N': '1'}`, path},
		{"", "SET a[0] = :v", `':v': {'N': '1'}`, path},
		{"", "ADD a :v", `':v': {'BS': ['AA==']}`, `'a':{'BS':['AA==']}`},
		{"'a': {'S': 'x'}", "REMOVE a.c", "", path},
		{"'a': {'S': 'x'}", "REMOVE b.c", "", path},
		{"'a': {'L': []}", "REMOVE a.c", "", path},
		{"'a': {'S': 'x'}", "REMOVE a[0]", "", path},
		{"'a': {'M': {}}", "REMOVE a[0]", "", path},
		{"'a': {'L': []}", "SET a.c = :v", `':v': {'N': '1'}`, path},
		{"'a': {'M': {}}", "SET a[0] = :v", `':v': {'N': '1'}`, path},
		{"'a': {'L': [{'N': '4'}]}", "REMOVE a[17]", "", `'a':{'L':[{'N':'4'}]}`},
		{"'a': {'M': {'b': {'N': '1'}}}", "REMOVE a.b", "", `'a':{'M':{}}`},
		{"'a': {'L': [{'N': '4'}]}", "REMOVE a[0]", "", `'a':{'L':[]}`},
		{"'a': {'L': [{'N': '1'}, {'N': '2'}, {'N': '3'}]}", "REMOVE a[1] SET a[2] = :v", `':v': {'N': '9'}`, `'a':{'L':[{'N':'1'},{'N':'9'}]}`},
		{"'a': {'S': 'x'}", "SET a = a", "", `'a':{'S':'x'}`},
		{"'a': {'S': 'x'}", "SET z = z", "", missing},
		{"'a': {'S': 'x'}", "SET x = :v, y = x", `':v': {'N': '1'}`, missing},
		{"'a': {'S': 'x'}", "SET b = k", "", `'a':{'S':'x'},'b':{'S':'u'}`},
		{"'a': {'S': 'x'}", "ADD a :v", `':v': {'N': '1'}`, operand},
		{"'a': {'NS': ['1']}", "DELETE a :v", `':v': {'SS': ['1']}`, operand},
		{"'a': {'SS': ['1', '2']}", "DELETE a :v", `':v': {'SS': ['1', '2']}`, ``},
		{"", "SET :a = :v", `':a': {'N': '1'}, ':v': {'N': '1'}`, bad + `Syntax error; token: ":a", near: "SET :a ="`},
		{"", "SET a[:v] = :v", `':v': {'N': '1'}`, bad + `Syntax error; token: ":v", near: "[:v]"`},
		{"", "SET a[#v] = :v", `':v': {'N': '1'}`, bad + `Syntax error; token: "#v", near: "[#v]"`},
		{"", "SET 123a = :v", `':v': {'N': '1'}`, bad + `Syntax error; token: "123…", near: "SET 123…"`},
		{"", "SET hi-there = :v", `':v': {'N': '1'}`, bad + `Syntax error; token: "-", near: "hi-there"`},
		{"", "SET hi$there = :v", `':v': {'N': '1'}`, bad + `Syntax error; token: "$", near: "hi$there"`},
		{"", "SET !hi = :v", `':v': {'N': '1'}`, bad + `Syntax error; token: "!", near: "SET !hi"`},
		{"", "SET a = _f(b)", "", bad + `Syntax error; token: "_", near: "= _f"`},
		{"", "SET a = f123_hi(b, c)", "", bad + "Invalid function name; function: f123_hi"},
		{"", "SET a = LIST_APPEND(:v, :v)", `':v': {'L': []}`, bad + "Invalid function name; function: LIST_APPEND"},
		{"", "SET a = list_append(list_append(:v, :v), :v)", `':v': {'L': []}`, bad + "The function is not allowed to be used this way in an expression; function: list_append"},
		{"", "SET a = list_append(:v, list_append(:v, :v))", `':v': {'L': []}`, bad + "The function is not allowed to be used this way in an expression; function: list_append"},
		{"", "SET a = list_append(:v, :v, :v)", `':v': {'L': []}`, bad + "Incorrect number of operands for operator or function; operator or function: list_append, number of operands: 3"},
		{"", "SET a = list_append(:v, if_not_exists(a, :v))", `':v': {'L': [{'N': '1'}]}`, `'a':{'L':[{'N':'1'},{'N':'1'}]}`},
		{"", "SET a = if_not_exists(a, :v + :v)", `':v': {'N': '1'}`, bad + `Syntax error; token: "+", near: ":v + :v"`},
		{"", "SET a = if_not_exists(if_not_exists(a, :v), :v)", `':v': {'N': '1'}`, bad + "Operator or function requires a document path; operator or function: if_not_exists"},
		{"", "SET a = if_not_exists(:w, :v)", `':v': {'N': '1'}`, bad + "An expression attribute value used in expression is not defined; attribute value: :w"},
		{"", "SET a = :v", ``, bad + "An expression attribute value used in expression is not defined; attribute value: :v"},
		{"", "SET a[1][1] = :v, a[1][1][2] = :v", `':v': {'N': '1'}`, bad + "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a, [1], [1]], path two: [a, [1], [1], [2]]"},
		{"", "SET a.b.c = :v, a.b[2] = :v", `':v': {'N': '1'}`, bad + "Two document paths conflict with each other; must remove or rewrite one of these paths; path one: [a, b, c], path two: [a, b, [2]]"},
		{"", "SET k = :v", `':v': {'N': '1'}`, key},
		{"", "REMOVE k", "", key},
		{"", "ADD k :v", `':v': {'N': '1'}`, key},
		{"", "DELETE k :v", `':v': {'SS': ['1']}`, key},
		{"", "DELETE a :v", `':v': {'SS': []}`, "ValidationException: ExpressionAttributeValues contains invalid value: One or more parameter values were invalid: An string set  may not be empty for key :v"},
	} {
		w.ask("DeleteItem", `'Key': {'k': {'S': 'u'}}`)
		if c.old != "" {
			w.ask("PutItem", `'Item': {'k': {'S': 'u'}, `+c.old+`}`)
		}
		values := ""
		if c.values != "" {
			values = ", 'ExpressionAttributeValues': {" + c.values + "}"
		}
		got := w.ask("UpdateItem", `'Key': {'k': {'S': 'u'}}, 'UpdateExpression': '`+c.update+`'`+values)
		if got == "{}" {
			got = w.ask("GetItem", `'Key': {'k': {'S': 'u'}}`)
		}
		want := c.want
		if want != none && len(want) < 10 || want != "" && want[0] == '\'' {
			want = "{'Item':{" + want + ",'k':{'S':'u'}}}"
		}
		if c.want == "" {
			want = "{'Item':{'k':{'S':'u'}}}"
		}
		if !fits(got, want) && !fits(bare("UpdateItem", got), want) {
			t.Errorf("%d. %s %s %s\n got %s\nwant %s", i, c.old, c.update, c.values, got, want)
		}
	}
	w.hold(
		fact{"UpdateItem", `'TableName': 'num', 'Key': {'p': {'S': 'a'}, 'c': {'N': '7'}}`, "{}"},
		fact{"", `'TableName': 'num', 'Key': {'p': {'S': 'a'}, 'c': {'N': '7'}}, 'UpdateExpression': 'SET n = c + c', 'ReturnValues': 'UPDATED_NEW'`, "{'Attributes':{'n':{'N':'14'}}}"},
		fact{"", `'Key': {'k': {'S': 'a'}}, 'UpdateExpression': 'SET #a = :v', 'ExpressionAttributeValues': {':v': {'N': '1'}}, 'ExpressionAttributeNames': {'#a': '3any, with.dots#='}, 'ReturnValues': 'UPDATED_NEW'`,
			"{'Attributes':{'3any, with.dots#=':{'N':'1'}}}"},
		fact{"", `'Key': {'k': {'S': 'a'}}, 'UpdateExpression': 'SET #a1 = :v, #a2 = :v', 'ExpressionAttributeValues': {':v': {'N': '1'}}, 'ExpressionAttributeNames': {'#a1': 'a', '#a2': 'a'}`,
			bad + "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a], path two: [a]"},
		fact{"", `'Key': {'k': {'S': 'a'}}, 'UpdateExpression': 'SET #_ = :_, #1a = :123', 'ExpressionAttributeValues': {':_': {'N': '1'}, ':123': {'N': '2'}}, 'ExpressionAttributeNames': {'#_': 'a', '#1a': 'b'}, 'ReturnValues': 'UPDATED_NEW'`,
			"{'Attributes':{'a':{'N':'1'},'b':{'N':'2'}}}"},
		fact{"", `'Key': {'k': {'S': 'a'}}, 'UpdateExpression': 'SET a = :hi', 'ExpressionAttributeValues': {':hi!': {'N': '1'}}`, "ValidationException: ExpressionAttributeValues contains invalid key: Syntax error; key: \":hi!\""},
	)
}
