package tables

import (
	"fmt"
	"strings"
	"testing"

	"bothy/api/dynamodb"
	"bothy/wire"
	"bothy/wire/item"
)

// TestTransactionsWithManyEntries: what a transaction writes into many indexes may be more than one transaction of a store holds. That is
// refused as its size, and nothing of it is kept.
func TestTransactionsWithManyEntries(t *testing.T) {
	w := newWorld(t)
	var indexes []string
	for i := range maxGlobalIndexes {
		indexes = append(indexes, fmt.Sprintf("all%d h%d:S r%d:S ALL", i, i, i))
	}
	w.table("tab", "p:S s:S", indexes...)
	must(w, dynamodb.UpdateTable, dynamodb.UpdateTableInput{TableName: str("tab"), StreamSpecification: &dynamodb.StreamSpecification{StreamEnabled: wire.Some(true), StreamViewType: str("NEW_AND_OLD_IMAGES")}})
	puts := func(round, items int) (in dynamodb.TransactWriteItemsInput) {
		for n := range items {
			it := item.Item{{Name: "p", Value: item.Text("p")}, {Name: "s", Value: item.Text(fmt.Sprint(n, strings.Repeat("s", 1000)))}}
			for i := range maxGlobalIndexes {
				it = append(it, item.Attribute{Name: fmt.Sprint("h", i), Value: item.Text(fmt.Sprint(round, n, strings.Repeat("h", 1000)))},
					item.Attribute{Name: fmt.Sprint("r", i), Value: item.Text(fmt.Sprint(round, strings.Repeat("r", 1000)))})
			}
			in.TransactItems = append(in.TransactItems, dynamodb.TransactWriteItem{Put: &dynamodb.Put{TableName: str("tab"), Item: it}})
		}
		return in
	}
	must(w, dynamodb.TransactWriteItems, puts(0, 50))
	must(w, dynamodb.TransactWriteItems, puts(0, 95))
	_, err := do(w, w.root, dynamodb.TransactWriteItems, puts(1, 95))
	w.refused(err, "ValidationException", "Aggregated size of the items in the transaction has exceeded the maximum allowed size of 4 MB")
	for _, it := range w.scanAll(dynamodb.ScanInput{TableName: str("tab")}) {
		if it.Get("r0").Str[0] != '0' {
			t.Fatalf("%.20s is left", it.Get("r0").Str)
		}
	}
}
