package record

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"bothy/kv"
)

// Job is a piece of due work: what a transaction wants done after it commits.
type Job struct {
	ID       string
	Scope    Scope
	Kind     string
	Payload  []byte
	Enqueued time.Time // when it was first due
	Attempts int       // begun so far, this one included
	Error    string    `json:",omitempty"` // of the last attempt
}

const jobVersion = 1

func queue(kind string) kv.Key  { return kv.K("", "", "record.queue", kind) }
func failed(kind string) kv.Key { return kv.K("", "", "record.failed", kind) }

// Enqueue puts work in the queue of its kind; it is handled, at least once, after due.
func Enqueue(tx *kv.Tx, s Scope, kind string, due time.Time, payload []byte) error {
	j := Job{ID: rand.Text(), Scope: s, Kind: kind, Payload: payload, Enqueued: due}
	if err := tx.Notify(topic(kind)); err != nil {
		return err
	}
	return j.put(tx, queue(kind).With(due, j.ID))
}

func (j *Job) put(tx *kv.Tx, k kv.Key) error {
	body, err := json.Marshal(j)
	if err != nil {
		return err
	}
	return tx.Set(k, append([]byte{jobVersion}, body...))
}

func decodeJob(raw []byte) (j Job, err error) {
	if len(raw) == 0 || raw[0] > jobVersion {
		return j, fmt.Errorf("%w: queue", ErrNewer)
	}
	return j, json.Unmarshal(raw[1:], &j)
}

// Failed lists work of a kind that was given up, oldest first.
func Failed(tx *kv.Tx, kind string, limit int) (jobs []Job, err error) {
	r := failed(kind).Range()
	r.Limit = limit
	scanErr := tx.Scan(r, func(_ kv.Key, raw []byte) bool {
		var j Job
		if j, err = decodeJob(raw); err == nil {
			jobs = append(jobs, j)
		}
		return err == nil
	})
	return jobs, errors.Join(scanErr, err)
}

// topic is what workers of a kind listen to.
func topic(kind string) string { return "record.queue/" + kind }

// Worker handles the work of one kind, one piece at a time; any number may run on one queue, on any number of nodes: a piece
// is one worker's while that worker renews its lease. When the worker dies, or the store does not hear from it, another begins a
// new attempt. Leases are times of the nodes' clocks: as long as these differ by less than half a lease, a piece has one worker
// at a time; if they differ by more it may have two for a moment, but it is never lost.
//
// The zero values of the optional fields are good.
type Worker struct {
	DB     *kv.DB
	Kind   string
	Now    func() time.Time
	Handle func(ctx context.Context, j Job) error // must bear to be called again for the same job

	Timeout  time.Duration // an attempt may take this long; 0 means a minute
	Lease    time.Duration // how long a worker may be silent; 0 means 20 seconds
	Retry    time.Duration // delay after the first failure, doubled after each further one up to an hour; 0 means a second
	Attempts int           // after this many the job is given up; 0 means 12
	Poll     time.Duration // how often an idle worker looks without being told of work; 0 means a second
	Log      *slog.Logger  // failures; nil means none
}

const maxRetry = time.Hour

func (w Worker) withDefaults() Worker {
	w.Timeout, w.Lease = cmp.Or(w.Timeout, time.Minute), cmp.Or(w.Lease, 20*time.Second)
	w.Retry, w.Attempts, w.Poll = cmp.Or(w.Retry, time.Second), cmp.Or(w.Attempts, 12), cmp.Or(w.Poll, time.Second)
	if w.Log == nil {
		w.Log = slog.New(slog.DiscardHandler)
	}
	return w
}

// Run handles due work until ctx ends.
func (w Worker) Run(ctx context.Context) {
	w = w.withDefaults()
	news, stop := w.DB.Listen(topic(w.Kind))
	defer stop()
	for ctx.Err() == nil {
		worked, err := w.one(ctx)
		if err != nil && ctx.Err() == nil {
			w.Log.Error("queue", "kind", w.Kind, "error", err)
		}
		if worked && err == nil {
			continue
		}
		select {
		case <-ctx.Done():
		case <-news:
		case <-time.After(w.Poll):
		}
	}
}

// RunOne handles the first piece of work that is due, and says whether there was one.
func (w Worker) RunOne(ctx context.Context) (bool, error) { return w.withDefaults().one(ctx) }

func (w Worker) one(ctx context.Context) (bool, error) {
	h, err := w.lease(ctx)
	if err != nil || h == nil {
		return false, err
	}
	failure := w.attempt(ctx, h)
	if ctx.Err() != nil {
		ctx = context.WithoutCancel(ctx) // what was done is noted, so that it is not done again
	}
	return true, w.settle(ctx, h, failure)
}

// held is a job in the hands of a worker.
type held struct {
	Job
	key kv.Key // where it stands in the queue: the end of its lease
}

// first finds the first job that is due, nil when none is.
func (w Worker) first(tx *kv.Tx) (h *held, err error) {
	r := queue(w.Kind).Range()
	r.To, r.Limit = queue(w.Kind).With(w.Now()).End(), 1
	scanErr := tx.Scan(r, func(k kv.Key, v []byte) bool {
		h = &held{key: append(kv.Key{}, k...)}
		h.Job, err = decodeJob(v)
		return true
	})
	return h, errors.Join(scanErr, err)
}

