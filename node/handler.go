package node

import (
	"net/http"
	"regexp"
	"strings"

	"bothy/access"
	"bothy/functions"
	"bothy/gateway"
	"bothy/hub"
	"bothy/users"
	"bothy/wire"
	"bothy/wire/admit"
)

// handler chooses by host and path: what AWS has a model for goes to the mux, the rest is plain HTTP.
func (n *Node) handler() http.Handler {
	own := n.ownPaths()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodConnect {
			n.listener.connect(w, r)
			return
		}
		if strings.HasPrefix(r.URL.Path, "/_bothy/") {
			if h, pattern := own.Handler(r); pattern != "" {
				h.ServeHTTP(w, r)
				return
			}
		}
		if h := n.services.plain(r); h != nil {
			h.ServeHTTP(w, r)
			return
		}
		n.services.mux.ServeHTTP(w, r)
	})
}

// ownPaths are the node's own pages; the operator's API below the same prefix is a modelled one.
func (n *Node) ownPaths() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /_bothy/health", n.health)
	mux.HandleFunc("GET /_bothy/proxy.pac", n.proxyPAC)
	mux.Handle("GET "+access.IssuerPath, n.services.mux.Page(admit.Short, 0, busy, n.services.access.Issuers()))
	if n.cfg.Dev {
		mux.Handle("GET /_bothy/test/outbox", n.services.mux.Page(admit.Slow, 0, busy, onlyLoopback(n.services.testOutbox)))
		mux.Handle("POST /_bothy/test/reset", onlyLoopback(n.services.testReset))
	}
	return mux
}

// health answers when the stores do.
func (n *Node) health(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if err := n.healthy(r.Context()); err != nil {
		n.cfg.Log.Error("unhealthy", "error", err)
		w.WriteHeader(http.StatusServiceUnavailable)
		w.Write([]byte(`{"status":"unavailable"}` + "\n")) //nolint:errcheck // the client is gone
		return
	}
	w.Write([]byte(`{"status":"ok"}` + "\n")) //nolint:errcheck // the client is gone
}

// proxyPAC sends a browser's requests for AWS's hosts here, and nothing else.
func (n *Node) proxyPAC(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/x-ns-proxy-autoconfig")
	w.Write([]byte("function FindProxyForURL(url, host) {\n" + //nolint:errcheck // the client is gone
		"  return dnsDomainIs(host, \".amazonaws.com\") || dnsDomainIs(host, \".amazoncognito.com\") || dnsDomainIs(host, \".cloudfront.net\") ? \"PROXY " + n.local() + "\" : \"DIRECT\";\n}\n"))
}

// poolPath is what verifiers of a user pool's tokens read, and the links that confirm its users: no bucket has an underscore in its name.
var poolPath = regexp.MustCompile(`^/[\w-]+_[0-9a-zA-Z]+/(\.well-known/|confirmUser$)`)

// plain is the handler of a request that no AWS model describes, nil for all others. It takes on no more than there is room for.
func (s *services) plain(r *http.Request) http.Handler {
	host := wire.HostOf(r)
	switch {
	case strings.HasPrefix(r.URL.Path, functions.CodePath):
		return s.mux.Page(admit.Stream, 0, busy, http.HandlerFunc(s.functions.ServeCode))
	case strings.HasPrefix(r.URL.Path, users.UploadPath):
		return s.mux.Page(admit.Stream, 0, busy, http.HandlerFunc(s.users.ServeUpload))
	case strings.HasPrefix(r.URL.Path, hub.DownloadPath):
		return s.mux.Page(admit.Stream, 0, busy, s.hub.Downloads())
	case strings.HasPrefix(host, "cognito-identity.") && strings.HasPrefix(r.URL.Path, "/.well-known/"):
		return s.mux.Page(admit.Short, 0, busy, s.identities.JWKS())
	case s.users.ServesLogin(r):
		return s.mux.Page(admit.SignIn, users.MaxLoginBody, busy, s.users.Login())
	case gateway.Serves(r):
		return s.mux.Page(admit.Slow, gateway.MaxBody, gateway.Busy, s.gateway)
	case s.sites.Serves(r):
		return s.mux.Page(admit.Stream, 0, busy, s.sites)
	case poolPath.MatchString(r.URL.Path):
		return s.mux.Page(admit.Short, 0, busy, s.users.WellKnown())
	}
	return nil
}

// busy asks for another try: the node has no room for the request.
func busy(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Retry-After", "1")
	w.Header().Set("Cache-Control", "no-store")
	http.Error(w, "Please reduce your request rate.", http.StatusServiceUnavailable)
}
