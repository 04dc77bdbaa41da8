package tables

import (
	"strings"

	"bothy/kv"
	"bothy/tables/expr"
	"bothy/wire"
	"bothy/wire/item"
)

// Limits of a page.
const (
	maxPage    = 1 << 20  // bytes of items evaluated
	maxRead    = 16 << 20 // bytes of rows read for them: an index may show little of large items
	firstChunk = 16       // index entries followed at a time, more and more
	lastChunk  = 64
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
	scanned int
	matched int
	size    int       // evaluated
	read    int       // of rows
	whole   float64   // units for attributes that a local index does not show
	last    item.Item // where to go on: key attributes of the last item evaluated; nil at the end
}

func newPage(c *wire.Call) *page { return &page{items: c.Page(), rows: decoder{again: true}} }

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

// row evaluates the item in a row of the table; full tells that the page ends with it. An item that is shown as it is is not made.
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
	g.scanned, g.matched, g.size = g.scanned+1, g.matched+1, g.size+size
	if full = p.full(g); full {
		it, err := g.rows.item(row)
		g.last = p.table.after(it, p.index)
		return true, err
	}
	return false, nil
}

// take evaluates one item; full tells that the page ends with it.
func (p *pageOf) take(g *page, it, stored item.Item) (full bool) {
	g.scanned++
	g.size += itemSize(it)
	if stored == nil {
		stored = it
	}
	view := it
	if p.whole {
		view = stored
		g.whole += units(itemSize(stored), readUnit)
	}
	if p.filter.Match(view) {
		if g.matched++; !p.count {
			g.items.Add(p.proj.Of(view))
		}
	}
	if full = p.full(g); full {
		g.last = p.table.after(stored, p.index)
	}
	return full
}

// full tells that the page ends.
func (p *pageOf) full(g *page) bool {
	return g.scanned == p.limit || g.size >= maxPage || g.read >= maxRead
}

// after is where to go on behind an item, which is good only until the next is read.
func (t *table) after(it item.Item, ix *index) item.Item {
	key := t.keyOf(it, ix)
	for i := range key {
		key[i].Value.Str = strings.Clone(key[i].Value.Str)
	}
	return key
}

// readIndex follows index entries to the items, some at a time.
func (p *pageOf) readIndex(tx *kv.Tx, g *page) error {
	for chunk := firstChunk; ; chunk = min(2*chunk, lastChunk) {
		r := p.rest(chunk, g)
		rows := make([]kv.Key, 0, r.Limit)
		var at kv.Key
		err := tx.Scan(r, func(k kv.Key, v []byte) bool {
			at = append(at[:0], k...)
			rows = append(rows, append(append(make(kv.Key, 0, len(p.table.rows)+len(v)), p.table.rows...), v...))
			return true
		})
		if err != nil {
			return err
		}
		if done, err := p.follow(tx, g, rows); err != nil || done || len(rows) < r.Limit {
			return err
		}
		p.after(at)
	}
}

func (p *pageOf) follow(tx *kv.Tx, g *page, rows []kv.Key) (done bool, err error) {
	raws, err := tx.GetMany(rows)
	if err != nil {
		return false, err
	}
	for _, raw := range raws {
		g.read += len(raw)
		it, err := g.rows.item(raw) // an entry without its item is our own bug: malformed
		if err != nil {
			return false, err
		}
		if p.take(g, p.table.shown(p.index, it), it) {
			return true, nil
		}
	}
	return false, nil
}
