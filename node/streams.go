package node

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"bothy/access"
	"bothy/api/dynamodbstreams"
	"bothy/api/s3"
	"bothy/functions"
	"bothy/record"
	"bothy/wire"
	"bothy/wire/item"
)

// roleSessions are the sessions in which the node acts with the roles of functions, so that those roles' policies decide.
type roleSessions struct {
	mu   sync.Mutex
	held map[functions.Reader]*access.Issued // guarded by mu
}

const sessionSpare = 5 * time.Minute // a session is not used to its very end

// as is the principal of a function's role, with the policies it has now.
func (s *services) as(ctx context.Context, r functions.Reader) (*wire.Principal, error) {
	s.roles.mu.Lock()
	held := s.roles.held[r]
	s.roles.mu.Unlock()
	if held == nil || s.node.cfg.Now().Add(sessionSpare).After(held.Expires) {
		issued, err := s.access.Issue(ctx, access.Spec{RoleARN: r.Role, SessionName: r.Function, Service: "lambda.amazonaws.com"})
		if errors.Is(err, access.ErrRole) {
			return nil, fmt.Errorf("%w: %w", functions.ErrStreamDenied, err)
		} else if err != nil {
			return nil, err
		}
		held = issued
		s.roles.mu.Lock()
		if s.roles.held == nil || len(s.roles.held) >= maxRoleSessions {
			s.roles.held = map[functions.Reader]*access.Issued{}
		}
		s.roles.held[r] = issued
		s.roles.mu.Unlock()
	}
	found, err := s.access.Find(ctx, held.AccessKey, held.Token)
	if f := wire.Fault(nil); errors.As(err, &f) { // the role is gone, or was made anew
		s.roles.mu.Lock()
		delete(s.roles.held, r)
		s.roles.mu.Unlock()
		return nil, fmt.Errorf("%w: %w", functions.ErrStreamDenied, err)
	} else if err != nil {
		return nil, err
	}
	return found.Principal, nil
}

const maxRoleSessions = 1000

// functionStreams read tables' streams for functions, through the same operations as any client.
type functionStreams struct{ s *services }

// asRole calls an operation with the rights of a function's role.
func asRole[In, Out any](ctx context.Context, s *services, r functions.Reader, op wire.Op[In, Out], in *In) (*Out, error) {
	p, err := s.as(ctx, r)
	if err != nil {
		return nil, err
	}
	out, err := wire.Invoke(ctx, s.mux, p, r.Region, op, in)
	f := wire.Fault(nil)
	if !errors.As(err, &f) {
		return out, err
	}
	switch code, status, _ := f.Fault(); {
	case code == "ResourceNotFoundException":
		err = fmt.Errorf("%w: %w", functions.ErrStreamMissing, err)
	case code == "TrimmedDataAccessException":
		err = fmt.Errorf("%w: %w", functions.ErrStreamTrimmed, err)
	case code == "AccessDenied" || code == "AccessDeniedException" || status == 403:
		err = fmt.Errorf("%w: %w", functions.ErrStreamDenied, err)
	}
	return nil, err
}

func (f functionStreams) Shards(ctx context.Context, as functions.Reader, stream string) (shards []functions.StreamShard, err error) {
	in := &dynamodbstreams.DescribeStreamInput{StreamArn: wire.Some(stream)}
	for {
		out, err := asRole(ctx, f.s, as, dynamodbstreams.DescribeStream, in)
		if err != nil {
			return nil, err
		}
		for _, sh := range out.StreamDescription.Shards {
			shards = append(shards, functions.StreamShard{ID: sh.ShardId.V, Parent: sh.ParentShardId.V})
		}
		if in.ExclusiveStartShardId = out.StreamDescription.LastEvaluatedShardId; !in.ExclusiveStartShardId.Set {
			return shards, nil
		}
	}
}

