package runner

import (
	"os"
	"strconv"
	"strings"
	"time"
)

// memoryPoll is how often the memory of a working process is looked at.
const memoryPoll = 50 * time.Millisecond

// memoryWatch ends a process that uses more than its function may.
type memoryWatch struct {
	quit chan struct{}
	peak chan int64
}

// watchMemory looks at the process and its children while it works. Memory that is shared with other processes, such as
// node's own code, does not count.
func (p *process) watchMemory(limitMB int) *memoryWatch {
	w := &memoryWatch{make(chan struct{}), make(chan int64, 1)}
	p.r.work.Add(1) // an Invoke is under way
	go func() {
		defer p.r.work.Done()
		tick := time.NewTicker(memoryPoll)
		defer tick.Stop()
		peak := int64(0)
		for {
			used := memoryOf(p.cmd.Process.Pid)
			peak = max(peak, used)
			if used > int64(limitMB)<<20 {
				p.oom.Store(true)
				p.kill("out of memory")
			}
			select {
			case <-tick.C:
			case <-p.exited:
				w.peak <- peak
				return
			case <-w.quit:
				w.peak <- max(peak, memoryOf(p.cmd.Process.Pid))
				return
			}
		}
	}()
	return w
}

func (w *memoryWatch) stop() int64 {
	close(w.quit)
	return <-w.peak
}

// memoryOf sums the private memory of a process and its descendants, in bytes.
func memoryOf(pid int) int64 {
	sum, left := int64(0), []int{pid}
	for seen := 0; len(left) > 0 && seen < MaxThreads; seen++ {
		pid, left = left[0], left[1:]
		dir := "/proc/" + strconv.Itoa(pid)
		sum += privateBytes(dir + "/status")
		left = append(left, children(dir+"/task")...)
	}
	return sum
}

func privateBytes(status string) int64 {
	b, err := os.ReadFile(status)
	if err != nil {
		return 0
	}
	sum := int64(0)
	for line := range strings.Lines(string(b)) {
		name, rest, _ := strings.Cut(line, ":")
		if name == "RssAnon" || name == "RssShmem" {
			if fields := strings.Fields(rest); len(fields) > 0 {
				kb, _ := strconv.ParseInt(fields[0], 10, 64)
				sum += kb << 10
			}
		}
	}
	return sum
}

func children(tasks string) []int {
	threads, err := os.ReadDir(tasks)
	if err != nil {
		return nil
	}
	var pids []int
	for _, t := range threads {
		b, err := os.ReadFile(tasks + "/" + t.Name() + "/children")
		if err != nil {
			continue
		}
		for _, f := range strings.Fields(string(b)) {
			if pid, err := strconv.Atoi(f); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}
