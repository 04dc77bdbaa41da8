package wire

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"strconv"
	"sync"
	"time"

	"bothy/policy"
	"bothy/wire/admit"
	"bothy/wire/sigv4"
)

// Config is what a Mux needs from the node.
type Config struct {
	Account     func() string // of this node
	Region      string        // where a request says none
	Domains     []string      // host suffixes besides amazonaws.com under which services are addressed: "localhost"
	Credentials Credentials
	Now         func() time.Time
	Log         *slog.Logger
	Budget      *admit.Budget // what requests may hold; nil: no bounds
	// Refused hears of requests that were refused, or failed, for a reason the client is not told: for who must know of them
	// beyond this process. It must not block. May be nil.
	Refused func(Trace)
	// Denied seals how policy decided against a call: the client gets it as a header and may have it opened. nil: there is none.
	Denied func(*Call, Access, policy.Decision) string
	Done   func(*Trace) // hears of every request that ended, and of every trace given to Keep; may be nil
	// Used hears of every verified signature: whose it is, and the service and region it is for. It must not block. May be nil.
	Used func(p *Principal, service, region string, at time.Time)
}

// Mux routes requests to mounted operations. Mount everything before serving.
type Mux struct {
	cfg      Config
	verifier *sigv4.Verifier
	apis     []*API
	domains  []string   // AWS's and the node's own
	faults   sync.Mutex // guards compiler once requests are served: exceptions are compiled when they occur
	compiler compiler
	mounted  map[*OpInfo]*mounted
	routers  map[*API]*router
	cors     map[*API]CORS
	words    map[*API]Words
	patterns patternCache
	traces   traceRing
}

// mounted is an operation with its handler, types erased.
type mounted struct {
	api    *API
	info   *OpInfo
	in     *plan
	out    *plan
	newIn  func() any
	public bool
	serve  func(c *Call, in any) (any, error)
}

// CORS decides the cross-origin headers of a request whose API leaves that to its owner (buckets); nil adds none.
type CORS func(ctx context.Context, r *http.Request, resource string) http.Header

// NewMux serves nothing until operations are mounted. Known APIs without mounted operations answer "not implemented".
func NewMux(cfg Config, apis ...*API) *Mux {
	m := &Mux{
		cfg: cfg, apis: apis, compiler: compiler{map[reflect.Type]*plan{}}, verifier: sigv4.NewVerifier(cfg.Now),
		domains: append([]string{"amazonaws.com"}, cfg.Domains...), mounted: map[*OpInfo]*mounted{}, routers: map[*API]*router{}, cors: map[*API]CORS{}, words: map[*API]Words{},
	}
	m.verifier.Bucket = func(host string) string {
		r := &request{http: &http.Request{Host: host}}
		m.routeHost(r)
		return r.bucket
	}
	for _, a := range apis {
		m.routers[a] = newRouter(a)
	}
	return m
}

// SetCORS leaves the cross-origin answers of an API to f.
func (m *Mux) SetCORS(api *API, f CORS) { m.cors[api] = f }

// AuthenticatedOnly is the access of operations that need valid credentials but no permission (sts:GetCallerIdentity).
func AuthenticatedOnly[In any](*Call, *In) ([]Access, error) { return []Access{{anyone: true}}, nil }

// Handle mounts an operation. access says what the call wants to do; handle runs when policy allows all of it.
func Handle[In, Out any](m *Mux, op Op[In, Out], access func(*Call, *In) ([]Access, error), handle func(*Call, *In) (*Out, error)) {
	mount(m, op, false, func(c *Call, in *In) (*Out, error) {
		wants, err := access(c, in)
		if err != nil {
			return nil, err
		}
		if err := m.decide(c, wants); err != nil {
			return nil, err
		}
		return handle(c, in)
	})
}

// HandlePublic mounts an operation that AWS leaves unsigned: its input carries what authorises it. Another one is our own
// bug and panics.
func HandlePublic[In, Out any](m *Mux, op Op[In, Out], handle func(*Call, *In) (*Out, error)) {
	if !op.Info.NoAuth {
		panic("wire: " + op.API.Name + "." + op.Info.Name + " must be signed")
	}
	mount(m, op, true, handle)
}

func mount[In, Out any](m *Mux, op Op[In, Out], public bool, run func(*Call, *In) (*Out, error)) {
	if m.routers[op.API] == nil || m.mounted[op.Info] != nil {
		panic("wire: cannot mount " + op.API.Name + "." + op.Info.Name)
	}
	m.mounted[op.Info] = &mounted{
		api: op.API, info: op.Info, in: m.compiler.plan(reflect.TypeFor[In]()), out: m.compiler.plan(reflect.TypeFor[Out]()), public: public,
		newIn: func() any { return new(In) },
		serve: func(c *Call, in any) (any, error) {
			out, err := run(c, in.(*In))
			if err != nil {
				return nil, err
			}
			if out == nil {
				out = new(Out)
			}
			return out, nil
		},
	}
}

// Mounted tells whether an operation is served; for the coverage table.
func (m *Mux) Mounted(info *OpInfo) bool { return m.mounted[info] != nil }

