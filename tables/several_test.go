package tables

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"bothy/api/dynamodb"
	"bothy/tables/expr"
	"bothy/wire"
	"bothy/wire/item"
)

// orders is a table with an index of one partition and four sort attributes, and one of two partition attributes.
func orders(t testing.TB) *world {
	w := newWorld(t)
	w.table("orders", "pk:S", "gsi h:S / a:S b:S c:S d:S ALL", "two b:S h:S / d:S a:S KEYS_ONLY", "wide h:S a:S / ALL")
	for i, it := range []string{"T live b r1", "T live a r2", "T live a r1", "T draft c r1", "F live a r0", "T live - r1"} {
		w.put("orders", order(fmt.Sprintf("p%d", i+1), "o1", it))
	}
	return w
}

// order is an item of the attributes a to d, "-" for one that is missing.
func order(pk, h, values string) string {
	it := "{'pk': {'S': '" + pk + "'}, 'h': {'S': '" + h + "'}"
	for i, v := range strings.Fields(values) {
		if v != "-" {
			it += fmt.Sprintf(", '%c': {'S': '%s'}", 'a'+i, v)
		}
	}
	return it + "}"
}

var orderValues = doc(`{':h': {'S': 'o1'}, ':a': {'S': 'T'}, ':b': {'S': 'live'}, ':c': {'S': 'a'}, ':d': {'S': 'r'}, ':x': {'S': 'r1'}, ':n': {'N': '1'}}`)

// by is a query of the orders with those of the values that its condition names.
func by(index, cond string) dynamodb.QueryInput {
	in := dynamodb.QueryInput{TableName: str("orders"), IndexName: str(index), KeyConditionExpression: str(cond)}
	for _, v := range orderValues {
		if strings.Contains(cond, v.Name) {
			in.ExpressionAttributeValues = append(in.ExpressionAttributeValues, v)
		}
	}
	return in
}

func TestSeveralKeyAttributes(t *testing.T) {
	w := orders(t)
	for _, c := range []struct{ index, cond, want string }{
		{"gsi", "h = :h", "p5 p4 p3 p2 p1"},
		{"gsi", "h = :h AND a = :a", "p4 p3 p2 p1"},
		{"gsi", "h = :h AND a = :a AND b = :b", "p3 p2 p1"},
		{"gsi", "b = :b AND h = :h AND a = :a", "p3 p2 p1"},
		{"gsi", "h = :h AND a = :a AND b < :b", "p4"},
		{"gsi", "h = :h AND a = :a AND b = :b AND c = :c", "p3 p2"},
		{"gsi", "h = :h AND a = :a AND b = :b AND c > :c", "p1"},
		{"gsi", "h = :h AND a = :a AND b = :b AND c <= :c", "p3 p2"},
		{"gsi", "h = :h AND a = :a AND b = :b AND c = :c AND begins_with(d, :d)", "p3 p2"},
		{"gsi", "h = :h AND a = :a AND b = :b AND c = :c AND d BETWEEN :x AND :x", "p3"},
		{"two", "h = :h AND b = :b AND d = :x", "p1 p3 p6"},
		{"wide", "h = :h AND a = :a", "p1 p2 p3 p4 p6"},
	} {
		for _, limit := range []int32{0, 1, 2} {
			in := by(c.index, c.cond)
			got := strings.Fields(sorts(w.all(in, limit), "pk"))
			in.ScanIndexForward = wire.Some(false)
			back := strings.Fields(sorts(w.all(in, limit), "pk"))
			slices.Reverse(back)
			if !slices.Equal(got, back) {
				t.Errorf("%s limit %d: %v one way, %v the other", c.cond, limit, got, back)
			}
			if c.index != "gsi" { // the same key: in no order
				slices.Sort(got)
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("%s limit %d: %v, want %s", c.cond, limit, got, c.want)
			}
		}
	}
	in := by("two", "h = :h AND b = :b")
	in.Limit = wire.Some(int32(1))
	out := must(w, dynamodb.Query, in)
	if got, want := show(out.LastEvaluatedKey), show(out.Items[0]); got != want || len(out.LastEvaluatedKey) != 5 {
		t.Errorf("a page of keys %s goes on after %s", want, got)
	}
	legacy := dynamodb.QueryInput{TableName: str("orders"), IndexName: str("two"), KeyConditions: map[string]dynamodb.Condition{
		"h": equals("o1"), "b": equals("live"), "d": equals("r1"),
		"a": {ComparisonOperator: str("GE"), AttributeValueList: list(`{'a': {'S': 'T'}}`)},
	}}
	if got := len(w.all(legacy, 0)); got != 3 {
		t.Errorf("KeyConditions find %d", got)
	}
	if got := len(w.scanAll(dynamodb.ScanInput{TableName: str("orders"), IndexName: str("two"), Limit: wire.Some(int32(2))})); got != 6 {
		t.Errorf("a scan finds %d", got)
	}
}

