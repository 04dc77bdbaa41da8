package users

import (
	"bufio"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"html"
	"io"
	"math/big"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"bothy/api/cognitoidp"
	"bothy/kv"
)

const (
	oidcBack = "https://pool.example/oauth2/idpresponse"
	samlBack = "https://pool.example/saml2/idpresponse"
)

// startProvider runs a provider of test/node until the test ends, and returns where it listens.
func startProvider(t *testing.T, script, module string, env []string, args ...string) string {
	t.Helper()
	dir := filepath.Join("..", "test", "node")
	if _, err := os.Stat(filepath.Join(dir, "node_modules", module)); err != nil {
		t.Skipf("%s is not installed: run test/setup", module)
	}
	cmd := exec.CommandContext(t.Context(), "node", append([]string{filepath.Join(dir, script)}, args...)...)
	cmd.Env = append(append(os.Environ(), "NODE_NO_WARNINGS=1"), env...)
	in, err := cmd.StdinPipe() // the script ends when it is closed
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); _ = cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("%s: %q, %v", script, line, err)
	}
	return strings.TrimSpace(line)
}

var (
	formShape  = regexp.MustCompile(`(?s)<form[^>]*action="([^"]*)"[^>]*>(.*?)</form>`)
	inputShape = regexp.MustCompile(`(?s)<input[^>]*>`)
	attrShape  = regexp.MustCompile(`(?s)\b(name|value)="([^"]*)"`)
)

// browse is a browser in which somebody fills in what they are asked, until it is sent to back: what it brings there.
func browse(t *testing.T, start, back string, fill map[string]string) url.Values {
	t.Helper()
	jar, _ := cookiejar.New(nil)
	b := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	at, form := start, url.Values(nil)
	for range 20 {
		if strings.HasPrefix(at, back) {
			u, err := url.Parse(at)
			if err != nil {
				t.Fatal(err)
			}
			if form != nil {
				return form
			}
			return u.Query()
		}
		var answer *http.Response
		var err error
		if form == nil {
			answer, err = b.Get(at)
		} else {
			answer, err = b.PostForm(at, form)
		}
		if err != nil {
			t.Fatal(err)
		}
		page, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		here, form2 := answer.Request.URL, url.Values(nil)
		if to := answer.Header.Get("Location"); to != "" {
			at = resolve(t, here, to)
		} else if found := formShape.FindStringSubmatch(string(page)); found != nil {
			at, form2 = resolve(t, here, html.UnescapeString(found[1])), filled(found[2], fill)
		} else {
			t.Fatalf("%s answered %s:\n%s", at, answer.Status, page)
		}
		form = form2
	}
	t.Fatal("sent around in circles")
	return nil
}

func resolve(t *testing.T, here *url.URL, to string) string {
	t.Helper()
	u, err := here.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	return u.String()
}

// filled are a form's, filled in.
func filled(form string, fill map[string]string) url.Values {
	out := url.Values{}
	for _, input := range inputShape.FindAllString(form, -1) {
		name, value := "", ""
		for _, a := range attrShape.FindAllStringSubmatch(input, -1) {
			if a[1] == "name" {
				name = a[2]
			} else {
				value = html.UnescapeString(a[2])
			}
		}
		if v, asked := fill[name]; asked {
			value = v
		}
		if name != "" {
			out.Set(name, value)
		}
	}
	return out
}

// certificate makes a certificate for a SAML provider, and PEM of it and its key.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := readyKey()
	if err != nil {
		t.Fatal(err)
	}
	form := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "idp"}, NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, form, form, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	text := func(kind string, b []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}))
	}
	return text("CERTIFICATE", der), text("PRIVATE KEY", secret)
}

// provider makes a provider.
func (w *world) provider(poolID, name, kind string, details, mapping map[string]string, identifiers ...string) {
	w.t.Helper()
	must(w, w.s.createIdentityProvider, &cognitoidp.CreateIdentityProviderInput{
		UserPoolId: str(poolID), ProviderName: str(name), ProviderType: str(kind), ProviderDetails: details, AttributeMapping: mapping, IdpIdentifiers: identifiers,
	})
}

// gate is what the pages of a pool's domain know when somebody comes.
type gate struct {
	w   *world
	p   *pool
	cl  *client
	idp *provider
}

// gate opens the way to a provider for a client that offers it.
func (w *world) gate(poolID, clientID, name string) *gate {
	w.t.Helper()
	g := &gate{w: w}
	err := w.s.view(w.ctx, func(tx *kv.Tx) (err error) {
		if g.cl, g.p, err = clientOf(tx, account, poolID, clientID); err != nil {
			return err
		}
		g.idp, err = providerByName(tx, account, poolID, name)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return g
}

func offering(names ...string) func(*cognitoidp.CreateUserPoolClientInput) {
	return func(in *cognitoidp.CreateUserPoolClientInput) { in.SupportedIdentityProviders = names }
}

func (g *gate) back() string {
	if g.idp.Kind == kindSAML {
		return samlBack
	}
	return oidcBack
}

func (g *gate) depart(t *testing.T) (to string, memory []byte) {
	t.Helper()
	to, memory, err := g.w.s.depart(g.w.call(), g.p, g.idp, departure{callback: g.back(), state: "the state"})
	if err != nil {
		t.Fatal(err)
	}
	return to, memory
}

func (g *gate) arrive(memory []byte, answer url.Values) (*user, error) {
	return g.w.s.arrive(g.w.call(), g.p, g.cl, g.idp, memory, answer)
}

// tokensOf are the claims of the id token that a user gets.
func (g *gate) tokensOf(t *testing.T, u *user) map[string]any {
	t.Helper()
	var made *grant
	c := g.w.call()
	if err := g.w.s.update(c, func(tx *kv.Tx) (err error) { made, err = newGrant(tx, c, g.cl, g.p, u); return err }); err != nil {
		t.Fatal(err)
	}
	out, err := g.w.s.issue(c, made, "TokenGeneration_HostedAuth", nil)
	if err != nil {
		t.Fatal(err)
	}
	return claimsOf(t, out.IdToken.V)
}

func (w *world) updateProvider(poolID, name string, details map[string]string) {
	w.t.Helper()
	must(w, w.s.updateIdentityProvider, &cognitoidp.UpdateIdentityProviderInput{UserPoolId: str(poolID), ProviderName: str(name), ProviderDetails: details})
}
