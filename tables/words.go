package tables

import (
	"slices"
	"strings"

	"bothy/api/dynamodb"
	"bothy/wire"
)

// words tells which constraints of the model an input does not meet, as DynamoDB does: its operations were not all made with the
// same means, and not all say it alike.
func words(op *wire.OpInfo, in any, found []wire.Violation) string {
	for i := range found {
		found[i].Must = reordered(found[i].Must)
	}
	switch in := in.(type) {
	case *dynamodb.CreateTableInput:
		return creationWords(in, found)
	case *dynamodb.BatchGetItemInput:
		return wire.Detected(wordsOf(found, batchGetWords)...)
	case *dynamodb.BatchWriteItemInput:
		if found[0].At == "requestItems" && found[0].Value == "'{}'" {
			return "The requestItems parameter is required for BatchWriteItem"
		}
		return wire.Detected(wordsOf(found, batchWriteWords)...)
	case *dynamodb.QueryInput:
		return wire.Detected(wordsOf(found, queryWords)...)
	case *dynamodb.PutItemInput, *dynamodb.UpdateItemInput, *dynamodb.DeleteItemInput:
		return writeWords(op.Name, found)
	}
	return wire.Detected(wordsOf(found, wire.Violation.String)...)
}

func wordsOf(found []wire.Violation, say func(wire.Violation) string) []string {
	texts := make([]string, len(found))
	for i, v := range found {
		texts[i] = say(v)
	}
	return texts
}

// enumOrders has the enums that messages list otherwise than the model.
var enumOrders = strings.NewReplacer(
	"[S, N, B]", "[B, N, S]",
	"[ADD, PUT, DELETE]", "[ADD, DELETE, PUT]",
	"[AND, OR]", "[OR, AND]",
	"[ALL, KEYS_ONLY, INCLUDE]", "[ALL, INCLUDE, KEYS_ONLY]",
	"[NONE, ALL_OLD, UPDATED_OLD, ALL_NEW, UPDATED_NEW]", "[ALL_NEW, UPDATED_OLD, ALL_OLD, NONE, UPDATED_NEW]",
	"[ALL_ATTRIBUTES, ALL_PROJECTED_ATTRIBUTES, SPECIFIC_ATTRIBUTES, COUNT]", "[SPECIFIC_ATTRIBUTES, COUNT, ALL_ATTRIBUTES, ALL_PROJECTED_ATTRIBUTES]",
	"[EQ, NE, IN, LE, LT, GE, GT, BETWEEN, NOT_NULL, NULL, CONTAINS, NOT_CONTAINS, BEGINS_WITH]", "[IN, NULL, BETWEEN, LT, NOT_CONTAINS, EQ, GT, NOT_NULL, NE, LE, BEGINS_WITH, GE, CONTAINS]",
)

func reordered(must string) string {
	if strings.HasPrefix(must, "Member must satisfy enum value set: ") {
		return enumOrders.Replace(must)
	}
	return must
}

// unshown is a violation as newer operations tell it: without the value, and with the names of the request.
func unshown(at string, v wire.Violation) string {
	return "Value at '" + at + "' failed to satisfy constraint: " + v.Must
}

func creationWords(in *dynamodb.CreateTableInput, found []wire.Violation) string {
	if !in.TableName.Set {
		return "The parameter 'TableName' is required but was not present in the request"
	}
	if text := misnamed(in.TableName.V, "tableName"); text != "" && !strings.HasPrefix(in.TableName.V, "arn:") {
		return text
	}
	return wire.Detected(wordsOf(found, wire.Violation.String)...)
}

func queryWords(v wire.Violation) string {
	if v.At == "limit" {
		return unshown("Limit", v)
	}
	return v.String()
}

func batchGetWords(v wire.Violation) string {
	if v.At == "requestItems" && v.Value == "'{}'" {
		return unshown("RequestItems", v)
	}
	table, ofKeys := strings.CutSuffix(v.At, ".member.keys")
	if table, ok := strings.CutPrefix(table, "requestItems."); ok && ofKeys && strings.HasPrefix(v.Must, "Member must have length less") {
		return unshown("RequestItems."+table+".member.Keys", v)
	}
	return v.String()
}

// batchWriteWords tells of the requests for one table as of the map they are in.
func batchWriteWords(v wire.Violation) string {
	table, ofTable := strings.CutSuffix(v.At, ".member")
	if table, ok := strings.CutPrefix(table, "requestItems."); ok && ofTable && strings.HasPrefix(v.Must, "Member must have length") {
		v.At, v.Value = "requestItems", "'{"+table+"="+strings.Trim(v.Value, "'")+"}'"
		v.Must = "Map value must satisfy constraint: [Member must have length less than or equal to 25, Member must have length greater than or equal to 1]"
	}
	return v.String()
}

// writeWords: writes of one item tell of a table without a name alone, and of what they are to return before their own parameters;
// an update tells of nothing besides.
func writeWords(op string, found []wire.Violation) string {
	for _, v := range found {
		if v.At == "tableName" && v.Value == "''" {
			return wire.Detected(unshown("TableName", v))
		}
	}
	order := []string{"returnConsumedCapacity", "returnValues"}
	place := func(v wire.Violation) int {
		if i := slices.Index(order, v.At); i >= 0 {
			return i
		}
		return len(order)
	}
	slices.SortStableFunc(found, func(a, b wire.Violation) int { return place(a) - place(b) })
	say := func(v wire.Violation) string {
		if v.At == "returnValues" {
			return unknownReturn
		}
		return v.String()
	}
	texts := wordsOf(found, say)
	if op == "UpdateItem" && slices.Contains(texts, unknownReturn) {
		texts = []string{unknownReturn}
	}
	return wire.Detected(texts...)
}

// unknownReturn names a value that does not exist, as AWS does.
const unknownReturn = "Failed to satisfy constraint: Member must satisfy enum value set: [ALL_OLD, UPDATED_OLD, ALL_NEW, UPDATE_NEW, NONE]"
