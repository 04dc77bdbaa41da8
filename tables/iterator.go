package tables

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"bothy/api/dynamodbstreams"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

// iteratorLife is how long a shard iterator is good for.
const iteratorLife = 15 * time.Minute

// iterator is a place in a shard. Clients get it sealed, so that none but ours is ever read.
type iterator struct {
	ARN     string
	Shard   int64
	Next    int64 // number of the change to be read
	Horizon bool  `json:",omitempty"` // or the oldest there is
	Made    time.Time
}

func iteratorPlace(at record.Scope) string {
	return "tables.iterator/" + at.Account + "/" + at.Region
}

func (s *Service) sealIterator(at record.Scope, it iterator) (wire.Opt[string], error) {
	plain, err := json.Marshal(it)
	if err != nil {
		return wire.Opt[string]{}, err
	}
	return wire.Some(it.ARN + iteratorMark + base64.RawURLEncoding.EncodeToString(s.sealer.Seal(iteratorPlace(at), plain))), nil
}

// iteratorMark is between the stream's ARN, with which iterators begin in AWS, too, and what is sealed: a command line would take
// for an option what begins with "-".
const iteratorMark = "|1|"

func (s *Service) openIterator(at record.Scope, text string) (it iterator, err error) {
	arn, code, _ := strings.Cut(text, iteratorMark)
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(code)
	if err != nil {
		return it, validation("Invalid ShardIterator")
	}
	plain, err := s.sealer.Open(iteratorPlace(at), sealed)
	if err != nil {
		return it, wire.Because(validation("Invalid ShardIterator"), "%v", err)
	}
	if err := json.Unmarshal(plain, &it); err != nil || it.ARN != arn {
		return it, wire.Because(validation("Invalid ShardIterator"), "of %s, not of %s", it.ARN, arn)
	}
	return it, nil
}

// News tells whether GetRecords with an iterator may have something to say: records, the end of the shard, a refusal, or only a
// fresh iterator now and then. Who reads a stream all the time asks it first: it costs little and leaves no trace.
func (s *Service) News(ctx context.Context, at record.Scope, text string) (news bool, err error) {
	it, err := s.openIterator(at, text)
	if err != nil || s.now().Sub(it.Made) > iteratorLife/2 {
		return true, nil
	}
	err = s.db.View(ctx, func(tx *kv.Tx) error {
		name, label, _ := parseStream(at, it.ARN)
		row, err := streamRows.Get(tx, at, name, label)
		if err != nil {
			return err
		}
		sh, err := shardRows.Get(tx, at, row.Table, it.Shard)
		if err != nil {
			return err
		}
		c, err := (&table{ID: row.Table, at: at}).counter(tx, it.Shard)
		news = !sh.Closed.IsZero() || c.last >= it.Next
		return err
	})
	if errors.Is(err, record.ErrNotFound) {
		return true, nil
	}
	return news, err
}

func accessShardIterator(c *wire.Call, in *dynamodbstreams.GetShardIteratorInput) ([]wire.Access, error) {
	return accessStream(c, "GetShardIterator", in.StreamArn.V)
}

func (s *Service) getShardIterator(c *wire.Call, in *dynamodbstreams.GetShardIteratorInput) (*dynamodbstreams.GetShardIteratorOutput, error) {
	it := iterator{ARN: in.StreamArn.V, Made: c.Now}
	err := s.db.View(c, func(tx *kv.Tx) error {
		v, err := s.viewShard(tx, c, it.ARN, func(r *stream) (int64, bool) { return parseShard(r.Table, in.ShardId.V) })
		if err != nil {
			return err
		}
		if v.shard == nil {
			return noShard(in.ShardId.V, it.ARN)
		}
		it.Shard = v.shard.ID
		it.Next, it.Horizon, err = v.start(tx, in)
		return err
	})
	if err != nil {
		return nil, err
	}
	text, err := s.sealIterator(scope(c), it)
	return &dynamodbstreams.GetShardIteratorOutput{ShardIterator: text}, err
}

// viewed is a shard as a reader of its stream finds it.
type viewed struct {
	stream *stream
	table  *table // its keys alone: the table itself may be gone
	shard  *shard // nil when there is none of that ID
	last   int64  // number of the newest change
}

// viewShard finds a stream and its shard.
func (s *Service) viewShard(tx *kv.Tx, c *wire.Call, arn string, id func(*stream) (int64, bool)) (*viewed, error) {
	row, err := openStream(tx, c, arn)
	if err != nil {
		return nil, err
	}
	v := &viewed{stream: row, table: (&table{Name: row.Name, ID: row.Table, Key: row.Key}).settled(scope(c), s.now)}
	n, ok := id(row)
	if !ok {
		return v, nil
	}
	sh, err := shardRows.Get(tx, scope(c), row.Table, n)
	if errors.Is(err, record.ErrNotFound) || err == nil && sh.Stream != row.Label {
		return v, nil
	} else if err != nil {
		return nil, err
	}
	v.shard = sh
	if v.last = v.shard.Last; v.shard.Closed.IsZero() {
		at, err := v.table.counter(tx, n)
		v.last = at.last
		return v, err
	}
	return v, nil
}

