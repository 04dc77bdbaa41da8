package differential

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// allowance is a difference that may be. It holds for answers that match all that is given of ours, theirs and when.
type allowance struct {
	why          string
	ours, theirs *regexp.Regexp // of an answer as text
	when         func(r request, ours, theirs answer) bool
	// divergence is a part of the line in docs/divergences/dynamodb.md, where Bothy differs from AWS on purpose; "" where dynalite
	// is wrong, old or limited
	divergence string
}

var re = regexp.MustCompile

const toldFirst = "which of them is told may differ"

// allowances, the first that fits counts.
var allowances = []allowance{
	// dynalite fails, or does not check
	{why: "dynalite throws an exception of its own", theirs: re(`^500 Exception`)},
	{why: "dynalite's parser words syntax errors its own way", ours: re(`Syntax error; token: `), theirs: re(`Syntax error; Expected `)},
	{why: "dynalite's grammar has a name that is # alone; AWS documents at least one character after it", ours: re(`Syntax error; token: "#"`)},
	{why: "dynalite does not check the types of what is compared by order", ours: re(`Incorrect operand type for operator or function; operator: (<|<=|>|>=|BETWEEN), `)},
	{why: "dynalite does not check the values of Expected", ours: re(`ComparisonOperator \w+ is not valid for|` + valueComplaint), when: given("Expected")},
	{why: "dynalite does not check ConditionalOperator", ours: re(`ConditionalOperator c`)},
	{why: "dynalite does not check ReturnValues of DeleteItem", ours: re(`ReturnValues can only be ALL_OLD or NONE`), when: operation("DeleteItem")},
	{why: "dynalite does not check Select", ours: re(`^400 ValidationException: (1 validation error detected: )?(Cannot specify the \w+ when choosing|Must specify the AttributesToGet or ProjectionExpression|ALL_PROJECTED_ATTRIBUTES can be used only when)`)},
	{why: "dynalite lets a global index be asked for what it does not project", ours: re(`Global secondary index \S+ does not project`)},
	{why: "dynalite does not fetch what a local index lacks", ours: re(`^200`), theirs: re(`^200`), when: unfetched},
	{why: "dynalite takes a put and a delete in one member of a batch", ours: re(`more than one datatypes set`), when: operation("BatchWriteItem")},
	{why: "dynalite has more segments than AWS's model allows", ours: re(`Value '2000000' at 'totalSegments'`)},
	{why: "dynalite shows an empty Attributes where AWS leaves it out", ours: re(`^200`), when: emptyAttributes},
	{why: "dynalite makes an item of an update that only removes; AWS does not", ours: re(`^200`), theirs: re(`^200|The document path provided in the update expression is invalid`), when: onlyRemoves},
	{why: "dynalite does not count what index entries consume", ours: re(`"CapacityUnits"`), theirs: re(`"CapacityUnits"`), when: indexed},
	{why: "dynalite takes two operands that are missing as equal; AWS has nothing but <> hold for what is missing", ours: outcome, theirs: outcome, when: comparesAttributes},
	{why: "dynalite takes what is missing not to contain; AWS does not look into what is missing", ours: outcome, theirs: outcome, when: mentions("NOT_CONTAINS")},
	{why: "dynalite takes false for absent before IN and in attribute_type", ours: outcome, theirs: outcome, when: falseAbsent},
	{why: "dynalite finds no two lists or maps equal", ours: outcome, theirs: outcome, when: documents},
	{why: "dynalite takes OR for AND where the first condition fails", ours: outcome, theirs: outcome, when: anyOf},
	{why: "dynalite's numbers have no plus sign; AWS's, which are Java's, have", theirs: re(`cannot be converted to a numeric value: \+5`)},
	{why: "dynalite forgets that segment 0 is a segment", ours: re(`The TotalSegments parameter is required`)},
	{why: "dynalite's grammar has no NOT NOT; AWS's has", theirs: re(`Expected "\(" but "N" found`)},
	{why: "dynalite shows sets, lists and maps in its messages as JavaScript does", ours: re(`lower bound operand: AttributeValue`), theirs: re(`lower bound operand: AttributeValue`), when: sameBounds},

	// dynalite is older
	{why: "dynalite does not compare lists, maps, booleans and null with EQ and NE, as AWS has since", theirs: re(`ComparisonOperator (EQ|NE) is not valid for (L|M|BOOL|NULL) `)},
	{why: "dynalite has the model from before tables had ARNs: names of 3 characters at least", theirs: re(`'tableName' failed to satisfy`), when: badName},
	{why: "dynalite's text for empty keys is the older one", ours: re(`^400 ValidationException: One or more parameter values are not valid\. The AttributeValue for a key attribute cannot contain`), theirs: re(`were invalid: The AttributeValue for a key attribute cannot contain`)},
	{why: "dynalite tells constraints as they were told before", ours: re(`Value at '(Limit|TableName|RequestItems)|: Failed to satisfy constraint|Map value must satisfy|The requestItems parameter is required`), theirs: re(`failed to satisfy constraint`)},
	{why: "dynalite tells which expressions are not there, or not which text is no number", ours: re(`can only be specified when using expressions$|numeric value: $`), theirs: re(`can only be specified when using expressions: |numeric value$`)},
	{why: "dynalite lets a batch read one table with an expression and another without", ours: re(`Can not use both expression and non-expression`), when: tables},

	// Bothy differs on purpose
	{why: "an update that fails on the item in two ways tells of either", ours: ofItem, theirs: ofItem, when: operation("UpdateItem"), divergence: toldFirst},
	{why: "which two of several paths are told to conflict", ours: re(`Two document paths conflict`), theirs: re(`Two document paths conflict`), divergence: toldFirst},
	{why: "tables of a batch that are both wrong: which is told", ours: re(`^400 Val`), theirs: re(`^400 Val`), when: tables, divergence: toldFirst},
	{why: "keys of a batch of which one is wrong and two are the same: which is told", ours: re(`^400 Val`), theirs: re(`list of item keys contains duplicates`), divergence: toldFirst},
	{why: "entries of AttributeUpdates that are both wrong: which is told", ours: re(valueComplaint), theirs: re(`action is not supported|action with value is not supported|Only DELETE action`), when: given("AttributeUpdates"), divergence: toldFirst},
	{why: "the order of constraints and of the members of an enum in a validation error is a map's", ours: re(`failed to satisfy constraint`), theirs: re(`failed to satisfy constraint`), when: sameConstraints, divergence: toldFirst},
}

