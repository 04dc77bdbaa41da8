package wire

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"bothy/wire/sigv4"
)

// response is an answer before it is sent.
type response struct {
	status int
	header http.Header
	kind   string // content type
	body   []byte
	room   *[]byte   // of rooms, where body is written to one
	stream io.Reader // instead of body
}

// rooms are where answers are written, one after the other. One that became longer than maxRoom is not used again.
var rooms = sync.Pool{New: func() any { b := make([]byte, 0, 1<<10); return &b }}

const maxRoom = 4 << 20

// sent ends the use of the body. It was sent as a whole: of a connection that failed, nobody knows what still reads it.
func (r *response) sent() {
	if r.room != nil && cap(r.body) <= maxRoom {
		*r.room = r.body
		rooms.Put(r.room)
	}
	r.room, r.body = nil, nil
}

// ServeHTTP takes one request through the pipeline.
func (m *Mux) ServeHTTP(w http.ResponseWriter, hr *http.Request) {
	r := m.route(hr)
	c := m.newCall(hr, r)
	m.crossOrigin(w.Header(), hr, r)
	if hr.Method == http.MethodOptions {
		w.WriteHeader(m.preflight(w.Header(), hr, r))
		return
	}
	r.max = maxBody(r)
	weight := weigh(r)
	var err error
	if c.ticket, err = m.cfg.Budget.Admit(Household(c.SourceIP), weight.class, weight.bytes); err != nil {
		m.refuse(w, c, r)
		return
	}
	defer c.ticket.Done()
	c.room = weight.answer
	c.trace = m.begin(c)
	res := &response{status: 200, header: c.Header}
	out, o, err := m.serve(c, r)
	if hr.Context().Err() != nil && errors.Is(err, context.Canceled) {
		err = Because(Fail(499, codeGone, "The request was aborted."), "the client went away, or the node is ending: %v", err)
	}
	if err == nil {
		if o.info.Status != 0 {
			res.status = o.info.Status
		}
		codecs[r.api.Protocol].encode(o, pointerOf(out), c.RequestID, res)
		if c.Status != 0 {
			res.status = c.Status
		}
	} else {
		m.encodeFault(c, r, err, res)
	}
	c.written()
	m.end(c, err, res.status)
	c.ticket.Leave(int64(len(res.body)))
	m.send(w, hr, c, r, res)
}

func (m *Mux) newCall(hr *http.Request, r *request) *Call {
	c := &Call{
		Context: hr.Context(), RequestID: NewRequestID(), Now: m.cfg.Now(), Account: m.cfg.Account(), Region: orDefault(r.region, m.cfg.Region),
		Principal: &Principal{}, SourceIP: SourceIP(hr), UserAgent: hr.UserAgent(), Host: HostOf(hr), HTTP: hr, Header: http.Header{},
	}
	if !validRegion(c.Region) {
		c.Region = m.cfg.Region
	}
	return c
}

// validRegion keeps odd scopes out of ARNs and keys; such requests are for the node's own region.
func validRegion(s string) bool {
	if len(s) == 0 || len(s) > 32 {
		return false
	}
	for _, ch := range s {
		if (ch < 'a' || ch > 'z') && (ch < '0' || ch > '9') && ch != '-' {
			return false
		}
	}
	return true
}

// serve authenticates, decodes and runs the operation.
func (m *Mux) serve(c *Call, r *request) (out any, o *mounted, err error) {
	defer m.caught(c, &err)
	if strings.Count(r.http.URL.RawQuery, "&") >= maxParams {
		return nil, nil, Fail(400, "MalformedQueryString", "The query string has too many parameters")
	}
	if err := m.queryForm(r, c); err != nil {
		return nil, nil, err
	}
	c.api, c.info = r.api, r.info
	if r.api != nil {
		c.trace.API = r.api.Name
	}
	if r.info == nil {
		return nil, nil, m.unknown(r)
	}
	c.trace.Operation = r.info.Name
	o = m.mounted[r.info]
	if o == nil {
		return nil, nil, notImplemented(r.api, r.info.Name)
	}
	if !o.public && !c.authenticated {
		if err := m.authenticate(c, r); err != nil {
			return nil, nil, err
		}
	}
	if c.Auth != nil && c.Auth.AccessKey != "" && c.Auth.Service != r.api.SigningName {
		return nil, nil, wrongService(c.Auth.Service, r.api.SigningName)
	}
	in := o.newIn()
	if err := codecs[r.api.Protocol].decode(r, o.in, pointerOf(in)); err != nil {
		return nil, nil, err
	}
	out, err = m.run(c, o, in)
	return out, o, err
}

