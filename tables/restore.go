package tables

import (
	"context"
	"errors"
	"slices"
	"time"

	"bothy/api/dynamodb"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

// restored says where a table came from.
type restored struct {
	Backup string `json:",omitempty"` // ARNs
	Table  string
	At     time.Time // whose state it has
}

// overrides are what a restored table may have otherwise than its source.
type overrides struct {
	name    string
	billing wire.Opt[string]
	units   *dynamodb.ProvisionedThroughput
	most    *dynamodb.OnDemandThroughput
	global  []dynamodb.GlobalSecondaryIndex
	local   []dynamodb.LocalSecondaryIndex
	sse     *dynamodb.SSESpecification
	vectors []dynamodb.VectorIndex
}

// accessRestore is what a restore needs on the table it makes, as the Service Authorization Reference lists it.
func accessRestore(c *wire.Call, action, source, name string) ([]wire.Access, error) {
	name, err := tableName(c, name)
	if err != nil {
		return nil, err
	}
	target := tableARN(scope(c), name)
	wants := []wire.Access{{Action: "dynamodb:" + action, Resource: source}, {Action: "dynamodb:" + action, Resource: target}}
	for _, needed := range []string{"BatchWriteItem", "DeleteItem", "GetItem", "PutItem", "Query", "Scan", "UpdateItem"} {
		wants = append(wants, wire.Access{Action: "dynamodb:" + needed, Resource: target})
	}
	return wants, nil
}

func (s *Service) accessRestoreBackup(c *wire.Call, in *dynamodb.RestoreTableFromBackupInput) ([]wire.Access, error) {
	if _, err := accessBackup(c, "RestoreTableFromBackup", in.BackupArn.V); err != nil {
		return nil, err
	}
	return accessRestore(c, "RestoreTableFromBackup", in.BackupArn.V, in.TargetTableName.V)
}

func (s *Service) restoreBackup(c *wire.Call, in *dynamodb.RestoreTableFromBackupInput) (*dynamodb.RestoreTableFromBackupOutput, error) {
	o := overrides{in.TargetTableName.V, in.BillingModeOverride, in.ProvisionedThroughputOverride, in.OnDemandThroughputOverride, in.GlobalSecondaryIndexOverride, in.LocalSecondaryIndexOverride, in.SSESpecificationOverride, in.VectorIndexOverride}
	t, err := s.restore(c, &o, func(tx *kv.Tx, j *job, id string) (*table, *restored, error) {
		b, err := getBackup(tx, scope(c), in.BackupArn.V)
		if err != nil {
			return nil, nil, err
		}
		if !b.Done {
			return nil, nil, &dynamodb.BackupInUseException{Message: wire.Some("Backup is being created: " + in.BackupArn.V)}
		}
		b.Users = append(b.Users, j.ID)
		j.Subject = in.BackupArn.V
		j.Copy = copying{From: b.Rows, To: id, Key: b.Of.Key}
		return &b.Of, &restored{in.BackupArn.V, tableARN(scope(c), b.Table), b.Created}, backupRows.Put(tx, scope(c), b)
	})
	if err != nil {
		return nil, err
	}
	return &dynamodb.RestoreTableFromBackupOutput{TableDescription: t.describe(&held{})}, nil
}

// restore begins to make a table from what begin finds: the definition of the source and where it is from.
func (s *Service) restore(c *wire.Call, o *overrides, begin func(tx *kv.Tx, j *job, id string) (*table, *restored, error)) (t *table, err error) {
	id := wire.NewUUID()
	err = s.db.Update(c, func(tx *kv.Tx) error {
		j := &job{ID: wire.NewUUID(), Account: c.Account, Region: c.Region, Kind: jobRestore, Step: stepCopy}
		of, from, err := begin(tx, j, id)
		if err != nil {
			return err
		}
		if t, err = of.remade(c, id, o); err != nil {
			return err
		}
		t.Restored = from
		t = t.settled(scope(c), s.now)
		err = tableRows.Insert(tx, scope(c), t)
		if exists := (*record.ErrExists)(nil); errors.As(err, &exists) {
			return s.taken(tx, t)
		} else if err != nil {
			return err
		}
		j.Target = t.Name
		return putJob(tx, j)
	})
	return t, err
}

// taken refuses a restore to a name that there is.
func (s *Service) taken(tx *kv.Tx, t *table) error {
	have, err := s.load(tx, t.at, t.Name)
	if err != nil {
		return err
	}
	if have.Status == statusCreating && have.Restored != nil {
		text := "Table: " + t.Name + " is already being restored"
		if have.Restored.Backup != "" {
			text += " from backup: " + have.Restored.Backup
		}
		return &dynamodb.TableInUseException{Message: wire.Some(text)}
	}
	return &dynamodb.TableAlreadyExistsException{Message: wire.Some("Table already exists: " + t.Name)}
}

// remade is the definition of a table that is made after another: its keys and indexes, not its tags, expiry, streams and
// backups, as AWS has it.
func (t *table) remade(c *wire.Call, id string, o *overrides) (*table, error) {
	name, err := tableName(c, o.name)
	if err != nil {
		return nil, err
	}
	if o.sse != nil && (o.sse.Enabled.V || o.sse.KMSMasterKeyId.Set) {
		return nil, validation("Encryption with KMS keys is not supported: SSESpecificationOverride.Enabled must be false")
	}
	n := &table{Name: name, ID: id, Status: statusCreating, Created: c.Now, NextIndex: 1, Tags: map[string]string{}, Attributes: slices.Clone(t.Attributes), Key: t.Key,
		OnDemand: t.OnDemand, Capacity: capacity{Read: t.Capacity.Read, Write: t.Capacity.Write}, Most: t.Most, Class: t.Class}
	if err := n.reindex(t, o); err != nil {
		return nil, err
	}
	vectors, err := t.vectorsKept(o.vectors)
	if err != nil {
		return nil, err
	}
	for _, vx := range vectors {
		vx.ID, vx.Status = n.NextIndex, statusCreating
		n.Vectors = append(n.Vectors, vx)
		n.NextIndex++
	}
	n.forgetAttributes()
	if err := n.rebillRestored(c.Now, o); err != nil {
		return nil, err
	}
	return n, n.checkVectorIndexes()
}

// reindex gives a restored table the indexes of its source, or those of them that are asked for, under the names that they are to
// have.
func (n *table) reindex(of *table, o *overrides) error {
	add := func(ix index, name string) {
		ix.ID, ix.Name, ix.Status, ix.Covers = n.NextIndex, name, statusCreating, ix.Projection != "ALL"
		n.Indexes = append(n.Indexes, ix)
		n.NextIndex++
	}
	for _, ix := range of.Indexes {
		if asked := o.global != nil; ix.Status != statusDeleting && (ix.Local && o.local == nil || !ix.Local && !asked) {
			add(ix, ix.Name)
		}
	}
	for _, l := range o.local {
		ix, err := of.alike(true, l.IndexName.V, l.KeySchema, l.Projection)
		if err != nil {
			return err
		}
		add(*ix, l.IndexName.V)
	}
	for _, g := range o.global {
		ix, err := of.alike(false, g.IndexName.V, g.KeySchema, g.Projection)
		if err != nil {
			return err
		}
		again := *ix
		if g.ProvisionedThroughput != nil {
			if again.Capacity, err = capacityOf(g.ProvisionedThroughput); err != nil {
				return err
			}
		}
		limited := n.tuned(&again, false)
		if err := limited.limits(g.OnDemandThroughput, true); err != nil {
			return err
		}
		add(again, g.IndexName.V)
	}
	for i := range n.Indexes {
		if n.index(n.Indexes[i].Name) != &n.Indexes[i] {
			return validation(invalid+"Duplicate index name: %s", n.Indexes[i].Name)
		}
	}
	return nil
}

// alike is the index of a table that has a schema and a projection, whatever its name.
func (t *table) alike(local bool, name string, elements []dynamodb.KeySchemaElement, p *dynamodb.Projection) (*index, error) {
	for i := range t.Indexes {
		ix := &t.Indexes[i]
		if ix.Local == local && ix.Status != statusDeleting && slices.EqualFunc(ix.Key.elements(), elements, func(a, b dynamodb.KeySchemaElement) bool {
			return a.AttributeName.V == b.AttributeName.V && a.KeyType.V == b.KeyType.V
		}) && (p == nil || !p.ProjectionType.Set || p.ProjectionType.V == ix.Projection) {
			return ix, nil
		}
	}
	return nil, validation("Invalid Request: Index %s does not match a secondary index that existed in the source table and cannot be created during the restore operation", name)
}

// rebillRestored applies the overrides of billing.
func (t *table) rebillRestored(now time.Time, o *overrides) error {
	const bad = "Invalid Request: "
	onDemand := o.billing.V == "PAY_PER_REQUEST" || !o.billing.Set && !t.OnDemand.IsZero()
	switch {
	case o.units != nil && o.billing.V == "PAY_PER_REQUEST":
		return validation(bad + "Cannot override ProvisionedThroughput if BillingMode is overridden to PAY_PER_REQUEST")
	case o.units != nil && onDemand:
		return validation(bad + "Cannot override ProvisionedThroughput unless BillingMode is PROVISIONED")
	case o.units == nil && o.billing.V == "PROVISIONED":
		return validation(bad + "Must override ProvisionedThroughput if BillingMode is overridden to PROVISIONED")
	case o.most != nil && !onDemand:
		return validation(bad + "Cannot override MaxReadRequestUnits for OnDemandThroughput unless BillingModeOverride is PAY_PER_REQUEST")
	}
	switch {
	case !onDemand:
		t.OnDemand, t.Most = time.Time{}, capacity{}
	case t.OnDemand.IsZero():
		t.OnDemand, t.Capacity = now, capacity{}
	}
	for i := range t.Indexes {
		switch ix := &t.Indexes[i]; {
		case onDemand:
			ix.Capacity = capacity{}
		case !ix.Local && ix.Capacity.Read == 0:
			return validation(bad+"Must specify provisioned throughput for index %s", ix.Name)
		default:
			ix.Most = capacity{}
		}
	}
	limited := t.tuned(nil, false)
	err := limited.limits(o.most, true)
	if err == nil && o.units != nil {
		t.Capacity, err = capacityOf(o.units)
	}
	return err
}

// finishRestore fills the indexes of a table whose items are there, and opens it.
func (s *Service) finishRestore(ctx context.Context, j *job) error {
	for {
		t, err := s.peek(ctx, chore{j.Account, j.Region, j.Target})
		if err != nil {
			return err
		}
		if t == nil || t.ID != j.Copy.To || !t.busy() {
			break
		}
		if err := s.step(ctx, t); err != nil {
			return err
		}
	}
	return s.db.Update(ctx, func(tx *kv.Tx) error {
		have, err := s.load(tx, j.at(), j.Target)
		if err != nil && !isNotFound(err) {
			return err
		}
		if err == nil && have.ID == j.Copy.To && have.Status == statusCreating {
			t := have.clone()
			t.Status = statusActive
			if err := t.save(tx); err != nil {
				return err
			}
		}
		if err := j.leaveBackup(tx); err != nil {
			return err
		}
		return ignoreMissing(s.endJob(tx, j))
	})
}

// leaveBackup notes that a restore no longer reads its backup.
func (j *job) leaveBackup(tx *kv.Tx) error {
	if j.Subject == "" {
		return nil
	}
	b, err := getBackup(tx, j.at(), j.Subject)
	if err != nil {
		return err
	}
	b.Users = slices.DeleteFunc(b.Users, func(id string) bool { return id == j.ID })
	return backupRows.Put(tx, j.at(), b)
}
