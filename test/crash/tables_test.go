package crash

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	workRounds  = 3
	workItems   = 2500 // more than a chore takes in one transaction
	workWriters = 3
	longestWork = 900 * time.Millisecond
)

// TestTableWorkKilled kills the program while it works on whole tables under writers: an index being filled, expiry being switched on, a
// table being deleted, a backup, restores of a backup and of a moment, an export, an import. Started again, it ends what it had
// promised, with exactly the items that belong there; then the directory itself is looked at.
func TestTableWorkKilled(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	for round := range workRounds {
		w := &works{t: t, r: r, data: filepath.Join(t.TempDir(), "data")}
		if err := os.Chmod(filepath.Dir(w.data), 0o711); err != nil {
			t.Fatal(err)
		}
		w.start()
		w.furnish()
		w.begin()
		w.node.kill()
		w.writers.Wait()
		w.start()
		if round%2 == 1 { // once more, while it goes on with what was left
			time.Sleep(time.Duration(r.Int64N(int64(200 * time.Millisecond))))
			w.node.kill()
			w.start()
		}
		w.settled()
		w.node.kill()
		if err := walk(w.data); err != nil {
			t.Errorf("round %d: the directory: %v", round, err)
		}
		if t.Failed() {
			return
		}
	}
}

// works is a node at work on whole tables.
type works struct {
	t    *testing.T
	r    *rand.Rand
	data string
	node *process
	c    *client

	then    map[string]string // what the tables held when the work began: key → value
	moment  float64           // when that was
	backup  string            // of it, ARN
	writers sync.WaitGroup

	mu    sync.Mutex
	now   map[string]string // what was acknowledged since; guarded by mu, as what follows
	open  map[string]string // what the kill left open
	begun map[string]bool   // work that was promised
	maybe map[string]bool   // work that the kill left open
	arns  map[string]string // of what was promised
}

