package tables

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"bothy/api/dynamodb"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
	"bothy/wire/item"
)

func TestTableLife(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "p:S s:N", "-loc p:S x:S INCLUDE:a,b", "glob x:S KEYS_ONLY")
	d := must(w, dynamodb.DescribeTable, dynamodb.DescribeTableInput{TableName: str("tab")}).Table
	if d.TableStatus.V != "ACTIVE" || d.TableArn.V != "arn:aws:dynamodb:eu-west-1:"+account+":table/tab" || len(d.TableId.V) != 36 ||
		d.BillingModeSummary.BillingMode.V != "PAY_PER_REQUEST" || len(d.LocalSecondaryIndexes) != 1 || d.GlobalSecondaryIndexes[0].IndexStatus.V != "ACTIVE" ||
		d.GlobalSecondaryIndexes[0].IndexArn.V != d.TableArn.V+"/index/glob" || len(d.AttributeDefinitions) != 3 {
		t.Errorf("described as %+v", d)
	}
	w.put("tab", `{'p': {'S': 'a'}, 's': {'N': '1'}, 'x': {'S': 'xx'}, 'c': {'S': 'ccc'}}`)
	w.put("tab", `{'p': {'S': 'a'}, 's': {'N': '2'}}`)
	d = must(w, dynamodb.DescribeTable, dynamodb.DescribeTableInput{TableName: str("tab")}).Table
	if d.ItemCount.V != 2 || d.TableSizeBytes.V != 17 || d.GlobalSecondaryIndexes[0].ItemCount.V != 1 || d.GlobalSecondaryIndexes[0].IndexSizeBytes.V != 8 {
		t.Errorf("counted %d items, %d bytes; index %+v", d.ItemCount.V, d.TableSizeBytes.V, d.GlobalSecondaryIndexes[0])
	}
	_, err := do(w, w.root, dynamodb.CreateTable, tableInput("tab", "p:S"))
	w.refused(err, "ResourceInUseException", "Table already exists: tab")
	if got := must(w, dynamodb.DeleteTable, dynamodb.DeleteTableInput{TableName: str("tab")}).TableDescription.TableStatus.V; got != "DELETING" {
		t.Errorf("deleted: %s", got)
	}
	_, err = do(w, w.root, dynamodb.DescribeTable, dynamodb.DescribeTableInput{TableName: str("tab")})
	w.refused(err, "ResourceNotFoundException", "Requested resource not found: Table: tab not found")
	if left := w.rows(); len(left) > 0 {
		t.Errorf("rows left: %v", left)
	}
	w.table("tab", "p:S")
	if got := w.scanAll(dynamodb.ScanInput{TableName: str("tab")}); len(got) > 0 {
		t.Errorf("a table made again holds %d items", len(got))
	}
}

func tableInput(name, keys string) dynamodb.CreateTableInput {
	in := dynamodb.CreateTableInput{TableName: str(name), BillingMode: str("PAY_PER_REQUEST")}
	in.KeySchema = schemaOf(&in, keys)
	return in
}

