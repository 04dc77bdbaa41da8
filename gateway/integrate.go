package gateway

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"bothy/api/apigateway"
)

var stageVariable = regexp.MustCompile(`\$\{stageVariables\.(\w+)\}`)

// invoke runs the method's function and gives its answer to the client.
func (x *exchange) invoke() (*reply, error) {
	i := x.m.MethodIntegration
	m := functionURI.FindStringSubmatch(i.Uri.V)
	if m == nil {
		return nil, failed(500, "integration URI "+i.Uri.V)
	}
	function := stageVariable.ReplaceAllStringFunc(m[1], func(v string) string {
		return x.stage.Variables[stageVariable.FindStringSubmatch(v)[1]]
	})
	ctx, cancel := context.WithTimeout(x.r.Context(), time.Duration(i.TimeoutInMillis.Or(maxTimeoutMillis))*time.Millisecond)
	defer cancel()
	payload, functionError, err := x.s.cfg.Functions.Invoke(ctx, function, jsonText(x.event()), x.source(), x.where.Account)
	switch {
	case errors.Is(err, context.DeadlineExceeded) && ctx.Err() != nil:
		return nil, timedOut()
	case isBusy(err):
		return nil, err
	case err != nil:
		return nil, failed(500, err.Error())
	case functionError != "":
		return nil, failed(502, fmt.Sprintf("the function failed: %.500s", payload))
	}
	return x.proxied(payload)
}

// source is the method as the function's permission names it: variables of the path are *.
func (x *exchange) source() string {
	parts := strings.Split(strings.TrimPrefix(x.res.Path, "/"), "/")
	for i, p := range parts {
		if isParam(p) {
			parts[i] = "*"
		}
	}
	return "arn:aws:execute-api:" + x.where.Region + ":" + x.where.Account + ":" + x.where.ID + "/" + x.stage.Name + "/" + x.r.Method + "/" + strings.Join(parts, "/")
}

// answer is what a function answers.
type answer struct {
	Status      json.RawMessage            `json:"statusCode"`
	Headers     map[string]json.RawMessage `json:"headers"`
	ManyHeaders map[string][]string        `json:"multiValueHeaders"`
	Body        *string                    `json:"body"`
	Base64      bool                       `json:"isBase64Encoded"`
}

// proxied turns a function's answer into a reply; one that is no answer is a failure of the API.
func (x *exchange) proxied(payload []byte) (*reply, error) {
	malformed := func(why string) error {
		return failed(502, fmt.Sprintf("malformed Lambda proxy response: %s: %.200s", why, payload))
	}
	var a answer
	if err := json.Unmarshal(payload, &a); err != nil {
		return nil, malformed(err.Error())
	}
	status, ok := statusOf(a.Status)
	if !ok {
		return nil, malformed("statusCode")
	}
	rep := &reply{status: status, header: http.Header{"Content-Type": {"application/json"}}}
	for name, raw := range a.Headers {
		text, ok := headerText(raw)
		if !ok {
			return nil, malformed("header " + name)
		}
		if _, many := a.ManyHeaders[name]; !many {
			setHeader(rep.header, name, text)
		}
	}
	for name, values := range a.ManyHeaders {
		setHeader(rep.header, name, values...)
	}
	if a.Body == nil {
		return rep, nil
	}
	rep.body = []byte(*a.Body)
	if a.Base64 && (isBinary(x.api.def.Binary, firstAccept(x.r)) || isBinary(x.api.def.Binary, rep.header.Get("Content-Type"))) {
		b, err := base64.StdEncoding.DecodeString(*a.Body)
		if err != nil {
			return nil, malformed("body is not base64")
		}
		rep.body = b
	}
	return rep, nil
}

func firstAccept(r *http.Request) string {
	first, _, _ := strings.Cut(r.Header.Get("Accept"), ",")
	return first
}

// statusOf reads a status: a whole number, or one in a text.
func statusOf(raw json.RawMessage) (int, bool) {
	text := strings.Trim(string(raw), `"`)
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || f != math.Trunc(f) || f < 200 || f > 599 {
		return 0, false
	}
	return int(f), true
}

// headerText reads a header's value: a text, a number or a truth value.
func headerText(raw json.RawMessage) (string, bool) {
	var v any
	if json.Unmarshal(raw, &v) != nil {
		return "", false
	}
	switch v := v.(type) {
	case string:
		return v, true
	case bool, float64:
		return string(raw), true
	}
	return "", v == nil
}

// remapped are headers a function cannot set: they are ours, or would confuse the connection.
var remapped = map[string]bool{
	"Authorization": true, "Connection": true, "Content-Length": true, "Content-Md5": true, "Date": true, "Expect": true, "Host": true, "Max-Forwards": true,
	"Proxy-Authenticate": true, "Server": true, "Te": true, "Transfer-Encoding": true, "Trailer": true, "Upgrade": true, "User-Agent": true,
	"Via": true, "Www-Authenticate": true, "X-Amzn-Requestid": true, "X-Amz-Apigw-Id": true, "X-Amzn-Errortype": true,
}

func setHeader(h http.Header, name string, values ...string) {
	if !validHeaderName(name) {
		return
	}
	canonical := http.CanonicalHeaderKey(name)
	if remapped[canonical] {
		canonical = http.CanonicalHeaderKey("X-Amzn-Remapped-" + name)
	}
	h.Del(canonical)
	for _, v := range values {
		if !strings.ContainsAny(v, "\r\n\x00") {
			h.Add(canonical, v)
		}
	}
}

// mockStatus is the status a MOCK integration's template asks for; false where it needs the template language.
func mockStatus(template string) (int, bool) {
	var t struct {
		Status json.RawMessage `json:"statusCode"`
	}
	if hasExpression(template) || json.Unmarshal([]byte(template), &t) != nil {
		return 0, false
	}
	return statusOf(t.Status)
}

// mock answers without any back end.
func (x *exchange) mock() (*reply, error) {
	i := x.m.MethodIntegration
	status, ok := mockStatus(i.RequestTemplates["application/json"])
	if !ok {
		return nil, failed(500, "the MOCK integration has no status code")
	}
	r := chosen(i.IntegrationResponses, strconv.Itoa(status))
	if r == nil {
		return nil, failed(500, "no integration response for status "+strconv.Itoa(status))
	}
	if status, ok = statusOf(json.RawMessage(r.StatusCode.V)); !ok {
		return nil, failed(500, "integration response status "+r.StatusCode.V)
	}
	rep := &reply{status: status, header: http.Header{"Content-Type": {"application/json"}}, body: []byte(r.ResponseTemplates["application/json"])}
	for name, value := range r.ResponseParameters {
		if text, ok := literal(value); ok {
			rep.header.Set(strings.TrimPrefix(name, responseHeader), text)
		}
	}
	return rep, nil
}

// chosen is the integration response whose pattern matches, else the one without a pattern.
func chosen(responses map[string]apigateway.IntegrationResponse, status string) (out *apigateway.IntegrationResponse) {
	for _, r := range responses {
		if pattern := r.SelectionPattern.V; pattern == "" {
			if out == nil || r.StatusCode.V < out.StatusCode.V {
				out = &r
			}
		} else if re, err := regexp.Compile("^(?:" + pattern + ")$"); err == nil && re.MatchString(status) {
			return &r
		}
	}
	return out
}
