package bench

import (
	"bytes"
	"encoding/json"
	"strconv"
	"testing"
	"time"
)

// pace is what a scan of a whole table took, and the server's memory in MiB before it and at most.
type pace struct {
	cost
	before, most float64
}

// BenchmarkScan reads a table of -items items from the first to the last, page after page, from a node and from dynalite, in turns.
func BenchmarkScan(b *testing.B) {
	dynalite, w := startDynalite(b), newWorld(b)
	theirs := asker{dynalite.addr, w.guest.cred}
	theirs.call(b, "dynamodb", dynamo+"CreateTable", taskTable(), nil)
	n := w.fill(b, theirs, *items)
	if had := w.fill(b, w.root, n); had != n {
		b.Fatalf("%d items, and %d for dynalite", had, n)
	}
	b.Logf("%d items", n)
	w.rest(b)
	var node, peer pace
	for range b.N {
		node.plus(scan(b, w.process, w.root, n))
		peer.plus(scan(b, dynalite, theirs, n))
	}
	node.report(b, "node", n*b.N)
	peer.report(b, "dynalite", n*b.N)
	b.ReportMetric(float64(peer.wall)/float64(node.wall), "x-faster")
	b.ReportMetric(float64(peer.cpu)/float64(node.cpu), "x-less-cpu")
}

func (p *pace) plus(o pace) {
	p.wall, p.cpu, p.before, p.most = p.wall+o.wall, p.cpu+o.cpu, max(p.before, o.before), max(p.most, o.most)
}

func (p pace) report(b *testing.B, name string, n int) {
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(n)/p.wall.Seconds(), "items/s/"+name)
	b.ReportMetric(micro(p.cpu, n), "µs-cpu/item/"+name)
	b.ReportMetric(p.before, "MiB-before/"+name)
	b.ReportMetric(p.most, "MiB-most/"+name)
}

// scan reads a whole table of n items. It looks for what it needs in the answers and does not decode the items.
func scan(b *testing.B, p *process, a asker, n int) (took pace) {
	b.Helper()
	c, err := dial(p.addr)
	if err != nil {
		b.Fatal(err)
	}
	defer c.conn.Close() //nolint:errcheck // only read
	took.before = p.memory(b).rss
	in := map[string]any{"TableName": "tasks"}
	found := 0
	for {
		request := a.render(b, "dynamodb", dynamo+"Scan", in)
		cpu, begin := p.spent(b), time.Now()
		res, err := c.send(request)
		took.wall, took.cpu = took.wall+time.Since(begin), took.cpu+p.spent(b)-cpu
		if err != nil {
			b.Fatal(err)
		}
		took.most = max(took.most, p.memory(b).rss)
		found += count(b, res.Body)
		if in["ExclusiveStartKey"] = last(b, res.Body); in["ExclusiveStartKey"] == nil {
			break
		}
	}
	if found != n {
		b.Fatalf("a scan found %d of %d items", found, n)
	}
	return took
}

// count is the number of items that an answer says were read; none of their attributes has that name.
func count(b *testing.B, body []byte) int {
	b.Helper()
	_, after, _ := bytes.Cut(body, []byte(`"ScannedCount":`))
	n, err := strconv.Atoi(string(after[:bytes.IndexAny(after, ",}")]))
	if err != nil {
		b.Fatalf("%v: %.200s", err, body)
	}
	return n
}

// last is where an answer says that the scan goes on, nil at its end.
func last(b *testing.B, body []byte) any {
	b.Helper()
	_, after, ok := bytes.Cut(body, []byte(`"LastEvaluatedKey":`))
	if !ok {
		return nil
	}
	var key map[string]any
	if err := json.NewDecoder(bytes.NewReader(after)).Decode(&key); err != nil {
		b.Fatal(err)
	}
	return key
}
