package tables

import (
	"fmt"
	"sync"
	"time"

	"bothy/api/dynamodb"
	"bothy/wire"
)

// burst is for how long capacity that was not used stays at hand, as AWS has it.
const burst = 300 * time.Second

// meters hold how much of the throughput of tables and global indexes is left. They are this node's, not the store's: a
// restart fills them, and nodes that share a store grant each what one may. The zero value is ready.
type meters struct {
	mu   sync.Mutex
	left map[meterKey]*meter // guarded by mu
}

// meterKey names what is limited: the reads or the writes of a table (index 0) or a global index.
type meterKey struct {
	table string // ID
	index int64
	write bool
}

// meter is units left, negative after a request that cost more than there was.
type meter struct {
	left float64
	at   time.Time
}

const maxMeters = 100_000

// read is what is left at a time, under a rate.
func (m *meters) read(key meterKey, rate float64, now time.Time) float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	full := rate * burst.Seconds()
	b := m.left[key]
	if b == nil {
		m.makeRoomLocked()
		b = &meter{full, now}
		m.left[key] = b
	}
	if passed := now.Sub(b.at); passed > 0 {
		b.left, b.at = b.left+rate*passed.Seconds(), now
	}
	b.left = min(b.left, full)
	return b.left
}

// makeRoomLocked forgets any one meter when there are too many: what it limits may burst once more.
func (m *meters) makeRoomLocked() {
	if m.left == nil {
		m.left = map[meterKey]*meter{}
	}
	for k := range m.left {
		if len(m.left) < maxMeters {
			return
		}
		delete(m.left, k)
	}
}

func (m *meters) spend(units map[meterKey]float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key, u := range units {
		if b := m.left[key]; b != nil {
			b.left -= u
		}
	}
}

// rate is how many units a second the reads or writes of a table, or of a global index of it, may consume; 0: any.
func (t *table) rate(ix *index, write bool) float64 {
	provisioned, most := t.Capacity, t.Most
	if ix != nil {
		provisioned, most = ix.Capacity, ix.Most
	}
	if !t.OnDemand.IsZero() {
		provisioned = most
	}
	if write {
		return float64(max(0, provisioned.Write))
	}
	return float64(max(0, provisioned.Read))
}

// metered tells whether something limits what the table's reads or writes consume.
func (t *table) metered(write bool) bool {
	if t == nil {
		return false
	}
	if t.rate(nil, write) > 0 {
		return true
	}
	for i := range t.Indexes {
		if !t.Indexes[i].Local && t.rate(&t.Indexes[i], write) > 0 {
			return true
		}
	}
	return false
}

// gate lets one request consume what is left. It belongs to the request: a transaction that runs again begins it anew, and
// what was consumed is taken off the meters when the request is done.
type gate struct {
	s      *Service
	now    time.Time
	write  bool
	factor float64 // 2 in transactions
	took   map[meterKey]float64
}

// reading and writing are the gates of requests, factor 2 in transactions.
func (s *Service) reading(c *wire.Call, factor float64) *gate {
	return &gate{s: s, now: c.Now, factor: factor}
}
func (s *Service) writing(c *wire.Call, factor float64) *gate {
	return &gate{s: s, now: c.Now, factor: factor, write: true}
}

