package tables

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"bothy/wire"
	"bothy/wire/sigv4"
)

// fact is something that AWS is known to answer, from public test suites that were run against it.
type fact struct {
	op string // of DynamoDB; "" is the one before
	in string // request as JSON without the outer braces, with single quotes; the table is tab unless it names another

	// want is the answer as JSON, where fields and members of sets are sorted, or an error as "Code: text". In both, … stands
	// for anything; "" is any answer that is no error.
	want string
}

// hold asks for all facts in turn.
func (w *world) hold(facts ...fact) {
	w.t.Helper()
	op := ""
	for i, f := range facts {
		if f.op != "" {
			op = f.op
		}
		if got := w.ask(op, f.in); !fits(got, f.want) && !fits(bare(op, got), f.want) {
			w.t.Errorf("%d. %s %.300s\n got %.600s\nwant %s", i, op, f.in, got, f.want)
		}
	}
}

// bare is an answer without what AWS puts before the mistakes of a write of one item since June 2026, which older facts lack.
func bare(op, got string) string {
	if op != "PutItem" && op != "UpdateItem" && op != "DeleteItem" {
		return got
	}
	return strings.Replace(got, "ValidationException: 1 validation error detected: ", "ValidationException: ", 1)
}

// uncounted is bare for an error of such a write.
func uncounted(err error) error {
	var f wire.Fault
	if errors.As(err, &f) {
		code, status, message := f.Fault()
		return wire.Fail(status, code, "%s", strings.TrimPrefix(message, "1 validation error detected: "))
	}
	return err
}

// ask sends a request as clients do and shows the answer as a fact has it.
func (w *world) ask(op, in string) string {
	if named := strings.HasPrefix(op, "Batch") || strings.HasPrefix(op, "Transact") || op == "ListTables" || strings.Contains(in, "'TableName'"); !named {
		in = strings.TrimSuffix("'TableName': 'tab', "+in, ", ")
	}
	status, body := w.post("DynamoDB_20120810."+op, []byte(strings.ReplaceAll("{"+in+"}", "'", `"`)))
	var answer map[string]any
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		return body
	}
	if status == 200 {
		ordered(answer)
		return plainJSON(answer)
	}
	_, code, _ := strings.Cut(fmt.Sprint(answer["__type"]), "#")
	message, ok := answer["message"]
	if !ok {
		message = answer["Message"]
	}
	return strings.TrimSuffix(fmt.Sprintf("%s: %v", code, message), ": <nil>")
}

// post sends a body to a target, signed by root.
func (w *world) post(target string, body []byte) (status int, answer string) {
	r := httptest.NewRequest("POST", "http://dynamodb.test/", strings.NewReader(string(body)))
	r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	r.Header.Set("X-Amz-Target", target)
	sigv4.Sign(r, sigv4.Credentials{AccessKey: "ROOT", Secret: "secret"}, "dynamodb", region, w.now, body)
	rec := httptest.NewRecorder()
	w.mux.ServeHTTP(rec, r)
	return rec.Code, rec.Body.String()
}

// plainJSON is v as JSON with single quotes, without escapes for HTML.
func plainJSON(v any) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v)
	return strings.ReplaceAll(strings.TrimSpace(b.String()), `"`, "'")
}

// ordered sorts the members of sets in v.
func ordered(v any) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			ordered(e)
		}
	case map[string]any:
		for name, e := range v {
			if set, ok := e.([]any); ok && (name == "SS" || name == "NS" || name == "BS") {
				slices.SortFunc(set, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
			}
			ordered(e)
		}
	}
}

func fits(got, want string) bool {
	if want == "" {
		return strings.HasPrefix(got, "{")
	}
	parts := strings.Split(want, "…")
	if len(parts) == 1 {
		return got == want
	}
	if !strings.HasPrefix(got, parts[0]) {
		return false
	}
	got = got[len(parts[0]):]
	last := parts[len(parts)-1]
	for _, p := range parts[1 : len(parts)-1] {
		i := strings.Index(got, p)
		if i < 0 {
			return false
		}
		got = got[i+len(p):]
	}
	return strings.HasSuffix(got, last)
}

func TestFactsFit(t *testing.T) {
	for _, c := range []struct {
		got, want string
		fits      bool
	}{{"{}", "", true}, {"A: b", "", false}, {"A: bcd", "A: b…", true}, {"A: bcd", "A: …c…", true}, {"A: bcd", "A: …x…", false}, {"A: bcd", "A: b…x", false}, {"A: b", "A: c", false}} {
		if fits(c.got, c.want) != c.fits {
			t.Errorf("%q %q", c.got, c.want)
		}
	}
}
