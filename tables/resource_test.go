package tables

import (
	"strings"
	"testing"

	"bothy/api/dynamodb"
	"bothy/policy"
	"bothy/wire"
	"bothy/wire/item"
)

const tabARN = "arn:aws:dynamodb:eu-west-1:" + account + ":table/tab"

// powerless is a principal without permissions.
func (w *world) powerless(name, ofAccount string) *wire.Principal {
	return &wire.Principal{Kind: wire.User, Account: ofAccount, ARN: "arn:aws:iam::" + ofAccount + ":user/" + name, UserID: "AIDA" + strings.ToUpper(name) + "0123456789"}
}

func (w *world) policy(statement string) *dynamodb.PutResourcePolicyOutput {
	w.t.Helper()
	return must(w, dynamodb.PutResourcePolicy, dynamodb.PutResourcePolicyInput{ResourceArn: str(tabARN), Policy: str(`{"Version": "2012-10-17", "Statement": [` + statement + `]}`)})
}

func TestResourcePolicyDecides(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "pk:S", "byA a:S ALL")
	w.put("tab", `{'pk': {'S': 'ann'}, 'a': {'S': 'x'}}`)
	ann, bob := w.powerless("ann", account), w.powerless("bob", account)
	stranger := w.powerless("eve", "999988887777")
	get := func(p *wire.Principal, pk string) error {
		return fails(do(w, p, dynamodb.GetItem, dynamodb.GetItemInput{TableName: str("tab"), Key: doc(`{'pk': {'S': '` + pk + `'}}`)}))
	}
	sql := func(p *wire.Principal, text string) error {
		return fails(do(w, p, dynamodb.ExecuteStatement, dynamodb.ExecuteStatementInput{Statement: str(text)}))
	}
	w.refused(get(ann, "ann"), "AccessDenied", "")

	w.policy(`{"Effect": "Allow", "Principal": {"AWS": ["` + ann.ARN + `", "` + stranger.ARN + `"]}, "Action": ["dynamodb:GetItem", "dynamodb:PartiQLSelect", "dynamodb:DescribeTable"], "Resource": "` + tabARN + `", "Condition": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["ann"]}}}`)
	if err := get(ann, "ann"); err != nil {
		t.Error(err)
	}
	if err := sql(ann, `SELECT * FROM tab WHERE pk = 'ann'`); err != nil {
		t.Error(err)
	}
	if err := fails(do(w, ann, dynamodb.DescribeTable, dynamodb.DescribeTableInput{TableName: str("tab")})); err != nil {
		t.Error(err)
	}
	for what, err := range map[string]error{
		"another key": get(ann, "bob"), "another user": get(bob, "ann"), "a scan": sql(ann, `SELECT * FROM tab`), "an index": sql(ann, `SELECT * FROM tab.byA WHERE a = 'x'`),
		"a write": sql(ann, `DELETE FROM tab WHERE pk = 'ann'`), "another account": get(stranger, "ann"),
		"a table operation": fails(do(w, ann, dynamodb.DeleteTable, dynamodb.DeleteTableInput{TableName: str("tab")})),
		"the policy":        fails(do(w, ann, dynamodb.GetResourcePolicy, dynamodb.GetResourcePolicyInput{ResourceArn: str(tabARN)})),
		"a batch":           fails(do(w, ann, dynamodb.BatchWriteItem, dynamodb.BatchWriteItemInput{RequestItems: map[string][]dynamodb.WriteRequest{"tab": {{DeleteRequest: &dynamodb.DeleteRequest{Key: doc(`{'pk': {'S': 'ann'}}`)}}}}})),
	} {
		t.Run(what, func(t *testing.T) { w.t = t; w.refused(err, "AccessDenied", "") })
	}
	w.t = t
	allow, _ := policy.Parse([]byte(`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "dynamodb:*", "Resource": "*"}]}`))
	stranger.Policies.Identity = []policy.Source{{Name: "own", Policy: allow}} // across accounts both must allow
	if err := get(stranger, "ann"); err != nil {
		t.Error(err)
	}
	w.refused(get(stranger, "bob"), "AccessDenied", "")

	w.policy(`{"Effect": "Deny", "Principal": "*", "Action": ["dynamodb:*Item", "dynamodb:PartiQL*", "dynamodb:Batch*", "dynamodb:Scan", "dynamodb:Query", "dynamodb:UpdateTable"], "Resource": ["` + tabARN + `", "` + tabARN + `/index/*"]}`)
	for what, err := range map[string]error{
		"get": get(w.root, "ann"), "sql": sql(w.root, `SELECT * FROM tab`), "index": sql(w.root, `SELECT * FROM tab.byA`),
		"scan": fails(do(w, w.root, dynamodb.Scan, dynamodb.ScanInput{TableName: str("tab")})), "query": fails(do(w, w.root, dynamodb.Query, dynamodb.QueryInput{TableName: str("tab"), KeyConditionExpression: str("pk = :p"), ExpressionAttributeValues: doc(`{':p': {'S': 'a'}}`)})),
		"put": fails(do(w, w.root, putItem, putInput("tab", doc(`{'pk': {'S': 'x'}}`)))), "batch": fails(do(w, w.root, dynamodb.BatchGetItem, dynamodb.BatchGetItemInput{RequestItems: map[string]dynamodb.KeysAndAttributes{"tab": {Keys: attemptsKey}}})),
		"transaction":     fails(do(w, w.root, dynamodb.TransactWriteItems, dynamodb.TransactWriteItemsInput{TransactItems: []dynamodb.TransactWriteItem{{Put: &dynamodb.Put{TableName: str("tab"), Item: doc(`{'pk': {'S': 'x'}}`)}}}})),
		"table operation": fails(do(w, w.root, dynamodb.UpdateTable, dynamodb.UpdateTableInput{TableName: str("tab"), DeletionProtectionEnabled: wire.Some(true)})),
		"statements":      fails(w.transaction(w.root, "", `DELETE FROM tab WHERE pk = 'ann'`)),
	} {
		t.Run("denied "+what, func(t *testing.T) { w.t = t; w.refused(err, "AccessDenied", "") })
	}
	w.t = t
	if out, err := w.batch(w.root, `SELECT * FROM tab WHERE pk = 'ann'`); err != nil || !strings.HasPrefix(out[0], "AccessDenied") {
		t.Error(out, err)
	}
	must(w, dynamodb.DeleteResourcePolicy, dynamodb.DeleteResourcePolicyInput{ResourceArn: str(tabARN)})
	if err := get(w.root, "ann"); err != nil {
		t.Error(err)
	}
}

