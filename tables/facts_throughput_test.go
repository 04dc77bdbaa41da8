package tables

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

const (
	onDemand = "'BillingMode': 'PAY_PER_REQUEST'"
	wrongly  = "ValidationException: One or more parameter values were invalid: "
)

// rw is ProvisionedThroughput.
func rw(read, write int) string {
	return fmt.Sprintf("'ProvisionedThroughput': {'ReadCapacityUnits': %d, 'WriteCapacityUnits': %d}", read, write)
}

// create is a request for a table with a partition key pk, and with a global index of another attribute when one is named.
func create(name, index string, more ...string) string {
	names := []string{"pk:S"}
	if index != "" {
		names = append(names, "g:S")
	}
	in := "'TableName': '" + name + "', " + attributes(names...) + ", " + keySchemaJSON("pk")
	if index != "" {
		in += ", 'GlobalSecondaryIndexes': [" + index + "]"
	}
	return strings.Join(append([]string{in}, more...), ", ")
}

// TestFactsOfThroughput: what CreateTable takes.
func TestFactsOfThroughput(t *testing.T) {
	w := newWorld(t)
	const (
		page    = "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html#on-demand-capacity-mode-initial"
		initial = wrongly + "Requested ReadUnitsPerSecond for WarmThroughput for table is lower than initial throughput for OnDemand. See: " + page
		outside = wrongly + "Requested MaxReadRequestUnits for OnDemandThroughput for table is outside of valid range"
		both    = wrongly + "ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED"
	)
	g := func(more string) string {
		return "{'IndexName': 'ix-g', " + keySchemaJSON("g") + ", 'Projection': {'ProjectionType': 'ALL'}" + more + "}"
	}
	w.hold(
		fact{"CreateTable", create("new", ""), both},
		fact{"", create("new", "", "'BillingMode': 'PROVISIONED'"), both},
		fact{"", create("new", "", onDemand, rw(1, 1)), wrongly + "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST"},
		fact{"", create("new", "", rw(0, 0)), "ValidationException: 2 validation errors detected: …Member must have value greater than or equal to 1…"},
		fact{"", create("new", "", "'ProvisionedThroughput': {'ReadCapacityUnits': 1}"), "ValidationException: 1 validation error detected: Value null at 'provisionedThroughput.writeCapacityUnits' failed to satisfy constraint: Member must not be null"},
		fact{"", create("new", "", rw(1, 1), "'OnDemandThroughput': {'MaxReadRequestUnits': 5}"), wrongly + "MaxReadRequestUnits for OnDemandThroughput cannot be specified when table BillingMode is PROVISIONED."},
		fact{"", create("new", "", rw(1, 1), "'OnDemandThroughput': {'MaxWriteRequestUnits': 5}"), wrongly + "MaxWriteRequestUnits for OnDemandThroughput cannot be specified when table BillingMode is PROVISIONED."},
		fact{"", create("new", "", onDemand, "'OnDemandThroughput': {'MaxReadRequestUnits': 0, 'MaxWriteRequestUnits': 0}"), outside},
		fact{"", create("new", "", onDemand, "'OnDemandThroughput': {'MaxReadRequestUnits': -1, 'MaxWriteRequestUnits': -1}"), outside},
		fact{"", create("new", "", onDemand, "'OnDemandThroughput': {'MaxReadRequestUnits': -2}"), outside},
		fact{"", create("new", "", onDemand, "'WarmThroughput': {'ReadUnitsPerSecond': 1, 'WriteUnitsPerSecond': 1}"), initial},
		fact{"", create("new", "", onDemand, "'WarmThroughput': {'ReadUnitsPerSecond': 0}"), initial},
		fact{"", create("new", "", onDemand, "'WarmThroughput': {'WriteUnitsPerSecond': 3999}"), strings.Replace(initial, "Read", "Write", 1)},
		fact{"", create("new", "", rw(10, 10), "'WarmThroughput': {'ReadUnitsPerSecond': 5, 'WriteUnitsPerSecond': 5}"), wrongly + "Requested ReadUnitsPerSecond for WarmThroughput for table is lower than ReadCapacityUnits of ProvisionedThroughput"},
		fact{"", create("new", "", onDemand, "'TableClass': 'standard'"), "ValidationException: …STANDARD, STANDARD_INFREQUENT_ACCESS]…"},
		fact{"", create("new", g(""), rw(1, 1)), wrongly + "ProvisionedThroughput is not specified for index: ix-g"},
		fact{"", create("new", g(", "+rw(1, 1)), onDemand), wrongly + "ProvisionedThroughput should not be specified for index: ix-g when BillingMode is PAY_PER_REQUEST"},
		fact{"", create("new", g(", "+rw(1, 1)+", 'OnDemandThroughput': {'MaxReadRequestUnits': 5}"), rw(1, 1)), wrongly + "MaxReadRequestUnits for OnDemandThroughput for index: ix-g cannot be specified when table BillingMode is PROVISIONED."},
		fact{"", create("new", g(", 'OnDemandThroughput': {'MaxReadRequestUnits': -1}"), onDemand), wrongly + "Requested MaxReadRequestUnits for OnDemandThroughput for index : ix-g is outside of valid range"},
		fact{"", create("new", g(", 'WarmThroughput': {'ReadUnitsPerSecond': 100}"), onDemand), wrongly + "Requested ReadUnitsPerSecond for WarmThroughput for index ix-g is lower than initial throughput for OnDemand…"},
		fact{"", "'TableName': 'new', 'AttributeDefinitions': [], " + keySchemaJSON("pk") + ", " + onDemand, "ValidationException: Invalid KeySchema: Some index key attribute have no definition"},
		fact{"", "'TableName': 'new', " + attributes("pk:S", "pk:N") + ", " + keySchemaJSON("pk") + ", " + onDemand, "ValidationException: Attribute Name is duplicated: pk"},
	)
	w.hold( // what is made of it
		fact{"CreateTable", create("cap1", "", onDemand, "'OnDemandThroughput': {'MaxReadRequestUnits': 100}", "'WarmThroughput': {'ReadUnitsPerSecond': 12001}", "'TableClass': 'STANDARD'"), ""},
		fact{"DescribeTable", "'TableName': 'cap1'", "{'Table':{…'OnDemandThroughput':{'MaxReadRequestUnits':100},…'TableClassSummary':{'TableClass':'STANDARD'},…'WarmThroughput':{'ReadUnitsPerSecond':12001,'Status':'ACTIVE','WriteUnitsPerSecond':4000}}}"},
		fact{"CreateTable", create("cap2", g(", 'OnDemandThroughput': {}, 'WarmThroughput': {}"), onDemand, "'OnDemandThroughput': {}", "'WarmThroughput': {}"), ""},
		fact{"DescribeTable", "'TableName': 'cap2'", "{'Table':{…'BillingModeSummary':{'BillingMode':'PAY_PER_REQUEST',…'ProvisionedThroughput':{'NumberOfDecreasesToday':0,'ReadCapacityUnits':0,'WriteCapacityUnits':0},…'WarmThroughput':{'ReadUnitsPerSecond':12000,'Status':'ACTIVE','WriteUnitsPerSecond':4000}}]…'WarmThroughput':{'ReadUnitsPerSecond':12000,'Status':'ACTIVE','WriteUnitsPerSecond':4000}}}"},
		fact{"CreateTable", create("cap3", "", rw(5, 6)), ""},
		fact{"DescribeTable", "'TableName': 'cap3'", "{'Table':{'AttributeDefinitions':[…],'CreationDateTime':…'WarmThroughput':{'ReadUnitsPerSecond':5,'Status':'ACTIVE','WriteUnitsPerSecond':6}}}"},
		fact{"CreateTable", "'TableName': 'cap4', " + attributes("z:S", "a:S", "m:N") + ", " + keySchemaJSON("z", "m") + ", " + onDemand + ", 'GlobalSecondaryIndexes': [" + indexJSON("ix-z", "'ProjectionType': 'INCLUDE', 'NonKeyAttributes': ['y', 'b']", "a") + ", " + indexJSON("ix-a", "'ProjectionType': 'ALL'", "a") + "]",
			"{…'AttributeDefinitions':[{'AttributeName':'a','AttributeType':'S'},{'AttributeName':'m','AttributeType':'N'},{'AttributeName':'z','AttributeType':'S'}],…'IndexName':'ix-z',…'NonKeyAttributes':['b','y'],…'IndexName':'ix-a',…'KeySchema':[{'AttributeName':'z','KeyType':'HASH'},{'AttributeName':'m','KeyType':'RANGE'}],…}"},
		fact{"CreateTable", create("cap4", "", onDemand), "ResourceInUseException: Table already exists: cap4"},
		fact{"", strings.Replace(create("cap4", "", onDemand), "HASH", "RANGE", 1), "ValidationException: Invalid KeySchema: The first KeySchemaElement is not a HASH key type"},
		fact{"DeleteTable", "'TableName': 'none'", "ResourceNotFoundException: Requested resource not found: Table: none not found"},
		fact{"UpdateTable", "'TableName': 'none'", "ValidationException: At least one of …"},
		fact{"UpdateTable", "'TableName': 'no', 'DeletionProtectionEnabled': true", "ValidationException: 1 validation error detected: Value 'no' at 'tableName' failed to satisfy constraint: Member must have length greater than or equal to 3"},
		fact{"GetItem", "'TableName': 'no', 'Key': {'pk': {'S': 'a'}}", "ValidationException: 1 validation error detected: Value 'no' at 'tableName' failed to satisfy constraint: Member must have length greater than or equal to 3"},
		fact{"UpdateTable", "'TableName': 'cap1', 'DeletionProtectionEnabled': true", ""},
		fact{"DeleteTable", "'TableName': 'cap1'", "ValidationException: Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first."},
	)
}

