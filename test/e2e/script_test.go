package e2e

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

const (
	python    = ".cache/python/bin/aws"
	boto      = ".cache/python/lib/python*/site-packages/boto3"
	pycognito = ".cache/python/lib/python*/site-packages/pycognito"
)

// TestCLI runs the scripts of testdata/cli: Bothy's own command line, as text.
func TestCLI(t *testing.T) {
	t.Parallel()
	need(t, runtime, example)
	runScripts(t, "testdata/cli", func(n *node) []string { return n.env() })
}

// TestAWS runs the scripts of testdata/aws: the AWS CLI at AWS_ENDPOINT_URL, service by service, with the root key.
func TestAWS(t *testing.T) {
	t.Parallel()
	need(t, python, runtime)
	runScripts(t, "testdata/aws", func(n *node) []string { return n.root() })
}

type nodeKey struct{} // of the script's node

func runScripts(t *testing.T, dir string, env func(*node) []string) {
	testscript.Run(t, testscript.Params{
		Dir: dir,
		Setup: func(e *testscript.Env) error {
			n, err := newNode(filepath.Join(e.WorkDir, "data"))
			if err != nil {
				return err
			}
			e.Defer(n.kill)
			e.Values[nodeKey{}] = n
			e.Vars = append(e.Vars, "PATH="+strings.Join([]string{filepath.Dir(program), repo(filepath.Dir(python)), os.Getenv("PATH")}, string(os.PathListSeparator)),
				"EXAMPLES="+repo("examples/tasks/dist"), "ADDR="+n.addr, "URL="+n.url(), "TLS=https://"+n.addr)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"up":    func(ts *testscript.TestScript, neg bool, args []string) { scriptUp(ts, env, args) },
			"crash": func(ts *testscript.TestScript, neg bool, args []string) { nodeOf(ts).kill() },
			"halt":  func(ts *testscript.TestScript, neg bool, args []string) { ts.Check(nodeOf(ts).stop()) },
			"keep":  scriptKeep,
			"http":  scriptHTTP,
			"fill":  scriptFill,
			"until": scriptUntil,
			"flip":  scriptFlip,
		},
	})
}

func nodeOf(ts *testscript.TestScript) *node { return ts.Value(nodeKey{}).(*node) }

// scriptUp is the command `up [FLAG...]`: it starts the script's node and sets the environment that points clients at it.
func scriptUp(ts *testscript.TestScript, env func(*node) []string, flags []string) {
	n := nodeOf(ts)
	ts.Check(n.start(flags...))
	for _, v := range env(n) {
		if name, value, _ := strings.Cut(v, "="); name != "PATH" && name != "HOME" {
			ts.Setenv(name, value)
		}
	}
}

// scriptKeep is the command `keep NAME...`: it keeps the words of the last standard output as variables.
func scriptKeep(ts *testscript.TestScript, _ bool, names []string) {
	words := strings.Fields(ts.ReadFile("stdout"))
	if len(words) != len(names) {
		ts.Fatalf("keep: %d words of output for %d names", len(words), len(names))
	}
	for i, name := range names {
		ts.Setenv(name, words[i])
	}
}

// scriptHTTP is the command `http METHOD URL [HEADER:VALUE...]`: it sends a request as it is, unsigned, and writes status,
// headers and body to standard output.
func scriptHTTP(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: http METHOD URL [HEADER:VALUE...]")
	}
	req, err := http.NewRequest(args[0], args[1], nil)
	ts.Check(err)
	for _, h := range args[2:] {
		name, value, _ := strings.Cut(h, ":")
		if req.Header.Set(name, value); strings.EqualFold(name, "Host") {
			req.Host = value
		}
	}
	res, err := (&http.Transport{}).RoundTrip(req) // redirects are shown, not followed
	ts.Check(err)
	defer res.Body.Close() //nolint:errcheck // only read
	fmt.Fprintf(ts.Stdout(), "%d\n", res.StatusCode)
	for _, name := range slices.Sorted(maps.Keys(res.Header)) {
		fmt.Fprintf(ts.Stdout(), "%s: %s\n", name, strings.Join(res.Header[name], ", "))
	}
	body, err := io.ReadAll(res.Body)
	ts.Check(err)
	fmt.Fprintf(ts.Stdout(), "\n%s\n", body)
}

// scriptFill is the command `fill FILE BYTES`: it writes a file of that size in which no two blocks are the same.
func scriptFill(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: fill FILE BYTES")
	}
	size, err := strconv.Atoi(args[1])
	ts.Check(err)
	var b strings.Builder
	for i := 0; b.Len() < size; i++ {
		fmt.Fprintf(&b, "line %d\n", i)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(b.String()[:size]), 0o600))
}

// scriptUntil is the command `until PATTERN PROGRAM [ARGUMENT...]`: it runs the program until its standard output matches.
func scriptUntil(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: until PATTERN PROGRAM [ARGUMENT...]")
	}
	want, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	for end := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		err := ts.Exec(args[1], args[2:]...)
		out := ts.ReadFile("stdout")
		switch {
		case err == nil && want.MatchString(out):
			return
		case time.Now().After(end):
			ts.Fatalf("until %q: %v\n%s\n%s", args[0], err, out, ts.ReadFile("stderr"))
		}
	}
}

// scriptFlip is the command `flip FILE`: it changes one bit in the middle of a file.
func scriptFlip(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: flip FILE")
	}
	path := ts.MkAbs(args[0])
	raw, err := os.ReadFile(path)
	ts.Check(err)
	raw[len(raw)/2] ^= 1
	ts.Check(os.WriteFile(path, raw, 0o600))
}
