package hub

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"bothy/api/mobile"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

// maxRun bounds one convergence: hundreds of calls, each of them short.
const maxRun = 10 * time.Minute

// purpose is why a project is converged; it starts the stack's states.
type purpose string

const (
	creating purpose = "CREATE"
	updating purpose = "UPDATE"
	removing purpose = "DELETE"
)

// run is one convergence of one project.
type run struct {
	s       *Service
	ctx     context.Context
	by      *wire.Principal
	account string
	token   string
	p       *Project
	row     *project // as last stored

	wanted map[string]bool // keys of what the project wants; the rest is removed at the end
}

// converge makes a project's resources what p wants. A create that fails takes back what it made; an update that fails
// stays where it is and may be tried again.
func (s *Service) converge(c *wire.Call, id string, p *Project, why purpose) (*project, error) {
	r, done, err := s.begin(c, c.Account, id, why)
	if err != nil {
		return nil, err
	}
	defer done()
	r.p = p
	err = r.steps()
	if err != nil && why == creating && r.takeBack() {
		return nil, err
	}
	if err := errors.Join(err, r.finish(why, err == nil)); err != nil {
		return nil, err
	}
	for _, w := range p.Warnings {
		s.cfg.Log.Warn("project feature not served", "project", r.row.Name, "warning", w)
	}
	return r.row, nil
}

// Resume takes up every project of the account that was left half way, by a crash for example. Node calls it once it serves.
func (s *Service) Resume(ctx context.Context, account string) error {
	var rows []*project
	if err := s.cfg.DB.View(ctx, func(tx *kv.Tx) (err error) {
		rows, err = projects.All(tx, record.In(account, ""), "")
		return err
	}); err != nil {
		return err
	}
	var failed []error
	for _, row := range rows {
		if row.Stack == string(creating)+"_IN_PROGRESS" || row.Stack == string(updating)+"_IN_PROGRESS" {
			failed = append(failed, s.resume(ctx, account, row))
		}
	}
	return errors.Join(failed...)
}

func (s *Service) resume(ctx context.Context, account string, row *project) error {
	p, err := Parse([]byte(row.YML))
	if err != nil {
		return fmt.Errorf("hub: project %s: %w", row.Name, err)
	}
	r, done, err := s.begin(ctx, account, row.ID, updating)
	if busy := (*mobile.TooManyRequestsException)(nil); errors.As(err, &busy) {
		return nil // another node is at it
	}
	if err != nil {
		return err
	}
	defer done()
	r.p = p
	err = r.steps()
	if err := errors.Join(err, r.finish(updating, err == nil)); err != nil {
		return fmt.Errorf("hub: project %s: %w", row.Name, err)
	}
	return nil
}

// begin takes the lease of a project. The run outlives its caller: a client that goes away does not leave half a project.
func (s *Service) begin(ctx context.Context, account, id string, why purpose) (*run, func(), error) {
	token := newToken()
	row, err := s.change(ctx, account, id, "", func(p *project) error {
		if p.Busy != nil && s.cfg.Now().Before(p.Busy.Until) {
			return &mobile.TooManyRequestsException{
				RetryAfterSeconds: wire.Some("5"), Message: wire.Some("The project is being changed by another request."),
			}
		}
		p.Busy = &lease{token, s.cfg.Now().Add(leaseTime)}
		p.Stack = string(why) + "_IN_PROGRESS"
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	runCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), maxRun)
	r := &run{
		s: s, ctx: runCtx, by: s.cfg.Principal(account), account: account, token: token, row: row, wanted: map[string]bool{},
	}
	return r, cancel, nil
}

// takeBack removes what a failed create made, and the project with it.
func (r *run) takeBack() bool {
	_, left, err := r.removeAll(true)
	if err != nil || len(left) > 0 {
		r.s.cfg.Log.Error("project could not be taken back", "project", r.row.Name, "left", len(left), "error", err)
	}
	return err == nil
}

// finish writes down how the steps ended and gives the lease back.
func (r *run) finish(why purpose, well bool) error {
	state := "_COMPLETE"
	if !well {
		state = "_FAILED"
	}
	_, err := r.store(func(p *project) {
		p.Busy, p.Stack, p.Updated, p.Warned = nil, string(why)+state, r.s.cfg.Now(), r.p.Warnings
	})
	return err
}

