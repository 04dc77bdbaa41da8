package oidc

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
)

// Endpoints name a provider. With Issuer alone the rest is discovered; what is given is used as given, and where Authorize,
// Token and Keys all are, nothing is asked for. A provider without Keys and Issuer has no id tokens (plain OAuth 2.0).
type Endpoints struct {
	Issuer    string // the iss of its tokens
	Authorize string // where browsers are sent
	Token     string // where codes are exchanged
	UserInfo  string // what it tells about a user; may be ""
	Keys      string // its JWK set
}

// Registry gives out providers, and remembers what they publish. It is safe for concurrent use.
type Registry struct {
	net   *network
	mu    sync.Mutex
	known map[Endpoints]*Provider
}

// NewRegistry reaches providers by client. now is the clock tokens are judged by; nil: time.Now.
func NewRegistry(client *http.Client, now func() time.Time) *Registry {
	if now == nil {
		now = time.Now
	}
	return &Registry{net: newNetwork(client, now)}
}

// At is the provider with the endpoints. It asks nobody yet.
func (r *Registry) At(e Endpoints) *Provider {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p := r.known[e]; p != nil {
		return p
	}
	if r.known == nil || len(r.known) >= maxKnown {
		r.known = map[Endpoints]*Provider{}
	}
	p := &Provider{given: e, net: r.net}
	p.about = held[about]{fetch: p.discover, now: r.net.now}
	p.keys = held[[]jose.JSONWebKey]{fetch: p.fetchKeys, now: r.net.now}
	r.known[e] = p
	return p
}

// Provider is one provider. Its methods ask it when they must.
type Provider struct {
	given Endpoints
	net   *network
	about held[about]
	keys  held[[]jose.JSONWebKey]
}

// about is what a provider says of itself.
type about struct {
	Endpoints
	post bool // takes the client's secret in the body
}

// Endpoints are the provider's, discovered where they were not given.
func (p *Provider) Endpoints(ctx context.Context) (Endpoints, error) {
	a, err := p.describe(ctx)
	return a.Endpoints, err
}

func (p *Provider) describe(ctx context.Context) (about, error) {
	g := p.given
	if g.Issuer == "" || g.Authorize != "" && g.Token != "" && g.Keys != "" {
		return about{g, true}, nil
	}
	return p.about.get(ctx, func(about) bool { return true })
}

func (p *Provider) discover(ctx context.Context) (about, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	found, err := gooidc.NewProvider(gooidc.ClientContext(ctx, p.net.client), p.given.Issuer)
	if err != nil {
		return about{}, fmt.Errorf("oidc: discovery of %s: %w: %v", p.given.Issuer, ErrProvider, err)
	}
	var more struct {
		Keys    string   `json:"jwks_uri"`
		Methods []string `json:"token_endpoint_auth_methods_supported"`
	}
	if err := found.Claims(&more); err != nil {
		return about{}, fmt.Errorf("oidc: discovery of %s: %w: %v", p.given.Issuer, ErrProvider, err)
	}
	e := p.given
	e.Authorize = cmp.Or(e.Authorize, found.Endpoint().AuthURL)
	e.Token = cmp.Or(e.Token, found.Endpoint().TokenURL)
	e.UserInfo = cmp.Or(e.UserInfo, found.UserInfoEndpoint())
	e.Keys = cmp.Or(e.Keys, more.Keys)
	for _, u := range []string{e.Authorize, e.Token, e.Keys} {
		if err := CheckURL(u); err != nil {
			return about{}, fmt.Errorf("oidc: discovery of %s: %w: %v", p.given.Issuer, ErrProvider, err)
		}
	}
	basicOnly := len(more.Methods) > 0 && !slices.Contains(more.Methods, "client_secret_post") && slices.Contains(more.Methods, "client_secret_basic")
	return about{e, !basicOnly}, nil
}

// Document reads what stands at a URL, as published documents are read: in bounded time and size, from where nobody can change it
// on the way. Other protocols' metadata is read so too.
func (r *Registry) Document(ctx context.Context, at string) ([]byte, error) {
	return r.net.read(ctx, http.MethodGet, at, "", "*/*")
}