// queryForm reads the form of a query-protocol call, whose action lies in the body: so its signature, when it has one, is
// checked here, over the body.
func (m *Mux) queryForm(r *request, c *Call) error {
	if r.info != nil || r.http.Header.Get("X-Amz-Target") != "" || smithyProtocol(r.http) != "" || !r.maybeQuery() {
		return nil
	}
	if sigv4.Present(r.http) {
		if err := m.authenticate(c, r); err != nil {
			return err
		}
	}
	form := r.query
	if isForm(r.http) {
		b, err := r.body()
		if err != nil {
			return err
		}
		if form, err = url.ParseQuery(string(b)); err != nil {
			return Because(Fail(400, "MalformedQueryString", "The query string is malformed"), "%v", err)
		}
	}
	m.routeAction(r, form)
	r.form = form
	return nil
}

// authenticate verifies the signature and finds the principal. Without one the caller is anonymous, which only S3 allows:
// there a bucket policy may let everybody in.
func (m *Mux) authenticate(c *Call, r *request) error {
	c.authenticated = true
	if !sigv4.Present(r.http) {
		if r.api != nil && r.api.Name == "s3" {
			auth, err := sigv4.Anonymous(r.http, r.max)
			if err != nil {
				return signatureFault(err)
			}
			c.Auth = auth
			return nil
		}
		return Because(Fail(403, codeMissing, "Missing Authentication Token"), "the request has no signature")
	}
	return m.verify(c, r.http, r.max)
}

func (m *Mux) verify(c *Call, hr *http.Request, max int64) error {
	var found *Credential
	var failed error // of the look-up: a refusal, or the store's own failure, which is not the signature's
	auth, err := m.verifier.Verify(hr, max, func(key, token string) (string, error) {
		c.Principal = &Principal{AccessKey: key} // claimed, not proved: for the trace
		cred, err := m.cfg.Credentials.Find(c, key, token)
		if err != nil {
			failed = err
			return "", err
		}
		found = cred
		return cred.Secret, nil
	})
	if failed != nil {
		return failed
	}
	if err != nil {
		return signatureFault(err)
	}
	if k := found.Principal.Kind; k != Root && k != User && k != Session { // the node's own powers come over no wire
		return fmt.Errorf("the key %s stands for a principal of kind %d", found.Principal.AccessKey, k)
	}
	c.Auth, c.Principal = auth, found.Principal
	if m.cfg.Used != nil {
		m.cfg.Used(found.Principal, auth.Service, c.Region, c.Now)
	}
	return nil
}

// Authenticate verifies the signature of a request that is not for an AWS API: a deployed API's. The caller sends the
// Fault it may return, with the call's request id; the trace is kept under that id with Keep.
func (m *Mux) Authenticate(hr *http.Request, maxBody int64) (*Call, error) {
	r := &request{http: hr, query: parseQuery(hr.URL.RawQuery)}
	r.region, _ = scopeOf(hr, r.query)
	c := m.newCall(hr, r)
	if !sigv4.Present(hr) {
		return c, Because(Fail(403, codeMissing, "Missing Authentication Token"), "the request has no signature")
	}
	if err := m.verify(c, hr, maxBody); err != nil {
		return c, err
	}
	if s := c.Auth.Service; s != "execute-api" && s != "" { // aws4 leaves it empty for hosts it does not know
		return c, wrongService(s, "execute-api")
	}
	return c, nil
}

// wrongService refuses a signature made for another service: what that service lets pass unsigned must not pass here.
func wrongService(got, want string) error {
	return Because(Fail(403, codeMismatch, "Credential should be scoped to correct service: '%s'.", want), "the signature is scoped to service %q, the request is for %q", got, want)
}

// body reads the whole body within its limit; a signed one is checked against its signature while it is read.
func (r *request) body() ([]byte, error) {
	if r.read {
		return r.raw, nil
	}
	if whole, ok := r.http.Body.(interface{ Bytes() []byte }); ok { // read for its signature
		r.raw, r.read = whole.Bytes(), true
		return r.raw, nil
	}
	if r.http.ContentLength > r.max {
		return nil, tooLarge(r.max)
	}
	var buf bytes.Buffer
	buf.Grow(int(min(max(r.http.ContentLength, 0), believed)) + bytes.MinRead)
	if _, err := buf.ReadFrom(io.LimitReader(r.http.Body, r.max+1)); err != nil {
		return nil, signatureFault(err)
	}
	b := buf.Bytes()
	if int64(len(b)) > r.max {
		return nil, tooLarge(r.max)
	}
	r.raw, r.read = b, true
	return b, nil
}

func tooLarge(most int64) error {
	return Fail(413, "RequestEntityTooLarge", "Request body exceeds the limit of %d bytes", most)
}

const mb = 1 << 20

// maxParams is how many parameters a query may have; of a longer one net/url reads none.
const maxParams = 10_000

// believed is how much room a client gets for a length it only claims.
const believed = 64 << 10

