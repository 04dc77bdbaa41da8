package runner

import (
	"bufio"
	"io"
	"strings"
	"sync"
	"time"
)

const (
	maxLine      = 64 << 10
	drainTimeout = 250 * time.Millisecond
)

// logReader turns what a process prints into the lines of its invocations.
type logReader struct {
	now func() time.Time

	mu    sync.Mutex // guards what follows
	lines []Line
	size  int
	mark  string        // request id whose end mark is awaited
	ended chan struct{} // closed when the mark came
	over  bool          // the process closed its output
}

func newLogReader(now func() time.Time) *logReader { return &logReader{now: now} }

// read collects lines until the process closes its end.
func (l *logReader) read(from io.Reader) {
	r := bufio.NewReaderSize(from, maxLine)
	for {
		line, err := r.ReadSlice('\n')
		if len(line) > 0 {
			l.add(strings.TrimRight(string(line), "\r\n"))
		}
		if err != nil && err != bufio.ErrBufferFull {
			break
		}
	}
	l.mu.Lock()
	l.over = true
	l.releaseLocked()
	l.mu.Unlock()
}

func (l *logReader) add(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if id, ok := strings.CutPrefix(text, "\x00end "); ok {
		if id == l.mark {
			l.releaseLocked()
		}
		return
	}
	l.appendLocked(strings.ToValidUTF8(text, "\uFFFD"))
}

func (l *logReader) appendLocked(text string) {
	if l.size > MaxLogBytes {
		return
	}
	if l.size += len(text) + 1; l.size > MaxLogBytes {
		text = "… the rest of this invocation's output was dropped"
	}
	l.lines = append(l.lines, Line{l.now(), text})
}

func (l *logReader) releaseLocked() {
	if l.ended != nil {
		close(l.ended)
		l.ended = nil
	}
}

// begin opens the log of an invocation; what was printed since the last one belongs to it.
func (l *logReader) begin(id, version string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, Line{l.now(), startLine(id, version)})
	l.mark, l.ended = id, make(chan struct{})
	if l.over {
		l.releaseLocked()
	}
}

// drain waits until everything printed before the answer has been read.
func (l *logReader) drain(string) {
	l.mu.Lock()
	ended := l.ended
	l.mu.Unlock()
	if ended == nil {
		return
	}
	select {
	case <-ended:
	case <-time.After(drainTimeout):
	}
}

// end closes the log of an invocation and returns its lines.
func (l *logReader) end(id, report string) []Line {
	l.mu.Lock()
	defer l.mu.Unlock()
	lines := append(l.lines, Line{l.now(), endLine(id)}, Line{l.now(), report})
	l.lines, l.size, l.mark, l.ended = nil, 0, "", nil
	return lines
}

// take returns the lines so far.
func (l *logReader) take() []Line {
	l.mu.Lock()
	defer l.mu.Unlock()
	lines := l.lines
	l.lines, l.size = nil, 0
	return lines
}

// tail is the last TailBytes of the lines.
func tail(lines []Line) []byte {
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(l.Text)
		b.WriteByte('\n')
	}
	s := b.String()
	if len(s) > TailBytes {
		s = s[len(s)-TailBytes:]
	}
	return []byte(s)
}