// valueComplaint is what is said of a value that is none.
const valueComplaint = `Supplied AttributeValue|contains duplicates|numeric value|may not be empty|should not be empty|Null attribute value|Number (over|under)flow|significant digits`

var (
	outcome = re(`^200|^400 Cond|^400 ValidationException: (An operand in the update|The document path provided|The provided expression refers)`)
	ofItem  = re(`An operand in the update expression has|The document path provided in the update|The provided expression refers to|attempted to update the secondary index key`)
)

// tables tells whether a batch is for more than one.
func tables(r request, _, _ answer) bool {
	of, _ := r.in["RequestItems"].(object)
	return len(of) > 1
}

func anyOf(r request, _, _ answer) bool { return r.in["ConditionalOperator"] == "OR" }

func mentions(word string) func(request, answer, answer) bool {
	return func(r request, _, _ answer) bool { return strings.Contains(text(r.in), word) }
}

func operation(op string) func(request, answer, answer) bool {
	return func(r request, _, _ answer) bool { return r.op == op }
}

func given(name string) func(request, answer, answer) bool {
	return func(r request, _, _ answer) bool { return r.in[name] != nil }
}

func falseAbsent(r request, _, _ answer) bool {
	t := text(r.in)
	return strings.Contains(t, `{"BOOL":false}`) && strings.Contains(t, " IN (") || strings.Contains(t, `{"S":"BOOL"}`) && strings.Contains(t, "attribute_type(")
}

// documents tells whether values to compare with are lists or maps.
func documents(r request, _, _ answer) bool {
	for _, name := range []string{"ExpressionAttributeValues", "Expected", "ScanFilter", "QueryFilter"} {
		if t := text(r.in[name]); strings.Contains(t, `{"L":`) || strings.Contains(t, `{"M":`) {
			return true
		}
	}
	return false
}

