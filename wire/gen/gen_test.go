package main

import (
	"bytes"
	"flag"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite testdata/golden")

// TestGolden generates from two small models that use every tag. See what a change does with
//
//	go test ./wire/gen -update && git diff wire/gen/testdata
func TestGolden(t *testing.T) {
	dir := t.TempDir()
	if err := Generate("testdata/models", filepath.Join(dir, "api")); err != nil {
		t.Fatal(err)
	}
	seen := 0
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		seen++
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		golden(t, filepath.Join("testdata", "golden", rel+".golden"), path)
		return nil
	})
	if err != nil || seen != 5 {
		t.Errorf("%d files, %v", seen, err)
	}
}

func golden(t *testing.T, want, path string) {
	t.Helper()
	have, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.ParseFile(token.NewFileSet(), path, have, parser.SkipObjectResolution); err != nil {
		t.Errorf("%s does not parse: %v", want, err)
	}
	if *update {
		if err := os.MkdirAll(filepath.Dir(want), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(want, have, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if text, err := os.ReadFile(want); err != nil || !bytes.Equal(text, have) {
		t.Errorf("%s differs (%v): go test ./wire/gen -update", want, err)
	}
}

// TestEveryTag: the golden files show each tag that wire's plans know.
func TestEveryTag(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", "golden", "api", "tinyrest", "zz_types.go.golden"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tag := range []string{"uri=", "q=", "h=", "hp=", "status", "n=", "payload", "req", "attr", "ns=", "jv", "flat", "ts=", "len=", "range=", "pat=", "enum=", "sens", "item=", "ilen=", "ipat=", "ienum=", "key=", "val=", "klen=", "kpat=", "vlen=", "vsens"} {
		if !strings.Contains(string(text), "`w:\""+tag) && !strings.Contains(string(text), ","+tag) {
			t.Errorf("no member has the tag %s", tag)
		}
	}
}

// TestDeterministic: the same models make the same files.
func TestDeterministic(t *testing.T) {
	one, two := t.TempDir(), t.TempDir()
	for _, dir := range []string{one, two} {
		if err := Generate("../models", filepath.Join(dir, "api")); err != nil {
			t.Fatal(err)
		}
	}
	files, err := filepath.Glob(filepath.Join(one, "api", "*", "*.go"))
	if err != nil || len(files) < 10 {
		t.Fatal(len(files), err)
	}
	for _, f := range files {
		a, _ := os.ReadFile(f)
		b, _ := os.ReadFile(filepath.Join(two, strings.TrimPrefix(f, one)))
		if !bytes.Equal(a, b) {
			t.Errorf("%s differs", f)
		}
	}
}

// TestBadModels: what cannot be generated from is an error that names the file, not half a package.
func TestBadModels(t *testing.T) {
	const ok = `{"metadata": {"protocol": "json"}, "operations": {"A": {"name": "A", "http": {"method": "POST", "requestUri": "/"}, "input": {"shape": "In"}}}, "shapes": `
	for name, text := range map[string]string{
		"not JSON":              `{`,
		"not a model":           `[]`,
		"a shape that is not":   ok + `{"In": {"type": "structure", "members": {"x": {"shape": "Nowhere"}}}}}`,
		"an input that is not":  ok + `{}}`,
		"a list of nothing":     ok + `{"In": {"type": "structure", "members": {"x": {"shape": "L"}}}, "L": {"type": "list", "member": {"shape": "Nowhere"}}}}`,
		"a map without a value": ok + `{"In": {"type": "structure", "members": {"x": {"shape": "L"}}}, "L": {"type": "map", "key": {"shape": "In"}}}}`,
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "bad.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := Generate(dir, filepath.Join(dir, "api")); err == nil || !strings.Contains(err.Error(), "bad.json") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := Generate(t.TempDir(), t.TempDir()); err == nil {
		t.Error("no models, no error")
	}
}
