package intrusion

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"io"
	"io/fs"
	"strings"
	"testing"
)

// archiveAttempts carry names that lead out of where archives are unpacked, and paths that lead out of where pages lie.
func archiveAttempts(t *testing.T, w *world) []attempt {
	const yml = "mobile-hub-project.yml"
	project := exampleYML(t)
	function := func(archive []byte) func(*testing.T) answer {
		return func(t *testing.T) answer { return w.createFunction(t, archive) }
	}
	imported := func(archive []byte) func(*testing.T) answer {
		return func(t *testing.T) answer { return w.createProject(t, "evil", archive) }
	}
	edited := func(old, new string) []byte {
		return zipOf(t, yml, strings.ReplaceAll(project, old, new), "uploads/lambda-archive.zip", "")
	}
	site, _ := w.find(t, "AWS::S3::Bucket", "hosting")
	page := func(path string) func(*testing.T) answer {
		return func(t *testing.T) answer {
			return w.anyone.send(t, request{method: "GET", host: site + ".s3-website-us-east-1.amazonaws.com", path: path})
		}
	}
	plain := func(path string) func(*testing.T) answer {
		return func(t *testing.T) answer { return w.anyone.send(t, request{method: "GET", path: path}) }
	}
	const invalid, bad = "InvalidParameterValueException", "BadRequestException"
	return []attempt{
		{"function: dots", function(zipOf(t, "../index.js", "")), 400, invalid, `"\.\./index\.js"`},
		{"function: dots inside", function(zipOf(t, "lib/../../index.js", "")), 400, invalid, `"lib/\.\./\.\./index\.js"`},
		{"function: absolute", function(zipOf(t, "/etc/cron.d/evil", "")), 400, invalid, `"/etc/cron\.d/evil"`},
		{"function: backslashes", function(zipOf(t, `..\index.js`, "")), 400, invalid, `index\.js`},
		{"function: a link out", function(linkTo(t, "../../credentials")), 400, invalid, `(?i)link`},
		{"function: an absolute link", function(linkTo(t, "/etc/passwd")), 400, invalid, `(?i)link`},
		{"function: more than it says", function(lying(t)), 400, invalid, `(?i)size|bytes|invalid|checksum|large`},
		{"function: not an archive", function([]byte("#!/bin/sh")), 400, invalid, `(?i)not a valid zip`},
		{"project: dots", imported(zipOf(t, yml, project, "../../credentials", "")), 400, bad, `"\.\./\.\./credentials", which leads out`},
		{"project: absolute", imported(zipOf(t, yml, project, "/etc/cron.d/evil", "")), 400, bad, `which leads out`},
		{"project: backslashes", imported(zipOf(t, yml, project, `uploads\..\..\evil`, "")), 400, bad, `which leads out`},
		{"project: code of the node", imported(edited("uploads/lambda-archive.zip", "../../../../etc/passwd")), 400, bad, `(?i)etc/passwd`},
		{"a page above the site", page("/../credentials"), 403, "AccessDenied", `the object does not exist`},
		{"a page above the site, escaped", page("/%2e%2e/%2e%2e/credentials"), 403, "AccessDenied", `the object does not exist`},
		{"a file of the node", plain("/_bothy/../credentials"), 404, "UnknownOperationException", `GET /_bothy/\.\./credentials`},
	}
}

// TestUnofferedDownloads: links to code and exports are sealed, and nothing else is found below their paths.
func TestUnofferedDownloads(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/_bothy/download/../../credentials", "/_bothy/download/AAAA/credentials", "/_bothy/function-code/../../credentials", "/_bothy/function-code/AAAA"} {
		if a := w.anyone.send(t, request{method: "GET", path: path}); a.status != 403 && a.status != 404 || bytes.Contains(a.body, []byte("aws_secret_access_key")) {
			t.Errorf("%s answers %d %s", path, a.status, a.body)
		}
	}
}

func exampleYML(t *testing.T) string {
	t.Helper()
	archive := exampleProject(t)
	z, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		t.Fatal(err)
	}
	text, err := fs.ReadFile(z, "mobile-hub-project.yml")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func (w *world) createFunction(t *testing.T, archive []byte) answer {
	t.Helper()
	role, _ := w.find(t, "AWS::IAM::Role", w.project.Name+"_lambdaexecutionrole")
	body, err := json.Marshal(map[string]any{
		"FunctionName": "evil", "Role": "arn:aws:iam::" + w.account(t) + ":role/" + role, "Runtime": "nodejs6.10", "Handler": "index.handler",
		"Code": map[string]any{"ZipFile": archive},
	})
	if err != nil {
		t.Fatal(err)
	}
	return w.root.send(t, request{service: "lambda", path: "/2015-03-31/functions", kind: "application/json", body: body})
}

// linkTo is an archive whose index.js is a symbolic link.
func linkTo(t *testing.T, target string) []byte {
	t.Helper()
	h := &zip.FileHeader{Name: "index.js"}
	h.SetMode(fs.ModeSymlink | 0o777)
	return archiveOf(t, func(z *zip.Writer) (io.Writer, error) { return z.CreateHeader(h) }, target)
}

// lying is an archive whose entry is longer than its header says.
func lying(t *testing.T) []byte {
	t.Helper()
	h := &zip.FileHeader{Name: "index.js", Method: zip.Store, CompressedSize64: 64, UncompressedSize64: 1}
	return archiveOf(t, func(z *zip.Writer) (io.Writer, error) { return z.CreateRaw(h) }, strings.Repeat("x", 64))
}

func archiveOf(t *testing.T, create func(*zip.Writer) (io.Writer, error), text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	e, err := create(z)
	if err == nil {
		_, err = io.WriteString(e, text)
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
