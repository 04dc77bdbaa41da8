package functions

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"bothy/kv"
)

const streamARN = "arn:aws:dynamodb:us-east-1:123456789012:table/t/stream/2026-01-01T00:00:00.000"

// fakeStreams are one stream: shards of numbered records.
type fakeStreams struct {
	mu     sync.Mutex
	shards []StreamShard             // guarded by mu, as what follows
	rows   map[string][]StreamRecord // by shard; numbered from 1
	closed map[string]bool
	denied bool
	kept   []string
}

func (f *fakeStreams) add(shard, parent string, closed bool, records ...StreamRecord) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.rows == nil {
		f.rows, f.closed = map[string][]StreamRecord{}, map[string]bool{}
	}
	if _, have := f.rows[shard]; !have {
		f.shards = append(f.shards, StreamShard{shard, parent})
	}
	f.closed[shard] = closed
	for _, r := range records {
		r.Sequence = fmt.Sprintf("%s%d", shard, len(f.rows[shard])+1)
		r.Event = fmt.Appendf(nil, `{"seq":%q,"item":%q,"kind":%s}`, r.Sequence, r.Item, string(r.Event))
		f.rows[shard] = append(f.rows[shard], r)
	}
}

func (f *fakeStreams) may(as Reader, stream string) error {
	switch {
	case f.denied || as.Role != role:
		return fmt.Errorf("%w: role %s", ErrStreamDenied, as.Role)
	case stream != streamARN:
		return ErrStreamMissing
	}
	return nil
}

func (f *fakeStreams) Shards(_ context.Context, as Reader, stream string) ([]StreamShard, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.shards), f.may(as, stream)
}

func (f *fakeStreams) Iterator(_ context.Context, as Reader, stream, shard string, from StreamStart) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	next := 0
	if from.After != "" {
		next = slices.IndexFunc(f.rows[shard], func(r StreamRecord) bool { return r.Sequence == from.After }) + 1
	}
	for !from.At.IsZero() && next < len(f.rows[shard]) && f.rows[shard][next].At.Before(from.At) {
		next++
	}
	return fmt.Sprintf("%s/%d", shard, next), f.may(as, stream)
}

func (f *fakeStreams) Records(_ context.Context, as Reader, stream, iterator string, limit int) ([]StreamRecord, string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	shard, digits, _ := strings.Cut(iterator, "/")
	n, err := strconv.Atoi(digits)
	if err != nil {
		return nil, "", err
	}
	all := f.rows[shard]
	end := min(n+limit, len(all))
	next := fmt.Sprintf("%s/%d", shard, end)
	if f.closed[shard] && end == len(all) {
		next = ""
	}
	return slices.Clone(all[n:end]), next, f.may(as, stream)
}

func (f *fakeStreams) Keep(_ context.Context, _ Reader, bucket, key string, body []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.kept = append(f.kept, bucket+"/"+key+" "+string(body))
	return nil
}

// sink is where the function of these tests tells what it got, and is told what to answer.
type sink struct {
	*httptest.Server
	mu      sync.Mutex
	got     []string                    // sequence numbers of a batch, joined; guarded by mu
	answers func(batch []string) string // JSON to return, or "!" to fail; guarded by mu
}

func newSink(t *testing.T) *sink {
	s := &sink{answers: func([]string) string { return "null" }}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var event struct{ Records []struct{ Seq string } }
		if err := json.NewDecoder(r.Body).Decode(&event); err != nil {
			t.Error(err)
		}
		var batch []string
		for _, r := range event.Records {
			batch = append(batch, r.Seq)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.got = append(s.got, strings.Join(batch, " "))
		io.WriteString(w, s.answers(batch)) //nolint:errcheck // the function would tell
	}))
	t.Cleanup(s.Close)
	return s
}

const telling = `exports.handler = event => new Promise((ok, no) => {
  const r = require('http').request('SINK', { method: 'POST' }, res => {
    let b = ''; res.on('data', c => b += c); res.on('end', () => b === '!' ? no(new Error('told to')) : ok(JSON.parse(b)))
  })
  r.end(JSON.stringify(event))
})`

