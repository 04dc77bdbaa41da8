package tables

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"bothy/api/dynamodb"
	"bothy/wire"
)

// window is a request for an incremental export; to may be zero.
func (w *world) window(table string, from, to time.Time, view string) dynamodb.ExportTableToPointInTimeInput {
	spec := &dynamodb.IncrementalExportSpecification{ExportFromTime: wire.Some(from), ExportViewType: wire.NonEmpty(view)}
	if !to.IsZero() {
		spec.ExportToTime = wire.Some(to)
	}
	return dynamodb.ExportTableToPointInTimeInput{TableArn: str(tableARN(w.definition(table).at, table)), S3Bucket: str("bucket"), ExportType: str("INCREMENTAL_EXPORT"), IncrementalExportSpecification: spec}
}

// exported are the lines of a finished export, sorted, with what its manifest says.
func (w *world) exported(arn wire.Opt[string]) (lines []string, summary map[string]any) {
	w.t.Helper()
	e := must(w, dynamodb.DescribeExport, dynamodb.DescribeExportInput{ExportArn: arn}).ExportDescription
	if e.ExportStatus.V != "COMPLETED" {
		w.t.Fatalf("%+v", e)
	}
	if err := json.Unmarshal(w.bucket[e.ExportManifest.V], &summary); err != nil {
		w.t.Fatal(err)
	}
	for _, name := range []string{"manifest-summary", "manifest-files"} {
		dir := strings.TrimSuffix(e.ExportManifest.V, "manifest-summary.json")
		if got := string(w.bucket[dir+name+".md5"]); got != sum64(w.bucket[dir+name+".json"]) {
			w.t.Errorf("%s.md5: %q", name, got)
		}
	}
	lines = w.lines(w.bucket[e.ExportManifest.V])
	if n := int64(len(lines)); e.ItemCount.V != n || summary["itemCount"] != float64(n) {
		w.t.Errorf("%d items, want %d: %v", e.ItemCount.V, n, summary)
	}
	return lines, summary
}

// lines are those of the files that a manifest leads to, sorted.
func (w *world) lines(summary []byte) (lines []string) {
	w.t.Helper()
	var m manifest
	if err := json.Unmarshal(summary, &m); err != nil {
		w.t.Fatal(err)
	}
	for line := range strings.Lines(string(w.bucket[m.Files])) {
		var f manifestFile
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			w.t.Fatal(err)
		}
		z, err := gzip.NewReader(bytes.NewReader(w.bucket[f.Key]))
		if err != nil || f.MD5 != sum64(w.bucket[f.Key]) || f.Tag != "tag" {
			w.t.Fatalf("%+v %v", f, err)
		}
		text, err := io.ReadAll(z)
		if err != nil || bytes.Count(text, []byte("\n")) != f.Items {
			w.t.Fatalf("%+v %v", f, err)
		}
		for l := range strings.Lines(string(text)) {
			lines = append(lines, strings.ReplaceAll(strings.TrimSuffix(l, "\n"), `"`, "'"))
		}
	}
	slices.Sort(lines)
	return lines
}

func (w *world) exports(table string) []dynamodb.ExportSummary {
	w.t.Helper()
	return must(w, dynamodb.ListExports, dynamodb.ListExportsInput{TableArn: str(tableARN(w.definition("tab").at, table))}).ExportSummaries
}

func (w *world) remove(table, key string) {
	w.t.Helper()
	must(w, dynamodb.DeleteItem, dynamodb.DeleteItemInput{TableName: str(table), Key: doc(key)})
}

