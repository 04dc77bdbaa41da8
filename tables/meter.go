package tables

import (
	"encoding/binary"
	"math"
	"sync"
	"time"

	"bothy/kv"
)

// burst is for how long capacity that was not used stays at hand, as AWS has it. A node takes some of it at a time for itself.
const (
	burst = 300 * time.Second
	lot   = 10 * time.Second
)

// meters hold how much of the throughput of tables and global indexes this node may grant. It comes out of a row that the nodes
// share, some seconds' worth at a time: so most requests cost no look at it, those refused neither, and together nodes grant what
// one may, and what lies with the others. The zero value is ready.
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

// meter is units a node may grant, negative after a request that cost more than there was.
type meter struct {
	left float64
	wait time.Time // until then the row has not enough, at this rate
	rate float64
}

const maxMeters = 100_000

// has is how much a node may grant.
func (m *meters) has(key meterKey) float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	if b := m.left[key]; b != nil {
		return b.left
	}
	return 0
}

// empty tells whether there is nothing left and it is time to look for more, and how much is owed.
func (m *meters) empty(l limited, now time.Time) (owed float64, look bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b := m.left[l.key]
	if b == nil {
		return 0, true
	}
	return -b.left, b.left <= 0 && (!now.Before(b.wait) || b.rate != l.rate)
}

// add takes in what was drawn; without any it is to wait.
func (m *meters) add(d *drawn) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b := m.left[d.key]
	if b == nil {
		m.makeRoomLocked()
		b = &meter{}
		m.left[d.key] = b
	}
	b.left, b.wait, b.rate = b.left+d.units, d.wait, d.rate
}

// makeRoomLocked forgets any one meter when there are too many, and with it what it could still grant.
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

// drawn is what a look at a row is for, and what it brought.
type drawn struct {
	limited
	table *table
	owed  float64
	units float64
	wait  time.Time
}

// draw takes a lot, and what is owed, out of a row. Row: version, units left, when that was.
func (d *drawn) draw(tx *kv.Tx, now time.Time) error {
	at := d.table.prefix("tables.throughput").With(d.key.index, d.key.write)
	full := d.rate * burst.Seconds()
	left := full
	raw, err := tx.Get(at)
	if err != nil {
		return err
	}
	if len(raw) == 17 && raw[0] == meterVersion {
		left = math.Float64frombits(binary.BigEndian.Uint64(raw[1:]))
		if passed := now.Sub(time.Unix(0, int64(binary.BigEndian.Uint64(raw[9:])))); passed > 0 {
			left += d.rate * passed.Seconds()
		} else {
			now = now.Add(-passed) // of a clock that is behind
		}
		left = min(left, full)
	}
	d.units = min(left, d.owed+max(1, d.rate*lot.Seconds()))
	if lacks := d.owed + 1 - d.units; d.units <= d.owed || left < 1 {
		d.units, d.wait = 0, now.Add(time.Duration(lacks/d.rate*float64(time.Second)))
		return nil // not enough for anything: not worth a write
	}
	row := binary.BigEndian.AppendUint64([]byte{meterVersion}, math.Float64bits(left-d.units))
	return tx.Set(at, binary.BigEndian.AppendUint64(row, uint64(now.UnixNano())))
}

const meterVersion = 1

// limited is what may be consumed, units a second.
type limited struct {
	key  meterKey
	rate float64
}

// limits are what limits the table's reads or writes.
func (t *table) limits(write bool) (keys []limited) {
	if r := t.rate(nil, write); r > 0 {
		keys = append(keys, limited{meterKey{table: t.ID, write: write}, r})
	}
	for i := range t.Indexes {
		ix := &t.Indexes[i]
		if r := t.rate(ix, write); r > 0 && !ix.Local {
			keys = append(keys, limited{meterKey{t.ID, ix.ID, write}, r})
		}
	}
	return keys
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
