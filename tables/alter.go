package tables

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"bothy/api/dynamodb"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

func (s *Service) accessUpdateTable(c *wire.Call, in *dynamodb.UpdateTableInput) ([]wire.Access, error) {
	return onTable(c, "dynamodb:UpdateTable", in.TableName)
}

// updateTable changes the definition; what has to be done with rows (an index to fill or to clear) is done before it
// answers, as far as the time of a request goes, and otherwise by Run.
func (s *Service) updateTable(c *wire.Call, in *dynamodb.UpdateTableInput) (*dynamodb.UpdateTableOutput, error) {
	if err := checkUpdateTable(in); err != nil {
		return nil, err
	}
	var work bool
	t, err := s.change(c, in.TableName.V, func(t *table) (err error) {
		work, err = t.alter(c.Now, in)
		return err
	})
	if err != nil {
		return nil, err
	}
	answer := t.describe(&held{})
	if work {
		answer.TableStatus = wire.Some(statusUpdating)
		if err := s.within(c, func(ctx context.Context) error { return s.workOn(ctx, chore{c.Account, c.Region, t.Name}) }); err != nil {
			return nil, err
		}
	}
	return &dynamodb.UpdateTableOutput{TableDescription: answer}, nil
}

// change rewrites the definition of a table that is not being deleted, and lists the table for background work when it
// needs some from now on.
func (s *Service) change(c *wire.Call, name string, fn func(*table) error) (*table, error) {
	var t table
	err := s.db.Update(c, func(tx *kv.Tx) error {
		have, err := s.named(tx, c, name)
		if err != nil {
			return err
		}
		switch have.Status {
		case statusDeleting:
			return inUse("Attempt to change a resource which is still in use: Table is being deleted: " + have.Name)
		case statusCreating:
			return inUse("Attempt to change a resource which is still in use: Table is being created: " + have.Name)
		}
		t = *have.clone()
		if err := fn(&t); err != nil {
			return err
		}
		if err := t.relog(tx, c.Now); err != nil {
			return err
		}
		return t.save(tx)
	})
	return &t, err
}

// clone is a definition to be changed: what is loaded is shared.
func (t *table) clone() *table {
	c := *t
	c.Indexes, c.Attributes, c.Holds = slices.Clone(t.Indexes), slices.Clone(t.Attributes), slices.Clone(t.Holds)
	c.Vectors = slices.Clone(t.Vectors)
	return &c
}

// save stores the definition and keeps the list of chores right.
func (t *table) save(tx *kv.Tx) error {
	if err := tableRows.Put(tx, t.at, t); err != nil {
		return err
	}
	if t.busy() || t.TTL != "" {
		return chores.Put(tx, record.Scope{}, &chore{t.at.Account, t.at.Region, t.Name})
	}
	return dropChore(tx, t)
}

func dropChore(tx *kv.Tx, t *table) error {
	err := chores.Delete(tx, record.Scope{}, t.at.Account, t.at.Region, t.Name)
	if errors.Is(err, record.ErrNotFound) {
		return nil
	}
	return err
}

// busy tells whether rows have to be removed or an index filled.
func (t *table) busy() bool {
	return t.Status == statusDeleting || t.FillTTL || t.busyVectors() || slices.ContainsFunc(t.Indexes, func(ix index) bool { return ix.Status != statusActive })
}