// unfetched tells whether a local index that does not have all was asked for attributes.
func unfetched(r request, _, _ answer) bool {
	return r.in["IndexName"] == "local-keys" && (r.in["ProjectionExpression"] != nil || r.in["AttributesToGet"] != nil)
}

func badName(r request, _, _ answer) bool {
	name, _ := r.in["TableName"].(string)
	return slices.Contains([]string{"x", "", "bad name"}, name)
}

func indexed(r request, ours, theirs answer) bool {
	return strings.Contains(text(r.in), `"indexed"`) && withoutCapacity(ours) == withoutCapacity(theirs)
}

func withoutCapacity(a answer) string {
	body := maps.Clone(a.body)
	delete(body, "ConsumedCapacity")
	return text(body)
}

func emptyAttributes(_ request, ours, theirs answer) bool {
	_, have := ours.body["Attributes"]
	empty, _ := theirs.body["Attributes"].(map[string]any)
	return !have && theirs.body["Attributes"] != nil && len(empty) == 0
}

var removing, adding = regexp.MustCompile(`^(REMOVE|DELETE) `), regexp.MustCompile(`\b(SET|ADD) `)

func onlyRemoves(r request, _, _ answer) bool {
	update, _ := r.in["UpdateExpression"].(string)
	legacy, _ := r.in["AttributeUpdates"].(object)
	for _, u := range legacy {
		if _, has := u.(object)["Value"]; has && u.(object)["Action"] != "DELETE" {
			return false
		}
	}
	return r.op == "UpdateItem" && (removing.MatchString(update) && !adding.MatchString(update) || len(legacy) > 0)
}

var twoAttributes = func() *regexp.Regexp {
	operand := `(size\([^)]*\)|[#A-Za-z][\w#.\[\]]*)`
	return re(operand + `\)? (=|<>|<=|>=|<|>|IN) \(?` + operand)
}()

func comparesAttributes(r request, _, _ answer) bool {
	for _, name := range []string{"ConditionExpression", "FilterExpression"} {
		if text, _ := r.in[name].(string); twoAttributes.MatchString(text) {
			return true
		}
	}
	return false
}

var (
	enum    = regexp.MustCompile(`enum value set: \[(.*?)\]`)
	counted = regexp.MustCompile(`^\d+ validation errors? detected: `)
)

func sameConstraints(_ request, ours, theirs answer) bool {
	return slices.Equal(constraints(ours.message), constraints(theirs.message))
}

func constraints(m string) []string {
	m = enum.ReplaceAllStringFunc(m, func(set string) string {
		members := strings.Split(enum.FindStringSubmatch(set)[1], ", ")
		slices.Sort(members)
		return strings.Join(members, ",")
	})
	list := strings.Split(counted.ReplaceAllString(m, ""), "; ")
	slices.Sort(list)
	return list
}

var bound = regexp.MustCompile(`\{(SS|NS|BS|L|M):[^}]*\}`)

func sameBounds(_ request, ours, theirs answer) bool {
	return bound.ReplaceAllString(ours.message, "$1") == bound.ReplaceAllString(theirs.message, "$1")
}

// acceptable says why the answers may differ, "" when they may not.
func acceptable(r request, ours, theirs answer) string {
	if counts := operation("PutItem")(r, ours, theirs) || operation("UpdateItem")(r, ours, theirs) || operation("DeleteItem")(r, ours, theirs); counts && !counted.MatchString(theirs.message) {
		if ours.message = counted.ReplaceAllString(ours.message, ""); ours.String() == theirs.String() {
			return "dynalite is older than the count before what is wrong with a write of one item"
		}
	}
	for _, a := range allowances {
		if (a.ours == nil || a.ours.MatchString(ours.String())) && (a.theirs == nil || a.theirs.MatchString(theirs.String())) && (a.when == nil || a.when(r, ours, theirs)) {
			return a.why
		}
	}
	return ""
}

// TestDivergencesAreDocumented: where Bothy differs from AWS on purpose, there is a line that says so.
func TestDivergencesAreDocumented(t *testing.T) {
	document, err := os.ReadFile("../../docs/divergences/dynamodb.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range allowances {
		if a.divergence != "" && !strings.Contains(string(document), a.divergence) {
			t.Errorf("docs/divergences/dynamodb.md does not say %q", a.divergence)
		}
	}
}
