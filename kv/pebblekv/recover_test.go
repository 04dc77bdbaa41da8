package pebblekv_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"bothy/kv"
	"bothy/kv/pebblekv"
)

var mark = []byte("mark")

// keeper is a store whose log is kept, by a clock of its own: a second goes by with each write.
type keeper struct {
	t   *testing.T
	dir string
	at  atomic.Int64 // the clock, Unix nanoseconds
	db  *kv.DB
}

func (k *keeper) now() time.Time { return time.Unix(0, k.at.Load()) }

func keep(t *testing.T, o pebblekv.Options) *keeper {
	k := &keeper{t: t, dir: t.TempDir()}
	k.at.Store(time.Now().UnixNano()) // pruning compares it with the times of files
	k.open(o)
	return k
}

func (k *keeper) open(o pebblekv.Options) {
	k.t.Helper()
	o.MemTableBytes, o.Now = 32<<10, k.now
	e, err := pebblekv.Open(k.dir, o)
	if err != nil {
		k.t.Fatal(err)
	}
	k.db = kv.New(e)
}

func (k *keeper) close() {
	k.t.Helper()
	if err := k.db.Close(); err != nil {
		k.t.Fatal(err)
	}
}

func (k *keeper) set(key, value string) {
	k.t.Helper()
	k.at.Add(int64(time.Second))
	if err := k.db.Update(context.Background(), func(tx *kv.Tx) error { return tx.Set(kv.Key(key), []byte(value)) }); err != nil {
		k.t.Fatal(err)
	}
}

// fill writes enough for the log to begin new files.
func (k *keeper) fill(from, to int) {
	for i := from; i < to; i++ {
		k.set(fmt.Sprintf("k%03d", i%50), fmt.Sprintf("%d %01000d", i, i))
	}
}

// recover brings the pairs that a dump had up to a moment.
func (k *keeper) recover(base []kv.Pair, to time.Time) (map[string]string, error) {
	k.t.Helper()
	e, err := pebblekv.Open(k.t.TempDir(), pebblekv.Options{})
	if err != nil {
		k.t.Fatal(err)
	}
	defer e.Close() //nolint:errcheck // a test's
	if err := e.Load(context.Background(), func() (_, _ []byte, err error) {
		if len(base) == 0 {
			return nil, nil, io.EOF
		}
		p := base[0]
		base = base[1:]
		return p.Key, p.Value, nil
	}); err != nil {
		k.t.Fatal(err)
	}
	if _, err := e.Recover(context.Background(), pebblekv.Recovery{Dir: k.dir, Anchor: mark, To: to}); err != nil {
		return nil, err
	}
	return contents(k.t, e), nil
}

func contents(t *testing.T, e kv.Engine) map[string]string {
	t.Helper()
	m := map[string]string{}
	if err := e.Dump(context.Background(), func(k, v []byte) error { m[string(k)] = string(v); return nil }); err != nil {
		t.Fatal(err)
	}
	return m
}

func (k *keeper) dump() (all []kv.Pair) {
	k.t.Helper()
	if err := k.db.Dump(context.Background(), func(key kv.Key, v []byte) error {
		all = append(all, kv.Pair{Key: slices.Clone(key), Value: bytes.Clone(v)})
		return nil
	}); err != nil {
		k.t.Fatal(err)
	}
	return all
}

func (k *keeper) archived() []string {
	k.t.Helper()
	names, err := filepath.Glob(filepath.Join(k.dir, "archive", "*.log"))
	if err != nil {
		k.t.Fatal(err)
	}
	return names
}

func TestRecoverToMoments(t *testing.T) {
	k := keep(t, pebblekv.Options{KeepLog: time.Hour})
	k.fill(0, 100)
	k.set(string(mark), "")
	base, at := k.dump(), k.now()
	k.fill(100, 150)
	middle := k.now()
	k.fill(150, 300)
	if len(k.archived()) < 3 {
		t.Errorf("only %d files were archived", len(k.archived()))
	}
	for _, c := range []struct {
		to   time.Time
		last int // number of the last write that is there
	}{{at, 99}, {middle, 149}, {middle.Add(time.Second - 1), 149}, {middle.Add(time.Second), 150}, {k.now().Add(time.Hour), 299}} {
		got, err := k.recover(base, c.to)
		if err != nil {
			t.Fatal(err)
		}
		for i := c.last - 49; i <= c.last; i++ {
			if want := fmt.Sprintf("%d %01000d", i, i); got[fmt.Sprintf("k%03d", i%50)] != want {
				t.Errorf("to %v: %d is not what was last written", c.to, i%50)
			}
		}
	}
	k.close()
}

