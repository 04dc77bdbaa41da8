package tables

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bothy/api/dynamodb"
	"bothy/kv"
	"bothy/kv/memkv"
	"bothy/wire"
	"bothy/wire/item"
)

func TestScores(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct{ distance, want string }{
		{"COSINE", "small:0 big:1.25e-05 close:0.04217 across:1 zero:1 back:2"},
		{"EUCLIDEAN", "close:0.3 small:0.5 zero:1 big:1 across:1.414 back:4"},
		{"DOT_PRODUCT", "big:2 close:1 small:0.5 across:0 zero:0 back:-3"},
	} {
		w.vectorTable(c.distance, "p:S", "vix v:3 "+c.distance+" KEYS_ONLY")
		for p, v := range map[string]string{"small": "0.5 0 0", "big": "2 0.01 0", "close": "1 0.3 0", "across": "0 1 0", "back": "-3 0 0", "zero": "0 0 0"} {
			f := strings.Fields(v)
			w.put(c.distance, fmt.Sprintf(`{'p': {'S': '%s'}, 'v': {'L': [{'N': '%s'}, {'N': '%s'}, {'N': '%s'}]}}`, p, f[0], f[1], f[2]))
		}
		got := w.near(searchFor(c.distance, "vix", 100, 1, 0, 0))
		if got != c.want { // equals in the order of their rows
			t.Errorf("%s: %s, want %s", c.distance, got, c.want)
		}
		if first := strings.Fields(w.near(searchFor(c.distance, "vix", 2, 1, 0, 0))); len(first) != 2 || !strings.HasPrefix(got, first[0]) {
			t.Errorf("%s: the first two are %s", c.distance, first)
		}
	}
	// Products beyond 32 bits count as the largest there is.
	w.put("DOT_PRODUCT", `{'p': {'S': 'huge'}, 'v': {'L': [{'N': '1e38'}, {'N': '0'}, {'N': '0'}]}}`)
	in := searchFor("DOT_PRODUCT", "vix", 1, 1e38, 0, 0)
	if out := must(w, dynamodb.SearchVectors, in).SearchResults; out[0].Score.V != math.MaxFloat32 || out[0].Item.Get("p").Str != "huge" {
		t.Errorf("a huge product scores %v", out)
	}
	in = searchFor("EUCLIDEAN", "vix", 100, 1e38, 1e38, -1e38)
	if out := must(w, dynamodb.SearchVectors, in).SearchResults; out[0].Score.V > math.MaxFloat32 || math.Abs(out[0].Score.V/1e38-math.Sqrt(3)) > 1e-6 {
		t.Errorf("a huge distance is %v", out[0].Score.V)
	}
}

// model is an item as a naive search knows it.
type model struct {
	vector  []float32
	tenant  string // "" none
	brand   string // "" none
	present bool
}

// TestSearchesAreExact compares searches with naive ones, while items change in all ways there are.
func TestSearchesAreExact(t *testing.T) {
	for _, distance := range []string{"COSINE", "EUCLIDEAN", "DOT_PRODUCT"} {
		t.Run(distance, func(t *testing.T) {
			w := newWorld(t)
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			r := rand.New(rand.NewPCG(seed, 1))
			const dims, items = 7, 700 // of more than one turn
			w.vectorTable("tab", "p:S", fmt.Sprintf("all v:%d %s ALL FILTER=brand:S", dims, distance), fmt.Sprintf("parts v:%d %s KEYS_ONLY FILTER=brand:S HASH=tenant:S", dims, distance))
			all := map[string]model{}
			for range 3 * items {
				w.change(r, all, fmt.Sprint(r.IntN(items)), dims)
			}
			w.whole()
			for range 60 {
				w.compare(t, r, all, distance, dims)
			}
		})
	}
}

func randomVector(r *rand.Rand, dims int) (v []float32) {
	for range dims {
		v = append(v, float32(r.NormFloat64()*math.Pow(10, float64(r.IntN(3)))))
	}
	return v
}