// start is where an iterator begins.
func (v *viewed) start(tx *kv.Tx, in *dynamodbstreams.GetShardIteratorInput) (next int64, horizon bool, err error) {
	kind := in.ShardIteratorType.V
	number, given := parseSequence(v.shard.ID, in.SequenceNumber.V)
	if in.SequenceNumber.Set && !strings.HasSuffix(kind, "_SEQUENCE_NUMBER") {
		return 0, false, validation("SequenceNumber must not be specified when the ShardIteratorType is %s", kind)
	}
	switch kind {
	case "TRIM_HORIZON":
		return v.shard.Trim, true, nil
	case "LATEST":
		return v.last + 1, false, nil
	case "AT_TIMESTAMP":
		if !in.Timestamp.Set {
			return 0, false, validation("Timestamp must be specified when the ShardIteratorType is AT_TIMESTAMP")
		}
		next, err = v.table.firstAt(tx, v.shard.ID, v.shard.Trim, v.last, in.Timestamp.V)
		return next, false, err
	}
	switch {
	case !in.SequenceNumber.Set:
		return 0, false, validation("SequenceNumber must be specified when the ShardIteratorType is %s", kind)
	case !given || number > v.last && number > v.shard.First:
		return 0, false, validation("Invalid SequenceNumber")
	case number < v.shard.Trim && (kind == "AT_SEQUENCE_NUMBER" || number < v.shard.Trim-1):
		return 0, false, trimmed()
	case kind == "AFTER_SEQUENCE_NUMBER":
		number++
	}
	return number, false, nil
}

func trimmed() error {
	return &dynamodbstreams.TrimmedDataAccessException{Message: wire.Some("The operation attempted to read past the oldest stream record in a shard.")}
}

func (s *Service) accessGetRecords(c *wire.Call, in *dynamodbstreams.GetRecordsInput) ([]wire.Access, error) {
	it, err := s.openIterator(scope(c), in.ShardIterator.V)
	if err != nil {
		return nil, err
	}
	keep(c, it)
	return accessStream(c, "GetRecords", it.ARN)
}

func (s *Service) getRecords(c *wire.Call, in *dynamodbstreams.GetRecordsInput) (*dynamodbstreams.GetRecordsOutput, error) {
	it, err := kept[iterator](c)
	if err != nil {
		return nil, err
	}
	if c.Now.Sub(it.Made) > iteratorLife {
		return nil, &dynamodbstreams.ExpiredIteratorException{Message: wire.Some("Iterator expired. The iterator was created at " + it.Made.UTC().Format(time.RFC3339) + ", more than 15 minutes ago.")}
	}
	limit := int(in.Limit.Or(maxRecords))
	if limit > maxRecords {
		return nil, tooMany(in.Limit.V, maxRecords)
	}
	var out *dynamodbstreams.GetRecordsOutput
	more := false
	err = s.db.View(c, func(tx *kv.Tx) error {
		v, err := s.viewShard(tx, c, it.ARN, func(*stream) (int64, bool) { return it.Shard, true })
		if err != nil {
			return err
		}
		if v.shard == nil { // it was there when the iterator was made
			return trimmed()
		}
		if it.Next < v.shard.Trim {
			if !it.Horizon {
				return trimmed()
			}
			it.Next = v.shard.Trim
		}
		out = &dynamodbstreams.GetRecordsOutput{Records: []dynamodbstreams.Record{}}
		if it.Next, err = v.read(tx, c, it.Next, limit, out); err != nil {
			return err
		}
		more = v.shard.Closed.IsZero() || it.Next <= v.shard.Last
		return nil
	})
	if err != nil || !more {
		return out, err
	}
	it.Horizon, it.Made = it.Horizon && len(out.Records) == 0, c.Now
	out.NextShardIterator, err = s.sealIterator(scope(c), it)
	return out, err
}

// read takes changes from next on, and returns the number of the one after the last. What is older than a stream keeps is
// passed over.
func (v *viewed) read(tx *kv.Tx, c *wire.Call, next int64, limit int, out *dynamodbstreams.GetRecordsOutput) (int64, error) {
	oldest, room := c.Now.Add(-streamLife), maxChangeSize
	var full error
	err := v.table.eachChange(tx, v.shard.ID, next, v.last, kv.MaxScan, false, func(ch *change, size int) bool {
		if room -= size; room < 0 && len(out.Records) > 0 {
			return false
		}
		if full = c.Hold(int64(footprint(ch.old) + footprint(ch.now))); full != nil {
			return false
		}
		next = ch.number + 1
		if !ch.at.Before(oldest) {
			out.Records = append(out.Records, v.record(c, ch))
		}
		return len(out.Records) < limit
	})
	if err == nil && len(out.Records) == 0 {
		err = full
	}
	return next, err
}

// record is a change as the API shows it.
func (v *viewed) record(c *wire.Call, ch *change) dynamodbstreams.Record {
	old, now := v.stream.images(ch)
	seq := sequence(v.shard.ID, ch.number)
	r := dynamodbstreams.Record{
		EventID: wire.Some(eventID(v.table.ID, seq)), EventName: wire.Some([]string{"INSERT", "MODIFY", "REMOVE"}[ch.kind]), EventVersion: wire.Some("1.1"),
		EventSource: wire.Some("aws:dynamodb"), AwsRegion: wire.Some(c.Region),
		Dynamodb: &dynamodbstreams.StreamRecord{
			ApproximateCreationDateTime: wire.Some(ch.at.Truncate(time.Second)), Keys: ch.keys, NewImage: now, OldImage: old, SequenceNumber: wire.Some(seq),
			SizeBytes: wire.Some(int64(itemSize(ch.keys) + itemSize(now) + itemSize(old))), StreamViewType: wire.Some(v.stream.View),
		},
	}
	if ch.expired {
		r.UserIdentity = &dynamodbstreams.Identity{PrincipalId: wire.Some("dynamodb.amazonaws.com"), Type: wire.Some("Service")}
	}
	return r
}