// TestKeptLogIsPruned: what was written longer ago than is to be kept goes, and then a backup of before no longer fits.
func TestKeptLogIsPruned(t *testing.T) {
	k := keep(t, pebblekv.Options{KeepLog: time.Hour})
	k.set(string(mark), "")
	base := k.dump()
	k.fill(0, 100)
	before := len(k.archived())
	k.at.Store(time.Now().Add(2 * time.Hour).UnixNano())
	k.fill(100, 200)
	k.close()
	if before == 0 || slices.ContainsFunc(k.archived(), func(name string) bool { return filepath.Base(name) == "000002.log" }) {
		t.Errorf("%d files before, %v after", before, k.archived())
	}
	if _, err := k.recover(base, k.now()); !errors.Is(err, pebblekv.ErrNoAnchor) {
		t.Errorf("recovered by a log that begins later: %v", err)
	}
}

// TestRecoverRefusesGaps: a missing file, or a time in which the log was not kept.
func TestRecoverRefusesGaps(t *testing.T) {
	k := keep(t, pebblekv.Options{KeepLog: time.Hour})
	k.set(string(mark), "")
	base := k.dump()
	k.fill(0, 200)
	names := k.archived()
	if len(names) < 3 {
		t.Fatalf("only %d files were archived", len(names))
	}
	aside := filepath.Join(t.TempDir(), "log")
	if err := os.Rename(names[1], aside); err != nil {
		t.Fatal(err)
	}
	if _, err := k.recover(base, k.now()); !errors.Is(err, pebblekv.ErrGap) {
		t.Errorf("recovered with a file missing: %v", err)
	}
	if err := os.Rename(aside, names[1]); err != nil {
		t.Fatal(err)
	}
	if _, err := k.recover(base, k.now()); err != nil {
		t.Error(err)
	}
	k.close()
}

// TestRecoverRefusesPause: the log was not kept for a while, whether little was written then or so much that the files are gone.
func TestRecoverRefusesPause(t *testing.T) {
	for _, n := range []int{0, 5, 200} {
		k := keep(t, pebblekv.Options{KeepLog: time.Hour})
		k.set(string(mark), "")
		base := k.dump()
		k.fill(0, 100)
		k.close()
		k.open(pebblekv.Options{})
		k.fill(100, 100+n)
		k.close()
		k.open(pebblekv.Options{KeepLog: time.Hour})
		k.fill(100+n, 200+n)
		k.close()
		if _, err := k.recover(base, k.now()); !errors.Is(err, pebblekv.ErrGap) {
			t.Errorf("recovered over %d writes whose log was not kept: %v", n, err)
		}
	}
}

// TestRecoverRefusesDamage: a byte changed in the middle of a file is not taken for its end.
func TestRecoverRefusesDamage(t *testing.T) {
	k := keep(t, pebblekv.Options{KeepLog: time.Hour})
	k.set(string(mark), "")
	base := k.dump()
	k.fill(0, 200)
	k.close()
	name := k.archived()[1]
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	raw[len(raw)/2] ^= 1
	if err := os.WriteFile(name, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := k.recover(base, k.now()); err == nil {
		t.Error("recovered by a damaged log")
	}
}

// TestReadOnly: a store can be looked at without changing a byte of it, and not written.
func TestReadOnly(t *testing.T) {
	if _, err := pebblekv.Open(t.TempDir(), pebblekv.Options{ReadOnly: true}); err == nil {
		t.Error("an empty directory was opened to look at")
	}
	k := keep(t, pebblekv.Options{})
	k.fill(0, 100)
	want := k.dump()
	k.close()
	before := listing(t, k.dir)
	k.open(pebblekv.Options{ReadOnly: true})
	if got := k.dump(); len(got) != len(want) {
		t.Errorf("%d pairs are seen, %d were written", len(got), len(want))
	}
	if err := k.db.Update(context.Background(), func(tx *kv.Tx) error { return tx.Set(mark, nil) }); err == nil {
		t.Error("it was written")
	}
	k.close()
	if after := listing(t, k.dir); !slices.Equal(before, after) {
		t.Errorf("before: %v\nafter: %v", before, after)
	}
}

func listing(t *testing.T, dir string) (names []string) {
	t.Helper()
	all, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, fmt.Sprint(e.Name(), " ", info.Size()))
	}
	return names
}
