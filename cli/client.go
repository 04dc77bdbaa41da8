package cli

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"bothy/wire/sigv4"
)

// defaultEndpoint is where commands look for a node that nobody named; the tag below and upCommand's say the same.
const defaultEndpoint = "http://127.0.0.1:4566"

// Target says which node a command talks to and as whom.
type Target struct {
	Data     string `help:"Data directory of the node: its root key is used unless the environment holds another." default:"data" env:"BOTHY_DATA" type:"path"`
	Endpoint string `help:"URL of the node." default:"http://127.0.0.1:4566" env:"AWS_ENDPOINT_URL"`
	warnings io.Writer
	own      bool         // use the node's own key, whatever the environment holds
	http     *http.Client // made by the first call
	Region   string       `help:"Region of the request." default:"us-east-1" env:"AWS_REGION"`
}

// keys come from the environment as for every AWS tool, else from the node's credentials file.
func (t *Target) keys() (sigv4.Credentials, error) {
	if id := os.Getenv("AWS_ACCESS_KEY_ID"); id != "" && !t.own {
		if os.Getenv("AWS_SECRET_ACCESS_KEY") == "" {
			return sigv4.Credentials{}, errors.New("no credentials: AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not")
		}
		return sigv4.Credentials{AccessKey: id, Secret: os.Getenv("AWS_SECRET_ACCESS_KEY"), Token: os.Getenv("AWS_SESSION_TOKEN")}, nil
	}
	path := filepath.Join(t.Data, "credentials")
	f, err := os.Open(path)
	if err != nil {
		return sigv4.Credentials{}, fmt.Errorf("no credentials: neither AWS_ACCESS_KEY_ID is set nor can the node's key be read (%w); name the data directory with --data", err)
	}
	defer f.Close() //nolint:errcheck // only read
	return readCredentials(f)
}

// readCredentials reads the default profile of an AWS shared-credentials file.
func readCredentials(r io.Reader) (c sigv4.Credentials, err error) {
	for s := bufio.NewScanner(r); s.Scan(); {
		k, v, _ := strings.Cut(s.Text(), "=")
		switch strings.TrimSpace(k) {
		case "aws_access_key_id":
			c.AccessKey = strings.TrimSpace(v)
		case "aws_secret_access_key":
			c.Secret = strings.TrimSpace(v)
		}
	}
	if c.AccessKey == "" || c.Secret == "" {
		return c, errors.New("the credentials file holds no key")
	}
	return c, nil
}

// request is one signed call of a REST API.
type request struct {
	service, method, path string
	query                 url.Values
	kind                  string // content type
	body                  []byte
}

// apiError is a refusal of the node.
type apiError struct {
	status            int
	code, message, id string
	url               string
}

func (e *apiError) Error() string {
	if e.code == "" {
		return fmt.Sprintf("%s answered HTTP %d, and not as a node does: is the endpoint right?", e.url, e.status)
	}
	text := fmt.Sprintf("%s (%s, HTTP %d)", plain(e.message), plain(e.code), e.status)
	if e.id != "" {
		text += "\nbothy why " + plain(e.id)
	}
	return text
}

// signed makes the HTTP request of r.
func (t *Target) signed(ctx context.Context, r request) (*http.Request, error) {
	keys, err := t.keys()
	if err != nil {
		return nil, err
	}
	base, err := url.Parse(t.Endpoint)
	if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "" {
		return nil, fmt.Errorf("the endpoint %q is not a URL such as http://127.0.0.1:4566", t.Endpoint)
	}
	u, err := url.Parse(strings.TrimSuffix(t.Endpoint, "/") + r.path)
	if err != nil {
		return nil, err
	}
	u.RawQuery = r.query.Encode()
	hr, err := http.NewRequestWithContext(ctx, r.method, u.String(), bytes.NewReader(r.body))
	if err != nil {
		return nil, err
	}
	if r.kind != "" {
		hr.Header.Set("Content-Type", r.kind)
	}
	sigv4.Sign(hr, keys, r.service, t.Region, time.Now(), r.body)
	return hr, nil
}

// send signs and sends r.
func (t *Target) send(ctx context.Context, r request) (*http.Response, error) {
	hr, err := t.signed(ctx, r)
	if err != nil {
		return nil, err
	}
	client, err := t.client()
	if err != nil {
		return nil, err
	}
	res, err := client.Do(hr)
	if err != nil {
		return nil, fmt.Errorf("no node answers at %s: %w", t.Endpoint, err)
	}
	return res, nil
}

// call signs and sends r, and reads a JSON answer into out (nil: none wanted).
func (t *Target) call(ctx context.Context, r request, out any) error {
	res, err := t.send(ctx, r)
	if err != nil {
		return err
	}
	defer res.Body.Close() //nolint:errcheck // only read
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode >= 300 {
		return refusal(res, body)
	}
	for _, w := range res.Header.Values("X-Bothy-Warning") {
		fmt.Fprintln(t.warnings, "warning:", plain(w)) //nolint:errcheck // nowhere else to say it
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(body, out); err != nil {
		return fmt.Errorf("%s answers, but not as a node does: is the endpoint right? (%w)", t.Endpoint, err)
	}
	return nil
}

// client follows no redirects, which a node never sends, and trusts the node's own authority besides the system's.
func (t *Target) client() (*http.Client, error) {
	if t.http != nil {
		return t.http, nil
	}
	t.http = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	text, err := os.ReadFile(filepath.Join(t.Data, "ca.pem"))
	if err != nil || !strings.HasPrefix(t.Endpoint, "https:") {
		return t.http, nil //nolint:nilerr // the system's authorities may do
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		return nil, err
	}
	roots.AppendCertsFromPEM(text)
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{RootCAs: roots}
	t.http.Transport = transport
	return t.http, nil
}

func refusal(res *http.Response, body []byte) error {
	e := &apiError{url: res.Request.URL.Redacted(), status: res.StatusCode, code: res.Header.Get("x-amzn-ErrorType"), id: res.Header.Get("x-amzn-RequestId")}
	var text struct{ Code, Message string }
	if json.Unmarshal(body, &text) == nil {
		e.message = text.Message
	} else if xml.Unmarshal(body, &text) == nil && text.Code != "" {
		e.code, e.message = text.Code, text.Message
	}
	return e
}