var attemptsKey = []item.Item{doc(`{'pk': {'S': 'ann'}}`)}

func TestResourcePolicyRevisions(t *testing.T) {
	w := newWorld(t)
	const nothing = `{"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": "*", "Action": "dynamodb:Scan", "Resource": "` + tabARN + `"}]}`
	in := dynamodb.CreateTableInput{TableName: str("tab"), BillingMode: str("PAY_PER_REQUEST"), ResourcePolicy: str(nothing)}
	in.KeySchema = schemaOf(&in, "pk:S")
	must(w, dynamodb.CreateTable, in)
	get := func() (*dynamodb.GetResourcePolicyOutput, error) {
		return do(w, w.root, dynamodb.GetResourcePolicy, dynamodb.GetResourcePolicyInput{ResourceArn: str(tabARN)})
	}
	put := func(doc, expected string, sure bool) (*dynamodb.PutResourcePolicyOutput, error) {
		return do(w, w.root, dynamodb.PutResourcePolicy, dynamodb.PutResourcePolicyInput{ResourceArn: str(tabARN), Policy: str(doc), ExpectedRevisionId: wire.Opt[string]{V: expected, Set: expected != ""}, ConfirmRemoveSelfResourceAccess: wire.Some(sure)})
	}
	first, err := get()
	if err != nil || first.Policy.V != nothing || first.RevisionId.V == "" {
		t.Fatal(first, err)
	}
	if same, err := put(nothing, "", false); err != nil || same.RevisionId != first.RevisionId {
		t.Error("the same policy has another revision", same, err)
	}
	other := strings.Replace(nothing, "Scan", "Query", 1)
	_, err = put(other, "NO_POLICY", false)
	w.refused(err, "PolicyNotFoundException", "")
	next, err := put(other, first.RevisionId.V, false)
	if err != nil || next.RevisionId.V <= first.RevisionId.V {
		t.Error(next, err)
	}
	_, err = do(w, w.root, dynamodb.DeleteResourcePolicy, dynamodb.DeleteResourcePolicyInput{ResourceArn: str(tabARN), ExpectedRevisionId: first.RevisionId})
	w.refused(err, "PolicyNotFoundException", "")
	if out := must(w, dynamodb.DeleteResourcePolicy, dynamodb.DeleteResourcePolicyInput{ResourceArn: str(tabARN)}); out.RevisionId != next.RevisionId {
		t.Error(out)
	}
	if out := must(w, dynamodb.DeleteResourcePolicy, dynamodb.DeleteResourcePolicyInput{ResourceArn: str(tabARN)}); out.RevisionId.Set {
		t.Error(out)
	}
	_, err = get()
	w.refused(err, "PolicyNotFoundException", "Resource-based policy not found for the provided ResourceArn: "+tabARN)
	if again, err := put(nothing, "NO_POLICY", false); err != nil || again.RevisionId.V <= next.RevisionId.V {
		t.Error(again, err)
	}
	lockOut := strings.Replace(nothing, "dynamodb:Scan", "dynamodb:*", 1)
	_, err = put(lockOut, "", false)
	w.refused(err, "ValidationException", "")
	for _, bad := range []string{`{}`, `x`, `{"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}`, strings.Repeat(" ", maxPolicy) + nothing} {
		_, err := put(bad, "", false)
		w.refused(err, "ValidationException", "")
	}
	if _, err := put(lockOut, "", true); err != nil {
		t.Error(err)
	}
	_, err = put(nothing, "", false)
	w.refused(err, "AccessDenied", "")
}

