package intrusion

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
)

// Markers are in nothing that an intruder may read. They begin with S, and are of different lengths.
const (
	marker = "SECRET-of-the-victim"
	hidden = "SECRET-of-an-attribute-that-is-hidden"
)

// vault makes a table whose rows have an owner, something plain and something hidden, indexes in the order of both, and indexes of
// the vector all rows have.
func (w *world) vault(t *testing.T, name string) {
	t.Helper()
	schema := func(sort string) []any {
		return []any{map[string]string{"AttributeName": "who", "KeyType": "HASH"}, map[string]string{"AttributeName": sort, "KeyType": "RANGE"}}
	}
	index := func(name, sort string) map[string]any {
		return map[string]any{"IndexName": name, "KeySchema": schema(sort), "Projection": map[string]string{"ProjectionType": "ALL"}}
	}
	vectors := func(name string, schema ...any) map[string]any {
		return map[string]any{"IndexName": name, "VectorAttribute": map[string]string{"AttributeName": "near"}, "Dimensions": 2, "DistanceFunction": "EUCLIDEAN", "SearchSchema": schema,
			"Projection": map[string]string{"ProjectionType": "ALL"}}
	}
	element := func(name, kind string) any {
		return map[string]string{"AttributeName": name, "SearchSchemaElementType": kind}
	}
	var attributes, filters []any
	for _, a := range []string{"who", "note", "plain", "salary"} {
		filters = append(filters, element(a, "INLINE_FILTER"))
		attributes = append(attributes, map[string]string{"AttributeName": a, "AttributeType": "S"})
	}
	w.root.dynamo(t, "CreateTable", map[string]any{
		"TableName": name, "BillingMode": "PAY_PER_REQUEST", "KeySchema": schema("note"), "AttributeDefinitions": attributes,
		"LocalSecondaryIndexes":  []any{index("By-plain", "plain"), index("By-salary", "salary")},
		"GlobalSecondaryIndexes": []any{index("Wide-plain", "plain"), index("Wide-salary", "salary")},
		"VectorIndexes":          []any{vectors("Divided", append([]any{element("who", "HASH")}, filters[1:]...)...), vectors("Filtered", filters...), vectors("Bare")},
	}).must(t, nil)
}

// store writes a row as its owner would.
func (w *world) store(t *testing.T, table, who, note, plain, hidden string) {
	t.Helper()
	row := map[string]any{"who": str(who), "note": str(note), "plain": str(plain), "salary": str(hidden), "near": map[string]any{"L": []any{map[string]string{"N": "1"}, map[string]string{"N": "0"}}}}
	w.root.dynamo(t, "PutItem", map[string]any{"TableName": table, "Item": row}).must(t, nil)
}

// rowsOf are all rows of an owner, as text.
func (w *world) rowsOf(t *testing.T, table, who string) string {
	t.Helper()
	a := w.root.dynamo(t, "Query", map[string]any{"TableName": table, "KeyConditionExpression": "who = :w", "ExpressionAttributeValues": map[string]any{":w": str(who)}})
	a.must(t, nil)
	return string(a.body)
}

// ask sends a form as it is.
func (c caller) ask(t *testing.T, f form, a aim) answer {
	t.Helper()
	return c.send(t, request{service: "dynamodb", kind: "application/x-amz-json-1.0", target: "DynamoDB_20120810." + f.op, body: []byte(a.fill(f.body))})
}

// denied tells whether the answer says no, of one statement of a batch too.
func (a answer) denied() bool {
	return a.code == "AccessDeniedException" || bytes.Contains(a.body, []byte(`"Code":"AccessDenied"`))
}

// done tells whether the answer is that of somebody who may: a condition that failed is one, so is a mistake about types.
func (a answer) done() bool {
	return !a.denied() && (a.status < 300 || a.code == "ConditionalCheckFailedException" || a.code == "TransactionCanceledException" || a.code == "DuplicateItemException" || a.code == "ValidationException")
}

// scalar tells whether the form is a statement about what is inside an attribute that is a key of an index, and nothing can be:
// that it means nothing is told to those alone who may read everything.
func (f form) scalar() bool {
	return strings.Contains(f.body, "SELECT note, FIELD.x") || strings.Contains(f.body, "SELECT FIELD[0]")
}