func equals(s string) dynamodb.Condition {
	return dynamodb.Condition{ComparisonOperator: str("EQ"), AttributeValueList: []item.Value{item.Text(s)}}
}

func TestSeveralKeyAttributesRefusals(t *testing.T) {
	w := orders(t)
	rangeKeys := func(lacks, given string) string {
		return "RANGE key attributes " + lacks + " must have equality conditions specified in the query because a condition is present on key attribute " + given
	}
	for _, c := range []struct{ index, cond, want string }{
		{"gsi", "h = :h AND a = :a AND c = :c", rangeKeys("b", "c")},
		{"gsi", "h = :h AND a = :a AND b > :b AND c = :c", rangeKeys("b", "c")},
		{"gsi", "h = :h AND b = :b", rangeKeys("a", "b")},
		{"gsi", "h = :h AND begins_with(a, :a) AND b > :b", rangeKeys("a", "b")},
		{"two", "h = :h", "HASH key attributes b must have equality conditions specified in the query"},
		{"two", "h = :h AND b > :b", "HASH key attributes b must have equality conditions specified in the query"},
		{"two", "begins_with(h, :h) AND d = :d", "HASH key attributes b, h must have equality conditions specified in the query"},
		{"two", "h = :h AND b BETWEEN :c AND :b", "HASH key attributes b must have equality conditions specified in the query"},
		{"two", "h = :h AND b = :n", "One or more parameter values were invalid: Condition parameter type does not match schema type"},
		{"two", "h = :h AND b = :b AND d < :n", "One or more parameter values were invalid: Condition parameter type does not match schema type"},
		{"two", "h = :h AND b = :b AND z = :a", "Query condition missed key schema element: d"},
		{"wide", "h = :h AND a = :a AND b = :b", "Query key condition not supported"},
	} {
		_, err := do(w, w.root, dynamodb.Query, by(c.index, c.cond))
		w.refused(err, "ValidationException", c.want)
	}
	query := func(change func(*dynamodb.QueryInput), want string) {
		t.Helper()
		in := by("two", "h = :h AND b = :b AND d = :x")
		change(&in)
		_, err := do(w, w.root, dynamodb.Query, in)
		w.refused(err, "ValidationException", want)
	}
	query(func(in *dynamodb.QueryInput) { in.ConsistentRead = wire.Some(true) }, "Consistent reads are not supported on global secondary indexes")
	for _, name := range []string{"h", "b", "d", "a"} {
		query(func(in *dynamodb.QueryInput) { in.FilterExpression = str(name + " = :x") }, "Filter Expression can only contain non-primary key attributes: Primary key attribute: "+name)
	}
	start := func(s string) func(*dynamodb.QueryInput) {
		return func(in *dynamodb.QueryInput) { in.ExclusiveStartKey = doc(s) }
	}
	query(start(`{'pk': {'S': 'p1'}, 'h': {'S': 'o1'}, 'd': {'S': 'r1'}, 'a': {'S': 'T'}}`), "The provided starting key is invalid")
	query(start(`{'pk': {'S': 'p1'}, 'h': {'S': 'o1'}, 'b': {'N': '1'}, 'd': {'S': 'r1'}, 'a': {'S': 'T'}}`), "The provided key element does not match the schema")
	query(start(`{'pk': {'S': 'p1'}, 'h': {'S': 'o1'}, 'b': {'S': 'live'}, 'd': {'S': 'r2'}, 'a': {'S': 'T'}}`), "The provided starting key does not match the range key predicate")
	query(start(`{'pk': {'S': 'p1'}, 'h': {'S': 'o1'}, 'b': {'S': 'x'}, 'd': {'S': 'r1'}, 'a': {'S': 'T'}}`), "The query can return at most one row and cannot be restarted")
	in := by("two", "h = :h AND b = :b")
	in.ExclusiveStartKey = doc(`{'pk': {'S': 'p1'}, 'h': {'S': 'o1'}, 'b': {'S': 'x'}, 'd': {'S': 'r1'}, 'a': {'S': 'T'}}`)
	_, err := do(w, w.root, dynamodb.Query, in)
	w.refused(err, "ValidationException", "The provided starting key is outside query boundaries based on provided conditions")
	for _, it := range []string{`'b': {'N': '1'}`, `'c': {'S': ''}`, `'d': {'BOOL': true}`} {
		_, err := do(w, w.root, putItem, putInput("orders", doc(`{'pk': {'S': 'q'}, `+it+`}`)))
		w.refused(err, "ValidationException", "")
	}
}

