package tables

import (
	"fmt"
	"testing"
	"time"

	"bothy/api/dynamodb"
	"bothy/wire"
)

func (w *world) delete(table string) {
	w.t.Helper()
	must(w, dynamodb.DeleteTable, dynamodb.DeleteTableInput{TableName: str(table)})
}

func (w *world) backups(table, kind string) []dynamodb.BackupSummary {
	w.t.Helper()
	return must(w, dynamodb.ListBackups, dynamodb.ListBackupsInput{TableName: str(table), BackupType: wire.NonEmpty(kind)}).BackupSummaries
}

func (w *world) restoreBackup(in dynamodb.RestoreTableFromBackupInput) *dynamodb.TableDescription {
	w.t.Helper()
	must(w, dynamodb.RestoreTableFromBackup, in)
	w.jobs()
	return must(w, dynamodb.DescribeTable, dynamodb.DescribeTableInput{TableName: in.TargetTableName}).Table
}

// TestLastBackup: a table that could be recovered can be brought back for 35 days after it was deleted, and no longer.
func TestLastBackup(t *testing.T) {
	w := newWorld(t)
	w.table("plain", "a:S")
	w.put("plain", "{'a':{'S':'x'}}")
	w.delete("plain")
	if got := w.backups("plain", "ALL"); len(got) != 0 {
		t.Errorf("%+v", got)
	}
	w.table("tab", "a:S", "byB b:S ALL")
	w.recover("tab", true)
	for i := range 1200 {
		w.put("tab", fmt.Sprintf("{'a':{'S':'%d'},'b':{'S':'x'}}", i))
	}
	want := w.content("tab")
	w.delete("tab")
	w.table("tab", "a:S")
	w.recover("tab", true)
	w.delete("tab") // in the same moment
	if got := w.backups("tab", ""); len(got) != 0 {
		t.Errorf("%+v", got)
	}
	all := w.backups("tab", "SYSTEM")
	if len(all) != 2 || len(w.backups("tab", "AWS_BACKUP")) != 0 {
		t.Fatalf("%+v", all)
	}
	b := all[0]
	if b.BackupName.V != "tab$DeletedTableBackup" || b.BackupType.V != "SYSTEM" || b.BackupStatus.V != "AVAILABLE" || !b.BackupExpiryDateTime.V.Equal(w.now.AddDate(0, 0, 35)) || b.BackupSizeBytes.V == 0 {
		t.Errorf("%+v", b)
	}
	_, err := do(w, w.root, dynamodb.DeleteBackup, dynamodb.DeleteBackupInput{BackupArn: b.BackupArn})
	w.refused(err, "ValidationException", "Invalid Request: User is not allowed to delete the system backup with arn "+b.BackupArn.V+". It will automatically expire on "+b.BackupExpiryDateTime.V.Format(time.RFC3339))
	if d := w.restoreBackup(dynamodb.RestoreTableFromBackupInput{TargetTableName: str("tab"), BackupArn: b.BackupArn}); len(d.GlobalSecondaryIndexes) != 1 || d.TableId == b.TableId {
		t.Errorf("%+v", d)
	}
	w.same("tab", want)
	w.delete("tab")

	w.now = w.now.AddDate(0, 0, 34)
	w.work()
	if got := w.backups("tab", "ALL"); len(got) != 2 {
		t.Errorf("%+v", got)
	}
	w.now = w.now.AddDate(0, 0, 2)
	w.work()
	w.empty("tables.item", "tables.index", "tables.change", "tables.shard", "tables.log", "tables.job", "tables.backup", "tables.chore", "tables.table")
}

// work does all background work there is.
func (w *world) work() {
	w.t.Helper()
	for range 2 {
		if err := w.s.Work(w.t.Context()); err != nil {
			w.t.Fatal(err)
		}
		w.jobs()
	}
}

