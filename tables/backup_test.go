package tables

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"bothy/api/dynamodb"
	"bothy/kv"
	"bothy/wire"
	"bothy/wire/item"
)

// fakeBucket is the bucket "bucket", which root alone may use.
type fakeBucket map[string][]byte

func (f fakeBucket) may(by *wire.Principal, bucket string) error {
	switch {
	case by != nil && by.Kind != wire.Root:
		return wire.Fail(403, "AccessDenied", "Access Denied")
	case bucket != "bucket":
		return wire.Fail(404, "NoSuchBucket", "The specified bucket does not exist")
	}
	return nil
}

func (f fakeBucket) Put(_ context.Context, by *wire.Principal, _, bucket, key string, body []byte) (string, error) {
	f[key] = bytes.Clone(body)
	return "tag", f.may(by, bucket)
}

func (f fakeBucket) List(_ context.Context, by *wire.Principal, _, bucket, prefix string, _ int) (out []Object, err error) {
	for _, key := range slices.Sorted(maps.Keys(f)) {
		if strings.HasPrefix(key, prefix) {
			out = append(out, Object{key, int64(len(f[key]))})
		}
	}
	return out, f.may(by, bucket)
}

func (f fakeBucket) Open(_ context.Context, by *wire.Principal, _, bucket, key string) (io.ReadCloser, error) {
	if err := f.may(by, bucket); err != nil {
		return nil, err
	}
	return io.NopCloser(bytes.NewReader(f[key])), nil
}

func (f fakeBucket) Readable(_ context.Context, by *wire.Principal, _, bucket, _ string) error {
	return f.may(by, bucket)
}

