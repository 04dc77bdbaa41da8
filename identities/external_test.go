package identities

import (
	"context"
	"net/http"
)

// fakeIAM has the identity providers it is given, by ARN.
type fakeIAM struct {
	oidc map[string]*OIDCProvider
	saml map[string][]byte
}

func (f *fakeIAM) OIDC(_ context.Context, arn string) (*OIDCProvider, error) { return f.oidc[arn], nil }
func (f *fakeIAM) SAML(_ context.Context, arn string) ([]byte, error)        { return f.saml[arn], nil }

// fakeNet answers for the machines of login providers, by host.
type fakeNet struct {
	hosts map[string]http.Handler
	asked []*http.Request
}

func (f *fakeNet) RoundTrip(r *http.Request) (*http.Response, error) { return nil, http.ErrServerClosed }
