package record

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"time"

	"bothy/kv"
)

// Lease gives some work, by name, to one of the nodes that share a store, and to another when that one dies. Who holds it
// beats; who wants it takes it over when the beat it has seen has not changed for a while by its own watch, so the nodes'
// clocks may differ by anything. A Lease is not for use by several goroutines.
type Lease struct {
	DB   *kv.DB
	Name string
	For  time.Duration // without a beat; 0 means leaseTerm

	seen  beat
	since time.Time // when seen was new
}

const leaseTerm = 20 * time.Second

// beat is the row of a lease.
type beat struct {
	Token string
	Count int64
}

func leaseRow(name string) kv.Key { return kv.K("", "", "record.lease", name) }

// Run does the work whenever the lease can be had, until ctx ends. The context of work ends also when the lease is lost, in
// time before another can have it; work returns soon then. A lease that can be had is taken at the latest two terms after its
// holder died.
func (l *Lease) Run(ctx context.Context, work func(context.Context)) {
	if l.For == 0 {
		l.For = leaseTerm
	}
	for ctx.Err() == nil {
		token := rand.Text()
		begun := time.Now()
		if ok, err := l.take(ctx, token); err == nil && ok {
			l.hold(ctx, token, begun, work)
			continue
		}
		select { // a store that does not answer is asked again, too
		case <-ctx.Done():
		case <-time.After(l.For / 4):
		}
	}
}

// take takes a lease that is free, or whose holder is silent.
func (l *Lease) take(ctx context.Context, token string) (ok bool, err error) {
	var row beat
	err = l.DB.Update(ctx, func(tx *kv.Tx) error {
		ok = false
		if row, err = l.read(tx); err != nil {
			return err
		}
		if ok = row.Token == "" || row == l.seen && time.Since(l.since) >= l.For; ok {
			return l.write(tx, beat{token, 0})
		}
		return nil
	})
	if err == nil && row != l.seen {
		l.seen, l.since = row, time.Now()
	}
	return ok, err
}

func (l *Lease) read(tx *kv.Tx) (row beat, err error) {
	raw, err := tx.Get(leaseRow(l.Name))
	if err != nil || raw == nil {
		return row, err
	}
	return row, json.Unmarshal(raw, &row)
}

func (l *Lease) write(tx *kv.Tx, row beat) error {
	raw, err := json.Marshal(row)
	if err != nil {
		return err
	}
	return tx.Set(leaseRow(l.Name), raw)
}

// hold works and beats; in the end it gives the lease back.
func (l *Lease) hold(ctx context.Context, token string, begun time.Time, work func(context.Context)) {
	working, end := context.WithCancel(ctx)
	defer end()
	done := make(chan struct{})
	go func() {
		defer close(done)
		work(working)
	}()
	for {
		select {
		case <-done:
			after, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.For/4)
			defer cancel()
			l.change(after, token, func(beat) beat { return beat{} }) //nolint:errcheck // then it runs out
			return
		case <-time.After(l.For / 4):
		}
		now := time.Now()
		trying, cancel := context.WithTimeout(working, l.For/4)
		err := l.change(trying, token, func(b beat) beat { b.Count++; return b })
		cancel()
		if err == nil {
			begun = now
		} else if errors.Is(err, errLost) || time.Since(begun) > l.For/2 {
			end() // and wait for the work to end
		}
	}
}

// change writes the row while it is ours.
func (l *Lease) change(ctx context.Context, token string, to func(beat) beat) error {
	return l.DB.Update(ctx, func(tx *kv.Tx) error {
		row, err := l.read(tx)
		if err != nil {
			return err
		}
		if row.Token != token {
			return errLost
		}
		return l.write(tx, to(row))
	})
}

// Beating tells whether somebody holds the lease and lives. It takes a third of a term to find out.
func (l *Lease) Beating(ctx context.Context) (bool, error) {
	if l.For == 0 {
		l.For = leaseTerm
	}
	var before, now beat
	look := func(at *beat) error {
		return l.DB.View(ctx, func(tx *kv.Tx) (err error) { *at, err = l.read(tx); return err })
	}
	if err := look(&before); err != nil || before.Token == "" {
		return false, err
	}
	select {
	case <-ctx.Done():
		return false, ctx.Err()
	case <-time.After(l.For / 3):
	}
	err := look(&now)
	return now != before && now.Token != "", err
}