const vaultARN = `["arn:aws:dynamodb:*:*:table/vault","arn:aws:dynamodb:*:*:table/vault/index/*"]`

// ownRows is the condition that Mobile Hub writes.
func ownRows(who string) string {
	return `{"Effect":"Allow","Action":"dynamodb:*","Resource":` + vaultARN + `,"Condition":{"ForAllValues:StringEquals":{"dynamodb:LeadingKeys":["` + who + `"]},"Null":{"dynamodb:LeadingKeys":"false"}}}`
}

// tenants are ways to be somebody who owns rows: by name, by identity, by a tag of the session.
func (w *world) tenants(t *testing.T) map[string]caller {
	t.Helper()
	role, _ := w.find(t, "AWS::IAM::Role", w.project.Name+"_auth")
	w.allow(t, role, ownRows("${cognito-identity.amazonaws.com:sub}"))
	account := w.account(t)
	arn := w.newRole(t, "tenant", `{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::`+account+`:root"},"Action":["sts:AssumeRole","sts:TagSession"]}`, ownRows("${aws:PrincipalTag/tenant}"))
	agent := w.worker(t, "agent", `{"Effect":"Allow","Action":["sts:AssumeRole","sts:TagSession"],"Resource":"*"}`)
	tagged := func(tag string) caller {
		return agent.sts(t, url.Values{"Action": {"AssumeRole"}, "RoleArn": {arn}, "RoleSessionName": {"session"}, "Tags.member.1.Key": {"tenant"}, "Tags.member.1.Value": {tag}}).session(t, w.anyone)
	}
	return map[string]caller{
		"ann": w.worker(t, "ann", ownRows("ann")), w.mallory.id: w.mallory.caller, "tess": tagged("tess"),
	}
}

// TestRowsOfOthers: whatever form a request has, it reads, counts, changes and tells nothing of rows that are not the asker's: the
// answer is that about rows that are not there.
func TestRowsOfOthers(t *testing.T) {
	w := newWorld(t)
	w.vault(t, "vault")
	forms := tableForms()
	w.store(t, "vault", "bob", "n1", marker, marker)
	before, asked := w.rowsOf(t, "vault", "bob"), 0
	for who, c := range w.tenants(t) {
		w.store(t, "vault", who, "mine", "own", "own")
		for _, attr := range []string{"plain", "salary"} {
			for _, table := range []string{"vault", "arn:aws:dynamodb:us-east-1:" + w.account(t) + ":table/vault"} {
				theirs, nobodys := aim{table, "bob", "n1", who, attr}, aim{table, "bub", "n2", who, attr}
				for _, f := range forms {
					if strings.HasPrefix(table, "arn:") && strings.Contains(f.body, "Statement") {
						continue // PartiQL names tables
					}
					a, b := c.ask(t, f, theirs), c.ask(t, f, nobodys)
					asked++
					if !a.denied() {
						t.Errorf("%s asks %s %s: %d %s", who, f.op, theirs.fill(f.body), a.status, a.body)
					}
					if bytes.Contains(a.body, []byte(marker)) || a.status != b.status || string(bytes.ReplaceAll(a.body, []byte("bob"), []byte("bub"))) != string(b.body) {
						t.Errorf("%s learns by %s %s:\n%s\n%s", who, f.op, theirs.fill(f.body), a.body, b.body)
					}
				}
			}
		}
		if after := w.rowsOf(t, "vault", "bob"); after != before {
			t.Fatalf("%s changed %s to %s", who, before, after)
		}
	}
	t.Logf("%d requests about rows of others", asked)
	w.ownersMay(t, forms)
}

// ownersMay: the same requests about one's own row are carried out, so it is the owner that decides.
func (w *world) ownersMay(t *testing.T, forms []form) {
	t.Helper()
	c := w.worker(t, "amy", ownRows("amy"))
	for _, f := range forms {
		w.store(t, "vault", "amy", "n1", marker, hidden)
		w.store(t, "vault", "amy", "mine", "own", "own")
		own := aim{"vault", "amy", "n1", "amy", "salary"}
		if a := c.ask(t, f, own); !f.scalar() && (a.denied() != f.wide || !f.wide && !a.done()) {
			t.Errorf("the owner asks %s %s: %d %s", f.op, own.fill(f.body), a.status, a.body)
		}
	}
}

