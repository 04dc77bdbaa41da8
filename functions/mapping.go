package functions

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

// Streams reads streams of changes with the rights of the role of the function that is to get them.
type Streams interface {
	// Shards are a stream's, parents before children.
	Shards(ctx context.Context, as Reader, stream string) ([]StreamShard, error)
	// Iterator begins to read a shard.
	Iterator(ctx context.Context, as Reader, stream, shard string, from StreamStart) (string, error)
	// Records reads on; next is "" after the last record of a shard that is closed. It is asked often, and mostly in vain.
	Records(ctx context.Context, as Reader, stream, iterator string, limit int) (records []StreamRecord, next string, err error)
	// Keep stores what a function could not process in a bucket.
	Keep(ctx context.Context, as Reader, bucket, key string, body []byte) error
}

// Reader is the function on whose behalf a stream is read.
type Reader struct{ Role, Function, Region string }

// StreamShard is a share of a stream.
type StreamShard struct{ ID, Parent string }

// StreamStart is where reading begins: after a record, at a time, or with the oldest record when it is zero.
type StreamStart struct {
	After string
	At    time.Time
}

// StreamRecord is one change as functions get it.
type StreamRecord struct {
	Sequence string
	Item     string // what must stay in order
	At       time.Time
	Event    []byte // JSON
}

// Errors of Streams; others pass by themselves.
var (
	ErrStreamMissing = errors.New("functions: no such stream")
	ErrStreamDenied  = errors.New("functions: the function's role may not read the stream")
	ErrStreamTrimmed = errors.New("functions: the place in the stream is no longer kept")
)

// mapping makes a function get what happens in a stream.
type mapping struct {
	ID              string
	Source          string // ARN of the stream
	Name, Qualifier string // of the function
	Enabled         bool
	BatchSize       int32
	Window          int32 // seconds to wait for a full batch
	Parallel        int32 // batches of a shard at a time
	Start           string
	Filters         []string
	Bisect          bool
	Report          bool   // the function says which records failed
	Retries, MaxAge int32  // -1: no end; seconds
	OnFailure       string `json:",omitempty"` // ARN of a bucket
	Created         time.Time
	Modified        time.Time
	Revision        string
}

// mappedRow lists the mappings of all accounts for who works on them.
type mappedRow struct{ Account, Region, ID string }

// workRow is who works on a mapping, and how it goes.
type workRow struct {
	ID     string
	Owner  string
	Until  time.Time // the lease of the owner
	Result string
}

// placeRow is how far a shard was processed.
type placeRow struct {
	ID, Shard string
	After     string // sequence number of the last record done; "" none yet
	Done      bool   // the shard is closed, and all of it is done
}

var (
	mappingTable = record.Table[mapping]{Name: "functions.mapping", Version: 1, Key: func(m *mapping) []any { return []any{m.ID} }}
	mappedTable  = record.Table[mappedRow]{Name: "functions.mapped", Version: 1, Key: func(m *mappedRow) []any { return []any{m.Account, m.Region, m.ID} }}
	workTable    = record.Table[workRow]{Name: "functions.work", Version: 1, Key: func(w *workRow) []any { return []any{w.ID} }}
	placeTable   = record.Table[placeRow]{Name: "functions.place", Version: 1, Key: func(p *placeRow) []any { return []any{p.ID, p.Shard} }}
)

const mappingTopic = "functions.mapping" // what wakes who works on mappings

func (m *mapping) ref(at record.Scope) ref {
	return ref{account: at.Account, region: at.Region, name: m.Name, qualifier: m.Qualifier}
}

func (m *mapping) arn(at record.Scope) string {
	return "arn:aws:lambda:" + at.Region + ":" + at.Account + ":event-source-mapping:" + m.ID
}