// TestFactsOfBilling: how throughput and billing change.
func TestFactsOfBilling(t *testing.T) {
	w := newWorld(t)
	const (
		update  = "UpdateTable"
		one     = "'TableName': 'one', "
		two     = "'TableName': 'two', "
		named   = "'GlobalSecondaryIndexUpdates': [{'Update': {'IndexName': 'ix-g', "
		lower   = wrongly + "Requested ReadUnitsPerSecond for WarmThroughput for %s is lower than current WarmThroughput, decreasing WarmThroughput is not supported"
		must    = wrongly + "ProvisionedThroughput must be specified when BillingMode is PROVISIONED"
		neither = wrongly + "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST"
		same    = "ValidationException: The provisioned throughput for the %s will not change. The requested value equals the current value. Current ReadCapacityUnits provisioned for %s: %d. Requested ReadCapacityUnits: %[3]d. Current WriteCapacityUnits provisioned for %[2]s: %[3]d. Requested WriteCapacityUnits: %[3]d. Refer to the Amazon DynamoDB Developer Guide for current limits and how to request higher limits."
		mode    = "'BillingMode': 'PROVISIONED', "
	)
	warm := func(read int) string { return fmt.Sprintf("'WarmThroughput': {'ReadUnitsPerSecond': %d}", read) }
	most := func(read, write int) string {
		return fmt.Sprintf("'OnDemandThroughput': {'MaxReadRequestUnits': %d, 'MaxWriteRequestUnits': %d}", read, write)
	}
	shows := func(table, want string) fact { return fact{"DescribeTable", "'TableName': '" + table + "'", want} }
	ix := "{'IndexName': 'ix-g', " + keySchemaJSON("g") + ", 'Projection': {'ProjectionType': 'ALL'}}"
	w.ask("CreateTable", create("one", "", rw(1, 1)))
	w.ask("CreateTable", create("two", ix, onDemand))
	w.hold(
		fact{update, one + "'BillingMode': 'PROVISIONED'", must},
		fact{"", one + rw(1, 1), fmt.Sprintf(same, "table", "the table", 1)},
		fact{"", one + mode + rw(1, 1), fmt.Sprintf(same, "table", "the table", 1)},
		fact{"", one + rw(3, 3), ""}, fact{"", one + rw(1, 1), ""},
		shows("one", "{…'NumberOfDecreasesToday':1,'ReadCapacityUnits':1,…'WarmThroughput':{'ReadUnitsPerSecond':3,'Status':'ACTIVE','WriteUnitsPerSecond':3}}}"), // never less
		fact{update, one + warm(2), fmt.Sprintf(lower, "table")},
		fact{"", one + most(5, 5), wrongly + "MaxReadRequestUnits for OnDemandThroughput cannot be specified when the table BillingMode is PROVISIONED"},
		fact{"", one + onDemand + ", " + rw(2, 2), wrongly + "ProvisionedThroughput cannot be specified when BillingMode is PAY_PER_REQUEST"},
		fact{"", one + onDemand + ", " + most(5, 6), ""},
		shows("one", "{…'OnDemandThroughput':{'MaxReadRequestUnits':5,'MaxWriteRequestUnits':6},'ProvisionedThroughput':{'LastDecreaseDateTime':…,'LastIncreaseDateTime':…,'NumberOfDecreasesToday':1,'ReadCapacityUnits':0,'WriteCapacityUnits':0},…"),
		fact{update, one + onDemand, ""}, // again
		fact{"", one + "'OnDemandThroughput': {'MaxReadRequestUnits': -1}", ""}, shows("one", "{…'OnDemandThroughput':{'MaxWriteRequestUnits':6},…}"),
		fact{update, one + "'OnDemandThroughput': {'MaxWriteRequestUnits': 0}", wrongly + "Requested MaxWriteRequestUnits for OnDemandThroughput for table is outside of valid range"},
		fact{"", one + mode + rw(1, 1), ""},
		shows("one", "{'Table':{…'BillingModeSummary':{'BillingMode':'PROVISIONED','LastUpdateToPayPerRequestDateTime':…},…'KeySchema':[{'AttributeName':'pk','KeyType':'HASH'}],'ProvisionedThroughput':…'WarmThroughput':{'ReadUnitsPerSecond':12000,'Status':'ACTIVE','WriteUnitsPerSecond':4000}}}"),

		fact{update, two + "'BillingMode': 'PROVISIONED'", must},
		fact{"", two + "'BillingMode': 'PROVISIONED', " + named + rw(1, 1) + "}}]", must},
		fact{"", two + mode + rw(1, 1), wrongly + "ProvisionedThroughput must be specified for index: ix-g"},
		fact{"", two + rw(1, 1), neither},
		fact{"", two + named + rw(1, 1) + "}}]", wrongly + "The only Updates for index: ix-g when TableThroughputMode is PAY_PER_REQUEST can be to OnDemandThroughput, WarmThroughput"},
		fact{"", two + named + warm(100) + "}}]", fmt.Sprintf(lower, "index ix-g")},
		fact{"", two + named + warm(12000) + "}}]", ""}, fact{"", two + named + warm(12002) + ", " + most(7, 8) + "}}]", ""},
		fact{"", two + named + most(0, 8) + "}}]", wrongly + "Requested MaxReadRequestUnits for OnDemandThroughput for index : ix-g is outside of valid range"},
		fact{"", two + named + "'OnDemandThroughput': {'MaxReadRequestUnits': 9}}}]", ""},
		fact{"", two + named + "'WarmThroughput': {}}}]", wrongly + "WarmThroughput must have at least one of ReadUnitsPerSecond or WriteUnitsPerSecond specified for index: ix-g"},
		fact{"", two + named + "'OnDemandThroughput': {}}}]", wrongly + "The only Updates for index: ix-g when TableThroughputMode is PAY_PER_REQUEST can be to OnDemandThroughput, WarmThroughput"},
		fact{"", two + "'GlobalSecondaryIndexUpdates': [{'Update': {'IndexName': 'ix-g'}}]", wrongly + "The only Updates for index: ix-g when TableThroughputMode is PAY_PER_REQUEST can be to OnDemandThroughput, WarmThroughput"},
		fact{"", two + "'GlobalSecondaryIndexUpdates': [{'Update': {'IndexName': 'ghost', 'OnDemandThroughput': {}}}]", "ResourceNotFoundException: Requested resource not found: Index ghost for table two"},
		shows("two", "{…'IndexName':'ix-g',…'OnDemandThroughput':{'MaxReadRequestUnits':9,'MaxWriteRequestUnits':8},…'WarmThroughput':{'ReadUnitsPerSecond':12002,'Status':'ACTIVE','WriteUnitsPerSecond':4000}}],…}"),
		fact{update, two + mode + rw(1, 1) + ", " + named + rw(2, 2) + "}}]", ""},
		shows("two", "{…'IndexStatus':'ACTIVE','ItemCount':0,'KeySchema':[{'AttributeName':'g','KeyType':'HASH'}],'Projection':{'ProjectionType':'ALL'},'ProvisionedThroughput':{'…'ReadCapacityUnits':2,'WriteCapacityUnits':2},'WarmThroughput':{'ReadUnitsPerSecond':12002,…"), // no more OnDemandThroughput
		fact{update, two + named + rw(2, 2) + "}}]", fmt.Sprintf(same, "index ix-g", "index ix-g", 2)},
		fact{"", two + named + rw(2, 3) + "}}]", ""},
		fact{"", two + named + most(7, 8) + "}}]", wrongly + "MaxReadRequestUnits for OnDemandThroughput for index : ix-g cannot be specified when the table BillingMode is PROVISIONED"},
		fact{"", two + attributes("h:S") + ", 'GlobalSecondaryIndexUpdates': [{'Create': " + indexJSON("ix-h", "'ProjectionType': 'ALL'", "h") + "}]", wrongly + "Both ReadCapacityUnits and WriteCapacityUnits must be specified for index: ix-h"},
	)
}

