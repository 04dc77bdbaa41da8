package objects

import (
	"fmt"
	"strconv"
	"strings"
)

// span is a run of bytes of an object.
type span struct{ offset, length int64 }

func (r span) contentRange(size int64) string {
	return fmt.Sprintf("bytes %d-%d/%d", r.offset, r.offset+r.length-1, size)
}

// parseRange reads a Range header. A header that is malformed, of another unit or with several ranges is ignored (ok is
// false), as S3 does; a range that lies outside is an error.
func parseRange(header string, size int64) (r span, ok bool, err error) {
	first, last, ok := rangeEnds(header)
	if !ok {
		return span{}, false, nil
	}
	if first < 0 { // the last bytes
		first, last = max(size-last, 0), size-1
	}
	if first >= size || last < first {
		return span{}, false, fail(416, "InvalidRange", "The requested range is not satisfiable", "ActualObjectSize", fmt.Sprint(size), "RangeRequested", header)
	}
	return span{first, min(last, size-1) - first + 1}, true, nil
}

// rangeEnds splits "bytes=first-last"; first is -1 for a suffix, whose length is then last.
func rangeEnds(header string) (first, last int64, ok bool) {
	rest, ok := strings.CutPrefix(strings.TrimSpace(header), "bytes=")
	a, b, dash := strings.Cut(strings.TrimSpace(rest), "-")
	if !ok || !dash {
		return 0, 0, false
	}
	if a == "" {
		n, ok := digits(b)
		return -1, n, ok
	}
	if first, ok = digits(a); !ok {
		return 0, 0, false
	}
	if b == "" {
		return first, 1<<63 - 1, true
	}
	last, ok = digits(b)
	return first, last, ok && last >= first
}

func digits(s string) (int64, bool) {
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}