func checkUpdateTable(in *dynamodb.UpdateTableInput) error {
	if err := together(in); err != nil {
		return err
	}
	switch {
	case len(in.ReplicaUpdates) > 0, len(in.GlobalTableWitnessUpdates) > 0, in.MultiRegionConsistency.Set, in.GlobalTableSettingsReplicationMode.Set, in.DisassociationProtectionEnabled.Set:
		return validation("Global tables are not supported")
	case in.SSESpecification != nil && (in.SSESpecification.Enabled.V || in.SSESpecification.KMSMasterKeyId.Set):
		return validation("Encryption with KMS keys is not supported: SSESpecification.Enabled must be false")
	case in.SSESpecification != nil:
		return validation(invalid + "Table is already encrypted by default")
	case !in.BillingMode.Set && in.ProvisionedThroughput == nil && in.StreamSpecification == nil && len(in.GlobalSecondaryIndexUpdates) == 0 && len(in.VectorIndexUpdates) == 0 && !in.TableClass.Set &&
		!in.DeletionProtectionEnabled.Set && in.OnDemandThroughput == nil && in.WarmThroughput == nil:
		return validation("At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndexUpdates, SSESpecification, ReplicaUpdates, MultiAccountReplicaReady, ReplicaTransitRoleArn, MultiRegionConsistency, DeletionProtectionEnabled, OnDemandThroughput, WarmThroughput or TableClass is required")
	}
	return nil
}

// alter applies an UpdateTable; work tells that rows have to be seen to.
func (t *table) alter(now time.Time, in *dynamodb.UpdateTableInput) (work bool, err error) {
	if err := t.define(in); err != nil {
		return false, err
	}
	t.keepWarm()
	if err := t.rebill(now, in); err != nil {
		return false, err
	}
	if err := t.tune(t.tuned(nil, false), in.OnDemandThroughput, in.WarmThroughput); err != nil {
		return false, err
	}
	if in.TableClass.Set && in.TableClass.V != cmp.Or(t.Class, "STANDARD") {
		t.Class, t.ClassSince = in.TableClass.V, now
	}
	if in.DeletionProtectionEnabled.Set {
		t.Protected = in.DeletionProtectionEnabled.V
	}
	if err := t.alterStream(in.StreamSpecification); err != nil {
		return false, err
	}
	if err := t.alterIndexes(now, in.GlobalSecondaryIndexUpdates); err != nil {
		return false, err
	}
	if err := t.alterVectors(in.VectorIndexUpdates, in.AttributeDefinitions, len(in.GlobalSecondaryIndexUpdates)); err != nil {
		return false, err
	}
	t.forgetAttributes()
	return t.busy(), nil
}

// define takes in the definitions that come with new indexes, of which every key needs one, and none may be another than before.
// Without a new index they do not matter.
func (t *table) define(in *dynamodb.UpdateTableInput) error {
	given, err := attributesOf(in.AttributeDefinitions)
	if err != nil {
		return err
	}
	for _, u := range in.GlobalSecondaryIndexUpdates {
		if u.Create == nil {
			continue
		}
		if len(given) == 0 {
			return validation(invalid+"AttributeDefinitions is not specified for index: %s", u.Create.IndexName.V)
		}
		added := table{Attributes: given}
		if err := added.defines(u.Create.KeySchema); err != nil {
			return err
		}
		if have := t.clash(given, u.Create.KeySchema); have != nil {
			return validation(invalid+"Attributes cannot be redefined. Please check that your attribute has the same type as previously defined. Existing schema: %s New schema: %s",
				t.shownSchema(have), added.shownSchema(u.Create.KeySchema))
		}
	}
	for _, a := range given {
		if t.attribute(a.Name) == nil {
			t.Attributes = append(t.Attributes, a)
		}
	}
	return nil
}

// clash is the schema of the table or of an index that has an attribute of another schema with another type than is given, nil when
// there is none.
func (t *table) clash(given []attribute, schema []dynamodb.KeySchemaElement) []dynamodb.KeySchemaElement {
	differs := func(e dynamodb.KeySchemaElement) bool {
		name := e.AttributeName.V
		return slices.ContainsFunc(given, func(a attribute) bool { return a.Name == name && a.Type != t.attribute(name).Type }) &&
			slices.ContainsFunc(schema, func(e dynamodb.KeySchemaElement) bool { return e.AttributeName.V == name })
	}
	if have := t.Key.elements(); slices.ContainsFunc(have, differs) {
		return have
	}
	for i := range t.Indexes {
		if have := t.Indexes[i].Key.elements(); slices.ContainsFunc(have, differs) {
			return have
		}
	}
	return nil
}

