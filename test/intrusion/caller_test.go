package intrusion

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"testing"

	"bothy/wire/sigv4"
)

// caller makes requests with some credentials; with none they are unsigned.
type caller struct {
	w    *world
	keys sigv4.Credentials
}

func (c caller) with(keys sigv4.Credentials) caller { return caller{c.w, keys} }

// request is what is asked. tamper changes it after it was signed.
type request struct {
	service, method, path, host, kind, target string
	header                                    http.Header
	body                                      []byte
	tamper                                    func(*http.Request)
}

// send signs, tampers and sends.
func (c caller) send(t *testing.T, r request) answer {
	t.Helper()
	hr := c.make(t, r)
	if r.tamper != nil {
		r.tamper(hr)
	}
	res, err := http.DefaultTransport.RoundTrip(hr)
	if err != nil {
		t.Fatal(err)
	}
	return read(t, res)
}

// make makes the signed request.
func (c caller) make(t *testing.T, r request) *http.Request {
	t.Helper()
	method, path := r.method, r.path
	if method == "" {
		method = "POST"
	}
	if path == "" {
		path = "/"
	}
	hr, err := http.NewRequestWithContext(t.Context(), method, c.w.node.URL()+path, bytes.NewReader(r.body))
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range r.header {
		hr.Header[name] = values
	}
	if r.host != "" {
		hr.Host = r.host
	}
	if r.kind != "" {
		hr.Header.Set("Content-Type", r.kind)
	}
	if r.target != "" {
		hr.Header.Set("X-Amz-Target", r.target)
	}
	if c.keys.AccessKey != "" {
		sigv4.Sign(hr, c.keys, r.service, region, c.w.now(), r.body)
	}
	return hr
}

// setBody replaces a request's body, as a man in the middle would.
func setBody(r *http.Request, body string) {
	fresh, err := http.NewRequest(r.Method, r.URL.String(), bytes.NewReader([]byte(body)))
	if err != nil {
		panic(err) // a request that was made before
	}
	r.Body, r.ContentLength, r.GetBody = fresh.Body, fresh.ContentLength, nil
}

// jsonCall is a call of an awsJson API.
func jsonCall(t *testing.T, service, version, target string, in any) request {
	t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	return request{service: service, kind: "application/x-amz-json-" + version, target: target, body: body}
}

func dynamoCall(t *testing.T, op string, in any) request {
	return jsonCall(t, "dynamodb", "1.0", "DynamoDB_20120810."+op, in)
}

func (c caller) dynamo(t *testing.T, op string, in any) answer {
	t.Helper()
	return c.send(t, dynamoCall(t, op, in))
}

func (c caller) idp(t *testing.T, op string, in any) answer {
	t.Helper()
	return c.send(t, jsonCall(t, "cognito-idp", "1.1", "AWSCognitoIdentityProviderService."+op, in))
}

func (c caller) federation(t *testing.T, op string, in any) answer {
	t.Helper()
	return c.send(t, jsonCall(t, "cognito-identity", "1.1", "AWSCognitoIdentityService."+op, in))
}

func (c caller) iam(t *testing.T, form url.Values) answer {
	t.Helper()
	form.Set("Version", "2010-05-08")
	return c.send(t, request{service: "iam", kind: "application/x-www-form-urlencoded", body: []byte(form.Encode())})
}

func (c caller) sts(t *testing.T, form url.Values) answer {
	t.Helper()
	form.Set("Version", "2011-06-15")
	return c.send(t, request{service: "sts", kind: "application/x-www-form-urlencoded", body: []byte(form.Encode())})
}
