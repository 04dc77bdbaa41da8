package tables

import (
	"fmt"
	"strings"
	"testing"
)

// vectorJSON is a vector index on v as CreateTable takes it, with elements of a SearchSchema given as "name:ROLE".
func vectorJSON(name string, dimensions int, distance, projection string, elements ...string) string {
	var schema []string
	for _, e := range elements {
		name, role, _ := strings.Cut(e, ":")
		schema = append(schema, fmt.Sprintf("{'AttributeName': '%s', 'SearchSchemaElementType': '%s'}", name, role))
	}
	search := ""
	if schema != nil {
		search = ", 'SearchSchema': [" + strings.Join(schema, ", ") + "]"
	}
	return fmt.Sprintf("{'IndexName': '%s', 'VectorAttribute': {'AttributeName': 'v'}, 'Dimensions': %d, 'DistanceFunction': '%s', 'Projection': {'ProjectionType': '%s'}%s}", name, dimensions, distance, projection, search)
}

// vectorTableJSON is what CreateTable takes for a table with the key p and vector indexes; more are attributes as "name:TYPE".
func vectorTableJSON(name string, indexes []string, more ...string) string {
	return fmt.Sprintf("'TableName': '%s', 'BillingMode': 'PAY_PER_REQUEST', %s, %s, 'VectorIndexes': [%s]", name, keySchemaJSON("p"), attributes(append([]string{"p:S"}, more...)...), strings.Join(indexes, ", "))
}

// TestFactsOfVectorIndexes: how they are made, described and refused.
func TestFactsOfVectorIndexes(t *testing.T) {
	w := newWorld(t)
	plain := vectorJSON("near", 3, "COSINE", "ALL")
	const tooShort = "ValidationException: 1 validation error detected: Value '%s' at 'vectorIndexes.1.member.%s' failed to satisfy constraint: Member must have %s greater than or equal to %d"
	w.hold(
		fact{"CreateTable", vectorTableJSON("tab", []string{vectorJSON("ne", 3, "COSINE", "ALL")}), fmt.Sprintf(tooShort, "ne", "indexName", "length", 3)},
		fact{"", vectorTableJSON("tab", []string{vectorJSON("near", 0, "COSINE", "ALL")}), fmt.Sprintf(tooShort, "0", "dimensions", "value", 1)},
		fact{"", vectorTableJSON("tab", []string{vectorJSON("most", 4096, "DOT_PRODUCT", "KEYS_ONLY"), plain}), "ValidationException: One or more parameter values were invalid: Conflicting attribute definition for 'v'. All VectorIndexes on the same vector attribute must use the same dimensions."},
		fact{"", vectorTableJSON("most", []string{vectorJSON("most", 4096, "DOT_PRODUCT", "KEYS_ONLY")}), ""},
		fact{"DescribeTable", "'TableName': 'most'", "…'VectorIndexes':[{'Dimensions':4096,'DistanceFunction':'DOT_PRODUCT','IndexArn':'…:table/most/index/most','IndexName':'most','IndexSizeBytes':0,'IndexStatus':'ACTIVE','ItemCount':0,'Projection':{'ProjectionType':'KEYS_ONLY'},'VectorAttribute':{'AttributeName':'v'}}],…}}"},
		fact{"CreateTable", vectorTableJSON("parts", []string{vectorJSON("parts", 2, "EUCLIDEAN", "ALL", "whose:HASH", "kind:INLINE_FILTER")}, "whose:S", "kind:S"), ""},
		fact{"DescribeTable", "'TableName': 'parts'", "…'SearchSchema':[{'AttributeName':'whose','SearchSchemaElementType':'HASH'},{'AttributeName':'kind','SearchSchemaElementType':'INLINE_FILTER'}]…"},
		fact{"CreateTable", vectorTableJSON("tab", []string{plain}), "{'TableDescription':{…'TableName':'tab'…}}"},
		fact{"PutItem", "'Item': {'p': {'S': 'one'}, 'v': {'L': [{'N': '1'}, {'N': '0'}, {'N': '0'}]}}", "{}"},
		// PartiQL reads the table with its vectors, and no vector index.
		fact{"ExecuteStatement", "'TableName': 'tab', 'Statement': 'SELECT * FROM tab.near'", "ValidationException: Scan operation not supported on this index type"},
		fact{"", "'TableName': 'tab', 'Statement': 'SELECT * FROM \\\"tab\\\" WHERE p = ?', 'Parameters': [{'S': 'one'}]", "{'Items':[{'p':{'S':'one'},'v':{'L':[{'N':'1'},{'N':'0'},{'N':'0'}]}}]}"},
	)
}