// mapped is a world with a function that tells a sink, and the mapping work running.
func mapped(t *testing.T) (*world, *sink) {
	w, s := newWorld(t, ""), newSink(t)
	w.create(t, "f", strings.Replace(telling, "SINK", s.URL, 1))
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { w.workMappings(ctx) })
	t.Cleanup(func() { stop(); wg.Wait() })
	return w, s
}

func (w *world) mapping(t *testing.T, change func(*sdk.CreateEventSourceMappingInput)) string {
	t.Helper()
	in := &sdk.CreateEventSourceMappingInput{FunctionName: aws.String("f"), EventSourceArn: aws.String(streamARN), StartingPosition: types.EventSourcePositionTrimHorizon, BatchSize: aws.Int32(3)}
	if change != nil {
		change(in)
	}
	out, err := w.root().CreateEventSourceMapping(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return *out.UUID
}

// await waits until the sink got what is wanted.
func (s *sink) await(t *testing.T, want ...string) {
	t.Helper()
	eventually(t, func() error {
		s.mu.Lock()
		defer s.mu.Unlock()
		if !slices.Equal(s.got, want) {
			return fmt.Errorf("got %q, want %q", s.got, want)
		}
		return nil
	})
}

func eventually(t *testing.T, ok func() error) {
	t.Helper()
	for until := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		err := ok()
		if err == nil {
			return
		}
		if time.Now().After(until) {
			t.Fatal(err)
		}
	}
}

// done waits until a shard is processed to a record.
func (w *world) done(t *testing.T, id, shard, after string) {
	t.Helper()
	eventually(t, func() error {
		return w.cfg.DB.View(t.Context(), func(tx *kv.Tx) error {
			p, err := placeTable.Get(tx, ref{account: account, region: region}.scope(), id, shard)
			if err == nil && p.After != after {
				err = errors.New(p.After)
			}
			return err
		})
	})
}

func items(names ...string) (records []StreamRecord) {
	for _, n := range names {
		records = append(records, StreamRecord{Item: n, At: time.Now(), Event: []byte(`"x"`)})
	}
	return records
}

func TestMappingOrder(t *testing.T) {
	w, s := mapped(t)
	w.streams.add("p", "", true, items("1", "2", "3", "4")...)
	w.streams.add("c", "p", false, items("5")...)
	fails := 2
	s.answers = func(batch []string) string { // the first batch fails twice, and nothing overtakes it
		if batch[0] == "p1" && fails > 0 {
			fails--
			return "!"
		}
		return "null"
	}
	id := w.mapping(t, nil)
	s.await(t, "p1 p2 p3", "p1 p2 p3", "p1 p2 p3", "p4", "c1")
	w.done(t, id, "c", "c1")
	w.streams.add("c", "p", false, items("6")...)
	s.await(t, "p1 p2 p3", "p1 p2 p3", "p1 p2 p3", "p4", "c1", "c2")
}

func TestMappingFailures(t *testing.T) {
	w, s := mapped(t)
	w.streams.add("p", "", false, items("1", "2", "3", "4")...)
	s.answers = func(batch []string) string {
		if slices.Contains(batch, "p3") {
			return "!"
		}
		return "{}"
	}
	id := w.mapping(t, func(in *sdk.CreateEventSourceMappingInput) {
		in.BatchSize, in.BisectBatchOnFunctionError, in.MaximumRetryAttempts = aws.Int32(4), aws.Bool(true), aws.Int32(1)
		in.DestinationConfig = &types.DestinationConfig{OnFailure: &types.OnFailure{Destination: aws.String("arn:aws:s3:::lost")}}
	})
	s.await(t, "p1 p2 p3 p4", "p1 p2", "p3 p4", "p3", "p3", "p4")
	w.done(t, id, "p", "p4")
	if len(w.streams.kept) != 1 || !strings.HasPrefix(w.streams.kept[0], "lost/aws/lambda/"+id+"/p/") || !strings.Contains(w.streams.kept[0], `"condition":"RetryAttemptsExhausted"`) ||
		!strings.Contains(w.streams.kept[0], `"startSequenceNumber":"p3"`) {
		t.Errorf("%q", w.streams.kept)
	}
	got, err := w.root().GetEventSourceMapping(t.Context(), &sdk.GetEventSourceMappingInput{UUID: &id})
	if err != nil || *got.State != "Enabled" || *got.LastProcessingResult != "OK" {
		t.Errorf("%+v %v", got, err)
	}
}

