package users

import (
	"context"
	"net/http"
	"net/netip"
	"strings"

	"bothy/kv"
	"bothy/wire"
)

// Where AWS has the prefixes: PREFIX.auth.REGION.amazoncognito.com. Under the node's own domains the region may be left out.
const (
	prefixMark   = ".auth"
	prefixDomain = "amazoncognito.com"
)

// ServesLogin tells whether a request is for a pool's sign-in domain, and so for Login. A failing store counts as no.
func (s *Service) ServesLogin(r *http.Request) bool {
	host := wire.HostOf(r)
	if strings.HasSuffix(host, "."+prefixDomain) {
		return true
	}
	d, err := s.domainAt(r.Context(), host)
	return err == nil && d != nil
}

// domainAt finds the domain that a host stands for, nil when there is none.
func (s *Service) domainAt(ctx context.Context, host string) (d *domain, err error) {
	name, region := s.prefixOf(host)
	if name == "" {
		if name = host; !foreign(host) {
			return nil, nil
		}
	}
	err = s.view(ctx, func(tx *kv.Tx) error {
		d, err = domains.Get(tx, everywhere(s.cfg.Account()), name)
		return ignoreAbsent(err)
	})
	if d != nil && (region != "" && region != regionOf(d.Pool) || d.own() != (name == host)) {
		return nil, nil
	}
	return d, err
}

// prefixOf takes a host apart into prefix and region; "" where it is not of a prefix's form. region may be "".
func (s *Service) prefixOf(host string) (prefix, region string) {
	for _, d := range append([]string{prefixDomain}, s.cfg.Domains...) {
		rest, ok := strings.CutSuffix(host, "."+d)
		if !ok {
			continue
		}
		prefix, region, ok = strings.Cut(rest, prefixMark+".")
		if !ok && d != prefixDomain {
			prefix, ok = strings.CutSuffix(rest, prefixMark)
		}
		if ok && prefix != "" && !strings.Contains(prefix+region, ".") {
			return prefix, region
		}
	}
	return "", ""
}

// foreign tells whether a host may be a custom domain: not an address, a bare name or AWS's own, which is what nearly all
// requests to the APIs come to.
func foreign(host string) bool {
	if !strings.Contains(host, ".") || strings.HasSuffix(host, ".amazonaws.com") || strings.HasSuffix(host, ".localhost") {
		return false
	}
	_, err := netip.ParseAddr(host)
	return err != nil
}

// baseURL is where whoever sent r reaches the domain: by its public name, or, for one who came by a name or address of this
// machine, by the node's own.
func (s *Service) baseURL(r *http.Request, d *domain) string {
	scheme := "http://"
	if r.TLS != nil {
		scheme = "https://"
	}
	host := wire.HostOf(r)
	_, err := netip.ParseAddr(host)
	switch near := err == nil || !strings.Contains(host, ".") || strings.HasSuffix(host, ".localhost"); {
	case d.own():
		return "https://" + d.Name
	case near && len(s.cfg.Domains) > 0:
		return scheme + d.Name + prefixMark + "." + s.cfg.Domains[0] + r.Host[len(hostPart(r.Host)):]
	}
	return "https://" + d.publicHost()
}

// hostPart is a Host header without its port.
func hostPart(host string) string {
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		return host[:i]
	}
	return host
}

// publicHost is the domain's name in AWS's form.
func (d *domain) publicHost() string {
	if d.own() {
		return d.Name
	}
	return d.Name + prefixMark + "." + regionOf(d.Pool) + "." + prefixDomain
}
