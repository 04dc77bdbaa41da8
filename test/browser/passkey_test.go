package browser

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// TestPasskey runs passkey.mjs: Chromium's own authenticator, on a page of the site, against the program.
func TestPasskey(t *testing.T) {
	chromium := browser(t)
	for _, path := range []string{"test/node/node_modules/playwright-core", "functions/runtime/node_modules", "examples/tasks/dist/tasks.zip"} {
		if _, err := os.Stat(repo(path)); err != nil {
			missing(t, path+" is missing: run make build and test/setup")
		}
	}
	dir := open(t)
	n := &node{program: filepath.Join(dir, "bothy"), data: filepath.Join(dir, "data"), addr: freeAddr(t)}
	if out, err := exec.Command("go", "build", "-o", n.program, repo("cmd/bothy")).CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	n.start(t)
	t.Cleanup(n.kill)
	cmd := exec.CommandContext(t.Context(), "node", "passkey.mjs")
	cmd.Env = append(os.Environ(), "CHROMIUM="+chromium, "ADDR="+n.addr, "CA="+filepath.Join(n.data, "ca.pem"), "SITE="+n.site(t), "PROFILE="+t.TempDir(),
		"AWS_SHARED_CREDENTIALS_FILE="+filepath.Join(n.data, "credentials"), "AWS_ENDPOINT_URL=http://"+n.addr, "AWS_REGION=us-east-1", "AWS_EC2_METADATA_DISABLED=true")
	cmd.Stderr = os.Stderr
	timer := time.AfterFunc(patience, func() { cmd.Process.Kill() }) //nolint:errcheck // Run tells
	defer timer.Stop()
	if out, err := cmd.Output(); err != nil {
		t.Fatalf("passkey.mjs: %v\n%s", err, out)
	}
}
