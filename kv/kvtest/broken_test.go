package kvtest

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"bothy/kv"
)

// engine is a plain optimistic store, right unless it is broken on purpose: what a recorded history must find.
type engine struct {
	fault string

	mu    sync.Mutex
	seq   uint64
	state map[string]cell // never changed in place; guarded by mu
	old   map[string]cell // the state some commits ago
	turn  int             // commits
	alone sync.RWMutex    // held for reading by commits, for writing by who lost often
}

type cell struct {
	value []byte // nil: deleted
	seq   uint64
}

func newEngine(fault string) *engine {
	return &engine{fault: fault, state: map[string]cell{}, old: map[string]cell{}}
}

func (e *engine) Close() error { return nil }

func (e *engine) Dump(context.Context, func(k, v []byte) error) error { return errors.ErrUnsupported }

func (e *engine) Load(context.Context, func() (k, v []byte, err error)) error {
	return errors.ErrUnsupported
}

func (e *engine) View(ctx context.Context, fn func(kv.Txn) error) error {
	t := e.begin()
	if e.fault == "stale views" && rand.IntN(4) == 0 {
		e.mu.Lock()
		t.base = e.old
		e.mu.Unlock()
	}
	return fn(t)
}

func (e *engine) Update(ctx context.Context, fn func(kv.Txn) error) error {
	for run := 0; ; run++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		done, err := e.try(fn, run > 2 && e.fault != "starvation")
		if done || err != nil {
			return err
		}
	}
}

func (e *engine) try(fn func(kv.Txn) error, alone bool) (done bool, err error) {
	if alone {
		e.alone.Lock()
		defer e.alone.Unlock()
	}
	t := e.begin()
	err = fn(t)
	runtime.Gosched()
	if err != nil && e.fault == "aborted writes" && rand.IntN(4) == 0 { // are seen for a moment
		before := e.read()
		e.apply(t)
		time.Sleep(100 * time.Microsecond)
		e.mu.Lock()
		e.state = before
		e.mu.Unlock()
	}
	if err != nil {
		return false, err
	}
	if !alone {
		e.alone.RLock()
		defer e.alone.RUnlock()
	}
	if e.fault == "early answers" && rand.IntN(3) == 0 && len(t.writes) > 0 {
		go func() {
			time.Sleep(100 * time.Microsecond)
			e.commit(t)
		}()
		return true, nil
	}
	return e.commit(t), nil
}

func (e *engine) read() map[string]cell {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.state
}

func (e *engine) begin() *brokenTxn {
	e.mu.Lock()
	defer e.mu.Unlock()
	return &brokenTxn{e: e, at: e.seq, base: e.state, reads: map[string]bool{}, writes: map[string][]byte{}}
}

// commit checks and applies; false means that the transaction has lost.
func (e *engine) commit(t *brokenTxn) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	for k, c := range e.state {
		if c.seq > t.at && t.depends(k) {
			return false
		}
	}
	if e.turn++; e.turn%7 == 0 {
		e.old = e.state
	}
	e.applyLocked(t)
	return true
}

func (e *engine) apply(t *brokenTxn) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.applyLocked(t)
}

func (e *engine) applyLocked(t *brokenTxn) {
	e.seq++
	lost := e.fault == "lost writes" && rand.IntN(20) == 0
	after := maps.Clone(e.state)
	for i, k := range slices.Sorted(maps.Keys(t.writes)) {
		if lost && i == 0 {
			continue
		}
		if e.fault == "torn commits" && i == 1 { // the rest comes later
			e.state = after
			e.mu.Unlock()
			time.Sleep(100 * time.Microsecond)
			e.mu.Lock()
			after = maps.Clone(e.state)
		}
		after[k] = cell{t.writes[k], e.seq}
	}
	e.state = after
}

type brokenTxn struct {
	e      *engine
	at     uint64
	base   map[string]cell
	reads  map[string]bool
	spans  [][2]string
	writes map[string][]byte
}

// depends says whether a change of k since the snapshot makes the transaction lose.
func (t *brokenTxn) depends(k string) bool {
	_, wrote := t.writes[k]
	switch t.e.fault {
	case "no validation":
		return false
	case "snapshot isolation":
		return wrote
	}
	inSpan := slices.ContainsFunc(t.spans, func(s [2]string) bool { return k >= s[0] && (s[1] == "" || k < s[1]) })
	if t.e.fault == "phantoms" { // it locks what it saw, not what it did not
		_, saw := t.base[k]
		inSpan = inSpan && saw
	}
	return t.reads[k] || inSpan
}

func (t *brokenTxn) snapshot() map[string]cell {
	if t.e.fault == "no snapshot" && rand.IntN(2) == 0 {
		runtime.Gosched()
		return t.e.read()
	}
	return t.base
}

func (t *brokenTxn) Get(key []byte) ([]byte, error) {
	if v, ok := t.writes[string(key)]; ok {
		return bytes.Clone(v), nil
	}
	t.reads[string(key)] = true
	return bytes.Clone(t.snapshot()[string(key)].value), nil
}

