package wire

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
	"unsafe"
)

// validate checks in against the model's constraints, before any handler sees it, and reports them in AWS's words:
// "1 validation error detected: Value 'x' at 'tableName' failed to satisfy constraint: Member must …".
func (m *Mux) validate(o *mounted, in any) error {
	style := validationOf(o.api)
	if style == "" || !o.in.checked {
		return nil
	}
	v := &validation{api: o.api, patterns: &m.patterns}
	v.structure(o.in, pointerOf(in))
	if len(v.found) == 0 {
		return nil
	}
	if words := m.words[o.api]; words != nil {
		return Fail(400, style, "%s", words(o.info, in, v.found))
	}
	var texts []string
	for _, f := range v.found {
		texts = append(texts, f.String())
	}
	return Fail(400, style, "%s", Detected(texts...))
}

// Violation is a value that does not meet a constraint of the model.
type Violation struct {
	At    string // "keySchema.1.member.keyType"
	Value string // as it is shown: in quotes, or null
	Must  string // "Member must …"
}

func (v Violation) String() string {
	return "Value " + v.Value + " at '" + v.At + "' failed to satisfy constraint: " + v.Must
}

// Words tells what is wrong with the input of an operation, where AWS does not say it in the words of most services.
type Words func(op *OpInfo, in any, found []Violation) string

// SetWords leaves what is said of an API's inputs to w.
func (m *Mux) SetWords(api *API, w Words) { m.words[api] = w }

// Detected is the message for what is wrong with an input.
func Detected(texts ...string) string {
	s := "s"
	if len(texts) == 1 {
		s = ""
	}
	return fmt.Sprintf("%d validation error%s detected: %s", len(texts), s, strings.Join(texts, "; "))
}

// validationOf is the error code a service reports constraint failures with; "" where the service checks in its own words.
func validationOf(a *API) string {
	switch a.Name {
	case "dynamodb", "dynamodbstreams", "cognitoidentity":
		return "ValidationException"
	case "cognitoidp":
		return "InvalidParameterException"
	case "logs", "lambda":
		return "ValidationException"
	case "sts", "iam", "cloudformation":
		return "ValidationError"
	case "mobile":
		return "BadRequestException"
	}
	return ""
}

// Bounds of a report: failures, and bytes of a value or path that is repeated in it.
const (
	maxFound = 10
	maxShown = 1024
)

type validation struct {
	api      *API
	patterns *patternCache
	found    []Violation
	at       []step // the way to what is looked at
}

// step leads to a member, or to an element of a list or map.
type step struct {
	name  string // of a member, or an entry of a map
	entry bool
	index int // of a list's element, from 1
}

func (s step) String() string {
	switch {
	case s.index > 0:
		return strconv.Itoa(s.index) + ".member"
	case s.entry:
		return s.name + ".member"
	}
	return s.name
}

// path tells where v is.
func (v *validation) path() string {
	names := make([]string, len(v.at))
	for i, s := range v.at {
		names[i] = s.String()
	}
	return strings.Join(names, ".")
}

func (v *validation) add(value, format string, a ...any) {
	if len(v.found) < maxFound {
		v.found = append(v.found, Violation{At: shortened(v.path()), Value: shortened(value), Must: fmt.Sprintf(format, a...)})
	}
}

func shortened(s string) string {
	if len(s) <= maxShown {
		return s
	}
	return strings.ToValidUTF8(s[:maxShown], "") + "…"
}

func (v *validation) structure(p *plan, base unsafe.Pointer) {
	for _, f := range p.fields {
		at := unsafe.Add(base, f.offset)
		present := f.typ.present(at)
		if present && !f.checked() || !present && !f.req {
			continue
		}
		v.at = append(v.at, step{name: f.path})
		if present {
			v.value(f.typ, f.typ.at(at), &f.own, f)
		} else {
			v.add("null", "Member must not be null")
		}
		v.at = v.at[:len(v.at)-1]
	}
}

