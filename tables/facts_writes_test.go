package tables

import (
	"fmt"
	"strings"
	"testing"
)

// TestFactsOfIndexCapacity: what writes consume of indexes. An index that a write costs nothing is not told.
func TestFactsOfIndexCapacity(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "team:S no:S", "byCity city:S INCLUDE:rank", "-byRank team:S level:S ALL")
	const asked = ", 'ReturnConsumedCapacity': 'INDEXES'"
	used := func(table, global, local int) string {
		one := func(n int) string { return fmt.Sprintf("'CapacityUnits':%d", n) }
		c := "{" + one(table+global+local)
		if global > 0 {
			c += ",'GlobalSecondaryIndexes':{'byCity':{" + one(global) + "}}"
		}
		if local > 0 {
			c += ",'LocalSecondaryIndexes':{'byRank':{" + one(local) + "}}"
		}
		return c + ",'Table':{" + one(table) + "},'TableName':'tab'}"
	}
	single := func(table, global, local int) string {
		return "{'ConsumedCapacity':" + used(table, global, local) + "}"
	}
	n := 0
	fresh := func(attributes string) string { // an item that was not there
		n++
		return fmt.Sprintf("'Item': {'team': {'S': 'blue'}, 'no': {'S': '%d'}%s}", n, attributes)
	}
	const city, level, rank, nick = ", 'city': {'S': 'graz'}", ", 'level': {'S': 'low'}", ", 'rank': {'S': 'first'}", ", 'nick': {'S': 'x'}"
	w.hold(
		fact{"PutItem", fresh(city+rank) + asked, single(1, 1, 0)},
		fact{"", fresh(city+rank) + ", 'ReturnConsumedCapacity': 'TOTAL'", "{'ConsumedCapacity':{'CapacityUnits':2,'TableName':'tab'}}"},
		fact{"", fresh(nick) + asked, single(1, 0, 0)},
		fact{"", fresh(level) + asked, single(1, 0, 1)},
		fact{"", fresh(city+level+rank) + asked, single(1, 1, 1)},
		fact{"", strings.Replace(fresh(city+level+rank), fmt.Sprint(n), fmt.Sprint(n-1), 1) + asked, single(1, 0, 0)}, // the same again
		fact{"", fresh(city) + ", 'ReturnConsumedCapacity': 'NONE'", "{}"},
	)
	for _, c := range []struct {
		update        string
		global, local int
	}{
		{"SET nick = :v", 0, 1}, // only the local index shows it
		{"SET #r = :v", 1, 1},   // both do
		{"SET city = :v", 2, 1}, // one entry goes, one comes
		{"REMOVE city", 1, 1},
		{"SET #l = :v", 0, 2},
		{"SET nick = nick", 0, 0},
	} {
		w.ask("PutItem", fresh(city+level+rank+nick))
		in := fmt.Sprintf("'Key': {'team': {'S': 'blue'}, 'no': {'S': '%d'}}, 'UpdateExpression': '%s'", n, c.update)
		if strings.Contains(c.update, ":v") {
			in += ", 'ExpressionAttributeValues': {':v': {'S': 'new'}}"
		}
		for alias, name := range map[string]string{"#r": "rank", "#l": "level"} {
			if strings.Contains(c.update, alias) {
				in += ", 'ExpressionAttributeNames': {'" + alias + "': '" + name + "'}"
			}
		}
		w.hold(fact{"UpdateItem", in + asked, single(1, c.global, c.local)})
	}
	w.ask("PutItem", fresh(city+level+rank))
	gone := func(no int) string {
		return fmt.Sprintf("'Key': {'team': {'S': 'blue'}, 'no': {'S': '%d'}}", no) + asked
	}
	w.hold(
		fact{"DeleteItem", gone(n), single(1, 1, 1)},
		fact{"", gone(n), single(1, 0, 0)},
		fact{"", gone(3), single(1, 0, 0)},
		fact{"BatchWriteItem", "'RequestItems': {'tab': [{'PutRequest': {" + fresh(city+rank) + "}}, {'PutRequest': {" + fresh(nick) + "}}]}" + asked,
			"{'ConsumedCapacity':[" + used(2, 1, 0) + "],'UnprocessedItems':{}}"},
		fact{"BatchGetItem", "'RequestItems': {'tab': {'Keys': [{'team': {'S': 'blue'}, 'no': {'S': '1'}}]}}" + asked,
			"{'ConsumedCapacity':[{'CapacityUnits':0.5,'Table':{'CapacityUnits':0.5},'TableName':'tab'}],'Responses':{'tab':[{…}]},'UnprocessedKeys':{}}"},
		fact{"GetItem", "'Key': {'team': {'S': 'blue'}, 'no': {'S': 'none'}}, 'ConsistentRead': true" + asked, "{'ConsumedCapacity':{'CapacityUnits':1,'Table':{'CapacityUnits':1},'TableName':'tab'}}"},
		fact{"Query", "'KeyConditionExpression': 'team = :t', 'ExpressionAttributeValues': {':t': {'S': 'none'}}, 'ConsistentRead': true" + asked,
			"{'ConsumedCapacity':{'CapacityUnits':1,'Table':{'CapacityUnits':1},'TableName':'tab'},'Count':0,'Items':[],'ScannedCount':0}"},
	)
}

