package sites

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"html"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strings"

	"bothy/api/cloudfront"
	"bothy/wire"
)

// ServeHTTP serves one request for a site, whole or as the error page that the site, or AWS, has for it.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v := &visit{s: s, w: w, r: r, id: wire.NewRequestID()}
	w.Header().Set("x-amz-request-id", v.id)
	w.Header().Set("x-amz-id-2", v.id)
	t, err := s.route(r)
	switch {
	case err != nil:
		v.page(problem{status: 500, code: "InternalError", message: "We encountered an internal error. Please try again."})
	case t == nil:
		v.page(problem{status: 404, code: "NoSuchBucket", message: "The specified bucket does not exist", name: "BucketName", value: wire.HostOf(r)})
	case t.distribution != nil:
		v.distribution(t.distribution)
	default:
		v.website(t.bucket)
	}
}

// visit is one request for a site.
type visit struct {
	s  *Service
	w  http.ResponseWriter
	r  *http.Request
	id string
}

// problem is why a file is not shown.
type problem struct {
	status        int
	code, message string
	name, value   string // one further element: Key, BucketName
}

func (p problem) is() bool { return p.status != 0 }

func methodNotAllowed(method string) problem {
	return problem{405, "MethodNotAllowed", "The specified method is not allowed against this resource.", "Method", method}
}

// file is an object ready to be shown.
type file struct {
	io.ReadSeekCloser
	header http.Header
}

func (v *visit) open(bucket, key string) (*file, problem) {
	ip, _, err := net.SplitHostPort(v.r.RemoteAddr)
	if err != nil {
		ip = "0.0.0.0"
	}
	f, header, err := v.s.cfg.Objects.OpenPublic(v.r.Context(), bucket, key, ip)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, problem{404, "NoSuchKey", "The specified key does not exist.", "Key", key}
	case errors.Is(err, fs.ErrPermission):
		return nil, problem{403, "AccessDenied", "Access Denied", "", ""}
	case err != nil:
		return nil, problem{500, "InternalError", "We encountered an internal error. Please try again.", "", ""}
	}
	return &file{f, header}, problem{}
}

// show serves a file, with ranges and conditions.
func (v *visit) show(f *file) {
	defer f.Close() //nolint:errcheck // only read
	v.headers(f)
	modified, _ := http.ParseTime(f.header.Get("Last-Modified"))
	http.ServeContent(v.w, v.r, "", modified, f)
}

func (v *visit) headers(f *file) {
	h := v.w.Header()
	for k, vs := range f.header {
		if k != "Last-Modified" || vs[0] != "" {
			h[k] = vs
		}
	}
	if h.Get("Content-Type") == "" {
		h.Set("Content-Type", "binary/octet-stream")
	}
}

// showAs serves a file whole, under another status than 200: an error document.
func (v *visit) showAs(f *file, status int) {
	defer f.Close() //nolint:errcheck // only read
	v.headers(f)
	if n, err := f.Seek(0, io.SeekEnd); err == nil {
		v.w.Header().Set("Content-Length", fmt.Sprint(n))
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		v.page(problem{status: 500, code: "InternalError", message: "We encountered an internal error. Please try again."})
		return
	}
	v.w.WriteHeader(status)
	if v.r.Method != http.MethodHead {
		io.Copy(v.w, f) //nolint:errcheck // the client is gone: nothing is left to tell it
	}
}

// page is S3's own error page.
func (v *visit) page(p problem) {
	var b bytes.Buffer
	title := fmt.Sprintf("%d %s", p.status, http.StatusText(p.status))
	fmt.Fprintf(&b, "<html>\n<head><title>%s</title></head>\n<body>\n<h1>%s</h1>\n<ul>\n<li>Code: %s</li>\n<li>Message: %s</li>\n", title, title, p.code, html.EscapeString(p.message))
	if p.name != "" {
		fmt.Fprintf(&b, "<li>%s: %s</li>\n", p.name, html.EscapeString(p.value))
	}
	fmt.Fprintf(&b, "<li>RequestId: %s</li>\n<li>HostId: %s</li>\n</ul>\n<hr/>\n</body>\n</html>\n", v.id, v.id)
	v.w.Header().Set("x-amz-error-code", p.code)
	v.w.Header().Set("x-amz-error-message", p.message)
	v.send(p.status, "text/html; charset=utf-8", b.Bytes())
}

func (v *visit) send(status int, kind string, body []byte) {
	v.w.Header().Set("Content-Type", kind)
	v.w.Header().Set("Content-Length", fmt.Sprint(len(body)))
	v.w.WriteHeader(status)
	if v.r.Method != http.MethodHead {
		v.w.Write(body) //nolint:errcheck // the client is gone: nothing is left to tell it
	}
}

