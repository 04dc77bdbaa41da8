package pgkv_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"bothy/kv"
	"bothy/kv/kvtest"
	"bothy/kv/pgkv"
)

// nodes is two engines on one schema that take calls in random turns, as a store: to a caller there must be no difference.
type nodes [2]*pgkv.Engine

func openNodes(t testing.TB, url string) nodes {
	t.Helper()
	return nodes{open(t, url, pgkv.Options{}), open(t, url, pgkv.Options{})}
}

func (n nodes) any() *pgkv.Engine { return n[rand.IntN(len(n))] }

func (n nodes) View(ctx context.Context, fn func(kv.Txn) error) error { return n.any().View(ctx, fn) }
func (n nodes) Update(ctx context.Context, fn func(kv.Txn) error) error {
	return n.any().Update(ctx, fn)
}
func (n nodes) Dump(ctx context.Context, fn func(k, v []byte) error) error {
	return n.any().Dump(ctx, fn)
}
func (n nodes) Load(ctx context.Context, next func() (k, v []byte, err error)) error {
	return n.any().Load(ctx, next)
}
func (n nodes) Close() error { return errors.Join(n[0].Close(), n[1].Close()) }

// TestConformanceOfTwoNodes runs the suite, with its recorded histories, its phantoms and its hot keys, on two engines.
func TestConformanceOfTwoNodes(t *testing.T) {
	t.Parallel()
	kvtest.Run(t, func(t *testing.T) kv.Engine { return openNodes(t, schema()) })
}

// TestReadOnlyAnomaly: the three transactions of Fekete, O'Neil and O'Neil (2004), on two nodes. A withdrawal that saw neither
// deposit nor reader pays a fee; whoever then saw the deposit and not the withdrawal must not exist.
func TestReadOnlyAnomaly(t *testing.T) {
	for round := range 40 {
		n := openNodesOnce(t)
		checking, savings := []byte(fmt.Sprint("x", round)), []byte(fmt.Sprint("y", round))
		var wg sync.WaitGroup
		var seenX, seenY []byte
		for i, fn := range []func() error{
			func() error { // withdraw 10 from checking, with a fee of 1 when the sum goes below zero
				return n[0].Update(context.Background(), func(tx kv.Txn) error {
					v, err := tx.GetMany([][]byte{checking, savings})
					if err != nil {
						return err
					}
					if v[1] == nil {
						return tx.Set(checking, []byte("-11"))
					}
					return tx.Set(checking, []byte("-10"))
				})
			},
			func() error { return n[1].Update(context.Background(), set(string(savings), "20")) },
			func() error {
				return n[round%2].View(context.Background(), func(tx kv.Txn) error {
					v, err := tx.GetMany([][]byte{checking, savings})
					if err == nil {
						seenX, seenY = v[0], v[1]
					}
					return err
				})
			},
		} {
			wg.Go(func() {
				if err := fn(); err != nil {
					t.Errorf("transaction %d: %v", i, err)
				}
			})
		}
		wg.Wait()
		if got := get(t, n[0], string(checking)); string(got) == "-11" && seenY != nil && seenX == nil {
			t.Fatal("one saw the deposit without the withdrawal that came before it")
		}
	}
}

var onceNodes = sync.OnceValue(func() *nodes { return new(nodes) })

