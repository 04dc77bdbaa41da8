package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bothy/wire/sigv4"
)

// fake is a node that answers each "METHOD /path" with a text, and remembers what it was asked.
type fake struct {
	*httptest.Server
	answers map[string]string
	asked   []string
	data    string // a data directory with its key
}

const fakeKey = "[default]\naws_access_key_id = AKIDFAKE\naws_secret_access_key = FAKESECRET\n"

func newFake(t *testing.T, answers map[string]string) *fake {
	t.Helper()
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_REGION", "BOTHY_DATA"} {
		t.Setenv(name, "")
		os.Unsetenv(name) //nolint:errcheck // Setenv restores it
	}
	f := &fake{answers: answers, data: t.TempDir()}
	verifier := sigv4.NewVerifier(time.Now)
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("x-amzn-RequestId", "id-1")
		auth, err := verifier.Verify(r, 1<<20, func(key, _ string) (string, error) {
			if key != "AKIDFAKE" && key != "AKIDENV" {
				return "", errors.New("unknown key")
			}
			return strings.TrimPrefix(key, "AKID") + "SECRET", nil
		})
		if err != nil {
			w.Header().Set("x-amzn-ErrorType", "UnrecognizedClientException")
			w.WriteHeader(http.StatusForbidden)
			io.WriteString(w, `{"message":"The security token included in the request is invalid."}`) //nolint:errcheck // a test's answer
			return
		}
		body, _ := io.ReadAll(r.Body)
		f.asked = append(f.asked, strings.TrimSpace(fmt.Sprintf("%s %s %s %s", r.Method, r.URL.RequestURI(), auth.Service, body)))
		answer, ok := f.answers[r.Method+" "+r.URL.Path]
		if !ok {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		if status, text, ok := strings.Cut(answer, "|"); ok { // 404 Code|text
			var n int
			var code string
			fmt.Sscan(status, &n, &code) //nolint:errcheck // a test's own text
			w.Header().Set("x-amzn-ErrorType", code)
			w.WriteHeader(n)
			answer = text
		}
		io.WriteString(w, answer) //nolint:errcheck // a test's answer
	}))
	t.Cleanup(f.Close)
	if err := os.WriteFile(filepath.Join(f.data, "credentials"), []byte(fakeKey), 0o600); err != nil {
		t.Fatal(err)
	}
	return f
}

// bothy runs a command against the fake.
func (f *fake) bothy(args ...string) (code int, stdout, stderr string) {
	return runCommand(nil, append([]string{"--data", f.data, "--endpoint", f.URL}, args...)...)
}

func runCommand(start func(context.Context, Options) (Server, error), args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = Run(args, &out, &errs, Program{Start: start})
	return code, out.String(), errs.String()
}