// TestSeveralKeyAttributesSparse: an item is in the index while it has all of the key.
func TestSeveralKeyAttributesSparse(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "p:S")
	w.put("tab", `{'p': {'S': 'x'}, 'h': {'S': 'h'}, 'i': {'N': '1'}, 'r': {'S': 'r'}, 's': {'B': 'AQI='}}`)
	w.put("tab", `{'p': {'S': 'y'}, 'h': {'S': 'h'}, 'i': {'S': 'not a number'}, 'r': {'S': 'r'}, 's': {'B': 'AQI='}}`)
	in := dynamodb.UpdateTableInput{TableName: str("tab")}
	var defs dynamodb.CreateTableInput
	keys := schemaOf(&defs, "h:S i:N / r:S s:B")
	in.AttributeDefinitions = defs.AttributeDefinitions
	in.GlobalSecondaryIndexUpdates = []dynamodb.GlobalSecondaryIndexUpdate{{Create: &dynamodb.CreateGlobalSecondaryIndexAction{IndexName: str("gsi"), KeySchema: keys, Projection: &dynamodb.Projection{ProjectionType: str("ALL")}}}}
	must(w, dynamodb.UpdateTable, in)
	found := func() string {
		return sorts(w.all(dynamodb.QueryInput{TableName: str("tab"), IndexName: str("gsi"), KeyConditionExpression: str("h = :h AND i = :i"), ExpressionAttributeValues: doc(`{':h': {'S': 'h'}, ':i': {'N': '1.0'}}`)}, 0), "p")
	}
	if got := found(); got != "x" {
		t.Errorf("after it was filled the index shows %q", got)
	}
	values := doc(`{':h': {'S': 'h'}, ':i': {'N': '1'}, ':r': {'S': 'r'}, ':s': {'B': 'AQI='}}`)
	for _, remove := range []string{"h", "i", "r", "s", "h, i", "r, s", "h, s"} {
		update := dynamodb.UpdateItemInput{TableName: str("tab"), Key: doc(`{'p': {'S': 'x'}}`), UpdateExpression: str("REMOVE " + remove)}
		must(w, dynamodb.UpdateItem, update)
		if got := found(); got != "" {
			t.Errorf("without %s: %q", remove, got)
		}
		var sets []string
		update.ExpressionAttributeValues = nil
		for _, name := range strings.Split(remove, ", ") {
			sets = append(sets, name+" = :"+name)
			update.ExpressionAttributeValues = append(update.ExpressionAttributeValues, item.Attribute{Name: ":" + name, Value: *values.Get(":" + name)})
		}
		update.UpdateExpression = str("SET " + strings.Join(sets, ", "))
		must(w, dynamodb.UpdateItem, update)
		if got := found(); got != "x" {
			t.Errorf("with %s again: %q", remove, got)
		}
	}
	must(w, dynamodb.UpdateTable, dynamodb.UpdateTableInput{TableName: str("tab"), GlobalSecondaryIndexUpdates: []dynamodb.GlobalSecondaryIndexUpdate{{Delete: &dynamodb.DeleteGlobalSecondaryIndexAction{IndexName: str("gsi")}}}})
	w.put("tab", `{'p': {'S': 'x'}, 'h': {'N': '7'}}`) // what the key wanted nobody wants any more
	must(w, dynamodb.DeleteTable, dynamodb.DeleteTableInput{TableName: str("tab")})
	if left := w.rows(); len(left) > 0 {
		t.Errorf("rows left: %s", strings.Join(left, "\n"))
	}
}

