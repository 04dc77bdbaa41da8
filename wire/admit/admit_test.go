package admit

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func small(places int) *Budget {
	l := Limits(0, 1)
	l[Short] = Limit{Bytes: 1000, Places: places}
	l[Stream] = Limit{Bytes: 1000}
	return New(l)
}

// TestHalf: one client gets half of a class, whatever it asks for, and others get theirs.
func TestHalf(t *testing.T) {
	b := small(8)
	all, err := b.Admit("greedy", Short, 1<<40)
	if err != nil || b.Load()[Short].Bytes != 500 {
		t.Fatalf("%v %+v", err, b.Load()[Short])
	}
	if _, err := b.Admit("greedy", Short, 1); !errors.Is(err, ErrFull) {
		t.Errorf("more than half: %v", err)
	}
	other, err := b.Admit("other", Short, 500)
	if err != nil {
		t.Errorf("the other half: %v", err)
	}
	if _, err := b.Admit("third", Short, 1); !errors.Is(err, ErrFull) {
		t.Errorf("more than there is: %v", err)
	}
	if s, err := b.Admit("greedy", Stream, 400); err != nil { // another class
		t.Error(err)
	} else if s.Grow(101) == nil || s.Grow(100) != nil || s.Enter(t.Context(), 1<<40) != nil {
		t.Error("grew to more than half, or not to half; or a stream had to wait")
	}
	all.Done()
	all.Done()
	other.Done()
	var four []*Ticket
	for range 4 {
		ticket, err := b.Admit("greedy", Short, 1)
		if err != nil {
			t.Fatal(err)
		}
		four = append(four, ticket)
	}
	if _, err := b.Admit("greedy", Short, 1); !errors.Is(err, ErrFull) {
		t.Errorf("more than half of the places: %v", err)
	}
	for _, ticket := range four {
		ticket.Done()
	}
	if l := b.Load()[Short]; l.Open != 0 || l.Bytes != 0 || l.Admitted != 6 || l.Refused != 3 || l.MostBytes != 1000 || l.MostOpen != 4 || len(b.pools[Short].clients) != 0 {
		t.Errorf("%+v", l)
	}
}

// TestEnter: who finds no place waits for a second at most, in order, and who cannot start does not hold up others.
func TestEnter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := small(2)
		admit := func(who string, bytes int64) *Ticket {
			t.Helper()
			ticket, err := b.Admit(who, Short, bytes)
			if err != nil {
				t.Fatal(err)
			}
			return ticket
		}
		one, two := admit("one", 1), admit("two", 300)
		if one.Enter(t.Context(), 0) != nil || two.Enter(t.Context(), 200) != nil || b.Load()[Short].Running != 2 {
			t.Fatal("no place")
		}
		three := admit("three", 1)
		begin := time.Now()
		if err := three.Enter(t.Context(), 0); !errors.Is(err, ErrFull) || time.Since(begin) != MaxWait {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := three.Enter(ctx, 0); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the client left: %v", err)
		}
		got := make(chan string, 2)
		enter := func(name string, ticket *Ticket, answer int64) {
			go func() {
				if err := ticket.Enter(t.Context(), answer); err != nil {
					name = err.Error()
				}
				got <- name
			}()
			synctest.Wait()
		}
		enter("large", three, 600) // cut to half: 499 besides the 1 it holds; 501 are held
		enter("small", admit("four", 1), 10)
		if l := b.Load()[Short]; l.Waiting != 2 || l.Running != 2 {
			t.Errorf("%+v", l)
		}
		if _, err := b.Admit("five", Short, 1); !errors.Is(err, ErrFull) {
			t.Errorf("the queue is full: %v", err)
		}
		one.Leave(1)
		if name := <-got; name != "small" { // the large one does not fit yet
			t.Errorf("%s entered", name)
		}
		two.Leave(3000) // more than was foreseen: it is counted
		synctest.Wait()
		if l := b.Load()[Short]; l.Waiting != 1 || l.Bytes < 3000 {
			t.Errorf("%+v", l)
		}
		two.Done()
		if name := <-got; name != "large" {
			t.Errorf("%s entered", name)
		}
	})
}

// TestNobody: without a budget nothing is counted, and nothing fails.
func TestNobody(t *testing.T) {
	var b *Budget
	ticket, err := b.Admit("x", Short, 1<<50)
	if err != nil || ticket.Grow(1<<50) != nil || ticket.Enter(t.Context(), 1) != nil || b.Load() != nil {
		t.Error("bounded")
	}
	ticket.Leave(1)
	ticket.Done()
}

// TestTell: refusals are told of once in a while, all of them.
func TestTell(t *testing.T) {
	b, now := small(0), time.Unix(1000, 0)
	refuse := func(n int) {
		hold, err := b.Admit("x", Stream, 500)
		if err != nil {
			t.Fatal(err)
		}
		defer hold.Done()
		for range n {
			if _, err := b.Admit("x", Stream, 1); err == nil {
				t.Fatal("admitted")
			}
		}
	}
	refuse(3)
	if n, ok := b.Tell(now); n != 3 || !ok {
		t.Error(n, ok)
	}
	refuse(2)
	if n, ok := b.Tell(now.Add(TellEvery - 1)); ok {
		t.Error(n, ok)
	}
	if n, ok := b.Tell(now.Add(TellEvery)); n != 2 || !ok {
		t.Error(n, ok)
	}
	if n, ok := b.Tell(now.Add(3 * TellEvery)); ok {
		t.Error(n, ok)
	}
}

// TestCrowd: many clients at once, who give up, answer with more than they said, or grow; what is held never exceeds the limit but
// by such answers, no more run than may, and in the end nothing is held.
func TestCrowd(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	b := small(6)
	p := &b.pools[Short]
	var all sync.WaitGroup
	for worker := range 32 {
		all.Go(func() {
			r := rand.New(rand.NewPCG(seed, uint64(worker)))
			for range 400 {
				ticket, err := b.Admit(fmt.Sprint(r.IntN(5)), Short, int64(r.IntN(120)))
				if err != nil {
					continue
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(r.IntN(2000))*time.Microsecond)
				if r.IntN(4) == 0 {
					ticket.Grow(int64(r.IntN(50))) //nolint:errcheck // refused is fine
				}
				if ticket.Enter(ctx, int64(r.IntN(300))) == nil {
					p.mu.Lock()
					if p.running > 6 || p.bytes > p.Bytes || ticket.share.bytes > p.Bytes/2 || p.waiting.Len() > 12 {
						t.Errorf("%d run, %d bytes, %d of one client, %d wait", p.running, p.bytes, ticket.share.bytes, p.waiting.Len())
					}
					p.mu.Unlock()
					ticket.Leave(int64(r.IntN(10)))
				}
				cancel()
				ticket.Done()
			}
		})
	}
	all.Wait()
	if l := b.Load()[Short]; l.Open != 0 || l.Running != 0 || l.Waiting != 0 || l.Bytes != 0 || len(p.clients) != 0 || l.MostRunning > 6 || l.Admitted == 0 {
		t.Errorf("%+v", l)
	}
}
