package tables

import (
	"cmp"
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"bothy/api/dynamodb"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
	"bothy/wire/item"
)

func (s *Service) accessDescribeTable(c *wire.Call, in *dynamodb.DescribeTableInput) ([]wire.Access, error) {
	return onTable(c, "dynamodb:DescribeTable", in.TableName)
}

// onTable is the access of an operation on one table as a whole.
func onTable(c *wire.Call, action string, name wire.Opt[string]) ([]wire.Access, error) {
	n, err := tableName(c, name.V)
	if err != nil {
		return nil, err
	}
	return wire.One(action, tableARN(scope(c), n), nil), nil
}

// maxCounted bounds the bytes that describeTable reads in order to count.
const maxCounted = 32 << 20

// describeTable counts what the table holds, up to maxCounted and to what one scan of the store sees.
func (s *Service) describeTable(c *wire.Call, in *dynamodb.DescribeTableInput) (*dynamodb.DescribeTableOutput, error) {
	out := &dynamodb.DescribeTableOutput{}
	err := s.db.View(c, func(tx *kv.Tx) error {
		t, err := s.named(tx, c, in.TableName.V)
		if err != nil {
			return err
		}
		held, err := t.count(tx)
		held.at = c.Now
		out.Table = t.describe(held)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// named loads a table for the operations on tables, whose complaint names it.
func (s *Service) named(tx *kv.Tx, c *wire.Call, name string) (*table, error) {
	name, err := tableName(c, name)
	if err != nil {
		return nil, err
	}
	t, err := s.load(tx, scope(c), name)
	if isNotFound(err) {
		return nil, tableNotFound(name)
	}
	return t, err
}

func isNotFound(err error) bool {
	_, ok := err.(*dynamodb.ResourceNotFoundException)
	return ok
}

// held is how much a table or an index holds.
type held struct {
	items, bytes int64
	indexes      map[int64]*held // by index ID; of a table
	at           time.Time       // of the answer; zero: just after a change
}

// add counts an item of a size.
func (h *held) add(size int) {
	h.items++
	h.bytes += int64(size)
}

// of is what an index holds.
func (h *held) of(id int64) *held {
	if h.indexes[id] == nil {
		return &held{}
	}
	return h.indexes[id]
}

func (t *table) count(tx *kv.Tx) (*held, error) {
	h := &held{indexes: map[int64]*held{}}
	for i := range t.Indexes {
		h.indexes[t.Indexes[i].ID] = &held{}
	}
	for i := range t.Vectors {
		h.indexes[t.Vectors[i].ID] = &held{}
	}
	var bad error
	read := 0
	err := tx.Scan(t.rows.Range(), func(k kv.Key, v []byte) bool {
		var it item.Item
		if it, bad = decodeItem(string(v)); bad != nil {
			return false
		}
		h.add(t.billed(it))
		for i := range t.Indexes {
			if ix := &t.Indexes[i]; t.entry(ix, k, it) != nil {
				h.indexes[ix.ID].add(itemSize(t.shown(ix, it)))
			}
		}
		for i := range t.Vectors {
			if vx := &t.Vectors[i]; t.inVector(vx, it) {
				h.indexes[vx.ID].add(t.vectorSize(vx, it))
			}
		}
		read += len(v)
		return read < maxCounted
	})
	if err == nil {
		err = bad
	}
	return h, err
}

// describe is the table as the API shows it.
func (t *table) describe(h *held) *dynamodb.TableDescription {
	d := &dynamodb.TableDescription{
		TableName: wire.Some(t.Name), TableArn: wire.Some(tableARN(t.at, t.Name)), TableId: wire.Some(t.ID), TableStatus: wire.Some(t.Status),
		CreationDateTime: wire.Some(t.Created), KeySchema: t.Key.elements(), ItemCount: wire.Some(h.items), TableSizeBytes: wire.Some(h.bytes),
		ProvisionedThroughput:     t.Capacity.describe(h.at),
		DeletionProtectionEnabled: wire.Some(t.Protected),
	}
	if t.Stream != "" {
		d.StreamSpecification = &dynamodb.StreamSpecification{StreamEnabled: wire.Some(true), StreamViewType: wire.Some(t.View)}
	}
	if label := cmp.Or(t.Stream, t.LastStream); label != "" {
		d.LatestStreamLabel, d.LatestStreamArn = wire.Some(label), wire.Some(streamARN(t.at, t.Name, label))
	}
	if t.Restored != nil {
		d.RestoreSummary = &dynamodb.RestoreSummary{SourceBackupArn: wire.NonEmpty(t.Restored.Backup), SourceTableArn: wire.NonEmpty(t.Restored.Table),
			RestoreDateTime: wire.Some(t.Restored.At), RestoreInProgress: wire.Some(t.Status == statusCreating)}
	}
	for _, a := range slices.SortedFunc(slices.Values(t.Attributes), func(a, b attribute) int { return strings.Compare(a.Name, b.Name) }) {
		d.AttributeDefinitions = append(d.AttributeDefinitions, dynamodb.AttributeDefinition{AttributeName: wire.Some(a.Name), AttributeType: wire.Some(a.Type)})
	}
	switch {
	case !t.OnDemand.IsZero():
		d.BillingModeSummary = &dynamodb.BillingModeSummary{BillingMode: wire.Some("PAY_PER_REQUEST"), LastUpdateToPayPerRequestDateTime: wire.Some(t.OnDemand)}
	case !t.Switched.IsZero():
		d.BillingModeSummary = &dynamodb.BillingModeSummary{BillingMode: wire.Some("PROVISIONED"), LastUpdateToPayPerRequestDateTime: wire.Some(t.Switched)}
	}
	warm := t.warm(t.Warm, t.Capacity)
	d.WarmThroughput = &dynamodb.TableWarmThroughputDescription{ReadUnitsPerSecond: wire.Some(warm.Read), WriteUnitsPerSecond: wire.Some(warm.Write), Status: wire.Some(statusActive)}
	d.OnDemandThroughput = t.Most.onDemand()
	if t.Class != "" {
		d.TableClassSummary = &dynamodb.TableClassSummary{TableClass: wire.Some(t.Class)}
		if !t.ClassSince.IsZero() {
			d.TableClassSummary.LastUpdateDateTime = wire.Some(t.ClassSince)
		}
	}
	for i := range t.Indexes {
		if ix := &t.Indexes[i]; ix.Local {
			d.LocalSecondaryIndexes = append(d.LocalSecondaryIndexes, t.describeLocal(ix, h.of(ix.ID)))
		} else {
			d.GlobalSecondaryIndexes = append(d.GlobalSecondaryIndexes, t.describeGlobal(ix, h.of(ix.ID)))
		}
	}
	for i := range t.Vectors {
		d.VectorIndexes = append(d.VectorIndexes, t.describeVector(&t.Vectors[i], h.of(t.Vectors[i].ID)))
	}
	return d
}

func (k *keySchema) elements() (out []dynamodb.KeySchemaElement) {
	for _, a := range k.hashes() {
		out = append(out, dynamodb.KeySchemaElement{AttributeName: wire.Some(a.Name), KeyType: wire.Some("HASH")})
	}
	for _, a := range k.ranges() {
		out = append(out, dynamodb.KeySchemaElement{AttributeName: wire.Some(a.Name), KeyType: wire.Some("RANGE")})
	}
	return out
}

// decreases is how often the throughput was decreased on the day of now.
func (p capacity) decreases(now time.Time) int64 {
	if !now.IsZero() && day(now) != day(p.Decreased) {
		return 0
	}
	return int64(p.Decreases)
}

func day(t time.Time) time.Time { return t.UTC().Truncate(24 * time.Hour) }

func (p capacity) describe(now time.Time) *dynamodb.ProvisionedThroughputDescription {
	d := &dynamodb.ProvisionedThroughputDescription{
		ReadCapacityUnits: wire.Some(p.Read), WriteCapacityUnits: wire.Some(p.Write), NumberOfDecreasesToday: wire.Some(p.decreases(now)),
	}
	if !p.Increased.IsZero() {
		d.LastIncreaseDateTime = wire.Some(p.Increased)
	}
	if !p.Decreased.IsZero() {
		d.LastDecreaseDateTime = wire.Some(p.Decreased)
	}
	return d
}

func (ix *index) projection() *dynamodb.Projection {
	return &dynamodb.Projection{ProjectionType: wire.Some(ix.Projection), NonKeyAttributes: slices.Sorted(slices.Values(ix.Include))}
}

func (t *table) describeLocal(ix *index, h *held) dynamodb.LocalSecondaryIndexDescription {
	return dynamodb.LocalSecondaryIndexDescription{
		IndexName: wire.Some(ix.Name), KeySchema: ix.Key.elements(), Projection: ix.projection(), IndexArn: wire.Some(indexARN(t.at, t.Name, ix.Name)),
		IndexSizeBytes: wire.Some(h.bytes), ItemCount: wire.Some(h.items),
	}
}

func (t *table) describeGlobal(ix *index, h *held) dynamodb.GlobalSecondaryIndexDescription {
	d := dynamodb.GlobalSecondaryIndexDescription{
		IndexName: wire.Some(ix.Name), KeySchema: ix.Key.elements(), Projection: ix.projection(), IndexArn: wire.Some(indexARN(t.at, t.Name, ix.Name)),
		IndexStatus: wire.Some(ix.Status), ProvisionedThroughput: ix.Capacity.describe(h.at),
		IndexSizeBytes: wire.Some(h.bytes), ItemCount: wire.Some(h.items),
	}
	warm := t.warm(ix.Warm, ix.Capacity)
	d.WarmThroughput = &dynamodb.GlobalSecondaryIndexWarmThroughputDescription{ReadUnitsPerSecond: wire.Some(warm.Read), WriteUnitsPerSecond: wire.Some(warm.Write), Status: wire.Some(statusActive)}
	d.OnDemandThroughput = ix.Most.onDemand()
	if ix.Status == statusCreating {
		d.Backfilling = wire.Some(true)
	}
	return d
}

func accessListTables(*wire.Call, *dynamodb.ListTablesInput) ([]wire.Access, error) {
	return wire.One("dynamodb:ListTables", "*", nil), nil
}

func (s *Service) listTables(c *wire.Call, in *dynamodb.ListTablesInput) (*dynamodb.ListTablesOutput, error) {
	page := record.Page{Limit: int(in.Limit.Or(100))}
	if in.ExclusiveStartTableName.Set {
		page.After = base64.RawURLEncoding.EncodeToString(kv.K(in.ExclusiveStartTableName.V))
	}
	out := &dynamodb.ListTablesOutput{TableNames: []string{}}
	err := s.db.View(c, func(tx *kv.Tx) error {
		rows, next, err := tableRows.List(tx, scope(c), page)
		for _, t := range rows {
			out.TableNames = append(out.TableNames, t.Name)
		}
		if next != "" {
			out.LastEvaluatedTableName = wire.Some(rows[len(rows)-1].Name)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}
