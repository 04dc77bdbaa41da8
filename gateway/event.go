package gateway

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"mime"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// event is what an AWS_PROXY integration sends a function, in the format of REST APIs (1.0).
type event struct {
	Resource      string              `json:"resource"`
	Path          string              `json:"path"`
	Method        string              `json:"httpMethod"`
	Headers       map[string]string   `json:"headers"`
	ManyHeaders   map[string][]string `json:"multiValueHeaders"`
	Query         map[string]string   `json:"queryStringParameters"`
	ManyQuery     map[string][]string `json:"multiValueQueryStringParameters"`
	PathVariables map[string]string   `json:"pathParameters"`
	Variables     map[string]string   `json:"stageVariables"`
	Context       eventContext        `json:"requestContext"`
	Body          *string             `json:"body"`
	Base64        bool                `json:"isBase64Encoded"`
}

type eventContext struct {
	ResourceID   string         `json:"resourceId"`
	ResourcePath string         `json:"resourcePath"`
	Method       string         `json:"httpMethod"`
	ExtendedID   string         `json:"extendedRequestId"`
	Time         string         `json:"requestTime"`
	Path         string         `json:"path"`
	Account      string         `json:"accountId"`
	Protocol     string         `json:"protocol"`
	Stage        string         `json:"stage"`
	DomainPrefix string         `json:"domainPrefix"`
	Epoch        int64          `json:"requestTimeEpoch"`
	RequestID    string         `json:"requestId"`
	Identity     eventIdentity  `json:"identity"`
	Domain       string         `json:"domainName"`
	API          string         `json:"apiId"`
	Authorizer   map[string]any `json:"authorizer,omitempty"`
}

