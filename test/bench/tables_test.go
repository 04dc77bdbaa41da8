package bench

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"
)

var (
	items    = flag.Int("items", 30_000, "of the larger table of BenchmarkTableSize")
	fillTime = flag.Duration("fill", 5*time.Minute, "the most that filling it may take: it ends there with what it has")
)

const (
	few    = 10_000 // items of other tables
	inTurn = 100    // requests to one server, then to the next
)

// in makes the input of the i-th request.
type in func(w *world, i int) any

var operations = []struct {
	name        string
	in          in
	root, alone bool // for what the guests' policy does not allow, and what dynalite does not have
}{
	{name: "GetItem", in: func(w *world, i int) any { return map[string]any{"TableName": "tasks", "Key": w.taskKey(i)} }},
	{name: "PutItem", in: func(w *world, i int) any { return map[string]any{"TableName": "tasks", "Item": w.task(i)} }},
	{name: "UpdateItem", in: func(w *world, _ int) any {
		return map[string]any{"TableName": "tasks", "Key": w.taskKey(0), "UpdateExpression": "ADD hits :one", "ExpressionAttributeValues": map[string]any{":one": map[string]string{"N": "1"}}, "ReturnValues": "UPDATED_NEW"}
	}},
	{name: "Query", in: func(w *world, i int) any {
		return map[string]any{"TableName": "tasks", "KeyConditionExpression": "userId = :u AND taskId >= :t", "Limit": 100,
			"ExpressionAttributeValues": map[string]any{":u": text(w.identity), ":t": w.taskKey(i)["taskId"]}}
	}},
	{name: "BatchWriteItem", root: true, in: func(w *world, i int) any { return w.batch(25 * i) }},
	{name: "TransactWriteItems", alone: true, in: func(w *world, i int) any {
		var writes []any
		for k := range 10 {
			writes = append(writes, map[string]any{"Put": map[string]any{"TableName": "tasks", "Item": w.task(10*i + k)}})
		}
		return map[string]any{"TransactItems": writes}
	}},
	{name: "Scan", root: true, in: func(*world, int) any { return map[string]any{"TableName": "tasks"} }},
}

func (w *world) taskKey(i int) map[string]any {
	it := w.task(i)
	return map[string]any{"userId": it["userId"], "taskId": it["taskId"]}
}

// batch are 25 items from the n-th on.
func (w *world) batch(n int) any {
	var puts []any
	for i := range 25 {
		puts = append(puts, map[string]any{"PutRequest": map[string]any{"Item": w.task(n + i)}})
	}
	return map[string]any{"RequestItems": map[string]any{"tasks": puts}}
}

func (w *world) render(tb testing.TB, a asker, op string, in in, n int) [][]byte {
	return made(n, func(i int) []byte { return a.render(tb, "dynamodb", dynamo+op, in(w, i)) })
}

// rival is one server of a race, and the requests it gets.
type rival struct {
	name string
	*process
	render   func() [][]byte
	requests [][]byte
	rendered time.Time
	took     cost
}

// fresh is for how long requests are sent: a node takes none that was signed more than five minutes ago.
const fresh = 2 * time.Minute

// next are the next n of the requests.
func (r *rival) next(done, n int) [][]byte {
	if time.Since(r.rendered) > fresh {
		r.requests, r.rendered = r.render(), time.Now()
	}
	return inTheirTurn(r.requests, done, n)
}

// BenchmarkTables sends the same requests to a node, to the echo and to dynalite on LevelDB, in turns. A node's writes are on
// the disk when it answers; dynalite's are with the kernel, as LevelDB does not sync.
func BenchmarkTables(b *testing.B) {
	dynalite, w := startDynalite(b), newWorld(b)
	theirs := asker{dynalite.addr, w.guest.cred}
	theirs.call(b, "dynamodb", dynamo+"CreateTable", taskTable(), nil)
	w.fill(b, w.root, few)
	w.fill(b, theirs, few)
	for _, op := range operations {
		ours := w.guest
		if op.root {
			ours = w.root
		}
		requests := func(a asker) func() [][]byte {
			return func() [][]byte { return w.render(b, a, op.name, op.in, different(op.name)) }
		}
		node := &rival{name: "node", process: w.process, render: requests(ours)}
		echo := &rival{name: "echo", process: w.echo(b, map[string][]byte{dynamo + op.name: node.next(0, 1)[0]}), render: requests(ours)}
		rivals := []*rival{node, echo}
		if !op.alone {
			rivals = append(rivals, &rival{name: "dynalite", process: dynalite, render: requests(theirs)})
		}
		for _, n := range []int{1, several} {
			b.Run(fmt.Sprintf("%s/connections=%d", op.name, n), func(b *testing.B) {
				race(b, n, rivals)
				b.ReportMetric(float64(node.took.cpu)/float64(echo.took.cpu), "x-echo-cpu")
				if !op.alone {
					b.ReportMetric(float64(rivals[2].took.wall)/float64(node.took.wall), "x-faster")
					b.ReportMetric(float64(rivals[2].took.cpu)/float64(node.took.cpu), "x-less-cpu")
				}
			})
		}
	}
}