// TestIncrementalExport: what each kind of change looks like, and where the window begins and ends.
func TestIncrementalExport(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "a:S b:N")
	w.recover("tab", true)
	key := func(a string) string { return "'a':{'S':'" + a + "'},'b':{'N':'1'}" }
	for _, a := range []string{"changed", "gone", "still", "back", "before"} {
		w.put("tab", "{"+key(a)+",'v':{'S':'old'}}")
	}
	w.now = w.now.Add(20 * time.Minute)
	w.put("tab", "{"+key("before")+",'v':{'S':'too early'}}")
	w.now = w.now.Add(time.Second)
	from := w.now
	w.put("tab", "{"+key("first")+",'v':{'S':'at the border'}}")
	w.now = w.now.Add(time.Minute)
	for i := range 3 {
		w.put("tab", fmt.Sprintf("{%s,'v':{'N':'%d'}}", key("changed"), i))
	}
	w.put("tab", "{"+key("never")+"}")
	w.remove("tab", "{"+key("never")+"}")
	w.remove("tab", "{"+key("gone")+"}")
	w.remove("tab", "{"+key("back")+"}")
	w.put("tab", "{"+key("back")+",'v':{'S':'new'}}")
	changed := w.now
	w.now = w.now.Add(30 * time.Minute)
	to := w.now
	w.put("tab", "{"+key("first")+",'v':{'S':'too late'}}")
	w.put("tab", "{"+key("later")+"}")
	w.remove("tab", "{"+key("changed")+"}")
	w.now = w.now.Add(time.Minute)

	in := w.window("tab", from, to, "")
	in.S3Prefix, in.ClientToken = str("out/"), str("token")
	e := must(w, dynamodb.ExportTableToPointInTime, in).ExportDescription
	if again := must(w, dynamodb.ExportTableToPointInTime, in).ExportDescription; again.ExportArn != e.ExportArn {
		t.Errorf("%v, then %v", e.ExportArn, again.ExportArn)
	}
	other := in
	other.IncrementalExportSpecification = w.window("tab", from, to, "NEW_IMAGE").IncrementalExportSpecification
	_, err := do(w, w.root, dynamodb.ExportTableToPointInTime, other)
	w.refused(err, "ExportConflictException", "Export conflict: Duplicate request detected with conflicting parameters")
	if spec := e.IncrementalExportSpecification; e.ExportType.V != "INCREMENTAL_EXPORT" || e.ExportTime.Set || !spec.ExportFromTime.V.Equal(from) || !spec.ExportToTime.V.Equal(to) || spec.ExportViewType.V != "NEW_AND_OLD_IMAGES" {
		t.Errorf("%+v %+v", e, spec)
	}
	w.jobs()
	if all := w.exports("tab"); len(all) != 1 || all[0].ExportType.V != "INCREMENTAL_EXPORT" {
		t.Errorf("%+v", all)
	}
	lines, summary := w.exported(e.ExportArn)
	line := func(at time.Time, a string, images ...string) string {
		return fmt.Sprintf("{'Metadata':{'WriteTimestampMicros':{'N':'%d'}},'Keys':{%s}%s}", at.UnixMicro(), key(a), strings.Join(images, ""))
	}
	was := func(a, v string) string { return fmt.Sprintf(",'OldImage':{%s,'v':%s}", key(a), v) }
	is := func(a, v string) string { return fmt.Sprintf(",'NewImage':{%s,'v':%s}", key(a), v) }
	want := []string{
		line(changed, "back", was("back", "{'S':'old'}"), is("back", "{'S':'new'}")),
		line(changed, "changed", was("changed", "{'S':'old'}"), is("changed", "{'N':'2'}")),
		line(changed, "gone", was("gone", "{'S':'old'}")),
		line(from, "first", is("first", "{'S':'at the border'}")),
	}
	slices.Sort(want)
	if !slices.Equal(lines, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
	for k, v := range map[string]any{"version": "2023-08-01", "exportArn": e.ExportArn.V, "exportFromTime": from.Format(manifestTime), "exportToTime": to.Format(manifestTime), "exportTime": nil,
		"s3Prefix": "out/", "outputFormat": "DYNAMODB_JSON", "outputView": "NEW_AND_OLD_IMAGES", "exportType": "INCREMENTAL_EXPORT"} {
		if summary[k] != v {
			t.Errorf("%s: %v, want %v", k, summary[k], v)
		}
	}
	if !slices.ContainsFunc(slices.Collect(maps.Keys(w.bucket)), func(k string) bool { return strings.HasPrefix(k, "out/AWSDynamoDB/data/") }) {
		t.Errorf("%v", slices.Sorted(maps.Keys(w.bucket)))
	}

	e = must(w, dynamodb.ExportTableToPointInTime, w.window("tab", from, to, "NEW_IMAGE")).ExportDescription
	w.jobs()
	lines, _ = w.exported(e.ExportArn)
	want = []string{line(changed, "back", is("back", "{'S':'new'}")), line(changed, "changed", is("changed", "{'N':'2'}")), line(changed, "gone"), line(from, "first", is("first", "{'S':'at the border'}"))}
	if slices.Sort(want); !slices.Equal(lines, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
	w.jobs()
	w.empty("tables.job", "tables.exportpart", "tables.touched")
}

// TestExportOutlivesItsTable: it can be described, not found by the name of another table.
func TestExportOutlivesItsTable(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "a:S")
	w.recover("tab", true)
	in := dynamodb.ExportTableToPointInTimeInput{TableArn: str(tabARN), S3Bucket: str("bucket")}
	e := must(w, dynamodb.ExportTableToPointInTime, in).ExportDescription
	if e.ExportType.Set || e.ClientToken.V == "" { // as AWS has it
		t.Errorf("%+v", e)
	}
	w.jobs()
	if all := w.exports("tab"); len(all) != 1 || all[0].ExportType.V != "FULL_EXPORT" {
		t.Errorf("%+v", all)
	}
	w.delete("tab")
	w.table("tab", "a:S")
	if all := w.exports("tab"); len(all) != 0 {
		t.Errorf("%+v", all)
	}
	if d := must(w, dynamodb.DescribeExport, dynamodb.DescribeExportInput{ExportArn: e.ExportArn}).ExportDescription; d.ExportStatus.V != "COMPLETED" || d.TableId != e.TableId {
		t.Errorf("%+v", d)
	}
	if all := must(w, dynamodb.ListExports, dynamodb.ListExportsInput{}).ExportSummaries; len(all) != 1 {
		t.Errorf("%+v", all)
	}
}