func (f functionStreams) Iterator(ctx context.Context, as functions.Reader, stream, shard string, from functions.StreamStart) (string, error) {
	in := &dynamodbstreams.GetShardIteratorInput{StreamArn: wire.Some(stream), ShardId: wire.Some(shard), ShardIteratorType: wire.Some("TRIM_HORIZON")}
	switch {
	case from.After != "":
		in.ShardIteratorType, in.SequenceNumber = wire.Some("AFTER_SEQUENCE_NUMBER"), wire.Some(from.After)
	case !from.At.IsZero():
		in.ShardIteratorType, in.Timestamp = wire.Some("AT_TIMESTAMP"), wire.Some(from.At)
	}
	out, err := asRole(ctx, f.s, as, dynamodbstreams.GetShardIterator, in)
	if err != nil {
		return "", err
	}
	return out.ShardIterator.V, nil
}

func (f functionStreams) Records(ctx context.Context, as functions.Reader, stream, iterator string, limit int) (records []functions.StreamRecord, next string, err error) {
	if news, err := f.s.tables.News(ctx, record.In(f.s.node.account, as.Region), iterator); err != nil || !news {
		return nil, iterator, err
	}
	out, err := asRole(ctx, f.s, as, dynamodbstreams.GetRecords, &dynamodbstreams.GetRecordsInput{ShardIterator: wire.Some(iterator), Limit: wire.Some(int32(limit))})
	if err != nil {
		return nil, "", err
	}
	for _, r := range out.Records {
		event, err := lambdaEvent(stream, r)
		if err != nil {
			return nil, "", err
		}
		records = append(records, functions.StreamRecord{
			Sequence: r.Dynamodb.SequenceNumber.V, Item: string(r.Dynamodb.Keys.AppendJSON(nil)), At: r.Dynamodb.ApproximateCreationDateTime.V, Event: event,
		})
	}
	return records, out.NextShardIterator.V, nil
}

func (f functionStreams) Keep(ctx context.Context, as functions.Reader, bucket, key string, body []byte) error {
	_, err := asRole(ctx, f.s, as, s3.PutObject, &s3.PutObjectInput{
		Bucket: wire.Some(bucket), Key: wire.Some(key), Body: bytes.NewReader(body), ContentLength: wire.Some(int64(len(body))), ContentType: wire.Some("application/json"),
	})
	return err
}

// eventRecord is a stream's record as Lambda shows it to functions.
type eventRecord struct {
	EventID      string         `json:"eventID"`
	EventName    string         `json:"eventName"`
	EventVersion string         `json:"eventVersion"`
	EventSource  string         `json:"eventSource"`
	Region       string         `json:"awsRegion"`
	Change       eventChange    `json:"dynamodb"`
	Identity     *eventIdentity `json:"userIdentity,omitempty"`
	SourceARN    string         `json:"eventSourceARN"`
}

type eventChange struct {
	At       int64           `json:"ApproximateCreationDateTime"`
	Keys     json.RawMessage `json:"Keys"`
	New      json.RawMessage `json:"NewImage,omitempty"`
	Old      json.RawMessage `json:"OldImage,omitempty"`
	Sequence string          `json:"SequenceNumber"`
	Size     int64           `json:"SizeBytes"`
	View     string          `json:"StreamViewType"`
}

type eventIdentity struct {
	Type        string `json:"type"`
	PrincipalID string `json:"principalId"`
}

func lambdaEvent(stream string, r dynamodbstreams.Record) ([]byte, error) {
	d := r.Dynamodb
	e := eventRecord{
		EventID: r.EventID.V, EventName: r.EventName.V, EventVersion: r.EventVersion.V, EventSource: r.EventSource.V, Region: r.AwsRegion.V, SourceARN: stream,
		Change: eventChange{At: d.ApproximateCreationDateTime.V.Unix(), Keys: image(d.Keys), New: image(d.NewImage), Old: image(d.OldImage), Sequence: d.SequenceNumber.V, Size: d.SizeBytes.V, View: d.StreamViewType.V},
	}
	if id := r.UserIdentity; id != nil {
		e.Identity = &eventIdentity{id.Type.V, id.PrincipalId.V}
	}
	return json.Marshal(e)
}

func image(it item.Item) json.RawMessage {
	if it == nil {
		return nil
	}
	return it.AppendJSON(nil)
}
