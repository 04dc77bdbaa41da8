package access

import (
	"context"
	"crypto/sha1"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

	"bothy/federation/oidc"
)

// providerNet reaches OpenID Connect providers. Those with the same thumbprints share connections and what was read of them.
type providerNet struct {
	mu         sync.Mutex
	registries map[string]*oidc.Registry // by thumbprints; guarded by mu
}

// maxRegistries bounds the memory; beyond, all is read anew.
const maxRegistries = 64

// registry is for providers that may show certificates with the thumbprints.
func (s *Service) registry(thumbprints []string) *oidc.Registry {
	n, key := &s.providers, strings.Join(thumbprints, ",")
	n.mu.Lock()
	defer n.mu.Unlock()
	if r := n.registries[key]; r != nil {
		return r
	}
	if n.registries == nil || len(n.registries) >= maxRegistries {
		n.registries = map[string]*oidc.Registry{}
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = thumbTLS(s.cfg.Roots, thumbprints)
	r := oidc.NewRegistry(&http.Client{Transport: transport}, s.cfg.Now)
	n.registries[key] = r
	return r
}

// thumbTLS trusts a server whose certificate the roots vouch for, or one that it shows itself and that has one of the thumbprints.
func thumbTLS(roots *x509.CertPool, thumbprints []string) *tls.Config {
	if len(thumbprints) == 0 {
		return &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	}
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: true, // VerifyConnection does it
		VerifyConnection: func(c tls.ConnectionState) error {
			shown := c.PeerCertificates
			if c.ServerName == "" {
				return errors.New("a provider with thumbprints is named by a host, not by an address")
			}
			opts := x509.VerifyOptions{Roots: roots, DNSName: c.ServerName, Intermediates: x509.NewCertPool()}
			for _, cert := range shown[1:] {
				opts.Intermediates.AddCert(cert)
			}
			_, err := shown[0].Verify(opts)
			if err == nil {
				return nil
			}
			named := x509.NewCertPool()
			for _, cert := range shown {
				if sum := sha1.Sum(cert.Raw); slices.Contains(thumbprints, hex.EncodeToString(sum[:])) {
					named.AddCert(cert)
				}
			}
			opts.Roots = named
			if _, again := shown[0].Verify(opts); again != nil {
				return fmt.Errorf("%w, and no certificate shown has a thumbprint of the provider", err)
			}
			return nil
		},
	}
}

// errProvider says that a provider could not be asked for its keys.
var errProvider = errors.New("access: identity provider unreachable")

// verifyOIDC checks a token of a registered provider: signature, issuer, time, audience.
func (s *Service) verifyOIDC(ctx context.Context, row *oidcRow, token string) (map[string]any, error) {
	claims, err := s.registry(row.Thumbprints).At(oidc.Endpoints{Issuer: row.URL}).Verify(ctx, token, oidc.Expect{Audiences: row.ClientIDs})
	switch {
	case errors.Is(err, oidc.ErrExpired):
		return nil, fmt.Errorf("%w: %w", ErrTokenExpired, err)
	case errors.Is(err, oidc.ErrToken):
		return nil, fmt.Errorf("%w: %w", ErrTokenInvalid, err)
	case errors.Is(err, oidc.ErrProvider):
		return nil, fmt.Errorf("%w: %w", errProvider, err)
	}
	return claims, err
}

// claimedIssuer is whom a token says it is from, before anything of it is believed; "" when it says nothing.
func claimedIssuer(token string) string {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return ""
	}
	body, err := base64.RawURLEncoding.DecodeString(parts[1])
	var claims struct {
		Issuer string `json:"iss"`
	}
	if err != nil || json.Unmarshal(body, &claims) != nil {
		return ""
	}
	return claims.Issuer
}
