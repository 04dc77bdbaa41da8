package tables

import (
	"fmt"
	"strings"
	"testing"

	"bothy/api/dynamodb"
	"bothy/wire"
	"bothy/wire/item"
)

// sorts are the sort keys of items, in order.
func sorts(items []item.Item, name string) string {
	var out []string
	for _, it := range items {
		out = append(out, it.Get(name).Str)
	}
	return strings.Join(out, " ")
}

func TestQueryRanges(t *testing.T) {
	w := newWorld(t)
	w.table("num", "p:S ts:N")
	w.table("txt", "p:S ts:S")
	w.table("bin", "p:S ts:B")
	for _, n := range []string{"-10", "-1.5", "0", "1", "1.5", "2", "10", "100"} {
		w.put("num", `{'p': {'S': 'a'}, 'ts': {'N': '`+n+`'}}`)
	}
	w.put("num", `{'p': {'S': 'b'}, 'ts': {'N': '1'}}`)
	for _, s := range []string{"a", "ab", "abc", "ac", "b", "ü"} {
		w.put("txt", `{'p': {'S': 'a'}, 'ts': {'S': '`+s+`'}}`)
	}
	must(w, dynamodb.PutItem, dynamodb.PutItemInput{TableName: str("txt"), Item: item.Item{{Name: "p", Value: item.Text("a")}, {Name: "ts", Value: item.Text("ab\x00c")}}})
	for _, b := range []string{"\x00", "\x00\xff", "\x00\xff\xff", "\xff", "\xff\xff\x01"} {
		must(w, dynamodb.PutItem, dynamodb.PutItemInput{TableName: str("bin"), Item: item.Item{{Name: "p", Value: item.Text("a")}, {Name: "ts", Value: item.Bytes([]byte(b))}}})
	}
	number := func(s string) item.Value { return item.Number(s) }
	for _, c := range []struct {
		table, cond string
		values      []item.Value
		want        string
	}{
		{"num", "", nil, "-10 -1.5 0 1 1.5 2 10 100"},
		{"num", "ts = :1", []item.Value{number("1.50")}, "1.5"},
		{"num", "ts < :1", []item.Value{number("1")}, "-10 -1.5 0"},
		{"num", "ts <= :1", []item.Value{number("1")}, "-10 -1.5 0 1"},
		{"num", "ts > :1", []item.Value{number("1.5")}, "2 10 100"},
		{"num", "ts >= :1", []item.Value{number("10")}, "10 100"},
		{"num", ":1 > ts", []item.Value{number("0")}, "-10 -1.5"},
		{"num", "ts BETWEEN :1 AND :2", []item.Value{number("-1.5"), number("2")}, "-1.5 0 1 1.5 2"},
		{"txt", "begins_with(ts, :1)", []item.Value{item.Text("ab")}, "ab ab\x00c abc"},
		{"txt", "ts > :1", []item.Value{item.Text("ab")}, "ab\x00c abc ac b ü"},
		{"txt", "ts <= :1", []item.Value{item.Text("ab")}, "a ab"},
		{"txt", "ts BETWEEN :1 AND :2", []item.Value{item.Text("ab"), item.Text("ac")}, "ab ab\x00c abc ac"},
		{"bin", "begins_with(ts, :1)", []item.Value{item.Bytes([]byte("\x00"))}, "\x00 \x00\xff \x00\xff\xff"},
		{"bin", "begins_with(ts, :1)", []item.Value{item.Bytes([]byte("\xff\xff"))}, "\xff\xff\x01"},
		{"bin", "ts > :1", []item.Value{item.Bytes([]byte("\x00"))}, "\x00\xff \x00\xff\xff \xff \xff\xff\x01"},
		{"bin", "ts <= :1", []item.Value{item.Bytes([]byte("\x00\xff"))}, "\x00 \x00\xff"},
	} {
		values := item.Item{{Name: ":p", Value: item.Text("a")}}
		for i, v := range c.values {
			values = append(values, item.Attribute{Name: fmt.Sprintf(":%d", i+1), Value: v})
		}
		cond := "p = :p"
		if c.cond != "" {
			cond += " AND " + c.cond
		}
		for _, limit := range []int32{0, 1, 2} {
			for _, forward := range []bool{true, false} {
				in := dynamodb.QueryInput{TableName: str(c.table), KeyConditionExpression: str(cond), ExpressionAttributeValues: values, ScanIndexForward: wire.Some(forward)}
				got := sorts(w.all(in, limit), "ts")
				want := c.want
				if !forward {
					parts := strings.Split(want, " ")
					for i, j := 0, len(parts)-1; i < j; i, j = i+1, j-1 {
						parts[i], parts[j] = parts[j], parts[i]
					}
					want = strings.Join(parts, " ")
				}
				if got != want {
					t.Errorf("%s %s limit %d forward %v: got %q, want %q", c.table, cond, limit, forward, got, want)
				}
			}
		}
	}
}

