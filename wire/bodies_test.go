package wire_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"bothy/wire/sigv4"
)

// endless is a body that never ends and says so.
type endless struct {
	n    int64
	fill byte
}

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = e.fill
	}
	e.n += int64(len(p))
	return len(p), nil
}

// TestBodyLimits: a body over an operation's limit is refused without being read much further, whether its length is said or
// not, and an announced length that is too long without being read at all.
func TestBodyLimits(t *testing.T) {
	f := newFront(t)
	const mb = 1 << 20
	for _, c := range []struct {
		name, method, target, host string
		headers                    []string
		most                       int64
		status                     int
	}{
		{"sign-up", "POST", "/", local, []string{signUpTarget}, 2 * mb, 413},
		{"form", "POST", "/", local, []string{formType}, 2 * mb, 413},
		{"unsigned item", "POST", "/", local, []string{putTarget}, 0, 400},
		{"unsigned function", "POST", "/2015-03-31/functions/f/invocations", local, nil, 0, 403},
		{"anonymous XML", "POST", "/bucket?delete", local, nil, 9 * mb, 413},
	} {
		body := &endless{fill: ' '}
		w := f.serve(c.method, c.target, c.host, body, c.headers...)
		if w.Code != c.status || body.n > c.most {
			t.Errorf("%s: %d after %d bytes: %.300s", c.name, w.Code, body.n, w.Body)
		}
	}
	for service, c := range map[string]struct {
		method, target string
		header         string
		over           int64
	}{
		"dynamodb": {"POST", "/", putTarget, 16*mb + 1},
		"lambda":   {"POST", "/2015-03-31/functions/f/invocations", "", 6*mb + 1025},
		"s3":       {"PUT", "/bucket/key", "", 5<<30 + 1},
		"iam":      {"POST", "/", formType, mb + 1},
	} {
		r := httptest.NewRequest(c.method, c.target, http.NoBody)
		r.Host = local
		if k, v, ok := strings.Cut(c.header, ": "); ok {
			r.Header.Set(k, v)
		}
		body := &endless{}
		r.Header.Set("X-Amz-Content-Sha256", strings.Repeat("ab", 32))
		sigv4.Sign(r, sigv4.Credentials{AccessKey: "AKID", Secret: "SECRET"}, service, "us-east-1", time.Now(), nil)
		r.Body, r.ContentLength = io.NopCloser(body), c.over
		w := httptest.NewRecorder()
		f.ServeHTTP(w, r)
		if w.Code != 413 || body.n > 0 {
			t.Errorf("%s: %d after %d bytes: %s", service, w.Code, body.n, w.Body)
		}
	}
	if ran := f.took(); ran != "" {
		t.Errorf("ran %s", ran)
	}
}

