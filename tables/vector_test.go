package tables

import (
	"fmt"
	"strings"
	"testing"

	"bothy/api/dynamodb"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
	"bothy/wire/item"
)

// vix is a vector index from "name attribute:DIMENSIONS DISTANCE PROJECTION [HASH=name:T] [FILTER=name:T …]", and the definitions it needs.
func vix(spec string) (v dynamodb.VectorIndex, defs []dynamodb.AttributeDefinition) {
	f := strings.Fields(spec)
	name, dims, _ := strings.Cut(f[1], ":")
	var n int64
	fmt.Sscan(dims, &n) //nolint:errcheck // of tests
	kind, include, _ := strings.Cut(f[3], ":")
	p := &dynamodb.Projection{ProjectionType: str(kind)}
	if include != "" {
		p.NonKeyAttributes = strings.Split(include, ",")
	}
	v = dynamodb.VectorIndex{IndexName: str(f[0]), VectorAttribute: &dynamodb.VectorAttributeDefinition{AttributeName: str(name)}, Dimensions: wire.Some(n), DistanceFunction: str(f[2]), Projection: p}
	for _, e := range f[4:] {
		role, a, _ := strings.Cut(e, "=")
		name, kind, _ := strings.Cut(a, ":")
		if role == "FILTER" {
			role = "INLINE_FILTER"
		}
		v.SearchSchema = append(v.SearchSchema, dynamodb.SearchSchemaElement{AttributeName: str(name), SearchSchemaElementType: str(role)})
		defs = append(defs, dynamodb.AttributeDefinition{AttributeName: str(name), AttributeType: str(kind)})
	}
	return v, defs
}

// vectorInput is a table with vector indexes.
func vectorInput(name, keys string, indexes ...string) dynamodb.CreateTableInput {
	in := dynamodb.CreateTableInput{TableName: str(name), BillingMode: str("PAY_PER_REQUEST")}
	in.KeySchema = schemaOf(&in, keys)
	for _, spec := range indexes {
		v, defs := vix(spec)
		in.VectorIndexes = append(in.VectorIndexes, v)
		for _, d := range defs {
			schemaOf(&in, d.AttributeName.V+":"+d.AttributeType.V)
		}
	}
	return in
}

func (w *world) vectorTable(name, keys string, indexes ...string) {
	w.t.Helper()
	must(w, dynamodb.CreateTable, vectorInput(name, keys, indexes...))
}

// addVector makes a vector index of a table that is there.
func (w *world) addVector(table, spec string) (*dynamodb.UpdateTableOutput, error) {
	v, defs := vix(spec)
	create := dynamodb.CreateVectorIndexAction(v)
	return do(w, w.root, dynamodb.UpdateTable, dynamodb.UpdateTableInput{TableName: str(table), AttributeDefinitions: defs, VectorIndexUpdates: []dynamodb.VectorIndexUpdate{{Create: &create}}})
}

func (w *world) dropVector(table, name string) error {
	return fails(do(w, w.root, dynamodb.UpdateTable, dynamodb.UpdateTableInput{TableName: str(table), VectorIndexUpdates: []dynamodb.VectorIndexUpdate{{Delete: &dynamodb.DeleteVectorIndexAction{IndexName: str(name)}}}}))
}

// vectorOf is a search vector.
func vectorOf(numbers ...float64) (v []item.Value) {
	for _, n := range numbers {
		v = append(v, item.Number(fmt.Sprint(n)))
	}
	return v
}

// near searches, and tells what was found as "p:score …".
func (w *world) near(in dynamodb.SearchVectorsInput) string {
	w.t.Helper()
	var b strings.Builder
	for _, r := range must(w, dynamodb.SearchVectors, in).SearchResults {
		fmt.Fprintf(&b, "%s:%.4g ", r.Item.Get("p").Str, r.Score.V)
	}
	return strings.TrimSpace(b.String())
}

// whole checks that the store holds exactly the entries that its items owe.
func (w *world) whole() {
	w.t.Helper()
	var of Inspection
	learn, rules := of.Learners(), of.Inspectors()
	for name, r := range record.OwnInspectors() {
		rules[name] = r
	}
	census := &record.Census{Rules: rules, Fault: func(k kv.Key, text string) { w.t.Errorf("%s: %s", record.Text(k), text) }}
	pairs := func(fn func(k kv.Key, v []byte) error) {
		if err := w.s.db.Dump(w.t.Context(), fn); err != nil {
			w.t.Fatal(err)
		}
	}
	pairs(func(k kv.Key, v []byte) error {
		record.Named(learn, k, v) //nolint:errcheck // what is wrong shows in the census
		return nil
	})
	look := func(k kv.Key, v []byte) error {
		census.Pair(k, v)
		return nil
	}
	if pairs(look); census.Again() {
		pairs(look)
		census.Left()
	}
}