func vectorValue(v []float32) item.Value {
	l := make([]item.Value, len(v))
	for i, f := range v {
		l[i] = item.Number(fmt.Sprintf("%.12e", f)) // more digits than 32 bits have
	}
	return item.List(l...)
}

// change does something to an item.
func (w *world) change(r *rand.Rand, all map[string]model, p string, dims int) {
	w.t.Helper()
	m := model{vector: randomVector(r, dims), tenant: []string{"", "a", "b"}[r.IntN(3)], brand: []string{"", "x", "y"}[r.IntN(3)], present: true}
	it := item.Item{{Name: "p", Value: item.Text(p)}, {Name: "v", Value: vectorValue(m.vector)}}
	if m.tenant != "" {
		it = append(it, item.Attribute{Name: "tenant", Value: item.Text(m.tenant)})
	}
	if m.brand != "" {
		it = append(it, item.Attribute{Name: "brand", Value: item.Text(m.brand)})
	}
	was := all[p]
	tab := str("tab")
	switch r.IntN(9) {
	case 0:
		must(w, dynamodb.BatchWriteItem, dynamodb.BatchWriteItemInput{RequestItems: map[string][]dynamodb.WriteRequest{"tab": {{PutRequest: &dynamodb.PutRequest{Item: it}}}}})
	case 1:
		must(w, dynamodb.TransactWriteItems, dynamodb.TransactWriteItemsInput{TransactItems: []dynamodb.TransactWriteItem{{Put: &dynamodb.Put{TableName: tab, Item: it}}}})
	case 2:
		must(w, dynamodb.DeleteItem, dynamodb.DeleteItemInput{TableName: tab, Key: it[:1]})
		m = model{}
	case 3:
		must(w, dynamodb.ExecuteStatement, dynamodb.ExecuteStatementInput{Statement: str(`DELETE FROM "tab" WHERE p = ?`), Parameters: []item.Value{item.Text(p)}})
		m = model{}
	case 4: // the vector alone
		must(w, dynamodb.UpdateItem, dynamodb.UpdateItemInput{TableName: tab, Key: it[:1], UpdateExpression: str("SET v = :v"), ExpressionAttributeValues: item.Item{{Name: ":v", Value: it[1].Value}}})
		m.tenant, m.brand = was.tenant, was.brand
	case 5: // one number of it, or the brand
		if !was.present || was.vector == nil {
			return
		}
		must(w, dynamodb.UpdateItem, dynamodb.UpdateItemInput{TableName: tab, Key: it[:1], UpdateExpression: str("SET v[2] = :v, brand = :b"),
			ExpressionAttributeValues: item.Item{{Name: ":v", Value: it[1].Value.More.List[2]}, {Name: ":b", Value: item.Text("z")}}})
		next := slices.Clone(was.vector)
		next[2] = m.vector[2]
		m = model{next, was.tenant, "z", true}
	case 6: // no vector any more
		if !was.present {
			return
		}
		must(w, dynamodb.UpdateItem, dynamodb.UpdateItemInput{TableName: tab, Key: it[:1], UpdateExpression: str("REMOVE v SET more = :o"), ExpressionAttributeValues: doc(`{':o': {'N': '1'}}`)})
		m = was
		m.vector = nil
	default:
		must(w, dynamodb.PutItem, putInput("tab", it))
	}
	all[p] = m
}