func (w *world) jobs() {
	w.t.Helper()
	if err := w.s.Jobs(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// content are all items of a table, sorted.
func (w *world) content(table string) []string {
	w.t.Helper()
	var all []string
	var start item.Item
	for {
		out := must(w, dynamodb.Scan, dynamodb.ScanInput{TableName: str(table), ExclusiveStartKey: start})
		for _, it := range out.Items {
			all = append(all, show(it))
		}
		if start = out.LastEvaluatedKey; start == nil {
			slices.Sort(all)
			return all
		}
	}
}

func (w *world) same(table string, want []string) {
	w.t.Helper()
	if got := w.content(table); !slices.Equal(got, want) {
		w.t.Errorf("%s has %d items, want %d:\n%s\n%s", table, len(got), len(want), strings.Join(got[:min(3, len(got))], "\n"), strings.Join(want[:min(3, len(want))], "\n"))
	}
}

func (w *world) recover(table string, on bool) *dynamodb.PointInTimeRecoveryDescription {
	w.t.Helper()
	return must(w, dynamodb.UpdateContinuousBackups, dynamodb.UpdateContinuousBackupsInput{TableName: str(table), PointInTimeRecoverySpecification: &dynamodb.PointInTimeRecoverySpecification{PointInTimeRecoveryEnabled: wire.Some(on)}}).
		ContinuousBackupsDescription.PointInTimeRecoveryDescription
}

func TestBackup(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "a:S", "byB b:S ALL", "other c:S KEYS_ONLY")
	for i := range 2500 {
		w.put("tab", fmt.Sprintf("{'a':{'S':'%d'},'b':{'S':'x'}}", i))
	}
	want := w.content("tab")
	b := must(w, dynamodb.CreateBackup, dynamodb.CreateBackupInput{TableName: str("tab"), BackupName: str("first")}).BackupDetails
	if b.BackupStatus.V != "CREATING" {
		t.Errorf("%+v", b)
	}
	_, err := do(w, w.root, dynamodb.DeleteTable, dynamodb.DeleteTableInput{TableName: str("tab")})
	w.refused(err, "ResourceInUseException", "")
	for i := range 300 { // after the backup was begun: none of its business
		w.put("tab", fmt.Sprintf("{'a':{'S':'%d'},'b':{'S':'y'}}", i*10))
		w.put("tab", fmt.Sprintf("{'a':{'S':'new%d'}}", i))
	}
	w.jobs()
	d := must(w, dynamodb.DescribeBackup, dynamodb.DescribeBackupInput{BackupArn: b.BackupArn}).BackupDescription
	if d.BackupDetails.BackupStatus.V != "AVAILABLE" || d.SourceTableDetails.ItemCount.V != 2500 || d.BackupDetails.BackupSizeBytes.V == 0 || len(d.SourceTableFeatureDetails.GlobalSecondaryIndexes) != 2 {
		t.Errorf("%+v %+v", d.BackupDetails, d.SourceTableDetails)
	}
	if now := w.definition("tab"); len(now.Log) > 0 || len(now.Holds) > 0 {
		t.Errorf("the log goes on: %+v", now)
	}
	must(w, dynamodb.DeleteTable, dynamodb.DeleteTableInput{TableName: str("tab")})
	in := dynamodb.RestoreTableFromBackupInput{TargetTableName: str("back"), BackupArn: b.BackupArn, GlobalSecondaryIndexOverride: []dynamodb.GlobalSecondaryIndex{{IndexName: str("byB"), KeySchema: d.SourceTableFeatureDetails.GlobalSecondaryIndexes[0].KeySchema, Projection: &dynamodb.Projection{}}}}
	made := must(w, dynamodb.RestoreTableFromBackup, in).TableDescription
	if made.TableStatus.V != "CREATING" || !made.RestoreSummary.RestoreInProgress.V {
		t.Errorf("%+v", made)
	}
	_, err = do(w, w.root, putItem, putInput("back", doc("{'a':{'S':'early'}}")))
	w.refused(err, "ResourceNotFoundException", "")
	_, err = do(w, w.root, dynamodb.DeleteBackup, dynamodb.DeleteBackupInput{BackupArn: b.BackupArn})
	w.refused(err, "BackupInUseException", "")
	if err := w.s.Work(t.Context()); err != nil { // other work leaves it alone
		t.Fatal(err)
	}
	w.jobs()
	w.same("back", want)
	shown := must(w, dynamodb.DescribeTable, dynamodb.DescribeTableInput{TableName: str("back")}).Table
	if shown.TableStatus.V != "ACTIVE" || len(shown.GlobalSecondaryIndexes) != 1 || shown.GlobalSecondaryIndexes[0].IndexStatus.V != "ACTIVE" || shown.RestoreSummary.RestoreInProgress.V || shown.RestoreSummary.SourceBackupArn != b.BackupArn {
		t.Errorf("%+v", shown)
	}
	q := must(w, dynamodb.Query, dynamodb.QueryInput{TableName: str("back"), IndexName: str("byB"), KeyConditionExpression: str("b = :x"), ExpressionAttributeValues: doc("{':x':{'S':'x'}}"), Select: str("COUNT")})
	if q.Count.V != 2500 {
		t.Errorf("index: %d", q.Count.V)
	}
	w.backupGone(b.BackupArn)
}

func (w *world) backupGone(arn wire.Opt[string]) {
	w.t.Helper()
	if list := must(w, dynamodb.ListBackups, dynamodb.ListBackupsInput{TableName: str("tab")}).BackupSummaries; len(list) != 1 || list[0].BackupArn != arn {
		w.t.Errorf("%+v", list)
	}
	if d := must(w, dynamodb.DeleteBackup, dynamodb.DeleteBackupInput{BackupArn: arn}).BackupDescription; d.BackupDetails.BackupStatus.V != "DELETED" {
		w.t.Errorf("%+v", d.BackupDetails)
	}
	_, err := do(w, w.root, dynamodb.DescribeBackup, dynamodb.DescribeBackupInput{BackupArn: arn})
	w.refused(err, "BackupNotFoundException", "Backup not found: "+arn.V)
	must(w, dynamodb.DeleteTable, dynamodb.DeleteTableInput{TableName: str("back")})
	w.jobs()
	w.now = w.now.Add(streamLife + time.Minute)
	for range 2 {
		if err := w.s.Work(w.t.Context()); err != nil {
			w.t.Fatal(err)
		}
	}
	w.empty("tables.item", "tables.index", "tables.change", "tables.counter", "tables.shard", "tables.log", "tables.job", "tables.backup", "tables.chore", "tables.table")
}

// TestRecovery: a table is restored to many moments of a random history, streams coming and going and shards splitting
// meanwhile; it is what it was.
func TestRecovery(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "a:S b:N")
	_, err := do(w, w.root, dynamodb.RestoreTableToPointInTime, dynamodb.RestoreTableToPointInTimeInput{SourceTableName: str("tab"), TargetTableName: str("back"), UseLatestRestorableTime: wire.Some(true)})
	w.refused(err, "PointInTimeRecoveryUnavailableException", "Point in time recovery is not enabled for table 'tab'")
	w.put("tab", "{'a':{'S':'before'},'b':{'N':'1'}}")
	if d := w.recover("tab", true); d.PointInTimeRecoveryStatus.V != "ENABLED" || !d.EarliestRestorableDateTime.V.Equal(w.now) {
		t.Errorf("%+v", d)
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	type moment struct {
		at   time.Time
		want []string
	}
	var moments []moment
	for range 12 {
		for range 40 {
			key := fmt.Sprintf("'a':{'S':'%d'},'b':{'N':'%d'}", r.IntN(6), r.IntN(3))
			if r.IntN(4) == 0 {
				must(w, dynamodb.DeleteItem, dynamodb.DeleteItemInput{TableName: str("tab"), Key: doc("{" + key + "}")})
			} else {
				w.put("tab", fmt.Sprintf("{%s,'v':{'N':'%d'}}", key, r.IntN(1000)))
			}
		}
		moments = append(moments, moment{w.now, w.content("tab")})
		w.now = w.now.Add(time.Second)
		w.disturb(r)
	}
	for n, m := range moments {
		name := fmt.Sprintf("back%d", n)
		must(w, dynamodb.RestoreTableToPointInTime, dynamodb.RestoreTableToPointInTimeInput{SourceTableName: str("tab"), TargetTableName: str(name), RestoreDateTime: wire.Some(m.at)})
		w.jobs()
		w.same(name, m.want)
	}
	_, err = do(w, w.root, dynamodb.RestoreTableToPointInTime, dynamodb.RestoreTableToPointInTimeInput{SourceTableName: str("tab"), TargetTableName: str("back"), RestoreDateTime: wire.Some(w.now.Add(-time.Hour))})
	w.refused(err, "InvalidRestoreTimeException", "")
	w.now = w.now.AddDate(0, 0, 30)
	if err := w.s.Work(t.Context()); err != nil {
		t.Fatal(err)
	}
	must(w, dynamodb.RestoreTableToPointInTime, dynamodb.RestoreTableToPointInTimeInput{SourceTableName: str("tab"), TargetTableName: str("old"), RestoreDateTime: wire.Some(moments[2].at)})
	w.jobs()
	w.same("old", moments[2].want)
	w.now = w.now.AddDate(0, 0, 6)
	if err := w.s.Work(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.empty("tables.change")
}

// disturb changes what the log keeps, and how.
func (w *world) disturb(r *rand.Rand) {
	w.t.Helper()
	t := w.definition("tab")
	switch r.IntN(3) {
	case 0:
		spec := &dynamodb.StreamSpecification{StreamEnabled: wire.Some(t.Stream == "")}
		if t.Stream == "" {
			spec.StreamViewType = str("KEYS_ONLY")
		}
		must(w, dynamodb.UpdateTable, dynamodb.UpdateTableInput{TableName: str("tab"), StreamSpecification: spec})
	case 1:
		err := w.s.settle(w.t.Context(), t, func(tx *kv.Tx, now *table) error {
			if err := now.split(tx, now.Log[r.IntN(len(now.Log))].ID, w.now); err != nil {
				return err
			}
			return now.save(tx)
		})
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

// TestBackupUnderLoad: each backup of a table that is written all the while is a state it was in: every item has the value
// the writer of its shard had last written then. Jobs die at random steps and are done by two nodes at once.
func TestBackupUnderLoad(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "a:S")
	for i := range 1500 { // more than one step copies
		w.put("tab", fmt.Sprintf("{'a':{'S':'still%d'}}", i))
	}
	var stop atomic.Bool
	var wg sync.WaitGroup
	for i := range 3 {
		wg.Go(func() { // two items are written in turn: the second never is ahead
			for n := 1; !stop.Load(); n++ {
				for _, part := range []string{"fst", "snd"} {
					it := item.Item{{Name: "a", Value: item.Text(fmt.Sprintf("%d", i))}, {Name: part, Value: item.Number(fmt.Sprint(n))}}
					_, err := do(w, w.root, dynamodb.UpdateItem, dynamodb.UpdateItemInput{TableName: str("tab"), Key: it[:1], UpdateExpression: str("SET " + part + " = :n"), ExpressionAttributeValues: item.Item{{Name: ":n", Value: it[1].Value}}})
					if err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	var low, high [3]item.Item
	all := func() (now [3]item.Item) {
		for i := range now {
			now[i] = must(w, dynamodb.GetItem, dynamodb.GetItemInput{TableName: str("tab"), Key: doc(fmt.Sprintf("{'a':{'S':'%d'}}", i))}).Item
		}
		return now
	}
	for round := range 4 {
		low = all()
		b := must(w, dynamodb.CreateBackup, dynamodb.CreateBackupInput{TableName: str("tab"), BackupName: str("one")}).BackupDetails
		high = all()
		var both sync.WaitGroup
		for range 2 {
			both.Go(func() {
				for i := range 200 {
					ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i+1)*time.Millisecond)
					w.s.Jobs(ctx) //nolint:errcheck // it may be cut off anywhere
					cancel()
				}
			})
		}
		both.Wait()
		w.jobs()
		name := fmt.Sprintf("back%d", round)
		must(w, dynamodb.RestoreTableFromBackup, dynamodb.RestoreTableFromBackupInput{TargetTableName: str(name), BackupArn: b.BackupArn})
		w.jobs()
		for i := range low {
			it := must(w, dynamodb.GetItem, dynamodb.GetItemInput{TableName: str(name), Key: doc(fmt.Sprintf("{'a':{'S':'%d'}}", i))}).Item
			first, second := counted(it, "fst"), counted(it, "snd")
			if first < counted(low[i], "fst") || first > counted(high[i], "fst") || second > first || first > second+1 {
				t.Errorf("round %d: %s, between %s and %s", round, show(it), show(low[i]), show(high[i]))
			}
		}
		if n := len(w.content(name)); n < 1500 || n > 1503 {
			t.Errorf("%d items", n)
		}
	}
	stop.Store(true)
	wg.Wait()
}

func counted(it item.Item, name string) (n int) {
	if v := it.Get(name); v != nil {
		fmt.Sscan(v.Str, &n) //nolint:errcheck // 0 then
	}
	return n
}

func TestExportAndImport(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "a:S")
	w.recover("tab", true)
	for i := range 1200 {
		w.put("tab", fmt.Sprintf("{'a':{'S':'%d'},'n':{'N':'%d'},'l':{'L':[{'B':'AAE='},{'NULL':true}]}}", i, i))
	}
	want := w.content("tab")
	at := w.now
	w.now = w.now.Add(time.Minute)
	w.put("tab", "{'a':{'S':'later'}}")
	in := dynamodb.ExportTableToPointInTimeInput{TableArn: str(tableARN(w.definition("tab").at, "tab")), S3Bucket: str("bucket"), S3Prefix: str("out"), ExportTime: wire.Some(at), ClientToken: str("token")}
	e := must(w, dynamodb.ExportTableToPointInTime, in).ExportDescription
	if again := must(w, dynamodb.ExportTableToPointInTime, in).ExportDescription; again.ExportArn != e.ExportArn || e.ExportStatus.V != "IN_PROGRESS" {
		t.Errorf("%+v\n%+v", e, again)
	}
	w.jobs()
	e = must(w, dynamodb.DescribeExport, dynamodb.DescribeExportInput{ExportArn: e.ExportArn}).ExportDescription
	if e.ExportStatus.V != "COMPLETED" || e.ItemCount.V != 1200 {
		t.Fatalf("%+v", e)
	}
	data := w.checkManifest(e)
	imp := must(w, dynamodb.ImportTable, dynamodb.ImportTableInput{InputFormat: str("DYNAMODB_JSON"), InputCompressionType: str("GZIP"), S3BucketSource: &dynamodb.S3BucketSource{S3Bucket: str("bucket"), S3KeyPrefix: str(data)},
		TableCreationParameters: importedTable("back")}).ImportTableDescription
	w.jobs()
	imp = must(w, dynamodb.DescribeImport, dynamodb.DescribeImportInput{ImportArn: imp.ImportArn}).ImportTableDescription
	if imp.ImportStatus.V != "COMPLETED" || imp.ImportedItemCount.V != 1200 || imp.ErrorCount.V != 0 {
		t.Errorf("%+v", imp)
	}
	w.same("back", want)
	if n := must(w, dynamodb.Query, dynamodb.QueryInput{TableName: str("back"), IndexName: str("byN"), KeyConditionExpression: str("n = :n"), ExpressionAttributeValues: doc("{':n':{'N':'7'}}")}).Count.V; n != 1 {
		t.Errorf("index: %d", n)
	}
	for range 2 {
		w.jobs()
	}
	w.empty("tables.job", "tables.exportpart", "tables.importobject")
}

func importedTable(name string) *dynamodb.TableCreationParameters {
	create := dynamodb.CreateTableInput{}
	p := &dynamodb.TableCreationParameters{TableName: str(name), BillingMode: str("PAY_PER_REQUEST"), KeySchema: schemaOf(&create, "a:S")}
	p.GlobalSecondaryIndexes = []dynamodb.GlobalSecondaryIndex{{IndexName: str("byN"), KeySchema: schemaOf(&create, "n:N"), Projection: &dynamodb.Projection{ProjectionType: str("ALL")}}}
	p.AttributeDefinitions = create.AttributeDefinitions
	return p
}

// checkManifest reads what an export says of itself, and returns the prefix of its data.
func (w *world) checkManifest(e *dynamodb.ExportDescription) string {
	w.t.Helper()
	var summary struct {
		ItemCount          int
		ManifestFilesS3Key string
		ExportTime         time.Time
	}
	if err := json.Unmarshal(w.bucket[e.ExportManifest.V], &summary); err != nil || summary.ItemCount != 1200 || !summary.ExportTime.Equal(e.ExportTime.V) {
		w.t.Fatalf("%+v %v", summary, err)
	}
	items := 0
	var dir string
	for line := range strings.Lines(string(w.bucket[summary.ManifestFilesS3Key])) {
		var f struct {
			ItemCount                  int
			Md5Checksum, DataFileS3Key string
		}
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			w.t.Fatal(err)
		}
		body := w.bucket[f.DataFileS3Key]
		z, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil || f.Md5Checksum != sum64(body) {
			w.t.Fatalf("%+v %v", f, err)
		}
		text, err := io.ReadAll(z)
		if err != nil || bytes.Count(text, []byte("\n")) != f.ItemCount {
			w.t.Fatalf("%+v %v", f, err)
		}
		items += f.ItemCount
		dir = f.DataFileS3Key[:strings.LastIndexByte(f.DataFileS3Key, '/')+1]
	}
	if items != 1200 {
		w.t.Errorf("%d items in files", items)
	}
	return dir
}

func TestImportMistakes(t *testing.T) {
	w := newWorld(t)
	w.bucket["in/1.csv"] = []byte("a,n,text\nx,1,plain\n\"y \"\"quoted\"\"\",2,\"two\nlines\"\nz,no number,t\n,3,t\nshort,4\n")
	w.bucket["in/2.csv"] = []byte("text,a,n\nt,w,5\n")
	csv := dynamodb.ImportTableInput{InputFormat: str("CSV"), S3BucketSource: &dynamodb.S3BucketSource{S3Bucket: str("bucket"), S3KeyPrefix: str("in/")}, TableCreationParameters: importedTable("csv")}
	arn := must(w, dynamodb.ImportTable, csv).ImportTableDescription.ImportArn
	w.jobs()
	d := must(w, dynamodb.DescribeImport, dynamodb.DescribeImportInput{ImportArn: arn}).ImportTableDescription
	if d.ImportStatus.V != "FAILED" || d.FailureCode.V != "ItemValidationError" || d.FailureMessage.V != textMistakes || d.InputFormatOptions != nil || d.S3BucketSource.S3BucketOwner.V != account || d.ProcessedItemCount.V != 6 || d.ImportedItemCount.V != 3 || d.ErrorCount.V != 3 || d.ProcessedSizeBytes.V != int64(len(w.bucket["in/1.csv"])+len(w.bucket["in/2.csv"])) {
		t.Errorf("%+v", d)
	}
	w.same("csv", []string{"{'a':{'S':'w'},'n':{'N':'5'},'text':{'S':'t'}}", "{'a':{'S':'x'},'n':{'N':'1'},'text':{'S':'plain'}}", "{'a':{'S':'y \\'quoted\\''},'n':{'N':'2'},'text':{'S':'two\\nlines'}}"})
	w.bucket["json/1"] = []byte("{\"Item\":{\"a\":{\"S\":\"x\"}}}\n\n   \nnothing\n{\"Item\":{\"b\":{\"S\":\"no key\"}}}\n{\"Other\":1}\n")
	in := dynamodb.ImportTableInput{InputFormat: str("DYNAMODB_JSON"), S3BucketSource: &dynamodb.S3BucketSource{S3Bucket: str("bucket"), S3KeyPrefix: str("json/")}, TableCreationParameters: importedTable("json")}
	must(w, dynamodb.ImportTable, in)
	w.bucket["in/3"] = []byte("not gzip")
	in.TableCreationParameters, in.InputCompressionType, in.S3BucketSource = importedTable("gzip"), str("GZIP"), &dynamodb.S3BucketSource{S3Bucket: str("bucket"), S3KeyPrefix: str("in/3")}
	must(w, dynamodb.ImportTable, in)
	w.jobs()
	packed, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	w.bucket["zst/1"] = packed.EncodeAll([]byte("{\"Item\":{\"a\":{\"S\":\"z\"}}}\n"), nil)
	in.TableCreationParameters, in.InputCompressionType, in.S3BucketSource = importedTable("zstd"), str("ZSTD"), &dynamodb.S3BucketSource{S3Bucket: str("bucket"), S3KeyPrefix: str("zst/")}
	must(w, dynamodb.ImportTable, in)
	w.jobs()
	w.same("zstd", []string{"{'a':{'S':'z'}}"})
	for _, i := range must(w, dynamodb.ListImports, dynamodb.ListImportsInput{}).ImportSummaryList {
		d := must(w, dynamodb.DescribeImport, dynamodb.DescribeImportInput{ImportArn: i.ImportArn}).ImportTableDescription
		if size := map[string]int64{"zstd": 25, "json": int64(len(w.bucket["json/1"]))}[d.TableCreationParameters.TableName.V]; size > 0 && d.ProcessedSizeBytes.V != size { // unpacked
			t.Errorf("%d bytes, want %d: %+v", d.ProcessedSizeBytes.V, size, d)
		}
	}
	w.same("json", []string{"{'a':{'S':'x'}}"})
	var states []string
	for next := (wire.Opt[string]{}); ; {
		out := must(w, dynamodb.ListImports, dynamodb.ListImportsInput{PageSize: wire.Some(int32(1)), NextToken: next})
		for _, i := range out.ImportSummaryList {
			states = append(states, i.ImportStatus.V)
		}
		if next = out.NextToken; !next.Set {
			break
		}
	}
	if !slices.Equal(states, []string{"COMPLETED", "FAILED", "FAILED", "FAILED"}) { // tables in reverse order: zstd, json, gzip, csv
		t.Errorf("%v", states)
	}
	w.refusesImports(csv)
}

func (w *world) refusesImports(in dynamodb.ImportTableInput) {
	_, err := do(w, w.root, dynamodb.ImportTable, in)
	w.refused(err, "ResourceInUseException", "Table already exists: csv")
	in.TableCreationParameters = importedTable("other")
	anyone := w.under(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"dynamodb:*","Resource":"*"}}`)
	_, err = do(w, anyone, dynamodb.ImportTable, in)
	w.refused(err, "ValidationException", "S3 answered AccessDenied: Access Denied")
	w.table("rows", "a:S")
	w.recover("rows", true)
	out := dynamodb.ExportTableToPointInTimeInput{TableArn: str(tableARN(w.definition("rows").at, "rows")), S3Bucket: str("bucket")}
	_, err = do(w, anyone, dynamodb.ExportTableToPointInTime, out)
	w.refused(err, "ValidationException", "S3 answered AccessDenied: Access Denied")
	out.S3Bucket = str("none")
	_, err = do(w, w.root, dynamodb.ExportTableToPointInTime, out)
	w.refused(err, "ValidationException", "S3 answered NoSuchBucket: The specified bucket does not exist")
	in.InputFormat = str("ION")
	_, err = do(w, w.root, dynamodb.ImportTable, in)
	w.refused(err, "ValidationException", "InputFormat ION is not supported: use DYNAMODB_JSON or CSV")
}

// FuzzImport: whatever is in an object is items or mistakes.
func FuzzImport(f *testing.F) {
	f.Add([]byte("{\"Item\":{\"a\":{\"S\":\"x\"}}}\n"), false)
	f.Add([]byte("a,n\nx,\"1\"\n"), true)
	f.Fuzz(func(t *testing.T, body []byte, csv bool) {
		i := &importing{Format: "DYNAMODB_JSON"}
		if csv {
			i.Format, i.Delimiter = "CSV", ","
		}
		next, err := i.open(bytes.NewReader(body), &table{Attributes: []attribute{{"n", "N"}, {"b", "B"}}}, new(int64))
		for n := 0; err == nil && n <= len(body); {
			b := batchOf{}
			var ended bool
			if ended, err = b.fill(next); ended {
				return
			}
			n += b.seen
		}
		if err != nil && !errors.Is(err, errObject) {
			t.Error(err)
		}
	})
}
