// Package jsoncur reads JSON with a cursor over one string and writes it by appending: strings without escapes are
// substrings of the input, and nothing is allocated that the target type does not need. It knows no schema.
package jsoncur

import (
	"encoding/base64"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

// Limits of one document: how deep objects and arrays may nest, and how many there may be. A few bytes make an element of some
// hundred, so a body of legal size could claim a multiple of its size.
const (
	MaxDepth      = 256
	MaxContainers = 1 << 20
)

// Decoder is a cursor with a sticky error: after the first one every read returns zero values.
type Decoder struct {
	s     string
	i     int
	depth int
	count int // of containers
	first bool
	err   error
}

// Error is malformed JSON, or JSON of another type than asked for; the text is what AWS's SerializationException says.
type Error struct{ Text string }

func (e *Error) Error() string { return e.Text }

// New reads s.
func New(s string) *Decoder { return &Decoder{s: s} }

// Fail records an error, unless there is one already.
func (d *Decoder) Fail(format string, a ...any) {
	if d.err == nil {
		d.err = &Error{fmt.Sprintf(format, a...)}
	}
	d.i = len(d.s)
}

// Err is the first error.
func (d *Decoder) Err() error { return d.err }

// End checks that only white space follows.
func (d *Decoder) End() error {
	if d.err == nil && d.peek() != 0 || d.err == nil && d.i < len(d.s) {
		d.Fail("unexpected data after the document")
	}
	return d.err
}

func (d *Decoder) peek() byte {
	for d.i < len(d.s) {
		switch c := d.s[d.i]; c {
		case ' ', '\t', '\n', '\r':
			d.i++
		default:
			return c
		}
	}
	return 0
}

func (d *Decoder) literal(w string) {
	if !strings.HasPrefix(d.s[d.i:], w) {
		d.Fail("unexpected token at %d", d.i)
		return
	}
	d.i += len(w)
}

// Null consumes a null when one is next.
func (d *Decoder) Null() bool {
	if d.peek() != 'n' {
		return false
	}
	d.literal("null")
	return true
}

// Open enters an object ('{') or an array ('['); false means null or an error.
func (d *Decoder) Open(c byte) bool {
	switch d.peek() {
	case c:
		d.i++
		d.depth++
		d.count++
		d.first = true
		if d.depth > MaxDepth {
			d.Fail("nesting too deep")
			return false
		}
		if d.count > MaxContainers {
			d.Fail("too many objects and arrays")
			return false
		}
		return true
	case 'n':
		d.literal("null")
		return false
	}
	if c == '{' {
		d.wrong("structure")
	} else {
		d.wrong("Collection")
	}
	return false
}

// More tells whether another element follows before end; it consumes the comma or the closer.
func (d *Decoder) More(end byte) bool {
	if d.err != nil {
		return false
	}
	c := d.peek()
	switch {
	case c == end:
		d.i++
		d.depth--
		d.first = false
		return false
	case c == 0:
		d.Fail("unexpected end of input")
		return false
	case d.first:
		d.first = false
		return true
	case c != ',':
		d.Fail("expected ',' or '%c' at %d", end, d.i)
		return false
	}
	d.i++
	if d.peek() == end {
		d.Fail("trailing comma at %d", d.i)
		return false
	}
	return true
}

// Key reads a member name and its colon.
func (d *Decoder) Key() string {
	k := d.Str()
	if d.peek() != ':' {
		d.Fail("expected ':' at %d", d.i)
		return ""
	}
	d.i++
	return k
}

func (d *Decoder) wrong(want string) {
	got := ""
	switch c := d.peek(); {
	case c == '"':
		got = "STRING_VALUE"
	case c == '{':
		got = "START_OBJECT"
	case c == '[':
		got = "START_ARRAY"
	case c == 't':
		got = "TRUE_VALUE"
	case c == 'f':
		got = "FALSE_VALUE"
	case c == '-' || c >= '0' && c <= '9':
		got = "NUMBER_VALUE"
	default:
		d.Fail("unexpected token at %d", d.i)
		return
	}
	d.Fail("%s can not be converted to %s", got, want)
}

// Str reads a string. One without escapes is a substring of the input.
func (d *Decoder) Str() string {
	if d.peek() != '"' {
		d.wrong("String")
		return ""
	}
	start := d.i + 1
	n, ascii := plain(d.s[start:])
	for i := start + n; i < len(d.s); i++ {
		c := d.s[i]
		if c == '"' {
			r := d.s[start:i]
			d.i = i + 1
			if !ascii && !utf8.ValidString(r) {
				d.Fail("invalid UTF-8")
				return ""
			}
			return r
		}
		if c == '\\' || c < 0x20 {
			return d.escaped(start, i)
		}
		ascii = ascii && c < 0x80
	}
	d.Fail("unterminated string")
	return ""
}

func (d *Decoder) escaped(start, i int) string {
	b := append(make([]byte, 0, i-start+32), d.s[start:i]...)
	for i < len(d.s) {
		c := d.s[i]
		switch {
		case c == '"':
			d.i = i + 1
			if !utf8.Valid(b) {
				d.Fail("invalid UTF-8")
				return ""
			}
			return string(b)
		case c < 0x20:
			d.Fail("control character in string")
			return ""
		case c != '\\':
			b = append(b, c)
			i++
		default:
			n := 0
			if b, n = unescape(b, d.s[i:]); n == 0 {
				d.Fail("bad escape at %d", i)
				return ""
			}
			i += n
		}
	}
	d.Fail("unterminated string")
	return ""
}

// unescape appends what the escape at the start of s stands for, and its length; 0 when it is malformed.
func unescape(b []byte, s string) ([]byte, int) {
	if len(s) < 2 {
		return b, 0
	}
	if at := strings.IndexByte(`"\/bfnrt`, s[1]); at >= 0 {
		return append(b, "\"\\/\b\f\n\r\t"[at]), 2
	}
	r, ok := hex4(s, 'u')
	if !ok {
		return b, 0
	}
	if !utf16.IsSurrogate(r) {
		return utf8.AppendRune(b, r), 6
	}
	if low, ok := hex4(s[6:], 'u'); ok {
		if full := utf16.DecodeRune(r, low); full != utf8.RuneError {
			return utf8.AppendRune(b, full), 12
		}
	}
	return utf8.AppendRune(b, utf8.RuneError), 6
}

func hex4(s string, kind byte) (rune, bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != kind {
		return 0, false
	}
	v, err := strconv.ParseUint(s[2:6], 16, 16)
	return rune(v), err == nil && s[2] != '+' && s[2] != '-' && !strings.Contains(s[2:6], "_")
}

// Bool reads true or false.
func (d *Decoder) Bool() bool {
	switch d.peek() {
	case 't':
		d.literal("true")
		return d.err == nil
	case 'f':
		d.literal("false")
	default:
		d.wrong("Boolean")
	}
	return false
}

// number returns the text of a JSON number.
func (d *Decoder) number(want string) string {
	if c := d.peek(); c != '-' && (c < '0' || c > '9') {
		d.wrong(want)
		return "0"
	}
	n := numberLen(d.s[d.i:])
	if n == 0 {
		d.Fail("bad number at %d", d.i)
		return "0"
	}
	t := d.s[d.i : d.i+n]
	d.i += n
	return t
}

// numberLen is the length of the JSON number at the start of s, 0 when there is none.
func numberLen(s string) int {
	i := 0
	digits := func() bool {
		from := i
		for i < len(s) && s[i] >= '0' && s[i] <= '9' {
			i++
		}
		return i > from
	}
	if i < len(s) && s[i] == '-' {
		i++
	}
	if i < len(s) && s[i] == '0' {
		i++
	} else if !digits() {
		return 0
	}
	if i < len(s) && s[i] == '.' {
		i++
		if !digits() {
			return 0
		}
	}
	if i < len(s) && s[i]|0x20 == 'e' {
		i++
		if i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		if !digits() {
			return 0
		}
	}
	return i
}

// Int reads an integer of the given size; 1.0 and 1e3 are integers too.
func (d *Decoder) Int(bits int) int64 {
	t := d.number("Integer")
	v, err := strconv.ParseInt(t, 10, bits)
	if err == nil || d.err != nil {
		return v
	}
	f, err := strconv.ParseFloat(t, 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) >= math.Exp2(float64(bits-1)) {
		d.Fail("%.40s can not be converted to an integer of %d bits", t, bits)
		return 0
	}
	return int64(f)
}

// Float reads a number, or one of the strings NaN, Infinity and -Infinity.
func (d *Decoder) Float() float64 {
	if d.peek() == '"' {
		switch s := d.Str(); s {
		case "NaN":
			return math.NaN()
		case "Infinity":
			return math.Inf(1)
		case "-Infinity":
			return math.Inf(-1)
		}
		d.Fail("STRING_VALUE can not be converted to Double")
		return 0
	}
	v, err := strconv.ParseFloat(d.number("Double"), 64)
	if err != nil {
		d.Fail("number out of range")
	}
	return v
}

// Bytes reads base64 text.
func (d *Decoder) Bytes() []byte {
	b, err := base64.StdEncoding.DecodeString(d.Str())
	if err != nil {
		d.Fail("invalid base64")
	}
	if b == nil {
		b = []byte{}
	}
	return b
}

// Time reads epoch seconds, or text in ISO 8601 or RFC 822.
func (d *Decoder) Time() time.Time {
	if d.peek() == '"' {
		t, ok := ParseTime(d.Str())
		if !ok {
			d.Fail("STRING_VALUE can not be converted to milliseconds since epoch")
		}
		return t
	}
	f := d.Float()
	if math.IsNaN(f) || math.Abs(f) > 1e12 {
		d.Fail("timestamp out of range")
		return time.Time{}
	}
	return time.UnixMilli(int64(math.Round(f * 1e3))).UTC()
}

// ParseTime reads any of the three AWS timestamp formats.
func ParseTime(s string) (time.Time, bool) {
	for _, layout := range [...]string{time.RFC3339Nano, "Mon, 02 Jan 2006 15:04:05 GMT", "2006-01-02T15:04:05Z0700"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), true
		}
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(f) || math.Abs(f) > 1e12 {
		return time.Time{}, false
	}
	return time.UnixMilli(int64(math.Round(f * 1e3))).UTC(), true
}

// Skip passes over one value.
func (d *Decoder) Skip() {
	switch d.peek() {
	case '{':
		if d.Open('{') {
			for d.More('}') {
				d.Key()
				d.Skip()
			}
		}
	case '[':
		if d.Open('[') {
			for d.More(']') {
				d.Skip()
			}
		}
	case '"':
		d.Str()
	case 't', 'f':
		d.Bool()
	case 'n':
		d.literal("null")
	default:
		d.number("Number")
	}
}

// Raw returns the text of one value.
func (d *Decoder) Raw() string {
	d.peek()
	start := d.i
	d.Skip()
	if d.err != nil {
		return ""
	}
	return d.s[start:d.i]
}