// compare does a random search, and a naive one.
func (w *world) compare(t *testing.T, r *rand.Rand, all map[string]model, distance string, dims int) {
	t.Helper()
	to := randomVector(r, dims)
	in := dynamodb.SearchVectorsInput{TableName: str("tab"), IndexName: str("all"), TopK: wire.Some(1 + r.Int32N(maxTopK)), SearchVector: vectorValue(to).More.List}
	tenant, brand := []string{"", "a", "b", "nobody"}[r.IntN(4)], []string{"", "x", "z"}[r.IntN(3)]
	var conditions []string
	if brand != "" {
		conditions, in.ExpressionAttributeValues = append(conditions, ":b = brand"), append(in.ExpressionAttributeValues, item.Attribute{Name: ":b", Value: item.Text(brand)})
	}
	if tenant != "" {
		in.IndexName = str("parts")
		conditions, in.ExpressionAttributeValues = append(conditions, "(#t = :t)"), append(in.ExpressionAttributeValues, item.Attribute{Name: ":t", Value: item.Text(tenant)})
		in.ExpressionAttributeNames = map[string]string{"#t": "tenant"}
	}
	if conditions != nil {
		in.SearchConditionExpression = str(strings.Join(conditions, " AND "))
	}
	type hit struct {
		p     string
		score float64
	}
	var want []hit
	for p, m := range all {
		if m.vector == nil || tenant != "" && m.tenant != tenant || brand != "" && m.brand != brand {
			continue
		}
		want = append(want, hit{p, naive(distance, to, m.vector)})
	}
	slices.SortFunc(want, func(a, b hit) int {
		if distance == "DOT_PRODUCT" {
			a, b = b, a
		}
		if a.score < b.score {
			return -1
		}
		return 1
	})
	want = want[:min(len(want), int(in.TopK.V))]
	got := must(w, dynamodb.SearchVectors, in).SearchResults
	if len(got) != len(want) {
		t.Fatalf("%d found, want %d of tenant %q brand %q", len(got), len(want), tenant, brand)
	}
	for i := range got {
		if p := got[i].Item.Get("p").Str; p != want[i].p || math.Abs(got[i].Score.V-want[i].score) > 1e-9*max(1, math.Abs(want[i].score)) {
			t.Fatalf("%d: %s %v, want %s %v", i, p, got[i].Score.V, want[i].p, want[i].score)
		}
	}
}

func naive(distance string, a, b []float32) float64 {
	var dot, aa, bb, dd float64
	for i := range a {
		x, y := float64(a[i]), float64(b[i])
		dot, aa, bb, dd = dot+x*y, aa+x*x, bb+y*y, dd+(x-y)*(x-y)
	}
	switch distance {
	case "COSINE":
		return 1 - dot/math.Sqrt(aa)/math.Sqrt(bb)
	case "EUCLIDEAN":
		return math.Sqrt(dd)
	}
	return dot
}

// TestSearchesGoOn through more entries than one turn has.
func TestSearchesGoOn(t *testing.T) {
	w := newWorld(t)
	w.vectorTable("tab", "p:S", "vix v:1 EUCLIDEAN KEYS_ONLY")
	const items = 2*searchRows + 50
	for i := range items {
		must(w, putItem, putInput("tab", vectorItem(fmt.Sprint(i), i)))
	}
	for i := 0; i < items; i += 97 {
		if got := w.near(searchFor("tab", "vix", 1, float64(i))); got != fmt.Sprintf("%d:0", i) {
			t.Errorf("nearest to %d is %s", i, got)
		}
	}
}

// TestSearchesCount against the reads that the table may serve, by what they go through.
func TestSearchesCount(t *testing.T) {
	w := newWorld(t)
	in := vectorInput("tab", "p:S", "vix v:1024 EUCLIDEAN KEYS_ONLY")
	in.OnDemandThroughput = &dynamodb.OnDemandThroughput{MaxReadRequestUnits: wire.Some(int64(1))}
	must(w, dynamodb.CreateTable, in)
	for i := range 100 {
		w.put("tab", fmt.Sprintf(`{'p': {'S': '%d'}, 'v': {'L': [%s{'N': '%d'}]}}`, i, strings.Repeat("{'N': '1'},", 1023), i))
	}
	to := searchFor("tab", "vix", 1, make([]float64, 1024)...)
	for range 6 { // each 51 units, of 300 seconds' credit
		must(w, dynamodb.SearchVectors, to)
	}
	w.refused(fails(do(w, w.root, dynamodb.SearchVectors, to)), "ThrottlingException", "")
	w.now = w.now.Add(time.Minute)
	must(w, dynamodb.SearchVectors, to)
}

