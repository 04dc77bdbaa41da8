package tables

import (
	"bytes"
	"strings"

	"bothy/kv"
	"bothy/tables/expr"
	"bothy/wire"
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
	items   *item.Page
	rows    decoder // an item read is good until the next
	wholes  decoder // the same, of items that index entries point to
	scanned int
	matched int
	size    int       // evaluated, as the table or the index has it
	held    int       // evaluated, with what a local index does not show
	whole   float64   // units for attributes that a local index does not show
	last    item.Item // where to go on: key attributes of the last item evaluated; nil at the end

	followed, read int // items that entries pointed to, and their bytes
}

func newPage(c *wire.Call) *page {
	return &page{items: c.Page(), rows: decoder{again: true}, wholes: decoder{again: true}}
}

// usage is what reading the page consumed.
func (g *page) usage(ix *index, consistent bool) usage {
	u := readUsage(ix, rated(units(g.size, readUnit), consistent))
	u.base += rated(g.whole, consistent)
	return u
}

// read reads one page of one range, where there is throughput.
func (p *pageOf) read(tx *kv.Tx, c *wire.Call, gate *gate) (*page, error) {
	gate.again()
	if err := gate.open(p.table, p.index); err != nil {
		return nil, err
	}
	g := newPage(c)
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
			seen++
			at = append(at[:0], k...)
			done, failed = p.row(g, v)
			return failed == nil && !done
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

// row evaluates the item in a row, or as an index entry has it; full tells that the page ends with it. An item that is shown as it is is not made.
func (p *pageOf) row(g *page, row []byte) (full bool, err error) {
	if p.filter != nil || p.proj != nil || p.count {
		it, err := g.rows.item(row)
		return err == nil && p.take(g, it, nil), err
	}
	json, size, err := g.rows.json(g.items.JSON(), row)
	if err != nil {
		return false, err
	}
	g.items.Added(json)
	g.scanned, g.matched, g.size, g.held = g.scanned+1, g.matched+1, g.size+size, g.held+size
	if full = p.full(g); full {
		it, err := g.rows.item(row)
		g.last = p.table.after(it, p.index)
		return true, err
	}
	return false, nil
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
			g.items.Add(p.proj.Of(view))
		}
	}
	if full = p.full(g); full {
		g.last = p.table.after(it, p.index)
	}
	return full
}

// full tells that the page ends.
func (p *pageOf) full(g *page) bool {
	return g.scanned == p.limit || g.held >= maxPage || g.read >= maxRead
}

// after is where to go on behind an item, which is good only until the next is read.
func (t *table) after(it item.Item, ix *index) item.Item {
	key := t.keyOf(it, ix)
	for i := range key {
		key[i].Value.Str = strings.Clone(key[i].Value.Str)
	}
	return key
}

// readIndex takes index entries, some at a time, and follows those that point to the items.
func (p *pageOf) readIndex(tx *kv.Tx, g *page) error {
	for chunk := firstChunk; ; chunk = min(2*chunk, lastChunk) {
		r := p.rest(chunk, g)
		entries, held := make([][]byte, 0, r.Limit), 0
		var at kv.Key
		err := tx.Scan(r, func(k kv.Key, v []byte) bool {
			at = append(at[:0], k...)
			entries, held = append(entries, bytes.Clone(v)), held+len(v)
			return held < maxPage
		})
		if err != nil {
			return err
		}
		more := len(entries) == r.Limit || held >= maxPage
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

// covers tells whether an entry holds what its index shows of an item. The row that others hold
// begins with HASH, an integer, whose first byte is no version.
func covers(entry []byte) bool { return len(entry) > 0 && entry[0] == itemVersion }

func (p *pageOf) follow(tx *kv.Tx, g *page, entries [][]byte) (done bool, err error) {
	raws, err := p.wholes(tx, g, entries)
	if err != nil {
		return false, err
	}
	for _, entry := range entries {
		var row []byte
		if !covers(entry) || p.whole {
			row, raws = raws[0], raws[1:]
			g.followed, g.read = g.followed+1, g.read+len(row)
		}
		if done, err = p.entry(g, entry, row); done || err != nil {
			return done, err
		}
	}
	return false, nil
}

// entry evaluates an item as the index shows it: out of its entry, or out of its row, where more is shown or the entry points to it.
func (p *pageOf) entry(g *page, entry, row []byte) (full bool, err error) {
	switch {
	case p.whole:
	case covers(entry):
		return p.row(g, entry)
	case p.index.Projection == "ALL":
		return p.row(g, row)
	}
	whole, err := g.wholes.item(row) // an entry without its item is our own bug: malformed
	if err != nil {
		return false, err
	}
	return p.take(g, p.table.shown(p.index, whole), whole), nil
}

// wholes are the items that entries point to, or show too little of.
func (p *pageOf) wholes(tx *kv.Tx, g *page, entries [][]byte) ([][]byte, error) {
	var rows []kv.Key
	for _, entry := range entries {
		switch {
		case !covers(entry):
			rows = append(rows, append(append(make(kv.Key, 0, len(p.table.rows)+len(entry)), p.table.rows...), entry...))
		case p.whole:
			it, err := g.rows.item(entry)
			if err != nil {
				return nil, err
			}
			rows = append(rows, p.table.itemKey(it))
		}
	}
	if rows == nil {
		return nil, nil
	}
	return tx.GetMany(rows)
}
