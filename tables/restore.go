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
	o := overrides{in.TargetTableName.V, in.BillingModeOverride, in.ProvisionedThroughputOverride, in.GlobalSecondaryIndexOverride, in.LocalSecondaryIndexOverride, in.SSESpecificationOverride, in.VectorIndexOverride}
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
			return &dynamodb.TableAlreadyExistsException{Message: wire.Some("Table already exists: " + t.Name)}
		} else if err != nil {
			return err
		}
		j.Target = t.Name
		return putJob(tx, j)
	})
	return t, err
}

// remade is the definition of a table that is made after another: its keys and indexes, not its tags, expiry, streams and
// backups, as AWS has it.
func (t *table) remade(c *wire.Call, id string, o *overrides) (*table, error) {
	name, err := tableName(c, o.name)
	if err != nil {
		return nil, err
	}
	switch {
	case o.sse != nil && (o.sse.Enabled.V || o.sse.KMSMasterKeyId.Set):
		return nil, validation("Encryption with KMS keys is not supported: SSESpecificationOverride.Enabled must be false")
	case len(o.vectors) > 0:
		return nil, validation("Vector indexes are not supported")
	}
	n := &table{Name: name, ID: id, Status: statusCreating, Created: c.Now, NextIndex: 1, Tags: map[string]string{}, Attributes: slices.Clone(t.Attributes), Key: t.Key,
		OnDemand: t.OnDemand, Capacity: capacity{Read: t.Capacity.Read, Write: t.Capacity.Write}, Class: t.Class}
	for _, ix := range t.Indexes {
		keep, err := o.keeps(&ix)
		if err != nil {
			return nil, err
		}
		if keep && ix.Status != statusDeleting {
			ix.ID, ix.Status = n.NextIndex, statusCreating
			n.Indexes = append(n.Indexes, ix)
			n.NextIndex++
		}
	}
	if err := o.known(t); err != nil {
		return nil, err
	}
	n.forgetAttributes()
	return n, n.rebillRestored(c.Now, o)
}

// keeps tells whether a restored table has an index; those that are named must be as they were.
func (o *overrides) keeps(ix *index) (bool, error) {
	if ix.Local {
		if o.local == nil {
			return true, nil
		}
		return slices.ContainsFunc(o.local, func(l dynamodb.LocalSecondaryIndex) bool { return l.IndexName.V == ix.Name }), nil
	}
	if o.global == nil {
		return true, nil
	}
	at := slices.IndexFunc(o.global, func(g dynamodb.GlobalSecondaryIndex) bool { return g.IndexName.V == ix.Name })
	if at < 0 {
		return false, nil
	}
	if p := o.global[at].ProvisionedThroughput; p != nil {
		var err error
		ix.Capacity, err = capacityOf(p)
		return true, err
	}
	return true, nil
}

// known refuses indexes that the source does not have.
func (o *overrides) known(t *table) error {
	same := func(name string, elements []dynamodb.KeySchemaElement, local bool) error {
		ix := t.index(name)
		if ix == nil || ix.Local != local || !slices.EqualFunc(ix.Key.elements(), elements, func(a, b dynamodb.KeySchemaElement) bool {
			return a.AttributeName.V == b.AttributeName.V && a.KeyType.V == b.KeyType.V
		}) {
			return validation(invalid+"Indexes must match those of the source: Index: %s", name)
		}
		return nil
	}
	for _, g := range o.global {
		if err := same(g.IndexName.V, g.KeySchema, false); err != nil {
			return err
		}
	}
	for _, l := range o.local {
		if err := same(l.IndexName.V, l.KeySchema, true); err != nil {
			return err
		}
	}
	return nil
}

// rebillRestored applies the overrides of billing.
func (t *table) rebillRestored(now time.Time, o *overrides) error {
	switch {
	case o.billing.V == "PAY_PER_REQUEST":
		t.OnDemand, t.Capacity = now, capacity{}
		for i := range t.Indexes {
			t.Indexes[i].Capacity = capacity{}
		}
	case o.billing.V == "PROVISIONED":
		t.OnDemand = time.Time{}
		if o.units == nil && t.Capacity.Read == 0 {
			return validation(invalid + "ProvisionedThroughputOverride must be specified when BillingModeOverride is PROVISIONED")
		}
	}
	if o.units == nil {
		return nil
	}
	if !t.OnDemand.IsZero() {
		return validation(invalid + "ProvisionedThroughputOverride cannot be specified when the billing mode is PAY_PER_REQUEST")
	}
	var err error
	t.Capacity, err = capacityOf(o.units)
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
