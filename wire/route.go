package wire

import (
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// request is what routing and decoding know of an HTTP request.
type request struct {
	http   *http.Request
	api    *API
	info   *OpInfo
	labels map[string]string
	query  url.Values
	form   url.Values // query protocol
	region string     // as the client named it, "" when it did not
	bucket string     // virtual-host style
	raw    []byte
	max    int64 // bytes of body
	read   bool
}

// route finds API and operation without reading the body, except for the form of an unsigned query call: host, then
// target header, then credential scope, then path. A known API with an unknown operation has info nil.
func (m *Mux) route(hr *http.Request) *request {
	r := &request{http: hr}
	r.query = parseQuery(hr.URL.RawQuery)
	scopeRegion, scopeService := scopeOf(hr, r.query)
	m.routeHost(r)
	if r.region == "" {
		r.region = scopeRegion
	}
	target := strings.Join(hr.Header["X-Amz-Target"], ",") // of two, none is right
	switch prefix, op, _ := strings.Cut(target, "."); {
	case smithyProtocol(hr) != "":
		return r
	case target != "":
		r.api = m.byTarget(prefix)
		if r.api != nil && hr.Method == http.MethodPost {
			r.info = m.routers[r.api].byName[op]
		}
		return r
	case r.api == nil && scopeService != "":
		r.api = m.bySigningName(scopeService)
		if r.api == nil {
			return r
		}
	}
	if r.maybeQuery() {
		return r // the action is in the form; queryForm finds it
	}
	if r.api == nil {
		r.api = m.byPath(hr.URL.Path)
	}
	if r.api != nil && strings.HasPrefix(r.api.Protocol, "rest") {
		r.info, r.labels = m.routers[r.api].find(hr.Method, r.path(), r.query, hr.Header, m.Mounted)
	}
	return r
}

// maybeQuery tells whether r may be a call of the query protocol. What is for a service of another protocol is none, whatever
// content type it has: some programs send every POST as a form.
func (r *request) maybeQuery() bool {
	if r.api != nil && r.api.Protocol != "query" {
		return false
	}
	return isForm(r.http) || r.http.URL.Path == "/" && r.query.Has("Action")
}

// path is the escaped path the operation is matched on: virtual-host style gets its bucket back.
func (r *request) path() string {
	p := r.http.URL.EscapedPath()
	if r.bucket != "" {
		return "/" + url.PathEscape(r.bucket) + p
	}
	return p
}

// parseQuery keeps what url.ParseQuery refuses: S3 keys may be signed with a bare semicolon.
func parseQuery(raw string) url.Values {
	q, err := url.ParseQuery(raw)
	if err != nil && q == nil {
		q = url.Values{}
	}
	return q
}

func isForm(r *http.Request) bool {
	return r.Method == http.MethodPost && (r.URL.Path == "/" || r.URL.Path == "") && strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded")
}

// scopeOf reads region and service of the credential scope, which is not yet verified: it only chooses the service.
func scopeOf(r *http.Request, q url.Values) (region, service string) {
	cred := q.Get("X-Amz-Credential")
	if _, after, ok := strings.Cut(r.Header.Get("Authorization"), "Credential="); ok {
		cred, _, _ = strings.Cut(after, ",")
	}
	parts := strings.Split(strings.TrimSpace(cred), "/")
	if n := len(parts); n >= 5 {
		return parts[n-3], parts[n-2]
	}
	if q.Has("AWSAccessKeyId") && q.Has("Signature") || strings.HasPrefix(r.Header.Get("Authorization"), "AWS ") {
		return "", "s3"
	}
	return "", ""
}

// HostOf is the request's host in lower case, without port.
func HostOf(r *http.Request) string {
	host := strings.ToLower(strings.TrimSuffix(r.Host, "."))
	if h, _, err := net.SplitHostPort(host); err == nil {
		return h
	}
	return host
}

// SourceIP is the address the request came from.
func SourceIP(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return "0.0.0.0"
	}
	return host
}

