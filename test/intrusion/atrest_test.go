package intrusion

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"bothy/node"
)

// TestSecretsAtRest reads the data directory as a thief of a backup would, who has neither the root's credentials file nor the
// master key: nothing in it lets him be somebody. What was just written is in the log of the store, uncompressed.
func TestSecretsAtRest(t *testing.T) {
	w := newWorld(t)
	secrets := map[string]string{
		"a password": password, "the root's secret key": w.root.keys.Secret, "a user's session secret": w.mallory.keys.Secret, "a session token": w.mallory.keys.Token,
		"an access token": w.mallory.access, "an id token": w.mallory.idToken, "a private key": "PRIVATE KEY",
	}
	secrets["a refresh token"] = w.signIn(t, w.pool(t), w.client(t), "mallory").AuthenticationResult.RefreshToken
	_, pool := w.find(t, "AWS::Cognito::UserPool", "user-signin")
	secrets["a client's secret"] = pool["user-pools-client-secret"]
	secrets["a function's environment"] = w.functionWithSecret(t)
	secrets["a code"] = w.forgotten(t, "neighbour")

	seen := false // the neighbour's row, which is not sealed: so what is written can be read here
	err := filepath.WalkDir(w.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == node.CredentialsFile || d.Name() == "master.key" {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		seen = seen || bytes.Contains(text, []byte(secret))
		for what, s := range secrets {
			if s == "" {
				t.Errorf("there is no %s to look for", what)
			}
			for _, form := range []string{s, base64.StdEncoding.EncodeToString([]byte(s))} {
				if form != "" && bytes.Contains(text, []byte(form)) {
					t.Errorf("%s lies open in %s", what, filepath.Base(path))
				}
			}
		}
		return nil
	})
	if err != nil || !seen {
		t.Errorf("the data directory was not read: %v", err)
	}
}

// functionWithSecret makes a function with something secret in its environment.
func (w *world) functionWithSecret(t *testing.T) string {
	t.Helper()
	const key = "payment-provider-key-0815"
	role, _ := w.find(t, "AWS::IAM::Role", w.project.Name+"_lambdaexecutionrole")
	body, err := json.Marshal(map[string]any{
		"FunctionName": "keeper", "Role": "arn:aws:iam::" + w.account(t) + ":role/" + role, "Runtime": "nodejs6.10", "Handler": "index.handler",
		"Code": map[string]any{"ZipFile": zipOf(t, "index.js", "")}, "Environment": map[string]any{"Variables": map[string]string{"KEY": key}},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.root.send(t, request{service: "lambda", path: "/2015-03-31/functions", kind: "application/json", body: body}).must(t, nil)
	return key
}

// forgotten asks for a code and answers the message it came in: six digits alone would be found anywhere.
func (w *world) forgotten(t *testing.T, name string) string {
	t.Helper()
	w.anyone.idp(t, "ForgotPassword", map[string]any{"ClientId": w.client(t), "Username": name}).must(t, nil)
	var out struct {
		Messages []struct{ Kind, Body string }
	}
	w.root.send(t, request{service: "bothy", method: "GET", path: "/_bothy/outbox?to=" + url.QueryEscape(name+"@example.com")}).must(t, &out)
	for _, m := range out.Messages {
		if m.Kind == "ForgotPassword" {
			return m.Body
		}
	}
	t.Fatalf("no code came: %+v", out)
	return ""
}