// TestFactsOfSearches: scores, and what a search shows.
func TestFactsOfSearches(t *testing.T) {
	w := newWorld(t)
	w.hold(fact{"CreateTable", vectorTableJSON("tab", []string{vectorJSON("angle", 3, "COSINE", "ALL"), vectorJSON("length", 3, "EUCLIDEAN", "ALL"), vectorJSON("product", 3, "DOT_PRODUCT", "ALL"), vectorJSON("parts", 3, "COSINE", "ALL", "whose:HASH", "kind:INLINE_FILTER")}, "whose:S", "kind:S"), ""})
	for p, v := range map[string][3]string{"same": {"1", "0", "0"}, "across": {"0", "1", "0"}, "back": {"-1", "0", "0"}, "between": {"0.6", "0.8", "0"}} {
		w.hold(fact{"PutItem", fmt.Sprintf("'Item': {'p': {'S': '%s'}, 'x': {'S': 'of %s'}, 'whose': {'S': 'ann'}, 'kind': {'S': '%s'}, 'v': {'L': [{'N': '%s'}, {'N': '%s'}, {'N': '%s'}]}}", p, p, v[0], v[0], v[1], v[2]), "{}"})
	}
	to := func(index string, k int, more string) string {
		return fmt.Sprintf("'IndexName': '%s', 'SearchVector': [{'N': '1'}, {'N': '0'}, {'N': '0'}], 'TopK': %d%s", index, k, more)
	}
	scores := func(list ...string) string {
		var b strings.Builder
		for i := 0; i < len(list); i += 2 {
			fmt.Fprintf(&b, "…'p':{'S':'%s'}…'Score':%s", list[i], list[i+1])
		}
		return "{'SearchResults':[" + b.String() + "…}]}"
	}
	const both = ", 'SearchConditionExpression': 'whose = :o AND kind = :k', 'ExpressionAttributeValues': {':o': {'S': '%s'}, ':k': {'S': '1'}}"
	shown := "{'Item':{'kind':{'S':'1'},'p':{'S':'same'},'whose':{'S':'ann'},'x':{'S':'of same'}},'Score':0}"
	w.hold(
		fact{"SearchVectors", to("angle", 100, ""), scores("same", "0", "between", "0.3999999", "across", "1", "back", "2")},
		fact{"", to("length", 10, ""), scores("same", "0", "between", "0.894427", "across", "1.414213", "back", "2")},
		fact{"", to("product", 10, ""), scores("same", "1", "between", "0.600000", "across", "0", "back", "-1")},
		fact{"", to("angle", 1, ""), "{'SearchResults':[" + shown + "]}"}, // without the vector
		fact{"", to("angle", 1, ", 'ProjectionExpression': 'p, v'"), "{'SearchResults':[{'Item':{'p':{'S':'same'},'v':{'L':[{'N':'1'},{'N':'0'},{'N':'0'}]}},'Score':0}]}"},
		fact{"", to("parts", 10, fmt.Sprintf(both, "ann")), "{'SearchResults':[" + shown + "]}"},
		fact{"", to("parts", 10, fmt.Sprintf(both, "bob")), "{'SearchResults':[]}"},
		// An item that lacks the attribute that divides an index is in the others only; one without its vector is in none.
		fact{"UpdateItem", "'Key': {'p': {'S': 'same'}}, 'UpdateExpression': 'REMOVE whose'", "{}"},
		fact{"SearchVectors", to("parts", 10, fmt.Sprintf(both, "ann")), "{'SearchResults':[]}"},
		fact{"", to("angle", 1, ""), "{'SearchResults':[{…'p':{'S':'same'}…}]}"},
		fact{"UpdateItem", "'Key': {'p': {'S': 'same'}}, 'UpdateExpression': 'REMOVE v'", "{}"},
		fact{"SearchVectors", to("product", 10, ""), scores("between", "0.600000", "across", "0", "back", "-1")},
		fact{"GetItem", "'Key': {'p': {'S': 'same'}}, 'ConsistentRead': true", "{'Item':{'kind':{'S':'1'},'p':{'S':'same'},'x':{'S':'of same'}}}"},
		// The table keeps all digits, the index those of 32 bits.
		fact{"PutItem", "'Item': {'p': {'S': 'same'}, 'v': {'L': [{'N': '0.1'}, {'N': '16777217'}, {'N': '1.000000059604644775390625'}]}}", "{}"},
		fact{"GetItem", "'Key': {'p': {'S': 'same'}}", "{'Item':{'p':{'S':'same'},'v':{'L':[{'N':'0.1'},{'N':'16777217'},{'N':'1.000000059604644775390625'}]}}}"},
		fact{"SearchVectors", "'IndexName': 'product', 'SearchVector': [{'N': '0'}, {'N': '1'}, {'N': '0'}], 'TopK': 1, 'ProjectionExpression': 'v'", "{'SearchResults':[{'Item':{'v':{'L':[{'N':'0.1'},{'N':'16777216'},{'N':'1'}]}},'Score':16777216}]}"},
	)
}