func TestSearchRefusals(t *testing.T) {
	w := newWorld(t)
	w.vectorTable("tab", "p:S", "plain v:3 COSINE ALL", "schema v:3 COSINE ALL HASH=tenant:S FILTER=category:N")
	values := `{':t': {'S': 't'}, ':c': {'N': '1'}}`
	for _, c := range []struct {
		index, cond, values string
		want                string
	}{
		{"schema", "", "", "SearchConditionExpression must be provided when SearchSchema has a HASH key"},
		{"schema", "category = :c", `{':c': {'N': '1'}}`, "SearchConditionExpression must be provided when SearchSchema has a HASH key"},
		{"schema", "tenant < :t", `{':t': {'S': 't'}}`, "Invalid SearchConditionExpression: Invalid comparator used in SearchConditionExpression"},
		{"schema", "tenant = :t AND category < :c", values, "Invalid SearchConditionExpression: Invalid comparator used in SearchConditionExpression"},
		{"schema", "tenant = :t OR category = :c", values, "Invalid SearchConditionExpression: Invalid comparator used in SearchConditionExpression"},
		{"schema", "tenant = :t AND NOT category = :c", values, "Invalid SearchConditionExpression: Invalid comparator used in SearchConditionExpression"},
		{"schema", "tenant IN (:t) AND category = :c", values, "Invalid SearchConditionExpression: Invalid comparator used in SearchConditionExpression"},
		{"schema", "tenant = :t AND attribute_exists(category)", `{':t': {'S': 't'}}`, "Invalid SearchConditionExpression: Invalid comparator used in SearchConditionExpression"},
		{"schema", "tenant = category", "", "Invalid SearchConditionExpression: Invalid comparator used in SearchConditionExpression"},
		{"schema", "tenant.x = :t", `{':t': {'S': 't'}}`, "Invalid SearchConditionExpression: SearchConditionExpression cannot have conditions on nested attributes"},
		{"schema", "tenant = :t AND tenant = :t", `{':t': {'S': 't'}}`, "Invalid SearchConditionExpression: SearchConditionExpression must only contain one condition per attribute"},
		{"schema", "tenant = :t", `{':t': {'N': '1'}}`, "Type of 'tenant' attribute in SearchConditionExpression (N) does not match type in search schema (S)"},
		{"schema", "tenant = :t", `{':t': {'S': ''}}`, "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: tenant"},
		{"plain", "tenant = :t", `{':t': {'S': 't'}}`, "SearchConditionExpression must not contain any attributes that is not in SearchSchema. Invalid attribute: tenant"},
		{"plain", "", `{':t': {'S': 't'}}`, "ExpressionAttributeValues can only be specified when using expressions: SearchConditionExpression is null"},
		{"schema", "tenant = :t", values, "Value provided in ExpressionAttributeValues unused in expressions: keys: {:c}"},
		{"none", "", "", "The table does not have the specified index: none"},
	} {
		in := searchFor("tab", c.index, 1, 1, 0, 0)
		if c.cond != "" {
			in.SearchConditionExpression = str(c.cond)
		}
		if c.values != "" {
			in.ExpressionAttributeValues = doc(c.values)
		}
		w.refused(fails(do(w, w.root, dynamodb.SearchVectors, in)), "ValidationException", c.want)
	}
	vectors := func(v []item.Value, want string) {
		t.Helper()
		in := searchFor("tab", "plain", 1)
		in.SearchVector = v
		w.refused(fails(do(w, w.root, dynamodb.SearchVectors, in)), "ValidationException", want)
	}
	const bad = "Search vector contains invalid values. All values in the search vector must be a 32-bit floating-point number attribute"
	vectors(vectorOf(1, 0), "Input search vector dimension 2 does not match vector index dimension 3")
	vectors([]item.Value{item.List(vectorOf(1, 2, 3)...)}, bad)
	vectors([]item.Value{item.Number("1"), item.Text("x"), item.Number("0")}, bad)
	for _, n := range []string{"NaN", "Infinity", "dog", "3.5E38", "-1e39", ""} {
		vectors([]item.Value{item.Number("1"), item.Number(n), item.Number("0")}, bad)
	}
	vectors([]item.Value{}, "1 validation error detected: Value '[]' at 'searchVector' failed to satisfy constraint: Member must have length greater than or equal to 1")
	for k, want := range map[int32]string{101: "Provided TopK value '101' is out of valid range. The value must be between 1 and 100 inclusive", 0: "1 validation error detected: Value '0' at 'topK' failed to satisfy constraint: Member must have value greater than or equal to 1"} {
		w.refused(fails(do(w, w.root, dynamodb.SearchVectors, searchFor("tab", "plain", k, 1, 0, 0))), "ValidationException", want)
	}
	w.refused(fails(do(w, w.root, dynamodb.SearchVectors, searchFor("none", "plain", 1, 1, 0, 0))), "ResourceNotFoundException", "")

	// A vector index is for searches only.
	query := dynamodb.QueryInput{TableName: str("tab"), IndexName: str("plain"), KeyConditionExpression: str("p = :p"), ExpressionAttributeValues: doc(`{':p': {'S': 'a'}}`)}
	w.refused(fails(do(w, w.root, dynamodb.Query, query)), "ValidationException", "Query operation not supported on this index type.")
	query.ConsistentRead = wire.Some(true)
	w.refused(fails(do(w, w.root, dynamodb.Query, query)), "ValidationException", "Consistent reads are not supported on global secondary indexes")
	w.refused(fails(do(w, w.root, dynamodb.Scan, dynamodb.ScanInput{TableName: str("tab"), IndexName: str("plain"), ConsistentRead: wire.Some(true)})), "ValidationException", "Scan operation not supported on this index type")
	w.refused(fails(do(w, w.root, dynamodb.ExecuteStatement, dynamodb.ExecuteStatementInput{Statement: str(`SELECT * FROM "tab"."plain"`)})), "ValidationException", "Scan operation not supported on this index type")
}

