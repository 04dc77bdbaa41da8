package gateway

import (
	"archive/zip"
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bothy/api/lambda"
	"bothy/api/logs"
	"bothy/blob/memblob"
	"bothy/functions"
	"bothy/functions/runner"
	"bothy/kv"
	"bothy/kv/memkv"
	"bothy/policy"
	"bothy/record"
	"bothy/wire"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "__sandbox" {
		runner.SandboxMain(os.Args[2:])
	}
	os.Exit(m.Run())
}

// realFunctions hands the gateway's calls to the real service, as node does.
type realFunctions struct{ s *functions.Service }

func (f realFunctions) Invoke(ctx context.Context, arn string, event []byte, source, account string) ([]byte, string, error) {
	return f.s.InvokeFunction(ctx, arn, event, functions.Caller{Service: "apigateway.amazonaws.com", SourceARN: source, SourceAccount: account})
}

type anyRole struct{}

func (anyRole) AssumeForFunction(context.Context, string, string) (key, secret, token string, expires time.Time, err error) {
	return "ASIA", "s", "t", time.Now().Add(time.Hour), nil
}

// express2017 is what aws-serverless-express does: a server on a socket in /tmp that gets each event as an HTTP request.
const express2017 = `
const http = require('http'); const os = require('os'); const path = require('path')
const socket = path.join(os.tmpdir(), 'server' + Date.now() + '.sock')
const server = http.createServer((req, res) => {
  let body = ''
  req.on('data', d => { body += d }).on('end', () => {
    res.setHeader('Content-Type', 'application/json'); res.setHeader('Access-Control-Allow-Origin', '*'); res.statusCode = 201
    res.end(JSON.stringify({ method: req.method, url: req.url, body, who: JSON.parse(decodeURIComponent(req.headers['x-apigateway-event'])).requestContext.identity.cognitoIdentityId }))
  })
})
const up = new Promise(resolve => server.listen(socket, resolve))
exports.handler = (event, context) => { up.then(() => {
  const req = http.request({ socketPath: socket, method: event.httpMethod, path: event.path, headers: { 'x-apigateway-event': encodeURIComponent(JSON.stringify(event)) } }, res => {
    let body = ''
    res.on('data', d => { body += d }).on('end', () => context.succeed({ statusCode: res.statusCode, body, headers: { 'Content-Type': res.headers['content-type'], 'Access-Control-Allow-Origin': '*' }, isBase64Encoded: false }))
  })
  if (event.body) req.write(event.body)
  req.end()
}) }`

func TestWithARealFunction(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("no node on this machine")
	}
	w := newWorld(t)
	dir := t.TempDir()
	for d := dir; d != os.TempDir() && d != "/"; d = filepath.Dir(d) {
		must(t, 0, os.Chmod(d, 0o711))
	}
	sealer, err := record.NewSealer(make([]byte, 32))
	must(t, sealer, err)
	real := functions.New(functions.Config{
		DB: kv.New(memkv.New()), Blobs: memblob.New(), Sealer: sealer, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Keep:   func(context.Context, *kv.Tx, string) error { return nil },
		Runner: runner.Config{Dir: filepath.Join(dir, "f"), Node: node, Shim: []string{"/proc/self/exe", "__sandbox"}, Sessions: anyRole{}},
	})
	t.Cleanup(func() { _ = real.Close() })
	mux := wire.NewMux(wire.Config{Account: func() string { return account }, Region: region, Credentials: w.creds, Now: time.Now, Log: slog.New(slog.DiscardHandler)}, lambda.API, logs.API)
	real.Mount(mux)
	w.cfg.Functions = realFunctions{real}
	root := &wire.Principal{Kind: wire.Root, Account: account, ARN: "arn:aws:iam::" + account + ":root", Policies: policy.Attached{Unlimited: true}}
	var code bytes.Buffer
	z := zip.NewWriter(&code)
	f, err := z.Create("lambda.js")
	must(t, f, err)
	_, err = f.Write([]byte(express2017))
	must(t, 0, err)
	must(t, 0, z.Close())
	out, err := wire.Invoke(t.Context(), mux, root, region, lambda.CreateFunction, &lambda.CreateFunctionInput{
		FunctionName: wire.Some("f"), Runtime: wire.Some("nodejs6.10"), Role: wire.Some("arn:aws:iam::123456789012:role/r"), Handler: wire.Some("lambda.handler"), Code: &lambda.FunctionCode{ZipFile: code.Bytes()},
	})
	must(t, out, err)

	b := w.api("items").method("/items/{proxy+}", "ANY", "AWS_IAM").deploy("dev")
	w.allow(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"execute-api:Invoke","Resource":"*"}]}`)
	call := func() got {
		return w.send(w.sign(b.request(http.MethodPost, "/dev/items/7", `{"a":1}`), "ASIASESSION", "session", "token"))
	}
	if g := call(); g.status != 500 {
		t.Errorf("the function has no permission for the API: %+v", g)
	}
	perm, err := wire.Invoke(t.Context(), mux, root, region, lambda.AddPermission, &lambda.AddPermissionInput{
		FunctionName: wire.Some("f"), StatementId: wire.Some("s"), Action: wire.Some("lambda:InvokeFunction"), Principal: wire.Some("apigateway.amazonaws.com"), SourceArn: wire.Some("arn:aws:execute-api:us-east-1:123456789012:" + b.id + "/*"),
	})
	must(t, perm, err)
	for range 2 {
		g := call()
		if g.status != 201 || !strings.Contains(g.body, `"url":"/items/7","body":"{\"a\":1}","who":"us-east-1:1"`) || g.header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%+v", g)
		}
	}
}