// TestFactsOfVectorCapacity: bytes where they are asked for, beside the units of the table.
func TestFactsOfVectorCapacity(t *testing.T) {
	w := newWorld(t)
	const search, item = "'IndexName': 'near', 'SearchVector': [{'N': '1'}, {'N': '0'}], 'TopK': 1, 'ReturnConsumedCapacity': '%s'", "'ReturnConsumedCapacity': '%s', 'Item': {'p': {'S': '%s'}, 'v': {'L': [{'N': '0.5'}, {'N': '0'}]}}"
	const units, ofTable, bytes = "'CapacityUnits':1,'TableName':'tab'", "'CapacityUnits':1,'Table':{'CapacityUnits':1},'TableName':'tab'", ",'VectorIndexes':{'near':{'VectorWriteRequestBytes':1024}}"
	w.hold(
		fact{"CreateTable", vectorTableJSON("tab", []string{vectorJSON("near", 2, "COSINE", "ALL")}), ""},
		fact{"PutItem", fmt.Sprintf(item, "INDEXES", "a"), "{'ConsumedCapacity':{" + ofTable + bytes + "}}"},
		fact{"", fmt.Sprintf(item, "INDEXES", "a"), "{'ConsumedCapacity':{" + ofTable + "}}"}, // nothing changed
		fact{"", fmt.Sprintf(item, "TOTAL", "b"), "{'ConsumedCapacity':{" + units + "}}"},
		fact{"", "'ReturnConsumedCapacity': 'INDEXES', 'Item': {'p': {'S': 'c'}, 'x': {'S': 'no vector'}}", "{'ConsumedCapacity':{" + ofTable + "}}"},
		fact{"SearchVectors", fmt.Sprintf(search, "TOTAL"), "{'ConsumedCapacity':{'VectorSearchRequestBytes':1024},'SearchResults':[…]}"},
		fact{"", fmt.Sprintf(search, "INDEXES"), "{'ConsumedCapacity':{'VectorSearchRequestBytes':1024},'SearchResults':[…]}"},
		fact{"", fmt.Sprintf(search, "NONE"), "{'SearchResults':[{'Item':{…},'Score':0}]}"},
	)
}

// TestFactsOfVectorSizes: a write is charged four bytes for each dimension of a vector, whatever its numbers; a read, and the limit
// of an item, count the numbers. What an index charges is the size of what it shows.
func TestFactsOfVectorSizes(t *testing.T) {
	w := newWorld(t)
	const wide, dims = "98765432109876543210987654321098765432", 6 // each 20 bytes, and one for being in a list
	vector := strings.TrimSuffix(strings.Repeat("{'N': '"+wide+"'}, ", dims), ", ")
	item := func(p string, rest int) string { // of the key's name and value, v's and x's names, and so many bytes more
		return fmt.Sprintf("'Item': {'p': {'S': '%s'}, 'v': {'L': [%s]}, 'x': {'S': '%s'}}", p, vector, strings.Repeat("x", rest-len("p"+p+"v"+"x")))
	}
	const numbers = 3 + dims*21
	put := func(p string, rest, units int) fact {
		return fact{"PutItem", "'ReturnConsumedCapacity': 'TOTAL', " + item(p, rest), fmt.Sprintf("{'ConsumedCapacity':{'CapacityUnits':%d,'TableName':'tab'}}", units)}
	}
	charged := func(p, more, want string) fact {
		return fact{"PutItem", fmt.Sprintf("'ReturnConsumedCapacity': 'INDEXES', 'Item': {'p': {'S': '%s'}, 'v': {'L': [%s]}%s}", p, vector, more), "{'ConsumedCapacity':{…'TableName':'tab'" + want + "}}"}
	}
	blob := ", 'x': {'S': '" + strings.Repeat("x", 1500) + "'}"
	const all = 1500 + len("xv") + 4*dims + len("p")
	w.hold(
		fact{"CreateTable", vectorTableJSON("tab", []string{vectorJSON("all", dims, "COSINE", "ALL"), vectorJSON("keys", dims, "COSINE", "KEYS_ONLY")}), ""},
		put("a", 1024-4*dims, 1), put("b", 1025-4*dims, 2), put("c", 4096-4*dims, 4),
		fact{"DescribeTable", "", fmt.Sprintf("{'Table':{…'TableSizeBytes':%d,…}}", 1024+1025+4096)},
		fact{"GetItem", "'Key': {'p': {'S': 'c'}}, 'ConsistentRead': true, 'ReturnConsumedCapacity': 'TOTAL', 'ProjectionExpression': 'p'", "{'ConsumedCapacity':{'CapacityUnits':2,'TableName':'tab'},'Item':{'p':{'S':'c'}}}"},
		fact{"DeleteItem", "'Key': {'p': {'S': 'a'}}, 'ReturnConsumedCapacity': 'TOTAL'", "{'ConsumedCapacity':{'CapacityUnits':1,'TableName':'tab'}}"},
		put("d", maxItem-numbers, 400),
		fact{"PutItem", item("e", maxItem-numbers+1), "ValidationException: Item size has exceeded the maximum allowed size"},
		charged("f", "", ",'VectorIndexes':{'all':{'VectorWriteRequestBytes':1024},'keys':{'VectorWriteRequestBytes':1024}}"),
		charged("g", blob, fmt.Sprintf(",'VectorIndexes':{'all':{'VectorWriteRequestBytes':%d},'keys':{'VectorWriteRequestBytes':1024}}", all+len("g"))),
		charged("g", blob+", 'y': {'S': 'new'}", fmt.Sprintf(",'VectorIndexes':{'all':{'VectorWriteRequestBytes':%d}}", all+len("g")+len("ynew"))), // the keys are as they were
		charged("g", blob+", 'y': {'S': 'new'}", ""),
	)
}