// TestFactsOfCollectionMetrics: SIZE is answered by tables with local indexes.
func TestFactsOfCollectionMetrics(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "team:S no:S", "-byRank team:S level:S ALL")
	const (
		size      = ", 'ReturnItemCollectionMetrics': 'SIZE'"
		key       = "{'team': {'S': 'blue'}, 'no': {'S': '1'}}"
		gigabytes = "'SizeEstimateRangeGB':[0,1]"
		told      = "{'ItemCollectionMetrics':{'ItemCollectionKey':{'team':{'S':'blue'}}," + gigabytes + "}}"
	)
	w.hold(
		fact{"PutItem", "'Item': " + key + size, told},
		fact{"", "'Item': " + key + strings.Replace(size, "SIZE", "NONE", 1), "{}"},
		fact{"UpdateItem", "'Key': " + key + ", 'UpdateExpression': 'SET x = team'" + size, told},
		fact{"DeleteItem", "'Key': " + key + size, told},
		fact{"BatchWriteItem", "'RequestItems': {'tab': [{'PutRequest': {'Item': " + key + "}}]}" + size,
			"{'ItemCollectionMetrics':{'tab':[{'ItemCollectionKey':{'team':{'S':'blue'}}," + gigabytes + "}]},'UnprocessedItems':{}}"},
		fact{"PutItem", "'Item': " + key + strings.Replace(size, "SIZE", "WEIGHT", 1),
			"ValidationException: 1 validation error detected: Value 'WEIGHT' at 'returnItemCollectionMetrics' failed to satisfy constraint: Member must satisfy enum value set: [SIZE, NONE]"},
	)
}

// TestFactsOfMissingTables: operations on one table that is not there.
func TestFactsOfMissingTables(t *testing.T) {
	w := newWorld(t)
	const none, key = "'TableName': '_none', ", "{'k': {'S': 'a'}}"
	w.hold(
		fact{"PutItem", none + "'Item': " + key, "ResourceNotFoundException: Requested resource not found"},
		fact{"GetItem", none + "'Key': " + key, "ResourceNotFoundException: Requested resource not found"},
		fact{"DeleteItem", none + "'Key': " + key, "ResourceNotFoundException: Requested resource not found"},
		fact{"DescribeTable", "'TableName': '_none'", "ResourceNotFoundException: Requested resource not found: Table: _none not found"},
		fact{"DeleteTable", "'TableName': '_none'", "ResourceNotFoundException: Requested resource not found: Table: _none not found"},
	)
}

