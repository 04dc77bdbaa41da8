package overload

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// forget makes the most memory there was that of now.
func (v *victim) forget() {
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", v.pid), []byte("5"), 0); err != nil {
		v.t.Fatal(err)
	}
}

// heavies are items of nearly 400 KB as AWS counts: plain is one text; narrow has as many values as there can be, and costs a
// multiple of its size when it is read and when it is told.
const heavies = 41

// TestHeavyItems are calls that are small and legal, and would have the node hold very much to answer them.
func TestHeavyItems(t *testing.T) {
	v := newVictim(t)
	g := newGuest(t, v)
	g.slack = 100 << 20 // an item that is read is garbage of many megabytes until the collector has run
	call := func(op, body string) (int, string) {
		h := http.Header{"X-Amz-Target": {"DynamoDB_20120810." + op}, "Content-Type": {"application/x-amz-json-1.0"}}
		return v.ask(io.MultiReader(bytes.NewReader(v.signed("POST", "dynamodb", "/", int64(len(body)), h, []byte(body))), strings.NewReader(body)))
	}
	must := func(op, body string) {
		t.Helper()
		status, answer := call(op, body)
		for range 50 { // there may be no room for a moment
			if strings.Contains(answer, "Throttling") {
				time.Sleep(100 * time.Millisecond)
				status, answer = call(op, body)
			}
		}
		if status != 200 {
			t.Errorf("%s: %d %s", op, status, answer)
		}
	}
	for _, table := range []string{"plain", "narrow"} {
		must("CreateTable", `{"TableName":"`+table+`","BillingMode":"PAY_PER_REQUEST","KeySchema":[{"AttributeName":"p","KeyType":"HASH"},{"AttributeName":"s","KeyType":"RANGE"}],
			"AttributeDefinitions":[{"AttributeName":"p","AttributeType":"S"},{"AttributeName":"s","AttributeType":"S"},{"AttributeName":"g","AttributeType":"S"}],
			"GlobalSecondaryIndexes":[{"IndexName":"all","KeySchema":[{"AttributeName":"g","KeyType":"HASH"}],"Projection":{"ProjectionType":"ALL"}}],"StreamSpecification":{"StreamEnabled":true,"StreamViewType":"NEW_AND_OLD_IMAGES"}}`)
		heavy := `{"S":"` + strings.Repeat("x", 390_000) + `"}`
		if table == "narrow" {
			heavy = `{"L":[` + strings.Repeat(`{"NULL":true},`, 195_000) + `{"NULL":true}]}`
		}
		for i := range heavies {
			must("PutItem", fmt.Sprintf(`{"TableName":%q,"Item":{"p":{"S":"p"},"s":{"S":"%03d"},"g":{"S":"g"},"x":%s}}`, table, i, heavy))
		}
	}
	g.through("heavy items, written")
	each := func(before, one, after string) string {
		var b strings.Builder
		for i := range heavies {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(strings.ReplaceAll(one, "#", fmt.Sprintf("%03d", i)))
		}
		return before + b.String() + after
	}
	for _, table := range []string{"plain", "narrow"} {
		key := `{"p":{"S":"p"},"s":{"S":"#"}}`
		for _, a := range []struct {
			name     string
			tooMuch  bool // for a node as small as this, even alone
			op, body string
		}{
			{"gets", false, "GetItem", `{"TableName":"` + table + `","Key":{"p":{"S":"p"},"s":{"S":"001"}}}`},
			{"batches", false, "BatchGetItem", each(`{"RequestItems":{"`+table+`":{"Keys":[`, key, `]}}}`)},
			{"transactions", true, "TransactGetItems", each(`{"TransactItems":[`, `{"Get":{"TableName":"`+table+`","Key":`+key+`}}`, `]}`)},
			{"failed transactions", true, "TransactWriteItems", each(`{"TransactItems":[`, `{"ConditionCheck":{"TableName":"`+table+`","Key":`+key+`,"ConditionExpression":"attribute_not_exists(p)","ReturnValuesOnConditionCheckFailure":"ALL_OLD"}}`, `]}`)},
			{"statements", false, "BatchExecuteStatement", strings.Replace(each(`{"Statements":[`, `{"Statement":"SELECT * FROM `+table+` WHERE p='p' AND s='#'"}`, `]}`), `,{"Statement":"SELECT * FROM `+table+` WHERE p='p' AND s='025'"}`, `]}`, 1)},
			{"a select", false, "ExecuteStatement", `{"Statement":"SELECT * FROM ` + table + `"}`},
			{"queries", false, "Query", `{"TableName":"` + table + `","KeyConditionExpression":"p = :p","ExpressionAttributeValues":{":p":{"S":"p"}}}`},
			{"index queries", false, "Query", `{"TableName":"` + table + `","IndexName":"all","KeyConditionExpression":"g = :p","ExpressionAttributeValues":{":p":{"S":"g"}}}`},
			{"scans", false, "Scan", `{"TableName":"` + table + `"}`},
			{"scans that show nothing", false, "Scan", `{"TableName":"` + table + `","FilterExpression":"attribute_not_exists(p)"}`},
			{"updates", false, "UpdateItem", `{"TableName":"` + table + `","Key":{"p":{"S":"p"},"s":{"S":"002"}},"UpdateExpression":"SET y = :p","ExpressionAttributeValues":{":p":{"S":"p"}},"ReturnValues":"ALL_OLD"}`},
		} {
			if table == "plain" && a.op != "BatchGetItem" && a.op != "TransactWriteItems" && a.op != "BatchExecuteStatement" {
				continue // the others cost more where they are narrow
			}
			body := a.body
			if a.op == "BatchExecuteStatement" {
				body = body[:strings.Index(body, "]}")+2]
			}
			if !a.tooMuch {
				must(a.op, body)
			}
			v.forget()
			var all sync.WaitGroup
			for range 64 {
				all.Go(func() {
					if status, answer := call(a.op, body); status >= 500 && status != 503 || status == 0 {
						t.Errorf("%s: %d %.200s", a.name, status, answer)
					}
				})
			}
			g.through(table + " " + a.name)
			all.Wait()
		}
	}
	g.through("nobody any more")
}
