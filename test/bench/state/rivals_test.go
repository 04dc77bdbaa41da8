package state

import (
	"path/filepath"

	"github.com/ncruces/go-sqlite3"
	"go.etcd.io/bbolt"
)

// batcher gives a store with one writer what it needs to share an fsync: changes that wait together are one transaction, as
// in Bothy's engine. It waits for nothing else, so it is faster than a batch with a timer.
type batcher struct {
	queue chan changing
	done  chan struct{}
}

type changing struct {
	key      []byte
	answered chan error
}

const maxBatch = 1024

// newBatcher begins to call apply with the keys of each batch, which it makes durable.
func newBatcher(apply func(keys [][]byte) error) *batcher {
	b := &batcher{queue: make(chan changing, 4*maxBatch), done: make(chan struct{})}
	go func() {
		defer close(b.done)
		for first := range b.queue {
			batch, keys := []changing{first}, [][]byte{first.key}
			for more := true; more && len(batch) < maxBatch; {
				select {
				case c, open := <-b.queue:
					if more = open; open {
						batch, keys = append(batch, c), append(keys, c.key)
					}
				default:
					more = false
				}
			}
			err := apply(keys)
			for _, c := range batch {
				c.answered <- err
			}
		}
	}()
	return b
}

func (b *batcher) change(key []byte) error {
	c := changing{key, make(chan error, 1)}
	b.queue <- c
	return <-c.answered
}

func (b *batcher) close() {
	close(b.queue)
	<-b.done
}

// bolt is bbolt with its own fsync per transaction.
type bolt struct {
	*batcher
	db *bbolt.DB
}

func openBolt(dir string) (store, error) {
	db, err := bbolt.Open(filepath.Join(dir, "bolt"), 0o600, &bbolt.Options{FreelistType: bbolt.FreelistMapType})
	if err != nil {
		return nil, err
	}
	err = db.Update(func(tx *bbolt.Tx) error { _, err := tx.CreateBucketIfNotExists([]byte("kv")); return err })
	b := newBatcher(func(keys [][]byte) error {
		return db.Update(func(tx *bbolt.Tx) error {
			rows := tx.Bucket([]byte("kv"))
			for _, k := range keys {
				if err := rows.Put(k, plusOne(rows.Get(k))); err != nil {
					return err
				}
			}
			return nil
		})
	})
	return bolt{b, db}, err
}

func (s bolt) load(keys int) error {
	for i := 0; i < keys; {
		err := s.db.Update(func(tx *bbolt.Tx) error {
			rows := tx.Bucket([]byte("kv"))
			rows.FillPercent = 0.9
			for end := min(keys, i+50_000); i < end; i++ {
				if err := rows.Put(key(i), value(0)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (s bolt) get(key []byte) error {
	return s.db.View(func(tx *bbolt.Tx) error { tx.Bucket([]byte("kv")).Get(key); return nil })
}

func (s bolt) scan(from []byte, n int) error {
	return s.db.View(func(tx *bbolt.Tx) error {
		c := tx.Bucket([]byte("kv")).Cursor()
		for k, _ := c.Seek(from); k != nil && n > 0; n-- {
			k, _ = c.Next()
		}
		return nil
	})
}

func (s bolt) close() error {
	s.batcher.close()
	return s.db.Close()
}

// lite is SQLite with a write-ahead log that is fsynced at each commit (synchronous=FULL), one connection that writes and
// several that read. Its statements are prepared once and its driver is called directly, without database/sql.
type lite struct {
	*batcher
	writer  *liteConn
	readers chan *liteConn
}

type liteConn struct {
	*sqlite3.Conn
	get, scan, put *sqlite3.Stmt
}

const liteReaders = 8

func openLite(dir string) (store, error) {
	s := lite{readers: make(chan *liteConn, liteReaders)}
	file := "file:" + filepath.Join(dir, "lite")
	var err error
	if s.writer, err = connect(file, cacheBytes/2); err != nil {
		return nil, err
	}
	for range liteReaders {
		r, err := connect(file, cacheBytes/2/liteReaders)
		if err != nil {
			return nil, err
		}
		s.readers <- r
	}
	s.batcher = newBatcher(s.apply)
	return s, nil
}

func connect(file string, cache int) (*liteConn, error) {
	conn, err := sqlite3.Open(file)
	if err != nil {
		return nil, err
	}
	c := &liteConn{Conn: conn}
	for _, sql := range []string{
		"PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", "PRAGMA busy_timeout=5000", "PRAGMA cache_size=-" + kib(cache),
		"CREATE TABLE IF NOT EXISTS kv(k BLOB PRIMARY KEY, v BLOB) WITHOUT ROWID",
	} {
		if err := conn.Exec(sql); err != nil {
			return nil, err
		}
	}
	for _, s := range []struct {
		stmt **sqlite3.Stmt
		sql  string
	}{
		{&c.get, "SELECT v FROM kv WHERE k = ?"}, {&c.scan, "SELECT k, v FROM kv WHERE k >= ? ORDER BY k LIMIT ?"},
		{&c.put, "INSERT INTO kv VALUES (?, ?) ON CONFLICT DO UPDATE SET v = excluded.v"},
	} {
		if *s.stmt, _, err = conn.Prepare(s.sql); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (c *liteConn) read(key []byte, use func(v []byte)) error {
	if err := c.get.BindBlob(1, key); err != nil {
		return err
	}
	if c.get.Step() {
		use(c.get.ColumnRawBlob(0))
	} else {
		use(nil)
	}
	return c.get.Reset()
}

func (c *liteConn) write(key, value []byte) error {
	if err := c.put.BindBlob(1, key); err != nil {
		return err
	}
	if err := c.put.BindBlob(2, value); err != nil {
		return err
	}
	return c.put.Exec()
}

func (c *liteConn) transaction(fn func() error) error {
	if err := c.Exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	if err := fn(); err != nil {
		return err
	}
	return c.Exec("COMMIT")
}

func (s lite) apply(keys [][]byte) error {
	return s.writer.transaction(func() error {
		for _, k := range keys {
			var next []byte
			if err := s.writer.read(k, func(v []byte) { next = plusOne(v) }); err != nil {
				return err
			}
			if err := s.writer.write(k, next); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s lite) load(keys int) error {
	for i := 0; i < keys; {
		err := s.writer.transaction(func() error {
			for end := min(keys, i+50_000); i < end; i++ {
				if err := s.writer.write(key(i), value(0)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (s lite) get(key []byte) error {
	c := <-s.readers
	defer func() { s.readers <- c }()
	return c.read(key, func([]byte) {})
}

func (s lite) scan(from []byte, n int) error {
	c := <-s.readers
	defer func() { s.readers <- c }()
	if err := c.scan.BindBlob(1, from); err != nil {
		return err
	}
	if err := c.scan.BindInt(2, n); err != nil {
		return err
	}
	for c.scan.Step() {
		c.scan.ColumnRawBlob(0)
		c.scan.ColumnRawBlob(1)
	}
	return c.scan.Reset()
}

func (s lite) close() error {
	s.batcher.close()
	for range liteReaders {
		if err := (<-s.readers).shut(); err != nil {
			return err
		}
	}
	return s.writer.shut()
}

func (c *liteConn) shut() error {
	for _, s := range []*sqlite3.Stmt{c.get, c.scan, c.put} {
		if err := s.Close(); err != nil {
			return err
		}
	}
	return c.Close()
}
