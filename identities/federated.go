package identities

import (
	"errors"
	"fmt"

	"bothy/federation/oidc"
	"bothy/wire"
)

// verifyOIDC checks an id token of a provider that the pool has by the ARN of IAM's. One that the pool names itself as well
// (accounts.google.com) is taken for that app, too.
func (s *Service) verifyOIDC(c *wire.Call, p *pool, provider, token string) (verified, error) {
	v := verified{login: login{Provider: provider}, arn: p.oidcARN(provider)}
	known, err := s.cfg.Providers.OIDC(c, v.arn)
	switch {
	case err != nil:
		return verified{}, err
	case known == nil:
		return verified{}, wire.Because(unsupported(), "IAM has no provider %s", v.arn)
	}
	audiences := known.ClientIDs
	if app := p.Providers[provider]; app != "" {
		audiences = append(audiences[:len(audiences):len(audiences)], app)
	}
	return s.verifyIssued(c, v, known.URL, audiences, token)
}

// verifyIssued checks an id token by the keys that its issuer publishes.
func (s *Service) verifyIssued(c *wire.Call, v verified, issuer string, audiences []string, token string) (verified, error) {
	leave, err := s.queue.enter(v.Provider)
	if err != nil {
		return verified{}, loginRefused(c, v.Provider, nil, err)
	}
	defer leave()
	claims, err := s.issuers.At(oidc.Endpoints{Issuer: issuer}).Verify(c, token, oidc.Expect{Audiences: audiences})
	if err != nil {
		return verified{}, loginRefused(c, v.Provider, claims, federationError(err))
	}
	v.claims = claims
	for _, audience := range claimStrings(claims["aud"]) {
		for _, ours := range audiences {
			if audience == ours && v.client == "" {
				v.client = ours
			}
		}
	}
	return v.of("sub", v.client)
}

// federationError says in this package's words why a token is not taken.
func federationError(err error) error {
	switch {
	case errors.Is(err, oidc.ErrExpired):
		return fmt.Errorf("%w: %w", ErrLoginExpired, err)
	case errors.Is(err, oidc.ErrToken):
		return fmt.Errorf("%w: %w", ErrLoginInvalid, err)
	case errors.Is(err, oidc.ErrProvider):
		return fmt.Errorf("%w: %w", errProvider, err)
	}
	return err
}
