package tables

import (
	"fmt"
	"sync"
	"testing"

	"bothy/api/dynamodb"
	"bothy/kv"
	"bothy/kv/pebblekv"
	"bothy/wire"
	"bothy/wire/item"
)

func pebbleWorld(t *testing.T) *world {
	engine, err := pebblekv.Open(t.TempDir(), pebblekv.Options{})
	if err != nil {
		t.Fatal(err)
	}
	db := kv.New(engine)
	t.Cleanup(func() { db.Close() })
	return worldOn(t, db)
}

func TestNoUpdateIsLost(t *testing.T) {
	w := pebbleWorld(t)
	w.table("tab", "p:S")
	const writers, each = 8, 25
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			for range each {
				in := dynamodb.UpdateItemInput{TableName: str("tab"), Key: doc(`{'p': {'S': 'a'}}`), UpdateExpression: str("ADD n :1, who :w"),
					ExpressionAttributeValues: doc(fmt.Sprintf(`{':1': {'N': '0.1'}, ':w': {'SS': ['%d']}}`, i))}
				if _, err := do(w, w.root, dynamodb.UpdateItem, in); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	out := must(w, dynamodb.GetItem, dynamodb.GetItemInput{TableName: str("tab"), Key: doc(`{'p': {'S': 'a'}}`)}).Item
	if out.Get("n").Str != "20" || len(out.Get("who").More.Set) != writers {
		t.Errorf("after %d increments: %s", writers*each, show(out))
	}
}

// TestAnIndexMadeUnderWritesIsWhole fills an index while items come, change and go.
func TestAnIndexMadeUnderWritesIsWhole(t *testing.T) {
	w := pebbleWorld(t)
	w.table("tab", "p:S")
	item := func(i, g int) item.Item { return doc(fmt.Sprintf(`{'p': {'S': '%d'}, 'g': {'N': '%d'}}`, i, g)) }
	for i := range 300 {
		must(w, dynamodb.PutItem, putInput("tab", item(i, 0)))
	}
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for i := worker; i < 300; i += 4 {
				var err error
				if i%3 == 0 {
					_, err = do(w, w.root, dynamodb.DeleteItem, dynamodb.DeleteItemInput{TableName: str("tab"), Key: item(i, 0)[:1]})
				} else {
					_, err = do(w, w.root, dynamodb.PutItem, putInput("tab", item(i, 1)))
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	must(w, dynamodb.UpdateTable, dynamodb.UpdateTableInput{TableName: str("tab"), AttributeDefinitions: []dynamodb.AttributeDefinition{{AttributeName: str("g"), AttributeType: str("N")}},
		GlobalSecondaryIndexUpdates: []dynamodb.GlobalSecondaryIndexUpdate{{Create: &dynamodb.CreateGlobalSecondaryIndexAction{IndexName: str("byG"), KeySchema: []dynamodb.KeySchemaElement{{AttributeName: str("g"), KeyType: str("HASH")}}, Projection: &dynamodb.Projection{ProjectionType: str("ALL")}}}}})
	wg.Wait()
	for g, want := range []int{0, 200} {
		in := dynamodb.QueryInput{TableName: str("tab"), IndexName: str("byG"), KeyConditionExpression: str("g = :g"), ExpressionAttributeValues: doc(fmt.Sprintf(`{':g': {'N': '%d'}}`, g))}
		if got := len(w.all(in, 0)); got != want {
			t.Errorf("g = %d: %d items, want %d", g, got, want)
		}
	}
}

// TestATableDeletedUnderWritesLeavesNothing deletes a table while items are put.
func TestATableDeletedUnderWritesLeavesNothing(t *testing.T) {
	w := pebbleWorld(t)
	w.table("tab", "p:S", "byG g:N ALL")
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for i := range 50 {
				_, err := do(w, w.root, dynamodb.PutItem, putInput("tab", doc(fmt.Sprintf(`{'p': {'S': '%d-%d'}, 'g': {'N': '1'}}`, worker, i))))
				if f, ok := err.(wire.Fault); err != nil && !ok {
					t.Errorf("%v %v", err, f)
				}
			}
		})
	}
	must(w, dynamodb.DeleteTable, dynamodb.DeleteTableInput{TableName: str("tab")})
	wg.Wait()
	if left := w.rows(); len(left) > 0 {
		t.Errorf("%d rows left, first %s", len(left), left[0])
	}
}
