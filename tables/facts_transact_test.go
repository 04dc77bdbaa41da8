package tables

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// transact does the actions, each "Kind: rest", of the table tab unless they name another, and shows the reasons why not.
func (w *world) transact(more string, actions ...string) string {
	w.t.Helper()
	op, list := "TransactWriteItems", make([]string, len(actions))
	for i, a := range actions {
		kind, rest, _ := strings.Cut(a, ": ")
		if kind == "Get" {
			op = "TransactGetItems"
		}
		if !strings.Contains(rest, "'TableName'") {
			rest = "'TableName': 'tab', " + rest
		}
		list[i] = "{'" + kind + "': {" + rest + "}}"
	}
	status, body := w.post("DynamoDB_20120810."+op, []byte(strings.ReplaceAll("{"+more+"'TransactItems': ["+strings.Join(list, ", ")+"]}", "'", `"`)))
	var answer struct {
		Type    string `json:"__type"`
		Message string
		Reasons []any `json:"CancellationReasons"`
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil || status == 200 {
		return strings.ReplaceAll(body, `"`, "'")
	}
	_, code, _ := strings.Cut(answer.Type, "#")
	if code != "TransactionCanceledException" {
		return code + ": " + answer.Message
	}
	return plainJSON(answer.Reasons)
}

// TestFactsOfTransactions: all of them or none, and why none.
func TestFactsOfTransactions(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "p:S", "byB b:B ALL", "byX x:S ALL")
	w.table("wide", "p:S s:S")
	w.table("bytes", "p:B")
	const (
		failed = "{'Code':'ConditionalCheckFailed','Message':'The conditional request failed'}"
		none   = "{'Code':'None'}"
		wrong  = "[{'Code':'ValidationError','Message':'One or more parameter values were invalid: Type mismatch for Index Key %s Expected: %s Actual: %s IndexName: %s'}]"
		empty  = "ValidationException: One or more parameter values are not valid. A value specified for a secondary index key is not supported. The AttributeValue for a key attribute cannot contain an empty %s value. IndexName: %s, IndexKey: %s"
		update = "ValidationException: One or more parameter values are not valid. The update expression attempted to update a secondary index key to a value that is not supported. The AttributeValue for a key attribute cannot contain an empty %s value."
		noKey  = "ValidationException: One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty binary value. Key: p"
		set    = "Update: 'Key': {'p': {'S': '%s'}}, 'UpdateExpression': 'SET v = :v', 'ConditionExpression': '%s', 'ExpressionAttributeValues': {':v': {'N': '2'}%s}"
		setKey = "Update: 'Key': {'p': {'S': 'k'}}, 'UpdateExpression': 'SET %s = :v', 'ExpressionAttributeValues': {':v': %s}"
	)
	put := func(p, more string) string { return "Put: 'Item': {'p': {'S': '" + p + "'}" + more + "}" }
	one := ", ':one': {'N': '1'}"
	for i, c := range []struct {
		more    string
		actions []string
		want    string
	}{
		{"", []string{put("a", ", 'v': {'N': '1'}"), put("b", ""), put("c", "")}, "{}"},
		{"", []string{put("d", ""), "Update: 'Key': {'p': {'S': 'b'}}, 'UpdateExpression': 'SET v = :v', 'ExpressionAttributeValues': {':v': {'S': 'b'}}", "Delete: 'Key': {'p': {'S': 'c'}}", "Put: 'TableName': 'wide', 'Item': {'p': {'S': 'a'}, 's': {'S': '1'}}"}, "{}"},
		{"", []string{"Get: 'Key': {'p': {'S': 'b'}}", "Get: 'Key': {'p': {'S': 'c'}}", "Get: 'TableName': 'wide', 'Key': {'p': {'S': 'a'}, 's': {'S': '1'}}"}, "{'Responses':[{'Item':{'p':{'S':'b'},'v':{'S':'b'}}},{},{'Item':{'p':{'S':'a'},'s':{'S':'1'}}}]}"},
		// Conditions on what is not there make nothing.
		{"", []string{fmt.Sprintf(set, "none", "attribute_exists(p)", "")}, "[" + failed + "]"},
		{"", []string{fmt.Sprintf(set, "none", "v > :one", one)}, "[" + failed + "]"},
		{"", []string{fmt.Sprintf(set, "none", "attribute_exists(p) AND v = :one", one)}, "[" + failed + "]"},
		{"", []string{fmt.Sprintf(set, "a", "(v = :one) AND (attribute_exists(p))", one), fmt.Sprintf(set, "none", "attribute_exists(p)", ""), put("e", "")}, "[" + none + "," + failed + "," + none + "]"},
		{"", []string{"Get: 'Key': {'p': {'S': 'a'}}", "Get: 'Key': {'p': {'S': 'none'}}", "Get: 'Key': {'p': {'S': 'e'}}"}, "{'Responses':[{'Item':{'p':{'S':'a'},'v':{'N':'1'}}},{},{}]}"},
		{"", []string{"Delete: 'Key': {'p': {'S': 'a'}}, 'ConditionExpression': 'v <> :one', 'ExpressionAttributeValues': {':one': {'N': '1'}}, 'ReturnValuesOnConditionCheckFailure': 'ALL_OLD'"}, "[{'Code':'ConditionalCheckFailed','Item':{'p':{'S':'a'},'v':{'N':'1'}},'Message':'The conditional request failed'}]"},
		// Those that hold, in parentheses of all kinds.
		{"", []string{"Put: 'Item': {'p': {'S': 'f'}}, 'ConditionExpression': '(attribute_not_exists(p)) AND (attribute_not_exists(v))'", fmt.Sprintf(set, "a", "(v = :one AND v < :v)", one), fmt.Sprintf(set, "g", "attribute_not_exists(p)", ""),
			"Delete: 'Key': {'p': {'S': 'd'}}, 'ConditionExpression': '(attribute_exists(p) AND (p = :p))', 'ExpressionAttributeValues': {':p': {'S': 'd'}}",
			"ConditionCheck: 'Key': {'p': {'S': 'b'}}, 'ConditionExpression': '(attribute_exists(p)) AND (v = :b)', 'ExpressionAttributeValues': {':b': {'S': 'b'}}"}, "{}"},
		{"", []string{"Get: 'Key': {'p': {'S': 'a'}}", "Get: 'Key': {'p': {'S': 'd'}}", "Get: 'Key': {'p': {'S': 'f'}}", "Get: 'Key': {'p': {'S': 'g'}}"}, "{'Responses':[{'Item':{'p':{'S':'a'},'v':{'N':'2'}}},{},{'Item':{'p':{'S':'f'}}},{'Item':{'p':{'S':'g'},'v':{'N':'2'}}}]}"},
		// Each item costs twice, also one that is not there.
		{"'ReturnConsumedCapacity': 'TOTAL', ", []string{put("h", ""), put("i", "")}, "{'ConsumedCapacity':[{'TableName':'tab','CapacityUnits':4,'WriteCapacityUnits':4}]}"},
		{"'ReturnConsumedCapacity': 'TOTAL', ", []string{"Get: 'Key': {'p': {'S': 'h'}}", "Get: 'Key': {'p': {'S': 'none'}}"}, "{'ConsumedCapacity':[{'TableName':'tab','CapacityUnits':4,'ReadCapacityUnits':4}],'Responses':[{'Item':{'p':{'S':'h'}}},{}]}"},
		// A token stands for one transaction.
		{"'ClientRequestToken': 'once', ", []string{put("j", ", 'v': {'N': '1'}")}, "{}"},
		{"", []string{"Delete: 'Key': {'p': {'S': 'j'}}"}, "{}"},
		{"'ClientRequestToken': 'once', ", []string{put("j", ", 'v': {'N': '1'}")}, "{}"},
		{"", []string{"Get: 'Key': {'p': {'S': 'j'}}"}, "{'Responses':[{}]}"},
		{"'ClientRequestToken': 'once', ", []string{put("j", ", 'v': {'N': '2'}")}, "IdempotentParameterMismatchException: …"},
		// Keys of indexes: of another type, the reason; empty, the request's own mistake.
		{"", []string{put("k", ", 'x': {'N': '5'}")}, fmt.Sprintf(wrong, "x", "S", "N", "byX")},
		{"", []string{put("k", ", 'x': {'L': [{'S': 'x'}]}")}, fmt.Sprintf(wrong, "x", "S", "L", "byX")},
		{"", []string{fmt.Sprintf(setKey, "x", "{'N': '5'}")}, fmt.Sprintf(wrong, "x", "S", "N", "byX")},
		{"", []string{fmt.Sprintf(setKey, "x", "{'L': [{'S': 'x'}]}")}, fmt.Sprintf(wrong, "x", "S", "L", "byX")},
		{"", []string{put("k", ", 'x': {'S': ''}")}, fmt.Sprintf(empty, "string", "byX", "x")},
		{"", []string{put("k", ", 'b': {'B': ''}")}, fmt.Sprintf(empty, "binary", "byB", "b")},
		{"", []string{fmt.Sprintf(setKey, "x", "{'S': ''}")}, fmt.Sprintf(update, "string")},
		{"", []string{fmt.Sprintf(setKey, "b", "{'B': ''}")}, fmt.Sprintf(update, "binary")},
		{"", []string{fmt.Sprintf(set, "none", "attribute_exists(p)", ""), fmt.Sprintf(setKey, "x", "{'S': ''}")}, fmt.Sprintf(update, "string")},
		{"", []string{"Put: 'TableName': 'bytes', 'Item': {'p': {'B': ''}}"}, noKey},
		{"", []string{"Update: 'TableName': 'bytes', 'Key': {'p': {'B': ''}}, 'UpdateExpression': 'SET v = :v', 'ExpressionAttributeValues': {':v': {'S': 'x'}}"}, noKey},
		{"", []string{"Get: 'Key': {'p': {'S': 'k'}}"}, "{'Responses':[{}]}"},
	} {
		if got := w.transact(c.more, c.actions...); !fits(got, c.want) {
			t.Errorf("%d. %s %q\n got %s\nwant %s", i, c.more, c.actions, got, c.want)
		}
	}
}

