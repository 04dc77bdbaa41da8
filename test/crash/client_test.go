package crash

import (
	"bytes"
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
	"syscall"
	"time"

	"bothy/wire/sigv4"
)

const zone = "us-east-1"

// client speaks to one life of a node as root.
type client struct {
	url  string
	cred sigv4.Credentials
	http *http.Client
}

func dial(p *process, dir string) (*client, error) {
	text, err := os.ReadFile(filepath.Join(dir, "credentials"))
	if err != nil {
		return nil, err
	}
	c := &client{url: p.url, http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}, Timeout: patience}}
	for line := range strings.Lines(string(text)) {
		switch name, value, _ := strings.Cut(strings.TrimSpace(line), " = "); name {
		case "aws_access_key_id":
			c.cred.AccessKey = value
		case "aws_secret_access_key":
			c.cred.Secret = value
		}
	}
	return c, nil
}

// errGone says that the node had ended before the call.
var errGone = errors.New("the node is gone")

// refusal is a definite no: nothing was done.
type refusal struct {
	status int
	code   string
}

func (r *refusal) Error() string { return fmt.Sprintf("%d %s", r.status, r.code) }

// refused tells whether err is a definite no. Any other error leaves open whether the call was carried out.
func refused(err error, code string) bool {
	var r *refusal
	return errors.As(err, &r) && (code == "" || r.code == code)
}

func (c *client) send(method, path, service string, h http.Header, body []byte) (http.Header, []byte, error) {
	r, err := http.NewRequest(method, c.url+path, bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	for k, v := range h {
		r.Header[k] = v
	}
	sigv4.Sign(r, c.cred, service, zone, time.Now(), body)
	res, err := c.http.Do(r)
	if errors.Is(err, syscall.ECONNREFUSED) {
		err = errGone
	}
	if err != nil {
		return nil, nil, err
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	switch {
	case err != nil:
		return nil, nil, err
	case res.StatusCode < 300:
		return res.Header, got, nil
	case res.StatusCode >= 500:
		return nil, nil, fmt.Errorf("%s %s: status %d: %s", method, path, res.StatusCode, got)
	}
	return nil, nil, &refusal{res.StatusCode, codeOf(got)}
}

// messages are how many messages to somebody the outbox has.
func (c *client) messages(to string) (int, error) {
	_, got, err := c.send(http.MethodGet, "/_bothy/outbox?"+url.Values{"to": {to}}.Encode(), "bothy", nil, nil)
	if err != nil {
		return 0, err
	}
	var out struct{ Messages []any }
	err = json.Unmarshal(got, &out)
	return len(out.Messages), err
}

func codeOf(body []byte) string {
	var j struct {
		Type string `json:"__type"`
	}
	if json.Unmarshal(body, &j) == nil {
		return j.Type[strings.LastIndexByte(j.Type, '#')+1:]
	}
	var x struct{ Code string }
	_ = xml.Unmarshal(body, &x) // no code then
	return x.Code
}

// call makes a JSON call, "DynamoDB_20120810.PutItem" and so on, and decodes the answer into out when it is not nil.
func (c *client) call(service, target string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	version := "1.1"
	if service == "dynamodb" {
		version = "1.0"
	}
	_, got, err := c.send(http.MethodPost, "/", service, http.Header{"Content-Type": {"application/x-amz-json-" + version}, "X-Amz-Target": {target}}, body)
	if err != nil {
		return fmt.Errorf("%s: %w", target, err)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(got, out)
}

func (c *client) dynamo(op string, in, out any) error {
	return c.call("dynamodb", "DynamoDB_20120810."+op, in, out)
}

func (c *client) streams(op string, in, out any) error {
	return c.call("dynamodb", "DynamoDBStreams_20120810."+op, in, out)
}

func (c *client) cognito(op string, in, out any) error {
	return c.call("cognito-idp", "AWSCognitoIdentityProviderService."+op, in, out)
}

// s3 makes a path-style call.
func (c *client) s3(method, path string, query url.Values, body []byte) (http.Header, []byte, error) {
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return c.send(method, path, "s3", nil, body)
}

type m = map[string]any

func str(s string) m { return m{"S": s} }
func num(n int64) m  { return m{"N": fmt.Sprint(n)} }
