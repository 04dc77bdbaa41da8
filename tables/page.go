package tables

import (
	"bytes"

	"bothy/kv"
	"bothy/tables/expr"
	"bothy/wire/item"
)

// Limits of a page.
const (
	maxPage     = 1 << 20   // bytes of items evaluated
	maxRead     = 256 << 20 // bytes of items read for them, of which an index shows little: none made as they are now comes near
	firstChunk  = 16        // index entries read at a time, more and more
	lastChunk   = 1024
	maxFollowed = 64      // items read at a time
	maxAhead    = 2 << 20 // bytes of items to be read at a time, by what was seen
)

// pageOf says which items a Query or Scan evaluates, and what becomes of them.
type pageOf struct {
	table   *table
	index   *index // nil: the table itself
	from    kv.Key
	to      kv.Key
	reverse bool
	limit   int // items evaluated; 0: as many as fit
	filter  *expr.Condition
	proj    *expr.Projection
	whole   bool // of a local index: show attributes it does not project
	count   bool // count only

	consistent bool
}

// page is what one Query or Scan found.
type page struct {
	items   []item.Item
	scanned int
	matched int
	size    int       // evaluated, as the table or the index has it
	held    int       // evaluated, with what a local index does not show
	whole   float64   // units for attributes that a local index does not show
	last    item.Item // where to go on: key attributes of the last item evaluated; nil at the end

	followed, read int // items that entries pointed to, and their bytes
}

// usage is what reading the page consumed.
func (g *page) usage(ix *index, consistent bool) usage {
	u := readUsage(ix, rated(units(g.size, readUnit), consistent))
	u.base += rated(g.whole, consistent)
	return u
}

// read reads one page of one range, where there is throughput.
func (p *pageOf) read(tx *kv.Tx, gate *gate) (*page, error) {
	gate.again()
	if err := gate.open(p.table, p.index); err != nil {
		return nil, err
	}
	g := &page{}
	err := p.into(tx, g)
	gate.count(p.table, g.usage(p.index, p.consistent))
	return g, err
}

// into goes on with a page that other ranges began.
func (p *pageOf) into(tx *kv.Tx, g *page) error {
	if p.index != nil {
		return p.readIndex(tx, g)
	}
	return p.readTable(tx, g)
}

func (p *pageOf) readTable(tx *kv.Tx, g *page) error {
	for {
		seen, done := 0, false
		var failed error
		var at kv.Key
		err := tx.Scan(p.rest(kv.MaxScan, g), func(k kv.Key, v []byte) bool {
			it, err := decodeItem(string(v))
			if err != nil {
				failed = err
				return false
			}
			seen++
			at = append(at[:0], k...)
			done = p.take(g, it, nil)
			return !done
		})
		if err == nil {
			err = failed
		}
		if err != nil || done || seen < kv.MaxScan {
			return err
		}
		p.after(at)
	}
}

// rest is the range still to be read, at most n of it.
func (p *pageOf) rest(n int, g *page) kv.Range {
	if p.limit > 0 {
		n = min(n, p.limit-g.scanned)
	}
	return kv.Range{From: p.from, To: p.to, Limit: n, Reverse: p.reverse}
}

// after moves the range beyond a key read.
func (p *pageOf) after(k kv.Key) {
	if p.reverse {
		p.to = append(kv.Key(nil), k...)
	} else {
		p.from = k.After()
	}
}

// take evaluates one item, of which whole is all when a local index shows more than it projects; full tells that the page ends
// with it.
func (p *pageOf) take(g *page, it, whole item.Item) (full bool) {
	g.scanned++
	size := itemSize(it)
	g.size += size
	view := it
	if p.whole {
		view, size = whole, itemSize(whole)
		g.whole += units(size, readUnit)
	}
	g.held += size
	if p.filter.Match(view) {
		if g.matched++; !p.count {
			g.items = append(g.items, p.proj.Of(view))
		}
	}
	if g.scanned == p.limit || g.held >= maxPage || g.read >= maxRead {
		g.last = p.table.keyOf(it, p.index)
		return true
	}
	return false
}

// readIndex takes index entries, some at a time, and follows those that point to the items.
func (p *pageOf) readIndex(tx *kv.Tx, g *page) error {
	for chunk := firstChunk; ; chunk = min(2*chunk, lastChunk) {
		r := p.rest(chunk, g)
		entries := make([]entry, 0, r.Limit)
		var at kv.Key
		err := tx.Scan(r, func(k kv.Key, v []byte) bool {
			at = append(at[:0], k...)
			entries = append(entries, p.table.entryOf(v))
			return true
		})
		if err != nil {
			return err
		}
		more := len(entries) == r.Limit
		for len(entries) > 0 {
			n := min(len(entries), g.ahead())
			if done, err := p.follow(tx, g, entries[:n]); err != nil || done {
				return err
			}
			entries = entries[n:]
		}
		if !more {
			return nil
		}
		p.after(at)
	}
}

// ahead is how many entries to follow together: as many as have few bytes, by the items that were read so far.
func (g *page) ahead() int {
	if g.followed == 0 {
		return firstChunk
	}
	return max(1, min(maxFollowed, maxAhead*g.followed/max(1, g.read)))
}

// entry is what an index entry holds: what the index shows of an item, or the item's row.
type entry struct {
	held []byte
	row  kv.Key
}

func (t *table) entryOf(v []byte) entry {
	if len(v) > 0 && v[0] == itemVersion { // a row goes on with HASH, an integer: the first byte of one is no version
		return entry{held: bytes.Clone(v)}
	}
	return entry{row: append(append(make(kv.Key, 0, len(t.rows)+len(v)), t.rows...), v...)}
}

func (p *pageOf) follow(tx *kv.Tx, g *page, entries []entry) (done bool, err error) {
	shown := make([]item.Item, len(entries))
	var rows []kv.Key // of the items to be read
	for i, e := range entries {
		if e.held != nil {
			if shown[i], err = decodeOwned(e.held); err != nil {
				return false, err
			}
			if p.whole {
				e.row = p.table.itemKey(shown[i])
			}
		}
		if e.row != nil {
			rows = append(rows, e.row)
		}
	}
	var raws [][]byte
	if rows != nil {
		if raws, err = tx.GetMany(rows); err != nil {
			return false, err
		}
	}
	for _, it := range shown {
		var whole item.Item
		if it == nil || p.whole {
			if whole, err = decodeOwned(raws[0]); err != nil { // an entry without its item is our own bug: malformed
				return false, err
			}
			g.followed, g.read, raws = g.followed+1, g.read+len(raws[0]), raws[1:]
		}
		if it == nil {
			if it, err = p.shown(whole); err != nil {
				return false, err
			}
		}
		if p.take(g, it, whole) {
			return true, nil
		}
	}
	return false, nil
}

// shown is what the index shows of an item, without holding on to the rest.
func (p *pageOf) shown(whole item.Item) (item.Item, error) {
	if p.index.Projection == "ALL" || p.whole {
		return p.table.shown(p.index, whole), nil
	}
	return decodeOwned(encodeItem(p.table.shown(p.index, whole), 0))
}