func TestRestoreOverrides(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "a:S", "byB b:S ALL", "byC c:S KEYS_ONLY")
	must(w, dynamodb.UpdateTable, dynamodb.UpdateTableInput{TableName: str("tab"), OnDemandThroughput: &dynamodb.OnDemandThroughput{MaxReadRequestUnits: wire.Some(int64(7))}})
	w.put("tab", "{'a':{'S':'x'},'b':{'S':'y'}}")
	b := must(w, dynamodb.CreateBackup, dynamodb.CreateBackupInput{TableName: str("tab"), BackupName: str("one")}).BackupDetails
	w.jobs()
	in := func(name string) dynamodb.RestoreTableFromBackupInput {
		return dynamodb.RestoreTableFromBackupInput{TargetTableName: str(name), BackupArn: b.BackupArn}
	}
	units := func(n int64) *dynamodb.ProvisionedThroughput {
		return &dynamodb.ProvisionedThroughput{ReadCapacityUnits: wire.Some(n), WriteCapacityUnits: wire.Some(n)}
	}
	global := func(name, attribute string) dynamodb.GlobalSecondaryIndex {
		return dynamodb.GlobalSecondaryIndex{IndexName: str(name), KeySchema: schemaOf(&dynamodb.CreateTableInput{}, attribute), Projection: &dynamodb.Projection{ProjectionType: str("ALL")}}
	}
	if d := w.restoreBackup(in("same")); len(d.GlobalSecondaryIndexes) != 2 || d.OnDemandThroughput == nil || d.OnDemandThroughput.MaxReadRequestUnits.V != 7 {
		t.Errorf("%+v", d)
	}
	none := in("none")
	none.GlobalSecondaryIndexOverride, none.OnDemandThroughputOverride = []dynamodb.GlobalSecondaryIndex{}, &dynamodb.OnDemandThroughput{MaxReadRequestUnits: wire.Some(int64(9))}
	if d := w.restoreBackup(none); len(d.GlobalSecondaryIndexes) != 0 || d.OnDemandThroughput.MaxReadRequestUnits.V != 9 || len(d.AttributeDefinitions) != 1 {
		t.Errorf("%+v", d)
	}
	renamed := in("renamed")
	renamed.GlobalSecondaryIndexOverride = []dynamodb.GlobalSecondaryIndex{global("other", "b:S")}
	renamed.BillingModeOverride, renamed.ProvisionedThroughputOverride, renamed.GlobalSecondaryIndexOverride[0].ProvisionedThroughput = str("PROVISIONED"), units(3), units(2)
	if d := w.restoreBackup(renamed); len(d.GlobalSecondaryIndexes) != 1 || d.GlobalSecondaryIndexes[0].IndexName.V != "other" || d.GlobalSecondaryIndexes[0].ItemCount.V != 1 ||
		d.GlobalSecondaryIndexes[0].ProvisionedThroughput.ReadCapacityUnits.V != 2 || d.ProvisionedThroughput.ReadCapacityUnits.V != 3 || d.BillingModeSummary != nil || d.OnDemandThroughput != nil {
		t.Errorf("%+v", d)
	}
	for text, change := range map[string]func(*dynamodb.RestoreTableFromBackupInput){
		"Invalid Request: Cannot override ProvisionedThroughput unless BillingMode is PROVISIONED": func(in *dynamodb.RestoreTableFromBackupInput) { in.ProvisionedThroughputOverride = units(1) },
		"Invalid Request: Cannot override ProvisionedThroughput if BillingMode is overridden to PAY_PER_REQUEST": func(in *dynamodb.RestoreTableFromBackupInput) {
			in.ProvisionedThroughputOverride, in.BillingModeOverride = units(1), str("PAY_PER_REQUEST")
		},
		"Invalid Request: Must override ProvisionedThroughput if BillingMode is overridden to PROVISIONED": func(in *dynamodb.RestoreTableFromBackupInput) { in.BillingModeOverride = str("PROVISIONED") },
		"Invalid Request: Must specify provisioned throughput for index byB": func(in *dynamodb.RestoreTableFromBackupInput) {
			in.BillingModeOverride, in.ProvisionedThroughputOverride = str("PROVISIONED"), units(1)
		},
		"Invalid Request: Cannot override MaxReadRequestUnits for OnDemandThroughput unless BillingModeOverride is PAY_PER_REQUEST": func(in *dynamodb.RestoreTableFromBackupInput) {
			in.BillingModeOverride, in.ProvisionedThroughputOverride, in.OnDemandThroughputOverride = str("PROVISIONED"), units(1), none.OnDemandThroughputOverride
		},
		"Invalid Request: Index byZ does not match a secondary index that existed in the source table and cannot be created during the restore operation": func(in *dynamodb.RestoreTableFromBackupInput) {
			in.GlobalSecondaryIndexOverride = []dynamodb.GlobalSecondaryIndex{global("byZ", "z:S")}
		},
		"Invalid Backup ARN": func(in *dynamodb.RestoreTableFromBackupInput) { in.BackupArn = str(tabARN) },
	} {
		bad := in("bad")
		change(&bad)
		_, err := do(w, w.root, dynamodb.RestoreTableFromBackup, bad)
		w.refused(err, "ValidationException", text)
	}
	must(w, dynamodb.RestoreTableFromBackup, in("busy"))
	_, err := do(w, w.root, dynamodb.RestoreTableFromBackup, in("busy"))
	w.refused(err, "TableInUseException", "Table: busy is already being restored from backup: "+b.BackupArn.V)
	_, err = do(w, w.root, dynamodb.RestoreTableFromBackup, in("tab"))
	w.refused(err, "TableAlreadyExistsException", "Table already exists: tab")
	_, err = do(w, w.root, dynamodb.DeleteBackup, dynamodb.DeleteBackupInput{BackupArn: b.BackupArn})
	w.refused(err, "BackupInUseException", "Backup is being used to restore table: "+b.BackupArn.V)
}