// all reads every page of a query.
func (w *world) all(in dynamodb.QueryInput, limit int32) (items []item.Item) {
	w.t.Helper()
	if limit > 0 {
		in.Limit = wire.Some(limit)
	}
	for {
		out := must(w, dynamodb.Query, in)
		items = append(items, out.Items...)
		if out.LastEvaluatedKey == nil {
			return items
		}
		in.ExclusiveStartKey = out.LastEvaluatedKey
	}
}

// scanAll reads every page of a scan.
func (w *world) scanAll(in dynamodb.ScanInput) (items []item.Item) {
	w.t.Helper()
	for {
		out := must(w, dynamodb.Scan, in)
		items = append(items, out.Items...)
		if out.LastEvaluatedKey == nil {
			return items
		}
		in.ExclusiveStartKey = out.LastEvaluatedKey
	}
}

func TestQueryRefusals(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "p:S ts:N", "byG g:S KEYS_ONLY")
	w.table("flat", "p:S")
	for _, c := range []struct{ cond, values, want string }{
		{"ts = :1", `{':1': {'N': '1'}}`, "Query condition missed key schema element: p"},
		{"p = :1 AND x = :2", `{':1': {'S': 'a'}, ':2': {'S': 'a'}}`, "Query condition missed key schema element: ts"},
		{"p > :1", `{':1': {'S': 'a'}}`, "Query key condition not supported"},
		{"p = :1", `{':1': {'N': '1'}}`, "One or more parameter values were invalid: Condition parameter type does not match schema type"},
		{"p = :1 OR p = :2", `{':1': {'S': 'a'}, ':2': {'S': 'b'}}`, "Invalid operator used in KeyConditionExpression: OR"},
		{"p = :1 AND ts <> :2", `{':1': {'S': 'a'}, ':2': {'N': '1'}}`, "Invalid operator used in KeyConditionExpression: <>"},
		{"p = :1 AND contains(ts, :2)", `{':1': {'S': 'a'}, ':2': {'S': 'b'}}`, "Invalid operator used in KeyConditionExpression: contains"},
		{"p = :1 AND p = :2", `{':1': {'S': 'a'}, ':2': {'S': 'b'}}`, "KeyConditionExpressions must only contain one condition per key"},
		{"p = :1 AND ts.b = :2", `{':1': {'S': 'a'}, ':2': {'S': 'b'}}`, "KeyConditionExpressions cannot have conditions on nested attributes"},
		{"p = :1 AND begins_with(ts, :2)", `{':1': {'S': 'a'}, ':2': {'S': 'b'}}`, "One or more parameter values were invalid: Condition parameter type does not match schema type"},
		{"p = :1", `{':1': {'S': ''}}`, "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: p"},
	} {
		_, err := do(w, w.root, dynamodb.Query, dynamodb.QueryInput{TableName: str("tab"), KeyConditionExpression: str(c.cond), ExpressionAttributeValues: doc(c.values)})
		w.refused(err, "ValidationException", c.want)
	}
	query := func(in dynamodb.QueryInput, want string) {
		t.Helper()
		if !in.TableName.Set {
			in.TableName = str("tab")
		}
		if in.KeyConditions == nil && !in.KeyConditionExpression.Set {
			in.KeyConditionExpression, in.ExpressionAttributeValues = str("p = :1"), append(doc(`{':1': {'S': 'a'}}`), in.ExpressionAttributeValues...)
		}
		_, err := do(w, w.root, dynamodb.Query, in)
		w.refused(err, "ValidationException", want)
	}
	query(dynamodb.QueryInput{IndexName: str("nope")}, "The table does not have the specified index: nope")
	query(dynamodb.QueryInput{IndexName: str("byG"), ConsistentRead: wire.Some(true)}, "Consistent reads are not supported on global secondary indexes")
	query(dynamodb.QueryInput{IndexName: str("byG"), KeyConditionExpression: str("g = :1"), ExpressionAttributeValues: doc(`{':1': {'S': 'a'}}`), Select: str("ALL_ATTRIBUTES")},
		"One or more parameter values were invalid: Select type ALL_ATTRIBUTES is not supported for global secondary index byG because its projection type is not ALL")
	query(dynamodb.QueryInput{IndexName: str("byG"), KeyConditionExpression: str("g = :1"), ExpressionAttributeValues: doc(`{':1': {'S': 'a'}}`), ProjectionExpression: str("x")},
		"One or more parameter values were invalid: Global secondary index byG does not project [x]")
	query(dynamodb.QueryInput{FilterExpression: str("ts > :2"), ExpressionAttributeValues: doc(`{':2': {'N': '1'}}`)}, "Filter Expression can only contain non-primary key attributes: Primary key attribute: ts")
	query(dynamodb.QueryInput{FilterExpression: str("x > :3")}, "Invalid FilterExpression: An expression attribute value used in expression is not defined; attribute value: :3")
	query(dynamodb.QueryInput{ExclusiveStartKey: doc(`{'p': {'S': 'a'}}`)}, "The provided starting key is invalid")
	query(dynamodb.QueryInput{ExclusiveStartKey: doc(`{'p': {'S': 'b'}, 'ts': {'N': '1'}}`)}, "The provided starting key is outside query boundaries based on provided conditions")
	from := func(start, sort string) dynamodb.QueryInput {
		return dynamodb.QueryInput{ExclusiveStartKey: doc(start), KeyConditionExpression: str("p = :1 AND ts " + sort), ExpressionAttributeValues: doc(`{':1': {'S': 'a'}, ':2': {'N': '5'}}`)}
	}
	query(from(`{'p': {'S': 'a'}, 'ts': {'N': '5'}}`, "< :2"), "The provided starting key does not match the range key predicate")
	query(from(`{'p': {'S': 'b'}, 'ts': {'N': '4'}}`, "< :2"), "The query can return at most one row and cannot be restarted")
	query(from(`{'p': {'S': 'a'}, 'ts': {'N': 'x'}}`, "< :2"), "The parameter cannot be converted to a numeric value: x")
	query(dynamodb.QueryInput{KeyConditions: map[string]dynamodb.Condition{"p": {ComparisonOperator: str("NE"), AttributeValueList: list(`{'a': {'S': 'a'}}`)}}}, "Attempted conditional constraint is not an indexable operation")
	query(dynamodb.QueryInput{KeyConditions: map[string]dynamodb.Condition{}}, "Conditions can be of length 1 or 2 only")
	query(dynamodb.QueryInput{Select: str("SPECIFIC_ATTRIBUTES")}, "1 validation error detected: Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES")
	query(dynamodb.QueryInput{TableName: str("flat"), KeyConditions: map[string]dynamodb.Condition{
		"p": {ComparisonOperator: str("EQ"), AttributeValueList: list(`{'a': {'S': 'a'}}`)},
		"x": {ComparisonOperator: str("EQ"), AttributeValueList: list(`{'a': {'S': 'a'}}`)},
	}}, "Query key condition not supported")
	_, err := do(w, w.root, dynamodb.Query, dynamodb.QueryInput{TableName: str("tab")})
	w.refused(err, "ValidationException", "Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.")
}

