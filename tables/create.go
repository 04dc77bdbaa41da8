package tables

import (
	"errors"
	"slices"
	"strings"
	"time"

	"bothy/api/dynamodb"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

// Limits of tables.
const (
	maxLocalIndexes  = 5
	maxGlobalIndexes = 20
	maxInclude       = 100 // attributes all indexes of a table name together
	maxUnits         = 1_000_000_000_000
	maxSeveral       = 4 // attributes of a partition key, or of a sort key, of a global index
	// attributes: what all keys and search schemas together can use
	maxDefined = 2*(1+maxLocalIndexes) + 2*maxSeveral*maxGlobalIndexes + maxVectorIndexes*(1+maxInlineFilters)
)

func (s *Service) accessCreateTable(c *wire.Call, in *dynamodb.CreateTableInput) ([]wire.Access, error) {
	name, err := tableName(c, in.TableName.V)
	if err != nil {
		return nil, err
	}
	wants := wire.One("dynamodb:CreateTable", tableARN(scope(c), name), tagging(in.Tags))
	if in.ResourcePolicy.Set {
		wants = append(wants, wire.Access{Action: "dynamodb:PutResourcePolicy", Resource: tableARN(scope(c), name)})
	}
	if len(in.Tags) > 0 {
		wants = append(wants, wire.Access{Action: "dynamodb:TagResource", Resource: tableARN(scope(c), name), Keys: tagging(in.Tags)})
	}
	return wants, nil
}

// createTable makes a table that is ACTIVE at once: waiters accept that as they do CREATING first.
func (s *Service) createTable(c *wire.Call, in *dynamodb.CreateTableInput) (*dynamodb.CreateTableOutput, error) {
	made, err := newTable(c, in)
	if err != nil {
		return nil, err
	}
	var t *table
	err = s.db.Update(c, func(tx *kv.Tx) error {
		once := *made
		t = once.settled(scope(c), s.now)
		if err := t.relog(tx, c.Now); err != nil {
			return err
		}
		err := tableRows.Insert(tx, scope(c), t)
		if exists := (*record.ErrExists)(nil); errors.As(err, &exists) {
			return inUse("Table already exists: " + t.Name)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return &dynamodb.CreateTableOutput{TableDescription: t.describe(&held{})}, nil
}

func newTable(c *wire.Call, in *dynamodb.CreateTableInput) (*table, error) {
	name, err := tableName(c, in.TableName.V)
	if err != nil {
		return nil, err
	}
	if err := unsupported(in); err != nil {
		return nil, err
	}
	t := &table{
		Name: name, ID: wire.NewUUID(), Status: statusActive, Created: c.Now, NextIndex: 1, Tags: map[string]string{},
		Protected: in.DeletionProtectionEnabled.V, Class: in.TableClass.V,
	}
	if t.Attributes, err = attributesOf(in.AttributeDefinitions); err != nil {
		return nil, err
	}
	if err := t.bill(c.Now, in.BillingMode, in.ProvisionedThroughput); err != nil {
		return nil, err
	}
	if err := t.tune(t.tuned(nil, true), in.OnDemandThroughput, in.WarmThroughput); err != nil {
		return nil, err
	}
	if t.Key, err = t.schema(in.KeySchema, false); err != nil {
		return nil, err
	}
	if t.View, err = viewOf(in.StreamSpecification, true); err != nil {
		return nil, err
	}
	if err := t.createIndexes(in); err != nil {
		return nil, err
	}
	if err := t.createVectors(in.VectorIndexes); err != nil {
		return nil, err
	}
	if err := t.checkDefinitions(); err != nil {
		return nil, err
	}
	if in.ResourcePolicy.Set {
		if err := checkPolicy(c, name, in.ResourcePolicy.V, false); err != nil {
			return nil, err
		}
		t.attach(c.Now, in.ResourcePolicy.V)
	}
	return t, t.tag(in.Tags)
}

const absent = "1 validation error detected: Value null at '%s' failed to satisfy constraint: Member must not be null"

// unsupported refuses what only copies of tables of other regions may lack, and what this service does not do, rather than forget it.
func unsupported(in *dynamodb.CreateTableInput) error {
	switch {
	case in.AttributeDefinitions == nil:
		return validation(absent, "attributeDefinitions")
	case in.KeySchema == nil:
		return validation(absent, "keySchema")
	case in.GlobalTableSourceArn.Set:
		return validation("Global tables are not supported")
	case in.SSESpecification != nil && (in.SSESpecification.Enabled.V || in.SSESpecification.KMSMasterKeyId.Set):
		return validation("Encryption with KMS keys is not supported: SSESpecification.Enabled must be false")
	}
	return nil
}

func attributesOf(defs []dynamodb.AttributeDefinition) ([]attribute, error) {
	if len(defs) > maxDefined {
		return nil, validation(invalid + "Number of attributes in KeySchema does not exactly match number of attributes defined in AttributeDefinitions")
	}
	var out []attribute
	for _, d := range defs {
		for _, have := range out {
			if have.Name == d.AttributeName.V {
				return nil, validation("Attribute Name is duplicated: %s", have.Name)
			}
		}
		out = append(out, attribute{d.AttributeName.V, d.AttributeType.V})
	}
	return out, nil
}

// bill reads billing mode and throughput.
func (t *table) bill(now time.Time, mode wire.Opt[string], p *dynamodb.ProvisionedThroughput) error {
	if mode.V == "PAY_PER_REQUEST" {
		if p != nil {
			return validation(invalid + "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST")
		}
		t.OnDemand = now
		return nil
	}
	if p == nil {
		return validation(invalid + "ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED")
	}
	var err error
	t.Capacity, err = capacityOf(p)
	return err
}

func capacityOf(p *dynamodb.ProvisionedThroughput) (capacity, error) {
	if p == nil {
		return capacity{}, nil
	}
	if p.ReadCapacityUnits.V > maxUnits {
		return capacity{}, validation("Given value %d for ReadCapacityUnits is out of bounds", p.ReadCapacityUnits.V)
	}
	if p.WriteCapacityUnits.V > maxUnits {
		return capacity{}, validation("Given value %d for WriteCapacityUnits is out of bounds", p.WriteCapacityUnits.V)
	}
	return capacity{Read: p.ReadCapacityUnits.V, Write: p.WriteCapacityUnits.V}, nil
}

func (t *table) attribute(name string) *attribute {
	for i := range t.Attributes {
		if t.Attributes[i].Name == name {
			return &t.Attributes[i]
		}
	}
	return nil
}

// schema reads a KeySchema against the attribute definitions; several attributes only make a key of a global index.
func (t *table) schema(elements []dynamodb.KeySchemaElement, several bool) (k keySchema, err error) {
	if len(elements) > 2 && !several || len(elements) < 1 {
		return k, validation("%s", wire.Detected(wire.Violation{At: "keySchema", Value: shownSchema(elements), Must: "Member must have length less than or equal to 2"}.String()))
	}
	if err := t.defines(elements); err != nil {
		return k, err
	}
	if elements[0].KeyType.V != "HASH" {
		return k, validation("Invalid KeySchema: The first KeySchemaElement is not a HASH key type")
	}
	if k.Digests = true; several {
		return k, k.take(t, elements)
	}
	k.Hash = *t.attribute(elements[0].AttributeName.V)
	if len(elements) == 1 {
		return k, nil
	}
	if k.Hash.Name == elements[1].AttributeName.V {
		if len(t.Attributes) < len(elements) {
			return k, validation(undefined)
		}
		return k, validation("Both the Hash Key and the Range Key element in the KeySchema have the same name")
	}
	if elements[1].KeyType.V != "RANGE" {
		return k, validation("Invalid KeySchema: The second KeySchemaElement is not a RANGE key type")
	}
	k.Range = *t.attribute(elements[1].AttributeName.V)
	return k, nil
}

// shownSchema is a KeySchema in messages.
func shownSchema(elements []dynamodb.KeySchemaElement) string {
	var shown []string
	for _, e := range elements {
		shown = append(shown, "KeySchemaElement(attributeName="+e.AttributeName.V+", keyType="+e.KeyType.V+")")
	}
	return "'[" + strings.Join(shown, ", ") + "]'"
}

// take makes the key of a global index of a KeySchema whose first element is a HASH.
func (k *keySchema) take(t *table, elements []dynamodb.KeySchemaElement) error {
	var hashes, ranges []attribute
	for _, e := range elements {
		a := *t.attribute(e.AttributeName.V)
		switch {
		case slices.Contains(hashes, a) || slices.Contains(ranges, a):
			return validation("The KeySchema contains multiple key attributes with the same name")
		case e.KeyType.V == "RANGE":
			ranges = append(ranges, a)
		case ranges != nil:
			return validation(invalid + "All HASH key attributes must precede RANGE key attributes in the KeySchema")
		default:
			hashes = append(hashes, a)
		}
	}
	switch {
	case len(hashes) > maxSeveral:
		return validation(invalid + "The KeySchema exceeds the maximum allowed number of HASH key attributes")
	case len(ranges) > maxSeveral:
		return validation(invalid + "The KeySchema exceeds the maximum allowed number of RANGE key attributes")
	}
	if k.Hash, k.MoreHash = hashes[0], hashes[1:]; ranges != nil {
		k.Range, k.MoreRange = ranges[0], ranges[1:]
	}
	return nil
}

const undefined = "Invalid KeySchema: Some index key attribute have no definition"

// defines refuses a schema with attributes that are not defined.
func (t *table) defines(schema []dynamodb.KeySchemaElement) error {
	var names []string
	for _, e := range schema {
		names = append(names, e.AttributeName.V)
	}
	for _, n := range names {
		if t.attribute(n) == nil {
			if t.Key.Hash.Name == "" && len(names) == 2 || len(t.Attributes) == 0 { // of the table itself
				return validation(undefined)
			}
			return validation(invalid+"Some index key attributes are not defined in AttributeDefinitions. Keys: [%s], AttributeDefinitions: [%s]", strings.Join(names, ", "), strings.Join(namesOf(t.Attributes), ", "))
		}
	}
	return nil
}

func (t *table) createIndexes(in *dynamodb.CreateTableInput) error {
	if err := checkIndexCounts(in); err != nil {
		return err
	}
	for _, l := range in.LocalSecondaryIndexes {
		if t.Key.Range.Name == "" {
			return validation(invalid + "Table KeySchema does not have a range key, which is required when specifying a LocalSecondaryIndex")
		}
		ix, err := t.addIndex(l.IndexName.V, true, l.KeySchema, l.Projection)
		if err != nil {
			return err
		}
		if ix.Key.Range.Name == "" {
			return validation(invalid+"Index KeySchema does not have a range key for index: %s", ix.Name)
		}
		if ix.Key.Hash.Name != t.Key.Hash.Name {
			return validation(invalid+"Index KeySchema does not have the same leading hash key as table KeySchema for index: %s. index hash key: %s, table hash key: %s", ix.Name, ix.Key.Hash.Name, t.Key.Hash.Name)
		}
	}
	for _, g := range in.GlobalSecondaryIndexes {
		ix, err := t.addIndex(g.IndexName.V, false, g.KeySchema, g.Projection)
		if err != nil {
			return err
		}
		if ix.Capacity, err = t.indexCapacity(ix.Name, g.ProvisionedThroughput); err != nil {
			return err
		}
		if err := t.tune(t.tuned(ix, true), g.OnDemandThroughput, g.WarmThroughput); err != nil {
			return err
		}
	}
	return nil
}

func checkIndexCounts(in *dynamodb.CreateTableInput) error {
	switch {
	case in.LocalSecondaryIndexes != nil && len(in.LocalSecondaryIndexes) == 0:
		return validation(invalid + "List of LocalSecondaryIndexes is empty")
	case in.GlobalSecondaryIndexes != nil && len(in.GlobalSecondaryIndexes) == 0:
		return validation(invalid + "List of GlobalSecondaryIndexes is empty")
	case len(in.LocalSecondaryIndexes) > maxLocalIndexes:
		return validation(invalid+"Number of LocalSecondaryIndexes exceeds per-table limit of %d", maxLocalIndexes)
	case len(in.GlobalSecondaryIndexes) > maxGlobalIndexes:
		return validation(invalid+"GlobalSecondaryIndex count exceeds the per-table limit of %d", maxGlobalIndexes)
	}
	return nil
}

func (t *table) indexCapacity(name string, p *dynamodb.ProvisionedThroughput) (capacity, error) {
	if p == nil && t.OnDemand.IsZero() {
		return capacity{}, validation(invalid+"ProvisionedThroughput is not specified for index: %s", name)
	}
	if p != nil && !t.OnDemand.IsZero() {
		return capacity{}, validation(invalid+"ProvisionedThroughput should not be specified for index: %s when BillingMode is PAY_PER_REQUEST", name)
	}
	return capacityOf(p)
}

// addIndex checks an index and adds it, ACTIVE.
func (t *table) addIndex(name string, local bool, elements []dynamodb.KeySchemaElement, p *dynamodb.Projection) (*index, error) {
	key, err := t.schema(elements, !local)
	if err != nil {
		return nil, err
	}
	if t.index(name) != nil {
		return nil, validation(invalid+"Duplicate index name: %s", name)
	}
	if err := checkProjection(p); err != nil {
		return nil, err
	}
	kind := p.ProjectionType.V
	t.Indexes = append(t.Indexes, index{ID: t.NextIndex, Name: name, Local: local, Status: statusActive, Key: key, Projection: kind, Include: p.NonKeyAttributes, Covers: kind != "ALL"})
	t.NextIndex++
	included := 0
	for i := range t.Indexes {
		included += len(t.Indexes[i].Include)
	}
	if included > maxInclude {
		return nil, validation(invalid+"Number of NonKeyAttributes of all indexes exceeds the limit of %d", maxInclude)
	}
	return &t.Indexes[len(t.Indexes)-1], nil
}

func checkProjection(p *dynamodb.Projection) error {
	kind := p.ProjectionType.V
	switch {
	case !p.ProjectionType.Set:
		return validation(invalid + "Unknown ProjectionType: null")
	case kind == "INCLUDE" && len(p.NonKeyAttributes) == 0:
		return validation(invalid + "ProjectionType is INCLUDE, but NonKeyAttributes is not specified")
	case kind != "INCLUDE" && p.NonKeyAttributes != nil:
		return validation(invalid+"ProjectionType is %s, but NonKeyAttributes is specified", kind)
	}
	if name, ok := repeated(p.NonKeyAttributes); ok {
		return validation(invalid+"Duplicate element in NonKeyAttributes: %s", name)
	}
	return nil
}

func repeated(names []string) (string, bool) {
	for i, n := range names {
		if slices.Contains(names[:i], n) {
			return n, true
		}
	}
	return "", false
}

// checkDefinitions refuses attribute definitions that no key uses.
func (t *table) checkDefinitions() error {
	var used []string
	for _, a := range t.Attributes {
		if t.keyed(a.Name) {
			used = append(used, a.Name)
		}
	}
	switch {
	case len(used) == len(t.Attributes):
		return nil
	case len(t.Indexes) == 0 && len(t.Vectors) == 0:
		return validation(invalid + "Number of attributes in KeySchema does not exactly match number of attributes defined in AttributeDefinitions")
	}
	return validation(invalid+"Some AttributeDefinitions are not used. AttributeDefinitions: [%s], keys used: [%s]", strings.Join(namesOf(t.Attributes), ", "), strings.Join(used, ", "))
}

// keyed tells whether an attribute is in the key of the table or of an index, or searches may ask for it.
func (t *table) keyed(name string) bool {
	return t.Key.has(name) || t.searched(name) || slices.ContainsFunc(t.Indexes, func(ix index) bool { return ix.Key.has(name) })
}

func namesOf(attributes []attribute) []string {
	out := make([]string, len(attributes))
	for i, a := range attributes {
		out[i] = a.Name
	}
	return out
}
