package tables

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"bothy/kv"
	"bothy/record"
)

// Limits of logs.
const (
	firstShards = 4  // of a log: few, since whoever reads a stream reads each
	maxShards   = 64 // open at once
)

// shard is a share of the log of a table's changes: those of items with hashes from Low to High while it was open. Shards with
// lower IDs are older; what closes a shard opens those that go on with its hashes, in the same transaction.
type shard struct {
	Table     string // ID
	ID        int64
	Parent    int64 `json:",omitzero"` // of the same stream; 0: none
	Low, High uint64
	keeping
	Opened time.Time
	Closed time.Time `json:",omitzero"`
	First  int64     // number of its first change
	Last   int64     `json:",omitzero"` // number of the last change of a closed shard
	Trim   int64     // changes with lower numbers are no longer shown to readers of the stream
	Kept   int64     // and those with lower numbers are no longer stored
}

// keeping is what a log keeps of changes.
type keeping struct {
	Stream   string `json:",omitempty"` // label of the stream that shows them; "" none
	Old, New bool   `json:",omitzero"`  // the item before and after
}

var shardRows = record.Table[shard]{Name: "tables.shard", Version: 1, Key: func(s *shard) []any { return []any{s.Table, s.ID} }}

// logRow says that a table has, or had, a log: there is something to trim.
type logRow struct{ Account, Region, Table, Name string }

var logRows = record.Table[logRow]{Name: "tables.log", Version: 1, Key: func(l *logRow) []any { return []any{l.Account, l.Region, l.Table} }}

// openShard is what writers know of a shard.
type openShard struct {
	ID        int64
	Low, High uint64
}

// wanted is what the definition asks the log to keep; ok tells whether there must be a log at all.
func (t *table) wanted() (k keeping, ok bool) {
	if t.Status == statusDeleting {
		return k, false
	}
	k.Stream = t.Stream
	k.Old = t.View == viewOld || t.View == viewBoth || !t.Recovery.IsZero() || len(t.Holds) > 0
	k.New = t.View == viewNew || t.View == viewBoth
	return k, k.Stream != "" || k.Old
}

// relog brings the log in line with the definition: a log that has to keep something else goes on in new shards. Writers
// read the definition in their transactions, so each is wholly before or wholly after.
func (t *table) relog(tx *kv.Tx, now time.Time) error {
	if err := t.restream(tx, now); err != nil {
		return err
	}
	want, on := t.wanted()
	if len(t.Log) > 0 && on && want == t.Keeps || len(t.Log) == 0 && !on {
		return nil
	}
	closed, err := t.closeShards(tx, t.Log, now)
	if err != nil {
		return err
	}
	t.Log, t.Keeps = nil, want
	switch {
	case !on:
		return nil
	case len(closed) > 0:
		for _, s := range closed {
			if err := t.openChild(tx, s, s.Low, s.High); err != nil {
				return err
			}
		}
		return nil
	}
	for i := range uint64(firstShards) {
		const share = math.MaxUint64/firstShards + 1
		if err := t.openShard(tx, &shard{Low: i * share, High: i*share + (share - 1)}, 0, now); err != nil {
			return err
		}
	}
	return logRows.Put(tx, record.Scope{}, &logRow{t.at.Account, t.at.Region, t.ID, t.Name})
}

// closeShards ends some open shards.
func (t *table) closeShards(tx *kv.Tx, open []openShard, now time.Time) (closed []*shard, err error) {
	for _, o := range open {
		s, err := shardRows.Get(tx, t.at, t.ID, o.ID)
		if err != nil {
			return nil, err
		}
		c, err := t.counter(tx, o.ID)
		if err != nil {
			return nil, err
		}
		if s.Closed, s.Last = now, c.last; now.Before(c.at) {
			s.Closed = c.at // times never go back, not from shard to shard either
		}
		if err := shardRows.Put(tx, t.at, s); err != nil {
			return nil, err
		}
		closed = append(closed, s)
	}
	return closed, nil
}

