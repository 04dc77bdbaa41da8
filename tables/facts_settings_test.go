package tables

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

// TestFactsOfSettings: what UpdateTable changes is what DescribeTable shows.
func TestFactsOfSettings(t *testing.T) {
	w := newWorld(t)
	shows := func(want string) fact { return fact{"DescribeTable", "", "{'Table':{…" + want + "…}"} }
	w.hold(
		fact{"CreateTable", create("tab", "", rw(5, 5)), ""},
		shows("'ReadCapacityUnits':5,'WriteCapacityUnits':5"),
		fact{"UpdateTable", rw(20, 15), ""}, shows("'ReadCapacityUnits':20,'WriteCapacityUnits':15"),
		fact{"UpdateTable", rw(0, 5), "ValidationException: 1 validation error detected: Value '0' at 'provisionedThroughput.readCapacityUnits' failed to satisfy constraint: Member must have value greater than or equal to 1"},
		fact{"UpdateTable", onDemand, ""}, shows("'BillingModeSummary':{'BillingMode':'PAY_PER_REQUEST',…'TableStatus':'ACTIVE'"),
		fact{"UpdateTable", "'OnDemandThroughput': {'MaxReadRequestUnits': 30, 'MaxWriteRequestUnits': 10}", ""}, shows("'OnDemandThroughput':{'MaxReadRequestUnits':30,'MaxWriteRequestUnits':10}"),
		fact{"UpdateTable", "'OnDemandThroughput': {'MaxReadRequestUnits': 40, 'MaxWriteRequestUnits': 20}", ""}, shows("'OnDemandThroughput':{'MaxReadRequestUnits':40,'MaxWriteRequestUnits':20}"),
		fact{"UpdateTable", "'TableClass': 'STANDARD_INFREQUENT_ACCESS'", ""}, shows("'TableClassSummary':{'…TableClass':'STANDARD_INFREQUENT_ACCESS'}"),
		fact{"UpdateTable", "'DeletionProtectionEnabled': true", ""}, shows("'DeletionProtectionEnabled':true"),
		fact{"DeleteTable", "", "ValidationException: Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first."},
		fact{"UpdateTable", "'DeletionProtectionEnabled': false", ""}, shows("'DeletionProtectionEnabled':false"),
		fact{"DeleteTable", "", ""},
		fact{"UpdateTable", rw(1, 1), "ResourceNotFoundException: Requested resource not found: Table: tab not found"},
	)
}

