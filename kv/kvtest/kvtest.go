// Package kvtest is what every kv engine must pass: a conformance suite, and random histories that must give the same
// answers on all of them. It speaks to engines through kv.DB, as services do, and knows no engine.
package kvtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"

	"bothy/kv"
)

// Run runs the suite. open gives a new, empty engine; the suite closes it.
func Run(t *testing.T, open func(t *testing.T) kv.Engine) { RunBounded(t, MaxRuns, open) }

// RunBounded is Run for engines that may run one function up to maxRuns times.
func RunBounded(t *testing.T, maxRuns int64, open func(t *testing.T) kv.Engine) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, db *kv.DB)
	}{
		{"ByteOrder", testByteOrder},
		{"Bounds", testBounds},
		{"OwnWrites", testOwnWrites},
		{"ScanSeesOwnWrites", testScanOwnWrites},
		{"WriteDuringScan", testWriteDuringScan},
		{"Rollback", testRollback},
		{"Empty", testEmpty},
		{"GetMany", testGetMany},
		{"SlicesAreCopied", testSlices},
		{"ReadOnly", testReadOnly},
		{"Cancelled", testCancelled},
		{"CancelledWhileRunning", testCancelledWhileRunning},
		{"KeyLimit", testKeyLimit},
		{"ValueLimit", testValueLimit},
		{"TxKeysLimit", testTxKeysLimit},
		{"TxBytesLimit", testTxBytesLimit},
		{"ScanLimit", testScanLimit},
		{"Panic", testPanic},
		{"DumpAndLoad", testDumpAndLoad},
		{"LoadRefusesFull", testLoadRefusesFull},
		{"News", testNews},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, opened(t, open(t))[0]) })
	}
	runShared(t, maxRuns, func(t *testing.T) []kv.Engine { return []kv.Engine{open(t)} })
}

// RunShared runs what concerns transactions beside each other, spread over several engines of one store. open gives them,
// new and empty; the suite closes them. The engines of one process share a clock, so what one has acknowledged every other
// must show.
func RunShared(t *testing.T, open func(t *testing.T) []kv.Engine) { runShared(t, MaxRuns, open) }

func runShared(t *testing.T, maxRuns int64, open func(t *testing.T) []kv.Engine) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, dbs nodes)
	}{
		{"ViewIsASnapshot", testViewSnapshot},
		{"LostUpdate", testLostUpdate},
		{"WriteSkew", testWriteSkew},
		{"Phantom", testPhantom},
		{"PhantomByDelete", testPhantomDelete},
		{"HotKey", testHotKey},
		{"HotKeyWithFailures", testHotKeyFailures},
		{"Histories", testHistories},
		{"SingleKeys", testSingleKeys},
		{"Starvation", func(t *testing.T, dbs nodes) { testStarvation(t, dbs, maxRuns) }},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, opened(t, open(t)...)) })
	}
}

// opened are stores that are closed when the test ends.
func opened(t *testing.T, engines ...kv.Engine) (dbs nodes) {
	for _, e := range engines {
		db := kv.New(e)
		t.Cleanup(func() {
			if err := db.Close(); err != nil {
				t.Error("close:", err)
			}
		})
		dbs = append(dbs, db)
	}
	return dbs
}

func update(t *testing.T, db *kv.DB, fn func(*kv.Tx) error) {
	t.Helper()
	if err := db.Update(context.Background(), fn); err != nil {
		t.Fatal(err)
	}
}

func view(t *testing.T, db *kv.DB, fn func(*kv.Tx) error) {
	t.Helper()
	if err := db.View(context.Background(), fn); err != nil {
		t.Fatal(err)
	}
}

// put sets keys to values given in pairs.
func put(t *testing.T, db *kv.DB, pairs ...string) {
	t.Helper()
	update(t, db, func(tx *kv.Tx) error {
		for i := 0; i < len(pairs); i += 2 {
			if err := tx.Set(kv.Key(pairs[i]), []byte(pairs[i+1])); err != nil {
				return err
			}
		}
		return nil
	})
}