type eventIdentity struct {
	PoolID    *string `json:"cognitoIdentityPoolId"`
	Account   *string `json:"accountId"`
	ID        *string `json:"cognitoIdentityId"`
	Caller    *string `json:"caller"`
	SourceIP  string  `json:"sourceIp"`
	OrgID     *string `json:"principalOrgId"`
	AccessKey *string `json:"accessKey"`
	AuthType  *string `json:"cognitoAuthenticationType"`
	Provider  *string `json:"cognitoAuthenticationProvider"`
	UserARN   *string `json:"userArn"`
	UserAgent *string `json:"userAgent"`
	User      *string `json:"user"`
	APIKey    *string `json:"apiKey"`
	APIKeyID  *string `json:"apiKeyId"`
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func (x *exchange) event() *event {
	path := "/" + strings.Join(x.target.path, "/")
	if x.target.slash && path != "/" {
		path += "/"
	}
	host := x.trace.Host
	prefix, _, _ := strings.Cut(host, ".")
	e := &event{
		Resource: x.res.Path, Path: path, Method: x.r.Method, PathVariables: x.vars, Variables: x.stage.Variables,
		Context: eventContext{
			ResourceID: x.res.ID, ResourcePath: x.res.Path, Method: x.r.Method, ExtendedID: x.id, RequestID: x.id, Time: x.began.UTC().Format("02/Jan/2006:15:04:05 +0000"),
			Epoch: x.began.UnixMilli(), Path: "/" + x.stage.Name + path, Account: x.where.Account, Protocol: x.r.Proto, Stage: x.stage.Name,
			DomainPrefix: prefix, Domain: host, API: x.where.ID, Identity: x.identity(),
		},
	}
	if len(e.PathVariables) == 0 {
		e.PathVariables = nil
	}
	if len(e.Variables) == 0 {
		e.Variables = nil
	}
	if x.claims != nil {
		e.Context.Authorizer = map[string]any{"claims": claimTexts(x.claims)}
	}
	e.headers(x)
	e.query(x.r.URL.RawQuery)
	e.body(x)
	return e
}

func (x *exchange) identity() eventIdentity {
	p := x.call.Principal
	id := eventIdentity{SourceIP: x.call.SourceIP, UserAgent: orNull(x.r.UserAgent())}
	if p.ARN == "" {
		return id
	}
	id.Account, id.Caller, id.User, id.UserARN, id.AccessKey = orNull(p.Account), orNull(p.UserID), orNull(p.UserID), orNull(p.ARN), orNull(p.AccessKey)
	if c := p.Identity; c != nil {
		id.ID, id.PoolID, id.AuthType, id.Provider = orNull(c.ID), orNull(c.PoolID), orNull(c.AuthType), orNull(c.Provider)
	}
	return id
}

func (e *event) headers(x *exchange) {
	e.Headers, e.ManyHeaders = map[string]string{}, map[string][]string{}
	put := func(name string, values ...string) {
		e.Headers[name], e.ManyHeaders[name] = values[len(values)-1], values
	}
	for name, values := range x.r.Header {
		switch name {
		case "Connection", "Keep-Alive", "Proxy-Authorization", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade":
		case "Authorization":
			if x.m.AuthorizationType.V != "AWS_IAM" { // a signature is for us, not for the function
				put(name, values...)
			}
		default:
			put(name, values...)
		}
	}
	proto, port := "http", "80"
	if x.r.TLS != nil {
		proto, port = "https", "443"
	}
	put("Host", x.r.Host)
	put("X-Forwarded-Proto", proto)
	put("X-Forwarded-Port", port)
	put("X-Forwarded-For", strings.TrimPrefix(strings.Join(x.r.Header["X-Forwarded-For"], ", ")+", "+x.call.SourceIP, ", "))
	if e.Headers["X-Amzn-Trace-Id"] == "" {
		put("X-Amzn-Trace-Id", fmt.Sprintf("Root=1-%08x-%s", x.began.Unix(), strings.ReplaceAll(x.id, "-", "")[:24]))
	}
}

func (e *event) query(raw string) {
	q, _ := url.ParseQuery(raw) // what can be understood of it
	for name, values := range q {
		if isSignature(name) {
			continue
		}
		if e.Query == nil {
			e.Query, e.ManyQuery = map[string]string{}, map[string][]string{}
		}
		e.Query[name], e.ManyQuery[name] = values[len(values)-1], values
	}
}

// isSignature tells whether a parameter belongs to a signed query: like a signature in a header, it is for us.
func isSignature(name string) bool {
	switch name {
	case "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders", "X-Amz-Signature", "X-Amz-Security-Token":
		return true
	}
	return false
}

func (e *event) body(x *exchange) {
	if len(x.body) == 0 {
		return
	}
	text := string(x.body)
	if isBinary(x.api.def.Binary, x.r.Header.Get("Content-Type")) {
		text, e.Base64 = base64.StdEncoding.EncodeToString(x.body), true
	} else if !utf8.ValidString(text) {
		text = strings.ToValidUTF8(text, "\uFFFD")
	}
	e.Body = &text
}

// isBinary tells whether a media type is one of the API's binary ones.
func isBinary(types []string, contentType string) bool {
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		kind = strings.ToLower(strings.TrimSpace(contentType))
	}
	for _, t := range types {
		switch {
		case t == "*/*", strings.EqualFold(t, kind):
			return true
		case strings.HasSuffix(t, "/*") && strings.HasPrefix(kind, strings.TrimSuffix(strings.ToLower(t), "*")):
			return true
		}
	}
	return false
}

// claimTexts are claims as functions get them: all texts, times of expiry and issue written out.
func claimTexts(claims map[string]any) map[string]string {
	out := map[string]string{}
	for name, v := range claims {
		out[name] = claimText(name, v)
	}
	return out
}

func claimText(name string, v any) string {
	switch v := v.(type) {
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case float64:
		return numberText(name, v)
	case json.Number:
		f, err := v.Float64()
		if err != nil {
			return v.String()
		}
		return numberText(name, f)
	case int64:
		return numberText(name, float64(v))
	case []any:
		var parts []string
		for _, p := range v {
			parts = append(parts, claimText("", p))
		}
		return strings.Join(parts, ",")
	case []string:
		return strings.Join(v, ",")
	}
	return string(jsonText(v))
}

func numberText(name string, v float64) string {
	if name == "exp" || name == "iat" {
		return time.Unix(int64(v), 0).UTC().Format("Mon Jan 02 15:04:05 UTC 2006")
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}
