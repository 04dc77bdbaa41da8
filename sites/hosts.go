package sites

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"net/netip"
	"strings"

	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

// target is what a request is for: a bucket's website, or a distribution.
type target struct {
	bucket       string
	distribution *distribution
}

// Serves tells whether the request is for a site, and so for ServeHTTP: its host is a website endpoint, a distribution's
// domain or alias, or NAME.DOMAIN where NAME is a distribution's first label or a bucket with a website configuration. In
// the last case a signed request, or one other than GET and HEAD, is for the bucket itself. A failing store counts as no.
func (s *Service) Serves(r *http.Request) bool {
	t, err := s.route(r)
	return err == nil && t != nil
}

// route finds the target of a request, nil when there is none.
func (s *Service) route(r *http.Request) (*target, error) {
	host := wire.HostOf(r)
	if b := s.endpoint(host); b != "" {
		return &target{bucket: b}, nil
	}
	domain := host
	name, own := s.ownName(host)
	if own && !strings.Contains(name, ".") {
		domain = name + ".cloudfront.net"
	}
	if !own && !foreign(host) {
		return nil, nil
	}
	if t, err := s.byDomain(r.Context(), domain); t != nil || err != nil {
		return t, err
	}
	if domain != host {
		if t, err := s.byDomain(r.Context(), host); t != nil || err != nil {
			return t, err
		}
	}
	if !own || !browsing(r) {
		return nil, nil
	}
	switch doc, err := s.cfg.Objects.Website(r.Context(), name); {
	case errors.Is(err, fs.ErrNotExist), err == nil && doc == nil:
		return nil, nil
	case err != nil:
		return nil, err
	}
	return &target{bucket: name}, nil
}

// foreign tells whether a host outside the node's domains may be a distribution's: not an address, a bare name or AWS's own,
// which is what nearly all requests to the APIs come to.
func foreign(host string) bool {
	if !strings.Contains(host, ".") || strings.HasSuffix(host, ".amazonaws.com") {
		return false
	}
	_, err := netip.ParseAddr(host)
	return err != nil
}

// endpoint is the bucket of a website endpoint: BUCKET.s3-website-REGION or BUCKET.s3-website.REGION, under AWS's domain or
// one of the node's; "" for every other host.
func (s *Service) endpoint(host string) string {
	for _, d := range append([]string{"amazonaws.com"}, s.cfg.Domains...) {
		rest, ok := strings.CutSuffix(host, "."+d)
		if !ok {
			continue
		}
		rest += "."
		for _, mark := range []string{".s3-website.", ".s3-website-"} {
			if i := strings.LastIndex(rest, mark); i > 0 && strings.Count(rest[i+len(mark):], ".") <= 1 {
				return rest[:i]
			}
		}
	}
	return ""
}

// ownName is what stands before one of the node's domains.
func (s *Service) ownName(host string) (string, bool) {
	for _, d := range s.cfg.Domains {
		if name, ok := strings.CutSuffix(host, "."+d); ok && name != "" {
			return name, true
		}
	}
	return "", false
}

// browsing tells a browser's request from one to the bucket itself, which is signed or says what it wants in x-amz headers.
func browsing(r *http.Request) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead || r.Header.Get("Authorization") != "" {
		return false
	}
	for name := range r.Header {
		if strings.HasPrefix(name, "X-Amz-") {
			return false
		}
	}
	q := r.URL.Query()
	for _, name := range []string{"X-Amz-Signature", "X-Amz-Credential", "Signature", "list-type", "x-id"} {
		if q.Has(name) {
			return false
		}
	}
	return true
}

func (s *Service) byDomain(ctx context.Context, host string) (*target, error) {
	var d *distribution
	err := s.cfg.DB.View(ctx, func(tx *kv.Tx) (err error) {
		d, err = distributions.Find(tx, s.scope(), "domain", host)
		return err
	})
	if errors.Is(err, record.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &target{distribution: d}, nil
}

// origin is a bucket as a distribution's origin.
type origin struct {
	bucket  string
	website bool // its website endpoint, with its own index and error documents
	ok      bool
}

// bucketOrigin reads an origin's domain name: BUCKET.s3.amazonaws.com, BUCKET.s3.REGION.…, BUCKET.s3-REGION.… or a website
// endpoint.
func bucketOrigin(domain string) origin {
	rest, ok := strings.CutSuffix(strings.ToLower(domain), ".amazonaws.com")
	if !ok {
		return origin{}
	}
	rest += "."
	for _, m := range []struct {
		mark    string
		website bool
	}{{".s3-website.", true}, {".s3-website-", true}, {".s3.", false}, {".s3-", false}} {
		if i := strings.LastIndex(rest, m.mark); i > 0 && strings.Count(rest[i+len(m.mark):], ".") <= 1 {
			return origin{rest[:i], m.website, true}
		}
	}
	return origin{}
}