func TestCreateRefusals(t *testing.T) {
	w := newWorld(t)
	units := &dynamodb.ProvisionedThroughput{ReadCapacityUnits: wire.Some(int64(1)), WriteCapacityUnits: wire.Some(int64(1))}
	all := &dynamodb.Projection{ProjectionType: str("ALL")}
	for i, c := range []struct {
		change func(*dynamodb.CreateTableInput)
		want   string
	}{
		{func(in *dynamodb.CreateTableInput) { in.TableName = str("ab") }, "1 validation error detected: Value 'ab' at 'tableName' failed to satisfy constraint: Member must have length greater than or equal to 3"},
		{func(in *dynamodb.CreateTableInput) { in.TableName = str("a/b c") }, "1 validation error detected: Value 'a/b c' at 'tableName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"},
		{func(in *dynamodb.CreateTableInput) { in.BillingMode = wire.Opt[string]{} }, "One or more parameter values were invalid: ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED"},
		{func(in *dynamodb.CreateTableInput) { in.ProvisionedThroughput = units }, "One or more parameter values were invalid: Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST"},
		{func(in *dynamodb.CreateTableInput) { in.AttributeDefinitions = in.AttributeDefinitions[:1] }, "Invalid KeySchema: Some index key attribute have no definition"},
		{func(in *dynamodb.CreateTableInput) { in.KeySchema = in.KeySchema[:1] }, "One or more parameter values were invalid: Number of attributes in KeySchema does not exactly match number of attributes defined in AttributeDefinitions"},
		{func(in *dynamodb.CreateTableInput) { in.KeySchema[0].KeyType = str("RANGE") }, "Invalid KeySchema: The first KeySchemaElement is not a HASH key type"},
		{func(in *dynamodb.CreateTableInput) { in.KeySchema[1].KeyType = str("HASH") }, "Invalid KeySchema: The second KeySchemaElement is not a RANGE key type"},
		{func(in *dynamodb.CreateTableInput) { in.KeySchema[1].AttributeName = str("p") }, "Both the Hash Key and the Range Key element in the KeySchema have the same name"},
		{func(in *dynamodb.CreateTableInput) {
			in.LocalSecondaryIndexes = []dynamodb.LocalSecondaryIndex{{IndexName: str("loc"), KeySchema: schemaOf(in, "s:S p:S"), Projection: all}}
		}, "One or more parameter values were invalid: Index KeySchema does not have the same leading hash key as table KeySchema for index: loc. index hash key: s, table hash key: p"},
		{func(in *dynamodb.CreateTableInput) {
			in.GlobalSecondaryIndexes = []dynamodb.GlobalSecondaryIndex{{IndexName: str("glo"), KeySchema: schemaOf(in, "s:S"), Projection: all}}
			schemaOf(in, "idle:S")
		}, "One or more parameter values were invalid: Some AttributeDefinitions are not used. AttributeDefinitions: [p, s, idle], keys used: [p, s]"},
		{func(in *dynamodb.CreateTableInput) {
			in.GlobalSecondaryIndexes = []dynamodb.GlobalSecondaryIndex{{IndexName: str("glo"), KeySchema: schemaOf(in, "s:S"), Projection: &dynamodb.Projection{ProjectionType: str("ALL"), NonKeyAttributes: []string{"x"}}}}
		}, "One or more parameter values were invalid: ProjectionType is ALL, but NonKeyAttributes is specified"},
		{func(in *dynamodb.CreateTableInput) {
			g := dynamodb.GlobalSecondaryIndex{IndexName: str("glo"), KeySchema: schemaOf(in, "s:S"), Projection: all}
			in.GlobalSecondaryIndexes = []dynamodb.GlobalSecondaryIndex{g, g}
		}, "One or more parameter values were invalid: Duplicate index name: glo"},
		{func(in *dynamodb.CreateTableInput) {
			in.StreamSpecification = &dynamodb.StreamSpecification{StreamEnabled: wire.Some(true)}
		}, "One or more parameter values were invalid: Table is being created with a stream enabled, UpdateViewType is required"},
	} {
		in := tableInput("tab", "p:S s:S")
		c.change(&in)
		_, err := do(w, w.root, dynamodb.CreateTable, in)
		if t.Run(fmt.Sprint(i), func(t *testing.T) { w.t = t; w.refused(err, "ValidationException", c.want) }); err == nil {
			must(w, dynamodb.DeleteTable, dynamodb.DeleteTableInput{TableName: in.TableName})
		}
	}
}

func TestListTables(t *testing.T) {
	w := newWorld(t)
	for i := range 5 {
		w.table(fmt.Sprintf("tab%d", i), "p:S")
	}
	var got []string
	in := dynamodb.ListTablesInput{Limit: wire.Some(int32(2))}
	for {
		out := must(w, dynamodb.ListTables, in)
		got = append(got, out.TableNames...)
		if !out.LastEvaluatedTableName.Set {
			break
		}
		in.ExclusiveStartTableName = out.LastEvaluatedTableName
	}
	if strings.Join(got, " ") != "tab0 tab1 tab2 tab3 tab4" {
		t.Errorf("listed %v", got)
	}
	out, err := wire.Invoke(context.Background(), w.mux, w.root, "us-east-1", dynamodb.ListTables, &dynamodb.ListTablesInput{})
	if err != nil || len(out.TableNames) != 0 {
		t.Errorf("another region lists %v, %v", out, err)
	}
}