// TestFailures: every failure is one readable line (and the id to ask why), on standard error, with a code of its own.
func TestFailures(t *testing.T) {
	f := newFake(t, map[string]string{
		"GET /projects":                `{"projects":[{"name":"notes","projectId":"p1"}]}`,
		"GET /_bothy/outbox":           "<html>another server</html>",
		"GET /_bothy/requests/gone":    `404 NotFoundException|{"message":"No recent request has the id gone."}`,
		"GET /_bothy/requests/xml":     `400 X|<?xml version="1.0"?><Error><Code>MalformedXML</Code><Message>a &lt;b&gt; c</Message></Error>`,
		"GET /_bothy/requests/nothing": `500 |`,
		"GET /project":                 `{"details":{"name":"notes","projectId":"p1"}}`,
	})
	gone := httptest.NewServer(nil)
	gone.Close()
	empty := t.TempDir()
	file := filepath.Join(empty, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"no command", nil, 2, "expected one of"},
		{"unknown command", []string{"fly"}, 2, "unexpected argument fly"},
		{"unknown flag", []string{"project", "list", "--colour"}, 2, "unknown flag --colour"},
		{"missing argument", []string{"why"}, 2, `expected "<id>"`},
		{"no node", []string{"--endpoint", gone.URL, "--data", f.data, "outbox", "list"}, 1, "no node answers at " + gone.URL},
		{"no credentials", []string{"--endpoint", f.URL, "--data", empty, "outbox", "list"}, 1, "no credentials: "},
		{"no data directory", []string{"--endpoint", f.URL, "--data", filepath.Join(empty, "none"), "outbox", "list"}, 1, "name the data directory with --data"},
		{"endpoint without scheme", []string{"--endpoint", "localhost:4566", "--data", f.data, "outbox", "list"}, 1, `the endpoint "localhost:4566" is not a URL`},
		{"endpoint that is none", []string{"--endpoint", "http://", "--data", f.data, "outbox", "list"}, 1, "is not a URL"},
		{"not a node", []string{"--endpoint", f.URL, "--data", f.data, "outbox", "list"}, 1, "not as a node does"},
		{"not a node's refusal", []string{"--endpoint", f.URL, "--data", f.data, "why", "unheard-of"}, 1, "not as a node does: is the endpoint right?"},
		{"an empty refusal", []string{"--endpoint", f.URL, "--data", f.data, "why", "nothing"}, 1, "HTTP 500"},
		{"refused", []string{"--endpoint", f.URL, "--data", f.data, "why", "gone"}, 1, "No recent request has the id gone. (NotFoundException, HTTP 404)\nbothy why id-1"},
		{"refused in XML", []string{"--endpoint", f.URL, "--data", f.data, "why", "xml"}, 1, "a <b> c (MalformedXML, HTTP 400)"},
		{"unknown project", []string{"--endpoint", f.URL, "--data", f.data, "project", "show", "other"}, 1, `no such project: "other"`},
		{"unknown project to delete", []string{"--endpoint", f.URL, "--data", f.data, "project", "delete", "other"}, 1, `no such project: "other"`},
		{"no hosting", []string{"--endpoint", f.URL, "--data", f.data, "project", "publish", "notes", empty}, 1, "project notes has no hosting"},
		{"no such file", []string{"--endpoint", f.URL, "--data", f.data, "project", "import", filepath.Join(empty, "none.yml")}, 2, "none.yml"},
		{"a directory for a file", []string{"--endpoint", f.URL, "--data", f.data, "project", "import", empty}, 2, "exists but is a directory"},
		{"a file for a directory", []string{"--endpoint", f.URL, "--data", f.data, "project", "publish", "notes", file}, 2, "exists but is not a directory"},
		{"publish without import", []string{"--data", f.data, "up", "--publish", empty}, 1, "--publish needs --import"},
		{"unknown log level", []string{"up", "--log", "loud"}, 2, `--log must be one of "debug","info","warn","error"`},
	} {
		code, stdout, stderr := runCommand(nil, c.args...)
		if code != c.code || !strings.Contains(stderr, c.want) || !strings.HasPrefix(stderr, "bothy: ") || stdout != "" {
			t.Errorf("%s: %d, stdout %q, stderr %q; want %d and %q", c.name, code, stdout, stderr, c.code, c.want)
		}
		if strings.Contains(stderr, "FAKESECRET") || strings.Contains(stderr, "goroutine") {
			t.Errorf("%s: says too much: %s", c.name, stderr)
		}
	}
}

