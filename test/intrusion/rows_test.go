package intrusion

import (
	"strings"
	"testing"
)

// rowAttempts reach for rows of a private table that belong to somebody else.
func rowAttempts(t *testing.T, w *world) []attempt { return rowRequests(t, w, w.neighbour.id) }

// TestOwnRows: the same requests about one's own rows succeed, so it is the owner that decides.
func TestOwnRows(t *testing.T) {
	w := newWorld(t)
	for _, a := range rowRequests(t, w, w.mallory.id) {
		if strings.HasPrefix(a.cause, leadingKeys) {
			t.Run(a.name, func(t *testing.T) { a.try(t).must(t, nil) })
		}
	}
}

const leadingKeys = "dynamodb:LeadingKeys expected"

// rowRequests are mallory's requests about the rows of an identity.
func rowRequests(t *testing.T, w *world, identity string) []attempt {
	table, theirs, mine := w.table(t), item(identity, "t1"), item(w.mallory.id, "mine")
	ask := func(c caller, op string, in map[string]any) func(*testing.T) answer {
		return func(t *testing.T) answer { return c.dynamo(t, op, in) }
	}
	try := func(op string, more map[string]any) func(*testing.T) answer {
		in := map[string]any{"TableName": table}
		for k, v := range more {
			in[k] = v
		}
		return ask(w.mallory.caller, op, in)
	}
	of := func(rows ...map[string]any) map[string]any {
		return map[string]any{"RequestItems": map[string]any{table: map[string]any{"Keys": rows}}}
	}
	writes := func(requests ...map[string]any) map[string]any {
		return map[string]any{"RequestItems": map[string]any{table: requests}}
	}
	transaction := func(action string, more map[string]any) map[string]any {
		in := map[string]any{"TableName": table}
		for k, v := range more {
			in[k] = v
		}
		return map[string]any{"TransactItems": []any{map[string]any{action: in}}}
	}
	sql := func(text string) func(*testing.T) answer {
		return ask(w.mallory.caller, "ExecuteStatement", map[string]any{"Statement": text})
	}
	owner := map[string]any{":u": str(identity)}
	legacy := map[string]any{"userId": map[string]any{"ComparisonOperator": "EQ", "AttributeValueList": []any{str(identity)}}}
	key, row := map[string]any{"Key": theirs}, map[string]any{"Item": theirs}
	update := map[string]any{"Key": theirs, "UpdateExpression": "SET title = :u", "ExpressionAttributeValues": owner}
	batch := func(op string, in map[string]any) func(*testing.T) answer { return ask(w.mallory.caller, op, in) }

	// What decides is the partition key: the operator reads whose was expected, and whose was asked for.
	const denied = "AccessDeniedException"
	leading := leadingKeys + ` \["` + w.mallory.id + `"\], got \[.*"` + identity + `"`
	return []attempt{
		{"GetItem", try("GetItem", key), 400, denied, leading},
		{"GetItem of a missing row", try("GetItem", map[string]any{"Key": item(identity, "none")}), 400, denied, leading},
		{"Query", try("Query", map[string]any{"KeyConditionExpression": "userId = :u", "ExpressionAttributeValues": owner}), 400, denied, leading},
		{"Query with KeyConditions", try("Query", map[string]any{"KeyConditions": legacy}), 400, denied, leading},
		{"Query of an index", try("Query", map[string]any{"IndexName": "ByDate", "KeyConditionExpression": "userId = :u", "ExpressionAttributeValues": owner}), 400, denied, leading},
		{"Query that counts", try("Query", map[string]any{"Select": "COUNT", "KeyConditionExpression": "userId = :u", "ExpressionAttributeValues": owner}), 400, denied, leading},
		{"Query that starts at the neighbour", try("Query", map[string]any{"KeyConditionExpression": "userId = :u", "ExpressionAttributeValues": map[string]any{":u": str(w.mallory.id)}, "ExclusiveStartKey": theirs}), 400, "ValidationException", `(?i)starting key`},
		{"BatchGetItem", batch("BatchGetItem", of(theirs)), 400, denied, leading},
		{"BatchGetItem beside an own row", batch("BatchGetItem", of(mine, theirs)), 400, denied, leading},
		{"BatchWriteItem put", batch("BatchWriteItem", writes(map[string]any{"PutRequest": row})), 400, denied, leading},
		{"BatchWriteItem delete beside an own row", batch("BatchWriteItem", writes(map[string]any{"PutRequest": map[string]any{"Item": mine}}, map[string]any{"DeleteRequest": key})), 400, denied, leading},
		{"PutItem", try("PutItem", row), 400, denied, leading},
		{"UpdateItem", try("UpdateItem", update), 400, denied, leading},
		{"UpdateItem that returns the old row", try("UpdateItem", map[string]any{"Key": theirs, "ReturnValues": "ALL_OLD"}), 400, denied, leading},
		{"DeleteItem", try("DeleteItem", key), 400, denied, leading},
		{"TransactGetItems", batch("TransactGetItems", transaction("Get", key)), 400, denied, leading},
		{"TransactWriteItems put", batch("TransactWriteItems", transaction("Put", row)), 400, denied, leading},
		{"TransactWriteItems update", batch("TransactWriteItems", transaction("Update", update)), 400, denied, leading},
		{"TransactWriteItems delete", batch("TransactWriteItems", transaction("Delete", key)), 400, denied, leading},
		{"TransactWriteItems that asks", batch("TransactWriteItems", transaction("ConditionCheck", map[string]any{"Key": theirs, "ConditionExpression": "attribute_exists(title)"})), 400, denied, `dynamodb:ConditionCheckItem`},
		{"Scan", try("Scan", nil), 400, denied, `dynamodb:Scan on arn:aws:dynamodb:us-east-1:\d+:table/` + table},
		{"Scan of an index", try("Scan", map[string]any{"IndexName": "ByDate"}), 400, denied, `dynamodb:Scan on .*/index/ByDate`},
		{"a statement", sql(`SELECT * FROM "` + table + `" WHERE userId = '` + identity + `'`), 400, denied, `dynamodb:PartiQLSelect on .*table/` + table},
		{"a statement with OR", sql(`SELECT * FROM "` + table + `" WHERE userId = '` + w.mallory.id + `' OR userId = '` + identity + `'`), 400, denied, `dynamodb:PartiQLSelect`},
		{"a statement about an index", sql(`SELECT title FROM "` + table + `"."ByDate" WHERE userId = '` + identity + `'`), 400, denied, `dynamodb:PartiQLSelect on .*index/ByDate`},
		{"a statement that writes", sql(`UPDATE "` + table + `" SET title = 'x' WHERE userId = '` + identity + `' AND taskId = 't1' RETURNING ALL OLD *`), 400, denied, `dynamodb:PartiQLUpdate`},
		{"a transaction of statements", ask(w.mallory.caller, "ExecuteTransaction", map[string]any{"TransactStatements": []any{map[string]any{"Statement": `DELETE FROM "` + table + `" WHERE userId = '` + identity + `' AND taskId = 't1'`}}}), 400, denied, `dynamodb:PartiQLDelete`},
		{"DeleteTable", try("DeleteTable", nil), 400, denied, `dynamodb:DeleteTable`},
		{"a guest", ask(w.guest, "GetItem", map[string]any{"TableName": table, "Key": theirs}), 400, denied, `dynamodb:GetItem`},
		{"nobody", ask(w.anyone, "GetItem", map[string]any{"TableName": table, "Key": theirs}), 400, "MissingAuthenticationTokenException", `the request has no signature`},
	}
}
