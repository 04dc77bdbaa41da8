package tables

import (
	"bytes"
	"math/bits"

	"bothy/api/dynamodb"
	"bothy/kv"
	"bothy/wire"
)

// scanning is a Scan, checked as far as it can be without the table.
type scanning struct {
	search
	segment, segments uint64 // segments is 1 for a scan that is not parallel
}

func (s *Service) accessScan(c *wire.Call, in *dynamodb.ScanInput) ([]wire.Access, error) {
	q, err := s.planScan(c, in)
	if err != nil {
		return nil, err
	}
	keep(c, q)
	k := itemKeys([]string{nobody}, q.attributes(nil), in.ReturnConsumedCapacity) // a scan goes through all partitions
	k[keySelect] = []string{q.sel}
	k[keyFullScan] = []string{"true"}
	return q.table.one("dynamodb:Scan", q.resource(c), k), nil
}

func (s *Service) planScan(c *wire.Call, in *dynamodb.ScanInput) (*scanning, error) {
	q := &scanning{}
	var err error
	if q.name, err = tableName(c, in.TableName.V); err != nil {
		return nil, err
	}
	q.verb, q.indexName, q.consistent, q.limit = "Scan", in.IndexName.V, in.ConsistentRead.V, int(in.Limit.V)
	if err := q.expressions(in); err != nil {
		return nil, err
	}
	if err := q.checkSelect(in.Select, in.ProjectionExpression, in.AttributesToGet, ""); err != nil {
		return nil, err
	}
	q.table, err = s.lookup(c, q.name)
	return q, err
}

func (q *scanning) expressions(in *dynamodb.ScanInput) error {
	p := parameters{
		names: in.ExpressionAttributeNames, values: in.ExpressionAttributeValues,
		given:  []parameter{text("ProjectionExpression", in.ProjectionExpression), text("FilterExpression", in.FilterExpression)},
		legacy: []parameter{{"AttributesToGet", in.AttributesToGet != nil}, {"ScanFilter", in.ScanFilter != nil}, text("ConditionalOperator", in.ConditionalOperator)},
	}
	if err := p.exclusive(); err != nil {
		return err
	}
	if err := q.instead(in.ScanFilter, in.ConditionalOperator, in.AttributesToGet); err != nil {
		return err
	}
	if err := q.checkStart(in.ExclusiveStartKey); err != nil {
		return err
	}
	if err := q.segmentsOf(in); err != nil {
		return err
	}
	env, err := p.env()
	if err != nil {
		return err
	}
	return q.given(env, in.FilterExpression, in.ProjectionExpression)
}

func (q *scanning) segmentsOf(in *dynamodb.ScanInput) error {
	switch {
	case in.Segment.Set && !in.TotalSegments.Set:
		return validation("The TotalSegments parameter is required but was not present in the request when Segment parameter is present")
	case !in.Segment.Set && in.TotalSegments.Set:
		return validation("The Segment parameter is required but was not present in the request when parameter TotalSegments is present")
	case in.Segment.Set && in.Segment.V >= in.TotalSegments.V:
		return validation("The Segment parameter is zero-based and must be less than parameter TotalSegments: Segment: %d is not less than TotalSegments: %d", in.Segment.V, in.TotalSegments.V)
	}
	q.segment, q.segments = uint64(in.Segment.V), uint64(in.TotalSegments.Or(1))
	return nil
}

func (s *Service) scan(c *wire.Call, in *dynamodb.ScanInput) (*dynamodb.ScanOutput, error) {
	q, err := kept[*scanning](c)
	if err != nil {
		return nil, err
	}
	gate := s.reading(c, 1)
	defer gate.done()
	if err := gate.fill(c, q.table); err != nil {
		return nil, err
	}
	var g *page
	var ix *index
	err = s.db.View(c, func(tx *kv.Tx) error {
		t, err := s.again(tx, c, q.name, q.table)
		if err != nil {
			return err
		}
		var p *pageOf
		if p, err = q.plan(t); err != nil {
			return err
		}
		ix = p.index
		g, err = p.read(tx, c, gate)
		return err
	})
	if err != nil {
		return nil, err
	}
	out := &dynamodb.ScanOutput{
		Count: wire.Some(int32(g.matched)), ScannedCount: wire.Some(int32(g.scanned)), LastEvaluatedKey: g.last,
		ConsumedCapacity: g.usage(ix, q.consistent).told(in.ReturnConsumedCapacity, q.table),
	}
	if q.sel != "COUNT" {
		out.Items = present(g.items.Items())
	}
	return out, nil
}

func (q *scanning) plan(t *table) (*pageOf, error) {
	ix, err := q.resolve(t)
	if err != nil {
		return nil, err
	}
	start, err := q.startKey(t, ix, nil)
	if err != nil {
		return nil, err
	}
	if err := t.checkPaths(q.proj); err != nil {
		return nil, err
	}
	if err := q.checkUse(t, ix); err != nil {
		return nil, err
	}
	p := q.page(t, ix)
	base := t.rows
	if ix != nil {
		base = t.indexPrefix(ix)
	}
	p.from, p.to = q.bounds(base)
	if start == nil {
		return p, nil
	}
	if bytes.Compare(start, p.from) < 0 || bytes.Compare(start, p.to) >= 0 {
		return nil, validation("The provided starting key is invalid: Invalid ExclusiveStartKey. Please use ExclusiveStartKey with correct Segment. TotalSegments: %d Segment: %d", q.segments, q.segment)
	}
	p.after(start)
	return p, nil
}

// bounds is the segment's share of the hashes: from segment/segments of 2^64 up to the next segment's.
func (q *scanning) bounds(base kv.Key) (from, to kv.Key) {
	edge := func(i uint64) kv.Key {
		share, _ := bits.Div64(i, 0, q.segments)
		return appendHash(append(make(kv.Key, 0, len(base)+9), base...), share)
	}
	if to = base.End(); q.segment+1 < q.segments {
		to = edge(q.segment + 1)
	}
	return edge(q.segment), to
}