// TestFactsOfAddedIndexes: each projection, the items there were, and a table without its index.
func TestFactsOfAddedIndexes(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "p:S c:S")
	for _, k := range []string{"1", "2", "3"} {
		w.put("tab", "{'p': {'S': '"+k+"'}, 'c': {'S': 'x'}, 'g': {'S': '"+map[string]string{"3": "odd"}[k]+"even'}, 'h': {'N': '"+k+"'}, 'v': {'S': 'y'}}")
	}
	add := func(name, projection string, definitions []string, keys ...string) fact {
		return fact{"UpdateTable", attributes(definitions...) + ", 'GlobalSecondaryIndexUpdates': [{'Create': " + indexJSON(name, projection, keys...) + "}]", ""}
	}
	const g, gh = "'KeySchema':[{'AttributeName':'g','KeyType':'HASH'}]", "'KeySchema':[{'AttributeName':'g','KeyType':'HASH'},{'AttributeName':'h','KeyType':'RANGE'}]"
	w.hold(
		add("byG", "'ProjectionType': 'ALL'", []string{"g:S"}, "g"),
		fact{"Query", "'IndexName': 'byG', 'KeyConditionExpression': 'g = :g', 'ExpressionAttributeValues': {':g': {'S': 'even'}}, 'Select': 'COUNT'", "{'Count':2,'ScannedCount':2}"},
		add("byGH", "'ProjectionType': 'KEYS_ONLY'", []string{"g:S", "h:N"}, "g", "h"),
		fact{"Query", "'IndexName': 'byGH', 'KeyConditionExpression': 'g = :g AND h > :h', 'ExpressionAttributeValues': {':g': {'S': 'even'}, ':h': {'N': '1'}}", "{'Count':1,'Items':[{'c':{'S':'x'},'g':{'S':'even'},'h':{'N':'2'},'p':{'S':'2'}}],'ScannedCount':1}"},
		add("some", "'ProjectionType': 'INCLUDE', 'NonKeyAttributes': ['v', 'w']", []string{"g:S"}, "g"),
		fact{"DescribeTable", "", "{…'IndexName':'byG',…'IndexStatus':'ACTIVE',…" + g + ",'Projection':{'ProjectionType':'ALL'},…'IndexName':'byGH',…'IndexStatus':'ACTIVE',…" + gh + ",'Projection':{'ProjectionType':'KEYS_ONLY'},…" +
			"'IndexName':'some',…'IndexStatus':'ACTIVE',…'Projection':{'NonKeyAttributes':['v','w'],'ProjectionType':'INCLUDE'},…}"},
	)
	for _, name := range []string{"byG", "byGH", "some"} {
		w.hold(fact{"UpdateTable", "'GlobalSecondaryIndexUpdates': [{'Delete': {'IndexName': '" + name + "'}}]", ""})
	}
	if got := w.ask("DescribeTable", ""); strings.Contains(got, "GlobalSecondaryIndexes") {
		t.Errorf("indexes remain: %s", got)
	}
	w.hold(
		fact{"PutItem", "'Item': {'p': {'S': '4'}, 'c': {'S': 'x'}, 'g': {'N': '1'}}", "{}"},
		fact{"GetItem", "'Key': {'p': {'S': '4'}, 'c': {'S': 'x'}}", "{'Item':{'c':{'S':'x'},'g':{'N':'1'},'p':{'S':'4'}}}"},
		fact{"Query", "'KeyConditionExpression': 'p = :p', 'Select': 'COUNT', 'ExpressionAttributeValues': {':p': {'S': '4'}}", "{'Count':1,'ScannedCount':1}"},
	)
}

// TestFactsOfExpirySettings: UpdateTimeToLive and DescribeTimeToLive.
func TestFactsOfExpirySettings(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "p:S")
	spec := func(name, on string) string {
		return "'TimeToLiveSpecification': {'AttributeName': '" + name + "', 'Enabled': " + on + "}"
	}
	const none = "ResourceNotFoundException: Requested resource not found: Table: ghost not found"
	w.hold(
		fact{"DescribeTimeToLive", "", "{'TimeToLiveDescription':{'TimeToLiveStatus':'DISABLED'}}"},
		fact{"UpdateTimeToLive", spec("", "true"), "ValidationException: 1 validation error detected: Value '' at 'timeToLiveSpecification.attributeName' failed to satisfy constraint: Member must have length greater than or equal to 1"},
		fact{"", spec("until", "true"), "{'TimeToLiveSpecification':{'AttributeName':'until','Enabled':true}}"},
		fact{"DescribeTimeToLive", "", "{'TimeToLiveDescription':{'AttributeName':'until','TimeToLiveStatus':'ENABLED'}}"},
		fact{"UpdateTimeToLive", "'TableName': 'ghost', " + spec("until", "true"), none},
		fact{"DescribeTimeToLive", "'TableName': 'ghost'", none},
	)
}

