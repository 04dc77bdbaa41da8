package hub

import (
	"archive/zip"
	"bytes"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func parse(t *testing.T, upload []byte) *Project {
	t.Helper()
	p, err := Parse(upload)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func pack(t testing.TB, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for name, text := range files {
		f, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		f.Write([]byte(text)) //nolint:errcheck // a buffer
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestParseFull(t *testing.T) {
	p := parse(t, fixture(t, "full.yml"))
	if p.Name != "NotesDemo" || p.Region != "us-east-1" || !p.UserFiles || !p.WildcardCORS || !p.UserSettings || !p.Analytics || !p.Push {
		t.Errorf("project %+v", p)
	}
	want := &SignIn{Optional: true, Pool: &UserPool{Name: "userpool", Aliases: []string{"email"}, MFA: "OPTIONAL", MinLength: 8, Lowercase: true, Numbers: true, Uppercase: true}}
	if !reflect.DeepEqual(p.SignIn, want) {
		t.Errorf("sign-in %+v", p.SignIn.Pool)
	}
	if p.Hosting == nil || !p.Hosting.Global {
		t.Errorf("hosting %+v", p.Hosting)
	}
	if len(p.APIs) != 1 || !p.APIs[0].RequiresSignIn || len(p.APIs[0].Paths) != 2 || p.APIs[0].Paths[1].Path != "/notes/{proxy+}" {
		t.Fatalf("APIs %+v", p.APIs)
	}
	f := p.APIs[0].Paths[0].Function
	if f.Name != "notesHandler" || f.CodeFile != "uploads/notes.zip" || f.TimeoutS != 15 || !f.CORS || f.Environment["NOTES_TABLE"] != "___DYNAMIC_PREFIX___-notes" ||
		!reflect.DeepEqual(f, p.APIs[0].Paths[1].Function) {
		t.Errorf("function %+v", f)
	}
	table := p.Tables[0]
	if table.Privacy != "private" || table.Hash != (Attribute{"userId", "S"}) || table.Sort != (Attribute{"noteId", "S"}) ||
		!reflect.DeepEqual(table.Indexes, []TableIndex{{"ByDate", Attribute{"userId", "S"}, Attribute{"created", "N"}}}) {
		t.Errorf("table %+v", table)
	}
	for _, w := range []string{"facebook", "google", "bots", "Pinpoint", "user-profiles"} {
		if !strings.Contains(strings.Join(p.Warnings, "\n"), w) {
			t.Errorf("no warning about %s in %q", w, p.Warnings)
		}
	}
}

// The lexical habits of real exports: no blank after the dashes, blanks after tags, JSON in strings, numbers as text, OFF.
func TestParseIonic(t *testing.T) {
	p := parse(t, fixture(t, "ionic.yml"))
	if len(p.Warnings) > 0 {
		t.Errorf("warnings %q", p.Warnings)
	}
	if u := p.SignIn.Pool; u.MFA != "OFF" || !slices.Equal(u.Aliases, []string{"email"}) || u.MinLength != 8 || !u.Symbols || !u.Uppercase {
		t.Errorf("pool %+v", u)
	}
	if len(p.APIs) != 2 || p.APIs[0].RequiresSignIn || !p.APIs[1].RequiresSignIn {
		t.Fatalf("APIs %+v", p.APIs)
	}
	if f := p.APIs[1].Paths[0].Function; f.Name != "handler" || f.MemoryMB != 128 || f.TimeoutS != 15 {
		t.Errorf("function %+v", f)
	}
	if !reflect.DeepEqual(p.Uploads, []Upload{{"lambda-archive.zip", "deployments"}}) {
		t.Errorf("uploads %+v", p.Uploads)
	}
}

func TestParseVariants(t *testing.T) {
	for name, c := range map[string]struct {
		yml   string
		check func(*Project) bool
	}{
		"empty features": {"--- !com.amazonaws.mobilehub.v0.Project\nfeatures:\n  sign-in: !com.amazonaws.mobilehub.v0.SignIn {}\n  cloudlogic: !com.amazonaws.mobilehub.v0.CloudLogic {}\nname: a\n",
			func(p *Project) bool { return p.SignIn == nil && p.APIs == nil }},
		"no features":     {"--- !com.amazonaws.mobilehub.v0.Project\nname: a\nregion: eu-west-1\n", func(p *Project) bool { return p.Name == "a" && p.Hosting == nil }},
		"byte order mark": {"\xef\xbb\xbf---!com.amazonaws.mobilehub.v0.Project\nname: a\n", func(p *Project) bool { return p.Name == "a" }},
		"comment first":   {"# mine\n---!com.amazonaws.mobilehub.v0.Project\nname: a\n", func(p *Project) bool { return p.Name == "a" }},
		"CRLF":            {"---!com.amazonaws.mobilehub.v0.Project\r\nname: a\r\nfeatures: \r\n  content-delivery: \r\n    attributes: \r\n      enabled: 'true' \r\n", func(p *Project) bool { return p.Hosting != nil && p.Hosting.Global }},
		"private hosting": {"features: {content-delivery: {attributes: {enabled: true, visibility: private-single-region}}}", func(p *Project) bool { return p.Hosting != nil && !p.Hosting.Global }},
		"switched off":    {"features: {user-files: {attributes: {enabled: OFF}}, content-delivery: {attributes: {enabled: \"false\"}}}", func(p *Project) bool { return !p.UserFiles && p.Hosting == nil }},
		"merge key": {"features: {cloudlogic: {components: {A: {attributes: {name: A}, paths: {/x: &f {name: fx, timeout: 9}, /y: {<<: *f, timeout: 5, name: fy}}}}}}", func(p *Project) bool {
			return p.APIs[0].Paths[1].Function.TimeoutS == 5 && p.APIs[0].Paths[0].Function.TimeoutS == 9
		}},
		"one function, described twice": {"features: {cloudlogic: {components: {A: {paths: {/x: {name: f, description: x}, '/x/{proxy+}': {name: f, description: y}}}}}}",
			func(p *Project) bool { return p.Warnings == nil && p.APIs[0].Paths[1].Function.Description == "x" }},
		"two functions of a name": {"features: {cloudlogic: {components: {A: {paths: {/x: {name: f, timeout: 3}, /y: {name: f, timeout: 4}}}}}}",
			func(p *Project) bool { return len(p.Warnings) == 1 && p.APIs[0].Paths[1].Function.TimeoutS == 3 }},
		"existing pool": {"features: {sign-in: {attributes: {enabled: true}, components: {sign-in-user-pools: {attributes: {user-pool-id: us-west-2_abc}}}}}",
			func(p *Project) bool { return p.SignIn.Pool.Existing == "us-west-2_abc" }},
		"unknown things": {"features: {teleport: {enabled: true}}\nextra: 1\n", func(p *Project) bool { return len(p.Warnings) == 2 }},
	} {
		p, err := Parse([]byte(c.yml))
		if err != nil || !c.check(p) {
			t.Errorf("%s: %+v %v", name, p, err)
		}
	}
}

func TestParseZip(t *testing.T) {
	yml := string(fixture(t, "ionic.yml"))
	for name, files := range map[string]map[string]string{
		"root":     {"mobile-hub-project.yml": yml, "lambda-archive.zip": "code"},
		"folder":   {"a-mobilehub-1/mobile-hub-project.yml": yml, "a-mobilehub-1/lambda-archive.zip": "code", "__MACOSX/a/mobile-hub-project.yml": "junk"},
		"deeper":   {"mobile-hub-project.yml": yml, "lambda-archive.zip": "code", "backup/mobile-hub-project.yml": "name: other"},
		"dot path": {"./mobile-hub-project.yml": yml, "./lambda-archive.zip": "code"},
	} {
		p := parse(t, pack(t, files))
		if p.Name != "ionic-tasks" || string(p.Files["lambda-archive.zip"]) != "code" {
			t.Errorf("%s: %s %v", name, p.Name, p.Files)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	yml := string(fixture(t, "ionic.yml"))
	bomb := "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
	for i := 'b'; i <= 'k'; i++ {
		bomb += fmt.Sprintf("%c: &%c [*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c]\n", i, i, i-1, i-1, i-1, i-1, i-1, i-1, i-1, i-1, i-1, i-1)
	}
	many := map[string]string{"mobile-hub-project.yml": yml}
	for i := range maxZipFiles + 1 {
		many[fmt.Sprint(i)] = ""
	}
	for name, c := range map[string]struct {
		upload []byte
		say    string
	}{
		"empty":              {nil, "is empty"},
		"no project":         {[]byte("services: {web: {image: nginx}}\n"), "not a Mobile Hub project"},
		"switch":             {[]byte("features:\n  cloudlogic: {components: {A: {attributes: {requires-signin: ture}}}}\n"), `line 2 of the project file: "ture" is neither true nor false`},
		"switch of a list":   {[]byte("features:\n  user-files: {attributes: {enabled: [true]}}\n"), "line 2 of the project file is neither"},
		"number":             {[]byte("features: {cloudlogic: {components: {A: {paths: {/x: {timeout: 15s}}}}}}"), "not a whole number"},
		"no mapping":         {[]byte("- a\n"), "not a mapping"},
		"broken":             {[]byte("a: [\n"), "not YAML"},
		"two documents":      {[]byte("a: 1\n---\nb: 1\n"), "more than one document"},
		"another type":       {[]byte("--- !com.amazonaws.mobilehub.v0.Table\na: 1\n"), "not a Project"},
		"alias bomb":         {[]byte(bomb), "more than 50000 nodes"},
		"alias of much":      {[]byte("a: &a " + strings.Repeat("x", 10000) + "\nb: [" + strings.Repeat("*a,", 100) + "]\n"), "more than"},
		"alias of itself":    {[]byte("a: &a {b: *a}\n"), ""},
		"deep":               {[]byte(strings.Repeat("{a: ", 100) + "1" + strings.Repeat("}", 100)), "nested"},
		"key twice":          {[]byte("name: a\nname: b\n"), ""},
		"key no text":        {[]byte("? [a]\n: 1\n"), "not text"},
		"too large":          {bytes.Repeat([]byte("#"), MaxUpload+1), "too large"},
		"too much YAML":      {bytes.Repeat([]byte("#\n"), maxYAMLBytes), "at most"},
		"zip without":        {pack(t, map[string]string{"a.txt": "a"}), "holds no mobile-hub-project.yml"},
		"zip with two":       {pack(t, map[string]string{"a/mobile-hub-project.yml": yml, "b/mobile-hub-project.yml": yml}), "more than one"},
		"zip traversal":      {pack(t, map[string]string{"mobile-hub-project.yml": yml, "../evil": "x"}), "leads out"},
		"zip traversal deep": {pack(t, map[string]string{"mobile-hub-project.yml": yml, "a/../../evil": "x"}), "leads out"},
		"zip backslash":      {pack(t, map[string]string{"mobile-hub-project.yml": yml, `..\evil`: "x"}), "leads out"},
		"zip absolute":       {pack(t, map[string]string{"mobile-hub-project.yml": yml, "/etc/passwd": "x"}), "leads out"},
		"zip drive":          {pack(t, map[string]string{"mobile-hub-project.yml": yml, "C:evil": "x"}), "leads out"},
		"zip of many":        {pack(t, many), "files"},
		"zip bomb":           {pack(t, map[string]string{"mobile-hub-project.yml": yml, "big": strings.Repeat("0", maxZipInflated+1)}), "larger than"},
		"broken zip":         {[]byte("PK\x03\x04 nothing"), "not a readable zip"},
		"code traversal":     {[]byte("features: {cloudlogic: {components: {A: {paths: {/x: {codeFilename: ../../etc/passwd}}}}}}"), "not a plain path"},
		"upload traversal":   {[]byte("features: {}\nuploads: [{fileName: ../../x, targetS3Bucket: hosting}]"), "not a plain path"},
		"path":               {[]byte("features: {cloudlogic: {components: {A: {paths: {'x y': {}}}}}}"), "not a path"},
		"SaaS connector":     {[]byte("features: {cloudlogic: {components: {A: !com.amazonaws.mobilehub.v0.SaaSConnectorAPI {}}}}"), "SaaS"},
		"table privacy":      {[]byte("features: {database: {components: {x: {tables: [{tableName: a, hashKeyName: b, tablePrivacy: everyone}]}}}}"), "tablePrivacy"},
		"table name":         {[]byte("features: {database: {components: {x: {tables: [{tableName: 'a/b', hashKeyName: b}]}}}}"), "not a name"},
		"function name":      {[]byte("features: {cloudlogic: {components: {A: {paths: {/x: {name: " + strings.Repeat("f", maxFunctionName) + "}}}}}}"), "at most 42"},
		"MFA":                {[]byte("features: {sign-in: {attributes: {enabled: true}, components: {sign-in-user-pools: {attributes: {mfa-configuration: MAYBE}}}}}"), "mfa-configuration"},
	} {
		p, err := Parse(c.upload)
		if err == nil || !strings.Contains(err.Error(), c.say) {
			t.Errorf("%s: %v %v", name, p, err)
		}
	}
}

// A table without a privacy is closed, not open.
func TestTableIsClosedByDefault(t *testing.T) {
	p := parse(t, []byte("features: {database: {components: {x: {tables: [{tableName: a, hashKeyName: userId}]}}}}"))
	if p.Tables[0].Privacy != "private" {
		t.Errorf("privacy %q", p.Tables[0].Privacy)
	}
}

// What is written can be read again and says the same, unknown parts included.
func TestRoundTrip(t *testing.T) {
	for _, name := range []string{"full.yml", "ionic.yml"} {
		p := parse(t, append(fixture(t, name), []byte("extra: !com.amazonaws.mobilehub.v0.Unheard {a: [1, \"2\", OFF]}\n")...))
		yml, err := p.yml("New Name", "eu-west-1")
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.HasPrefix(yml, []byte("--- !com.amazonaws.mobilehub.v0.Project\n")) {
			t.Errorf("%s begins %.80q", name, yml)
		}
		for _, keep := range []string{"!com.amazonaws.mobilehub.v0.Unheard", "!com.amazonaws.mobilehub.v0.NoSQLTable", "\"2\"", "{proxy+}", "name: New Name", "region: eu-west-1"} {
			if !bytes.Contains(yml, []byte(keep)) {
				t.Errorf("%s lost %s:\n%s", name, keep, yml)
			}
		}
		if bytes.ContainsAny(yml, "&*") {
			t.Errorf("%s has aliases", name)
		}
		again := parse(t, yml)
		again.doc, p.doc, again.Files, p.Files = nil, nil, nil, nil
		p.Name, p.Region = "New Name", "eu-west-1"
		if !reflect.DeepEqual(p, again) {
			t.Errorf("%s:\n%+v\n%+v", name, p, again)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(fixture(f, "full.yml"))
	f.Add(fixture(f, "ionic.yml"))
	f.Add(pack(f, map[string]string{"x/mobile-hub-project.yml": "name: a", "x/../y": "z"}))
	f.Add([]byte("a: &a {<<: *a}"))
	f.Add([]byte("a: {<<: [{b: 1}, 2]}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := Parse(b)
		if err != nil {
			return
		}
		yml, err := p.yml("a", "us-east-1")
		if len(yml) > maxYAMLBytes || err != nil && len(b) > maxYAMLBytes/100 {
			return // grew by indentation; refused when read again
		}
		if err != nil {
			t.Fatalf("cannot write what was read: %v", err)
		}
		if _, err := Parse(yml); err != nil {
			t.Fatalf("cannot read what was written: %v\n%s", err, yml)
		}
	})
}
