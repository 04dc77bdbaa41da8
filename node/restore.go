package node

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"bothy/backup"
	"bothy/blob"
	"bothy/blob/fileblob"
	"bothy/kv"
	"bothy/kv/pebblekv"
	"bothy/record"
)

// RestoreOptions say what to restore, and where to.
type RestoreOptions struct {
	From       string // file, or s3://BUCKET/KEY
	To         Places // its directory absent or empty, its store and its blobs without anything in them
	MasterKey  string // file with the master key of the node it was made of; "" when it is sealed with a passphrase
	Passphrase string // file with the passphrase

	Log   string    // data directory of the node it was made of, or a copy: changes since then are applied; "" none
	Until time.Time // up to this moment
}

// Restore makes the stores of a node of a backup, all or nothing: until everything is there, the data directory has another name
// and a shared store no row. It returns what to tell the operator.
func Restore(ctx context.Context, o RestoreOptions) (said string, err error) {
	if err := vacant(o.To.Data); err != nil {
		return "", err
	}
	if o.Log != "" && o.To.shared() {
		return "", errors.New("node: a log is applied in a data directory: restore to one, and then move it with bothy migrate")
	}
	key, err := o.check(ctx)
	if err != nil {
		return "", err
	}
	if err := inPlace(o.To.Data, func(temp string) error {
		to := o.To
		to.Data = temp
		if said, err = o.fill(ctx, to); err != nil {
			return err
		}
		return writeDurably(filepath.Join(temp, masterKeyFile), []byte(hex.EncodeToString(key)+"\n"))
	}); err != nil {
		return "", err
	}
	return said, nil
}

// check reads all of a backup that nothing can take back once it is restored, and the header of another; it returns the master
// key.
func (o *RestoreOptions) check(ctx context.Context) ([]byte, error) {
	b, err := openBackup(ctx, o.From, o.Passphrase)
	if err != nil {
		return nil, err
	}
	defer b.Close() //nolint:errcheck // only read
	key, err := b.masterKey(o.MasterKey)
	if err == nil && o.To != (Places{Data: o.To.Data}) {
		_, err = b.Finish()
	}
	return key, err
}

// inPlace makes a directory under another name, and gives it its own when all of it is there.
func inPlace(dir string, make func(temp string) error) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return err
	}
	temp, err := os.MkdirTemp(filepath.Dir(dir), filepath.Base(dir)+".restoring-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp) //nolint:errcheck // it has another name by now when all went well
	if err := make(temp); err != nil {
		return err
	}
	if err := os.Rename(temp, dir); err != nil {
		return fmt.Errorf("node: restore: %w", err)
	}
	return syncDir(filepath.Dir(dir))
}

// vacant fails unless there is nothing at a path, or an empty directory.
func vacant(dir string) error {
	names, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("node: restore: %w", err)
	case len(names) > 0:
		return fmt.Errorf("node: %s is not empty: a restore makes a data directory, it changes none; name another with --data", dir)
	}
	return nil
}

// opened is a backup being read.
type opened struct {
	*backup.Reader
	key []byte // of an envelope
	io.Closer
}

// openBackup opens a backup; passphrase names a file, "" when none was given.
func openBackup(ctx context.Context, from, passphrase string) (o *opened, err error) {
	f, err := backup.Open(ctx, from)
	if err != nil {
		return nil, err
	}
	o = &opened{Closer: f}
	defer func() {
		if err != nil {
			f.Close() //nolint:errcheck // only read
		}
	}()
	in := bufio.NewReaderSize(f, 1<<20)
	r := io.Reader(in)
	switch sealed := backup.Sealed(in); {
	case sealed && passphrase == "":
		return nil, fmt.Errorf("%w: name the file that holds it with --passphrase-file", backup.ErrSealed)
	case !sealed && passphrase != "":
		return nil, fmt.Errorf("node: %s is not sealed: leave --passphrase-file out", from)
	case sealed:
		text, err := backup.Passphrase(passphrase)
		if err != nil {
			return nil, err
		}
		if r, o.key, err = backup.Unseal(in, text); err != nil {
			return nil, err
		}
	}
	o.Reader, err = backup.NewReader(r)
	return o, err
}

// masterKey is the key that opens what is secret in the backup: the envelope's, or that of a file.
func (o *opened) masterKey(file string) ([]byte, error) {
	key := o.key
	switch {
	case key != nil && file != "":
		return nil, errors.New("node: the backup holds the master key itself: leave --master-key out")
	case key == nil && file == "":
		return nil, errors.New("node: this backup does not hold the node's master key, and without it nothing secret in it opens: name a copy of the file " +
			masterKeyFile + " of that node's data directory with --master-key")
	case key == nil:
		var err error
		if key, err = readMasterKey(file); err != nil {
			return nil, err
		}
	}
	return key, o.Header.Opens(key)
}