// openNodesOnce is one pair for all rounds of a test.
func openNodesOnce(t *testing.T) nodes {
	n := onceNodes()
	if n[0] == nil {
		*n = openNodes(t, schema())
		t.Cleanup(func() {
			if err := n.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	return *n
}

// TestHear: what one node commits the other hears, once, after it can be read; what failed nobody hears, and oneself neither.
func TestHear(t *testing.T) {
	n := openNodes(t, schema())
	defer n.Close()
	heard := [2]chan string{make(chan string, 100), make(chan string, 100)}
	for i, e := range n {
		e.Hear(func(topic string) { heard[i] <- topic })
	}
	notify := func(e *pgkv.Engine, topic string, err error) error {
		return e.Update(context.Background(), func(tx kv.Txn) error {
			return errors.Join(e.Notify(tx, topic), e.Notify(tx, topic), err)
		})
	}
	awkward := "a\x00\xff '\" topic"
	if err := notify(n[0], "refused", errors.New("no")); err == nil {
		t.Error("it was not refused")
	}
	for _, topic := range []string{"jobs", awkward, ""} {
		if err := notify(n[0], topic, nil); err != nil {
			t.Fatal(err)
		}
		if got := await(t, heard[1]); got != topic {
			t.Errorf("heard %q, want %q", got, topic)
		}
	}
	if err := notify(n[1], "back", nil); err != nil {
		t.Fatal(err)
	}
	if got := await(t, heard[0]); got != "back" { // whatever was its own would have come first
		t.Errorf("heard %q", got)
	}
	if len(heard[1]) > 0 {
		t.Errorf("heard %q again", <-heard[1])
	}
	if err := notify(n[0], string(make([]byte, 5000)), nil); !errors.Is(err, kv.ErrLimit) {
		t.Errorf("a topic of 5000 bytes: %v", err)
	}
}

func await(t *testing.T, c <-chan string) string {
	t.Helper()
	select {
	case s := <-c:
		return s
	case <-time.After(20 * time.Second):
		t.Fatal("nothing was heard")
		return ""
	}
}

// TestOpenTogether: nodes that start at once make one store.
func TestOpenTogether(t *testing.T) {
	url := schema()
	var engines [6]*pgkv.Engine
	var wg sync.WaitGroup
	for i := range engines {
		wg.Go(func() {
			e, err := pgkv.Open(context.Background(), url, pgkv.Options{})
			if err != nil {
				t.Error(err)
				return
			}
			engines[i] = e
			if err := e.Update(context.Background(), add("n", 1)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, e := range engines {
		if e == nil {
			continue
		}
		if got := get(t, e, "n"); string(got) != fmt.Sprint(len(engines)) {
			t.Errorf("one sees %s", got)
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestLoadFails: a Load that ends early leaves nothing, and the store goes on.
func TestLoadFails(t *testing.T) {
	e := open(t, schema(), pgkv.Options{})
	defer e.Close()
	broken, n := errors.New("the backup is broken"), 0
	err := e.Load(context.Background(), func() (k, v []byte, err error) {
		if n++; n > 5000 {
			return nil, nil, broken
		}
		return kv.K(n), make([]byte, 500), nil
	})
	if err != broken {
		t.Errorf("load ended with %v", err)
	}
	if err := e.Load(context.Background(), func() (k, v []byte, err error) { return nil, nil, io.EOF }); err != nil {
		t.Errorf("the store is not empty: %v", err)
	}
	if err := e.Update(context.Background(), set("a", "1")); err != nil {
		t.Error(err)
	}
}

// TestFormat: what is not ours, or of a later version, is refused and left as it is.
func TestFormat(t *testing.T) {
	for what, sql := range map[string]string{
		"newer":    `create table bothy_format (id int4 primary key, mark text not null, version int4 not null, store text not null); insert into bothy_format values (1, 'bothy kv', 2, 'x')`,
		"zero":     `create table bothy_format (id int4 primary key, mark text not null, version int4 not null, store text not null); insert into bothy_format values (1, 'bothy kv', 0, 'x')`,
		"other":    `create table bothy_format (id int4 primary key, mark text not null, version int4 not null, store text not null); insert into bothy_format values (1, 'bothy blob', 1, 'x')`,
		"columns":  `create table bothy_format (x int4)`,
		"foreign":  `create table customers (id int4)`,
		"unmarked": `create table bothy_kv (k bytea primary key, v bytea not null)`,
	} {
		t.Run(what, func(t *testing.T) {
			url := schema()
			query(t, url, "create schema if not exists "+schemaOf(url))
			query(t, url, sql)
			before := query(t, url, tableList)
			if e, err := pgkv.Open(context.Background(), url, pgkv.Options{}); !errors.Is(err, pgkv.ErrFormat) {
				t.Errorf("%v, %v", e, err)
			}
			if after := query(t, url, tableList); after != before {
				t.Errorf("there were %s, there are %s", before, after)
			}
		})
	}
}

const tableList = `select string_agg(table_name, ' ' order by table_name) from information_schema.tables where table_schema = current_schema()`
