package tables

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"bothy/api/dynamodb"
	"bothy/kv"
	"bothy/wire"
	"bothy/wire/item"

	"pgregory.net/rapid"
)

// TestIndexesAreTheData runs a random history of writes and checks after it that every index shows exactly the items that
// have its keys, in order, and that no entry is left over.
func TestIndexesAreTheData(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		w := newWorld(t)
		w.table("tab", "p:S s:N", "-local p:S x:N ALL", "global x:N KEYS_ONLY", "other g:S x:N ALL")
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
	switch rapid.SampledFrom([]string{"put", "update", "remove", "delete", "transact", "batch", "fail"}).Draw(r, "verb") {
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
	}{{"", nil}, {"local", []string{"x"}}, {"global", []string{"x"}}, {"other", []string{"g", "x"}}} {
		var want, got []string
		for _, it := range model {
			if !slices.ContainsFunc(ix.needs, func(n string) bool { return it.Get(n) == nil }) {
				want = append(want, it.Get("p").Str+it.Get("s").Str)
			}
		}
		in := dynamodb.ScanInput{TableName: str("tab")}
		if ix.name != "" {
			in.IndexName = str(ix.name)
		}
		for _, it := range w.scanAll(in) {
			got = append(got, it.Get("p").Str+it.Get("s").Str)
		}
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			r.Fatalf("index %q shows %v, want %v", ix.name, got, want)
		}
	}
	must(w, dynamodb.DeleteTable, dynamodb.DeleteTableInput{TableName: str("tab")})
	if left := w.rows(); len(left) > 0 {
		r.Fatalf("rows left after all: %s", strings.Join(left, "\n"))
	}
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
