package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"bothy/api/apigateway"
	"bothy/kv"
	"bothy/policy"
	"bothy/record"
	"bothy/wire"
)

// MaxBody is what a request to a deployed API may carry.
const MaxBody = 10 << 20

// maxCompiled is how many deployments are kept ready to serve.
const maxCompiled = 64

// compiled is a deployment ready to serve. It never changes.
type compiled struct {
	def    *definition
	root   *node
	policy []policy.Source
}

// exchange is one request to a deployed API.
type exchange struct {
	s      *Service
	r      *http.Request
	id     string
	began  time.Time
	target target

	where where
	stage *stage
	api   *compiled // nil until found
	res   *resource
	vars  map[string]string
	m     *apigateway.Method
	call  *wire.Call
	body  []byte

	claims map[string]any
	trace  wire.Trace
}

// ServeHTTP serves deployed APIs; node sends it what Serves says is for them.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange{s: s, r: r, began: s.cfg.Now()}
	x.trace = wire.TraceOf(r, hostLabel, r.Method+" "+r.URL.EscapedPath(), x.began)
	x.id = x.trace.RequestID
	h := w.Header()
	h.Set("X-Amzn-Requestid", x.id)
	h.Set("X-Amz-Apigw-Id", newID(15)+"=")
	h.Set("Access-Control-Expose-Headers", "x-amzn-RequestId,x-amzn-ErrorType,x-amz-apigw-id,Date")
	rep, err := x.serve()
	if err != nil {
		rep = x.refused(err)
	}
	wire.Leave(r.Context(), len(rep.body))
	x.trace.Status, x.trace.Duration = rep.status, s.cfg.Now().Sub(x.began)
	s.cfg.Keep(x.trace)
	for name, values := range rep.header {
		h[name] = values
	}
	w.WriteHeader(rep.status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(rep.body) // the client may be gone
	}
}

// reply is what a client gets.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// serve takes a request through routing, authorization and integration, in this order for every method.
func (x *exchange) serve() (*reply, error) {
	if err := x.find(); err != nil {
		return nil, err
	}
	if err := x.authorize(); err != nil {
		return nil, err
	}
	if err := wire.Enter(x.r.Context()); err != nil { // the body is here: the work begins
		return nil, err
	}
	if x.m.MethodIntegration.Type.V == "MOCK" {
		return x.mock()
	}
	return x.invoke()
}

// find finds API, stage, resource and method.
func (x *exchange) find() error {
	x.target = parseTarget(x.r)
	if x.target.bad != "" {
		return forbidden("path refused: " + x.target.bad)
	}
	if err := x.load(x.r.Context()); err != nil {
		return err
	}
	x.res, x.vars = x.api.root.match(x.target.path)
	if x.res == nil {
		return missingToken("no resource has this path")
	}
	if x.m = x.res.method(x.r.Method); x.m == nil || x.m.MethodIntegration == nil {
		return missingToken("the resource has no such method")
	}
	return nil
}

// load reads API and stage, and compiles the deployment at its first use.
func (x *exchange) load(ctx context.Context) error {
	t := x.target
	err := x.s.cfg.DB.View(ctx, func(tx *kv.Tx) error {
		w, err := whereTable.Get(tx, record.Scope{}, t.api)
		if err != nil {
			return err
		}
		x.where = *w
		a, err := apiTable.Get(tx, record.In(w.Account, w.Region), t.api)
		if err != nil {
			return err
		}
		if a.Disabled || t.region != "" && t.region != w.Region {
			return record.ErrNotFound
		}
		if x.stage, err = stageTable.Get(tx, record.In(w.Account, w.Region), t.api, t.stage); err != nil {
			return err
		}
		x.api, err = x.s.compile(tx, w, x.stage.Deployment)
		return err
	})
	if errors.Is(err, record.ErrNotFound) {
		return forbidden("no such API or stage")
	}
	return err
}

func (s *Service) compile(tx *kv.Tx, w *where, id string) (*compiled, error) {
	key := w.ID + "/" + id
	s.mu.Lock()
	c := s.compiled[key]
	s.mu.Unlock()
	if c != nil {
		return c, nil
	}
	d, err := deploymentTable.Get(tx, record.In(w.Account, w.Region), w.ID, id)
	if err != nil {
		return nil, err
	}
	c = &compiled{def: &d.Definition, root: tree(&d.Definition)}
	if text := d.Definition.Policy; text != "" {
		p, err := policy.Parse([]byte(text))
		if err != nil {
			return nil, err
		}
		c.policy = []policy.Source{{Name: "policy of API " + w.ID, Policy: p}}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.compiled) >= maxCompiled {
		clear(s.compiled)
	}
	s.compiled[key] = c
	return c, nil
}

// arn is the method as policies name it. Its path is the one that chose the method.
func (x *exchange) arn() string {
	return "arn:aws:execute-api:" + x.where.Region + ":" + x.where.Account + ":" + x.where.ID + "/" + x.stage.Name + "/" + x.r.Method + "/" + strings.Join(x.target.path, "/")
}

// readBody reads the body; where it is signed it must be the signed one.
func (x *exchange) readBody() error {
	b, err := io.ReadAll(io.LimitReader(x.r.Body, MaxBody+1))
	var tooLarge *http.MaxBytesError
	switch {
	case len(b) > MaxBody || errors.As(err, &tooLarge):
		return &refusal{kind: "REQUEST_TOO_LARGE", status: 413, code: "RequestTooLargeException", message: "Request Too Long", reason: "body above the limit"}
	case err != nil && x.m.AuthorizationType.V == "AWS_IAM":
		return &refusal{kind: "INVALID_SIGNATURE", status: 403, code: "InvalidSignatureException", message: mismatch, reason: "body: " + err.Error()}
	case err != nil:
		return &refusal{kind: "BAD_REQUEST_BODY", status: 400, code: "BadRequestException", message: "Invalid request body", reason: err.Error()}
	}
	x.body = b
	return nil
}

// jsonText is v as JSON; v is always ours.
func jsonText(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		return []byte("null")
	}
	return b
}
