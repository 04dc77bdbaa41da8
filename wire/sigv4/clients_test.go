package sigv4

import (
	"mime"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestJavaScript runs the real JavaScript signers: aws-sdk 2 and 3, aws4, Amplify.
func TestJavaScript(t *testing.T) {
	t.Parallel()
	dir := filepath.Join("..", "..", "test", "node")
	if _, err := os.Stat(filepath.Join(dir, "node_modules", "@aws-sdk", "client-s3")); err != nil {
		t.Skip("test/node/node_modules is not installed: run npm ci in test/node")
	}
	runClient(t, "node", filepath.Join(dir, "sigv4.mjs"))
}

// TestBotocore runs botocore, which the AWS CLI and boto3 are made of.
func TestBotocore(t *testing.T) {
	t.Parallel()
	if err := exec.Command("python3", "-c", "import botocore").Run(); err != nil {
		t.Skip("botocore is not installed for python3")
	}
	runClient(t, "python3", filepath.Join("..", "..", "test", "sigv4", "botocore_requests.py"))
}

func runClient(t *testing.T, program, script string) {
	f := newFront(t, false)
	cmd := exec.Command(program, script, f.URL)
	cmd.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID="+akid, "AWS_SECRET_ACCESS_KEY="+secret, "AWS_SESSION_TOKEN=session", "AWS_SDK_JS_SUPPRESS_MAINTENANCE_MODE_MESSAGE=1",
		"AWS_CONFIG_FILE="+os.DevNull, "AWS_SHARED_CREDENTIALS_FILE="+os.DevNull, "NODE_NO_WARNINGS=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v", err)
	}
	for l := range strings.Lines(string(out)) {
		if !strings.HasPrefix(l, "ok ") {
			t.Error(strings.TrimSpace(l))
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.seen) < 20 {
		t.Errorf("only %d requests", len(f.seen))
	}
}

// verifyPost verifies a browser upload.
func verifyPost(v *Verifier, r *http.Request) (*Auth, string, error) {
	if err := r.ParseMultipartForm(mega); err != nil {
		return nil, "", err
	}
	f := map[string]string{}
	for k, vs := range r.MultipartForm.Value {
		f[strings.ToLower(k)] = vs[0]
	}
	a, err := v.VerifyPolicy(f["policy"], Form{
		Algorithm: f["x-amz-algorithm"], Credential: f["x-amz-credential"], Date: f["x-amz-date"], Signature: f["x-amz-signature"],
		Token: f["x-amz-security-token"], AccessKey: f["awsaccesskeyid"], SignatureV2: f["signature"],
	}, findKey)
	return a, f["policy"], err
}

func isUpload(r *http.Request) bool {
	t, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return t == "multipart/form-data" && !Present(r)
}