func TestWhatSearchesShow(t *testing.T) {
	w := newWorld(t)
	w.vectorTable("tab", "p:S c:N", "all v:2 COSINE ALL", "keys v:2 COSINE KEYS_ONLY FILTER=f:S", "some v:2 COSINE INCLUDE:x")
	w.put("tab", `{'p': {'S': 'a'}, 'c': {'N': '1'}, 'v': {'L': [{'N': '3.1415926535897932384626433832795028841'}, {'N': '1e-30'}]}, 'x': {'M': {'in': {'S': 'here'}, 'far': {'S': 'there'}}}, 'y': {'S': 'y'}, 'f': {'S': ''}}`)
	shows := func(index, projection, want string) {
		t.Helper()
		in := searchFor("tab", index, 1, 1, 0)
		if projection != "" {
			in.ProjectionExpression = str(projection)
		}
		if got := show(must(w, dynamodb.SearchVectors, in).SearchResults[0].Item); got != want {
			t.Errorf("%s %s shows %s\nwant %s", index, projection, got, want)
		}
	}
	const v = `'v':{'L':[{'N':'3.1415927'},{'N':'0.000000000000000000000000000001'}]}`
	shows("all", "", `{'c':{'N':'1'},'f':{'S':''},'p':{'S':'a'},'x':{'M':{'in':{'S':'here'},'far':{'S':'there'}}},'y':{'S':'y'}}`)
	shows("all", "v, y", `{`+v+`,'y':{'S':'y'}}`)
	shows("all", "v[0]", `{'v':{'L':[{'N':'3.1415927'}]}}`)
	shows("keys", "", `{'c':{'N':'1'},'f':{'S':''},'p':{'S':'a'}}`)
	shows("keys", "v, y, p", `{'p':{'S':'a'},`+v+`}`)
	shows("keys", "y", `{}`)
	shows("some", "", `{'c':{'N':'1'},'p':{'S':'a'},'x':{'M':{'in':{'S':'here'},'far':{'S':'there'}}}}`)
	shows("some", "x.far", `{'x':{'M':{'far':{'S':'there'}}}}`)
}