func TestRecoveryRefused(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "a:S")
	on := w.recover("tab", true).EarliestRestorableDateTime.V
	w.now = w.now.Add(time.Hour)
	yes, early := wire.Some(true), wire.Some(on.Add(-time.Hour))
	for text, in := range map[string]dynamodb.RestoreTableToPointInTimeInput{
		"Must provide exactly one of: sourceTableArn, sourceTableName":                                                                                {SourceTableName: str("tab"), SourceTableArn: str(tabARN), UseLatestRestorableTime: yes},
		"The parameter 'TableName' is required but was not present in the request":                                                                    {UseLatestRestorableTime: yes},
		"One or more parameter values were invalid: sourceTableArn is not a valid ARN":                                                                {SourceTableArn: str("tab"), UseLatestRestorableTime: yes},
		"Invalid Request: Either one of RestoreDateTime or UseLatestRestorableTime must be specified, but not both":                                   {SourceTableName: str("tab")},
		"Invalid Request: Both RestoreDateTime and UseLatestRestorableTime cannot be set for point-in-time restore request. Please specify only one.": {SourceTableName: str("tab"), UseLatestRestorableTime: yes, RestoreDateTime: early},
	} {
		in.TargetTableName = str("back")
		_, err := do(w, w.root, dynamodb.RestoreTableToPointInTime, in)
		w.refused(err, "ValidationException", text)
	}
	_, err := do(w, w.root, dynamodb.RestoreTableToPointInTime, dynamodb.RestoreTableToPointInTimeInput{SourceTableName: str("tab"), TargetTableName: str("back"), RestoreDateTime: early})
	w.refused(err, "InvalidRestoreTimeException", "RestoreDateTime '2026-03-01T11:00:00Z' must be within EarliestRestorableDateTime '2026-03-01T12:00:00Z' and LatestRestorableDateTime '2026-03-01T13:00:00Z'")
	_, err = do(w, w.root, dynamodb.UpdateContinuousBackups, dynamodb.UpdateContinuousBackupsInput{TableName: str("tab"), PointInTimeRecoverySpecification: &dynamodb.PointInTimeRecoverySpecification{PointInTimeRecoveryEnabled: wire.Some(false), RecoveryPeriodInDays: wire.Some(int32(7))}})
	w.refused(err, "ValidationException", "Invalid Request: Cannot specify RecoveryPeriodInDays when disabling point-in-time recovery.")
	_, err = do(w, w.root, dynamodb.ListBackups, dynamodb.ListBackupsInput{TimeRangeLowerBound: wire.Some(w.now), TimeRangeUpperBound: early})
	w.refused(err, "ValidationException", "One or more parameter values were invalid: Time range lower bound must be less than or equal to upper bound")
	_, err = do(w, w.root, dynamodb.DescribeExport, dynamodb.DescribeExportInput{ExportArn: str(tabARN + "/import/01234567890123-00000000")})
	w.refused(err, "ValidationException", "Invalid Export ARN")
	_, err = do(w, w.root, dynamodb.DescribeExport, dynamodb.DescribeExportInput{ExportArn: str(tabARN + "/export/01234567890123-00000000")})
	w.refused(err, "ExportNotFoundException", "")
	_, err = do(w, w.root, dynamodb.DescribeImport, dynamodb.DescribeImportInput{ImportArn: str("arn:aws:dynamodb:eu-west-1:999999999999:table/tab/import/01234567890123-00000000")})
	w.refused(err, "ImportNotFoundException", "")
}
