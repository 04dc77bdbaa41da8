package bench

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// capacity is how many requests of one address the node has in flight: half its places for short calls (wire/admit), on two cores.
const capacity = 256

const turn = 10_000 // good answers of one load, then of the next

// strain is what one load came to.
type strain struct {
	good, refused int64
	wall, cpu     time.Duration
}

// BenchmarkOverload is goodput, answers of 200 per second, when one, two and four times as many clients ask as the node has places
// for. Who is refused comes again a little later, sooner than SDKs do. "x-goodput" is the ratio to one times, measured in turns,
// "x-cpu" that of the node's processor time per good answer.
func BenchmarkOverload(b *testing.B) {
	w := newWorld(b)
	requests := w.puts(b, batch)
	loads := []int{1, 2, 4}
	flocks, strains := make([]flock, len(loads)), make([]strain, len(loads))
	for i, times := range loads {
		flocks[i] = newFlock(b, w.addr, times*capacity)
		w.press(b, flocks[i], requests, 2*len(flocks[i])) // at once: who says nothing is not kept for long
	}
	b.ResetTimer()
	for done := 0; done < b.N; done += turn {
		for i := range loads {
			strains[i].add(w.press(b, flocks[i], requests, min(turn, b.N-done)))
		}
	}
	b.ReportMetric(0, "ns/op") // of all loads: it says nothing
	base := strains[0]
	b.ReportMetric(base.rate(), "good/s@1x")
	for i, s := range strains[1:] {
		at := fmt.Sprintf("@%dx", loads[i+1])
		b.ReportMetric(float64(s.refused)/float64(s.good), "refused/good"+at)
		b.ReportMetric(s.rate()/base.rate(), "x-goodput"+at)
		b.ReportMetric(float64(s.cpu)/float64(base.cpu), "x-cpu"+at)
	}
}

func (s *strain) add(o strain) {
	s.good, s.refused, s.wall, s.cpu = s.good+o.good, s.refused+o.refused, s.wall+o.wall, s.cpu+o.cpu
}

func (s strain) rate() float64 { return float64(s.good) / s.wall.Seconds() }

// press lets every connection ask until there were so many good answers.
func (w *world) press(tb testing.TB, f flock, requests [][]byte, good int) strain {
	tb.Helper()
	var had, refused atomic.Int64
	enough := make(chan struct{})
	begin, cpu := time.Now(), w.spent(tb)
	out := strain{good: int64(good)}
	var all sync.WaitGroup
	for i, c := range f {
		all.Go(func() {
			pause := 100 * time.Millisecond
			for n := i; had.Load() < int64(good); n++ {
				_, err := c.send(requests[n%len(requests)])
				switch {
				case err == nil:
					pause = 100 * time.Millisecond
					if had.Add(1) == int64(good) {
						out.wall, out.cpu = time.Since(begin), w.spent(tb)-cpu
						close(enough)
					}
				case strings.Contains(err.Error(), "ThrottlingException"):
					refused.Add(1)
					select {
					case <-enough:
					case <-time.After(rand.N(pause)):
					}
					pause = min(2*pause, 5*time.Second)
				default:
					tb.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	if tb.Failed() {
		tb.FailNow()
	}
	out.refused = refused.Load()
	return out
}
