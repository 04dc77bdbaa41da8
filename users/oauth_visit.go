package users

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"bothy/kv"
	"bothy/wire"
)

// MaxLoginBody is what a request to a sign-in domain may carry: forms, and what other identity providers say of people.
const MaxLoginBody = 256 << 10

// visit is one request to a pool's sign-in domain.
type visit struct {
	*wire.Call
	s      *Service
	w      http.ResponseWriter
	r      *http.Request
	domain *domain
	pool   *pool
	form   url.Values // of a POST

	browser string // its form cookie, once it has one
	refusal error  // what a page shown again was refused for
}

// reply is what a visitor gets: a page, a document, or another place to go to.
type reply struct {
	status int
	kind   string // content type
	body   []byte
	to     string // a redirect; the body is empty then
}

// oauthError is a refusal in the words of RFC 6749: to programs as JSON, to apps as parameters of their address.
type oauthError struct {
	code        string
	status      int
	description string
}

func (e *oauthError) Error() string { return "oauth: " + e.code + ": " + e.description }

// Fault makes it a refusal to clients.
func (e *oauthError) Fault() (code string, status int, message string) {
	return e.code, e.status, e.description
}

// oauthRefusal is a refusal with its reason for the operator.
func oauthRefusal(code, reason string, a ...any) error {
	return wire.Because(&oauthError{code: code, status: http.StatusBadRequest}, reason, a...)
}

// Login serves the sign-in domains: what ServesLogin says is for it.
func (s *Service) Login() http.Handler { return s.login }

func (s *Service) loginRoutes() http.Handler {
	mux := http.NewServeMux()
	page := func(name string, h func(*visit) (*reply, error)) http.HandlerFunc {
		return s.serve(name, (*visit).pageFault, h)
	}
	document := func(name string, h func(*visit) (*reply, error)) http.HandlerFunc {
		return s.serve(name, (*visit).documentFault, crossOrigin(h))
	}
	mux.Handle("GET /oauth2/authorize", page("Authorize", (*visit).authorize))
	mux.Handle("POST /oauth2/authorize", page("Authorize", (*visit).authorize))
	mux.Handle("/oauth2/token", document("Token", (*visit).token))
	mux.Handle("/oauth2/revoke", document("Revoke", (*visit).revoke))
	mux.Handle("/oauth2/userInfo", document("UserInfo", (*visit).userInfo))
	mux.Handle("GET /logout", page("Logout", (*visit).logout))
	for _, path := range []string{returnPath, returnPathSAML} {
		mux.Handle("GET "+path, page("ProviderAnswer", (*visit).comeBack))
		mux.Handle("POST "+path, page("ProviderAnswer", (*visit).comeBack))
	}
	mux.Handle("GET "+assetPath+"{name}", page("Asset", (*visit).asset))
	for path, h := range map[string]struct {
		name      string
		show, act func(*visit) (*reply, error)
	}{
		"/login":                 {"Login", (*visit).showLogin, (*visit).login},
		"/signup":                {"SignUp", (*visit).showSignUp, (*visit).signUp},
		"/confirmUser":           {"ConfirmUser", (*visit).showConfirm, (*visit).confirm},
		"/resendcode":            {"ResendCode", (*visit).showConfirm, (*visit).resend},
		"/forgotPassword":        {"ForgotPassword", (*visit).showForgot, (*visit).forgot},
		"/confirmForgotPassword": {"ConfirmForgotPassword", (*visit).showForgot, (*visit).reset},
		"/challenge":             {"Challenge", (*visit).showLogin, (*visit).challenge},
	} {
		mux.Handle("GET "+path, page(h.name, h.show))
		mux.Handle("POST "+path, page(h.name, guarded(h.act)))
	}
	mux.Handle("/", page("Page", func(*visit) (*reply, error) { return nil, notHere() }))
	return mux
}

func notHere() error { return &oauthError{code: "not_found", status: http.StatusNotFound} }

// serve makes a handler of h. A failure is shown by fault; whatever happened is traced under the name.
func (s *Service) serve(name string, fault func(*visit, error) *reply, h func(*visit) (*reply, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		tr := wire.TraceOf(r, "login", name, s.cfg.Now())
		v := &visit{s: s, w: w, r: r, Call: &wire.Call{
			Context: r.Context(), RequestID: tr.RequestID, Now: tr.Time, Account: s.cfg.Account(), SourceIP: tr.SourceIP, UserAgent: r.UserAgent(), Host: tr.Host, HTTP: r, Header: w.Header(),
		}}
		err := v.arrive()
		var rep *reply
		if err == nil {
			rep, err = h(v)
		}
		if err != nil {
			rep = fault(v, err)
			v.refusal = err
		}
		if v.refusal != nil {
			tr.Code, _, tr.Message = publicFault(v.refusal)
			tr.Reason = wire.ReasonOf(v.refusal)
		}
		wire.Leave(r.Context(), len(rep.body))
		tr.Status, tr.Duration = rep.status, s.cfg.Now().Sub(tr.Time)
		s.mux.Keep(tr)
		v.send(rep)
	}
}