func TestVectorCapacity(t *testing.T) {
	w := newWorld(t)
	w.vectorTable("tab", "p:S", "one v:256 COSINE KEYS_ONLY", "two v:256 COSINE ALL HASH=t:S")
	v := make([]float64, 256)
	it := item.Item{{Name: "p", Value: item.Text("key")}, {Name: "v", Value: item.List(vectorOf(v...)...)}}
	written := func(it item.Item, asked string) map[string]float64 {
		in := putInput("tab", it)
		in.ReturnConsumedCapacity = str(asked)
		m := map[string]float64{}
		for name, c := range must(w, putItem, in).ConsumedCapacity.VectorIndexes {
			m[name] = c.VectorWriteRequestBytes.V
		}
		return m
	}
	const one = 4*256 + 1 + 4
	with := append(slices.Clip(it), item.Attribute{Name: "t", Value: item.Text("a")}, item.Attribute{Name: "x", Value: item.Text("123456789")})
	moved := append(slices.Clip(it), item.Attribute{Name: "t", Value: item.Text("b")})
	for i, c := range []struct {
		it    item.Item
		asked string
		want  map[string]float64
	}{
		{it, "INDEXES", map[string]float64{"one": one}},
		{it, "INDEXES", map[string]float64{}},
		{with, "INDEXES", map[string]float64{"two": one + 2 + 10}},
		{with, "TOTAL", map[string]float64{}},
		{moved, "INDEXES", map[string]float64{"two": one + 2 + 10 + one + 2}},
		{it[:1], "INDEXES", map[string]float64{"one": one, "two": one + 2}},
	} {
		if got := written(c.it, c.asked); fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%d: %v, want %v", i, got, c.want)
		}
	}
	batch := dynamodb.BatchWriteItemInput{ReturnConsumedCapacity: str("INDEXES"), RequestItems: map[string][]dynamodb.WriteRequest{"tab": {{PutRequest: &dynamodb.PutRequest{Item: it}},
		{PutRequest: &dynamodb.PutRequest{Item: append(item.Item{{Name: "p", Value: item.Text("2nd")}}, it[1:]...)}}}}}
	if got := must(w, dynamodb.BatchWriteItem, batch).ConsumedCapacity[0].VectorIndexes["one"].VectorWriteRequestBytes.V; got != 2*one {
		t.Errorf("a batch of two consumes %v", got)
	}
	in := searchFor("tab", "one", 1, v...)
	if got := must(w, dynamodb.SearchVectors, in).ConsumedCapacity; got != nil {
		t.Errorf("told without being asked: %v", got)
	}
	in.ReturnConsumedCapacity = str("TOTAL")
	if got := must(w, dynamodb.SearchVectors, in).ConsumedCapacity; got.VectorSearchRequestBytes.V < 2*1024 || got.VectorSearchRequestBytes.V > 2*1100 || got.VectorWriteRequestBytes.Set {
		t.Errorf("a search consumes %v", got)
	}
}

