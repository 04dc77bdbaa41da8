package tables

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestFactsOfNewTables: what CreateTable was asked for is what DescribeTable shows.
func TestFactsOfNewTables(t *testing.T) {
	w := newWorld(t)
	const all, keysOnly = "'ProjectionType': 'ALL'", "'ProjectionType': 'KEYS_ONLY'"
	global := func(indexes ...string) string {
		return ", 'GlobalSecondaryIndexes': [" + strings.Join(indexes, ", ") + "]"
	}
	key := func(name, role string) string { return "{'AttributeName':'" + name + "','KeyType':'" + role + "'}" }
	for i, c := range []struct{ in, shown string }{
		{attributes("a:S") + ", " + keySchemaJSON("a") + ", " + rw(5, 6), "'KeySchema':[" + key("a", "HASH") + "],'ProvisionedThroughput':{'NumberOfDecreasesToday':0,'ReadCapacityUnits':5,'WriteCapacityUnits':6},…'TableStatus':'ACTIVE'"},
		{attributes("a:B", "b:N") + ", " + keySchemaJSON("a", "b") + ", " + rw(5, 5), "'AttributeDefinitions':[{'AttributeName':'a','AttributeType':'B'},{'AttributeName':'b','AttributeType':'N'}],…'KeySchema':[" + key("a", "HASH") + "," + key("b", "RANGE") + "]"},
		{attributes("a:S", "g:S") + ", " + keySchemaJSON("a") + ", " + onDemand + global(indexJSON("byG", all, "g")), "'IndexName':'byG',…'IndexStatus':'ACTIVE',…'KeySchema':[" + key("g", "HASH") + "],'Projection':{'ProjectionType':'ALL'}"},
		{attributes("a:S", "g:S", "n:N") + ", " + keySchemaJSON("a") + ", " + onDemand + global(indexJSON("byG", keysOnly, "g", "n")), "'KeySchema':[" + key("g", "HASH") + "," + key("n", "RANGE") + "],'Projection':{'ProjectionType':'KEYS_ONLY'}"},
		{attributes("a:S", "g:S") + ", " + keySchemaJSON("a") + ", " + onDemand + global(indexJSON("byG", "'ProjectionType': 'INCLUDE', 'NonKeyAttributes': ['x', 'y']", "g")), "'Projection':{'NonKeyAttributes':['x','y'],'ProjectionType':'INCLUDE'}"},
		{attributes("a:S", "g:S", "n:N") + ", " + keySchemaJSON("a") + ", " + onDemand + global(indexJSON("byG", all, "g"), indexJSON("byN", keysOnly, "n")), "'IndexName':'byG'…'IndexName':'byN'"},
		{attributes("a:S", "b:S", "n:N") + ", " + keySchemaJSON("a", "b") + ", " + onDemand + ", 'LocalSecondaryIndexes': [" + indexJSON("byN", all, "a", "n") + "]", "'LocalSecondaryIndexes':[{'IndexArn':'…','IndexName':'byN','IndexSizeBytes':0,'ItemCount':0,'KeySchema':[" + key("a", "HASH") + "," + key("n", "RANGE") + "],'Projection':{'ProjectionType':'ALL'}}]"},
		{attributes("a:S") + ", " + keySchemaJSON("a") + ", " + onDemand + ", 'DeletionProtectionEnabled': true", "'DeletionProtectionEnabled':true"},
		{attributes("a:S") + ", " + keySchemaJSON("a") + ", " + onDemand + ", 'TableClass': 'STANDARD_INFREQUENT_ACCESS'", "'TableClassSummary':{…'TableClass':'STANDARD_INFREQUENT_ACCESS'}"},
		{attributes("a:S") + ", " + keySchemaJSON("a") + ", " + onDemand + ", 'OnDemandThroughput': {'MaxReadRequestUnits': 10, 'MaxWriteRequestUnits': 5}", "'OnDemandThroughput':{'MaxReadRequestUnits':10,'MaxWriteRequestUnits':5}"},
	} {
		table := fmt.Sprintf("'TableName': 'made%d'", i)
		w.hold(fact{"CreateTable", table + ", " + c.in, ""}, fact{"DescribeTable", table, "{…" + c.shown + "…}"})
	}
	plain := w.ask("DescribeTable", "'TableName': 'made0'")
	for _, absent := range []string{"SSEDescription", "TableClassSummary", "GlobalSecondaryIndexes", "LocalSecondaryIndexes", "StreamSpecification", "BillingModeSummary"} {
		if strings.Contains(plain, absent) {
			t.Errorf("%s: %s", absent, plain)
		}
	}
	const table = "'TableName': 'bad', "
	w.hold(
		fact{"CreateTable", table + attributes("a:S", "g:S") + ", " + keySchemaJSON("a") + ", " + onDemand + global(indexJSON("byG", "'ProjectionType': 'INCLUDE'", "g")), wrongly + "ProjectionType is INCLUDE, but NonKeyAttributes is not specified"},
		fact{"", table + attributes("a:S", "g:S") + ", " + keySchemaJSON("a") + ", " + onDemand + global(indexJSON("byG", "'ProjectionType': 'KEYS_ONLY', 'NonKeyAttributes': ['x']", "g")), wrongly + "ProjectionType is KEYS_ONLY, but NonKeyAttributes is specified"},
		fact{"", table + attributes("a:S") + ", " + keySchemaJSON("a") + ", " + onDemand + ", 'StreamSpecification': {'StreamEnabled': false, 'StreamViewType': 'NEW_IMAGE'}", "ValidationException: One or more parameter values were invalid: Table is being created with a stream disabled, UpdateViewType should not be specified"},
		fact{"", strings.Replace(table, "bad", "ab", 1) + attributes("a:S") + ", " + keySchemaJSON("a") + ", " + onDemand, "ValidationException: 1 validation error detected: Value 'ab' at 'tableName' failed to satisfy constraint: Member must have length greater than or equal to 3"},
		fact{"", strings.Replace(table, "bad", "no;name", 1) + attributes("a:S") + ", " + keySchemaJSON("a") + ", " + onDemand, "ValidationException: 1 validation error detected: Value 'no;name' at 'tableName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"},
		fact{"", strings.Replace(table, "bad", strings.Repeat("n", 256), 1) + attributes("a:S") + ", " + keySchemaJSON("a") + ", " + onDemand, "ValidationException: 1 validation error detected: Value 'nnn…' at 'tableName' failed to satisfy constraint: Member must have length less than or equal to 255"},
		fact{"", table + attributes("a:S", "b:S", "c:S") + ", " + keySchemaJSON("a", "b") + ", " + onDemand, wrongly + "Number of attributes in KeySchema does not exactly match number of attributes defined in AttributeDefinitions"},
	)
}

