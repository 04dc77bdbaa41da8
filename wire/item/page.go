package item

import "unsafe"

// Page gathers items in their JSON form as they are found, for an answer that shows them and asks nothing of them: what an item
// was made of is free again at once. The zero value is empty.
type Page struct {
	json  []byte
	ends  []int // of each item's form in json
	items []Item
	cells []Attribute
}

// Add puts the item at the end.
func (p *Page) Add(it Item) { p.Added(it.AppendJSON(p.JSON())) }

// JSON is what the page holds. Who has another item's form appends it, and gives the whole to Added.
func (p *Page) JSON() []byte { return p.json }

// Added is Add for an item whose form was appended to JSON.
func (p *Page) Added(json []byte) { p.json, p.ends = json, append(p.ends, len(json)) }

// Items are all of them, nil for none, good until Reset. Nothing can be read from them but their JSON form, before Open.
func (p *Page) Items() []Item {
	if len(p.ends) == 0 {
		return nil
	}
	if n := len(p.ends); n > cap(p.items) {
		p.items, p.cells = make([]Item, n), make([]Attribute, n)
	}
	p.items, p.cells = p.items[:len(p.ends)], p.cells[:len(p.ends)]
	from := 0
	for i, end := range p.ends {
		p.cells[i] = Attribute{Value: Value{Kind: encoded, Str: unsafe.String(&p.json[from], end-from)}}
		p.items[i] = p.cells[i : i+1 : i+1]
		from = end
	}
	return p.items
}

// Bytes is about how many the page takes.
func (p *Page) Bytes() int {
	return len(p.json) + len(p.ends)*int(unsafe.Sizeof(Item{})+unsafe.Sizeof(Attribute{}))
}

// Reset empties the page, for others: nobody may use its items any more.
func (p *Page) Reset() { p.json, p.ends = p.json[:0], p.ends[:0] }

// Open is an item with its attributes, also one of a Page.
func (it Item) Open() (Item, error) {
	if len(it) == 1 && it[0].Value.Kind == encoded {
		return ParseJSON(it[0].Value.Str)
	}
	return it, nil
}
