package oidc

import (
	"bytes"
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
)

// Claims are what a provider says about a user. Numbers are json.Number.
type Claims map[string]any

// Text is a claim as text: strings, numbers and booleans as they are, null and absent as "", the rest as JSON.
func (c Claims) Text(name string) string {
	switch v := c[name].(type) {
	case nil:
		return ""
	case string:
		return v
	case json.Number:
		return v.String()
	default:
		b, _ := json.Marshal(v) // it came out of JSON
		return string(b)
	}
}

// Expect is what a token must say.
type Expect struct {
	Audiences   []string // one of them must be among the token's
	Nonce       string   // as sent along with the browser; "" takes any
	AccessToken string   // that came along; its hash is compared where the token has one
}

// Verify returns what an id token says, if the provider signed it for one of the audiences and it is valid now. Errors are
// ErrToken, ErrExpired (with the claims) or ErrProvider.
func (p *Provider) Verify(ctx context.Context, token string, want Expect) (Claims, error) {
	if len(token) > maxToken {
		return nil, refused("it has %d bytes", len(token))
	}
	parsed, err := jose.ParseSignedCompact(token, algorithms)
	if err != nil {
		return nil, refused("%v", err)
	}
	a, err := p.describe(ctx)
	if err != nil {
		return nil, err
	}
	if a.Issuer == "" || a.Keys == "" {
		return nil, refused("the provider has no issuer or no keys")
	}
	keys, err := p.candidates(ctx, parsed.Signatures[0].Header)
	if err != nil {
		return nil, err
	}
	got, err := p.verifier(a.Issuer, keys).Verify(ctx, token)
	if expired := (*gooidc.TokenExpiredError)(nil); errors.As(err, &expired) {
		claims, _ := claimsOf(parsed.UnsafePayloadWithoutVerification()) // expiry is judged after the signature
		return claims, fmt.Errorf("oidc: %w: %w: %v", ErrToken, ErrExpired, err)
	}
	if err != nil {
		return nil, refused("%v", err)
	}
	if err := p.meets(got, want); err != nil {
		return nil, err
	}
	claims, err := allOf(got)
	if err != nil {
		return nil, err
	}
	if err := checkParty(got.Audience, claims, want.Audiences); err != nil {
		return nil, err
	}
	return claims, nil
}

func (p *Provider) verifier(issuer string, keys candidates) *gooidc.IDTokenVerifier {
	config := &gooidc.Config{SkipClientIDCheck: true, Now: p.net.now} // audiences are several: meets checks them
	for _, alg := range algorithms {
		config.SupportedSigningAlgs = append(config.SupportedSigningAlgs, string(alg))
	}
	return gooidc.NewVerifier(issuer, keys, config)
}

func allOf(got *gooidc.IDToken) (Claims, error) {
	var body json.RawMessage
	if err := got.Claims(&body); err != nil {
		return nil, refused("%v", err)
	}
	claims, err := claimsOf(body)
	if err != nil {
		return nil, refused("%v", err)
	}
	return claims, nil
}

// meets holds a signed token to what is expected of it.
func (p *Provider) meets(got *gooidc.IDToken, want Expect) error {
	known := func(audience string) bool { return slices.Contains(want.Audiences, audience) }
	switch {
	case got.Subject == "" || len(got.Subject) > 255:
		return refused("its sub has %d characters", len(got.Subject))
	case !slices.ContainsFunc(got.Audience, known):
		return refused("it is for audience %q, not for %q", got.Audience, want.Audiences)
	case got.IssuedAt.After(p.net.now().Add(skew)):
		return refused("it is issued in the future, at %s", got.IssuedAt)
	case want.Nonce != "" && subtle.ConstantTimeCompare([]byte(got.Nonce), []byte(want.Nonce)) != 1:
		return refused("its nonce is not the one sent along")
	case want.AccessToken != "" && got.AccessTokenHash != "" && got.VerifyAccessToken(want.AccessToken) != nil:
		return refused("its at_hash is of another access token")
	}
	return nil
}

// checkParty refuses a token for several audiences unless it was given to one of ours: any other could pass it on.
func checkParty(audience []string, claims Claims, ours []string) error {
	if len(audience) > 1 && !slices.Contains(ours, claims.Text("azp")) {
		return refused("it is for several audiences and was given to %q", claims.Text("azp"))
	}
	return nil
}

func refused(format string, a ...any) error {
	return fmt.Errorf("oidc: %w: %s", ErrToken, fmt.Sprintf(format, a...))
}

func claimsOf(body []byte) (Claims, error) {
	var c Claims
	return c, unmarshal(body, &c)
}

// unmarshal keeps numbers as they are written: user ids are longer than a float64 is exact.
func unmarshal(body []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("something follows the JSON value")
	}
	return nil
}
