package tables

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"

	"bothy/api/dynamodb"
	"bothy/kv"
	"bothy/kv/pebblekv"
	"bothy/wire"
	"bothy/wire/item"
)

// benchItem is about 300 bytes in ten attributes, as the measurements of the wire layer have it.
func benchItem(i int) item.Item {
	it := doc(`{'userId': {'S': 'us-east-1:3c2a2a7e-9f5d-4a9e-8d0e-7f3a3b1c2d4e'}, 'noteId': {'S': 'note'}, 'title': {'S': 'Shopping list for the weekend'}, 'created': {'N': '1700000000'}, 'done': {'BOOL': false},
		'tags': {'SS': ['home', 'food']}, 'body': {'S': 'milk, bread, butter, apples and a bottle of wine'}, 'place': {'M': {'lat': {'N': '52.52'}, 'lon': {'N': '13.405'}}}, 'steps': {'L': [{'S': 'one'}, {'N': '2'}]}, 'n': {'N': '42'}}`)
	it[1].Value = item.Text(fmt.Sprintf("note-%06d", i))
	return it
}

func benchWorld(b *testing.B, indexes ...string) *world {
	w := newWorld(b)
	w.table("notes", "userId:S noteId:S", indexes...)
	must(w, dynamodb.PutItem, putInput("notes", benchItem(0)))
	return w
}

func BenchmarkPutItem(b *testing.B) {
	w := benchWorld(b)
	it := benchItem(0)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := do(w, w.root, dynamodb.PutItem, putInput("notes", it)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPutItemIndexed(b *testing.B) {
	w := benchWorld(b, "-DateSorted userId:S created:N ALL", "byTitle title:S created:N ALL")
	it := benchItem(0)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := do(w, w.root, dynamodb.PutItem, putInput("notes", it)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkGetItem(b *testing.B) {
	w := benchWorld(b)
	key := benchItem(0)[:2]
	b.ReportAllocs()
	for b.Loop() {
		if _, err := do(w, w.root, dynamodb.GetItem, dynamodb.GetItemInput{TableName: str("notes"), Key: key}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkUpdateItem(b *testing.B) {
	w := benchWorld(b)
	key, one := benchItem(0)[:2], doc(`{':1': {'N': '1'}}`)
	b.ReportAllocs()
	for b.Loop() {
		in := dynamodb.UpdateItemInput{TableName: str("notes"), Key: key, UpdateExpression: str("SET n = if_not_exists(n, :1) + :1"), ExpressionAttributeValues: one, ReturnValues: str("UPDATED_NEW")}
		if _, err := do(w, w.root, dynamodb.UpdateItem, in); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkQuery100(b *testing.B) {
	w := benchWorld(b)
	for i := range 100 {
		must(w, dynamodb.PutItem, putInput("notes", benchItem(i)))
	}
	in := dynamodb.QueryInput{TableName: str("notes"), KeyConditionExpression: str("userId = :u"), ExpressionAttributeValues: item.Item{{Name: ":u", Value: benchItem(0)[0].Value}}}
	b.ReportAllocs()
	for b.Loop() {
		if out, err := do(w, w.root, dynamodb.Query, in); err != nil || out.Count.V != 100 {
			b.Fatal(err)
		}
	}
}

func BenchmarkCodec(b *testing.B) {
	it := benchItem(0)
	row := encodeItem(it, 300)
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			encodeItem(it, 300)
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := decodeOwned(row); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkPebbleParallelPut compares a table without a stream with one that has one, in the same run.
func BenchmarkPebbleParallelPut(b *testing.B) {
	for _, stream := range []string{"", viewBoth} {
		b.Run("stream="+stream, func(b *testing.B) { parallelPut(b, stream) })
	}
}

// worldOnDisk is a world whose store is on disk.
func worldOnDisk(b *testing.B) *world {
	b.Helper()
	engine, err := pebblekv.Open(b.TempDir(), pebblekv.Options{})
	if err != nil {
		b.Fatal(err)
	}
	db := kv.New(engine)
	b.Cleanup(func() { db.Close() }) //nolint:errcheck // its directory goes, too
	return worldOn(b, db)
}

func parallelPut(b *testing.B, stream string) {
	w := worldOnDisk(b)
	if w.table("notes", "userId:S noteId:S"); stream != "" {
		must(w, dynamodb.UpdateTable, dynamodb.UpdateTableInput{TableName: str("notes"), StreamSpecification: &dynamodb.StreamSpecification{StreamEnabled: wire.Some(true), StreamViewType: str(stream)}})
	}
	var next atomic.Int64
	b.SetParallelism(32)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			n := int(next.Add(1))
			it := benchItem(n)
			it[0].Value = item.Text(fmt.Sprintf("user-%d", n))
			if _, err := do(w, w.root, dynamodb.PutItem, putInput("notes", it)); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkSearchVectors looks at 10,000 vectors of 768 dimensions.
func BenchmarkSearchVectors(b *testing.B) {
	w := worldOnDisk(b)
	const rows, dims = 10_000, 768
	w.vectorTable("tab", "p:S", fmt.Sprintf("vix v:%d COSINE ALL", dims))
	r := rand.New(rand.NewPCG(1, 1))
	for i := range rows / 25 {
		var batch []dynamodb.WriteRequest
		for j := range 25 {
			it := item.Item{{Name: "p", Value: item.Text(fmt.Sprint(i*25 + j))}, {Name: "v", Value: vectorValue(randomVector(r, dims))}}
			batch = append(batch, dynamodb.WriteRequest{PutRequest: &dynamodb.PutRequest{Item: it}})
		}
		must(w, dynamodb.BatchWriteItem, dynamodb.BatchWriteItemInput{RequestItems: map[string][]dynamodb.WriteRequest{"tab": batch}})
	}
	in := dynamodb.SearchVectorsInput{TableName: str("tab"), IndexName: str("vix"), TopK: wire.Some(int32(10)), SearchVector: vectorValue(randomVector(r, dims)).More.List}
	b.SetBytes(rows * dims * 4)
	for b.Loop() {
		must(w, dynamodb.SearchVectors, in)
	}
}

// BenchmarkIndexPage reads a whole page through an index of a store on disk that shows little of large items.
func BenchmarkIndexPage(b *testing.B) {
	w := worldOnDisk(b)
	const items = 520
	w.table("tab", "p:S", "keys g:S KEYS_ONLY", "few g:S INCLUDE:a", "more g:S INCLUDE:m", "all g:S ALL")
	body := strings.Repeat("x", 390<<10)
	for i := range items {
		it := doc(fmt.Sprintf(`{'p': {'S': 'item-%06d'}, 'g': {'S': 'g'}, 'a': {'S': 'a%06d'}, 'm': {'S': '%s'}}`, i, i, strings.Repeat("m", maxHeld+50)))
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