// scan returns "key=value" of what r gives.
func scan(tx *kv.Tx, r kv.Range) ([]string, error) {
	got := []string{}
	err := tx.Scan(r, func(k kv.Key, v []byte) bool {
		got = append(got, fmt.Sprintf("%s=%s", k, v))
		return true
	})
	return got, err
}

func wantScan(t *testing.T, tx *kv.Tx, r kv.Range, want ...string) {
	t.Helper()
	got, err := scan(tx, r)
	if err != nil {
		t.Error(err)
	}
	if len(got) != len(want) || len(got) > 0 && !reflect.DeepEqual(got, want) {
		t.Errorf("scan [%q, %q) limit %d reverse %v: got %q, want %q", r.From, r.To, r.Limit, r.Reverse, got, want)
	}
}

func wantGet(t *testing.T, tx *kv.Tx, key, want string) {
	t.Helper()
	if got, err := tx.Get(kv.Key(key)); err != nil || string(got) != want || got == nil {
		t.Errorf("get %q: got %q, %v, want %q", key, got, err, want)
	}
}

func wantAbsent(t *testing.T, tx *kv.Tx, key string) {
	t.Helper()
	if got, err := tx.Get(kv.Key(key)); err != nil || got != nil {
		t.Errorf("get %q: got %q, %v, want it absent", key, got, err)
	}
}

func testByteOrder(t *testing.T, db *kv.DB) {
	keys := [][]byte{{0}, {0, 0}, {0, 0xFF}, {1}, []byte("A"), []byte("a"), []byte("a\x00"), []byte("a\xff"), []byte("b"),
		[]byte("é"), {0x7f}, {0x80}, {0xfe, 0xff}, {0xff}, {0xff, 0xff}}
	update(t, db, func(tx *kv.Tx) error {
		for i := range keys {
			k := keys[(i*7)%len(keys)]
			if err := tx.Set(k, k); err != nil {
				return err
			}
		}
		return nil
	})
	for _, reverse := range []bool{false, true} {
		var last []byte
		n := 0
		view(t, db, func(tx *kv.Tx) error {
			return tx.Scan(kv.Range{Reverse: reverse}, func(k kv.Key, v []byte) bool {
				if !bytes.Equal(k, v) {
					t.Errorf("key %x has value %x", k, v)
				}
				if n > 0 && (bytes.Compare(last, k) < 0) == reverse {
					t.Errorf("reverse %v: %x after %x", reverse, k, last)
				}
				last, n = bytes.Clone(k), n+1
				return true
			})
		})
		if n != len(keys) {
			t.Errorf("reverse %v: %d keys, want %d", reverse, n, len(keys))
		}
	}
}

func testBounds(t *testing.T, db *kv.DB) {
	put(t, db, "a", "1", "b", "2", "c", "3", "d", "4")
	k := func(s string) kv.Key { return kv.Key(s) }
	view(t, db, func(tx *kv.Tx) error {
		wantScan(t, tx, kv.Range{}, "a=1", "b=2", "c=3", "d=4")
		wantScan(t, tx, kv.Range{Reverse: true}, "d=4", "c=3", "b=2", "a=1")
		wantScan(t, tx, kv.Range{From: k("b"), To: k("d")}, "b=2", "c=3")
		wantScan(t, tx, kv.Range{From: k("b"), To: k("d"), Reverse: true}, "c=3", "b=2")
		wantScan(t, tx, kv.Range{From: k("bb"), To: k("cc")}, "c=3")
		wantScan(t, tx, kv.Range{From: k("b").After()}, "c=3", "d=4")
		wantScan(t, tx, kv.Range{To: k("b"), Reverse: true}, "a=1")
		wantScan(t, tx, kv.Range{From: k("b"), To: k("b")})
		wantScan(t, tx, kv.Range{From: k("c"), To: k("b")})
		wantScan(t, tx, kv.Range{From: k("c"), To: k("b"), Reverse: true})
		wantScan(t, tx, kv.Range{From: k("e")})
		wantScan(t, tx, kv.Range{Limit: 2}, "a=1", "b=2")
		wantScan(t, tx, kv.Range{Limit: 2, Reverse: true}, "d=4", "c=3")
		wantScan(t, tx, kv.Range{To: kv.Key{}})
		n := 0
		err := tx.Scan(kv.Range{}, func(kv.Key, []byte) bool { n++; return n < 3 })
		if n != 3 {
			t.Errorf("scan went on after false: %d calls", n)
		}
		return err
	})
}

