package tables

import (
	"errors"
	"slices"
	"time"

	"bothy/kv"
	"bothy/record"
	"bothy/wire/item"
)

// copying makes the items of a table, as they were at a time, the items of another: first it copies them as they are found,
// while they change, then it undoes the changes after that time, newest first. What an item was before the first of them is
// what is left. Changes that came before the item was copied are undone as well as those that came after: so it does not
// matter when each was copied.
type copying struct {
	From, To     string // IDs
	Key          keySchema
	After        []byte          // the last item copied, without its table
	Cuts         map[int64]int64 // number of the last change that stays, by shard
	Newest       int64           // shard when the work began: all of later ones is undone
	Shard, Next  int64           // which change to undo next
	Items, Bytes int64           // in To
}

const (
	copyBytes = 2 << 20 // of items in one transaction, which may write three times as much
	undoRows  = 200     // changes undone in one transaction
)

// ghost is a table that has rows only.
func (s *Service) ghost(at record.Scope, id string, key keySchema) *table {
	return (&table{ID: id, Key: key}).settled(at, s.now)
}

// cut notes which changes stay: those up to a time. What is committed later has later numbers, whatever the clocks say.
func (t *table) cut(tx *kv.Tx, until time.Time) (cuts map[int64]int64, err error) {
	shards, err := shardRows.All(tx, t.at, "", t.ID)
	if err != nil {
		return nil, err
	}
	cuts = map[int64]int64{}
	for _, sh := range shards {
		if !sh.Closed.IsZero() && sh.Closed.Before(until) {
			continue
		}
		last := sh.Last
		if sh.Closed.IsZero() {
			c, err := t.counter(tx, sh.ID)
			if err != nil {
				return nil, err
			}
			last = c.last
		}
		first, err := t.firstAt(tx, sh.ID, sh.Kept, last, until.Add(1))
		if err != nil {
			return nil, err
		}
		cuts[sh.ID] = first - 1
	}
	return cuts, nil
}

// copySome copies the next items as they are.
func (s *Service) copySome(tx *kv.Tx, j *job) error {
	c := &j.Copy
	from, to := s.ghost(j.at(), c.From, c.Key), s.ghost(j.at(), c.To, c.Key)
	r := from.rows.Range()
	if r.Limit = choreRows; c.After != nil {
		r.From = append(slices.Clone(from.rows), c.After...)
		r.From = r.From.After()
	}
	room, more := copyBytes, false
	var copied []kv.Pair
	if err := tx.Scan(r, func(k kv.Key, v []byte) bool {
		copied = append(copied, kv.Pair{Key: slices.Clone(from.itself(k)), Value: slices.Clone(v)})
		room -= len(v)
		more = room <= 0 || len(copied) == choreRows
		return !more
	}); err != nil {
		return err
	}
	for _, p := range copied {
		it, err := decodeItem(string(p.Value))
		if err != nil {
			return err
		}
		c.Items++
		c.Bytes += int64(itemSize(it))
		c.After = p.Key
		if err := tx.Set(append(slices.Clone(to.rows), p.Key...), p.Value); err != nil {
			return err
		}
	}
	if more {
		return nil
	}
	if j.Step = stepFinish; c.Cuts == nil {
		return nil
	}
	t, err := s.load(tx, j.at(), j.Source)
	if err != nil {
		return err
	}
	j.Step, c.Shard, c.Next = stepUndo, t.NextShard+1, 0
	return nil
}

// undoSome undoes the next changes: of a shard, newest first, and newer shards before older ones.
func (s *Service) undoSome(tx *kv.Tx, j *job) error {
	c := &j.Copy
	from, to := s.ghost(j.at(), c.From, c.Key), s.ghost(j.at(), c.To, c.Key)
	stays, sh, err := c.shard(tx, from)
	if err != nil {
		return err
	}
	if sh == nil {
		j.Step = stepFinish
		return nil
	}
	if sh.ID != c.Shard { // the next one
		c.Shard, c.Next = sh.ID, sh.Last
		if sh.Closed.IsZero() {
			at, err := from.counter(tx, sh.ID)
			if err != nil {
				return err
			}
			c.Next = at.last
		}
	}
	var bad error
	room := copyBytes
	err = from.eachChange(tx, sh.ID, stays+1, c.Next, undoRows, true, func(ch *change, size int) bool {
		if room -= size; room < 0 {
			return false
		}
		c.Next = ch.number - 1
		bad = c.undo(tx, to, ch)
		return bad == nil
	})
	if err = errors.Join(err, bad); err == nil && c.Next <= stays {
		c.Next = 0
	}
	return err
}

// shard is where to undo: the shard at hand as long as there is something, else the next older one, nil when all is done.
func (c *copying) shard(tx *kv.Tx, from *table) (stays int64, sh *shard, err error) {
	shards, err := shardRows.All(tx, from.at, "", from.ID)
	if err != nil {
		return 0, nil, err
	}
	for _, sh := range slices.Backward(shards) {
		stays, known := c.Cuts[sh.ID]
		switch {
		case sh.ID > c.Newest:
			stays = sh.First - 1
		case !known:
			continue
		}
		if sh.ID < c.Shard || sh.ID == c.Shard && c.Next > stays {
			return stays, sh, nil
		}
	}
	return 0, nil, nil
}

// undo puts back what an item was before a change.
func (c *copying) undo(tx *kv.Tx, to *table, ch *change) error {
	row := to.itemKey(ch.keys)
	have, err := read(tx, row)
	if err != nil {
		return err
	}
	c.count(have, -1)
	if ch.kind == inserted {
		return tx.Delete(row)
	}
	if ch.old == nil {
		return errChange // it was not kept, though the log was held for that
	}
	c.count(ch.old, 1)
	return tx.Set(row, encodeItem(ch.old, itemSize(ch.old)))
}

func (c *copying) count(it item.Item, times int64) {
	if it != nil {
		c.Items += times
		c.Bytes += times * int64(itemSize(it))
	}
}
