package runner

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "__sandbox" {
		SandboxMain(os.Args[2:])
	}
	if len(os.Args) > 1 && os.Args[1] == "__host" {
		hostMain(os.Args[2:])
		return
	}
	os.Exit(m.Run())
}

// fakeSessions gives every role the same credentials.
type fakeSessions struct{ expires time.Time }

func (s fakeSessions) AssumeForFunction(_ context.Context, role, name string) (key, secret, token string, expires time.Time, err error) {
	return "ASIATEST", "secret of " + role, "token", s.expires, nil
}

type logSink struct {
	mu    sync.Mutex
	lines []string
}

func (l *logSink) write(_ *Function, _ string, lines []Line) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range lines {
		l.lines = append(l.lines, line.Text)
	}
}

func newRunner(t testing.TB, change func(*Config)) *Runner {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("no node on this machine")
	}
	dir := traversable(t)
	cfg := Config{
		Dir: filepath.Join(dir, "functions"), Node: node, Shim: []string{"/proc/self/exe", "__sandbox"}, Hidden: []string{"/etc/shadow"},
		Endpoint: "http://127.0.0.1:4566", Sessions: fakeSessions{time.Now().Add(time.Hour)}, Now: time.Now,
	}
	if modules, err := filepath.Abs("../runtime/node_modules"); err == nil {
		if _, err := os.Stat(modules); err == nil {
			cfg.NodeModules = modules
		}
	}
	if change != nil {
		change(&cfg)
	}
	r := New(cfg)
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return r
}