func testOwnWrites(t *testing.T, db *kv.DB) {
	put(t, db, "a", "1", "b", "2")
	update(t, db, func(tx *kv.Tx) error {
		set(t, tx, "a", "10")
		wantGet(t, tx, "a", "10")
		set(t, tx, "a", "11")
		wantGet(t, tx, "a", "11")
		del(t, tx, "b")
		wantAbsent(t, tx, "b")
		set(t, tx, "b", "20")
		wantGet(t, tx, "b", "20")
		set(t, tx, "c", "3")
		del(t, tx, "c")
		wantAbsent(t, tx, "c")
		del(t, tx, "never")
		return nil
	})
	view(t, db, func(tx *kv.Tx) error {
		wantScan(t, tx, kv.Range{}, "a=11", "b=20")
		return nil
	})
}

func set(t *testing.T, tx *kv.Tx, key, value string) {
	t.Helper()
	if err := tx.Set(kv.Key(key), []byte(value)); err != nil {
		t.Error(err)
	}
}

func del(t *testing.T, tx *kv.Tx, key string) {
	t.Helper()
	if err := tx.Delete(kv.Key(key)); err != nil {
		t.Error(err)
	}
}

func testScanOwnWrites(t *testing.T, db *kv.DB) {
	put(t, db, "b", "2", "d", "4", "f", "6", "h", "8")
	update(t, db, func(tx *kv.Tx) error {
		wantScan(t, tx, kv.Range{}, "b=2", "d=4", "f=6", "h=8")
		set(t, tx, "a", "1")
		set(t, tx, "d", "40")
		set(t, tx, "e", "5")
		del(t, tx, "f")
		set(t, tx, "i", "9")
		set(t, tx, "j", "10")
		del(t, tx, "j")
		wantScan(t, tx, kv.Range{}, "a=1", "b=2", "d=40", "e=5", "h=8", "i=9")
		wantScan(t, tx, kv.Range{Reverse: true}, "i=9", "h=8", "e=5", "d=40", "b=2", "a=1")
		wantScan(t, tx, kv.Range{From: kv.Key("d"), To: kv.Key("h")}, "d=40", "e=5")
		wantScan(t, tx, kv.Range{From: kv.Key("d"), To: kv.Key("h"), Reverse: true}, "e=5", "d=40")
		wantScan(t, tx, kv.Range{From: kv.Key("e"), Limit: 2}, "e=5", "h=8")
		wantScan(t, tx, kv.Range{To: kv.Key("h"), Limit: 2, Reverse: true}, "e=5", "d=40")
		for _, k := range []string{"b", "d", "h", "a", "e", "i"} {
			del(t, tx, k)
		}
		wantScan(t, tx, kv.Range{})
		wantScan(t, tx, kv.Range{Reverse: true})
		set(t, tx, "z", "26")
		wantScan(t, tx, kv.Range{Reverse: true}, "z=26")
		return nil
	})
	view(t, db, func(tx *kv.Tx) error {
		wantScan(t, tx, kv.Range{}, "z=26")
		return nil
	})
}

// testWriteDuringScan: a scan shows what was there when it began; deleting what one passes is the usual sweep.
func testWriteDuringScan(t *testing.T, db *kv.DB) {
	put(t, db, "a", "1", "b", "2", "c", "3")
	update(t, db, func(tx *kv.Tx) error {
		set(t, tx, "b", "20")
		var seen []string
		err := tx.Scan(kv.Range{}, func(k kv.Key, v []byte) bool {
			seen = append(seen, string(k)+"="+string(v))
			del(t, tx, string(k))
			set(t, tx, "x"+string(k), "new")
			return true
		})
		if want := []string{"a=1", "b=20", "c=3"}; !reflect.DeepEqual(seen, want) {
			t.Errorf("saw %q, want %q", seen, want)
		}
		return err
	})
	view(t, db, func(tx *kv.Tx) error {
		wantScan(t, tx, kv.Range{}, "xa=new", "xb=new", "xc=new")
		return nil
	})
}

