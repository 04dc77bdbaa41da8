package node

import (
	"bufio"
	"context"
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
	Data       string // data directory to make; absent or empty
	MasterKey  string // file with the master key of the node it was made of; "" when it is sealed with a passphrase
	Passphrase string // file with the passphrase

	Log string    // data directory of the node it was made of, or a copy: changes since then are applied; "" none
	To  time.Time // up to this moment
}

// Restore makes a data directory of a backup, all or nothing: until everything is there it has another name. It returns what
// to tell the operator.
func Restore(ctx context.Context, o RestoreOptions) (string, error) {
	if err := vacant(o.Data); err != nil {
		return "", err
	}
	b, err := openBackup(ctx, o.From, o.Passphrase)
	if err != nil {
		return "", err
	}
	defer b.Close() //nolint:errcheck // only read
	key, err := b.masterKey(o.MasterKey)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(o.Data), 0o700); err != nil {
		return "", err
	}
	temp, err := os.MkdirTemp(filepath.Dir(o.Data), filepath.Base(o.Data)+".restoring-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(temp) //nolint:errcheck // it has another name by now when all went well
	said, err := b.fill(ctx, temp, o)
	if err != nil {
		return "", err
	}
	if err := writeDurably(filepath.Join(temp, masterKeyFile), []byte(hex.EncodeToString(key)+"\n")); err != nil {
		return "", err
	}
	if err := os.Rename(temp, o.Data); err != nil {
		return "", fmt.Errorf("node: restore: %w", err)
	}
	return said, syncDir(filepath.Dir(o.Data))
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

// fill makes the stores in a directory.
func (o *opened) fill(ctx context.Context, dir string, r RestoreOptions) (said string, err error) {
	s, err := openStores(opening{data: dir})
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	t, err := backup.Restore(ctx, o.Reader, s.db, s.blobs)
	if err != nil {
		return "", err
	}
	said = fmt.Sprintf("restored %d rows and %d blobs, as of %s\n", t.Pairs, t.Blobs, o.Header.Created.Format(time.RFC3339))
	if r.Log == "" {
		return said, nil
	}
	return s.recover(ctx, o.Header, r)
}

// recover brings restored stores up to a moment by the log of the node that the backup was made of.
func (s *stores) recover(ctx context.Context, h backup.Header, r RestoreOptions) (string, error) {
	if r.To.Before(h.Created) {
		return "", fmt.Errorf("node: the backup is as of %s: for an earlier moment, take an older one", h.Created.Format(time.RFC3339Nano))
	}
	if h.Anchor == nil {
		return "", errors.New("node: this backup was made of a stopped node: no moment in a log belongs to it, so it can only be restored as it is")
	}
	done, err := s.engine.Recover(ctx, pebblekv.Recovery{Dir: filepath.Join(r.Log, rowsDir), Anchor: h.Anchor, To: r.To})
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