func searchFor(table, index string, k int32, numbers ...float64) dynamodb.SearchVectorsInput {
	return dynamodb.SearchVectorsInput{TableName: str(table), IndexName: str(index), TopK: wire.Some(k), SearchVector: vectorOf(numbers...)}
}

func TestVectorIndexRefusals(t *testing.T) {
	w := newWorld(t)
	const ok = "vix v:3 COSINE KEYS_ONLY"
	filters := ""
	for i := range maxInlineFilters + 1 {
		filters += fmt.Sprintf(" FILTER=f%d:S", i)
	}
	for _, c := range []struct {
		indexes []string
		change  func(*dynamodb.CreateTableInput)
		want    string
	}{
		{[]string{ok}, func(in *dynamodb.CreateTableInput) {
			in.BillingMode, in.ProvisionedThroughput = wire.Opt[string]{}, &dynamodb.ProvisionedThroughput{ReadCapacityUnits: wire.Some(int64(5)), WriteCapacityUnits: wire.Some(int64(5))}
		}, invalid + "Vector indexes are only supported for PAY_PER_REQUEST tables"},
		{[]string{ok + " HASH=tenant:S"}, func(in *dynamodb.CreateTableInput) { in.AttributeDefinitions = in.AttributeDefinitions[:1] }, invalid + "One element in SearchSchema is not defined in attribute definitions"},
		{[]string{"vix v:4097 COSINE KEYS_ONLY"}, nil, invalid + "Number of dimensions must be between 1 and 4096 inclusive."},
		{[]string{"vix v:0 COSINE KEYS_ONLY"}, nil, "1 validation error detected: Value '0' at 'vectorIndexes.1.member.dimensions' failed to satisfy constraint: Member must have value greater than or equal to 1"},
		{[]string{"vix v:3 cosine KEYS_ONLY"}, nil, "1 validation error detected: Value 'cosine' at 'vectorIndexes.1.member.distanceFunction' failed to satisfy constraint: Member must satisfy enum value set: [COSINE, DOT_PRODUCT, EUCLIDEAN]"},
		{[]string{"v-1 v:3 COSINE ALL", "v-2 v:3 COSINE ALL", "v-3 v:3 COSINE ALL", "v-4 v:3 COSINE ALL", "v-5 v:3 COSINE ALL", "v-6 v:3 COSINE ALL"}, nil, invalid + "VectorIndex count exceeds the per-table limit of 5"},
		{[]string{ok, "vix2 v:4 COSINE ALL"}, nil, invalid + "Conflicting attribute definition for 'v'. All VectorIndexes on the same vector attribute must use the same dimensions."},
		{[]string{"vix p:3 COSINE ALL"}, nil, invalid + "Conflicting attribute definition for 'p'. An attribute cannot be defined in AttributeDefinitions when used as a VectorAttribute."},
		{[]string{ok, ok}, nil, invalid + "Duplicate index name: vix"},
		{[]string{"vix v:3 COSINE INCLUDE"}, nil, invalid + "ProjectionType is INCLUDE, but NonKeyAttributes is not specified"},
		{[]string{"vix v:3 COSINE ALL:x"}, nil, invalid + "ProjectionType is ALL, but NonKeyAttributes is specified"},
		{[]string{"vix v:3 COSINE INCLUDE:1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20"}, nil, invalid + "Number of projected attributes exceeds the limit of 20 for vector index: vix"},
		{[]string{ok + " HASH=a:S HASH=b:S"}, nil, invalid + "SearchSchema must not have more than one HASH element"},
		{[]string{ok + " HASH=a:S FILTER=a:S"}, nil, invalid + "Duplicate attribute in SearchSchema: a"},
		{[]string{ok + filters}, nil, invalid + "Number of INLINE_FILTER elements in SearchSchema exceeds the limit of 18"},
		{[]string{ok}, func(in *dynamodb.CreateTableInput) { schemaOf(in, "unused:S") }, invalid + "Some AttributeDefinitions are not used. AttributeDefinitions: [p, unused], keys used: [p]"},
		{[]string{ok}, func(in *dynamodb.CreateTableInput) {
			in.GlobalSecondaryIndexes = []dynamodb.GlobalSecondaryIndex{{IndexName: str("vix"), KeySchema: schemaOf(in, "p:S"), Projection: &dynamodb.Projection{ProjectionType: str("ALL")}}}
		}, invalid + "Duplicate index name: vix"},
	} {
		in := vectorInput("tab", "p:S", c.indexes...)
		if c.change != nil {
			c.change(&in)
		}
		w.refused(fails(do(w, w.root, dynamodb.CreateTable, in)), "ValidationException", c.want)
	}
	w.vectorTable("tab", "p:S", "vix v:4096 EUCLIDEAN INCLUDE:1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19"+filters[:len(filters)-len(" FILTER=f18:S")])
}