// fill fills the places: first the blobs where others could see the rows, else as they come.
func (o *RestoreOptions) fill(ctx context.Context, to Places) (said string, err error) {
	s, err := openStores(ctx, opening{Places: to})
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if err := s.empty(ctx); err != nil {
		return "", err
	}
	name := rand.Text() // not that of the store it was made of: of two stores with blobs in one place, each would sweep the other's
	if err := s.claim(ctx, name); err != nil {
		return "", err
	}
	if to.shared() {
		if err := o.read(ctx, func(b *opened) error { return backup.RestoreBlobs(ctx, b.Reader, s.blobs) }); err != nil {
			return "", err
		}
	}
	err = o.read(ctx, func(b *opened) error {
		if err := s.db.Load(ctx, b.Pair); err != nil {
			return err
		}
		if !to.shared() {
			if err := backup.RestoreBlobs(ctx, b.Reader, s.blobs); err != nil {
				return err
			}
		}
		t, err := b.Finish()
		if err != nil {
			return err
		}
		said = fmt.Sprintf("restored %d rows and %d blobs, as of %s\n", t.Pairs, t.Blobs, b.Header.Created.Format(time.RFC3339))
		if o.Log != "" {
			said, err = s.recover(ctx, b.Header, *o)
		}
		return err
	})
	if err != nil {
		return "", err
	}
	return said, s.db.Update(ctx, func(tx *kv.Tx) error { return tx.Set(storeRow, []byte(name)) })
}

// read opens the backup for fn.
func (o *RestoreOptions) read(ctx context.Context, fn func(*opened) error) error {
	b, err := openBackup(ctx, o.From, o.Passphrase)
	if err != nil {
		return err
	}
	return errors.Join(fn(b), b.Close())
}

// empty fails unless the store has no row.
func (s *stores) empty(ctx context.Context) error {
	return s.db.View(ctx, func(tx *kv.Tx) error {
		full := false
		err := tx.Scan(kv.Range{Limit: 1}, func(kv.Key, []byte) bool { full = true; return false })
		if err == nil && full {
			err = fmt.Errorf("node: %w: nothing is restored over what is there", kv.ErrNotEmpty)
		}
		return err
	})
}

// recover brings restored stores up to a moment by the log of the node that the backup was made of.
func (s *stores) recover(ctx context.Context, h backup.Header, r RestoreOptions) (string, error) {
	engine, ok := s.engine.(*pebblekv.Engine)
	if !ok {
		return "", errors.New("node: a log is applied in a data directory only")
	}
	if r.Until.Before(h.Created) {
		return "", fmt.Errorf("node: the backup is as of %s: for an earlier moment, take an older one", h.Created.Format(time.RFC3339Nano))
	}
	if h.Anchor == nil {
		return "", errors.New("node: this backup was made of a stopped node: no moment in a log belongs to it, so it can only be restored as it is")
	}
	done, err := engine.Recover(ctx, pebblekv.Recovery{Dir: filepath.Join(r.Log, rowsDir), Anchor: h.Anchor, To: r.Until})
	if err != nil {
		return "", err
	}
	rules, copied := blobRules(), 0
	err = s.db.Dump(ctx, func(k kv.Key, v []byte) error {
		ids, err := record.Named(rules, k, v)
		for _, id := range ids {
			if err == nil {
				err = s.fetch(ctx, filepath.Join(r.Log, blobsDir), id, &copied)
			}
		}
		return err
	})
	if err != nil {
		return "", err
	}
	said := fmt.Sprintf("restored the backup of %s and %d later commits with %d more blobs; the last is of %s\n",
		h.Created.Format(time.RFC3339), done.Commits, copied, done.Last.UTC().Format(time.RFC3339Nano))
	if !done.Complete {
		said += "the log holds no commit after that: everything it holds was applied\n"
	}
	return said, nil
}

// fetch copies a blob from another directory, unless it is there.
func (s *stores) fetch(ctx context.Context, from, id string, copied *int) error {
	if _, err := s.blobs.Stat(ctx, id); !errors.Is(err, blob.ErrNotFound) {
		return err
	}
	r, err := fileblob.OpenKept(from, id)
	if err != nil {
		return fmt.Errorf("node: blob %s, which a row of that moment names, is neither in the backup nor in %s: %w", id, from, err)
	}
	defer r.Close() //nolint:errcheck // only read
	info, err := s.blobs.Put(ctx, r)
	if err == nil && info.ID != id {
		err = fmt.Errorf("node: blob %s in %s has other content", id, from)
	}
	*copied++
	return err
}
