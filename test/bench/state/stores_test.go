package state

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"bothy/kv"
	"bothy/kv/pebblekv"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
)

// store is what is compared. A change reads a key's number and writes it back with one added, and is answered when a power
// cut cannot take it back.
type store interface {
	load(keys int) error // fills the new store with keys 0 to keys-1
	get(key []byte) error
	scan(from []byte, n int) error
	change(key []byte) error
	close() error
}

// Every store has the same room to keep pages in memory.
const (
	cacheBytes    = 128 << 20
	memTableBytes = 32 << 20 // write buffer of Pebble
)

func key(i int) []byte { return kv.K("000000000001", "eu-west-1", "bench", i) }

// value is 300 bytes, of which half does not compress.
func value(n uint64) []byte {
	v := make([]byte, 300)
	for i := 0; i < len(v)-8; i += 16 {
		binary.LittleEndian.PutUint64(v[i:], rand.Uint64())
	}
	binary.LittleEndian.PutUint64(v, n)
	return v
}

func plusOne(v []byte) []byte {
	if len(v) < 8 {
		return value(1)
	}
	return value(binary.LittleEndian.Uint64(v) + 1)
}

// bothy is the engine, by way of kv.DB, as services use it.
type bothy struct{ db *kv.DB }

func openBothy(dir string) (store, error) {
	e, err := pebblekv.Open(dir, pebblekv.Options{CacheBytes: cacheBytes, MemTableBytes: memTableBytes})
	if err != nil {
		return nil, err
	}
	return bothy{kv.New(e)}, nil
}

func (s bothy) load(keys int) error {
	i := 0
	return s.db.Load(context.Background(), func() (k, v []byte, err error) {
		if i == keys {
			return nil, nil, io.EOF
		}
		i++
		return key(i - 1), value(0), nil
	})
}

func (s bothy) get(key []byte) error {
	return s.db.View(context.Background(), func(tx *kv.Tx) error { _, err := tx.Get(key); return err })
}

func (s bothy) scan(from []byte, n int) error {
	return s.db.View(context.Background(), func(tx *kv.Tx) error {
		return tx.Scan(kv.Range{From: from, Limit: n}, func(kv.Key, []byte) bool { return true })
	})
}

func (s bothy) change(key []byte) error {
	return s.db.Update(context.Background(), func(tx *kv.Tx) error {
		v, err := tx.Get(key)
		if err != nil {
			return err
		}
		return tx.Set(key, plusOne(v))
	})
}

func (s bothy) close() error { return s.db.Close() }

// bare is Pebble with the engine's options and no isolation: changes of one key get lost. It is the ceiling.
type bare struct{ db *pebble.DB }

func openBare(dir string) (store, error) {
	cache := pebble.NewCache(cacheBytes)
	defer cache.Unref()
	o := &pebble.Options{
		Cache: cache, FormatMajorVersion: pebble.FormatWALSyncChunks, MemTableSize: memTableBytes, MemTableStopWritesThreshold: 4,
		L0CompactionThreshold: 4, L0StopWritesThreshold: 24, Logger: quiet{},
	}
	for i := range o.Levels {
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
		o.Levels[i].FilterType = pebble.TableFilter
	}
	db, err := pebble.Open(dir, o)
	return bare{db}, err
}

type quiet struct{}

func (quiet) Infof(string, ...any)         {}
func (quiet) Errorf(f string, args ...any) { panic(fmt.Sprintf(f, args...)) }
func (quiet) Fatalf(f string, args ...any) { panic(fmt.Sprintf(f, args...)) }

func (s bare) load(keys int) error {
	for i := 0; i < keys; {
		b := s.db.NewBatch()
		for ; i < keys && b.Len() < 4<<20; i++ {
			if err := b.Set(key(i), value(0), nil); err != nil {
				return err
			}
		}
		if err := b.Commit(pebble.NoSync); err != nil {
			return err
		}
	}
	return s.db.LogData(nil, pebble.Sync)
}

func (s bare) read(key []byte, use func(v []byte)) error {
	v, closer, err := s.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		use(nil)
		return nil
	}
	if err != nil {
		return err
	}
	use(v)
	return closer.Close()
}

func (s bare) get(key []byte) error { return s.read(key, func([]byte) {}) }

func (s bare) scan(from []byte, n int) error {
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: from})
	if err != nil {
		return err
	}
	for ok := it.First(); ok && n > 0; n-- {
		ok = it.Next()
	}
	return it.Close()
}

func (s bare) change(key []byte) error {
	var next []byte
	if err := s.read(key, func(v []byte) { next = plusOne(v) }); err != nil {
		return err
	}
	return s.db.Set(key, next, pebble.Sync)
}

func (s bare) close() error { return s.db.Close() }

// TestStoresDoTheSame: what is compared does what it says.
func TestStoresDoTheSame(t *testing.T) {
	for _, c := range contenders {
		s, err := c.open(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(s.load(100), s.change(key(7)), s.change(key(7)), s.change(key(1000)), s.get(key(7)), s.scan(key(0), 100), s.close()); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
