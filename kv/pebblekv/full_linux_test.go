package pebblekv_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// TestRealDiskFull is the same on a real file system of 64 MB. Where none can be mounted, TestDiskFull has to do.
func TestRealDiskFull(t *testing.T) {
	t.Parallel()
	disk := t.TempDir()
	if err := syscall.Mount("bothy-test", disk, "tmpfs", 0, "size=64m"); err != nil {
		t.Skipf("no file system can be mounted here (%v): TestDiskFull is the same in memory", err)
	}
	defer syscall.Unmount(disk, syscall.MNT_DETACH) //nolint:errcheck // nothing is left in it
	filler := filepath.Join(disk, "filler")
	take := func() {
		f, err := os.Create(filler)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for chunk := make([]byte, 1<<20); ; {
			if _, err := f.Write(chunk); err != nil {
				break
			}
		}
	}
	give := func() { os.Remove(filler) }
	full(t, filepath.Join(disk, "db"), vfs.Default, take, give, func() (string, vfs.FS) {
		to := filepath.Join(t.TempDir(), "copy")
		copyTree(t, vfs.Default, filepath.Join(disk, "db"), vfs.Default, to)
		return to, vfs.Default
	})
}
