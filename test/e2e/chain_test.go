package e2e

import (
	"archive/zip"
	"bytes"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	sdks    = "test/node/node_modules/identity-js-1"
	runtime = "functions/runtime/node_modules"
	example = "examples/tasks/dist/tasks.zip"
)

// TestChain tells the whole story of an app with each generation of clients, then kills the node, and looks for everything.
func TestChain(t *testing.T) {
	t.Parallel()
	need(t, sdks, runtime, example)
	n := up(t)
	p := n.importProject(t, withUserFiles(t), "chain")
	hosting := "BOTHY_HOSTING=" + p.resource(t, "AWS::S3::Bucket", "hosting")
	states := make([]string, len(chains))
	t.Run("clients", func(t *testing.T) {
		for i, name := range chains {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				states[i] = n.script(t, name+".mjs", hosting, "BOTHY_NAME="+name)
			})
		}
	})
	if t.Failed() {
		return
	}
	n.kill()
	if err := n.start(); err != nil {
		t.Fatal(err)
	}
	n.script(t, "after.mjs", hosting, "BOTHY_STATE="+states[0])
	if again := n.importProject(t, withUserFiles(t), "chain"); again.ProjectID != p.ProjectID || again.resource(t, "AWS::Cognito::UserPool", "user-signin") != p.resource(t, "AWS::Cognito::UserPool", "user-signin") {
		t.Errorf("the second import made another project: %+v", again)
	}
	n.script(t, "after.mjs", hosting, "BOTHY_STATE="+states[0])
	if err := n.stop(); err != nil {
		t.Errorf("SIGTERM: %v", err)
	}
}

// TestServices runs SDK v3 over what the chain does not touch, service by service.
func TestServices(t *testing.T) {
	t.Parallel()
	need(t, sdks, runtime, example)
	code := filepath.Join(t.TempDir(), "code.zip")
	if err := os.WriteFile(code, exampleEntry(t, "uploads/lambda-archive.zip"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, scheme := range []string{"http", "https"} { // SDKs sign bodies of one, and send trailers over the other
		t.Run(scheme, func(t *testing.T) {
			n := up(t)
			n.script(t, "services.mjs", "AWS_ACCESS_KEY_ID="+n.key, "AWS_SECRET_ACCESS_KEY="+n.secret, "BOTHY_ZIP="+code, "AWS_ENDPOINT_URL="+scheme+"://"+n.addr)
		})
	}
}

// exampleEntry is a file of the example project.
func exampleEntry(t testing.TB, name string) []byte {
	t.Helper()
	from, err := zip.OpenReader(repo(example))
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close() //nolint:errcheck // only read
	body, err := fs.ReadFile(from, name)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// chains are the scripts of test/node; the first one's users are those looked for after the restart.
var chains = []string{"sdk3", "sdk2", "identityjs1", "identityjs6", "amplify"}

// withUserFiles is the example project with storage for its users' files switched on.
func withUserFiles(t testing.TB) string {
	t.Helper()
	from, err := zip.OpenReader(repo(example))
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close() //nolint:errcheck // only read
	var made bytes.Buffer
	to := zip.NewWriter(&made)
	for _, f := range from.File {
		if err := copyEntry(to, f); err != nil {
			t.Fatal(err)
		}
	}
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "project.zip")
	if err := os.WriteFile(path, made.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const userFiles = "features:\n  user-files: !com.amazonaws.mobilehub.v0.UserFiles\n    attributes:\n      enabled: true\n"

func copyEntry(to *zip.Writer, f *zip.File) error {
	r, err := f.Open()
	if err != nil {
		return err
	}
	defer r.Close() //nolint:errcheck // only read
	body, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if strings.HasSuffix(f.Name, ".yml") {
		body = []byte(strings.Replace(string(body), "features:\n", userFiles, 1))
	}
	w, err := to.Create(f.Name)
	if err != nil {
		return err
	}
	_, err = w.Write(body)
	return err
}