func TestUpdateTable(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "p:S")
	const n = 2500 // more than one transaction of filling
	for i := 0; i < n; i += 25 {
		var rs []dynamodb.WriteRequest
		for j := i; j < i+25; j++ {
			it := doc(fmt.Sprintf(`{'p': {'S': '%d'}, 'g': {'N': '%d'}}`, j, j%10))
			if j%5 == 0 {
				it = doc(fmt.Sprintf(`{'p': {'S': '%d'}, 'g': {'S': 'of another type'}}`, j))
			}
			rs = append(rs, dynamodb.WriteRequest{PutRequest: &dynamodb.PutRequest{Item: it}})
		}
		must(w, dynamodb.BatchWriteItem, dynamodb.BatchWriteItemInput{RequestItems: map[string][]dynamodb.WriteRequest{"tab": rs}})
	}
	in := dynamodb.UpdateTableInput{TableName: str("tab"), AttributeDefinitions: []dynamodb.AttributeDefinition{{AttributeName: str("g"), AttributeType: str("N")}}}
	in.GlobalSecondaryIndexUpdates = []dynamodb.GlobalSecondaryIndexUpdate{{Create: &dynamodb.CreateGlobalSecondaryIndexAction{IndexName: str("byG"), KeySchema: []dynamodb.KeySchemaElement{{AttributeName: str("g"), KeyType: str("HASH")}}, Projection: &dynamodb.Projection{ProjectionType: str("ALL")}}}}
	if got := must(w, dynamodb.UpdateTable, in).TableDescription; got.TableStatus.V != "UPDATING" {
		t.Errorf("while filling: %s", got.TableStatus.V)
	}
	d := must(w, dynamodb.DescribeTable, dynamodb.DescribeTableInput{TableName: str("tab")}).Table
	if d.TableStatus.V != "ACTIVE" || d.GlobalSecondaryIndexes[0].IndexStatus.V != "ACTIVE" || d.GlobalSecondaryIndexes[0].ItemCount.V != n*4/5 {
		t.Errorf("afterwards: %+v", d.GlobalSecondaryIndexes[0])
	}
	q := dynamodb.QueryInput{TableName: str("tab"), IndexName: str("byG"), KeyConditionExpression: str("g = :g"), ExpressionAttributeValues: doc(`{':g': {'N': '3'}}`)}
	if got := len(w.all(q, 100)); got != n/10 {
		t.Errorf("index shows %d items", got)
	}
	old := dynamodb.UpdateItemInput{TableName: str("tab"), Key: doc(`{'p': {'S': '5'}}`), UpdateExpression: str("SET elsewhere = :g"), ExpressionAttributeValues: doc(`{':g': {'N': '1'}}`)}
	must(w, dynamodb.UpdateItem, old) // an item that does not fit the index may still be updated elsewhere
	_, err := do(w, w.root, dynamodb.UpdateTable, in)
	w.refused(err, "ValidationException", "Attempting to create an index which already exists")
	must(w, dynamodb.UpdateTable, dynamodb.UpdateTableInput{TableName: str("tab"), GlobalSecondaryIndexUpdates: []dynamodb.GlobalSecondaryIndexUpdate{{Delete: &dynamodb.DeleteGlobalSecondaryIndexAction{IndexName: str("byG")}}}})
	_, err = do(w, w.root, dynamodb.Query, q)
	w.refused(err, "ValidationException", "The table does not have the specified index: byG")
	if got := len(w.scanAll(dynamodb.ScanInput{TableName: str("tab")})); got != n {
		t.Errorf("table holds %d items", got)
	}
	_, err = do(w, w.root, dynamodb.UpdateTable, dynamodb.UpdateTableInput{TableName: str("tab"), BillingMode: str("PROVISIONED")})
	w.refused(err, "ValidationException", "One or more parameter values were invalid: ProvisionedThroughput must be specified when BillingMode is PROVISIONED")
	_, err = do(w, w.root, dynamodb.UpdateTable, dynamodb.UpdateTableInput{TableName: str("tab")})
	w.refused(err, "ValidationException", "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndexUpdates, SSESpecification, ReplicaUpdates, MultiAccountReplicaReady, ReplicaTransitRoleArn, MultiRegionConsistency, DeletionProtectionEnabled, OnDemandThroughput, WarmThroughput or TableClass is required")
	must(w, dynamodb.UpdateTable, dynamodb.UpdateTableInput{TableName: str("tab"), DeletionProtectionEnabled: wire.Some(true)})
	_, err = do(w, w.root, dynamodb.DeleteTable, dynamodb.DeleteTableInput{TableName: str("tab")})
	w.refused(err, "ValidationException", "")
}

