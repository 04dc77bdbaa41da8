package wire

import (
	"context"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"bothy/policy"
)

// Trace is what the operator may know of a request: who asked for what, what was decided, and why.
type Trace struct {
	RequestID string
	Time      time.Time
	API       string
	Operation string
	Principal string // ARN, or "anonymous"
	AccessKey string
	SourceIP  string
	Host      string
	Status    int
	Code      string // error code the client saw, "" on success
	Message   string
	Reason    string // of a refusal or failure; never sent to clients
	Decisions []TracedDecision
	Duration  time.Duration
}

// TracedDecision is one question put to policy.
type TracedDecision struct {
	Action, Resource string
	Allowed          bool
	Reason           string
	Failed           []policy.Failure
}

const keptTraces = 4096 // the last requests that `bothy why` can explain

// traceRing keeps the last traces. It is a diagnosis, not state: nothing decides by it, and it goes with the process.
type traceRing struct {
	mu   sync.Mutex
	ring []*Trace          // guarded by mu
	next int               // guarded by mu
	byID map[string]*Trace // guarded by mu
}

func (t *traceRing) keep(tr *Trace) {
	tr.shrink()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.byID == nil {
		t.byID = map[string]*Trace{}
	}
	if len(t.ring) < keptTraces {
		t.ring = append(t.ring, tr)
	} else {
		delete(t.byID, t.ring[t.next].RequestID)
		t.ring[t.next] = tr
	}
	t.next = (t.next + 1) % keptTraces
	t.byID[tr.RequestID] = tr
}

// Bounds of a trace: what is in it is chosen by whoever sends requests, signed or not.
const (
	maxTrace          = 16 << 10 // bytes of all its texts
	maxTraceText      = 1 << 10  // bytes of one
	maxTraceList      = 8        // values that a condition expected or got, and conditions of one decision
	maxTraceDecisions = 8        // the last ones: a refusal ends a request
)

// shrink cuts a trace down. Its texts become copies: a part of a request's text would keep all of it.
func (t *Trace) shrink() {
	room := clipper{left: maxTrace}
	room.clip(&t.API, &t.Operation, &t.Principal, &t.AccessKey, &t.SourceIP, &t.Host, &t.Code, &t.Message, &t.Reason)
	t.Decisions = slices.Clone(t.Decisions[max(0, len(t.Decisions)-maxTraceDecisions):])
	for i := range slices.Backward(t.Decisions) {
		d := &t.Decisions[i]
		room.clip(&d.Action, &d.Resource, &d.Reason)
		d.Failed = slices.Clone(d.Failed[:min(len(d.Failed), maxTraceList)])
		for j := range d.Failed {
			f := &d.Failed[j]
			room.clip(&f.Source, &f.Statement, &f.Operator, &f.Key)
			f.Expected, f.Got = room.clipList(f.Expected), room.clipList(f.Got)
		}
	}
	room.copy()
}

// clipper cuts texts down, and copies them into one.
type clipper struct {
	left  int // bytes that may still be kept
	texts []*string
	few   [24]*string // room for texts
}

func (c *clipper) clip(texts ...*string) {
	if c.texts == nil {
		c.texts = c.few[:0]
	}
	for _, s := range texts {
		if most := min(maxTraceText, c.left); len(*s) > most {
			*s = (*s)[:most] + "…"
		}
		c.left -= min(len(*s), c.left)
	}
	c.texts = append(c.texts, texts...)
}

func (c *clipper) copy() {
	n := 0
	for _, s := range c.texts {
		n += len(*s)
	}
	var all strings.Builder
	all.Grow(n)
	for _, s := range c.texts {
		all.WriteString(*s)
		*s = all.String()[all.Len()-len(*s):]
	}
}

func (c *clipper) clipList(list []string) []string {
	out := slices.Clone(list[:min(len(list), maxTraceList)])
	for i := range out {
		c.clip(&out[i])
	}
	return out
}

