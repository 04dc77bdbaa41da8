package tables

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"bothy/api/dynamodb"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
	"bothy/wire/item"
)

// padded is an item of a size by AWS's documented count, filled up in attribute b.
func padded(w *world, base string, size int) item.Item {
	it := append(doc(base), item.Attribute{Name: "b", Value: item.Text("")})
	if size < itemSize(it) {
		w.t.Fatalf("%s has more than %d bytes", base, size)
	}
	it[len(it)-1].Value = item.Text(strings.Repeat("b", size-itemSize(it)))
	return it
}

// onePage is a page of a Query or Scan.
type onePage struct {
	items            []item.Item
	count, evaluated int
	next             item.Item
	units            float64
}

// pager reads pages of the table "tab" or an index of it.
type pager struct {
	index, filter, columns, sel string
	limit                       int32
	scan                        bool
}

func given(s string) wire.Opt[string] { return wire.Opt[string]{V: s, Set: s != ""} }

func (p pager) page(w *world, start item.Item) onePage {
	w.t.Helper()
	limit := wire.Opt[int32]{V: p.limit, Set: p.limit > 0}
	if p.scan {
		out := must(w, dynamodb.Scan, dynamodb.ScanInput{TableName: str("tab"), IndexName: given(p.index), FilterExpression: given(p.filter), ProjectionExpression: given(p.columns), Select: given(p.sel), Limit: limit, ExclusiveStartKey: start, ReturnConsumedCapacity: str("TOTAL")})
		return onePage{out.Items, int(out.Count.V), int(out.ScannedCount.V), out.LastEvaluatedKey, out.ConsumedCapacity.CapacityUnits.V}
	}
	hash := "p"
	if strings.HasPrefix(p.index, "g") {
		hash = "g"
	}
	out := must(w, dynamodb.Query, dynamodb.QueryInput{TableName: str("tab"), IndexName: given(p.index), KeyConditionExpression: str(hash + " = :v"), ExpressionAttributeValues: doc(`{':v': {'S': 'v'}}`),
		FilterExpression: given(p.filter), ProjectionExpression: given(p.columns), Select: given(p.sel), Limit: limit, ExclusiveStartKey: start, ReturnConsumedCapacity: str("TOTAL")})
	return onePage{out.Items, int(out.Count.V), int(out.ScannedCount.V), out.LastEvaluatedKey, out.ConsumedCapacity.CapacityUnits.V}
}