// TestWorkLeftByACrashIsDone puts tables into the states a crash would leave, and lets the background work find them.
func TestWorkLeftByACrashIsDone(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"gone", "filling"} {
		w.table(name, "p:S", "byG g:S ALL")
		w.put(name, `{'p': {'S': 'a'}, 'g': {'S': 'g'}}`)
	}
	ctx := context.Background()
	err := w.s.db.Update(ctx, func(tx *kv.Tx) error {
		for name, change := range map[string]func(*table){
			"gone":    func(t *table) { t.Status = statusDeleting },
			"filling": func(t *table) { t.Indexes[0].Status, t.Indexes[0].ID, t.NextIndex = statusCreating, 7, 8 },
		} {
			have, err := w.s.load(tx, scope(&wire.Call{Account: account, Region: region}), name)
			if err != nil {
				return err
			}
			now := *have
			now.Indexes = append([]index(nil), have.Indexes...)
			change(&now)
			if err := now.save(tx); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = do(w, w.root, dynamodb.GetItem, dynamodb.GetItemInput{TableName: str("gone"), Key: doc(`{'p': {'S': 'a'}}`)})
	w.refused(err, "ResourceNotFoundException", "Requested resource not found")
	_, err = do(w, w.root, dynamodb.DeleteTable, dynamodb.DeleteTableInput{TableName: str("gone")})
	w.refused(err, "ResourceInUseException", "Attempt to change a resource which is still in use: Table is being deleted: gone")
	_, err = do(w, w.root, dynamodb.Scan, dynamodb.ScanInput{TableName: str("filling"), IndexName: str("byG")})
	w.refused(err, "ValidationException", "Cannot read from backfilling global secondary index: byG")

	if err := w.s.Work(ctx); err != nil {
		t.Fatal(err)
	}
	if got := len(w.scanAll(dynamodb.ScanInput{TableName: str("filling"), IndexName: str("byG")})); got != 1 {
		t.Errorf("the index shows %d items", got)
	}
	err = w.s.db.Update(ctx, func(tx *kv.Tx) error { // as after the account was emptied
		return chores.Put(tx, record.Scope{}, &chore{account, region, "no such table"})
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.s.Work(ctx); err != nil {
		t.Fatal(err)
	}
	w.table("gone", "p:S")
	for _, k := range w.rows() {
		if strings.Contains(k, "chore") {
			t.Errorf("still a chore: %s", k)
		}
	}
}

func TestExpiry(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "p:S")
	at := func(d time.Duration) string { return fmt.Sprint(w.now.Add(d).Unix()) }
	put := func(name, kind, when string) {
		w.put("tab", `{'p': {'S': '`+name+`'}, 'ttl': {'`+kind+`': '`+when+`'}}`)
	}
	put("past", "N", at(-time.Hour))
	put("text", "S", at(-time.Hour))
	spec := &dynamodb.TimeToLiveSpecification{Enabled: wire.Some(true), AttributeName: str("ttl")}
	must(w, dynamodb.UpdateTimeToLive, dynamodb.UpdateTimeToLiveInput{TableName: str("tab"), TimeToLiveSpecification: spec})
	put("soon", "N", at(time.Hour))
	put("ancient", "N", at(-6*365*24*time.Hour))
	put("moved", "N", at(time.Minute))
	must(w, dynamodb.UpdateItem, dynamodb.UpdateItemInput{TableName: str("tab"), Key: doc(`{'p': {'S': 'moved'}}`), UpdateExpression: str("SET #t = :t"), ExpressionAttributeNames: map[string]string{"#t": "ttl"}, ExpressionAttributeValues: doc(`{':t': {'N': '` + at(3*time.Hour) + `'}}`)})
	left := func() string {
		if err := w.s.Work(context.Background()); err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, n := range []string{"past", "text", "soon", "ancient", "moved"} {
			if w.get("tab", `{'p': {'S': '`+n+`'}}`) != "nil" {
				names = append(names, n)
			}
		}
		return strings.Join(names, " ")
	}
	if got := left(); got != "text soon ancient moved" {
		t.Errorf("now: %s", got)
	}
	w.now = w.now.Add(2 * time.Hour)
	if got := left(); got != "text ancient moved" {
		t.Errorf("in two hours: %s", got)
	}
	if got := must(w, dynamodb.DescribeTimeToLive, dynamodb.DescribeTimeToLiveInput{TableName: str("tab")}).TimeToLiveDescription; got.TimeToLiveStatus.V != "ENABLED" || got.AttributeName.V != "ttl" {
		t.Errorf("described: %+v", got)
	}
	_, err := do(w, w.root, dynamodb.UpdateTimeToLive, dynamodb.UpdateTimeToLiveInput{TableName: str("tab"), TimeToLiveSpecification: spec})
	w.refused(err, "ValidationException", "TimeToLive is already enabled")
	spec.Enabled = wire.Some(false)
	must(w, dynamodb.UpdateTimeToLive, dynamodb.UpdateTimeToLiveInput{TableName: str("tab"), TimeToLiveSpecification: spec})
	w.now = w.now.Add(24 * time.Hour)
	if got := left(); got != "text ancient moved" {
		t.Errorf("switched off: %s", got)
	}
}

// TestLargeItemsBehindASmallIndex pages through an index that shows little of much.
func TestLargeItemsBehindASmallIndex(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "p:S", "byG g:S KEYS_ONLY")
	big := strings.Repeat("x", 390<<10)
	const n = 60
	for i := range n {
		w.put("tab", fmt.Sprintf(`{'p': {'S': '%d'}, 'g': {'S': 'g'}, 'x': {'S': '%s'}}`, i, big))
	}
	in := dynamodb.QueryInput{TableName: str("tab"), IndexName: str("byG"), KeyConditionExpression: str("g = :g"), ExpressionAttributeValues: doc(`{':g': {'S': 'g'}}`)}
	if out := must(w, dynamodb.Query, in); out.LastEvaluatedKey != nil || out.Count.V != n {
		t.Errorf("a page of %d items", out.Count.V)
	}
	must(w, dynamodb.UpdateTimeToLive, dynamodb.UpdateTimeToLiveInput{TableName: str("tab"), TimeToLiveSpecification: &dynamodb.TimeToLiveSpecification{Enabled: wire.Some(true), AttributeName: str("x")}})
	must(w, dynamodb.DescribeTable, dynamodb.DescribeTableInput{TableName: str("tab")})
}

func TestTags(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "p:S")
	arn := str("arn:aws:dynamodb:eu-west-1:" + account + ":table/tab")
	must(w, dynamodb.TagResource, dynamodb.TagResourceInput{ResourceArn: arn, Tags: []dynamodb.Tag{{Key: str("a"), Value: str("1")}, {Key: str("b"), Value: str("2")}}})
	must(w, dynamodb.UntagResource, dynamodb.UntagResourceInput{ResourceArn: arn, TagKeys: []string{"a", "none"}})
	if got := must(w, dynamodb.ListTagsOfResource, dynamodb.ListTagsOfResourceInput{ResourceArn: arn}).Tags; len(got) != 1 || got[0].Key.V != "b" {
		t.Errorf("tags %v", got)
	}
	const tab, none = "arn:aws:dynamodb:eu-west-1:" + account + ":table/tab", "arn:aws:dynamodb:eu-west-1:" + account + ":table/none"
	list := func(arn string) error {
		return fails(do(w, w.root, dynamodb.ListTagsOfResource, dynamodb.ListTagsOfResourceInput{ResourceArn: str(arn)}))
	}
	w.refused(list(strings.Replace(tab, "eu-", "us-", 1)), "ResourceNotFoundException", "")
	w.refused(list(none), "ResourceNotFoundException", "Requested resource not found: ResourceArn: "+none+" not found")
	w.refused(list("tab"), "ValidationException", "One or more parameter values were invalid: ARNs must start with 'arn:': tab")
	w.refused(list(tab+"/backup/01234567890123-00000000"), "ValidationException", "One or more parameter values were invalid: Provided Arn is not a DynamoDB resource arn: "+tab+"/backup/01234567890123-00000000")
	set := func(key, value string) error {
		return fails(do(w, w.root, dynamodb.TagResource, dynamodb.TagResourceInput{ResourceArn: arn, Tags: []dynamodb.Tag{{Key: str("good"), Value: str("")}, {Key: str(key), Value: str(value)}}}))
	}
	w.refused(set("a#b", ""), "ValidationException", "The Tag Key provided is invalid, Key: a#b")
	w.refused(set("k", "100%"), "ValidationException", "The Tag Value provided is invalid, Value: 100%")
	w.refused(set("AWS:k", ""), "ValidationException", "Tag Key cannot be prefixed with aws:, Key: AWS:k")
	_, err := do(w, w.root, dynamodb.UntagResource, dynamodb.UntagResourceInput{ResourceArn: arn, TagKeys: []string{"aws:k"}})
	w.refused(err, "ValidationException", "Tag Key cannot be prefixed with aws:, Key: aws:k")
	if err := set("ключ é 表", "a+b-c=d.e_f:g/h@i"); err != nil {
		t.Error(err)
	}
	if got := must(w, dynamodb.ListTagsOfResource, dynamodb.ListTagsOfResourceInput{ResourceArn: arn}).Tags; len(got) != 3 {
		t.Errorf("tags %v", got)
	}
}

func TestBatches(t *testing.T) {
	w := newWorld(t)
	w.table("one", "p:S")
	w.table("two", "p:S s:N")
	puts := func(items ...string) (rs []dynamodb.WriteRequest) {
		for _, it := range items {
			rs = append(rs, dynamodb.WriteRequest{PutRequest: &dynamodb.PutRequest{Item: doc(it)}})
		}
		return rs
	}
	must(w, dynamodb.BatchWriteItem, dynamodb.BatchWriteItemInput{RequestItems: map[string][]dynamodb.WriteRequest{
		"one": puts(`{'p': {'S': 'a'}}`, `{'p': {'S': 'b'}, 'x': {'N': '1'}}`), "two": puts(`{'p': {'S': 'a'}, 's': {'N': '1'}}`),
	}})
	out := must(w, dynamodb.BatchGetItem, dynamodb.BatchGetItemInput{RequestItems: map[string]dynamodb.KeysAndAttributes{
		"one": {Keys: []item.Item{doc(`{'p': {'S': 'b'}}`), doc(`{'p': {'S': 'none'}}`)}, ProjectionExpression: str("x")},
		"two": {Keys: []item.Item{doc(`{'p': {'S': 'a'}, 's': {'N': '1'}}`)}},
	}, ReturnConsumedCapacity: str("TOTAL")})
	if len(out.Responses["one"]) != 1 || show(out.Responses["one"][0]) != `{'x':{'N':'1'}}` || len(out.Responses["two"]) != 1 || len(out.ConsumedCapacity) != 2 || out.UnprocessedKeys == nil {
		t.Errorf("got %+v", out)
	}
	write := func(want string, m map[string][]dynamodb.WriteRequest) {
		t.Helper()
		_, err := do(w, w.root, dynamodb.BatchWriteItem, dynamodb.BatchWriteItemInput{RequestItems: m})
		w.refused(err, "ValidationException", want)
	}
	write("Provided list of item keys contains duplicates", map[string][]dynamodb.WriteRequest{"one": append(puts(`{'p': {'S': 'c'}}`), dynamodb.WriteRequest{DeleteRequest: &dynamodb.DeleteRequest{Key: doc(`{'p': {'S': 'c'}}`)}})})
	write("Provided list of item keys contains duplicates", map[string][]dynamodb.WriteRequest{"one": puts(`{'p': {'S': 'c'}}`), "arn:aws:dynamodb:eu-west-1:" + account + ":table/one": puts(`{'p': {'S': 'c'}}`)})
	write("Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes", map[string][]dynamodb.WriteRequest{"one": {{}}})
	write("The provided key element does not match the schema", map[string][]dynamodb.WriteRequest{"one": puts(`{'p': {'S': 'new'}}`, `{'x': {'S': 'c'}}`)})
	if got := w.get("one", `{'p': {'S': 'new'}}`); got != "nil" {
		t.Error("half a refused batch was kept")
	}
	var many []dynamodb.WriteRequest
	for i := range 13 {
		many = append(many, puts(fmt.Sprintf(`{'p': {'S': '%d'}, 's': {'N': '1'}}`, i))...)
	}
	write("Too many items requested for the BatchWriteItem call", map[string][]dynamodb.WriteRequest{"one": many, "two": many})
	get := func(want string, m map[string]dynamodb.KeysAndAttributes) {
		t.Helper()
		_, err := do(w, w.root, dynamodb.BatchGetItem, dynamodb.BatchGetItemInput{RequestItems: m})
		w.refused(err, "ValidationException", want)
	}
	k := doc(`{'p': {'S': 'c'}}`)
	get("Provided list of item keys contains duplicates", map[string]dynamodb.KeysAndAttributes{"one": {Keys: []item.Item{k, k}}})
	get("The provided key element does not match the schema", map[string]dynamodb.KeysAndAttributes{"two": {Keys: []item.Item{k}}})
}

func TestBatchGetStopsAtItsLimit(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "p:S")
	var keys []item.Item
	for i := range 60 {
		k := doc(fmt.Sprintf(`{'p': {'S': '%02d'}}`, i))
		keys = append(keys, k)
		must(w, dynamodb.PutItem, putInput("tab", append(k[:1:1], item.Attribute{Name: "x", Value: item.Text(strings.Repeat("x", 390<<10))})))
	}
	got := 0
	ask := map[string]dynamodb.KeysAndAttributes{"tab": {Keys: keys}}
	for rounds := 0; len(ask) > 0; rounds++ {
		out := must(w, dynamodb.BatchGetItem, dynamodb.BatchGetItemInput{RequestItems: ask})
		if got += len(out.Responses["tab"]); rounds > 3 {
			t.Fatal("never ends")
		}
		ask = out.UnprocessedKeys
	}
	if got != 60 {
		t.Errorf("got %d items", got)
	}
}