// TestFactsOfLargeTransactions: a hundred actions, four megabytes.
func TestFactsOfLargeTransactions(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "p:S")
	many := func(n int, form string) (list []string) {
		for i := range n {
			list = append(list, fmt.Sprintf(form, i))
		}
		return list
	}
	const tooMany = "ValidationException: 1 validation error detected: Value '[…]' at 'transactItems' failed to satisfy constraint: Member must have length less than or equal to 100"
	large := "Put: 'Item': {'p': {'S': 'large%d'}, 'v': {'S': '" + strings.Repeat("x", 350_000) + "'}}"
	for _, c := range []struct {
		actions []string
		want    string
	}{
		{many(100, "Put: 'Item': {'p': {'S': '%d'}}"), "{}"},
		{many(101, "Put: 'Item': {'p': {'S': '%d'}}"), tooMany},
		{many(100, "Get: 'Key': {'p': {'S': '%d'}}"), "{'Responses':[{'Item':{'p':{'S':'0'}}},…{'Item':{'p':{'S':'99'}}}]}"},
		{many(101, "Get: 'Key': {'p': {'S': '%d'}}"), tooMany},
		{many(10, large), "{}"},
		{many(12, large), "ValidationException: …"},
		{[]string{"Get: 'Key': {'p': {'S': 'large11'}}"}, "{'Responses':[{}]}"},
	} {
		if got := w.transact("", c.actions...); !fits(got, c.want) {
			t.Errorf("%d actions, %.60s\n got %.400s\nwant %s", len(c.actions), c.actions[0], got, c.want)
		}
	}
}
