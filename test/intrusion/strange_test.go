package intrusion

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// TestStrangeRequests: whatever is sent to the tables as a signed request, the answer is one that DynamoDB's clients can read, is no
// failure of the node, and is not much longer than what was sent.
func TestStrangeRequests(t *testing.T) {
	w := newWorld(t)
	w.vault(t, "vault")
	deep := func(n int) string { return strings.Repeat(`{"L":[`, n) + `{"N":"1"}` + strings.Repeat(`]}`, n) }
	item := func(value string) string {
		return `{"TableName":"vault","Item":{"who":{"S":"w"},"note":{"S":"n"},"x":` + value + `}}`
	}
	filter := func(text string) string {
		return `{"TableName":"vault","FilterExpression":"` + text + `","ExpressionAttributeValues":{":v":{"S":"v"}}}`
	}
	repeat := func(n int, text, between string) string {
		return strings.TrimSuffix(strings.Repeat(text+between, n), between)
	}
	names := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `,"#n%d":"n%d"`, i, i)
		}
		return b.String()[1:]
	}
	const refused, served = 400, 200
	for _, x := range []struct {
		name   string
		op     string
		body   string
		status int
		code   string
	}{
		{"no body", "GetItem", "", refused, ""},
		{"a byte order mark", "GetItem", "\xef\xbb\xbf" + `{"TableName":"vault","Key":{"who":{"S":"w"},"note":{"S":"n"}}}`, refused, "SerializationException"},
		{"UTF-16", "GetItem", "\xff\xfe{\x00}\x00", refused, "SerializationException"},
		{"invalid UTF-8", "PutItem", item(`{"S":"` + "\xff\xc0\x80" + `"}`), 0, ""},
		{"invalid UTF-8 as a name", "PutItem", `{"TableName":"vault","Item":{"who":{"S":"w"},"note":{"S":"n"},"` + "\xc3\x28" + `":{"S":"s"}}}`, 0, ""},
		{"half a surrogate", "PutItem", item(`{"S":"\ud800"}`), 0, ""},
		{"a list for an object", "PutItem", `[]`, refused, "SerializationException"},
		{"a text", "PutItem", `"x"`, refused, "SerializationException"},
		{"two documents", "GetItem", `{"TableName":"vault"}{"TableName":"vault"}`, refused, "SerializationException"},
		{"an unfinished one", "GetItem", `{"TableName":"vault","Key":{"who":`, refused, "SerializationException"},
		{"NaN", "PutItem", `{"TableName":NaN}`, refused, "SerializationException"},
		{"a name twice", "PutItem", `{"TableName":"vault","Item":{"who":{"S":"w"},"note":{"S":"n"},"x":{"S":"1"},"x":{"S":"2"}}}`, refused, "SerializationException"},
		{"a name twice, deep", "PutItem", item(`{"M":{"a":{"S":"1"},"a":{"S":"2"}}}`), refused, "SerializationException"},
		{"32 levels", "PutItem", item(deep(31)), served, ""},
		{"33 levels", "PutItem", item(deep(32)), refused, "ValidationException"},
		{"300 levels", "PutItem", item(deep(300)), refused, ""},
		{"100,000 levels that nobody reads", "GetItem", `{"Nothing":` + strings.Repeat(`[`, 100_000), refused, "SerializationException"},
		{"38 digits", "PutItem", item(`{"N":"` + strings.Repeat("9", 38) + `"}`), served, ""},
		{"39 digits", "PutItem", item(`{"N":"` + strings.Repeat("9", 39) + `"}`), refused, "ValidationException"},
		{"100,000 digits", "PutItem", item(`{"N":"` + strings.Repeat("9", 100_000) + `"}`), refused, "ValidationException"},
		{"100,000 zeros", "PutItem", item(`{"N":"0.` + strings.Repeat("0", 100_000) + `1"}`), refused, "ValidationException"},
		{"100,000 leading zeros", "PutItem", item(`{"N":"` + strings.Repeat("0", 100_000) + `1"}`), 0, ""},
		{"a huge exponent", "PutItem", item(`{"N":"1e999999999999999999"}`), refused, "ValidationException"},
		{"a small exponent", "PutItem", item(`{"N":"1e-999999999999999999"}`), refused, "ValidationException"},
		{"hexadecimal", "PutItem", item(`{"N":"0x10"}`), refused, "ValidationException"},
		{"infinity", "PutItem", item(`{"N":"Infinity"}`), refused, "ValidationException"},
		{"an empty number", "PutItem", item(`{"N":""}`), refused, "ValidationException"},
		{"a number for a text", "PutItem", item(`{"S":1}`), refused, "SerializationException"},
		{"half of base 64", "PutItem", item(`{"B":"=="}`), refused, ""},
		{"400 KB", "PutItem", item(`{"S":"` + strings.Repeat("x", 400<<10-len("whownoten"+"x")) + `"}`), served, ""},
		{"a byte more", "PutItem", item(`{"S":"` + strings.Repeat("x", 400<<10-len("whownoten"+"x")+1) + `"}`), refused, "ValidationException"},
		{"a name of 64 KB", "PutItem", `{"TableName":"vault","Item":{"who":{"S":"w"},"note":{"S":"n"},"` + strings.Repeat("a", 65535) + `":{"S":"s"}}}`, served, ""},
		{"a key name of a megabyte", "GetItem", `{"TableName":"vault","Key":{"` + strings.Repeat("a", 1<<20) + `":{"S":"s"}}}`, refused, "ValidationException"},
		{"a table name of a megabyte", "GetItem", `{"TableName":"` + strings.Repeat("a", 1<<20) + `","Key":{"who":{"S":"w"}}}`, refused, "ValidationException"},
		{"a key of 2 KB and a byte", "GetItem", `{"TableName":"vault","Key":{"who":{"S":"` + strings.Repeat("w", 2049) + `"},"note":{"S":"n"}}}`, refused, "ValidationException"},
		{"a set of 100,000 texts, one twice", "PutItem", item(`{"SS":["` + repeat(50_000, `a","b`, `","`) + `"]}`), refused, "ValidationException"},
		{"150 conditions, 299 operators", "Scan", filter(repeat(150, "who = :v", " OR ")), served, ""},
		{"1,000 conditions", "Scan", filter(repeat(1000, "who = :v", " OR ")), refused, "ValidationException"},
		{"1,000 parentheses", "Scan", filter(strings.Repeat("(", 1000) + "who = :v" + strings.Repeat(")", 1000)), refused, "ValidationException"},
		{"1,000 times NOT", "Scan", filter(strings.Repeat("NOT ", 1000) + "who = :v"), refused, "ValidationException"},
		{"1,000 calls in each other", "Scan", filter(strings.Repeat("size(", 1000) + "who" + strings.Repeat(")", 1000) + " = :v"), refused, "ValidationException"},
		{"IN of 101", "Scan", filter("who IN (" + repeat(101, ":v", ",") + ")"), refused, "ValidationException"},
		{"4 KB of expression", "Scan", filter("who = :v" + strings.Repeat(" ", 4096)), refused, "ValidationException"},
		{"a megabyte of it", "Scan", filter(strings.Repeat("x", 1<<20)), refused, "ValidationException"},
		{"a path of 1,000 steps", "Scan", filter("who" + strings.Repeat("[0]", 1000) + " = :v"), refused, "ValidationException"},
		{"an index of many digits", "Scan", filter("who[" + strings.Repeat("9", 100) + "] = :v"), refused, "ValidationException"},
		{"100,000 names", "GetItem", `{"TableName":"vault","Key":{"who":{"S":"w"},"note":{"S":"n"}},"ProjectionExpression":"#n0","ExpressionAttributeNames":{` + names(100_000) + `}}`, refused, "ValidationException"},
		{"10,000 columns", "GetItem", `{"TableName":"vault","Key":{"who":{"S":"w"},"note":{"S":"n"}},"ProjectionExpression":"` + repeat(10_000, "a", ",") + `"}`, refused, "ValidationException"},
		{"limit 0", "Scan", `{"TableName":"vault","Limit":0}`, refused, "ValidationException"},
		{"limit -1", "Query", `{"TableName":"vault","Limit":-1,"KeyConditionExpression":"who = :v","ExpressionAttributeValues":{":v":{"S":"v"}}}`, refused, "ValidationException"},
		{"a limit too large for its type", "Scan", `{"TableName":"vault","Limit":99999999999}`, refused, ""},
		{"a limit of 1.5", "Scan", `{"TableName":"vault","Limit":1.5}`, 0, ""},
		{"a million segments", "Scan", `{"TableName":"vault","Segment":999999,"TotalSegments":1000000}`, served, ""},
		{"a segment too many", "Scan", `{"TableName":"vault","Segment":0,"TotalSegments":1000001}`, refused, "ValidationException"},
		{"no segments", "Scan", `{"TableName":"vault","Segment":0,"TotalSegments":0}`, refused, "ValidationException"},
		{"a segment beyond", "Scan", `{"TableName":"vault","Segment":4,"TotalSegments":4}`, refused, "ValidationException"},
		{"a negative segment", "Scan", `{"TableName":"vault","Segment":-1,"TotalSegments":4}`, refused, "ValidationException"},
		{"a batch of 101", "BatchGetItem", `{"RequestItems":{"vault":{"Keys":[` + repeat(101, `{"who":{"S":"w"},"note":{"S":"n"}}`, ",") + `]}}}`, refused, "ValidationException"},
		{"a batch of nothing", "BatchWriteItem", `{"RequestItems":{"vault":[]}}`, refused, "ValidationException"},
		{"a batch of nulls", "BatchWriteItem", `{"RequestItems":{"vault":[null,null]}}`, refused, "ValidationException"},
		{"a transaction of 101", "TransactWriteItems", `{"TransactItems":[` + repeat(101, `{"Delete":{"TableName":"vault","Key":{"who":{"S":"w"},"note":{"S":"n"}}}}`, ",") + `]}`, refused, "ValidationException"},
		{"a transaction of nulls", "TransactGetItems", `{"TransactItems":[null,{"Get":null}]}`, refused, ""},
		{"a statement of parentheses", "ExecuteStatement", `{"Statement":"SELECT * FROM vault WHERE ` + strings.Repeat("(", 4000) + `"}`, refused, "ValidationException"},
		{"a statement of NOTs", "ExecuteStatement", `{"Statement":"SELECT * FROM vault WHERE ` + strings.Repeat("NOT ", 2000) + `who = 'w'"}`, served, ""},
		{"a statement of lists", "ExecuteStatement", `{"Statement":"INSERT INTO vault VALUE {'who':'w','note':'n2','x':` + strings.Repeat("[", 2000) + strings.Repeat("]", 2000) + `}"}`, refused, "ValidationException"},
		{"a statement that does not end", "ExecuteStatement", `{"Statement":"SELECT * FROM vault WHERE who = 'w"}`, refused, "ValidationException"},
		{"a statement of 10 KB", "ExecuteStatement", `{"Statement":"SELECT * FROM vault WHERE who = '` + strings.Repeat("w", 10<<10) + `'"}`, refused, "ValidationException"},
		{"a token of nobody", "ExecuteStatement", `{"Statement":"SELECT * FROM vault","NextToken":"` + strings.Repeat("A", 1000) + `"}`, refused, "ValidationException"},
		{"an operation of nobody", "DropEverything", `{}`, refused, ""},
		{"an operation with a path", "../GetItem", `{}`, refused, ""},
	} {
		a := w.root.send(t, request{service: "dynamodb", kind: "application/x-amz-json-1.0", target: "DynamoDB_20120810." + x.op, body: []byte(x.body)})
		if x.status != 0 && a.status != x.status && !(x.code == "" && x.status == refused && a.status >= 400 && a.status < 500) || a.status >= 500 || x.code != "" && a.code != x.code {
			t.Errorf("%s: %d %s %.300s", x.name, a.status, a.code, a.body)
		}
		if !json.Valid(a.body) || a.status >= 400 && (a.code == "" || len(a.body) > 4*len(x.body)+4<<10) {
			t.Errorf("%s: %d %s, %d bytes: %.300s", x.name, a.status, a.code, len(a.body), a.body)
		}
	}
	w.strangeHeaders(t)
}

