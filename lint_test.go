package bothy_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestPackageDocs wants one comment per package, in one file, that says what the package is.
func TestPackageDocs(t *testing.T) {
	docs := map[string][]string{}
	for _, f := range goFiles(t) {
		dir := path.Dir(f)
		if strings.HasSuffix(f, "_test.go") && dir != "." {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), f, nil, parser.PackageClauseOnly|parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		docs[dir] = append(docs[dir], docOf(parsed)...)
	}
	for dir, d := range docs {
		if len(d) != 1 {
			t.Errorf("%s: %d package comments, want one", dir, len(d))
		}
	}
}

func docOf(f *ast.File) []string {
	if f.Doc == nil || strings.HasPrefix(f.Doc.Text(), "Code generated") {
		return nil
	}
	return []string{f.Doc.Text()}
}

func TestFormatting(t *testing.T)  { quiet(t, "gofmt", "-l", ".") }
func TestVet(t *testing.T)         { quiet(t, "go", "vet", "./...") }
func TestStaticcheck(t *testing.T) { quiet(t, "go", "tool", "staticcheck", "./...") }

// downloading is what the go command says on a machine whose module cache is empty.
var downloading = regexp.MustCompile(`(?m)^go: downloading .*\n`)

// quiet runs a checker that prints nothing when all is well.
func quiet(t *testing.T, name string, args ...string) {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	out = downloading.ReplaceAll(out, nil)
	if err != nil || len(bytes.TrimSpace(out)) > 0 {
		t.Errorf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

// TestFreshGeneration regenerates the API packages and finds no difference.
func TestFreshGeneration(t *testing.T) {
	dir := t.TempDir()
	quiet(t, "go", "run", "./wire/gen", "-out", filepath.Join(dir, "api"))
	made, err := filepath.Glob(filepath.Join(dir, "api", "*", "zz_*.go"))
	if err != nil || len(made) == 0 {
		t.Fatalf("the generator made %d files: %v", len(made), err)
	}
	for _, f := range append(made, filepath.Join(dir, "wire", "zz_loopback_test.go")) {
		rel, _ := filepath.Rel(dir, f)
		want, _ := os.ReadFile(f)
		if have, _ := os.ReadFile(rel); !bytes.Equal(have, want) {
			t.Errorf("%s is stale: run go run ./wire/gen", rel)
		}
	}
}
