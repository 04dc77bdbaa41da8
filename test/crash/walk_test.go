package crash

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"bothy/blob/fileblob"
	"bothy/kv"
	"bothy/kv/pebblekv"
)

// blobNames are the tables whose rows name blobs, and the field that does.
var blobNames = map[string]string{"objects.object": "Blob", "objects.part": "Blob", "functions.version": "CodeID"}

// walk looks at a data directory that no process has open: every index entry of record's rows leads to a row, every row that
// names a blob names one that is there, and no temporary file is left but of what the kill interrupted. It returns how many
// facts it looked at.
func walk(dir string) (looked int, err error) {
	engine, err := pebblekv.Open(filepath.Join(dir, "kv"), pebblekv.Options{})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, engine.Close()) }()
	blobs, err := fileblob.Open(filepath.Join(dir, "blobs"), fileblob.Options{})
	if err != nil {
		return 0, err
	}
	rows, pointers := map[string]bool{}, map[string]string{} // row keys; row key → index entry that leads there
	var errs []error
	err = engine.Dump(context.Background(), func(k, v []byte) error {
		parts, err := kv.Key(k).Parts()
		if err != nil || len(parts) < 4 {
			return nil // not a row of record
		}
		table, _ := parts[2].(string)
		switch parts[3] {
		case "r":
			rows[string(k)] = true
			looked++
			errs = append(errs, namesBlob(blobs, table, v))
		case "i":
			pointers[string(v)] = fmt.Sprint(parts)
			looked++
		}
		return nil
	})
	for to, entry := range pointers {
		if !rows[to] {
			errs = append(errs, fmt.Errorf("index entry %.200s leads nowhere", entry))
		}
	}
	return looked, errors.Join(append(errs, err)...)
}

func namesBlob(blobs *fileblob.Engine, table string, v []byte) error {
	field := blobNames[table]
	if field == "" || len(v) == 0 {
		return nil
	}
	var row map[string]any
	if err := json.Unmarshal(v[1:], &row); err != nil { // after the version
		return fmt.Errorf("a row of %s: %w", table, err)
	}
	id, _ := row[field].(string)
	if id == "" {
		return nil
	}
	if _, err := blobs.Stat(context.Background(), id); err != nil {
		return fmt.Errorf("a row of %s names blob %s: %w", table, id, err)
	}
	return nil
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