func (t *brokenTxn) GetMany(keys [][]byte) (out [][]byte, err error) {
	for _, k := range keys {
		v, err := t.Get(k)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

func (t *brokenTxn) Scan(from, to []byte, limit int, reverse bool, fn func(k, v []byte) bool) error {
	t.spans = append(t.spans, [2]string{string(from), string(to)})
	now := maps.Clone(t.snapshot())
	for k, v := range t.writes {
		now[k] = cell{value: v}
	}
	keys := slices.Sorted(maps.Keys(now))
	if reverse {
		slices.Reverse(keys)
	}
	for _, k := range keys {
		if k < string(from) || to != nil && k >= string(to) || now[k].value == nil {
			continue
		}
		if limit--; !fn([]byte(k), now[k].value) || limit == 0 {
			break
		}
	}
	return nil
}

func (t *brokenTxn) Set(key, value []byte) error {
	t.writes[string(key)] = append([]byte{}, value...)
	return nil
}

func (t *brokenTxn) Delete(key []byte) error {
	t.writes[string(key)] = nil
	return nil
}

// TestBrokenEnginesAreFound: an engine that is right passes, and each that is broken is found by a recorded history.
func TestBrokenEnginesAreFound(t *testing.T) {
	single := []string{"no validation", "snapshot isolation", "stale views", "lost writes", "early answers", "aborted writes"}
	for _, fault := range []string{"", "no validation", "snapshot isolation", "phantoms", "no snapshot", "stale views", "lost writes", "torn commits", "early answers", "aborted writes"} {
		t.Run(fault, func(t *testing.T) {
			find(t, fault, func(r *Recorder, db *kv.DB) error {
				r.Run(context.Background(), []*kv.DB{db}, 6, 60)
				return r.Check(db)
			})
			if fault == "" || slices.Contains(single, fault) && fault != "snapshot isolation" { // which is right about one key
				find(t, fault, func(r *Recorder, db *kv.DB) error {
					r.RunSingle(context.Background(), []*kv.DB{db}, 12, 40)
					return r.CheckSingle(db)
				})
			}
		})
	}
}

// find records histories until one is bad.
func find(t *testing.T, fault string, record func(r *Recorder, db *kv.DB) error) {
	t.Helper()
	tries := 20
	if fault == "" {
		tries = 4 // each is to pass
	}
	seed := rand.Uint64()
	for i := range tries {
		err := record(NewRecorder(seed+uint64(i)), kv.New(newEngine(fault)))
		if err != nil {
			t.Logf("history %d: %s", i+1, strings.SplitN(err.Error(), "\n", 2)[0])
		}
		switch {
		case err != nil && fault == "":
			t.Fatalf("seed %d: a right engine is called broken: %v", seed+uint64(i), err)
		case err != nil:
			return
		}
	}
	if fault != "" {
		t.Errorf("seed %d: %s not found in %d histories", seed, fault, tries)
	}
}

// TestStarvationIsFound: an engine without turns lets a long transaction lose for ever.
func TestStarvationIsFound(t *testing.T) {
	for fault, want := range map[string]error{"": nil, "starvation": errStarved} {
		db := kv.New(newEngine(fault))
		ctx, stop := context.WithCancel(context.Background())
		var commits, most atomic.Int64
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				if err := shortWrites(ctx, db, 40, MaxRuns, &commits, new(atomic.Int64)); err != nil && fault == "" {
					t.Error(err)
				}
			})
		}
		if err := longRead(db, 0, 40, MaxRuns, &commits, &most); !errors.Is(err, want) {
			t.Errorf("%q: after %d runs: %v", fault, most.Load(), err)
		}
		stop()
		wg.Wait()
	}
}

// TestCrashLoses: what was acknowledged before a crash and is gone after it is found; what was under way may be gone.
func TestCrashLoses(t *testing.T) {
	for _, forget := range []bool{false, true} {
		e := newEngine("")
		r := NewRecorder(rand.Uint64())
		ctx, stop := context.WithCancel(context.Background())
		var wg sync.WaitGroup
		wg.Go(func() { r.Run(ctx, []*kv.DB{kv.New(e)}, 6, 1<<30) })
		for e.read(); len(e.read()) < 30; {
			runtime.Gosched()
		}
		back := newEngine("")
		back.state = e.read()
		if forget { // the copy is older than what was acknowledged since
			for seen := r.clock.Load(); r.clock.Load() < seen+200; {
				runtime.Gosched()
			}
		}
		r.Crash(func() {
			if !forget {
				back.state = e.read()
			}
		}, func() { stop(); wg.Wait() })
		back.seq = 1 << 40
		db := kv.New(back)
		r.Run(context.Background(), []*kv.DB{db}, 6, 20)
		if err := r.Check(db); (err != nil) != forget {
			t.Errorf("forgets %v: %v", forget, err)
		}
	}
}
