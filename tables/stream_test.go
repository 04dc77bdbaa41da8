package tables

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"bothy/api/dynamodb"
	"bothy/api/dynamodbstreams"
	"bothy/kv"
	"bothy/kv/memkv"
	"bothy/kv/pebblekv"
	"bothy/record"
	"bothy/wire"
	"bothy/wire/item"
)

// streamed makes a table with a stream, and returns the stream's ARN.
func (w *world) streamed(name, keys, view string) string {
	w.t.Helper()
	in := dynamodb.CreateTableInput{TableName: str(name), BillingMode: str("PAY_PER_REQUEST"),
		StreamSpecification: &dynamodb.StreamSpecification{StreamEnabled: wire.Some(true), StreamViewType: str(view)}}
	in.KeySchema = schemaOf(&in, keys)
	return must(w, dynamodb.CreateTable, in).TableDescription.LatestStreamArn.V
}

func (w *world) shards(arn string) []dynamodbstreams.Shard {
	w.t.Helper()
	return must(w, dynamodbstreams.DescribeStream, dynamodbstreams.DescribeStreamInput{StreamArn: str(arn)}).StreamDescription.Shards
}

func (w *world) iterator(arn, shard, kind, after string) string {
	w.t.Helper()
	in := dynamodbstreams.GetShardIteratorInput{StreamArn: str(arn), ShardId: str(shard), ShardIteratorType: str(kind)}
	if after != "" {
		in.SequenceNumber = str(after)
	}
	return must(w, dynamodbstreams.GetShardIterator, in).ShardIterator.V
}

// records are all of a stream, shard by shard, oldest shard first.
func (w *world) records(arn string) (all []dynamodbstreams.Record) {
	w.t.Helper()
	for _, sh := range w.shards(arn) {
		for it := str(w.iterator(arn, sh.ShardId.V, "TRIM_HORIZON", "")); it.Set; {
			out := must(w, dynamodbstreams.GetRecords, dynamodbstreams.GetRecordsInput{ShardIterator: it})
			if it = out.NextShardIterator; len(out.Records) == 0 {
				break
			}
			all = append(all, out.Records...)
		}
	}
	return all
}

// told is a record in short: "INSERT {keys} old → new".
func told(r dynamodbstreams.Record) string {
	s := fmt.Sprintf("%s %s %s → %s", r.EventName.V, show(r.Dynamodb.Keys), show(r.Dynamodb.OldImage), show(r.Dynamodb.NewImage))
	if r.UserIdentity != nil {
		s += " by " + r.UserIdentity.PrincipalId.V
	}
	return s
}