func TestMappingReports(t *testing.T) {
	w, s := mapped(t)
	w.streams.add("p", "", false, items("1", "2", "3", "4")...)
	s.answers = func(batch []string) string {
		if slices.Contains(batch, "p1") {
			return `{"batchItemFailures":[{"itemIdentifier":"p4"},{"itemIdentifier":"p3"}]}`
		}
		return `{"batchItemFailures":[]}`
	}
	w.mapping(t, func(in *sdk.CreateEventSourceMappingInput) {
		in.BatchSize, in.FunctionResponseTypes = aws.Int32(4), []types.FunctionResponseType{types.FunctionResponseTypeReportBatchItemFailures}
	})
	s.await(t, "p1 p2 p3 p4", "p3 p4")
}

func TestReported(t *testing.T) {
	batch := []StreamRecord{{Sequence: "1"}, {Sequence: "2"}}
	for payload, want := range map[string]string{
		"": "2 false", "null": "2 false", `""`: "2 false", "{}": "2 false", `{"batchItemFailures":null}`: "2 false", `{"batchItemFailures":[{"itemIdentifier":"2"}]}`: "1 true",
		`{"batchItemFailures":[{"itemIdentifier":"9"}]}`: "0 true", `{"batchItemFailures":[{"itemIdentifier":""}]}`: "0 true", `{"batchItemFailures":[{}]}`: "0 true", `"text"`: "0 true", "[1]": "0 true",
	} {
		if done, failed := reported([]byte(payload), batch); fmt.Sprint(done, failed) != want {
			t.Errorf("%s: %d %v", payload, done, failed)
		}
	}
}

func TestMappingFiltersAndLanes(t *testing.T) {
	w, s := mapped(t)
	for i := range 12 {
		kind := `"skip"`
		if i%2 == 0 {
			kind = `"take"`
		}
		w.streams.add("p", "", false, StreamRecord{Item: fmt.Sprint(i / 4), At: time.Now(), Event: []byte(kind)})
	}
	id := w.mapping(t, func(in *sdk.CreateEventSourceMappingInput) {
		in.ParallelizationFactor = aws.Int32(4)
		in.FilterCriteria = &types.FilterCriteria{Filters: []types.Filter{{Pattern: aws.String(`{"kind":["take"]}`)}}}
	})
	w.done(t, id, "p", "p12")
	s.mu.Lock()
	defer s.mu.Unlock()
	all := strings.Fields(strings.Join(s.got, " "))
	order := func(a, b string) bool {
		return slices.Index(all, a) >= 0 && slices.Index(all, a) < slices.Index(all, b)
	}
	if len(all) != 6 || !order("p1", "p3") || !order("p5", "p7") || !order("p9", "p11") {
		t.Errorf("%q", s.got)
	}
}

