package tables

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"bothy/api/dynamodb"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
	"bothy/wire/item"

	"pgregory.net/rapid"
)

// TestIndexesAreTheData runs a random history of writes and checks after it that every index shows exactly the items that
// have its keys, in order, and that no entry is left over.
func TestIndexesAreTheData(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		w := newWorld(t)
		w.table("tab", "p:S s:N", "-local p:S x:N ALL", "global x:N KEYS_ONLY", "other g:S x:N ALL", "two g:S x:N / ALL", "sorted x:N / g:S s:N KEYS_ONLY", "shown g:S INCLUDE:x,y", "-mine p:S x:N INCLUDE:g")
		must(w, dynamodb.UpdateTimeToLive, dynamodb.UpdateTimeToLiveInput{TableName: str("tab"), TimeToLiveSpecification: &dynamodb.TimeToLiveSpecification{Enabled: wire.Some(true), AttributeName: str("x")}})
		model := map[string]item.Item{}
		for range rapid.IntRange(1, 30).Draw(r, "steps") {
			step(r, w, model)
		}
		compare(r, w, model)
	})
}

func step(r *rapid.T, w *world, model map[string]item.Item) {
	p, s := rapid.SampledFrom([]string{"a", "b"}).Draw(r, "p"), rapid.SampledFrom([]string{"1", "2", "3"}).Draw(r, "s")
	key := doc(fmt.Sprintf(`{'p': {'S': '%s'}, 's': {'N': '%s'}}`, p, s))
	id := p + s
	g, x := rapid.SampledFrom([]string{"", "m", "n"}).Draw(r, "g"), rapid.SampledFrom([]string{"", "-5", "0", "7", "1e3"}).Draw(r, "x")
	switch rapid.SampledFrom([]string{"put", "update", "fill", "remove", "delete", "transact", "batch", "fail"}).Draw(r, "verb") {
	case "put":
		it := slices.Clone(key)
		if g != "" {
			it = append(it, item.Attribute{Name: "g", Value: item.Text(g)})
		}
		if x != "" {
			it = append(it, item.Attribute{Name: "x", Value: item.Number(x)})
		}
		must(w, dynamodb.PutItem, putInput("tab", it))
		model[id] = it
	case "update":
		if x == "" {
			x = "1"
		}
		out := must(w, dynamodb.UpdateItem, dynamodb.UpdateItemInput{TableName: str("tab"), Key: key, UpdateExpression: str("ADD x :x"), ExpressionAttributeValues: doc(`{':x': {'N': '` + x + `'}}`), ReturnValues: str("ALL_NEW")})
		model[id] = out.Attributes
	case "fill": // what some indexes show, so that entries hold it or point
		y := strings.Repeat("y", rapid.SampledFrom([]int{1, maxHeld / 2, maxHeld - 50, maxHeld, 3 * maxHeld}).Draw(r, "y"))
		out := must(w, dynamodb.UpdateItem, dynamodb.UpdateItemInput{TableName: str("tab"), Key: key, UpdateExpression: str("SET y = :y"), ExpressionAttributeValues: doc(`{':y': {'S': '` + y + `'}}`), ReturnValues: str("ALL_NEW")})
		model[id] = out.Attributes
	case "remove":
		out := must(w, dynamodb.UpdateItem, dynamodb.UpdateItemInput{TableName: str("tab"), Key: key, UpdateExpression: str("REMOVE x, g"), ReturnValues: str("ALL_NEW")})
		if _, was := model[id]; was {
			model[id] = out.Attributes
		} else if out.Attributes != nil {
			r.Fatalf("an update that only removes made %v", out.Attributes)
		}
	case "delete":
		must(w, dynamodb.DeleteItem, dynamodb.DeleteItemInput{TableName: str("tab"), Key: key})
		delete(model, id)
	case "transact":
		must(w, dynamodb.TransactWriteItems, dynamodb.TransactWriteItemsInput{TransactItems: []dynamodb.TransactWriteItem{{Delete: &dynamodb.Delete{TableName: str("tab"), Key: key}}}})
		delete(model, id)
	case "batch":
		must(w, dynamodb.BatchWriteItem, dynamodb.BatchWriteItemInput{RequestItems: map[string][]dynamodb.WriteRequest{"tab": {{PutRequest: &dynamodb.PutRequest{Item: key}}}}})
		model[id] = key
	case "fail":
		_, err := do(w, w.root, dynamodb.UpdateItem, dynamodb.UpdateItemInput{TableName: str("tab"), Key: key, UpdateExpression: str("SET x = :x"), ConditionExpression: str("attribute_exists(nope)"), ExpressionAttributeValues: doc(`{':x': {'N': '9'}}`)})
		if err == nil {
			r.Fatal("condition held")
		}
	}
}

