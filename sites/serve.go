package sites

import (
	"bytes"
	"errors"
	"fmt"
	"html"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"strings"

	"bothy/wire"
)

// ServeHTTP serves one request for a site, whole or as the error page that the site, or AWS, has for it.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	tr := wire.TraceOf(r, "sites", r.Method, s.cfg.Now())
	v := &visit{s: s, w: w, r: r, id: tr.RequestID}
	defer func() { v.keep(tr) }()
	w.Header().Set("x-amz-request-id", v.id)
	w.Header().Set("x-amz-id-2", v.id)
	t, err := s.route(r)
	switch {
	case err != nil:
		v.page(v.noted(internal(), err.Error()))
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
	s      *Service
	w      http.ResponseWriter
	r      *http.Request
	id     string
	first  problem // what was in the way of the file asked for
	reason string  // of it, for the operator
}

// keep records a refusal, so that its reason can be asked for by the request's id.
func (v *visit) keep(tr wire.Trace) {
	if v.s.cfg.Keep == nil || !v.first.is() {
		return
	}
	tr.Status, tr.Code, tr.Message, tr.Reason, tr.Duration = v.first.status, v.first.code, v.first.message, v.reason, v.s.cfg.Now().Sub(tr.Time)
	v.s.cfg.Keep(tr)
}

// noted remembers the first problem of the visit: what follows it are attempts to show something instead.
func (v *visit) noted(p problem, reason string) problem {
	if !v.first.is() {
		v.first, v.reason = p, reason
	}
	return p
}

// problem is why a file is not shown.
type problem struct {
	status        int
	code, message string
	name, value   string // one further element: Key, BucketName
}

func (p problem) is() bool { return p.status != 0 }

func internal() problem {
	return problem{500, "InternalError", "We encountered an internal error. Please try again.", "", ""}
}

func methodNotAllowed(method string) problem {
	return problem{405, "MethodNotAllowed", "The specified method is not allowed against this resource.", "Method", method}
}

// file is an object ready to be shown.
type file struct {
	io.ReadSeekCloser
	header http.Header
}

func (v *visit) open(bucket, key string) (*file, problem) {
	f, header, err := v.s.cfg.Objects.OpenPublic(v.r.Context(), bucket, key, wire.SourceIP(v.r))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, v.noted(problem{404, "NoSuchKey", "The specified key does not exist.", "Key", key}, err.Error())
	case errors.Is(err, fs.ErrPermission):
		return nil, v.noted(problem{403, "AccessDenied", "Access Denied", "", ""}, err.Error())
	case err != nil:
		return nil, v.noted(internal(), err.Error())
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
		v.page(v.noted(internal(), err.Error()))
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
	v.noted(p, p.message)
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
	v.first = problem{} // nothing was refused
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
