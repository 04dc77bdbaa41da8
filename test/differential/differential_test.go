package differential

import (
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"regexp"
	"slices"
	"testing"
	"time"
)

var (
	seed  = flag.Uint64("seed", 0, "of the requests; 0 takes the clock")
	count = flag.Int("requests", 4000, "how many")
)

// TestDifferential sends the same requests to both, and compares the answers and the items that writes leave. What differs and is
// not accepted is told once per kind, with how often it was seen.
func TestDifferential(t *testing.T) {
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d: the same again with -seed %[1]d -requests %d", *seed, *count)
	c := &comparison{T: t, bothy: startBothy(t), dynalite: startDynalite(t), tables: schemas(), told: map[string]*kind{}, accepted: map[string]int{}}
	m := &maker{Rand: rand.New(rand.NewPCG(*seed, 1)), tables: c.tables}
	for _, s := range c.tables {
		c.create(s)
	}
	for i := range *count {
		c.compare(i, m.next())
	}
	c.report()
}

// comparison is a run on its way.
type comparison struct {
	*testing.T
	bothy, dynalite peer
	tables          []schema
	same            int
	told            map[string]*kind
	accepted        map[string]int
}

// kind is a difference that is not accepted, by its first example.
type kind struct {
	example string
	times   int
}

// create makes a table on both and waits until it is there.
func (c *comparison) create(s schema) {
	for _, p := range []peer{c.bothy, c.dynalite} {
		if a := p.ask(c.T, "CreateTable", s.create()); a.status != 200 {
			c.Fatalf("%s: create %s: %+v", p.url, s.name, a)
		}
		for tries := 0; ; tries++ {
			d, _ := p.ask(c.T, "DescribeTable", object{"TableName": s.name}).body["Table"].(map[string]any)
			if d["TableStatus"] == "ACTIVE" {
				break
			}
			if tries == 1000 {
				c.Fatalf("%s: %s does not become active", p.url, s.name)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
}

func (c *comparison) compare(i int, r request) {
	ours, theirs := c.bothy.ask(c.T, r.op, r.in), c.dynalite.ask(c.T, r.op, r.in)
	what := difference(r, ours, theirs)
	left := c.settle(r)
	if what == "" && left != "" {
		what = r.op + ": what is left differs: " + left
	}
	if what == "" {
		c.same++
		return
	}
	if why := acceptable(r, ours, theirs); why != "" {
		c.accepted[why]++
		return
	}
	if c.told[what] == nil {
		c.told[what] = &kind{example: fmt.Sprintf("request %d, %s %s\nours   %s\ntheirs %s\n%s", i, r.op, text(r.in), ours, theirs, left)}
	}
	c.told[what].times++
}

func (c *comparison) report() {
	kinds := slices.Collect(maps.Values(c.told))
	slices.SortFunc(kinds, func(a, b *kind) int { return b.times - a.times })
	for _, k := range kinds {
		c.Errorf("%d times, first %s", k.times, k.example)
	}
	c.Logf("%d requests: %d answered the same", *count, c.same)
	for _, why := range slices.Sorted(maps.Keys(c.accepted)) {
		c.Logf("accepted %d times: %s", c.accepted[why], why)
	}
}

func (a answer) String() string {
	if a.status != 200 {
		return fmt.Sprintf("%d %s: %s", a.status, a.code, a.message)
	}
	return "200 " + text(a.body)
}

// difference says what kind of difference there is, "" for none.
func difference(r request, a, b answer) string {
	if a.status != b.status || a.code != b.code || a.message != b.message {
		return a.code + "|" + b.code + "|" + shape(a.message) + "|" + shape(b.message)
	}
	if a.status != 200 {
		return ""
	}
	normal(r, a.body)
	normal(r, b.body)
	if reflect.DeepEqual(a.body, b.body) {
		return ""
	}
	return r.op + "|answer"
}

var particular = regexp.MustCompile(`; .*|'.*?'|\{.*?\}|\[.*?\]|(:|Key|attribute) [^ ]*$`)

// shape is a message without what is particular to a request.
func shape(m string) string { return particular.ReplaceAllString(m, "") }

// normal sorts what has no order: members of sets, items of a scan.
func normal(r request, body map[string]any) {
	sortSets(body)
	if r.unordered {
		for _, list := range []any{body["Items"], body["Responses"]} {
			sortItems(list)
		}
	}
}

func sortItems(v any) {
	switch v := v.(type) {
	case []any:
		slices.SortFunc(v, func(a, b any) int { return cmp.Compare(text(a), text(b)) })
	case map[string]any:
		for _, list := range v {
			sortItems(list)
		}
	}
}

func text(v any) string {
	b, _ := json.Marshal(v)
	return string(b)
}

func sortSets(v any) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			sortSets(e)
		}
	case map[string]any:
		for name, e := range v {
			if list, ok := e.([]any); ok && (name == "SS" || name == "NS" || name == "BS") {
				sortItems(list)
			}
			sortSets(e)
		}
	}
}

// settle says how the items differ that a write leaves, "" when they do not, and makes dynalite's the same as Bothy's.
func (c *comparison) settle(r request) (how string) {
	for _, k := range r.keys {
		ours, theirs := c.item(c.bothy, k), c.item(c.dynalite, k)
		if reflect.DeepEqual(ours, theirs) {
			continue
		}
		how += fmt.Sprintf("left: %s ours %s theirs %s\n", k.table, text(ours), text(theirs))
		if ours != nil && c.dynalite.ask(c.T, "PutItem", object{"TableName": k.table, "Item": ours}).status == 200 {
			continue
		}
		for _, p := range []peer{c.bothy, c.dynalite} { // one of them cannot hold what the other does
			p.ask(c.T, "DeleteItem", object{"TableName": k.table, "Key": k.key})
		}
	}
	return how
}

// item is what has the key, nil when nothing does or can have it.
func (c *comparison) item(p peer, k place) map[string]any {
	a := p.ask(c.T, "GetItem", object{"TableName": k.table, "Key": k.key})
	it, _ := a.body["Item"].(map[string]any)
	sortSets(it)
	return it
}
