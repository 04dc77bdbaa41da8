package tables

import (
	"context"
	"slices"

	"bothy/api/dynamodb"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
	"bothy/wire/item"
)

// stepVectors does the first thing that the vector indexes of a table need, all of it; did tells whether there was something.
func (s *Service) stepVectors(ctx context.Context, t *table) (did bool, err error) {
	for i := range t.Vectors {
		switch vx := &t.Vectors[i]; vx.Status {
		case statusDeleting:
			return true, s.dropVector(ctx, t, vx)
		case statusCreating:
			return true, s.fillVector(ctx, t, vx)
		}
	}
	return false, nil
}

func (s *Service) dropVector(ctx context.Context, t *table, vx *vectorIndex) error {
	if err := s.clear(ctx, t.vectorPrefix(vx)); err != nil {
		return err
	}
	return s.settle(ctx, t, func(tx *kv.Tx, now *table) error {
		now.Vectors = slices.DeleteFunc(now.Vectors, func(x vectorIndex) bool { return x.ID == vx.ID })
		now.forgetAttributes()
		return now.save(tx)
	})
}

// fillVector is fillIndex for a vector index.
func (s *Service) fillVector(ctx context.Context, t *table, vx *vectorIndex) error {
	filling := func(now *table) *vectorIndex {
		if at := now.vector(vx.Name); at != nil && at.ID == vx.ID && at.Status == statusCreating {
			return at
		}
		return nil
	}
	err := s.fill(ctx, t, func(now *table, row kv.Key, it item.Item) (kv.Pair, error) {
		at := filling(now)
		if at == nil {
			return kv.Pair{}, errOvertaken
		}
		entry, value := now.vectorEntry(at, row, it)
		return kv.Pair{Key: entry, Value: value}, nil
	})
	if err != nil {
		return ignoreOvertaken(err)
	}
	return s.settle(ctx, t, func(tx *kv.Tx, now *table) error {
		if at := filling(now); at != nil {
			at.Status = statusActive
		}
		return now.save(tx)
	})
}

// vectorUsage is what a write consumes of the vector indexes it changes.
func (o *outcome) vectorUsage() map[string]dynamodb.VectorCapacity {
	var m map[string]dynamodb.VectorCapacity
	for i := range o.table.Vectors {
		vx := &o.table.Vectors[i]
		if n := o.vectorBytes(vx); n > 0 {
			m = sumVectors(m, map[string]dynamodb.VectorCapacity{vx.Name: {VectorWriteRequestBytes: wire.Some(n)}})
		}
	}
	return m
}

func sumVectors(a, b map[string]dynamodb.VectorCapacity) map[string]dynamodb.VectorCapacity {
	if a == nil {
		return b
	}
	for name, c := range b {
		a[name] = dynamodb.VectorCapacity{VectorWriteRequestBytes: wire.Some(a[name].VectorWriteRequestBytes.V + c.VectorWriteRequestBytes.V)}
	}
	return a
}

// wholeVector is whole for a vector index.
func (t *table) wholeVector(vx *vectorIndex) bool {
	return t.Status != statusDeleting && vx.Status == statusActive
}

// owesVectors says which entries an item must have.
func (t *table) owesVectors(row kv.Key, it item.Item, f record.Findings) {
	for n := range t.Vectors {
		if vx := &t.Vectors[n]; t.wholeVector(vx) {
			if entry, value := t.vectorEntry(vx, row, it); entry != nil {
				f.Owes(entry, value)
			}
		}
	}
}

func (i *Inspection) inspectVector(s *record.Seen, f record.Findings) {
	t := i.of(s, f)
	if t == nil {
		return
	}
	for n := range t.Vectors {
		if vx := &t.Vectors[n]; s.Rest[1] == vx.ID {
			if t.wholeVector(vx) {
				f.Derived()
			}
			return
		}
	}
	if t.Status != statusDeleting {
		f.Fault("it belongs to no vector index of table %s", t.Name)
	}
}