// publicFault is a refusal's code, status and message; of a failure of our own what the visitor may know of it.
func publicFault(err error) (code string, status int, message string) {
	var refused wire.Fault
	var passing interface{ Temporary() bool }
	switch {
	case errors.As(err, &refused):
		return refused.Fault()
	case errors.As(err, &passing) && passing.Temporary():
		return "temporarily_unavailable", http.StatusServiceUnavailable, ""
	}
	return "server_error", http.StatusInternalServerError, ""
}

// arrive finds whose domain the visit is to, and reads the form that was posted.
func (v *visit) arrive() error {
	h := v.w.Header()
	h.Set("X-Amzn-RequestId", v.RequestID)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
	if v.r.Method == http.MethodPost {
		if err := v.read(); err != nil {
			return err
		}
	}
	if err := wire.Enter(v); err != nil { // the request is here: the work begins
		return err
	}
	var err error
	if v.domain, err = v.s.domainAt(v, v.Host); err != nil {
		return err
	}
	if v.domain == nil {
		return wire.Because(notHere(), "no pool has the domain %s", v.Host)
	}
	v.Region = regionOf(v.domain.Pool)
	return v.s.view(v, func(tx *kv.Tx) error {
		v.pool, err = poolByID(tx, v.Account, v.domain.Pool)
		return err
	})
}

// read reads a posted form. Parameters that come twice are refused: of two, none is right (RFC 6749 3.1).
func (v *visit) read() error {
	body, err := io.ReadAll(io.LimitReader(v.r.Body, MaxLoginBody+1))
	if err != nil {
		return oauthRefusal("invalid_request", "the body ended early")
	}
	kind, _, _ := strings.Cut(v.r.Header.Get("Content-Type"), ";")
	if len(body) > MaxLoginBody || !strings.EqualFold(strings.TrimSpace(kind), "application/x-www-form-urlencoded") {
		return oauthRefusal("invalid_request", "%d bytes of %.64q are no form", len(body), kind)
	}
	v.form, err = parameters(string(body))
	return err
}

// parameters reads a query or a form.
func parameters(text string) (url.Values, error) {
	q, err := url.ParseQuery(text)
	if err != nil {
		return nil, oauthRefusal("invalid_request", "the parameters do not parse")
	}
	for name, values := range q {
		if len(values) > 1 {
			return nil, oauthRefusal("invalid_request", "%.64q is given %d times", name, len(values))
		}
	}
	return q, nil
}

// documentFault is a refusal to a program.
func (v *visit) documentFault(err error) *reply {
	code, status, message := publicFault(err)
	if strings.HasSuffix(code, "Exception") { // of an operation
		code = map[int]string{http.StatusBadRequest: "invalid_request"}[status]
		if e := (*oauthError)(nil); !errors.As(err, &e) && code == "" {
			code = "server_error"
		}
	}
	body := map[string]string{"error": code}
	if message != "" {
		body["error_description"] = message
	}
	rep, _ := jsonReply(status, body)
	return rep
}

// jsonReply is an answer in JSON.
func jsonReply(status int, body any) (*reply, error) {
	b, err := json.Marshal(body)
	return &reply{status: status, kind: "application/json;charset=UTF-8", body: b}, err
}

// crossOrigin lets scripts of any page read the answer: what is asked needs a secret, a code or a token, never a cookie.
func crossOrigin(h func(*visit) (*reply, error)) func(*visit) (*reply, error) {
	return func(v *visit) (*reply, error) {
		header := v.w.Header()
		header.Set("Access-Control-Allow-Origin", "*")
		if v.r.Method == http.MethodOptions {
			header.Set("Access-Control-Allow-Methods", "GET, POST, OPTIONS")
			header.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, X-Amz-User-Agent")
			header.Set("Access-Control-Max-Age", "86400")
			return &reply{status: http.StatusNoContent}, nil
		}
		return h(v)
	}
}

// posted refuses what is not a POST.
func (v *visit) posted() error {
	if v.r.Method != http.MethodPost {
		return &oauthError{code: "invalid_request", status: http.StatusMethodNotAllowed, description: fmt.Sprintf("%s is not allowed here", v.r.Method)}
	}
	return nil
}

func (v *visit) send(rep *reply) {
	h := v.w.Header()
	if rep.to != "" {
		h.Set("Location", rep.to)
	}
	if rep.kind != "" {
		h.Set("Content-Type", rep.kind)
	}
	h.Set("Content-Length", fmt.Sprint(len(rep.body)))
	v.w.WriteHeader(rep.status)
	if v.r.Method != http.MethodHead {
		_, _ = v.w.Write(rep.body) // the visitor may be gone
	}
}
