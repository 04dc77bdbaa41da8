package crash

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"bothy/backup"
	"bothy/blob/memblob"
	"bothy/kv"
	"bothy/kv/pebblekv"
	"bothy/record"
)

const (
	logChild = "BOTHY_CRASH_LOG" // set besides childDir: be the process whose log is kept
	lives    = 3
	lifeFor  = 700 * time.Millisecond
	stays    = 20 // rows of a worker that stay; older ones it deletes
)

var anchor = kv.K("", "", "crash.anchor", "1")

func openKept(dir string) (*pebblekv.Engine, *kv.DB, error) {
	e, err := pebblekv.Open(filepath.Join(dir, "kv"), pebblekv.Options{MemTableBytes: 64 << 10, KeepLog: time.Hour})
	return e, kv.New(e), err
}

// logged writes as fast as it can and prints for each acknowledged write when it began and ended; in its first life it makes a
// backup meanwhile.
func logged(dir string) error {
	_, db, err := openKept(dir)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	say := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Printf(format+"\n", args...)
	}
	ended := make(chan error)
	for w := range workers {
		go func() {
			for {
				begun := time.Now()
				n, err := step(db, w)
				if err != nil {
					ended <- err
					return
				}
				say("%d %d %d %d", w, n, begun.UnixNano(), time.Now().UnixNano())
			}
		}()
	}
	go func() {
		if err := backUp(db, filepath.Join(dir, "backup")); err != nil {
			ended <- err
		}
	}()
	return <-ended
}

// step writes the next row of a worker, deletes an old one, and counts.
func step(db *kv.DB, worker int) (n int, err error) {
	err = db.Update(context.Background(), func(tx *kv.Tx) error {
		last, err := number(tx, worker)
		if err != nil {
			return err
		}
		n = last + 1
		err = errors.Join(counts().Put(tx, here, &count{worker, n}), files().Insert(tx, here, &file{worker, n, fmt.Sprintf("%d-%d-%0300d", worker, n, n)}))
		if n > stays {
			err = errors.Join(err, files().Delete(tx, here, worker, n-stays))
		}
		return err
	})
	return n, err
}

func backUp(db *kv.DB, path string) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	time.Sleep(lifeFor / 4) // some of what it holds was there before: a moment in the middle
	if err := db.Update(context.Background(), func(tx *kv.Tx) error { return tx.Set(anchor, nil) }); err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	none := func(kv.Key, []byte) ([]string, error) { return nil, nil }
	_, err = backup.Write(context.Background(), f, backup.Source{DB: db, Blobs: memblob.New(), Names: none, Now: time.Now}, backup.Header{Anchor: anchor})
	return errors.Join(err, f.Close())
}

// wrote is an acknowledged write.
type wrote struct {
	worker, n    int
	begun, ended time.Time
}

// TestRecover kills a process whose log is kept, three times, and brings a backup of its first life up to moments of all of
// them: what was acknowledged before a moment is there, what began after it is not, and rows deleted before it are gone.
func TestRecover(t *testing.T) {
	dir := t.TempDir()
	var history []wrote
	for range lives {
		history = append(history, live(t, dir)...)
	}
	from, err := os.Open(filepath.Join(dir, "backup"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := backup.NewReader(from)
	if err != nil {
		t.Fatal(err)
	}
	last := history[len(history)-1].ended
	moments := []time.Time{r.Header.Created, last.Add(time.Hour)}
	for i := range 6 {
		moments = append(moments, r.Header.Created.Add(last.Sub(r.Header.Created)*time.Duration(i+1)/7))
	}
	for _, at := range moments {
		t.Run(at.Format("05.000000"), func(t *testing.T) { recoverTo(t, dir, at, history) })
	}
	if _, err := os.Stat(filepath.Join(dir, "kv", "archive")); err != nil {
		t.Errorf("nothing was archived, so nothing was proved about what is: %v", err)
	}
	t.Logf("%d writes in %d lives", len(history), lives)
}

// live runs the process for a while, kills it, and reads what it acknowledged.
func live(t *testing.T, dir string) (history []wrote) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir, logChild+"=1")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill := func() { _ = cmd.Process.Kill() }
	var timer *time.Timer
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if timer == nil {
			timer = time.AfterFunc(lifeFor, kill)
		}
		var w wrote
		var begun, ended int64
		if n, err := fmt.Sscanf(lines.Text(), "%d %d %d %d", &w.worker, &w.n, &begun, &ended); n != 4 || err != nil || len(strconv.FormatInt(ended, 10)) != 19 {
			continue // cut off by the kill
		}
		w.begun, w.ended = time.Unix(0, begun), time.Unix(0, ended)
		history = append(history, w)
	}
	_ = cmd.Wait() // killed
	if len(history) == 0 {
		t.Fatal("nothing was acknowledged")
	}
	return history
}

func recoverTo(t *testing.T, dir string, at time.Time, history []wrote) {
	from, err := os.Open(filepath.Join(dir, "backup"))
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close() //nolint:errcheck // only read
	r, err := backup.NewReader(from)
	if err != nil {
		t.Fatal(err)
	}
	e, db, err := openKept(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close() //nolint:errcheck // a test's
	ctx := context.Background()
	if _, err := backup.Restore(ctx, r, db, memblob.New()); err != nil {
		t.Fatal(err)
	}
	done, err := e.Recover(ctx, pebblekv.Recovery{Dir: filepath.Join(dir, "kv"), Anchor: r.Header.Anchor, To: at})
	if err != nil {
		t.Fatal(err)
	}
	var least, most [workers]int
	acked := map[[2]int]bool{}
	for _, w := range history {
		acked[[2]int{w.worker, w.n}] = true
		if !w.ended.After(at) {
			least[w.worker] = max(least[w.worker], w.n)
		}
		if !w.begun.After(at) {
			most[w.worker] = max(most[w.worker], w.n)
		}
	}
	if err := db.View(ctx, func(tx *kv.Tx) error {
		for w := range workers {
			n, err := number(tx, w)
			if err != nil {
				return err
			}
			// what a process did not live to acknowledge may be there
			if n < least[w] || n > most[w] && (acked[[2]int{w, n}] || n > most[w]+1) {
				t.Errorf("worker %d is at %d; %d were acknowledged before that moment, %d begun", w, n, least[w], most[w])
			}
			if err := checkRows(t, tx, w, n); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	t.Logf("%d commits, complete %v", done.Commits, done.Complete)
}

// checkRows looks at the rows of a worker whose counter is n.
func checkRows(t *testing.T, tx *kv.Tx, worker, n int) error {
	list, err := files().All(tx, here, "", worker)
	if err != nil {
		return err
	}
	if len(list) != min(n, stays) || n > 0 && list[len(list)-1].Number != n {
		t.Errorf("worker %d at %d has %d rows", worker, n, len(list))
	}
	for _, f := range list {
		if other, err := files().Find(tx, here, "blob", f.Blob); err != nil || *other != *f {
			t.Errorf("by its index, row %d/%d is %+v, %v", worker, f.Number, other, err)
		}
	}
	if _, err := files().Get(tx, here, worker, n-stays); n > stays && !errors.Is(err, record.ErrNotFound) {
		t.Errorf("a deleted row of worker %d: %v", worker, err)
	}
	return nil
}
