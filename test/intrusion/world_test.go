// Package intrusion attacks a node over HTTP with everything a stranger, a guest or a signed-in neighbour can make, on the
// example project with its roles and policies. Each attempt must be refused with AWS's code, must leave nothing behind, and
// must tell the operator the actual cause through `bothy why`, but the intruder nothing of it.
package intrusion

import (
	"archive/zip"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"bothy/cli"
	"bothy/node"
	"bothy/wire/sigv4"
)

const region = "us-east-1"

// world is a node with the example project, a neighbour who owns something, and a mallory who wants it.
type world struct {
	node *node.Node
	dir  string
	skip atomic.Int64 // how far the clocks of the node and of the requests are ahead

	project   project
	root      caller
	anyone    caller
	guest     caller // with credentials of an unauthenticated identity
	neighbour person
	mallory   person
}

// person is a user of the example app.
type person struct {
	caller          // with credentials of the identity
	name, id        string
	access, idToken string
}

func (w *world) now() time.Time { return time.Now().Add(time.Duration(w.skip.Load())) }

// later runs what happens after a while.
func (w *world) later(d time.Duration, run func()) {
	w.skip.Add(int64(d))
	defer w.skip.Add(-int64(d))
	run()
}

// newWorld starts a node, imports the project and lets two people in.
func newWorld(t *testing.T) *world {
	t.Helper()
	t.Setenv("AWS_ACCESS_KEY_ID", "") // `bothy` reads the node's own
	w := &world{dir: filepath.Join(t.TempDir(), "data")}
	var err error
	w.node, err = node.New(t.Context(), node.Config{DataDir: w.dir, Listen: "127.0.0.1:0", Now: w.now})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.node.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := w.node.Close(); err != nil {
			t.Error(err)
		}
	})
	w.anyone = caller{w: w}
	w.root = w.anyone.with(w.rootKey(t))
	w.project = w.importProject(t, "tasks", exampleProject(t))
	w.guest = w.anyone.with(w.credentials(t, w.identity(t, nil), nil))
	w.neighbour, w.mallory = w.person(t, "neighbour"), w.person(t, "mallory")
	w.furnish(t)
	return w
}

func (w *world) rootKey(t *testing.T) (c sigv4.Credentials) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(w.dir, node.CredentialsFile))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		switch k, v, _ := strings.Cut(strings.TrimSpace(line), " = "); k {
		case "aws_access_key_id":
			c.AccessKey = v
		case "aws_secret_access_key":
			c.Secret = v
		}
	}
	return c
}