// shownSchema is a schema as AWS's messages show it.
func (t *table) shownSchema(schema []dynamodb.KeySchemaElement) string {
	var elements []string
	for _, e := range schema {
		elements = append(elements, "SchemaElement: key{"+e.AttributeName.V+":"+t.attribute(e.AttributeName.V).Type+":"+e.KeyType.V+"}")
	}
	return "Schema:[" + strings.Join(elements, ", ") + "]"
}

// forgetAttributes drops the definitions that no key needs any more.
func (t *table) forgetAttributes() {
	t.Attributes = slices.DeleteFunc(t.Attributes, func(a attribute) bool { return !t.keyed(a.Name) })
}

func (t *table) alterIndexes(now time.Time, updates []dynamodb.GlobalSecondaryIndexUpdate) error {
	seen, online := map[string]bool{}, 0
	for _, u := range updates {
		var name string
		var apply func() error
		switch {
		case several(u.Create != nil, u.Delete != nil, u.Update != nil):
			return validation(invalid + "Only one global secondary index action is allowed per GlobalSecondaryIndexUpdate object")
		case u.Create != nil:
			name, apply = u.Create.IndexName.V, func() error { return t.createIndex(u.Create) }
			online++
		case u.Delete != nil:
			name, apply = u.Delete.IndexName.V, func() error { return t.deleteIndex(u.Delete.IndexName.V) }
			online++
		case u.Update != nil:
			name, apply = u.Update.IndexName.V, func() error { return t.updateIndex(now, u.Update) }
		default:
			return validation(invalid + "One of GlobalSecondaryIndexUpdate.Update, GlobalSecondaryIndexUpdate.Create, GlobalSecondaryIndexUpdate.Delete must not be null")
		}
		if seen[name] {
			return validation(invalid+"Only one global secondary index update per index is allowed simultaneously. Index: %s", name)
		}
		if seen[name] = true; online > 1 {
			return oneOnline()
		}
		if err := apply(); err != nil {
			return err
		}
	}
	return nil
}

// several tells whether more than one is true.
func several(conditions ...bool) bool {
	n := 0
	for _, c := range conditions {
		if c {
			n++
		}
	}
	return n > 1
}

// createIndex adds an index that every write keeps from now on, and that nobody reads until it is filled.
func (t *table) createIndex(a *dynamodb.CreateGlobalSecondaryIndexAction) error {
	global := 0
	for i := range t.Indexes {
		if t.Indexes[i].Name == a.IndexName.V || t.vector(a.IndexName.V) != nil {
			return validation("Attempting to create an index which already exists")
		}
		if !t.Indexes[i].Local {
			global++
		}
	}
	if global >= maxGlobalIndexes {
		return &dynamodb.LimitExceededException{Message: wire.Some("Subscriber limit exceeded: Number of global secondary indexes exceeds per-table limit of 20")}
	}
	ix, err := t.addIndex(a.IndexName.V, false, a.KeySchema, a.Projection)
	if err != nil {
		return err
	}
	ix.Status = statusCreating
	switch {
	case a.ProvisionedThroughput == nil && t.OnDemand.IsZero():
		return validation(invalid+"Both ReadCapacityUnits and WriteCapacityUnits must be specified for index: %s", ix.Name)
	case a.ProvisionedThroughput != nil && !t.OnDemand.IsZero():
		return validation(invalid+"Neither ReadCapacityUnits nor WriteCapacityUnits can be specified for index: %s when BillingMode is PAY_PER_REQUEST", ix.Name)
	}
	if ix.Capacity, err = capacityOf(a.ProvisionedThroughput); err != nil {
		return err
	}
	return t.tune(t.tuned(ix, true), a.OnDemandThroughput, a.WarmThroughput)
}

