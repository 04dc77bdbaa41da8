package crash

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
)

const (
	changeWorkers = 2
	changesEach   = 4
)

// changes are items of a table with a stream. Each has one writer, and each write of it has a number of its own, so that its
// records must tell exactly what was acknowledged, in order, and then perhaps what the kill left open, each as a step from the last.
type changes struct {
	*tally
	items  [changeWorkers][changesEach]history
	stream string
	read   map[string]string // the last record read of each shard
	events map[string]bool   // those read
}

// history is what happened to an item since the last check. A state is the number of a write; 0 is absence.
type history struct {
	begin int64   // state at the last check
	acked []int64 // states since
	open  []int64 // what the kill left open: one at most, since nothing is written after it
	n     int64   // number of the last write tried
}

func (h *history) state() int64 { return slices.Concat([]int64{h.begin}, h.acked)[len(h.acked)] }

func newChanges(n *tally) *changes {
	return &changes{tally: n, read: map[string]string{}, events: map[string]bool{}}
}

func (*changes) name() string { return "changes" }

func (l *changes) setup(c *client) error {
	var out struct {
		TableDescription struct{ LatestStreamArn string }
	}
	err := c.dynamo("CreateTable", m{
		"TableName": "changes", "BillingMode": "PAY_PER_REQUEST", "KeySchema": []m{{"AttributeName": "k", "KeyType": "HASH"}}, "AttributeDefinitions": []m{attribute("k", "S")},
		"StreamSpecification": m{"StreamEnabled": true, "StreamViewType": "NEW_AND_OLD_IMAGES"},
	}, &out)
	l.stream = out.TableDescription.LatestStreamArn
	return err
}

func changeKey(worker, i int) string { return fmt.Sprintf("w%d/%d", worker, i) }

func (l *changes) work(c *client, worker int, r *rand.Rand) error {
	i := r.IntN(changesEach)
	h := &l.items[worker][i]
	if len(h.open) > 0 {
		return nil // it may or may not be written: no more until it is known
	}
	key := m{"k": str(changeKey(worker, i))}
	h.n++
	to, err := h.n, error(nil)
	switch kind := r.IntN(4); {
	case kind == 0 && h.state() != 0:
		to, err = 0, c.dynamo("DeleteItem", m{"TableName": "changes", "Key": key}, nil)
	case kind == 1:
		put := m{"TableName": "changes", "Item": m{"k": key["k"], "n": num(to)}}
		err = c.dynamo("TransactWriteItems", m{"TransactItems": []m{{"Put": put}}}, nil)
	default:
		err = c.dynamo("UpdateItem", m{"TableName": "changes", "Key": key, "UpdateExpression": "SET n = :n", "ExpressionAttributeValues": m{":n": num(to)}}, nil)
	}
	switch {
	case err == nil:
		h.acked = append(h.acked, to)
		l.acked.Add(1)
	case unclear(err):
		h.open = append(h.open, to)
		l.open.Add(1)
	case refused(err, ""):
		return err
	}
	return nil
}

// changeRecord is a record of the stream.
type changeRecord struct {
	EventID, EventName string
	Dynamodb           struct {
		Keys, OldImage, NewImage item
		SequenceNumber           string
	}
}

func (i item) number() int64 { n, _ := strconv.ParseInt(i["n"].N, 10, 64); return n }

func (l *changes) check(c *client) error {
	records, err := l.news(c)
	if err != nil {
		return err
	}
	var out struct{ Items []item }
	if err := c.dynamo("Scan", m{"TableName": "changes", "ConsistentRead": true}, &out); err != nil {
		return err
	}
	states := map[string]int64{}
	for _, it := range out.Items {
		states[it["k"].S] = it.number()
	}
	var errs []error
	for w := range changeWorkers {
		for i := range changesEach {
			key := changeKey(w, i)
			errs = append(errs, l.settle(&l.items[w][i], key, records[key], states[key]))
			delete(records, key)
		}
	}
	for key := range records {
		errs = append(errs, fmt.Errorf("the stream has records of %q, which nobody wrote", key))
	}
	return errors.Join(errs...)
}

// settle compares the records of an item, and the item, with what is known of it, and takes over what was left open.
func (l *changes) settle(h *history, key string, records []changeRecord, state int64) error {
	told, at := []int64{}, h.begin
	for _, r := range records {
		to, name := r.Dynamodb.NewImage.number(), "MODIFY"
		if at == 0 {
			name = "INSERT"
		} else if to == 0 {
			name = "REMOVE"
		}
		if from := r.Dynamodb.OldImage.number(); from != at || r.EventName != name {
			return fmt.Errorf("record %s of %s is %s from %d to %d, after %d", r.Dynamodb.SequenceNumber, key, r.EventName, from, to, at)
		}
		told, at = append(told, to), to
	}
	landed := slices.Concat(h.acked, h.open)
	if !slices.Equal(told, h.acked) && !slices.Equal(told, landed) {
		return fmt.Errorf("the records of %s tell %d, acknowledged was %d, left open %d", key, told, h.acked, h.open)
	}
	if state != at {
		return fmt.Errorf("%s stands at %d, its records end at %d", key, state, at)
	}
	l.looked.Add(int64(len(told)) + 1)
	l.landed.Add(int64(len(told) - len(h.acked)))
	h.begin, h.acked, h.open = state, nil, nil
	return nil
}

// news are the records written since the last check, by item, in the stream's order: a shard comes after its parent.
func (l *changes) news(c *client) (map[string][]changeRecord, error) {
	var out struct {
		StreamDescription struct{ Shards []struct{ ShardId string } }
	}
	if err := c.streams("DescribeStream", m{"StreamArn": l.stream}, &out); err != nil {
		return nil, err
	}
	found := map[string][]changeRecord{}
	for _, s := range out.StreamDescription.Shards {
		records, err := l.shard(c, s.ShardId)
		if err != nil {
			return nil, err
		}
		for _, r := range records {
			if l.events[r.EventID] || r.Dynamodb.SequenceNumber <= l.read[s.ShardId] {
				return nil, fmt.Errorf("record %+v again, or after %s", r, l.read[s.ShardId])
			}
			l.events[r.EventID], l.read[s.ShardId] = true, r.Dynamodb.SequenceNumber
			key := r.Dynamodb.Keys["k"].S
			found[key] = append(found[key], r)
		}
	}
	return found, nil
}

// shard reads what is new in a shard.
func (l *changes) shard(c *client, id string) (records []changeRecord, err error) {
	in := m{"StreamArn": l.stream, "ShardId": id, "ShardIteratorType": "TRIM_HORIZON"}
	if last := l.read[id]; last != "" {
		in["ShardIteratorType"], in["SequenceNumber"] = "AFTER_SEQUENCE_NUMBER", last
	}
	var at struct{ ShardIterator string }
	if err := c.streams("GetShardIterator", in, &at); err != nil {
		return nil, err
	}
	for next := at.ShardIterator; next != ""; {
		var page struct {
			Records           []changeRecord
			NextShardIterator string
		}
		if err := c.streams("GetRecords", m{"ShardIterator": next}, &page); err != nil {
			return nil, err
		}
		if len(page.Records) == 0 {
			break // an open shard has no end
		}
		records, next = append(records, page.Records...), page.NextShardIterator
	}
	return records, nil
}
