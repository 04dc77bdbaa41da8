package pgkv_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"bothy/kv"
	"bothy/kv/pgkv"
	"bothy/test/postgres"
)

// TestLostAnswer cuts the connection exactly around the commit, in every way, with one transaction under way and with a round
// of the serial lane: what was acknowledged is there exactly once.
func TestLostAnswer(t *testing.T) {
	for name, how := range map[string]int32{"call": loseCall, "reply": loseReply, "left": leave} {
		t.Run(name, func(t *testing.T) {
			name := fmt.Sprint("s", schemas.Add(1))
			p := startProxy(t, fmt.Sprintf("127.0.0.1:%d", server.Port))
			e := open(t, p.url(name), pgkv.Options{})
			defer e.Close()
			for i := range 10 {
				p.next.Store(how)
				if err := e.Update(context.Background(), add("alone", 1)); err != nil {
					t.Fatal(err)
				}
				if got := count(t, e, "alone"); got != i+1 {
					t.Fatalf("after %d acknowledged changes it says %d", i+1, got)
				}
				p.next.Store(how)
				var runs atomic.Int32
				if err := lose(e, context.Background(), func(tx kv.Txn) error { runs.Add(1); return add("turn", 1)(tx) }); err != nil {
					t.Fatal(err)
				}
				if got := count(t, e, "turn"); got != i+1 {
					t.Fatalf("after %d acknowledged turns it says %d", i+1, got)
				}
			}
			if cuts := p.cuts.Load(); cuts != 20 {
				t.Errorf("the connection was cut %d times, want 20", cuts)
			}
		})
	}
}

// lose makes a transaction that loses its first run; its second, in the serial lane, is second.
func lose(e *pgkv.Engine, ctx context.Context, second func(kv.Txn) error) error {
	first := true
	return e.Update(ctx, func(tx kv.Txn) error {
		if _, err := tx.Get([]byte("contended")); err != nil {
			return err
		}
		if first {
			first = false
			if err := e.Update(context.Background(), add("contended", 1)); err != nil {
				return err
			}
			return tx.Set([]byte("mine"), []byte("1"))
		}
		return second(tx)
	})
}

// TestFenced: a batch that the server has and has not begun, because another node holds the lock, is fenced off before it is sent
// again: when the lock is free it comes first, and writes nothing.
func TestFenced(t *testing.T) {
	name := fmt.Sprint("s", schemas.Add(1))
	p := startProxy(t, fmt.Sprintf("127.0.0.1:%d", server.Port))
	e := open(t, p.url(name), pgkv.Options{})
	defer e.Close()
	other := dial(t, server.URL(name))
	if _, err := other.Exec(context.Background(), "begin; select 1 from bothy_format for update"); err != nil {
		t.Fatal(err)
	}
	p.next.Store(leave)
	done := make(chan error, 1)
	go func() { done <- e.Update(context.Background(), add("n", 1)) }()
	until(t, func() bool {
		return query(t, server.URL(name), "select count(*) from bothy_commit where lost is null") == "1"
	})
	until(t, func() bool { // the batch that was left, and the one sent again
		return query(t, server.URL(name), "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query like '%bothy_format%'") == "2"
	})
	if _, err := other.Exec(context.Background(), "commit"); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if got := count(t, e, "n"); got != 1 {
		t.Errorf("it was done %d times", got)
	}
	if got := query(t, server.URL(name), "select count(*) from bothy_commit where lost is not null"); got != "1" {
		t.Errorf("%s batches committed", got)
	}
}

func until(t *testing.T, ok func() bool) {
	t.Helper()
	for began := time.Now(); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Since(began) > 30*time.Second {
			t.Fatal("it did not come to that")
		}
	}
}