// TestFactsOfTags: tags come, change and go; what other accounts have is refused.
func TestFactsOfTags(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "p:S")
	const (
		tab     = "arn:aws:dynamodb:" + region + ":" + account + ":table/tab"
		foreign = "arn:aws:dynamodb:" + region + ":000000000000:table/tab"
		of      = "'ResourceArn': '" + tab + "'"
	)
	ask := func(op, in, want string) { // these take no TableName
		t.Helper()
		_, body := w.post("DynamoDB_20120810."+op, []byte(strings.ReplaceAll("{"+in+"}", "'", `"`)))
		if got := strings.ReplaceAll(body, `"`, "'"); got != want && (want == "" || !fits(got, want)) {
			t.Errorf("%s %s\n got %s\nwant %s", op, in, got, want)
		}
	}
	ask("ListTagsOfResource", of, "{'Tags':[]}")
	ask("TagResource", of+", 'Tags': [{'Key': 'stage', 'Value': 'try'}, {'Key': 'owner', 'Value': 'us'}]", "")
	ask("TagResource", of+", 'Tags': [{'Key': 'stage', 'Value': 'live'}, {'Key': 'team', 'Value': 'ours'}]", "")
	ask("ListTagsOfResource", of, "{'Tags':[{'Key':'owner','Value':'us'},{'Key':'stage','Value':'live'},{'Key':'team','Value':'ours'}]}")
	ask("UntagResource", of+", 'TagKeys': ['team', 'owner']", "")
	ask("ListTagsOfResource", of, "{'Tags':[{'Key':'stage','Value':'live'}]}")
	ask("TagResource", "'ResourceArn': 'no-arn', 'Tags': [{'Key': 'a', 'Value': 'b'}]", "{'__type':'…ValidationException','message':'…")
	for op, more := range map[string]string{"ListTagsOfResource": "", "TagResource": ", 'Tags': [{'Key': 'a', 'Value': 'b'}]", "UntagResource": ", 'TagKeys': ['a']"} {
		ask(op, "'ResourceArn': '"+foreign+"'"+more, "{'__type':'…AccessDeniedException',…User: "+w.root.ARN+" is not authorized to perform: dynamodb:"+op+" on resource: "+foreign+" because no resource-based policy allows the dynamodb:"+op+" action…")
	}
}

// TestFactsOfStreams: a table with a stream, and what lists and describes it.
func TestFactsOfStreams(t *testing.T) {
	w := newWorld(t)
	w.table("plain", "k:S")
	arn := w.streamed("tab", "k:S", "NEW_AND_OLD_IMAGES")
	other := w.streamed("other", "k:S", "KEYS_ONLY")
	label := arn[strings.LastIndexByte(arn, '/')+1:]
	w.hold(fact{"DescribeTable", "", "{'Table':{…'LatestStreamArn':'" + arn + "','LatestStreamLabel':'" + label + "',…'StreamSpecification':{'StreamEnabled':true,'StreamViewType':'NEW_AND_OLD_IMAGES'},…"})
	ask := func(op, in string, out any) string {
		t.Helper()
		status, body := w.post("DynamoDBStreams_20120810."+op, []byte(strings.ReplaceAll("{"+in+"}", "'", `"`)))
		var all map[string]any
		if err := errors.Join(json.Unmarshal([]byte(body), &all), json.Unmarshal([]byte(body), out)); err != nil || status != 200 {
			t.Fatalf("%s %s: %d %s", op, in, status, body)
		}
		return plainJSON(all)
	}
	var described struct {
		StreamDescription struct{ Shards []struct{ ShardId string } }
	}
	var iterated struct{ ShardIterator string }
	var anything struct{}
	one := "{'StreamArn':'" + arn + "','StreamLabel':'" + label + "','TableName':'tab'}"
	if got := ask("ListStreams", "'TableName': 'tab'", &anything); got != "{'Streams':["+one+"]}" {
		t.Errorf("streams of tab: %s", got)
	}
	if got := ask("ListStreams", "", &anything); !strings.Contains(got, one) || !strings.Contains(got, other) {
		t.Errorf("all streams: %s", got)
	}
	if got := ask("ListStreams", "'TableName': 'plain'", &anything); got != "{'Streams':[]}" {
		t.Errorf("streams of a table that has none: %s", got)
	}
	if got := ask("DescribeStream", "'StreamArn': '"+arn+"'", &described); !strings.Contains(got, "'StreamStatus':'ENABLED'") || !strings.Contains(got, "'KeySchema':[{'AttributeName':'k','KeyType':'HASH'}]") || len(described.StreamDescription.Shards) == 0 {
		t.Errorf("described: %s", got)
	}
	for _, sh := range described.StreamDescription.Shards {
		for _, kind := range []string{"TRIM_HORIZON", "LATEST"} {
			if got := ask("GetShardIterator", "'StreamArn': '"+arn+"', 'ShardId': '"+sh.ShardId+"', 'ShardIteratorType': '"+kind+"'", &iterated); iterated.ShardIterator == "" {
				t.Errorf("%s of %s: %s", kind, sh.ShardId, got)
			}
			if got := ask("GetRecords", "'ShardIterator': '"+iterated.ShardIterator+"'", &anything); !fits(got, "{'NextShardIterator':'…','Records':[]}") {
				t.Errorf("no records yet: %s", got)
			}
		}
	}
}
