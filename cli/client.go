package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
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

// Target says which node a command talks to and as whom.
type Target struct {
	Data     string `help:"Data directory of the node: its root key is used unless the environment holds another." default:"data" env:"BOTHY_DATA" type:"path"`
	Endpoint string `help:"URL of the node." default:"http://127.0.0.1:4566" env:"AWS_ENDPOINT_URL"`
	warnings io.Writer
	own      bool   // use the node's own key, whatever the environment holds
	Region   string `help:"Region of the request." default:"us-east-1" env:"AWS_REGION"`
}

// keys come from the environment as for every AWS tool, else from the node's credentials file.
func (t *Target) keys() (sigv4.Credentials, error) {
	if id := os.Getenv("AWS_ACCESS_KEY_ID"); id != "" && !t.own {
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
}

func (e *apiError) Error() string {
	text := fmt.Sprintf("%s (%s, HTTP %d)", e.message, e.code, e.status)
	if e.id != "" {
		text += "\nbothy why " + e.id
	}
	return text
}

// call signs and sends r, and reads a JSON answer into out (nil: none wanted).
func (t *Target) call(ctx context.Context, r request, out any) error {
	keys, err := t.keys()
	if err != nil {
		return err
	}
	u, err := url.Parse(strings.TrimSuffix(t.Endpoint, "/") + r.path)
	if err != nil {
		return fmt.Errorf("endpoint: %w", err)
	}
	u.RawQuery = r.query.Encode()
	hr, err := http.NewRequestWithContext(ctx, r.method, u.String(), bytes.NewReader(r.body))
	if err != nil {
		return err
	}
	if r.kind != "" {
		hr.Header.Set("Content-Type", r.kind)
	}
	sigv4.Sign(hr, keys, r.service, t.Region, time.Now(), r.body)
	res, err := http.DefaultClient.Do(hr)
	if err != nil {
		return fmt.Errorf("no node answers at %s: %w", t.Endpoint, err)
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
		fmt.Fprintln(t.warnings, "warning:", w) //nolint:errcheck // nowhere else to say it
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(body, out)
}

func refusal(res *http.Response, body []byte) error {
	e := &apiError{status: res.StatusCode, code: res.Header.Get("x-amzn-ErrorType"), id: res.Header.Get("x-amzn-RequestId")}
	var text struct{ Message string }
	if json.Unmarshal(body, &text) == nil {
		e.message = text.Message
	} else if _, after, ok := strings.Cut(string(body), "<Message>"); ok {
		e.message, _, _ = strings.Cut(after, "</Message>")
		if _, after, ok = strings.Cut(string(body), "<Code>"); ok {
			e.code, _, _ = strings.Cut(after, "</Code>")
		}
	}
	return e
}
