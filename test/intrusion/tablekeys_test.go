package intrusion

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"testing"
)

// TestConditionKeysOfTables: what a policy forbids by a condition key is refused in every form that does it, and in no other.
func TestConditionKeysOfTables(t *testing.T) {
	w := newWorld(t)
	w.vault(t, "vault")
	const allow = `{"Effect":"Allow","Action":"dynamodb:*","Resource":"*"}`
	deny := func(condition string) string {
		return `[` + allow + `,{"Effect":"Deny","Action":"dynamodb:*","Resource":"*","Condition":` + condition + `}]`
	}
	holds := func(pattern string) func(form) bool {
		p := regexp.MustCompile(pattern)
		return func(f form) bool { return p.MatchString(f.op + " " + f.body) }
	}
	guarded := w.worker(t, "guarded", allow)
	arn := "arn:aws:dynamodb:us-east-1:" + w.account(t) + ":table/vault"
	w.root.dynamo(t, "PutResourcePolicy", map[string]any{"ResourceArn": arn, "Policy": `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Principal":{"AWS":"arn:aws:iam::` + w.account(t) + `:user/guarded"},"Action":"dynamodb:*","Resource":"` + arn + `/index/*"}}`}).must(t, nil)
	for name, x := range map[string]struct {
		by     caller
		denied func(form) bool
	}{
		"ReturnConsumedCapacity": {w.worker(t, "consumed", deny(`{"StringEquals":{"dynamodb:ReturnConsumedCapacity":["TOTAL","INDEXES"]}}`)), holds(`"ReturnConsumedCapacity"`)},
		"ReturnValues":           {w.worker(t, "returned", deny(`{"StringEquals":{"dynamodb:ReturnValues":["ALL_OLD","ALL_NEW"]}}`)), holds(`ALL_OLD|ALL_NEW|ALL OLD|ALL NEW`)},
		"EnclosingOperation":     {w.worker(t, "enclosed", deny(`{"Null":{"dynamodb:EnclosingOperation":"false"}}`)), holds(`^(Transact|ExecuteTransaction)`)},
		"FullTableScan":          {w.worker(t, "scanning", deny(`{"Bool":{"dynamodb:FullTableScan":"true"}}`)), func(f form) bool { return f.wide || f.through }},
		"LeadingKeys":            {w.worker(t, "leading", deny(`{"ForAnyValue:StringEquals":{"dynamodb:LeadingKeys":"bob"}}`)), func(f form) bool { return !f.wide }},
		"Attributes":             {w.worker(t, "named", deny(`{"ForAnyValue:StringEquals":{"dynamodb:Attributes":"salary"}}`)), form.names},
		"an index by its ARN":    {w.worker(t, "indexed", `[`+allow+`,{"Effect":"Deny","Action":"*","Resource":"arn:aws:dynamodb:*:*:table/vault/index/*"}]`), holds(`"IndexName"|"LSI`)},
		"a policy of the table":  {guarded, holds(`"IndexName"|"LSI`)},
	} {
		for _, f := range tableForms() {
			w.store(t, "vault", "bob", "n1", marker, marker)
			at := aim{"vault", "bob", "n1", "bob", "salary"}
			if a := x.by.ask(t, f, at); !f.scalar() && a.denied() != x.denied(f) {
				t.Errorf("%s: %s %s: %d %s", name, f.op, at.fill(f.body), a.status, a.body)
			}
		}
	}
}

