package record

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
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

// Worker handles the work of one kind, one piece at a time; several may run on one queue. The zero values of its optional
// fields are good.
type Worker struct {
	DB     *kv.DB
	Kind   string
	Now    func() time.Time
	Handle func(ctx context.Context, j Job) error // must bear to be called again for the same job

	Lease    time.Duration // an attempt may take this long, then another worker may begin one; 0 means a minute
	Retry    time.Duration // delay after the first failure, doubled after each further one up to an hour; 0 means a second
	Attempts int           // after this many the job is given up; 0 means 12
	Poll     time.Duration // how often an idle worker looks; 0 means a second
	Wake     <-chan struct{}
	Log      *slog.Logger // failures; nil means none
}

const maxRetry = time.Hour

func (w Worker) withDefaults() Worker {
	if w.Lease == 0 {
		w.Lease = time.Minute
	}
	if w.Retry == 0 {
		w.Retry = time.Second
	}
	if w.Attempts == 0 {
		w.Attempts = 12
	}
	if w.Poll == 0 {
		w.Poll = time.Second
	}
	if w.Log == nil {
		w.Log = slog.New(slog.DiscardHandler)
	}
	return w
}

// Run handles due work until ctx ends. A value on Wake makes an idle worker look at once.
func (w Worker) Run(ctx context.Context) {
	w = w.withDefaults()
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
		case <-w.Wake:
		case <-time.After(w.Poll):
		}
	}
}

// RunOne handles the first piece of work that is due, and says whether there was one.
func (w Worker) RunOne(ctx context.Context) (bool, error) { return w.withDefaults().one(ctx) }

func (w Worker) one(ctx context.Context) (bool, error) {
	j, key, err := w.lease(ctx)
	if err != nil || key == nil {
		return false, err
	}
	failure := w.attempt(ctx, j)
	if ctx.Err() != nil {
		ctx = context.WithoutCancel(ctx) // what was done is noted, so that it is not done again
	}
	return true, w.settle(ctx, j, key, failure)
}

// lease takes the first due job by moving it to the end of its lease, where another worker finds it if this one dies.
func (w Worker) lease(ctx context.Context) (j Job, leased kv.Key, err error) {
	err = w.DB.Update(ctx, func(tx *kv.Tx) error {
		leased = nil
		now := w.Now()
		r := queue(w.Kind).Range()
		r.To, r.Limit = queue(w.Kind).With(now).End(), 1
		var key kv.Key
		var raw []byte
		if err := tx.Scan(r, func(k kv.Key, v []byte) bool {
			key, raw = append(kv.Key{}, k...), bytes.Clone(v)
			return true
		}); err != nil || key == nil {
			return err
		}
		var err error
		if j, err = decodeJob(raw); err != nil {
			return err
		}
		if err := tx.Delete(key); err != nil {
			return err
		}
		j.Attempts++
		leased = queue(w.Kind).With(now.Add(w.Lease), j.ID)
		return j.put(tx, leased)
	})
	return j, leased, err
}

// attempt runs the handler; a panic in it is a failure of the job, not of the node.
func (w Worker) attempt(ctx context.Context, j Job) (err error) {
	if j.Attempts > w.Attempts { // the last attempt did not live to report
		return errors.New("record: attempt did not end")
	}
	ctx, cancel := context.WithTimeout(ctx, w.Lease)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("record: handler panicked: %v", p)
		}
	}()
	return w.Handle(ctx, j)
}

// settle takes a handled job out of the queue, or puts it back for later. A lease that ran out meanwhile is another's now.
func (w Worker) settle(ctx context.Context, j Job, leased kv.Key, failure error) error {
	if failure != nil {
		w.Log.Warn("job failed", "kind", j.Kind, "id", j.ID, "attempt", j.Attempts, "error", failure)
		j.Error = failure.Error()
	}
	return w.DB.Update(ctx, func(tx *kv.Tx) error {
		if raw, err := tx.Get(leased); err != nil || raw == nil {
			return err
		}
		if err := tx.Delete(leased); err != nil || failure == nil {
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