func TestQueryIndexes(t *testing.T) {
	w := newWorld(t)
	w.table("notes", "userId:S noteId:S", "-DateSorted userId:S created:N ALL", "-Keys userId:S created:N KEYS_ONLY", "byTag tag:S created:N INCLUDE:title")
	for i, it := range []string{
		`'userId': {'S': 'ann'}, 'noteId': {'S': 'c'}, 'created': {'N': '3'}, 'tag': {'S': 'x'}`,
		`'userId': {'S': 'ann'}, 'noteId': {'S': 'a'}, 'created': {'N': '20'}, 'tag': {'S': 'x'}`,
		`'userId': {'S': 'bob'}, 'noteId': {'S': 'b'}, 'created': {'N': '3'}, 'tag': {'S': 'x'}`,
		`'userId': {'S': 'ann'}, 'noteId': {'S': 'n'}`, // in no index
		`'userId': {'S': 'ann'}, 'noteId': {'S': 'z'}, 'created': {'N': '1'}`,
	} {
		w.put("notes", fmt.Sprintf(`{%s, 'title': {'S': 't%d'}, 'body': {'S': 'b%d'}}`, it, i, i))
	}
	ann := doc(`{':u': {'S': 'ann'}}`)
	in := dynamodb.QueryInput{TableName: str("notes"), IndexName: str("DateSorted"), KeyConditionExpression: str("userId = :u"), ExpressionAttributeValues: ann, ScanIndexForward: wire.Some(false)}
	for _, limit := range []int32{0, 1, 2, 3} {
		if got := sorts(w.all(in, limit), "noteId"); got != "a c z" {
			t.Errorf("limit %d: %s", limit, got)
		}
	}
	in.IndexName = str("Keys")
	if got, want := show(w.all(in, 0)[0]), `{'created':{'N':'20'},'noteId':{'S':'a'},'userId':{'S':'ann'}}`; got != want {
		t.Errorf("KEYS_ONLY shows %s", got)
	}
	in.Select = str("ALL_ATTRIBUTES")
	if got := w.all(in, 0)[0].Get("body"); got == nil {
		t.Error("a local index fetches what it does not project")
	}
	in = dynamodb.QueryInput{TableName: str("notes"), IndexName: str("byTag"), KeyConditionExpression: str("tag = :t AND created < :c"), ExpressionAttributeValues: doc(`{':t': {'S': 'x'}, ':c': {'N': '10'}}`)}
	for _, limit := range []int32{0, 1} {
		items := w.all(in, limit)
		if len(items) != 2 || items[0].Get("body") != nil || items[0].Get("title") == nil {
			t.Errorf("limit %d: %d items, first %s", limit, len(items), show(items[0]))
		}
	}
	if got := w.scanAll(dynamodb.ScanInput{TableName: str("notes"), IndexName: str("byTag")}); len(got) != 3 {
		t.Errorf("scan of a sparse index: %d items", len(got))
	}
}

