package tables

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"bothy/api/dynamodb"
	"bothy/kv"
	"bothy/kv/memkv"
	"bothy/record"
	"bothy/wire"
)

// audit looks at all rows there are: each belongs to something and is well formed, and entries are what rows owe.
func audit(t *testing.T, db *kv.DB) {
	t.Helper()
	var rows Inspection
	c := &record.Census{Fault: func(k kv.Key, text string) { t.Errorf("%s: %s", record.Text(k), text) }}
	look := func(rules map[string]record.Inspect) {
		c.Rules = rules
		if err := db.Dump(t.Context(), func(k kv.Key, v []byte) error { c.Pair(k, v); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	learn, all := rows.Learners(), rows.Inspectors()
	for name := range all {
		if learn[name] == nil {
			learn[name] = func(*record.Seen, record.Findings) {}
		}
	}
	look(learn)
	if look(all); c.Again() {
		look(all)
		c.Left()
	}
}

// TestTwoNodesLeaveNothingWrong: two nodes at one store write items, make and remove tables, indexes, expiry, streams and backups under
// each other's hands, and both do all background work. What is left is whole, and nothing is left over.
func TestTwoNodesLeaveNothingWrong(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	db := kv.New(memkv.New())
	ctx, stop := context.WithCancel(t.Context())
	var hands, work sync.WaitGroup
	var nodes []*world
	for n := range 2 {
		w := worldOn(t, db)
		nodes = append(nodes, w)
		work.Go(func() {
			for ctx.Err() == nil {
				if err := errors.Join(w.s.Expire(ctx), w.s.Jobs(ctx), w.s.Work(ctx)); err != nil && ctx.Err() == nil {
					t.Errorf("node %d: %v", n, err)
				}
				time.Sleep(time.Millisecond)
			}
		})
		for hand := range 3 {
			r := rand.New(rand.NewPCG(seed, uint64(10*n+hand)))
			hands.Go(func() {
				for range 150 {
					meddle(w, r)
				}
			})
		}
	}
	hands.Wait()
	for left := 1; left > 0; time.Sleep(time.Millisecond) { // until all work is done
		left = 0
		err := db.View(ctx, func(tx *kv.Tx) error {
			jobs, err := jobRows.All(tx, record.Scope{}, "")
			left += len(jobs)
			all, err2 := tableRows.All(tx, record.In(account, region), "")
			for _, t := range all {
				if t.busy() || t.Status != statusActive {
					left++
				}
			}
			return errors.Join(err, err2)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	stop()
	work.Wait()
	audit(t, db)
	for _, name := range must(nodes[0], dynamodb.ListTables, dynamodb.ListTablesInput{}).TableNames {
		must(nodes[0], dynamodb.UpdateContinuousBackups, dynamodb.UpdateContinuousBackupsInput{TableName: str(name), PointInTimeRecoverySpecification: &dynamodb.PointInTimeRecoverySpecification{PointInTimeRecoveryEnabled: wire.Some(false)}})
		must(nodes[0], dynamodb.DeleteTable, dynamodb.DeleteTableInput{TableName: str(name)})
	}
	if err := nodes[0].s.Work(t.Context()); err != nil {
		t.Error(err)
	}
	audit(t, db)
}

// meddle does one thing of many. Refusals are in order: others are at it, too.
func meddle(w *world, r *rand.Rand) {
	name := str(fmt.Sprint("tab", r.IntN(3)))
	key := fmt.Sprintf(`'p': {'S': 'p%d'}, 's': {'S': '%d'}`, r.IntN(3), r.IntN(12))
	it := doc(fmt.Sprintf(`{%s, 'g': {'S': 'g%d'}, 'n': {'N': '%d'}, 'until': {'N': '%d'}}`, key, r.IntN(3), r.IntN(9), w.now.Unix()+int64(r.IntN(400))-40))
	var err error
	switch r.IntN(24) {
	case 0:
		in := dynamodb.CreateTableInput{TableName: name, BillingMode: str("PROVISIONED"), ProvisionedThroughput: &dynamodb.ProvisionedThroughput{ReadCapacityUnits: wire.Some(int64(1000)), WriteCapacityUnits: wire.Some(int64(1000))},
			StreamSpecification: &dynamodb.StreamSpecification{StreamEnabled: wire.Some(r.IntN(2) == 0)}}
		if in.StreamSpecification.StreamEnabled.V {
			in.StreamSpecification.StreamViewType = str("NEW_AND_OLD_IMAGES")
		}
		in.KeySchema = schemaOf(&in, "p:S s:S")
		in.LocalSecondaryIndexes = []dynamodb.LocalSecondaryIndex{{IndexName: str("local"), KeySchema: schemaOf(&in, "p:S n:N"), Projection: &dynamodb.Projection{ProjectionType: str("ALL")}}}
		err = fails(do(w, w.root, dynamodb.CreateTable, in))
	case 1:
		err = fails(do(w, w.root, dynamodb.DeleteTable, dynamodb.DeleteTableInput{TableName: name}))
	case 2:
		in := dynamodb.CreateTableInput{}
		add := dynamodb.CreateGlobalSecondaryIndexAction{IndexName: str("global"), KeySchema: schemaOf(&in, "g:S n:N"), Projection: &dynamodb.Projection{ProjectionType: str("ALL")},
			ProvisionedThroughput: &dynamodb.ProvisionedThroughput{ReadCapacityUnits: wire.Some(int64(1000)), WriteCapacityUnits: wire.Some(int64(1000))}}
		err = fails(do(w, w.root, dynamodb.UpdateTable, dynamodb.UpdateTableInput{TableName: name, AttributeDefinitions: in.AttributeDefinitions, GlobalSecondaryIndexUpdates: []dynamodb.GlobalSecondaryIndexUpdate{{Create: &add}}}))
	case 3:
		err = fails(do(w, w.root, dynamodb.UpdateTable, dynamodb.UpdateTableInput{TableName: name, GlobalSecondaryIndexUpdates: []dynamodb.GlobalSecondaryIndexUpdate{{Delete: &dynamodb.DeleteGlobalSecondaryIndexAction{IndexName: str("global")}}}}))
	case 4:
		err = fails(do(w, w.root, dynamodb.UpdateTimeToLive, dynamodb.UpdateTimeToLiveInput{TableName: name, TimeToLiveSpecification: &dynamodb.TimeToLiveSpecification{Enabled: wire.Some(r.IntN(3) > 0), AttributeName: str([]string{"until", "n"}[r.IntN(2)])}}))
	case 5:
		on := r.IntN(2) == 0
		spec := &dynamodb.StreamSpecification{StreamEnabled: wire.Some(on)}
		if on {
			spec.StreamViewType = str("KEYS_ONLY")
		}
		err = fails(do(w, w.root, dynamodb.UpdateTable, dynamodb.UpdateTableInput{TableName: name, StreamSpecification: spec}))
	case 6:
		err = fails(do(w, w.root, dynamodb.CreateBackup, dynamodb.CreateBackupInput{TableName: name, BackupName: str("backup")}))
	case 7:
		all, _ := do(w, w.root, dynamodb.ListBackups, dynamodb.ListBackupsInput{})
		if all == nil || len(all.BackupSummaries) == 0 {
			return
		}
		if arn := all.BackupSummaries[r.IntN(len(all.BackupSummaries))].BackupArn; r.IntN(2) == 0 {
			err = fails(do(w, w.root, dynamodb.DeleteBackup, dynamodb.DeleteBackupInput{BackupArn: arn}))
		} else {
			err = fails(do(w, w.root, dynamodb.RestoreTableFromBackup, dynamodb.RestoreTableFromBackupInput{BackupArn: arn, TargetTableName: name}))
		}
	case 8:
		err = fails(do(w, w.root, dynamodb.UpdateContinuousBackups, dynamodb.UpdateContinuousBackupsInput{TableName: name, PointInTimeRecoverySpecification: &dynamodb.PointInTimeRecoverySpecification{PointInTimeRecoveryEnabled: wire.Some(r.IntN(2) == 0)}}))
	case 9:
		err = fails(do(w, w.root, dynamodb.RestoreTableToPointInTime, dynamodb.RestoreTableToPointInTimeInput{SourceTableName: name, TargetTableName: str(fmt.Sprint("tab", r.IntN(3))), UseLatestRestorableTime: wire.Some(true)}))
	case 10, 11, 12:
		err = fails(do(w, w.root, dynamodb.DeleteItem, dynamodb.DeleteItemInput{TableName: name, Key: doc(`{` + key + `}`)}))
	case 13, 14:
		err = fails(do(w, w.root, dynamodb.UpdateItem, dynamodb.UpdateItemInput{TableName: name, Key: doc(`{` + key + `}`), UpdateExpression: str([]string{"REMOVE g", "SET n = :n", "REMOVE n, #u", "SET #u = :n"}[r.IntN(4)]), ExpressionAttributeValues: doc(`{':n': {'N': '1'}}`), ExpressionAttributeNames: map[string]string{"#u": "until"}}))
	case 15, 16:
		err = fails(do(w, w.root, dynamodb.TransactWriteItems, dynamodb.TransactWriteItemsInput{ClientRequestToken: str(fmt.Sprint(r.IntN(50))), TransactItems: []dynamodb.TransactWriteItem{{Put: &dynamodb.Put{TableName: name, Item: it}}}}))
	case 17:
		err = fails(do(w, w.root, dynamodb.Query, dynamodb.QueryInput{TableName: name, IndexName: str("global"), KeyConditionExpression: str("g = :g"), ExpressionAttributeValues: doc(`{':g': {'S': 'g1'}}`)}))
	case 18:
		err = fails(do(w, w.root, dynamodb.Scan, dynamodb.ScanInput{TableName: name, IndexName: str("local")}))
	default:
		err = fails(do(w, w.root, dynamodb.PutItem, dynamodb.PutItemInput{TableName: name, Item: it}))
	}
	if f := wire.Fault(nil); err != nil && !errors.As(err, &f) {
		w.t.Errorf("%v", err)
	}
}