// TestFactsOfDecreases: the fifth decrease of a day waits for an hour, or for the next day.
func TestFactsOfDecreases(t *testing.T) {
	w := newWorld(t)
	w.now = time.Date(2026, 10, 8, 23, 20, 48, 0, time.UTC)
	w.ask("CreateTable", create("one", "", rw(10, 10)))
	for i := range 4 {
		w.hold(fact{"UpdateTable", "'TableName': 'one', " + rw(9-i, 9-i), ""})
	}
	w.hold(
		fact{"UpdateTable", "'TableName': 'one', " + rw(20, 1), "LimitExceededException: Subscriber limit exceeded: Provisioned throughput decreases are limited within a given UTC day. After the first 4 decreases, each subsequent decrease in the same UTC day can be performed at most once every 3600 seconds. " +
			"Number of decreases today: 4. Last decrease at Thursday, October 8, 2026 at 11:20:48 PM Coordinated Universal Time. Next decrease can be made at Friday, October 9, 2026 at 12:00:00 AM Coordinated Universal Time."},
		fact{"", "'TableName': 'one', " + rw(20, 20), ""},
	)
	w.now = w.now.Add(40 * time.Minute)
	w.hold(fact{"UpdateTable", "'TableName': 'one', " + rw(1, 1), ""})
}

