package bench

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// process is a server that was started and said that it is ready.
type process struct {
	cmd  *exec.Cmd
	addr string        // host:port
	wall time.Duration // from start to ready
	cpu  time.Duration // until ready
	done chan struct{}
}

// again starts this test binary as a server.
func again(tb testing.TB, as string, stdin io.Reader, args ...string) *process {
	tb.Helper()
	self, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	if as == "node" && *profile != "" {
		args = append([]string{"-serverprofile", *profile}, args...)
	}
	cmd := exec.Command(self, args...)
	cmd.Env, cmd.Stdin = append(os.Environ(), role+"="+as), stdin
	return start(tb, cmd)
}

// start runs cmd until the test ends, and waits for its line "ready URL".
func start(tb testing.TB, cmd *exec.Cmd) *process {
	tb.Helper()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	p := &process{cmd: cmd, done: make(chan struct{})}
	tb.Cleanup(p.stop)
	lines := bufio.NewScanner(out)
	for p.addr == "" && lines.Scan() {
		if url, ok := strings.CutPrefix(lines.Text(), "ready http://"); ok {
			p.addr, p.wall, p.cpu = url, time.Since(begin), p.spent(tb)
		}
	}
	go func() {
		io.Copy(io.Discard, out) //nolint:errcheck // until it ends
		cmd.Wait()               //nolint:errcheck // it was told to end
		close(p.done)
	}()
	if p.addr == "" {
		<-p.done
		tb.Fatalf("%s did not get ready: %s", cmd, stderr.String())
	}
	return p
}

// stop ends the process and waits for it. It may be called again.
func (p *process) stop() {
	p.cmd.Process.Signal(syscall.SIGTERM) //nolint:errcheck // it may have ended
	select {
	case <-p.done:
	case <-time.After(20 * time.Second):
		p.cmd.Process.Kill() //nolint:errcheck // as above
		<-p.done
	}
}

// spent is the processor time of the process so far: its own clock, counted by the kernel in nanoseconds.
func (p *process) spent(tb testing.TB) time.Duration { return cpuClock(tb, p.cmd.Process.Pid) }

// cpuClock reads the processor-time clock of a process, 0 meaning this one (clock_getcpuclockid(3)).
func cpuClock(tb testing.TB, pid int) time.Duration {
	tb.Helper()
	var ts unix.Timespec
	clock := int32(unix.CLOCK_PROCESS_CPUTIME_ID)
	if pid != 0 {
		clock = int32(^pid<<3 | 2)
	}
	if err := unix.ClockGettime(clock, &ts); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(ts.Nano())
}

// memory is what the kernel counts for the process, in MiB.
func (p *process) memory(tb testing.TB) (m struct{ rss, pss, anonymous float64 }) {
	tb.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", p.cmd.Process.Pid))
	if err != nil {
		tb.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var kib float64
		name, rest, _ := strings.Cut(line, ":")
		fmt.Sscan(rest, &kib) //nolint:errcheck // the first line is a range
		switch name {
		case "Rss":
			m.rss = kib / 1024
		case "Pss":
			m.pss = kib / 1024
		case "Anonymous":
			m.anonymous = kib / 1024
		}
	}
	return m
}
