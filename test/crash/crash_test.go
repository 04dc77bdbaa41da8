// Package crash kills a real process under load with SIGKILL, opens what it left, and looks for every write it acknowledged.
// The process is this test binary, started again. It owns no rows of the product.
package crash

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"bothy/blob"
	"bothy/blob/fileblob"
	"bothy/kv"
	"bothy/kv/pebblekv"
	"bothy/record"
)

const (
	childDir = "BOTHY_CRASH_DIR" // set: be the process that is killed
	workers  = 12
	rounds   = 3
	roundFor = 700 * time.Millisecond
)

// file is a row that names a blob; its index entry and the counters change in the same transaction.
type file struct {
	Worker, Number int
	Blob           string
}

type count struct{ Worker, N int }

var here = record.In("000000000001", "eu-west-1")

func files() *record.Table[file] {
	return &record.Table[file]{
		Name: "crash.file", Version: 1, Log: true,
		Key: func(f *file) []any { return []any{f.Worker, f.Number} },
		Indexes: []record.Index[file]{
			{Name: "blob", Unique: true, Keys: func(f *file) [][]any { return [][]any{{f.Blob}} }},
		},
	}
}

func counts() *record.Table[count] {
	return &record.Table[count]{Name: "crash.count", Version: 1, Key: func(c *count) []any { return []any{c.Worker} }}
}

const everyone = -1 // the hot counter

// content is different for every file, and large enough to be written in pieces now and then.
func content(worker, number int) []byte {
	return bytes.Repeat(fmt.Appendf(nil, "%d/%d;", worker, number), 1+(number%7)*3000/(1+worker%3))
}

type stores struct {
	engine *pebblekv.Engine
	db     *kv.DB
	blobs  blob.Engine
}

func open(dir string) (s stores, err error) {
	if s.engine, err = pebblekv.Open(filepath.Join(dir, "kv"), pebblekv.Options{MemTableBytes: 256 << 10}); err != nil {
		return s, err
	}
	s.db = kv.New(s.engine)
	s.blobs, err = fileblob.Open(filepath.Join(dir, "blob"), fileblob.Options{})
	return s, err
}

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		be := child
		if os.Getenv(logChild) != "" {
			be = logged
		}
		fmt.Fprintln(os.Stderr, be(dir))
		os.Exit(1) // it is there to be killed
	}
	os.Exit(runIn(m))
}

// runIn runs the tests with a directory for the binary under test, which goes with them.
func runIn(m *testing.M) int {
	var err error
	if scratch, err = os.MkdirTemp("", "bothy-crash-"); err != nil {
		panic(err)
	}
	defer os.RemoveAll(scratch)                      //nolint:errcheck // a temporary directory
	if err := os.Chmod(scratch, 0o711); err != nil { // functions run as other users
		panic(err)
	}
	return m.Run()
}

// child writes as fast as it can and prints a line for each acknowledged write.
func child(dir string) error {
	s, err := open(dir)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	acknowledge := func(worker, number int) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Printf("%d %d\n", worker, number)
	}
	ended := make(chan error)
	for w := range workers {
		go func() {
			for {
				n, err := s.write(w)
				if err != nil {
					ended <- err
					return
				}
				acknowledge(w, n)
			}
		}()
	}
	return <-ended
}

func (s stores) write(worker int) (n int, err error) {
	ctx := context.Background()
	if err := s.db.View(ctx, func(tx *kv.Tx) error { n, err = number(tx, worker); return err }); err != nil {
		return 0, err
	}
	n++
	info, err := s.blobs.Put(ctx, bytes.NewReader(content(worker, n)))
	if err != nil {
		return 0, err
	}
	return n, s.db.Update(ctx, func(tx *kv.Tx) error {
		all, err := number(tx, everyone)
		if err != nil {
			return err
		}
		return errors.Join(
			counts().Put(tx, here, &count{worker, n}),
			counts().Put(tx, here, &count{everyone, all + 1}),
			files().Insert(tx, here, &file{worker, n, info.ID}))
	})
}

