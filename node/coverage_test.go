package node

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite docs/coverage.md")

// TestCoverage keeps docs/coverage.md: what of each API a node serves. Write it anew with
//
//	go test ./node -run TestCoverage -update
func TestCoverage(t *testing.T) {
	n, err := New(t.Context(), Config{DataDir: t.TempDir(), Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	want := n.coverage()
	const path = "../docs/coverage.md"
	if *update {
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if have, _ := os.ReadFile(path); !bytes.Equal(have, want) {
		t.Error("docs/coverage.md is stale: go test ./node -run TestCoverage -update")
	}
}

func (n *Node) coverage() []byte {
	var b, detail bytes.Buffer
	b.WriteString("# Coverage\n\nOperations that a node serves, of those each API has. Mounted means it works; what is not mounted answers \"not implemented\".\n")
	b.WriteString("Made by `go test ./node -run TestCoverage -update`.\n\n| API | mounted | known |\n|---|---|---|\n")
	for _, a := range APIs() {
		var on, off []string
		for i := range a.Ops {
			if o := &a.Ops[i]; n.services.mux.Mounted(o) {
				on = append(on, o.Name)
			} else {
				off = append(off, o.Name)
			}
		}
		slices.Sort(on)
		fmt.Fprintf(&b, "| %s | %d | %d |\n", a.Name, len(on), len(on)+len(off))
		if len(on) > 0 {
			fmt.Fprintf(&detail, "\n## %s\n\nMounted: %s.\n", a.Name, strings.Join(on, ", "))
		}
		if len(on) > 0 && len(off) > 0 {
			fmt.Fprintf(&detail, "\nNot yet: %s.\n", strings.Join(off, ", "))
		}
	}
	return append(b.Bytes(), detail.Bytes()...)
}
