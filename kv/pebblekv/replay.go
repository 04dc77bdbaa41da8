package pebblekv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

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
	s, err := e.begin()
	if err != nil {
		return Recovered{}, err
	}
	defer e.life.RUnlock()
	if r.FS == nil {
		r.FS = vfs.Default
	}
	p := &player{to: s.db, r: r}
	if err := p.play(ctx); err != nil {
		return p.done, err
	}
	err = s.db.LogData(nil, pebble.Sync) // the log is one sequence: what came before is synced too
	if err = errors.Join(err, s.failure()); err != nil {
		return p.done, fmt.Errorf("pebblekv: recover: %w", err)
	}
	s.durable.Swap(s.snapshot(s.durable.Load().seq)).release()
	return p.done, nil
}

// findLogs are all files of a log in order: those kept, then those that Pebble itself still needs.
func findLogs(fsys vfs.FS, dir string) (wal.Logs, error) {
	dirs := []wal.Dir{{FS: fsys, Dirname: dir}}
	kept := fsys.PathJoin(dir, archiveDir)
	if _, err := fsys.Stat(kept); err == nil {
		dirs = append(dirs, wal.Dir{FS: fsys, Dirname: kept})
	}
	logs, err := wal.Scan(dirs...)
	if err != nil {
		return nil, fmt.Errorf("pebblekv: log: %w", err)
	}
	return logs, nil
}

// eachBatch reads a file of the log until fn wants no more. One that was cut off, as by a crash, ends there: Pebble itself went
// on from there.
func eachBatch(l wal.LogicalLog, fn func(h batchrepr.Header, r batchrepr.Reader) (more bool, err error)) error {
	in := l.OpenForRead()
	defer in.Close() //nolint:errcheck // only read
	var buf bytes.Buffer
	for {
		rec, at, err := in.NextRecord()
		if errors.Is(err, io.EOF) || errors.Is(err, record.ErrUnexpectedEOF) || errors.Is(err, record.ErrZeroedChunk) {
			return nil
		}
		buf.Reset()
		if err == nil {
			_, err = buf.ReadFrom(rec)
		}
		more := true
		if err == nil {
			h, ok := batchrepr.ReadHeader(buf.Bytes())
			if !ok {
				err = batchrepr.ErrInvalidBatch
			} else if h.Count > 0 { // others are marks of Load
				more, err = fn(h, batchrepr.Read(buf.Bytes()))
			}
		}
		if err != nil {
			return fmt.Errorf("pebblekv: log %s: %w", at, err)
		}
		if !more {
			return nil
		}
	}
}

func after(h batchrepr.Header) uint64 { return uint64(h.SeqNum) + uint64(h.Count) }

// logEnd is the sequence number after the last one in the log of a store that nobody has open, 0 when there is none.
func logEnd(fsys vfs.FS, dir string) (end uint64, err error) {
	if _, err := fsys.Stat(dir); err != nil {
		return 0, nil //nolint:nilerr // a new store
	}
	logs, err := findLogs(fsys, dir)
	for i := len(logs) - 1; i >= 0 && end == 0 && err == nil; i-- {
		err = eachBatch(logs[i], func(h batchrepr.Header, _ batchrepr.Reader) (bool, error) {
			end = after(h)
			return true, nil
		})
	}
	return end, err
}

// player applies a log.
type player struct {
	to   *pebble.DB
	r    Recovery
	gaps []uint64
	on   bool   // the anchor was seen
	last uint64 // number of the file in which it was seen, or the last commit
	next uint64 // sequence number that must come
	done Recovered
}

func (p *player) play(ctx context.Context) error {
	logs, err := findLogs(p.r.FS, p.r.Dir)
	if err == nil {
		p.gaps, err = findGaps(p.r.FS, p.r.Dir)
	}
	if err != nil {
		return err
	}
	for _, l := range logs {
		if err := eachBatch(l, func(h batchrepr.Header, r batchrepr.Reader) (bool, error) {
			if err := ctx.Err(); err != nil {
				return false, err
			}
			err := p.batch(uint64(l.Num), h, r)
			return !p.done.Complete, err
		}); err != nil {
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

// batch applies one commit.
func (p *player) batch(file uint64, h batchrepr.Header, r batchrepr.Reader) error {
	b := p.to.NewBatch()
	defer b.Close() //nolint:errcheck // applied, or dropped
	s, anchor, err := p.copy(b, r)
	if err != nil {
		return err
	}
	if !p.on && !anchor {
		return nil
	}
	if err := p.continues(file, uint64(h.SeqNum), s); err != nil {
		return err
	}
	p.on, p.last, p.next = true, file, after(h)
	if s.at.After(p.r.To) {
		p.done.Complete = true
		return nil
	}
	p.done.Commits++
	p.done.Last = s.at
	return b.Commit(pebble.NoSync)
}

// continues fails unless a commit is the one that came next.
func (p *player) continues(file, seq uint64, s stamped) error {
	if s.at.IsZero() {
		return fmt.Errorf("%w: a commit has no time: the log was not kept then", ErrGap)
	}
	if !p.on {
		return nil
	}
	for _, g := range p.gaps {
		if p.last <= g && g < file {
			return fmt.Errorf("%w: the log was not kept for a while after %v", ErrGap, p.done.Last)
		}
	}
	if s.first {
		seq = s.follows
	}
	if seq != p.next {
		return fmt.Errorf("%w: what comes after commit %d, of %v, is %d", ErrGap, p.next, p.done.Last, seq)
	}
	return nil
}

// copy reads a commit into b, and tells its stamp and whether it writes the anchor.
func (p *player) copy(b *pebble.Batch, r batchrepr.Reader) (s stamped, anchor bool, err error) {
	for {
		kind, key, value, ok, err := r.Next()
		if err != nil || !ok {
			return s, anchor, err
		}
		switch kind {
		case pebble.InternalKeyKindLogData:
			s, _ = readStamp(key)
		case pebble.InternalKeyKindSet:
			anchor = anchor || bytes.Equal(key, p.r.Anchor)
			err = b.Set(key, value, nil)
		case pebble.InternalKeyKindDelete:
			err = b.Delete(key, nil)
		default:
			err = fmt.Errorf("pebblekv: a commit of an unknown kind %d", kind)
		}
		if err != nil {
			return s, anchor, err
		}
	}
}
