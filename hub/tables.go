package hub

import (
	"slices"
	"strings"

	"bothy/api/dynamodb"
	"bothy/wire"
)

// tables makes the project's tables. A literal name of a table that was there before means that very table: it is used,
// never changed and never removed.
func (r *run) tables() error {
	for _, t := range r.p.Tables {
		if err := r.table(t); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) table(t Table) error {
	key, name := "table/"+t.Name, r.row.expand(t.Name)
	have := r.want(key)
	m := made{
		Key: key, Type: "AWS::DynamoDB::Table", Name: name, Feature: "database",
		ARN:   "arn:aws:dynamodb:" + r.row.Region + ":" + r.account + ":table/" + name,
		Attrs: map[string]string{"region": r.row.Region, "table-privacy": t.Privacy, "table-schema": t.schema()},
	}
	found, err := call(r, dynamodb.DescribeTable, &dynamodb.DescribeTableInput{TableName: wire.Some(name)})
	switch {
	case err == nil:
		m.Foreign = have == nil && !strings.Contains(t.Name, DynamicPrefix) || have != nil && have.Foreign
		if err := r.note(m); err != nil || m.Foreign {
			return err
		}
		return r.tableIndexes(t, name, found.Table)
	case !failed(err, "ResourceNotFoundException"):
		return err
	}
	if err := r.note(m); err != nil { // before it is made: a table that is there later is ours
		return err
	}
	_, err = call(r, dynamodb.CreateTable, t.create(name))
	return err
}

// schema is the table's shape in short, for people and tools that list resources.
func (t *Table) schema() string {
	return asJSON(map[string]any{"hashKey": t.Hash, "rangeKey": t.Sort, "indexes": t.Indexes})
}

func keySchema(hash, sort Attribute) []dynamodb.KeySchemaElement {
	out := []dynamodb.KeySchemaElement{{AttributeName: wire.Some(hash.Name), KeyType: wire.Some("HASH")}}
	if sort.Name != "" {
		out = append(out, dynamodb.KeySchemaElement{AttributeName: wire.Some(sort.Name), KeyType: wire.Some("RANGE")})
	}
	return out
}

// definitions are the attributes of all keys, each once.
func (t *Table) definitions() (out []dynamodb.AttributeDefinition) {
	keys := []Attribute{t.Hash, t.Sort}
	for _, ix := range t.Indexes {
		keys = append(keys, ix.Hash, ix.Sort)
	}
	var seen []string
	for _, k := range keys {
		if k.Name == "" || slices.Contains(seen, k.Name) {
			continue
		}
		seen = append(seen, k.Name)
		out = append(out, dynamodb.AttributeDefinition{AttributeName: wire.Some(k.Name), AttributeType: wire.Some(k.Type)})
	}
	return out
}

// create makes the table on demand, as its indexes: a capacity would only slow down a machine that its owner has paid for.
func (t *Table) create(name string) *dynamodb.CreateTableInput {
	in := &dynamodb.CreateTableInput{
		TableName: wire.Some(name), KeySchema: keySchema(t.Hash, t.Sort), AttributeDefinitions: t.definitions(), BillingMode: wire.Some("PAY_PER_REQUEST"),
	}
	for _, ix := range t.Indexes {
		in.GlobalSecondaryIndexes = append(in.GlobalSecondaryIndexes, dynamodb.GlobalSecondaryIndex{
			IndexName: wire.Some(ix.Name), KeySchema: keySchema(ix.Hash, ix.Sort), Projection: &dynamodb.Projection{ProjectionType: wire.Some("ALL")},
		})
	}
	return in
}

// tableIndexes adds indexes that the table lacks. Its keys cannot change; an index is never removed with its data.
func (r *run) tableIndexes(t Table, name string, have *dynamodb.TableDescription) error {
	if have == nil {
		return nil
	}
	if !slices.EqualFunc(have.KeySchema, keySchema(t.Hash, t.Sort), func(a, b dynamodb.KeySchemaElement) bool { return a == b }) {
		r.p.warn("table %s: its keys cannot be changed and stay as they are", name)
	}
	for _, ix := range t.Indexes {
		if slices.ContainsFunc(have.GlobalSecondaryIndexes, func(g dynamodb.GlobalSecondaryIndexDescription) bool { return g.IndexName.V == ix.Name }) ||
			slices.ContainsFunc(have.LocalSecondaryIndexes, func(l dynamodb.LocalSecondaryIndexDescription) bool { return l.IndexName.V == ix.Name }) {
			continue
		}
		_, err := call(r, dynamodb.UpdateTable, &dynamodb.UpdateTableInput{
			TableName: wire.Some(name), AttributeDefinitions: t.definitions(),
			GlobalSecondaryIndexUpdates: []dynamodb.GlobalSecondaryIndexUpdate{{Create: &dynamodb.CreateGlobalSecondaryIndexAction{
				IndexName: wire.Some(ix.Name), KeySchema: keySchema(ix.Hash, ix.Sort),
				Projection: &dynamodb.Projection{ProjectionType: wire.Some("ALL")}, ProvisionedThroughput: provisioned(have),
			}}},
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// provisioned is the capacity of a table that has one: an index of such a table must have one too. nil means on demand.
func provisioned(t *dynamodb.TableDescription) *dynamodb.ProvisionedThroughput {
	if t.ProvisionedThroughput == nil || t.BillingModeSummary != nil && t.BillingModeSummary.BillingMode.V == "PAY_PER_REQUEST" {
		return nil
	}
	return &dynamodb.ProvisionedThroughput{ReadCapacityUnits: t.ProvisionedThroughput.ReadCapacityUnits, WriteCapacityUnits: t.ProvisionedThroughput.WriteCapacityUnits}
}

func (r *run) tableAccess() (out []tableAccess) {
	for _, t := range r.p.Tables {
		out = append(out, tableAccess{"arn:aws:dynamodb:" + r.row.Region + ":" + r.account + ":table/" + r.row.expand(t.Name), t.Privacy})
	}
	return out
}