// Invoke makes a call in process: the same validation, access and decision as from the network, with by as the caller.
func Invoke[In, Out any](ctx context.Context, m *Mux, by *Principal, region string, op Op[In, Out], in *In) (*Out, error) {
	o := m.mounted[op.Info]
	if o == nil {
		return nil, notImplemented(op.API, op.Info.Name)
	}
	c := &Call{Context: ctx, RequestID: NewRequestID(), Now: m.cfg.Now(), Account: m.cfg.Account(), Region: region, Principal: by, Header: http.Header{}, SourceIP: "127.0.0.1", UserAgent: "bothy", api: op.API, info: op.Info}
	c.trace = m.begin(c)
	out, err := m.run(c, o, in)
	if err == nil {
		err = o.out.open(pointerOf(out))
	}
	if err != nil {
		_, status, _ := faultOf(err).Fault()
		m.end(c, err, status)
		return nil, err
	}
	m.end(c, nil, http.StatusOK)
	return out.(*Out), nil
}

// Check holds the input of an operation that is called without the pipeline to the API's model, as the pipeline does.
func Check[In, Out any](m *Mux, op Op[In, Out], in *In) error {
	o := m.mounted[op.Info]
	if o == nil {
		return notImplemented(op.API, op.Info.Name)
	}
	return m.validate(o, in)
}

func (m *Mux) run(c *Call, o *mounted, in any) (out any, err error) {
	defer m.caught(c, &err)
	if err := c.ticket.Enter(c, c.room); err != nil {
		return nil, err
	}
	if err := m.validate(o, in); err != nil {
		return nil, err
	}
	return o.serve(c, in)
}

// caught makes an internal failure of a panic: our own bug must not end the process nor say anything to the client.
func (m *Mux) caught(c *Call, err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("panic: %v", p)
		m.cfg.Log.Error("panic", "request", c.RequestID, "error", *err, "stack", stack())
	}
}

// DeniedHeader carries what Config.Denied sealed.
const DeniedHeader = "X-Bothy-Authorization-Message"

// decide asks policy about every access; none at all is refused.
func (m *Mux) decide(c *Call, wants []Access) error {
	if len(wants) == 0 {
		return Because(accessDenied(c, Access{Action: c.api.Name + ":" + c.info.Name, Resource: "*"}), "the operation declared no access")
	}
	for _, w := range wants {
		if w.anyone {
			if c.Principal == nil || c.Principal.Kind == Anonymous {
				return Because(accessDenied(c, Access{Action: c.api.Name + ":" + c.info.Name, Resource: "*"}), "no credentials")
			}
			continue
		}
		if c.Principal != nil && c.Principal.Kind == Internal {
			continue
		}
		if d := Decide(c, w); !d.Allowed {
			m.tell(c, w, d)
			return AccessDenied(c, w, d)
		}
	}
	return nil
}

// tell gives the client what it may have opened.
func (m *Mux) tell(c *Call, w Access, d policy.Decision) {
	if m.cfg.Denied == nil {
		return
	}
	if text := m.cfg.Denied(c, w, d); text != "" {
		c.Header.Set(DeniedHeader, text)
	}
}

// Decide asks policy about one access of the call's principal. The pipeline asks about every declared access; handlers ask
// where their answer depends on a further permission.
func Decide(c *Call, w Access) policy.Decision {
	p := c.Principal
	if p == nil {
		p = &Principal{}
	}
	owner := w.Owner
	if owner == "" {
		owner = c.Account
	}
	if c.keys == nil {
		c.keys = globalKeys(c)
	}
	d := policy.Decide(p.Policies, w.Policies, p.Account == owner, policy.Request{
		Action: w.Action, Resource: w.Resource, Keys: w.Keys, Context: []policy.Keys{p.Keys, c.keys},
		PrincipalARN: p.ARN, PrincipalAccount: p.Account, UserID: p.UserID, RoleARN: p.Role, ResourceAccount: owner,
	})
	c.trace.decided(w, d)
	return d
}

// globalKeys are the condition keys that every request has.
func globalKeys(c *Call) policy.Keys {
	v := &[...]string{ // one cell for all: this is done for every request
		c.Now.UTC().Format(time.RFC3339), strconv.FormatInt(c.Now.Unix(), 10), strconv.FormatBool(c.HTTP == nil || c.HTTP.TLS != nil),
		c.SourceIP, c.UserAgent, c.Region, "false", // no service calls another in the name of its caller
	}
	return policy.Keys{
		"aws:currenttime":     v[0:1:1],
		"aws:epochtime":       v[1:2:2],
		"aws:securetransport": v[2:3:3],
		"aws:sourceip":        v[3:4:4],
		"aws:useragent":       v[4:5:5],
		"aws:requestedregion": v[5:6:6],
		"aws:viaawsservice":   v[6:7:7],
	}
}

// NewRequestID is a random UUID, the form every AWS client accepts.
func NewRequestID() string { return NewUUID() }

// NewUUID is a random UUID.
func NewUUID() string {
	var b [16]byte
	rand.Read(b[:]) //nolint:errcheck // never fails (crypto/rand)
	return UUID(b)
}

// UUID is the UUID of version 4 that has these bits, but for the six that tell the version.
func UUID(b [16]byte) string {
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
