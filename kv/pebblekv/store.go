package pebblekv

import (
	"errors"
	"fmt"
	"hash/maphash"
	"sync/atomic"
	"syscall"

	"bothy/kv"

	"github.com/cockroachdb/pebble/v2"
)

// store is Pebble on a directory, with the two who commit.
type store struct {
	db      *pebble.DB
	disk    *disk
	seed    maphash.Seed // of the hashes of keys read
	queue   chan *request
	groups  chan *group
	done    chan struct{} // closed when the syncer has ended
	durable atomic.Pointer[snapshot]
	hot     hot

	window window  // owned by the committer
	stamps *stamps // nil: the log is not kept
	counts *counts // the engine's
}

func openStore(dir string, o Options, c *counts) (*store, error) {
	stamps, err := o.log(dir)
	if err != nil {
		return nil, err
	}
	d, err := newDisk(o.FS, dir)
	if err != nil {
		return nil, fmt.Errorf("pebblekv: open %s: %w", dir, err)
	}
	o.FS.Remove(o.FS.PathJoin(dir, roomFile)) //nolint:errcheck // left by a kill, if at all
	db, err := openPebble(dir, o, d)
	if err != nil {
		if errors.Is(err, syscall.EAGAIN) { // its lock
			err = ErrInUse
		}
		return nil, fmt.Errorf("pebblekv: open %s: %w", dir, err)
	}
	s := &store{
		db: db, disk: d, seed: maphash.MakeSeed(), window: newWindow(),
		queue: make(chan *request, o.Queue), groups: make(chan *group, maxUnsynced), done: make(chan struct{}),
		stamps: stamps, counts: c,
	}
	s.hot.seed = s.seed
	s.durable.Store(s.snapshot(0))
	go s.commitLoop()
	go s.syncLoop()
	return s, nil
}

func openPebble(dir string, o Options, d *disk) (*pebble.DB, error) {
	cache := pebble.NewCache(o.CacheBytes)
	defer cache.Unref()
	p := o.pebble(cache)
	p.FS = d
	if o.KeepLog > 0 {
		p.FS, p.Cleaner = keeper{d, o.KeepLog, o.Now, o.Log}, pebble.ArchiveCleaner{}
	}
	db, err := pebble.Open(dir, p)
	if failed := d.opened(); failed != nil { // what Pebble says is worth nothing then
		d.release()
		if err == nil {
			db.Close() //nolint:errcheck // nothing of it reached the disk
		}
		return nil, failed
	}
	return db, err
}

// close drains the queue and closes Pebble. No call is running, and none follows.
func (s *store) close() error {
	s.disk.release()
	close(s.queue)
	<-s.done
	s.durable.Load().release()
	if err := errors.Join(s.db.Close(), s.disk.failure()); err != nil {
		return fmt.Errorf("pebblekv: close: %w", err)
	}
	return nil
}

// try runs fn on the durable snapshot.
func (s *store) try(fn func(kv.Txn) error) (*txn, error) {
	snap := acquire(&s.durable)
	defer snap.release()
	t := &txn{from: snap.reader, hot: &s.hot, at: snap.seq, tracks: true, seed: s.seed}
	err := fn(t)
	t.from = nil
	t.sortSpans()
	return t, err
}

func (s *store) enqueue(r *request) error {
	if err := s.failure(); err != nil {
		return err
	}
	select {
	case s.queue <- r:
		s.counts.waiting(len(s.queue))
		return nil
	default:
		s.counts.busy.Add(1)
		return kv.ErrBusy
	}
}

// failure is why the store takes no more writes, nil while it does.
func (s *store) failure() error { return s.disk.failure() }