func number(tx *kv.Tx, worker int) (int, error) {
	c, err := counts().Get(tx, here, worker)
	if errors.Is(err, record.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return c.N, nil
}

func TestKill(t *testing.T) {
	dir := t.TempDir()
	var acked [workers]int
	for round := range rounds {
		before := total(acked)
		killOne(t, dir, &acked)
		check(t, dir, acked)
		t.Logf("round %d: %d writes acknowledged", round, total(acked)-before)
		if total(acked) == before {
			t.Error("nothing was acknowledged: the round proves nothing")
		}
	}
}

func total(acked [workers]int) (n int) {
	for _, a := range acked {
		n += a
	}
	return n
}

// killOne runs the process for a while, kills it, and notes what it acknowledged.
func killOne(t *testing.T, dir string, acked *[workers]int) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var timer *time.Timer
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if timer == nil { // it is up
			timer = time.AfterFunc(roundFor, func() { _ = cmd.Process.Kill() })
		}
		var w, n int
		if _, err := fmt.Sscanf(lines.Text(), "%d %d", &w, &n); err != nil || w < 0 || w >= workers {
			t.Fatalf("line %q", lines.Text())
		}
		acked[w] = max(acked[w], n)
	}
	_ = cmd.Wait() // killed
	if stderr.Len() > 0 {
		t.Fatalf("the process ended by itself: %s", stderr.String())
	}
}

// check opens what is left: every acknowledged file is there with its bytes, and transactions are whole.
func check(t *testing.T, dir string, acked [workers]int) {
	t.Helper()
	s, err := open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.db.Close(); err != nil {
			t.Error(err)
		}
	}()
	sum := 0
	err = s.db.View(context.Background(), func(tx *kv.Tx) error {
		for w := range workers {
			n, err := number(tx, w)
			if err != nil {
				return err
			}
			if n < acked[w] {
				t.Errorf("worker %d: %d came back, %d were acknowledged", w, n, acked[w])
			}
			sum += n
			if err := s.checkFiles(t, tx, w, n); err != nil {
				return err
			}
		}
		all, err := number(tx, everyone)
		if all != sum {
			t.Errorf("the common counter says %d, the others %d", all, sum)
		}
		changes, lastErr := files().LastChange(tx, here)
		if int(changes) != sum {
			t.Errorf("%d changes logged, %d made", changes, sum)
		}
		return errors.Join(err, lastErr)
	})
	if err != nil {
		t.Error(err)
	}
}

const looked = 40 // newest files of each worker that are read back whole

func (s stores) checkFiles(t *testing.T, tx *kv.Tx, worker, n int) error {
	for i := max(1, n-looked); i <= n; i++ {
		f, err := files().Get(tx, here, worker, i)
		if err != nil {
			return fmt.Errorf("file %d/%d: %w", worker, i, err)
		}
		if other, err := files().Find(tx, here, "blob", f.Blob); err != nil || *other != *f {
			t.Errorf("by its index, file %d/%d is %+v, %v", worker, i, other, err)
		}
		r, err := s.blobs.Open(context.Background(), f.Blob, 0, -1)
		if err != nil {
			return fmt.Errorf("blob of %d/%d: %w", worker, i, err)
		}
		hash := sha256.New()
		_, err = io.Copy(hash, r)
		if err := errors.Join(err, r.Close()); err != nil {
			return err
		}
		if want := sha256.Sum256(content(worker, i)); !bytes.Equal(hash.Sum(nil), want[:]) || fmt.Sprintf("%x", want) != f.Blob {
			t.Errorf("blob of %d/%d has other bytes", worker, i)
		}
	}
	if _, err := files().Get(tx, here, worker, n+1); !errors.Is(err, record.ErrNotFound) {
		t.Errorf("a file beyond the counter of worker %d: %v", worker, err)
	}
	return nil
}