// some is a policy about attributes, as AWS's guide writes it.
const some = `{"Effect":"Allow","Action":"dynamodb:*","Resource":` + vaultARN + `,"Condition":{
	"ForAllValues:StringEquals":{"dynamodb:LeadingKeys":["ann"],"dynamodb:Attributes":["who","note","plain","near"]},
	"StringEqualsIfExists":{"dynamodb:Select":"SPECIFIC_ATTRIBUTES","dynamodb:ReturnValues":["NONE","UPDATED_OLD","UPDATED_NEW"]}}}`

// TestHiddenAttributes: who may not see an attribute of their own rows finds out nothing about it, by whatever form of request.
func TestHiddenAttributes(t *testing.T) {
	w := newWorld(t)
	w.vault(t, "vault")
	c := w.worker(t, "ann", some)
	asked := 0
	for _, f := range tableForms() {
		w.store(t, "vault", "ann", "mine", "own", "own")
		w.store(t, "vault", "ann", "n1", "PLAIN", hidden)
		w.store(t, "vault", "ann", "n2", "PLAIN", hidden[:7])
		one, other := aim{"vault", "ann", "n1", "ann", "salary"}, aim{"vault", "ann", "n2", "ann", "salary"}
		a, b := c.ask(t, f, one), c.ask(t, f, other)
		if asked++; bytes.Contains(a.body, []byte("SECRET")) || bytes.Contains(b.body, []byte("SECRET")) {
			t.Errorf("%s %s tells %s", f.op, one.fill(f.body), a.body)
		}
		if f.names() || f.whole {
			if !a.denied() {
				t.Errorf("%s %s: %d %s", f.op, one.fill(f.body), a.status, a.body)
			}
			if rows := w.rowsOf(t, "vault", "ann"); strings.Count(rows, hidden[:7]) != 2 || strings.Contains(rows, "MALLORY") {
				t.Errorf("%s %s changed the rows to %s", f.op, one.fill(f.body), rows)
			}
		}
		w.store(t, "vault", "ann", "n1", "PLAIN", hidden)
		plain := aim{"vault", "ann", "n1", "ann", "plain"}
		if a := c.ask(t, f, plain); f.names() && !f.whole && !f.wide && !strings.Contains(f.body, "EXISTS(SELECT *") && !f.scalar() && (a.denied() || !a.done()) {
			t.Errorf("of what may be seen, %s %s: %d %s", f.op, plain.fill(f.body), a.status, a.body)
		}
	}
	t.Logf("%d forms", asked)
}

// TestKeysAlike: keys that only look like one's own are another's.
func TestKeysAlike(t *testing.T) {
	w := newWorld(t)
	w.vault(t, "vault")
	long := strings.Repeat("k", 1500)
	for i, pair := range [][2]string{
		{"ann", "Ann"}, {"ann", "ann "}, {"ann", `ann\u0000`}, {`ann\u0000`, "ann"}, {"ann", `ann\u0000b`}, {"ann", "ann/b"}, {"ann", "ann*"}, {"ann*", "ann"}, {"an?", "ann"}, {"*", "ann"}, {`\u0000`, "ann"}, {`\u0001`, `\u0000`},
		{`\u00e9`, `e\u0301`}, {"K", `\u212a`}, {`\ud83d\ude00`, `\ufffd`}, {long + "a", long + "b"}, {long, long + "k"}, {strings.Repeat("k", 256), strings.Repeat("k", 257)}, {"${who}", "who"}, {`\u00ff`, `\u0101`},
	} {
		mine, theirs := pair[0], pair[1]
		var text string
		if err := json.Unmarshal([]byte(`"`+theirs+`"`), &text); err != nil {
			t.Fatal(err)
		}
		w.store(t, "vault", text, "n1", marker, marker)
		policy := mine
		if strings.HasPrefix(mine, "$") {
			policy = "${$}" + mine[1:]
		}
		c := w.worker(t, fmt.Sprint("alike", i), ownRows(policy))
		for _, f := range []form{{op: "GetItem", body: `{"TableName":"T!","Key":KEY}`}, {op: "DeleteItem", body: `{"TableName":"T!","Key":KEY,"ReturnValues":"ALL_OLD"}`}, {op: "Query", body: `{"TableName":"T!","KeyConditionExpression":"who = :w","ExpressionAttributeValues":{":w":{"S":"WHO"}}}`},
			{op: "ExecuteStatement", body: `{"Statement":"SELECT * FROM T! WHERE who = ?","Parameters":[{"S":"WHO"}]}`}} {
			if a := c.ask(t, f, aim{"vault", theirs, "n1", mine, "plain"}); !a.denied() || bytes.Contains(a.body, []byte(marker)) {
				t.Errorf("%.20q asks %s of %.20q: %d %s", mine, f.op, theirs, a.status, a.body)
			}
			if a := c.ask(t, f, aim{"vault", mine, "n1", mine, "plain"}); a.status != 200 || bytes.Contains(a.body, []byte(marker)) {
				t.Errorf("%.20q asks %s of their own: %d %s", mine, f.op, a.status, a.body)
			}
		}
		w.root.ask(t, form{op: "DeleteItem", body: `{"TableName":"T!","Key":KEY}`}, aim{"vault", theirs, "n1", mine, "plain"}).must(t, nil)
	}
}