func TestFilterCountsAndPages(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "p:S ts:N")
	for i := range 10 {
		w.put("tab", fmt.Sprintf(`{'p': {'S': 'a'}, 'ts': {'N': '%d'}, 'odd': {'BOOL': %v}}`, i, i%2 == 1))
	}
	in := dynamodb.QueryInput{TableName: str("tab"), KeyConditionExpression: str("p = :p"), FilterExpression: str("odd = :t"),
		ExpressionAttributeValues: doc(`{':p': {'S': 'a'}, ':t': {'BOOL': true}}`), Limit: wire.Some(int32(5)), ReturnConsumedCapacity: str("TOTAL")}
	out := must(w, dynamodb.Query, in)
	if out.Count.V != 2 || out.ScannedCount.V != 5 || show(out.LastEvaluatedKey) != `{'p':{'S':'a'},'ts':{'N':'4'}}` || out.ConsumedCapacity.CapacityUnits.V != 0.5 {
		t.Errorf("count %d, scanned %d, last %s", out.Count.V, out.ScannedCount.V, show(out.LastEvaluatedKey))
	}
	in.Select = str("COUNT")
	if out := must(w, dynamodb.Query, in); out.Items != nil || out.Count.V != 2 {
		t.Errorf("COUNT: %v", out)
	}
	scan := dynamodb.ScanInput{TableName: str("tab"), ScanFilter: map[string]dynamodb.Condition{
		"odd": {ComparisonOperator: str("EQ"), AttributeValueList: list(`{'a': {'BOOL': true}}`)},
		"x":   {ComparisonOperator: str("NULL")},
	}}
	if got := len(w.scanAll(scan)); got != 5 {
		t.Errorf("ScanFilter: %d", got)
	}
	big := strings.Repeat("x", 300<<10)
	for i := range 5 {
		w.put("tab", fmt.Sprintf(`{'p': {'S': 'big'}, 'ts': {'N': '%d'}, 'x': {'S': '%s'}}`, i, big))
	}
	page := must(w, dynamodb.Query, dynamodb.QueryInput{TableName: str("tab"), KeyConditionExpression: str("p = :p"), ExpressionAttributeValues: doc(`{':p': {'S': 'big'}}`)})
	if page.Count.V != 4 || page.LastEvaluatedKey == nil {
		t.Errorf("a page of %d items of 300 KB", page.Count.V)
	}
	if got := len(w.scanAll(dynamodb.ScanInput{TableName: str("tab")})); got != 15 {
		t.Errorf("scan over pages: %d", got)
	}
}