// TestAPageEndsWithTheItemThatFillsIt: 1 MB is counted before filters and projections, and in indexes of what they show; the item
// that reaches it is the last one; and where that is the last of all, the page does not know.
func TestAPageEndsWithTheItemThatFillsIt(t *testing.T) {
	const each = maxPage / 8
	for _, c := range []struct {
		what  string
		sizes []int
		first int  // items on the first page
		more  bool // it tells where to go on
	}{
		{"exactly full with the last item", []int{each, each, each, each, each, each, each, each}, 8, true},
		{"a byte short", []int{each, each, each, each, each, each, each, each - 1}, 8, false},
		{"full before the last item", []int{each, each, each, each, each, each, each, each, 100}, 8, true},
		{"the item that goes beyond is in", []int{each, each, each, each, each, each, each, each - 1, maxItem, 100}, 9, true},
		{"large items", []int{maxItem, maxItem, maxItem, maxItem}, 3, true},
		{"one", []int{maxItem}, 1, false},
	} {
		w := newWorld(t)
		w.table("tab", "p:S s:N", "-local p:S x:N ALL", "-mine p:S x:N KEYS_ONLY", "gall g:S x:N ALL", "gshows g:S x:N INCLUDE:b")
		for i, size := range c.sizes {
			must(w, putItem, putInput("tab", padded(w, fmt.Sprintf(`{'p': {'S': 'v'}, 's': {'N': '%d'}, 'x': {'N': '%d'}, 'g': {'S': 'v'}}`, i, i), size)))
		}
		total := 0
		for _, size := range c.sizes[:c.first] {
			total += size
		}
		for _, p := range []pager{
			{}, {scan: true}, {index: "local"}, {index: "local", scan: true}, {index: "gall"}, {index: "gall", scan: true}, {index: "gshows"}, {index: "gshows", scan: true},
			{filter: "attribute_exists(nope)"}, {columns: "s"}, {sel: "COUNT"}, {sel: "COUNT", index: "gall"}, {sel: "COUNT", index: "gshows", filter: "attribute_exists(nope)"}, {columns: "s", index: "gshows", scan: true},
			{limit: 1000}, {limit: 1000, index: "gshows"}, {index: "mine", sel: "ALL_ATTRIBUTES"}, {index: "mine", columns: "s, b"},
		} {
			got := p.page(w, nil)
			if got.evaluated != c.first || (got.next != nil) != c.more {
				t.Errorf("%s, %+v: %d items evaluated, goes on: %v", c.what, p, got.evaluated, got.next != nil)
			}
			matched := c.first
			if p.filter != "" {
				matched = 0
			}
			if got.count != matched || p.sel != "COUNT" && len(got.items) != matched {
				t.Errorf("%s, %+v: count %d, %d items", c.what, p, got.count, len(got.items))
			}
			if want := units(total, readUnit) / 2; p.index != "mine" && got.units != want {
				t.Errorf("%s, %+v: %v units, want %v", c.what, p, got.units, want)
			}
			if got.next == nil {
				continue
			}
			rest := p.page(w, got.next)
			if rest.evaluated != len(c.sizes)-c.first || rest.next != nil {
				t.Errorf("%s, %+v: then %d items, goes on: %v", c.what, p, rest.evaluated, rest.next != nil)
			}
		}
		if got := (pager{limit: int32(c.first), index: "gall"}).page(w, nil); got.evaluated != c.first || got.next == nil {
			t.Errorf("%s: a limit of as many: %d, goes on: %v", c.what, got.evaluated, got.next != nil)
		}
		if got := (pager{index: "mine"}).page(w, nil); got.evaluated != len(c.sizes) || got.next != nil {
			t.Errorf("%s: keys alone: %d, goes on: %v", c.what, got.evaluated, got.next != nil)
		}
	}
}

// TestPagesOfIndexesAreOfWhatTheyShow pages through indexes of random items, some of which entries hold and some of which they
// point to, and through the same indexes as older versions left them.
func TestPagesOfIndexesAreOfWhatTheyShow(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	r := rand.New(rand.NewPCG(seed, 0))
	w := newWorld(t)
	w.table("tab", "p:S", "gkeys g:S x:N KEYS_ONLY", "gshows g:S x:N INCLUDE:b,c", "gall g:S x:N ALL", "golder g:S x:N INCLUDE:b,c")
	w.older("tab", "golder")
	var items []item.Item
	for i := range 1500 {
		it := doc(fmt.Sprintf(`{'p': {'S': '%d'}, 'g': {'S': 'v'}, 'x': {'N': '%d'}}`, i, i))
		for _, name := range []string{"a", "b", "c"} {
			if r.IntN(3) > 0 {
				size := []int{1, 40, 600, 1500, maxHeld, 5000}[r.IntN(6)]
				it = append(it, item.Attribute{Name: name, Value: item.Text(strings.Repeat(name, 1+r.IntN(size)))})
			}
		}
		must(w, putItem, putInput("tab", it))
		items = append(items, it)
	}
	for index, shows := range map[string][]string{"gkeys": {}, "gshows": {"b", "c"}, "golder": {"b", "c"}, "gall": {"a", "b", "c"}} {
		for _, limit := range []int32{0, 700} {
			p, at := pager{index: index, limit: limit}, 0
			var next item.Item
			for done := false; !done; {
				size, n := 0, 0
				var want []string
				for ; at+n < len(items) && size < maxPage && (limit == 0 || n < int(limit)); n++ {
					it := slices.DeleteFunc(slices.Clone(items[at+n]), func(a item.Attribute) bool {
						return len(a.Name) == 1 && strings.Contains("abc", a.Name) && !slices.Contains(shows, a.Name)
					})
					size += itemSize(it)
					want = append(want, show(it))
				}
				got := p.page(w, next)
				if len(got.items) != n {
					t.Fatalf("seed %d: %s: a page of %d items from %d, want %d", seed, index, len(got.items), at, n)
				}
				for i := range want {
					if g := show(got.items[i]); g != want[i] {
						t.Fatalf("seed %d: %s: item %d is %s, want %s", seed, index, at+i, g, want[i])
					}
				}
				at, next = at+n, got.next
				if done = next == nil; done != (size < maxPage && n != int(limit)) {
					t.Fatalf("seed %d: %s: goes on: %v after %d of %d", seed, index, !done, at, len(items))
				}
			}
			if at != len(items) {
				t.Errorf("seed %d: %s: %d items", seed, index, at)
			}
		}
	}
	if faults := w.faults(); faults != nil {
		t.Errorf("verified: %v", faults)
	}
}