// TestKill kills the server under load, several times, and starts it again: what was acknowledged is there once, what was not
// at most once, and nobody but those told so waits in vain.
func TestKill(t *testing.T) {
	t.Parallel()
	s := postgres.Start(t)
	n := openNodes(t, s.URL("kill"))
	defer n.Close()
	const workers, rounds = 16, 3
	var stop atomic.Bool
	var acked, failed sync.Map
	var done, hot atomic.Int64
	var wg sync.WaitGroup
	defer func() { stop.Store(true); wg.Wait() }()
	for w := range workers {
		wg.Go(func() {
			for i := 0; !stop.Load(); i++ {
				key := fmt.Sprintf("%d/%d", w, i)
				err := n[w%2].Update(context.Background(), func(tx kv.Txn) error { return errors.Join(add(key, 1)(tx), add("hot", 1)(tx)) })
				if err != nil {
					failed.Store(key, err)
					continue
				}
				acked.Store(key, true)
				done.Add(1)
				hot.Add(1)
			}
		})
	}
	for range rounds {
		goal := done.Load() + 300
		until(t, func() bool { return done.Load() >= goal })
		if err := s.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := s.Restart(); err != nil {
			t.Fatal(err)
		}
	}
	goal := done.Load() + 100
	until(t, func() bool { return done.Load() >= goal })
	stop.Store(true)
	wg.Wait()
	unsure := 0
	acked.Range(func(key, _ any) bool {
		if got := count(t, n[0], key.(string)); got != 1 {
			t.Errorf("%s was acknowledged once and is there %d times", key, got)
		}
		return true
	})
	failed.Range(func(key, err any) bool {
		unsure++
		if got := count(t, n[0], key.(string)); got > 1 {
			t.Errorf("%s failed with %v and is there %d times", key, err, got)
		}
		return true
	})
	if got := count(t, n[1], "hot"); int64(got) < hot.Load() || got > int(hot.Load())+unsure {
		t.Errorf("the hot counter says %d; %d acknowledged, %d failed", got, hot.Load(), unsure)
	}
	t.Logf("%d acknowledged, %d failed", done.Load(), unsure)
}

// TestAway: while there is no server, calls wait for a while and fail as throttled; when it is back all is well without a restart.
func TestAway(t *testing.T) {
	t.Parallel()
	s := postgres.Start(t)
	e := open(t, s.URL("away"), pgkv.Options{})
	defer e.Close()
	heard := make(chan string, 10)
	e.Hear(func(topic string) { heard <- topic })
	if err := e.Update(context.Background(), set("a", "1")); err != nil {
		t.Fatal(err)
	}
	if err := s.Immediate(); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if err := e.View(context.Background(), readA); !temporary(err) {
				t.Errorf("view: %v", err)
			}
		})
		wg.Go(func() {
			if err := e.Update(context.Background(), set("b", "1")); !temporary(err) {
				t.Errorf("update: %v", err)
			}
		})
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	for _, err := range []error{e.View(ctx, readA), e.Update(ctx, set("b", "1"))} {
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("with a deadline: %v", err)
		}
	}
	wg.Wait()
	if err := s.Restart(); err != nil {
		t.Fatal(err)
	}
	until(t, func() bool { return e.Update(context.Background(), set("c", "1")) == nil })
	if string(get(t, e, "a")) != "1" || get(t, e, "b") != nil || string(get(t, e, "c")) != "1" {
		t.Error("what was acknowledged is gone, or what failed is there")
	}
	if topic := await(t, heard); topic != "" {
		t.Errorf("after the connection was lost it heard %q first", topic)
	}
}

func readA(tx kv.Txn) error { _, err := tx.Get([]byte("a")); return err }

// TestLostSnapshot: a View whose connection is lost between two reads fails as throttled, an Update is run again.
func TestLostSnapshot(t *testing.T) {
	name := fmt.Sprint("s", schemas.Add(1))
	p := startProxy(t, fmt.Sprintf("127.0.0.1:%d", server.Port))
	e := open(t, p.url(name), pgkv.Options{})
	defer e.Close()
	if err := e.Update(context.Background(), set("a", "1")); err != nil {
		t.Fatal(err)
	}
	runs := 0
	twice := func(tx kv.Txn) error {
		runs++
		if err := readA(tx); err != nil {
			return err
		}
		if runs == 1 {
			p.cutAll()
		}
		_, err := tx.Get([]byte("b"))
		return err
	}
	if err := e.View(context.Background(), twice); !temporary(err) || runs != 1 {
		t.Errorf("view: %v after %d runs", err, runs)
	}
	runs = 0
	if err := e.Update(context.Background(), func(tx kv.Txn) error { return errors.Join(twice(tx), tx.Set([]byte("b"), nil)) }); err != nil || runs != 2 {
		t.Errorf("update: %v after %d runs", err, runs)
	}
}