// TestFactsOfTableIDs: a table keeps its ID until it is deleted, and is listed until then.
func TestFactsOfTableIDs(t *testing.T) {
	w := newWorld(t)
	id := func(op, in string) string {
		var answer map[string]struct{ TableID string }
		if err := json.Unmarshal([]byte(strings.ReplaceAll(w.ask(op, in), "'", `"`)), &answer); err != nil {
			t.Fatal(err)
		}
		for _, d := range answer {
			return d.TableID
		}
		return ""
	}
	made := id("CreateTable", create("one", "", onDemand))
	if made == "" || id("DescribeTable", "'TableName': 'one'") != made || id("DescribeTable", "'TableName': 'one'") != made {
		t.Error(made)
	}
	for _, name := range []string{"Zeta", "alpha", "_line", "-dash", "9nine"} {
		w.hold(fact{"CreateTable", create(name, "", onDemand), ""})
	}
	names := []string{"-dash", "9nine", "Zeta", "_line", "alpha", "one"}
	if !slices.IsSorted(names) {
		t.Fatal(names)
	}
	quoted := func(names []string) string { return "['" + strings.Join(names, "','") + "']" }
	w.hold(
		fact{"ListTables", "", "{'TableNames':" + quoted(names) + "}"},
		fact{"", "'Limit': 1", "{'LastEvaluatedTableName':'-dash','TableNames':['-dash']}"},
		fact{"", "'Limit': 1, 'ExclusiveStartTableName': '-dash'", "{'LastEvaluatedTableName':'9nine','TableNames':['9nine']}"},
		fact{"", "'Limit': 2, 'ExclusiveStartTableName': '_line'", "{'TableNames':['alpha','one']}"},
		fact{"", "'Limit': 0", "ValidationException: 1 validation error detected: Value '0' at 'limit' failed to satisfy constraint: Member must have value greater than or equal to 1"},
		fact{"DeleteTable", "'TableName': 'one'", "{'TableDescription':{…'TableName':'one',…'TableStatus':'DELETING',…}}"},
		fact{"DescribeTable", "'TableName': 'one'", "ResourceNotFoundException: Requested resource not found: Table: one not found"},
		fact{"ListTables", "", "{'TableNames':" + quoted(names[:5]) + "}"},
	)
	if id("CreateTable", create("one", "", onDemand)) == made {
		t.Error("a table made anew has the ID of the one before")
	}
}
