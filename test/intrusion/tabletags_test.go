package intrusion

import (
	"strings"
	"testing"
)

// TestTagsDecide: tags of tables, requests and sessions are what policies say of them, in every form of request.
func TestTagsDecide(t *testing.T) {
	w := newWorld(t)
	w.vault(t, "vault")
	w.vault(t, "free")
	tag := func(table string, pairs ...string) map[string]any {
		tags := []any{}
		for i := 0; i+1 < len(pairs); i += 2 {
			tags = append(tags, map[string]string{"Key": pairs[i], "Value": pairs[i+1]})
		}
		return map[string]any{"ResourceArn": "arn:aws:dynamodb:us-east-1:" + w.account(t) + ":table/" + table, "Tags": tags}
	}
	w.root.dynamo(t, "TagResource", tag("vault", "Class", "secret", "CLASS", "other")).must(t, nil)
	w.root.dynamo(t, "TagResource", tag("free", "class", "open")).must(t, nil)
	const all = `{"Effect":"Allow","Action":"dynamodb:*","Resource":"*"`
	kept := w.worker(t, "kept", `[`+all+`},{"Effect":"Deny","Action":"dynamodb:*","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/class":"secret"}}}]`)
	let := w.worker(t, "let", all+`,"Condition":{"StringEquals":{"aws:ResourceTag/Class":"open"}}}`)
	for _, table := range []string{"vault", "free"} {
		for _, f := range tableForms() {
			w.store(t, table, "bob", "n1", marker, marker)
			at := aim{table, "bob", "n1", "bob", "plain"}
			for who, c := range map[string]caller{"who is kept from secrets": kept, "who is let to what is open": let} {
				if a := c.ask(t, f, at); a.denied() != (table == "vault") || table == "vault" && strings.Contains(string(a.body), marker) {
					t.Errorf("%s asks %s %s: %d %s", who, f.op, at.fill(f.body), a.status, a.body)
				}
				w.store(t, table, "bob", "n1", marker, marker)
			}
		}
		for _, op := range []string{"DescribeTable", "UpdateTable", "DescribeTimeToLive", "DescribeContinuousBackups", "CreateBackup", "DeleteTable"} {
			in := map[string]any{"TableName": table, "BackupName": "backup", "DeletionProtectionEnabled": false}
			for who, c := range map[string]caller{"kept": kept, "let": let} {
				if op == "DeleteTable" && table == "free" {
					break
				}
				if a := c.dynamo(t, op, in); a.denied() != (table == "vault") {
					t.Errorf("%s asks %s of %s: %d %s", who, op, table, a.status, a.body)
				}
			}
		}
	}
	limited := w.worker(t, "limited", all+`,"Condition":{"StringEquals":{"aws:RequestTag/team":"red"},"ForAllValues:StringEquals":{"aws:TagKeys":["team","note"]}}}`)
	create := func(name string, pairs ...string) map[string]any {
		in := tag(name, pairs...)
		in["TableName"], in["BillingMode"] = name, "PAY_PER_REQUEST"
		in["KeySchema"], in["AttributeDefinitions"] = []any{map[string]string{"AttributeName": "id", "KeyType": "HASH"}}, []any{map[string]string{"AttributeName": "id", "AttributeType": "S"}}
		return in
	}
	for name, a := range map[string]answer{
		"a table without a tag": limited.dynamo(t, "CreateTable", create("one")), "a table of others": limited.dynamo(t, "CreateTable", create("one", "team", "blue")),
		"another tag beside": limited.dynamo(t, "CreateTable", create("one", "team", "red", "cost", "0")), "a tag of others": limited.dynamo(t, "TagResource", tag("free", "team", "blue")),
		"a tag taken away": w.worker(t, "remover", all+`,"Condition":{"ForAllValues:StringEquals":{"aws:TagKeys":["note"]},"Null":{"aws:TagKeys":"false"}}}`).dynamo(t, "UntagResource", map[string]any{"ResourceArn": tag("free")["ResourceArn"], "TagKeys": []string{"class"}}),
	} {
		if !a.denied() {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	limited.dynamo(t, "TagResource", tag("free", "team", "red")).must(t, nil)
	limited.dynamo(t, "CreateTable", create("one", "team", "red", "note", "x")).must(t, nil)
}
