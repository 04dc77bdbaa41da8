package tables

import (
	"fmt"
	"strings"
	"testing"
)

const tooLarge, tooLargeNow = "ValidationException: Item size has exceeded the maximum allowed size", "ValidationException: Item size to update has exceeded the maximum allowed size"

// filler is an attribute b that is n bytes, its name among them.
func filler(n int) string { return "{'S': '" + strings.Repeat("x", n-1) + "'}" }

// TestFactsOfItemSizes: an item of 409,600 bytes is taken and one of a byte more is not, whoever writes it.
func TestFactsOfItemSizes(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "k:S")
	const key = 2 // bytes of k
	cancelled := "TransactionCanceledException: Transaction cancelled, please refer cancellation reasons for specific reasons [ValidationError]"
	for _, s := range []struct{ op, in, over string }{
		{"PutItem", "'Item': {'k': {'S': 'a'}, 'b': %s}", tooLarge},
		{"BatchWriteItem", "'RequestItems': {'tab': [{'PutRequest': {'Item': {'k': {'S': 'a'}, 'b': %s}}}]}", tooLarge},
		{"ExecuteStatement", `'Statement': 'UPDATE tab SET b = ? WHERE k = \u0027a\u0027', 'Parameters': [%s]`, tooLargeNow},
		{"TransactWriteItems", "'TransactItems': [{'Put': {'TableName': 'tab', 'Item': {'k': {'S': 'a'}, 'b': %s}}}]", tooLarge},
		{"TransactWriteItems", "'TransactItems': [{'Update': {'TableName': 'tab', 'Key': {'k': {'S': 'a'}}, 'UpdateExpression': 'SET b = :b', 'ExpressionAttributeValues': {':b': %s}}}]", cancelled},
		{"TransactWriteItems", "'TransactItems': [{'Update': {'TableName': 'tab', 'Key': {'k': {'S': 'n'}}, 'UpdateExpression': 'SET b = :b', 'ExpressionAttributeValues': {':b': %s}}}]", cancelled},
	} {
		w.hold(fact{s.op, fmt.Sprintf(s.in, filler(maxItem-key)), ""}, fact{s.op, fmt.Sprintf(s.in, filler(maxItem-key+1)), s.over})
	}
	w.hold(
		fact{"DeleteItem", "'Key': {'k': {'S': 'a'}}", "{}"},
		fact{"ExecuteStatement", `'Statement': 'INSERT INTO tab VALUE {\u0027k\u0027: \u0027a\u0027, \u0027b\u0027: ?}', 'Parameters': [` + filler(maxItem-key+1) + `]`, tooLarge},
		fact{"", `'Statement': 'INSERT INTO tab VALUE {\u0027k\u0027: \u0027a\u0027, \u0027b\u0027: ?}', 'Parameters': [` + filler(maxItem-key) + `]`, ""},
	)
	for _, n := range []int{1, 4, 9} { // more attributes cost nothing besides themselves
		more := ""
		for i := range n {
			more += fmt.Sprintf(", 'a%d': {'S': 'yyyyyyyyyy'}", i)
		}
		in := "'Item': {'k': {'S': 'a'}, 'b': %s" + more + "}"
		w.hold(fact{"PutItem", fmt.Sprintf(in, filler(maxItem-key-12*n)), "{}"}, fact{"", fmt.Sprintf(in, filler(maxItem-key-12*n+1)), tooLarge})
	}
	large := strings.Repeat("x", 4200)
	for _, value := range []string{
		"{'M': {'x': {'M': {'y': {'M': {'z': {'S': '" + strings.Repeat("x", 410_000) + "'}}}}}}}",
		"{'L': [" + strings.TrimSuffix(strings.Repeat("{'S': '"+large+"'}, ", 100), ", ") + "]}",
		"{'SS': ['" + numbered(large, 100) + "']}",
		"{'B': '" + strings.Repeat("AAAA", 410_000/3+1) + "'}",
		"{'L': [" + strings.TrimSuffix(strings.Repeat("{'N': '"+strings.Repeat("9", 38)+"'}, ", 21000), ", ") + "]}",
	} {
		w.hold(fact{"PutItem", "'Item': {'k': {'S': 'a'}, 'v': " + value + "}", tooLarge})
	}
	w.hold(
		fact{"PutItem", "'Item': {'k': {'S': 'a'}, 'v': {'L': [" + strings.TrimSuffix(strings.Repeat("{'N': '"+strings.Repeat("9", 38)+"'}, ", 15000), ", ") + "]}}", "{}"},
		fact{"PutItem", "'Item': {'k': {'S': 'a'}, 'v': {'B': '" + strings.Repeat("AAAA", 350_000/3) + "'}}", "{}"},
	)
}

// numbered are n different strings that end with text, as members of a set.
func numbered(text string, n int) string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprint(i) + text
	}
	return strings.Join(list, "', '")
}

