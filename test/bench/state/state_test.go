// Package state measures the state floor against what else keeps rows on one machine: bare Pebble (the ceiling: no isolation),
// SQLite and bbolt. All do the same work in turns in one run, so that the ratios hold on a busy machine; no test asserts one.
//
// Durability is the same: a change is answered after the fsync of the log (Pebble, SQLite with synchronous=FULL) or of the
// pages (bbolt) that hold it, and changes that wait together share one in every store.
package state

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"text/tabwriter"
	"time"
)

var (
	rows   = flag.Int("state.rows", 1_000_000, "rows of BenchmarkState")
	many   = flag.Int("state.many", 10_000_000, "rows of the large store of BenchmarkSize")
	rounds = flag.Int("state.rounds", 3, "rounds, of which the tables show the median")
	each   = flag.Duration("state.each", time.Second, "time of one store's turn")
	only   = flag.String("state.only", "", "the only workload to run")
)

// contenders, ours first.
var contenders = []struct {
	name string
	open func(dir string) (store, error)
}{{"bothy", openBothy}, {"bare Pebble", openBare}, {"SQLite", openLite}, {"bbolt", openBolt}}

// workload is what so many goroutines do again and again.
type workload struct {
	name       string
	goroutines int
	do         func(s store, r *rand.Rand, rows int) error
}

func get(s store, r *rand.Rand, rows int) error    { return s.get(key(r.IntN(rows))) }
func change(s store, r *rand.Rand, rows int) error { return s.change(key(r.IntN(rows))) }
func hot(s store, _ *rand.Rand, _ int) error       { return s.change(key(0)) }
func scan(s store, r *rand.Rand, rows int) error   { return s.scan(key(r.IntN(rows)), 100) }

func mostlyReads(s store, r *rand.Rand, rows int) error {
	if r.IntN(10) == 0 {
		return change(s, r, rows)
	}
	return get(s, r, rows)
}

var workloads = []workload{
	{"read", 16, get}, {"scan of 100", 16, scan}, {"9 reads, 1 change", 64, mostlyReads},
	{"change", 1, change}, {"change", 16, change}, {"change", 64, change}, {"change", 256, change}, {"change of one key", 256, hot},
}

func (w workload) String() string { return fmt.Sprintf("%s ×%d", w.name, w.goroutines) }

// result is one turn.
type result struct {
	perSecond float64
	p99       time.Duration
	processor time.Duration // per operation, with what the store has left to do in the background afterwards
}

// turn does w on s for a while.
func (w workload) turn(s store, rows int, d time.Duration) (result, error) {
	var stop atomic.Bool
	var wg sync.WaitGroup
	times, errs := make([][]time.Duration, w.goroutines), make([]error, w.goroutines)
	begin, spent := time.Now(), processor()
	for g := range w.goroutines {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(g), uint64(begin.UnixNano())))
			for at := time.Now(); !stop.Load() && errs[g] == nil; {
				errs[g] = w.do(s, r, rows)
				now := time.Now()
				times[g], at = append(times[g], now.Sub(at)), now
			}
		})
	}
	time.Sleep(d)
	stop.Store(true)
	wg.Wait()
	took := time.Since(begin)
	settle()
	spent = processor() - spent
	all := slices.Concat(times...)
	slices.Sort(all)
	return result{float64(len(all)) / took.Seconds(), all[len(all)*99/100], spent / time.Duration(len(all))}, firstOf(errs)
}

// settle waits until no store works in the background, so that one's work is not another's loss.
func settle() {
	const quiet, pause, longest = time.Millisecond, 20 * time.Millisecond, 10 * time.Second
	for begin := time.Now(); time.Since(begin) < longest; {
		spent := processor()
		time.Sleep(pause)
		if processor()-spent < quiet {
			return
		}
	}
}

// processor is the time this process has spent on processors.
func processor() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func firstOf(errs []error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// BenchmarkState prints operations a second and the ratios of ours to the others, each the median of the rounds:
//
//	go test -run '^$' -bench State -benchtime 1x -timeout 1h ./test/bench/state
func BenchmarkState(b *testing.B) {
	for b.Loop() {
		compare(b, *rows, *rounds, *each)
	}
}

func compare(b testing.TB, rows, rounds int, each time.Duration) {
	stores := make([]store, len(contenders))
	for i, c := range contenders {
		s, err := c.open(b.TempDir())
		if err != nil {
			b.Fatal(err)
		}
		defer s.close() //nolint:errcheck // the directory is removed
		if err := s.load(rows); err != nil {
			b.Fatal(c.name, err)
		}
		stores[i] = s
		settle()
	}
	var done []workload
	var results [][][]result // of a workload, of a store, of a round
	for _, w := range workloads {
		if *only == "" || strings.HasPrefix(w.String(), *only) {
			done, results = append(done, w), append(results, w.rounds(b, stores, rows, rounds, each))
		}
	}
	table(done, results, fmt.Sprintf("a second, %d rows", rows), "%.0f", func(r result) float64 { return r.perSecond })
	table(done, results, "99th percentile, ms", "%.2f", func(r result) float64 { return r.p99.Seconds() * 1e3 })
	table(done, results, "processor, µs", "%.1f", func(r result) float64 { return float64(r.processor.Nanoseconds()) / 1e3 })
}

// rounds gives each store its turn in each, another one first every time.
func (w workload) rounds(b testing.TB, stores []store, rows, rounds int, each time.Duration) [][]result {
	results := make([][]result, len(stores))
	for round := range rounds {
		for i := range stores {
			i := (i + round) % len(stores)
			res, err := w.turn(stores[i], rows, each)
			if err != nil {
				b.Fatal(contenders[i].name, err)
			}
			results[i] = append(results[i], res)
		}
	}
	return results
}

// table prints one figure of all, the median of the rounds, and the medians of our ratios to the others.
func table(done []workload, results [][][]result, title, format string, of func(result) float64) {
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(out, "\n%s\t", title)
	for _, c := range contenders {
		fmt.Fprintf(out, "%s\t", c.name)
	}
	for _, c := range contenders[1:] {
		fmt.Fprintf(out, "ours / %s\t", c.name)
	}
	for n, w := range done {
		fmt.Fprintf(out, "\n%s\t", w)
		for _, rounds := range results[n] {
			fmt.Fprintf(out, format+"\t", median(rounds, func(i int) float64 { return of(rounds[i]) }))
		}
		ours := results[n][0]
		for _, theirs := range results[n][1:] {
			fmt.Fprintf(out, "%.2f\t", median(ours, func(i int) float64 { return of(ours[i]) / of(theirs[i]) }))
		}
	}
	fmt.Fprintln(out)
	out.Flush() //nolint:errcheck // standard output
}

func median[T any](rounds []T, of func(round int) float64) float64 {
	var all []float64
	for i := range rounds {
		all = append(all, of(i))
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// TestSmoke runs all once, small.
func TestSmoke(t *testing.T) {
	compare(t, 500, 1, 10*time.Millisecond)
	sizes(t, 500, 3000, 1, 10*time.Millisecond)
}

func kib(bytes int) string { return strconv.Itoa(bytes >> 10) }