// patterns are the mapping's filters, which were checked when they were set.
func (m *mapping) patterns() (out []*pattern, err error) {
	for _, text := range m.Filters {
		p, err := parsePattern(text)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// putMapping stores a mapping, wakes who works on it and lists it for them.
func putMapping(tx *kv.Tx, at record.Scope, m *mapping) error {
	m.Revision = newRevision()
	if err := mappedTable.Put(tx, everywhere(), &mappedRow{at.Account, at.Region, m.ID}); err != nil {
		return err
	}
	if err := tx.Notify(mappingTopic); err != nil {
		return err
	}
	return mappingTable.Put(tx, at, m)
}

// dropMapping removes a mapping and all that goes with it.
func dropMapping(tx *kv.Tx, at record.Scope, id string) error {
	places, err := placeTable.All(tx, at, "", id)
	if err != nil {
		return err
	}
	for _, p := range places {
		if err := placeTable.Delete(tx, at, id, p.Shard); err != nil {
			return err
		}
	}
	errs := []error{workTable.Delete(tx, at, id), mappedTable.Delete(tx, everywhere(), at.Account, at.Region, id)}
	for _, err := range errs {
		if err != nil && !errors.Is(err, record.ErrNotFound) {
			return err
		}
	}
	if err := tx.Notify(mappingTopic); err != nil {
		return err
	}
	return mappingTable.Delete(tx, at, id)
}

func getMapping(tx *kv.Tx, at record.Scope, id string) (*mapping, error) {
	m, err := mappingTable.Get(tx, at, id)
	if errors.Is(err, record.ErrNotFound) {
		return nil, notFound("The resource you requested does not exist.")
	}
	return m, err
}

// failureRecord is what is kept of records that a function could not process, as AWS writes it.
type failureRecord struct {
	RequestContext struct {
		RequestID   string `json:"requestId"`
		FunctionARN string `json:"functionArn"`
		Condition   string `json:"condition"`
		Attempts    int    `json:"approximateInvokeCount"`
	} `json:"requestContext"`
	Response  *failureResponse `json:"responseContext,omitempty"`
	Version   string           `json:"version"`
	Timestamp string           `json:"timestamp"`
	Info      failureInfo      `json:"DDBStreamBatchInfo"`
	Payload   json.RawMessage  `json:"payload"`
}

type failureResponse struct {
	Status   int    `json:"statusCode"`
	Version  string `json:"executedVersion"`
	Function string `json:"functionError"`
}

type failureInfo struct {
	Shard string `json:"shardId"`
	First string `json:"startSequenceNumber"`
	Last  string `json:"endSequenceNumber"`
	From  string `json:"approximateArrivalOfFirstRecord"`
	To    string `json:"approximateArrivalOfLastRecord"`
	Size  int    `json:"batchSize"`
	ARN   string `json:"streamArn"`
}

// failure describes records given up.
func (b *batcher) failure(records []StreamRecord, condition string, attempts int, version string) ([]byte, error) {
	first, last := records[0], records[len(records)-1]
	f := failureRecord{Version: "1.0", Timestamp: b.s.cfg.Now().UTC().Format(failureTime), Payload: eventOf(records), Info: failureInfo{
		Shard: b.shard, First: first.Sequence, Last: last.Sequence, From: first.At.UTC().Format(failureTime), To: last.At.UTC().Format(failureTime),
		Size: len(records), ARN: b.m.Source,
	}}
	f.RequestContext.RequestID, f.RequestContext.FunctionARN = wire.NewUUID(), b.m.ref(b.at).arn()
	f.RequestContext.Condition, f.RequestContext.Attempts = condition, attempts
	if attempts > 0 {
		f.Response = &failureResponse{Status: 200, Version: version, Function: "Unhandled"}
	}
	return json.Marshal(f)
}

const failureTime = "2006-01-02T15:04:05.000Z"

// eventOf is a batch as a function gets it.
func eventOf(records []StreamRecord) []byte {
	b := []byte(`{"Records":[`)
	for i, r := range records {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, r.Event...)
	}
	return append(b, "]}"...)
}
