package runner

import (
	"context"
	"sync"
	"time"
)

// pool is the processes of one function version.
type pool struct {
	arn      string
	revision string
	idle     []*process // the last used is the last
	soon     int        // processes that have answered and are about to ask for the next event
}

// patience is how long a caller waits for such a process before starting another.
const patience = 50 * time.Millisecond

// acquire finds a warm process of f or starts one. fresh tells that it was started for this call.
func (r *Runner) acquire(ctx context.Context, f *Function) (p *process, fresh bool, err error) {
	deadline := time.NewTimer(r.cfg.Wait)
	defer deadline.Stop()
	soon := time.NewTimer(patience)
	defer soon.Stop()
	patient := true
	queued := false
	defer func() { r.leave(queued) }()
	for {
		p, pl, freed, err := r.reserve(f, patient)
		if err != nil || p != nil {
			return p, false, err
		}
		if pl != nil {
			p, err := r.spawn(ctx, pl, f)
			if err != nil {
				r.uncount(p)
				return nil, true, err
			}
			return p, true, nil
		}
		if !queued && !r.join() {
			return nil, false, ErrThrottled
		}
		queued = true
		select {
		case <-freed:
		case <-soon.C:
			patient = false
		case <-deadline.C:
			return nil, false, ErrThrottled
		}
	}
}

// join takes a place in the queue for a process, when there is one.
func (r *Runner) join() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.queue >= maxQueue {
		return false
	}
	r.queue++
	return true
}

func (r *Runner) leave(queued bool) {
	if queued {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.queue--
	}
}

// reserve returns a warm process, or the pool for which the caller may start one, or what to wait for.
func (r *Runner) reserve(f *Function, patient bool) (*process, *pool, <-chan struct{}, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, nil, nil, ErrClosed
	}
	pl := r.pools[f.ARN]
	if pl == nil || pl.revision != f.Revision {
		if pl != nil {
			r.drainLocked(pl)
		}
		pl = &pool{arn: f.ARN, revision: f.Revision}
		r.pools[f.ARN] = pl
	}
	for len(pl.idle) > 0 {
		p := pl.idle[len(pl.idle)-1]
		pl.idle = pl.idle[:len(pl.idle)-1]
		if r.usable(p, f.Timeout) {
			return p, nil, nil, nil
		}
	}
	if patient && pl.soon > 0 {
		return nil, nil, r.freed, nil
	}
	if r.count >= r.cfg.MaxProcesses && !r.evictLocked() {
		return nil, nil, r.freed, nil
	}
	r.count++
	return nil, pl, nil, nil
}

// usable stops the idle timer of p; a process that is ending or whose credentials are, is ended.
func (r *Runner) usable(p *process, timeout time.Duration) bool {
	p.mu.Lock()
	stopped := p.idle == nil || p.idle.Stop()
	p.idle = nil
	ok := stopped && p.killed == ""
	p.mu.Unlock()
	if ok && !r.cfg.Now().Add(timeout+expiryMargin).Before(p.expires) {
		p.kill("credentials end")
		return false
	}
	return ok
}

// evictLocked ends the process that has been idle longest and tells whether there was one. Its place is free at once:
// the process is already killed.
func (r *Runner) evictLocked() bool {
	for _, pl := range r.pools {
		if len(pl.idle) > 0 {
			p := pl.idle[0]
			pl.idle = pl.idle[1:]
			p.kill("evicted")
			r.discountLocked(p)
			return true
		}
	}
	return false
}

func (r *Runner) drainLocked(pl *pool) {
	for _, p := range pl.idle {
		p.kill("replaced")
	}
	pl.idle = nil
}

// answered is called when a process has answered: it will ask for its next event, or end.
func (r *Runner) answered(p *process) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p.pool.soon++
	p.soon = true
}

func (r *Runner) noLongerSoonLocked(p *process) {
	if p.soon {
		p.soon = false
		p.pool.soon--
	}
}

// becameIdle is called when a process asks for its next event.
func (r *Runner) becameIdle(p *process) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.noLongerSoonLocked(p)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.idle != nil {
		p.idle.Stop()
	}
	if p.killed != "" || p.uncounted {
		return
	}
	if r.closed || r.pools[p.pool.arn] != p.pool {
		go p.kill("replaced")
		return
	}
	p.idle = time.AfterFunc(r.cfg.Idle, func() { p.kill("idle") })
	p.pool.idle = append(p.pool.idle, p)
	r.signalLocked()
}

// forget takes an ended process out of everything.
func (r *Runner) forget(p *process) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, q := range p.pool.idle {
		if q == p {
			p.pool.idle = append(p.pool.idle[:i:i], p.pool.idle[i+1:]...)
			break
		}
	}
	delete(r.all, p)
	r.noLongerSoonLocked(p)
	r.discountLocked(p)
}

func (r *Runner) discountLocked(p *process) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.uncounted {
		p.uncounted = true
		r.count--
		r.signalLocked()
	}
}

// uncount frees the place of a process that did not start.
func (r *Runner) uncount(p *process) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p != nil {
		r.discountLocked(p)
		return
	}
	r.count--
	r.signalLocked()
}

// Retire ends the idle processes of a function version; those at work end with their invocation.
func (r *Runner) Retire(arn string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if pl := r.pools[arn]; pl != nil {
		r.drainLocked(pl)
		delete(r.pools, arn)
	}
}

// uidSet hands out the user ids of a range.
type uidSet struct {
	first, count int

	mu   sync.Mutex // guards what follows
	next int
	used map[int]bool
}

// take returns a free id, or 0 when none is wanted.
func (u *uidSet) take(wanted bool) (int, bool) {
	if !wanted {
		return 0, true
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.used == nil {
		u.used = map[int]bool{}
	}
	for range u.count {
		id := u.first + u.next
		u.next = (u.next + 1) % u.count
		if !u.used[id] {
			u.used[id] = true
			return id, true
		}
	}
	return 0, false
}

func (u *uidSet) give(id int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.used, id)
}