func compare(r *rapid.T, w *world, model map[string]item.Item) {
	for _, ix := range []struct {
		name  string
		needs []string
		shows []string // nil: all
	}{
		{"", nil, nil}, {"local", []string{"x"}, nil}, {"global", []string{"x"}, []string{"p", "s", "x"}}, {"other", []string{"g", "x"}, nil}, {"two", []string{"g", "x"}, nil},
		{"sorted", []string{"g", "x"}, []string{"p", "s", "g", "x"}}, {"shown", []string{"g"}, []string{"p", "s", "g", "x", "y"}}, {"mine", []string{"x"}, []string{"p", "s", "g", "x"}},
	} {
		var want, got []string
		for _, it := range model {
			if slices.ContainsFunc(ix.needs, func(n string) bool { return it.Get(n) == nil }) {
				continue
			}
			it = slices.DeleteFunc(slices.Clone(it), func(a item.Attribute) bool { return ix.shows != nil && !slices.Contains(ix.shows, a.Name) })
			want = append(want, show(it))
		}
		in := dynamodb.ScanInput{TableName: str("tab")}
		if ix.name != "" {
			in.IndexName = str(ix.name)
		}
		for _, it := range w.scanAll(in) {
			got = append(got, show(it))
		}
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			r.Fatalf("index %q shows %v, want %v", ix.name, got, want)
		}
	}
	if faults := w.faults(); faults != nil {
		r.Fatalf("verified: %s", strings.Join(faults, "\n"))
	}
	must(w, dynamodb.DeleteTable, dynamodb.DeleteTableInput{TableName: str("tab")})
	if left := w.rows(); len(left) > 0 {
		r.Fatalf("rows left after all: %s", strings.Join(left, "\n"))
	}
}

// faults are what an inspection of all rows finds.
func (w *world) faults() (faults []string) {
	var i Inspection
	learn := i.Learners()
	census := &record.Census{Rules: i.Inspectors(), Fault: func(k kv.Key, text string) { faults = append(faults, record.Text(k)+": "+text) }, Names: func(string) {}}
	each := func(fn func(k kv.Key, v []byte)) {
		if err := w.s.db.Dump(context.Background(), func(k kv.Key, v []byte) error { fn(k, v); return nil }); err != nil {
			w.t.Fatal(err)
		}
	}
	each(func(k kv.Key, v []byte) { record.Named(learn, k, v) }) //nolint:errcheck // what is wrong shows in the census
	each(census.Pair)
	if census.Again() {
		each(census.Pair)
		census.Left()
	}
	return faults
}

// rows are the keys of all rows in the store.
func (w *world) rows() (keys []string) {
	err := w.s.db.View(context.Background(), func(tx *kv.Tx) error {
		return tx.Scan(kv.Range{From: kv.Key{0}}, func(k kv.Key, _ []byte) bool {
			parts, err := k.Parts()
			keys = append(keys, fmt.Sprintf("%q %v", parts, err))
			return true
		})
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return keys
}
