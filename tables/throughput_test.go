package tables

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"bothy/api/dynamodb"
	"bothy/kv"
	"bothy/kv/memkv"
	"bothy/wire"
	"bothy/wire/item"
)

const exceeded = "The level of configured provisioned throughput for the table was exceeded. Consider increasing your provisioning level with the UpdateTable API."

// provision makes a table of 1 read and 1 write unit a second, its indexes of more.
func provision(w *world, name, keys string, indexes ...string) {
	w.table(name, keys, indexes...)
	in := dynamodb.UpdateTableInput{TableName: str(name), BillingMode: str("PROVISIONED"), ProvisionedThroughput: &dynamodb.ProvisionedThroughput{ReadCapacityUnits: wire.Some(int64(1)), WriteCapacityUnits: wire.Some(int64(1))}}
	for _, spec := range indexes {
		in.GlobalSecondaryIndexUpdates = append(in.GlobalSecondaryIndexUpdates, dynamodb.GlobalSecondaryIndexUpdate{Update: &dynamodb.UpdateGlobalSecondaryIndexAction{
			IndexName: str(strings.Fields(spec)[0]), ProvisionedThroughput: &dynamodb.ProvisionedThroughput{ReadCapacityUnits: wire.Some(int64(2)), WriteCapacityUnits: wire.Some(int64(2))}}})
	}
	must(w, dynamodb.UpdateTable, in)
}

// until counts how often a request passes before it is throttled.
func until(t *testing.T, request func() error) (n int, throttled error) {
	t.Helper()
	for n = 0; n < 2000; n++ {
		if err := request(); isThrottled(err) {
			return n, err
		} else if err != nil {
			t.Fatal(err)
		}
	}
	t.Fatal("nothing throttles")
	return 0, nil
}

func TestWritesAreThrottled(t *testing.T) {
	w := newWorld(t)
	provision(w, "tab", "pk:S")
	put := func() error { return fails(do(w, w.root, putItem, putInput("tab", doc(`{'pk': {'S': 'a'}}`)))) }
	n, err := until(t, put)
	if n != 300 {
		t.Errorf("%d writes passed, want 300 seconds' worth", n)
	}
	w.refused(err, "ProvisionedThroughputExceededException", exceeded)
	reasons := err.(*dynamodb.ProvisionedThroughputExceededException).ThrottlingReasons
	if len(reasons) != 1 || reasons[0].Reason.V != "TableWriteProvisionedThroughputExceeded" || reasons[0].Resource.V != "arn:aws:dynamodb:eu-west-1:"+account+":table/tab" {
		t.Errorf("%+v", reasons)
	}
	if w.get("tab", `{'pk': {'S': 'a'}}`) == "nil" {
		t.Error("reads are throttled with writes")
	}
	w.now = w.now.Add(10 * time.Second)
	if n, _ := until(t, put); n != 10 {
		t.Errorf("%d writes after 10 s", n)
	}
	w.now = w.now.Add(time.Second)
	large := fmt.Sprintf(`{'pk': {'S': 'a'}, 'v': {'S': '%s'}}`, strings.Repeat("x", 20<<10))
	if _, err := do(w, w.root, putItem, putInput("tab", doc(large))); err != nil { // costs 21 units, which one may owe
		t.Error(err)
	}
	w.now = w.now.Add(20 * time.Second)
	if err := put(); !isThrottled(err) {
		t.Errorf("the debt of a large write is forgiven: %v", err)
	}
	w.now = w.now.Add(time.Second)
	_, err = do(w, w.root, dynamodb.DeleteItem, dynamodb.DeleteItemInput{TableName: str("tab"), Key: doc(`{'pk': {'S': 'a'}}`), ConditionExpression: str("attribute_not_exists(pk)")})
	w.refused(err, "ConditionalCheckFailedException", "")
	if err := put(); !isThrottled(err) {
		t.Errorf("a failed condition costs nothing: %v", err)
	}
	w.now = w.now.Add(time.Hour)
	if n, _ := until(t, put); n > 310 {
		t.Errorf("%d writes after an hour", n)
	}
}