// TestIncrementalExports: windows of a random history, of every length, show each what it should, while the table is written,
// streams come and go, shards split, and jobs are cut off anywhere and done by two nodes at once.
func TestIncrementalExports(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "a:S b:N")
	w.recover("tab", true)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 2))
	type moment struct {
		at    time.Time
		state map[string]string    // before that time
		last  map[string]time.Time // when each key last changed
	}
	state, last := map[string]string{}, map[string]time.Time{}
	var moments []moment
	pad := strings.Repeat("x", 20_000) // so that a step does not do it all
	for range 24 {
		moments = append(moments, moment{w.now, maps.Clone(state), maps.Clone(last)})
		for range 30 {
			k := fmt.Sprintf("'a':{'S':'%d'},'b':{'N':'%d'}", r.IntN(40), r.IntN(3))
			if r.IntN(3) == 0 {
				w.remove("tab", "{"+k+"}")
				if state[k] == "" {
					continue
				}
				delete(state, k)
			} else {
				state[k] = fmt.Sprintf("{%s,'v':{'N':'%d'},'pad':{'S':'%s'}}", k, len(moments)*1000+r.IntN(1000), pad)
				w.put("tab", state[k])
			}
			last[k] = w.now
		}
		w.now = w.now.Add(time.Duration(1+r.IntN(60)) * time.Minute)
		w.disturb(r)
	}
	moments = append(moments, moment{w.now, state, last})
	for range 12 {
		from, to := moments[r.IntN(len(moments))], moments[r.IntN(len(moments))]
		if d := to.at.Sub(from.at); d < minWindow || d > maxWindow {
			continue
		}
		e := must(w, dynamodb.ExportTableToPointInTime, w.window("tab", from.at, to.at, "")).ExportDescription
		w.cutOff(func(i int) { w.put("tab", fmt.Sprintf("{'a':{'S':'%d'},'b':{'N':'0'},'during':{'N':'%d'}}", i%40, i)) })
		var want []string
		for k, at := range to.last {
			if was, is := from.state[k], to.state[k]; !at.Before(from.at) && was+is != "" {
				line := fmt.Sprintf("{'Metadata':{'WriteTimestampMicros':{'N':'%d'}},'Keys':{%s}", at.UnixMicro(), k)
				if was != "" {
					line += ",'OldImage':" + was
				}
				if is != "" {
					line += ",'NewImage':" + is
				}
				want = append(want, line+"}")
			}
		}
		slices.Sort(want)
		if lines, _ := w.exported(e.ExportArn); !slices.Equal(lines, want) {
			t.Errorf("from %v to %v: %d lines, want %d", from.at, to.at, len(lines), len(want))
		}
	}
	w.jobs()
	w.empty("tables.job", "tables.exportpart", "tables.touched")
}

// cutOff does all jobs on two nodes that are stopped again and again, with something else besides.
func (w *world) cutOff(besides func(i int)) {
	w.t.Helper()
	var both sync.WaitGroup
	for n := range 2 {
		both.Go(func() {
			for i := range 20 {
				ctx, cancel := context.WithTimeout(w.t.Context(), time.Duration(i*i)*100*time.Microsecond)
				w.s.Jobs(ctx) //nolint:errcheck // it may be cut off anywhere
				cancel()
				if n == 0 {
					besides(i)
				}
			}
		})
	}
	both.Wait()
	w.jobs()
}

// TestIncrementalExportWindows: windows that follow each other neither miss a change nor tell of one twice, whatever the clocks say.
func TestIncrementalExportWindows(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "a:S")
	w.recover("tab", true)
	start := w.now
	w.now = w.now.Add(time.Hour)
	first := must(w, dynamodb.ExportTableToPointInTime, w.window("tab", start, time.Time{}, "")).ExportDescription
	border := first.IncrementalExportSpecification.ExportToTime.V
	w.now = border.Add(-time.Second) // of another node, whose clock is late
	w.put("tab", "{'a':{'S':'late'}}")
	w.now = border.Add(time.Hour)
	second := must(w, dynamodb.ExportTableToPointInTime, w.window("tab", border, w.now, "")).ExportDescription
	w.jobs()
	if lines, _ := w.exported(first.ExportArn); len(lines) != 0 {
		t.Errorf("%q", lines)
	}
	if lines, _ := w.exported(second.ExportArn); len(lines) != 1 || !strings.Contains(lines[0], "late") {
		t.Errorf("%q", lines)
	}
}