// TestKeys: the environment's key goes first, and half of one is not taken.
func TestKeys(t *testing.T) {
	f := newFake(t, map[string]string{"GET /projects": `{"projects":[]}`})
	if code, _, stderr := f.bothy("project", "list"); code != 0 {
		t.Errorf("the node's key: %s", stderr)
	}
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDENV")
	if code, _, stderr := f.bothy("project", "list"); code != 1 || !strings.Contains(stderr, "AWS_SECRET_ACCESS_KEY is not") {
		t.Errorf("half a key: %d %s", code, stderr)
	}
	t.Setenv("AWS_SECRET_ACCESS_KEY", "ENVSECRET")
	if code, _, stderr := f.bothy("project", "list"); code != 0 {
		t.Errorf("the environment's key: %s", stderr)
	}
	t.Setenv("AWS_SECRET_ACCESS_KEY", "WRONG")
	if code, _, stderr := f.bothy("project", "list"); code != 1 || !strings.Contains(stderr, "security token included in the request is invalid. (UnrecognizedClientException, HTTP 403)\nbothy why id-1") {
		t.Errorf("a wrong key: %d %s", code, stderr)
	}
	os.Unsetenv("AWS_ACCESS_KEY_ID") //nolint:errcheck // Setenv restores it
	for _, text := range []string{"", "[default]\n", "aws_access_key_id = x\n", "\x00\xff"} {
		if err := os.WriteFile(filepath.Join(f.data, "credentials"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if code, _, stderr := f.bothy("project", "list"); code != 1 || !strings.Contains(stderr, "holds no key") {
			t.Errorf("credentials %q: %d %s", text, code, stderr)
		}
	}
}

// TestJSON: what --json prints is JSON, also when there is nothing.
func TestJSON(t *testing.T) {
	f := newFake(t, map[string]string{
		"GET /projects":               `{}`,
		"GET /_bothy/outbox":          `{}`,
		"GET /_bothy/outbox/wait":     `{"message":{"id":"m","to":"ann@example.com","fields":{"code":"123456"},"subject":"Hi","body":"Two\nlines","at":1.5}}`,
		"GET /_bothy/requests/r%2F1":  `{}`,
		"GET /_bothy/requests/r/1":    `{"request":{"id":"r/1","status":403,"decisions":[{"action":"a:b","failed":[{"key":"k","got":["x"]}]}]}}`,
		"GET /project":                `{}`,
		"DELETE /projects/p1":         `{"deletedResources":[{},{}],"orphanedResources":[{"type":"AWS::DynamoDB::Table","name":"t"}]}`,
		"GET /_bothy/requests/future": `{"request":{"unknown":true}}`,
	})
	for _, args := range [][]string{{"project", "list", "--json"}, {"outbox", "list", "--json"}} {
		if code, stdout, stderr := f.bothy(args...); code != 0 || strings.TrimSpace(stdout) != "[]" {
			t.Errorf("%v: %d %q %s", args, code, stdout, stderr)
		}
	}
	for _, args := range [][]string{{"outbox", "wait", "--to", "ann@example.com"}, {"why", "r/1", "--json"}, {"why", "future", "--json"}} {
		code, stdout, stderr := f.bothy(args...)
		if code != 0 || !json.Valid([]byte(stdout)) {
			t.Errorf("%v: %d %q %s", args, code, stdout, stderr)
		}
	}
	for field, want := range map[string]string{"code": "123456\n", "subject": "Hi\n", "body": "Two\nlines\n"} {
		if code, stdout, _ := f.bothy("outbox", "wait", "--to", "ann@example.com", "--field", field, "--seconds", "7"); code != 0 || stdout != want {
			t.Errorf("%s: %d %q", field, code, stdout)
		}
	}
	if code, stdout, stderr := f.bothy("outbox", "wait", "--to", "x", "--field", "colour"); code != 1 || stdout != "" || !strings.Contains(stderr, `no field "colour"`) {
		t.Errorf("%d %q %q", code, stdout, stderr)
	}
	if last := f.asked[len(f.asked)-2]; !strings.HasPrefix(last, "GET /_bothy/outbox/wait?seconds=7&to=ann%40example.com bothy") {
		t.Errorf("asked %s", last)
	}
	f.answers["GET /projects"] = `{"projects":[{"name":"notes","projectId":"p1"}]}`
	if code, stdout, stderr := f.bothy("project", "delete", "p1"); code != 0 || stdout != "2 resources deleted\nleft: AWS::DynamoDB::Table t (it holds data)\n" {
		t.Errorf("%d %q %q", code, stdout, stderr)
	}
}

// TestStrangersText: what strangers chose cannot speak to the terminal.
func TestStrangersText(t *testing.T) {
	const evil = "\x1b]0;owned\x07\u202e\x9b31m\r\nfake line"
	row, _ := json.Marshal(evil)
	f := newFake(t, map[string]string{
		"GET /_bothy/outbox":     `{"messages":[{"to":` + string(row) + `,"subject":` + string(row) + `,"fields":{"code":` + string(row) + `}}]}`,
		"GET /_bothy/requests/r": `{"request":{"id":"r","host":"h","reason":` + string(row) + `,"message":` + string(row) + `,"decisions":[{"action":` + string(row) + `,"failed":[{"key":` + string(row) + `,"got":[` + string(row) + `]}]}]}}`,
		"GET /_bothy/requests/x": "404 NotFound|" + `{"message":` + string(row) + `}`,
		"GET /projects":          `{"projects":[{"name":` + string(row) + `,"projectId":"p"}]}`,
	})
	for _, args := range [][]string{{"outbox", "list"}, {"why", "r"}, {"why", "x"}, {"project", "list"}} {
		_, stdout, stderr := f.bothy(args...)
		if text := stdout + stderr; strings.ContainsAny(text, "\x1b\x07\u202e\u009b\r") || strings.Contains(text, "\nfake line") || !strings.Contains(text, "owned") {
			t.Errorf("%v: %q", args, text)
		}
	}
}

// TestPublish uploads every file, says which one failed, and follows no links.
func TestPublish(t *testing.T) {
	f := newFake(t, map[string]string{
		"GET /projects":          `{"projects":[{"name":"notes","projectId":"p1"}]}`,
		"GET /project":           `{"details":{"name":"notes","region":"eu-west-1","resources":[{"type":"AWS::S3::Bucket","name":"site","feature":"hosting"}]}}`,
		"PUT /site/index.html":   "",
		"PUT /site/a b/#1 é.css": "",
	})
	dir := t.TempDir()
	for name, text := range map[string]string{"index.html": "<p>", "a b/#1 é.css": "x", "secret": "not to be seen"} {
		p := filepath.Join(dir, "site", name)
		if name == "secret" {
			p = filepath.Join(dir, name)
		}
		if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(dir, "secret"), filepath.Join(dir, "site", "link")); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := f.bothy("project", "publish", "notes", filepath.Join(dir, "site"))
	if code != 0 || stdout != "2 files published to site\n" {
		t.Errorf("%d %q %q", code, stdout, stderr)
	}
	if all := strings.Join(f.asked, "\n"); !strings.Contains(all, "PUT /site/a%20b/%231%20%C3%A9.css s3 x") || strings.Contains(all, "not to be seen") {
		t.Error(all)
	}
	delete(f.answers, "PUT /site/index.html")
	if code, stdout, stderr := f.bothy("project", "publish", "notes", filepath.Join(dir, "site")); code != 1 || stdout != "" || !strings.Contains(stderr, "index.html") {
		t.Errorf("%d %q %q", code, stdout, stderr)
	}
}

func TestDefaultName(t *testing.T) {
	const yml = "--- !com.amazonaws.mobilehub.v0.Project\nfeatures:\n  x:\n    name: inner\n"
	for _, c := range []struct{ file, body, want string }{
		{"a/notes.yml", yml + "name: other\n", "notes"},
		{"notes.v2.zip", "PK", "notes.v2"},
		{"a/mobile-hub-project.yml", yml + "name: Notes\n", "Notes"},
		{"mobile-hub-project.yml", "name: 'My Notes' \r\n" + yml, "My Notes"},
		{"mobile-hub-project.yml", yml, ""},
		{"mobile-hub-project.yml", yml + "name: \nregion: us-east-1\n", ""},
		{"mobile-hub-project.zip", "PK", ""},
	} {
		got, err := defaultName(c.file, []byte(c.body))
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s %q: %q, %v, want %q", c.file, c.body, got, err, c.want)
		}
	}
}

// TestEnv: a shell takes what env prints for what it is, whatever the path.
func TestEnv(t *testing.T) {
	newFake(t, nil)
	dir := filepath.Join(t.TempDir(), `it's "here" $(touch nowhere) é`)
	code, stdout, stderr := runCommand(nil, "--data", dir, "--endpoint", "http://h:1/;touch nowhere", "env")
	if code != 0 {
		t.Fatal(stderr)
	}
	sh := exec.Command("sh", "-c", "AWS_ACCESS_KEY_ID=AKIA AWS_PROFILE=work\n"+stdout+`printf '%s\n' "$AWS_ACCESS_KEY_ID$AWS_PROFILE$AWS_ENDPOINT_URL" "$AWS_REGION" "$AWS_SHARED_CREDENTIALS_FILE" "$AWS_CA_BUNDLE"`)
	sh.Dir = t.TempDir()
	out, err := sh.CombinedOutput()
	if want := "http://h:1/;touch nowhere\nus-east-1\n" + filepath.Join(dir, "credentials") + "\n" + filepath.Join(dir, "ca.pem") + "\n"; err != nil || string(out) != want {
		t.Errorf("%v: %q, want %q", err, out, want)
	}
	if _, err := os.Stat(filepath.Join(sh.Dir, "nowhere")); err == nil {
		t.Error("the shell ran a part of it")
	}
}

// TestOpen prints the command line of a browser of its own, as a shell takes it.
func TestOpen(t *testing.T) {
	f := newFake(t, nil)
	if code, _, stderr := f.bothy("open", "--print", "http://x/"); code != 1 || !strings.Contains(stderr, "certificate cannot be read") {
		t.Errorf("without a certificate: %d %s", code, stderr)
	}
	secure := httptest.NewTLSServer(nil)
	defer secure.Close()
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw})
	put := func(b []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(f.data, "ca.pem"), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put([]byte("nonsense"))
	if code, _, stderr := f.bothy("open", "--print", "http://x/"); code != 1 || !strings.Contains(stderr, "holds no certificate") {
		t.Errorf("with nonsense: %d %s", code, stderr)
	}
	put(text)
	bin := t.TempDir()
	t.Setenv("PATH", bin)
	if code, _, stderr := f.bothy("open", "--print", "http://x/"); code != 1 || !strings.Contains(stderr, "no Chromium") {
		t.Errorf("without a browser: %d %s", code, stderr)
	}
	if err := os.WriteFile(filepath.Join(bin, "chromium"), []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := f.bothy("open", "--print", "http://x/?a=1&b=2;touch y")
	if code != 0 || !strings.HasPrefix(stdout, filepath.Join(bin, "chromium")+" --user-data-dir="+filepath.Join(f.data, "browser")+" ") ||
		!strings.Contains(stdout, " --proxy-pac-url="+f.URL+"/_bothy/proxy.pac ") || !strings.HasSuffix(stdout, " 'http://x/?a=1&b=2;touch y'\n") ||
		!strings.Contains(stdout, "--ignore-certificate-errors-spki-list=") {
		t.Errorf("%d %q %q", code, stdout, stderr)
	}
}

// TestTLS: a node's own authority is trusted for its endpoint, and another's is not.
func TestTLS(t *testing.T) {
	f := newFake(t, nil)
	secure := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, `{"projects":[]}`) //nolint:errcheck // a test's answer
	}))
	secure.Config.ErrorLog = log.New(io.Discard, "", 0) // the refused handshake
	secure.StartTLS()
	defer secure.Close()
	if code, _, stderr := runCommand(nil, "--data", f.data, "--endpoint", secure.URL, "project", "list"); code != 1 || !strings.Contains(stderr, "certificate") {
		t.Errorf("a stranger's certificate: %d %s", code, stderr)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw})
	if err := os.WriteFile(filepath.Join(f.data, "ca.pem"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := runCommand(nil, "--data", f.data, "--endpoint", secure.URL, "project", "list"); code != 0 {
		t.Errorf("the node's own: %d %s", code, stderr)
	}
}

// TestRedirects are not followed: a signed request is for one address.
func TestRedirects(t *testing.T) {
	f := newFake(t, nil)
	other := 0
	target := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { other++ }))
	defer target.Close()
	from := httptest.NewServer(http.RedirectHandler(target.URL, http.StatusTemporaryRedirect))
	defer from.Close()
	if code, _, stderr := runCommand(nil, "--data", f.data, "--endpoint", from.URL, "project", "list"); code != 1 || !strings.Contains(stderr, "HTTP 307") || other > 0 {
		t.Errorf("%d %s, %d requests elsewhere", code, stderr, other)
	}
}

