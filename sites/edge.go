package sites

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"net/http"
	"strings"

	"bothy/api/cloudfront"
)

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
	v.noted(p, p.message)
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
