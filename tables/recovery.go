package tables

import (
	"strings"
	"time"

	"bothy/api/dynamodb"
	"bothy/kv"
	"bothy/wire"
)

const recoveryDays = 35

func (s *Service) accessUpdateRecovery(c *wire.Call, in *dynamodb.UpdateContinuousBackupsInput) ([]wire.Access, error) {
	return onTable(c, "dynamodb:UpdateContinuousBackups", in.TableName)
}

// updateRecovery switches on or off that the table can be restored to any second.
func (s *Service) updateRecovery(c *wire.Call, in *dynamodb.UpdateContinuousBackupsInput) (*dynamodb.UpdateContinuousBackupsOutput, error) {
	spec := in.PointInTimeRecoverySpecification
	if !spec.PointInTimeRecoveryEnabled.V && spec.RecoveryPeriodInDays.Set {
		return nil, validation("Invalid Request: Cannot specify RecoveryPeriodInDays when disabling point-in-time recovery.")
	}
	t, err := s.change(c, in.TableName.V, func(t *table) error {
		switch on := spec.PointInTimeRecoveryEnabled.V; {
		case !on:
			t.Recovery, t.RecoveryDays = time.Time{}, 0
		case t.Recovery.IsZero():
			t.Recovery, t.RecoveryDays = c.Now, spec.RecoveryPeriodInDays.Or(recoveryDays)
		default:
			t.RecoveryDays = spec.RecoveryPeriodInDays.Or(t.RecoveryDays)
		}
		return nil
	})
	if isNotFound(err) {
		err = &dynamodb.TableNotFoundException{Message: wire.Some("Table not found: " + in.TableName.V)}
	}
	if err != nil {
		return nil, err
	}
	return &dynamodb.UpdateContinuousBackupsOutput{ContinuousBackupsDescription: t.recovery(c.Now)}, nil
}

func (s *Service) accessDescribeRecovery(c *wire.Call, in *dynamodb.DescribeContinuousBackupsInput) ([]wire.Access, error) {
	return onTable(c, "dynamodb:DescribeContinuousBackups", in.TableName)
}