func TestVectorIndexesAreAddedAndRemoved(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "p:S c:S", "gsi x:S y:S ALL", "-lsi p:S z:S ALL")
	for i := range 2500 { // more than one transaction's worth
		w.put("tab", fmt.Sprintf(`{'p': {'S': 'p'}, 'c': {'S': '%d'}, 'v': {'L': [{'N': '%d'}, {'N': '1'}]}, 't': {'S': 'a'}}`, i, i))
	}
	w.put("tab", `{'p': {'S': 'q'}, 'c': {'S': '1'}, 'v': {'S': 'no vector'}}`)
	out, err := w.addVector("tab", "vix v:2 EUCLIDEAN ALL HASH=t:S")
	if err != nil {
		t.Fatal(err)
	}
	if d := out.TableDescription; d.TableStatus.V != statusUpdating || len(d.VectorIndexes) != 1 || d.VectorIndexes[0].IndexStatus.V != statusCreating || !d.VectorIndexes[0].Backfilling.V {
		t.Errorf("answered %+v", d.VectorIndexes)
	}
	d := must(w, dynamodb.DescribeTable, dynamodb.DescribeTableInput{TableName: str("tab")}).Table
	v := d.VectorIndexes[0]
	if v.IndexStatus.V != statusActive || v.Backfilling.Set || v.ItemCount.V != 2500 || v.IndexSizeBytes.V == 0 || v.Dimensions.V != 2 || v.DistanceFunction.V != "EUCLIDEAN" ||
		v.IndexArn.V != "arn:aws:dynamodb:eu-west-1:"+account+":table/tab/index/vix" || v.SearchSchema[0].SearchSchemaElementType.V != "HASH" || len(d.AttributeDefinitions) != 6 {
		t.Errorf("described as %+v", v)
	}
	for _, c := range []struct{ spec, code, want string }{
		{"vix w:2 COSINE ALL", "ValidationException", "Attempting to create an index which already exists"},
		{"gsi w:2 COSINE ALL", "ValidationException", "Attempting to create an index which already exists"},
		{"lsi w:2 COSINE ALL", "ValidationException", "Attempting to create an index which already exists"},
		{"new v:3 COSINE ALL", "ValidationException", invalid + "Attributes cannot be redefined. Please check that your attribute has the same type as previously defined. Existing schema: VectorIndexSchema:[VectorAttribute: key{v:L:2}] New schema: VectorIndexSchema:[VectorAttribute: key{v:L:3}]"},
		{"new p:3 COSINE ALL", "ValidationException", invalid + "Attributes cannot be redefined. Please check that your attribute has the same type as previously defined. Existing schema: Schema:[SchemaElement: key{p:S:HASH}] New schema: VectorIndexSchema:[VectorAttribute: key{p:L:3}]"},
		{"new z:3 COSINE ALL", "ValidationException", invalid + "Attributes cannot be redefined. Please check that your attribute has the same type as previously defined. Existing schema: Schema:[SchemaElement: key{z:S:RANGE}] New schema: VectorIndexSchema:[VectorAttribute: key{z:L:3}]"},
	} {
		_, err := w.addVector("tab", c.spec)
		w.refused(err, c.code, c.want)
	}
	update := func(u ...dynamodb.VectorIndexUpdate) error {
		return fails(do(w, w.root, dynamodb.UpdateTable, dynamodb.UpdateTableInput{TableName: str("tab"), VectorIndexUpdates: u}))
	}
	drop := dynamodb.VectorIndexUpdate{Delete: &dynamodb.DeleteVectorIndexAction{IndexName: str("vix")}}
	w.refused(update(drop, drop), "LimitExceededException", "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table")
	w.refused(update(dynamodb.VectorIndexUpdate{}), "ValidationException", "")
	w.refused(update(), "ValidationException", "")
	w.refused(w.dropVector("tab", "none"), "ResourceNotFoundException", "")
	w.refused(w.dropVector("tab", "gsi"), "ResourceNotFoundException", "")
	five := &dynamodb.ProvisionedThroughput{ReadCapacityUnits: wire.Some(int64(5)), WriteCapacityUnits: wire.Some(int64(5))}
	w.refused(fails(do(w, w.root, dynamodb.UpdateTable, dynamodb.UpdateTableInput{TableName: str("tab"), BillingMode: str("PROVISIONED"), ProvisionedThroughput: five,
		GlobalSecondaryIndexUpdates: []dynamodb.GlobalSecondaryIndexUpdate{{Update: &dynamodb.UpdateGlobalSecondaryIndexAction{IndexName: str("gsi"), ProvisionedThroughput: five}}}})),
		"ValidationException", invalid+"Vector indexes are only supported for PAY_PER_REQUEST tables")
	gsi := func(name, attribute string) error {
		return fails(do(w, w.root, dynamodb.UpdateTable, dynamodb.UpdateTableInput{TableName: str("tab"), AttributeDefinitions: []dynamodb.AttributeDefinition{{AttributeName: str(attribute), AttributeType: str("S")}},
			GlobalSecondaryIndexUpdates: []dynamodb.GlobalSecondaryIndexUpdate{{Create: &dynamodb.CreateGlobalSecondaryIndexAction{IndexName: str(name), KeySchema: []dynamodb.KeySchemaElement{{AttributeName: str(attribute), KeyType: str("HASH")}}, Projection: &dynamodb.Projection{ProjectionType: str("ALL")}}}}}))
	}
	w.refused(gsi("vix", "x"), "ValidationException", "Attempting to create an index which already exists")
	w.refused(gsi("new", "v"), "ValidationException", invalid+"Conflicting attribute definition for 'v'. An attribute cannot be defined in AttributeDefinitions when used as a VectorAttribute.")
	w.whole()
	if err := w.dropVector("tab", "vix"); err != nil {
		t.Fatal(err)
	}
	d = must(w, dynamodb.DescribeTable, dynamodb.DescribeTableInput{TableName: str("tab")}).Table
	if d.VectorIndexes != nil || len(d.AttributeDefinitions) != 5 {
		t.Errorf("after it went: %+v %+v", d.VectorIndexes, d.AttributeDefinitions)
	}
	w.empty("tables.vector")
	w.refused(fails(do(w, w.root, dynamodb.SearchVectors, searchFor("tab", "vix", 1, 1, 1))), "ValidationException", "The table does not have the specified index: vix")
}

