package tables

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"bothy/api/dynamodb"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

// backup is a table as it was: its definition, and its items as the rows of a table that has no name.
type backup struct {
	Table        string // name
	ID           string
	Name         string
	Of           table  // definition
	Rows         string // ID of the items
	Created      time.Time
	Expires      time.Time `json:",omitzero"` // of the last backup of a deleted table
	Done         bool
	Items, Bytes int64
	Users        []string // restores that read it
}

var backupRows = record.Table[backup]{Name: "tables.backup", Version: 1, Key: func(b *backup) []any { return []any{b.Table, b.ID} }}

func (s *Service) mountBackups(m *wire.Mux) {
	handle(s, m, dynamodb.CreateBackup, s.accessCreateBackup, s.createBackup)
	handle(s, m, dynamodb.DescribeBackup, func(c *wire.Call, in *dynamodb.DescribeBackupInput) ([]wire.Access, error) {
		return accessBackup(c, "DescribeBackup", in.BackupArn.V)
	}, s.describeBackup)
	handle(s, m, dynamodb.DeleteBackup, func(c *wire.Call, in *dynamodb.DeleteBackupInput) ([]wire.Access, error) {
		return accessBackup(c, "DeleteBackup", in.BackupArn.V)
	}, s.deleteBackup)
	handle(s, m, dynamodb.ListBackups, func(*wire.Call, *dynamodb.ListBackupsInput) ([]wire.Access, error) {
		return wire.One("dynamodb:ListBackups", "*", nil), nil
	}, s.listBackups)
	handle(s, m, dynamodb.RestoreTableFromBackup, s.accessRestoreBackup, s.restoreBackup)
	handle(s, m, dynamodb.UpdateContinuousBackups, s.accessUpdateRecovery, s.updateRecovery)
	handle(s, m, dynamodb.DescribeContinuousBackups, s.accessDescribeRecovery, s.describeRecovery)
	handle(s, m, dynamodb.RestoreTableToPointInTime, s.accessRestorePoint, s.restorePoint)
}

// timedID names what is made at a time: names are in the order of time.
func timedID(at time.Time) string {
	return fmt.Sprintf("%014d-%s", at.UnixMilli(), wire.NewUUID()[:8])
}

func (b *backup) arn(at record.Scope) string { return tableARN(at, b.Table) + "/backup/" + b.ID }

// partOf reads an ARN of something a table has: table/NAME/KIND/ID.
func partOf(at record.Scope, kind, arn string) (table, id string, ok bool) {
	rest, here := strings.CutPrefix(arn, tableARN(at, ""))
	table, id, ok = strings.Cut(rest, "/"+kind+"/")
	return table, id, here && ok && nameLike(table) && nameLike(id)
}

func noBackup(arn string) error {
	return &dynamodb.BackupNotFoundException{Message: wire.Some("Backup not found: " + arn)}
}

func accessBackup(c *wire.Call, action, arn string) ([]wire.Access, error) {
	return accessPart(c, action, "Backup", arn, noBackup)
}

// accessPart is the access of an operation on something a table has, as the ARN names it. The table may be gone.
func accessPart(c *wire.Call, action, kind, arn string, missing func(string) error) ([]wire.Access, error) {
	fields := strings.SplitN(arn, ":", 6)
	if len(fields) < 6 || fields[0] != "arn" || fields[2] != "dynamodb" || !strings.Contains(fields[5], "/"+strings.ToLower(kind)+"/") {
		return nil, validation("Invalid %s ARN", kind)
	}
	if _, _, ok := partOf(scope(c), strings.ToLower(kind), arn); !ok {
		return nil, wire.Because(missing(arn), "%s is not of account %s, region %s", arn, c.Account, c.Region)
	}
	return wire.One("dynamodb:"+action, arn, nil), nil
}

func getBackup(tx *kv.Tx, at record.Scope, arn string) (*backup, error) {
	name, id, _ := partOf(at, "backup", arn)
	b, err := backupRows.Get(tx, at, name, id)
	if errors.Is(err, record.ErrNotFound) {
		return nil, noBackup(arn)
	}
	return b, err
}

func (s *Service) accessCreateBackup(c *wire.Call, in *dynamodb.CreateBackupInput) ([]wire.Access, error) {
	return onTable(c, "dynamodb:CreateBackup", in.TableName)
}

