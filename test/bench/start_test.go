package bench

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// up is the built program on a data directory.
func up(args ...string) *exec.Cmd {
	return exec.Command(*program, append([]string{"--data", args[0], "up", "--listen", "127.0.0.1:0"}, args[1:]...)...)
}

// lived is a data directory that the example project was imported into, and that was opened before.
func lived(b *testing.B) string {
	b.Helper()
	const zip, site = "../../examples/tasks/dist/tasks.zip", "../../examples/tasks/dist/site"
	for _, f := range []string{*program, zip, site} {
		if _, err := os.Stat(f); err != nil {
			b.Skipf("%v: run make build first", err)
		}
	}
	dir := filepath.Join(b.TempDir(), "data")
	start(b, up(dir, "--import", zip, "--publish", site)).stop()
	start(b, up(dir)).stop()
	return dir
}

// BenchmarkStart is the time from exec to the line "ready", on a data directory with the example project. The middle and the
// least of the runs count: one slow start says what else the machine did.
func BenchmarkStart(b *testing.B) {
	dir := lived(b)
	var wall, cpu []time.Duration
	b.ResetTimer()
	for range b.N {
		p := start(b, up(dir))
		wall, cpu = append(wall, p.wall), append(cpu, p.cpu)
		p.stop()
	}
	slices.Sort(wall)
	slices.Sort(cpu)
	b.ReportMetric(0, "ns/op") // of start and end
	b.ReportMetric(micro(wall[0], 1000), "ms-min")
	b.ReportMetric(micro(wall[len(wall)/2], 1000), "ms-median")
	b.ReportMetric(micro(cpu[0], 1000), "ms-cpu-min")
}

const idleAfter = 5 * time.Second

// BenchmarkIdle is the memory of a node that nobody uses, 5 seconds after it was ready: resident, its share of what it
// shares, and what is neither program text nor any other file.
func BenchmarkIdle(b *testing.B) {
	dir := lived(b)
	var rss, pss, anonymous float64
	for range b.N {
		p := start(b, up(dir))
		time.Sleep(idleAfter)
		m := p.memory(b)
		rss, pss, anonymous = max(rss, m.rss), max(pss, m.pss), max(anonymous, m.anonymous)
		p.stop()
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(rss, "MiB-rss")
	b.ReportMetric(pss, "MiB-pss")
	b.ReportMetric(anonymous, "MiB-anonymous")
}