// TestVectorIndexesBeingMadeAreNotSearched: they are kept by writes all the while, and can be given up.
func TestVectorIndexesBeingMadeAreNotSearched(t *testing.T) {
	w := newWorld(t)
	w.vectorTable("tab", "p:S", "vix v:1 EUCLIDEAN ALL")
	w.put("tab", `{'p': {'S': 'a'}, 'v': {'L': [{'N': '1'}]}}`)
	w.half("tab", func(t *table) { t.Vectors[0].Status, t.Vectors[0].ID, t.NextIndex = statusCreating, 7, 8 })
	w.put("tab", `{'p': {'S': 'b'}, 'v': {'L': [{'N': '2'}]}}`)
	w.refused(fails(do(w, w.root, dynamodb.SearchVectors, searchFor("tab", "vix", 9, 1))), "ValidationException", "Cannot search backfilling vector index: vix")
	_, err := w.addVector("tab", "other v:1 COSINE ALL")
	w.refused(err, "LimitExceededException", "")
	_, err = w.addVector("tab", "vix v:1 COSINE ALL")
	w.refused(err, "ResourceInUseException", "Attempt to change a resource which is still in use: Index is being created.  Table: tab Index: vix")
	if err := w.s.Work(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := w.near(searchFor("tab", "vix", 9, 1)); got != "a:0 b:1" {
		t.Errorf("found %s", got)
	}
	w.half("tab", func(t *table) { t.Vectors[0].Status = statusCreating })
	given := w.definition("tab").clone()
	given.Vectors[0].ID = 9 // what somebody was filling, and is gone
	if err := w.s.fillVector(t.Context(), given, &given.Vectors[0]); err != nil || w.definition("tab").Vectors[0].ID != 7 || w.definition("tab").Vectors[0].Status != statusCreating {
		t.Errorf("filling an index that is gone: %v, %+v", err, w.definition("tab").Vectors)
	}
	if err := w.dropVector("tab", "vix"); err != nil {
		t.Error(err)
	}
	w.half("tab", func(t *table) { t.Status = statusDeleting })
	if err := w.s.Work(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.empty("tables.vector", "tables.item")
}

// half leaves a table as a crash might.
func (w *world) half(name string, change func(*table)) {
	w.t.Helper()
	if err := w.s.db.Update(w.t.Context(), func(tx *kv.Tx) error {
		have, err := w.s.load(tx, record.In(account, region), name)
		if err != nil {
			return err
		}
		now := have.clone()
		change(now)
		return now.save(tx)
	}); err != nil {
		w.t.Fatal(err)
	}
}