// TestSearchesStop: when the client is gone; and they wait for a turn no longer than they must.
func TestSearchesStop(t *testing.T) {
	w := newWorld(t)
	w.vectorTable("tab", "p:S", "vix v:1 COSINE ALL")
	w.put("tab", `{'p': {'S': 'a'}, 'v': {'L': [{'N': '1'}]}}`)
	for range cap(w.s.turns) {
		w.s.turns <- struct{}{}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	in := searchFor("tab", "vix", 1, 1)
	if _, err := wire.Invoke(ctx, w.mux, w.root, region, dynamodb.SearchVectors, &in); err == nil {
		t.Error("a search goes on without its client")
	}
	synctest.Test(t, func(t *testing.T) {
		full := make(turns, 1)
		full <- struct{}{}
		err := full.take(t.Context(), func() error { return nil })
		if _, ok := err.(*dynamodb.ThrottlingException); !ok {
			t.Errorf("waiting ends with %v", err)
		}
		<-full
		if err := full.take(t.Context(), func() error { return nil }); err != nil || len(full) != 0 {
			t.Errorf("a free turn: %v, %d taken", err, len(full))
		}
	})
}

func TestLargeAnswersAreRefused(t *testing.T) {
	w := newWorld(t)
	w.vectorTable("tab", "p:S", "vix v:1 EUCLIDEAN ALL")
	for i := range 50 {
		w.put("tab", fmt.Sprintf(`{'p': {'S': '%d'}, 'v': {'L': [{'N': '%d'}]}, 'x': {'S': '%s'}}`, i, i, strings.Repeat("x", 399<<10)))
	}
	w.refused(fails(do(w, w.root, dynamodb.SearchVectors, searchFor("tab", "vix", 50, 1))), "ValidationException", "The answer exceeds the limit of 16777216 bytes: ask for fewer items or attributes")
	in := searchFor("tab", "vix", 50, 1)
	in.ProjectionExpression = str("p")
	if got := must(w, dynamodb.SearchVectors, in).SearchResults; len(got) != 50 || show(got[0].Item) != `{'p':{'S':'1'}}` {
		t.Errorf("%d found", len(got))
	}
}

// TestIntrudersDoNotFindVectors: who may read one partition only finds nothing of others by a search.
func TestIntrudersDoNotFindVectors(t *testing.T) {
	w := newWorld(t)
	w.vectorTable("notes", "userId:S noteId:S", "plain v:1 EUCLIDEAN ALL", "own v:1 EUCLIDEAN ALL FILTER=userId:S", "parts v:1 EUCLIDEAN ALL HASH=userId:S FILTER=topic:S", "byTopic v:1 EUCLIDEAN ALL HASH=topic:S FILTER=userId:S")
	for _, u := range []string{"ann", "bob"} {
		w.put("notes", `{'userId': {'S': '`+u+`'}, 'noteId': {'S': '1'}, 'topic': {'S': 'art'}, 'secret': {'S': 'of `+u+`'}, 'v': {'L': [{'N': '1'}]}}`)
	}
	const mine = `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "dynamodb:SearchVectors", "Resource": "arn:aws:dynamodb:*:*:table/notes/index/*",
		"Condition": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["ann"]}}}]}`
	ann := w.under(mine)
	try := func(by *wire.Principal, table, index, cond, projection string) error {
		in := searchFor(table, index, 10, 1)
		for _, v := range []string{":ann", ":bob", ":art"} {
			if strings.Contains(cond, v) {
				in.ExpressionAttributeValues = append(in.ExpressionAttributeValues, item.Attribute{Name: v, Value: item.Text(v[1:])})
			}
		}
		if cond != "" {
			in.SearchConditionExpression = str(cond)
		}
		if projection != "" {
			in.ProjectionExpression = str(projection)
		}
		out, err := do(w, by, dynamodb.SearchVectors, in)
		if err == nil && (len(out.SearchResults) != 1 || out.SearchResults[0].Item.Get("userId").Str != "ann") {
			t.Errorf("%s, %s: found %v", index, cond, out.SearchResults)
		}
		return err
	}
	for _, c := range [][2]string{{"own", "userId = :ann"}, {"own", ":ann = userId"}, {"parts", "userId = :ann"}, {"parts", "topic = :art AND userId = :ann"}} {
		if err := try(ann, "notes", c[0], c[1], ""); err != nil {
			t.Errorf("%v: %v", c, err)
		}
	}
	for _, c := range [][2]string{{"plain", ""}, {"own", ""}, {"own", "userId = :bob"}, {"own", "userId <> :ann"}, {"parts", "userId = :bob"}, {"parts", ""}, {"parts", "topic = :art"},
		{"parts", "userId = :bob AND userId = :ann"}, {"byTopic", "topic = :art"}, {"byTopic", "topic = :art AND userId = :ann"}, {"none", "userId = :ann"}, {"plain", "userId = :ann"}} {
		code := "AccessDenied"
		if strings.Contains(c[1], "<>") {
			code = "ValidationException"
		}
		w.refused(try(ann, "notes", c[0], c[1], ""), code, "")
	}
	w.refused(try(ann, "none", "own", "userId = :ann", ""), "AccessDenied", "")
	w.refused(try(ann, "notes", "own", "userId = :ann AND userId = :bob", ""), "ValidationException", "Invalid SearchConditionExpression: SearchConditionExpression must only contain one condition per attribute")
	for _, policy := range []string{
		strings.Replace(mine, "SearchVectors", "Query", 1),
		strings.Replace(mine, "/index/*", "", 1),
		strings.Replace(mine, "/index/*", "/index/parts", 1),
		strings.Replace(mine, `["ann"]}`, `["ann"], "dynamodb:Attributes": ["userId", "noteId", "topic"]}`, 1), // scores tell of v
		strings.Replace(mine, `]}}}`, `]}, "StringEquals": {"dynamodb:Select": "SPECIFIC_ATTRIBUTES"}}}`, 1),
	} {
		w.refused(try(w.under(policy), "notes", "own", "userId = :ann", ""), "AccessDenied", "")
	}
	fine := w.under(strings.Replace(mine, `["ann"]}`, `["ann"], "dynamodb:Attributes": ["userId", "noteId", "v"]}, "StringEquals": {"dynamodb:Select": "SPECIFIC_ATTRIBUTES"}`, 1))
	if err := try(fine, "notes", "own", "userId = :ann", "userId, noteId"); err != nil {
		t.Error(err)
	}
	w.refused(try(fine, "notes", "own", "userId = :ann", "userId, secret"), "AccessDenied", "")
	full := w.under(`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "dynamodb:*", "Resource": "*"}, {"Effect": "Deny", "Action": "dynamodb:*", "Resource": "*", "Condition": {"Bool": {"dynamodb:FullTableScan": "true"}}}]}`)
	w.refused(try(full, "notes", "own", "userId = :ann", ""), "AccessDenied", "")
	if err := try(full, "notes", "parts", "userId = :ann", ""); err != nil {
		t.Error(err)
	}
}

// TestAVectorIndexMadeAnewIsNotTheOneDecidedFor: what was decided for one index does not hold for another of its name.
func TestAVectorIndexMadeAnewIsNotTheOneDecidedFor(t *testing.T) {
	w := worldOn(t, kv.New(memkv.New()))
	w.vectorTable("tab", "p:S", "vix v:1 EUCLIDEAN ALL FILTER=p:S")
	call := &wire.Call{Context: t.Context(), Account: account, Region: region, Principal: w.root, Now: w.now}
	in := searchFor("tab", "vix", 1, 1)
	if _, err := w.s.accessSearchVectors(call, &in); err != nil {
		t.Fatal(err)
	}
	if err := w.dropVector("tab", "vix"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.addVector("tab", "vix v:1 EUCLIDEAN ALL"); err != nil {
		t.Fatal(err)
	}
	_, err := w.s.searchVectors(call, &in)
	w.refused(err, "ResourceNotFoundException", "")
}