// anyKeys are attributes of a key and their types, and values of each type.
var (
	anyKeys   = []attribute{{"h", "S"}, {"i", "N"}, {"r", "N"}, {"s", "S"}, {"t", "B"}}
	anyValues = map[string][]item.Value{
		"S": {item.Text("a"), item.Text("ab"), item.Text("a\x00"), item.Text("a\x00b"), item.Text("b"), item.Text(strings.Repeat("l", 300))},
		"N": {item.Number("-1"), item.Number("0"), item.Number("1.5"), item.Number("20")},
		"B": {item.Bytes([]byte("\x00")), item.Bytes([]byte("\x00\xff")), item.Bytes([]byte("\xff"))},
	}
)

func valueFor(r *rand.Rand, a attribute) item.Value {
	return anyValues[a.Type][r.IntN(len(anyValues[a.Type]))]
}

// question is a random query of an index with two partition attributes, and what it asks for.
func question(r *rand.Rand) (in dynamodb.QueryInput, tests []expr.KeyTest) {
	in = dynamodb.QueryInput{TableName: str("tab"), IndexName: str("gsi"), ScanIndexForward: wire.Some(r.IntN(2) == 0)}
	var conds []string
	given := 2 + r.IntN(4)
	for n, a := range anyKeys[:given] {
		test := expr.KeyTest{Name: a.Name, Op: expr.EQ}
		if n == given-1 && n > 1 {
			ops := []expr.KeyOp{expr.EQ, expr.LT, expr.LE, expr.GT, expr.GE, expr.Between, expr.BeginsWith}
			if a.Type == "N" {
				ops = ops[:6]
			}
			test.Op = ops[r.IntN(len(ops))]
		}
		low, high := valueFor(r, a), valueFor(r, a)
		if c, _ := expr.Compare(&low, &high); c > 0 {
			low, high = high, low
		}
		in.ExpressionAttributeValues = append(in.ExpressionAttributeValues, item.Attribute{Name: ":" + a.Name, Value: low})
		test.Values = []*item.Value{&low}
		cond := a.Name + map[expr.KeyOp]string{expr.EQ: " = ", expr.LT: " < ", expr.LE: " <= ", expr.GT: " > ", expr.GE: " >= "}[test.Op] + ":" + a.Name
		switch test.Op {
		case expr.BeginsWith:
			cond = "begins_with(" + a.Name + ", :" + a.Name + ")"
		case expr.Between:
			cond = a.Name + " BETWEEN :" + a.Name + " AND :2"
			in.ExpressionAttributeValues = append(in.ExpressionAttributeValues, item.Attribute{Name: ":2", Value: high})
			test.Values = append(test.Values, &high)
		}
		conds, tests = append(conds, cond), append(tests, test)
	}
	r.Shuffle(len(conds), func(i, j int) { conds[i], conds[j] = conds[j], conds[i] })
	in.KeyConditionExpression = str(strings.Join(conds, " AND "))
	return in, tests
}

// inOrder compares items by the sort attributes.
func inOrder(a, b item.Item) int {
	for _, k := range anyKeys[2:] {
		if c, _ := expr.Compare(a.Get(k.Name), b.Get(k.Name)); c != 0 {
			return c
		}
	}
	return 0
}