// TestMoreThroughputHelpsAtOnce: who is throttled, and owes, need not wait at the old rate.
func TestMoreThroughputHelpsAtOnce(t *testing.T) {
	w := newWorld(t)
	provision(w, "tab", "pk:S")
	put := func() error { return fails(do(w, w.root, putItem, putInput("tab", doc(`{'pk': {'S': 'a'}}`)))) }
	w.put("tab", fmt.Sprintf(`{'pk': {'S': 'a'}, 'v': {'S': '%s'}}`, strings.Repeat("x", 350<<10)))
	if err := put(); !isThrottled(err) {
		t.Fatal(err)
	}
	must(w, dynamodb.UpdateTable, dynamodb.UpdateTableInput{TableName: str("tab"), ProvisionedThroughput: &dynamodb.ProvisionedThroughput{ReadCapacityUnits: wire.Some(int64(1)), WriteCapacityUnits: wire.Some(int64(100))}})
	w.now = w.now.Add(4 * time.Second)
	if err := put(); err != nil {
		t.Error(err)
	}
}

// TestNodesShareThroughput: two nodes on one store grant together what one may, and what lies with the other.
func TestNodesShareThroughput(t *testing.T) {
	db := kv.New(memkv.New())
	one, two := worldOn(t, db), worldOn(t, db)
	provision(one, "tab", "pk:S")
	put := func(w *world) func() error {
		return func() error { return fails(do(w, w.root, putItem, putInput("tab", doc(`{'pk': {'S': 'a'}}`)))) }
	}
	for range 3 {
		if err := put(two)(); err != nil {
			t.Fatal(err)
		}
	}
	first, _ := until(t, put(one))
	second, _ := until(t, put(two))
	if first+second != 297 || second > 10 {
		t.Errorf("the nodes granted %d and %d", first, second)
	}
	one.now, two.now = one.now.Add(20*time.Second), two.now.Add(20*time.Second)
	first, _ = until(t, put(one))
	second, _ = until(t, put(two))
	if first+second != 20 {
		t.Errorf("after 20 seconds they granted %d and %d", first, second)
	}
	again := worldOn(t, db) // a restart fills nothing
	again.now = one.now
	if n, _ := until(t, put(again)); n != 0 {
		t.Errorf("a new node granted %d", n)
	}
}

func TestReadsAreThrottled(t *testing.T) {
	w := newWorld(t)
	provision(w, "tab", "pk:S", "byA a:S ALL")
	w.put("tab", `{'pk': {'S': 'a'}, 'a': {'S': 'x'}}`)
	key := doc(`{'pk': {'S': 'a'}}`)
	hour := func() { w.now = w.now.Add(time.Hour) }
	for name, c := range map[string]struct {
		want    int
		request func() error
	}{
		"get": {600, func() error {
			return fails(do(w, w.root, dynamodb.GetItem, dynamodb.GetItemInput{TableName: str("tab"), Key: key}))
		}},
		"consistent get": {300, func() error {
			return fails(do(w, w.root, dynamodb.GetItem, dynamodb.GetItemInput{TableName: str("tab"), Key: key, ConsistentRead: wire.Some(true)}))
		}},
		"scan": {600, func() error { return fails(do(w, w.root, dynamodb.Scan, dynamodb.ScanInput{TableName: str("tab")})) }},
		"query of index": {1200, func() error {
			return fails(do(w, w.root, dynamodb.Query, dynamodb.QueryInput{TableName: str("tab"), IndexName: str("byA"), KeyConditionExpression: str("a = :a"), ExpressionAttributeValues: doc(`{':a': {'S': 'x'}}`)}))
		}},
		"statement": {600, func() error { return fails(w.statement(`SELECT * FROM tab WHERE pk = 'a'`)) }},
		"batch": {600, func() error {
			return fails(do(w, w.root, dynamodb.BatchGetItem, dynamodb.BatchGetItemInput{RequestItems: map[string]dynamodb.KeysAndAttributes{"tab": {Keys: []item.Item{key}}}}))
		}},
	} {
		hour()
		if n, _ := until(t, c.request); n < c.want || n > c.want+c.want/30 { // the node may have a lot of 10 seconds left
			t.Errorf("%s: %d passed, want %d", name, n, c.want)
		}
	}
	until(t, func() error { return fails(w.statement(`SELECT * FROM tab`)) })
	out, err := w.batch(w.root, `SELECT * FROM tab WHERE pk = 'a'`)
	if err != nil || out[0] != "ProvisionedThroughputExceeded: "+exceeded {
		t.Error(out, err)
	}
	_, err = do(w, w.root, dynamodb.TransactGetItems, dynamodb.TransactGetItemsInput{TransactItems: []dynamodb.TransactGetItem{{Get: &dynamodb.Get{TableName: str("tab"), Key: key}}}})
	if cancelled := (*dynamodb.TransactionCanceledException)(nil); !errors.As(err, &cancelled) || cancelled.CancellationReasons[0].Code.V != "ProvisionedThroughputExceeded" {
		t.Error(err)
	}
}