func TestWhatIsElsewhere(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "pk:S")
	tab := str("tab")
	if d := must(w, dynamodb.DescribeContributorInsights, dynamodb.DescribeContributorInsightsInput{TableName: tab}); d.ContributorInsightsStatus.V != "DISABLED" {
		t.Error(d)
	}
	if d := must(w, dynamodb.DescribeKinesisStreamingDestination, dynamodb.DescribeKinesisStreamingDestinationInput{TableName: tab}); len(d.KinesisDataStreamDestinations) != 0 {
		t.Error(d)
	}
	must(w, dynamodb.ListContributorInsights, dynamodb.ListContributorInsightsInput{})
	must(w, dynamodb.ListGlobalTables, dynamodb.ListGlobalTablesInput{})
	must(w, dynamodb.UpdateContributorInsights, dynamodb.UpdateContributorInsightsInput{TableName: tab, ContributorInsightsAction: str("DISABLE")})
	_, err := do(w, w.root, dynamodb.UpdateContributorInsights, dynamodb.UpdateContributorInsightsInput{TableName: tab, ContributorInsightsAction: str("ENABLE")})
	w.refused(err, "ValidationException", "")
	_, err = do(w, w.root, dynamodb.DescribeGlobalTable, dynamodb.DescribeGlobalTableInput{GlobalTableName: tab})
	w.refused(err, "GlobalTableNotFoundException", "Global table with name: 'tab' does not exist")
	_, err = do(w, w.root, dynamodb.EnableKinesisStreamingDestination, dynamodb.KinesisStreamingDestinationInput{TableName: tab, StreamArn: str("arn:aws:kinesis:eu-west-1:111122223333:stream/some-stream-of-mine")})
	w.refused(err, "ValidationException", "Kinesis streaming destinations are not supported")
	_, err = do(w, w.root, dynamodb.DescribeContributorInsights, dynamodb.DescribeContributorInsightsInput{TableName: str("none")})
	w.refused(err, "ResourceNotFoundException", "Requested resource not found: Table: none not found")
	_, err = do(w, w.root, dynamodb.DescribeContributorInsights, dynamodb.DescribeContributorInsightsInput{TableName: tab, IndexName: str("none")})
	w.refused(err, "ResourceNotFoundException", "Requested resource not found: Index: none not found for table: tab")
	_, err = do(w, w.root, dynamodb.ListContributorInsights, dynamodb.ListContributorInsightsInput{TableName: str("none")})
	w.refused(err, "ResourceNotFoundException", "")
	_, err = do(w, w.root, dynamodb.DisableKinesisStreamingDestination, dynamodb.KinesisStreamingDestinationInput{TableName: str("none"), StreamArn: str("arn:aws:kinesis:eu-west-1:111122223333:stream/some-stream-of-mine")})
	w.refused(err, "ResourceNotFoundException", "")
	_, err = do(w, w.root, dynamodb.DescribeTableReplicaAutoScaling, dynamodb.DescribeTableReplicaAutoScalingInput{TableName: tab})
	w.refused(err, "ResourceNotFoundException", "Global table with name: 'tab' does not exist.")
	_, err = do(w, w.root, dynamodb.CreateGlobalTable, dynamodb.CreateGlobalTableInput{GlobalTableName: tab, ReplicationGroup: []dynamodb.Replica{{RegionName: str(region)}}})
	w.refused(err, "ValidationException", noLegacy)
}

func TestResourcePolicyIsNotForEverybody(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "pk:S")
	put := func(arn, statement string) error {
		return fails(do(w, w.root, dynamodb.PutResourcePolicy, dynamodb.PutResourcePolicyInput{ResourceArn: str(arn), Policy: str(`{"Version": "2012-10-17", "Statement": [` + statement + `]}`)}))
	}
	const rest = `"Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": "` + tabARN + `"`
	w.refused(put(tabARN, `{"Principal": "*", `+rest+`}`), "ValidationException", "Resource-based policy grants unbounded access in one or more elements. Please revise the policy to ensure least-privilege form of access")
	if err := put(tabARN, `{"Principal": "*", `+rest+`, "Condition": {"StringEquals": {"aws:PrincipalAccount": "`+account+`"}}}`); err != nil {
		t.Error(err)
	}
	w.refused(put(tabARN, strings.Repeat(" ", maxPolicy)), "ValidationException", "One or more parameter values were invalid: Maximum policy size of 20480 bytes exceeded")
	w.refused(put("tab", ""), "ValidationException", "One or more parameter values were invalid: ARNs must start with 'arn:': tab")
	w.refused(put(tabARN+"/index/i", ""), "ValidationException", "One or more parameter values were invalid: Invalid resource arn provided, only table or stream is accepted. Provided resource arn: "+tabARN+"/index/i")
	w.refused(put(strings.Replace(tabARN, account, "999988887777", 1), ""), "ValidationException", "This action is only supported by accounts that match the resource owner’s account.")
}
