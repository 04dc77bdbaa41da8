package identities

import (
	"errors"
	"fmt"

	"bothy/federation/saml"
	"bothy/wire"
)

// Assertions for identity pools are made for AWS as a service provider, by its metadata at signin.aws.amazon.com/static.
const (
	samlAudience  = "urn:amazon:webservices"
	samlRecipient = "https://signin.aws.amazon.com/saml"
)

// verifySAML checks a response of a SAML provider, which the pool has by the ARN of IAM's.
func (s *Service) verifySAML(c *wire.Call, provider, response string) (verified, error) {
	document, err := s.cfg.Providers.SAML(c, provider)
	switch {
	case err != nil:
		return verified{}, err
	case document == nil:
		return verified{}, wire.Because(unsupported(), "IAM has no provider %s", provider)
	}
	metadata, err := saml.ParseMetadata(document)
	if err != nil {
		return verified{}, wire.Because(unverifiable(), "metadata of %s: %v", provider, err)
	}
	a, err := saml.Response(response, saml.Expect{
		Provider: metadata, Audiences: []string{samlAudience}, AnyRequest: true, Now: c.Now,
		Recipients: []string{samlRecipient, "https://" + c.Region + ".signin.aws.amazon.com/saml"},
	})
	if err != nil {
		return verified{}, loginRefused(c, provider, nil, samlError(err))
	}
	v := verified{login: login{Provider: provider}, claims: map[string]any{samlClaims + "nameidentifier": a.NameID.Value}}
	for name, values := range a.Attributes {
		v.claims[name] = values
	}
	v.claims["sub"] = a.NameID.Value
	return v.of("sub", "SAML")
}

// samlError says in this package's words why a response is not taken.
func samlError(err error) error {
	switch {
	case errors.Is(err, saml.ErrExpired):
		return fmt.Errorf("%w: %w", ErrLoginExpired, err)
	case errors.Is(err, saml.ErrRefused), errors.Is(err, saml.ErrStatus):
		return fmt.Errorf("%w: %w", ErrLoginInvalid, err)
	}
	return err
}