// TestBombs: small bodies that would become large or slow are refused, in time and memory like their size.
func TestBombs(t *testing.T) {
	f := newFront(t)
	entities := `<!DOCTYPE x [<!ENTITY a "` + strings.Repeat("x", 1000) + `"><!ENTITY b "` + strings.Repeat("&a;", 1000) + `">]><Delete><Object><Key>&b;</Key></Object></Delete>`
	external := `<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><Delete><Object><Key>&a;</Key></Object></Delete>`
	unknown := `<Delete><Object><Key>&a;</Key></Object></Delete>`
	comments := `<Delete><Object><Key>` + strings.Repeat("a<!---->", 900_000) + `</Key></Object></Delete>`
	const key = "<Object><Key>k</Key></Object>"
	for _, c := range []struct {
		name, body string
		status     int
	}{
		{"good", "\uFEFF<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- a --><Delete>" + key + "</Delete>\n<!-- b -->", 200},
		{"entities", entities, 400},
		{"external entity", external, 400},
		{"unknown entity", unknown, 400},
		{"depth", strings.Repeat("<a>", 500_000), 400},
		{"depth, closed", strings.Repeat("<Delete>", 100) + strings.Repeat("</Delete>", 100), 400},
		{"width", "<Delete>" + strings.Repeat("<a/>", 1_000_000) + "</Delete>", 400},
		{"attributes", "<Delete " + strings.Repeat(`a="" `, 1_000_000) + "/>", 400},
		{"texts in pieces", comments, 400},
		{"comments alone", "<Delete>" + strings.Repeat("<!---->", 1_100_000) + "</Delete>", 400},
		{"mismatch", "<Delete></delete>", 400},
		{"mismatched prefix", "<a:Delete></b:Delete>", 400},
		{"two roots", "<Delete/><Delete/>", 400},
		{"text after", "<Delete/>x", 400},
		{"text before", "x<Delete/>", 400},
		{"cut off", "<Delete>" + key, 400},
		{"not XML", "{}", 400},
		{"nothing", "", 200}, // the operation's own affair
		{"spaces", "  \n", 400},
		{"NUL", "<Delete>\x00</Delete>", 400},
		{"not UTF-8", "<Delete>\xff</Delete>", 400},
		{"another encoding", `<?xml version="1.0" encoding="UTF-7"?><Delete/>`, 400},
	} {
		start := time.Now()
		w := f.signed("s3", "POST", "/bucket?delete", local, c.body)
		if w.Code != c.status {
			t.Errorf("XML %s: %d %.300s", c.name, w.Code, w.Body)
		}
		if d := time.Since(start); d > 20*time.Second {
			t.Errorf("XML %s took %v", c.name, d)
		}
		f.took()
	}
}

// TestForms: dotted keys build their tree in linear time, whatever their order and depth.
func TestForms(t *testing.T) {
	f := newFront(t)
	many := func(n int, key func(i int) string) string {
		v := make([]string, n)
		for i := range v {
			v[i] = key(i)
		}
		return "Action=GetRole&Version=2010-05-08&RoleName=r&" + strings.Join(v, "&")
	}
	for _, c := range []struct {
		name, body string
		status     int
	}{
		{"good", "Action=GetRole&Version=2010-05-08&RoleName=r", 200},
		{"wide", many(9000, func(i int) string { return fmt.Sprintf("Tags.member.%d.Key=x", i) }), 200},
		{"wide and mixed", many(3000, func(i int) string { return fmt.Sprintf("a%d=&a%d.b=&a%d-b=", i, i, i) }), 200},
		{"too many", many(100_000, func(i int) string { return fmt.Sprintf("k%d=", i) }), 400},
		{"deep", many(1, func(int) string { return strings.Repeat("a.", 400_000) + "=x" }), 400},
		{"many and deep", many(8000, func(i int) string { return fmt.Sprintf("%d%s=", i, strings.Repeat(".a", 50)) }), 400},
		{"not UTF-8", "Action=GetRole&Version=2010-05-08&RoleName=%ff", 400},
		{"bad escape", "Action=GetRole&RoleName=%zz", 400},
		{"semicolon", "Action=GetRole;RoleName=x", 400},
		{"no action", "RoleName=x", 400},
		{"action twice", "Action=GetRole&Action=DeleteRole&Version=2010-05-08&RoleName=r", 200},
		{"empty", "", 400},
		{"list with odd numbers", "Action=GetRole&Version=2010-05-08&RoleName=r&Tags.member.-1.Key=a&Tags.member.99999999999999999999.Key=b&Tags.member..Key=c&Tags.member=d", 200},
	} {
		w := f.signed("iam", "POST", "/", local, c.body, formType)
		if w.Code != c.status {
			t.Errorf("%s: %d %.300s", c.name, w.Code, w.Body)
		}
		if ran := f.took(); c.status == 200 && ran != "GetRole(r)" || c.status != 200 && ran != "" {
			t.Errorf("%s: ran %q", c.name, ran)
		}
	}
}

