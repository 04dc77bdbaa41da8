package node

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"bothy/backup"
	"bothy/kv"
	"bothy/record"
)

// masterKeyFile holds the node's master key: 32 bytes in hex, mode 0600. It wraps the data key and nothing else; without it
// no secret of the data directory opens, so it is what an operator keeps apart from backups.
const masterKeyFile = "master.key"

// masterKey reads the key, or makes it when neither it nor any sealed state exists; made tells that it did.
func masterKey(dir string, fresh bool) (key []byte, made bool, err error) {
	path := filepath.Join(dir, masterKeyFile)
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o077 != 0 {
		return nil, false, fmt.Errorf("node: others may read %s: chmod 600 it", path)
	}
	_, err = os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && fresh:
		key := make([]byte, 32)
		rand.Read(key) //nolint:errcheck // never fails (crypto/rand)
		return key, true, writeDurably(path, []byte(hex.EncodeToString(key)+"\n"))
	case errors.Is(err, fs.ErrNotExist):
		return nil, false, fmt.Errorf("node: the store's secrets are sealed and %s is missing: copy it, mode 0600, from the node that made the store or from where you keep it", path)
	}
	key, err = readMasterKey(path)
	return key, false, err
}

// readMasterKey reads a file that holds a master key.
func readMasterKey(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("node: master key: %w", err)
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(key) != 32 {
		return nil, fmt.Errorf("node: %s does not hold 32 bytes in hex", path)
	}
	return key, nil
}

const temporary = ".tmp-" // begins the names of secret files on their way

// removeTemporary removes what writeDurably left when it was killed. The caller owns the directory.
func removeTemporary(dir string) error {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), temporary) {
			err = errors.Join(err, os.Remove(filepath.Join(dir, e.Name())))
		}
	}
	return err
}

// writeDurably writes a secret file so that a crash leaves all of it or nothing.
func writeDurably(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), temporary+"*") // 0600 from the start
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // gone when renamed
	if _, err = f.Write(data); err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// dataKeyRow is where the data key lies, sealed under the master key; outside any account.
var dataKeyRow = kv.K("node", "datakey")

// openSealer unwraps the data key, made at first start, and returns the sealer of everything else. Of nodes that start a new
// store at once one makes it; the others need its master key.
func openSealer(ctx context.Context, db *kv.DB, dir string) (*record.Sealer, error) {
	var wrapped []byte
	if err := db.View(ctx, func(tx *kv.Tx) (err error) {
		wrapped, err = tx.Get(dataKeyRow)
		return err
	}); err != nil {
		return nil, err
	}
	master, made, err := masterKey(dir, wrapped == nil)
	if err != nil {
		return nil, err
	}
	wrapping, err := record.NewSealer(master)
	if err != nil {
		return nil, err
	}
	wrapped, err = once(ctx, db, dataKeyRow, func() ([]byte, error) {
		key := make([]byte, 32)
		rand.Read(key) //nolint:errcheck // never fails (crypto/rand)
		return wrapping.Seal(backup.DataKeyPlace, key), nil
	})
	if err != nil {
		return nil, err
	}
	key, err := wrapping.Open(backup.DataKeyPlace, wrapped)
	if err == nil {
		return record.NewSealer(key)
	}
	path := filepath.Join(dir, masterKeyFile)
	if made { // it opens nothing, and would be in the way of the right one
		return nil, errors.Join(fmt.Errorf("node: another node has just made this store: copy its %s to %s, mode 0600, and start again", masterKeyFile, path), os.Remove(path))
	}
	return nil, fmt.Errorf("node: %s is not the master key of this store: copy that, mode 0600, from the node that made it or from where you keep it: %w", path, err)
}
