package kvtest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"

	"bothy/kv"
)

// together runs fn n times at once and reports what failed.
func together(t *testing.T, n int, fn func(i int) error) {
	t.Helper()
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			if err := fn(i); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func number(tx *kv.Tx, key string) (int, error) {
	v, err := tx.Get(kv.Key(key))
	if err != nil || v == nil {
		return 0, err
	}
	return strconv.Atoi(string(v))
}

func add(tx *kv.Tx, key string, n int) error {
	old, err := number(tx, key)
	if err != nil {
		return err
	}
	return tx.Set(kv.Key(key), []byte(strconv.Itoa(old+n)))
}

func testViewSnapshot(t *testing.T, dbs nodes) {
	db, other := dbs.at(0), dbs.at(1)
	put(t, db, "a", "1", "b", "1")
	view(t, db, func(tx *kv.Tx) error {
		wantGet(t, tx, "a", "1")
		put(t, other, "a", "2", "b", "2", "c", "2")
		wantGet(t, tx, "b", "1")
		wantScan(t, tx, kv.Range{}, "a=1", "b=1")
		return nil
	})
	view(t, db, func(tx *kv.Tx) error { wantScan(t, tx, kv.Range{}, "a=2", "b=2", "c=2"); return nil })
}

func testLostUpdate(t *testing.T, dbs nodes) {
	const workers, each = 8, 25
	together(t, workers, func(w int) error {
		for i := range each {
			key := fmt.Sprint("n", i%3)
			if err := dbs.at(w).Update(context.Background(), func(tx *kv.Tx) error { return add(tx, key, 1) }); err != nil {
				return err
			}
		}
		return nil
	})
	view(t, dbs.at(0), func(tx *kv.Tx) error {
		sum := 0
		for i := range 3 {
			n, _ := number(tx, fmt.Sprint("n", i))
			sum += n
		}
		if sum != workers*each {
			t.Errorf("%d increments counted, want %d", sum, workers*each)
		}
		return nil
	})
}

// testWriteSkew: two doctors on call may each go home only if the other stays.
func testWriteSkew(t *testing.T, dbs nodes) {
	for range 30 {
		put(t, dbs.at(0), "x", "1", "y", "1")
		together(t, 2, func(i int) error {
			return dbs.at(i).Update(context.Background(), func(tx *kv.Tx) error {
				x, err := number(tx, "x")
				if err != nil {
					return err
				}
				y, err := number(tx, "y")
				if err != nil || x+y < 2 {
					return err
				}
				return tx.Set(kv.Key([]string{"x", "y"}[i]), []byte("0"))
			})
		})
		view(t, dbs.at(1), func(tx *kv.Tx) error {
			x, _ := number(tx, "x")
			y, _ := number(tx, "y")
			if x+y != 1 {
				t.Errorf("x %d, y %d: both went home", x, y)
			}
			return nil
		})
	}
}

func count(tx *kv.Tx, r kv.Range) (n int, err error) {
	err = tx.Scan(r, func(kv.Key, []byte) bool { n++; return true })
	return n, err
}

// testPhantom: one who finds a range empty and puts something in must be alone in doing so.
func testPhantom(t *testing.T, dbs nodes) {
	for _, reverse := range []bool{false, true} {
		for round := range 20 {
			r := kv.K(reverse, round).Range()
			r.Reverse = reverse
			together(t, 4, func(i int) error {
				return dbs.at(i).Update(context.Background(), func(tx *kv.Tx) error {
					if n, err := count(tx, r); err != nil || n > 0 {
						return err
					}
					return tx.Set(kv.K(reverse, round, i), []byte{1})
				})
			})
			view(t, dbs.at(1), func(tx *kv.Tx) error {
				if n, err := count(tx, r); n != 1 || err != nil {
					t.Errorf("%d rows in a range for one, %v", n, err)
				}
				return nil
			})
		}
	}
}

// testPhantomDelete: takers of the first row of a queue get one each.
func testPhantomDelete(t *testing.T, dbs nodes) {
	const rows = 40
	update(t, dbs.at(0), func(tx *kv.Tx) error {
		for i := range rows {
			if err := tx.Set(kv.K("q", i), []byte{1}); err != nil {
				return err
			}
		}
		return nil
	})
	var mu sync.Mutex
	taken := map[string]int{}
	together(t, 4, func(i int) error {
		for {
			var first kv.Key
			err := dbs.at(i).Update(context.Background(), func(tx *kv.Tx) error {
				first = nil
				r := kv.K("q").Range()
				r.Limit, r.Reverse = 1, i%2 == 0
				if err := tx.Scan(r, func(k kv.Key, _ []byte) bool { first = append(kv.Key{}, k...); return true }); err != nil || first == nil {
					return err
				}
				return tx.Delete(first)
			})
			if err != nil || first == nil {
				return err
			}
			mu.Lock()
			taken[string(first)]++
			mu.Unlock()
		}
	})
	for k, n := range taken {
		if n != 1 {
			t.Errorf("row %x taken %d times", k, n)
		}
	}
	if len(taken) != rows {
		t.Errorf("%d rows taken, want %d", len(taken), rows)
	}
}

// testHotKey: many writers of one key all make progress, each sees its own write at once, and none is lost.
func testHotKey(t *testing.T, dbs nodes) {
	const workers, each = 32, 20
	together(t, workers, func(w int) error {
		for i := range each {
			var mine, after int
			if err := dbs.at(w).Update(context.Background(), func(tx *kv.Tx) error {
				if err := add(tx, "hot", 1); err != nil {
					return err
				}
				var err error
				mine, err = number(tx, "hot")
				return err
			}); err != nil {
				return err
			}
			if err := dbs.at(i).View(context.Background(), func(tx *kv.Tx) (err error) { after, err = number(tx, "hot"); return err }); err != nil {
				return err
			}
			if after < mine {
				return fmt.Errorf("committed %d, then read %d", mine, after)
			}
		}
		return nil
	})
	view(t, dbs.at(0), func(tx *kv.Tx) error { wantGet(t, tx, "hot", strconv.Itoa(workers*each)); return nil })
}

// testHotKeyFailures: functions that fail or panic among those of a hot key write nothing and hinder nobody.
func testHotKeyFailures(t *testing.T, dbs nodes) {
	const workers, each = 16, 20
	refused := errors.New("refused")
	once := func(db *kv.DB, i int) (err error) {
		defer func() {
			if p := recover(); p != nil {
				err = refused
			}
		}()
		return db.Update(context.Background(), func(tx *kv.Tx) error {
			if err := add(tx, "hot", 1); err != nil {
				return err
			}
			switch i % 4 {
			case 1:
				return refused
			case 2:
				panic("ours")
			}
			return nil
		})
	}
	together(t, workers, func(w int) error {
		for i := range each {
			if err := once(dbs.at(w), i); (err != nil) != (i%4 == 1 || i%4 == 2) {
				return fmt.Errorf("run %d: %w", i, err)
			}
		}
		return nil
	})
	view(t, dbs.at(0), func(tx *kv.Tx) error { wantGet(t, tx, "hot", strconv.Itoa(workers*each/2)); return nil })
}
