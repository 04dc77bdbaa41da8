package tables

import "testing"

// TestFactsOfTwoMistakes: which of several mistakes is told, and in which order.
func TestFactsOfTwoMistakes(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "k:S")
	const (
		nameless = "ValidationException: 1 validation error detected: Value at 'TableName' failed to satisfy constraint: Member must have length greater than or equal to 1"
		misnamed = "ValidationException: 1 validation error detected: Value 'x!' at 'tableName' failed to satisfy constraint: Member must …"
		oddUnits = "Value 'ODD' at 'returnConsumedCapacity' failed to satisfy constraint: Member must satisfy enum value set: [INDEXES, TOTAL, NONE]"
		oddSizes = "Value 'ODD' at 'returnItemCollectionMetrics' failed to satisfy constraint: Member must satisfy enum value set: [SIZE, NONE]"
		oddKind  = "Failed to satisfy constraint: Member must satisfy enum value set: [ALL_OLD, UPDATED_OLD, ALL_NEW, UPDATE_NEW, NONE]"
		one, two = "ValidationException: 1 validation error detected: ", "ValidationException: 2 validation errors detected: "
		key      = "'Key': {'k': {'S': 'a'}}, "
		odd      = "'ReturnValues': 'ODD', 'ReturnConsumedCapacity': 'ODD'"
	)
	w.hold(
		fact{"PutItem", "'TableName': '', 'Item': {}", nameless},
		fact{"", "'TableName': '', 'Item': {}, 'ReturnValues': 'ODD'", nameless},
		fact{"", "'TableName': 'x!', 'Item': {}", misnamed},
		fact{"", "'Item': {'k': {'S': 'a'}}, 'ReturnItemCollectionMetrics': 'ODD', " + odd, "ValidationException: 3 validation errors detected: " + oddUnits + "; " + oddKind + "; " + oddSizes},
		fact{"DeleteItem", "'TableName': '', 'Key': {}", nameless},
		fact{"", key + odd, two + oddUnits + "; " + oddKind},
		fact{"", "'TableName': 'x!', 'Key': {}", misnamed},
		fact{"UpdateItem", "'TableName': '', 'Key': {}", nameless},
		fact{"", key + odd, one + oddKind},
		fact{"", key + "'ReturnConsumedCapacity': 'ODD'", one + oddUnits},
		fact{"", "'TableName': 'x!', 'Key': {}", misnamed},
	)
}