// again forgets what was consumed in a transaction that runs anew.
func (g *gate) again() { g.took = nil }

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
	if rate == 0 || g.s.meters.read(key, rate, g.now)-g.took[key] > 0 {
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

// throttled is the refusal when nothing is left, in AWS's words; SDKs try again.
func (t *table) throttled(ix *index, write bool) error {
	of, resource := "Table", tableARN(t.at, t.Name)
	if ix != nil && !ix.Local {
		of, resource = "Index", indexARN(t.at, t.Name, ix.Name)
	}
	verb := map[bool]string{true: "Write", false: "Read"}[write]
	if !t.OnDemand.IsZero() {
		return &dynamodb.ThrottlingException{
			Message:           wire.Some("Throughput exceeds the maximum OnDemandThroughput configured on table or index. Consider increasing the maximum OnDemandThroughput with the UpdateTable API."),
			ThrottlingReasons: []dynamodb.ThrottlingReason{{Reason: wire.Some(of + verb + "MaxOnDemandThroughputExceeded"), Resource: wire.Some(resource)}},
		}
	}
	message := "The level of configured provisioned throughput for the table was exceeded. Consider increasing your provisioning level with the UpdateTable API."
	if of == "Index" {
		message = "The level of configured provisioned throughput for one or more global secondary indexes of the table was exceeded. Consider increasing your provisioning level for the under-provisioned global secondary indexes with the UpdateTable API"
	}
	return &dynamodb.ProvisionedThroughputExceededException{
		Message:           wire.Some(message),
		ThrottlingReasons: []dynamodb.ThrottlingReason{{Reason: wire.Some(of + verb + "ProvisionedThroughputExceeded"), Resource: wire.Some(resource)}},
	}
}

// isThrottled tells whether an error says that nothing is left.
func isThrottled(err error) bool {
	switch err.(type) {
	case *dynamodb.ProvisionedThroughputExceededException, *dynamodb.ThrottlingException:
		return true
	}
	return false
}

// tune reads OnDemandThroughput and WarmThroughput of a table or an index. What is warm matters to nobody here, as nothing has
// to warm up; it is kept and shown.
func (t *table) tune(limit, warm *capacity, o *dynamodb.OnDemandThroughput, w *dynamodb.WarmThroughput) (err error) {
	if o != nil && t.OnDemand.IsZero() {
		return validation(invalid + "OnDemandThroughput cannot be specified when BillingMode is PROVISIONED")
	}
	if *limit, err = most(o, *limit); err != nil || w == nil {
		return err
	}
	next := capacity{Read: w.ReadUnitsPerSecond.Or(warm.Read), Write: w.WriteUnitsPerSecond.Or(warm.Write)}
	if next.Read < warm.Read || next.Write < warm.Write || next.Read < 0 || next.Write < 0 {
		return validation(invalid+"Requested WarmThroughput is less than the current one: ReadUnitsPerSecond: %d, WriteUnitsPerSecond: %d", warm.Read, warm.Write)
	}
	*warm = next
	return nil
}

// Throughput that a table on demand takes at once.
const (
	warmReads  = 12_000
	warmWrites = 4_000
)

// warm is the throughput that is at hand: what was asked for, and at least what is provisioned, or what any table on demand has.
func (t *table) warm(asked, provisioned capacity) capacity {
	if !t.OnDemand.IsZero() {
		provisioned = capacity{Read: warmReads, Write: warmWrites}
	}
	return capacity{Read: max(asked.Read, provisioned.Read), Write: max(asked.Write, provisioned.Write)}
}

// most reads OnDemandThroughput; -1 sets no limit.
func most(o *dynamodb.OnDemandThroughput, have capacity) (capacity, error) {
	if o == nil {
		return have, nil
	}
	for _, f := range []struct {
		name  string
		given wire.Opt[int64]
		to    *int64
	}{{"MaxReadRequestUnits", o.MaxReadRequestUnits, &have.Read}, {"MaxWriteRequestUnits", o.MaxWriteRequestUnits, &have.Write}} {
		switch {
		case !f.given.Set:
		case f.given.V < -1 || f.given.V == 0:
			return have, validation(invalid+"%s must be -1 or greater than 0", f.name)
		default:
			*f.to = f.given.V
		}
	}
	return have, nil
}

func (c capacity) onDemand() *dynamodb.OnDemandThroughput {
	if c == (capacity{}) {
		return nil
	}
	o := &dynamodb.OnDemandThroughput{MaxReadRequestUnits: wire.Some(int64(-1)), MaxWriteRequestUnits: wire.Some(int64(-1))}
	if c.Read != 0 {
		o.MaxReadRequestUnits.V = c.Read
	}
	if c.Write != 0 {
		o.MaxWriteRequestUnits.V = c.Write
	}
	return o
}

// Decreases of provisioned throughput: four a day (UTC), and more an hour apart each.
const freeDecreases = 4

// decrease counts a decrease, or refuses it.
func (c *capacity) decrease(before capacity, now time.Time) error {
	c.Decreases = 1
	if day(before.Decreased) == day(now) {
		c.Decreases = before.Decreases + 1
	}
	if next := before.Decreased.Add(time.Hour); c.Decreases > freeDecreases && now.Before(next) {
		return &dynamodb.LimitExceededException{Message: wire.Some(fmt.Sprintf("Subscriber limit exceeded: Provisioned throughput decreases are limited within a given UTC day. "+
			"After the first %d decreases, each subsequent decrease in the same UTC day can be performed at most once every 3600 seconds. "+
			"Number of decreases today: %d. Last decrease at %s. Next decrease can be made at %s", freeDecreases, before.Decreases,
			before.Decreased.UTC().Format(awsTime), next.UTC().Format(awsTime)))}
	}
	c.Decreased = now
	return nil
}

const awsTime = "Monday, January 2, 2006 at 3:04:05 PM Coordinated Universal Time"