func (w *works) start() {
	w.t.Helper()
	var err error
	if w.node, err = start(build(w.t), w.data); err == nil {
		w.t.Cleanup(w.node.kill)
		w.c, err = dial(w.node, w.data)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *works) must(op string, in, out any) {
	w.t.Helper()
	if err := w.c.dynamo(op, in, out); err != nil {
		w.t.Fatalf("%s: %v\n%s", op, err, w.node.log)
	}
}

func bigTable(name string) m {
	return m{
		"TableName": name, "BillingMode": "PAY_PER_REQUEST", "KeySchema": keys("w", "i"), "AttributeDefinitions": []m{attribute("w", "S"), attribute("i", "S"), attribute("rank", "N")},
		"LocalSecondaryIndexes": []m{{"IndexName": "rank", "KeySchema": keys("w", "rank"), "Projection": m{"ProjectionType": "ALL"}}},
	}
}

func bigItem(i int, text string) m {
	it := rowKey(i%7, i)
	it["g"], it["rank"], it["text"], it["until"] = str(fmt.Sprint("g", i%5)), num(int64(i%100)), str(text), num(4_000_000_000)
	return it
}

// furnish makes two tables of the same items, with recovery and a stream, a backup, and an object to import.
func (w *works) furnish() {
	w.t.Helper()
	for _, name := range []string{"big", "doomed"} {
		w.must("CreateTable", bigTable(name), nil)
	}
	w.must("UpdateTable", m{"TableName": "big", "StreamSpecification": m{"StreamEnabled": true, "StreamViewType": "KEYS_ONLY"}}, nil)
	w.must("UpdateContinuousBackups", m{"TableName": "big", "PointInTimeRecoverySpecification": m{"PointInTimeRecoveryEnabled": true}}, nil)
	var lines bytes.Buffer
	var wg sync.WaitGroup
	limit := make(chan bool, 8)
	for from := 0; from < workItems; from += 25 {
		var puts []m
		for i := from; i < from+25; i++ {
			it := bigItem(i, fmt.Sprint("first ", i))
			puts = append(puts, m{"PutRequest": m{"Item": it}})
			line, _ := json.Marshal(m{"Item": it})
			lines.Write(append(line, '\n'))
		}
		limit <- true
		wg.Go(func() {
			defer func() { <-limit }()
			for _, name := range []string{"big", "doomed"} {
				if err := w.c.dynamo("BatchWriteItem", m{"RequestItems": m{name: puts}}, nil); err != nil {
					w.t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	_, _, bucket := w.c.s3(http.MethodPut, "/jobs", nil, nil)
	_, _, object := w.c.s3(http.MethodPut, "/jobs/in/lines", nil, lines.Bytes())
	if err := errors.Join(bucket, object); err != nil {
		w.t.Fatal(err)
	}
	w.then = w.contents("big", "")
	if len(w.then) != workItems {
		w.t.Fatalf("%d items", len(w.then))
	}
	w.now, w.open = maps.Clone(w.then), map[string]string{}
	w.begun, w.maybe, w.arns = map[string]bool{}, map[string]bool{}, map[string]string{}
	w.moment = float64(time.Now().UnixMilli())/1000 + 0.002
	time.Sleep(20 * time.Millisecond) // the moment is over for sure
	var made struct{ BackupDetails struct{ BackupArn string } }
	w.must("CreateBackup", m{"TableName": "big", "BackupName": "before"}, &made)
	w.backup = made.BackupDetails.BackupArn
	w.await("the first backup", func() bool { return w.backupStatus(w.backup) == "AVAILABLE" })
}

// begin starts writers and all work, and returns somewhere in the middle of it.
func (w *works) begin() {
	for n := range workWriters {
		r := rand.New(rand.NewPCG(w.r.Uint64(), 0))
		w.writers.Go(func() { w.write(n, r) })
	}
	arn := "arn:aws:dynamodb:" + zone + ":" + strings.Split(w.backup, ":")[4] + ":table/big"
	create := bigTable("imported")
	delete(create, "LocalSecondaryIndexes")
	create["AttributeDefinitions"] = []m{attribute("w", "S"), attribute("i", "S")}
	for _, op := range []struct {
		what, name string
		in         m
	}{
		{"index", "UpdateTable", m{"TableName": "big", "AttributeDefinitions": []m{attribute("w", "S"), attribute("i", "S"), attribute("rank", "N"), attribute("g", "S")},
			"GlobalSecondaryIndexUpdates": []m{{"Create": m{"IndexName": "late", "KeySchema": keys("g", "rank"), "Projection": m{"ProjectionType": "ALL"}}}}}},
		{"expiry", "UpdateTimeToLive", m{"TableName": "big", "TimeToLiveSpecification": m{"Enabled": true, "AttributeName": "until"}}},
		{"deletion", "DeleteTable", m{"TableName": "doomed"}},
		{"second backup", "CreateBackup", m{"TableName": "big", "BackupName": "after"}},
		{"restored", "RestoreTableFromBackup", m{"BackupArn": w.backup, "TargetTableName": "restored"}},
		{"moment", "RestoreTableToPointInTime", m{"SourceTableName": "big", "TargetTableName": "moment", "RestoreDateTime": w.moment}},
		{"export", "ExportTableToPointInTime", m{"TableArn": arn, "S3Bucket": "jobs", "S3Prefix": "out", "ExportTime": w.moment}},
		{"imported", "ImportTable", m{"S3BucketSource": m{"S3Bucket": "jobs", "S3KeyPrefix": "in/"}, "InputFormat": "DYNAMODB_JSON", "TableCreationParameters": create}},
	} {
		delay := time.Duration(w.r.Int64N(int64(longestWork / 2)))
		w.writers.Go(func() {
			time.Sleep(delay)
			var out struct {
				BackupDetails     struct{ BackupArn string }
				ExportDescription struct{ ExportArn string }
			}
			err := w.c.dynamo(op.name, op.in, &out)
			w.mu.Lock()
			defer w.mu.Unlock()
			switch w.arns[op.what] = out.BackupDetails.BackupArn + out.ExportDescription.ExportArn; {
			case err == nil:
				w.begun[op.what] = true
			case unclear(err):
				w.maybe[op.what] = true
			case refused(err, ""):
				w.t.Errorf("%s: %v", op.what, err)
			}
		})
	}
	time.Sleep(time.Duration(w.r.Int64N(int64(longestWork))))
}

// write changes items of its own until the node is gone.
func (w *works) write(worker int, r *rand.Rand) {
	for {
		i := r.IntN(workItems/workWriters)*workWriters + worker
		key, value, err := rowKey(i%7, i), "", error(nil)
		id := key["w"].(m)["S"].(string) + "/" + key["i"].(m)["S"].(string)
		switch r.IntN(3) {
		case 0:
			err = w.c.dynamo("DeleteItem", m{"TableName": "big", "Key": key}, nil)
		default:
			it := bigItem(i, fmt.Sprintf("%x", r.Uint64()))
			it["g"] = str(fmt.Sprint("g", r.IntN(5)))
			value = it["g"].(m)["S"].(string) + " " + it["rank"].(m)["N"].(string) + " " + it["text"].(m)["S"].(string)
			err = w.c.dynamo("PutItem", m{"TableName": "big", "Item": it}, nil)
		}
		w.mu.Lock()
		switch {
		case err == nil:
			w.now[id] = value
		case unclear(err):
			w.open[id] = value
		case refused(err, ""):
			w.t.Error(err)
		}
		w.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// contents are all items of a table or an index: key → value.
func (w *works) contents(table, index string) map[string]string {
	w.t.Helper()
	found, in := map[string]string{}, m{"TableName": table}
	if index != "" {
		in["IndexName"] = index
	}
	for {
		var out struct {
			Items            []item
			LastEvaluatedKey json.RawMessage
		}
		w.must("Scan", in, &out)
		for _, it := range out.Items {
			if _, twice := found[it.id()]; twice {
				w.t.Errorf("%s of %s has %s twice", index, table, it.id())
			}
			found[it.id()] = it.value()
		}
		if out.LastEvaluatedKey == nil {
			return found
		}
		in["ExclusiveStartKey"] = out.LastEvaluatedKey
	}
}

func (w *works) await(what string, done func() bool) {
	w.t.Helper()
	for until := time.Now().Add(patience); !done(); time.Sleep(30 * time.Millisecond) {
		if time.Now().After(until) {
			w.t.Fatalf("%s does not come to its end\n%s", what, w.node.log)
		}
	}
}

func (w *works) backupStatus(arn string) string {
	var out struct {
		BackupDescription struct{ BackupDetails struct{ BackupStatus string } }
	}
	w.must("DescribeBackup", m{"BackupArn": arn}, &out)
	return out.BackupDescription.BackupDetails.BackupStatus
}

// status is that of a table, or of an index of it; "" when there is none.
func (w *works) status(table, index string) string {
	var out struct {
		Table struct {
			TableStatus            string
			GlobalSecondaryIndexes []struct{ IndexName, IndexStatus string }
		}
	}
	if err := w.c.dynamo("DescribeTable", m{"TableName": table}, &out); refused(err, "ResourceNotFoundException") {
		return ""
	} else if err != nil {
		w.t.Fatal(err)
	}
	if index == "" {
		return out.Table.TableStatus
	}
	for _, ix := range out.Table.GlobalSecondaryIndexes {
		if ix.IndexName == index {
			return ix.IndexStatus
		}
	}
	return ""
}

// settled waits until all work that was promised is done, and compares what it left.
func (w *works) settled() {
	w.t.Helper()
	for id, v := range w.open { // each writer stopped at its first
		if got := w.contents("big", "")[id]; got != v && got != w.now[id] {
			w.t.Errorf("%s is %q, was %q, left open %q", id, got, w.now[id], v)
		}
		w.now[id] = w.contents("big", "")[id]
	}
	maps.DeleteFunc(w.now, func(_, v string) bool { return v == "" })
	w.same("big", w.contents("big", ""), w.now)
	w.same("the local index", w.contents("big", "rank"), w.now)
	if w.there("index", w.status("big", "late") != "") {
		w.await("the index", func() bool { return w.status("big", "late") == "ACTIVE" })
		w.same("the index", w.contents("big", "late"), w.now)
	}
	if w.there("expiry", true) {
		w.await("expiry", func() bool {
			var out struct {
				TimeToLiveDescription struct{ TimeToLiveStatus string }
			}
			w.must("DescribeTimeToLive", m{"TableName": "big"}, &out)
			return out.TimeToLiveDescription.TimeToLiveStatus == "ENABLED" || w.maybe["expiry"]
		})
	}
	if w.there("deletion", w.status("doomed", "") != "ACTIVE") {
		w.await("the deletion", func() bool { return w.status("doomed", "") == "" })
		w.must("CreateTable", bigTable("doomed"), nil)
		w.same("a table after one of its name", w.contents("doomed", ""), nil)
	}
	if w.begun["second backup"] {
		w.await("the second backup", func() bool { return w.backupStatus(w.arns["second backup"]) == "AVAILABLE" })
	}
	for _, name := range []string{"restored", "moment", "imported"} {
		if w.there(name, w.status(name, "") != "") {
			w.await("the table "+name, func() bool { return w.status(name, "") == "ACTIVE" })
			w.same(name, w.contents(name, ""), w.then)
			if name != "imported" {
				w.same("the local index of "+name, w.contents(name, "rank"), w.then)
			}
		}
	}
	if w.begun["export"] {
		w.await("the export", func() bool {
			var out struct{ ExportDescription struct{ ExportStatus string } }
			w.must("DescribeExport", m{"ExportArn": w.arns["export"]}, &out)
			return out.ExportDescription.ExportStatus == "COMPLETED"
		})
		w.same("the export", w.exported(), w.then)
	}
	w.t.Logf("promised: %v, left open: %v", slices.Sorted(maps.Keys(w.begun)), slices.Sorted(maps.Keys(w.maybe)))
}

// there tells whether work is to be looked for: promised, or begun though the kill left that open.
func (w *works) there(what string, found bool) bool {
	if w.begun[what] && !found {
		w.t.Errorf("%s was promised and is not there", what)
	}
	return found && (w.begun[what] || w.maybe[what])
}

func (w *works) same(what string, got, want map[string]string) {
	w.t.Helper()
	wrong := 0
	for id, v := range want {
		if got[id] != v {
			if wrong++; wrong < 4 {
				w.t.Errorf("%s: %s is %q, want %q", what, id, got[id], v)
			}
		}
	}
	for id, v := range got {
		if _, ok := want[id]; !ok {
			if wrong++; wrong < 4 {
				w.t.Errorf("%s: %s is %q, and should not be there", what, id, v)
			}
		}
	}
	if wrong > 0 {
		w.t.Errorf("%s: %d of %d items are wrong", what, wrong, len(want))
	}
}

// exported are the items in the files of the export.
func (w *works) exported() map[string]string {
	w.t.Helper()
	_, list, err := w.c.s3(http.MethodGet, "/jobs", url.Values{"list-type": {"2"}, "prefix": {"out/"}}, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	found := map[string]string{}
	for rest := string(list); ; {
		_, after, ok := strings.Cut(rest, "<Key>")
		if !ok {
			return found
		}
		key, after, _ := strings.Cut(after, "</Key>")
		if rest = after; !strings.HasSuffix(key, ".json.gz") {
			continue
		}
		_, packed, err := w.c.s3(http.MethodGet, "/jobs/"+key, nil, nil)
		if err != nil {
			w.t.Fatal(err)
		}
		z, err := gzip.NewReader(bytes.NewReader(packed))
		if err != nil {
			w.t.Fatal(err)
		}
		for lines := bufio.NewScanner(z); lines.Scan(); {
			var line struct{ Item item }
			if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
				w.t.Fatal(err)
			}
			if _, twice := found[line.Item.id()]; twice {
				w.t.Errorf("the export has %s twice", line.Item.id())
			}
			found[line.Item.id()] = line.Item.value()
		}
	}
}
