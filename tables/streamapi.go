package tables

import (
	"encoding/base64"
	"errors"
	"slices"
	"strings"

	"bothy/api/dynamodbstreams"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

// Limits of the streams API.
const (
	maxListed     = 100 // streams or shards in one answer
	maxRecords    = 1000
	maxChangeSize = 1 << 20 // bytes of changes in one answer
)

func (s *Service) mountStreams(m *wire.Mux) {
	wire.Handle(m, dynamodbstreams.ListStreams, accessListStreams, s.listStreams)
	wire.Handle(m, dynamodbstreams.DescribeStream, accessDescribeStream, s.describeStream)
	wire.Handle(m, dynamodbstreams.GetShardIterator, accessShardIterator, s.getShardIterator)
	wire.Handle(m, dynamodbstreams.GetRecords, s.accessGetRecords, s.getRecords)
}

func noStream(arn string) error {
	return &dynamodbstreams.ResourceNotFoundException{Message: wire.Some("Requested resource not found: Stream: " + arn + " not found")}
}

func noShard(name, arn string) error {
	return &dynamodbstreams.ResourceNotFoundException{Message: wire.Some("Requested resource not found: Shard: " + name + " in Stream: " + arn + " not found")}
}

func accessListStreams(c *wire.Call, in *dynamodbstreams.ListStreamsInput) ([]wire.Access, error) {
	resource := "*"
	if in.TableName.Set {
		resource = streamARN(scope(c), in.TableName.V, "*")
	}
	return wire.One("dynamodb:ListStreams", resource, nil), nil
}

// listed is how many streams or shards a request wants.
func listed(limit wire.Opt[int32]) (int, error) {
	if limit.V > maxListed {
		return 0, tooMany(limit.V, maxListed)
	}
	return int(limit.Or(maxListed)), nil
}

func tooMany(limit int32, most int) error {
	return validation("1 validation error detected: Value '%d' at 'limit' failed to satisfy constraint: Member must have value less than or equal to %d", limit, most)
}

func (s *Service) listStreams(c *wire.Call, in *dynamodbstreams.ListStreamsInput) (*dynamodbstreams.ListStreamsOutput, error) {
	limit, err := listed(in.Limit)
	if err != nil {
		return nil, err
	}
	page := record.Page{Limit: limit}
	if in.TableName.Set {
		page.Prefix = []any{in.TableName.V}
	}
	if start := in.ExclusiveStartStreamArn; start.Set {
		name, label, ok := parseStream(scope(c), start.V)
		if !ok || in.TableName.Set && in.TableName.V != name {
			return nil, validation("Invalid ExclusiveStartStreamArn")
		}
		page.After = base64.RawURLEncoding.EncodeToString(kv.K(name, label))
	}
	out := &dynamodbstreams.ListStreamsOutput{Streams: []dynamodbstreams.Stream{}}
	err = s.db.View(c, func(tx *kv.Tx) error {
		out.Streams = out.Streams[:0]
		rows, next, err := streamRows.List(tx, scope(c), page)
		for _, r := range rows {
			arn := wire.Some(streamARN(scope(c), r.Name, r.Label))
			if !r.gone(c) {
				out.Streams = append(out.Streams, dynamodbstreams.Stream{StreamArn: arn, TableName: wire.Some(r.Name), StreamLabel: wire.Some(r.Label)})
			}
			if next != "" {
				out.LastEvaluatedStreamArn = arn
			}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// gone tells whether a stream was switched off so long ago that nothing of it is left.
func (r *stream) gone(c *wire.Call) bool {
	return !r.Disabled.IsZero() && c.Now.Sub(r.Disabled) > streamLife
}

func accessStream(c *wire.Call, action, arn string) ([]wire.Access, error) {
	if !strings.HasPrefix(arn, "arn:aws:dynamodb:") {
		return nil, validation("Invalid StreamArn")
	}
	if _, _, ok := parseStream(scope(c), arn); !ok {
		return nil, wire.Because(noStream(arn), "%s is no stream of account %s, region %s", arn, c.Account, c.Region)
	}
	return wire.One("dynamodb:"+action, arn, nil), nil
}

func accessDescribeStream(c *wire.Call, in *dynamodbstreams.DescribeStreamInput) ([]wire.Access, error) {
	return accessStream(c, "DescribeStream", in.StreamArn.V)
}

// openStream reads a stream's row.
func openStream(tx *kv.Tx, c *wire.Call, arn string) (*stream, error) {
	name, label, ok := parseStream(scope(c), arn)
	if !ok {
		return nil, noStream(arn)
	}
	row, err := streamRows.Get(tx, scope(c), name, label)
	if errors.Is(err, record.ErrNotFound) || err == nil && row.gone(c) {
		return nil, noStream(arn)
	}
	return row, err
}

func (s *Service) describeStream(c *wire.Call, in *dynamodbstreams.DescribeStreamInput) (*dynamodbstreams.DescribeStreamOutput, error) {
	limit, err := listed(in.Limit)
	if err != nil {
		return nil, err
	}
	out := &dynamodbstreams.DescribeStreamOutput{}
	err = s.db.View(c, func(tx *kv.Tx) error {
		row, err := openStream(tx, c, in.StreamArn.V)
		if err != nil {
			return err
		}
		shards, err := row.shards(tx, scope(c))
		if err != nil {
			return err
		}
		d := row.describe(scope(c))
		out.StreamDescription = d
		if shards, err = row.only(shards, in); err != nil {
			return err
		}
		if len(shards) > limit {
			shards = shards[:limit]
			d.LastEvaluatedShardId = wire.Some(shards[limit-1].name())
		}
		for _, sh := range shards {
			d.Shards = append(d.Shards, sh.describe())
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// shards are a stream's, oldest first; what the limits of splitting and trimming leave fits in a scan.
func (r *stream) shards(tx *kv.Tx, at record.Scope) ([]*shard, error) {
	all, err := shardRows.All(tx, at, "", r.Table)
	return slices.DeleteFunc(all, func(s *shard) bool { return s.Stream != r.Label }), err
}

// only leaves the shards that a request asks for.
func (r *stream) only(shards []*shard, in *dynamodbstreams.DescribeStreamInput) ([]*shard, error) {
	if f := in.ShardFilter; f != nil && f.Type.V == "CHILD_SHARDS" {
		parent, ok := parseShard(r.Table, f.ShardId.V)
		if !ok {
			return nil, validation("Invalid ShardFilter: ShardId")
		}
		shards = slices.DeleteFunc(shards, func(s *shard) bool { return s.Parent != parent })
	}
	if start := in.ExclusiveStartShardId; start.Set { // it need not be the name of a shard, as in AWS: names are in the order of shards
		shards = slices.DeleteFunc(shards, func(s *shard) bool { return s.name() <= start.V })
	}
	return shards, nil
}

func (r *stream) describe(at record.Scope) *dynamodbstreams.StreamDescription {
	status := "ENABLED"
	if !r.Disabled.IsZero() {
		status = "DISABLED"
	}
	d := &dynamodbstreams.StreamDescription{
		StreamArn: wire.Some(streamARN(at, r.Name, r.Label)), StreamLabel: wire.Some(r.Label), StreamStatus: wire.Some(status), StreamViewType: wire.Some(r.View),
		CreationRequestDateTime: wire.Some(r.Created), TableName: wire.Some(r.Name), Shards: []dynamodbstreams.Shard{},
	}
	for _, e := range r.Key.elements() {
		d.KeySchema = append(d.KeySchema, dynamodbstreams.KeySchemaElement{AttributeName: e.AttributeName, KeyType: e.KeyType})
	}
	return d
}

func (s *shard) describe() dynamodbstreams.Shard {
	d := dynamodbstreams.Shard{ShardId: wire.Some(s.name()), SequenceNumberRange: &dynamodbstreams.SequenceNumberRange{StartingSequenceNumber: wire.Some(sequence(s.ID, s.First))}}
	if !s.Closed.IsZero() {
		d.SequenceNumberRange.EndingSequenceNumber = wire.Some(sequence(s.ID, max(s.First, s.Last)))
	}
	if s.Parent != 0 {
		d.ParentShardId = wire.Some(shardName(s.Table, s.Parent))
	}
	return d
}