// redirect sends the browser elsewhere. A path never becomes another host's.
func (v *visit) redirect(status int, to string) {
	if strings.HasPrefix(to, "//") || strings.HasPrefix(to, `/\`) {
		to = v.scheme() + "://" + v.r.Host + to
	}
	v.w.Header().Set("Location", to)
	v.w.Header().Set("Content-Length", "0")
	v.w.WriteHeader(status)
}

func (v *visit) scheme() string {
	if v.r.TLS != nil {
		return "https"
	}
	return "http"
}

// escaped is a key as the path of a URL.
func escaped(key string) string { return (&url.URL{Path: "/" + key}).EscapedPath() }

// configuration is the part of a bucket's website configuration that serving needs, as the S3 API names it.
type configuration struct {
	IndexDocument         *struct{ Suffix string }
	ErrorDocument         *struct{ Key string }
	RedirectAllRequestsTo *struct{ HostName, Protocol string }
	RoutingRules          []rule
}

type rule struct {
	Condition *struct{ HttpErrorCodeReturnedEquals, KeyPrefixEquals string }
	Redirect  struct{ HostName, HttpRedirectCode, Protocol, ReplaceKeyPrefixWith, ReplaceKeyWith string }
}

// website serves a bucket as its website endpoint does.
func (v *visit) website(bucket string) {
	if v.r.Method != http.MethodGet && v.r.Method != http.MethodHead {
		v.w.Header().Set("Allow", "GET, HEAD")
		v.page(methodNotAllowed(v.r.Method))
		return
	}
	c, p := v.configuration(bucket)
	if p.is() {
		v.page(p)
		return
	}
	v.serve(bucket, strings.TrimPrefix(v.r.URL.Path, "/"), c)
}

func (v *visit) configuration(bucket string) (*configuration, problem) {
	doc, err := v.s.cfg.Objects.Website(v.r.Context(), bucket)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, problem{404, "NoSuchBucket", "The specified bucket does not exist", "BucketName", bucket}
	case err == nil && doc == nil:
		return nil, problem{404, "NoSuchWebsiteConfiguration", "The specified bucket does not have a website configuration", "BucketName", bucket}
	}
	c := &configuration{}
	if err == nil {
		err = json.Unmarshal(doc, c)
	}
	if err != nil {
		return nil, problem{500, "InternalError", "We encountered an internal error. Please try again.", "", ""}
	}
	return c, problem{}
}

func (v *visit) serve(bucket, key string, c *configuration) {
	if to := c.RedirectAllRequestsTo; to != nil {
		v.redirect(http.StatusMovedPermanently, orElse(to.Protocol, v.scheme())+"://"+to.HostName+v.r.URL.RequestURI())
		return
	}
	if v.follow(c, key, 0) {
		return
	}
	suffix := "index.html"
	if c.IndexDocument != nil {
		suffix = c.IndexDocument.Suffix
	}
	name := key
	if key == "" || strings.HasSuffix(key, "/") {
		name += suffix
	}
	f, p := v.open(bucket, name)
	if !p.is() {
		if to := f.header.Get("X-Amz-Website-Redirect-Location"); to != "" {
			f.Close() //nolint:errcheck // only read
			v.redirect(http.StatusMovedPermanently, to)
			return
		}
		v.show(f)
		return
	}
	if name == key && p.status != 500 { // a folder without its slash
		if index, missing := v.open(bucket, key+"/"+suffix); !missing.is() {
			index.Close() //nolint:errcheck // only read
			v.redirect(http.StatusFound, escaped(key)+"/")
			return
		}
	}
	if !v.follow(c, key, p.status) {
		v.fail(bucket, c, p)
	}
}

// fail shows the site's error document under the problem's status, or S3's page.
func (v *visit) fail(bucket string, c *configuration, p problem) {
	if c.ErrorDocument == nil || p.status >= 500 {
		v.page(p)
		return
	}
	f, missing := v.open(bucket, c.ErrorDocument.Key)
	if missing.is() {
		v.page(p)
		return
	}
	v.w.Header().Set("x-amz-error-code", p.code)
	v.w.Header().Set("x-amz-error-message", p.message)
	v.showAs(f, p.status)
}

// follow applies the first routing rule that matches key and status (0 before the file was looked for).
func (v *visit) follow(c *configuration, key string, status int) bool {
	for _, r := range c.RoutingRules {
		prefix, code := "", ""
		if r.Condition != nil {
			prefix, code = r.Condition.KeyPrefixEquals, r.Condition.HttpErrorCodeReturnedEquals
		}
		if !strings.HasPrefix(key, prefix) || status == 0 && code != "" || status != 0 && code != fmt.Sprint(status) {
			continue
		}
		to := r.Redirect
		switch {
		case to.ReplaceKeyWith != "":
			key = to.ReplaceKeyWith
		case to.ReplaceKeyPrefixWith != "" || prefix != "" && to.HostName == "":
			key = to.ReplaceKeyPrefixWith + strings.TrimPrefix(key, prefix)
		}
		number := http.StatusMovedPermanently
		fmt.Sscanf(to.HttpRedirectCode, "%d", &number) //nolint:errcheck // without a number it stays
		if number < 300 || number > 399 {
			number = http.StatusMovedPermanently
		}
		v.redirect(number, orElse(to.Protocol, v.scheme())+"://"+orElse(to.HostName, v.r.Host)+escaped(key))
		return true
	}
	return false
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// distribution serves a request for a distribution's domain.
func (v *visit) distribution(d *distribution) {
	v.w.Header().Set("x-amz-cf-id", v.id)
	v.w.Header().Set("Via", "1.1 "+d.Domain+" (CloudFront)")
	v.w.Header().Set("X-Cache", "Miss from cloudfront")
	c := &d.Config
	b := behaviorFor(c, v.r.URL.Path)
	from, ok := originOf(c, b.origin)
	switch {
	case !ok || !c.Enabled.V:
		v.edge(problem{status: 403, code: "AccessDenied", message: "The distribution is not enabled."})
	case v.r.TLS == nil && b.protocol == "redirect-to-https":
		v.redirect(http.StatusMovedPermanently, "https://"+v.r.Host+v.r.URL.RequestURI())
	case v.r.TLS == nil && b.protocol == "https-only":
		v.edge(problem{status: 403, code: "AccessDenied", message: "This distribution is not configured to allow HTTP."})
	case v.r.Method != http.MethodGet && v.r.Method != http.MethodHead:
		v.edge(problem{status: 403, code: "AccessDenied", message: "This distribution is not configured to allow the HTTP request method that was used for this request."})
	default:
		v.fetch(c, from)
	}
}

// behaviorFor is the first behaviour whose pattern matches the path.
func behaviorFor(c *cloudfront.DistributionConfig, path string) behavior {
	all := behaviors(c)
	for _, b := range all[:len(all)-1] {
		if matchPath("/"+strings.TrimPrefix(b.pattern, "/"), path) || b.pattern[:1] == "*" && matchPath(b.pattern, path) {
			return b
		}
	}
	return all[len(all)-1]
}

// matchPath matches * and ? as CloudFront's path patterns have them.
func matchPath(pattern, path string) bool {
	p, s, star, mark := 0, 0, -1, 0
	for s < len(path) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, s
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == path[s]):
			p, s = p+1, s+1
		case star >= 0:
			mark++
			p, s = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// fetch serves from the origin. The root object stands for the root only; an origin that is a website has its own rules.
func (v *visit) fetch(c *cloudfront.DistributionConfig, from cloudfront.Origin) {
	at := bucketOrigin(from.DomainName.V)
	path := v.r.URL.Path
	if path == "/" || path == "" {
		path = "/" + c.DefaultRootObject.V
	}
	key := strings.TrimPrefix(from.OriginPath.V+path, "/")
	if at.website {
		site, p := v.configuration(at.bucket)
		if p.is() {
			v.page(p)
			return
		}
		v.serve(at.bucket, key, site)
		return
	}
	if key == "" { // the bucket's own listing, which is not a public object
		v.replace(c, from, at, problem{status: 403, code: "AccessDenied", message: "Access Denied"})
		return
	}
	f, p := v.open(at.bucket, key)
	if p.is() {
		v.replace(c, from, at, p)
		return
	}
	v.show(f)
}

// replace answers an origin's error with the distribution's own page for it, or passes it on.
func (v *visit) replace(c *cloudfront.DistributionConfig, from cloudfront.Origin, at origin, p problem) {
	if c.CustomErrorResponses == nil {
		v.edge(p)
		return
	}
	for _, r := range c.CustomErrorResponses.Items {
		if int(r.ErrorCode.V) != p.status || r.ResponsePagePath.V == "" {
			continue
		}
		f, missing := v.open(at.bucket, strings.TrimPrefix(from.OriginPath.V+r.ResponsePagePath.V, "/"))
		if missing.is() {
			break
		}
		status := p.status
		fmt.Sscanf(r.ResponseCode.V, "%d", &status) //nolint:errcheck // without a number it stays
		if status < 200 || status > 599 {
			status = p.status
		}
		v.showAs(f, status)
		return
	}
	v.edge(p)
}

// edge is an error in S3's XML, as a distribution passes it on.
func (v *visit) edge(p problem) {
	var b bytes.Buffer
	b.WriteString(xml.Header + "<Error><Code>" + p.code + "</Code><Message>")
	xml.EscapeText(&b, []byte(p.message)) //nolint:errcheck // a buffer never fails
	b.WriteString("</Message>")
	if p.name != "" {
		b.WriteString("<" + p.name + ">")
		xml.EscapeText(&b, []byte(p.value)) //nolint:errcheck // a buffer never fails
		b.WriteString("</" + p.name + ">")
	}
	b.WriteString("<RequestId>" + v.id + "</RequestId><HostId>" + v.id + "</HostId></Error>")
	v.w.Header().Set("X-Cache", "Error from cloudfront")
	v.send(p.status, "application/xml", b.Bytes())
}
