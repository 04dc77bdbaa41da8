package functions

import (
	"sync"
	"time"

	"bothy/functions/runner"
)

// keptLogBytes is how much of what one function printed is kept.
const keptLogBytes = 256 << 10

// logStore keeps the last lines of each function in memory: a window for operators, not a record.
type logStore struct {
	mu    sync.Mutex // guards what follows
	lines map[string]*logRing
}

type logRing struct {
	lines []LogLine
	size  int
}

// LogLine is one line a function printed.
type LogLine struct {
	Time   time.Time
	Stream string
	Text   string
}

func logKey(account, region, name string) string { return account + "/" + region + "/" + name }

func (l *logStore) add(f *runner.Function, stream string, lines []runner.Line) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lines == nil {
		l.lines = map[string]*logRing{}
	}
	key := logKey(f.Account, f.Region, f.Name)
	ring := l.lines[key]
	if ring == nil {
		ring = &logRing{}
		l.lines[key] = ring
	}
	for _, line := range lines {
		ring.lines = append(ring.lines, LogLine{line.Time, stream, line.Text})
		ring.size += len(line.Text) + 1
	}
	drop := 0
	for ; ring.size > keptLogBytes && drop < len(ring.lines)-1; drop++ {
		ring.size -= len(ring.lines[drop].Text) + 1
	}
	ring.lines = append([]LogLine(nil), ring.lines[drop:]...)
}

// Logs returns the last lines of a function, oldest first.
func (s *Service) Logs(account, region, name string) []LogLine {
	s.logs.mu.Lock()
	defer s.logs.mu.Unlock()
	ring := s.logs.lines[logKey(account, region, name)]
	if ring == nil {
		return nil
	}
	return append([]LogLine(nil), ring.lines...)
}