// TestFactsOfNumberSizes: what a number takes in an item, seen where the item is as large as it may be.
func TestFactsOfNumberSizes(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "k:S")
	for number, size := range map[string]int{
		"0": 1, "1": 2, "12": 2, "123": 3, "1234": 3, "12345678901234567890123456789012345678": 20, "0042": 2, "100": 2, "1010": 3, "0.0000001": 2, "1E125": 2, "1E-100": 2,
		"1.5": 3, "15": 2, "1.2": 3, "1.200": 3, "1.234": 4, "3.14159": 5, "123456": 4, "100.5": 4, "0.15": 2, "-42": 3, "-0": 1,
	} {
		in := "'Item': {'k': {'S': 'a'}, 'n': {'N': '" + number + "'}, 'b': %s}"
		room := maxItem - 2 - 1 - size
		w.hold(fact{"PutItem", fmt.Sprintf(in, filler(room)), "{}"}, fact{"", fmt.Sprintf(in, filler(room+1)), tooLarge})
	}
}

// TestFactsOfUpdateSizes: UpdateItem counts what it writes and something for each action, besides the item it leaves.
func TestFactsOfUpdateSizes(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "k:S")
	w.table("two", "k:S c:S")
	w.table("named", "partitionKeyName:S")
	for _, c := range []struct {
		table, key string
		seed       string // attributes that are there
		update     string // sets b to :b
		values     string
		rest       int // bytes of the item besides b
		ceiling    int // of the item
	}{
		{"tab", "'k': {'S': 'a'}", "", "SET b = :b", "", 2, maxItem - 20},
		{"tab", "'k': {'S': '" + strings.Repeat("a", 100) + "'}", "", "SET b = :b", "", 101, maxItem},
		{"tab", "'k': {'S': '" + strings.Repeat("a", 16) + "'}", "", "SET b = :b", "", 17, maxItem - 5},
		{"named", "'partitionKeyName': {'S': 'a'}", "", "SET b = :b", "", 17, maxItem - 5},
		{"two", "'k': {'S': 'a'}, 'c': {'S': 'b'}", "", "SET b = :b", "", 4, maxItem - 18},
		{"tab", "'k': {'S': 'b'}", "", "SET b = :b, c = :c", ", ':c': {'S': 'y'}", 4, maxItem - 39},
		{"tab", "'k': {'S': 'c'}", "", "SET b = :b, c = :c", ", ':c': {'S': '" + strings.Repeat("y", 500) + "'}", 503, maxItem - 39},
		{"tab", "'k': {'S': 'd'}", ", 'r': {'S': 'z'}", "SET b = :b REMOVE r", "", 2, maxItem - 22},
		{"tab", "'k': {'S': 'e'}", ", 'u': {'S': 'yyyyyyyyyy'}", "SET b = :b", "", 13, maxItem - 9},
	} {
		in := fmt.Sprintf("'TableName': '%s', 'Key': {%s}, 'UpdateExpression': '%s', 'ExpressionAttributeValues': {':b': %%s%s}", c.table, c.key, c.update, c.values)
		w.hold(fact{"PutItem", fmt.Sprintf("'TableName': '%s', 'Item': {%s%s}", c.table, c.key, c.seed), "{}"})
		w.hold(fact{"UpdateItem", fmt.Sprintf(in, filler(c.ceiling-c.rest+1)), tooLargeNow}, fact{"", fmt.Sprintf(in, filler(c.ceiling-c.rest)), "{}"})
	}
	const list = maxItem - 3 - 1 - 22 - 1 // bytes of the element of a list that fills what UpdateItem writes at once; its own and the list's count
	element := func(n int) string { return "{'S': '" + strings.Repeat("x", n) + "'}" }
	whole, index := "'Key': {'k': {'S': 'f'}}, 'UpdateExpression': 'SET d = :v', 'ExpressionAttributeValues': {':v': {'L': [%s]}}", "'Key': {'k': {'S': 'f'}}, 'UpdateExpression': 'SET d[0] = :v', 'ExpressionAttributeValues': {':v': %s}"
	w.hold(
		fact{"UpdateItem", fmt.Sprintf(whole, element(list+1)), tooLargeNow},
		fact{"", fmt.Sprintf(whole, element(list)), "{}"},
		fact{"", fmt.Sprintf(whole, element(1)), "{}"},
		fact{"", fmt.Sprintf(index, element(list)), tooLargeNow}, // a path into a list costs a byte more
		fact{"", fmt.Sprintf(index, element(list-1)), "{}"},
	)
	const leaf = list - 1 // in a map the name counts
	mapped, path := "'Key': {'k': {'S': 'g'}}, 'UpdateExpression': 'SET d = :v', 'ExpressionAttributeValues': {':v': {'M': {'l': %s}}}", "'Key': {'k': {'S': 'g'}}, 'UpdateExpression': 'SET d.l = :v', 'ExpressionAttributeValues': {':v': %s}"
	w.hold(
		fact{"UpdateItem", fmt.Sprintf(mapped, element(leaf+1)), tooLargeNow},
		fact{"", fmt.Sprintf(mapped, element(leaf)), "{}"},
		fact{"", fmt.Sprintf(path, element(leaf+1)), tooLargeNow},
		fact{"", fmt.Sprintf(path, element(leaf)), "{}"},
	)
}