// TestRefusedByTheDatabase: what the database calls a serialization failure or a deadlock is done again, as often as it says so.
func TestRefusedByTheDatabase(t *testing.T) {
	url := schema()
	n := openNodes(t, url)
	defer n.Close()
	query(t, url, `create sequence fate; create function refuse() returns trigger language plpgsql as $$ begin
		case nextval('fate') % 4 when 0 then raise exception 'injected' using errcode = '40001';
		when 1 then raise exception 'injected' using errcode = '40P01'; else return null; end case; end $$;
		create trigger refuse after insert on bothy_kv for each statement execute function refuse()`)
	const workers, each = 8, 20
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range each {
				if err := n.Update(context.Background(), func(tx kv.Txn) error {
					return errors.Join(add(fmt.Sprint(w, "/", i), 1)(tx), add(fmt.Sprint("hot", w%2), 1)(tx))
				}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if got := count(t, n, "hot0") + count(t, n, "hot1"); got != workers*each {
		t.Errorf("counted %d, want %d", got, workers*each)
	}
}

// TestOneToBlame: what the database cannot store fails with its own transaction, not with those committed beside it.
func TestOneToBlame(t *testing.T) {
	e := open(t, schema(), pgkv.Options{})
	defer e.Close()
	long := make([]byte, kv.MaxKeyBytes) // does not compress, so the index cannot hold it
	rand.Read(long)
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			for j := range 5 {
				if i%8 == 0 {
					if err := e.Update(context.Background(), set(string(long), "x")); !errors.Is(err, kv.ErrLimit) {
						t.Errorf("the long key: %v", err)
					}
				} else if err := e.Update(context.Background(), func(tx kv.Txn) error {
					return errors.Join(add(fmt.Sprint(i, "/", j), 1)(tx), add("hot", 1)(tx))
				}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if got := count(t, e, "hot"); got != 35*5 {
		t.Errorf("counted %d, want %d", got, 35*5)
	}
	if err := lose(e, context.Background(), set(string(long), "x")); !errors.Is(err, kv.ErrLimit) {
		t.Errorf("the long key in the lane: %v", err)
	}
}

// TestLoserEnds: whatever the function does in its turn, the engine goes on.
func TestLoserEnds(t *testing.T) {
	refused := errors.New("refused")
	for name, c := range map[string]struct {
		second func(kv.Txn) error
		check  func(err error, panicked any) bool
	}{
		"commits": {func(tx kv.Txn) error { return tx.Set([]byte("mine"), []byte("2")) }, func(err error, p any) bool { return err == nil && p == nil }},
		"fails":   {func(kv.Txn) error { return refused }, func(err error, p any) bool { return err == refused && p == nil }},
		"panics":  {func(kv.Txn) error { panic("ours") }, func(err error, p any) bool { return p == "ours" }},
		"exits":   {func(kv.Txn) error { runtime.Goexit(); return nil }, func(err error, p any) bool { return p == nil }},
	} {
		t.Run(name, func(t *testing.T) {
			e := open(t, schema(), pgkv.Options{})
			done := make(chan struct{})
			go func() {
				defer close(done)
				var err error
				defer func() {
					if p := recover(); !c.check(err, p) {
						t.Errorf("ended with %v, panic %v", err, p)
					}
				}()
				err = lose(e, context.Background(), c.second)
			}()
			<-done
			want := ""
			if name == "commits" {
				want = "2"
			}
			if got := get(t, e, "mine"); string(got) != want {
				t.Errorf("its write is %q, want %q", got, want)
			}
			if err := e.Update(context.Background(), set("after", "1")); err != nil {
				t.Error(err)
			}
			if err := e.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestHangs: a function that does not return in its turn, with the store's lock, is left behind; both nodes go on.
func TestHangs(t *testing.T) {
	t.Parallel()
	n := openNodes(t, schema())
	free, hangs := make(chan struct{}), make(chan error, 1)
	began := make(chan struct{})
	go func() {
		hangs <- lose(n[0], context.Background(), func(tx kv.Txn) error {
			close(began)
			<-free
			_, err := tx.Get([]byte("later"))
			return errors.Join(err, tx.Set([]byte("mine"), []byte("2")))
		})
	}()
	<-began
	for _, e := range n {
		if err := e.Update(context.Background(), add("n", 1)); err != nil {
			t.Error(err)
		}
		if err := lose(e, context.Background(), add("n", 1)); err != nil {
			t.Error(err)
		}
	}
	close(free)
	if err := <-hangs; !errors.Is(err, kv.ErrLimit) {
		t.Errorf("it ended with %v", err)
	}
	if got, mine := count(t, n, "n"), get(t, n, "mine"); got != 4 || mine != nil {
		t.Errorf("counted %d; its write is %q", got, mine)
	}
	if err := n.Close(); err != nil {
		t.Error(err)
	}
}

// TestBusy: a full queue refuses at once, and what waits in it can be withdrawn.
func TestBusy(t *testing.T) {
	url := schema()
	e := open(t, url, pgkv.Options{Queue: 2})
	defer e.Close()
	other := dial(t, url)
	if _, err := other.Exec(context.Background(), "begin; select 1 from bothy_format for update"); err != nil { // nothing commits
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	answers := make(chan error, 20)
	for i := range 20 {
		go func() { answers <- e.Update(ctx, set(fmt.Sprint("waits", i), "x")) }()
	}
	if err := <-answers; err != kv.ErrBusy {
		t.Errorf("the first answer is %v", err)
	}
	cancel()
	for range 19 {
		if err := <-answers; !errors.Is(err, context.Canceled) && err != kv.ErrBusy {
			t.Errorf("a waiting update answered %v", err)
		}
	}
	if _, err := other.Exec(context.Background(), "commit"); err != nil {
		t.Fatal(err)
	}
	until(t, func() bool { return e.Update(context.Background(), set("after", "1")) == nil })
}

// TestLeavers: callers who leave at any moment hinder nobody and are not lied to: told the context's bare error they did not
// commit; of the others who left, some did.
func TestLeavers(t *testing.T) {
	e := open(t, schema(), pgkv.Options{})
	defer e.Close()
	var acked, unknown atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 100 {
				ctx, cancel := context.WithTimeout(context.Background(), time.Duration(i%25)*200*time.Microsecond)
				err := e.Update(ctx, add("n", 1))
				switch {
				case err == nil:
					acked.Add(1)
				case err == context.DeadlineExceeded:
				case errors.Is(err, context.DeadlineExceeded):
					unknown.Add(1)
				default:
					t.Error(err)
				}
				cancel()
			}
		})
	}
	wg.Wait()
	if err := e.Update(context.Background(), set("after", "1")); err != nil {
		t.Fatal(err)
	}
	n := int64(count(t, e, "n"))
	if n < acked.Load() || n > acked.Load()+unknown.Load() {
		t.Errorf("counted %d, %d acknowledged and %d unknown", n, acked.Load(), unknown.Load())
	}
	t.Logf("%d acknowledged, %d unknown, %d counted", acked.Load(), unknown.Load(), n)
}

// TestClose: calls that run are waited for, what they were answered is kept, later calls are refused, and no session stays.
func TestClose(t *testing.T) {
	url := schema() + "&application_name=closing"
	e := open(t, url, pgkv.Options{})
	var acked sync.Map
	var wg sync.WaitGroup
	var n atomic.Int64
	for range 8 {
		wg.Go(func() {
			for {
				key := fmt.Sprint("k", n.Add(1))
				err := e.Update(context.Background(), func(tx kv.Txn) error { return errors.Join(add("hot", 1)(tx), add(key, 1)(tx)) })
				if err == kv.ErrClosed {
					return
				}
				if err != nil {
					t.Error(err)
					return
				}
				acked.Store(key, true)
			}
		})
	}
	until(t, func() bool { return n.Load() > 200 })
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	if err := e.View(context.Background(), readA); err != kv.ErrClosed {
		t.Errorf("view after close: %v", err)
	}
	if err := e.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
	until(t, func() bool {
		return query(t, server.URL(""), "select count(*) from pg_stat_activity where application_name = 'closing'") == "0"
	})
	e = open(t, url, pgkv.Options{})
	defer e.Close()
	acked.Range(func(key, _ any) bool {
		if count(t, e, key.(string)) != 1 {
			t.Errorf("%s was acknowledged and is gone", key)
		}
		return true
	})
}

// TestUnreachable: Open says what is wrong, and not the password.
func TestUnreachable(t *testing.T) {
	for _, url := range []string{"postgres://u:secret@127.0.0.1:1/x?sslmode=disable", "postgres://u:secret@[::bad/x"} {
		_, err := pgkv.Open(context.Background(), url, pgkv.Options{})
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%v", err)
		}
	}
}