// served is a node that `up` starts.
type served struct {
	url    string
	run    func(context.Context) error
	closed int
}

func (s *served) URL() string                   { return s.url }
func (s *served) Run(ctx context.Context) error { return s.run(ctx) }
func (s *served) Close() error                  { s.closed++; return errors.New("closing failed") }

// TestUp: what fails is told, and a node that was started is closed.
func TestUp(t *testing.T) {
	f := newFake(t, nil)
	var got Options
	n := &served{url: f.URL, run: func(context.Context) error { return errors.New("the store is gone") }}
	start := func(_ context.Context, o Options) (Server, error) {
		got = o
		return n, nil
	}
	t.Setenv("BOTHY_STORE", "postgres://u:p@h/d") // so that no password is on a command line
	code, stdout, stderr := runCommand(start, "--data", f.data, "up", "--dev", "--listen", "127.0.0.1:1", "--blobs", "s3://b")
	if code != 1 || !strings.Contains(stderr, "the store is gone") || !strings.Contains(stderr, "closing failed") || n.closed != 1 || !strings.HasSuffix(stdout, "ready "+f.URL+"\n") {
		t.Errorf("%d %q %q, closed %d times", code, stdout, stderr, n.closed)
	}
	if got.DataDir != f.data || got.Store != "postgres://u:p@h/d" || got.Blobs != "s3://b" || strings.Contains(stdout+stderr, "u:p@h") || !got.Dev || got.Listen != "127.0.0.1:1" || got.Region != "us-east-1" || strings.Contains(stdout, "FAKESECRET") {
		t.Errorf("%+v, %q", got, stdout)
	}
	refuses := func(context.Context, Options) (Server, error) { return nil, errors.New("no") }
	if code, stdout, stderr := runCommand(refuses, "up"); code != 1 || stdout != "" || stderr != "bothy: no\n" {
		t.Errorf("%d %q %q", code, stdout, stderr)
	}
	yml := filepath.Join(f.data, "app.yml")
	if err := os.WriteFile(yml, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	n.run = func(ctx context.Context) error { <-ctx.Done(); return nil }
	if code, stdout, stderr := runCommand(start, "--data", f.data, "up", "--import", yml); code != 1 || strings.Contains(stdout, "ready") || !strings.Contains(stderr, "import "+yml) || n.closed != 2 {
		t.Errorf("an import that fails: %d %q %q, closed %d times", code, stdout, stderr, n.closed)
	}
}

// TestWords: quoting is for shells.
func TestWords(t *testing.T) {
	for in, want := range map[string]string{"": "''", "a": "a", "a b": "'a b'", "it's": `'it'\''s'`, "http://h:1/p?q": "'http://h:1/p?q'", "-x": "-x", "é": "'é'", "~": "'~'", "http://h:1": "http://h:1"} {
		if got := word(in); got != want {
			t.Errorf("%q is %s, want %s", in, got, want)
		}
	}
	for in, want := range map[string]string{"plain é 😀": "plain é 😀", "\x00\n": `\x00\n`, "\u202e": `\u202e`, "\xff": "\uFFFD"} {
		if got := plain(in); got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
}