// value checks one value; f is the member it is, or lies in, for the limits of elements.
func (v *validation) value(t *typ, p unsafe.Pointer, l *limits, f *field) {
	switch t.kind {
	case kString:
		v.text(*(*string)(p), l)
	case kInt32:
		v.span(int64(*(*int32)(p)), l)
	case kInt64:
		v.span(*(*int64)(p), l)
	case kBytes:
		v.size(len(*(*[]byte)(p)), l, func() string { return "'java.nio.HeapByteBuffer'" })
	case kStruct:
		if t.plan.checked {
			v.structure(t.plan, p)
		}
	case kList:
		n := 0
		t.each(p, func(i int, e unsafe.Pointer) {
			n++
			v.at = append(v.at, step{index: i + 1})
			v.value(t.elem, e, &f.elem, &nothing)
			v.at = v.at[:len(v.at)-1]
		})
		v.size(n, l, func() string { return elided("[", n, "]") })
	case kMap:
		n := 0
		t.eachEntry(p, func(k string, e unsafe.Pointer) {
			n++
			v.text(k, &f.keys)
			v.at = append(v.at, step{name: k, entry: true})
			v.value(t.elem, e, &f.elem, &nothing)
			v.at = v.at[:len(v.at)-1]
		})
		v.size(n, l, func() string { return elided("{", n, "}") })
	}
}

// nothing is the member that elements of elements lie in: the model has no limits for them.
var nothing = field{elem: none, keys: none}

// elided shows a list or a map of n elements.
func elided(begin string, n int, end string) string {
	if n == 0 {
		return "'" + begin + end + "'"
	}
	return "'" + begin + "..." + end + "'"
}

func (v *validation) text(s string, l *limits) {
	if !l.any {
		return
	}
	shown := func() string {
		if l.sensitive {
			return "'***'"
		}
		return "'" + s + "'"
	}
	if l.size {
		v.size(utf8.RuneCountInString(s), l, shown)
	}
	if l.enum >= 0 && !slices.Contains(v.api.Enums[l.enum], s) {
		v.add(shown(), "Member must satisfy enum value set: [%s]", strings.Join(v.api.Enums[l.enum], ", "))
	}
	if l.pattern >= 0 && !v.patterns.match(v.api.Patterns[l.pattern], s) && !asAWSDoes(v.api.Patterns[l.pattern], s) {
		v.add(shown(), "Member must satisfy regular expression pattern: %s", v.api.Patterns[l.pattern])
	}
}

func (v *validation) size(n int, l *limits, shown func() string) {
	if !l.size {
		return
	}
	if int64(n) < l.min {
		v.add(shown(), "Member must have length greater than or equal to %d", l.min)
	}
	if int64(n) > l.max {
		v.add(shown(), "Member must have length less than or equal to %d", l.max)
	}
}

func (v *validation) span(n int64, l *limits) {
	if !l.span {
		return
	}
	shown := func() string { return "'" + strconv.FormatInt(n, 10) + "'" }
	if n < l.min {
		v.add(shown(), "Member must have value greater than or equal to %d", l.min)
	}
	if n > l.max {
		v.add(shown(), "Member must have value less than or equal to %d", l.max)
	}
}

// asAWSDoes tells what AWS takes though its model does not: the domains of a user pool have dots when they are its own.
func asAWSDoes(pattern, s string) bool {
	return pattern == `^[a-z0-9](?:[a-z0-9\-]{0,61}[a-z0-9])?$` && ownDomain.MatchString(s)
}

var ownDomain = regexp.MustCompile(`^[a-z0-9](?:[a-z0-9\-.]*[a-z0-9])?$`)

// patternCache compiles the model's patterns on first use.
type patternCache struct{ m sync.Map } // source → *regexp.Regexp, nil where RE2 cannot say it

var javaEscape = regexp.MustCompile(`\\u([0-9A-Fa-f]{4,5})`)

// match tells whether all of s matches; patterns with look-around, which RE2 has not, are left to the service.
func (c *patternCache) match(src, s string) bool {
	re, ok := c.m.Load(src)
	if !ok {
		compiled, _ := regexp.Compile(`^(?:` + javaEscape.ReplaceAllString(src, `\x{$1}`) + `)$`)
		re, _ = c.m.LoadOrStore(src, compiled)
	}
	compiled := re.(*regexp.Regexp)
	return compiled == nil || compiled.MatchString(s)
}

// formatTime writes t in one of the model's formats, def where it names none.
func formatTime(b []byte, t time.Time, format, def string) []byte {
	if format == "" {
		format = def
	}
	t = t.UTC()
	switch format {
	case "iso8601":
		if t.Nanosecond() == 0 {
			return t.AppendFormat(b, "2006-01-02T15:04:05Z")
		}
		return t.AppendFormat(b, "2006-01-02T15:04:05.000Z")
	case "rfc822":
		return t.AppendFormat(b, "Mon, 02 Jan 2006 15:04:05 GMT")
	}
	return appendEpoch(b, t)
}
