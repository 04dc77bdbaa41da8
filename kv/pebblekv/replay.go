package pebblekv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"bothy/kv"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/batchrepr"
	"github.com/cockroachdb/pebble/v2/record"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/wal"
)

// Recovery says what to bring a restored store up to.
type Recovery struct {
	Dir    string    // the store whose log was kept; it may be a copy, without its tables
	FS     vfs.FS    // of Dir; nil means the real one
	Anchor []byte    // the log from the first write of this key on; what the store holds includes that write
	To     time.Time // commits up to this moment
}

// Recovered says what a recovery did.
type Recovered struct {
	Commits  int       // batches of the log
	Last     time.Time // the commit up to which the store now is
	Complete bool      // the log goes on beyond To
}

// Errors of a recovery.
var (
	ErrNoAnchor = errors.New("pebblekv: the kept log does not reach back to the backup")
	ErrGap      = errors.New("pebblekv: a part of the log is missing")
)

// Recover applies a kept log to a store that was just loaded from a backup, in the order of the commits. No other call may run;
// after a failure the store is worth nothing.
func (e *Engine) Recover(ctx context.Context, r Recovery) (Recovered, error) {
	if !e.life.TryLock() {
		return Recovered{}, kv.ErrClosed
	}
	defer e.life.Unlock()
	if r.FS == nil {
		r.FS = vfs.Default
	}
	p := &player{to: e.db, r: r}
	if err := p.play(ctx); err != nil {
		return p.done, err
	}
	if err := e.db.LogData(nil, pebble.Sync); err != nil { // the log is one sequence: what came before is synced too
		return p.done, fmt.Errorf("pebblekv: recover: %w", err)
	}
	e.durable.Swap(newSnapshot(e.db, e.durable.Load().seq)).release()
	return p.done, nil
}

// player applies a log.
type player struct {
	to   *pebble.DB
	r    Recovery
	on   bool   // the anchor was seen
	next uint64 // sequence number that must come
	done Recovered
}

func (p *player) play(ctx context.Context) error {
	logs, err := p.logs()
	if err != nil {
		return err
	}
	for _, l := range logs {
		if err := p.file(ctx, l); err != nil {
			return err
		}
		if p.done.Complete {
			return nil
		}
	}
	if !p.on {
		return fmt.Errorf("%w: none of its %d files in %s holds the moment at which it was made", ErrNoAnchor, len(logs), p.r.Dir)
	}
	return nil
}

// logs are all files of the log in order: those kept, then those that Pebble itself still needed.
func (p *player) logs() (wal.Logs, error) {
	dirs := []wal.Dir{{FS: p.r.FS, Dirname: p.r.Dir}}
	kept := p.r.FS.PathJoin(p.r.Dir, archiveDir)
	if _, err := p.r.FS.Stat(kept); err == nil {
		dirs = append(dirs, wal.Dir{FS: p.r.FS, Dirname: kept})
	}
	logs, err := wal.Scan(dirs...)
	if err != nil {
		return nil, fmt.Errorf("pebblekv: recover: %w", err)
	}
	return logs, nil
}

// file applies one file. One that was cut off, as by a crash, ends there: Pebble itself went on from there, so the next file
// continues its numbers, or something is missing.
func (p *player) file(ctx context.Context, l wal.LogicalLog) error {
	in := l.OpenForRead()
	defer in.Close() //nolint:errcheck // only read
	var buf bytes.Buffer
	for !p.done.Complete {
		if err := ctx.Err(); err != nil {
			return err
		}
		rec, at, err := in.NextRecord()
		if errors.Is(err, io.EOF) || errors.Is(err, record.ErrUnexpectedEOF) || errors.Is(err, record.ErrZeroedChunk) {
			return nil
		}
		buf.Reset()
		if err == nil {
			_, err = buf.ReadFrom(rec)
		}
		if err == nil {
			err = p.batch(buf.Bytes())
		}
		if err != nil {
			return fmt.Errorf("pebblekv: recover: %s: %w", at, err)
		}
	}
	return nil
}

// batch applies one commit.
func (p *player) batch(repr []byte) error {
	h, ok := batchrepr.ReadHeader(repr)
	if !ok {
		return batchrepr.ErrInvalidBatch
	}
	if h.Count == 0 { // only a mark of Load
		return nil
	}
	b := p.to.NewBatch()
	defer b.Close() //nolint:errcheck // applied, or dropped
	at, anchor, err := p.copy(b, batchrepr.Read(repr))
	if err != nil {
		return err
	}
	if !p.on && !anchor {
		return nil
	}
	if p.on && uint64(h.SeqNum) != p.next {
		return fmt.Errorf("%w: commit %d follows %d", ErrGap, uint64(h.SeqNum), p.next)
	}
	if at.IsZero() {
		return fmt.Errorf("%w: the log was not kept all the time: a commit has no time", ErrGap)
	}
	p.on, p.next = true, uint64(h.SeqNum)+uint64(h.Count)
	if at.After(p.r.To) {
		p.done.Complete = true
		return nil
	}
	p.done.Commits++
	p.done.Last = at
	return b.Commit(pebble.NoSync)
}

// copy reads a commit into b, and tells its time and whether it writes the anchor.
func (p *player) copy(b *pebble.Batch, r batchrepr.Reader) (at time.Time, anchor bool, err error) {
	for {
		kind, key, value, ok, err := r.Next()
		if err != nil || !ok {
			return at, anchor, err
		}
		switch kind {
		case pebble.InternalKeyKindLogData:
			at, _ = readStamp(key)
		case pebble.InternalKeyKindSet:
			anchor = anchor || bytes.Equal(key, p.r.Anchor)
			err = b.Set(key, value, nil)
		case pebble.InternalKeyKindDelete:
			err = b.Delete(key, nil)
		default:
			err = fmt.Errorf("pebblekv: a commit of an unknown kind %d", kind)
		}
		if err != nil {
			return at, anchor, err
		}
	}
}