// older makes an index as one that an older version made.
func (w *world) older(name, index string) {
	w.t.Helper()
	err := w.s.db.Update(w.t.Context(), func(tx *kv.Tx) error {
		t, err := w.s.load(tx, record.In(account, region), name)
		if err != nil {
			return err
		}
		t = t.clone()
		t.index(index).Covers = false
		return t.save(tx)
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// TestAPageThatReadsMuchEnds: whatever entries point to, a page reads no more than maxRead for what they show.
func TestAPageThatReadsMuchEnds(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "p:S", "gkeys g:S KEYS_ONLY")
	w.older("tab", "gkeys")
	for i := range 40 {
		must(w, putItem, putInput("tab", padded(w, fmt.Sprintf(`{'p': {'S': '%d'}, 'g': {'S': 'v'}}`, i), 1000)))
	}
	err := w.s.db.View(t.Context(), func(tx *kv.Tx) error {
		tab := w.definition("tab")
		ix := tab.index("gkeys")
		p, g := &pageOf{table: tab, index: ix, from: tab.indexPrefix(ix), to: tab.indexPrefix(ix).End()}, &page{items: new(item.Page), followed: 260_000, read: maxRead - 25_000}
		if err := p.into(tx, g); err != nil {
			return err
		}
		if g.last == nil || g.scanned < 20 || g.scanned > 26 {
			t.Errorf("%d items, goes on: %v", g.scanned, g.last != nil)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestWhatIsReadAheadIsLittle: items are read by the dozen while they are small.
func TestWhatIsReadAheadIsLittle(t *testing.T) {
	for _, c := range []struct{ followed, read, want int }{{0, 0, firstChunk}, {100, 100 * 300, maxFollowed}, {16, 16 * maxItem, 5}, {16, 16 << 20, 2}, {1, 10 << 20, 1}} {
		if got := (&page{followed: c.followed, read: c.read}).ahead(); got != c.want {
			t.Errorf("after %d items of %d bytes: %d", c.followed, c.read, got)
		}
	}
}

// TestTheLargestTransactionFits with all that entries of all indexes hold of its items.
func TestTheLargestTransactionFits(t *testing.T) {
	w := newWorld(t)
	var indexes []string
	for i := range maxGlobalIndexes {
		indexes = append(indexes, fmt.Sprintf("global%d g:S x:N INCLUDE:a", i))
	}
	for i := range maxLocalIndexes {
		indexes = append(indexes, fmt.Sprintf("-local%d p:S x:N INCLUDE:a", i))
	}
	w.table("tab", "p:S s:N", indexes...)
	var in dynamodb.TransactWriteItemsInput
	for i := range 100 {
		it := padded(w, fmt.Sprintf(`{'p': {'S': 'v'}, 's': {'N': '%d'}, 'x': {'N': '%d'}, 'g': {'S': 'v'}, 'a': {'S': '%s'}}`, i, i, strings.Repeat("a", maxHeld-50)), maxTransactBytes/100)
		in.TransactItems = append(in.TransactItems, dynamodb.TransactWriteItem{Put: &dynamodb.Put{TableName: str("tab"), Item: it}})
	}
	for range 2 {
		must(w, dynamodb.TransactWriteItems, in)
	}
	if got := (pager{index: "global7"}).page(w, nil); got.evaluated != 100 || len(got.items[0]) != 5 {
		t.Errorf("%d items, of %d attributes", got.evaluated, len(got.items[0]))
	}
}