// race sends b.N requests to every rival, in turns, and reports what each spent.
func race(b *testing.B, connections int, rivals []*rival) {
	b.Helper()
	flocks := make([]flock, len(rivals))
	for i, r := range rivals {
		flocks[i], r.took = newFlock(b, r.addr, connections), cost{}
		flocks[i].send(b, r.next(0, connections))
	}
	for done := 0; done < b.N; done += inTurn {
		for i, r := range rivals {
			r.took.add(b, r.process, flocks[i], r.next(done, min(inTurn, b.N-done)))
		}
	}
	b.ReportMetric(0, "ns/op") // of all in turns: it says nothing
	for _, r := range rivals {
		b.ReportMetric(micro(r.took.cpu, b.N), "µs-cpu/"+r.name)
		b.ReportMetric(micro(r.took.wall, b.N), "µs-wall/"+r.name)
	}
}

// inTheirTurn is the next n of the requests, which begin anew when all were sent: few come again soon, so a cache is no help but what it
// is in life.
func inTheirTurn(requests [][]byte, done, n int) [][]byte {
	from := done % len(requests)
	return requests[from:min(from+n, len(requests))]
}

// different is how many requests of an operation there are.
func different(op string) int {
	switch op {
	case "BatchWriteItem", "TransactWriteItems":
		return few / 10
	case "Scan":
		return inTurn
	}
	return few
}

// fill puts items, and says how many there was time for.
func (w *world) fill(b *testing.B, a asker, n int) int {
	b.Helper()
	const some = 4_000
	f, begin, done := newFlock(b, a.addr, several), time.Now(), 0
	for ; done < n && time.Since(begin) < *fillTime; done += some {
		f.send(b, made(min(some, n-done)/25, func(i int) []byte { return a.render(b, "dynamodb", dynamo+"BatchWriteItem", w.batch(done+25*i)) }))
	}
	return min(done, n)
}

// startDynalite runs the npm package that test/setup installs, on LevelDB.
func startDynalite(b *testing.B) *process {
	b.Helper()
	if _, err := os.Stat("../node/node_modules/dynalite"); err != nil {
		b.Skipf("%v: run test/setup first", err)
	}
	return start(b, exec.Command("node", "dynalite.cjs", b.TempDir()))
}

// BenchmarkTableSize compares a table of many items with one of ten thousand, on nodes of their own, in turns; then it scans
// the many, page by page, and watches the memory.
func BenchmarkTableSize(b *testing.B) {
	small, large := newWorld(b), newWorld(b)
	small.fill(b, small.root, few)
	n := large.fill(b, large.root, *items)
	b.Logf("%d items", n)
	large.rest(b)
	for _, op := range operations[:4] {
		spread := func(w *world, of int) func() [][]byte {
			return func() [][]byte {
				return w.render(b, w.guest, op.name, func(_ *world, i int) any { return op.in(w, i*7919%of) }, few)
			}
		}
		rivals := []*rival{
			{name: "small", process: small.process, render: spread(small, few)},
			{name: "large", process: large.process, render: spread(large, n)},
		}
		b.Run(op.name, func(b *testing.B) {
			race(b, several, rivals)
			b.ReportMetric(float64(rivals[1].took.wall)/float64(rivals[0].took.wall), "x-wall")
			b.ReportMetric(float64(rivals[1].took.cpu)/float64(rivals[0].took.cpu), "x-cpu")
		})
	}
	b.Run("Scan", func(b *testing.B) {
		for range b.N {
			scan(b, large.process, large.root, n).report(b, "large", n)
		}
	})
}

// rest waits until what filling left to do in the background is done: until the node hardly works.
func (w *world) rest(b *testing.B) {
	b.Helper()
	const while, hardly = 200 * time.Millisecond, 4 * time.Millisecond
	for begin := time.Now(); time.Since(begin) < time.Minute; {
		cpu := w.spent(b)
		time.Sleep(while)
		if w.spent(b)-cpu < hardly {
			return
		}
	}
	b.Log("the node works on, a minute after it was filled")
}