func TestIncrementalExportRefused(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "a:S")
	at := w.now
	refused := func(in dynamodb.ExportTableToPointInTimeInput, code, text string) {
		t.Helper()
		_, err := do(w, w.root, dynamodb.ExportTableToPointInTime, in)
		w.refused(err, code, text)
	}
	w.now = at.Add(time.Hour)
	refused(w.window("tab", at, w.now, ""), "PointInTimeRecoveryUnavailableException", "Point in time recovery is not enabled for table 'tab'")
	w.recover("tab", true)
	refused(w.window("tab", at, w.now, ""), "InvalidExportTimeException", "Point in Time Recovery is not available for specified export time")
	on := w.now
	w.now = w.now.Add(48 * time.Hour)
	for _, c := range []struct {
		from, to time.Time
		text     string
	}{
		{at.Add(-time.Minute), w.now, "Incremental export period from time cannot be less than the table creation time : " + at.Add(-time.Minute).Format(time.RFC3339)},
		{on, w.now.Add(time.Second), "Incremental export period to time cannot be greater than the current time : " + w.now.Add(time.Second).Format(time.RFC3339)},
		{w.now, w.now, "Incremental export period from time should not be greater or equal to incremental export period to time"},
		{w.now, on, "Incremental export period from time should not be greater or equal to incremental export period to time"},
		{on, on.Add(15*time.Minute - time.Second), "Difference between export period from time and export period to time is less than 15 minutes"},
		{on, time.Time{}, "Difference between export period from time and export period to time is greater than 24 hours"},
	} {
		refused(w.window("tab", c.from, c.to, ""), "InvalidExportTimeException", c.text)
	}
	in := w.window("tab", on, on.Add(time.Hour), "")
	in.ExportType = wire.Opt[string]{}
	refused(in, "ValidationException", "Invalid Request: Export Type expected to be Incremental Export when incremental export specification is provided")
	in.ExportType = str("FULL_EXPORT")
	refused(in, "ValidationException", "Invalid Request: When Export Type is Full Export , Incremental Export Specification should not be provided")
	in.ExportType, in.IncrementalExportSpecification = str("INCREMENTAL_EXPORT"), nil
	refused(in, "ValidationException", "Invalid Request: Incremental Export Specification expected when export type is set as Incremental Export")
	in.IncrementalExportSpecification = &dynamodb.IncrementalExportSpecification{ExportViewType: str("NEW_IMAGE")}
	refused(in, "ValidationException", "Invalid Request: ExportFromTime must be provided in IncrementalExportSpecification")
	full := dynamodb.ExportTableToPointInTimeInput{TableArn: in.TableArn, S3Bucket: in.S3Bucket, ExportTime: wire.Some(w.now.Add(time.Minute))}
	refused(full, "InvalidExportTimeException", "Export Time is invalid")

	reader := w.under(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["dynamodb:Scan","dynamodb:DescribeTable","s3:*"],"Resource":"*"}}`)
	_, err := do(w, reader, dynamodb.ExportTableToPointInTime, w.window("tab", on, on.Add(time.Hour), ""))
	w.refused(err, "AccessDenied", "")
	w.empty("tables.export", "tables.job")
}

// TestBackupOfKeysOnlyStream: what a log kept no old images of cannot be undone, and need not be.
func TestBackupOfKeysOnlyStream(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "a:S")
	must(w, dynamodb.UpdateTable, dynamodb.UpdateTableInput{TableName: str("tab"), StreamSpecification: &dynamodb.StreamSpecification{StreamEnabled: wire.Some(true), StreamViewType: str("KEYS_ONLY")}})
	w.put("tab", "{'a':{'S':'x'}}")
	w.now = w.now.Add(time.Second) // of another node, whose clock is early
	w.put("tab", "{'a':{'S':'x'},'v':{'N':'1'}}")
	w.now = w.now.Add(-time.Second)
	want := w.content("tab")
	b := must(w, dynamodb.CreateBackup, dynamodb.CreateBackupInput{TableName: str("tab"), BackupName: str("one")}).BackupDetails
	w.jobs()
	must(w, dynamodb.RestoreTableFromBackup, dynamodb.RestoreTableFromBackupInput{TargetTableName: str("back"), BackupArn: b.BackupArn})
	w.jobs()
	w.same("back", want)
	on := w.recover("tab", true).EarliestRestorableDateTime
	w.now = w.now.Add(time.Hour)
	w.put("tab", "{'a':{'S':'y'}}")
	must(w, dynamodb.RestoreTableToPointInTime, dynamodb.RestoreTableToPointInTimeInput{SourceTableName: str("tab"), TargetTableName: str("first"), RestoreDateTime: on})
	w.jobs()
	w.same("first", want)
}