// strangeHeaders: the same of requests that say odd things of themselves.
func (w *world) strangeHeaders(t *testing.T) {
	t.Helper()
	const body = `{"TableName":"vault","Key":{"who":{"S":"w"},"note":{"S":"n"}}}`
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	z.Write([]byte(body)) //nolint:errcheck // to memory
	z.Close()             //nolint:errcheck
	for name, x := range map[string]struct {
		header http.Header
		target string
		body   []byte
		served bool
	}{
		"no target":                {nil, "", []byte(body), false},
		"a target of another API":  {nil, "DynamoDBStreams_20120810.GetItem", []byte(body), false},
		"an old version":           {nil, "DynamoDB_20111205.GetItem", []byte(body), false},
		"another case":             {nil, "dynamodb_20120810.getitem", []byte(body), false},
		"a target of a megabyte":   {nil, "DynamoDB_20120810." + strings.Repeat("x", 1<<10), []byte(body), false},
		"a packed body":            {http.Header{"Content-Encoding": {"gzip"}}, "DynamoDB_20120810.GetItem", packed.Bytes(), false},
		"another content type":     {http.Header{"Content-Type": {"text/xml"}}, "DynamoDB_20120810.GetItem", []byte(body), true},
		"a packed answer is asked": {http.Header{"Accept-Encoding": {"gzip;q=0, br;q=1.0, *;q=999"}}, "DynamoDB_20120810.GetItem", []byte(body), true},
		"a range":                  {http.Header{"Range": {"bytes=0-1"}}, "DynamoDB_20120810.GetItem", []byte(body), true},
	} {
		a := w.root.send(t, request{service: "dynamodb", kind: "application/x-amz-json-1.0", target: x.target, header: x.header, body: x.body})
		if (a.status == 200) != x.served || a.status >= 500 || !a.denied() && a.status != 200 && a.code == "" {
			t.Errorf("%s: %d %s %.300s", name, a.status, a.code, a.body)
		}
	}
}