// TestFactsOfOneChangeAtATime: UpdateTable takes one change, with few exceptions.
func TestFactsOfOneChangeAtATime(t *testing.T) {
	w := newWorld(t)
	w.ask("CreateTable", create("one", "", rw(10, 10)))
	w.ask("CreateTable", create("two", "", onDemand))
	const (
		protect = "'DeletionProtectionEnabled': true"
		class   = "'TableClass': 'STANDARD_INFREQUENT_ACCESS'"
		warm    = "'WarmThroughput': {'ReadUnitsPerSecond': 13000}"
		most    = "'OnDemandThroughput': {'MaxReadRequestUnits': 50}"
		stream  = "'StreamSpecification': {'StreamEnabled': true, 'StreamViewType': 'KEYS_ONLY'}"
		sse     = "'SSESpecification': {'Enabled': true}"
		only    = " modification must be the only operation in the request"
		iops    = wrongly + "You cannot modify stream status while updating table IOPS"
		alone   = wrongly + "OnDemandThroughput can only be combined with BillingMode in an UpdateTable request"
	)
	index := attributes("g:S") + ", 'GlobalSecondaryIndexUpdates': [{'Create': {'IndexName': 'ix-g', " + keySchemaJSON("g") + ", 'Projection': {'ProjectionType': 'ALL'}, " + rw(1, 1) + "}}]"
	for _, c := range []struct{ table, changes, want string }{
		{"one", sse + ", " + protect, wrongly + "Server-Side Encryption" + only}, {"one", sse + ", " + class + ", " + protect, wrongly + "Server-Side Encryption" + only},
		{"one", class + ", " + protect, wrongly + "TableClass" + only}, {"one", class + ", " + stream, wrongly + "TableClass" + only}, {"one", class + ", " + index, wrongly + "TableClass" + only},
		{"one", protect + ", " + rw(11, 11), wrongly + "DeletionProtection" + only}, {"two", protect + ", " + most, wrongly + "DeletionProtection" + only}, {"two", protect + ", " + onDemand, wrongly + "DeletionProtection" + only},
		{"two", protect + ", " + warm, wrongly + "DeletionProtection" + only}, {"one", protect + ", " + index, wrongly + "DeletionProtection" + only},
		{"two", warm + ", " + stream, wrongly + "WarmThroughput must be the only operation in the request"}, {"one", warm + ", " + index, wrongly + "Create global secondary index cannot be specified when updating WarmThroughput"},
		{"two", most + ", " + stream, alone}, {"two", most + ", " + warm, alone},
		{"one", stream + ", " + rw(11, 11), iops}, {"two", stream + ", 'BillingMode': 'PROVISIONED', " + rw(11, 11), iops},
		{"one", index + ", " + rw(11, 11), wrongly + "You cannot create or delete index while updating table IOPS"},
		{"one", index + ", " + stream, wrongly + "You cannot create or delete index while changing stream status"},
		{"one", protect + ", 'GlobalSecondaryIndexUpdates': []", wrongly + "List of GlobalSecondaryIndexUpdates is empty"},
		{"one", attributes("pk:N"), "ValidationException: At least one of …"},
	} {
		w.hold(fact{"UpdateTable", "'TableName': '" + c.table + "', " + c.changes, c.want})
	}
	w.hold( // nothing was done, and these go
		fact{"DescribeTable", "'TableName': 'one'", "{'Table':{'AttributeDefinitions':[{'AttributeName':'pk','AttributeType':'S'}],'CreationDateTime':…,'DeletionProtectionEnabled':false,…'ReadCapacityUnits':10,…}"},
		fact{"UpdateTable", "'TableName': 'two', " + onDemand + ", " + most, ""},
		fact{"", "'TableName': 'one', " + onDemand + ", " + stream, ""},
		fact{"", "'TableName': 'two', 'WarmThroughput': {}, 'DeletionProtectionEnabled': false", ""},                  // counts as absent
		fact{"", "'TableName': 'one', 'TableClass': 'STANDARD'", "{'TableDescription':{…'TableArn':'…','TableId':…}"}, // as it was: no TableClassSummary
		fact{"", "'TableName': 'one', " + attributes("pk:N", "x:S") + ", " + protect, ""},                             // definitions without an index to make do not matter
		fact{"DescribeTable", "'TableName': 'one'", "{'Table':{'AttributeDefinitions':[{'AttributeName':'pk','AttributeType':'S'}],…'DeletionProtectionEnabled':true,…}"},
		fact{"UpdateTable", "'TableName': 'two', " + class, "{…'TableClassSummary':{'LastUpdateDateTime':…,'TableClass':'STANDARD_INFREQUENT_ACCESS'},…}"},
	)
}
