package fileblob_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"bothy/blob"
	"bothy/blob/fileblob"
)

// TestDeletedIsKept: what DeleteOld removes is gone for everybody but OpenKept, and for that one after its time.
func TestDeletedIsKept(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	var ahead atomic.Int64
	e := open(t, dir, fileblob.Options{Grace: time.Hour, Keep: 10 * time.Hour, Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }})
	info, err := e.Put(ctx, strings.NewReader("content"))
	if err != nil {
		t.Fatal(err)
	}
	kept := func() bool {
		t.Helper()
		if err := e.Forget(ctx); err != nil {
			t.Fatal(err)
		}
		r, err := fileblob.OpenKept(dir, info.ID)
		if errors.Is(err, blob.ErrNotFound) {
			return false
		}
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close() //nolint:errcheck // only read
		if b, err := io.ReadAll(r); err != nil || string(b) != "content" {
			t.Errorf("it came back as %q, %v", b, err)
		}
		return true
	}
	if !kept() {
		t.Error("what is there cannot be read")
	}
	ahead.Add(int64(100 * time.Hour)) // its age does not count, only since when it is deleted
	if err := e.DeleteOld(ctx, info.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Stat(ctx, info.ID); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("a deleted blob: %v", err)
	}
	ahead.Add(int64(9 * time.Hour))
	if n, _, err := e.Usage(ctx); err != nil || n != 0 || !kept() {
		t.Errorf("nine hours later: %d blobs, %v, kept %v", n, err, kept())
	}
	ahead.Add(int64(2 * time.Hour))
	if kept() {
		t.Error("it is kept for more than ten hours")
	}
	if again, err := e.Put(ctx, strings.NewReader("content")); err != nil || again != info || !kept() {
		t.Errorf("put again: %+v, %v", again, err)
	}
}
