package oidc

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"golang.org/x/oauth2"
)

// Application is what a provider knows us as.
type Application struct {
	ID       string
	Secret   string // "" for a public client
	Redirect string // where the provider sends browsers back
	Scopes   []string
}

// Departure is what one sign-in sends along, and must remember until it is back.
type Departure struct {
	State    string // ties the answer to the browser: the caller checks it
	Nonce    string // ties the id token to the sign-in: Verify checks it; "" sends none
	Verifier string // of PKCE: ties the code to the sign-in: Exchange shows it; "" sends no challenge
	More     url.Values
}

// NewVerifier is a secret for a Departure: 32 random bytes, base64url.
func NewVerifier() string { return oauth2.GenerateVerifier() }

func (a Application) config(at about) *oauth2.Config {
	style := oauth2.AuthStyleInHeader
	if at.post {
		style = oauth2.AuthStyleInParams
	}
	return &oauth2.Config{ClientID: a.ID, ClientSecret: a.Secret, RedirectURL: a.Redirect, Scopes: a.Scopes,
		Endpoint: oauth2.Endpoint{AuthURL: at.Authorize, TokenURL: at.Token, AuthStyle: style}}
}

// AuthURL is where the browser is sent to sign in with the provider.
func (p *Provider) AuthURL(ctx context.Context, a Application, d Departure) (string, error) {
	at, err := p.describe(ctx)
	if err != nil {
		return "", err
	}
	var options []oauth2.AuthCodeOption
	for name := range d.More {
		options = append(options, oauth2.SetAuthURLParam(name, d.More.Get(name)))
	}
	if d.Nonce != "" {
		options = append(options, oauth2.SetAuthURLParam("nonce", d.Nonce))
	}
	if d.Verifier != "" {
		options = append(options, oauth2.S256ChallengeOption(d.Verifier))
	}
	return a.config(at).AuthCodeURL(d.State, options...), nil
}

// Tokens are what a code was exchanged for.
type Tokens struct {
	Access string
	ID     string // "" when the provider gives none
}

// Exchange gives the code that came with the browser back to the provider.
func (p *Provider) Exchange(ctx context.Context, a Application, code, verifier string) (Tokens, error) {
	at, err := p.describe(ctx)
	if err != nil {
		return Tokens{}, err
	}
	var options []oauth2.AuthCodeOption
	if verifier != "" {
		options = append(options, oauth2.VerifierOption(verifier))
	}
	ctx, cancel := context.WithTimeout(context.WithValue(ctx, oauth2.HTTPClient, p.net.client), patience)
	defer cancel()
	got, err := a.config(at).Exchange(ctx, code, options...)
	if refusal := (*oauth2.RetrieveError)(nil); errors.As(err, &refusal) {
		return Tokens{}, fmt.Errorf("oidc: %w: %s answered %s to the code: %q %q", ErrProvider, at.Token, refusal.Response.Status, refusal.ErrorCode, refusal.ErrorDescription)
	}
	if err != nil {
		return Tokens{}, fmt.Errorf("oidc: %w: %v", ErrProvider, err)
	}
	id, _ := got.Extra("id_token").(string)
	return Tokens{got.AccessToken, id}, nil
}

// UserInfo asks an endpoint about the user an access token is of, by GET or POST.
func (p *Provider) UserInfo(ctx context.Context, method, at, access string) (Claims, error) {
	if method != http.MethodPost {
		method = http.MethodGet
	}
	var c Claims
	return c, p.net.get(ctx, method, at, access, &c)
}

// Merge adds what the userinfo endpoint said to the claims of an id token, which stay as they are: they are signed. An answer
// about somebody else is refused (OpenID Connect Core 5.3.2).
func (c Claims) Merge(info Claims) error {
	if info.Text("sub") != c.Text("sub") {
		return refused("the userinfo endpoint spoke of %q, the id token of %q", info.Text("sub"), c.Text("sub"))
	}
	for name, v := range info {
		if _, signed := c[name]; !signed {
			c[name] = v
		}
	}
	return nil
}
