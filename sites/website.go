package sites

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
)

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
		return nil, v.noted(internal(), err.Error())
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