// openChild goes on with hashes of a closed shard; its numbers go on too.
func (t *table) openChild(tx *kv.Tx, of *shard, low, high uint64) error {
	s := &shard{Low: low, High: high}
	if of.Stream != "" && of.Stream == t.Keeps.Stream {
		s.Parent = of.ID
	}
	return t.openShard(tx, s, of.Last, of.Closed)
}

func (t *table) openShard(tx *kv.Tx, s *shard, last int64, now time.Time) error {
	t.NextShard++
	s.Table, s.ID, s.keeping, s.Opened, s.First, s.Trim, s.Kept = t.ID, t.NextShard, t.Keeps, now, last+1, last+1, last+1
	t.Log = append(t.Log, openShard{s.ID, s.Low, s.High})
	if err := t.putCounter(tx, s.ID, counter{last, now}); err != nil {
		return err
	}
	return shardRows.Put(tx, t.at, s)
}

// split gives the hashes of an open shard to two new ones.
func (t *table) split(tx *kv.Tx, id int64, now time.Time) error {
	i := slices.IndexFunc(t.Log, func(o openShard) bool { return o.ID == id })
	if i < 0 || len(t.Log) >= maxShards || t.Log[i].Low == t.Log[i].High {
		return nil
	}
	closed, err := t.closeShards(tx, t.Log[i:i+1], now)
	if err != nil {
		return err
	}
	t.Log = slices.Delete(slices.Clone(t.Log), i, i+1)
	s := closed[0]
	middle := s.Low + (s.High-s.Low)/2
	if err := t.openChild(tx, s, s.Low, middle); err != nil {
		return err
	}
	return t.openChild(tx, s, middle+1, s.High)
}

// counter is where a shard is: the number of its last change, and when that was. Numbers and times grow together.
type counter struct {
	last int64
	at   time.Time
}

const counterVersion = 1

func (t *table) counterRow(shard int64) kv.Key { return t.prefix("tables.counter").With(shard) }

func (t *table) counter(tx *kv.Tx, shard int64) (c counter, err error) {
	raw, err := tx.Get(t.counterRow(shard))
	if err != nil {
		return c, err
	}
	if len(raw) != 17 || raw[0] != counterVersion {
		return c, fmt.Errorf("tables: malformed counter of shard %d of table %s", shard, t.ID)
	}
	return counter{int64(binary.BigEndian.Uint64(raw[1:])), time.Unix(0, int64(binary.BigEndian.Uint64(raw[9:]))).UTC()}, nil
}

func (t *table) putCounter(tx *kv.Tx, shard int64, c counter) error {
	raw := binary.BigEndian.AppendUint64([]byte{counterVersion}, uint64(c.last))
	return tx.Set(t.counterRow(shard), binary.BigEndian.AppendUint64(raw, uint64(c.at.UnixNano())))
}

// shardOf is the open shard of an item's row.
func (t *table) shardOf(row kv.Key) (openShard, error) {
	h := binary.BigEndian.Uint64(row[len(t.rows)+1:])
	for _, o := range t.Log {
		if o.Low <= h && h <= o.High {
			return o, nil
		}
	}
	return openShard{}, errors.New("tables: no shard for a hash")
}

// log adds a change to its shard, in the transaction that makes it. The number comes from the shard's counter, which the
// transaction reads and writes: of two that want the next number one commits first, and the other runs again. So numbers
// become visible in their order, and whoever has read number N will see nothing below it appear.
func (t *table) log(tx *kv.Tx, row kv.Key, c *change) error {
	if len(t.Log) == 0 || c.old == nil && c.now == nil || c.old != nil && c.now != nil && sameItem(c.old, c.now) {
		return nil
	}
	s, err := t.shardOf(row)
	if err != nil {
		return err
	}
	at, err := t.counter(tx, s.ID)
	if err != nil {
		return err
	}
	if c.at = t.clock(); c.at.Before(at.at) {
		c.at = at.at
	}
	c.number = at.last + 1
	if err := t.putCounter(tx, s.ID, counter{c.number, c.at}); err != nil {
		return err
	}
	return t.writeChange(tx, s.ID, c)
}