func (s *Service) describeRecovery(c *wire.Call, in *dynamodb.DescribeContinuousBackupsInput) (*dynamodb.DescribeContinuousBackupsOutput, error) {
	out := &dynamodb.DescribeContinuousBackupsOutput{}
	err := s.db.View(c, func(tx *kv.Tx) error {
		t, err := s.whole(tx, c, in.TableName.V)
		if err == nil {
			out.ContinuousBackupsDescription = t.recovery(c.Now)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// recoverable are the oldest and the newest time the table can be restored to.
func (t *table) recoverable(now time.Time) (from, to time.Time) {
	from = now.AddDate(0, 0, -int(t.RecoveryDays))
	if t.Recovery.After(from) {
		from = t.Recovery
	}
	return from, now
}

func (t *table) recovery(now time.Time) *dynamodb.ContinuousBackupsDescription {
	p := &dynamodb.PointInTimeRecoveryDescription{PointInTimeRecoveryStatus: wire.Some("DISABLED")}
	if !t.Recovery.IsZero() {
		from, to := t.recoverable(now)
		p.PointInTimeRecoveryStatus, p.RecoveryPeriodInDays = wire.Some("ENABLED"), wire.Some(t.RecoveryDays)
		p.EarliestRestorableDateTime, p.LatestRestorableDateTime = wire.Some(from), wire.Some(to)
	}
	return &dynamodb.ContinuousBackupsDescription{ContinuousBackupsStatus: wire.Some("ENABLED"), PointInTimeRecoveryDescription: p}
}

// pointIn checks a time that a table is to be shown or restored as of; not given, it is the newest. outside is the refusal of one
// that is not between the oldest and the newest.
func (t *table) pointIn(now time.Time, at wire.Opt[time.Time], outside error) (time.Time, error) {
	if t.Recovery.IsZero() {
		return now, &dynamodb.PointInTimeRecoveryUnavailableException{Message: wire.Some("Point in time recovery is not enabled for table '" + t.Name + "'")}
	}
	if !at.Set {
		return now, nil
	}
	if from, to := t.recoverable(now); at.V.Before(from.Truncate(time.Second)) || at.V.After(to) {
		return now, outside
	}
	return at.V, nil
}

func (t *table) invalidRestore(now, at time.Time) error {
	from, to := t.recoverable(now)
	iso := func(t time.Time) string { return t.UTC().Format(time.RFC3339) }
	return &dynamodb.InvalidRestoreTimeException{Message: wire.Some("RestoreDateTime '" + iso(at) + "' must be within EarliestRestorableDateTime '" + iso(from) + "' and LatestRestorableDateTime '" + iso(to) + "'")}
}

// sourceTable is the table that a restore names by name or by ARN.
func sourceTable(in *dynamodb.RestoreTableToPointInTimeInput) (string, error) {
	switch {
	case in.SourceTableName.Set && in.SourceTableArn.Set:
		return "", validation("Must provide exactly one of: sourceTableArn, sourceTableName")
	case !in.SourceTableName.Set && !in.SourceTableArn.Set:
		return "", validation("The parameter 'TableName' is required but was not present in the request")
	case in.SourceTableArn.Set && !strings.HasPrefix(in.SourceTableArn.V, "arn:"):
		return "", validation(invalid + "sourceTableArn is not a valid ARN")
	case in.SourceTableArn.Set:
		return in.SourceTableArn.V, nil
	}
	return in.SourceTableName.V, nil
}

func (s *Service) accessRestorePoint(c *wire.Call, in *dynamodb.RestoreTableToPointInTimeInput) ([]wire.Access, error) {
	source, err := sourceTable(in)
	if err != nil {
		return nil, err
	}
	if source, err = tableName(c, source); err != nil {
		return nil, err
	}
	return accessRestore(c, "RestoreTableToPointInTime", tableARN(scope(c), source), in.TargetTableName.V)
}

func (s *Service) restorePoint(c *wire.Call, in *dynamodb.RestoreTableToPointInTimeInput) (*dynamodb.RestoreTableToPointInTimeOutput, error) {
	source, err := sourceTable(in)
	if err != nil {
		return nil, err
	}
	switch latest := in.UseLatestRestorableTime.V; {
	case latest && in.RestoreDateTime.Set:
		return nil, validation("Invalid Request: Both RestoreDateTime and UseLatestRestorableTime cannot be set for point-in-time restore request. Please specify only one.")
	case !latest && !in.RestoreDateTime.Set:
		return nil, validation("Invalid Request: Either one of RestoreDateTime or UseLatestRestorableTime must be specified, but not both")
	}
	o := overrides{in.TargetTableName.V, in.BillingModeOverride, in.ProvisionedThroughputOverride, in.OnDemandThroughputOverride, in.GlobalSecondaryIndexOverride, in.LocalSecondaryIndexOverride, in.SSESpecificationOverride, in.VectorIndexOverride}
	t, err := s.restore(c, &o, func(tx *kv.Tx, j *job, id string) (*table, *restored, error) {
		t, err := s.whole(tx, c, source)
		if err != nil {
			return nil, nil, err
		}
		at, err := t.pointIn(c.Now, in.RestoreDateTime, t.invalidRestore(c.Now, in.RestoreDateTime.V))
		if err != nil {
			return nil, nil, err
		}
		_, err = s.copyUntil(tx, t, j, id, at, !in.RestoreDateTime.Set)
		return t, &restored{Table: tableARN(scope(c), t.Name), At: at}, err
	})
	if err != nil {
		return nil, err
	}
	return &dynamodb.RestoreTableToPointInTimeOutput{TableDescription: t.describe(&held{})}, nil
}