// maxBody is how much a request may carry; objects stream, so theirs is S3's largest PUT.
func maxBody(r *request) int64 {
	if r.api == nil {
		return mb
	}
	switch r.api.Name {
	case "s3":
		if r.info != nil && (r.info.Name == "PutObject" || r.info.Name == "UploadPart") {
			return 5 << 30
		}
		return 8 * mb
	case "dynamodb":
		return 16 * mb
	case "lambda":
		if r.info != nil && r.info.Name == "Invoke" {
			return 6*mb + 1024
		}
		return 70 * mb
	case "mobile", "apigateway", "bothy":
		return 12 * mb
	case "cognitoidp":
		if r.info != nil && strings.HasSuffix(r.info.Name, "ManagedLoginBranding") {
			return 2 * mb // AWS's limit; images
		}
	}
	return mb
}

// send writes the answer with the ids every client looks for.
func (m *Mux) send(w http.ResponseWriter, hr *http.Request, c *Call, r *request, res *response) {
	h := w.Header()
	for k, v := range res.header {
		h[k] = v
	}
	own := &[...]string{c.RequestID, res.kind, ""} // one cell for all: this is done for every request
	h["X-Amzn-Requestid"] = own[0:1:1]
	if r.api != nil && (r.api.Name == "s3" || r.api.Name == "cloudfront") {
		h.Set("X-Amz-Request-Id", c.RequestID)
		h.Set("X-Amz-Id-2", c.RequestID)
	}
	if h.Get("Content-Type") == "" && res.kind != "" {
		h["Content-Type"] = own[1:2:2]
	}
	if res.stream != nil {
		m.sendStream(w, hr, c, res)
		return
	}
	bodiless := hr.Method == http.MethodHead || res.status == http.StatusNoContent || res.status == http.StatusNotModified
	switch {
	case !bodiless:
		own[2] = itoa(len(res.body))
		h["Content-Length"] = own[2:]
	case hr.Method != http.MethodHead:
		h.Del("Content-Length")
	}
	w.WriteHeader(res.status)
	if !bodiless {
		if _, err := w.Write(res.body); err == nil { // else the client is gone: nothing is left to tell it
			res.sent()
		}
	}
}

// sendStream copies an object; when it breaks half way the connection is cut, so that the client cannot take the part for
// the whole.
func (m *Mux) sendStream(w http.ResponseWriter, hr *http.Request, c *Call, res *response) {
	if cl, ok := res.stream.(io.Closer); ok {
		defer cl.Close() //nolint:errcheck // only read
	}
	w.WriteHeader(res.status)
	if hr.Method == http.MethodHead {
		return
	}
	if _, err := io.Copy(w, res.stream); err != nil {
		if !errors.Is(hr.Context().Err(), c.Err()) || hr.Context().Err() == nil {
			m.cfg.Log.Error("answer cut short", "request", c.RequestID, "error", err)
		}
		panic(http.ErrAbortHandler)
	}
}

// crossOrigin puts the headers a browser wants on every answer: service endpoints allow all origins, and buckets follow
// their own configuration.
func (m *Mux) crossOrigin(h http.Header, hr *http.Request, r *request) {
	origin := hr.Header.Get("Origin")
	if origin == "" {
		return
	}
	if r.api != nil && m.cors[r.api] != nil {
		for k, v := range m.cors[r.api](hr.Context(), hr, bucketOf(r)) {
			h[k] = v
		}
		return
	}
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Expose-Headers", exposed)
}

const exposed = "x-amzn-RequestId,x-amzn-ErrorType,x-amzn-ErrorMessage,x-amz-request-id,x-amz-id-2,ETag,Date,x-amz-version-id,x-amz-function-error,x-amz-log-result"

// preflight completes the answer to OPTIONS, which carries no signature.
func (m *Mux) preflight(h http.Header, hr *http.Request, r *request) int {
	if r.api != nil && m.cors[r.api] != nil {
		if h.Get("Access-Control-Allow-Origin") == "" {
			return http.StatusForbidden
		}
		return http.StatusOK
	}
	h.Set("Access-Control-Allow-Methods", "GET,HEAD,PUT,POST,PATCH,DELETE,OPTIONS")
	if want := hr.Header.Get("Access-Control-Request-Headers"); want != "" {
		h.Set("Access-Control-Allow-Headers", want)
	}
	h.Set("Access-Control-Max-Age", "172800")
	h.Set("Vary", "Origin, Access-Control-Request-Headers")
	return http.StatusOK
}

// bucketOf is the bucket a request is about, from host or path.
func bucketOf(r *request) string {
	if r.bucket != "" {
		return r.bucket
	}
	b, _, _ := strings.Cut(strings.TrimPrefix(r.http.URL.Path, "/"), "/")
	return b
}
