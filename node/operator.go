package node

import (
	"errors"
	"time"

	"bothy/api/bothy"
	"bothy/outbox"
	"bothy/wire"
)

// mountOperator serves the operator's own API: what the CLI and the console ask of a node besides AWS's APIs.
func (s *services) mountOperator(m *wire.Mux) {
	wire.Handle(m, bothy.ListMessages, operatorAccess[bothy.ListMessagesInput]("ListMessages"), s.listMessages)
	wire.Handle(m, bothy.WaitMessage, operatorAccess[bothy.WaitMessageInput]("WaitMessage"), s.waitMessage)
	wire.Handle(m, bothy.ExplainRequest, operatorAccess[bothy.ExplainRequestInput]("ExplainRequest"), s.explainRequest)
	wire.Handle(m, bothy.CreateBackup, operatorAccess[bothy.CreateBackupInput]("CreateBackup"), s.createBackup)
}

func operatorAccess[In any](action string) func(*wire.Call, *In) ([]wire.Access, error) {
	return func(c *wire.Call, _ *In) ([]wire.Access, error) {
		return wire.One("bothy:"+action, "arn:aws:bothy:"+c.Region+":"+c.Account+":node", nil), nil
	}
}

func (s *services) listMessages(c *wire.Call, in *bothy.ListMessagesInput) (*bothy.ListMessagesOutput, error) {
	list, next, err := s.outbox.List(c, c.Account, outbox.Query{To: in.To.V, After: in.After.V, Limit: int(in.Limit.V)})
	if err != nil {
		return nil, err
	}
	out := &bothy.ListMessagesOutput{Messages: []bothy.Message{}, Next: wire.NonEmpty(next)}
	for i := range list {
		out.Messages = append(out.Messages, *message(&list[i]))
	}
	return out, nil
}

const defaultWait = 10 * time.Second

func (s *services) waitMessage(c *wire.Call, in *bothy.WaitMessageInput) (*bothy.WaitMessageOutput, error) {
	wait := defaultWait
	if in.Seconds.Set {
		wait = time.Duration(in.Seconds.V) * time.Second
	}
	m, err := s.outbox.Wait(c, c.Account, in.To.V, time.Time{}, wait)
	if errors.Is(err, outbox.ErrNoMessage) {
		return nil, &bothy.NotFoundException{Message: wire.Some("No message to " + in.To.V + " came in time.")}
	}
	if err != nil {
		return nil, err
	}
	return &bothy.WaitMessageOutput{Message: message(m)}, nil
}

func message(m *outbox.Message) *bothy.Message {
	return &bothy.Message{
		Id: wire.Some(m.ID), To: wire.Some(m.To), Medium: wire.Some(m.Medium), Kind: wire.Some(m.Kind),
		Subject: wire.Some(m.Subject), Body: wire.Some(m.Body), Fields: m.Fields, At: wire.Some(m.At),
	}
}

func (s *services) explainRequest(c *wire.Call, in *bothy.ExplainRequestInput) (*bothy.ExplainRequestOutput, error) {
	t, ok := s.mux.Explain(in.RequestId.V)
	if !ok {
		other, err := s.refusals.find(c, in.RequestId.V)
		if err != nil {
			return nil, err
		}
		if other == nil {
			return nil, &bothy.NotFoundException{Message: wire.Some("No recent request has the id " + in.RequestId.V + ": a node remembers the last few thousand since it started, and what was refused is known to all for an hour.")}
		}
		t = *other
	}
	r := &bothy.Request{
		Id: wire.Some(t.RequestID), At: wire.Some(t.Time), Api: wire.Some(t.API), Operation: wire.Some(t.Operation), Principal: wire.Some(t.Principal),
		AccessKey: wire.Some(t.AccessKey), SourceIp: wire.Some(t.SourceIP), Host: wire.Some(t.Host), Status: wire.Some(int32(t.Status)),
		Code: wire.Some(t.Code), Message: wire.Some(t.Message), Reason: wire.Some(t.Reason),
	}
	for _, d := range t.Decisions {
		row := bothy.Decision{Action: wire.Some(d.Action), Resource: wire.Some(d.Resource), Allowed: wire.Some(d.Allowed), Reason: wire.Some(d.Reason)}
		for _, f := range d.Failed {
			row.Failed = append(row.Failed, bothy.Failure{
				Statement: wire.Some(f.Source + "/" + f.Statement), Operator: wire.Some(f.Operator), Key: wire.Some(f.Key), Expected: f.Expected, Got: f.Got,
			})
		}
		r.Decisions = append(r.Decisions, row)
	}
	return &bothy.ExplainRequestOutput{Request: r}, nil
}