func TestParallelScanSeesEachItemOnce(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "p:S")
	const n = 300
	for i := range n {
		w.put("tab", fmt.Sprintf(`{'p': {'S': 'k%d'}}`, i))
	}
	for _, segments := range []int32{1, 2, 3, 7, 64, 1_000_000} {
		seen := map[string]int{}
		most := 0
		for s := int32(0); s < min(segments, 64); s++ {
			items := w.scanAll(dynamodb.ScanInput{TableName: str("tab"), Segment: wire.Some(s), TotalSegments: wire.Some(segments), Limit: wire.Some(int32(17))})
			most = max(most, len(items))
			for _, it := range items {
				seen[it.Get("p").Str]++
			}
		}
		if segments <= 64 && len(seen) != n {
			t.Errorf("%d segments: %d items", segments, len(seen))
		}
		for k, times := range seen {
			if times != 1 {
				t.Errorf("%d segments: %s seen %d times", segments, k, times)
			}
		}
		if segments == 7 && most > 2*n/7 {
			t.Errorf("segments are uneven: one has %d of %d", most, n)
		}
	}
	for _, c := range []struct {
		in   dynamodb.ScanInput
		want string
	}{
		{dynamodb.ScanInput{Segment: wire.Some(int32(1))}, "The TotalSegments parameter is required but was not present in the request when Segment parameter is present"},
		{dynamodb.ScanInput{TotalSegments: wire.Some(int32(1))}, "The Segment parameter is required but was not present in the request when parameter TotalSegments is present"},
		{dynamodb.ScanInput{TotalSegments: wire.Some(int32(2)), Segment: wire.Some(int32(2))}, "The Segment parameter is zero-based and must be less than parameter TotalSegments: Segment: 2 is not less than TotalSegments: 2"},
	} {
		c.in.TableName = str("tab")
		_, err := do(w, w.root, dynamodb.Scan, c.in)
		w.refused(err, "ValidationException", c.want)
	}
}
