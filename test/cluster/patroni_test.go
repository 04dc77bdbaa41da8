package cluster

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"

	"bothy/test/postgres"
)

// TestPrimaryKilled: the database is a Patroni cluster of three with synchronous replication. Its primary is killed, server and
// Patroni, under load through two nodes. No acknowledged write is lost, clients see nothing but answers that SDKs retry, sessions
// go on, and writes are back when the cluster has chosen another primary.
func TestPrimaryKilled(t *testing.T) {
	begun := time.Now()
	db := postgres.StartPatroni(t, 3)
	c := newCluster(t, db.URL(), 2)
	a := c.newApp()
	m := c.join(a, "ann")
	t.Logf("the clusters are up after %.1f s", time.Since(begun).Seconds())
	l := c.impatient(a, m, 8)
	l.reach(t, 200)
	primary := db.Primary()
	if primary == nil {
		t.Fatal("no primary")
	}
	killed := time.Now()
	if err := primary.Kill(); err != nil {
		t.Fatal(err)
	}
	for db.Primary() == nil { // reach below gives up in the end
		if time.Since(killed) > patience {
			t.Fatal("no new primary")
		}
		time.Sleep(50 * time.Millisecond)
	}
	chosen, before := time.Since(killed), l.acked.Load()
	l.reach(t, before+400)
	back := time.Since(killed)
	for _, err := range l.stop() {
		t.Errorf("an answer that SDKs do not retry: %v", err)
	}
	l.mu.Lock()
	t.Logf("another primary after %.1f s, 400 further writes after %.1f s; the longest pause between acknowledged writes was %.1f s; answers retried meanwhile: %v",
		chosen.Seconds(), back.Seconds(), l.slowest.Seconds(), l.refused)
	l.mu.Unlock()
	l.verify(t)
	if got := m.join(t, c, a); got != m.id {
		t.Errorf("after the failover the identity of %s is %s, was %s", m.name, got, m.id)
	}
}

// impatient is a load without the SDK's retries, which tries again itself whenever the SDK would have: so it sees what clients
// are answered.
func (c *cluster) impatient(a *app, m *member, workers int) *load {
	ctx, cancel := context.WithCancel(c.t.Context())
	once := *m
	once.clients = m.retrying(1)
	l := &load{a: a, m: m, end: cancel, refused: map[string]int{}}
	judge := retry.NewStandard()
	for w := range workers {
		l.wg.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				id, begun := fmt.Sprintf("load/%d/%d", w, i), time.Now()
				write := func() error { return once.put(ctx, a, id) }
				if i%objectEvery == 0 {
					write = func() error {
						if err := once.put(ctx, a, id); err != nil {
							return err
						}
						return once.putObject(ctx, a, id, []byte(id))
					}
				}
				err := write()
				for err != nil && ctx.Err() == nil && judge.IsErrorRetryable(err) {
					l.mu.Lock()
					l.refused[code(err)]++
					l.mu.Unlock()
					time.Sleep(100 * time.Millisecond) // as an SDK does, or longer
					err = write()
				}
				l.note(ctx, id, time.Since(begun), err)
			}
		})
	}
	return l
}