// TestSeveralKeyAttributesFindWhatHolds asks an index of all types random questions, and a model the same.
func TestSeveralKeyAttributesFindWhatHolds(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	r := rand.New(rand.NewPCG(seed, 0))
	w := newWorld(t)
	w.table("tab", "p:S", "gsi h:S i:N / r:N s:S t:B ALL")
	var items []item.Item
	for i := range 150 {
		it := item.Item{{Name: "p", Value: item.Text(fmt.Sprint(i))}}
		for _, a := range anyKeys {
			if r.IntN(12) > 0 {
				it = append(it, item.Attribute{Name: a.Name, Value: valueFor(r, a)})
			}
		}
		must(w, putItem, putInput("tab", it))
		items = append(items, it)
	}
	for range 400 {
		in, tests := question(r)
		found := w.all(in, int32(r.IntN(3)))
		if !in.ScanIndexForward.V {
			slices.Reverse(found)
		}
		var want, got []string
		for _, it := range items {
			if len(it) == 1+len(anyKeys) && !slices.ContainsFunc(tests, func(t expr.KeyTest) bool { return !t.Holds(it.Get(t.Name)) }) {
				want = append(want, it.Get("p").Str)
			}
		}
		for _, it := range found {
			got = append(got, it.Get("p").Str)
		}
		slices.Sort(want)
		slices.Sort(got)
		if sorted := slices.IsSortedFunc(found, inOrder); !slices.Equal(got, want) || !sorted {
			t.Fatalf("seed %d: %s of %s: %v (in order: %v), want %v", seed, in.KeyConditionExpression.V, show(in.ExpressionAttributeValues), got, sorted, want)
		}
	}
}

// TestSeveralKeyAttributesAndPartiQL: as in AWS, statements read no such index, and everything else of its table.
func TestSeveralKeyAttributesAndPartiQL(t *testing.T) {
	const refused = "PartiQL statements cannot be executed on tables with multi-attribute HASH keys or multi-attribute RANGE keys."
	w := newWorld(t)
	w.table("tab", "p:S", "multi h:S i:S / r:S ALL", "ranges h:S / i:S r:S ALL", "single h:S ALL")
	w.put("tab", `{'p': {'S': 'x'}, 'h': {'S': 'a'}, 'i': {'S': 'b'}, 'r': {'S': 'c'}}`)
	for _, text := range []string{
		`SELECT * FROM tab.multi WHERE h = 'a' AND i = 'b'`, `SELECT * FROM tab.ranges WHERE h = 'a'`, `SELECT * FROM tab.multi WHERE h = 5`, `SELECT * FROM tab.multi`, `SELECT p FROM tab.multi WHERE h = 'a' AND i = 'b' ORDER BY r DESC`,
	} {
		_, err := w.statement(text)
		w.refused(err, "ValidationException", refused)
	}
	for _, text := range []string{`SELECT * FROM tab.single WHERE h = 'a'`, `SELECT * FROM tab WHERE p = 'x'`} {
		if out, err := w.statement(text); err != nil || len(out.Items) != 1 {
			t.Errorf("%s: %v, %v", text, out, err)
		}
	}
	out := must(w, dynamodb.BatchExecuteStatement, dynamodb.BatchExecuteStatementInput{Statements: []dynamodb.BatchStatementRequest{
		{Statement: str(`SELECT * FROM tab.multi WHERE h = 'a' AND i = 'b' AND r = 'c'`)}, {Statement: str(`SELECT * FROM tab WHERE p = 'x'`)},
	}})
	if e := out.Responses[0].Error; e == nil || e.Message.V != refused || out.Responses[1].Item == nil {
		t.Errorf("a batch: %v", out.Responses)
	}
}

