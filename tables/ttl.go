package tables

import (
	"context"
	"time"

	"bothy/api/dynamodb"
	"bothy/kv"
	"bothy/wire"
	"bothy/wire/item"
)

func (s *Service) accessDescribeTTL(c *wire.Call, in *dynamodb.DescribeTimeToLiveInput) ([]wire.Access, error) {
	return onTable(c, "dynamodb:DescribeTimeToLive", in.TableName)
}

func (s *Service) describeTTL(c *wire.Call, in *dynamodb.DescribeTimeToLiveInput) (*dynamodb.DescribeTimeToLiveOutput, error) {
	d := &dynamodb.TimeToLiveDescription{TimeToLiveStatus: wire.Some("DISABLED")}
	err := s.db.View(c, func(tx *kv.Tx) error {
		t, err := s.named(tx, c, in.TableName.V)
		if err == nil && t.TTL != "" {
			d.TimeToLiveStatus, d.AttributeName = wire.Some("ENABLED"), wire.Some(t.TTL)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return &dynamodb.DescribeTimeToLiveOutput{TimeToLiveDescription: d}, nil
}

func (s *Service) accessUpdateTTL(c *wire.Call, in *dynamodb.UpdateTimeToLiveInput) ([]wire.Access, error) {
	return onTable(c, "dynamodb:UpdateTimeToLive", in.TableName)
}

// updateTTL switches expiry on or off. Switching on indexes the items there are; switching off clears that index.
func (s *Service) updateTTL(c *wire.Call, in *dynamodb.UpdateTimeToLiveInput) (*dynamodb.UpdateTimeToLiveOutput, error) {
	spec := in.TimeToLiveSpecification
	t, err := s.change(c, in.TableName.V, func(t *table) error {
		switch on := spec.Enabled.V; {
		case t.FillTTL:
			return validation("Time to live has been modified multiple times within a fixed interval")
		case on && t.TTL != "":
			return validation("TimeToLive is already enabled")
		case !on && t.TTL == "":
			return validation("TimeToLive is already disabled")
		case !on && t.TTL != spec.AttributeName.V:
			return validation("TimeToLive is active on a different AttributeName: current AttributeName is %s", t.TTL)
		case on:
			t.TTL = spec.AttributeName.V
		default:
			t.TTL = ""
		}
		t.FillTTL = true
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := s.within(c, func(ctx context.Context) error { return s.workOn(ctx, chore{c.Account, c.Region, t.Name}) }); err != nil {
		return nil, err
	}
	return &dynamodb.UpdateTimeToLiveOutput{TimeToLiveSpecification: spec}, nil
}

// fillExpiry brings the order of expiry in line with TTL having been switched on or off.
func (s *Service) fillExpiry(ctx context.Context, t *table) error {
	if t.TTL == "" {
		if err := s.clear(ctx, t.prefix("tables.expiry")); err != nil {
			return err
		}
	} else {
		err := s.fill(ctx, t, func(now *table, row kv.Key, it item.Item) (kv.Pair, error) {
			if now.TTL != t.TTL {
				return kv.Pair{}, errOvertaken
			}
			return now.expiring(row, it), nil
		})
		if err != nil {
			return ignoreOvertaken(err)
		}
	}
	return s.settle(ctx, t, func(tx *kv.Tx, now *table) error {
		if now.TTL == t.TTL {
			now.FillTTL = false
		}
		return now.save(tx)
	})
}

// expire removes the items whose time is over, some of them when they are many.
func (s *Service) expire(ctx context.Context, t *table) error {
	if t.TTL == "" {
		return nil
	}
	oldest, now := s.now().AddDate(-expireYears, 0, 0), s.now()
	for range expireTurns {
		var more bool
		if due, err := s.expiring(ctx, t, oldest, now); err != nil || !due {
			return err
		}
		err := s.db.Update(ctx, func(tx *kv.Tx) (err error) {
			more, err = s.expireSome(tx, t, oldest, now)
			return err
		})
		if err != nil || !more {
			return err
		}
	}
	return nil
}

// expiring tells whether an item's time is over: a look that no writer has to wait for.
func (s *Service) expiring(ctx context.Context, t *table, oldest, now time.Time) (due bool, err error) {
	err = s.db.View(ctx, func(tx *kv.Tx) error {
		base := t.prefix("tables.expiry")
		return tx.Scan(kv.Range{From: base.With(oldest.Unix()), To: base.With(now.Unix()), Limit: 1}, func(kv.Key, []byte) bool { due = true; return false })
	})
	return due, err
}

// expireSome removes as many as fit in a transaction together with what a log keeps of them; more tells that there may be others.
func (s *Service) expireSome(tx *kv.Tx, t *table, oldest, now time.Time) (more bool, err error) {
	have, err := s.load(tx, t.at, t.Name)
	if isNotFound(err) || err == nil && (have.ID != t.ID || have.TTL != t.TTL || have.busy()) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	base := have.prefix("tables.expiry")
	var rows []kv.Key
	r := kv.Range{From: base.With(oldest.Unix()), To: base.With(now.Unix()), Limit: expireRows}
	if err := tx.Scan(r, func(_ kv.Key, v []byte) bool {
		rows = append(rows, append(append(kv.Key(nil), have.rows...), v...))
		return true
	}); err != nil {
		return false, err
	}
	room := expireBytes
	for _, row := range rows {
		if room <= 0 {
			return true, nil
		}
		it, err := read(tx, row)
		if err != nil {
			return false, err
		}
		if err := have.log(tx, row, &change{old: it, expired: true}); err != nil {
			return false, err
		}
		room -= itemSize(it)
		if err := have.place(tx, row, it, nil, 0); err != nil {
			return false, err
		}
	}
	return len(rows) == expireRows, nil
}