func TestAnIndexThrottlesItsTable(t *testing.T) {
	w := newWorld(t)
	provision(w, "tab", "pk:S", "byA a:S KEYS_ONLY")
	must(w, dynamodb.UpdateTable, dynamodb.UpdateTableInput{TableName: str("tab"), ProvisionedThroughput: &dynamodb.ProvisionedThroughput{ReadCapacityUnits: wire.Some(int64(1)), WriteCapacityUnits: wire.Some(int64(100))}})
	i := 0
	put := func() error { // each moves the entry: 2 units of the index
		i++
		return fails(do(w, w.root, putItem, putInput("tab", doc(fmt.Sprintf(`{'pk': {'S': 'a'}, 'a': {'S': '%d'}}`, i)))))
	}
	n, err := until(t, put)
	if n != 301 { // the first makes one
		t.Errorf("%d writes passed", n)
	}
	if e, ok := err.(*dynamodb.ProvisionedThroughputExceededException); !ok || e.ThrottlingReasons[0].Reason.V != "IndexWriteProvisionedThroughputExceeded" || !strings.HasSuffix(e.ThrottlingReasons[0].Resource.V, "table/tab/index/byA") {
		t.Errorf("%v", err)
	}
	w.put("tab", `{'pk': {'S': 'without'}}`) // what the index does not show it does not throttle
}

func TestBatchesLeaveWhatIsThrottled(t *testing.T) {
	w := newWorld(t)
	provision(w, "tab", "pk:S")
	w.table("free", "pk:S")
	put := func(pk string) dynamodb.WriteRequest {
		return dynamodb.WriteRequest{PutRequest: &dynamodb.PutRequest{Item: doc(`{'pk': {'S': '` + pk + `'}}`)}}
	}
	until(t, func() error { return fails(do(w, w.root, putItem, putInput("tab", doc(`{'pk': {'S': 'a'}}`)))) })
	w.now = w.now.Add(2 * time.Second)
	in := dynamodb.BatchWriteItemInput{RequestItems: map[string][]dynamodb.WriteRequest{"tab": {put("1"), put("2"), put("3")}, "free": {put("1")}}}
	out := must(w, dynamodb.BatchWriteItem, in)
	if left := out.UnprocessedItems["tab"]; len(left) != 1 || show(left[0].PutRequest.Item) != `{'pk':{'S':'3'}}` || len(out.UnprocessedItems) != 1 {
		t.Errorf("left %v", out.UnprocessedItems)
	}
	delete(in.RequestItems, "free")
	_, err := do(w, w.root, dynamodb.BatchWriteItem, in)
	w.refused(err, "ProvisionedThroughputExceededException", exceeded)
	_, err = do(w, w.root, dynamodb.TransactWriteItems, dynamodb.TransactWriteItemsInput{TransactItems: []dynamodb.TransactWriteItem{
		{Put: &dynamodb.Put{TableName: str("free"), Item: doc(`{'pk': {'S': 'x'}}`)}}, {Put: &dynamodb.Put{TableName: str("tab"), Item: doc(`{'pk': {'S': 'x'}}`)}}}})
	if cancelled := (*dynamodb.TransactionCanceledException)(nil); !errors.As(err, &cancelled) || !strings.HasSuffix(cancelled.Message.V, "[None, ProvisionedThroughputExceeded]") {
		t.Error(err)
	}
	if w.get("free", `{'pk': {'S': 'x'}}`) != "nil" {
		t.Error("half a transaction was kept")
	}
	key := func(pk string) item.Item { return doc(`{'pk': {'S': '` + pk + `'}}`) }
	until(t, func() error {
		return fails(do(w, w.root, dynamodb.GetItem, dynamodb.GetItemInput{TableName: str("tab"), Key: key("a")}))
	})
	w.now = w.now.Add(time.Second)
	got := must(w, dynamodb.BatchGetItem, dynamodb.BatchGetItemInput{RequestItems: map[string]dynamodb.KeysAndAttributes{"tab": {Keys: []item.Item{key("1"), key("2"), key("3")}}}})
	if len(got.Responses["tab"]) != 2 || len(got.UnprocessedKeys["tab"].Keys) != 1 {
		t.Errorf("%v, left %v", got.Responses, got.UnprocessedKeys)
	}
}