// global is an index to be changed; verb says how.
func (t *table) global(name, verb string) (*index, error) {
	switch ix := t.index(name); {
	case ix == nil:
		return nil, &dynamodb.ResourceNotFoundException{Message: wire.Some("Requested resource not found: Index " + name + " for table " + t.Name)}
	case ix.Local:
		return nil, validation("Cannot %s an index that is not a GlobalSecondaryIndex: %s", verb, name)
	case ix.Status == statusActive, ix.Status == statusCreating && verb == "delete": // it may be given up
		return ix, nil
	case ix.Status == statusDeleting:
		return nil, inUse("Attempt to change a resource which is still in use: Index is being deleted. Table: " + t.Name + " Index: " + name)
	}
	return nil, inUse("Attempt to change a resource which is still in use: Index is being created. Table: " + t.Name + " Index: " + name)
}

func (t *table) deleteIndex(name string) error {
	ix, err := t.global(name, "delete")
	if err == nil {
		ix.Status = statusDeleting
	}
	return err
}

func (t *table) updateIndex(now time.Time, a *dynamodb.UpdateGlobalSecondaryIndexAction) error {
	if w := a.WarmThroughput; w != nil && !w.ReadUnitsPerSecond.Set && !w.WriteUnitsPerSecond.Set {
		return validation(invalid+"WarmThroughput must have at least one of ReadUnitsPerSecond or WriteUnitsPerSecond specified for index: %s", a.IndexName.V)
	}
	ix, err := t.global(a.IndexName.V, "update")
	if err == nil {
		err = t.tune(t.tuned(ix, false), a.OnDemandThroughput, a.WarmThroughput)
	}
	limited := a.OnDemandThroughput != nil && (a.OnDemandThroughput.MaxReadRequestUnits.Set || a.OnDemandThroughput.MaxWriteRequestUnits.Set)
	nothing := a.ProvisionedThroughput == nil && !limited && a.WarmThroughput == nil
	switch {
	case err != nil:
		return err
	case !t.OnDemand.IsZero() && (nothing || a.ProvisionedThroughput != nil):
		return validation(invalid+"The only Updates for index: %s when TableThroughputMode is PAY_PER_REQUEST can be to OnDemandThroughput, WarmThroughput", ix.Name)
	case nothing:
		return validation(invalid+"Both ReadCapacityUnits and WriteCapacityUnits must be specified for index: %s", ix.Name)
	case a.ProvisionedThroughput == nil:
		return nil
	}
	return ix.Capacity.change(now, ix.Name, a.ProvisionedThroughput)
}

func (s *Service) accessDeleteTable(c *wire.Call, in *dynamodb.DeleteTableInput) ([]wire.Access, error) {
	return onTable(c, "dynamodb:DeleteTable", in.TableName)
}

// deleteTable marks the table and removes its rows before it answers, as far as the time of a request goes; what is left
// Run removes. The name is free again when all is gone. The items of one that could be recovered become its last backup.
func (s *Service) deleteTable(c *wire.Call, in *dynamodb.DeleteTableInput) (*dynamodb.DeleteTableOutput, error) {
	t, err := s.change(c, in.TableName.V, func(t *table) error {
		if t.Protected {
			return validation("Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first.")
		}
		if len(t.Holds) > 0 {
			return inUse("Attempt to change a resource which is still in use: Table is being backed up, restored or exported: " + t.Name)
		}
		if t.building() {
			return inUse("Attempt to change a resource which is still in use: Cannot delete table while indexes are being created, updated, or deleted.")
		}
		if !t.Recovery.IsZero() {
			t.Ended = c.Now
		}
		t.Status, t.Recovery = statusDeleting, time.Time{}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := s.within(c, func(ctx context.Context) error { return s.workOn(ctx, chore{c.Account, c.Region, t.Name}) }); err != nil {
		return nil, err
	}
	d := t.describe(&held{})
	d.AttributeDefinitions, d.KeySchema, d.CreationDateTime = nil, nil, wire.Opt[time.Time]{} // AWS no longer shows what the table was like
	d.LocalSecondaryIndexes, d.GlobalSecondaryIndexes, d.VectorIndexes = nil, nil, nil
	return &dynamodb.DeleteTableOutput{TableDescription: d}, nil
}
