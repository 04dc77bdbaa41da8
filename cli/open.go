package cli

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

type openCommand struct {
	URL   string `arg:"" help:"Page to open."`
	Print bool   `help:"Print the browser's command line instead of running it."`
}

// browsers are looked for in this order.
var browsers = []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge", "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"}

// Run starts a browser with a profile of its own in which AWS's hosts are this node and its certificate authority is
// trusted: the way to open an app whose hosts are hard-wired without changing the machine.
func (o *openCommand) Run(s *streams, t *Target) error {
	pin, err := authorityPin(filepath.Join(t.Data, "ca.pem"))
	if err != nil {
		return err
	}
	profile, err := filepath.Abs(filepath.Join(t.Data, "browser"))
	if err != nil {
		return err
	}
	args := []string{"--user-data-dir=" + profile, "--no-first-run", "--proxy-pac-url=" + strings.TrimSuffix(t.Endpoint, "/") + "/_bothy/proxy.pac", "--ignore-certificate-errors-spki-list=" + pin, o.URL}
	for _, name := range browsers {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		if o.Print {
			for i := range args {
				args[i] = word(args[i])
			}
			_, err := fmt.Fprintf(s.out, "%s %s\n", word(path), strings.Join(args, " "))
			return err
		}
		return exec.Command(path, args...).Start()
	}
	return errors.New("no Chromium, Chrome or Edge found; for another browser, use the proxy at " + t.Endpoint + "/_bothy/proxy.pac and trust " + filepath.Join(t.Data, "ca.pem"))
}

// authorityPin is the base64 SHA-256 of the authority's public key.
func authorityPin(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("the node's certificate cannot be read (%w); name the data directory with --data", err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return "", fmt.Errorf("%s holds no certificate", path)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
	return base64.StdEncoding.EncodeToString(sum[:]), nil
}

// siteURL is where the node itself shows a project's site.
func siteURL(t *Target, d *project) string {
	u, err := url.Parse(t.Endpoint)
	if err != nil {
		return t.Endpoint
	}
	host := d.hosting() + ".localhost"
	if p := u.Port(); p != "" {
		host += ":" + p
	}
	return u.Scheme + "://" + host + "/"
}
