package tables

import (
	"time"

	"bothy/kv"
	"bothy/wire"
	"bothy/wire/item"
)

// gate lets one request consume what is left. It belongs to the request: a transaction that runs again begins it anew, and
// what was consumed is taken off the meters when the request is done.
type gate struct {
	s      *Service
	call   *wire.Call
	now    time.Time
	write  bool
	factor float64 // 2 in transactions
	took   map[meterKey]float64
	holds  int // bytes of items
	room   int // for them
}

// reading and writing are the gates of requests, factor 2 in transactions.
func (s *Service) reading(c *wire.Call, factor float64) *gate {
	return &gate{s: s, call: c, now: c.Now, factor: factor}
}
func (s *Service) writing(c *wire.Call, factor float64) *gate {
	return &gate{s: s, call: c, now: c.Now, factor: factor, write: true}
}

// fill draws what the gate's request may need of the tables' throughput and this node has not. It comes before the request's own
// transaction, in one of its own.
func (g *gate) fill(c *wire.Call, tables ...*table) error {
	var list []*drawn
	seen := map[*table]bool{}
	for _, t := range tables {
		if !t.metered(g.write) || seen[t] {
			continue
		}
		seen[t] = true
		for _, l := range t.limits(g.write) {
			if owed, look := g.s.meters.empty(l, g.now); look {
				list = append(list, &drawn{limited: l, table: t, owed: owed})
			}
		}
	}
	if list == nil {
		return nil
	}
	err := g.s.db.Update(c, func(tx *kv.Tx) error {
		for _, d := range list {
			d.units, d.wait = 0, time.Time{}
			stands, err := g.s.stands(tx, d.table)
			if stands { // else the request will find that out
				err = d.draw(tx, g.now)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, d := range list {
		g.s.meters.add(d)
	}
	return nil
}

// again forgets what was consumed, and what was held, in a transaction that runs anew.
func (g *gate) again() { g.took, g.holds = nil, 0 }

// hold makes room for items that stay in memory until the request is answered. A small row may hold many times its size: so who
// asks for more than there is room for is throttled.
func (g *gate) hold(items ...item.Item) error {
	for _, it := range items {
		g.holds += footprint(it)
	}
	more := g.holds - g.room
	if more <= 0 {
		return nil
	}
	err := g.call.Hold(int64(more))
	if err == nil {
		g.room = g.holds
	}
	return err
}

// open refuses a request when nothing is left of what it consumes first: of the table, or of the index it reads.
func (g *gate) open(t *table, ix *index) error { return g.enter(t, ix) }

// pass lets a use pass, or refuses all of it when something it consumes has nothing left.
func (g *gate) pass(t *table, u usage) error {
	if err := g.enter(t, nil); u.base > 0 && err != nil {
		return err
	}
	for _, p := range u.parts {
		if err := g.enter(t, p.index); err != nil {
			return err
		}
	}
	g.count(t, u)
	return nil
}

// count takes what was consumed, whether there was as much or not.
func (g *gate) count(t *table, u usage) {
	g.take(t, nil, u.base)
	for _, p := range u.parts {
		g.take(t, p.index, p.units)
	}
}

func (g *gate) key(t *table, ix *index) (meterKey, float64) {
	if ix != nil && ix.Local {
		ix = nil // a local index consumes what is the table's
	}
	key := meterKey{table: t.ID, write: g.write}
	if ix != nil {
		key.index = ix.ID
	}
	return key, t.rate(ix, g.write)
}

func (g *gate) enter(t *table, ix *index) error {
	key, rate := g.key(t, ix)
	if rate == 0 || g.s.meters.has(key)-g.took[key] > 0 {
		return nil
	}
	return t.throttled(ix, g.write)
}

func (g *gate) take(t *table, ix *index, units float64) {
	key, rate := g.key(t, ix)
	if rate == 0 || units == 0 {
		return
	}
	if g.took == nil {
		g.took = map[meterKey]float64{}
	}
	g.took[key] += units
}

// done takes what the request consumed off the meters.
func (g *gate) done() {
	if g.took != nil {
		g.s.meters.spend(g.took)
	}
}