// lease takes the first due job by moving it to the end of its lease, where another worker finds it if this one dies. It looks
// before it writes, so that an idle worker costs no transaction that others could lose against.
func (w Worker) lease(ctx context.Context) (h *held, err error) {
	look := func(tx *kv.Tx) (err error) { h, err = w.first(tx); return err }
	if err := w.DB.View(ctx, look); err != nil || h == nil {
		return nil, err
	}
	err = w.DB.Update(ctx, func(tx *kv.Tx) error {
		if err := look(tx); err != nil || h == nil {
			return err
		}
		h.Attempts++
		return w.move(tx, h)
	})
	return h, err
}

// move begins a new lease of a job.
func (w Worker) move(tx *kv.Tx, h *held) error {
	if err := tx.Delete(h.key); err != nil {
		return err
	}
	h.key = queue(w.Kind).With(w.Now().Add(w.Lease), h.ID)
	return h.put(tx, h.key)
}

// errLost says that another worker has the job.
var errLost = errors.New("record: the lease of the job was lost")

// renew renews the lease until ctx ends, and ends the attempt when the lease is lost: another has the job, or may have it.
func (w Worker) renew(ctx context.Context, h *held, end context.CancelCauseFunc) {
	for last := time.Now(); ; {
		select {
		case <-ctx.Done():
			return
		case <-time.After(w.Lease / 4):
		}
		begun := time.Now()
		err := w.extend(ctx, h)
		if err == nil {
			last = begun
		} else if errors.Is(err, errLost) || time.Since(last) > w.Lease*3/4 {
			end(errLost)
			return
		}
	}
}

// extend begins a new lease of a job that still is ours. Once begun it is not given up because the handler returns: that would
// leave open where the job stands.
func (w Worker) extend(ctx context.Context, h *held) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), w.Lease/2)
	defer cancel()
	var next held
	err := w.DB.Update(ctx, func(tx *kv.Tx) error {
		next = *h
		if raw, err := tx.Get(h.key); err != nil {
			return err
		} else if raw == nil {
			return errLost
		}
		return w.move(tx, &next)
	})
	if err == nil {
		*h = next
	}
	return err
}

// attempt runs the handler; a panic in it is a failure of the job, not of the node.
func (w Worker) attempt(ctx context.Context, h *held) (err error) {
	if h.Attempts > w.Attempts { // the last attempt did not live to report
		return errors.New("record: attempt did not end")
	}
	ctx, end := context.WithCancelCause(ctx)
	var renewing sync.WaitGroup
	renewing.Go(func() { w.renew(ctx, h, end) })
	defer renewing.Wait() // h is ours again
	defer end(nil)
	working, cancel := context.WithTimeout(ctx, w.Timeout)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("record: handler panicked: %v", p)
		}
	}()
	return w.Handle(working, h.Job)
}

// settle takes a handled job out of the queue, or puts it back for later. A lease that was lost meanwhile is another's now.
func (w Worker) settle(ctx context.Context, h *held, failure error) error {
	j := h.Job
	if failure != nil {
		w.Log.Warn("job failed", "kind", j.Kind, "id", j.ID, "attempt", j.Attempts, "error", failure)
		j.Error = failure.Error()
	}
	return w.DB.Update(ctx, func(tx *kv.Tx) error {
		if raw, err := tx.Get(h.key); err != nil || raw == nil {
			return err
		}
		if err := tx.Delete(h.key); err != nil || failure == nil {
			return err
		}
		now := w.Now()
		if j.Attempts >= w.Attempts {
			return j.put(tx, failed(w.Kind).With(now, j.ID))
		}
		return j.put(tx, queue(w.Kind).With(now.Add(w.delay(j.Attempts)), j.ID))
	})
}

func (w Worker) delay(attempts int) time.Duration {
	d := w.Retry
	for i := 1; i < attempts && d < maxRetry; i++ {
		d *= 2
	}
	return min(d, maxRetry)
}

// Waiting is the work of one kind that waits, or was given up.
type Waiting struct {
	Kind   string
	Jobs   int       // at most kv.MaxScan are counted
	Oldest time.Time // when the first was due; it may be a moment to come
	Failed int       // given up; at most kv.MaxScan are counted
}

// Backlog tells of all work.
func Backlog(tx *kv.Tx) ([]Waiting, error) {
	byKind := map[string]*Waiting{}
	of := func(kind string) *Waiting {
		if byKind[kind] == nil {
			byKind[kind] = &Waiting{Kind: kind}
		}
		return byKind[kind]
	}
	err := eachKind(tx, "record.queue", func(kind string, jobs int, first time.Time) { of(kind).Jobs, of(kind).Oldest = jobs, first })
	if err == nil {
		err = eachKind(tx, "record.failed", func(kind string, jobs int, _ time.Time) { of(kind).Failed = jobs })
	}
	var all []Waiting
	for _, kind := range slices.Sorted(maps.Keys(byKind)) {
		all = append(all, *byKind[kind])
	}
	return all, err
}

// eachKind counts the rows of each kind in a table of jobs, by skipping from one to the next.
func eachKind(tx *kv.Tx, table string, fn func(kind string, jobs int, first time.Time)) error {
	base := kv.K("", "", table)
	for r := base.Range(); ; {
		r.Limit = 1
		var kind string
		var first time.Time
		if err := tx.Scan(r, func(k kv.Key, _ []byte) bool {
			if s, _, ok := split(k, nil); ok && len(s.Rest) == 3 {
				name, _ := s.Rest[0].(string)
				at, _ := s.Rest[1].(int64)
				kind, first = name, time.Unix(0, at)
			}
			return true
		}); err != nil || kind == "" {
			return err
		}
		jobs := 0
		of := base.With(kind)
		if err := tx.Scan(of.Range(), func(kv.Key, []byte) bool { jobs++; return true }); err != nil {
			return err
		}
		fn(kind, jobs, first)
		r.From = of.End()
	}
}
