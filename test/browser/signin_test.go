package browser

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestSignInPages runs signin.mjs on a phone and at a desk.
func TestSignInPages(t *testing.T) {
	chromium := browser(t)
	for _, path := range []string{"test/node/node_modules/playwright-core", "test/node/node_modules/openid-client"} {
		if _, err := os.Stat(repo(path)); err != nil {
			missing(t, path+" is missing: run test/setup")
		}
	}
	dir := open(t)
	n := &node{program: filepath.Join(dir, "bothy"), data: filepath.Join(dir, "data"), addr: freeAddr(t)}
	if out, err := exec.Command("go", "build", "-o", n.program, repo("cmd/bothy")).CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	n.start(t)
	t.Cleanup(n.kill)
	for _, screen := range []string{"desktop", "phone"} {
		t.Run(screen, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			ca := filepath.Join(n.data, "ca.pem")
			cmd := exec.CommandContext(ctx, "node", "--require", repo("test/node/lib/hosts.cjs"), "signin.mjs")
			cmd.Env = append(os.Environ(), "CHROMIUM="+chromium, "SCREEN="+screen, "ADDR="+n.addr, "CA="+ca, "NODE_EXTRA_CA_CERTS="+ca, "SHOTS="+shots(t),
				"BOTHY_URL=http://"+n.addr, "AWS_SHARED_CREDENTIALS_FILE="+filepath.Join(n.data, "credentials"), "AWS_ENDPOINT_URL=http://"+n.addr)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
		})
	}
}