// TestSeveralKeyAttributesLeadingKeys: a policy that pins partition keys lets a query in when it pins every attribute of it.
func TestSeveralKeyAttributesLeadingKeys(t *testing.T) {
	w := newWorld(t)
	w.table("notes", "userId:S noteId:S", "byState userId:S state:S / noteId:S ALL", "byUser state:S userId:S / ALL", "sorted userId:S / state:S noteId:S ALL")
	for _, u := range []string{"ann", "bob", "open"} {
		for _, s := range []string{"open", "ann", "bob"} {
			w.put("notes", `{'userId': {'S': '`+u+`'}, 'noteId': {'S': '`+s+`'}, 'state': {'S': '`+s+`'}}`)
		}
	}
	const allow = `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "dynamodb:*", "Resource": "*", "Condition": %s}]}`
	const deny = `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "dynamodb:*", "Resource": "*"}, {"Effect": "Deny", "Action": "dynamodb:*", "Resource": "*", "Condition": %s}]}`
	ask := func(by *wire.Principal, index, user, state string) error {
		_, err := do(w, by, dynamodb.Query, dynamodb.QueryInput{TableName: str("notes"), IndexName: str(index), KeyConditionExpression: str("userId = :u AND #s = :s"),
			ExpressionAttributeNames: map[string]string{"#s": "state"}, ExpressionAttributeValues: item.Item{{Name: ":u", Value: item.Text(user)}, {Name: ":s", Value: item.Text(state)}}})
		return err
	}
	own := []string{
		fmt.Sprintf(allow, `{"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["ann"]}}`), fmt.Sprintf(allow, `{"ForAnyValue:StringEquals": {"dynamodb:LeadingKeys": ["ann"]}}`),
		fmt.Sprintf(deny, `{"ForAnyValue:StringNotEquals": {"dynamodb:LeadingKeys": ["ann"]}}`), fmt.Sprintf(deny, `{"ForAllValues:StringNotEquals": {"dynamodb:LeadingKeys": ["ann"]}}`),
	}
	for _, document := range own {
		ann := w.under(document)
		for _, index := range []string{"byState", "byUser"} {
			for _, q := range [][2]string{{"bob", "open"}, {"bob", "ann"}, {"open", "bob"}, {"ann", "open"}} {
				w.refused(ask(ann, index, q[0], q[1]), "AccessDenied", "")
			}
			if err := ask(ann, index, "ann", "ann"); err != nil { // all of the key is hers
				t.Error(err)
			}
			_, err := do(w, ann, dynamodb.Scan, dynamodb.ScanInput{TableName: str("notes"), IndexName: str(index)})
			w.refused(err, "AccessDenied", "")
			_, err = do(w, ann, dynamodb.ExecuteStatement, dynamodb.ExecuteStatementInput{Statement: str(`SELECT * FROM notes.` + index + ` WHERE userId = 'ann' AND state = 'ann'`)})
			w.refused(err, "AccessDenied", "")
			for _, cond := range []string{"#u = :a", "#s = :a AND #u > :a", "#u = :a AND #s > :a", "#u = :a AND noteId = :a"} {
				names := map[string]string{"#u": "userId"}
				if strings.Contains(cond, "#s") {
					names["#s"] = "state"
				}
				_, err := do(w, ann, dynamodb.Query, dynamodb.QueryInput{TableName: str("notes"), IndexName: str(index), KeyConditionExpression: str(cond), ExpressionAttributeNames: names, ExpressionAttributeValues: doc(`{':a': {'S': 'ann'}}`)})
				w.refused(err, "AccessDenied", "")
			}
		}
		if err := ask(ann, "sorted", "ann", "open"); err != nil { // one partition attribute: as ever
			t.Error(err)
		}
		w.refused(ask(ann, "sorted", "bob", "ann"), "AccessDenied", "")
	}
	states := w.under(fmt.Sprintf(allow, `{"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["ann", "open"]}}`))
	if err := ask(states, "byState", "ann", "open"); err != nil {
		t.Error(err)
	}
	w.refused(ask(states, "byState", "bob", "open"), "AccessDenied", "")
	w.refused(ask(states, "byUser", "bob", "open"), "AccessDenied", "")
	secret := w.under(fmt.Sprintf(deny, `{"ForAnyValue:StringEquals": {"dynamodb:LeadingKeys": ["open"]}}`))
	w.refused(ask(secret, "byState", "ann", "open"), "AccessDenied", "")
	w.refused(ask(secret, "byUser", "ann", "open"), "AccessDenied", "")
}