// TestNumbersAndBytesAlike: a number is itself in every form, and so are bytes.
func TestNumbersAndBytesAlike(t *testing.T) {
	w := newWorld(t)
	for table, kind := range map[string]string{"numbers": "N", "bytes": "B"} {
		w.root.dynamo(t, "CreateTable", map[string]any{"TableName": table, "BillingMode": "PAY_PER_REQUEST", "KeySchema": []any{map[string]string{"AttributeName": "id", "KeyType": "HASH"}}, "AttributeDefinitions": []any{map[string]string{"AttributeName": "id", "AttributeType": kind}}}).must(t, nil)
	}
	c := w.worker(t, "ann", `{"Effect":"Allow","Action":"dynamodb:*","Resource":"*","Condition":{"ForAllValues:StringEquals":{"dynamodb:LeadingKeys":["7","CAk="]}}}`)
	put := func(c caller, table, id string) answer {
		return c.send(t, request{service: "dynamodb", kind: "application/x-amz-json-1.0", target: "DynamoDB_20120810.PutItem", body: []byte(`{"TableName":"` + table + `","Item":{"id":` + id + `,"text":{"S":"MALLORY"}}}`)})
	}
	for _, id := range []string{`{"N":"8"}`, `{"N":"8.0"}`, `{"N":"0.8e1"}`, `{"N":"+8"}`, `{"N":"08"}`, `{"N":"80E-1"}`, `{"N":"-7"}`, `{"N":"7.0000000000000000000000000000000000001"}`, `{"N":"70"}`, `{"N":"0.7"}`, `{"S":"7"}`, `{"N":"7","S":"8"}`, `{"N":"7","N":"8"}`, `{"N":"0"}`, `{"N":"-0"}`} {
		if a := put(c, "numbers", id); a.status < 400 {
			t.Errorf("%s: %d %s", id, a.status, a.body)
		}
	}
	for _, id := range []string{`{"N":"7"}`, `{"N":"7.0"}`, `{"N":"0.7e1"}`, `{"N":"07"}`} {
		if a := put(c, "numbers", id); a.status != 200 {
			t.Errorf("%s: %d %s", id, a.status, a.body)
		}
	}
	for _, id := range []string{`{"B":"CAo="}`, `{"B":"CAl="}`, `{"B":"CAkA"}`, `{"B":"CA=="}`, `{"B":"CB=="}`, `{"S":"CAk="}`, `{"B":""}`} {
		a := put(c, "bytes", id)
		var rows struct {
			Items []map[string]map[string]string
		}
		w.root.dynamo(t, "Scan", map[string]any{"TableName": "bytes"}).must(t, &rows)
		for _, r := range rows.Items {
			if r["id"]["B"] != "CAk=" {
				t.Errorf("%s: %d, and the table holds %v", id, a.status, r)
			}
		}
	}
}