func (w *world) tells(arn string, want ...string) {
	w.t.Helper()
	var got []string
	for _, r := range w.records(arn) {
		got = append(got, told(r))
	}
	if !slices.Equal(got, want) {
		w.t.Errorf("got  %s\nwant %s", strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}

func TestStreamViews(t *testing.T) {
	for view, want := range map[string][]string{
		"KEYS_ONLY": {"INSERT {'a':{'S':'k'}} nil → nil", "MODIFY {'a':{'S':'k'}} nil → nil", "REMOVE {'a':{'S':'k'}} nil → nil"},
		"NEW_IMAGE": {"INSERT {'a':{'S':'k'}} nil → {'a':{'S':'k'},'v':{'N':'1'}}", "MODIFY {'a':{'S':'k'}} nil → {'a':{'S':'k'},'v':{'N':'2'}}", "REMOVE {'a':{'S':'k'}} nil → nil"},
		"OLD_IMAGE": {"INSERT {'a':{'S':'k'}} nil → nil", "MODIFY {'a':{'S':'k'}} {'a':{'S':'k'},'v':{'N':'1'}} → nil", "REMOVE {'a':{'S':'k'}} {'a':{'S':'k'},'v':{'N':'2'}} → nil"},
		"NEW_AND_OLD_IMAGES": {"INSERT {'a':{'S':'k'}} nil → {'a':{'S':'k'},'v':{'N':'1'}}", "MODIFY {'a':{'S':'k'}} {'a':{'S':'k'},'v':{'N':'1'}} → {'a':{'S':'k'},'v':{'N':'2'}}",
			"REMOVE {'a':{'S':'k'}} {'a':{'S':'k'},'v':{'N':'2'}} → nil"},
	} {
		t.Run(view, func(t *testing.T) {
			w := newWorld(t)
			arn := w.streamed("tab", "a:S", view)
			w.put("tab", "{'a':{'S':'k'},'v':{'N':'1'}}")
			w.put("tab", "{'v':{'N':'1.0'},'a':{'S':'k'}}") // the same item: no change
			must(w, dynamodb.UpdateItem, dynamodb.UpdateItemInput{TableName: str("tab"), Key: doc("{'a':{'S':'k'}}"), UpdateExpression: str("SET v = :v"), ExpressionAttributeValues: doc("{':v':{'N':'1'}}")})
			must(w, dynamodb.UpdateItem, dynamodb.UpdateItemInput{TableName: str("tab"), Key: doc("{'a':{'S':'k'}}"), UpdateExpression: str("SET v = :v"), ExpressionAttributeValues: doc("{':v':{'N':'2'}}")})
			for range 2 { // the second deletes nothing
				must(w, dynamodb.DeleteItem, dynamodb.DeleteItemInput{TableName: str("tab"), Key: doc("{'a':{'S':'k'}}")})
			}
			w.tells(arn, want...)
			for _, r := range w.records(arn) {
				if r.Dynamodb.StreamViewType.V != view || r.EventVersion.V != "1.1" || r.EventSource.V != "aws:dynamodb" || r.AwsRegion.V != region || len(r.EventID.V) != 32 ||
					r.Dynamodb.SizeBytes.V < 2 || !r.Dynamodb.ApproximateCreationDateTime.V.Equal(w.now) || r.UserIdentity != nil {
					t.Errorf("%+v %+v", r, r.Dynamodb)
				}
			}
		})
	}
}

// TestStreamOfEveryWrite: whatever changes items leaves records, in one transaction with them.
func TestStreamOfEveryWrite(t *testing.T) {
	w := newWorld(t)
	arn := w.streamed("tab", "a:S", "KEYS_ONLY")
	must(w, dynamodb.BatchWriteItem, dynamodb.BatchWriteItemInput{RequestItems: map[string][]dynamodb.WriteRequest{"tab": {{PutRequest: &dynamodb.PutRequest{Item: doc("{'a':{'S':'b'}}")}}}}})
	must(w, dynamodb.TransactWriteItems, dynamodb.TransactWriteItemsInput{TransactItems: []dynamodb.TransactWriteItem{{Put: &dynamodb.Put{TableName: str("tab"), Item: doc("{'a':{'S':'t'}}")}}}})
	_, err := do(w, w.root, dynamodb.TransactWriteItems, dynamodb.TransactWriteItemsInput{TransactItems: []dynamodb.TransactWriteItem{
		{Put: &dynamodb.Put{TableName: str("tab"), Item: doc("{'a':{'S':'n'}}")}},
		{ConditionCheck: &dynamodb.ConditionCheck{TableName: str("tab"), Key: doc("{'a':{'S':'t'}}"), ConditionExpression: str("attribute_not_exists(a)")}},
	}})
	w.refused(err, "TransactionCanceledException", "")
	must(w, dynamodb.UpdateTimeToLive, dynamodb.UpdateTimeToLiveInput{TableName: str("tab"), TimeToLiveSpecification: &dynamodb.TimeToLiveSpecification{Enabled: wire.Some(true), AttributeName: str("t")}})
	w.put("tab", fmt.Sprintf("{'a':{'S':'e'},'t':{'N':'%d'}}", w.now.Unix()+1))
	w.now = w.now.Add(2 * time.Second)
	for range 2 { // as two nodes would
		if err := w.s.Expire(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for _, r := range w.records(arn) {
		got = append(got, told(r))
	}
	slices.Sort(got)
	want := []string{"INSERT {'a':{'S':'b'}} nil → nil", "INSERT {'a':{'S':'e'}} nil → nil", "INSERT {'a':{'S':'t'}} nil → nil", "REMOVE {'a':{'S':'e'}} nil → nil by dynamodb.amazonaws.com"}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

func TestStreamLifecycle(t *testing.T) {
	w := newWorld(t)
	arn := w.streamed("tab", "a:S", "NEW_IMAGE")
	w.put("tab", "{'a':{'S':'k'}}")
	_, err := do(w, w.root, dynamodb.UpdateTable, dynamodb.UpdateTableInput{TableName: str("tab"), StreamSpecification: &dynamodb.StreamSpecification{StreamEnabled: wire.Some(true), StreamViewType: str("KEYS_ONLY")}})
	w.refused(err, "ValidationException", "Table already has an enabled stream: TableName: tab")
	off := dynamodb.UpdateTableInput{TableName: str("tab"), StreamSpecification: &dynamodb.StreamSpecification{StreamEnabled: wire.Some(false)}}
	if d := must(w, dynamodb.UpdateTable, off).TableDescription; d.LatestStreamArn.V != arn || d.StreamSpecification != nil { // as it was the latest
		t.Errorf("%+v", d)
	}
	_, err = do(w, w.root, dynamodb.UpdateTable, off)
	w.refused(err, "ValidationException", "Table has no stream to disable: TableName: tab")
	w.put("tab", "{'a':{'S':'unseen'}}")
	w.tells(arn, "INSERT {'a':{'S':'k'}} nil → {'a':{'S':'k'}}")
	for _, sh := range w.shards(arn) {
		if !sh.SequenceNumberRange.EndingSequenceNumber.Set {
			t.Errorf("%+v", sh)
		}
	}
	second := must(w, dynamodb.UpdateTable, dynamodb.UpdateTableInput{TableName: str("tab"), StreamSpecification: &dynamodb.StreamSpecification{StreamEnabled: wire.Some(true), StreamViewType: str("KEYS_ONLY")}}).TableDescription.LatestStreamArn.V
	if second == arn {
		t.Error("the second stream has the first one's name")
	}
	w.put("tab", "{'a':{'S':'l'}}")
	must(w, dynamodb.DeleteTable, dynamodb.DeleteTableInput{TableName: str("tab")})
	w.tells(arn, "INSERT {'a':{'S':'k'}} nil → {'a':{'S':'k'}}")
	w.tells(second, "INSERT {'a':{'S':'l'}} nil → nil")
	list := must(w, dynamodbstreams.ListStreams, dynamodbstreams.ListStreamsInput{TableName: str("tab"), Limit: wire.Some(int32(1))})
	if len(list.Streams) != 1 || list.LastEvaluatedStreamArn.V != arn {
		t.Errorf("%+v", list)
	}
	list = must(w, dynamodbstreams.ListStreams, dynamodbstreams.ListStreamsInput{TableName: str("tab"), ExclusiveStartStreamArn: list.LastEvaluatedStreamArn})
	if len(list.Streams) != 1 || list.Streams[0].StreamArn.V != second || list.LastEvaluatedStreamArn.Set {
		t.Errorf("%+v", list)
	}
	w.now = w.now.Add(streamLife + time.Minute)
	_, err = do(w, w.root, dynamodbstreams.DescribeStream, dynamodbstreams.DescribeStreamInput{StreamArn: str(arn)})
	w.refused(err, "ResourceNotFoundException", "Requested resource not found: Stream: "+arn+" not found")
	for range 2 {
		if err := w.s.Work(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	w.empty("tables.change", "tables.counter", "tables.shard", "tables.stream", "tables.log")
}

// empty checks that no row of some kinds is left, of any account.
func (w *world) empty(kinds ...string) {
	w.t.Helper()
	err := w.s.db.View(w.t.Context(), func(tx *kv.Tx) error {
		return tx.Scan(kv.Range{}, func(k kv.Key, _ []byte) bool {
			if parts, err := k.Parts(); err != nil || slices.Contains(kinds, parts[2].(string)) {
				w.t.Errorf("left: %v %v", parts, err)
			}
			return true
		})
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func TestIterators(t *testing.T) {
	w := newWorld(t)
	arn := w.streamed("tab", "a:S", "NEW_IMAGE")
	for i := range 5 {
		w.put("tab", fmt.Sprintf("{'a':{'S':'k'},'v':{'N':'%d'}}", i))
		w.now = w.now.Add(time.Minute)
	}
	all := w.records(arn)
	shard := ""
	for _, sh := range w.shards(arn) {
		if out := must(w, dynamodbstreams.GetRecords, dynamodbstreams.GetRecordsInput{ShardIterator: str(w.iterator(arn, sh.ShardId.V, "TRIM_HORIZON", ""))}); len(out.Records) == 5 {
			shard = sh.ShardId.V
		}
	}
	seq := func(i int) string { return all[i].Dynamodb.SequenceNumber.V }
	read := func(it string, limit int32) string {
		in := dynamodbstreams.GetRecordsInput{ShardIterator: str(it)}
		if limit > 0 {
			in.Limit = wire.Some(limit)
		}
		s := ""
		for _, r := range must(w, dynamodbstreams.GetRecords, in).Records {
			s += r.Dynamodb.NewImage.Get("v").Str
		}
		return s
	}
	latest := w.iterator(arn, shard, "LATEST", "")
	for _, c := range []struct{ it, want string }{
		{w.iterator(arn, shard, "TRIM_HORIZON", ""), "01234"}, {w.iterator(arn, shard, "AT_SEQUENCE_NUMBER", seq(2)), "234"},
		{w.iterator(arn, shard, "AFTER_SEQUENCE_NUMBER", seq(2)), "34"}, {latest, ""}, {w.iterator(arn, shard, "AFTER_SEQUENCE_NUMBER", seq(4)), ""},
	} {
		if got := read(c.it, 0); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
	in := dynamodbstreams.GetShardIteratorInput{StreamArn: str(arn), ShardId: str(shard), ShardIteratorType: str("AT_TIMESTAMP"), Timestamp: wire.Some(w.now.Add(-130 * time.Second))}
	if got := read(must(w, dynamodbstreams.GetShardIterator, in).ShardIterator.V, 1); got != "3" {
		t.Errorf("at a time: %q", got)
	}
	w.put("tab", "{'a':{'S':'k'},'v':{'N':'9'}}")
	if got := read(latest, 0); got != "9" {
		t.Errorf("latest: %q", got)
	}
	w.refusesIterators(arn, shard, latest, seq)
}

func (w *world) refusesIterators(arn, shard, latest string, seq func(int) string) {
	get := func(it string) error {
		_, err := do(w, w.root, dynamodbstreams.GetRecords, dynamodbstreams.GetRecordsInput{ShardIterator: str(it)})
		return err
	}
	start := func(kind, shard, seq string) error {
		in := dynamodbstreams.GetShardIteratorInput{StreamArn: str(arn), ShardId: str(shard), ShardIteratorType: str(kind)}
		if seq != "" {
			in.SequenceNumber = str(seq)
		}
		_, err := do(w, w.root, dynamodbstreams.GetShardIterator, in)
		return err
	}
	flipped := []byte(latest)
	flipped[20] ^= 1
	w.refused(get(string(flipped)), "ValidationException", "Invalid ShardIterator")
	w.refused(get("?"), "ValidationException", "Invalid ShardIterator")
	w.refused(start("AT_SEQUENCE_NUMBER", shard, "1000000000000000099000001"), "ValidationException", "Invalid SequenceNumber")
	w.refused(start("AT_SEQUENCE_NUMBER", shard, ""), "ValidationException", "SequenceNumber must be specified when the ShardIteratorType is AT_SEQUENCE_NUMBER")
	w.refused(start("LATEST", "shardId-00000000000000000009-abcdef01", ""), "ResourceNotFoundException", "")
	w.refused(start("LATEST", shard, seq(1)), "ValidationException", "SequenceNumber must not be specified when the ShardIteratorType is LATEST")
	w.now = w.now.Add(iteratorLife + time.Second)
	w.refused(get(latest), "ExpiredIteratorException", "")
	w.now = w.now.Add(streamLife)
	w.tells(arn) // no longer shown, whoever has swept or not
	if err := w.s.Work(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	w.refused(start("AT_SEQUENCE_NUMBER", shard, seq(1)), "TrimmedDataAccessException", "")
	w.tells(arn)
	w.empty("tables.change")
	w.put("tab", "{'a':{'S':'k'},'v':{'S':'after'}}")
}

// TestStreamPolicies: rights are on the stream, and an iterator gives none.
func TestStreamPolicies(t *testing.T) {
	w := newWorld(t)
	arn, other := w.streamed("mine", "a:S", "KEYS_ONLY"), w.streamed("other", "a:S", "KEYS_ONLY")
	reader := w.under(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["dynamodb:GetRecords","dynamodb:GetShardIterator","dynamodb:DescribeStream","dynamodb:ListStreams"],"Resource":"arn:aws:dynamodb:*:*:table/mine/stream/*"}}`)
	for arn, allowed := range map[string]bool{arn: true, other: false} {
		shard := w.shards(arn)[0].ShardId.V
		_, described := do(w, reader, dynamodbstreams.DescribeStream, dynamodbstreams.DescribeStreamInput{StreamArn: str(arn)})
		_, begun := do(w, reader, dynamodbstreams.GetShardIterator, dynamodbstreams.GetShardIteratorInput{StreamArn: str(arn), ShardId: str(shard), ShardIteratorType: str("LATEST")})
		_, read := do(w, reader, dynamodbstreams.GetRecords, dynamodbstreams.GetRecordsInput{ShardIterator: str(w.iterator(arn, shard, "LATEST", ""))})
		for _, err := range []error{described, begun, read} {
			if allowed != (err == nil) {
				t.Errorf("%s: %v", arn, err)
			}
			if !allowed {
				w.refused(err, "AccessDenied", "")
			}
		}
	}
	_, err := do(w, reader, dynamodbstreams.ListStreams, dynamodbstreams.ListStreamsInput{})
	w.refused(err, "AccessDenied", "")
	if _, err := do(w, reader, dynamodbstreams.ListStreams, dynamodbstreams.ListStreamsInput{TableName: str("mine")}); err != nil {
		t.Error(err)
	}
}

// TestLargeChanges: two images of the largest items do not fit in one value, nor batches of them in one transaction.
func TestLargeChanges(t *testing.T) {
	w := newWorld(t)
	arn := w.streamed("tab", "a:S", "NEW_AND_OLD_IMAGES")
	var numbers []string // about twice as long as AWS counts
	for i := range 17_000 {
		numbers = append(numbers, fmt.Sprintf("'1.%037d'", i+1))
	}
	big := "{'a':{'S':'%d'},'s':{'NS':[" + strings.Join(numbers, ",") + "]}}"
	for round := range 2 {
		var puts []dynamodb.WriteRequest
		for i := range 12 {
			it := doc(fmt.Sprintf(big, i))
			it = append(it, item.Attribute{Name: "r", Value: item.Number(fmt.Sprint(round))})
			puts = append(puts, dynamodb.WriteRequest{PutRequest: &dynamodb.PutRequest{Item: it}})
		}
		must(w, dynamodb.BatchWriteItem, dynamodb.BatchWriteItemInput{RequestItems: map[string][]dynamodb.WriteRequest{"tab": puts}})
	}
	modified := 0
	for _, r := range w.records(arn) {
		if r.EventName.V == "MODIFY" && len(r.Dynamodb.OldImage) == 3 && len(r.Dynamodb.NewImage) == 3 {
			modified++
		}
	}
	if modified != 12 {
		t.Errorf("%d", modified)
	}
}

// TestStreamUnderLoad: writers and splits race, while a reader follows. Every change is seen exactly once, each item's in
// order, and no record shows up below one that was read before.
func TestStreamUnderLoad(t *testing.T) {
	engines := map[string]func(t *testing.T) *kv.DB{
		"memkv": func(*testing.T) *kv.DB { return kv.New(memkv.New()) },
		"pebblekv": func(t *testing.T) *kv.DB {
			e, err := pebblekv.Open(t.TempDir(), pebblekv.Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { e.Close() })
			return kv.New(e)
		},
	}
	for name, open := range engines {
		t.Run(name, func(t *testing.T) { streamUnderLoad(t, open(t)) })
	}
}

func streamUnderLoad(t *testing.T, db *kv.DB) {
	const writers, writes, keys = 16, 60, 8
	w := worldOn(t, db)
	arn := w.streamed("tab", "a:S", "NEW_AND_OLD_IMAGES")
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	var wg sync.WaitGroup
	var running atomic.Int32
	running.Store(writers)
	for i := range writers {
		r := rand.New(rand.NewPCG(seed, uint64(i)))
		wg.Go(func() {
			defer running.Add(-1)
			for range writes {
				if _, err := do(w, w.root, dynamodb.UpdateItem, dynamodb.UpdateItemInput{TableName: str("tab"), Key: doc(fmt.Sprintf("{'a':{'S':'%d'}}", r.IntN(keys))),
					UpdateExpression: str("ADD n :one"), ExpressionAttributeValues: doc("{':one':{'N':'1'}}")}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Go(func() { // shards split all the while
		for n := int64(1); running.Load() > 0; n++ {
			err := w.s.settle(t.Context(), w.definition("tab"), func(tx *kv.Tx, now *table) error {
				if err := now.split(tx, now.Log[n%int64(len(now.Log))].ID, w.now); err != nil {
					return err
				}
				return now.save(tx)
			})
			if err != nil {
				t.Error(err)
			}
			time.Sleep(time.Millisecond)
		}
	})
	f := follower{w: w, arn: arn, next: map[string]wire.Opt[string]{}, counts: map[string]string{}, seen: map[string]bool{}}
	for running.Load() > 0 {
		f.follow()
	}
	wg.Wait()
	for f.follow() > 0 {
	}
	if f.total != writers*writes {
		t.Errorf("%d records of %d writes", f.total, writers*writes)
	}
}

func (w *world) definition(name string) (t *table) {
	err := w.s.db.View(w.t.Context(), func(tx *kv.Tx) (err error) {
		t, err = w.s.load(tx, record.In(account, region), name)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return t
}

// follower reads a stream as the Kinesis Client Library does: a shard after its parent is done, each from where it was.
type follower struct {
	w      *world
	arn    string
	next   map[string]wire.Opt[string] // by shard; not set: done
	counts map[string]string           // by item
	seen   map[string]bool
	total  int
}

func (f *follower) follow() (n int) {
	for _, sh := range f.w.shards(f.arn) {
		id := sh.ShardId.V
		if parent, known := f.next[sh.ParentShardId.V]; sh.ParentShardId.Set && (!known || parent.Set) {
			continue
		}
		it, begun := f.next[id]
		if !begun {
			it = str(f.w.iterator(f.arn, id, "TRIM_HORIZON", ""))
		}
		if it.Set {
			out := must(f.w, dynamodbstreams.GetRecords, dynamodbstreams.GetRecordsInput{ShardIterator: it})
			f.next[id] = out.NextShardIterator
			for _, r := range out.Records {
				f.take(r)
			}
			if n += len(out.Records); !out.NextShardIterator.Set {
				n++ // its children are next
			}
		}
	}
	return n
}

func (f *follower) take(r dynamodbstreams.Record) {
	f.total++
	key, old := r.Dynamodb.Keys.Get("a").Str, ""
	if v := r.Dynamodb.OldImage.Get("n"); v != nil {
		old = v.Str
	}
	if f.counts[key] != old || f.seen[r.Dynamodb.SequenceNumber.V] || f.seen[r.EventID.V] {
		f.w.t.Errorf("item %s was %q, record says %q → %s", key, f.counts[key], old, show(r.Dynamodb.NewImage))
	}
	f.counts[key] = r.Dynamodb.NewImage.Get("n").Str
	f.seen[r.Dynamodb.SequenceNumber.V], f.seen[r.EventID.V] = true, true
}

// TestBusyShardsSplit: a shard that grows fast is split, and its children say whose they are.
func TestBusyShardsSplit(t *testing.T) {
	w := newWorld(t)
	arn := w.streamed("tab", "a:S", "NEW_IMAGE")
	before := w.shards(arn)
	for i := range 2 {
		if err := w.s.Work(t.Context()); err != nil {
			t.Fatal(err)
		}
		for n := range 10 {
			w.put("tab", fmt.Sprintf("{'a':{'S':'hot'},'n':{'N':'%d'}}", 10*i+n))
		}
		w.now = w.now.Add(10 * time.Millisecond)
	}
	after := w.shards(arn)
	if len(before) != firstShards || len(after) != firstShards+2 {
		t.Fatalf("%d shards, then %d", len(before), len(after))
	}
	parent := after[len(after)-1].ParentShardId
	if !parent.Set || after[len(after)-2].ParentShardId != parent {
		t.Errorf("%+v", after)
	}
	children := must(w, dynamodbstreams.DescribeStream, dynamodbstreams.DescribeStreamInput{StreamArn: str(arn), ShardFilter: &dynamodbstreams.ShardFilter{Type: str("CHILD_SHARDS"), ShardId: parent}}).StreamDescription.Shards
	if len(children) != 2 {
		t.Errorf("children %+v", children)
	}
	page := must(w, dynamodbstreams.DescribeStream, dynamodbstreams.DescribeStreamInput{StreamArn: str(arn), Limit: wire.Some(int32(4))}).StreamDescription
	rest := must(w, dynamodbstreams.DescribeStream, dynamodbstreams.DescribeStreamInput{StreamArn: str(arn), ExclusiveStartShardId: page.LastEvaluatedShardId}).StreamDescription
	if len(page.Shards) != 4 || len(rest.Shards) != 2 || rest.LastEvaluatedShardId.Set {
		t.Errorf("%d and %d", len(page.Shards), len(rest.Shards))
	}
	none := must(w, dynamodbstreams.DescribeStream, dynamodbstreams.DescribeStreamInput{StreamArn: str(arn), ExclusiveStartShardId: str("zzzzzzzzzzzzzzzzzzzzzzzzzzzzz")}).StreamDescription
	if len(none.Shards) != 0 {
		t.Errorf("%+v", none)
	}
	_, err := do(w, w.root, dynamodbstreams.DescribeStream, dynamodbstreams.DescribeStreamInput{StreamArn: str(arn), Limit: wire.Some(int32(101))})
	w.refused(err, "ValidationException", "1 validation error detected: Value '101' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 100")
	_, err = do(w, w.root, dynamodbstreams.ListStreams, dynamodbstreams.ListStreamsInput{Limit: wire.Some(int32(101))})
	w.refused(err, "ValidationException", "")
	if all := w.records(arn); len(all) != 20 || all[19].Dynamodb.NewImage.Get("n").Str != "19" {
		t.Errorf("%d records", len(all))
	}
}

// TestLargeExpiry: items that expire together may be more than fits in one transaction with what the log keeps of them.
func TestLargeExpiry(t *testing.T) {
	w := newWorld(t)
	arn := w.streamed("tab", "a:S", "OLD_IMAGE")
	must(w, dynamodb.UpdateTimeToLive, dynamodb.UpdateTimeToLiveInput{TableName: str("tab"), TimeToLiveSpecification: &dynamodb.TimeToLiveSpecification{Enabled: wire.Some(true), AttributeName: str("t")}})
	for i := range 50 {
		w.put("tab", fmt.Sprintf("{'a':{'S':'%d'},'t':{'N':'%d'},'x':{'S':'%s'}}", i, w.now.Unix(), strings.Repeat("x", 390_000)))
	}
	w.now = w.now.Add(time.Second)
	if err := w.s.Expire(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n, all := len(w.content("tab")), w.records(arn); n != 0 || len(all) != 100 {
		t.Errorf("%d items are left, %d records", n, len(all))
	}
}
