package functions

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"bothy/functions/runner"
	"bothy/kv"
	"bothy/record"
)

// Limits of what functions print.
const (
	logLife         = 7 * 24 * time.Hour
	logFlush        = time.Second // how long a line may wait in memory
	maxPendingBytes = 8 << 20     // of lines that wait; more are dropped, and counted
	maxChunkBytes   = 256 << 10   // of one row
)

// logChunk is some lines of one stream.
type logChunk struct {
	Function string
	Time     time.Time // of its first line
	ID       string
	Stream   string
	Lines    []logLine
	Expires  time.Time
}

type logLine struct {
	Time int64 // milliseconds
	Text string
}

// logStream is what is known of a stream: the output of one process.
type logStream struct {
	Function, Name string
	Created        time.Time
	First, Last    int64 // milliseconds
	Bytes          int64
	Expires        time.Time
}

var (
	chunkTable = record.Table[logChunk]{
		Name: "functions.log", Version: 1, Key: func(c *logChunk) []any { return []any{c.Function, c.Time, c.ID} },
		Expires: func(c *logChunk) time.Time { return c.Expires },
	}
	streamTable = record.Table[logStream]{
		Name: "functions.stream", Version: 1, Key: func(s *logStream) []any { return []any{s.Function, s.Name} },
		Expires: func(s *logStream) time.Time { return s.Expires },
	}
)

// logStore collects what functions print and stores it a second later: an invocation never waits for its log.
type logStore struct {
	mu      sync.Mutex // guards what follows
	pending []pendingLog
	bytes   int
	dropped int

	flushing sync.Mutex // one flush at a time keeps the lines in order
}

type pendingLog struct {
	scope record.Scope
	chunk logChunk
	bytes int
}

// add takes the lines of one invocation.
func (l *logStore) add(f *runner.Function, stream string, lines []runner.Line) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var p *pendingLog
	for _, line := range lines {
		if n := len(line.Text) + 32; p == nil || p.bytes+n > maxChunkBytes {
			if l.bytes > maxPendingBytes {
				l.dropped++
				continue
			}
			l.pending = append(l.pending, pendingLog{scope: record.In(f.Account, f.Region), chunk: logChunk{
				Function: f.Name, Time: line.Time, ID: newRevision(), Stream: stream, Expires: line.Time.Add(logLife),
			}})
			p = &l.pending[len(l.pending)-1]
		}
		p.chunk.Lines = append(p.chunk.Lines, logLine{line.Time.UnixMilli(), line.Text})
		p.bytes += len(line.Text) + 32
		l.bytes += len(line.Text) + 32
	}
}

func (l *logStore) take() (logs []pendingLog, dropped int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	logs, dropped = l.pending, l.dropped
	l.pending, l.bytes, l.dropped = nil, 0, 0
	return logs, dropped
}

// flushLogs stores what waits.
func (s *Service) flushLogs(ctx context.Context) error {
	s.logs.flushing.Lock()
	defer s.logs.flushing.Unlock()
	logs, dropped := s.logs.take()
	if dropped > 0 {
		s.cfg.Log.Warn("functions print faster than it can be stored", "lines dropped", dropped)
	}
	const batch = 32 // 8 MB at the most
	for len(logs) > 0 {
		some := logs[:min(batch, len(logs))]
		logs = logs[len(some):]
		if err := s.cfg.DB.Update(ctx, func(tx *kv.Tx) error { return storeLogs(tx, some) }); err != nil {
			return fmt.Errorf("functions: store logs: %w", err)
		}
	}
	return nil
}

func storeLogs(tx *kv.Tx, logs []pendingLog) error {
	for i := range logs {
		p := &logs[i]
		if err := chunkTable.Put(tx, p.scope, &p.chunk); err != nil {
			return err
		}
		st, err := streamTable.Get(tx, p.scope, p.chunk.Function, p.chunk.Stream)
		if errors.Is(err, record.ErrNotFound) {
			st, err = &logStream{Function: p.chunk.Function, Name: p.chunk.Stream, Created: p.chunk.Time, First: p.chunk.Lines[0].Time}, nil
		}
		if err != nil {
			return err
		}
		st.Last, st.Expires = p.chunk.Lines[len(p.chunk.Lines)-1].Time, p.chunk.Expires
		st.Bytes += int64(p.bytes)
		if err := streamTable.Put(tx, p.scope, st); err != nil {
			return err
		}
	}
	return nil
}

// keepLogs stores logs until ctx ends, and what is left then.
func (s *Service) keepLogs(ctx context.Context) {
	tick := time.NewTicker(logFlush)
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
		if err := s.flushLogs(context.WithoutCancel(ctx)); err != nil {
			s.cfg.Log.Error("logs of functions", "error", err)
		}
	}
}
