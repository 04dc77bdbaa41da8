package runner

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// answer is what a process said about an invocation.
type answer struct {
	payload []byte
	failed  bool
}

// job is an invocation on its way to a process.
type job struct {
	Invocation
	arn      string
	deadline time.Time
	answer   chan answer // holds one
}

func (r *Runner) invoke(ctx context.Context, f *Function, in Invocation) (*Result, error) {
	p, fresh, err := r.acquire(ctx, f)
	if err != nil {
		if failure, ok := err.(*initError); ok {
			return r.initFailed(f, in, failure), nil
		}
		return nil, err
	}
	p.log.begin(in.RequestID, f.Version)
	began := time.Now()
	j := &job{Invocation: in, arn: f.InvokedARN, deadline: began.Add(f.Timeout), answer: make(chan answer, 1)}
	watch := p.watchMemory(f.MemoryMB)
	p.hand(j)
	res := p.await(j, f.Timeout)
	res.Duration = time.Since(began)
	peak := watch.stop()
	report := reportOf(f, in.RequestID, res.Duration, peak)
	if fresh {
		report += fmt.Sprintf("Init Duration: %s ms\t", ms(p.initTook))
	}
	if p.oom.Load() {
		report += "Status: error\tError Type: Runtime.OutOfMemory\t"
	}
	lines := p.log.end(in.RequestID, report)
	res.Tail = tail(lines)
	r.publish(f, p.stream, lines)
	return res, nil
}

// await waits for the answer, the end of the process or the timeout, whichever is first.
func (p *process) await(j *job, timeout time.Duration) *Result {
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case a := <-j.answer:
		p.log.drain(j.RequestID)
		return resultOf(a)
	case <-p.exited:
		select {
		case a := <-j.answer: // it answered, then died
			return resultOf(a)
		default:
		}
		return p.crashed(j)
	case <-timer.C:
		p.kill("timeout")
		<-p.exited
		return failure("Sandbox.Timedout", fmt.Sprintf("RequestId: %s Error: Task timed out after %.2f seconds", j.RequestID, timeout.Seconds()))
	}
}

func resultOf(a answer) *Result {
	if a.failed {
		return &Result{Payload: a.payload, Error: "Unhandled"}
	}
	return &Result{Payload: a.payload}
}

func (p *process) crashed(j *job) *Result {
	what := "Runtime exited without providing a reason"
	if p.exitText != "" {
		what = "Runtime exited with error: " + p.exitText
	}
	if p.oom.Load() {
		what = "Runtime exited with error: signal: killed"
	}
	return failure("Runtime.ExitError", fmt.Sprintf("RequestId: %s Error: %s", j.RequestID, what))
}

func failure(kind, message string) *Result {
	b, _ := json.Marshal(struct {
		Type    string `json:"errorType"`
		Message string `json:"errorMessage"`
	}{kind, message})
	return &Result{Payload: b, Error: "Unhandled"}
}

// initFailed is the answer to an invocation whose process never became ready.
func (r *Runner) initFailed(f *Function, in Invocation, e *initError) *Result {
	res := failure("Runtime.ExitError", fmt.Sprintf("RequestId: %s Error: %s", in.RequestID, e.reason))
	if e.payload != nil {
		res.Payload = e.payload
	}
	res.Duration = e.took
	now := r.cfg.Now()
	lines := append([]Line{{now, startLine(in.RequestID, f.Version)}}, e.lines...)
	lines = append(lines, Line{now, endLine(in.RequestID)}, Line{now, reportOf(f, in.RequestID, e.took, 0)})
	res.Tail = tail(lines)
	r.publish(f, e.stream, lines)
	return res
}

func (r *Runner) publish(f *Function, stream string, lines []Line) {
	if r.cfg.Logs != nil {
		r.cfg.Logs(f, stream, lines)
	}
}

func reportOf(f *Function, id string, took time.Duration, peak int64) string {
	billed := (took + time.Millisecond - 1).Truncate(time.Millisecond)
	return fmt.Sprintf("REPORT RequestId: %s\tDuration: %s ms\tBilled Duration: %d ms\tMemory Size: %d MB\tMax Memory Used: %d MB\t",
		id, ms(took), billed.Milliseconds(), f.MemoryMB, (peak+1<<20-1)>>20)
}

func ms(d time.Duration) string { return fmt.Sprintf("%.2f", float64(d)/float64(time.Millisecond)) }

func startLine(id, version string) string {
	return fmt.Sprintf("START RequestId: %s Version: %s", id, version)
}

func endLine(id string) string { return "END RequestId: " + id }
