package tables

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"bothy/api/dynamodb"
	"bothy/kv"
	"bothy/record"
)

// collectionBytes is what is kept of a collection.
func (w *world) collectionBytes(t *testing.T, table, it string) (n int64) {
	t.Helper()
	if err := w.s.db.View(t.Context(), func(tx *kv.Tx) error {
		def, err := w.s.load(tx, record.In(account, region), table)
		if err == nil {
			n, err = collectionSize(tx, def.collection(doc(it)))
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestCollectionsAreEstimated(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "pk:S sk:S", "-byN pk:S n:N ALL")
	w.table("flat", "pk:S sk:S", "byN n:N ALL")
	const items, size = 2000, 2 * 1000
	for i := range items {
		w.put("tab", fmt.Sprintf(`{'pk': {'S': 'a'}, 'sk': {'S': '%04d'}, 'n': {'N': '1'}, 'v': {'S': '%s'}}`, i, strings.Repeat("x", 986)))
	}
	if got := w.collectionBytes(t, "tab", `{'pk': {'S': 'a'}}`); got < items*size/2 || got > items*size*2 {
		t.Errorf("%d bytes are taken for %d", items*size, got)
	}
	for i := range items {
		must(w, dynamodb.DeleteItem, dynamodb.DeleteItemInput{TableName: str("tab"), Key: doc(fmt.Sprintf(`{'pk': {'S': 'a'}, 'sk': {'S': '%04d'}}`, i))})
	}
	if got := w.collectionBytes(t, "tab", `{'pk': {'S': 'a'}}`); got > items*size/2 {
		t.Errorf("an empty collection has %d bytes", got)
	}
	large := fmt.Sprintf(`{'pk': {'S': 'b'}, 'sk': {'S': 'x'}, 'v': {'S': '%s'}}`, strings.Repeat("x", 100<<10))
	w.put("tab", large)
	if got := w.collectionBytes(t, "tab", `{'pk': {'S': 'b'}}`); got != int64(itemSize(doc(large))) {
		t.Errorf("a large item counts %d", got)
	}
	in := putInput("flat", doc(`{'pk': {'S': 'a'}, 'sk': {'S': 'x'}}`))
	in.ReturnItemCollectionMetrics = str("SIZE")
	if out := must(w, putItem, in); out.ItemCollectionMetrics != nil {
		t.Error("a table without local indexes has collections")
	}
}

func TestCollectionsHaveALimit(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "pk:S sk:S", "-byN pk:S n:N ALL")
	at := func(bytes int64) {
		t.Helper()
		if err := w.s.db.Update(t.Context(), func(tx *kv.Tx) error {
			def, err := w.s.load(tx, record.In(account, region), "tab")
			if err != nil {
				return err
			}
			return tx.Set(def.collection(doc(`{'pk': {'S': 'a'}}`)), binary.BigEndian.AppendUint64([]byte{collectionVersion}, uint64(bytes)))
		}); err != nil {
			t.Fatal(err)
		}
	}
	at(3*gigabyte + gigabyte/2)
	in := putInput("tab", doc(`{'pk': {'S': 'a'}, 'sk': {'S': 'x'}}`))
	in.ReturnItemCollectionMetrics = str("SIZE")
	m := must(w, putItem, in).ItemCollectionMetrics
	if m == nil || show(m.ItemCollectionKey) != `{'pk':{'S':'a'}}` || fmt.Sprint(m.SizeEstimateRangeGB) != "[3 4]" {
		t.Errorf("%+v", m)
	}
	at(maxCollection)
	_, err := do(w, w.root, putItem, putInput("tab", doc(`{'pk': {'S': 'a'}, 'sk': {'S': 'y'}}`)))
	w.refused(err, "ItemCollectionSizeLimitExceededException", "Item collection size limit of 10 gigabytes exceeded")
	_, err = do(w, w.root, dynamodb.TransactWriteItems, dynamodb.TransactWriteItemsInput{TransactItems: []dynamodb.TransactWriteItem{{Put: &dynamodb.Put{TableName: str("tab"), Item: doc(`{'pk': {'S': 'a'}, 'sk': {'S': 'y'}}`)}}}})
	if cancelled := (*dynamodb.TransactionCanceledException)(nil); !errors.As(err, &cancelled) || cancelled.CancellationReasons[0].Code.V != "ItemCollectionSizeLimitExceeded" {
		t.Error(err)
	}
	w.put("tab", `{'pk': {'S': 'b'}, 'sk': {'S': 'y'}}`)
	out := must(w, dynamodb.TransactWriteItems, dynamodb.TransactWriteItemsInput{ReturnItemCollectionMetrics: str("SIZE"), TransactItems: []dynamodb.TransactWriteItem{
		{Delete: &dynamodb.Delete{TableName: str("tab"), Key: doc(`{'pk': {'S': 'a'}, 'sk': {'S': 'x'}}`)}}, {Put: &dynamodb.Put{TableName: str("tab"), Item: doc(`{'pk': {'S': 'b'}, 'sk': {'S': 'z'}}`)}}}})
	if len(out.ItemCollectionMetrics["tab"]) != 2 {
		t.Errorf("%+v", out.ItemCollectionMetrics)
	}
}
