package crash

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"bothy/node"
)

// walk looks at a data directory that no process has open, as `bothy verify` does: rows decode, every index entry, expiry and
// change is as its row wants it, every blob that a row names is there, and every blob is what its name says.
func walk(dir string) error {
	var report bytes.Buffer
	faults, err := node.Verify(context.Background(), node.Places{Data: dir}, "", "", &report)
	if err == nil && faults > 0 {
		err = errors.New(report.String())
	}
	return err
}

// rest makes the temporary files of blobs as old as those that a node removes when it starts: it spares the young ones, which
// another node may be writing.
func rest(dir string) error {
	files, err := filepath.Glob(filepath.Join(dir, "blobs", "temp", "*"))
	old := time.Now().Add(-2 * time.Hour)
	for _, f := range files {
		err = errors.Join(err, os.Chtimes(f, old, old))
	}
	return err
}

// tidy looks for what a node that has just started should have removed.
func tidy(dir string) error {
	var errs []error
	temp, err := os.ReadDir(filepath.Join(dir, "blobs", "temp"))
	if errs = append(errs, err); len(temp) > 0 {
		errs = append(errs, fmt.Errorf("%d temporary files of blobs are left", len(temp)))
	}
	runs, err := filepath.Glob(filepath.Join(filepath.Dir(dir), "bothy-*"))
	if errs = append(errs, err); len(runs) > 1 {
		errs = append(errs, fmt.Errorf("directories of dead nodes are left: %v", runs))
	}
	for _, sub := range []string{dir, filepath.Join(dir, "kv")} {
		names, err := os.ReadDir(sub)
		errs = append(errs, err)
		if i := slices.IndexFunc(names, func(e os.DirEntry) bool { ok, _ := filepath.Match("*.tmp*", e.Name()); return ok }); i >= 0 {
			errs = append(errs, fmt.Errorf("%s is left in %s", names[i].Name(), sub))
		}
	}
	return errors.Join(errs...)
}
