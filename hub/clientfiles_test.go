package hub

import (
	"encoding/json"
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares with a file of testdata; generated parts are given stable words first.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := "testdata/" + name + ".golden"
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs:\n%s", name, got)
	}
}

func TestClientFiles(t *testing.T) {
	w := newWorld(t, false)
	d := w.project(t, "ionic-tasks")
	n := w.number(t, d)
	row, err := w.s.project(t.Context(), account, d.ProjectId.V)
	if err != nil {
		t.Fatal(err)
	}
	r, err := w.s.reader(t.Context(), account, row)
	if err != nil {
		t.Fatal(err)
	}
	stable := strings.NewReplacer(d.ProjectId.V, "PROJECT", n, "1083965034")
	for _, name := range []string{"aws-config.js", "aws-exports.js", "awsconfiguration.json"} {
		content, err := r.configFile(name)
		if err != nil {
			t.Fatal(err)
		}
		golden(t, name, stable.Replace(string(content)))
		if stored := w.has["object ionictasks-hosting-mobilehub-"+n+"/"+name]; name != "awsconfiguration.json" && stored != string(content) {
			t.Errorf("the hosting bucket has another %s", name)
		}
	}
}

// cloud logic is a string to be parsed in aws-config.js and a list in aws-exports.js.
func TestCloudLogicForms(t *testing.T) {
	w := newWorld(t, false)
	d := w.project(t, "a")
	hosting := "object a-hosting-mobilehub-" + w.number(t, d) + "/"
	line := regexp.MustCompile(`(?m)^const aws_cloud_logic_custom = '(.*)';$`).FindStringSubmatch(w.has[hosting+"aws-config.js"])
	var apis []cloudAPI
	if line == nil || json.Unmarshal([]byte(line[1]), &apis) != nil || len(apis) != 2 || apis[1].Name != "TasksAPI" ||
		!strings.HasSuffix(apis[1].Endpoint, ".execute-api.us-east-1.amazonaws.com/Development") || apis[1].Paths[1] != "/tasks/123" {
		t.Errorf("%q %+v", line, apis)
	}
	list := regexp.MustCompile(`'aws_cloud_logic_custom': (\[.*\]),`).FindStringSubmatch(w.has[hosting+"aws-exports.js"])
	if list == nil || json.Unmarshal([]byte(list[1]), &apis) != nil || len(apis) != 2 {
		t.Errorf("%q", list)
	}
}

// What a project file says cannot leave its place in a script.
func TestScriptIsSafe(t *testing.T) {
	for in, want := range map[string]string{
		`a'b`: `'a\'b'`, `a"b`: `'a"b'`, `a\b`: `'a\\b'`, "a\nb": `'a\nb'`, `</script>`: `'\u003c/script\u003e'`, "\u2028": `'\u2028'`, `\'`: `'\\\''`,
	} {
		if got := literal(in); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}
