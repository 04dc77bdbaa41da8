package users

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// TestLibraries: go-oidc and x/oauth2 take the endpoints for what the discovery document says: code with a proof, refresh, userInfo,
// client credentials.
func TestLibraries(t *testing.T) {
	h := newHosted(t)
	h.member(h.client, "ann")
	ctx := oidc.ClientContext(context.Background(), &http.Client{Transport: h.transport()})
	provider, err := oidc.NewProvider(ctx, AmazonIssuer(h.pool))
	if err != nil {
		t.Fatal(err)
	}
	config := oauth2.Config{ClientID: h.client, RedirectURL: callback, Endpoint: provider.Endpoint(), Scopes: []string{"openid", "email"}}
	verifier := oauth2.GenerateVerifier()
	sent := h.surfer().open(config.AuthCodeURL("s1", oauth2.S256ChallengeOption(verifier), oidc.Nonce("n1"))).fill("username", "ann", "password", good).sent()
	if sent.Get("state") != "s1" {
		t.Fatalf("%v", sent)
	}
	token, err := config.Exchange(ctx, sent.Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		t.Fatal(err)
	}
	id, err := provider.Verifier(&oidc.Config{ClientID: h.client, Now: h.world.now}).Verify(ctx, token.Extra("id_token").(string))
	if err != nil || id.Nonce != "n1" || id.VerifyAccessToken(token.AccessToken) != nil {
		t.Fatalf("%+v %v", id, err)
	}
	who, err := provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil || who.Email != "ann@example.com" || who.Subject != id.Subject {
		t.Fatalf("%+v %v", who, err)
	}
	renewed, err := config.TokenSource(ctx, &oauth2.Token{RefreshToken: token.RefreshToken}).Token()
	if err != nil || renewed.AccessToken == token.AccessToken {
		t.Fatalf("%+v %v", renewed, err)
	}
	if _, err := config.Exchange(ctx, sent.Get("code"), oauth2.VerifierOption(verifier)); err == nil || !strings.Contains(err.Error(), "invalid_grant") {
		t.Fatalf("a code twice: %v", err)
	}

	machine, key := h.machine()
	for _, style := range []oauth2.AuthStyle{oauth2.AuthStyleInHeader, oauth2.AuthStyleInParams} {
		m := clientcredentials.Config{ClientID: machine, ClientSecret: key, TokenURL: provider.Endpoint().TokenURL, Scopes: []string{"https://api/read"}, AuthStyle: style}
		if token, err := m.Token(ctx); err != nil || claimsOf(t, token.AccessToken)["client_id"] != machine {
			t.Errorf("%v: %v", style, err)
		}
	}
}