// Explain finds what happened to a recent request.
func (m *Mux) Explain(requestID string) (Trace, bool) {
	m.traces.mu.Lock()
	defer m.traces.mu.Unlock()
	tr, ok := m.traces.byID[requestID]
	if !ok {
		return Trace{}, false
	}
	return *tr, true
}

// TraceOf begins the trace of a request that no AWS model describes, for its handler to complete and Keep. The operation is all
// that it tells of the path, which may hold a secret.
func TraceOf(r *http.Request, api, operation string, at time.Time) Trace {
	return Trace{RequestID: NewRequestID(), Time: at, API: api, Operation: operation, Principal: "anonymous", SourceIP: SourceIP(r), Host: HostOf(r)}
}

// Refuse answers such a request with a text and its id, and keeps the reason for the operator.
func (m *Mux) Refuse(w http.ResponseWriter, tr Trace, status int, message, reason string) {
	tr.Status, tr.Code, tr.Message, tr.Reason, tr.Duration = status, strings.ReplaceAll(http.StatusText(status), " ", ""), message, reason, m.cfg.Now().Sub(tr.Time)
	m.Keep(tr)
	w.Header().Set("X-Amzn-RequestId", tr.RequestID)
	http.Error(w, message, status)
}

// Keep records a trace made outside the pipeline: by handlers of plain HTTP such as deployed APIs.
func (m *Mux) Keep(tr Trace) {
	m.keep(context.Background(), &tr)
}

func (m *Mux) begin(c *Call) *Trace {
	tr := &Trace{RequestID: c.RequestID, Time: c.Now, SourceIP: c.SourceIP, Host: c.Host}
	if c.api != nil {
		tr.API = c.api.Name
	}
	if c.info != nil {
		tr.Operation = c.info.Name
	}
	return tr
}

func (t *Trace) decided(w Access, d policy.Decision) {
	if t != nil {
		t.Decisions = append(t.Decisions, TracedDecision{w.Action, w.Resource, d.Allowed, d.Reason, d.Failed})
	}
}

// end completes the trace, keeps it and logs the request's one line.
func (m *Mux) end(c *Call, err error, status int) {
	tr := c.trace
	tr.Status, tr.Duration = status, m.cfg.Now().Sub(tr.Time)
	tr.Principal = "anonymous"
	if p := c.Principal; p != nil {
		tr.AccessKey = p.AccessKey // also one that is unknown
		if p.Kind != Anonymous {
			tr.Principal = p.ARN
		}
	}
	if err != nil {
		if tr.Code == "" { // in process: nothing was encoded
			tr.Code, _, tr.Message = faultOf(err).Fault()
		}
		tr.Reason = ReasonOf(err)
	}
	m.keep(c, tr)
}

func (m *Mux) keep(ctx context.Context, tr *Trace) {
	m.traces.keep(tr)
	if m.cfg.Refused != nil && (tr.Status >= 500 || tr.Status >= 400 && tr.Reason != "") {
		m.cfg.Refused(*tr)
	}
	m.logTrace(ctx, tr)
	if m.cfg.Done != nil {
		m.cfg.Done(tr)
	}
}

func (m *Mux) logTrace(ctx context.Context, tr *Trace) {
	level := slog.LevelInfo
	if tr.Status >= 500 && tr.Status != http.StatusNotImplemented {
		level = slog.LevelError
	}
	if !m.cfg.Log.Enabled(ctx, level) {
		return
	}
	attrs := []any{"id", tr.RequestID, "api", tr.API, "op", tr.Operation, "principal", tr.Principal, "status", tr.Status, "ms", float64(tr.Duration.Microseconds()) / 1000}
	if tr.Code != "" {
		attrs = append(attrs, "code", tr.Code, "reason", tr.Reason)
	}
	m.cfg.Log.Log(ctx, level, "request", attrs...)
}

func stack() string { return string(debug.Stack()) }
