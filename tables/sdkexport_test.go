package tables

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"bothy/api/dynamodb"
	"bothy/api/dynamodbstreams"
	"bothy/kv"
	"bothy/kv/memkv"
	"bothy/policy"
	"bothy/record"
	"bothy/wire"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// aged is a service whose tables can be older than the test, and an SDK client of it.
type aged struct {
	*sdk.Client
	s      *Service
	offset time.Duration // of the clock that changes are written by
	bucket fakeBucket
}

func newAged(t *testing.T) *aged {
	a := &aged{bucket: fakeBucket{}}
	root := &wire.Principal{Kind: wire.Root, Account: account, ARN: "arn:aws:iam::" + account + ":root", Policies: policy.Attached{Unlimited: true}}
	mux := wire.NewMux(wire.Config{Account: func() string { return account }, Region: region, Credentials: keyring{root: root}, Now: time.Now, Log: slog.New(slog.DiscardHandler)}, dynamodb.API, dynamodbstreams.API)
	a.s = New(Config{DB: kv.New(memkv.New()), Now: func() time.Time { return time.Now().Add(a.offset) }, Sealer: sealer(), Objects: a.bucket, Log: slog.New(slog.DiscardHandler)})
	a.s.Mount(mux)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	a.Client = sdk.NewFromConfig(aws.Config{Region: region, BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("ROOT", "secret", ""), RetryMaxAttempts: 1})
	return a
}

