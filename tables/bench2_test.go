package tables

import (
	"fmt"
	"strings"
	"testing"

	"bothy/api/dynamodb"
	"bothy/kv"
	"bothy/kv/pebblekv"
	"bothy/wire/item"
)

// BenchmarkIndexPage reads a whole page through an index of a store on disk that shows little of large items.
func BenchmarkIndexPage(b *testing.B) {
	engine, err := pebblekv.Open(b.TempDir(), pebblekv.Options{})
	if err != nil {
		b.Fatal(err)
	}
	db := kv.New(engine)
	defer db.Close()
	w := worldOn(b, db)
	const items = 600
	w.table("tab", "p:S", "keys g:S KEYS_ONLY", "few g:S INCLUDE:a", "more g:S INCLUDE:m", "all g:S ALL")
	body := strings.Repeat("x", 390<<10)
	for i := range items {
		it := doc(fmt.Sprintf(`{'p': {'S': 'item-%06d'}, 'g': {'S': 'g'}, 'a': {'S': 'a%06d'}, 'm': {'S': '%s'}}`, i, i, strings.Repeat("m", 3<<10)))
		must(w, dynamodb.PutItem, putInput("tab", append(it, item.Attribute{Name: "body", Value: item.Text(body)})))
	}
	for _, index := range []string{"keys", "few", "more", "all"} {
		b.Run(index, func(b *testing.B) {
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				out, err := do(w, w.root, dynamodb.Query, dynamodb.QueryInput{TableName: str("tab"), IndexName: str(index), KeyConditionExpression: str("g = :g"), ExpressionAttributeValues: doc(`{':g': {'S': 'g'}}`)})
				if err != nil {
					b.Fatal(err)
				}
				n = int(out.Count.V)
			}
			b.ReportMetric(float64(n), "items")
		})
	}
}

// BenchmarkPutShown writes items that indexes show a part of: new ones, and such whose shown part changes.
func BenchmarkPutShown(b *testing.B) {
	for _, projection := range []string{"KEYS_ONLY", "INCLUDE:title,n", "ALL"} {
		b.Run(projection, func(b *testing.B) {
			w := newWorld(b)
			w.table("notes", "userId:S noteId:S", "byTitle title:S created:N "+projection)
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				it := benchItem(n % 10)
				it[len(it)-1].Value = item.Number(fmt.Sprint(n))
				n++
				if _, err := do(w, w.root, dynamodb.PutItem, putInput("notes", it)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