func TestTransactions(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "p:S")
	w.put("tab", `{'p': {'S': 'a'}, 'n': {'N': '1'}}`)
	k := func(p string) item.Item { return doc(`{'p': {'S': '` + p + `'}}`) }
	tab, one := str("tab"), doc(`{':1': {'N': '1'}}`)
	move := dynamodb.TransactWriteItemsInput{ClientRequestToken: str("token"), TransactItems: []dynamodb.TransactWriteItem{
		{Update: &dynamodb.Update{TableName: tab, Key: k("a"), UpdateExpression: str("SET n = n - :1"), ConditionExpression: str("n >= :1"), ExpressionAttributeValues: one}},
		{Put: &dynamodb.Put{TableName: tab, Item: doc(`{'p': {'S': 'b'}, 'n': {'N': '1'}}`), ConditionExpression: str("attribute_not_exists(p)")}},
		{ConditionCheck: &dynamodb.ConditionCheck{TableName: tab, Key: k("c"), ConditionExpression: str("attribute_not_exists(p)"), ReturnValuesOnConditionCheckFailure: str("ALL_OLD")}},
	}}
	must(w, dynamodb.TransactWriteItems, move)
	must(w, dynamodb.TransactWriteItems, move) // the same request under the same token: done once
	if got := w.get("tab", `{'p': {'S': 'a'}}`); got != `{'n':{'N':'0'},'p':{'S':'a'}}` {
		t.Errorf("after: %s", got)
	}
	other := move
	other.TransactItems = move.TransactItems[:1]
	_, err := do(w, w.root, dynamodb.TransactWriteItems, other)
	w.refused(err, "IdempotentParameterMismatchException", "")

	w.put("tab", `{'p': {'S': 'c'}}`)
	move.ClientRequestToken = str("another")
	_, err = do(w, w.root, dynamodb.TransactWriteItems, move)
	w.refused(err, "TransactionCanceledException", "Transaction cancelled, please refer cancellation reasons for specific reasons [ConditionalCheckFailed, ConditionalCheckFailed, ConditionalCheckFailed]")
	if c, ok := err.(*dynamodb.TransactionCanceledException); !ok || show(c.CancellationReasons[2].Item) != `{'p':{'S':'c'}}` || c.CancellationReasons[0].Message.V != "The conditional request failed" {
		t.Errorf("reasons %+v", err)
	}
	_, err = do(w, w.root, dynamodb.TransactWriteItems, dynamodb.TransactWriteItemsInput{TransactItems: []dynamodb.TransactWriteItem{
		{Put: &dynamodb.Put{TableName: tab, Item: doc(`{'p': {'S': 'kept?'}}`)}},
		{Update: &dynamodb.Update{TableName: tab, Key: k("c"), UpdateExpression: str("SET n = n + :1"), ExpressionAttributeValues: one}},
	}})
	w.refused(err, "TransactionCanceledException", "Transaction cancelled, please refer cancellation reasons for specific reasons [None, ValidationError]")
	if got := w.get("tab", `{'p': {'S': 'kept?'}}`); got != "nil" {
		t.Error("half a transaction was kept")
	}
	for want, items := range map[string][]dynamodb.TransactWriteItem{
		"Transaction request cannot include multiple operations on one item":                                                              {{Delete: &dynamodb.Delete{TableName: tab, Key: k("a")}}, {ConditionCheck: &dynamodb.ConditionCheck{TableName: tab, Key: k("a"), ConditionExpression: str("attribute_exists(p)")}}},
		"One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: p": {{Delete: &dynamodb.Delete{TableName: tab, Key: k("")}}},
		"Invalid ConditionExpression: Syntax error; token: \"<EOF>\", near: \"p\"":                                                        {{Delete: &dynamodb.Delete{TableName: tab, Key: k("a"), ConditionExpression: str("p")}}},
	} {
		_, err := do(w, w.root, dynamodb.TransactWriteItems, dynamodb.TransactWriteItemsInput{TransactItems: items})
		w.refused(err, "ValidationException", want)
	}
	_, err = do(w, w.root, dynamodb.TransactWriteItems, dynamodb.TransactWriteItemsInput{TransactItems: []dynamodb.TransactWriteItem{
		{Delete: &dynamodb.Delete{TableName: tab, Key: doc(`{'x': {'S': 'a'}}`)}}, {Put: &dynamodb.Put{TableName: tab, Item: doc(`{'p': {'N': '5'}}`)}}, {Delete: &dynamodb.Delete{TableName: tab, Key: k("a")}},
	}})
	w.refused(err, "TransactionCanceledException", "Transaction cancelled, please refer cancellation reasons for specific reasons [ValidationError, None, None]")
	if c, ok := err.(*dynamodb.TransactionCanceledException); !ok || c.CancellationReasons[0].Message.V != "The provided key element does not match the schema" || c.CancellationReasons[1].Message.Set {
		t.Errorf("reasons %+v", err)
	}
	got := must(w, dynamodb.TransactGetItems, dynamodb.TransactGetItemsInput{TransactItems: []dynamodb.TransactGetItem{
		{Get: &dynamodb.Get{TableName: tab, Key: k("b"), ProjectionExpression: str("n")}}, {Get: &dynamodb.Get{TableName: tab, Key: k("none")}},
	}})
	if len(got.Responses) != 2 || show(got.Responses[0].Item) != `{'n':{'N':'1'}}` || got.Responses[1].Item != nil {
		t.Errorf("got %+v", got.Responses)
	}
	w.now = w.now.Add(11 * time.Minute)
	if err := w.s.Work(context.Background()); err != nil {
		t.Fatal(err)
	}
	for _, row := range w.rows() {
		if strings.Contains(row, "tables.token") || strings.Contains(row, "tables.spent") {
			t.Errorf("token not forgotten: %s", row)
		}
	}
}