// TestFactsOfIndexesBeingMade: what is refused until they are there.
func TestFactsOfIndexesBeingMade(t *testing.T) {
	w := newWorld(t)
	create := func(name string) string {
		return "{'Create': " + vectorJSON(name, 2, "COSINE", "KEYS_ONLY") + "}"
	}
	const one = "LimitExceededException: Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table"
	const search = "'IndexName': 'near', 'SearchVector': [{'N': '1'}, {'N': '0'}], 'TopK': 1"
	w.hold(
		fact{"CreateTable", vectorTableJSON("tab", []string{vectorJSON("near", 2, "COSINE", "ALL")}), ""},
		fact{"UpdateTable", "'VectorIndexUpdates': [" + create("second") + ", " + create("third") + "]", one},
	)
	busy := fact{"DeleteTable", "", "ResourceInUseException: Attempt to change a resource which is still in use: Cannot delete table while indexes are being created, updated, or deleted."}
	w.half("tab", func(t *table) { t.Vectors[0].Status = statusCreating })
	w.hold(
		fact{"DescribeTable", "", "{'Table':{…'TableStatus':'ACTIVE'…'VectorIndexes':[{'Backfilling':true,…'IndexStatus':'CREATING'…}],'WarmThroughput':…}}"},
		fact{"UpdateTable", "'VectorIndexUpdates': [" + create("second") + "]", one},
		fact{"SearchVectors", search, "ValidationException: Cannot search backfilling vector index: near"},
		busy,
	)
	w.half("tab", func(t *table) { t.Vectors[0].Status = statusDeleting })
	w.hold(busy, fact{"SearchVectors", search, "ValidationException: The table does not have the specified index: near"})
	w.half("tab", func(t *table) { t.Vectors[0].Status = statusCreating })
	w.hold(
		fact{"UpdateTable", "'VectorIndexUpdates': [{'Delete': {'IndexName': 'near'}}]", "…'TableStatus':'UPDATING'…"}, // it may be given up
		fact{"DescribeTable", "", "{'Table':{…'TableStatus':'ACTIVE','WarmThroughput':…}}"},
		fact{"DeleteTable", "", ""},
	)
	w.table("tab", "p:S", "byX x:S ALL")
	w.half("tab", func(t *table) { t.Indexes[0].Status = statusCreating })
	w.hold(
		busy,
		fact{"UpdateTable", "'GlobalSecondaryIndexUpdates': [{'Update': {'IndexName': 'byX', 'OnDemandThroughput': {'MaxReadRequestUnits': 5}}}]", "ResourceInUseException: Attempt to change a resource which is still in use: Index is being created. Table: tab Index: byX"},
		fact{"", "'GlobalSecondaryIndexUpdates': [{'Delete': {'IndexName': 'byX'}}]", "…'IndexStatus':'DELETING'…"},
		fact{"DeleteTable", "", ""},
	)
}
