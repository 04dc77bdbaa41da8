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
	v.structure(o.in, pointerOf(in), "")
	if len(v.found) == 0 {
		return nil
	}
	s := "s"
	if len(v.found) == 1 {
		s = ""
	}
	return Fail(400, style, "%d validation error%s detected: %s", len(v.found), s, strings.Join(v.found, "; "))
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
	found    []string
}

func (v *validation) add(path, value, format string, a ...any) {
	if len(v.found) < maxFound {
		v.found = append(v.found, "Value "+shortened(value)+" at '"+shortened(path)+"' failed to satisfy constraint: "+fmt.Sprintf(format, a...))
	}
}

func shortened(s string) string {
	if len(s) <= maxShown {
		return s
	}
	return strings.ToValidUTF8(s[:maxShown], "") + "…"
}

func (v *validation) structure(p *plan, base unsafe.Pointer, path string) {
	for _, f := range p.fields {
		at := unsafe.Add(base, f.offset)
		name := path + f.path
		switch {
		case !f.typ.present(at):
			if f.req {
				v.add(name, "null", "Member must not be null")
			}
		case f.checked():
			v.value(f.typ, f.typ.at(at), name, &f.own, f)
		}
	}
}

// value checks one value; f is the member it is, or lies in, for the limits of elements.
func (v *validation) value(t *typ, at unsafe.Pointer, path string, l *limits, f *field) {
	switch t.kind {
	case kString:
		v.text(*(*string)(at), path, l)
	case kInt32:
		v.span(int64(*(*int32)(at)), path, l)
	case kInt64:
		v.span(*(*int64)(at), path, l)
	case kBytes:
		v.size(len(*(*[]byte)(at)), "java.nio.HeapByteBuffer", path, l)
	case kStruct:
		if t.plan.checked {
			v.structure(t.plan, at, path+".")
		}
	case kList:
		n := 0
		t.each(at, func(i int, e unsafe.Pointer) {
			n++
			v.value(t.elem, e, path+"."+strconv.Itoa(i+1)+".member", &f.elem, &field{elem: none, keys: none})
		})
		v.size(n, elided("[", n, "]"), path, l)
	case kMap:
		n := 0
		t.eachEntry(at, func(k string, e unsafe.Pointer) {
			n++
			v.text(k, path, &f.keys)
			v.value(t.elem, e, path+"."+k+".member", &f.elem, &field{elem: none, keys: none})
		})
		v.size(n, elided("{", n, "}"), path, l)
	}
}

// elided shows a list or a map of n elements.
func elided(begin string, n int, end string) string {
	if n == 0 {
		return begin + end
	}
	return begin + "..." + end
}

func (v *validation) text(s, path string, l *limits) {
	if !l.any {
		return
	}
	shown := "'" + s + "'"
	if l.sensitive {
		shown = "'***'"
	}
	if l.size {
		v.size(utf8.RuneCountInString(s), shown, path, l)
	}
	if l.enum >= 0 && !slices.Contains(v.api.Enums[l.enum], s) {
		v.add(path, shown, "Member must satisfy enum value set: [%s]", strings.Join(v.api.Enums[l.enum], ", "))
	}
	if l.pattern >= 0 && !v.patterns.match(v.api.Patterns[l.pattern], s) && !asAWSDoes(v.api.Patterns[l.pattern], s) {
		v.add(path, shown, "Member must satisfy regular expression pattern: %s", v.api.Patterns[l.pattern])
	}
}

func (v *validation) size(n int, shown, path string, l *limits) {
	if !l.size {
		return
	}
	if !strings.HasPrefix(shown, "'") {
		shown = "'" + shown + "'"
	}
	if int64(n) < l.min {
		v.add(path, shown, "Member must have length greater than or equal to %d", l.min)
	}
	if int64(n) > l.max {
		v.add(path, shown, "Member must have length less than or equal to %d", l.max)
	}
}

func (v *validation) span(n int64, path string, l *limits) {
	if !l.span {
		return
	}
	shown := "'" + strconv.FormatInt(n, 10) + "'"
	if n < l.min {
		v.add(path, shown, "Member must have value greater than or equal to %d", l.min)
	}
	if n > l.max {
		v.add(path, shown, "Member must have value less than or equal to %d", l.max)
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
