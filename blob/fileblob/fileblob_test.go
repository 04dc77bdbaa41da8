package fileblob_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"bothy/blob"
	"bothy/blob/blobtest"
	"bothy/blob/fileblob"
)

func open(t *testing.T, dir string, o fileblob.Options) *fileblob.Engine {
	t.Helper()
	e, err := fileblob.Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestConformance(t *testing.T) {
	blobtest.Run(t, func(t *testing.T, c *blobtest.Clock) blob.Engine {
		return open(t, t.TempDir(), fileblob.Options{Grace: blobtest.Grace, Now: c.Now})
	})
}

func TestReopen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "blobs")
	info, err := open(t, dir, fileblob.Options{}).Put(context.Background(), strings.NewReader("kept"))
	if err != nil {
		t.Fatal(err)
	}
	left, live := filepath.Join(dir, "temp", "put-of-a-crash"), filepath.Join(dir, "temp", "put-of-another-process")
	for _, f := range []string{left, live} {
		if err := os.WriteFile(f, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chtimes(left, time.Time{}, time.Now().Add(-2*time.Hour)); err != nil {
		t.Fatal(err)
	}
	r, err := open(t, dir, fileblob.Options{}).Open(context.Background(), info.ID, 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got, err := io.ReadAll(r); string(got) != "kept" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := os.Stat(left); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the half-written file is still there: %v", err)
	}
	if _, err := os.Stat(live); err != nil {
		t.Errorf("what another process writes is gone: %v", err)
	}
}

// TestShared: two engines on one directory, opened at once, put, read and sweep the same blobs.
func TestShared(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "shared")
	engines := make([]*fileblob.Engine, 4)
	var wg sync.WaitGroup
	for i := range engines {
		wg.Go(func() {
			var err error
			if engines[i], err = fileblob.Open(dir, fileblob.Options{Grace: -1}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	for i, e := range engines {
		for j := range 50 {
			wg.Go(func() {
				info, err := e.Put(context.Background(), strings.NewReader(fmt.Sprint("shared ", j)))
				if err != nil {
					t.Error(err)
					return
				}
				r, err := engines[(i+1)%len(engines)].Open(context.Background(), info.ID, 0, -1)
				if err != nil {
					t.Error(err)
					return
				}
				if got, err := io.ReadAll(r); string(got) != fmt.Sprint("shared ", j) || err != nil {
					t.Errorf("got %q, %v", got, err)
				}
				r.Close() //nolint:errcheck // only read
			})
		}
	}
	wg.Wait()
	n, err := blob.Sweep(context.Background(), engines[0], func(context.Context, string) (bool, error) { return false, nil })
	if err != nil || n == 0 {
		t.Errorf("swept %d bytes, %v", n, err)
	}
}

// TestOthersCannotRead: neither blobs nor their directories are open to other users of the machine.
func TestOthersCannotRead(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "blobs")
	if _, err := open(t, dir, fileblob.Options{}).Put(context.Background(), strings.NewReader("secret")); err != nil {
		t.Fatal(err)
	}
	err := filepath.Walk(dir, func(path string, st os.FileInfo, err error) error {
		if err == nil && st.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, st.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestFormat(t *testing.T) {
	write := func(name, content string) string {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	for what, dir := range map[string]string{
		"newer": write("bothy-format", "bothy blob 2\n"), "other": write("bothy-format", "bothy kv 1\n"), "empty": write("bothy-format", ""),
		"foreign": write("notes.txt", "mine"),
	} {
		if _, err := fileblob.Open(dir, fileblob.Options{}); !errors.Is(err, fileblob.ErrFormat) {
			t.Errorf("%s: %v", what, err)
		}
	}
	open(t, write("bothy-format.new", "bothy bl"), fileblob.Options{}) // a crash while stamping
	open(t, write("bothy-format", "bothy blob 1\n"), fileblob.Options{})
}

// TestMemory: a large blob passes through, it is not gathered.
func TestMemory(t *testing.T) {
	e := open(t, t.TempDir(), fileblob.Options{})
	const size = 64 << 20
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	info, err := e.Put(context.Background(), io.LimitReader(zeros{}, size))
	if err != nil {
		t.Fatal(err)
	}
	r, err := e.Open(context.Background(), info.ID, 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if n, err := io.Copy(struct{ io.Writer }{io.Discard}, r); n != size || err != nil {
		t.Errorf("read %d bytes, %v", n, err)
	}
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 4<<20 {
		t.Errorf("%d bytes allocated for a blob of %d", used, size)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