// traversable is a temporary directory that other users may pass through, as landlock alone needs it.
func traversable(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	for d := dir; d != os.TempDir() && d != "/"; d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o711); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// archive makes a zip of names and texts.
func archive(t testing.TB, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, text := range files {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func function(t testing.TB, files map[string]string) *Function {
	t.Helper()
	body := archive(t, files)
	sum := sha256.Sum256(body)
	id := hex.EncodeToString(sum[:])
	arn := "arn:aws:lambda:us-east-1:123456789012:function:f-" + id[:8]
	return &Function{
		ARN: arn, InvokedARN: arn, Name: "f-" + id[:8], Version: "$LATEST", Region: "us-east-1", Account: "123456789012", Revision: "1",
		Handler: "index.handler", Runtime: "nodejs6.10", Role: "arn:aws:iam::123456789012:role/r", Timeout: 5 * time.Second, MemoryMB: 128,
		CodeID: id, LogGroup: "/aws/lambda/f-" + id[:8],
		Code: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil },
	}
}

func script(t testing.TB, text string) *Function {
	return function(t, map[string]string{"index.js": text})
}

func invoke(t testing.TB, r *Runner, f *Function, event string) *Result {
	t.Helper()
	res, err := r.Invoke(t.Context(), f, Invocation{RequestID: "req-" + fmt.Sprint(time.Now().UnixNano()), Event: []byte(event)})
	if err != nil {
		t.Fatalf("invoke: %v", err)
	}
	return res
}

func TestHandlerStyles(t *testing.T) {
	r := newRunner(t, nil)
	for name, c := range map[string]struct {
		files map[string]string
		want  string
		fails string
	}{
		"callback":         {files: map[string]string{"index.js": `exports.handler = (e, c, cb) => cb(null, {got: e.x})`}, want: `{"got":7}`},
		"callback waits":   {files: map[string]string{"index.js": `exports.handler = (e, c, cb) => { let n = 0; setTimeout(() => { n = 1 }, 30); const o = {get n () { return n }}; cb(null, o) }`}, want: `{"n":1}`},
		"callback at once": {files: map[string]string{"index.js": `exports.handler = (e, c, cb) => { c.callbackWaitsForEmptyEventLoop = false; setInterval(() => {}, 10); cb(null, 'now') }`}, want: `"now"`},
		"callback error":   {files: map[string]string{"index.js": `exports.handler = (e, c, cb) => cb(new TypeError('bad'))`}, fails: `"errorType":"TypeError","errorMessage":"bad"`},
		"callback text":    {files: map[string]string{"index.js": `exports.handler = (e, c, cb) => cb('plain')`}, fails: `{"errorType":"string","errorMessage":"plain","trace":[]}`},
		"promise":          {files: map[string]string{"index.js": `exports.handler = async e => ({twice: e.x * 2})`}, want: `{"twice":14}`},
		"promise rejects":  {files: map[string]string{"index.js": `exports.handler = async () => { throw new Error('no') }`}, fails: `"errorMessage":"no"`},
		"succeed":          {files: map[string]string{"index.js": `exports.handler = (e, c) => { setTimeout(() => c.succeed('ok'), 5) }`}, want: `"ok"`},
		"done":             {files: map[string]string{"index.js": `exports.handler = (e, c) => c.done(null, [1])`}, want: `[1]`},
		"done error":       {files: map[string]string{"index.js": `exports.handler = (e, c) => c.done('broken')`}, fails: `"errorMessage":"broken"`},
		"fail":             {files: map[string]string{"index.js": `exports.handler = (e, c) => c.fail(new RangeError('far'))`}, fails: `"errorType":"RangeError"`},
		"throws":           {files: map[string]string{"index.js": `exports.handler = () => { throw new Error('sync') }`}, fails: `"errorMessage":"sync"`},
		"no answer":        {files: map[string]string{"index.js": `exports.handler = () => {}`}, want: `null`},
		"undefined":        {files: map[string]string{"index.js": `exports.handler = async () => undefined`}, want: `null`},
		"circular":         {files: map[string]string{"index.js": `exports.handler = async () => { const a = {}; a.a = a; return a }`}, fails: `Runtime.MarshalError`},
		"esm":              {files: map[string]string{"index.mjs": `export const handler = async e => 'esm ' + e.x`}, want: `"esm 7"`},
		"esm by package":   {files: map[string]string{"package.json": `{"type":"module"}`, "index.js": `export const handler = async e => import.meta.url.length > 0`}, want: `true`},
		"context": {files: map[string]string{"index.js": `exports.handler = async (e, c) => [c.functionName.slice(0, 2), c.functionVersion, c.memoryLimitInMB, c.getRemainingTimeInMillis() > 4000, c.awsRequestId.slice(0, 4), c.logGroupName.slice(0, 12), process.env._HANDLER]`},
			want: `["f-","$LATEST","128",true,"req-","/aws/lambda/","index.handler"]`},
		"missing module":  {files: map[string]string{"index.js": `require('nowhere')`}, fails: `"errorType":"Runtime.ImportModuleError","errorMessage":"Error: Cannot find module 'nowhere'`},
		"missing handler": {files: map[string]string{"index.js": `exports.other = 1`}, fails: `"errorType":"Runtime.HandlerNotFound","errorMessage":"index.handler is undefined or not exported"`},
		"syntax error":    {files: map[string]string{"index.js": `exports.handler = (`}, fails: `"errorType":"Runtime.UserCodeSyntaxError"`},
		"missing file":    {files: map[string]string{"other.js": ``}, fails: `"errorType":"Runtime.ImportModuleError"`},
		"init throws":     {files: map[string]string{"index.js": `throw new Error('at load')`}, fails: `"errorMessage":"at load"`},
		"init exits":      {files: map[string]string{"index.js": `process.exit(3)`}, fails: `Runtime exited with error: exit status 3`},
		"exits":           {files: map[string]string{"index.js": `exports.handler = () => process.exit(7)`}, fails: `"errorType":"Runtime.ExitError"`},
		"uncaught":        {files: map[string]string{"index.js": `exports.handler = () => new Promise(() => setTimeout(() => { throw new Error('later') }, 5))`}, fails: `"errorMessage":"later"`},
		"unhandled":       {files: map[string]string{"index.js": `exports.handler = () => new Promise(() => { Promise.reject(new Error('lost')); setTimeout(() => {}, 2000) })`}, fails: `"errorType":"Runtime.UnhandledPromiseRejection","errorMessage":"Error: lost"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res := invoke(t, r, function(t, c.files), `{"x":7}`)
			if c.fails == "" {
				if res.Error != "" || string(res.Payload) != c.want {
					t.Errorf("got %s %s, want %s\n%s", res.Error, res.Payload, c.want, res.Tail)
				}
				return
			}
			if res.Error != "Unhandled" || !strings.Contains(string(res.Payload), c.fails) || !json.Valid(res.Payload) {
				t.Errorf("got %q %s, want an error with %s", res.Error, res.Payload, c.fails)
			}
		})
	}
}

func TestWarmProcessIsUsedAgain(t *testing.T) {
	r := newRunner(t, nil)
	f := script(t, `let n = 0; exports.handler = async () => ++n`)
	for want := 1; want <= 3; want++ {
		if res := invoke(t, r, f, `{}`); string(res.Payload) != fmt.Sprint(want) {
			t.Fatalf("call %d answered %s %s", want, res.Payload, res.Tail)
		}
	}
	changed := *f
	changed.Revision = "2"
	if res := invoke(t, r, &changed, `{}`); string(res.Payload) != "1" {
		t.Errorf("a new revision ran in an old process: %s", res.Payload)
	}
}

func TestTimeoutEndsTheProcess(t *testing.T) {
	r := newRunner(t, nil)
	f := script(t, `exports.handler = async e => { if (e.hang) for (;;); return process.pid }`)
	f.Timeout = time.Second
	res := invoke(t, r, f, `{"hang":true}`)
	if res.Error != "Unhandled" || !strings.Contains(string(res.Payload), "Task timed out after 1.00 seconds") {
		t.Errorf("got %q %s", res.Error, res.Payload)
	}
	if res := invoke(t, r, f, `{}`); res.Error != "" {
		t.Errorf("after a timeout: %s", res.Payload)
	}
}

func TestMemoryLimit(t *testing.T) {
	r := newRunner(t, nil)
	f := script(t, `exports.handler = async () => { const all = []; for (let i = 0; i < 40; i++) { all.push(Buffer.alloc(16 << 20, 1)); await new Promise(r => setTimeout(r, 10)) } return all.length }`)
	f.Timeout = 20 * time.Second
	res := invoke(t, r, f, `{}`)
	if res.Error != "Unhandled" || !strings.Contains(string(res.Payload), "signal: killed") {
		t.Errorf("got %q %.200s", res.Error, res.Payload)
	}
	if !strings.Contains(string(res.Tail), "Error Type: Runtime.OutOfMemory") {
		t.Errorf("log does not tell: %s", res.Tail)
	}
}

func TestLogs(t *testing.T) {
	sink := &logSink{}
	r := newRunner(t, func(c *Config) { c.Logs = sink.write })
	f := script(t, `console.log('loading'); exports.handler = async e => { console.log('hello %s', e.who); console.error('oops'); process.stderr.write('raw\n'); return 1 }`)
	res := invoke(t, r, f, `{"who":"you"}`)
	for _, want := range []string{"START RequestId: req-", "Version: $LATEST", "\tINFO\tloading", "\tINFO\thello you", "\tERROR\toops", "raw\n", "END RequestId: req-", "REPORT RequestId: ", "Init Duration: "} {
		if !strings.Contains(string(res.Tail), want) {
			t.Errorf("tail lacks %q:\n%s", want, res.Tail)
		}
	}
	if sink.mu.Lock(); len(sink.lines) < 7 {
		t.Errorf("sink got %q", sink.lines)
	}
	sink.mu.Unlock()
	if second := invoke(t, r, f, `{"who":"me"}`); strings.Contains(string(second.Tail), "hello you") || !strings.Contains(string(second.Tail), "hello me") {
		t.Errorf("logs of two invocations are mixed:\n%s", second.Tail)
	}
}

func TestConcurrentInvocations(t *testing.T) {
	r := newRunner(t, func(c *Config) { c.MaxProcesses = 4 })
	f := script(t, `exports.handler = async e => { await new Promise(r => setTimeout(r, 20)); return e.i }`)
	var wg sync.WaitGroup
	for i := range 24 {
		wg.Go(func() {
			res, err := r.Invoke(t.Context(), f, Invocation{RequestID: fmt.Sprint("r", i), Event: fmt.Append(nil, `{"i":`, i, `}`)})
			if err != nil || string(res.Payload) != fmt.Sprint(i) {
				t.Errorf("%d: %v %v", i, res, err)
			}
		})
	}
	wg.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.count > 4 {
		t.Errorf("%d processes live", r.count)
	}
}

func TestBusyIsThrottled(t *testing.T) {
	r := newRunner(t, func(c *Config) { c.MaxProcesses, c.Wait = 1, 50*time.Millisecond })
	f := script(t, `exports.handler = async () => new Promise(r => setTimeout(r, 1500))`)
	started := make(chan struct{})
	go func() {
		close(started)
		_, _ = r.Invoke(context.WithoutCancel(t.Context()), f, Invocation{RequestID: "a", Event: []byte(`{}`)})
	}()
	<-started
	for range 100 {
		r.mu.Lock()
		busy := r.count == 1
		r.mu.Unlock()
		if busy {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	if _, err := r.Invoke(t.Context(), f, Invocation{RequestID: "b", Event: []byte(`{}`)}); err != ErrThrottled {
		t.Errorf("got %v", err)
	}
}

func TestExpiringCredentialsRecycleProcesses(t *testing.T) {
	r := newRunner(t, func(c *Config) { c.Sessions = fakeSessions{time.Now().Add(time.Minute)} })
	f := script(t, `let n = 0; exports.handler = async () => ++n`)
	for range 2 {
		if res := invoke(t, r, f, `{}`); string(res.Payload) != "1" {
			t.Fatalf("a process with ending credentials was used again: %s", res.Payload)
		}
	}
}

func TestIdleProcessesEnd(t *testing.T) {
	r := newRunner(t, func(c *Config) { c.Idle = 20 * time.Millisecond })
	invoke(t, r, script(t, `exports.handler = async () => 1`), `{}`)
	for range 200 {
		r.mu.Lock()
		n := len(r.all)
		r.mu.Unlock()
		if n == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("an idle process lives on")
}

func TestResponseTooLarge(t *testing.T) {
	r := newRunner(t, nil)
	res := invoke(t, r, script(t, `exports.handler = async () => 'x'.repeat(7 << 20)`), `{}`)
	if res.Error != "Unhandled" || !strings.Contains(string(res.Payload), "Function.ResponseSizeTooLarge") {
		t.Errorf("got %q %.200s", res.Error, res.Payload)
	}
}

func TestEnvironment(t *testing.T) {
	r := newRunner(t, nil)
	f := script(t, `exports.handler = async () => process.env`)
	f.Env = map[string]string{"TABLE": "t", "AWS_ACCESS_KEY_ID": "mine", "LD_PRELOAD_X": "1"}
	var env map[string]string
	if err := json.Unmarshal(invoke(t, r, f, `{}`).Payload, &env); err != nil {
		t.Fatal(err)
	}
	for k, want := range map[string]string{
		"TABLE": "t", "AWS_ACCESS_KEY_ID": "ASIATEST", "AWS_SECRET_ACCESS_KEY": "secret of arn:aws:iam::123456789012:role/r", "AWS_SESSION_TOKEN": "token",
		"AWS_REGION": "us-east-1", "AWS_ENDPOINT_URL": "http://127.0.0.1:4566", "AWS_EXECUTION_ENV": "AWS_Lambda_nodejs6.10",
	} {
		if env[k] != want {
			t.Errorf("%s is %q, want %q", k, env[k], want)
		}
	}
	for k := range env {
		if strings.HasPrefix(k, "GO") || k == "USER" || k == "SSH_AUTH_SOCK" {
			t.Errorf("the node's own %s reached the function", k)
		}
	}
}