// TestFactsOfBatchesOfItems: what batches leave and find.
func TestFactsOfBatchesOfItems(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "k:S")
	w.table("two", "k:S s:S")
	has := func(k string) string { return "{'Item':{'k':{'S':'" + k + "'},'n':{'N':'1'}}}" }
	get := func(k, want string) fact { return fact{"GetItem", "'Key': {'k': {'S': '" + k + "'}}", want} }
	put := func(k string) string { return "{'PutRequest': {'Item': {'k': {'S': '" + k + "'}, 'n': {'N': '1'}}}}" }
	del := func(k string) string { return "{'DeleteRequest': {'Key': {'k': {'S': '" + k + "'}}}}" }
	var keys, items []string
	for i := range 101 {
		keys = append(keys, fmt.Sprintf("{'k': {'S': '%d'}}", i))
		items = append(items, put(fmt.Sprint(i)))
	}
	const done, second = "{'UnprocessedItems':{}}", "{'k': {'S': 'x'}, 's': {'S': 'y'}}"
	w.hold(
		fact{"BatchWriteItem", "'RequestItems': {'tab': [" + put("a") + ", " + put("b") + ", " + put("c") + "]}", done},
		get("a", has("a")), get("c", has("c")),
		fact{"BatchWriteItem", "'RequestItems': {'tab': [" + del("a") + ", " + put("d") + ", " + del("none") + "]}", done},
		get("a", "{}"), get("d", has("d")),
		fact{"BatchWriteItem", "'RequestItems': {'tab': [" + put("e") + "], 'two': [{'PutRequest': {'Item': " + second + "}}]}", done},
		fact{"BatchGetItem", "'RequestItems': {'tab': {'Keys': [{'k': {'S': 'e'}}, {'k': {'S': 'none'}}], 'ConsistentRead': true}, 'two': {'Keys': [" + second + "]}}",
			"{'Responses':{'tab':[{'k':{'S':'e'},'n':{'N':'1'}}],'two':[{'k':{'S':'x'},'s':{'S':'y'}}]},'UnprocessedKeys':{}}"},
		fact{"BatchWriteItem", "'RequestItems': {'tab': [" + del("e") + "], 'two': [{'DeleteRequest': {'Key': " + second + "}}]}", done},
		fact{"BatchGetItem", "'RequestItems': {'tab': {'Keys': [{'k': {'S': 'e'}}]}, 'two': {'Keys': [" + second + "]}}", "{'Responses':{'tab':[],'two':[]},'UnprocessedKeys':{}}"},
		fact{"", "'RequestItems': {'tab': {'Keys': [{'k': {'S': 'b'}}], 'ProjectionExpression': 'nothing'}}", "{'Responses':{'tab':[{}]},'UnprocessedKeys':{}}"},
		fact{"", "'RequestItems': {'tab': {'Keys': [{'k': {'S': 'b'}}], 'ProjectionExpression': 'n, z'}}", "{'Responses':{'tab':[{'n':{'N':'1'}}]},'UnprocessedKeys':{}}"},
		fact{"", "'RequestItems': {'tab': {'Keys': [" + strings.Join(keys, ", ") + "]}}",
			"ValidationException: 1 validation error detected: Value at 'RequestItems.tab.member.Keys' failed to satisfy constraint: Member must have length less than or equal to 100"},
		fact{"", "'RequestItems': {'tab': {'Keys': [" + strings.Join(keys[:100], ", ") + "]}, 'two': {'Keys': [" + second + "]}}", "ValidationException: Too many items requested for the BatchGetItem call"},
		fact{"", "'RequestItems': {}", "ValidationException: 1 validation error detected: Value at 'RequestItems' failed to satisfy constraint: Member must have length greater than or equal to 1"},
		fact{"BatchWriteItem", "'RequestItems': {}", "ValidationException: 1 validation error detected: Value at 'RequestItems' failed to satisfy constraint: Member must have length greater than or equal to 1"},
		fact{"", "'RequestItems': {'tab': [" + strings.Join(items[:26], ", ") + "]}",
			"ValidationException: 1 validation error detected: Value at 'RequestItems.tab.member' failed to satisfy constraint: Member must have length less than or equal to 25"},
		fact{"", "'RequestItems': {'tab': [" + strings.Join(items[:25], ", ") + "], 'two': [{'PutRequest': {'Item': " + second + "}}]}", "ValidationException: Too many items requested for the BatchWriteItem call"},
		fact{"", "'RequestItems': {'tab': [{'PutRequest': {'Item': {'other': {'S': 'x'}}}}]}", "ValidationException: The provided key element does not match the schema"},
	)
}
