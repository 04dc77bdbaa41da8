package bench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"
	"time"
)

const (
	batch   = 400 // requests to the one server, then to the other
	warmup  = 200
	several = 16 // connections of the concurrent runs
)

// task is an item of the size apps keep: 10 attributes, 400 bytes on the wire.
func (w *world) task(n int) map[string]any {
	return map[string]any{
		"userId": text(w.identity), "taskId": text(fmt.Sprintf("%08d", n)), "title": text("Call the harbour master about the mooring"),
		"projectId": text("p-2026-08"), "done": map[string]bool{"BOOL": false}, "created": map[string]string{"N": "1788264000"}, "rank": map[string]string{"N": "17.25"},
		"notes": text("Ask for the outer pontoon; bring the papers."), "tags": map[string]any{"L": []any{text("boat"), text("summer")}}, "owner": text("alice"),
	}
}

func text(s string) map[string]string { return map[string]string{"S": s} }

func (w *world) puts(tb testing.TB, n int) [][]byte {
	return made(n, func(i int) []byte {
		return w.guest.render(tb, "dynamodb", dynamo+"PutItem", map[string]any{"TableName": "tasks", "Item": w.task(i)})
	})
}

func (w *world) gets(tb testing.TB, n int) [][]byte {
	return made(n, func(i int) []byte {
		return w.guest.render(tb, "dynamodb", dynamo+"GetItem", map[string]any{"TableName": "tasks", "Key": map[string]any{"userId": text(w.identity), "taskId": text(fmt.Sprintf("%08d", i))}})
	})
}

// enter are requests for new credentials: a role assumed, its session sealed.
func (w *world) enter(tb testing.TB, n int) [][]byte {
	return made(n, func(int) []byte {
		return w.anyone.render(tb, "cognito-identity", federation+"GetCredentialsForIdentity", map[string]string{"IdentityId": w.identity})
	})
}

func made(n int, one func(int) []byte) [][]byte {
	all := make([][]byte, n)
	for i := range all {
		all[i] = one(i)
	}
	return all
}

// echo starts the baseline with the node's own answers to the requests.
func (w *world) echo(tb testing.TB, requests map[string][]byte) *process {
	tb.Helper()
	answers := map[string]answer{}
	for target, r := range requests {
		answers[target] = w.anyone.once(tb, r)
	}
	in, err := json.Marshal(answers)
	if err != nil {
		tb.Fatal(err)
	}
	return again(tb, "echo", bytes.NewReader(in))
}

func BenchmarkPutItem(b *testing.B) {
	w := newWorld(b)
	compare(b, w, dynamo+"PutItem", w.puts(b, few))
}

func BenchmarkGetItem(b *testing.B) {
	w := newWorld(b)
	newFlock(b, w.addr, several).send(b, w.puts(b, few))
	compare(b, w, dynamo+"GetItem", w.gets(b, few))
}

func BenchmarkGetCredentialsForIdentity(b *testing.B) {
	w := newWorld(b)
	compare(b, w, federation+"GetCredentialsForIdentity", w.enter(b, batch))
}

// compare sends the requests in turns to the node and to the echo, on one connection and on several.
func compare(b *testing.B, w *world, target string, requests [][]byte) {
	echo := w.echo(b, map[string][]byte{target: requests[0]})
	for _, n := range []int{1, several} {
		b.Run(fmt.Sprintf("connections=%d", n), func(b *testing.B) {
			node, base := newFlock(b, w.addr, n), newFlock(b, echo.addr, n)
			node.send(b, requests[:warmup])
			base.send(b, requests[:warmup])
			var ours, theirs cost
			for done := 0; done < b.N; done += batch {
				some := inTheirTurn(requests, done, min(batch, b.N-done))
				ours.add(b, w.process, node, some)
				theirs.add(b, echo, base, some)
			}
			b.ReportMetric(0, "ns/op") // of both servers in turns: it says nothing
			b.ReportMetric(micro(ours.cpu, b.N), "µs-cpu/req")
			b.ReportMetric(micro(theirs.cpu, b.N), "µs-cpu/echo")
			b.ReportMetric(float64(ours.cpu)/float64(theirs.cpu), "x-cpu")
			b.ReportMetric(micro(ours.wall, b.N), "µs-wall/req")
			b.ReportMetric(float64(ours.wall)/float64(theirs.wall), "x-wall")
		})
	}
}

// cost is what requests took: processor time of the server, and time.
type cost struct{ cpu, wall time.Duration }

func (c *cost) add(tb testing.TB, p *process, f flock, requests [][]byte) {
	tb.Helper()
	cpu, begin := p.spent(tb), time.Now()
	f.send(tb, requests)
	c.wall += time.Since(begin)
	c.cpu += p.spent(tb) - cpu
}

func micro(d time.Duration, n int) float64 { return float64(d.Microseconds()) / float64(n) }
