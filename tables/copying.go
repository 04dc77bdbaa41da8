package tables

import (
	"errors"
	"math"
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
	Since        map[int64]int64 `json:",omitempty"` // only items that changed after these are copied: see touched
	Items, Bytes int64           // in To
	walk                         // through what is to be undone
}

// walk goes through changes newest first: of newer shards before those of older ones.
type walk struct {
	Shard, Next int64 // the next change
}

// span tells which changes of a shard a walk visits: those after one number, up to another.
type span func(*shard) (after, last int64)

const newest = math.MaxInt64 // last of a span

const (
	copyBytes = 2 << 20 // of items in one transaction, which may write three times as much
	undoRows  = 200     // changes undone in one transaction
)

// ghost is a table that has rows only.
func (s *Service) ghost(at record.Scope, id string, key keySchema) *table {
	return (&table{ID: id, Key: key}).settled(at, s.now)
}

// cut notes which changes stay: those up to a time. What is committed later has later numbers, and later times as well, whatever
// the clocks say. all is for the time of now: what there is stays, even if the clock of who wrote it is ahead. Shards that keep no
// old images are from before anybody wanted to look back: all of theirs stays.
func (t *table) cut(tx *kv.Tx, until time.Time, all bool) (cuts map[int64]int64, err error) {
	shards, err := shardRows.All(tx, t.at, "", t.ID)
	if err != nil {
		return nil, err
	}
	cuts = map[int64]int64{}
	for _, sh := range shards {
		if !sh.Old || !sh.Closed.IsZero() && sh.Closed.Before(until) {
			continue
		}
		last := sh.Last
		if sh.Closed.IsZero() {
			if last, err = t.passTime(tx, sh.ID, until); err != nil {
				return nil, err
			}
		}
		if cuts[sh.ID] = last; all {
			continue
		}
		first, err := t.firstAt(tx, sh.ID, sh.Kept, last, until.Add(1))
		if err != nil {
			return nil, err
		}
		cuts[sh.ID] = first - 1
	}
	return cuts, nil
}

// passTime makes all changes to come of an open shard later than a time, and returns the number of the last one there is.
func (t *table) passTime(tx *kv.Tx, id int64, at time.Time) (last int64, err error) {
	c, err := t.counter(tx, id)
	if err == nil && !c.at.After(at) {
		err = t.putCounter(tx, id, counter{c.last, at.Add(1)})
	}
	return c.last, err
}

// copySome copies the next items as they are.
func (s *Service) copySome(tx *kv.Tx, j *job) error {
	c := &j.Copy
	from, to := s.ghost(j.at(), c.From, c.Key), s.ghost(j.at(), c.To, c.Key)
	rows := from.rows
	if c.Since != nil {
		rows = to.touches()
	}
	copied, more, err := nextRows(tx, rows, c.After, copyBytes)
	if err != nil {
		return err
	}
	for room := copyBytes; len(copied) > 0 && room > 0; copied = copied[1:] {
		p := copied[0]
		c.After = p.Key
		if c.Since != nil {
			if p.Value, err = tx.Get(append(slices.Clone(from.rows), p.Key...)); err != nil {
				return err
			}
		}
		if p.Value == nil {
			continue
		}
		it, err := decodeItem(string(p.Value))
		if err != nil {
			return err
		}
		room -= len(p.Value)
		c.Items++
		c.Bytes += int64(itemSize(it))
		if err := tx.Set(append(slices.Clone(to.rows), p.Key...), p.Value); err != nil {
			return err
		}
	}
	if more || len(copied) > 0 {
		return nil
	}
	if j.Step = stepFinish; c.Cuts == nil {
		return nil
	}
	t, err := s.load(tx, j.at(), j.Source)
	if err != nil {
		return err
	}
	j.Step, c.walk = stepUndo, walk{Shard: t.NextShard + 1}
	return nil
}

// nextRows are some rows under a prefix, which their keys come without; more tells that there may be others.
func nextRows(tx *kv.Tx, prefix kv.Key, after []byte, room int) (rows []kv.Pair, more bool, err error) {
	r := prefix.Range()
	if r.Limit = choreRows; after != nil {
		r.From = append(slices.Clone(prefix), after...)
		r.From = r.From.After()
	}
	err = tx.Scan(r, func(k kv.Key, v []byte) bool {
		rows = append(rows, kv.Pair{Key: slices.Clone(k[len(prefix):]), Value: slices.Clone(v)})
		room -= len(v)
		more = room <= 0 || len(rows) == choreRows
		return !more
	})
	return rows, more, err
}

// undoSome undoes the next changes.
func (s *Service) undoSome(tx *kv.Tx, j *job) error {
	c := &j.Copy
	from, to := s.ghost(j.at(), c.From, c.Key), s.ghost(j.at(), c.To, c.Key)
	done, err := c.back(tx, from, c.later, func(ch *change) error { return c.undo(tx, to, ch) })
	if done {
		j.Step = stepFinish
	}
	return err
}

// later are the changes to be undone.
func (c *copying) later(sh *shard) (after, last int64) {
	stays, known := c.Cuts[sh.ID]
	switch {
	case sh.ID > c.Newest:
		return sh.First - 1, newest
	case !known:
		return newest, newest
	}
	return stays, newest
}

// back visits the next changes of a walk; done tells that there are none left.
func (w *walk) back(tx *kv.Tx, t *table, of span, do func(*change) error) (done bool, err error) {
	sh, after, err := w.shard(tx, t, of)
	if err != nil || sh == nil {
		return err == nil, err
	}
	var bad error
	room := copyBytes
	err = t.eachChange(tx, sh.ID, after+1, w.Next, undoRows, true, func(ch *change, size int) bool {
		if room -= size; room < 0 {
			return false
		}
		w.Next = ch.number - 1
		bad = do(ch)
		return bad == nil
	})
	if err = errors.Join(err, bad); err == nil && w.Next <= after {
		w.Next = 0
	}
	return false, err
}

// shard is where a walk is: at the shard at hand as long as there is something to visit, else at the next older one, nil when all
// is done.
func (w *walk) shard(tx *kv.Tx, t *table, of span) (*shard, int64, error) {
	shards, err := shardRows.All(tx, t.at, "", t.ID)
	if err != nil {
		return nil, 0, err
	}
	for _, sh := range slices.Backward(shards) {
		after, last := of(sh)
		if sh.ID == w.Shard && w.Next > after {
			return sh, after, nil
		}
		if sh.ID >= w.Shard || after >= last {
			continue
		}
		end := sh.Last
		if sh.Closed.IsZero() {
			c, err := t.counter(tx, sh.ID)
			if err != nil {
				return nil, 0, err
			}
			end = c.last
		}
		*w = walk{sh.ID, min(end, last)}
		return sh, after, nil
	}
	return nil, 0, nil
}

// undo puts back what an item was before a change.
func (c *copying) undo(tx *kv.Tx, to *table, ch *change) error {
	row := to.itemKey(ch.keys)
	if c.Since != nil {
		if old, err := tx.Get(to.touch(row)); err != nil || old == nil {
			return err
		}
	}
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