// exampleProject is the example with storage for its users' files switched on.
func exampleProject(t *testing.T) []byte {
	t.Helper()
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join("..", "..", "examples", "tasks", name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	code := zipOf(t, "index.js", read("function/index.js"))
	yml := strings.Replace(read("mobile-hub-project.yml"), "features:\n",
		"features:\n  user-files: !com.amazonaws.mobilehub.v0.UserFiles\n    attributes:\n      enabled: true\n", 1)
	return zipOf(t, "mobile-hub-project.yml", yml, "uploads/lambda-archive.zip", string(code))
}

// zipOf is an archive of entries given as name, text, name, text….
func zipOf(t *testing.T, entries ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := 0; i < len(entries); i += 2 {
		e, err := z.Create(entries[i])
		if err == nil {
			_, err = io.WriteString(e, entries[i+1])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// project is what the Mobile API tells of a project, as far as it is needed here.
type project struct {
	Name      string
	Resources []struct {
		Type, Name, Feature string
		Attributes          map[string]string
	}
}

// importProject creates a project from an archive.
func (w *world) importProject(t *testing.T, name string, archive []byte) project {
	t.Helper()
	var out struct{ Details project }
	w.createProject(t, name, archive).must(t, &out)
	return out.Details
}

func (w *world) createProject(t *testing.T, name string, archive []byte) answer {
	t.Helper()
	q := url.Values{"name": {name}, "region": {region}}
	return w.root.send(t, request{service: "AWSMobileHubService", path: "/projects?" + q.Encode(), kind: "application/octet-stream", body: archive})
}

// find is the project's resource of a type whose name ends so.
func (w *world) find(t *testing.T, kind, suffix string) (name string, attributes map[string]string) {
	t.Helper()
	for _, r := range w.project.Resources {
		if r.Type == kind && (r.Feature == suffix || strings.HasSuffix(r.Name, suffix) || strings.HasPrefix(r.Name, suffix)) {
			return r.Name, r.Attributes
		}
	}
	t.Fatalf("the project has no %s %s", kind, suffix)
	return "", nil
}

func (w *world) table(t *testing.T) string {
	n, _ := w.find(t, "AWS::DynamoDB::Table", "-tasks")
	return n
}
func (w *world) bucket(t *testing.T) string {
	n, _ := w.find(t, "AWS::S3::Bucket", "user-data")
	return n
}
func (w *world) pool(t *testing.T) string {
	_, a := w.find(t, "AWS::Cognito::UserPool", "user-signin")
	return a["user-pools-id"]
}
func (w *world) client(t *testing.T) string {
	_, a := w.find(t, "AWS::Cognito::UserPool", "user-signin")
	return a["user-pools-web-client-id"]
}
func (w *world) identityPool(t *testing.T) string {
	_, a := w.find(t, "AWS::Cognito::IdentityPool", "user-signin")
	return a["poolid"]
}

// api is the host of a deployed API.
func (w *world) api(t *testing.T, name string) string {
	_, a := w.find(t, "AWS::ApiGateway::RestApi", name)
	return a["cfPhysicalID"] + ".execute-api." + region + ".amazonaws.com"
}

// item is a row of the tasks table.
func item(user, task string) map[string]any {
	return map[string]any{"userId": str(user), "taskId": str(task)}
}

func str(s string) map[string]string { return map[string]string{"S": s} }

const secret = "the neighbour's secret"

// furnish gives the neighbour something to steal.
func (w *world) furnish(t *testing.T) {
	t.Helper()
	row := item(w.neighbour.id, "t1")
	row["title"], row["created"] = str(secret), map[string]string{"N": "1"}
	w.neighbour.dynamo(t, "PutItem", map[string]any{"TableName": w.table(t), "Item": row}).must(t, nil)
	w.neighbour.send(t, request{service: "s3", method: "PUT", path: w.objectPath(t, w.neighbour.id, "note"), body: []byte(secret)}).must(t, nil)
}

// objectPath is the URL path of a private object of an identity.
func (w *world) objectPath(t *testing.T, identity, name string) string {
	return "/" + w.bucket(t) + "/private/" + strings.ReplaceAll(identity, ":", "%3A") + "/" + name
}

// intact proves that the neighbour's row and object are as they were.
func (w *world) intact(t *testing.T) {
	t.Helper()
	var got struct {
		Items []map[string]map[string]string
	}
	w.root.dynamo(t, "Scan", map[string]any{"TableName": w.table(t)}).must(t, &got)
	want := fmt.Sprint([]map[string]map[string]string{{"userId": str(w.neighbour.id), "taskId": str("t1"), "title": str(secret), "created": {"N": "1"}}})
	if fmt.Sprint(got.Items) != want {
		t.Errorf("the table holds %v", got.Items)
	}
	list := w.root.send(t, request{service: "s3", method: "GET", path: "/" + w.bucket(t) + "?list-type=2"})
	if keys := regexp.MustCompile(`<Key>.*?</Key>`).FindAllString(string(list.body), -1); len(keys) != 1 || !strings.Contains(keys[0], w.neighbour.id) && !strings.Contains(keys[0], strings.ReplaceAll(w.neighbour.id, ":", "%3A")) {
		t.Errorf("the bucket holds %s", list.body)
	}
	if got := w.root.send(t, request{service: "s3", method: "GET", path: w.objectPath(t, w.neighbour.id, "note")}); string(got.body) != secret {
		t.Errorf("the object is %d %q", got.status, got.body)
	}
}

// why is what the operator reads about a request, by the command line.
func (w *world) why(t *testing.T, id string) string {
	t.Helper()
	defer w.skip.Store(w.skip.Swap(0)) // the command signs by the true time
	var out, errs bytes.Buffer
	if code := cli.Run([]string{"--data", w.dir, "--endpoint", w.node.URL(), "why", id}, &out, &errs, cli.Program{}); code != 0 {
		t.Fatalf("bothy why %s: %s", id, &errs)
	}
	return out.String()
}

// refused wants an answer to be a refusal with a code, whose cause, a regular expression, the operator can read and the
// caller cannot.
func (w *world) refused(t *testing.T, a answer, status int, code, cause string) {
	t.Helper()
	if a.status != status || a.code != code {
		t.Errorf("answered %d %s, want %d %s\n%s", a.status, a.code, status, code, a.body)
	}
	if bytes.Contains(a.body, []byte(secret)) {
		t.Errorf("the answer holds the secret: %s", a.body)
	}
	text := w.why(t, a.id)
	t.Logf("%d %s: %s\n%s", a.status, a.code, a.message, text) // go test -v shows what intruders and operators read
	if line := fmt.Sprintf("\nanswered   %d %s\n", a.status, a.code); a.status != 200 && !strings.Contains(text, line) {
		t.Errorf("the operator does not read %q", line)
	}
	if !regexp.MustCompile(cause).MatchString(text) {
		t.Errorf("the operator does not read %q:\n%s", cause, text)
	}
	_, reason, _ := strings.Cut(text, "\nbecause ")
	reason, _, _ = strings.Cut(strings.TrimSpace(reason), "\n")
	if reason != "" && !strings.Contains(reason, a.message) && bytes.Contains(a.body, []byte(reason)) {
		t.Errorf("the caller reads the cause: %s", a.body)
	}
}

// answer is what the node said.
type answer struct {
	status            int
	code, message, id string
	body              []byte
}

func (a answer) must(t *testing.T, out any) {
	t.Helper()
	if a.status >= 300 {
		t.Fatalf("%d %s %s (%s)", a.status, a.code, a.message, a.id)
	}
	if out == nil {
		return
	}
	if err := json.Unmarshal(a.body, out); err != nil {
		t.Fatalf("%v: %s", err, a.body)
	}
}

func read(t *testing.T, res *http.Response) answer {
	t.Helper()
	defer res.Body.Close() //nolint:errcheck // only read
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := answer{status: res.StatusCode, id: cmp.Or(res.Header.Get("x-amzn-RequestId"), res.Header.Get("x-amz-request-id")), code: res.Header.Get("x-amzn-ErrorType"), body: body}
	var text struct {
		Type           string `json:"__type"`
		Message, Error string
	}
	if json.Unmarshal(body, &text) == nil {
		a.message = text.Message
		if a.code == "" {
			a.code = cmp.Or(text.Type, text.Error)
		}
	} else if a.code == "" {
		a.code = element(body, "Code")
		if _, page, ok := strings.Cut(string(body), "<li>Code: "); ok { // of a site
			a.code, _, _ = strings.Cut(page, "</li>")
		}
	}
	if a.message == "" {
		a.message = element(body, "Message")
	}
	a.code = a.code[strings.LastIndexByte(a.code, '#')+1:]
	return a
}

// element is the text of an XML element.
func element(body []byte, name string) string {
	_, after, _ := strings.Cut(string(body), "<"+name+">")
	text, _, _ := strings.Cut(after, "</"+name+">")
	return text
}
