package e2e

import (
	"archive/zip"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCustomSignIn runs the sign-ins in which functions have a say, and those without passwords, with the clients of each generation.
func TestCustomSignIn(t *testing.T) {
	t.Parallel()
	need(t, sdks, runtime)
	n := up(t)
	captcha, err := os.ReadFile("testdata/captcha/index.js")
	if err != nil {
		t.Fatal(err)
	}
	n.script(t, "custom.mjs", "AWS_ACCESS_KEY_ID="+n.key, "AWS_SECRET_ACCESS_KEY="+n.secret,
		"BOTHY_ZIP="+zipped(t, captcha), "BOTHY_MIGRATION="+zipped(t, codeOf(t, "docs/guides/migrating-users.md")))
}

// codeOf is the JavaScript of a guide: what readers copy is what is tested.
func codeOf(t testing.TB, guide string) []byte {
	t.Helper()
	text, err := os.ReadFile(repo(guide))
	if err != nil {
		t.Fatal(err)
	}
	_, code, found := strings.Cut(string(text), "```js\n")
	code, _, ended := strings.Cut(code, "```")
	if !found || !ended {
		t.Fatalf("%s has no JavaScript", guide)
	}
	return []byte(code)
}

// zipped is an archive of a function: one index.js.
func zipped(t testing.TB, index []byte) string {
	t.Helper()
	var made bytes.Buffer
	to := zip.NewWriter(&made)
	w, err := to.Create("index.js")
	if err == nil {
		_, err = w.Write(index)
	}
	if err == nil {
		err = to.Close()
	}
	path := filepath.Join(t.TempDir(), "function.zip")
	if err == nil {
		err = os.WriteFile(path, made.Bytes(), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}
