package runner

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestUnpackOnAFullDisk: code for which there is no room is refused and leaves nothing behind; with room it is unpacked.
func TestUnpackOnAFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("bothy-test", dir, "tmpfs", 0, "size=4m"); err != nil {
		t.Skipf("no file system can be mounted here: %v", err)
	}
	defer syscall.Unmount(dir, syscall.MNT_DETACH) //nolint:errcheck // nothing is left in it
	var archive bytes.Buffer
	z := zip.NewWriter(&archive)
	f, err := z.Create("index.js")
	if err != nil {
		t.Fatal(err)
	}
	noise := make([]byte, 1<<20)
	rand.NewChaCha8([32]byte{}).Read(noise) //nolint:errcheck // never fails
	if _, err := f.Write(noise); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	c := &codeCache{dir: dir, log: slog.New(slog.DiscardHandler)}
	if err := c.prepare(); err != nil {
		t.Fatal(err)
	}
	fn := &Function{Name: "f", CodeID: "id", Code: func(context.Context) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(archive.Bytes())), nil
	}}
	for _, filled := range []int{3500 << 10, 2500 << 10} { // no room for the archive; room for that, but not for its content
		if err := os.WriteFile(filepath.Join(dir, "filler"), make([]byte, filled), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := c.unpacked(t.Context(), fn); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("with %d bytes taken: %v", filled, err)
		}
		for _, pattern := range []string{"zip-*", "code/*", "code/.*"} {
			if left, err := filepath.Glob(filepath.Join(c.run, pattern)); len(left) > 0 || err != nil {
				t.Errorf("left: %v, %v", left, err)
			}
		}
	}
	if err := os.Remove(filepath.Join(dir, "filler")); err != nil {
		t.Fatal(err)
	}
	if _, err := c.unpacked(t.Context(), fn); err != nil {
		t.Error(err)
	}
}
