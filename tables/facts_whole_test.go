package tables

import (
	"fmt"
	"strings"
	"testing"
)

// TestFactsOfAccounts: limits, endpoints, and what a table does not do until it is told.
func TestFactsOfAccounts(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "p:S")
	const arn = "arn:aws:dynamodb:" + region + ":" + account + ":table/tab"
	const off = "{'ContinuousBackupsDescription':{'ContinuousBackupsStatus':'ENABLED','PointInTimeRecoveryDescription':{'PointInTimeRecoveryStatus':'DISABLED'}}}"
	const statement = `{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"arn:aws:iam::` + account + `:root\"},\"Action\":\"dynamodb:Query\",\"Resource\":\"` + arn + `\"}]}`
	policy := fact{"GetResourcePolicy", "'ResourceArn': '" + arn + "'", "PolicyNotFoundException: …"}
	w.hold(
		fact{"DescribeLimits", "", "{'AccountMaxReadCapacityUnits':80000,'AccountMaxWriteCapacityUnits':80000,'TableMaxReadCapacityUnits':40000,'TableMaxWriteCapacityUnits':40000}"},
		fact{"DescribeEndpoints", "", "{'Endpoints':[{'Address':'dynamodb.test','CachePeriodInMinutes':1440}]}"},
		fact{"DescribeContributorInsights", "", "{'ContributorInsightsStatus':'DISABLED','TableName':'tab'}"},
		fact{"DescribeKinesisStreamingDestination", "", "{'KinesisDataStreamDestinations':[],'TableName':'tab'}"},
		fact{"DescribeContinuousBackups", "", off},
		fact{"UpdateContinuousBackups", "'PointInTimeRecoverySpecification': {'PointInTimeRecoveryEnabled': true}", "{'ContinuousBackupsDescription':{…'PointInTimeRecoveryStatus':'ENABLED'…}}"},
		fact{"DescribeContinuousBackups", "", "{'ContinuousBackupsDescription':{…'PointInTimeRecoveryStatus':'ENABLED'…}}"},
		policy,
	)
	put := w.ask("PutResourcePolicy", "'ResourceArn': '"+arn+"', 'Policy': '"+statement+"'")
	revision := strings.TrimSuffix(strings.TrimPrefix(put, "{'RevisionId':'"), "'}")
	if revision == "" || len(revision) == len(put) {
		t.Fatal(put)
	}
	w.hold(
		fact{"GetResourcePolicy", policy.in, "{'Policy':'…','RevisionId':'" + revision + "'}"},
		fact{"DeleteResourcePolicy", policy.in, "{'RevisionId':'…'}"},
		policy,
	)
}

// TestFactsOfCopies: backups, restores, exports and imports as they begin, and backups that are gone.
func TestFactsOfCopies(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "p:S")
	w.recover("tab", true)
	w.put("tab", `{'p': {'S': 'a'}}`)
	find := func(got, name string) string {
		t.Helper()
		_, rest, ok := strings.Cut(got, "'"+name+"':'")
		value, _, _ := strings.Cut(rest, "'")
		if !ok {
			t.Fatalf("no %s in %s", name, got)
		}
		return value
	}
	const tab = "arn:aws:dynamodb:" + region + ":" + account + ":table/tab"
	backup := find(w.ask("CreateBackup", "'BackupName': 'first'"), "BackupArn")
	w.jobs()
	of := "'BackupArn': '" + backup + "'"
	w.hold(
		fact{"DescribeBackup", of, "{'BackupDescription':{'BackupDetails':{'BackupArn':'" + backup + "',…'BackupStatus':'AVAILABLE'…}}"},
		fact{"ListBackups", "", "{'BackupSummaries':[{'BackupArn':'" + backup + "'…}]}"},
		fact{"RestoreTableFromBackup", of + ", 'TargetTableName': 'copy'", "{'TableDescription':{…'RestoreSummary':{…'RestoreInProgress':true,'SourceBackupArn':'" + backup + "','SourceTableArn':'" + tab + "'},…'TableName':'copy'…}}"},
	)
	w.jobs()
	w.hold(
		fact{"GetItem", "'TableName': 'copy', 'Key': {'p': {'S': 'a'}}", "{'Item':{'p':{'S':'a'}}}"},
		fact{"DeleteBackup", of, "{'BackupDescription':{'BackupDetails':{'BackupArn':'" + backup + "'…}}"},
		fact{"DescribeBackup", of, "BackupNotFoundException: …"},
		fact{"DeleteBackup", of, "BackupNotFoundException: …"},
	)
	export := w.ask("ExportTableToPointInTime", "'TableArn': '"+tab+"', 'S3Bucket': 'bucket'")
	arn := find(export, "ExportArn")
	w.bucket["in/items.json"] = []byte(`{"Item":{"p":{"S":"read"}}}` + "\n")
	imported := w.ask("ImportTable", fmt.Sprintf("'InputFormat': 'DYNAMODB_JSON', 'InputCompressionType': 'NONE', 'S3BucketSource': {'S3Bucket': 'bucket', 'S3KeyPrefix': 'in/'}, 'TableCreationParameters': {'TableName': 'read', 'BillingMode': 'PAY_PER_REQUEST', %s, %s}", keySchemaJSON("p"), attributes("p:S")))
	for _, got := range []string{find(export, "ExportStatus"), find(imported, "ImportStatus")} {
		if got != "IN_PROGRESS" {
			t.Errorf("begun is %s", got)
		}
	}
	w.hold(
		fact{"DescribeExport", "'ExportArn': '" + arn + "'", "{'ExportDescription':{…'ExportArn':'" + arn + "'…}}"},
		fact{"ListExports", "'TableArn': '" + tab + "'", "{'ExportSummaries':[{'ExportArn':'" + arn + "'…}]}"},
		fact{"ListImports", "", "{'ImportSummaryList':[{…'ImportArn':'" + find(imported, "ImportArn") + "','ImportStatus':'IN_PROGRESS'…}]}"},
	)
	w.jobs()
	w.hold(
		fact{"DescribeImport", "'ImportArn': '" + find(imported, "ImportArn") + "'", "{'ImportTableDescription':{…'ImportStatus':'COMPLETED','ImportedItemCount':1…}}"},
		fact{"GetItem", "'TableName': 'read', 'Key': {'p': {'S': 'read'}}", "{'Item':{'p':{'S':'read'}}}"},
	)
}