// TestJSONBodies: depth and number of containers are bounded, a member given twice is the last one, as AWS has it.
func TestJSONBodies(t *testing.T) {
	f := newFront(t)
	signUp := func(members string) string { return `{"ClientId":"abc","Username":"u",` + members + `}` }
	for _, c := range []struct {
		name, body string
		status     int
	}{
		{"good", signUpBody, 200},
		{"unknown members", signUp(`"X":{"a":[1,{"b":null}]},"Y":null`), 200},
		{"twice", `{"ClientId":"abc","Username":"first","Username":"u"}`, 200},
		{"null", `{"ClientId":"abc","Username":null}`, 400},
		{"another case", `{"clientid":"abc","USERNAME":"u"}`, 400},
		{"deep", signUp(`"X":` + strings.Repeat("[", 100_000)), 400},
		{"deep and closed", signUp(`"X":` + strings.Repeat("[", 300) + strings.Repeat("]", 300)), 400},
		{"deep objects", signUp(`"X":` + strings.Repeat(`{"a":`, 100_000)), 400},
		{"an array", `[]`, 400},
		{"two documents", signUpBody + signUpBody, 400},
		{"a comment", `{"ClientId":"abc",/**/"Username":"u"}`, 400},
		{"a trailing comma", `{"ClientId":"abc","Username":"u",}`, 400},
		{"not UTF-8", "{\"ClientId\":\"abc\",\"Username\":\"\xff\"}", 400},
		{"NUL", "{\"ClientId\":\"abc\",\"Username\":\"\x00\"}", 400},
		{"a BOM", "\uFEFF" + signUpBody, 400},
		{"nothing", "", 400},
		{"spaces", "   ", 400},
	} {
		w := f.serve("POST", "/", local, strings.NewReader(c.body), signUpTarget)
		if w.Code != c.status {
			t.Errorf("%s: %d %.300s", c.name, w.Code, w.Body)
		}
		if ran := f.took(); c.status == 200 && ran != "SignUp(u)" || c.status != 200 && ran != "" {
			t.Errorf("%s: ran %q", c.name, ran)
		}
	}
	small := `{"TableName":"t","Item":{"k":{"L":[` + strings.Repeat("{},", 5_000_000) + `{}]}}}`
	if w := f.signed("dynamodb", "POST", "/", local, small, putTarget); w.Code != 400 || !strings.Contains(w.Body.String(), "SerializationException") {
		t.Errorf("five million empty values: %d %.300s", w.Code, w.Body)
	}
	f.took()
}

// TestLongValues: a refusal does not send megabytes back, nor keep them.
func TestLongValues(t *testing.T) {
	f := newFront(t)
	long := strings.Repeat("x", 900_000)
	body := `{"ClientId":"` + long + `","Username":"","Password":"p"}`
	w := f.serve("POST", "/", local, strings.NewReader(body), signUpTarget)
	if w.Code != 400 || w.Body.Len() > 20_000 {
		t.Errorf("%d, %d bytes", w.Code, w.Body.Len())
	}
	w = f.serve("POST", "/", local, strings.NewReader(`{"ClientId":1`+long+`}`), signUpTarget)
	if w.Code != 400 || w.Body.Len() > 20_000 {
		t.Errorf("%d, %d bytes", w.Code, w.Body.Len())
	}
	r := strings.Repeat("é", 60_000)
	for range 10 {
		if w = f.serve("GET", "/", r+".localhost", nil, "X-Amz-Target: "+r, "User-Agent: "+r); w.Code < 400 || w.Code >= 500 {
			t.Errorf("long host: %d", w.Code)
		}
	}
}

// TestMemory: a body is not given more room than has come of it.
func TestMemory(t *testing.T) {
	f := newFront(t)
	allocated := func() uint64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.TotalAlloc
	}
	before := allocated()
	for range 20 {
		r := httptest.NewRequest("POST", "/", bytes.NewReader([]byte("{")))
		r.ContentLength = 1 << 20 // claimed
		r.Header.Set("X-Amz-Target", "AWSCognitoIdentityProviderService.SignUp")
		f.ServeHTTP(httptest.NewRecorder(), r)
	}
	if got := allocated() - before; got > 8<<20 {
		t.Errorf("%d bytes for twenty claims", got)
	}
}