// steps are in the order of need: what a step makes, later ones name.
func (r *run) steps() error {
	yml, err := r.p.yml(r.row.Name, r.row.Region)
	if err != nil {
		return err
	}
	if _, err := r.store(func(p *project) { p.YML = string(yml) }); err != nil {
		return err
	}
	for _, step := range []struct {
		what string
		do   func() error
	}{
		{"deployments bucket", r.deployments}, {"uploads", r.uploads}, {"hosting bucket", r.hosting}, {"content delivery", r.distribution},
		{"user files bucket", r.userFiles}, {"user pool", r.userPool}, {"identity pool", r.identityPool}, {"roles", r.roles},
		{"tables", r.tables}, {"functions", r.functions}, {"APIs", r.apis}, {"policies", r.policies}, {"unwanted resources", r.sweep},
		{"configuration files", r.configFiles},
	} {
		if err := step.do(); err != nil {
			return explain(step.what, err)
		}
	}
	return nil
}

// explain turns a service's refusal into one of this API that says where it happened.
func explain(what string, err error) error {
	var fault wire.Fault
	if !errors.As(err, &fault) {
		return fmt.Errorf("%s: %w", what, err)
	}
	code, status, message := fault.Fault()
	if own := (*mobile.BadRequestException)(nil); errors.As(err, &own) {
		return err
	}
	if status >= 500 && code != "NotImplemented" && code != "NotImplementedException" {
		return fmt.Errorf("%s: %w", what, err)
	}
	return wire.Because(badRequest("%s: %s: %s", what, code, message), "%s: %s", what, wire.ReasonOf(err))
}

// store changes the project's row and renews the lease.
func (r *run) store(fn func(*project)) (*project, error) {
	row, err := r.s.change(r.ctx, r.account, r.row.ID, r.token, func(p *project) error {
		p.Busy.Until = r.s.cfg.Now().Add(leaseTime)
		fn(p)
		return nil
	})
	if err == nil {
		r.row = row
	}
	return row, err
}

// want says that the project wants a resource, before it is made: so it is never swept.
func (r *run) want(key string) *made {
	r.wanted[key] = true
	return r.row.find(key)
}

// note writes down a resource that is there now.
func (r *run) note(m made) error {
	r.wanted[m.Key] = true
	if have := r.row.find(m.Key); have != nil && same(*have, m) {
		return nil
	}
	_, err := r.store(func(p *project) { p.put(m) })
	return err
}

func same(a, b made) bool {
	equal := len(a.Attrs) == len(b.Attrs)
	for k, v := range a.Attrs {
		equal = equal && b.Attrs[k] == v
	}
	return equal && a.Key == b.Key && a.Type == b.Type && a.Name == b.Name && a.ARN == b.ARN && a.Feature == b.Feature &&
		a.ID == b.ID && a.Hash == b.Hash && a.Foreign == b.Foreign && a.Hidden == b.Hidden
}

// sweep removes what an earlier version of the project wanted. What holds data is let go instead.
func (r *run) sweep() error {
	for _, m := range removalOrder(r.row.Made) {
		if r.wanted[m.Key] {
			continue
		}
		orphan, err := r.removeOne(m, false)
		if err != nil {
			return err
		}
		if orphan {
			r.p.warn("%s %s is no longer part of the project but holds data: it stays, on its own", m.Type, m.Name)
		}
		if _, err := r.store(func(p *project) { p.drop(m.Key) }); err != nil {
			return err
		}
	}
	return nil
}

// call makes a call as the hub, in the project's region.
func call[In, Out any](r *run, op wire.Op[In, Out], in *In) (*Out, error) {
	return wire.Invoke(r.ctx, r.s.mux, r.by, r.row.Region, op, in)
}

// failed tells whether err is one of the codes.
func failed(err error, codes ...string) bool {
	var fault wire.Fault
	if !errors.As(err, &fault) {
		return false
	}
	code, _, _ := fault.Fault()
	return slices.Contains(codes, code)
}

func notServed(err error) bool { return failed(err, "NotImplemented", "NotImplementedException") }
