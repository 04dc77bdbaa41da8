package outbox

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bothy/kv"
	"bothy/kv/memkv"
	"bothy/record"
)

const account = "123456789012"

var scope = record.In(account, "us-east-1")

type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

func newService(t *testing.T) (*Service, *kv.DB, *clock) {
	t.Helper()
	sealer, err := record.NewSealer(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	db := kv.New(memkv.New())
	at := &clock{time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)}
	return New(Config{DB: db, Sealer: sealer, Now: at.now}), db, at
}

func send(t *testing.T, s *Service, db *kv.DB, m Message) {
	t.Helper()
	if err := db.Update(context.Background(), func(tx *kv.Tx) error { return s.Send(tx, scope, m) }); err != nil {
		t.Fatal(err)
	}
}

func code(to, c string) Message {
	return Message{To: to, Medium: Email, Kind: "SignUp", Body: "Your code is " + c, Fields: map[string]string{"code": c}}
}

func TestSendersAreKept(t *testing.T) {
	s, db, _ := newService(t)
	m := code("ann@example.com", "1")
	m.From, m.ReplyTo = "Us <us@example.com>", "help@example.com"
	send(t, s, db, m)
	list, _, err := s.List(context.Background(), account, Query{To: "ann@example.com"})
	if err != nil || len(list) != 1 || list[0].From != m.From || list[0].ReplyTo != m.ReplyTo {
		t.Fatalf("%+v %v", list, err)
	}
}

func TestSendAndList(t *testing.T) {
	s, db, at := newService(t)
	for i := range 3 {
		at.t = at.t.Add(time.Second)
		send(t, s, db, code("Ann@Example.com", fmt.Sprint(i)))
		send(t, s, db, code("bob@example.com", "9"))
	}
	list, next, err := s.List(context.Background(), account, Query{To: "ann@example.com", Limit: 2})
	if err != nil || len(list) != 2 || list[0].Fields["code"] != "2" || list[1].Fields["code"] != "1" || next == "" {
		t.Fatalf("first page %+v %q %v", list, next, err)
	}
	if m := list[0]; m.To != "Ann@Example.com" || m.Region != "us-east-1" || !m.At.Equal(at.t) || m.Body != "Your code is 2" {
		t.Fatalf("message %+v", m)
	}
	list, next, err = s.List(context.Background(), account, Query{To: "ann@example.com", Limit: 2, After: next})
	if err != nil || len(list) != 1 || list[0].Fields["code"] != "0" || next != "" {
		t.Fatalf("second page %+v %q %v", list, next, err)
	}
	if list, _, _ := s.List(context.Background(), account, Query{}); len(list) != 6 {
		t.Fatalf("everyone has %d", len(list))
	}
	if list, _, _ := s.List(context.Background(), "999999999999", Query{}); len(list) != 0 {
		t.Fatalf("a foreign account sees %d", len(list))
	}
}

func TestSendRefuses(t *testing.T) {
	s, db, _ := newService(t)
	for name, m := range map[string]Message{
		"no recipient": {Medium: Email}, "no medium": {To: "a"},
		"too large": {To: "a", Medium: SMS, Body: strings.Repeat("x", MaxMessageBytes)},
	} {
		if err := db.Update(context.Background(), func(tx *kv.Tx) error { return s.Send(tx, scope, m) }); err == nil {
			t.Errorf("%s: sent", name)
		}
	}
}

// A message of a transaction that failed does not exist.
func TestSendIsPartOfTransaction(t *testing.T) {
	s, db, _ := newService(t)
	boom := errors.New("boom")
	if err := db.Update(context.Background(), func(tx *kv.Tx) error {
		if err := s.Send(tx, scope, code("ann@example.com", "1")); err != nil {
			return err
		}
		return boom
	}); !errors.Is(err, boom) {
		t.Fatal(err)
	}
	if _, err := s.Wait(context.Background(), account, "ann@example.com", time.Time{}, time.Millisecond); !errors.Is(err, ErrNoMessage) {
		t.Fatalf("got %v", err)
	}
}

// What a message says is not readable in the store.
func TestContentIsSealed(t *testing.T) {
	s, db, _ := newService(t)
	send(t, s, db, code("ann@example.com", "314159"))
	err := db.View(context.Background(), func(tx *kv.Tx) error {
		return tx.Scan(kv.Range{From: kv.Key{0}, To: kv.Key{0xFF}}, func(k kv.Key, v []byte) bool {
			if strings.Contains(string(k)+string(v), "314159") {
				t.Errorf("code readable in %q", v)
			}
			return true
		})
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestWaitWakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, db, at := newService(t)
		send(t, s, db, code("ann@example.com", "old"))
		since := at.t
		at.t = at.t.Add(time.Second)
		got := make(chan string)
		go func() {
			m, err := s.Wait(context.Background(), account, "ann@example.com", since, 10*time.Second)
			if err != nil {
				got <- err.Error()
				return
			}
			got <- m.Fields["code"]
		}()
		synctest.Wait()
		start := time.Now()
		send(t, s, db, code("ann@example.com", "new"))
		if c := <-got; c != "new" {
			t.Fatalf("got %q", c)
		}
		if d := time.Since(start); d > 10*time.Millisecond {
			t.Fatalf("woke after %v", d)
		}
	})
}

func TestWaitEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, _ := newService(t)
		start := time.Now()
		if _, err := s.Wait(context.Background(), account, "x", time.Time{}, time.Hour); !errors.Is(err, ErrNoMessage) {
			t.Fatal(err)
		}
		if d := time.Since(start); d != MaxWait {
			t.Fatalf("waited %v", d)
		}
	})
}

func TestPrune(t *testing.T) {
	s, db, at := newService(t)
	send(t, s, db, code("ann@example.com", "old"))
	at.t = at.t.Add(MaxAge + time.Second)
	for sent := 0; sent < MaxMessages+700; sent += 100 {
		if err := db.Update(context.Background(), func(tx *kv.Tx) error {
			for range 100 {
				at.t = at.t.Add(time.Millisecond)
				if err := s.Send(tx, scope, code("bob@example.com", "1")); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	n, err := s.Prune(context.Background(), account)
	if err != nil || n != 701 {
		t.Fatalf("pruned %d, %v", n, err)
	}
	if n, err := s.Prune(context.Background(), account); err != nil || n != 0 {
		t.Fatalf("pruned again %d, %v", n, err)
	}
}