func TestConsumedCapacity(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "p:S", "byG g:S KEYS_ONLY")
	in := putInput("tab", doc(`{'p': {'S': 'a'}, 'g': {'S': 'g'}, 'x': {'S': '`+strings.Repeat("x", 3000)+`'}}`))
	in.ReturnConsumedCapacity = str("INDEXES")
	c := must(w, dynamodb.PutItem, in).ConsumedCapacity
	if c.CapacityUnits.V != 4 || c.Table.CapacityUnits.V != 3 || c.GlobalSecondaryIndexes["byG"].CapacityUnits.V != 1 {
		t.Errorf("put consumed %+v", c)
	}
	get := dynamodb.GetItemInput{TableName: str("tab"), Key: doc(`{'p': {'S': 'a'}}`), ReturnConsumedCapacity: str("TOTAL")}
	if c := must(w, dynamodb.GetItem, get).ConsumedCapacity; c.CapacityUnits.V != 0.5 || c.TableName.V != "tab" {
		t.Errorf("get consumed %+v", c)
	}
	get.ConsistentRead = wire.Some(true)
	if c := must(w, dynamodb.GetItem, get).ConsumedCapacity; c.CapacityUnits.V != 1 {
		t.Errorf("consistent get consumed %+v", c)
	}
}

func TestATableMadeAnewIsNotTheOneDecidedFor(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "p:S")
	c := &wire.Call{Context: context.Background(), Account: account, Region: region, Now: w.now, Principal: w.root}
	in := putInput("tab", doc(`{'p': {'S': 'a'}, 'q': {'S': 'b'}}`))
	if _, err := w.s.accessPutItem(c, &in); err != nil {
		t.Fatal(err)
	}
	must(w, dynamodb.DeleteTable, dynamodb.DeleteTableInput{TableName: str("tab")})
	w.table("tab", "q:S")
	_, err := w.s.putItem(c, &in)
	w.refused(err, "ResourceNotFoundException", "Requested resource not found")
	if _, err := w.s.putItem(&wire.Call{Context: context.Background(), Account: account, Region: region}, &in); err == nil {
		t.Error("a handler ran without its access function")
	}
}