// age makes a table two hours old.
func (a *aged) age(t *testing.T, name string) {
	t.Helper()
	err := a.s.db.Update(t.Context(), func(tx *kv.Tx) error {
		have, err := a.s.load(tx, record.In(account, region), name)
		if err != nil {
			return err
		}
		old := have.clone()
		old.Created = old.Created.Add(-2 * time.Hour)
		if !old.Recovery.IsZero() {
			old.Recovery = old.Created
		}
		for _, o := range old.Log {
			if err := old.putCounter(tx, o.ID, counter{0, old.Created}); err != nil {
				return err
			}
		}
		return old.save(tx)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestRealClientExports walks incremental exports, system backups and restores as an application does.
func TestRealClientExports(t *testing.T) {
	ctx := t.Context()
	db := newAged(t)
	name := aws.String("orders")
	made, err := db.CreateTable(ctx, &sdk.CreateTableInput{TableName: name, BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("id"), AttributeType: "S"}}, KeySchema: []types.KeySchemaElement{{AttributeName: aws.String("id"), KeyType: "HASH"}}})
	if err != nil {
		t.Fatal(err)
	}
	arn, now := made.TableDescription.TableArn, time.Now().Truncate(time.Second)
	hourly := func(from, to time.Duration) *sdk.ExportTableToPointInTimeInput {
		return &sdk.ExportTableToPointInTimeInput{TableArn: arn, S3Bucket: aws.String("bucket"), ClientToken: aws.String("token"), ExportType: types.ExportTypeIncrementalExport,
			IncrementalExportSpecification: &types.IncrementalExportSpecification{ExportFromTime: aws.Time(now.Add(from)), ExportToTime: aws.Time(now.Add(to)), ExportViewType: types.ExportViewTypeNewAndOldImages}}
	}
	var early *types.InvalidExportTimeException
	if _, err := db.ExportTableToPointInTime(ctx, hourly(-time.Hour, 0)); !errors.As(err, &early) {
		t.Errorf("before there was a table: %v", err)
	}
	db.age(t, *name)
	var off *types.PointInTimeRecoveryUnavailableException
	if _, err := db.ExportTableToPointInTime(ctx, hourly(-time.Hour, 0)); !errors.As(err, &off) {
		t.Errorf("without recovery: %v", err)
	}
	if _, err := db.UpdateContinuousBackups(ctx, &sdk.UpdateContinuousBackupsInput{TableName: name, PointInTimeRecoverySpecification: &types.PointInTimeRecoverySpecification{PointInTimeRecoveryEnabled: aws.Bool(true)}}); err != nil {
		t.Fatal(err)
	}
	db.age(t, *name)
	for i, at := range []time.Duration{-90 * time.Minute, -30 * time.Minute, -5 * time.Minute} {
		db.offset = at
		for _, id := range []string{"always", fmt.Sprint(i)} {
			if _, err := db.PutItem(ctx, &sdk.PutItemInput{TableName: name, Item: attrs{"id": s(id), "at": n(fmt.Sprint(i))}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	db.offset = 0
	begun, err := db.ExportTableToPointInTime(ctx, hourly(-time.Hour, -10*time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	var conflict *types.ExportConflictException
	if _, err := db.ExportTableToPointInTime(ctx, hourly(-time.Hour, -20*time.Minute)); !errors.As(err, &conflict) {
		t.Errorf("the same token: %v", err)
	}
	if err := db.s.Jobs(context.Background()); err != nil {
		t.Fatal(err)
	}
	done, err := db.DescribeExport(ctx, &sdk.DescribeExportInput{ExportArn: begun.ExportDescription.ExportArn})
	if err != nil || done.ExportDescription.ExportStatus != types.ExportStatusCompleted || *done.ExportDescription.ItemCount != 2 || !done.ExportDescription.IncrementalExportSpecification.ExportFromTime.Equal(now.Add(-time.Hour)) {
		t.Errorf("%+v %v", done, err)
	}
	w := &world{t: t, s: db.s, bucket: db.bucket}
	found := false
	for _, line := range w.lines(db.bucket[*done.ExportDescription.ExportManifest]) {
		var got struct{ OldImage, NewImage map[string]map[string]string }
		if err := json.Unmarshal([]byte(strings.ReplaceAll(line, "'", `"`)), &got); err != nil {
			t.Error(err)
		}
		found = found || fmt.Sprint(got) == "{map[at:map[N:0] id:map[S:always]] map[at:map[N:1] id:map[S:always]]}"
	}
	if !found {
		t.Error("what changed twice is not there as it was and as it became")
	}
	db.lastBackup(t, name)
}

// lastBackup deletes the table and brings it back.
func (a *aged) lastBackup(t *testing.T, name *string) {
	ctx := t.Context()
	if _, err := a.DeleteTable(ctx, &sdk.DeleteTableInput{TableName: name}); err != nil {
		t.Fatal(err)
	}
	list, err := a.ListBackups(ctx, &sdk.ListBackupsInput{TableName: name, BackupType: types.BackupTypeFilterSystem})
	if err != nil || len(list.BackupSummaries) != 1 || list.BackupSummaries[0].BackupType != types.BackupTypeSystem || list.BackupSummaries[0].BackupExpiryDateTime == nil {
		t.Fatalf("%+v %v", list, err)
	}
	from := list.BackupSummaries[0].BackupArn
	if _, err := a.RestoreTableFromBackup(ctx, &sdk.RestoreTableFromBackupInput{TargetTableName: name, BackupArn: from, OnDemandThroughputOverride: &types.OnDemandThroughput{MaxWriteRequestUnits: aws.Int64(50)}}); err != nil {
		t.Fatal(err)
	}
	var busy *types.TableInUseException
	if _, err := a.RestoreTableFromBackup(ctx, &sdk.RestoreTableFromBackupInput{TargetTableName: name, BackupArn: from}); !errors.As(err, &busy) {
		t.Errorf("twice: %v", err)
	}
	if err := a.s.Jobs(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := sdk.NewTableExistsWaiter(a).Wait(ctx, &sdk.DescribeTableInput{TableName: name}, 5*time.Second); err != nil {
		t.Fatal(err)
	}
	d, err := a.DescribeTable(ctx, &sdk.DescribeTableInput{TableName: name})
	if err != nil || *d.Table.ItemCount != 4 || *d.Table.OnDemandThroughput.MaxWriteRequestUnits != 50 || d.Table.OnDemandThroughput.MaxReadRequestUnits != nil {
		t.Errorf("%+v %v", d, err)
	}
}