func TestMostOnDemand(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "pk:S")
	must(w, dynamodb.UpdateTable, dynamodb.UpdateTableInput{TableName: str("tab"), OnDemandThroughput: &dynamodb.OnDemandThroughput{MaxWriteRequestUnits: wire.Some(int64(1))}})
	d := must(w, dynamodb.DescribeTable, dynamodb.DescribeTableInput{TableName: str("tab")}).Table
	if d.OnDemandThroughput.MaxReadRequestUnits.Set || d.OnDemandThroughput.MaxWriteRequestUnits.V != 1 || d.WarmThroughput.ReadUnitsPerSecond.V != 12000 {
		t.Errorf("%+v %+v", d.OnDemandThroughput, d.WarmThroughput)
	}
	_, err := until(t, func() error { return fails(do(w, w.root, putItem, putInput("tab", doc(`{'pk': {'S': 'a'}}`)))) })
	if e, ok := err.(*dynamodb.ThrottlingException); !ok || e.ThrottlingReasons[0].Reason.V != "TableWriteMaxOnDemandThroughputExceeded" {
		t.Error(err)
	}
	must(w, dynamodb.UpdateTable, dynamodb.UpdateTableInput{TableName: str("tab"), OnDemandThroughput: &dynamodb.OnDemandThroughput{MaxWriteRequestUnits: wire.Some(int64(-1))}})
	w.put("tab", `{'pk': {'S': 'a'}}`)
}

func TestDecreasesAreLimited(t *testing.T) {
	w := newWorld(t)
	provision(w, "tab", "pk:S")
	set := func(n int64) error {
		_, err := do(w, w.root, dynamodb.UpdateTable, dynamodb.UpdateTableInput{TableName: str("tab"), ProvisionedThroughput: &dynamodb.ProvisionedThroughput{ReadCapacityUnits: wire.Some(n), WriteCapacityUnits: wire.Some(int64(1))}})
		return err
	}
	if err := set(100); err != nil {
		t.Fatal(err)
	}
	for i := range int64(4) {
		if err := set(50 - i); err != nil {
			t.Fatal(i, err)
		}
	}
	w.refused(set(1), "LimitExceededException", "")
	if err := set(200); err != nil {
		t.Error("an increase is refused", err)
	}
	decreases := func() int64 {
		return must(w, dynamodb.DescribeTable, dynamodb.DescribeTableInput{TableName: str("tab")}).Table.ProvisionedThroughput.NumberOfDecreasesToday.V
	}
	if n := decreases(); n != 4 {
		t.Errorf("%d decreases", n)
	}
	w.now = w.now.Add(time.Hour)
	if err := set(1); err != nil || decreases() != 5 {
		t.Error(err, decreases())
	}
	w.now = w.now.Add(24 * time.Hour)
	if decreases() != 0 {
		t.Error("yesterday's decreases count")
	}
}
