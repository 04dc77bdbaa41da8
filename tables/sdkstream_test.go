package tables

import (
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"testing"
	"time"

	"bothy/api/dynamodb"
	"bothy/api/dynamodbstreams"
	"bothy/kv"
	"bothy/kv/memkv"
	"bothy/policy"
	"bothy/wire"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	sdkstreams "github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	streamtypes "github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
)

// worked is a service with its background work running, and SDK clients of it over HTTP.
func worked(t *testing.T) (*sdk.Client, *sdkstreams.Client) {
	root := &wire.Principal{Kind: wire.Root, Account: account, ARN: "arn:aws:iam::" + account + ":root", Policies: policy.Attached{Unlimited: true}}
	log := slog.New(slog.DiscardHandler)
	mux := wire.NewMux(wire.Config{Account: func() string { return account }, Region: region, Credentials: keyring{root: root}, Now: time.Now, Log: log}, dynamodb.API, dynamodbstreams.API)
	service := New(Config{DB: kv.New(memkv.New()), Now: time.Now, Sealer: sealer(), Objects: fakeBucket{}, Log: log})
	service.Mount(mux)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- service.Run(ctx) }()
	server := httptest.NewServer(mux)
	t.Cleanup(func() {
		server.Close()
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	cfg := aws.Config{Region: region, BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("ROOT", "secret", ""), RetryMaxAttempts: 1}
	return sdk.NewFromConfig(cfg), sdkstreams.NewFromConfig(cfg)
}

func TestRealClientStreams(t *testing.T) {
	ctx := t.Context()
	db, streams := worked(t)
	name := aws.String("notes")
	made, err := db.CreateTable(ctx, &sdk.CreateTableInput{
		TableName: name, BillingMode: types.BillingModePayPerRequest, AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("a"), AttributeType: "S"}},
		KeySchema:           []types.KeySchemaElement{{AttributeName: aws.String("a"), KeyType: "HASH"}},
		StreamSpecification: &types.StreamSpecification{StreamEnabled: aws.Bool(true), StreamViewType: types.StreamViewTypeNewAndOldImages},
	})
	if err != nil {
		t.Fatal(err)
	}
	arn := made.TableDescription.LatestStreamArn
	if _, err := db.UpdateTimeToLive(ctx, &sdk.UpdateTimeToLiveInput{TableName: name, TimeToLiveSpecification: &types.TimeToLiveSpecification{AttributeName: aws.String("t"), Enabled: aws.Bool(true)}}); err != nil {
		t.Fatal(err)
	}
	if _, err := db.PutItem(ctx, &sdk.PutItemInput{TableName: name, Item: attrs{"a": s("x"), "t": n("1700000000"), "b": &types.AttributeValueMemberB{Value: []byte{0, 255}}}}); err != nil {
		t.Fatal(err)
	}
	if list, err := streams.ListStreams(ctx, &sdkstreams.ListStreamsInput{TableName: name}); err != nil || len(list.Streams) != 1 || *list.Streams[0].StreamArn != *arn {
		t.Fatalf("%+v %v", list, err)
	}
	var got []streamtypes.Record
	for until := time.Now().Add(20 * time.Second); len(got) < 2 && time.Now().Before(until); time.Sleep(10 * time.Millisecond) {
		got = streamOf(t, streams, arn) // the item expires meanwhile
	}
	if len(got) != 2 || got[0].EventName != "INSERT" || got[1].EventName != "REMOVE" || *got[1].UserIdentity.PrincipalId != "dynamodb.amazonaws.com" ||
		string(got[1].Dynamodb.OldImage["b"].(*streamtypes.AttributeValueMemberB).Value) != "\x00\xff" || *got[0].Dynamodb.SequenceNumber >= *got[1].Dynamodb.SequenceNumber {
		t.Errorf("%+v", got)
	}
	var missing *streamtypes.ResourceNotFoundException
	if _, err := streams.DescribeStream(ctx, &sdkstreams.DescribeStreamInput{StreamArn: aws.String(*arn + "1")}); !errors.As(err, &missing) {
		t.Error(err)
	}
}

func streamOf(t *testing.T, streams *sdkstreams.Client, arn *string) (all []streamtypes.Record) {
	t.Helper()
	d, err := streams.DescribeStream(t.Context(), &sdkstreams.DescribeStreamInput{StreamArn: arn})
	if err != nil {
		t.Fatal(err)
	}
	for _, sh := range d.StreamDescription.Shards {
		it, err := streams.GetShardIterator(t.Context(), &sdkstreams.GetShardIteratorInput{StreamArn: arn, ShardId: sh.ShardId, ShardIteratorType: streamtypes.ShardIteratorTypeTrimHorizon})
		if err != nil {
			t.Fatal(err)
		}
		out, err := streams.GetRecords(t.Context(), &sdkstreams.GetRecordsInput{ShardIterator: it.ShardIterator})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, out.Records...)
	}
	return all
}