// TestWholeTablesOfOthers: who owns rows owns nothing of the table: not its description, policies, tags, streams, backups, exports.
func TestWholeTablesOfOthers(t *testing.T) {
	w := newWorld(t)
	w.vault(t, "vault")
	account := w.account(t)
	arn := "arn:aws:dynamodb:us-east-1:" + account + ":table/vault"
	w.root.send(t, request{service: "s3", method: "PUT", path: "/dumps"}).must2xx(t)
	w.root.dynamo(t, "UpdateTable", map[string]any{"TableName": "vault", "StreamSpecification": map[string]any{"StreamEnabled": true, "StreamViewType": "NEW_AND_OLD_IMAGES"}}).must(t, nil)
	w.root.dynamo(t, "UpdateContinuousBackups", map[string]any{"TableName": "vault", "PointInTimeRecoverySpecification": map[string]any{"PointInTimeRecoveryEnabled": true}}).must(t, nil)
	w.store(t, "vault", "bob", "n1", marker, marker)
	var backup struct{ BackupDetails struct{ BackupArn string } }
	w.root.dynamo(t, "CreateBackup", map[string]any{"TableName": "vault", "BackupName": "all"}).must(t, &backup)
	var export struct{ ExportDescription struct{ ExportArn string } }
	w.root.dynamo(t, "ExportTableToPointInTime", map[string]any{"TableArn": arn, "S3Bucket": "dumps"}).must(t, &export)
	streams := func(c caller, op string, in any) answer {
		return c.send(t, jsonCall(t, "dynamodb", "1.0", "DynamoDBStreams_20120810."+op, in))
	}
	var list struct{ Streams []struct{ StreamArn string } }
	streams(w.root, "ListStreams", map[string]any{"TableName": "vault"}).must(t, &list)
	stream := list.Streams[0].StreamArn
	var described struct {
		StreamDescription struct{ Shards []struct{ ShardId string } }
	}
	streams(w.root, "DescribeStream", map[string]any{"StreamArn": stream}).must(t, &described)
	shard := described.StreamDescription.Shards[0].ShardId
	var at struct{ ShardIterator string }
	streams(w.root, "GetShardIterator", map[string]any{"StreamArn": stream, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"}).must(t, &at)

	before := w.rowsOf(t, "vault", "bob")
	statement := strings.Replace(ownRows("ann"), vaultARN, `"*"`, 1)
	c := w.worker(t, "ann", `[`+statement+`,{"Effect":"Allow","Action":"s3:*","Resource":"*"}]`)
	for op, in := range map[string]any{"ListStreams": map[string]any{}, "DescribeStream": map[string]any{"StreamArn": stream}, "GetShardIterator": map[string]any{"StreamArn": stream, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"},
		"GetRecords": map[string]any{"ShardIterator": at.ShardIterator}} {
		if a := streams(c, op, in); !a.denied() || bytes.Contains(a.body, []byte(marker)) {
			t.Errorf("%s: %d %s", op, a.status, a.body)
		}
	}
	for op, bodies := range map[string][]string{
		"ListTables": {`{}`}, "DescribeTable": {`{"TableName":"vault"}`, `{"TableName":"ARN"}`}, "UpdateTable": {`{"TableName":"vault","DeletionProtectionEnabled":false}`}, "DeleteTable": {`{"TableName":"vault"}`},
		"CreateTable":                         {`{"TableName":"ann","BillingMode":"PAY_PER_REQUEST","KeySchema":[{"AttributeName":"who","KeyType":"HASH"}],"AttributeDefinitions":[{"AttributeName":"who","AttributeType":"S"}]}`},
		"TagResource":                         {`{"ResourceArn":"ARN","Tags":[{"Key":"a","Value":"b"}]}`},
		"UntagResource":                       {`{"ResourceArn":"ARN","TagKeys":["a"]}`},
		"ListTagsOfResource":                  {`{"ResourceArn":"ARN"}`},
		"PutResourcePolicy":                   {`{"ResourceArn":"ARN","Policy":"{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"dynamodb:*\",\"Resource\":\"ARN\"}}"}`},
		"GetResourcePolicy":                   {`{"ResourceArn":"ARN"}`},
		"DeleteResourcePolicy":                {`{"ResourceArn":"ARN"}`},
		"DescribeTimeToLive":                  {`{"TableName":"vault"}`},
		"UpdateTimeToLive":                    {`{"TableName":"vault","TimeToLiveSpecification":{"Enabled":true,"AttributeName":"note"}}`},
		"CreateBackup":                        {`{"TableName":"vault","BackupName":"mine"}`},
		"DescribeBackup":                      {`{"BackupArn":"BACKUP"}`},
		"DeleteBackup":                        {`{"BackupArn":"BACKUP"}`},
		"ListBackups":                         {`{}`, `{"TableName":"vault"}`},
		"RestoreTableFromBackup":              {`{"BackupArn":"BACKUP","TargetTableName":"ann"}`},
		"DescribeContinuousBackups":           {`{"TableName":"vault"}`},
		"UpdateContinuousBackups":             {`{"TableName":"vault","PointInTimeRecoverySpecification":{"PointInTimeRecoveryEnabled":false}}`},
		"RestoreTableToPointInTime":           {`{"SourceTableName":"vault","TargetTableName":"ann","UseLatestRestorableTime":true}`, `{"SourceTableArn":"ARN","TargetTableName":"ann","UseLatestRestorableTime":true}`},
		"ExportTableToPointInTime":            {`{"TableArn":"ARN","S3Bucket":"dumps"}`},
		"DescribeExport":                      {`{"ExportArn":"EXPORT"}`},
		"ListExports":                         {`{}`, `{"TableArn":"ARN"}`},
		"ImportTable":                         {`{"S3BucketSource":{"S3Bucket":"dumps"},"InputFormat":"DYNAMODB_JSON","TableCreationParameters":{"TableName":"ann","BillingMode":"PAY_PER_REQUEST","KeySchema":[{"AttributeName":"who","KeyType":"HASH"}],"AttributeDefinitions":[{"AttributeName":"who","AttributeType":"S"}]}}`},
		"ListImports":                         {`{}`},
		"DescribeContributorInsights":         {`{"TableName":"vault"}`},
		"DescribeKinesisStreamingDestination": {`{"TableName":"vault"}`},
		"ListContributorInsights":             {`{}`},
		"DescribeLimits":                      {`{}`},
	} {
		for _, body := range bodies {
			body = strings.NewReplacer("ARN\"", arn+"\"", `ARN\`, arn+`\`, "BACKUP", backup.BackupDetails.BackupArn, "EXPORT", export.ExportDescription.ExportArn).Replace(body)
			if !json.Valid([]byte(body)) {
				t.Fatalf("%s", body)
			}
			a := c.send(t, request{service: "dynamodb", kind: "application/x-amz-json-1.0", target: "DynamoDB_20120810." + op, body: []byte(body)})
			if !a.denied() || bytes.Contains(a.body, []byte(marker)) {
				t.Errorf("%s %s: %d %s", op, body, a.status, a.body)
			}
		}
	}
	if after := w.rowsOf(t, "vault", "bob"); after != before {
		t.Errorf("the rows are %s", after)
	}
	// A bucket that is not the asker's is not written to or read in their name.
	only := w.worker(t, "exporter", `{"Effect":"Allow","Action":"dynamodb:*","Resource":"*"}`)
	for op, body := range map[string]string{"ExportTableToPointInTime": `{"TableArn":"` + arn + `","S3Bucket":"dumps"}`,
		"ImportTable": `{"S3BucketSource":{"S3Bucket":"dumps"},"InputFormat":"DYNAMODB_JSON","InputCompressionType":"GZIP","TableCreationParameters":{"TableName":"copy","BillingMode":"PAY_PER_REQUEST","KeySchema":[{"AttributeName":"who","KeyType":"HASH"}],"AttributeDefinitions":[{"AttributeName":"who","AttributeType":"S"}]}}`} {
		a := only.send(t, request{service: "dynamodb", kind: "application/x-amz-json-1.0", target: "DynamoDB_20120810." + op, body: []byte(body)})
		if a.status != 400 || !strings.Contains(a.message, "AccessDenied") {
			t.Errorf("%s: %d %s", op, a.status, a.body)
		}
	}
}
