package runner

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

type entry struct {
	name string
	text string
	mode fs.FileMode
}

func zipOf(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, e := range entries {
		h := &zip.FileHeader{Name: e.name, Method: zip.Deflate}
		if e.mode != 0 {
			h.SetMode(e.mode)
		}
		w, err := z.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, e.text); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestUnpack(t *testing.T) {
	body := zipOf(t, entry{name: "index.js", text: "1"}, entry{name: "lib/a/b.js", text: "2"}, entry{name: "bin/tool", text: "3", mode: 0o4755},
		entry{name: "bin/link", text: "tool", mode: fs.ModeSymlink | 0o777}, entry{name: "empty/"}, entry{name: "./dot.js", text: "4"}, entry{name: "ünï ⚡.js", text: "5"})
	dir := t.TempDir()
	if err := Unpack(bytes.NewReader(body), int64(len(body)), dir); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"index.js": "1", "lib/a/b.js": "2", "bin/tool": "3", "bin/link": "3", "dot.js": "4", "ünï ⚡.js": "5"} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != want {
			t.Errorf("%s: %q %v", name, got, err)
		}
	}
	if st, err := os.Stat(filepath.Join(dir, "bin/tool")); err != nil || st.Mode() != 0o555 {
		t.Errorf("tool has %v, want r-xr-xr-x", st.Mode())
	}
}

func TestHostileArchives(t *testing.T) {
	for name, entries := range map[string][]entry{
		"parent":              {{name: "../evil", text: "x"}},
		"deep parent":         {{name: "a/../../evil", text: "x"}},
		"absolute":            {{name: "/etc/evil", text: "x"}},
		"backslash":           {{name: `..\evil`, text: "x"}},
		"drive":               {{name: `C:\evil`, text: "x"}},
		"nul":                 {{name: "a\x00b", text: "x"}},
		"double slash":        {{name: "a//b", text: "x"}},
		"dot":                 {{name: "a/./b", text: "x"}},
		"empty":               {{name: "", text: "x"}},
		"twice":               {{name: "a", text: "1"}, {name: "a", text: "2"}},
		"file and directory":  {{name: "a", text: "1"}, {name: "a/b", text: "2"}},
		"link out":            {{name: "l", text: "../../etc/passwd", mode: fs.ModeSymlink | 0o777}},
		"absolute link":       {{name: "l", text: "/etc/passwd", mode: fs.ModeSymlink | 0o777}},
		"write through link":  {{name: "l", text: ".", mode: fs.ModeSymlink | 0o777}, {name: "l/x", text: "x"}},
		"link then same name": {{name: "l", text: "a", mode: fs.ModeSymlink | 0o777}, {name: "l", text: "x"}},
		"device":              {{name: "d", mode: fs.ModeDevice | 0o666}},
		"pipe":                {{name: "p", mode: fs.ModeNamedPipe | 0o666}},
		"long name":           {{name: strings.Repeat("a", 300), text: "x"}},
	} {
		t.Run(name, func(t *testing.T) {
			body := zipOf(t, entries...)
			outer := t.TempDir()
			dir := filepath.Join(outer, "in")
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := Unpack(bytes.NewReader(body), int64(len(body)), dir); !errors.Is(err, ErrArchive) {
				t.Errorf("unpack: %v", err)
			}
			if _, err := CheckArchive(bytes.NewReader(body), int64(len(body))); !errors.Is(err, ErrArchive) {
				t.Errorf("check: %v", err)
			}
			if left, err := os.ReadDir(outer); err != nil || len(left) != 1 {
				t.Errorf("something was written outside: %v", left)
			}
		})
	}
}

func TestBombs(t *testing.T) {
	zeros := strings.Repeat("\x00", 32<<20)
	var entries []entry
	for _, n := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		entries = append(entries, entry{name: n, text: zeros})
	}
	body := zipOf(t, entries...)
	if _, err := CheckArchive(bytes.NewReader(body), int64(len(body))); !errors.Is(err, ErrTooLarge) {
		t.Errorf("256 MB of zeros in %d bytes: %v", len(body), err)
	}
	if _, err := CheckArchive(bytes.NewReader(nil), MaxZipBytes+1); !errors.Is(err, ErrTooLarge) {
		t.Errorf("large archive: %v", err)
	}
	if _, err := CheckArchive(strings.NewReader("not a zip"), 9); !errors.Is(err, ErrArchive) {
		t.Errorf("garbage: %v", err)
	}
}

func FuzzArchiveNames(f *testing.F) {
	for _, name := range []string{"index.js", "../x", "/x", "a/../b", "a/..", "./x", "a\\b", "a\x00", "..", ".", "", "a//b", "é/ü"} {
		f.Add(name, "target")
		f.Add("link", name)
	}
	f.Fuzz(func(t *testing.T, name, target string) {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		for i, h := range []*zip.FileHeader{{Name: name}, {Name: "l"}} {
			text := "x"
			if i == 1 {
				h.SetMode(fs.ModeSymlink | 0o777)
				text = target
			}
			w, err := z.CreateHeader(h)
			if err != nil {
				return
			}
			_, _ = io.WriteString(w, text)
		}
		if z.Close() != nil {
			return
		}
		outer := t.TempDir()
		dir := filepath.Join(outer, "in")
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		unpacked := Unpack(bytes.NewReader(b.Bytes()), int64(b.Len()), dir)
		// A file system may refuse a name that the check lets pass, never the other way.
		if _, err := CheckArchive(bytes.NewReader(b.Bytes()), int64(b.Len())); err != nil && unpacked == nil {
			t.Fatalf("unpacked what the check refuses: %v", err)
		}
		if left, err := os.ReadDir(outer); err != nil || len(left) != 1 {
			t.Fatalf("%q wrote outside: %v", name, left)
		}
		root, err := os.OpenRoot(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close()
		if f, err := root.Open("l"); err != nil && strings.Contains(err.Error(), "escapes") {
			t.Fatalf("link to %q leads out", target)
		} else if err == nil {
			f.Close()
		}
	})
}