func TestRealClientBackups(t *testing.T) {
	ctx := t.Context()
	db, _ := worked(t)
	name := aws.String("notes")
	if _, err := db.CreateTable(ctx, &sdk.CreateTableInput{
		TableName: name, BillingMode: types.BillingModePayPerRequest, AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("a"), AttributeType: "S"}},
		KeySchema: []types.KeySchemaElement{{AttributeName: aws.String("a"), KeyType: "HASH"}},
	}); err != nil {
		t.Fatal(err)
	}
	on, err := db.UpdateContinuousBackups(ctx, &sdk.UpdateContinuousBackupsInput{TableName: name, PointInTimeRecoverySpecification: &types.PointInTimeRecoverySpecification{PointInTimeRecoveryEnabled: aws.Bool(true)}})
	if err != nil || on.ContinuousBackupsDescription.PointInTimeRecoveryDescription.PointInTimeRecoveryStatus != "ENABLED" {
		t.Fatalf("%+v %v", on, err)
	}
	put := func(key string) {
		if _, err := db.PutItem(ctx, &sdk.PutItemInput{TableName: name, Item: attrs{"a": s(key)}}); err != nil {
			t.Fatal(err)
		}
	}
	put("kept")
	b, err := db.CreateBackup(ctx, &sdk.CreateBackupInput{TableName: name, BackupName: aws.String("one")})
	if err != nil {
		t.Fatal(err)
	}
	put("later")
	clientAwait(t, func() (bool, error) {
		d, err := db.DescribeBackup(ctx, &sdk.DescribeBackupInput{BackupArn: b.BackupDetails.BackupArn})
		return err == nil && d.BackupDescription.BackupDetails.BackupStatus == types.BackupStatusAvailable, err
	})
	if _, err := db.RestoreTableFromBackup(ctx, &sdk.RestoreTableFromBackupInput{BackupArn: b.BackupDetails.BackupArn, TargetTableName: aws.String("fromBackup")}); err != nil {
		t.Fatal(err)
	}
	if _, err := db.RestoreTableToPointInTime(ctx, &sdk.RestoreTableToPointInTimeInput{SourceTableName: name, TargetTableName: aws.String("latest"), UseLatestRestorableTime: aws.Bool(true)}); err != nil {
		t.Fatal(err)
	}
	e, err := db.ExportTableToPointInTime(ctx, &sdk.ExportTableToPointInTimeInput{TableArn: b.BackupDetails.BackupArn, S3Bucket: aws.String("bucket")})
	if err == nil {
		t.Errorf("a backup's ARN for a table's: %+v", e)
	}
	for table, want := range map[string]int32{"fromBackup": 1, "latest": 2} {
		clientAwait(t, func() (bool, error) {
			d, err := db.DescribeTable(ctx, &sdk.DescribeTableInput{TableName: &table})
			return err == nil && d.Table.TableStatus == types.TableStatusActive && !*d.Table.RestoreSummary.RestoreInProgress, err
		})
		if got, err := db.Scan(ctx, &sdk.ScanInput{TableName: &table}); err != nil || got.Count != want {
			t.Errorf("%s: %+v %v", table, got, err)
		}
	}
	clientTransfers(t, db)
}

// clientTransfers exports and imports as the SDK does.
func clientTransfers(t *testing.T, db *sdk.Client) {
	ctx := t.Context()
	e, err := db.ExportTableToPointInTime(ctx, &sdk.ExportTableToPointInTimeInput{TableArn: aws.String("arn:aws:dynamodb:" + region + ":" + account + ":table/notes"), S3Bucket: aws.String("bucket"), S3Prefix: aws.String("p")})
	if err != nil {
		t.Fatal(err)
	}
	clientAwait(t, func() (bool, error) {
		d, err := db.DescribeExport(ctx, &sdk.DescribeExportInput{ExportArn: e.ExportDescription.ExportArn})
		return err == nil && d.ExportDescription.ExportStatus == types.ExportStatusCompleted && *d.ExportDescription.ItemCount == 2, err
	})
	i, err := db.ImportTable(ctx, &sdk.ImportTableInput{
		InputFormat: types.InputFormatDynamodbJson, InputCompressionType: types.InputCompressionTypeGzip, S3BucketSource: &types.S3BucketSource{S3Bucket: aws.String("bucket"), S3KeyPrefix: aws.String("p/")},
		TableCreationParameters: &types.TableCreationParameters{TableName: aws.String("imported"), BillingMode: types.BillingModePayPerRequest,
			AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("a"), AttributeType: "S"}}, KeySchema: []types.KeySchemaElement{{AttributeName: aws.String("a"), KeyType: "HASH"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	clientAwait(t, func() (bool, error) { // the manifest under the prefix is no gzip
		d, err := db.DescribeImport(ctx, &sdk.DescribeImportInput{ImportArn: i.ImportTableDescription.ImportArn})
		return err == nil && d.ImportTableDescription.ImportStatus == types.ImportStatusFailed, err
	})
	list, err := db.ListImports(ctx, &sdk.ListImportsInput{})
	if err != nil || len(list.ImportSummaryList) != 1 {
		t.Errorf("%+v %v", list, err)
	}
}

func clientAwait(t *testing.T, ok func() (bool, error)) {
	t.Helper()
	for until := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		done, err := ok()
		if err != nil || time.Now().After(until) {
			t.Fatalf("not in time: %v", err)
		}
		if done {
			return
		}
	}
}