// TestMappingTakenOver: what a node that died had not noted as done comes again, once its lease is over.
func TestMappingTakenOver(t *testing.T) {
	w, s := newWorld(t, ""), newSink(t)
	w.create(t, "f", strings.Replace(telling, "SINK", s.URL, 1))
	w.streams.add("p", "", false, items("1")...)
	id := w.mapping(t, nil)
	dead := &worker{s: w.Service, at: ref{account: account, region: region}.scope(), owner: "dead"}
	if err := dead.take(t.Context(), id); err != nil || dead.m == nil {
		t.Fatal(err)
	}
	second := &worker{s: w.Service, at: dead.at, owner: "second"}
	if err := second.take(t.Context(), id); err != nil || second.m != nil {
		t.Fatalf("two at work: %v", err)
	}
	w.now = w.now.Add(workLease + time.Second)
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { w.workMappings(ctx) })
	s.await(t, "p1")
	w.done(t, id, "p", "p1")
	b := &batcher{worker: dead, shard: "p", place: placeRow{ID: id, Shard: "p", After: "p9"}}
	if err := b.advance(t.Context()); !errors.Is(err, errLeaseLost) {
		t.Errorf("the dead one goes on: %v", err)
	}
	stop()
	wg.Wait()
}

func TestMappingAPI(t *testing.T) {
	w, s := mapped(t)
	w.streams.add("p", "", false, items("old")...)
	id := w.mapping(t, func(in *sdk.CreateEventSourceMappingInput) {
		in.StartingPosition, in.Enabled = types.EventSourcePositionLatest, aws.Bool(false)
	})
	list, err := w.root().ListEventSourceMappings(t.Context(), &sdk.ListEventSourceMappingsInput{FunctionName: aws.String("f")})
	if err != nil || len(list.EventSourceMappings) != 1 || *list.EventSourceMappings[0].State != "Disabled" || *list.EventSourceMappings[0].BatchSize != 3 || *list.EventSourceMappings[0].MaximumRetryAttempts != -1 {
		t.Fatalf("%+v %v", list, err)
	}
	w.streams.add("p", "", false, items("new")...) // after the mapping was made: it is not lost
	up, err := w.root().UpdateEventSourceMapping(t.Context(), &sdk.UpdateEventSourceMappingInput{UUID: &id, Enabled: aws.Bool(true)})
	if err != nil || *up.State != "Enabling" {
		t.Fatalf("%+v %v", up, err)
	}
	s.await(t, "p2")
	w.done(t, id, "p", "p2")
	gone, err := w.root().DeleteEventSourceMapping(t.Context(), &sdk.DeleteEventSourceMappingInput{UUID: &id})
	if err != nil || *gone.State != "Deleting" {
		t.Fatalf("%+v %v", gone, err)
	}
	var missing *types.ResourceNotFoundException
	if _, err := w.root().GetEventSourceMapping(t.Context(), &sdk.GetEventSourceMappingInput{UUID: &id}); !errors.As(err, &missing) {
		t.Error(err)
	}
	w.refusesMappings(t)
}