func testRollback(t *testing.T, db *kv.DB) {
	put(t, db, "a", "1")
	refused := errors.New("refused")
	err := db.Update(context.Background(), func(tx *kv.Tx) error {
		set(t, tx, "a", "2")
		set(t, tx, "b", "2")
		return refused
	})
	if err != refused {
		t.Errorf("got %v, want the function's own error", err)
	}
	view(t, db, func(tx *kv.Tx) error {
		wantScan(t, tx, kv.Range{}, "a=1")
		return nil
	})
	if err := db.View(context.Background(), func(*kv.Tx) error { return refused }); err != refused {
		t.Errorf("view: got %v, want the function's own error", err)
	}
}

func testEmpty(t *testing.T, db *kv.DB) {
	check := func(tx *kv.Tx) error {
		for _, k := range []string{"empty", "nil"} {
			if v, err := tx.Get(kv.Key(k)); v == nil || len(v) != 0 || err != nil {
				t.Errorf("get %s: %#v, %v, want empty and not nil", k, v, err)
			}
		}
		wantAbsent(t, tx, "absent")
		wantScan(t, tx, kv.Range{}, "empty=", "nil=")
		return nil
	}
	update(t, db, func(tx *kv.Tx) error {
		if err := errors.Join(tx.Set(kv.Key("empty"), []byte{}), tx.Set(kv.Key("nil"), nil)); err != nil {
			return err
		}
		return check(tx)
	})
	view(t, db, check)
}

func testGetMany(t *testing.T, db *kv.DB) {
	put(t, db, "a", "1", "b", "", "c", "3")
	update(t, db, func(tx *kv.Tx) error {
		set(t, tx, "d", "4")
		del(t, tx, "c")
		got, err := tx.GetMany([]kv.Key{kv.Key("d"), kv.Key("a"), kv.Key("x"), kv.Key("c"), kv.Key("b"), kv.Key("a")})
		want := [][]byte{[]byte("4"), []byte("1"), nil, nil, {}, []byte("1")}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		if none, err := tx.GetMany(nil); len(none) != 0 || err != nil {
			t.Errorf("of nothing: %q, %v", none, err)
		}
		return err
	})
}

// testSlices: the caller may use its slices again, and change those it was given.
func testSlices(t *testing.T, db *kv.DB) {
	update(t, db, func(tx *kv.Tx) error {
		k, v := []byte("key"), []byte("value")
		err := tx.Set(k, v)
		copy(k, "xxx")
		copy(v, "xxxxx")
		got, _ := tx.Get(kv.Key("key"))
		copy(got, "yyyyy")
		wantGet(t, tx, "key", "value")
		return err
	})
	var kept []byte
	view(t, db, func(tx *kv.Tx) (err error) {
		kept, err = tx.Get(kv.Key("key"))
		return err
	})
	put(t, db, "key", "other")
	if string(kept) != "value" {
		t.Errorf("a slice kept from a View became %q", kept)
	}
	copy(kept, "zzzzz")
	view(t, db, func(tx *kv.Tx) error { wantGet(t, tx, "key", "other"); return nil })
}

func testReadOnly(t *testing.T, db *kv.DB) {
	view(t, db, func(tx *kv.Tx) error {
		if err := tx.Set(kv.Key("a"), nil); err != kv.ErrReadOnly {
			t.Errorf("set: %v", err)
		}
		if err := tx.Delete(kv.Key("a")); err != kv.ErrReadOnly {
			t.Errorf("delete: %v", err)
		}
		wantAbsent(t, tx, "a")
		return nil
	})
}

func testPanic(t *testing.T, db *kv.DB) {
	put(t, db, "a", "1")
	for _, call := range []func(context.Context, func(*kv.Tx) error) error{db.View, db.Update} {
		func() {
			defer func() {
				if recover() != "ours" {
					t.Error("the panic did not reach the caller")
				}
			}()
			_ = call(context.Background(), func(tx *kv.Tx) error {
				_ = tx.Set(kv.Key("a"), []byte("2"))
				panic("ours")
			})
		}()
	}
	view(t, db, func(tx *kv.Tx) error { wantGet(t, tx, "a", "1"); return nil })
	put(t, db, "a", "3")
}
