package state

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"text/tabwriter"
	"time"
)

// BenchmarkSize prints what the number of rows costs: the same work on a small and a large store with the same cache, and
// what the large one takes to load, to open, in memory and on disk.
//
//	go test -run '^$' -bench Size -benchtime 1x -timeout 1h ./test/bench/state
func BenchmarkSize(b *testing.B) {
	for b.Loop() {
		sizes(b, 10_000, *many, *rounds, *each)
	}
}

func sizes(b testing.TB, small, large, rounds int, each time.Duration) {
	var dirs [2]string
	for i, n := range []int{small, large} {
		dirs[i] = b.TempDir()
		s := reopen(b, dirs[i])
		begin := time.Now()
		if err := s.load(n); err != nil {
			b.Fatal(err)
		}
		fmt.Printf("%d rows: loaded in %.1f s\n", n, time.Since(begin).Seconds())
		if err := s.close(); err != nil {
			b.Fatal(err)
		}
	}
	var stores [2]store
	for i := range stores {
		before, begin := resident(b), time.Now()
		stores[i] = reopen(b, dirs[i])
		opened := time.Since(begin)
		if err := stores[i].get(key(0)); err != nil {
			b.Fatal(err)
		}
		fmt.Printf("%d rows: %d MB on disk, opened in %.0f ms, resident %+d MB\n", []int{small, large}[i], onDisk(b, dirs[i]), opened.Seconds()*1000, resident(b)-before)
		defer stores[i].close() //nolint:errcheck // the directory is removed
	}
	settle()
	before := resident(b)
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(out, "rows\t%d /s\t%d /s\tratio\t\n", small, large)
	for _, w := range workloads {
		var results [2][]result
		for range rounds {
			for i, n := range []int{small, large} {
				r, err := w.turn(stores[i], n, each)
				if err != nil {
					b.Fatal(err)
				}
				results[i] = append(results[i], r)
			}
		}
		rate := func(i int) func(int) float64 { return func(round int) float64 { return results[i][round].perSecond } }
		fmt.Fprintf(out, "%s\t%.0f\t%.0f\t%.2f\t\n", w, median(results[0], rate(0)), median(results[1], rate(1)),
			median(results[0], func(round int) float64 { return rate(1)(round) / rate(0)(round) }))
	}
	out.Flush() //nolint:errcheck // standard output
	fmt.Printf("%d rows: %d MB on disk, resident after all that %+d MB\n", large, onDisk(b, dirs[1]), resident(b)-before)
}

func reopen(b testing.TB, dir string) store {
	s, err := openBothy(dir)
	if err != nil {
		b.Fatal(err)
	}
	return s
}

// resident is this process's memory in MB, garbage given back.
func resident(b testing.TB) (mb int) {
	debug.FreeOSMemory()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if n, _ := fmt.Sscanf(line, "VmRSS: %d kB", &mb); n == 1 {
			return mb >> 10
		}
	}
	b.Fatal("no VmRSS")
	return 0
}

func onDisk(b testing.TB, dir string) (mb int64) {
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if info, err := d.Info(); err == nil { // a file that a compaction removed meanwhile is gone
			mb += info.Size()
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	return mb >> 20
}