// createBackup begins a backup of the table as it is now, while it goes on changing.
func (s *Service) createBackup(c *wire.Call, in *dynamodb.CreateBackupInput) (*dynamodb.CreateBackupOutput, error) {
	made := backup{ID: timedID(c.Now), Name: in.BackupName.V, Rows: wire.NewUUID(), Created: c.Now}
	var b backup
	err := s.db.Update(c, func(tx *kv.Tx) error {
		t, err := s.whole(tx, c, in.TableName.V)
		if err != nil {
			return err
		}
		b = made
		j := &job{ID: made.Rows, Account: c.Account, Region: c.Region, Kind: jobBackup, Subject: b.ID, Step: stepCopy}
		held, err := s.copyUntil(tx, t, j, made.Rows, c.Now, true)
		if err != nil {
			return err
		}
		b.Table, b.Of = t.Name, *held
		return errors.Join(backupRows.Put(tx, scope(c), &b), putJob(tx, j))
	})
	if err != nil {
		return nil, err
	}
	return &dynamodb.CreateBackupOutput{BackupDetails: b.details(scope(c))}, nil
}

// whole reads a table for work on all of it.
func (s *Service) whole(tx *kv.Tx, c *wire.Call, name string) (*table, error) {
	t, err := s.named(tx, c, name)
	if isNotFound(err) || err == nil && t.Status != statusActive {
		return nil, &dynamodb.TableNotFoundException{Message: wire.Some("Table not found: " + name)}
	}
	return t, err
}

// copyUntil makes a job copy a table as it was at a time; latest says that the time is now.
func (s *Service) copyUntil(tx *kv.Tx, t *table, j *job, to string, at time.Time, latest bool) (*table, error) {
	held, err := s.hold(tx, t, j, s.now())
	if err != nil {
		return nil, err
	}
	cuts, err := held.cut(tx, at, latest)
	if err != nil {
		return nil, err
	}
	j.Copy = copying{From: t.ID, To: to, Key: t.Key, Cuts: cuts, Newest: held.NextShard}
	return held, nil
}

func (s *Service) finishBackup(ctx context.Context, j *job) error {
	return s.db.Update(ctx, func(tx *kv.Tx) error {
		b, err := backupRows.Get(tx, j.at(), j.Source, j.Subject)
		if errors.Is(err, record.ErrNotFound) {
			return ignoreMissing(s.endJob(tx, j)) // another node was faster
		} else if err != nil {
			return err
		}
		b.Done, b.Items, b.Bytes = true, j.Copy.Items, j.Copy.Bytes
		if err := backupRows.Put(tx, j.at(), b); err != nil {
			return err
		}
		return ignoreMissing(s.endJob(tx, j))
	})
}

func ignoreMissing(err error) error {
	if errors.Is(err, record.ErrNotFound) {
		return nil
	}
	return err
}

func (b *backup) status() string {
	if b.Done {
		return "AVAILABLE"
	}
	return statusCreating
}

func (b *backup) details(at record.Scope) *dynamodb.BackupDetails {
	d := &dynamodb.BackupDetails{
		BackupArn: wire.Some(b.arn(at)), BackupName: wire.Some(b.Name), BackupSizeBytes: wire.Some(b.Bytes), BackupStatus: wire.Some(b.status()),
		BackupType: wire.Some(b.kind()), BackupCreationDateTime: wire.Some(b.Created),
	}
	if b.system() {
		d.BackupExpiryDateTime = wire.Some(b.Expires)
	}
	return d
}

func (b *backup) describe(at record.Scope) *dynamodb.BackupDescription {
	t := &b.Of
	billing := "PROVISIONED"
	if !t.OnDemand.IsZero() {
		billing = "PAY_PER_REQUEST"
	}
	d := &dynamodb.BackupDescription{
		BackupDetails: b.details(at),
		SourceTableDetails: &dynamodb.SourceTableDetails{
			TableName: wire.Some(t.Name), TableId: wire.Some(t.ID), TableArn: wire.Some(tableARN(at, t.Name)), TableSizeBytes: wire.Some(b.Bytes), ItemCount: wire.Some(b.Items),
			KeySchema: t.Key.elements(), TableCreationDateTime: wire.Some(t.Created), BillingMode: wire.Some(billing),
			ProvisionedThroughput: &dynamodb.ProvisionedThroughput{ReadCapacityUnits: wire.Some(t.Capacity.Read), WriteCapacityUnits: wire.Some(t.Capacity.Write)},
		},
		SourceTableFeatureDetails: &dynamodb.SourceTableFeatureDetails{},
	}
	f := d.SourceTableFeatureDetails
	for i := range t.Indexes {
		switch ix := &t.Indexes[i]; {
		case ix.Local:
			f.LocalSecondaryIndexes = append(f.LocalSecondaryIndexes, dynamodb.LocalSecondaryIndexInfo{IndexName: wire.Some(ix.Name), KeySchema: ix.Key.elements(), Projection: ix.projection()})
		default:
			f.GlobalSecondaryIndexes = append(f.GlobalSecondaryIndexes, dynamodb.GlobalSecondaryIndexInfo{IndexName: wire.Some(ix.Name), KeySchema: ix.Key.elements(), Projection: ix.projection(),
				ProvisionedThroughput: &dynamodb.ProvisionedThroughput{ReadCapacityUnits: wire.Some(ix.Capacity.Read), WriteCapacityUnits: wire.Some(ix.Capacity.Write)}})
		}
	}
	for i := range t.Vectors {
		f.VectorIndexes = append(f.VectorIndexes, dynamodb.VectorIndexInfo(t.Vectors[i].given()))
	}
	if t.Stream != "" {
		f.StreamDescription = &dynamodb.StreamSpecification{StreamEnabled: wire.Some(true), StreamViewType: wire.Some(t.View)}
	}
	if t.TTL != "" {
		f.TimeToLiveDescription = &dynamodb.TimeToLiveDescription{TimeToLiveStatus: wire.Some("ENABLED"), AttributeName: wire.Some(t.TTL)}
	}
	return d
}

