package item

import "unsafe"

// Page gathers items in their JSON form as they are found, for an answer that shows them and asks nothing of them: what an item
// was made of is free again at once. The zero value is empty.
type Page struct {
	items []Item
	cells []Attribute
	chunk []byte // the JSON forms of the last items; what was written of it stays
}

const chunkBytes = 32 << 10

// Add puts the item at the end.
func (p *Page) Add(it Item) {
	if cap(p.chunk)-len(p.chunk) < chunkBytes/8 {
		p.chunk = make([]byte, 0, chunkBytes)
	}
	from := len(p.chunk)
	p.chunk = it.AppendJSON(p.chunk)
	p.cells = append(p.cells, Attribute{Value: Value{Kind: encoded, Str: unsafe.String(&p.chunk[from], len(p.chunk)-from)}})
	n := len(p.cells)
	p.items = append(p.items, p.cells[n-1:n:n])
}

// Items are all of them, nil for none. Nothing can be read from them but their JSON form, before Open.
func (p *Page) Items() []Item { return p.items }

// Open is an item with its attributes, also one of a Page.
func (it Item) Open() (Item, error) {
	if len(it) == 1 && it[0].Value.Kind == encoded {
		return ParseJSON(it[0].Value.Str)
	}
	return it, nil
}
