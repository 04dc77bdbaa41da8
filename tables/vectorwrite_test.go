package tables

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"bothy/api/dynamodb"
	"bothy/kv"
	"bothy/kv/pebblekv"
	"bothy/wire"
	"bothy/wire/item"
)

// TestWritesOfWrongVectors tries each through every kind of write.
func TestWritesOfWrongVectors(t *testing.T) {
	w := newWorld(t)
	w.vectorTable("tab", "p:S", "vix v:3 COSINE ALL", "schema w:2 COSINE ALL HASH=tenant:S FILTER=brand:S FILTER=n:N")
	const twice, once = "One or more parameter values are not valid. One or more parameter values were invalid . ", "One or more parameter values were invalid. "
	for _, c := range []struct{ name, value, want string }{
		{"v", `{'L': [{'N': '1'}, {'N': '2'}]}`, twice + "Invalid size for parameter v, Expected: 3, Actual: 2. IndexName: vix"},
		{"v", `{'L': [{'N': '1'}, {'N': '2'}, {'N': '3'}, {'N': '4'}]}`, twice + "Invalid size for parameter v, Expected: 3, Actual: 4. IndexName: vix"},
		{"v", `{'L': []}`, twice + "Invalid size for parameter v, Expected: 3, Actual: 0. IndexName: vix"},
		{"v", `{'S': 'text'}`, twice + "Invalid type for parameter v, Expected: L, Actual: S. IndexName: vix"},
		{"v", `{'N': '5'}`, twice + "Invalid type for parameter v, Expected: L, Actual: N. IndexName: vix"},
		{"v", `{'NS': ['1', '2', '3']}`, twice + "Invalid type for parameter v, Expected: L, Actual: NS. IndexName: vix"},
		{"v", `{'B': 'AAAAAAAAAAAAAAAA'}`, twice + "Invalid type for parameter v, Expected: L, Actual: B. IndexName: vix"},
		{"v", `{'L': [{'N': '1'}, {'S': 'x'}, {'N': '3'}]}`, once + "Invalid type for parameter v[1], Expected: 32-bit floating point number, Actual: S. IndexName: vix"},
		{"v", `{'L': [{'N': '1'}, {'N': '3.5E38'}, {'N': '3'}]}`, twice + "Invalid value for parameter v[1], Value: 3.5E+38 is outside valid range [-3.4028235E38, 3.4028235E38]. IndexName: vix"},
		{"tenant", `{'N': '1'}`, once + "Attribute 'tenant' type mismatch. Expected: S, Actual: N. IndexName: schema"},
		{"brand", `{'BOOL': true}`, once + "Attribute 'brand' type mismatch. Expected: S, Actual: BOOL. IndexName: schema"},
		{"n", `{'S': '1'}`, once + "Attribute 'n' type mismatch. Expected: N, Actual: S. IndexName: schema"},
		{"tenant", `{'S': ''}`, "One or more parameter values are not valid. A value specified for a secondary index key is not supported. The AttributeValue for a key attribute cannot contain an empty string value. IndexName: schema, IndexKey: tenant"},
		{"tenant", `{'S': '` + strings.Repeat("x", 2049) + `'}`, invalid + "Aggregate size for HASH key attributes exceeds the maximum of 2048 bytes"},
		{"brand", `{'S': '` + strings.Repeat("x", 10241) + `'}`, invalid + "Size limit exceeded for SearchSchema attribute 'brand': maximum 10240 bytes"},
	} {
		it := doc(`{'p': {'S': 'a'}, '` + c.name + `': ` + c.value + `}`)
		w.refused(fails(do(w, w.root, putItem, putInput("tab", it))), "ValidationException", c.want)
		up := dynamodb.UpdateItemInput{TableName: str("tab"), Key: it[:1], UpdateExpression: str("SET #a = :v"), ExpressionAttributeNames: map[string]string{"#a": c.name}, ExpressionAttributeValues: item.Item{{Name: ":v", Value: it[1].Value}}}
		w.refused(fails(do(w, w.root, dynamodb.UpdateItem, up)), "ValidationException", c.want)
		batch := dynamodb.BatchWriteItemInput{RequestItems: map[string][]dynamodb.WriteRequest{"tab": {{PutRequest: &dynamodb.PutRequest{Item: doc(`{'p': {'S': 'good'}}`)}}, {PutRequest: &dynamodb.PutRequest{Item: it}}}}}
		w.refused(fails(do(w, w.root, dynamodb.BatchWriteItem, batch)), "ValidationException", c.want)
		transact := dynamodb.TransactWriteItemsInput{TransactItems: []dynamodb.TransactWriteItem{{Put: &dynamodb.Put{TableName: str("tab"), Item: it}}}}
		err := fails(do(w, w.root, dynamodb.TransactWriteItems, transact))
		if cancelled, ok := err.(*dynamodb.TransactionCanceledException); ok {
			if r := cancelled.CancellationReasons[0]; r.Code.V != "ValidationError" || r.Message.V != c.want {
				t.Errorf("cancelled for %s: %s, want %s", r.Code.V, r.Message.V, c.want)
			}
		} else {
			w.refused(err, "ValidationException", "One or more parameter values are not valid. A value specified for a secondary index key is not supported. The AttributeValue for a key attribute cannot contain an empty string value. IndexName: schema, IndexKey: tenant")
		}
		w.refused(fails(do(w, w.root, dynamodb.ExecuteStatement, dynamodb.ExecuteStatementInput{Statement: str(`INSERT INTO "tab" VALUE {'p': 'a', '` + c.name + `': ?}`), Parameters: []item.Value{it[1].Value}})), "ValidationException", c.want)
	}
	if got := w.content("tab"); len(got) > 0 {
		t.Errorf("left: %s", got)
	}
	// What was there before the index does not fit, and does not matter until it is written.
	w.table("old", "p:S")
	w.put("old", `{'p': {'S': 'bad'}, 'v': {'S': 'no vector'}, 'w': {'L': [{'N': '1'}, {'N': '1'}]}, 'tenant': {'N': '1'}}`)
	w.put("old", `{'p': {'S': 'good'}, 'v': {'L': [{'N': '1'}]}}`)
	if _, err := w.addVector("old", "vix v:1 EUCLIDEAN ALL"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.addVector("old", "schema w:2 EUCLIDEAN ALL HASH=tenant:S"); err != nil {
		t.Fatal(err)
	}
	set := func(expression, values string) error {
		return fails(do(w, w.root, dynamodb.UpdateItem, dynamodb.UpdateItemInput{TableName: str("old"), Key: doc(`{'p': {'S': 'bad'}}`), UpdateExpression: str(expression), ExpressionAttributeValues: doc(values)}))
	}
	if err := set("SET x = :x", `{':x': {'N': '1'}}`); err != nil {
		t.Error(err)
	}
	if got := w.near(searchFor("old", "vix", 9, 1)); got != "good:0" {
		t.Errorf("found %s", got)
	}
	if err := set("SET v = :v, tenant = :t", `{':v': {'L': [{'N': '3'}]}, ':t': {'S': 'a'}}`); err != nil {
		t.Error(err)
	}
	w.refused(set("SET v[1] = :v", `{':v': {'N': '3'}}`), "ValidationException", twice+"Invalid size for parameter v, Expected: 1, Actual: 2. IndexName: vix")
	if got := w.near(searchFor("old", "vix", 9, 1)); got != "good:0 bad:2" {
		t.Errorf("found %s", got)
	}
	w.whole()
}

// vectorItem is an item of the tables below.
func vectorItem(p string, n int) item.Item {
	return doc(fmt.Sprintf(`{'p': {'S': '%s'}, 'v': {'L': [{'N': '%d'}]}, 't': {'S': 't%d'}}`, p, n, n%2))
}

func TestExpiredItemsLeaveVectorIndexes(t *testing.T) {
	w := newWorld(t)
	w.vectorTable("tab", "p:S", "vix v:1 EUCLIDEAN ALL HASH=t:S")
	must(w, dynamodb.UpdateTimeToLive, dynamodb.UpdateTimeToLiveInput{TableName: str("tab"), TimeToLiveSpecification: &dynamodb.TimeToLiveSpecification{Enabled: wire.Some(true), AttributeName: str("ttl")}})
	must(w, putItem, putInput("tab", append(vectorItem("stays", 1), item.Attribute{Name: "ttl", Value: item.Number(fmt.Sprint(w.now.Add(time.Hour).Unix()))})))
	must(w, putItem, putInput("tab", append(vectorItem("goes", 1), item.Attribute{Name: "ttl", Value: item.Number(fmt.Sprint(w.now.Add(-time.Hour).Unix()))})))
	if err := w.s.Expire(t.Context()); err != nil {
		t.Fatal(err)
	}
	in := searchFor("tab", "vix", 9, 1)
	in.SearchConditionExpression, in.ExpressionAttributeValues = str("t = :t"), doc(`{':t': {'S': 't1'}}`)
	if got := w.near(in); got != "stays:0" {
		t.Errorf("found %s", got)
	}
	w.whole()
}

// TestVectorIndexesOfCopies restores, imports and exports.
func TestVectorIndexesOfCopies(t *testing.T) {
	w := newWorld(t)
	w.vectorTable("tab", "p:S", "vix v:1 EUCLIDEAN ALL", "parts v:1 EUCLIDEAN KEYS_ONLY HASH=t:S")
	w.recover("tab", true)
	for i := range 5 {
		must(w, putItem, putInput("tab", vectorItem(fmt.Sprint(i), i)))
	}
	b := must(w, dynamodb.CreateBackup, dynamodb.CreateBackupInput{TableName: str("tab"), BackupName: str("first")}).BackupDetails
	at := w.now
	w.jobs()
	w.now = w.now.Add(time.Second)
	must(w, putItem, putInput("tab", vectorItem("0", 7)))
	d := must(w, dynamodb.DescribeBackup, dynamodb.DescribeBackupInput{BackupArn: b.BackupArn}).BackupDescription
	if v := d.SourceTableFeatureDetails.VectorIndexes; len(v) != 2 || v[1].IndexName.V != "parts" || v[1].SearchSchema[0].AttributeName.V != "t" || v[1].Dimensions.V != 1 {
		t.Errorf("the backup has %+v", v)
	}
	from := func(name string, vectors []dynamodb.VectorIndex) error {
		return fails(do(w, w.root, dynamodb.RestoreTableFromBackup, dynamodb.RestoreTableFromBackupInput{TargetTableName: str(name), BackupArn: b.BackupArn, VectorIndexOverride: vectors}))
	}
	one, _ := vix("parts v:1 EUCLIDEAN KEYS_ONLY HASH=t:S")
	other, _ := vix("parts v:1 COSINE KEYS_ONLY HASH=t:S")
	missing, _ := vix("none v:1 COSINE KEYS_ONLY")
	for _, bad := range []dynamodb.VectorIndex{other, missing} {
		w.refused(from("bad", []dynamodb.VectorIndex{bad}), "ValidationException", invalid+"Indexes must match those of the source: Index: "+bad.IndexName.V)
	}
	w.refused(fails(do(w, w.root, dynamodb.RestoreTableFromBackup, dynamodb.RestoreTableFromBackupInput{TargetTableName: str("bad"), BackupArn: b.BackupArn, BillingModeOverride: str("PROVISIONED"),
		ProvisionedThroughputOverride: &dynamodb.ProvisionedThroughput{ReadCapacityUnits: wire.Some(int64(1)), WriteCapacityUnits: wire.Some(int64(1))}})), "ValidationException", invalid+"Vector indexes are only supported for PAY_PER_REQUEST tables")
	for name, vectors := range map[string][]dynamodb.VectorIndex{"all": nil, "none": {}, "one": {one}} {
		if err := from(name, vectors); err != nil {
			t.Fatal(err)
		}
	}
	must(w, dynamodb.RestoreTableToPointInTime, dynamodb.RestoreTableToPointInTimeInput{SourceTableName: str("tab"), TargetTableName: str("point"), RestoreDateTime: wire.Some(at)})
	w.jobs()
	parts := func(table string) dynamodb.SearchVectorsInput {
		in := searchFor(table, "parts", 9, 1)
		in.SearchConditionExpression, in.ExpressionAttributeValues = str("t = :t"), doc(`{':t': {'S': 't1'}}`)
		return in
	}
	const all, odd = "1:0 0:1 2:1 3:2 4:3", "1:0 3:2"
	for _, table := range []string{"all", "point"} {
		if got := w.near(searchFor(table, "vix", 9, 1)); got != all && got != "1:0 2:1 0:1 3:2 4:3" {
			t.Errorf("%s: found %s", table, got)
		}
		if got := w.near(parts(table)); got != odd {
			t.Errorf("%s: found %s", table, got)
		}
	}
	if got := w.near(parts("one")); got != odd {
		t.Errorf("one: found %s", got)
	}
	w.refused(fails(do(w, w.root, dynamodb.SearchVectors, searchFor("one", "vix", 9, 1))), "ValidationException", "The table does not have the specified index: vix")
	if d := must(w, dynamodb.DescribeTable, dynamodb.DescribeTableInput{TableName: str("none")}).Table; d.VectorIndexes != nil || len(d.AttributeDefinitions) != 1 {
		t.Errorf("restored without: %+v", d)
	}
	w.bucket["in/items.json"] = []byte("{\"Item\":{\"a\":{\"S\":\"x\"},\"v\":{\"L\":[{\"N\":\"3\"}]}}}\n{\"Item\":{\"a\":{\"S\":\"wrong\"},\"v\":{\"L\":[]}}}\n")
	p := importedTable("imported")
	plain, _ := vix("vix v:1 DOT_PRODUCT KEYS_ONLY")
	p.VectorIndexes = []dynamodb.VectorIndex{plain}
	imp := must(w, dynamodb.ImportTable, dynamodb.ImportTableInput{InputFormat: str("DYNAMODB_JSON"), S3BucketSource: &dynamodb.S3BucketSource{S3Bucket: str("bucket"), S3KeyPrefix: str("in/")}, TableCreationParameters: p}).ImportTableDescription
	w.jobs()
	imp = must(w, dynamodb.DescribeImport, dynamodb.DescribeImportInput{ImportArn: imp.ImportArn}).ImportTableDescription
	if imp.ImportedItemCount.V != 1 || imp.ErrorCount.V != 1 || len(imp.TableCreationParameters.VectorIndexes) != 1 {
		t.Errorf("%+v", imp)
	}
	if got := must(w, dynamodb.SearchVectors, searchFor("imported", "vix", 9, 2)).SearchResults; len(got) != 1 || got[0].Score.V != 6 || show(got[0].Item) != `{'a':{'S':'x'}}` {
		t.Errorf("imported: found %v", got)
	}
	w.whole()
}

// TestVectorIndexesSurviveARestart, on disk.
func TestVectorIndexesSurviveARestart(t *testing.T) {
	dir := t.TempDir()
	open := func() (*world, *kv.DB) {
		engine, err := pebblekv.Open(dir, pebblekv.Options{})
		if err != nil {
			t.Fatal(err)
		}
		db := kv.New(engine)
		return worldOn(t, db), db
	}
	w, db := open()
	w.vectorTable("tab", "p:S", "vix v:1 EUCLIDEAN ALL")
	for i := range 3 {
		must(w, putItem, putInput("tab", vectorItem(fmt.Sprint(i), i)))
	}
	w.half("tab", func(t *table) { // a second index was begun
		vx := t.Vectors[0]
		vx.ID, vx.Name, vx.Status, t.NextIndex = t.NextIndex, "begun", statusCreating, t.NextIndex+1
		t.Vectors = append(t.Vectors, vx)
	})
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	w, db = open()
	defer db.Close() //nolint:errcheck // of a test
	must(w, putItem, putInput("tab", vectorItem("3", 3)))
	if err := w.s.Work(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, index := range []string{"vix", "begun"} {
		if got := w.near(searchFor("tab", index, 9, 0)); got != "0:0 1:1 2:2 3:3" {
			t.Errorf("%s: found %s", index, got)
		}
	}
	w.whole()
}

// TestAVectorIndexMadeUnderWritesIsWhole fills an index while items come, change and go.
func TestAVectorIndexMadeUnderWritesIsWhole(t *testing.T) {
	w := pebbleWorld(t)
	w.table("tab", "p:S")
	const items = 1500
	for i := range items / 2 {
		must(w, putItem, putInput("tab", vectorItem(fmt.Sprint(i), i)))
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for r := rand.New(rand.NewPCG(uint64(worker), 1)); ; {
				select {
				case <-stop:
					return
				default:
				}
				it, err := vectorItem(fmt.Sprint(r.IntN(items)), r.IntN(1000)), error(nil)
				if r.IntN(3) == 0 {
					_, err = do(w, w.root, dynamodb.DeleteItem, dynamodb.DeleteItemInput{TableName: str("tab"), Key: it[:1]})
				} else {
					_, err = do(w, w.root, putItem, putInput("tab", it))
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for _, spec := range []string{"vix v:1 EUCLIDEAN ALL", "parts v:1 EUCLIDEAN ALL HASH=t:S"} {
		if _, err := w.addVector("tab", spec); err != nil {
			t.Error(err)
		}
		if _, err := do(w, w.root, dynamodb.SearchVectors, searchFor("tab", "vix", 100, 0)); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	wg.Wait()
	w.whole()
	if d := must(w, dynamodb.DescribeTable, dynamodb.DescribeTableInput{TableName: str("tab")}).Table; d.VectorIndexes[0].ItemCount != d.ItemCount || d.VectorIndexes[1].ItemCount != d.ItemCount {
		t.Errorf("of %d items the indexes show %d and %d", d.ItemCount.V, d.VectorIndexes[0].ItemCount.V, d.VectorIndexes[1].ItemCount.V)
	}
}

// TestTransactionsOfLargeVectors: what does not fit in one transaction is refused, not a failure of ours.
func TestTransactionsOfLargeVectors(t *testing.T) {
	w := newWorld(t)
	var indexes []string
	for i := range maxVectorIndexes {
		indexes = append(indexes, fmt.Sprintf("v-%d v:4096 COSINE KEYS_ONLY", i))
	}
	w.vectorTable("tab", "p:S", indexes...)
	must(w, dynamodb.UpdateTable, dynamodb.UpdateTableInput{TableName: str("tab"), StreamSpecification: &dynamodb.StreamSpecification{StreamEnabled: wire.Some(true), StreamViewType: str("NEW_AND_OLD_IMAGES")}})
	vector := item.List(vectorOf(make([]float64, 4096)...)...)
	ones := make([]float64, 4096)
	for i := range ones {
		ones[i] = 1
	}
	other := item.List(vectorOf(ones...)...)
	var writes []dynamodb.TransactWriteItem
	for i := range 100 {
		writes = append(writes, dynamodb.TransactWriteItem{Put: &dynamodb.Put{TableName: str("tab"), Item: item.Item{{Name: "p", Value: item.Text(fmt.Sprint(i))}, {Name: "v", Value: vector}, {Name: "x", Value: item.Text(strings.Repeat("x", 28000))}}}})
	}
	transact := func(n int) error {
		return fails(do(w, w.root, dynamodb.TransactWriteItems, dynamodb.TransactWriteItemsInput{TransactItems: writes[:n]}))
	}
	if err := transact(100); err != nil {
		t.Error(err)
	}
	for i := range writes { // now with what was there in the stream, too
		writes[i].Put.Item = item.Item{writes[i].Put.Item[0], {Name: "v", Value: other}, writes[i].Put.Item[2]}
	}
	w.refused(transact(100), "ValidationException", "Aggregated size of the items in the transaction has exceeded the maximum allowed size of 4 MB")
	if err := transact(50); err != nil {
		t.Error(err)
	}
	var batch []dynamodb.WriteRequest
	for _, a := range writes[:25] {
		batch = append(batch, dynamodb.WriteRequest{PutRequest: &dynamodb.PutRequest{Item: append(a.Put.Item[:2:2], item.Attribute{Name: "x", Value: item.Text(strings.Repeat("x", 380<<10))})}})
	}
	if _, err := do(w, w.root, dynamodb.BatchWriteItem, dynamodb.BatchWriteItemInput{RequestItems: map[string][]dynamodb.WriteRequest{"tab": batch}}); err != nil {
		t.Error(err)
	}
	w.whole()
}

// TestVectorsAreForgottenWithTheirTable, and a table of an older version has none.
func TestVectorsAreForgottenWithTheirTable(t *testing.T) {
	w := newWorld(t)
	w.vectorTable("tab", "p:S", "vix v:1 EUCLIDEAN ALL")
	must(w, putItem, putInput("tab", vectorItem("a", 1)))
	must(w, dynamodb.DeleteTable, dynamodb.DeleteTableInput{TableName: str("tab")})
	w.empty("tables.vector", "tables.item", "tables.table", "tables.chore")
}