func (w *world) refusesMappings(t *testing.T) {
	for want, change := range map[string]func(in *sdk.CreateEventSourceMappingInput){
		"Stream not found": func(in *sdk.CreateEventSourceMappingInput) { in.EventSourceArn = aws.String(streamARN + "0") },
		"event sources other than": func(in *sdk.CreateEventSourceMappingInput) {
			in.EventSourceArn = aws.String("arn:aws:sqs:us-east-1:123456789012:q")
		},
		"TumblingWindowInSeconds": func(in *sdk.CreateEventSourceMappingInput) { in.TumblingWindowInSeconds = aws.Int32(30) },
		"destinations other than": func(in *sdk.CreateEventSourceMappingInput) {
			in.DestinationConfig = &types.DestinationConfig{OnFailure: &types.OnFailure{Destination: aws.String("arn:aws:sqs:us-east-1:123456789012:q")}}
		},
		"Invalid filter pattern": func(in *sdk.CreateEventSourceMappingInput) {
			in.FilterCriteria = &types.FilterCriteria{Filters: []types.Filter{{Pattern: aws.String(`{"a":1}`)}}}
		},
		"maximumRecordAgeInSeconds": func(in *sdk.CreateEventSourceMappingInput) { in.MaximumRecordAgeInSeconds = aws.Int32(5) },
		"startingPosition":          func(in *sdk.CreateEventSourceMappingInput) { in.StartingPosition = "" },
		"Function not found":        func(in *sdk.CreateEventSourceMappingInput) { in.FunctionName = aws.String("none") },
	} {
		in := &sdk.CreateEventSourceMappingInput{FunctionName: aws.String("f"), EventSourceArn: aws.String(streamARN), StartingPosition: types.EventSourcePositionLatest}
		change(in)
		if _, err := w.root().CreateEventSourceMapping(t.Context(), in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	w.streams.mu.Lock()
	w.streams.denied = true
	w.streams.mu.Unlock()
	_, err := w.root().CreateEventSourceMapping(t.Context(), &sdk.CreateEventSourceMappingInput{FunctionName: aws.String("f"), EventSourceArn: aws.String(streamARN), StartingPosition: types.EventSourcePositionLatest})
	if err == nil || !strings.Contains(err.Error(), "Please ensure the role can perform the GetRecords") {
		t.Error(err)
	}
}

func TestPatterns(t *testing.T) {
	event := `{"eventName":"INSERT","dynamodb":{"NewImage":{"kind":{"S":"note"},"n":{"N":"5"},"tags":{"SS":["a","b"]}},"size":12,"none":null}}`
	for text, want := range map[string]bool{
		`{"eventName":["INSERT","MODIFY"]}`: true, `{"eventName":["REMOVE"]}`: false, `{"dynamodb":{"NewImage":{"kind":{"S":["note"]}}}}`: true,
		`{"dynamodb":{"NewImage":{"kind":{"S":[{"prefix":"no"}]},"n":{"N":["5"]}}}}`: true, `{"dynamodb":{"NewImage":{"kind":{"S":[{"suffix":"x"}]}}}}`: false,
		`{"dynamodb":{"size":[{"numeric":[">",10,"<=",12]}]}}`: true, `{"dynamodb":{"size":[{"numeric":["=",11]}]}}`: false, `{"dynamodb":{"size":[12.0]}}`: true,
		`{"dynamodb":{"OldImage":[{"exists":false}]}}`: true, `{"dynamodb":{"NewImage":{"kind":{"S":[{"exists":true}]}}}}`: true, `{"dynamodb":{"none":[null]}}`: true, `{"dynamodb":{"gone":[null]}}`: false,
		`{"eventName":[{"anything-but":["REMOVE"]}]}`: true, `{"eventName":[{"anything-but":{"prefix":"INS"}}]}`: false, `{"gone":[{"anything-but":"x"}]}`: false, `{"eventName":[{"equals-ignore-case":"insert"}]}`: true,
		`{"dynamodb":{"NewImage":{"tags":{"SS":["b"]}}}}`: true, `{"$or":[{"eventName":["REMOVE"]},{"dynamodb":{"size":[12]}}]}`: true, `{"eventName":["INSERT"],"$or":[{"a":["b"]},{"c":["d"]}]}`: false,
	} {
		p, err := parsePattern(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := passes([]*pattern{p}, []byte(event)); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
	for _, text := range []string{"", "[]", "{}", `{"a":1}`, `{"a":[]}`, `{"a":{}}`, `{"a":[{"no":1}]}`, `{"a":[{"numeric":["~",1]}]}`, `{"a":[[1]]}`, `{"a":["b"]} x`, `{"a":[{"prefix":1}]}`, `{"a":[{"anything-but":{"exists":true}}]}`} {
		if _, err := parsePattern(text); err == nil {
			t.Errorf("%s passes", text)
		}
	}
}

func FuzzPatterns(f *testing.F) {
	f.Add(`{"a":[{"numeric":[">",10]},{"prefix":"x"},null]}`, `{"a":11}`)
	f.Add(`{"$or":[{"a":{"b":[1]}},{"c":[{"anything-but":["x",1]}]}]}`, `{"a":[{"b":1}],"c":"y"}`)
	f.Fuzz(func(t *testing.T, text, event string) {
		if p, err := parsePattern(text); err == nil {
			passes([]*pattern{p}, []byte(event))
		}
	})
}