func (s *Service) describeBackup(c *wire.Call, in *dynamodb.DescribeBackupInput) (*dynamodb.DescribeBackupOutput, error) {
	out := &dynamodb.DescribeBackupOutput{}
	err := s.db.View(c, func(tx *kv.Tx) error {
		b, err := getBackup(tx, scope(c), in.BackupArn.V)
		if err == nil {
			out.BackupDescription = b.describe(scope(c))
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// deleteBackup forgets the backup at once; its items go in the background.
func (s *Service) deleteBackup(c *wire.Call, in *dynamodb.DeleteBackupInput) (*dynamodb.DeleteBackupOutput, error) {
	var b *backup
	err := s.db.Update(c, func(tx *kv.Tx) (err error) {
		if b, err = getBackup(tx, scope(c), in.BackupArn.V); err != nil {
			return err
		}
		switch {
		case b.system():
			return validation("Invalid Request: User is not allowed to delete the system backup with arn %s. It will automatically expire on %s", in.BackupArn.V, b.Expires.UTC().Format(time.RFC3339))
		case !b.Done:
			return &dynamodb.BackupInUseException{Message: wire.Some("Backup is being created: " + in.BackupArn.V)}
		case len(b.Users) > 0:
			return &dynamodb.BackupInUseException{Message: wire.Some("Backup is being used to restore table: " + in.BackupArn.V)}
		}
		if err := s.clearLater(tx, scope(c), b.Rows); err != nil {
			return err
		}
		return backupRows.Delete(tx, scope(c), b.Table, b.ID)
	})
	if err != nil {
		return nil, err
	}
	d := b.describe(scope(c))
	d.BackupDetails.BackupStatus = wire.Some("DELETED")
	return &dynamodb.DeleteBackupOutput{BackupDescription: d}, nil
}

func (s *Service) listBackups(c *wire.Call, in *dynamodb.ListBackupsInput) (*dynamodb.ListBackupsOutput, error) {
	out := &dynamodb.ListBackupsOutput{BackupSummaries: []dynamodb.BackupSummary{}}
	low, high, kind := in.TimeRangeLowerBound, in.TimeRangeUpperBound, in.BackupType.Or("USER")
	if low.Set && high.Set && low.V.After(high.V) {
		return nil, validation(invalid + "Time range lower bound must be less than or equal to upper bound")
	}
	page := record.Page{Limit: int(in.Limit.Or(100))}
	if in.TableName.Set {
		name, err := tableName(c, in.TableName.V)
		if err != nil {
			return nil, err
		}
		page.Prefix = []any{name}
	}
	if in.ExclusiveStartBackupArn.Set {
		name, id, ok := partOf(scope(c), "backup", in.ExclusiveStartBackupArn.V)
		if !ok || page.Prefix != nil && page.Prefix[0] != name {
			return nil, validation("Invalid ExclusiveStartBackupArn")
		}
		page.After = base64.RawURLEncoding.EncodeToString(kv.K(name, id))
	}
	err := s.db.View(c, func(tx *kv.Tx) error {
		rows, next, err := backupRows.List(tx, scope(c), page)
		for _, b := range rows {
			if low.Set && b.Created.Before(low.V) || high.Set && !b.Created.Before(high.V) || kind != "ALL" && kind != b.kind() {
				continue
			}
			out.BackupSummaries = append(out.BackupSummaries, b.summary(scope(c)))
		}
		if next != "" {
			out.LastEvaluatedBackupArn = wire.Some(rows[len(rows)-1].arn(scope(c)))
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (b *backup) summary(at record.Scope) dynamodb.BackupSummary {
	sum := dynamodb.BackupSummary{
		TableName: wire.Some(b.Table), TableId: wire.Some(b.Of.ID), TableArn: wire.Some(tableARN(at, b.Table)), BackupArn: wire.Some(b.arn(at)), BackupName: wire.Some(b.Name),
		BackupCreationDateTime: wire.Some(b.Created), BackupStatus: wire.Some(b.status()), BackupType: wire.Some(b.kind()), BackupSizeBytes: wire.Some(b.Bytes),
	}
	if b.system() {
		sum.BackupExpiryDateTime = wire.Some(b.Expires)
	}
	return sum
}
