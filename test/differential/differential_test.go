package differential

import (
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

var (
	seed  = flag.Uint64("seed", 0, "of the requests; 0 takes the clock")
	count = flag.Int("requests", 6000, "how many")
)

// TestDifferential sends the same requests to both. A difference that is not accepted is told once per kind.
func TestDifferential(t *testing.T) {
	bothy, dynalite := startBothy(t), startDynalite(t)
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d", *seed)
	m := &maker{Rand: rand.New(rand.NewPCG(*seed, 1)), tables: schemas()}
	for _, s := range m.tables {
		for _, p := range []peer{bothy, dynalite} {
			if a := p.ask(t, "CreateTable", s.create()); a.status != 200 {
				t.Fatalf("%s: create %s: %+v", p.url, s.name, a)
			}
			awaitActive(t, p, s.name)
		}
	}
	told, same, accepted := map[string]bool{}, 0, map[string]int{}
	for i := range *count {
		r := m.next()
		ours, theirs := bothy.ask(t, r.op, r.in), dynalite.ask(t, r.op, r.in)
		kind := difference(r, ours, theirs)
		if kind == "" {
			same++
			continue
		}
		why := acceptable(r, ours, theirs)
		if why != "" {
			accepted[why]++
		}
		if why == "" && !told[kind] {
			told[kind] = true
			in, _ := json.Marshal(r.in)
			t.Errorf("request %d, %s %s\nours   %s\ntheirs %s", i, r.op, in, ours, theirs)
		}
		if ours.status != theirs.status || why != "" {
			align(t, bothy, dynalite, r)
		}
	}
	t.Logf("%d requests: %d answered the same; accepted differences: %v", *count, same, accepted)
}

func (a answer) String() string {
	if a.status != 200 {
		return fmt.Sprintf("%d %s: %s", a.status, a.code, a.message)
	}
	b, _ := json.Marshal(a.body)
	return "200 " + string(b)
}

// difference says what kind of difference there is, "" for none.
func difference(r request, a, b answer) string {
	if a.status != b.status || a.code != b.code || a.message != b.message {
		return r.op + "|" + a.code + "|" + b.code + "|" + shape(a.message) + "|" + shape(b.message)
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

// shape is a message without what is particular to a request.
func shape(m string) string { return fmt.Sprintf("%.60s", m) }

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

// align gives dynalite the items that Bothy has, after a request that changed them in different ways.
func align(t *testing.T, bothy, dynalite peer, r request) {
	t.Helper()
	for _, s := range schemas() {
		if name, _ := r.in["TableName"].(string); r.op != "BatchWriteItem" && name != s.name || strings.HasPrefix(r.op, "Get") || r.op == "Query" || r.op == "Scan" || r.op == "BatchGetItem" {
			continue
		}
		want, have := items(t, bothy, s), items(t, dynalite, s)
		for k := range have {
			if want[k] == nil {
				dynalite.ask(t, "DeleteItem", object{"TableName": s.name, "Key": s.keyOf(have[k])})
			}
		}
		for k, it := range want {
			if !reflect.DeepEqual(it, have[k]) {
				if a := dynalite.ask(t, "PutItem", object{"TableName": s.name, "Item": it}); a.status != 200 { // it cannot hold what Bothy holds
					bothy.ask(t, "DeleteItem", object{"TableName": s.name, "Key": s.keyOf(it)})
					dynalite.ask(t, "DeleteItem", object{"TableName": s.name, "Key": s.keyOf(it)})
				}
			}
		}
	}
}

func items(t *testing.T, p peer, s schema) map[string]map[string]any {
	t.Helper()
	all := map[string]map[string]any{}
	a := p.ask(t, "Scan", object{"TableName": s.name})
	list, _ := a.body["Items"].([]any)
	for _, it := range list {
		it := it.(map[string]any)
		sortSets(it)
		all[text(s.keyOf(it))] = it
	}
	return all
}

func (s schema) keyOf(it map[string]any) object {
	k := object{s.hash: it[s.hash]}
	if s.sort != "" {
		k[s.sort] = it[s.sort]
	}
	return k
}

func awaitActive(t *testing.T, p peer, table string) {
	t.Helper()
	for range 500 {
		a := p.ask(t, "DescribeTable", object{"TableName": table})
		if d, _ := a.body["Table"].(map[string]any); d["TableStatus"] == "ACTIVE" {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%s: %s does not become active", p.url, table)
}