// routeHost recognises service hosts: dynamodb.us-east-1.amazonaws.com, bucket.s3.eu-west-1.amazonaws.com, and the same
// under the node's own domains.
func (m *Mux) routeHost(r *request) {
	labels, ok := m.serviceLabels(HostOf(r.http))
	if !ok || len(labels) == 0 {
		return
	}
	if region, ok := tablesHost(labels); ok {
		r.api, r.region = m.byEndpoint("dynamodb"), region
		return
	}
	for i := len(labels) - 1; i >= 0; i-- { // the rightmost service label: a bucket may be called "s3"
		name := labels[i]
		if name == "s3" || strings.HasPrefix(name, "s3-") {
			r.api, r.bucket = m.byEndpoint("s3"), strings.Join(labels[:i], ".")
			r.region = strings.TrimPrefix(strings.TrimPrefix(name, "s3"), "-")
			if i+1 < len(labels) {
				r.region = labels[len(labels)-1]
			}
			return
		}
		if i == 1 && labels[0] == "streams" {
			name = "streams." + name
		}
		if a := m.byEndpoint(name); a != nil && (i == 0 || strings.HasPrefix(name, "streams.")) {
			r.api = a
			if i+1 < len(labels) {
				r.region = labels[i+1]
			}
			return
		}
	}
	if m.ownDomain(HostOf(r.http)) { // bucket.localhost: SDKs with an endpoint URL put the bucket in front
		r.api, r.bucket = m.byEndpoint("s3"), strings.Join(labels, ".")
	}
}

// tablesHost recognises the other hosts that SDKs reach DynamoDB at: those of an account, and those for searches.
// 111122223333.ddb.us-east-1, 111122223333.search-ddb.us-east-1, search-dynamodb.us-east-1.
func tablesHost(labels []string) (region string, ok bool) {
	switch {
	case len(labels) == 2 && labels[0] == "search-dynamodb":
	case len(labels) == 3 && (labels[1] == "ddb" || labels[1] == "search-ddb") && accountLike.MatchString(labels[0]):
	default:
		return "", false
	}
	return labels[len(labels)-1], true
}

var accountLike = regexp.MustCompile(`^[0-9]{12}$`)

// serviceLabels are the labels left of the domain: [bucket s3 us-east-1].
func (m *Mux) serviceLabels(host string) ([]string, bool) {
	for _, d := range m.domains {
		if rest, ok := strings.CutSuffix(host, "."+d); ok {
			return strings.Split(rest, "."), true
		}
	}
	return nil, false
}

func (m *Mux) ownDomain(host string) bool {
	for _, d := range m.cfg.Domains {
		if strings.HasSuffix(host, "."+d) {
			return true
		}
	}
	return false
}

func (m *Mux) byEndpoint(prefix string) *API {
	return m.api(func(a *API) bool { return a.EndpointPrefix == prefix })
}
func (m *Mux) byTarget(prefix string) *API {
	return m.api(func(a *API) bool { return a.TargetPrefix == prefix && prefix != "" })
}

func (m *Mux) bySigningName(name string) *API {
	return m.api(func(a *API) bool { return a.SigningName == name })
}

func (m *Mux) api(is func(*API) bool) *API {
	for _, a := range m.apis {
		if is(a) {
			return a
		}
	}
	return nil
}

// byPath is for unsigned REST: a path that only one API has, else S3.
func (m *Mux) byPath(path string) *API {
	if strings.HasPrefix(path, "/2015-03-31/functions") {
		return m.byEndpoint("lambda")
	}
	if strings.HasPrefix(path, "/_bothy/") {
		return m.byEndpoint("bothy")
	}
	return m.byEndpoint("s3")
}

// routeAction finds the operation of a query call by the form's Action and Version.
func (m *Mux) routeAction(r *request, form url.Values) {
	action, version := form.Get("Action"), form.Get("Version")
	for _, a := range m.apis {
		if a.Protocol != "query" || r.api != nil && r.api != a || version != "" && a.Version != version {
			continue
		}
		if o := m.routers[a].byName[action]; o != nil {
			r.api, r.info = a, o
			return
		}
	}
}
